"""Venkatraman & Begg's (1996) test of two ROC curves on the same cases: are they one curve, not only of one area?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.types import Floats, printed_p
from osteon.stats import inputs
from osteon.stats.roc import midranks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class CurveTest:
    """Whether two ROC curves are one.

    Attributes:
        statistic: Sum over all cuts of the absolute difference of the numbers of errors.
        p: Permutation p value.
        n: Number of cases.
        method: The test, with its source.
    """

    statistic: float
    p: float
    n: int
    method: str

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"ROC curves differ by {self.statistic:g} errors over all cuts ({printed_p(self.p)})"

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        from dataclasses import asdict

        import pandas as pd

        return pd.DataFrame([asdict(self)])


def venkatraman_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    permutations: int = 1999,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
) -> CurveTest:
    """Whether two scores of the same cases have one ROC curve, at all cuts; curves that cross can share an area.

    Args:
        y_true: (n,) of 0 and 1.
        score_a: (n,) scores of a.
        score_b: (n,) scores of b.
        permutations: Random exchanges of the two scores' ranks, ties broken at random in each.
        clusters: (n,) patient of each case; a patient's cases are exchanged together.
        rng: Generator, or a seed for one.

    Raises:
        InputError: Missing values, unequal lengths.
        NotEstimableError: One class only.

    >>> print(venkatraman_test([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]))
    ROC curves differ by 0 errors over all cuts (p = 1.000)
    """
    inputs.count(permutations, 1, "permutations")
    positive = inputs.truth(y_true)
    n, generator = positive.size, inputs.generator(rng)
    ranks = [_first(inputs.scores(given, n, name=name)) for given, name in ((score_a, "score_a"), (score_b, "score_b"))]
    middle = [midranks(one) for one in ranks]
    codes = inputs.codes(clusters, n)
    inputs.several(codes)
    codes = np.arange(n) if codes is None else codes
    found = _errors_apart(positive, *ranks)
    units, extreme = int(codes.max()) + 1, 0
    for _ in range(permutations):
        swapped = generator.integers(0, 2, size=units)[codes] == 1
        a, b = (one + generator.uniform(-0.5, 0.5, n) for one in middle)
        a, b = np.where(swapped, b, a), np.where(swapped, a, b)
        extreme += _errors_apart(positive, _first(a), _first(b)) >= found
    method = f"Venkatraman & Begg 1996, {permutations} exchanges of {'cases' if units == n else 'patients'}"
    return CurveTest(float(found), (1 + extreme) / (1 + permutations), n, method)


def _first(score: Floats) -> Floats:
    """Ranks from 1, of ties the first first."""
    ranks = np.empty(score.size)
    ranks[np.argsort(score, kind="stable")] = np.arange(1, score.size + 1)
    return ranks


def _errors_apart(positive: inputs.Bools, a: Floats, b: Floats) -> int:
    """Sum over the cuts of the absolute difference of errors: positives at or below the cut, negatives above it."""
    errors = [np.cumsum(np.where(positive[np.argsort(ranks)], 1, -1)) for ranks in (a, b)]
    return int(np.abs(errors[0] - errors[1]).sum())
