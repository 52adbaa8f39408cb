"""The text of a file as editors and spreadsheets save it: its encoding, or a sentence about it."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from pathlib import Path

from osteon.core.cells import trimmed
from osteon.core.errors import InputError, TableError

#: UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (BOM_UTF32_LE, "utf-32"),
    (BOM_UTF32_BE, "utf-32"),
    (BOM_UTF8, "utf-8-sig"),
    (BOM_UTF16_LE, "utf-16"),
    (BOM_UTF16_BE, "utf-16"),
)
#: What a file that is not Unicode may be; none of these can be told from the others by its bytes alone.
_OLDER = (("gb18030", "Chinese (GB18030)"), ("cp1252", "Western European (Windows-1252)"))
#: How files begin that people take for a table or a study file.
_BEGINNINGS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls), or one with a password", "Save it as .xlsx without a password."),
    (b"PK\x03\x04", "an archive", "Give the table itself, as CSV UTF-8 or .xlsx."),
    (b"\x1f\x8b", "a compressed file", "Unpack it first."),
    (b"%PDF", "a PDF", "Give the table as CSV UTF-8 or .xlsx."),
    (b"\x89PNG", "a picture", "Give the table as CSV UTF-8 or .xlsx."),
    (b"\xff\xd8\xff", "a picture", "Give the table as CSV UTF-8 or .xlsx."),
    (b"\x89HDF", "an HDF5 file", "Give the table as CSV UTF-8 or .xlsx."),
    (b"$FL", "an SPSS file", "Save it as CSV UTF-8 or .xlsx."),
    (b"<stata_dta>", "a Stata file", "Save it as CSV UTF-8 or .xlsx."),
    (b"{\\rtf", "a text document (RTF)", "Save it as plain text in UTF-8."),
)
_SAVE = "Save it as 'CSV UTF-8' (in Excel: Save As, CSV UTF-8), or as .xlsx."


def contents(path: Path, *, error: type[InputError] = TableError, fix: str = _SAVE) -> str:
    """Read a text file: UTF-8, or UTF-16 or UTF-32, with a byte order mark or without.

    Args:
        path: The file.
        error: What to raise.
        fix: What to do about an encoding that cannot be told.

    Raises:
        InputError: Of the kind `error`: the file is of another kind, in an older encoding, or holds a NUL character;
            the message names the line.
        OSError: It cannot be opened.
    """
    data = path.read_bytes()
    for beginning, what, remedy in _BEGINNINGS:
        if data.startswith(beginning):
            raise error(f"this is {what}", file=path, fix=remedy)
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise _not_unicode(data, problem, path, error, fix) from None
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        line = _line(text[: text.index("\0")])
        raise error("a NUL character stands in it", file=path, row=line, fix=f"The file is damaged. {fix}")
    return text


def _encoding(data: bytes) -> str:
    """The encoding that a mark tells, or the NUL bytes that UTF-16 gives to every letter, digit and comma."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    sample = data[:4096]
    first, second = sample[::2].count(0), sample[1::2].count(0)
    if 8 * max(first, second) > len(sample):
        return "utf-16-be" if first > second else "utf-16-le"
    return "utf-8"


def _line(before: str) -> int:
    """The number of the line after so much text, whatever ends its lines."""
    return 1 + len(re.findall(r"\r\n|\r|\n", before))


def _not_unicode(data: bytes, problem: UnicodeDecodeError, path: Path, error: type[InputError], fix: str) -> InputError:
    """Say where and what a file is not Unicode, with the words as older encodings would read them."""
    if not problem.encoding.startswith("utf-8"):
        return error(f"not {problem.encoding.upper()} text, as it begins", file=path, fix=fix)
    if b"\0" in data:
        return error("this is not a text file", file=path, fix=fix)
    start = problem.start
    line = _line(data[:start].decode("latin-1"))
    left = max(data.rfind(mark, 0, start) for mark in b",;\t\r\n\"'=") + 1
    ends = [at for mark in b",;\t\r\n\"'" if (at := data.find(mark, start)) >= 0]
    piece = data[left : min(ends, default=len(data))]
    readings = []
    for encoding, whose in _OLDER:
        try:
            data.decode(encoding)
            readings.append(f"'{trimmed(piece.decode(encoding))[:40]}' in {whose}")
        except UnicodeDecodeError:
            continue
    told = f"; it reads {' or '.join(readings)}" if readings else ""
    return error(f"not UTF-8 text{told}", file=path, row=line, fix=fix)
