"""Heads of frozen backbones: one linear unit on cached features, by closed optimisation or by gradient.

Attention: importing this module imports torch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from osteon import stats
from osteon.core.types import Floats
from osteon.models.network.train import Device, Indices, Training, class_weights, fit, prior_shift
from osteon.study import Network


def logistic_head(
    features: Floats, target: NDArray[np.int64], groups: NDArray[Any], balanced: bool, rng: np.random.Generator
) -> tuple[Floats, float, pd.DataFrame]:
    """A linear head by L2 logistic regression on standardised features, its strength chosen by patient-grouped folds.

    Args:
        features: (n, F) pooled features.
        target: (n,) labels.
        groups: (n,) patients.
        balanced: Weigh classes inversely to their frequency; the intercept is moved back to the true prevalence.
        rng: Source of randomness of the inner folds.

    Returns:
        (F,) weights and the intercept on *raw* features, and the path: one row a strength, with its mean AUC.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    centre = features.mean(axis=0)
    spread = features.std(axis=0)
    spread[spread < 1e-8 * max(float(spread.max()), 1e-30)] = np.inf  # a constant feature says nothing
    standard = (features - centre) / spread
    # The penalty sees only the span of the cases: rotating onto it changes no solution and shrinks F to n.
    left, singular, right = np.linalg.svd(standard, full_matrices=False)
    rotated = left * singular
    weight = class_weights(target, balanced)[target]

    def solve(rows: Indices, strength: float) -> LogisticRegression:
        solver = LogisticRegression(C=strength, max_iter=2000, tol=1e-6)
        return solver.fit(rotated[rows], target[rows], sample_weight=weight[rows])

    k = min(4, *(len(np.unique(groups[target == value])) for value in (0, 1)))
    splitter = StratifiedGroupKFold(max(k, 2), shuffle=True, random_state=int(rng.integers(2**31)))
    splits = [
        (learn, test)
        for learn, test in (splitter.split(rotated, target, groups) if k > 1 else ())
        if len(np.unique(target[learn])) == 2 and len(np.unique(target[test])) == 2
    ]
    path = []
    for strength in 10.0 ** np.arange(-5.0, 1.0):
        scores = [
            float(stats.auc(target[test], solve(learn, strength).decision_function(rotated[test])))
            for learn, test in splits
        ]
        path.append({"strength": strength, "validation_auc": float(np.mean(scores)) if scores else math.nan})
    table = pd.DataFrame(path)
    best = int(table["validation_auc"].fillna(0).to_numpy().argmax())
    table["best"] = np.arange(len(table)) == best
    solved = solve(np.arange(len(target)), float(table["strength"].iloc[best]))
    weights = (right.T @ solved.coef_[0]) / spread
    intercept = float(solved.intercept_[0] - centre @ weights + prior_shift(target, balanced))
    return weights, intercept, table


def gradient_head(
    features: Floats, target: NDArray[np.int64], groups: NDArray[Any], model: Network, rng: np.random.Generator
) -> tuple[Floats, float, pd.DataFrame]:
    """A linear head by gradient descent with early stopping on cached features.

    Args:
        features: (n, F) pooled features.
        target: (n,) labels.
        groups: (n,) patients.
        model: Recipe: rate, epochs, patience, dropout, loss.
        rng: Source of randomness.

    Returns:
        (F,) weights and the intercept on *raw* features, and the history.
    """
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = torch.from_numpy(((features - centre) / spread).astype(np.float32))
    linear = nn.Linear(features.shape[1], 1)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    head = nn.Sequential(nn.Dropout(model.dropout), linear, nn.Flatten(0))
    rate = {"lr": model.learning_rate, "peak": model.learning_rate, "weight_decay": model.weight_decay}
    history = fit(
        head,
        Training(lambda positions, _: standard[torch.from_numpy(positions)], target, groups),
        model,
        [{"params": list(head.parameters()), **rate}],
        Device(torch.device("cpu")),
        rng,
    )
    weights = linear.weight.detach().double().numpy()[0] / spread
    shift = prior_shift(target, model.class_weights)
    return weights, float(linear.bias.detach().double() - centre @ weights + shift), history
