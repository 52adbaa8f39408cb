"""Means over readings, in which both readers and cases are samples.

Sources: Miglioretti & Heagerty 2007 (readers by cases); Cameron, Gelbach & Miller 2011 (two-way clustering).
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import t as student

from osteon.core.types import Estimate, Floats
from osteon.stats import wilson_ci

_SOURCE = "two-way clustered over readers and cases (Cameron, Gelbach & Miller 2011)"


def share(hits: ArrayLike, reader: ArrayLike, case: ArrayLike, *, level: float = 0.95, name: str = "share") -> Estimate:
    """The share of readings that are 1; readers and cases are random.

    Args:
        hits: (n,) of 0 and 1, one a reading.
        reader: (n,) the reader of each.
        case: (n,) the case (or patient) of each.
        level: Confidence level.
        name: What the share is.

    Returns:
        The interval is symmetric on the logit scale. Where all readings agree, where there is one reader, or where no
        variance is left, it is Wilson's with each case counted once. nan without readings.
    """
    y = np.asarray(hits, dtype=np.float64)
    if not y.size:
        return Estimate(np.nan, np.nan, np.nan, "not estimable: no such reading", 0, name=name, level=level)
    value, se, df = mean_and_se(y, reader, case)
    if se == 0 or df < 1 or value in (0.0, 1.0):
        distinct = np.unique(np.asarray(case)).size
        found = wilson_ci(value * distinct, distinct, level=level)
        return Estimate(value, found.low, found.high, "Wilson, each case once", y.size, se, level, name)
    half = student.ppf((1 + level) / 2, df) * se / (value * (1 - value))
    low, high = expit(logit(value) - half), expit(logit(value) + half)
    return Estimate(value, float(low), float(high), f"{_SOURCE}, logit, t with {df} df", y.size, se, level, name)


def mean(values: ArrayLike, reader: ArrayLike, case: ArrayLike, *, level: float = 0.95, name: str = "mean") -> Estimate:
    """The mean of readings, such as changes from one arm to the other; arguments as :func:`share`."""
    y = np.asarray(values, dtype=np.float64)
    if not y.size:
        return Estimate(np.nan, np.nan, np.nan, "not estimable: no such reading", 0, name=name, level=level)
    value, se, df = mean_and_se(y, reader, case)
    if df < 1:
        return Estimate(value, np.nan, np.nan, "no interval: one reader or one case", y.size, np.nan, level, name)
    half = student.ppf((1 + level) / 2, df) * se
    return Estimate(value, value - half, value + half, f"{_SOURCE}, t with {df} df", y.size, se, level, name)


def mean_and_se(y: Floats, reader: ArrayLike, case: ArrayLike) -> tuple[float, float, int]:
    """Mean, its standard error, and degrees of freedom (the smaller number of clusters less one).

    The variance is the sum over readers plus the sum over cases less the sum over readings of squared residuals, each
    with its small-sample factor; never less than the largest of the three.
    """
    value = float(y.mean())
    residual = (y - value) / y.size
    squares, sizes = [], []
    for clusters in (reader, case, np.arange(y.size)):
        codes = np.unique(np.asarray(clusters), return_inverse=True)[1]
        count = int(codes.max()) + 1
        total = np.bincount(codes, weights=residual)
        squares.append(float(total @ total) * count / max(count - 1, 1))
        sizes.append(count)
    variance = max(squares[0] + squares[1] - squares[2], *squares)
    return value, sqrt(variance), min(sizes[:2]) - 1
