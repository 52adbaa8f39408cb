"""What an object draws, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from osteon.io.regions import Box, Mask


@dataclass(frozen=True, eq=False)
class Roi:
    """A region of interest on one radiograph.

    Attributes:
        instance: The radiograph's SOP Instance UID.
        box: x0, y0, x1, y1 in pixels, from the upper left corner of the first; it may reach beyond the edge.
        draw: Draws its mask at a height and width; None for a plain box.
        shape: Height and width of the radiograph that it was drawn on, where the object says.
        tracking: Tracking UID, by which several objects mean one lesion; "" for none.
        label: What it is by a published code; "" where none says more than that it is a lesion.
        part: Where in the object, such as "segment 2".
        source: The object; of several that draw one lesion, the one whose box it has.
    """

    instance: str
    box: Box
    draw: Callable[[tuple[int, int]], Mask] | None = None
    shape: tuple[int | None, int | None] = (None, None)
    tracking: str = ""
    label: str = ""
    part: str = ""
    source: Path | None = None


@dataclass(frozen=True)
class Passed:
    """Something in an object that is no region or not read as it stands, and why; `part` is where."""

    part: str
    why: str


@dataclass
class Found:
    """What an object draws, and what of it was passed over."""

    rois: list[Roi] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)

    def passes(self, part: str, why: str) -> None:
        """Pass over something."""
        self.passed.append(Passed(part, why))
