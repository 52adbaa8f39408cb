"""Pictures once: every radiograph is decoded once for a crop size, every frozen backbone sees every crop once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.ledger import digest, stream
from osteon.core.tables import written
from osteon.core.types import Floats
from osteon.io import READING, read_image
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import BOX, boxes
from osteon.models.model import Place
from osteon.models.network.engine import Engine, Frozen, Runner
from osteon.study import Compute, Crop

_IMAGES_A_CHUNK = 16
_CROPS_A_CHUNK = 64


def near(cases: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Each case several times, one below the other: with its box under each of its changes.

    Args:
        cases: One row a case.
        changes: Equally many rows for each.
    """
    out = cases.loc[cases.index.repeat(len(changes) // max(len(cases), 1))].reset_index(drop=True)
    out[BOX] = perturb.boxes(boxes(out), changes)
    return out


def nearby(count: int, seed: int) -> pd.DataFrame:
    """The changes that make a box into the `count` that a probability is averaged over.

    They are the same for every case: what is said of a radiograph and its box must not depend on what it is called.
    """
    return perturb.jittered([""], count, [seed, stream("boxes nearby")])


def lessons_nearby(cases: Iterable[str], count: int, seed: int, reach: float) -> pd.DataFrame:
    """The changes of the boxes that a head learns from, drawn for each case."""
    return perturb.jittered([str(case) for case in cases], count, [seed, stream("boxes nearby")], reach)


def crop_key(cases: pd.DataFrame, crop: Crop, size: int, pad: int) -> str:
    """What the crops of these cases depend on: contents of the pictures, boxes and geometry; no label, no path."""
    return digest("crops", READING, list(cases["sha256"]), crops.rectangles(boxes(cases), crop), size, pad)


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
    rects = crops.rectangles(boxes(cases), place.study.crop)
    identities = _identities(cases["sha256"], rects)
    wide = crops.padded(rects, size, pad)

    def make(lacking: NDArray[np.intp], folder: Path) -> list[tuple[Path, NDArray[np.intp]]]:
        of_image = list(cases.iloc[lacking].groupby("image", sort=False).indices.items())
        chunks = [of_image[i : i + _IMAGES_A_CHUNK] for i in range(0, len(of_image), _IMAGES_A_CHUNK)]
        made, pieces = [], []
        for number, chunk in enumerate(chunks):
            part = folder / f"{number:06d}.npy"
            made.append((part, np.concatenate([lacking[rows] for _, rows in chunk])))
            cut = [(place.root / str(image), wide[lacking[rows]]) for image, rows in chunk]
            pieces.append((part, cut, size + 2 * pad))
        place.workers.map(f"crops of {size} px", _cut_chunk, [piece for piece in pieces if not piece[0].is_file()])
        return made

    return _kept(place.run.cache, f"crops-{size}-{pad}", identities, make)


def _identities(contents: Iterable[str], rects: Floats) -> NDArray[np.bytes_]:
    """What each crop is: the content of its radiograph and the rectangle that is cut out."""
    return np.array([digest(READING, sha256, rect)[:32].encode() for sha256, rect in zip(contents, rects, strict=True)])


def _kept(
    cache: Path,
    stem: str,
    identities: NDArray[np.bytes_],
    make: Callable[[NDArray[np.intp], Path], list[tuple[Path, NDArray[np.intp]]]],
) -> Path:
    """An array with a row for each identity. Rows that an earlier array of this kind holds are not made again.

    Args:
        cache: Where such arrays are kept, each beside the identities of its rows.
        stem: The kind of array.
        identities: Of the rows.
        make: Makes the rows at these positions, in parts in this folder, and says which rows are in which part.

    Returns:
        The array's file.
    """
    target = cache / f"{stem}-{digest(identities)[:16]}.npy"
    if target.is_file():
        return target
    known: dict[bytes, tuple[Path, int]] = {}
    for names in sorted(cache.glob(f"{stem}-*.rows.npy")):
        array = names.with_name(names.name.replace(".rows.npy", ".npy"))
        if array.is_file():
            known = {one: (array, row) for row, one in enumerate(np.load(names).tolist())} | known
    own = identities.tolist()
    lacking = np.array([row for row, one in enumerate(own) if one not in known], dtype=np.intp)
    made = make(lacking, target.with_suffix("")) if len(lacking) else []
    there = {array: np.load(array, mmap_mode="r") for array in {array for array, _ in known.values()}}
    first = np.load(made[0][0], mmap_mode="r") if made else next(iter(there.values()))
    with written(target) as beside:
        whole = np.lib.format.open_memmap(beside, mode="w+", dtype=first.dtype, shape=(len(own), *first.shape[1:]))
        for part, rows in made:
            whole[rows] = np.load(part)
        for row, one in enumerate(own):
            if one in known:
                array, place = known[one]
                whole[row] = there[array][place]
        whole.flush()
        del whole
    with written(target.with_suffix(".rows.npy")) as beside, beside.open("wb") as handle:
        np.save(handle, identities)
    for part, _ in made:
        part.unlink()
    if made:
        made[0][0].parent.rmdir()
    return target


def _cut_chunk(part: Path, pictures: Sequence[tuple[Path, Floats]], side: int) -> None:
    cut = [crops.to_stored(crops.extract(read_image(path).pixels, rects, side)) for path, rects in pictures]
    with written(part) as beside, beside.open("wb") as handle:
        np.save(handle, np.concatenate(cut))


def deep_features(place: Place, crops_path: Path, frozen: Frozen, engine: Engine, tensors: Path | None) -> Path:
    """Pooled features of every crop from a frozen backbone, float32 and without augmentation.

    Args:
        place: The study, its run folder and who does the work.
        crops_path: The crops.
        frozen: The backbone.
        engine: What it runs on.
        tensors: The backbone's, where onnxruntime reads them.

    Returns:
        A ``.npy`` of (N, F) float32 in the order of the cases.
    """
    key = digest("features", frozen.contents, str(engine))
    # Crops of the same rectangle with and without surroundings have the same middle.
    identities = np.load(crops_path.with_suffix(".rows.npy"))

    def make(lacking: NDArray[np.intp], folder: Path) -> list[tuple[Path, NDArray[np.intp]]]:
        chunks = [lacking[start : start + _CROPS_A_CHUNK] for start in range(0, len(lacking), _CROPS_A_CHUNK)]
        made = [(folder / f"{number:06d}.npy", rows) for number, rows in enumerate(chunks)]
        asked = _Asked(frozen, engine, tensors, place.study.compute)
        pieces = [(part, crops_path, rows, asked) for part, rows in made if not part.is_file()]
        place.workers.map(f"features of {frozen.backbone}", _feature_chunk, pieces)
        return made

    return _kept(place.run.cache, f"features-{frozen.backbone.replace('/', '_')}-{key[:16]}", identities, make)


@dataclass(frozen=True)
class _Asked:
    """A frozen backbone, and what it runs on.

    Attributes:
        frozen: The backbone.
        engine: What it runs on.
        tensors: The backbone's, where onnxruntime reads them.
        compute: As the study asks for it.
    """

    frozen: Frozen
    engine: Engine
    tensors: Path | None
    compute: Compute


def _feature_chunk(part: Path, crops_path: Path, rows: NDArray[np.intp], asked: _Asked) -> None:
    run, size = _runner(asked), asked.frozen.size
    # Arithmetic differs in the last digits with the size of a batch: every crop is seen in a full one, so that its
    # features are the same whatever other cases there are.
    found = []
    for start in range(0, len(rows), run.batch):
        some = rows[start : start + run.batch]
        batch = np.zeros((run.batch, 1, size, size), dtype=np.float32)
        batch[: len(some)] = middle(np.load(crops_path, mmap_mode="r")[some], size)
        found.append(run(batch)[: len(some)])
    with written(part) as beside, beside.open("wb") as handle:
        np.save(handle, np.concatenate(found))


@lru_cache(maxsize=2)
def _runner(asked: _Asked) -> Runner:
    """The backbone, kept by the worker from chunk to chunk."""
    if asked.tensors is not None:
        return asked.engine.load(asked.tensors, asked.frozen.weights.record, asked.compute.threads)
    from osteon.models.network.members import FrozenInTorch

    return FrozenInTorch(asked.frozen.build(), asked.compute.device)


def middle(stored: NDArray[np.uint16], size: int) -> NDArray[np.float32]:
    """The crop without its surroundings: (n, 1, size, size) float32 in [0, 1]."""
    pad = (stored.shape[-1] - size) // 2
    inner: NDArray[np.float32] = stored[:, None, pad : pad + size, pad : pad + size].astype(np.float32) / np.float32(
        65535
    )
    return inner
