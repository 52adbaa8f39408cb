"""``osteon demo``: a synthetic four-centre cohort, weights pretrained on the spot, and the whole study on them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osteon import study, weights
from osteon.cohort import check as checks
from osteon.cohort import synthetic as phantom
from osteon.core.extras import need
from osteon.core.run import RunFolder
from osteon.core.tables import written
from osteon.core.types import Pixels
from osteon.pipeline import Run, Workers  # fmt: skip
from osteon.pipeline import run as run_study

SEED = 2026
SIZE = 96
PATIENTS = 220
PICTURES, EPOCHS = 4500, 8
DRAWN_AT_ONCE = 250
BACKBONE = "test_resnet"  # timm's smallest: 0.4 million weights
#: What the pictures are called in the weights and in the report.
SOURCES = {"radiographs": "synthetic radiographs of other patients", "textures": "synthetic textures"}
#: What turns in from outside the picture is black.
HOW: dict[str, Any] = {
    "backbone": BACKBONE, "weights": "random", "size": SIZE, "epochs": EPOCHS, "learning_rate": 3e-3, "coarse": 0.7,
    "augment": {"shift": 0.0, "scale": 0.0, "rotate": 10}, "seed": SEED,
}  # fmt: skip
#: Sums in another order differ in their last bits, and training from scratch magnifies that until networks differ.
#: These keep the kernels of every x86 processor since 2013 to one instruction set, so that all see one demonstration.
ONE_INSTRUCTION_SET = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "COMPATIBLE"}
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
name = "fine-tuned, radiographs"
backbone = "test_resnet"
weights = "file:weights/test_resnet-radiographs.safetensors"
recipe = "full"
epochs = 8
batch_size = 16
learning_rate = 1e-3

[[models]]
kind = "network"
name = "fine-tuned, textures"
backbone = "test_resnet"
weights = "file:weights/test_resnet-textures.safetensors"
recipe = "full"
epochs = 8
batch_size = 16
learning_rate = 1e-3

[[models]]
kind = "network"
name = "frozen, radiographs"
backbone = "test_resnet"
weights = "file:weights/test_resnet-radiographs.safetensors"

[[models]]
kind = "network"
name = "frozen, textures"
backbone = "test_resnet"
weights = "file:weights/test_resnet-textures.safetensors"

# As "frozen, radiographs", but learning from boxes that are drawn a little differently, and averaging over such.
[[models]]
kind = "network"
name = "frozen, mended"
backbone = "test_resnet"
weights = "file:weights/test_resnet-radiographs.safetensors"
augment = { jitter = 0.15 }
average_boxes = 5

[[models]]
kind = "radiomics"

[[models]]
kind = "clinical"
variables = ["age", "sex", "site", "pain"]

[[models]]
kind = "combined"
of = "fine-tuned, radiographs"
variables = ["age", "sex", "site", "pain"]

[evaluation]
primary = ["fine-tuned, radiographs", "fine-tuned, textures"]
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
cases = 48

# A processor with bfloat16 would train in it by default, and tell a slightly other story than one without.
[compute]
precision = "float32"
engine = "torch"
"""


def run(folder: Path, *, workers: Workers) -> Run:
    """Make what is missing of the demonstration and run its study.

    Args:
        folder: Where it goes; a finished part is not made again.
        workers: Who does the work.
    """
    need("networks", "the demonstration's networks")
    os.environ.update(ONE_INSTRUCTION_SET)
    if not (folder / "cohort.csv").is_file():
        phantom.make_cohort(folder, patients=PATIENTS, seed=SEED, jobs=workers.jobs)
        workers.progress.say("[green]✓[/] synthetic cohort of four centres")
    study_file = folder / "study.toml"
    if not study_file.is_file():
        with written(study_file) as beside:
            beside.write_text(STUDY, encoding="utf-8")
    settings = study.load(study_file)
    missing = [source for source in SOURCES if not _weights(folder, source).is_file()]
    if missing:
        cache = RunFolder(settings.run_path).cache
        checked = checks.check(settings, jobs=workers.jobs, progress=workers.progress, cache=cache)
        pieces = [(_weights(folder, source), source, *_drawn(source, workers), checked) for source in missing]
        for line in workers.map("pretraining", _pretrain, pieces):
            workers.progress.say(f"[green]✓[/] {line}")
    return run_study(study_file, workers=workers)


def _weights(folder: Path, source: str) -> Path:
    return folder / "weights" / f"{BACKBONE}-{source}.safetensors"


def _drawn(source: str, workers: Workers) -> phantom.Pictures:
    """A source's pictures; each part has a seed of its own, so that it does not matter who draws it."""
    draw = {"radiographs": phantom.pretraining_radiographs, "textures": phantom.pretraining_textures}[source]
    seeds = range(SEED, SEED + PICTURES // DRAWN_AT_ONCE)
    parts = workers.map(f"drawing {source}", draw, [(DRAWN_AT_ONCE, SIZE, seed) for seed in seeds])
    return phantom.Pictures(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _pretrain(path: Path, source: str, images: Pixels, labels: NDArray[np.int64], checked: checks.Checked) -> str:
    """Hold a source's pictures against the study's, pretrain the backbone on them, and say how well."""
    from osteon import pretraining

    signs = source == "radiographs"
    names = phantom.RADIOGRAPH_SIGNS if signs else phantom.TEXTURE_CLASSES
    patients = np.arange(PICTURES) // phantom.PICTURES_A_PATIENT
    material = pretraining.Material.drawn(SOURCES[source], images[:, 0], labels, names, patients)
    comparison, overlaps, _ = pretraining.compare([material], checked)
    pretraining.refuse(overlaps, path.with_suffix(".overlaps.csv"))
    how = pretraining.Pretraining(name=f"synthetic-{source}", **HOW)
    machine = pretraining.Machine(study.Compute(precision="float32"))
    start = weights.resolve("random", BACKBONE)
    told = pretraining.learn([material], how, path, start=start, comparison=comparison, on=machine)
    (merit,) = told.curves[-1]["held_out"].values()
    measure = "mean AUC of the signs" if signs else "balanced share of classes told"
    return f"{path.name} pretrained; {measure} in pictures it has not seen: {merit:.2f}"
