"""From a box to the picture a network sees: pure geometry, then one exact resampling.

Boxes and rectangles are ``x0, y0, x1, y1`` in pixels of the radiograph, half-open: the pixel in the upper left corner
covers [0, 1) x [0, 1). Outside the radiograph is black (0).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from osteon.core.types import Floats, Pixels

if TYPE_CHECKING:
    from torch import Tensor

    from osteon.study import Augment, Crop


def rectangles(boxes: Floats, crop: Crop) -> Floats:
    """The rectangle around each box that is cut out: margin added, the shorter side widened to a square.

    Args:
        boxes: (N, 4) boxes.
        crop: The study's ``[crop]`` settings.

    Returns:
        (N, 4) rectangles with the boxes' centres; they may leave the radiograph.

    >>> from osteon.study import Crop
    >>> rectangles(np.array([[10.0, 10.0, 30.0, 50.0]]), Crop(margin=0.25))
    array([[-10.,   0.,  50.,  60.]])
    """
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]) * (1 + 2 * crop.margin)
    if crop.square:
        sides = np.broadcast_to(sides.max(axis=1, keepdims=True), sides.shape)
    return np.hstack([centres - sides / 2, centres + sides / 2])


def padded(rects: Floats, size: int, pad: int) -> Floats:
    """Rectangles widened so that a ``size + 2 * pad`` crop has the pixel pitch of the ``size`` crop inside it."""
    grow = (rects[:, 2:] - rects[:, :2]) * (pad / size)
    return np.hstack([rects[:, :2] - grow, rects[:, 2:] + grow])


def pad_for(augment: Augment, size: int) -> int:
    """How many pixels of surroundings live augmentation can reach beyond a crop of `size`, at most half of it."""
    angle = math.radians(min(augment.rotate, 45))
    reach = (1 + augment.scale) * (1 + augment.jitter) * (math.cos(angle) + math.sin(angle))
    fraction = (reach - 1) / 2 + augment.shift + augment.jitter
    return math.ceil(size * min(fraction, 0.5))


def extract(pixels: Pixels, rects: Floats, size: int | tuple[int, int]) -> Pixels:
    """Cut rectangles out of one radiograph and resample each to the same size, antialiased.

    Every output pixel is the mean of a regular grid of bilinear samples, at least one a source pixel, so that
    enlarging interpolates and reducing averages. The grid is regular, so columns and rows can be resampled in turn.

    Args:
        pixels: (H, W) float32.
        rects: (K, 4) rectangles, which may leave the radiograph.
        size: Side, or (height, width), of the output.

    Returns:
        (K, size, size) float32.
    """
    height, width = (size, size) if isinstance(size, int) else size
    rects = np.asarray(rects, dtype=np.float64).reshape(-1, 4)
    out = np.zeros((len(rects), height, width), dtype=np.float32)
    for (x0, y0, x1, y1), picture in zip(rects, out, strict=True):
        rows, top, bottom = _sampling(y0, y1, height, pixels.shape[0])
        columns, left, right = _sampling(x0, x1, width, pixels.shape[1])
        seen = np.ascontiguousarray(pixels[top:bottom, left:right], dtype=np.float32)
        picture[:] = (columns @ np.ascontiguousarray((rows @ seen).T)).T
    return out


def _sampling(start: float, stop: float, size: int, length: int) -> tuple[csr_array, int, int]:
    """One axis of :func:`extract`: the weight of each source pixel in each output pixel.

    Returns:
        (size, last - first) weights, and the first and last source pixel that they reach.
    """
    steps = max(1, math.ceil((stop - start) / size - 1e-6))  # 448.0000001 pixels are two for each of 224
    at = start + (stop - start) / (size * steps) * (np.arange(size * steps) + 0.5) - 0.5
    weight = ((at >= -1) & (at <= length)).astype(np.float32) / np.float32(steps)
    at = np.clip(at, 0, length - 1)
    before = at.astype(np.intp)
    after = np.minimum(before + 1, length - 1)
    share = (at - before).astype(np.float32)
    first, last = int(before[0]), int(after[-1]) + 1
    weights = np.stack([weight * (1 - share), weight * share], axis=1).ravel()
    taps = np.stack([before, after], axis=1).ravel() - first
    return csr_array((weights, taps, np.arange(size + 1) * (2 * steps)), shape=(size, last - first)), first, last


def cut(picture: Tensor, rects: Floats, size: int | tuple[int, int]) -> Tensor:
    """:func:`extract` of an (H, W) tensor by its graphics card, which cuts all rectangles at once."""
    import torch
    from torchvision.ops import roi_align

    height, width = (size, size) if isinstance(size, int) else size
    regions = torch.from_numpy(np.asarray(rects, dtype=np.float32).reshape(-1, 4)).to(picture.device)
    out: Tensor = roi_align(picture[None, None], [regions], (height, width), sampling_ratio=-1, aligned=True)[:, 0]
    return out


def to_stored(crops: Pixels) -> NDArray[np.uint16]:
    """Crops in [0, 1] as 16-bit integers, the form in which they are kept between steps."""
    return np.rint(np.clip(crops, 0, 1) * 65535).astype(np.uint16)


def as_stored(pixels: Pixels, rects: Floats, size: int) -> NDArray[np.float32]:
    """(n, 1, S, S) crops of a radiograph in [0, 1], rounded as those are that are kept between steps."""
    return to_stored(extract(pixels, rects, size))[:, None].astype(np.float32) / np.float32(65535)
