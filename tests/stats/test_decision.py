"""Net benefit by counting, reclassification against Hmisc."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm, t

from osteon.core.errors import InputError
from osteon.stats import (
    mcnemar_test,
    net_benefit,
    net_benefit_difference,
    net_reclassification,
    operating_point,
    wilson_ci,
)
from osteon.stats.inputs import decimal


def counted(y: np.ndarray, treated: np.ndarray, threshold: float) -> float:
    """Vickers & Elkin 2006: TP / n - FP / n * odds."""
    true, false = np.sum(treated & (y == 1)), np.sum(treated & (y == 0))
    return true / len(y) - false / len(y) * threshold / (1 - threshold)


@given(st.integers(0, 10_000), st.floats(0.02, 0.98).filter(lambda t: decimal(t) == t))
def test_net_benefit_is_its_definition(seed, threshold):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, size=50), np.round(rng.random(50), 2)
    curve = net_benefit(y, p, [threshold])
    assert curve.net_benefit[0] == pytest.approx(counted(y, p >= threshold, threshold), abs=1e-12)
    assert curve.treat_all[0] == pytest.approx(counted(y, np.ones(50, bool), threshold), abs=1e-12)
    assert curve.low[0] <= curve.net_benefit[0] <= curve.high[0]


def test_with_many_cases_the_interval_is_the_normal_one_of_a_mean(rng):
    """Delta method by hand: Var = [TPR-part + odds^2 FPR-part - (mean)^2] / n (Marsh 2020)."""
    y, p = rng.integers(0, 2, size=400_000), rng.random(400_000)
    curve, odds = net_benefit(y, p, [0.3]), 0.3 / 0.7
    tp, fp = np.mean((p >= 0.3) & (y == 1)), np.mean((p >= 0.3) & (y == 0))
    half = 1.959963984540054 * np.sqrt((tp + odds**2 * fp - (tp - odds * fp) ** 2) / 400_000)
    assert curve.high[0] - curve.net_benefit[0] == pytest.approx(half, rel=2e-3)
    assert curve.net_benefit[0] - curve.low[0] == pytest.approx(half, rel=2e-3)


def test_at_even_odds_the_limits_are_tangos_and_treating_all_has_wilsons(rng):
    y, p = rng.integers(0, 2, size=60), rng.random(60)
    curve, treated = net_benefit(y, p, [0.5]), p >= 0.5
    paired = mcnemar_test(treated & (y == 1), treated & (y == 0))
    assert (curve.low[0], curve.high[0]) == pytest.approx((paired.low, paired.high), abs=1e-10)
    share, odds = wilson_ci(y.sum(), 60), 0.2 / 0.8
    everyone = net_benefit(y, p, [0.2])
    expected = [limit - (1 - limit) * odds for limit in (share.low, share.high)]
    assert [everyone.treat_all_low[0], everyone.treat_all_high[0]] == pytest.approx(expected, abs=1e-10)


def test_decimals_are_decimals():
    default = net_benefit([1] * 5 + [0] * 5, [0.06] * 10)
    assert default.thresholds.tolist() == [float(f"0.{k:02}") for k in range(1, 100)]
    assert default.net_benefit[5] == pytest.approx(0.5 - 0.5 * 6 / 94)
    assert round(float(default.net_benefit[5]), 3) == 0.468
    y = [1, 0, 1, 0]
    for k in range(1, 100):
        meant = float(f"0.{k:02}")
        shapes = [[meant] * 4, np.float32([meant] * 4), [1 - (100 - k) / 100] * 4, [0.01 * k] * 4]
        for probability, grid in itertools.product(shapes, (np.linspace(0.01, 0.99, 99), np.arange(0.01, 0.995, 0.01))):
            curve = net_benefit(y, probability, [grid[k - 1]])
            assert curve.net_benefit[0] == pytest.approx(0.5 - 0.5 * meant / (1 - meant)), (k, probability)
            assert operating_point(y, probability, grid[k - 1]).sensitivity.value == 1
    nothing = net_benefit_difference(y, [1 - 0.7] * 4, [0.1 + 0.2] * 4, 0.3)
    assert (nothing.difference, nothing.p) == (0, 1)
    assert net_reclassification(y, [0.3] * 4, [1 - 0.7] * 4, [0.1 + 0.2]).nri.value == 0


def test_a_threshold_that_is_no_decimal_is_left_alone():
    thirds = [1 / 3, 2 / 3, 1 / 3, 2 / 3]
    assert operating_point([1, 1, 0, 0], thirds, 2 / 3).sensitivity.value == 0.5
    assert operating_point([1, 1, 0, 0], [0.3, 0.3 + 1e-9, 0.1, 0.1], 0.3 + 1e-9).sensitivity.value == 0.5
    assert operating_point([1, 1, 0, 0], [1e-17, 1e-16, 0, 0], 1e-16).sensitivity.value == 0.5
    assert operating_point([1, 1, 0, 0], [1e300, 1e301, 0, -np.inf], 1e301).sensitivity.value == 0.5


def test_treating_all_crosses_zero_at_the_prevalence(rng):
    y = (np.arange(200) < 60).astype(int)
    curve = net_benefit(y, rng.random(200), [0.299999, 0.3, 0.300001])
    assert curve.treat_all[0] > 0 > curve.treat_all[2]
    assert curve.treat_all[1] == pytest.approx(0, abs=1e-12)


def test_patients_widen_the_band_and_copies_do_not_narrow_it(rng):
    y, p = rng.integers(0, 2, size=100), rng.random(100)
    copies = net_benefit(np.repeat(y, 4), np.repeat(p, 4), [0.2, 0.5], clusters=np.repeat(np.arange(100), 4))
    # One patient in place of four cases: 99 of 100 by the estimated variance, and Student's quantile.
    level = 2 * norm.cdf(t.ppf(0.975, 99) / np.sqrt(0.99)) - 1
    once = net_benefit(y, p, [0.2, 0.5], level=level)
    np.testing.assert_allclose([copies.low, copies.high], [once.low, once.high], atol=1e-10)
    difference = net_benefit_difference(y, p, 1 - p, 0.5)
    other = net_benefit_difference(y, 1 - p, p, 0.5)
    assert difference.difference == pytest.approx(counted(y, p >= 0.5, 0.5) - counted(y, 1 - p >= 0.5, 0.5))
    assert (difference.z, difference.low) == pytest.approx((-other.z, -other.high))
    same = net_benefit_difference(y, p, p, 0.5)
    assert (same.difference, same.z, same.p) == (0, 0, 1)


def test_one_class_still_has_a_net_benefit():
    curve = net_benefit(np.zeros(10), np.linspace(0, 1, 10), [0.5])
    assert curve.net_benefit[0] == pytest.approx(-0.5)


def test_reclassification_is_that_of_hmisc(asah, reference):
    r, y = reference("regression"), asah["poor"]
    old, new = expit(-2 + 0.6 * asah["wfns"]), expit(-2 + 0.5 * asah["wfns"] + asah["s100b"])
    found = net_reclassification(y, old, new)
    assert found.nri.value == pytest.approx(r["nri"], abs=1e-12)
    assert found.events.value == pytest.approx(r["nri events"], abs=1e-12)
    assert found.nonevents.value == pytest.approx(r["nri nonevents"], abs=1e-12)
    assert found.idi.value == pytest.approx(r["idi"], abs=1e-12)
    assert found.idi.se == pytest.approx(r["idi se"], abs=1e-12)
    assert found.secondary
    assert "secondary" in str(found)
    assert found.to_frame()["secondary"].all()


def test_categories_count_moves_between_them():
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    old = np.array([0.1, 0.1, 0.4, 0.8, 0.4, 0.4, 0.1, 0.8])
    new = np.array([0.4, 0.8, 0.4, 0.4, 0.1, 0.4, 0.4, 0.1])
    found = net_reclassification(y, old, new, [0.3, 0.6])
    assert found.events.value == (2 - 1) / 4
    assert found.nonevents.value == (2 - 1) / 4
    assert found.nri.value == 0.5


def test_impossible_thresholds_are_refused():
    for bad in ([0.0], [1.0], [0.5, np.nan]):
        with pytest.raises(InputError, match="outside 0 to 1"):
            net_benefit([0, 1], [0.2, 0.8], bad)


def test_sentence_and_frame(rng):
    y = (rng.random(300) < 0.4).astype(int)
    curve = net_benefit(y, np.clip(0.4 + 0.3 * (y - 0.4) + 0.1 * rng.normal(size=300), 0, 1))
    assert str(curve).startswith("net benefit above treating all and none at ")
    assert len(curve.to_frame()) == 99
    assert "no net benefit" in str(net_benefit(y, 1.0 * (y == 0), [0.5]))
