"""Refits on bootstrap samples -> how far each prediction, each call and each AUC hangs on who was in development."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from osteon import stats
from osteon.core import tables
from osteon.core.errors import NotEstimableError, TableError
from osteon.core.run import TableSet
from osteon.core.types import Floats
from osteon.results.evaluate.cases import Cases, gather, strata
from osteon.study import Study

#: Groups of cases with much the same probability, and the fewest cases of one.
_GROUPS, _FEWEST = 20, 5


@dataclass(frozen=True)
class Instability(TableSet):
    """The tables of the refits; each attribute is named as its file and meets the contract of that name.

    Attributes:
        instability: Means over cases, and the refits' AUCs, by model and stratum.
        instability_cases: Each case.
        instability_curve: Limits of the refits along the study's own probability.
    """

    instability: pd.DataFrame
    instability_cases: pd.DataFrame
    instability_curve: pd.DataFrame


def instability(
    refits: pd.DataFrame, predictions: pd.DataFrame, operating_points: pd.DataFrame, study: Study
) -> Instability:
    """Hold every model's refits against what the model itself says of cases that it has not seen.

    Args:
        refits: Meets ``tables.REFITS``.
        predictions: Meets ``tables.PREDICTIONS``.
        operating_points: Meets ``tables.OPERATING_POINTS``; Youden's threshold is the study's in every refit.
        study: Gives the order of the models and of the centres.

    Raises:
        TableError: A refit lacks cases of the predictions, or has others.
    """
    cases, _ = gather(predictions, study)
    youden = operating_points[operating_points["rule"] == "youden"].drop_duplicates("model")
    thresholds = youden.set_index("model")["threshold"]
    made: dict[str, list[pd.DataFrame]] = {"instability": [], "instability_cases": [], "instability_curve": []}
    for model in (name for name in cases.models if name in set(refits["model"])):
        again = _by_refit(refits[refits["model"] == model], cases, model)
        threshold = float(thresholds.get(model, np.nan))
        found = stats.instability(cases.of(model), again, threshold=None if np.isnan(threshold) else threshold)
        each = found.to_frame().assign(model=model, probability=cases.of(model))
        made["instability_cases"].append(pd.concat([cases.about, each], axis=1))
        for stratum, part in strata(cases, study):
            here = np.isin(cases.about["case_id"], part.about["case_id"])
            rows = pd.DataFrame(_means(each[here], part, again[:, here]))
            made["instability"].append(rows.assign(model=model, stratum=stratum, n=len(part), refits=len(again)))
            curve = pd.DataFrame(_along(part.of(model), again[:, here]))
            made["instability_curve"].append(curve.assign(model=model, stratum=stratum))
    return Instability(**{name: _table(frames, name) for name, frames in made.items()})


def _table(frames: list[pd.DataFrame], name: str) -> pd.DataFrame:
    columns = list(getattr(tables, name.upper()).columns)
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _by_refit(own: pd.DataFrame, cases: Cases, model: str) -> Floats:
    """(R, n) probabilities in the order of the cases."""
    wide = own.pivot_table(index="refit", columns="case_id", values="probability")
    if set(wide) != set(cases.about["case_id"]) or wide.isna().any(axis=None):
        raise TableError(
            f"the refits of '{model}' are of other cases than the predictions", file="refits", fix="Say 'osteon run'."
        )
    return wide[list(cases.about["case_id"])].to_numpy()


def _means(each: pd.DataFrame, cases: Cases, again: Floats) -> Iterator[dict[str, object]]:
    """The means over cases, and the AUCs of the refits."""
    for metric in ("mape", "changed"):
        values = each[metric].to_numpy()
        method = "mean over cases; limits hold 95% of them"
        if np.isnan(values).any():
            values, method = np.array([np.nan]), "not estimable: no threshold could be fixed on development"
        yield {"metric": metric, **_summary(values), "method": method}
    try:
        areas = np.array([stats.auc(cases.truth, row) for row in again])
        method = "mean over refits; limits hold 95% of them"
    except NotEstimableError:
        areas, method = np.array([np.nan]), "not estimable: one class"
    yield {"metric": "auc", **_summary(areas), "method": method}


def _summary(values: Floats) -> dict[str, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def _along(probability: Floats, again: Floats) -> Iterator[dict[str, float]]:
    """The limits of the refits of cases with much the same probability."""
    order = np.argsort(probability, kind="stable")
    for rows in np.array_split(order, max(1, min(_GROUPS, len(order) // _FEWEST))):
        low, high = np.quantile(again[:, rows], [0.025, 0.975])
        yield {"probability": float(probability[rows].mean()), "low": float(low), "high": float(high), "n": len(rows)}
