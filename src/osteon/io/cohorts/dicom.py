"""DICOM: every radiograph of a folder, such as an export from the archive, with identities turned into pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from osteon.core.errors import ImageError
from osteon.io import dicom
from osteon.io.cohorts._files import Folder, why_not_read
from osteon.io.cohorts._items import Item, Lesion, Note, Skipped
from osteon.io.persons import Evidence, patients, plain, shared_births, usable_birth

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_IDENTITY = (
    *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("StudyInstanceUID", "SOPInstanceUID", "StudyDate", "InstitutionName", "BodyPartExamined", "ViewPosition"),
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


def read(folder: Folder) -> Iterator[Item]:
    """Yield every DICOM radiograph of a folder and below it, in the order of their paths; the content tells which.

    DICOM knows neither lesions nor diagnoses: labels and boxes come from a table of labels. Patients and institutions
    become numbers by their first appearance (``P0001``; ``1``), which cannot be turned back. Age and sex are taken
    over; body part and view only where they are terms that cannot identify anybody.
    """
    found: list[tuple[Path, Dataset]] = []
    for path in folder.files:
        try:
            if not dicom.is_dicom(path):
                yield Skipped(path, why_not_read(path, "a picture, but not DICOM"))
                continue
            dicom.image_size(path)  # refuses what is no radiograph
            found.append((path, dicom.parse(path, _IDENTITY)))
        except OSError as error:
            yield Skipped(path, f"the file cannot be opened ({error.strerror})")
        except ImageError as error:
            disc = "the directory of a DICOM disc, not an image"
            yield Skipped(path, disc if _is_directory(path) else error.what)
    evidence = [_evidence(header) for _, header in found]
    names, notes = patients(evidence)
    dummies = shared_births(evidence)
    yield from (Note(folder.path, note) for note in notes)
    if any(not file.institution for file in evidence):
        count = sum(not file.institution for file in evidence)
        yield Note(folder.path, f"{count} file{'s' * (count != 1)}: no institution is named; they count as one centre")
    centres: dict[str, str] = {}
    for (path, header), said, patient in zip(found, evidence, names, strict=True):
        yield Lesion(
            path,
            columns={
                "patient_id": patient,
                "centre": centres.setdefault(plain(said.institution), str(len(centres) + 1)),
                "age": _age(header, usable=usable_birth(said.born) and said.born not in dummies),
                "sex": said.sex,
                "site": _SITES.get(_text(header, "BodyPartExamined").upper(), ""),
                "view": _VIEWS.get(_text(header, "ViewPosition").upper(), ""),
            },
        )


def _is_directory(path: Path) -> bool:
    """Whether a file is a DICOMDIR, the list of a disc's files (PS3.10 section 8)."""
    try:
        header = dicom.parse(path, ("SOPClassUID",))
    except ImageError:
        return False
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
