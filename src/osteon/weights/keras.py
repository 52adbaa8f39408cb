"""Reading Keras HDF5 weights without Keras."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osteon.errors import WeightsError

Array = NDArray[np.float32]

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
            for group in root.values():
                for name in group.attrs.get("weight_names", ()) if isinstance(group, h5py.Group) else ():
                    text = name.decode() if isinstance(name, bytes) else str(name)
                    layer, _, variable = text.rpartition("/")
                    layers.setdefault(layer, {})[variable.split(":")[0]] = np.asarray(group[text], dtype=np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(f"not a complete HDF5 file ({error})", file=path, fix="Download it again.") from error
    if not layers:
        raise WeightsError(
            "an HDF5 file, but not in Keras's layout (no layer has a 'weight_names' attribute)",
            file=path,
            fix="Save the network with Keras 2's model.save_weights('NAME.h5').",
        )
    return layers


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

    if config is not None:
        collect(json.loads(config))
    return found


def as_torch(variable: str, values: Array) -> tuple[str, Array]:
    """A Keras variable under PyTorch's name and axis order: kernels (h, w, in, out) become (out, in, h, w)."""
    axes = (3, 2, 0, 1) if variable == "kernel" and values.ndim == 4 else range(values.ndim)
    return VARIABLES.get(variable, variable), np.ascontiguousarray(values.transpose(*axes))
