"""Statistics of a spreadsheet: what ``osteon stats`` prints. The only module here that needs pandas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd

from osteon.core.cells import is_rounded, meant, named_spellings, number, spellings, written
from osteon.core.errors import InputError, NotEstimableError, TableError, suggest
from osteon.core.types import Comparison, Estimate, Floats
from osteon.stats import inputs
from osteon.stats.delong import delong_ci, delong_pairs
from osteon.stats.intervals import holm
from osteon.stats.pooling import Pooled, pool

_YES, _NO = {"1", "true", "yes", "positive", "1.0"}, {"0", "false", "no", "negative", "0.0"}


@dataclass(frozen=True, eq=False)
class ScoreAnalysis:
    """AUCs of the scores in a table, their comparisons, and both by centre.

    Attributes:
        estimates: Stratum to score to AUC; the first stratum is ``"all"``.
        n_positive: Stratum to number of positive cases.
        comparisons: Stratum to (a, b) to the difference a - b; Holm's p in `p_holm` of :meth:`comparisons_frame`.
        pooled: Score to its AUC pooled over the centres, where two or more are estimable.
        notes: What could not be estimated and why.
    """

    estimates: dict[str, dict[str, Estimate]]
    n_positive: dict[str, int]
    comparisons: dict[str, dict[tuple[str, str], Comparison]]
    pooled: dict[str, Pooled]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Sentences that a paper can use, a line each."""
        lines = []
        for stratum, estimates in self.estimates.items():
            n = next(iter(estimates.values())).n
            lines.append(f"{stratum}: {n} cases, {self.n_positive[stratum]} positive")
            lines += [f"  {score}: {estimate}" for score, estimate in estimates.items()]
            adjusted = holm([c.p for c in self.comparisons.get(stratum, {}).values()])
            for ((a, b), comparison), p in zip(self.comparisons.get(stratum, {}).items(), adjusted, strict=True):
                after = f", Holm p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}" if adjusted.size > 1 else ""
                lines.append(f"  {a} - {b}: {comparison}{after}")
        lines += [f"{score}, pooled over centres: {found}" for score, found in self.pooled.items()]
        methods = {e.method for estimates in self.estimates.values() for e in estimates.values() if e.value == e.value}
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join([*lines, f"Intervals: {'; '.join(sorted(methods))}"])

    def to_frame(self) -> pd.DataFrame:
        """One row a stratum and score; the pooled AUCs have the stratum ``"pooled"``."""
        rows = [
            {"stratum": stratum, "score": score, **_interval(estimate), "n_positive": self.n_positive[stratum]}
            for stratum, estimates in self.estimates.items()
            for score, estimate in estimates.items()
        ]
        rows += [
            {"stratum": "pooled", "score": score, **_interval(found.estimate), "n_positive": self.n_positive["all"]}
            for score, found in self.pooled.items()
        ]
        return pd.DataFrame(rows)

    def comparisons_frame(self) -> pd.DataFrame:
        """One row a stratum and pair of scores, p values adjusted by Holm within the stratum."""
        rows = []
        for stratum, pairs in self.comparisons.items():
            adjusted = holm([c.p for c in pairs.values()])
            for ((a, b), c), p in zip(pairs.items(), adjusted.tolist(), strict=True):
                row = {"stratum": stratum, "score_a": a, "score_b": b, "difference": c.difference}
                rows.append(row | {"low": c.low, "high": c.high, "se": c.se, "z": c.z, "p": c.p, "p_holm": p})
        columns = ["stratum", "score_a", "score_b", "difference", "low", "high", "se", "z", "p", "p_holm"]
        return pd.DataFrame(rows, columns=columns)


def analyse_scores(
    frame: pd.DataFrame,
    truth: str,
    scores: Sequence[str],
    cluster: str | None = None,
    by: str | None = None,
    *,
    level: float = 0.95,
    file: str | Path | None = None,
) -> ScoreAnalysis:
    """AUC of each score with its interval, all pairs compared, overall and by centre.

    Args:
        frame: One row a case. An index named ``line`` holds the lines of the file it was read from, for messages.
        truth: Column of 0 and 1 (or true/false, yes/no, positive/negative).
        scores: Columns of scores, higher for the positive class.
        cluster: Column with the patient; a missing one is a patient of its own.
        by: Column with the centre (or another stratum); the AUCs are then also pooled over it by random effects.
        level: Confidence level.
        file: The file that the table was read from, for messages.

    Raises:
        TableError: A column that is absent, or a cell that is not what its column holds.
        NotEstimableError: One class only in the whole table.

    >>> table = pd.DataFrame({"tumour": [0, 0, 0, 1, 1, 1], "model": [0.1, 0.3, 0.6, 0.4, 0.8, 0.9]})
    >>> print(analyse_scores(table, "tumour", ["model"]))
    all: 6 cases, 3 positive
      model: AUC 0.889 (95% CI 0.261 to 0.995)
    Intervals: DeLong 1988, logit
    """
    if not scores:
        raise InputError("no scores were named", fix="Name at least one column of scores.")
    if len(set(scores)) < len(scores):
        raise InputError("a score is named twice", fix="Name each column once.")
    if frame.empty:
        raise TableError("the table has no rows", file=file)
    positive = _truth(frame, truth, file)
    values = {name: _numbers(frame, name, file) for name in scores}
    clusters = None if cluster is None else _names(frame, cluster, file)
    inputs.truth(positive)
    strata: dict[str, inputs.Bools] = {"all": np.ones(len(frame), dtype=bool)}
    if by is not None:
        centre = _names(frame, by, file)
        _refuse_spellings(frame, by, centre, file)
        strata |= {f"{by} {name or '(empty)'}": centre == name for name in sorted(set(centre.tolist()))}
    estimates: dict[str, dict[str, Estimate]] = {}
    comparisons: dict[str, dict[tuple[str, str], Comparison]] = {}
    notes = _doubtful_clusters(clusters)
    for stratum, among in strata.items():
        own = None if clusters is None else clusters[among]
        chosen = {name: value[among] for name, value in values.items()}
        try:
            estimates[stratum] = {
                name: delong_ci(positive[among], value, level=level, clusters=own) for name, value in chosen.items()
            }
            comparisons[stratum] = delong_pairs(positive[among], chosen, level=level, clusters=own)
        except NotEstimableError as error:
            if stratum == "all":
                raise
            notes.append(f"{stratum}: {error}")
            missing = Estimate(nan, nan, nan, str(error), int(among.sum()), name="AUC")
            estimates[stratum] = dict.fromkeys(chosen, missing)
    pooled: dict[str, Pooled] = {}
    for name in values if by is not None else ():
        try:
            pooled[name] = pool([own[name] for stratum, own in estimates.items() if stratum != "all"], level=level)
        except NotEstimableError as error:
            notes.append(f"{name}, pooled: {error}")
    return ScoreAnalysis(
        estimates=estimates,
        n_positive={stratum: int(positive[among].sum()) for stratum, among in strata.items()},
        comparisons=comparisons,
        pooled=pooled,
        notes=tuple(notes),
    )


def _interval(estimate: Estimate) -> dict[str, object]:
    return {
        "metric": estimate.name,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "method": estimate.method,
        "n": estimate.n,
    }


def _column(frame: pd.DataFrame, name: str, file: str | Path | None) -> pd.Series:
    if name not in frame:
        raise TableError("the table lacks it", file=file, column=name, fix=suggest(name, map(str, frame.columns)))
    return frame[name]


def _line(frame: pd.DataFrame, position: int) -> int:
    """The line of a row in its file, or in the spreadsheet that the frame would be."""
    return int(frame.index[position]) if frame.index.name == "line" else position + 2


def _names(frame: pd.DataFrame, name: str, file: str | Path | None) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Names as they were written, "" where there is none."""
    names = np.empty(len(frame), dtype=object)
    names[:] = [meant(value) for value in _column(frame, name, file).tolist()]
    for row, text in enumerate(names):
        if is_rounded(text):
            raise TableError(
                f"'{text}' is a rounded number: a spreadsheet has cut an identifier",
                file=file,
                row=_line(frame, row),
                column=name,
                fix="Make the column a text column in the spreadsheet, and write the identifiers again.",
            )
    return names


def _refuse_spellings(frame: pd.DataFrame, column: str, names: np.ndarray, file: str | Path | None) -> None:
    """Refuse strata that the eye takes for one."""
    groups = spellings(names.tolist())
    if groups:
        raise TableError(
            f"spelled in several ways: {named_spellings(groups)}",
            file=file,
            row=_line(frame, int((names == list(groups[0])[-1]).argmax())),
            column=column,
            fix="Write it in one way, or give different names to what differs.",
        )


def _doubtful_clusters(clusters: np.ndarray | None) -> list[str]:
    """What a reader of the intervals should know of the patients' names."""
    notes = []
    if clusters is not None:
        absent = int((clusters == "").sum())
        if absent:
            notes.append(f"{absent} of {len(clusters)} cases without a patient, each counted as a patient of its own")
        alike = spellings(clusters.tolist())
        if alike:
            notes.append(f"patients that differ in spelling only count as different: {named_spellings(alike)}")
    return notes


def _truth(frame: pd.DataFrame, name: str, file: str | Path | None) -> inputs.Bools:
    cells = _column(frame, name, file).tolist()
    texts = [meant(cell).lower() for cell in cells]
    for row, text in enumerate(texts):
        if text not in _YES | _NO:
            raise TableError(
                f"'{text}' is not a truth" if text else _missing("the truth", cells[row]),
                file=file,
                row=_line(frame, row),
                column=name,
                fix="Write 1 for the positive class and 0 for the rest.",
            )
    return np.array([text in _YES for text in texts])


def _numbers(frame: pd.DataFrame, name: str, file: str | Path | None) -> Floats:
    cells = _column(frame, name, file).tolist()
    out = np.empty(len(cells))
    for row, cell in enumerate(cells):
        text = meant(cell)
        value = number(text)
        if value is None:
            raise TableError(
                f"'{text}' is not a number" if text else _missing("the score", cell),
                file=file,
                row=_line(frame, row),
                column=name,
                fix="Complete the score, or drop the row.",
            )
        out[row] = value
    return out


def _missing(what: str, cell: object) -> str:
    text = written(cell)
    return f"{what} is missing" + (f" ('{text}' counts as none)" if text else "")
