"""Grey level co-occurrence (GLCM) features."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from osteon.core.types import Floats
from osteon.radiomics.settings import STEPS

Levels = NDArray[np.int64]


def matrices(levels: Levels, n: int, directions: Iterable[int], distance: int = 1) -> Floats:
    """Count pairs of grey levels `distance` pixels apart, both ways.

    Args:
        levels: (H, W) grey levels 1 to n, 0 outside the region.
        n: Number of grey levels.
        directions: Degrees, of 0, 45, 90 and 135.
        distance: Chebyshev distance: the step along a row or column, and along both on a diagonal.

    Returns:
        (directions, n, n) symmetric counts.
    """
    height, width = levels.shape
    # With a rim of zeros below and to the right, one flat shift is a step in any direction: what leaves the image
    # at one side meets the rim, not the next row's pixels.
    padded = np.zeros((height + distance + 1, width + distance), dtype=np.int64)
    padded[:height, :width] = levels
    flat = padded.ravel()
    first = flat[: height * padded.shape[1]] * (n + 1)
    counts = []
    for direction in directions:
        down, right = STEPS[direction]
        shift = distance * (down * padded.shape[1] + right)
        pairs = first + flat[shift : shift + first.size]
        count = np.bincount(pairs, minlength=(n + 1) ** 2).reshape(n + 1, n + 1)[1:, 1:]
        counts.append(count + count.T)
    return np.stack(counts).astype(np.float64)


def features(counts: Floats) -> dict[str, Floats]:
    """The 25 GLCM features of IBSI (LFYI), of several matrices at once.

    A region of one grey level has correlation 1 and both information correlations 0.

    Args:
        counts: (m, n, n) symmetric counts, none empty.

    Returns:
        Feature name to (m,) values.
    """
    m, n, _ = counts.shape
    p = counts / counts.sum(axis=(1, 2), keepdims=True)
    level = np.arange(1, n + 1)
    marginal = p.sum(axis=2)
    mean = marginal @ level
    variance = ((level - mean[:, None]) ** 2 * marginal).sum(axis=1)
    difference = _diagonals(p, np.abs(level[:, None] - level), n)
    total = _diagonals(p, level[:, None] + level - 2, 2 * n - 1)
    k = np.arange(n)
    s = np.arange(2, 2 * n + 1)
    difference_mean = difference @ k
    around = s - 2 * mean[:, None]
    contrast = difference @ k**2
    square_sum = total @ s**2
    joint_entropy = _entropy(p.reshape(m, -1))
    marginal_entropy = _entropy(marginal)
    product = (square_sum - contrast) / 4  # ij = ((i + j)^2 - (i - j)^2) / 4
    varied = variance > 1e-12
    # In a symmetric matrix both marginals are equal, so HXY1 = HXY2 = 2 HX.
    excess = np.maximum(2 * marginal_entropy - joint_entropy, 0)
    return {
        "joint_maximum": p.max(axis=(1, 2)),
        "joint_average": mean,
        "joint_variance": variance,
        "joint_entropy": joint_entropy,
        "difference_average": difference_mean,
        "difference_variance": ((k - difference_mean[:, None]) ** 2 * difference).sum(axis=1),
        "difference_entropy": _entropy(difference),
        "sum_average": total @ s,
        "sum_variance": (around**2 * total).sum(axis=1),
        "sum_entropy": _entropy(total),
        "angular_second_moment": (p**2).sum(axis=(1, 2)),
        "contrast": contrast,
        "dissimilarity": difference_mean,
        "inverse_difference": difference @ (1 / (1 + k)),
        "inverse_difference_normalised": difference @ (1 / (1 + k / n)),
        "inverse_difference_moment": difference @ (1 / (1 + k**2)),
        "inverse_difference_moment_normalised": difference @ (1 / (1 + (k / n) ** 2)),
        "inverse_variance": difference[:, 1:] @ (1.0 / k[1:] ** 2),
        "correlation": np.where(varied, (product - mean**2) / np.where(varied, variance, 1), 1.0),
        "autocorrelation": product,
        "cluster_tendency": (around**2 * total).sum(axis=1),
        "cluster_shade": (around**3 * total).sum(axis=1),
        "cluster_prominence": (around**4 * total).sum(axis=1),
        "information_correlation_1": -excess / np.where(varied, marginal_entropy, 1),
        "information_correlation_2": np.sqrt(1 - np.exp(-2 * excess)),
    }


def _diagonals(p: Floats, index: Levels, size: int) -> Floats:
    """Sum each matrix over the cells that share an index."""
    offset = np.arange(p.shape[0])[:, None, None] * size
    sums = np.bincount((offset + index).ravel(), weights=p.ravel(), minlength=p.shape[0] * size)
    return sums.reshape(-1, size).astype(np.float64)


def _entropy(p: Floats) -> Floats:
    """Shannon entropy of each row in bits."""
    return np.asarray(-(p * np.log2(p, where=p > 0, out=np.zeros_like(p))).sum(axis=1) + 0.0)
