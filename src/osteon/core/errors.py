"""Every error a user can meet, and nothing else.

    OsteonError
    ├── InputError          something the user wrote or supplied is wrong (exit status 2, no traceback)
    │   ├── StudyError      study.toml: an unknown or impossible setting
    │   ├── TableError      a table: a missing column, a value out of range
    │   ├── ImageError      a radiograph that cannot be read
    │   ├── WeightsError    a weights file that is missing, unknown or does not fit
    │   └── LeakError       a patient or a picture on both sides of the development/external line
    └── NotEstimableError   a statistic that the data do not determine (one class, no cases, ...)

A message says what was wrong, where, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class OsteonError(Exception):
    """Base of all errors that osteon raises on purpose."""


class InputError(OsteonError):
    """Something the user supplied is wrong.

    Args:
        what: What was wrong, in one sentence without a full stop.
        file: The file it was found in.
        row: The line of the table as a spreadsheet numbers it (the header is row 1).
        column: The column or setting.
        fix: What to do about it, an imperative sentence.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        column: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.file, self.row, self.column, self.fix = what, file, row, column, fix
        place = ", ".join(
            [str(file)] * (file is not None)
            + [f"row {row}"] * (row is not None)
            + [f"column '{column}'"] * (column is not None)
        )
        message = f"{place}: {what}" if place else what
        super().__init__(f"{message}. {fix}" if fix else message)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip back from a worker process (keyword-only arguments do not by default)."""
        return (_rebuild, (type(self), self.what, self.file, self.row, self.column, self.fix))


def _rebuild(
    kind: type[InputError], what: str, file: str | None, row: int | None, column: str | None, fix: str | None
) -> InputError:
    return kind(what, file=file, row=row, column=column, fix=fix)


class StudyError(InputError):
    """study.toml holds an unknown or impossible setting."""


class TableError(InputError):
    """A table breaks its column contract."""


class ImageError(InputError):
    """A radiograph cannot be read."""


class WeightsError(InputError):
    """A weights file is missing, unknown, or does not fit the network completely."""


class LeakError(InputError):
    """A patient or a picture stands on both sides of the development/external line."""


class NotEstimableError(OsteonError):
    """A statistic that the data do not determine, such as an AUC with one class only."""


def suggest(unknown: str, known: Iterable[str]) -> str:
    """Say which known name an unknown one was probably meant to be, or list the known ones.

    >>> suggest("centre", ["centres", "crop"])
    "Did you mean 'centres'?"
    """
    names = sorted(known)
    close = get_close_matches(unknown, names, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known names: {', '.join(names)}."
