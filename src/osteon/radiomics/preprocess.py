"""From an image and a mask to grey levels, in the order of the IBSI reference manual (doi 10.1148/radiol.2020191145).

Normalise, resample, re-segment, discretise. The morphological mask says where the lesion is; the intensity mask
says which of its pixels are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from osteon.core.errors import ImageError
from osteon.core.types import Floats
from osteon.radiomics.settings import MOST_BINS, Settings

Mask = NDArray[np.bool_]
Levels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A lesion and the pixels around it.

    Attributes:
        pixels: (h, w) intensities of the region's bounding box and a margin around it where the image has one.
        mask: (h, w) the morphological mask.
        spacing: Row and column spacing in mm, or (1, 1), which is pixels.
        scale: What intensities are divided by,
        offset: after this has been subtracted, to normalise them.
    """

    pixels: Floats
    mask: Mask
    spacing: tuple[float, float]
    scale: float = 1.0
    offset: float = 0.0

    @property
    def normalised(self) -> Floats:
        """The intensities as the settings normalise them."""
        return self.pixels if (self.scale, self.offset) == (1, 0) else (self.pixels - self.offset) / self.scale

    @property
    def box(self) -> tuple[slice, ...]:
        """The bounding box of the mask."""
        return window(self.mask)


def prepare(
    image: ArrayLike,
    mask: ArrayLike | Sequence[float] | None,
    spacing: tuple[float, float] | None,
    settings: Settings,
    margin: float = 0,
) -> Region:
    """Cut the region out of the image, resampled as the settings say.

    Args:
        image: (H, W) of any real type.
        mask: (H, W), non-zero in the lesion; a box x0, y0, x1, y1 in pixels, half-open; or None for the whole image.
        spacing: Row and column spacing in mm, or None.
        settings: The settings.
        margin: Pixels to keep around the region, for filters; in mm where the spacing is known.

    Raises:
        ImageError: The image is not a plain 2D image, the mask does not fit it, or the region is empty.
    """
    pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.size == 0 or pixels.dtype.kind not in "biuf":
        raise ImageError(
            f"the image has shape {pixels.shape} and type {pixels.dtype}", fix="Give one grey image, (H, W)."
        )
    if spacing is not None and not _two_lengths(spacing):
        raise ImageError(f"the pixel spacing is {spacing}", fix="Give (row, column) spacing in mm, or None.")
    inside = _mask(mask, pixels.shape)
    if not inside.any():
        raise ImageError("the region is empty", fix="Give a mask or a box that covers one pixel or more.")
    scale, offset = _normalisation(pixels, inside, settings.normalise)
    unit = (float(spacing[0]), float(spacing[1])) if spacing is not None else (1.0, 1.0)
    if spacing is not None and settings.spacing is not None:
        target = (settings.spacing, settings.spacing)
        cut, cut_mask = _resample(pixels, inside, unit, target, margin, settings.interpolation)
        unit = target
    else:
        around = window(inside, [int(np.ceil(margin / u)) for u in unit])
        cut, cut_mask = pixels[around].astype(np.float64), inside[around]
    if not np.isfinite([cut.sum(), scale, offset]).all():
        raise ImageError("the image holds nan or infinite pixels", fix="Repair the image or leave the case out.")
    return Region(cut, cut_mask, unit, scale, offset)


def _two_lengths(spacing: Any) -> bool:
    given = np.asarray(spacing)
    return given.shape == (2,) and given.dtype.kind in "iuf" and bool((np.isfinite(given) & (given > 0)).all())


def _mask(mask: Any, shape: tuple[int, ...]) -> Mask:
    """A mask from a mask, a box or nothing."""
    if mask is None:
        return np.ones(shape, dtype=bool)
    given = np.asarray(mask)
    if given.dtype.kind not in "biuf":
        raise ImageError(
            f"the mask is of type {given.dtype}", fix="Give a mask of zeros and ones, or a box of numbers."
        )
    if given.shape == shape:
        if given.dtype.kind == "f" and not np.isfinite(given).all():
            raise ImageError("the mask holds nan", fix="Give a mask of zeros and ones.")
        return np.asarray(given != 0)
    if given.shape != (4,):
        raise ImageError(
            f"the mask has shape {given.shape}, the image {shape}",
            fix="Give a mask of the image's shape, or a box x0, y0, x1, y1.",
        )
    if not np.isfinite(given.astype(float)).all():
        raise ImageError("the box holds nan", fix="Give x0, y0, x1, y1 in pixels.")
    # A pixel belongs to the box when its centre does.
    x0, y0, x1, y1 = (max(0, int(np.ceil(side - 0.5))) for side in given.astype(float))
    inside = np.zeros(shape, dtype=bool)
    inside[y0:y1, x0:x1] = True
    return inside


def window(inside: Mask, margin: Sequence[int] = (0, 0)) -> tuple[slice, ...]:
    """The bounding box of a mask, widened by a margin as far as the image goes."""
    occupied = [np.flatnonzero(inside.any(axis=1 - axis)) for axis in (0, 1)]
    return tuple(
        slice(max(0, at[0] - m), min(size, at[-1] + 1 + m))
        for at, m, size in zip(occupied, margin, inside.shape, strict=True)
    )


def _normalisation(pixels: NDArray[Any], inside: Mask, over: str | None) -> tuple[float, float]:
    """Standard deviation and mean to normalise by; a constant image keeps its scale."""
    if over is None:
        return 1.0, 0.0
    values = pixels if over == "image" else pixels[inside]
    return float(values.std(dtype=np.float64)) or 1.0, float(values.mean(dtype=np.float64))


def _resample(
    pixels: NDArray[Any],
    inside: Mask,
    old: tuple[float, float],
    new: tuple[float, float],
    margin: float,
    interpolation: Literal["linear", "cubic"],
) -> tuple[Floats, Mask]:
    """Interpolate to a new spacing on the grid whose centre is the image's centre, where the region lies.

    IBSI 2.4: grids aligned at their centres, ceil(extent / spacing) pixels, the mask linearly interpolated and cut
    at one half.
    """
    axes = []
    for axis in (0, 1):
        size = int(np.ceil(round(inside.shape[axis] * old[axis] / new[axis], 6)))
        grid = (np.arange(size) - (size - 1) / 2) * new[axis] / old[axis] + (inside.shape[axis] - 1) / 2
        occupied = np.flatnonzero(inside.any(axis=1 - axis))
        reach = max(1.0, new[axis] / old[axis]) + margin / old[axis]
        axes.append(grid[(grid > occupied[0] - reach) & (grid < occupied[-1] + reach)])
    rows, columns = np.meshgrid(*axes, indexing="ij")
    where = np.stack([rows, columns])
    order: Literal[1, 3] = 1 if interpolation == "linear" else 3
    cut = ndimage.map_coordinates(pixels.astype(np.float64), where, order=order, mode="nearest")
    weight = ndimage.map_coordinates(inside.astype(np.float64), where, order=1, mode="nearest")
    # A lesion much smaller than the new pixel would vanish: it keeps the pixel nearest to it.
    cut_mask = weight >= min(0.5, float(weight.max()))
    if not weight.any():
        distance = ndimage.map_coordinates(ndimage.distance_transform_edt(~inside), where, order=1, mode="nearest")
        cut_mask = distance == distance.min()
    return cut, cut_mask


def resegment(pixels: Floats, mask: Mask, settings: Settings) -> Mask:
    """The intensity mask: the morphological mask without the pixels outside the limits, and without outliers.

    Raises:
        ImageError: No pixel is left.
    """
    kept = mask
    if settings.limits is not None:
        kept = kept & (pixels >= settings.limits[0]) & (pixels <= settings.limits[1])
    if settings.outliers is not None and kept.any():
        values = pixels[kept]
        # One part in 10^9 of slack: rounding must not make an outlier of a constant region.
        reach = settings.outliers * values.std() + 1e-9 * np.abs(values).max()
        kept = kept & (np.abs(pixels - values.mean()) <= reach)
    if not kept.any():
        raise ImageError("re-segmentation leaves no pixel of the region", fix="Widen Settings.limits.")
    return kept


def discretise(values: Floats, settings: Settings) -> tuple[Levels, int]:
    """Grey levels 1 to n of intensities, and n.

    Raises:
        ImageError: A fixed bin width makes more levels than anyone can count.
    """
    low, high = values.min(), values.max()
    if settings.bin_width is None:
        # Multiplied before divided: whole numbers that lie on a bin's edge stay there.
        levels = ((values - low) * settings.bins / ((high - low) or 1)).astype(np.int64)
        return np.minimum(levels, settings.bins - 1) + 1, settings.bins
    if settings.limits is not None:
        low = settings.limits[0]
    n = int((high - low) // settings.bin_width) + 1
    if n > MOST_BINS:
        raise ImageError(
            f"a bin width of {settings.bin_width} cuts this region into {n} grey levels",
            column="bin_width",
            fix="Use a fixed number of bins, which costs the same at every bit depth.",
        )
    return ((values - low) // settings.bin_width).astype(np.int64) + 1, n
