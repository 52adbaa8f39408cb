"""External cases under every change of box and picture, in chunks that survive an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.errors import TableError
from osteon.core.ledger import digest, file_digest, stream
from osteon.core.tables import BOX_DIFFERENCES, PERTURBED, read, write, written
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.io import READING
from osteon.models.fitted import Saved
from osteon.models.inputs import perturb
from osteon.models.inputs.case import Input, boxes, changed, in_chunks, inputs, mask_paths
from osteon.models.model import Kind
from osteon.pipeline.context import Context, Step, chosen, save_array
from osteon.results.evaluate.robustness import robustness
from osteon.study import Study

_RADIOGRAPHS_A_CHUNK = 4


def changes(study: Study, case_id: str) -> pd.DataFrame:
    """Every change of a case: the same rows for every model, whatever other cases there are."""
    seed = int(np.random.default_rng([study.study.seed, stream("perturb")]).integers(2**31))
    return perturb.draw([case_id], study.robustness, seed, box_differences(study))


def box_differences(study: Study) -> pd.DataFrame | None:
    """The measured differences between annotators; None where boxes are changed by assumed fractions.

    Raises:
        TableError: The table is absent, breaks its contract, or has no row.
    """
    if study.robustness.grades != "annotators":
        return None
    path = study.folder / study.robustness.differences
    found = _differences(path, path.stat().st_mtime_ns if path.is_file() else 0)
    if found.empty:
        raise TableError(
            "no lesion was boxed by two annotators", file=path, fix="Take grades = 'annotators' out of [robustness]."
        )
    return found


@lru_cache(maxsize=1)
def _differences(path: Path, _written: int) -> pd.DataFrame:
    """The table, read once for all cases whose changes are drawn from it."""
    return read(path, BOX_DIFFERENCES)


def asked_changes(study: Study) -> str:
    """A digest of the changes that are asked for, whichever cases there are."""
    found = box_differences(study)
    section = study.robustness.model_copy(update={"cases": -1, "differences": ""})
    return digest(section, "" if found is None else found.to_csv(index=False))


class Perturb(Step):
    """Predict external cases under every change, with every model that looks at the box or the picture."""

    name = "perturb"

    def __init__(self) -> None:
        self._told, self._cases = "", pd.DataFrame()

    def key(self, at: Context) -> str | None:
        """What every model's probabilities under the changes depend on."""
        if not at.study.robustness.repeats:
            return None
        cases, kinds = chosen(at, at.study.robustness.cases), _perturbed(at)
        if cases.empty or not kinds:
            return None
        self._told, self._cases = f"{len(kinds)} models, {len(cases)} cases", cases
        keys = _Keys(at, cases)
        return digest("perturbed", [keys.model(kind) for kind in kinds])

    def make(self, at: Context, key: str) -> list[Path]:
        """Predict with every model and write the table, one block of rows a model."""
        cases, kinds, target = self._cases, _perturbed(at), at.run.file("perturbed")
        keys, found = _Keys(at, cases), dict[str, Floats]()
        for kind in sorted(kinds, key=lambda kind: bool(kind.model.needs)):
            found[kind.model.name] = _predicted(at, kind, keys, found)
        rows = pd.concat([changes(at.study, str(case)) for case in cases["case_id"]], ignore_index=True)
        about = rows[["case_id", "kind", "grade", "repeat"]]
        names = [kind.model.name for kind in kinds]
        frames = [about.assign(model=name, probability=found[name].ravel()) for name in names]
        write(pd.concat(frames, ignore_index=True), target, PERTURBED)
        differences = box_differences(at.study)
        return [target] if differences is None else [target, at.run.write(differences, "box_differences")]

    def forget(self, at: Context) -> None:
        """Take away what an earlier run perturbed."""
        at.run.forget("robustness*.csv", "box_differences.csv", "thumbnails/boxes/*.png", at.run.file("perturbed").name)

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
    """What probabilities under the changes depend on, for each chunk of cases.

    Args:
        at: The study on its way.
        cases: Those that are changed, in the order of their chunks.

    Attributes:
        chunks: The cases, a few at a time.
        contents: What each chunk shows under the changes.
    """

    def __init__(self, at: Context, cases: pd.DataFrame) -> None:
        self._at = at
        self.chunks = [cases.iloc[rows] for rows in in_chunks(cases, _RADIOGRAPHS_A_CHUNK)]
        asked = digest(READING, asked_changes(at.study), at.study.study.seed)
        self.contents = [
            digest(asked, list(chunk["case_id"]), list(chunk["sha256"]), boxes(chunk)) for chunk in self.chunks
        ]

    def model(self, kind: Kind) -> list[str]:
        """A model's."""
        saved, others = kind.saved(), {other.model.name: other for other in self._at.kinds}
        before = [self.model(others[name]) for name in kind.model.needs]
        asked = digest(kind.model, saved.contents, self._at.study.compute.predict)
        seen = zip(self.chunks, self.contents, self.measured(saved), *before, strict=True)
        return [digest(asked, saved.inputs(chunk), *keys) for chunk, *keys in seen]

    def measured(self, saved: Saved) -> list[str]:
        """Of what a model measures."""
        measures = saved.measures()
        if measures is None:
            return [""] * len(self.chunks)
        asked = digest(self._at.study.crop, measures)
        return [
            digest(asked, contents, [file_digest(self._at.root / mask) if mask else "" for mask in mask_paths(chunk)])
            for chunk, contents in zip(self.chunks, self.contents, strict=True)
        ]


def _predicted(at: Context, kind: Kind, keys: _Keys, told: Mapping[str, Floats]) -> Floats:
    """(cases, changes) probabilities. Every chunk stays in the cache: further models and centres leave it as it is."""
    saved, name = kind.saved(), kind.model.name
    chunks = [_Chunk(at.study, at.root, saved, cases) for cases in keys.chunks]
    measured: Sequence[Path | None] = [None] * len(chunks)
    if saved.measures() is not None:
        features = [at.run.cache / "perturbed-features" / f"{key[:32]}.parquet" for key in keys.measured(saved)]
        _make(at, f"features of {name}, perturbed", _measure, list(zip(features, chunks, strict=True)))
        measured = features
    ends = np.cumsum([len(cases) for cases in keys.chunks])[:-1]
    needed = {other: np.split(told[other], ends) for other in kind.model.needs}
    of_chunk = [{other: split[k] for other, split in needed.items()} for k in range(len(chunks))]
    made = [at.run.cache / f"perturbed-{name}" / f"{key[:32]}.npy" for key in keys.model(kind)]
    _make(at, f"{name}, perturbed", _predict, list(zip(made, chunks, of_chunk, measured, strict=True)))
    return np.concatenate([np.load(part) for part in made])


def _make(at: Context, title: str, function: Callable[..., None], pieces: Sequence[tuple[Any, ...]]) -> None:
    """Have workers write a file, the first of a piece, for every chunk of cases that is not in the cache."""
    at.workers.map(title, function, [piece for piece in pieces if not piece[0].is_file()])


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
