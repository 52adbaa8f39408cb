"""The unbiased covariance of readers' figures: iMRMC's values, and its definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from osteon import stats
from osteon.core.errors import InputError, NotEstimableError
from osteon.stats.reader_cells import figures_of, readings_of
from osteon.stats.reader_variance import cell_covariance


def unbiased(readings: pd.DataFrame, **settings):
    return stats.obuchowski_rockette(readings, covariance="ustatistic", **settings)


def test_variances_are_imrmcs(van_dyke, reference):
    expected = reference("ustatistics")
    part = van_dyke[(van_dyke["reader"].astype(int) + van_dyke["case"].astype(int)) % 3 > 0]
    for name, table in (("crossed", van_dyke), ("parted", part)):
        found = unbiased(table)
        for (arm, reader), estimate in found.readers.items():
            key = f"{name} reader {reader} {arm} NO_MOD varAUCA"
            assert estimate.se**2 == pytest.approx(expected[key], rel=1e-9)
        for (*_, reader), pair in found.reader_differences.items():
            assert pair.se**2 == pytest.approx(expected[f"{name} reader {reader} 1 2 varAUCAminusAUCB"], rel=1e-9)
    found = unbiased(van_dyke)
    for arm, estimate in found.estimates.items():
        assert estimate.se**2 == pytest.approx(expected[f"crossed {arm} NO_MOD varAUCA"], rel=1e-9)
    assert found.differences["1", "2"].se ** 2 == pytest.approx(expected["crossed 1 2 varAUCAminusAUCB"], rel=1e-9)


def test_it_is_the_mean_over_pairs_that_share_no_case(rng):
    """Two readers with three cases each of either class, one of them unread, by the definition."""
    truth = np.repeat([1, 0], 3)
    score = rng.integers(0, 4, (2, 6)).astype(float)
    rows = [(r, c, truth[c], score[r, c]) for r in range(2) for c in range(6) if (r, c) != (1, 5)]
    readings = readings_of(pd.DataFrame(rows, columns=["reader", "case", "truth", "score"]), None, None)
    values, function, _ = figures_of(readings, "auc")
    found = cell_covariance(readings, function, "ustatistic", 0, 0)
    pairs = [[(i, j, np.heaviside(score[r, i] - score[r, j], 0.5)) for i in range(3) for j in range(3, 6)
              if (r, j) != (1, 5)] for r in range(2)]  # fmt: skip
    for a, b in product(range(2), repeat=2):
        apart = [x * y for i, j, x in pairs[a] for k, m, y in pairs[b] if i != k and j != m]
        assert found[a, b] == pytest.approx(values[a] * values[b] - np.mean(apart))


def test_of_means_it_is_the_jackknifes(van_dyke):
    for figure, threshold in (("sensitivity", 3), ("specificity", 3), ("accuracy", 3), ("mean", None)):
        own, other = (
            stats.obuchowski_rockette(van_dyke, covariance=method, figure=figure, threshold=threshold)
            for method in ("ustatistic", "jackknife")
        )
        if figure in ("accuracy", "mean"):
            assert own.difference == other.difference
            assert own.low == pytest.approx(other.low, rel=1e-9)
        else:  # the jackknife leaves out cases of the other class too, which changes nothing, and counts them
            assert own.low == pytest.approx(other.low, abs=0.002)


def worst(truth, score):
    """A figure without a name."""
    return float(np.min(score[np.asarray(truth) == 1]))


def test_what_it_is_not_for(van_dyke):
    with pytest.raises(InputError, match="several cases"):
        unbiased(van_dyke.assign(patient=van_dyke["case"] // 2), clusters="patient")
    with pytest.raises(InputError, match="U-statistic"):
        unbiased(van_dyke, figure=worst)
    with pytest.raises(NotEstimableError, match="two cases"):
        unbiased(van_dyke[(van_dyke["truth"] == 0) | (van_dyke["case"] == van_dyke["case"].max())])
