"""Structured reports with measurement groups (PS3.16 TID 1500): the regions that are measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from osteon.core.types import Floats
from osteon.io.rois.codes import code, meaning
from osteon.io.rois.found import Found
from osteon.io.rois.outlines import outline, roi

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
ELEMENTS = ("SOPClassUID", "ConceptNameCodeSequence", "ContentSequence")
_GROUP, _TRACKING, _FINDING, _SEGMENT = ((value, "DCM") for value in ("125007", "112040", "121071", "121191"))


def reads(sop_class: str) -> bool:
    """Whether this module reads objects of a SOP class."""
    return sop_class.startswith(_CLASSES)


def read(header: Dataset, found: Found) -> None:
    """Measurement groups (TID 1410 and those like it); other reports are passed over."""
    groups, others = [], 0
    for item, group in _content(header, None):
        if _name(item) == _GROUP and item.get("ValueType") == "CONTAINER":
            groups.append(item)
        elif group is None and str(item.get("ValueType")).startswith("SCOORD"):
            others += 1
    for number, group in enumerate(groups, 1):
        _group(header, group, f"measurement group {number}", found)
    if not groups:
        more = f", with {others} drawn regions or points," if others else ""
        found.passes("", f"a structured report without measurement groups (TID 1500){more} is not read")
    elif others:
        found.passes("", f"{others} drawn regions or points outside measurement groups are not read")


def _content(item: Dataset, group: Dataset | None) -> Iterator[tuple[Dataset, Dataset | None]]:
    """All content items below one, each with the measurement group it is in."""
    for child in item.get("ContentSequence", []):
        yield child, group
        yield from _content(child, child if _name(child) == _GROUP else group)


def _group(header: Dataset, group: Dataset, part: str, found: Found) -> None:
    """The regions of one measurement group, which are one lesion on each radiograph."""
    tracking = label = ""
    outlines: dict[str, list[Floats]] = {}
    said = False
    for item, _ in _content(group, group):
        kind = str(item.get("ValueType"))
        if _name(item) == _TRACKING and kind == "UIDREF":
            tracking = str(item.UID)
        elif _name(item) == _FINDING and kind == "CODE":
            label = label or meaning(item, "ConceptCodeSequence")
        elif kind.startswith("SCOORD") or (kind == "IMAGE" and _name(item) == _SEGMENT):
            said = True
            try:
                instance, region = _region(header, item)
            except ValueError as error:
                found.passes(part, str(error))
                continue
            known = outlines.setdefault(instance, [])
            if not any(region.shape == other.shape and np.allclose(region, other) for other in known):
                known.append(region)  # several measurements may be of one region
    if not said:
        found.passes(part, "it draws nothing")
    found.rois += [roi(instance, drawn, tracking, label, part) for instance, drawn in outlines.items()]


def _region(header: Dataset, item: Dataset) -> tuple[str, Floats]:
    """The radiograph and the outline of a SCOORD; a ValueError says why it has none."""
    if item.ValueType == "IMAGE":
        raise ValueError("its region is a segment of another object, which is read where it is in the folder")
    if item.ValueType != "SCOORD":
        raise ValueError("it is drawn in space (SCOORD3D), not on a radiograph")
    instances = set()
    for child in item.get("ContentSequence", []):
        meant = _referred(header, child) if "ReferencedContentItemIdentifier" in child else child
        if meant is not None and meant.get("ValueType") == "IMAGE":
            instances |= {str(one.ReferencedSOPInstanceUID) for one in meant.ReferencedSOPSequence}
    if len(instances) != 1:
        raise ValueError("it does not say on which one radiograph it lies")
    return next(iter(instances)), outline(str(item.GraphicType), item.GraphicData)


def _referred(header: Dataset, item: Dataset) -> Dataset | None:
    """The content item that another refers to, by its place in the tree (PS3.3 C.17.3.2.5)."""
    found = header
    for number in list(np.atleast_1d(item.ReferencedContentItemIdentifier))[1:]:
        children = found.get("ContentSequence", [])
        if not 1 <= number <= len(children):
            return None
        found = children[int(number) - 1]
    return found


def _name(item: Dataset) -> tuple[str, str]:
    return code(item, "ConceptNameCodeSequence")
