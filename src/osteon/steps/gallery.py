"""Maps to look at: on whole radiographs, and galleries of the cases that are worth it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from osteon import crops, perturb, tables
from osteon.evaluate.explanation import gallery
from osteon.explain.placing import on_radiograph
from osteon.io import read_image, read_mask
from osteon.steps.folder import Ledger, RunFolder, digest, file_digest
from osteon.steps.mapping import Job, box_changes
from osteon.study import Network, Study
from osteon.types import Floats
from osteon.weights import Resolved

_LONGEST = 512  # pixels of the longer side of a map on its whole radiograph
_SIDE = 160  # pixels of a gallery's picture
_AROUND = 0.2  # surroundings of the crop in a gallery's picture, as a fraction of its side


def map_path(folder: RunFolder, case_id: str) -> Path:
    """Where the map of a case on its whole radiograph lies, a greyscale PNG; any identifier makes a safe name."""
    return folder / "cams" / f"{quote(case_id, safe='')}.png"


def show(
    settings: Study, shown: pd.DataFrame, resolved: dict[str, Resolved], folder: RunFolder, ledger: Ledger
) -> None:
    """Draw the first primary network's maps on the radiographs, and gather what the galleries need.

    Args:
        settings: The study.
        shown: The explained cases, in the order of the maps.
        resolved: Each network's weights.
        folder: The run folder, with the maps made.
        ledger: What is current.
    """
    method = settings.explain.methods[0]
    names = dict.fromkeys([*settings.primary, *(model.name for model in settings.models)])
    mapped = [name for name in names if (folder / "cams" / name / f"{method}.npy").is_file()]
    if not mapped:
        return
    made = {name: np.load(folder / "cams" / name / f"{method}.npy") for name in mapped[:2]}
    explained = tables.read(folder / "cams" / "cases.csv", tables.EXPLAINED)
    inputs = ("predictions.csv", "operating_points.csv", "perturbed_maps.parquet", "cohort.csv")
    key = digest(
        "pictures", list(made.values()), explained, list(shown["sha256"]), settings.primary,
        [file_digest(folder / name) for name in inputs],
    )  # fmt: skip

    def draw() -> list[Path]:
        drawn = zip(explained.to_dict("records"), made[mapped[0]], strict=True)
        paths = [_whole(folder, row, values) for row, values in drawn]
        predictions, points, moved, cohort = (
            tables.read(folder / name, getattr(tables, name.partition(".")[0].upper())) for name in inputs
        )
        moved = moved[(moved["model"] == mapped[0]) & (moved["map"] == method)]
        table = gallery(moved, explained["case_id"], predictions, points, cohort, mapped[0], settings)
        paths.append(folder / "gallery.csv")
        tables.write(table, paths[-1], tables.GALLERY)
        scene = _Scene(settings, shown.set_index("case_id", drop=False), explained, resolved, folder, made, method)
        for group, rows in table.groupby("group", sort=False):
            paths.append(folder / "cams" / f"gallery-{group}.npz")
            arrays = scene.of(list(rows["case_id"]), list(rows["change"]))
            with tables.written(paths[-1]) as beside, beside.open("wb") as handle:
                np.savez(handle, **arrays)  # type: ignore[arg-type]
        for stale in {path for path in folder.path.glob("cams/*") if path.suffix in (".png", ".npz")} - set(paths):
            stale.unlink()
        return paths

    ledger.step("explain pictures", key, draw)


def _whole(folder: RunFolder, explained: dict[Any, Any], values: Floats) -> Path:
    """Write a case's map on its whole radiograph, 0 to 255."""
    height, width = explained["height"], explained["width"]
    factor = min(1.0, _LONGEST / max(height, width))
    shape = max(1, round(height * factor)), max(1, round(width * factor))
    shrunk = np.array([explained[side] for side in ("x0", "y0", "x1", "y1")])
    shrunk *= np.tile([shape[1] / width, shape[0] / height], 2)
    path = map_path(folder, explained["case_id"])
    with tables.written(path) as beside:
        Image.fromarray(np.rint(on_radiograph(values, shrunk, shape) * 255).astype(np.uint8)).save(beside, "PNG")
    return path


@dataclass(frozen=True, eq=False)
class _Scene:
    """What gallery pictures are made of.

    Attributes:
        settings: The study.
        cases: The explained cases by identifier.
        explained: Where their crops lie, in the order of the maps.
        resolved: Each network's weights.
        folder: The run folder.
        made: Maps of the networks that are shown.
        method: How they were made.
    """

    settings: Study
    cases: pd.DataFrame
    explained: pd.DataFrame
    resolved: dict[str, Resolved]
    folder: RunFolder
    made: dict[str, NDArray[np.float32]]
    method: str

    def of(self, case_ids: list[str], moves: list[str]) -> dict[str, NDArray[Any]]:
        """Pictures, masks and maps of a group, case by case.

        Args:
            case_ids: The cases.
            moves: Of each the change of its box after which the map is shown as well; or "".

        Returns:
            `names` of the p panels; `pictures` and `masks` (m, S, S) uint8 of the `frames` (m, 4); and for each panel
            k `maps_k` (m, h, w), `rectangles_k` and `boxes_k` (m, 4), all in pixels of the radiograph.
        """
        found = [self._case(case_id, move) for case_id, move in zip(case_ids, moves, strict=True)]
        stacked = {name: np.stack([arrays[name] for arrays in found]) for name in found[0]}
        panels = ["box as drawn", "box moved"] if moves[0] else list(self.made)
        return {"names": np.array(panels), **stacked}

    def _case(self, case_id: str, move: str) -> dict[str, NDArray[Any]]:
        case = self.cases.loc[case_id]
        place = int(np.flatnonzero(self.explained["case_id"] == case_id)[0])
        box = case[["x0", "y0", "x1", "y1"]].to_numpy(dtype=np.float64)
        rect = crops.rectangles(box, self.settings.crop)
        frame = crops.padded(rect, 100, round(100 * (2 if move else 1) * _AROUND))
        pixels = read_image(self.settings.cohort_path.parent / str(case["image"])).pixels
        name = str(case.get("mask", ""))
        inside = read_mask(self.settings.cohort_path.parent / name, pixels.shape) if name else np.zeros(pixels.shape)
        cut = crops.extract(pixels, frame, _SIDE)[0]
        outline = crops.extract(inside.astype(np.float32), frame, _SIDE)[0]
        panels = [(values[place], rect[0], box) for values in self.made.values()]
        if move:
            kind, grade = move.split()
            rows = box_changes(self.settings, case_id)
            row = rows[(rows["kind"] == kind) & np.isclose(rows["grade"], float(grade))]
            moved = perturb.boxes(box, row)
            model = self.settings.model(next(iter(self.made)))
            assert isinstance(model, Network)
            job = Job(self.settings, model, self.resolved[model.name], self.folder)
            others = crops.rectangles(moved, self.settings.crop)
            again, _ = job.ensemble(job.cut(pixels, others), [self.method])
            panels = [panels[0], (again[self.method][0], others[0], moved[0])]
        arrays = {"pictures": np.rint(cut * 255).astype(np.uint8), "masks": np.rint(outline * 255).astype(np.uint8)}
        arrays["frames"] = frame[0]
        for k, (values, rectangle, shown) in enumerate(panels):
            arrays |= {f"maps_{k}": values, f"rectangles_{k}": rectangle, f"boxes_{k}": shown}
        return arrays
