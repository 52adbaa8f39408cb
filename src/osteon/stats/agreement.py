"""Agreement of readers' categories beyond chance.

Sources: Cohen 1960, 1968 and Fleiss, Cohen & Everitt 1969 (kappa and its standard error); Fleiss 1971; Efron & Stein
1981 (jackknife); Fisher 1921 (the scale of the intervals).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import atanh, nan, sqrt, tanh
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.distributions import critical
from osteon.stats.intervals import wilson_ci


def kappa(
    rating_a: ArrayLike,
    rating_b: ArrayLike,
    *,
    weights: str | None = None,
    categories: Sequence[object] | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Estimate:
    """Cohen's kappa of two readers, plain or weighted.

    Args:
        rating_a: (n,) categories.
        rating_b: (n,) categories of the same cases.
        weights: None, ``"linear"`` or ``"quadratic"``.
        categories: The whole scale in its order, used or not; by default that of an ordered pandas Categorical, or else
            the numbers that occur. Weights need it for words.
        level: Confidence level.
        clusters: (n,) patient of each case; then the standard error is the jackknife's over patients.

    Returns:
        Kappa with the large-sample standard error of Fleiss, Cohen & Everitt (1969). The interval is Student's, with
        the jackknife's standard error over cases or patients, on Fisher's scale artanh(kappa): few cases or a rare
        category make kappa skewed. Where that has no width, as at perfect agreement, the limits are the kappas at
        Wilson's limits of the agreement.

    Raises:
        InputError: Unequal lengths, unknown weights, a rating outside the scale, weights on words without a scale.
        NotEstimableError: Both readers use one and the same category throughout.
    """
    inputs.between(level, 0, 1, "level")
    a, b = inputs.labels(rating_a, "rating_a"), inputs.labels(rating_b, "rating_b")
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        raise InputError(
            f"the ratings have shapes {a.shape} and {b.shape}", fix="Give both readers' ratings of a case."
        )
    _complete([*a.tolist(), *b.tolist()])
    scale = categories if categories is not None else _ordered_scale(rating_a)
    if scale is None:
        scale = inputs.distinct(np.concatenate([a, b])).tolist()
        kinds = {isinstance(category, Real) for category in scale}
        if len(kinds) > 1:
            raise InputError("some ratings are numbers and some are not", fix="Write a category in one way throughout.")
        if weights is not None and kinds != {True}:
            raise InputError("the order of the categories is not known", fix="Give categories= in their order.")
    place = {category: position for position, category in enumerate(scale)}
    if len(place) < len(scale):
        raise InputError("a category is named twice", fix="Name each once.")
    strange = [rating for rating in [*a.tolist(), *b.tolist()] if rating not in place]
    if strange:
        raise InputError(f"the rating {strange[0]!r} is not on the scale", fix=f"The scale is {list(place)}.")
    agreement = _agreement_weights(len(place), weights)
    cell = np.array([place[one] * len(place) + place[other] for one, other in zip(a.tolist(), b.tolist(), strict=True)])
    value = _kappa_of(np.bincount(cell, minlength=agreement.size), agreement)
    codes = inputs.codes(clusters, a.size)
    jackknife = _jackknife_kappa(cell, codes, agreement)
    title = "kappa" if weights is None else f"{weights}ly weighted kappa".replace("quadraticly", "quadratically")
    if codes is None:
        se, source = _fleiss_cohen_everitt(cell, agreement, value), "Cohen 1960, Fleiss, Cohen & Everitt 1969"
    else:
        se, source = jackknife, "Cohen 1960"
    units = a.size if codes is None else int(codes.max()) + 1
    chance = _chance(np.bincount(cell, minlength=agreement.size), agreement)
    low, high, how = _limits(value, jackknife, chance, units, level)
    how = how if codes is None else f"{how} over patients"
    return Estimate(value, low, high, f"{source}, {how}", a.size, se, level, title)


def _ordered_scale(rating: object) -> list[object] | None:
    """The categories of an ordered pandas Categorical, or of a Series of one."""
    given: Any = getattr(rating, "cat", rating)
    return list(given.categories) if getattr(given, "ordered", False) else None


def _complete(ratings: Iterable[object]) -> None:
    if any(rating is None for rating in ratings):
        raise InputError("a rating is missing", fix="Drop the case for every reader.")


def _limits(value: float, se: float, chance: float, units: int, level: float) -> tuple[float, float, str]:
    """Student's limits on Fisher's scale; where they have no width, the kappas at Wilson's limits of the agreement."""
    if se > 1e-9 and abs(value) < 1 - 1e-9:
        half = critical(level, units - 1) * se / (1 - value**2)
        low, high = (tanh(atanh(value) + sign * half) for sign in (-1, 1))
        return low, high, "jackknife on Fisher's scale"
    agreeing = wilson_ci(min(1.0, value * (1 - chance) + chance) * units, units, level=level)
    low, high = ((share - chance) / (1 - chance) for share in (agreeing.low, agreeing.high))
    return max(-1.0, low), min(1.0, high), "Wilson 1927 (zero variance)"


def _agreement_weights(k: int, weights: str | None) -> Floats:
    if weights is None:
        return np.eye(k)
    inputs.choice(weights, ("linear", "quadratic"), "weights")
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / max(1, k - 1)
    result: Floats = 1 - distance ** (1 if weights == "linear" else 2)
    return result


def _chance(counts: inputs.Ints | Floats, agreement: Floats) -> float:
    table = counts.reshape(agreement.shape) / counts.sum()
    return float(table.sum(axis=1) @ agreement @ table.sum(axis=0))


def _kappa_of(counts: inputs.Ints | Floats, agreement: Floats) -> float:
    chance = _chance(counts, agreement)
    if chance > 1 - 1e-12:
        raise NotEstimableError("kappa: all ratings are of one category")
    observed = float(np.sum(counts.reshape(agreement.shape) * agreement) / counts.sum())
    return (observed - chance) / (1 - chance)


def _fleiss_cohen_everitt(cell: inputs.Ints, agreement: Floats, value: float) -> float:
    n = cell.size
    table = np.bincount(cell, minlength=agreement.size).reshape(agreement.shape) / n
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    chance = float(rows @ agreement @ columns)
    marginal = (agreement @ columns)[:, None] + (rows @ agreement)[None, :]
    spread = float(np.sum(table * (agreement - marginal * (1 - value)) ** 2)) - (value - chance * (1 - value)) ** 2
    return sqrt(max(0.0, spread) / n) / (1 - chance)


def _jackknife_kappa(cell: inputs.Ints, codes: inputs.Ints | None, agreement: Floats) -> float:
    """Over cases or patients; what leaves one category only when left out is left in."""
    units = cell.size if codes is None else int(codes.max()) + 1
    if units < 2:
        raise NotEstimableError("all cases are of one cluster" if codes is not None else "kappa: there is one case")
    total = np.bincount(cell, minlength=agreement.size)
    if codes is None:  # cases of one cell are left out alike
        own = np.eye(agreement.size, dtype=total.dtype)[total > 0]
        each = total[total > 0]
    else:
        own = np.zeros((units, agreement.size), dtype=total.dtype)
        np.add.at(own, (codes, cell), 1)
        each = np.ones(units, dtype=total.dtype)
    without = np.array([_kappa_or_none(total - mine, agreement) for mine in own])
    known = ~np.isnan(without)
    return _jackknife_se(without[known], each[known].astype(np.float64), units)


def _kappa_or_none(counts: inputs.Ints, agreement: Floats) -> float:
    try:
        return _kappa_of(counts, agreement)
    except NotEstimableError:
        return nan


def _jackknife_se(without: Floats, each: Floats, units: int) -> float:
    """From the values without each unit, and how many units give that value."""
    if not without.size:
        return 0.0
    mean = float(each @ without) / float(each.sum())
    return sqrt((units - 1) / units * float(each @ (without - mean) ** 2))


def fleiss_kappa(ratings: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Fleiss' kappa of any number of readers, each case rated by equally many.

    Args:
        ratings: (n, readers) categories.
        level: Confidence level.

    Returns:
        Kappa with a jackknife interval over cases, as :func:`kappa`; by Wilson's limits of the agreement where that has
        no width, and none (nan) where the kappa hangs on one case.

    Raises:
        InputError: Fewer than two readers or cases, a missing rating.
        NotEstimableError: All ratings are of one category.
    """
    inputs.between(level, 0, 1, "level")
    table = inputs.labels(ratings, "ratings")
    if table.ndim != 2 or min(table.shape) < 2:
        raise InputError(f"the ratings have shape {table.shape}", fix="Give one row a case and one column a reader.")
    _complete(table.ravel().tolist())
    names = inputs.distinct(table)
    place = {name: position for position, name in enumerate(names.tolist())}
    codes = np.array([place[rating] for rating in table.ravel().tolist()])
    counts = np.stack([np.bincount(row, minlength=names.size) for row in codes.reshape(table.shape)])
    n, k = table.shape
    agree = (np.sum(counts**2, axis=1) - k) / (k * (k - 1))

    def value(agreeing: float, totals: Floats, cases: int) -> float:
        chance = float(np.sum((totals / (cases * k)) ** 2))
        if chance > 1 - 1e-12:
            raise NotEstimableError("kappa: all ratings are of one category")
        return (agreeing / cases - chance) / (1 - chance)

    total, totals = float(agree.sum()), counts.sum(axis=0).astype(np.float64)
    found = value(total, totals, n)
    source = f"Fleiss 1971, {k} readers"
    try:
        without = np.array([value(total - float(agree[i]), totals - counts[i], n - 1) for i in range(n)])
        se = _jackknife_se(without, np.ones(n), n)
    except NotEstimableError:
        source += ", no interval: without one case all ratings are of one category"
        return Estimate(found, nan, nan, source, n, nan, level, "Fleiss kappa")
    chance = float(np.sum((totals / (n * k)) ** 2))
    low, high, how = _limits(found, se, chance, n, level)
    return Estimate(found, low, high, f"{source}, {how}", n, se, level, "Fleiss kappa")
