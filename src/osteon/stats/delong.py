"""Variance of the empirical AUC without distributional assumptions, and the tests that follow from it.

Sources: those of :mod:`osteon.stats.influences`; Qin & Hotilovac 2008 (logit interval); Hoeffding 1963 (where the
variance is zero). Clustered variances are estimated
from as many sums as there are patients, so Student's t with patients - 1 degrees of freedom takes the place of the
normal quantile; without clusters all is as in pROC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, expm1, hypot, log, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import rel_entr

from osteon.core.errors import InputError
from osteon.core.types import Comparison, Estimate, Floats
from osteon.stats import inputs
from osteon.stats.distributions import critical, logit_limits, two_sided
from osteon.stats.influences import covariance, influence, sums
from osteon.stats.roc import midranks


def _influences(positive: inputs.Bools, named: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
    if not named:
        raise InputError("there is no score", fix="Give one or more.")
    pairs = [influence(positive, inputs.scores(value, positive.size, name=name)) for name, value in named.items()]
    return np.array([value for value, _ in pairs]), np.stack([h for _, h in pairs])


def _named(scores: Mapping[str, ArrayLike] | ArrayLike) -> Mapping[str, ArrayLike]:
    if isinstance(scores, Mapping):
        return scores
    table: Any = scores
    if hasattr(table, "columns"):  # a pandas table is a mapping in all but name
        named = {str(name): table[name] for name in table}
        if len(named) < len(table.columns):
            raise InputError("two columns of the scores have one name", fix="Name each score differently.")
        return named
    return {f"score {row}": values for row, values in enumerate(np.atleast_2d(inputs.array(scores, "scores")))}


def delong_covariance(
    y_true: ArrayLike, scores: Mapping[str, ArrayLike] | ArrayLike, *, clusters: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """AUCs of any number of scores on the same cases, and their covariance matrix.

    Args:
        y_true: (n,) of 0 and 1.
        scores: Name to (n,) scores, or (k, n).
        clusters: (n,) patient of each case; then Obuchowski's (1997) form.

    Returns:
        (k,) AUCs and (k, k) covariance, in O(k n log n).

    Raises:
        InputError: Missing values, unequal lengths, labels other than 0 and 1.
        NotEstimableError: Fewer than two independent cases of a class.
    """
    positive = inputs.truth(y_true)
    aucs, influences = _influences(positive, _named(scores))
    return aucs, covariance(influences, positive, inputs.codes(clusters, positive.size))


def delong_ci(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    level: float = 0.95,
    method: str = "logit",
    clusters: ArrayLike | None = None,
) -> Estimate:
    """AUC with DeLong's standard error and a confidence interval inside [0, 1].

    Args:
        y_true: (n,) of 0 and 1.
        y_score: (n,) scores.
        level: Confidence level.
        method: ``"logit"`` (default; better coverage near 1) or ``"wald"`` (symmetric, cut at 0 and 1).
        clusters: (n,) patient of each case; then Obuchowski's (1997) form of the variance and Student's t with
            patients - 1 degrees of freedom.

    Returns:
        The estimate. Where the variance is zero (perfect separation, all scores equal) the interval is Hoeffding's
        (1963) for a two-sample U-statistic, which holds for any sample size: all p with
        k KL(A, p) <= log(2 / alpha), k the number of independent pairs. At A = 1 it is
        [(alpha / 2)^(1 / k), 1].

    Raises:
        InputError: Missing values, unequal lengths, labels other than 0 and 1, an unknown method.
        NotEstimableError: Fewer than two independent cases of a class.

    >>> print(delong_ci([0, 0, 0, 1, 1, 1], [0.1, 0.3, 0.6, 0.4, 0.8, 0.9]))
    AUC 0.889 (95% CI 0.261 to 0.995)
    """
    inputs.choice(method, ("logit", "wald"), "method")
    positive = inputs.truth(y_true)
    codes = inputs.codes(clusters, positive.size)
    value, h = influence(positive, inputs.scores(y_score, positive.size))
    se = sqrt(max(0.0, float(covariance(h[None], positive, codes)[0, 0])))
    df = inputs.degrees(codes)
    source = "DeLong 1988" if codes is None else "DeLong 1988, clustered (Obuchowski 1997)"
    if se == 0:
        low, high = _hoeffding_limits(value, _independent_pairs(positive, codes), level)
        method = "Hoeffding 1963 (zero variance)"
    elif method == "logit":
        low, high = logit_limits(value, se, level, df)
        method += inputs.student(codes)
    else:
        half = critical(level, df) * se
        low, high = max(0.0, value - half), min(1.0, value + half)
        method += inputs.student(codes)
    return Estimate(value, low, high, f"{source}, {method}", positive.size, se, level, "AUC")


def delong_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> Comparison:
    """Difference a - b of two AUCs on the same cases, with DeLong's paired test.

    Args:
        y_true: (n,) of 0 and 1.
        score_a: (n,) scores of a.
        score_b: (n,) scores of b.
        clusters: (n,) patient of each case; then Obuchowski's (1997) form and Student's t with patients - 1 degrees of
            freedom.
        level: Confidence level of the interval.

    Returns:
        The comparison; `difference` and `z` have the sign of a - b. Scores that order the cases alike give 0 with
        p = 1. Any other pair with zero variance gets Hoeffding's (1963) bounds, and `z` is nan.

    Raises:
        InputError: Missing values, unequal lengths, labels other than 0 and 1.
        NotEstimableError: Fewer than two independent cases of a class.
    """
    return delong_pairs(y_true, {"a": score_a, "b": score_b}, clusters=clusters, level=level)["a", "b"]


def delong_pairs(
    y_true: ArrayLike,
    scores: Mapping[str, ArrayLike],
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> dict[tuple[str, str], Comparison]:
    """All pairs of scores compared by :func:`delong_test`, each score sorted once.

    Args:
        y_true: (n,) of 0 and 1.
        scores: Name to (n,) scores.
        clusters: (n,) patient of each case.
        level: Confidence level of the intervals.

    Returns:
        (a, b) to the comparison a - b, for every a that stands before b.
    """
    inputs.between(level, 0, 1, "level")
    positive = inputs.truth(y_true)
    codes = inputs.codes(clusters, positive.size)
    aucs, h = _influences(positive, scores)
    df, source = inputs.degrees(codes), "DeLong 1988, paired"
    if codes is not None:
        source += ", clustered (Obuchowski 1997)"
    units, names = sums(h, positive, codes), list(scores)
    out: dict[tuple[str, str], Comparison] = {}
    for i, a in enumerate(names):
        variances = units.variance_of_differences(i, slice(i + 1, None))
        for j, (b, variance) in enumerate(zip(names[i + 1 :], variances.tolist(), strict=True), start=i + 1):
            se = sqrt(max(0.0, variance))
            difference = float(aucs[i] - aucs[j])
            if se > 0:
                how = source + inputs.student(codes)
                out[a, b] = _compared(difference, se, how, positive.size, level, df)
            elif _same_order(inputs.numbers(scores[a], a), inputs.numbers(scores[b], b)):
                out[a, b] = Comparison(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, f"{source}: equal order", positive.size, level)
            else:
                pairs = _independent_pairs(positive, codes)
                out[a, b] = _hoeffding_comparison(difference, pairs, source, positive.size, level)
    return out


def delong_test_unpaired(
    y_true_a: ArrayLike,
    score_a: ArrayLike,
    y_true_b: ArrayLike,
    score_b: ArrayLike,
    *,
    clusters_a: ArrayLike | None = None,
    clusters_b: ArrayLike | None = None,
    level: float = 0.95,
) -> Comparison:
    """Difference a - b of AUCs on different cases, such as two centres; degrees of freedom by Welch, as in pROC.

    Where an AUC has zero variance (perfect separation, all ties), the two intervals are combined instead (MOVER,
    Zou & Donner 2008), the exact one of :func:`delong_ci` among them; p is the level at which 0 is just excluded.

    Raises:
        InputError: Missing values, unequal lengths, labels other than 0 and 1.
        NotEstimableError: Fewer than two independent cases of a class.
    """
    a = delong_ci(y_true_a, score_a, level=level, clusters=clusters_a)
    b = delong_ci(y_true_b, score_b, level=level, clusters=clusters_b)
    se = sqrt(a.se**2 + b.se**2)
    if 0 in (a.se, b.se):

        def limits(level: float) -> tuple[float, float]:
            return _combined(
                delong_ci(y_true_a, score_a, level=level, clusters=clusters_a),
                delong_ci(y_true_b, score_b, level=level, clusters=clusters_b),
            )

        method = "DeLong 1988, unpaired, MOVER (Zou & Donner 2008; zero variance)"
        return Comparison(a.value - b.value, *limits(level), se, nan, _inverted(limits), method, a.n + b.n, level)
    df = se**4 / (a.se**4 / (_units(clusters_a, a.n) - 1) + b.se**4 / (_units(clusters_b, b.n) - 1))
    statistic, half = (a.value - b.value) / se, critical(level, df) * se
    difference = a.value - b.value
    return Comparison(
        difference,
        max(-1.0, difference - half),
        min(1.0, difference + half),
        se,
        statistic,
        two_sided(statistic, df),
        f"DeLong 1988, unpaired, t with {df:.1f} df",
        a.n + b.n,
        level,
        df=df,
    )


def _combined(a: Estimate, b: Estimate) -> tuple[float, float]:
    """Limits of a - b from the limits of each."""
    difference = a.value - b.value
    return (
        difference - hypot(a.value - a.low, b.high - b.value),
        difference + hypot(a.high - a.value, b.value - b.low),
    )


def _inverted(limits: Callable[[float], tuple[float, float]]) -> float:
    """The p value: one minus the confidence level whose interval just reaches 0."""

    def reach(log_alpha: float) -> float:
        low, high = limits(-expm1(log_alpha))
        return max(low, -high)  # above 0 when the interval excludes 0

    least, most = log(1e-15), log(1 - 1e-9)
    if reach(most) <= 0:
        return 1.0
    return exp(least) if reach(least) > 0 else exp(brentq(reach, least, most, xtol=1e-9))


def _units(clusters: ArrayLike | None, n: int) -> int:
    codes = inputs.codes(clusters, n)
    return n if codes is None else int(codes.max()) + 1


def _same_order(a: Floats, b: Floats) -> bool:
    return np.array_equal(midranks(a), midranks(b))


def _compared(difference: float, se: float, source: str, n: int, level: float, df: float) -> Comparison:
    half = critical(level, df) * se
    z = difference / se
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return Comparison(difference, low, high, se, z, two_sided(z, df), source, n, level, df=df)


def _independent_pairs(positive: inputs.Bools, codes: inputs.Ints | None) -> int:
    """The largest number of positive-negative pairs of which no two share a cluster."""
    if codes is None:
        return int(min(positive.sum(), (~positive).sum()))
    return min(np.unique(codes[positive]).size, np.unique(codes[~positive]).size, (int(codes.max()) + 1) // 2)


def _hoeffding_limits(value: float, pairs: int, level: float) -> tuple[float, float]:
    bound = log(2 / (1 - inputs.between(level, 0, 1, "level"))) / pairs

    def excess(p: float) -> float:
        return float(rel_entr(value, p) + rel_entr(1 - value, 1 - p)) - bound

    low = exp(-bound) if value == 1 else _root(excess, value, 0.0)
    high = 1 - exp(-bound) if value == 0 else _root(excess, value, 1.0)
    return low, high


def _root(excess: Callable[[float], float], value: float, end: float) -> float:
    """Where the excess over the bound, negative at the value, crosses 0; the end where it does not do so before."""
    last = 1e-300 if end == 0 else 1 - np.finfo(float).eps
    if value == end or excess(last) <= 0:
        return end
    return float(brentq(excess, value, last, xtol=1e-14))


def _hoeffding_comparison(difference: float, pairs: int, source: str, n: int, level: float) -> Comparison:
    """Hoeffding's bound for a kernel between -1 and 1: P(|D - d| >= t) <= 2 exp(-k t^2 / 2)."""
    half = sqrt(2 * log(2 / (1 - level)) / pairs)
    p = min(1.0, 2 * exp(-pairs * difference**2 / 2))
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return Comparison(difference, low, high, 0.0, nan, p, f"{source}, Hoeffding 1963 (zero variance)", n, level)
