"""Net benefit by counting, reclassification against Hmisc."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from osteon.core.errors import InputError
from osteon.stats import net_benefit, net_benefit_difference, net_reclassification


def counted(y: np.ndarray, treated: np.ndarray, threshold: float) -> float:
    """Vickers & Elkin 2006: TP / n - FP / n * odds."""
    true, false = np.sum(treated & (y == 1)), np.sum(treated & (y == 0))
    return true / len(y) - false / len(y) * threshold / (1 - threshold)


@given(st.integers(0, 10_000), st.floats(0.02, 0.98))
@settings(deadline=None, max_examples=60)
def test_net_benefit_is_its_definition(seed, threshold):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, size=50), np.round(rng.random(50), 2)
    curve = net_benefit(y, p, [threshold])
    assert curve.net_benefit[0] == pytest.approx(counted(y, p >= threshold, threshold), abs=1e-12)
    assert curve.treat_all[0] == pytest.approx(counted(y, np.ones(50, bool), threshold), abs=1e-12)
    assert curve.low[0] <= curve.net_benefit[0] <= curve.high[0]


def test_the_standard_error_is_that_of_a_mean(rng):
    """Delta method by hand: Var = [TPR-part + odds^2 FPR-part - (mean)^2] / n with Bessel's correction."""
    y, p = rng.integers(0, 2, size=400), rng.random(400)
    curve, odds = net_benefit(y, p, [0.3]), 0.3 / 0.7
    tp, fp = np.mean((p >= 0.3) & (y == 1)), np.mean((p >= 0.3) & (y == 0))
    variance = (tp + odds**2 * fp - (tp - odds * fp) ** 2) / 399
    half = 1.959963984540054 * np.sqrt(variance)
    assert curve.high[0] - curve.net_benefit[0] == pytest.approx(half, abs=1e-12)


def test_treating_all_crosses_zero_at_the_prevalence(rng):
    y = (np.arange(200) < 60).astype(int)
    curve = net_benefit(y, rng.random(200), [0.299999, 0.3, 0.300001])
    assert curve.treat_all[0] > 0 > curve.treat_all[2]
    assert curve.treat_all[1] == pytest.approx(0, abs=1e-12)


def test_patients_widen_the_band_and_copies_do_not_narrow_it(rng):
    y, p = rng.integers(0, 2, size=100), rng.random(100)
    once = net_benefit(y, p, [0.2, 0.5])
    copies = net_benefit(np.repeat(y, 4), np.repeat(p, 4), [0.2, 0.5], clusters=np.repeat(np.arange(100), 4))
    np.testing.assert_allclose(copies.high, once.high, atol=1e-12)
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
