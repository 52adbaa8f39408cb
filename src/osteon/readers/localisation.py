"""Whether a reader's box is on the lesion.

A positive case is found where the drawn box lies on the same picture as the lesion's and either overlaps it enough
(intersection over union, Everingham 2010) or has its centre inside it. A positive case without a drawn box is missed;
a negative case has no lesion to find, and its box is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from osteon.core.errors import InputError, TableError
from osteon.core.types import Floats

_SIDES = ("x0", "y0", "x1", "y1")
DRAWN = tuple(f"box_{side}" for side in _SIDES)
LESION = tuple(f"lesion_{side}" for side in _SIDES)


@dataclass(frozen=True)
class Criterion:
    """When a box is on the lesion.

    Attributes:
        rule: ``iou`` (intersection over union at least `least`) or ``centre`` (the box's centre in the lesion's box).
        least: The least intersection over union.
    """

    rule: str = "iou"
    least: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no rule."""
        if self.rule not in ("iou", "centre"):
            raise InputError(f"localisation is '{self.rule}'", fix="Give iou or centre.")
        if not 0 < self.least <= 1:
            raise InputError(f"the least intersection over union is {self.least}", fix="Give a value from 0 to 1.")

    def __str__(self) -> str:
        """As a method section says it."""
        if self.rule == "centre":
            return "the drawn box's centre lies in the lesion's box"
        return f"the drawn and the lesion's box have an intersection over union of at least {self.least:g}"


def has_boxes(readings: pd.DataFrame) -> bool:
    """Whether the readings say where the lesion is and what was drawn."""
    return set(DRAWN) | set(LESION) <= set(readings.columns) and bool(readings[list(LESION)].notna().all(axis=1).any())


def localised(readings: pd.DataFrame, criterion: Criterion) -> pd.Series:
    """1 where the lesion was found, 0 where it was missed, nan for negative cases and lesions whose place is unknown.

    Args:
        readings: With the columns of :func:`has_boxes`; where there are ``box_view`` and ``lesion_view`` too, boxes on
            different pictures do not meet.
        criterion: When a box is on the lesion.

    Raises:
        TableError: A box that lacks a side, or whose sides are crossed.
    """
    drawn, lesion = _boxes(readings, DRAWN), _boxes(readings, LESION)
    if criterion.rule == "centre":
        x, y = (drawn[:, 0] + drawn[:, 2]) / 2, (drawn[:, 1] + drawn[:, 3]) / 2
        hit = (lesion[:, 0] <= x) & (x <= lesion[:, 2]) & (lesion[:, 1] <= y) & (y <= lesion[:, 3])
    else:
        # a hair's breadth: the quotient of whole pixels is not to miss its own decimal
        hit = overlap(drawn, lesion) >= criterion.least - 1e-12
    if {"box_view", "lesion_view"} <= set(readings.columns):
        views = readings[["box_view", "lesion_view"]].to_numpy(dtype=np.float64)
        hit &= np.isnan(views).any(axis=1) | (views[:, 0] == views[:, 1])
    hit &= ~np.isnan(drawn).any(axis=1)
    judged = (readings["truth"].to_numpy() == 1) & ~np.isnan(lesion).any(axis=1)
    return pd.Series(np.where(judged, hit.astype(float), np.nan), index=readings.index)


def overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of (n, 4) boxes, row by row; nan where a side is unknown."""
    width = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    height = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    both = np.clip(width, 0, None) * np.clip(height, 0, None)
    area = [(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) for box in (a, b)]
    result: Floats = both / (area[0] + area[1] - both)
    return result


def _boxes(readings: pd.DataFrame, columns: tuple[str, ...]) -> Floats:
    """(n, 4) boxes, nan where there is none."""
    boxes: Floats = readings[list(columns)].to_numpy(dtype=np.float64)
    known = ~np.isnan(boxes)
    partly = np.flatnonzero(known.any(axis=1) & ~known.all(axis=1))
    if partly.size:
        lacking = columns[int(np.flatnonzero(~known[partly[0]])[0])]
        raise TableError(
            "the box lacks this side", row=int(partly[0]) + 2, column=lacking, fix="Give all four or none."
        )
    crossed = np.flatnonzero((boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1]))
    if crossed.size:
        x0, y0, x1, y1 = boxes[crossed[0]]
        raise TableError(
            f"the box {x0:g}, {y0:g}, {x1:g}, {y1:g} has no area", row=int(crossed[0]) + 2, column=columns[2],
            fix="Write left, top, right, bottom.",
        )  # fmt: skip
    return boxes
