"""One set of patient resamples for every quantity of a stratum, so that differences between models are paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import nan

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from osteon import stats
from osteon.core.types import Floats
from osteon.results.evaluate.cases import Cases
from osteon.study import Study

#: Values that lie no further apart than this are alike.
_ROUNDING = 1e-12
#: Value, lower and upper limit, and how the interval was made.
Interval = tuple[float, float, float, str]


class Resampling:
    """Patients drawn with replacement; a case without a value (nan) takes no part in a mean.

    Args:
        cases: The cases of a stratum; a patient without an identifier counts as one of its own.
        study: Gives level, number of resamples and seed.
    """

    def __init__(self, cases: Cases, study: Study) -> None:
        patients = np.where(cases.patients == "", cases.about["case_id"], cases.patients)
        members, self._patient = np.unique(patients, return_inverse=True)
        rng = np.random.default_rng(study.study.seed)
        count = max(len(members), 1)
        self._weights = rng.multinomial(count, np.full(count, 1 / count), size=study.evaluation.bootstrap)
        self._tails = [(1 - study.evaluation.level) / 2, (1 + study.evaluation.level) / 2]
        self._method = f"percentile bootstrap of patients, {study.evaluation.bootstrap} resamples"

    def mean(self, values: Floats) -> Interval:
        """Mean over cases with its interval."""
        return self._interval(values)

    def difference(self, a: Floats, b: Floats) -> Interval:
        """Mean of `a` less mean of `b`, two sets of cases that may share patients."""
        return self._interval(a, b)

    def of_patients(self, values: Floats) -> Floats:
        """Mean of each patient's cases; patients without a value are left out."""
        sums, sizes = self._sums(values)
        return np.asarray(sums[sizes > 0] / sizes[sizes > 0])

    def _sums(self, values: Floats) -> tuple[Floats, Floats]:
        """Sum and number of each patient's values."""
        known = ~np.isnan(values)
        sums, sizes = (np.bincount(self._patient, weights=each) for each in (np.where(known, values, 0.0), known))
        return np.asarray(sums, dtype=np.float64), np.asarray(sizes, dtype=np.float64)

    def _interval(self, *groups: Floats) -> Interval:
        known = [values[~np.isnan(values)] for values in groups]
        value, drawn, fewest = 0.0, np.zeros(len(self._weights)), len(self._patient)
        for sign, values in zip((1, -1), groups, strict=False):
            sums, sizes = self._sums(values)
            fewest = min(fewest, int(np.count_nonzero(sizes)))
            if fewest == 0:
                return nan, nan, nan, "not estimable: no case"
            value += sign * float(sums.sum() / sizes.sum())
            with np.errstate(invalid="ignore"):  # a resample may hold no such case, and then says nothing
                drawn = drawn + sign * (self._weights @ sums) / (self._weights @ sizes)
        if fewest < 2:
            return value, nan, nan, "no interval: one patient"
        if all(len(values) and np.ptp(values) <= _ROUNDING for values in known):  # no resample could differ
            return value, nan, nan, "no interval: all cases are alike"
        low, high = np.nanquantile(drawn, self._tails)
        return value, float(low), float(high), self._method


def signed_rank(by_patient: Floats) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; nan where there is no difference to rank."""
    by_patient = np.round(by_patient, 12)  # a difference in the last bits is none
    return float(wilcoxon(by_patient, method="approx").pvalue) if np.any(by_patient) else nan


def pairs(
    within: Mapping[str, Mapping[str, Floats]], metrics: Sequence[str], resampling: Resampling, study: Study
) -> pd.DataFrame:
    """Every pair of models by a measure of each case.

    Args:
        within: Model to measure to (n,) values of the stratum's cases, nan where there is none.
        metrics: The measures to compare.
        resampling: Of the stratum.
        study: Gives the primary pair, which comes first and is not adjusted.

    Returns:
        metric, model_a, model_b, difference (a - b), low, high, p (over patients), p_holm (over the other pairs of a
        measure), primary, method.
    """
    ordered = [model for model in dict.fromkeys([*study.primary, *within]) if model in within]
    rows = []
    for metric in metrics:
        for a, b in combinations(ordered, 2):
            gap = within[a][metric] - within[b][metric]
            value, low, high, method = resampling.mean(gap)
            rows.append(
                {
                    "metric": metric, "model_a": a, "model_b": b, "difference": value, "low": low, "high": high,
                    "p": signed_rank(resampling.of_patients(gap)), "primary": (a, b) == study.primary,
                    "method": f"{method}; p by Wilcoxon's signed-rank test over patients",
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows)
    if not frame.empty:
        others = frame["p"].where(~frame["primary"])
        frame["p_holm"] = others.groupby(frame["metric"]).transform(lambda p: stats.holm(p.to_numpy()))
    return frame
