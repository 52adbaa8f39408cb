"""A crop's map back on its radiograph: the inverse geometry of :func:`osteon.models.inputs.crops.extract`.

A map is a grid of cells laid over a rectangle of the radiograph. Its value is bilinear between the centres of cells and
that of the outermost cells beyond them; outside the rectangle there is no map, and the value is 0.
"""

from __future__ import annotations

import numpy as np

from osteon.core.types import Floats

#: Points a side at which two maps are compared.
_POINTS = 32


def sampled(values: Floats, rectangle: Floats, x: Floats, y: Floats) -> Floats:
    """A map's values on a grid of points of the radiograph.

    Args:
        values: (h, w) map.
        rectangle: (4,) x0, y0, x1, y1 that it covers, half-open; it may leave the radiograph.
        x: (nx,) columns of points, in pixels of the radiograph (the first pixel's centre is at 0.5).
        y: (ny,) rows of points.

    Returns:
        (ny, nx).
    """
    x0, y0, x1, y1 = np.asarray(rectangle, dtype=np.float64)
    grid = np.asarray(values, dtype=np.float64)
    down, across = _between(y, y0, y1, grid.shape[0]), _between(x, x0, x1, grid.shape[1])
    return np.asarray(down @ grid @ across.T)


def _between(points: Floats, low: float, high: float, cells: int) -> Floats:
    """(n, cells) share of each cell in each point of one axis; none outside."""
    place = np.clip((points - low) / (high - low) * cells - 0.5, 0, cells - 1)
    distance = np.abs(place[:, None] - np.arange(cells))
    inside = (points >= low) & (points < high)
    return np.asarray(np.maximum(1 - distance, 0) * inside[:, None])


def on_radiograph(values: Floats, rectangle: Floats, shape: tuple[int, int]) -> Floats:
    """A map on the whole radiograph.

    Args:
        values: (h, w) map.
        rectangle: (4,) rectangle of the radiograph that the crop was cut from.
        shape: Height and width of the radiograph.

    Returns:
        (H, W), 0 outside the rectangle.

    >>> on_radiograph(np.array([[1.0, 3.0]]), np.array([1.0, 0.0, 5.0, 1.0]), (2, 6))
    array([[0. , 1. , 1.5, 2.5, 3. , 0. ],
           [0. , 0. , 0. , 0. , 0. , 0. ]])
    """
    height, width = shape
    return sampled(values, rectangle, np.arange(0.5, width), np.arange(0.5, height))


def in_common(
    a: Floats, rectangle_a: Floats, b: Floats, rectangle_b: Floats, shape: tuple[int, int]
) -> tuple[Floats, Floats] | None:
    """Two maps at the same points of the radiograph, spread evenly over what both rectangles and the picture share.

    Returns:
        The values of each, (32, 32); None where they share nothing.
    """
    height, width = shape
    x0, y0 = np.maximum(np.maximum(rectangle_a[:2], rectangle_b[:2]), 0)
    x1, y1 = np.minimum(np.minimum(rectangle_a[2:], rectangle_b[2:]), [width, height])
    if x0 >= x1 or y0 >= y1:
        return None
    steps = (np.arange(_POINTS) + 0.5) / _POINTS
    x, y = x0 + (x1 - x0) * steps, y0 + (y1 - y0) * steps
    return sampled(a, rectangle_a, x, y), sampled(b, rectangle_b, x, y)
