"""The doctor on every layout in circulation, held against Keras's and torchvision's own forward passes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from osteon import models
from osteon.core.errors import WeightsError
from osteon.weights import Diagnosis, Resolved, doctor, find, resolve
from osteon.weights.layouts import keras_names
from synthetic_weights import picture

ARCHITECTURES = ("resnet50", "inception_v3", "densenet121")
Trained = Callable[[str], nn.Module]


def features(path: Path, record: str) -> np.ndarray:
    """Pooled features of the test picture, by way of osteon's records, doctor and networks."""
    network = models.build(find(record).architecture, Resolved(find(record), path))
    with torch.no_grad():
        return network.features(torch.from_numpy(picture(96))[None, None])[0].numpy()


def torchvision_features(network: nn.Module, x: Tensor) -> np.ndarray:
    """Pooled features by torchvision's own forward pass, its classifier left out."""
    kept: list[Tensor] = []
    classifier = network.classifier if hasattr(network, "classifier") else network.fc
    hook = classifier.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    with torch.no_grad():
        network(x)
    hook.remove()
    return kept[0][0].numpy()


# Keras -------------------------------------------------------------------------------------------------------------


def _states(epsilon: float) -> str:
    return json.dumps({"layers": [{"class_name": "BatchNormalization", "config": {"epsilon": epsilon}}]})


def _counted_on(name: str) -> str:
    """Running numbers that go on from an earlier network in the same session, as in RadImageNet's InceptionV3."""
    return re.sub(r"^(conv2d|batch_normalization)_(\d+)$", lambda match: f"{match[1]}_{int(match[2]) + 94}", name)


def _slashed(name: str) -> str:
    """DenseNet's first layers before Keras 3, whose HDF5 groups are nested."""
    return name.replace("conv1_", "conv1/") if name.startswith("conv1_") else name


KERAS = {
    "resnet50": (str, 1.001e-5),
    "inception_v3": (_counted_on, 1e-3),
    "densenet121": (_slashed, 1.001e-5),
}


@pytest.mark.parametrize("architecture", KERAS)
def test_keras_file_computes_what_keras_computes(
    architecture: str, keras_file: Callable[..., Path], keras_reference: dict
) -> None:
    rename, epsilon = KERAS[architecture]
    path = keras_file(architecture, rename, config=_states(epsilon))
    diagnosis = doctor(path)
    assert (diagnosis.architecture, diagnosis.layout, diagnosis.problems) == (architecture, "Keras", ())
    assert diagnosis.record is None
    assert len(diagnosis.mapped) == diagnosis.n_tensors == len(keras_reference[architecture]["variables"])
    for convention, name in (("caffe / 255", "centred"), ("tf", "symmetric"))[: 1 + (architecture == "densenet121")]:
        ours = features(path, f"radimagenet-{architecture}-keras-{name}")[::32]
        np.testing.assert_allclose(ours, keras_reference[architecture]["features"][convention], rtol=1e-5, atol=1e-5)


def _before_keras_2_3(name: str) -> str:
    """ResNet50's layers as Keras named them before 2.3."""
    if match := re.fullmatch(r"conv([2-5])_block(\d)_([0-3])_(conv|bn)", name):
        kind = {"conv": "res", "bn": "bn"}[match[4]]
        return f"{kind}{match[1]}{'abcdef'[int(match[2]) - 1]}_branch{('1', '2a', '2b', '2c')[int(match[3])]}"
    return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]


@pytest.mark.parametrize(
    ("architecture", "rename"),
    [("resnet50", _before_keras_2_3), ("inception_v3", lambda name: name.removesuffix("_0"))],
)
def test_older_spellings_are_the_same_layers(
    architecture: str, rename: Callable[[str], str], keras_reference: dict
) -> None:
    layers = dict.fromkeys(layer for layer, _, _ in keras_reference[architecture]["variables"])
    new = keras_names(layers, architecture)
    old = keras_names([rename(layer) for layer in layers], architecture)
    assert list(new) == list(layers) or architecture == "inception_v3"
    assert {layer: old[rename(layer)] for layer in layers} == new


def test_stated_epsilon_must_be_the_variants(keras_file: Callable[..., Path]) -> None:
    diagnosis = doctor(keras_file("densenet121", config=_states(1e-3), root=""))
    assert diagnosis.problems == ("the saved network states a batch-norm epsilon of 0.001, not 1.001e-05",)


def test_keras_file_needs_a_keras_record(keras_file: Callable[..., Path]) -> None:
    path = keras_file("densenet121", _slashed, config=_states(1.001e-5))
    with pytest.raises(WeightsError, match=r"a Keras file, but .* variant torchvision"):
        doctor(path, "radimagenet-densenet121-pytorch-symmetric")
    with pytest.raises(WeightsError, match=r"of densenet121, the record .* of resnet50"):
        doctor(path, "radimagenet-resnet50-keras-centred")
    assert doctor(path).candidates == (
        "radimagenet-densenet121-keras-centred",
        "radimagenet-densenet121-keras-symmetric",
    )


# PyTorch -----------------------------------------------------------------------------------------------------------


def _sequential(network: nn.Module, architecture: str) -> dict[str, Tensor]:
    """As RadImageNet's PyTorch files: ``backbone`` is nn.Sequential of the children, the head left out."""
    children = [child for name, child in network.named_children() if name != "AuxLogits"]
    kept = children[:9] if architecture == "resnet50" else children[:-1]
    return nn.Sequential().append(nn.Sequential(*kept)).state_dict(prefix="")


def _radimagenet(network: nn.Module, architecture: str) -> dict:
    sequential = _sequential(network, architecture)
    return {f"backbone.{key.removeprefix('0.')}": value for key, value in sequential.items()}


def _training_script(network: nn.Module, _: str) -> dict:
    """With the head, in half precision, and inside the wrappers of a training script."""
    state = {key: value.half() if value.ndim == 4 else value for key, value in network.state_dict().items()}
    return {"epoch": 3, "state_dict": {f"module.model.{key}": value for key, value in state.items()}}


LAYOUTS = {"RadImageNet": _radimagenet, "training script": _training_script}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_pytorch_file_is_mapped_whole(architecture: str, layout: str, trained: Trained, tmp_path: Path) -> None:
    network = trained(architecture)
    torch.save(LAYOUTS[layout](network, architecture), tmp_path / "weights.pt")
    diagnosis = doctor(tmp_path / "weights.pt")
    assert (diagnosis.architecture, diagnosis.problems, diagnosis.missing) == (architecture, (), ())
    state = network.state_dict()
    for name, tensor in diagnosis.tensors.items():
        expected = state[name].half().float() if layout == "training script" and state[name].ndim == 4 else state[name]
        assert torch.equal(tensor, expected), name
    left_out = {name for name in state if name not in diagnosis.tensors}
    assert all(re.match(r"fc\.|classifier\.|AuxLogits\.|.*num_batches_tracked$", name) for name in left_out)
    assert "sound" in str(diagnosis)


@pytest.mark.parametrize(
    ("architecture", "convention"),
    [("resnet50", "centred"), ("inception_v3", "symmetric"), ("densenet121", "centred")],
)
def test_radimagenet_pytorch_file_computes_what_torchvision_computes(
    architecture: str, convention: str, trained: Trained, tmp_path: Path
) -> None:
    network = trained(architecture)
    torch.save(_radimagenet(network, architecture), tmp_path / "weights.pt")
    bytes_ = torch.from_numpy(picture(96))[None, None].expand(1, 3, 96, 96) * 255
    caffe = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    x = (bytes_ - caffe) / 255 if convention == "centred" else (bytes_ - 127.5) * 2 / 255
    ours = features(tmp_path / "weights.pt", f"radimagenet-{architecture}-pytorch-{convention}")
    np.testing.assert_allclose(ours, torchvision_features(network, x), rtol=1e-4, atol=1e-5)


def _v1_with_biases(network: nn.Module) -> nn.Module:
    """Keras's ResNet50 in PyTorch, as torch.hub's port of RadImageNet writes it out: biases, and stride in conv1."""
    ported = copy.deepcopy(network)
    for module in list(ported.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                child.eps = 1.001e-5
            if isinstance(child, nn.Conv2d):
                child.bias = nn.Parameter(torch.linspace(-0.1, 0.1, child.out_channels))
                if name == "conv2" and child.stride == (2, 2):
                    module.conv1.stride, child.stride = (2, 2), (1, 1)
    return ported


def test_torch_hubs_port_of_keras_computes_what_it_computes(trained: Trained, tmp_path: Path) -> None:
    ported, path = _v1_with_biases(trained("resnet50")), tmp_path / "RadImageNet-ResNet50_notop.pth"
    torch.save({k: v for k, v in ported.state_dict().items() if not k.startswith("fc.")}, path)
    diagnosis = doctor(path)
    assert (diagnosis.problems, diagnosis.variant) == ((), "v1")
    assert all(find(name).variant == "v1" for name in diagnosis.candidates)
    assert "94345733 bytes and SHA-256 08629f7e7bd3... was seen elsewhere, not verified" in str(diagnosis)
    with pytest.raises(WeightsError, match="made from a Keras file"):
        doctor(path, "radimagenet-resnet50-pytorch-symmetric")
    x = torch.from_numpy(picture(96))[None, None].expand(1, 3, 96, 96) * 2 - 1
    ours = features(path, "radimagenet-resnet50-hub-symmetric")
    np.testing.assert_allclose(ours, torchvision_features(ported, x), rtol=1e-4, atol=1e-5)


def test_a_network_of_one_channel_computes_what_it_computes(trained: Trained, tmp_path: Path) -> None:
    """As torchxrayvision's ResNet50, which is given one channel in [-1024, 1024]."""
    single = copy.deepcopy(trained("resnet50"))
    single.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    single.conv1.weight.data /= 1024
    torch.save(single.state_dict(), tmp_path / "a.pt")
    assert "conv1.weight has one channel" in str(doctor(tmp_path / "a.pt"))
    x = (torch.from_numpy(picture(96))[None, None] * 2 - 1) * 1024
    ours = features(tmp_path / "a.pt", "torchxrayvision-resnet50-512")
    np.testing.assert_allclose(ours, torchvision_features(single, x), rtol=1e-4, atol=1e-5)


def test_radiologynets_densenet_is_there_twice_and_taken_once(trained: Trained, tmp_path: Path) -> None:
    network, state = trained("densenet121"), {}
    for name, tensor in network.state_dict().items():
        state |= {name: tensor, f"model.{name}": tensor}
    torch.save({"model_state": state, "optimizer_state": {}}, tmp_path / "DenseNet121.pth")
    diagnosis = doctor(tmp_path / "DenseNet121.pth")
    assert diagnosis.problems == ()
    assert "are there twice, equal, and taken once" in str(diagnosis)
    x = torch.from_numpy(picture(96))[None, None].expand(1, 3, 96, 96)
    ours = features(tmp_path / "DenseNet121.pth", "radiologynet-densenet121")
    np.testing.assert_allclose(ours, torchvision_features(network, x), rtol=1e-4, atol=1e-5)
    state["model.features.norm5.bias"] = torch.zeros(1024)
    torch.save({"model_state": state}, tmp_path / "b.pth")
    assert any("found twice" in problem for problem in doctor(tmp_path / "b.pth").problems)


def test_other_networks_of_one_channel_are_read(tmp_path: Path) -> None:
    single = timm.create_model("test_byobnet", in_chans=1, num_classes=0).eval()
    save_file(single.state_dict(), tmp_path / "a.safetensors")
    record = replace(find("random"), architecture="test_byobnet", variant="timm", range=(0.0, 1.0), name="own")
    network = models.build("test_byobnet", Resolved(record, tmp_path / "a.safetensors"))
    x = torch.from_numpy(picture(64))[None, None]
    with torch.no_grad():
        expected = single.forward_features(x).mean((2, 3))
        np.testing.assert_allclose(network.features(x), expected, rtol=1e-4, atol=1e-6)


def test_sequential_with_auxiliary_head_and_classifier(trained: Trained, tmp_path: Path) -> None:
    network = trained("inception_v3")
    torch.save(
        {f"backbone.{k}": v for k, v in nn.Sequential(*network.children()).state_dict().items()}, tmp_path / "a.pt"
    )
    diagnosis = doctor(tmp_path / "a.pt")
    assert diagnosis.problems == ()
    assert torch.equal(diagnosis.tensors["Mixed_7c.branch_pool.conv.weight"], network.Mixed_7c.branch_pool.conv.weight)


def test_densenet_spelling_before_2018_and_without_features(trained: Trained, tmp_path: Path) -> None:
    network = trained("densenet121")
    old = {
        re.sub(r"(denselayer\d+)\.(norm|conv)(\d)", r"\1.\2.\3", k): v for k, v in network.features.state_dict().items()
    }
    assert "denseblock1.denselayer1.norm.1.weight" in old
    save_file(old, tmp_path / "a.safetensors")
    assert doctor(tmp_path / "a.safetensors").problems == ()


def test_convolution_biases_of_a_converted_file_are_folded(trained: Trained, tmp_path: Path) -> None:
    state = {k: v for k, v in trained("resnet50").state_dict().items() if not k.startswith("fc.")}
    biases = {
        f"{k.removesuffix('.weight')}.bias": torch.randn(
            v.shape[0], generator=torch.Generator().manual_seed(v.shape[0])
        )
        for k, v in state.items()
        if v.ndim == 4
    }
    save_file(state | biases, tmp_path / "a.safetensors")
    diagnosis = doctor(tmp_path / "a.safetensors")
    assert diagnosis.problems == ()
    x = torch.randn(2, 64, 5, 5)
    conv = nn.functional.conv2d(x, state["layer1.0.downsample.0.weight"], biases["layer1.0.downsample.0.bias"])
    plain = nn.functional.conv2d(x, state["layer1.0.downsample.0.weight"])

    def norm(y: Tensor, mean: Tensor) -> Tensor:
        return nn.functional.batch_norm(y, mean, state["layer1.0.downsample.1.running_var"])

    folded = norm(plain, diagnosis.tensors["layer1.0.downsample.1.running_mean"])
    torch.testing.assert_close(folded, norm(conv, state["layer1.0.downsample.1.running_mean"]), rtol=1e-4, atol=1e-4)
    assert "53 convolution biases" in diagnosis.notes[0]


def test_a_bias_that_nothing_can_take_up_is_unmatched(trained: Trained, tmp_path: Path) -> None:
    state = trained("densenet121").features.state_dict()
    save_file(state | {"transition1.conv.bias": torch.ones(128)}, tmp_path / "a.safetensors")
    assert doctor(tmp_path / "a.safetensors").unmatched == ("transition1.conv.bias",)


def test_google_graph_is_told_by_its_1008_classes(trained: Trained, tmp_path: Path) -> None:
    state = {**trained("inception_v3").state_dict(), "fc.weight": torch.randn(1008, 2048), "fc.bias": torch.randn(1008)}
    save_file(state, tmp_path / "a.safetensors")
    assert doctor(tmp_path / "a.safetensors").variant == "google-2015"


# Unsound files -----------------------------------------------------------------------------------------------------


def _without(name: str) -> Callable[[dict], None]:
    return lambda state: state.pop(name)


def _with(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[dict], None]:
    return lambda state: state.update({name: change(state[name].clone())})


def _untrained(state: dict) -> None:
    for name in state:
        if name.endswith(("running_mean", "running_var")):
            state[name] = torch.full_like(state[name], float(name.endswith("var")))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without("features.conv0.weight"), "1 missing: features.conv0.weight"),
        (lambda s: s.update({"features.extra.weight": torch.ones(3)}), "1 unmatched: features.extra.weight"),
        (
            _with("features.norm5.bias", lambda t: t[:-1]),
            r"1 misshapen: features.norm5.bias is \(1023,\), not \(1024,\)",
        ),
        (_with("features.norm0.weight", lambda t: t * float("nan")), "1 not finite: features.norm0.weight"),
        (_with("features.norm0.running_var", lambda t: -t), "1 negative variance: features.norm0.running_var"),
        (_with("features.norm0.running_var", lambda t: t * 0), "1 no variance: features.norm0.running_var"),
        (_with("features.conv0.weight", lambda t: t * 0 + 1), "1 constant: features.conv0.weight"),
        (_untrained, "never trained"),
        (
            lambda s: s.update({"module.features.conv0.weight": s["features.conv0.weight"] + 1}),
            "1 found twice: features.conv0.weight",
        ),
    ],
)
def test_unsound_files_are_refused_by_name(
    damage: Callable[[dict], None], message: str, trained: Trained, tmp_path: Path
) -> None:
    state = dict(trained("densenet121").state_dict())
    damage(state)
    save_file(state, tmp_path / "a.safetensors")
    diagnosis = doctor(tmp_path / "a.safetensors")
    assert "PROBLEM" in str(diagnosis)
    with pytest.raises(WeightsError, match=message):
        diagnosis.check()


def test_an_incomplete_file_is_neither_loaded_nor_saved(trained: Trained, tmp_path: Path) -> None:
    state = dict(trained("densenet121").state_dict())
    del state["features.conv0.weight"]
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"1 missing: features.conv0.weight"):
        models.build("densenet121", Resolved(find("timm:densenet121.ra_in1k"), tmp_path / "a.safetensors"))
    with pytest.raises(WeightsError, match=r"1 missing: features.conv0.weight"):
        doctor(tmp_path / "a.safetensors").save(tmp_path / "out.safetensors", "timm:densenet121.ra_in1k")
    assert not (tmp_path / "out.safetensors").exists()


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("old_format", [False, True])
def test_no_code_in_a_file_is_run(old_format: bool, tmp_path: Path) -> None:
    torch.save(
        {"conv1.weight": torch.ones(1), "trap": _Trap(tmp_path / "sprung")},
        tmp_path / "a.pt",
        _use_new_zipfile_serialization=not old_format,
    )
    with pytest.raises(WeightsError, match="runs no code from a file"):
        doctor(tmp_path / "a.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("kind", ["safetensors", "pt", "h5"])
def test_truncated_files_are_refused(
    kind: str, trained: Trained, keras_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / f"a.{kind}"
    state = trained("densenet121").state_dict()
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "pt":
        torch.save(state, path)
    else:
        path.write_bytes(keras_file("densenet121", _slashed, config=_states(1.001e-5)).read_bytes())
    for share in (0.5, 0.001):
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(WeightsError, match=re.escape(str(path))):
            doctor(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"<!DOCTYPE html><html>login required", "damaged"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{not json", "not a complete safetensors"),
        (None, "no such weights file"),
    ],
)
def test_files_that_are_no_weights_are_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        doctor(tmp_path / "a.bin")


def test_other_contents_are_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="no named tensors"):
        doctor(tmp_path / "a.pt")
    save_file({"layers.0.weight": torch.ones(3, 3)}, tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match="not those of a ResNet50, InceptionV3 or DenseNet121"):
        doctor(tmp_path / "b.safetensors")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.ones(3)
    with pytest.raises(WeightsError, match="not in Keras's layout"):
        doctor(tmp_path / "c.h5")


# Saving ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sequential(trained: Trained, tmp_path: Path) -> Diagnosis:
    torch.save(_radimagenet(trained("densenet121"), "densenet121"), tmp_path / "DenseNet121.pt")
    return doctor(tmp_path / "DenseNet121.pt")


def test_a_doctored_file_carries_its_record(sequential: Diagnosis, tmp_path: Path) -> None:
    out = tmp_path / "doctored.safetensors"
    with pytest.raises(WeightsError, match="Name its record, one of timm:densenet121"):
        sequential.save(out)
    name = "radimagenet-densenet121-pytorch-centred"
    assert sequential.save(out, name) == out
    assert doctor(out).record == find(name)
    resolved = resolve(f"file:{out}", "densenet121")
    assert (resolved.record, resolved.path) == (find(name), out)
    saved = load_file(out)
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    assert saved.keys() == sequential.tensors.keys()
    np.testing.assert_array_equal(features(out, name), features(sequential.path, name))
    # the other convention may still be asked for by name
    other = "radimagenet-densenet121-pytorch-symmetric"
    assert resolve(f"file:{out}", "densenet121", record=other).record == find(other)
    with pytest.raises(WeightsError, match=r"of the variant torchvision, but .* of keras"):
        resolve(f"file:{out}", "densenet121", record="radimagenet-densenet121-keras-centred")


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_beside(sequential: Diagnosis, tmp_path: Path) -> None:
    name = "radimagenet-densenet121-pytorch-centred"
    folder = tmp_path / "out"
    first = sequential.save(folder / "a.safetensors", name).read_bytes()
    assert sequential.save(folder / "a.safetensors", name).read_bytes() == first
    assert [path.name for path in folder.iterdir()] == ["a.safetensors"]
