"""Text burned into pictures that others will see: what is painted over, what is left, what somebody has to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from osteon.core.errors import InputError
from osteon.io.burned.finding import find
from osteon.io.burned.hiding import hide
from osteon.io.burned.marker import Box, is_side_marker
from osteon.io.stored import StoredRadiograph
from osteon.study.protocol import BurnedIn


@dataclass(frozen=True)
class Masked:
    """What became of the text in one picture.

    Attributes:
        radiograph: The picture without what was painted over.
        painted: Boxes that were painted over.
        left: Texts over the anatomy, or over the lesion's box, that were left.
        markers: Side markers that were left.
        stated: Whether the header says that text is burned in; None where it is silent.
        decision: ``confirmed`` or ``painted`` by the investigator, or nothing.
    """

    radiograph: StoredRadiograph
    painted: tuple[Box, ...]
    left: tuple[Box, ...]
    markers: tuple[Box, ...]
    stated: bool | None
    decision: str

    @property
    def open(self) -> str:
        """What the investigator has to decide; empty for nothing."""
        if self.decision == "confirmed":
            return ""
        if self.left:
            return "over the anatomy"
        return "stated" if self.stated and not self.painted else ""


def mask(
    radiograph: StoredRadiograph, stated: bool | None, decided: BurnedIn, case_id: str, lesion: Sequence[float]
) -> Masked:
    """Take away the text that may go, and say what is left.

    Args:
        radiograph: The picture.
        stated: What its header says of burned-in text.
        decided: What the investigator decided.
        case_id: The case.
        lesion: Its box, nan where it has none; what touches it is never painted over unasked.

    Raises:
        InputError: A box that was drawn by hand lies outside the picture.
    """
    texts = find(radiograph)
    shown = radiograph.render().pixels
    drawn = [_whole(box) for box in decided.boxes.get(case_id, ())]
    height, width = radiograph.values.shape
    for box in drawn:
        if box[0] >= width or box[1] >= height:
            raise InputError(
                f"a box of case '{case_id}' lies outside its picture of {width} x {height} pixels",
                column="readers.burned_in.boxes",
                fix="Give x0, y0, x1, y1 in pixels from the upper left corner.",
            )
    markers, painted, left = [], list(drawn), []
    for text in texts:
        outside = text.outside and not _touches(text.box, lesion)
        if decided.side_markers == "keep" and outside and is_side_marker(shown, text.box):
            markers.append(text.box)
        elif outside or decided.names("paint", case_id):
            painted.append(text.box)
        elif not any(_covers(box, text.box) for box in drawn):
            left.append(text.box)
    confirmed = decided.names("confirmed", case_id)
    asked = bool(drawn) or decided.names("paint", case_id)
    decision = "confirmed" if confirmed else "painted" if asked else ""
    clean = hide(radiograph, painted)
    return Masked(clean, tuple(painted), tuple(left), tuple(markers), stated, decision)


def _whole(box: Sequence[float]) -> Box:
    """The whole pixels that a box touches."""
    return int(np.floor(box[0])), int(np.floor(box[1])), int(np.ceil(box[2])), int(np.ceil(box[3]))


def _touches(box: Box, other: Sequence[float]) -> bool:
    """Whether two boxes overlap; never where one is nan."""
    return bool(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3])


def _covers(box: Box, other: Box) -> bool:
    """Whether a box holds most of another."""
    width, height = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return width > 0 and height > 0 and 2 * width * height > (other[2] - other[0]) * (other[3] - other[1])
