"""Agreement of measurements: intraclass correlation, and limits of agreement, also where patients have several cases.

Sources: Shrout & Fleiss 1979 and McGraw & Wong 1996 (intraclass correlation); Bland & Altman 1986, 1999, 2007 (limits
of agreement, with several cases a patient); Efron & Stein 1981 (jackknife); Fisher 1921 (the scale of its intervals).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, nan, sqrt, tanh
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.distributions import critical, f_quantile

if TYPE_CHECKING:
    import pandas as pd

ICC_FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


def icc(
    ratings: ArrayLike, *, form: str = "ICC(2,1)", level: float = 0.95, clusters: ArrayLike | None = None
) -> Estimate:
    """Intraclass correlation in any of the six forms of Shrout & Fleiss (1979).

    Args:
        ratings: (n, k) measurements, one row a case, one column a reader; complete.
        form: ``"ICC(1,1)"`` each case has its own random readers; ``"ICC(2,1)"`` readers are a random sample, absolute
            agreement; ``"ICC(3,1)"`` these readers only, consistency; with ``k`` in place of 1 the reliability of the
            readers' mean.
        level: Confidence level.
        clusters: (n,) patient of each case.

    Returns:
        The coefficient with its exact F interval (forms 1 and 3) or McGraw & Wong's (1996) approximate one (form 2);
        with clusters Student's, with the jackknife's standard error over patients, on Fisher's scale.

    Raises:
        InputError: Missing values, fewer than two cases or readers, an unknown form.
        NotEstimableError: The cases do not differ.
    """
    inputs.choice(form, ICC_FORMS, "form")
    x = inputs.numbers(ratings, "ratings")
    if x.ndim != 2 or min(x.shape) < 2:
        raise InputError(f"the ratings have shape {x.shape}", fix="Give one row a case and one column a reader.")
    if not np.isfinite(x).all():
        raise InputError("a rating is missing or infinite", fix="Drop the case for all readers.")
    inputs.between(level, 0, 1, "level")
    n, k = x.shape
    codes = inputs.codes(clusters, n)
    source = f"{form}, Shrout & Fleiss 1979, {k} readers"
    if codes is not None:
        value, se, (low, high) = _over_patients(x, codes, form, level)
        return Estimate(value, low, high, f"{source}, jackknife over patients on Fisher's scale", n, se, level, "ICC")
    low, high = (_of_means(limit, form, k) for limit in _icc_limits(x, form, (1 + level) / 2))
    return Estimate(_icc_of(x, form), low, high, source, n, nan, level, "ICC")


def _squares(x: Floats, form: str) -> tuple[float, float, float, float]:
    """Mean squares between cases, between readers, residual and within cases; 0 where rounding alone is left."""
    n, k = x.shape
    grand, cases, readers = x.mean(), x.mean(axis=1), x.mean(axis=0)
    between = k * float(np.sum((cases - grand) ** 2)) / (n - 1)
    column = n * float(np.sum((readers - grand) ** 2)) / (k - 1)
    residual = float(np.sum((x - cases[:, None] - readers + grand) ** 2)) / ((n - 1) * (k - 1))
    within = float(np.sum((x - cases[:, None]) ** 2)) / (n * (k - 1))
    rounding = (1e-13 * float(np.abs(x).max())) ** 2
    between, column, residual, within = (
        square if square > rounding else 0.0 for square in (between, column, residual, within)
    )
    if between == 0 and (residual == 0 or form not in ("ICC(1,1)", "ICC(3,1)")):
        raise NotEstimableError("ICC: the cases do not differ")
    return between, column, residual, within


def _one_reader(x: Floats, form: str) -> float:
    """The reliability of a single reading."""
    n, k = x.shape
    between, column, residual, within = _squares(x, form)
    if form.startswith("ICC(2"):
        return float((between - residual) / (between + (k - 1) * residual + k * (column - residual) / n))
    error = within if form.startswith("ICC(1") else residual
    return _single(_ratio(between, error), k) if error > 0 else 1.0


def _of_means(single: float, form: str, k: int) -> float:
    """Of the mean of k readings, where the form asks for that."""
    return float(k * single / (1 + (k - 1) * single)) if form.endswith("k)") else float(single)


def _icc_of(x: Floats, form: str) -> float:
    return _of_means(_one_reader(x, form), form, x.shape[1])


def _icc_limits(x: Floats, form: str, upper: float) -> tuple[float, float]:
    """Limits for one reading."""
    n, k = x.shape
    between, column, residual, within = _squares(x, form)
    if form.startswith("ICC(2"):
        return _icc2_limits(_one_reader(x, form), (between, column, residual), n, k, upper)
    error, df = (within, n * (k - 1)) if form.startswith("ICC(1") else (residual, (n - 1) * (k - 1))
    if error == 0:
        return 1.0, 1.0
    ratio = _ratio(between, error)
    return (
        _single(ratio / f_quantile(upper, n - 1, df), k),
        _single(ratio * f_quantile(upper, df, n - 1), k),
    )


def _over_patients(x: Floats, codes: inputs.Ints, form: str, level: float) -> tuple[float, float, tuple[float, float]]:
    """The coefficient, its jackknife standard error, and limits on Fisher's scale."""
    units = int(codes.max()) + 1
    if units < 3:
        raise NotEstimableError("ICC: the jackknife needs three patients")
    value = _icc_of(x, form)
    without = np.array([_icc_of(x[codes != unit], form) for unit in range(units)])
    se = sqrt((units - 1) / units * float(np.sum((without - without.mean()) ** 2)))
    if se == 0 or abs(value) >= 1:
        return value, se, (nan, nan)
    half = critical(level, units - 1) * se / (1 - value**2)
    return value, se, (tanh(atanh(value) - half), tanh(atanh(value) + half))


def _ratio(between: float, error: float) -> float:
    return between / error if error > 0 else np.inf


def _single(ratio: float, k: int) -> float:
    """Reliability of one reading from the ratio of mean squares."""
    return (ratio - 1) / (ratio + k - 1)


def _icc2_limits(
    value: float, squares: tuple[float, float, float], n: int, k: int, upper: float
) -> tuple[float, float]:
    """Satterthwaite limits for ICC(2,1) (Shrout & Fleiss 1979; McGraw & Wong 1996, table 7)."""
    between, column, residual = squares
    if residual == 0 and column == 0:
        return 1.0, 1.0
    a, b = k * value / (n * (1 - value)), 1 + k * value * (n - 1) / (n * (1 - value))
    df = (a * column + b * residual) ** 2 / ((a * column) ** 2 / (k - 1) + (b * residual) ** 2 / ((n - 1) * (k - 1)))
    lower_f, upper_f = f_quantile(upper, n - 1, df), f_quantile(upper, df, n - 1)
    noise = k * column + (k * n - k - n) * residual
    return (
        n * (between - lower_f * residual) / (lower_f * noise + n * between),
        n * (upper_f * between - residual) / (noise + n * upper_f * between),
    )


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Limits of agreement of two measurements of the same cases.

    Attributes:
        bias: Mean difference a - b.
        lower: Lower limit of agreement.
        upper: Upper limit of agreement.
        sd: Standard deviation of the differences.
        slope: Slope of the difference on the mean: not 0 where the bias depends on the size.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float
    slope: Estimate

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return self.bias.method

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"{self.bias}; {self.lower}; {self.upper}"

    def to_frame(self) -> pd.DataFrame:
        """One row a quantity."""
        import pandas as pd

        rows = (self.bias, self.lower, self.upper, self.slope)
        return pd.concat([row.to_frame() for row in rows], ignore_index=True)


def bland_altman(
    measure_a: ArrayLike,
    measure_b: ArrayLike,
    *,
    level: float = 0.95,
    coverage: float = 0.95,
    clusters: ArrayLike | None = None,
) -> BlandAltman:
    """Bias and limits of agreement, each with an interval (Bland & Altman 1999).

    With clusters the standard deviation is that of a single difference, from the analysis of variance between and
    within patients (Bland & Altman 2007, the true value varying), and intervals go by patients.

    Args:
        measure_a: (n,) measurements.
        measure_b: (n,) measurements of the same cases.
        level: Confidence level of the intervals.
        coverage: Share of the differences that the limits of agreement hold.
        clusters: (n,) patient of each case.

    Raises:
        InputError: Missing values or unequal lengths.
        NotEstimableError: Fewer than three cases.
    """
    a = inputs.scores(measure_a, inputs.numbers(measure_a, "measure_a").size, name="measure_a", finite=True)
    b = inputs.scores(measure_b, a.size, name="measure_b", finite=True)
    if a.size < 3:
        raise NotEstimableError("limits of agreement need three cases")
    n, difference, mean = a.size, a - b, (a + b) / 2
    codes, wide = inputs.codes(clusters, n), critical(coverage)
    bias = float(difference.mean())
    sd, sd_error, units = _spread(difference, codes)
    deviation = mean - mean.mean()
    square = float(deviation @ deviation)
    slope = float(deviation @ difference) / square if square else nan
    residual = difference - bias - slope * deviation
    if codes is None:
        se_bias = sd / sqrt(n)
        se_slope = sqrt(float(residual @ residual) / (n - 2) / square) if square else nan
    else:
        se_bias = _summed(difference - bias, codes) / n
        se_slope = _summed(residual * deviation, codes) / square if square else nan
    se_limit = sqrt(se_bias**2 + wide**2 * sd_error**2)
    source = "Bland & Altman 1999" if codes is None else f"Bland & Altman 2007, {units} patients"

    def estimate(value: float, se: float, df: int, name: str) -> Estimate:
        half = critical(level, df) * se
        return Estimate(value, value - half, value + half, source, n, se, level, name)

    return BlandAltman(
        bias=estimate(bias, se_bias, units - 1, "bias"),
        lower=estimate(bias - wide * sd, se_limit, units - 1, "lower limit of agreement"),
        upper=estimate(bias + wide * sd, se_limit, units - 1, "upper limit of agreement"),
        sd=sd,
        slope=estimate(slope, se_slope, units - 2, "slope of difference on mean"),
    )


def _spread(difference: Floats, codes: inputs.Ints | None) -> tuple[float, float, int]:
    """Standard deviation of one difference, its own standard error, and how many units are independent."""
    n = difference.size
    if codes is None:
        sd = float(difference.std(ddof=1))
        return sd, sd / sqrt(2 * (n - 1)), n
    size = np.bincount(codes)
    units = size.size
    if units < 3:
        raise NotEstimableError("limits of agreement need three patients")
    means = np.bincount(codes, weights=difference) / size
    between = float(size @ (means - difference.mean()) ** 2) / (units - 1)
    within = float(np.sum((difference - means[codes]) ** 2)) / (n - units)
    share = (units - 1) / (n - float(size @ size) / n)  # one over the size of a patient that counts
    if between < within:  # patients differ less than chance lets them: one variance
        share = (units - 1) / (n - 1)
    variance = share * between + (1 - share) * within
    error = sqrt(2 * (share * between) ** 2 / (units - 1) + 2 * ((1 - share) * within) ** 2 / (n - units))
    return sqrt(variance), error / (2 * sqrt(variance)) if variance else 0.0, units


def _summed(h: Floats, codes: inputs.Ints) -> float:
    """Standard error of a sum whose terms go together within patients."""
    sums = np.bincount(codes, weights=h)
    return sqrt(float(sums @ sums) * sums.size / (sums.size - 1))
