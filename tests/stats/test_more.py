"""Margins, subgroups, several classes, the spreadsheet, and the namespace itself."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

import osteon.stats
from osteon.core.errors import InputError, NotEstimableError, TableError
from osteon.core.types import Comparison, Estimate
from osteon.stats import (
    delong_ci,
    delong_covariance,
    delong_test,
    delong_test_unpaired,
    equivalence,
    multiclass_auc,
    noninferiority,
    operating_point,
    subgroups,
    wilson_ci,
)
from osteon.stats.table import analyse_scores


def test_the_namespace_is_exact_and_documented():
    assert osteon.stats.__all__ == sorted(osteon.stats.__all__)
    public = {n for n, v in vars(osteon.stats).items() if not n.startswith("_") and not isinstance(v, type(sys))}
    assert public == set(osteon.stats.__all__)
    assert all(getattr(osteon.stats, name).__doc__ for name in public)


def test_importing_the_statistics_costs_numpy_and_scipy_only():
    code = (
        "import sys, osteon.stats\n"
        "heavy = {'scipy.stats', 'pandas', 'sklearn', 'torch', 'matplotlib', 'pydicom'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def comparison(difference: float, se: float) -> Comparison:
    return Comparison(difference, 0, 0, se, difference / se, 0.5, "test", 100)


def test_noninferiority_is_one_sided():
    found = noninferiority(comparison(-0.01, 0.02), 0.05)
    assert found.statistic == pytest.approx(2)
    assert found.p == pytest.approx(norm.sf(2))
    assert found.shown == (found.low > -0.05)
    assert found.low == pytest.approx(-0.01 - norm.ppf(0.975) * 0.02)
    assert not noninferiority(comparison(-0.04, 0.02), 0.05).shown
    assert str(found) == (
        "a is non-inferior to b within 0.05: shown (difference -0.010, 95% CI -0.049 to 0.029; p = 0.023)"
    )


def test_a_margin_is_held_against_with_the_comparisons_own_degrees_of_freedom():
    found = Comparison(-0.01, -0.06, 0.04, 0.02, -0.5, 0.64, "t with 4 df", 50, df=4)
    assert noninferiority(found, 0.05).p == pytest.approx(1 - t(4).cdf(2))
    assert equivalence(found, 0.05).p == pytest.approx(1 - t(4).cdf(2))
    assert equivalence(found, 0.05).high == pytest.approx(-0.01 + t(4).ppf(0.95) * 0.02)


def test_equivalence_is_the_worse_of_two_one_sided_tests():
    for difference in (-0.02, 0.0, 0.03):
        found = equivalence(comparison(difference, 0.01), 0.05)
        both = norm.sf((difference + 0.05) / 0.01), norm.sf((0.05 - difference) / 0.01)
        assert found.p == pytest.approx(max(both))
        assert found.shown == (found.low > -0.05 and found.high < 0.05)
    assert found.to_frame().loc[0, "claim"] == "a and b are equivalent"
    with pytest.raises(InputError, match="margin is 0"):
        equivalence(comparison(0, 0.01), 0)
    with pytest.raises(NotEstimableError, match="standard error"):
        noninferiority(Comparison(0, 0, 0, 0, 0, 1, "", 3), 0.05)


def test_two_subgroups_are_an_unpaired_test(asah):
    male = asah["gender"] == "Male"
    found = subgroups(asah["poor"], asah["wfns"], asah["gender"])
    test = delong_test_unpaired(asah["poor"][male], asah["wfns"][male], asah["poor"][~male], asah["wfns"][~male])
    assert found.statistic == pytest.approx(test.z**2)
    assert found.p_interaction == pytest.approx(2 * norm.sf(abs(test.z)))
    assert found.estimates["Male"] == delong_ci(asah["poor"][male], asah["wfns"][male])
    assert found.n_positive == {"Female": 21, "Male": 20}
    assert "interaction p = 0.204" not in str(found)  # that is Welch's; ours is normal
    assert list(found.to_frame()["subgroup"]) == ["Female", "Male"]


def test_subgroups_that_share_patients_are_not_independent(rng):
    """Each patient has a frontal and a lateral view with equal scores: the views cannot differ."""
    y = (rng.random(100) < 0.4).astype(int)
    score = rng.normal(size=100) + y
    twice = subgroups(
        np.repeat(y, 2),
        np.repeat(score, 2) + np.tile([0, 1e-9], 100) * rng.normal(size=200),
        np.tile(["frontal", "lateral"], 100),
        clusters=np.repeat(np.arange(100), 2),
    )
    assert twice.estimates["frontal"].value == pytest.approx(twice.estimates["lateral"].value)
    assert twice.statistic == pytest.approx(0, abs=1e-6)


def test_a_subgroup_without_variance_takes_part_in_the_interaction():
    group = np.repeat(["A", "B", "C"], 60)
    truth = np.tile(np.repeat([0, 1], 30), 3)
    score = np.where(truth == 1, np.where((group == "A") | (np.arange(180) % 2 == 0), 0.9, 0.1), 0.5)
    found = subgroups(truth, score, group, figure="sensitivity", threshold=0.8)
    assert [found.estimates[name].value for name in "ABC"] == [1, 0.5, 0.5]
    own = ((1 - wilson_ci(30, 30).low) / 2 / 1.959963985) ** 2
    other = 0.25 / 30 * 30 / 29
    # Two alike, one apart: the best estimate of the common value of B and C, against A.
    assert found.statistic == pytest.approx(0.5**2 / (own + other / 2))
    assert found.df == 2
    assert str(found).endswith("interaction p < 0.001")
    perfect = subgroups(truth, np.where(group == "A", truth, 1 - truth), group)
    assert perfect.p_interaction < 0.001


def test_a_subgroup_of_few_patients_has_its_own_correction(rng):
    patient = np.repeat(np.arange(72), 3)
    truth = np.repeat(rng.integers(0, 2, 72), 3)
    score = rng.normal(size=216) + truth
    group = np.where(patient < 12, "few", "many")
    found = subgroups(truth, score, group, clusters=patient)
    few, many = found.estimates["few"], found.estimates["many"]
    # One class a patient: the classes' corrections are all there are.
    assert found.statistic == pytest.approx((few.value - many.value) ** 2 / (few.se**2 + many.se**2))


def test_pandas_missing_is_missing():
    groups = pd.Series(["a", pd.NA, "b", "a", "b", pd.NA] * 10, dtype="string")
    truth, score = np.tile([0, 1], 30), np.arange(60) % 7
    assert list(subgroups(truth, score, groups).estimates) == ["a", "b", "missing"]
    alone = delong_ci(truth, score, clusters=pd.Series([pd.NA] * 60, dtype="string"))
    assert alone.se == delong_ci(truth, score).se


def test_sensitivity_by_subgroup_is_a_test_of_proportions(asah):
    found = subgroups(asah["poor"], asah["s100b"], asah["gender"], figure="sensitivity", threshold=0.3)
    rates, sizes = [], []
    for name in ("Female", "Male"):
        own = asah[asah["gender"] == name]
        assert found.estimates[name] == operating_point(own["poor"], own["s100b"], 0.3).sensitivity
        called = own["s100b"][own["poor"] == 1] >= 0.3
        rates.append(called.mean())
        sizes.append(len(called))
    variance = sum(p * (1 - p) / (n - 1) for p, n in zip(rates, sizes, strict=True))
    assert found.statistic == pytest.approx((rates[0] - rates[1]) ** 2 / variance)
    with pytest.raises(InputError, match="needs a threshold"):
        subgroups(asah["poor"], asah["s100b"], asah["gender"], figure="sensitivity")


def test_a_subgroup_of_one_class_is_not_estimable(asah):
    groups = np.where((asah["poor"] == 1) & (asah["gender"] == "Male"), "odd", asah["gender"])
    groups = np.where(asah["age"] > 75, "", groups)
    found = subgroups(asah["poor"], asah["wfns"], groups)
    assert np.isnan(found.estimates["odd"].value)
    assert "both classes are needed" in found.estimates["odd"].method
    assert "missing" in found.estimates
    assert "AUC not estimable" in str(found)


def test_hand_till_is_that_of_proc(asah, reference):
    gos = asah["gos6"]
    classes = np.select([gos <= 2, gos <= 4], ["a", "b"], "c")
    table = np.column_stack(
        [
            asah["s100b"] + asah["ndka"] / 100,
            asah["wfns"] / 5 - asah["age"] / 100,
            -asah["s100b"] - asah["wfns"] / 10,
        ]
    )
    found = multiclass_auc(classes, table)
    assert found.hand_till.value == pytest.approx(reference("roc")["hand till"], abs=1e-13)
    assert found.macro.value == pytest.approx(np.mean([e.value for e in found.one_vs_rest.values()]))
    assert found.one_vs_rest["b"].se == delong_ci(classes == "b", table[:, 1]).se
    assert str(found).startswith("macro AUC 0.")
    assert len(found.to_frame()) == 5


def test_two_classes_are_delong(asah):
    p = asah["s100b"] / 3
    found, plain = multiclass_auc(asah["poor"], np.column_stack([1 - p, p])), delong_ci(asah["poor"], p)
    for estimate in (found.macro, found.hand_till, found.one_vs_rest["1"]):
        assert (estimate.value, estimate.se) == pytest.approx((plain.value, plain.se), abs=1e-14)
        assert (estimate.low, estimate.high) == pytest.approx((plain.low, plain.high), abs=1e-12)


def test_multiclass_intervals_cover_the_bootstrap(rng):
    labels = rng.integers(0, 3, size=300)
    table = rng.normal(size=(300, 3)) + np.eye(3)[labels]
    found = multiclass_auc(labels, table)
    draws = []
    for _ in range(300):
        index = np.concatenate([rng.choice(np.flatnonzero(labels == c), np.sum(labels == c)) for c in range(3)])
        other = multiclass_auc(labels[index], table[index])
        draws.append((other.macro.value, other.hand_till.value))
    for se, spread in zip((found.macro.se, found.hand_till.se), np.std(draws, axis=0), strict=True):
        assert se == pytest.approx(spread, rel=0.12)


def test_multiclass_degenerate():
    with pytest.raises(InputError, match="one column a class"):
        multiclass_auc([0, 1, 2], np.ones((3, 2)))
    with pytest.raises(InputError, match="not among the classes"):
        multiclass_auc([0, 1, 5], np.ones((3, 2)), classes=[0, 1])
    with pytest.raises(NotEstimableError, match="two cases of each"):
        multiclass_auc([0, 0, 1], np.ones((3, 2)))


def test_a_spreadsheet_gets_what_the_functions_give(asah):
    frame = asah.assign(truth=asah["poor"].map({1: "yes", 0: "no"}), patient=np.arange(113) // 2)
    found = analyse_scores(frame, "truth", ["wfns", "s100b"], cluster="patient", by="gender")
    expected = delong_test(asah["poor"], asah["wfns"], asah["s100b"], clusters=frame["patient"])
    assert found.comparisons["all"]["wfns", "s100b"] == expected
    assert list(found.estimates) == ["all", "gender Female", "gender Male"]
    assert set(found.to_frame()["stratum"]) == {"all", "gender Female", "gender Male", "pooled"}
    assert found.comparisons_frame()["p_holm"].notna().all()
    text = str(found)
    assert "all: 113 cases, 41 positive" in text
    assert "wfns, pooled over centres: pooled AUC" in text
    assert "Intervals: DeLong 1988, clustered (Obuchowski 1997), logit" in text


def test_a_centre_of_one_class_is_noted_not_guessed(asah):
    frame = asah.assign(centre=np.where(asah["poor"] == 1, "1", "2"))
    found = analyse_scores(frame, "poor", ["wfns"], by="centre")
    assert np.isnan(found.estimates["centre 1"]["wfns"].value)
    assert any("all 41 cases are positive" in note for note in found.notes)
    assert any("0 of 2 centres" in note for note in found.notes)
    assert "AUC not estimable" in str(found)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, ("outcom", ["wfns"]), r"column 'outcom': the table lacks it. Did you mean 'outcome'\?"),
        ({}, ("outcome", ["wfns"]), "row 2, column 'outcome': 'good' is not a truth"),
        ({"wfns": ["x"] + ["1"] * 112}, ("poor", ["wfns"]), "row 2, column 'wfns': 'x' is not a number"),
        ({"wfns": ["NA"] + ["1"] * 112}, ("poor", ["wfns"]), r"row 2, .*: the score is missing \('NA' counts as none"),
        ({"wfns": ["1_0"] + ["1"] * 112}, ("poor", ["wfns"]), "'1_0' is not a number"),
        ({"poor": ["NA"] + ["1"] * 112}, ("poor", ["wfns"]), r"row 2, .*: the truth is missing \('NA' counts as none"),
        ({"wfns": [1.0, np.nan] + [1.0] * 111}, ("poor", ["wfns"]), "row 3, column 'wfns': the score is missing"),
    ],
)
def test_a_bad_spreadsheet_names_the_cell(asah, change, arguments, message):
    with pytest.raises(TableError, match=message):
        analyse_scores(asah.assign(**change), *arguments)


@pytest.mark.parametrize("word", ["NA", "", None, np.nan, "n/a", " ", "None", "-"])
def test_a_missing_patient_is_one_of_its_own_whatever_the_word(asah, word):
    patients = [word if row % 2 else f"p{row // 4}" for row in range(113)]
    found = analyse_scores(asah.assign(patient=patients), "poor", ["wfns"], cluster="patient")
    own = [f"own {row}" if row % 2 else f"p{row // 4}" for row in range(113)]
    assert found.estimates["all"]["wfns"] == delong_ci(asah["poor"], asah["wfns"], clusters=own)
    assert "56 of 113 cases without a patient" in str(found)


def test_names_of_strata_are_as_they_were_written(asah):
    frame = asah.assign(centre=np.where(np.arange(113) % 2, 1.0, 2.0))
    assert list(analyse_scores(frame, "poor", ["wfns"], by="centre").estimates) == ["all", "centre 1", "centre 2"]
    frame = asah.assign(centre=["a", *["A", "b"] * 56])
    with pytest.raises(TableError, match=r"row 2, column 'centre': spelled in several ways: 'A' \(56\), 'a' \(1\)"):
        analyse_scores(frame, "poor", ["wfns"], by="centre")
    with pytest.raises(TableError, match=r"t\.csv, row 2, column 'id': '1\.2E\+15' is a rounded number"):
        analyse_scores(asah.assign(id="1.2E+15"), "poor", ["wfns"], cluster="id", file="t.csv")
    found = analyse_scores(asah.assign(id=["p", *["P", "q"] * 56]), "poor", ["wfns"], cluster="id")
    assert any("'P' (56), 'p' (1)" in note for note in found.notes)


def test_lines_are_those_of_the_file(tmp_path):
    from osteon.core import tables

    path = tmp_path / "t.csv"
    path.write_text('sep=;\ny;s;note\n1;0,5;"two\nlines"\n1;0,7;\n0;zwei;\n')
    frame = tables.read(path, tables.Contract("scores", open=True), lines=True)
    with pytest.raises(TableError, match=r"t\.csv, row 6, column 's': 'zwei' is not a number"):
        analyse_scores(frame, "y", ["s"], file=path)


def test_a_spreadsheet_without_an_answer_says_so(asah):
    with pytest.raises(NotEstimableError, match="negative"):
        analyse_scores(pd.DataFrame({"y": [0, 0], "s": [1, 2]}), "y", ["s"])
    with pytest.raises(InputError, match="no scores"):
        analyse_scores(asah, "poor", [])


def test_sentences_have_no_negative_zero_and_no_empty_interval():
    assert str(Comparison(-0.0001, -0.2, -0.0002, 1, 1, 0.5, "", 3)) == (
        "AUC difference 0.000 (95% CI -0.200 to 0.000; p = 0.500)"
    )
    assert str(Comparison(0.1, np.nan, np.nan, np.nan, 1, 0.0001, "", 3)) == "AUC difference 0.100 (p < 0.001)"
    assert str(Comparison(np.nan, 0, 0, 1, 1, 1, "", 3)) == "AUC difference not estimable"
    assert str(Estimate(0.25, np.nan, np.nan, "", 3, name="ECE")) == "ECE 0.250"
    assert str(Estimate(0.25, 0.2, 0.3, "", 3, level=0.975)) == "estimate 0.250 (97.5% CI 0.200 to 0.300)"


def test_every_result_has_a_sentence_and_a_frame():
    results = [value for name, value in vars(osteon.stats).items() if isinstance(value, type)]
    assert len(results) > 12
    for kind in results:
        assert "__str__" in vars(kind), kind
        assert "to_frame" in vars(kind), kind


def test_a_table_of_scores_is_a_mapping(asah):
    table = pd.DataFrame({"wfns": asah["wfns"], "s100b": asah["s100b"]})
    for found, expected in zip(
        delong_covariance(asah["poor"], table), delong_covariance(asah["poor"], table.to_dict("list")), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda: operating_point([0, 1], [0.2, 0.8], np.nan),
        lambda: osteon.stats.holm([[0.1, 0.2]]),
        lambda: osteon.stats.net_benefit([0, 1], [0.2, 0.8], []),
    ],
)
def test_settings_without_meaning_are_refused(call):
    with pytest.raises(InputError):
        call()


def test_every_result_says_how_it_was_made(asah):
    y, s, t = asah["poor"], asah["s100b"], asah["ndka"]
    p, q = (np.clip(x / x.max(), 0.01, 0.99) for x in (s, t))
    stats = osteon.stats
    results = [
        stats.roc_curve(y, s), operating_point(y, s, 0.3), stats.calibration(y, p), stats.calibration(y, p).brier,
        stats.platt(y, p), stats.isotonic(y, p), stats.net_reclassification(y, p, q), subgroups(y, s, asah["gender"]),
        stats.bland_altman(s, t), stats.pool([delong_ci(y, s), delong_ci(y, t)]), stats.net_benefit(y, p, [0.2]),
        stats.net_benefit_difference(y, p, q, 0.2), stats.icc(np.column_stack([s, t])), stats.kappa(y, s > 0.3),
    ]  # fmt: skip
    for found in results:
        assert re.search(r"(18|19|20)\d\d", found.method), (type(found).__name__, found.method)
        assert str(found)
        assert len(found.to_frame())
