"""How far predicted probabilities can be taken at their word.

Sources: Cox 1958 and Miller 1993 (intercept and slope); Van Calster 2016, 2019 (smooth curve, levels of calibration);
Harrell 2015 (restricted cubic splines); Austin & Steyerberg 2019 (ICI); Brier 1950 and Murphy 1973; Naeini 2015 (ECE).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.stats import inputs, logistic
from osteon.stats.distributions import critical

if TYPE_CHECKING:
    import pandas as pd

_QUANTILES = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationCurve:
    """Observed against predicted risk, smooth, with a pointwise band.

    Attributes:
        predicted: (k,) ascending probabilities, from the 1st to the 99th percentile of the predictions.
        observed: (k,) estimated event rates.
        low: (k,) lower limits.
        high: (k,) upper limits.
        level: Confidence level of the band.
        method: How the curve was made.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    level: float
    method: str

    def __str__(self) -> str:
        """Range and method."""
        return f"calibration curve from {self.predicted[0]:.2f} to {self.predicted[-1]:.2f} ({self.method})"

    def to_frame(self) -> pd.DataFrame:
        """One row a point."""
        import pandas as pd

        return pd.DataFrame(
            {"predicted": self.predicted, "observed": self.observed, "low": self.low, "high": self.high}
        )


@dataclass(frozen=True, slots=True)
class Brier:
    """The Brier score and Murphy's (1973) decomposition over bins.

    score = reliability - resolution + uncertainty + within

    Attributes:
        score: Mean squared difference of probability and outcome, with a normal interval over cases or clusters.
        scaled: 1 - score / uncertainty: 0 for the prevalence as prediction, 1 for perfection.
        reliability: Mean squared distance of the bins' mean prediction from their event rate; 0 is best.
        resolution: Variance of the bins' event rates; larger is better.
        uncertainty: prevalence (1 - prevalence).
        within: What the binning itself leaves (Stephenson 2008); 0 when every bin holds one distinct prediction.
    """

    score: Estimate
    scaled: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return f"{self.score.method}; decomposition Murphy 1973"

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"{self.score}; scaled {self.scaled:.3f}"

    def to_frame(self) -> pd.DataFrame:
        """One row: the score's estimate and the parts."""
        parts = {k: getattr(self, k) for k in ("scaled", "reliability", "resolution", "uncertainty", "within")}
        return self.score.to_frame().assign(**parts)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Agreement of predicted probabilities with outcomes.

    Attributes:
        intercept: Calibration in the large: 0 is ideal, negative where risks are overestimated on average.
        slope: Calibration slope: 1 is ideal, below 1 where predictions are too extreme.
        observed_expected: Ratio of observed to expected events.
        curve: Smooth calibration curve.
        ece: Expected calibration error over bins of equal count.
        ici: Integrated calibration index: mean distance of the smooth curve from the diagonal.
        brier: Brier score and parts.
        n: Number of cases.
    """

    intercept: Estimate
    slope: Estimate
    observed_expected: Estimate
    curve: CalibrationCurve
    ece: float
    ici: float
    brier: Brier
    n: int

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return f"{self.slope.method}; curve: {self.curve.method}"

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"{self.intercept}; {self.slope}; Brier score {self.brier.score.value:.3f}; ECE {self.ece:.3f}"

    def to_frame(self) -> pd.DataFrame:
        """One row a measure; measures without an interval have nan limits."""
        import pandas as pd

        bare = [
            Estimate(v, np.nan, np.nan, m, self.n, name=k)
            for k, v, m in (
                ("ECE", self.ece, "Naeini 2015, equal counts"),
                ("ICI", self.ici, "Austin & Steyerberg 2019"),
            )
        ]
        rows = [self.intercept, self.slope, self.observed_expected, self.brier.score, *bare]
        return pd.concat([row.to_frame() for row in rows], ignore_index=True)


def calibration(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
    bins: int = 10,
    knots: int = 3,
    points: int = 101,
) -> Calibration:
    """Calibration intercept, slope, smooth curve with band, ECE and Brier score.

    Args:
        y_true: (n,) of 0 and 1.
        probability: (n,) predicted probabilities; 0 and 1 are moved in by 1e-6 for the logit.
        level: Confidence level.
        clusters: (n,) patient of each case; then cluster-robust (sandwich) variances, and Student's t with patients - 1
            degrees of freedom.
        bins: Number of bins of equal count for ECE and the Brier score's parts.
        knots: Knots of the restricted cubic spline: 3, 4 or 5.
        points: Points of the curve.

    Returns:
        The intercept is estimated with the slope fixed at 1, the slope with a free intercept.

    Raises:
        InputError: Missing values, unequal lengths, probabilities outside 0 to 1.
        NotEstimableError: One class only, constant predictions, or predictions that separate the classes.
    """
    positive = inputs.truth(y_true)
    p = inputs.probabilities(probability, positive.size)
    codes = inputs.codes(clusters, positive.size)
    z, one = logistic.logits(p), np.ones((p.size, 1))
    if np.ptp(z) == 0:
        raise NotEstimableError("all predictions are equal: no calibration slope or curve")
    wide, n = critical(level, inputs.degrees(codes)), p.size
    source = "logistic recalibration (Cox 1958)"
    if codes is not None:
        source += f", cluster-robust{inputs.student(codes)}"

    def wald(value: float, variance: float, name: str) -> Estimate:
        se = sqrt(variance)
        return Estimate(value, value - wide * se, value + wide * se, source, n, se, level, name)

    large, large_cov = logistic.fit(one, positive, offset=z, codes=codes)
    line, line_cov = logistic.fit(np.column_stack([one, z]), positive, codes=codes)
    curve, ici = _smooth(positive, z, codes, level, knots, points)
    return Calibration(
        intercept=wald(float(large[0]), float(large_cov[0, 0]), "calibration intercept"),
        slope=wald(float(line[1]), float(line_cov[1, 1]), "calibration slope"),
        observed_expected=_observed_expected(positive, p, codes, level),
        curve=curve,
        ece=expected_calibration_error(positive, p, bins=bins),
        ici=ici,
        brier=brier(positive, p, bins=bins, clusters=codes, level=level),
        n=n,
    )


def _observed_expected(positive: inputs.Bools, p: Floats, codes: inputs.Ints | None, level: float) -> Estimate:
    """O/E with a delta-method interval on the log scale, both numbers random."""
    observed, expected = float(positive.sum()), float(p.sum())
    if expected == 0:
        raise NotEstimableError("no events are expected")
    ratio = observed / expected
    se_log = sqrt(mean_variance(positive - ratio * p, codes)) * p.size / observed
    factor = float(np.exp(critical(level, inputs.degrees(codes)) * se_log))
    method = "delta method, log scale (Debray 2017)" + inputs.student(codes)
    return Estimate(ratio, ratio / factor, ratio * factor, method, p.size, ratio * se_log, level, "observed/expected")


def _smooth(
    positive: inputs.Bools, z: Floats, codes: inputs.Ints | None, level: float, knots: int, points: int
) -> tuple[CalibrationCurve, float]:
    if knots not in _QUANTILES:
        raise InputError(f"knots is {knots}", fix="Give 3, 4 or 5.")
    inputs.count(points, 2, "points")
    where = np.unique(np.quantile(z, _QUANTILES[knots]))
    method = f"logistic regression on a restricted cubic spline, {where.size} knots (Harrell 2015)"
    if where.size < 3 or np.unique(z).size <= where.size:
        where, method = np.empty(0), "logistic regression, linear (too few distinct predictions for a spline)"
    grid = np.linspace(expit(np.quantile(z, 0.01)), expit(np.quantile(z, 0.99)), points)
    beta, cov = logistic.fit(_spline(z, where), positive, codes=codes)
    basis = _spline(logit(grid), where)
    centre = basis @ beta
    half = critical(level, inputs.degrees(codes)) * np.sqrt(np.einsum("ij,jk,ik->i", basis, cov, basis))
    curve = CalibrationCurve(grid, expit(centre), expit(centre - half), expit(centre + half), level, method)
    return curve, float(np.mean(np.abs(expit(_spline(z, where) @ beta) - expit(z))))


def _spline(x: Floats, knots: Floats) -> Floats:
    """Harrell's restricted cubic spline basis, (n, knots): constant, linear, and knots - 2 cubics."""
    columns = [np.ones_like(x), x]
    if knots.size:
        last, before, scale = knots[-1], knots[-2], (knots[-1] - knots[0]) ** 2
        for knot in knots[:-2]:
            cubic = np.clip(x - knot, 0, None) ** 3
            cubic = cubic - np.clip(x - before, 0, None) ** 3 * (last - knot) / (last - before)
            columns.append((cubic + np.clip(x - last, 0, None) ** 3 * (before - knot) / (last - before)) / scale)
    return np.column_stack(columns)


def brier(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    bins: int = 10,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Brier:
    """Brier score with an interval, and its decomposition over bins of equal count.

    Raises:
        InputError: Missing values, unequal lengths, probabilities outside 0 to 1.
        NotEstimableError: One class only.
    """
    positive = inputs.truth(y_true)
    p = inputs.probabilities(probability, positive.size)
    loss = (p - positive) ** 2
    value, prevalence = float(loss.mean()), float(positive.mean())
    codes = inputs.codes(clusters, p.size)
    se = sqrt(mean_variance(loss - value, codes))
    half = critical(level, inputs.degrees(codes)) * se
    count, predicted, observed = _binned(positive, p, bins)
    share, uncertainty = count / p.size, prevalence * (1 - prevalence)
    reliability = float(share @ (predicted - observed) ** 2)
    resolution = float(share @ (observed - prevalence) ** 2)
    method = "normal, over cases" if codes is None else f"mean{inputs.student(codes)}"
    return Brier(
        score=Estimate(value, max(0.0, value - half), min(1.0, value + half), method, p.size, se, level, "Brier score"),
        scaled=1 - value / uncertainty,
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within=value - (reliability - resolution + uncertainty),
    )


def expected_calibration_error(y_true: ArrayLike, probability: ArrayLike, *, bins: int = 10) -> float:
    """Mean distance of mean prediction and event rate over bins of equal count, ties kept together.

    It depends on the binning and is positive even for a perfect model: a description, not a test.
    """
    positive = inputs.truth(y_true)
    p = inputs.probabilities(probability, positive.size)
    count, predicted, observed = _binned(positive, p, bins)
    return float(count @ np.abs(predicted - observed) / p.size)


def _binned(positive: inputs.Bools, p: Floats, bins: int) -> tuple[Floats, Floats, Floats]:
    """Count, mean prediction and event rate of each non-empty bin between the quantiles of the predictions."""
    inputs.count(bins, 1, "bins")
    edges = np.unique(np.quantile(p, np.arange(1, bins) / bins))
    which = np.searchsorted(edges, p, side="left")
    count = np.bincount(which).astype(np.float64)
    full = count > 0
    sums = (np.bincount(which, weights=p), np.bincount(which, weights=positive))
    return count[full], sums[0][full] / count[full], sums[1][full] / count[full]


def mean_variance(residual: Floats, codes: inputs.Ints | None) -> float:
    """Variance of a mean from its residuals, over cases or clusters."""
    summed = residual if codes is None else np.bincount(codes, weights=residual)
    if summed.size < 2:
        raise NotEstimableError("all cases are of one cluster")
    return float(summed @ summed) * summed.size / (summed.size - 1) / residual.size**2
