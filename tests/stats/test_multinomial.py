"""Calibration of several classes: nnet's multinomial recalibration, and what two classes have to give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from osteon import stats
from osteon.core.errors import InputError, NotEstimableError


@pytest.fixture(scope="module")
def three():
    table = pd.read_csv(Path(__file__).parents[1] / "references" / "stats" / "three_classes.csv")
    return table["y"].to_numpy(), table[["p1", "p2", "p3"]].to_numpy()


def test_recalibration_is_nnets(three, reference):
    expected = reference("multinomial")
    found = stats.multiclass_calibration(*three)
    assert found.coefficients.ravel() == pytest.approx([expected[f"coefficient {i}"] for i in range(1, 7)], abs=1e-4)
    for name, (statistic, df, p) in (("recalibration", found.recalibration), ("in the large", found.in_the_large)):
        assert statistic == pytest.approx(expected[f"{name} statistic"], rel=1e-4)
        assert p == pytest.approx(expected[f"{name} p"], rel=1e-3)
        assert df == {"recalibration": 6, "in the large": 2}[name]
    for place, name in enumerate("123"):
        own = stats.calibration(three[0] == place + 1, three[1][:, place])
        assert found.one_vs_rest[name].slope == own.slope


def test_two_classes_are_the_binary_calibration(three):
    y, p = (three[0] > 1).astype(int), three[1][:, 1:].sum(axis=1)
    found = stats.multiclass_calibration(y, np.column_stack([1 - p, p]))
    own = stats.calibration(y, p)
    assert found.coefficients[0, 1] == pytest.approx(own.slope.value, rel=1e-6)
    assert found.in_the_large[0] == pytest.approx((own.intercept.value / own.intercept.se) ** 2, rel=1e-6)
    patients = np.arange(y.size) // 2
    clustered = stats.multiclass_calibration(y, np.column_stack([1 - p, p]), clusters=patients)
    robust = stats.calibration(y, p, clusters=patients)
    assert clustered.in_the_large[0] == pytest.approx((robust.intercept.value / robust.intercept.se) ** 2, rel=1e-6)


def test_what_has_no_calibration(three):
    y, p = three
    with pytest.raises(InputError, match="sum to"):
        stats.multiclass_calibration(y, p / 2)
    with pytest.raises(InputError, match="not among the classes"):
        stats.multiclass_calibration(y, p, classes=[1, 2, 4])
    with pytest.raises(NotEstimableError):
        stats.multiclass_calibration(y, np.where(np.eye(3)[y - 1] == 1, 0.9, 0.05))
