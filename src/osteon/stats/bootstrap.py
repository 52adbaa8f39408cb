"""Resampling of patients: intervals and tests for statistics without a variance formula.

Sources: Efron 1987 (BCa); Davison & Hinkley 1997, sections 3.2 and 5.3 (strata); Efron & Tibshirani 1993;
Hanley & Hajian-Tilaki 1997.

The unit that is drawn is the cluster (the patient; without clusters the case). Clusters are drawn within three strata:
with positives only, with negatives only, with both. So every resample has both classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf, isfinite, nan

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, Estimate, Floats
from osteon.stats import inputs
from osteon.stats.delong import delong_ci, delong_test
from osteon.stats.distributions import critical, logit_limits, two_sided
from osteon.stats.roc import auc, partial_auc, roc_curve

_ALIKE = "all resamples are alike, which leaves no interval"
#: Elements of the matrix of resamples held at once: 32 MB a temporary.
BLOCK = 4_000_000


def bootstrap_ci(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    statistic: Callable[[Floats, Floats], float] = auc,
    level: float = 0.95,
    method: str = "bca",
    resamples: int = 2000,
    clusters: ArrayLike | None = None,
    stratified: bool = True,
    rng: np.random.Generator | int = 0,
    name: str | None = None,
) -> Estimate:
    """Bootstrap interval of any statistic of truth and score.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        statistic: ``f(y_true, y_score) -> float``; the default AUC is vectorised over resamples, others are called
            once a resample.
        level: Confidence level.
        method: ``"bca"`` or ``"percentile"``.
        resamples: Number of resamples.
        clusters: (n,) patient of each case; whole patients are drawn.
        stratified: Draw within classes (see the module); else over all clusters, and a resample with one class only
            is drawn again.
        rng: Generator, or a seed for one.
        name: What is estimated; default the statistic's own name.

    Returns:
        The estimate; with all resamples on one side of it BCa is not defined, and the interval is the percentile one,
        as `method` then says. Where all resamples are equal, as under perfect separation, the AUC has the exact
        interval of :func:`delong_ci` and any other statistic none (nan).

    Raises:
        InputError: Missing values, unequal lengths, a seed that is no whole number from 0 up.
        NotEstimableError: One class only, or a statistic that is not a number in some resample.
    """
    inputs.choice(method, ("bca", "percentile"), "method")
    inputs.between(level, 0, 1, "level")
    units = Units(inputs.truth(y_true), clusters, stratified)
    value, draws, calculate = _draws(units, [y_score], statistic, resamples, rng)
    positive, title = units.positive, _title(statistic, name)
    if np.ptp(draws) == 0:
        if statistic is auc:
            return replace(delong_ci(y_true, y_score, level=level, clusters=clusters), name=title)
        return Estimate(value, nan, nan, f"bootstrap: {_ALIKE}", positive.size, nan, level, title)
    used = "percentile"
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    below = (np.sum(draws < value) + np.sum(draws == value) / 2) / draws.size
    if method == "bca" and 0 < below < 1:
        bias, acceleration = ndtri(below), jackknife_acceleration(units, calculate)
        shifted = bias + ndtri(tails)
        tails, used = ndtr(bias + shifted / (1 - acceleration * shifted)), "BCa (Efron 1987)"
    low, high = np.quantile(draws, tails)
    label = f"bootstrap of {units.what}, {used}, {resamples} resamples"
    return Estimate(value, float(low), float(high), label, positive.size, float(draws.std(ddof=1)), level, title)


def _draws(
    units: Units,
    given: Sequence[ArrayLike],
    statistic: Callable[[Floats, Floats], float],
    resamples: int,
    rng: np.random.Generator | int,
) -> tuple[float, Floats, Callable[[Floats], Floats]]:
    """The statistic of one score, or the difference of two; its resamples; it as a function of weights."""
    inputs.count(resamples, 2, "resamples")
    if not callable(statistic):
        raise InputError(f"statistic is a {type(statistic).__name__}", fix="Give a function of truth and score.")
    generator, positive = inputs.generator(rng), units.positive
    names = ("y_score",) if len(given) == 1 else ("score_a", "score_b")
    each = [inputs.scores(s, positive.size, name=name) for s, name in zip(given, names, strict=True)]
    parts = [of_weights(statistic, positive, score) for score in each]
    signs = (1.0, -1.0)[: len(each)]

    def calculate(weights: Floats) -> Floats:
        total: Floats = np.sum([sign * part(weights) for sign, part in zip(signs, parts, strict=True)], axis=0)
        return total

    truth = positive.astype(np.float64)
    value = sum(sign * float(statistic(truth, score)) for sign, score in zip(signs, each, strict=True))
    draws = np.concatenate([calculate(weights) for weights in units.drawn(resamples, generator)])
    bad = int(np.sum(~np.isfinite(draws))) + (not isfinite(value))
    if bad:
        raise NotEstimableError(f"the statistic is no finite number in {bad} of {resamples} resamples")
    return value, draws, calculate


def _title(statistic: Callable[[Floats, Floats], float], name: str | None) -> str:
    own = getattr(statistic, "__name__", "statistic")
    return name or ("AUC" if statistic is auc else own)


def bootstrap_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    statistic: Callable[[Floats, Floats], float] = auc,
    level: float = 0.95,
    resamples: int = 2000,
    clusters: ArrayLike | None = None,
    stratified: bool = True,
    rng: np.random.Generator | int = 0,
    name: str | None = None,
) -> Comparison:
    """Difference a - b of a statistic of two scores on the same cases, by the bootstrap's standard error.

    The two scores share every resample. Test and interval are one: Student's t with as many degrees of freedom as
    there are patients (or cases), less one (Efron & Tibshirani 1993). Arguments and errors as :func:`bootstrap_ci`.
    Where all resamples are equal the AUCs are compared by :func:`delong_test`, and any other statistic has neither
    interval nor test (nan).
    """
    inputs.between(level, 0, 1, "level")
    units = Units(inputs.truth(y_true), clusters, stratified)
    difference, draws, _ = _draws(units, [score_a, score_b], statistic, resamples, rng)
    n, title = units.positive.size, _title(statistic, name)
    if np.ptp(draws) == 0:
        if statistic is auc:
            return replace(delong_test(y_true, score_a, score_b, level=level, clusters=clusters), name=title)
        return Comparison(difference, nan, nan, 0.0, nan, nan, f"bootstrap: {_ALIKE}", n, level, title)
    se, df = float(draws.std(ddof=1)), float(units.total - 1)
    z, half = difference / se, critical(level, df) * se
    label = f"bootstrap of {units.what}, Student's t, {resamples} resamples"
    low, high = difference - half, difference + half
    return Comparison(difference, low, high, se, z, two_sided(z, df), label, n, level, title, df)


def partial_auc_ci(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    low: float = 0.9,
    high: float = 1.0,
    focus: str = "specificity",
    standardised: bool = False,
    level: float = 0.95,
    resamples: int = 2000,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
) -> Estimate:
    """:func:`osteon.stats.partial_auc` with an interval from the bootstrap's standard error on the logit scale.

    The part of the greatest possible area is a mean sensitivity (or specificity), and like an AUC it is skewed near its
    ends. With several cases a patient Student's t with patients - 1 degrees of freedom. An area of 0 or of all that is
    possible takes the percentiles.
    """
    inputs.between(level, 0, 1, "level")
    value = partial_auc(y_true, y_score, low=low, high=high, focus=focus, standardised=standardised)

    def share(truth: ArrayLike, score: ArrayLike) -> float:
        area = partial_auc(truth, score, low=low, high=high, focus=focus)
        return round(area / (high - low), 12)  # exactly 1 where all is reached

    units = Units(inputs.truth(y_true), clusters, stratified=True)
    found, draws, _ = _draws(units, [y_score], share, resamples, rng)
    scale = _standardising(low, high, focus) if standardised else (0.0, high - low)
    title, how, spread = f"partial AUC ({focus} {low:g} to {high:g})", "percentile", float(draws.std(ddof=1))
    if np.ptp(draws) == 0:
        return Estimate(value, nan, nan, f"bootstrap: {_ALIKE}", units.positive.size, nan, level, title)
    limits = tuple(map(float, np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])))
    if 0 < found < 1:
        df = float(units.total - 1) if units.clustered else inf
        limits = logit_limits(found, spread, level, df)
        how = "logit" + (", Student's t" if units.clustered else "")
    lower, upper = (scale[0] + scale[1] * limit for limit in limits)
    label = f"bootstrap of {units.what}, {how}, {resamples} resamples"
    return Estimate(value, lower, upper, label, units.positive.size, scale[1] * spread, level, title)


def _standardising(low: float, high: float, focus: str) -> tuple[float, float]:
    """What a share of the greatest area becomes in McClish's (1989) standardisation: constant and factor."""
    perfect, nothing = (
        partial_auc([0, 1], pair, low=low, high=high, focus=focus, standardised=True) for pair in ([0, 1], [1, 0])
    )
    return nothing, perfect - nothing


def compare_sensitivity(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    specificity: float,
    level: float = 0.95,
    resamples: int = 2000,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
) -> Comparison:
    """Difference a - b of the sensitivities at one and the same specificity, each read from its own ROC curve.

    Both thresholds are found anew in every resample, so their uncertainty is in the standard error, from which p and
    interval are made as by :func:`bootstrap_test`.
    """
    inputs.between(specificity, 0, 1, "specificity")
    return bootstrap_test(
        y_true,
        score_a,
        score_b,
        statistic=_SensitivityAt(specificity),
        level=level,
        resamples=resamples,
        clusters=clusters,
        rng=rng,
        name=f"sensitivity at specificity {specificity:g}",
    )


@dataclass(frozen=True)
class _SensitivityAt:
    """The sensitivity at a specificity."""

    specificity: float

    def __call__(self, truth: ArrayLike, score: ArrayLike) -> float:
        return float(roc_curve(truth, score).sensitivity_at(self.specificity))

    def of_weights(self, positive: inputs.Bools, score: Floats, weights: Floats) -> Floats:
        """The same of (block, n) case weights at once: a score that was not drawn repeats a point of the curve."""
        order = np.argsort(-score)
        ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
        hits, alarms = (
            np.pad(np.cumsum(weights[:, order] * of[order], axis=1)[:, ends], ((0, 0), (1, 0)))
            for of in (positive, ~positive)
        )
        x, y = 1 - (alarms[:, -1:] - alarms) / alarms[:, -1:], hits / hits[:, -1:]
        wanted = 1 - self.specificity
        left = np.sum(x <= wanted + 1e-12, axis=1) - 1  # as RocCurve.sensitivity_at
        rows, right = np.arange(len(x)), np.minimum(left + 1, ends.size)
        width = x[rows, right] - x[rows, left]
        share = np.clip(np.divide(wanted - x[rows, left], width, out=np.zeros_like(width), where=width > 0), 0, 1)
        result: Floats = y[rows, left] + share * (y[rows, right] - y[rows, left])
        return result


class Units:
    """The clusters that are drawn, numbered so that those of a stratum stand together."""

    def __init__(self, positive: inputs.Bools, clusters: ArrayLike | None, stratified: bool) -> None:
        codes = inputs.codes(clusters, positive.size)
        self.clustered = codes is not None
        self.what = "patients" if self.clustered else "cases"
        codes = np.arange(positive.size) if codes is None else codes
        self.total = int(codes.max()) + 1
        self.positive = positive
        kind = np.zeros(self.total, dtype=np.intp)
        if stratified:
            np.bitwise_or.at(kind, codes, np.where(positive, 2, 1))
        number = np.empty(self.total, dtype=np.intp)
        number[np.argsort(kind, kind="stable")] = np.arange(self.total)
        self.codes = number[codes]
        ends = np.cumsum(np.bincount(kind)).tolist()
        self.strata = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False) if end > start]

    def drawn(self, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """Blocks of (block, n) weights: how often each case was drawn."""
        if resamples < 2:
            raise InputError(f"resamples is {resamples}", fix="Give at least 2.")
        block = max(1, BLOCK // self.codes.size)
        for start in range(0, resamples, block):
            yield self._weights(min(block, resamples - start), rng)

    def _weights(self, rows: int, rng: np.random.Generator) -> Floats:
        counts = np.empty((rows, self.total))
        for stratum in self.strata:
            size = stratum.stop - stratum.start
            drawn = rng.integers(size, size=(rows, size)) + np.arange(rows)[:, None] * size
            counts[:, stratum] = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
        weights: Floats = np.take(counts, self.codes, axis=1)
        positives = weights @ self.positive
        lacking = (positives == 0) | (positives == weights.sum(axis=1))
        if lacking.any():  # only possible without strata
            weights[lacking] = self._weights(int(lacking.sum()), rng)
        return weights

    def left_out(self) -> Iterator[tuple[inputs.Ints, Floats]]:
        """Blocks of cluster numbers and the (block, n) weights of the sample without each."""
        block = max(1, BLOCK // self.codes.size)
        for start in range(0, self.total, block):
            which = np.arange(start, min(start + block, self.total))
            yield which, (self.codes[None, :] != which[:, None]).astype(np.float64)


def of_weights(
    statistic: Callable[[Floats, Floats], float], positive: inputs.Bools, score: Floats
) -> Callable[[Floats], Floats]:
    """The statistic as a function of (block, n) case weights."""
    if isinstance(statistic, _SensitivityAt):
        return partial(statistic.of_weights, positive, score)
    if statistic is not auc:
        truth = positive.astype(np.float64)

        def by_repetition(weights: Floats) -> Floats:
            counts = weights.astype(np.intp)
            return np.array([statistic(np.repeat(truth, row), np.repeat(score, row)) for row in counts])

        return by_repetition
    negatives = np.flatnonzero(~positive)[np.argsort(score[~positive])]
    positives = np.flatnonzero(positive)[np.argsort(score[positive])]
    below = np.searchsorted(score[negatives], score[positives], side="left")
    upto = np.searchsorted(score[negatives], score[positives], side="right")
    untied = np.array_equal(below, upto)

    def by_cumulation(weights: Floats) -> Floats:
        cumulated = np.zeros((weights.shape[0], negatives.size + 1))
        np.cumsum(np.take(weights, negatives, axis=1), axis=1, out=cumulated[:, 1:])
        of_positives = np.take(weights, positives, axis=1)
        beaten = np.take(cumulated, below, axis=1)
        if not untied:
            beaten = (beaten + np.take(cumulated, upto, axis=1)) / 2
        wins = np.einsum("bp,bp->b", of_positives, beaten)
        result: Floats = wins / (of_positives.sum(axis=1) * cumulated[:, -1])
        return result

    return by_cumulation


def jackknife_acceleration(units: Units, calculate: Callable[[Floats], Floats]) -> float:
    """Efron's acceleration from the jackknife over clusters, by stratum (Davison & Hinkley 1997, eq. 5.29)."""
    without = np.empty(units.total)
    for which, weights in units.left_out():
        try:
            without[which] = calculate(weights)
        except NotEstimableError:
            return 0.0
    if not np.isfinite(without).all():
        return 0.0
    cubes = squares = 0.0
    for stratum in units.strata:
        size = stratum.stop - stratum.start
        effect = (size - 1) * (without[stratum].mean() - without[stratum]) / size
        cubes, squares = cubes + float(np.sum(effect**3)), squares + float(np.sum(effect**2))
    return cubes / (6 * squares**1.5) if squares > 0 else 0.0
