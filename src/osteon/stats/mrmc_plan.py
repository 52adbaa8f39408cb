"""Around a reader study: the pseudovalue cross-check, planning the next one, and what experience changes.

Sources: Dorfman, Berbaum & Metz 1992; Hillis 2005 (equivalence with Obuchowski-Rockette); Hillis, Obuchowski & Berbaum
2011 (power and sample size); Hillis 2007, 2014; Obuchowski, Gallas & Hillis 2012 (split-plot designs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtri, chndtr, ncfdtr

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, printed_p
from osteon.stats import inputs
from osteon.stats.distributions import critical, f_quantile, f_tail, two_sided
from osteon.stats.mrmc import MRMCResult
from osteon.stats.reader_cells import figures_of, readings_of
from osteon.stats.reader_variance import pseudovalues

if TYPE_CHECKING:
    import pandas as pd


#: Which readers and cases meet in which arms.
DESIGNS = ("crossed", "split-plot", "unpaired readers", "unpaired cases", "unpaired")
_ONE_ARM = ("unpaired readers", "unpaired")


@dataclass(frozen=True, slots=True)
class DBMResult:
    """Test of equal arms by the analysis of variance of pseudovalues, readers and cases random.

    Attributes:
        statistic: F.
        df: Hillis' denominator degrees of freedom.
        p: p value.
        mean_squares: By source: ``arm``, ``reader``, ``case`` and their interactions.
    """

    statistic: float
    df: float
    p: float
    mean_squares: dict[str, float]

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return "pseudovalues (Dorfman 1992, Hillis 2005)"

    def __str__(self) -> str:
        """As a paper prints it."""
        return f"{self.method}: F {self.statistic:.2f}, df {self.df:.2f}, {printed_p(self.p)}"

    def to_frame(self) -> pd.DataFrame:
        """One row: the test and its mean squares."""
        import pandas as pd

        squares = {f"ms {source}": value for source, value in self.mean_squares.items()}
        return pd.DataFrame([{"statistic": self.statistic, "df": self.df, "p": self.p, **squares}])


def dorfman_berbaum_metz(
    readings: Mapping[str, Any] | pd.DataFrame,
    *,
    figure: str | Callable[[Any, Any], float] = "auc",
    threshold: float | None = None,
) -> DBMResult:
    """The cross-check of :func:`obuchowski_rockette`: equal F and df by another way, on fully crossed readings.

    Raises:
        InputError: Readings that are not fully crossed.
        NotEstimableError: One arm or one reader.
    """
    table = readings_of(readings, threshold, None)
    if not table.complete:
        raise InputError("the readings are not fully crossed", fix="Use obuchowski_rockette.")
    t, r, n = len(table.arms), len(table.readers), table.positive.size
    if t < 2 or r < 2:
        raise NotEstimableError("the pseudovalue analysis needs two arms and two readers")
    y = pseudovalues(table, figures_of(table, figure)[1]).reshape(r, t, n)
    axes = {"reader": 0, "arm": 1, "case": 2}
    squares: dict[str, float] = {}
    effects: dict[frozenset[str], Any] = {frozenset(): y.mean()}
    sources = ("arm", "reader", "case", "arm reader", "arm case", "reader case", "arm reader case")
    for source in sources:
        own = frozenset(source.split())
        away = tuple(axis for name, axis in axes.items() if name not in own)
        effect = y.mean(axis=away, keepdims=True) - sum(e for names, e in effects.items() if names < own)
        effects[own] = effect
        freedom = float(np.prod([y.shape[axes[name]] - 1 for name in own]))
        squares[source] = float(np.sum(np.broadcast_to(effect, y.shape) ** 2)) / freedom
    extra = max(0.0, squares["arm case"] - squares["arm reader case"])
    error = squares["arm reader"] + extra
    if error == 0:
        raise NotEstimableError("the pseudovalues do not vary")
    df = (t - 1) * (r - 1) * (error / squares["arm reader"]) ** 2 if squares["arm reader"] > 0 else inf
    statistic = squares["arm"] / error
    p = f_tail(statistic, t - 1, df)
    return DBMResult(statistic, float(df), p, squares)


def mrmc_power(
    pilot: MRMCResult | Mapping[str, float],
    *,
    n_readers: int,
    n_cases: int,
    effect: float,
    readers: str = "random",
    cases: str = "random",
    design: str = "crossed",
    groups: int = 2,
    alpha: float = 0.05,
    pilot_cases: int | None = None,
) -> float:
    """Power to find a difference between two arms.

    Args:
        pilot: A crossed study with two arms, or its components ``var_arm_reader``, ``cov1``, ``cov2``, ``cov3``,
            ``var_error``, and ``var_reader`` for readers who read one arm only.
        n_readers: Readers of the planned study, all together.
        n_cases: Cases of the planned study, all together, in the pilot's ratio of the classes.
        effect: True difference between the arms.
        readers: ``"random"`` or ``"fixed"``.
        cases: ``"random"`` or ``"fixed"``.
        design: ``"crossed"``: every reader reads every case in both arms. ``"split-plot"``: readers and cases are dealt
            into `groups`, and each group of readers reads its own cases in both arms. ``"unpaired readers"``: half of
            the readers read all cases in one arm, half in the other. ``"unpaired cases"``: every reader reads half of
            the cases in one arm and half in the other. ``"unpaired"``: half of the readers and cases for each arm.
        groups: Of a split-plot design.
        alpha: Two-sided significance level.
        pilot_cases: Number of cases the components come from; from the result where one is given.

    Returns:
        Power, by Hillis, Obuchowski & Berbaum (2011): case variances shrink in proportion to the cases. The variances
        of other designs are those that :func:`obuchowski_rockette` estimates for them.

    Raises:
        InputError: Sizes too small or not divisible, missing components.
        NotEstimableError: Components that the pilot did not determine, or no variance at all.
    """
    inputs.choice(readers, ("random", "fixed"), "readers")
    inputs.choice(cases, ("random", "fixed"), "cases")
    if readers == cases == "fixed":
        raise InputError("readers and cases are both fixed: nothing is random", fix="Make one of them random.")
    parts = _parts(design, groups)
    if readers == "fixed" and design in _ONE_ARM:
        raise InputError("readers who read one arm only are fixed: arms would differ by their readers")
    if n_readers < (2 if readers == "random" else 1) * (2 if design in _ONE_ARM else 1) or n_cases < 4 * parts[1]:
        raise InputError(f"{n_readers} readers and {n_cases} cases are too few, with the design {design!r}")
    if n_readers % parts[0]:
        raise InputError(f"{n_readers} readers cannot be dealt into {parts[0]} equal groups")
    inputs.between(alpha, 0, 1, "alpha")
    inputs.between(effect, -inf, inf, "effect")
    c = pilot.components if isinstance(pilot, MRMCResult) else dict(pilot)
    had = pilot.n_cases if isinstance(pilot, MRMCResult) else pilot_cases
    if had is None:
        raise InputError("the number of cases behind the components is unknown", fix="Give pilot_cases.")
    needed = ("var_arm_reader", "cov1", "cov2", "cov3", "var_error", *["var_reader"] * (design in _ONE_ARM))
    missing = [k for k in needed if not isfinite(c.get(k, nan))]
    if missing:
        raise NotEstimableError(f"the pilot does not determine {', '.join(missing)}")
    if readers == "fixed":
        c = {**c, "var_reader": 0.0, "var_arm_reader": 0.0}
    own, shared, freedom = _moments(c, had / n_cases, n_readers, design, groups)
    variance = own + (shared if cases == "random" else 0.0)
    if not variance > 0 or not own > 0:
        raise NotEstimableError("the components leave no variance to plan with")
    lack = effect**2 / variance
    if readers == "fixed":
        return float(1 - chndtr(chdtri(1, alpha), 1, lack))
    df = freedom * (variance / own) ** 2
    return float(1 - ncfdtr(1, df, lack, f_quantile(1 - alpha, 1, df)))


def _parts(design: str, groups: int) -> tuple[int, int]:
    """Into how many groups a design deals its readers, and into how many its cases."""
    inputs.choice(design, DESIGNS, "design")
    inputs.count(groups, 2, "groups")
    return {
        "crossed": (1, 1),
        "split-plot": (groups, groups),
        "unpaired readers": (2, 1),
        "unpaired cases": (1, 2),
    }.get(design, (2, 2))


def _moments(
    c: Mapping[str, float], scale: float, n_readers: int, design: str, groups: int
) -> tuple[float, float, float]:
    """The variance of the difference: what is in the readers' mean square, what cases add, and the square's df.

    Args:
        c: Variance components of a crossed pilot.
        scale: The pilot's cases to the planned ones.
        n_readers: Readers, all together.
        design: As in :func:`mrmc_power`.
        groups: Of a split-plot design.
    """
    scale *= _parts(design, groups)[1]  # a reader, or an arm, has a part of the cases
    cov1, cov3 = (0.0, 0.0) if design in ("unpaired cases", "unpaired") else (c["cov1"], c["cov3"])
    shared = max(0.0, c["cov2"] - cov3)  # case error of one arm that the arm's readers share and the other's do not
    between = max(0.0, c["var_arm_reader"])
    if design in _ONE_ARM:
        per_arm = n_readers // 2
        square = between + max(0.0, c["var_reader"]) + scale * (c["var_error"] - c["cov2"])
        return 2 * square / per_arm, 2 * scale * shared, 2 * (per_arm - 1)
    if design == "split-plot" and n_readers > 1:  # the mean over all pairs of readers; those of two groups share none
        shared *= (n_readers / groups - 1) / (n_readers - 1)
    return 2 * (between + scale * (c["var_error"] - cov1 - shared)) / n_readers, 2 * scale * shared, n_readers - 1


def mrmc_sample_size(
    pilot: MRMCResult | Mapping[str, float],
    *,
    n_readers: int | None = None,
    n_cases: int | None = None,
    effect: float,
    power: float = 0.8,
    readers: str = "random",
    cases: str = "random",
    design: str = "crossed",
    groups: int = 2,
    alpha: float = 0.05,
    pilot_cases: int | None = None,
    most: int = 100_000,
) -> int:
    """The fewest cases for so many readers, or the fewest readers for so many cases, that reach a power.

    Arguments as :func:`mrmc_power`; give one of `n_readers` and `n_cases`, and the other is found.

    Raises:
        InputError: Both are given, or neither.
        NotEstimableError: Not even `most` reach it.
    """
    if (n_readers is None) == (n_cases is None):
        raise InputError("a sample size needs one of n_readers and n_cases", fix="Give one; the other is found.")
    given, wanted = (f"{n_readers} readers", "cases") if n_cases is None else (f"{n_cases} cases", "readers")

    def reached(size: int) -> bool:
        found = mrmc_power(
            pilot,
            n_readers=size if n_readers is None else n_readers,
            n_cases=size if n_cases is None else n_cases,
            effect=effect,
            readers=readers,
            cases=cases,
            design=design,
            groups=groups,
            alpha=alpha,
            pilot_cases=pilot_cases,
        )
        return found >= inputs.between(power, 0, 1, "power")

    readers_in, cases_in = _parts(design, groups)
    step, least = (1, 4 * cases_in - 1) if n_cases is None else (readers_in, 1)
    low, high = least, most // step
    if not reached(high * step):
        raise NotEstimableError(f"{given} do not reach power {power:g} with {most:,} {wanted}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle * step) else (middle, high)
    return high * step


def reader_covariate(
    result: MRMCResult,
    values: Mapping[str, float],
    *,
    arm: str | None = None,
    pair: tuple[str, str] | None = None,
    name: str = "experience",
    level: float = 0.95,
) -> Comparison:
    """How the difference between two arms, or the figure in one, changes with a property of the reader.

    Args:
        result: A study.
        values: Reader to the property, such as years of experience; 0 and 1 compare two groups of readers.
        arm: The arm whose figures are related to it; None takes the difference of two arms, of readers who read both.
        pair: The two arms, of a study that has more.
        name: What the property is.
        level: Confidence level.

    Returns:
        Slope of the readers' differences (a - b), or figures, on the property, by least squares with Student's t on
        (readers - 2) degrees of freedom. Case errors that readers share are equal for all readers in the model of
        Obuchowski & Rockette, so they move the intercept, not the slope.

    Raises:
        InputError: A reader without a value, or neither `arm` nor `pair` where the study's arms are not two.
        NotEstimableError: Fewer than three readers, or a property that does not vary.
    """
    if arm is not None:
        inputs.choice(arm, list(result.estimates), "arm")
        figures = {reader: found.value for (own, reader), found in result.readers.items() if own == arm}
        what = f"{result.estimates[arm].name} ({arm})"
    elif pair is not None or len(result.differences) == 1:
        a, b = pair or next(iter(result.differences))
        inputs.choice(a, list(result.estimates), "pair")
        inputs.choice(b, list(result.estimates), "pair")
        figures = {
            reader: found.value - result.readers[b, reader].value
            for (own, reader), found in result.readers.items()
            if own == a and (b, reader) in result.readers
        }
        what = f"{result.estimates[a].name} ({a} - {b})"
    else:
        raise InputError(f"the study has {len(result.estimates)} arms, not two", fix="Give arm= or pair=.")
    known = {str(reader): value for reader, value in values.items()}
    lacking = [reader for reader in figures if reader not in known]
    if lacking:
        raise InputError(f"no {name} for reader '{lacking[0]}'")
    x = inputs.scores([known[reader] for reader in figures], len(figures), name=name, finite=True)
    y = np.array(list(figures.values()))
    if x.size < 3 or np.ptp(x) == 0:
        raise NotEstimableError(f"the slope on {name} needs three readers who differ in it")
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    residual = y - y.mean() - slope * centred
    df = x.size - 2
    se = sqrt(float(residual @ residual) / df / float(centred @ centred))
    half = critical(level, df) * se
    z = slope / se if se > 0 else nan
    return Comparison(
        slope,
        slope - half,
        slope + half,
        se,
        z,
        two_sided(z, df),
        f"least squares over {x.size} readers (Obuchowski & Rockette 1995), t with {df} df",
        result.n_cases,
        level,
        f"per unit of {name}, {what}",
        df,
    )
