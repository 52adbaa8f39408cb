"""iMRMC input files (Gallas; didsr.github.io/iMRMC), in and out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.cells import number, plain, trimmed
from osteon.core.errors import TableError

_BEGIN = re.compile(r"\s*BEGIN DATA", re.IGNORECASE)
_COUNT = re.compile(r"\s*(N0|N1|NR|NM)\s*[:=]\s*(\d{1,9})[\s,]*$", re.IGNORECASE | re.ASCII)
_TRUTH = ("-1", "truth")  # the reader who tells it


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of data: reader, case, modality, score as text, and its number in the file."""

    reader: str
    case: str
    arm: str
    score: str
    number: int


def is_imrmc(path: Path) -> bool:
    """Whether a file is iMRMC's: by its ending, or by the line between header and data whatever its name."""
    if path.suffix.lower() == ".imrmc":
        return True
    if path.suffix.lower() in (".parquet", ".xlsx", ".xls", ".ods") or not path.is_file():
        return False
    try:
        return any(_BEGIN.match(line) for line in _lines(path))
    except TableError:
        return False


def from_imrmc(path: Path) -> pd.DataFrame:
    """Read an iMRMC input file.

    Lines ``reader, case, modality, score`` follow ``BEGIN DATA:``; the reader ``-1`` or ``truth`` tells the truth. As
    in iMRMC itself a case has one truth, and a reader one score for a case and modality. Counts that the header gives
    (``N0``, ``N1``, ``NR``, ``NM``) are held against the data.

    Returns:
        Readings with ``reader``, ``arm``, ``case_id``, ``truth`` and ``confidence``, in the order of the file.

    Raises:
        TableError: No data, a line that is none, a truth that is not 0 or 1, a score that is no number, a case without
            truth, a line that repeats or contradicts another; the message names the file's own line.
    """
    lines = _lines(path)
    start = next((i for i, line in enumerate(lines) if _BEGIN.match(line)), None)
    if start is None:
        raise TableError("no line 'BEGIN DATA:'", file=path, fix="Give an iMRMC input file.")
    numbered = list(enumerate(lines, start=1))[start + 1 :]
    data = [_parsed(line, path, position) for position, line in numbered if line.strip(", \t")]
    truths = _truths([line for line in data if line.reader.lower() in _TRUTH], path)
    readings = [line for line in data if line.reader.lower() not in _TRUTH]
    if not readings:
        raise TableError("no score follows 'BEGIN DATA:'", file=path, fix="Give a file with readings.")
    scores = _scores(readings, truths, path)
    for what in ("reader", "arm", "case"):
        _refuse_look_alikes(readings, what, path)
    _refuse_other_counts(lines[:start], truths, readings, path)
    rows = [
        {"reader": line.reader, "arm": line.arm, "case_id": line.case, "truth": truths[line.case], "confidence": score}
        for line, score in zip(readings, scores, strict=True)
    ]
    return tables.conform(pd.DataFrame(rows), tables.READINGS, file=path)


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


def _lines(path: Path) -> list[str]:
    """The lines of a text file as editors number them."""
    try:
        text = tables.contents(path, fix="Save it as UTF-8.")
    except FileNotFoundError:
        raise TableError("no such file", file=path) from None
    except OSError as error:
        raise TableError(f"the file cannot be opened ({error.strerror})", file=path) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _parsed(line: str, path: Path, position: int) -> _Line:
    """One line of data."""
    fields = [trimmed(field) for field in line.split(",")]
    while len(fields) > 4 and not fields[-1]:  # as a spreadsheet pads its rows
        fields.pop()
    shown = line.strip()[:60]
    if len(fields) != 4:
        raise TableError(
            f"not 'reader, case, modality, score' but {len(fields)} fields: {shown}",
            file=path,
            row=position,
            fix="Write four fields with commas between them, and decimals with a point.",
        )
    for name, value in zip(("reader", "case", "modality", "score"), fields, strict=True):
        if not value:
            raise TableError(f"the {name} is missing: {shown}", file=path, row=position, fix="Complete or delete it.")
    reader, case, arm, score = fields
    return _Line(reader, case, arm, score, position)


def _truths(lines: Iterable[_Line], path: Path) -> dict[str, int]:
    """The truth of each case."""
    found: dict[str, tuple[int, _Line]] = {}
    for line in lines:
        value = number(line.score)
        if value not in (0.0, 1.0):
            raise TableError(
                f"the truth of case '{line.case}' is {line.score[:40]}, not 0 or 1",
                file=path,
                row=line.number,
                fix="Give 1 where the case is positive, else 0.",
            )
        if line.case in found:
            before = found[line.case][1]
            raise TableError(
                f"the truth of case '{line.case}' is {line.score}, and in row {before.number} it is {before.score}",
                file=path,
                row=line.number,
                fix="Delete the wrong one of the two lines.",
            )
        found[line.case] = int(value), line
    return {case: value for case, (value, _) in found.items()}


def _scores(lines: Iterable[_Line], truths: Mapping[str, int], path: Path) -> list[float]:
    """The score of each line, every reader, case and modality once."""
    scores: list[float] = []
    seen: dict[tuple[str, str, str], int] = {}
    for line in lines:
        value = number(line.score)
        if value is None:
            raise TableError(
                f"the score '{line.score[:40]}' is not a number",
                file=path,
                row=line.number,
                fix="Give a number, or delete the line if the case was not read.",
            )
        if line.case not in truths:
            raise TableError(
                f"no truth for case '{line.case}'", file=path, row=line.number, fix="Add its line with reader -1."
            )
        before = seen.setdefault((line.reader, line.case, line.arm), line.number)
        if before != line.number:
            raise TableError(
                f"reader '{line.reader}' has scored case '{line.case}' with '{line.arm}' in row {before} already",
                file=path,
                row=line.number,
                fix="Delete the wrong one of the two lines.",
            )
        scores.append(value)
    return scores


def _refuse_look_alikes(lines: Iterable[_Line], what: str, path: Path) -> None:
    """Refuse names that differ in case, inner spaces or Unicode form only."""
    seen: dict[str, str] = {}
    for line in lines:
        name: str = getattr(line, what)
        first = seen.setdefault(plain(name), name)
        if first != name:
            raise TableError(
                f"a {what.replace('arm', 'modality')} is written '{first}' and '{name}'",
                file=path,
                row=line.number,
                fix="Spell it in one way, or give the two different names.",
            )


def _refuse_other_counts(
    header: Sequence[str], truths: Mapping[str, int], readings: Sequence[_Line], path: Path
) -> None:
    """Refuse data that are not as many as the header says: part of the file may be missing."""
    has = {
        "N0": (sum(value == 0 for value in truths.values()), "cases with truth 0"),
        "N1": (sum(value == 1 for value in truths.values()), "cases with truth 1"),
        "NR": (len({line.reader for line in readings}), "readers"),
        "NM": (len({line.arm for line in readings}), "modalities"),
    }
    for position, line in enumerate(header, start=1):
        found = _COUNT.match(line)
        name = found[1].upper() if found else ""
        if found and int(found[2]) != has[name][0]:
            raise TableError(
                f"the header says {name}: {found[2]}, but the data hold {has[name][0]} {has[name][1]}",
                file=path,
                row=position,
                fix="Complete the data, or correct the header.",
            )
