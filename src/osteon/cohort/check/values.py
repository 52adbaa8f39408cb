"""What the cells of a cohort seem to say and do not: missing words, one name spelled in two ways, words in numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.cells import is_missing, meant, named_spellings, number, plain, shown, spellings, written
from osteon.core.errors import LeakError, StudyError, TableError, suggest
from osteon.core.tables import and_more

_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
#: A variable is no category where more than this share of so many texts or more differ.
_OWN, _FEW = 0.5, 20
#: Two labels are as like as this where one letter of ten differs; "non-malignant" and "malignant" are less.
_LIKENESS = 0.87
_ONE_WAY = "Write it in one way in the table."


def missing_words(raw: pd.DataFrame, columns: Iterable[str], warnings: list[str]) -> None:
    """Tell the words that count as missing where a column holds text: one of them may be meant as a value."""
    found = []
    for name in columns:
        words = Counter(text for cell in raw[name] if any(map(str.isalpha, text := written(cell))) and is_missing(text))
        found += [f"'{word}' in {name} ({count})" for word, count in words.most_common()]
    if found:
        warnings.append(
            f"Words that count as missing: {', '.join(found)}. Write another word where one of them is a value."
        )


def check_labels(labels: pd.Series, positive: Sequence[str], lines: NDArray[np.int64], path: Path, column: str) -> None:
    """One diagnosis must not be in both classes because it is spelled in two ways.

    Raises:
        TableError: It is; the message has the spellings and their counts.
    """
    split = [group for group in spellings(labels) if len({text in positive for text in group}) > 1]
    if positive and split:
        _refuse(split, labels, lines, path, column, "spelled in several ways, of which the study names not all")


def warn_of_likenesses(labels: pd.Series, positive: Sequence[str], warnings: list[str]) -> None:
    """Tell the labels that count as negative and are a letter or two away from a positive one: a slip of the pen."""
    for label, count in labels[~labels.isin(positive)].value_counts().items():
        meant_ = get_close_matches(plain(str(label)), [plain(name) for name in positive], 1, _LIKENESS)
        if meant_ and _digits(meant_[0]) == _digits(plain(str(label))):
            name = next(name for name in positive if plain(name) == meant_[0])
            warnings.append(f"{shown(str(label))} ({count}) counts as negative; is {shown(name)} meant?")


def _digits(text: str) -> str:
    """Grades and types differ in a number, and are no slip."""
    return "".join(filter(str.isdigit, text))


def check_centres(centres: pd.Series, lines: NDArray[np.int64], path: Path) -> None:
    """One centre must not be two because it is spelled in two ways.

    Raises:
        TableError: It is; the message has the spellings and their counts.
    """
    groups = spellings(centres)
    if groups:
        _refuse(groups, centres, lines, path, "centre", "spelled in several ways")


def _refuse(
    groups: list[dict[str, int]], values: pd.Series, lines: NDArray[np.int64], path: Path, column: str, what: str
) -> None:
    rarest = list(groups[0])[-1]
    line = int(lines[int((values == rarest).to_numpy().argmax())])
    raise TableError(f"{what}: {named_spellings(groups)}", file=path, row=line, column=column, fix=_ONE_WAY)


def warn_of_spellings(frame: pd.DataFrame, columns: Iterable[str], warnings: list[str]) -> None:
    """Tell the values that differ in case, spaces or Unicode form only, with their counts."""
    for name in columns:
        groups = spellings(frame[name])
        if groups:
            warnings.append(f"Spelled in several ways, and counted as different, in {name}: {named_spellings(groups)}.")


def warn_of_texts_of_their_own(frame: pd.DataFrame, columns: Iterable[str], warnings: list[str]) -> None:
    """Tell the variables that hold another text in most cases: a note or a number of somebody, not a category."""
    for name in columns:
        filled = frame.loc[frame[name].astype(str) != "", name].astype(str)
        texts = filled[[number(text) is None for text in filled]]
        if len(texts) >= _FEW and texts.nunique() > _OWN * len(texts):
            warnings.append(
                f"'{name}' holds {texts.nunique()} different texts in {len(texts)} cases: each counts as a category of "
                "its own, from which nothing can be learned about another case."
            )


def warn_of_forms(raw: pd.DataFrame, columns: Iterable[str], warnings: list[str]) -> None:
    """Tell what is written in two Unicode forms, which are one text to every reader and counted as one."""
    for name in columns:
        forms: dict[str, dict[str, int]] = {}
        for text, count in Counter(map(written, raw[name])).items():
            if not text.isascii():
                forms.setdefault(meant(text), {})[text] = count
        several = [group for group in forms.values() if len(group) > 1]
        if several:
            warnings.append(f"Written in two Unicode forms, and counted as one, in {name}: {named_spellings(several)}.")


def check_patients(patients: pd.Series, splits: pd.Series, lines: NDArray[np.int64], path: Path) -> None:
    """A patient must not be on both sides of the line because of a spelling.

    Raises:
        LeakError: One is.
    """
    inside = splits != ""
    for group in spellings(patients[inside]):
        rows = inside & patients.isin(group)
        if len(set(splits[rows])) > 1:
            external = (rows & (splits == "external")).to_numpy()
            raise LeakError(
                "patients in development and in an external centre differ in spelling only: "
                + named_spellings([group]),
                file=path,
                row=int(lines[int(external.argmax())]),
                column="patient_id",
                fix="Write one patient in one way; give different patients names that differ in more.",
            )


def check_numbers(
    frame: pd.DataFrame, columns: Iterable[str], lines: NDArray[np.int64], path: Path, warnings: list[str]
) -> None:
    """A column of numbers must not become one of words because of a few cells.

    Raises:
        TableError: A cell holds a decimal comma in a table whose columns are parted by commas.
    """
    for name in columns:
        known = [(at, text) for at, text in enumerate(map(written, frame[name])) if text]
        words = [(at, text) for at, text in known if number(text) is None]
        commas = [(at, text) for at, text in words if _COMMA.fullmatch(text)]
        if commas and len(commas) == len(words):
            at, text = commas[0]
            raise TableError(
                f"'{text}' is not a number{and_more(len(commas))}",
                file=path,
                row=int(lines[at]),
                column=name,
                fix="Write numbers with a decimal point and without thousands separators.",
            )
        if words and 2 * len(words) < len(known) and len({text for _, text in known}) > 5:
            at, text = words[0]
            more = f" and {len(words) - 1} more" if len(words) > 1 else ""
            warnings.append(
                f"Column {name} holds words among numbers ('{text}' in row {lines[at]}{more}), so that each of its "
                "values counts as a category."
            )


def absent(what: str, name: str, values: pd.Series) -> StudyError:
    """What the study names and the table does not have, with the spelling the table has."""
    present = values[values != ""].value_counts()
    alike = [str(text) for text in present.index if plain(str(text)) == plain(name)]
    if alike:
        return StudyError(
            f"{what} {shown(name)}: it has {shown(alike[0])} ({present[alike[0]]}), which differs in case, spaces, "
            "Unicode form or zeros only",
            fix="Write it in the study file as in the table.",
        )
    return StudyError(f"{what} '{name}'", fix=suggest(name, map(str, present.index)))
