"""Which DICOM files show one person, on evidence: identifiers that identify, and dates of birth that are ones.

Anonymised and phantom studies carry identifiers that many people share (``ANONYMOUS``, ``000000``) and dates of birth
that nobody has (1 January 1900). Taken at their word they would merge patients; a patient that is split by them would
stand on both sides of a fold. What decides is, in this order:

1. a Patient ID together with its issuer, if it identifies and the files that bear it do not contradict each other;
2. the name together with a usable date of birth;
3. the study: the files of one examination, if its UID is one.

Where there is none of these the patient is unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

#: Words that stand in the place of an identifier or a name.
_GENERIC = {
    *("anon", "anonym", "anonymous", "anonymus", "anonymized", "anonymised", "anonymize", "anonymisiert", "anonyme"),
    *("anonimo", "deidentified", "identified", "de", "unidentified", "redacted", "removed", "deleted", "hidden"),
    *("masked", "confidential", "private", "blank", "empty", "null", "nil", "none", "na", "not", "available"),
    *("applicable", "known", "unknown", "unkn", "unk", "unbekannt", "inconnu", "desconocido", "sconosciuto"),
    *("unnamed", "unspecified", "undefined", "missing", "noname", "noid", "no", "name", "id", "pid", "mrn", "patient"),
    *("pat", "patientid", "patientname", "subject", "person", "case", "test", "testing", "tester", "dummy", "default"),
    *("sample", "example", "demo", "phantom", "phantoms", "fantom", "qa", "qc", "service", "john", "jane", "doe"),
    *("mustermann", "temp", "tmp", "todo", "tbd", "xx", "yy", "zz", "male", "female", "匿名", "未知", "患者", "氏名"),
}
#: A year that implied years of birth may differ by: ages are whole years, and birthdays fall within a year.
_SLACK = 2
_UID = re.compile(r"[0-2](\.(0|[1-9]\d*)){5,}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a file says of its patient, as text; "" where it says nothing."""

    identifier: str = ""
    issuer: str = ""
    name: str = ""
    born: str = ""
    sex: str = ""
    study: str = ""
    instance: str = ""
    institution: str = ""
    year: float | None = None  # of birth, as age and study date imply it


def generic(text: str) -> bool:
    """Whether an identifier or a name is one that many people share.

    >>> [word for word in ("ANON", "0000", "no name", "XXXX", "T1", "17", "Li^Na") if generic(word)]
    ['ANON', '0000', 'no name', 'XXXX']
    """
    words = re.findall(r"[^\W_]+", plain(text))
    return "".join(words) in _GENERIC or all(
        word in _GENERIC or word.strip("0") == "" or re.fullmatch(r"(.)\1{2,}", word) for word in words
    )


def plain(text: str) -> str:
    """Text without differences of case, width, spaces and DICOM's separators."""
    return " ".join(re.split(r"[\s^=]+", unicodedata.normalize("NFKC", text).casefold())).strip()


def usable_birth(text: str) -> bool:
    """Whether a date of birth is one: it exists, and is not the 1 January that stands for "unknown".

    >>> [usable_birth(text) for text in ("19700615", "19000101", "19700101", "19701315", "")]
    [True, False, False, False, False]
    """
    try:
        born = date.fromisoformat(text) if re.fullmatch(r"\d{8}", text, re.ASCII) else None
    except ValueError:
        born = None
    return born is not None and born.year > 1900 and (born.month, born.day) != (1, 1) and born <= date.today()


def shared_births(files: Sequence[Evidence]) -> set[str]:
    """Dates of birth that too many identifiers share to be anybody's: what an anonymiser writes."""
    holders: dict[str, set[str]] = defaultdict(set)
    for file in files:
        if file.born and not generic(file.identifier):
            holders[file.born].add(plain(file.identifier))
    everyone = len(set().union(*holders.values())) if holders else 0
    return {born for born, ids in holders.items() if len(ids) >= 3 and 2 * len(ids) > everyone}


def patients(files: Sequence[Evidence]) -> tuple[list[str], list[str]]:
    """Pseudonyms ``P0001``, ``P0002``, ... by first appearance, "" where the patient is unknown, and notes.

    Args:
        files: What each file says of its patient.

    Returns:
        A pseudonym for each file, and sentences on the evidence, which quote none of it.
    """
    told = _Told(files)
    keys = told.keys()
    by_study = _studies(told, keys)
    lone = _lone_names(told, keys)
    numbers: dict[Hashable, str] = {}
    found: list[str] = []
    how: Counter[str] = Counter()
    for index, key in enumerate(keys):
        chosen = key or by_study.get(index) or lone.get(index)
        how[str(chosen[0]) if chosen else "none"] += 1
        found.append(numbers.setdefault(chosen, f"P{len(numbers) + 1:04d}") if chosen else "")
    return found, [*_told(how, len(numbers)), *told.notes, *_alike(files, found)]


Key = tuple[Hashable, ...] | None


class _Told:
    """The key of each file's patient by its identifier, or by name and date of birth."""

    def __init__(self, files: Sequence[Evidence]) -> None:
        self.files = files
        self.notes: list[str] = []
        dummies = shared_births(files)
        self.born = [file.born if usable_birth(file.born) and file.born not in dummies else "" for file in files]
        self.name = ["" if generic(file.name) else plain(file.name) for file in files]
        self.identifier = ["" if generic(file.identifier) else plain(file.identifier) for file in files]
        self._drop_lone_one()
        self._drop_the_only_one()
        spellings = {file.identifier.strip() for file in files}
        if len(spellings) > len({plain(spelling) for spelling in spellings}):
            self.notes.append("Patient IDs that differ in case or spaces only were read as one")
        ignored = [bool(file.identifier) and not own for file, own in zip(files, self.identifier, strict=True)]
        self._say(sum(ignored), "a Patient ID that many people share (such as ANONYMOUS or 0) was not taken for one")
        dates = [bool(file.born) and not own for file, own in zip(files, self.born, strict=True)]
        self._say(sum(dates), "a date of birth that stands for an unknown one (such as 1 January) was not used")

    def keys(self) -> list[Key]:
        found: list[Key] = [None] * len(self.files)
        issuers = self._issuers()
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, identifier in enumerate(self.identifier):
            if identifier:
                issuer = plain(self.files[index].issuer)
                known = issuers[identifier]
                if not issuer and len(known) == 1:
                    issuer = next(iter(known))
                groups[(issuer, identifier)].append(index)
        against = 0
        for (issuer, identifier), members in groups.items():
            people = self._apart(members) if self.contradict(members) else [members]
            against += len(members) if len(people) > 1 else 0
            for number, own in enumerate(people):
                for index in own:
                    found[index] = ("id", issuer, identifier, number)
        self._say(
            against, "one Patient ID stands for different people (by birth, age, sex or name), told apart by these"
        )
        self._names(found)
        return found

    def _names(self, found: list[Key]) -> None:
        """Name and date of birth, where there is no identifier: of the one patient who has both, or of their own."""
        known: dict[tuple[str, str], set[Key]] = defaultdict(set)
        for index, key in enumerate(found):
            if key and self.name[index] and self.born[index]:
                known[(self.name[index], self.born[index])].add(key)
        for index, key in enumerate(found):
            if key is None and self.name[index] and self.born[index] and not self.identifier[index]:
                both = (self.name[index], self.born[index])
                found[index] = next(iter(known[both])) if len(known[both]) == 1 else ("name", *both)

    def _issuers(self) -> dict[str, set[str]]:
        issuers: dict[str, set[str]] = defaultdict(set)
        for file, identifier in zip(self.files, self.identifier, strict=True):
            if file.issuer.strip():
                issuers[identifier].add(plain(file.issuer))
            else:
                issuers[identifier] |= set()
        return issuers

    def _drop_lone_one(self) -> None:
        """A 1 is an identifier where patients are numbered, and none where nobody is a 2."""
        numbers = {own.lstrip("0") for own in self.identifier if own.isdecimal()}
        for index, own in enumerate(self.identifier):
            if own.isdecimal() and own.lstrip("0") == "1" and "2" not in numbers:
                self.identifier[index] = ""

    def _drop_the_only_one(self) -> None:
        """One identifier on every file: unless birth, name or issuer confirm it, hospitals do not share a patient."""
        only = set(self.identifier)
        studies = len({file.study for file in self.files})
        if len(only) != 1 or "" in only or studies < 2 or self.contradict(range(len(self.files))):
            return
        names = {name for name in self.name if name and name not in only}
        if len(set(filter(None, self.born))) == 1 or len(names) == 1 or all(file.issuer for file in self.files):
            return
        self._say(len(self.files), f"all of {studies} studies have one Patient ID: one patient, or nobody's")
        if len({plain(file.institution) for file in self.files} - {""}) > 1:
            self.identifier = [""] * len(self.files)

    def _apart(self, members: Sequence[int]) -> list[list[int]]:
        """Files with one identifier that contradict each other, by person; a file that may be two people's is left out.

        Those that tell most go first, so that what they say of a person stands before it is held against the others.
        """

        def told(index: int) -> tuple[bool, ...]:
            file = self.files[index]
            return bool(self.born[index]), file.year is not None, bool(self.name[index]), file.sex in ("F", "M")

        people: list[list[int]] = []
        for index in sorted(members, key=told, reverse=True):
            fits = [person for person in people if not self.contradict([*person, index])]
            if len(fits) == 1:
                fits[0].append(index)
            elif not fits:
                people.append([index])
        return people

    def contradict(self, members: Iterable[int]) -> bool:
        """Whether files cannot all be of one person."""
        members = list(members)
        born = {self.born[index] for index in members} - {""}
        if len(born) > 1:
            return True
        years = [year for index in members if (year := self.files[index].year) is not None]
        if years and max(years) - min(years) > _SLACK:
            return True
        if len(born) == 1:
            return False  # one date of birth: another sex or name is a slip, or a marriage
        names = [set(self.name[index].split()) for index in members if self.name[index]]
        strangers = any(not names[0] & other for other in names[1:])
        return strangers or {"F", "M"} <= {self.files[index].sex for index in members}

    def _say(self, count: int, what: str) -> None:
        if count:
            self.notes.append(f"{_files(count)}: {what}")


def _uid(text: str) -> str:
    """A UID that a machine gave, not one that a program wrote into every file; else ""."""
    return text if _UID.fullmatch(text) and len(text) >= 16 else ""


def _studies(told: _Told, keys: Sequence[Key]) -> dict[int, tuple[Hashable, ...]]:
    """The patient of files that nothing else tells, by their study: the one its other files name, or one of its own."""
    studies: dict[str, list[int]] = defaultdict(list)
    for index, file in enumerate(told.files):
        if _uid(file.study):
            studies[file.study].append(index)
    found: dict[int, tuple[Hashable, ...]] = {}
    for study, members in studies.items():
        named = {key for index in members if (key := keys[index])}
        instances = [file.instance for index in members if (file := told.files[index]).instance]
        institutions = {plain(told.files[index].institution) for index in members} - {""}
        # A program that writes one UID into many files writes other UIDs twice, too.
        if len(named) > 1 or len(set(instances)) < len(instances) or len(institutions) > 1:
            continue
        same = {*members, *(index for index, key in enumerate(keys) if key in named)}
        if not told.contradict(same):
            found |= dict.fromkeys(members, next(iter(named), ("study", study)))
    return found


def _lone_names(told: _Told, keys: Sequence[Key]) -> dict[int, tuple[Hashable, ...]]:
    """Files with a name that no other file bears: a patient of their own, since nothing is merged by it."""
    bearers = Counter(told.name)
    return {
        index: ("lone name", name)
        for index, name in enumerate(told.name)
        if keys[index] is None and not told.identifier[index] and name and bearers[name] == 1
    }


def _told(how: Counter[str], count: int) -> list[str]:
    words = {
        "id": "Patient ID",
        "name": "name and date of birth",
        "study": "study",
        "lone name": "a name that no other file bears",
    }
    by = ", ".join(f"{_files(how[key])} by {words[key]}" for key in words if how[key])
    notes = [f"{count} patient{'s' * (count != 1)}, told by: {by}"] if by else []
    if how["none"]:
        whose = "whose they are" if how["none"] > 1 else "whose it is"
        notes.append(f"{_files(how['none'])}: nothing says {whose}, and patient_id is empty")
    return notes


def _alike(files: Sequence[Evidence], found: Sequence[str]) -> list[str]:
    """Patients who may be one: the same name and date of birth under different identifiers."""
    both: dict[tuple[str, str], set[str]] = defaultdict(set)
    for file, patient in zip(files, found, strict=True):
        if patient and not generic(file.name) and usable_birth(file.born):
            both[(plain(file.name), file.born)].add(patient)
    return [
        f"{' and '.join(sorted(same))} have one name and date of birth, but not one Patient ID and issuer: "
        "perhaps one person"
        for same in both.values()
        if len(same) > 1
    ]


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"
