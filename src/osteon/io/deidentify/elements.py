"""A dataset cleaned element by element, and a line on each that changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from osteon.io.deidentify import profile
from osteon.io.deidentify.secret import Pseudonym
from osteon.io.persons import generic

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

#: Who it is: where words of these are found in what was kept, that goes, too.
_WHO = (
    *("PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName"),
    *("PatientBirthDate", "PatientAddress", "PatientTelephoneNumbers", "AccessionNumber", "ReferringPhysicianName"),
    *("PerformingPhysicianName", "OperatorsName", "NameOfPhysiciansReadingStudy", "RequestingPhysician"),
)
_INSTANCES = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
_SHORTEST = 3  # letters of a word that is looked for; of one that is made of digits
_DIGITS = 5
_WORDS = ("PN", "LO", "SH", "ST", "LT", "UT", "UC", "UR", "CS", "AE", "AS", "DS", "IS")
_CODE = re.compile(r"[A-Z0-9 _]{0,16}")
_DUMMIES: dict[str, Any] = {
    **dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC", "PN"), "Removed"),
    **{"AE": "REMOVED", "CS": "REMOVED", "AS": "000Y", "DA": "19000101", "TM": "000000", "DT": "19000101000000"},
    **{"DS": "0", "IS": "0", "UR": "urn:removed", "OB": b"\0\0", "OW": b"\0\0", "UN": b"\0\0"},
    **dict.fromkeys(("US", "SS", "UL", "SL", "FL", "FD"), 0),
}
_DONE = {"remove": "removed", "empty": "emptied", "dummy": "replaced", "uid": "replaced", "shift": "shifted"}
#: Told of an element's place and of what was done with it.
Told = Callable[[str, str], None]


def words(dataset: Dataset) -> set[str]:
    """What names the patient or whoever treats them, word by word, in small letters, and the UIDs of the file.

    Words that many people share are not among them.
    """
    found: set[str] = set()
    for name in _WHO:
        element = _element(dataset, dataset.data_element(name).tag) if name in dataset else None  # type: ignore[union-attr]
        said = "" if element is None else str(element.value or "")
        found |= {word for word in re.split(r"[\W_]+", said.casefold()) if _tells(word)}
    return found | {uid for name in _INSTANCES if (uid := _text(dataset, name))}


def clean(dataset: Dataset, pseudonym: Pseudonym, told: Told, *, within: str = "") -> None:
    """Clean a dataset and all that is nested in it.

    Args:
        dataset: Is changed.
        pseudonym: What stands for its patient.
        told: Called for each element that was changed, or kept because it tells of the device.
        within: The place of the dataset in the file.
    """
    times = {name: _text(dataset, name.replace("Date", "Time")) for name in dataset.dir("Date")}
    for tag in list(dataset.keys()):
        place = f"{within}({tag >> 16:04X},{tag & 0xFFFF:04X})"
        element = _element(dataset, tag)
        if element is None or (within and tag == 0x7FE00010):
            del dataset[tag]
            told(place, "removed")
            continue
        what = profile.action(int(tag), element.VR)
        if what == "within":
            for number, item in enumerate(element.value or (), 1):
                clean(item, pseudonym, told, within=f"{place}[{number}]/")
            continue
        if what == "keep":
            if not _is_of_its_kind(element):
                del dataset[tag]
                told(place, "removed")
            elif int(tag) in profile.table():
                told(place, "kept: of the device")
            continue
        before = element.value
        _apply(dataset, element, what, pseudonym, times.get(element.keyword, ""))
        if what == "remove" or dataset[tag].value != before:
            told(place, _DONE[what])


def drop_words(dataset: Dataset, unwanted: set[str], told: Told, *, within: str = "") -> None:
    """Remove what repeats words that name somebody."""
    for tag in list(dataset.keys()):
        element, place = dataset[tag], f"{within}({tag >> 16:04X},{tag & 0xFFFF:04X})"
        if element.VR == "SQ":
            for number, item in enumerate(element.value or (), 1):
                drop_words(item, unwanted, told, within=f"{place}[{number}]/")
        elif (element.VR in _WORDS and names(str(element.value), unwanted)) or str(element.value) in unwanted:
            del dataset[tag]
            told(place, "removed: it repeats what names somebody")


def names(text: str, unwanted: set[str]) -> bool:
    """Whether a text holds one of several words, also as a part of another word where it is long."""
    plain = text.casefold()
    apart = set(re.split(r"[\W_]+", plain))
    return any(word in apart or (len(word) > _DIGITS and word in plain) for word in unwanted)


def _tells(word: str) -> bool:
    return len(word) >= (_DIGITS if word.isdecimal() else _SHORTEST) and not generic(word)


def _element(dataset: Dataset, tag: Any) -> DataElement | None:
    """An element with its value converted; None where it cannot be."""
    try:
        element: DataElement = dataset[tag]
        if not isinstance(element.value, bytes):
            str(element.value)
    except Exception:  # pydicom has no error of its own for that
        return None
    return element


def _apply(dataset: Dataset, element: DataElement, what: profile.Action, pseudonym: Pseudonym, time: str) -> None:
    """Do with an element what the profile says."""
    if what == "remove":
        del dataset[element.tag]
    elif what == "empty":
        element.value = [] if element.VR == "SQ" else None
    elif what == "dummy":
        element.value = _DUMMIES[element.VR]
    elif what == "uid":
        element.value = _each(element, lambda uid: _uid(int(element.tag), uid, pseudonym))
    elif element.VR == "DA":
        element.value = _each(element, lambda day: pseudonym.day(day, time))
    else:
        element.value = _each(element, pseudonym.time if element.VR == "TM" else pseudonym.moment)


def _uid(tag: int, uid: str, pseudonym: Pseudonym) -> str:
    """A UID of the standard stays, unless the table says that it is one of an instance."""
    from pydicom._uid_dict import UID_dictionary

    return uid if not uid or (uid in UID_dictionary and tag not in profile.table()) else pseudonym.uid(uid)


def _each(element: DataElement, change: Callable[[str], str]) -> list[str] | str:
    """A value, or each of several, changed."""
    changed = [change(value) for value in _values(element)]
    return changed if len(changed) != 1 else changed[0]


def _values(element: DataElement) -> Iterator[str]:
    value = element.value
    many = value if element.VM > 1 else [value]
    yield from (str(one if one is not None else "").strip(" \0") for one in many)


def _is_of_its_kind(element: DataElement) -> bool:
    """Whether a code could be one of the standard's: small letters and the like are somebody's words."""
    return element.VR != "CS" or all(_CODE.fullmatch(value) for value in _values(element))


def _text(dataset: Dataset, name: str) -> str:
    element = _element(dataset, dataset.data_element(name).tag) if name in dataset else None  # type: ignore[union-attr]
    return "" if element is None else str(element.value or "").strip()
