"""JSON annotations: files as annotation tools of all systems write them, and the numbers in them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from osteon.core import cells, tables
from osteon.core.errors import TableError
from osteon.io.cohorts._items import Note
from osteon.io.stored import MAX_PIXELS


def load(path: Path) -> Any:
    """The content of a JSON file in any Unicode encoding.

    Raises:
        TableError: It is not JSON, is in another encoding, or says something twice; the message names the line.
    """
    try:
        text = tables.contents(path, fix="Save it as UTF-8.")
    except OSError as error:
        raise TableError(f"the file cannot be opened ({error.strerror})", file=path) from None
    except TableError as error:
        where = "" if error.row is None else f"line {error.row}: "
        raise TableError(f"{where}{error.what}", file=path, fix=error.fix) from None
    if not text.strip():
        raise TableError("the file is empty", file=path, fix="Copy or export it again.")
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _TwiceError as error:
        raise TableError(
            f"'{str(error)[:60]}' stands twice in one object", file=path, fix="Delete the wrong one."
        ) from None
    except json.JSONDecodeError as error:
        raise TableError(
            f"not a readable JSON file (line {error.lineno}: {error.msg})", file=path, fix="Save it again."
        ) from None
    except (ValueError, RecursionError) as error:
        raise TableError(
            f"not a readable JSON file ({type(error).__name__})", file=path, fix="Save it again."
        ) from None


class _TwiceError(Exception):
    """A key that stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _TwiceError(next(key for key in keys if keys.count(key) > 1))
    return found


def number(value: object) -> float:
    """A finite number, as such or as text.

    Raises:
        ValueError: It is none (``true`` is none); the message quotes it.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
    else:
        spelled = cells.number(cells.trimmed(value)) if isinstance(value, str) else None
        found = math.nan if spelled is None else spelled
    if not math.isfinite(found):
        raise ValueError(f"{quoted(value)} is not a number")
    return found


def coordinate(value: object) -> float:
    """A coordinate in pixels.

    Raises:
        ValueError: It is no number, or none that a picture can have; the message quotes it.
    """
    found = number(value)
    if abs(found) > MAX_PIXELS:
        raise ValueError(f"{quoted(value)} lies beyond any picture")
    return found


def side(value: object) -> int | None:
    """A picture's side in pixels, None where the file does not say it.

    Raises:
        ValueError: It is not a whole number; the message quotes it.
    """
    if value is None or value == "":
        return None
    found = number(value)
    if found != round(found):
        raise ValueError(f"{quoted(value)} is not a whole number")
    return int(found)


def size(height: object, width: object) -> tuple[int | None, int | None]:
    """Height and width of the picture that was annotated, as far as the file says them.

    Raises:
        ValueError: One of them is no whole number; the message quotes it.
    """
    try:
        return side(height), side(width)
    except ValueError as error:
        raise ValueError(f"was made at a size that cannot be read ({error})") from None


def quoted(value: object) -> str:
    """A value as its file writes it, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # a whole number of thousands of digits
        text = "a number of very many digits"
    return text if len(text) <= 40 else f"{text[:40]}..."


def says_something(value: object) -> bool:
    """Whether a value is more than nothing, no, and none."""
    if isinstance(value, Mapping):
        return any(says_something(part) for part in value.values())
    if isinstance(value, list):
        return any(says_something(part) for part in value)
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "none", "null")
    return bool(value)


def unread(file: Path, record: Mapping[str, Any], known: Iterable[str], part: str) -> Iterator[Note]:
    """A note for each key of a record that says something and is not known."""
    for key in sorted(record.keys() - set(known)):
        if says_something(record[key]):
            yield Note(file, f"'{key[:60]}' is not read", part)


def identifier(value: object) -> str | None:
    """An id as text, whether the file writes it as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    return text[:60] or None
