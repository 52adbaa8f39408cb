"""A first study file for a cohort table: every proposal with its reason, written as a comment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from osteon.cohort.check.rows import identifies
from osteon.core import tables
from osteon.core.cells import number, plain
from osteon.core.errors import ImageError, StudyError, TableError, WeightsError
from osteon.core.words import counted, listed
from osteon.io import read_image
from osteon.weights import resolve

#: Words in labels that name a malignant tumour; those of "non-malignant" or "not malignant" do not count.
_MALIGNANT = ("malignant", "sarcoma", "cancer", "carcinoma", "metasta", "myeloma", "lymphoma", "positive", "boesartig")
_NOT = ("non", "not", "no ", "benign", "negative")
#: Columns known before the diagnosis, that most cohorts have.
_CLINICAL = ("age", "sex", "site")
_FOLDS = 5
#: Pictures that are opened: enough to see their size, and quick.
_OPENED = 12
_CROP = 224
#: Labels or centres that a comment counts.
_TOLD = 12


@dataclass(frozen=True)
class Setting:
    """One proposal.

    Attributes:
        name: What a person is asked about.
        values: The proposed values.
        reason: Why, as a sentence.
        allowed: Values that may be chosen instead.
    """

    name: str
    values: tuple[str, ...]
    reason: str
    allowed: tuple[str, ...]


#: How a person answers: the proposal in, the chosen values out.
Ask = Callable[[Setting], Sequence[str]]


def _drawn_by(cohort: Path, out: Path) -> list[str]:
    """The setting for how annotators agree, where 'osteon annotate export' left that beside the table."""
    beside = cohort.parent / "agreement.csv"
    if not (beside.is_file() and (cohort.parent / "annotations.csv").is_file()):
        return []
    path = _quoted(Path(os.path.relpath(beside, out.parent)).as_posix())
    return ["# Who drew the boxes, and how reliable they are: the report shows it.", f"agreement = {path}"]


def propose(cohort: Path, out: Path, ask: Ask) -> str:
    """Look at a cohort table and at a few of its pictures, and write the text of a study file.

    Args:
        cohort: The cohort table.
        out: Where the study file will lie; the table's path is written relative to it.
        ask: Confirms or changes each proposal.

    Returns:
        The study file's text.

    Raises:
        TableError: The table breaks its contract, has no rows or one label only.
        StudyError: An answer is not in the table, or too few patients have one of the classes.
    """
    frame = tables.read(cohort, tables.COHORT)
    if frame.empty:
        raise TableError("the table has no rows", file=cohort)
    labels = _labels(frame["label"], cohort)
    positive = _chosen(labels, ask)
    target = frame["label"].isin(positive)
    centres = _development(frame, target, cohort)
    development = _chosen(centres, ask)
    clinical = _chosen(_variables(frame), ask, least=0)
    external = [name for name in frame["centre"].unique() if name not in development]
    inside = frame["centre"].isin(development)
    folds, why_folds = _folds(frame[inside], target[inside])
    networks, why_networks = _networks(out.parent)
    lines = [
        "# Written by 'osteon init'. Every choice is yours to change; docs/reference/study.md has all settings.",
        "[study]",
        f"cohort = {_quoted(Path(os.path.relpath(cohort, out.parent)).as_posix())}",
        *_drawn_by(cohort, out),
        "",
        "[task]",
        f"# {_counts(frame['label'])}.",
        f"# Proposed: {listed(labels.values)}, because {labels.reason}.",
        f"positive = {_list(positive)}",
        f"name = {_quoted(positive[0] if len(positive) == 1 and number(positive[0]) is None else 'positive')}",
        "",
        "[centres]",
        f"# {_counts(frame['centre'])}. The development centres make the models;",
        f"# {'the others test them: ' + listed(external) if external else 'there is no other to test them on'}.",
        f"# Proposed: {listed(centres.values)}, because {centres.reason}.",
        f"development = {_list(development)}",
        "",
        "[crop]",
        f"# {_boxes(frame, cohort.parent)}",
        f"size = {_CROP}",
        "",
        "[evaluation]",
        f"# {why_folds}",
        f"folds = {folds}",
        "",
        f"# {why_networks}",
    ]
    for model in networks:
        lines += ["[[models]]", 'kind = "network"', *(f"{key} = {_quoted(text)}" for key, text in model.items()), ""]
    lines += ["# Features of the lesion need no weights.", "[[models]]", 'kind = "radiomics"', ""]
    if clinical:
        lines += ["# Known before the diagnosis; neither who a case is nor the answer.", "[[models]]"]
        lines += ['kind = "clinical"', f"variables = {_list(clinical)}", ""]
    lines += ["# The box alone: the shortcut that every other model has to beat.", "[[models]]", 'kind = "box"']
    return "\n".join(lines) + "\n"


def _chosen(setting: Setting, ask: Ask, least: int = 1) -> tuple[str, ...]:
    """What a person answered, which has to be in the table."""
    values = tuple(dict.fromkeys(ask(setting)))
    wrong = [value for value in values if value not in setting.allowed]
    if wrong or len(values) < least:
        what = f"'{wrong[0]}' is not in the table" if wrong else "nothing is named"
        raise StudyError(f"{setting.name}: {what}", fix=f"Choose among {listed(setting.allowed)}.")
    return values


def _labels(labels: pd.Series, path: Path) -> Setting:
    """The labels that sound malignant; else 1 of 0 and 1; else the rarest."""
    counts = labels.value_counts()
    names = tuple(map(str, counts.index))
    if len(names) < 2:
        raise TableError(f"every label is '{names[0]}': nothing can be told apart", file=path, column="label")
    found = tuple(name for name in names if _sounds_malignant(plain(name)))
    if 0 < len(found) < len(names):
        return Setting("positive labels", found, "they name malignant tumours, as far as words tell", names)
    if set(names) == {"0", "1"}:
        return Setting("positive labels", ("1",), "labels are 0 and 1", names)
    return Setting(
        "positive labels", (names[-1],), "no label sounds malignant and it is the rarest (look twice)", names
    )


def _sounds_malignant(label: str) -> bool:
    return any(word in label for word in _MALIGNANT) and not label.startswith(_NOT)


def _development(frame: pd.DataFrame, target: pd.Series, path: Path) -> Setting:
    """The centre with most cases of its rarer class."""
    counts = pd.crosstab(frame["centre"], target).reindex(columns=[False, True], fill_value=0).min(axis=1)
    names = tuple(map(str, counts.index))
    best = str(counts.idxmax())
    if counts.max() < 2:
        raise TableError(
            "no centre has two cases of each class, which two folds need", file=path, column="centre",
            fix="Add cases, or choose other positive labels.",
        )  # fmt: skip
    return Setting("development centres", (best,), f"it has most cases of its rarer class ({counts.max()})", names)


def _variables(frame: pd.DataFrame) -> Setting:
    """Columns that clinical models may read: age, sex and site where they are filled and differ."""
    known = [name for name in frame if name not in (*tables.COHORT.columns, "target") and not identifies(str(name))]
    there = [name for name in _CLINICAL if name in frame]
    usable = [name for name in there if len(set(frame[name].replace("", None).dropna())) > 1]
    reason = "they are known before the diagnosis" if usable else "the table has no age, sex or site"
    return Setting("clinical columns", tuple(usable), reason, (*usable, *map(str, known)))


def _folds(development: pd.DataFrame, target: pd.Series) -> tuple[int, str]:
    """As many folds as the rarer class has patients, five at most."""
    own = "case " + development["case_id"].astype(str)
    patients = own if "patient_id" not in development else development["patient_id"].where(
        development["patient_id"].astype(str) != "", own
    )  # fmt: skip
    rarer = min(patients[target].nunique(), patients[~target].nunique())
    if rarer < 2:
        raise StudyError(
            f"the development centres have {counted(rarer, 'patient')} of one class, and two folds need two",
            fix="Choose other development centres or positive labels.",
        )
    folds = min(_FOLDS, rarer)
    why = "the usual number" if folds == _FOLDS else "no fold may lack a class"
    return folds, f"The rarer class has {counted(rarer, 'development patient')}: {why}."


def _networks(folder: Path) -> tuple[list[dict[str, str]], str]:
    """A frozen ResNet50 of every kind of pretraining whose weights are on this machine."""
    here = []
    for name in ("radimagenet", "imagenet"):
        with suppress(WeightsError):
            resolve(name, "resnet50", search=[folder / "weights"])
            here.append(name)
    models = [{"name": f"resnet50-{name}", "backbone": "resnet50", "weights": name} for name in here]
    if here:
        return models, f"Networks whose weights are on this machine: {listed(here)}."
    return [], "No weights of a ResNet50 are on this machine, so no network is proposed: see 'osteon weights list'."


def _boxes(frame: pd.DataFrame, root: Path) -> str:
    """How large boxes are, and how many of a few pictures can be opened."""
    boxes = frame[["x0", "y0", "x1", "y1"]].dropna()
    sides = pd.concat([boxes["x1"] - boxes["x0"], boxes["y1"] - boxes["y0"]], axis=1).max(axis=1)
    size = f"the median box is {sides.median():.0f} pixels long" if len(boxes) else "no case has a box"
    paths = list(frame["image"].unique()[:: max(1, frame["image"].nunique() // _OPENED)][:_OPENED])
    opened = 0
    for path in paths:
        with suppress(OSError, ImageError):
            read_image(root / str(path))
            opened += 1
    told = f"{opened} of {counted(len(paths), 'picture')} tried can be opened"
    return f"Of {counted(len(frame), 'case')}, {len(boxes)} have a box; {size}; {told}."


def _counts(values: pd.Series) -> str:
    """Each value with its count, on one line; the rarest of many are left out."""
    counts = values.value_counts()
    told = [f"{' '.join(str(name).split())} ({count})" for name, count in counts.head(_TOLD).items()]
    return listed([*told, f"{len(counts) - _TOLD} more"] if len(counts) > _TOLD else told)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, values))}]"
