"""Networks for other programs: ONNX files say what osteon says, and so does the program beside them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from osteon import weights
from osteon.core.errors import InputError
from osteon.models.inputs import case
from osteon.models.network import build, exchange
from osteon.models.network.fitted import FittedNetwork, SavedNetwork
from osteon.models.network.members import Member
from osteon.study import Compute, Crop, Network
from small_study import WHOLE

SIZE = 48
#: Runs the example for every line of arguments, where neither osteon nor anything else that it brings can be imported.
ALONE = """\
import runpy, sys
for name in ("osteon", "torch", "torchvision", "timm", "scipy", "pandas", "onnx", "onnxscript"):
    sys.modules[name] = None
path = sys.argv[1]
for line in sys.stdin:
    sys.argv = [path, *line.split()]
    runpy.run_path(path, run_name="__main__")
"""


def crops(count: int, size: int) -> np.ndarray:
    """Pictures of random patches, so that no two are alike."""
    patches = np.random.default_rng(count).random((count, 1, 8, 8), dtype=np.float32)
    return patches.repeat(size // 8, axis=2).repeat(size // 8, axis=3)


@torch.inference_mode()
def member(backbone: str, size: int, heads: int = 3, seed: int = 1) -> Member:
    """A network of random weights, and heads whose logits of pictures spread around 0."""
    network = build.build(backbone, "random", size=size, seed=seed)
    features = network.features(torch.from_numpy(crops(8, size))).numpy()
    weight = np.random.default_rng(2).normal(size=(heads, network.n_features))
    weight /= 2 * (features @ weight.T).std(axis=0)[:, None]
    return Member(network, weight.astype(np.float32), -(features @ weight.T).mean(axis=0).astype(np.float32))


@torch.inference_mode()
def in_torch(one: Member, given: np.ndarray) -> np.ndarray:
    features = one.network.features(torch.from_numpy(given)).numpy().astype(np.float64)
    return 1 / (1 + np.exp(-(features @ one.weight.T.astype(np.float64) + one.bias)))


@pytest.mark.parametrize(
    ("backbone", "size"),
    [
        ("resnet18", 64),
        ("mobilenetv3_small_050", 64),
        ("test_vit", 64),
        *[("densenet121", 64), ("inception_v3", 96)] * WHOLE,
    ],
)
def test_an_onnx_file_says_what_the_network_says(backbone: str, size: int) -> None:
    one = member(backbone, size)
    session = onnxruntime.InferenceSession(next(exchange.to_onnx([one], size)))
    for count in (1, 7, 64):
        given = crops(count, size)
        (found,) = session.run(["probability"], {"crop": given})
        assert found.shape == (count, 3)
        assert found.dtype == np.float32
        expected = in_torch(one, given)
        assert np.abs(found - expected).max() < 1e-5
        assert count == 1 or expected.std(axis=0).min() > 0.05  # else anything would be close


def fitted(
    folder: Path, *, recipe: str, seeds: int = 1, average_boxes: int = 1, crop: Crop | None = None
) -> FittedNetwork:
    """A network of two folds, written as training writes it."""
    model = Network(
        name="net", backbone="test_resnet", weights="random", recipe=recipe, seeds=seeds, average_boxes=average_boxes
    )
    folders = []
    for seed in range(seeds):
        for fold in range(2):
            one = member("test_resnet", SIZE, heads=1, seed=1 if recipe == "frozen" else 1 + fold)
            state = {
                "head.1.weight": torch.from_numpy(one.weight),
                "head.1.bias": torch.from_numpy(one.bias) + seed / 4,
            }
            if recipe != "frozen":
                state = {name: tensor.contiguous() for name, tensor in (one.network.state_dict() | state).items()}
            folders.append(folder / f"{seed}-{fold}")
            folders[-1].mkdir(parents=True)
            save_file(state, folders[-1] / "model.safetensors")
            about = {
                "model": model.model_dump(mode="json"),
                "backbone_seed": 1,
                "input_size": SIZE,
                "whole_network": recipe != "frozen",
            }
            (folders[-1] / "model.json").write_text(json.dumps(about))
    of_seeds = tuple(tuple(folders[2 * seed : 2 * seed + 2]) for seed in range(seeds))
    found = weights.resolve("random", "test_resnet")
    saved = SavedNetwork(model, of_seeds, str(folder), found, crop or Crop(), SIZE, Compute(device="cpu"), 7)
    return FittedNetwork(saved)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Radiographs of every kind that the example reads."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:150, :190] / 150
    values = 0.5 + 0.3 * np.sin(9 * x + 5 * y) + rng.normal(0, 0.05, x.shape)
    grey = np.clip(values * 255, 0, 255).astype(np.uint8)
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(grey).save(folder / "grey.jpg")
    colour = np.stack([grey, np.roll(grey, 7, 0), np.roll(grey, 9, 1)], axis=2)
    Image.fromarray(colour).save(folder / "colour.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colour).save(folder / "turned.jpg", exif=exif)
    Image.fromarray((values.clip(0, 1) * 3000 + 100).astype(np.uint16)).save(folder / "deep.png")
    Image.fromarray(np.full((60, 60), 900, dtype=np.uint16)).save(folder / "blank.png")
    return folder


#: Within, reducing; small, enlarging; across the edge; whole numbers; beyond the picture.
BOXES = [(20.5, 31.25, 130.75, 99.5), (60, 50, 71, 64), (-10, 100, 60, 170), (0, 0, 24, 24), (300, 300, 320, 320)]


def told_alone(folder: Path, cases: pd.DataFrame, pictures: Path) -> np.ndarray:
    lines = [
        f"{pictures / image} {x0} {y0} {x1} {y1}" for image, x0, y0, x1, y1 in cases[["image", *case.BOX]].to_numpy()
    ]
    command = [sys.executable, "-I", "-c", ALONE, str(folder / "example.py")]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return np.array(done.stdout.split(), dtype=float)


#: What the networks are that are exported.
HOW: dict[str, dict[str, Any]] = {
    "frozen": {"recipe": "frozen"},
    "tuned": {"recipe": "full", "seeds": 2, "average_boxes": 3},
    "stretched": {"recipe": "frozen", "seeds": 2, "crop": Crop(square=False, margin=0.0)},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[FittedNetwork, Path]]:
    """Each of these networks, and the folder that it was exported to."""

    @cache
    def made(which: str) -> tuple[FittedNetwork, Path]:
        folder = tmp_path_factory.mktemp(which)
        network = fitted(folder / "model", **HOW[which])
        written = exchange.export(network, folder / "out", title={"classes": ["benign", "malignant"]})
        assert sorted(written) == sorted((folder / "out").iterdir())
        return network, folder / "out"

    return made


@pytest.mark.parametrize("which", HOW)
def test_the_example_says_what_osteon_says(which: str, exported: Any, pictures: Path) -> None:
    network, folder = exported(which)
    names = sorted(path.name for path in pictures.iterdir())
    rows = [(name, *BOXES[(place + more) % len(BOXES)]) for place, name in enumerate(names) for more in (0, 2)]
    cases = pd.DataFrame(rows, columns=["image", *case.BOX]).assign(case_id="any name")
    expected = network(case.inputs(cases, pictures), {})
    assert expected.std() > 0.001
    assert np.abs(told_alone(folder, cases, pictures) - expected).max() < 1e-5


def test_model_json_says_which_files_and_what_the_study_says(exported: Any) -> None:
    told = {which: json.loads((exported(which)[1] / "model.json").read_text(encoding="utf-8")) for which in HOW}
    one = told["stretched"]
    assert (one["format"], one["version"], one["classes"]) == ("osteon-onnx", 2, ["benign", "malignant"])
    assert "research use only" in one["use"].lower()
    assert one["boxes"]["changes"] == [[0, 0, 1, 1]]
    assert len(told["tuned"]["boxes"]["changes"]) == 3
    # Folds of a frozen backbone share its file; seeds of one made of random weights do not.
    outputs = {which: [network["outputs"] for network in one["networks"]] for which, one in told.items()}
    assert outputs == {"frozen": [2], "tuned": [1, 1, 1, 1], "stretched": [2, 2]}


def test_the_same_network_gives_the_same_bytes_and_no_path(exported: Any, tmp_path: Path) -> None:
    _, folder = exported("tuned")
    exchange.export(
        fitted(tmp_path / "model", **HOW["tuned"]), tmp_path / "out", title={"classes": ["benign", "malignant"]}
    )
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert content == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    networks = [content[name] for name in sorted(content) if name.startswith("network-")]
    assert len({*networks}) == 4  # folds and seeds differ
    for word in (folder.anchor + folder.parts[1], str(Path(exchange.__file__).parent), ".py", "packages", "pytorch"):
        assert not any(word.encode() in network for network in networks), word


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="a folder of its own"):
        exchange.export(fitted(tmp_path / "model", recipe="frozen"), tmp_path)


class Fixed(torch.nn.Module):
    """A backbone that takes batches of two alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(2, 3, *x.shape[2:])


def test_a_network_that_is_tied_to_a_batch_is_refused() -> None:
    one = member("test_resnet", SIZE)
    one.network.backbone = Fixed()
    with pytest.raises(InputError, match="test_resnet cannot be written as ONNX"):
        next(exchange.to_onnx([Member(one.network, one.weight[:, :3], one.bias)], SIZE))


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"pip install 'osteon\[onnx\]'"):
        next(exchange.to_onnx([member("test_resnet", SIZE)], SIZE))
