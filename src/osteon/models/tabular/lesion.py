"""The radiomics model: elastic-net logistic regression on features of the lesion, tuned inside the training cases."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import rankdata

from osteon.core.errors import NotEstimableError, TableError, suggest
from osteon.core.types import Floats
from osteon.models.fitted import weighed
from osteon.models.tabular import elastic, storing
from osteon.models.tabular.inner import inner_folds, outcome

#: Scaled features are cut off here: texture features have tails of hundreds of interquartile ranges.
_CUT = 5.0
_NORMAL_QUARTILES = 1.349  # interquartile range of a standard normal variable


class RadiomicsModel:
    """Which features, how strong a penalty, and what coefficients: all decided on the training cases.

    1. Missing values are imputed by the median; features are scaled by median and interquartile range and cut off at
       5 standard deviations; those without spread are dropped.
    2. Of features that are rank-correlated above `correlation`, the one least correlated with the rest is kept.
    3. An elastic net is fitted for several mixings along a path of penalties, and mixing and penalty are chosen by the
       deviance of inner folds, which keep groups whole.

    Args:
        correlation: Greatest absolute Spearman correlation between two kept features.
        rule: ``best`` takes the least deviance; ``1se`` the strongest penalty (for the best mixing) within one standard
            error of it, which selects fewer features.
        seed: Deals the inner folds.

    Attributes:
        features: Names of the features that passed steps 1 and 2.
        coefficients: (features,) of the scaled features.
        intercept: Of the same.
        tuning: Columns mixing, strength, deviance, error of what was tried.
        mixing: The chosen share of the absolute penalty.
        strength: The chosen penalty.
    """

    def __init__(self, correlation: float = 0.95, rule: Literal["best", "1se"] = "best", seed: int = 0) -> None:
        self.correlation, self.rule, self.seed = correlation, rule, seed

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit on training cases.

        Args:
            X: Features, one row a case.
            y: (n,) 0 or 1.
            groups: (n,) cases that share a patient or a picture, never parted by the inner folds; None where none do.

        Raises:
            NotEstimableError: The training cases are of one class, too few patients have one, or no feature varies.
        """
        target = outcome(y, len(X))
        scaled = self._screen(X)
        inner = inner_folds(target, groups, self.seed)
        tuned = elastic.tune(scaled, target, inner, self.rule)
        self.tuning: dict[str, list[float]] = {str(name): [float(v) for v in tuned.tried[name]] for name in tuned.tried}
        self.mixing, self.strength = tuned.mixing, tuned.strength
        self.coefficients: Floats = tuned.coefficients
        self.intercept = tuned.intercept
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """(n, 2) probabilities of the negative and the positive class.

        Raises:
            TableError: A feature that training had is not there.
        """
        positive = expit(weighed(self.encoded(X), self.coefficients) + self.intercept)
        return np.column_stack([1 - positive, positive])

    def encoded(self, X: pd.DataFrame) -> Floats:
        """(n, features) scaled features that the coefficients are of.

        Raises:
            TableError: A feature that training had is not there.
        """
        for name in self.features:
            if name not in X:
                raise TableError(
                    "the model was fitted with it and the table lacks it", column=name, fix=suggest(name, map(str, X))
                )
        return np.asarray(_scale(_numbers(X[self.features]), self.medians, self.spreads) - self.means)

    @property
    def selected(self) -> pd.DataFrame:
        """The features in use: feature, coefficient (for one robust standard deviation), the weightiest first."""
        table = pd.DataFrame({"feature": self.features, "coefficient": self.coefficients})
        table = table[table["coefficient"] != 0]
        return table.sort_values("coefficient", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)

    def save(self, path: Path) -> None:
        """Write to a ``.skops`` file, the same bytes each time."""
        storing.save(self, path)

    def _screen(self, X: pd.DataFrame) -> Floats:
        """Learn scales, drop what is constant or redundant, and give the training cases scaled."""
        values = _numbers(X)
        known = np.flatnonzero(~np.isnan(values).all(axis=0))
        low, median, high = np.nanpercentile(values[:, known], [25, 50, 75], axis=0)
        varying = high - low > 1e-12 * np.maximum(1.0, np.abs(median))
        if not varying.any():
            raise NotEstimableError("a radiomics model cannot be fitted: no feature varies")
        columns, medians, spreads = known[varying], median[varying], (high - low)[varying] / _NORMAL_QUARTILES
        kept = uncorrelated(_scale(values[:, columns], medians, spreads), self.correlation)
        self.features = [str(name) for name in X.columns[columns[kept]]]
        self.medians: Floats = medians[kept]
        self.spreads: Floats = spreads[kept]
        scaled = _scale(values[:, columns[kept]], self.medians, self.spreads)
        self.means: Floats = scaled.mean(axis=0)
        scaled -= self.means
        return scaled


def uncorrelated(x: Floats, most: float) -> NDArray[np.intp]:
    """Columns to keep so that no two are rank-correlated above a limit; the least correlated with all come first.

    Args:
        x: (n, p) varying columns.
        most: Greatest absolute Spearman correlation.

    Returns:
        The kept columns, rising.
    """
    ranks = rankdata(x, axis=0)
    ranks -= ranks.mean(axis=0)
    ranks /= np.linalg.norm(ranks, axis=0)
    alike = np.abs(ranks.T @ ranks)
    kept: list[int] = []
    for column in np.argsort(alike.mean(axis=0).round(12), kind="stable"):
        if not kept or alike[column, kept].max() <= most:
            kept.append(int(column))
    return np.sort(np.array(kept, dtype=np.intp))


def _numbers(X: pd.DataFrame) -> Floats:
    values = X.to_numpy(dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _scale(values: Floats, medians: Floats, spreads: Floats) -> Floats:
    filled = np.where(np.isnan(values), medians, values)
    return np.clip((filled - medians) / spreads, -_CUT, _CUT)
