"""Shape of a region in 2D: the analogues of IBSI's 3D morphological features (HCUG).

Where IBSI meshes a surface with marching cubes, a contour here is drawn with marching squares at one half: through
the midpoints between pixels inside and outside. A pixel that touches the region only at a corner is a part of its own.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.special import ellipe

from osteon.core.types import Floats

Mask = NDArray[np.bool_]


def features(mask: Mask, spacing: tuple[float, float], pixels: Floats, counted: Mask) -> dict[str, float]:
    """The shape of a region, and how its intensities lie in it.

    A single pixel has axes 0 and elongation 1; where the enclosing ellipse has no area its density is 0; constant
    intensities have Moran's I 0 and Geary's C 1, those of no spatial order.

    Args:
        mask: (H, W) the region, not empty.
        spacing: Row and column spacing, in mm or pixels.
        pixels: (H, W) intensities.
        counted: (H, W) the pixels of the region whose intensities count.
    """
    area, perimeter = contour(mask, spacing)
    hull = ConvexHull(_outermost(mask, spacing))
    # In 2D, scipy calls the perimeter of a hull its area and the area its volume.
    hull_area, hull_perimeter = float(hull.volume), float(hull.area)
    corners = hull.points[hull.vertices]
    sides = np.ptp(corners, axis=0)
    widths, lengths = _turned_boxes(corners)
    boxes = widths * lengths
    # Of boxes equally small, the shortest way round: rounding must not choose between them.
    box_perimeter = 2 * (widths + lengths)[boxes <= boxes.min() * (1 + 1e-9)].min()
    major, minor = axes(mask, spacing)
    ellipse = np.pi * major * minor / 4
    sphericity = 2 * np.sqrt(np.pi * area) / perimeter
    moran, geary = spatial_autocorrelation(pixels, counted, spacing)
    values = {
        "area": area,
        "area_pixels": mask.sum() * spacing[0] * spacing[1],
        "perimeter": perimeter,
        "perimeter_to_area_ratio": perimeter / area,
        "circularity": sphericity**2,
        "sphericity": sphericity,
        "disproportion": 1 / sphericity,
        "asphericity": 1 / sphericity - 1,
        "centre_of_mass_shift": centre_of_mass_shift(mask, pixels, counted, spacing),
        "maximum_diameter": pdist(corners).max(),
        "minimum_width": widths.min(),
        "major_axis_length": major,
        "minor_axis_length": minor,
        "elongation": minor / major if major else 1.0,
        "area_density_box": area / sides.prod(),
        "perimeter_density_box": perimeter / (2 * sides.sum()),
        "area_density_turned_box": area / boxes.min(),
        "perimeter_density_turned_box": perimeter / box_perimeter,
        "area_density_ellipse": area / ellipse if ellipse else 0.0,
        "perimeter_density_ellipse": perimeter / _ellipse_perimeter(major, minor) if major else 0.0,
        "solidity": area / hull_area,
        "perimeter_density_hull": perimeter / hull_perimeter,
        "convexity": hull_perimeter / perimeter,
        "integrated_intensity": area * pixels[counted].mean(),
        "moran_i": moran,
        "geary_c": geary,
    }
    return {name: float(value) for name, value in values.items()}


def contour(mask: Mask, spacing: tuple[float, float]) -> tuple[float, float]:
    """Area and perimeter of the polygon that marching squares draw around a region, holes included.

    Every square between four pixel centres adds what its corners that are inside decide.
    """
    inside = np.pad(mask, 1).astype(np.int8)
    corners = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, :-1] + 8 * inside[1:, 1:]
    count = np.bincount(corners.ravel(), minlength=16)
    dy, dx = spacing
    one, three = count[[1, 2, 4, 8]].sum(), count[[7, 11, 13, 14]].sum()
    across, along = count[[5, 10]].sum(), count[[3, 12]].sum()  # left or right half inside; upper or lower half
    touching = count[[6, 9]].sum()
    area = dx * dy * (one / 8 + (across + along) / 2 + touching / 4 + three * 7 / 8 + count[15])
    perimeter = (one + three + 2 * touching) * np.hypot(dy, dx) / 2 + across * dy + along * dx
    return float(area), float(perimeter)


def _outermost(mask: Mask, spacing: tuple[float, float]) -> Floats:
    """The contour's vertices that can lie on its convex hull: half a pixel beyond each row's and column's ends."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    ends = [
        (rows, mask[rows].argmax(axis=1) - 0.5),
        (rows, width - mask[rows, ::-1].argmax(axis=1) - 0.5),
        (mask[:, columns].argmax(axis=0) - 0.5, columns),
        (height - mask[::-1, columns].argmax(axis=0) - 0.5, columns),
    ]
    return np.concatenate([np.stack(end, axis=1) for end in ends]) * spacing


def _turned_boxes(corners: Floats) -> tuple[Floats, Floats]:
    """Height and length of the boxes that lie on each side of a convex polygon; the least box is one of them."""
    side = np.roll(corners, -1, axis=0) - corners
    along = side / np.linalg.norm(side, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return np.ptp(corners @ across.T, axis=0), np.ptp(corners @ along.T, axis=0)


def axes(mask: Mask, spacing: tuple[float, ...]) -> Floats:
    """Lengths of the principal axes, longest first: 4 times the standard deviation along each (IBSI TDIC, P9VJ).

    The variance is that of a sample, with n - 1, as IBSI's reference values have it.

    Args:
        mask: The region, of any number of dimensions.
        spacing: Spacing along each dimension.
    """
    weights = mask.astype(np.float64)
    n, centre = weights.sum(), _centre(weights)
    offsets = [(np.arange(size) - c) * step for size, c, step in zip(mask.shape, centre, spacing, strict=True)]
    covariance = np.empty((mask.ndim, mask.ndim))
    for a in range(mask.ndim):
        for b in range(a, mask.ndim):
            rest = tuple(axis for axis in range(mask.ndim) if axis not in (a, b))
            plane = weights.sum(axis=rest)
            moment = offsets[a] ** 2 @ plane if a == b else offsets[a] @ plane @ offsets[b]
            covariance[a, b] = covariance[b, a] = moment / max(n - 1, 1)
    variances = np.linalg.eigvalsh(covariance)[::-1]
    # Rounding leaves a line with a width of 1e-8 of its length.
    return np.where(variances > 1e-12 * variances[0], 4 * np.sqrt(np.maximum(variances, 0)), 0.0)


def _centre(weights: Floats) -> Floats:
    """Centre of mass in pixels, of any number of dimensions."""
    total = weights.sum()
    marginals = (weights.sum(axis=tuple(a for a in range(weights.ndim) if a != axis)) for axis in range(weights.ndim))
    return np.array([marginal @ np.arange(marginal.size) / total for marginal in marginals])


def _ellipse_perimeter(major: float, minor: float) -> float:
    """Circumference of an ellipse from the lengths of its axes."""
    return float(2 * major * ellipe(1 - (minor / major) ** 2))


def centre_of_mass_shift(mask: Mask, pixels: Floats, counted: Mask, spacing: tuple[float, ...]) -> float:
    """Distance between the centres of the region and of its intensities (IBSI KLMA); 0 where these add up to 0."""
    weights = np.where(counted, pixels, 0.0)
    if abs(weights.sum()) <= 1e-12 * np.abs(weights).sum():
        return 0.0
    return float(np.linalg.norm((_centre(weights) - _centre(mask.astype(np.float64))) * spacing))


def spatial_autocorrelation(pixels: Floats, counted: Mask, spacing: tuple[float, ...]) -> tuple[float, float]:
    """Moran's I (N365) and Geary's C (NPT7), with weights one over the distance between two pixels.

    The sums over all pairs of pixels are convolutions with 1 / distance, done by Fourier transformation.

    Args:
        pixels: Intensities, of any number of dimensions.
        counted: The pixels that count.
        spacing: Spacing along each dimension.
    """
    n = int(counted.sum())
    values = pixels[counted]
    centred = values - values.mean()
    squares = float(centred @ centred)
    if n < 2 or squares <= n * np.finfo(float).eps * float((values**2).max()):
        return 0.0, 1.0
    half = tuple(fft.next_fast_len(size) for size in counted.shape)
    spectrum = _inverse_distance_spectrum(half, spacing)

    def neighbourhood(image: Floats) -> Floats:
        """For each pixel that counts, the sum over all others, each divided by its distance."""
        # Axis by axis, so that rows of padding are neither transformed nor transformed back.
        wave = fft.rfft(image, 2 * half[-1], axis=-1)
        for axis in range(image.ndim - 1):
            wave = fft.fft(wave, 2 * half[axis], axis=axis, overwrite_x=True)
        wave *= spectrum
        for axis in range(image.ndim - 1):
            wave = fft.ifft(wave, axis=axis, overwrite_x=True)
        wave = wave[tuple(slice(size) for size in image.shape[:-1])]
        return np.asarray(fft.irfft(wave, axis=-1)[..., : image.shape[-1]][counted])

    deviation = np.zeros(counted.shape)
    deviation[counted] = centred
    weights = neighbourhood(counted.astype(np.float64))
    total, products = weights.sum(), centred @ neighbourhood(deviation)
    differences = 2 * (weights @ centred**2 - products)
    return float(n * products / (total * squares)), float((n - 1) * differences / (2 * total * squares))


def _inverse_distance_spectrum(half: tuple[int, ...], spacing: tuple[float, ...]) -> Floats:
    """Spectrum of 1 / distance over all shifts of up to `half` pixels, as a real Fourier transform stores it."""
    shifts = [(np.arange(h + 1.0) * step) ** 2 for h, step in zip(half, spacing, strict=True)]
    squared = reduce(np.add.outer, shifts)
    squared[(0,) * len(half)] = np.inf  # a pixel is no neighbour of itself
    # The kernel is even along every axis: a cosine transform of one orthant is its Fourier transform.
    spectrum = fft.dctn(1 / np.sqrt(squared), type=1)
    for axis in range(len(half) - 1):
        mirrored = np.flip(spectrum.take(range(1, half[axis]), axis=axis), axis=axis)
        spectrum = np.concatenate([spectrum, mirrored], axis=axis)
    return np.asarray(spectrum)
