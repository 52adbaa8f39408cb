"""Inference: fitted networks from their folders, and probabilities of the positive class."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from osteon import models
from osteon.errors import WeightsError
from osteon.study import Network
from osteon.weights import Resolved


def load_network(folder: Path, weights: Resolved) -> models.Network:
    """Rebuild a fitted network: the whole of it from its file, or its head on the frozen backbone.

    Args:
        folder: A fold's folder with ``model.safetensors`` and ``model.json``.
        weights: What the backbone started from; a frozen backbone still is that.

    Returns:
        The network, in evaluation mode.

    Raises:
        WeightsError: The file does not fit completely.
    """
    from safetensors.torch import load_file

    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    model = Network(**about["model"])
    # A frozen backbone made of random weights is made again from the same seed.
    network = models.build(
        model.backbone,
        weights,
        dropout=model.dropout,
        seed=about["backbone_seed"],
        size=about["input_size"],
        pretrained=not about["whole_network"],
    )
    state = load_file(folder / "model.safetensors")
    part = network if about["whole_network"] else network.head
    if not about["whole_network"]:
        state = {name.removeprefix("head."): tensor for name, tensor in state.items()}
    try:
        part.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"does not fit the network: {error}", file=folder / "model.safetensors") from None
    return network.eval()


def is_whole(folder: Path) -> bool:
    """Whether a fold keeps its whole network, or its head alone on the frozen backbone it started from."""
    return bool(json.loads((folder / "model.json").read_text(encoding="utf-8"))["whole_network"])


@torch.inference_mode()
def probabilities(network: models.Network, crops: torch.Tensor) -> torch.Tensor:
    """Probability of the positive class.

    Args:
        network: A fitted network in evaluation mode.
        crops: (n, 1, S, S) float32 in [0, 1] on the network's device.

    Returns:
        (n,) float64 on the CPU.
    """
    return torch.sigmoid(network(crops).double()).cpu()
