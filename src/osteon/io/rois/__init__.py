"""Where other programs and people have drawn lesions: segmentations, reports (TID 1500), presentation states.

    found = rois.read(path)
    lesions = rois.merged(found.rois)       # also of several objects: what they draw alike is one lesion

What an object draws and is no region (a point, a line, a text) is passed over with its reason; texts and whatever else
people have written there are never read, since they may name a patient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from osteon.io import dicom
from osteon.io.rois import reports, segmentations, states
from osteon.io.rois.found import Found, Passed, Roi

__all__ = ["Found", "Passed", "Roi", "draws", "merged", "read"]

#: Pixels by which boxes of one lesion may differ.
_ALIKE = 0.5


def draws(sop_class: str) -> bool:
    """Whether objects of a SOP class may draw regions.

    >>> [draws(f"1.2.840.10008.5.1.4.1.1.{end}") for end in ("66.4", "88.34", "11.1", "1")]
    [True, True, True, False]
    """
    return _reader(sop_class) is not None


def read(path: Path) -> Found:
    """Read what an object draws.

    Args:
        path: A segmentation, structured report or presentation state.

    Raises:
        ImageError: It is none of these, or damaged.
    """
    found = Found()
    with dicom.understood(path):
        reader = _reader(str(dicom.parse(path, ("SOPClassUID",)).get("SOPClassUID")))
        if reader is None:
            raise ValueError("draws nothing")
        reader.read(dicom.parse(path, reader.ELEMENTS), found)
    if not (found.rois or found.passed):
        found.passes("", "it draws nothing")
    return Found([replace(roi, source=path) for roi in found.rois], found.passed)


def merged(rois: Iterable[Roi]) -> list[Roi]:
    """Lesions: regions of one tracking UID, or of the same box, on one radiograph are one.

    Of their boxes the first that was drawn as such counts, before one around an outline; of outlines the first.
    """
    lesions: list[Roi] = []
    for roi in rois:
        place = next((place for place, known in enumerate(lesions) if _are_one(known, roi)), None)
        if place is None:
            lesions.append(roi)
            continue
        known = lesions[place]
        boxed = roi if known.draw is not None and roi.draw is None else known
        drawn = known if known.draw is not None else roi
        label, tracking = known.label or roi.label, known.tracking or roi.tracking
        lesions[place] = replace(boxed, draw=drawn.draw, shape=drawn.shape, tracking=tracking, label=label)
    return lesions


def _reader(sop_class: str) -> ModuleType | None:
    return next((reader for reader in (segmentations, reports, states) if reader.reads(sop_class)), None)


def _are_one(a: Roi, b: Roi) -> bool:
    if a.instance != b.instance:
        return False
    if a.tracking and b.tracking:
        return a.tracking == b.tracking
    return max(abs(one - other) for one, other in zip(a.box, b.box, strict=True)) <= _ALIKE
