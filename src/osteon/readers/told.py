"""What the reader is told of a case beside the picture, and what of that could identify somebody."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import InputError, TableError, suggest
from osteon.study import Study
from osteon.study.protocol import HARMLESS, Readers

#: What readers must not see: the truth, what tells it, and what the study calls its cases.
_SECRET = {
    "label",
    "target",
    "subtype",
    "centre",
    "split",
    "case_id",
    "image",
    "mask",
    "sha256",
    "x0",
    "y0",
    "x1",
    "y1",
}
_OLDEST = 89  # ages above it identify (45 CFR 164.514(b)(2)(i)(C))
_LONGEST = 60  # characters: longer is free text
#: Words that stand in places and views, and in no name that is written like one.
_PLACE = re.compile(
    r"""\b(?:left|right|bilateral|both|distal|proximal|middle|mid|upper|lower|medial|lateral|anterior|posterior|frontal
    |anteroposterior|oblique|axial|sagittal|coronal|dorsal|plantar|palmar|volar|ulnar|radial|femoral|tibial|fibular
    |humeral|pelvic|femur|tibia|fibula|humerus|radius|ulna|pelvis|hand|foot|wrist|ankle|knee|hip|shoulder|elbow|scapula
    |clavicle|sacrum|spine|ribs?|skull|mandible|patella|calcaneus|talus|metacarpal|metatarsal|phalanx|finger|toe|thigh
    |leg|arm|forearm|bones?|joint|head|neck|shaft|diaphysis|metaphysis|epiphysis|condyle|trochanter|iliac|ilium|ischium
    |pubis|thoracic|lumbar|cervical|acetabulum|carpal|tarsal|acromion|olecranon|view|weight|bearing|standing|skyline
    |sunrise|mortise|frog|limb|extremity|soft|tissue)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    r"(?<!\d)(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}|(?:19|20)\d{6}|\d{1,2}[-./](?:19|20)\d{2}"
    rf"|(?:19|20)\d{{2}}[-./]\d{{1,2}})(?!\d)|\b(?:\d{{1,2}}\.?\s+)?{_MONTH}\s+(?:\d{{1,2}},?\s+)?\d{{2,4}}\b"
    r"|\d{4}年|^(?:19|20)\d{2}$",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d{5,}|(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_/.-]{4,}|\S+@\S+|https?:|[\\/]\S+\.\w{2,4}$"
)
_NAME = re.compile(
    r"\^|^\s*[^\W\d_][\w'’-]+,\s*[^\W\d_]|\b(?:dr|mr|mrs|ms|prof|herr|frau|mme|sr|sra)\.?\s+[^\W\d_]", re.I
)
_CAPITALS = re.compile(r"^(?:[^\W\d_][\w'’.-]*\s+){1,3}[^\W\d_][\w'’.-]*$")


def told(
    study: Study, protocol: Readers, cohort: pd.DataFrame, views: pd.DataFrame, file: Path, lines: pd.Series
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """What is said of each case, and the name of each picture's own view.

    Args:
        study: The study.
        protocol: The rules.
        cohort: One row a case, the label under its own name or as ``label``.
        views: One row a picture, in the order of the pictures; code, case_id.
        file: The table that the cohort was read from, for messages.
        lines: Case to its line in that.

    Returns:
        Case code to column and value; and one name a row of `views`, empty where it has none. A case whose pictures
        differ in a value is told all of them.

    Raises:
        InputError: A column is unknown, secret, or not confirmed; or a value looks like a name, a date or a number of
            somebody. The message does not repeat it.
    """
    names = list(dict.fromkeys(protocol.context))
    _check_columns(study, protocol, cohort, names, file)
    shown = [name for name in names if name in cohort]
    rows = cohort.set_index("case_id").loc[views["case_id"], shown]
    said = pd.DataFrame({name: _column(name, rows[name]) for name in shown}, index=rows.index)
    for name in shown:
        if name not in protocol.context_confirmed:
            _check_values(file, lines, cohort, rows[name], said[name])
    captions = said["view"].tolist() if "view" in said else [""] * len(views)
    told_of = said.drop(columns="view", errors="ignore")
    context: dict[str, dict[str, str]] = {}
    for code, members in told_of.groupby(views["code"].to_numpy(), sort=False):
        each = {str(name): [value for value in members[name].unique() if value] for name in members}
        context[str(code)] = {name: " / ".join(values) for name, values in each.items() if values}
    return context, captions


def _check_columns(study: Study, protocol: Readers, cohort: pd.DataFrame, names: Iterable[str], file: Path) -> None:
    for name in names:
        if name not in cohort and name not in tables.COHORT.columns:
            raise InputError(
                "readers.context names a column that the cohort has not",
                file=file, column=name, fix=suggest(name, cohort.columns),
            )  # fmt: skip
        if name in _SECRET | {study.task.column, "patient_id"} or (name in cohort and _tells(cohort, study, name)):
            raise InputError("readers must not see it", file=file, column=name, fix="Take it out of readers.context.")
        if name in cohort and name not in HARMLESS and name not in protocol.context_confirmed:
            raise InputError(
                f"readers would see a column that is none of {', '.join(HARMLESS)}; it may identify a patient or tell "
                "the diagnosis",
                file=file,
                column=name,
                fix=f'Look at its values; if they are harmless, write context_confirmed = ["{name}"] in [readers].',
            )


def _tells(cohort: pd.DataFrame, study: Study, name: str) -> bool:
    """Whether a column repeats the labels under another name."""
    truth = study.task.column if study.task.column in cohort else "label"
    if truth not in cohort:
        return False
    filled = cohort[cohort[name].notna() & (cohort[name].astype(str).str.strip() != "")]
    same = filled[name].astype(str).str.strip().str.casefold() == filled[truth].astype(str).str.strip().str.casefold()
    return len(filled) > 1 and len(set(filled[truth])) > 1 and bool(same.mean() > 0.9)


def _check_values(file: Path, lines: pd.Series, cohort: pd.DataFrame, raw: pd.Series, said: pd.Series) -> None:
    """Refuse a column in which a value looks like somebody's, with its row in the cohort's file."""
    name = str(raw.name)
    known = {str(v) for own in ("patient_id", "case_id") if own in cohort for v in cohort[own] if len(str(v)) > 2}
    people = cohort["patient_id"] if "patient_id" in cohort else cohort["case_id"]
    owners = people.groupby(cohort[name].astype(str).str.strip()).nunique()
    for case_id, value, shown in zip(raw.index, raw, said, strict=True):
        text = str(value).strip()
        kind = "" if isinstance(value, float | int | np.number) and name == "age" else _looks_like(text)
        if not kind and shown and text in known:
            kind = "an identifier of the cohort"
        if not kind and _CAPITALS.match(text) and owners.get(text, 0) <= 1 and not _PLACE.search(text):
            kind = "a name"
        if kind:
            raise TableError(
                f"readers would see a value that looks like {kind}",
                file=file,
                row=int(lines[case_id]),
                column=name,
                fix="Mend it, take the column out of readers.context, or, if all its values are harmless, write "
                f'context_confirmed = ["{name}"] in [readers].',
            )


def _looks_like(text: str) -> str:
    """What of somebody's a value looks like; empty for none."""
    if _DATE.search(text):
        return "a date"
    if _NAME.search(text):
        return "a name"
    if _NUMBER.search(text):
        return "a number or an address of somebody"
    return "free text" if len(text) > _LONGEST else ""


def _column(name: str, values: pd.Series) -> list[str]:
    """A column's values as they are shown."""
    return [_age(value) if name == "age" else _plain(value) for value in values]


def _plain(value: Hashable) -> str:
    if value is None or value != value:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value).strip()


def _age(value: object) -> str:
    """An age with its unit: in months below one year, and none above 89.

    >>> _age(29.0), _age(1.0), _age(0.5), _age(91.0)
    ('29 years', '1 year', '6 months', '>89 years')
    """
    try:
        years = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return _plain(str(value))
    if not np.isfinite(years):
        return ""
    if years > _OLDEST:
        return f">{_OLDEST} years"
    if years < 1:
        months = int(years * 12 + 1e-9)
        return f"{months} month{'s' * (months != 1)}" if months else "under 1 year" if years == 0 else "under 1 month"
    return f"{int(years)} year{'s' * (int(years) != 1)}"
