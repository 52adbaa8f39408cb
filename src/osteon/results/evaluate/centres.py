"""How much centres differ, and what a further one may be like."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

import pandas as pd

from osteon import stats
from osteon.core.errors import NotEstimableError
from osteon.core.types import Estimate
from osteon.results.evaluate import measures
from osteon.results.evaluate.cases import Cases
from osteon.study import Study


def heterogeneity(centres: Mapping[str, Cases], study: Study) -> pd.DataFrame:
    """Random-effects summaries over centres: AUC, calibration, and the primary contrast.

    Args:
        centres: The cases of each centre, which no model has seen.
        study: Gives the primary pair and the level.

    Returns:
        Rows after ``tables.HETEROGENEITY``.
    """
    level, rows = study.evaluation.level, []
    models = next(iter(centres.values())).models if centres else []
    for model in models:
        areas = [measures.area(cases, model, level) for cases in centres.values()]
        rows.append({"model": model, "metric": "auc", **_pooled(areas, "logit", level)})
        calibrations = [measures.calibration_measures(cases, model, level) for cases in centres.values()]
        for metric in ("calibration_intercept", "calibration_slope"):
            pooled = _pooled([found[metric] for found in calibrations], "identity", level)
            rows.append({"model": model, "metric": metric, **pooled})
    a, b = study.primary
    if models and a != b:
        differences = [measures.difference(cases, a, b, level) for cases in centres.values()]
        rows.append({"model": f"{a} - {b}", "metric": "auc_difference", **_pooled(differences, "identity", level)})
    return pd.DataFrame(rows)


def _pooled(estimates: list[Estimate], scale: str, level: float) -> dict[str, object]:
    centres = sum(e.value == e.value for e in estimates)
    try:
        found = stats.pool(estimates, scale=scale, level=level)
    except NotEstimableError as error:
        names = ("value", "low", "high", "prediction_low", "prediction_high", "tau2", "i2", "q", "p")
        return {**dict.fromkeys(names, nan), "centres": centres, "method": f"not estimable: {error}"}
    return {
        "value": found.estimate.value,
        "low": found.estimate.low,
        "high": found.estimate.high,
        "prediction_low": found.prediction_low,
        "prediction_high": found.prediction_high,
        "tau2": found.tau2,
        "i2": found.i2,
        "q": found.q,
        "p": found.p_heterogeneity,
        "centres": centres,
        "method": found.estimate.method,
    }
