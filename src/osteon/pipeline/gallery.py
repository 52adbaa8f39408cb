"""Maps to look at: on whole radiographs, and galleries of the cases that are worth it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from osteon.core import tables
from osteon.core.ledger import digest
from osteon.core.run import RunFolder
from osteon.core.types import Floats
from osteon.io import burned, read_image, read_mask
from osteon.models.explain.placing import on_radiograph
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import BOX
from osteon.pipeline.context import Context, Step, chosen
from osteon.pipeline.explanation import box_changes
from osteon.results.evaluate.explanation import gallery

if TYPE_CHECKING:  # it imports torch, which a study of tables does without
    from osteon.models.explain.mapper import Mapper

_LONGEST = 512  # pixels of the longer side of a map on its whole radiograph
_SIDE = 160  # pixels of a gallery's picture
_AROUND = 0.2  # surroundings of the crop in a gallery's picture, as a fraction of its side


class Gallery(Step):
    """The first primary model's maps on the radiographs, and what the galleries need."""

    name = "explain pictures"
    _FROM = ("predictions", "operating_points", "perturbed_maps", "cohort")

    def key(self, at: Context) -> str | None:
        """The maps, their radiographs, and the predictions."""
        if not self._mapped(at):
            return None
        shown = chosen(at, at.study.explain.cases)
        explained = tables.read(at.run.explained, tables.EXPLAINED)
        made = list(self._made(at).values())
        return digest(
            "pictures without text", made, explained, list(shown["sha256"]), at.study.primary, at.digests(*self._FROM)
        )

    def make(self, at: Context, key: str) -> list[Path]:
        """Draw and gather."""
        made, model, method = self._made(at), self._mapped(at)[0], at.study.explain.methods[0]
        explained = tables.read(at.run.explained, tables.EXPLAINED)
        drawn = zip(explained.to_dict("records"), made[model], strict=True)
        paths = [_whole(at.run, row, values) for row, values in drawn]
        predictions, points, moved, cohort = (at.run.read(name) for name in self._FROM)
        moved = moved[(moved["model"] == model) & (moved["map"] == method)]
        cohort = cohort[cohort["case_id"].isin(explained["case_id"])]
        table = gallery(moved, predictions, points, cohort, model, at.study)
        paths.append(at.run.write(table, "gallery"))
        cases = chosen(at, at.study.explain.cases).set_index("case_id", drop=False)
        scene = _Scene(at, cases, explained, made, method)
        for group, rows in table.groupby("group", sort=False):
            paths.append(at.run.gallery(str(group)))
            arrays = scene.of(list(rows["case_id"]), list(rows["change"]))
            with tables.written(paths[-1]) as beside, beside.open("wb") as handle:
                np.savez(handle, **arrays)  # type: ignore[arg-type]
        at.run.forget("cams/*.png", "cams/*.npz", but=set(paths))
        return paths

    @staticmethod
    def _mapped(at: Context) -> list[str]:
        """Models with maps, the primary ones first."""
        names = dict.fromkeys([*at.study.primary, *(model.name for model in at.study.models)])
        return [name for name in names if at.run.maps(name, at.study.explain.methods[0]).is_file()]

    def _made(self, at: Context) -> dict[str, NDArray[np.float32]]:
        """The maps of the first two."""
        method = at.study.explain.methods[0]
        return {name: np.load(at.run.maps(name, method)) for name in self._mapped(at)[:2]}


def _whole(run: RunFolder, explained: dict[Any, Any], values: Floats) -> Path:
    """Write a case's map on its whole radiograph, 0 to 255."""
    height, width = explained["height"], explained["width"]
    factor = min(1.0, _LONGEST / max(height, width))
    shape = max(1, round(height * factor)), max(1, round(width * factor))
    shrunk = np.array([explained[side] for side in ("x0", "y0", "x1", "y1")])
    shrunk *= np.tile([shape[1] / width, shape[0] / height], 2)
    path = run.map(explained["case_id"])
    with tables.written(path) as beside:
        Image.fromarray(np.rint(on_radiograph(values, shrunk, shape) * 255).astype(np.uint8)).save(beside, "PNG")
    return path


@dataclass(frozen=True, eq=False)
class _Scene:
    """What gallery pictures are made of.

    Attributes:
        at: The study on its way.
        cases: The explained cases by identifier.
        explained: Where their crops lie, in the order of the maps.
        made: Maps of the models that are shown.
        method: How they were made.
    """

    at: Context
    cases: pd.DataFrame
    explained: pd.DataFrame
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
        case, study, root = self.cases.loc[case_id], self.at.study, self.at.root
        place = int(np.flatnonzero(self.explained["case_id"] == case_id)[0])
        box = case[BOX].to_numpy(dtype=np.float64)
        rect = crops.rectangles(box, study.crop)
        frame = crops.padded(rect, 100, round(100 * (2 if move else 1) * _AROUND))
        pixels = read_image(root / str(case["image"])).pixels
        name = str(case.get("mask", ""))
        inside = read_mask(root / name, pixels.shape) if name else np.zeros(pixels.shape)
        cut = crops.extract(burned.clean_in(pixels), frame, _SIDE)[0]
        outline = crops.extract(inside.astype(np.float32), frame, _SIDE)[0]
        panels = [(values[place], rect[0], box) for values in self.made.values()]
        if move:
            kind, grade = move.split()
            rows = box_changes(study, case_id)
            row = rows[(rows["kind"] == kind) & np.isclose(rows["grade"], float(grade))]
            moved = perturb.boxes(box, row)
            others = crops.rectangles(moved, study.crop)
            mapper = self._mapper
            again, _ = mapper.ensemble(mapper.fitted.cut(pixels, others), [self.method])
            panels = [panels[0], (again[self.method][0], others[0], moved[0])]
        arrays = {"pictures": np.rint(cut * 255).astype(np.uint8), "masks": np.rint(outline * 255).astype(np.uint8)}
        arrays["frames"] = frame[0]
        for k, (values, rectangle, shown) in enumerate(panels):
            arrays |= {f"maps_{k}": values, f"rectangles_{k}": rectangle, f"boxes_{k}": shown}
        return arrays

    @property
    def _mapper(self) -> Mapper:
        from osteon.models.explain.mapper import Mapper

        name = next(iter(self.made))
        found = Mapper.of(next(kind for kind in self.at.kinds if kind.model.name == name).saved())
        assert found is not None
        return found
