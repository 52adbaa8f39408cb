"""The evaluation against R and scikit-learn, and what must hold whatever the predictions are."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, roc_auc_score

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.results.evaluate import Evaluation, evaluate
from simulated_run import Simulated, simulate

DOCS = Path(__file__).parents[1] / "docs"
THREE = ("resnet50-radimagenet", "inception_v3-imagenet", "box")


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate(3, scale=0.5, models=("resnet50-radimagenet", "resnet50-imagenet", "box"))


@pytest.fixture(scope="module")
def found(simulated: Simulated) -> Evaluation:
    return evaluate(simulated.predictions, simulated.cohort, simulated.study)


@pytest.fixture(scope="module")
def reference(references: Path) -> dict:
    return json.loads((references / "evaluate" / "reference.json").read_text())


@pytest.fixture(scope="module")
def in_r(references: Path) -> Evaluation:
    predictions = tables.read(references / "evaluate" / "predictions.csv", tables.PREDICTIONS)
    drawn = simulate(7, scale=0.35, models=THREE, evaluation={"thresholds": [0.3, 0.3]})
    return evaluate(predictions, drawn.cohort, drawn.study)


def one(frame: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1, where
    return frame.iloc[0]


def written(evaluation: Evaluation, folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in evaluation.write(folder)}


class TestAgainstR:
    """pROC, glm, metafor and p.adjust on the same file: tests/references/evaluate/make_reference.R."""

    def test_metrics(self, in_r: Evaluation, reference: dict) -> None:
        for r in reference["metrics"]:
            ours = in_r.metrics[(in_r.metrics["model"] == r["model"]) & (in_r.metrics["stratum"] == r["stratum"])]
            value = ours.set_index("metric")["value"]
            assert value["auc"] == pytest.approx(r["auc"], abs=1e-12)
            assert value["brier"] == pytest.approx(r["brier"], abs=1e-12)
            assert value["brier_recalibrated"] == pytest.approx(r["new_brier"], abs=1e-8)
            assert value["calibration_slope"] == pytest.approx(r["slope"], abs=1e-6)
            assert value["calibration_intercept"] == pytest.approx(r["intercept"], abs=1e-6)
            slope = one(ours, metric="calibration_slope")
            assert (slope["high"] - slope["low"]) / 2 / 1.959964 == pytest.approx(r["slope_se"], rel=1e-5)
            # The logit interval, from pROC's DeLong standard error.
            area, half = one(ours, metric="auc"), 1.959963985 * r["se"] / (r["auc"] * (1 - r["auc"]))
            logit = np.log(r["auc"] / (1 - r["auc"]))
            assert area["low"] == pytest.approx(1 / (1 + np.exp(-(logit - half))), abs=1e-9)
            assert area["high"] == pytest.approx(1 / (1 + np.exp(-(logit + half))), abs=1e-9)

    def test_comparisons(self, in_r: Evaluation, reference: dict) -> None:
        assert len(reference["comparisons"]) == len(in_r.comparisons) == 15
        for r in reference["comparisons"]:
            ours = one(in_r.comparisons, stratum=r["stratum"], model_a=r["a"], model_b=r["b"])
            for name in ("z", "p", "low", "high"):
                assert ours[name] == pytest.approx(r[name], rel=1e-6, abs=1e-9)
            if r["p_holm"] is None:
                assert ours["primary"]
                assert np.isnan(ours["p_holm"])
            else:
                assert not ours["primary"]
                assert ours["p_holm"] == pytest.approx(r["p_holm"], rel=1e-6)

    def test_what_is_fixed_on_development(self, in_r: Evaluation, reference: dict) -> None:
        for model, r in reference["recalibration"].items():
            line = one(in_r.recalibration, model=model)
            assert line["slope"] == pytest.approx(r["slope"], abs=1e-6)
            assert line["intercept"] == pytest.approx(r["intercept"], abs=1e-6)
        for model, r in reference["youden"].items():
            point = in_r.operating_points
            point = point[(point["model"] == model) & (point["rule"] == "youden") & (point["stratum"] == "development")]
            value = point.set_index("metric")["value"]
            assert value["sensitivity"] + value["specificity"] - 1 == pytest.approx(r["sensitivity"], abs=1e-12)

    def test_net_benefit(self, in_r: Evaluation, reference: dict) -> None:
        for r in reference["decision"]:
            ours = one(in_r.decision, model=r["model"], stratum=r["stratum"])
            assert ours["threshold"] == r["threshold"]
            assert ours["net_benefit"] == pytest.approx(r["net_benefit"], abs=1e-9)

    def test_heterogeneity(self, in_r: Evaluation, reference: dict) -> None:
        for r in reference["heterogeneity"]:
            ours = one(in_r.heterogeneity, model=r["model"], metric="auc")
            for name in ("value", "low", "high", "tau2", "q", "p"):
                assert ours[name] == pytest.approx(r[name], abs=1e-5)


def test_every_auc_brier_and_operating_point_against_scikit_learn(simulated: Simulated, found: Evaluation) -> None:
    averaged = simulated.predictions.groupby(["model", "case_id"], as_index=False).agg(
        {"probability": "mean", "label": "first", "centre": "first", "split": "first"}
    )
    strata = {"development": averaged["split"] == "development", "external": averaged["split"] == "external"}
    strata |= {f"centre:{c}": averaged["centre"] == c for c in ("2", "3", "4")}
    assert set(found.metrics["stratum"]) == set(strata)
    for stratum, mask in strata.items():
        for model, rows in averaged[mask].groupby("model"):
            value = one(found.metrics, model=model, stratum=stratum, metric="auc")
            assert value["value"] == pytest.approx(roc_auc_score(rows["label"], rows["probability"]), abs=1e-12)
            assert (value["n"], value["n_positive"]) == (len(rows), rows["label"].sum())
            precision = one(found.metrics, model=model, stratum=stratum, metric="average_precision")
            expected = average_precision_score(rows["label"], rows["probability"])
            assert precision["value"] == pytest.approx(expected, abs=1e-12)
            brier = one(found.metrics, model=model, stratum=stratum, metric="brier")
            assert brier["value"] == pytest.approx(brier_score_loss(rows["label"], rows["probability"]), abs=1e-12)
            points = found.operating_points
            points = points[(points["model"] == model) & (points["stratum"] == stratum)]
            for _, point in points.groupby("rule"):
                threshold = point["threshold"].iloc[0]
                tn, fp, fn, tp = confusion_matrix(rows["label"], rows["probability"] >= threshold).ravel()
                shares = {"sensitivity": tp / (tp + fn), "specificity": tn / (tn + fp)}
                shares |= {"ppv": tp / (tp + fp), "npv": tn / (tn + fn), "accuracy": (tp + tn) / len(rows)}
                shares |= {"tp": tp, "fp": fp, "tn": tn, "fn": fn}
                a, b, c, d = np.array([tp, fn, fp, tn]) + 0.5 * (min(tp, fn, fp, tn) == 0)
                shares |= {"lr_positive": a / (a + b) / (c / (c + d)), "lr_negative": b / (a + b) / (d / (c + d))}
                shares |= {"odds_ratio": a * d / (b * c)}
                assert point.set_index("metric")["value"].to_dict() == pytest.approx(shares)


def test_the_contrast_is_the_difference_of_what_each_model_gives(simulated: Simulated, found: Evaluation) -> None:
    a, b = simulated.study.primary
    inside = one(found.metrics, model=a, stratum="development", metric="auc")
    prevalence = inside["n_positive"] / inside["n"]
    for _, point in found.operating_points.query("model == @a and metric in ('sensitivity', 'specificity')").iterrows():
        of = {name: point[name] for name in ("rule", "stratum", "metric")}
        ours = one(found.contrast, stratum=of["stratum"], metric=f"{of['metric']} ({of['rule']})")
        other = one(found.operating_points, model=b, **of)
        assert ours["difference"] == pytest.approx(point["value"] - other["value"], abs=1e-12)
        assert ours["low"] <= ours["difference"] <= ours["high"]
    for stratum, rows in found.contrast.groupby("stratum"):
        scores = found.scores[found.scores["model"].isin((a, b))]
        scores = scores[(scores["split"] == stratum) | ("centre:" + scores["centre"].astype(str) == stratum)]
        benefit = {}
        for model, group in scores.groupby("model"):
            treated = group[group["recalibrated"] >= prevalence]["label"]
            benefit[model] = ((treated == 1).sum() - (treated == 0).sum() * prevalence / (1 - prevalence)) / len(group)
        assert one(rows, metric=f"net benefit at {prevalence:.2f}")["difference"] == pytest.approx(
            benefit[a] - benefit[b], abs=1e-12
        )


def test_the_tables_meet_their_contracts_and_survive_the_disk(found: Evaluation, tmp_path: Path) -> None:
    names = [path.stem for path in found.write(tmp_path)]
    assert names == [field.name for field in fields(Evaluation)]
    for name in names:
        back = tables.read(tmp_path / f"{name}.csv", getattr(tables, name.upper()))
        pd.testing.assert_frame_equal(back, getattr(found, name), check_dtype=False)


def test_the_order_of_rows_changes_no_byte(simulated: Simulated, found: Evaluation, tmp_path: Path) -> None:
    shuffled = simulated.predictions.sample(frac=1, random_state=5)
    again = evaluate(shuffled, simulated.cohort.iloc[::-1], simulated.study)
    assert written(again, tmp_path / "b") == written(found, tmp_path / "a")


@cache
def evaluated(seed: int, *subgroups: str) -> tuple[Simulated, Evaluation]:
    """A small cohort and its evaluation, made once."""
    asked = {"bootstrap": 200, "subgroups": list(subgroups)}
    simulated = simulate(seed, scale=0.2, models=("inception_v3-imagenet", "box"), evaluation=asked)
    return simulated, evaluate(simulated.predictions, simulated.cohort, simulated.study)


@settings(max_examples=4)
@given(seed=st.integers(0, 2**32 - 1))
def test_external_labels_and_cohort_cannot_move_what_is_fixed_on_development(seed: int) -> None:
    simulated, before = evaluated(3, "age")
    rng = np.random.default_rng(seed)
    changed, cohort = simulated.predictions.copy(), simulated.cohort.copy()
    outside = changed["split"] == "external"
    flips = {case: int(rng.random() < 0.5) for case in changed.loc[outside, "case_id"].unique()}
    changed.loc[outside, "label"] = changed.loc[outside, "case_id"].map(flips)
    beyond = cohort["centre"] != "1"
    cohort.loc[beyond, "age"] = rng.uniform(0, 100, beyond.sum())
    after = evaluate(changed, cohort, simulated.study)
    assert after.recalibration.to_csv() == before.recalibration.to_csv()
    for name in ("metrics", "operating_points", "comparisons", "calibration", "decision", "subgroups", "roc"):
        old, new = (getattr(e, name) for e in (before, after))
        assert new[new["stratum"] == "development"].to_csv() == old[old["stratum"] == "development"].to_csv(), name
    thresholds = ["model", "rule", "threshold"]
    assert after.operating_points[thresholds].drop_duplicates().to_csv(index=False) == before.operating_points[
        thresholds
    ].drop_duplicates().to_csv(index=False)
    columns = ["case_id", "model", "recalibrated"]
    assert after.scores[columns].to_csv() == before.scores[columns].to_csv()
    assert set(after.subgroups["level"]) == set(before.subgroups["level"])
    assert after.metrics["value"].to_list() != before.metrics["value"].to_list()


@settings(max_examples=3)
@given(power=st.floats(0.3, 3))
def test_a_monotone_change_of_probabilities_changes_no_auc(power: float) -> None:
    simulated, before = evaluated(4)
    bent = simulated.predictions.assign(probability=simulated.predictions["probability"] ** power)
    after = evaluate(bent, simulated.cohort, simulated.study)
    columns = ["model", "stratum", "value", "low", "high"]
    pd.testing.assert_frame_equal(
        before.metrics.loc[before.metrics["metric"] == "auc", columns],
        after.metrics.loc[after.metrics["metric"] == "auc", columns],
    )
    pd.testing.assert_frame_equal(before.comparisons, after.comparisons)


@pytest.fixture(scope="module")
def benign() -> Evaluation:
    """Centre 4 has one class only."""
    simulated = simulate(5, scale=0.3, models=THREE)
    predictions = simulated.predictions
    predictions.loc[predictions["centre"] == "4", "label"] = 0
    return evaluate(predictions, simulated.cohort, simulated.study)


class TestOneClass:
    def test_it_is_not_estimable_and_says_so(self, benign: Evaluation) -> None:
        here = benign.metrics[benign.metrics["stratum"] == "centre:4"]
        assert here["value"].isna().all()
        assert here["low"].isna().all()
        assert (here["method"] == "not estimable: one class").all()
        assert (here["n"] > 0).all()
        assert (here["n_positive"] == 0).all()
        comparisons = benign.comparisons[benign.comparisons["stratum"] == "centre:4"]
        assert comparisons[["difference", "p", "p_holm"]].isna().all(axis=None)

    def test_specificity_is_known_and_nothing_else(self, benign: Evaluation) -> None:
        points = benign.operating_points[benign.operating_points["stratum"] == "centre:4"]
        for metric, rows in points.groupby("metric"):
            counted = metric in ("tp", "fp", "tn", "fn")
            assert rows["value"].notna().all() == (metric == "specificity" or counted)
            if metric != "specificity" and not counted:
                assert (rows["method"] == "not estimable: one class").all()

    def test_the_other_centres_are_pooled_without_it(self, benign: Evaluation) -> None:
        pooled = benign.heterogeneity[benign.heterogeneity["metric"] == "auc"]
        assert (pooled["centres"] == 2).all()
        assert pooled["value"].notna().all()
        assert pooled["prediction_low"].isna().all()  # two centres say nothing about a third

    def test_development_with_one_class_fixes_nothing(self) -> None:
        simulated = simulate(5, scale=0.2, models=("inception_v3-imagenet", "box"))
        predictions = simulated.predictions
        predictions.loc[predictions["split"] == "development", "label"] = 1
        found = evaluate(predictions, simulated.cohort, simulated.study)
        assert found.operating_points["threshold"].isna().all()
        assert found.operating_points["value"].isna().all()
        assert found.recalibration["slope"].isna().all()
        assert (found.scores["recalibrated"] == found.scores["probability"]).all()
        assert found.examples.empty
        assert set(found.subgroups["metric"]) == {"auc"}
        assert found.metrics.query("stratum == 'external' and metric == 'auc'")["value"].notna().all()


def test_seeds_are_averaged_before_anything_else_and_their_spread_is_told(
    simulated: Simulated, found: Evaluation
) -> None:
    rows = simulated.predictions.query("model == 'resnet50-radimagenet' and split == 'external'")
    each = [roc_auc_score(part["label"], part["probability"]) for _, part in rows.groupby("seed")]
    spread = one(found.seeds, model="resnet50-radimagenet", stratum="external")
    expected = {
        "seeds": 3,
        "mean": np.mean(each),
        "sd": np.std(each, ddof=1),
        "least": min(each),
        "greatest": max(each),
    }
    assert spread[list(expected)].to_dict() == pytest.approx(expected)
    assert (
        spread["averaged"]
        == one(found.metrics, model="resnet50-radimagenet", stratum="external", metric="auc")["value"]
    )
    assert "box" not in set(found.seeds["model"])


def test_patients_widen_intervals_and_an_unknown_patient_is_one_of_its_own(simulated: Simulated) -> None:
    def external(patients: pd.Series) -> pd.Series:
        predictions = simulated.predictions.assign(patient_id=patients)
        found = evaluate(predictions, simulated.cohort, simulated.study).metrics
        return one(found, model="box", stratum="external", metric="auc")

    unknown, distinct = external(pd.Series("", simulated.predictions.index)), external(simulated.predictions["case_id"])
    pairs = external(simulated.predictions["case_id"].str[:-1])  # ten cases a patient
    assert unknown[["value", "low", "high"]].to_dict() == distinct[["value", "low", "high"]].to_dict()
    assert "Obuchowski" not in unknown["method"]
    assert "Obuchowski" in pairs["method"]
    assert pairs["value"] == unknown["value"]
    assert (pairs["low"], pairs["high"]) != (unknown["low"], unknown["high"])


def test_operating_points_reach_what_they_promise_and_no_higher_threshold_does(
    simulated: Simulated, found: Evaluation
) -> None:
    inside = found.scores[found.scores["split"] == "development"]
    for model, rows in inside.groupby("model"):
        points = found.operating_points[found.operating_points["model"] == model]
        threshold = points.loc[points["rule"] == "sensitivity >= 0.9", "threshold"].iloc[0]
        positives = np.sort(rows.loc[rows["label"] == 1, "probability"])
        assert (positives >= threshold).mean() >= 0.9
        assert (positives > threshold).mean() < 0.9
        candidates = rows["probability"].unique()
        p = {label: rows.loc[rows["label"] == label, "probability"].to_numpy() for label in (0, 1)}
        index = [(p[1] >= t).mean() + (p[0] < t).mean() for t in candidates]
        youden = points.loc[points["rule"] == "youden", "threshold"].iloc[0]
        assert index[int(np.flatnonzero(candidates == youden)[0])] == pytest.approx(max(index))
        sparing = points.loc[points["rule"] == "specificity >= 0.9", "threshold"].iloc[0]
        assert (p[0] < sparing).mean() >= 0.9
        assert (p[0] < candidates[candidates < sparing].max()).mean() < 0.9
    assert set(found.operating_points["rule"]) == {"youden", "sensitivity >= 0.9", "specificity >= 0.9"}


def test_counts_are_of_the_cases_and_shares_of_the_counts(found: Evaluation) -> None:
    points = found.operating_points.pivot_table("value", ["model", "rule", "stratum"], "metric")
    sizes = (
        found.scores.assign(stratum=found.scores["split"]).groupby(["model", "stratum"])["label"].agg(["sum", "size"])
    )
    for (model, rule, stratum), row in points.iterrows():
        assert row["sensitivity"] == pytest.approx(row["tp"] / (row["tp"] + row["fn"]), nan_ok=True)
        assert row["specificity"] == pytest.approx(row["tn"] / (row["tn"] + row["fp"]), nan_ok=True)
        assert row["accuracy"] == pytest.approx((row["tp"] + row["tn"]) / row[["tp", "fp", "tn", "fn"]].sum())
        if (model, stratum) in sizes.index:
            assert row["tp"] + row["fn"] == sizes.loc[(model, stratum), "sum"], rule
            assert row[["tp", "fp", "tn", "fn"]].sum() == sizes.loc[(model, stratum), "size"]


def test_pooled_external_is_all_centres_and_a_lone_centre_is_both(simulated: Simulated) -> None:
    alone = simulated.predictions[simulated.predictions["centre"].isin(["1", "2"])]
    found = evaluate(alone, simulated.cohort, simulated.study)
    same = [found.metrics[found.metrics["stratum"] == s].drop(columns="stratum") for s in ("centre:2", "external")]
    pd.testing.assert_frame_equal(same[0].reset_index(drop=True), same[1].reset_index(drop=True))
    assert found.heterogeneity["value"].isna().all()
    assert found.heterogeneity["method"].str.startswith("not estimable").all()


def test_a_centre_of_one_patient_has_no_interval_and_no_number(simulated: Simulated) -> None:
    of_one = simulated.predictions["patient_id"].where(simulated.predictions["centre"] != "4", "only")
    found = evaluate(simulated.predictions.assign(patient_id=of_one), simulated.cohort, simulated.study)
    here = found.metrics[found.metrics["stratum"] == "centre:4"]
    assert here["value"].isna().all()
    assert here["method"].str.startswith("not estimable: ").all()
    assert "centre:4" not in set(found.decision["stratum"])
    assert (found.heterogeneity.query("metric == 'auc'")["centres"] == 2).all()


def test_without_external_centres_development_stands_alone(simulated: Simulated) -> None:
    inside = simulated.predictions[simulated.predictions["split"] == "development"]
    found = evaluate(inside, simulated.cohort, simulated.study)
    assert set(found.metrics["stratum"]) == {"development"}
    assert found.heterogeneity.empty
    assert set(found.examples["centre"]) == {"1"}


def test_a_study_of_one_model_compares_nothing() -> None:
    simulated = simulate(3, scale=0.2, models=("box",))
    found = evaluate(simulated.predictions, simulated.cohort, simulated.study)
    assert found.comparisons.empty
    assert list(found.comparisons) == list(tables.COMPARISONS.columns)
    assert found.contrast.empty
    assert set(found.heterogeneity["metric"]) == {"auc", "calibration_intercept", "calibration_slope"}


def test_numbers_are_cut_at_the_development_median_and_words_are_levels(
    simulated: Simulated, found: Evaluation
) -> None:
    ages = simulated.cohort.loc[simulated.cohort["centre"] == "1", "age"]
    levels = found.subgroups.groupby("variable")["level"].unique().map(set)
    assert levels["age"] == {f"<= {ages.median():g}", f"> {ages.median():g}", "missing"}
    assert levels["sex"] == {"F", "M"}
    row = found.subgroups.query("variable == 'sex' and level == 'F' and stratum == 'external' and metric == 'auc'")
    row = row[row["model"] == "box"].iloc[0]
    women = simulated.cohort.loc[simulated.cohort["sex"] == "F", "case_id"]
    rows = simulated.predictions.query("model == 'box' and split == 'external'")
    rows = rows[rows["case_id"].isin(women)]
    assert row["value"] == pytest.approx(roc_auc_score(rows["label"], rows["probability"]))
    assert row["n"] == len(rows)
    same = found.subgroups.groupby(["model", "stratum", "variable", "metric"])["p_interaction"].nunique()
    assert (same == 1).all()


def test_examples_are_what_they_are_called(found: Evaluation) -> None:
    examples = found.examples.merge(found.scores[["case_id", "model", "patient_id"]], on=["case_id", "model"])
    called = examples["probability"] >= examples["threshold"]
    right = called == (examples["label"] == 1)
    assert right[examples["group"] == "right"].all()
    assert not right[examples["group"] == "wrong"].any()
    assert examples["centre"].isin(["2", "3", "4"]).all()
    assert set(examples["diagnosis"]) == {"0", "1"}
    for _, rows in examples.groupby("group"):
        known = rows.loc[rows["patient_id"] != "", "patient_id"]
        assert known.is_unique
    near = examples[examples["group"] == "borderline"]
    others = found.scores.query("split == 'external' and model == 'resnet50-radimagenet'")["probability"]
    assert (near["probability"] - near["threshold"]).abs().max() <= (others - near["threshold"].iloc[0]).abs().quantile(
        0.1
    )


class TestRefusals:
    @pytest.fixture
    def small(self) -> Simulated:
        return simulate(6, scale=0.15, models=("inception_v3-imagenet", "box"))

    def refused(self, small: Simulated, predictions: pd.DataFrame, words: str) -> None:
        with pytest.raises(TableError, match=words):
            evaluate(predictions, small.cohort, small.study)

    def test_a_case_without_a_prediction(self, small: Simulated) -> None:
        self.refused(small, small.predictions.drop(index=3), "1 cases have no prediction of 'inception_v3-imagenet'")

    def test_a_case_predicted_twice(self, small: Simulated) -> None:
        doubled = pd.concat([small.predictions, small.predictions.iloc[[5]]])
        self.refused(small, doubled, "is predicted twice by 'inception_v3-imagenet'")

    def test_a_case_with_two_labels(self, small: Simulated) -> None:
        small.predictions.loc[2, "label"] = 1 - small.predictions.loc[2, "label"]
        self.refused(small, small.predictions, "has two labels")

    def test_an_unknown_split(self, small: Simulated) -> None:
        self.refused(
            small, small.predictions.replace({"split": {"external": "test"}}), "neither development nor external"
        )

    def test_no_development(self, small: Simulated) -> None:
        self.refused(small, small.predictions[small.predictions["split"] == "external"], "no development predictions")

    def test_the_primary_model_absent(self, small: Simulated) -> None:
        self.refused(small, small.predictions[small.predictions["model"] == "box"], "primary contrast")

    def test_a_probability_beyond_one(self, small: Simulated) -> None:
        small.predictions.loc[4, "probability"] = 1.2
        self.refused(small, small.predictions, "outside 0 to 1")

    def test_a_subgroup_that_the_cohort_lacks(self, small: Simulated) -> None:
        asked = simulate(6, scale=0.15, models=("box",), evaluation={"subgroups": ["sites"]}).study
        with pytest.raises(TableError, match=r"'sites'.*Did you mean 'site'"):
            evaluate(small.predictions, small.cohort, asked)


def test_the_reference_names_the_columns_of_the_contracts() -> None:
    text = (DOCS / "reference" / "tables.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\.csv\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL))
    assert {field.name for field in fields(Evaluation)} <= set(sections)
    for name, body in sections.items():
        told = [
            c for row in re.findall(r"^\| (`.*?) \|", body, flags=re.MULTILINE) for c in re.findall(r"`(\w+)`", row)
        ]
        assert told == list(getattr(tables, name.upper()).columns), name


def test_the_explanation_runs() -> None:
    failed, ran = doctest.testfile(str(DOCS / "explanation" / "evaluation.md"), module_relative=False)
    assert ran >= 10
    assert failed == 0


def test_it_needs_no_network_no_picture_and_no_figure() -> None:
    heavy = "{'torch', 'pydicom', 'matplotlib', 'PIL', 'osteon.io', 'timm'}"
    code = f"import osteon.results.evaluate, sys; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sets_are_fixed_on_development_and_told_as_found_outside(simulated: Simulated, found: Evaluation) -> None:
    """Coverage on development is what the quantile says; outside it is counted by hand."""
    table, scores = found.unsure, found.scores
    for model in ("resnet50-radimagenet", "box"):
        own, said = table[table["model"] == model], scores[scores["model"] == model]
        low, high = (float(own[name].unique().item()) for name in ("positive_from", "negative_to"))
        inside = said[said["split"] == "development"]
        for label, metric in ((0, "coverage_negative"), (1, "coverage_positive")):
            n = int((inside["label"] == label).sum())
            expected = np.ceil((n + 1) * 0.9 - 1e-9) / n
            assert one(own, stratum="development", metric=metric)["value"] == pytest.approx(expected)
        outside = said[(said["split"] == "external") & (said["centre"] == "3")]
        p, truth = outside["probability"], outside["label"] == 1
        row = one(own, stratum="centre:3", metric="coverage_positive")
        assert row["value"] == pytest.approx((p[truth] >= low).mean())
        assert row["low"] < row["value"] <= row["high"]
        both = one(own, stratum="centre:3", metric="unsure")["value"]
        assert both == pytest.approx(((p >= low) & (p <= high)).mean())
    curve = found.selective[found.selective["stratum"] == "external"]
    every = curve[curve["answered"] == 1].set_index("model")["accuracy"]
    calls = found.operating_points
    youden = calls[(calls["rule"] == "youden") & (calls["metric"] == "accuracy") & (calls["stratum"] == "external")]
    for row in youden.itertuples():
        assert every[row.model] == pytest.approx(row.value)
