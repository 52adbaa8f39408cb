"""What a column and a table are; atomic reading and writing of tables."""

from __future__ import annotations

import csv
import errno
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from osteon.errors import TableError, suggest

Kind = Literal["text", "number", "integer", "flag"]


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Attributes:
        kind: ``text`` (never nan: an empty string is missing), ``number`` (float, nan is missing), ``integer`` or
            ``flag`` (bool), both never missing.
        required: The table is refused without it.
        filled: Every row needs a value.
        unique: No two rows share a value.
        low: Least allowed value.
        high: Greatest allowed value.
    """

    kind: Kind = "text"
    required: bool = True
    filled: bool = True
    unique: bool = False
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Contract:
    """The columns of one table.

    Attributes:
        name: The table's name in messages.
        columns: Column name to its :class:`Column`.
        open: Whether further columns are allowed.
    """

    name: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    open: bool = False


#: Columns that many tables have.
TEXT = Column()
NOTE = Column(filled=False)
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


def read(path: Path, contract: Contract) -> pd.DataFrame:
    """Read a CSV, Excel or Parquet table and hold it against its contract.

    Args:
        path: The table; ``.parquet`` is read as Parquet, ``.xlsx`` as Excel's first sheet, everything else as text as
            spreadsheets save it: UTF-8 or UTF-16, with commas, semicolons or tabs; where no comma separates, it may be
            the decimal sign.
        contract: What it has to be.

    Returns:
        The table, text columns as ``str`` with "" for missing, number columns as float64.

    Raises:
        TableError: The file is absent or unreadable or breaks the contract; the message names row and column.
    """
    if not path.is_file():
        raise TableError("no such file", file=path, fix="Check the path; it is relative to the study file.")
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path).astype("string").fillna("").astype("object")
        elif path.suffix == ".xlsx":
            frame = pd.read_excel(path, dtype=str, keep_default_na=False)
        else:
            frame = _read_text(path)
    except UnicodeError as error:
        raise TableError("not UTF-8 text", file=path, fix="Save the table as CSV UTF-8.") from error
    except (ValueError, OSError, BadZipFile) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        reason = " ".join(str(error).split())
        raise TableError(f"not a readable table ({reason})", file=path) from error
    frame.columns = [str(column).strip() for column in frame.columns]
    return conform(frame, contract, file=path)


def _read_text(path: Path) -> pd.DataFrame:
    """A table as spreadsheets save it, every cell as text."""
    with path.open("rb") as file:
        encoding = "utf-16" if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig"
    with path.open(encoding=encoding) as handle:
        header = handle.readline()
    separator = max(",;\t", key=header.count)
    frame = pd.read_csv(path, dtype="object", keep_default_na=False, sep=separator, encoding=encoding, index_col=False)
    names = next(csv.reader([header.rstrip("\r\n")], delimiter=separator), [])
    if len(names) == len(frame.columns):
        frame.columns = pd.Index(names)  # pandas would tell a repeated column apart by a number
    return frame if separator == "," else frame.apply(_with_points)


def _with_points(column: pd.Series) -> pd.Series:
    """Decimal commas as points, in a column that holds nothing but numbers."""
    numbers = column.str.fullmatch(r"\s*[-+]?\d*(,\d+)?([eE][-+]?\d+)?\s*")
    return column.str.replace(",", ".") if numbers.all() else column


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


def conform(frame: pd.DataFrame, contract: Contract, *, file: str | Path | None = None) -> pd.DataFrame:
    """Return the table with the contract's columns first and coerced, or say which cell breaks it.

    Raises:
        TableError: With file, spreadsheet row and column of the first offence.
    """
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise TableError("the column occurs twice", file=file, column=str(repeated[0]), fix="Rename or drop one.")
    missing = [name for name, column in contract.columns.items() if column.required and name not in frame]
    if missing:
        raise TableError(
            f"the {contract.name} table lacks it (it has: {', '.join(map(str, frame.columns))})",
            file=file,
            column=missing[0],
            fix=f"Add the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}.",
        )
    extra = [str(name) for name in frame.columns if name not in contract.columns]
    if extra and not contract.open:
        raise TableError("unknown column", file=file, column=extra[0], fix=suggest(extra[0], contract.columns))
    present = [name for name in contract.columns if name in frame]
    out = {name: _coerce(frame[name], name, contract.columns[name], file) for name in present}
    return pd.DataFrame({**out, **{name: frame[name] for name in extra}}).reset_index(drop=True)


def _coerce(values: pd.Series, name: str, column: Column, file: str | Path | None) -> pd.Series:
    """One column as its contract's type; a TableError at the first cell that is not."""

    def refuse(bad: pd.Series | np.ndarray, what: str, fix: str | None = None) -> None:
        rows = np.flatnonzero(np.asarray(bad, dtype=bool))
        if len(rows):
            more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
            cell = values.iloc[rows[0]]
            raise TableError(what.format(cell) + more, file=file, row=int(rows[0]) + 2, column=name, fix=fix)

    text = values.astype("object").where(values.notna(), "").astype(str).str.strip()
    if column.kind == "text":
        out: pd.Series = text
    elif column.kind == "flag":
        out = text.str.lower().map({"true": True, "false": False, "1": True, "0": False})
        refuse(out.isna(), "'{}' is not true or false")
        out = out.astype(bool)
    else:
        out = pd.to_numeric(text.where(text != "", "nan"), errors="coerce").astype("float64")
        refuse(
            (out.isna() & ~text.str.lower().isin(["", "nan", "na", "none"])) | np.isinf(out),
            "'{}' is not a number",
        )
        refuse((out < column.low) | (out > column.high), f"{{}} is outside {column.low:g} to {column.high:g}")
        if column.kind == "integer":
            refuse(out.isna(), "the value is missing")
            refuse(out != out.round(), "'{}' is not a whole number")
            out = out.astype("int64")
    if column.filled:
        refuse(
            (text == "") | (text.str.lower() == "nan") if column.kind == "number" else text == "",
            "the value is missing",
        )
    if column.unique:
        refuse(out.duplicated(), "'{}' occurs before", "Each row needs an identifier of its own.")
    return out
