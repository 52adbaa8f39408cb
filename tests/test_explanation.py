"""The tables of the explanation against slow definitions, on made-up scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.results.evaluate.cases import Cases
from osteon.results.evaluate.explanation import CENTRE, ENSEMBLE, ONE_FOLD, explanation, gallery
from osteon.results.evaluate.resampling import Resampling
from osteon.study import Study

N = 48
STUDY = Study(
    centres={"development": ["A"], "external": ["B", "C"]},
    models=[{"kind": "network", "name": name} for name in ("first", "second", "tokens")],
    evaluation={"bootstrap": 300},
)
THRESHOLD = 0.45
Given = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def made() -> Given:
    """Scores, changes, predictions and operating points; two cases of a patient, some maps empty, half without mask."""
    rng = np.random.default_rng(4)
    about = pd.DataFrame(
        {
            "case_id": [f"c{i:02d}" for i in range(N)],
            "patient_id": [f"p{i // 2}" if i < 40 else "" for i in range(N)],
            "centre": np.where(np.arange(N) < N // 2, "B", "C"),
            "split": "external",
            "label": np.tile([0, 0, 1], N // 3),
        }
    )
    drawn, scores, moved = [], [], []
    for model in ("first", "second", "tokens"):
        probability = np.clip(0.3 + 0.3 * about["label"] + rng.normal(0, 0.2, N), 0, 1)
        drawn.append(about.assign(model=model, fold="ensemble", seed=0, probability=probability))
        if model == "tokens":
            continue
        better = 0.2 if model == "first" else 0.0
        for kind in (ENSEMBLE, ONE_FOLD, CENTRE, "all weights"):
            frame = pd.DataFrame(
                {name: rng.random(N) for name in tables.EXPLANATION_CASES.columns if name[0] in "edip"}
            )
            frame["energy_box_ratio"] = 1 + better * (kind in (ENSEMBLE, ONE_FOLD)) + rng.normal(0, 0.1, N)
            frame["empty"] = (rng.random(N) < 0.1).astype(float)
            frame.loc[frame["empty"] == 1, [name for name in frame if name != "empty"]] = np.nan
            frame.loc[::2, ["energy_mask", "energy_mask_ratio", "pointing_mask"]] = np.nan
            frame["distance_mm"] = np.nan
            frame["correlation"] = rng.normal(0, 0.2, N) if kind == "all weights" else np.nan
            scores.append(frame.assign(case_id=about["case_id"], model=model, map="gradcam", kind=kind))
        for change, grade in (("shift", 0.1), ("scale", 0.2)):
            keys = {"model": model, "map": "gradcam", "kind": change, "grade": grade, "repeat": 0}
            moved.append(about[["case_id"]].assign(**keys, correlation=rng.uniform(0.2, 1, N)))
    inside = pd.concat(drawn).assign(split="development", centre="A", fold="0")
    inside[["case_id", "patient_id"]] = "d" + inside[["case_id", "patient_id"]]
    keys = {"rule": "youden", "threshold": THRESHOLD, "stratum": "external", "metric": "sensitivity", "method": ""}
    points = pd.DataFrame({"model": ["first", "second", "tokens"]}).assign(
        **keys, value=0.5, low=0.4, high=0.6, n=N, n_positive=N // 3
    )
    predictions = tables.conform(pd.concat([*drawn, inside]), tables.PREDICTIONS)
    return (
        tables.conform(pd.concat(scores), tables.EXPLANATION_CASES),
        tables.conform(pd.concat(moved), tables.PERTURBED_MAPS),
        predictions,
        points,
    )


@pytest.fixture(scope="module")
def found(made: Given):  # type: ignore[no-untyped-def]
    return explanation(*made, STUDY)


def one(table: pd.DataFrame, **where: object) -> pd.Series:
    for name, wanted in where.items():
        table = table[table[name] == wanted]
    assert len(table) == 1, where
    return table.iloc[0]


def of(scores: pd.DataFrame, model: str, kind: str = ENSEMBLE) -> pd.DataFrame:
    return scores[(scores["model"] == model) & (scores["kind"] == kind)].set_index("case_id")


def test_means_are_over_cases_with_a_map_called_rightly_or_wrongly(made: Given, found) -> None:  # type: ignore[no-untyped-def]
    scores, _, predictions, _ = made
    told = predictions.query("model == 'first' and split == 'external'").set_index("case_id")
    right = (told["probability"] >= THRESHOLD) == (told["label"] == 1)
    for stratum, centre in (("centre:B", "B"), ("centre:C", "C"), ("external", "BC")):
        here = of(scores, "first").loc[[case for case in told.index if told.loc[case, "centre"] in centre]]
        for metric in ("energy_box", "pointing_mask", "empty", "iou_50"):
            means = {}
            for outcome, keep in (("all", right | ~right), ("correct", right), ("wrong", ~right)):
                values = here.loc[keep[here.index], metric].dropna()
                row = one(found.explanation, model="first", stratum=stratum, outcome=outcome, metric=metric)
                assert row["value"] == pytest.approx(values.mean())
                assert (row["n"], row["n_positive"]) == (len(values), told.loc[values.index, "label"].sum())
                assert row["low"] <= row["value"] <= row["high"] or row["method"].startswith("no interval")
                means[outcome] = values.mean()
            gap = one(found.explanation, model="first", stratum=stratum, outcome="correct - wrong", metric=metric)
            assert gap["value"] == pytest.approx(means["correct"] - means["wrong"])
    assert "distance_mm" not in set(found.explanation["metric"])  # no case has a spacing
    assert set(found.explanation["model"]) == {"first", "second"}


def test_pairs_are_compared_on_cases_where_both_have_a_map(made: Given, found) -> None:  # type: ignore[no-untyped-def]
    scores, _, predictions, _ = made
    gap = of(scores, "first")["energy_box_ratio"] - of(scores, "second")["energy_box_ratio"]
    row = one(found.explanation_comparisons, stratum="external", metric="energy_box_ratio")
    assert row["difference"] == pytest.approx(gap.mean())
    patient = predictions.drop_duplicates("case_id").set_index("case_id")["patient_id"]
    who = patient.loc[gap.index].where(patient.loc[gap.index] != "", gap.index)
    by_patient = gap.groupby(who.to_numpy()).mean().dropna()
    assert row["p"] == pytest.approx(wilcoxon(by_patient, method="approx").pvalue)
    assert row["low"] > 0
    assert row["primary"]
    assert np.isnan(row["p_holm"])


def test_checks_are_held_against_the_map_of_the_same_fold(made: Given, found) -> None:  # type: ignore[no-untyped-def]
    scores = made[0]
    for kind, real in (("all weights", ONE_FOLD), (CENTRE, ENSEMBLE)):
        row = one(found.explanation_sanity, model="first", check=kind, metric="energy_box_ratio")
        values, own = of(scores, "first", kind)["energy_box_ratio"], of(scores, "first", real)["energy_box_ratio"]
        assert row["value"] == pytest.approx(values.mean())
        assert row["difference"] == pytest.approx((own - values).mean())
        assert row["difference_low"] > 0
        assert row["p"] < 0.001
    own = one(found.explanation_sanity, model="first", check=ONE_FOLD, metric="energy_box_ratio")
    assert own["value"] == pytest.approx(of(scores, "first", ONE_FOLD)["energy_box_ratio"].mean())
    like = one(found.explanation_sanity, model="second", check="all weights", metric="correlation")
    assert like["value"] == pytest.approx(of(scores, "second", "all weights")["correlation"].mean())
    assert np.isnan(like["difference"])
    unlike = one(found.explanation_sanity, model="second", check="all weights", metric="energy_box_ratio")
    assert unlike["difference_low"] < 0 < unlike["difference_high"]  # it knows nothing and is not told apart


def test_stability_is_the_mean_over_changes_of_each_case(made: Given, found) -> None:  # type: ignore[no-untyped-def]
    moved = made[1].query("model == 'first'")
    row = one(found.explanation_stability, model="first", stratum="external", kind="shift")
    assert row["value"] == pytest.approx(moved.query("kind == 'shift'")["correlation"].mean())
    row = one(found.explanation, model="first", stratum="external", outcome="all", metric="stability")
    assert row["value"] == pytest.approx(moved["correlation"].mean())
    pair = one(found.explanation_comparisons, stratum="external", metric="stability")
    assert pair["difference"] == pytest.approx(
        moved["correlation"].mean() - made[1].query("model == 'second'")["correlation"].mean()
    )


def test_maps_without_changes_of_the_box_have_no_stability(made: Given) -> None:
    scores, moved, predictions, points = made
    found = explanation(scores, moved.iloc[:0], predictions, points, STUDY)
    assert found.explanation_stability.empty
    assert "stability" not in set(found.explanation["metric"])


def test_a_map_that_is_missing_is_named(made: Given) -> None:
    scores, moved, predictions, points = made
    short = scores[~((scores["case_id"] == "c07") & (scores["model"] == "second"))]
    with pytest.raises(TableError, match="'c07' lacks the map 'gradcam' of 'second'"):
        explanation(short, moved, predictions, points, STUDY)


def test_an_interval_is_that_of_patients_drawn_one_by_one() -> None:
    rng = np.random.default_rng(1)
    patients = np.repeat([f"p{i}" for i in range(8)], [1, 2, 3, 1, 1, 2, 2, 4])
    values = rng.normal(size=len(patients))
    values[[2, 9]] = np.nan
    about = pd.DataFrame({"case_id": [f"c{i}" for i in range(len(patients))], "patient_id": patients})
    value, low, high, _ = Resampling(Cases(about, pd.DataFrame()), STUDY).mean(values)
    draws = np.random.default_rng(STUDY.study.seed).multinomial(8, np.full(8, 1 / 8), size=300)
    of_patient = [values[patients == f"p{i}"] for i in range(8)]
    means = [np.nanmean(np.concatenate([of_patient[i] for i in range(8) for _ in range(draw[i])])) for draw in draws]
    assert value == pytest.approx(np.nanmean(values))
    np.testing.assert_allclose([low, high], np.quantile(means, [0.025, 0.975]))


def test_what_cannot_be_estimated_is_said() -> None:
    about = pd.DataFrame({"case_id": ["a", "b", "c"], "patient_id": ["p", "p", "q"]})
    resampling = Resampling(Cases(about, pd.DataFrame()), STUDY)
    assert resampling.mean(np.full(3, np.nan))[3] == "not estimable: no case"
    value, low, high, method = resampling.mean(np.array([1.0, 2.0, np.nan]))
    assert (value, method) == (1.5, "no interval: one patient")
    assert np.isnan([low, high]).all()


def test_the_gallery_has_the_surest_and_the_most_changed(made: Given) -> None:
    scores, moved, predictions, points = made
    own = moved.query("model == 'first'")
    told = predictions.query("model == 'first' and split == 'external'")
    cohort = told[["case_id", "label"]].astype(str).assign(subtype="osteosarcoma")
    cohort = cohort[cohort["case_id"].isin(scores["case_id"])]
    table = gallery(own, predictions, points, cohort, "first", STUDY)
    assert (table["diagnosis"] == "osteosarcoma").all()
    right = (told["probability"] >= THRESHOLD) == (told["label"] == 1)
    sure = np.where(
        told["probability"] >= THRESHOLD,
        (told["probability"] - THRESHOLD) / (1 - THRESHOLD),
        (THRESHOLD - told["probability"]) / THRESHOLD,
    )
    for group, outcome in (("correct", right), ("wrong", ~right)):
        for label in (0, 1):
            candidates = told.assign(sure=sure)[(outcome & (told["label"] == label)).to_numpy()]
            first = candidates.sort_values("sure", ascending=False)["case_id"].iloc[0]
            shown = table[(table["group"] == group) & (table["label"] == label)]
            assert shown["case_id"].iloc[0] == first
    changed = table[table["group"] == "changed"]
    assert changed["correlation"].iloc[0] == own["correlation"].min()
    assert changed["correlation"].is_monotonic_increasing
    people = changed.merge(told[["case_id", "patient_id"]], on="case_id")["patient_id"]
    assert not people[people != ""].duplicated().any()
