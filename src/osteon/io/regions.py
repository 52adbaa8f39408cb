"""Lesion outlines to masks and boxes, by one rule: a pixel belongs to a region when its centre does.

Coordinates are those of annotation tools: x to the right and y down from the upper left corner of the picture, whose
first pixel has its centre at (0.5, 0.5). A box ``(x0, y0, x1, y1)`` is half-open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Box = tuple[float, float, float, float]
Mask = NDArray[np.bool_]


def fill_polygons(polygons: Iterable[ArrayLike], shape: tuple[int, int]) -> Mask:
    """Fill polygons, each by the even-odd rule and cut off at the picture's edge.

    Args:
        polygons: The (N, 2) corners of each as x, y; the last is joined to the first.
        shape: Height and width of the mask.

    Returns:
        (H, W), True where the pixel's centre lies inside one of them.

    Raises:
        ValueError: A polygon has no corners, or one that is no pair of numbers.
    """
    mask = np.zeros(shape, dtype=bool)
    for points in polygons:
        corners = np.asarray(points, dtype=np.float64)
        if corners.ndim != 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
            raise ValueError("a corner is no pair of numbers")
        mask |= _fill(corners, shape)
    return mask


def _fill(start: NDArray[np.float64], shape: tuple[int, int]) -> Mask:
    """Fill one polygon: mark where each edge crosses a row's centre line, and sum the crossings to the left."""
    height, width = shape
    flips = np.zeros((height, width + 1), dtype=bool)
    (x0, y0), (x1, y1) = start.T, np.roll(start, -1, axis=0).T
    # The rows whose centre line each edge crosses; half-open, so that a corner counts for one of its edges.
    first, last = _centres(np.minimum(y0, y1), height), _centres(np.maximum(y0, y1), height)
    edge = np.repeat(np.arange(len(start)), last - first)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - last, last - first)
    crossing = x0[edge] + (rows + 0.5 - y0[edge]) * (x1[edge] - x0[edge]) / (y1[edge] - y0[edge])
    columns = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
    np.logical_xor.at(flips, (rows, columns), True)
    within = slice(first.min(), last.max())
    np.logical_xor.accumulate(flips[within], axis=1, out=flips[within])
    return flips[:, :width]


def _centres(y: NDArray[np.float64], height: int) -> NDArray[np.intp]:
    """The first row whose centre does not lie above a height."""
    return np.clip(np.ceil(y - 0.5), 0, height).astype(np.intp)


def decode_rle(counts: str | bytes | Sequence[int], shape: tuple[int, int]) -> Mask:
    """Decode a COCO run-length mask, compressed (text) or not (a list of runs).

    Runs alternate between outside and inside, beginning outside, down the columns. Compressed, a run is a little-endian
    number in characters of 5 bits (0x20: more follow, 0x10 of the last: negative) from the fourth on relative to the
    run before the last.

    Raises:
        ValueError: The runs are not whole, broken off, or do not add up to the picture.
    """
    runs: list[int] = []
    if isinstance(counts, str | bytes):
        value = bits = 0
        for character in counts.encode("ascii") if isinstance(counts, str) else counts:
            code = character - 48
            value |= (code & 0x1F) << bits
            bits += 5
            if not code & 0x20:
                if code & 0x10:
                    value -= 1 << bits
                runs.append(value + (runs[-2] if len(runs) > 2 else 0))
                value = bits = 0
        if bits:
            raise ValueError("the runs are broken off")
    else:
        runs = [int(run) for run in counts]
        if any(whole != run for whole, run in zip(runs, counts, strict=True)):
            raise ValueError("a run is no whole number")
    if sum(runs) != shape[0] * shape[1] or min(runs, default=0) < 0:
        raise ValueError("the runs do not add up to the picture")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(shape[1], shape[0]).T


def tight_box(mask: Mask) -> Box | None:
    """The smallest box that holds the mask, None for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def clip_box(box: Box, shape: tuple[int, int]) -> Box | None:
    """The part of a box that lies on the picture, None where nothing of it does."""
    height, width = shape
    x0, y0, x1, y1 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def overlap(a: Box, b: Box) -> float:
    """Area that two boxes share over the area of both (intersection over union)."""
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(area) - shared) if shared else 0.0
