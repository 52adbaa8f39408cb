"""LabelMe: one JSON file an image, with rectangles, polygons, circles and masks."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import ImageError, TableError
from osteon.io.cohorts import _json
from osteon.io.cohorts._files import Folder, plain
from osteon.io.cohorts._items import Item, Lesion, Note, Skipped
from osteon.io.regions import Box, Mask, fill_polygons, overlap, tight_box
from osteon.io.stored import quiet, refuse_bomb

#: Shapes that bound a lesion without being its outline; the last two are rectangles that are turned.
_BOXES = ("rectangle", "oriented_rectangle", "rotation")
_REGIONS = ("rectangle", "polygon", "circle", "mask", "oriented_rectangle")
_FILE_KEYS = {
    *("version", "shapes", "flags", "imagePath", "imageData", "imageHeight", "imageWidth"),
    *("lineColor", "fillColor"),
}
_SHAPE_KEYS = {
    *("label", "points", "group_id", "shape_type", "flags", "mask"),
    *("line_color", "fill_color", "direction"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A LabelMe shape: a box, and the polygon or the painted patch (with its upper left pixel) that it bounds."""

    number: int
    label: str
    box: Box
    polygon: NDArray[np.float64] | None = None
    patch: tuple[int, int, Mask] | None = None
    group: str = ""

    @property
    def is_outline(self) -> bool:
        """Whether it tells more than a box."""
        return self.polygon is not None or self.patch is not None


def read(folder: Folder) -> Iterator[Item]:
    """Yield the lesions of every LabelMe file in a folder and below it, in the order of their paths."""
    contents: dict[Path, dict[str, Any]] = {}
    for path in folder.json_files():
        try:
            contents[path] = parse(path)
        except TableError as error:
            yield Skipped(path, error.what)
    images = _images(folder, contents)
    for path, content in contents.items():
        folder.used.add(path)
        image = images[path]
        if isinstance(image, str):
            yield Skipped(path, image)
        else:
            yield from lesions(path, content, image)


def parse(path: Path) -> dict[str, Any]:
    """The content of a LabelMe file.

    Raises:
        TableError: It is not one.
    """
    content = _json.load(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise TableError("not a LabelMe file: no list 'shapes'", file=path, fix="Move it out of the folder.")
    return content


def lesions(path: Path, content: Mapping[str, Any], image: Path) -> Iterator[Item]:
    """Yield the lesions of one LabelMe file, and what gave none.

    A rectangle is a lesion's box; a polygon, a circle or a mask its outline. Shapes with one group id are one lesion.
    An outline without a group belongs to the rectangle that it overlaps most, and to none (it is a lesion of its own)
    where none overlaps.

    Args:
        path: The JSON file.
        content: What it holds.
        image: Its radiograph.
    """
    yield from _json.unread(path, content, _FILE_KEYS, "")
    yield from _flags(path, content.get("flags"), "")
    shapes: list[Shape] = []
    for number, entry in enumerate(content["shapes"], start=1):
        part = f"shape {number}"
        try:
            shapes.append(_shape(entry, number))
        except ValueError as error:
            yield Skipped(image, f"{part} {error}", path, part)
            continue
        yield from _json.unread(path, entry, _SHAPE_KEYS, part)
        yield from _flags(path, entry.get("flags"), part)
    if not content["shapes"]:
        yield Skipped(image, "no lesion is annotated", path)
    try:
        size = _json.size(content.get("imageHeight"), content.get("imageWidth"))
    except ValueError as error:
        yield Skipped(image, f"its annotation {error}", path)
        return
    for together in _lesions(shapes):
        yield from _lesion(path, image, size, together, content["shapes"])


def _lesion(
    path: Path, image: Path, size: tuple[int | None, int | None], together: list[Shape], entries: list[Any]
) -> Iterator[Item]:
    """The lesion that some shapes are: boxed by its rectangles where it has any, else by its outlines."""
    outlines = [shape for shape in together if shape.is_outline]
    boxes = [shape for shape in together if not shape.is_outline] or outlines
    numbers = sorted(shape.number for shape in together)
    part = f"shape {numbers[0]}" if len(numbers) == 1 else f"shapes {', '.join(map(str, numbers))}"
    labels = list(dict.fromkeys(shape.label for shape in boxes))
    if len(labels) > 1:
        named = " and ".join(f"'{label}'" for label in labels)
        yield Skipped(image, f"{part} have one group id and different labels ({named})", path, part)
        return
    other = [shape for shape in outlines if shape.label != labels[0]]
    if other:
        yield Note(path, "an outline with another label than its rectangle is read as the rectangle's", part)
    yield Lesion(
        image,
        labels[0],
        _around([shape.box for shape in boxes]),
        partial(_drawn, outlines) if outlines else None,
        size,
        source=path,
        part=part,
        words=json.dumps([entries[number - 1] for number in numbers], sort_keys=True, default=str),
    )


def _flags(path: Path, flags: object, part: str) -> Iterator[Note]:
    if isinstance(flags, Mapping):
        for name in sorted(str(name) for name, value in flags.items() if _json.says_something(value)):
            yield Note(path, f"the flag '{name[:60]}' is not read", part)


def _images(folder: Folder, contents: Mapping[Path, Mapping[str, Any]]) -> dict[Path, Path | str]:
    """The radiograph of each LabelMe file, or why it has none that is certain.

    What ``imagePath`` says, seen from the JSON file, goes first. Files that were moved: the picture of that name (or of
    the JSON file's, where both have one stem) beside it, else the one whose path ends most like what is written. A
    picture that is found so for two different paths is neither's.
    """
    found: dict[Path, Path | str] = {}
    claims: dict[str, set[str]] = {}
    loose: dict[Path, Path] = {}
    for path, content in contents.items():
        said = str(content.get("imagePath") or "").strip()
        name = PureWindowsPath(said).as_posix()
        try:
            image = folder.at(path.parent, said) if said else None
            if image is None:
                image = _moved(folder, path, name if said else "")
                if image is not None:
                    loose[path] = image
        except LookupError as error:
            found[path] = str(error)
            continue
        if image is None:
            embedded = " (it is embedded in the file: save it as a picture)" if content.get("imageData") else ""
            found[path] = f"its image '{PureWindowsPath(said).name}' is missing{embedded}"
            continue
        found[path] = image
        claims.setdefault(str(image.resolve()), set()).add(plain(str(path.parent / name)))
    for path, image in loose.items():
        others = len(claims[str(image.resolve())]) - 1
        if others:
            found[path] = f"its image is missing, and {folder.within(image)} is another file's too"
    return found


def _moved(folder: Folder, path: Path, name: str) -> Path | None:
    """The picture of a LabelMe file that is not where it says.

    Raises:
        LookupError: Several may be it.
    """
    stem = PureWindowsPath(name).stem if name else path.stem
    beside = folder.at(path.parent, PureWindowsPath(name).name) if name else None
    if beside is None and plain(stem) == plain(path.stem):
        pictures = folder.beside(path)
        if len(pictures) > 1:
            there = ", ".join(folder.within(file) for file in pictures)
            raise LookupError(f"the image '{name or stem}' may be any of {len(pictures)} files: {there}")
        beside = pictures[0] if pictures else None
    if not name:
        return beside
    if beside is None:
        return folder.elsewhere(name)[0]
    far, agreeing = folder.ending_as(name)
    if agreeing > 1 and beside not in far:
        there = ", ".join(folder.within(file) for file in (beside, *far))
        raise LookupError(f"the image '{name}' may be any of {len(far) + 1} files: {there}")
    return beside


def _shape(entry: Any, number: int) -> Shape:
    """Read a shape; a ValueError says why it cannot be."""
    if not isinstance(entry, Mapping):
        raise ValueError("is no record")
    kind = str(entry.get("shape_type") or "polygon")
    if kind not in (*_REGIONS, *_BOXES):
        raise ValueError(f"is a {kind[:40]}, not one of {', '.join(_REGIONS)}")
    label = entry.get("label")
    if isinstance(label, bool) or not isinstance(label, str | int | float) or not str(label).strip():
        raise ValueError("lacks its label")
    points = _points(entry.get("points"), kind)
    group = entry.get("group_id")
    patch = None
    if kind == "mask":
        patch = _patch(entry.get("mask"), points)
        inside = tight_box(patch[2])
        if inside is None:
            raise ValueError("has no area")
        points = np.array(inside).reshape(2, 2) + patch[:2]
    elif kind == "circle":  # centre, and a point on the circle
        angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        points = points[0] + np.hypot(*(points[1] - points[0])) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    on_a_line = kind == "polygon" and np.linalg.matrix_rank(points - points[0]) < 2
    if on_a_line or not (x0 < x1 and y0 < y1):
        raise ValueError("has no area")
    polygon = points if kind in ("polygon", "circle") else None
    grouped = "" if group is None else _json.identifier(group) or ("" if group == "" else _json.quoted(group))
    return Shape(number, str(label).strip(), (x0, y0, x1, y1), polygon, patch, grouped)


def _points(said: Any, kind: str) -> NDArray[np.float64]:
    """The (N, 2) points of a shape, as many as its kind has."""
    least = {"polygon": 3, "oriented_rectangle": 4, "rotation": 4}.get(kind, 2)
    if not isinstance(said, list) or any(not isinstance(point, list) or len(point) != 2 for point in said):
        raise ValueError("lacks its points")
    if len(said) < least:
        raise ValueError(f"is a {kind} of {len(said)} points, too few")
    try:
        return np.array([[_json.coordinate(value) for value in point] for point in said])
    except ValueError as error:
        raise ValueError(f"is damaged (in its points {error})") from None


def _patch(said: Any, points: NDArray[np.float64]) -> tuple[int, int, Mask]:
    """A painted mask: the column and row of its upper left pixel, and the mask itself, a PNG in base64."""
    from PIL import Image

    if not isinstance(said, str) or not said:
        raise ValueError("is a mask without its picture")
    try:
        data = base64.b64decode(said, validate=True)
        with quiet(), Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            refuse_bomb(Path("mask"), picture.height, picture.width)
            mask = np.asarray(picture.convert("L")) > 0
    except (binascii.Error, ImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ValueError("is a mask whose picture is damaged") from None
    x, y = (int(value) for value in np.round(points.min(axis=0)))
    return x, y, mask


def _around(boxes: Sequence[Box]) -> Box:
    """The box around boxes."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _drawn(shapes: Sequence[Shape], shape: tuple[int, int]) -> Mask:
    """Draw outlines at a picture's height and width."""
    mask = fill_polygons([own.polygon for own in shapes if own.polygon is not None], shape)
    for x, y, patch in (own.patch for own in shapes if own.patch is not None):
        on = patch[max(-y, 0) : max(shape[0] - y, 0), max(-x, 0) : max(shape[1] - x, 0)]
        top, left = max(y, 0), max(x, 0)
        mask[top : top + on.shape[0], left : left + on.shape[1]] |= on
    return mask


def _lesions(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Shapes by lesion, those with a rectangle first, in the order they were drawn."""
    groups: dict[str, list[Shape]] = {}
    for shape in shapes:
        groups.setdefault(shape.group or f"alone {shape.number}", []).append(shape)
    boxed = [group for group in groups.values() if not all(shape.is_outline for shape in group)]
    boxed.sort(key=lambda group: next(shape.number for shape in group if not shape.is_outline))
    alone: list[list[Shape]] = []
    frames = [_around([shape.box for shape in group if not shape.is_outline]) for group in boxed]
    free = [not group[0].group for group in boxed]
    for outlines in (group for group in groups.values() if all(shape.is_outline for shape in group)):
        box = _around([shape.box for shape in outlines])
        # An outline of one group is none of another's; without a group it may be any rectangle's.
        fits = [
            overlap(box, frame) if open_ or not outlines[0].group else 0.0
            for frame, open_ in zip(frames, free, strict=True)
        ]
        best = max(range(len(fits)), key=fits.__getitem__, default=None)
        if best is None or fits[best] == 0:
            alone.append(outlines)
        else:
            boxed[best].extend(outlines)
    return [*boxed, *alone]
