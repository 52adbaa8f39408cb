"""Pictures of cases for the report: examples, and those that a changed box moved most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from osteon.core import tables
from osteon.core.ledger import digest
from osteon.core.types import Floats, Pixels
from osteon.io import burned, read_image
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import BOX, boxes
from osteon.pipeline.context import Context, Step
from osteon.pipeline.perturbation import changes
from osteon.study import Crop, Study

_SHOWN = 8
_SIDE = 224  # pixels of a picture
_SURROUNDINGS = Crop(margin=0.12)  # of all its boxes
#: Example pictures: pixels a side, and surroundings as a fraction of the box's side.
_THUMBNAIL, _AROUND_A_CASE = 192, 0.5
_CLEAN = "without text"  # pictures that an osteon has made which left text in them are made again


class Worst(Step):
    """``robustness_examples.csv`` and a picture of each of its cases."""

    name = "worst"
    _FROM = ("perturbed", "predictions", "operating_points")

    def key(self, at: Context) -> str | None:
        """The predictions under the changes, and the pictures."""
        if not at.run.file("perturbed").is_file():
            return None
        cases, study = at.answers, at.study
        contents = [list(cases["sha256"]), boxes(cases)]
        return digest("worst", _CLEAN, at.digests(*self._FROM), *contents, list(study.primary), study.task)

    def make(self, at: Context, key: str) -> list[Path]:
        """Choose the cases and cut their pictures."""
        table = _examples(at.study, at.answers, *(at.run.read(name) for name in self._FROM))
        paths = [at.run.write(table, "robustness_examples")]
        images = at.answers.set_index("case_id")["image"]
        for _, row in table[table["role"] == "picture"].iterrows():
            pixels = clean(at.root / str(images[row["case_id"]]))
            paths.append(at.run.changed_box(row["case_id"]))
            write_cut(paths[-1], pixels, row[BOX].to_numpy(dtype=np.float64)[None], _SIDE)
        at.run.forget("thumbnails/boxes/*.png", but=set(paths))
        return paths


class Thumbnails(Step):
    """Small pictures of the cases that the report shows."""

    name = "thumbnails"

    def key(self, at: Context) -> str:
        """The cases and their pictures."""
        shown = self._shown(at)
        return digest(_CLEAN, list(shown["case_id"]), list(shown["sha256"]), boxes(shown))

    def make(self, at: Context, key: str) -> list[Path]:
        """Cut them."""
        paths, shown = [], self._shown(at)
        for row, box in zip(shown.itertuples(), boxes(shown), strict=True):
            rect = crops.rectangles(box, Crop(margin=_AROUND_A_CASE))
            paths.append(at.run.thumbnail(str(row.case_id)))
            write_cut(paths[-1], clean(at.root / str(row.image)), rect, _THUMBNAIL)
        return paths

    @staticmethod
    def _shown(at: Context) -> pd.DataFrame:
        cases = at.cases.table
        return cases[cases["case_id"].isin(at.run.read("examples")["case_id"].unique())]


def clean(path: Path) -> Pixels:
    """A radiograph as a report may show it: without names, numbers and dates that stand in its pixels."""
    return burned.clean_in(read_image(path).pixels)


def write_cut(path: Path, pixels: Pixels, rect: Floats, side: int) -> None:
    """Write a part of a radiograph as a square PNG.

    Args:
        path: Where to.
        pixels: (H, W) in [0, 1].
        rect: (1, 4) of the radiograph.
        side: Of the picture.
    """
    cut = crops.extract(pixels, rect, side)[0]
    with tables.written(path) as beside:
        Image.fromarray(np.rint(cut * 255).astype(np.uint8)).save(beside, "PNG")


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
        box = case[BOX].to_numpy(dtype=np.float64)
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
        frame[BOX] = np.vstack([crops.rectangles(union, _SURROUNDINGS), every])
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
