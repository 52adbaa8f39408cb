"""Pieces of Markdown; text of a study stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from osteon.core.words import number

# Whatever could begin emphasis, code, a link, HTML, a character reference or a table's next cell. An underscore within
# a word, as names have them, begins nothing.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~]|&(?=#?\w+;)|(?<!\w)_|_(?!\w)")

_SHORT = 30  # letters of a reason that fits a cell


def escape(text: object) -> str:
    r"""Text as Markdown that shows it as it is, on one line.

    >>> print(escape("a|b *c* inception_v3"))
    a\|b \*c\* inception_v3
    """
    return _SPECIAL.sub(r"\\\g<0>", " ".join(str(text).split()))


def bullets(items: Iterable[str]) -> str:
    """A list of what is Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of text; its first column stands left, the others right."""
    head, *body = ([escape(cell) for cell in line] for line in (header, *rows))
    lines = [head, ["---", *["---:"] * (len(header) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def interval(row: pd.Series | None, digits: int = 3) -> str:
    """A value with its interval, or why there is none where that is short.

    >>> interval(pd.Series({"value": 0.8, "low": 0.7, "high": 0.9})), interval(None)
    ('0.800 (0.700 to 0.900)', '–')
    """
    if row is None:
        return "–"
    if row["value"] != row["value"]:
        reason = str(row.get("method", "")).removeprefix("not estimable: ")
        return f"not estimable: {reason}" if 0 < len(reason) <= _SHORT else "not estimable"
    value = number(row["value"], digits)
    if row["low"] != row["low"]:
        return value
    return f"{value} ({number(row['low'], digits)} to {number(row['high'], digits)})"
