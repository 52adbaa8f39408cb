"""A small picture of every case that a model met sealed, and of its map, for the report's reader to open."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from osteon.core import tables
from osteon.core.ledger import digest, file_digest
from osteon.io import READING, burned, read_image
from osteon.models.inputs.case import BOX, boxes
from osteon.pipeline.context import Context, Step

#: Of more cases, those that the first model is wrongest about.
MOST = 1000
_LONGEST = 256  # pixels of a picture's longer side
#: Text is looked for at this size: what can be read in a picture is twice as large here, and found.
_SEARCHED = 512
_QUALITY = 80  # of JPEG


class Radiographs(Step):
    """``thumbnails/cases.csv`` and below it a picture of each external case, or of any where there is no external one.

    Pictures bear numbers, the places of their cases in ``scores.csv``, and no identifier.
    """

    name = "radiographs"

    def key(self, at: Context) -> str:
        """The cases, their pictures and maps."""
        shown = self._shown(at)
        maps = [file_digest(path) if (path := at.run.map(case_id)).is_file() else "" for case_id in shown["case_id"]]
        contents = [list(shown[name]) for name in ("number", "case_id", "sha256")]
        return digest(self.name, MOST, _LONGEST, _SEARCHED, _QUALITY, READING, *contents, boxes(shown), maps)

    def make(self, at: Context, key: str) -> list[Path]:
        """Shrink what the cache has not, each radiograph once, and number the pictures."""
        shown = self._shown(at)
        sources = shown.drop_duplicates("sha256").set_index("sha256")["image"]
        kept = {
            sha: at.run.cache / "radiographs" / f"{digest(sha, READING, _SEARCHED, _QUALITY)}.jpg"
            for sha in sources.index
        }
        pieces = [(at.root / str(image), kept[sha]) for sha, image in sources.items() if not kept[sha].is_file()]
        at.workers.map("radiographs for the report", _shrink, pieces)
        paths = []
        for number, case_id, sha in zip(shown["number"], shown["case_id"], shown["sha256"], strict=True):
            paths.append(at.run.pictured(number))
            with tables.written(paths[-1]) as beside:
                shutil.copyfile(kept[sha], beside)
            if (path := at.run.map(case_id)).is_file():
                paths.append(at.run.pictured(number, "-map"))
                with Image.open(path) as drawn:
                    _write(drawn, paths[-1], _fitting(drawn.size, _LONGEST))
        at.run.forget("thumbnails/cases/*.jpg", but=set(paths))
        sides = shown[BOX].div(shown[["width", "height", "width", "height"]].to_numpy(dtype=np.float64))
        tables.write(shown[["number", "case_id"]].join(sides), at.run.pictures, tables.PICTURED)
        return [*paths, at.run.pictures]

    @staticmethod
    def _shown(at: Context) -> pd.DataFrame:
        scores = at.run.read("scores")
        told = scores.drop_duplicates("case_id").reset_index(drop=True)
        told["number"] = told.index + 1
        if (told["split"] == "external").any():
            told = told[told["split"] == "external"]
        if len(told) > MOST:
            own = scores[scores["model"] == at.study.primary[0]].set_index("case_id")
            wrong = told["case_id"].map((own["label"] - own["probability"]).abs())
            told = told.loc[wrong.sort_values(ascending=False, kind="stable").index[:MOST]]
        return at.cases.table.merge(told[["case_id", "number"]], on="case_id").sort_values("number", ignore_index=True)


def _shrink(source: Path, path: Path) -> None:
    """Write a radiograph as a small JPEG without anything that looks like text."""
    picture = Image.fromarray(read_image(source).pixels)
    searched = picture.resize(_fitting(picture.size, _SEARCHED), Image.Resampling.BILINEAR)
    cleaned = burned.clean_in(np.clip(np.asarray(searched), 0, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(Image.fromarray(np.rint(cleaned * 255).astype(np.uint8)), path, _fitting(picture.size, _LONGEST))


def _fitting(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Width and height, shrunk so that neither is longer."""
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _write(picture: Image.Image, path: Path, size: tuple[int, int]) -> None:
    with tables.written(path) as beside:
        picture.resize(size, Image.Resampling.BILINEAR).save(beside, "JPEG", quality=_QUALITY, optimize=True)
