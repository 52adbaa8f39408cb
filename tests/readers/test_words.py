"""What is said of an analysis: always which one it is, in sentences, tables, figures and the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from osteon.readers import analyse, simulate
from osteon.readers.words import sentences, told
from osteon.results.figures.readers import reader_gain
from osteon.web.analyse import How
from osteon.web.analyse import analyse as analyse_file


def study(readers: int = 4, cases: int = 40, seed: int = 5) -> pd.DataFrame:
    return simulate(np.random.default_rng(seed), readers=readers, cases=cases).readings


def said_of(readings: pd.DataFrame) -> list[str]:
    found = analyse(readings)
    return sentences(found.reader_metrics, found.reader_comparisons, found.reliance)


def test_every_difference_says_what_is_random() -> None:
    for readings, expected in (
        (study(), "readers and cases random"),
        (study(readers=1, cases=80), "these readers only, cases random"),
    ):
        lines = [line for line in said_of(readings) if "difference" in line or "ratio" in line]
        assert len(lines) == 5
        assert all(line.endswith(f"; {expected}).") for line in lines), lines


def test_what_cannot_be_estimated_is_said_with_its_reason() -> None:
    said = said_of(study(readers=1, cases=80))
    assert said[1].startswith("With readers and cases random no measure can be compared (random readers need at least")
    alike = study(readers=3)
    alike["call"] = alike["truth"]
    said = said_of(alike)
    assert said[1].startswith("With readers and cases random sensitivity, specificity and accuracy cannot be compared")
    line = next(line for line in said if line.startswith("Mean sensitivity"))
    assert line.startswith(
        "Mean sensitivity was 1.000 without advice and 1.000 with advice: difference +0.000 (no interval"
    )


def test_the_first_analysis_that_was_made_is_told() -> None:
    table = pd.DataFrame(
        [
            ("all", "auc", "readers and cases", np.nan, np.nan),
            ("all", "auc", "cases", 0.1, 0.02),
            ("all", "lroc", "readers and cases", np.nan, np.nan),
            ("all", "lroc", "cases", 0.0, np.nan),
            ("all", "seconds", "readers and cases", np.nan, np.nan),
            ("R1", "auc", "cases", 0.3, 0.5),
        ],
        columns=["reader", "metric", "random", "difference", "p"],
    )
    assert dict(told(table)[["metric", "random"]].to_numpy().tolist()) == {
        "auc": "cases",
        "lroc": "cases",
        "seconds": "readers and cases",
    }


def texts(figure) -> str:
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_the_figure_says_it_too() -> None:
    fixed = texts(reader_gain(analyse(study(readers=1, cases=80)).reader_comparisons))
    assert fixed.count("these readers only, cases random") == 3
    assert texts(reader_gain(analyse(study()).reader_comparisons)).count("readers and cases random") == 3


def test_intervals_stay_inside_what_is_possible() -> None:
    """Two readers, a handful of cases: t has one degree of freedom, and an interval may be all there is."""
    for seed in range(4):
        few = study(readers=2, cases=8, seed=seed)
        found = analyse(few)
        for table, value in ((found.reader_comparisons, "difference"), (found.reader_metrics, "value")):
            rows = table[table["metric"].isin(["auc", "sensitivity", "specificity", "accuracy", "lroc", "localised"])]
            least = -1 if value == "difference" else 0
            assert not (rows["low"] < least).any()
            assert not (rows["high"] > 1).any()
        changes = found.reliance[found.reliance["measure"].str.startswith("change in")]
        assert not (changes["low"] < -1).any()
        assert not (changes["high"] > 1).any()
    row = pd.Series({"metric": "accuracy", "low": -1.0, "high": 1.0})
    from osteon.readers.words import limits_of

    assert limits_of(row, "95% CI") == "95% CI all that is possible, −1 to 1"


def test_the_level_that_was_asked_for_is_the_level_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    study().to_csv(path, index=False)
    said = analyse_file(path, how=How(level=0.9))
    assert "90% CI" in said
    assert "95%" not in said
    folder = tmp_path / "r-analysis"
    for name in ("readers.html", "figures/reader_gain.svg", "figures/reliance.svg", "figures/reader_confidence.svg"):
        page = (folder / name).read_text(encoding="utf-8")
        assert "90%" in page, name
        assert "95%" not in page, name


# --- more than two arms ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three() -> pd.DataFrame:
    """The second model was read on part of the cases only."""
    readings = study(readers=4, cases=60)
    rng = np.random.default_rng(1)
    other = readings[(readings["arm"] == "aided") & (readings["case_id"] > "case0012")].assign(arm="2")
    other["confidence"] = (other["confidence"] + rng.normal(0, 20, len(other))).clip(0, 100).round()
    return pd.concat([readings, other], ignore_index=True)


def test_three_arms_are_three_pairs_adjusted_by_holm(three: pd.DataFrame) -> None:
    found = analyse(three)
    rows = found.reader_comparisons
    auc = rows[(rows["reader"] == "all") & (rows["metric"] == "auc") & (rows["random"] == "readers and cases")]
    assert auc[["arm_a", "arm_b"]].to_numpy().tolist() == [["2", "aided"], ["2", "unaided"], ["aided", "unaided"]]
    p = auc["p"].to_numpy()
    order = np.argsort(p)
    expected = np.minimum(1, np.maximum.accumulate(p[order] * [3, 2, 1]))
    assert auc["p_holm"].to_numpy()[order] == pytest.approx(expected)
    alone = analyse(three[three["arm"] != "unaided"]).reader_comparisons
    pair = alone[(alone["reader"] == "all") & (alone["metric"] == "auc") & (alone["random"] == "readers and cases")]
    assert auc.iloc[0]["low"] == pytest.approx(pair.iloc[0]["low"])
    assert not found.reliance.empty  # of the arms with and without advice
    gains = found.reader_benefit
    assert set(zip(gains["arm_a"], gains["arm_b"], strict=True)) == {
        ("2", "aided"),
        ("2", "unaided"),
        ("aided", "unaided"),
    }
    slopes = found.reader_covariates
    assert len(slopes[(slopes["metric"] == "auc") & (slopes["property"] == "experience")]) == 3
    line = next(line for line in said_of(three) if line.startswith("Mean AUC"))
    assert line.count("Holm p") == 3
    assert "arm 2 − with advice" in line
    assert "2.0" not in line


def test_arms_that_pandas_made_floats_are_the_numbers_they_were(three: pd.DataFrame) -> None:
    numbers = three.assign(arm=three["arm"].map({"unaided": 1.0, "aided": 2.0, "2": 3.0}))
    found = analyse(numbers)
    assert set(found.reader_metrics["arm"]) == {"1", "2", "3", "alone"}
    assert set(found.reader_comparisons["arm_a"]) == {"1", "2"}
    missing = three.assign(patient_id=[np.nan, 7.0] * (len(three) // 2) + [np.nan] * (len(three) % 2))
    from osteon.readers.readings import prepared

    clusters = prepared(three.assign(patient_id=np.nan))["cluster"]
    assert clusters.nunique() == three["case_id"].nunique()  # nobody is the patient 'nan'
    assert "patient 7" in set(prepared(missing)["cluster"])


def test_three_arms_have_a_report(three: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "three.csv"
    three.to_csv(path, index=False)
    said = analyse_file(path)
    assert "in arm 2 and with advice" in said
    page = (tmp_path / "three-analysis" / "readers.html").read_text(encoding="utf-8")
    assert "p (Holm)" in page
    assert "Arm 2 − without advice; random: readers and cases" in page
    drawn = {found.stem for found in (tmp_path / "three-analysis" / "figures").iterdir()}
    assert {"reader_roc", "reader_gain", "reader_benefit", "reader_confidence"} <= drawn
