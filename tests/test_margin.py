"""A primary question of non-inferiority: in the plan, in the table, and first in the report."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest
from scipy.stats import t as student

from osteon import pipeline, stats, study
from osteon.core import tables
from osteon.core.errors import InputError, StudyError
from osteon.core.run import RunFolder
from osteon.core.words import in_stratum
from osteon.results import figures, report
from osteon.results.evaluate import evaluate
from simulated_run import Simulated, simulate

STUDY = """\
[centres]
development = ["1"]
[[models]]
kind = "clinical"
[evaluation]
primary = ["clinical", "box"]
margin = {margin}
bootstrap = 100
[plan]
auc = 0.8
auc_other = 0.8
prevalence = 0.3
"""


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate(4, scale=0.25, models=("clinical", "box"))


def asked(folder: Path, simulated: Simulated, margin: float) -> study.Study:
    tables.write(simulated.cohort, folder / "cohort.csv", tables.COHORT)
    (folder / "study.toml").write_text(STUDY.format(margin=margin))
    return study.load(folder / "study.toml")


@pytest.mark.parametrize("pair", [("clinical", "box"), ("box", "clinical")])
def test_the_test_is_delongs_one_sided_against_the_margin(
    tmp_path: Path, simulated: Simulated, pair: tuple[str, str]
) -> None:
    settings = asked(tmp_path, simulated, 0.05)
    evaluation = settings.evaluation.model_copy(update={"primary": pair})
    found = evaluate(simulated.predictions, simulated.cohort, settings.model_copy(update={"evaluation": evaluation}))
    both = found.comparisons[found.comparisons["primary"]].merge(found.noninferiority, on="stratum")
    assert len(both) == len(found.metrics["stratum"].unique())
    cases = simulated.predictions.drop_duplicates("case_id")
    for _, row in both.iterrows():
        patients = in_stratum(cases, row["stratum"])["patient_id"]
        patients = patients.where(patients != "", cases["case_id"])
        df = patients.nunique() - 1 if patients.duplicated().any() else inf
        assert row["limit"] == pytest.approx(row["low"])  # the lower limit of the two-sided interval
        assert row["difference_x"] == row["difference_y"]
        z = (row["difference_x"] + 0.05) / row["se"]
        assert row["p_y"] == pytest.approx(student.sf(z, df), rel=1e-6)
        assert row["shown"] == (row["limit"] > -0.05) == (row["p_y"] < 0.025)


def test_without_a_margin_there_is_no_such_question(tmp_path: Path, simulated: Simulated) -> None:
    settings = asked(tmp_path, simulated, 0.05)
    evaluation = settings.evaluation.model_copy(update={"margin": None})
    found = evaluate(simulated.predictions, simulated.cohort, settings.model_copy(update={"evaluation": evaluation}))
    assert found.noninferiority.empty


def test_the_plan_knows_the_margin_and_the_report_begins_with_it(tmp_path: Path, simulated: Simulated) -> None:
    settings = asked(tmp_path, simulated, 0.2)
    said = str(pipeline.plan(tmp_path / "study.toml"))
    assert "clinical not inferior to box by more than 0.2" in said
    needed = sum(stats.paired_auc_sample_size(0.8, 0.8, prevalence=0.3, margin=0.2))
    assert f"{needed:,} cases" in said
    run = RunFolder(settings.run_path)
    run.path.mkdir()
    run.provenance_file.write_text("{}")
    settings.relocated(run.path).write(run.study_file)
    tables.write(simulated.cohort, run.file("cohort"), tables.COHORT)
    tables.write(simulated.predictions, run.file("predictions"), tables.PREDICTIONS)
    for margin, words in ((0.2, "Yes, not inferior by more than 0.2 (difference"), (0.001, "one-sided 97.5% limit")):
        text = run.study_file.read_text().replace("margin = 0.2", f"margin = {margin}")
        run.study_file.write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(figures, "DRAWN", {})
            told = report.write(pipeline.evaluate(run.path).path).read_text(encoding="utf-8")
        assert words in told
        assert f"Is clinical not inferior to box by more than {margin:g}?" in told
        assert "as the study file has it; no locked plan does" in told
        assert "does not separate the two" not in told
    assert "by more than 0.001 (difference" in report.headline(run.path)


@pytest.mark.parametrize("margin", [0, -0.1, 0.5, 2])
def test_a_margin_that_is_none_is_refused(tmp_path: Path, simulated: Simulated, margin: float) -> None:
    with pytest.raises(StudyError, match=r"a margin lies between 0 and 0.5"):
        asked(tmp_path, simulated, margin)


def test_a_margin_needs_a_pair_and_equal_areas_need_a_margin(tmp_path: Path) -> None:
    text = STUDY.format(margin=0.05)
    (tmp_path / "study.toml").write_text(text.replace('primary = ["clinical", "box"]\n', ""))
    with pytest.raises(StudyError, match="a margin belongs to a pair of models"):
        study.load(tmp_path / "study.toml")
    (tmp_path / "study.toml").write_text(text.replace("margin = 0.05\n", ""))
    with pytest.raises(StudyError, match="there is no difference to find"):
        study.load(tmp_path / "study.toml")


def test_a_loss_of_the_margin_cannot_be_planned(tmp_path: Path, simulated: Simulated) -> None:
    asked(tmp_path, simulated, 0.05)
    path = tmp_path / "study.toml"
    path.write_text(path.read_text().replace("auc_other = 0.8", "auc_other = 0.9"))
    with pytest.raises(InputError, match=r"no better than the margin of 0.05"):
        pipeline.plan(path)
