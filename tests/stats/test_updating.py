"""How far a model is updated, held against R's glm; and that the procedure keeps its promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from osteon import stats
from osteon.core.errors import InputError, NotEstimableError

MODELS = {
    "sound": (-2.15, 0.6, 0.7, 0.1),
    "bold": (-4.5, 1.8, 1.7, 0.4),
    "low": (-5.2, 0.6, 0.7, 0.1),
    "other": (0, 0, -0.4, 0.3),
}
NAMES = ("none", "intercept", "slope", "refit")


@pytest.fixture(scope="module")
def patients(asah: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    columns = np.column_stack([np.log(asah["s100b"] + 0.01), asah["wfns"], asah["age"] / 10])
    return asah["poor"].to_numpy(), columns


def told(columns: np.ndarray, name: str) -> np.ndarray:
    intercept, *slopes = MODELS[name]
    return expit(intercept + columns @ np.array(slopes))


@pytest.mark.parametrize("name", MODELS)
def test_tests_and_choice_are_those_of_r(patients, reference, name: str) -> None:
    expected = reference("updating")
    truth, columns = patients
    p = told(columns, name)
    found = stats.closed_test(truth, p, columns)
    assert [one.simpler for one in found.tests] == list(NAMES[:3])
    for one in found.tests:
        assert one.richer == "refit"
        assert one.statistic == pytest.approx(expected[f"{name} {one.simpler} statistic"], abs=1e-6)
        assert one.df == expected[f"{name} {one.simpler} df"]
        assert one.p == pytest.approx(expected[f"{name} {one.simpler} p"], rel=1e-6)
    assert found.chosen.name == NAMES[int(expected[f"{name} chosen"]) - 1]
    assert found.fitted["intercept"].intercept == pytest.approx(expected[f"{name} new intercept"], abs=1e-6)
    assert found.fitted["slope"].intercept == pytest.approx(expected[f"{name} slope's intercept"], abs=1e-6)
    assert found.fitted["slope"].slope == pytest.approx(expected[f"{name} slope"], abs=1e-6)
    refitted = found.fitted["refit"].apply(p, columns)
    for k in (1, 50, 113):
        assert refitted[k - 1] == pytest.approx(expected[f"{name} refitted {k}"], abs=1e-6)
    assert list(found.to_frame()["df"]) == [4, 3, 2]


def test_without_columns_slope_is_the_most_extensive(patients, reference) -> None:
    truth, columns = patients
    found = stats.closed_test(truth, told(columns, "low"))
    assert [(one.simpler, one.df) for one in found.tests] == [("none", 2), ("intercept", 1)]
    expected = reference("updating")
    whole = expected["low none statistic"] - expected["low slope statistic"]
    assert found.tests[0].statistic == pytest.approx(whole, abs=1e-6)
    assert found.chosen.name == "intercept"
    alone = stats.closed_test(truth, told(columns, "sound"), updates=("intercept",))
    assert [(one.simpler, one.df) for one in alone.tests] == [("none", 1)]
    assert alone.chosen.name == "none"
    np.testing.assert_array_equal(alone.chosen.apply([0.0, 0.3, 1.0]), [0.0, 0.3, 1.0])


def test_a_patient_counts_as_one_however_often(patients, reference) -> None:
    truth, columns = patients
    p = told(columns, "low")
    once = stats.closed_test(truth, p, columns)
    twice = stats.closed_test(np.tile(truth, 2), np.tile(p, 2), np.tile(columns, (2, 1)), clusters=[*range(113)] * 2)
    assert twice.n == once.n == 113
    assert twice.fitted["slope"].slope == pytest.approx(reference("updating")["twice slope"], abs=1e-6)
    for a, b in zip(once.tests, twice.tests, strict=True):
        assert a.statistic == pytest.approx(b.statistic, abs=1e-9)


def test_the_mean_of_folds_stays_within_its_refit(patients) -> None:
    """What no columns make up is a column of its own; constant and doubled columns cost no degree of freedom."""
    truth, columns = patients
    p = (told(columns, "bold") + told(columns, "other")) / 2
    found = stats.closed_test(truth, p, np.column_stack([columns, np.ones(113), columns[:, 0] * 2 - 3]))
    assert [one.df for one in found.tests] == [5, 4, 3]
    assert all(one.statistic > 0 for one in found.tests)
    assert found.fitted["refit"].coefficients[3:] == (0.0, 0.0)
    assert found.fitted["refit"].slope != 0


def test_what_cannot_be_fitted_is_said(patients) -> None:
    truth, columns = patients
    apart = np.column_stack([columns[:, 0], truth])
    found = stats.closed_test(truth, told(columns, "low"), apart)
    assert "separate" in found.absent["refit"]
    assert found.chosen.name == "intercept"
    with pytest.raises(NotEstimableError):
        stats.closed_test(truth, truth * 0.5 + 0.2, updates=("slope",))
    with pytest.raises(InputError, match="updates"):
        stats.closed_test(truth, told(columns, "low"), updates=("all",))
    with pytest.raises(InputError, match="113 cases"):
        stats.closed_test(truth, told(columns, "low"), columns[:5])
    with pytest.raises(InputError, match="3 columns"):
        stats.closed_test(truth, told(columns, "other"), columns).chosen.apply([0.2])


def test_a_shift_is_taken_away() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=4400)
    truth, p = rng.random(4400) < expit(x - 1), expit(x)
    found = stats.closed_test(truth[:400], p[:400])
    assert found.chosen.name == "intercept"
    assert found.chosen.intercept == pytest.approx(-1, abs=0.25)
    left = stats.calibration(truth[400:], found.chosen.apply(p[400:])).intercept
    assert abs(left.value) < 0.25
