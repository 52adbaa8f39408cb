"""Limits of agreement and intraclass correlation where patients have several cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from osteon import stats
from osteon.core.errors import NotEstimableError


@pytest.fixture(scope="module")
def sleepers() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).parents[1] / "references" / "stats" / "sleepstudy.csv")


def test_limits_of_agreement_are_those_of_the_analysis_of_variance(sleepers, reference):
    expected = reference("clustered")
    found = stats.bland_altman(sleepers["Reaction"], sleepers["rule"], clusters=sleepers["Subject"])
    assert found.sd == pytest.approx(expected["sd"], rel=1e-9)
    assert found.bias.value == pytest.approx(expected["bias"], rel=1e-9)
    assert found.bias.se == pytest.approx(expected["bias se"], rel=1e-9)
    assert found.slope.value == pytest.approx(expected["slope"], rel=1e-9)
    assert found.slope.se == pytest.approx(expected["slope se"], rel=1e-9)
    assert found.upper.value == pytest.approx(expected["bias"] + 1.959964 * expected["sd"], rel=1e-6)
    assert "18 patients" in found.method
    plain = stats.bland_altman(sleepers["Reaction"], sleepers["rule"])
    assert found.bias.value == plain.bias.value
    assert found.bias.se > 1.5 * plain.bias.se


def test_patients_who_differ_no_more_than_chance_have_one_variance():
    difference = np.tile([-1.0, 0.0, 1.0], 6)  # all patients alike
    found = stats.bland_altman(difference, np.zeros(18), clusters=np.repeat(np.arange(6), 3))
    assert found.sd == pytest.approx(difference.std(ddof=1))
    with pytest.raises(NotEstimableError, match="three patients"):
        stats.bland_altman(difference, np.zeros(18), clusters=np.repeat([0, 1], 9))


@pytest.mark.parametrize("form", ["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"])
def test_icc_by_patients_is_the_jackknifes(form):
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(20), rng.integers(1, 4, 20))
    x = rng.normal(size=20)[patient, None] + rng.normal(0, 0.6, (patient.size, 3)) + [0, 0.1, 0.3]
    found = stats.icc(x, form=form, clusters=patient)
    assert found.value == stats.icc(x, form=form).value
    assert found.low < found.value < found.high
    without = [stats.icc(x[patient != one], form=form).value for one in range(20)]
    assert found.se == pytest.approx(np.sqrt(19 / 20 * np.sum((without - np.mean(without)) ** 2)))
    with pytest.raises(NotEstimableError, match="three patients"):
        stats.icc(x, form=form, clusters=np.arange(patient.size) > 5)
    same = np.repeat(rng.normal(size=patient.size)[:, None], 3, axis=1)
    perfect = stats.icc(same, form=form, clusters=patient)
    assert perfect.value == 1
    assert np.isnan(perfect.low)
