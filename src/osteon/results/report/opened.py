"""What the report's script can show of a case: its radiograph, box and map, and how far a changed box moves it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pandas as pd

from osteon.core import tables
from osteon.core.run import RunFolder
from osteon.core.types import Floats
from osteon.results.report.folder import Finished

#: Characters of pictures that stand in the report itself, the cases that the first model is wrongest about first; the
#: pictures of the others are linked to the run's folder.
EMBEDDED = 3_000_000


def spread(run: Finished, cases: pd.DataFrame) -> dict[str, Any] | None:
    """Standard deviation and range of each model's probabilities over all changes of the box.

    Returns:
        The places of the changed cases, and for each model the two figures of each of them; None where nothing was
        changed.
    """
    table = run.table("robustness_cases")
    if table is None:
        return None
    wide = table.pivot_table(index="case_id", columns="model", values=["sd", "range"])
    wide = wide.reindex(cases["case_id"]).dropna(how="all").round(4)
    places = pd.Series(cases.index, index=cases["case_id"])
    models = [name for name in run.models if ("sd", name) in wide]
    told = {name: {figure: wide[figure, name].astype(object).where(wide[figure, name].notna(), None).tolist()
                   for figure in ("sd", "range")} for name in models}  # fmt: skip
    return {"at": places[wide.index].tolist(), "models": told}


def pictures(run: Finished, cases: pd.DataFrame, told: Floats) -> dict[str, Any] | None:
    """Pictures of radiographs and maps, in the report or linked, and boxes.

    Args:
        run: The run.
        cases: case_id and label of every case.
        told: (n,) the first model's probability of each, by whose errors the embedded ones are chosen.

    Returns:
        By column: the place of the case, its box as shares of width and height, the picture and the map ("" where
        there is none) as addresses; and whose maps they are. None where the run keeps no pictures.
    """
    if not run.pictures.is_file():
        return None
    places = pd.Series(cases.index, index=cases["case_id"])
    table = tables.read(run.pictures, tables.PICTURED)
    table = table[table["case_id"].isin(places.index)]
    table["at"] = places[table["case_id"]].to_numpy()
    wrong = (told - cases["label"].to_numpy())[table["at"]]
    worst = table.assign(wrong=abs(wrong)).sort_values(["wrong", "at"], ascending=[False, True])
    left, found = EMBEDDED, {}
    for at, number in zip(worst["at"], worst["number"], strict=True):
        found[at] = [_address(run, run.pictured(number, suffix), left) for suffix in ("", "-map")]
        left -= sum(map(len, found[at]))
    rows = table.sort_values("at")
    drawn = run.table("gallery")
    return {
        "at": rows["at"].tolist(),
        "box": rows[["x0", "y0", "x1", "y1"]].round(4).to_numpy().tolist(),
        "picture": [found[at][0] for at in rows["at"]],
        "map": [found[at][1] for at in rows["at"]],
        "mapped": "" if drawn is None else str(drawn["model"].iloc[0]),
    }


def _address(run: RunFolder, path: Path, room: int) -> str:
    """A picture as part of the page where there is room for it; else where it lies, or nothing."""
    if not path.is_file():
        return ""
    inside = "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    return inside if len(inside) <= room else path.relative_to(run.path).as_posix()
