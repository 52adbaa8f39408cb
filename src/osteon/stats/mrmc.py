"""Multi-reader multi-case analysis by the model of Obuchowski & Rockette: the table in, the result out.

Sources: Obuchowski & Rockette 1995; Hillis 2007, 2014; the analyses themselves are in :mod:`osteon.stats.mrmc_designs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, Estimate
from osteon.stats import inputs
from osteon.stats.mrmc_designs import Study, crossed, two_arms
from osteon.stats.reader_cells import Readings, cell_covariance, figures_of, readings_of

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
            (split-plot), arms may have different cases, and of two arms readers may read one only.
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
        InputError: An unknown setting; readers who read in some of more than two arms only.
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
    study = Study(table, values, sigma, readers, cases, level, name, bounded=isinstance(figure, str))
    _check_design(table, readers)
    analyse = crossed if table.crossed else two_arms
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
        reader_differences=study.reader_differences(),
        design=table.design,
        method=f"Obuchowski-Rockette, {readers} readers, {cases} cases, {covariance} covariance (Hillis 2007)",
        n_readers=len(table.readers),
        n_cases=table.positive.size,
    )


def _check_design(table: Readings, readers: str) -> None:
    if not table.crossed and len(table.arms) > 2:
        reader = table.readers[int(np.flatnonzero(np.bincount(table.cell_reader) < len(table.arms))[0])]
        raise InputError(
            f"reader '{reader}' has read in some of {len(table.arms)} arms only",
            fix="Analyse two arms at a time, then use holm().",
        )
    if readers == "random" and np.bincount(table.cell_arm).min() < 2:
        raise NotEstimableError("random readers need at least two readers in each arm: use readers='fixed'")
