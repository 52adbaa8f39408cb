"""What a result takes from the radiograph that it is about: whose it is, its study, its geometry, its equipment.

This module alone reads what identifies a patient: a result lands beside its radiograph in an archive only if it says
the same of patient and study. Nothing of that is logged, quoted in an error or written anywhere but into the objects.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osteon.core.errors import ImageError
from osteon.io.dicom import is_dicom, parse
from osteon.io.stored import quiet

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_IDENTITY = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_PATIENT = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID", "TypeOfPatientID"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName", "ClinicalTrialSiteID"),
    *("ClinicalTrialSiteName", "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID"),
)
_STUDY = (
    *("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber", "StudyDescription"),
    *("IssuerOfAccessionNumberSequence", "PatientAge", "PatientSize", "PatientWeight"),
    *("ClinicalTrialTimePointID", "ClinicalTrialTimePointDescription"),
)
_EMPTY = (  # what the standard wants there even if it is not known (type 2)
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
#: What every result says of patient and study as the radiograph says it.
KEPT = (*_PATIENT, *_STUDY)
_MOMENTS = ("Content", "Acquisition", "Series", "Study")
_PICTURE = (
    *("Modality", "SeriesNumber", "InstanceNumber", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"),
    *("PixelAspectRatio", "PatientOrientation", "BodyPartExamined", "ImageLaterality", "Laterality"),
    *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "RescaleType", "VOILUTSequence"),
    *(f"{moment}{part}" for moment in _MOMENTS[:3] for part in ("Date", "Time")),
)
_EQUIPMENT = (
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber"),
    *("InstitutionName", "StationName"),
)
#: When a radiograph says nothing of when it was taken: results must have a date, and none of today's may be among them.
_NEVER = ("19000101", "000000")
_DATE = re.compile(r"(18|19|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")


def read_source(path: Path) -> Dataset:
    """What results take from a radiograph, with the elements that a result must have.

    Elements that are no values of their kind (a date that is none) are left empty, as absent ones are.

    Raises:
        ImageError: The file is not DICOM, or lacks what ties a result to it.
    """
    if not is_dicom(path):
        raise ImageError(
            "not a DICOM file, so that there is no study to put DICOM results in",
            file=path,
            fix="Give the radiograph as DICOM, or leave --dicom out.",
        )
    found = parse(path, dict.fromkeys((*_IDENTITY, *KEPT, *_PICTURE, *_EQUIPMENT, "SyntheticData")))
    absent = [name for name in _IDENTITY if not _is_uid(found.get(name))]
    if absent:
        raise ImageError(
            f"the DICOM file has no usable {', '.join(absent)}, by which results are tied to it",
            file=path,
            fix="Export it again from the archive.",
        )
    with quiet():
        _settle(found)
    return found


def moment(source: Dataset) -> tuple[str, str]:
    """Date and time of a radiograph, which are those of its results: the same question gives the same objects."""
    for name in _MOMENTS:
        day = str(source.get(f"{name}Date") or "")
        if day:
            return day, str(source.get(f"{name}Time") or _NEVER[1])
    return _NEVER


def aspect(source: Dataset) -> tuple[float, float]:
    """Height and width of a pixel, in proportion."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        pair = _pair(source.get(name))
        if pair is not None:
            return pair
    return 1.0, 1.0


def number(source: Dataset) -> int:
    """The number of a radiograph's result in its series, from those of the radiograph itself."""
    told = (source.get(name) for name in ("SeriesNumber", "InstanceNumber"))
    series, instance = (value if isinstance(value, int) else 0 for value in told)
    return max(1, (series if 0 < series < 100_000 else 0) * 1000 + (instance if 0 < instance < 1000 else 0))


def _is_uid(value: object) -> bool:
    return bool(re.fullmatch(r"(?=.{3,64}$)(0|[1-9]\d*)(\.(0|[1-9]\d*))+", str(value or "")))


def _pair(value: Any) -> tuple[float, float] | None:
    """Two lengths; None where they are not that."""
    try:
        height, width = (float(side) for side in value or ())
    except (TypeError, ValueError):
        return None
    return (height, width) if 0 < height < 1e6 and 0 < width < 1e6 else None


def _settle(found: Dataset) -> None:
    """Leave what is no value of its kind empty; add what has to be there."""
    for element in list(found):
        text = str(element.value or "")
        wrong = (element.VR == "DA" and not _DATE.fullmatch(text)) or (element.VR == "TM" and not _TIME.fullmatch(text))
        if element.keyword == "PatientSex" and text not in ("M", "F", "O"):
            wrong = True
        if wrong:
            found[element.tag].value = ""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        if name in found and _pair(found.get(name)) is None:
            del found[name]
    if len(found.get("PatientOrientation") or ()) != 2:
        found.PatientOrientation = ""
    for name in _EMPTY:
        if name not in found:
            setattr(found, name, "")
    if "Manufacturer" not in found:
        found.Manufacturer = ""
