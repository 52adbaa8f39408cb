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
from osteon.core.types import Comparison, Estimate, Floats, printed_p
from osteon.stats import inputs
from osteon.stats.intervals import holm
from osteon.stats.mrmc_designs import Estimates, crossed, pairwise, two_arms, without_variance
from osteon.stats.reader_cells import NAMED, Readings, figures_of, readings_of
from osteon.stats.reader_variance import cell_covariance

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
        statistic: Global test of equal arms: F, or chi-square for fixed readers; nan with one arm, and where each pair
            of more than two arms has covariances of its own.
        df: Denominator degrees of freedom of F (Hillis), or degrees of freedom of chi-square.
        p: p value of the global test; where there is no common statistic the smallest of Holm's adjusted p values.
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

    @property
    def p_holm(self) -> dict[tuple[str, str], float]:
        """Holm's adjusted p value of each difference."""
        return dict(zip(self.differences, holm([c.p for c in self.differences.values()]).tolist(), strict=True))

    def __str__(self) -> str:
        """As a paper prints it."""
        arms = "; ".join(f"{arm}: {estimate}" for arm, estimate in self.estimates.items())
        adjusted = self.p_holm
        pairs = "; ".join(
            f"{a} - {b}: {comparison}" + (f", Holm {printed_p(adjusted[a, b])}" if len(adjusted) > 1 else "")
            for (a, b), comparison in self.differences.items()
        )
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
            | {"p_holm": self.p_holm[a, b], "method": c.method}
            for (a, b), c in self.differences.items()
        ]
        frame = pd.DataFrame(arms + pairs).assign(readers=self.n_readers, cases=self.n_cases)
        return frame.reindex(columns=["arm", "value", "low", "high", "se", "p", "p_holm", "method", "readers", "cases"])

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


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Figures of merit by reader and arm with their covariance over cases: what every analysis of a study starts from.

    Attributes:
        table: The readings.
        values: (cells,) figures of merit.
        sigma: (cells, cells) covariance.
        name: What the figure is.
        bounded: Whether it lies between 0 and 1.
        covariance: How the covariance was made.
    """

    table: Readings
    values: Floats
    sigma: Floats
    name: str
    bounded: bool
    covariance: str


def cells_of(
    table: Readings,
    figure: str | Callable[[Any, Any], float] = "auc",
    covariance: str = "jackknife",
    resamples: int = 2000,
    rng: np.random.Generator | int = 0,
) -> Cells:
    """The figure of merit of every reader and arm, and its covariance; see :func:`obuchowski_rockette`."""
    values, function, name = figures_of(table, figure)
    sigma = cell_covariance(table, function, covariance, resamples, rng)
    bounded = isinstance(figure, str) and NAMED[figure].bounded
    return Cells(table, values, sigma, name, bounded, covariance)


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
            (split-plot), arms may have different cases, and readers may read in some of the arms only.
        readers: ``"random"``: results hold for the population of readers; ``"fixed"``: for these readers.
        cases: ``"random"``: results hold for the population of cases; ``"fixed"``: for these cases.
        figure: ``"auc"``, ``"lroc"`` (with a column `localised`; see :func:`osteon.stats.lroc_ci`), ``"sensitivity"``,
            ``"specificity"``, ``"accuracy"``, ``"mean"`` (of the score), or ``f(truth, score) -> float``.
        covariance: ``"jackknife"``, ``"bootstrap"``, or for named figures ``"delong"`` or ``"ustatistic"``, which is
            unbiased (Gallas 2006) and not for `clusters`.
        level: Confidence level.
        threshold: Scores at or above it are positive calls; for sensitivity, specificity and accuracy of graded scores.
        clusters: Column with the patient of each case; whole patients are then left out or drawn.
        resamples: Bootstrap resamples.
        rng: Generator, or a seed for one, of the bootstrap.

    Returns:
        The result; differences have the sign of (arm that sorts first) - (arm that sorts later). Limits of figures
        between 0 and 1 are cut at the ends of what is possible. More than two arms share one error term where every
        reader has read the same cases in all of them; otherwise each pair is analysed as the study of its own.

    Raises:
        TableError: A missing column or value, a reading that occurs twice, a case with two truths.
        InputError: An unknown setting.
        NotEstimableError: One class only; one random reader; no variance at all.
    """
    check_settings(readers, cases, level)
    table = readings_of(readings, threshold, clusters, localised=figure == "lroc")
    return analysed(cells_of(table, figure, covariance, resamples, rng), readers=readers, cases=cases, level=level)


def analysed(
    cells: Cells, *, readers: str = "random", cases: str = "random", level: float = 0.95, partial: bool = False
) -> MRMCResult:
    """The analysis of :func:`obuchowski_rockette` from figures and covariances that are there already.

    Where the difference between arms has no variance, `partial` keeps what can be said of the arms: the difference
    then has neither interval nor test, and its method says why.
    """
    check_settings(readers, cases, level)
    table = cells.table
    study = Estimates(table, cells.values, cells.sigma, readers, cases, level, cells.name, cells.bounded)
    if readers == "random" and np.bincount(table.cell_arm).min() < 2:
        raise NotEstimableError("random readers need at least two readers in each arm (or readers='fixed')")
    if len(table.arms) < 3:
        analyse = crossed if table.crossed else two_arms
    else:
        analyse = crossed if table.same_in_arms else pairwise
    try:
        differences, (statistic, df, p), components = analyse(study)
    except NotEstimableError as error:
        if not partial:
            raise
        differences, (statistic, df, p), components = without_variance(study, str(error))
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
        method=f"Obuchowski-Rockette, {readers} readers, {cases} cases, {cells.covariance} covariance (Hillis 2007)"
        + (", each pair by its own" if analyse is pairwise else ""),
        n_readers=len(table.readers),
        n_cases=table.positive.size,
    )


def check_settings(readers: str, cases: str, level: float) -> None:
    """Refuse what no analysis of readers can be."""
    inputs.choice(readers, ("random", "fixed"), "readers")
    inputs.choice(cases, ("random", "fixed"), "cases")
    if readers == cases == "fixed":
        raise InputError("readers and cases are both fixed: nothing is random", fix="Make one of them random.")
    inputs.between(level, 0, 1, "level")
