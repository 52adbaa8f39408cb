"""Pictures as readers will see them: text taken away, at full depth, under their case's code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.errors import InputError
from osteon.core.words import counted
from osteon.io import StoredRadiograph, burned, read_stored
from osteon.io.burned.marker import Box
from osteon.study import Study
from osteon.study.protocol import BurnedIn, Readers
from osteon.web import picture
from osteon.web.heat import HeatMaps
from osteon.web.sheet import Sheet

_BOX = ["x0", "y0", "x1", "y1"]
_NAMED = 12  # cases that a message names


@dataclass(frozen=True)
class Masked:
    """What became of the text in one picture.

    Attributes:
        radiograph: The picture without what was painted over.
        painted: Boxes that were painted over.
        left: Texts over the anatomy, or over the lesion's box, that were left.
        markers: Side markers that were left.
        stated: Whether the header says that text is burned in; None where it is silent.
        decision: ``confirmed`` or ``painted`` by the investigator, or nothing.
    """

    radiograph: StoredRadiograph
    painted: tuple[Box, ...]
    left: tuple[Box, ...]
    markers: tuple[Box, ...]
    stated: bool | None
    decision: str

    @property
    def open(self) -> str:
        """What the investigator has to decide; empty for nothing."""
        if self.decision == "confirmed":
            return ""
        if self.left:
            return "over the anatomy"
        return "stated" if self.stated and not self.painted else ""


@dataclass(frozen=True)
class Prepared:
    """All pictures of a reader study.

    Attributes:
        views: One row a picture, as the server's table has it.
        burned_in: One row a picture; see :data:`osteon.core.tables.BURNED_IN`.
        open: Case to what has to be decided about it.
        heat: How many pictures have a heat map, and why the others have none; empty where none is to be shown.
        heatmaps: How many do.
    """

    views: list[dict[str, Any]]
    burned_in: pd.DataFrame
    open: dict[str, str]
    heat: str
    heatmaps: int


def prepare(
    study: Study,
    protocol: Readers,
    views: pd.DataFrame,
    captions: Sequence[str],
    folder: Path,
    sheet: Sheet,
    progress: Callable[[int, int], None] | None,
) -> Prepared:
    """Mask and pack every picture and heat map, and put each on the contact sheet.

    Args:
        study: The study.
        protocol: The rules.
        views: One row a picture: code, view_number, case_id, image, box.
        captions: The name of each picture's view.
        folder: Where pictures go.
        sheet: The contact sheet.
        progress: Called with the number of pictures prepared and their total.
    """
    method = next(iter(study.explain.methods), "")
    maps = HeatMaps(study.run_path / "cams", protocol.model or study.primary[0], method)
    rows, found, undecided, heated = [], [], {}, 0
    for done, (row, caption) in enumerate(zip(views.to_dict("records"), captions, strict=True)):
        case_id = str(row["case_id"])
        path = study.cohort_path.parent / str(row["image"])
        box = [float(row[side]) for side in _BOX]
        masked = mask(read_stored(path), burned.stated(path), protocol.burned_in, case_id, box)
        values, window = picture.sixteen_bits(masked.radiograph)
        picture.save(values, folder / picture.name(row["code"], row["view_number"]))
        if picture.half_shape(*values.shape):
            picture.save(picture.half(values), folder / picture.name(row["code"], row["view_number"], "half"))
        heat = maps.of(case_id, values.shape) if protocol.heatmap else None
        if heat is not None:
            picture.save(heat, folder / picture.name(row["code"], row["view_number"], "heat"))
            heated += 1
        if masked.open:
            undecided[case_id] = masked.open
        sheet.add(picture.shown(values, window), row["code"], row["view_number"], case_id, masked)
        found.append(_recorded(row, masked))
        rows.append(
            {
                "case_code": row["code"],
                "number": row["view_number"],
                "height": values.shape[0],
                "width": values.shape[1],
                "window": window,
                "spacing": list(masked.radiograph.spacing) if masked.radiograph.spacing else None,
                "boxes": [] if np.isnan(box).any() else [box],
                "heatmap": None if heat is None else {"height": heat.shape[0], "width": heat.shape[1]},
                "name": caption or None,
            }
        )
        if progress:
            progress(done + 1, len(views))
    told = maps.told(heated, len(views)) if protocol.heatmap else ""
    return Prepared(rows, pd.DataFrame(found), undecided, told, heated)


def mask(
    radiograph: StoredRadiograph, stated: bool | None, decided: BurnedIn, case_id: str, lesion: Sequence[float]
) -> Masked:
    """Take away the text that may go, and say what is left.

    Args:
        radiograph: The picture.
        stated: What its header says of burned-in text.
        decided: What the investigator decided.
        case_id: The case.
        lesion: Its box, nan where it has none; what touches it is never painted over unasked.

    Raises:
        InputError: A box that was drawn by hand lies outside the picture.
    """
    texts = burned.find(radiograph)
    shown = radiograph.render().pixels
    drawn = [_whole(box) for box in decided.boxes.get(case_id, ())]
    height, width = radiograph.values.shape
    for box in drawn:
        if box[0] >= width or box[1] >= height:
            raise InputError(
                f"a box of case '{case_id}' lies outside its picture of {width} x {height} pixels",
                column="readers.burned_in.boxes",
                fix="Give x0, y0, x1, y1 in pixels from the upper left corner.",
            )
    markers, painted, left = [], list(drawn), []
    for text in texts:
        outside = text.outside and not _touches(text.box, lesion)
        if decided.side_markers == "keep" and outside and burned.is_side_marker(shown, text.box):
            markers.append(text.box)
        elif outside or decided.names("paint", case_id):
            painted.append(text.box)
        elif not any(_covers(box, text.box) for box in drawn):
            left.append(text.box)
    confirmed = decided.names("confirmed", case_id)
    asked = bool(drawn) or decided.names("paint", case_id)
    decision = "confirmed" if confirmed else "painted" if asked else ""
    clean = burned.hide(radiograph, painted)
    return Masked(clean, tuple(painted), tuple(left), tuple(markers), stated, decision)


def refuse_open(undecided: dict[str, str], sheet: Path) -> None:
    """Stop where somebody has to look first.

    Args:
        undecided: Case to what has to be decided.
        sheet: The contact sheet.

    Raises:
        InputError: Something has to be decided.
    """
    if not undecided:
        return
    over = [case for case, why in undecided.items() if why == "over the anatomy"]
    silent = [case for case, why in undecided.items() if why == "stated"]
    said, fix = [], []
    if silent:
        said.append(
            f"the header of {counted(len(silent), 'case')} says BurnedInAnnotation YES and no text was found to mask "
            f"({_listed(silent)})"
        )
    if over:
        said.append(
            f"{counted(len(over), 'case')} may show text over the anatomy, which is never painted over unasked "
            f"({_listed(over)})"
        )
        fix.append("name those whose outlined boxes are text in readers.burned_in.paint")
    fix.append("give boxes of what was missed in readers.burned_in.boxes")
    fix.append("name those in which nothing identifies anybody in readers.burned_in.confirmed, or all of them with")
    raise InputError(
        "; ".join(said),
        file=sheet,
        fix=f"Look at the pages of this contact sheet; {', '.join(fix)} --confirm-burned-in.",
    )


def _listed(cases: list[str]) -> str:
    more = f" and {len(cases) - _NAMED} more" if len(cases) > _NAMED else ""
    return ", ".join(cases[:_NAMED]) + more


def _recorded(row: dict[Any, Any], masked: Masked) -> dict[str, Any]:
    return {
        "case_id": str(row["case_id"]),
        "code": row["code"],
        "view": row["view_number"],
        "stated": {True: "yes", False: "no", None: ""}[masked.stated],
        "masked": len(masked.painted),
        "markers": len(masked.markers),
        "over_anatomy": len(masked.left),
        "decision": masked.decision,
        "boxes": "; ".join(" ".join(str(side) for side in box) for box in masked.painted),
        "left": "; ".join(" ".join(str(side) for side in box) for box in masked.left),
    }


def _whole(box: Sequence[float]) -> Box:
    """The whole pixels that a box touches."""
    return int(np.floor(box[0])), int(np.floor(box[1])), int(np.ceil(box[2])), int(np.ceil(box[3]))


def _touches(box: Box, other: Sequence[float]) -> bool:
    """Whether two boxes overlap; never where one is nan."""
    return bool(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3])


def _covers(box: Box, other: Box) -> bool:
    """Whether a box holds most of another."""
    width, height = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return width > 0 and height > 0 and 2 * width * height > (other[2] - other[0]) * (other[3] - other[1])
