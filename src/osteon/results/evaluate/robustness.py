"""Perturbed predictions -> spread of a case, flipped calls, loss of AUC, and which model is steadier.

Cases are the unit of every interval and test; repeats of one case are never counted as cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, nan, sqrt

import numpy as np
import pandas as pd

from osteon import stats
from osteon.core import tables
from osteon.core.errors import NotEstimableError, TableError
from osteon.core.run import TableSet
from osteon.core.types import Comparison, Estimate, Floats
from osteon.core.words import BOX_CHANGES
from osteon.results.evaluate.cases import Cases, gather, strata
from osteon.results.evaluate.resampling import Interval, Resampling, pairs
from osteon.stats import inputs
from osteon.stats.distributions import critical, logit_limits
from osteon.study import Study

#: A standard error of an AUC below this is that of rounding.
_NO_SPREAD = 1e-9
_SPREADS = ("sd", "range", "flip_rate")
#: Model, kind and grade.
Change = tuple[str, str, float]
#: The kind under which the undisturbed cases stand, with grade 0.
DRAWN = "drawn"
#: What models are compared at: all changes of the box, averaged; its grade stands as 0.
ALL_BOXES = "all box changes"


@dataclass(frozen=True)
class Robustness(TableSet):
    """The tables of a perturbation study.

    Attributes:
        robustness: By model, stratum, kind and grade: sd, range, flip_rate, auc, auc_loss, icc; the auc of the
            undisturbed cases stands under the kind :data:`DRAWN`, what all box changes have in the mean under
            :data:`ALL_BOXES`.
        robustness_comparisons: Pairs of models, a - b, over all changes of the box.
        robustness_cases: By model and case over all changes of the box: sd, range, flip_rate.
    """

    robustness: pd.DataFrame
    robustness_comparisons: pd.DataFrame
    robustness_cases: pd.DataFrame


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
    cubes, spreads = _by_change(perturbed, cases, {str(model): float(value) for model, value in youden.items()})
    level = study.evaluation.level
    rows: list[dict[str, object]] = []
    compared = []
    for stratum, part in strata(cases, study):
        keep = np.isin(cases.about["case_id"], part.about["case_id"])
        resampling = Resampling(part, study)
        about = {"stratum": stratum, "n": len(part), "n_positive": int(part.truth.sum())}
        for (model, kind, grade), cube in cubes.items():
            found = _areas(part, part.of(model), cube[keep], level)
            if kind == DRAWN:
                found = {"auc": found["auc"]}
            else:
                spread = spreads[model, kind, grade]
                found |= {name: _known(resampling.mean(spread[name][keep])) for name in _SPREADS}
            if kind not in (DRAWN, ALL_BOXES):
                found |= _agreement(cube[keep], study)
            rows += _rows(found, model=model, kind=kind, grade=grade, **about)
        within = {
            model: {name: values[keep] for name, values in spread.items()}
            for (model, kind, _), spread in spreads.items()
            if kind == ALL_BOXES
        }
        compared.append(pairs(within, _SPREADS, resampling, study).assign(stratum=stratum, kind=ALL_BOXES))
    of_cases = [
        cases.about[["case_id"]].assign(model=model, **spread)
        for (model, kind, _), spread in spreads.items()
        if kind == ALL_BOXES
    ]
    return Robustness(
        _table([pd.DataFrame(rows)], tables.ROBUSTNESS),
        _table(compared, tables.ROBUSTNESS_COMPARISONS),
        _table(of_cases, tables.ROBUSTNESS_CASES),
    )


def _by_change(
    perturbed: pd.DataFrame, cases: Cases, thresholds: Mapping[str, float]
) -> tuple[dict[Change, Floats], dict[Change, dict[str, Floats]]]:
    """By model and change the (n, repeats) probabilities, and what each case's repeats are spread over."""
    cubes: dict[Change, Floats] = {}
    spreads: dict[Change, dict[str, Floats]] = {}
    for model in [name for name in cases.models if name in set(perturbed["model"])]:
        cubes[model, DRAWN, 0.0] = cases.of(model)[:, None]
        boxes: list[Change] = []
        for (kind, grade), rows in perturbed[perturbed["model"] == model].groupby(["kind", "grade"], sort=False):
            change = (model, str(kind), float(grade))  # type: ignore[arg-type]
            cubes[change] = _cube(rows, cases, f"{model}, {kind} {grade:g}")
            spreads[change] = _spread(cases.of(model), cubes[change], thresholds.get(model, nan))
            boxes += [change] * (kind in BOX_CHANGES)
        if boxes:
            cubes[model, ALL_BOXES, 0.0] = np.hstack([cubes[change] for change in boxes])
            spreads[model, ALL_BOXES, 0.0] = {
                name: np.mean([spreads[change][name] for change in boxes], axis=0) for name in _SPREADS
            }
    return cubes, spreads


def _spread(drawn: Floats, perturbed: Floats, threshold: float) -> dict[str, Floats]:
    """Spread of each case over its repeats, and the share of repeats that fall on the other side of the threshold."""
    flipped = (perturbed >= threshold) != (drawn >= threshold)[:, None]
    unknown = np.full(len(drawn), nan)
    some = perturbed.shape[1] > 1
    return {
        "sd": perturbed.std(axis=1, ddof=1) if some else unknown,
        "range": np.ptp(perturbed, axis=1) if some else unknown,
        "flip_rate": unknown if np.isnan(threshold) else flipped.mean(axis=1),
    }


def _rows(found: Mapping[str, Interval], **about: object) -> Iterator[dict[str, object]]:
    for metric, values in found.items():
        yield about | {"metric": metric} | dict(zip(("value", "low", "high", "method"), values, strict=True))


def _table(frames: Sequence[pd.DataFrame], contract: tables.Contract) -> pd.DataFrame:
    """All rows as the contract has them, also where there are none."""
    full = [frame for frame in frames if not frame.empty]
    return tables.conform(pd.concat(full) if full else pd.DataFrame(columns=list(contract.columns)), contract)


def _known(estimate: Interval) -> Interval:
    """A spread, or why there is none."""
    return estimate if estimate[0] == estimate[0] else (nan, nan, nan, "not estimable: one repeat, or no threshold")


def _cube(rows: pd.DataFrame, cases: Cases, what: str) -> Floats:
    """(n, repeats) probabilities in the order of the cases."""
    wide = rows.pivot_table(index="case_id", columns="repeat", values="probability", aggfunc="first")
    wide = wide.reindex(cases.about["case_id"])
    if wide.isna().to_numpy().any():
        missing = wide.index[wide.isna().any(axis=1)][0]
        raise TableError(f"case '{missing}' lacks repeats of {what}", file="perturbed.parquet")
    return wide.to_numpy(dtype=np.float64)


def _areas(cases: Cases, drawn: Floats, perturbed: Floats, level: float) -> dict[str, Interval]:
    """AUC under the change (mean over repeats) and AUC lost, with the intervals that AUCs have in every other table.

    The mean of r AUCs and its difference from the undisturbed one are linear in r + 1 AUCs, so that DeLong's covariance
    matrix of them gives their standard errors exactly, by patients where they have several cases. Where that is zero,
    as when every AUC is 1, limits are the means of each repeat's own, which hold for any sample size; so they are
    for a single repeat.
    """
    repeats = perturbed.shape[1]
    truth, patients = cases.truth, cases.patients
    codes = inputs.codes(cases.patients, len(cases)) if len(cases) else None
    df, how = inputs.degrees(codes), inputs.student(codes)
    try:
        areas, covariance = stats.delong_covariance(truth, np.vstack([drawn, perturbed.T]), clusters=patients)
    except NotEstimableError as error:
        return dict.fromkeys(("auc", "auc_loss"), (nan, nan, nan, f"not estimable: {error}"))
    many = "" if repeats == 1 else f", mean of {repeats} AUCs"

    def spread(weights: Floats) -> tuple[float, float]:
        return float(weights @ areas), sqrt(max(float(weights @ covariance @ weights), 0.0))

    mean = np.full(repeats, 1 / repeats)
    value, se = spread(np.r_[0.0, mean])
    loss, se_loss = spread(np.r_[1.0, -mean])
    if repeats > 1 and se > _NO_SPREAD:
        area: Interval = (value, *logit_limits(value, se, level, df), f"DeLong, logit{many}{how}")
    else:
        area = _mean_of([stats.delong_ci(truth, one, level=level, clusters=patients) for one in perturbed.T], many)
    if repeats > 1 and se_loss > _NO_SPREAD:
        half = critical(level, df) * se_loss
        lost: Interval = (loss, max(loss - half, -1.0), min(loss + half, 1.0), f"DeLong, paired{many}{how}")
    else:
        lost = _mean_of(
            [stats.delong_test(truth, drawn, one, level=level, clusters=patients) for one in perturbed.T], many
        )
    return {"auc": area, "auc_loss": lost}


def _mean_of(repeats: Sequence[Estimate | Comparison], many: str) -> Interval:
    """The mean of repeats that vary with the sample in no way the variance could show."""
    values = [one.value if isinstance(one, Estimate) else one.difference for one in repeats]
    ends = ([one.low for one in repeats], [one.high for one in repeats])
    value, low, high = (fsum(each) / len(repeats) for each in (values, *ends))
    return value, low, high, f"{'; '.join(sorted({one.method for one in repeats}))}{many}"


def _agreement(perturbed: Floats, study: Study) -> dict[str, Interval]:
    """The ICC of the repeats, each taken at random."""
    if min(perturbed.shape) < 2:
        return {"icc": (nan, nan, nan, "not estimable: one repeat or one case")}
    try:
        agreement = stats.icc(perturbed, form="ICC(1,1)", level=study.evaluation.level)
    except NotEstimableError as error:
        return {"icc": (nan, nan, nan, f"not estimable: {error}")}
    return {"icc": (agreement.value, agreement.low, agreement.high, agreement.method)}
