"""The model card: every number is one of the run's tables, what is not known is said, and nobody is named."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from osteon import study
from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.run import Tables
from osteon.core.words import number
from osteon.results.card import card
from osteon.results.evaluate import evaluate
from osteon.weights import find
from simulated_run import simulate, write_inputs

MODEL = "resnet50-radimagenet"
MODELS = (MODEL, "clinical", "combined", "box")
SECRET = "file:../secret/folder/x.safetensors"


def interval_rows(rows: list[tuple[str, ...]], columns: list[str], seed: int) -> pd.DataFrame:
    """Rows of a table with an estimate that is drawn."""
    rng = np.random.default_rng(seed)
    value = rng.uniform(0.1, 0.9, len(rows))
    counts = {"method": "drawn", "n": 41, "n_positive": 13}
    return pd.DataFrame(rows, columns=columns).assign(
        value=value, low=value * rng.uniform(0.6, 0.9, len(rows)), high=value * 1.0713, **counts
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every table that a card reads; centre 4 has one class only."""
    run = tmp_path_factory.mktemp("carded") / "run"
    simulated = simulate(9, scale=0.3, models=MODELS)
    simulated.predictions.loc[simulated.predictions["centre"] == "4", "label"] = 0
    write_inputs(run, simulated)
    evaluate(simulated.predictions, simulated.cohort, simulated.study).write(run)
    changes = [("drawn", 0.0), ("shift", 0.1), ("shift", 0.3), ("jpeg", 50.0), ("all box changes", 0.0)]
    moved = [
        (model, "external", kind, grade, metric)
        for model in (MODEL, "box")
        for kind, grade in changes
        for metric in ("auc", "auc_loss", "sd", "flip_rate")
        if kind != "drawn" or metric == "auc"
    ]
    robust = interval_rows(moved, ["model", "stratum", "kind", "grade", "metric"], 1)
    tables.write(robust, run / "robustness.csv", tables.ROBUSTNESS)
    seen = [
        (MODEL, "gradcam", stratum, outcome, metric)
        for stratum in ("centre:2", "external")
        for outcome in ("all", "correct", "wrong")
        for metric in ("energy_box_ratio", "pointing_box", "distance")
    ]
    maps = interval_rows(seen, ["model", "map", "stratum", "outcome", "metric"], 2)
    tables.write(maps, run / "explanation.csv", tables.EXPLANATION)
    flow = json.loads((run / "flow.json").read_text())
    flow["labels"] = [
        {"label": "osteosarcoma", "class": "positive", "in_table": 80, "cases": 73},
        {"label": "giant *cell* tumor|x", "class": "negative", "in_table": 215, "cases": 212},
    ]
    (run / "flow.json").write_text(json.dumps(flow))
    held = json.loads((run / "provenance.json").read_text())
    record = find("timm:resnet50.a1_in1k")
    told = {"record": record.name, "source": record.source, "licence": record.licence, "citation": record.citation}
    held["started"] = {MODEL: told | {"weights": "ab" * 32, "input_size": "224"}}
    (run / "provenance.json").write_text(json.dumps(held))
    made = study.load(run / "study.toml").model_dump(mode="json", exclude_none=True)
    made["models"][0]["weights"] = SECRET
    study.Study.model_validate(made).write(run / "study.toml")
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def sections(text: str) -> dict[str, str]:
    """The card's sections by their headings."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def cells(section: str, head: str) -> list[str]:
    """The cells of the first row of a section's tables that begins with that head."""
    line = next(line for line in section.splitlines() if line.startswith(f"| {head} |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")][1:]


def row(frame: pd.DataFrame, **wanted: object) -> pd.Series:
    found = frame[np.logical_and.reduce([frame[name] == value for name, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def printed(row: pd.Series, digits: int = 3) -> str:
    return f"{number(row['value'], digits)} ({number(row['low'], digits)} to {number(row['high'], digits)})"


# --- every number -----------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"[−-]?\d+(?:,\d{3})*(?:\.\d+)?")
#: What the card's own sentences say: coordinates of a box, the ideal line, the limit of the distance, Apache-2.0.
FIXED = {"0", "1", "99", "2.0"}


def of_rows(frame: pd.DataFrame) -> Iterator[str]:
    """Every number of some rows as a card may print it."""
    for name in frame:
        for value in frame[name].dropna().unique():
            if isinstance(value, str):
                yield from NUMBER.findall(value)
            else:
                yield from (number(float(value), digits) for digits in (2, 3))
                yield from (f"{value:g}", f"{100 * value:g}", f"{int(value):,}")


def known(run: Path, model: str) -> set[str]:
    """The numbers of the tables' rows of a model, of flow, study and provenance, and nothing else."""
    found = set(FIXED)
    for name in (
        "metrics",
        "operating_points",
        "subgroups",
        "recalibration",
        "unsure",
        "heterogeneity",
        "robustness",
        "explanation",
    ):
        path = run / f"{name}.csv"
        if path.is_file():
            frame = Tables(run).read(name)
            found.update(of_rows(frame[frame["model"].isin([model, "box"])]))
    pairs = Tables(run).read("comparisons")
    found.update(of_rows(pairs[pairs["model_a"].isin([model, "box"]) & pairs["model_b"].isin([model, "box"])]))
    found.update("< 0.001" for _ in pairs)
    baseline = Tables(run).read("baseline")
    found.update(of_rows(baseline[["level", "summary"]]))
    flow = json.loads((run / "flow.json").read_text())
    found.update(NUMBER.findall(json.dumps({name: flow.get(name) for name in ("groups", "labels", "positive")})))
    held = json.loads((run / "provenance.json").read_text())
    found.update(NUMBER.findall(json.dumps({name: held.get(name) for name in ("started", "versions", "seed")})))
    for text in NUMBER.findall((run / "study.toml").read_text()):
        found |= {text, f"{100 * float(text.replace(',', '')):g}", f"{float(text.replace(',', '')):g}"}
    return found


@pytest.mark.parametrize("model", MODELS)
def test_every_number_is_one_of_the_tables(finished: Path, model: str) -> None:
    text = re.sub(r"\b[xy][01]\b|\bL2\b|\bSHA-256\b", "", card(Tables(finished), model))
    told = set(NUMBER.findall(text))
    assert len(told) > 100
    assert told - known(finished, model) == set()


def test_a_number_that_changes_in_a_table_changes_on_the_card(run: Path) -> None:
    """The numbers are read from the tables when the card is made, each from its own row."""
    changed = (
        ("metrics", {"stratum": "centre:2", "metric": "auc"}, "high"),
        ("metrics", {"stratum": "external", "metric": "brier_recalibrated"}, "value"),
        ("operating_points", {"stratum": "external", "metric": "specificity", "rule": "youden"}, "low"),
        ("subgroups", {"stratum": "external", "variable": "sex", "level": "F", "metric": "auc"}, "value"),
        ("recalibration", {}, "slope"),
        ("robustness", {"kind": "shift", "grade": 0.3, "metric": "sd"}, "value"),
        ("explanation", {"stratum": "external", "outcome": "wrong", "metric": "distance"}, "value"),
    )
    for stated, (name, wanted, column) in enumerate(changed, start=71):
        frame = Tables(run).read(name)
        chosen = np.logical_and.reduce([frame[key] == value for key, value in ({"model": MODEL} | wanted).items()])
        assert chosen.sum() == 1, name
        frame.loc[chosen, column] = stated + 0.25
        Tables(run).write(frame, name)
    text = card(Tables(run), MODEL)
    for stated, change in enumerate(changed, start=71):
        assert f"{stated}.25" in text, change


def test_figures_stand_beside_their_names(finished: Path) -> None:
    found, run = sections(card(Tables(finished), MODEL)), Tables(finished)
    metrics, points = run.read("metrics"), run.read("operating_points")
    area = row(metrics, model=MODEL, stratum="centre:2", metric="auc")
    assert cells(found["How well it tells the classes apart"], "Centre 2") == [
        str(area["n"]), str(area["n_positive"]), printed(area),
    ]  # fmt: skip
    calls = [
        row(points, model=MODEL, rule="youden", stratum="external", metric=name)
        for name in ("sensitivity", "specificity")
    ]
    assert cells(found["At fixed thresholds"], "External, pooled") == [printed(call) for call in calls]
    measured = [
        row(metrics, model=MODEL, stratum="external", metric=name)
        for name in ("calibration_intercept", "calibration_slope")
    ]
    brier = row(metrics, model=MODEL, stratum="external", metric="brier")
    calibration = found["Whether its probabilities can be taken at their word"]
    assert cells(calibration, "External, pooled") == [*(printed(one, 2) for one in measured), printed(brier)]
    box = row(metrics, model="box", stratum="external", metric="auc")
    pair = row(run.read("comparisons"), model_a=MODEL, model_b="box", stratum="external")
    shortcut = cells(found["Compared with the box alone"], "External, pooled")
    pooled = row(metrics, model=MODEL, stratum="external", metric="auc")
    assert shortcut[:3] == [printed(pooled), printed(box), printed(pair.rename({"difference": "value"}))]
    assert cells(found["How well it tells the classes apart"], "Centre 4")[2] == "not estimable: one class"
    moved = run.read("robustness")
    drawn = [
        row(moved, model=MODEL, kind="shift", grade=0.1, metric=name) for name in ("auc", "auc_loss", "sd", "flip_rate")
    ]
    assert cells(found["When the box or the picture changes"], "Box moved, 10%") == [printed(one) for one in drawn]


# --- what it says -----------------------------------------------------------------------------------------------------


def test_it_begins_with_what_it_must_not_be_used_for(run: Path) -> None:
    lines = card(Tables(run), MODEL).split("\n\n")
    assert lines[:2] == [f"# Model card: {MODEL}", "**Research use only; not a medical device.**"]
    assert lines[2].startswith("**SYNTHETIC DATA")
    flow = json.loads((run / "flow.json").read_text())
    (run / "flow.json").write_text(json.dumps(flow | {"synthetic": False}))
    assert "SYNTHETIC" not in card(Tables(run), MODEL)


def test_nobody_and_no_place_and_no_day_is_named(finished: Path) -> None:
    cohort = Tables(finished).read("cohort")
    for model in MODELS:
        text = card(Tables(finished), model)
        words = set(re.findall(r"[\w-]+", text))
        for column in ("case_id", "patient_id"):
            assert not words & set(cohort.loc[cohort[column] != "", column])
        for word in ("secret", "x.safetensors", str(finished), "images/"):
            assert word not in text
        assert not re.search(r"\d{4}-\d{2}-\d{2}", text)


def test_what_it_has_to_be_given_is_what_it_reads(finished: Path) -> None:
    given = {model: sections(card(Tables(finished), model))["What it is"].split("given:")[1] for model in MODELS}
    assert "a box around the lesion" in given[MODEL]
    assert "age" not in given[MODEL]
    assert "a box" not in given["clinical"]
    assert "age, sex and site" in given["clinical"]
    assert "a box around the lesion" in given["combined"]
    assert "age, sex and site" in given["combined"]


def test_classes_are_listed_with_their_labels_as_text(finished: Path) -> None:
    listed = sections(card(Tables(finished), MODEL))["Classes"].strip().splitlines()
    assert listed == [
        "- non-benign, which the probability is of: osteosarcoma (73 cases)",
        r"- not non-benign: giant \*cell\* tumor\|x (212 cases)",
    ]


def test_a_combined_model_names_the_weights_of_its_network(finished: Path) -> None:
    licences = sections(card(Tables(finished), "combined"))["Licences"]
    assert "timm:resnet50.a1_in1k: licence apache-2.0; may be handed on" in licences
    assert "nobody's weights" in sections(card(Tables(finished), "clinical"))["Licences"]


def test_a_licence_that_forbids_it_and_an_unrecorded_one_are_said(run: Path) -> None:
    held = json.loads((run / "provenance.json").read_text())
    held["started"][MODEL] = {"record": "radimagenet-resnet50-keras-centred"}  # as runs were before they noted it
    (run / "provenance.json").write_text(json.dumps(held))
    assert "may not be handed on" in sections(card(Tables(run), MODEL))["Licences"]
    held["started"] = {}
    (run / "provenance.json").write_text(json.dumps(held))
    assert "not recorded in this run" in sections(card(Tables(run), MODEL))["Licences"]


def test_what_a_run_does_not_have_is_said(run: Path) -> None:
    for name in ("robustness", "explanation", "subgroups", "baseline", "comparisons", "heterogeneity"):
        (run / f"{name}.csv").unlink()
    found = sections(card(Tables(run), MODEL))
    assert "Not examined in this run" in found["When the box or the picture changes"]
    assert "No maps of it were made" in found["Where it looks"]
    assert "The study asked for none" in found["Subgroups"]
    assert "not known here" in found["Patients and centres"]
    assert cells(found["Compared with the box alone"], "External, pooled")[2:] == ["–", "–"]
    others = {model: sections(card(Tables(run), model)) for model in ("clinical", "box")}
    assert "neither can move it" in others["clinical"]["When the box or the picture changes"]
    assert "no maps" in others["clinical"]["Where it looks"]
    assert "It is the box alone" in others["box"]["Compared with the box alone"]


def test_without_external_centres_nothing_is_claimed_of_elsewhere(tmp_path: Path) -> None:
    simulated = simulate(4, scale=0.3, models=("clinical", "box"))
    inside = simulated.predictions[simulated.predictions["centre"] == "1"]
    cohort = simulated.cohort[simulated.cohort["centre"] == "1"].reset_index(drop=True)
    alone = simulated.study.model_copy(update={"centres": study.Centres(development=("1",))})
    write_inputs(tmp_path, type(simulated)(inside, cohort, alone))
    evaluate(inside, cohort, alone).write(tmp_path)
    found = sections(card(Tables(tmp_path), "clinical"))
    assert "There was no external centre" in found["What it is for, and what it is not for"]
    area = row(Tables(tmp_path).read("metrics"), model="clinical", stratum="development", metric="auc")
    assert cells(found["How well it tells the classes apart"], "Development, out of fold")[2] == printed(area)
    assert "External" not in "".join(found.values())


def test_a_model_that_has_no_card_is_refused_with_the_nearest(run: Path) -> None:
    with pytest.raises(InputError, match=r"no model 'clincal'.*'clinical'"):
        card(Tables(run), "clincal")
    predictions = Tables(run).read("predictions")
    forest = predictions[predictions["model"] == "box"].assign(model="a forest")
    metrics = Tables(run).read("metrics")
    Tables(run).write(pd.concat([predictions, forest]), "predictions")
    Tables(run).write(pd.concat([metrics, metrics[metrics["model"] == "box"].assign(model="a forest")]), "metrics")
    with pytest.raises(InputError, match="by hand: how it was made is not known"):
        card(Tables(run), "a forest")


def test_it_costs_no_torch() -> None:
    code = "import sys, osteon.results.card; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_terminal_shows_it(finished: Path) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=110, record=True, file=io.StringIO())
    console.print(Markdown(card(Tables(finished), MODEL)))
    shown = console.export_text()
    assert "giant *cell* tumor|x (212 cases)" in shown
    assert "Centre 2" in shown
    assert "| ---" not in shown
