"""Logistic regression on encoded columns: the box, clinical and combined models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit
from scipy.stats import chi2, norm
from sklearn.linear_model import LogisticRegression

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats
from osteon.models.fitted import weighed
from osteon.models.tabular import firth, storing
from osteon.models.tabular.columns import SCORE
from osteon.models.tabular.encoding import FLAG, Encoder
from osteon.models.tabular.inner import outcome
from osteon.stats import logistic

_ODDS = ["term", "odds_ratio", "low", "high", "p", "note"]

#: A log odds ratio with a limit beyond this has none: the classes are as good as separated.
_NO_LIMIT = 50.0


class LinearModel:
    """Ridge logistic regression on columns encoded from the training cases.

    Args:
        knots: Knots of a number's spline; 0 for a straight line.
        ridge: Penalty on half the sum of squared coefficients, of standardised numbers and of levels as 0 and 1.

    Attributes:
        encoder: How columns become numbers.
        coefficients: (terms,) of the encoded columns.
        intercept: Of the same.
        odds: Rows of :meth:`odds_ratios`.
    """

    default_knots: ClassVar[int] = 4
    default_ridge: ClassVar[float] = 1.0

    def __init__(self, knots: int | None = None, ridge: float | None = None) -> None:
        self.knots = self.default_knots if knots is None else knots
        self.ridge = self.default_ridge if ridge is None else ridge

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit on training cases.

        Args:
            X: One row a case.
            y: (n,) 0 or 1.
            groups: (n,) cases that share a patient or a picture: intervals of odds ratios take them into account.

        Raises:
            NotEstimableError: The training cases are of one class.
        """
        target = outcome(y, len(X))
        straight = [str(name) for name in X if str(name).startswith(SCORE)]
        self.encoder = Encoder(self.knots, straight).fit(X)
        encoded = self.encoder.transform(X)
        solver = LogisticRegression(C=1 / self.ridge, solver="newton-cholesky", tol=1e-8, max_iter=1000)
        if encoded.shape[1]:
            solver.fit(encoded, target)
            self.coefficients: Floats = solver.coef_[0].astype(np.float64)
            self.intercept = float(solver.intercept_[0])
        else:  # every column is constant: the prevalence is all there is to know
            self.coefficients = np.zeros(0)
            self.intercept = float(np.log(target.mean() / (1 - target.mean())))
        self.odds = self._odds(encoded, target, groups)
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """(n, 2) probabilities of the negative and the positive class."""
        positive = expit(weighed(self.encoded(X), self.coefficients) + self.intercept)
        return np.column_stack([1 - positive, positive])

    def encoded(self, X: pd.DataFrame) -> Floats:
        """(n, terms) numbers that the coefficients are of."""
        return self.encoder.transform(X)

    def odds_ratios(self) -> pd.DataFrame:
        """What each column does to the odds, by unpenalised maximum likelihood on the training cases.

        A number's odds ratio is that of its upper against its lower quartile, through its spline, and p is the Wald
        test of all of its terms together; a level's is against the commonest level. Intervals are Wald's, robust to
        cases that share a group (Liang & Zeger 1986).

        Where the likelihood has no maximum (a level with one class only), all odds ratios of the model are Firth's
        (:func:`osteon.models.tabular.firth.effect`), with profile-likelihood limits and the p value of the odds ratio
        itself.

        Returns:
            One row a term: term, odds_ratio, low, high, p, note. The note tells that the odds ratio is Firth's; where
            there is none either (linearly dependent columns), odds_ratio is the ridge estimate, the rest nan, and
            note says why.
        """
        return pd.DataFrame(self.odds, columns=_ODDS)

    def save(self, path: Path) -> None:
        """Write to a ``.skops`` file, the same bytes each time."""
        storing.save(self, path)

    def _odds(self, encoded: Floats, target: Floats, groups: ArrayLike | None) -> list[list[Any]]:
        """The rows of :meth:`odds_ratios`."""
        codes = None if groups is None else pd.factorize(np.asarray(groups))[0].astype(np.int64)
        if codes is not None and len(np.unique(codes)) == len(codes):
            codes = None  # every case is a group of its own: the model-based covariance is the better one
        design = np.column_stack([encoded, np.ones(len(encoded))])
        try:
            beta, covariance = logistic.fit(design, target == 1, codes=codes)
        except NotEstimableError as unestimable:
            alone = codes is not None and codes.max() == 0  # one group has no spread between groups, penalised or not
            return [
                self._ridge(term, change, unestimable) if alone else self._penalised(encoded, target, term, change)
                for term, change, _ in self._contrasts()
            ]
        beta, covariance = beta[:-1], covariance[:-1, :-1]
        rows = []
        for term, change, tested in self._contrasts():
            effect, error = float(change @ beta), float(np.sqrt(change @ covariance @ change))
            reach = norm.ppf(0.975) * error
            if abs(effect) + reach > _NO_LIMIT:
                rows.append(self._penalised(encoded, target, term, change))
                continue
            limits = np.exp([effect - reach, effect + reach])
            own = np.flatnonzero(tested)
            wald = beta[own] @ np.linalg.solve(covariance[np.ix_(own, own)], beta[own])
            rows.append([term, float(np.exp(effect)), *map(float, limits), float(chi2.sf(wald, len(own))), ""])
        return rows

    def _penalised(self, encoded: Floats, target: Floats, term: str, change: Floats) -> list[Any]:
        """A row of :meth:`odds_ratios` where maximum likelihood has none."""
        try:
            effect, low, high, p = firth.effect(encoded, target, change)
        except NotEstimableError as unestimable:
            return self._ridge(term, change, unestimable)
        return [term, *np.exp([effect, low, high]).tolist(), p, firth.NOTE]

    def _ridge(self, term: str, change: Floats, why: NotEstimableError) -> list[Any]:
        """A row of :meth:`odds_ratios` that has no interval."""
        return [term, float(np.exp(change @ self.coefficients)), *[float("nan")] * 3, str(why)]

    def _contrasts(self) -> list[tuple[str, Floats, np.ndarray]]:
        """Each odds ratio as its name, the change in the encoded columns, and the terms that its p value tests."""
        names = np.array([name for name, _ in self.encoder.terms])
        kinds = np.array([term for _, term in self.encoder.terms])
        found = []
        for column in self.encoder.columns:
            name = column["name"]
            own = names == name
            if column["kind"] == "number":
                low, high = self.encoder.transform(
                    self.encoder.typical(2).assign(**{name: [column["low"], column["high"]]})
                )
                found.append(
                    (f"{name}, {column['low']:.4g} to {column['high']:.4g}", high - low, own & (kinds != FLAG))
                )
                if column["flag"]:
                    flag = own & (kinds == FLAG)
                    found.append((f"{name} {FLAG}", flag.astype(np.float64), flag))
            else:
                for level in column["levels"]:
                    here = own & (kinds == f"= {level}")
                    found.append((f"{name} {level} : {column['reference']}", here.astype(np.float64), here))
        return found


class BoxModel(LinearModel):
    """Size and position of the box alone, as splines: the shortcut that every other model has to beat."""

    default_knots: ClassVar[int] = 5
    default_ridge: ClassVar[float] = 10.0


class ClinicalModel(LinearModel):
    """Chosen clinical columns."""


class CombinedModel(LinearModel):
    """Another model's score, as a logit and without bends, and clinical columns.

    It is to be fitted on out-of-fold scores, those of cases that the other model has not seen, and no others; which
    scores it is given, :func:`osteon.models.tabular.design` and its caller decide.
    """
