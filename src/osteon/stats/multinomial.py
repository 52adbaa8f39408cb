"""Calibration of probabilities of several classes.

Sources: Van Hoorde 2014 (multinomial recalibration: in the large, and in full); Cox 1958 and Van Calster 2016 for each
class against the rest; McCullagh & Nelder 1989 (maximum likelihood); Liang & Zeger 1986 (clusters).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Floats, printed_p
from osteon.stats import inputs
from osteon.stats.calibration import Calibration, calibration
from osteon.stats.distributions import chi_square_tail
from osteon.stats.multiclass import classes_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class MulticlassCalibration:
    """How far probabilities of several classes agree with what is observed.

    Attributes:
        one_vs_rest: Class to the calibration of its probability.
        in_the_large: Wald's chi-square, its degrees of freedom and p value: whether the classes are as frequent as
            told, relative to the first.
        recalibration: The same of the whole multinomial recalibration: whether intercepts are 0 and slopes 1.
        coefficients: (k - 1, k) the recalibration: log odds of each further class against the first on a constant and
            the told log odds.
        n: Number of cases.
    """

    one_vs_rest: dict[str, Calibration]
    in_the_large: tuple[float, int, float]
    recalibration: tuple[float, int, float]
    coefficients: Floats
    n: int

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return "multinomial recalibration, Wald (Van Hoorde 2014)"

    def __str__(self) -> str:
        """As a paper prints it."""
        each = "; ".join(
            f"{name}: {found.slope}, {found.observed_expected}" for name, found in self.one_vs_rest.items()
        )
        large, whole = (f"chi-square {x:.2f}, df {df}, {printed_p(p)}" for x, df, p in (self.in_the_large,
                                                                                       self.recalibration))  # fmt: skip
        return f"in the large {large}; recalibration {whole}; {each}"

    def to_frame(self) -> pd.DataFrame:
        """One row a class and measure."""
        import pandas as pd

        frames = [found.to_frame().assign(class_name=name) for name, found in self.one_vs_rest.items()]
        return pd.concat(frames, ignore_index=True)


def multiclass_calibration(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    classes: Sequence[object] | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> MulticlassCalibration:
    """Calibration of each class against the rest, and of all of them together.

    Args:
        y_true: (n,) class names or numbers.
        probability: (n, k) probability of each class; rows sum to 1.
        classes: (k,) the classes in the order of the columns; default: the sorted distinct values of `y_true`.
        level: Confidence level.
        clusters: (n,) patient of each case; every variance is then a sandwich.

    Raises:
        InputError: As for :func:`osteon.stats.multiclass_auc`; rows that do not sum to 1.
        NotEstimableError: A class with fewer than two cases; probabilities that separate the classes.
    """
    names, columns, is_class = classes_of(y_true, probability, classes)
    n, k = is_class.shape[1], names.size
    told = np.stack(
        [inputs.probabilities(c, n, name=f"probability of {name}") for name, c in zip(names, columns, strict=True)],
        axis=1,
    )
    off = np.flatnonzero(np.abs(told.sum(axis=1) - 1) > 1e-3)
    if off.size:
        raise InputError(
            f"the probabilities at position {off[0]} sum to {told[off[0]].sum():g}", fix="Make them sum to 1."
        )
    codes = inputs.codes(clusters, n)
    single = {
        str(name): calibration(own, column, level=level, clusters=clusters)
        for name, own, column in zip(names, is_class, told.T, strict=True)
    }
    logs = np.log(np.clip(told, 1e-6, None))
    odds = logs[:, 1:] - logs[:, :1]
    one = np.ones((n, 1))
    shift, spread = _fit(one, is_class.T.astype(np.float64), np.column_stack([np.zeros(n), odds]), codes)
    line, whole = _fit(np.column_stack([one, odds]), is_class.T.astype(np.float64), np.zeros((n, k)), codes)
    ideal = np.column_stack([np.zeros(k - 1), np.eye(k - 1)])
    return MulticlassCalibration(single, _wald(shift.ravel(), spread), _wald((line - ideal).ravel(), whole), line, n)


def _wald(estimate: Floats, covariance: Floats) -> tuple[float, int, float]:
    statistic = float(estimate @ np.linalg.solve(covariance, estimate))
    return statistic, estimate.size, chi_square_tail(statistic, estimate.size)


def _fit(design: Floats, outcome: Floats, offset: Floats, codes: inputs.Ints | None) -> tuple[Floats, Floats]:
    """Multinomial logistic regression against the first class.

    Args:
        design: (n, p) covariates, the constant included.
        outcome: (n, k) 1 for each case's class.
        offset: (n, k) known part of the linear predictors.
        codes: (n,) clusters, or None.

    Returns:
        (k - 1, p) coefficients, and their covariance in the order of the rows.
    """
    k, p = outcome.shape[1], design.shape[1]
    beta = np.zeros((k - 1, p))
    for _ in range(100):
        linear = offset + np.column_stack([np.zeros(len(design)), design @ beta.T])
        fitted = np.exp(linear - linear.max(axis=1, keepdims=True))
        fitted /= fitted.sum(axis=1, keepdims=True)
        part = fitted[:, 1:]
        weight = part[:, :, None] * (np.eye(k - 1) - part[:, None, :])
        information = np.einsum("nab,ni,nj->aibj", weight, design, design).reshape((k - 1) * p, -1)
        gradient = ((outcome - fitted)[:, 1:, None] * design[:, None, :]).reshape(len(design), -1)
        if np.linalg.cond(information) > 1e14:
            raise NotEstimableError("the recalibration has no finite maximum: the probabilities separate the classes")
        step = np.linalg.solve(information, gradient.sum(axis=0)).reshape(k - 1, p)
        step *= min(1.0, 5 / max(np.abs(design @ step.T).max(), 1e-300))  # no leap beyond five logits
        beta = beta + step
        if np.abs(step).max() < 1e-10 * (1 + np.abs(beta).max()):
            break
    else:
        raise NotEstimableError("the recalibration does not converge: the probabilities separate the classes")
    bread: Floats = np.linalg.inv(information).astype(np.float64)
    if codes is None:
        return beta, bread
    sums = np.stack([np.bincount(codes, weights=column) for column in gradient.T])
    units = sums.shape[1]
    robust: Floats = bread @ (sums @ sums.T) @ bread * (units / (units - 1))
    return beta, robust
