"""What a kind of model is. Nothing outside a kind's own module knows it by name.

A kind says what its folds are fitted on and predict from (:class:`Given`), and how a fitted model answers for any
input (:class:`Fitted`). Fitting happens fold by fold (:class:`Unit`), on any process; a fitted model is loaded alone,
from its own files and by their contents (:class:`Saved`). :func:`register` makes a kind known to studies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from osteon import study as studies
from osteon.core import tables
from osteon.core.errors import InputError, StudyError
from osteon.core.ledger import Ledger, digest, file_digest, write_json
from osteon.core.run import RunFolder
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.core.workers import Workers
from osteon.models.inputs.case import Input
from osteon.study import ModelSettings, Study

#: Raised when the way models are made changes, so that older ones are made anew.
RECIPE_VERSION = 1

PROBABILITIES = tables.Contract(
    "probabilities",
    {"case_id": tables.Column(unique=True), "probability": tables.Column("number", low=0, high=1)},
)


@dataclass(frozen=True, eq=False)
class Place:
    """Where a study's models are made.

    Attributes:
        study: The study.
        run: The run folder.
        ledger: What is current.
        workers: Who does the work.
    """

    study: Study
    run: RunFolder
    ledger: Ledger
    workers: Workers

    @property
    def root(self) -> Path:
        """What image and mask paths are relative to."""
        return self.study.cohort_path.parent


#: What tells the diagnosis, or is made from it.
_ANSWERS = ("label", "target", "subtype")


@dataclass(frozen=True, eq=False)
class Sealed:
    """Cases without anything that tells their diagnosis: all that models are ever shown.

    Attributes:
        table: One row a case, in their order.
    """

    table: pd.DataFrame

    def __post_init__(self) -> None:
        told = [name for name in _ANSWERS if name in self.table]
        if told:
            raise ValueError(f"these cases tell their diagnosis: {', '.join(told)}")

    @classmethod
    def of(cls, cases: pd.DataFrame) -> Sealed:
        """Take off what tells the diagnosis."""
        return cls(cases.drop(columns=[name for name in _ANSWERS if name in cases]))

    @property
    def development(self) -> Sealed:
        """Those of development."""
        return Sealed(self.table[self.table["split"] == "development"])


class Given(ABC):
    """What every fold of a model is fitted on and predicts from, for all cases in their order; no label."""

    #: What fitting writes into a fold's folder.
    files: ClassVar[tuple[str, ...]] = ("model.json",)
    #: Whether several GPUs can share a fold.
    by_gradient: bool = False

    @abstractmethod
    def learned(self, training: pd.DataFrame) -> str:
        """Digest of what training cases (rows of the cases' table) show a model that is being fitted."""

    @abstractmethod
    def shown(self, unseen: pd.DataFrame) -> str:
        """Digest of what unseen cases show a fitted model, and of how it is asked."""

    def settings(self) -> Any:
        """What else a fitted model depends on."""
        return None

    def precision(self) -> Any:
        """In which precision it predicts."""
        return None

    @abstractmethod
    def fit(self, unit: Unit) -> Mapping[str, Any]:
        """Fit a fold, write its files but ``model.json``, and give further facts for that."""

    @abstractmethod
    def tell(self, unit: Unit) -> Floats:
        """(n,) probabilities of a fitted fold's unseen cases."""


@dataclass(frozen=True, eq=False)
class Unit:
    """One fold of one model: from its training cases to probabilities of all cases that it has not seen.

    A unit is given the labels of its own training cases and no other: neither those of the held-out fold nor any of an
    external centre.

    Attributes:
        name: The unit's name in the ledger, e.g. ``resnet50/fold-2``.
        folder: Where its files go.
        model: The model's settings.
        fold: Which fold is held out.
        training_seed: Which of the model's training seeds this is.
        training: Training cases: case_id, row (position among all cases), target, cluster (cases that share a patient
            or a picture).
        unseen: Held-out and external cases: case_id, row; no label.
        seed: Entropy of this unit's random numbers.
        given: What it is fitted on and predicts from.
        training_inputs: Digest of what the training cases show.
        unseen_inputs: Digest of what the unseen cases show.
        fit: Whether it has to be fitted; otherwise it only predicts.
    """

    name: str
    folder: Path
    model: ModelSettings
    fold: int
    training_seed: int
    training: pd.DataFrame
    unseen: pd.DataFrame
    seed: tuple[int, ...]
    given: Given
    training_inputs: str
    unseen_inputs: str
    fit: bool = True

    @property
    def fit_key(self) -> str:
        """What the fitted model depends on: settings, training cases with their labels, pictures, seed."""
        return digest(
            RECIPE_VERSION,
            self.model.as_fitted(),
            self.training[["case_id", "cluster", "target"]],
            self.training_inputs,
            self.seed,
            self.given.settings(),
        )

    @property
    def predict_key(self) -> str:
        """What its probabilities depend on: the fitted model and the unseen cases."""
        return digest(self.fit_key, list(self.unseen["case_id"]), self.unseen_inputs, self.given.precision())

    @property
    def model_files(self) -> list[Path]:
        """What fitting writes."""
        return [self.folder / name for name in self.given.files]

    @property
    def by_gradient(self) -> bool:
        """Whether several GPUs can share the unit."""
        return self.fit and self.given.by_gradient

    @property
    def probabilities(self) -> Path:
        """What predicting writes."""
        return self.folder / "probabilities.csv"


def run_unit(unit: Unit, *, writes: bool = True, meet: Callable[[], None] | None = None) -> None:
    """Fit the unit if it has to be, then predict its unseen cases.

    Args:
        unit: The unit.
        writes: Whether this process is the one of several that writes.
        meet: Waits for the others.
    """
    if unit.fit:
        facts = unit.given.fit(unit)
        if writes:
            _describe(unit, facts)
        if meet is not None:
            meet()
    probability = unit.given.tell(unit) if len(unit.unseen) else np.empty(0)
    if writes:
        frame = pd.DataFrame({"case_id": unit.unseen["case_id"].to_numpy(), "probability": probability})
        tables.write(frame, unit.probabilities, PROBABILITIES)


def _describe(unit: Unit, facts: Mapping[str, Any]) -> None:
    target = unit.training["target"]
    content = {
        "model": unit.model.as_fitted().model_dump(mode="json"),
        "training_cases": len(target),
        "training_groups": int(unit.training["cluster"].nunique()),
        "training_positive": int(target.sum()),
        "seed": list(unit.seed),
        **facts,
        "osteon": __version__,
    }
    write_json(unit.folder / "model.json", content)


class Fitted(ABC):
    """A fitted model, all of its folds: from inputs to probabilities, whatever they are for."""

    @abstractmethod
    def __call__(self, inputs: Iterable[Input], told: Mapping[str, Floats]) -> Floats:
        """Probability of the positive class, the mean of the folds.

        Args:
            inputs: n inputs; each radiograph is decoded once.
            told: What the models that this one needs say of the same inputs, (n,) each.

        Returns:
            (n,).
        """

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
    folders: tuple[tuple[Path, ...], ...]
    contents: str

    #: Loaded models by content, the latest last: a worker keeps one from chunk to chunk.
    _loaded: ClassVar[OrderedDict[str, Fitted]] = OrderedDict()

    @abstractmethod
    def _read(self) -> Fitted:
        """Read the files."""

    def load(self) -> Fitted:
        """The fitted model."""
        key = digest(type(self).__name__, self.contents, self.model)
        if key not in self._loaded:
            self._loaded.clear()
            self._loaded[key] = self._read()
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


class Kind(ABC):
    """A kind of model, of one model of a study.

    Args:
        model: The model's settings.
        place: Where it is made.
    """

    #: The kind's settings in a study file.
    Settings: ClassVar[type[ModelSettings]]

    def __init__(self, model: Any, place: Place) -> None:
        self.model, self.place = model, place

    @property
    def seeds(self) -> int:
        """How many training seeds it has."""
        return 1

    def absent(self) -> InputError | None:
        """What the model starts from and this machine does not have, with the way to get it; None where it has all."""
        return None

    def ready(self) -> Mapping[str, str]:
        """Find and try what the model starts from before any long work begins.

        Returns:
            What the run has to remember of it, by name: ``weights`` is the digest of a file.

        Raises:
            InputError: It is not there, or does not fit what the study asks for.
        """
        return {}

    def try_fold(self, training: pd.DataFrame) -> None:  # noqa: B027 most kinds can be fitted on any two classes
        """Look whether a fold could be fitted, before any is.

        Args:
            training: Its training cases: ``target`` and ``cluster`` (cases that share a patient or a picture).

        Raises:
            StudyError: It could not.
        """

    def measure(self, cases: Sealed) -> None:  # noqa: B027 most kinds measure nothing
        """Make what does not depend on folds or labels, once for all models that share it.

        Args:
            cases: All cases.
        """

    @abstractmethod
    def given(self, cases: Sealed, told: Mapping[str, Floats], seed: int) -> Given:
        """What its folds are fitted on and predict from.

        Args:
            cases: All cases.
            told: What the models that this one needs say of all cases: out of fold in development, of the ensemble
                elsewhere.
            seed: Which training seed.
        """

    @abstractmethod
    def saved(self) -> Saved:
        """The fitted model, once all its folds are."""

    def describe(self, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> Mapping[str, pd.DataFrame]:
        """What a fitted model says of itself: tables by name.

        Args:
            cases: As for :meth:`given`.
            labels: Development labels by case.
            told: As for :meth:`given`.
        """
        return {}

    def crops(self, cases: Sealed) -> Path:
        """(N, S + 2 pad, S + 2 pad) uint16 on disk: what it was fitted on; only of models that may have maps."""
        raise NotImplementedError

    def folders(self) -> tuple[tuple[Path, ...], ...]:
        """The folders of the model's folds, by training seed."""
        folds, run = range(self.place.study.evaluation.folds), self.place.run
        return tuple(tuple(run.fold(self.model.name, seed, k) for k in folds) for seed in range(self.seeds))

    def contents(self) -> str:
        """Digest of the fitted model's files."""
        folds = [fold for of_seed in self.folders() for fold in of_seed]
        return digest([file_digest(path) for fold in folds for path in sorted(fold.glob("model.s*"))])


_KINDS: dict[str, type[Kind]] = {}
#: Where osteon's own kinds are; each registers itself.
_ROOMS = (
    "osteon.models.network.kind",
    "osteon.models.tabular.box",
    "osteon.models.tabular.clinical",
    "osteon.models.tabular.combined",
    "osteon.models.tabular.radiomics",
)


def register(kind: type[Kind]) -> type[Kind]:
    """Make a kind of model known to studies; usable as a decorator."""
    studies.register(kind.Settings)
    _KINDS[kind.Settings.model_fields["kind"].default] = kind
    return kind


def kind_of(model: ModelSettings, place: Place) -> Kind:
    """The kind of a model of the study.

    Raises:
        StudyError: Nobody has registered it.
    """
    for room in _ROOMS:
        import_module(room)
    if model.kind not in _KINDS:
        raise StudyError(f"no kind of model is called '{model.kind}'", fix=f"Choose one of {', '.join(_KINDS)}.")
    return _KINDS[model.kind](model, place)


def kinds(place: Place, models: Sequence[ModelSettings] | None = None) -> list[Kind]:
    """The kinds of a study's models, in their order."""
    return [kind_of(model, place) for model in (place.study.models if models is None else models)]
