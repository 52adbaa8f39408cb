"""What a backbone is pretrained to tell: each source's labels, what two views share, which way is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from osteon.pretraining.pictures import Material

#: What makes VICReg's loss, of 25 parts for likeness, about as large as the others'.
_VIEWS_SHARE = 1 / 25


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one source teaches by its labels.

    Attributes:
        number: Which source it is.
        outputs: Classes or signs.
        several: Whether a picture can have several.
        weight: (outputs,) weight of a picture by its class; (1,) for signs.
    """

    number: int
    outputs: int
    several: bool
    weight: NDArray[np.float32]


def lessons(sources: Sequence[Material], learned: Sequence[NDArray[np.intp]]) -> list[Lesson]:
    """The sources that have something to tell apart, each class and each source with the same weight in all.

    Args:
        sources: The sources.
        learned: Of each, the pictures that are learned from.
    """
    every = sum(map(len, learned))
    found = []
    for number, (source, positions) in enumerate(zip(sources, learned, strict=True)):
        if source.labels is None:
            continue
        labels = source.labels[positions]
        if source.several:
            counts = np.array([(labels >= 0).all(axis=1).sum()])
        else:
            counts = np.bincount(labels[labels >= 0], minlength=len(source.classes))
        classes = np.count_nonzero(counts)
        if classes > (not source.several):
            weight = np.divide(every, counts * classes, out=np.zeros(len(counts)), where=counts > 0)
            found.append(Lesson(number, len(source.classes), source.several, weight.astype(np.float32)))
    return [replace(lesson, weight=lesson.weight / np.float32(len(found))) for lesson in found]


class Objectives(nn.Module):
    """The heads of all objectives; they are thrown away in the end.

    Args:
        names: Which objectives.
        width: Features F of the backbone.
        taught: What the sources' labels teach.
    """

    def __init__(self, names: Sequence[str], width: int, taught: Sequence[Lesson]) -> None:
        super().__init__()
        self.taught = list(taught) if "labels" in names else []
        self.labels = nn.ModuleList(nn.Linear(width, lesson.outputs) for lesson in self.taught)
        self.orientation = nn.Linear(width, 4) if "orientation" in names else None
        # As in the paper three layers; as wide as the features, where the paper's is four times as wide.
        self.expander = (
            nn.Sequential(
                nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(),
                nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(),
                nn.Linear(width, width),
            )
            if "views" in names
            else None
        )  # fmt: skip

    @property
    def views(self) -> int:
        """How many views of each picture are shown."""
        return 1 if self.expander is None else 2

    def forward(self, features: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The loss of each objective.

        Args:
            features: (views, n, F).
            batch: What is known of the n pictures.
        """
        losses: dict[str, Tensor] = {}
        if self.taught:
            losses["labels"] = self._labels(features, batch)
        if self.orientation is not None:
            told = self.orientation(features.flatten(0, 1))
            losses["orientation"] = F.cross_entropy(told, batch.turns.repeat(len(features)))
        if self.expander is not None:
            shown = self.expander(features.flatten(0, 1)).view(*features.shape[:2], -1)
            losses["views"] = _VIEWS_SHARE * vicreg(shown[0], shown[1])
        return losses

    def _labels(self, features: Tensor, batch: Batch) -> Tensor:
        """Each source's weighted cross-entropy, over all pictures of the batch."""
        total = features.sum() * 0
        for head, lesson in zip(self.labels, self.taught, strict=True):
            here = batch.sources == lesson.number
            labels = batch.labels[here][:, : lesson.outputs] if lesson.several else batch.labels[here][:, 0]
            known = labels >= 0
            if not bool(known.any()):
                continue
            weight = torch.as_tensor(lesson.weight, device=features.device)
            for view in features[:, here]:
                told = head(view)
                if lesson.several:
                    each = F.binary_cross_entropy_with_logits(told, labels.clamp(min=0).float(), reduction="none")
                    total = total + weight[0] * (each * known).sum() / lesson.outputs
                else:
                    each = F.cross_entropy(told, labels.clamp(min=0), reduction="none")
                    total = total + (each * weight[labels.clamp(min=0)] * known).sum()
        return total / (len(features) * features.shape[1])


@dataclass(frozen=True, eq=False)
class Batch:
    """What is known of n pictures.

    Attributes:
        sources: (n,) numbers of their sources.
        labels: (n, K) class in the first column, or signs; -1 where there is none.
        turns: (n,) by how many quarter turns each is shown.
    """

    sources: Tensor
    labels: Tensor
    turns: Tensor


def turned(pictures: Tensor, turns: Tensor) -> Tensor:
    """Pictures by so many quarter turns each (Gidaris 2018, arXiv:1803.07728)."""
    out = pictures.clone()
    for quarter in (1, 2, 3):
        there = turns == quarter
        out[there] = torch.rot90(pictures[there], quarter, (2, 3))
    return out


def vicreg(first: Tensor, second: Tensor) -> Tensor:
    """VICReg's loss (Bardes 2022, arXiv:2105.04906), with the paper's shares 25, 25 and 1.

    Two views of a picture are told alike, while every feature keeps a standard deviation of 1 over the batch and no two
    go together, which is what keeps all pictures from being told alike. One network, no queue, small batches.

    Args:
        first: (n, F) embeddings of one view.
        second: (n, F) embeddings of the other.
    """
    alike = F.mse_loss(first, second)
    spread, together = first.new_zeros(()), first.new_zeros(())
    for one in (first, second):
        centred = one - one.mean(dim=0)
        spread = spread + F.relu(1 - torch.sqrt(one.var(dim=0) + 1e-4)).mean() / 2
        covariance = centred.T @ centred / (len(one) - 1)
        together = together + (covariance.square().sum() - covariance.diagonal().square().sum()) / one.shape[1]
    return 25 * alike + 25 * spread + together
