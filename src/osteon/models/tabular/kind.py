"""What the kinds of model that read columns have in common: a design for all cases, an estimator a fold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from osteon.core.ledger import digest
from osteon.core.types import Floats
from osteon.models import tabular
from osteon.models.fitted import Answer, Fitted, Folder, Saved
from osteon.models.inputs.case import Input, table_of
from osteon.models.model import Given, Kind, Sealed, Unit

_FILE = "model.skops"

#: Makes an unfitted estimator from a seed.
Estimators = Callable[[int], tabular.Estimator]
#: Reads a fitted one from its file.
Reader = Callable[[Folder], tabular.Estimator]


@dataclass(frozen=True, eq=False)
class Design(Given):
    """A design: columns for all cases, with the index of the cases.

    Attributes:
        columns: What is learned from.
        estimator: Makes an unfitted estimator from a seed.
        reader: Reads a fitted one.
    """

    columns: pd.DataFrame
    estimator: Estimators
    reader: Reader
    files: ClassVar[tuple[str, ...]] = (_FILE, "model.json")

    def learned(self, training: pd.DataFrame) -> str:
        """Digest of the training cases' rows."""
        return digest(self.columns.loc[training.index])

    def shown(self, unseen: pd.DataFrame) -> str:
        """Digest of the unseen cases' rows."""
        return digest(self.columns.loc[unseen.index])

    def fit(self, unit: Unit) -> Mapping[str, Any]:
        """Fit an estimator and write it."""
        estimator = self.estimator(int(np.random.default_rng(unit.seed).integers(2**31)))
        target, groups = unit.training["target"].to_numpy(), unit.training["cluster"].to_numpy()
        estimator.fit(self.columns.loc[unit.training.index], target, groups=groups)
        estimator.save(unit.folder / _FILE)
        return {}

    def tell(self, unit: Unit) -> Floats:
        """(n,) probabilities of the unseen cases."""
        estimator = self.reader(unit.folder / _FILE)
        return np.asarray(estimator.predict_proba(self.columns.loc[unit.unseen.index])[:, 1])


class FittedTable(Fitted):
    """The estimators of all folds.

    Args:
        saved: Where they lie, and how inputs become columns.
    """

    def __init__(self, saved: SavedTable) -> None:
        self._saved = saved
        self.estimators = [saved.reader(saved.model)(folder / _FILE) for folder in saved.folders[0]]

    def answer(self, inputs: Iterable[Input], told: Mapping[str, Floats], *, alone: bool = False) -> Answer:
        """What the estimator of each fold says; an input alone takes no less arithmetic than among others."""
        given = list(self._measured(inputs))
        design = self._saved.columns(given, told) if given else pd.DataFrame()
        each = [one.predict_proba(design)[:, 1] for one in self.estimators] if given else [np.empty(0)]
        seen = [one.encoded(design) for one in self.estimators] if given else []
        return Answer(np.stack(each, axis=-1)[:, None], tuple(seen), tuple(_missing(design)))

    def _measured(self, inputs: Iterable[Input]) -> Iterator[Input]:
        """Inputs with what the model measures of them, if anything, and without their pixels."""
        measures = self._saved.measures() is not None
        for one in inputs:
            found = pd.Series(self._saved.measured(one)) if measures and one.measured is None else one.measured
            yield replace(one, measured=found).undecoded()

    def measure(self, inputs: Iterable[Input]) -> pd.DataFrame:
        """What the model measures of inputs, one row each."""
        return pd.DataFrame([self._saved.measured(one) for one in inputs])


def _missing(design: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """The columns of each row that say nothing."""
    absent = (design.isna() | (design.astype(str) == "")).to_numpy()
    names = design.columns.to_numpy(dtype=object)
    yield from (tuple(map(str, names[row])) for row in absent)


@dataclass(frozen=True, eq=False)
class SavedTable(Saved):
    """The estimators of all folds on disk."""

    files = (_FILE,)

    def read(self) -> FittedTable:
        """Read the files."""
        return FittedTable(self)

    @classmethod
    def reader(cls, model: Any) -> Reader:  # noqa: ARG003 osteon's own are read alike
        """What reads an estimator of such a model."""
        return tabular.load

    def measured(self, one: Input) -> Mapping[str, float]:
        """What the model measures of one input."""
        raise NotImplementedError

    def columns(self, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        """The design of inputs."""
        cases = table_of(inputs)
        cases["case_id"] = np.arange(len(cases)).astype(str)  # a case may come under many changes
        return self._columns(cases, inputs, told)

    @abstractmethod
    def _columns(self, cases: pd.DataFrame, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        """The design of cases, named by their position, that are these inputs."""


class TableKind(Kind):
    """A kind of model that reads columns."""

    #: How its fitted models are kept.
    Saved: ClassVar[type[SavedTable]]

    @abstractmethod
    def design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """The columns of all cases, with their index."""

    @abstractmethod
    def estimator(self) -> Estimators:
        """Makes unfitted estimators."""

    def given(self, cases: Sealed, told: Mapping[str, Floats], seed: int) -> Design:
        """The design."""
        return Design(self.design(cases, told), self.estimator(), self.Saved.reader(self.model))

    def saved(self) -> SavedTable:
        """The fitted model."""
        return self.Saved(self.model, self.folders(), self.contents())

    @classmethod
    def saved_as(cls) -> type[SavedTable]:
        """How its fitted models are kept."""
        return cls.Saved


def odds_ratios(kind: TableKind, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> pd.DataFrame:
    """Odds ratios of a linear model on all development cases."""
    development = cases.development.table
    target = development["case_id"].map(labels).to_numpy(dtype=np.int64)
    whole = kind.estimator()(0)
    whole.fit(kind.design(cases, told).loc[development.index], target, development["cluster"].to_numpy())
    assert isinstance(whole, tabular.ClinicalModel | tabular.CombinedModel)
    return whole.odds_ratios()
