"""A fitted network: its folds from their own files, from inputs to probabilities and to maps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.numpy import load as load_safetensors
from scipy.special import expit

from osteon.core.errors import WeightsError
from osteon.core.types import Floats, Pixels
from osteon.models.fitted import Answer, Fitted, Folder, Saved, folders_in, mean, weighed
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import Input
from osteon.models.network.engine import Engine, InOnnx
from osteon.models.network.fold import FILE, backbone_seed
from osteon.models.network.pictures import nearby
from osteon.study import Compute, Crop, Network
from osteon.weights import Record, Resolved

if TYPE_CHECKING:
    from torch import device, nn

    from osteon.models.network.build import Classifier
    from osteon.models.network.members import InTorch, Member

#: Batches that lie ready while the network is at work.
_AHEAD = 3

Piece = TypeVar("Piece")


def head(folder: Folder) -> tuple[Floats, Floats]:
    """(1, F) weight and (1,) bias of a fold's linear unit, float32."""
    state = load_safetensors((folder / FILE).read_bytes())
    return state["head.1.weight"], state["head.1.bias"]


@dataclass(frozen=True, eq=False)
class SavedNetwork(Saved):
    """The folds of a network on disk: whole networks, or heads on one frozen backbone.

    Attributes:
        weights: What the backbone started from; a frozen one still is that.
        crop: How boxes become crops.
        size: Side of the network's input.
        compute: Device and precision.
        seed: The study's, from which boxes nearby are drawn.
        engine: What a frozen backbone runs on; None for a network that is whole.
        backbones: Tensors of frozen backbones by training seed, as safetensors; without them they are made of the
            weights.
    """

    model: Network
    weights: Resolved
    crop: Crop
    size: int
    compute: Compute
    seed: int
    engine: Engine | None = None
    backbones: tuple[Folder, ...] = ()
    files = (FILE,)

    @property
    def whole(self) -> bool:
        """Whether a fold's file holds the whole network, or its head alone."""
        return self.model.recipe != "frozen"

    @property
    def shares(self) -> bool:
        """Whether the heads of all training seeds share one backbone: a frozen one with weights from a file."""
        return not self.whole and bool(self.weights.sha256)

    def network(self, seed: int, fold: int) -> Classifier:
        """Rebuild a fold's network: the whole of it from its file, or its head on the frozen backbone.

        Returns:
            The network, in evaluation mode.

        Raises:
            WeightsError: A file does not fit completely.
        """
        from osteon.models.network import build

        model = self.model
        network = build.build(
            model.backbone,
            self.weights,
            dropout=model.dropout,
            seed=backbone_seed(self.seed, seed),  # random weights are made again from the same seed
            size=self.size,
            pretrained=not self.whole and not self.backbones,
        )
        if self.backbones:
            _fit_in(network.backbone, self.backbones[0 if self.shares else seed])
        file = self.folders[seed][fold] / FILE
        if self.whole:
            _fit_in(network, file)
        else:
            _fit_in(network.head, file, prefix="head.")
        return network.eval()

    def inputs(self, cases: pd.DataFrame) -> Any:
        """The weights, how boxes become crops, and what looks at them."""
        return [self.crop, self.weights.sha256, self.weights.record.normalisation, str(self.engine or "")]

    def parts(self) -> Mapping[str, Path | bytes]:
        """The files of all folds, and the frozen backbones beneath them, with the graph that onnxruntime reads."""
        from safetensors.torch import save

        found = dict(super().parts())
        if not self.whole:
            for seed in range(1 if self.shares else len(self.folders)):
                state = self.network(seed, 0).backbone.state_dict()
                found[_backbone_file(seed)] = save({k: v.contiguous() for k, v in state.items()})
        if self.engine is not None and self.engine.graph is not None:
            found[_GRAPH] = self.engine.graph.read_bytes()
        return found

    def facts(self) -> Mapping[str, Any]:
        """The record of the weights, crop, size, arithmetic and seed."""
        about = {"record": self.weights.record.to_dict(), "sha256": self.weights.sha256, "size": self.size}
        settings = {"crop": self.crop.model_dump(mode="json"), "compute": self.compute.model_dump(mode="json")}
        found = {**super().facts(), **about, **settings, "seed": self.seed}
        return found if self.engine is None else {**found, "engine": self.engine.facts()}

    def portable_settings(self) -> Network:
        """Its settings, the weights by their record's name."""
        return self.model.model_copy(update={"weights": self.weights.record.name, "record": None})

    @classmethod
    def restored(cls, model: Network, folder: Folder, facts: Mapping[str, Any], contents: str) -> Self:
        """The fitted network from the parts of a portable file."""
        weights = Resolved(Record.from_dict(facts["record"]), None, str(facts["sha256"]))
        frozen = model.recipe == "frozen"
        count = 0 if not frozen else 1 if weights.sha256 else int(facts["seeds"])
        engine = Engine.of(facts["engine"], folder / _GRAPH) if "engine" in facts else None
        return cls(
            model, folders_in(folder, facts), contents, weights, Crop(**facts["crop"]), int(facts["size"]),
            Compute(**facts["compute"]), int(facts["seed"]), engine,
            tuple(folder / _backbone_file(seed) for seed in range(count)),
        )  # fmt: skip

    def read(self) -> FittedNetwork:
        """Read the files."""
        return FittedNetwork(self)


_GRAPH = "graph.onnx"


def _backbone_file(seed: int) -> str:
    return f"seed-{seed}/backbone.safetensors"


def _fit_in(part: nn.Module, file: Folder, prefix: str = "") -> None:
    """Put a file's tensors in their places.

    Raises:
        WeightsError: They do not fit completely.
    """
    from safetensors.torch import load

    state = {name.removeprefix(prefix): tensor for name, tensor in load(file.read_bytes()).items()}
    try:
        part.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"does not fit the network: {error}", file=str(file)) from None


@dataclass(frozen=True, eq=False)
class Heads:
    """The heads that share a network: those of all folds on a frozen backbone, else its own.

    Attributes:
        first: Training seed and fold of the first.
        weight: (H, F) of the linear units, float32.
        bias: (H,) of the same.
    """

    first: tuple[int, int]
    weight: Floats
    bias: Floats


class FittedNetwork(Fitted):
    """The folds of a network, of all training seeds; those on one frozen backbone share it.

    Args:
        saved: Where they lie.

    Attributes:
        saved: The same.
    """

    def __init__(self, saved: SavedNetwork) -> None:
        self.saved = saved
        self._heads = [self._together(places) for places in self._places()]
        engine = saved.engine
        self._eyes: InOnnx | InTorch = (
            InOnnx(engine, saved.backbones, saved.weights.record, saved.size, saved.compute.threads)
            if engine is not None and engine.runs
            else self.in_torch
        )

    def _places(self) -> list[list[tuple[int, int]]]:
        """Training seed and fold of the heads that share a network, network by network."""
        places = [[(seed, fold) for fold in range(len(of_seed))] for seed, of_seed in enumerate(self.saved.folders)]
        every = [place for of_seed in places for place in of_seed]
        if self.saved.whole:
            return [[place] for place in every]
        return [every] if self.saved.shares else places

    def _together(self, places: Sequence[tuple[int, int]]) -> Heads:
        each = [head(self.saved.folders[seed][fold]) for seed, fold in places]
        weight, bias = (np.concatenate([one[k] for one in each]) for k in (0, 1))
        return Heads(places[0], weight, bias)

    @cached_property
    def in_torch(self) -> InTorch:
        """The networks in torch, as maps and other programs need them."""
        from osteon.models.network.members import InTorch

        return InTorch(self.saved, self._heads)

    @property
    def members(self) -> list[Member]:
        """The networks in torch, those of the first training seed first; a shared backbone serves heads of all."""
        return self.in_torch.members

    @property
    def mapped(self) -> FittedNetwork | None:
        """Itself, where its layers tell where it looks: convolutional ones do."""
        return self if self.members[0].network.supports_cam else None

    @property
    def device(self) -> device:
        """Where the networks are in torch."""
        return self.in_torch.device

    def answer(self, inputs: Iterable[Input], told: Mapping[str, Floats], *, alone: bool = False) -> Answer:
        """What every fold says of inputs, the mean over boxes.

        While a network looks at one batch of crops the next ones are cut. Every batch is a full one, since arithmetic
        differs in the last digits with its size; what is left over is filled up, unless an input is asked about alone.
        """
        count, folds = self.saved.model.average_boxes, len(self.saved.folders[0])
        each: list[Floats] = []
        seen: list[tuple[Floats, ...]] = []
        for batch in ahead(full_batches(self._crops(inputs), self._eyes)):
            logits, features = self.look(batch, fill=not alone)
            each.append(expit(logits))
            seen.append(features)
        if not each:
            return Answer(np.empty((0, len(self.saved.folders), folds)))
        boxes = np.concatenate(each).reshape(-1, count, len(self.saved.folders), folds)
        drawn = tuple(np.concatenate(of_fold)[::count] for of_fold in zip(*seen, strict=True))
        return Answer(mean(np.moveaxis(boxes, 1, -1)), drawn)

    def look(self, crops: Any, *, fill: bool = True) -> tuple[Floats, tuple[Floats, ...]]:
        """What every fold makes of a batch of crops.

        Args:
            crops: (n, 1, S, S), at most a full batch.
            fill: Whether to fill the batch up.

        Returns:
            (n, seeds * folds) logits, by seed and fold, and for each fold of the first seed (n, F) pooled features.
        """
        folds = len(self.saved.folders[0])
        logits, features = [], []
        for heads, (pooled, told) in zip(self._heads, self._eyes.look(crops, fill=fill), strict=True):
            features.append(pooled)
            logits.append(head_logits(pooled, heads.weight, heads.bias) if told is None else told)
        of_folds = features[:folds] if self.saved.whole else features[:1] * folds
        return np.concatenate(logits, axis=1), tuple(of_folds)

    def _crops(self, inputs: Iterable[Input]) -> Iterator[Any]:
        """The (n, 1, S, S) crops of inputs in their order, cut from the original and rounded as stored crops are."""
        around = nearby(self.saved.model.average_boxes, self.saved.seed)
        for (_, look), sharing in groupby(inputs, key=lambda one: (one.case_id, one.look)):
            boxes = np.concatenate([perturb.boxes(one.box, around) for one in sharing])
            version = look.version
            rects = crops.rectangles(boxes, self.saved.crop) - np.tile(version.corner, 2)
            for first in range(0, len(rects), self._eyes.batch):
                yield self._eyes.cut(version.pixels, rects[first : first + self._eyes.batch])

    def cut(self, pixels: Pixels, rects: Floats) -> NDArray[np.float32]:
        """(n, 1, S, S) crops of a radiograph, rounded as stored crops are."""
        return crops.as_stored(pixels, rects, self.saved.size)


def head_logits(features: Floats, weight: Floats, bias: Floats) -> Floats:
    """(n, H) logits of H heads on (n, F) pooled features, of which none depends on the others."""
    each = [weighed(features, one) + float(at) for one, at in zip(weight, bias, strict=True)]
    return np.stack(each, axis=1)


def full_batches(pieces: Iterable[Any], eyes: InOnnx | InTorch) -> Iterator[Any]:
    """The same crops in the same order, as many at a time as fill a batch; the last ones may be fewer."""
    held: list[Any] = []
    for piece in pieces:
        held.append(piece)
        while sum(map(len, held)) >= eyes.batch:
            whole = eyes.joined(held)
            held = [whole[eyes.batch :]] if len(whole) > eyes.batch else []
            yield whole[: eyes.batch]
    if held:
        yield eyes.joined(held)


def ahead(pieces: Iterator[Piece], depth: int = _AHEAD) -> Iterator[Piece]:
    """The same pieces in the same order, the next ones made in a thread while one is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, pieces, None) for _ in range(depth))
        while (piece := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, pieces, None))
            yield piece
