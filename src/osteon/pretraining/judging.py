"""What a backbone has learned: on pictures it has not seen, by a linear probe, and whether it tells them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osteon import stats
from osteon.core.types import Floats

#: Below either of these all pictures look the same to a network.
LEAST_RANK, LEAST_SPREAD = 1.2, 0.01


@dataclass(frozen=True)
class Scatter:
    """How far features of different pictures lie apart.

    Attributes:
        rank: Effective rank (Roy & Vetterli 2007): the exponential of the entropy of the singular values of the centred
            features; 1 where all pictures lie on a line.
        spread: Mean standard deviation of the features scaled to unit length, times the square root of their number
            (Chen & He 2021, doi 10.1109/CVPR46437.2021.01549): near 1 at best, 0 where all pictures are one point.
    """

    rank: float
    spread: float

    @property
    def collapsed(self) -> bool:
        """Whether the network tells all pictures alike."""
        return not (self.rank >= LEAST_RANK and self.spread >= LEAST_SPREAD)


def scatter(features: Floats) -> Scatter:
    """How far features lie apart.

    Args:
        features: (n, F).

    >>> scatter(np.ones((4, 3)))
    Scatter(rank=1.0, spread=0.0)
    """
    if not np.isfinite(features).all():
        return Scatter(float("nan"), float("nan"))
    values = np.linalg.svd(features - features.mean(axis=0), compute_uv=False)
    share = values / values.sum() if values.sum() > 0 else np.array([1.0])
    share = share[share > 0]
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.divide(features, length, out=np.zeros_like(features), where=length > 0)
    spread = float(unit.std(axis=0).mean() * np.sqrt(features.shape[1]))
    return Scatter(float(np.exp(-(share * np.log(share)).sum())), spread)


def merit(told: Floats, labels: NDArray[np.int64]) -> float:
    """How well classes or signs are told: balanced accuracy of classes; of signs the mean AUC.

    Args:
        told: (n, K) the larger, the likelier.
        labels: (n,) classes or (n, K) signs; -1 where it is not known.

    Returns:
        nan where there is nothing to be told.
    """
    if labels.ndim == 1:
        right = told.argmax(axis=1) == labels
        each = [right[labels == one].mean() for one in np.unique(labels[labels >= 0])]
        return float(np.mean(each)) if len(each) > 1 else float("nan")
    aucs = []
    for sign in range(labels.shape[1]):
        known = labels[:, sign] >= 0
        truth = labels[known, sign] == 1
        if 0 < truth.sum() < len(truth):
            aucs.append(float(stats.auc(truth, told[known, sign])))
    return float(np.mean(aucs)) if aucs else float("nan")


def probe(seen: Floats, labels: NDArray[np.int64], unseen: Floats) -> Floats | None:
    """A linear probe: ridge classification on standardised features, its penalty by leave-one-out.

    Args:
        seen: (n, F) features of pictures with labels.
        labels: (n,) classes or (n, K) signs; pictures without are left out.
        unseen: (m, F).

    Returns:
        (m, K) the larger, the likelier, or None where there is nothing to be told.
    """
    from sklearn.linear_model import RidgeCV

    known = (labels >= 0).reshape(len(labels), -1).all(axis=1)
    labels = labels[known]
    classes = labels.ndim == 1
    target = np.eye(int(labels.max(initial=0)) + 1)[labels] if classes else labels.astype(np.float64)
    if len(labels) < 10 or target.shape[1] < 2 or not (target.std(axis=0) > 0).any():
        return None
    centre, scale = seen[known].mean(axis=0), seen[known].std(axis=0)
    scale[scale < 1e-9] = 1.0
    weight = np.ones(len(labels))
    if classes:
        weight = len(labels) / np.maximum(np.bincount(labels, minlength=target.shape[1]), 1)[labels]
    ridge = RidgeCV(alphas=np.logspace(1, 6, 11)).fit((seen[known] - centre) / scale, target, sample_weight=weight)
    told: Floats = ridge.predict((unseen - centre) / scale)
    return told
