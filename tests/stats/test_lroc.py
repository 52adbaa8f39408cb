"""The LROC area against its curve, its double sum, RJafroc's worked example, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.core.errors import InputError
from osteon.stats import auc, delong_ci, lroc_ci, lroc_scores


def by_the_curve(truth: np.ndarray, score: np.ndarray, found: np.ndarray) -> float:
    """Trapezoids under (share of negatives at or above a cut, share of positives at or above it and found)."""
    cuts = [np.inf, *sorted(set(score.tolist()), reverse=True)]
    x = [np.mean(score[truth == 0] >= cut) for cut in cuts]
    y = [np.mean((score >= cut)[truth == 1] & (found[truth == 1] == 1)) for cut in cuts]
    return float(np.trapezoid(y, x))


def by_the_pairs(truth: np.ndarray, score: np.ndarray, found: np.ndarray) -> float:
    """Popescu 2007: over pairs of a positive and a negative, 1 if found and rated higher, half if found and equal."""
    p, q, f = score[truth == 1], score[truth == 0], found[truth == 1]
    return float(np.mean([[f[i] * ((p[i] > b) + (p[i] == b) / 2) for b in q] for i in range(p.size)]))


def test_the_worked_example_of_rjafroc() -> None:
    """RJafroc, LrocOperatingPointsFromRatings: five negatives, five positives of which the third is missed."""
    truth = np.repeat([0, 1], 5)
    score = np.array([0, 0, 0, 0, 1.424443, 0.5542791, 1.2046176, 9.0, 3.4596787, 2.732657])
    found = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 1])
    assert lroc_ci(truth, score, found).value == pytest.approx(0.72)
    assert by_the_curve(truth, score, found) == pytest.approx(0.72)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 1)), min_size=8, max_size=40))
def test_it_is_its_curve_and_its_double_sum(rows: list[tuple[int, int, int]]) -> None:
    truth, score, found = (np.array(column) for column in zip(*rows, strict=True))
    truth[:4] = [0, 0, 1, 1]
    area = lroc_ci(truth, score, found)
    assert area.value == pytest.approx(by_the_pairs(truth, score, found), abs=1e-12)
    assert area.value == pytest.approx(by_the_curve(truth, score, found), abs=1e-12)
    assert 0 <= area.low <= area.value <= area.high <= 1
    assert area.value <= min(auc(truth, score), found[truth == 1].mean()) + 1e-12


def test_limits() -> None:
    truth, score = np.repeat([0, 1], 10), np.arange(20) % 7
    everything = lroc_ci(truth, score, np.ones(20))
    plain = delong_ci(truth, score)
    assert (everything.value, everything.low, everything.se) == pytest.approx((plain.value, plain.low, plain.se))
    nothing = lroc_ci(truth, score, np.zeros(20))
    assert nothing.value == nothing.low == 0
    assert 0 < nothing.high < 1
    assert lroc_ci(truth, score, ["", *[None] * 9, *[1, 0] * 5]).value < plain.value
    extreme = np.where(truth == 0, -np.inf, 0.0)  # the lowest rating there can be is still above a missed lesion
    assert lroc_ci(truth, extreme, np.repeat([1, 0], 10)).value == 0


def test_a_positive_case_is_found_or_missed() -> None:
    with pytest.raises(InputError, match="position 3"):
        lroc_scores([0, 0, 1, 1], [1, 2, 3, 4], ["", "", 1, ""])
    with pytest.raises(InputError, match="shape"):
        lroc_scores([0, 1], [1, 2], [1])
    with pytest.raises(InputError, match="not a number"):
        lroc_scores([0, 1], [1, 2], [1, "left"])
