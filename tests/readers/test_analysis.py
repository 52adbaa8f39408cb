"""The analysis against published studies, against slow definitions, and against what was put into simulations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from osteon.core import tables
from osteon.core.errors import InputError, NotEstimableError, TableError
from osteon.readers import Analysis, Population, analyse, load, planned_power, simulate, simulate_on
from osteon.readers.reliance import reliance
from osteon.readers.simulate import draw_readers, skill_of
from osteon.stats import obuchowski_rockette, standalone


def row(table: pd.DataFrame, **where: object) -> pd.Series:
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1, where
    return table.iloc[0]


# --- published -----------------------------------------------------------------------------------------------------


def test_van_dyke_as_published(shared: Path) -> None:
    """OR-DBM MRMC 2.51 on Van Dyke 1993; the file's own column names are understood."""
    found = analyse(load(shared / "references" / "VanDyke.csv"))
    metrics, compared = found.reader_metrics, found.reader_comparisons
    assert row(metrics, reader="all", arm="1", metric="auc")["value"] == pytest.approx(0.89703704, abs=5e-9)
    assert row(metrics, reader="all", arm="2", metric="auc")["value"] == pytest.approx(0.94083736, abs=5e-9)
    both = row(compared, reader="all", random="readers and cases")
    assert both["difference"] == pytest.approx(-0.04380032, abs=5e-9)
    assert (both["low"], both["high"]) == pytest.approx((-0.08796, 0.00036), abs=5e-6)
    assert both["p"] == pytest.approx(0.0517, abs=5e-5)
    assert both["primary"]
    assert row(compared, reader="all", random="cases")["p"] == pytest.approx(0.0193, abs=5e-5)
    assert row(compared, reader="all", random="readers")["p"] == pytest.approx(0.0420, abs=5e-5)
    assert found.reliance.empty
    assert set(metrics["metric"]) == {"auc"}  # no calls, no times: nothing is made up


def test_a_threshold_makes_calls(shared: Path) -> None:
    readings = load(shared / "references" / "VanDyke.csv")
    found = analyse(readings, threshold=3)
    for arm, reader in (("1", "1"), ("2", "4")):
        own = readings[(readings["arm"] == arm) & (readings["reader"] == reader)]
        positive = own["truth"] == 1
        value = row(found.reader_metrics, reader=reader, arm=arm, metric="sensitivity")["value"]
        assert value == pytest.approx((own.loc[positive, "confidence"] >= 3).mean())


# --- simulated: what was put in is recovered ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endless() -> tuple[Population, pd.DataFrame, Analysis]:
    """Three readers and so many cases that sampling hardly matters."""
    population = Population(bias=0.2, reliance=0.45, reliance_sd=0.0, skill_sd=0.15)
    made = simulate(np.random.default_rng(4), population, readers=3, cases=30_000, positives=0.4)
    readings = made.readings.assign(seconds=np.nan)
    frame = readings.assign(cluster=readings["case_id"])
    empty = pd.DataFrame()
    return population, made.readers, Analysis(*[empty] * 5, reliance(frame), *[empty] * 5)


def test_simulated_readers_reach_their_closed_forms() -> None:
    made = simulate(np.random.default_rng(2), Population(bias=0.3), readers=4, cases=20_000, positives=0.5)
    for reader, own in made.readings.groupby("reader"):
        known = made.readers.set_index("reader").loc[reader]
        for arm, readings in own.groupby("arm"):
            positive, call = readings["truth"] == 1, readings["call"] == 1
            ranks = readings["confidence"].rank()
            n1, n0 = positive.sum(), (~positive).sum()
            auc = (ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
            assert auc == pytest.approx(known[f"auc_{arm}"], abs=0.012)
            assert call[positive].mean() == pytest.approx(known[f"sensitivity_{arm}"], abs=0.015)
            assert (~call)[~positive].mean() == pytest.approx(known[f"specificity_{arm}"], abs=0.015)


def test_the_simulated_models_probability_is_calibrated() -> None:
    readings = simulate(np.random.default_rng(3), readers=1, cases=40_000, positives=0.3).readings
    once = readings.drop_duplicates("case_id")
    for low in np.arange(0, 1, 0.2):
        inside = once[once["probability"].between(low, low + 0.2)]
        assert inside["truth"].mean() == pytest.approx(inside["probability"].mean(), abs=0.025)


def test_reliance_is_what_the_normal_distribution_says(endless: tuple[Population, pd.DataFrame, Analysis]) -> None:
    """Changing to right and to wrong advice as orthant probabilities of (unaided, aided, model), by scipy."""
    p, readers, found = endless
    d, b, w = readers["skill"].iloc[0], readers["bias"].iloc[0], p.reliance
    v = (1 - w) ** 2 + w**2 + 2 * w * (1 - w) * np.sqrt(p.shared * p.alike)
    shared_evidence = np.sqrt(p.shared * p.alike)
    reread = p.shared + (1 - p.shared) * np.sqrt(p.repeatable)
    u_a = ((1 - w) * reread + w * shared_evidence) / np.sqrt(v)
    a_m = ((1 - w) * shared_evidence + w) / np.sqrt(v)
    covariance = [[1, u_a, shared_evidence], [u_a, 1, a_m], [shared_evidence, a_m, 1]]
    cut = -np.log(0.4 / 0.6) / p.model_skill  # probability 0.5

    def orthant(truth: int, signs: tuple[int, int, int]) -> float:
        """P(call u, call a, advice m) given the truth, signs +1 for positive."""
        s = truth - 0.5
        mean = np.array([d * s - b, ((1 - w) * d + w * p.model_skill) * s / np.sqrt(v) - b, p.model_skill * s - cut])
        turn = np.array(signs)
        return float(multivariate_normal(-turn * mean, np.outer(turn, turn) * np.array(covariance)).cdf(np.zeros(3)))

    def joint(u: int, a: int, m: int, truth: int) -> float:
        prior = 0.4 if truth else 0.6
        return prior * orthant(truth, tuple(2 * x - 1 for x in (u, a, m)))  # type: ignore[arg-type]

    own = found.reliance[found.reliance["reader"] == readers["reader"].iloc[0]].set_index("measure")["value"]
    to_right = sum(joint(1 - t, t, t, t) for t in (0, 1))
    stayed_wrong = sum(joint(1 - t, 1 - t, t, t) for t in (0, 1))
    to_wrong = sum(joint(t, 1 - t, 1 - t, t) for t in (0, 1))
    stayed_right = sum(joint(t, t, 1 - t, t) for t in (0, 1))
    assert own["changed to right advice"] == pytest.approx(to_right / (to_right + stayed_wrong), abs=0.02)
    assert own["changed to wrong advice"] == pytest.approx(to_wrong / (to_wrong + stayed_right), abs=0.02)
    over = sum(joint(u, 1 - t, 1 - t, t) for t in (0, 1) for u in (0, 1))
    wrong = sum(joint(u, a, 1 - t, t) for t in (0, 1) for u in (0, 1) for a in (0, 1))
    assert own["over-reliance"] == pytest.approx(over / wrong, abs=0.02)


def test_differences_are_unbiased_and_intervals_cover() -> None:
    """Over 80 simulated studies, against the mean over the population that the readers are drawn from."""
    population = Population()
    many = draw_readers(np.random.default_rng(0), population, 200_000)
    truth = (many["auc_aided"] - many["auc_unaided"]).mean()
    drawn, covered = [], 0
    for seed in range(80):
        readings = simulate(np.random.default_rng([9, seed]), population, readers=6, cases=80).readings
        table = readings.rename(columns={"case_id": "case", "confidence": "score"})
        found = obuchowski_rockette(table, covariance="delong")
        drawn.append(found.difference)
        covered += found.low <= truth <= found.high
    assert np.mean(drawn) == pytest.approx(truth, abs=3 * np.std(drawn) / np.sqrt(80))
    assert covered >= 70  # 95 % of 80 is 76; fewer than 70 happens once in 200 times


def test_receptiveness_and_experience_are_found() -> None:
    """Readers whose reliance differs much: those more receptive gain more, and the slope says so."""
    population = Population(skill=0.9, skill_sd=0.05, reliance=0.4, reliance_sd=0.2, model_skill=2.4)
    made = simulate(np.random.default_rng(11), population, readers=14, cases=300)
    slopes = analyse(made.readings).reader_covariates
    found = row(slopes, property="receptiveness", metric="auc")
    gain = made.readers["auc_aided"] - made.readers["auc_unaided"]
    expected = np.polyfit(made.readers["receptiveness"], gain, 1)[0]
    assert found["low"] < expected < found["high"]
    assert found["low"] > 0


def test_real_advice_can_be_read_by_simulated_readers() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 2000)
    odds = rng.normal(3 * (truth - 0.5), 2.0)
    key = pd.DataFrame(
        {"case_id": [f"k{i}" for i in range(4000)], "truth": truth, "probability": 1 / (1 + np.exp(-odds))}
    ).assign(advice=(odds > 0).astype(int))
    made = simulate_on(rng, key, readers=2)
    assert made.readings["simulated"].eq(1).all()
    for reader, own in made.readings.groupby("reader"):
        known = made.readers.set_index("reader").loc[reader]
        aided = own[own["arm"] == "aided"]
        assert aided.loc[aided["truth"] == 1, "call"].mean() == pytest.approx(known["sensitivity_aided"], abs=0.03)
        pd.testing.assert_series_equal(
            aided.set_index("case_id")["probability"], key.set_index("case_id")["probability"], check_names=False
        )


def test_a_skill_is_its_auc() -> None:
    assert norm.cdf(skill_of(0.87) / np.sqrt(2)) == pytest.approx(0.87)


def test_power_grows_with_everything() -> None:
    few = planned_power(readers=4, cases=60, positives=0.5)
    more_readers = planned_power(readers=10, cases=60, positives=0.5)
    more_cases = planned_power(readers=4, cases=200, positives=0.5)
    assert few["power"].is_monotonic_increasing
    assert (more_readers["power"] >= few["power"]).all()
    assert (more_cases["power"] >= few["power"]).all()
    with pytest.raises(NotEstimableError):
        planned_power(readers=1, cases=60, positives=0.5)


# --- definitions -----------------------------------------------------------------------------------------------------


HAND = pd.DataFrame(
    # truth, advice, unaided call, aided call
    [(1, 1, 0, 1), (1, 1, 0, 0), (0, 0, 1, 0), (1, 0, 1, 0), (0, 1, 0, 0), (0, 1, 0, 1), (1, 1, 1, 1), (0, 0, 0, 1)],
    columns=["truth", "advice", "unaided", "aided"],
)


def by_hand() -> pd.DataFrame:
    rows = [
        {"reader": "R", "arm": arm, "case_id": str(i), "truth": r.truth, "advice": r.advice, "call": getattr(r, arm)}
        for i, r in HAND.iterrows()
        for arm in ("unaided", "aided")
    ]
    return pd.DataFrame(rows).assign(cluster=lambda frame: frame["case_id"])


def test_reliance_by_hand() -> None:
    found = reliance(by_hand())
    values = found[found["reader"] == "R"].set_index("measure")[["value", "n"]]
    expected = {
        "changed to right advice": (2 / 3, 3),
        "stayed wrong against right advice": (1 / 3, 3),
        "changed to wrong advice": (2 / 3, 3),
        "stayed right against wrong advice": (1 / 3, 3),
        "changed away from agreeing advice": (1 / 2, 2),
        "over-reliance": (2 / 3, 3),
        "under-reliance": (2 / 5, 5),
        "wrong without advice, where advice is wrong": (0.0, 3),
        "wrong without advice, where advice is right": (3 / 5, 5),
        "change in accuracy": (-1 / 8, 8),
        "change in accuracy, advice right": (1 / 5, 5),
        "change in accuracy, advice wrong": (-2 / 3, 3),
    }
    for measure, (value, n) in expected.items():
        assert values.loc[measure, "value"] == pytest.approx(value), measure
        assert values.loc[measure, "n"] == n, measure


@given(seed=st.integers(0, 10_000))
@settings(max_examples=6)
def test_invariants(seed: int) -> None:
    """Shares lie in [0, 1] inside their limits; complements add up; names and row order do not matter."""
    rng = np.random.default_rng(seed)
    readings = simulate(rng, readers=3, cases=24).readings
    found = analyse(readings)
    shares = found.reliance[~found.reliance["measure"].str.startswith("change in")].dropna()
    assert shares["value"].between(0, 1).all()
    assert (shares["low"] <= shares["value"] + 1e-12).all()
    assert (shares["high"] >= shares["value"] - 1e-12).all()
    assert shares["low"].ge(0).all()
    assert shares["high"].le(1).all()
    by_measure = {name: own.set_index("reader")["value"] for name, own in found.reliance.groupby("measure")}
    both = by_measure["changed to wrong advice"] + by_measure["stayed right against wrong advice"]
    assert both.dropna().to_numpy() == pytest.approx(1)
    again = analyse(readings.sample(frac=1, random_state=seed).reset_index(drop=True))
    for name in ("reader_comparisons", "reliance", "reader_metrics"):
        keys = [c for c in ("reader", "arm", "metric", "measure", "random") if c in getattr(found, name)]
        a, b = (getattr(x, name).sort_values(keys).reset_index(drop=True) for x in (found, again))
        pd.testing.assert_frame_equal(a, b, rtol=1e-8)


def test_specificity_loss_is_shown() -> None:
    readings = simulate(np.random.default_rng(1), Population(reliance=0, bias_sd=0), readers=5, cases=120).readings
    aided = readings["arm"] == "aided"
    # advice makes everybody call one more in five negatives positive
    flip = aided & (readings["truth"] == 0) & (np.arange(len(readings)) % 5 == 0)
    found = analyse(readings.assign(call=readings["call"].mask(flip, 1)))
    lost = row(found.reader_comparisons, reader="all", random="readers and cases", metric="specificity")
    assert lost["difference"] < -0.05
    assert lost["high"] < 0


def test_patients_with_several_cases_widen_intervals() -> None:
    readings = simulate(np.random.default_rng(5), readers=4, cases=60).readings
    twice = pd.concat([readings.assign(case_id=readings["case_id"] + f"-{k}") for k in "ab"], ignore_index=True)
    twice["patient_id"] = twice["case_id"].str[:-2]
    alone, doubled, blind = (
        analyse(table).reader_comparisons for table in (readings, twice, twice.drop(columns="patient_id"))
    )
    width = [
        (lambda r: r["high"] - r["low"])(row(table, reader="all", random="cases", metric="auc"))
        for table in (alone, doubled, blind)
    ]
    assert width[1] == pytest.approx(width[0], rel=0.03)  # doubling patients' cases adds nothing
    assert width[2] < 0.8 * width[0]


def test_degenerate_studies_have_named_errors_or_no_rows() -> None:
    readings = simulate(np.random.default_rng(5), readers=3, cases=30).readings
    one = analyse(readings[readings["reader"] == "S01"])
    made = one.reader_comparisons[one.reader_comparisons["reader"] == "all"].set_index(["metric", "random"])
    assert made["difference"].notna()[:, "cases"].all()
    for random in ("readers and cases", "readers"):
        assert made["difference"].isna()[:, random].all()
        assert made["method"][:, random].str.contains("not estimable: random readers need").all()
    everyone = one.reader_metrics[one.reader_metrics["reader"] == "all"]
    assert set(everyone["random"]) == {"cases"}
    with pytest.raises(TableError, match="before"):
        analyse(pd.concat([readings, readings.iloc[[0]]]))
    positives = analyse(readings[readings["truth"] == 1])
    assert positives.reader_comparisons["difference"].isna().all()
    assert positives.reader_comparisons["method"].str.contains("both classes").all()
    with pytest.raises(InputError, match="no readings"):
        analyse(readings.iloc[:0])
    assert (positives.reader_metrics["metric"] != "specificity").all()


def test_cells_that_are_no_calls_or_patients_are_named() -> None:
    readings = simulate(np.random.default_rng(5), readers=3, cases=30).readings
    for column in ("call", "advice"):
        with pytest.raises(TableError, match=rf"row 7, column '{column}': '0.5' is not a whole number"):
            analyse(readings.assign(**{column: readings[column].astype(float).mask(readings.index == 5, 0.5)}))
    patients = readings.assign(patient_id="P" + readings["case_id"].str[-1])
    with pytest.raises(TableError, match=r"row 42, column 'patient_id': 'Q' is another patient"):
        analyse(patients.assign(patient_id=patients["patient_id"].mask(patients.index == 40, "Q")))
    once = patients.assign(patient_id=patients["patient_id"].where(patients.index < 30, ""))  # said in one arm only
    pd.testing.assert_frame_equal(analyse(once).reader_comparisons, analyse(patients).reader_comparisons)


def test_tables_are_written_and_meet_their_contracts(tmp_path: Path) -> None:
    found = analyse(simulate(np.random.default_rng(5), readers=3, cases=40).readings)
    written = found.write(tmp_path)
    assert {path.stem for path in written} == {
        "reader_metrics", "reader_comparisons", "reliance", "reader_agreement", "reader_benefit", "reader_covariates",
        "reader_roc", "reader_confidence", "reader_standalone",
    }  # fmt: skip
    for path in written:
        tables.read(path, getattr(tables, path.stem.upper()))


def test_the_model_alone_is_compared_with_the_readers_of_each_arm() -> None:
    made = simulate(np.random.default_rng(5), readers=3, cases=40).readings
    known = made.assign(probability=made["probability"].mask(made["case_id"] == made["case_id"].iloc[0]))
    found = analyse(known)
    both = row(found.reader_standalone, arm="unaided", metric="auc", random="readers and cases")
    unaided = known[(known["arm"] == "unaided") & known["probability"].notna()].assign(score=known["confidence"])
    model = unaided.drop_duplicates("case_id").assign(reader="model", score=lambda table: table["probability"])
    table = pd.concat([unaided, model]).drop(columns="arm").rename(columns={"case_id": "case"})
    expected = standalone(table).difference
    assert (both["difference"], both["low"], both["p"]) == (expected.difference, expected.low, expected.p)
    assert both["n"] == 39
    alone = row(found.reader_metrics, reader="model", metric="auc")["value"]
    assert set(found.reader_standalone.query("metric == 'auc'")["model"]) == {alone}
    one = analyse(known[known["reader"] == known["reader"].iloc[0]]).reader_standalone
    assert one[one["random"] != "cases"]["method"].str.contains("two readers beside the model").all()
    assert one[one["random"] == "cases"]["difference"].notna().all()
    assert analyse(known.drop(columns=["probability", "advice"])).reader_standalone.empty
