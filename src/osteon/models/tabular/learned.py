"""Columns of several sources before a learner that inner folds choose: an elastic net, trees or boosting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats
from osteon.models.fitted import weighed
from osteon.models.tabular import elastic, storing
from osteon.models.tabular.columns import DEEP
from osteon.models.tabular.components import Components
from osteon.models.tabular.encoding import Encoder
from osteon.models.tabular.forest import Forest, boosting, trees
from osteon.models.tabular.inner import Inner, inner_folds, outcome
from osteon.models.tabular.lesion import uncorrelated
from osteon.stats import Platt, platt

#: Standardised columns are cut off here for an elastic net: texture features have long tails.
_CUT = 5.0
#: A probability nearer to 0 or 1 than this counts as this before its logit is taken: few trees can be so sure.
_SURE = 1e-3


class Net:
    """An elastic net on standardised columns.

    Attributes:
        kept: (k,) columns that vary and are not redundant.
        coefficients: (k,).
        intercept: Of the same.
    """

    def __init__(self, kept: Any, coefficients: Floats, intercept: float) -> None:
        self.kept, self.coefficients, self.intercept = kept, coefficients, intercept

    def probability(self, x: Floats) -> Floats:
        """(n,) probabilities of the positive class."""
        return np.asarray(expit(weighed(np.clip(x[:, self.kept], -_CUT, _CUT), self.coefficients) + self.intercept))


class LearnedModel:
    """Encodes columns, chooses a learner where there are several, and calibrates what it says.

    1. Columns are encoded (:class:`osteon.models.tabular.encoding.Encoder`), and deep features replaced by their
       principal components; no label is looked at.
    2. Inner folds, which keep groups whole, give the trees' probabilities of training cases that they have not seen,
       and these are recalibrated (Platt 1999). An elastic net is calibrated by its making, and tuned on the same folds.
       The learner with the least mean deviance on them is taken.
    3. It is fitted on all training cases, and what it says goes through the same recalibration.

    Args:
        learners: Names of those to choose from.
        components: Principal components of deep features.
        correlation: Greatest absolute Spearman correlation of two columns of an elastic net.
        rule: How its penalty is chosen.
        seed: Deals the inner folds and grows the trees.

    Attributes:
        terms: The column, or the source, of each encoded number.
        learner: The chosen learner.
        deviances: Mean deviance of each that was tried.
    """

    def __init__(
        self,
        learners: Sequence[str],
        components: int = 40,
        correlation: float = 0.95,
        rule: elastic.Rule = "best",
        seed: int = 0,
    ) -> None:
        self.learners = list(learners)
        self.components, self.correlation, self.rule, self.seed = components, correlation, rule, seed

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit on training cases.

        Args:
            X: One row a case.
            y: (n,) 0 or 1.
            groups: (n,) cases that share a patient or a picture, never parted by the inner folds; None where none do.

        Raises:
            NotEstimableError: The training cases are of one class, too few patients have one, or no column varies.
        """
        target = outcome(y, len(X))
        x = self._learn(X)
        if not (x.std(axis=0) > 0).any():
            raise NotEstimableError("a model cannot be fitted: no column varies")
        inner = inner_folds(target, groups, self.seed)
        tried = {name: (self._net if name == _NET else self._grown)(name, x, target, inner) for name in self.learners}
        self.deviances = {name: one.deviance for name, one in tried.items()}
        self.learner = min(self.deviances, key=self.deviances.__getitem__)
        chosen = tried[self.learner]
        self.line = [chosen.line.intercept, chosen.line.slope]
        self.fitted: Net | Forest = chosen.fit()
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """(n, 2) probabilities of the negative and the positive class.

        Raises:
            TableError: A column that training had is not there.
        """
        positive = self.probability(self.encoded(X))
        return np.column_stack([1 - positive, positive])

    def probability(self, encoded: Floats) -> Floats:
        """(n,) probabilities of the positive class, of encoded columns."""
        told = _sure(self.fitted.probability(encoded))
        return Platt(*self.line).apply(told)

    def encoded(self, X: pd.DataFrame) -> Floats:
        """(n, terms) encoded columns, then components of deep features.

        Raises:
            TableError: A column that training had is not there.
        """
        plain, deep = _parted(X)
        encoded = self.encoder.transform(plain)
        return encoded if self.deep is None else np.hstack([encoded, self.deep.transform(deep)])

    def save(self, path: Path) -> None:
        """Write to a ``.skops`` file, the same bytes each time."""
        storing.save(self, path)

    def _learn(self, X: pd.DataFrame) -> Floats:
        """Learn the encoding, and give the training cases encoded."""
        plain, deep = _parted(X)
        self.encoder = Encoder().fit(plain)
        self.deep = Components(self.components).fit(deep) if deep.shape[1] else None
        self.terms = [name for name, _ in self.encoder.terms]
        self.terms += [DEEP] * (0 if self.deep is None else self.deep.axes.shape[1])
        return self.encoded(X)

    def _net(self, _name: str, x: Floats, target: Floats, inner: Inner) -> _Tried:
        kept = np.flatnonzero(np.ptp(x, axis=0) > 0)
        kept = kept[uncorrelated(x[:, kept], self.correlation)]
        tuned = elastic.tune(np.clip(x[:, kept], -_CUT, _CUT), target, inner, self.rule)
        deviance = float(tuned.tried["deviance"].min())
        return _Tried(deviance, _AS_IT_IS, lambda: Net(kept, tuned.coefficients, tuned.intercept))

    def _grown(self, name: str, x: Floats, target: Floats, inner: Inner) -> _Tried:
        (grow, rehearse), told = _GROWN[name], np.full(len(x), np.nan)
        for seen, unseen in inner:
            told[unseen] = rehearse(x[seen], target[seen], self.seed).probability(x[unseen])
        known = np.isfinite(told)  # all but a fold without which there is one class
        line = _line(target[known], _sure(told[known]))
        said = line.apply(_sure(told[known]))
        deviance = float(-2 * np.log(np.where(target[known] == 1, said, 1 - said)).mean())
        return _Tried(deviance, line, lambda: grow(x, target, self.seed))


@dataclass(frozen=True)
class _Tried:
    """A learner that was tried: its deviance on inner folds, its recalibration, and how it is fitted on all."""

    deviance: float
    line: Platt
    fit: Callable[[], Net | Forest]


_NET = "elastic-net"
_AS_IT_IS = Platt(0.0, 1.0)
_Grow = Callable[[Floats, Floats, int], Forest]
#: How each forest is grown, and how in inner folds.
_GROWN: dict[str, tuple[_Grow, _Grow]] = {
    "trees": (trees, partial(trees, share=0.25)),
    "boosting": (boosting, boosting),
}


def _parted(X: pd.DataFrame) -> tuple[pd.DataFrame, Floats]:
    """The columns that are encoded, infinite numbers taken as missing; and deep features."""
    deep = [name for name in X if str(name).startswith(DEEP)]
    plain = X.drop(columns=deep)
    numbers = plain.select_dtypes("number").columns
    finite = {str(name): plain[name].where(np.isfinite(plain[name])) + 0.0 for name in numbers}  # and no zero below 0
    return plain.assign(**finite), X[deep].to_numpy(dtype=np.float64)


def _sure(probability: Floats) -> Floats:
    return np.clip(probability, _SURE, 1 - _SURE)


def _line(target: Floats, told: Floats) -> Platt:
    """The recalibration of what a learner says; none where it cannot be fitted, or would turn the order round."""
    try:
        line = platt(target, told)
    except NotEstimableError:
        return _AS_IT_IS
    return line if line.slope > 0 else _AS_IT_IS
