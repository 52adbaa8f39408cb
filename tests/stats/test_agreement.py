"""Agreement against psych, vcd, published tables and slow definitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from sklearn.metrics import cohen_kappa_score

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import bland_altman, fleiss_kappa, icc, kappa, wilson_ci

#: Shrout & Fleiss 1979, table 2: six targets, four judges.
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
TABLE = np.array([[53, 5, 2], [11, 14, 5], [1, 6, 3]])


def pair(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


@pytest.mark.parametrize("form", ["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"])
def test_icc_is_that_of_psych_and_of_shrout_and_fleiss(reference, printed, form):
    r, found = reference("agreement"), icc(JUDGES, form=form)
    key = "ICC" + form[4] + ("k" if "k" in form else "")
    assert found.value == pytest.approx(r[f"{key} value"], abs=1e-12)
    assert (found.low, found.high) == pytest.approx((r[f"{key} low"], r[f"{key} high"]), abs=1e-9)
    assert f"{found.value:.2f}" == printed[f"{key} value"]


def test_icc_forms_differ_by_what_they_forgive():
    shifted = np.array(JUDGES, dtype=float)[:, :1] + [0, 3]
    assert icc(shifted, form="ICC(3,1)").value == 1
    assert icc(shifted, form="ICC(2,1)").value < 1
    equal = icc(np.repeat(np.array(JUDGES)[:, :1], 3, axis=1))
    assert (equal.value, equal.low, equal.high) == (1, 1, 1)


@pytest.mark.parametrize(
    ("ratings", "error", "message"),
    [
        ([[1, 1], [1, 1]], NotEstimableError, "cases do not differ"),
        ([[1, 2], [1, 2], [1, 2]], NotEstimableError, "cases do not differ"),
        (np.tile([0.1, 0.2, 0.3], (7, 1)), NotEstimableError, "cases do not differ"),
        ([[1, 2], [2, 1], [3, 0]], NotEstimableError, "cases do not differ"),
        ([["a", "b"], ["c", "d"]], InputError, "not a number"),
        ([[1, 2]], InputError, "shape"),
        ([[1], [2]], InputError, "shape"),
        ([[1, np.nan], [2, 3]], InputError, "missing"),
    ],
)
def test_icc_degenerate(ratings, error, message):
    with pytest.raises(error, match=message):
        icc(ratings)


@pytest.mark.parametrize(("weights", "key"), [("linear", "Equal-Spacing"), ("quadratic", "Fleiss-Cohen")])
def test_kappa_and_its_error_are_those_of_vcd(reference, weights, key):
    r, (a, b) = reference("agreement"), pair(TABLE)
    plain, weighted = kappa(a, b), kappa(a, b, weights=weights)
    assert plain.value == pytest.approx(r[f"{key} plain value"], abs=1e-12)
    assert plain.se == pytest.approx(r[f"{key} plain se"], abs=1e-12)
    assert weighted.value == pytest.approx(r[f"{key} weighted value"], abs=1e-12)
    assert weighted.se == pytest.approx(r[f"{key} weighted se"], abs=1e-12)


def test_kappa_of_copies_counts_patients():
    a, b = pair(TABLE)
    patients = np.repeat(np.arange(a.size), 4)
    copies = kappa(np.repeat(a, 4), np.repeat(b, 4), clusters=patients)
    assert copies.value == pytest.approx(kappa(a, b).value)
    assert copies.se == pytest.approx(kappa(a, b).se, rel=0.03)


@given(st.integers(0, 1000))
def test_kappa_is_symmetric_and_blind_to_names(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 3, size=30), rng.integers(0, 3, size=30)
    found = kappa(a, b)
    assert kappa(b, a).value == pytest.approx(found.value)
    renamed = kappa(np.array(["x", "c", "m"])[a], np.array(["x", "c", "m"])[b])
    assert (renamed.value, renamed.se) == pytest.approx((found.value, found.se))
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_perfect_agreement_has_a_lower_limit():
    found = kappa([0, 0, 1, 1] * 5, [0, 0, 1, 1] * 5)
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx((20 / (20 + 1.959963984540054**2) - 0.5) / 0.5)


def test_no_agreement_has_limits_too():
    found = kappa([0, 1, 0, 1], [1, 0, 1, 0])
    assert (found.value, found.low) == (-1, -1)
    assert found.high == pytest.approx(2 * wilson_ci(0, 4).high - 1)
    chance = kappa([0, 0, 0, 0], [1, 0, 1, 0])
    assert chance.low == pytest.approx(2 * wilson_ci(2, 4).low - 1) == pytest.approx(-chance.high)


def test_weights_know_the_whole_scale_and_its_order(rng):
    a, b = rng.integers(0, 4, (2, 60))
    b = np.where(rng.random(60) < 0.5, a, b)
    words = ["none", "mild", "moderate", "severe"]
    expected = cohen_kappa_score(a, b, weights="quadratic")
    for one, other, scale in (
        (np.array(words)[a], np.array(words)[b], {"categories": words}),
        (pd.Categorical.from_codes(a, words, ordered=True), pd.Categorical.from_codes(b, words, ordered=True), {}),
    ):
        assert kappa(one, other, weights="quadratic", **scale).value == pytest.approx(expected)
    with pytest.raises(InputError, match="order of the categories"):
        kappa(np.array(words)[a], np.array(words)[b], weights="linear")
    # A category that nobody used still lies between its neighbours.
    gap, other = a + (a > 1), b + (b > 1)
    expected = cohen_kappa_score(gap, other, weights="linear", labels=range(5))
    assert kappa(gap, other, weights="linear", categories=range(5)).value == pytest.approx(expected)
    with pytest.raises(InputError, match="the rating 4 is not on the scale"):
        kappa(gap, other, weights="linear", categories=range(4))


def test_kappa_degenerate():
    with pytest.raises(NotEstimableError, match="one category"):
        kappa([1, 1], [1, 1])
    with pytest.raises(InputError, match="shapes"):
        kappa([1, 0], [1])
    for hole in ([1.0, np.nan], ["yes", ""], ["yes", None]):
        with pytest.raises(InputError, match="missing"):
            kappa(hole, hole[:1] * 2)


#: Ten subjects, fourteen raters, five categories.
COUNTS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_fleiss_kappa_of_the_example(printed):
    ratings = np.array([np.repeat(np.arange(5), row) for row in COUNTS])
    found = fleiss_kappa(ratings)
    assert f"{found.value:.3f}" == printed["fleiss kappa"]
    without = np.array([fleiss_kappa(np.delete(ratings, i, axis=0)).value for i in range(10)])
    assert found.se == pytest.approx(np.sqrt(0.9 * np.sum((without - without.mean()) ** 2)))


def test_fleiss_kappa_degenerate():
    with pytest.raises(NotEstimableError, match="one category"):
        fleiss_kappa([[1, 1], [1, 1]])
    with pytest.raises(InputError, match="one column a reader"):
        fleiss_kappa([1, 2, 3])
    for hole in (np.nan, None, pd.NA, ""):
        with pytest.raises(InputError, match="missing"):
            fleiss_kappa([[0, hole], [1, 1]])
    alike = fleiss_kappa([[0, 0]] * 10 + [[1, 1]] * 10)
    assert (alike.value, alike.high) == (1, 1)
    assert alike.low == pytest.approx((wilson_ci(20, 20).low - 0.5) / 0.5)
    alone = fleiss_kappa([[0, 0], [0, 0], [1, 1]])
    assert alone.value == 1
    assert np.isnan([alone.low, alone.high]).all()
    assert "without one case" in alone.method


def test_bland_altman_by_hand(rng):
    a = rng.normal(50, 10, size=40)
    b = a + rng.normal(2, 3, size=40)
    found, d = bland_altman(a, b), a - b
    assert found.bias.value == pytest.approx(d.mean())
    assert found.upper.value - found.lower.value == pytest.approx(2 * 1.959963984540054 * d.std(ddof=1))
    half = student.ppf(0.975, 39) * d.std(ddof=1) / np.sqrt(40)
    assert (found.bias.low, found.bias.high) == pytest.approx((d.mean() - half, d.mean() + half))
    # Bland & Altman 1999: the variance of a limit is about 3 s^2 / n
    assert found.lower.se == pytest.approx(d.std(ddof=1) * np.sqrt(2.92 / 40), rel=0.02)
    assert found.slope.value == pytest.approx(np.polyfit((a + b) / 2, d, 1)[0])
    mirrored = bland_altman(b, a)
    assert mirrored.upper.value == pytest.approx(-found.lower.value)
    assert str(found).startswith("bias -")
    assert len(found.to_frame()) == 4
    with pytest.raises(NotEstimableError, match="three cases"):
        bland_altman([1, 2], [1, 2])
