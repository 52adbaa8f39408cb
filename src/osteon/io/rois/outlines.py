"""What is drawn with points: closed outlines, and the boxes around them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from osteon.core.types import Floats
from osteon.io.regions import fill_polygons
from osteon.io.rois.found import Roi

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CORNERS = 256  # of a circle or an ellipse
#: Pixels by which the ends of a closed line, and the corners of an upright rectangle, may be off.
_CLOSED, _UPRIGHT = 0.5, 0.05


def only(header: Dataset) -> str:
    """The one radiograph that an object refers to; "" where it is not one."""
    told = {
        str(item.ReferencedSOPInstanceUID)
        for series in header.get("ReferencedSeriesSequence", [])
        for name in ("ReferencedInstanceSequence", "ReferencedImageSequence")
        for item in series.get(name, [])
    }
    return next(iter(told)) if len(told) == 1 else ""


def outline(kind: str, data: ArrayLike, *, filled: bool = False) -> Floats:
    """(n, 2) corners of a closed graphic; a ValueError says why it is none."""
    points = np.asarray(data, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(points).all():
        raise ValueError("its points are no numbers")
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, None]
    if kind == "CIRCLE" and len(points) == 2:
        radius = float(np.hypot(*(points[1] - points[0])))
        corners = points[0] + radius * np.hstack([np.cos(angle), np.sin(angle)])
    elif kind == "ELLIPSE" and len(points) == 4:
        major, minor = (points[1] - points[0]) / 2, (points[3] - points[2]) / 2
        corners = points[:2].mean(axis=0) + np.cos(angle) * major + np.sin(angle) * minor
    elif kind in ("POINT", "MULTIPOINT"):
        raise ValueError("it is a point, not a region")
    elif kind in ("POLYLINE", "INTERPOLATED"):
        closed = len(points) > 3 and float(np.abs(points[0] - points[-1]).max()) <= _CLOSED
        if not closed and not (filled and len(points) > 2):
            raise ValueError("it is a line, not a region")
        corners = points[:-1] if closed else points
    else:
        raise ValueError("it is a graphic of an unknown kind")
    if np.linalg.matrix_rank(corners - corners[0]) < 2:
        raise ValueError("it has no area")
    return np.asarray(corners)


def roi(instance: str, outlines: Sequence[Floats], tracking: str, label: str, part: str) -> Roi:
    """A plain box where one upright rectangle was drawn, else an outline and the box around it."""
    every = np.vstack(outlines)
    (x0, y0), (x1, y1) = every.min(axis=0).tolist(), every.max(axis=0).tolist()
    box = (x0, y0, x1, y1)
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    plain = len(outlines) == 1 and len(every) == 4 and _are_corners(every, corners)
    return Roi(instance, box, None if plain else partial(fill_polygons, outlines), (None, None), tracking, label, part)


def _are_corners(points: NDArray[np.float64], corners: NDArray[np.float64]) -> bool:
    """Whether points are the corners of an upright rectangle, in either direction from any of them."""
    return any(
        bool((np.abs(np.roll(way, shift, axis=0) - corners) <= _UPRIGHT).all())
        for way in (points, points[::-1])
        for shift in range(4)
    )
