"""Principal components of a frozen backbone's pooled features, learned from training cases without their labels."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from osteon.core.types import Floats
from osteon.models.fitted import weighed


class Components:
    """The directions in which training cases differ most.

    Args:
        count: How many; fewer where fewer cases or features leave no more.

    Attributes:
        centre: (F,) mean of the training cases.
        axes: (F, k) directions, divided by the training cases' standard deviation along them.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def fit(self, features: Floats) -> Components:
        """Learn from (n, F) features of training cases."""
        features = np.asarray(features, dtype=np.float64)
        self.centre: Floats = features.mean(axis=0)
        rows = features - self.centre
        tall = rows.shape[0] > rows.shape[1]
        square = rows.T @ rows if tall else rows @ rows.T  # of the shorter side: both have the same components
        size = len(square)
        count = min(self.count, size)
        squares, vectors = eigh(square, subset_by_index=[size - count, size - 1])
        varying = squares > 1e-10 * max(float(squares[-1]), 1e-30)
        squares, vectors = squares[varying][::-1], vectors[:, varying][:, ::-1]
        axes = vectors if tall else rows.T @ vectors / np.sqrt(squares)
        largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
        spread = np.sqrt(squares / max(len(rows) - 1, 1))
        self.axes: Floats = np.ascontiguousarray(axes * np.sign(largest) / spread)
        return self

    def transform(self, features: Floats) -> Floats:
        """(n, k) components, of unit variance in training; a case's do not depend on the others in their last bits."""
        rows = np.asarray(features, dtype=np.float64) - self.centre
        each = [weighed(rows, axis) for axis in self.axes.T]
        return np.stack(each, axis=1) if each else np.empty((len(rows), 0))
