"""Pretraining a backbone on labelled pictures of one's own, into a weights file that a study can name."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from osteon import stats, weights
from osteon.core.tables import written
from osteon.core.types import Pixels
from osteon.models.inputs import augment
from osteon.models.network import build
from osteon.models.network.train import cosine
from osteon.study import Augment

#: Share of the steps in which pictures are shown small.
_COARSE = 0.6


@dataclass(frozen=True)
class Pretraining:
    """What is pretrained, and how long.

    Attributes:
        backbone: Any timm backbone.
        name: What the record is called.
        source: Where the pictures came from, for the record.
        epochs: Passes over the pictures.
        batch_size: Pictures in a step.
        learning_rate: Peak rate.
    """

    backbone: str
    name: str
    source: str
    epochs: int = 6
    batch_size: int = 32
    learning_rate: float = 2e-3


def pretrain(
    images: Pixels, labels: NDArray[np.int64], path: Path, how: Pretraining, rng: np.random.Generator
) -> float:
    """Train a backbone from scratch to tell classes or signs and write it with its record inside.

    In float32 on every device; the first part of the steps sees the pictures at two thirds of their size, which costs
    less than half.

    Args:
        images: (N, 1, S, S) in [0, 1].
        labels: (N,) class numbers from 0, or (N, K) signs of which a picture can have several, each 0 or 1.
        path: The safetensors file to write.
        how: What is pretrained, and how long.
        rng: Source of all randomness.

    Returns:
        Accuracy on the last tenth of the pictures, which were not trained on; of signs, the mean of their AUCs there.
    """
    batch_size = how.batch_size
    mean, std = float(images.mean()), float(images.std())
    untrained = weights.resolve("random", how.backbone)
    record = replace(
        untrained.record, name=how.name, source=how.source, file=path.name,
        range=(0.0, 1.0), mean=(mean,) * 3, std=(std,) * 3, licence="Apache-2.0",
    )  # fmt: skip
    seed = int(rng.integers(2**31))
    network = build.build(how.backbone, weights.Resolved(record), seed=seed, size=images.shape[-1], pretrained=False)
    torch.manual_seed(seed)
    several = labels.ndim == 2
    classes = nn.Linear(network.n_features, labels.shape[1] if several else int(labels.max()) + 1)
    network.backbone.to(memory_format=torch.channels_last)
    trained = [*network.backbone.parameters(), *classes.parameters()]
    optimiser = torch.optim.AdamW(trained, lr=how.learning_rate, weight_decay=0.02)
    learn = np.arange(len(images) - len(images) // 10)
    pictures, target = torch.tensor(images), torch.from_numpy(labels.astype(np.float32) if several else labels)
    loss_of = F.binary_cross_entropy_with_logits if several else F.cross_entropy
    change = Augment(shift=0.0, scale=0.0, rotate=10)  # what turns in from outside the picture is black
    steps = how.epochs * (len(learn) // batch_size)
    coarse = _COARSE if images.shape[-1] * 2 // 3 >= network.smallest else 0.0
    done = 0
    network.train()
    for _ in range(how.epochs):
        order = rng.permutation(learn)
        for chosen in np.split(order[: len(order) // batch_size * batch_size], len(order) // batch_size):
            for group in optimiser.param_groups:
                group["lr"] = how.learning_rate * cosine(done / steps, 0.1)
            inputs = augment.apply(pictures[chosen], augment.draw(batch_size, change, rng), images.shape[-1])
            if done < coarse * steps:
                inputs = F.interpolate(inputs, scale_factor=2 / 3, mode="bilinear", antialias=True)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            loss = loss_of(classes(network.features(inputs)), target[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            done += 1
    network.eval()
    held_out = slice(len(learn), None)
    with torch.inference_mode():
        parts = torch.split(pictures[held_out], batch_size)
        told = torch.cat([classes(network.features(part)) for part in parts]).numpy()
    state = {key: tensor.contiguous() for key, tensor in network.backbone.state_dict().items()}
    with written(path) as beside:
        save_file(state, beside, metadata={"osteon": json.dumps({"record": record.to_dict()}, sort_keys=True)})
    return _merit(told, labels[held_out])


def _merit(told: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Accuracy of classes; of signs the mean AUC of those that some pictures have and others lack."""
    if labels.ndim == 1:
        return float((told.argmax(axis=1) == labels).mean())
    mixed = [sign for sign in range(labels.shape[1]) if 0 < labels[:, sign].mean() < 1]
    return float(np.mean([stats.auc(labels[:, sign] == 1, told[:, sign].astype(np.float64)) for sign in mixed]))
