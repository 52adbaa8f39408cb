"""Each table of the evaluation from one stratum's cases. Every number comes from :mod:`osteon.stats`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from math import nan

import numpy as np
import pandas as pd

from osteon import stats
from osteon.core.errors import NotEstimableError, TableError, suggest
from osteon.core.types import Comparison, Estimate, Floats
from osteon.results.evaluate.cases import Cases
from osteon.results.evaluate.locked import Locked
from osteon.study import Evaluation

Row = dict[str, object]


def _estimate(calculate: Callable[[], Estimate], n: int) -> Estimate:
    """The estimate, or nan with the reason in place of the method."""
    try:
        return calculate()
    except NotEstimableError as error:
        return _nothing(error, n)


def _nothing(error: NotEstimableError, n: int) -> Estimate:
    return Estimate(nan, nan, nan, _why_not(error), n)


def _why_not(error: NotEstimableError) -> str:
    reason = "one class" if "both classes are needed" in str(error) else str(error)
    return f"not estimable: {reason}"


def _row(found: Estimate, cases: Cases) -> Row:
    size = {"n": len(cases), "n_positive": int(cases.truth.sum())}
    return {"value": found.value, "low": found.low, "high": found.high, "method": found.method, **size}


def area(cases: Cases, model: str, level: float) -> Estimate:
    """The model's AUC, with DeLong's logit interval; clustered where patients have several cases."""
    truth, patients = cases.truth, cases.patients
    return _estimate(lambda: stats.delong_ci(truth, cases.of(model), level=level, clusters=patients), len(cases))


def precision(cases: Cases, model: str, level: float) -> Estimate:
    """The model's average precision, which the share of positives bounds from below; patients are resampled."""
    truth, patients = cases.truth, cases.patients
    return _estimate(
        lambda: stats.average_precision_ci(truth, cases.of(model), level=level, clusters=patients), len(cases)
    )


def difference(cases: Cases, a: str, b: str, level: float) -> Estimate:
    """The difference a - b of two AUCs as an estimate."""

    def calculate() -> Estimate:
        c = stats.delong_test(cases.truth, cases.of(a), cases.of(b), level=level, clusters=cases.patients)
        return Estimate(c.difference, c.low, c.high, c.method, c.n, c.se, c.level, "AUC difference")

    return _estimate(calculate, len(cases))


def metrics(cases: Cases, recalibrated: Cases, level: float) -> list[Row]:
    """AUC, average precision, and Brier score and calibration before and after recalibration, of every model."""
    rows: list[Row] = []
    for model in cases.models:
        rows.append({"model": model, "metric": "auc", **_row(area(cases, model, level), cases)})
        rows.append({"model": model, "metric": "average_precision", **_row(precision(cases, model, level), cases)})
        for suffix, scale in (("", cases), ("_recalibrated", recalibrated)):
            rows += [
                {"model": model, "metric": name + suffix, **_row(found, cases)}
                for name, found in calibration_measures(scale, model, level).items()
            ]
    return rows


def calibration_measures(cases: Cases, model: str, level: float) -> dict[str, Estimate]:
    """Brier score, calibration intercept and slope, observed over expected events, integrated calibration index."""
    truth, probability, patients, n = cases.truth, cases.of(model), cases.patients, len(cases)
    brier = _estimate(lambda: stats.brier(truth, probability, level=level, clusters=patients).score, n)
    try:
        found = stats.calibration(truth, probability, level=level, clusters=patients)
    except NotEstimableError as error:
        names = ("calibration_intercept", "calibration_slope", "observed_expected", "ici")
        return {"brier": brier, **dict.fromkeys(names, _nothing(error, n))}
    return {
        "brier": brier,
        "calibration_intercept": found.intercept,
        "calibration_slope": found.slope,
        "observed_expected": found.observed_expected,
        "ici": Estimate(found.ici, nan, nan, "Austin & Steyerberg 2019", n),
    }


def operating_points(cases: Cases, thresholds: Mapping[str, Mapping[str, float]], level: float) -> list[Row]:
    """What thresholds fixed on development give here: shares of cases, and the counts that they are of."""
    return [
        {"model": model, "rule": rule, "threshold": threshold, "metric": metric, **_row(found, cases)}
        for model in cases.models
        for rule, threshold in thresholds[model].items()
        for metric, found in at_threshold(cases, model, threshold, level).items()
    ]


def at_threshold(cases: Cases, model: str, threshold: float, level: float) -> dict[str, Estimate]:
    """Sensitivity, specificity, PPV, NPV and accuracy with Wilson intervals, by patients where they have several cases.

    Then the likelihood ratios of a positive and a negative call and the diagnostic odds ratio, and the counts: true and
    false positives (``tp``, ``fp``), true and false negatives.
    """
    positive = cases.truth == 1
    called = cases.of(model) >= threshold
    one_class = positive.all() or not positive.any()
    shares = {
        "sensitivity": (positive, called, "one class"),
        "specificity": (~positive, ~called, "one class"),
        "ppv": (called, positive, "no case is called positive"),
        "npv": (~called, ~positive, "no case is called negative"),
        "accuracy": (np.ones_like(positive), called == positive, "no case"),
    }
    counts = {"tp": called & positive, "fp": called & ~positive, "tn": ~called & ~positive, "fn": ~called & positive}

    def share(name: str) -> Estimate:
        of, hit, reason = shares[name]
        if np.isnan(threshold):
            raise NotEstimableError("no threshold could be fixed on development")
        # In a centre with one class these only repeat which class it is, or what another share says.
        if one_class and name in ("ppv", "npv", "accuracy"):
            raise NotEstimableError("one class")
        if not of.any():
            raise NotEstimableError(reason)
        return stats.proportion_ci(hit[of], level=level, clusters=cases.patients[of], name=name)

    def ratio(name: str) -> Estimate:
        if np.isnan(threshold):
            raise NotEstimableError("no threshold could be fixed on development")
        found = stats.likelihood_ratios(cases.truth, cases.of(model), threshold, level=level, clusters=cases.patients)
        return {"lr_positive": found.positive, "lr_negative": found.negative, "odds_ratio": found.odds_ratio}[name]

    def count(name: str) -> Estimate:
        if np.isnan(threshold):
            raise NotEstimableError("no threshold could be fixed on development")
        return Estimate(float(counts[name].sum()), nan, nan, "count", len(cases))

    return {
        **{name: _estimate(partial(share, name), len(cases)) for name in shares},
        **{name: _estimate(partial(ratio, name), len(cases)) for name in ("lr_positive", "lr_negative", "odds_ratio")},
        **{name: _estimate(partial(count, name), len(cases)) for name in counts},
    }


def roc(cases: Cases) -> list[pd.DataFrame]:
    """The corners of every model's ROC curve; points on a straight line between two others are left out."""
    frames = []
    for model in cases.models:
        try:
            curve = stats.roc_curve(cases.truth, cases.of(model))
        except NotEstimableError:
            continue
        x, y = 1 - curve.specificity, curve.sensitivity
        turn = np.abs(np.diff(x)[:-1] * np.diff(y)[1:] - np.diff(y)[:-1] * np.diff(x)[1:]) > 1e-15
        corner = np.concatenate([[True], turn, [True]])
        frames.append(pd.DataFrame({"model": model, "false_positive_rate": x[corner], "sensitivity": y[corner]}))
    return frames


def calibration(cases: Cases, recalibrated: Cases, level: float) -> list[pd.DataFrame]:
    """Smooth calibration curves of every model, before and after recalibration."""
    frames = []
    for model in cases.models:
        for scale, given in (("raw", cases), ("recalibrated", recalibrated)):
            try:
                found = stats.calibration(given.truth, given.of(model), level=level, clusters=given.patients)
            except NotEstimableError:
                continue
            frames.append(found.curve.to_frame().assign(model=model, scale=scale))
    return frames


def decision(recalibrated: Cases, thresholds: Floats, level: float) -> list[pd.DataFrame]:
    """Net benefit of every model's recalibrated probabilities, and of treating all and none.

    A threshold *probability* means something only to probabilities that can be taken at their word.
    """
    if len(np.unique(recalibrated.truth)) < 2:
        return []
    truth, patients = recalibrated.truth, recalibrated.patients
    try:
        curves = {
            model: stats.net_benefit(truth, recalibrated.of(model), thresholds, level=level, clusters=patients)
            for model in recalibrated.models
        }
    except NotEstimableError:  # one patient only
        return []
    frames = [
        curve.to_frame()[["threshold", "net_benefit", "low", "high"]].assign(model=model)
        for model, curve in curves.items()
    ]
    every = next(iter(curves.values()))
    everyone = {"net_benefit": every.treat_all, "low": every.treat_all_low, "high": every.treat_all_high}
    frames.append(pd.DataFrame({"threshold": thresholds, **everyone, "model": "treat all"}))
    nobody = {"net_benefit": 0.0, "low": 0.0, "high": 0.0}
    frames.append(pd.DataFrame({"threshold": thresholds, **nobody, "model": "treat none"}))
    return frames


def comparisons(cases: Cases, primary: tuple[str, str], level: float) -> pd.DataFrame:
    """All pairs by DeLong's paired test: the primary pair first and unadjusted, the others with Holm's p values."""
    models = list(dict.fromkeys([*primary, *cases.models]))
    try:
        found = stats.delong_pairs(
            cases.truth, {model: cases.of(model) for model in models}, level=level, clusters=cases.patients
        )
    except NotEstimableError as error:
        nothing = Comparison(nan, nan, nan, nan, nan, nan, _why_not(error), len(cases))
        found = dict.fromkeys(combinations(models, 2), nothing)
    rows = [
        {"model_a": a, "model_b": b, "primary": (a, b) == primary}
        | {name: getattr(c, name) for name in ("difference", "low", "high", "se", "z", "p", "method")}
        for (a, b), c in found.items()
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(p_holm=stats.holm(frame["p"].where(~frame["primary"]))) if rows else frame


def contrast(
    cases: Cases, recalibrated: Cases, locked: Locked, settings: Evaluation, pair: tuple[str, str], seed: int
) -> list[Row]:
    """The primary pair, a - b, beyond its AUCs; nothing where there is one model only.

    Sensitivity and specificity at the thresholds locked on development, by McNemar's test; sensitivity at one and the
    same specificity, read from each model's own curve; and the net benefit of recalibrated probabilities when all
    above the development prevalence are treated.
    """
    a, b = pair
    if a == b:
        return []
    positive, patients, level = cases.truth == 1, cases.patients, settings.level

    def at_threshold(of: np.ndarray, rule: str) -> Comparison:
        if positive.all() or not positive.any():
            raise NotEstimableError("one class")
        if np.isnan([locked.thresholds[m][rule] for m in pair]).any():
            raise NotEstimableError("no threshold could be fixed on development")
        right = [(cases.of(m)[of] >= locked.thresholds[m][rule]) == positive[of] for m in pair]
        return stats.mcnemar_test(*right, level=level, clusters=patients[of])

    def at_specificity() -> Comparison:
        return stats.compare_sensitivity(
            cases.truth, cases.of(a), cases.of(b), specificity=settings.specificity, level=level,
            resamples=settings.bootstrap, clusters=patients, rng=seed,
        )  # fmt: skip

    def benefit() -> Comparison:
        if not 0 < locked.prevalence < 1:
            raise NotEstimableError("one class in development")
        return stats.net_benefit_difference(
            recalibrated.truth,
            recalibrated.of(a),
            recalibrated.of(b),
            locked.prevalence,
            level=level,
            clusters=patients,
        )

    measured: dict[str, Callable[[], Comparison]] = {
        f"{name} ({rule})": partial(at_threshold, of, rule)
        for rule in locked.thresholds[a]
        for name, of in (("sensitivity", positive), ("specificity", ~positive))
    }
    measured[f"sensitivity at specificity {settings.specificity:g}"] = at_specificity
    measured[f"net benefit at {locked.prevalence:.2f}"] = benefit
    rows: list[Row] = []
    for metric, calculate in measured.items():
        try:
            found = calculate()
        except NotEstimableError as error:
            found = Comparison(nan, nan, nan, nan, nan, nan, _why_not(error), len(cases))
        values = {name: getattr(found, name) for name in ("difference", "low", "high", "p", "method", "n")}
        rows.append({"model_a": a, "model_b": b, "metric": metric, **values})
    return rows


def seeds(cases: Cases, by_seed: Mapping[str, Mapping[int, Floats]], keep: np.ndarray) -> list[Row]:
    """How far the AUCs of a model's training seeds lie apart; `keep` picks the stratum among all cases."""
    rows: list[Row] = []
    for model, runs in by_seed.items():
        try:
            each = np.array([stats.auc(cases.truth, values[keep]) for values in runs.values()])
            averaged = stats.auc(cases.truth, cases.of(model))
        except NotEstimableError:
            each, averaged = np.full(len(runs), nan), nan
        spread = {"mean": each.mean(), "sd": each.std(ddof=1), "least": each.min(), "greatest": each.max()}
        rows.append({"model": model, "metric": "auc", "seeds": len(runs), **spread, "averaged": averaged})
    return rows


def subgroups(cases: Cases, groups: pd.DataFrame, youden: Mapping[str, float], level: float) -> list[Row]:
    """AUC, sensitivity and specificity (at Youden's threshold) in each level of each variable.

    Args:
        cases: The stratum.
        groups: One column a variable, the level of each case as text; "" where it is not known.
        youden: Model to its locked threshold.
        level: Confidence level.

    Returns:
        Rows with `p_interaction`: whether the metric differs between the levels.
    """
    rows: list[Row] = []
    for model in cases.models:
        for variable in map(str, groups):
            for metric in ("auc", "sensitivity", "specificity"):
                if metric != "auc" and np.isnan(youden[model]):
                    continue
                try:
                    found = stats.subgroups(
                        cases.truth,
                        cases.of(model),
                        groups[variable].to_numpy(),
                        figure=metric,
                        threshold=youden[model],
                        level=level,
                        clusters=cases.patients,
                    )
                except NotEstimableError:
                    continue  # one class in the whole stratum: its metrics say so
                rows += [
                    {"model": model, "variable": variable, "level": name, "metric": metric, **_of_level(found, name)}
                    for name in found.estimates
                ]
    return rows


def _of_level(found: stats.Subgroups, name: str) -> Row:
    estimate, n_positive = found.estimates[name], found.n_positive[name]
    known = estimate.value == estimate.value
    method = estimate.method if known else _nothing(NotEstimableError(estimate.method), estimate.n).method
    limits = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "method": method}
    return {**limits, "n": estimate.n, "n_positive": n_positive, "p_interaction": found.p_interaction}


def subgroup_levels(cohort: pd.DataFrame, development: pd.Series, variables: tuple[str, ...]) -> pd.DataFrame:
    """Each case's subgroup by variable; numbers are cut at the development median.

    Args:
        cohort: One row a case, in the order of the cases.
        development: (n,) whether a case is of the development centres.
        variables: Columns of the cohort.

    Raises:
        TableError: A variable that the cohort does not have.
    """
    out = {}
    for name in variables:
        if name not in cohort:
            raise TableError(
                "evaluation.subgroups names a column the cohort lacks",
                file="cohort",
                column=name,
                fix=suggest(name, map(str, cohort.columns)),
            )
        text = cohort[name].astype("object").where(cohort[name].notna(), "").astype(str).str.strip()
        values = pd.to_numeric(text.where(text != ""), errors="coerce")
        if values.notna().sum() < (text != "").sum() or values.nunique() <= 2:
            out[name] = text
            continue
        middle = values[development].median()
        cut = np.where(values <= middle, f"<= {middle:g}", f"> {middle:g}")
        out[name] = pd.Series(cut, index=text.index).where(values.notna(), "")
    return pd.DataFrame(out, index=cohort.index)
