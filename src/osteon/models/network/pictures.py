"""Pictures once: every radiograph is decoded once for a crop size, every frozen backbone sees every crop once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.ledger import digest, stream
from osteon.io import read_image
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import BOX, boxes
from osteon.models.model import Place
from osteon.models.network import build
from osteon.models.network.train import Device
from osteon.study import Crop
from osteon.tables import written
from osteon.types import Floats
from osteon.weights import Resolved

_IMAGES_A_CHUNK = 16
_CROPS_A_CHUNK = 64


def near(cases: pd.DataFrame, count: int, seed: int, reach: float = perturb.JITTER) -> pd.DataFrame:
    """Each case `count` times, one below the other: with its box as drawn, then with others near it."""
    out = cases.loc[cases.index.repeat(count)].reset_index(drop=True)
    out[BOX] = perturb.boxes(boxes(out), nearby(cases["case_id"], count, seed, reach))
    return out


def nearby(cases: Iterable[str], count: int, seed: int, reach: float = perturb.JITTER) -> pd.DataFrame:
    """The changes that make a case's box into others near it; the same wherever the box is put."""
    return perturb.jittered([str(case) for case in cases], count, [seed, stream("boxes nearby")], reach)


def crop_key(cases: pd.DataFrame, crop: Crop, size: int, pad: int) -> str:
    """What the crops of these cases depend on: contents of the pictures, boxes and geometry; no label, no path."""
    return digest("crops", list(cases["sha256"]), crops.rectangles(boxes(cases), crop), size, pad)


def stored_crops(place: Place, cases: pd.DataFrame, size: int, pad: int) -> Path:
    """Cut every case's crop, with `pad` pixels of surroundings, into one array on disk.

    Args:
        place: The study, its run folder and who does the work.
        cases: One row a case: image, sha256 of the image, box.
        size: Side of the crop without its surroundings.
        pad: Surroundings on each side in output pixels.

    Returns:
        A ``.npy`` of (N, size + 2 pad, size + 2 pad) uint16 in the order of the cases.
    """
    crop = place.study.crop
    key = crop_key(cases, crop, size, pad)
    target = place.run.cache / f"crops-{size}-{pad}-{key[:16]}.npy"
    if target.is_file():
        return target
    rects = crops.padded(crops.rectangles(boxes(cases), crop), size, pad)
    rows_of_image = list(cases.groupby("image", sort=False).indices.items())
    chunks = [rows_of_image[i : i + _IMAGES_A_CHUNK] for i in range(0, len(rows_of_image), _IMAGES_A_CHUNK)]
    pieces: list[tuple[Any, ...]] = []
    parts: list[Path] = []
    order: list[int] = []
    for number, chunk in enumerate(chunks):
        part = target.with_suffix("") / f"{number:06d}.npy"
        parts.append(part)
        order.extend(int(row) for _, rows in chunk for row in rows)
        if not part.is_file():
            pieces.append((part, [(place.root / str(image), rects[rows]) for image, rows in chunk], size + 2 * pad))
    place.workers.map(f"crops of {size} px", _cut_chunk, pieces)
    _join(parts, target, order)
    return target


def _cut_chunk(part: Path, pictures: Sequence[tuple[Path, Floats]], side: int) -> None:
    cut = [crops.to_stored(crops.extract(read_image(path).pixels, rects, side)) for path, rects in pictures]
    with written(part) as beside, beside.open("wb") as handle:
        np.save(handle, np.concatenate(cut))


def _join(parts: Sequence[Path], target: Path, order: Sequence[int]) -> None:
    """Chunks in the order of reading -> one array in the order of the cases; the chunks go when it stands."""
    first = np.load(parts[0], mmap_mode="r")
    with written(target) as beside:
        whole = np.lib.format.open_memmap(beside, mode="w+", dtype=first.dtype, shape=(len(order), *first.shape[1:]))
        start = 0
        for part in parts:
            chunk = np.load(part)
            whole[list(order[start : start + len(chunk)])] = chunk
            start += len(chunk)
        whole.flush()
        del whole
    for part in parts:
        part.unlink()
    parts[0].parent.rmdir()


def deep_features(place: Place, crops_path: Path, size: int, backbone: str, weights: Resolved, seed: int) -> Path:
    """Pooled features of every crop from a frozen backbone, float32 and without augmentation.

    Returns:
        A ``.npy`` of (N, F) float32 in the order of the cases.
    """
    origin = weights.sha256 or f"random seed {seed}"
    key = digest("features", crops_path.name, backbone, origin, weights.record.variant, weights.record.normalisation)
    target = place.run.cache / f"features-{backbone.replace('/', '_')}-{key[:16]}.npy"
    if target.is_file():
        return target
    count = len(np.load(crops_path, mmap_mode="r"))
    starts = range(0, count, _CROPS_A_CHUNK)
    parts = [target.with_suffix("") / f"{start:06d}.npy" for start in starts]
    pieces = [
        (part, crops_path, start, size, backbone, weights, seed, place.study.compute.device)
        for part, start in zip(parts, starts, strict=True)
        if not part.is_file()
    ]
    place.workers.map(f"features of {backbone}", _feature_chunk, pieces)
    _join(parts, target, range(count))
    return target


def _feature_chunk(
    part: Path, crops_path: Path, start: int, size: int, backbone: str, weights: Resolved, seed: int, device: str
) -> None:
    import torch

    on = Device.choose(device, "float32").device
    network = frozen_backbone(backbone, weights, seed, size, str(on))
    batch = middle(np.load(crops_path, mmap_mode="r")[start : start + _CROPS_A_CHUNK], size)
    with torch.inference_mode():
        features = network.features(torch.from_numpy(batch).to(on))
    with written(part) as beside, beside.open("wb") as handle:
        np.save(handle, features.float().cpu().numpy())


def middle(stored: NDArray[np.uint16], size: int) -> NDArray[np.float32]:
    """The crop without its surroundings: (n, 1, size, size) float32 in [0, 1]."""
    pad = (stored.shape[-1] - size) // 2
    inner: NDArray[np.float32] = stored[:, None, pad : pad + size, pad : pad + size].astype(np.float32) / np.float32(
        65535
    )
    return inner


@lru_cache(maxsize=2)
def frozen_backbone(backbone: str, weights: Resolved, seed: int, size: int, device: str) -> Any:
    """A network for inference, kept by the worker from chunk to chunk."""
    return build.build(backbone, weights, seed=seed, size=size).eval().to(device)
