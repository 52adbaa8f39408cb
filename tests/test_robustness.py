"""Robustness measures against their slow definitions, on simulated predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from osteon import stats
from osteon.core import tables
from osteon.core.errors import TableError
from osteon.results.evaluate.robustness import robustness
from osteon.study import Study

N, REPEATS = 60, 4
STUDY = Study(
    centres={"development": ["A"], "external": ["B", "C"]},
    models=[{"kind": "clinical", "name": name} for name in ("steady", "shaky", "third")],
    evaluation={"bootstrap": 400},
)


@pytest.fixture(scope="module")
def given_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predictions, perturbed predictions and operating points; the second model moves most."""
    rng = np.random.default_rng(4)
    label = np.tile([0, 0, 1], N // 3)
    about = pd.DataFrame(
        {
            "case_id": [f"c{i:02d}" for i in range(N)],
            "patient_id": [f"p{i // 2}" for i in range(N)],
            "centre": np.where(np.arange(N) < N // 2, "B", "C"),
            "split": "external",
            "label": label,
        }
    )
    drawn, perturbed = [], []
    for model, spread in (("steady", 0.02), ("shaky", 0.15), ("third", 0.05), ("box", 0.05)):
        base = np.clip(0.3 + 0.3 * label + rng.normal(0, 0.15, N), 0, 1)
        drawn.append(about.assign(model=model, fold="ensemble", seed=0, probability=base))
        for kind, grade in (("shift", 0.1), ("scale", 0.2), ("gamma", 0.5)):
            for repeat in range(REPEATS):
                moved = np.clip(base + rng.normal(0, spread, N), 0, 1)
                keys = {"model": model, "kind": kind, "grade": grade, "repeat": repeat, "probability": moved}
                perturbed.append(about[["case_id"]].assign(**keys))
    inside = pd.concat(drawn).assign(split="development", centre="A", fold="0")
    inside["case_id"] = "d" + inside["case_id"]
    points = pd.DataFrame(
        [
            {
                "model": model, "rule": "youden", "threshold": 0.45, "stratum": "external", "metric": "sensitivity",
                "value": 0.5, "low": 0.4, "high": 0.6, "method": "", "n": N, "n_positive": N // 3,
            }
            for model in ("steady", "shaky", "third", "box")
        ]
    )  # fmt: skip
    predictions = tables.conform(pd.concat([*drawn, inside]), tables.PREDICTIONS)
    return pd.concat(perturbed, ignore_index=True), predictions, points


def value(table: pd.DataFrame, **where: object) -> pd.Series:
    for name, wanted in where.items():
        table = table[table[name] == wanted]
    assert len(table) == 1
    return table.iloc[0]


def test_measures_are_their_definitions(given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> None:
    perturbed, predictions, points = given_tables
    found = robustness(perturbed, predictions, points, STUDY).robustness
    rows = perturbed.query("model == 'shaky' and kind == 'shift'")
    base = predictions.query("model == 'shaky' and split == 'external'").set_index("case_id")
    by_case = rows.groupby("case_id")["probability"]
    where = {"model": "shaky", "kind": "shift", "stratum": "external"}
    assert value(found, metric="sd", **where)["value"] == pytest.approx(by_case.std(ddof=1).mean())
    assert value(found, metric="range", **where)["value"] == pytest.approx((by_case.max() - by_case.min()).mean())
    flips = [
        (p >= 0.45) != (base.loc[c, "probability"] >= 0.45) for c, p in zip(rows.case_id, rows.probability, strict=True)
    ]
    assert value(found, metric="flip_rate", **where)["value"] == pytest.approx(np.mean(flips))
    aucs = [stats.auc(base.loc[r["case_id"], "label"], r["probability"]) for _, r in rows.groupby("repeat")]
    assert value(found, metric="auc", **where)["value"] == pytest.approx(np.mean(aucs))
    loss = stats.auc(base["label"], base["probability"]) - np.mean(aucs)
    assert value(found, metric="auc_loss", **where)["value"] == pytest.approx(loss)
    wide = rows.pivot_table(index="case_id", columns="repeat", values="probability")
    assert value(found, metric="icc", **where)["value"] == pytest.approx(stats.icc(wide, form="ICC(1,1)").value)


def test_the_interval_of_a_single_repeat_is_delongs(
    given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    perturbed, predictions, points = given_tables
    one = perturbed.query("repeat == 0")
    found = robustness(one, predictions, points, STUDY).robustness
    row = value(found, metric="auc_loss", model="third", kind="scale", stratum="external")
    base = predictions.query("model == 'third' and split == 'external'").sort_values("case_id")
    moved = one.query("model == 'third' and kind == 'scale'").sort_values("case_id")
    test = stats.delong_test(base["label"], base["probability"], moved["probability"], clusters=base["patient_id"])
    assert (row["value"], row["low"], row["high"]) == pytest.approx((test.difference, test.low, test.high))
    assert np.isnan(value(found, metric="sd", model="third", kind="scale", stratum="external")["value"])


def test_the_shakier_model_is_found_out_over_patients(
    given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    perturbed, predictions, points = given_tables
    found = robustness(perturbed, predictions, points, STUDY)
    row = value(found.robustness_comparisons, metric="sd", model_a="steady", model_b="shaky", stratum="external")
    assert row["primary"]
    assert row["high"] < 0
    assert row["p"] < 1e-4
    assert np.isnan(row["p_holm"])
    cases = found.robustness_cases.set_index(["model", "case_id"])["sd"]
    gap = (cases["steady"] - cases["shaky"]).groupby(lambda c: int(c[1:]) // 2).mean()
    assert row["p"] == pytest.approx(wilcoxon(gap, method="approx").pvalue)
    by_change = perturbed.query("kind != 'gamma'").groupby(["model", "case_id", "kind"])["probability"].std(ddof=1)
    assert cases["shaky", "c07"] == pytest.approx(by_change["shaky", "c07"].mean())
    others = found.robustness_comparisons.query("stratum == 'external' and metric == 'sd' and not primary")
    assert (others["p_holm"] >= others["p"]).all()


def test_undisturbed_cases_and_all_box_changes_have_rows_of_their_own(
    given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    perturbed, predictions, points = given_tables
    measured = robustness(perturbed, predictions, points, STUDY)
    found, of_cases = measured.robustness, measured.robustness_cases.query("model == 'shaky'")
    base = predictions.query("model == 'shaky' and split == 'external'")
    single = stats.delong_ci(base["label"], base["probability"], clusters=base["patient_id"])
    drawn = value(found, model="shaky", kind="drawn", stratum="external")
    assert (drawn["metric"], drawn["value"]) == ("auc", pytest.approx(single.value))
    assert (drawn["low"], drawn["high"]) == pytest.approx((single.low, single.high))
    where = {"model": "shaky", "kind": "all box changes", "stratum": "external"}
    rows = perturbed.query("model == 'shaky' and kind != 'gamma'").merge(base[["case_id", "label"]], on="case_id")
    aucs = [stats.auc(r["label"], r["probability"]) for _, r in rows.groupby(["kind", "repeat"])]
    assert value(found, metric="auc", **where)["value"] == pytest.approx(np.mean(aucs))
    assert value(found, metric="auc_loss", **where)["value"] == pytest.approx(single.value - np.mean(aucs))
    assert value(found, metric="sd", **where)["value"] == pytest.approx(of_cases["sd"].mean())
    assert not measured.robustness_comparisons.empty


def test_pictures_alone_leave_nothing_to_compare(
    given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    perturbed, predictions, points = given_tables
    found = robustness(perturbed.query("kind == 'gamma'"), predictions, points, STUDY)
    assert set(found.robustness["kind"]) == {"drawn", "gamma"}
    assert found.robustness_comparisons.empty
    assert found.robustness_cases.empty


def test_no_change_is_no_spread(given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> None:
    perturbed, predictions, points = given_tables
    base = predictions.query("split == 'external'").set_index(["model", "case_id"])["probability"]
    pairs = zip(perturbed["model"], perturbed["case_id"], strict=True)
    still = perturbed.assign(probability=[base[pair] for pair in pairs])
    found = robustness(still, predictions, points, STUDY).robustness.query("kind != 'drawn'")
    for metric, expected in (("sd", 0), ("range", 0), ("flip_rate", 0), ("auc_loss", 0), ("icc", 1)):
        np.testing.assert_allclose(found.loc[found["metric"] == metric, "value"], expected, atol=1e-9)


def test_a_perfect_auc_has_the_same_interval_as_in_every_other_table(
    given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    perturbed, predictions, points = given_tables
    label = predictions.drop_duplicates("case_id").set_index("case_id")["label"]
    perfect = {
        "predictions": predictions.assign(probability=np.where(predictions["label"] == 1, 0.9, 0.1)),
        "perturbed": perturbed.assign(probability=np.where(perturbed["case_id"].map(label) == 1, 0.8, 0.2)),
    }
    found = robustness(perfect["perturbed"], perfect["predictions"], points, STUDY).robustness
    outside = found[(found["stratum"] == "external") & (found["metric"] == "auc")]
    base = perfect["predictions"].query("model == 'shaky' and split == 'external'")
    exact = stats.delong_ci(base["label"], base["probability"], clusters=base["patient_id"])
    assert exact.low < 1 == exact.high
    assert len(outside) > 6
    np.testing.assert_allclose(outside["low"], exact.low)
    np.testing.assert_allclose(outside["high"], 1)
    assert outside["method"].str.contains("Hoeffding").all()
    lost = found[(found["stratum"] == "external") & (found["metric"] == "auc_loss")]
    np.testing.assert_allclose(lost[["value", "low", "high"]], 0, atol=1e-12)
    still = found[(found["stratum"] == "external") & (found["metric"] == "flip_rate")]
    assert still["low"].isna().all()  # all cases alike: the bootstrap has nothing to say
    assert set(still["method"]) == {"no interval: all cases are alike"}


def test_a_missing_repeat_is_an_error(given_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> None:
    perturbed, predictions, points = given_tables
    with pytest.raises(TableError, match=r"c00.*lacks repeats of steady, shift"):
        robustness(perturbed.iloc[1:], predictions, points, STUDY)
