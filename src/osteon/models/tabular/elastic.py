"""Elastic-net logistic regression along a path of penalties.

The problem is that of the R package glmnet (Friedman, Hastie & Tibshirani 2010, doi 10.18637/jss.v033.i01): least

    mean negative log-likelihood + strength * (mixing * sum|b| + (1 - mixing) / 2 * sum b^2)

with a free intercept. Each strength starts from the coefficients of the stronger one. The likelihood is replaced by the
quadratic with the curvature found there, whose Gram matrix is computed once a strength, and the penalised quadratic is
solved by scikit-learn's coordinate descent until the coefficients stand: some hundred times faster on radiomics tables
than scikit-learn's general solver, and tested against glmnet.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.linear_model import enet_path

from osteon.core.types import Floats

#: A path runs from the least penalty that leaves nothing to this share of it.
WEAKEST = 0.002
STRENGTHS = 45
_MOST_ROUNDS = 100
_LEAST_CURVATURE = 1e-4


def strengths(x: Floats, y: Floats, mixing: float, count: int = STRENGTHS) -> Floats:
    """The penalties of a path, falling, from the one under which every coefficient is zero.

    Args:
        x: (n, p) features.
        y: (n,) 0 or 1.
        mixing: Share of the absolute penalty, above 0.
        count: Number of penalties.
    """
    steepest = np.abs(x.T @ (y - y.mean())).max() / len(y)
    falling: Floats = np.geomspace(1.0, WEAKEST, count) * (steepest / mixing)
    return falling


def path(x: Floats, y: Floats, mixing: float, strength: Floats, *, tolerance: float = 1e-3) -> tuple[Floats, Floats]:
    """Coefficients and intercepts along a path.

    Args:
        x: (n, p) features on one scale.
        y: (n,) 0 or 1, both present.
        mixing: Share of the absolute penalty, above 0 to 1.
        strength: (m,) penalties, falling.
        tolerance: A solution stands when a round moves no coefficient further than this.

    Returns:
        (m, p) coefficients and (m,) intercepts.
    """
    coefficient, intercept = np.zeros(x.shape[1]), float(np.log(y.mean() / (1 - y.mean())))
    coefficients, intercepts = np.empty((len(strength), x.shape[1])), np.empty(len(strength))
    linear = np.full(len(y), intercept)
    for index, penalty in enumerate(strength):
        fitted = expit(linear)
        curvature = np.maximum(fitted * (1 - fitted), _LEAST_CURVATURE)
        root, share = np.sqrt(curvature), curvature / curvature.sum()
        centre = share @ x
        design = np.asfortranarray((x - centre) * root[:, None])
        gram = design.T @ design
        for _ in range(_MOST_ROUNDS):
            working = linear + (y - expit(linear)) / curvature
            level = float(share @ working)
            response = (working - level) * root
            new = enet_path(
                design, response, l1_ratio=mixing, alphas=[penalty], precompute=gram, Xy=design.T @ response,
                coef_init=coefficient.copy(), tol=1e-2 * tolerance, max_iter=100_000, check_input=False,
            )[1][:, 0]  # fmt: skip
            change = float(np.abs(new - coefficient).max())
            coefficient, intercept = new, level - float(centre @ new)
            linear = x @ coefficient + intercept
            if change < tolerance:
                break
        coefficients[index], intercepts[index] = coefficient, intercept
    return coefficients, intercepts
