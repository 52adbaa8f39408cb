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
    parts = same_reader * 5 / 4, same_case * 12 / 11, own * y.size / (y.size - 1)
    assert parts[0] > parts[2]
    expected = parts[0] - parts[2] + max(parts[1], parts[2])
    value, se, df = clustered.mean_and_se(y, reader, case)
    assert value == pytest.approx(y.mean())
    assert se**2 == pytest.approx(expected)
    assert df == pytest.approx(expected**2 / (parts[0] ** 2 / 4 + max(parts[1:]) ** 2 / 11))


def test_balanced_readings_have_the_mean_squares_of_the_analysis_of_variance() -> None:
    """(MS readers + MS cases - MS rest) / n, with Satterthwaite's degrees of freedom, but for small-sample factors."""
    rng = np.random.default_rng(3)
    table = rng.normal(size=(4, 1)) + rng.normal(size=(1, 400)) + rng.normal(size=(4, 400))
    reader, case = np.indices(table.shape).reshape(2, -1)
    grand, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    ms_reader = 400 * np.sum((rows - grand) ** 2) / 3
    ms_case = 4 * np.sum((columns - grand) ** 2) / 399
    rest = np.sum((table - rows[:, None] - columns + grand) ** 2) / (3 * 399)
    _, se, df = clustered.mean_and_se(table.ravel(), reader, case)
    assert se**2 == pytest.approx((ms_reader + ms_case - rest) / 1600, rel=0.01)
    assert df == pytest.approx(3 * ((ms_reader + ms_case - rest) / ms_reader) ** 2, rel=0.01)


def test_readers_closer_than_chance_count_in_proportion() -> None:
    """Equal means of all readers: only the cases' part is left; a little apart: a share of the readers'."""
    table = np.random.default_rng(5).normal(size=(3, 40))
    table -= table.mean(axis=1, keepdims=True)
    reader, case = np.indices(table.shape).reshape(2, -1)
    assert clustered.mean_and_se(table.ravel(), reader, case)[2] == pytest.approx(39)
    table += np.array([[-0.05], [0.0], [0.05]])
    y, residual = table.ravel(), (table.ravel() - table.mean()) / 120
    readers = 3 / 2 * np.sum(residual.reshape(3, 40).sum(axis=1) ** 2)
    cases = 40 / 39 * np.sum(residual.reshape(3, 40).sum(axis=0) ** 2)
    readings = 120 / 119 * np.sum(residual**2)
    assert readers < readings
    cases = max(cases, readings)
    _, se, df = clustered.mean_and_se(y, reader, case)
    assert se**2 == pytest.approx(cases)
    assert df == pytest.approx(cases**2 / ((readers**2 / readings) ** 2 / 2 + cases**2 / 39))


def test_readers_who_do_not_differ_have_the_degrees_of_freedom_of_cases() -> None:
    rng = np.random.default_rng(4)
    same = np.tile(rng.normal(size=30), 3)
    _, se, df = clustered.mean_and_se(same, np.repeat(np.arange(3), 30), np.tile(np.arange(30), 3))
    assert df == pytest.approx(29)
    assert se == pytest.approx(same[:30].std(ddof=1) / np.sqrt(30))


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
    assert np.isnan(clustered.mean([1.0, 0.0], [0, 1], [0, 0]).low)
    assert "all readings agree" in clustered.mean([1.0, 1.0], [0, 1], [0, 1]).method


def test_limits_stay_where_values_can_be() -> None:
    """Two readers, two cases: the interval is all that is possible, and no more."""
    found = clustered.mean([1.0, 0.0, 0.0, -1.0], [0, 0, 1, 1], [0, 1, 0, 1])
    assert (found.low, found.high) == (-1, 1)


def test_one_reader_is_a_sample_of_cases() -> None:
    """The interval over cases: Student's t of one sample."""
    y = np.array([0.0, 1, 1, 0, 1, 1, -1, 0, 1, 0])
    found = clustered.mean(y, np.zeros(10), np.arange(10))
    half = 2.2621571628 * y.std(ddof=1) / np.sqrt(10)
    assert (found.low, found.high) == pytest.approx((y.mean() - half, y.mean() + half))
    assert "one reader" in found.method
