"""Strokes: what is narrow and stands out from its surroundings, cut into connected pieces."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from osteon.core.types import Pixels

Numbers = NDArray[np.float64]

#: Widest stroke in pixels, and the region within which strokes are compared with the strongest.
_STROKE, _REACH = 9, 17
#: A stroke's contrast is at least this share of the picture's range, and this many times its surroundings' own.
_FLOOR, _ABOVE = 0.025, 3.5
_BLOCK = 24
#: Sides of a letter in pixels of the level of the pyramid it is looked for on.
_LEAST, _MOST = 5, 46
_WORD = 24  # a word whose letters run together is at most this many times as long as it is high


@dataclass(frozen=True, eq=False)
class Strokes:
    """Connected pieces of strokes, one entry each.

    Attributes:
        x0: Left edge in pixels.
        y0: Upper edge.
        x1: Right edge, exclusive.
        y1: Lower edge, exclusive.
        area: Pixels.
        outline: Length of the outline in pixel sides.
        peak: Greatest contrast.
        spread: Standard deviation of the contrast.
        quiet: The contrast that the surroundings would have asked for.
        edge: Steepest slope over the greatest contrast: 0.5 and more for what was drawn, less for what was projected.
    """

    x0: Numbers
    y0: Numbers
    x1: Numbers
    y1: Numbers
    area: Numbers
    outline: Numbers
    peak: Numbers
    spread: Numbers
    quiet: Numbers
    edge: Numbers

    def __len__(self) -> int:
        return len(self.x0)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Strokes:
        return Strokes(**{item.name: getattr(self, item.name)[which] for item in fields(self)})

    def turned(self) -> Strokes:
        """With rows and columns exchanged."""
        return replace(self, x0=self.y0, y0=self.x0, x1=self.y1, y1=self.x1)

    @property
    def height(self) -> Numbers:
        """Pixels."""
        return self.y1 - self.y0

    @property
    def width(self) -> Numbers:
        """Pixels."""
        return self.x1 - self.x0

    @property
    def fill(self) -> Numbers:
        """Share of the bounding box that is stroke."""
        return self.area / (self.height * self.width)

    @property
    def winding(self) -> Numbers:
        """Outline over that of the bounding box: 1 for a bar or a bow, more where there are holes and arms."""
        return self.outline / (2 * (self.height + self.width))


def strokes(picture: Pixels) -> tuple[Strokes, NDArray[np.bool_]]:
    """Bright strokes of a picture; dark ones are those of its negative.

    The white top-hat takes away what is wider than a stroke. A stroke is where that is above the local unrest (four
    standard deviations of noise) and above half of the strongest nearby: neither blur nor compression widens it.

    Args:
        picture: (H, W), the range that counts scaled to 1.

    Returns:
        The pieces that are as large as a letter or a word, and (H, W) True on every stroke.
    """
    hat = _top_hat(picture)
    quiet = np.maximum(np.float32(_FLOOR), _ABOVE * _unrest(hat))
    on = (hat > 0.5 * ndimage.maximum_filter(hat, _REACH, mode="constant")) & (hat > quiet)
    labels, count = ndimage.label(on, np.ones((3, 3)))
    if not count:
        return Strokes(*(np.zeros(0) for _ in fields(Strokes))), on
    edges = np.array(
        [(p[1].start, p[0].start, p[1].stop, p[0].stop) for p in ndimage.find_objects(labels)], dtype=np.float64
    )
    slope = np.hypot(ndimage.sobel(picture, 0, mode="nearest"), ndimage.sobel(picture, 1, mode="nearest")) / 8
    piece, height = labels[on], hat[on].astype(np.float64)
    order = np.argsort(piece, kind="stable")
    starts = np.searchsorted(piece[order], np.arange(1, count + 1))
    area = np.bincount(piece, minlength=count + 1)[1:].astype(np.float64)

    def mean(values: NDArray[Any]) -> Numbers:
        return np.asarray(np.bincount(piece, weights=values, minlength=count + 1)[1:] / area)

    peak = np.maximum.reduceat(height[order], starts)
    found = Strokes(
        x0=edges[:, 0],
        y0=edges[:, 1],
        x1=edges[:, 2],
        y1=edges[:, 3],
        area=area,
        outline=_outlines(labels, count),
        peak=peak,
        spread=np.sqrt(np.maximum(mean(height**2) - mean(height) ** 2, 0)),
        quiet=mean(quiet[on]),
        edge=np.maximum.reduceat(slope[on][order].astype(np.float64), starts) / peak,
    )
    long, short = np.maximum(found.height, found.width), np.minimum(found.height, found.width)
    return found[(long >= _LEAST) & (short <= _MOST) & (long <= _WORD * short) & (long <= _WORD * _MOST)], on


def _top_hat(picture: Pixels) -> Pixels:
    opened = ndimage.maximum_filter(ndimage.minimum_filter(picture, _STROKE, mode="nearest"), _STROKE, mode="nearest")
    return np.asarray(np.maximum(picture - opened, 0), dtype=np.float32)


def _unrest(hat: Pixels) -> Pixels:
    """The median of the top-hat in blocks, between their middles interpolated."""
    height, width = hat.shape
    rows, columns = -(-height // _BLOCK), -(-width // _BLOCK)
    padded = np.pad(hat, ((0, rows * _BLOCK - height), (0, columns * _BLOCK - width)), mode="edge")
    blocks = padded.reshape(rows, _BLOCK, columns, _BLOCK).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    medians = Image.fromarray(np.median(blocks[:, :, ::3], axis=2).astype(np.float32))
    return np.asarray(medians.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def _outlines(labels: NDArray[Any], count: int) -> Numbers:
    """Sides of pixels between a piece and what is not of it."""
    padded = np.pad(labels, 1)
    total = np.zeros(count + 1)
    for across in (padded, padded.T):
        for one, other in ((across[1:], across[:-1]), (across[:-1], across[1:])):
            total += np.bincount(one[(one > 0) & (one != other)], minlength=count + 1)
    return total[1:]
