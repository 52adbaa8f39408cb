"""The empirical ROC curve: areas under it and its points.

Sources: Hanley & McNeil 1982 (area as a probability), McClish 1989 (partial area).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError
from osteon.core.types import Floats
from osteon.stats import inputs

if TYPE_CHECKING:
    import pandas as pd


def placements(positive: inputs.Bools, score: Floats) -> Floats:
    """How many cases of the other class each case is on the right side of, ties counting half.

    Args:
        positive: (n,) bool.
        score: (n,) float64 without nan.

    Returns:
        (n,) exact multiples of 0.5: for a positive case the number of negatives below it, for a negative case the
        number of positives above it. One sort: O(n log n).
    """
    order = np.argsort(score)
    ranked, is_positive = score[order], positive[order]
    positives_upto = np.cumsum(is_positive)
    n_positive = positives_upto[-1]
    tie_end = np.flatnonzero(ranked[1:] != ranked[:-1])
    if tie_end.size == score.size - 1:
        negatives_upto = np.arange(1, score.size + 1) - positives_upto
        of_sorted = np.where(is_positive, negatives_upto, n_positive - positives_upto).astype(np.float64)
    else:
        tie_end = np.append(tie_end, score.size - 1)
        positives_upto = positives_upto[tie_end]
        negatives_upto = tie_end + 1 - positives_upto
        positives_middle = positives_upto - np.diff(positives_upto, prepend=0) / 2
        negatives_middle = negatives_upto - np.diff(negatives_upto, prepend=0) / 2
        tie = np.repeat(np.arange(tie_end.size), np.diff(tie_end, prepend=-1))
        of_sorted = np.where(is_positive, negatives_middle[tie], n_positive - positives_middle[tie])
    counts = np.empty(score.size)
    counts[order] = of_sorted
    return counts


def midranks(score: Floats) -> Floats:
    """Ranks from 1, ties sharing their mean rank."""
    _, which, count = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    result: Floats = (last - (count - 1) / 2)[which]
    return result


def auc(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Area under the empirical ROC curve: P(positive > negative) + P(tie) / 2.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,), higher for the positive class; may be infinite.

    Raises:
        InputError: Missing values, unequal lengths, labels other than 0 and 1.
        NotEstimableError: One class only.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    positive = inputs.truth(y_true)
    score = inputs.scores(y_score, positive.size)
    n_positive = int(positive.sum())
    return float(placements(positive, score)[positive].sum() / (n_positive * (positive.size - n_positive)))


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """The points of an empirical ROC curve, from (0, 0) to (1, 1).

    Attributes:
        thresholds: (k,) descending, the first infinite; a case is called positive at ``score >= threshold``.
        sensitivity: (k,) true-positive fraction.
        specificity: (k,) true-negative fraction.
        n: Number of cases.
    """

    thresholds: Floats
    sensitivity: Floats
    specificity: Floats
    n: int

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return "empirical ROC curve (Fawcett 2006)"

    def __str__(self) -> str:
        """The number of distinct thresholds."""
        return f"ROC curve of {self.n} cases at {self.thresholds.size - 1} distinct scores"

    def to_frame(self) -> pd.DataFrame:
        """One row a point."""
        import pandas as pd

        return pd.DataFrame(
            {"threshold": self.thresholds, "sensitivity": self.sensitivity, "specificity": self.specificity}
        )

    def sensitivity_at(self, specificity: ArrayLike) -> Floats:
        """Sensitivity at given specificities, linear between the curve's points and its highest on a vertical part."""
        wanted = 1 - inputs.numbers(specificity, "specificity")
        if not ((wanted >= 0) & (wanted <= 1)).all():
            raise InputError("a specificity lies outside 0 to 1", fix="Give specificities between 0 and 1.")
        x, y = 1 - self.specificity, self.sensitivity
        left = np.searchsorted(x, wanted + 1e-12, side="right") - 1  # the top of a vertical part, despite rounding
        right = np.minimum(left + 1, x.size - 1)
        width = x[right] - x[left]
        share = np.clip(np.divide(wanted - x[left], width, out=np.zeros_like(width), where=width > 0), 0, 1)
        result: Floats = y[left] + share * (y[right] - y[left])
        return result


def roc_curve(y_true: ArrayLike, y_score: ArrayLike) -> RocCurve:
    """All points of the empirical ROC curve, one a distinct score, ties exact.

    Raises:
        InputError: Missing values, unequal lengths, labels other than 0 and 1.
        NotEstimableError: One class only.
    """
    positive = inputs.truth(y_true)
    score = inputs.scores(y_score, positive.size)
    order = np.argsort(-score)
    ranked = score[order]
    tie_end = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    true_positives = np.cumsum(positive[order])[tie_end]
    false_positives = tie_end + 1 - true_positives
    n_positive = true_positives[-1]
    return RocCurve(
        thresholds=np.append(np.inf, ranked[tie_end]),
        sensitivity=np.append(0, true_positives) / n_positive,
        specificity=(positive.size - n_positive - np.append(0, false_positives)) / (positive.size - n_positive),
        n=positive.size,
    )


def partial_auc(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    low: float = 0.9,
    high: float = 1.0,
    focus: str = "specificity",
    standardised: bool = False,
) -> float:
    """Area under the part of the ROC curve where specificity (or sensitivity) lies between two bounds.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        low: Lower bound of the focus.
        high: Upper bound of the focus.
        focus: ``"specificity"`` or ``"sensitivity"``.
        standardised: Map chance to 0.5 and perfection to 1 (McClish 1989); a part below chance then lies under 0.5.

    Raises:
        InputError: Bounds that are not 0 <= low < high <= 1, or an unknown focus.
        NotEstimableError: One class only.
    """
    inputs.choice(focus, ("specificity", "sensitivity"), "focus")
    if not 0 <= inputs.real(low, "low") < inputs.real(high, "high") <= 1:
        raise InputError(f"the bounds are {low} and {high}", fix="Give 0 <= low < high <= 1.")
    curve = roc_curve(y_true, y_score)
    if focus == "specificity":
        along, height = 1 - curve.specificity, curve.sensitivity
    else:  # the same area, seen from the sensitivity axis: miss fraction against specificity
        along, height = (1 - curve.sensitivity)[::-1], curve.specificity[::-1]
    start, stop = 1 - high, 1 - low
    area = _area_upto(along, height, stop) - _area_upto(along, height, start)
    if not standardised:
        return area
    chance, most = (stop**2 - start**2) / 2, stop - start
    return float((1 + (area - chance) / (most - chance)) / 2)


def _area_upto(along: Floats, height: Floats, stop: float) -> float:
    """Trapezoidal area under a monotone curve from 0 to `stop`."""
    width = np.diff(along)
    share = np.clip(np.divide(stop - along[:-1], width, out=np.zeros_like(width), where=width > 0), 0, 1)
    end = height[:-1] + share * np.diff(height)
    return float(np.sum(share * width * (height[:-1] + end) / 2))
