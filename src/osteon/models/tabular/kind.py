"""What the kinds of model that read columns have in common: a design for all cases, an estimator a fold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from osteon.core.errors import StudyError
from osteon.core.ledger import digest, stream
from osteon.core.types import Floats
from osteon.models import tabular
from osteon.models.fitted import Answer, Fitted, Folder, Saved
from osteon.models.inputs.case import Input, table_of
from osteon.models.model import Given, Kind, Sealed, Unit, kind_of, named
from osteon.models.tabular import importance
from osteon.models.tabular.columns import deep_columns
from osteon.study import KINDS

_FILE = "model.skops"
#: Where a portable file has the network that a model sees through.
_NETWORK = "network"

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
        given: list[Input] = []
        passing = self._measured(inputs, given)
        deep = None
        if self._network is None:
            for _ in passing:
                pass
        else:
            deep = self._network.answer(passing, {}, alone=alone).seen
        design = self._saved.columns(given, told) if given else pd.DataFrame()
        if deep:
            design = pd.concat([design, deep_columns(deep[0], design.index)], axis=1)
        each = [one.predict_proba(design)[:, 1] for one in self.estimators] if given else [np.empty(0)]
        seen = [one.encoded(design) for one in self.estimators] if given else []
        return Answer(np.stack(each, axis=-1)[:, None], tuple(seen), tuple(_missing(design)))

    @cached_property
    def _network(self) -> Fitted | None:
        """The network that it sees through."""
        return None if self._saved.network is None else self._saved.network.read()

    def _measured(self, inputs: Iterable[Input], kept: list[Input]) -> Iterator[Input]:
        """Inputs on their way; they are kept without pixels, with what the model measures of them, if anything."""
        measures = self._saved.measures() is not None
        for one in inputs:
            found = pd.Series(self._saved.measured(one)) if measures and one.measured is None else one.measured
            yield one
            kept.append(replace(one, measured=found).undecoded())

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
    """The estimators of all folds on disk.

    Attributes:
        network: The network that it sees through, if any.
    """

    network: Saved | None = None
    files = (_FILE,)

    def read(self) -> FittedTable:
        """Read the files."""
        return FittedTable(self)

    @classmethod
    def reader(cls, model: Any) -> Reader:  # noqa: ARG003 osteon's own are read alike
        """What reads an estimator of such a model."""
        return tabular.load

    def inputs(self, cases: pd.DataFrame) -> Any:
        """The clinical columns, and what the network that it sees through makes of the cases."""
        own = cases[list(self.model.columns)].astype(str)
        return own if self.network is None else [own, self.network.contents, self.network.inputs(cases)]

    def parts(self) -> Mapping[str, Path | bytes]:
        """The files of all folds, and those of the network."""
        more = {} if self.network is None else self.network.parts()
        return {**super().parts(), **{f"{_NETWORK}/{name}": content for name, content in more.items()}}

    def facts(self) -> Mapping[str, Any]:
        """How many folds, and what the network has to know."""
        if self.network is None:
            return super().facts()
        settings = self.network.portable_settings().model_dump(mode="json", exclude_none=True)
        return {**super().facts(), _NETWORK: {"settings": settings, "facts": self.network.facts()}}

    @classmethod
    def restored(cls, model: Any, folder: Folder, facts: Mapping[str, Any], contents: str) -> Self:
        """The fitted model from the parts of a portable file."""
        own = super().restored(model, folder, facts, contents)
        if _NETWORK not in facts:
            return own
        about = facts[_NETWORK]
        settings = KINDS[str(about["settings"]["kind"])](**about["settings"])
        kind = named(settings.kind).saved_as()
        network = kind.restored(settings, folder / _NETWORK, about["facts"], f"{contents} {_NETWORK}")
        return replace(own, network=network)

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

    def sources(self, design: pd.DataFrame) -> Mapping[str, list[str]]:
        """The columns of the design, by where they come from."""
        return {}

    def ready(self) -> Mapping[str, str]:
        """The network that it sees through has to be frozen."""
        for network in self._networks():
            if not network.freezes:
                raise StudyError(
                    f"model '{self.model.name}': deep = '{network.model.name}' has no frozen backbone",
                    fix='Name a network with recipe = "frozen".',
                )
        return {}

    def try_fold(self, training: pd.DataFrame) -> None:
        """What inner folds tune takes two patients of each class."""
        patients = training.groupby("target")["cluster"].nunique()
        if isinstance(self.estimator()(0), tabular.LearnedModel | tabular.RadiomicsModel) and patients.min() < 2:
            word = "positive" if patients.idxmin() else "negative"
            raise StudyError(
                f"model '{self.model.name}' cannot be tuned: of a fold's training cases all {word} ones are of one "
                "patient",
                fix="Take more folds where there are more such patients, or leave the model out.",
            )

    def given(self, cases: Sealed, told: Mapping[str, Floats], seed: int) -> Design:
        """The design."""
        return Design(self.whole_design(cases, told), self.estimator(), self.Saved.reader(self.model))

    def whole_design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """The columns of all cases, and deep features where the model sees through a network."""
        own, index = self.design(cases, told), cases.table.index
        deep = [network.pooled(cases) for network in self._networks()]
        return pd.concat([own, *(deep_columns(found, index) for found in deep if found is not None)], axis=1)

    def saved(self) -> SavedTable:
        """The fitted model."""
        network = next((network.saved() for network in self._networks()), None)
        return self.Saved(self.model, self.folders(), self.contents(), network)

    def describe(self, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> Mapping[str, pd.DataFrame]:
        """Odds ratios of a logistic regression; what a learner goes by, and which one was chosen."""
        estimator = self.estimator()(0)
        if isinstance(estimator, tabular.ClinicalModel | tabular.CombinedModel):
            return {"odds_ratios": self._odds_ratios(cases, labels, told)}
        return self._learned(cases, labels, told) if isinstance(estimator, tabular.LearnedModel) else {}

    def forbidden(self) -> str:
        """What the licence of the network's weights says."""
        return " ".join(filter(None, (network.forbidden() for network in self._networks())))

    def _networks(self) -> list[Kind]:
        """The network that it sees through, if any."""
        return [kind_of(self.place.study.model(name), self.place) for name in self.model.sees_through]

    def _odds_ratios(self, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> pd.DataFrame:
        """Odds ratios of a linear model on all development cases."""
        development = cases.development.table
        target = development["case_id"].map(labels).to_numpy(dtype=np.int64)
        whole = self.estimator()(0)
        whole.fit(self.design(cases, told).loc[development.index], target, development["cluster"].to_numpy())
        assert isinstance(whole, tabular.ClinicalModel | tabular.CombinedModel)
        return whole.odds_ratios()

    def _learned(self, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> Mapping[str, pd.DataFrame]:
        """Permutation importances on held-out cases, and the learner of each fold."""
        fitted = self.saved().load()
        assert isinstance(fitted, FittedTable)
        estimators = [one for one in fitted.estimators if isinstance(one, tabular.LearnedModel)]
        development, design = cases.development.table, self.whole_design(cases, told)
        fold = development["case_id"].map(self.place.run.read("folds").set_index("case_id")["fold"])
        rows = [development[fold == k] for k in range(len(estimators))]
        held_out = [(design.loc[own.index], own["case_id"].map(labels).to_numpy(dtype=np.float64)) for own in rows]
        sources = {name: columns for name, columns in self.sources(design).items() if columns}
        seed = [self.place.study.study.seed, stream("importances")]
        each = enumerate(zip(estimators, held_out, strict=True))
        pieces = [(one, *own, sources, [*seed, fold]) for fold, (one, own) in each]
        losses = self.place.workers.map(f"importances of {self.model.name}", importance.losses, pieces)
        return {"importances": importance.table(losses, sources), "learners": importance.learners(estimators)}

    @classmethod
    def saved_as(cls) -> type[SavedTable]:
        """How its fitted models are kept."""
        return cls.Saved


def learning(learners: Sequence[str], **settings: Any) -> Estimators:
    """Makes unfitted estimators that choose among learners.

    Args:
        learners: Their names.
        settings: Of :class:`osteon.models.tabular.LearnedModel`.
    """
    return partial(_unfitted, tuple(learners), settings)


def _unfitted(learners: Sequence[str], settings: Mapping[str, Any], seed: int) -> tabular.LearnedModel:
    return tabular.LearnedModel(learners, seed=seed, **settings)
