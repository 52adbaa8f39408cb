"""Figures of merit of a reader study, and what is said of them: with readers and cases random, or one of the two.

Where readers and cases cannot both be samples (one reader, say) the reason is kept: no analysis stands in for another
without a word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats
from osteon.readers.reliance import shared
from osteon.stats import MRMCResult
from osteon.stats.mrmc import analysed, cells_of
from osteon.stats.reader_cells import readings_of

#: What is a sample in which analysis, the one to be reported first: the settings of `analysed`.
ANALYSES: dict[str, dict[str, str]] = {
    "readers and cases": {},
    "cases": {"readers": "fixed"},
    "readers": {"cases": "fixed"},
}
#: The shortest time that a reading can take; shorter ones are slips of a clock.
_LEAST_SECONDS = 0.1


@dataclass(frozen=True)
class Merit:
    """A figure of merit.

    Attributes:
        column: What it is of; readings without it are left out.
        figure: Its name in :func:`osteon.stats.obuchowski_rockette`.
        score: Its scores from a table of readings.
    """

    column: str
    figure: str
    score: Callable[[pd.DataFrame], Floats]


def _of(column: str) -> Callable[[pd.DataFrame], Floats]:
    def values(known: pd.DataFrame) -> Floats:
        return np.asarray(known[column], dtype=np.float64)

    return values


def _found(known: pd.DataFrame) -> Floats:
    """Whether the lesion was found; negative cases have none, and do not count."""
    return np.asarray((known["truth"] == 1) & (known["localised"] == 1), dtype=np.float64)


def _log_seconds(known: pd.DataFrame) -> Floats:
    """Logarithms: the exponential of their mean is the geometric mean."""
    seconds = np.asarray(known["seconds"], dtype=np.float64)
    return np.log(np.maximum(seconds, _LEAST_SECONDS))


MERITS: dict[str, Merit] = {
    "auc": Merit("confidence", "auc", _of("confidence")),
    "sensitivity": Merit("call", "sensitivity", _of("call")),
    "specificity": Merit("call", "specificity", _of("call")),
    "accuracy": Merit("call", "accuracy", _of("call")),
    "lroc": Merit("judged", "lroc", _of("confidence")),
    "localised": Merit("judged", "sensitivity", _found),
    "seconds": Merit("seconds", "mean", _log_seconds),
}


@dataclass(frozen=True, eq=False)
class Judged:
    """One figure of merit in every analysis.

    Attributes:
        arms: The arms in which it is known.
        found: Analysis, by what is random, to its result, or to the reason why there is none.
    """

    arms: tuple[str, ...]
    found: dict[str, MRMCResult | str]

    @property
    def best(self) -> tuple[str, MRMCResult] | None:
        """The first analysis that has a result, by name."""
        return next(((name, one) for name, one in self.found.items() if not isinstance(one, str)), None)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of arms, in the order in which they are subtracted."""
        return list(combinations(self.arms, 2))


def judge(readings: pd.DataFrame, name: str, level: float) -> Judged | None:
    """Analyse one figure of merit.

    Args:
        readings: From :func:`osteon.readers.readings.prepared`.
        name: One of :data:`MERITS`.
        level: Confidence level.

    Returns:
        None where no reading has what the figure is of.
    """
    merit = MERITS[name]
    known = readings[readings[merit.column].notna()]
    if known.empty:
        return None
    arms = tuple(sorted(dict.fromkeys(known["arm"]), key=arm_order))
    table = known.assign(case=known["case_id"], score=merit.score(known))
    clusters = "cluster" if shared(readings.drop_duplicates("case_id")["cluster"]) is not None else None
    try:
        cells = cells_of(readings_of(table, None, clusters, localised=merit.figure == "lroc"), merit.figure)
    except NotEstimableError as error:
        return Judged(arms, dict.fromkeys(ANALYSES, str(error)))
    found: dict[str, MRMCResult | str] = {}
    for random, settings in ANALYSES.items():
        try:
            found[random] = analysed(cells, level=level, partial=True, **settings)
        except NotEstimableError as error:
            found[random] = str(error)
    return Judged(arms, found)


def arm_order(arm: str) -> tuple[int, float, str]:
    """Numbers as numbers, before names."""
    try:
        return 0, float(arm), arm
    except ValueError:
        return 1, 0.0, arm


def natural(name: str, value: Any) -> float:
    """Back from the logarithm of seconds."""
    return float(np.exp(value)) if name == "seconds" else float(value)
