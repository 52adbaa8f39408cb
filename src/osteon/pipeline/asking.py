"""New cases on their way through a fitted model: which can be asked about, and what is said of them, as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import ImageError, InputError, TableError, suggest
from osteon.core.ledger import stream
from osteon.core.types import Floats
from osteon.io.regions import clip_box, tight_box
from osteon.models import portable
from osteon.models.fitted import Answer, mean
from osteon.models.inputs import perturb
from osteon.models.inputs.case import Input, inputs
from osteon.models.portable import Portable
from osteon.models.reference import UNLIKE
from osteon.pipeline.intake import NO_BOX
from osteon.stats import Conformal, Platt
from osteon.stats.conformal import SETS

#: Cases that one worker is asked about at a time: two full batches, so that a few hundred are shared out evenly.
_CASES_A_CHUNK = 32


def chunked(cases: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Cases in pieces for workers, each by the place of its first one; an answer does not depend on its neighbours."""
    starts = range(0, len(cases), _CASES_A_CHUNK)
    return {start: cases.iloc[start : start + _CASES_A_CHUNK].reset_index(drop=True) for start in starts}


def new_inputs(cases: pd.DataFrame, root: Path = Path()) -> Iterator[Input]:
    """Inputs of new cases, whose table has where each radiograph lies."""
    return inputs(cases.assign(shown=cases["image"], image=cases["file"]), root)


#: The file that was read last, by its identity: a worker keeps it from piece to piece.
_kept: dict[str, Portable] = {}


def opened(path: Path, identity: str = "") -> Portable:
    """A model's file; the one that is kept, if that has this identity.

    Raises:
        InputError: It is not the file any more that it was.
    """
    if identity not in _kept:
        file = portable.read(path)
        if identity and file.identity != identity:
            raise InputError("it was replaced while it was in use", file=path, fix="Run the same command again.")
        _kept.clear()
        _kept[file.identity] = file
        return file
    return _kept[identity]


def check_columns(file: Portable, cases: pd.DataFrame, path: Path | None = None) -> None:
    """Refuse a table that lacks a column which the model reads.

    Raises:
        TableError: It does.
    """
    for name in file.columns:
        if name not in cases:
            raise TableError(
                f"the model '{file.about['name']}' reads it, and it is not there",
                file=path,
                column=name,
                fix=f"Give it in a table (--table), empty where it is not known. {suggest(name, map(str, cases))}",
            )


def settle(file: Portable, one: Input) -> Input:
    """A case with its radiograph decoded, and its box inside it.

    Raises:
        ImageError: The radiograph cannot be read.
        InputError: There is no box on the radiograph that the model could look at.
    """
    shape = one.film.radiograph.pixels.shape
    box = one.drawn
    if np.isnan(box).any():
        mask = one.whole_mask
        if mask is None:
            raise InputError(f"case '{one.case_id}' has no box", fix=NO_BOX)
        if mask.shape != shape:
            raise InputError(f"the mask of case '{one.case_id}' has the shape {mask.shape}, its radiograph {shape}")
        found = tight_box(mask)
        if found is None:
            raise InputError(f"the mask of case '{one.case_id}' is empty")
        box = np.array(found, dtype=np.float64)
    if not (box[0] < box[2] and box[1] < box[3]):
        raise InputError(f"the box of case '{one.case_id}' is inside out", fix=NO_BOX)
    inside = clip_box(tuple(box), shape)
    least = float(file.about["min_box"])
    if inside is None:
        raise InputError(
            f"the box of case '{one.case_id}' lies outside its radiograph of {shape[1]} x {shape[0]} pixels"
        )
    if min(inside[2] - inside[0], inside[3] - inside[1]) < least:
        raise InputError(f"the box of case '{one.case_id}' is under {least:g} px")
    drawn = np.array(inside, dtype=np.float64)
    return replace(one, drawn=drawn, box=drawn)


@dataclass(eq=False)
class Asked:
    """Cases on their way through a model.

    Attributes:
        file: The model.
        unsteady: Under how many changed boxes each is asked about again.
        aside: Why cases could not be asked about, and
        aside_rows: their rows.
        rows: The rows of those that were.
        watch: Told of each input that is asked about.
        answer: All that the model said of them.
    """

    file: Portable
    unsteady: int = 0
    aside: list[InputError] = field(default_factory=list)
    aside_rows: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    watch: Callable[[Input], None] | None = None
    answer: Answer | None = None

    def of(self, given: Iterator[Input] | Sequence[Input], *, alone: bool = False) -> pd.DataFrame:
        """What the model says, one row for each case that could be asked about."""
        kept: list[Input] = []
        self.answer = self.file.answer(self._usable(given, kept), alone=alone)
        return told(self.file, kept, self.answer, self.unsteady + 1)

    def _usable(self, given: Iterator[Input] | Sequence[Input], kept: list[Input]) -> Iterator[Input]:
        """The cases that can be asked about, each with its box as drawn and then changed."""
        for one in given:
            try:
                settled = settle(self.file, one) if self.file.looks else one
            except (ImageError, InputError) as error:
                self.aside.append(error)
                self.aside_rows.append(one.row)
                continue
            if self.watch is not None:
                self.watch(settled)
            yield from self._changed(settled)
            self.rows.append(one.row)
            kept.append(settled.undecoded())

    def _changed(self, one: Input) -> Iterator[Input]:
        seed = [int(self.file.about["seed"]), stream("unsteady")]
        rows = perturb.jittered([""], self.unsteady + 1, seed)  # whatever the case is called
        for box in perturb.boxes(one.drawn, rows):
            yield replace(one, box=box)


def told(file: Portable, kept: Sequence[Input], answer: Answer, each: int) -> pd.DataFrame:
    """What a model says of cases, as a table."""
    about = file.about
    n = len(kept)
    every = answer.probability.reshape(n, each)
    probability = every[:, 0]
    members = answer.members.reshape(n, each, math.prod(answer.members.shape[1:]))[:, 0]
    line = about["recalibration"]
    recalibrated = Platt(**line).apply(probability) if line and n else np.full(n, np.nan)
    spread = _spread(members)
    boxes = _spread(every) if each > 1 else {name: np.full(n, np.nan) for name in spread}
    distance = percentile = np.full(n, np.nan)
    if file.reference is not None and answer.seen and n:
        distances = file.reference.distances([of_fold[::each] for of_fold in answer.seen])
        distance, percentile = mean(distances), file.reference.percentile(distances)
    negative, positive = about["classes"]
    calls = {
        f"call_{rule}": np.where(probability >= threshold, positive, negative)
        for rule, threshold in about["operating_points"].items()
    }
    imputed = answer.imputed[::each] or ((),) * n
    columns = {
        "case_id": [one.case_id for one in kept],
        "image": [str(one.cases["shown"].iloc[one.row]) if "shown" in one.cases else "" for one in kept],
        "probability": probability,
        "recalibrated": recalibrated,
        **{f"folds_{name}": values for name, values in spread.items()},
        **{f"boxes_{name}": values for name, values in boxes.items()},
        "distance": distance,
        "percentile": percentile,
        "unlike": [("unlike development" if value > UNLIKE else "") if value == value else "" for value in percentile],
        "set": _sets(about, probability),
        "imputed": ["; ".join(names) for names in imputed],
        "model": file.identity,
        **calls,
    }
    return tables.conform(pd.DataFrame(columns), tables.PREDICTED)


def _sets(about: Mapping[str, Any], probability: Floats) -> list[str]:
    """The classes that each case may be of, in words; nothing where the model has no thresholds for it."""
    fixed = about.get("unsure")
    if not fixed or not len(probability):
        return [""] * len(probability)
    negative, positive = about["classes"]
    words = dict(zip(SETS, ("unlike either", negative, positive, "unsure"), strict=True))
    codes = Conformal(fixed["negative_to"], fixed["positive_from"], fixed["error"], 0, 0).sets(probability)
    return [words[SETS[code]] for code in codes]


def _spread(each: Floats) -> dict[str, Floats]:
    """Standard deviation, least and greatest of (n, k) probabilities."""
    sd = each.std(axis=1, ddof=1) if each.shape[1] > 1 else np.full(len(each), np.nan)
    return {"sd": sd, "low": each.min(axis=1), "high": each.max(axis=1)}
