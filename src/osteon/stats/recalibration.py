"""Recalibration: a map from probabilities to probabilities, fitted on some cases and applied to others.

Sources: Platt 1999; Cox 1958 (logistic); Zadrozny & Elkan 2002 (isotonic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression
from scipy.special import expit

from osteon.core.types import Floats
from osteon.stats import inputs, logistic

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Platt:
    """Logistic recalibration: logit(p') = intercept + slope logit(p).

    Attributes:
        intercept: Shift on the logit scale.
        slope: Factor on the logit scale.
    """

    intercept: float
    slope: float

    def apply(self, probability: ArrayLike) -> Floats:
        """Recalibrated probabilities, the shape of the input."""
        p = inputs.numbers(probability, "probability")
        checked = inputs.probabilities(p.ravel(), p.size).reshape(p.shape)
        result: Floats = expit(self.intercept + self.slope * logistic.logits(checked))
        return result

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return "logistic recalibration (Platt 1999)"

    def __str__(self) -> str:
        """The formula."""
        return f"logit(p') = {self.intercept:.3f} + {self.slope:.3f} logit(p) (Platt 1999)"

    def to_frame(self) -> pd.DataFrame:
        """One row: the two coefficients."""
        import pandas as pd

        return pd.DataFrame([{"intercept": self.intercept, "slope": self.slope, "method": self.method}])


def platt(y_true: ArrayLike, probability: ArrayLike) -> Platt:
    """Fit logistic recalibration on cases that the model was not trained on.

    Raises:
        InputError: Missing values, unequal lengths, probabilities outside 0 to 1.
        NotEstimableError: One class only, constant predictions, or predictions that separate the classes.
    """
    positive = inputs.truth(y_true)
    z = logistic.logits(inputs.probabilities(probability, positive.size))
    beta, _ = logistic.fit(np.column_stack([np.ones_like(z), z]), positive)
    return Platt(float(beta[0]), float(beta[1]))


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Monotone recalibration: linear between the fitted steps, constant beyond them.

    Attributes:
        predicted: Distinct predictions, ascending.
        observed: Their monotone event rates.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]

    def apply(self, probability: ArrayLike) -> Floats:
        """Recalibrated probabilities, the shape of the input."""
        p = inputs.numbers(probability, "probability")
        checked = inputs.probabilities(p.ravel(), p.size).reshape(p.shape)
        return np.interp(checked, self.predicted, self.observed)

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return "isotonic recalibration (Zadrozny & Elkan 2002)"

    def __str__(self) -> str:
        """Number of levels."""
        return f"isotonic recalibration with {len(set(self.observed))} levels (Zadrozny & Elkan 2002)"

    def to_frame(self) -> pd.DataFrame:
        """One row a distinct prediction."""
        import pandas as pd

        return pd.DataFrame({"predicted": self.predicted, "observed": self.observed, "method": self.method})


def isotonic(y_true: ArrayLike, probability: ArrayLike) -> Isotonic:
    """Fit monotone recalibration; needs many cases (some hundred events) not to overfit."""
    positive = inputs.truth(y_true)
    p = inputs.probabilities(probability, positive.size)
    distinct, which, count = np.unique(p, return_inverse=True, return_counts=True)
    rate = np.bincount(which, weights=positive) / count
    fitted = isotonic_regression(rate, weights=count).x
    return Isotonic(tuple(map(float, distinct)), tuple(map(float, fitted)))
