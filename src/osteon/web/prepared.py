"""Pictures as readers will see them: text taken away, at full depth, under their case's code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.errors import InputError
from osteon.core.run import RunFolder
from osteon.core.words import counted
from osteon.io import burned, read_stored
from osteon.study import Study
from osteon.study.protocol import Readers
from osteon.web import picture
from osteon.web.heat import HeatMaps
from osteon.web.masking import Masked, mask
from osteon.web.sheet import Sheet

_BOX = ["x0", "y0", "x1", "y1"]
_NAMED = 12  # cases that a message names


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
    folder: Path,
    sheet: Sheet,
    progress: Callable[[int, int], None] | None,
) -> Prepared:
    """Mask and pack every picture and heat map, and put each on the contact sheet.

    Args:
        study: The study.
        protocol: The rules.
        views: One row a picture: code, view_number, case_id, image, box, caption (the name of its view).
        folder: Where pictures go.
        sheet: The contact sheet.
        progress: Called with the number of pictures prepared and their total.
    """
    method = next(iter(study.explain.methods), "")
    maps = HeatMaps(RunFolder(study.run_path), protocol.model or study.primary[0], method)
    rows, found, undecided, heated = [], [], {}, 0
    for done, row in enumerate(views.to_dict("records")):
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
                "name": row["caption"] or None,
            }
        )
        if progress:
            progress(done + 1, len(views))
    told = maps.told(heated, len(views)) if protocol.heatmap else ""
    return Prepared(rows, pd.DataFrame(found), undecided, told, heated)


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
