"""LabelMe: one JSON file an image, with rectangles, polygons and circles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from osteon.errors import TableError
from osteon.io.cohorts import SUFFIXES, Lesion, Skipped
from osteon.io.regions import Box, fill_polygons, overlap

_REGIONS = ("rectangle", "polygon", "circle")


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A LabelMe shape: a box, and the polygon it bounds (None for a rectangle)."""

    label: str
    box: Box
    polygon: np.ndarray[Any, np.dtype[np.float64]] | None
    group: object = None


def read(folder: Path) -> Iterator[Lesion | Skipped]:
    """Yield the lesions of every LabelMe file in a folder and below it, in the order of their paths."""
    for path in sorted(folder.rglob("*.json")):
        yield from lesions(path)


def lesions(path: Path, image: Path | None = None) -> Iterator[Lesion | Skipped]:
    """Yield the lesions of one LabelMe file.

    A rectangle is a lesion's box and a polygon its outline. A polygon belongs to the rectangle with its group id, else
    to the one it overlaps most, and to none (it is a lesion of its own) where none overlaps.

    Args:
        path: The JSON file.
        image: Its radiograph; by default what the file says, or the picture of the same name beside it.

    Raises:
        TableError: The file is not LabelMe's, or its image is missing.
    """
    content = load(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise TableError("not a LabelMe file", file=path, fix="Move other JSON files out of the folder.")
    image = image or _image(path, str(content.get("imagePath") or ""))
    size = (content.get("imageHeight"), content.get("imageWidth"))
    annotated = (int(size[0]), int(size[1])) if all(isinstance(side, int) for side in size) else None  # type: ignore[arg-type]
    shapes: list[Shape] = []
    for number, entry in enumerate(content["shapes"], start=1):
        kind = str(entry.get("shape_type") or "polygon")
        shape = _shape(entry, kind, path, number)
        if shape is None:
            yield Skipped(image, f"shape {number} is a {kind}, not one of {', '.join(_REGIONS)}")
        else:
            shapes.append(shape)
    for label, box, polygons in _paired(shapes):
        draw = partial(fill_polygons, polygons) if polygons else None
        yield Lesion(image, label, box, draw, annotated)


def load(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        TableError: It is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(
            f"not a readable JSON file ({type(error).__name__})", file=path, fix="Save it again."
        ) from error


def _image(path: Path, said: str) -> Path:
    """The radiograph of a LabelMe file; Windows paths and moved folders are common."""
    beside = [path.parent / PureWindowsPath(said), path.parent / PureWindowsPath(said).name] if said else []
    for image in [*beside, *(path.with_suffix(suffix) for suffix in SUFFIXES)]:
        if image.is_file():
            return image
    raise TableError(
        f"its image '{PureWindowsPath(said).name}' is missing", file=path, fix="Put the image beside its JSON file."
    )


def _shape(entry: dict[str, Any], kind: str, path: Path, number: int) -> Shape | None:
    if kind not in _REGIONS:
        return None
    try:
        points = np.asarray(entry["points"], dtype=np.float64).reshape(-1, 2)
        label = str(entry["label"]).strip()
    except (KeyError, TypeError, ValueError):
        points, label = np.empty((0, 2)), ""
    if len(points) < (3 if kind == "polygon" else 2) or not np.isfinite(points).all() or not label:
        raise TableError(f"shape {number} lacks its label or points", file=path, fix="Draw it again in LabelMe.")
    if kind == "circle":  # centre, and a point on the circle
        angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        points = points[0] + np.hypot(*(points[1] - points[0])) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return Shape(label, (x0, y0, x1, y1), None if kind == "rectangle" else points, entry.get("group_id"))


def _paired(shapes: list[Shape]) -> Iterator[tuple[str, Box, list[Any]]]:
    """Lesions as (label, box, polygons), those with a rectangle first, in the order they were drawn."""
    rectangles = [shape for shape in shapes if shape.polygon is None]
    polygons: list[list[Any]] = [[] for _ in rectangles]
    alone: list[Shape] = []
    for shape in shapes:
        if shape.polygon is None:
            continue
        fits = [
            (shape.group is not None and shape.group == rectangle.group, overlap(shape.box, rectangle.box))
            for rectangle in rectangles
        ]
        best = max(range(len(fits)), key=fits.__getitem__, default=None)
        if best is None or fits[best] == (False, 0.0):
            alone.append(shape)
        else:
            polygons[best].append(shape.polygon)
    for rectangle, own in zip(rectangles, polygons, strict=True):
        yield rectangle.label, rectangle.box, own
    for shape in alone:
        yield shape.label, shape.box, [shape.polygon]
