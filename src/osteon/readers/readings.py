"""Readings from anywhere: osteon's own readings.csv, a spreadsheet, an iMRMC file (:mod:`osteon.readers.imrmc`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.readers.hurry import seconds_after_advice
from osteon.readers.imrmc import from_imrmc, is_imrmc
from osteon.readers.localisation import Criterion, has_boxes, localised

_IDENTIFIERS = ("reader", "arm", "case_id", "patient_id")
#: What other programs call our columns; compared without case, blanks and underscores.
KNOWN_AS: dict[str, tuple[str, ...]] = {
    "reader": ("reader", "readerid", "rater", "observer"),
    "arm": ("arm", "modality", "modalityid", "treatment", "condition"),
    "case_id": ("caseid", "case"),
    "truth": ("truth", "label", "reference", "gold"),
    "confidence": ("confidence", "score", "rating"),
}


def load(path: Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read readings from a table or an iMRMC file.

    Args:
        path: A table, or an iMRMC file, known by its ending or by its line ``BEGIN DATA:``.
        columns: Our column names to the file's, for columns that are called something unusual.

    Returns:
        A table that meets the contract of readings.

    Raises:
        TableError: The file is absent, a column or value is missing or wrong, a reading occurs twice, or a case has two
            truths.
    """
    path = Path(path)
    if is_imrmc(path):
        return from_imrmc(path)
    frame = renamed(tables.sheet(path, columns.values() if columns else ()), columns or {}, path)
    frame = tables.conform(frame, tables.READINGS, file=path)
    _refuse_contradictions(frame, path)
    return frame.reset_index(drop=True)


def _refuse_contradictions(frame: pd.DataFrame, path: Path) -> None:
    """Refuse a second answer of a reader to a case in an arm, and a second truth of a case, naming both rows."""
    answers: dict[tuple[str, str, str], int] = {}
    truths: dict[str, tuple[int, int]] = {}
    columns = frame[["reader", "arm", "case_id", "truth"]]
    for row, reader, arm, case, truth in columns.itertuples():  # the index is the file's own line
        before = answers.setdefault((reader, arm, case), row)
        if before != row:
            raise TableError(
                f"reader '{reader}' has read case '{case}' in arm '{arm}' in row {before} already",
                file=path,
                row=row,
                fix="Delete the wrong one of the two rows.",
            )
        told, first = truths.setdefault(case, (truth, row))
        if told != truth:
            raise TableError(
                f"the truth of case '{case}' is {truth}, and in row {first} it is {told}",
                file=path,
                row=row,
                column="truth",
                fix="Give each case one truth.",
            )


def renamed(frame: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Give columns our names: those that are told, then those that are known by another name."""
    for ours, theirs in columns.items():
        if theirs not in frame:
            raise TableError("no such column", file=path, column=theirs, fix=f"It has {', '.join(frame.columns)}.")
        frame = frame.drop(columns=[ours] if ours != theirs and ours in frame else []).rename(columns={theirs: ours})
    plain = {str(name).lower().replace("_", "").replace(" ", ""): str(name) for name in frame.columns}
    for ours, others in KNOWN_AS.items():
        known = [plain[other] for other in others if other in plain]
        if ours not in frame and known:
            frame = frame.rename(columns={known[0]: ours})
    return frame


def prepared(
    readings: pd.DataFrame, threshold: float | None = None, criterion: Criterion | None = None
) -> pd.DataFrame:
    """Readings with all columns that the analysis works on.

    Args:
        readings: Has the columns of the contract of readings.
        threshold: Makes calls from confidence where there are none: positive at or above it.
        criterion: When a drawn box is on the lesion.

    Returns:
        The readings with ``call``, ``advice``, ``probability``, ``seconds``, ``experience`` and ``receptiveness`` (nan
        where unknown), ``cluster`` (the patient where known, else the case), ``after_advice`` (seconds), ``localised``
        and ``judged`` (1 where it is known whether the lesion was found, or where there is none; else nan).

    Raises:
        TableError: A cell that breaks the contract.
    """
    out = tables.conform(_identified(readings), tables.READINGS)
    for name in ("call", "advice", "probability", "seconds", "experience", "receptiveness"):
        if name not in out:
            out[name] = np.nan
    if threshold is not None and out["call"].isna().all():
        out["call"] = (out["confidence"] >= threshold).astype(float)
    for name in ("call", "advice"):
        _refuse(~out[name].isin([0, 1]) & out[name].notna(), out, name, "is neither 0 nor 1", "Write 1 for positive.")
    patient = _patients(out)
    out["cluster"] = np.where(patient != "", "patient " + patient, "case " + out["case_id"])
    out["after_advice"] = seconds_after_advice(out)
    out["localised"] = out["judged"] = np.nan
    if has_boxes(out):
        out["localised"] = localised(out, criterion or Criterion())
        out["judged"] = np.where((out["truth"] == 0) | out["localised"].notna(), 1.0, np.nan)
    return out


def _patients(readings: pd.DataFrame) -> pd.Series:
    """The patient of each reading's case, from any of its rows; empty where none says it."""
    if "patient_id" not in readings:
        return pd.Series("", index=readings.index)
    given = readings["patient_id"]
    known = given.mask(given == "").groupby(readings["case_id"]).transform("first").fillna("")
    _refuse((given != "") & (given != known), readings, "patient_id", "is another patient than in the case's first row")
    return known


def _refuse(bad: pd.Series, readings: pd.DataFrame, column: str, what: str, fix: str | None = None) -> None:
    rows = np.flatnonzero(bad.to_numpy())
    if rows.size:
        cell = readings[column].iloc[rows[0]]
        shown = f"{cell:g}" if isinstance(cell, float) else cell
        raise TableError(f"'{shown}' {what}", row=int(rows[0]) + 2, column=column, fix=fix)


def _identified(readings: pd.DataFrame) -> pd.DataFrame:
    """Identifiers that pandas holds as floats, because a cell is empty, as the whole numbers they were."""
    floats = [name for name in _IDENTIFIERS if name in readings and readings[name].dtype.kind == "f"]
    return readings.assign(
        **{name: [f"{x:.0f}" if x == x and x % 1 == 0 else x for x in readings[name].tolist()] for name in floats}
    )
