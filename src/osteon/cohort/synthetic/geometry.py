"""The plane of the film: outlines in millimetres, signed distances, and the textures laid over them.

Everything a phantom is made of is an outline (a closed polygon in mm, x to the right, y downwards) with a signed
distance (positive inside). From the distance to an outline follows the path of a ray through a rounded body
(:func:`chord`), and from paths through cortex, marrow and soft tissue follows the film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from osteon.core.types import Floats

#: A number at every pixel; float32 but for passing results.
Field = NDArray[np.floating[Any]]

#: Texture pixels a millimetre and texture side; the textures repeat every 128 mm, far wider than any bone's end.
_TEXTURE_SCALE, _TEXTURE_SIDE = 4.0, 512


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixels of a film, or of a window of it.

    Attributes:
        rows: Number of rows.
        columns: Number of columns.
        spacing: Pixel size in mm.
        left: x of the first column's centre in mm.
        top: y of the first row's centre in mm.
    """

    rows: int
    columns: int
    spacing: float
    left: float
    top: float

    @property
    def x(self) -> Field:
        """(1, columns) x of the pixel centres in mm."""
        return (self.left + self.spacing * np.arange(self.columns, dtype=np.float32))[None, :]

    @property
    def y(self) -> Field:
        """(rows, 1) y of the pixel centres in mm."""
        return (self.top + self.spacing * np.arange(self.rows, dtype=np.float32))[:, None]

    def window(self, outline: Floats, margin: float) -> tuple[Grid, tuple[slice, slice]] | None:
        """The part of the grid within `margin` mm of an outline, and where it lies; None where it misses the film."""
        (x0, y0), (x1, y1) = outline.min(axis=0) - margin, outline.max(axis=0) + margin
        first_column = max(0, int((x0 - self.left) / self.spacing))
        first_row = max(0, int((y0 - self.top) / self.spacing))
        last_column = min(self.columns, int((x1 - self.left) / self.spacing) + 2)
        last_row = min(self.rows, int((y1 - self.top) / self.spacing) + 2)
        if last_column - first_column < 2 or last_row - first_row < 2:
            return None
        part = Grid(
            last_row - first_row,
            last_column - first_column,
            self.spacing,
            self.left + first_column * self.spacing,
            self.top + first_row * self.spacing,
        )
        return part, (slice(first_row, last_row), slice(first_column, last_column))


def smooth_outline(points: Sequence[tuple[float, float]] | Floats, rounding: float = 3.0) -> Floats:
    """Close a hand-drawn polygon, resample it every millimetre and round its corners.

    Args:
        points: (K, 2) corners in mm, in order.
        rounding: Standard deviation of the rounding along the outline, mm.

    Returns:
        (N, 2) outline in mm.
    """
    corners = np.asarray(points, dtype=np.float64)
    closed = np.vstack([corners, corners[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.arange(0.0, length[-1], 1.0)
    dense = np.column_stack([np.interp(at, length, closed[:, axis]) for axis in (0, 1)])
    return ndimage.gaussian_filter1d(dense, rounding, axis=0, mode="wrap")


def tube(profile: Sequence[tuple[float, float, float]], rounding: float = 2.0) -> Floats:
    """The outline of a tubular body along the s axis from (s, left half-width, right half-width) stations.

    Returns:
        (N, 2) outline of (u, s) points in mm.
    """
    table = np.asarray(profile, dtype=np.float64)
    left = np.column_stack([-table[:, 1], table[:, 0]])
    right = np.column_stack([table[:, 2], table[:, 0]])
    return smooth_outline(np.vstack([left, right[::-1]]), rounding)


def signed_distance(
    outlines: Sequence[Floats], grid: Grid, *, coarse: int = 2, fillet: float = 0.0, beyond: float = 0.0
) -> Field:
    """Signed distance to the union of some outlines, positive inside, exact to a small part of a pixel.

    Computed on a grid `coarse` times coarser and interpolated, for the distance is smooth.

    Args:
        outlines: (N, 2) closed polygons in mm, points about a millimetre apart.
        grid: The pixels wanted.
        coarse: Reduction factor.
        fillet: Radius that fills the corner where two bodies meet, mm.
        beyond: Up to which distance outlines that leave the grid are followed, mm; what lies farther off does not
            count.

    Returns:
        (rows, columns) mm; 1000 or -1000 throughout where the outlines miss the grid.
    """
    rows, columns, step = -(-grid.rows // coarse), -(-grid.columns // coarse), grid.spacing * coarse
    corners = np.array([(outline.min(axis=0), outline.max(axis=0)) for outline in outlines])
    (west, north), (east, south) = corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)
    far = 1 + int(np.ceil(beyond / step))
    # At least one coarse pixel on each side, for the interpolation.
    left, top = far if west < grid.left else 1, far if north < grid.top else 1
    right = far if east > grid.left + grid.columns * grid.spacing else 1
    bottom = far if south > grid.top + grid.rows * grid.spacing else 1
    half = (step - grid.spacing) / 2
    x, y = grid.left + half - left * step, grid.top + half - top * step
    small = Grid(rows + top + bottom, columns + left + right, step, x, y)
    distance = _distance(outlines[0], small)
    for outline in outlines[1:]:
        distance = smooth_union(distance, _distance(outline, small), fillet)
    if coarse > 3:
        distance = ndimage.gaussian_filter(distance, 0.8)
    distance = distance[top - 1 : top + rows + 1, left - 1 : left + columns + 1]
    if coarse > 1:
        distance = enlarge(distance, (distance.shape[0] * coarse, distance.shape[1] * coarse))
    return np.ascontiguousarray(distance[coarse : coarse + grid.rows, coarse : coarse + grid.columns])


def _distance(outline: Floats, grid: Grid) -> Field:
    """Signed distance to one outline in mm.

    Every pixel finds the outline point nearest to it (a feature transform of the rasterised outline), and the
    distance is taken to that point's true position along its normal: no staircase.
    """
    rows, columns = grid.rows, grid.columns
    points = (_dense(outline, 0.5 * grid.spacing) - (grid.left, grid.top)) / grid.spacing
    at = np.rint(points).astype(np.int32)
    on_film = np.flatnonzero((at >= 0).all(axis=1) & (at[:, 1] < rows) & (at[:, 0] < columns))
    canvas = Image.new("L", (columns, rows))
    ImageDraw.Draw(canvas).polygon(
        np.round((outline - (grid.left, grid.top)) / grid.spacing, 3).ravel().tolist(), fill=1
    )
    inside = np.asarray(canvas, dtype=bool)
    if not len(on_film):
        whole = bool(inside[rows // 2, columns // 2])
        return np.full((rows, columns), 1e3 if whole else -1e3, dtype=np.float32)
    after, before = np.concatenate([points[1:], points[:1]]), np.concatenate([points[-1:], points[:-1]])
    forward = after - before
    area = float(np.sum(points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]))
    length = np.maximum(np.hypot(forward[:, 0], forward[:, 1]), 1e-9) * np.sign(area)
    # x, y and the inward normal of every outline point, looked up by the pixels next to it.
    table = np.column_stack([points, -forward[:, 1] / length, forward[:, 0] / length]).astype(np.float32)
    which = np.zeros((rows, columns), dtype=np.int32)
    empty = np.ones((rows, columns), dtype=bool)
    which[at[on_film, 1], at[on_film, 0]] = on_film
    empty[at[on_film, 1], at[on_film, 0]] = False
    row, column = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    nearest = table[which[row, column]]
    dx = np.arange(columns, dtype=np.float32)[None, :] - nearest[..., 0]
    dy = np.arange(rows, dtype=np.float32)[:, None] - nearest[..., 1]
    depth = dx * nearest[..., 2] + dy * nearest[..., 3]
    # The looked-up point may lie up to a pixel along the outline from the nearest one: that much is no distance.
    aside = np.maximum(np.abs(dx * nearest[..., 3] - dy * nearest[..., 2]) - 1.0, 0.0)
    far = np.hypot(depth, aside)
    signed = np.where((far < 2.0) & (aside < 1.0), np.sign(depth), np.where(inside, 1, -1)) * far
    return np.asarray(signed * np.float32(grid.spacing), dtype=np.float32)


def _dense(outline: Floats, step: float) -> Floats:
    """The outline with intermediate points, at most `step` mm apart."""
    gap = float(np.hypot(*np.diff(outline, axis=0, append=outline[:1]).T).max())
    parts = max(1, int(np.ceil(gap / step)))
    following = np.roll(outline, -1, axis=0)
    t = (np.arange(parts) / parts)[None, :, None]
    return np.asarray((outline[:, None] * (1 - t) + following[:, None] * t).reshape(-1, 2))


def enlarge(field: Field, shape: tuple[int, int]) -> Field:
    """Bilinear interpolation of a coarse field to `shape`, pixel edges aligned."""
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize(shape[::-1], Image.Resampling.BILINEAR), dtype=np.float32)


def low_pass(field: Field, width: float, *, coarse: int = 8) -> Field:
    """A broad Gaussian blur of `width` pixels, computed on a `coarse` times reduced copy."""
    rows, columns = field.shape
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    small = image.resize((max(1, columns // coarse), max(1, rows // coarse)), Image.Resampling.BOX)
    blurred = ndimage.gaussian_filter(np.asarray(small, dtype=np.float32), width / coarse, mode="nearest")
    return enlarge(blurred, field.shape)


def smooth_union(a: Field, b: Field, fillet: float) -> Field:
    """Signed distance of the union of two bodies, their meeting filled with a radius of about `fillet` mm."""
    union = np.maximum(a, b)
    if fillet:
        overlap = np.maximum(np.float32(fillet) - np.abs(a - b), 0.0)
        union = union + overlap * overlap / np.float32(4 * fillet)
    return union


def chord(distance: Field, radius: Field | float, depth: Field | float) -> Field:
    """Path in mm of a perpendicular ray through a body with a rounded edge.

    Args:
        distance: Distance inward from the outline, mm; negative outside.
        radius: Width of the rounded edge, mm: farther in, the body is flat. A cylinder's is its own radius.
        depth: Half the thickness of the flat part, mm.
    """
    inward = np.clip(distance / np.maximum(radius, 1e-3), 0.0, 1.0).astype(np.float32)
    return np.asarray(2.0 * depth * np.sqrt(inward * (2.0 - inward)), dtype=np.float32)


def ramp(value: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, and a smooth (cubic) step between; `low` may exceed `high` for a falling step."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def bump(value: Field, width: float) -> Field:
    """A Gaussian bell of height 1."""
    return np.asarray(np.exp(-0.5 * np.square(value / np.float32(width))), dtype=np.float32)


@cache
def texture(kind: str) -> Field:
    """A repeating texture with mean 0 and standard deviation 1, the same in every process.

    ``trabeculae``: plates and struts longer along the first axis, as along stress lines; ``muscle``: fascicles;
    ``cloud``: osteoid; ``curls``: the arcs and rings of calcified cartilage; ``grain``: coarse isotropic noise;
    ``septa``: ridges on the wall of a cavity; ``spicules``: fine lines along the second axis.
    """
    rng = np.random.default_rng(sum(kind.encode()))
    if kind == "trabeculae":
        parts = [(2.4, 0.28, 1.0), (2.2, 0.3, 1.0), (0.5, 0.5, 0.5), (0.3, 1.3, 0.4), (1.2, 1.2, 0.4)]
        field = sum(
            weight * (np.exp(-np.square(_noise(rng, along, across) / 0.45)) - 0.3) for along, across, weight in parts
        )
    elif kind == "muscle":
        field = _noise(rng, 30.0, 2.2) + 0.5 * _noise(rng, 14.0, 0.8)
    elif kind == "cloud":
        field = _noise(rng, 3.5, 3.5) + 0.8 * _noise(rng, 1.6, 1.6) + 0.4 * _noise(rng, 0.7, 0.7)
    elif kind == "curls":
        field = np.exp(-np.square(_noise(rng, 1.5, 1.5) / 0.35)) * (_noise(rng, 2.6, 2.6) > -0.2)
    elif kind == "septa":
        field = np.exp(-np.square(_noise(rng, 2.6, 2.6) / 0.16)) + 0.3 * np.exp(-np.square(_noise(rng, 1.4, 1.4) / 0.2))
    elif kind == "spicules":
        field = np.exp(-np.square(_noise(rng, 0.35, 9.0) / 0.5)) + 0.4 * _noise(rng, 0.7, 3.0)
    else:
        field = _noise(rng, 1.2, 1.2)
    field = np.asarray(field)
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def _noise(rng: np.random.Generator, along: float, across: float) -> Floats:
    """Repeating Gaussian noise, correlated over `along` and `across` mm, standard deviation 1."""
    side = _TEXTURE_SIDE
    frequency = np.fft.fftfreq(side) * 2 * np.pi * _TEXTURE_SCALE
    shape = np.exp(-0.5 * ((frequency[:, None] * along) ** 2 + (frequency[None, : side // 2 + 1] * across) ** 2))
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * shape, s=(side, side))
    field -= field.mean()
    return np.asarray(field / field.std())


def lay(kind: str, along: Field, across: Field, offset: float = 0.0, magnify: float = 1.0) -> Field:
    """A texture laid over body coordinates.

    Args:
        kind: See :func:`texture`.
        along: Coordinate of the texture's first axis at every pixel, mm.
        across: Coordinate of the second axis, mm.
        offset: Where in the texture to begin, mm; a patient's own.
        magnify: Size of the grain.
    """
    scale = np.float32(_TEXTURE_SCALE / magnify)
    # A conversion to whole numbers rounds towards 0: some periods are added so that nothing is negative.
    begin = 8 * _TEXTURE_SIDE + _TEXTURE_SCALE * offset
    rows = (along * scale + np.float32(begin)).astype(np.int32) & (_TEXTURE_SIDE - 1)
    columns = (across * scale + np.float32(begin + 2.8 * offset)).astype(np.int32) & (_TEXTURE_SIDE - 1)
    return texture(kind).ravel().take(rows * _TEXTURE_SIDE + columns)
