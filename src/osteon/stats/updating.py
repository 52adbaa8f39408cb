"""How far a model's probabilities have to be changed for another hospital: not, by their level, their slope, or wholly.

The more of a model is estimated anew, the better it fits the new cases and the less of it rests on the many old ones.
The closed testing procedure takes the least extensive update that the most extensive one is not significantly better
than: likelihood ratio tests of the refitted model against the original one, against that with a new intercept, and
against that with a new intercept and slope, in this order and each at the same level; the first that is not significant
decides, and where all are, the model is refitted. A model that needs no update is changed at that level at the most.

Source: Vergouwe Y et al. A closed testing procedure to select an appropriate method for updating prediction models.
Stat Med 2017;36:4529-39, doi 10.1002/sim.7179.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Floats
from osteon.stats import inputs, logistic
from osteon.stats.distributions import chi_square_tail

if TYPE_CHECKING:
    import pandas as pd

#: From the least to the most extensive: nothing, a new intercept, intercept and slope, all coefficients.
UPDATES = ("none", "intercept", "slope", "refit")
#: A column whose part that others do not explain is smaller than this, relative to it, says nothing of its own.
_OWN = 1e-6


@dataclass(frozen=True, slots=True)
class Update:
    """A change of probabilities: logit(p') = intercept + slope logit(p) + coefficients . columns.

    Attributes:
        name: One of :data:`UPDATES`.
        intercept: Shift on the logit scale.
        slope: Factor on the logit scale.
        coefficients: (F,) of the columns that the model weighs; empty but for ``refit``.
    """

    name: str
    intercept: float = 0.0
    slope: float = 1.0
    coefficients: tuple[float, ...] = ()

    def __str__(self) -> str:
        """The change in numbers."""
        more = f", and {len(self.coefficients)} coefficients" if self.coefficients else ""
        return f"{self.name}: intercept {self.intercept:.3f}, slope {self.slope:.3f}{more}"

    def to_frame(self) -> pd.DataFrame:
        """One row; the coefficients by number."""
        import pandas as pd

        numbered = {f"coefficient_{place}": value for place, value in enumerate(self.coefficients)}
        row = {"name": self.name, "intercept": self.intercept, "slope": self.slope, **numbered}
        return pd.DataFrame([row])

    def apply(self, probability: ArrayLike, columns: ArrayLike | None = None) -> Floats:
        """Updated probabilities.

        Args:
            probability: (n, ...) probabilities of the model as it was.
            columns: (n, F) what it weighs; needed for ``refit``.

        Raises:
            InputError: The columns are not those that the update was fitted on.
        """
        p = inputs.numbers(probability, "probability")
        checked = inputs.probabilities(p.ravel(), p.size).reshape(p.shape)
        if self.name == "none":
            return checked
        linear = self.intercept + self.slope * logistic.logits(checked)
        if self.coefficients:
            width = len(self.coefficients)
            own = np.empty((0, 0)) if columns is None else np.asarray(columns, dtype=np.float64)
            if own.ndim != 2 or own.shape != (p.shape[0], width):
                raise InputError(f"this update weighs {width} columns, and these have the shape {own.shape}")
            # Row by row: a case's sum does not depend on the others in its last bits.
            more = (own * np.array(self.coefficients)).sum(axis=1)
            linear = linear + more.reshape(-1, *[1] * (p.ndim - 1))
        result: Floats = expit(linear)
        return result


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """The most extensive update against a simpler one.

    Attributes:
        simpler: The simpler one, of :data:`UPDATES`.
        richer: The most extensive one.
        statistic: Twice the difference of their log-likelihoods.
        df: Difference of their numbers of parameters.
        p: Of the chi-square distribution.
    """

    simpler: str
    richer: str
    statistic: float
    df: int
    p: float

    def __str__(self) -> str:
        """Which two, and the test."""
        return f"{self.richer} v. {self.simpler}: {self.statistic:.2f} on {self.df} df, p = {self.p:.3g}"

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        import pandas as pd

        return pd.DataFrame([{name: getattr(self, name) for name in ("simpler", "richer", "statistic", "df", "p")}])


@dataclass(frozen=True, slots=True)
class ClosedTest:
    """What the closed testing procedure chose, and on what grounds.

    Attributes:
        chosen: The update.
        fitted: Every update that could be had, by name.
        tests: In their order; the first that is not significant decides.
        absent: Updates that were asked for and could not be fitted, with the reason.
        n: Cases, or patients where several cases share one.
        alpha: Level of each test.
    """

    chosen: Update
    fitted: Mapping[str, Update]
    tests: tuple[LikelihoodRatio, ...]
    absent: Mapping[str, str]
    n: int
    alpha: float

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return f"closed testing procedure at {self.alpha:g} (Vergouwe 2017)"

    def __str__(self) -> str:
        """The choice and its tests."""
        return f"{self.chosen.name} ({'; '.join(map(str, self.tests))})"

    def to_frame(self) -> pd.DataFrame:
        """One row a test."""
        import pandas as pd

        return pd.concat([one.to_frame() for one in self.tests], ignore_index=True)


def closed_test(
    y_true: ArrayLike,
    probability: ArrayLike,
    columns: ArrayLike | None = None,
    *,
    updates: tuple[str, ...] = UPDATES,
    clusters: ArrayLike | None = None,
    alpha: float = 0.05,
) -> ClosedTest:
    """Choose how far to update a model on a hospital's own cases, which it has not seen.

    Args:
        y_true: (n,) of 0 and 1.
        probability: (n,) the model's probabilities; 0 and 1 are moved in by 1e-6 for the logit.
        columns: (n, F) what the model weighs, so that all coefficients can be estimated anew; without them the most
            extensive update is that of intercept and slope. What the model says stays a column of its own where the
            others do not make it up, as with the mean of several folds, so that every update contains the simpler ones.
        updates: Which of :data:`UPDATES` may be chosen, in their order; ``none`` always.
        clusters: (n,) patient of each case. A patient's cases share the weight of one: likelihoods count patients, and
            the tests keep their level however alike a patient's cases are.
        alpha: Level of each test.

    Raises:
        InputError: Missing values, unequal lengths, probabilities outside 0 to 1, an unknown update.
        NotEstimableError: One class only, or no update but none can be fitted.

    >>> y = np.tile([0, 0, 0, 1], 25)
    >>> print(closed_test(y, np.where(y == 1, 0.7, 0.6) + np.linspace(-0.2, 0.2, 100)))
    intercept (slope v. none: 65.13 on 2 df, p = 7.18e-15; slope v. intercept: 2.43 on 1 df, p = 0.119)
    """
    positive = inputs.truth(y_true)
    z = logistic.logits(inputs.probabilities(probability, positive.size))
    inputs.between(alpha, 0, 1, "alpha")
    for name in updates:
        inputs.choice(name, UPDATES, "updates")
    codes = inputs.codes(clusters, positive.size)
    weights = np.ones(z.size) if codes is None else 1 / np.bincount(codes)[codes]
    outcome = positive.astype(np.float64)
    fitted, parameters, absent = {"none": Update("none")}, {"none": 0}, dict[str, str]()
    likelihood = {"none": logistic.log_likelihood(z, outcome, weights)}
    for name in UPDATES[1:]:
        if name not in updates or (name == "refit" and columns is None):
            continue
        design, offset = _design(name, z, columns)
        try:
            beta, _ = logistic.fit(design.used, positive, offset=offset, weights=weights)
        except NotEstimableError as error:
            absent[name] = str(error)
            continue
        fitted[name], parameters[name] = design.update(name, beta), beta.size
        likelihood[name] = logistic.log_likelihood(design.used @ beta + offset, outcome, weights)
    if len(fitted) == 1:
        raise NotEstimableError(next(iter(absent.values()), "no update may be chosen"))
    richest = list(fitted)[-1]
    tests = tuple(
        _ratio(name, richest, likelihood, parameters) for name in fitted if parameters[name] < parameters[richest]
    )
    chosen = next((one.simpler for one in tests if not one.p < alpha), richest)
    n = z.size if codes is None else int(codes.max()) + 1
    return ClosedTest(fitted[chosen], fitted, tests, absent, n, alpha)


@dataclass(frozen=True, slots=True)
class _Design:
    """The columns of an update's logistic regression.

    Attributes:
        used: (n, k) the constant first, then those of all columns that say something of their own.
        kept: Which of slope and columns those are; empty where only the intercept is estimated.
    """

    used: Floats
    kept: tuple[bool, ...] = ()

    def update(self, name: str, beta: Floats) -> Update:
        """The update that these coefficients are."""
        if not self.kept:
            return Update(name, float(beta[0]))
        every = np.zeros(len(self.kept))
        every[np.array(self.kept)] = beta[1:]
        return Update(name, float(beta[0]), float(every[-1]), tuple(map(float, every[:-1])))


def _design(name: str, z: Floats, columns: ArrayLike | None) -> tuple[_Design, Floats]:
    """An update's design and its offset."""
    one, nothing = np.ones((z.size, 1)), np.zeros(z.size)
    if name == "intercept":
        return _Design(one), z
    if name == "slope":
        return _Design(np.column_stack([one, z]), (True,)), nothing
    own = np.asarray(columns, dtype=np.float64)
    if own.ndim != 2 or len(own) != z.size or not np.isfinite(own).all():
        raise InputError(f"columns of the shape {own.shape} beside {z.size} cases", fix="Give (n, F) finite numbers.")
    whole = np.column_stack([own, z])
    kept, basis = [], one / np.sqrt(z.size)
    for column in whole.T:
        # What the constant and the columns before leave of it, twice for the last digits.
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        size = float(np.linalg.norm(left))
        says = size > _OWN * float(np.linalg.norm(column))
        kept.append(says)
        if says:
            basis = np.column_stack([basis, left / size])
    return _Design(np.column_stack([one, whole[:, kept]]), tuple(kept)), nothing


def _ratio(
    simpler: str, richer: str, likelihood: Mapping[str, float], parameters: Mapping[str, int]
) -> LikelihoodRatio:
    statistic = max(0.0, 2 * (likelihood[richer] - likelihood[simpler]))
    df = parameters[richer] - parameters[simpler]
    return LikelihoodRatio(simpler, richer, statistic, df, chi_square_tail(statistic, df))
