"""What each case adds to an AUC, and the covariance of figures that follows from it, by cases or by patients.

Sources: DeLong, DeLong & Clarke-Pearson 1988; Sun & Xu 2014 (from ranks); Obuchowski 1997 (cases that share a patient).

With h the influence of a case on the AUC A, (V - A) / m for one of m positives and (V - A) / n for one of n negatives
(V: the share of the other class it is on the right side of), the covariance of two AUCs is

    m / (m - 1) sum_positive h h'  +  n / (n - 1) sum_negative h h'

and with clusters the same with each class's h summed within clusters, plus the covariance of a cluster's two sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats
from osteon.stats import inputs
from osteon.stats.roc import placements


def influence(positive: inputs.Bools, score: Floats) -> tuple[float, Floats]:
    """The AUC and each case's influence on it.

    Returns:
        The AUC, and (n,) influences that sum to zero within each class; exactly zero where a case sits at the mean.
    """
    counts = placements(positive, score)
    n_positive = int(positive.sum())
    n_negative = positive.size - n_positive
    total = counts[positive].sum()
    # Half-integers below 2**53 are exact in float64: constant placements give exactly zero, not rounding noise.
    own = np.where(positive, n_positive, n_negative)
    pairs = float(n_positive * n_negative)
    return float(total / pairs), (counts * own - total) / (own * pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Influences summed within independent units, by class, and the small-sample corrections.

    Attributes:
        of_positives: (k, units) influences of the positives of each unit.
        of_negatives: (k, units) influences of the negatives of each unit; without clusters other units than those.
        corrections: units / (units - 1) for positives, for negatives, and for both in one unit (0 without clusters).
    """

    of_positives: Floats
    of_negatives: Floats
    corrections: tuple[float, float, float]

    def covariance(self) -> Floats:
        """(k, k) covariance of the figures."""
        p, q, (for_p, for_q, for_both) = self.of_positives, self.of_negatives, self.corrections
        result: Floats = for_p * (p @ p.T) + for_q * (q @ q.T)
        if for_both:
            result += for_both * (p @ q.T + q @ p.T)
        return result

    def variance_of_differences(self, a: int, b: slice) -> Floats:
        """Variances of figure a minus each of others: from differences of influences, so that nothing cancels."""
        p, q = self.of_positives[a] - self.of_positives[b], self.of_negatives[a] - self.of_negatives[b]
        for_p, for_q, for_both = self.corrections
        result: Floats = for_p * np.einsum("ku,ku->k", p, p) + for_q * np.einsum("ku,ku->k", q, q)
        if for_both:
            result += 2 * for_both * np.einsum("ku,ku->k", p, q)
        return result


def sums(influences: Floats, positive: inputs.Bools, codes: inputs.Ints | None) -> Sums:
    """Sum influences within clusters.

    Args:
        influences: (k, n), one row a score.
        positive: (n,) bool.
        codes: (n,) cluster of each case, or None when all are independent.

    Raises:
        NotEstimableError: Fewer than two independent positives or negatives.
    """
    p, q = influences[:, positive], influences[:, ~positive]
    if codes is None:
        return Sums(p, q, (_correction(p.shape[1]), _correction(q.shape[1]), 0.0))
    total = int(codes.max()) + 1
    of_positives, of_negatives = codes[positive], codes[~positive]
    corrections = (
        _correction(int(np.count_nonzero(np.bincount(of_positives)))),
        _correction(int(np.count_nonzero(np.bincount(of_negatives)))),
        _correction(total),
    )
    return Sums(_summed(p, of_positives, total), _summed(q, of_negatives, total), corrections)


def covariance(influences: Floats, positive: inputs.Bools, codes: inputs.Ints | None) -> Floats:
    """(k, k) covariance of figures from the cases' (k, n) influences; see :func:`sums`."""
    return sums(influences, positive, codes).covariance()


def spread(h: Floats, among: inputs.Ints, positive: inputs.Bools, codes: inputs.Ints | None) -> Floats:
    """Influences of some of the cases as (n,) influences of all, for :func:`covariance` of figures on different cases.

    Args:
        h: (k,) influences of the cases `among`.
        among: (k,) positions of these cases.
        positive: (n,) truth of all cases.
        codes: (n,) clusters of all cases, or None.

    Returns:
        (n,), zero elsewhere; rescaled so that the variance corrects for these cases' own number of units (cases, or
        clusters of a class) and not for that of all.
    """
    out = np.zeros(positive.size)
    out[among] = h
    unit = np.arange(positive.size) if codes is None else codes
    for members in (positive, ~positive):
        own, total = (np.unique(unit[which]).size for which in (among[members[among]], np.flatnonzero(members)))
        out[members] *= sqrt(own * (total - 1) / ((own - 1) * total)) if own > 1 else 0.0
    return out


def _correction(units: int) -> float:
    if units < 2:
        raise NotEstimableError("a variance needs at least two independent positive and two independent negative cases")
    return units / (units - 1)


def _summed(h: Floats, codes: inputs.Ints, total: int) -> Floats:
    return np.stack([np.bincount(codes, weights=row, minlength=total) for row in h])
