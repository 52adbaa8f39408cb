"""BTXRD, the public Bone Tumor X-ray Radiograph Dataset, as downloaded (doi 10.1038/s41597-024-04311-y).

The folder holds ``dataset.xlsx``, ``images/`` and ``Annotations/`` (LabelMe). Normal radiographs give no case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from osteon import tables
from osteon.cells import meant
from osteon.errors import TableError, suggest
from osteon.io.cohorts import Lesion, Skipped, labelme
from osteon.io.stored import quiet

SITES = (
    *("hand", "ulna", "radius", "humerus", "foot", "tibia", "fibula", "femur", "hip bone"),
    *("ankle-joint", "knee-joint", "hip-joint", "wrist-joint", "elbow-joint", "shoulder-joint"),
)
SUBTYPES = (
    *("osteochondroma", "multiple osteochondromas", "simple bone cyst", "giant cell tumor", "osteofibroma"),
    *("synovial osteochondroma", "other bt", "osteosarcoma", "other mt"),
)
REGIONS = ("upper limb", "lower limb", "pelvis")
VIEWS = ("frontal", "lateral", "oblique")
#: The label is the first of these that the spreadsheet marks.
LABELS = ("malignant", "giant cell tumor", "benign")
_FLAGS = (*SITES, "tumor", "benign", "malignant", *SUBTYPES, *REGIONS, *VIEWS)


def read(folder: Path) -> Iterator[Lesion | Skipped]:
    """Yield a lesion for every rectangle (and polygon without one) of every tumour radiograph, in the table's order.

    Several lesions of an image have its number with -1, -2, ... as their ids. Where a row marks
    several sites (a lesion at a joint) they are joined with " + ". A lesion's subtype is the annotation's where that is
    one of the table's subtypes, else the table's.

    Raises:
        TableError: The table lacks a column or holds what is not expected, or a file is missing.
    """
    sheets = [path for path in (folder / "dataset.xlsx", *sorted(folder.glob("*/dataset.xlsx"))) if path.is_file()]
    if not sheets:
        raise TableError("dataset.xlsx is missing", file=folder, fix="Give the folder the dataset was unpacked to.")
    root = sheets[0].parent
    table = _read_sheet(sheets[0])
    images = {path.stem: path for path in sorted((root / "images").glob("*"))}
    for line, cells in zip(table.index, table.to_dict("records"), strict=True):
        row = {str(name): value for name, value in cells.items()}
        if row["tumor"]:
            yield from _lesions(row, int(line), sheets[0], images)


def _lesions(row: dict[str, Any], number: int, sheet: Path, images: dict[str, Path]) -> Iterator[Lesion | Skipped]:
    stem = Path(row["image_id"]).stem
    annotation = sheet.parent / "Annotations" / f"{stem}.json"
    for name, there in ((row["image_id"], stem in images), (annotation.name, annotation.is_file())):
        if not there:
            raise TableError(f"'{name}' is missing", file=sheet, row=number, fix="Download the dataset completely.")
    label = next((label for label in LABELS if row[label]), None)
    if label is None:
        raise TableError("a tumour that is neither benign nor malignant", file=sheet, row=number, column="benign")
    columns = {
        **{"centre": row["center"], "age": row["age"], "sex": row["gender"]},
        **{"site": _marked(row, SITES), "view": _marked(row, VIEWS), "region": _marked(row, REGIONS)},
    }
    found = list(labelme.lesions(annotation, images[stem]))
    several = sum(isinstance(item, Lesion) for item in found) > 1
    count = 0
    for item in found:
        if isinstance(item, Skipped):
            yield item
            continue
        count += 1
        subtype = item.label if item.label in SUBTYPES else _marked(row, SUBTYPES)
        case_id = f"{stem}-{count}" if several else stem
        yield replace(item, label=label, case_id=case_id, columns={**columns, "subtype": subtype})
    if not found:
        yield Skipped(images[stem], "no lesion is annotated")


def _marked(row: dict[str, Any], names: tuple[str, ...]) -> str:
    return " + ".join(name for name in names if row[name])


def _read_sheet(path: Path) -> pd.DataFrame:
    """The spreadsheet with its flags as booleans and everything else as text."""
    if not tables.is_workbook(path):
        raise TableError("not a readable spreadsheet", file=path, fix="Download it again.")
    with quiet():
        table = tables.sheet(path, ("image_id", "center"))
    table.columns = [str(name).strip().lower() for name in table.columns]
    for name in ("image_id", "center", "age", "gender", *_FLAGS):
        if name not in table:
            raise TableError("the column is missing", file=path, column=name, fix=suggest(name, table.columns))
    for name in _FLAGS:
        table[name] = table[name].map(meant)
        bad = ~table[name].isin(["0", "1", ""])
        if bad.any():
            row = int(bad.to_numpy().argmax())
            raise TableError(
                f"'{table[name].iloc[row]}' is not 0 or 1", file=path, row=int(table.index[row]), column=name
            )
        table[name] = table[name] == "1"
    return table
