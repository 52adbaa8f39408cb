"""AUC within strata: how often a positive is above a negative of the same stratum.

The mean of the strata's AUCs, each weighted by its pairs. Where prevalence differs between strata and a model was
fitted without each in turn, the pooled AUC punishes it for what it cannot know of a stratum that it has not seen, its
prevalence; pairs of one stratum do not.
Influences as in :mod:`osteon.stats.influences`; R's survival::concordance(y ~ score + strata(s)) gives the same value.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import NotEstimableError
from osteon.core.types import Comparison, Estimate, Floats
from osteon.stats import inputs
from osteon.stats.distributions import critical, logit_limits, two_sided
from osteon.stats.influences import covariance, influence, spread

_SOURCE = "DeLong 1988, within strata"


def stratified_auc(
    y_true: ArrayLike, y_score: ArrayLike, strata: ArrayLike, *, level: float = 0.95, clusters: ArrayLike | None = None
) -> Estimate:
    """The AUC of pairs of one stratum, with a logit interval.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        strata: (n,) stratum of each case; those of one class have no pairs and no say.
        level: Confidence level.
        clusters: (n,) patient of each case.

    Raises:
        InputError: Missing values, unequal lengths, labels other than 0 and 1.
        NotEstimableError: No stratum has cases of both classes, or there are fewer than two independent cases of one.

    >>> print(stratified_auc([0, 1, 0, 1, 0, 1, 0, 1], [1, 3, 2, 1, 7, 8, 6, 9], list("aaaabbbb")))
    AUC 0.812 (95% CI 0.254 to 0.982)
    """
    positive, codes = inputs.truth(y_true), inputs.codes(clusters, len(inputs.truth(y_true)))
    values, h = _within(positive, codes, [inputs.scores(y_score, positive.size)], strata)
    se = sqrt(max(0.0, float(covariance(h, positive, codes)[0, 0])))
    df = inputs.degrees(codes)
    low, high = logit_limits(float(values[0]), se, level, df) if se else (nan, nan)
    return Estimate(float(values[0]), low, high, _SOURCE + inputs.student(codes), positive.size, se, level, "AUC")


def stratified_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    strata: ArrayLike,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Comparison:
    """Difference a - b of two AUCs within strata on the same cases.

    Raises:
        InputError: As for :func:`stratified_auc`.
        NotEstimableError: As for :func:`stratified_auc`.
    """
    positive, codes = inputs.truth(y_true), inputs.codes(clusters, len(inputs.truth(y_true)))
    scores = [inputs.scores(score, positive.size) for score in (score_a, score_b)]
    values, h = _within(positive, codes, scores, strata)
    df, difference = inputs.degrees(codes), float(values[0] - values[1])
    se = sqrt(max(0.0, float(covariance((h[0] - h[1])[None], positive, codes)[0, 0])))
    method = f"{_SOURCE}, paired{inputs.student(codes)}"
    if not se:
        return Comparison(difference, nan, nan, 0.0, nan, nan, method, positive.size, level, df=df)
    half, z = critical(level, df) * se, difference / se
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return Comparison(difference, low, high, se, z, two_sided(z, df), method, positive.size, level, df=df)


def _within(
    positive: inputs.Bools, codes: inputs.Ints | None, scores: Sequence[Floats], strata: ArrayLike
) -> tuple[Floats, Floats]:
    """The AUCs of scores, and the cases' (k, n) influences on them."""
    stratum = np.asarray(strata)
    if stratum.shape != positive.shape:
        raise ValueError("strata must hold one stratum for each case")
    parts = [np.flatnonzero(stratum == one) for one in np.unique(stratum)]
    sizes = [(int(positive[rows].sum()), int((~positive[rows]).sum())) for rows in parts]
    able = [(rows, m * n) for rows, (m, n) in zip(parts, sizes, strict=True) if m and n]
    if not able:
        raise NotEstimableError("no stratum has cases of both classes")
    pairs = sum(weight for _, weight in able)
    values, h = np.zeros(len(scores)), np.zeros((len(scores), positive.size))
    for rows, weight in able:
        for k, score in enumerate(scores):
            value, own = influence(positive[rows], score[rows])
            values[k] += weight / pairs * value
            h[k] += weight / pairs * spread(own, rows, positive, codes)
    return values, h
