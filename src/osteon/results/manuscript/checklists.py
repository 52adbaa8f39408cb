"""Reporting guidelines to submit: item by item, where it is answered and how, or that the authors have to.

Item numbers are the guidelines' own (CLAIM 2024 update, TRIPOD+AI 2024, CLEAR 2023, METRICS 2024); what is asked is
said in osteon's words. Answers are the manuscript's own sentences, so that they come from the run's tables.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from osteon.core.tables import written
from osteon.results.manuscript.document import Bullets, Caption, Document, Figure, Heading, Paragraph, Table
from osteon.results.manuscript.metrics import Conditions, category, score
from osteon.results.report.authors import field_title, said_by_authors
from osteon.results.report.folder import Finished
from osteon.study import Network, Radiomics

#: The guidelines' names and sources.
SOURCES = {
    "CLAIM": "CLAIM, 2024 update (Tejani et al., doi 10.1148/ryai.240300)",
    "TRIPOD+AI": "TRIPOD+AI (Collins et al. 2024, doi 10.1136/bmj-2023-078378)",
    "CLEAR": "CLEAR (Kocak et al. 2023, doi 10.1186/s13244-023-01415-8)",
    "METRICS": "METRICS (Kocak et al. 2024, doi 10.1186/s13244-023-01572-w)",
}
AUTHORS = "authors"
_HEADS = ("Item", "What is asked", "Where", "Answer")
_LONGEST = 300  # characters of an answer, to the end of a sentence


@dataclass(frozen=True)
class Item:
    """An item of a guideline, answered.

    Attributes:
        number: The guideline's own.
        asked: In osteon's words.
        where: Section of the manuscript; ``authors`` where only they can tell.
        answer: In the manuscript's words; "" where the authors have to.
    """

    number: str
    asked: str
    where: str
    answer: str


def checklists(run: Finished, document: Document) -> dict[str, tuple[Item, ...]]:
    """Every guideline that a run falls under, its items answered.

    Args:
        run: The run; CLEAR and METRICS are for studies with radiomics.
        document: Its manuscript.
    """
    parts = {**_parts(document), **_facts(run), **_sentences(document)}
    radiomics = any(isinstance(model, Radiomics) for model in run.study.models)
    found: dict[str, list[Item]] = {}
    with resources.files(__package__).joinpath("guidelines.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if radiomics or row["guideline"] not in ("CLEAR", "METRICS"):
                names = (row["answer"], row["answer"].partition(" (")[0])  # a sentence, or the part it would be in
                where = next((name for name in names if parts.get(name)), AUTHORS)
                answer = parts.get(where, "")
                if where.startswith("report: "):
                    where = f"Methods or statements: {field_title(where.removeprefix('report: '))}"
                found.setdefault(row["guideline"], []).append(Item(row["item"], row["asked"], where, answer))
    return {name: tuple(items) for name, items in found.items()}


def _parts(document: Document) -> dict[str, str]:
    """What each part of the manuscript says, shortened to whole sentences."""
    told: dict[str, list[str]] = {}
    section = part = ""
    for block in document.blocks:
        match block:
            case Heading(text=text, level=1):
                section = part = text
            case Heading(text=text):
                part = f"{section}: {text}"
            case Paragraph(text=text):
                told.setdefault(part, []).append(text)
            case Bullets(items=items):
                told.setdefault(part, []).extend(items)
            case Table(caption=caption) | Figure(caption=caption):
                told.setdefault(part, []).append(f"{caption.label}.")
    return {name: _shortened(" ".join(texts)) for name, texts in told.items()}


def _sentences(document: Document) -> dict[str, str]:
    """What single sentences of the methods say: the question, and what became of missing values."""
    told = [text for block in document.blocks if isinstance(block, Paragraph) for text in block.text.split(". ")]
    told += [
        text
        for block in document.blocks
        if isinstance(block, Bullets)
        for item in block.items
        for text in item.split("; ")
    ]
    asked = next((text for text in told if "prespecified" in text), "")
    missing = next((text for text in told if text.startswith("missing values")), "")
    return {"Methods: Statistics (first comparison)": asked, "Methods: Models (missing values)": missing}


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    head = text[:_LONGEST]
    return head[: head.rindex(". ") + 1] if ". " in head else f"{head[: head.rindex(' ')]} …"


def _facts(run: Finished) -> dict[str, str]:
    """What no part says as such: the authors' own words, software, and what METRICS asks of the study."""
    told = said_by_authors(run, methods=True) | said_by_authors(run, methods=False)
    facts = {f"report: {name}": text for name, text in told.items()}
    versions = run.provenance.get("versions", {})
    facts["Methods: Software"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    if run.outside:
        facts["Results: Several centres"] = f"Development and {len(run.outside)} further: {', '.join(run.outside)}."
        row = run.value(run.study.primary[0], run.headline, "auc")
        if row is not None and row["value"] == row["value"]:
            facts["Results: External test"] = f"{row['n']:,} cases of centres that no model has seen."
    models = [model for model in run.study.models if model.name in run.models]
    if any(model.kind in ("clinical", "box") for model in models):
        facts["Methods: Baselines"] = "Clinical data or the box alone, in the same folds and the same comparisons."
    radiomics = [model for model in models if isinstance(model, Radiomics)]
    if radiomics:
        facts["Methods: Models (radiomics)"] = ". ".join(model.in_words(run) for model in radiomics) + "."
    if radiomics and all(model.icc > 0 for model in radiomics):
        facts["Methods: Unreliable features"] = "Features below the reliability asked for are left out."
    if radiomics and all(model.correlation < 1 for model in radiomics):
        facts["Methods: Redundant features"] = "Of two correlated features one is left out, inside the folds."
    return facts


def metrics_sentence(run: Finished, items: tuple[Item, ...]) -> str:
    """The METRICS score: items that the run shows or the authors claim; all others count as not fulfilled."""
    models = [model for model in run.study.models if model.name in run.models]
    conditions = Conditions(
        handcrafted=any(isinstance(model, Radiomics) for model in models),
        tabular=any(model.kind in ("radiomics", "clinical", "combined") for model in models),
        end_to_end=any(isinstance(model, Network) and model.recipe != "frozen" for model in models),
    )
    claimed = set(run.study.report.metrics) if run.study.report is not None else set()
    # A truth of high quality is a judgement: that something is said of it does not make it one.
    shown = {int(item.number) for item in items if item.answer and item.number != "3"}
    percent = score(shown | claimed, conditions)
    idle, met = (", ".join(map(str, sorted(numbers))) or "none" for numbers in (conditions.idle, shown | claimed))
    return (
        f"METRICS score: {percent:.1f}% ({category(percent)}). Fulfilled: {met}; not applicable: {idle}. A "
        "self-assessment: what neither the run shows nor the authors claim counts as not fulfilled."
    )


def write(run: Finished, document: Document, folder: Path) -> Path:
    """Write a CSV file for each guideline, and one Word document of all.

    Args:
        run: The run.
        document: Its manuscript.
        folder: Where to.
    """
    from osteon.results.manuscript.word import word

    found = checklists(run, document)
    for name, items in found.items():
        with (
            written(folder / f"{name.lower().replace('+', '-')}.csv") as beside,
            beside.open("w", newline="", encoding="utf-8") as lines,
        ):
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerows([_HEADS, *((one.number, one.asked, one.where, one.answer) for one in items)])
    path = folder / "checklists.docx"
    shown = Document(f"Reporting guidelines: {document.title}", document.notice, tuple(_blocks(run, found)))
    with written(path) as beside:
        beside.write_bytes(word(shown, {}))
    return path


def _blocks(run: Finished, found: dict[str, tuple[Item, ...]]) -> Iterator[Heading | Paragraph | Table]:
    for number, (name, items) in enumerate(found.items(), start=1):
        yield Heading(SOURCES[name])
        if name == "METRICS":
            yield Paragraph(metrics_sentence(run, items))
        rows = tuple((one.number, one.asked, one.where, one.answer) for one in items)
        notes = "Items by the guideline's own numbers, in other words than its own."
        yield Table(Caption(f"Table {number}", f"{name}.", notes), _HEADS, rows, 4)
