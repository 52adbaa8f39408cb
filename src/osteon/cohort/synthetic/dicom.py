"""Synthetic radiographs as DICOM files whose header says on every line that there is no patient."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from osteon.cohort.synthetic.radiographs import Phantom

#: Stored values of black and white: a detector does not use its whole range, so the window matters.
_BLACK, _WHITE, _MAXIMUM = 300, 3700, 4095
_BODY_PART = {"femur": "THIGH", "tibia": "LEG", "knee": "KNEE", "humerus": "ARM", "hand": "HAND"}
_VIEW = {"frontal": "AP", "lateral": "LL", "oblique": "RL"}


def write_dicom(path: Path, film: Phantom, patient_id: str, number: int, *, inverted: bool) -> None:
    """Write a film as a 12-bit computed radiograph, uncompressed.

    Args:
        path: The file.
        film: The radiograph.
        patient_id: Whose; its numbers become the identifiers.
        number: Of the film within the patient's study.
        inverted: Whether it is stored as MONOCHROME1, white as 0.
    """
    facts = film.facts
    stored = np.rint(_BLACK + (_WHITE - _BLACK) * film.picture).astype(np.uint16)
    middle = (_BLACK + _WHITE) / 2
    if inverted:
        stored, middle = (_MAXIMUM - stored).astype(np.uint16), _MAXIMUM - middle
    content = hashlib.sha256(stored.tobytes()).hexdigest()

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = _uid("image", patient_id, content)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = ComputedRadiographyImageStorage, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = _uid("study", patient_id, str(facts.patient))
    data.SeriesInstanceUID = _uid("series", patient_id, str(facts.patient), facts.view)
    data.PatientName, data.PatientID = f"SYNTHETIC^{patient_id}", f"SYNTHETIC-{patient_id}"
    data.PatientBirthDate, data.PatientSex, data.PatientAge = "", facts.patient.sex, f"{facts.patient.age:03d}Y"
    data.PatientIdentityRemoved, data.DeidentificationMethod = "YES", "SYNTHETIC PHANTOM, THERE IS NO PATIENT"
    data.StudyDate, data.StudyTime, data.AccessionNumber, data.ReferringPhysicianName = "", "", "", ""
    data.StudyID, data.SeriesNumber, data.InstanceNumber = "SYNTHETIC", 1, number
    data.StudyDescription = "SYNTHETIC RADIOGRAPH"
    data.Modality, data.ImageType = "CR", ["DERIVED", "PRIMARY"]
    data.Manufacturer, data.ManufacturerModelName = "osteon phantom (synthetic)", "storage phosphor"
    data.BodyPartExamined, data.ViewPosition = _BODY_PART[facts.site], _VIEW[facts.view]
    data.Laterality, data.PatientOrientation = facts.patient.side, ""
    data.BurnedInAnnotation, data.LossyImageCompression = "YES", "00"
    data.ImageComments = "SYNTHETIC: simulated radiograph, not of a person; not for diagnosis"

    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.ImagerPixelSpacing = [facts.spacing, facts.spacing]
    # PS3.3 C.11.2.1.2: a linear window of width w covers w - 1 steps, half a step below its centre.
    data.WindowCenter, data.WindowWidth = str(middle + 0.5), str(_WHITE - _BLACK + 1)
    data.PixelData = stored.tobytes()
    data.save_as(path, enforce_file_format=True)


def _uid(*parts: str) -> UID:
    """A UUID-derived UID (DICOM PS3.5 B.2) that depends on the content only."""
    return UID(f"2.25.{int(hashlib.sha256(':'.join(parts).encode()).hexdigest()[:32], 16)}")
