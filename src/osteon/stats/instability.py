"""How far predictions hang on who happened to be in development.

Source: Riley & Collins 2023, Biometrical Journal 65:2200302, doi 10.1002/bimj.202200302.
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


@dataclass(frozen=True, slots=True, eq=False)
class Instability:
    """What models made again on bootstrap samples say of each case, beside what the model itself says.

    Attributes:
        mape: (n,) mean absolute prediction error: the mean absolute difference from the model's own probability.
        low: (n,) lower limit of each case's probabilities.
        high: (n,) upper limit.
        changed: (n,) share of the models that call the case otherwise (classification instability); nan without a
            threshold.
        refits: How many models there are.
        level: Share of the models between the limits.
    """

    mape: Floats
    low: Floats
    high: Floats
    changed: Floats
    refits: int
    level: float

    def __str__(self) -> str:
        """As a paper prints it."""
        calls = "" if np.isnan(self.changed).all() else f"; {self.changed.mean():.1%} of calls changed"
        return (
            f"mean absolute prediction error {self.mape.mean():.3f} (largest {self.mape.max():.3f}) over "
            f"{self.refits} refits{calls}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a case."""
        import pandas as pd

        return pd.DataFrame({name: getattr(self, name) for name in ("low", "high", "mape", "changed")})


def instability(
    probability: ArrayLike, refitted: ArrayLike, *, threshold: float | None = None, level: float = 0.95
) -> Instability:
    """Hold models that were made again on bootstrap samples against the model itself.

    The samples are of whoever the model was made from, and the whole way from them to a model is gone again.

    Args:
        probability: (n,) of the model.
        refitted: (R, n) of the R models that were made again, on the same cases.
        threshold: A case is called positive from this probability on, by every model alike.
        level: Share of the R probabilities of a case between its limits.

    Raises:
        InputError: Numbers that are no probabilities, or shapes that do not fit.

    >>> found = instability([0.2, 0.6], [[0.1, 0.6], [0.4, 0.4]], threshold=0.5)
    >>> found.mape.round(3).tolist(), found.changed.tolist()
    ([0.15, 0.1], [0.0, 0.5])
    """
    own = inputs.numbers(probability, "probability")
    own = inputs.probabilities(own, own.size)
    again = np.asarray(refitted, dtype=np.float64)
    if again.ndim != 2 or again.shape[0] < 2 or again.shape[1] != own.size:
        raise InputError(
            f"the refits' probabilities have the shape {again.shape}",
            fix=f"Give two rows or more, a refit each, of {own.size} cases.",
        )
    for row in again:
        inputs.probabilities(row, own.size, name="refitted")
    tail = (1 - inputs.between(level, 0, 1, "level")) / 2
    low, high = np.quantile(again, [tail, 1 - tail], axis=0)
    changed = np.full(own.size, np.nan)
    if threshold is not None:
        at = inputs.real(threshold, "threshold")
        changed = ((again >= at) != (own >= at)).mean(axis=0)
    return Instability(np.abs(again - own).mean(axis=0), low, high, changed, again.shape[0], level)
