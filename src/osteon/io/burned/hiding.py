"""Take text away: nothing of it is left in any picture that is made from the pixels afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osteon.core.types import Pixels
from osteon.io.burned.finding import find_in
from osteon.io.burned.marker import Box
from osteon.io.stored import StoredRadiograph

_RING = 4  # pixels around a box whose grey fills it


def hide(radiograph: StoredRadiograph, boxes: Iterable[Box]) -> StoredRadiograph:
    """Fill boxes with the grey around them.

    Args:
        radiograph: At full depth; it is not changed.
        boxes: x0, y0, x1, y1 in pixels; clipped to the picture.

    Returns:
        The radiograph with the same window and no value of the boxes.
    """
    return replace(radiograph, values=hide_in(radiograph.values, boxes))


def hide_in(values: NDArray[Any], boxes: Iterable[Box]) -> NDArray[Any]:
    """Fill boxes of a picture with the median of what surrounds each.

    Args:
        values: (H, W) of any type; not changed.
        boxes: x0, y0, x1, y1 in pixels; clipped to the picture.

    Returns:
        A copy of the same type. Each box is of one value, that of a pixel around it that is in no box.
    """
    height, width = values.shape
    hidden = np.zeros(values.shape, dtype=bool)
    clipped = []
    for x0, y0, x1, y1 in boxes:
        box = max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)
        if box[0] < box[2] and box[1] < box[3]:
            clipped.append(box)
            hidden[box[1] : box[3], box[0] : box[2]] = True
    out = values.copy()
    for x0, y0, x1, y1 in clipped:
        out[y0:y1, x0:x1] = _grey_around(values, hidden, (x0, y0, x1, y1))
    return out


def clean_in(picture: Pixels) -> Pixels:
    """A picture without anything that looks like text, for whatever shows it unasked, such as a report's thumbnails.

    Nobody looks at such pictures before they are sent on, so what may be a name goes wherever it stands, over the
    anatomy as well.

    Args:
        picture: (H, W) in [0, 1]; not changed.

    Returns:
        A copy.
    """
    cleaned: Pixels = hide_in(picture, [text.box for text in find_in(picture)])
    return cleaned


def _grey_around(values: NDArray[Any], hidden: NDArray[np.bool_], box: Box) -> Any:
    """A value that occurs around a box and is in none: their lower median, so that no new value arises."""
    x0, y0, x1, y1 = box
    ring = _RING
    while True:
        rows, columns = slice(max(y0 - ring, 0), y1 + ring), slice(max(x0 - ring, 0), x1 + ring)
        around = values[rows, columns][~hidden[rows, columns]]
        if around.size:
            return np.sort(around)[(around.size - 1) // 2]
        if ring > max(values.shape):  # nothing of the picture is left
            return values.dtype.type(0)
        ring *= 2
