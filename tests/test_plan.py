"""osteon plan: numbers without external labels, a lock before predictions, every departure from it in the report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from osteon import pipeline, stats, study
from osteon.cli import app
from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.run import RunFolder
from osteon.pipeline.planning import Deviations
from osteon.results import planned, report
from osteon.results.report.folder import Finished
from simulated_run import Simulated, simulate

STUDY = """\
[centres]
development = ["1"]
[[models]]
kind = "clinical"
[evaluation]
primary = ["clinical", "box"]
bootstrap = 100
[plan]
auc = 0.8
auc_other = 0.7
threshold = 0.3
"""


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate(4, scale=0.25, models=("clinical", "box"))


@pytest.fixture
def file(simulated: Simulated, tmp_path: Path) -> Path:
    """A study whose external labels nobody knows yet."""
    table = simulated.cohort.copy()
    table.loc[table["centre"] != "1", "label"] = ""
    table.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path / "study.toml"


def ran(file: Path, simulated: Simulated, predictions: pd.DataFrame | None = None) -> Finished:
    """The run folder after predictions were made, with one figure of its evaluation."""
    settings = study.load(file)
    run = RunFolder(settings.run_path)
    run.path.mkdir(exist_ok=True)
    settings.relocated(run.path).write(run.study_file)
    tables.write(simulated.cohort, run.file("cohort"), tables.COHORT)
    told = simulated.predictions if predictions is None else predictions
    tables.write(told, run.file("predictions"), tables.PREDICTIONS)
    row = {"model": "clinical", "stratum": "external", "metric": "auc", "value": 0.8, "low": 0.7, "high": 0.9}
    run.write(pd.DataFrame([{**row, "method": "", "n": 100, "n_positive": 40}]), "metrics")
    pipeline.walk((Deviations(),), settings)
    return Finished(run.path)


def section(run: Finished) -> str:
    """What the report says of the plan, as text."""
    html = report.write(run.path).read_text(encoding="utf-8")
    found = re.search(r'<section[^>]*id="plan".*?</section>', html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def test_numbers_need_no_external_label(file: Path, simulated: Simulated) -> None:
    found = pipeline.plan(file)
    (file.parent / "cohort.csv").write_text(simulated.cohort.assign(label=0).where(
        simulated.cohort["centre"] != "1", simulated.cohort).to_csv(index=False))  # fmt: skip
    assert str(pipeline.plan(file)) == str(found)
    needs = dict(zip(found.table["measure"].str.partition(" ")[0], found.table["needs"], strict=True))
    inside = simulated.cohort.loc[simulated.cohort["centre"] == "1", "label"].astype(int).mean()
    assert f"{100 * inside:.3g}% of the external cases" in str(found)
    for target in stats.validation_sample_size(float(inside), 0.8, threshold=0.3).targets:
        if target.name != "AUC":  # whose name the comparison has too
            assert needs[target.name.partition(" ")[0]] == f"{target.n:,} cases"


def test_the_planned_run_and_one_that_departs(file: Path, simulated: Simulated) -> None:
    locked = pipeline.lock(file)
    assert locked.hash == locked.sha256
    assert pipeline.lock(file) == locked  # nothing changed, nothing new
    run = ran(file, simulated)
    assert run.table("deviations") is None
    said = section(run)
    assert "This run is the planned one." in said
    assert locked.sha256 in said
    assert "clinical against box AUC 0.8 against 0.7 power 0.8" in said
    with pytest.raises(InputError, match="predictions already"):
        pipeline.lock(file)

    file.write_text(STUDY.replace("bootstrap", 'sensitivity = 0.8\nsubgroups = ["sex"]\nbootstrap'))
    by_hand = simulated.predictions[simulated.predictions["model"] == "box"].assign(model="forest")
    kept = simulated.cohort[simulated.cohort["case_id"] != simulated.cohort["case_id"].iloc[-1]]
    predictions = pd.concat([simulated.predictions, by_hand])
    predictions = predictions[predictions["case_id"].isin(kept["case_id"])]
    run = ran(file, Simulated(predictions, kept, simulated.study))
    table = run.table("deviations")
    assert table is not None
    found = {row.what: (row.planned, row.done) for row in table.itertuples()}
    assert found.pop("cases.4")[0].startswith("22 (")
    assert found == {
        "evaluation.sensitivity": ("0.9", "0.8"),
        "evaluation.subgroups": ("none", "sex"),
        "models.forest": ("not there", "added to predictions.csv by hand"),
    }
    said = section(run)
    assert "departs from its plan in 4 points" in said
    assert "evaluation.subgroups none sex" in said
    assert "the run departs from its locked plan in 4 points" in report.write(run.path).read_text(encoding="utf-8")


def test_a_plan_may_change_before_predictions_and_not_in_secret(file: Path, simulated: Simulated) -> None:
    first = pipeline.lock(file)
    file.write_text(STUDY.replace('["clinical", "box"]', '["box", "clinical"]'))
    second = pipeline.lock(file)
    assert second.after == first.sha256
    run = ran(file, simulated)
    said = section(run)
    assert "changed before the run in evaluation.primary" in said
    assert "This run is the planned one." in said
    content = json.loads(run.plan_file.read_text())
    content["locks"][1]["plan"]["evaluation"]["primary"] = ["clinical", "box"]
    run.plan_file.write_text(json.dumps(content))
    pipeline.walk((Deviations(),), study.load(file))
    said = section(Finished(run.path))
    assert "evaluation.primary clinical, box box, clinical" in said
    assert "lock 2 of plan.json" in said
    assert "changed by hand since it was locked" in said
    del content["locks"][0]
    run.plan_file.write_text(json.dumps(content))
    assert len(planned.locks(run)) == 1
    pipeline.walk((Deviations(),), study.load(file))
    assert "lock 1 of plan.json" in section(Finished(run.path))
    run.plan_file.write_text("{}")
    with pytest.raises(InputError, match="not a locked plan"):
        pipeline.walk((Deviations(),), study.load(file))
    run.plan_file.unlink()
    pipeline.walk((Deviations(),), study.load(file))
    assert section(Finished(run.path)) == ""


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('development = ["9"]', "no case of centre"),
        ("auc = 0.4", "greater than 0.5"),
        ("auc_other = 0.8", "no difference to find"),
        ("beta = [1, 1]\nlog_odds = [0, 1]", "give one"),
        ("[plan.readers]\neffect = 0.05", "how many readers"),
        ('[plan.readers]\nnumber = 8\npilot = "nowhere.csv"', "nowhere.csv"),
        ("[plan.readers]\nnumber = 7\ndesign = \"unpaired\"", "equal groups"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_ends_with_a_sentence(file: Path, said: str, message: str) -> None:
    name = said.partition(" ")[0]
    text = re.sub(rf"^{re.escape(name)} = .*$", "", STUDY, flags=re.MULTILINE) if "[" not in name else STUDY
    file.write_text(text.replace("[centres]", f"[centres]\n{said}") if name == "development" else f"{text}{said}\n")
    with pytest.raises(InputError, match=message):
        pipeline.plan(file)


def test_the_command(file: Path) -> None:
    file.write_text(f"{STUDY}[plan.readers]\nnumber = 8\n")
    done = CliRunner().invoke(
        app, ["plan", str(file), "--lock", "--out", str(file.parent / "plan.csv")], catch_exceptions=False
    )
    assert "cases for 8 readers" in done.stdout
    (lock,) = planned.locks(RunFolder(file.parent / "run"))
    assert done.stdout.rstrip().endswith(lock.sha256)
    assert len(pd.read_csv(file.parent / "plan.csv")) == len(lock.sizes) == 7
