"""A figure of merit within subgroups, and whether it differs between them.

Sources: Altman & Bland 2003 (test the interaction, not each subgroup); DeLong 1988 and Obuchowski 1997 for the
covariance, which is not zero where one patient has cases in several subgroups.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats, printed_p
from osteon.stats import inputs
from osteon.stats.delong import delong_ci
from osteon.stats.distributions import critical, f_tail
from osteon.stats.influences import covariance, influence, spread
from osteon.stats.intervals import proportion_ci

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Subgroups:
    """A figure of merit by subgroup.

    Attributes:
        estimates: Subgroup to its estimate; value and limits are nan where it is not estimable, and `method` says why.
        n_positive: Subgroup to its number of positive cases.
        statistic: Wald's chi-square of equal figures; with clusters it is held, over `df`, against F with patients - 1
            degrees of freedom. A subgroup without variance (a sensitivity of 1, say) takes the
            variance that its interval implies.
        df: Its degrees of freedom; 0 where fewer than two subgroups can be compared.
        p_interaction: Its p value; nan where `df` is 0.
    """

    estimates: dict[str, Estimate]
    n_positive: dict[str, int]
    statistic: float
    df: int
    p_interaction: float

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return (
            f"{'; '.join(sorted({e.method for e in self.estimates.values()}))}; interaction Wald (Altman & Bland 2003)"
        )

    def __str__(self) -> str:
        """As a paper prints it."""
        each = "; ".join(f"{name}: {estimate}" for name, estimate in self.estimates.items())
        return f"{each}; interaction " + (printed_p(self.p_interaction) if self.df else "not estimable")

    def to_frame(self) -> pd.DataFrame:
        """One row a subgroup."""
        import pandas as pd

        frame = pd.concat([e.to_frame() for e in self.estimates.values()], ignore_index=True)
        frame.insert(0, "subgroup", list(self.estimates))
        return frame.assign(n_positive=list(self.n_positive.values()), p_interaction=self.p_interaction)


def subgroups(
    y_true: ArrayLike,
    y_score: ArrayLike,
    groups: ArrayLike,
    *,
    figure: str = "auc",
    threshold: float | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Subgroups:
    """AUC, sensitivity or specificity within subgroups, with a test of interaction.

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        groups: (n,) subgroup of each case; None, nan and "" become the subgroup "missing".
        figure: ``"auc"``, ``"sensitivity"`` or ``"specificity"``.
        threshold: Calls are positive at ``score >= threshold``; for sensitivity and specificity.
        level: Confidence level.
        clusters: (n,) patient of each case.

    Raises:
        InputError: Missing values, unequal lengths, an unknown figure, no threshold where one is needed.
        NotEstimableError: One class only overall.
    """
    inputs.choice(figure, ("auc", "sensitivity", "specificity"), "figure")
    positive = inputs.truth(y_true)
    n = positive.size
    score = inputs.scores(y_score, n)
    if figure != "auc":
        if threshold is None:
            raise InputError(f"{figure} needs a threshold", fix="Give threshold=.")
        score = inputs.reaches(score, inputs.real(threshold, "threshold"), y_score).astype(np.float64)
    codes = inputs.codes(clusters, n)
    labels = labels_of(groups, n)
    estimates: dict[str, Estimate] = {}
    influences: list[Floats] = []
    comparable: list[Estimate] = []
    for name in sorted(set(labels.tolist())):
        within = labels == name
        own_codes = None if codes is None else codes[within]
        try:
            estimates[name], h = _one(positive[within], score[within], figure, level, own_codes)
        except NotEstimableError as error:
            estimates[name] = Estimate(nan, nan, nan, str(error), int(within.sum()), nan, level, _TITLES[figure])
            continue
        if isfinite(estimates[name].low):
            influences.append(spread(h, np.flatnonzero(within), positive, codes))
            comparable.append(estimates[name])
    statistic, df = _interaction(comparable, influences, positive, codes)
    return Subgroups(
        estimates=estimates,
        n_positive={name: int(positive[labels == name].sum()) for name in estimates},
        statistic=statistic,
        df=df,
        p_interaction=f_tail(statistic / df, df, inputs.degrees(codes)) if df else nan,
    )


_TITLES = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}


def _one(
    positive: inputs.Bools, score: Floats, figure: str, level: float, codes: inputs.Ints | None
) -> tuple[Estimate, Floats]:
    """A subgroup's estimate, and its cases' influences on it."""
    if figure == "auc":
        return delong_ci(positive, score, level=level, clusters=codes), influence(positive, score)[1]
    among = positive if figure == "sensitivity" else ~positive
    if not among.any():
        raise NotEstimableError(f"no {'positive' if figure == 'sensitivity' else 'negative'} cases")
    hit = score if figure == "sensitivity" else 1 - score
    own = None if codes is None else codes[among]
    h = np.where(among, hit - hit[among].mean(), 0.0) / among.sum()
    return proportion_ci(hit[among], level=level, clusters=own, name=figure), h


def _interaction(
    estimates: list[Estimate], influences: list[Floats], positive: inputs.Bools, codes: inputs.Ints | None
) -> tuple[float, int]:
    if len(estimates) < 2:
        return nan, 0
    values = np.array([estimate.value for estimate in estimates])
    try:
        sigma = covariance(np.stack(influences), positive, codes)
    except NotEstimableError:
        return nan, 0
    for i in np.flatnonzero(np.diag(sigma) < 1e-18):
        sigma[i, i] = ((estimates[i].high - estimates[i].low) / (2 * critical(estimates[i].level))) ** 2
    contrast = np.eye(values.size)[1:] - np.eye(values.size)[0]
    delta = contrast @ values
    return float(delta @ np.linalg.pinv(contrast @ sigma @ contrast.T, hermitian=True) @ delta), values.size - 1


def labels_of(groups: ArrayLike, n: int) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """(n,) subgroup of each case as a text; "missing" where there is none."""
    raw = inputs.labels(groups, "groups")
    if raw.shape != (n,):
        raise InputError(f"groups has shape {raw.shape} beside {n} cases", fix="Give one subgroup a case.")
    labels = np.empty(n, dtype=object)
    whole = (int(g) if isinstance(g, float) and g.is_integer() else g for g in raw.tolist())  # a gap makes 2 a 2.0
    labels[:] = ["missing" if group is None else str(group) for group in whole]
    return labels
