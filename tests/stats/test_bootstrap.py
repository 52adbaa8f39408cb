"""Resampling against closed forms, slow loops and DeLong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import rankdata, t

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import (
    auc,
    bootstrap_ci,
    bootstrap_test,
    compare_sensitivity,
    delong_ci,
    delong_test,
    partial_auc,
    partial_auc_ci,
    permutation_test,
    roc_curve,
)
from osteon.stats.bootstrap import Units, jackknife_acceleration, of_weights
from osteon.stats.permutation import exchange_effects


def test_weighted_auc_is_the_auc_of_the_repeated_cases(rng):
    y, score = rng.random(60) < 0.4, rng.integers(0, 9, size=60).astype(float)
    weights = rng.integers(0, 4, size=(40, 60)).astype(float)
    fast = of_weights(auc, y, score)(weights)
    slow = [auc(np.repeat(y, w), np.repeat(score, w)) for w in weights.astype(int)]
    np.testing.assert_allclose(fast, slow, atol=1e-14)


def test_each_stratum_keeps_its_size_and_patients_stay_whole(rng):
    y = rng.random(90) < 0.3
    patient = np.arange(90) // 2
    units = Units(y, patient, stratified=True)
    weights = np.concatenate(list(units.drawn(200, rng)))
    assert (weights[:, 0::2] == weights[:, 1::2]).all()
    kinds = np.array([2 * y[patient == p].any() + (~y[patient == p]).any() for p in range(45)])
    for kind in (1, 2, 3):
        mine = np.isin(patient, np.flatnonzero(kinds == kind))
        assert (weights[:, mine].sum(axis=1) == mine.sum()).all()


def test_unstratified_resamples_have_both_classes(rng):
    y = np.r_[np.ones(2), np.zeros(12)] == 1
    weights = np.concatenate(list(Units(y, None, stratified=False).drawn(500, rng)))
    assert (weights[:, :2].sum(axis=1) > 0).all()
    assert (weights.sum(axis=1) == 14).all()


def test_the_bootstrap_finds_delongs_standard_error(asah):
    found = bootstrap_ci(asah["poor"], asah["s100b"], method="percentile", resamples=8000)
    exact = delong_ci(asah["poor"], asah["s100b"], method="wald")
    assert found.value == exact.value
    assert found.se == pytest.approx(exact.se, rel=0.04)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.015)
    assert found.name == "AUC"


def test_a_patient_bootstrap_of_copies_is_that_of_the_patients(asah):
    y, s = np.repeat(asah["poor"], 3), np.repeat(asah["s100b"], 3)
    found = bootstrap_ci(y, s, clusters=np.repeat(np.arange(113), 3), resamples=500, rng=7)
    once = bootstrap_ci(asah["poor"], asah["s100b"], resamples=500, rng=7)
    assert (found.low, found.high, found.se) == pytest.approx((once.low, once.high, once.se), abs=1e-12)
    assert "patients" in found.method


def test_bca_of_a_mean_is_efrons(rng):
    """One stratum and the mean: acceleration is skewness / (6 sqrt n), and scipy's BCa agrees."""
    x = rng.exponential(size=40)
    y = np.r_[0, 1, rng.integers(0, 2, size=38)]

    def mean(truth, score):
        return float(np.mean(score))

    found = bootstrap_ci(y, x, statistic=mean, stratified=False, resamples=6000, name="mean")
    other = scipy_bootstrap((x,), np.mean, n_resamples=6000, method="BCa", rng=np.random.default_rng(3))
    assert (found.low, found.high) == pytest.approx(tuple(other.confidence_interval), rel=0.03)
    assert str(found).startswith("mean ")
    units = Units(y == 1, None, stratified=False)
    deviation = x - x.mean()
    expected = np.sum(deviation**3) / (6 * np.sum(deviation**2) ** 1.5)
    assert jackknife_acceleration(units, of_weights(mean, y == 1, x)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_perfect_separation_is_not_certainty(method):
    y = np.repeat([0, 1], 10)
    perfect, reverse = y.astype(float), 1.0 - y
    found, exact = bootstrap_ci(y, perfect, resamples=100, method=method), delong_ci(y, perfect)
    assert (found.value, found.low, found.high) == (1, exact.low, 1)
    assert bootstrap_test(y, perfect, reverse, resamples=100) == delong_test(y, perfect, reverse)
    for nothing in (
        partial_auc_ci(y, perfect, resamples=100),
        compare_sensitivity(y, perfect, reverse, specificity=0.5, resamples=100),
    ):
        assert np.isnan([nothing.low, nothing.high]).all()
        assert "no interval" in nothing.method
        assert "nan" not in str(nothing)


@pytest.mark.parametrize(
    "wrong", [{"level": 95}, {"level": 1.5}, {"resamples": 0}, {"resamples": -1}, {"resamples": 10.5}]
)
def test_settings_are_checked(asah, wrong):
    y, s = asah["poor"], asah["ndka"]
    for call in (lambda: bootstrap_ci(y, s, **wrong), lambda: bootstrap_test(y, s, -s, **wrong)):
        with pytest.raises(InputError, match=next(iter(wrong))):
            call()
    changed = {name.replace("resamples", "permutations"): value for name, value in wrong.items()}
    with pytest.raises(InputError):
        permutation_test(y, s, -s, **changed)


def test_the_same_seed_gives_the_same_interval(asah):
    y, s = asah["poor"], asah["ndka"]
    assert bootstrap_ci(y, s, resamples=200, rng=5) == bootstrap_ci(y, s, resamples=200, rng=5)
    assert bootstrap_ci(y, s, resamples=200, rng=5) != bootstrap_ci(y, s, resamples=200, rng=6)


def test_paired_bootstrap_agrees_with_delong_and_is_antisymmetric(asah):
    y, a, b = asah["poor"], asah["wfns"], asah["s100b"]
    ab, ba = (bootstrap_test(y, *pair, resamples=4000, rng=1) for pair in ((a, b), (b, a)))
    exact = delong_test(y, a, b)
    assert ab.difference == pytest.approx(exact.difference)
    assert ab.se == pytest.approx(exact.se, rel=0.06)
    assert (ab.difference, ab.z, ab.low, ab.high) == pytest.approx((-ba.difference, -ba.z, -ba.high, -ba.low))
    same = bootstrap_test(y, a, a, resamples=50)
    assert (same.difference, same.z, same.p) == (0, 0, 1)


def test_permutation_p_is_that_of_its_definition(asah):
    y, a, b = asah["poor"], asah["wfns"], asah["s100b"]
    found = permutation_test(y, a, b, permutations=9999, rng=2)
    assert found.difference == pytest.approx(auc(y, a) - auc(y, b))
    assert found.p == pytest.approx(delong_test(y, a, b).p, abs=0.01)
    assert found.p >= 1 / 10_000
    assert permutation_test(y, a, a, permutations=49).p == 1


@pytest.mark.parametrize("clustered", [False, True])
def test_exchanges_add_up_case_by_case(rng, clustered):
    """The sum of signed effects is the difference of the two AUCs after really exchanging the ranks."""
    y, a, b = rng.random(40) < 0.4, rng.integers(0, 9, size=40), rng.integers(0, 9, size=40)
    ranks = rankdata(a), rankdata(b)
    effect = exchange_effects(y, *ranks)
    patient = np.arange(40) // 2 if clustered else np.arange(40)
    for _ in range(50):
        swap = (rng.random(40) < 0.5)[patient]
        exchanged = auc(y, np.where(swap, ranks[1], ranks[0])) - auc(y, np.where(swap, ranks[0], ranks[1]))
        assert np.sum(np.where(swap, -effect, effect)) == pytest.approx(exchanged, abs=1e-14)


def test_permutation_keeps_a_patients_cases_together():
    y = np.repeat([0, 1], 20)
    a, b = y + 0.0, 1.0 - y
    # one patient in all: either everything is exchanged or nothing, and both are as extreme as what is seen
    found = permutation_test(y, a, b, clusters=np.zeros(40, dtype=int), permutations=99)
    assert found.p == 1


def test_partial_area_and_sensitivity_intervals(asah):
    y, a, b = asah["poor"], asah["wfns"], asah["s100b"]
    found = partial_auc_ci(y, a, resamples=200)
    assert found.value == partial_auc(y, a)
    assert found.low < found.value < found.high
    assert found.name == "partial AUC (specificity 0.9 to 1)"
    share, se = found.value / 0.1, found.se / 0.1
    half = 1.959963984540054 * se / (share * (1 - share))
    assert found.high == pytest.approx(0.1 * expit(logit(share) + half))
    standardised = partial_auc_ci(y, a, resamples=200, standardised=True)
    assert standardised.value == partial_auc(y, a, standardised=True)
    chance = 0.1**2 / 2
    for mine, raw in ((standardised.low, found.low), (standardised.high, found.high)):
        assert mine == pytest.approx((1 + (raw - chance) / (0.1 - chance)) / 2, abs=1e-12)
    test = compare_sensitivity(y, a, b, specificity=0.9, resamples=200)
    expected = roc_curve(y, a).sensitivity_at(0.9) - roc_curve(y, b).sensitivity_at(0.9)
    assert test.difference == pytest.approx(float(expected))
    assert test.p == pytest.approx(2 * t(112).sf(abs(test.z)))
    half = t(112).ppf(0.975) * test.se
    assert (test.low, test.high) == pytest.approx((test.difference - half, test.difference + half))


@pytest.mark.parametrize("specificity", [0.05, 0.5, 0.8, 0.9, 0.97])
def test_sensitivities_of_all_resamples_at_once_are_those_of_each(rng, specificity):
    y, patient = rng.random(60) < 0.4, np.arange(60) // 2
    a, b = rng.integers(0, 9, 60) + y, rng.normal(size=60)

    def slow(truth, score):
        return float(roc_curve(truth, score).sensitivity_at(specificity))

    how = {"resamples": 200, "clusters": patient}
    found = compare_sensitivity(y, a, b, specificity=specificity, **how)
    assert found == bootstrap_test(y, a, b, statistic=slow, name=found.name, **how)


def test_degenerate_input_has_a_named_error():
    with pytest.raises(NotEstimableError, match="all 2 cases are positive"):
        bootstrap_ci([1, 1], [0, 1])
    with pytest.raises(InputError, match="method is 'basic'"):
        bootstrap_ci([0, 1], [0, 1], method="basic")
    with pytest.raises(InputError, match="resamples is 1"):
        bootstrap_ci([0, 1], [0, 1], resamples=1)
    with pytest.raises(InputError, match="specificity is 1"):
        compare_sensitivity([0, 1], [0, 1], [1, 0], specificity=1)
