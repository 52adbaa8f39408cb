"""Prediction sets fixed on development: what they hold outside, and how good a model is on the cases it is surest of.

That a class is in its cases' sets at the chosen rate is promised for cases like those of development, and for no other
centre: every figure here is what was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import nan

import numpy as np
import pandas as pd

from osteon import stats
from osteon.core.errors import NotEstimableError
from osteon.core.types import Estimate
from osteon.results.evaluate.cases import Cases
from osteon.stats.conformal import SETS

#: Which shares of cases, the surest first, are answered in the selective performance curve.
_SHARES = np.arange(2, 21) / 20
_EXACT = "clopper-pearson"


def fixed(development: Cases, error: float) -> dict[str, stats.Conformal | None]:
    """Each model's thresholds, on development cases out of fold; None where there is one class."""
    found: dict[str, stats.Conformal | None] = {}
    for model in development.models:
        try:
            found[model] = stats.conformal(development.truth, development.of(model), error=error)
        except NotEstimableError:
            found[model] = None
    return found


def unsure(cases: Cases, sets: Mapping[str, stats.Conformal | None], level: float) -> pd.DataFrame:
    """What the sets hold in one stratum, after ``tables.UNSURE`` but for the stratum."""
    return pd.DataFrame(
        {
            "model": model,
            "error": found.error,
            "negative_to": found.negative_to,
            "positive_from": found.positive_from,
            "metric": metric,
            **{name: getattr(one, name) for name in ("value", "low", "high", "method", "n")},
        }
        for model, found in sets.items()
        if found is not None
        for metric, one in _held(cases, found.sets(cases.of(model)), level)
    )


def _held(cases: Cases, held: np.ndarray, level: float) -> Iterator[tuple[str, Estimate]]:
    """Shares of cases with exact intervals, of patients where these have several cases."""
    truth, sets = cases.truth, {name: held == code for code, name in enumerate(SETS)}
    hit = np.where(truth == 1, sets["positive"] | sets["both"], sets["negative"] | sets["both"])
    one = sets["negative"] | sets["positive"]
    every = np.ones(len(truth), dtype=bool)
    shares = {
        "coverage_negative": (truth == 0, hit),
        "coverage_positive": (truth == 1, hit),
        "unsure": (every, sets["both"]),
        "unlike_either": (every, sets["neither"]),
        "accuracy_of_one": (one, hit),
    }
    for name, (of, counted) in shares.items():
        patients = cases.patients[of]
        try:
            if not of.any():
                raise NotEstimableError("no such case")
            yield name, stats.proportion_ci(counted[of], level=level, method=_EXACT, clusters=patients, name=name)
        except NotEstimableError as error:
            yield name, Estimate(nan, nan, nan, f"not estimable: {error}", int(of.sum()))


def selective(cases: Cases, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Accuracy at a threshold on the surest share of cases, after ``tables.SELECTIVE`` but for the stratum."""
    frames = []
    for model, threshold in thresholds.items():
        if 0 < threshold < 1:
            answered, right = stats.selective(cases.truth, cases.of(model), threshold, _SHARES)
            frames.append(pd.DataFrame({"model": model, "answered": answered, "accuracy": right, "n": len(cases)}))
    return pd.concat(frames).drop_duplicates(["model", "answered"]) if frames else pd.DataFrame()
