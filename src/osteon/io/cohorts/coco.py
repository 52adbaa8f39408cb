"""COCO: one JSON file with boxes [x, y, width, height], polygons and run-length masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from osteon import tables
from osteon.errors import ImageError, TableError
from osteon.io.cohorts import Lesion, Skipped, labelme
from osteon.io.regions import Box, Mask, decode_rle, fill_polygons

#: What an image's or annotation's own record may say about the case.
_KNOWN = set(tables.COHORT.columns) - {"case_id", "image", "mask", "x0", "y0", "x1", "y1"}


def read(folder: Path) -> Iterator[Lesion | Skipped]:
    """Yield the annotations of every COCO file in a folder and below it.

    A case's label is its category's name. Columns of the cohort table that stand in the image's record or in the
    ``attributes`` of the image or the annotation are taken over; where these give a ``label``, the category becomes the
    subtype.

    Raises:
        TableError: A file is not COCO's, names an image or category that is not there, or an annotation is damaged.
    """
    for path in sorted(folder.rglob("*.json")):
        yield from _file(path, folder)


def _file(path: Path, folder: Path) -> Iterator[Lesion | Skipped]:
    content = labelme.load(path)
    for part in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(part), list):
            raise TableError(
                f"not a COCO file: no list '{part}'", file=path, fix="Move other JSON files out of the folder."
            )
    try:
        images = {entry["id"]: entry for entry in content["images"]}
        categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
    except (KeyError, TypeError) as error:
        raise TableError(f"an image or category lacks its {error}", file=path, fix="Export it again.") from None
    for number, entry in enumerate(content["annotations"], start=1):
        where = f"annotation {entry.get('id', number)}" if isinstance(entry, dict) else f"annotation {number}"
        try:
            record, category = images[entry["image_id"]], categories[entry["category_id"]]
        except (KeyError, TypeError) as error:
            raise TableError(f"{where} names an image or category that is not there ({error})", file=path) from None
        try:
            box, draw = _box(entry.get("bbox")), _draw(entry.get("segmentation"))
        except (TypeError, ValueError, KeyError) as error:
            raise TableError(f"{where} is damaged ({error})", file=path, fix="Export it again.") from None
        image = _image(path, folder, str(record.get("file_name", "")))
        if box is None and draw is None:
            yield Skipped(image, f"{where} has neither box nor outline")
            continue
        columns = {**_known(record), **_known(record.get("attributes")), **_known(entry.get("attributes"))}
        label = str(columns.pop("label", category))
        if label != category:
            columns.setdefault("subtype", category)
        size = (record.get("height"), record.get("width"))
        shape = (int(size[0]), int(size[1])) if all(isinstance(side, int) for side in size) else None
        yield Lesion(image, label, box, draw, shape, columns)


def _image(path: Path, folder: Path, name: str) -> Path:
    inside = PureWindowsPath(name)
    for parent in (path.parent, folder, path.parent / "images", folder / "images"):
        for image in (parent / inside, parent / inside.name):
            if name and image.is_file():
                return image
    raise TableError(f"the image '{name}' is missing", file=path, fix="Put it beside the JSON file or in images/.")


def _known(said: object) -> dict[str, Any]:
    return {key: said[key] for key in said if key in _KNOWN} if isinstance(said, Mapping) else {}


def _box(said: object) -> Box | None:
    if not said:
        return None
    x, y, width, height = (float(value) for value in said)  # type: ignore[attr-defined]
    if not (np.isfinite([x, y]).all() and width > 0 and height > 0):
        raise ValueError("its box has no area")
    return x, y, x + width, y + height


def _draw(said: Any) -> partial[Mask] | None:
    """The way to draw a segmentation: polygons as flat lists of x, y, or run lengths; None where there is none."""
    if not said:
        return None
    if isinstance(said, Mapping):
        height, width = (int(side) for side in said["size"])
        return partial(_whole, decode_rle(said["counts"], (height, width)))
    polygons = [np.asarray(polygon, dtype=np.float64).reshape(-1, 2) for polygon in said]
    if any(len(polygon) < 3 or not np.isfinite(polygon).all() for polygon in polygons):
        raise ValueError("a polygon has fewer than three corners")
    return partial(fill_polygons, polygons)


def _whole(mask: Mask, shape: tuple[int, int]) -> Mask:
    if mask.shape != shape:
        raise ImageError(f"its run-length mask has {mask.shape[1]} x {mask.shape[0]} pixels")
    return mask
