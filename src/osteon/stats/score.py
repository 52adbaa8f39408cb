"""Score test and score interval of the mean of an outcome that takes a few known values.

With the values 0 and 1 this is Wilson's (1927) interval of a proportion; with 1, 0 and -1 McNemar's (1947) test and
Tango's (1998) interval of a paired difference; with 1, 0 and minus the odds of a threshold the same for a net benefit.

Every mean d is held against the data by Pearson's chi-square of the counts and of the probabilities p that are most
likely at that mean. These are p_k = (n_k / n) / (1 + u (x_k - d)); with the observed mean m the chi-square is
n u (m - d) (Rao 1948; Owen 1988 for the form of p). A value that was not observed takes probability only where it
has to, and then u is where its own factor is 0.
"""

from __future__ import annotations

from math import copysign, isfinite, sqrt

import numpy as np
from scipy.optimize import brentq

from osteon.core.types import Floats


def statistic(values: Floats, counts: Floats, mean: float) -> float:
    """Root of the chi-square against a hypothetical mean, with the sign of observed minus hypothetical.

    Args:
        values: (k,) what the outcome can be, distinct.
        counts: (k,) how often each was observed; 0 for a value that is possible but was not seen.
        mean: The hypothesis, strictly between the least and the greatest value.
    """
    total, away, seen = float(counts.sum()), values - mean, counts > 0
    share = counts / total
    few = list(zip(share[seen], away[seen], strict=True))  # arrays of two or three cost ten times as much

    def slack(u: float) -> float:
        return float(sum(part * one / (1 + u * one) for part, one in few))

    excess = slack(0.0)
    if abs(excess) < 1e-14:
        return 0.0
    # 1 + u away >= 0 bounds u by the value that lies furthest on the other side of the hypothesis.
    furthest = int(np.argmin(away) if excess > 0 else np.argmax(away))
    end = -1 / float(away[furthest]) * (1 - 1e-13 if seen[furthest] else 1)
    # The slack falls in u from the excess at 0: a root, or the unseen value takes the rest.
    u = end if slack(end) * excess > 0 else float(brentq(slack, 0.0, end, xtol=1e-300, rtol=1e-14))
    return copysign(sqrt(max(0.0, total * u * excess)), excess)


def limits(values: Floats, counts: Floats, critical: float) -> tuple[float, float]:
    """The least and the greatest mean that the statistic does not reject.

    Args:
        values: (k,) what the outcome can be, distinct.
        counts: (k,) how often each was observed.
        critical: Quantile that the statistic is held against; infinite for the whole range.
    """
    return -_upper(-values, counts, critical), _upper(values, counts, critical)


def _upper(values: Floats, counts: Floats, critical: float) -> float:
    """Where the chi-square reaches the squared quantile, above the observed mean m.

    There u = c / (m - d) with c = critical^2 / n, so that one equation in d is left.
    """
    total, last = float(counts.sum()), int(np.argmax(values))
    greatest = float(values[last])
    observed, share = float(counts @ values) / total, counts / total
    c = critical**2 / total
    if not isfinite(c) or observed >= greatest:
        return greatest
    seen = counts > 0
    few = list(zip(share[seen], values[seen] - observed, strict=True))
    # From here on the factor of the greatest value is positive; exactly here it is 0.
    least = observed + c * (greatest - observed) / (1 + c)

    def slack(mean: float) -> float:
        gap = mean - observed
        return float(sum(part * (gap - one) / ((1 + c) * gap - c * one) for part, one in few))

    if seen[last]:
        least += (greatest - least) * 1e-13
    if slack(least) >= 0:
        return least
    return float(brentq(slack, least, greatest, xtol=1e-15, rtol=1e-14))
