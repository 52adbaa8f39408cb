"""A study of tables with three centres, made in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

STUDY = """\
[study]
seed = 3
[task]
positive = ["malignant"]
[centres]
development = ["A"]
[[models]]
kind = "clinical"
name = "age"
variables = ["age"]
[[models]]
kind = "combined"
of = "age"
variables = ["site"]
[evaluation]
folds = 2
bootstrap = 100
{asked}
[robustness]
repeats = 0
[explain]
cases = 0
[figures]
also = []
"""


def centres(folder: Path, text: str, names: str = "ABC") -> Path:
    """A cohort of tables: three centres that differ in how well age tells the diagnosis."""
    rng = np.random.default_rng(11)
    (folder / "images").mkdir(parents=True)
    rows = []
    for place, centre in enumerate(names):
        for number in range(30 + 6 * place):
            target, case = int(number % 3 == 0), f"{centre}{number:02d}"
            pixels = rng.integers(0, 255, (32, 32)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{case}.png")
            rows.append({
                "case_id": case, "image": f"images/{case}.png", "centre": centre, "patient_id": case,
                "label": "malignant" if target else "benign", "x0": 4, "y0": 4, "x1": 20 + number % 4, "y1": 22,
                "age": round(float(rng.normal(30 + (25 - 8 * place) * target, 10)), 1), "site": "ab"[number % 2],
            })  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


def edit(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Write the cohort table anew."""
    cohort = pd.read_csv(path.parent / "cohort.csv")
    change(cohort).to_csv(path.parent / "cohort.csv", index=False)
