"""Prediction sets against crepes, and against what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from osteon import stats
from osteon.core.errors import NotEstimableError
from osteon.stats.conformal import SETS


@pytest.mark.parametrize("error", [0.05, 0.1, 0.3])
def test_sets_are_those_of_crepes(asah: pd.DataFrame, reference, error: float) -> None:
    p = 1 / (1 + np.exp(-(asah["wfns"] - 3 + np.log(asah["s100b"] + 0.1)))).to_numpy()
    odd, truth = np.arange(len(p)) % 2 == 1, asah["poor"].to_numpy()
    found = stats.conformal(truth[odd], p[odd], error=error).sets(p[~odd])
    expected = [reference("conformal")[f"{error} case {row}"] for row in np.flatnonzero(~odd)]
    np.testing.assert_array_equal(found, expected)
    assert len(set(found)) > 1


@pytest.mark.parametrize(("n", "error"), [(9, 0.1), (25, 0.1), (60, 0.2)])
def test_a_class_is_held_as_often_as_the_quantile_says(n: int, error: float) -> None:
    """Without ties the chance is ceil((n + 1)(1 - error)) / (n + 1) exactly, whatever the distribution."""
    rng = np.random.default_rng(2)
    held, draws = np.zeros(2), 4000
    for _ in range(draws):
        p = rng.beta(2, 3, 2 * n + 2)
        truth = np.repeat([0, 1], n + 1)
        new = [n, 2 * n + 1]
        sets = stats.conformal(np.delete(truth, new), np.delete(p, new), error=error).sets(p[new])
        held += [sets[0] in (1, 3), sets[1] in (2, 3)]
    exact = np.ceil((n + 1) * (1 - error) - 1e-9) / (n + 1)
    assert 1 - error <= exact + 1e-12 < 1 - error + 1 / (n + 1) + 1e-12
    np.testing.assert_allclose(held / draws, exact, atol=4 * np.sqrt(exact * (1 - exact) / draws) + 1e-9)


def test_too_few_cases_hold_everything() -> None:
    found = stats.conformal([0] * 8 + [1] * 40, np.linspace(0.1, 0.9, 48), error=0.1)
    assert found.negative_to == 1
    assert [SETS[one] for one in found.sets([0.0, 1.0])] == ["negative", "both"]
    with pytest.raises(NotEstimableError):
        stats.conformal([1, 1], [0.2, 0.3])


def test_selective_performance_is_that_of_the_surest() -> None:
    truth = np.array([0, 0, 1, 1, 0, 1])
    p = np.array([0.1, 0.6, 0.9, 0.3, 0.2, 0.55])
    answered, right = stats.selective(truth, p, 0.5, [0.1, 0.5, 1])
    np.testing.assert_allclose(answered, [2 / 6, 3 / 6, 1])  # the two surest tie
    np.testing.assert_allclose(right, [1, 1, 4 / 6])
