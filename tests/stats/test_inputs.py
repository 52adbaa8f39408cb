"""What cannot be read as numbers, labels or patients is a named error in every function, and never another number."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from osteon import stats
from osteon.core.errors import InputError, NotEstimableError, OsteonError
from osteon.core.types import Estimate
from osteon.stats import inputs

Y = [0, 1, 0, 1, 1, 0, 1, 0]
P = [0.2, 0.7, 0.4, 0.3, 0.9, 0.1, 0.6, 0.5]
Q = [0.3, 0.6, 0.2, 0.5, 0.8, 0.4, 0.7, 0.1]


def with_first(first: object, rest: list[float] = P) -> list[object]:
    return [first, *rest[1:]]


#: What each is refused as, in place of eight scores.
NO_SCORES: dict[str, object] = {
    "a masked value": np.ma.array(P, mask=[1] + [0] * 7),
    "masked in a list": with_first(np.ma.masked),
    "a date": np.array(["2020-01-01"] * 8, dtype="M8[D]"),
    "no date": np.array(["NaT"] * 8, dtype="M8[ns]"),
    "a duration": np.array([1] * 8, dtype="m8[s]"),
    "a timestamp": pd.Series(pd.to_datetime(["2020-01-01"] * 8).tz_localize("UTC")),
    "complex": np.array(P) + 0j,
    "a complex object": np.array(with_first(1j), dtype=object),
    "beyond 2^53": np.array([2**53 + 1, *range(7)]),
    "below -2^53": np.array([-(2**63), *range(7)]),
    "unsigned": np.array([2**63, *range(7)], dtype=np.uint64),
    "beyond 2^53 among decimals": with_first(2**60),
    "beyond float64": with_first(10**400),
    "decimals that float64 merges": [Decimal(1), Decimal("1." + 29 * "0" + "1"), *range(6)],
    "fractions that float64 merges": [Fraction(1, 3), Fraction(10**30, 3 * 10**30 + 1), *range(6)],
    "a decimal beyond float64": with_first(Decimal("1e400")),
    "text": [str(p) for p in P],
    "text among numbers": with_first("0.2"),
    "bytes": np.array([b"1"] * 8),
    "a record": np.zeros(8, dtype="f8,f8"),
    "words in categories": pd.Categorical(list("abababab")),
    "a missing value": with_first(None),
    "pandas' NA": pd.array(with_first(pd.NA), dtype="Float64"),
    "nan": with_first(np.nan),
    "a decimal nan": with_first(Decimal("nan")),
    "a generator": (p for p in P),
    "a dict": dict.fromkeys(P),
    "a set": set(P),
    "nothing": None,
    "one number": 0.5,
    "one text": "01010101",
    "two dimensions": np.array(P).reshape(2, 4),
    "one column": np.array(P)[:, None],
    "rows of different lengths": [[1, 2], [3]] * 4,
    "too few": P[:7],
    "none": [],
    "an array of arrays": np.array([np.arange(2), *P[1:]], dtype=object),
}


def two_readers(s: object) -> object:
    if isinstance(s, list) and len(s) == 8:
        return [[one, place] for place, one in enumerate(s)]
    return np.ma.column_stack([s, s]) if isinstance(s, np.ndarray) and s.shape == (8,) else s


#: Every public function that takes scores, as a function of one of them.
TAKE_SCORES: dict[str, Callable[[object], object]] = {
    "auc": lambda s: stats.auc(Y, s),
    "roc_curve": lambda s: stats.roc_curve(Y, s),
    "partial_auc": lambda s: stats.partial_auc(Y, s),
    "partial_auc_ci": lambda s: stats.partial_auc_ci(Y, s, resamples=5),
    "delong_ci": lambda s: stats.delong_ci(Y, s),
    "delong_covariance": lambda s: stats.delong_covariance(Y, {"a": P, "b": s}),
    "delong_pairs": lambda s: stats.delong_pairs(Y, {"a": P, "b": s}),
    "delong_test": lambda s: stats.delong_test(Y, P, s),
    "delong_test_unpaired": lambda s: stats.delong_test_unpaired(Y, P, Y, s),
    "bootstrap_ci": lambda s: stats.bootstrap_ci(Y, s, resamples=5),
    "bootstrap_test": lambda s: stats.bootstrap_test(Y, P, s, resamples=5),
    "compare_sensitivity": lambda s: stats.compare_sensitivity(Y, P, s, specificity=0.5, resamples=5),
    "permutation_test": lambda s: stats.permutation_test(Y, P, s, permutations=5),
    "average_precision": lambda s: stats.average_precision(Y, s),
    "average_precision_ci": lambda s: stats.average_precision_ci(Y, s, resamples=5),
    "likelihood_ratios": lambda s: stats.likelihood_ratios(Y, s, 0.5),
    "roc_band": lambda s: stats.roc_band(Y, s, resamples=5),
    "venkatraman_test": lambda s: stats.venkatraman_test(Y, P, s, permutations=5),
    "operating_point": lambda s: stats.operating_point(Y, s, 0.5),
    "subgroups": lambda s: stats.subgroups(Y, s, list("aabbaabb")),
    "calibration": lambda s: stats.calibration(Y, s),
    "brier": lambda s: stats.brier(Y, s),
    "expected_calibration_error": lambda s: stats.expected_calibration_error(Y, s),
    "platt": lambda s: stats.platt(Y, s),
    "isotonic": lambda s: stats.isotonic(Y, s),
    "net_benefit": lambda s: stats.net_benefit(Y, s, [0.5]),
    "net_benefit_difference": lambda s: stats.net_benefit_difference(Y, P, s, 0.5),
    "interventions_avoided": lambda s: stats.interventions_avoided(Y, s, [0.5]),
    "net_reclassification": lambda s: stats.net_reclassification(Y, P, s),
    "subgroup_gaps": lambda s: stats.subgroup_gaps(Y, s, ["a", "b"] * 4),
    "bland_altman": lambda s: stats.bland_altman(P, s),
    "closed_test": lambda s: stats.closed_test(Y, s),
    "conformal": lambda s: stats.conformal(Y, s),
    "selective": lambda s: stats.selective(Y, s, 0.5, [0.5]),
    # truths and outcomes
    "auc truth": lambda s: stats.auc(s, P),
    "net_benefit truth": lambda s: stats.net_benefit(s, P),
    "mcnemar_test": lambda s: stats.mcnemar_test(Y, s),
}
#: Those to which a list of another length, or of one, is no error of its own, or that take words.
ANY_LENGTH = {"a missing value", "nan", "too few", "a decimal nan", "masked in a list", "pandas' NA", "a masked value"}
TAKE_VALUES: dict[str, Callable[[object], object]] = {
    "proportion_ci": lambda s: stats.proportion_ci(s),
    "icc": lambda s: stats.icc(two_readers(s)),
    "pool_values": lambda s: stats.pool_values(s, P),
    "pool_values errors": lambda s: stats.pool_values(P, s),
    "holm": lambda s: stats.holm(s),
    "net_benefit thresholds": lambda s: stats.net_benefit(Y, P, s),
    "multiclass_auc": lambda s: stats.multiclass_auc(Y, s),
    "multiclass_calibration": lambda s: stats.multiclass_calibration(Y, s),
}


@pytest.mark.parametrize("what", NO_SCORES)
@pytest.mark.parametrize("function", TAKE_SCORES)
def test_no_scores_are_a_named_error(function, what):
    given = NO_SCORES[what]
    if inspect.isgenerator(given):
        given = (p for p in P)
    with pytest.raises(OsteonError) as raised:
        TAKE_SCORES[function](given)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "what", [w for w in NO_SCORES if w not in ANY_LENGTH | {"one number", "none", "nothing", "two dimensions"}]
)
@pytest.mark.parametrize("function", TAKE_VALUES)
def test_no_values_are_a_named_error(function, what):
    given = NO_SCORES[what]
    if inspect.isgenerator(given):
        given = (p for p in P)
    with pytest.raises(OsteonError):
        TAKE_VALUES[function](given)


def test_every_function_is_held_to_this():
    named = {name.split()[0] for name in (*TAKE_SCORES, *TAKE_VALUES)}
    others = {
        "benjamini_hochberg", "clopper_pearson_ci", "wilson_ci", "equivalence", "noninferiority", "fleiss_kappa",
        "gwet_ac1", "kappa", "krippendorff_alpha", "pool", "obuchowski_rockette", "dorfman_berbaum_metz", "mrmc_power",
        "mrmc_sample_size", "reader_covariate", "standalone", "paired_auc_power", "paired_auc_sample_size",
        "validation_sample_size", "stratified_auc", "stratified_test",
        "instability",
    }  # fmt: skip
    functions = {name for name in stats.__all__ if inspect.isfunction(getattr(stats, name))}
    assert functions - named - others <= {"lroc_ci", "lroc_scores"}, "another function: hold it to the same"


SAME_SCORES = {
    "pandas": pd.Series(P),
    "nullable": pd.array(P, dtype="Float64"),
    "an unmasked masked array": np.ma.array(P),
    "decimals": [Decimal(str(p)) for p in P],
    "fractions": [Fraction(str(p)) for p in P],
    "long doubles": np.array(P, dtype=np.longdouble),
    "objects": np.array(P, dtype=object),
    "whole numbers up to 2^53": [2**53 - 10 + round(10 * p) for p in P],
    "numbers in categories": pd.Categorical(P),
    "subnormal": np.array(P) * 1e-310,
    "huge": np.array(P) * 1e300,
    "half precision": np.array(P, dtype=np.float16),
}


@pytest.mark.parametrize("what", SAME_SCORES)
def test_what_is_a_number_is_read(what):
    assert stats.auc(Y, SAME_SCORES[what]) == stats.auc(Y, P)
    assert stats.delong_ci(Y, SAME_SCORES[what]) == stats.delong_ci(Y, P)


def test_truths_in_every_form():
    for truth in (np.array(Y) == 1, np.array(Y, dtype=object), pd.array(Y, dtype="Int64"), pd.array(Y, dtype="boolean"),
                  np.array([bool(y) for y in Y], dtype=object), np.float32(Y), [Decimal(y) for y in Y]):  # fmt: skip
        assert stats.auc(truth, P) == stats.auc(Y, P)


PATIENTS = {
    "nan among names": ["a", np.nan, np.nan, "b", "b", "c", "c", "d"],
    "blanks": ["a", " ", "", "b", "b", "c", "c", "d"],
    "an array that numpy made text": np.array(["a", np.nan, np.nan, "b", "b", "c", "c", "d"]),
    "masked": np.ma.array(list("aeebbccd"), mask=[0, 1, 1, 0, 0, 0, 0, 0]),
    "masked numbers": np.ma.array([1, 5, 5, 2, 2, 3, 3, 4], mask=[0, 1, 1, 0, 0, 0, 0, 0]),
    "NaT": [pd.Timestamp("2020"), pd.NaT, pd.NaT, 2, 2, 3, 3, 4],
    "NA": pd.array([1, None, None, 2, 2, 3, 3, 4], dtype="Int64"),
    "decimals": [1, np.nan, np.nan, 2, 2, 3, 3, 4],
    "whole numbers beyond 2^53": [2**60, 2**60 + 1, 2**60 + 2, 2, 2, 3, 3, 4],
    "the same beside a decimal": [2**60, 2**60 + 1, 2**60 + 2, 2.5, 2.5, 3, 3, 4],
}


@pytest.mark.parametrize("what", PATIENTS)
def test_a_missing_patient_is_one_of_its_own(what):
    expected = stats.delong_ci(Y, P, clusters=[1, 11, 12, 2, 2, 3, 3, 4])
    assert stats.delong_ci(Y, P, clusters=PATIENTS[what]) == expected


@pytest.mark.parametrize(
    "patients",
    [
        [float(2**60)] * 8, np.full(8, 1e17), [[1], [2]] * 4, "aabbccdd", (c for c in "aabbccdd"), {1, 2}, 3, P[:7],
        np.array([[1], {}, *range(6)], dtype=object),
    ],
)  # fmt: skip
def test_patients_that_cannot_be_told_apart_are_an_error(patients):
    with pytest.raises(InputError, match="clusters"):
        stats.delong_ci(Y, P, clusters=patients)


def test_ratings_that_are_missing_or_written_in_two_ways_are_errors():
    words = ["yes", "no"] * 4
    assert stats.kappa(words, words[::-1]).value == -1
    for other in (["yes", np.nan] * 4, ["yes", " "] * 4, np.array(["yes", np.nan] * 4),
                  np.ma.array(words, mask=[1] + [0] * 7)):  # fmt: skip
        with pytest.raises(InputError, match="a rating is missing"):
            stats.kappa(words, other)
        with pytest.raises(InputError, match="a rating is missing"):
            stats.fleiss_kappa(two_readers(other))
    with pytest.raises(InputError, match="numbers and some are not"):
        stats.kappa([1, 2, 1], ["1", "2", "1"])
    with pytest.raises(InputError, match="named twice"):
        stats.kappa([1, 2, 1], [1, 2, 2], categories=[1, 2, 2])
    with pytest.raises(InputError, match="y_true is missing at position 1"):
        stats.multiclass_auc(["a", np.nan, "b", "b"], np.eye(2)[[0, 0, 1, 1]])


def test_subgroups_are_named_as_they_were_written():
    sparse = pd.Series([1, 1, 2, 2, 2, 1, 1, None])  # pandas makes decimals of whole numbers beside a gap
    assert list(stats.subgroups(Y, P, sparse).estimates) == ["1", "2", "missing"]
    assert "missing" in stats.subgroups(Y, P, ["a"] * 6 + [np.nan, np.nan]).estimates


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True, np.nan, [1]])
def test_a_seed_is_a_whole_number_from_0(seed):
    calls = [
        lambda: stats.bootstrap_ci(Y, P, resamples=5, rng=seed),
        lambda: stats.bootstrap_test(Y, P, Q, resamples=5, rng=seed),
        lambda: stats.permutation_test(Y, P, Q, permutations=5, rng=seed),
        lambda: stats.partial_auc_ci(Y, P, resamples=5, rng=seed),
        lambda: stats.compare_sensitivity(Y, P, Q, specificity=0.5, resamples=5, rng=seed),
    ]
    for call in calls:
        with pytest.raises(InputError, match="the seed is"):
            call()


NO_SETTING = ["a", None, 1j, np.ma.masked, np.nan, np.array([0.5, 0.5]), np.datetime64("NaT"), True]


@pytest.mark.parametrize("odd", NO_SETTING, ids=repr)
def test_settings_are_numbers(odd):
    found = stats.delong_test(Y, P, Q)
    calls = [
        lambda: stats.delong_ci(Y, P, level=odd), lambda: stats.mcnemar_test(Y, Y, level=odd),
        lambda: stats.delong_pairs(Y, {"a": P, "b": P}, level=odd), lambda: stats.kappa(Y, Y, level=odd),
        lambda: stats.operating_point(Y, P, odd), lambda: stats.net_benefit_difference(Y, P, Q, odd),
        lambda: stats.subgroups(Y, P, Y, figure="sensitivity", threshold=odd),
        lambda: stats.wilson_ci(odd, 3), lambda: stats.wilson_ci(1, odd),
        lambda: stats.noninferiority(found, odd), lambda: stats.compare_sensitivity(Y, P, Q, specificity=odd),
        lambda: stats.partial_auc(Y, P, low=odd), lambda: stats.calibration(Y, P, bins=odd),
        lambda: stats.bland_altman(P, Q, coverage=odd), lambda: stats.bootstrap_ci(Y, P, method=odd),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: stats.wilson_ci(5, np.inf),
        lambda: stats.wilson_ci(-1, 3),
        lambda: stats.clopper_pearson_ci(1, -3),
        lambda: stats.delong_covariance(Y, {}),
        lambda: stats.delong_covariance(Y, pd.DataFrame([[1, 2]] * 8, columns=["a", "a"])),
        lambda: stats.pool([0.8, 0.9]),
        lambda: stats.pool([Estimate(-0.1, -0.2, 0.1, "", 9, 0.1), Estimate(0.1, 0.0, 0.2, "", 9, 0.1)]),
        lambda: stats.pool_values([0.1, 0.2], [-0.1, 0.2]),
        lambda: stats.noninferiority(0.1, 0.05),
        lambda: stats.calibration(Y, P, knots=7),
        lambda: stats.calibration(Y, P, points=1),
        lambda: stats.bootstrap_ci(Y, P, statistic=0.5),
        lambda: stats.roc_curve(Y, P).sensitivity_at(1.5),
        lambda: stats.roc_curve(Y, P).sensitivity_at(None),
        lambda: stats.isotonic(Y, P).apply([0.5, np.nan]),
        lambda: stats.platt(Y, P).apply(["0.5"]),
        lambda: stats.net_benefit(Y, P, [[0.1, 0.2]]),
        lambda: stats.multiclass_auc([1, 2, 1, 2], np.eye(2)[[0, 1, 0, 1]], classes=[1, 1]),
    ],
)
def test_what_makes_no_sense_is_an_error(call):
    with pytest.raises(InputError):
        call()


def test_a_statistic_that_is_no_number_in_a_resample_is_not_estimable():
    def fragile(truth, score):
        return float("nan") if np.unique(score).size < 6 else 1.0

    with pytest.raises(NotEstimableError, match=r"no finite number in \d+ of 50 resamples"):
        stats.bootstrap_ci(Y, P, statistic=fragile, resamples=50)


def test_decimals_that_rounding_missed():
    for meant, given in ((0.3, 0.1 + 0.2), (0.1, 1 - 0.9), (0.001, 1 - 0.999), (123.45, 123.45000000000002)):
        assert meant != given
        assert inputs.decimal(given) == meant
    for left in (1 / 3, 2 / 3, 1e-20, 0.0, np.inf, -np.inf, 1e300, 0.3 + 1e-12):
        assert inputs.decimal(left) == left
