"""Quantiles and tail probabilities, straight from scipy.special: importing scipy.stats would cost a second."""

from __future__ import annotations

from math import inf, isfinite

from scipy.special import chdtrc, expit, fdtrc, fdtri, logit, ndtr, ndtri, stdtr, stdtrit

from osteon.stats import inputs


def critical(level: float, df: float = inf) -> float:
    """Student's (or the normal) quantile of a two-sided confidence level.

    >>> round(critical(0.95), 6), round(critical(0.95, 10), 6)
    (1.959964, 2.228139)
    """
    upper = (1 + inputs.between(level, 0, 1, "level")) / 2
    return float(stdtrit(df, upper) if isfinite(df) else ndtri(upper))


def logit_limits(value: float, se: float, level: float, df: float = inf) -> tuple[float, float]:
    """Wald limits on the logit scale, transformed back: never outside (0, 1)."""
    centre, half = logit(value), critical(level, df) * se / (value * (1 - value))
    return float(expit(centre - half)), float(expit(centre + half))


def two_sided(z: float, df: float = inf) -> float:
    """Two-sided p value of a normal or Student statistic; nan for nan."""
    return 2 * upper_tail(abs(z), df)


def upper_tail(z: float, df: float = inf) -> float:
    """P(Z > z) of a normal or Student variable."""
    return float(stdtr(df, -z) if isfinite(df) else ndtr(-z))


def chi_square_tail(x: float, df: float) -> float:
    """P(X > x) of a chi-square variable."""
    return float(chdtrc(df, x))


def f_tail(x: float, numerator: float, denominator: float) -> float:
    """P(X > x) of an F variable; chi-square over its df where the denominator has infinitely many."""
    if not isfinite(denominator):
        return chi_square_tail(numerator * x, numerator)
    return float(fdtrc(numerator, denominator, x))


def f_quantile(q: float, numerator: float, denominator: float) -> float:
    """Quantile of an F variable."""
    return float(fdtri(numerator, denominator, q))
