"""The advising model's heat maps on whole radiographs, and which pictures have one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.run import RunFolder
from osteon.core.words import counted
from osteon.models.explain.placing import on_radiograph
from osteon.web.picture import Depth16

#: Long side of a heat map as it is sent; maps are smooth, and the browser draws them over the full picture.
_SIDE = 512
_RECTANGLE = ["x0", "y0", "x1", "y1"]


class HeatMaps:
    """What a run holds of one model's maps.

    Args:
        run: The run.
        model: The model whose advice is shown; another model's maps are never taken for its own.
        method: How its maps were made.
    """

    def __init__(self, run: RunFolder, model: str, method: str) -> None:
        self.run, self.model = run, model
        self.cases: pd.DataFrame | None = None
        if run.explained.is_file():
            self.cases = tables.read(run.explained, tables.EXPLAINED).reset_index(drop=True)
            self.places = {str(case): place for place, case in enumerate(self.cases["case_id"])}
        made = run.maps(model, method)
        self.maps = np.load(made, mmap_mode="r", allow_pickle=False) if made.is_file() else None

    def of(self, case_id: str, shape: tuple[int, ...]) -> Depth16 | None:
        """A case's map on its whole radiograph, 0 to 65535 and no larger than it needs to be; None where there is none.

        Args:
            case_id: The case.
            shape: Height and width of the radiograph.

        Raises:
            InputError: What lies there is no heat map, or one of another picture.
        """
        factor = min(1.0, _SIDE / max(shape))
        height, width = max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))
        if self.cases is None:
            heat = self._file(case_id, (height, width))
        elif self.maps is not None and case_id in self.places:
            heat = self._placed(self.places[case_id], shape, (height, width))
        else:
            return None
        return None if heat is None else np.rint(np.clip(heat, 0, 1) * 65535).astype(np.uint16)

    def _placed(self, place: int, shape: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
        assert self.cases is not None
        assert self.maps is not None
        row = self.cases.iloc[place]
        if [row["height"], row["width"]] != list(shape):
            raise InputError(
                f"the heat map of case '{row['case_id']}' was made on a picture of another size",
                file=self.run.explained,
                fix="Run the study again, so that its maps are of the pictures that are there now.",
            )
        rectangle = row[_RECTANGLE].to_numpy(dtype=np.float64) * np.tile([size[1] / shape[1], size[0] / shape[0]], 2)
        return np.asarray(on_radiograph(np.asarray(self.maps[place]), rectangle, size))

    def _file(self, case_id: str, size: tuple[int, int]) -> np.ndarray | None:
        """A map that was brought from elsewhere: a file of the case on its whole radiograph."""
        from PIL import Image

        drawn = self.run.map(case_id)
        array = drawn.with_name(tables.file_name(case_id, ".npy"))
        if array.is_file():
            heat = np.load(array, allow_pickle=False).astype(np.float32)
        elif drawn.is_file():
            with Image.open(drawn) as image:
                heat = np.asarray(image, dtype=np.float32) / (255 if image.mode == "L" else 65535)
        else:
            return None
        if heat.ndim != 2 or not np.isfinite(heat).all():
            raise InputError("not a heat map of one value a pixel", file=array if array.is_file() else drawn)
        return np.asarray(Image.fromarray(heat).resize((size[1], size[0]), Image.Resampling.BOX))

    def told(self, found: int, pictures: int) -> str:
        """How many pictures have a map, and why the others have none; one line.

        Args:
            found: Pictures with a map.
            pictures: All pictures.
        """
        head = f"heat maps: {found} of {counted(pictures, 'picture')}"
        if found == pictures:
            return head
        if self.cases is None:
            why = "the run made none; they come with explain.cases = -1" if not found else "the others have no file"
        elif self.maps is None:
            why = f"the run made none of the advising model '{self.model}'; they need a convolutional network"
        else:
            why = (
                f"the run explained {counted(len(self.cases), 'case')} only; set explain.cases = -1, run the study "
                "again and create again"
            )
        return f"{head}; {why}" + (". Readers cannot ask for a map of the others" if found else ". None is offered")
