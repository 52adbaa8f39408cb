"""Reader studies against OR-DBM MRMC, MRMCaov, RJafroc and definitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress

from osteon.core.errors import InputError, NotEstimableError, TableError
from osteon.stats import (
    auc,
    delong_covariance,
    delong_test,
    dorfman_berbaum_metz,
    mrmc_power,
    mrmc_sample_size,
    obuchowski_rockette,
    reader_covariate,
)
from osteon.stats.mrmc_designs import Estimates, crossed, two_arms
from osteon.stats.reader_cells import figures_of, readings_of
from osteon.stats.reader_variance import cell_covariance

ANALYSES = [("random", "random"), ("fixed", "random"), ("random", "fixed")]


def agrees(value: float, text: str) -> bool:
    """Whether a value rounds to what was printed."""
    if "." not in text:
        return value == float(text)
    return abs(value - float(text)) <= 0.51 * 10.0 ** -len(text.split(".")[1])


@pytest.fixture(scope="module")
def result(van_dyke):
    return obuchowski_rockette(van_dyke)


@pytest.mark.parametrize(("readers", "cases"), ANALYSES)
def test_van_dyke_as_printed(van_dyke, printed, readers, cases):
    found = obuchowski_rockette(van_dyke, readers=readers, cases=cases)
    pair, key = found.differences["1", "2"], f"{readers} {cases}"
    values = {"statistic": found.statistic, "df": found.df, "p": found.p, "se": pair.se}
    values |= {"low": found.low, "high": found.high}
    for arm in ("1", "2"):
        e = found.estimates[arm]
        values |= {f"{arm} se": e.se, f"{arm} low": e.low, f"{arm} high": e.high}
        assert agrees(e.value, printed[f"van dyke {arm}"])
    for name, value in values.items():
        assert agrees(value, printed[f"{key} {name}"]), (key, name, value)
    assert pair.p == pytest.approx(found.p, abs=1e-12)
    assert found.design == "fully crossed"


def test_van_dyke_components_and_readers_as_printed(result, printed):
    for name, value in result.components.items():
        assert agrees(value, printed[f"van dyke {name}"]), name
    assert agrees(result.difference, printed["random random difference"])
    for (arm, reader), estimate in result.readers.items():
        assert agrees(estimate.value, printed[f"van dyke {arm} reader {reader}"])
    for (_, _, reader), comparison in result.reader_differences.items():
        for name in ("difference", "se", "p", "low", "high"):
            if f"reader {reader} {name}" in printed:
                assert agrees(getattr(comparison, name), printed[f"reader {reader} {name}"]), (reader, name)
    for arm in ("1", "2"):
        assert f"t with {float(printed[f'random random {arm} df']):.2f} df" in result.estimates[arm].method


def test_dbm_agrees_with_obuchowski_rockette(van_dyke, result):
    found = dorfman_berbaum_metz(van_dyke)
    assert found.statistic == pytest.approx(result.statistic, abs=1e-10)
    assert found.df == pytest.approx(result.df, abs=1e-8)
    assert found.p == pytest.approx(result.p, abs=1e-12)
    # Hillis 2005: a mean square of pseudovalues is the cases times that of the figures
    assert found.mean_squares["arm"] == pytest.approx(114 * result.components["ms_arm"], rel=1e-10)
    assert found.mean_squares["arm reader"] == pytest.approx(114 * result.components["ms_arm_reader"], rel=1e-10)


def test_dbm_agrees_for_another_figure_and_three_arms(van_dyke, rng):
    third = van_dyke[van_dyke["arm"] == 1].assign(arm=3)
    third["score"] = np.clip(third["score"] + rng.integers(-1, 2, size=len(third)), 1, 5)
    three = pd.concat([van_dyke, third])
    for figure, threshold in (("auc", None), ("specificity", 3)):
        found = obuchowski_rockette(three, figure=figure, threshold=threshold)
        other = dorfman_berbaum_metz(three, figure=figure, threshold=threshold)
        assert other.statistic == pytest.approx(found.statistic, abs=1e-9)
        assert other.df == pytest.approx(found.df, rel=1e-8)
    assert list(found.differences) == [("1", "2"), ("1", "3"), ("2", "3")]
    assert np.isnan(found.difference)


def test_delong_covariance_is_that_of_delong(van_dyke):
    found = obuchowski_rockette(van_dyke, covariance="delong")
    wide = van_dyke.pivot_table(index="case", columns=["reader", "arm"], values="score")
    truth = van_dyke.drop_duplicates("case").set_index("case").loc[wide.index, "truth"]
    sigma = delong_covariance(truth, wide.to_numpy().T)[1]
    assert found.components["var_error"] == pytest.approx(np.trace(sigma) / 10, abs=1e-15)
    for reader, (_, comparison) in enumerate(found.reader_differences.items()):
        single = delong_test(truth, wide.iloc[:, 2 * reader], wide.iloc[:, 2 * reader + 1])
        assert (comparison.difference, comparison.se) == pytest.approx((single.difference, single.se), abs=1e-12)


def test_three_covariances_agree_closely(van_dyke, result):
    for covariance in ("delong", "bootstrap"):
        other = obuchowski_rockette(van_dyke, covariance=covariance, rng=1)
        assert other.components["var_error"] == pytest.approx(result.components["var_error"], rel=0.06)
        assert other.components["cov2"] == pytest.approx(result.components["cov2"], rel=0.12)
        assert other.p == pytest.approx(result.p, abs=0.005)


def test_the_jackknife_is_its_definition(van_dyke, result):
    one = van_dyke[(van_dyke["reader"] == 3) & (van_dyke["arm"] == 2)]
    without = np.array([auc(*(one.drop(index)[c] for c in ("truth", "score"))) for index in one.index])
    variance = 113 / 114 * np.sum((without - without.mean()) ** 2)
    assert result.readers["2", "3"].se == pytest.approx(np.sqrt(variance), abs=1e-12)


def test_any_callable_is_a_figure(van_dyke):
    def youden(truth, score):
        called = np.asarray(score) >= 3
        return float(called[np.asarray(truth) == 1].mean() - called[np.asarray(truth) == 0].mean())

    found = obuchowski_rockette(van_dyke, figure=youden)
    parts = [obuchowski_rockette(van_dyke, figure=f, threshold=3) for f in ("sensitivity", "specificity")]
    assert found.difference == pytest.approx(sum(part.difference for part in parts))
    assert found.estimates["1"].name == "youden"


def test_sensitivity_is_the_mean_over_positives(van_dyke):
    found = obuchowski_rockette(van_dyke, figure="sensitivity", threshold=4, covariance="delong")
    positives = van_dyke[van_dyke["truth"] == 1]
    rates = (positives["score"] >= 4).groupby([positives["arm"], positives["reader"]]).mean()
    assert found.estimates["1"].value == pytest.approx(rates[1].mean())
    assert found.readers["1", "2"].se == pytest.approx(np.sqrt(rates[1, 2] * (1 - rates[1, 2]) / 44))
    with pytest.raises(InputError, match="not calls"):
        obuchowski_rockette(van_dyke, figure="sensitivity")


def test_arms_may_be_renamed_and_scores_stretched(van_dyke, result):
    other = obuchowski_rockette(
        van_dyke.assign(arm=np.where(van_dyke["arm"] == 1, "unaided", "aided"), score=np.exp(van_dyke["score"]))
    )
    assert other.difference == pytest.approx(-result.difference)
    assert (other.low, other.high) == pytest.approx((-result.high, -result.low))
    assert list(other.differences) == [("aided", "unaided")]
    shuffled = obuchowski_rockette(van_dyke.sample(frac=1, random_state=3))
    assert shuffled.p == pytest.approx(result.p, abs=1e-12)
    assert obuchowski_rockette(van_dyke.to_dict("list")).p == pytest.approx(result.p, abs=1e-12)


@pytest.mark.parametrize("covariance", ["jackknife", "delong"])
def test_copies_of_a_case_count_once_with_clusters(van_dyke, covariance):
    copies = pd.concat(
        [van_dyke.assign(case=van_dyke["case"].astype(str) + end, patient=van_dyke["case"]) for end in "ab"]
    )
    once = obuchowski_rockette(van_dyke, covariance=covariance)
    twice = obuchowski_rockette(copies, covariance=covariance, clusters="patient")
    for name, value in once.components.items():
        assert twice.components[name] == pytest.approx(value, rel=1e-9), name
    assert obuchowski_rockette(copies, covariance=covariance).components["cov2"] < once.components["cov2"] * 0.7


def test_one_arm_is_described(van_dyke, result):
    alone = obuchowski_rockette(van_dyke[van_dyke["arm"] == 1].drop(columns="arm"))
    assert alone.estimates["all"].low == pytest.approx(result.estimates["1"].low)
    assert alone.estimates["all"].high == pytest.approx(result.estimates["1"].high)
    assert alone.differences == {}
    assert np.isnan([alone.difference, alone.statistic, alone.p]).all()
    assert alone.components["cov2"] == pytest.approx(0.00048396, abs=5e-9)  # OR-DBM MRMC, treatment 1 alone


def test_cases_nested_in_readers_or_arms_have_no_shared_covariance(van_dyke, result):
    own_cases = obuchowski_rockette(van_dyke.assign(case=van_dyke["case2"]))
    assert own_cases.design == "cases differ between readers (split-plot)"
    assert (own_cases.components["cov2"], own_cases.components["cov3"]) == pytest.approx((0, 0), abs=1e-17)
    for name in ("cov1", "var_error", "ms_arm", "ms_arm_reader"):
        assert own_cases.components[name] == pytest.approx(result.components[name], rel=1e-12)
    c = own_cases.components
    assert own_cases.statistic == pytest.approx(c["ms_arm"] / c["ms_arm_reader"])
    assert own_cases.df == pytest.approx(4)

    by_arm = obuchowski_rockette(van_dyke.assign(case=van_dyke["case3"]))
    assert by_arm.design == "cases differ between arms"
    assert (by_arm.components["cov1"], by_arm.components["cov3"]) == pytest.approx((0, 0), abs=1e-17)
    c = by_arm.components
    error = c["ms_arm_reader"] + 5 * result.components["cov2"]
    assert by_arm.statistic == pytest.approx(c["ms_arm"] / error)
    assert by_arm.df == pytest.approx(4 * (error / c["ms_arm_reader"]) ** 2)


def test_split_plot_blocks_share_cases_within_only(van_dyke):
    """Readers 1, 2 read even cases, the others odd ones: covariances are the means over all pairs of readers."""
    even = van_dyke["case"] % 2 == 0
    blocks = van_dyke[even == van_dyke["reader"].isin([1, 2])]
    found = obuchowski_rockette(blocks)
    assert found.design == "cases differ between readers (split-plot)"
    parts = [obuchowski_rockette(blocks[blocks["reader"].isin(own)]) for own in ([1, 2], [3, 4, 5])]
    # ordered pairs of readers with shared cases: 2 and 6 of 20
    expected = (2 * parts[0].components["cov2"] + 6 * parts[1].components["cov2"]) / 20
    assert found.components["cov2"] == pytest.approx(expected, rel=1e-9)


def test_missing_readings_change_little(van_dyke, result, rng):
    some = van_dyke[rng.random(len(van_dyke)) > 0.03]
    for covariance in ("jackknife", "delong", "bootstrap"):
        found = obuchowski_rockette(some, covariance=covariance)
        assert found.design == "not fully crossed"
        assert found.difference == pytest.approx(result.difference, abs=0.01)
        assert found.components["cov2"] == pytest.approx(result.components["cov2"], rel=0.3)


def test_readers_nested_in_arms_are_two_samples(van_dyke):
    nested = van_dyke[(van_dyke["reader"] <= 2) == (van_dyke["arm"] == 1)]
    found = obuchowski_rockette(nested)
    assert found.design == "readers nested in arms"
    values = [[e.value for (arm, _), e in found.readers.items() if arm == name] for name in ("1", "2")]
    assert found.difference == pytest.approx(np.mean(values[0]) - np.mean(values[1]))
    from scipy.stats import ttest_ind

    fixed_cases = obuchowski_rockette(nested, cases="fixed")
    welch = ttest_ind(*values, equal_var=False)
    assert fixed_cases.p == pytest.approx(welch.pvalue)
    assert fixed_cases.df == pytest.approx(welch.df)
    assert found.differences["1", "2"].se > fixed_cases.differences["1", "2"].se
    assert found.reader_differences == {}


@pytest.mark.parametrize(("readers", "cases"), ANALYSES)
def test_overlapping_readers_with_full_overlap_are_the_crossed_analysis(van_dyke, readers, cases):
    table = readings_of(van_dyke, None, None)
    values, function, name = figures_of(table, "auc")
    sigma = cell_covariance(table, function, "jackknife", 0, 0)
    study = Estimates(table, values, sigma, readers, cases, 0.95, name, bounded=True)
    pairs, (statistic, df, p), _ = two_arms(study)
    crossed_pairs, (f, crossed_df, crossed_p), _ = crossed(study)
    found, expected = pairs["1", "2"], crossed_pairs["1", "2"]
    assert (found.difference, found.se, p) == pytest.approx((expected.difference, expected.se, crossed_p), abs=1e-12)
    assert (statistic, df) == pytest.approx((f, crossed_df), rel=1e-9)


def test_some_readers_in_one_arm_only(van_dyke, result):
    """Readers 4 and 5 read one arm each: between the crossed and the nested analysis, and Derrick's df."""
    dropped = (van_dyke["reader"] == 4) & (van_dyke["arm"] == 2) | (van_dyke["reader"] == 5) & (van_dyke["arm"] == 1)
    partly = van_dyke[~dropped]
    found = obuchowski_rockette(partly, cases="fixed")
    assert found.design == "some readers in one arm only"
    one, two = ([result.readers[arm, r].value for r in readers] for arm, readers in (("1", "1234"), ("2", "1235")))
    assert found.difference == pytest.approx(np.mean(one) - np.mean(two))
    v = np.var(one, ddof=1) / 4, np.var(two, ddof=1) / 4
    covariance = np.cov(one[:3], two[:3])[0, 1]
    assert found.differences["1", "2"].se ** 2 == pytest.approx(sum(v) - 2 * 3 / 16 * covariance)
    welch = sum(v) ** 2 / (v[0] ** 2 / 3 + v[1] ** 2 / 3)
    assert found.df == pytest.approx(2 + (welch - 2) * 2 / 8)
    assert set(found.reader_differences) == {("1", "2", "1"), ("1", "2", "2"), ("1", "2", "3")}
    random = obuchowski_rockette(partly)
    assert random.differences["1", "2"].se > found.differences["1", "2"].se
    fixed = obuchowski_rockette(partly, readers="fixed", covariance="delong")
    weights = [{"1": 0.25, "2": -0.25}[arm] for arm, _ in fixed.readers]
    columns = [(arm, int(r)) for arm, r in fixed.readers]
    wide = partly.pivot_table(index="case", columns=["arm", "reader"], values="score")
    truth = partly.drop_duplicates("case").set_index("case").loc[wide.index, "truth"]
    sigma = delong_covariance(truth, np.stack([wide[int(arm), r] for arm, r in columns]))[1]
    assert fixed.differences["1", "2"].se == pytest.approx(np.sqrt(np.array(weights) @ sigma @ weights))


def test_one_reader_is_a_paired_delong_test(van_dyke):
    one = van_dyke[van_dyke["reader"] == 1]
    found = obuchowski_rockette(one, readers="fixed", covariance="delong")
    wide = one.pivot_table(index="case", columns="arm", values="score")
    truth = one.drop_duplicates("case").set_index("case").loc[wide.index, "truth"]
    single = delong_test(truth, wide[1], wide[2])
    assert (found.difference, found.low, found.high, found.p) == pytest.approx(
        (single.difference, single.low, single.high, single.p), abs=1e-10
    )


@pytest.mark.parametrize(
    ("key", "readers", "cases", "n_readers", "n_cases"),
    [
        ("power random random 10 165", "random", "random", 10, 165),
        ("power fixed random 10 131", "fixed", "random", 10, 131),
        ("power random fixed 10 53", "random", "fixed", 10, 53),
        ("power random random 6 111", "random", "random", 6, 111),
    ],
)
def test_power_is_that_of_rjafroc(result, printed, key, readers, cases, n_readers, n_cases):
    effect = -0.043800322 if n_readers == 10 else result.difference
    found = mrmc_power(result, n_readers=n_readers, n_cases=n_cases, effect=effect, readers=readers, cases=cases)
    assert found == pytest.approx(float(printed[key]), abs=5.1e-8 if n_readers == 6 else 1.1e-8)
    assert mrmc_power(
        result.components, pilot_cases=114, n_readers=n_readers, n_cases=n_cases, effect=-effect, readers=readers,
        cases=cases,
    ) == pytest.approx(found)  # fmt: skip


def test_sample_size_is_that_of_rjafroc(result, printed):
    found = mrmc_sample_size(result, n_readers=6, effect=result.difference)
    assert found == int(printed["cases for power 0.8 with 6 readers"])
    assert mrmc_power(result, n_readers=6, n_cases=found, effect=result.difference) >= 0.8
    assert mrmc_power(result, n_readers=6, n_cases=found - 1, effect=result.difference) < 0.8
    with pytest.raises(NotEstimableError, match="do not reach"):
        mrmc_sample_size(result, n_readers=2, effect=0.01)


def test_no_effect_has_the_power_of_the_level(result):
    assert mrmc_power(result, n_readers=6, n_cases=200, effect=0) == pytest.approx(0.05)


def test_experience_is_a_line_through_the_readers_differences(result):
    from scipy.stats import linregress

    years = {"1": 2.0, "2": 5.0, "3": 9.0, "4": 12.0, "5": 20.0}
    found = reader_covariate(result, years)
    y = [result.reader_differences["1", "2", reader].difference for reader in years]
    line = linregress(list(years.values()), y)
    assert (found.difference, found.se, found.p) == pytest.approx((line.slope, line.stderr, line.pvalue))
    assert found.name == "per unit of experience, AUC (1 - 2)"
    with pytest.raises(InputError, match="no experience for reader '5'"):
        reader_covariate(result, {k: v for k, v in years.items() if k != "5"})
    with pytest.raises(NotEstimableError, match="differ"):
        reader_covariate(result, dict.fromkeys(years, 3))


# --- more than two arms ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unequal(van_dyke):
    """Arms 1 and 2 on the same cases, arm 3 on two thirds of them: another reader's scores, so nothing repeats."""
    third = van_dyke[(van_dyke["arm"] == 1) & (van_dyke["case"] % 3 > 0)].assign(arm=3)
    third["reader"] = third["reader"] % 5 + 1
    return pd.concat([van_dyke, third], ignore_index=True)


@pytest.mark.parametrize(("readers", "cases"), ANALYSES)
@pytest.mark.parametrize("covariance", ["jackknife", "delong"])
def test_a_pair_that_shares_cases_its_own_way_is_the_pair_alone(unequal, readers, cases, covariance):
    settings = {"readers": readers, "cases": cases, "covariance": covariance}
    found = obuchowski_rockette(unequal, **settings)
    for pair in (("1", "2"), ("1", "3"), ("2", "3")):
        alone = obuchowski_rockette(unequal[unequal["arm"].astype(str).isin(pair)], **settings).differences[pair]
        own = found.differences[pair]
        for name in ("difference", "low", "high", "se", "p", "df", "n"):
            assert getattr(own, name) == pytest.approx(getattr(alone, name), rel=1e-9), (pair, name)
    assert np.isnan([found.statistic, found.df]).all()
    assert found.p == pytest.approx(min(found.p_holm.values()))
    assert found.method.endswith("each pair by its own")
    assert found.differences["1", "2"].df != found.differences["1", "3"].df or readers == "fixed" or cases == "fixed"


def test_clusters_and_missing_readings_keep_pairs_alone(unequal):
    table = unequal.assign(patient=unequal["case"] // 2)
    found = obuchowski_rockette(table, clusters="patient").differences["1", "3"]
    alone = obuchowski_rockette(table[table["arm"] != 2], clusters="patient").differences["1", "3"]
    assert (found.se, found.df) == pytest.approx((alone.se, alone.df), rel=1e-9)


def test_three_equal_arms_share_one_error_term(van_dyke, rng):
    third = van_dyke[van_dyke["arm"] == 1].assign(arm=3)
    third["score"] = np.clip(third["score"] + rng.integers(-1, 2, size=len(third)), 1, 5)
    found = obuchowski_rockette(pd.concat([van_dyke, third]))
    assert len({comparison.se for comparison in found.differences.values()}) == 1
    assert np.isfinite(found.statistic)
    split = pd.concat([van_dyke, third])
    split = split[(split["case"] % 5) != (split["reader"] % 5)]  # the same cases in all arms
    assert len({c.se for c in obuchowski_rockette(split).differences.values()}) == 1


def test_readers_who_miss_an_arm_are_used_where_they_read(van_dyke):
    partly = van_dyke[(van_dyke["reader"] != 4) | (van_dyke["arm"] != 2)]
    third = van_dyke[van_dyke["arm"] == 1].assign(arm=3)
    third["score"] = 6 - third["score"]
    found = obuchowski_rockette(pd.concat([partly, third]))
    assert found.design == "some readers in some of the arms only"
    assert found.differences["1", "2"].se == pytest.approx(obuchowski_rockette(partly).differences["1", "2"].se)
    both = pd.concat([van_dyke[van_dyke["arm"] == 1], third])
    assert found.differences["1", "3"].df == pytest.approx(obuchowski_rockette(both).df)
    assert np.isnan(found.components["ms_arm_reader"])
    assert found.components["cov1"] != 0
    # a pair without any variance says so; the others stand
    copy = pd.concat([partly, van_dyke[van_dyke["arm"] == 1].assign(arm=3)])
    none = obuchowski_rockette(copy)
    assert "not estimable" in none.differences["1", "3"].method
    assert np.isnan(none.p_holm["1", "3"])
    assert none.p_holm["1", "2"] < 1


def test_holm_stands_beside_every_pair(unequal):
    found = obuchowski_rockette(unequal)
    frame = found.to_frame().set_index("arm")
    p = frame.loc[["1 - 2", "1 - 3", "2 - 3"], "p"].to_numpy()
    order = np.argsort(p)
    expected = np.minimum(1, np.maximum.accumulate(p[order] * [3, 2, 1]))
    assert frame.loc[["1 - 2", "1 - 3", "2 - 3"], "p_holm"].to_numpy()[order] == pytest.approx(expected)
    assert "Holm p" in str(found)


def test_fixed_readers_have_the_variance_of_their_covariance_matrix(rng):
    """What makes a case hard for one reader makes it easy for the other: Cov2 < Cov3, and nothing is truncated."""
    truth, shared, rows = np.tile([0, 1], 40), rng.normal(size=80), []
    for reader, arm, sign in ((1, 1, 1), (2, 1, -1), (1, 2, -1), (2, 2, 1)):
        score = truth + sign * shared + 0.5 * rng.normal(size=80)
        rows += [(reader, arm, case, truth[case], score[case]) for case in range(80)]
    table = pd.DataFrame(rows, columns=["reader", "arm", "case", "truth", "score"])
    found = obuchowski_rockette(table, readers="fixed", covariance="delong")
    c = found.components
    assert c["cov2"] < c["cov3"]
    wide = table.pivot_table(index="case", columns=["arm", "reader"], values="score")
    sigma = delong_covariance(truth, wide.to_numpy().T)[1]
    weights = np.array([1, 1, -1, -1]) / 2
    assert found.differences["1", "2"].se ** 2 == pytest.approx(weights @ sigma @ weights)
    # summary.mrmc_frrc of MRMCaov: Var(Error) - Cov1 + (readers - 1) (Cov2 - Cov3)
    denominator = c["var_error"] - c["cov1"] + c["cov2"] - c["cov3"]
    assert found.differences["1", "2"].se == pytest.approx(np.sqrt(2 / 2 * denominator))
    assert found.statistic == pytest.approx(c["ms_arm"] / denominator)


# --- figures and tables ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance", ["jackknife", "delong", "bootstrap"])
def test_accuracy_is_a_figure_between_0_and_1(van_dyke, covariance):
    def share(truth, called):
        return float(np.mean(np.asarray(truth) == np.asarray(called)))

    calls = van_dyke.assign(score=(van_dyke["score"] >= 3).astype(float))
    found = obuchowski_rockette(calls, figure="accuracy", covariance=covariance)
    if covariance != "delong":
        slow = obuchowski_rockette(calls, figure=share, covariance=covariance)
        assert (found.difference, found.p) == pytest.approx((slow.difference, slow.p))
    two = calls[calls["reader"].isin([1, 2]) & calls["case"].isin([*range(1, 5), *range(111, 115)])]
    few = obuchowski_rockette(two, figure="accuracy")
    assert few.low >= -1
    assert few.high <= 1
    for estimate in few.estimates.values():
        assert not estimate.low < 0
        assert not estimate.high > 1


def test_lroc_is_an_auc_in_which_missed_lesions_come_last(van_dyke, rng):
    table = van_dyke.assign(localised=rng.integers(0, 2, size=len(van_dyke)))
    table["localised"] = table["localised"].where(table["truth"] == 1)  # negatives have no lesion to find
    found = obuchowski_rockette(table, figure="lroc")
    missed = (table["truth"] == 1) & (table["localised"] == 0)
    last = obuchowski_rockette(table.assign(score=table["score"].astype(float).mask(missed, -1e9)))
    assert found.differences["1", "2"].p == pytest.approx(last.p)
    assert found.estimates["1"].name == "LROC area"
    bad = table.copy()
    bad.loc[bad.index[bad["truth"] == 1][3], "localised"] = np.nan
    with pytest.raises(TableError, match="neither found"):
        obuchowski_rockette(bad, figure="lroc")
    with pytest.raises(TableError, match="localised"):
        obuchowski_rockette(van_dyke, figure="lroc")


@pytest.mark.parametrize("arms", [[1.0, 2.0], ["1", "2"], [1, 2], np.array([1, 2], dtype=np.float32)])
def test_arms_are_identifiers(van_dyke, arms):
    found = obuchowski_rockette(van_dyke.assign(arm=van_dyke["arm"].map(dict(zip((1, 2), arms, strict=True)))))
    assert list(found.estimates) == ["1", "2"]
    assert list(found.to_frame()["arm"]) == ["1", "2", "1 - 2"]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            np.ma.masked_array(np.arange(1140.0), mask=np.arange(1140) == 7),
            "row 9, column 'score': the value is masked",
        ),
        (np.arange(1140) + 1j, "complex"),
        (np.arange(1140).astype("datetime64[s]"), "datetime64"),
        (np.arange(1140) + 2**60, "too large"),
    ],
)
def test_scores_that_numpy_would_change_are_refused(van_dyke, score, message):
    columns = {name: van_dyke[name].to_numpy() for name in ("reader", "arm", "case", "truth")}
    with pytest.raises(TableError, match=message):
        obuchowski_rockette(columns | {"score": score})


def test_a_seed_is_a_whole_number(van_dyke):
    with pytest.raises(InputError, match="rng is -1"):
        obuchowski_rockette(van_dyke, covariance="bootstrap", rng=-1)


def test_bad_tables_name_the_row(van_dyke):
    with pytest.raises(TableError, match="column 'score': the readings lack"):
        obuchowski_rockette(van_dyke.drop(columns="score"))
    twice = pd.concat([van_dyke, van_dyke.iloc[[5]]])
    with pytest.raises(TableError, match=r"row 1142, column 'case'.*before"):
        obuchowski_rockette(twice)
    two_truths = van_dyke.copy()
    two_truths.loc[0, "truth"] = 1
    with pytest.raises(TableError, match="row 2, column 'truth'"):
        obuchowski_rockette(two_truths)
    hole = van_dyke.copy()
    hole["score"] = hole["score"].astype(float)
    hole.loc[3, "score"] = np.nan
    with pytest.raises(TableError, match="row 5, column 'score': the value is missing"):
        obuchowski_rockette(hole)
    with pytest.raises(TableError, match="truth is not 0 or 1"):
        obuchowski_rockette(van_dyke.assign(truth=2))


def test_designs_that_do_not_determine_the_answer(van_dyke):
    with pytest.raises(NotEstimableError, match="readers='fixed'"):
        obuchowski_rockette(van_dyke[van_dyke["reader"] == 1])
    with pytest.raises(NotEstimableError, match="both classes"):
        obuchowski_rockette(van_dyke[van_dyke["truth"] == 1])
    with pytest.raises(InputError, match="both fixed"):
        obuchowski_rockette(van_dyke, readers="fixed", cases="fixed")
    with pytest.raises(InputError, match="readers is 'all'"):
        obuchowski_rockette(van_dyke, readers="all")
    with pytest.raises(NotEstimableError, match="no variance"):
        obuchowski_rockette(van_dyke.assign(score=van_dyke["truth"]))
    with pytest.raises(NotEstimableError, match="reader '2' has read cases of one class only"):
        obuchowski_rockette(van_dyke[(van_dyke["reader"] != 2) | (van_dyke["truth"] == 1)])
    with pytest.raises(InputError, match="not fully crossed"):
        dorfman_berbaum_metz(van_dyke.iloc[1:])
    with pytest.raises(InputError, match="DeLong's covariance"):
        obuchowski_rockette(van_dyke, figure=lambda *cases: float(np.mean(cases[1])), covariance="delong")


def test_sentence_and_frames(result):
    assert "1 - 2: AUC difference -0.044 (95% CI -0.088 to 0.000; p = 0.052)" in str(result)
    assert list(result.to_frame()["arm"]) == ["1", "2", "1 - 2"]
    assert len(result.readers_frame()) == 15


def test_readers_are_found_for_the_cases_there_are(result):
    found = mrmc_sample_size(result, n_cases=240, effect=result.difference)
    assert mrmc_power(result, n_readers=found, n_cases=240, effect=result.difference) >= 0.8
    assert mrmc_power(result, n_readers=found - 1, n_cases=240, effect=result.difference) < 0.8
    for both in ({}, {"n_readers": 5, "n_cases": 100}):
        with pytest.raises(InputError, match="one of n_readers and n_cases"):
            mrmc_sample_size(result, effect=0.05, **both)
    with pytest.raises(InputError, match="effect is nan"):
        mrmc_power(result, n_readers=5, n_cases=100, effect=np.nan)


def test_a_property_of_the_reader_within_one_arm_is_a_regression_line(result):
    years = {1: 3, 2: 9, 3: 4, 4: 20, 5: 11}
    found = reader_covariate(result, years, arm="1")
    line = linregress(list(years.values()), [result.readers["1", str(reader)].value for reader in years])
    assert (found.difference, found.se, found.p) == pytest.approx((line.slope, line.stderr, line.pvalue))
    assert found.df == 3
    with pytest.raises(InputError, match="not a number"):
        reader_covariate(result, dict.fromkeys(years, "long"), arm="1")
    with pytest.raises(InputError, match="arm is '3'"):
        reader_covariate(result, years, arm="3")


def test_one_arm_determines_its_readers_variance(van_dyke):
    one = obuchowski_rockette(van_dyke[van_dyke["arm"].astype(str) == "1"])
    c = one.components
    areas = np.array([found.value for found in one.readers.values()])
    assert c["var_reader"] == pytest.approx(areas.var(ddof=1) - c["var_error"] + c["cov2"])


def test_perfect_readers_have_no_interval():
    table = pd.DataFrame({"reader": np.repeat(["a", "b"], 8), "case": np.tile(np.arange(8), 2)})
    table["truth"] = table["case"] % 2
    found = obuchowski_rockette(table.assign(score=table["truth"]))
    for estimate in (*found.estimates.values(), *found.readers.values()):
        assert estimate.value == 1
        assert np.isnan([estimate.low, estimate.high]).all()
        assert "no interval" in estimate.method


def test_a_class_of_one_patient_leaves_nothing_to_leave_out(van_dyke):
    table = van_dyke.assign(patient=np.where(van_dyke["truth"] == 1, 0, van_dyke["case"]))
    for covariance in ("jackknife", "delong"):
        with pytest.raises(NotEstimableError, match="of two patients"):
            obuchowski_rockette(table, clusters="patient", covariance=covariance)


def test_a_resample_without_a_class_has_no_figure(van_dyke):
    tumour = van_dyke.loc[van_dyke["truth"] == 1, "case"].min()
    one = van_dyke[(van_dyke["reader"] > 1) | (van_dyke["truth"] == 0) | (van_dyke["case"] == tumour)]
    with pytest.raises(NotEstimableError, match="without cases of a class"):
        obuchowski_rockette(one, covariance="bootstrap", figure="sensitivity", threshold=3)


def test_a_case_belongs_to_one_patient(van_dyke):
    table = van_dyke.assign(patient=van_dyke["case"].astype(str))
    table.loc[table.index[-1], "patient"] = "another"
    with pytest.raises(TableError, match="another patient") as caught:
        obuchowski_rockette(table, clusters="patient")
    assert caught.value.column == "patient"
