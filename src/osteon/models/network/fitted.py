"""A fitted network: its folds from their own files, from inputs to probabilities and to maps.

Attention: importing this module imports torch.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit

from osteon.core.errors import WeightsError
from osteon.core.types import Floats, Pixels
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import Input
from osteon.models.model import Fitted, Saved
from osteon.models.network import build
from osteon.models.network.kind import FILE
from osteon.models.network.pictures import nearby
from osteon.models.network.train import Device
from osteon.study import Compute, Crop, Network
from osteon.weights import Resolved

_CROPS_A_BATCH = 64
#: Batches that lie ready while the network is at work.
_AHEAD = 3

Piece = TypeVar("Piece")
#: Places of crops among all crops of the inputs, and the (n, 1, S, S) crops.
Batch = tuple[NDArray[np.intp], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold's network on disk.

    Attributes:
        folder: Where it lies.
        weights: What the backbone started from; a frozen backbone still is that.
    """

    folder: Path
    weights: Resolved

    @property
    def whole(self) -> bool:
        """Whether the file holds the whole network, or its head alone."""
        return bool(self._about["whole_network"])

    def head(self) -> tuple[Floats, Floats]:
        """(1, F) weight and (1,) bias of the linear unit, float32."""
        from safetensors.numpy import load_file

        state = load_file(self.folder / FILE)
        return state["head.1.weight"], state["head.1.bias"]

    def load(self) -> build.Classifier:
        """Rebuild the network: the whole of it from its file, or its head on the frozen backbone.

        Returns:
            The network, in evaluation mode.

        Raises:
            WeightsError: The file does not fit completely.
        """
        from safetensors.torch import load_file

        about = self._about
        model = Network(**about["model"])
        # A frozen backbone made of random weights is made again from the same seed.
        network = build.build(
            model.backbone,
            self.weights,
            dropout=model.dropout,
            seed=about["backbone_seed"],
            size=about["input_size"],
            pretrained=not self.whole,
        )
        state = load_file(self.folder / FILE)
        part = network if self.whole else network.head
        if not self.whole:
            state = {name.removeprefix("head."): tensor for name, tensor in state.items()}
        try:
            part.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise WeightsError(f"does not fit the network: {error}", file=self.folder / FILE) from None
        return network.eval()

    @property
    def _about(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "model.json").read_text(encoding="utf-8"))
        return content


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


@dataclass(frozen=True, eq=False)
class SavedNetwork(Saved):
    """The folds of a network on disk.

    Attributes:
        weights: What the backbone started from.
        crop: How boxes become crops.
        size: Side of the network's input.
        compute: Device and precision.
        seed: The study's, from which boxes nearby are drawn.
    """

    model: Network
    weights: Resolved
    crop: Crop
    size: int
    compute: Compute
    seed: int

    def inputs(self, cases: pd.DataFrame) -> Any:
        """The weights, and how boxes become crops."""
        return [self.crop, self.weights.sha256, self.weights.record.normalisation]

    def _read(self) -> FittedNetwork:
        return FittedNetwork(self)


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
        folds = [[Fold(folder, saved.weights) for folder in of_seed] for of_seed in saved.folders]
        self.whole = folds[0][0].whole
        # As undisturbed cases are predicted: pooled features of a frozen backbone are always float32.
        self._on = Device.choose(saved.compute.device, saved.compute.predict if self.whole else "float32")
        if not self.whole and saved.weights.sha256:
            folds = [[fold for of_seed in folds for fold in of_seed]]
        self.members = [self._together(of_seed) for of_seed in folds]

    def _together(self, folds: Sequence[Fold]) -> list[Member]:
        """The folds of one seed."""
        groups = [[fold] for fold in folds] if self.whole else [list(folds)]
        found = []
        for group in groups:
            heads = [fold.head() for fold in group]
            weight, bias = (np.concatenate([head[k] for head in heads]) for k in (0, 1))
            found.append(Member(group[0].load().to(self.device), weight, bias))
        return found

    @property
    def mapped(self) -> FittedNetwork | None:
        """Itself, where its layers tell where it looks: convolutional ones do."""
        return self if self.members[0][0].network.supports_cam else None

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self._on.device

    def __call__(self, inputs: Iterable[Input], told: Mapping[str, Floats]) -> Floats:
        """(n,) probabilities, the mean of folds, seeds and boxes.

        While a network looks at one batch of crops the next ones are cut. A batch never holds crops of two cases, so
        that what a case is told does not depend on the others.
        """
        count, found = self.saved.model.average_boxes, dict[int, Floats]()
        for places, batch in ahead(self._batches(inputs)):
            found |= zip(map(int, places), self.probabilities(batch), strict=True)
        each = np.array([found[place] for place in range(len(found))]).reshape(-1, count, len(self.members))
        seeds = [np.ascontiguousarray(each[:, :, seed]).mean(axis=1) for seed in range(len(self.members))]
        return np.asarray(np.mean(seeds, axis=0))

    @torch.inference_mode()
    def probabilities(self, batch: torch.Tensor) -> Floats:
        """(n, seeds) mean probability over folds of (n, 1, S, S) crops."""
        inputs = batch.to(self.device)
        return np.stack([expit(self._logits(of_seed, inputs)).mean(axis=1) for of_seed in self.members], axis=1)

    def _logits(self, members: Sequence[Member], pictures: torch.Tensor) -> Floats:
        """(n, folds) logits of one seed's networks."""
        if self.whole:
            with self._on.autocast():
                told = [member.network(pictures) for member in members]
            return torch.stack([each.double().cpu() for each in told], dim=1).numpy()
        member = members[0]
        features = member.network.features(pictures).float().cpu().numpy().astype(np.float64)
        return np.asarray(features @ member.weight.astype(np.float64).T + member.bias.astype(np.float64))

    def _batches(self, inputs: Iterable[Input]) -> Iterator[Batch]:
        """Crops of inputs in batches that lie within a case."""
        start = 0
        for _, of_case in groupby(inputs, key=lambda one: one.case_id):
            given = list(of_case)
            for places, batch in _filled(self._crops(given)):
                yield start + places, batch
            start += len(given) * self.saved.model.average_boxes

    def _crops(self, inputs: Sequence[Input]) -> Iterator[Batch]:
        """All crops of a case's inputs, cut from the original and rounded as stored crops are."""
        count = self.saved.model.average_boxes
        around = nearby([inputs[0].case_id], count, self.saved.seed)
        start = 0
        for look, sharing in groupby(inputs, key=lambda one: one.look):
            boxes = np.concatenate([perturb.boxes(one.box, around) for one in sharing])
            version = look.version
            rects = crops.rectangles(boxes, self.saved.crop) - np.tile(version.corner, 2)
            # A graphics card cuts, too; elsewhere the processor is the better scissors.
            picture = torch.from_numpy(version.pixels).to(self.device if self.device.type == "cuda" else "cpu")
            for first in range(0, len(rects), _CROPS_A_BATCH):
                places = np.arange(first, min(first + _CROPS_A_BATCH, len(rects)))
                cut = crops.cut(picture, rects[places], self.saved.size)
                yield start + places, (cut.clamp_(0, 1) * 65535).round_()[:, None] / 65535
            start += len(rects)

    def cut(self, pixels: Pixels, rects: Floats) -> NDArray[np.float32]:
        """(n, 1, S, S) crops of a radiograph, rounded as stored crops are."""
        stored = crops.to_stored(crops.extract(pixels, rects, self.saved.size))
        return stored[:, None].astype(np.float32) / np.float32(65535)


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
