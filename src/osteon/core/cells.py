"""What one cell of a table says: a text, a number, or nothing. One rule for every table, whoever wrote it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import isinf
from numbers import Integral, Real
from unicodedata import category, normalize

#: A cell that holds one of these, in whatever case, says nothing; so does one of white space alone.
MISSING = frozenset(
    ("", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "nat", "null", "none", ".", "?", "-", "--", "\u2013", "\u2014")
)
_LONGEST = max(map(len, MISSING))
#: White space, and what takes no room: zero-width and direction marks, soft hyphens, byte order marks.
_EDGES = "".join(
    chr(code) for code in range(0x3001) if chr(code).isspace() or (category(chr(code)) == "Cf" and code < 0x2070)
)
_EDGES += "\ufeff"
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{2,}")


def trimmed(text: str) -> str:
    """The text without white space and invisible characters around it.

    >>> trimmed("\ufeff femur\u00a0")
    'femur'
    """
    return text.strip() if text.isascii() else text.strip(_EDGES)


def is_missing(text: str) -> bool:
    """Whether a trimmed text is one of :data:`MISSING`.

    >>> is_missing("N/A"), is_missing("nasal")
    (True, False)
    """
    return len(text) <= _LONGEST and text.lower() in MISSING


def written(value: object) -> str:
    """A value of a spreadsheet or a data frame as the person who wrote it sees it; "" for none.

    A whole number has no decimals, however it is stored: an identifier is read as it was written.

    >>> written(2.0), written(0.5), written(None), written(float("nan")), written("007 "), written(True)
    ('2', '0.5', '', '', '007', 'TRUE')
    """
    if isinstance(value, str):
        return trimmed(value)
    try:
        if value is None or value != value:
            return ""
    except (TypeError, ValueError):  # pandas' NA is neither equal nor unequal to itself
        return ""
    if isinstance(value, Real) and not isinstance(value, Integral):
        real = float(value)
        return str(int(real)) if real.is_integer() and abs(real) < 2**53 else repr(real)
    text = trimmed(str(value)).removesuffix(" 00:00:00")  # a date that a spreadsheet took for a moment
    return text.upper() if text in ("True", "False") else text


def meant(value: object) -> str:
    """What a cell of text says, in composed Unicode (NFC); "" where it says nothing.

    >>> meant("None"), meant(" femur "), meant("Zu\u0308rich") == "Zürich"
    ('', 'femur', True)
    """
    text = written(value)
    if not text.isascii():
        text = normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "" if is_missing(text) else text


def number(text: str) -> float | None:
    """The number that a trimmed text spells out with a decimal point, or None where it is none.

    Python's own reading would take ``1_000`` and ``inf`` too.

    >>> number("3.5"), number("\u22121"), number("1,5"), number("1_000"), number("inf")
    (3.5, -1.0, None, None, None)
    """
    if not text.isascii():  # digits and signs of an East Asian keyboard, a typographic minus
        text = normalize("NFKC", text).replace("\u2212", "-")
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return None if isinf(value) else value


def with_point(text: str) -> str:
    """A number with a decimal comma as one with a decimal point; any other text as it is.

    >>> with_point("3,5"), with_point("1.234,5"), with_point("a,b")
    ('3.5', '1.234,5', 'a,b')
    """
    pointed = text.replace(",", ".", 1)
    return pointed if "," in text and "." not in text and number(pointed) is not None else text


def is_rounded(text: str) -> bool:
    """Whether an identifier has lost digits: spreadsheets write numbers of more than 11 digits so.

    >>> is_rounded("1.23457E+17"), is_rounded("123457")
    (True, False)
    """
    return _ROUNDED.fullmatch(text) is not None


def plain(text: str) -> str:
    """A text without what the eye passes over: case, spaces, invisible characters, Unicode form, a number's zeros.

    >>> plain("Giant Cell\u00a0tumor") == plain("giant cell tumor "), plain("01") == plain("1.0")
    (True, True)
    """
    if text.isascii():
        text = "".join(text.lower().split())
    else:
        text = normalize("NFKC", text).casefold()
        text = "".join(letter for letter in text if not letter.isspace() and category(letter) != "Cf")
        text = normalize("NFKC", text)
    return str(Decimal(text).normalize()) if _NUMBER.fullmatch(text) and len(text) <= 28 else text


def spellings(texts: Iterable[str]) -> list[dict[str, int]]:
    """Texts that differ only in what :func:`plain` takes away, with their counts.

    >>> spellings(["benign", "Malignant", "malignant", "malignant"])
    [{'malignant': 2, 'Malignant': 1}]
    """
    counts = Counter(text for text in texts if text)
    groups: dict[str, dict[str, int]] = {}
    for text, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        groups.setdefault(plain(text), {})[text] = count
    return [group for group in groups.values() if len(group) > 1]


def shown(text: str) -> str:
    """A text in quotes, with a name for every character that cannot be seen.

    >>> shown("mal\u200bignant"), shown("Zürich")
    ("'mal<U+200B>ignant'", "'Zürich'")
    """
    hidden = {
        letter for letter in text if category(letter) in ("Cf", "Cc", "Mn") or (letter.isspace() and letter != " ")
    }
    seen = (f"<U+{ord(letter):04X}>" if letter in hidden else letter for letter in text)
    return f"'{''.join(seen)}'"


def named_spellings(groups: Sequence[dict[str, int]], most: int = 5) -> str:
    """Groups of :func:`spellings` for a message.

    >>> named_spellings([{"malignant": 2, "Malignant": 1}, {"F": 3, "f": 1}])
    "'malignant' (2), 'Malignant' (1); 'F' (3), 'f' (1)"
    """
    told = (", ".join(f"{shown(text)} ({count})" for text, count in group.items()) for group in groups[:most])
    return "; ".join(told) + (f"; and {len(groups) - most} more" if len(groups) > most else "")
