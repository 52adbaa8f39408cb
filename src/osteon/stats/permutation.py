"""Permutation test of two AUCs on the same cases (Bandos et al. 2005)."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.types import Comparison, Floats
from osteon.stats import inputs
from osteon.stats.bootstrap import BLOCK
from osteon.stats.roc import midranks


def permutation_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    permutations: int = 9999,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
    level: float = 0.95,
) -> Comparison:
    """Difference a - b of two AUCs, tested by exchanging the two scores' ranks within patients (Bandos 2005).

    Args:
        y_true: (n,) of 0 and 1.
        score_a: (n,) scores of a.
        score_b: (n,) scores of b.
        permutations: Number of random exchanges; p = (1 + as extreme) / (1 + permutations).
        clusters: (n,) patient of each case; a patient's cases are exchanged together.
        rng: Generator, or a seed for one.
        level: Confidence level.

    Returns:
        The comparison. Ranks, not raw scores, are exchanged, so the scores need not share a scale; the hypothesis is
        that the two are exchangeable case by case. The interval holds the differences that the same exchanges do not
        reject; with too few of them to reject any it is -1 to 1.
    """
    inputs.between(level, 0, 1, "level")
    inputs.count(permutations, 1, "permutations")
    positive = inputs.truth(y_true)
    a = midranks(inputs.scores(score_a, positive.size, name="score_a"))
    b = midranks(inputs.scores(score_b, positive.size, name="score_b"))
    effect = exchange_effects(positive, a, b)
    codes = inputs.codes(clusters, positive.size)
    if codes is not None:
        effect = np.bincount(codes, weights=effect).astype(np.float64)
    generator, difference = inputs.generator(rng), float(effect.sum())
    draws = np.empty(permutations)
    block = max(1, BLOCK // effect.size)
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        draws[start : start + rows] = (1 - 2 * generator.integers(0, 2, size=(rows, effect.size))) @ effect
    size = np.sort(np.abs(draws))[::-1]
    extreme = np.sum(size >= abs(difference) - 1e-12)
    se = sqrt(float(np.mean(draws**2)))
    # p is below 1 - level where at most `few` exchanges are as extreme, that is beyond the size of the one after these.
    few = ceil((1 - level) * (permutations + 1) - 1e-9) - 2
    half = 2.0 if few < 0 else float(size[few]) if few < permutations else 0.0
    half = max(half, abs(difference)) if extreme > few else half  # despite rounding
    return Comparison(
        difference,
        max(-1.0, difference - half),
        min(1.0, difference + half),
        se,
        difference / se if se else 0.0,
        float((1 + extreme) / (1 + permutations)),
        f"permutation of {'cases' if codes is None else 'patients'} (Bandos 2005), {permutations} exchanges",
        positive.size,
        level,
    )


def exchange_effects(positive: inputs.Bools, a: Floats, b: Floats) -> Floats:
    """What each case adds to AUC(a) - AUC(b), and takes from it when its two scores are exchanged.

    The difference after exchanges is the sum of these with the sign changed where exchanged: the parts of the four
    comparisons of a positive's with a negative's scores that depend on both exchanges cancel.
    """
    xa, xb, ya, yb = a[positive], b[positive], a[~positive], b[~positive]

    def below(x: Floats, y: Floats) -> Floats:
        ordered = np.sort(y)
        return (np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right")) / 2

    effect = np.empty(positive.size)
    effect[positive] = below(xa, ya) - below(xb, yb) + below(xa, yb) - below(xb, ya)
    effect[~positive] = below(yb, xb) - below(ya, xa) + below(yb, xa) - below(ya, xb)
    return effect / (2.0 * xa.size * ya.size)
