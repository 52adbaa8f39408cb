"""Reading Keras HDF5 weights without Keras."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import WeightsError

Array = NDArray[np.float32]

#: Keras's name of a variable to PyTorch's.
VARIABLES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "bias": "bias",
    "kernel": "weight",
}


def read(path: Path) -> dict[str, dict[str, Array]]:
    """Read the tensors of a Keras ``.h5`` file, weights only or whole model, nested models flattened.

    Returns:
        Layer name to variable name (``kernel``, ``bias``, ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``)
        to array, as stored (kernels are (height, width, in, out)).

    Raises:
        WeightsError: Not HDF5, truncated, or not in Keras's legacy HDF5 layout.
    """
    import h5py

    layers: dict[str, dict[str, Array]] = {}
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            for group in (root[_text(name)] for name in root.attrs.get("layer_names", ())):
                for name in map(_text, group.attrs.get("weight_names", ())):
                    layer, _, variable = name.rpartition("/")
                    layers.setdefault(layer, {})[variable.split(":")[0]] = np.asarray(group[name], dtype=np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(f"not a complete HDF5 file ({error})", file=path, fix="Get it again.") from error
    if not layers:
        raise WeightsError(
            "an HDF5 file, but not in Keras's layout (it names no layers with weights)",
            file=path,
            fix="Save the whole network in Keras with model.save('NAME.h5').",
        )
    return layers


def _text(name: object) -> str:
    """An HDF5 string, which older files hold as bytes."""
    return name.decode() if isinstance(name, bytes) else str(name)


def epsilons(path: Path) -> set[float]:
    """The batch-norm epsilons that a saved whole model states; empty for a file of weights only."""
    import h5py

    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
    found: set[float] = set()

    def collect(node: object) -> None:
        if isinstance(node, dict):
            if node.get("class_name") == "BatchNormalization":
                found.add(float(node.get("config", {}).get("epsilon", 1e-3)))
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    try:
        collect(json.loads(config) if config is not None else None)
    except ValueError as error:
        raise WeightsError(f"its description of the network is damaged ({error})", file=path) from error
    return found


def as_torch(variable: str, values: Array) -> Array:
    """A Keras variable in PyTorch's axis order: kernels (height, width, in, out) become (out, in, height, width)."""
    kernel = variable == "kernel" and values.ndim == 4
    return np.ascontiguousarray(values.transpose(3, 2, 0, 1)) if kernel else values
