"""Intervals over readings in which readers and cases are both samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from osteon.readers import clustered


def test_the_variance_is_its_definition() -> None:
    """The double sum over pairs of readings that share a reader or a case, written out."""
    rng = np.random.default_rng(0)
    reader, case = np.repeat(np.arange(5), 12), np.tile(np.arange(12), 5)
    keep = rng.random(60) < 0.7
    reader, case = reader[keep], case[keep]
    y = rng.normal(reader * 0.3 + case * 0.1, 1)
    residual = (y - y.mean()) / y.size
    same_reader = sum(residual[i] * residual[j] for i in range(y.size) for j in range(y.size) if reader[i] == reader[j])
    same_case = sum(residual[i] * residual[j] for i in range(y.size) for j in range(y.size) if case[i] == case[j])
    own = residual @ residual
    expected = same_reader * 5 / 4 + same_case * 12 / 11 - own * y.size / (y.size - 1)
    value, se, df = clustered.mean_and_se(y, reader, case)
    assert value == pytest.approx(y.mean())
    assert se**2 == pytest.approx(max(expected, own, same_reader * 5 / 4, same_case * 12 / 11))
    assert df == 4


def test_intervals_cover() -> None:
    """300 samples of 8 readers and 60 cases, both with effects of their own; the truth is the normal integral."""
    rng = np.random.default_rng(1)
    p, covered = 0.3, 0
    for _ in range(300):
        latent = rng.normal(0, 0.4, 8)[:, None] + rng.normal(0, 0.6, 60)[None, :] + rng.normal(0, 1, (8, 60))
        hit = (latent < ndtri(p) * np.sqrt(1 + 0.16 + 0.36)).astype(float).ravel()
        found = clustered.share(hit, np.repeat(np.arange(8), 60), np.tile(np.arange(60), 8))
        covered += found.low <= p <= found.high
    assert 0.92 <= covered / 300 <= 0.985


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_unanimous_readings_count_each_case_once(value: float) -> None:
    found = clustered.share(np.full(40, value), np.repeat(np.arange(4), 10), np.tile(np.arange(10), 4))
    assert found.value == value
    assert found.high - found.low == pytest.approx(0.2775, abs=1e-3)  # Wilson, 10 of 10


def test_no_readings() -> None:
    assert np.isnan(clustered.share([], [], []).value)
    assert "not estimable" in clustered.mean([], [], []).method
    assert np.isnan(clustered.mean([1.0, 2.0], [0, 0], [0, 1]).low)
