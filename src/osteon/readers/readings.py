"""Readings from anywhere: osteon's own readings.csv, a spreadsheet, an iMRMC file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from osteon import tables
from osteon.errors import TableError

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
        path: ``.csv``, ``.parquet`` or ``.imrmc``.
        columns: Our column names to the file's, for columns that are called something unusual.

    Returns:
        A table that meets the contract of readings.

    Raises:
        TableError: The file is absent, or a column or value is missing or wrong.
    """
    path = Path(path)
    if path.suffix.lower() == ".imrmc":
        return from_imrmc(path)
    frame = renamed(tables.sheet(path, columns.values() if columns else ()), columns or {}, path)
    return tables.conform(frame, tables.READINGS, file=path).reset_index(drop=True)


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


def prepared(readings: pd.DataFrame, threshold: float | None = None) -> pd.DataFrame:
    """Readings with all columns that the analysis works on.

    Args:
        readings: Meets the contract of readings.
        threshold: Makes calls from confidence where there are none: positive at or above it.

    Returns:
        The readings with ``call``, ``advice``, ``probability``, ``seconds``, ``experience`` and ``receptiveness`` (nan
        where unknown) and ``cluster`` (the patient where known, else the case).
    """
    out = readings.copy()
    for name in ("call", "advice", "probability", "seconds", "experience", "receptiveness"):
        if name not in out:
            out[name] = np.nan
    if threshold is not None and out["call"].isna().all():
        out["call"] = (out["confidence"] >= threshold).astype(float)
    patient = out["patient_id"].astype(str) if "patient_id" in out else pd.Series("", index=out.index)
    out["cluster"] = np.where(patient != "", "patient " + patient, "case " + out["case_id"].astype(str))
    return out


def from_imrmc(path: Path) -> pd.DataFrame:
    """Read an iMRMC input file (Gallas; didsr.github.io/iMRMC).

    Lines ``reader, case, modality, score`` follow ``BEGIN DATA:``; the reader ``-1`` or ``truth`` tells the truth.

    Raises:
        TableError: No data, a line that is none, or a case without truth.
    """
    try:
        lines = tables.contents(path, fix="Save it as UTF-8 text.").splitlines()
    except FileNotFoundError:
        raise TableError("no such file", file=path) from None
    start = next((i for i, line in enumerate(lines) if line.strip().upper().startswith("BEGIN DATA")), None)
    if start is None:
        raise TableError("no line 'BEGIN DATA:'", file=path, fix="Give an iMRMC input file.")
    truth: dict[str, int] = {}
    rows = []
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        fields = [field.strip() for field in line.split(",")]
        if not any(fields):
            continue
        try:
            reader, case, arm, score = fields
            value = float(score)
        except ValueError:
            what = f"not 'reader, case, modality, score': {line.strip()[:60]}"
            raise TableError(what, file=path, row=number) from None
        if reader in ("-1", "truth"):
            truth[case] = int(value)
        else:
            rows.append({"reader": reader, "arm": arm, "case_id": case, "confidence": value})
    frame = pd.DataFrame(rows, columns=["reader", "arm", "case_id", "confidence"])
    unknown = [case for case in frame["case_id"] if case not in truth]
    if unknown:
        raise TableError(f"no truth for case '{unknown[0]}'", file=path, fix="Add its line with reader -1.")
    return tables.conform(frame.assign(truth=frame["case_id"].map(truth)), tables.READINGS, file=path)


def to_imrmc(readings: pd.DataFrame, title: str = "reader study") -> str:
    """Readings as an iMRMC input file.

    The program wants whole numbers for cases: other identifiers are numbered in sorted order, and the list of numbers
    stands above the data.

    Raises:
        TableError: An identifier holds a comma or a line end.
    """
    for name in ("reader", "arm", "case_id"):
        bad = readings[name].astype(str).str.contains(r"[,\n\r]", regex=True).to_numpy()
        if bad.any():
            raise TableError("an identifier holds a comma", row=int(np.flatnonzero(bad)[0]) + 2, column=name)
    truth = readings.drop_duplicates("case_id").set_index("case_id")["truth"].sort_index()
    whole = all(str(case).isdecimal() for case in truth.index)
    number = {case: str(case) if whole else str(i) for i, case in enumerate(truth.index, start=1)}
    named = [] if whole else [f"case {number[case]}: {case}" for case in truth.index]
    lines = [
        title.replace("\n", " "),
        *named,
        f"N0: {int((truth == 0).sum())}",
        f"N1: {int((truth == 1).sum())}",
        f"NR: {readings['reader'].nunique()}",
        f"NM: {readings['arm'].nunique()}",
        "BEGIN DATA:",
        *(f"-1,{number[case]},0,{int(value)}" for case, value in truth.items()),
        *(
            f"{reader},{number[case]},{arm},{score:.17g}"
            for reader, case, arm, score in readings[["reader", "case_id", "arm", "confidence"]].itertuples(index=False)
        ),
    ]
    return "\n".join(lines) + "\n"
