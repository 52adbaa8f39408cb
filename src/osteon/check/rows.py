"""The cohort table read row by row: labels, centres and patients, before any picture is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from osteon import tables
from osteon.errors import LeakError, StudyError, TableError, suggest
from osteon.study import Study

BOX = ["x0", "y0", "x1", "y1"]
#: Columns that the check computes; a table's own columns of these names are not used.
COMPUTED = ("split", "target", "patient", "cluster")
#: What tells the diagnosis and can therefore not be asked to predict it.
ANSWERS = ("label", "target", "subtype")
SPLITS = ("development", "external")


def named(ids: Iterable[object], most: int = 5) -> str:
    """A few identifiers for a message.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = [str(item) for item in ids]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def counted(n: int, word: str, plural: str = "") -> str:
    """A number with its word.

    >>> counted(1, "case"), counted(1200, "case"), counted(2, "body", "bodies")
    ('1 case', '1 200 cases', '2 bodies')
    """
    return f"{n:,}".replace(",", " ") + " " + (word if n == 1 else plural or word + "s")


def read(study: Study, warnings: list[str]) -> pd.DataFrame:
    """Read the cohort table and resolve labels, centres and patients.

    Args:
        study: The study.
        warnings: Is added to.

    Returns:
        The table in its order, the label column named ``label``, with ``patient_id``, ``target`` (0 or 1), ``split``
        ("" for a centre that is not in the study) and ``patient``; image and mask paths relative to the table.

    Raises:
        TableError: The table breaks its contract, a label is neither 0 nor 1, or a box is inside out.
        StudyError: The study names a centre, label or column that the table does not have.
        LeakError: A patient is on both sides of the development/external line.
    """
    path = study.cohort_path
    frame = tables.read(path, _contract(study.task.column))
    if frame.empty:
        raise TableError("the table has no rows", file=path)
    frame = _one_label_column(frame, study.task.column, warnings)
    clashing = [name for name in COMPUTED if name in frame]
    if clashing:
        warnings.append(f"The table's own {named(clashing)} is not used: osteon computes a column of that name.")
        frame = frame.drop(columns=clashing)
    _check_columns(study, frame)
    _check_boxes(frame, path)
    for column in ("image", "mask"):
        if column in frame:
            frame[column] = _relative(frame[column], path.parent)
    if "patient_id" not in frame:
        frame["patient_id"] = ""
    frame["split"] = _splits(study, frame["centre"])
    frame["target"] = _targets(study, frame["label"])
    frame["patient"] = _patients(frame, warnings)
    _check_patients(frame, path, warnings)
    return frame


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
    asked = [(f"models[{index}].variables", model.columns) for index, model in enumerate(study.models)]
    for place, names in asked:
        for name in names:
            if name in (*ANSWERS, study.task.column):
                raise StudyError(
                    f"{place}: '{name}' tells the diagnosis itself", fix="Choose columns known before the diagnosis."
                )
    for place, names in [*asked, ("evaluation.subgroups", study.evaluation.subgroups)]:
        for name in names:
            if name not in frame:
                raise StudyError(f"{place}: the cohort table has no column '{name}'", fix=suggest(name, present))


def _check_boxes(frame: pd.DataFrame, path: Path) -> None:
    for low, high in (("x0", "x1"), ("y0", "y1")):
        rows = np.flatnonzero(frame[high] <= frame[low])
        if len(rows):
            here = frame.iloc[rows[0]]
            more = f" (and in {len(rows) - 1} more rows)" if len(rows) > 1 else ""
            raise TableError(
                f"the box of case '{here['case_id']}' is inside out: {high} {here[high]:g} is not greater than "
                f"{low} {here[low]:g}{more}",
                file=path,
                row=int(rows[0]) + 2,
                column=high,
                fix="x0, y0 is the upper left corner and x1, y1 the lower right, in pixels of the stored image.",
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
                raise StudyError(
                    f"centres.{role}: the cohort table has no case of centre '{centre}'", fix=suggest(centre, present)
                )
    development = set(study.centres.development)
    external = set(study.centres.external) or set(present) - development
    role_of = dict.fromkeys(development, "development") | dict.fromkeys(external, "external")
    return centres.map(role_of).fillna("")


def _targets(study: Study, labels: pd.Series) -> pd.Series:
    """1 for the positive class."""
    present = sorted(labels.unique())
    for label in study.task.positive:
        if label not in present:
            raise StudyError(f"task.positive: no case is labelled '{label}'", fix=suggest(label, present))
    if study.task.positive:
        return labels.isin(study.task.positive).astype("int64")
    target = labels.map({"0": 0, "1": 1, "0.0": 0, "1.0": 1})
    unknown = np.flatnonzero(target.isna())
    if len(unknown):
        raise TableError(
            f"'{labels.iloc[unknown[0]]}' is neither 0 nor 1",
            file=study.cohort_path,
            row=int(unknown[0]) + 2,
            column=study.task.column,
            fix=f'Say in the study file which labels are positive, e.g. [task] positive = ["{present[-1]}"].',
        )
    return target.astype("int64")


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


def _check_patients(frame: pd.DataFrame, path: Path, warnings: list[str]) -> None:
    """A patient belongs to one side of the line, and should belong to one centre."""
    known = frame[(frame["split"] != "") & (frame["patient_id"] != "")]
    several = known.groupby("patient_id")[["split", "centre"]].nunique()
    leaking = several.index[several["split"] > 1]
    if len(leaking):
        row = int(known.index[(known["patient_id"] == leaking[0]) & (known["split"] == "external")][0])
        raise LeakError(
            f"{counted(len(leaking), 'patient')} in development and in an external centre: {named(leaking, 10)}",
            file=path,
            row=row + 2,
            column="patient_id",
            fix="Drop one side's cases. If numbers are unique only within a centre, put the centre in front of them.",
        )
    moved = several.index[several["centre"] > 1]
    if len(moved):
        warnings.append(
            f"{counted(len(moved), 'patient')} in two centres of one split, counted as one patient: {named(moved)}."
        )
