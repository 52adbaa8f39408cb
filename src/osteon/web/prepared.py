"""Pictures as readers will see them: text taken away, at full depth, under their case's code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from osteon.core.run import RunFolder
from osteon.io.burned.sheet import Sheet
from osteon.study import Study
from osteon.study.protocol import Readers
from osteon.web import picture
from osteon.web.heat import HeatMaps
from osteon.web.packing import Place, pack

_BOX = ["x0", "y0", "x1", "y1"]


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
        packed = pack(
            study.cohort_path.parent / str(row["image"]),
            Place(folder, str(row["code"]), int(row["view_number"]), case_id),
            [float(row[side]) for side in _BOX],
            protocol.burned_in,
            sheet,
        )
        heat = maps.of(case_id, (packed.row["height"], packed.row["width"])) if protocol.heatmap else None
        if heat is not None:
            picture.save(heat, folder / picture.name(row["code"], row["view_number"], "heat"))
            heated += 1
        if packed.open:
            undecided[case_id] = packed.open
        found.append(packed.burned_in)
        shape = None if heat is None else {"height": heat.shape[0], "width": heat.shape[1]}
        rows.append({**packed.row, "heatmap": shape, "name": row["caption"] or None})
        if progress:
            progress(done + 1, len(views))
    told = maps.told(heated, len(views)) if protocol.heatmap else ""
    return Prepared(rows, pd.DataFrame(found), undecided, told, heated)
