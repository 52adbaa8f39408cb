"""Turn a dataset as it comes into a cohort table.

Each module of this package reads one format; adding a format is adding a module. It has a docstring whose first line
tells what it reads, and a function ``read(folder) -> Iterator[Lesion | Skipped]`` that yields what it finds in a fixed
order. What is the same for every format is done here: the user's own table is joined, boxes are cut to the picture,
masks are drawn and written, cases are numbered, and the cohort table is written.
"""

from __future__ import annotations

import os
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon import tables
from osteon.errors import ImageError, TableError, suggest
from osteon.io.images import image_size, read_mask
from osteon.io.regions import Box, Mask, clip_box, tight_box

#: What counts as a picture when a folder is searched.
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".dcm", ".dicom")
#: The user's own table about images, one row an image (or a lesion, where the format has no boxes).
LABELS = tables.Contract(
    "labels",
    {
        "image": tables.Column(),
        **{
            name: replace(column, required=False, filled=False)
            for name, column in tables.COHORT.columns.items()
            if name not in ("image", "case_id")
        },
    },
    open=True,
)
#: What an importer passed over, and why.
SKIPPED = tables.Contract("skipped", {"image": tables.Column(), "reason": tables.Column()})
#: The cohort table while labels may still be missing.
DRAFT = replace(
    tables.COHORT,
    columns={**tables.COHORT.columns, "label": replace(tables.COHORT.columns["label"], filled=False)},
)
_LAYOUTS = "The guide 'Import a dataset' shows how each format has to be laid out."
_SIDES = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True, slots=True, eq=False)
class Lesion:
    """One lesion as a format describes it.

    Attributes:
        image: The radiograph.
        label: What it is; "" where the format does not say.
        box: Its box in pixels of the upright picture, which may reach beyond the edge, or None.
        draw: Draws its mask at a given height and width, or None.
        shape: Height and width of the picture it was annotated on, or None where the format does not say.
        columns: Further columns of the cohort table.
        case_id: Its identifier, "" to have it numbered.
    """

    image: Path
    label: str = ""
    box: Box | None = None
    draw: Callable[[tuple[int, int]], Mask] | None = None
    shape: tuple[int, int] | None = None
    columns: Mapping[str, object] = field(default_factory=dict)
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture or annotation that gave no case, and why."""

    image: Path
    reason: str


def formats() -> dict[str, str]:
    """The formats that can be imported, each with one line about it.

    >>> sorted(formats())
    ['btxrd', 'coco', 'dicom', 'folder', 'labelme']
    """
    return {name: (import_module(f"{__name__}.{name}").__doc__ or "").splitlines()[0] for name in _names()}


def import_cohort(
    format: str,
    folder: str | Path,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    centre: str | None = None,
    guess_patients: bool = False,
    whole_image: bool = False,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Write ``cohort.csv`` (and the masks) for a dataset in one of :func:`formats`.

    Images stay where they are and are referred to relative to the table. Coordinates are pixels of the upright picture.
    What gave no case is listed with the reason in ``skipped.csv``. A case without a label is written with an empty one,
    which a study will refuse until it is filled in.

    Args:
        format: One of :func:`formats`.
        folder: The dataset.
        out: The folder to write to.
        labels: A table of the user's own with a column ``image`` (path in `folder`, or a file name, with or without its
            ending) and any columns of the cohort table. What it says goes before what the format says.
        centre: The centre of every case, unless `labels` says another; by default what the format says, else "1".
        guess_patients: Give neighbouring rows with equal centre, age, sex and site one patient (see
            :func:`guessed_patients`), where none is known.
        whole_image: Use the whole picture as the box of a case that has none.
        overwrite: Replace a cohort table that is there already.

    Returns:
        The cohort table as written.

    Raises:
        TableError: The dataset is not in this format, is incomplete, or holds no case; the message names file and row.
    """
    folder, out = Path(folder), Path(out)
    known = _names()
    if format not in known:
        raise TableError(f"unknown format '{format}'", fix=suggest(format, known))
    if not folder.is_dir():
        raise TableError("no such folder", file=folder, fix="Give the folder that holds the dataset.")
    target = out / "cohort.csv"
    if target.exists() and not overwrite:
        raise TableError("a cohort table is there already", file=target, fix="Choose another folder, or overwrite it.")
    found: Iterator[Lesion | Skipped] = import_module(f"{__name__}.{format}").read(folder)
    if centre is not None:
        found = _set_centre(found, centre)
    if labels is not None:
        found = _join(found, folder, Path(labels))
    rows, skipped = _write_cases(found, out, whole_image=whole_image)
    if not rows:
        reason = f"; {skipped[0]['image']}: {skipped[0]['reason']}" if skipped else ""
        raise TableError(f"no case of the format '{format}' found{reason}", file=folder, fix=_LAYOUTS)
    frame = pd.DataFrame(rows)
    if guess_patients:
        frame["patient_id"] = guessed_patients(frame)
    tables.write(frame, target, DRAFT)
    (out / "skipped.csv").unlink(missing_ok=True)
    if skipped:
        tables.write(pd.DataFrame(skipped), out / "skipped.csv", SKIPPED)
    return tables.read(target, DRAFT)


def guessed_patients(frame: pd.DataFrame) -> list[str]:
    """Patients guessed for a dataset that does not tell them, for the rows of a cohort table in its original order.

    Neighbouring rows with equal centre, age, sex and site get one identifier (``guess-0001``, ``guess-0002``, ...);
    rows of one image always do. Where one of the four is missing nothing is guessed across images. A known patient is
    kept.
    """
    columns = frame.reindex(columns=["image", "centre", "age", "sex", "site", "patient_id"])
    patients: list[str] = []
    count, last_image, last_traits = 0, None, None
    for image, *traits, known in columns.astype("string").fillna("").itertuples(index=False):
        if known:
            patients.append(known)
            last_image = last_traits = None
            continue
        complete = tuple(traits) if all(traits) else None
        if not (image == last_image or (complete is not None and complete == last_traits)):
            count += 1
        patients.append(f"guess-{count:04d}")
        last_image, last_traits = image, complete
    return patients


def _names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def _set_centre(found: Iterator[Lesion | Skipped], centre: str) -> Iterator[Lesion | Skipped]:
    for item in found:
        yield item if isinstance(item, Skipped) else replace(item, columns={**item.columns, "centre": centre})


def _write_cases(
    found: Iterator[Lesion | Skipped], out: Path, *, whole_image: bool
) -> tuple[list[dict[str, object]], list[dict[str, str]]]:
    """Write the masks; the rows of the cohort table, and those of what gave no case."""
    rows: list[dict[str, object]] = []
    skipped: list[dict[str, str]] = []
    for item in found:
        image = _relative(item.image, out)
        if isinstance(item, Skipped):
            skipped.append({"image": image, "reason": item.reason})
            continue
        try:
            box, mask = _region(item, whole_image=whole_image)
        except ImageError as error:
            skipped.append({"image": image, "reason": error.what})
            continue
        case_id = item.case_id or f"C{len(rows) + 1:04d}"
        written = "" if mask is None else _write_mask(mask, out / "masks" / f"{case_id}.png", out)
        rows.append(
            {
                **{"case_id": case_id, "image": image, "centre": "1", "label": item.label},
                **dict(zip(_SIDES, box or [np.nan] * 4, strict=True)),
                **{"patient_id": "", "mask": written},
                **item.columns,
            }
        )
    return rows, skipped


def _region(item: Lesion, *, whole_image: bool) -> tuple[Box | None, Mask | None]:
    """A lesion's box, cut to its picture, and its mask, as far as it has them.

    Raises:
        ImageError: The picture cannot be read, is not the one that was annotated, or does not show the lesion.
    """
    shape = image_size(item.image)
    if item.shape is not None and item.shape != shape:
        said, has = (f"{width} x {height}" for height, width in (item.shape, shape))
        raise ImageError(f"annotated at {said} pixels, but it has {has}", file=item.image)
    mask = None if item.draw is None else item.draw(shape)
    if mask is not None and not mask.any():
        mask = None
    box = item.box or (None if mask is None else tight_box(mask))
    if box is None and item.draw is None:
        return (0.0, 0.0, float(shape[1]), float(shape[0])) if whole_image else None, None
    box = None if box is None else clip_box(box, shape)
    if box is None:
        raise ImageError("the lesion lies outside the picture", file=item.image)
    return box, mask


def _write_mask(mask: Mask, path: Path, out: Path) -> str:
    """Write a mask as a PNG of one bit a pixel; its path as the cohort table says it."""
    from PIL import Image

    with tables.written(path) as beside:
        Image.fromarray(mask).save(beside, format="PNG")
    return _relative(path, out)


def _relative(path: Path, out: Path) -> str:
    """A path as seen from the cohort table."""
    try:
        return Path(os.path.relpath(_place(path), out.resolve())).as_posix()
    except ValueError:  # another drive
        return _place(path).as_posix()


def _place(path: Path) -> Path:
    """The absolute path without links on the way; a link to an image itself stays, and with it its name."""
    return path.parent.resolve() / path.name


def _join(found: Iterator[Lesion | Skipped], folder: Path, path: Path) -> Iterator[Lesion | Skipped]:
    """Complete what the format says by the user's own table."""
    table = tables.read(path, LABELS, lines=True)
    items = list(found)
    rows = _rows_by_image(table, {item.image for item in items}, folder, path)
    for item in items:
        own = rows.get(item.image, [])
        if isinstance(item, Skipped):
            yield item
        elif not own:
            # Where the table tells the labels it tells which images are meant; a folder's name is then no label.
            unknown = "label" in table or not item.label
            yield Skipped(item.image, f"no row in {path.name}") if unknown else item
        elif len(own) > 1 and (item.box is not None or item.draw is not None):
            raise TableError(
                f"the image '{own[1][1]['image']}' occurs before, and its lesions are in the dataset's annotations",
                file=path,
                row=own[1][0],
                column="image",
                fix="Keep one row an image.",
            )
        else:
            for row, cells in own:
                yield _complete(item, cells, folder, path, row)


def _rows_by_image(
    table: pd.DataFrame, images: set[Path], folder: Path, path: Path
) -> dict[Path, list[tuple[int, dict[str, Any]]]]:
    """The table's rows (the file's own line, cells) for each image they mean."""
    inside = {image: Path(os.path.relpath(image, folder)).as_posix() for image in images}
    by_name: dict[str, list[Path]] = {}
    for image in images:
        for name in {inside[image], image.name, image.stem}:
            by_name.setdefault(name, []).append(image)
    there = {other.stem for other in folder.rglob("*")}  # without an annotation an image gives no case
    rows: dict[Path, list[tuple[int, dict[str, Any]]]] = {}
    for line, cells in zip(map(int, table.index), table.to_dict("records"), strict=True):
        name = str(cells["image"]).replace("\\", "/").removeprefix("./")
        meant = by_name.get(name, [])
        # A path within the folder goes before the same name elsewhere.
        meant = [image for image in meant if inside[image] == name] or meant
        if len(meant) > 1:
            raise TableError(
                f"the image '{name}' means {len(meant)} files",
                file=path,
                row=line,
                column="image",
                fix="Give its path within the folder.",
            )
        if meant:
            rows.setdefault(meant[0], []).append((line, {str(key): value for key, value in cells.items()}))
        elif Path(name).stem not in there:
            raise TableError(
                f"the image '{name}' is not in the folder",
                file=path,
                row=line,
                column="image",
                fix="Correct the name, or delete the row.",
            )
    return rows


def _complete(item: Lesion, cells: dict[str, Any], folder: Path, path: Path, row: int) -> Lesion:
    """A lesion with what one row of the user's table says about it."""
    said = {
        name: value
        for name, value in cells.items()
        if name not in ("image", "label") and value == value and value != ""
    }
    corners = [float(said.pop(side)) for side in _SIDES if side in said]
    if corners and (len(corners) < 4 or corners[0] >= corners[2] or corners[1] >= corners[3]):
        raise TableError(
            "the box is incomplete or has no area", file=path, row=row, column="x0", fix="Give x0 < x1 and y0 < y1."
        )
    box = (corners[0], corners[1], corners[2], corners[3]) if corners else item.box
    mask = said.pop("mask", None)
    if mask is not None and not (folder / mask).is_file():
        raise TableError(
            f"no such mask '{mask}'", file=path, row=row, column="mask", fix="Give its path within the folder."
        )
    case_id = str(said.pop("case_id", item.case_id))
    if not re.fullmatch(r"[\w.-]*", case_id):
        raise TableError(
            f"'{case_id}' names a file, and may hold letters, digits, '.', '-' and '_' only",
            file=path,
            row=row,
            column="case_id",
        )
    return replace(
        item,
        label=str(cells["label"]) if "label" in cells else item.label,
        case_id=case_id,
        box=box,
        draw=item.draw if mask is None else partial(read_mask, folder / mask),
        columns={**item.columns, **said},
    )
