"""Whether a model would do more good than harm at a threshold, and reclassification measures.

Sources: Vickers & Elkin 2006 (net benefit, decision curves); Marsh 2020 and Sande 2020 (its standard error); Wilson
1927 and Tango 1998 (score intervals, :mod:`osteon.stats.score`); Rao & Scott 1992 (clusters); Vickers 2008
(comparison, interventions avoided); Kerr 2016 (standardised); Pencina 2008, 2011 (NRI, IDI); Hilden & Gerds 2014 and
Pepe 2015 (why they are secondary).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, Estimate, Floats
from osteon.stats import inputs, score
from osteon.stats.calibration import mean_variance
from osteon.stats.distributions import critical, two_sided
from osteon.stats.influences import covariance

if TYPE_CHECKING:
    import pandas as pd


_BENEFITS = ("net_benefit", "low", "high", "treat_all", "treat_all_low", "treat_all_high")


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCurve:
    """Net benefit by threshold probability.

    Attributes:
        thresholds: (k,) threshold probabilities.
        net_benefit: (k,) true positives minus weighted false positives, a case.
        low: (k,) lower limits.
        high: (k,) upper limits.
        treat_all: (k,) net benefit of calling every case positive; treating none has 0.
        treat_all_low: (k,) its lower limits.
        treat_all_high: (k,) its upper limits.
        n: Number of cases.
        level: Confidence level of the pointwise limits.
        method: How the limits were made.
    """

    thresholds: Floats
    net_benefit: Floats
    low: Floats
    high: Floats
    treat_all: Floats
    treat_all_low: Floats
    treat_all_high: Floats
    n: int
    level: float
    method: str

    def __str__(self) -> str:
        """Where the model beats both simple policies."""
        better = self.thresholds[self.net_benefit > np.maximum(self.treat_all, 0)]
        if not better.size:
            return f"no net benefit over treating all or none in {self.n} cases"
        return (
            f"net benefit above treating all and none at {better.size} of {self.thresholds.size} thresholds "
            f"between {better[0]:.2f} and {better[-1]:.2f}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a threshold."""
        import pandas as pd

        return pd.DataFrame({"threshold": self.thresholds} | {name: getattr(self, name) for name in _BENEFITS})

    def standardised(self) -> DecisionCurve:
        """Net benefit as a share of the greatest possible, that of perfect calls: the prevalence (Kerr 2016).

        The prevalence is taken as known: limits are divided by it, too.
        """
        odds = self.thresholds / (1 - self.thresholds)
        prevalence = (self.treat_all + odds) / (1 + odds)
        if not (prevalence > 0).all():
            raise NotEstimableError("there is no positive case: no net benefit is possible")
        shares = {name: getattr(self, name) / prevalence for name in _BENEFITS}
        return replace(self, **shares, method=f"{self.method}, standardised (Kerr 2016)")


@dataclass(frozen=True, slots=True, eq=False)
class Avoided:
    """Interventions that a model avoids, beside intervening in every case, without missing more positives on balance.

    Attributes:
        thresholds: (k,) threshold probabilities.
        avoided: (k,) net share of the cases that are spared; negative where intervening in all is better.
        low: (k,) lower limits.
        high: (k,) upper limits.
        n: Number of cases.
        level: Confidence level of the pointwise limits.
        method: How it was made.
    """

    thresholds: Floats
    avoided: Floats
    low: Floats
    high: Floats
    n: int
    level: float
    method: str

    def __str__(self) -> str:
        """The most that is avoided, of 100 cases."""
        best = int(np.argmax(self.avoided))
        value, threshold = 100 * self.avoided[best], self.thresholds[best]
        return (
            f"{value:.1f} interventions avoided in 100 cases at threshold {threshold:.2f} "
            f"({self.level:.0%} CI {100 * self.low[best]:.1f} to {100 * self.high[best]:.1f})"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a threshold."""
        import pandas as pd

        columns = {"avoided": self.avoided, "low": self.low, "high": self.high}
        return pd.DataFrame({"threshold": self.thresholds} | columns)


def interventions_avoided(
    y_true: ArrayLike,
    probability: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Avoided:
    """Net reduction in interventions: net benefit over intervening in all, divided by the threshold's odds.

    Arguments and errors as :func:`net_benefit`; the interval is of the difference itself, paired by case.

    >>> print(interventions_avoided([1] * 10 + [0] * 90, [0.9] * 9 + [0.1] * 91, [0.2]))
    86.0 interventions avoided in 100 cases at threshold 0.20 (95% CI 63.9 to 92.8)
    """
    positive = inputs.truth(y_true, both=False)
    p = inputs.probabilities(probability, positive.size)
    codes = inputs.codes(clusters, p.size)
    at = _thresholds(np.arange(1, 100) / 100 if thresholds is None else thresholds)
    wide = critical(level, inputs.degrees(codes))
    found = []
    for t in at.tolist():
        missed = -(1 - t) / t
        spared = np.where(inputs.reaches(p, t, probability), 0.0, np.where(positive, missed, 1.0))
        found.append(_Mean(spared, (1.0, 0.0, missed), codes).interval(wide))
    value, low, high = np.array(found).T
    return Avoided(at, value, low, high, p.size, level, f"Vickers 2008, {_source(codes)}")


def net_benefit(
    y_true: ArrayLike,
    probability: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> DecisionCurve:
    """Net benefit with pointwise intervals at one or more threshold probabilities.

    Args:
        y_true: (n,) of 0 and 1; all of one class is allowed.
        probability: (n,) predicted probabilities; a case is treated at ``probability >= threshold``.
        thresholds: (k,) strictly between 0 and 1; default 0.01 to 0.99 in steps of 0.01. Probabilities and thresholds
            that miss a decimal by rounding alone are taken for that decimal.
        level: Confidence level.
        clusters: (n,) patient of each case; then the effective number of cases (Rao & Scott 1992) and Student's t with
            patients - 1 degrees of freedom.

    Raises:
        InputError: Missing values, unequal lengths, thresholds or probabilities out of range.

    >>> curve = net_benefit([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], [0.5])
    >>> float(curve.net_benefit[0])
    0.0
    """
    positive = inputs.truth(y_true, both=False)
    p = inputs.probabilities(probability, positive.size)
    codes = inputs.codes(clusters, p.size)
    at = _thresholds(np.arange(1, 100) / 100 if thresholds is None else thresholds)
    wide = critical(level, inputs.degrees(codes))
    model = []
    for t in at.tolist():
        each = _benefits(positive, inputs.reaches(p, t, probability), t)
        model.append(_Mean(each, (1.0, 0.0, -t / (1 - t)), codes).interval(wide))
    value, low, high = np.array(model).T
    odds, prevalence = at / (1 - at), _Mean(positive.astype(float), (0.0, 1.0), codes).interval(wide)
    # Treating all is worth prevalence - (1 - prevalence) odds.
    every, every_low, every_high = (share * (1 + odds) - odds for share in prevalence)
    return DecisionCurve(at, value, low, high, every, every_low, every_high, p.size, level, _source(codes))


def net_benefit_difference(
    y_true: ArrayLike,
    probability_a: ArrayLike,
    probability_b: ArrayLike,
    threshold: float,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Comparison:
    """Difference a - b in net benefit at one threshold, paired by case; p and interval are of one score test.

    Arguments and errors as :func:`net_benefit`.
    """
    positive = inputs.truth(y_true, both=False)
    t = float(_thresholds(inputs.between(threshold, 0, 1, "threshold"))[0])
    treated = [
        inputs.reaches(inputs.probabilities(given, positive.size, name=name), t, given)
        for given, name in ((probability_a, "probability_a"), (probability_b, "probability_b"))
    ]
    delta = _benefits(positive, treated[0], t) - _benefits(positive, treated[1], t)
    codes = inputs.codes(clusters, positive.size)
    harm, df = t / (1 - t), inputs.degrees(codes)
    found = _Mean(delta, (1.0, -1.0, harm, -harm, 0.0), codes)
    difference, low, high = found.interval(critical(level, df))
    z = found.statistic()
    method = f"Vickers 2008, paired, {_source(codes)}"
    name = f"net benefit at {threshold:g}"
    return Comparison(difference, low, high, found.se, z, two_sided(z, df), method, positive.size, level, name, df)


def _source(codes: inputs.Ints | None) -> str:
    if codes is None:
        return "score (Wilson 1927, Tango 1998)"
    return f"score (Wilson 1927, Tango 1998), clustered (Rao-Scott 1992){inputs.student(codes)}"


class _Mean:
    """The mean of what the cases bring, by its score test with the effective number of cases.

    Args:
        each: (n,) what each case brings, one of `values`.
        values: All that a case can bring.
        codes: (n,) patients, or None.

    Raises:
        NotEstimableError: All cases are of one patient.
    """

    def __init__(self, each: Floats, values: tuple[float, ...], codes: inputs.Ints | None) -> None:
        self._values = np.unique(values)
        counts = np.bincount(np.searchsorted(self._values, each), minlength=self._values.size)
        self.value = float(each.mean())
        residual = each - self.value
        self.se = sqrt(mean_variance(residual, codes))
        self._counts = counts.astype(np.float64)
        if codes is not None:
            # Where all cases are alike, each patient counts once.
            simple, spread = float(residual @ residual) / each.size**2, self.se**2
            self._counts *= simple / spread if spread > 1e-24 else (float(codes.max()) + 1) / each.size

    def interval(self, wide: float) -> tuple[float, float, float]:
        """Value and limits; `wide` is the quantile."""
        return self.value, *score.limits(self._values, self._counts, wide)

    def statistic(self) -> float:
        """The score statistic of a mean of 0."""
        return score.statistic(self._values, self._counts, 0.0)


def _benefits(positive: inputs.Bools, treated: inputs.Bools, threshold: float) -> Floats:
    """Each case's share of the net benefit: 1 for a hit, minus the odds for a false alarm."""
    return np.where(treated, np.where(positive, 1.0, -threshold / (1 - threshold)), 0.0)


def _thresholds(thresholds: ArrayLike) -> Floats:
    at = inputs.decimal(np.atleast_1d(inputs.numbers(thresholds, "thresholds")))
    if at.ndim != 1:
        raise InputError(f"thresholds has shape {at.shape}", fix="Give them in one row.")
    if at.size == 0:
        raise InputError("there is no threshold", fix="Give one or more.")
    if not np.all((at > 0) & (at < 1)):
        raise InputError("a threshold probability lies outside 0 to 1", fix="Give thresholds between 0 and 1.")
    return at


@dataclass(frozen=True, slots=True)
class Reclassification:
    """Net reclassification and integrated discrimination of new minus old.

    These are secondary measures: they can be positive for a useless addition and depend on calibration (Hilden & Gerds
    2014, Pepe 2015). Judge a model by AUC, calibration and net benefit.

    Attributes:
        nri: Net reclassification improvement, the sum of the two below.
        events: Net share of events that move up.
        nonevents: Net share of non-events that move down.
        idi: Integrated discrimination improvement.
        secondary: Always True.
    """

    nri: Estimate
    events: Estimate
    nonevents: Estimate
    idi: Estimate
    secondary: bool = True

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return f"{self.nri.method}; {self.idi.method}"

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"{self.nri}; {self.idi} (secondary measures)"

    def to_frame(self) -> pd.DataFrame:
        """One row a measure."""
        import pandas as pd

        rows = (self.nri, self.events, self.nonevents, self.idi)
        return pd.concat([row.to_frame() for row in rows], ignore_index=True).assign(secondary=True)


def net_reclassification(
    y_true: ArrayLike,
    probability_old: ArrayLike,
    probability_new: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Reclassification:
    """NRI and IDI of a new model over an old one, marked as secondary.

    Args:
        y_true: (n,) of 0 and 1.
        probability_old: (n,) probabilities of the old model.
        probability_new: (n,) probabilities of the new model.
        thresholds: Limits of risk categories; None gives the category-free NRI.
        level: Confidence level.
        clusters: (n,) patient of each case.

    Raises:
        InputError: Missing values, unequal lengths, thresholds or probabilities out of range.
        NotEstimableError: Fewer than two independent cases of a class.
    """
    positive = inputs.truth(y_true)
    old = inputs.probabilities(probability_old, positive.size, name="probability_old")
    new = inputs.probabilities(probability_new, positive.size, name="probability_new")
    codes = inputs.codes(clusters, positive.size)
    if thresholds is None:
        move, kind = np.sign(new - old), "category-free (Pencina 2011)"
    else:
        limits = _thresholds(thresholds)
        new_category, old_category = (
            sum(inputs.reaches(p, limit, given).astype(int) for limit in limits.tolist())
            for p, given in ((new, probability_new), (old, probability_old))
        )
        move = np.sign(np.subtract(new_category, old_category)).astype(np.float64)
        kind = "categories (Pencina 2008)"
    z, n = critical(level, inputs.degrees(codes)), positive.size

    def contrast(value: Floats, weights: tuple[float, float], name: str, method: str) -> Estimate:
        """Weighted sum of the means over events and over non-events."""
        total, influence = 0.0, np.zeros(n)
        for weight, among in zip(weights, (positive, ~positive), strict=True):
            mean = float(value[among].mean())
            total += weight * mean
            influence[among] = weight * (value[among] - mean) / among.sum()
        se = sqrt(max(0.0, float(covariance(influence[None], positive, codes)[0, 0])))
        return Estimate(total, total - z * se, total + z * se, f"{method}, secondary", n, se, level, name)

    return Reclassification(
        nri=contrast(move, (1, -1), "NRI", kind),
        events=contrast(move, (1, 0), "NRI events", kind),
        nonevents=contrast(move, (0, -1), "NRI non-events", kind),
        idi=contrast(new - old, (1, -1), "IDI", "Pencina 2008"),
    )
