"""What a model is, who its cases were, what it may be used for, and on what terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from osteon.core.words import counted, listed, stratum_title
from osteon.results.card.markdown import bullets, escape, table
from osteon.results.card.subject import Subject
from osteon.results.report.methods import cropped
from osteon.results.report.words import capital


def making(model: Subject) -> Iterator[str]:
    """How it was made, and what it has to be given."""
    for part in model.parts:
        told = part.in_words(model.run)
        yield escape(f"How {'it' if part is model.settings else part.name} was made: {told}.")
    if model.networks:
        yield escape(f"{capital(cropped(model.run, [network.name for network in model.networks]))}.")
    yield (
        f"It was fitted in {model.run.study.evaluation.folds} folds of the development cases, which keep patients "
        "whole; the probability of a new case is the mean over these folds."
    )
    yield "It has to be given:"
    yield bullets(_given(model))


def _given(model: Subject) -> Iterator[str]:
    if model.looks:
        yield "a radiograph (JPEG, PNG, TIFF or DICOM)"
        yield (
            "a box around the lesion, drawn by a person: x0, y0, x1, y1 in pixels of the upright picture; no side "
            f"under {model.run.study.crop.min_box:g} pixels"
        )
    if any(part.masks for part in model.parts):
        yield "the lesion's mask, where there is one; it measures the box otherwise"
    columns = list(dict.fromkeys(name for part in model.parts for name in part.columns))
    if columns:
        yield f"{escape(listed(columns))}, spelled and measured as in the study; what is missing is imputed"


def use(model: Subject) -> Iterator[str]:
    """Intended use and its limits."""
    subject = "a lesion that a person has found and boxed on a radiograph" if model.looks else "a bone lesion"
    yield (
        f"It estimates the probability that {subject} is {escape(model.run.positive)}. It is meant for research: to be "
        "tested on cases of other centres, to be compared with other models and with readers, and to repeat the study."
    )
    yield "It is not meant for:"
    yield bullets(
        [
            "the diagnosis, treatment or triage of any patient, alone or beside a reader;",
            *["finding lesions: it is told where one is, and a box around sound bone has a probability too;"]
            * model.looks,
            *["anything but radiographs of bone: CT, MR, photographs, pictures of a screen;"] * model.looks,
            "patients unlike those of the tables below, in age, site or kind of lesion, on whom it has never been "
            "tested;",
            "a place where the class is more or less common than in these centres, before it has been recalibrated "
            "there.",
        ]
    )
    made = f"It learned from {escape(_centres(model.run.study.centres.development))} alone"
    if model.run.outside:
        yield f"{made}, and was tested on {escape(_centres(model.run.outside))}, which it had not seen."
    else:
        yield f"{made}. There was no external centre: how well it does elsewhere is not known."


def _centres(names: Sequence[str]) -> str:
    return f"centre{'' if len(names) == 1 else 's'} {listed(names)}"


def classes(model: Subject) -> Iterator[str]:
    """The classes as a list, with the labels that count as each."""
    items = []
    for name, title in (
        ("positive", f"{model.run.positive}, which the probability is of"),
        ("negative", f"not {model.run.positive}"),
    ):
        labels = [label for label in model.run.flow.get("labels", []) if label["class"] == name and label["cases"]]
        told = [f"{label['label']} ({counted(label['cases'], 'case')})" for label in labels]
        items.append(escape(f"{title}: {listed(told)}" if told else title))
    yield bullets(items)


def patients(model: Subject) -> Iterator[str]:
    """Cases, patients and their characteristics, development against external."""
    groups, positive = model.run.flow.get("groups", []), model.run.positive
    if groups:
        counts = ("cases", "patients", "positive")
        yield table(
            ["", "Role", "Cases", "Patients", capital(positive)],
            [[_title(group["name"]), group["role"], *(f"{group[name]:,}" for name in counts)] for group in groups],
        )
    baseline = model.run.table("baseline")
    if baseline is None:
        yield "The study has no baseline table: ages, sexes and sites of its patients are not known here."
        return
    shown = [name for name in dict.fromkeys(baseline["group"]) if name != "external"]
    # With several centres of development, their sizes stand in the baseline table alone.
    said = ["cases", "patients", positive] if set(shown) <= {group["name"] for group in groups} else []
    described = baseline[baseline["group"].isin(shown) & ~baseline["variable"].isin(said)]
    if len(described):
        yield "Number (share of those known) or median (quartiles):"
        yield table(["", *map(_title, shown)], _characteristics(described, shown))


def _characteristics(baseline: pd.DataFrame, shown: Sequence[str]) -> Iterator[list[object]]:
    cells = baseline.set_index(["variable", "level", "group"])["summary"].to_dict()
    for variable, level in dict.fromkeys(zip(baseline["variable"], baseline["level"], strict=True)):
        head = f"{variable}: {level}" if level else variable
        yield [head, *(cells.get((variable, level, group), "–") for group in shown)]


def _title(group: str) -> str:
    return stratum_title(group).removesuffix(", out of fold")


def answer(model: Subject) -> Iterator[str]:
    """What stands beside a probability, and what is not here."""
    yield bullets(
        [
            "**Probability**: as the model gives it, and recalibrated by the line above. Both mean what they say only "
            "where the class is as common as in this study.",
            "**Distance**: how far the case lies from the development cases, as the share of those that lie nearer. A "
            "case farther out than 99% of them is flagged: it is unlike what the model was made from, and no figure on "
            "this card speaks of it. A case that is not flagged need not be a bone lesion.",
            *[
                "**Unsteady**: the answer moves when the box is drawn a little differently. Where that would change a "
                "call, the call rests on the drawing: draw the box again, or make no call."
            ]
            * model.looks,
            *["**Imputed**: a column that was missing or unknown, and was filled in as in training."]
            * bool(model.settings.columns),
        ]
    )
    yield (
        "No picture is in this file. Cases in which the study's models were wrong are shown in its report, which "
        "stays with those who may see the patients' pictures."
    )


def licences(model: Subject) -> Iterator[str]:
    """On what terms the weights, and the model, may be handed on."""
    items = [f"Weights it started from, {escape(record.name)}: {escape(record.terms)}." for record in model.started]
    if not model.networks:
        items.append("It started from nobody's weights.")
    elif len(model.started) < len(model.networks):
        items.append("Weights it started from: not recorded in this run, and neither is their licence.")
    items.append("What it learned from the patients of this study: whoever hands the model on says on what terms.")
    items.append("osteon, which made it: Apache-2.0.")
    yield bullets(items)


def citation(model: Subject) -> Iterator[str]:
    """What to cite, and what it was made with."""
    study = model.run.study.study
    items = [f"The study “{escape(study.name)}”, its model {escape(model.name)}; seed {study.seed}."]
    items += [f"Weights it started from: {escape(record.citation)}." for record in model.started if record.citation]
    versions = model.run.provenance.get("versions", {})
    if versions:
        items.append(f"Made with {escape(listed(f'{name} {version}' for name, version in versions.items()))}.")
    yield bullets(items)
