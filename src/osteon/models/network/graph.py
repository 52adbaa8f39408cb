"""Networks traced into ONNX graphs.

Attention: importing this module imports torch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from osteon.core.errors import InputError
from osteon.core.version import __version__
from osteon.models.network.build import Classifier

#: ONNX's version of 2022, the one that torch's exporter writes without converting; onnxruntime reads it since 1.14.
_OPSET = 18
#: Where a graph without weights says that they lie; whoever reads it brings them.
_ELSEWHERE = "brought"


class _Features(nn.Module):
    """A network as far as its pooled features.

    Args:
        network: The network.
    """

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).cpu().float().to(memory_format=torch.contiguous_format)

    def forward(self, crop: Tensor) -> Tensor:
        """(n, F) features of (n, 1, S, S) crops."""
        return self.network.features(crop)


def structure(network: Classifier, size: int) -> tuple[bytes, tuple[str, ...]]:
    """A network as far as its pooled features, as an ONNX graph without weights: ``crop`` to ``features``.

    Args:
        network: The network.
        size: Side S of its input.

    Returns:
        The graph, and the names of the tensors that whoever reads it brings; the same for any weights.

    Raises:
        InputError: It cannot be written as ONNX.
    """
    import onnx_ir
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    portable = _Features(network).eval()
    program = translated(portable, size, "features")
    brought = _as_inputs(program.model.graph, portable.state_dict())
    program.optimize()  # which keeps inputs as they are, so that any weights can be brought
    model = program.model
    del model.graph.inputs[1:]
    for value, tensor in brought:
        elsewhere = {"offset": 0, "length": tensor.nbytes, "dtype": tensor.dtype, "name": value.name}
        value.const_value = onnx_ir.ExternalTensor(_ELSEWHERE, shape=onnx_ir.Shape(tensor.shape.numpy()), **elsewhere)
        if value.uses():
            model.graph.register_initializer(value)
    ClearMetadataAndDocStringPass()(model)  # where in this machine's files each node comes from
    content: bytes = onnx_ir.to_proto(model).SerializeToString(deterministic=True)
    return content, tuple(str(value.name) for value, _ in brought if value.uses())


def _as_inputs(graph: Any, weights: Collection[str]) -> list[tuple[Any, Any]]:
    """Make inputs of a graph's weights, of which nothing is known; give them with what they held."""
    held = [(value, value.const_value) for name, value in graph.initializers.items() if name in weights]
    for value, _ in held:
        value.const_value = None
        del graph.initializers[value.name]
        graph.inputs.append(value)
    return held


def translated(module: nn.Module, size: int, output: str) -> torch.onnx.ONNXProgram:
    """A module around a network traced; parameters still have their names, so that any weights can be put in.

    Args:
        module: Its ``network`` is the network.
        size: Side S of its input ``crop``, (n, 1, S, S) with any n.
        output: What its output is called.

    Raises:
        InputError: It cannot be written as ONNX.
    """
    try:
        program = torch.onnx.export(
            module,
            (torch.zeros(2, 1, size, size),),
            dynamo=True,
            input_names=["crop"],
            output_names=[output],
            dynamic_shapes={"crop": {0: torch.export.Dim("n")}},
            opset_version=_OPSET,
            optimize=False,
            verbose=False,
        )
    except Exception as error:  # the exporter lets through whatever a network's own code makes of symbols
        architecture = module.network.record.architecture  # type: ignore[union-attr]
        raise refused(str(architecture), type(error).__name__) from None
    assert program is not None
    program.model.producer_name, program.model.producer_version = "osteon", __version__
    return program


@torch.inference_mode()
def greatest_difference(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]], network: Classifier, size: int
) -> float:
    """How far features are from torch's, for one crop and for several, as a share of the greatest; inf if unlike."""
    patches = np.random.default_rng(0).random((3, 1, size, size), dtype=np.float32)
    ramps = np.sqrt(patches) * np.linspace(0, 1, size, dtype=np.float32)
    found = 0.0
    for crops in (patches[:1], np.concatenate([patches[1:], ramps[:1]])):
        expected = network.features(torch.from_numpy(crops)).numpy()
        try:
            told = run(crops)
        except Exception:  # onnxruntime's own have no common base; a network that is tied to one batch, for instance
            return float("inf")
        if told.shape != expected.shape or not np.isfinite(told).all():
            return float("inf")
        found = max(found, float(np.abs(told - expected).max()) / max(float(np.abs(expected).max()), 1e-30))
    return found


def refused(architecture: str, reason: str) -> InputError:
    """The sentence that a network cannot be written as ONNX."""
    return InputError(
        f"{architecture} cannot be written as ONNX ({reason})", fix="Choose another backbone, or predict with osteon."
    )
