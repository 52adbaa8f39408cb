"""Tables that are no text: Excel workbooks and Parquet files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import pandas as pd

from osteon.core.cells import meant, written
from osteon.core.errors import TableError

Row = tuple[int, list[str]]

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')
_CELL = re.compile(rb"<(?:\w+:)?c(?=\s)")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_VALUE = re.compile(rb"<(?:\w+:)?v[^>/]*>[^<]")
_PLACE = re.compile(rb'\br="([A-Z]+[0-9]+)"')
#: Excel keeps so many digits of a number; a longer identifier has lost its last ones.
_DIGITS = 15
_MOST = 10**_DIGITS
_OTHERS = {
    "xl/workbook.bin": ("a binary Excel file (.xlsb)", "Save it as .xlsx."),
    "content.xml": ("a LibreOffice file", "Save it as CSV (UTF-8) or .xlsx."),
    "Index/Document.iwa": ("a Numbers file", "Export it as CSV (UTF-8) or .xlsx."),
    "word/document.xml": ("a Word file", "Save the table as CSV UTF-8 or .xlsx."),
}


def is_workbook(path: Path) -> bool:
    """Whether a file is an Excel workbook, whatever its name.

    Raises:
        TableError: It is another kind of archive, or a damaged one.
    """
    with path.open("rb") as handle:
        beginning = handle.read(4)
    if beginning != b"PK\x03\x04" and not (beginning[:2] == b"PK" and path.suffix.lower() in (".xlsx", ".xlsm")):
        return False
    try:
        with ZipFile(path) as archive:
            names = set(archive.namelist())
    except (BadZipFile, OSError, ValueError) as error:
        raise TableError(f"not a readable table ({error})", file=path, fix="Copy or download it again.") from None
    if "xl/workbook.xml" in names:
        return True
    what, fix = next((told for name, told in _OTHERS.items() if name in names), ("an archive", "Unpack it first."))
    raise TableError(f"this is {what}", file=path, fix=fix)


def rows(path: Path, wanted: Collection[str] = ()) -> Iterator[Row]:
    """The rows of the one sheet of a workbook that holds a table.

    Args:
        path: An Excel workbook.
        wanted: Columns that tell which of several sheets is meant.

    Yields:
        The sheet's own row number and the cells as a person sees them, empty rows left out.

    Raises:
        TableError: The workbook is damaged, several sheets may be meant, cells are merged, or the value of a formula or
            an identifier was not kept.
    """
    from openpyxl import load_workbook

    try:
        with path.open("rb") as handle:
            book = load_workbook(handle, read_only=True, data_only=True)
            found = {sheet.title: list(_cells(sheet)) for sheet in book.worksheets}
            files = {sheet.title: sheet._worksheet_path for sheet in book.worksheets}
    except TableError:
        raise
    except Exception as error:  # openpyxl raises whatever a damaged archive makes of it
        raise TableError(
            f"not a readable table ({type(error).__name__}: {error})", file=path, fix="Save it again as .xlsx."
        ) from None
    full = {title: cells for title, cells in found.items() if cells}
    if len(full) > 1:
        fitting = [title for title, cells in full.items() if wanted and set(wanted) <= set(map(meant, cells[0][1]))]
        if len(fitting) != 1:
            raise TableError(
                f"{len(full)} of its sheets are filled: {', '.join(full)}",
                file=path,
                fix="Keep the sheet of the table, with its header in the first row, or save that sheet as CSV UTF-8.",
            )
        full = {fitting[0]: full[fitting[0]]}
    for title, cells in full.items():
        _refuse_lost(path, title, files[title], cells)
        yield from cells


def _cells(sheet: Any) -> Iterator[Row]:
    """Row number and texts of each row of a sheet that has any."""
    sheet.reset_dimensions()  # what a program wrote there is not always so
    for number, row in enumerate(sheet.iter_rows(), start=1):
        texts = [_text(cell) for cell in row]
        if any(texts):
            yield number, texts


def _text(cell: Any) -> str:
    value = cell.value
    if isinstance(value, float) and value.is_integer():
        if abs(value) >= _MOST:
            return f"{value:.14E}"
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value >= 0 and re.fullmatch("0{2,}", cell.number_format):
            return f"{value:0{len(cell.number_format)}d}"  # 7 that is shown as 007
        if abs(value) >= _MOST and value % 10 ** (len(str(abs(value))) - _DIGITS) == 0:
            return f"{float(value):.14E}"
    return written(value)


def _refuse_lost(path: Path, title: str, file: str, cells: list[Row]) -> None:
    """Refuse what a sheet does not hold although it seems to: merged cells, formulas whose value was not saved."""
    with ZipFile(path) as archive:
        source = archive.read(file.removeprefix("/"))
    first, last = cells[0][0], cells[-1][0]
    for left, top, right, bottom in _MERGED.findall(source):
        if int(bottom) >= first and int(top) <= last:
            where = f"{left.decode()}{top.decode()} to {right.decode()}{bottom.decode()}"
            raise TableError(
                f"the cells {where} of the sheet '{title}' are merged, so that all but the first are empty",
                file=path,
                row=int(top),
                fix="Unmerge them and write the value into each.",
            )
    for cell in _CELL.split(source)[1:] if b"<f" in source or b":f>" in source else ():
        about, _, inside = cell.partition(b">")
        if _FORMULA.search(inside) and b't="str"' not in about and not _VALUE.search(inside):
            place = _PLACE.search(about)
            where = place[1].decode() if place else "somewhere"
            raise TableError(
                f"the formula in the cell {where} of the sheet '{title}' has no saved value",
                file=path,
                row=int(re.sub("[^0-9]", "", where) or first),
                fix="Open the file in Excel and save it, or write the value itself.",
            )


def parquet(path: Path) -> pd.DataFrame:
    """The columns of a Parquet file, numbers as numbers.

    Raises:
        TableError: It is none.
    """
    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except (ValueError, OSError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        reason = " ".join(str(error).split())
        raise TableError(f"not a readable table ({reason})", file=path) from error


def parquet_columns(path: Path) -> list[str]:
    """The column names of a Parquet file."""
    from pyarrow import parquet as reader

    try:
        return [str(name) for name in reader.read_schema(path).names]
    except (ValueError, OSError) as error:
        raise TableError(f"not a readable table ({' '.join(str(error).split())})", file=path) from error
