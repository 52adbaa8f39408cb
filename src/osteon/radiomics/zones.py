"""Run length (GLRLM), size zone (GLSZM), distance zone (GLDZM) and dependence (NGLDM) features.

All four count groups of pixels by grey level and by a size - the length of a run, the area of a zone, the distance of
a zone from the border, the number of like neighbours - and share their features.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from osteon.radiomics.settings import STEPS

Levels = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: How many groups of each level (row) have each size (column), and the sizes.
Tally = tuple[NDArray[np.int64], Levels]


def tally(level: Levels, size: Levels, n: int) -> Tally:
    """Count groups by level and size.

    Args:
        level: Grey level of each group, 1 to n.
        size: Its size.
        n: Number of grey levels.
    """
    longest = int(size.max())
    sizes = np.arange(1, longest + 1)
    if n * longest > 4 * level.size + 4096:
        # Few sizes occur - at most sqrt(2 * pixels) different ones fit into a region - but one zone can be huge.
        sizes = np.flatnonzero(np.bincount(size))
        size = np.searchsorted(sizes, size) + 1
    count = np.bincount((level - 1) * sizes.size + (size - 1), minlength=n * sizes.size)
    return count.reshape(n, sizes.size), sizes


def merge(tallies: Sequence[Tally]) -> Tally:
    """Add up tallies, whichever sizes each of them lists."""
    every = np.unique(np.concatenate([sizes for _, sizes in tallies]))
    merged = np.zeros((len(tallies[0][0]), every.size), dtype=np.int64)
    for count, sizes in tallies:
        merged[:, np.searchsorted(every, sizes)] += count
    return merged, every


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

    def runs(self, direction: int) -> tuple[Levels, Levels]:
        """Level and length of every run of equal levels in a direction (degrees)."""
        if direction == 0:
            return self._runs(self.flat, self.starts)
        down, right = STEPS[direction]
        # Wrapped to rows of this width, a step in the direction is a step down a column: the rim cuts every line.
        step = self.width * down + right
        rows = self.flat.size // step
        lines = self.flat[: rows * step].reshape(rows, step).T.ravel()
        return self._runs(lines, _starts(lines))

    @staticmethod
    def _runs(line: NDArray[np.uint16], starts: Levels) -> tuple[Levels, Levels]:
        levels = line[starts[:-1]].astype(np.int64)
        inside = levels > 0
        return levels[inside], np.diff(starts)[inside]

    def zones(self, mask: Mask) -> tuple[Levels, Levels, Levels]:
        """Zones of 8-connected pixels of equal level.

        Args:
            mask: (H, W) the region whose border the distances are from.

        Returns:
            Level, area and distance of every zone. The distance is the least city-block distance of its pixels from
            the border, 1 on the border.
        """
        n_runs = self.starts.size - 1
        runs = self._links()
        graph = sparse.coo_array((np.ones(runs[0].size), runs), shape=(n_runs, n_runs))
        n_zones, zone = csgraph.connected_components(graph, directed=False)
        level = np.zeros(n_zones, dtype=np.int64)
        level[zone] = self.flat[self.starts[:-1]]
        area = np.bincount(zone, np.diff(self.starts)).astype(np.int64)
        inside = np.pad(mask, ((1, 3), (0, 1)))
        distances = ndimage.distance_transform_cdt(np.pad(inside, ((0, 0), (1, 0))), metric="taxicab")[:, 1:]
        nearest = np.full(n_zones, np.iinfo(np.int32).max, dtype=np.int32)
        np.minimum.at(nearest, zone, np.minimum.reduceat(distances.ravel().astype(np.int32), self.starts[:-1]))
        region = level > 0
        return level[region], area[region], nearest[region].astype(np.int64)

    def _links(self) -> tuple[Levels, Levels]:
        """Pairs of horizontal runs, by number, that touch and have the same level."""
        flat, width = self.flat, self.width
        starting = np.zeros(flat.size, dtype=bool)
        starting[self.starts[:-1]] = True
        run = np.cumsum(starting, dtype=np.int32) - 1
        body = slice(width, flat.size - width - 1)  # the rim has no neighbours beyond
        here = flat[body]

        def step(shift: int) -> NDArray[np.uint16]:
            return flat[body.start + shift : body.stop + shift]

        # Two runs that touch are linked once: where the later of them starts, or across a corner when neither pixel
        # beside the corner links them anyway.
        below = step(width)
        later = starting[body] | starting[body.start + width : body.stop + width]
        links = {width: (here == below) & later} | {
            width + side: (here == step(width + side)) & (here != below) & (here != step(side)) for side in (1, -1)
        }
        pixels = [(np.flatnonzero(linked & (here > 0)) + body.start, shift) for shift, linked in links.items()]
        upper = np.concatenate([run[pixel] for pixel, _ in pixels])
        lower = np.concatenate([run[pixel + shift] for pixel, shift in pixels])
        return upper, lower


def _starts(line: NDArray[np.uint16]) -> Levels:
    """Where runs of equal values start, and the line's end."""
    return np.concatenate([[0], np.flatnonzero(line[1:] != line[:-1]) + 1, [line.size]])


def dependences(levels: Levels, distance: int = 1, coarseness: int = 0) -> tuple[Levels, Levels]:
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


def features(family: str, tallied: Tally, n_pixels: int) -> dict[str, float]:
    """The 16 features that run length, size zone, distance zone and dependence matrices share (NGLDM has one more).

    Args:
        family: ``glrlm``, ``glszm``, ``gldzm`` or ``ngldm``.
        tallied: Runs, zones or pixels by level and size.
        n_pixels: Pixels in the region, counted once for each direction that was merged.
    """
    count, sizes = tallied
    total = int(count.sum())
    p = count / total
    i, j = np.arange(1, count.shape[0] + 1, dtype=np.float64), sizes.astype(np.float64)
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
