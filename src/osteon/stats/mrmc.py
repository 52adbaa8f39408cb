"""Multi-reader multi-case analysis by the model of Obuchowski & Rockette.

Sources: Obuchowski & Rockette 1995; Hillis 2005, 2007 (degrees of freedom), 2014 (single-modality intervals, nested and
split-plot designs); Hillis, Obuchowski & Berbaum 2011; Obuchowski 2012 (split-plot).

The figure of merit of reader j in arm i is mu + arm_i + reader_j + (reader x arm)_ij + error_ij. Errors correlate
through shared cases: Cov1 between arms of one reader, Cov2 between readers of one arm, Cov3 between both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import inf, isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from osteon.errors import InputError, NotEstimableError
from osteon.stats import inputs
from osteon.stats.distributions import critical, f_tail, two_sided
from osteon.stats.reader_cells import Readings, cell_covariance, figures_of, readings_of
from osteon.types import Comparison, Estimate, Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class MRMCResult:
    """Arms compared over readers and cases.

    Attributes:
        estimates: Arm to the mean over its readers, each from the data of that arm only.
        differences: (arm a, arm b) to a - b, arms in sorted order; the field `z` is Student's t.
        difference: The only difference of a study with two arms, else nan.
        low: Its lower confidence limit.
        high: Its upper confidence limit.
        statistic: Global test of equal arms: F, or chi-square for fixed readers; nan with one arm.
        df: Denominator degrees of freedom of F (Hillis), or degrees of freedom of chi-square.
        p: p value of the global test.
        components: Mean squares ``ms_arm``, ``ms_reader``, ``ms_arm_reader``; covariances ``cov1``, ``cov2``, ``cov3``,
            ``var_error``; variance components ``var_reader``, ``var_arm_reader`` (they can be negative). nan where
            the design does not determine them.
        readers: (arm, reader) to the reader's own figure, over the sampling of cases.
        reader_differences: (arm a, arm b, reader) to the reader's own difference, over the sampling of cases.
        design: Which readers and cases meet in which arms.
        method: The analysis and its source.
        n_readers: Number of readers.
        n_cases: Number of cases.
    """

    estimates: dict[str, Estimate]
    differences: dict[tuple[str, str], Comparison]
    difference: float
    low: float
    high: float
    statistic: float
    df: float
    p: float
    components: dict[str, float]
    readers: dict[tuple[str, str], Estimate]
    reader_differences: dict[tuple[str, str, str], Comparison]
    design: str
    method: str
    n_readers: int
    n_cases: int

    def __str__(self) -> str:
        """As a paper prints it."""
        arms = "; ".join(f"{arm}: {estimate}" for arm, estimate in self.estimates.items())
        pairs = "; ".join(f"{a} - {b}: {comparison}" for (a, b), comparison in self.differences.items())
        who = f"{self.n_readers} readers, {self.n_cases} cases, {self.method}"
        return f"{arms}{'; ' if pairs else ''}{pairs} ({who})"

    def to_frame(self) -> pd.DataFrame:
        """One row an arm and one a difference."""
        import pandas as pd

        arms = [
            {"arm": arm, "value": e.value, "low": e.low, "high": e.high, "se": e.se, "method": e.method}
            for arm, e in self.estimates.items()
        ]
        pairs = [
            {"arm": f"{a} - {b}", "value": c.difference, "low": c.low, "high": c.high, "se": c.se, "p": c.p}
            | {"method": c.method}
            for (a, b), c in self.differences.items()
        ]
        frame = pd.DataFrame(arms + pairs).assign(readers=self.n_readers, cases=self.n_cases)
        return frame.reindex(columns=["arm", "value", "low", "high", "se", "p", "method", "readers", "cases"])

    def readers_frame(self) -> pd.DataFrame:
        """One row a reader and arm, and one a reader and difference."""
        import pandas as pd

        rows = [
            {"reader": reader, "arm": arm, "value": e.value, "low": e.low, "high": e.high, "se": e.se}
            for (arm, reader), e in self.readers.items()
        ]
        rows += [
            {"reader": reader, "arm": f"{a} - {b}", "value": c.difference, "low": c.low, "high": c.high, "se": c.se}
            | {"p": c.p}
            for (a, b, reader), c in self.reader_differences.items()
        ]
        return pd.DataFrame(rows).reindex(columns=["reader", "arm", "value", "low", "high", "se", "p"])


def obuchowski_rockette(
    readings: Mapping[str, Any] | pd.DataFrame,
    *,
    readers: str = "random",
    cases: str = "random",
    figure: str | Callable[[Any, Any], float] = "auc",
    covariance: str = "jackknife",
    level: float = 0.95,
    threshold: float | None = None,
    clusters: str | None = None,
    resamples: int = 2000,
    rng: np.random.Generator | int = 0,
) -> MRMCResult:
    """Compare arms (modalities) of a reader study, or describe one.

    Args:
        readings: Table with columns `reader`, `arm` (absent: one arm), `case`, `truth` (0, 1) and `score`, one row a
            reading. Designs that are not fully crossed are read off the table: readers may read different cases
            (split-plot), arms may have different cases, and each reader may belong to one of two arms.
        readers: ``"random"``: results hold for the population of readers; ``"fixed"``: for these readers.
        cases: ``"random"``: results hold for the population of cases; ``"fixed"``: for these cases.
        figure: ``"auc"``, ``"sensitivity"``, ``"specificity"``, or ``f(truth, score) -> float``.
        covariance: ``"jackknife"``, ``"delong"`` (named figures only) or ``"bootstrap"``.
        level: Confidence level.
        threshold: Scores at or above it are positive calls; for sensitivity and specificity of graded scores.
        clusters: Column with the patient of each case; whole patients are then left out or drawn.
        resamples: Bootstrap resamples.
        rng: Generator, or a seed for one, of the bootstrap.

    Returns:
        The result; differences have the sign of (arm that sorts first) - (arm that sorts later). Limits of a named
        figure are cut at 0 and 1.

    Raises:
        TableError: A missing column or value, a reading that occurs twice, a case with two truths.
        InputError: An unknown setting; readers who read in some arms but not in all.
        NotEstimableError: One class only; one random reader; no variance at all.
    """
    inputs.choice(readers, ("random", "fixed"), "readers")
    inputs.choice(cases, ("random", "fixed"), "cases")
    if readers == cases == "fixed":
        raise InputError("readers and cases are both fixed: nothing is random", fix="Make one of them random.")
    inputs.between(level, 0, 1, "level")
    table = readings_of(readings, threshold, clusters)
    values, function, name = figures_of(table, figure)
    sigma = cell_covariance(table, function, covariance, resamples, rng)
    study = _Study(table, values, sigma, readers, cases, level, name, bounded=isinstance(figure, str))
    _check_design(table, readers)
    analyse = _crossed if table.crossed else _nested
    differences, (statistic, df, p), components = analyse(study)
    only = next(iter(differences.values())) if len(differences) == 1 else None
    return MRMCResult(
        estimates={arm: study.estimate(i) for i, arm in enumerate(table.arms)},
        differences=differences,
        difference=only.difference if only else nan,
        low=only.low if only else nan,
        high=only.high if only else nan,
        statistic=statistic,
        df=df,
        p=p,
        components=components,
        readers=study.by_reader(),
        reader_differences=study.reader_differences() if table.crossed else {},
        design=_design(table),
        method=f"Obuchowski-Rockette, {readers} readers, {cases} cases, {covariance} covariance (Hillis 2007)",
        n_readers=len(table.readers),
        n_cases=table.positive.size,
    )


def _check_design(table: Readings, readers: str) -> None:
    arms_of_reader = np.bincount(table.cell_reader)
    if not table.crossed:
        if arms_of_reader.max() > 1:
            lacking = table.readers[int(np.flatnonzero(arms_of_reader < len(table.arms))[0])]
            raise InputError(
                f"reader '{lacking}' has read in some arms only, others in all",
                fix="Drop the reader's readings, or analyse arms in which the same readers read.",
            )
        if len(table.arms) > 2:
            raise InputError(
                "every reader belongs to one of more than two arms", fix="Analyse two arms at a time, then use holm()."
            )
    if readers == "random" and np.bincount(table.cell_arm).min() < 2:
        raise NotEstimableError("random readers need at least two readers in each arm: use readers='fixed'")


def _design(table: Readings) -> str:
    if table.complete:
        return "fully crossed"
    if not table.crossed:
        return "readers nested in arms"
    read = ~np.isnan(table.score)
    by_arm = [read[table.cell_arm == arm] for arm in range(len(table.arms))]
    same_in_arms = all(np.array_equal(by_arm[0], other) for other in by_arm[1:])
    same_for_readers = all((rows == rows[0]).all() for rows in by_arm)
    if same_in_arms:
        return "cases differ between readers (split-plot)"
    return "cases differ between arms" if same_for_readers else "not fully crossed"


@dataclass(frozen=True, slots=True, eq=False)
class _Study:
    """Figures of merit, their covariance and what is random."""

    table: Readings
    values: Floats
    sigma: Floats
    readers: str
    cases: str
    level: float
    name: str
    bounded: bool

    def arm(self, arm: int) -> tuple[Floats, Floats]:
        """The figures of an arm's readers and their covariance."""
        among = self.table.cell_arm == arm
        return self.values[among], self.sigma[np.ix_(among, among)]

    def arm_variance(self, arm: int) -> tuple[float, float, float]:
        """Variance of an arm's mean: its part from readers, its part from cases, and their degrees of freedom.

        The mean square of readers holds the uncorrelated part of the case error, so cases add the mean Cov2 only.
        """
        values, sigma = self.arm(arm)
        r = values.size
        cov2 = max(0.0, _off_diagonal(sigma)) if r > 1 else 0.0
        if self.readers == "fixed":
            return 0.0, (float(np.trace(sigma)) / r + (r - 1) * cov2) / r, inf
        return float(values.var(ddof=1)) / r, cov2 if self.cases == "random" else 0.0, r - 1

    def estimate(self, arm: int) -> Estimate:
        """Mean of an arm with the interval that uses this arm's data only (Hillis 2007)."""
        values, _ = self.arm(arm)
        from_readers, from_cases, df = self.arm_variance(arm)
        variance = from_readers + from_cases
        df = df * (variance / from_readers) ** 2 if from_readers > 0 else inf
        se = sqrt(variance)
        value = float(values.mean())
        low, high = self._limits(value, se, df)
        method = f"Obuchowski-Rockette, t with {df:.2f} df" if isfinite(df) else "Obuchowski-Rockette, normal"
        return Estimate(value, low, high, method, self.table.positive.size, se, self.level, self.name)

    def compare(self, difference: float, variance: float, df: float, source: str) -> Comparison:
        """A difference with Student's test, or the normal one for infinite degrees of freedom."""
        if variance <= 0:
            raise NotEstimableError("the difference has no variance over readers or cases: nothing to test against")
        se = sqrt(variance)
        half, z = critical(self.level, df) * se, difference / se
        p = two_sided(z, df)
        low, high = difference - half, difference + half
        if self.bounded:
            low, high = max(-1.0, low), min(1.0, high)
        method = f"{source}, t with {df:.2f} df" if isfinite(df) else f"{source}, normal"
        return Comparison(difference, low, high, se, z, p, method, self.table.positive.size, self.level, self.name)

    def by_reader(self) -> dict[tuple[str, str], Estimate]:
        """Each reader's own figure in each arm."""
        out: dict[tuple[str, str], Estimate] = {}
        for cell, value in enumerate(self.values.tolist()):
            se = sqrt(float(self.sigma[cell, cell]))
            n = int(np.sum(~np.isnan(self.table.score[cell])))
            key = self.table.arms[self.table.cell_arm[cell]], self.table.readers[self.table.cell_reader[cell]]
            out[key] = Estimate(
                value, *self._limits(value, se, inf), "normal, over cases", n, se, self.level, self.name
            )
        return out

    def reader_differences(self) -> dict[tuple[str, str, str], Comparison]:
        """Each reader's own difference between arms; left out where it has no variance."""
        out: dict[tuple[str, str, str], Comparison] = {}
        arms, t = self.table.arms, len(self.table.arms)
        for reader, name in enumerate(self.table.readers):
            for a, b in combinations(range(t), 2):
                i, j = reader * t + a, reader * t + b
                variance = float(self.sigma[i, i] + self.sigma[j, j] - 2 * self.sigma[i, j])
                if variance > 1e-15:
                    difference = float(self.values[i] - self.values[j])
                    out[arms[a], arms[b], name] = self.compare(difference, variance, inf, "one reader")
        return out

    def _limits(self, value: float, se: float, df: float) -> tuple[float, float]:
        half = critical(self.level, df) * se
        return (max(0.0, value - half), min(1.0, value + half)) if self.bounded else (value - half, value + half)


_Analysis = tuple[dict[tuple[str, str], Comparison], tuple[float, float, float], dict[str, float]]


def _crossed(study: _Study) -> _Analysis:
    """Every reader in every arm: the two-way analysis of variance with correlated errors."""
    arms = study.table.arms
    t, r = len(arms), len(study.table.readers)
    theta = study.values.reshape(r, t).T
    c = components_of(theta, study.sigma)
    if t == 1:
        return {}, (nan, nan, nan), c
    shared = max(0.0, c["cov2"] - c["cov3"]) if r > 1 else 0.0
    if study.readers == "fixed":
        spread, df = c["var_error"] - c["cov1"] + (r - 1) * shared, inf
    else:
        spread = c["ms_arm_reader"] + (r * shared if study.cases == "random" else 0.0)
        df = (t - 1) * (r - 1) * (spread / c["ms_arm_reader"]) ** 2 if c["ms_arm_reader"] > 0 else inf
    source = f"Obuchowski-Rockette, {study.readers} readers, {study.cases} cases"
    means = theta.mean(axis=1)
    pairs = {
        (arms[a], arms[b]): study.compare(float(means[a] - means[b]), 2 * spread / r, df, source)
        for a, b in combinations(range(t), 2)
    }
    ratio = c["ms_arm"] / spread
    p = f_tail(ratio, t - 1, df)
    return pairs, (ratio, df, p) if isfinite(df) else ((t - 1) * ratio, float(t - 1), p), c


def components_of(theta: Floats, sigma: Floats) -> dict[str, float]:
    """Mean squares, mean covariances and variance components of a crossed study.

    Args:
        theta: (arms, readers) figures of merit.
        sigma: (readers * arms, readers * arms) covariance, arms varying fastest.

    Returns:
        See :class:`MRMCResult`; nan for what one arm or one reader does not determine.
    """
    t, r = theta.shape
    grand, arm, reader = theta.mean(), theta.mean(axis=1), theta.mean(axis=0)
    ms_reader = t * float(np.sum((reader - grand) ** 2)) / (r - 1) if r > 1 else nan
    ms_arm = r * float(np.sum((arm - grand) ** 2)) / (t - 1) if t > 1 else nan
    residual = float(np.sum((theta - arm[:, None] - reader + grand) ** 2))
    ms_arm_reader = residual / ((t - 1) * (r - 1)) if t > 1 and r > 1 else nan
    by = sigma.reshape(r, t, r, t)
    same_reader = np.einsum("ajak->jk", by)
    same_arm = np.einsum("aibi->ab", by)
    error = float(np.trace(sigma))
    cov1 = (float(same_reader.sum()) - error) / (r * t * (t - 1)) if t > 1 else nan
    cov2 = (float(same_arm.sum()) - error) / (t * r * (r - 1)) if r > 1 else nan
    rest = float(sigma.sum() - same_reader.sum() - same_arm.sum()) + error
    cov3 = rest / (t * (t - 1) * r * (r - 1)) if t > 1 and r > 1 else nan
    var_error = error / (t * r)
    return {
        "ms_arm": ms_arm,
        "ms_reader": ms_reader,
        "ms_arm_reader": ms_arm_reader,
        "var_reader": (ms_reader - ms_arm_reader) / t - cov1 + cov3,
        "var_arm_reader": ms_arm_reader - var_error + cov1 + max(0.0, cov2 - cov3),
        "cov1": cov1,
        "cov2": cov2,
        "cov3": cov3,
        "var_error": var_error,
    }


def _nested(study: _Study) -> _Analysis:
    """Each reader in one of two arms: Welch's two samples of readers, plus what shared cases leave (Hillis 2014)."""
    arms = study.table.arms
    parts = [study.arm_variance(arm) for arm in (0, 1)]
    first = study.table.cell_arm == 0
    cov3 = float(study.sigma[np.ix_(first, ~first)].mean())
    from_cases = sum(part[1] for part in parts) - (2 * cov3 if study.cases == "random" else 0.0)
    from_readers = sum(part[0] for part in parts)
    variance = from_readers + max(0.0, from_cases)
    welch = sum(part[0] ** 2 / part[2] for part in parts)
    df = variance**2 / welch if welch > 0 else inf
    difference = float(study.values[first].mean() - study.values[~first].mean())
    source = f"Obuchowski-Rockette, readers nested in arms, {study.readers} readers, {study.cases} cases"
    pair = study.compare(difference, variance, df, source)
    within = [study.arm(arm) for arm in (0, 1)]
    components = {
        "ms_reader": float(np.mean([v.var(ddof=1) if v.size > 1 else nan for v, _ in within])),
        "cov2": float(np.mean([_off_diagonal(s) if len(s) > 1 else nan for _, s in within])),
        "cov3": cov3,
        "var_error": float(np.trace(study.sigma)) / len(study.sigma),
    }
    unknown = ("ms_arm", "ms_arm_reader", "var_reader", "var_arm_reader", "cov1")
    return (
        {(arms[0], arms[1]): pair},
        (pair.z**2, df if isfinite(df) else 1.0, pair.p),
        components | dict.fromkeys(unknown, nan),
    )


def _off_diagonal(sigma: Floats) -> float:
    """Mean covariance of two different cells."""
    k = len(sigma)
    return float(sigma.sum() - np.trace(sigma)) / (k * (k - 1))
