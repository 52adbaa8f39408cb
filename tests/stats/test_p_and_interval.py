"""Every p value below alpha stands beside an interval that excludes the null value, and no other does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon import stats
from osteon.core.errors import NotEstimableError
from osteon.core.types import Comparison


def at_threshold(score: np.ndarray) -> np.ndarray:
    return score > 0


TESTS: dict[str, Callable[..., Comparison]] = {
    "delong_test": stats.delong_test,
    "bootstrap_test": lambda y, a, b, **s: stats.bootstrap_test(y, a, b, resamples=40, **s),
    "compare_sensitivity": lambda y, a, b, **s: stats.compare_sensitivity(y, a, b, specificity=0.8, resamples=30, **s),
    "permutation_test": lambda y, a, b, **s: stats.permutation_test(y, a, b, permutations=99, **s),
    "mcnemar_test": lambda y, a, b, **s: stats.mcnemar_test(at_threshold(a) == y, at_threshold(b) == y, **s),
    "net_benefit_difference": lambda y, a, b, **s: stats.net_benefit_difference(
        y, 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b)), 0.3, **s
    ),
    "delong_test_unpaired": lambda y, a, b, level, clusters: stats.delong_test_unpaired(
        y, a, y, b, level=level, clusters_a=clusters, clusters_b=clusters
    ),
}


@pytest.mark.parametrize("name", TESTS)
@given(
    seed=st.integers(0, 100_000),
    n=st.integers(8, 60),
    gap=st.sampled_from([0.0, 0.7, 1.5, 4.0]),
    ties=st.booleans(),
    clustered=st.booleans(),
    level=st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_p_and_interval_are_of_one_test(name, seed, n, gap, ties, clustered, level):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.5).astype(int)
    a, b = rng.normal(size=n) + gap * (2 * y - 1), rng.normal(size=n)
    if ties:
        a, b = np.round(a), np.round(b)
    patients = rng.integers(0, max(2, n // 3), size=n) if clustered else None
    try:
        found = TESTS[name](y, a, b, level=level, clusters=patients)
    except NotEstimableError:
        return
    if np.isnan(found.p):
        assert np.isnan(found.low)
        assert np.isnan(found.high)
        return
    assert found.low <= found.difference <= found.high
    assert (found.p < round(1 - level, 9)) == (not found.low <= 0 <= found.high), (found.p, found.low, found.high)
    for margin in (0.05, 0.3):
        try:
            for held, claim in ((stats.noninferiority, 1), (stats.equivalence, 2)):
                result = held(found, margin, alpha=0.05)
                inside = result.low > -margin and (claim == 1 or result.high < margin)
                assert result.shown == (result.p < 0.05) == inside
        except NotEstimableError:
            assert found.se == 0


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 30), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
@settings(max_examples=200)
def test_mcnemar_over_every_table(only_a, only_b, rest, level):
    if only_a + only_b + rest < 2:
        return
    a, b = np.repeat([[1, 0], [0, 1], [1, 1]], [only_a, only_b, rest], axis=0).T
    found = stats.mcnemar_test(a, b, level=level)
    assert (found.p < round(1 - level, 9)) == (not found.low <= 0 <= found.high)
    patients = np.arange(a.size) // 2
    if a.size > 2:
        clustered = stats.mcnemar_test(a, b, level=level, clusters=patients)
        assert (clustered.p < round(1 - level, 9)) == (not clustered.low <= 0 <= clustered.high)


def test_too_few_exchanges_exclude_nothing():
    y = np.repeat([0, 1], 20)
    found = stats.permutation_test(y, y + 0.0, 1.0 - y, permutations=9)
    assert (found.p, found.low, found.high) == (0.1, -1, 1)
