"""DeLong's variance and tests against pROC, published values, slow definitions and invariances."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import t
from tests.stats.test_roc import SCORES, tied_data

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import auc, delong_ci, delong_covariance, delong_pairs, delong_test, delong_test_unpaired


def defined_covariance(positive: np.ndarray, scores: np.ndarray, clusters: np.ndarray | None = None) -> np.ndarray:
    """DeLong 1988, or Obuchowski 1997 with clusters, straight from the kernel, one loop a sum."""
    kernels = []
    for score in scores:
        pairs = score[positive][:, None] - score[~positive][None, :]
        kernels.append((pairs > 0) + 0.5 * (pairs == 0))
    k, (m, n) = len(scores), kernels[0].shape
    out = np.zeros((k, k))
    for r in range(k):
        for s in range(k):
            areas = kernels[r].mean(), kernels[s].mean()
            v10 = kernels[r].mean(axis=1) - areas[0], kernels[s].mean(axis=1) - areas[1]
            v01 = kernels[r].mean(axis=0) - areas[0], kernels[s].mean(axis=0) - areas[1]
            if clusters is None:
                out[r, s] = v10[0] @ v10[1] / (m - 1) / m + v01[0] @ v01[1] / (n - 1) / n
                continue
            names = sorted(set(clusters))
            with_positive = len(set(clusters[positive]))
            with_negative = len(set(clusters[~positive]))
            s10 = s01 = s11 = s11t = 0.0
            for name in names:
                x, y = clusters[positive] == name, clusters[~positive] == name
                s10 += v10[0][x].sum() * v10[1][x].sum()
                s01 += v01[0][y].sum() * v01[1][y].sum()
                s11 += v10[0][x].sum() * v01[1][y].sum()
                s11t += v01[0][y].sum() * v10[1][x].sum()
            total = len(names)
            out[r, s] = (
                s10 * with_positive / (with_positive - 1) / m / m
                + s01 * with_negative / (with_negative - 1) / n / n
                + (s11 + s11t) * total / (total - 1) / m / n
            )
    return out


@given(tied_data(least=2), st.integers(0, 10_000))
def test_covariance_is_its_definition(data, seed):
    positive, score = data
    scores = np.stack([score, np.random.default_rng(seed).integers(0, 4, size=score.size).astype(float)])
    aucs, covariance = delong_covariance(positive, scores)
    assert aucs[0] == auc(positive, score)
    np.testing.assert_allclose(covariance, defined_covariance(positive, scores), atol=1e-15)


@given(tied_data(least=3), st.integers(0, 10_000))
def test_clustered_covariance_is_its_definition(data, seed):
    positive, score = data
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, 6, size=score.size)
    scores = np.stack([score, rng.integers(0, 4, size=score.size).astype(float)])
    if len(set(clusters[positive])) < 2 or len(set(clusters[~positive])) < 2:
        with pytest.raises(NotEstimableError):
            delong_covariance(positive, scores, clusters=clusters)
        return
    covariance = delong_covariance(positive, scores, clusters=clusters)[1]
    np.testing.assert_allclose(covariance, defined_covariance(positive, scores, clusters), atol=1e-15)


@given(tied_data(least=2))
def test_clusters_of_one_are_no_clusters_and_duplicates_count_once(data):
    positive, score = data
    plain = delong_covariance(positive, score)[1]
    own = delong_covariance(positive, score, clusters=[f"p{i}" for i in range(score.size)])[1]
    missing = delong_covariance(positive, score, clusters=[None, "", *[np.nan] * (score.size - 2)])[1]
    np.testing.assert_array_equal(plain, own)
    np.testing.assert_array_equal(plain, missing)
    twice = delong_covariance(np.tile(positive, 2), np.tile(score, 2), clusters=np.tile(np.arange(score.size), 2))[1]
    np.testing.assert_allclose(twice, plain, rtol=1e-12, atol=1e-18)


@given(tied_data(least=2), st.integers(0, 10_000))
def test_the_comparison_is_antisymmetric_and_invariant(data, seed):
    positive, a = data
    b = np.random.default_rng(seed).permutation(a)
    clusters = np.arange(a.size) // 2 if seed % 2 and a.size > 8 else None
    try:
        ab = delong_test(positive, a, b, clusters=clusters)
    except NotEstimableError:
        return
    ba = delong_test(positive, b, a, clusters=clusters)
    assert ab.difference == -ba.difference
    assert ab.p == pytest.approx(ba.p, abs=1e-12)
    assert (ab.low, ab.high) == pytest.approx((-ba.high, -ba.low), abs=1e-12)
    moved = delong_test(positive, np.exp(a), b * 3 + 1, clusters=clusters)
    assert (moved.difference, moved.se) == (ab.difference, ab.se)
    swapped = delong_test(~positive, -a, -b, clusters=clusters)
    assert swapped.difference == pytest.approx(ab.difference, abs=1e-14)
    assert swapped.se == pytest.approx(ab.se, abs=1e-14)


def test_few_patients_take_students_t(rng):
    patient = np.repeat(np.arange(20), 3)
    truth = rng.integers(0, 2, size=60)
    a, b = rng.normal(size=(2, 60)) + truth
    found = delong_test(truth, a, b, clusters=patient)
    assert found.df == 19
    assert found.p == pytest.approx(2 * t(19).sf(abs(found.difference / found.se)))
    assert found.high == pytest.approx(found.difference + t(19).ppf(0.975) * found.se)
    for method in ("logit", "wald"):
        area = delong_ci(truth, a, method=method, clusters=patient)
        step = t(19).ppf(0.975) * area.se
        expected = (
            area.value + step if method == "wald" else expit(logit(area.value) + step / area.value / (1 - area.value))
        )
        assert area.high == pytest.approx(min(1, expected))
        assert area.method == f"DeLong 1988, clustered (Obuchowski 1997), {method}, Student's t over patients"
    assert delong_test(truth, a, b).df == np.inf


def test_published_and_proc_values_of_asah(asah, reference, printed):
    proc = reference("roc")
    named = {score: asah[score] for score in SCORES}
    aucs, covariance = delong_covariance(asah["poor"], named)
    for i, score in enumerate(SCORES):
        assert aucs[i] == pytest.approx(proc[f"{score} auc"], abs=1e-14)
        assert f"{aucs[i]:.8f}" == printed[f"{score} auc"]
        assert covariance[i, i] == pytest.approx(proc[f"{score} var"], abs=1e-15)
        assert covariance[i, i] == pytest.approx(float(printed[f"{score} var"]), abs=1e-16)
        found = delong_ci(asah["poor"], asah[score], method="wald")
        assert (found.low, found.high) == pytest.approx((proc[f"{score} low"], proc[f"{score} high"]), abs=1e-12)
    position = {score: i for i, score in enumerate(SCORES)}
    for a, b in (("wfns", "s100b"), ("wfns", "ndka"), ("ndka", "s100b")):
        key, found = f"{a} {b}", delong_test(asah["poor"], asah[a], asah[b])
        assert covariance[position[a], position[b]] == pytest.approx(proc[f"{key} cov"], abs=1e-15)
        for name in ("z", "p", "low", "high"):
            assert getattr(found, name) == pytest.approx(proc[f"{key} {name}"], abs=1e-11), (key, name)
            if f"{key} {name}" in printed:
                assert getattr(found, name) == pytest.approx(float(printed[f"{key} {name}"]), abs=1e-10)
        unpaired = delong_test_unpaired(asah["poor"], asah[a], asah["poor"], asah[b])
        assert unpaired.z == pytest.approx(proc[f"{key} unpaired t"], abs=1e-11)
        assert unpaired.p == pytest.approx(proc[f"{key} unpaired p"], abs=1e-11)


def test_unpaired_subgroups_are_those_of_proc(asah, reference):
    proc, male = reference("roc"), asah["gender"] == "Male"
    found = delong_test_unpaired(asah["poor"][male], asah["wfns"][male], asah["poor"][~male], asah["wfns"][~male])
    assert found.z == pytest.approx(proc["male female wfns unpaired t"], abs=1e-11)
    assert found.p == pytest.approx(proc["male female wfns unpaired p"], abs=1e-11)
    assert f"{proc['male female wfns unpaired df']:.1f} df" in found.method


def test_pairs_are_all_pairs_once_and_equal_single_tests(asah):
    pairs = delong_pairs(asah["poor"], {score: asah[score] for score in SCORES})
    assert list(pairs) == [("wfns", "s100b"), ("wfns", "ndka"), ("s100b", "ndka")]
    for (a, b), comparison in pairs.items():
        assert comparison == delong_test(asah["poor"], asah[a], asah[b])


def test_limits_stay_inside_the_unit_interval(rng):
    y = np.repeat([0, 1], [30, 8])
    for shift in (0.5, 2, 3, 4):
        for _ in range(20):
            score = rng.normal(size=38) + shift * y
            for method in ("logit", "wald"):
                found = delong_ci(y, score, method=method)
                assert 0 <= found.low <= found.value <= found.high <= 1
                assert found.low < found.high


def test_perfect_separation_has_the_exact_lower_limit():
    y = np.repeat([0, 1], [40, 12])
    found = delong_ci(y, y.astype(float))
    assert (found.value, found.high, found.se) == (1.0, 1.0, 0.0)
    # twelve independent pairs, all won: p ** 12 = 0.025
    assert found.low == pytest.approx(0.025 ** (1 / 12), abs=1e-14)
    assert "Hoeffding" in found.method
    opposite = delong_ci(y, -y.astype(float))
    assert (opposite.low, opposite.value) == (0.0, 0.0)
    assert opposite.high == pytest.approx(1 - 0.025 ** (1 / 12), abs=1e-14)
    by_patient = delong_ci(y, y.astype(float), clusters=np.r_[np.arange(40) // 2, 100 + np.arange(12) // 3])
    assert by_patient.low == pytest.approx(0.025 ** (1 / 4), abs=1e-14)


def test_equal_scores_have_hoeffdings_limits():
    y = np.repeat([0, 1], [50, 20])
    found = delong_ci(y, np.zeros(70))
    assert found.value == 0.5
    for p in (found.low, found.high):  # 20 pairs: KL(1/2, p) = log(40) / 20
        assert 0.5 * log(0.5 / p) + 0.5 * log(0.5 / (1 - p)) == pytest.approx(log(40) / 20, abs=1e-10)
    assert found.low == pytest.approx(1 - found.high, abs=1e-12)


def test_scores_in_the_same_order_do_not_differ(asah):
    found = delong_test(asah["poor"], asah["s100b"], np.log(asah["s100b"] + 1))
    assert (found.difference, found.low, found.high, found.z, found.p) == (0, 0, 0, 0, 1)


def test_zero_variance_of_a_true_difference_gets_bounds():
    y = np.repeat([0, 1], [40, 40])
    found = delong_test(y, y.astype(float), np.zeros(80))
    assert found.difference == 0.5
    assert np.isnan(found.z)
    assert found.p == pytest.approx(2 * np.exp(-40 * 0.25 / 2))
    assert found.low == pytest.approx(0.5 - np.sqrt(2 * np.log(40) / 40))
    assert found.high == pytest.approx(1 - found.low)
    other_perfect = delong_test(y, y.astype(float), y + np.random.default_rng(0).random(80) * 0.1)
    assert other_perfect.difference == 0
    assert other_perfect.low < 0 < other_perfect.high


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_a_perfect_area_is_not_known_exactly_beside_another_centres(rng, level):
    y, few = np.repeat([0, 1], 100), np.repeat([0, 1], 10)
    score = rng.normal(size=200) + 2.5 * y
    found = delong_test_unpaired(few, few, y, score, level=level)
    perfect, other = delong_ci(few, few, level=level), delong_ci(y, score, level=level)
    assert found.difference == 1 - other.value
    assert found.low == pytest.approx(found.difference - np.hypot(1 - perfect.low, other.high - other.value))
    assert found.high == pytest.approx(found.difference + other.value - other.low)
    swapped = delong_test_unpaired(y, score, few, few, level=level)
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))
    assert swapped.p == pytest.approx(found.p)
    # The p value is where the interval's limit meets 0.
    far = delong_test_unpaired(y, y, few, 1 - few, level=level)
    assert 0 < far.p < 0.05
    assert delong_test_unpaired(y, y, few, 1 - few, level=1 - far.p).low == pytest.approx(0, abs=1e-4)
    both = delong_test_unpaired(few, few, y, y, level=level)
    assert (both.difference, both.p) == (0, 1)
    assert both.low < 0 < both.high


def test_a_tiny_difference_among_many_cases_is_not_lost(rng):
    n = 200_000
    y = rng.random(n) < 0.3
    a = rng.normal(size=n) + y
    b = a.copy()
    first, second = np.flatnonzero(y)[0], np.flatnonzero(~y)[0]
    b[[first, second]] = b[[second, first]]
    found = delong_test(y, a, b)
    assert found.se > 0
    assert found.z * found.difference > 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: delong_ci([0, 0, 1], [1, 2, 3]), NotEstimableError, "two independent positive"),
        (lambda: delong_ci([0, 1, 1], [1, 2, 3]), NotEstimableError, "two independent negative"),
        (lambda: delong_ci([0, 0, 1, 1], [1, 2, 3, 4], clusters=[1, 1, 2, 2]), NotEstimableError, "independent"),
        (lambda: delong_ci([0, 0, 1, 1], [1, 2, 3, 4], method="exact"), InputError, "one of: logit, wald"),
        (lambda: delong_ci([0, 0, 1, 1], [1, 2, 3, 4], level=95), InputError, "level is 95"),
        (lambda: delong_ci([0, 0, 1, 1], [1, 2, 3, 4], clusters=[1, 2]), InputError, "clusters has shape"),
        (lambda: delong_test([0, 0, 1, 1], [1, 2, 3, 4], [1, 2, np.nan, 4]), InputError, "b has 1 missing"),
        (lambda: delong_test([0, 0, 1, 1], [1, 2, 3, 4], [1, 2, 3]), InputError, "b has shape"),
    ],
)
def test_degenerate_input_has_a_named_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_sentences_and_frames(asah):
    found = delong_ci(asah["poor"], asah["s100b"], method="wald")
    assert str(found) == "AUC 0.731 (95% CI 0.630 to 0.833)"
    assert found.to_frame().loc[0, "method"] == "DeLong 1988, wald"
    test = delong_test(asah["poor"], asah["wfns"], asah["s100b"])
    assert str(test) == "AUC difference 0.092 (95% CI 0.010 to 0.174; p = 0.027)"
    assert test.to_frame().loc[0, "n"] == 113
