"""``osteon demo``: a synthetic four-centre cohort, weights pretrained on the spot, and the whole study on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from osteon.cohort import synthetic as phantom
from osteon.core.ledger import stream
from osteon.core.tables import written
from osteon.pipeline import Run, Workers  # fmt: skip
from osteon.pipeline import run as run_study

SEED = 2026
SIZE = 96
PICTURES, EPOCHS = 1200, 4
BACKBONES = ("regnetx_002", "mobilenetv3_small_050")
SOURCES = {
    "radiographs": "synthetic radiographs of other patients, drawn by osteon's phantom",
    "textures": "synthetic textures, drawn by osteon's phantom",
}
STUDY = """\
# Everything in this study is synthetic: radiographs, patients, diagnoses and the pictures used for pretraining.
[study]
name = "Synthetic demonstration"
seed = 2026

[task]
positive = ["malignant", "giant cell tumor"]
name = "non-benign"

[centres]
development = ["A"]
external = ["B", "C", "D"]

[crop]
size = 96
margin = 0.25

[[models]]
kind = "network"
name = "regnet, radiographs"
backbone = "regnetx_002"
weights = "file:weights/regnetx_002-radiographs.safetensors"
recipe = "full"
epochs = 8
batch_size = 16
learning_rate = 1e-3

[[models]]
kind = "network"
name = "regnet, textures"
backbone = "regnetx_002"
weights = "file:weights/regnetx_002-textures.safetensors"
recipe = "full"
epochs = 8
batch_size = 16
learning_rate = 1e-3

[[models]]
kind = "network"
name = "mobilenet, radiographs"
backbone = "mobilenetv3_small_050"
weights = "file:weights/mobilenetv3_small_050-radiographs.safetensors"

[[models]]
kind = "network"
name = "mobilenet, textures"
backbone = "mobilenetv3_small_050"
weights = "file:weights/mobilenetv3_small_050-textures.safetensors"

# As "mobilenet, radiographs", but learning from boxes that are drawn a little differently, and averaging over such.
[[models]]
kind = "network"
name = "mobilenet, mended"
backbone = "mobilenetv3_small_050"
weights = "file:weights/mobilenetv3_small_050-radiographs.safetensors"
augment = { jitter = 0.15 }
average_boxes = 5

[[models]]
kind = "radiomics"

[[models]]
kind = "clinical"
variables = ["age", "sex", "site", "pain"]

[[models]]
kind = "combined"
of = "regnet, radiographs"
variables = ["age", "sex", "site", "pain"]

[evaluation]
folds = 3
subgroups = ["age", "sex"]

# At small size, so that the demonstration takes minutes; the defaults are larger.
[robustness]
shift = [0.1, 0.3]
scale = [0.2]
aspect = [0.2]
combined = [0.2]
repeats = 2
cases = 60

[explain]
cases = 24
"""


def run(folder: Path, *, workers: Workers) -> Run:
    """Make what is missing of the demonstration and run its study.

    Args:
        folder: Where it goes; a finished part is not made again.
        workers: Who does the work.
    """
    if not (folder / "cohort.csv").is_file():
        phantom.make_cohort(folder, seed=SEED, jobs=workers.jobs)
        workers.progress.say("[green]✓[/] synthetic cohort of four centres")
    pieces = [
        (folder / "weights" / f"{backbone}-{source}.safetensors", backbone, source)
        for backbone in BACKBONES
        for source in SOURCES
    ]
    missing = [piece for piece in pieces if not piece[0].is_file()]
    accuracies = workers.map("pretraining", _pretrain, missing)
    for (path, _, _), accuracy in zip(missing, accuracies, strict=True):
        workers.progress.say(f"[green]✓[/] {path.name} pretrained; accuracy on its own task {accuracy:.2f}")
    study = folder / "study.toml"
    if not study.is_file():
        with written(study) as beside:
            beside.write_text(STUDY, encoding="utf-8")
    return run_study(study, workers=workers)


def _pretrain(path: Path, backbone: str, source: str) -> float:
    from osteon.models.network.pretrain import pretrain

    rng = np.random.default_rng([SEED, stream(path.name)])
    draw = phantom.pretraining_radiographs if source == "radiographs" else phantom.pretraining_textures
    images, labels = draw(PICTURES, SIZE, SEED)
    return pretrain(
        backbone, images, labels, path, name=f"synthetic-{source}", source=SOURCES[source], epochs=EPOCHS, rng=rng
    )
