"""Every model's folds: which units there are, which of them are out of date, and what they predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon import study, tables, tabular
from osteon.radiomics.reliability import selection_stability
from osteon.steps import pictures, ranks
from osteon.steps.folder import Ledger, RunFolder, digest, stream
from osteon.steps.units import PROBABILITIES, NetworkInputs, Unit, input_size, lesson_count, run_unit, training_pad
from osteon.steps.workers import Workers
from osteon.study import Clinical, Combined, Network, Radiomics, Study
from osteon.tables import read
from osteon.types import Estimate
from osteon.weights import Resolved

ENSEMBLE = "ensemble"


def fit_models(
    settings: Study,
    cases: pd.DataFrame,
    labels: pd.Series,
    folds: pd.DataFrame,
    features: dict[str, pd.DataFrame],
    reliable: dict[str, list[str]],
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
        reliable: Names of the features that radiomics models with an ICC threshold may use.
        resolved: Each network's weights.
        folder: The run folder.
        ledger: What is current.
        workers: Who does it.

    Returns:
        case_id, model, fold, seed, probability: development cases out of fold, external cases by the mean of the folds.
    """
    everyone = cases.merge(folds[["case_id", "fold"]], on="case_id", how="left")
    everyone["target"] = everyone["case_id"].map(labels)
    plan = _Plan(settings, everyone, features, reliable, resolved, folder, workers)
    own = [model for model in settings.models if not isinstance(model, Combined)]
    dependent = [model for model in settings.models if isinstance(model, Combined)]
    scores: dict[str, pd.DataFrame] = {}
    for wave in (own, dependent):
        units = {model.name: plan.units(model, scores) for model in wave}
        _run_units([unit for of_model in units.values() for unit in of_model], ledger, workers)
        scores |= {name: _gathered(name, of_model, plan.cases) for name, of_model in units.items()}
    told = [digest(scores[model.name]) for model in settings.models]
    ledger.step("describe", digest(told, labels.to_numpy()), lambda: plan.describe(scores))
    return pd.concat([scores[model.name] for model in settings.models], ignore_index=True)


def _written(frames: Sequence[pd.DataFrame], path: Path, contract: tables.Contract) -> Path | None:
    """A table of all frames, or none when there are none."""
    if not frames:
        path.unlink(missing_ok=True)
        return None
    tables.write(pd.concat(frames, ignore_index=True)[list(contract.columns)], path, contract)
    return path


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
        reliable: Names of those that may be used, by model.
        resolved: Each network's weights.
        folder: The run folder.
        workers: Who cuts crops and computes deep features.
    """

    settings: Study
    cases: pd.DataFrame
    features: dict[str, pd.DataFrame]
    reliable: dict[str, list[str]]
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
        design = self.design(model, scores)
        return [self._tabular_unit(model, fold, design) for fold in range(self.settings.evaluation.folds)]

    def design(self, model: study.Model, scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """What a model of tables is fitted on and predicts from, for all cases."""
        score = self._score(scores[model.of]) if isinstance(model, Combined) else None
        cases = self.cases.drop(columns=["target", "fold"])
        return tabular.design(model, cases, self.features.get(model.name), score, self.reliable.get(model.name))

    def describe(self, scores: dict[str, pd.DataFrame]) -> list[Path]:
        """What models make of their columns: odds ratios on all development cases, features chosen fold by fold."""
        development = (self.cases["split"] == "development").to_numpy()
        target = self.cases.loc[development, "target"].to_numpy(dtype=np.int64)
        groups = self.cases.loc[development, "cluster"].to_numpy()
        odds, selected, stability = [], [], []
        for model in self.settings.models:
            if isinstance(model, Clinical | Combined):
                whole = tabular.build(model)
                whole.fit(self.design(model, scores)[development], target, groups)
                assert isinstance(whole, tabular.ClinicalModel | tabular.CombinedModel)
                odds.append(whole.odds_ratios().assign(model=model.name))
            elif isinstance(model, Radiomics):
                table, agreement = self._selection(model)
                selected.append(table)
                stability.append(agreement.to_frame().assign(model=model.name))
        return [
            path
            for name, frames, contract in (
                ("odds_ratios", odds, tables.ODDS_RATIOS),
                ("selected_features", selected, tables.SELECTED_FEATURES),
                ("selection_stability", stability, tables.SELECTION_STABILITY),
            )
            if (path := _written(frames, self.folder / f"{name}.csv", contract))
        ]

    def _selection(self, model: Radiomics) -> tuple[pd.DataFrame, Estimate]:
        """In how many folds each feature is used, with its mean coefficient, and how far the folds agree."""
        folds = range(self.settings.evaluation.folds)
        fitted = [tabular.load(self.folder.fold(model.name, 0, fold) / "model.skops") for fold in folds]
        chosen = [
            one.selected.set_index("feature")["coefficient"]
            for one in fitted
            if isinstance(one, tabular.RadiomicsModel)
        ]
        wide = pd.DataFrame(chosen).fillna(0.0).T.rename_axis("feature")
        table = pd.DataFrame(
            {
                "folds": (wide != 0).sum(axis=1), "of": wide.shape[1], "coefficient": wide.mean(axis=1),
                "least": wide.min(axis=1), "greatest": wide.max(axis=1),
            }
        ).reset_index()  # fmt: skip
        table = table.sort_values(["folds", "coefficient"], key=np.abs, ascending=False, kind="stable")
        # Features that no fold uses count too: agreeing to leave them out is agreement.
        features = self.features[model.name].columns.drop("case_id")
        uses = [[name in fold.index for name in features] for fold in chosen]
        return table.assign(model=model.name), selection_stability(uses).index

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
            seed=(self.settings.study.seed, stream(self._namesake(model)), seed, fold),
            training_inputs=inputs[0],
            unseen_inputs=inputs[1],
            network=network,
        )

    def _namesake(self, model: study.Model) -> str:
        """Whose random numbers a model is fitted with: the first of the networks that differ in averaging alone."""

        def fitted(one: study.Model) -> study.Model:
            return one.model_copy(update={"name": "", "average_boxes": 1}) if isinstance(one, Network) else one

        return next(one.name for one in self.settings.models if fitted(one) == fitted(model))

    def _tabular_unit(self, model: study.Model, fold: int, design: pd.DataFrame) -> Unit:
        known, unseen = self._split(fold)
        inputs = digest(design.loc[known.index]), digest(design.loc[unseen.index])
        return self._unit(model, 0, fold, known.join(design), unseen.join(design), inputs)

    def _network_unit(self, model: Network, seed: int, fold: int) -> Unit:
        known, unseen = self._split(fold)
        crop, size = self.settings.crop, input_size(model, self.settings.crop.size)
        pad = training_pad(model, size)
        lessons = self._lessons(model, self.cases.loc[known.index])
        learned = pictures.crop_key(lessons, crop, size, pad)
        if model.augment.jitter:  # two boxes can have one crop, and yet other boxes near them
            learned = digest(learned, pictures.boxes(lessons))
        shown = pictures.crop_key(self._views(model, self.cases.loc[unseen.index]), crop, size, pad)
        inputs = learned, shown
        return self._unit(model, seed, fold, known, unseen, inputs, self._network_inputs(model, size, pad, seed))

    def _views(self, model: Network, cases: pd.DataFrame) -> pd.DataFrame:
        """What a network predicts from: a row for each case and box."""
        count = model.average_boxes
        return cases if count == 1 else pictures.near(cases, count, self.settings.study.seed)

    def _lessons(self, model: Network, cases: pd.DataFrame) -> pd.DataFrame:
        """What a frozen network's head learns from: a row for each case and box."""
        count = lesson_count(model)
        return cases if count == 1 else pictures.near(cases, count, self.settings.study.seed, model.augment.jitter)

    def _network_inputs(self, model: Network, size: int, pad: int, seed: int) -> NetworkInputs:
        """Crops, and deep features for a frozen backbone, made once and found again by every fold."""
        compute, weights = self.settings.compute, self.resolved[model.name]
        backbone_seed = int(np.random.default_rng([self.settings.study.seed, stream("backbone"), seed]).integers(2**31))

        def stored(cases: pd.DataFrame, pad: int) -> Path:
            root, crop = self.settings.cohort_path.parent, self.settings.crop
            return pictures.stored_crops(self.folder, root, cases, crop, size, pad, self.workers)

        def features(crops: Path) -> Path | None:
            if model.recipe != "frozen":
                return None
            return pictures.deep_features(
                self.folder, crops, size, model.backbone, weights, backbone_seed, compute.device, self.workers
            )

        crops = stored(self.cases, pad)
        views = crops if model.average_boxes == 1 else stored(self._views(model, self.cases), 0)
        learned = crops if lesson_count(model) == 1 else stored(self._lessons(model, self.cases), 0)
        return NetworkInputs(
            weights, size, self.settings.crop, pictures.boxes(self.cases), crops, views, features(views),
            features(learned), compute, backbone_seed, model.average_boxes,
        )  # fmt: skip

    def _score(self, scores: pd.DataFrame) -> NDArray[np.float64]:
        """A model's probability of every case in order, averaged over its training seeds."""
        mean = scores.groupby("case_id")["probability"].mean()
        return self.cases["case_id"].map(mean).to_numpy(dtype=np.float64)
