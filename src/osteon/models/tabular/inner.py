"""The outcome of training cases, and the inner folds by which they choose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats

#: Pairs of the positions of seen and of unseen cases.
Inner = list[tuple[NDArray[Any], NDArray[Any]]]
_FOLDS = 5


def outcome(y: ArrayLike, n: int) -> Floats:
    """The target as numbers.

    Raises:
        NotEstimableError: It has one class only.
        ValueError: It is not one 0 or 1 for each of n cases.
    """
    target = np.asarray(y, dtype=np.float64)
    if target.shape != (n,) or not np.isin(target, (0, 1)).all():
        raise ValueError("y must hold one 0 or 1 for each case")
    if len(np.unique(target)) < 2:
        raise NotEstimableError("a model cannot be fitted: all training cases are of one class")
    return target


def inner_folds(target: Floats, groups: ArrayLike | None, seed: int) -> Inner:
    """Folds inside the training cases, stratified, that keep groups whole.

    Args:
        target: (n,) 0 or 1, both present.
        groups: (n,) cases that share a patient or a picture; None where none do.
        seed: Deals them.

    Raises:
        NotEstimableError: Too few patients have one class.
    """
    group = np.arange(len(target)) if groups is None else pd.factorize(np.asarray(groups))[0]
    fewest = min(len(np.unique(group[target == value])) for value in (0, 1))
    if fewest < 2:
        raise NotEstimableError("a model cannot be tuned: one class has a single patient")
    dealer = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
    inner = [(seen, unseen) for seen, unseen in dealer.split(target, target, group) if len(set(target[seen])) == 2]
    if len(inner) < 2:
        raise NotEstimableError("a model cannot be tuned: too few patients")
    return inner
