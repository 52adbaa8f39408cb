"""Agreement beyond chance that a rare category does not distort: Gwet's AC1 and Krippendorff's alpha.

Sources: Gwet 2008 (AC1, AC2); Krippendorff 2011 (alpha from coincidences); Efron & Stein 1981 (jackknife).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.distributions import critical

SCALES = ("nominal", "ordinal", "interval", "ratio")


def gwet_ac1(
    ratings: ArrayLike,
    *,
    categories: Sequence[object] | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Estimate:
    """Gwet's AC1 of two or more readers.

    Args:
        ratings: (n, readers) categories; what is missing was not rated.
        categories: All that might have been said; default those that were.
        level: Confidence level.
        clusters: (n,) patient of each case; then the jackknife leaves out patients.

    Returns:
        AC1 with Gwet's (2008) standard error over cases and Student's t; with clusters the jackknife's over patients.

    Raises:
        InputError: Fewer than two readers or cases.
        NotEstimableError: No case was rated twice; one category alone is possible.
    """
    counts, names = _counts(ratings, categories)
    if len(names) < 2:
        raise NotEstimableError("AC1: there is one category only; name all possible ones in `categories`")
    value, each = _ac1(counts)
    codes = inputs.codes(clusters, len(counts))
    inputs.several(codes)
    if codes is None:
        se = sqrt(float(np.sum((each - value) ** 2)) / (len(counts) * (len(counts) - 1)))
        method = f"Gwet 2008, {_readers(ratings)} readers"
        return _student(Estimate(value, nan, nan, method, len(counts), se, level, "AC1"), len(counts) - 1)
    se, df = _jackknife(lambda kept: _ac1(counts[kept])[0], codes)
    return _student(Estimate(value, nan, nan, "Gwet 2008, jackknife", len(counts), se, level, "AC1"), df)


def krippendorff_alpha(
    ratings: ArrayLike, *, scale: str = "nominal", level: float = 0.95, clusters: ArrayLike | None = None
) -> Estimate:
    """Krippendorff's alpha of any number of readers, on any scale, with ratings missing.

    Args:
        ratings: (n, readers); numbers unless the scale is nominal. What is missing was not rated.
        scale: ``"nominal"``, ``"ordinal"``, ``"interval"`` or ``"ratio"``.
        level: Confidence level.
        clusters: (n,) patient of each case; the jackknife then leaves out patients instead of cases.

    Returns:
        Alpha with the jackknife's standard error and Student's t.

    Raises:
        InputError: Fewer than two readers or cases, an unknown scale, words on a scale of numbers.
        NotEstimableError: No case was rated twice; all ratings are equal.
    """
    inputs.choice(scale, SCALES, "scale")
    counts, names = _counts(ratings, None)
    apart = _distances(names, scale, counts)
    codes = inputs.codes(clusters, len(counts))
    inputs.several(codes)
    codes = np.arange(len(counts)) if codes is None else codes
    value = _alpha(counts, apart)
    if value != value:
        raise NotEstimableError("alpha: all ratings are equal")
    se, df = _jackknife(lambda kept: _alpha(counts[kept], apart), codes)
    method = f"Krippendorff 2011, {scale}, jackknife"
    return _student(Estimate(value, nan, nan, method, len(counts), se, level, "alpha"), df)


def _counts(ratings: ArrayLike, categories: Sequence[object] | None) -> tuple[Floats, list[object]]:
    """(cases, categories) how often each was said, of cases rated at least once; and the categories in their order."""
    table = inputs.labels(ratings, "ratings")
    if table.ndim != 2 or min(table.shape) < 2:
        raise InputError(f"the ratings have shape {table.shape}", fix="Give one row a case and one column a reader.")
    said = [one for one in table.ravel().tolist() if one is not None]
    names = (
        inputs.distinct(np.array([*said, None], dtype=object)[:-1]).tolist() if categories is None else list(categories)
    )
    place = {name: position for position, name in enumerate(names)}
    unknown = next((one for one in said if one not in place), None)
    if unknown is not None:
        raise InputError(f"a rating is {unknown!r}", fix=f"Name it in `categories`, which are {names}.")
    counts = np.zeros((len(table), len(names)))
    for row, case in enumerate(table.tolist()):
        for one in case:
            if one is not None:
                counts[row, place[one]] += 1
    if not (counts.sum(axis=1) > 1).any():
        raise NotEstimableError("no case was rated twice")
    return counts, names


def _readers(ratings: ArrayLike) -> int:
    return int(np.shape(inputs.array(ratings, "ratings"))[1])


def _ac1(counts: Floats) -> tuple[float, Floats]:
    """AC1, and each case's linearised share of it (Gwet 2008, equations 24 to 27)."""
    rated = counts.sum(axis=1)
    twice, n, q = rated > 1, len(counts), counts.shape[1]
    agreed = np.zeros(n)
    agreed[twice] = ((counts[twice] ** 2).sum(axis=1) - rated[twice]) / (rated[twice] * (rated[twice] - 1))
    known = rated > 0
    shares = np.zeros_like(counts)
    shares[known] = counts[known] / rated[known, None]
    share = shares.sum(axis=0) / known.sum()
    chance = float((share * (1 - share)).sum() / (q - 1))
    observed = float(agreed.sum() / twice.sum())
    value = (observed - chance) / (1 - chance)
    own = n / twice.sum() * (agreed - chance * twice) / (1 - chance)
    of_chance = (shares @ (1 - share)) / (q - 1) * n / known.sum()
    return value, own - 2 * (1 - value) * (of_chance - chance) / (1 - chance)


def _distances(names: list[object], scale: str, counts: Floats) -> Floats:
    """(categories, categories) squared distances on the scale (Krippendorff 2011)."""
    if scale == "nominal":
        return 1.0 - np.eye(len(names))
    values = inputs.numbers(names, "ratings")  # type: ignore[arg-type]
    if scale == "ratio" and (values < 0).any():
        raise InputError("a rating is negative, and the scale is one of ratios", fix="Take scale='interval'.")
    a, b = values[:, None], values[None, :]
    if scale == "interval":
        return np.asarray((a - b) ** 2)
    if scale == "ratio":
        total = a + b
        return np.divide(a - b, total, out=np.zeros_like(total), where=total > 0) ** 2
    order = np.argsort(values)
    often = counts[counts.sum(axis=1) > 1].sum(axis=0)[order]
    upto = np.cumsum(often)
    middle = upto - often / 2  # what lies between two ranks, each of the two counting half
    apart = np.zeros((len(names), len(names)))
    apart[np.ix_(order, order)] = (middle[:, None] - middle[None, :]) ** 2
    return apart


def _alpha(counts: Floats, apart: Floats) -> float:
    pairs = counts[counts.sum(axis=1) > 1]
    if not len(pairs):
        return nan
    rated = pairs.sum(axis=1)
    coincidences = (pairs / (rated - 1)[:, None]).T @ pairs - np.diag((pairs / (rated - 1)[:, None]).sum(axis=0))
    often = coincidences.sum(axis=0)
    expected = float(often @ apart @ often) / (often.sum() - 1)
    return 1 - float((coincidences * apart).sum()) / expected if expected > 0 else nan


def _jackknife(of: Callable[[inputs.Bools], float], codes: inputs.Ints) -> tuple[float, int]:
    """Standard error from leaving out each unit, and its degrees of freedom."""
    units = int(codes.max()) + 1
    without = np.array([of(codes != unit) for unit in range(units)])
    without = without[~np.isnan(without)]
    se = sqrt((units - 1) / units * float(((without - without.mean()) ** 2).sum())) if without.size > 1 else nan
    return se, units - 1


def _student(of: Estimate, df: int) -> Estimate:
    """An estimate with Student's interval from its standard error."""
    half = critical(of.level, df) * of.se
    method = f"{of.method}, Student's t"
    return replace(of, low=of.value - half, high=min(1.0, of.value + half), method=method)
