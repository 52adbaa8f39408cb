"""A fitted network for other programs: ONNX files, a JSON that says how to use them, and a program that does.

Attention: importing this module imports torch.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from osteon.core.errors import InputError
from osteon.core.extras import need
from osteon.core.ledger import write_json
from osteon.core.tables import written
from osteon.core.version import __version__
from osteon.io.stored import DEFAULT_PERCENTILES
from osteon.models.network import cropping
from osteon.models.network.fitted import FittedNetwork
from osteon.models.network.graph import refused, translated
from osteon.models.network.members import Member
from osteon.models.network.pictures import nearby

#: In 2 cropping is a graph, too.
FORMAT, VERSION = "osteon-onnx", 2
#: How far probabilities may be from torch's.
_TOLERANCE = 1e-5
#: The greatest file that ONNX can be, a Protocol Buffers message.
_MOST_BYTES = 2**31 - 1

_CROPS = "crop.onnx"

_GREY = [
    "Bone is bright: grey values are numbers in [0, 1], black 0 and white 1, of the upright picture (after EXIF).",
    "A picture of 8 bits: value / 255.",
    "A deeper one: its percentiles become 0 and 1, and what lies beyond is limited to [0, 1]. They are taken on every "
    "k-th row and column, k = max(1, min(height, width) // 512); where they are equal, least and greatest value are "
    "taken in their place.",
    "Colour becomes luminance (ITU-R 601), (19595 red + 38470 green + 7471 blue + 32768) // 65536 of the whole numbers "
    "stored; that of a JPEG is the luminance channel that it stores.",
    "Of a DICOM file, the window that it names first is mapped onto [0, 1]; MONOCHROME1 is inverted.",
]
_CROP = [
    "Boxes are x0, y0, x1, y1 in pixels of the upright picture; the pixel in the upper left corner covers "
    "[0, 1) x [0, 1).",
    "The box's sides are multiplied by 1 + 2 margin about its centre; if square, both then become the longer one.",
    "The rectangle is resampled to size x size pixels: every pixel of the crop is the mean of a regular grid of "
    "bilinear samples.",
    "Along each axis a pixel of the crop has n = max(1, ceil(side / size - 0.000001)) samples. Sample k of all "
    "K = n size lies at start + side (k + 0.5) / K - 0.5, where 0, 1, 2 ... are the centres of the picture's pixels.",
    "Outside the picture is black: a sample below -1 or above the picture's length in pixels is 0; one between that "
    "and the outermost centre is as that centre.",
    "The crop's values are limited to [0, 1] and rounded to whole 65535ths.",
]
_BOXES = (
    "The probability is the mean over these changes of the box: dx and dy move it by that part of its width and "
    "height, sx and sy multiply its width and height about its centre; the crop follows. The first is the box as drawn."
)


class _Portable(nn.Module):
    """A member with everything inside: crops in [0, 1] to one probability a head.

    Args:
        member: The network and its heads.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.network = copy.deepcopy(member.network).cpu().float().to(memory_format=torch.contiguous_format)
        self.register_buffer("weight", torch.from_numpy(member.weight.astype(np.float64)))
        self.register_buffer("bias", torch.from_numpy(member.bias.astype(np.float64)))

    def forward(self, crop: Tensor) -> Tensor:
        """(n, H) probabilities of (n, 1, S, S) crops; the heads in double precision, as they are applied here."""
        logits = self.network.features(crop).double() @ self.weight.T + self.bias
        return torch.sigmoid(logits).float()


def to_onnx(members: Iterable[Member], size: int) -> Iterator[bytes]:
    """Networks of one architecture, each with its heads, as ONNX files.

    The input is ``crop``, (n, 1, S, S) float32 in [0, 1] with any n, the output ``probability``, (n, H) float32;
    normalisation and sigmoid are inside. The same network gives the same bytes; they hold no path, name or date.

    Args:
        members: The networks and their H heads.
        size: Side S of their input.

    Yields:
        The file of each.

    Raises:
        InputError: The extra is not installed, or a network cannot be written as ONNX, says something else there, or
            is too large.
    """
    need("onnx", "ONNX files")
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    program: torch.onnx.ONNXProgram | None = None
    for member in members:
        portable = _Portable(member).eval()
        if program is None:
            if sum(tensor.numel() * tensor.element_size() for tensor in portable.state_dict().values()) > _MOST_BYTES:
                raise refused(member.network.record.architecture, "it is larger than an ONNX file can be, 2 GB")
            program = translated(portable, size, "probability")
            graph = program.model
        program.model, values = graph.clone(), portable.state_dict()
        program.apply_weights({name: values[name] for name in graph.graph.initializers if name in values})
        program.optimize()
        ClearMetadataAndDocStringPass()(program.model)  # where in this machine's files each node comes from
        content: bytes = program.model_proto.SerializeToString(deterministic=True)
        _compare(content, portable, size)
        yield content


@torch.inference_mode()
def _compare(content: bytes, portable: _Portable, size: int) -> None:
    """Hold what onnxruntime makes of a file against torch, for one crop and for several."""
    import onnxruntime

    architecture = portable.network.record.architecture
    crops = np.random.default_rng(0).random((3, 1, size, size), dtype=np.float32)
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        told = [session.run(None, {"crop": part})[0] for part in (crops[:1], crops)]
    except Exception as error:  # onnxruntime's own have no common base
        raise refused(architecture, type(error).__name__) from None
    for given, found in zip((crops[:1], crops), told, strict=True):
        difference = float(np.abs(portable(torch.from_numpy(given)).numpy() - found).max())
        if not difference < _TOLERANCE:
            raise refused(architecture, f"its probabilities would differ by {difference:.1g}")


def export(fitted: FittedNetwork, folder: Path, *, title: Mapping[str, Any] | None = None) -> list[Path]:
    """Write a fitted network for other programs.

    Args:
        fitted: The network, all of its folds and seeds.
        folder: A new or empty folder.
        title: What else ``model.json`` says, first: the model's name, classes, thresholds, recalibration.

    Returns:
        What was written: an ONNX file a network (:func:`to_onnx`), one that crops, ``model.json``, ``example.py``.

    Raises:
        InputError: The folder holds something, or as :func:`to_onnx`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("an ONNX export needs a folder of its own", file=folder, fix="Name a new one.")
    saved, title = fitted.saved, title or {}
    paths: list[Path] = []
    networks = []
    for member, content in zip(fitted.members, to_onnx(fitted.members, saved.size), strict=True):
        paths.append(folder / f"network-{len(paths) + 1}.onnx")
        with written(paths[-1]) as beside:
            beside.write_bytes(content)
        outputs, sha256 = len(member.bias), hashlib.sha256(content).hexdigest()
        networks.append({"file": paths[-1].name, "outputs": outputs, "sha256": sha256})
    changes = nearby(saved.model.average_boxes, saved.seed).to_numpy().tolist()
    paths.append(folder / _CROPS)
    with written(paths[-1]) as beside:
        beside.write_bytes(cropping.graph(saved.crop, saved.size, DEFAULT_PERCENTILES, changes))
    about = {
        "use": "Research use only; not a medical device.",
        "files": [_CROPS, *(one["file"] for one in networks)],
        "networks": networks,
        "input": {"name": "crop", "shape": ["n", 1, saved.size, saved.size], "type": "float32", "range": [0, 1]},
        "output": {"name": "probability", "shape": ["n", "outputs"], "type": "float32"},
        "probability": "The mean of all outputs of all networks: there is one for each fold and training seed.",
        "grey": {"percentiles": list(DEFAULT_PERCENTILES), "how": _GREY},
        "crop": {**saved.crop.model_dump(include={"margin", "square"}), "size": saved.size, "how": _CROP},
        "boxes": {"changes": changes, "how": _BOXES},
        "osteon": __version__,
    }
    if clash := about.keys() & title.keys():
        raise ValueError(f"these are said already: {', '.join(sorted(clash))}")
    example = folder / "example.py"
    with written(example) as beside:
        beside.write_bytes(Path(__file__).with_name("example.py").read_bytes())
    write_json(folder / "model.json", {"format": FORMAT, "version": VERSION, **title, **about})
    return [*paths, folder / "model.json", example]
