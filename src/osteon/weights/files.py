"""Reading checkpoints of any format as plain tensors, and no code with them."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osteon.core.errors import WeightsError
from osteon.weights import keras
from osteon.weights.records import Record

if TYPE_CHECKING:
    import torch

#: The one key of the safetensors metadata that osteon writes; one key only, so that equal contents are equal bytes.
METADATA = "osteon"
_STATES = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights", "network", "backbone", "encoder")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def form_of(path: Path) -> str:
    """``safetensors``, ``keras`` or ``torch``, told from the first bytes, not from the name."""
    if not path.is_file():
        raise WeightsError("no such weights file", file=path)
    with path.open("rb") as handle:
        head = handle.read(9)
    if head.startswith(b"\x89HDF"):
        return "keras"
    if head[8:] == b"{":  # after the header's length
        return "safetensors"
    if head.startswith((b"PK", b"\x80")):  # PyTorch's zip archive, and the bare pickle before it
        return "torch"
    raise WeightsError(
        "not a safetensors, PyTorch or Keras HDF5 file, or a damaged one", file=path, fix="Get it again."
    )


def read(path: Path) -> dict[str, torch.Tensor]:
    """Read every tensor of a checkpoint.

    Args:
        path: A safetensors file, a PyTorch checkpoint (state dict, possibly inside another dict), or Keras HDF5.

    Returns:
        Name to tensor. Keras tensors are named ``layer/variable`` and have PyTorch's axis order.

    Raises:
        WeightsError: Absent, damaged, or holding objects other than tensors.
    """
    return {"safetensors": _read_safetensors, "keras": _read_keras, "torch": _read_torch}[form_of(path)](path)


def inside(path: Path) -> Record | None:
    """The record that osteon wrote into a safetensors file, or None."""
    found = told(path)
    if not found:
        return None
    if "record" not in found:
        raise WeightsError("not a complete safetensors file ('record')", file=path)
    return Record.from_dict(found["record"])


def told(path: Path) -> Mapping[str, Any]:
    """All that osteon wrote into a safetensors file beside its tensors; nothing for other files."""
    if form_of(path) != "safetensors":
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            text = (file.metadata() or {}).get(METADATA)
        found = json.loads(text) if text else {}
    except (SafetensorError, json.JSONDecodeError) as error:
        raise WeightsError(f"not a complete safetensors file ({error})", file=path) from error
    if not isinstance(found, Mapping):
        raise WeightsError("what stands beside its tensors is not what osteon writes", file=path)
    return found


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"not a complete safetensors file ({error})", file=path, fix="Get it again.") from error


def _read_keras(path: Path) -> dict[str, torch.Tensor]:
    import torch

    return {
        f"{layer}/{variable}": torch.from_numpy(keras.as_torch(variable, values))
        for layer, variables in keras.read(path).items()
        for variable, values in variables.items()
    }


def _read_torch(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "it holds Python objects, not only tensors, and osteon runs no code from a file",
            file=path,
            fix="Where the file is trusted, load it in PyTorch and save the network's state_dict() alone.",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"not a PyTorch, safetensors or Keras HDF5 file, or a damaged one ({reason})",
            file=path,
            fix="Get it again.",
        ) from error
    tensors = {str(k): v for k, v in _state(content).items() if isinstance(v, torch.Tensor)}
    if not tensors:
        raise WeightsError("there are no named tensors in it", file=path, fix="Save the network's state_dict().")
    return tensors


def _state(content: Any) -> Mapping[str, Any]:
    """The state dict inside whatever dicts a training script wrapped around it."""
    if not isinstance(content, Mapping):
        return {}
    for key in _STATES:
        if isinstance(content.get(key), Mapping):
            return _state(content[key])
    return content
