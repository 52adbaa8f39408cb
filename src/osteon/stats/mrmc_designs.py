"""The analyses of variance behind a reader study, by design.

Sources: Obuchowski & Rockette 1995; Hillis 2005, 2007 (degrees of freedom), 2014 (single arms, nested and split-plot
designs); Obuchowski 2012 (split-plot); Derrick 2017 (samples that overlap partly).

The figure of merit of reader j in arm i is mu + arm_i + reader_j + (reader x arm)_ij + error_ij. Errors correlate
through shared cases: Cov1 between arms of one reader, Cov2 between readers of one arm, Cov3 between both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import inf, isfinite, nan, sqrt

import numpy as np

from osteon.core.errors import NotEstimableError
from osteon.core.types import Comparison, Estimate, Floats
from osteon.stats.distributions import critical, f_tail, two_sided
from osteon.stats.intervals import holm
from osteon.stats.reader_cells import Readings, in_arms

#: What rounding leaves of a variance that is zero.
_NO_VARIANCE = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
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

    def pair(self, a: int, b: int) -> Estimates:
        """The study of two of the arms: their readers, cases and covariances, and nothing of the others."""
        among = np.isin(self.table.cell_arm, (a, b))
        table = in_arms(self.table, (a, b))
        return replace(self, table=table, values=self.values[among], sigma=self.sigma[np.ix_(among, among)])

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
        if se == 0:
            return self._no_variance(value, self.table.positive.size)
        low, high = self._limits(value, se, df)
        method = f"Obuchowski-Rockette, t with {df:.2f} df" if isfinite(df) else "Obuchowski-Rockette, normal"
        return Estimate(value, low, high, method, self.table.positive.size, se, self.level, self.name)

    def compare(self, difference: float, variance: float, df: float, source: str) -> Comparison:
        """A difference with Student's test, or the normal one for infinite degrees of freedom."""
        if variance <= _NO_VARIANCE:
            raise NotEstimableError("the difference has no variance over readers or cases: nothing to test against")
        se = sqrt(variance)
        half, z = critical(self.level, df) * se, difference / se
        p = two_sided(z, df)
        low, high = difference - half, difference + half
        if self.bounded:
            low, high = max(-1.0, low), min(1.0, high)
        method = f"{source}, t with {df:.2f} df" if isfinite(df) else f"{source}, normal"
        return Comparison(difference, low, high, se, z, p, method, self.table.positive.size, self.level, self.name, df)

    def not_compared(self, difference: float, why: str, n: int) -> Comparison:
        """A difference without interval and test."""
        return Comparison(difference, nan, nan, nan, nan, nan, why, n, self.level, self.name)

    def by_reader(self) -> dict[tuple[str, str], Estimate]:
        """Each reader's own figure in each arm."""
        out: dict[tuple[str, str], Estimate] = {}
        for cell, value in enumerate(self.values.tolist()):
            se = sqrt(float(self.sigma[cell, cell]))
            n = int(np.sum(~np.isnan(self.table.score[cell])))
            key = self.table.arms[self.table.cell_arm[cell]], self.table.readers[self.table.cell_reader[cell]]
            if se == 0:
                out[key] = self._no_variance(value, n)
                continue
            method = "Obuchowski-Rockette, one reader over cases, normal"
            out[key] = Estimate(value, *self._limits(value, se, inf), method, n, se, self.level, self.name)
        return out

    def reader_differences(self) -> dict[tuple[str, str, str], Comparison]:
        """Each reader's own difference between arms; without interval where it has no variance."""
        out: dict[tuple[str, str, str], Comparison] = {}
        names, table = self.table.arms, self.table
        for i, j in combinations(range(table.cell_arm.size), 2):
            if table.cell_reader[i] == table.cell_reader[j]:
                key = names[table.cell_arm[i]], names[table.cell_arm[j]], table.readers[table.cell_reader[i]]
                difference = float(self.values[i] - self.values[j])
                variance = float(self.sigma[i, i] + self.sigma[j, j] - 2 * self.sigma[i, j])
                if variance > _NO_VARIANCE:
                    out[key] = self.compare(difference, variance, inf, "Obuchowski-Rockette, one reader")
                else:
                    both = int((~np.isnan(table.score[[i, j]])).any(axis=0).sum())
                    out[key] = self.not_compared(difference, "no interval: it does not vary over cases", both)
        return out

    def _no_variance(self, value: float, n: int) -> Estimate:
        method = "no interval: it varies over neither readers nor cases"
        return Estimate(value, nan, nan, method, n, 0.0, self.level, self.name)

    def _limits(self, value: float, se: float, df: float) -> tuple[float, float]:
        half = critical(self.level, df) * se
        return (max(0.0, value - half), min(1.0, value + half)) if self.bounded else (value - half, value + half)


Analysis = tuple[dict[tuple[str, str], Comparison], tuple[float, float, float], dict[str, float]]


def crossed(study: Estimates) -> Analysis:
    """Every reader in every arm: the two-way analysis of variance with correlated errors."""
    arms = study.table.arms
    t, r = len(arms), len(study.table.readers)
    theta = study.values.reshape(r, t).T
    c = components_of(theta, study.sigma)
    if t == 1:
        return {}, (nan, nan, nan), c
    shared = c["cov2"] - c["cov3"] if r > 1 else 0.0
    if study.readers == "fixed":  # a variance as it stands: truncated at 0, shared would add what is not there
        spread, df = c["var_error"] - c["cov1"] + (r - 1) * shared, inf
    else:
        spread = c["ms_arm_reader"] + (r * max(0.0, shared) if study.cases == "random" else 0.0)
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


def pairwise(study: Estimates) -> Analysis:
    """More than two arms whose pairs do not share cases and readers alike: each pair as the study of its own.

    No mean square is common to such pairs, so equal arms are tested by the smallest of Holm's adjusted p values.
    """
    arms, table = study.table.arms, study.table
    pairs: dict[tuple[str, str], Comparison] = {}
    for a, b in combinations(range(len(arms)), 2):
        own = study.pair(a, b)
        try:
            (found,) = (crossed if own.table.crossed else two_arms)(own)[0].values()
        except NotEstimableError as error:
            difference = float(study.arm(a)[0].mean() - study.arm(b)[0].mean())
            found = study.not_compared(difference, f"not estimable: {error}", own.table.positive.size)
        pairs[arms[a], arms[b]] = found
    adjusted = holm([found.p for found in pairs.values()])
    p = float(np.nanmin(adjusted)) if not np.isnan(adjusted).all() else nan
    if table.crossed:
        c = components_of(study.values.reshape(len(table.readers), len(arms)).T, study.sigma)
    else:
        c = _mean_covariances(study)
    return pairs, (nan, nan, p), c


def without_variance(study: Estimates, why: str) -> Analysis:
    """Differences without interval and test."""
    means = {name: float(study.arm(arm)[0].mean()) for arm, name in enumerate(study.table.arms)}
    n = study.table.positive.size
    pairs = {
        (a, b): study.not_compared(means[a] - means[b], f"not estimable: {why}", n)
        for a, b in combinations(study.table.arms, 2)
    }
    return pairs, (nan, nan, nan), _mean_covariances(study)


def _mean_covariances(study: Estimates) -> dict[str, float]:
    """Mean covariances over the pairs of cells that there are; mean squares are nan."""
    same_arm = study.table.cell_arm[:, None] == study.table.cell_arm
    same_reader = study.table.cell_reader[:, None] == study.table.cell_reader

    def mean(among: np.ndarray) -> float:
        return float(study.sigma[among].mean()) if among.any() else nan

    unknown = dict.fromkeys(("ms_arm", "ms_reader", "ms_arm_reader", "var_reader", "var_arm_reader"), nan)
    return unknown | {
        "cov1": mean(same_reader & ~same_arm),
        "cov2": mean(same_arm & ~same_reader),
        "cov3": mean(~same_arm & ~same_reader),
        "var_error": mean(same_arm & same_reader),
    }


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
        "var_reader": (ms_reader - ms_arm_reader) / t - cov1 + cov3 if t > 1 else ms_reader - var_error + cov2,
        "var_arm_reader": ms_arm_reader - var_error + cov1 + max(0.0, cov2 - cov3),
        "cov1": cov1,
        "cov2": cov2,
        "cov3": cov3,
        "var_error": var_error,
    }


def two_arms(study: Estimates) -> Analysis:
    """Two arms of which some readers, or all, read one only: samples of readers that overlap partly, or not at all.

    The variance of the difference has the readers' part of overlapping samples (Derrick 2017; without overlap Welch's)
    and what shared cases leave (Hillis 2014). With full overlap both are those of the crossed analysis.
    """
    first, second = (np.flatnonzero(study.table.cell_arm == arm) for arm in (0, 1))
    a, b = study.values[first], study.values[second]
    across = study.sigma[np.ix_(first, second)]
    same = study.table.cell_reader[first][:, None] == study.table.cell_reader[second][None, :]
    in_first, in_second = np.nonzero(same)
    sizes, both = (a.size, b.size), in_first.size
    cov3 = float(across[~same].mean()) if not same.all() else 0.0
    if study.readers == "fixed":
        weights = np.where(study.table.cell_arm == 0, 1 / sizes[0], -1 / sizes[1])
        variance, df = float(weights @ study.sigma @ weights), inf
    else:
        parts = [study.arm_variance(arm) for arm in (0, 1)]
        own = [part[0] for part in parts]
        paired = float(np.cov(a[in_first], b[in_second])[0, 1]) if both > 1 else 0.0
        from_readers = max(sum(own) - 2 * both * paired / (sizes[0] * sizes[1]), 0.0)
        from_cases = sum(part[1] for part in parts) - (2 * cov3 if study.cases == "random" else 0.0)
        variance = from_readers + max(0.0, from_cases)
        df = _overlapping_df(own, sizes, both) * (variance / from_readers) ** 2 if from_readers > 0 else inf
    source = f"Obuchowski-Rockette, {study.table.design}, {study.readers} readers, {study.cases} cases"
    pair = study.compare(float(a.mean() - b.mean()), variance, df, source)
    within = [study.arm(arm) for arm in (0, 1)]
    components = {
        "ms_reader": float(np.mean([v.var(ddof=1) if v.size > 1 else nan for v, _ in within])),
        "cov1": float(across[same].mean()) if both else nan,
        "cov2": float(np.mean([_off_diagonal(s) if len(s) > 1 else nan for _, s in within])),
        "cov3": cov3,
        "var_error": float(np.trace(study.sigma)) / len(study.sigma),
    }
    unknown = dict.fromkeys(("ms_arm", "ms_arm_reader", "var_reader", "var_arm_reader"), nan)
    statistic = (pair.z**2, df if isfinite(df) else 1.0, pair.p)
    return {(study.table.arms[0], study.table.arms[1]): pair}, statistic, components | unknown


def _overlapping_df(variances: list[float], sizes: tuple[int, int], both: int) -> float:
    """Between the paired test's degrees of freedom and Welch's, by the share of readers in one arm only."""
    welch = sum(variances) ** 2 / sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    alone = sum(sizes) - 2 * both
    return both - 1 + (welch - both + 1) * alone / sum(sizes) if both else welch


def _off_diagonal(sigma: Floats) -> float:
    """Mean covariance of two different cells."""
    k = len(sigma)
    return float(sigma.sum() - np.trace(sigma)) / (k * (k - 1))
