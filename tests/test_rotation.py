"""Each centre held out in turn: who learns from whom, what is found, and what changes when something changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from osteon import stats, study
from osteon.core.errors import StudyError
from osteon.core.run import RunFolder
from osteon.pipeline import FIT, Workers, check, evaluate, walk
from osteon.results import figures, report
from osteon.results.evaluate.rotation import rotation
from three_centres import STUDY as TABLES
from three_centres import centres, edit

STUDY = TABLES.format(asked="rotate = true")


def models(run: Path, pattern: str) -> dict[str, bytes]:
    """Every file of fitted models but what they tell."""
    return {p.relative_to(run).as_posix(): p.read_bytes() for p in run.glob(f"models/*/{pattern}/fold-*/model.*")}


class Watching(Workers):
    """Workers that look, when models are made without a centre, whether the study's own evaluation is written."""

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.seen: list[bool] = []
        self._run = run

    def map(self, title: str, work: Any, pieces: Any, done: Any = None) -> Any:
        if "without centre" in title and pieces:
            self.seen.append((self._run / "metrics.csv").is_file())
        return super().map(title, work, pieces, done)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = centres(tmp_path_factory.mktemp("rotation") / "study", STUDY)
    watching = Watching(path.parent / "run")
    walk(FIT, study.load(path), watching)
    assert watching.seen
    assert all(watching.seen)  # no external label is learned from before
    return path


@pytest.fixture
def mine(made: Path, tmp_path: Path) -> Path:
    """A copy of the finished study that a test may change."""
    shutil.copytree(made.parent, tmp_path / "study")
    return tmp_path / "study" / "study.toml"


def test_each_rotation_is_the_study_with_other_centres(made: Path, tmp_path: Path) -> None:
    """The slow definition: a study of its own whose development centres are the others."""
    path = centres(tmp_path / "other", STUDY.replace('development = ["A"]', 'development = ["A", "C"]'))
    path.write_text(path.read_text().replace("rotate = true\n", ""))
    other = RunFolder(walk(FIT, study.load(path)).path)
    run = RunFolder(made.parent / "run")
    keys = ["case_id", "model"]
    said = run.read("rotation_predictions").query("rotation == 'B'").set_index(keys)["probability"]
    expected = other.read("predictions").set_index(keys)["probability"]
    pd.testing.assert_series_equal(said.sort_index(), expected.sort_index(), check_exact=True)
    found = run.read("rotation").query("stratum == 'centre:B'").set_index(["model", "metric"])
    metrics = other.read("metrics").query("stratum == 'centre:B'").set_index(["model", "metric"])
    for model in ("age", "combined", "box"):
        for metric in ("auc", "calibration_slope", "calibration_intercept"):
            for column in ("value", "low", "high", "n", "n_positive"):
                np.testing.assert_equal(found.loc[(model, metric), column], metrics.loc[(model, metric), column])
    points = other.read("operating_points").query("stratum == 'centre:B' and rule == 'youden'")
    points = points.set_index(["model", "metric"])
    for metric in ("sensitivity", "specificity"):
        for column in ("value", "low", "high", "threshold"):
            assert found.loc[("age", metric), column] == points.loc[("age", metric), column]


def test_the_summary_pools_the_held_out_centres(made: Path) -> None:
    run = RunFolder(made.parent / "run")
    said = run.read("rotation_predictions").query("model == 'age' and rotation == centre")
    each = [stats.delong_ci(own["label"], own["probability"]) for _, own in said.groupby("centre")]
    expected = stats.pool(each)
    row = run.read("rotation_summary").query("model == 'age' and metric == 'auc'").iloc[0]
    assert (row["centres"], row["value"]) == (3, pytest.approx(expected.estimate.value))
    assert row["prediction_low"] == pytest.approx(expected.prediction_low)


def test_labels_of_a_held_out_centre_never_reach_its_rotation(mine: Path) -> None:
    """Neither those of an external centre nor those of development, which the study itself learns from."""
    run = mine.parent / "run"
    for centre in "CA":
        before, others = models(run, f"rotation-{centre}"), models(run, "rotation-B")
        assert len(before) == 3 * 2 * 2  # the box is a model, too

        def flipped(cohort: pd.DataFrame, centre: str = centre) -> pd.DataFrame:
            there = cohort["centre"] == centre
            swap = cohort["label"].map({"malignant": "benign", "benign": "malignant"})
            return cohort.assign(label=cohort["label"].where(~there, swap))

        edit(mine, flipped)
        walk(FIT, study.load(mine))
        assert models(run, f"rotation-{centre}") == before
        assert models(run, "rotation-B") != others  # they did learn from it


def test_the_study_itself_does_not_depend_on_its_rotations(mine: Path, tmp_path: Path) -> None:
    run = RunFolder(mine.parent / "run")
    names = ("predictions", "metrics", "operating_points", "comparisons")
    before = {name: run.file(name).read_bytes() for name in names}
    mine.write_text(mine.read_text().replace("rotate = true\n", ""))
    walk(FIT, study.load(mine))
    assert {name: run.file(name).read_bytes() for name in names} == before
    assert not [*run.path.glob("rotation*.csv"), *run.path.glob("models/*/rotation-*/*/*")]


def test_more_cases_of_a_centre_fit_nothing_without_it(mine: Path) -> None:
    run = mine.parent / "run"
    before = models(run, "rotation-C")
    stamps = {p: p.stat().st_mtime_ns for p in run.glob("models/*/rotation-C/fold-*/model.json")}
    shutil.copy(mine.parent / "images" / "C01.png", mine.parent / "images" / "C99.png")
    Image.fromarray(np.eye(32, dtype=np.uint8) * 200).save(mine.parent / "images" / "C99.png")

    def one_more(cohort: pd.DataFrame) -> pd.DataFrame:
        last = cohort.iloc[[-1]].assign(case_id="C99", patient_id="C99", image="images/C99.png")
        return pd.concat([cohort, last], ignore_index=True)

    edit(mine, one_more)
    walk(FIT, study.load(mine))
    assert models(run, "rotation-C") == before
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps
    said = RunFolder(run).read("rotation_predictions")
    assert "C99" in set(said.loc[said["rotation"] == "C", "case_id"])


def test_a_centre_that_is_gone_leaves_no_models(mine: Path) -> None:
    edit(mine, lambda cohort: cohort[cohort["centre"] != "B"])
    walk(FIT, study.load(mine))
    run = RunFolder(mine.parent / "run")
    assert not models(run.path, "rotation-B")
    assert models(run.path, "rotation-C")
    row = run.read("rotation_summary").query("model == 'age' and metric == 'auc'").iloc[0]
    assert row["centres"] == 2
    assert np.isnan(row["prediction_low"])


def test_who_is_of_two_centres_is_learned_from_by_neither(mine: Path) -> None:
    edit(mine, lambda cohort: cohort.assign(patient_id=cohort["patient_id"].replace({"C05": "B07"})))
    warnings = check(study.load(mine), workers=Workers()).warnings
    assert any("2 cases share a patient or a picture with another centre (B07, C05)" in told for told in warnings)
    walk(FIT, study.load(mine))
    said = RunFolder(mine.parent / "run").read("rotation_predictions")
    assert "B07" not in set(said.loc[said["rotation"] == "C", "case_id"])
    assert "B07" in set(said.loc[said["rotation"] == "B", "case_id"])
    assert {"B07", "C05"} <= set(said.loc[said["rotation"] == "A", "case_id"])


def test_what_cannot_be_rotated_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    path = centres(tmp_path / "study", STUDY)
    edit(path, lambda cohort: cohort.assign(label=cohort["label"].where(cohort["centre"] == "A", "benign")))
    with pytest.raises(StudyError, match=r"with centre 'A' held out: .*positive case, and there are 0"):
        walk(FIT, study.load(path))
    assert not (path.parent / "run" / "models").exists()
    edit(path, lambda cohort: cohort[cohort["centre"] == "A"])
    with pytest.raises(StudyError, match="there is one centre, 'A'"):
        check(study.load(path), workers=Workers())


def test_a_centre_with_one_class_or_few_cases_is_told(mine: Path) -> None:
    def one_class(cohort: pd.DataFrame) -> pd.DataFrame:
        benign = (cohort["centre"] == "C") | ((cohort["centre"] == "B") & (cohort["case_id"].str[1:].astype(int) > 9))
        return cohort.assign(label=cohort["label"].where(~benign, "benign"))

    edit(mine, one_class)
    warnings = check(study.load(mine), workers=Workers()).warnings
    assert any(told.startswith("evaluation.rotate: centre B has 4 malignant of 36 cases") for told in warnings)
    assert any(told.startswith("Centre C: none of 42 cases") for told in warnings)
    said = RunFolder(mine.parent / "run").read("rotation_predictions")
    found = rotation(said.assign(label=said["label"].where(said["centre"] != "C", 0)), study.load(mine))
    row = found.rotation.query("stratum == 'centre:C' and model == 'age' and metric == 'auc'").iloc[0]
    assert np.isnan(row["value"])
    assert row["method"] == "not estimable: one class"
    assert found.rotation_summary.query("model == 'age' and metric == 'auc'")["centres"].iloc[0] == 2


def test_the_report_calls_it_secondary(made: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DRAWN", {"rotation": figures.DRAWN["rotation"]})
        told = report.write(evaluate(made).path).read_text(encoding="utf-8")
    assert "Each centre held out in turn" in told
    assert "In a secondary analysis that holds out each centre once and makes age from all others, its AUC is" in told
    assert 'id="figure-rotation"' in told
