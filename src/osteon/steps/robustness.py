"""Every model under every change of box and picture: each radiograph decoded once, all crops of a case in one batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from osteon import crops, perturb, radiomics, study, tables, tabular
from osteon.io import read_image, read_mask
from osteon.steps.extraction import region_masks, settings_of
from osteon.steps.folder import Ledger, RunFolder, digest, file_digest, stream
from osteon.steps.pictures import boxes
from osteon.steps.units import input_size
from osteon.steps.workers import Workers
from osteon.study import Augment, Box, Combined, Crop, Network, Radiomics, Study
from osteon.types import Floats, Pixels
from osteon.weights import Resolved

_IMAGES_A_CHUNK = 2
_CROPS_A_BATCH = 64
#: The changes of :data:`osteon.perturb.IMAGE_KINDS` that are made on a crop with its surroundings.
_ROTATION = Augment(rotate=10, shift=0, scale=0)


@dataclass(frozen=True, eq=False)
class _Job:
    """What a worker needs for any chunk.

    Attributes:
        settings: The study.
        root: What image paths are relative to.
        folder: The run folder.
        weights: Each network's weights.
        models: The models to perturb, a combined model after the one it is made of.
    """

    settings: Study
    root: Path
    folder: RunFolder
    weights: dict[str, Resolved]
    models: tuple[study.Model, ...]

    def folds(self, model: study.Model) -> list[list[Path]]:
        """The folders of a model's folds, by training seed."""
        seeds = model.seeds if isinstance(model, Network) else 1
        return [
            [self.folder.fold(model.name, seed, fold) for fold in range(self.settings.evaluation.folds)]
            for seed in range(seeds)
        ]


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
        folder: The run folder, with every model fitted.
        ledger: What is current.
        workers: Who does it.

    Returns:
        ``perturbed.parquet``, or None when the study asks for no repeats or has no external case.
    """
    external = cases[cases["split"] == "external"].reset_index(drop=True)
    target = folder / "perturbed.parquet"
    if not settings.robustness.repeats or external.empty:
        return None
    asked = [model for model in settings.models if _perturbable(model, settings)]
    models = tuple(sorted(asked, key=lambda model: isinstance(model, Combined)))
    job = _Job(settings, settings.cohort_path.parent, folder, resolved, models)
    fitted = [
        file_digest(next(path.glob("model.s*"))) for model in models for of_seed in job.folds(model) for path in of_seed
    ]
    contents = [list(external["case_id"]), list(external["sha256"]), boxes(external)]
    key = digest("perturbed", contents, fitted, settings.robustness, settings.crop, settings.study.seed)

    def predict() -> list[Path]:
        of_image = list(external.groupby("image", sort=False).indices.values())
        chunks = [of_image[i : i + _IMAGES_A_CHUNK] for i in range(0, len(of_image), _IMAGES_A_CHUNK)]
        parts = [folder.cache / f"perturbed-{key[:16]}" / f"{number:06d}.parquet" for number in range(len(chunks))]
        pieces = [
            (part, job, external.iloc[np.concatenate(chunk)])
            for part, chunk in zip(parts, chunks, strict=True)
            if not part.is_file()
        ]
        workers.map("perturbed boxes and pictures", _predict_chunk, pieces)
        tables.write(pd.concat([tables.read(p, tables.PERTURBED) for p in parts]), target, tables.PERTURBED)
        for part in parts:
            part.unlink()
        return [target]

    fresh = ledger.step("perturb", key, predict)
    workers.progress.say(f"[green]✓[/] {len(models)} models under perturbation ({'' if fresh else 'un'}changed)")
    return target


def _perturbable(model: study.Model, settings: Study) -> bool:
    """Whether a model looks at the box or the picture at all."""
    if isinstance(model, Combined):
        return _perturbable(settings.model(model.of), settings)
    return isinstance(model, Network | Radiomics | Box)


def _predict_chunk(part: Path, job: _Job, cases: pd.DataFrame) -> None:
    frames = []
    for image, rows in cases.groupby("image", sort=False):
        radiograph = read_image(job.root / str(image))
        for _, case in rows.iterrows():
            frames.append(_predict_case(job, case, radiograph.pixels, radiograph.spacing))
    tables.write(pd.concat(frames), part, tables.PERTURBED)


def _predict_case(job: _Job, case: pd.Series, pixels: Pixels, spacing: tuple[float, float] | None) -> pd.DataFrame:
    """Every model's probability of one case under every change."""
    settings = job.settings
    seed = int(np.random.default_rng([settings.study.seed, stream("perturb")]).integers(2**31))
    changes = perturb.draw([str(case["case_id"])], settings.robustness, seed)
    drawn = case[["x0", "y0", "x1", "y1"]].to_numpy(dtype=np.float64)
    pictures = _Pictures(pixels, drawn, changes)
    moved = perturb.boxes(drawn, changes)
    found: dict[str, Floats] = {}
    of_size: dict[int, NDArray[np.float32]] = {}
    for model in job.models:
        if isinstance(model, Network):
            size = input_size(model, settings.crop.size)
            if size not in of_size:
                of_size[size] = pictures.crops(moved, settings.crop, size)
            found[model.name] = _network(job, model, of_size[size])
        else:
            repeated = pd.DataFrame([case] * len(changes)).reset_index(drop=True)
            repeated[["x0", "y0", "x1", "y1"]] = moved
            features = _features(job, model, case, pictures, moved, spacing) if isinstance(model, Radiomics) else None
            score = found[model.of] if isinstance(model, Combined) else None
            design = tabular.design(model, repeated, features, score)
            found[model.name] = np.mean(
                [_estimator(fold / "model.skops").predict_proba(design)[:, 1] for fold in job.folds(model)[0]], axis=0
            )
    about = changes[["case_id", "kind", "grade", "repeat"]]
    return pd.concat([about.assign(model=name, probability=values) for name, values in found.items()])


@dataclass(frozen=True, eq=False)
class _Pictures:
    """One radiograph, one drawn box, and the changes of both.

    Attributes:
        pixels: (H, W).
        drawn: (4,) box.
        changes: n rows of :func:`osteon.perturb.draw`.
    """

    pixels: Pixels
    drawn: Floats
    changes: pd.DataFrame

    def whole(self) -> Iterator[tuple[Pixels, NDArray[np.bool_]]]:
        """Versions of the whole radiograph, each with the changes that are made on it."""
        quality, masked = self.changes["quality"].to_numpy(), self.changes["masked"].to_numpy()
        yield self.pixels, (quality == 0) & (masked == 0)
        for grade in np.unique(quality[quality > 0]):
            yield perturb.jpeg(self.pixels, int(grade)), quality == grade
        if masked.any():
            yield perturb.without_markers(self.pixels, self.drawn), masked > 0

    def crops(self, moved: Floats, crop: Crop, size: int) -> NDArray[np.float32]:
        """(n, 1, size, size) crops under every change, cut from the original in as few calls as there are versions."""
        import torch

        from osteon import augment

        out = np.empty((len(self.changes), size, size), dtype=np.float32)
        rects = crops.rectangles(moved, crop)
        for picture, chosen in self.whole():
            out[chosen] = crops.extract(picture, rects[chosen], size)
        local = self.changes[["angle", "noise", "blur"]].any(axis=1) | (self.changes["gamma"] != 1)
        if local.any():
            rows = np.flatnonzero(local)
            pad = crops.pad_for(_ROTATION, size)
            wide = crops.extract(self.pixels, crops.padded(rects[rows[:1]], size, pad), size + 2 * pad)
            blur = self.changes["blur"].to_numpy()[rows] * size
            stack = np.stack([ndimage.gaussian_filter(wide[0], sigma) if sigma else wide[0] for sigma in blur])
            changed = augment.apply(torch.from_numpy(stack)[:, None], _as_augmentation(self.changes.iloc[rows]), size)
            out[rows] = changed[:, 0].numpy()
        return out[:, None]

    def region(
        self, row: int, moved: Floats, mask: NDArray[np.bool_] | None
    ) -> tuple[Pixels, Floats | NDArray[np.bool_]]:
        """The surroundings of the lesion under one change, and the region in them."""
        change = self.changes.iloc[row]
        picture = next(picture for picture, rows in self.whole() if rows[row])
        x0, y0, x1, y1 = _around(self.drawn, moved[row], picture.shape)
        part, box = picture[y0:y1, x0:x1], moved[row] - [x0, y0, x0, y0]
        inside = None if mask is None else _moved_mask(mask, self.drawn, moved[row])[y0:y1, x0:x1]
        if change["blur"]:
            side = float((self.drawn[2:] - self.drawn[:2]).max())
            part = ndimage.gaussian_filter(part, change["blur"] * side)
        if change["gamma"] != 1:
            part = part ** np.float32(change["gamma"])
        if change["noise"]:
            noise = np.random.default_rng(int(change["noise_seed"])).normal(0, change["noise"], part.shape)
            part = np.clip(part + noise, 0, 1).astype(np.float32)
        if change["angle"]:
            part = ndimage.rotate(part, change["angle"], reshape=False, order=1)
        return part, box if inside is None or not inside.any() else inside


def _as_augmentation(changes: pd.DataFrame) -> dict[str, Floats]:
    """Rows of :func:`osteon.perturb.draw` in the words of :mod:`osteon.augment`."""
    n = len(changes)
    still = {"dx": 0.0, "dy": 0.0, "sx": 1.0, "sy": 1.0, "flip_x": 1.0, "flip_y": 1.0, "contrast": 1.0}
    own = {name: changes[name].to_numpy(dtype=np.float64) for name in ("gamma", "noise", "noise_seed")}
    return (
        {name: np.full(n, value) for name, value in still.items()}
        | own
        | {"angle": np.radians(changes["angle"].to_numpy(dtype=np.float64))}
    )


def _around(drawn: Floats, moved: Floats, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Whole pixels that hold both boxes with half a box of surroundings, inside the picture."""
    margin = (drawn[2:] - drawn[:2]) / 2
    low = np.floor(np.minimum(drawn[:2], moved[:2]) - margin).astype(int)
    high = np.ceil(np.maximum(drawn[2:], moved[2:]) + margin).astype(int)
    return max(low[0], 0), max(low[1], 0), min(high[0], shape[1]), min(high[1], shape[0])


def _moved_mask(mask: NDArray[np.bool_], drawn: Floats, moved: Floats) -> NDArray[np.bool_]:
    """The mask carried along with its box: moved and scaled as the box is."""
    factor = (drawn[2:] - drawn[:2]) / (moved[2:] - moved[:2])  # from moved to drawn coordinates
    start = drawn[:2] + (0.5 - moved[:2]) * factor - 0.5
    carried = ndimage.affine_transform(mask.astype(np.uint8), factor[::-1], start[::-1], order=0)
    return np.asarray(carried > 0)


def _features(
    job: _Job,
    model: Radiomics,
    case: pd.Series,
    pictures: _Pictures,
    moved: Floats,
    spacing: tuple[float, float] | None,
) -> pd.DataFrame:
    name = str(region_masks(model, pd.DataFrame([case])).iloc[0])
    mask = read_mask(job.root / name, pictures.pixels.shape) if name else None
    rows = []
    for row in range(len(pictures.changes)):
        part, region = pictures.region(row, moved, mask)
        rows.append(radiomics.extract(part, region, spacing, settings_of(model)))
    return pd.DataFrame(rows).assign(case_id=str(case["case_id"]))


def _network(job: _Job, model: Network, batch: NDArray[np.float32]) -> Floats:
    """Probability by the mean over folds and seeds, as for the undisturbed cases."""
    weights, device = job.weights[model.name], job.settings.compute.device
    return np.asarray(
        np.mean([_of_ensemble(tuple(folds), weights, device, batch) for folds in job.folds(model)], axis=0)
    )


def _of_ensemble(folders: tuple[Path, ...], weights: Resolved, device: str, batch: NDArray[np.float32]) -> Floats:
    import torch

    networks, on = _ensemble(folders, weights, device)
    shared = len({id(network.backbone) for network in networks}) == 1
    parts = []
    with torch.inference_mode():
        for inputs in torch.split(torch.from_numpy(batch), _CROPS_A_BATCH):
            if shared:
                features = networks[0].features(inputs.to(on))
                logits = [network.head(features).squeeze(1) for network in networks]
            else:
                logits = [network(inputs.to(on)) for network in networks]
            parts.append(torch.stack(logits).double().sigmoid().mean(dim=0).cpu().numpy())
    return np.concatenate(parts)


@lru_cache(maxsize=16)
def _ensemble(folders: tuple[Path, ...], weights: Resolved, device: str):  # type: ignore[no-untyped-def]
    """A model's folds, kept by the worker; folds on one frozen backbone share it."""
    from osteon import predict
    from osteon.train import Device

    on = Device.choose(device, "float32").device
    networks = [predict.load_network(folder, weights).to(on) for folder in folders]
    if not predict.is_whole(folders[0]):
        for network in networks[1:]:
            network.backbone = networks[0].backbone
    return networks, on


@lru_cache(maxsize=64)
def _estimator(path: Path):  # type: ignore[no-untyped-def]
    return tabular.load(path)
