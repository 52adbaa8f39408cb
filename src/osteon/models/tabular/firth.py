"""Odds ratios where maximum likelihood has none: Firth's penalised likelihood, from the package firthmodels.

A level with one class only has an infinite maximum-likelihood estimate. Jeffreys' prior as a penalty (Firth 1993,
Biometrika 80:27) makes it finite, and the profile of the penalised likelihood gives its interval (Heinze & Schemper
2002, Stat Med 21:2409), as R's logistf does.
"""

from __future__ import annotations

import warnings

import numpy as np
from firthmodels import FirthLogisticRegression
from sklearn.exceptions import ConvergenceWarning

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats

#: What a table says beside an effect of :func:`effect`.
NOTE = "Firth's penalty, since the columns separate the classes; profile likelihood, cases taken as independent"
#: Tried in turn: where the likelihood is flat to its last bits, the finer ones find no step that improves it.
_TOLERANCES = (1e-6, 1e-5, 1e-4)
_ITERATIONS = 500


def effect(encoded: Floats, target: Floats, change: Floats) -> tuple[float, float, float, float]:
    """What a change of the encoded columns does to the log odds, by Firth's penalised likelihood.

    The penalty does not depend on how the columns are parametrised. So the change is made a coefficient of its own,
    and its interval and p value are those of one coefficient; they invert the same likelihood ratio test.

    Args:
        encoded: (n, k) columns without the constant.
        target: (n,) 0 or 1.
        change: (k,) difference of two rows of columns.

    Returns:
        The effect, its 95% profile-likelihood limits, and the p value of the penalised likelihood ratio test.

    Raises:
        NotEstimableError: The columns are linearly dependent, or the estimate or a limit is not found.
    """
    pivot = int(np.abs(change).argmax())
    others = np.delete(encoded - np.outer(encoded[:, pivot], change / change[pivot]), pivot, axis=1)
    # Nor does it depend on what the other columns are rotated to, nor on adding them to this one: all at right angles
    # and of one scale, they are told apart as well as can be.
    others, rotated = np.linalg.qr(others - others.mean(axis=0))
    own = encoded[:, pivot] / change[pivot]
    own = own - own.mean()
    left = own - others @ (others.T @ own)
    size = float(left.std())
    diagonal = np.abs(np.diag(rotated))
    if size < 1e-9 * max(float(own.std()), 1e-300) or (diagonal < 1e-9 * diagonal.max(initial=0.0)).any():
        raise NotEstimableError("the logistic model is not identified: the columns are linearly dependent")
    design = np.column_stack([left / size, others * np.sqrt(len(others))])
    for tolerance in _TOLERANCES:
        try:
            found, p = _profiled(design, target, tolerance)
        except (ConvergenceWarning, RuntimeWarning, np.linalg.LinAlgError, ValueError) as failed:
            why = failed
        else:
            estimate, low, high = (found / size).tolist()
            return estimate, low, high, p
    raise NotEstimableError(f"the penalised logistic model does not converge: {why}")


def _profiled(design: Floats, target: Floats, tolerance: float) -> tuple[Floats, float]:
    """Estimate with limits, and p value, of the first coefficient; what the package warns of is an error here."""
    model = FirthLogisticRegression(backend="numpy", max_iter=_ITERATIONS, gtol=tolerance, xtol=tolerance)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", RuntimeWarning)
        model.fit(design, target.astype(np.int64)).lrt([0])
        limits = model.conf_int(method="pl", features=[0], max_iter=_ITERATIONS, tol=tolerance)[0]
    return np.array([model.coef_[0], *limits]), float(model.lrt_pvalues_[0])
