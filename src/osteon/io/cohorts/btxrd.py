"""BTXRD, the public Bone Tumor X-ray Radiograph Dataset, as downloaded (doi 10.1038/s41597-024-04311-y).

The folder holds ``dataset.xlsx``, ``images/`` and ``Annotations/`` (LabelMe). Normal radiographs give no case.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from osteon.core import tables
from osteon.core.cells import meant, number
from osteon.core.errors import TableError, suggest
from osteon.io.cohorts import labelme
from osteon.io.cohorts._files import Folder, plain
from osteon.io.cohorts._items import Item, Lesion, Skipped
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
#: Why a picture is left over.
LEFT = "no row of dataset.xlsx names it"
_FLAGS = (*SITES, "tumor", "benign", "malignant", *SUBTYPES, *REGIONS, *VIEWS)


def read(folder: Folder) -> Iterator[Item]:
    """Yield a lesion for every rectangle (and polygon without one) of every tumour radiograph, in the table's order.

    Several lesions of an image have its number with -1, -2, ... as their ids. Where a row marks
    several sites (a lesion at a joint) they are joined with " + ". A lesion's subtype is the annotation's where that is
    one of the table's subtypes, else the table's.

    Raises:
        TableError: The table lacks a column or holds what is not expected, or a file is missing.
    """
    sheets = [
        file for file in folder.files if plain(file.name) == "dataset.xlsx" and folder.within(file).count("/") < 2
    ]
    sheets = [file for file in sheets if file.parent == folder.path] or sheets
    if not sheets:
        raise TableError(
            "dataset.xlsx is missing", file=folder.path, fix="Give the folder the dataset was unpacked to."
        )
    if len(sheets) > 1:
        there = " and ".join(folder.within(file) for file in sheets)
        raise TableError(f"it holds {there}", file=folder.path, fix="Give the folder of one of them.")
    sheet = sheets[0]
    folder.used.add(sheet)
    table = _read_sheet(sheet)
    for line, cells in zip(map(int, table.index), table.to_dict("records"), strict=True):
        row = {str(name): value for name, value in cells.items()}
        name = row["image_id"]
        image = _file(folder, sheet, "images", name, line)
        if not row["tumor"]:
            if name:
                normal = "a normal radiograph: its row marks no tumour"
                yield Skipped(image or sheet.parent / "images" / name, normal, sheet, f"row {line}")
            continue
        annotation = _file(folder, sheet, "Annotations", f"{Path(name).stem}.json", line)
        if image is None or annotation is None:
            asked = name if image is None else f"{Path(name).stem}.json"
            raise TableError(f"'{asked}' is missing", file=sheet, row=line, fix="Download the dataset completely.")
        folder.used.add(annotation)
        yield from _lesions(row, line, sheet, image, annotation)


def _file(folder: Folder, sheet: Path, inside: str, name: str, row: int) -> Path | None:
    """A file of the dataset, whatever its ending where only one has its number; None where none has.

    Raises:
        TableError: Several may be it.
    """
    if not name:
        return None
    try:
        found = folder.at(sheet.parent / inside, name)
    except LookupError as error:
        raise TableError(str(error), file=sheet, row=row, column="image_id", fix="Delete the wrong one.") from None
    if found is not None:
        return found
    same = [file for file in folder.files if file.parent == sheet.parent / inside and file.stem == Path(name).stem]
    if len(same) > 1:
        there = " and ".join(folder.within(file) for file in same)
        raise TableError(f"'{name}' may be {there}", file=sheet, row=row, fix="Delete the wrong one.")
    return same[0] if same else None


def _lesions(row: dict[str, Any], line: int, sheet: Path, image: Path, annotation: Path) -> Iterator[Item]:
    label = next((label for label in LABELS if row[label]), None)
    if label is None:
        raise TableError("a tumour that is neither benign nor malignant", file=sheet, row=line, column="benign")
    columns = {
        **{"centre": row["center"], "age": row["age"], "sex": row["gender"]},
        **{"site": _marked(row, SITES), "view": _marked(row, VIEWS), "region": _marked(row, REGIONS)},
    }
    stem = Path(row["image_id"]).stem
    found = list(labelme.lesions(annotation, labelme.parse(annotation), image))
    several = sum(isinstance(item, Lesion) for item in found) > 1
    count = 0
    for item in found:
        if not isinstance(item, Lesion):
            yield item
            continue
        count += 1
        columns["subtype"] = item.label if item.label in SUBTYPES else _marked(row, SUBTYPES)
        yield Lesion(
            image,
            label,
            item.box,
            item.draw,
            item.shape,
            dict(columns),
            case_id=f"{stem}-{count}" if several else stem,
        )


def _marked(row: dict[str, Any], names: tuple[str, ...]) -> str:
    return " + ".join(name for name in names if row[name])


def _read_sheet(path: Path) -> pd.DataFrame:
    """The spreadsheet with its flags as booleans and everything else as text."""
    if not tables.is_workbook(path):
        raise TableError("not a readable spreadsheet", file=path, fix="Download it again.")
    with quiet():
        table = tables.sheet(path, ("image_id", "center"))
    table.columns = [str(name).strip().lower() for name in table.columns]

    def refuse(wrong: pd.Series, column: str, what: str) -> None:
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            cell = table[column].iloc[row]
            raise TableError(what.format(cell), file=path, row=tables.line_of(table, row), column=column)

    for name in ("image_id", "center", "age", "gender", *_FLAGS):
        if name not in table:
            raise TableError("the column is missing", file=path, column=name, fix=suggest(name, table.columns))
        table[name] = table[name].map(meant)
    for name in _FLAGS:
        refuse(~table[name].isin(["0", "1", ""]), name, "'{}' is not 0 or 1")
        table[name] = table[name] == "1"
    tumour, seen = table["tumor"], table["image_id"]
    refuse(tumour & (seen == ""), "image_id", "the value is missing")
    refuse(seen.duplicated() & seen.isin(seen[tumour]), "image_id", "'{}' stands in a row before")
    ages = table["age"].where(table["age"] != "", "0").map(number).astype(float)
    refuse(tumour & ~ages.between(0, 120), "age", "'{}' is not an age in years")
    return table
