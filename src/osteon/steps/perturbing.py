"""External cases under every change of box and picture: what a worker does for some of them.

A radiograph is decoded once, every changed picture of it is made once, and while the network looks at one batch of
crops the next ones are being cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import expit

from osteon import crops, perturb, predict, radiomics
from osteon.io import read_image, read_mask
from osteon.steps.extraction import region_masks, settings_of
from osteon.steps.folder import RunFolder, stream
from osteon.steps.pictures import boxes, nearby
from osteon.steps.units import input_size
from osteon.study import Compute, Network, Radiomics, Study
from osteon.tables import written
from osteon.train import Device
from osteon.types import Floats, Pixels
from osteon.weights import Resolved

_CROPS_A_BATCH = 64
#: Batches that lie ready while the network is at work.
_AHEAD = 3

Piece = TypeVar("Piece")
#: Places of crops among all crops of a case, and the (n, 1, S, S) crops.
Batch = tuple[NDArray[np.intp], torch.Tensor]


@dataclass(frozen=True)
class Job:
    """What a worker needs to predict any case with one network.

    Attributes:
        settings: The study.
        model: The network's settings.
        weights: What its backbone started from.
        folder: The run folder.
        seeds: The training seeds that are averaged here.
    """

    settings: Study
    model: Network
    weights: Resolved
    folder: RunFolder
    seeds: tuple[int, ...]

    @property
    def size(self) -> int:
        """Side of the network's input."""
        return input_size(self.model, self.settings.crop.size)

    @property
    def folds(self) -> tuple[Path, ...]:
        """The folders of the folds of all seeds."""
        count = range(self.settings.evaluation.folds)
        return tuple(self.folder.fold(self.model.name, seed, fold) for seed in self.seeds for fold in count)


def changes(settings: Study, case: str) -> pd.DataFrame:
    """Every change of a case: the same rows for every model, whatever other cases there are."""
    seed = int(np.random.default_rng([settings.study.seed, stream("perturb")]).integers(2**31))
    return perturb.draw([case], settings.robustness, seed)


def predict_chunk(part: Path, job: Job, cases: pd.DataFrame) -> None:
    """Write an (n, changes) array: the probability of each case under each change, the mean of the folds."""
    ensemble = _ensemble(job.folds, job.weights, job.settings.compute)
    rows, count = len(changes(job.settings, "")), job.model.average_boxes
    found = np.empty((len(cases), rows * count))
    for case, (places, batch) in ahead(_batches(job, cases, ensemble.device)):
        found[case, places] = ensemble(batch)
    _save(part, found.reshape(len(cases), rows, count).mean(axis=2))


def _batches(job: Job, cases: pd.DataFrame, device: torch.device) -> Iterator[tuple[int, Batch]]:
    """Position of the case and a batch of its crops; a batch never depends on what other cases there are."""
    for image, positions in cases.groupby("image", sort=False).indices.items():
        pixels = read_image(job.settings.cohort_path.parent / str(image)).pixels
        for position in positions:
            case = str(cases["case_id"].iloc[position])
            for batch in _filled(_crops(job, case, boxes(cases)[position], pixels, device)):
                yield int(position), batch


def _crops(job: Job, case: str, drawn: Floats, pixels: Pixels, device: torch.device) -> Iterator[Batch]:
    """All crops of a case, cut from the original and rounded as stored crops are."""
    crop, count = job.settings.crop, job.model.average_boxes
    rows = changes(job.settings, case)
    moved = np.repeat(perturb.boxes(drawn, rows), count, axis=0)
    around = nearby([case], count, job.settings.study.seed)
    rects = crops.rectangles(perturb.boxes(moved, pd.concat([around] * len(rows))), crop)
    for version in perturb.versions(pixels, drawn, crops.rectangles(drawn, crop)[0], rows):
        # A graphics card cuts, too; elsewhere the processor is the better scissors.
        picture = torch.from_numpy(version.pixels).to(device if device.type == "cuda" else "cpu")
        every = (version.rows[:, None] * count + np.arange(count)).ravel()
        for start in range(0, len(every), _CROPS_A_BATCH):
            places = every[start : start + _CROPS_A_BATCH]
            cut = crops.cut(picture, rects[places] - np.tile(version.corner, 2), job.size)
            yield places, (cut.clamp_(0, 1) * 65535).round_()[:, None] / 65535


def _filled(pieces: Iterable[Batch]) -> Iterator[Batch]:
    """Small pieces put together to batches."""
    held: list[Batch] = []

    def together() -> Batch:
        return np.concatenate([places for places, _ in held]), torch.cat([batch for _, batch in held])

    for piece in pieces:
        if held and sum(len(places) for places, _ in held) + len(piece[0]) > _CROPS_A_BATCH:
            yield together()
            held.clear()
        held.append(piece)
    if held:
        yield together()


def ahead(pieces: Iterator[Piece], depth: int = _AHEAD) -> Iterator[Piece]:
    """The same pieces in the same order, the next ones made in a thread while one is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, pieces, None) for _ in range(depth))
        while (piece := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, pieces, None))
            yield piece


class _Ensemble:
    """The folds of a network; those on one frozen backbone share it."""

    def __init__(self, folds: tuple[Path, ...], weights: Resolved, compute: Compute) -> None:
        whole = predict.is_whole(folds[0])
        # As undisturbed cases are predicted: pooled features of a frozen backbone are always float32.
        self._on = Device.choose(compute.device, compute.predict if whole else "float32")
        self.device = self._on.device
        members = folds if whole else folds[:1]
        self._networks = [predict.load_network(fold, weights).to(self.device) for fold in members]
        heads = [] if whole else [load_file(fold / "model.safetensors") for fold in folds]
        self._weight = np.array([head["head.1.weight"][0] for head in heads], dtype=np.float64)
        self._bias = np.array([head["head.1.bias"][0] for head in heads], dtype=np.float64)

    @torch.inference_mode()
    def __call__(self, batch: torch.Tensor) -> Floats:
        """(n,) mean probability of (n, 1, S, S) crops."""
        inputs = batch.to(self.device)
        if len(self._weight):
            features = self._networks[0].features(inputs).float().cpu().numpy().astype(np.float64)
            logits = features @ self._weight.T + self._bias
        else:
            with self._on.autocast():
                told = [network(inputs) for network in self._networks]
            logits = torch.stack([each.double().cpu() for each in told], dim=1).numpy()
        return np.asarray(expit(logits).mean(axis=1))


@lru_cache(maxsize=1)
def _ensemble(folds: tuple[Path, ...], weights: Resolved, compute: Compute) -> _Ensemble:
    """Kept by the worker from chunk to chunk."""
    return _Ensemble(folds, weights, compute)


def extract_chunk(part: Path, settings: Study, model: Radiomics, cases: pd.DataFrame) -> None:
    """Write an (n, changes, features) array: radiomics features of each case under each change."""
    root = settings.cohort_path.parent
    names = radiomics.feature_names(settings_of(model))
    found = np.full((len(cases), len(changes(settings, "")), len(names)), np.nan)
    masks = list(region_masks(model, cases))
    for image, positions in cases.groupby("image", sort=False).indices.items():
        radiograph = read_image(root / str(image))
        for position in positions:
            mask = read_mask(root / masks[position], radiograph.pixels.shape) if masks[position] else None
            drawn, rows = boxes(cases)[position], changes(settings, str(cases["case_id"].iloc[position]))
            for version in perturb.versions(radiograph.pixels, drawn, crops.rectangles(drawn, settings.crop)[0], rows):
                for row in version.rows:
                    region = _region(version, drawn, perturb.boxes(drawn, rows.iloc[[row]])[0], mask)
                    if region is None:
                        continue
                    features = radiomics.extract(version.pixels, region, radiograph.spacing, settings_of(model))
                    found[position, row] = [features[name] for name in names]
    _save(part, found)


def _region(
    version: perturb.Version, drawn: Floats, moved: Floats, mask: NDArray[np.bool_] | None
) -> Floats | NDArray[np.bool_] | None:
    """The lesion's region in a changed picture: its mask carried along with the box, or the box.

    None where the box has left the picture: what is not there has no features, and the model imputes them as it does
    any that are missing.
    """
    box = moved - np.tile(version.corner, 2)
    low, high = np.maximum(np.ceil(box - 0.5), 0).reshape(2, 2)
    if not (low < np.minimum(high, version.pixels.shape[::-1])).all():
        return None
    if mask is None:
        return np.asarray(box)
    inside = version.mask(mask if (moved == drawn).all() else perturb.carried(mask, drawn, moved))
    return inside if inside.any() else np.asarray(box)


def _save(part: Path, array: Floats) -> None:
    with written(part) as beside, beside.open("wb") as handle:
        np.save(handle, array)
