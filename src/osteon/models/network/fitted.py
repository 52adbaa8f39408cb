"""A fitted network: its folds from their own files, from inputs to probabilities and to maps.

Attention: importing this module imports torch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from scipy.special import expit
from torch import nn

from osteon.core.errors import WeightsError
from osteon.core.types import Floats, Pixels
from osteon.models.fitted import Answer, Fitted, Folder, Saved, folders_in, mean, weighed
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import Input
from osteon.models.network import build
from osteon.models.network.fold import FILE, backbone_seed
from osteon.models.network.pictures import nearby
from osteon.models.network.train import Device
from osteon.study import Compute, Crop, Network
from osteon.weights import Record, Resolved

#: Batches that lie ready while the network is at work.
_AHEAD = 3

Piece = TypeVar("Piece")


def head(folder: Folder) -> tuple[Floats, Floats]:
    """(1, F) weight and (1,) bias of a fold's linear unit, float32."""
    state = load_safetensors((folder / FILE).read_bytes())
    return state["head.1.weight"].numpy(), state["head.1.bias"].numpy()


@dataclass(frozen=True, eq=False)
class SavedNetwork(Saved):
    """The folds of a network on disk: whole networks, or heads on one frozen backbone.

    Attributes:
        weights: What the backbone started from; a frozen one still is that.
        crop: How boxes become crops.
        size: Side of the network's input.
        compute: Device and precision.
        seed: The study's, from which boxes nearby are drawn.
        backbones: A portable file's own frozen backbones, by training seed; without them they are made of the weights.
    """

    model: Network
    weights: Resolved
    crop: Crop
    size: int
    compute: Compute
    seed: int
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

    def network(self, seed: int, fold: int) -> build.Classifier:
        """Rebuild a fold's network: the whole of it from its file, or its head on the frozen backbone.

        Returns:
            The network, in evaluation mode.

        Raises:
            WeightsError: A file does not fit completely.
        """
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
        """The weights, and how boxes become crops."""
        return [self.crop, self.weights.sha256, self.weights.record.normalisation]

    def parts(self) -> Mapping[str, Path | bytes]:
        """The files of all folds, and the frozen backbones beneath them."""
        found = dict(super().parts())
        if not self.whole:
            for seed in range(1 if self.shares else len(self.folders)):
                state = self.network(seed, 0).backbone.state_dict()
                found[_backbone_file(seed)] = save_safetensors({k: v.contiguous() for k, v in state.items()})
        return found

    def facts(self) -> Mapping[str, Any]:
        """The record of the weights, crop, size, arithmetic and seed."""
        about = {"record": self.weights.record.to_dict(), "sha256": self.weights.sha256, "size": self.size}
        settings = {"crop": self.crop.model_dump(mode="json"), "compute": self.compute.model_dump(mode="json")}
        return {**super().facts(), **about, **settings, "seed": self.seed}

    def portable_settings(self) -> Network:
        """Its settings, the weights by their record's name."""
        return self.model.model_copy(update={"weights": self.weights.record.name, "record": None})

    @classmethod
    def restored(cls, model: Network, folder: Folder, facts: Mapping[str, Any], contents: str) -> Self:
        """The fitted network from the parts of a portable file."""
        weights = Resolved(Record.from_dict(facts["record"]), None, str(facts["sha256"]))
        frozen = model.recipe == "frozen"
        count = 0 if not frozen else 1 if weights.sha256 else int(facts["seeds"])
        return cls(
            model, folders_in(folder, facts), contents, weights, Crop(**facts["crop"]), int(facts["size"]),
            Compute(**facts["compute"]), int(facts["seed"]),
            tuple(folder / _backbone_file(seed) for seed in range(count)),
        )  # fmt: skip

    def read(self) -> FittedNetwork:
        """Read the files."""
        return FittedNetwork(self)


def _backbone_file(seed: int) -> str:
    return f"seed-{seed}/backbone.safetensors"


def _fit_in(part: nn.Module, file: Folder, prefix: str = "") -> None:
    """Put a file's tensors in their places.

    Raises:
        WeightsError: They do not fit completely.
    """
    state = {name.removeprefix(prefix): tensor for name, tensor in load_safetensors(file.read_bytes()).items()}
    try:
        part.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"does not fit the network: {error}", file=str(file)) from None


@dataclass(frozen=True, eq=False)
class Member:
    """A network and the heads that share its backbone: those of all folds of a frozen one, else its own.

    Attributes:
        network: In evaluation mode.
        weight: (H, F) of the linear units, float32.
        bias: (H,) of the same.
    """

    network: build.Classifier
    weight: Floats
    bias: Floats


class FittedNetwork(Fitted):
    """The folds of a network, of all training seeds; those on one frozen backbone share it.

    Args:
        saved: Where they lie.

    Attributes:
        saved: The same.
        members: The networks, by training seed; a frozen pretrained backbone serves the heads of all seeds.
    """

    def __init__(self, saved: SavedNetwork) -> None:
        self.saved = saved
        self.whole = saved.whole
        # As undisturbed cases are predicted: pooled features of a frozen backbone are always float32.
        self._on = Device.choose(saved.compute.device, saved.compute.predict if self.whole else "float32")
        places = [[(seed, fold) for fold in range(len(of_seed))] for seed, of_seed in enumerate(saved.folders)]
        if saved.shares:
            places = [[place for of_seed in places for place in of_seed]]
        self.members = [self._together(of_seed) for of_seed in places]

    def _together(self, places: Sequence[tuple[int, int]]) -> list[Member]:
        """The folds of one seed."""
        groups = [[place] for place in places] if self.whole else [list(places)]
        found = []
        for group in groups:
            heads = [head(self.saved.folders[seed][fold]) for seed, fold in group]
            weight, bias = (np.concatenate([one[k] for one in heads]) for k in (0, 1))
            found.append(Member(self.saved.network(*group[0]).to(self.device), weight, bias))
        return found

    @property
    def mapped(self) -> FittedNetwork | None:
        """Itself, where its layers tell where it looks: convolutional ones do."""
        return self if self.members[0][0].network.supports_cam else None

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self._on.device

    def answer(self, inputs: Iterable[Input], told: Mapping[str, Floats], *, alone: bool = False) -> Answer:
        """What every fold says of inputs, the mean over boxes.

        While a network looks at one batch of crops the next ones are cut. Every batch is a full one, since arithmetic
        differs in the last digits with its size; what is left over is filled up, unless an input is asked about alone.
        """
        count, folds = self.saved.model.average_boxes, len(self.saved.folders[0])
        each: list[Floats] = []
        seen: list[tuple[Floats, ...]] = []
        for batch in ahead(full_batches(self._crops(inputs), self._on.batch)):
            logits, features = self.look(batch, fill=not alone)
            each.append(expit(logits))
            seen.append(features)
        if not each:
            return Answer(np.empty((0, len(self.saved.folders), folds)))
        boxes = np.concatenate(each).reshape(-1, count, len(self.saved.folders), folds)
        drawn = tuple(np.concatenate(of_fold)[::count] for of_fold in zip(*seen, strict=True))
        return Answer(mean(np.moveaxis(boxes, 1, -1)), drawn)

    @torch.inference_mode()
    def look(self, crops: torch.Tensor, *, fill: bool = True) -> tuple[Floats, tuple[Floats, ...]]:
        """What every fold makes of a batch of crops.

        Args:
            crops: (n, 1, S, S), at most a full batch.
            fill: Whether to fill the batch up.

        Returns:
            (n, seeds * folds) logits, by seed and fold, and for each fold of the first seed (n, F) pooled features.
        """
        n, folds = len(crops), len(self.saved.folders[0])
        batch = crops.to(self.device)
        if fill and n < self._on.batch:
            batch = torch.cat([batch, batch.new_zeros(self._on.batch - n, *batch.shape[1:])])
        logits, features = [], []
        for member in (member for of_seed in self.members for member in of_seed):
            with self._on.autocast():
                pooled = member.network.features(batch)
                if self.whole:
                    told = member.network.head(pooled).double().cpu().numpy()[:n]
            found = pooled.float().cpu().numpy()[:n]
            features.append(found)
            if not self.whole:
                told = head_logits(found, member.weight, member.bias)
            logits.append(told)
        of_folds = features[:folds] if self.whole else features[:1] * folds
        return np.concatenate(logits, axis=1), tuple(of_folds)

    def _crops(self, inputs: Iterable[Input]) -> Iterator[torch.Tensor]:
        """The (n, 1, S, S) crops of inputs in their order, cut from the original and rounded as stored crops are."""
        count = self.saved.model.average_boxes
        around = nearby(count, self.saved.seed)
        for (_, look), sharing in groupby(inputs, key=lambda one: (one.case_id, one.look)):
            boxes = np.concatenate([perturb.boxes(one.box, around) for one in sharing])
            version = look.version
            rects = crops.rectangles(boxes, self.saved.crop) - np.tile(version.corner, 2)
            # A graphics card cuts, too; elsewhere the processor is the better scissors.
            picture = torch.from_numpy(version.pixels).to(self.device if self.device.type == "cuda" else "cpu")
            for first in range(0, len(rects), self._on.batch):
                cut = crops.cut(picture, rects[first : first + self._on.batch], self.saved.size)
                yield (cut.clamp_(0, 1) * 65535).round_()[:, None] / 65535

    def cut(self, pixels: Pixels, rects: Floats) -> NDArray[np.float32]:
        """(n, 1, S, S) crops of a radiograph, rounded as stored crops are."""
        stored = crops.to_stored(crops.extract(pixels, rects, self.saved.size))
        return stored[:, None].astype(np.float32) / np.float32(65535)


def head_logits(features: Floats, weight: Floats, bias: Floats) -> Floats:
    """(n, H) logits of H heads on (n, F) pooled features, of which none depends on the others."""
    each = [weighed(features, one) + float(at) for one, at in zip(weight, bias, strict=True)]
    return np.stack(each, axis=1)


def full_batches(pieces: Iterable[torch.Tensor], size: int) -> Iterator[torch.Tensor]:
    """The same crops in the same order, so many at a time; the last ones may be fewer."""
    held: list[torch.Tensor] = []
    for piece in pieces:
        held.append(piece)
        while sum(map(len, held)) >= size:
            whole = torch.cat(held)
            held = [whole[size:]] if len(whole) > size else []
            yield whole[:size]
    if held:
        yield torch.cat(held)


def ahead(pieces: Iterator[Piece], depth: int = _AHEAD) -> Iterator[Piece]:
    """The same pieces in the same order, the next ones made in a thread while one is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, pieces, None) for _ in range(depth))
        while (piece := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, pieces, None))
            yield piece
