"""Plates: rectangles that a device drew beneath its text. What is under them is hidden already, or nearly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from osteon.core.types import Floats, Pixels

#: Pixels around strokes that are plate, and pixels beyond, where it has ended.
_PLATE, _BEYOND = 2, (5, 10)
#: How even a plate is, seen through a little, and how far it stands out, as shares of its letters' contrast; how many
#: of its pixels have to be so.
_EVEN, _APART, _MOST = 0.2, 0.12, 0.75
_STROKES = 0.3  # least share of a plate in a box of letters


def on_plate(picture: Pixels, ground: NDArray[np.bool_], box: NDArray[np.float64], contrast: float) -> bool:
    """Whether strokes stand on a plate of their own, so that painting over them hides no anatomy that was to be seen.

    Close around the strokes there is one grey, which may change evenly where something shines through. A little further
    out it has ended: there is another grey, the ground, or the picture's border.

    Args:
        picture: (H, W) in [0, 1].
        ground: (H, W) where no part of the patient is.
        box: x0, y0, x1, y1 around the strokes.
        contrast: Of the letters, as a share of the picture's range.
    """
    x0, y0, x1, y1 = (int(side) for side in (*np.floor(box[:2]), *np.ceil(box[2:])))
    height, width = picture.shape
    reach = _BEYOND[1]
    top, left = max(y0 - reach, 0), max(x0 - reach, 0)
    rows, columns = np.mgrid[top : min(y1 + reach, height), left : min(x1 + reach, width)]
    away = np.maximum(np.maximum(x0 - columns, columns - x1 + 1), np.maximum(y0 - rows, rows - y1 + 1))
    seen = picture[top : top + len(rows), left : left + rows.shape[1]]
    close, beyond, inside = (away > 0) & (away <= _PLATE), (away > _BEYOND[0]) & (away <= reach), away <= 0
    if close.sum() < 8 or not beyond.any():
        return False
    level, apart = _EVEN * contrast, _APART * contrast
    plate = _evenly(rows, columns, seen, close, level)
    even = np.abs(seen - plate) < level
    ended = (np.abs(seen - plate) > apart) | ground[top : top + len(rows), left : left + rows.shape[1]]
    return bool(
        even[close].mean() > _MOST and even[inside].mean() > _STROKES and ended[beyond].mean() > _MOST
        and (np.abs(seen - plate) > apart)[beyond].mean() > 1 - _MOST
    )  # fmt: skip


def _evenly(
    rows: NDArray[np.intp], columns: NDArray[np.intp], seen: Pixels, close: NDArray[np.bool_], level: float
) -> Floats:
    """The grey that changes evenly over the pixels close by, fitted twice so that what sticks out has no say."""
    design = np.stack([np.ones(rows.size), rows.ravel(), columns.ravel()], axis=1)
    values, use = seen.ravel().astype(np.float64), close.ravel()
    found = np.full(values.shape, np.median(values[use]))
    for _ in range(2):
        near = use & (np.abs(values - found) < 2 * level)
        if near.sum() < 8:
            break
        found = design @ np.linalg.lstsq(design[near], values[near], rcond=None)[0]
    return np.asarray(found.reshape(rows.shape))
