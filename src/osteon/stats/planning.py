"""How many cases a study needs: an external validation of one model, and two models on the same cases.

Sources: Riley 2021, 2024 (external validation: O/E, calibration slope, AUC, net benefit); Newcombe 2006 (variance of an
AUC); Marsh 2020 (standardised net benefit); DeLong 1988, Obuchowski & McClish 1997 (two correlated AUCs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, exp, inf, log, pi, sinh, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, expit, logit, ndtr, ndtri, polygamma

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import inputs
from osteon.stats.distributions import critical

if TYPE_CHECKING:
    import pandas as pd

#: No study is larger; what asks for more cannot be reached.
_MOST = 10**9
#: What rounding leaves of a variance that is zero.
_NO_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Target:
    """A measure, what is expected of it, and how narrow its interval shall be.

    Attributes:
        name: The measure.
        expected: Its value in the planned study.
        width: The widest that its interval may be.
        n: The fewest cases with such an interval.
        precision: Number of cases to the width of the interval.
    """

    name: str
    expected: float
    width: float
    n: int
    precision: Callable[[int], float]


@dataclass(frozen=True, slots=True)
class ValidationSize:
    """The cases that an external validation needs.

    Attributes:
        targets: One a measure.
        prevalence: Share of positive cases.
        level: Confidence level of the intervals.
        method: How it was found, with its source.
    """

    targets: tuple[Target, ...]
    prevalence: float
    level: float
    method: str

    @property
    def n(self) -> int:
        """The fewest cases for all targets."""
        return max(target.n for target in self.targets)

    @property
    def n_positive(self) -> int:
        """How many of them are positive."""
        return ceil(self.n * self.prevalence - 1e-9)

    def __str__(self) -> str:
        """As a paper prints it."""
        told = "; ".join(f"{t.name} {t.expected:.3g} +- {t.width / 2:.3g}: {t.n:,}" for t in self.targets)
        return f"{self.n:,} cases, {self.n_positive:,} of them positive ({told}; {self.method})"

    def to_frame(self, n: int | None = None) -> pd.DataFrame:
        """One row a measure; with the width that `n` cases give, if asked."""
        import pandas as pd

        rows = [
            {"measure": t.name, "expected": t.expected, "width": t.width, "n": t.n}
            | {"n_positive": ceil(t.n * self.prevalence - 1e-9), "method": self.method}
            | ({} if n is None else {"width_there": t.precision(n)})
            for t in self.targets
        ]
        return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class _Predictor:
    """What planning needs to know of the log odds that a calibrated model tells.

    Attributes:
        slope: Variance of the calibration slope times the number of cases.
        calls: Threshold probability to sensitivity and specificity.
        told: Where it comes from.
    """

    slope: float
    calls: Callable[[float], tuple[float, float]]
    told: str


def validation_sample_size(
    prevalence: float,
    auc: float,
    *,
    oe: float = 1.0,
    threshold: float | None = None,
    calls: tuple[float, float] | None = None,
    normal: tuple[float, float] | None = None,
    beta: tuple[float, float] | None = None,
    widths: tuple[float, float, float, float] = (0.2, 0.2, 0.1, 0.2),
    level: float = 0.95,
) -> ValidationSize:
    """The cases that the external validation of a calibrated model needs for intervals of chosen widths.

    Args:
        prevalence: Share of positive cases there.
        auc: The AUC expected there.
        oe: Observed over expected cases there.
        threshold: Threshold probability of net benefit; None leaves net benefit out.
        calls: Sensitivity and specificity at the threshold; None takes those of the model's distribution.
        normal: Mean and standard deviation of the model's log odds there.
        beta: The two parameters of a beta distribution of its probabilities there. Without either, log odds are normal
            in both classes with one variance, which is what AUC and prevalence determine.
        widths: Of the intervals of O/E, calibration slope, AUC and standardised net benefit.
        level: Confidence level.

    Raises:
        InputError: A share that is none, or both distributions.
        NotEstimableError: A width that no number of cases reaches.

    >>> print(validation_sample_size(0.018, 0.8, normal=(-5, 2.5), widths=(1, 0.2, 0.1, 0.2)).n)
    4554
    """
    prevalence, z = inputs.between(prevalence, 0, 1, "prevalence"), critical(level)
    area = inputs.between(auc, 0.5, 1, "auc")
    oe = inputs.between(oe, 0, inf, "oe")
    model = _predictor(prevalence, area, normal, beta)
    odds = (1 - prevalence) / prevalence
    of_ratio, of_slope, of_area, of_benefit = (inputs.between(w, 0, inf, "widths") for w in widths)
    named: list[tuple[str, float, float, Callable[[int], float]]] = [
        ("O/E", oe, of_ratio, lambda n: 2 * oe * sinh(min(z * sqrt(odds / n), 700.0))),
        ("calibration slope", 1.0, of_slope, lambda n: 2 * z * sqrt(model.slope / n)),
        ("AUC", area, of_area, lambda n: 2 * z * sqrt(_area_variance(area, prevalence, n))),
    ]
    if threshold is not None:
        at = inputs.between(threshold, 0, 1, "threshold")
        hits, rest = model.calls(at) if calls is None else (inputs.between(c, 0, 1, "calls") for c in calls)
        weight = odds * at / (1 - at)
        benefit = hits - weight * (1 - rest)
        spread = (
            hits * (1 - hits) / prevalence
            + weight**2 * rest * (1 - rest) / (1 - prevalence)
            + weight**2 * (1 - rest) ** 2 / (prevalence * (1 - prevalence))
        )
        named.append(("standardised net benefit", benefit, of_benefit, lambda n: 2 * z * sqrt(spread / n)))
    elif calls is not None:
        raise InputError("sensitivity and specificity without a threshold", fix="Give the threshold too.")
    targets = [Target(name, value, width, _fewest(f, width, name), f) for name, value, width, f in named]
    return ValidationSize(tuple(targets), prevalence, level, f"Riley 2021, 2024, log odds {model.told}")


def _area_variance(area: float, prevalence: float, n: int) -> float:
    """Newcombe's variance of an AUC, from its value and the numbers alone."""
    half = n / 2 - 1
    spread = 1 + half * (1 - area) / (2 - area) + half * area / (1 + area)
    return max(0.0, area * (1 - area) * spread / (n * n * prevalence * (1 - prevalence)))


def _fewest(precision: Callable[[int], float], width: float, name: str) -> int:
    """The fewest cases whose interval is no wider."""
    low, high = 1, 2
    while precision(high) > width:
        low, high = high, 2 * high
        if high > _MOST:
            raise NotEstimableError(f"{name}: no number of cases gives an interval of width {width:g}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if precision(middle) <= width else (middle, high)
    return high


def _predictor(
    prevalence: float, area: float, normal: tuple[float, float] | None, beta: tuple[float, float] | None
) -> _Predictor:
    """The model's log odds from what is said of them."""
    if normal is not None and beta is not None:
        raise InputError("two distributions of the model's probabilities", fix="Give normal= or beta=.")
    if normal is not None:
        mean, sd = inputs.between(normal[0], -inf, inf, "normal"), inputs.between(normal[1], 0, inf, "normal")
        return _of_normal(mean, sd)
    if beta is not None:
        a, b = (inputs.between(value, 0, inf, "beta") for value in beta)
        return _of_beta(a, b)
    return _of_area(prevalence, area)


def _of_normal(mean: float, sd: float) -> _Predictor:
    def mass(of: Callable[[float], float], low: float = -inf) -> float:
        from scipy.integrate import quad

        start = max(-12.0, (low - mean) / sd)
        found, _ = quad(lambda u: of(mean + sd * u) * exp(-u * u / 2) / sqrt(2 * pi), start, 12, limit=500)
        return float(found)

    def certain(x: float) -> float:
        p = float(expit(x))
        return p * (1 - p)

    weight = mass(certain)
    centre = mass(lambda x: x * certain(x)) / weight
    spread = mass(lambda x: (x - centre) ** 2 * certain(x)) / weight

    def calls(threshold: float) -> tuple[float, float]:
        cut = float(logit(threshold))
        positive = mass(lambda x: float(expit(x)))
        hits, alarms = mass(lambda x: float(expit(x)), cut), mass(lambda x: float(expit(-x)), cut)
        return hits / positive, 1 - alarms / (1 - positive)

    return _Predictor(1 / (weight * spread), calls, f"normal, {mean:g} (SD {sd:g})")


def _of_beta(a: float, b: float) -> _Predictor:
    weight = a * b / ((a + b) * (a + b + 1))  # the mean of p (1 - p), under which p is beta(a + 1, b + 1)
    spread = float(polygamma(1, a + 1) + polygamma(1, b + 1))
    return _Predictor(
        1 / (weight * spread),
        lambda at: (float(1 - betainc(a + 1, b, at)), float(betainc(a, b + 1, at))),
        f"of probabilities that are beta({a:g}, {b:g})",
    )


def _of_area(prevalence: float, area: float) -> _Predictor:
    """Equal variances make the log odds linear in themselves only if the classes lie that variance apart."""
    variance = 2 * float(ndtri(area)) ** 2
    if not 0 < variance < inf:
        raise NotEstimableError("an AUC of 0.5 or 1 determines no distribution of probabilities")
    sd = sqrt(variance)
    prior = log(prevalence / (1 - prevalence))
    negative, positive = prior - variance / 2, prior + variance / 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(150)
    x = np.concatenate([negative + sd * nodes, positive + sd * nodes])
    w = np.concatenate([(1 - prevalence) * weights, prevalence * weights]) / sqrt(2 * pi)
    w = w * expit(x) * expit(-x)
    centre = float(w @ x / w.sum())

    def calls(threshold: float) -> tuple[float, float]:
        cut = float(logit(threshold))
        return float(ndtr((positive - cut) / sd)), float(ndtr((cut - negative) / sd))

    return _Predictor(1 / float(w @ (x - centre) ** 2), calls, "normal in both classes")


def paired_auc_power(
    auc_a: float,
    auc_b: float,
    *,
    n_positive: float,
    n_negative: float,
    correlation: float | tuple[float, float] = 0.5,
    alpha: float = 0.05,
    variance: str = "delong",
    margin: float | None = None,
) -> float:
    """Power to find the difference of two models' AUCs on the same cases, scores normal in both classes.

    Args:
        auc_a: The AUC of one.
        auc_b: That of the other.
        n_positive: Positive cases.
        n_negative: Negative cases.
        correlation: Of the two models' scores within a class: among positives and negatives, or of both.
        alpha: Two-sided significance level.
        variance: ``"delong"``: what :func:`osteon.stats.delong_test` tests with. ``"obuchowski"``: Obuchowski & McClish
            (1997) with equal variances of the classes, as pROC plans; under the null hypothesis both have the variance
            of `auc_a`. It asks for more cases than DeLong's test needs.
        margin: Power is then to show that a is not inferior to b by more than this, one-sided at ``alpha / 2``.

    Raises:
        InputError: Areas, correlations or numbers that cannot be; an expected loss of the margin or more.
        NotEstimableError: Scores so alike that their difference has no variance.

    >>> round(paired_auc_power(0.85, 0.78, n_positive=157, n_negative=157), 2)
    0.8
    >>> round(paired_auc_power(0.85, 0.85, n_positive=157, n_negative=157, margin=0.07), 2)
    0.88
    """
    positive = inputs.between(n_positive, 0, inf, "n_positive")
    ratio = inputs.between(n_negative, 0, inf, "n_negative") / positive
    null, other = _difference_variances(auc_a, auc_b, correlation, ratio, variance)
    z = critical(1 - inputs.between(alpha, 0, 1, "alpha"))
    return float(ndtr((sqrt(positive) * _shown(auc_a, auc_b, margin) - z * sqrt(null)) / sqrt(other)))


def paired_auc_sample_size(
    auc_a: float,
    auc_b: float,
    *,
    prevalence: float,
    correlation: float | tuple[float, float] = 0.5,
    power: float = 0.8,
    alpha: float = 0.05,
    variance: str = "delong",
    margin: float | None = None,
) -> tuple[int, int]:
    """Positive and negative cases that find the difference of two models' AUCs with a power.

    Arguments as :func:`paired_auc_power`; `prevalence` is the share of positive cases.

    Raises:
        InputError: As there, or two equal areas without a margin.
        NotEstimableError: As there.

    >>> paired_auc_sample_size(0.85, 0.78, prevalence=0.5)
    (157, 157)
    """
    if auc_a == auc_b and margin is None:
        raise InputError(f"both AUCs are {auc_a:g}: there is no difference to find", fix="Give the one to be found.")
    share = inputs.between(prevalence, 0, 1, "prevalence")
    null, other = _difference_variances(auc_a, auc_b, correlation, (1 - share) / share, variance)
    z, reach = critical(1 - inputs.between(alpha, 0, 1, "alpha")), float(ndtri(inputs.between(power, 0, 1, "power")))
    positive = ((z * sqrt(null) + reach * sqrt(other)) / _shown(auc_a, auc_b, margin)) ** 2
    return ceil(positive), ceil(positive * (1 - share) / share)


def _shown(auc_a: float, auc_b: float, margin: float | None) -> float:
    """What a test has to tell from nothing: the difference, or how far it lies above the loss that is accepted."""
    if margin is None:
        return abs(auc_a - auc_b)
    room = auc_a - auc_b + inputs.between(margin, 0, 0.5, "margin")
    if room <= 0:
        raise InputError(
            f"an expected difference of {auc_a - auc_b:g} is no better than the margin of {margin:g}",
            fix="Expect more of the first model, or leave the claim.",
        )
    return room


def _difference_variances(
    auc_a: float, auc_b: float, correlation: float | tuple[float, float], ratio: float, variance: str
) -> tuple[float, float]:
    """Variances of the difference times the positive cases, under the null hypothesis and as expected.

    Args:
        auc_a: One area.
        auc_b: The other.
        correlation: Among positives and negatives, or of both.
        ratio: Negative cases to positive ones.
        variance: As in :func:`paired_auc_power`.
    """
    a, b = (sqrt(2) * float(ndtri(inputs.between(area, 0, 1, "auc"))) for area in (auc_a, auc_b))
    among = correlation if isinstance(correlation, tuple) else (correlation, correlation)
    r, s = (inputs.between(each, -1, 1, "correlation") for each in among)
    covariance = {"delong": _placements, "obuchowski": _binormal}[
        inputs.choice(variance, ("delong", "obuchowski"), "variance")
    ]
    of_a, of_b, shared = covariance(a, a, 1, 1, ratio), covariance(b, b, 1, 1, ratio), covariance(a, b, r, s, ratio)
    other = of_a + of_b - 2 * shared
    null = other if variance == "delong" else 2 * (of_a - shared)
    if min(null, other) < _NO_VARIANCE:
        raise NotEstimableError("scores so alike leave the difference no variance")
    return null, other


def _placements(a: float, b: float, positive: float, negative: float, ratio: float) -> float:
    """Covariance of two AUCs, times the positive cases, from the placements that DeLong's has.

    Args:
        a: Separation of the classes in one score.
        b: In the other.
        positive: Correlation of the scores among positives.
        negative: Among negatives.
        ratio: Negative cases to positive ones.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def shared(r: float) -> float:
        one, other = ndtr(a + nodes), ndtr((b + r * nodes) / sqrt(2 - r * r))
        return float(weights @ (one * other) - (weights @ one) * ndtr(b / sqrt(2)))

    return shared(positive) + shared(negative) / ratio


def _binormal(a: float, b: float, positive: float, negative: float, ratio: float) -> float:
    """The same for areas under fitted binormal curves; an area's own variance without its parameters' covariance."""

    def slopes(x: float) -> tuple[float, float]:
        height = exp(-x * x / 4) / sqrt(4 * pi)  # the area's derivatives in the two parameters
        return height, -height * x / 2

    (f, g), (h, k) = slopes(a), slopes(b)
    shared = f * h * (positive + negative / ratio + positive**2 * a * b / 2)
    shared += g * k * (negative**2 + ratio * positive**2) / (2 * ratio)
    itself = a == b and positive == negative == 1
    return shared if itself else shared + positive**2 / 2 * (f * k * a + h * g * b)
