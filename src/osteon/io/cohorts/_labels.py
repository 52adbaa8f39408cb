"""The user's own table about the images, joined to what a format says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.io.cohorts._files import Folder, plain
from osteon.io.cohorts._items import Item, Lesion, Note, Skipped
from osteon.io.images import read_mask

#: The user's own table about images, one row an image (or a lesion, where the format has no boxes).
LABELS = tables.Contract(
    "labels",
    {
        "image": tables.Column("path"),
        **{
            name: replace(column, required=False, filled=False)
            for name, column in tables.COHORT.columns.items()
            if name not in ("image", "case_id")
        },
    },
    open=True,
)
#: What pictures are called.
PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".ima", "")
_SIDES = ("x0", "y0", "x1", "y1")
_Row = tuple[int, dict[str, Any]]


def join(found: Iterable[Item], folder: Folder, path: Path) -> Iterator[Item]:
    """Complete what the format says by the user's own table.

    Raises:
        TableError: A row means no file, or several, or says what cannot be.
    """
    table = tables.read(path, LABELS, lines=True)
    items = list(found)
    sources = set(folder.used)
    images = {item.image for item in items if isinstance(item, Lesion)}
    images |= {item.image for item in items if isinstance(item, Skipped) and _may_be_meant(item.image, folder)}
    rows = _rows_by_image(table, images, folder, path)
    joined = [other for item in items for other in _joined(item, rows, folder, path, told="label" in table)]
    # Only now is known which pictures are the masks of others.
    return iter([item for item in joined if not (isinstance(item, Skipped) and item.image in folder.used - sources)])


def _joined(item: Item, rows: Mapping[Path, list[_Row]], folder: Folder, path: Path, *, told: bool) -> Iterator[Item]:
    """One item with each row about its image; `told`: the table gives the labels."""
    own = [] if isinstance(item, Note) else rows.get(item.image, [])
    if not isinstance(item, Lesion):
        yield item
    elif not own:
        # Where the table tells the labels it tells which images are meant; a folder's name is then no label.
        unknown = told or not item.label
        yield Skipped(item.image, f"no row in {path.name}", item.source, item.part) if unknown else item
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


def _may_be_meant(image: Path, folder: Folder) -> bool:
    """Whether a row may mean a file that gave no lesion: a picture, even a damaged one, but no mask."""
    return image.suffix.lower() in PICTURES and "masks" not in plain(folder.within(image)).split("/")


def _rows_by_image(table: pd.DataFrame, images: set[Path], folder: Folder, path: Path) -> dict[Path, list[_Row]]:
    """The table's rows (the file's own line, cells) for each image they mean."""
    there = _Names(images, folder)
    others = _Names(set(folder.files) | {file for file, _ in folder.passed}, folder)
    rows: dict[Path, list[_Row]] = {}
    for line, cells in zip(map(int, table.index), table.to_dict("records"), strict=True):
        name = str(cells["image"])
        try:
            meant = there.meant(name)
        except LookupError as error:
            raise TableError(
                str(error), file=path, row=line, column="image", fix="Give its path within the folder."
            ) from None
        if meant is not None:
            rows.setdefault(meant, []).append((line, {str(key): value for key, value in cells.items()}))
            continue
        try:
            known = others.meant(name) is not None  # without an annotation an image gives no case
        except LookupError:
            known = True
        if not known:
            raise TableError(
                f"the image '{name}' is not in the folder",
                file=path,
                row=line,
                column="image",
                fix="Correct the name, or delete the row.",
            )
    return rows


class _Names:
    """Images by what a person may call them: path within the folder, file name, file name without its ending."""

    def __init__(self, images: set[Path], folder: Folder) -> None:
        self._within = {image: folder.within(image) for image in images}
        self._tiers: list[dict[str, list[Path]]] = [{} for _ in range(6)]
        for image in sorted(images):
            names = (self._within[image], image.name, image.stem)
            for tier, name in enumerate((*names, *map(plain, names))):
                self._tiers[tier].setdefault(name, []).append(image)

    def meant(self, name: str) -> Path | None:
        """The image that a name means: as it is written first, then without regard to case and Unicode form.

        Raises:
            LookupError: It may mean several.
        """
        written = PureWindowsPath(name).as_posix()
        for tier, images in enumerate(self._tiers):
            meant = images.get(written if tier < 3 else plain(written), [])
            if len(meant) > 1:
                there = ", ".join(self._within[image] for image in meant)
                raise LookupError(f"the image '{name}' means {len(meant)} files ({there})")
            if meant:
                return meant[0]
        return None


def _complete(item: Lesion, cells: dict[str, Any], folder: Folder, path: Path, row: int) -> Lesion:
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
    drawn = None if mask is None else _mask(str(mask), folder, path, row)
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
        draw=item.draw if drawn is None else partial(read_mask, drawn),
        columns={**item.columns, **said},
    )


def _mask(name: str, folder: Folder, path: Path, row: int) -> Path:
    """The mask that a row names, by its path within the folder."""
    try:
        found = folder.at(folder.path, name)
    except LookupError as error:
        raise TableError(str(error), file=path, row=row, column="mask", fix="Rename the other files.") from None
    if found is None:
        raise TableError(
            f"no such mask '{name}'", file=path, row=row, column="mask", fix="Give its path within the folder."
        )
    folder.used.add(found)
    return found
