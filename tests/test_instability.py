"""Models made again on bootstrap samples: against the slow definition, sealed, resumed, and told."""

from __future__ import annotations

import shutil
from math import pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from osteon import stats, study
from osteon.core.errors import InputError, StudyError, TableError
from osteon.core.run import RunFolder
from osteon.pipeline import FIT, Workers, check, evaluate, walk
from osteon.pipeline.context import Context
from osteon.pipeline.refits import drawn
from osteon.results import figures, report
from osteon.results.evaluate.instability import instability
from small_study import STUDY as SMALL
from small_study import make
from three_centres import STUDY as TABLES
from three_centres import centres, edit

STUDY = TABLES.format(asked="refits = 20").replace('variables = ["age"]', 'variables = ["site"]')


# The statistic --------------------------------------------------------------------------------------------------------


def test_errors_and_calls_are_counted_case_by_case() -> None:
    rng = np.random.default_rng(0)
    own, again = rng.random(7), rng.random((50, 7))
    found = stats.instability(own, again, threshold=0.4, level=0.9)
    for case in range(7):
        differences = [abs(float(row[case]) - float(own[case])) for row in again]
        assert found.mape[case] == pytest.approx(sum(differences) / 50)
        other = [row for row in again.tolist() if (row[case] >= 0.4) != (own.tolist()[case] >= 0.4)]
        assert found.changed[case] == pytest.approx(len(other) / 50)
        assert (found.low[case], found.high[case]) == pytest.approx(tuple(np.percentile(again[:, case], [5, 95])))
    assert np.isnan(stats.instability(own, again).changed).all()
    assert "over 50 refits" in str(found)
    assert list(found.to_frame()) == ["low", "high", "mape", "changed"]


def test_the_error_of_a_share_is_that_of_its_normal_distribution() -> None:
    """A model that tells the share of positives: the mean absolute error is sqrt(2 / pi) standard errors."""
    rng = np.random.default_rng(1)
    truth = rng.random(500) < 0.3
    again = truth[rng.integers(500, size=(4000, 500))].mean(axis=1)
    found = stats.instability([truth.mean()], again[:, None])
    error = sqrt(truth.mean() * (1 - truth.mean()) / 500)
    assert found.mape[0] == pytest.approx(sqrt(2 / pi) * error, rel=0.03)
    assert found.high[0] - found.low[0] == pytest.approx(2 * 1.96 * error, rel=0.06)


@pytest.mark.parametrize(
    ("again", "message"),
    [([[0.1]], "have the shape"), ([[0.1, 0.2]], "have the shape"), ([[0.1, 0.2], [0.1, 1.2]], "holds 1.2")],
)
def test_what_is_no_set_of_refits_is_refused(again: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        stats.instability([0.1, 0.2], again)


# A study --------------------------------------------------------------------------------------------------------------


class Counting(Workers):
    """Workers that count the refits that they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.refits = 0

    def map(self, title: str, work: Any, pieces: Any, done: Any = None) -> Any:
        self.refits += len(pieces) * title.endswith("refits")
        return super().map(title, work, pieces, done)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = centres(tmp_path_factory.mktemp("instability") / "study", STUDY)
    walk(FIT, study.load(path))
    return path


@pytest.fixture
def mine(made: Path, tmp_path: Path) -> Path:
    """A copy of the finished study that a test may change."""
    shutil.copytree(made.parent, tmp_path / "study")
    return tmp_path / "study" / "study.toml"


def ridge(site: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """The probability at each of two sites by logistic regression, half the squared slope as penalty."""
    common = max("ab", key=lambda level: (site == level).sum())

    def loss(b: np.ndarray) -> float:
        eta = b[0] + b[1] * (site != common)
        return float(np.logaddexp(0, eta).sum() - target @ eta + b[1] ** 2 / 2)

    found = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    return {level: float(expit(found[0] + found[1] * (level != common))) for level in "ab"}


def test_a_refit_is_the_whole_way_gone_again(made: Path) -> None:
    """The slow definition, fold by fold, from the cases as they were drawn."""
    at = Context.of(study.load(made), Workers())
    at.check()
    cases, site = at.cases.table, at.cases.table["site"].to_numpy()
    target = cases["case_id"].map(at.labels).to_numpy(dtype=np.float64)
    told = RunFolder(made.parent / "run").read("refits").query("model == 'age'")
    for number in (0, 7, 19):
        sample = drawn(at, number)
        fold, times = sample.dealt.cases["fold"].to_numpy(), sample.dealt.times
        assert times is not None
        assert times.sum() == 30
        assert not times[cases["split"] == "external"].any()
        learned = [np.repeat(np.arange(len(cases)), times * (fold != k)) for k in range(2)]
        by_fold = np.array([[ridge(site[rows], target[rows])[level] for level in site] for rows in learned])
        expected = np.where(fold == 0, by_fold[0], np.where(fold == 1, by_fold[1], by_fold.mean(axis=0)))
        found = told[told["refit"] == number].set_index("case_id")["probability"][cases["case_id"]]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_tables_are_those_of_the_refits(made: Path) -> None:
    run = RunFolder(made.parent / "run")
    told = run.read("refits").query("model == 'combined'")
    wide = told.pivot_table(index="refit", columns="case_id", values="probability")
    said = run.read("predictions").query("model == 'combined'").set_index("case_id")
    threshold = run.read("operating_points").query("model == 'combined' and rule == 'youden'")["threshold"].iloc[0]
    own = said["probability"][wide.columns]
    cases = run.read("instability_cases").query("model == 'combined'").set_index("case_id").loc[wide.columns]
    np.testing.assert_allclose(cases["mape"], (wide - own).abs().mean())
    np.testing.assert_allclose(cases["changed"], ((wide >= threshold) != (own >= threshold)).mean())
    table = run.read("instability").query("model == 'combined' and stratum == 'centre:B'").set_index("metric")
    there = cases["centre"] == "B"
    assert table.loc["mape", "value"] == pytest.approx(cases.loc[there, "mape"].mean())
    assert tuple(table.loc["changed", ["low", "high"]]) == pytest.approx(
        tuple(np.quantile(cases.loc[there, "changed"], [0.025, 0.975]))
    )
    label = said["label"][wide.columns][there.to_numpy()]
    areas = [stats.auc(label, row[there.to_numpy()]) for row in wide.to_numpy()]
    assert table.loc["auc", "value"] == pytest.approx(np.mean(areas))
    curve = run.read("instability_curve").query("model == 'combined' and stratum == 'external'")
    assert curve["n"].sum() == 36 + 42
    assert (curve["low"] <= curve["high"]).all()


def test_external_labels_change_no_refit(mine: Path) -> None:
    run = RunFolder(mine.parent / "run")
    before = run.file("refits").read_bytes()
    run.file("refits").unlink()
    other = {"malignant": "benign", "benign": "malignant"}

    def flipped(cohort: pd.DataFrame) -> pd.DataFrame:
        return cohort.assign(label=cohort["label"].where(cohort["centre"] == "A", cohort["label"].map(other)))

    edit(mine, flipped)
    counting = Counting()
    walk(FIT, study.load(mine), counting)
    assert (run.file("refits").read_bytes(), counting.refits) == (before, 0)


def test_what_was_interrupted_goes_on_where_it_was(mine: Path) -> None:
    run = RunFolder(mine.parent / "run")
    before = run.file("refits").read_bytes()
    run.file("refits").unlink()
    for part in sorted(run.cache.glob("refits-combined/*.npy"))[:3]:
        part.unlink()
    counting = Counting()
    walk(FIT, study.load(mine), counting)
    assert (run.file("refits").read_bytes(), counting.refits) == (before, 3)
    mine.write_text(mine.read_text().replace("refits = 20\n", ""))
    walk(FIT, study.load(mine))
    assert not [*run.path.glob("refits*"), *run.path.glob("instability*")]


def test_refits_of_other_cases_are_refused(made: Path) -> None:
    run = RunFolder(made.parent / "run")
    refits, said, points = (run.read(name) for name in ("refits", "predictions", "operating_points"))
    with pytest.raises(TableError, match="the refits of 'age' are of other cases"):
        instability(refits[refits["case_id"] != "A01"], said, points, study.load(made))


def test_the_report_says_how_far_predictions_hang_on_chance(made: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DRAWN", {"instability": figures.DRAWN["instability"]})
        told = report.write(evaluate(made).path).read_text(encoding="utf-8")
    assert "Had other patients been in development" in told
    assert (
        "Made again on 20 bootstrap samples of the development patients, age gives a case in external, pooled" in told
    )
    assert "of the calls change, and" in told
    assert 'id="figure-instability"' in told


def test_too_few_patients_are_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    path = centres(tmp_path / "study", STUDY.replace("folds = 2", "folds = 10"))
    with pytest.raises(StudyError, match=r"of 100 bootstrap samples of the patients none .*positive case"):
        check(study.load(path), workers=Workers())
    path.write_text(STUDY.replace("refits = 20", "refits = 5"))
    with pytest.raises(StudyError, match="20 samples or more"):
        study.load(path)


# Networks -------------------------------------------------------------------------------------------------------------


def test_heads_on_frozen_networks_are_made_again_and_trained_networks_are_not(tmp_path: Path) -> None:
    few = SMALL.replace("folds = 2", "folds = 2\nrefits = 20")
    few = "[[models]]".join(part for part in few.split("[[models]]") if "radiomics" not in part)
    few = few.replace("seeds = 2", "seeds = 1").replace("epochs = 2", "epochs = 1")
    path = make(tmp_path / "study", study=few, patients=12)
    settings = study.load(path)
    why = {model.name: settings.made_once(model) for model in settings.models}
    assert [name for name, reason in why.items() if reason] == ["tuned"]
    of_tuned = settings.model("combined").model_copy(update={"of": ("tuned",)})
    assert settings.made_once(of_tuned) == "it is made from tuned, which is made once"
    run = RunFolder(walk(FIT, settings).path)
    cases = run.read("instability_cases")
    assert set(cases["model"]) == {"frozen", "clinical", "combined", "box"}
    assert cases.query("model == 'frozen'")["mape"].gt(0).all()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DRAWN", {})
        told = report.write(evaluate(path).path).read_text(encoding="utf-8")
    assert "Not made again: tuned (its network is trained, which takes too long to be done so often)." in told
