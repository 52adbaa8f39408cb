"""A model alone against readers of the same cases, who stand for readers in general.

Each reader's figure of merit minus the model's is one figure of a study with a single arm (Hillis 2007, section 5.3;
Hupse et al. 2013). The model is no sample: it adds the error of its cases, and no degrees of freedom are taken for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Comparison, Estimate
from osteon.stats.mrmc import cells_of, check_settings
from osteon.stats.mrmc_designs import Estimates
from osteon.stats.reader_cells import Readings, readings_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Standalone:
    """A model beside the readers of one arm.

    Attributes:
        model: The model's figure, over the sampling of cases.
        readers: Mean of the readers', over what is random.
        difference: Model - mean of the readers; the field `z` is Student's t.
        by_reader: Reader to model - that reader, over the sampling of cases.
        method: The analysis and its source.
        n_readers: Number of readers.
        n_cases: Number of cases that at least one reader has read.
    """

    model: Estimate
    readers: Estimate
    difference: Comparison
    by_reader: dict[str, Comparison]
    method: str
    n_readers: int
    n_cases: int

    def __str__(self) -> str:
        """As a paper prints it."""
        who = f"{self.n_readers} readers, {self.n_cases} cases, {self.method}"
        return f"model: {self.model}; readers: {self.readers}; model - readers: {self.difference} ({who})"

    def to_frame(self) -> pd.DataFrame:
        """One row for the model, one for the readers, one for their difference and one for that of each reader."""
        import pandas as pd

        rows: list[dict[str, object]] = [
            {"what": what, "value": e.value, "low": e.low, "high": e.high, "se": e.se, "method": e.method}
            for what, e in (("model", self.model), ("readers", self.readers))
        ]
        differences = {"readers": self.difference, **{f"reader {who}": c for who, c in self.by_reader.items()}}
        rows += [
            {"what": f"model - {whom}", "value": c.difference, "low": c.low, "high": c.high, "se": c.se, "p": c.p}
            | {"method": c.method}
            for whom, c in differences.items()
        ]
        return pd.DataFrame(rows).reindex(columns=["what", "value", "low", "high", "se", "p", "method"])


def standalone(
    readings: Mapping[str, Any] | pd.DataFrame,
    model: str = "model",
    *,
    readers: str = "random",
    cases: str = "random",
    figure: str | Callable[[Any, Any], float] = "auc",
    covariance: str = "jackknife",
    level: float = 0.95,
    threshold: float | None = None,
    clusters: str | None = None,
) -> Standalone:
    """Compare a model alone with readers.

    Args:
        readings: As of :func:`osteon.stats.obuchowski_rockette`, with one arm; the model's scores are the rows of one
            more reader. Its scale may be another than the readers' where the figure is of ranks.
        model: What that reader is called.
        readers: ``"random"``: the result holds for the population of readers; ``"fixed"``: for these readers.
        cases: ``"random"``: the result holds for the population of cases; ``"fixed"``: for these cases.
        figure: As of :func:`osteon.stats.obuchowski_rockette`.
        covariance: ``"jackknife"``, ``"delong"`` (named figures only) or ``"bootstrap"`` (2000 resamples, seed 0).
        level: Confidence level.
        threshold: Scores at or above it are positive calls, the model's and the readers' alike.
        clusters: Column with the patient of each case.

    Returns:
        The result. Cases that no reader has read are left out.

    Raises:
        TableError: A missing column or value, a reading that occurs twice, a case with two truths.
        InputError: No such model, more than one arm, a case that readers have read and the model has not.
        NotEstimableError: One class only; one random reader; no variance at all.
    """
    check_settings(readers, cases, level)
    table, own = _with_model(readings_of(readings, threshold, clusters, localised=figure == "lroc"), str(model))
    if readers == "random" and own.size < 3:
        raise NotEstimableError("random readers need at least two readers beside the model (or readers='fixed')")
    cells = cells_of(table, figure, covariance)
    everyone = Estimates(table, cells.values, cells.sigma, readers, cases, level, cells.name, cells.bounded)
    humans = _readers_of(everyone, ~own)
    # (readers, cells): the model minus each reader
    contrast = own.astype(np.float64) - np.eye(own.size)[~own]
    gaps = replace(humans, values=contrast @ cells.values, sigma=contrast @ cells.sigma @ contrast.T)
    return Standalone(
        model=everyone.by_reader()[table.arms[0], str(model)],
        readers=humans.estimate(0),
        difference=_mean(gaps),
        by_reader=_each(gaps),
        method=f"Obuchowski-Rockette, model alone, {readers} readers, {cases} cases, {covariance} covariance"
        " (Hillis 2007)",
        n_readers=humans.values.size,
        n_cases=table.positive.size,
    )


def _with_model(table: Readings, model: str) -> tuple[Readings, np.ndarray]:
    """The cases that readers have read, and which of the cells is the model."""
    if len(table.arms) > 1:
        raise InputError(
            f"the readings are of {len(table.arms)} arms ({', '.join(table.arms)}) and the model is compared with one",
            fix="Keep the rows of one arm and those of the model, without the column 'arm'.",
        )
    if model not in table.readers:
        raise InputError(f"no reader is called '{model}'", fix=f"The table has {', '.join(table.readers[:20])}.")
    own = table.cell_reader == table.readers.index(model)
    if own.all():
        raise InputError("there are no readers beside the model", fix="Add the readers' rows.")
    seen = ~np.isnan(table.score)
    read = seen[~own].any(axis=0)
    lacking = int((read & ~seen[own][0]).sum())
    if lacking:
        raise InputError(
            f"the model has no score for {lacking} of the {int(read.sum())} cases that readers have read",
            fix="Complete the model's scores, or leave these cases out for all.",
        )
    codes = None if table.codes is None else np.unique(table.codes[read], return_inverse=True)[1]
    return replace(table, positive=table.positive[read], score=table.score[:, read], codes=codes), own


def _readers_of(everyone: Estimates, human: np.ndarray) -> Estimates:
    """The study of the readers without the model."""
    table = everyone.table
    names = tuple(table.readers[who] for who in table.cell_reader[human])
    alone = replace(
        table,
        readers=names,
        cell_arm=table.cell_arm[human],
        cell_reader=np.arange(len(names)),
        score=table.score[human],
    )
    return replace(everyone, table=alone, values=everyone.values[human], sigma=everyone.sigma[np.ix_(human, human)])


def _mean(gaps: Estimates) -> Comparison:
    """Mean of the readers' gaps: mean square of readers over their number, and the mean Cov2 of gaps from cases."""
    source = f"Obuchowski-Rockette, model alone, {gaps.readers} readers, {gaps.cases} cases"
    value = float(gaps.values.mean())
    if gaps.readers == "fixed":
        return gaps.compare(value, float(gaps.sigma.mean()), inf, source)
    from_readers, from_cases, df = gaps.arm_variance(0)
    variance = from_readers + from_cases
    return gaps.compare(value, variance, df * (variance / from_readers) ** 2 if from_readers > 0 else inf, source)


def _each(gaps: Estimates) -> dict[str, Comparison]:
    """Each reader's gap over the sampling of cases; without interval where it has no variance."""
    found = {}
    n = gaps.table.positive.size
    for reader, value, variance in zip(gaps.table.readers, gaps.values, np.diag(gaps.sigma), strict=True):
        try:
            found[reader] = gaps.compare(float(value), float(variance), inf, "Obuchowski-Rockette, model - one reader")
        except NotEstimableError:
            found[reader] = gaps.not_compared(float(value), "no interval: it does not vary over cases", n)
    return found
