"""The one reader of every table: a file's header and rows as they stand there, each with the file's own line.

What the cells mean is said by a contract (:mod:`osteon.core.tables.contract`).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from io import StringIO
from itertools import islice
from pathlib import Path
from unicodedata import normalize

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from osteon.core.cells import is_missing, number, trimmed, with_point, written
from osteon.core.errors import TableError
from osteon.core.tables import workbook
from osteon.core.tables.text import contents
from osteon.core.tables.workbook import Row

#: The name of an index that holds the file's own line of each row.
LINE = "line"
#: Where a frame remembers a column whose decimal sign is a comma.
COMMA = "decimal comma in"
#: What a spreadsheet writes where a formula failed; ``#N/A`` is a missing value.
_FAILED = ("#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
_SEPARATORS = "\t;,"
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t ]*', re.IGNORECASE)
_COMMA_BETWEEN_DIGITS = re.compile(r"\d,\d")
_SAMPLE = 50
#: From so many columns on, a line with their separators inside a quoted cell is a row.
_MANY = 4


def sheet(path: Path, wanted: Collection[str] = ()) -> pd.DataFrame:
    """Read a table as it stands: text (CSV and its relatives), an Excel workbook, or Parquet; the content decides.

    Args:
        path: The table.
        wanted: Columns that tell which of several sheets of a workbook is meant.

    Returns:
        Cells as text without white space around it (numbers of a Parquet file as numbers). The index, named
        :data:`LINE`, is the file's own line of each row; rows without any text are left out. ``attrs[COMMA]`` names a
        column with decimal commas where no comma parts the columns.

    Raises:
        TableError: The file is absent, of another kind or damaged, a column has no name or another's, or a row is
            wider or narrower than the header.
    """
    path = Path(path)
    _refuse_absent(path)
    if _is_parquet(path):
        return _of_parquet(path)
    if workbook.is_workbook(path):
        found = list(workbook.rows(path, wanted))
        width = max((len(cells) for _, cells in found), default=0)
        records: Iterable[Row] = [(line, cells + [""] * (width - len(cells))) for line, cells in found]
        separator = ""
    else:
        records, separator = _records(_tabular(path), path)
    frame = _frame(records, separator, path)
    return frame if separator == "," else _with_decimal_sign(frame)


def _of_parquet(path: Path) -> pd.DataFrame:
    """Numbers as numbers, everything else as text; its first row counts as row 2, as if a header stood above."""
    found = workbook.parquet(path)
    numeric = [is_numeric_dtype(kind) and not is_bool_dtype(kind) for kind in found.dtypes]
    names = unique_names(map(str, found.columns), path)
    frame = pd.DataFrame(
        {
            name: found.iloc[:, at] if number_like else pd.Series(map(written, found.iloc[:, at]), dtype="object")
            for at, (name, number_like) in enumerate(zip(names, numeric, strict=True))
        }
    )
    return frame.set_index(pd.RangeIndex(2, len(frame) + 2, name=LINE))


def columns(path: Path) -> list[str]:
    """The names of a table's columns, read as :func:`sheet` reads them."""
    path = Path(path)
    _refuse_absent(path)
    if _is_parquet(path):
        return unique_names(workbook.parquet_columns(path), path)
    records = workbook.rows(path) if workbook.is_workbook(path) else _records(_tabular(path), path)[0]
    return unique_names((name for name in next(iter(records), (0, []))[1] if name), path)


def _refuse_absent(path: Path) -> None:
    if path.is_dir():
        raise TableError("this is a folder", file=path, fix="Give the table in it.")
    if path.is_file():
        return
    fix = "Check the path; in a study file it is relative to that file."
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, beside, n=1)
    if not path.parent.is_dir():
        fix = f"There is no folder '{path.parent}' either. {fix}"
    elif close:
        fix = f"Did you mean '{close[0]}'?"
    elif "\\" in path.name:
        fix = "Write the path with /."
    raise TableError("no such file", file=path, fix=fix)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(4) == b"PAR1"


def _tabular(path: Path) -> str:
    """The text of a file that may be a table."""
    text = contents(path).rstrip("\x1a")  # the end of a file, as DOS marked it
    beginning = text[:100].lstrip()
    for sign, what in (("<", "a web page or XML"), ("{", "JSON"), ("[", "JSON")):
        if beginning.startswith(sign):
            raise TableError(f"this is {what}", file=path, fix="Give the table as CSV UTF-8 or .xlsx.")
    return text


def _records(text: str, path: Path) -> tuple[Iterator[Row], str]:
    """The records of a text with the line each begins in, from the header on, and what separates their fields."""
    handle = StringIO(text, newline="")
    told = _SEP_LINE.fullmatch(handle.readline().rstrip("\r\n"))
    if told is None:
        handle.seek(0)
    before, start = int(told is not None), handle.tell()
    remarks: list[tuple[int, int, str]] = []  # lines before each, where it starts, its text
    while line := handle.readline():
        if line.lstrip().startswith("#"):
            remarks.append((before, start, line))
        elif trimmed(line):
            break
        before, start = before + 1, handle.tell()
    separator = told[1] if told else _separator(text[start if line else 0 :])
    # A header may itself begin with the sign of a remark, without a space; then it has as many fields as what follows.
    for lines, place, remark in remarks[-1:] if line else remarks:
        fields = _fields(remark, separator)
        named = re.match(r"\s*#[^\s#]", remark) is not None and len(fields) > 1
        if named and (not line or len(fields) == len(_fields(line, separator))):
            before, start = lines, place
            break
    handle.seek(start)
    return _parsed(handle, separator, before, path), separator


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _separator(text: str) -> str:
    """Tab, semicolon or comma: the one that parts rows as it parts the header, and then into more fields."""
    best, chosen = (-1.0, -1), ","
    for separator in _SEPARATORS:
        try:
            records = list(islice(csv.reader(StringIO(text, newline=""), delimiter=separator), _SAMPLE))
        except csv.Error:  # reading it will say so
            records = list(csv.reader(text.splitlines()[:1], delimiter=separator))
        width = len(records[0]) if records else 0
        rows = [record for record in records[1:] if record]
        agreeing = sum(len(record) == width for record in rows) / len(rows) if rows else 1.0
        if width > 1 and (agreeing, width) > best:
            best, chosen = (agreeing, width), separator
    return chosen


def _parsed(handle: StringIO, separator: str, before: int, path: Path) -> Iterator[Row]:
    """Records that hold anything, with the line they begin in."""
    reader = csv.reader(handle, delimiter=separator, strict=True, skipinitialspace=separator != "\t")
    width = 0
    while True:
        line = before + reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:  # it would read on to the end of the file, or found text behind a closing quote
            raise TableError(
                "a quote is not closed, or closes in the middle of a cell",
                file=path,
                row=line,
                fix="Close it; write a quote inside a quoted cell twice.",
            ) from None
        width = width or len(record)
        if before + reader.line_num > line:
            _refuse_swallowed(record, separator, width, line, path)
        cells = [trimmed(cell) for cell in record]
        if any(cells):
            yield line, cells


def _refuse_swallowed(record: list[str], separator: str, width: int, line: int, path: Path) -> None:
    """Refuse a cell of several lines that look like rows: a quote that another row's quote closes."""
    lines = [part for cell in record for part in cell.splitlines()[1:]]
    if width >= _MANY and any(part.count(separator) >= width - 1 for part in lines):
        raise TableError(
            "a quoted cell that begins here holds further rows", file=path, row=line, fix="Close its quote."
        )


def _frame(records: Iterable[Row], separator: str, path: Path) -> pd.DataFrame:
    """Header and rows as a frame of texts."""
    rows = iter(records)
    above, header = next(rows, (0, []))
    if not header:
        raise TableError("not a readable table (it is empty)", file=path, fix="Give a header and rows.")
    lines, cells = [], []
    uneven: list[Row] = []
    for line, row in rows:
        lines.append(line)
        cells.append(row)
        if len(row) != len(header):
            uneven.append((line, row))
    if uneven:
        raise _uneven(uneven, len(header), separator, path)
    _refuse_remarks(lines, cells, path)
    whole = pd.DataFrame(cells, columns=range(len(header)), dtype="object")
    kept = [index for index, name in enumerate(header) if name or whole[index].any()]
    for index in kept:
        if not header[index]:
            first = int(whole[index].astype(bool).to_numpy().argmax())
            raise TableError(
                f"column {index + 1} has no name, and holds '{whole[index][first][:40]}' in row {lines[first]}",
                file=path,
                row=above,
                fix="Name it in the header, or delete it (row names: row.names = FALSE in R, index=False in pandas).",
            )
    frame = whole[kept]
    frame.columns = pd.Index(unique_names((header[index] for index in kept), path))
    frame.index = pd.Index(lines, name=LINE, dtype="int64")
    if any(cell.startswith("#") for row in cells for cell in row):
        _refuse_failed(frame, path)
    return frame


def unique_names(names: Iterable[str], path: Path | str | None = None) -> list[str]:
    """Column names in composed Unicode, each once.

    Raises:
        TableError: One occurs twice.
    """
    found = [normalize("NFC", trimmed(name)) for name in names]
    for name, count in Counter(found).items():
        if count > 1:
            raise TableError("the column occurs twice", file=path, column=name, fix="Rename or drop one.")
    return found


def and_more(rows: int) -> str:
    """How many more rows have the same fault, for a message about the first."""
    return f" (and {rows - 1} more row{'s' * (rows > 2)})" if rows > 1 else ""


def _uneven(rows: list[Row], width: int, separator: str, path: Path) -> TableError:
    """What is wrong with rows that are wider or narrower than the header, and what to do."""
    line, cells = rows[0]
    text = separator.join(cells)
    has = f"{len(cells)} field{'s' * (len(cells) > 1)}"
    what = f"the row has {has} and the header {width}: {text[:60]}{'...' * (len(text) > 60)}{and_more(len(rows))}"
    if cells[0].startswith("#"):
        fix = "Delete the line if it is a remark."
    elif len(cells) < width:
        fix = "Give every row a field for each column, empty where there is no value."
    elif separator == "," and _COMMA_BETWEEN_DIGITS.search(text):
        fix = (
            "A decimal comma parts a number in two: save the table with decimal points, or with semicolons between "
            "columns. A text that holds a comma needs quotes around it."
        )
    else:
        fix = f"Put quotes around a text that holds '{separator}', or name every column in the header."
    return TableError(what, file=path, row=line, fix=fix.replace("\t", "a tab"))


def _refuse_remarks(lines: list[int], cells: list[list[str]], path: Path) -> None:
    """Refuse rows that were taken out by the sign of a remark, which no table has."""
    said = ("#n/a", *map(str.lower, _FAILED))  # of a formula
    begins = ((line, row[0]) for line, row in zip(lines, cells, strict=True))
    marked = [line for line, cell in begins if cell.startswith("#") and cell.lower() not in said]
    if marked and len(marked) < len(lines):
        raise TableError(
            "the row begins with '#', as a remark does",
            file=path,
            row=marked[0],
            fix="Delete the row, or the '#' where the row is meant.",
        )


def _refuse_failed(frame: pd.DataFrame, path: Path) -> None:
    """Refuse a cell that holds a spreadsheet's error."""
    for name in frame:
        failed = frame[name].isin(_FAILED).to_numpy()
        if failed.any():
            line = int(frame.index[failed][0])
            value = frame[name].to_numpy()[failed][0]
            raise TableError(
                f"'{value}' is the error of a formula", file=path, row=line, column=str(name), fix="Mend the formula."
            )


def are_numbers(known: Sequence[str]) -> bool:
    """Whether a column's cells are numbers, but for a few that somebody has to look at."""
    return 2 * sum(number(text) is not None for text in known) > len(known)


def _with_decimal_sign(frame: pd.DataFrame) -> pd.DataFrame:
    """Remember whether a comma is the decimal sign, where it does not part columns."""
    for name in frame:
        known = [cell for cell in frame[name] if not is_missing(cell)]
        if any("," in cell for cell in known) and are_numbers(list(map(with_point, known))):
            frame.attrs[COMMA] = str(name)
            break
    return frame
