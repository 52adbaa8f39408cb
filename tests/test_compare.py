"""Two runs held against each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from osteon.core.errors import InputError
from osteon.core.run import RunFolder
from osteon.results.comparing import compare, table_difference
from osteon.results.evaluate import evaluate
from simulated_run import simulate, write_inputs

MODELS = ("resnet50-radimagenet", "clinical", "box")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """A run; one whose probabilities are rounded elsewhere, one that was trained elsewhere, one of another study."""
    rng = np.random.default_rng(0)
    found = {}
    for name, noise in (("first", 0.0), ("rounded", 1e-9), ("trained", 0.05), ("other", 0.0)):
        simulated = simulate(3, scale=0.2, models=MODELS)
        study = simulated.study
        if name == "other":
            study = study.model_copy(
                update={"models": study.models[1:], "task": study.task.model_copy(update={"name": "bad"})}
            )
        told = simulated.predictions
        told = told[told["model"].isin([model.name for model in study.models])]
        network = told["model"].str.startswith("resnet50")
        told.loc[network, "probability"] += noise * rng.uniform(-1, 1, int(network.sum()))
        told["probability"] = told["probability"].clip(0, 1)
        cohort = simulated.cohort.drop(index=[0]) if name == "other" else simulated.cohort
        told = told[told["case_id"].isin(cohort["case_id"])]
        run = tmp_path_factory.mktemp(name) / "run"
        write_inputs(run, type(simulated)(told, cohort, study))
        evaluate(told, cohort, study).write(run)
        found[name] = RunFolder(run)
    return found


def test_a_run_is_equal_to_itself(runs: dict[str, RunFolder]) -> None:
    assert compare(runs["first"], runs["first"]).startswith("Equal")


def test_rounding_is_known_as_rounding(runs: dict[str, RunFolder]) -> None:
    text = compare(runs["first"], runs["rounded"])
    assert "differ by rounding alone (at most 1e-09)" in text
    assert "probability: by rounding" in text
    assert not any(part in text for part in ("Settings", "Cases"))


def test_training_that_went_another_way_is_more_than_rounding(runs: dict[str, RunFolder]) -> None:
    text = compare(runs["first"], runs["trained"])
    assert "more than rounding" in text
    aucs = [
        run.read("metrics").set_index(["model", "stratum", "metric"])["value"]
        for run in (runs["first"], runs["trained"])
    ]
    one, other = (values["resnet50-radimagenet", "external", "auc"] for values in aucs)
    assert f"resnet50-radimagenet, external: {one:.4f} | {other:.4f} ({other - one:+.4f}; interval of the first" in text
    assert "seeds of a run have a standard deviation of" in text
    assert "clinical, external" not in text.partition("AUCs")[2].partition("Tables")[0]


def test_settings_cases_and_models_are_named(runs: dict[str, RunFolder]) -> None:
    text = compare(runs["first"], runs["other"])
    assert "models in the first run alone: resnet50-radimagenet" in text
    assert 'task.name: "non-benign" | "bad"' in text
    assert "1 in the first run alone: C1-0000" in text
    assert text.endswith("The runs are of different settings and cases.")
    assert not any(patient in text for patient in runs["first"].read("cohort")["patient_id"] if patient)


def test_rows_are_held_against_their_own_kind_whatever_their_order() -> None:
    a = pd.DataFrame({"model": ["x", "x", "y"], "value": [1.0, 2.0, np.nan], "method": ["m", "m", "m"]})
    assert not table_difference(a, a.iloc[[2, 0, 1]], "none")
    found = table_difference(a, a.assign(value=[1.0, 2.5, 3.0], method=["m", "n", "m"]), "none")
    assert found.rows == (3, 0, 0)
    assert found.largest == {"value": (np.inf, "y")}
    assert found.other == {"method": 1}
    assert table_difference(a, a.head(1), "none").rows == (1, 2, 0)


def test_a_folder_without_predictions_is_refused(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no predictions"):
        compare(runs["first"], RunFolder(tmp_path))
