"""External cases under every change of box and picture, in chunks that survive an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.ledger import digest, file_digest, stream
from osteon.core.tables import PERTURBED, write, written
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.io import READING
from osteon.models.fitted import Saved
from osteon.models.inputs import perturb
from osteon.models.inputs.case import Input, boxes, changed, inputs, mask_paths, of_radiographs
from osteon.models.model import Kind
from osteon.pipeline.context import Context, Step, chosen, save_array
from osteon.results.evaluate.robustness import robustness
from osteon.study import Study

_RADIOGRAPHS_A_CHUNK = 4


def changes(study: Study, case_id: str) -> pd.DataFrame:
    """Every change of a case: the same rows for every model, whatever other cases there are."""
    seed = int(np.random.default_rng([study.study.seed, stream("perturb")]).integers(2**31))
    return perturb.draw([case_id], study.robustness, seed)


class Perturb(Step):
    """Predict external cases under every change, with every model that looks at the box or the picture."""

    name = "perturb"

    def __init__(self) -> None:
        self._told = ""

    def key(self, at: Context) -> str | None:
        """What every model's probabilities under the changes depend on."""
        if not at.study.robustness.repeats:
            return None
        cases, kinds = chosen(at, at.study.robustness.cases), _perturbed(at)
        if cases.empty or not kinds:
            return None
        self._told = f"{len(kinds)} models, {len(cases)} cases"
        keys = _Keys(at, cases)
        return digest("perturbed", [keys.model(kind) for kind in kinds])

    def make(self, at: Context, key: str) -> list[Path]:
        """Predict with every model and write the table, one block of rows a model."""
        cases, kinds, target = chosen(at, at.study.robustness.cases), _perturbed(at), at.run.file("perturbed")
        keys, found = _Keys(at, cases), dict[str, Floats]()
        for kind in sorted(kinds, key=lambda kind: bool(kind.model.needs)):
            found[kind.model.name] = _predicted(at, kind, cases, keys, found)
        rows = pd.concat([changes(at.study, str(case)) for case in cases["case_id"]], ignore_index=True)
        about = rows[["case_id", "kind", "grade", "repeat"]]
        names = [kind.model.name for kind in kinds]
        frames = [about.assign(model=name, probability=found[name].ravel()) for name in names]
        write(pd.concat(frames, ignore_index=True), target, PERTURBED)
        return [target]

    def forget(self, at: Context) -> None:
        """Take away what an earlier run perturbed."""
        at.run.forget("robustness*.csv", "thumbnails/boxes/*.png", at.run.file("perturbed").name)

    def said(self, at: Context, fresh: bool) -> str:
        """How many models and cases."""
        return f"changed boxes and pictures: {self._told} ({'predicted' if fresh else 'unchanged'})"


class Robustness(Step):
    """The robustness tables, where there are perturbed predictions."""

    name = "robustness"
    _FROM = ("perturbed", "predictions", "operating_points")

    def key(self, at: Context) -> str | None:
        """The predictions, and what is asked of them."""
        if not at.run.file("perturbed").is_file():
            return None
        study = at.asked
        return digest(at.digests(*self._FROM), study.evaluation, study.centres, study.study, __version__)

    def make(self, at: Context, key: str) -> list[Path]:
        """Measure and write."""
        changed, drawn, points = (at.run.read(name) for name in self._FROM)
        return robustness(changed, drawn, points, at.study).write(at.run.path)


def _perturbed(at: Context) -> list[Kind]:
    """The models that look at the box or the picture at all."""
    return [kind for kind in at.kinds if at.study.looks(kind.model)]


class _Keys:
    """What probabilities under the changes depend on."""

    def __init__(self, at: Context, cases: pd.DataFrame) -> None:
        self._at, self._cases = at, cases
        grades = at.study.robustness.model_copy(update={"cases": -1})
        self.contents = digest(
            READING, list(cases["case_id"]), list(cases["sha256"]), boxes(cases), grades, at.study.study.seed
        )

    def model(self, kind: Kind) -> str:
        """A model's."""
        saved, others = kind.saved(), {other.model.name: other for other in self._at.kinds}
        before = [self.model(others[name]) for name in kind.model.needs]
        seen = [self.contents, self.measured(saved), saved.inputs(self._cases), before]
        return digest(seen, kind.model, saved.contents, self._at.study.compute.predict)

    def measured(self, saved: Saved) -> str:
        """Of what a model measures."""
        measures = saved.measures()
        if measures is None:
            return ""
        masks = [file_digest(self._at.root / mask) if mask else "" for mask in mask_paths(self._cases)]
        return digest(self.contents, self._at.study.crop, masks, measures)


def _predicted(at: Context, kind: Kind, cases: pd.DataFrame, keys: _Keys, told: Mapping[str, Floats]) -> Floats:
    """(cases, changes) probabilities, kept in the cache: another model more does not predict this one again."""
    target = at.run.cache / f"perturbed-{keys.model(kind)[:16]}.npy"
    if target.is_file():
        return np.asarray(np.load(target))
    saved, places = kind.saved(), of_radiographs(cases, _RADIOGRAPHS_A_CHUNK)
    chunks = [_Chunk(at.study, at.root, saved, cases.iloc[rows]) for rows in places]
    parts: Sequence[Path | None] = [None] * len(chunks)
    if saved.measures() is not None:
        # What was measured outlives the models that are made from it: it stays in the cache.
        place = at.run.cache / f"perturbed-features-{keys.measured(saved)[:16]}"
        pieces = [(chunk,) for chunk in chunks]
        parts = _chunked(at, f"features of {kind.model.name}, perturbed", _measure, place, ".parquet", pieces)
    needed = [{name: told[name][rows] for name in kind.model.needs} for rows in places]
    given = list(zip(chunks, needed, parts, strict=True))
    made = _chunked(at, f"{kind.model.name}, perturbed", _predict, target.with_suffix(""), ".npy", given)
    save_array(target, np.concatenate([np.load(part) for part in made]))
    for part in made:
        part.unlink()
    target.with_suffix("").rmdir()
    return np.asarray(np.load(target))


def _chunked(
    at: Context, title: str, function: Callable[..., None], folder: Path, suffix: str, given: Sequence[tuple[Any, ...]]
) -> list[Path]:
    """Have workers write a file for every chunk of cases that is not there yet."""
    parts = [folder / f"{number:06d}{suffix}" for number in range(len(given))]
    pieces = [(part, *piece) for part, piece in zip(parts, given, strict=True) if not part.is_file()]
    at.workers.map(title, function, pieces)
    return parts


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some of the cases, under all of their changes, before one model.

    Attributes:
        study: Gives the changes and the crop.
        root: What image and mask paths are relative to.
        saved: The model.
        cases: The cases, sealed.
    """

    study: Study
    root: Path
    saved: Saved
    cases: pd.DataFrame

    def under_changes(self) -> Iterator[Input]:
        """Each case under each of its changes."""
        for one in inputs(self.cases, self.root):
            yield from changed(one, changes(self.study, one.case_id), self.study.crop)


def _measure(part: Path, chunk: _Chunk) -> None:
    """Write what a model measures of each case under each change, a row each."""
    found = chunk.saved.load().measure(chunk.under_changes())
    with written(part) as beside:
        found.to_parquet(beside, index=False)


def _predict(part: Path, chunk: _Chunk, told: Mapping[str, Floats], measured: Path | None) -> None:
    """Write an (n, changes) array: the probability of each case under each change, the mean of the folds."""
    under = chunk.under_changes()
    if measured is not None:
        rows = (row for _, row in pd.read_parquet(measured).iterrows())
        under = (replace(one, measured=row) for one, row in zip(under, rows, strict=True))
    order = np.concatenate(perturb.sharing(changes(chunk.study, "")))  # the same of every case
    needed = {name: values[:, order].ravel() for name, values in told.items()}
    found = chunk.saved.load()(under, needed).reshape(len(chunk.cases), -1)
    save_array(part, found[:, np.argsort(order)])
