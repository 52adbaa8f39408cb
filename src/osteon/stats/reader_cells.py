"""From a table of readings to one figure of merit a reader and arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from osteon.core.errors import InputError, NotEstimableError, TableError
from osteon.core.types import Floats
from osteon.stats import inputs
from osteon.stats.lroc import lroc_scores
from osteon.stats.roc import auc

Figure = Callable[[Any, Any], float]


def sensitivity(y_true: ArrayLike, called: ArrayLike) -> float:
    """Share of positives called positive."""
    return float(np.asarray(called)[inputs.truth(y_true, both=False)].mean())


def specificity(y_true: ArrayLike, called: ArrayLike) -> float:
    """Share of negatives called negative."""
    return float(1 - np.asarray(called)[~inputs.truth(y_true, both=False)].mean())


def accuracy(y_true: ArrayLike, called: ArrayLike) -> float:
    """Share of right calls."""
    return float(np.mean(np.asarray(called) == np.asarray(y_true)))


def mean(_y_true: ArrayLike, score: ArrayLike) -> float:
    """Mean of the scores, whatever the truth."""
    return float(np.mean(np.asarray(score)))


@dataclass(frozen=True, slots=True)
class Named:
    """A figure of merit that has a name.

    Attributes:
        function: The figure.
        title: Its name in results.
        bounded: Whether it lies between 0 and 1.
        calls: Whether it is of calls (0, 1), not of graded scores.
    """

    function: Figure
    title: str
    bounded: bool = True
    calls: bool = False


#: In LROC the score of a positive case whose lesion was missed lies below that of every negative: its area is an AUC.
NAMED: dict[str, Named] = {
    "auc": Named(auc, "AUC"),
    "lroc": Named(auc, "LROC area"),
    "sensitivity": Named(sensitivity, "sensitivity", calls=True),
    "specificity": Named(specificity, "specificity", calls=True),
    "accuracy": Named(accuracy, "accuracy", calls=True),
    "mean": Named(mean, "mean", bounded=False),
}


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """A table of readings, checked and turned into arrays.

    Attributes:
        arms: Sorted names of the arms.
        readers: Sorted names of the readers.
        cell_arm: (cells,) index of each cell's arm; a cell is a reader in an arm.
        cell_reader: (cells,) index of each cell's reader.
        positive: (cases,) truth.
        score: (cells, cases); nan where the reader did not read the case in the arm.
        codes: (cases,) cluster of each case, or None.
    """

    arms: tuple[str, ...]
    readers: tuple[str, ...]
    cell_arm: inputs.Ints
    cell_reader: inputs.Ints
    positive: inputs.Bools
    score: Floats
    codes: inputs.Ints | None

    @property
    def crossed(self) -> bool:
        """Whether every reader read in every arm."""
        return self.cell_arm.size == len(self.arms) * len(self.readers)

    @property
    def complete(self) -> bool:
        """Whether every reader read every case in every arm."""
        return self.crossed and not np.isnan(self.score).any()

    @property
    def same_in_arms(self) -> bool:
        """Whether every reader read in every arm, and the same cases in each."""
        read = ~np.isnan(self.score)
        return self.crossed and all(
            np.array_equal(read[self.cell_arm == 0], read[self.cell_arm == arm]) for arm in range(1, len(self.arms))
        )

    @property
    def design(self) -> str:
        """Which readers and cases meet in which arms."""
        if self.complete:
            return "fully crossed"
        if not self.crossed:
            some = np.bincount(self.cell_reader).max() > 1
            one = "one arm" if len(self.arms) == 2 else "some of the arms"
            return f"some readers in {one} only" if some else "readers nested in arms"
        if self.same_in_arms:
            return "cases differ between readers (split-plot)"
        read = ~np.isnan(self.score)
        by_arm = [read[self.cell_arm == arm] for arm in range(len(self.arms))]
        same_for_readers = all((rows == rows[0]).all() for rows in by_arm)
        return "cases differ between arms" if same_for_readers else "not fully crossed"


def readings_of(
    table: Mapping[str, Any] | Any, threshold: float | None, clusters: str | None, *, localised: bool = False
) -> Readings:
    """Check a table of readings.

    Args:
        table: Anything with columns `reader`, `arm` (absent: one arm), `case`, `truth` (0, 1), `score`.
        threshold: Turn scores into calls, ``score >= threshold``.
        clusters: Name of the column with the patient of each case.
        localised: Whether to put positive cases that the column `localised` (0, 1) says were missed below all others.

    Raises:
        TableError: A missing column or value, a reading that occurs twice, a case with two truths.
        NotEstimableError: One class only.
    """
    reader = _labels(_column(table, "reader"), "reader")
    n = reader[1].size
    try:
        arm = _labels(_column(table, "arm"), "arm")
    except TableError:
        arm = (("all",), np.zeros(n, dtype=np.intp))
    case = _labels(_column(table, "case"), "case")
    score = _numbers(_column(table, "score"), "score")
    truth = _numbers(_column(table, "truth"), "truth")
    for name, size in (("arm", arm[1].size), ("case", case[1].size), ("score", score.size), ("truth", truth.size)):
        if size != n:
            raise TableError(f"{size} values beside {n} readers", column=name)
    _refuse(~np.isin(truth, (0, 1)), "truth", "the truth is not 0 or 1")
    value = np.zeros(len(case[0]))
    value[case[1]] = truth
    _refuse(value[case[1]] != truth, "truth", "the case has another truth in another row")
    key = (reader[1] * len(arm[0]) + arm[1]) * len(case[0]) + case[1]
    first = np.zeros(n, dtype=bool)
    first[np.unique(key, return_index=True)[1]] = True
    _refuse(~first, "case", "the reader has read this case in this arm before", "Keep one reading.")
    if localised:
        found = np.array([_text(value) for value in _column(table, "localised").tolist()], dtype=object)
        bad = (truth == 1) & ~np.isin(found, ("0", "1", "True", "False"))
        _refuse(bad, "localised", "a positive case is neither found (1) nor missed (0)", "A missing mark is a 0.")
        score = lroc_scores(truth == 1, score, np.isin(found, ("1", "True")))
    cells, cell = np.unique(reader[1] * len(arm[0]) + arm[1], return_inverse=True)
    scores = np.full((cells.size, len(case[0])), np.nan)
    scores[cell, case[1]] = score if threshold is None else score >= threshold
    codes = None
    if clusters is not None:
        given = np.asarray(_column(table, clusters), dtype=object)
        patient = np.empty(len(case[0]), dtype=object)
        patient[case[1]] = given
        kept = zip(patient[case[1]].tolist(), given.tolist(), strict=True)
        strays = [mine is not own and not _same(mine, own) for mine, own in kept]
        _refuse(np.array(strays), clusters, "the case has another patient in another row")
        codes = inputs.codes(patient, patient.size, name=clusters)
    return Readings(
        arms=arm[0],
        readers=reader[0],
        cell_arm=cells % len(arm[0]),
        cell_reader=cells // len(arm[0]),
        positive=inputs.truth(value, name="truth"),
        score=scores,
        codes=codes,
    )


def _same(a: object, b: object) -> bool:
    return inputs.is_missing(a) or inputs.is_missing(b) or a == b


def in_arms(readings: Readings, arms: tuple[int, ...]) -> Readings:
    """The readings of some arms, with the readers and cases that are in them.

    Args:
        readings: The readings.
        arms: Indices of the arms, ascending.
    """
    among = np.isin(readings.cell_arm, arms)
    readers, reader = np.unique(readings.cell_reader[among], return_inverse=True)
    read = ~np.isnan(readings.score[among]).all(axis=0)
    return Readings(
        arms=tuple(readings.arms[arm] for arm in arms),
        readers=tuple(readings.readers[who] for who in readers),
        cell_arm=np.searchsorted(arms, readings.cell_arm[among]),
        cell_reader=reader.astype(np.intp),
        positive=readings.positive[read],
        score=readings.score[among][:, read],
        codes=None if readings.codes is None else np.unique(readings.codes[read], return_inverse=True)[1],
    )


def figures_of(readings: Readings, figure: str | Figure) -> tuple[Floats, Figure, str]:
    """The figure of merit of each cell, the function and its name."""
    calls = False
    if isinstance(figure, str):
        known = NAMED[inputs.choice(figure, tuple(NAMED), "figure")]
        name, function, calls = known.title, known.function, known.calls
    else:
        name, function = getattr(figure, "__name__", "figure"), figure
    if calls and not np.isin(readings.score[~np.isnan(readings.score)], (0, 1)).all():
        raise InputError(f"the scores are not calls, which {name} needs", fix="Give a threshold, or scores of 0 and 1.")
    values = np.empty(readings.cell_arm.size)
    for cell, score in enumerate(readings.score):
        read = ~np.isnan(score)
        positive = readings.positive[read]
        if positive.all() or not positive.any():
            who = readings.readers[readings.cell_reader[cell]]
            raise NotEstimableError(f"reader '{who}' has read cases of one class only")
        values[cell] = function(positive.astype(np.float64), score[read])
    return values, function, name


def _column(table: Any, name: str) -> NDArray[Any]:
    try:
        values = table[name]
    except (KeyError, ValueError, IndexError) as error:
        raise TableError("the readings lack the column", column=name) from error
    if np.ma.isMaskedArray(values):
        _refuse(np.ma.getmaskarray(values), name, "the value is masked", "Drop the row, or complete it.")
    return np.asarray(values)


def _labels(values: NDArray[Any], name: str) -> tuple[tuple[str, ...], inputs.Ints]:
    """Names in sorted order, numbers as numbers, and each row's index among them."""
    if values.dtype.kind in "iu":
        distinct, index = np.unique(values, return_inverse=True)
        return tuple(str(value) for value in distinct.tolist()), index.astype(np.intp)
    texts = [_text(value) for value in values.tolist()]
    _refuse(np.array([text == "" for text in texts]), name, "the value is missing")
    names = sorted(set(texts), key=_order)
    position = {text: index for index, text in enumerate(names)}
    return tuple(names), np.array([position[text] for text in texts], dtype=np.intp)


def _text(value: object) -> str:
    if inputs.is_missing(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _order(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _numbers(values: NDArray[Any], name: str) -> Floats:
    if values.dtype.kind in "cmM":
        raise TableError(f"the values are of type {values.dtype}", column=name, fix="Give numbers.")
    if values.dtype.kind in "iu":
        _refuse(np.abs(values.astype(object)) > 2**53, name, "the number is too large to be told from its neighbours")
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TableError(f"a value is not a number ({error})", column=name) from error
    _refuse(np.isnan(numbers), name, "the value is missing")
    return numbers


def _refuse(bad: NDArray[np.bool_], column: str, what: str, fix: str | None = None) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        raise TableError(what, row=int(rows[0]) + 2, column=column, fix=fix)
