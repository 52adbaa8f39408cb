"""A study small enough to run in seconds: noise pictures with a blob, two centres, every kind of model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from osteon.core.run import RunFolder
from osteon.results import figures

#: Whether studies that take long are done in full, as continuous integration does.
WHOLE = bool(os.environ.get("OSTEON_TEST_ALL"))
STUDY = """\
[study]
name = "small"
seed = 7

[task]
positive = ["malignant"]
name = "malignant"

[centres]
development = ["A"]

[crop]
size = 48

[[models]]
kind = "network"
name = "frozen"
backbone = "test_resnet"
weights = "random"

[[models]]
kind = "network"
name = "tuned"
backbone = "test_resnet"
weights = "random"
recipe = "full"
epochs = 2
batch_size = 8
seeds = 2

[[models]]
kind = "radiomics"
icc = 0.5

[[models]]
kind = "clinical"
variables = ["age", "sex"]

[[models]]
kind = "combined"
of = "frozen"
variables = ["age"]

[evaluation]
folds = 2
bootstrap = 100

[robustness]
repeats = 0

[explain]
cases = 0

[figures]
also = []

[compute]
engine = "torch"
"""

#: All that a study file has to say; what osteon fills in depends on the table and the machine.
SMALLEST = '[study]\ncohort = "cohort.csv"\n[task]\npositive = ["malignant"]\n[centres]\ndevelopment = ["1"]\n'


def make(folder: Path, *, patients: int = 24, study: str = STUDY, seed: int = 0) -> Path:
    """Write cohort.csv, pictures and study.toml.

    Args:
        folder: Where to.
        patients: Patients of each of the centres A and B; every third has two views.
        study: The study file's text.
        seed: Of the pictures.

    Returns:
        The study file.
    """
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    rows = []
    for centre in "AB":
        for number in range(patients):
            positive = number % 3 == 0
            for view in ("frontal", "lateral")[: 2 if number % 3 == 1 else 1]:
                case = f"{centre}{number:02d}-{view}"
                pixels = rng.normal(90, 20, (80, 72))
                y, x = rng.integers(16, 40, 2)
                side = int(rng.integers(14, 22)) + 4 * positive
                pixels[y : y + side, x : x + side] += 70 if positive else 40
                Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / f"{case}.png")
                rows.append(
                    {
                        "case_id": case,
                        "image": f"images/{case}.png",
                        "centre": centre,
                        "label": "malignant" if positive else "benign",
                        **dict(zip(("x0", "y0", "x1", "y1"), (x, y, x + side, y + side), strict=True)),
                        "patient_id": f"{centre}{number}",
                        "age": round(float(rng.normal(40 + 15 * positive, 12))),
                        "sex": "FM"[number % 2],
                        "view": view,
                    }
                )
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "study.toml").write_text(study)
    return folder / "study.toml"


def run_apart(study_file: Path, jobs: int) -> None:
    """Run a study as the leader of a process group of its own, so that it can be killed with all that it started."""
    import osteon
    from osteon.core.workers import Workers

    os.setsid()
    osteon.run(study_file, workers=Workers(jobs))


def fitted_network(study_file: Path, name: str, seed: int, fold: int) -> Any:
    """One fold's network of a fitted model that starts from random weights."""
    from osteon.models.network.fitted import SavedNetwork
    from osteon.study import load
    from osteon.weights import resolve

    given = load(study_file)
    model: Any = given.model(name)
    run = RunFolder(given.run_path)
    folders = tuple(tuple(run.fold(name, s, k) for k in range(given.evaluation.folds)) for s in range(model.seeds))
    size = model.size or given.crop.size
    saved = SavedNetwork(
        model, folders, "", resolve("random", model.backbone), given.crop, size, given.compute, given.study.seed
    )
    return saved.network(seed, fold)


def add_centre(folder: Path, cases: int = 9) -> list[str]:
    """Add a centre C to a small study: brighter pictures of the first cases of B.

    Returns:
        The new cases.
    """
    whole = pd.read_csv(folder / "cohort.csv")
    more = whole[whole["centre"] == "B"].head(cases)
    added = more.assign(centre="C", case_id="C" + more["case_id"], patient_id="C" + more["patient_id"])
    for image, name in zip(more["image"], added["case_id"], strict=True):
        with Image.open(folder / image) as picture:
            brighter = np.minimum(np.asarray(picture).astype(int) + 20, 255).astype(np.uint8)
        Image.fromarray(brighter).save(folder / "images" / f"{name}.png")
    added["image"] = [f"images/{name}.png" for name in added["case_id"]]
    pd.concat([whole, added]).to_csv(folder / "cohort.csv", index=False)
    return list(added["case_id"])


def bytes_of(run: Path) -> dict[str, bytes]:
    """Every file of a run but what can be thrown away, by its relative path."""
    files = (path for path in sorted(run.rglob("*")) if path.is_file())
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files if ".cache" not in path.parts}


def but(files: dict[str, bytes], *parts: str) -> dict[str, bytes]:
    """Files of a run but those whose relative path holds any of these."""
    return {name: content for name, content in files.items() if not any(part in name for part in parts)}


@contextmanager
def drawing(*names: str) -> Iterator[None]:
    """Draw these figures alone: they take longer than all that comes before them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DRAWN", {name: figures.DRAWN[name] for name in names})
        yield


def drawn() -> AbstractContextManager[None]:
    """Draw the figures of the finished run: all that can be drawn, or in part a few."""
    return nullcontext() if WHOLE else drawing("flow", "roc", "calibration")


#: The study's models of tables alone, which need no network.
TABLES = "[[models]]".join(part for part in STUDY.split("[[models]]") if '"network"' not in part).replace(
    'of = "frozen"', 'of = "radiomics"'
)

if __name__ == "__main__":
    make(Path(sys.argv[1]), study=TABLES)
