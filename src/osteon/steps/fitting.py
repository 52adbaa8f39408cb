"""Every model's folds: which units there are, which of them are out of date, and what they predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon import study, tabular
from osteon.steps import pictures, ranks
from osteon.steps.folder import Ledger, RunFolder, digest, stream
from osteon.steps.units import PROBABILITIES, NetworkInputs, Unit, input_size, run_unit, training_pad
from osteon.steps.workers import Workers
from osteon.study import Combined, Network, Study
from osteon.tables import read
from osteon.weights import Resolved

ENSEMBLE = "ensemble"


def fit_models(
    settings: Study,
    cases: pd.DataFrame,
    labels: pd.Series,
    folds: pd.DataFrame,
    features: dict[str, pd.DataFrame],
    resolved: dict[str, Resolved],
    folder: RunFolder,
    ledger: Ledger,
    workers: Workers,
) -> pd.DataFrame:
    """Fit every fold of every model that is out of date and gather all probabilities.

    Args:
        settings: The study.
        cases: All cases, sealed: nothing here tells a diagnosis.
        labels: Development labels by case.
        folds: The fold of each development case.
        features: Radiomics features of all cases, by the model that asks for them.
        resolved: Each network's weights.
        folder: The run folder.
        ledger: What is current.
        workers: Who does it.

    Returns:
        case_id, model, fold, seed, probability: development cases out of fold, external cases by the mean of the folds.
    """
    everyone = cases.merge(folds[["case_id", "fold"]], on="case_id", how="left")
    everyone["target"] = everyone["case_id"].map(labels)
    plan = _Plan(settings, everyone, features, resolved, folder, workers)
    own = [model for model in settings.models if not isinstance(model, Combined)]
    dependent = [model for model in settings.models if isinstance(model, Combined)]
    scores: dict[str, pd.DataFrame] = {}
    for wave in (own, dependent):
        units = {model.name: plan.units(model, scores) for model in wave}
        _run_units([unit for of_model in units.values() for unit in of_model], ledger, workers)
        scores |= {name: _gathered(name, of_model, plan.cases) for name, of_model in units.items()}
    return pd.concat([scores[model.name] for model in settings.models], ignore_index=True)


def _run_units(units: Sequence[Unit], ledger: Ledger, workers: Workers) -> None:
    """Run the units that are out of date; each is recorded as soon as it is done."""
    pending = []
    for unit in units:
        fit = not ledger.current(f"fit {unit.name}", unit.fit_key)
        if fit or not ledger.current(f"predict {unit.name}", unit.predict_key):
            pending.append(replace(unit, fit=fit))

    def done(unit: Unit) -> None:
        ledger.record(f"fit {unit.name}", unit.fit_key, unit.model_files)
        ledger.record(f"predict {unit.name}", unit.predict_key, [unit.probabilities])

    shared = [unit for unit in pending if ranks.several() and unit.trains_by_gradient]
    ranks.together(run_unit, shared, done)
    own = [unit for unit in pending if unit not in shared]
    workers.map("models", run_unit, [(unit,) for unit in own], lambda position, _: done(own[position]))
    names = list(dict.fromkeys(unit.model.name for unit in units))
    if names:
        fresh = f"{len(pending)} of {len(units)} folds fitted" if pending else "unchanged"
        workers.progress.say(f"[green]✓[/] {', '.join(names)} ({fresh})")


def _gathered(name: str, units: Sequence[Unit], cases: pd.DataFrame) -> pd.DataFrame:
    """One model's probabilities: held-out cases by fold, external cases as the mean over the folds, for each seed."""
    parts = []
    for unit in units:
        part = read(unit.probabilities, PROBABILITIES)
        parts.append(part.assign(fold=unit.fold, seed=unit.training_seed))
    every = pd.concat(parts, ignore_index=True).merge(cases[["case_id", "split", "row"]], on="case_id")
    held_out = every[every["split"] == "development"].assign(fold=lambda frame: frame["fold"].astype(str))
    external = (
        every[every["split"] == "external"]
        .groupby(["seed", "row", "case_id"], as_index=False)["probability"]
        .mean()
        .assign(fold=ENSEMBLE)
    )
    out: pd.DataFrame = (
        pd.concat([held_out, external], ignore_index=True).assign(model=name).sort_values(["seed", "row"])
    )
    return out.reset_index(drop=True)[["case_id", "model", "fold", "seed", "probability"]]


@dataclass(frozen=True)
class _Plan:
    """Turns models into units.

    Attributes:
        settings: The study.
        cases: All cases in order, with fold and target for development cases and neither for external ones.
        features: Radiomics features by model.
        resolved: Each network's weights.
        folder: The run folder.
        workers: Who cuts crops and computes deep features.
    """

    settings: Study
    cases: pd.DataFrame
    features: dict[str, pd.DataFrame]
    resolved: dict[str, Resolved]
    folder: RunFolder
    workers: Workers

    def units(self, model: study.Model, scores: dict[str, pd.DataFrame]) -> list[Unit]:
        """The folds of one model, for each of its training seeds."""
        if isinstance(model, Network):
            return [
                self._network_unit(model, seed, fold)
                for seed in range(model.seeds)
                for fold in range(self.settings.evaluation.folds)
            ]
        score = self._score(scores[model.of]) if isinstance(model, Combined) else None
        design = tabular.design(
            model, self.cases.drop(columns=["target", "fold"]), self.features.get(model.name), score
        )
        return [self._tabular_unit(model, fold, design) for fold in range(self.settings.evaluation.folds)]

    def _split(self, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Training cases of a fold with their labels, and the cases it does not see without."""
        development = (self.cases["split"] == "development").to_numpy()
        training = development & (self.cases["fold"] != fold).to_numpy()
        known = self.cases.loc[training, ["case_id", "row", "cluster", "target"]].astype({"target": np.int64})
        known["cluster"] = pd.factorize(known["cluster"])[0]  # as numbers that no other case has a say in
        return known, self.cases.loc[~training, ["case_id", "row"]]

    def _unit(
        self, model: study.Model, seed: int, fold: int, known: pd.DataFrame, unseen: pd.DataFrame,
        inputs: tuple[str, str], network: NetworkInputs | None = None,
    ) -> Unit:  # fmt: skip
        folder = self.folder.fold(model.name, seed, fold)
        return Unit(
            name=folder.relative_to(self.folder.path / "models").as_posix(),
            folder=folder,
            model=model,
            fold=fold,
            training_seed=seed,
            training=known,
            unseen=unseen,
            seed=(self.settings.study.seed, stream(model.name), seed, fold),
            training_inputs=inputs[0],
            unseen_inputs=inputs[1],
            network=network,
        )

    def _tabular_unit(self, model: study.Model, fold: int, design: pd.DataFrame) -> Unit:
        known, unseen = self._split(fold)
        inputs = digest(design.loc[known.index]), digest(design.loc[unseen.index])
        return self._unit(model, 0, fold, known.join(design), unseen.join(design), inputs)

    def _network_unit(self, model: Network, seed: int, fold: int) -> Unit:
        known, unseen = self._split(fold)
        crop, size = self.settings.crop, input_size(model, self.settings.crop.size)
        pad = training_pad(model, size)
        inputs = (
            pictures.crop_key(self.cases.loc[known.index], crop, size, pad),
            pictures.crop_key(self.cases.loc[unseen.index], crop, size, pad),
        )
        return self._unit(model, seed, fold, known, unseen, inputs, self._network_inputs(model, size, pad, seed))

    def _network_inputs(self, model: Network, size: int, pad: int, seed: int) -> NetworkInputs:
        """Crops, and deep features for a frozen backbone, made once and found again by every fold."""
        compute, weights = self.settings.compute, self.resolved[model.name]
        root = self.settings.cohort_path.parent
        stored = pictures.stored_crops(self.folder, root, self.cases, self.settings.crop, size, pad, self.workers)
        backbone_seed = int(np.random.default_rng([self.settings.study.seed, stream("backbone"), seed]).integers(2**31))
        features = None
        if model.recipe == "frozen":
            features = pictures.deep_features(
                self.folder, stored, size, model.backbone, weights, backbone_seed, compute.device, self.workers
            )
        return NetworkInputs(weights, size, stored, features, compute, backbone_seed)

    def _score(self, scores: pd.DataFrame) -> NDArray[np.float64]:
        """A model's probability of every case in order, averaged over its training seeds."""
        mean = scores.groupby("case_id")["probability"].mean()
        return self.cases["case_id"].map(mean).to_numpy(dtype=np.float64)
