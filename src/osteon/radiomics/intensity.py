"""First-order features: intensity statistics, intensity histogram and intensity-volume histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from osteon.core.types import Floats

Counts = NDArray[np.int64]


def statistics(values: Floats) -> dict[str, float]:
    """The 18 intensity statistics of IBSI (UHIW).

    A constant region has skewness, kurtosis and coefficients of variation 0, and a mean (or sum of quartiles) of
    0 a coefficient of 0.

    Args:
        values: (n,) intensities, n > 0.
    """
    unique, counts = np.unique(values, return_counts=True)
    features = _distribution(unique, counts)
    energy = float(values @ values)
    return features | {"energy": energy, "root_mean_square": float(np.sqrt(energy / values.size))}


def histogram(counts: Counts) -> dict[str, float]:
    """The 23 intensity histogram features of IBSI (ZVCW).

    Args:
        counts: (n,) pixels in grey level 1 to n.
    """
    levels = np.arange(1, counts.size + 1, dtype=np.float64)
    present = counts > 0
    share = counts[present] / counts.sum()
    features = _distribution(levels[present], counts[present])
    # Of several modes, the one nearest to the mean (IBSI AMMC).
    modes = levels[counts == counts.max()]
    gradient = np.gradient(counts.astype(np.float64)) if counts.size > 1 else np.zeros(1)
    return features | {
        "mode": float(modes[np.argmin(np.abs(modes - features["mean"]))]),
        "entropy": float(-(share @ np.log2(share))) + 0.0,
        "uniformity": float(share @ share),
        "maximum_gradient": float(gradient.max()),
        "maximum_gradient_level": float(levels[gradient.argmax()]),
        "minimum_gradient": float(gradient.min()),
        "minimum_gradient_level": float(levels[gradient.argmin()]),
    }


def volume_histogram(counts: Counts) -> dict[str, float]:
    """Intensity-volume histogram features of IBSI (P88C), in 2D of area.

    Args:
        counts: (n,) pixels in grey level 1 to n, the first and last occupied (one level: n = 1).
    """
    n = counts.size
    levels = np.arange(1, n + 1)
    # Share of the area with at least this level, and this level as a share of the range.
    area = counts[::-1].cumsum()[::-1] / counts.sum()
    grey = (levels - 1) / max(n - 1, 1)

    def area_at(share: float) -> float:
        return float(area[grey >= share - 1e-12][0])

    def level_at(share: float) -> float:
        within = levels[area <= share + 1e-12]
        # No level is that rare when the top one fills more than the share: the next level up, which is empty.
        return float(within[0]) if within.size else float(n + 1)

    features = {
        "area_at_10": area_at(0.1) if n > 1 else 1.0,
        "area_at_90": area_at(0.9) if n > 1 else 1.0,
        "level_at_10": level_at(0.1),
        "level_at_90": level_at(0.9),
    }
    features["area_difference"] = features["area_at_10"] - features["area_at_90"]
    features["level_difference"] = features["level_at_10"] - features["level_at_90"]
    return features


def _distribution(values: Floats, counts: Counts) -> dict[str, float]:
    """What statistics and histogram share, of distinct sorted values and how often each occurs."""
    n = int(counts.sum())
    mean = float(counts @ values) / n
    centred = values - mean
    squared = centred * centred
    variance = float(counts @ squared) / n
    if variance <= np.finfo(float).eps * mean**2:  # constant up to rounding
        variance = 0.0
    skewness = float(counts @ (squared * centred)) / n / variance**1.5 if variance else 0.0
    kurtosis = float(counts @ (squared * squared)) / n / variance**2 - 3 if variance else 0.0
    p10, p25, median, p75, p90 = _percentiles(values, counts, np.array([10, 25, 50, 75, 90]))
    core = (values >= p10) & (values <= p90)
    if not core.any():  # two or three pixels
        core[:] = True
    nothing = 1e-12 * float(np.abs(values).max())  # what rounding leaves of 0
    core_counts, core_values = counts[core], values[core]
    core_mean = core_counts @ core_values / core_counts.sum()
    return {
        "mean": mean,
        "variance": variance,
        "skewness": skewness,
        "kurtosis": kurtosis,
        "median": median,
        "minimum": float(values[0]),
        "percentile_10": p10,
        "percentile_90": p90,
        "maximum": float(values[-1]),
        "interquartile_range": p75 - p25,
        "range": float(values[-1] - values[0]),
        "mean_absolute_deviation": float(counts @ np.abs(centred)) / n,
        "robust_mean_absolute_deviation": float(core_counts @ np.abs(core_values - core_mean) / core_counts.sum()),
        "median_absolute_deviation": float(counts @ np.abs(values - median)) / n,
        "coefficient_of_variation": variance**0.5 / mean if abs(mean) > nothing else 0.0,
        "quartile_coefficient_of_dispersion": (p75 - p25) / (p75 + p25) if abs(p75 + p25) > nothing else 0.0,
    }


def _percentiles(values: Floats, counts: Counts, percent: Counts) -> list[float]:
    """Percentiles with linear interpolation between order statistics, as numpy's default."""
    last = counts.cumsum()
    rank = percent / 100 * (last[-1] - 1)
    below = np.floor(rank)
    low = values[np.searchsorted(last, below, side="right")]
    high = values[np.searchsorted(last, np.minimum(below + 1, last[-1] - 1), side="right")]
    return [float(x) for x in low + (high - low) * (rank - below)]
