"""Class-activation maps of some cases with one network: what a worker does for a chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from osteon import crops, models, perturb, predict, tables, train
from osteon.evaluate.explanation import CENTRE, ENSEMBLE, ONE_FOLD
from osteon.explain import maps as cams
from osteon.explain.placing import in_common
from osteon.explain.scores import Lesion, correlation, middle, score
from osteon.io import read_image, read_mask
from osteon.steps import perturbing, pictures
from osteon.steps.folder import RunFolder, stream
from osteon.steps.units import input_size
from osteon.study import Network, Study
from osteon.types import Floats, Pixels
from osteon.weights import Resolved

#: The check in which the head was fitted on permuted labels.
PERMUTED = "permuted labels"
_PIXELS_A_BATCH = 64 * 224**2

Maps = dict[str, Floats]  # method to (n, h, w)


@dataclass(frozen=True)
class Job:
    """What a worker needs to explain any case with one network.

    Attributes:
        settings: The study.
        model: The network's settings.
        weights: What its backbone started from.
        folder: The run folder.
    """

    settings: Study
    model: Network
    weights: Resolved
    folder: RunFolder

    @property
    def size(self) -> int:
        """Side of the network's input."""
        return input_size(self.model, self.settings.crop.size)

    @property
    def folds(self) -> tuple[tuple[Path, ...], ...]:
        """The folders of the model's folds, by training seed."""
        folds = range(self.settings.evaluation.folds)
        return tuple(
            tuple(self.folder.fold(self.model.name, seed, k) for k in folds) for seed in range(self.model.seeds)
        )

    @property
    def root(self) -> Path:
        """What image and mask paths are relative to."""
        return self.settings.cohort_path.parent

    @property
    def quick(self) -> tuple[str, ...]:
        """The methods that need one forward pass; stability and sanity are measured with these."""
        return tuple(method for method in self.settings.explain.methods if method != "occlusion")

    @property
    def members(self) -> Members:
        """The ensemble, kept by the worker from chunk to chunk."""
        return _members(self.folds, self.weights, self.settings.compute.device)

    def cut(self, pixels: Pixels, rects: Floats) -> NDArray[np.float32]:
        """(n, 1, S, S) crops of a radiograph, rounded as stored crops are."""
        return pictures.middle(crops.to_stored(crops.extract(pixels, rects, self.size)), self.size)

    def ensemble(self, batch: NDArray[np.float32], methods: Sequence[str]) -> tuple[Maps, Maps]:
        """Maps of the ensemble and of its first fold alone, for (n, 1, S, S) pictures."""
        parts = [self._of_heads(network, batch, methods, heads) for network, heads in self.members]
        whole = {method: cams.together([part[method] for part in parts]).numpy() for method in methods}
        return whole, {method: parts[0][method][0].numpy() for method in methods}

    def alone(self, network: models.Network, batch: NDArray[np.float32], heads: torch.Tensor | None = None) -> Maps:
        """Maps of one network with one head."""
        return {method: made[0].numpy() for method, made in self._of_heads(network, batch, self.quick, heads).items()}

    def _of_heads(
        self, network: models.Network, batch: NDArray[np.float32], methods: Sequence[str], heads: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """(H, n, h, w) by method, on the CPU."""
        parts = [cams.maps(network, inputs, methods, heads) for inputs in self.batches(batch)]
        return {method: torch.cat([part[method] for part in parts], dim=1).double().cpu() for method in methods}

    def batches(self, batch: NDArray[np.float32]) -> Iterator[torch.Tensor]:
        """The pictures in parts that fit the device's memory at any size."""
        on = self.members[0][1].device
        for inputs in torch.split(torch.from_numpy(batch), max(1, _PIXELS_A_BATCH // self.size**2)):
            yield inputs.to(on)


Members = list[tuple[models.Network, torch.Tensor]]


@lru_cache(maxsize=1)
def _members(folds: tuple[tuple[Path, ...], ...], weights: Resolved, device: str) -> Members:
    """The networks of an ensemble, each with the heads that share it: all folds of a frozen backbone, else its own."""
    from safetensors.torch import load_file

    on = train.Device.choose(device, "float32").device
    found: Members = []
    for of_seed in folds:
        if predict.is_whole(of_seed[0]):
            networks = [predict.load_network(fold, weights).to(on) for fold in of_seed]
            found += [(network, network.linear.weight.detach()) for network in networks]
        else:
            heads = [load_file(fold / "model.safetensors")["head.1.weight"] for fold in of_seed]
            found.append((predict.load_network(of_seed[0], weights).to(on), torch.cat(heads).to(on)))
    return found


@lru_cache(maxsize=1)
def _stranger(backbone: str, weights: Resolved, size: int, seed: int, device: torch.device) -> models.Network:
    """The same network with random weights."""
    return models.build(backbone, weights, size=size, seed=seed, pretrained=False).to(device)


def fit_permuted(path: Path, job: Job, stored: Path, training: pd.DataFrame) -> None:
    """The first fold's head, fitted on permuted labels of its own training cases.

    A network that was fine-tuned keeps the backbone that the true labels have shaped; only its head learns anew.
    """
    network = job.members[0][0]
    rows = training["row"].to_numpy()
    every = np.load(stored, mmap_mode="r")
    parts = []
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            batch = pictures.middle(every[rows[start : start + 64]], job.size)
            parts += [network.features(inputs).double().cpu().numpy() for inputs in job.batches(batch)]
    rng = np.random.default_rng([job.settings.study.seed, stream(PERMUTED), stream(job.model.name)])
    labels = rng.permutation(training["label"].to_numpy())
    weight, _, _ = train.logistic_head(
        np.concatenate(parts), labels, training["cluster"].to_numpy(), job.model.class_weights, rng
    )
    with tables.written(path) as beside, beside.open("wb") as handle:
        np.save(handle, weight.astype(np.float32))


def explain_chunk(part: Path, job: Job, stored: Path, cases: pd.DataFrame, permuted: Path) -> None:
    """Maps of some cases with one network, their scores, and how they change with the box."""
    batch = pictures.middle(np.load(stored, mmap_mode="r")[cases["row"].to_numpy()], job.size)
    whole, first = job.ensemble(batch, job.settings.explain.methods)
    kinds = {ENSEMBLE: whole, CENTRE: {method: np.repeat(middle()[None], len(cases), 0) for method in whole}}
    if job.settings.explain.sanity and job.quick:
        kinds |= {ONE_FOLD: {method: first[method] for method in job.quick}, **_checks(job, batch, permuted)}
    rows = []
    rects = crops.rectangles(pictures.boxes(cases), job.settings.crop)
    for i, (_, case) in enumerate(cases.iterrows()):
        lesion = _lesion(case, rects[i], job.root)
        for kind, of_method in kinds.items():
            for method, made in of_method.items():
                check = kind not in (ENSEMBLE, ONE_FOLD, CENTRE)
                like = correlation(made[i], first[method][i]) if check else np.nan
                about = {"case_id": case["case_id"], "model": job.model.name, "map": method, "kind": kind}
                rows.append({**about, **score(made[i], lesion), "correlation": like})
    with tables.written(part.with_suffix(".npz")) as beside, beside.open("wb") as handle:
        np.savez(handle, **{method: made.astype(np.float32) for method, made in whole.items()})  # type: ignore[arg-type]
    moved = _moved(job, cases, rects, whole)
    tables.write(moved, part.with_suffix(".moved.parquet"), tables.PERTURBED_MAPS)
    tables.write(pd.DataFrame(rows), part, tables.EXPLANATION_CASES)


def _checks(job: Job, batch: NDArray[np.float32], permuted: Path) -> dict[str, Maps]:
    """Maps of the first fold's network after parts of what it learned have been taken away."""
    network, heads = job.members[0]
    seed = int(np.random.default_rng([job.settings.study.seed, stream("stranger")]).integers(2**31))
    stranger = _stranger(job.model.backbone, job.weights, job.size, seed, heads.device)
    found = {kind: job.alone(forgetful, batch) for kind, forgetful in cams.cascade(network, stranger)}
    weight = torch.from_numpy(np.load(permuted))[None].to(heads.device)
    return found | {PERMUTED: job.alone(network, batch, weight)}


def _lesion(case: pd.Series, rect: Floats, root: Path) -> Lesion:
    spacing = float(case["row_spacing"]), float(case["column_spacing"])
    mask = case.get("mask", "")
    inside = read_mask(root / str(mask), (int(case["height"]), int(case["width"]))) if mask else None
    box = case[["x0", "y0", "x1", "y1"]].to_numpy(dtype=np.float64)
    return Lesion(rect, box, inside, None if np.isnan(spacing).any() else spacing)


def box_changes(settings: Study, case_id: str) -> pd.DataFrame:
    """The changes of a case's box after which its map is made again: the first of each kind and grade.

    They are those that its probability is predicted under, too.
    """
    drawn = perturbing.changes(settings, case_id)
    return drawn[drawn["kind"].isin(list(perturb.BOX_KINDS)) & (drawn["repeat"] == 0)].reset_index(drop=True)


def _moved(job: Job, cases: pd.DataFrame, rects: Floats, whole: Maps) -> pd.DataFrame:
    """How like each map is to the map made from a changed box, on the radiograph."""
    frames: list[pd.DataFrame] = []
    place = {case_id: i for i, case_id in enumerate(cases["case_id"])}
    for image, of_image in cases.groupby("image", sort=False) if job.settings.robustness.repeats else ():
        pixels = read_image(job.root / str(image)).pixels
        for case_id, box in zip(of_image["case_id"], pictures.boxes(of_image), strict=True):
            drawn, i = box_changes(job.settings, str(case_id)), place[case_id]
            others = crops.rectangles(perturb.boxes(box, drawn), job.settings.crop)
            if drawn.empty:
                continue
            found, _ = job.ensemble(job.cut(pixels, others), job.quick)
            for method, made in found.items():
                both = [
                    in_common(whole[method][i], rects[i], other, rect, pixels.shape)
                    for other, rect in zip(made, others, strict=True)
                ]
                like = [np.nan if pair is None else correlation(*pair) for pair in both]
                about = {"case_id": case_id, "model": job.model.name, "map": method, "correlation": like}
                frames.append(drawn[["kind", "grade", "repeat"]].assign(**about))
    return pd.concat(frames) if frames else pd.DataFrame(columns=list(tables.PERTURBED_MAPS.columns))
