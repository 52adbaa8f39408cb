"""Random-effects pooling of an estimate over centres.

Sources: DerSimonian & Laird 1986; Viechtbauer 2005 (REML); Hartung & Knapp 2001, Sidik & Jonkman 2002; Higgins &
Thompson 2002 (I2); Roever, Knapp & Friede 2015 (no narrower than the model); Higgins 2009 and Riley 2011 (prediction
interval); Snell 2018 (AUCs on the logit scale).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.distributions import chi_square_tail, critical

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Pooled:
    """A value pooled over centres and how much the centres differ.

    Attributes:
        estimate: The mean over the population of centres.
        prediction_low: Lower limit of what a new centre may show.
        prediction_high: Upper limit; nan with fewer than three centres.
        tau2: Between-centre variance (on the scale of pooling).
        i2: Share of the variation that is due to differences between centres.
        q: Cochran's statistic.
        p_heterogeneity: p value of `q`.
        weights: Share of each centre in the mean.
        scale: ``"identity"`` or ``"logit"``.
    """

    estimate: Estimate
    prediction_low: float
    prediction_high: float
    tau2: float
    i2: float
    q: float
    p_heterogeneity: float
    weights: tuple[float, ...]
    scale: str

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return self.estimate.method

    def __str__(self) -> str:
        """As a paper prints it."""
        prediction = (
            f"; prediction interval {self.prediction_low:.3f} to {self.prediction_high:.3f}"
            if isfinite(self.prediction_low)
            else ""
        )
        return f"{self.estimate}; I2 {self.i2:.0%}, tau2 {self.tau2:.4f}{prediction}"

    def to_frame(self) -> pd.DataFrame:
        """One row: the estimate's attributes and the heterogeneity."""
        names = ("prediction_low", "prediction_high", "tau2", "i2", "q", "p_heterogeneity", "scale")
        return self.estimate.to_frame().assign(**{name: getattr(self, name) for name in names})


def pool(
    estimates: Sequence[Estimate] | Mapping[str, Estimate],
    *,
    method: str = "reml",
    hartung_knapp: bool = True,
    scale: str = "logit",
    level: float = 0.95,
) -> Pooled:
    """Pool one estimate a centre, such as its AUC, by a random-effects model.

    Args:
        estimates: One a centre, with `se`. One that is not estimable (nan) is left out. One with zero standard error
            enters with the error that its interval implies; an AUC or a proportion of 0 or 1, on the logit scale, as
            the empirical logit (Haldane 1956, Anscombe 1956) of as many trials as its interval is worth.
        method: Estimator of the between-centre variance: ``"reml"``, ``"dl"`` (DerSimonian-Laird) or ``"fixed"`` (0).
        hartung_knapp: Student interval with the Hartung-Knapp variance (advised for few centres), never below the
            model's own variance (metafor's ``"adhoc"``; Roever 2015), else normal.
        scale: ``"logit"`` for AUCs and proportions, ``"identity"`` for differences.
        level: Confidence level.

    Raises:
        InputError: No estimates, or one outside 0 to 1 on the logit scale.
        NotEstimableError: Fewer than two estimable centres, or a difference that has no error, as of two models alike.
    """
    inputs.choice(scale, ("logit", "identity"), "scale")
    each = list(estimates.values() if isinstance(estimates, Mapping) else estimates)
    odd = [type(e).__name__ for e in each if not isinstance(e, Estimate)]
    if odd:
        raise InputError(f"an estimate is a {odd[0]}", fix="Give results such as those of delong_ci.")
    given = [e for e in each if isfinite(e.value)]
    if len(given) < 2:
        raise NotEstimableError(f"{len(given)} of {len(each)} centres estimable: pooling needs two")
    outside = [e for e in given if scale == "logit" and not 0 <= e.value <= 1]
    if outside:
        raise InputError(
            f"the {outside[0].name} {outside[0].value:g} has no logit",
            fix='Give scale="identity" for differences and other values that can lie outside 0 to 1.',
        )
    values, errors = np.array([_on_scale(e, scale) for e in given]).T
    if not errors.all():
        raise NotEstimableError(f"{given[0].name} of a centre without any error cannot be weighed")
    found = pool_values(values, errors, method=method, hartung_knapp=hartung_knapp, level=level)
    back = expit if scale == "logit" else float
    e = found.estimate
    label = f"{e.method}, {scale} scale"
    value = float(back(e.value))
    se = e.se * value * (1 - value) if scale == "logit" else e.se
    n = sum(x.n for x in given)
    pooled = Estimate(value, float(back(e.low)), float(back(e.high)), label, n, se, level, f"pooled {given[0].name}")
    return Pooled(
        pooled,
        float(back(found.prediction_low)),
        float(back(found.prediction_high)),
        found.tau2,
        found.i2,
        found.q,
        found.p_heterogeneity,
        found.weights,
        scale,
    )


def _on_scale(estimate: Estimate, scale: str) -> tuple[float, float]:
    """Value and standard error on the scale of pooling."""
    value, se, z = estimate.value, estimate.se, critical(estimate.level)
    if scale == "identity":
        return value, se if se > 0 else (estimate.high - estimate.low) / (2 * z)
    if 0 < value < 1:
        return float(logit(value)), se / (value * (1 - value)) or float(logit(estimate.high) - logit(estimate.low)) / (
            2 * z
        )
    # Wilson's interval of k successes in k trials begins at k / (k + z^2).
    far = estimate.low if value == 1 else 1 - estimate.high
    trials = far * z**2 / (1 - far)
    sign = 1 if value == 1 else -1
    return sign * log((trials + 0.5) / 0.5), sqrt(1 / (trials + 0.5) + 2)


def pool_values(
    values: ArrayLike,
    errors: ArrayLike,
    *,
    method: str = "reml",
    hartung_knapp: bool = True,
    level: float = 0.95,
) -> Pooled:
    """Pool values with their standard errors as they are.

    Args:
        values: (k,) estimates.
        errors: (k,) standard errors, positive.
        method: ``"reml"``, ``"dl"`` or ``"fixed"``.
        hartung_knapp: Hartung-Knapp interval, else normal.
        level: Confidence level.

    Returns:
        The prediction interval uses Student's t with k - 2 degrees of freedom (Higgins 2009, Riley 2011).

    Raises:
        InputError: Shapes that do not fit, standard errors that are not positive.
        NotEstimableError: Fewer than two values.
    """
    inputs.choice(method, ("reml", "dl", "fixed"), "method")
    y = inputs.numbers(values, "values")
    y = inputs.scores(y, y.size, name="values", finite=True)
    se = inputs.scores(errors, y.size, name="errors", finite=True)
    v = se**2
    if y.size < 2:
        raise NotEstimableError("pooling needs two values")
    if (se <= 0).any():
        raise InputError("a standard error is not positive")
    q, tau2_dl, typical = _heterogeneity(y, v)
    tau2 = {"reml": _reml(y, v), "dl": tau2_dl, "fixed": 0.0}[method]
    weights = 1 / (v + tau2)
    mean, df = float(weights @ y / weights.sum()), y.size - 1
    scale = max(1.0, float(weights @ (y - mean) ** 2) / df) if hartung_knapp else 1.0
    pooled_se = sqrt(scale / float(weights.sum()))
    half = critical(level, df if hartung_knapp else inf) * pooled_se
    label = f"{method.upper()}{', Hartung-Knapp 2001 bounded (Roever 2015)' if hartung_knapp else ''}, {y.size} centres"
    ahead = critical(level, df - 1) * sqrt(tau2 + pooled_se**2) if df > 1 else float("nan")
    return Pooled(
        Estimate(mean, mean - half, mean + half, label, y.size, pooled_se, level, "pooled"),
        mean - ahead,
        mean + ahead,
        tau2,
        tau2 / (tau2 + typical) if method != "fixed" else max(0.0, (q - df) / q) if q > 0 else 0.0,
        q,
        chi_square_tail(q, df),
        tuple(map(float, weights / weights.sum())),
        "identity",
    )


def _heterogeneity(y: Floats, v: Floats) -> tuple[float, float, float]:
    """Cochran's Q, DerSimonian and Laird's tau2, and the typical within-centre variance (Higgins & Thompson 2002)."""
    w = 1 / v
    total = float(w.sum())
    q = float(w @ (y - w @ y / total) ** 2)
    slack = total - float(w @ w) / total
    return q, max(0.0, (q - (y.size - 1)) / slack), (y.size - 1) / slack


def _reml(y: Floats, v: Floats) -> float:
    """The root of the restricted likelihood's derivative in tau2, or 0 where it falls from there."""

    def slope(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = w @ y / w.sum()
        return float(w**2 @ (y - mean) ** 2 - w.sum() + w @ w / w.sum())

    if slope(0.0) <= 0:
        return 0.0
    upper = float(np.ptp(y)) ** 2 + float(v.max())
    while slope(upper) > 0:
        upper *= 2
    return float(brentq(slope, 0.0, upper, xtol=1e-14, rtol=1e-12))
