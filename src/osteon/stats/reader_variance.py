"""The covariance that shared cases give to the figures of merit of readers.

Sources: Quenouille 1956 and Tukey 1958 (jackknife); DeLong 1988; Obuchowski & Rockette 1995; Gallas 2006
(U-statistics).
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Floats
from osteon.stats import inputs
from osteon.stats.bootstrap import Units, of_weights
from osteon.stats.influences import covariance, influence, spread
from osteon.stats.reader_cells import NAMED, Figure, Readings, accuracy, mean, sensitivity, specificity
from osteon.stats.roc import auc, placements

#: What rounding leaves of a variance that is zero.
_ROUNDING = 1e-12


def cell_covariance(
    readings: Readings, function: Figure, method: str, resamples: int, rng: np.random.Generator | int
) -> Floats:
    """Covariance of the cells' figures of merit over the sampling of cases, (cells, cells).

    Cells that share no case have covariance zero.

    Args:
        readings: The readings.
        function: The figure of merit.
        method: ``"jackknife"``, ``"delong"`` or ``"ustatistic"`` (named figures), or ``"bootstrap"``.
        resamples: Number of bootstrap resamples.
        rng: Generator, or a seed for one.
    """
    inputs.choice(method, ("jackknife", "delong", "ustatistic", "bootstrap"), "covariance")
    if method == "ustatistic":
        return _unbiased(readings, function)
    if method == "delong":
        return covariance(_influences(readings, function), readings.positive, readings.codes)
    if method == "jackknife":
        deviations = np.stack([_jackknife(readings, score, function) for score in readings.score])
        result: Floats = deviations @ deviations.T
        return result
    units = Units(readings.positive, readings.codes, stratified=True)
    cells = [(~np.isnan(score), score) for score in readings.score]
    calculate = [_of_weights(function, readings.positive[read], score[read]) for read, score in cells]
    with np.errstate(invalid="ignore", divide="ignore"):
        blocks = [
            np.stack([f(weights[:, read]) for f, (read, _) in zip(calculate, cells, strict=True)])
            for weights in units.drawn(resamples, _generator(rng))
        ]
    draws = np.concatenate(blocks, axis=1)
    if not np.isfinite(draws).all():
        raise NotEstimableError("a resample left a reader without cases of a class: use the jackknife")
    return np.atleast_2d(np.cov(draws))


def _unbiased(readings: Readings, function: Figure) -> Floats:
    """The product of two figures less an unbiased estimate of the product of their expectations.

    That estimate is the mean of the products of two pairs of cases, one from each figure, which share no case.
    """
    if readings.codes is not None:
        raise InputError(
            "the U-statistic covariance does not know patients with several cases", fix="Use the jackknife."
        )
    read, positive = ~np.isnan(readings.score), readings.positive
    if function is auc:
        among = np.stack([np.outer(own[positive], own[~positive]) for own in read]).astype(np.float64)
        wins = np.stack([_wins(score[positive], score[~positive]) for score in readings.score])
    else:
        terms = [_terms(function, positive, np.nan_to_num(score)) for score in readings.score]
        if any(term is None for term in terms):
            raise InputError(f"the U-statistic covariance is for {', '.join(NAMED)}", fix="Use the jackknife.")
        among = np.stack([own & term[1] for own, term in zip(read, terms, strict=True) if term]).astype(np.float64)
        wins = np.stack([term[0] for term in terms if term]) * among

    def apart(values: Floats) -> Floats:
        """Sums of products over pairs of places that share no case: all, less those that do."""
        flat = values.reshape(len(values), -1)
        same, total = flat @ flat.T, flat.sum(axis=1)
        found: Floats = np.outer(total, total)
        if values.ndim == 2:
            found -= same
            return found
        rows, columns = values.sum(axis=2), values.sum(axis=1)
        found += same - rows @ rows.T - columns @ columns.T
        return found

    counts, figure = apart(among), wins.reshape(len(wins), -1).sum(axis=1) / among.reshape(len(among), -1).sum(axis=1)
    if counts.diagonal().min() < 0.5:
        raise NotEstimableError("the U-statistic covariance needs two cases of each class for every reader")
    result: Floats = np.outer(figure, figure) - apart(wins) / counts
    if result.diagonal().min() < -_ROUNDING:
        raise NotEstimableError(
            "an unbiased variance came out negative, as it can near an area of 1: use the jackknife"
        )
    return result


def _wins(positive: Floats, negative: Floats) -> Floats:
    """(m, n) 1 where the positive case has the higher score, 1/2 for ties, 0 where one has not been read."""
    difference = positive[:, None] - negative
    return np.where(np.isnan(difference), 0.0, (np.sign(np.nan_to_num(difference)) + 1) / 2)


def _generator(rng: np.random.Generator | int) -> np.random.Generator:
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise InputError(f"rng is {rng}", fix="Give a generator, or a whole number from 0 up as its seed.") from error


def pseudovalues(readings: Readings, function: Figure) -> Floats:
    """Jackknife pseudovalues of each cell, (cells, cases); all cells must have read all cases."""
    n = readings.positive.size
    values = np.array([function(readings.positive.astype(np.float64), score) for score in readings.score])
    without = np.stack([_left_out(readings, score, function)[1] for score in readings.score])
    result: Floats = n * values[:, None] - (n - 1) * without
    return result


def _jackknife(readings: Readings, score: Floats, function: Figure) -> Floats:
    """Deviations of the figure without each case or cluster, scaled so that their products sum to covariances."""
    units, without = _left_out(readings, score, function)
    total = readings.positive.size if readings.codes is None else int(readings.codes.max()) + 1
    deviations = np.zeros(total)
    deviations[units] = (without - without.mean()) * sqrt((units.size - 1) / units.size)
    return deviations


def _left_out(readings: Readings, score: Floats, function: Figure) -> tuple[NDArray[np.intp], Floats]:
    """The units that a cell has read, and its figure of merit without each."""
    read = np.flatnonzero(~np.isnan(score))
    positive, own = readings.positive[read], score[read]
    if min(positive.sum(), (~positive).sum()) < 2:
        raise NotEstimableError("the jackknife needs two positive and two negative cases for every reader")
    if readings.codes is None and function is auc:
        counts, n_positive = placements(positive, own), int(positive.sum())
        pairs = n_positive * (positive.size - n_positive)
        left = (counts[positive].sum() - counts) / (pairs - np.where(positive, positive.size - n_positive, n_positive))
        return read, left
    if readings.codes is None:
        units, codes = read, np.arange(read.size)
    else:
        units, codes = np.unique(readings.codes[read], return_inverse=True)
        _two_patients(positive, codes)
    calculate = _of_weights(function, positive, own)
    drawn = Units(positive, codes, stratified=False)
    # Units numbers the clusters in its own way.
    order = np.empty(drawn.total, dtype=np.intp)
    order[drawn.codes] = codes
    without = np.empty(drawn.total)
    for which, weights in drawn.left_out():
        without[order[which]] = calculate(weights)
    return units, without


def _two_patients(positive: inputs.Bools, codes: inputs.Ints) -> None:
    if min(np.unique(codes[among]).size for among in (positive, ~positive)) < 2:
        raise NotEstimableError("a variance needs positive and negative cases of two patients for every reader")


def _terms(function: Figure, positive: inputs.Bools, score: Floats) -> tuple[Floats, inputs.Bools] | None:
    """A figure that is a mean: what is averaged, and over which cases."""
    if function is sensitivity:
        return score, positive
    if function is specificity:
        return 1 - score, ~positive
    if function is accuracy:
        return (score == positive).astype(np.float64), np.ones_like(positive)
    return (score, np.ones_like(positive)) if function is mean else None


def _of_weights(function: Figure, positive: inputs.Bools, score: Floats) -> Callable[[Floats], Floats]:
    """:func:`osteon.stats.bootstrap.of_weights`, by one product for figures that are means."""
    terms = _terms(function, positive, score)
    if terms is None:
        return of_weights(function, positive, score)
    value, among = terms[0], terms[1].astype(np.float64)
    return lambda weights: (weights @ (value * among)) / (weights @ among)


def _influences(readings: Readings, function: Figure) -> Floats:
    """(cells, cases) influences on each cell's figure, zero where it has not read the case."""
    rows = []
    for score in readings.score:
        read = np.flatnonzero(~np.isnan(score))
        positive, own = readings.positive[read], score[read]
        if min(positive.sum(), (~positive).sum()) < 2:
            raise NotEstimableError("DeLong's covariance needs two cases of each class for every reader")
        if readings.codes is not None:
            _two_patients(positive, readings.codes[read])
        if function is auc:
            h = influence(positive, own)[1]
        elif (terms := _terms(function, positive, own)) is not None:
            value, among = terms
            h = np.where(among, value - value[among].mean(), 0.0) / among.sum()
        else:
            raise InputError(f"DeLong's covariance is for {', '.join(NAMED)}", fix="Use the jackknife.")
        rows.append(spread(h, read, readings.positive, readings.codes))
    return np.stack(rows)
