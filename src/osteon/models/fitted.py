"""A fitted model: on disk, in a run's folder or in a portable file; and in memory, where it answers for any input."""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from osteon.core.ledger import digest
from osteon.core.types import Floats
from osteon.models.inputs.case import Input
from osteon.stats import Update
from osteon.study import ModelSettings

#: A folder on the disk, or in an archive.
Folder = Path | zipfile.Path


def mean(each: ArrayLike) -> Floats:
    """The mean over the last axis, in an order of summation that does not depend on what else there is."""
    return np.asarray(np.ascontiguousarray(each, dtype=np.float64).mean(axis=-1))


def weighed(rows: Floats, weights: Floats) -> Floats:
    """(n,) sums of (n, p) rows under (p,) weights, of which none depends on the other rows in its last bits."""
    return np.asarray((np.asarray(rows, dtype=np.float64) * np.asarray(weights, dtype=np.float64)).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Answer:
    """What a fitted model says of n inputs.

    Attributes:
        members: (n, seeds, folds) probabilities of the positive class by the model of each training seed and fold.
        seen: For each fold (of the first seed), the (n, F) numbers that its last step makes the probability of:
            a backbone's pooled features, encoded columns. Empty where a kind of model tells none.
        imputed: (n,) what each input did not tell and the model filled in; empty where it fills nothing in.
        updated: (n,) probabilities after a hospital's own updates; None where there was none.
    """

    members: Floats
    seen: tuple[Floats, ...] = ()
    imputed: tuple[tuple[str, ...], ...] = ()
    updated: Floats | None = None

    @property
    def probability(self) -> Floats:
        """(n,) probabilities of the positive class: the mean of the folds, then of the training seeds."""
        return mean(mean(self.members)) if self.updated is None else self.updated

    def after(self, update: Update) -> Answer:
        """The answer after a hospital's update: of the ensemble, and of each member for its spread."""
        if not len(self.members):
            return self
        columns = self.seen[0] if update.coefficients else None
        changed = update.apply(self.probability, columns)
        return replace(self, members=update.apply(self.members, columns), updated=changed)


class Fitted(ABC):
    """A fitted model, all of its folds: from inputs to probabilities, whatever they are for."""

    #: The fitted network inside that maps can be made of (:class:`osteon.models.explain.mapper.Mapper`); None for none.
    mapped: Any = None

    @abstractmethod
    def answer(self, inputs: Iterable[Input], told: Mapping[str, Floats], *, alone: bool = False) -> Answer:
        """What every member says.

        Args:
            inputs: n inputs; each radiograph is decoded once, and not kept.
            told: What the models that this one needs say of the same inputs, (n,) each.
            alone: Answer as fast as can be. Otherwise what is said of an input does not depend on the others, to the
                last bit, for which few inputs may have to wait as long as many.
        """

    def __call__(self, inputs: Iterable[Input], told: Mapping[str, Floats]) -> Floats:
        """(n,) probabilities of the positive class, the mean of all members."""
        return self.answer(inputs, told).probability

    def measure(self, inputs: Iterable[Input]) -> pd.DataFrame:
        """What the model measures of inputs, one row each; only where :meth:`Saved.measures` says something."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Saved(ABC):
    """A fitted model on disk. Whoever needs it loads it, once for as long as its contents are the same.

    Attributes:
        model: Its settings.
        folders: The folders of its folds, by training seed.
        contents: Digest of its files.
    """

    model: ModelSettings
    folders: tuple[tuple[Folder, ...], ...]
    contents: str

    #: The files of a fold that a fitted model is read from.
    files: ClassVar[tuple[str, ...]] = ()
    #: Loaded models by content, the latest last: a worker keeps one from chunk to chunk.
    _loaded: ClassVar[OrderedDict[str, Fitted]] = OrderedDict()

    @abstractmethod
    def read(self) -> Fitted:
        """Read the files."""

    def load(self) -> Fitted:
        """The fitted model."""
        key = digest(type(self).__name__, self.contents, self.model)
        if key not in self._loaded:
            self._loaded.clear()
            self._loaded[key] = self.read()
        return self._loaded[key]

    @classmethod
    def forget(cls) -> None:
        """Drop what is loaded."""
        cls._loaded.clear()

    def inputs(self, cases: pd.DataFrame) -> Any:
        """The part of what its probabilities depend on that is in the cases beside pictures and boxes."""
        return None

    def measures(self) -> Any:
        """The settings of what it measures of an input before it answers; None where it measures nothing.

        Models that measure the same share the measurements.
        """
        return None

    def parts(self) -> Mapping[str, Path | bytes]:
        """What a portable file holds of it, by name."""
        found: dict[str, Path | bytes] = {}
        for seed, folds in enumerate(self.folders):
            for fold, folder in enumerate(folds):
                for name in self.files:
                    path = folder / name
                    found[f"{fold_name(seed, fold)}/{name}"] = path if isinstance(path, Path) else path.read_bytes()
        return found

    def facts(self) -> Mapping[str, Any]:
        """What else it has to know to answer, as JSON can hold it: no path of this machine."""
        return {"seeds": len(self.folders), "folds": len(self.folders[0])}

    def portable_settings(self) -> ModelSettings:
        """Its settings without any path of this machine."""
        return self.model

    @classmethod
    def restored(cls, model: Any, folder: Folder, facts: Mapping[str, Any], contents: str) -> Self:
        """The fitted model from the parts of a portable file.

        Args:
            model: Its settings.
            folder: Where :meth:`parts` lie.
            facts: As :meth:`facts` gave them.
            contents: What tells these parts from others.
        """
        return cls(model, folders_in(folder, facts), contents)


def fold_name(seed: int, fold: int) -> str:
    """The folder of a fold in a portable file."""
    return f"seed-{seed}/fold-{fold}"


def folders_in(folder: Folder, facts: Mapping[str, Any]) -> tuple[tuple[Folder, ...], ...]:
    """The folders of the folds in a portable file, by training seed."""
    seeds: Sequence[int] = range(int(facts["seeds"]))
    return tuple(tuple(folder / fold_name(seed, fold) for fold in range(int(facts["folds"]))) for seed in seeds)
