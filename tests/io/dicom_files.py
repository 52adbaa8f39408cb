"""DICOM files for tests, written with pydicom (and so by another hand than the reader under test)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

INSTANCE = "1.2.826.0.1.3680043.10.1.1"


def dataset(values: np.ndarray, *, bits: int | None = None, **attributes: object) -> Dataset:
    """A computed radiograph with these stored values."""
    new = Dataset()
    new.SOPClassUID, new.SOPInstanceUID, new.Modality = ComputedRadiographyImageStorage, INSTANCE, "CR"
    new.Rows, new.Columns = values.shape
    new.SamplesPerPixel, new.PhotometricInterpretation = 1, "MONOCHROME2"
    new.BitsAllocated = values.dtype.itemsize * 8
    new.BitsStored = bits or new.BitsAllocated
    new.HighBit = new.BitsStored - 1
    new.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in attributes.items():
        setattr(new, name, value)
    new.PixelData = values.tobytes()
    new["PixelData"].VR = "OB" if new.BitsAllocated == 8 else "OW"
    return new


def write(path: Path, new: Dataset, syntax: UID = ExplicitVRLittleEndian, *, frame: bytes | None = None) -> Path:
    """Write a dataset in a transfer syntax, with an already compressed frame if one is given."""
    new.file_meta = FileMetaDataset()
    new.file_meta.TransferSyntaxUID = syntax
    if frame is not None:
        new.PixelData = encapsulate([frame])
        new["PixelData"].VR = "OB"
        new["PixelData"].is_undefined_length = True
    new.save_as(path, enforce_file_format=True)
    return path


def lut(first: int, outputs: np.ndarray, bits: int, kind: str = "US") -> Dataset:
    """A modality or VOI look-up table."""
    item = Dataset()
    item.add_new("LUTDescriptor", kind, [len(outputs) % 65536, first, bits])
    item.add_new("LUTData", "OW", outputs.astype("<u2").tobytes())
    return item
