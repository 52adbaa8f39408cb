"""Every model's folds: which of them are out of date, and what they predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.markup import escape

from osteon.cohort import check as checks
from osteon.core import tables
from osteon.core.ledger import digest, stream
from osteon.core.run import contract
from osteon.core.types import Floats
from osteon.models.fitted import mean
from osteon.models.model import Given, Kind, Sealed, Unit
from osteon.models.unit import PROBABILITIES, run_unit
from osteon.pipeline import ranks
from osteon.pipeline.context import Context, Step
from osteon.study import ModelSettings

ENSEMBLE = "ensemble"
#: Tables that models write of themselves.
_DESCRIPTIONS = ("odds_ratios", "selected_features", "selection_stability", "importances", "learners")


class Folds(Step):
    """Deal development patients to folds."""

    name = "folds"

    def key(self, at: Context) -> str:
        """Cases, patients, labels, and how many folds; or the folds that the cohort says."""
        cases, column = at.development[["case_id", "cluster", "target"]], at.study.evaluation.fold_column
        own = () if column is None else (at.development[[column]],)
        return digest("folds", cases, at.study.evaluation.folds, at.study.study.seed, *own)

    def make(self, at: Context, key: str) -> list[Path]:
        """Write the folds."""
        return [at.run.write(deal(at), "folds")]


def deal(at: Context, draw: tuple[int, ...] = ()) -> pd.DataFrame:
    """Deal development patients to folds on which every model can be fitted, or take the cohort's own.

    Args:
        at: The study on its way.
        draw: Whose random numbers are taken; () for the study's own.

    Raises:
        StudyError: There are too few patients of a class, or the cohort's own folds cannot be used.
    """
    rng, asked = np.random.default_rng([at.study.study.seed, stream("folds"), *draw]), at.study.evaluation
    if asked.fold_column is None:
        dealt = checks.folds(at.development, asked.folds, rng)
    else:
        dealt = checks.given_folds(at.development, asked.fold_column, asked.folds)
    for fold in range(at.study.evaluation.folds):
        training = at.development[(dealt["fold"] != fold).to_numpy()]
        for kind in at.kinds:
            kind.try_fold(training[["target", "cluster"]])
    return dealt


def fit(at: Context) -> None:
    """Fit every fold of every model that is out of date, and write what all say of the cases that they have not seen.

    Models that are made from others follow them. ``predictions.csv`` holds development cases out of fold and external
    cases by the mean of the folds.
    """
    everyone = in_folds(at, at.run.read("folds"))
    scores = fit_dealt(at, Dealt(everyone, at.run.fold))
    ordered = [scores[model.name] for model in at.study.models]
    told = {name: _mean(found, everyone) for name, found in scores.items()}
    _Describe(told, ordered)(at)
    _Predictions(ordered)(at)


def in_folds(at: Context, folds: pd.DataFrame) -> pd.DataFrame:
    """All cases in their order, sealed, with the fold of those of development."""
    return at.cases.table.merge(folds[["case_id", "fold"]], on="case_id", how="left")


@dataclass(frozen=True, eq=False)
class Dealt:
    """Cases dealt to folds, and where goes what is fitted.

    Attributes:
        cases: In their order, sealed: ``row`` is the position, ``fold`` is that of development cases.
        folder: Of a model, a training seed and a fold.
        without: What is held out, where that is more than a fold; for a person.
        times: (n,) how often each case is learned from; None for once.
        draw: Whose random numbers models are fitted with; () for those of the study's own.
    """

    cases: pd.DataFrame
    folder: Callable[[str, int, int], Path]
    without: str = ""
    times: NDArray[np.int64] | None = None
    draw: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many folds."""
        return int(self.cases["fold"].max()) + 1

    @property
    def sealed(self) -> Sealed:
        """The cases as models are shown them."""
        return Sealed(self.cases.drop(columns="fold"))


def fit_dealt(at: Context, dealt: Dealt) -> dict[str, pd.DataFrame]:
    """Fit every fold of every model that is out of date.

    Returns:
        By model, what it says of the cases that it has not seen.
    """
    scores: dict[str, pd.DataFrame] = {}
    waiting = list(at.kinds)
    while waiting:
        wave = [kind for kind in waiting if set(kind.model.needs) <= set(scores)]
        waiting = [kind for kind in waiting if kind not in wave]
        told = {name: _mean(found, dealt.cases) for name, found in scores.items()}
        units = {kind.model.name: units_of(at, kind, _given(kind, told, dealt), dealt) for kind in wave}
        _run_units(at, [unit for of_model in units.values() for unit in of_model], dealt.without)
        scores |= {name: _gathered(name, of_model, dealt.cases) for name, of_model in units.items()}
    return scores


class _Predictions(Step):
    """What all models say of the cases that they have not seen, with all labels put back: the waist of the study."""

    name = "predictions"

    def __init__(self, scores: Sequence[pd.DataFrame]) -> None:
        self._scores = scores

    def key(self, at: Context) -> str:
        """The table itself."""
        return digest(self._table(at))

    def make(self, at: Context, key: str) -> list[Path]:
        """Write it."""
        return [at.run.write(self._table(at), "predictions")]

    def said(self, at: Context, fresh: bool) -> str:
        """That it is there."""
        return "predictions of every model"

    def _table(self, at: Context) -> pd.DataFrame:
        return at.unsealed(pd.concat(self._scores, ignore_index=True))


class _Describe(Step):
    """What models make of their columns: odds ratios on all development cases, features chosen fold by fold."""

    name = "describe"

    def __init__(self, told: Mapping[str, Floats], scores: Sequence[pd.DataFrame]) -> None:
        self._told, self._scores = told, scores

    def key(self, at: Context) -> str:
        """What every model says, and the labels."""
        return digest([digest(found) for found in self._scores], at.labels.to_numpy())

    def make(self, at: Context, key: str) -> list[Path]:
        """Write the tables of all models."""
        found: dict[str, list[pd.DataFrame]] = {name: [] for name in _DESCRIPTIONS}
        for kind in at.kinds:
            for name, table in kind.describe(at.cases, at.labels, self._told).items():
                found.setdefault(name, []).append(table.assign(model=kind.model.name))
        paths = []
        for name, frames in found.items():
            if frames:
                columns = list(contract(name).columns)
                paths.append(at.run.write(pd.concat(frames, ignore_index=True)[columns], name))
            else:
                at.run.file(name).unlink(missing_ok=True)
        return paths


def _mean(scores: pd.DataFrame, cases: pd.DataFrame) -> Floats:
    """A model's probability of every case in order, averaged over its training seeds."""
    seeds = scores.sort_values("seed").groupby("case_id", sort=False)["probability"].apply(list)
    return mean(np.stack(list(cases["case_id"].map(seeds))))


def _given(kind: Kind, told: Mapping[str, Floats], dealt: Dealt) -> list[Given]:
    """What the folds of a model are fitted on, for each of its training seeds."""
    return [kind.given(dealt.sealed, told, seed) for seed in range(kind.seeds)]


def units_of(at: Context, kind: Kind, given: Sequence[Given], dealt: Dealt) -> list[Unit]:
    """The folds of one model, for each of its training seeds."""
    return [
        _unit(at, kind.model, of_seed, (seed, fold), dealt)
        for seed, of_seed in enumerate(given)
        for fold in range(dealt.count)
    ]


def _unit(at: Context, model: ModelSettings, given: Given, which: tuple[int, int], dealt: Dealt) -> Unit:
    """One fold: its training cases with their labels, and the cases that it does not see without."""
    (seed, fold), cases = which, dealt.cases
    development = (cases["split"] == "development").to_numpy()
    training = development & (cases["fold"] != fold).to_numpy()
    learned = np.flatnonzero(training)
    if dealt.times is not None:
        learned = np.repeat(learned, dealt.times[learned])
    known = cases[["case_id", "row", "cluster"]].iloc[learned]
    known["target"] = known["case_id"].map(at.labels).astype(np.int64)
    known["cluster"] = pd.factorize(known["cluster"])[0]  # as numbers that no other case has a say in
    unseen = cases.loc[~training, ["case_id", "row"]]
    folder = dealt.folder(model.name, seed, fold)
    return Unit(
        name=folder.relative_to(at.run.model(model.name).parent).as_posix(),
        folder=folder,
        model=model,
        fold=fold,
        training_seed=seed,
        training=known,
        unseen=unseen,
        seed=(at.study.study.seed, stream(namesake(at, model)), seed, fold, *dealt.draw),
        given=given,
    )


def namesake(at: Context, model: ModelSettings) -> str:
    """Whose random numbers a model is fitted with: the first of those that are fitted alike and named otherwise."""

    def fitted(one: ModelSettings) -> ModelSettings:
        alike = one.as_fitted()
        return one if alike is one else alike.model_copy(update={"name": ""})

    return next(one.name for one in at.study.models if fitted(one) == fitted(model))


def _run_units(at: Context, units: Sequence[Unit], without: str = "") -> None:
    """Run the units that are out of date; each is recorded as soon as it is done."""
    pending = []
    for unit in units:
        fits = not at.ledger.current(f"fit {unit.name}", unit.fit_key)
        if fits or not at.ledger.current(f"predict {unit.name}", unit.predict_key):
            pending.append(replace(unit, fit=fits))

    def done(unit: Unit) -> None:
        at.ledger.record(f"fit {unit.name}", unit.fit_key, unit.model_files)
        at.ledger.record(f"predict {unit.name}", unit.predict_key, [unit.probabilities])

    shared = [unit for unit in pending if ranks.several() and unit.by_gradient]
    if shared:
        ranks.together(ranks.run_unit, shared, done)
    own = [unit for unit in pending if unit not in shared]
    but = f" without {without}" if without else ""
    at.workers.map(f"models{but}", run_unit, [(unit,) for unit in own], lambda position, _: done(own[position]))
    names = list(dict.fromkeys(unit.model.name for unit in units))
    if names:
        fitted = sum(unit.fit for unit in pending)
        state = f"{fitted} of {len(units)} folds fitted" if fitted else "unchanged"
        if pending and not fitted:
            state += "; new cases predicted"
        at.workers.progress.say(f"[green]✓[/] {', '.join(names)}{escape(but)} ({state})")


def _gathered(name: str, units: Sequence[Unit], cases: pd.DataFrame) -> pd.DataFrame:
    """One model's probabilities: held-out cases by fold, external cases as the mean over the folds, for each seed."""
    parts = []
    for unit in units:
        part = tables.read(unit.probabilities, PROBABILITIES)
        parts.append(part.assign(fold=unit.fold, seed=unit.training_seed))
    every = pd.concat(parts, ignore_index=True).merge(cases[["case_id", "split", "row"]], on="case_id")
    held_out = every[every["split"] == "development"].assign(fold=lambda frame: frame["fold"].astype(str))
    outside = every[every["split"] == "external"].sort_values(["seed", "row", "fold"])
    folds = outside["fold"].nunique()
    external = outside.iloc[:: max(folds, 1)].assign(fold=ENSEMBLE)
    external["probability"] = mean(outside["probability"].to_numpy().reshape(len(external), max(folds, 1)))
    out: pd.DataFrame = (
        pd.concat([held_out, external], ignore_index=True).assign(model=name).sort_values(["seed", "row"])
    )
    return out.reset_index(drop=True)[["case_id", "model", "fold", "seed", "probability"]]
