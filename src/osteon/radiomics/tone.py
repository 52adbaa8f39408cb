"""Neighbourhood grey tone difference (NGTDM) features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from osteon.core.types import Floats

Levels = NDArray[np.int64]

#: Coarseness of a region without any difference of tone, as Amadasun and King set it (IBSI QCDE).
COARSEST = 1e6


def differences(levels: Levels, n: int, distance: int = 1) -> tuple[Floats, Floats]:
    """For each grey level, the number of its pixels and their summed difference from their neighbours' mean level.

    Args:
        levels: (H, W) grey levels 1 to n, 0 outside the region.
        n: Number of grey levels.
        distance: Chebyshev radius of the neighbourhood.

    Returns:
        (n,) pixels that have a neighbour in the region, and (n,) sums of absolute differences.
    """
    inside = levels > 0
    total = _window_sum(levels, distance) - levels
    neighbours = _window_sum(inside.astype(np.int64), distance) - inside
    counted = inside & (neighbours > 0)
    level = levels[counted]
    apart = np.abs(level - total[counted] / neighbours[counted])
    count = np.bincount(level - 1, minlength=n).astype(np.float64)
    return count, np.bincount(level - 1, weights=apart, minlength=n).astype(np.float64)


def _window_sum(image: Levels, distance: int) -> Levels:
    """Sum over a square of side 2 * distance + 1 around every pixel, zeros beyond the border."""
    height, width = image.shape
    padded = np.pad(image, distance)
    steps = range(2 * distance + 1)
    columns = np.add.reduce([padded[k : k + height] for k in steps])
    return np.asarray(np.add.reduce([columns[:, k : k + width] for k in steps]), dtype=np.int64)


def features(count: Floats, apart: Floats) -> dict[str, float]:
    """The 5 NGTDM features of IBSI (IPET).

    A region of one grey level has coarseness 10^6, as IBSI sets it, and 0 for the other four.

    Args:
        count: (n,) pixels of each level that have a neighbour.
        apart: (n,) their summed differences.
    """
    pixels = count.sum()
    weight = count @ apart / pixels if pixels else 0.0
    i = np.flatnonzero(count)
    p, s, level = count[i] / max(pixels, 1), apart[i], i + 1.0
    if i.size < 2:
        return {
            "coarseness": COARSEST,
            "contrast": 0.0,
            "busyness": 0.0,
            "complexity": 0.0,
            "strength": 0.0,
        }
    gap = level[:, None] - level
    both = p[:, None] + p
    spread = (p[:, None] * p * gap**2).sum() / (i.size * (i.size - 1))
    weighted = np.abs(level[:, None] * p[:, None] - level * p).sum()
    return {
        "coarseness": float(min(1 / weight, COARSEST)) if weight else COARSEST,
        "contrast": float(spread * s.sum() / pixels),
        "busyness": float(weight / weighted) if weighted else 0.0,
        "complexity": float((np.abs(gap) * ((p * s)[:, None] + p * s) / both).sum() / pixels),
        "strength": float((both * gap**2).sum() / s.sum()) if s.sum() else 0.0,
    }
