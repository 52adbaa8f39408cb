"""The cases that a changed box moved most: which they are, and their pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from osteon import crops, figures, perturb, tables
from osteon.io import read_image
from osteon.steps.folder import Ledger, RunFolder, digest, file_digest
from osteon.steps.perturbing import changes
from osteon.steps.pictures import boxes
from osteon.study import Crop, Study

_SHOWN = 8
_SIDE = 224  # pixels of a picture
_SURROUNDINGS = Crop(margin=0.12)  # of all its boxes
_BOX = ["x0", "y0", "x1", "y1"]


def show(settings: Study, cases: pd.DataFrame, folder: RunFolder, ledger: Ledger) -> None:
    """Write ``robustness_examples.csv`` and a picture of each of its cases.

    Args:
        settings: The study.
        cases: All cases with their labels.
        folder: The run folder, with the tables of robustness.
        ledger: What is current.
    """
    names = ("perturbed.parquet", "predictions.csv", "operating_points.csv")
    if not (folder / names[0]).is_file():
        return
    inputs = [file_digest(folder / name) for name in names]
    key = digest("worst", inputs, list(cases["sha256"]), boxes(cases), list(settings.primary), settings.task)

    def draw() -> list[Path]:
        perturbed, predictions, points = (
            tables.read(folder / name, getattr(tables, name.partition(".")[0].upper())) for name in names
        )
        table = _examples(settings, cases, perturbed, predictions, points)
        paths = [folder / "robustness_examples.csv"]
        tables.write(table, paths[0], tables.ROBUSTNESS_EXAMPLES)
        images = cases.set_index("case_id")["image"]
        for _, row in table[table["role"] == "picture"].iterrows():
            pixels = read_image(settings.cohort_path.parent / str(images[row["case_id"]])).pixels
            cut = crops.extract(pixels, row[_BOX].to_numpy(dtype=np.float64)[None], _SIDE)[0]
            paths.append(figures.boxes_path(folder.path, row["case_id"]))
            with tables.written(paths[-1]) as beside:
                Image.fromarray(np.rint(cut * 255).astype(np.uint8)).save(beside, "PNG")
        for stale in set(folder.path.glob("thumbnails/boxes/*.png")) - set(paths):
            stale.unlink()
        return paths

    ledger.step("worst", key, draw)


def _examples(
    settings: Study,
    cases: pd.DataFrame,
    perturbed: pd.DataFrame,
    predictions: pd.DataFrame,
    points: pd.DataFrame,
) -> pd.DataFrame:
    """The boxes of each chosen case, those that the model told lowest and highest by name."""
    there = set(perturbed["model"])
    model = next(name for name in [*settings.primary, *(one.name for one in settings.models)] if name in there)
    moved = perturbed[(perturbed["model"] == model) & perturbed["kind"].isin(list(perturb.BOX_KINDS))]
    drawn = predictions[predictions["model"] == model].groupby("case_id")["probability"].mean()
    youden = points[(points["model"] == model) & (points["rule"] == "youden")]["threshold"]
    known = cases.set_index("case_id", drop=False)
    frames = []
    for case_id, kind, grade in _worst(moved, drawn, known):
        case = known.loc[case_id]
        rows = changes(settings, case_id)
        rows = rows[(rows["kind"] == kind) & (rows["grade"] == grade)]
        of_change = moved[(moved["case_id"] == case_id) & (moved["kind"] == kind) & (moved["grade"] == grade)]
        told = of_change.set_index("repeat")["probability"].reindex(rows["repeat"]).to_numpy()
        box = case[_BOX].to_numpy(dtype=np.float64)
        every = np.vstack([box, perturb.boxes(box, rows)])
        role = np.full(len(rows), "other", dtype=object)
        role[[told.argmin(), told.argmax()]] = ["lowest", "highest"]
        union = np.concatenate([every[:, :2].min(axis=0), every[:, 2:].max(axis=0)])
        frame = pd.DataFrame(
            {
                "role": ["picture", "drawn", *role],
                "repeat": [-1, -1, *rows["repeat"]],
                "probability": [np.nan, drawn[case_id], *told],
            }
        )
        frame[_BOX] = np.vstack([crops.rectangles(union, _SURROUNDINGS), every])
        diagnosis = next(str(case[name]) for name in ("subtype", "label") if case.get(name))
        about = {"case_id": case_id, "centre": case["centre"], "label": case["target"], "diagnosis": diagnosis}
        frames.append(frame.assign(**about, kind=kind, grade=grade, model=model))
    if not frames:
        return pd.DataFrame(columns=list(tables.ROBUSTNESS_EXAMPLES.columns))
    table = pd.concat(frames, ignore_index=True)
    return table.assign(threshold=youden.iloc[0] if len(youden) else np.nan)


def _worst(moved: pd.DataFrame, drawn: pd.Series, known: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Case, kind and grade with the widest range of probabilities, the drawn box's among them; a patient once."""
    ranges = moved.groupby(["case_id", "kind", "grade"], sort=False)["probability"].agg(["min", "max"]).reset_index()
    still = ranges["case_id"].map(drawn)
    ranges["width"] = np.maximum(ranges["max"], still) - np.minimum(ranges["min"], still)
    patient = ranges["case_id"].map(known["patient_id"])
    ranges["person"] = patient.where(patient != "", ranges["case_id"])
    worst = ranges.sort_values(["width", "case_id"], ascending=[False, True], kind="stable")
    worst = worst.drop_duplicates("person").head(_SHOWN)
    return list(zip(worst["case_id"], worst["kind"], worst["grade"], strict=True))
