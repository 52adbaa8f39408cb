"""Pretraining a backbone on one's own pictures: what it learns and what it writes, the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from osteon import study, weights
from osteon.models.network import build
from osteon.models.network.pretrain import Pretraining, pretrain
from osteon.pipeline import demo

BACKBONE = "test_byobnet"


def stripes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noise with stripes of either direction, of both or of none, and which."""
    signs = rng.integers(0, 2, (n, 2))
    wave = np.sin(np.arange(64) / 2).astype(np.float32)
    pictures = rng.random((n, 64, 64), dtype=np.float32) * 0.3
    pictures += 0.3 * signs[:, 0, None, None] * (wave[:, None] > 0) + 0.3 * signs[:, 1, None, None] * (wave > 0)
    return pictures[:, None], signs


@pytest.mark.parametrize("several", [False, True], ids=["classes", "signs"])
def test_it_learns_and_writes_weights_that_a_study_can_name(tmp_path: Path, several: bool) -> None:
    images, signs = stripes(320, np.random.default_rng(1))
    labels = signs if several else signs[:, 0]
    files = [tmp_path / name for name in ("once.safetensors", "again.safetensors")]
    how = Pretraining(BACKBONE, "stripes", "a test", epochs=4, learning_rate=4e-3)
    merits = [pretrain(images, labels, path, how, np.random.default_rng(2)) for path in files]
    assert merits[0] == merits[1]
    assert merits[0] > 0.85
    first, second = (load_file(path) for path in files)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert {tensor.dtype for tensor in first.values()} <= {torch.float32, torch.int64}

    found = weights.resolve(f"file:{files[0]}", BACKBONE)
    assert found.record.source == "a test"
    network = build.build(BACKBONE, found, seed=3, size=64)
    held = network.backbone.state_dict()
    assert all(torch.equal(held[name], first[name]) for name in held if "num_batches" not in name)


def test_the_demonstrations_study_trains_in_float32_from_the_weights_it_makes(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(demo.STUDY, encoding="utf-8")
    settings = study.load(path)
    assert (settings.compute.precision, settings.compute.predict) == ("float32", "float32")
    made = {f"file:weights/{demo.BACKBONE}-{source}.safetensors" for source in demo.SOURCES}
    networks = [model for model in settings.models if isinstance(model, study.Network)]
    assert {model.weights for model in networks} == made
    assert {model.backbone for model in networks} == {demo.BACKBONE}
    first, second = (settings.model(name) for name in settings.primary)
    assert isinstance(first, study.Network)
    assert isinstance(second, study.Network)
    # The primary pair differs in its weights and in nothing else.
    assert first.model_copy(update={"name": "", "weights": ""}) == second.model_copy(update={"name": "", "weights": ""})
