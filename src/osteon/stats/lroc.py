"""Detection with localisation: one rating and one mark a case, right where the mark is on the lesion.

The LROC curve is the share of positive cases that are both rated positive and rightly marked, against the share of
negative cases rated positive. The area under it is the chance that a positive case is rated above a negative one and
its lesion found (half for equal ratings): a Wilcoxon statistic in which a missed lesion's rating counts as the lowest.

Sources: Swensson 1996 (LROC); Popescu 2007 (the Wilcoxon form and its variance).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError
from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.delong import delong_ci


def lroc_scores(y_true: ArrayLike, y_score: ArrayLike, localised: ArrayLike) -> Floats:
    """Ratings whose AUC is the area under the LROC curve: ranks, and -1 for a positive case whose lesion was missed.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) ratings.
        localised: (n,) whether the mark was right, of positive cases; what stands for negative ones is not looked at.

    Raises:
        InputError: Unequal lengths; a positive case with neither 0 nor 1.
    """
    positive = inputs.truth(y_true, both=False)
    score = inputs.scores(y_score, positive.size)
    raw = inputs.labels(localised, "localised")
    if raw.shape != positive.shape:
        raise InputError(f"localised has shape {raw.shape} beside {positive.size} cases", fix="Give one value a case.")
    found = np.zeros(positive.size)
    given = [value if not inputs.is_missing(value) else np.nan for value in raw[positive].tolist()]
    found[positive] = inputs.numbers(np.array(given, dtype=object), "localised")
    wrong = np.flatnonzero(positive & (found != 0) & (found != 1))
    if wrong.size:
        raise InputError(
            f"localised is {raw[wrong[0]]} at position {wrong[0]}, a positive case",
            fix="Write 1 where the lesion was found and 0 where it was not, or not marked.",
        )
    ranks = np.unique(score, return_inverse=True)[1].astype(np.float64)
    return np.where(positive & (found == 0), -1.0, ranks)


def lroc_ci(
    y_true: ArrayLike,
    y_score: ArrayLike,
    localised: ArrayLike,
    *,
    level: float = 0.95,
    method: str = "logit",
    clusters: ArrayLike | None = None,
) -> Estimate:
    """Area under the LROC curve with its interval; without skill it is below 0.5, and 0 where every lesion is missed.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) ratings.
        localised: (n,) whether the lesion of a positive case was found (0, 1); negative cases need no mark.
        level: Confidence level.
        method: As for :func:`osteon.stats.delong_ci`, which gives the variance (Popescu 2007).
        clusters: (n,) patient of each case.

    >>> print(lroc_ci([0, 0, 0, 1, 1, 1], [0.1, 0.3, 0.6, 0.4, 0.8, 0.9], ["", "", "", 1, 0, 1]))
    LROC area 0.556 (95% CI 0.094 to 0.938)
    """
    ratings = lroc_scores(y_true, y_score, localised)
    found = delong_ci(y_true, ratings, level=level, method=method, clusters=clusters)
    return replace(found, name="LROC area", method=f"LROC (Popescu 2007), {found.method}")
