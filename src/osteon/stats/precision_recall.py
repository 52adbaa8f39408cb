"""The area under the precision-recall curve.

Sources: Davis & Goadrich 2006 and Boyd, Eng & Page 2013 (average precision and its intervals).
"""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.bootstrap import Units
from osteon.stats.distributions import logit_limits


def average_precision(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Mean precision over the positives, ties together: the area under the precision-recall curve in steps.

    A score without skill has the prevalence.

    Raises:
        InputError: Missing values, unequal lengths.
        NotEstimableError: One class only.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    positive = inputs.truth(y_true)
    score = inputs.scores(y_score, positive.size)
    return float(_of_weights(positive, score, np.ones((1, positive.size)))[0])


def average_precision_ci(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
) -> Estimate:
    """Average precision with an interval from the bootstrap's standard error on the logit scale.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        level: Confidence level.
        resamples: Bootstrap resamples, drawn within classes: the prevalence, on which precision depends, stays.
        clusters: (n,) patient of each case; whole patients are drawn, and the quantile is Student's.
        rng: Generator, or a seed for one.

    Returns:
        The estimate; an average precision of 1 has the percentile interval of its resamples, which is no interval.
    """
    inputs.between(level, 0, 1, "level")
    inputs.count(resamples, 2, "resamples")
    positive = inputs.truth(y_true)
    score = inputs.scores(y_score, positive.size)
    inputs.several(inputs.codes(clusters, positive.size))
    units = Units(positive, clusters, stratified=True)
    value = average_precision(y_true, y_score)
    drawn = units.drawn(resamples, inputs.generator(rng))
    draws = np.concatenate([_of_weights(positive, score, weights) for weights in drawn])
    spread, title = float(draws.std(ddof=1)), "average precision"
    label = f"bootstrap of {units.what}, logit, {resamples} resamples"
    if not 0 < value < 1 or spread == 0:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
        return Estimate(value, low, high, label.replace("logit", "percentile"), positive.size, spread, level, title)
    low, high = logit_limits(value, spread, level, float(units.total - 1) if units.clustered else inf)
    label += ", Student's t over patients" * units.clustered
    return Estimate(value, low, high, label, positive.size, spread, level, title)


def _of_weights(positive: inputs.Bools, score: Floats, weights: Floats) -> Floats:
    """(block,) average precisions of (block, n) weighted cases."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # of each tie
    of = np.take(weights, order, axis=1)
    hits = np.cumsum(of * positive[order], axis=1)[:, last]
    calls = np.cumsum(of, axis=1)[:, last]
    precision = np.divide(hits, calls, out=np.zeros_like(hits), where=calls > 0)
    gained = np.diff(hits, axis=1, prepend=0)
    area: Floats = (gained * precision).sum(axis=1) / hits[:, -1]
    return area
