"""Networks: a backbone with its weights' own input normalisation, global average pooling, and one head for all.

Attention: importing this module imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from osteon.core.errors import StudyError, WeightsError, suggest
from osteon.models.network.backbones import timm
from osteon.weights import VARIANTS, Record, Resolved, load, resolve
from osteon.weights.layouts import three_channels

_KERAS_EPSILON = 1.001e-5


class Classifier(nn.Module):
    """A binary classifier of grey pictures.

    Attributes:
        record: The record of the weights it started from.
        backbone: Normalised input to the last feature map, as timm shapes it.
        feature_map: Passes the last feature map on, always (N, F, h, w) where there is one.
        head: Dropout and one linear unit, the same for every backbone.
        n_features: Number of pooled features F.
        smallest: Least side of the input in pixels.
        supports_cam: Whether the backbone ends in a map of image positions.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, backbone: nn.Module, record: Record, *, boundaries: Sequence[str], dropout: float):
        super().__init__()
        self.record = record
        self.backbone = backbone
        self.feature_map = nn.Identity()
        self._boundaries = tuple(boundaries)
        output = _output_of(backbone)
        self.supports_cam = output.ndim == 4
        # A square picture gives a square map, so the axis that differs is that of the features
        self._last = not self.supports_cam or output.shape[1] == output.shape[2]
        self._prefix = int(getattr(backbone, "num_prefix_tokens", 0))
        self.n_features = int(output.shape[-1 if self._last else 1])
        self.smallest = 75 if record.architecture == "inception_v3" else 32
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.n_features, 1))
        normalisation = record.normalisation
        self.register_buffer("scale", torch.tensor(normalisation.scale).view(1, 3, 1, 1))
        self.register_buffer("offset", torch.tensor(normalisation.offset).view(1, 3, 1, 1))

    def forward(self, x01: Tensor) -> Tensor:
        """Logits of the positive class.

        Args:
            x01: (N, 1, S, S) grey pictures in [0, 1].

        Returns:
            (N,) logits.
        """
        logits: Tensor = self.head(self.features(x01)).squeeze(1)
        return logits

    def features(self, x01: Tensor) -> Tensor:
        """Pooled features.

        Args:
            x01: (N, 1, S, S) grey pictures in [0, 1].

        Returns:
            (N, F): the mean of the last feature map over the picture.
        """
        self.check_size(min(x01.shape[-2:]))
        maps: Tensor = self.backbone(x01 * self.scale + self.offset)
        if not self.supports_cam:  # (N, tokens, F), class and register tokens first
            return maps[:, self._prefix :].mean(1)
        pooled: Tensor = self.feature_map(maps.permute(0, 3, 1, 2) if self._last else maps).mean((2, 3))
        return pooled

    def check_size(self, side: int) -> None:
        """Refuse pictures that are too small for the backbone.

        Raises:
            StudyError: They are.
        """
        if side < self.smallest:
            raise StudyError(
                f"{self.record.architecture} needs pictures of at least {self.smallest} pixels, and these have {side}",
                fix="Raise the model's or the crop's size.",
            )

    def try_size(self, side: int) -> None:
        """Show the network one blank picture.

        Raises:
            StudyError: It cannot take pictures of that size.
        """
        with torch.no_grad(), _taking(self.record.architecture, side):
            self(torch.zeros(1, 1, side, side))

    @property
    def linear(self) -> nn.Linear:
        """The head's linear unit: (1, F) weight and (1,) bias."""
        unit = self.head[-1]
        assert isinstance(unit, nn.Linear)
        return unit

    @property
    def cam_layer(self) -> nn.Module:
        """The module whose output is the last feature map (N, F, h, w), the one that is pooled; for every CNN.

        Raises:
            StudyError: The backbone is a transformer that ends in tokens.
        """
        if not self.supports_cam:
            raise StudyError(
                f"class-activation maps need a convolutional backbone, and {self.record.architecture} is not one",
                fix="Leave explain.cases = 0, or choose another backbone.",
            )
        return self.feature_map

    @property
    def stages(self) -> list[list[nn.Module]]:
        """The backbone's modules from stem to last stage, each module in exactly one group."""
        return [group for group in self._groups()[0] if group]

    def stage_parameters(self) -> list[list[nn.Parameter]]:
        """The backbone's parameters by stage, each exactly once, those that no stage's module owns in the first."""
        groups, loose = self._groups()
        parameters = [[p for module in group for p in module.parameters()] for group in groups if group]
        return [[*loose, *parameters[0]], *parameters[1:]]

    def _groups(self) -> tuple[list[list[nn.Module]], list[nn.Parameter]]:
        """Largest modules that lie within one stage, by stage; and parameters owned above them."""
        order = [name for name, _ in self.backbone.named_modules()]
        ends = [max(i for i, n in enumerate(order) if n == b or n.startswith(f"{b}.")) for b in self._boundaries]
        last = max(len(ends) - 1, 0)
        stage = {name: min(sum(end < i for end in ends), last) for i, name in enumerate(order)}
        groups: list[list[nn.Module]] = [[] for _ in range(last + 1)]
        loose: list[nn.Parameter] = []

        def place(name: str, module: nn.Module) -> None:
            below = [f"{name}.{child}".lstrip(".") for child, _ in module.named_modules() if child]
            stages = {stage[child] for child in below} or {stage[name]}
            if len(stages) == 1 and name:
                if any(True for _ in module.parameters()) or any(True for _ in module.buffers()):
                    groups[stages.pop()].append(module)
                return
            loose.extend(module.parameters(recurse=False))
            for child, part in module.named_children():
                place(f"{name}.{child}".lstrip("."), part)

        place("", self.backbone)
        return groups, loose


def build(
    backbone: str,
    weights: Resolved | str,
    *,
    dropout: float = 0.0,
    seed: int = 0,
    size: int | None = None,
    pretrained: bool = True,
) -> Classifier:
    """Build a network from a weights entry.

    Args:
        backbone: ``resnet50``, ``inception_v3``, ``densenet121``, or any timm network.
        weights: As :func:`osteon.weights.resolve` returns them, or the name of some that are found without a folder.
        dropout: Before the linear unit.
        seed: Of the head, and of the whole network where the weights are random. torch's own state is not touched.
        size: Side of the input in pixels; needed only by networks of fixed input size (transformers).
        pretrained: False builds the same network without reading the weights file, to restore a trained one into.

    Returns:
        The network, in evaluation mode, float32, on the CPU.

    Raises:
        WeightsError: The weights are absent, incomplete, or of another network; the message names the keys.
        StudyError: No such backbone, or the size is impossible for it.
    """
    resolved = resolve(weights, backbone) if isinstance(weights, str) else weights
    record = resolved.record
    if record.architecture != backbone:
        raise WeightsError(f"'{record.name}' are weights of {record.architecture}, not of {backbone}")
    if pretrained and resolved.path is None and record.name != "random":
        raise WeightsError(f"there is no file of the weights '{record.name}'", fix="Resolve them by name.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body, boundaries, native = _body(record)
        if resolved.path and pretrained:
            _fill(body, load(resolved.path, record), resolved.path)
        with _taking(backbone, size or native):
            if size and size != native and (resize := getattr(body, "set_input_size", None)):
                resize(img_size=size)
            torch.manual_seed(seed)  # so that equal seeds mean equal heads, whatever the backbone drew
            network = Classifier(body, record, boundaries=boundaries, dropout=dropout)
    # Channels last: a third faster on CPUs and GPUs alike, the same numbers.
    return network.eval().to(memory_format=torch.channels_last)


@contextmanager
def _taking(backbone: str, side: int) -> Iterator[None]:
    """Say in a sentence that a backbone cannot take pictures of some size, whatever timm says of it."""
    try:
        yield
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().rstrip(".").partition("\n")[0]
        raise StudyError(
            f"{backbone} cannot take pictures of {side} pixels ({reason})",
            fix=f"Set the model's or the crop's size to {default_size(backbone)}, for instance.",
        ) from error


def default_size(backbone: str) -> int:
    """Side of the input in pixels that a backbone was made for.

    Raises:
        StudyError: timm has no such network; the message suggests the nearest.
    """
    if not timm.is_model(backbone):
        near = suggest(backbone, timm.list_models())
        fix = near if near.startswith("Did") else "Any network of timm.list_models() can be named."
        raise StudyError(f"no backbone is called '{backbone}'", fix=fix)
    return int(timm.get_pretrained_cfg(backbone).input_size[-1])


def _body(record: Record) -> tuple[nn.Module, list[str], int]:
    """A backbone ending in its feature map, the last module of each of its stages, and its native input size."""
    backbone, variant = record.architecture, record.variant
    native = default_size(backbone)
    if variant not in VARIANTS.get(backbone, {"timm": ""}):
        raise WeightsError(f"the record '{record.name}' is of an unknown variant of {backbone}, '{variant}'")
    if backbone == "inception_v3":
        from osteon.models.network.inception import inception

        return inception(variant), ["Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c"], native
    try:
        body: nn.Module = timm.create_model(backbone, pretrained=False, num_classes=0, global_pool="")
    except (AssertionError, TypeError) as error:  # a few of timm's networks cannot do without their own pooling
        raise StudyError(f"the backbone '{backbone}' gives no feature map ({error})", fix="Choose another.") from error
    if variant in ("v1", "keras"):
        _as_keras(body)
    info: Any = getattr(body, "feature_info", None) or []
    modules = dict(body.named_modules())
    return body, [stage["module"] for stage in info if stage["module"] in modules], native


def _as_keras(body: nn.Module) -> None:
    """Turn a ResNet50 v1.5 or a DenseNet121 into Keras's: its epsilon, and ResNet v1's place of the stride."""
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = _KERAS_EPSILON
        conv1, conv2 = getattr(module, "conv1", None), getattr(module, "conv2", None)
        if isinstance(conv1, nn.Conv2d) and isinstance(conv2, nn.Conv2d) and conv2.stride == (2, 2):
            conv1.stride, conv2.stride = conv2.stride, conv1.stride


def _fill(body: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put every tensor in its place, or say which have none; a head and counters are left out."""
    cfg = getattr(body, "pretrained_cfg", None) or {}
    classifier = cfg.get("classifier") or ()
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    given = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked") and not _under(k, heads)}
    wanted = {k: v.shape for k, v in body.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: three_channels(v, wanted.get(k, ())) for k, v in given.items()}
    wrong = [
        *(f"missing {k}" for k in wanted if k not in given),
        *(f"unexpected {k}" for k in given if k not in wanted),
        *(
            f"{k} is {tuple(given[k].shape)}, not {tuple(shape)}"
            for k, shape in wanted.items()
            if k in given and given[k].shape != shape
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - 6} more" if len(wrong) > 6 else ""
        raise WeightsError(f"{', '.join(wrong[:6])}{more}", file=path, fix="No part of the file was loaded.")
    body.load_state_dict(given, strict=False)  # all that is absent now is the counters


def _under(key: str, modules: Sequence[str]) -> bool:
    return any(key.startswith(f"{module}.") for module in modules)


def _output_of(backbone: nn.Module) -> Tensor:
    """What a backbone makes of a picture, as small a one as it takes."""
    fixed: Any = getattr(getattr(backbone, "patch_embed", None), "img_size", None)
    size = fixed[0] if fixed else 96
    with torch.no_grad():
        output = backbone.eval()(torch.zeros(1, 3, size, size))
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        raise StudyError("the backbone gives no single feature map", fix="Choose another.")
    return output
