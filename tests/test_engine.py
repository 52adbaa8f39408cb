"""What frozen backbones run on: onnxruntime says what torch says, is told apart from it, and needs none of it later."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from osteon import study
from osteon.core import extras
from osteon.core.errors import InputError, StudyError
from osteon.core.progress import Quiet
from osteon.core.run import RunFolder
from osteon.models import portable
from osteon.models.network import build, engine
from osteon.models.network.engine import Frozen, Prepared, prepared
from osteon.pipeline import FIT, Workers, export, walk
from osteon.study import Compute
from osteon.weights import resolve
from small_study import STUDY, make

SIZE = 48
CPU = Compute(device="cpu")
#: The small study, with its first model alone.
_MODELS, REST = STUDY.split("[[models]]"), STUDY[STUDY.index("[evaluation]") :]
ONLY = f"{_MODELS[0]}[[models]]{_MODELS[1]}{REST}"


def frozen(backbone: str = "test_resnet", seed: int = 1, size: int = SIZE) -> Frozen:
    return Frozen(backbone, resolve("random", backbone), seed, size)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, Path]:
    """Two backbones of random weights in onnxruntime."""
    cache = tmp_path_factory.mktemp("engine")
    return prepared([frozen(seed=1), frozen(seed=2)], CPU, cache), cache


def test_features_are_torchs_for_any_batch(ready: tuple[Prepared, Path]) -> None:
    made, _ = ready
    assert made.engine.name == "onnxruntime"
    crops = np.random.default_rng(0).random((engine.BATCH, 1, SIZE, SIZE), dtype=np.float32)
    told = []
    for seed in (0, 1):
        one = frozen(seed=seed + 1)
        tensors = made.tensors(seed)
        assert tensors is not None
        run = made.engine.load(tensors, one.weights.record, threads=1)
        with torch.inference_mode():
            expected = one.build().features(torch.from_numpy(crops)).numpy()
        for count in (1, 5, engine.BATCH):
            told.append(run(crops[:count]))
            assert np.abs(told[-1] - expected[:count]).max() < engine.TOLERANCE * np.abs(expected).max()
    assert np.abs(told[0] - told[3]).max() > 1e-3  # seeds differ


def test_what_is_prepared_is_found_again(ready: tuple[Prepared, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    made, cache = ready
    monkeypatch.setattr(build, "build", None)  # else it would be asked
    assert prepared([frozen(seed=1), frozen(seed=2)], CPU, cache) == made
    with pytest.raises(TypeError):
        prepared([frozen(seed=3)], CPU, cache)


class Wavering(torch.nn.Module):
    """A backbone that goes another way for other pictures, which no graph does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.mean() > 0.5 else 1 - x


def test_a_backbone_that_cannot_be_translated_runs_on_torch_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = build.build

    def odd(*given: object, **more: object) -> build.Classifier:
        network = real(*given, **more)  # type: ignore[arg-type]
        network.backbone = Wavering()
        return network

    monkeypatch.setattr(build, "build", odd)
    made = prepared([frozen(size=40)], CPU, tmp_path)
    assert (made.engine.name, made.backbones) == ("torch", ())
    assert "test_resnet cannot be written as ONNX" in made.engine.note
    with pytest.raises(StudyError, match=r"compute\.engine: test_resnet cannot be written as ONNX"):
        prepared([frozen(size=40)], CPU.model_copy(update={"engine": "onnxruntime"}), tmp_path)


def test_a_backbone_that_says_something_else_runs_on_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TOLERANCE", 0)
    made = prepared([frozen()], CPU, tmp_path)
    assert made.engine.name == "torch"
    assert "its features would differ by" in made.engine.note


def test_torch_is_taken_where_it_is_asked_for_or_the_other_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [
        prepared([frozen()], Compute(device="cpu", engine="torch"), tmp_path),
        prepared([frozen()], Compute(device="cuda"), tmp_path),
        prepared([frozen()], Compute(), tmp_path, apart=True),
    ]
    monkeypatch.setattr(engine, "lacking", lambda _: ["onnxruntime"])
    monkeypatch.setattr(extras, "lacking", lambda _: ["onnxruntime"])
    taken.append(prepared([frozen()], CPU, tmp_path))
    assert {(str(made.engine), made.engine.note) for made in taken} == {
        (f"torch {torch.__version__.split('+')[0]}", "")
    }
    with pytest.raises(InputError, match=r"need onnxruntime.*pip install 'osteon\[onnx\]'"):
        prepared([frozen()], Compute(engine="onnxruntime"), tmp_path)
    monkeypatch.undo()
    with pytest.raises(StudyError, match=r'onnxruntime runs on the processor, and compute\.device is "cuda"'):
        prepared([frozen()], Compute(device="cuda", engine="onnxruntime"), tmp_path)
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class Fitted:
    """A fitted study of one frozen network, and its model as a file."""

    study_file: Path
    file: Path

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.study_file.parent / "run")

    def said(self) -> pd.DataFrame:
        """What the network says; a baseline of the box alone comes by itself."""
        told = self.run.read("predictions")
        return told[told["model"] == "frozen"]

    @property
    def engines(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.run.provenance_file.read_text())["engines"]
        return found


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    folder = tmp_path_factory.mktemp("engines")
    path = make(folder / "study", patients=9, study=ONLY.replace('engine = "torch"', 'device = "cpu"'))
    walk(FIT, study.load(path))
    export(path, "frozen", folder / "frozen.osteon")
    return Fitted(path, folder / "frozen.osteon")


#: Asks a model's file where torch cannot be imported.
WITHOUT_TORCH = """\
import sys
for name in ("torch", "torchvision", "timm"):
    sys.modules[name] = None
from osteon.cli import app
app(sys.argv[1:])
"""


def test_a_file_answers_without_torch_what_the_study_said(fitted: Fitted, tmp_path: Path) -> None:
    cohort = pd.read_csv(fitted.study_file.parent / "cohort.csv")
    cases = cohort[cohort["centre"] == "B"].drop(columns="label")
    cases.assign(image=[str(fitted.study_file.parent / image) for image in cases["image"]]).to_csv(
        tmp_path / "new.csv", index=False
    )
    one = cases.iloc[0]
    box = ",".join(str(one[side]) for side in ("x0", "y0", "x1", "y1"))
    image = str(fitted.study_file.parent / one["image"])
    for asked in (["predict", fitted.file, tmp_path / "new.csv", "--out", tmp_path / "out.csv"],
                  ["predict", fitted.file, image, "--box", box]):  # fmt: skip
        command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, asked)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    said = fitted.said().query("split == 'external'").set_index("case_id")["probability"]
    found = pd.read_csv(tmp_path / "out.csv").set_index("case_id")["probability"]
    assert (found[said.index] == said).all()
    assert f"Probability of malignant: {said[one['case_id']]:.3f}" in done.stdout


def test_a_file_without_onnxruntime_is_answered_by_torch(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    read = portable.read(fitted.file)
    told = read.saved.read()
    monkeypatch.setattr(engine, "lacking", lambda _: ["onnxruntime"])
    other = read.saved.read()
    crops = np.random.default_rng(0).random((4, 1, SIZE, SIZE), dtype=np.float32)
    one, two = (network.look(crops)[0] for network in (told, other))  # type: ignore[attr-defined]
    assert np.abs(one - two).max() < 1e-4
    assert (one != two).any()  # another engine, other last digits


class Told(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def test_another_engine_makes_everything_anew_and_says_so(fitted: Fitted) -> None:
    said = fitted.said()
    assert fitted.engines["frozen"].startswith("onnxruntime ")
    folds = [fitted.run.fold("frozen", 0, fold) / "model.safetensors" for fold in (0, 1)]
    before = [path.read_bytes() for path in folds]
    fitted.study_file.write_text(fitted.study_file.read_text().replace('device = "cpu"', 'engine = "torch"'))
    told = Told()
    walk(FIT, study.load(fitted.study_file), Workers(progress=told))
    assert fitted.engines == {"frozen": f"torch {torch.__version__.split('+')[0]}"}
    assert any("'frozen' was made with onnxruntime" in line and "made anew" in line for line in told.said)
    assert all(path.read_bytes() != old for path, old in zip(folds, before, strict=True))
    now = fitted.said()
    assert (now["case_id"] == said["case_id"]).all()
    apart = (now["probability"] - said["probability"]).abs()
    assert 0 < apart.max() < 1e-4
