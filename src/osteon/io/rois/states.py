"""Presentation states (PS3.3 C.10.5): closed graphics that a viewer draws over the radiograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from osteon.core.types import Floats
from osteon.io.rois.found import Found
from osteon.io.rois.outlines import only, outline, roi

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in (1, 2, 3))  # grey, colour, pseudo-colour
ELEMENTS = (
    *("SOPClassUID", "ReferencedSeriesSequence", "GraphicAnnotationSequence", "DisplayedAreaSelectionSequence"),
    *("ImageRotation", "ImageHorizontalFlip"),
)


def reads(sop_class: str) -> bool:
    """Whether this module reads objects of a SOP class."""
    return sop_class in _CLASSES


def read(header: Dataset, found: Found) -> None:
    """Graphic objects, in pixels or in shares of the displayed area; those of one tracking UID are one lesion."""
    number = texts = compounds = 0
    lesions: dict[tuple[str, str], list[Floats]] = {}
    parts: dict[tuple[str, str], str] = {}
    for annotation in header.get("GraphicAnnotationSequence", []):
        texts += len(annotation.get("TextObjectSequence", []))
        objects = annotation.get("GraphicObjectSequence", [])
        drawn = {str(item.get("CompoundGraphicInstanceID")) for item in objects}
        compounds += sum(
            str(item.get("CompoundGraphicInstanceID")) not in drawn
            for item in annotation.get("CompoundGraphicSequence", [])
        )
        for item in objects:
            number += 1
            part = f"graphic object {number}"
            try:
                instance, region = _graphic(header, annotation, item)
            except ValueError as error:
                found.passes(part, str(error))
                continue
            key = instance, str(item.get("TrackingUID") or "") or f"untracked {number}"
            lesions.setdefault(key, []).append(region)
            parts.setdefault(key, part)
    for (instance, tracking), outlines in lesions.items():
        told = "" if tracking.startswith("untracked") else tracking
        found.rois.append(roi(instance, outlines, told, "", parts[instance, tracking]))
    if texts:
        found.passes("", f"{texts} text{'s' * (texts != 1)} not read: they may name a patient")
    if compounds:
        found.passes("", f"{compounds} compound graphics without their plain form are not read")


def _graphic(header: Dataset, annotation: Dataset, item: Dataset) -> tuple[str, Floats]:
    """The radiograph and the outline of a graphic object; a ValueError says why it has none."""
    told = {str(image.ReferencedSOPInstanceUID) for image in annotation.get("ReferencedImageSequence", [])}
    instance = only(header) if not told else next(iter(told)) if len(told) == 1 else ""
    if not instance:
        raise ValueError("it does not say on which one radiograph it lies")
    units = str(item.get("GraphicAnnotationUnits"))
    points = np.asarray(item.GraphicData, dtype=np.float64).reshape(-1, 2)
    if units == "DISPLAY":
        points = _on_image(header, instance, points)
    elif units not in ("PIXEL", "MATRIX"):
        raise ValueError("it does not say in which units it is drawn")
    return instance, outline(str(item.GraphicType), points.ravel(), filled=item.get("GraphicFilled") == "Y")


def _on_image(header: Dataset, instance: str, shares: Floats) -> Floats:
    """Shares of the displayed area in pixels of the image (PS3.3 C.10.4 and C.10.5).

    The corners of the area are pixels, counted from 1, as they are on the screen after turning and mirroring: from them
    follows everything but which of the image's axes runs across the screen.
    """
    for area in header.get("DisplayedAreaSelectionSequence", []):
        images = [str(image.ReferencedSOPInstanceUID) for image in area.get("ReferencedImageSequence", [])]
        if images and instance not in images:
            continue
        corners = (area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner)
        first, last = (np.asarray(corner, dtype=np.float64) for corner in corners)
        turns, mirrored = int(header.get("ImageRotation") or 0) // 90 % 4, header.get("ImageHorizontalFlip") == "Y"
        # Directions in which the screen's axes run over the image; an area of one pixel tells none.
        runs = {0: (1, 1), 1: (1, -1), 2: (-1, -1), 3: (-1, 1)}[turns]
        runs = (runs[0] * (-1 if mirrored and turns % 2 == 0 else 1), runs[1] * (-1 if mirrored and turns % 2 else 1))
        if (np.sign(last - first) * runs < 0).any():
            raise ValueError("its displayed area contradicts how the image is turned")
        start = np.where(np.array(runs) > 0, first - 1, first)
        end = np.where(np.array(runs) > 0, last, last - 1)
        return np.asarray(start + (shares[:, ::-1] if turns % 2 else shares) * (end - start))
    raise ValueError("it is drawn in shares of a displayed area, and none is given")
