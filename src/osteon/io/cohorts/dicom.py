"""DICOM: every radiograph of a folder, such as an export from the archive, with identities turned into pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from osteon.errors import ImageError
from osteon.io import dicom
from osteon.io.cohorts import Lesion, Skipped

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_IDENTITY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "StudyDate", "InstitutionName"),
    *("BodyPartExamined", "ViewPosition"),
)
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


def read(folder: Path) -> Iterator[Lesion | Skipped]:
    """Yield every DICOM radiograph of a folder and below it, in the order of their paths.

    DICOM knows neither lesions nor diagnoses: labels and boxes come from a table of labels. Patients and institutions
    become numbers by their first appearance (``P0001``; ``1``), which cannot be turned back. Age and sex are taken
    over; body part and view only where they are terms that cannot identify anybody.
    """
    patients: dict[str, str] = {}
    centres: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == "DICOMDIR" or not _is_dicom(path):
            continue
        try:
            dicom.image_size(path)  # refuses what is no radiograph
            header = dicom.parse(path, _IDENTITY)
        except ImageError as error:
            yield Skipped(path, error.what)
            continue
        identity = _text(header, "PatientID") or _text(header, "PatientName") + _text(header, "PatientBirthDate")
        patient = patients.setdefault(identity, f"P{len(patients) + 1:04d}") if identity else ""
        institution = _text(header, "InstitutionName")
        sex = _text(header, "PatientSex")
        yield Lesion(
            path,
            columns={
                "patient_id": patient,
                "centre": centres.setdefault(institution, str(len(centres) + 1)),
                "age": _age(header),
                "sex": sex if sex in ("F", "M", "O") else "",
                "site": _SITES.get(_text(header, "BodyPartExamined").upper(), ""),
                "view": _VIEWS.get(_text(header, "ViewPosition").upper(), ""),
            },
        )


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() in (".dcm", ".dicom", ".ima"):
        return True
    with path.open("rb") as handle:
        return handle.read(132)[128:] == b"DICM"


def _text(header: Dataset, name: str) -> str:
    return str(header.get(name) or "").strip()


def _age(header: Dataset) -> float | str:
    """Age in years as Patient's Age says it, else from the dates of birth and study; "" where neither does."""
    said = _text(header, "PatientAge")
    if said[:-1].isdigit() and said[-1:] in _YEARS:
        age = int(said[:-1]) / _YEARS[said[-1]]
    else:
        born, studied = (_text(header, name) for name in ("PatientBirthDate", "StudyDate"))
        if not (len(born) == len(studied) == 8 and (born + studied).isdigit()):
            return ""
        # Whole years, as an age is given: the date of birth cannot be had back from it.
        age = float((int(studied) - int(born)) // 10_000)
    return round(age, 2) if 0 <= age <= 120 else ""
