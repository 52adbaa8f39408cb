"""Means over readings, in which both readers and cases are samples.

With three readers the readers' part of the variance has two degrees of freedom and the cases' part many; what their sum
has follows from how large each is (Satterthwaite 1946), as in Hillis' analysis of a reader study.

Sources: Miglioretti & Heagerty 2007 (readers by cases); Cameron, Gelbach & Miller 2011 (two-way clustering);
Satterthwaite 1946 (degrees of freedom).
"""

from __future__ import annotations

from math import inf, nan, sqrt

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
        The interval is symmetric on the logit scale. Where all readings agree, or are of one case, it is Wilson's with
        each case counted once. nan without readings.
    """
    y = np.asarray(hits, dtype=np.float64)
    if not y.size:
        return Estimate(np.nan, np.nan, np.nan, "not estimable: no such reading", 0, name=name, level=level)
    value, se, df = mean_and_se(y, reader, case)
    if not se > 0 or value in (0.0, 1.0):
        distinct = np.unique(np.asarray(case)).size
        found = wilson_ci(value * distinct, distinct, level=level)
        return Estimate(value, found.low, found.high, "Wilson, each case once", y.size, se, level, name)
    half = student.ppf((1 + level) / 2, df) * se / (value * (1 - value))
    low, high = expit(logit(value) - half), expit(logit(value) + half)
    return Estimate(value, float(low), float(high), f"{_source(reader)}, logit, {_t(df)}", y.size, se, level, name)


def mean(values: ArrayLike, reader: ArrayLike, case: ArrayLike, *, level: float = 0.95, name: str = "mean") -> Estimate:
    """The mean of readings between -1 and 1, such as changes from one arm to the other; arguments as :func:`share`.

    Returns:
        Limits are cut at -1 and 1; none where all readings agree or there is one case only.
    """
    y = np.asarray(values, dtype=np.float64)
    if not y.size:
        return Estimate(np.nan, np.nan, np.nan, "not estimable: no such reading", 0, name=name, level=level)
    value, se, df = mean_and_se(y, reader, case)
    if not se > 0:
        why = "no interval: all readings agree" if se == 0 else "no interval: one case"
        return Estimate(value, np.nan, np.nan, why, y.size, se, level, name)
    half = student.ppf((1 + level) / 2, df) * se
    low, high = max(-1.0, value - half), min(1.0, value + half)
    return Estimate(value, low, high, f"{_source(reader)}, {_t(df)}", y.size, se, level, name)


def mean_and_se(y: Floats, reader: ArrayLike, case: ArrayLike) -> tuple[float, float, float]:
    """Mean, its standard error, and degrees of freedom.

    The squared residuals summed over readers, over cases and over readings, each with its small-sample factor, are what
    readers, cases and single readings contribute; the variance is readers + cases - readings, in which what readers
    and what cases add to single readings is not less than 0. Degrees of freedom are Satterthwaite's, of the sum of the
    readers' part (readers - 1) and the cases' (cases - 1). A readers' part below that of single readings, which adds
    nothing to the variance, counts in proportion: left out it would make intervals too narrow, and in full too wide
    (``bench/coverage``). One reader is a sample of cases only. The standard error is nan with one case.
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
    (of_readers, of_cases, of_readings), (readers, cases, _) = squares, sizes
    if cases < 2:
        return value, nan, nan
    of_cases = max(of_cases, of_readings)
    if of_cases == 0:
        return value, 0.0, inf
    if readers < 2:
        return value, sqrt(of_cases), cases - 1.0
    variance = of_cases + max(0.0, of_readers - of_readings)
    of_readers *= min(1.0, of_readers / of_readings)
    df = variance**2 / (of_readers**2 / (readers - 1) + of_cases**2 / (cases - 1))
    return value, sqrt(variance), df


def _source(reader: ArrayLike) -> str:
    one = np.unique(np.asarray(reader)).size < 2
    return "clustered over cases, one reader" if one else _SOURCE


def _t(df: float) -> str:
    return f"t with {df:.1f} df (Satterthwaite 1946)"
