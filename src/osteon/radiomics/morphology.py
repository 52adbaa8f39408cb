"""Shape of a region in 2D: the analogues of IBSI's 3D morphological features (HCUG).

Where IBSI meshes a surface with marching cubes, a contour here is drawn with marching squares at one half: through
the midpoints between pixels inside and outside. A pixel that touches the region only at a corner is a part of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.special import ellipe

from osteon.types import Floats

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
    tightest = np.argmin(widths * lengths)
    major, minor = axes(np.argwhere(mask) * spacing)
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
        "minimum_width": np.minimum(widths, lengths).min(),
        "major_axis_length": major,
        "minor_axis_length": minor,
        "elongation": minor / major if major else 1.0,
        "area_density_box": area / sides.prod(),
        "perimeter_density_box": perimeter / (2 * sides.sum()),
        "area_density_turned_box": area / (widths * lengths)[tightest],
        "perimeter_density_turned_box": perimeter / (2 * (widths + lengths)[tightest]),
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
    points = []
    for axis, inside in enumerate((mask, mask.T)):
        lines = np.flatnonzero(inside.any(axis=1))
        first = inside[lines].argmax(axis=1) - 0.5
        last = inside.shape[1] - inside[lines, ::-1].argmax(axis=1) - 0.5
        for end in (first, last):
            points.append(np.stack([lines, end] if axis == 0 else [end, lines], axis=1))
    return np.concatenate(points) * spacing


def _turned_boxes(corners: Floats) -> tuple[Floats, Floats]:
    """Height and length of the boxes that lie on each side of a convex polygon; the least box is one of them."""
    side = np.roll(corners, -1, axis=0) - corners
    along = side / np.linalg.norm(side, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return np.ptp(corners @ across.T, axis=0), np.ptp(corners @ along.T, axis=0)


def axes(points: Floats) -> Floats:
    """Lengths of the principal axes, longest first: 4 times the standard deviation along each (IBSI TDIC, P9VJ).

    Args:
        points: (n, d) positions of the pixels.
    """
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(points, rowvar=False, bias=True)))[::-1]
    # Rounding leaves a line with a width of 1e-8 of its length.
    return np.where(variances > 1e-12 * max(variances[0], 1e-300), 4 * np.sqrt(np.maximum(variances, 0)), 0.0)


def _ellipse_perimeter(major: float, minor: float) -> float:
    """Circumference of an ellipse from the lengths of its axes."""
    return float(2 * major * ellipe(1 - (minor / major) ** 2))


def centre_of_mass_shift(mask: Mask, pixels: Floats, counted: Mask, spacing: tuple[float, ...]) -> float:
    """Distance between the centres of the region and of its intensities (IBSI KLMA); 0 where these add up to 0."""
    weights = pixels[counted]
    if not weights.sum():
        return 0.0
    centre = np.argwhere(mask).mean(axis=0)
    weighted = weights @ np.argwhere(counted) / weights.sum()
    return float(np.linalg.norm((weighted - centre) * spacing))


def spatial_autocorrelation(pixels: Floats, counted: Mask, spacing: tuple[float, ...]) -> tuple[float, float]:
    """Moran's I (N365) and Geary's C (NPT7), with weights one over the distance between two pixels.

    The sums over all pairs are convolutions; by Parseval's theorem they are sums over frequencies.

    Args:
        pixels: Intensities, of any number of dimensions.
        counted: The pixels that count.
        spacing: Spacing along each dimension.
    """
    n = int(counted.sum())
    centred = np.where(counted, pixels - pixels[counted].mean(), 0.0)
    squares = float((centred**2).sum())
    if n < 2 or squares <= n * np.finfo(float).eps * float((pixels[counted] ** 2).max()):
        return 0.0, 1.0
    kernel = _inverse_distance_spectrum(counted.shape, tuple(spacing))
    shape = tuple(fft.next_fast_len(2 * size - 1, real=True) for size in counted.shape)

    def spectrum(image: Floats) -> NDArray[np.complex128]:
        return np.asarray(fft.rfftn(image, shape))

    def pair_sum(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> float:
        """Sum over all pairs of pixels i, j of a_i b_j / distance."""
        products = (a * b.conj()).real * kernel
        # Half of the spectrum is stored; all but its first column (and, for even sizes, last) stand for two.
        total = 2 * products.sum() - products[..., 0].sum()
        if shape[-1] % 2 == 0:
            total -= products[..., -1].sum()
        return float(total / np.prod(shape))

    values, ones, square = spectrum(centred), spectrum(counted.astype(np.float64)), spectrum(centred**2)
    weights, products = pair_sum(ones, ones), pair_sum(values, values)
    differences = 2 * pair_sum(square, ones) - 2 * products
    return n * products / (weights * squares), (n - 1) * differences / (2 * weights * squares)


def _inverse_distance_spectrum(size: tuple[int, ...], spacing: tuple[float, ...]) -> Floats:
    """Spectrum of 1 / distance over all shifts that an image of this size has."""
    shape = tuple(fft.next_fast_len(2 * s - 1, real=True) for s in size)
    shifts = [np.minimum(np.arange(s), s - np.arange(s)) * step for s, step in zip(shape, spacing, strict=True)]
    distance = np.sqrt(sum(shift**2 for shift in np.meshgrid(*shifts, indexing="ij")))
    with np.errstate(divide="ignore"):
        weight = np.where(distance > 0, 1 / distance, 0.0)
    return np.asarray(fft.rfftn(weight).real)
