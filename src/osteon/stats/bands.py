"""Bands around a ROC curve.

Sources: Robin 2011 (pROC: pointwise bands by the stratified bootstrap); Campbell 1994 (one band for the whole curve,
from the Kolmogorov-Smirnov distances of both classes).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import kolmogi

from osteon.core.types import Floats
from osteon.stats import inputs
from osteon.stats.bootstrap import Units
from osteon.stats.roc import roc_curve

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class RocBand:
    """Sensitivity at given specificities, with a pointwise interval and a band for the whole curve.

    Attributes:
        specificity: (k,) where it is told.
        sensitivity: (k,) of the empirical curve.
        low: (k,) pointwise lower limits.
        high: (k,) pointwise upper limits.
        band_low: (k,) lower limits of the band that holds the whole true curve.
        band_high: (k,) its upper limits.
        level: Confidence level of either.
        n: Number of cases.
        method: How the limits were made.
    """

    specificity: Floats
    sensitivity: Floats
    low: Floats
    high: Floats
    band_low: Floats
    band_high: Floats
    level: float
    n: int
    method: str

    def __str__(self) -> str:
        """The sensitivity in the middle of the grid."""
        at = self.specificity.size // 2
        return (
            f"sensitivity {self.sensitivity[at]:.3f} ({self.level:.0%} CI {self.low[at]:.3f} to {self.high[at]:.3f}) "
            f"at specificity {self.specificity[at]:.2f}, among {self.specificity.size}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a specificity."""
        import pandas as pd

        names = ("specificity", "sensitivity", "low", "high", "band_low", "band_high")
        return pd.DataFrame({name: getattr(self, name) for name in names})


def roc_band(
    y_true: ArrayLike,
    y_score: ArrayLike,
    specificity: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
) -> RocBand:
    """Sensitivity at every specificity asked for, with pointwise limits and a simultaneous band.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        specificity: (k,) between 0 and 1; default 0 to 1 in steps of 0.05.
        level: Confidence level.
        resamples: Resamples of the stratified bootstrap, whose percentiles are the pointwise limits.
        clusters: (n,) patient of each case; whole patients are drawn, and the band counts patients, not cases.
        rng: Generator, or a seed for one.

    Raises:
        InputError: Missing values, unequal lengths, a specificity outside 0 to 1.
        NotEstimableError: One class or one patient only.
    """
    inputs.between(level, 0, 1, "level")
    inputs.count(resamples, 2, "resamples")
    positive = inputs.truth(y_true)
    score = inputs.scores(y_score, positive.size)
    at = np.linspace(0, 1, 21) if specificity is None else np.atleast_1d(inputs.numbers(specificity, "specificity"))
    curve = roc_curve(y_true, y_score)
    sensitivity = curve.sensitivity_at(at)
    inputs.several(inputs.codes(clusters, positive.size))
    units, truth = Units(positive, clusters, stratified=True), positive.astype(np.float64)
    draws = [
        roc_curve(np.repeat(truth, row), np.repeat(score, row)).sensitivity_at(at)
        for weights in units.drawn(resamples, inputs.generator(rng))
        for row in weights.astype(np.intp)
    ]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    up, aside = (_distance(positive, units, value, level) for value in (True, False))
    band_low = np.clip(curve.sensitivity_at(np.clip(at + aside, 0, 1)) - up, 0, 1)
    band_high = np.clip(curve.sensitivity_at(np.clip(at - aside, 0, 1)) + up, 0, 1)
    method = (
        f"pointwise: bootstrap of {units.what}, percentile, {resamples} resamples (Robin 2011); band: Campbell 1994"
    )
    pointwise = np.minimum(low, sensitivity), np.maximum(high, sensitivity)
    band = np.where(at + aside >= 1, 0.0, band_low), np.where(at - aside <= 0, 1.0, band_high)
    return RocBand(at, sensitivity, *pointwise, *band, level, positive.size, method)


def _distance(positive: inputs.Bools, units: Units, value: bool, level: float) -> float:
    """The Kolmogorov-Smirnov distance that one class's distribution keeps with the root of the joint probability."""
    independent = np.unique(units.codes[positive == value]).size
    root = sqrt(independent)
    # Stephens 1970: the asymptotic distance serves small samples after this change of scale.
    return float(kolmogi(1 - sqrt(level))) / (root + 0.12 + 0.11 / root)
