"""Segmentations: the lesions' masks as they were given, and maps of where the model looks as fractional ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from osteon.io.objects.finding import Finding
from osteon.io.objects.making import Making, short

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STEPS = 255


def region(making: Making) -> Dataset | None:
    """The lesions' masks, a segment each; None where no lesion has one."""
    from highdicom import seg
    from pydicom.sr.codedict import codes

    masks = [(finding, finding.mask) for finding in making.findings if finding.mask is not None and finding.mask.any()]
    if not masks:
        return None
    segments = [
        seg.SegmentDescription(
            number,
            short(finding.case_id),
            codes.SCT.MorphologicallyAbnormalStructure,
            codes.SCT.Lesion,
            seg.SegmentAlgorithmTypeValues.MANUAL,  # it came with the question
            **_tracked(making, finding),
        )
        for number, (finding, _) in enumerate(masks, 1)
    ]
    stack = np.stack([mask for _, mask in masks], axis=-1)[None].astype(np.uint8)
    made = seg.Segmentation(
        [making.source],
        stack,
        seg.SegmentationTypeValues.BINARY,
        segments,
        content_label="LESION",
        content_description=making.brief,
        **making.common("region"),
    )
    return making.finished(made, "region")


def heat_map(making: Making) -> Dataset | None:
    """Where the model looks for each lesion, a segment each, 1 being most; None where it has no maps."""
    from highdicom import AlgorithmIdentificationSequence, seg
    from pydicom.sr.codedict import codes

    author = making.author
    heats = [(finding, finding.heat) for finding in making.findings if finding.heat is not None and finding.heat.any()]
    if not heats:
        return None
    algorithm = AlgorithmIdentificationSequence(
        short(f"osteon {author.name}"), codes.DCM.ArtificialIntelligence, author.identity, source="osteon"
    )
    segments = [
        seg.SegmentDescription(
            number,
            short(f"Map of {finding.case_id}"),
            codes.SCT.SpatialAndRelationalConcept,
            codes.DCM.GradientWeightedClassActivation,
            seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm,
            **_tracked(making, finding),
        )
        for number, (finding, _) in enumerate(heats, 1)
    ]
    made = seg.Segmentation(
        [making.source],
        np.stack([np.clip(heat, 0, 1) for _, heat in heats], axis=-1)[None],
        seg.SegmentationTypeValues.FRACTIONAL,
        segments,
        fractional_type=seg.SegmentationFractionalTypeValues.OCCUPANCY,  # nothing about the map is a probability
        max_fractional_value=_STEPS,
        content_label="MAP",
        content_description=making.brief,
        **making.common("map"),
    )
    return making.finished(made, "map")


def _tracked(making: Making, finding: Finding) -> dict[str, Any]:
    return {"tracking_uid": making.tracking(finding), "tracking_id": finding.case_id}
