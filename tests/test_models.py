"""Networks: features held against independent forward passes, and the promises that training relies on."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from osteon import models
from osteon.core.errors import StudyError, WeightsError
from osteon.weights import Resolved, find, resolve


def grey(path: Path) -> Tensor:
    """(1, 1, H, W) picture in [0, 1]."""
    return torch.from_numpy(np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255)[None, None]


def test_resnet50_equals_a_forward_pass_written_out(shared: Path) -> None:
    """ResNet v1 in plain functions by key names: stride in the first 1x1, BN epsilon 1.001e-5."""
    path = shared / "weights" / find("imagenet-resnet50-keras-v1").file
    w = {key: value.float() for key, value in load_file(path).items()}

    def conv_norm(x: Tensor, conv: str, norm: str, stride: int = 1, padding: int = 0) -> Tensor:
        x = F.conv2d(x, w[f"{conv}.weight"], stride=stride, padding=padding)
        statistics = (w[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *statistics, eps=1.001e-5)

    picture = grey(shared / "data/btxrd256/images/IMG000001.png")
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = F.relu(conv_norm((picture - mean) / std, "conv1", "bn1", stride=2, padding=3))
    x = F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, stride=2)  # zeros around it, as Keras pads
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            at = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = F.relu(conv_norm(x, f"{at}.conv1", f"{at}.bn1", stride))
            y = F.relu(conv_norm(y, f"{at}.conv2", f"{at}.bn2", padding=1))
            y = conv_norm(y, f"{at}.conv3", f"{at}.bn3")
            if block == 0:
                x = conv_norm(x, f"{at}.downsample.0", f"{at}.downsample.1", stride)
            x = F.relu(x + y)

    network = models.build("resnet50", f"file:{path}")
    with torch.no_grad():
        features = network.features(picture)
    torch.testing.assert_close(features, x.mean((2, 3)), rtol=0, atol=1e-4)
    assert features.std() > 0.1
    # the variant matters: the same tensors in torchvision's v1.5 are another network
    wrong = models.build("resnet50", Resolved(replace(network.record, variant="v1.5", sha256=""), path))
    with torch.no_grad():
        assert (wrong.features(picture) - features).abs().max() > 0.1


def test_inception_equals_pytorch_fid(shared: Path, references: Path) -> None:
    """Google's graph of 2015, see tests/references/make_fid_inception.py."""
    path = shared / "weights" / find("imagenet-inception_v3-google-2015").file
    reference = json.loads((references / "fid_inception.json").read_text())
    picture = grey(shared / "data/btxrd256/images" / reference["picture"])
    network = models.build("inception_v3", f"file:{path}")
    with torch.no_grad():
        features = network.features(picture)[0, ::16]
    np.testing.assert_allclose(features, reference["features"], rtol=0, atol=1e-5)
    for variant in ("keras", "torchvision"):
        wrong = models.build("inception_v3", Resolved(replace(network.record, variant=variant), path))
        with torch.no_grad():
            assert (wrong.features(picture)[0, ::16] - features).abs().max() > 0.05


# What training relies on -------------------------------------------------------------------------------------------

BACKBONES = {
    "resnet50": 5,
    "inception_v3": 4,
    "densenet121": 5,
    "efficientnet_b0": 5,
    "convnext_atto": 4,
    "mobilenetv3_small_050": 5,
    "swin_tiny_patch4_window7_224": 4,
    "vit_tiny_patch16_224": 12,
}


@pytest.fixture(scope="module", params=BACKBONES)
def network(request: pytest.FixtureRequest) -> models.Classifier:
    return models.build(request.param, "random", dropout=0.5)


def side_of(network: models.Classifier) -> int:
    return 224 if "_224" in network.record.architecture else 128


def test_head_is_the_same_for_every_backbone(network: models.Classifier) -> None:
    x = torch.rand(2, 1, side_of(network), side_of(network))
    with torch.no_grad():
        features, logits = network.features(x), network(x)
    assert features.shape == (2, network.n_features)
    dropout, linear = network.head
    assert (dropout.p, linear.out_features) == (0.5, 1)
    torch.testing.assert_close(logits, features @ linear.weight[0] + linear.bias)
    assert logits.shape == (2,)
    assert not network.training


def test_stages_partition_the_backbone_in_order(network: models.Classifier) -> None:
    assert len(network.stages) == BACKBONES[network.record.architecture]
    by_stage = [parameter for stage in network.stage_parameters() for parameter in stage]
    assert len(set(map(id, by_stage))) == len(by_stage)
    assert set(map(id, by_stage)) == set(map(id, network.backbone.parameters()))
    modules = [module for stage in network.stages for top in stage for module in top.modules()]
    assert len(set(map(id, modules))) == len(modules)
    names = {id(module): index for index, (_, module) in enumerate(network.backbone.named_modules())}
    ranges = [[names[id(module)] for module in stage] for stage in network.stages]
    assert all(max(earlier) < min(later) for earlier, later in itertools.pairwise(ranges))


def test_last_stage_can_be_trained_alone(network: models.Classifier) -> None:
    x = torch.rand(1, 1, side_of(network), side_of(network))
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for module in network.stages[-1]:
        module.requires_grad_(True)
    trained = [parameter for parameter in network.stage_parameters()[-1] if parameter.requires_grad]
    gradients = torch.autograd.grad(network(x).sum(), trained, allow_unused=True)
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    assert sum(gradient is not None for gradient in gradients) == len(trained)


def test_cam_layer_gives_the_map_that_is_pooled(network: models.Classifier) -> None:
    if not network.supports_cam:
        with pytest.raises(StudyError, match="class-activation maps need a convolutional backbone"):
            _ = network.cam_layer
        return
    kept: list[Tensor] = []
    hook = network.cam_layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    x = torch.rand(1, 1, side_of(network), side_of(network))
    with torch.no_grad():
        features = network.features(x)
    hook.remove()
    assert kept[0].ndim == 4
    assert kept[0].shape[2] == kept[0].shape[3] > 1
    torch.testing.assert_close(kept[0].mean((2, 3)), features)


@given(
    st.sampled_from(["radimagenet-resnet50-pytorch-centred", "imagenet-resnet50-keras", "timm:resnet50.tv_in1k"]),
    st.floats(0, 1),
)
@settings(max_examples=10)
def test_input_normalisation_is_the_records(name: str, level: float) -> None:
    """A constant picture reaches the backbone as ((range) - mean) / std, channel by channel."""
    record = find(name)
    low, high = record.range
    expected = (torch.tensor(low + (high - low) * level) - torch.tensor(record.mean)) / torch.tensor(record.std)
    body = nn.Conv2d(3, 3, 1, bias=False)
    nn.init.dirac_(body.weight)
    network = models.Classifier(body, record, boundaries=[], dropout=0)
    with torch.no_grad():
        features = network.features(torch.full((1, 1, 32, 32), level))[0]
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)


def test_seeds_make_networks_and_leave_torch_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    a, b, c = (models.build("resnet10t", "random", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert not torch.equal(a.head[1].weight, c.head[1].weight)
    assert not torch.equal(next(a.backbone.parameters()), next(c.backbone.parameters()))
    other = models.build("resnet18", "random", seed=1)  # as many features
    assert torch.equal(a.head[1].weight, other.head[1].weight)


# Loading -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def convnext(tmp_path: Path) -> tuple[Path, dict[str, Tensor]]:
    """A file as timm puts it on the hub, head and all."""
    torch.manual_seed(3)
    state = timm.create_model("convnext_atto", pretrained=False).state_dict()
    save_file(state, tmp_path / "convnext_atto.d2_in1k.safetensors")
    return tmp_path, state


def test_timm_files_load_whole(convnext: tuple[Path, dict[str, Tensor]]) -> None:
    folder, state = convnext
    network = models.build("convnext_atto", resolve("imagenet", "convnext_atto", search=[folder]))
    assert network.record == find("timm:convnext_atto.d2_in1k")
    loaded = network.backbone.state_dict()
    assert set(state) - set(loaded) == {"head.fc.weight", "head.fc.bias"}
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("stem.0.bias"), "missing stem.0.bias"),
        (lambda s: s.update({"stem.7.bias": torch.ones(1)}), "unexpected stem.7.bias"),
        (lambda s: s.update({"stem.0.bias": torch.ones(3)}), r"stem.0.bias is \(3,\), not \(40,\)"),
    ],
)
def test_timm_files_that_do_not_fit_are_refused(damage, message: str, convnext: tuple[Path, dict[str, Tensor]]) -> None:
    folder, state = convnext
    damage(state)
    save_file(state, folder / "convnext_atto.d2_in1k.safetensors")
    with pytest.raises(WeightsError, match=message):
        models.build("convnext_atto", resolve("imagenet", "convnext_atto", search=[folder]))


def test_a_trained_network_is_restored_without_its_weights_file(convnext: tuple[Path, dict[str, Tensor]]) -> None:
    folder, _ = convnext
    trained = models.build("convnext_atto", resolve("imagenet", "convnext_atto", search=[folder]), seed=5)
    absent = Resolved(trained.record, folder / "gone.safetensors", "")
    restored = models.build("convnext_atto", absent, pretrained=False)
    restored.load_state_dict(trained.state_dict())
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(restored(x), trained(x))
    with pytest.raises(WeightsError, match="there is no file of the weights"):
        models.build("convnext_atto", Resolved(trained.record))


def test_transformers_take_other_sizes() -> None:
    network = models.build("vit_tiny_patch16_224", "random", size=96)
    with torch.no_grad():
        assert network(torch.rand(1, 1, 96, 96)).shape == (1,)


def test_inception_takes_any_size_from_75() -> None:
    network = models.build("inception_v3", "random")
    with torch.no_grad():
        assert network(torch.rand(1, 1, 75, 75)).shape == (1,)
    with pytest.raises(StudyError, match="inception_v3 needs pictures of at least 75 pixels, and these have 74"):
        network(torch.rand(1, 1, 74, 74))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("resnet5", "random"), StudyError, "no backbone is called 'resnet5'. Did you mean"),
        (("resnet18", Resolved(find("timm:resnet50.a1_in1k"))), WeightsError, "weights of resnet50, not of resnet18"),
        (
            ("resnet50", Resolved(replace(find("random"), architecture="resnet50", variant="v3"))),
            WeightsError,
            "unknown variant of resnet50, 'v3'",
        ),
        (("coat_tiny", "random"), StudyError, "'coat_tiny' gives no feature map"),
    ],
)
def test_impossible_networks_are_refused(arguments, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        models.build(*arguments)


def test_default_size_is_what_a_backbone_was_made_for() -> None:
    assert [models.default_size(name) for name in ("resnet50", "inception_v3")] == [224, 299]


def test_weights_are_resolved_before_building(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="are not on this machine"):
        models.build("resnet50", resolve("radimagenet", "resnet50", search=[tmp_path]))
    assert resolve("random", "resnet50").record == models.build("resnet50", "random").record
