"""AUC within strata against R's survival, DeLong's own and a slow definition."""

from __future__ import annotations

import numpy as np
import pytest

from osteon.core.errors import NotEstimableError
from osteon.stats import delong_ci, delong_test, stratified_auc, stratified_test


@pytest.mark.parametrize("score", ["s100b", "ndka"])
@pytest.mark.parametrize("by", ["gender", "wfns"])
def test_as_survival(asah, reference, score, by):
    expected = reference("stratified")
    found = stratified_auc(asah["poor"], asah[score], asah[by])
    assert found.value == pytest.approx(expected[f"{score} within {by}"], rel=1e-12)
    assert found.se == pytest.approx(expected[f"{score} within {by} se"], rel=0.1)  # theirs is the jackknife's


def test_one_stratum_is_delong(asah):
    alone = np.zeros(len(asah))
    found, expected = stratified_auc(asah["poor"], asah["s100b"], alone), delong_ci(asah["poor"], asah["s100b"])
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
    patients = np.arange(len(asah)) // 2
    found = stratified_test(asah["poor"], asah["s100b"], asah["ndka"], alone, clusters=patients)
    expected = delong_test(asah["poor"], asah["s100b"], asah["ndka"], clusters=patients)
    assert (found.difference, found.se, found.p) == pytest.approx((expected.difference, expected.se, expected.p))


def test_strata_add_up_as_independent_studies_do():
    rng = np.random.default_rng(0)
    y, score, strata = rng.integers(0, 2, 300), rng.normal(size=300), rng.integers(0, 3, 300)
    score = score + y
    each = [delong_ci(y[strata == s], score[strata == s]) for s in range(3)]
    pairs = np.array([y[strata == s].sum() * (1 - y[strata == s]).sum() for s in range(3)])
    weights = pairs / pairs.sum()
    found = stratified_auc(y, score, strata)
    assert found.value == pytest.approx(sum(w * one.value for w, one in zip(weights, each, strict=True)))
    assert found.se == pytest.approx(np.sqrt(sum((w * one.se) ** 2 for w, one in zip(weights, each, strict=True))))


def test_what_tells_the_strata_alone_tells_nothing_within_them():
    rng = np.random.default_rng(1)
    strata = np.repeat([0, 1], 500)
    y = rng.random(1000) < np.where(strata, 0.7, 0.1)
    score = strata + 0.01 * rng.normal(size=1000)
    assert delong_ci(y, score).low > 0.7
    found = stratified_auc(y, score, strata)
    assert found.low < 0.5 < found.high


def test_a_stratum_of_one_class_has_no_say_and_without_pairs_there_is_nothing():
    y, score = np.array([0, 1, 0, 1, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0, 9.0, 0.0])
    found = stratified_auc(y, score, [0, 0, 0, 0, 1, 1])
    assert found.value == delong_ci(y[:4], score[:4]).value
    with pytest.raises(NotEstimableError, match="no stratum has cases of both classes"):
        stratified_auc(y, score, y)
    same = stratified_test(y, score, score, [0, 0, 0, 0, 1, 1])
    assert same.difference == 0
    assert np.isnan(same.p)
