"""The presentation state: the radiograph as it is, with boxes and numbers that a viewer draws over it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from osteon.io.objects.making import Making
from osteon.io.objects.source import aspect

if TYPE_CHECKING:
    from highdicom.pr import GraphicAnnotation, SoftcopyVOILUTTransformation
    from pydicom.dataset import Dataset

    from osteon.io.stored import StoredRadiograph


def overlay(making: Making, stored: StoredRadiograph) -> Dataset:
    """Boxes, and beside each the probability and what it is not for.

    Args:
        making: The radiograph and what is said of it.
        stored: The radiograph as osteon reads it: the box is shown over the grey levels that the model saw.
    """
    from highdicom import PresentationLUTTransformation, pr

    source = making.source
    layer = pr.GraphicLayer("OSTEON", order=1, description=making.brief)
    shape = "INVERSE" if stored.mirror is not None else "IDENTITY"
    made = pr.GrayscaleSoftcopyPresentationState(
        [source],
        content_label="OSTEON",
        content_description=making.brief,
        graphic_layers=[layer],
        graphic_annotations=[_annotation(making, layer)],
        voi_lut_transformations=_window(stored),
        presentation_lut_transformation=PresentationLUTTransformation(presentation_lut_shape=shape),
        **making.common("overlay"),
    )
    ratio = Fraction(aspect(source)[0] / aspect(source)[1]).limit_denominator(10_000)
    made.DisplayedAreaSelectionSequence[0].PresentationPixelAspectRatio = [ratio.numerator, ratio.denominator]
    return making.finished(made, "overlay")


def _annotation(making: Making, layer: object) -> GraphicAnnotation:
    from highdicom import pr

    author, source, lines, texts = making.author, making.source, [], []
    for finding in making.findings:
        x0, y0, x1, y1 = finding.box
        corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
        tracked = {"tracking_id": finding.case_id, "tracking_uid": making.tracking(finding)}
        lines.append(
            pr.GraphicObject(pr.GraphicTypeValues.POLYLINE, corners, pr.AnnotationUnitsValues.PIXEL, **tracked)
        )
        said = f"{author.positive} {finding.probability:.3f}\r\n" + "\r\n".join(author.warnings)
        # Below the box where there is room, else above it.
        height = 0.08 * source.Rows
        top = y1 if y1 + height <= source.Rows else max(0.0, y0 - height)
        place = (x0, top, float(source.Columns), min(float(source.Rows), top + height))
        texts.append(pr.TextObject(said, pr.AnnotationUnitsValues.PIXEL, bounding_box=place, text_justification="LEFT"))
    return pr.GraphicAnnotation([source], layer, graphic_objects=lines, text_objects=texts)


def _window(stored: StoredRadiograph) -> list[SoftcopyVOILUTTransformation]:
    """The window or table that osteon shows the radiograph in, in the file's own values."""
    from highdicom import VOILUT
    from highdicom.pr import SoftcopyVOILUTTransformation

    low, high = stored.window
    if stored.mirror is not None:
        low, high = stored.mirror - high, stored.mirror - low
    if isinstance(stored.curve, np.ndarray):
        shown = stored.curve if stored.mirror is None else 1 - stored.curve[::-1]
        if low >= 0 and len(shown) < 1 << 16:
            table = np.rint(shown * 65535).astype(np.uint16)
            return [SoftcopyVOILUTTransformation(voi_luts=[VOILUT(int(low), table, "As osteon shows it")])]
    if stored.curve == "sigmoid":
        return [SoftcopyVOILUTTransformation((low + high) / 2, high - low, voi_lut_function="SIGMOID")]
    return [SoftcopyVOILUTTransformation((low + high) / 2, max(high - low, 1e-6), voi_lut_function="LINEAR_EXACT")]
