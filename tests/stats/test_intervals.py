"""Proportions, paired proportions and multiplicity against R, published tables and definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm, t, ttest_1samp

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import (
    benjamini_hochberg,
    clopper_pearson_ci,
    holm,
    mcnemar_test,
    operating_point,
    proportion_ci,
    wilson_ci,
)

COUNTS = [(81, 263), (15, 148), (0, 20), (1, 29), (29, 29)]


@pytest.mark.parametrize(("k", "n"), COUNTS)
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_intervals_are_those_of_r(reference, k, n, level):
    r = reference("proportions")
    for name, function in (("wilson", wilson_ci), ("exact", clopper_pearson_ci)):
        found = function(k, n, level=level)
        assert found.low == pytest.approx(r[f"{name} {k} {n} {level:g} low"], abs=1e-12)
        assert found.high == pytest.approx(r[f"{name} {k} {n} {level:g} high"], abs=1e-12)


@pytest.mark.parametrize(("k", "n"), COUNTS[:4])
def test_wilson_is_newcombes_table(printed, k, n):
    found = wilson_ci(k, n)
    assert found.low == pytest.approx(float(printed[f"wilson {k} {n} low"]), abs=5e-5)
    assert found.high == pytest.approx(float(printed[f"wilson {k} {n} high"]), abs=5e-5)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_ordered_and_symmetric(count):
    k, n = count
    for function in (wilson_ci, clopper_pearson_ci):
        found, other = function(k, n), function(n - k, n)
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert (found.low, found.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-12)


def test_impossible_counts_are_refused():
    with pytest.raises(NotEstimableError, match="no cases"):
        wilson_ci(0, 0)
    with pytest.raises(InputError, match="5 successes of 3"):
        clopper_pearson_ci(5, 3)


def test_clusters_widen_the_interval_by_the_design_effect(rng):
    patient = np.repeat(np.arange(60), 3)
    hit = (rng.random(60) < 0.6)[patient]  # a patient's cases all agree: the design effect is three
    found, plain = proportion_ci(hit, clusters=patient), proportion_ci(hit)
    by_patient = wilson_ci(hit[::3].sum(), 60)
    assert found.value == plain.value
    # 60 patients, but the between-patient variance divides by 59
    assert found.se == pytest.approx(by_patient.se * np.sqrt(60 / 59))
    # as 59 patients, and Student's quantile with 59 degrees of freedom in the place of the normal one (Korn & Graubard)
    effective = 59 * (norm.ppf(0.975) / t.ppf(0.975, 59)) ** 2
    expected = wilson_ci(found.value * effective, effective)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.method == "Wilson 1927, clustered (Rao-Scott 1992), Student's t over patients"


def test_all_alike_counts_each_patient_once():
    found = proportion_ci(np.ones(30), clusters=np.arange(30) // 3)
    assert (found.low, found.high) == (wilson_ci(10, 10).low, 1.0)
    assert (found.n, found.value) == (30, 1.0)


def test_balanced_patients_never_narrow_the_interval():
    hit = np.tile([0, 1], 20)  # every patient has one of each: the between-patient variance is zero
    found = proportion_ci(hit, clusters=np.arange(40) // 2)
    assert (found.low, found.high) == pytest.approx((wilson_ci(20, 40).low, wilson_ci(20, 40).high))


def test_operating_point_counts():
    truth = [1] * 10 + [0] * 20
    score = [0.9] * 8 + [0.1] * 2 + [0.6] * 5 + [0.2] * 15
    found = operating_point(truth, score, 0.6)
    assert found.sensitivity.value == 0.8
    assert found.specificity.value == 0.75
    assert found.ppv is not None
    assert found.ppv.value == 8 / 13
    assert found.npv is not None
    assert found.npv.value == 15 / 17
    assert found.accuracy.value == 23 / 30
    assert found.sensitivity.low == wilson_ci(8, 10).low
    assert str(found) == (
        "at threshold 0.6: sensitivity 0.800 (95% CI 0.490 to 0.943), specificity 0.750 (95% CI 0.531 to 0.888)"
    )
    assert len(found.to_frame()) == 5
    exact = operating_point(truth, score, 0.6, method="clopper-pearson")
    assert exact.sensitivity.low == clopper_pearson_ci(8, 10).low
    nobody = operating_point(truth, score, 2)
    assert nobody.ppv is None
    assert len(nobody.to_frame()) == 4


def paired(n11: int, n10: int, n01: int, n00: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([1, 1, 0, 0], [n11, n10, n01, n00])
    b = np.repeat([1, 0, 1, 0], [n11, n10, n01, n00])
    return a, b


def test_mcnemar_is_rs_score_test(reference):
    r, found = reference("proportions"), mcnemar_test(*paired(30, 12, 5, 10))
    assert found.p == pytest.approx(r["mcnemar 12 5 score p"], abs=1e-14)
    assert found.p < r["mcnemar 12 5 p"]  # the exact test, which rejects too seldom and is no interval's
    assert found.difference == pytest.approx(7 / 57)
    assert found.z == pytest.approx(7 / np.sqrt(17))
    few = mcnemar_test(*paired(9, 5, 0, 6))
    assert few.p == pytest.approx(r["mcnemar 5 0 score p"], abs=1e-14)
    assert few.low > 0


@pytest.mark.parametrize("table", [(30, 12, 5, 10), (43, 0, 1, 0), (10, 3, 0, 4), (2, 9, 1, 0), (20, 0, 0, 5)])
def test_tangos_limits_are_where_the_score_test_turns(table):
    """By the definition: the score statistic with the probabilities that are most likely at that difference."""
    found, n = mcnemar_test(*paired(*table)), sum(table)
    _, n10, n01, _ = table

    def score(delta: float) -> float:
        def surprise(q01: float) -> float:
            q10, rest = q01 + delta, 1 - 2 * q01 - delta
            terms = ((n10, q10), (n01, q01), (n - n10 - n01, rest))
            return -sum(k * np.log(max(q, 1e-300)) for k, q in terms if k)

        low, high = max(0.0, -delta), (1 - delta) / 2
        q01 = minimize_scalar(surprise, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
        return (n10 - n01 - n * delta) / np.sqrt(n * (2 * q01 + delta * (1 - delta)))

    z = norm.ppf(0.975)
    assert score(found.low) == pytest.approx(z, abs=2e-4)
    assert score(found.high) == pytest.approx(-z, abs=2e-4)


def test_no_discordant_case_is_no_evidence():
    found = mcnemar_test([1, 1, 0, 0], [1, 1, 0, 0])
    assert (found.difference, found.z, found.p) == (0, 0, 1)
    assert found.low < 0 < found.high


def test_clustered_mcnemar_counts_patients(rng):
    a, b = rng.random(50) < 0.7, rng.random(50) < 0.5
    plain = mcnemar_test(a, b, clusters=np.arange(50))
    assert plain == mcnemar_test(a, b)
    thrice = mcnemar_test(np.repeat(a, 3), np.repeat(b, 3), clusters=np.repeat(np.arange(50), 3))
    delta = a.astype(float) - b
    assert thrice.difference == pytest.approx(delta.mean())
    assert thrice.se == pytest.approx(delta.std(ddof=1) / np.sqrt(50))
    test = ttest_1samp(delta, 0)
    assert (thrice.z, thrice.p, thrice.df) == pytest.approx((test.statistic, test.pvalue, 49))
    interval = test.confidence_interval()
    assert (thrice.low, thrice.high) == pytest.approx((interval.low, interval.high))


def test_patients_of_equal_size_are_rs_t_test(reference):
    r = reference("proportions")
    by_patient = [0, 1, 1, 2, -1, 0, 0, 1, 2, 0, -1, 1]  # what the two cases of each bring
    pairs = {0: [(1, 1), (0, 0)], 1: [(1, 0), (1, 1)], 2: [(1, 0), (1, 0)], -1: [(0, 1), (0, 0)]}
    a, b = np.array([pair for d in by_patient for pair in pairs[d]]).T
    found = mcnemar_test(a, b, clusters=np.arange(24) // 2)
    for name, value in (("t", found.z), ("p", found.p), ("low", found.low), ("high", found.high)):
        assert value == pytest.approx(r[f"patients {name}"], abs=1e-12), name


def test_the_clusters_of_a_field_trial():
    right = [0, 1] * 4 + [1] * 8
    found = mcnemar_test([1] * 16, right, clusters=np.arange(16) // 2)
    test = ttest_1samp([0.5] * 4 + [0.0] * 4, 0)
    assert found.p == pytest.approx(test.pvalue)
    assert found.p < 0.05
    assert found.low > 0


def test_adjusted_p_values_are_those_of_r(reference):
    r, p = reference("proportions"), [0.01, 0.04, 0.03, 0.005, 0.2, 0.2, 0.9]
    np.testing.assert_allclose(holm(p), [r[f"holm {i}"] for i in range(1, 8)], atol=1e-15)
    np.testing.assert_allclose(benjamini_hochberg(p), [r[f"bh {i}"] for i in range(1, 8)], atol=1e-15)


def test_a_p_value_that_is_not_there_does_not_count():
    np.testing.assert_array_equal(holm([0.01, np.nan, 0.03]), [0.02, np.nan, 0.03])
    np.testing.assert_array_equal(benjamini_hochberg([0.01, np.nan, 0.03]), [0.02, np.nan, 0.03])
    assert holm([]).size == 0
    with pytest.raises(InputError, match="outside 0 to 1"):
        holm([1.2])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjustment_only_raises_p_and_keeps_their_order(p):
    for adjusted in (holm(p), benjamini_hochberg(p)):
        assert (adjusted >= np.array(p)).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert (holm(p) >= benjamini_hochberg(p) - 1e-12).all()


def test_clusters_that_all_agree_still_leave_doubt():
    right = np.tile([0, 1, 1], 10)
    patient = np.repeat(np.arange(10), 3)
    found, independent = mcnemar_test(right, right, clusters=patient), mcnemar_test(np.ones(10), np.ones(10))
    assert (found.difference, found.p) == (0, 1)
    assert (found.low, found.high) == (independent.low, independent.high)
    assert found.low < 0 < found.high
