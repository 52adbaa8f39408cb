"""Non-inferiority and equivalence with a margin fixed beforehand.

Sources: Schuirmann 1987 (two one-sided tests); Blackwelder 1982; Piaggio 2012 (CONSORT extension).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf
from typing import TYPE_CHECKING

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, printed_p
from osteon.stats import inputs
from osteon.stats.distributions import critical, upper_tail

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class MarginTest:
    """A difference held against a margin.

    Attributes:
        difference: a - b.
        low: Lower limit of the interval that decides, at level 1 - 2 alpha.
        high: Upper limit.
        margin: The margin, positive.
        statistic: z (or t) of the least favourable one-sided test.
        p: Its one-sided p value.
        shown: Whether the claim is shown at `alpha`.
        alpha: One-sided significance level.
        claim: ``"a is non-inferior to b"`` or ``"a and b are equivalent"``.
        method: The test, with its source.
    """

    difference: float
    low: float
    high: float
    margin: float
    statistic: float
    p: float
    shown: bool
    alpha: float
    claim: str
    method: str

    def __str__(self) -> str:
        """As a paper prints it."""
        interval = f"{100 - 200 * self.alpha:g}% CI {self.low:.3f} to {self.high:.3f}"
        verdict = "shown" if self.shown else "not shown"
        difference = f"difference {self.difference:.3f}, {interval}; {printed_p(self.p)}"
        return f"{self.claim} within {self.margin:g}: {verdict} ({difference})"

    def to_frame(self) -> pd.DataFrame:
        """One row with every attribute as a column."""
        import pandas as pd

        return pd.DataFrame([asdict(self)])


def noninferiority(comparison: Comparison, margin: float, *, alpha: float = 0.025) -> MarginTest:
    """Whether a is at most `margin` worse than b, larger values being better.

    Args:
        comparison: The difference a - b with its standard error and degrees of freedom.
        margin: The largest loss that would be accepted, positive.
        alpha: One-sided significance level.

    Raises:
        InputError: A margin that is not positive.
        NotEstimableError: A difference without a standard error.
    """
    return _held_against(comparison, margin, alpha, two_sided=False)


def equivalence(comparison: Comparison, margin: float, *, alpha: float = 0.05) -> MarginTest:
    """Whether a and b differ by less than `margin` either way (two one-sided tests).

    Arguments and errors as :func:`noninferiority`.
    """
    return _held_against(comparison, margin, alpha, two_sided=True)


def _held_against(c: Comparison, margin: float, alpha: float, *, two_sided: bool) -> MarginTest:
    inputs.between(margin, 0, inf, "margin")
    inputs.between(alpha, 0, 0.5, "alpha")
    if not isinstance(c, Comparison):
        raise InputError(f"the comparison is a {type(c).__name__}", fix="Give the result of a test, as of delong_test.")
    if not c.se > 0:
        raise NotEstimableError("the difference has no standard error to hold against a margin")
    statistic = ((margin - abs(c.difference)) if two_sided else (c.difference + margin)) / c.se
    half = critical(1 - 2 * alpha, c.df) * c.se
    p = upper_tail(statistic, c.df)
    return MarginTest(
        c.difference,
        c.difference - half,
        c.difference + half,
        float(margin),
        statistic,
        p,
        p < alpha,
        alpha,
        "a and b are equivalent" if two_sided else "a is non-inferior to b",
        f"{'TOST (Schuirmann 1987)' if two_sided else 'non-inferiority (Blackwelder 1982)'}, {c.method}",
    )
