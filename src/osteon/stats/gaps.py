"""How far a figure of merit lies apart between subgroups: all pairs at once, and the largest gap.

Sources: Šidák 1967 (intervals that hold together, whatever their correlation); Newcombe 1998 and Zou & Donner 2008 (a
difference from the limits of its parts).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import isfinite, nan, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, Estimate, Floats, printed_p
from osteon.stats import inputs
from osteon.stats.delong import delong_ci
from osteon.stats.distributions import critical, two_sided
from osteon.stats.influences import influence
from osteon.stats.intervals import proportion_ci
from osteon.stats.subgroups import labels_of

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("auc", "sensitivity", "false-positive rate", "calibration")
_TITLES = {"auc": "AUC", "calibration": "observed - predicted"}


@dataclass(frozen=True, slots=True)
class Gaps:
    """A figure of merit by subgroup, and how far subgroups lie apart.

    Attributes:
        estimates: Subgroup to its estimate, each with its own interval; nan where it is not estimable.
        pairs: (a, b) to a - b; intervals hold all together, and p is adjusted for all of them.
        largest: The largest distance of two subgroups; its limits hold for the true one, wherever that is.
        between: The two subgroups that lie farthest apart, the greater first.
        p: Whether any two differ: the smallest adjusted p value.
    """

    estimates: dict[str, Estimate]
    pairs: dict[tuple[str, str], Comparison]
    largest: Estimate
    between: tuple[str, str]
    p: float

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return self.largest.method

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"{self.largest}, {self.between[0]} over {self.between[1]} ({printed_p(self.p)})"

    def to_frame(self) -> pd.DataFrame:
        """One row a pair."""
        import pandas as pd

        frame = pd.concat([pair.to_frame() for pair in self.pairs.values()], ignore_index=True)
        frame.insert(0, "subgroups", [f"{a} - {b}" for a, b in self.pairs])
        return frame


def subgroup_gaps(
    y_true: ArrayLike,
    y_score: ArrayLike,
    groups: ArrayLike,
    *,
    figure: str = "auc",
    threshold: float | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Gaps:
    """Differences of a figure between all subgroups with simultaneous intervals, and the largest of them.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores; probabilities for calibration.
        groups: (n,) subgroup of each case; None, nan and "" become the subgroup "missing".
        figure: ``"auc"``, ``"sensitivity"``, ``"false-positive rate"`` or ``"calibration"`` (share of positives less
            the mean probability).
        threshold: Calls are positive at ``score >= threshold``; for sensitivity and false-positive rate.
        level: Simultaneous confidence level.
        clusters: (n,) patient of each case.

    Raises:
        InputError: As for :func:`osteon.stats.subgroups`.
        NotEstimableError: Fewer than two subgroups in which the figure can be had.
    """
    inputs.choice(figure, FIGURES, "figure")
    positive = inputs.truth(y_true)
    n = positive.size
    score = inputs.probabilities(y_score, n) if figure == "calibration" else inputs.scores(y_score, n)
    if figure in ("sensitivity", "false-positive rate"):
        if threshold is None:
            raise InputError(f"{figure} needs a threshold", fix="Give threshold=.")
        score = inputs.reaches(score, inputs.real(threshold, "threshold"), y_score).astype(np.float64)
    codes, labels = inputs.codes(clusters, n), labels_of(groups, n)
    estimates: dict[str, Estimate] = {}
    influences: dict[str, Floats] = {}
    for name in sorted(set(labels.tolist())):
        within = labels == name
        try:
            estimates[name], h = _one(positive, score, within, figure, (level, codes))
        except NotEstimableError as error:
            title = _TITLES.get(figure, figure)
            estimates[name] = Estimate(nan, nan, nan, str(error), int(within.sum()), nan, level, title)
            continue
        if isfinite(estimates[name].low):
            influences[name] = h
    names = list(influences)
    if len(names) < 2:
        raise NotEstimableError(f"a gap in {figure} needs two subgroups in which it can be had")
    correlation, df = _correlation(np.stack([influences[name] for name in names]), codes), inputs.degrees(codes)
    count = len(names) * (len(names) - 1) // 2
    each = inputs.between(level, 0, 1, "level") ** (1 / count)
    limits = {name: _one(positive, score, labels == name, figure, (each, codes))[0] for name in names}
    pairs = {
        (names[i], names[j]): _pair((limits[names[i]], limits[names[j]]), float(correlation[i, j]), df, count, level)
        for i, j in combinations(range(len(names)), 2)
    }
    (a, b), first = max(pairs.items(), key=lambda item: abs(item[1].difference))
    low = max(max(pair.low, -pair.high, 0.0) for pair in pairs.values())
    high = max(max(pair.high, -pair.low) for pair in pairs.values())
    told = f"all pairs of {len(names)} subgroups at once (Šidák 1967), {first.method}"
    title = f"largest gap in {_TITLES.get(figure, figure)}"
    largest = Estimate(abs(first.difference), low, high, told, n, nan, level, title)
    return Gaps(
        estimates, pairs, largest, (a, b) if first.difference >= 0 else (b, a), min(p.p for p in pairs.values())
    )


def _one(
    positive: inputs.Bools, score: Floats, within: inputs.Bools, figure: str, asked: tuple[float, inputs.Ints | None]
) -> tuple[Estimate, Floats]:
    """A subgroup's estimate, and the influence of every case of the study on it.

    Args:
        positive: (n,) truth.
        score: (n,) scores, calls or probabilities.
        within: (n,) whether a case is of the subgroup.
        figure: One of :data:`FIGURES`.
        asked: Confidence level, and (n,) clusters.
    """
    level, codes = asked
    h = np.zeros(positive.size)
    if figure == "auc":
        own = None if codes is None else codes[within]
        found = delong_ci(positive[within], score[within], level=level, clusters=own)
        h[within] = influence(positive[within], score[within])[1]
        return found, h
    among = within
    if figure != "calibration":
        among = within & (positive if figure == "sensitivity" else ~positive)
    own = None if codes is None else codes[among]
    value = positive - score if figure == "calibration" else score
    if among.sum() < (2 if figure == "calibration" else 1):
        raise NotEstimableError(f"no {'two' if figure == 'calibration' else ''} cases for {figure}".replace("  ", " "))
    h[among] = (value[among] - value[among].mean()) / among.sum()
    if figure != "calibration":
        return proportion_ci(value[among], level=level, clusters=own, name=figure), h
    units = h[among] if own is None else np.bincount(own, weights=h[among])
    count = units.size if own is None else int(np.unique(own).size)
    if count < 2:
        raise NotEstimableError("calibration needs two independent cases")
    se, df = sqrt(float(units @ units) * count / (count - 1)), count - 1
    mean, half = float(value[among].mean()), critical(level, df) * se
    return Estimate(mean, mean - half, mean + half, f"Student's t{inputs.student(own)}", int(among.sum()), se, level,
                    _TITLES[figure]), h  # fmt: skip


def _correlation(h: Floats, codes: inputs.Ints | None) -> Floats:
    """Correlation of the subgroups' figures, which patients with cases in several of them bring about."""
    if codes is None:
        return np.eye(len(h))
    units = np.stack([np.bincount(codes, weights=row) for row in h])
    covariance = units @ units.T
    sd = np.sqrt(np.maximum(covariance.diagonal(), 1e-300))
    found: Floats = covariance / np.outer(sd, sd)
    np.fill_diagonal(found, 1.0)
    return found


def _pair(limits: tuple[Estimate, Estimate], r: float, df: float, count: int, level: float) -> Comparison:
    """A difference with limits from those of its parts, and its p value among all pairs.

    Args:
        limits: The two subgroups, at the level that makes the intervals of all pairs hold together.
        r: Their correlation.
        df: Degrees of freedom.
        count: How many pairs there are.
        level: Of all pairs together.
    """
    a, b = limits
    difference = a.value - b.value

    def reach(one: float, other: float) -> float:
        return sqrt(max(0.0, one**2 + other**2 - 2 * r * one * other))

    down, up = reach(a.value - a.low, b.high - b.value), reach(a.high - a.value, b.value - b.low)
    toward = down if difference > 0 else up
    se = toward / critical(a.level, df)
    statistic = abs(difference) / se if se > 0 else nan
    p = 1 - (1 - two_sided(statistic, df)) ** count
    method = f"limits of a difference from those of its parts (Newcombe 1998, Zou & Donner 2008), {a.method}"
    n = a.n + b.n
    return Comparison(difference, difference - down, difference + up, se, statistic, p, method, n, level, a.name)
