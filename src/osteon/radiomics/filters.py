"""Filtered images: Laplacian of Gaussian, undecimated wavelet, gradient magnitude and local binary pattern.

The first three are those of IBSI 2 (doi 10.1148/radiol.231319). Beyond the image's border the pixels are mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from osteon.core.errors import StudyError, suggest
from osteon.core.types import Floats

_ROOT = math.sqrt(3)

#: Scaling (low-pass) taps of orthonormal wavelets (Daubechies 1992).
WAVELETS = {
    "haar": np.array([1, 1]) / math.sqrt(2),
    "db2": np.array([1 + _ROOT, 3 + _ROOT, 3 - _ROOT, 1 - _ROOT]) / (4 * math.sqrt(2)),
}

_KNOWN = ("log-2", "wavelet", *(f"wavelet-{name}" for name in WAVELETS), "gradient", "lbp")


def parse(name: str) -> tuple[str, float | str | None]:
    """Read a filter's name: its kind and its parameter.

    >>> parse("log-2.5")
    ('log', 2.5)

    Raises:
        StudyError: No filter has this name.
    """
    kind, _, parameter = name.partition("-")
    if kind == "log":
        try:
            sigma = float(parameter)
        except ValueError:
            sigma = math.nan
        if math.isfinite(sigma) and sigma > 0:
            return kind, sigma
        raise StudyError(f"the filter '{name}' has no width", column="filters", fix="Write one like 'log-2'.")
    if kind == "wavelet" and (parameter or "haar") in WAVELETS:
        return kind, parameter or "haar"
    if name in ("gradient", "lbp"):
        return kind, None
    raise StudyError(f"there is no filter '{name}'", column="filters", fix=suggest(name, _KNOWN))


def reach(name: str, spacing: tuple[float, float]) -> float:
    """How far from a pixel a filter looks, in the unit of the spacing."""
    kind, parameter = parse(name)
    if kind == "log":
        assert isinstance(parameter, float)
        return 4 * parameter + max(spacing)
    return 3 * max(spacing)


def responses(name: str, pixels: Floats, spacing: tuple[float, float]) -> Iterator[tuple[str, Floats]]:
    """The filtered images that a filter makes, each with the prefix of its features' names.

    Args:
        name: A filter's name.
        pixels: (H, W) the image.
        spacing: Row and column spacing, in mm or pixels.
    """
    kind, parameter = parse(name)
    if kind == "log":
        assert isinstance(parameter, float)
        yield f"log{parameter:g}", laplacian_of_gaussian(pixels, parameter, spacing)
    elif kind == "wavelet":
        for band, response in wavelet(pixels, WAVELETS[str(parameter)]).items():
            yield f"wavelet_{parameter}_{band}", response
    elif kind == "gradient":
        yield "gradient", gradient_magnitude(pixels, spacing)
    else:
        yield "lbp", local_binary_pattern(pixels)


def laplacian_of_gaussian(pixels: Floats, sigma: float, spacing: tuple[float, float]) -> Floats:
    """Sum of the second derivatives after Gaussian smoothing, cut off at 4 sigma (IBSI L6PA)."""
    width = [sigma / step for step in spacing]
    down = ndimage.gaussian_filter(pixels, width, order=(2, 0), mode="reflect", truncate=4)
    right = ndimage.gaussian_filter(pixels, width, order=(0, 2), mode="reflect", truncate=4)
    return np.asarray(down / spacing[0] ** 2 + right / spacing[1] ** 2)


def wavelet(pixels: Floats, low: Floats) -> dict[str, Floats]:
    """The four bands of one level of a stationary (undecimated) separable wavelet transformation.

    Args:
        pixels: (H, W) the image.
        low: Low-pass taps.

    Returns:
        ``ll``, ``lh``, ``hl`` and ``hh``: the first letter is the filter along x, the second along y.
    """
    taps = {"l": low, "h": low[::-1] * (-1.0) ** np.arange(low.size)}
    along_x = {band: ndimage.correlate1d(pixels, tap, axis=1, mode="reflect") for band, tap in taps.items()}
    return {
        x + y: ndimage.correlate1d(image, tap, axis=0, mode="reflect")
        for x, image in along_x.items()
        for y, tap in taps.items()
    }


def gradient_magnitude(pixels: Floats, spacing: tuple[float, float]) -> Floats:
    """Length of the gradient by central differences."""
    padded = np.pad(pixels, 1, mode="symmetric")
    down, right = np.gradient(padded, *spacing)
    return np.asarray(np.hypot(down, right)[1:-1, 1:-1])


def local_binary_pattern(pixels: Floats) -> Floats:
    """Rotation-invariant uniform patterns of the 8 neighbours (Ojala 2002, doi 10.1109/TPAMI.2002.1017623).

    Returns:
        (H, W) values 0 to 8: neighbours at least as bright as the pixel, where they stand side by side; 9 elsewhere.
    """
    padded = np.pad(pixels, 1, mode="symmetric")
    height, width = pixels.shape
    ring = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    bright = np.stack([padded[down : down + height, right : right + width] >= pixels for down, right in ring])
    changes = (bright != np.roll(bright, 1, axis=0)).sum(axis=0)
    return np.where(changes <= 2, bright.sum(axis=0), 9).astype(np.float64)
