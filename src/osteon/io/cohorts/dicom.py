"""DICOM: every radiograph of a folder, and the lesions that SEG, SR and GSPS draw; identities become pseudonyms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from osteon.core.errors import ImageError
from osteon.io import dicom, rois
from osteon.io.cohorts._files import Folder, why_not_read
from osteon.io.cohorts._items import Item, Lesion, Note, Skipped
from osteon.io.persons import Evidence, patients, plain, shared_births, usable_birth
from osteon.io.stored import quiet

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_IDENTITY = (
    *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("StudyInstanceUID", "SOPInstanceUID", "StudyDate", "InstitutionName", "BodyPartExamined", "ViewPosition"),
    "Manufacturer",
)
_DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage
_YEARS = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_VIEWS = {
    **dict.fromkeys(("AP", "PA"), "frontal"),
    **dict.fromkeys(("LL", "RL", "LAT", "LATERAL", "ML", "LM"), "lateral"),
    **dict.fromkeys(("RAO", "LAO", "RPO", "LPO", "LLO", "RLO", "OBL", "OBLIQUE"), "oblique"),
}
#: Body Part Examined as far as it is one of DICOM's own terms (PS3.16 annex L): free text may identify a patient.
_SITES = {
    term: term.lower()
    for term in (
        *("HAND", "FINGER", "THUMB", "WRIST", "FOREARM", "RADIUS", "ULNA", "ELBOW", "HUMERUS", "ARM", "SHOULDER"),
        *("CLAVICLE", "SCAPULA", "PELVIS", "HIP", "FEMUR", "THIGH", "KNEE", "PATELLA", "TIBIA", "FIBULA", "LEG"),
        *("ANKLE", "FOOT", "TOE", "CALCANEUS", "EXTREMITY", "RIB", "STERNUM", "SKULL", "SPINE", "SACRUM", "CHEST"),
    )
} | {"CSPINE": "cervical spine", "TSPINE": "thoracic spine", "LSPINE": "lumbar spine", "UPARM": "humerus"}


@dataclass
class _Sorted:
    """The files of a folder: radiographs with their headers, and what objects draw on them."""

    radiographs: list[tuple[Path, Dataset]] = field(default_factory=list)
    drawn: list[tuple[Path, rois.Found]] = field(default_factory=list)
    others: list[Skipped] = field(default_factory=list)


def read(folder: Folder) -> Iterator[Item]:
    """Yield the lesions on every DICOM radiograph of a folder and below it, in the order of their paths; content tells.

    Lesions are what segmentations, structured reports and presentation states draw, wherever in the folder they lie; a
    radiograph on which nothing is drawn is one without a box. Diagnoses, and other boxes, come from a table of labels.
    Patients and institutions become numbers by their first appearance (``P0001``; ``1``), which cannot be turned back.
    Age and sex are taken over; body part and view only where they are terms that cannot identify anybody.
    """
    there = _sorted(folder)
    yield from there.others
    evidence = [_evidence(header) for _, header in there.radiographs]
    names, notes = patients(evidence)
    yield from (Note(folder.path, note) for note in notes)
    if any(not file.institution for file in evidence):
        count = sum(not file.institution for file in evidence)
        yield Note(folder.path, f"{count} file{'s' * (count != 1)}: no institution is named; they count as one centre")
    lesions = list(_lesions(folder, there))
    yield from (item for item in lesions if not isinstance(item, Lesion))
    drawn: dict[Path, list[Lesion]] = defaultdict(list)
    for item in lesions:
        if isinstance(item, Lesion):
            drawn[item.image].append(item)
    for (path, _), columns in zip(there.radiographs, _columns(there.radiographs, evidence, names), strict=True):
        for item in drawn.get(path) or [Lesion(path)]:
            yield replace(item, columns=columns)


def _sorted(folder: Folder) -> _Sorted:
    there = _Sorted()
    for path in folder.files:
        try:
            if not dicom.is_dicom(path):
                there.others.append(Skipped(path, why_not_read(path, "a picture, but not DICOM")))
                continue
            if rois.draws(_text(dicom.parse(path, ("SOPClassUID",)), "SOPClassUID")):
                there.drawn.append((path, rois.read(path)))
                continue
            dicom.image_size(path)  # refuses what is no radiograph
            dicom.check_pixels(path)
            header = dicom.parse(path, _IDENTITY)
            if _text(header, "Manufacturer") == "osteon":
                there.others.append(Skipped(path, "a picture of a radiograph with osteon's answer burned in"))
                continue
            there.radiographs.append((path, header))
        except OSError as error:
            there.others.append(Skipped(path, f"the file cannot be opened ({error.strerror})"))
        except ImageError as error:
            disc = "the directory of a DICOM disc, not an image"
            there.others.append(Skipped(path, disc if _is_directory(path) else error.what))
    return there


def _lesions(folder: Folder, there: _Sorted) -> Iterator[Item]:
    """What is drawn, each lesion once, with the object that draws its box; and a line on all that gives none."""
    images: dict[str, list[Path]] = defaultdict(list)
    for path, header in there.radiographs:
        images[_text(header, "SOPInstanceUID")].append(path)
    placed: list[rois.Roi] = []
    for path, found in there.drawn:
        folder.used.add(path)
        for passed in found.passed:
            # An object that gives a lesion is read; what else it holds is a note.
            yield Note(path, passed.why, passed.part) if found.rois else Skipped(path, passed.why, path, passed.part)
        for roi in found.rois:
            on = images.get(roi.instance, []) if roi.instance else []
            if len(on) == 1:
                placed.append(roi)
            else:
                why = (
                    f"on which it lies is in the folder {len(on)} times"
                    if on
                    else "on which it lies is not in the folder"
                )
                yield Skipped(path, f"the radiograph {why}", path, roi.part)
    for roi in rois.merged(placed):
        (image,) = images[roi.instance]
        yield Lesion(image, roi.label, roi.box, roi.draw, roi.shape, source=roi.source, part=roi.part)


def _columns(
    found: Sequence[tuple[Path, Dataset]], evidence: Sequence[Evidence], names: Sequence[str]
) -> Iterator[Mapping[str, object]]:
    """What the cohort table says of each radiograph."""
    dummies = shared_births(evidence)
    centres: dict[str, str] = {}
    for (_, header), said, patient in zip(found, evidence, names, strict=True):
        yield {
            "patient_id": patient,
            "centre": centres.setdefault(plain(said.institution), str(len(centres) + 1)),
            "age": _age(header, usable=usable_birth(said.born) and said.born not in dummies),
            "sex": said.sex,
            "site": _SITES.get(_text(header, "BodyPartExamined").upper(), ""),
            "view": _VIEWS.get(_text(header, "ViewPosition").upper(), ""),
        }


def _is_directory(path: Path) -> bool:
    """Whether a file is a DICOMDIR, the list of a disc's files (PS3.10 section 8)."""
    try:
        header = dicom.parse(path, ("SOPClassUID",))
    except ImageError:
        return False
    with quiet():
        return _DIRECTORY in (_text(header, "SOPClassUID"), _text(header.file_meta, "MediaStorageSOPClassUID"))


def _evidence(header: Dataset) -> Evidence:
    """What a header says of its patient."""
    sex, born, studied = (_text(header, name) for name in ("PatientSex", "PatientBirthDate", "StudyDate"))
    age = _said_age(header)
    return Evidence(
        identifier=_text(header, "PatientID"),
        issuer=_text(header, "IssuerOfPatientID"),
        name=_text(header, "PatientName"),
        born=born,
        sex=sex.upper() if sex.upper() in ("F", "M", "O") else "",
        study=_text(header, "StudyInstanceUID"),
        instance=_text(header, "SOPInstanceUID"),
        institution=_text(header, "InstitutionName"),
        year=int(studied[:4]) - age if age is not None and _is_date(studied) else None,
    )


def _text(header: Dataset, name: str) -> str:
    return str(header.get(name) or "").strip(" \0\t\r\n")


def _said_age(header: Dataset) -> float | None:
    """Patient's Age in years, None where it says none that a person can have."""
    said = _text(header, "PatientAge").upper()
    if said[:-1].isdecimal() and said[-1:] in _YEARS and len(said) <= 5:
        age = int(said[:-1]) / _YEARS[said[-1]]
        return age if age <= 120 else None
    return None


def _is_date(text: str) -> bool:
    return len(text) == 8 and text.isascii() and text.isdecimal()


def _age(header: Dataset, *, usable: bool) -> float | str:
    """Age in years as Patient's Age says it, else from the dates of birth and study; "" where neither does."""
    age = _said_age(header)
    if age is None:
        born, studied = (_text(header, name) for name in ("PatientBirthDate", "StudyDate"))
        if not (usable and _is_date(studied)):
            return ""
        # Whole years, as an age is given: the date of birth cannot be had back from it.
        age = float((int(studied) - int(born)) // 10_000)
    return round(age, 2) if 0 <= age <= 120 else ""
