"""Likelihood ratios, the diagnostic odds ratio, and predictive values at another prevalence.

Sources: Simel, Samsa & Matchar 1991 (intervals of likelihood ratios); Glas 2003 (diagnostic odds ratio); Haldane 1956
(half a case in an empty table); Mercaldo, Lau & Zhou 2007 (predictive values on the logit scale).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.distributions import critical
from osteon.stats.influences import covariance

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class LikelihoodRatios:
    """How far a call moves the odds of the diagnosis.

    Attributes:
        positive: LR+: how much likelier a positive call is among positives than among negatives.
        negative: LR-: the same of a negative call.
        odds_ratio: Diagnostic odds ratio, LR+ / LR-.
    """

    positive: Estimate
    negative: Estimate
    odds_ratio: Estimate

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return self.positive.method

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"{self.positive}; {self.negative}; {self.odds_ratio}"

    def to_frame(self) -> pd.DataFrame:
        """One row a ratio."""
        import pandas as pd

        return pd.concat([one.to_frame() for one in (self.positive, self.negative, self.odds_ratio)], ignore_index=True)

    def predictive_values(self, prevalence: float) -> tuple[Estimate, Estimate]:
        """Positive and negative predictive value where the diagnosis is as frequent as said.

        The prevalence is taken as known; the limits are those of the likelihood ratio, whose logarithm is what moves
        the prior log odds (Mercaldo, Lau & Zhou 2007).

        Args:
            prevalence: Strictly between 0 and 1.

        >>> right = [1] * 90 + [0] * 10 + [1] * 20 + [0] * 180
        >>> ratios = likelihood_ratios([1] * 100 + [0] * 200, right, 0.5)
        >>> print(*ratios.predictive_values(0.1), sep="; ")
        PPV at prevalence 0.1 0.500 (95% CI 0.396 to 0.604); NPV at prevalence 0.1 0.988 (95% CI 0.978 to 0.993)
        """
        prior = float(logit(inputs.between(prevalence, 0, 1, "prevalence")))
        return (
            self._posterior(self.positive, prior, f"PPV at prevalence {prevalence:g}"),
            self._posterior(self.negative, prior, f"NPV at prevalence {prevalence:g}", negative=True),
        )

    def _posterior(self, ratio: Estimate, prior: float, name: str, *, negative: bool = False) -> Estimate:
        value, low, high = (float(expit(prior + log(x))) for x in (ratio.value, ratio.low, ratio.high))
        if negative:
            value, low, high = 1 - value, 1 - high, 1 - low
        se = ratio.se / ratio.value * value * (1 - value)
        return Estimate(value, low, high, f"{ratio.method}, Mercaldo 2007", ratio.n, se, ratio.level, name)


def likelihood_ratios(
    y_true: ArrayLike,
    y_score: ArrayLike,
    threshold: float,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> LikelihoodRatios:
    """LR+, LR- and the diagnostic odds ratio of calls at ``score >= threshold``, with intervals on the log scale.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        threshold: Scores at or above it are positive calls.
        level: Confidence level.
        clusters: (n,) patient of each case; then the variances are those of sums over patients, and the quantile is
            Student's with patients - 1 degrees of freedom.

    Returns:
        The ratios. Where one of the four counts is 0, half a case is added to each (Haldane 1956), and `method` says
        so.

    Raises:
        InputError: Missing values, unequal lengths.
        NotEstimableError: One class only.

    >>> found = likelihood_ratios([1] * 100 + [0] * 200, [1] * 90 + [0] * 10 + [1] * 20 + [0] * 180, 0.5)
    >>> print(found.positive)
    LR+ 9.000 (95% CI 5.908 to 13.710)
    """
    positive = inputs.truth(y_true)
    called = inputs.reaches(inputs.scores(y_score, positive.size), inputs.real(threshold, "threshold"), y_score)
    codes = inputs.codes(clusters, positive.size)
    wide = critical(level, inputs.degrees(codes))
    counts = np.array([[np.sum(called & positive), np.sum(~called & positive)],
                       [np.sum(called & ~positive), np.sum(~called & ~positive)]], dtype=np.float64)  # fmt: skip
    empty = bool((counts == 0).any())
    counts += 0.5 * empty
    (hits, misses), (alarms, passes) = counts
    method = "log scale (Simel 1991)" + ", half a case added to each count (Haldane 1956)" * empty
    if codes is not None:
        method += f", clustered{inputs.student(codes)}"

    def ratio(value: float, sides: tuple[float, ...], name: str) -> Estimate:
        """A ratio whose logarithm is the weighted sum of those of the four shares, in the order of the counts."""
        se = _log_se(counts, sides) if codes is None else _clustered(positive, called, codes, counts, sides)
        low, high = value * exp(-wide * se), value * exp(wide * se)
        return Estimate(value, low, high, method, positive.size, value * se, level, name)

    among, others = hits + misses, alarms + passes
    return LikelihoodRatios(
        ratio((hits / among) / (alarms / others), (1, 0, -1, 0), "LR+"),
        ratio((misses / among) / (passes / others), (0, 1, 0, -1), "LR-"),
        ratio(hits * passes / (misses * alarms), (1, -1, -1, 1), "diagnostic odds ratio"),
    )


def _log_se(counts: Floats, sides: tuple[float, ...]) -> float:
    """Delta-method standard error of a sum of logarithms of shares, cases independent."""
    weights, totals = np.reshape(sides, (2, 2)), counts.sum(axis=1)
    within = (weights**2 / counts).sum(axis=1) - weights.sum(axis=1) ** 2 / totals
    return sqrt(float(within.sum()))


def _clustered(
    positive: inputs.Bools, called: inputs.Bools, codes: inputs.Ints, counts: Floats, sides: tuple[float, ...]
) -> float:
    """The same from each case's influence on the logarithm, summed within patients."""
    weights, totals = np.reshape(sides, (2, 2)), counts.sum(axis=1)
    row = np.where(positive, 0, 1)
    influence = weights[row, np.where(called, 0, 1)] / counts[row, np.where(called, 0, 1)]
    influence = influence - weights.sum(axis=1)[row] / totals[row]
    return sqrt(max(0.0, float(covariance(influence[None], positive, codes)[0, 0])))
