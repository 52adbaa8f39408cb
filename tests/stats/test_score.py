"""The score test of a mean against its definition: Pearson's chi-square of counts and the likeliest probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm

from osteon.stats import score, wilson_ci

WIDE = norm.ppf(0.975)


def chi_square(values: np.ndarray, counts: np.ndarray, mean: float) -> float:
    """By brute force: the probabilities that make the counts likeliest among those with this mean."""
    n = counts.sum()
    constraints = [
        {"type": "eq", "fun": lambda p: p.sum() - 1},
        {"type": "eq", "fun": lambda p: p @ values - mean},
    ]
    start = np.full(values.size, 1 / values.size)
    found = minimize(
        lambda p: -float(counts @ np.log(np.maximum(p, 1e-12))) / n,
        start, bounds=[(1e-9, 1)] * values.size, constraints=constraints, method="SLSQP", tol=1e-13,
        options={"maxiter": 500},
    )  # fmt: skip
    return float(np.sum((counts - n * found.x) ** 2 / (n * found.x)))


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([0, 1], [12, 5]),
        ([1, -1, 0], [12, 5, 40]),
        ([1, -4, 0], [6, 2, 92]),
        ([1, -0.25, 0], [14, 30, 9]),
        ([1, -1, 0.5, -0.5, 0], [6, 3, 9, 12, 30]),
    ],
)
def test_the_statistic_is_its_definition(values, counts):
    values, counts = np.array(values, dtype=float), np.array(counts, dtype=float)
    observed = counts @ values / counts.sum()
    for mean in observed + np.array([-0.2, -0.05, 0.03, 0.1]):
        found = score.statistic(values, counts, mean)
        assert found**2 == pytest.approx(chi_square(values, counts, mean), rel=2e-4)
        assert found * (observed - mean) > 0


@st.composite
def outcomes(draw):
    values = [1.0, -draw(st.floats(0.05, 8)), 0.0, 0.5, -9.0][: draw(st.integers(2, 5))]
    counts = draw(st.lists(st.integers(0, 30), min_size=len(values), max_size=len(values)).filter(any))
    return np.array(values), np.array(counts, dtype=float)


@given(outcomes(), st.floats(0.3, 4))
@example((np.array([1.0, -2.7419583278422417]), np.array([0.0, 3.0])), 1.0)  # where the mean of three is not the one
def test_the_limits_invert_the_test(data, wide):
    values, counts = data
    observed = np.clip(counts @ values / counts.sum(), values.min(), values.max())
    low, high = score.limits(values, counts, wide)
    assert values.min() <= low <= observed <= high <= values.max()
    for limit, sign in ((low, 1), (high, -1)):
        if values.min() + 1e-6 < limit < values.max() - 1e-6:
            assert score.statistic(values, counts, limit) == pytest.approx(sign * wide, abs=1e-4)
    inside = np.linspace(values.min(), values.max(), 21)[1:-1]
    falling = [score.statistic(values, counts, mean) for mean in inside]
    assert (np.diff(falling) <= 1e-9).all()


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_with_two_values_it_is_wilsons(count):
    k, n = count
    low, high = score.limits(np.array([0.0, 1.0]), np.array([n - k, k], dtype=float), WIDE)
    expected = wilson_ci(k, n)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
