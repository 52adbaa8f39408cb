"""How many cases a study needs: pmvalsampsize's and pROC's own figures, and simulated studies of the planned size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, ndtr, ndtri

from osteon import stats
from osteon.core.errors import InputError, NotEstimableError

#: pmvalsampsize takes 1.96 for the normal quantile.
LEVEL = 2 * ndtr(1.96) - 1
CRITERIA = {
    "O/E": "Criteria 1 - O/E",
    "calibration slope": "Criteria 2 - C-slope",
    "AUC": "Criteria 3 - C statistic",
    "standardised net benefit": "Criteria 4 - St Net Benefit",
}
VALIDATIONS = {
    "normal": {"prevalence": 0.018, "auc": 0.8, "normal": (-5, 2.5), "widths": (1, 0.2, 0.1, 0.2)},
    "beta": {"prevalence": 0.018, "auc": 0.8, "beta": (0.5, 0.5), "widths": (1, 0.2, 0.1, 0.2)},
    "benefit": {"prevalence": 0.3, "auc": 0.85, "normal": (-1.1, 1.6), "widths": (0.3, 0.3, 0.1, 0.3),
                "calls": (0.8, 0.7), "threshold": 0.2},
    "off": {"prevalence": 0.4, "auc": 0.75, "beta": (2, 3), "oe": 1.2, "widths": (0.25, 0.2, 0.08, 0.2),
            "calls": (0.65, 0.72), "threshold": 0.35},
}  # fmt: skip


@pytest.fixture(scope="module")
def expected(reference):
    return reference("planning")


@pytest.mark.parametrize("name", VALIDATIONS)
def test_a_validation_needs_the_cases_that_pmvalsampsize_says(expected, name):
    found = stats.validation_sample_size(**VALIDATIONS[name], level=LEVEL)
    for target in found.targets:
        assert target.n == expected[f"exact {name} {CRITERIA[target.name]}"]
        # as pmvalsampsize is, its predictors are drawn and its standard errors rounded
        assert target.n == pytest.approx(expected[f"plain {name} {CRITERIA[target.name]}"], rel=0.02)
        assert target.precision(target.n) <= target.width < target.precision(target.n - 1)
    assert found.n == expected[f"exact {name} Final SS"]
    assert found.n_positive == int(np.ceil(found.n * found.prevalence))


def test_without_a_distribution_the_auc_gives_one(expected):
    found = stats.validation_sample_size(0.3, 0.85, threshold=0.2, level=LEVEL)
    for target in found.targets:
        assert target.n == pytest.approx(expected[f"plain cstat {CRITERIA[target.name]}"], rel=0.03)


def test_calls_are_those_of_the_distribution(rng):
    """Sensitivity and specificity of a calibrated model, against a large sample of it."""
    draws = {
        "normal": ((-1.1, 1.6), lambda n: expit(rng.normal(-1.1, 1.6, n))),
        "beta": ((2, 3), lambda n: rng.beta(2, 3, n)),
    }
    for name, (parameters, draw) in draws.items():
        p = draw(400_000)
        y = rng.random(p.size) < p
        calls = float((p >= 0.3)[y].mean()), float((p < 0.3)[~y].mean())
        given = {"prevalence": float(y.mean()), "auc": 0.8, "threshold": 0.3, name: parameters}
        own, told = (stats.validation_sample_size(**given, **more).targets[-1] for more in ({}, {"calls": calls}))
        assert own.expected == pytest.approx(told.expected, abs=0.004)
        assert own.n == pytest.approx(told.n, rel=0.01)


def test_what_cannot_be_planned_is_a_named_error():
    with pytest.raises(InputError, match="prevalence"):
        stats.validation_sample_size(1, 0.8)
    with pytest.raises(InputError, match="two distributions"):
        stats.validation_sample_size(0.3, 0.8, normal=(0, 1), beta=(1, 1))
    with pytest.raises(InputError, match="without a threshold"):
        stats.validation_sample_size(0.3, 0.8, calls=(0.8, 0.8))
    with pytest.raises(NotEstimableError, match="no number of cases"):
        stats.validation_sample_size(0.3, 0.8, widths=(1e-9, 0.2, 0.1, 0.2))
    with pytest.raises(InputError, match="no difference"):
        stats.paired_auc_sample_size(0.8, 0.8, prevalence=0.5)
    with pytest.raises(NotEstimableError, match="no variance"):
        stats.paired_auc_power(0.8, 0.8, n_positive=10, n_negative=10, correlation=1 - 1e-15)
    with pytest.raises(InputError, match="variance"):
        stats.paired_auc_power(0.8, 0.7, n_positive=10, n_negative=10, variance="guessed")


@pytest.mark.parametrize(
    ("pair", "areas", "correlation", "ratio"),
    [(1, (0.85, 0.78), (0.5, 0.5), 1), (2, (0.9, 0.85), (0.3, 0.6), 2.5), (3, (0.7, 0.8), (0.4, 0.2), 0.5)],
)
def test_two_aucs_are_procs(expected, pair, areas, correlation, ratio):
    own = {"correlation": correlation, "variance": "obuchowski"}
    power = stats.paired_auc_power(*areas, n_positive=120, n_negative=120 * ratio, **own)
    assert power == pytest.approx(expected[f"pair {pair} power of 120"], rel=1e-12)
    cases = stats.paired_auc_sample_size(*areas, prevalence=1 / (1 + ratio), **own)
    assert cases[0] == np.ceil(expected[f"pair {pair} cases for power 0.8"])


def test_two_aucs_have_the_variance_of_delongs_test(rng):
    """The planned power is that of the variance which the test estimates, in one large sample."""
    y = np.repeat([1, 0], [20_000, 40_000])
    shared, own = rng.normal(size=y.size), rng.normal(size=(2, y.size))
    a, b = np.sqrt(0.4) * shared + np.sqrt(0.6) * own + y * np.sqrt(2) * np.array([[1.0], [0.6]])
    found = stats.delong_test(y, a, b)
    areas = ndtr(1.0), ndtr(0.6)
    scale = 20_000 / 50
    planned = stats.paired_auc_power(*areas, n_positive=50, n_negative=100, correlation=0.4)
    z = (areas[0] - areas[1]) / (found.se * np.sqrt(scale)) - 1.959964
    assert planned == pytest.approx(ndtr(z), abs=0.01)


def test_non_inferiority_has_the_room_above_the_margin_for_a_difference():
    """Closed form: shown with the power of a difference as large as that room, for the variance of these areas."""
    (a, b), margin = (0.84, 0.85), 0.06
    own = {"correlation": 0.4, "margin": margin}
    n = stats.paired_auc_sample_size(a, b, prevalence=0.3, **own)
    for cases, enough in ((n, True), (tuple(k - 2 for k in n), False)):
        power = stats.paired_auc_power(a, b, n_positive=cases[0], n_negative=cases[1], **own)
        assert (power >= 0.8) is enough
    error = (0.85 - 0.78) / (1.959964 + ndtri(stats.paired_auc_power(0.85, 0.78, n_positive=90, n_negative=90)))
    found = stats.paired_auc_power(0.85, 0.78, n_positive=90, n_negative=90, margin=0.01)
    assert found == pytest.approx(ndtr((0.07 + 0.01) / error - 1.959964), abs=1e-6)
    with pytest.raises(InputError, match="no better than the margin"):
        stats.paired_auc_sample_size(0.8, 0.86, prevalence=0.5, margin=0.05)
    with pytest.raises(InputError, match="margin"):
        stats.paired_auc_power(0.8, 0.8, n_positive=10, n_negative=10, margin=0.0)


def test_simulated_studies_keep_the_plan():
    """bench/planning: powers and widths; what the published formula overstates is O/E, whose terms go together."""
    table = pd.read_csv(Path(__file__).parents[1] / "references" / "stats" / "planned.csv")
    assert len(table) == 16
    for row in table.itertuples():
        slack = 3.5 * row.mc_se
        if row.what == "width of O/E":
            assert row.planned / 1.35 < row.simulated < row.planned + slack
        elif row.what.startswith("width"):
            assert row.simulated == pytest.approx(row.planned, rel=0.03, abs=slack), row.setting
        else:
            assert row.simulated == pytest.approx(row.planned, abs=0.03 + slack), row.setting


def test_readers_of_every_design():
    parts = {"var_reader": 0.001, "var_arm_reader": 0.0004, "cov1": 4e-4, "cov2": 3e-4, "cov3": 2e-4, "var_error": 9e-4}
    asked = {"n_readers": 12, "effect": 0.05, "pilot_cases": 100}
    crossed, split, cases, readers, nothing = (
        stats.mrmc_power(parts, n_cases=120, design=design, **asked)
        for design in ("crossed", "split-plot", "unpaired cases", "unpaired readers", "unpaired")
    )
    assert crossed > split > cases > nothing
    assert crossed > readers > nothing
    # readers who read their own cases cost less than they bring: twice the cases, each read by half of the readers
    assert stats.mrmc_power(parts, n_cases=240, design="split-plot", **asked) > crossed
    for design, multiple in (("unpaired readers", 2), ("split-plot", 3)):
        given = {"n_cases": 400, "effect": 0.05, "pilot_cases": 100, "design": design, "groups": 3}
        found = stats.mrmc_sample_size(parts, **given)
        assert found % multiple == 0
        assert stats.mrmc_power(parts, n_readers=found, **given) >= 0.8
        assert found == 2 * multiple or stats.mrmc_power(parts, n_readers=found - multiple, **given) < 0.8
    with pytest.raises(InputError, match="equal groups"):
        stats.mrmc_power(parts, n_cases=120, design="split-plot", groups=5, **asked)
    with pytest.raises(InputError, match="fixed: arms would differ"):
        stats.mrmc_power(parts, n_cases=120, design="unpaired", readers="fixed", **asked)
    with pytest.raises(NotEstimableError, match="var_reader"):
        stats.mrmc_power(parts | {"var_reader": np.nan}, n_cases=120, design="unpaired", **asked)
