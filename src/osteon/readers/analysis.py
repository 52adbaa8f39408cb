"""From readings to every table of a reader study.

Differences over all readers treat readers and cases as samples (Obuchowski & Rockette 1995, Hillis 2007); what is said
of one reader is over the sampling of cases. Gains and losses stand side by side: specificity as well as sensitivity,
wrong advice as well as right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import InputError, NotEstimableError
from osteon.core.progress import Progress, Quiet
from osteon.core.run import TableSet
from osteon.core.types import Comparison, Estimate
from osteon.readers import clustered
from osteon.readers.hurry import advice_times, unhurried
from osteon.readers.localisation import Criterion
from osteon.readers.merit import ANALYSES, MERITS, Judged, judge, natural
from osteon.readers.readings import prepared
from osteon.readers.reliance import pairs, reliance, shared
from osteon.readers.standalone import against_model
from osteon.stats import (
    MRMCResult,
    calibration,
    delong_ci,
    fleiss_kappa,
    holm,
    icc,
    lroc_ci,
    operating_point,
    proportion_ci,
    reader_covariate,
    roc_curve,
)

_BINS = np.arange(11) / 10  # decimals: linspace would put a confidence of 0.3 below 0.30000000000000004
_GRID = np.arange(101) / 100
#: Figures whose gain is shown by reader, beside experience.
_GAINS = ("auc", "sensitivity", "specificity", "accuracy", "lroc")


@dataclass(frozen=True, eq=False)
class Analysis(TableSet):
    """The tables of a reader study; each is written as ``<name>.csv``.

    Attributes:
        reader_metrics: AUC, sensitivity, specificity, accuracy, localisation, calibration and time by reader and arm,
            their means, and the model alone.
        reader_comparisons: One arm minus the other, every pair, over all readers and by each.
        reader_standalone: The model alone beside the readers of each arm; empty where it has not answered.
        reader_unhurried: The comparisons without cases answered within a second of the advice; empty if there are none.
        reader_advice: How long readers had the advice before they answered.
        reliance: What was made of right and wrong advice; empty without advice.
        reader_agreement: Between readers.
        reader_benefit: Each reader's gain beside experience and receptiveness.
        reader_covariates: How the gain changes with these.
        reader_roc: ROC curves.
        reader_confidence: How often a confidence was right.
    """

    reader_metrics: pd.DataFrame
    reader_comparisons: pd.DataFrame
    reader_standalone: pd.DataFrame
    reader_unhurried: pd.DataFrame
    reader_advice: pd.DataFrame
    reliance: pd.DataFrame
    reader_agreement: pd.DataFrame
    reader_benefit: pd.DataFrame
    reader_covariates: pd.DataFrame
    reader_roc: pd.DataFrame
    reader_confidence: pd.DataFrame

    also_empty: ClassVar[bool] = False


def analyse(
    readings: pd.DataFrame,
    *,
    threshold: float | None = None,
    level: float = 0.95,
    criterion: Criterion | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Analyse a reader study.

    Args:
        readings: Has the columns of the contract of readings; of the optional ones each adds what it makes possible.
        threshold: Makes calls from confidence where the table has none.
        level: Confidence level.
        criterion: When a drawn box is on the lesion.
        progress: Where progress is shown.

    Returns:
        The tables.

    Raises:
        TableError: No reading, a reading that occurs twice, a case with two truths.
    """
    frame = prepared(readings, threshold, criterion)
    if frame.empty:
        raise InputError("there are no readings", fix="Give a table with one row a reader, arm and case.")
    rest = unhurried(frame)
    show = progress or Quiet()
    with show(len(MERITS) * (1 if rest is None else 2) + 1, "analysing readings") as bar:

        def judged(among: pd.DataFrame) -> dict[str, Judged]:
            found = {}
            for name in MERITS:
                found[name] = judge(among, name, level)
                bar.advance()
            return {name: one for name, one in found.items() if one is not None}

        results = judged(frame)
        again = {} if rest is None else judged(rest)
        by_advice = {"aided", "unaided"} <= set(frame["arm"]) and len(pairs(frame)) > 0
        found = Analysis(
            reader_metrics=_table(_metrics(frame, results, level), tables.READER_METRICS),
            reader_comparisons=_table(_comparisons(results), tables.READER_COMPARISONS),
            reader_standalone=_table(against_model(frame, level), tables.READER_STANDALONE),
            reader_unhurried=_table(_comparisons(again), tables.READER_UNHURRIED),
            reader_advice=_table(advice_times(frame), tables.READER_ADVICE),
            reliance=reliance(frame, level=level) if by_advice else _table((), tables.RELIANCE),
            reader_agreement=_table(_agreement(frame, level), tables.READER_AGREEMENT),
            reader_benefit=_table(_benefit(frame, results), tables.READER_BENEFIT),
            reader_covariates=_table(_covariates(frame, results, level), tables.READER_COVARIATES),
            reader_roc=pd.concat([_table((), tables.READER_ROC), *_curves(frame)], ignore_index=True),
            reader_confidence=_table(_confidence(frame, level), tables.READER_CONFIDENCE),
        )
        bar.advance()
    return found


def _table(rows: Iterable[dict[str, object]], contract: tables.Contract) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(contract.columns))


# --- arms compared -----------------------------------------------------------------------------------------------


def _comparisons(results: dict[str, Judged]) -> Iterator[dict[str, object]]:
    """Every pair of arms in every analysis; one that cannot be made has its reason in place of numbers."""
    for name, judged in results.items():
        for random in ANALYSES:
            found = judged.found[random]
            primary = name == "auc" and random == "readers and cases"
            if isinstance(found, str):
                for pair in judged.pairs:
                    yield _compared(("all", name, random), pair, _none(found), np.nan, primary=primary)
            else:
                for pair, difference in found.differences.items():
                    yield _compared(("all", name, random), pair, difference, found.p_holm[pair], primary=primary)
        if judged.best is not None:
            yield from _by_reader(name, judged.best[1])


def _by_reader(name: str, result: MRMCResult) -> Iterator[dict[str, object]]:
    for reader in dict.fromkeys(reader for _, _, reader in result.reader_differences):
        own = {(a, b): c for (a, b, who), c in result.reader_differences.items() if who == reader}
        for (pair, found), adjusted in zip(own.items(), holm([c.p for c in own.values()]).tolist(), strict=True):
            yield _compared((reader, name, "cases"), pair, found, adjusted)


def _none(why: str) -> Comparison:
    nan = float("nan")
    return Comparison(nan, nan, nan, nan, nan, nan, f"not estimable: {why}", 0)


def _compared(
    of: tuple[str, str, str], pair: tuple[str, str], found: Comparison, adjusted: float, *, primary: bool = False
) -> dict[str, object]:
    reader, name, random = of
    return {
        "reader": reader,
        "metric": name,
        "random": random,
        "arm_a": pair[0],
        "arm_b": pair[1],
        "difference": natural(name, found.difference),
        "low": natural(name, found.low),
        "high": natural(name, found.high),
        "p": found.p,
        "p_holm": adjusted,
        "method": found.method + ("; ratio of geometric means" if name == "seconds" and found.p == found.p else ""),
        "primary": primary,
    }


# --- by reader and arm -------------------------------------------------------------------------------------------


def _metrics(frame: pd.DataFrame, results: dict[str, Judged], level: float) -> Iterator[dict[str, object]]:
    cases = frame.drop_duplicates("case_id")
    for name, judged in results.items():
        if judged.best is None:
            continue
        random, result = judged.best
        for arm, found in result.estimates.items():
            value, low, high = (natural(name, v) for v in (found.value, found.low, found.high))
            moved = Estimate(value, low, high, found.method, found.n)
            yield _metric("all", arm, name, moved, int(cases["truth"].sum()), random)
    for (reader, in_arm), own in frame.groupby(["reader", "arm"], sort=True):
        for name, found in _own(own, level):
            yield _metric(str(reader), str(in_arm), name, found, int(own["truth"].sum()))
    alone = cases[cases["probability"].notna() | cases["advice"].notna()]
    for name, found in _own(alone.assign(confidence=alone["probability"], call=alone["advice"]), level, model=True):
        yield _metric("model", "alone", name, found, int(alone["truth"].sum()))


def _own(own: pd.DataFrame, level: float, *, model: bool = False) -> Iterator[tuple[str, Estimate]]:
    """What one reader (or the model) does in one arm, over the sampling of cases."""
    truth = own["truth"].to_numpy()
    clusters = shared(own["cluster"])
    graded, called = own[own["confidence"].notna()], own[own["call"].notna()]
    if len(graded):
        yield "auc", _tried(lambda: delong_ci(graded["truth"], graded["confidence"], level=level, clusters=_c(graded)))
    if len(called):
        try:
            point = operating_point(called["truth"], called["call"], 0.5, level=level, clusters=_c(called))
            yield from (("sensitivity", point.sensitivity), ("specificity", point.specificity))
        except NotEstimableError:
            pass
        yield "accuracy", proportion_ci(called["truth"] == called["call"], level=level, clusters=_c(called))
    judged = own[own["judged"].notna()]
    if len(judged) and not model:
        found_ones = (judged["truth"], judged["confidence"], judged["localised"].to_numpy())
        yield "lroc", _tried(lambda: lroc_ci(*found_ones, level=level, clusters=_c(judged)))
        lesions = judged[judged["truth"] == 1]
        if len(lesions):
            yield "localised", proportion_ci(lesions["localised"], level=level, clusters=_c(lesions))
    probability = own["confidence"].to_numpy() if model else as_probability(own)
    if probability is not None and not np.isnan(probability).any() and len(probability):
        found = _tried(lambda: calibration(truth, probability, level=level, clusters=clusters))
        if isinstance(found, Estimate):
            yield "calibration_slope", found
        else:
            yield "calibration_intercept", found.intercept
            yield "calibration_slope", found.slope
            yield "brier", found.brier.score
    seconds = own["seconds"].dropna()
    if len(seconds) and not model:
        quartiles = np.quantile(seconds, [0.25, 0.5, 0.75])
        yield "median_seconds", Estimate(quartiles[1], quartiles[0], quartiles[2], "median, quartiles", len(seconds))


def _c(part: pd.DataFrame) -> Any:
    return shared(part["cluster"])


def _tried(compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except NotEstimableError as error:
        return Estimate(np.nan, np.nan, np.nan, f"not estimable: {error}", 0)


def as_probability(readings: pd.DataFrame) -> Any:
    """Confidence as a probability, half a step inside 0 and 1; None for scales that are not 0 to 100."""
    scale = set(readings["scale"]) if "scale" in readings else {"0-100"} if readings["confidence"].max() > 10 else set()
    inside = readings["confidence"].between(0, 100).all()
    return (readings["confidence"].to_numpy() + 0.5) / 101 if scale == {"0-100"} and inside else None


def _metric(
    reader: str, arm: str, name: str, found: Estimate, positives: int, random: str = "cases"
) -> dict[str, object]:
    return {
        "reader": reader,
        "arm": arm,
        "metric": name,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "method": found.method,
        "n": found.n,
        "n_positive": positives,
        "random": random,
    }


# --- agreement, gain, curves, confidence -------------------------------------------------------------------------


def _agreement(frame: pd.DataFrame, level: float) -> Iterator[dict[str, object]]:
    """Between readers, on the cases that all of them have read."""
    for arm, own in frame.groupby("arm", sort=True):
        for column, measure in (("call", "Fleiss' kappa of the calls"), ("confidence", "ICC(2,1) of the confidences")):
            wide = own.set_index(["case_id", "reader"])[column].unstack().dropna().to_numpy()  # noqa: PD010
            if min(wide.shape) < 2:
                continue
            compute = fleiss_kappa if column == "call" else icc
            found = _tried(lambda compute=compute, wide=wide: compute(wide, level=level))  # type: ignore[misc]
            yield {
                "arm": arm, "measure": measure, "value": found.value, "low": found.low, "high": found.high,
                "method": found.method, "n": len(wide),
            }  # fmt: skip


def _benefit(frame: pd.DataFrame, results: dict[str, Judged]) -> Iterator[dict[str, object]]:
    known = frame.groupby("reader")[["experience", "receptiveness"]].first()
    for name, result in _gains(results):
        for (a, b, reader), found in result.reader_differences.items():
            yield {
                "reader": reader,
                "metric": name,
                "arm_a": a,
                "arm_b": b,
                "without": result.readers[b, reader].value,
                "with": result.readers[a, reader].value,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "experience": known.loc[reader, "experience"],
                "receptiveness": known.loc[reader, "receptiveness"],
            }


def _gains(results: dict[str, Judged]) -> Iterator[tuple[str, MRMCResult]]:
    for name in _GAINS:
        if name in results and (best := results[name].best) is not None:
            yield name, best[1]


def _covariates(frame: pd.DataFrame, results: dict[str, Judged], level: float) -> Iterator[dict[str, object]]:
    for name, result in _gains(results):
        for a, b in result.differences:
            for column in ("experience", "receptiveness"):
                values = frame.groupby("reader")[column].first().dropna()
                known = {str(who): float(value) for who, value in values.items()}
                both = [who for arm, who in result.readers if arm == a and (b, who) in result.readers]
                if not set(both) <= set(known):
                    continue
                try:
                    found = reader_covariate(result, known, pair=(a, b), name=column, level=level)
                except NotEstimableError:
                    continue
                yield {
                    "property": column, "metric": name, "arm_a": a, "arm_b": b, "slope": found.difference,
                    "low": found.low, "high": found.high, "p": found.p, "method": found.method,
                }  # fmt: skip


def _curves(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Each reader's curve, the mean over readers at each specificity, and the model's."""
    for arm, own in frame.groupby("arm", sort=True):
        heights = []
        for reader, readings in own.groupby("reader", sort=True):
            curve = _curve(readings["truth"], readings["confidence"])
            if curve is not None:
                yield curve.assign(reader=reader, arm=arm)
                heights.append(np.interp(_GRID, curve["false_positive_rate"], curve["sensitivity"]))
        if heights:
            mean = np.concatenate([[0.0], np.mean(heights, axis=0)])
            grid = np.concatenate([[0.0], _GRID])
            yield pd.DataFrame({"false_positive_rate": grid, "sensitivity": mean, "reader": "all", "arm": arm})
    cases = frame.drop_duplicates("case_id").dropna(subset="probability")
    curve = _curve(cases["truth"], cases["probability"]) if len(cases) else None
    if curve is not None:
        yield curve.assign(reader="model", arm="alone")


def _curve(truth: pd.Series, score: pd.Series) -> pd.DataFrame | None:
    try:
        found = roc_curve(truth, score)
    except NotEstimableError:
        return None
    return pd.DataFrame({"false_positive_rate": 1 - found.specificity, "sensitivity": found.sensitivity})


def _confidence(frame: pd.DataFrame, level: float) -> Iterator[dict[str, object]]:
    """How often cases that were read with about this confidence were positive, over all readers."""
    probability = as_probability(frame)
    if probability is None:
        return
    bins = np.clip(np.digitize(probability, _BINS) - 1, 0, len(_BINS) - 2)
    for (arm, _), own in frame.assign(probability=probability).groupby(["arm", bins], sort=True):
        found = clustered.share(own["truth"], own["reader"], own["cluster"], level=level)
        yield {
            "arm": arm, "confidence": float(own["probability"].mean()), "observed": found.value, "low": found.low,
            "high": found.high, "n": found.n,
        }  # fmt: skip
