"""Areas and curves against pROC, the O(mn) definition and their invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import auc, partial_auc, roc_curve
from osteon.stats.roc import placements

SCORES = ("wfns", "s100b", "ndka")


def defined_auc(positive: np.ndarray, score: np.ndarray) -> float:
    """The definition: every positive against every negative."""
    pairs = score[positive][:, None] - score[~positive][None, :]
    return float(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


@st.composite
def tied_data(draw: st.DrawFn, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Small data with both classes and few distinct scores."""
    n_positive, n_negative = draw(st.integers(least, 12)), draw(st.integers(least, 12))
    n = n_positive + n_negative
    score = draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n))
    order = draw(st.permutations(range(n)))
    positive = np.arange(n) < n_positive
    return positive[list(order)], np.array(score, dtype=float)


@given(tied_data())
def test_auc_is_its_definition(data):
    positive, score = data
    assert auc(positive, score) == pytest.approx(defined_auc(positive, score), abs=1e-14)


@given(tied_data())
def test_placements_are_counts_of_the_other_class(data):
    positive, score = data
    for i, (own, value) in enumerate(zip(positive, score, strict=True)):
        other = score[positive != own]
        beaten = (value > other) if own else (value < other)
        assert placements(positive, score)[i] == beaten.sum() + 0.5 * np.sum(value == other)


@given(tied_data())
def test_auc_is_invariant_and_antisymmetric(data):
    positive, score = data
    value = auc(positive, score)
    assert auc(positive, np.exp(score) * 7 - 2) == value
    assert auc(~positive, score) == pytest.approx(1 - value, abs=1e-15)
    assert auc(positive, -score) == pytest.approx(1 - value, abs=1e-15)
    assert auc(np.tile(positive, 3), np.tile(score, 3)) == pytest.approx(value, abs=1e-15)


@given(tied_data())
def test_the_area_under_the_curve_is_the_auc(data):
    positive, score = data
    curve = roc_curve(positive, score)
    area = np.trapezoid(curve.sensitivity, 1 - curve.specificity)
    assert area == pytest.approx(auc(positive, score), abs=1e-14)
    assert partial_auc(positive, score, low=0, high=1) == pytest.approx(area, abs=1e-14)
    assert partial_auc(positive, score, low=0, high=1, focus="sensitivity") == pytest.approx(area, abs=1e-14)


@given(tied_data(), st.floats(0.05, 0.95))
def test_partial_areas_add_up(data, cut):
    positive, score = data
    parts = partial_auc(positive, score, low=0, high=cut) + partial_auc(positive, score, low=cut, high=1)
    assert parts == pytest.approx(auc(positive, score), abs=1e-12)


def test_each_point_of_the_curve_is_what_its_threshold_gives(asah):
    positive, score = asah["poor"].to_numpy() == 1, asah["s100b"].to_numpy()
    curve = roc_curve(positive, score)
    assert curve.thresholds.size == len(set(score)) + 1
    for threshold, sensitivity, specificity in zip(curve.thresholds, curve.sensitivity, curve.specificity, strict=True):
        assert sensitivity == pytest.approx(np.mean(score[positive] >= threshold), abs=1e-15)
        assert specificity == pytest.approx(np.mean(score[~positive] < threshold), abs=1e-15)
    assert list(curve.to_frame().columns) == ["threshold", "sensitivity", "specificity"]


@pytest.mark.parametrize("score", SCORES)
def test_areas_are_those_of_proc(asah, reference, score):
    proc, y, s = reference("roc"), asah["poor"], asah[score]
    assert auc(y, s) == pytest.approx(proc[f"{score} auc"], abs=1e-14)
    for focus, low, high in (("specificity", 0.9, 1), ("sensitivity", 0.8, 0.95)):
        key = f"{score} pauc {focus} {low:g} {high:g}"
        assert partial_auc(y, s, low=low, high=high, focus=focus) == pytest.approx(proc[key], abs=1e-13)
        corrected = partial_auc(y, s, low=low, high=high, focus=focus, standardised=True)
        assert corrected == pytest.approx(proc[f"{key} standardised"], abs=1e-13)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("specificity", [0.5, 0.8, 0.9, 0.95])
def test_sensitivity_at_a_specificity_is_that_of_proc(asah, reference, score, specificity):
    found = roc_curve(asah["poor"], asah[score]).sensitivity_at(specificity)
    assert float(found) == pytest.approx(reference("roc")[f"{score} sensitivity at {specificity:g}"], abs=1e-13)


def test_infinite_scores_have_an_order():
    assert auc([0, 1, 1], [-np.inf, 0.0, np.inf]) == 1
    assert auc([0, 1], [np.inf, np.inf]) == 0.5


@pytest.mark.parametrize(
    ("truth", "score", "error", "message"),
    [
        ([0, 0], [1, 2], NotEstimableError, "all 2 cases are negative"),
        ([1, 1, 1], [1, 2, 3], NotEstimableError, "all 3 cases are positive"),
        ([0, 1], [1, np.nan], InputError, "1 missing value, the first at position 1"),
        ([0, 1], [1, 2, 3], InputError, "beside 2 cases"),
        ([0, 2], [1, 2], InputError, "y_true holds 2 at position 1"),
        ([0, np.nan], [1, 2], InputError, "y_true holds nan"),
        ([], [], InputError, "shape"),
        (["a", "b"], [1, 2], InputError, "not a number"),
    ],
)
def test_degenerate_input_has_a_named_error(truth, score, error, message):
    with pytest.raises(error, match=message):
        auc(truth, score)


def test_unknown_focus_and_bounds_are_refused():
    with pytest.raises(InputError, match="focus is 'fpr'"):
        partial_auc([0, 1], [0, 1], focus="fpr")
    with pytest.raises(InputError, match="bounds"):
        partial_auc([0, 1], [0, 1], low=0.9, high=0.5)
