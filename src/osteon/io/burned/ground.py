"""The ground around the anatomy: shutters, and detector that nothing shadowed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from osteon.core.types import Pixels

Mask = NDArray[np.bool_]

#: Steepest slope of the ground, per pixel; how much its parts may differ; both shares of the picture's range.
_SLOPE, _LIKE = 0.012, 0.07
#: A zone that counts, and one that can be the darkest, as shares of the picture's area.
_SMALLEST, _LARGE = 0.004, 0.02
#: A shutter is of one value, near black or white.
_EVEN, _END = 0.009, 0.04
#: Least share of a dark and of a bright ground in the rim along the border and the shutters.
_RIM, _MOSTLY = 0.15, 0.5
_NEAR = 0.12  # so near to the shutter's grey is no soft tissue
_FILLED = 0.96  # of the smallest upright or slightly turned rectangle around it: a collimated field


def ground(picture: Pixels) -> Mask:
    """Where no part of the patient is, as far as grey levels tell.

    Shutters are areas of one value, black or white, at the picture's border. What they leave open is cut along its
    edges into flat zones. The darkest of these, and those nearly as dark, are detector that nothing shadowed, provided
    that they have a share in the rim; in an inverted picture the brightest are.

    Args:
        picture: (h, w) of some hundred pixels, without text.

    Returns:
        (h, w), True on the ground.
    """
    low, high = np.percentile(picture, (0.1, 99.9))
    span = max(float(high - low), 1e-6)
    shutter = _shutter(picture, low, high)
    smooth = ndimage.gaussian_filter(picture, 1.0, mode="nearest")
    slope = np.hypot(ndimage.sobel(smooth, 0, mode="nearest"), ndimage.sobel(smooth, 1, mode="nearest")) / 8
    zones, count = ndimage.label((slope < _SLOPE * span) & ~ndimage.binary_dilation(shutter, iterations=2))
    chosen = np.zeros(count + 1, dtype=bool)
    area = np.bincount(zones.ravel(), minlength=count + 1)[1:] / picture.size
    counts = area >= _SMALLEST
    if counts.any():
        level = np.asarray(ndimage.median(picture, zones, np.arange(1, count + 1)))
        rim = _rim(zones, count, shutter)
        ranked = level[area >= min(_LARGE, area.max())]
        dark = counts & (level <= ranked.min() + _LIKE * span)
        bright = counts & (level >= ranked.max() - _LIKE * span)
        free = shutter.mean() < _LARGE
        if free and rim[bright].sum() > max(_MOSTLY, rim[dark].sum()):
            chosen[1:] = bright
        elif rim[dark].sum() > _RIM and (
            free or abs(ranked.min() - np.median(picture[shutter])) < _NEAR * span or _is_field(~shutter)
        ):
            chosen[1:] = dark
    found = np.pad(shutter | chosen[zones], 4, mode="edge")
    return np.asarray(ndimage.binary_closing(found, iterations=3)[4:-4, 4:-4])


def _shutter(picture: Pixels, low: float, high: float) -> Mask:
    """Areas of one value at the border."""
    span = max(high - low, 1e-6)
    end = (picture <= low + _END * span) | (picture >= high - _END * span)
    reach = ndimage.maximum_filter(picture, 3, mode="nearest") - ndimage.minimum_filter(picture, 3, mode="nearest")
    areas, count = ndimage.label(end & (reach < _EVEN * span))
    rim = np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]])
    size = np.bincount(areas.ravel(), minlength=count + 1)
    kept = np.isin(np.arange(count + 1), rim) & (size >= _SMALLEST * picture.size)
    kept[0] = False
    return np.asarray(kept[areas])


def _is_field(opened: Mask) -> bool:
    """Whether what a shutter leaves open is a rectangle, and not the outline of a limb."""
    rows, columns = np.nonzero(opened)
    if not len(rows):
        return False
    best = 0.0
    for turn in np.radians(np.arange(-6.0, 6.5)):
        along, across = columns * np.cos(turn) + rows * np.sin(turn), rows * np.cos(turn) - columns * np.sin(turn)
        sides = [np.ptp(np.percentile(place, (0.3, 99.7))) + 1 for place in (along, across)]
        best = max(best, len(rows) / (sides[0] * sides[1]))
    return best >= _FILLED


def _rim(zones: NDArray[Any], count: int, shutter: Mask) -> NDArray[np.float64]:
    """Share that each zone has of the rim, a few pixels along the picture's border and along the shutters."""
    rim = ndimage.binary_dilation(np.pad(shutter, 1, constant_values=True), iterations=7)[1:-1, 1:-1]
    found = np.bincount(zones[rim], minlength=count + 1)[1:]
    return np.asarray(found / max(found.sum(), 1))
