"""What models tell of each centre in turn that were made from all others: a secondary analysis of how they travel."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import pandas as pd

from osteon.core import tables
from osteon.core.run import TableSet
from osteon.results.evaluate import measures
from osteon.results.evaluate.cases import Cases, gather
from osteon.results.evaluate.centres import heterogeneity
from osteon.results.evaluate.locked import lock
from osteon.study import Study

_RULE = "youden"


@dataclass(frozen=True)
class Rotation(TableSet):
    """The tables of all rotations; each attribute is named as its file and meets the contract of that name.

    Attributes:
        rotation: AUC, calibration, and sensitivity and specificity by model and centre.
        rotation_summary: Random-effects summaries over the centres.
    """

    rotation: pd.DataFrame
    rotation_summary: pd.DataFrame


def rotation(predictions: pd.DataFrame, study: Study) -> Rotation:
    """Evaluate every rotation on the cases of its own held-out centre.

    The threshold of each rotation is fixed on its development cases alone, out of fold.

    Args:
        predictions: Meets ``tables.ROTATION_PREDICTIONS``.
        study: Gives the models' order, the primary pair and the level.
    """
    found: list[dict[str, object]] = []
    held_out: dict[str, Cases] = {}
    for centre, own in predictions.groupby("rotation", sort=False):
        cases, _ = gather(own.drop(columns="rotation"), study)
        there = cases.about["centre"] == centre
        held_out[str(centre)] = cases.where(there)
        found += _told(held_out[str(centre)], cases.where(~there), f"centre:{centre}", study)
    rows = pd.DataFrame(found, columns=list(tables.ROTATION.columns))
    summary = heterogeneity(held_out, study).reindex(columns=list(tables.ROTATION_SUMMARY.columns))
    return Rotation(rows, summary)


def _told(there: Cases, elsewhere: Cases, stratum: str, study: Study) -> list[dict[str, object]]:
    """What every model tells of a centre, with the threshold that was fixed elsewhere."""
    asked = study.evaluation
    fixed = lock(elsewhere, asked.sensitivity, asked.specificity).thresholds
    size = {"n": len(there), "n_positive": int(there.truth.sum())}
    rows: list[dict[str, object]] = []
    for model in there.models:
        calibration = measures.calibration_measures(there, model, asked.level)
        threshold = fixed[model][_RULE]
        calls = measures.at_threshold(there, model, threshold, asked.level)
        figures = {
            "auc": measures.area(there, model, asked.level),
            **{name: calibration[name] for name in ("calibration_slope", "calibration_intercept")},
            **{name: calls[name] for name in ("sensitivity", "specificity")},
        }
        for metric, one in figures.items():
            rows.append(
                {"model": model, "stratum": stratum, "metric": metric, **size}
                | {"value": one.value, "low": one.low, "high": one.high, "method": one.method}
                | {"threshold": threshold if metric in calls else nan}
            )
    return rows
