"""Predictions -> metrics, comparisons, calibration, decision curves, subgroups, heterogeneity.

Pure tables in and out: ``predictions.csv``, ``cohort.csv`` and the study file are enough to recompute everything here,
without images, networks or a GPU. Thresholds and recalibration are fixed on out-of-fold development predictions alone
(:func:`osteon.results.evaluate.locked.lock` sees no other case) and only then applied outside.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.core.run import TableSet
from osteon.results.evaluate import measures, unsure
from osteon.results.evaluate.cases import Cases, gather, strata
from osteon.results.evaluate.centres import heterogeneity
from osteon.results.evaluate.gaps import gaps
from osteon.results.evaluate.locked import Locked, lock
from osteon.results.evaluate.margin import noninferiority
from osteon.study import Study

__all__ = ["Evaluation", "evaluate"]

_EXAMPLES = 6  # of each kind: as many thumbnails as fit across a page


@dataclass(frozen=True)
class Evaluation(TableSet):
    """The tables of an evaluation; each attribute is named as its file and meets the contract of that name.

    Attributes:
        metrics: AUC, Brier score and calibration by model and stratum.
        comparisons: All pairs of models by stratum, the primary one first.
        noninferiority: The primary pair held against the margin; empty where the study names none.
        contrast: The primary pair's differences in sensitivity, specificity and net benefit.
        operating_points: Thresholds fixed on development, and what they give in each stratum.
        calibration: Smooth calibration curves, raw and recalibrated.
        recalibration: The recalibration fitted on out-of-fold predictions.
        decision: Decision curves.
        subgroups: Metrics within subgroups, with interaction p values.
        subgroup_gaps: How far the primary models lie apart between subgroups.
        heterogeneity: Random-effects summaries over the external centres.
        unsure: Prediction sets fixed on development, and what they hold in each stratum.
        selective: Accuracy against the share of cases answered, the surest first.
        seeds: Spread over training seeds; empty when every model has one.
        scores: One probability a case and model, raw and recalibrated.
        roc: Corners of the ROC curves.
        examples: Cases worth looking at.
    """

    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    noninferiority: pd.DataFrame
    contrast: pd.DataFrame
    operating_points: pd.DataFrame
    calibration: pd.DataFrame
    recalibration: pd.DataFrame
    decision: pd.DataFrame
    subgroups: pd.DataFrame
    subgroup_gaps: pd.DataFrame
    heterogeneity: pd.DataFrame
    unsure: pd.DataFrame
    selective: pd.DataFrame
    seeds: pd.DataFrame
    scores: pd.DataFrame
    roc: pd.DataFrame
    examples: pd.DataFrame


def evaluate(predictions: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> Evaluation:
    """Evaluate every model in every stratum.

    Args:
        predictions: Meets ``tables.PREDICTIONS``: development cases out of fold, external ones by the ensemble.
        cohort: Meets ``tables.COHORT``; only the columns named in ``evaluation.subgroups`` are read.
        study: Gives the models' order, the primary pair, the operating points and the subgroups.

    Returns:
        The tables. The same input, in whatever order of rows, gives the same values.

    Raises:
        TableError: Predictions that are incomplete, doubled or contradictory; a subgroup the cohort lacks.
    """
    settings, level = study.evaluation, study.evaluation.level
    cases, by_seed = gather(predictions, study)
    inside = cases.about["split"] == "development"
    if not inside.any():
        raise TableError(
            "no development predictions: operating points and recalibration are fixed on them", file="predictions"
        )
    locked = lock(cases.where(inside), settings.sensitivity, settings.specificity)
    recalibrated = locked.recalibrated(cases)
    sets = unsure.fixed(cases.where(inside), settings.unsure)
    by_stratum = {
        name: (stratum, locked.recalibrated(stratum), np.isin(cases.about["case_id"], stratum.about["case_id"]))
        for name, stratum in strata(cases, study)
    }
    youden = {model: rules["youden"] for model, rules in locked.thresholds.items()}
    groups = _groups(cohort, cases, inside, settings.subgroups)
    thresholds = _threshold_probabilities(*settings.thresholds)

    made: dict[str, list[pd.DataFrame]] = {field.name: [] for field in fields(Evaluation)}
    for name, (stratum, again, keep) in by_stratum.items():
        found = {
            "metrics": [pd.DataFrame(measures.metrics(stratum, again, level))],
            "comparisons": [measures.comparisons(stratum, study.primary, level)],
            "noninferiority": [pd.DataFrame(noninferiority(stratum, study))],
            "contrast": [
                pd.DataFrame(measures.contrast(stratum, again, locked, settings, study.primary, study.study.seed))
            ],
            "operating_points": [pd.DataFrame(measures.operating_points(stratum, locked.thresholds, level))],
            "calibration": measures.calibration(stratum, again, level),
            "decision": measures.decision(again, thresholds, level),
            "seeds": [pd.DataFrame(measures.seeds(stratum, by_seed, keep))],
            "roc": measures.roc(stratum),
            "unsure": [unsure.unsure(stratum, sets, level)],
            "selective": [unsure.selective(stratum, youden)],
        }
        if name in ("development", "external"):
            found["subgroups"] = [pd.DataFrame(measures.subgroups(stratum, groups[keep], youden, level))]
            found["subgroup_gaps"] = [pd.DataFrame(gaps(stratum, groups[keep], study.primary, youden, level))]
        for table, frames in found.items():
            made[table] += [frame.assign(stratum=name) for frame in frames]
    made["recalibration"].append(locked.recalibration)
    centres = {name: stratum for name, (stratum, _, _) in by_stratum.items() if name.startswith("centre:")}
    made["heterogeneity"].append(heterogeneity(centres, study))
    made["scores"].append(_scores(cases, recalibrated))
    headline, _, _ = by_stratum.get("external", by_stratum["development"])
    chosen = _examples(headline, study.primary[0], locked)
    made["examples"].append(chosen.assign(diagnosis=_diagnoses(cohort, chosen["case_id"], study.task.column)))
    return Evaluation(**{name: _table(frames, getattr(tables, name.upper())) for name, frames in made.items()})


def _table(frames: list[pd.DataFrame], contract: tables.Contract) -> pd.DataFrame:
    """The frames below one another in the contract's columns; an empty table keeps its columns."""
    full = [frame for frame in frames if not frame.empty]
    if not full:
        return pd.DataFrame(columns=list(contract.columns))
    return pd.concat(full, ignore_index=True)[list(contract.columns)]


def _threshold_probabilities(low: float, high: float) -> np.ndarray:
    """Whole percents of the asked range; 0 and 1 have no odds."""
    return np.arange(max(1, round(low * 100)), min(99, round(high * 100)) + 1) / 100


def _groups(cohort: pd.DataFrame, cases: Cases, inside: pd.Series, variables: tuple[str, ...]) -> pd.DataFrame:
    known = cohort.set_index(cohort["case_id"].astype(str))
    absent = ~cases.about["case_id"].isin(known.index)
    if absent.any() and variables:
        raise TableError(f"case '{cases.about['case_id'][absent].iloc[0]}' has predictions but no row", file="cohort")
    ordered = known.reindex(cases.about["case_id"]).reset_index(drop=True)
    return measures.subgroup_levels(ordered, inside, variables)


def _scores(cases: Cases, recalibrated: Cases) -> pd.DataFrame:
    """One row a case and model."""
    frames = [
        cases.about.assign(model=model, probability=cases.of(model), recalibrated=recalibrated.of(model))
        for model in cases.models
    ]
    return pd.concat(frames, ignore_index=True)


def _examples(cases: Cases, model: str, locked: Locked) -> pd.DataFrame:
    """The most confident hits, the most confident misses (half of each class) and the closest calls, a patient once."""
    threshold = locked.thresholds[model]["youden"]
    p, truth = cases.of(model), cases.truth
    if np.isnan(threshold):
        return pd.DataFrame({"case_id": []})
    # How far along the way from the threshold to certainty, so that both sides compare.
    confidence = np.where(
        p >= threshold, (p - threshold) / max(1 - threshold, 1e-9), (threshold - p) / max(threshold, 1e-9)
    )
    table = cases.about.assign(
        model=model, probability=p, threshold=threshold, confidence=confidence, right=(p >= threshold) == (truth == 1)
    )
    table["person"] = table["patient_id"].where(table["patient_id"] != "", table["case_id"])
    surest = table.sort_values(["confidence", "case_id"], ascending=[False, True])
    chosen = []
    for group, right in (("right", True), ("wrong", False)):
        of_group = surest[surest["right"] == right].drop_duplicates("person")
        halves = [of_group[of_group["label"] == label].head(_EXAMPLES // 2) for label in (1, 0)]
        chosen.append(pd.concat(halves).assign(group=group))
    closest = table.sort_values(["confidence", "case_id"]).drop_duplicates("person").head(_EXAMPLES)
    chosen.append(closest.assign(group="borderline"))
    return pd.concat(chosen, ignore_index=True)


def _diagnoses(cohort: pd.DataFrame, case_ids: pd.Series, column: str) -> list[str]:
    """What the cohort calls each case: its subtype, or else its label."""
    words = cohort.set_index(cohort["case_id"].astype(str)).reindex(case_ids)
    told = pd.Series("", index=words.index)
    for name in ("subtype", column, "label"):
        if name in words:
            told = told.where(told != "", words[name].astype("object").where(words[name].notna(), "").astype(str))
    return told.tolist()
