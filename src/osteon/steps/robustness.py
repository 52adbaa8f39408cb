"""Every model under every change of box and picture, in chunks that survive an interruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon import perturb, radiomics, study, tables, tabular
from osteon.steps.explanation import sample
from osteon.steps.extraction import region_masks, settings_of
from osteon.steps.folder import Ledger, RunFolder, digest, file_digest, stream
from osteon.steps.perturbing import Job, changes, extract_chunk, predict_chunk
from osteon.steps.pictures import boxes
from osteon.steps.workers import Workers
from osteon.study import Box, Combined, Network, Radiomics, Study
from osteon.types import Floats
from osteon.weights import Resolved

_IMAGES_A_CHUNK = 4
_BOX = ["x0", "y0", "x1", "y1"]


def perturbed(
    settings: Study,
    cases: pd.DataFrame,
    resolved: dict[str, Resolved],
    folder: RunFolder,
    ledger: Ledger,
    workers: Workers,
) -> Path | None:
    """Predict external cases under every change.

    Args:
        settings: The study.
        cases: All cases, sealed.
        resolved: Each network's weights.
        folder: The run folder, with every model fitted and ``predictions.csv``.
        ledger: What is current.
        workers: Who does it.

    Returns:
        ``perturbed.parquet``, or None when the study asks for no repeats or has no external case.
    """
    target = folder / "perturbed.parquet"
    external = _chosen(settings, cases, folder)
    models = [model for model in settings.models if _perturbable(model, settings)]
    if not settings.robustness.repeats or external.empty or not models:
        _remove(folder)
        return None
    plan = _Plan(settings, external, resolved, folder, workers)
    key = digest("perturbed", [plan.key(model) for model in models])
    fresh = ledger.step("perturb", key, lambda: [plan.write(models, target)])
    said = f"{len(models)} models, {len(external)} cases ({'predicted' if fresh else 'unchanged'})"
    workers.progress.say(f"[green]✓[/] changed boxes and pictures: {said}")
    return target


def _chosen(settings: Study, cases: pd.DataFrame, folder: RunFolder) -> pd.DataFrame:
    """The external cases that are perturbed, those of a radiograph together."""
    told = tables.read(folder / "predictions.csv", tables.PREDICTIONS).drop_duplicates("case_id")
    # The explanation draws from the same stream: the smaller of the two samples is a part of the larger.
    seed = [settings.study.seed, stream("explain")]
    names = sample(told[told["split"] == "external"], settings.robustness.cases, seed)
    chosen = cases[cases["case_id"].isin(names)]
    order = [row for rows in chosen.groupby("image", sort=False).indices.values() for row in rows]
    return chosen.iloc[order].reset_index(drop=True)


def _perturbable(model: study.Model, settings: Study) -> bool:
    """Whether a model looks at the box or the picture at all."""
    if isinstance(model, Combined):
        return _perturbable(settings.model(model.of), settings)
    return isinstance(model, Network | Radiomics | Box)


def _remove(folder: RunFolder) -> None:
    """Take away what an earlier run perturbed."""
    for path in (*folder.path.glob("robustness*.csv"), *folder.path.glob("thumbnails/boxes/*.png")):
        path.unlink()
    (folder / "perturbed.parquet").unlink(missing_ok=True)


class _Plan:
    """How each model's probabilities under the changes come about.

    Args:
        settings: The study.
        cases: The cases to perturb.
        resolved: Each network's weights.
        folder: The run folder.
        workers: Who does it.
    """

    def __init__(
        self, settings: Study, cases: pd.DataFrame, resolved: dict[str, Resolved], folder: RunFolder, workers: Workers
    ) -> None:
        self._settings, self._cases, self._resolved, self._folder = settings, cases, resolved, folder
        self._workers = workers
        self._changes = [changes(settings, str(case)) for case in cases["case_id"]]
        drawn = boxes(cases)
        self._moved = np.stack([perturb.boxes(box, rows) for box, rows in zip(drawn, self._changes, strict=True)])
        of_image = list(cases.groupby("image", sort=False).indices.values())
        self._chunks = [
            np.concatenate(of_image[i : i + _IMAGES_A_CHUNK]) for i in range(0, len(of_image), _IMAGES_A_CHUNK)
        ]
        grades = settings.robustness.model_copy(update={"cases": -1})
        self._contents = digest(list(cases["case_id"]), list(cases["sha256"]), drawn, grades, settings.study.seed)

    def key(self, model: study.Model) -> str:
        """What a model's probabilities under the changes depend on."""
        seeds = range(model.seeds if isinstance(model, Network) else 1)
        folds = [
            self._folder.fold(model.name, seed, k) for seed in seeds for k in range(self._settings.evaluation.folds)
        ]
        fitted = [file_digest(path) for fold in folds for path in sorted(fold.glob("model.s*"))]
        return digest(self._inputs(model), model, fitted, self._settings.compute.predict)

    def _inputs(self, model: study.Model) -> list[Any]:
        """The part of the key that was there before the model."""
        if isinstance(model, Combined):
            of = self._settings.model(model.of)
            return [self.key(of), self._cases[list(model.variables)].astype(str)]
        if isinstance(model, Network):
            weights = self._resolved[model.name]
            return [self._contents, self._settings.crop, weights.sha256, weights.record.normalisation]
        if isinstance(model, Radiomics):
            return [self._features_key(model)]
        return [self._contents]

    def _features_key(self, model: Radiomics) -> str:
        root = self._settings.cohort_path.parent
        masks = [file_digest(root / mask) if mask else "" for mask in region_masks(model, self._cases)]
        return digest(self._contents, self._settings.crop, masks, settings_of(model))

    def write(self, models: Sequence[study.Model], target: Path) -> Path:
        """Predict with every model and write the table, one block of rows a model."""
        found: dict[str, Floats] = {}
        for model in sorted(models, key=lambda model: isinstance(model, Combined)):
            if isinstance(model, Network):
                found[model.name] = self._network(model)
            else:
                found[model.name] = self._tabular(model, found)
        about = pd.concat(self._changes, ignore_index=True)[["case_id", "kind", "grade", "repeat"]]
        frames = [about.assign(model=model.name, probability=found[model.name].ravel()) for model in models]
        tables.write(pd.concat(frames, ignore_index=True), target, tables.PERTURBED)
        return target

    def _network(self, model: Network) -> Floats:
        """(cases, changes) probabilities, kept in the cache: another model more does not predict this one again."""
        target = self._folder.cache / f"perturbed-{self.key(model)[:16]}.npy"
        if not target.is_file():
            weights = self._resolved[model.name]
            # A frozen pretrained backbone serves the heads of all seeds; other networks take their seeds in turn, so
            # that no worker holds more than the folds of one.
            shared = model.recipe == "frozen" and bool(weights.sha256)
            seeds = [tuple(range(model.seeds))] if shared else [(seed,) for seed in range(model.seeds)]
            jobs = [Job(self._settings, model, weights, self._folder, of) for of in seeds]
            parts = [
                self._in_chunks(target.with_suffix("") / f"{number}", f"{model.name}, perturbed", predict_chunk, job)
                for number, job in enumerate(jobs)
            ]
            mean = np.mean([np.concatenate([np.load(part) for part in of]) for of in parts], axis=0)
            with tables.written(target) as beside, beside.open("wb") as handle:
                np.save(handle, mean)
            _clear([part for of in parts for part in of])
        return np.asarray(np.load(target))

    def _in_chunks(self, folder: Path, title: str, function: Callable[..., None], *given: Any) -> list[Path]:
        """Have workers write an array for every chunk of cases that is not there yet."""
        parts = [folder / f"{number:06d}.npy" for number in range(len(self._chunks))]
        pieces = [
            (part, *given, self._cases.iloc[rows])
            for part, rows in zip(parts, self._chunks, strict=True)
            if not part.is_file()
        ]
        self._workers.map(title, function, pieces)
        return parts

    def _tabular(self, model: study.Model, found: dict[str, Floats]) -> Floats:
        """(cases, changes) probabilities of a model of tables, chunk by chunk."""
        folds = range(self._settings.evaluation.folds)
        fitted = [tabular.load(self._folder.fold(model.name, 0, fold) / "model.skops") for fold in folds]
        parts: list[Path] = []
        if isinstance(model, Radiomics):
            # Features outlive the models that are made from them: they stay in the cache.
            place = self._folder.cache / f"perturbed-features-{self._features_key(model)[:16]}"
            parts = self._in_chunks(place, "radiomics features, perturbed", extract_chunk, self._settings, model)
            model = model.model_copy(update={"icc": 0})  # the fitted model knows its features
        count = self._moved.shape[1]
        out = np.empty((len(self._cases), count))
        for number, rows in enumerate(self._chunks):
            cases = self._cases.iloc[np.repeat(rows, count)].reset_index(drop=True)
            cases[_BOX] = self._moved[rows].reshape(-1, 4)
            cases["case_id"] = np.arange(len(cases)).astype(str)
            features = score = None
            if isinstance(model, Radiomics):
                values = np.load(parts[number])
                features = pd.DataFrame(
                    values.reshape(len(cases), -1), columns=radiomics.feature_names(settings_of(model))
                ).assign(case_id=cases["case_id"])
            elif isinstance(model, Combined):
                score = found[model.of][rows].ravel()
            design = tabular.design(model, cases, features, score)
            told = np.mean([one.predict_proba(design)[:, 1] for one in fitted], axis=0)
            out[rows] = told.reshape(len(rows), -1)
        return out


def _clear(parts: Sequence[Path]) -> None:
    """Take away chunks that have been put together, and the folders that held them."""
    for part in parts:
        part.unlink()
    for folder in {part.parent for part in parts}:
        folder.rmdir()
    if parts:
        parts[0].parent.parent.rmdir()
