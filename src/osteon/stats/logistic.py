"""Logistic regression by maximum likelihood, with model-based or cluster-robust covariance.

Sources: McCullagh & Nelder 1989 (iteratively reweighted least squares); Liang & Zeger 1986 (clusters); Konis 2007
(separation by linear programming).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.special import expit, logit

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats
from osteon.stats import inputs

_EDGE = 1e-6  # probabilities of exactly 0 and 1 have no logit; six digits is what a table stores


def logits(p: Floats) -> Floats:
    """Logits of probabilities, finite at 0 and 1 too."""
    result: Floats = logit(np.clip(p, _EDGE, 1 - _EDGE))
    return result


def fit(
    design: Floats,
    positive: inputs.Bools,
    *,
    offset: Floats | float = 0.0,
    codes: inputs.Ints | None = None,
    weights: Floats | float = 1.0,
) -> tuple[Floats, Floats]:
    """Coefficients and their covariance.

    Args:
        design: (n, k) covariates, the constant included.
        positive: (n,) outcome.
        offset: (n,) known part of the linear predictor.
        codes: (n,) cluster of each case; then the sandwich covariance with the factor G / (G - 1).
        weights: (n,) how often each case counts.

    Raises:
        NotEstimableError: The covariates separate the classes, wholly or but for ties, or are linearly dependent.
    """
    beta = np.zeros(design.shape[1])
    outcome = positive.astype(np.float64)
    likelihood = -np.inf
    for _ in range(100):
        linear = design @ beta + offset
        fitted = expit(linear)
        information = design.T @ (design * (weights * fitted * (1 - fitted))[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (weights * (outcome - fitted)))
        except np.linalg.LinAlgError as error:
            raise NotEstimableError("the logistic model is not identified: the covariates are constant") from error
        previous, likelihood, beta = likelihood, log_likelihood(linear, outcome, weights), beta + step
        if abs(likelihood - previous) < 1e-12 * (abs(likelihood) + 1):
            break
        for _ in range(30):  # halve a step that overshoots
            if log_likelihood(design @ beta + offset, outcome, weights) >= likelihood - 1e-12:
                break
            step /= 2
            beta = beta - step
    else:
        raise NotEstimableError("the logistic model does not converge: the covariates separate the classes")
    # A coefficient that runs away stops where the likelihood no longer feels it, some 25 logits out.
    if np.abs(design @ beta).max() > 15 and _separated(design, positive):
        raise NotEstimableError("the logistic model has no finite maximum: the covariates separate the classes")
    fitted = expit(design @ beta + offset)
    information = design.T @ (design * (weights * fitted * (1 - fitted))[:, None])
    if np.linalg.cond(information) > 1e14 or likelihood > -1e-6:
        raise NotEstimableError("the logistic model has no finite maximum: the covariates separate the classes")
    bread = np.linalg.inv(information).astype(np.float64)
    if codes is None:
        return beta, bread
    units = int(codes.max()) + 1
    if units < 2:
        raise NotEstimableError("all cases are of one cluster")
    gradient = design * (weights * (outcome - fitted))[:, None]
    summed = np.stack([np.bincount(codes, weights=column) for column in gradient.T])
    robust: Floats = bread @ (summed @ summed.T) @ bread * (units / (units - 1))
    return beta, robust


def _separated(design: Floats, positive: inputs.Bools) -> bool:
    """Whether some combination of the covariates puts no case on the wrong side of 0, and some on the right one."""
    right = np.where(positive, 1.0, -1.0)[:, None] * design / np.abs(design).max(axis=0)
    found = linprog(-right.sum(axis=0), A_ub=-right, b_ub=np.zeros(len(right)), bounds=(-1, 1))
    return found.fun is not None and bool(found.fun < -1e-6)


def log_likelihood(linear: Floats, outcome: Floats, weights: Floats | float = 1.0) -> float:
    """Of (n,) outcomes, 0 or 1, under (n,) linear predictors."""
    return float(np.sum(weights * (outcome * linear - np.logaddexp(0, linear))))
