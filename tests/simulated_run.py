"""A study's tables without a study: cohort and predictions drawn from a stated model, for tests of what follows them.

Synthetic throughout. A model sees a case's label through noise whose size depends on the centre, so that AUCs differ
between centres, and that models share in part, so that they are correlated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.study import Study

#: Model name to (strength inside, strength outside, overconfidence, training seeds).
MODELS = {
    "resnet50-radimagenet": (1.9, 1.35, 1.0, 3),
    "resnet50-imagenet": (1.8, 1.0, 1.6, 3),
    "inception_v3-imagenet": (1.7, 0.95, 2.2, 1),
    "radiomics": (1.3, 0.7, 0.8, 1),
    "clinical": (0.9, 0.75, 1.0, 1),
    "combined": (2.1, 1.5, 1.0, 3),
    "box": (1.2, 0.5, 1.0, 1),
}
#: Centre to (cases, prevalence, shift of difficulty).
CENTRES = {"1": (420, 0.30, 0.0), "2": (260, 0.24, 0.0), "3": (180, 0.38, -0.25), "4": (90, 0.16, 0.15)}


@dataclass(frozen=True)
class Simulated:
    """The three things an evaluation needs."""

    predictions: pd.DataFrame
    cohort: pd.DataFrame
    study: Study


def simulate(
    seed: int = 1, *, scale: float = 1.0, models: tuple[str, ...] = tuple(MODELS), **study: object
) -> Simulated:
    """Draw a cohort of four centres and the predictions of its models.

    Args:
        seed: Of everything.
        scale: Of the centres' sizes.
        models: Which of :data:`MODELS`.
        study: Further sections of the study file.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for centre, (cases, prevalence, shift) in CENTRES.items():
        n = int(cases * scale)
        patient = np.sort(rng.integers(0, max(2, int(n * 0.85)), n))
        of_patient = rng.normal(0, 0.5, patient.max() + 1)[patient]
        label = (rng.random(patient.max() + 1) < prevalence)[patient].astype(int)
        age = np.clip(rng.normal(22 + 14 * label, 12, n), 2, 88).round()
        age[rng.random(n) < 0.05] = np.nan
        x0, y0 = rng.integers(20, 90, n), rng.integers(20, 90, n)
        parts.append(
            pd.DataFrame(
                {
                    "case_id": [f"C{centre}-{i:04d}" for i in range(n)],
                    "image": [f"images/C{centre}-{i:04d}.png" for i in range(n)],
                    "centre": centre,
                    "label": label.astype(str),
                    "x0": x0,
                    "y0": y0,
                    "x1": x0 + rng.integers(20, 120, n) + 15 * label,
                    "y1": y0 + rng.integers(20, 120, n) + 15 * label,
                    "patient_id": [f"P{centre}-{p:04d}" if p % 17 else "" for p in patient],
                    "age": age,
                    "sex": rng.choice(["F", "M"], n),
                    "site": rng.choice(["femur", "tibia", "humerus", "hand"], n, p=[0.4, 0.3, 0.2, 0.1]),
                    "shift": shift,
                    "of_patient": of_patient,
                }
            )
        )
    cohort = pd.concat(parts, ignore_index=True)
    label = cohort["label"].astype(int).to_numpy()
    shared = rng.normal(size=len(cohort)) + cohort["of_patient"].to_numpy()
    inside = (cohort["centre"] == "1").to_numpy()
    rows = []
    for name in models:
        here, outside, overconfidence, seeds = MODELS[name]
        own = rng.normal(size=len(cohort))
        strength = np.where(inside, here, outside + cohort["shift"].to_numpy())
        for k in range(seeds):
            latent = strength * (label - 0.5) + 0.6 * shared + 0.7 * own + 0.2 * rng.normal(size=len(cohort))
            probability = 1 / (1 + np.exp(-overconfidence * (1.4 * latent - 0.9)))
            rows.append(
                pd.DataFrame(
                    {
                        "case_id": cohort["case_id"],
                        "patient_id": cohort["patient_id"],
                        "centre": cohort["centre"],
                        "split": np.where(inside, "development", "external"),
                        "model": name,
                        "fold": np.where(inside, (np.arange(len(cohort)) % 5).astype(str), "ensemble"),
                        "seed": k,
                        "label": label,
                        "probability": probability.round(6),
                    }
                )
            )
    settings = {
        "study": {"name": "Bone tumours on radiographs (simulated)", "seed": seed},
        "task": {"name": "non-benign"},
        "centres": {"development": ["1"], "external": ["2", "3", "4"]},
        "models": [_settings(name) for name in models],
        "evaluation": {"bootstrap": 200, "subgroups": ["age", "sex", "site"]},
        "figures": {"also": []},
    }
    return Simulated(
        pd.concat(rows, ignore_index=True),
        cohort.drop(columns=["shift", "of_patient"]),
        Study.model_validate({**settings, **study}),
    )


def _settings(name: str) -> dict[str, object]:
    if name in ("radiomics", "clinical", "box"):
        return {"kind": name, "name": name}
    if name == "combined":
        return {"kind": "combined", "name": name, "of": "resnet50-radimagenet"}
    backbone, weights = name.split("-")
    return {"kind": "network", "name": name, "backbone": backbone, "weights": weights, "seeds": MODELS[name][3]}


def write_inputs(run: Path, simulated: Simulated) -> None:
    """Write what the steps before the evaluation leave in a run folder."""
    cohort, study = simulated.cohort, simulated.study
    run.mkdir(parents=True, exist_ok=True)
    study.write(run / "study.toml")
    tables.write(cohort, run / "cohort.csv", tables.COHORT)
    tables.write(simulated.predictions, run / "predictions.csv", tables.PREDICTIONS)
    groups = []
    baseline = []
    inside = cohort[cohort["centre"] == "1"]
    for centre, part in cohort.groupby("centre"):
        name = "development" if centre == "1" else f"centre:{centre}"
        patients = part["patient_id"].where(part["patient_id"] != "", part["case_id"]).nunique()
        groups.append(
            {
                "name": name,
                "role": "development" if centre == "1" else "external",
                "cases": len(part),
                "patients": int(patients),
                "positive": int(part["label"].astype(int).sum()),
            }
        )
        age, sex = part["age"], part["sex"]
        low, middle, high = age.quantile([0.25, 0.5, 0.75])
        gap = np.nan if centre == "1" else (age.mean() - inside["age"].mean()) / inside["age"].std()
        baseline.append(("cases", "", name, str(len(part)), len(part), np.nan))
        baseline.append(("age", "", name, f"{middle:.0f} ({low:.0f} to {high:.0f})", int(age.notna().sum()), gap))
        baseline.append(("sex", "", name, f"{len(part)} known", len(part), np.nan if centre == "1" else 0.04))
        for level in ("F", "M"):
            count = int((sex == level).sum())
            gap = np.nan if centre == "1" else 2 * ((sex == level).mean() - (inside["sex"] == level).mean())
            baseline.append(("sex", level, name, f"{count} ({count / len(part):.0%})", len(part), gap))
    columns = list(tables.BASELINE.columns)
    tables.write(pd.DataFrame(baseline, columns=columns), run / "baseline.csv", tables.BASELINE)
    flow = {
        "synthetic": True,
        "positive": study.task.name,
        "stages": [
            {"name": "in the table", "cases": len(cohort) + 14, "patients": 700},
            {"name": "readable and in a named centre", "cases": len(cohort) + 5, "patients": 694},
            {"name": "studied", "cases": len(cohort), "patients": sum(g["patients"] for g in groups)},
        ],
        "excluded": [
            {
                "reason": "image cannot be read",
                "stage": "readable and in a named centre",
                "cases": 6,
                "case_ids": [f"X{i}" for i in range(6)],
            },
            {
                "reason": "label missing",
                "stage": "readable and in a named centre",
                "cases": 3,
                "case_ids": ["Y1", "Y2", "Y3"],
            },
            {
                "reason": "box side under 4 pixels",
                "stage": "studied",
                "cases": 5,
                "case_ids": [f"Z{i}" for i in range(5)],
            },
        ],
        "groups": groups,
        "warnings": ["3 cases set aside, label missing: Y1, Y2, Y3."],
    }
    (run / "flow.json").write_text(json.dumps(flow), encoding="utf-8")
    provenance = {
        "versions": {"osteon": "0.1.0", "python": "3.11.9", "numpy": np.__version__, "pandas": pd.__version__},
        "hashes": {"cohort": "5f" * 32, "pictures": "a0" * 32, "weights": {"imagenet": "17" * 32}},
        "seed": study.study.seed,
    }
    (run / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")


def thumbnails(case_ids: list[str], seed: int = 1, side: int = 96) -> dict[str, np.ndarray]:
    """(side, side) float32 pictures in [0, 1], bone-like streaks, for the figure of example cases."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    out = {}
    for case_id in case_ids:
        tilt, centre, spot = rng.normal(0, 0.2), rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.7, 2)
        bone = np.exp(-(((x - centre - tilt * (y - 0.5)) / 0.18) ** 4))
        lesion = np.exp(-(((x - spot[0]) / 0.1) ** 2 + ((y - spot[1]) / 0.12) ** 2))
        picture = 0.15 + 0.6 * bone - 0.35 * lesion * bone + 0.05 * rng.normal(size=x.shape)
        out[case_id] = np.clip(picture, 0, 1).astype(np.float32)
    return out
