"""Maps of the evidence for the positive class: Grad-CAM, Grad-CAM++, HiResCAM and occlusion, in batches.

Every network here ends in the mean of its last feature map A (F features on h x w cells) and one linear unit w, so that
the gradient of the logit is the same for every cell, ``w_k / (h w)``, and no backward pass is needed: the maps follow
from the feature map alone, for as many heads as share it. All maps are of the positive class's logit; what speaks
against it is cut off at 0.

Attention: importing this module imports torch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from osteon.models.network.build import Classifier

#: Cells a side of an occlusion map; two by two of them are hidden at a time.
_CELLS = 8


def gradcam(features: Tensor, heads: Tensor) -> Tensor:
    """Grad-CAM (Selvaraju 2017, doi 10.1109/ICCV.2017.74): features weighted by their mean gradient.

    Args:
        features: (n, F, h, w) last feature maps.
        heads: (H, F) weights of the linear units.

    Returns:
        (H, n, h, w), none below 0.
    """
    cells = features.shape[2] * features.shape[3]
    return torch.einsum("kf,nfij->knij", heads / cells, features).relu()


def hirescam(features: Tensor, heads: Tensor) -> Tensor:
    """HiResCAM (Draelos and Carin 2020, arXiv 2011.08891): gradient times feature, cell by cell.

    After global average pooling and one linear unit the gradient is the same in every cell, and HiResCAM is Grad-CAM.
    """
    return gradcam(features, heads)


def gradcam_plus_plus(features: Tensor, heads: Tensor) -> Tensor:
    """Grad-CAM++ (Chattopadhay 2018, doi 10.1109/WACV.2018.00097), of the exponential of the logit as in the paper.

    With a constant gradient g the weight of a cell's gradient is ``1 / (2 + g sum(A))``; features that speak
    against the class are left out, and so is the factor exp(logit), common to the whole map.
    """
    cells = features.shape[2] * features.shape[3]
    gradient = (heads / cells)[:, None]  # (H, 1, F)
    alpha = 1 / (2 + gradient * features.sum((2, 3)))
    return torch.einsum("knf,nfij->knij", cells * alpha * gradient.relu(), features).relu()


_OF_FEATURES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "hirescam": hirescam,
}


def feature_maps(network: Classifier, pictures: Tensor) -> Tensor:
    """The last feature maps.

    Args:
        network: In evaluation mode.
        pictures: (n, 1, S, S) in [0, 1] on the network's device.

    Returns:
        (n, F, h, w).

    Raises:
        StudyError: The backbone is a transformer that ends in tokens.
    """
    kept: list[Tensor] = []
    handle = network.cam_layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    try:
        network.features(pictures)
    finally:
        handle.remove()
    return kept[0]


def occlusion(network: Classifier, pictures: Tensor, heads: Tensor) -> Tensor:
    """How much the logit falls when a part of the picture is hidden (Zeiler and Fergus 2014, arXiv 1311.2901).

    A window of a quarter of the side moves by half of itself and is filled with the picture's mean grey; a cell has the
    mean of the windows that hide it.

    Args:
        network: In evaluation mode.
        pictures: (n, 1, S, S) in [0, 1].
        heads: (H, F) weights of the linear units.

    Returns:
        (H, n, 8, 8), none below 0.
    """
    edges = np.rint(np.linspace(0, pictures.shape[-1], _CELLS + 1)).astype(int)
    grey = pictures.mean((1, 2, 3), keepdim=True)
    whole = heads @ network.features(pictures).T
    total = whole.new_zeros(*whole.shape, _CELLS, _CELLS)
    windows = whole.new_zeros(_CELLS, _CELLS)
    for row in range(_CELLS - 1):
        for column in range(_CELLS - 1):
            hidden = pictures.clone()
            hidden[..., edges[row] : edges[row + 2], edges[column] : edges[column + 2]] = grey
            fall = whole - heads @ network.features(hidden).T
            total[..., row : row + 2, column : column + 2] += fall[..., None, None]
            windows[row : row + 2, column : column + 2] += 1
    return (total / windows).relu()


@torch.inference_mode()
def maps(
    network: Classifier, pictures: Tensor, methods: Sequence[str], heads: Tensor | None = None
) -> dict[str, Tensor]:
    """Maps of a batch, each scaled to its peak.

    Args:
        network: In evaluation mode.
        pictures: (n, 1, S, S) in [0, 1] on the network's device.
        methods: ``gradcam``, ``gradcam++``, ``hirescam``, ``occlusion``.
        heads: (H, F) weights of the linear units that share the network's backbone; its own by default.

    Returns:
        By method, (H, n, h, w) in [0, 1] with a peak of 1, or all 0 where nothing speaks for the class.
    """
    heads = network.linear.weight if heads is None else heads
    found = {"occlusion": occlusion(network, pictures, heads)} if "occlusion" in methods else {}
    if any(method in _OF_FEATURES for method in methods):
        features = feature_maps(network, pictures)
        found |= {method: make(features, heads) for method, make in _OF_FEATURES.items() if method in methods}
    return {method: normalised(found[method]) for method in methods}


def normalised(values: Tensor) -> Tensor:
    """Maps scaled to a peak of 1; a map of zeros stays one."""
    return values / values.amax((-2, -1), keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)


def together(parts: Sequence[Tensor]) -> Tensor:
    """The ensemble's map: the mean of its members' maps, each scaled to its own peak, scaled again.

    Every member has one voice, however steep its head; where they disagree the mean is broad.

    Args:
        parts: (H, n, h, w) maps of one or several heads each.

    Returns:
        (n, h, w).
    """
    return normalised(torch.cat(list(parts)).mean(0))


def cascade(network: Classifier, stranger: Classifier) -> Iterator[tuple[str, Classifier]]:
    """Forget what was learned, from the head down (Adebayo 2018, arXiv 1810.03292).

    Args:
        network: A fitted network; it is not changed.
        stranger: The same network with random weights.

    Yields:
        What has been replaced, and a network in which it has: the head, then one stage after another from the last to
        the stem, at the end everything. The network is the same object every time.
    """
    forgetful = copy.deepcopy(network)
    forgetful.head.load_state_dict(stranger.head.state_dict())
    yield "head", forgetful
    stages = list(zip(forgetful.stages, stranger.stages, strict=True))
    for count, (own, other) in enumerate(reversed(stages[1:]), start=1):
        for module, random in zip(own, other, strict=True):
            module.load_state_dict(random.state_dict())
        yield f"head + {count} stage{'s' if count > 1 else ''}", forgetful
    forgetful.load_state_dict(stranger.state_dict())  # the stem too, and parameters that belong to no stage
    yield "all weights", forgetful
