"""One fold of one model: what it is fitted on, how it is fitted, and what it tells of cases it has not seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.ledger import digest, write_json
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.study import ModelSettings

#: Raised when the way models are made changes, so that older ones are made anew.
RECIPE_VERSION = 1

PROBABILITIES = tables.Contract(
    "probabilities",
    {"case_id": tables.Column(unique=True), "probability": tables.Column("number", low=0, high=1)},
)


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
    fit: bool = True

    @cached_property
    def fit_key(self) -> str:
        """What the fitted model depends on: settings, training cases with their labels, pictures, seed."""
        return digest(
            RECIPE_VERSION,
            self.model.as_fitted(),
            self.training[["case_id", "cluster", "target"]],
            self.given.learned(self.training),
            self.seed,
            self.given.settings(),
        )

    @cached_property
    def predict_key(self) -> str:
        """What its probabilities depend on: the fitted model and the unseen cases."""
        return digest(self.fit_key, list(self.unseen["case_id"]), self.given.shown(self.unseen), self.given.precision())

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
