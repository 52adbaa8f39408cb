"""Segmentations (PS3.3 A.51): a mask for each segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from osteon.io.regions import Mask, tight_box
from osteon.io.rois.codes import code, meaning
from osteon.io.rois.found import Found, Roi
from osteon.io.rois.outlines import only
from osteon.io.stored import MAX_PIXELS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # the second are label maps
ELEMENTS = (
    *("SOPClassUID", "Rows", "Columns", "NumberOfFrames", "SegmentationType", "SegmentSequence", "PixelData"),
    *("ReferencedSeriesSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation"),
    "MaximumFractionalValue",
)
#: Categories (PS3.16 CID 7150) that are no lesions, under their codes of today and before 2016.
_NO_LESIONS = {
    **dict.fromkeys(("91723000", "123037004", "T-D000A"), "it is an anatomical structure, not a lesion"),
    **dict.fromkeys(("260787004", "A-00004"), "it is a physical object, not a lesion"),
    **dict.fromkeys(("309825002", "R-42018"), "it is a map, not the outline of a lesion"),
}
_BACKGROUND = ("125040", "DCM")


def reads(sop_class: str) -> bool:
    """Whether this module reads objects of a SOP class."""
    return sop_class in _CLASSES


def read(header: Dataset, found: Found) -> None:
    """Read every segment on every radiograph that it is on."""
    rows, columns, frames = int(header.Rows), int(header.Columns), int(header.get("NumberOfFrames") or 1)
    if rows * columns * frames > MAX_PIXELS:
        raise ValueError("more pixels than a radiograph's")
    known = {int(item.SegmentNumber): item for item in header.SegmentSequence}
    masks: dict[tuple[int, str], Mask] = {}
    for frame in range(frames):
        for number, instance, mask in _frame(header, frame, sorted(known)):
            key = number, instance
            masks[key] = mask | masks[key] if key in masks else mask
    for number, item in known.items():
        if code(item, "SegmentedPropertyTypeCodeSequence") == _BACKGROUND:
            continue  # of a label map
        _segment(item, {instance: mask for (own, instance), mask in masks.items() if own == number}, header, found)


def _segment(item: Dataset, masks: dict[str, Mask], header: Dataset, found: Found) -> None:
    """One segment on each radiograph that it is on."""
    part = f"segment {int(item.SegmentNumber)}"
    category, scheme = code(item, "SegmentedPropertyCategoryCodeSequence")
    if scheme in ("SCT", "SRT", "SNM3") and category in _NO_LESIONS:
        found.passes(part, _NO_LESIONS[category])
        return
    shown = {instance: mask for instance, mask in masks.items() if mask.any()}
    if not shown:
        found.passes(part, "it is empty")
    for instance, mask in shown.items():
        box = tight_box(mask)
        if not instance or box is None:
            found.passes(part, "it does not say on which one radiograph it lies")
            continue
        if header.get("SegmentationType") == "FRACTIONAL":
            found.passes(part, "it is fractional: what is at least half was taken")
        label = meaning(item, "SegmentedPropertyTypeCodeSequence")
        shape = int(header.Rows), int(header.Columns)
        found.rois.append(
            Roi(instance, box, partial(_same, mask), shape, str(item.get("TrackingUID") or ""), label, part)
        )


def _frame(header: Dataset, frame: int, numbers: Sequence[int]) -> Iterator[tuple[int, str, Mask]]:
    """The segments of a frame, each with its number and the radiograph it lies on ("" for unknown)."""
    from pydicom.pixels.utils import pixel_array

    values = np.asarray(pixel_array(header, index=frame))
    groups = [*header.get("SharedFunctionalGroupsSequence", [])[:1]]
    groups += [*header.get("PerFrameFunctionalGroupsSequence", [])[frame : frame + 1]]
    instance, own = "", 0
    for group in groups:
        for item in group.get("SegmentIdentificationSequence", []):
            own = int(item.ReferencedSegmentNumber)
        sources = {
            str(source.ReferencedSOPInstanceUID)
            for derivation in group.get("DerivationImageSequence", [])
            for source in derivation.get("SourceImageSequence", [])
        }
        if len(sources) == 1:
            (instance,) = sources
    instance = instance or only(header)
    if header.get("SegmentationType") == "LABELMAP":
        for number in numbers:
            yield number, instance, values == number
        return
    half = float(header.get("MaximumFractionalValue") or 1) / 2
    yield own or numbers[0], instance, values >= half


def _same(mask: Mask, shape: tuple[int, int]) -> Mask:
    """A mask at its own size; whoever asks has compared it with the radiograph's."""
    if mask.shape != shape:
        raise ValueError("a mask of another size")
    return mask
