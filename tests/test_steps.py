"""The whole study on a small cohort: what it writes, that nothing leaks, and that it always gives the same bytes."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import osteon
from osteon import stats, study
from osteon.core import tables
from osteon.core.errors import InputError
from osteon.models.inputs import crops
from osteon.pipeline import FIT, Workers, evaluate, walk
from small_study import STUDY, add_centre, but, bytes_of, drawing, drawn, make, run_apart

NETWORK = '[[models]]\nkind = "network"\nname = "frozen"\nbackbone = "test_resnet"\nweights = "random"\n\n'
#: What follows the tables of an evaluation, and where it is noted.
PRESENTED = ("cards/", "figures/", "thumbnails/", "examples.csv", "report.html", "provenance.json")
#: What fitting imports as it begins: once for all processes that are killed.
BEFORE_FITTING = ["osteon.pipeline", "osteon.models.network.kind", "osteon.models.network.fitted", "torch._dynamo"]
BEFORE_FITTING += ["osteon.models.tabular.radiomics", "skops.io"]


def models_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name.startswith("models/") and "probab" not in name}


def test_everything_is_there(finished: Path) -> None:
    for name in (
        "study.toml", "provenance.json", "cohort.csv", "flow.json", "folds.csv", "features.csv", "predictions.csv",
        "metrics.csv", "comparisons.csv", "calibration.csv", "decision.csv", "operating_points.csv", "odds_ratios.csv",
        "selected_features.csv", "reliability-radiomics.csv", "report.html",
    ):  # fmt: skip
        assert (finished / name).stat().st_size > 0, name
    report = (finished / "report.html").read_text(encoding="utf-8")
    cards = {path.name: path.read_text(encoding="utf-8") for path in (finished / "cards").iterdir()}
    assert len(cards) == len(study.load(finished).models)
    assert all(text.startswith("# Model card: ") and f'href="cards/{name}"' in report for name, text in cards.items())
    machine = json.loads((finished / "provenance.json").read_text(encoding="utf-8"))["machine"]
    assert {"processor", "device", "precision of training", "precision of prediction"} <= set(machine)
    figures = {path.stem for path in (finished / "figures").glob("*.svg")}
    assert figures
    assert not list(finished.rglob("*.part"))


def test_every_case_is_predicted_once_by_every_model_and_seed(finished: Path) -> None:
    run = osteon.Run(finished)
    cohort = tables.read(finished / "cohort.csv", tables.COHORT)
    folds = tables.read(finished / "folds.csv", tables.FOLDS).set_index("case_id")["fold"]
    for (model, _seed), of_model in run.predictions.groupby(["model", "seed"]):
        assert sorted(of_model["case_id"]) == sorted(cohort["case_id"]), model
        inside = of_model[of_model["split"] == "development"]
        assert list(inside["fold"]) == [str(folds[case]) for case in inside["case_id"]]
        assert set(of_model.loc[of_model["split"] == "external", "fold"]) == {"ensemble"}
    assert run.predictions.groupby("model")["seed"].nunique()["tuned"] == 2
    labels = cohort.set_index("case_id")["label"]
    assert all((labels[p.case_id] == "malignant") == p.label for p in run.predictions.itertuples())


def test_an_auc_of_the_report_is_the_auc_of_the_predictions(finished: Path) -> None:
    run = osteon.Run(finished)
    row = run.metrics.query("model == 'frozen' and stratum == 'external' and metric == 'auc'").iloc[0]
    cases = run.predictions.query("model == 'frozen' and split == 'external'")
    assert row["value"] == pytest.approx(stats.auc(cases["label"], cases["probability"]))


def test_a_second_run_does_nothing_and_writes_the_same(copied: Path) -> None:
    run = copied.parent / "run"
    before, times = bytes_of(run), {p: p.stat().st_mtime_ns for p in run.rglob("model.*")}
    osteon.run(copied)
    assert bytes_of(run) == before
    assert {p: p.stat().st_mtime_ns for p in run.rglob("model.*")} == times


def test_jobs_and_a_fresh_folder_change_no_byte(finished: Path, tmp_path: Path) -> None:
    again = walk(FIT, study.load(make(tmp_path / "other")), Workers(2)).path
    assert bytes_of(again).keys() >= {"predictions.csv", "metrics.csv", "models/tuned/seed-1/fold-1/model.safetensors"}
    assert but(bytes_of(again), *PRESENTED) == but(bytes_of(finished), *PRESENTED)


def test_external_labels_reach_no_model(copied: Path) -> None:
    run, table = copied.parent / "run", copied.parent / "cohort.csv"
    before = bytes_of(run)
    cohort = pd.read_csv(table)
    outside = cohort["centre"] == "B"
    rng = np.random.default_rng(0)
    cohort.loc[outside, "label"] = rng.permutation(cohort.loc[outside, "label"].to_numpy())
    cohort.to_csv(table, index=False)
    shutil.rmtree(run)
    after = bytes_of(walk(FIT, study.load(copied)).path)
    assert models_of(after) == models_of(before)
    assert after["folds.csv"] == before["folds.csv"]
    assert {k: v for k, v in after.items() if "probabilities" in k} == {
        k: v for k, v in before.items() if "probabilities" in k
    }
    assert after["metrics.csv"] != before["metrics.csv"]


def test_development_labels_do_reach_models(copied: Path) -> None:
    """The test above can fail: the same change on the other side of the line changes every model."""
    run, table = copied.parent / "run", copied.parent / "cohort.csv"
    before = models_of(bytes_of(run))
    cohort = pd.read_csv(table)
    inside = cohort["centre"] == "A"
    cohort.loc[inside, "label"] = np.random.default_rng(0).permutation(cohort.loc[inside, "label"].to_numpy())
    cohort.to_csv(table, index=False)
    after = models_of(bytes_of(walk(FIT, study.load(copied)).path))
    changed = {name.split("/")[1] for name in before if before[name] != after[name] and "model.json" not in name}
    assert changed == {"frozen", "tuned", "radiomics", "clinical", "combined", "box"}


def test_a_new_external_case_fits_nothing_again(copied: Path) -> None:
    run, table = copied.parent / "run", copied.parent / "cohort.csv"
    times = {p: p.stat().st_mtime_ns for p in run.rglob("model.s*")}
    cohort = pd.read_csv(table)
    cohort.iloc[:-1].to_csv(table, index=False)
    walk(FIT, study.load(copied))
    assert {p: p.stat().st_mtime_ns for p in run.rglob("model.s*")} == times


def test_a_changed_setting_fits_its_own_model_again_and_no_other(copied: Path) -> None:
    run = copied.parent / "run"
    before = models_of(bytes_of(run))
    copied.write_text(STUDY.replace("epochs = 2", "epochs = 3"))
    walk(FIT, study.load(copied))
    after = models_of(bytes_of(run))
    assert {name.split("/")[1] for name in before if before[name] != after[name]} == {"tuned"}


def test_tables_figures_and_report_come_back_from_the_waist(copied: Path, finished: Path, whole: bool) -> None:
    run = copied.parent / "run"
    for path in (*run.glob("metrics.csv"), *run.glob("figures/*"), run / "report.html"):
        path.unlink()
    shutil.rmtree(run / "models")
    shutil.rmtree(copied.parent / "images")
    with drawn():
        evaluate(run)
    wanted = {name: content for name, content in bytes_of(finished).items() if not name.startswith("models/")}
    assert bytes_of(run) == wanted


def test_killed_again_and_again_it_resumes_to_the_same_bytes(finished: Path, tmp_path: Path, whole: bool) -> None:
    path = make(tmp_path / "study")
    run = path.parent / "run"
    moments = ("crops", "features-", "models/frozen/fold-0/model.safetensors", "predictions.csv")

    def begun(moment: str) -> bool:
        return any(moment in f"{folder}/{name}" for folder, inner, files in os.walk(run) for name in inner + files)

    starter = multiprocessing.get_context("forkserver")
    starter.set_forkserver_preload(BEFORE_FITTING)
    for moment in moments if whole else moments[2:3]:
        jobs = 2 if whole and moment == moments[2] else 1  # each further process has to import everything first
        process = starter.Process(target=run_apart, args=(path, jobs))
        process.start()
        deadline = time.monotonic() + 120
        while process.is_alive() and time.monotonic() < deadline and not begun(moment):
            time.sleep(0.005)
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        assert not (run / "report.html").is_file(), "it was finished before it could be killed"
    if whole:
        osteon.run(path)
        assert bytes_of(run) == bytes_of(finished)
    else:
        walk(FIT, study.load(path))
        assert but(bytes_of(run), *PRESENTED) == but(bytes_of(finished), *PRESENTED)


def test_a_pictures_failure_names_the_file(tmp_path: Path) -> None:
    path = make(tmp_path / "path")
    path.write_text(STUDY.replace('"random"', '"file:nowhere.pt"', 1))
    with pytest.raises(InputError, match="nowhere"):
        osteon.run(path)


def test_evaluate_takes_a_study_file_and_follows_its_settings(copied: Path) -> None:
    run, asked = copied.parent / "run", "model == 'frozen' and stratum == 'external' and metric == 'auc'"
    copied.write_text(STUDY.replace("bootstrap = 100", "bootstrap = 100\nlevel = 0.9"))
    with drawing():
        narrow = evaluate(copied).metrics.query(asked).iloc[0]
        assert "level = 0.9" in (run / "study.toml").read_text()
        copied.write_text(STUDY)
        wide = evaluate(copied).metrics.query(asked).iloc[0]
    assert narrow["low"] > wide["low"]
    copied.write_text(STUDY.replace("epochs = 2", "epochs = 3"))
    with pytest.raises(InputError, match=r"\[models\] has changed since the run"):
        evaluate(copied)


def test_evaluate_says_that_the_study_beside_the_run_asks_for_something_else(copied: Path) -> None:
    said = Heard()
    copied.write_text(STUDY.replace("bootstrap = 100", "bootstrap = 100\nlevel = 0.9"))
    with drawing():
        evaluate(copied.parent / "run", workers=Workers(progress=said))
    assert any("asks for another evaluation" in line for line in said.lines)


def test_nothing_to_evaluate_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing has been run yet.*osteon run"):
        evaluate(make(tmp_path / "study"))


@pytest.mark.parametrize("name", ["folds", "predictions", "metrics"])
def test_a_table_that_a_person_changed_is_not_written_over(copied: Path, name: str) -> None:
    path = copied.parent / "run" / f"{name}.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:-2], lines[-1]]))
    edited = path.read_bytes()
    with pytest.raises(InputError, match="changed by hand since osteon wrote it"):
        osteon.run(copied)
    assert path.read_bytes() == edited


def test_rows_of_another_model_in_predictions_are_evaluated(copied: Path) -> None:
    """Anybody's model, fitted on features.csv, say, is compared with the study's by adding its rows."""
    run = copied.parent / "run"
    predictions = pd.read_csv(run / "predictions.csv")
    other = predictions[predictions["model"] == "radiomics"].assign(model="forest")
    pd.concat([predictions, other]).to_csv(run / "predictions.csv", index=False)
    said = Heard()
    with drawing():
        found = evaluate(run, workers=Workers(progress=said))
    assert "forest" in set(found.metrics["model"])
    assert any("changed by hand" in line for line in said.lines)


def test_the_explanation_comes_back_from_the_waist_too(tmp_path: Path) -> None:
    text = STUDY[: STUDY.index("[[models]]")] + NETWORK + STUDY[STUDY.index("[evaluation]") :]
    path = make(tmp_path / "study", study=text.replace("[explain]\ncases = 0", "[explain]\ncases = 4"), patients=12)
    with drawing("explanation"):
        run = osteon.run(path).path
        before = bytes_of(run)
        for table in run.glob("explanation*.csv"):
            if table.name != "explanation_cases.csv":
                table.unlink()
        (run / "figures" / "explanation.svg").unlink()
        evaluate(run)
    assert "figures/explanation.svg" in before
    assert bytes_of(run) == before


class Heard:
    """Progress that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def __call__(self, total: int, title: str) -> Iterator[Heard]:
        yield self

    def advance(self, n: int = 1) -> None:
        pass


def test_an_added_centre_is_all_that_is_cut_and_predicted(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what comes out is what a fresh run of the larger cohort gives."""
    added = add_centre(copied.parent)
    cut: list[int] = []
    extract = crops.extract

    def counted(pixels: np.ndarray, rects: np.ndarray, size: int) -> np.ndarray:
        cut.append(len(rects))
        return extract(pixels, rects, size)

    monkeypatch.setattr(crops, "extract", counted)
    said = Heard()
    walk(FIT, study.load(copied), Workers(progress=said))
    assert sum(cut) == 2 * len(added)  # with and without surroundings
    assert any("unchanged; new cases predicted" in line for line in said.lines)
    assert not any("folds fitted" in line for line in said.lines)
    grown = (copied.parent / "run" / "predictions.csv").read_bytes()
    shutil.rmtree(copied.parent / "run")
    walk(FIT, study.load(copied))
    assert (copied.parent / "run" / "predictions.csv").read_bytes() == grown


def test_a_run_that_is_refused_leaves_its_study_with_its_predictions(copied: Path) -> None:
    """The resolved study is that of the predictions beside it, not of a run that got no further."""
    run = copied.parent / "run"
    resolved = (run / "study.toml").read_bytes()
    folds = run / "folds.csv"
    folds.write_text(folds.read_text() + "\n")
    copied.write_text(copied.read_text().replace("folds = 2", "folds = 3"))
    with pytest.raises(InputError, match="changed by hand"):
        osteon.run(copied)
    assert (run / "study.toml").read_bytes() == resolved
    with pytest.raises(InputError, match=r"\[evaluation\] has changed since the run"):
        evaluate(copied)
