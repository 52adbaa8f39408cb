"""Likelihood ratios, precision and recall, bands, Venkatraman's test, AC1 and alpha: authorities and definitions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from osteon import stats
from osteon.core.errors import InputError, NotEstimableError

SCALES = {"nominal": "unweighted", "interval": "quadratic", "ratio": "ratio"}


@pytest.fixture(scope="module")
def expected(reference):
    return reference("reviewers")


@pytest.fixture(scope="module")
def raters():
    from pathlib import Path

    return pd.read_csv(Path(__file__).parents[1] / "references" / "stats" / "raters.csv")


@pytest.mark.parametrize(("name", "threshold"), [("wfns", 4), ("s100b", 0.22)])
def test_ratios_are_epir(asah, expected, name, threshold):
    found = stats.likelihood_ratios(asah["poor"], asah[name], threshold)
    for estimate, key in ((found.positive, "lr.pos"), (found.negative, "lr.neg"), (found.odds_ratio, "diag.or")):
        assert estimate.value == pytest.approx(expected[f"{name} {key}"], rel=1e-12)
        assert estimate.low == pytest.approx(expected[f"{name} {key} low"], rel=1e-9)
        assert estimate.high == pytest.approx(expected[f"{name} {key} high"], rel=1e-9)


def test_predictive_values_are_bayes(asah):
    found = stats.likelihood_ratios(asah["poor"], asah["wfns"], 4)
    point = stats.operating_point(asah["poor"], asah["wfns"], 4)
    ppv, npv = found.predictive_values(float(asah["poor"].mean()))
    assert ppv.value == pytest.approx(point.ppv.value)
    assert npv.value == pytest.approx(point.npv.value)
    for prevalence in (0.01, 0.3, 0.9):
        se, sp = point.sensitivity.value, point.specificity.value
        ppv, npv = found.predictive_values(prevalence)
        assert ppv.value == pytest.approx(se * prevalence / (se * prevalence + (1 - sp) * (1 - prevalence)))
        assert npv.value == pytest.approx(sp * (1 - prevalence) / (sp * (1 - prevalence) + (1 - se) * prevalence))
        assert ppv.low < ppv.value < ppv.high
        assert npv.low < npv.value < npv.high
    with pytest.raises(InputError, match="prevalence"):
        found.predictive_values(1)


def test_an_empty_count_and_clusters(asah):
    found = stats.likelihood_ratios([1] * 8 + [0] * 12, [1] * 20, 0.5)
    assert found.positive.value == pytest.approx((8.5 / 9) / (12.5 / 13))
    assert "Haldane" in found.method
    own = np.arange(len(asah))
    alone, patients = (stats.likelihood_ratios(asah["poor"], asah["wfns"], 4, clusters=c).positive for c in (None, own))
    assert patients.value == alone.value
    assert patients.se == pytest.approx(alone.se, rel=0.02)  # factors n / (n - 1) of either class
    twice = np.tile(own, 2)
    doubled = stats.likelihood_ratios(np.tile(asah["poor"], 2), np.tile(asah["wfns"], 2), 4, clusters=twice)
    assert doubled.positive.se == pytest.approx(patients.se, rel=0.02)  # no information in a copy
    with pytest.raises(NotEstimableError):
        stats.likelihood_ratios([1, 1], [0, 1], 0.5)


def test_average_precision_is_scikit_learns(asah, rng):
    for score in (asah["wfns"], asah["s100b"], asah["ndka"], rng.integers(0, 4, len(asah))):
        assert stats.average_precision(asah["poor"], score) == pytest.approx(
            average_precision_score(asah["poor"], score), rel=1e-12
        )


def test_average_precision_interval(asah):
    found = stats.average_precision_ci(asah["poor"], asah["wfns"], resamples=300, rng=1)
    assert found == stats.average_precision_ci(asah["poor"], asah["wfns"], resamples=300, rng=1)
    assert 0 < found.low < found.value < found.high < 1
    clustered = stats.average_precision_ci(
        asah["poor"], asah["wfns"], resamples=300, rng=1, clusters=np.arange(len(asah)) // 2
    )
    assert "patients" in clustered.method
    perfect = stats.average_precision_ci([0] * 5 + [1] * 5, range(10), resamples=20)
    assert (perfect.low, perfect.value, perfect.high) == (1, 1, 1)


def test_band_is_proc(asah, expected):
    at = [0.5, 0.7, 0.9]
    found = stats.roc_band(asah["poor"], asah["ndka"], at, resamples=1500)
    for place, specificity in enumerate(at):
        for side, limits in (("low", found.low), ("high", found.high)):
            key = f"ndka sensitivity at {specificity} {side}"
            assert limits[place] == pytest.approx(expected[key], abs=0.04)
    assert (found.band_low <= found.low).all()
    assert (found.band_high >= found.high).all()
    assert list(found.to_frame()["specificity"]) == at


def test_band_ends_at_what_is_possible(asah):
    found = stats.roc_band(asah["poor"], asah["s100b"], resamples=50)
    assert found.specificity.size == 21
    assert (found.band_low[-1], found.band_high[0]) == (0, 1)
    for lower, middle, upper in (
        (found.low, found.sensitivity, found.high),
        (found.band_low, found.sensitivity, found.band_high),
    ):
        assert ((lower >= 0) & (lower <= middle) & (middle <= upper) & (upper <= 1)).all()
    with pytest.raises(InputError, match="specificity"):
        stats.roc_band(asah["poor"], asah["s100b"], [1.2], resamples=50)


def test_venkatraman_is_proc(asah, expected):
    # pROC jitters the ranks of the cases that are not exchanged only; with many ties its p differs a little for that.
    for other in ("s100b", "ndka"):
        found = stats.venkatraman_test(asah["poor"], asah["wfns"], asah[other], rng=2)
        assert found.statistic == expected[f"wfns {other} venkatraman statistic"]
        assert found.p == pytest.approx(expected[f"wfns {other} venkatraman p"], abs=0.01)


def test_venkatraman_is_its_definition(rng):
    """Without ties, against all exchanges of eight cases and errors counted cut by cut."""
    y = np.array([0, 0, 0, 1, 1, 1])
    a, b = rng.permutation(6) + 3.0 * y, rng.permutation(6) + 0.0

    def apart(first, second):
        ranks = [np.argsort(np.argsort(one)) for one in (first, second)]
        errors = [[np.sum((r <= cut) & (y == 1)) + np.sum((r > cut) & (y == 0)) for cut in range(6)] for r in ranks]
        return int(np.abs(np.diff(errors, axis=0)).sum())

    ranks = [np.argsort(np.argsort(one)) + 0.0 for one in (a, b)]
    exchanged = []
    for swap in product([False, True], repeat=6):
        for one, other in np.add(ranks, rng.uniform(-0.5, 0.5, size=(20, 2, 6))):
            exchanged.append(apart(np.where(swap, other, one), np.where(swap, one, other)))
    found = stats.venkatraman_test(y, a, b, permutations=4000)
    assert found.statistic == apart(a, b)
    assert found.p == pytest.approx(np.mean(np.array(exchanged) >= found.statistic), abs=0.04)


def test_agreement_is_irrcac(raters, expected):
    found = stats.gwet_ac1(raters)
    assert found.value == pytest.approx(expected["AC1"], abs=5e-6)
    assert found.se == pytest.approx(expected["AC1 se"], abs=5e-6)
    for scale, key in SCALES.items():
        assert stats.krippendorff_alpha(raters, scale=scale).value == pytest.approx(expected[f"alpha {key}"], abs=5e-6)


def test_alpha_is_krippendorffs(raters, printed):
    for scale in ("nominal", "ordinal", "interval", "ratio"):
        found = stats.krippendorff_alpha(raters, scale=scale)
        assert f"{found.value:.3f}" == printed[f"Krippendorff 2011 {scale}"]


def test_a_rare_category(rng):
    """Two readers who agree in 98 of 100 cases: kappa is 0, AC1 is not."""
    a, b = np.array(["no"] * 100), np.array(["no"] * 100)
    a[0], b[1] = "yes", "yes"
    assert stats.kappa(a, b).value < 0
    assert stats.gwet_ac1(np.column_stack([a, b])).value > 0.97


def test_agreement_of_patients(raters):
    own, patient = stats.gwet_ac1(raters), np.tile(np.arange(12), 2)
    copies = stats.gwet_ac1(np.vstack([raters, raters]), clusters=patient)
    assert "jackknife" in copies.method
    assert copies.value == pytest.approx(own.value)
    assert copies.se == pytest.approx(own.se, rel=0.25)  # no information in a copy
    alpha = stats.krippendorff_alpha(np.vstack([raters, raters]), clusters=patient)
    assert alpha.low < alpha.value < alpha.high


def test_what_cannot_be_said_of_agreement():
    one = np.full((5, 2), "a", dtype=object)
    with pytest.raises(NotEstimableError, match="one category"):
        stats.gwet_ac1(one)
    assert stats.gwet_ac1(one, categories=["a", "b"]).value == 1
    with pytest.raises(NotEstimableError, match="equal"):
        stats.krippendorff_alpha(one)
    with pytest.raises(InputError, match="'c'"):
        stats.gwet_ac1([["a", "c"], ["a", "a"]], categories=["a", "b"])
    with pytest.raises(InputError, match="one column a reader"):
        stats.gwet_ac1(["a", "b"])
    with pytest.raises(InputError, match="scale"):
        stats.krippendorff_alpha([[1, 2], [1, 1]], scale="log")
    with pytest.raises(InputError, match="negative"):
        stats.krippendorff_alpha([[-1, 2], [1, 1]], scale="ratio")
    with pytest.raises(NotEstimableError, match="twice"):
        stats.krippendorff_alpha([[1, None], [None, 2]])


def test_standardised_benefit_and_avoided(asah):
    y = asah["poor"].to_numpy()
    p = np.clip(asah["s100b"].to_numpy(), 0.01, 0.99)
    curve = stats.net_benefit(y, p, [0.1, 0.3, 0.5])
    share = curve.standardised()
    assert share.net_benefit == pytest.approx(curve.net_benefit / y.mean())
    assert share.treat_all == pytest.approx(curve.treat_all / y.mean())
    assert stats.net_benefit(y, y * 0.98 + 0.01, [0.4]).standardised().net_benefit == pytest.approx([1])
    avoided = stats.interventions_avoided(y, p, [0.1, 0.3, 0.5])
    odds = np.array([0.1, 0.3, 0.5]) / np.array([0.9, 0.7, 0.5])
    assert avoided.avoided == pytest.approx((curve.net_benefit - curve.treat_all) / odds)
    assert (avoided.low < avoided.avoided).all()
    assert (avoided.avoided < avoided.high).all()
    assert list(avoided.to_frame().columns) == ["threshold", "avoided", "low", "high"]


@pytest.mark.parametrize(
    "function",
    [
        lambda y, p, c: stats.average_precision_ci(y, p, clusters=c, resamples=5),
        lambda y, p, c: stats.likelihood_ratios(y, p, 0.3, clusters=c),
        lambda y, p, c: stats.roc_band(y, p, clusters=c, resamples=5),
        lambda y, p, c: stats.venkatraman_test(y, p, p[::-1], clusters=c, permutations=5),
        lambda y, p, c: stats.interventions_avoided(y, p, [0.2], clusters=c),
        lambda y, p, c: stats.gwet_ac1(np.column_stack([y, p > np.array(0.3)]), clusters=c),
        lambda y, p, c: stats.krippendorff_alpha(np.column_stack([y, p > np.array(0.3)]), clusters=c),
    ],
    ids=["average_precision", "ratios", "band", "venkatraman", "avoided", "ac1", "alpha"],
)
def test_one_patient_is_no_sample(function):
    with pytest.raises(NotEstimableError):
        function([0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.9], ["only"] * 6)
