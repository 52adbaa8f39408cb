"""Calibration against R's glm, sandwich, rms and definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import brier, calibration, expected_calibration_error, isotonic, platt


@pytest.fixture(scope="module")
def case(asah):
    return asah["poor"].to_numpy(), expit(-2 + 0.5 * asah["wfns"] + asah["s100b"]).to_numpy(), asah["age"].to_numpy()


def test_intercept_and_slope_are_those_of_r(case, reference):
    r, (y, p, age) = reference("regression"), case
    found = calibration(y, p)
    assert found.intercept.value == pytest.approx(r["intercept"], abs=1e-9)
    assert found.intercept.se == pytest.approx(r["intercept se"], abs=1e-9)
    assert found.slope.value == pytest.approx(r["slope"], abs=1e-9)
    assert found.slope.se == pytest.approx(r["slope se"], abs=1e-8)
    clustered = calibration(y, p, clusters=age)
    assert clustered.slope.value == found.slope.value
    assert clustered.intercept.se == pytest.approx(r["intercept se clustered"], abs=1e-8)
    assert clustered.slope.se == pytest.approx(r["slope se clustered"], abs=1e-8)
    assert "cluster-robust" in clustered.slope.method


@pytest.mark.parametrize("knots", [3, 4, 5])
def test_the_smooth_curve_and_its_band_are_those_of_rms(case, reference, knots):
    r, (y, p, _) = reference("regression"), case
    found = calibration(y, p, knots=knots, points=5)
    for name in ("observed", "low", "high"):
        expected = [r[f"curve {knots} knots {name} {i}"] for i in range(1, 6)]
        np.testing.assert_allclose(getattr(found.curve, name), expected, atol=1e-8)
    assert found.ici == pytest.approx(r[f"ici {knots} knots"], abs=1e-8)
    assert f"{knots} knots" in found.curve.method


def test_brier_is_that_of_rms_and_its_parts_add_up(case, reference):
    y, p, _ = case
    found = brier(y, p)
    assert found.score.value == pytest.approx(reference("regression")["brier"], abs=1e-12)
    assert found.score.se == pytest.approx(np.std((p - y) ** 2, ddof=1) / np.sqrt(len(y)))
    parts = found.reliability - found.resolution + found.uncertainty + found.within
    assert parts == pytest.approx(found.score.value, abs=1e-15)
    # Murphy's own case: as many bins as distinct predictions leaves nothing within
    few = np.round(p, 1)
    assert brier(y, few, bins=1000).within == pytest.approx(0, abs=1e-15)


def test_recalibration_is_that_of_r(case, reference):
    r, (y, p, _) = reference("regression"), case
    line = platt(y, p)
    assert line.intercept == pytest.approx(r["platt intercept"], abs=1e-9)
    assert line.slope == pytest.approx(r["slope"], abs=1e-9)
    steps = isotonic(y, p)
    for i in (1, 20, 50, len(steps.observed)):
        assert steps.observed[i - 1] == pytest.approx(r[f"isotonic {i}"], abs=1e-12)


def test_a_recalibrated_model_is_calibrated(case):
    y, p, _ = case
    line = platt(y, p)
    found = calibration(y, line.apply(p))
    assert found.intercept.value == pytest.approx(0, abs=1e-7)
    assert found.slope.value == pytest.approx(1, abs=1e-7)
    assert found.observed_expected.value == pytest.approx(1, abs=1e-7)
    assert (np.diff(isotonic(y, p).apply(np.linspace(0, 1, 50))) >= 0).all()
    assert expected_calibration_error(y, isotonic(y, p).apply(p), bins=1000) == pytest.approx(0, abs=1e-12)
    assert line.apply(p.reshape(-1, 1)).shape == (len(p), 1)


def test_shifted_and_stretched_predictions_are_recognised(rng):
    z = rng.normal(size=40_000)
    y = rng.random(40_000) < expit(z)
    found = calibration(y, expit(2 * z + 0.5))
    assert found.slope.value == pytest.approx(0.5, abs=0.02)
    assert found.intercept.value < 0
    truth = calibration(y, expit(z))
    assert truth.ici < 0.01
    assert truth.ece < 0.02
    inside = (truth.curve.low <= truth.curve.predicted) & (truth.curve.predicted <= truth.curve.high)
    assert inside.mean() > 0.8


def test_ece_is_its_definition(rng):
    p = rng.random(200)
    y = (rng.random(200) < p).astype(int)
    order = np.argsort(p)
    groups = np.array_split(order, 10)
    expected = sum(len(g) / 200 * abs(p[g].mean() - y[g].mean()) for g in groups)
    assert expected_calibration_error(y, p) == pytest.approx(expected, abs=1e-12)


@given(st.floats(-2, 2), st.floats(0.3, 3), st.integers(0, 1000))
@settings(max_examples=25)
def test_recalibration_undoes_any_line(shift, stretch, seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=300)
    y = rng.random(300) < expit(z)
    direct, bent = platt(y, expit(z)), platt(y, expit(shift + stretch * z))
    np.testing.assert_allclose(bent.apply(expit(shift + stretch * z)), direct.apply(expit(z)), atol=1e-6)


def test_probabilities_of_exactly_zero_and_one_are_allowed(rng):
    p = np.r_[0.0, 1.0, rng.random(98)]
    y = (rng.random(100) < p).astype(int)
    y[:2] = 1, 0
    found = calibration(y, p)
    assert np.isfinite([found.slope.value, found.intercept.value, found.ici]).all()


def test_few_distinct_predictions_get_a_straight_curve():
    p = np.tile([0.2, 0.6], 50)
    y = (np.arange(100) % 7 < 3).astype(int)
    found = calibration(y, p)
    assert "linear" in found.curve.method
    np.testing.assert_allclose(found.curve.observed[[0, -1]], [y[p == 0.2].mean(), y[p == 0.6].mean()], atol=1e-8)


@pytest.mark.parametrize(
    ("truth", "probability", "error", "message"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3], NotEstimableError, "all 3 cases"),
        ([0, 1, 0], [0.2, 0.2, 0.2], NotEstimableError, "all predictions are equal"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], NotEstimableError, "separate"),
        ([0, 0, 0, 1, 1, 1], [0.2, 0.3, 0.5, 0.5, 0.7, 0.9], NotEstimableError, "separate"),
        ([0, 1], [0.2, 1.2], InputError, "1.2 at position 1"),
        ([0, 1], [0.2, np.nan], InputError, "missing"),
    ],
)
def test_degenerate_input_has_a_named_error(truth, probability, error, message):
    with pytest.raises(error, match=message):
        calibration(truth, probability)


def test_sentences_and_frames(case):
    y, p, _ = case
    found = calibration(y, p)
    assert str(found).startswith("calibration intercept -0.169 (95% CI -0.595 to 0.256); calibration slope 1.419")
    assert list(found.to_frame()["name"]) == [
        "calibration intercept", "calibration slope", "observed/expected", "Brier score", "ECE", "ICI",
    ]  # fmt: skip
    assert list(found.curve.to_frame().columns) == ["predicted", "observed", "low", "high"]
    assert found.brier.to_frame().loc[0, "uncertainty"] == pytest.approx(y.mean() * (1 - y.mean()))
    assert logit(0.5) == 0
    assert str(platt(y, p)) == "logit(p') = -0.024 + 1.419 logit(p) (Platt 1999)"
