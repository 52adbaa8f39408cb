"""Perturbed predictions -> spread of a case, flipped calls, loss of AUC, and which model is steadier.

Cases are the unit of every interval and test; repeats of one case are never counted as cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import nan, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm, wilcoxon

from osteon import stats, tables
from osteon.errors import NotEstimableError, TableError
from osteon.evaluate.cases import Cases, gather, strata
from osteon.study import Study
from osteon.types import Floats

_SPREADS = ("sd", "range", "flip_rate")
#: The strength that models are compared at: all changes of the box, averaged.
ALL_BOXES = "all box changes"
_BOX_KINDS = ("shift", "scale", "aspect", "combined")


@dataclass(frozen=True)
class Robustness:
    """The tables of a perturbation study.

    Attributes:
        robustness: By model, stratum, kind and grade: sd, range, flip_rate, auc, auc_loss, icc.
        robustness_comparisons: Pairs of models, a - b, over all changes of the box.
        robustness_cases: By model and case over all changes of the box: sd, range, flip_rate.
    """

    robustness: pd.DataFrame
    robustness_comparisons: pd.DataFrame
    robustness_cases: pd.DataFrame

    def write(self, folder: Path) -> list[Path]:
        """Write every table, each atomically, and return the paths."""
        paths = []
        for name in ("robustness", "robustness_comparisons", "robustness_cases"):
            paths.append(folder / f"{name}.csv")
            tables.write(getattr(self, name), paths[-1], getattr(tables, name.upper()))
        return paths


@dataclass(frozen=True)
class _Repeats:
    """One model under one change: (n, r) probabilities beside the (n,) undisturbed ones."""

    drawn: Floats
    perturbed: Floats
    threshold: float

    def of_case(self) -> dict[str, Floats]:
        """Spread of each case over its repeats, and the share of repeats that fall on the other side."""
        flipped = (self.perturbed >= self.threshold) != (self.drawn >= self.threshold)[:, None]
        some = self.perturbed.shape[1] > 1
        return {
            "sd": self.perturbed.std(axis=1, ddof=1) if some else np.full(len(self.drawn), nan),
            "range": np.ptp(self.perturbed, axis=1) if some else np.full(len(self.drawn), nan),
            "flip_rate": flipped.mean(axis=1) if not np.isnan(self.threshold) else np.full(len(self.drawn), nan),
        }


def robustness(
    perturbed: pd.DataFrame, predictions: pd.DataFrame, operating_points: pd.DataFrame, study: Study
) -> Robustness:
    """Evaluate perturbed predictions of external cases.

    Args:
        perturbed: Meets ``tables.PERTURBED``; every model has the same cases, kinds, grades and repeats.
        predictions: Meets ``tables.PREDICTIONS``: the undisturbed probabilities.
        operating_points: Meets ``tables.OPERATING_POINTS``: Youden's threshold, fixed on development.
        study: Gives level, number of bootstrap samples, seed and the primary pair.

    Returns:
        The tables.

    Raises:
        TableError: A model lacks rows that another has.
    """
    cases, _ = gather(predictions, study)
    cases = cases.where(cases.about["case_id"].isin(perturbed["case_id"].unique()))
    youden = operating_points[operating_points["rule"] == "youden"].groupby("model")["threshold"].first()
    models = [model for model in cases.models if model in set(perturbed["model"])]
    cubes = {
        (str(model), str(kind), float(grade)): _cube(rows, cases, f"{model}, {kind} {grade:g}")  # type: ignore[arg-type]
        for (model, kind, grade), rows in perturbed.groupby(["model", "kind", "grade"], sort=False)
    }
    changes = list(dict.fromkeys((kind, grade) for _, kind, grade in cubes))
    of_case = {
        key: _Repeats(cases.of(key[0]), cube, float(youden.get(key[0], nan))).of_case() for key, cube in cubes.items()
    }
    boxes = [change for change in changes if change[0] in _BOX_KINDS]
    overall = {
        model: {name: np.mean([of_case[model, *change][name] for change in boxes], axis=0) for name in _SPREADS}
        for model in models
        if boxes
    }
    rows, pairs = [], []
    for stratum, part in strata(cases, study):
        if stratum == "development":
            continue
        keep = np.isin(cases.about["case_id"], part.about["case_id"])
        resampling = _Resampling(part, study)
        size = {"stratum": stratum, "n": len(part), "n_positive": int(part.truth.sum())}
        for (model, kind, grade), cube in cubes.items():
            found = {name: resampling.mean(of_case[model, kind, grade][name][keep]) for name in _SPREADS}
            found |= _areas(part, part.of(model), cube[keep], study.evaluation.level)
            rows += [
                {"model": model, "kind": kind, "grade": grade, "metric": metric, **size}
                | dict(zip(("value", "low", "high", "method"), values, strict=True))
                for metric, values in found.items()
            ]
        within = {model: {name: values[keep] for name, values in each.items()} for model, each in overall.items()}
        pairs.append(_pairs(within, resampling, study).assign(stratum=stratum))
    return Robustness(
        tables.conform(pd.DataFrame(rows), tables.ROBUSTNESS),
        tables.conform(pd.concat(pairs, ignore_index=True), tables.ROBUSTNESS_COMPARISONS),
        _of_cases(overall, cases),
    )


def _cube(rows: pd.DataFrame, cases: Cases, what: str) -> Floats:
    """(n, repeats) probabilities in the order of the cases."""
    wide = rows.pivot_table(index="case_id", columns="repeat", values="probability", aggfunc="first")
    wide = wide.reindex(cases.about["case_id"])
    if wide.isna().to_numpy().any():
        missing = wide.index[wide.isna().any(axis=1)][0]
        raise TableError(f"case '{missing}' lacks repeats of {what}", file="perturbed.parquet")
    return wide.to_numpy(dtype=np.float64)


class _Resampling:
    """One set of patient resamples, shared by every model, so that differences are paired."""

    def __init__(self, cases: Cases, study: Study) -> None:
        patients = np.where(cases.patients == "", cases.about["case_id"], cases.patients)
        self._members, self._patient = np.unique(patients, return_inverse=True)
        rng = np.random.default_rng(study.study.seed)
        count = len(self._members)
        self._weights = rng.multinomial(count, np.full(count, 1 / count), size=study.evaluation.bootstrap)
        self._sizes = np.bincount(self._patient)
        self._tails = [(1 - study.evaluation.level) / 2, (1 + study.evaluation.level) / 2]
        self.method = f"percentile bootstrap of patients, {study.evaluation.bootstrap} resamples"

    def of_patients(self, values: Floats) -> Floats:
        """Mean of each patient's cases."""
        return np.asarray(np.bincount(self._patient, weights=values) / self._sizes)

    def mean(self, values: Floats) -> tuple[float, float, float, str]:
        """Mean over cases with its interval."""
        if np.isnan(values).any():
            return nan, nan, nan, "not estimable: one repeat, or no threshold"
        low, high = np.quantile(self._means(values), self._tails)
        return float(values.mean()), float(low), float(high), self.method

    def _means(self, values: Floats) -> Floats:
        sums = np.bincount(self._patient, weights=values)
        return np.asarray((self._weights @ sums) / (self._weights @ self._sizes))


def _areas(cases: Cases, drawn: Floats, perturbed: Floats, level: float) -> dict[str, tuple[float, float, float, str]]:
    """AUC under the change (mean over repeats), AUC lost, and the ICC of repeats.

    The mean of r AUCs and its difference from the undisturbed one are linear in r + 1 AUCs, so that DeLong's covariance
    matrix of them gives their standard errors exactly, by patients where they have several cases.
    """
    z = float(norm.ppf((1 + level) / 2))
    found: dict[str, tuple[float, float, float, str]] = {}
    repeats = perturbed.shape[1]
    try:
        areas, covariance = stats.delong_covariance(
            cases.truth, np.vstack([drawn, perturbed.T]), clusters=cases.patients
        )
        for name, weights in (
            ("auc", np.r_[0.0, np.full(repeats, 1 / repeats)]),
            ("auc_loss", np.r_[1.0, np.full(repeats, -1 / repeats)]),
        ):
            value, se = float(weights @ areas), sqrt(max(float(weights @ covariance @ weights), 0.0))
            low, high = (value - z * se, value + z * se)
            if name == "auc":
                low, high = max(low, 0.0), min(high, 1.0)
            found[name] = (value, low, high, f"DeLong, mean of {repeats} AUCs")
    except NotEstimableError as error:
        found |= dict.fromkeys(("auc", "auc_loss"), (nan, nan, nan, f"not estimable: {error}"))
    if min(perturbed.shape) < 2:
        return found | {"icc": (nan, nan, nan, "not estimable: one repeat")}
    try:
        agreement = stats.icc(perturbed, form="ICC(1,1)", level=level)
    except NotEstimableError as error:
        return found | {"icc": (nan, nan, nan, f"not estimable: {error}")}
    return found | {"icc": (agreement.value, agreement.low, agreement.high, agreement.method)}


def _pairs(within: Mapping[str, Mapping[str, Floats]], resampling: _Resampling, study: Study) -> pd.DataFrame:
    """Every pair of models by their spread over cases: a bootstrap of the difference and Wilcoxon's paired test."""
    ordered = [model for model in dict.fromkeys([*study.primary, *within]) if model in within]
    rows = []
    for metric in _SPREADS:
        for a, b in combinations(ordered, 2):
            gap = within[a][metric] - within[b][metric]
            value, low, high, method = resampling.mean(gap)
            by_patient = resampling.of_patients(gap)
            p = nan
            if np.any(by_patient) and not np.isnan(by_patient).any():
                p = float(wilcoxon(by_patient, method="approx").pvalue)
            rows.append(
                {
                    "kind": ALL_BOXES, "metric": metric, "model_a": a, "model_b": b, "difference": value, "low": low,
                    "high": high, "p": p, "primary": (a, b) == study.primary,
                    "method": f"{method}; p by Wilcoxon's signed-rank test over patients",
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    # The primary pair stands on its own; Holm adjusts the others, one family a metric.
    others = frame["p"].where(~frame["primary"])
    frame["p_holm"] = others.groupby(frame["metric"]).transform(lambda p: stats.holm(p.to_numpy()))
    return frame


def _of_cases(overall: Mapping[str, Mapping[str, Floats]], cases: Cases) -> pd.DataFrame:
    frames = [cases.about[["case_id"]].assign(model=model, **each) for model, each in overall.items()]
    if not frames:
        return pd.DataFrame(columns=list(tables.ROBUSTNESS_CASES.columns))
    return tables.conform(pd.concat(frames, ignore_index=True), tables.ROBUSTNESS_CASES)
