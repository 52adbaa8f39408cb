"""Scores of maps, case by case -> means by stratum, correct against wrong, pairs of models, and sanity checks.

Pure tables: ``explanation_cases.csv`` and ``perturbed_maps.parquet`` with predictions and operating points are enough.
Cases are the unit of every interval and patients that of every test, as for robustness.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from math import nan

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.core.run import TableSet
from osteon.core.types import Floats
from osteon.results.evaluate.cases import Cases, gather, strata
from osteon.results.evaluate.resampling import Resampling, pairs, signed_rank
from osteon.study import Study

#: The map that is handed out, and that of one fold alone, which checks are held against.
ENSEMBLE, ONE_FOLD = "ensemble", "one fold"
#: A map that knows nothing but that the crop was cut around the lesion.
CENTRE = "centre of the crop"
_KEYS = ("case_id", "model", "map", "kind")
_SHOWN = 6  # cases a gallery: as many as fit across a page


@dataclass(frozen=True)
class Explanation(TableSet):
    """The tables of an explanation; each attribute is named as its file and meets the contract of that name.

    Attributes:
        explanation: Scores by model, map, stratum and outcome (all, correct, wrong, correct - wrong).
        explanation_comparisons: Pairs of models, a - b.
        explanation_sanity: What the maps of randomised networks score, and how like the real ones they are.
        explanation_stability: Correlation of maps before and after a change of the box, by kind and grade.
    """

    explanation: pd.DataFrame
    explanation_comparisons: pd.DataFrame
    explanation_sanity: pd.DataFrame
    explanation_stability: pd.DataFrame


def explanation(
    scores: pd.DataFrame, moved: pd.DataFrame, predictions: pd.DataFrame, operating_points: pd.DataFrame, study: Study
) -> Explanation:
    """Evaluate the scores of maps of external cases.

    Args:
        scores: Meets ``tables.EXPLANATION_CASES``.
        moved: Meets ``tables.PERTURBED_MAPS``; may be empty.
        predictions: Meets ``tables.PREDICTIONS``.
        operating_points: Meets ``tables.OPERATING_POINTS``: Youden's threshold, fixed on development.
        study: Gives level, number of bootstrap samples, seed and the primary pair.

    Returns:
        The tables.

    Raises:
        TableError: A case was explained for one model and not for another.
    """
    cases, _ = gather(predictions, study)
    cases = cases.where(cases.about["case_id"].isin(scores["case_id"].unique()))
    youden = operating_points[operating_points["rule"] == "youden"].groupby("model")["threshold"].first()
    stability = moved.groupby(["case_id", "model", "map"])["correlation"].mean().rename("stability").reset_index()
    stability["kind"] = ENSEMBLE
    scores = scores.merge(stability, on=list(_KEYS), how="left")
    measures = [str(name) for name in scores if name not in _KEYS and scores[name].notna().any()]
    made: dict[str, list[pd.DataFrame]] = {field.name: [] for field in fields(Explanation)}
    for stratum, part in strata(cases, study):
        if stratum == "development":
            continue
        found = _scores_of(scores, part, measures)
        resampling = Resampling(part, study)
        real = {key: values for key, values in found.items() if key[2] == ENSEMBLE}
        rows = _means(real, measures, part, {str(k): float(v) for k, v in youden.items()}, resampling)
        made["explanation"].append(pd.DataFrame(rows).assign(stratum=stratum))
        for kind in dict.fromkeys(name for _, name, _ in real):
            within = {model: values for (model, name, _), values in real.items() if name == kind}
            shared = [name for name in measures if name != "correlation"]
            frame = pairs(within, shared, resampling, study).assign(stratum=stratum, map=kind)
            made["explanation_comparisons"].append(frame)
        if stratum == "external":
            made["explanation_sanity"].append(pd.DataFrame(_checks(found, measures, part, resampling)))
        frame = pd.DataFrame(_stability(moved, part, resampling)).assign(stratum=stratum)
        made["explanation_stability"].append(frame)
    return Explanation(
        **{name: tables.conform(_table(frames, name), getattr(tables, name.upper())) for name, frames in made.items()}
    )


def _table(frames: list[pd.DataFrame], name: str) -> pd.DataFrame:
    full = [frame for frame in frames if not frame.empty]
    return pd.concat(full) if full else pd.DataFrame(columns=list(getattr(tables, name.upper()).columns))


_Scores = Mapping[str, Floats]
_Key = tuple[str, str, str]  # model, map, kind


def _scores_of(scores: pd.DataFrame, cases: Cases, measures: list[str]) -> dict[_Key, _Scores]:
    """Every map's scores in the order of the cases."""
    found: dict[_Key, _Scores] = {}
    wanted = cases.about["case_id"]
    for (model, name, kind), rows in scores.groupby(["model", "map", "kind"], sort=False):
        ordered = rows.set_index("case_id").reindex(wanted)
        absent = ~wanted.isin(rows["case_id"]).to_numpy()
        if absent.any():
            raise TableError(
                f"case '{wanted[absent].iloc[0]}' lacks the map '{name}' of '{model}'", file="explanation_cases.csv"
            )
        found[str(model), str(name), str(kind)] = {m: ordered[m].to_numpy(dtype=np.float64) for m in measures}
    return found


def _row(interval: tuple[float, float, float, str], values: Floats, cases: Cases) -> dict[str, object]:
    known = ~np.isnan(values)
    found = dict(zip(("value", "low", "high", "method"), interval, strict=True))
    return {**found, "n": int(known.sum()), "n_positive": int(cases.truth[known].sum())}


def _means(
    real: Mapping[_Key, _Scores], measures: list[str], cases: Cases, youden: Mapping[str, float], resampling: Resampling
) -> Iterator[dict[str, object]]:
    """Means over all cases, over those called rightly and wrongly at the fixed threshold, and the difference."""
    for (model, name, _), scores in real.items():
        threshold = youden.get(model, nan)
        correct = (cases.of(model) >= threshold) == (cases.truth == 1)
        outcomes = {"all": np.ones(len(cases), dtype=bool)}
        if not np.isnan(threshold):
            outcomes |= {"correct": correct, "wrong": ~correct}
        for measure in measures:
            if measure == "correlation":
                continue
            key = {"model": model, "map": name, "metric": measure}
            of = {outcome: np.where(chosen, scores[measure], nan) for outcome, chosen in outcomes.items()}
            for outcome, values in of.items():
                yield {**key, "outcome": outcome, **_row(resampling.mean(values), values, cases)}
            if len(of) > 1:
                gap = resampling.difference(of["correct"], of["wrong"])
                yield {**key, "outcome": "correct - wrong", **_row(gap, scores[measure], cases)}


def _checks(
    found: Mapping[_Key, _Scores], measures: list[str], cases: Cases, resampling: Resampling
) -> Iterator[dict[str, object]]:
    """Scores of the first fold's map and of each check's, and the real map's scores less those."""
    for (model, name, kind), scores in found.items():
        if kind == ENSEMBLE:
            continue
        real = found[model, name, ENSEMBLE if kind == CENTRE else ONE_FOLD]
        for measure in measures:
            if measure == "stability":
                continue
            key = {"model": model, "map": name, "check": kind, "metric": measure}
            row = {**key, **_row(resampling.mean(scores[measure]), scores[measure], cases)}
            if measure != "correlation" and kind != ONE_FOLD:
                gap = real[measure] - scores[measure]
                names = ("difference", "difference_low", "difference_high")
                row |= dict(zip(names, resampling.mean(gap), strict=False))
                row["p"] = signed_rank(resampling.of_patients(gap))
            yield row


def _stability(moved: pd.DataFrame, cases: Cases, resampling: Resampling) -> Iterator[dict[str, object]]:
    """Mean correlation of each case's maps over its repeats, by kind and grade."""
    for (model, name, kind, grade), rows in moved.groupby(["model", "map", "kind", "grade"], sort=False):
        of_case = rows.groupby("case_id")["correlation"].mean().reindex(cases.about["case_id"])
        values = of_case.to_numpy(dtype=np.float64)
        key = {"model": model, "map": name, "kind": kind, "grade": grade}
        yield {**key, **_row(resampling.mean(values), values, cases)}


def gallery(
    moved: pd.DataFrame,
    predictions: pd.DataFrame,
    operating_points: pd.DataFrame,
    cohort: pd.DataFrame,
    model: str,
    study: Study,
) -> pd.DataFrame:
    """Choose cases whose maps are worth looking at.

    Args:
        moved: The model's rows of ``tables.PERTURBED_MAPS`` for one kind of map; may be empty.
        predictions: Meets ``tables.PREDICTIONS``.
        operating_points: Meets ``tables.OPERATING_POINTS``.
        cohort: Rows of ``tables.COHORT`` of the cases that have maps; gives the diagnosis.
        model: Whose maps.
        study: The study.

    Returns:
        Meets ``tables.GALLERY``: what the model was surest of, rightly and wrongly, three of each class; and the six
        cases whose map changed most with the box. A patient appears once in a group.
    """
    cases, _ = gather(predictions, study)
    cases = cases.where(cases.about["case_id"].isin(cohort["case_id"]))
    points = operating_points[(operating_points["rule"] == "youden") & (operating_points["model"] == model)]
    threshold = float(points["threshold"].iloc[0]) if len(points) else nan
    p = cases.of(model)
    table = cases.about.assign(model=model, probability=p, threshold=threshold, change="", correlation=nan)
    words = cohort.set_index("case_id").reindex(table["case_id"])
    subtype = words.get("subtype", pd.Series("", index=words.index))
    table["diagnosis"] = subtype.where(subtype != "", words["label"]).to_numpy()
    person = table["patient_id"].where(table["patient_id"] != "", table["case_id"])
    right = (p >= threshold) == (table["label"] == 1)
    # How far along the way from the threshold to certainty, so that both sides compare.
    sure = np.where(p >= threshold, (p - threshold) / max(1 - threshold, 1e-9), (threshold - p) / max(threshold, 1e-9))
    table = table.assign(person=person, right=right, sure=sure)
    surest = table.sort_values(["sure", "case_id"], ascending=[False, True])
    groups = []
    for group, outcome in (("correct", True), ("wrong", False)):
        of_group = surest[(surest["right"] == outcome) & ~np.isnan(threshold)].drop_duplicates("person")
        groups += [of_group[of_group["label"] == label].head(_SHOWN // 2).assign(group=group) for label in (1, 0)]
    groups.append(_most_changed(moved, surest))
    return tables.conform(pd.concat(groups)[list(tables.GALLERY.columns)], tables.GALLERY)


def _most_changed(moved: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The cases whose map is least like itself after a change of the box, with that change."""
    known = moved[moved["case_id"].isin(table["case_id"])].dropna(subset="correlation")
    least = known.sort_values(["correlation", "case_id"], kind="stable").drop_duplicates("case_id")
    change = [f"{row.kind} {row.grade:g}" for row in least.itertuples()]
    worst = least[["case_id", "correlation"]].assign(change=change, group="changed")
    found = worst.merge(table.drop(columns=["correlation", "change"]), on="case_id", sort=False)
    return found.drop_duplicates("person").head(_SHOWN)
