"""Random-effects pooling against metafor."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate
from osteon.stats import delong_ci, pool, pool_values

Y, S = [0.81, 1.24, 0.35, 1.02, 0.66], [0.12, 0.20, 0.15, 0.31, 0.09]


@pytest.mark.parametrize(
    ("method", "knapp"), [("reml", False), ("reml", True), ("dl", False), ("dl", True), ("fe", False)]
)
def test_pooling_is_that_of_metafor(reference, method, knapp):
    r, key = reference("pooling"), f"{method} {'knapp' if knapp else 'normal'}"
    found = pool_values(Y, S, method={"fe": "fixed"}.get(method, method), hartung_knapp=knapp)
    tolerance = {"abs": 2e-6} if method == "reml" else {"abs": 1e-12}  # metafor's REML stops earlier than ours
    for name, value in (("value", found.estimate.value), ("se", found.estimate.se), ("low", found.estimate.low),
                        ("high", found.estimate.high), ("tau2", found.tau2), ("i2", found.i2), ("q", found.q),
                        ("p", found.p_heterogeneity)):  # fmt: skip
        assert value == pytest.approx(r[f"{key} {name}"], **tolerance), name
    if method != "fe":
        assert found.prediction_low == pytest.approx(r[f"{key} prediction low"], **tolerance)
        assert found.prediction_high == pytest.approx(r[f"{key} prediction high"], **tolerance)
    assert sum(found.weights) == pytest.approx(1)


def test_reml_is_at_the_top_of_the_restricted_likelihood():
    y, v = np.array(Y), np.array(S) ** 2

    def likelihood(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = w @ y / w.sum()
        return -0.5 * (np.sum(np.log(v + tau2)) + np.log(w.sum()) + w @ (y - mean) ** 2)

    tau2 = pool_values(Y, S).tau2
    assert likelihood(tau2) > max(likelihood(tau2 * 0.999), likelihood(tau2 * 1.001))


def test_equal_centres_have_no_heterogeneity():
    found = pool_values([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])
    assert (found.tau2, found.i2, found.q) == (0, 0, 0)
    assert found.estimate.value == pytest.approx(0.5)


def test_aucs_are_pooled_on_the_logit_scale(rng):
    centres = {}
    for name, shift in (("1", 1.0), ("2", 0.6), ("3", 1.4)):
        y = np.repeat([0, 1], [60, 40])
        centres[name] = delong_ci(y, rng.normal(size=100) + shift * y)
    found = pool(centres)
    values = [logit(e.value) for e in centres.values()]
    errors = [e.se / e.value / (1 - e.value) for e in centres.values()]
    expected = pool_values(values, errors)
    assert found.estimate.value == pytest.approx(expit(expected.estimate.value))
    assert found.prediction_high == pytest.approx(expit(expected.prediction_high))
    assert 0 < found.prediction_low < found.estimate.low < found.estimate.high < found.prediction_high < 1
    assert str(found).startswith("pooled AUC 0.")
    assert found.to_frame().loc[0, "scale"] == "logit"


def test_a_centre_that_is_not_estimable_is_left_out_and_a_perfect_one_stays(rng):
    y = np.repeat([0, 1], [30, 30])
    some = [delong_ci(y, rng.normal(size=60) + y) for _ in range(2)]
    nothing = Estimate(np.nan, np.nan, np.nan, "one class", 10)
    assert pool([*some, nothing]).estimate == pool(some).estimate
    perfect = pool([*some, delong_ci(y, y.astype(float))])
    assert pool(some).estimate.value < perfect.estimate.value < 1
    assert len(perfect.weights) == 3


def test_perfect_and_alike_centres_leave_doubt():
    def centre(n: int) -> Estimate:
        y = np.repeat([0, 1], n)
        return delong_ci(y, y.astype(float))

    alike = pool([centre(30)] * 3)
    assert alike.estimate.low < 0.97 < alike.estimate.value < 1
    # k successes of k: the empirical logit, of as many trials as Wilson's interval k / (k + z^2) says.
    one, z2 = centre(30).low, 1.959963985**2
    k = one * z2 / (1 - one)
    assert alike.estimate.value == pytest.approx((k + 0.5) / (k + 1))
    rng, y = np.random.default_rng(0), np.repeat([0, 1], 200)
    known = delong_ci(y, rng.normal(size=400) + 1.1 * y)
    mixed = pool([centre(10), centre(20), known], hartung_knapp=False)
    assert mixed.weights[2] > mixed.weights[0]
    assert known.value < mixed.estimate.value < 0.97
    ties = delong_ci(np.repeat([0, 1], 20), np.ones(40))
    assert pool([ties] * 3).estimate.low < 0.35


def test_centres_that_agree_by_chance_are_no_surer_than_the_model_says():
    """metafor's test = "adhoc": Student's interval around the model's variance where Hartung and Knapp's is smaller."""
    found = pool_values([0.2, 0.2, 0.2], [0.1, 0.1, 0.1]).estimate
    assert found.high - 0.2 == pytest.approx(4.302652730 * 0.1 / np.sqrt(3))


def test_two_centres_have_no_prediction_interval():
    found = pool_values([0.1, 0.9], [0.1, 0.1])
    assert np.isnan(found.prediction_low)
    assert "prediction" not in str(found)


def test_degenerate_input_has_a_named_error():
    with pytest.raises(NotEstimableError, match="1 of 1 centres"):
        pool([Estimate(0.7, 0.6, 0.8, "", 10, 0.05)])
    alike = Estimate(0.0, 0.0, 0.0, "", 10, 0.0, 0.95, "AUC difference")
    with pytest.raises(NotEstimableError, match="AUC difference of a centre without any error"):
        pool([alike, alike], scale="identity")
    with pytest.raises(InputError, match="not positive"):
        pool_values([1, 2], [0.1, 0])
    with pytest.raises(InputError, match="missing"):
        pool_values([1, np.nan], [0.1, 0.1])
    with pytest.raises(InputError, match="method is 'pm'"):
        pool_values([1, 2], [0.1, 0.1], method="pm")
