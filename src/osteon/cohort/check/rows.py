"""The cohort table read row by row: labels, centres and patients, before any picture is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.cohort.check import looks, values
from osteon.core import tables
from osteon.core.cells import number, plain
from osteon.core.errors import LeakError, StudyError, TableError, suggest
from osteon.core.words import counted
from osteon.study import Study

BOX = ["x0", "y0", "x1", "y1"]
#: Columns that the check computes; a table's own columns of these names are not used.
COMPUTED = ("split", "target", "patient", "cluster")
#: What tells the diagnosis and can therefore not be asked to predict it.
ANSWERS = ("label", "target", "subtype")
#: What is another in every case and says who somebody is, not what is wrong with them: osteon's own columns, and how
#: such columns are called elsewhere (:func:`osteon.core.cells.plain`, letters and digits alone).
_IDENTIFIERS = frozenset(
    (
        *("caseid", "case", "image", "imageid", "imagename", "mask", "maskid", "file", "files", "filename", "filepath"),
        *("patientid", "patient", "patientname", "patientnumber", "patientno", "name", "surname", "firstname"),
        *("lastname", "fullname", "id", "uid", "pid", "mrn", "medicalrecordnumber", "accession", "accessionnumber"),
        *("accessionno", "studyid", "studyuid", "studyinstanceuid", "seriesinstanceuid", "sopinstanceuid", "subject"),
        *("subjectid", "record", "recordid", "path", "birthdate", "dateofbirth", "dob", "birthday", "sha256"),
    )
)
SPLITS = ("development", "external")
#: Columns of text that every cohort may have.
_WORDS = ("case_id", "image", "centre", "label", "patient_id", "mask", "sex", "site", "view", "subtype")
#: A column of at most so many different numbers is a category.
_MOST_CODES = 5
#: From this share of boxes that end before they begin, x1 and y1 look like widths and heights.
_SIDES_SHARE = 0.1


def named(ids: Iterable[object], most: int = 5) -> str:
    """A few identifiers for a message.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = [str(item) for item in ids]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def read(study: Study, warnings: list[str]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Read the cohort table and resolve labels, centres and patients.

    Args:
        study: The study.
        warnings: Is added to.

    Returns:
        The table in its order, the label column named ``label``, with ``patient_id``, ``target`` (0 or 1), ``split``
        ("" for a centre that is not in the study) and ``patient``; image and mask paths relative to the table. And the
        file's own line of each row.

    Raises:
        TableError: The table breaks its contract, a label is neither 0 nor 1, a label or centre is spelled in two ways,
            or a box is inside out or in fractions.
        StudyError: The study names a centre, label or column that the table does not have.
        LeakError: A patient is on both sides of the development/external line.
    """
    path = study.cohort_path
    contract = _contract(study.task.column)
    raw = tables.sheet(path, [name for name, column in contract.columns.items() if column.required])
    frame = tables.conform(raw, contract, file=path)
    lines = frame.index.to_numpy(dtype=np.int64)
    frame = frame.reset_index(drop=True)
    if frame.empty:
        raise TableError("the table has no rows", file=path)
    frame = _one_label_column(frame, study.task.column, warnings)
    clashing = [name for name in COMPUTED if name in frame]
    if clashing:
        warnings.append(f"The table's own {named(clashing)} is not used: osteon computes a column of that name.")
        frame = frame.drop(columns=clashing)
    _check_columns(study, frame)
    _check_boxes(frame, path, lines)
    for column in ("image", "mask"):
        if column in frame:
            frame[column] = _relative(frame[column], path.parent)
    if "patient_id" not in frame:
        frame["patient_id"] = ""
    _check_values(study, raw, frame, lines, warnings)
    frame["split"] = _splits(study, frame["centre"])
    frame["target"] = _targets(study, frame["label"], lines)
    frame["patient"] = _patients(frame, warnings)
    _check_patients(frame, path, lines, warnings)
    return frame, lines


def _check_values(
    study: Study, raw: pd.DataFrame, frame: pd.DataFrame, lines: NDArray[np.int64], warnings: list[str]
) -> None:
    """Say what cells seem to say and do not: words that count as missing, spellings, words among numbers."""
    path = study.cohort_path
    asked = [name for model in study.models for name in model.columns]
    asked = list(dict.fromkeys((*asked, *study.evaluation.subgroups)))
    texts = [name for name in _WORDS if name in frame] + [name for name in asked if name not in tables.COHORT.columns]
    values.check_centres(frame["centre"], lines, path)
    values.check_labels(frame["label"], study.task.positive, lines, path, study.task.column)
    values.warn_of_likenesses(frame["label"], study.task.positive, warnings)
    values.check_numbers(frame, [name for name in asked if frame[name].dtype.kind not in "iuf"], lines, path, warnings)
    there = [study.task.column if name == "label" else name for name in texts]
    values.missing_words(raw, [name for name in there if name in raw], warnings)
    values.warn_of_forms(raw, [name for name in there if name in raw and name not in ("image", "mask")], warnings)
    spelled = [name for name in texts if name != "centre" and not _is_measured(frame[name])]
    values.warn_of_spellings(frame, spelled, warnings)
    values.warn_of_texts_of_their_own(frame, [name for name in asked if frame[name].dtype.kind not in "iuf"], warnings)


def _is_measured(column: pd.Series) -> bool:
    """Whether a column holds numbers, and more of them than a category has codes."""
    numbers = [number(text) for text in column.unique() if text != ""]
    return None not in numbers and len(set(numbers)) > _MOST_CODES


def _contract(label: str) -> tables.Contract:
    """The cohort's contract with the study's label column in the place of ``label``."""
    columns = {name: column for name, column in tables.COHORT.columns.items() if name not in ("label", label)}
    return tables.Contract("cohort", {**columns, label: tables.COHORT.columns["label"]}, open=True)


def _one_label_column(frame: pd.DataFrame, label: str, warnings: list[str]) -> pd.DataFrame:
    """Call the label column ``label``, so that whoever seals the labels knows what to take away."""
    if label != "label" and "label" in frame:
        warnings.append(f"The column 'label' is not used: the study takes its labels from '{label}'.")
        frame = frame.drop(columns="label")
    return frame.rename(columns={label: "label"})


def _check_columns(study: Study, frame: pd.DataFrame) -> None:
    """Clinical variables and subgroups must be columns, and variables must not be the answer."""
    present = [name for name in frame.columns if name not in (*ANSWERS, "case_id", "image", "mask", *BOX)]
    usable = [name for name in present if not identifies(name) and plain(name) not in ("centre", "center")]
    asked = [(f"models[{index}].variables", model.columns) for index, model in enumerate(study.models)]
    for place, names in asked:
        for name in names:
            if name in (*ANSWERS, study.task.column):
                raise StudyError(
                    f"{place}: '{name}' tells the diagnosis itself", fix="Choose columns known before the diagnosis."
                )
            if plain(name) in ("centre", "center"):
                raise StudyError(
                    f"{place}: '{name}' is another in every external case than in all that a model has seen",
                    fix=f"Choose among {named(usable)}." if usable else "Leave the model out.",
                )
    for place, names in [*asked, ("evaluation.subgroups", study.evaluation.subgroups)]:
        for name in names:
            if identifies(name):
                raise StudyError(
                    f"{place}: '{name}' says which case it is, not what is wrong with it",
                    fix=f"Choose among {named(usable)}." if usable else "Leave it out.",
                )
            if name not in frame:
                raise StudyError(f"{place}: the cohort table has no column '{name}'", fix=suggest(name, present))


def identifies(column: str) -> bool:
    """Whether a column is called as identifiers are.

    >>> [name for name in ("patient_id", "Patient ID", "Accession No.", "age", "site") if identifies(name)]
    ['patient_id', 'Patient ID', 'Accession No.']
    """
    return "".join(filter(str.isalnum, plain(column))) in _IDENTIFIERS


def _check_boxes(frame: pd.DataFrame, path: Path, lines: NDArray[np.int64]) -> None:
    drawn = frame[BOX].dropna()
    if len(drawn) and looks.are_fractions(drawn.to_numpy()).all():
        first = frame.loc[drawn.index[0], BOX]
        raise TableError(
            f"all {len(drawn)} boxes lie between 0 and 1, as fractions of their pictures' sides would (the first is "
            f"{', '.join(f'{value:g}' for value in first)})",
            file=path,
            row=int(lines[drawn.index[0]]),
            column="x0",
            fix="Multiply x by the width and y by the height of the picture: boxes are in pixels.",
        )
    inverted = (drawn["x1"] < drawn["x0"]) | (drawn["y1"] < drawn["y0"])
    for low, high in (("x0", "x1"), ("y0", "y1")):
        rows = np.flatnonzero(frame[high] <= frame[low])
        if len(rows):
            here = frame.iloc[rows[0]]
            fix = "x0, y0 is the upper left corner and x1, y1 the lower right, in pixels of the stored image."
            if inverted.mean() > _SIDES_SHARE and inverted.sum() > 1:
                fix += " These look like widths and heights: then x1 = x0 + width and y1 = y0 + height."
            raise TableError(
                f"the box of case '{here['case_id']}' is inside out: {high} {here[high]:g} is not greater than "
                f"{low} {here[low]:g}{tables.and_more(len(rows))}",
                file=path,
                row=int(lines[rows[0]]),
                column=high,
                fix=fix,
            )


def _relative(paths: pd.Series, folder: Path) -> pd.Series:
    """Paths with forward slashes, relative to the table: a run folder must not tell whose disk it was made on."""

    def relative(path: str) -> str:
        if not path:
            return ""
        path = path.replace("\\", "/")
        return Path(os.path.relpath(path, folder) if Path(path).is_absolute() else path).as_posix()

    return paths.map({path: relative(path) for path in paths.unique()})


def _splits(study: Study, centres: pd.Series) -> pd.Series:
    """The role of each row's centre; "" where the study does not use it."""
    present = sorted(centres.unique())
    for role in SPLITS:
        for centre in getattr(study.centres, role):
            if centre not in present:
                raise values.absent(f"centres.{role}: the cohort table has no case of centre", centre, centres)
    development = set(study.centres.development)
    external = set(study.centres.external) or set(present) - development
    role_of = dict.fromkeys(development, "development") | dict.fromkeys(external, "external")
    return centres.map(role_of).fillna("")


def _targets(study: Study, labels: pd.Series, lines: NDArray[np.int64]) -> pd.Series:
    """1 for the positive class."""
    present = sorted(labels.unique())
    for label in study.task.positive:
        if label not in present:
            raise values.absent("task.positive: no case is labelled", label, labels)
    if study.task.positive:
        return labels.isin(study.task.positive).astype("int64")
    classes = {label: value for label in present if (value := number(label)) in (0, 1)}
    unknown = np.flatnonzero(~labels.isin(classes))
    if len(unknown):
        raise TableError(
            f"'{labels.iloc[unknown[0]]}' is neither 0 nor 1",
            file=study.cohort_path,
            row=int(lines[unknown[0]]),
            column=study.task.column,
            fix=f'Say in the study file which labels are positive, e.g. [task] positive = ["{present[-1]}"].',
        )
    return labels.map(classes).astype("int64")


def _patients(frame: pd.DataFrame, warnings: list[str]) -> pd.Series:
    """patient_id, or a stand-in for each picture of an unknown patient."""
    unknown = frame["patient_id"] == ""
    if unknown.any():
        warnings.append(
            f"{counted(int(unknown.sum()), 'case')} of {len(frame)} without a patient_id. Each such picture counts as "
            "a patient of its own: folds can then part two views of one patient, and intervals come out too narrow."
        )
    first = frame.groupby("image", sort=False)["case_id"].transform("first")
    return frame["patient_id"].where(~unknown, "unknown:" + first)


def _check_patients(frame: pd.DataFrame, path: Path, lines: NDArray[np.int64], warnings: list[str]) -> None:
    """A patient belongs to one side of the line, and should belong to one centre."""
    values.check_patients(frame["patient_id"], frame["split"], lines, path)
    known = frame[(frame["split"] != "") & (frame["patient_id"] != "")]
    several = known.groupby("patient_id")[["split", "centre"]].nunique()
    leaking = several.index[several["split"] > 1]
    if len(leaking):
        row = int(known.index[(known["patient_id"] == leaking[0]) & (known["split"] == "external")][0])
        raise LeakError(
            f"{counted(len(leaking), 'patient')} in development and in an external centre: {named(leaking, 10)}",
            file=path,
            row=int(lines[row]),
            column="patient_id",
            fix="Drop one side's cases. If numbers are unique only within a centre, put the centre in front of them.",
        )
    moved = several.index[several["centre"] > 1]
    if len(moved):
        warnings.append(
            f"{counted(len(moved), 'patient')} in two centres of one split, counted as one patient: {named(moved)}."
        )
