"""Proportions at a fixed threshold: intervals, paired tests, and corrections for many tests.

Sources: Wilson 1927; Clopper & Pearson 1934; Rao & Scott 1992 and Korn & Graubard 1998 (clusters); McNemar 1947; Tango
1998; Fagerland, Lydersen & Laake 2013 (which of McNemar's tests); Obuchowski 1998; Holm 1979; Benjamini & Hochberg
1995.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, Estimate, Floats
from osteon.stats import inputs, score
from osteon.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    import pandas as pd


def wilson_ci(successes: float, n: float, *, level: float = 0.95, name: str = "proportion") -> Estimate:
    """A proportion with Wilson's (1927) score interval; sensible at 0 and n successes too.

    Args:
        successes: Number of successes; with `n` an effective sample size it need not be whole.
        n: Number of trials.
        level: Confidence level.
        name: What the proportion is.

    Raises:
        InputError: Not 0 <= successes <= n.
        NotEstimableError: No trials.

    >>> print(wilson_ci(81, 263))
    proportion 0.308 (95% CI 0.255 to 0.366)
    """
    p = _share(successes, n)
    z2 = critical(level) ** 2
    centre, half = (p + z2 / (2 * n)) / (1 + z2 / n), sqrt(z2 * p * (1 - p) / n + (z2 / (2 * n)) ** 2) / (1 + z2 / n)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(p, low, high, "Wilson 1927", round(n), sqrt(p * (1 - p) / n), level, name)


def clopper_pearson_ci(successes: float, n: float, *, level: float = 0.95, name: str = "proportion") -> Estimate:
    """A proportion with the exact interval of Clopper & Pearson (1934): coverage never below `level`.

    Args and errors as :func:`wilson_ci`.
    """
    p = _share(successes, n)
    tail = (1 - inputs.between(level, 0, 1, "level")) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return Estimate(p, low, high, "Clopper-Pearson 1934", round(n), sqrt(p * (1 - p) / n), level, name)


def _share(successes: float, n: float) -> float:
    if inputs.real(n, "n") == 0:
        raise NotEstimableError("a proportion of no cases")
    if not 0 <= inputs.real(successes, "successes") <= n < inf:
        raise InputError(f"{successes} successes of {n}", fix="Give 0 <= successes <= n.")
    return float(successes / n)


def proportion_ci(
    correct: ArrayLike,
    *,
    level: float = 0.95,
    method: str = "wilson",
    clusters: ArrayLike | None = None,
    name: str = "proportion",
) -> Estimate:
    """The share of cases that are 1, with an interval that knows of clusters.

    Args:
        correct: (n,) of 0 and 1.
        level: Confidence level.
        method: ``"wilson"`` or ``"clopper-pearson"``.
        clusters: (n,) patient of each case. The interval is then computed with the effective sample size
            n / design effect (Rao & Scott 1992), the design effect being the ratio of the between-cluster to the
            binomial variance, at least 1, and less (z / t)^2, t being Student's quantile with patients - 1 degrees of
            freedom (Korn & Graubard 1998). Where all outcomes are equal, each cluster counts once.
        name: What the proportion is.
    """
    interval = {"wilson": wilson_ci, "clopper-pearson": clopper_pearson_ci}[
        inputs.choice(method, ("wilson", "clopper-pearson"), "method")
    ]
    hit = inputs.truth(correct, name="correct", both=False)
    codes = inputs.codes(clusters, hit.size)
    if codes is None:
        return interval(int(hit.sum()), hit.size, level=level, name=name)
    p = float(hit.mean())
    effective, se = _effective_size(hit, codes)
    method = ", clustered (Rao-Scott 1992)"
    if se > 0:
        effective *= (critical(level) / critical(level, inputs.degrees(codes))) ** 2
        method += inputs.student(codes)
    found = interval(p * effective, effective, level=level, name=name)
    method = found.method + method
    return Estimate(p, found.low, found.high, method, hit.size, se, level, name)


def _effective_size(hit: inputs.Bools, codes: inputs.Ints) -> tuple[float, float]:
    """Number of independent cases that would give the between-cluster standard error, and that standard error."""
    n, units, p = hit.size, int(codes.max()) + 1, float(hit.mean())
    if p in (0.0, 1.0):
        return units, 0.0
    if units < 2:
        raise NotEstimableError("all cases are of one cluster")
    residual = np.bincount(codes, weights=hit - p)
    variance = units / (units - 1) * float(residual @ residual) / n**2
    return (min(float(n), p * (1 - p) / variance) if variance > 0 else n), sqrt(variance)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a threshold gives: calls are positive at ``score >= threshold``.

    Attributes:
        threshold: The threshold.
        sensitivity: Share of positives called positive.
        specificity: Share of negatives called negative.
        ppv: Share of positive calls that are right; None without positive calls.
        npv: Share of negative calls that are right; None without negative calls.
        accuracy: Share of right calls.
    """

    threshold: float
    sensitivity: Estimate
    specificity: Estimate
    accuracy: Estimate
    ppv: Estimate | None
    npv: Estimate | None

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return self.accuracy.method

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"at threshold {self.threshold:.3g}: {self.sensitivity}, {self.specificity}"

    def to_frame(self) -> pd.DataFrame:
        """One row a measure."""
        import pandas as pd

        measures = (self.sensitivity, self.specificity, self.accuracy, self.ppv, self.npv)
        return pd.concat([m.to_frame() for m in measures if m is not None], ignore_index=True)


def operating_point(
    y_true: ArrayLike,
    y_score: ArrayLike,
    threshold: float,
    *,
    level: float = 0.95,
    method: str = "wilson",
    clusters: ArrayLike | None = None,
) -> OperatingPoint:
    """Sensitivity, specificity, predictive values and accuracy at a threshold fixed beforehand.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        threshold: A case is called positive at ``score >= threshold``.
        level: Confidence level.
        method: ``"wilson"`` or ``"clopper-pearson"``.
        clusters: (n,) patient of each case.

    Raises:
        InputError: Missing values, unequal lengths.
        NotEstimableError: One class only.
    """
    positive = inputs.truth(y_true)
    called = inputs.reaches(inputs.scores(y_score, positive.size), inputs.real(threshold, "threshold"), y_score)
    codes = inputs.codes(clusters, positive.size)

    def share(of: inputs.Bools, hit: inputs.Bools, name: str) -> Estimate | None:
        if not of.any():
            return None
        return proportion_ci(
            hit[of], level=level, method=method, clusters=None if codes is None else codes[of], name=name
        )

    sensitivity, specificity = share(positive, called, "sensitivity"), share(~positive, ~called, "specificity")
    accuracy = share(np.ones_like(positive), positive == called, "accuracy")
    assert sensitivity is not None
    assert specificity is not None
    assert accuracy is not None
    return OperatingPoint(
        float(threshold),
        sensitivity,
        specificity,
        accuracy,
        ppv=share(called, positive, "PPV"),
        npv=share(~called, ~positive, "NPV"),
    )


def mcnemar_test(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
    name: str = "proportion",
) -> Comparison:
    """Difference a - b of two proportions on the same cases, such as two sensitivities on the positives.

    Args:
        correct_a: (n,) of 0 and 1.
        correct_b: (n,) of 0 and 1.
        level: Confidence level of the interval.
        clusters: (n,) patient of each case.
        name: What the proportions are.

    Returns:
        p value and interval of one and the same test. Without clusters McNemar's (1947) score test,
        z = (b10 - b01) / sqrt(b10 + b01), and the interval that inverts it (Tango 1998): it holds its level where the
        exact test rejects too seldom (Fagerland 2013). With clusters Student's t of the patients' differences with
        patients - 1 degrees of freedom (Obuchowski 1998); where all cases are alike, patients are the trials of the
        score test. No discordant case gives p = 1.

    Raises:
        InputError: Values other than 0 and 1, unequal lengths.
        NotEstimableError: All cases are of one cluster.
    """
    a = inputs.truth(correct_a, name="correct_a", both=False)
    b = inputs.truth(correct_b, name="correct_b", both=False)
    if a.shape != b.shape:
        raise InputError(f"{a.size} and {b.size} cases", fix="Give both readings of the same cases.")
    wide = critical(level)
    n, only_a, only_b = a.size, int(np.sum(a & ~b)), int(np.sum(b & ~a))
    difference = (only_a - only_b) / n
    codes = inputs.codes(clusters, n)
    if codes is not None:
        df = inputs.degrees(codes)
        if df < 1:
            raise NotEstimableError("all cases are of one cluster")
        residual = np.bincount(codes, weights=a.astype(float) - b - difference)
        se = sqrt((df + 1) / df * float(residual @ residual)) / n
        if se > 1e-12:
            z, half = difference / se, critical(level, df) * se
            low, high = max(-1.0, difference - half), min(1.0, difference + half)
            method = f"McNemar, clustered (Obuchowski 1998){inputs.student(codes)}"
            return Comparison(difference, low, high, se, z, two_sided(z, df), method, n, level, name, df)
        units, method = df + 1, "McNemar 1947 score over patients, interval Tango 1998 (zero variance)"
        counts = np.array([max(difference, 0.0), max(-difference, 0.0), 1 - abs(difference)]) * units
    else:
        se = sqrt(max(0.0, (only_a + only_b) / n - difference**2) / n)
        method = "McNemar 1947 score, interval Tango 1998"
        counts = np.array([only_a, only_b, n - only_a - only_b], dtype=np.float64)
    z = score.statistic(_PAIRED, counts, 0.0)
    low, high = score.limits(_PAIRED, counts, wide)
    return Comparison(difference, low, high, se, z, two_sided(z), method, n, level, name)


_PAIRED = np.array([1.0, -1.0, 0.0])  # what a pair can contribute to the difference: a only, b only, neither or both


def holm(p: ArrayLike) -> Floats:
    """Holm's (1979) step-down adjusted p values, in the order given; nan stays nan and does not count.

    >>> print(holm([0.01, 0.04, 0.03]).round(3))
    [0.03 0.06 0.06]
    """
    values = _p_values(p)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    out = np.full_like(values, np.nan)
    out[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(known.size, 0, -1)))
    return out


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Benjamini & Hochberg's (1995) adjusted p values (false discovery rate); nan stays nan and does not count."""
    values = _p_values(p)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")][::-1]
    out = np.full_like(values, np.nan)
    scaled = values[order] * (known.size / np.arange(known.size, 0, -1))
    out[order] = np.minimum(1, np.minimum.accumulate(scaled))
    return out


def _p_values(p: ArrayLike) -> Floats:
    values = np.atleast_1d(inputs.numbers(p, "p"))
    if values.ndim != 1:
        raise InputError(f"p has shape {values.shape}", fix="Give one p value a comparison, in one row.")
    if np.any((values < 0) | (values > 1)):
        raise InputError("a p value lies outside 0 to 1")
    return values
