"""What a column and a table are; atomic reading and writing of tables."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from osteon.core.cells import is_missing, is_rounded, meant, named_spellings, number, plain, spellings, with_point
from osteon.core.cells import written as said
from osteon.core.errors import TableError, suggest
from osteon.core.tables.sheet import COMMA, LINE, and_more, are_numbers, sheet, unique_names

_PLAIN_NUMBER = "Write the number alone, without unit or sign; leave the cell empty where it is not known."
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(?:\.[0-9]{3})+")

Kind = Literal["text", "path", "free", "number", "integer", "flag"]


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Attributes:
        kind: ``text`` (never nan: an empty string is missing), ``path`` (text in the Unicode form it has on the disk),
            ``free`` (a person's own words: "none" is no missing value), ``number`` (float, nan is missing), ``integer``
            or ``flag`` (bool), both never missing.
        required: The table is refused without it.
        filled: Every row needs a value.
        unique: No two rows share a value.
        low: Least allowed value.
        high: Greatest allowed value.
        finite: Whether an infinite number is refused.
        whole: Whether a number with decimals is refused; unlike an ``integer`` it may be missing.
        choices: The only texts that are allowed; none allows all.
        distinct: Texts that differ in case, spaces or Unicode form only are refused when the table is read.
    """

    kind: Kind = "text"
    required: bool = True
    filled: bool = True
    unique: bool = False
    low: float = -np.inf
    high: float = np.inf
    finite: bool = True
    whole: bool = False
    choices: tuple[str, ...] = ()
    distinct: bool = False


@dataclass(frozen=True)
class Contract:
    """The columns of one table.

    Attributes:
        name: The table's name in messages.
        columns: Column name to its :class:`Column`.
        open: Whether further columns are allowed.
        further: What each further column holds; None keeps it as text, "" where it says nothing.
    """

    name: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    open: bool = False
    further: Column | None = None


#: Columns that many tables have.
TEXT = Column()
NAME = Column(distinct=True)
NOTE = Column(filled=False)
FREE = Column("free")
OPTIONAL = Column(required=False, filled=False)
NUMBER = Column("number", filled=False)
PROBABILITY = Column("number", low=0, high=1)
COUNT = Column("integer", low=0)
LABEL = Column("integer", low=0, high=1)
INTERVAL = {
    "value": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "method": NOTE,
    "n": COUNT,
    "n_positive": COUNT,
}
#: A pair of models, a - b, outside the table of AUCs.
PAIR = {
    "model_a": TEXT,
    "model_b": TEXT,
    "difference": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "p": NUMBER,
    "p_holm": NUMBER,
    "primary": Column("flag"),
    "method": NOTE,
}


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a neighbouring path to write to, and rename it to `path` only when the block ends well.

    A crash, a full disk or an exception leaves the old file, or none, never half of a new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        if error.errno is None and "written" in str(error):  # NumPy tells how much it could not write, and not why
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path, contract: Contract, *, lines: bool = False) -> pd.DataFrame:
    """Read a CSV, Excel or Parquet table and hold it against its contract.

    Args:
        path: The table, in any form that :func:`osteon.core.tables.sheet` reads.
        contract: What it has to be.
        lines: Keep the file's own line of each row as the index, for messages of later checks.

    Returns:
        The table, text columns as ``str`` with "" for missing, number columns as float64.

    Raises:
        TableError: The file is absent or unreadable or breaks the contract; the message names row and column.
    """
    wanted = [name for name, column in contract.columns.items() if column.required]
    frame = conform(sheet(Path(path), wanted), contract, file=path)
    return frame if lines else frame.reset_index(drop=True)


def write(frame: pd.DataFrame, path: Path, contract: Contract) -> None:
    """Hold a table against its contract and write it beside, then rename.

    CSV floats are written so that they read back to the same value; column order is the contract's.
    """
    checked = conform(frame, contract, file=path)
    with written(path) as beside:
        if path.suffix == ".parquet":
            checked.to_parquet(beside, index=False)
        else:
            checked.to_csv(beside, index=False, lineterminator="\n")


def line_of(frame: pd.DataFrame | pd.Series, position: int) -> int:
    """The line of a row in its file, or in the spreadsheet that the table would be: the header is row 1."""
    return int(frame.index[position]) if frame.index.name == LINE else position + 2


def conform(frame: pd.DataFrame, contract: Contract, *, file: str | Path | None = None) -> pd.DataFrame:
    """Return the table with the contract's columns first and coerced, or say which cell breaks it.

    A table that was just read keeps the lines of its file as its index, any other gets a new one.

    Raises:
        TableError: With file, row and column of the first offence.
    """
    unique_names(map(str, frame.columns), file)
    was_read = frame.index.name == LINE
    extra = [str(name) for name in frame.columns if name not in contract.columns]
    if was_read:
        _refuse_similar(extra, contract, frame.columns, file)
    missing = [name for name, column in contract.columns.items() if column.required and name not in frame]
    if missing:
        close = get_close_matches(missing[0], extra, n=1, cutoff=0.8)
        plural = "s" if len(missing) > 1 else ""
        raise TableError(
            f"the {contract.name} table lacks it (it has: {', '.join(map(str, frame.columns))})",
            file=file,
            column=missing[0],
            fix=f"Add the column{plural} {', '.join(missing)}"
            + (f", or rename '{close[0]}' to '{missing[0]}'." if close else "."),
        )
    if extra and not contract.open:
        raise TableError("unknown column", file=file, column=extra[0], fix=suggest(extra[0], contract.columns))
    present = [name for name in contract.columns if name in frame]
    out = {name: _coerce(frame[name], name, contract.columns[name], file, frame.attrs) for name in present}
    for name in extra:
        if contract.further is not None:
            out[name] = _coerce(frame[name], name, contract.further, file, frame.attrs)
        else:
            out[name] = _further(frame[name], frame.attrs) if was_read else frame[name]
    result = pd.DataFrame(out, index=frame.index)
    return result if was_read else result.reset_index(drop=True)


def _refuse_similar(
    extra: Iterable[str], contract: Contract, present: Iterable[object], file: str | Path | None
) -> None:
    """Refuse a further column that somebody meant to be one of the contract's."""

    def bare(name: str) -> str:
        return plain(name).replace("_", "").replace("-", "")

    known = {bare(name): name for name in contract.columns}
    for name in extra:
        meant_as = known.get(bare(name))
        if meant_as is not None:
            both = meant_as in set(present)
            raise TableError(
                f"the name differs from '{meant_as}' in case, spaces or signs only",
                file=file,
                column=name,
                fix="Rename or drop one of the two." if both else f"Rename it '{meant_as}'.",
            )


def _further(values: pd.Series, attrs: Mapping[object, object]) -> pd.Series:
    """A column of no contract: texts, with a decimal point in numbers, "" where a cell says nothing."""
    texts = [meant(value) for value in values]
    if COMMA in attrs:
        pointed = [with_point(text) for text in texts]
        if are_numbers([text for text in pointed if text]):
            texts = pointed
    return pd.Series(texts, index=values.index, dtype="object")


def _coerce(
    values: pd.Series, name: str, column: Column, file: str | Path | None, attrs: Mapping[object, object]
) -> pd.Series:
    """One column as its contract's type; a TableError at the first cell that is not."""

    def refuse(bad: Iterable[bool] | pd.Series | np.ndarray, what: str, fix: str | None = None) -> None:
        rows = np.flatnonzero(np.asarray(bad, dtype=bool))
        if len(rows):
            more = and_more(len(rows))
            cell = said(values.iloc[rows[0]])
            line = line_of(values, int(rows[0]))
            raise TableError(what.format(cell) + more, file=file, row=line, column=name, fix=fix)

    def refuse_missing(absent: Iterable[bool] | pd.Series | np.ndarray) -> None:
        rows = np.flatnonzero(np.asarray(absent, dtype=bool))
        words = len(rows) and said(values.iloc[rows[0]])
        refuse(
            absent,
            "the value is missing" + (": '{}' counts as none" if words else ""),
            "Complete it; where the word is a value, write another one." if words else "Complete it.",
        )

    was_read = values.index.name == LINE
    out: pd.Series
    if column.kind in ("number", "integer"):
        # Compared as an array: a table of features has hundreds of columns, and each comparison of Series is slow.
        numbers = _numbers(values, name, column, file, attrs)
        refuse((numbers < column.low) | (numbers > column.high), f"{{}} is outside {column.low:g} to {column.high:g}")
        if column.filled or column.kind == "integer":
            refuse_missing(np.isnan(numbers))
        if column.whole or column.kind == "integer":
            refuse(~np.isnan(numbers) & (numbers != np.round(numbers)), "'{}' is not a whole number")
        out = pd.Series(numbers.astype("int64") if column.kind == "integer" else numbers, index=values.index)
    elif column.kind == "flag":
        texts = [said(value).lower() for value in values]
        known = {"true": True, "false": False, "1": True, "0": False}
        refuse([text not in known for text in texts], "'{}' is not true or false")
        out = pd.Series([known[text] for text in texts], index=values.index, dtype=bool)
    else:
        of_cell = {"text": meant, "path": _as_path, "free": said}[column.kind]
        texts = [of_cell(value) for value in values.tolist()]
        out = pd.Series(texts, index=values.index, dtype="str")
        if was_read:
            refuse(
                ["E+" in text and is_rounded(text) for text in texts],
                "'{}' is a rounded number: a spreadsheet has cut an identifier",
                "Make the column a text column in the spreadsheet, and write the identifiers again.",
            )
        if column.choices:
            refuse(
                [text not in column.choices for text in texts],
                f"'{{}}' is neither {' nor '.join(column.choices)}",
                "Write it exactly so.",
            )
        if column.filled:
            refuse_missing([text == "" for text in texts])
        if column.distinct and was_read:
            _refuse_spellings(out, name, file)
    if column.unique:
        refuse(out.duplicated(), "'{}' occurs before", "Each row needs an identifier of its own.")
    return out


def _as_path(value: object) -> str:
    text = said(value)
    return "" if is_missing(text) else text


def _numbers(
    values: pd.Series, name: str, column: Column, file: str | Path | None, attrs: Mapping[object, object]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The cells of a column as numbers, nan where they say nothing."""
    if values.dtype.kind in "iuf":
        numbers = values.to_numpy(dtype=np.float64)
        refused = np.flatnonzero(np.isinf(numbers) & column.finite)
        texts = [said(values.iloc[at]) for at in refused[:1]]
        fix = _PLAIN_NUMBER
    else:
        cells = [said(value) for value in values]
        texts = [with_point(cell) for cell in cells] if COMMA in attrs else cells
        thousands = COMMA in attrs and any("," in cell for cell in cells)
        numbers = np.full(len(texts), np.nan)
        wrong = []
        for at, (cell, text) in enumerate(zip(cells, texts, strict=True)):
            if is_missing(text):
                continue
            value = number(text)
            if value is None and not column.finite and text.lower() in ("inf", "-inf"):
                value = float(text)
            if value is None or (COMMA in attrs and _is_doubtful(cell, mixed=thousands)):
                wrong.append(at)
            else:
                numbers[at] = value
        refused = np.array(wrong, dtype=np.intp)
        texts = [cells[at] for at in refused[:1]]
        fix = _PLAIN_NUMBER
        if texts and ("," in texts[0] or "." in texts[0]):
            fix = "Write numbers with one decimal sign throughout the table, and none between thousands."
    if len(refused):
        more = and_more(len(refused))
        line = line_of(values, int(refused[0]))
        raise TableError(f"'{texts[0]}' is not a number{more}", file=file, row=line, column=name, fix=fix)
    return numbers


def _is_doubtful(cell: str, *, mixed: bool) -> bool:
    """Whether a point is a decimal sign or parts thousands cannot be told, in a table with decimal commas."""
    return "." in cell and (mixed or _THOUSANDS.fullmatch(cell) is not None)


def _refuse_spellings(texts: pd.Series, name: str, file: str | Path | None) -> None:
    """Refuse texts that the eye takes for one."""
    groups = spellings(texts)
    if groups:
        rarest = list(groups[0])[-1]
        raise TableError(
            f"spelled in several ways: {named_spellings(groups)}",
            file=file,
            row=line_of(texts, int((texts == rarest).to_numpy().argmax())),
            column=name,
            fix="Write it in one way, or give different names to what differs.",
        )
