"""Checkpoints made on the spot, in every layout that is in circulation."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
import torch
import torchvision
from torch import nn

from synthetic_weights import values


@pytest.fixture(scope="session")
def keras_reference(references: Path) -> dict:
    """Keras's own variables and features, see tests/references/make_keras_applications.py."""
    return json.loads((references / "keras_applications.json").read_text())


@pytest.fixture(scope="session")
def keras_file(keras_reference: dict, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the reference's weights as Keras's HDF5, under any spelling of the layers' names."""
    folder = tmp_path_factory.mktemp("keras")

    def write(
        architecture: str, rename: Callable[[str], str] = str, *, root: str = "model_weights", config: str = ""
    ) -> Path:
        path = folder / f"{architecture}-{len(list(folder.iterdir()))}.h5"
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = config or "{}"
            top = file.create_group(root) if root else file
            names: dict[str, list[str]] = {}
            for layer, variable, shape in keras_reference[architecture]["variables"]:
                group = top.require_group(rename(layer))
                name = f"{rename(layer)}/{variable}:0"
                group[name] = values(layer, variable, shape)
                names.setdefault(rename(layer), []).append(name)
            top.attrs["layer_names"] = [layer.encode() for layer in ("input_1", *names)]
            top.create_group("input_1").attrs["weight_names"] = []
            for layer, weight_names in names.items():
                top[layer].attrs["weight_names"] = [name.encode() for name in weight_names]
        return path

    return functools.cache(write)


@pytest.fixture(scope="session")
def trained() -> Callable[[str], nn.Module]:
    """torchvision's networks with batch-norm statistics as if they had been trained."""
    made: dict[str, nn.Module] = {}

    def network(architecture: str) -> nn.Module:
        if architecture not in made:
            torch.manual_seed(1)
            extra = {"init_weights": False} if architecture == "inception_v3" else {}
            built = torchvision.models.get_model(architecture, weights=None, **extra)
            for module in built.modules():
                if isinstance(module, nn.BatchNorm2d):
                    nn.init.normal_(module.running_mean, 0, 0.1)
                    nn.init.uniform_(module.running_var, 0.5, 1)
                    nn.init.uniform_(module.weight, 0.5, 1)
                    nn.init.normal_(module.bias, 0, 0.1)
            made[architecture] = built.eval()
        return made[architecture]

    return network
