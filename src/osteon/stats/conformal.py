"""Which classes a case may be of: prediction sets that leave each class out of its own cases at a chosen rate.

A case's set holds a class unless the model finds it stranger to that class than all but the chosen share of the class's
calibration cases. With one probability of two classes, this is a threshold for each: the set is one class, both
("unsure"), or neither. For a new case that is exchangeable with the n calibration cases of its class, the class is in
its set with a chance of at least 1 - error, and at most 1 - error + 1/(n + 1) without ties, whatever the model.
Another hospital's cases are not exchangeable with those of development; what holds there has to be seen there.

Sources: Vovk 2012, Proceedings of Machine Learning Research 25:475 (class-conditional, or Mondrian, split-conformal
prediction); Lei 2018, doi 10.1080/01621459.2017.1307116 (the quantile); Geifman & El-Yaniv 2017, arXiv 1705.08500
(risk and coverage).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from osteon.core.types import Floats
from osteon.stats import inputs

if TYPE_CHECKING:
    import pandas as pd

#: What a set can hold, in the order of its code: neither class, the negative, the positive, both.
SETS = ("neither", "negative", "positive", "both")
_HAIR = 1e-9


@dataclass(frozen=True, slots=True)
class Conformal:
    """Thresholds of prediction sets.

    Attributes:
        negative_to: The greatest probability at which the negative class is in the set.
        positive_from: The least probability at which the positive class is.
        error: The rate at which a class may be left out of its own cases.
        n_negative: Calibration cases of the negative class.
        n_positive: Of the positive class.
    """

    negative_to: float
    positive_from: float
    error: float
    n_negative: int
    n_positive: int

    def sets(self, probability: ArrayLike) -> NDArray[np.int64]:
        """(n,) positions in :data:`SETS`."""
        p = inputs.numbers(probability, "probability")
        checked = inputs.probabilities(p, p.size)
        return (checked <= self.negative_to).astype(np.int64) + 2 * (checked >= self.positive_from).astype(np.int64)

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return f"class-conditional split-conformal at an error of {self.error:g} (Vovk 2012)"

    def __str__(self) -> str:
        """Both thresholds."""
        return f"negative up to {self.negative_to:.3f}, positive from {self.positive_from:.3f} ({self.method})"

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        import pandas as pd

        names = ("negative_to", "positive_from", "error", "n_negative", "n_positive")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])


def conformal(y_true: ArrayLike, probability: ArrayLike, *, error: float = 0.1) -> Conformal:
    """Fix the thresholds of prediction sets on cases that the model has not seen.

    Args:
        y_true: (n,) of 0 and 1.
        probability: (n,) predicted probabilities.
        error: The rate at which a class may be left out of its own cases. A class of fewer than 1/error - 1 cases is in
            every set, since none is then strange enough.

    Raises:
        InputError: Missing values, unequal lengths, probabilities outside 0 to 1.
        NotEstimableError: One class only.

    >>> found = conformal([0] * 19 + [1] * 19, [*np.arange(1, 20) / 40, *np.arange(21, 40) / 40], error=0.1)
    >>> print(found)
    negative up to 0.450, positive from 0.550 (class-conditional split-conformal at an error of 0.1 (Vovk 2012))
    >>> [SETS[one] for one in found.sets([0.2, 0.5, 0.9])]
    ['negative', 'neither', 'positive']
    """
    positive = inputs.truth(y_true)
    p = inputs.probabilities(probability, positive.size)
    inputs.between(error, 0, 1, "error")
    size = (int((~positive).sum()), int(positive.sum()))
    # Everything is at most 1 and at least 0: what is infinite says no more.
    return Conformal(min(1.0, _greatest(p[~positive], error)), max(0.0, -_greatest(-p[positive], error)), error, *size)


def _greatest(score: Floats, error: float) -> float:
    """The ceil((n + 1) (1 - error))-th smallest of n scores; infinite where there are not so many."""
    rank = int(np.ceil((score.size + 1) * (1 - error) - _HAIR))
    return float(np.sort(score)[rank - 1]) if rank <= score.size else inf


def selective(y_true: ArrayLike, probability: ArrayLike, threshold: float, shares: ArrayLike) -> tuple[Floats, Floats]:
    """How good a model is on the share of cases that it is surest of.

    A case's surety is how far its probability has gone from the threshold towards 0 or 1. Cases that tie with the last
    one answered are all answered.

    Args:
        y_true: (n,) of 0 and 1.
        probability: (n,) predicted probabilities.
        threshold: Where a case begins to be called positive, inside 0 to 1.
        shares: (k,) shares of cases to answer, above 0 to 1.

    Returns:
        (k,) shares that are answered, and (k,) shares of those that are called right.
    """
    positive = inputs.truth(y_true, both=False)
    p = inputs.probabilities(probability, positive.size)
    cut = inputs.between(threshold, 0, 1, "threshold")
    called = p >= cut
    surety = np.where(called, (p - cut) / max(1 - cut, _HAIR), (cut - p) / max(cut, _HAIR))
    order = np.sort(surety)[::-1]
    wanted = np.clip(np.ceil(np.asarray(shares, dtype=np.float64) * p.size - _HAIR).astype(int), 1, p.size)
    answered = surety >= order[wanted - 1][:, None]
    count = answered.sum(axis=1)
    return count / p.size, (answered & (called == positive)).sum(axis=1) / count
