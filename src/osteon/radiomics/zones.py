"""Run length (GLRLM), size zone (GLSZM), distance zone (GLDZM) and dependence (NGLDM) features.

All four count groups of pixels by grey level and by a size - the length of a run, the area of a zone, the distance of
a zone from the border, the number of like neighbours - and share their features.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from osteon.radiomics.settings import STEPS
from osteon.types import Floats

Levels = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: A group is a grey level and a size: two arrays of one length.
Groups = tuple[Levels, Levels]


class Plane:
    """Grey levels laid out flat with a rim of zeros, so that a step in any direction is one flat shift.

    Attributes:
        flat: Grey levels, row after row, one column of zeros after each row, zeros before the first and after the
            last.
        width: Pixels from a row to the next.
        starts: Where the horizontal runs start, runs of zeros among them.
    """

    def __init__(self, levels: Levels) -> None:
        height, width = levels.shape
        padded = np.zeros((height + 4, width + 1), dtype=np.uint16)
        padded[1 : height + 1, :width] = levels
        self.flat = padded.ravel()
        self.width = width + 1
        self.starts = _starts(self.flat)

    def flatten(self, image: NDArray[np.int32]) -> NDArray[np.int32]:
        """Lay another image out in the same way."""
        padded = np.zeros(self.flat.size // self.width * self.width, dtype=image.dtype).reshape(-1, self.width)
        padded[1 : image.shape[0] + 1, : image.shape[1]] = image
        return padded.ravel()

    def runs(self, direction: int) -> Groups:
        """Level and length of every run of equal levels in a direction (degrees)."""
        down, right = STEPS[direction]
        if direction == 0:
            return self._runs(self.flat, self.starts)
        # Wrapped to rows of this width, a step in the direction is a step down a column: the rim cuts every line.
        step = self.width * down + right
        rows = self.flat.size // step
        lines = self.flat[: rows * step].reshape(rows, step).T.ravel()
        return self._runs(lines, _starts(lines))

    @staticmethod
    def _runs(line: NDArray[np.uint16], starts: Levels) -> Groups:
        levels = line[starts[:-1]].astype(np.int64)
        inside = levels > 0
        return levels[inside], np.diff(starts)[inside]

    def zones(self) -> tuple[Levels, Levels, Levels]:
        """Zones of 8-connected pixels of equal level.

        Returns:
            Level and area of every zone, and the zone of every horizontal run (-1 outside the region).
        """
        flat, width = self.flat, self.width
        starting = np.zeros(flat.size, dtype=bool)
        starting[self.starts[:-1]] = True
        run_of = np.cumsum(starting) - 1
        body = slice(width, flat.size - width - 1)  # the rim's rows have no neighbours beyond
        here = flat[body]

        def at(shift: int) -> NDArray[np.uint16]:
            return flat[body.start + shift : body.stop + shift]

        # Two runs that touch are linked once: where the later of them starts, or across a corner when neither pixel
        # beside the corner links them anyway.
        below = at(width)
        later = starting[body] | starting[body.start + width : body.stop + width]
        links = [((here == below) & later, width)]
        for side in (1, -1):
            across = at(width + side)
            links.append(((here == across) & (here != below) & (here != at(side)), width + side))
        upper, lower = [], []
        for linked, shift in links:
            pixel = np.flatnonzero(linked & (here > 0)) + body.start
            upper.append(run_of[pixel])
            lower.append(run_of[pixel + shift])
        ends = np.concatenate(upper), np.concatenate(lower)
        n_runs = self.starts.size - 1
        graph = sparse.coo_array((np.ones(ends[0].size, dtype=np.int8), ends), shape=(n_runs, n_runs))
        _, label = csgraph.connected_components(graph, directed=False)
        levels = flat[self.starts[:-1]]
        # Number the zones of the region only.
        inside = levels > 0
        used, zone = np.unique(label[inside], return_inverse=True)
        zone_of_run = np.full(n_runs, -1)
        zone_of_run[inside] = zone
        area = np.bincount(zone, np.diff(self.starts)[inside]).astype(np.int64)
        level = np.zeros(used.size, dtype=np.int64)
        level[zone] = levels[inside]
        return level, area, zone_of_run


def _starts(line: NDArray[np.uint16]) -> Levels:
    """Where runs of equal values start, and the line's end."""
    return np.concatenate([[0], np.flatnonzero(line[1:] != line[:-1]) + 1, [line.size]])


def zone_distances(plane: Plane, zone_of_run: Levels, n_zones: int, mask: Mask) -> Levels:
    """The least city-block distance of each zone from the border of the mask; 1 for a pixel on the border."""
    inside = np.pad(mask, 1)
    distance = ndimage.distance_transform_cdt(inside, metric="taxicab")[1:-1, 1:-1].astype(np.int32)
    of_run = np.minimum.reduceat(plane.flatten(distance), plane.starts[:-1])
    in_zone = zone_of_run >= 0
    least = np.full(n_zones, np.iinfo(np.int64).max)
    np.minimum.at(least, zone_of_run[in_zone], of_run[in_zone])
    return least


def dependences(levels: Levels, distance: int = 1, coarseness: int = 0) -> Groups:
    """Level and dependence of every pixel: 1 and the number of neighbours whose level differs by `coarseness` at most.

    Args:
        levels: (H, W) grey levels, 0 outside the region.
        distance: Chebyshev radius of the neighbourhood.
        coarseness: Largest difference of like levels.
    """
    padded = np.pad(levels.astype(np.int16), distance)
    count = np.ones(padded.shape, dtype=np.int32)
    for down, right in _half_disc(distance):
        here, there = _shifted(down, right)
        a, b = padded[here], padded[there]
        like = (a == b) if coarseness == 0 else (np.abs(a - b) <= coarseness) & (b > 0)
        count[here] += like
        count[there] += like if coarseness == 0 else like & (a > 0)
    inside = padded > 0
    return padded[inside].astype(np.int64), count[inside].astype(np.int64)


def _half_disc(distance: int) -> Iterable[tuple[int, int]]:
    """Steps to half of a square neighbourhood; the other half are their opposites."""
    return (
        (down, right)
        for down in range(distance + 1)
        for right in range(-distance, distance + 1)
        if down > 0 or right > 0
    )


def _shifted(down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Two windows on one image, the second a step from the first."""
    columns = slice(None, -right or None), slice(right, None)
    if right < 0:
        columns = slice(-right, None), slice(None, right)
    return (slice(None, -down or None), columns[0]), (slice(down, None), columns[1])


#: What a family calls its short and long groups, their size, their share of pixels, and their entropy.
_WORDS = {
    "glrlm": ("short_run", "long_run", "run_length", "run_percentage", "run_entropy"),
    "glszm": ("small_zone", "large_zone", "zone_size", "zone_percentage", "zone_size_entropy"),
    "gldzm": ("small_distance", "large_distance", "zone_distance", "zone_percentage", "zone_distance_entropy"),
    "ngldm": ("low_dependence", "high_dependence", "dependence", "dependence_percentage", "dependence_entropy"),
}


def features(family: str, groups: Groups, n: int, n_pixels: int) -> dict[str, float]:
    """The 16 features that run length, size zone, distance zone and dependence matrices share (NGLDM has one more).

    Args:
        family: ``glrlm``, ``glszm``, ``gldzm`` or ``ngldm``.
        groups: Level and size of every run, zone or pixel.
        n: Number of grey levels.
        n_pixels: Pixels in the region, counted once for each direction that was merged.
    """
    level, size = groups
    # Few sizes occur: at most sqrt(2 * pixels) different ones fit into a region, so the matrix is small and dense.
    sizes = np.flatnonzero(np.bincount(size))
    column = np.zeros(int(sizes[-1]) + 1, dtype=np.int64)
    column[sizes] = np.arange(sizes.size)
    count = np.bincount((level - 1) * sizes.size + column[size], minlength=n * sizes.size)
    total = level.size
    p = count.reshape(n, sizes.size) / total
    i, j = np.arange(1, n + 1, dtype=np.float64), sizes.astype(np.float64)
    by_level, by_size = p.sum(axis=1), p.sum(axis=0)
    present = p[p > 0]
    short, long, length, share, entropy = _WORDS[family]
    values = {
        f"{short}_emphasis": by_size @ j**-2,
        f"{long}_emphasis": by_size @ j**2,
        "low_level_emphasis": by_level @ i**-2,
        "high_level_emphasis": by_level @ i**2,
        f"{short}_low_level_emphasis": i**-2 @ p @ j**-2,
        f"{short}_high_level_emphasis": i**2 @ p @ j**-2,
        f"{long}_low_level_emphasis": i**-2 @ p @ j**2,
        f"{long}_high_level_emphasis": i**2 @ p @ j**2,
        "level_non_uniformity": total * (by_level @ by_level),
        "level_non_uniformity_normalised": by_level @ by_level,
        f"{length}_non_uniformity": total * (by_size @ by_size),
        f"{length}_non_uniformity_normalised": by_size @ by_size,
        share: total / n_pixels,
        "level_variance": by_level @ (i - by_level @ i) ** 2,
        f"{length}_variance": by_size @ (j - by_size @ j) ** 2,
        entropy: -(present @ np.log2(present)) + 0.0,
    }
    if family == "ngldm":
        values["dependence_energy"] = present @ present
    return {name: float(value) for name, value in values.items()}
