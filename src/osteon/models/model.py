"""What a kind of model is. Nothing outside a kind's own module knows it by name.

A kind says what its folds are fitted on and predict from (:class:`Given`), and how a fitted model answers for any
input (:mod:`osteon.models.fitted`). Fitting happens fold by fold (:class:`Unit`), on any process; a fitted model is
loaded alone, from its own files and by their contents. :func:`register` makes a kind known to studies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from osteon import study as studies
from osteon.core.errors import InputError, StudyError
from osteon.core.ledger import Ledger, digest, file_digest
from osteon.core.run import RunFolder
from osteon.core.types import Floats
from osteon.core.workers import Workers
from osteon.models.fitted import Saved
from osteon.models.unit import Given, Unit
from osteon.study import ModelSettings, Study

__all__ = ["Given", "Kind", "Place", "Saved", "Sealed", "Unit", "kind_of", "kinds", "named", "register"]


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
    def freezes(self) -> bool:
        """Whether it has a frozen backbone that others may see through."""
        return False

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

    def runs_on(self) -> str:
        """Name and version of what a frozen backbone runs on, and why on no other; "" where there is none."""
        return ""

    def sealed(self, external: Collection[str]) -> str:
        """Whether what the model starts from is known to hold no external case, as a sentence without a full stop.

        Args:
            external: SHA-256 of the pixels of the external cases' pictures.

        Returns:
            "" where it starts from nothing that osteon made from pictures.
        """
        return ""

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

    @classmethod
    def saved_as(cls) -> type[Saved]:
        """How its fitted models are kept; asked of kinds whose models leave their run.

        Raises:
            StudyError: They cannot.
        """
        kind = cls.Settings.model_fields["kind"].default
        raise StudyError(f"models of the kind '{kind}' cannot leave their run", fix="Export another model.")

    def describe(self, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> Mapping[str, pd.DataFrame]:
        """What a fitted model says of itself: tables by name.

        Args:
            cases: As for :meth:`given`.
            labels: Development labels by case.
            told: As for :meth:`given`.
        """
        return {}

    def forbidden(self) -> str:
        """Why a fitted model may not be handed on, such as the licence of what it starts from; "" where it may."""
        return ""

    def exchange(self, fitted: Any, folder: Path, title: Mapping[str, Any]) -> None:
        """Write a fitted model of this kind for other programs, as ONNX files and what says how to use them.

        Args:
            fitted: What :meth:`saved` loads.
            folder: A new or empty folder.
            title: What else is said of the model.

        Raises:
            StudyError: There is no such form of it.
        """
        raise StudyError(f"'{self.model.name}' is no network, and has no ONNX", fix="Leave --onnx out.")

    def measured(self) -> pd.DataFrame | None:
        """What has been measured of all cases before, indexed by case; None where the model measures nothing."""
        return None

    def crops(self, cases: Sealed) -> Path:
        """(N, S + 2 pad, S + 2 pad) uint16 on disk: what it was fitted on; only of models that may have maps."""
        raise NotImplementedError

    def pooled(self, cases: Sealed) -> Floats | None:
        """(N, F) what its frozen backbone, the same in every fold, makes of cases; None where there is none."""
        return None

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
    "osteon.models.tabular.own",
    "osteon.models.tabular.radiomics",
)


def register(kind: type[Kind]) -> type[Kind]:
    """Make a kind of model known to studies; usable as a decorator."""
    studies.register(kind.Settings)
    _KINDS[kind.Settings.model_fields["kind"].default] = kind
    return kind


def named(kind: str) -> type[Kind]:
    """The kind of that name.

    Raises:
        StudyError: Nobody has registered it.
    """
    for room in _ROOMS:
        if kind in _KINDS:  # the others may cost seconds to import
            break
        import_module(room)
    if kind not in _KINDS:
        raise StudyError(f"no kind of model is called '{kind}'", fix=f"Choose one of {', '.join(_KINDS)}.")
    return _KINDS[kind]


def kind_of(model: ModelSettings, place: Place) -> Kind:
    """The kind of a model of the study."""
    return named(model.kind)(model, place)


def kinds(place: Place, models: Sequence[ModelSettings] | None = None) -> list[Kind]:
    """The kinds of a study's models, in their order."""
    return [kind_of(model, place) for model in (place.study.models if models is None else models)]
