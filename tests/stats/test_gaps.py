"""Gaps between subgroups: two of them are Newcombe's comparison, many are wider, and all agree with what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import studentized_range

from osteon import stats
from osteon.core.errors import InputError, NotEstimableError

FIGURES = ("auc", "sensitivity", "false-positive rate", "calibration")


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(5)
    x = rng.normal(size=400)
    y = rng.random(400) < expit(1.5 * x)
    return y.astype(int), expit(1.5 * x), rng.choice(list("abcd"), 400, p=[0.4, 0.3, 0.2, 0.1])


def test_two_subgroups_have_newcombes_interval(drawn):
    """Newcombe 1998, method 10: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339."""
    calls = np.repeat([1, 0, 1, 0], [56, 14, 48, 32])
    y, score = np.append(np.ones(150), [0, 0]), np.append(calls, [0, 0])
    group = np.append(np.repeat(["a", "b"], [70, 80]), ["a", "b"])
    found = stats.subgroup_gaps(y, score, group, figure="sensitivity", threshold=0.5)
    (pair,) = found.pairs.values()
    assert pair.difference == pytest.approx(0.2)
    assert (pair.low, pair.high) == pytest.approx((0.0524, 0.3339), abs=0.001)
    assert (found.largest.low, found.largest.high, found.between) == (pair.low, pair.high, ("a", "b"))


def test_many_subgroups_of_one_size_are_little_wider_than_tukeys():
    """With equal errors and independent subgroups the largest statistic is the studentized range over root two."""
    rng = np.random.default_rng(1)
    n, k = 4000, 5
    group = np.tile(np.arange(k), n // k)
    score = rng.integers(0, 2, n)
    found = stats.subgroup_gaps(np.tile([1, 1, 0], n)[:n], score, group, figure="sensitivity", threshold=1)
    spreads = [(pair.high - pair.low) / 2 for pair in found.pairs.values()]
    widths = {name: (e.high - e.low) / 3.92 for name, e in found.estimates.items()}
    ses = [np.hypot(widths[a], widths[b]) for a, b in found.pairs]
    quantile = studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
    assert quantile < np.mean(np.divide(spreads, ses)) < 1.03 * quantile


@pytest.mark.parametrize("figure", FIGURES)
def test_intervals_tests_and_the_largest_agree(drawn, figure):
    y, p, group = drawn
    found = stats.subgroup_gaps(y, p, group, figure=figure, threshold=0.5)
    assert len(found.pairs) == 6
    largest = max(abs(pair.difference) for pair in found.pairs.values())
    assert found.largest.value == largest
    assert found.largest.low <= largest <= found.largest.high
    a, b = found.between
    assert found.estimates[a].value - found.estimates[b].value == pytest.approx(largest)
    for pair in found.pairs.values():
        assert (pair.low > 0 or pair.high < 0) == (pair.p < 0.05)
    assert (found.largest.low > 0) == (found.p < 0.05)
    alone = stats.subgroup_gaps(y, p, np.where(group == "a", "a", "rest"), figure=figure, threshold=0.5)
    (pair,) = alone.pairs.values()
    wide, narrow = found.pairs["a", "b"], pair
    assert (wide.high - wide.low) > (narrow.high - narrow.low)
    patients = stats.subgroup_gaps(y, p, group, figure=figure, threshold=0.5, clusters=np.arange(400))
    assert patients.largest.low == pytest.approx(found.largest.low, abs=0.01)
    assert found == stats.subgroup_gaps(y, p, group, figure=figure, threshold=0.5)


def test_figures_are_what_they_are_called(drawn):
    y, p, group = drawn
    inside = group == "b"
    of = {figure: stats.subgroup_gaps(y, p, group, figure=figure, threshold=0.5).estimates["b"] for figure in FIGURES}
    assert of["auc"].value == stats.auc(y[inside], p[inside])
    assert of["sensitivity"].value == np.mean(p[inside & (y == 1)] >= 0.5)
    assert of["false-positive rate"].value == np.mean(p[inside & (y == 0)] >= 0.5)
    assert of["calibration"].value == pytest.approx(np.mean(y[inside] - p[inside]))


def test_what_has_no_gap(drawn):
    y, p, group = drawn
    with pytest.raises(NotEstimableError, match="two subgroups"):
        stats.subgroup_gaps(y, p, np.full(400, "a"))
    with pytest.raises(InputError, match="threshold"):
        stats.subgroup_gaps(y, p, group, figure="sensitivity")
    with pytest.raises(InputError, match="figure"):
        stats.subgroup_gaps(y, p, group, figure="specificity")
    few = group.astype(object)
    few[np.flatnonzero(y == 0)[:3]] = "only negatives"
    found = stats.subgroup_gaps(y, p, few)
    assert np.isnan(found.estimates["only negatives"].value)
    assert len(found.pairs) == 6
