"""The manuscript: its numbers are the tables' own, and Word, LaTeX and Markdown say the same."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from itertools import combinations
from pathlib import Path

import docx
import pandas as pd
import pytest
from PIL import Image

from osteon.core.errors import InputError
from osteon.core.words import in_sentence, number
from osteon.results import manuscript
from osteon.results.figures.style import looks
from osteon.results.manuscript import latex, markdown, word
from osteon.results.manuscript.document import (
    Bullets,
    Caption,
    Document,
    Drawn,
    Figure,
    Heading,
    Paragraph,
    Table,
    width,
)
from osteon.results.report.folder import Finished

#: A cell of the run's tables: table, row, column.
Cell = tuple[str, int, str]
#: Columns of numbers that prose takes from each table.
SPOKEN = {
    "metrics": ("value", "low", "high"),
    "comparisons": ("difference", "low", "high", "p", "p_holm"),
    "operating_points": ("threshold", "value", "low", "high"),
    "heterogeneity": ("value", "low", "high", "i2"),
    "decision": ("net_benefit",),
    "robustness": ("value", "low", "high"),
    "robustness_comparisons": ("difference", "low", "high", "p"),
    "explanation": ("value", "low", "high"),
}
NUMBER = re.compile(r"[−+]?\d[\d,]*(?:\.\d+)?%?")


@pytest.fixture(scope="module")
def marked(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, dict[str, Cell]]:
    """The run with a number of its own in every cell that prose takes, and what each is printed as."""
    run = tmp_path_factory.mktemp("marked") / "run"
    shutil.copytree(finished, run, ignore=shutil.ignore_patterns("models", ".cache", "cams", "*.parquet", "cards"))
    changed_boxes_and_maps(run)
    (run / "flow.json").write_text(json.dumps({**Finished(run).flow, "synthetic": True}), encoding="utf-8")
    said: dict[str, Cell] = {}
    value = 3.0
    for name, columns in SPOKEN.items():
        path = run / f"{name}.csv"
        if not path.is_file():
            continue
        table = pd.read_csv(path)
        for column in columns:
            for row in table.index[table[column].notna()]:
                value = round(value + 0.01, 2)
                counts = column == "value" and name == "operating_points" and len(str(table.loc[row, "metric"])) == 2
                told = 10_000 + round(100 * value) if counts else value
                table.loc[row, column] = told
                printed = [number(told, digits) for digits in (2, 3)] + [f"{told:.1%}", f"{told:.0%}"]
                said |= dict.fromkeys([str(told)] if counts else printed, (name, row, column))
                said |= {f"+{text}": (name, row, column) for text in printed}
        table.to_csv(run / path.name, index=False)
    return Finished(run), said


def changed_boxes_and_maps(run: Path) -> None:
    """The tables that the small study does without, as long as prose needs them; their numbers are told apart later."""
    models, stratum = list(Finished(run).study.primary), Finished(run).headline
    size = {"value": 1.0, "low": 1.0, "high": 1.0, "method": "", "n": 20, "n_positive": 10}
    rows = [
        {"model": model, "stratum": stratum, "kind": kind, "grade": 0.1, "metric": metric, **size}
        for model in models
        for kind in ("drawn", "all box changes")
        for metric in ("auc", "auc_loss", "sd", "flip_rate")[: 1 if kind == "drawn" else 4]
    ]
    pd.DataFrame(rows).to_csv(run / "robustness.csv", index=False)
    pair = {"model_a": models[0], "model_b": models[1], "difference": 1.0, "low": 1.0, "high": 1.0, "p": 1.0}
    about = {"stratum": stratum, "kind": "all box changes", "metric": "sd", "p_holm": None, "primary": True}
    pd.DataFrame([{**about, **pair, "method": ""}]).to_csv(run / "robustness_comparisons.csv", index=False)
    seen = [
        {"model": model, "map": "gradcam", "stratum": "external", "outcome": "all", "metric": metric, **size}
        for model in models
        for metric in ("energy_box_ratio", "pointing_box")
    ]
    pd.DataFrame(seen).to_csv(run / "explanation.csv", index=False)


def results(run: Finished) -> list[str]:
    """The paragraphs of Results."""
    blocks = manuscript.manuscript(run).blocks
    first, last = (blocks.index(Heading(name)) for name in ("Results", "Limitations"))
    return [block.text for block in blocks[first:last] if isinstance(block, Paragraph)]


def numbers(text: str, run: Finished) -> list[str]:
    """Numbers of a text but for those that belong to names, to settings and to tables' labels."""
    names = [*run.models, *map(in_sentence, run.strata), *(f"centre {name}" for name in run.outside)]
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(name), " ", text, flags=re.IGNORECASE)
    settings = (
        r"95% CI|Tables? \d+(?:(?:, | and )(?:Table )?\d+)*|sensitivity ≥ [\d.]+|specificity ≥ [\d.]+|threshold of \d+%"
    )
    return NUMBER.findall(re.sub(settings, " ", text))


def test_every_number_of_the_results_is_one_cell_of_a_table(marked: tuple[Finished, dict[str, Cell]]) -> None:
    run, said = marked
    counts = {f"{n:,}" for n in (len(run.outside), *map(int, re.findall(r"(?<=: )\d+", json.dumps(run.flow))))}
    for name in ("metrics", "robustness", "explanation"):
        counts |= {f"{n:,}" for column in ("n", "n_positive") for n in run.read(name)[column]}
    met = set()
    for text in results(run):
        for token in numbers(text, run):
            if token in said:
                table, row, _ = said[token]
                met.add(table)
                cells = pd.read_csv(run.file(table)).loc[row]
                model = str(next(cells[name] for name in ("model", "model_a") if name in cells))
                assert set(model.replace("treat all", "").split(" - ")) <= {*run.models, ""}
                assert all(one in text for one in model.replace("treat all", "every case").split(" - ")), (token, text)
            else:
                assert token in counts, (token, text)
    assert met >= {"metrics", "comparisons", "operating_points", "decision", "robustness", "explanation"}


def test_a_changed_table_changes_the_text(marked: tuple[Finished, dict[str, Cell]], finished: Path) -> None:
    before, after = results(Finished(finished)), results(marked[0])
    assert len(set(after) - set(before)) >= 8


def test_it_says_all_parts_in_words_and_calls_synthetic_data_synthetic(
    finished: Path, marked: tuple[Finished, dict[str, Cell]]
) -> None:
    assert manuscript.manuscript(Finished(finished)).notice == ""
    document = manuscript.manuscript(marked[0])
    titles = [block.text for block in document.blocks if isinstance(block, Heading)]
    parts = ["Cases and centres", "Discrimination", "Comparison of models", "Operating points", "Calibration"]
    assert [title for title in titles if title in (*parts, "Methods", "Results", "Limitations")] == [
        *("Methods", "Results"),
        *parts,
        "Limitations",
    ]
    assert document.notice == manuscript.SYNTHETIC
    tables = [block for block in document.blocks if isinstance(block, Table)]
    heads = {head for table in tables for head in table.header}
    assert {"TP", "FP", "TN", "FN", "Accuracy", "PPV", "NPV", "AUC", "95% CI", "p (Holm)"} <= heads
    calls = next(table for table in tables if "TP" in table.header)
    assert calls.header == ("Model", "Cut-off", "TP", "FP", "TN", "FN", "Accuracy", "95% CI")
    raw = re.compile(r"\b(?:auc_loss|flip_rate|ppv|lr_positive|observed_expected|p_holm|calibration_slope|youden)\b")
    assert not [head for head in heads if raw.search(head)]
    assert not [row for table in tables for row in table.rows if raw.search(" ".join(row))]
    for kind, blocks in (("Table", tables), ("Figure", document.figures)):
        assert [block.caption.label for block in blocks] == [f"{kind} {i + 1}" for i in range(len(blocks))]
    assert all(len(row) in (1, len(table.header)) for table in tables for row in table.rows)


ODD = "50% of a_b & c#1 {x} ~ ^ \\ $5 <i> “−0.1” ≤ τ² 中 | *s*"
SMALL = Document(
    ODD,
    manuscript.SYNTHETIC,
    (
        Heading("Methods"),
        Paragraph(ODD),
        Bullets((ODD, "[b]")),
        Table(Caption("Table 1", "Head.", ODD), ("", "AUC", "95% CI"), (("Group",), (ODD, "0.80", "−0.1 to 0.9")), 1),
        Figure(Caption("Figure 1", "Drawn.", ODD), "roc", ODD),
    ),
)


@pytest.fixture
def drawn(tmp_path: Path) -> dict[str, Drawn]:
    file = tmp_path / "figures" / "figure-1.png"
    file.parent.mkdir()
    Image.new("L", (40, 20)).save(file)
    return {"roc": Drawn(file, 88.0)}


def test_word_holds_the_same_text_tables_and_figures(drawn: dict[str, Drawn], tmp_path: Path) -> None:
    file = tmp_path / "small.docx"
    file.write_bytes(word.word(SMALL, drawn))
    assert file.read_bytes() == word.word(SMALL, drawn)
    read = docx.Document(str(file))
    assert [line.text for line in read.paragraphs if line.style.name == "Caption"] == [
        f"Table 1. Head. {ODD}",
        f"Figure 1. Drawn. {ODD}",
    ]
    table = read.tables[0]
    assert [[cell.text for cell in row.cells] for row in table.rows][2] == [ODD, "0.80", "−0.1 to 0.9"]
    assert table.rows[0]._tr.trPr.xpath("w:tblHeader")
    picture = read.inline_shapes[0]
    assert picture.width.mm == pytest.approx(88, abs=0.1)
    assert picture._inline.docPr.get("descr") == ODD
    assert manuscript.SYNTHETIC in read.sections[0].header.paragraphs[0].text
    assert {info.date_time for info in zipfile.ZipFile(file).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_latex_escapes_all_and_closes_what_it_opens(drawn: dict[str, Drawn], tmp_path: Path) -> None:
    text = latex.latex(SMALL, drawn, tmp_path)
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    bare = re.sub(r"\\[\\{}%&#_$]", "", text)
    assert bare.count("{") == bare.count("}")
    body = text[text.index("\\section*") :]
    assert r"50\% of a\_b \& c\#1 \{x\}" in body
    assert r"\ensuremath{-}0.1" in body
    assert r"\DeclareUnicodeCharacter{4E2D}" in text
    assert r"\includegraphics[width=88.0mm]{figures/figure-1.png}" in text
    for line in re.findall(r"^(?!\\).* & .*\\\\$", body, re.MULTILINE):
        assert len(re.findall(r"(?<!\\)&", line)) == 2


def test_markdown_marks_nothing_that_is_text(drawn: dict[str, Drawn], tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    text = markdown.markdown(SMALL, drawn, tmp_path)
    shown = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    assert shown.count("<table>") == 1
    assert shown.count('<img src="figures/figure-1.png"') == 1
    assert "50% of a_b &amp; c#1 {x} ~ ^ \\ $5 &lt;i&gt;" in shown
    assert "<td" in shown.partition("Group")[0]


def test_a_figure_has_a_journals_width_and_its_dots(finished: Path, tmp_path: Path) -> None:
    small = tmp_path / "run"
    shutil.copytree(finished, small, ignore=shutil.ignore_patterns("models", ".cache", "figures"))
    (small / "figures").mkdir()
    (small / "figures" / "decision.svg").write_text("<svg/>", encoding="utf-8")  # this figure alone was drawn
    path = manuscript.write(small, "md")
    assert path == small / "manuscript" / "manuscript.md"
    first = path.read_bytes()
    assert [file.name for file in sorted(path.parent.glob("*-figures/*.png"))] == ["figure-1.png"]
    with Image.open(path.parent / "manuscript-figures" / "figure-1.png") as picture:
        assert picture.width / (174 / 25.4) >= 300
    assert manuscript.write(small, "md").read_bytes() == first
    assert width((3.4, 2)) == 88


def test_refusals_say_what_to_write(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"docs.*docx"):
        manuscript.write(finished, "docs")
    with pytest.raises(InputError, match=r"ends in \.tex"):
        manuscript.write(finished, "latex", tmp_path / "paper.docx")
    with pytest.raises(InputError, match="lies in its run"):
        manuscript.write(finished, "html", tmp_path / "paper.html")
    with pytest.raises(InputError):
        manuscript.write(tmp_path, "md")
    assert not list(tmp_path.iterdir())


def test_models_differ_in_grey_too() -> None:
    """Two models that share a dash are told apart by their mark or by how light they are."""
    found = looks([f"m{i}" for i in range(12)])
    for one, other in combinations(found.values(), 2):
        assert one.dash != other.dash or one.marker != other.marker or one.colour != other.colour
