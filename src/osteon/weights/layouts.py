"""Names of tensors: from the layouts in circulation to torchvision's, which timm shares.

A layout is recognised by trying all of them and keeping the one that explains most tensors by name and shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ARCHITECTURES = ("resnet50", "inception_v3", "densenet121")

_RESNET = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
_INCEPTION = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
    *(f"Mixed_{block}" for block in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")),
)
_DENSENET = (
    *("conv0", "norm0"),
    *("denseblock1", "transition1", "denseblock2", "transition2", "denseblock3", "transition3", "denseblock4", "norm5"),
)
_WRAPPERS = {
    *("module", "model", "backbone", "encoder", "net", "network", "base_model", "feature_extractor", "_orig_mod"),
    *("resnet", "resnet50", "inception", "inception_v3", "densenet", "densenet121", "base", "trunk"),
}
_HEADS = {
    *("fc", "classifier", "head", "AuxLogits", "linear", "last_linear", "logits", "predictions", "dense", "dense_1"),
    *("fc1000", "probs", "output"),
}

Shapes = Mapping[str, tuple[int, ...]]


@cache
def targets(architecture: str) -> dict[str, tuple[int, ...]]:
    """The tensors a complete backbone has: name to shape, in the network's order, counters and head left out."""
    import timm
    import torch

    extra = {"aux_logits": False} if architecture == "inception_v3" else {}
    with torch.device("meta"):
        network = timm.create_model(architecture, pretrained=False, num_classes=0, **extra)
    return {k: tuple(v.shape) for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}


def three_channels(tensor: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """A stem of one channel as one of three that are given the same picture; any other tensor as it is.

    Each channel gets a third of the kernel, so that the sum over channels is what the one channel gave.

    Args:
        tensor: Of a checkpoint.
        shape: Of its place in the network.
    """
    if tensor.ndim == 4 and tensor.shape[1] == 1 and tuple(shape) == (len(tensor), 3, *tensor.shape[2:]):
        return tensor.float().expand(tuple(shape)) / 3
    return tensor


def norm_of(convolution: str) -> str | None:
    """The batch normalisation that directly follows a convolution, or None where there is none."""
    parent, _, last = convolution.rpartition(".")
    dot = "." if parent else ""
    if last == "conv" and "transition" not in parent:  # Inception
        return f"{parent}.bn"
    if last == "0" and parent.endswith("downsample"):
        return f"{parent}.1"
    if "denselayer" in parent:  # pre-activation: only the bottleneck is followed by a norm of its own
        return f"{parent}.norm2" if last == "conv1" else None
    if last == "conv0":
        return f"{parent}{dot}norm0"
    return f"{parent}{dot}bn{last[4:]}" if re.fullmatch(r"conv[123]", last) else None


def is_head(name: str) -> bool:
    """Whether a tensor belongs to a classification head or is a counter, neither of which a backbone needs."""
    return name.endswith("num_batches_tracked") or any(part in _HEADS for part in name.split(".")[:2])


def unwrapped(name: str) -> str:
    """A tensor's name without the wrappers that training scripts put around a network.

    >>> unwrapped("module.model.layer1.0.conv1.weight")
    'layer1.0.conv1.weight'
    """
    first, dot, rest = name.partition(".")
    return unwrapped(rest) if dot and first in _WRAPPERS else name


def torch_names(names: Iterable[str], architecture: str) -> tuple[str, dict[str, str]]:
    """Rename a PyTorch checkpoint's tensors.

    Args:
        names: The checkpoint's names.
        architecture: What it is taken for.

    Returns:
        The layout, and a dict from the checkpoint's names to torchvision's.
    """
    bare = {name: unwrapped(name) for name in names}
    numbered = {key for key in bare.values() if key.split(".")[0].isdigit()}
    if 2 * len(numbered) > len(bare):
        return "nn.Sequential of the children (backbone.N.*)", _from_sequential(bare, architecture)
    if architecture == "densenet121":
        bare = {name: _dense(key) for name, key in bare.items()}
    return "torchvision/timm", bare


def _dense(key: str) -> str:
    """Torchvision's DenseNet name from one without ``features.`` or in the spelling before 2018 (``norm.1``)."""
    key = re.sub(r"\.(norm|conv)\.(\d)\.", r".\1\2.", key)
    return f"features.{key}" if key.split(".")[0] in _DENSENET else key


def _from_sequential(bare: Mapping[str, str], architecture: str) -> dict[str, str]:
    """Names from ``nn.Sequential(*children)``: children that hold tensors, in order.

    Indices are taken by rank, not by value: whether pooling layers were modules depends on torchvision's version.
    """
    indices = sorted({int(key.split(".")[0]) for key in bare.values() if key.split(".")[0].isdigit()})
    if architecture == "resnet50":
        children = [*_RESNET, "fc"]
    elif architecture == "inception_v3":
        auxiliary = len(indices) > 16 and any(key.startswith(f"{indices[13]}.conv0.") for key in bare.values())
        children = [*_INCEPTION[:13], *["AuxLogits"] * auxiliary, *_INCEPTION[13:], "fc"]
    else:
        children = ["features", "classifier"] if len(indices) < 3 else [f"features.{name}" for name in _DENSENET]
    names = {str(index): child for index, child in zip(indices, children, strict=False)}
    out = {}
    for name, key in bare.items():
        first, _, rest = key.partition(".")
        renamed = f"{names[first]}.{rest}" if first in names else key
        out[name] = _dense(renamed) if architecture == "densenet121" else renamed
    return out


def keras_names(layers: Iterable[str], architecture: str) -> dict[str, str]:
    """Rename Keras layers.

    Args:
        layers: Names of layers that hold tensors.
        architecture: What the file is taken for.

    Returns:
        A dict from the layers' names to torchvision's modules, for those that are understood.
    """
    if architecture == "inception_v3":
        return _inception_by_order(layers)
    rename: Callable[[str], str | None] = _keras_resnet if architecture == "resnet50" else _keras_densenet
    renamed = {layer: rename(layer.replace("/", "_")) for layer in layers}
    return {layer: name for layer, name in renamed.items() if name}


def _keras_resnet(layer: str) -> str | None:
    """A ResNet50 layer in Keras's present spelling (conv2_block1_1_conv) or the one before 2.3 (res2a_branch2a)."""
    if layer in ("conv1_conv", "conv1"):
        return "conv1"
    if layer in ("conv1_bn", "bn_conv1"):
        return "bn1"
    if match := re.fullmatch(r"conv([2-5])_block(\d+)_([0-3])_(conv|bn)", layer):
        stage, block, place = int(match[1]) - 1, int(match[2]) - 1, int(match[3])
        is_norm = match[4] == "bn"
    elif match := re.fullmatch(r"(res|bn)([2-5])([a-f])_branch(1|2[abc])", layer):
        stage, block = int(match[2]) - 1, "abcdef".index(match[3])
        place, is_norm = {"1": 0, "2a": 1, "2b": 2, "2c": 3}[match[4]], match[1] == "bn"
    else:
        return None
    if place == 0:
        return f"layer{stage}.{block}.downsample.{int(is_norm)}"
    return f"layer{stage}.{block}.{'bn' if is_norm else 'conv'}{place}"


def _keras_densenet(layer: str) -> str | None:
    """A DenseNet121 layer (conv2_block1_0_bn, pool2_conv, bn)."""
    if layer in ("conv1_conv", "conv1_bn", "bn"):
        return {"conv1_conv": "features.conv0", "conv1_bn": "features.norm0", "bn": "features.norm5"}[layer]
    if match := re.fullmatch(r"pool([234])_(conv|bn)", layer):
        return f"features.transition{int(match[1]) - 1}.{'norm' if match[2] == 'bn' else 'conv'}"
    if match := re.fullmatch(r"conv([2-5])_block(\d+)_(0_bn|1_conv|1_bn|2_conv)", layer):
        part = {"0_bn": "norm1", "1_conv": "conv1", "1_bn": "norm2", "2_conv": "conv2"}[match[3]]
        return f"features.denseblock{int(match[1]) - 1}.denselayer{match[2]}.{part}"
    return None


def _inception_by_order(layers: Iterable[str]) -> dict[str, str]:
    """InceptionV3 layers have no names of their own in Keras, only running numbers (conv2d_17, batch_normalization_17).

    Numbers need not start at 0: they count on through a Python session. Their order is that in which the network is
    written down, which is torchvision's order too.
    """
    convolutions = [name.removesuffix(".weight") for name in targets("inception_v3") if name.endswith(".conv.weight")]
    out: dict[str, str] = {}
    for kind, suffix in (("conv2d", "conv"), ("batch_normalization", "bn")):
        found = [(int(m[1] or 0), layer) for layer in layers if (m := re.fullmatch(rf"{kind}(?:_(\d+))?", layer))]
        if len(found) == len(convolutions):
            names = (f"{name.removesuffix('conv')}{suffix}" for name in convolutions)
            out |= {layer: name for (_, layer), name in zip(sorted(found), names, strict=True)}
    return out
