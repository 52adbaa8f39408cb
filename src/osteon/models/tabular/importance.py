"""What a model goes by: how much of its AUC is lost when a column of cases that it has not seen is shuffled.

Breiman 2001 (doi 10.1023/A:1010933404324). Columns that tell the same stand in for each other, so that each may seem to
matter little where together they matter much: sources are shuffled as a whole too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon import stats
from osteon.core.types import Floats
from osteon.models.tabular.learned import LearnedModel

#: The columns of each source.
Sources = Mapping[str, Sequence[str]]


def shuffled(sources: Sources) -> Iterator[tuple[str, str, Sequence[str]]]:
    """What is shuffled: every source (its column is empty), and the columns of those that have several."""
    for source, columns in sources.items():
        yield source, "", columns
        if len(columns) > 1:
            yield from ((source, name, [name]) for name in columns)


def losses(
    estimator: LearnedModel, X: pd.DataFrame, target: Floats, sources: Sources, seed: Sequence[int]
) -> Floats | None:
    """What one fold's model loses of its AUC.

    Args:
        estimator: Of the fold.
        X: Columns of the cases that it has not seen.
        target: (n,) 0 or 1.
        sources: What is shuffled.
        seed: Of the order, the same for all columns.

    Returns:
        A loss for each of :func:`shuffled`; None where the cases are of one class.
    """
    if len(np.unique(target)) < 2:
        return None
    x, terms = estimator.encoded(X), np.array(estimator.terms, dtype=object)
    order = np.random.default_rng(list(seed)).permutation(len(x))
    whole = float(stats.auc(target, estimator.probability(x)))
    found = []
    for _, _, columns in shuffled(sources):
        own = np.flatnonzero(np.isin(terms, list(columns)))
        found.append(whole - float(stats.auc(target, estimator.probability(_exchanged(x, own, order)))))
    return np.array(found)


def table(each: Sequence[Floats | None], sources: Sources) -> pd.DataFrame:
    """The losses of all folds.

    Args:
        each: Of every fold.
        sources: What was shuffled.

    Returns:
        source, column, auc_loss (mean of the folds), least, greatest, folds: the weightiest source first, and so its
        columns. Empty where no fold has both classes.
    """
    known = [one for one in each if one is not None]
    about = pd.DataFrame([(source, name) for source, name, _ in shuffled(sources)], columns=["source", "column"])
    if not known:
        return about.head(0).assign(auc_loss=[], least=[], greatest=[], folds=[])
    every = np.stack(known)
    found = about.assign(
        auc_loss=every.mean(axis=0), least=every.min(axis=0), greatest=every.max(axis=0), folds=len(known)
    )
    weight = found["source"].map(found[found["column"] == ""].set_index("source")["auc_loss"])
    order = np.lexsort((-found["auc_loss"], found["column"] != "", -weight))
    return found.iloc[order].reset_index(drop=True)


def learners(estimators: Sequence[LearnedModel]) -> pd.DataFrame:
    """Which learner each fold has, and the mean deviance of inner folds of those that were tried."""
    rows = [
        {"fold": fold, "learner": name, "deviance": one.deviances.get(name, np.nan), "chosen": int(name == one.learner)}
        for fold, one in enumerate(estimators)
        for name in one.learners
    ]
    return pd.DataFrame(rows)


def _exchanged(x: Floats, columns: NDArray[np.intp], order: NDArray[np.intp]) -> Floats:
    out = x.copy()
    out[:, columns] = x[np.ix_(order, columns)]
    return out
