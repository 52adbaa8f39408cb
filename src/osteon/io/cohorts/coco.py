"""COCO: one JSON file with boxes [x, y, width, height], polygons and run-length masks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from osteon.core import tables
from osteon.core.errors import ImageError, TableError
from osteon.io.cohorts import _json
from osteon.io.cohorts._files import Folder, plain
from osteon.io.cohorts._items import Item, Lesion, Note, Skipped
from osteon.io.regions import Box, Mask, decode_rle, fill_polygons, overlap, tight_box
from osteon.io.stored import MAX_PIXELS

#: What an image's or annotation's own record may say about the case.
_KNOWN = set(tables.COHORT.columns) - {"case_id", "image", "mask", "x0", "y0", "x1", "y1"}
_PARTS = ("images", "annotations", "categories")
#: What the records hold that is read, or says nothing about the lesion.
_IMAGE_KEYS = {
    *("id", "file_name", "width", "height", "license", "date_captured", "attributes"),
    *("coco_url", "flickr_url", "url", *_KNOWN),
}
_ANNOTATION_KEYS = {
    *("id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "ignore", "attributes"),
    *("bbox_mode", "num_keypoints"),
}
#: Keys with which other programs say that a box is turned, each in a way of its own.
_TURNED = ("rotation", "angle", "theta", "rotation_angle", "rotated_bbox", "rbbox", "obb")
_XYWH = 1  # detectron2's bbox_mode for [x, y, width, height]


def read(folder: Folder) -> Iterator[Item]:
    """Yield the annotations of every COCO file in a folder and below it.

    A case's label is its category's name. Columns of the cohort table that stand in the image's record or in the
    ``attributes`` of the image or the annotation are taken over; where these give a ``label``, the category becomes the
    subtype. CVAT's attribute ``rotation`` turns the box about its centre.
    """
    files: list[_File] = []
    for path in folder.json_files():
        try:
            files.append(_File.parsed(path))
        except TableError as error:
            yield Skipped(path, error.what)
    _find_images(files, folder)
    for file in files:
        folder.used.add(file.path)
        yield from file.problems
        for index, entry in enumerate(file.annotations, start=1):
            yield from _annotation(file, entry, index)
        yield from _without_annotation(file)


@dataclass(slots=True, eq=False)
class _File:
    """A COCO file, its images and categories by their ids; None stands for an id that is given twice."""

    path: Path
    annotations: list[Any]
    images: dict[str, dict[str, Any] | None]
    categories: dict[str, dict[str, Any] | None]
    found: dict[str, Path | str] = field(default_factory=dict)
    problems: list[Item] = field(default_factory=list)

    @classmethod
    def parsed(cls, path: Path) -> _File:
        content = _json.load(path)
        for part in _PARTS:
            if not isinstance(content, dict) or not isinstance(content.get(part), list):
                raise TableError(f"not a COCO file: no list '{part}'", file=path)
        file = cls(path, content["annotations"], {}, {})
        file.images = file._by_id(content["images"], "image", "file_name")
        file.categories = file._by_id(content["categories"], "category", "name")
        file.problems += _json.unread(path, content, {*_PARTS, "info", "licenses", "type"}, "")
        return file

    def _by_id(self, entries: list[Any], kind: str, name: str) -> dict[str, dict[str, Any] | None]:
        found: dict[str, dict[str, Any] | None] = {}
        for index, entry in enumerate(entries, start=1):
            key = _json.identifier(entry.get("id")) if isinstance(entry, dict) else None
            if key is None:
                self.problems.append(Skipped(self.path, f"{kind} {index} of the list lacks its id"))
            elif key in found and found[key] != entry:
                self.problems.append(Skipped(self.path, f"the {kind} id {key} is given twice"))
                found[key] = None
            elif not isinstance(entry.get(name), str) or not entry[name].strip():
                self.problems.append(Skipped(self.path, f"the {kind} {key} lacks its {name}"))
                found[key] = None
            else:
                found[key] = entry
        return found


def _find_images(files: list[_File], folder: Folder) -> None:
    """Find every picture, as written first; a name that may mean several, or whose picture another claims, is refused.

    A name is looked for beside the JSON file, in the folders above it and in their ``images/``; where none of these
    has it, by the end of its path, since paths of other machines are common.
    """
    claims: dict[str, set[str]] = {}
    loose: list[tuple[_File, str, str, Path]] = []
    for file in files:
        here = file.path.parent
        above = [here, *(parent for parent in here.parents if parent.is_relative_to(folder.path))]
        bases = [base for parent in above for base in (parent, parent / "images")]
        for key, record in file.images.items():
            if record is None:
                continue
            said = record["file_name"].strip()
            name = PureWindowsPath(said).as_posix()
            try:
                written = {_real(found): found for base in reversed(bases) if (found := folder.at(base, said))}
                if len(written) > 1:
                    raise LookupError(_ambiguous(name, sorted(folder.within(found) for found in written.values())))
                image = next(iter(written.values()), None) or folder.elsewhere(name)[0]
            except LookupError as error:
                file.found[key] = str(error)
                continue
            if image is None:
                file.found[key] = f"the image '{name}' is missing"
                continue
            file.found[key] = image
            claims.setdefault(_real(image), set()).add(plain(name))
            if not written:
                loose.append((file, key, name, image))
    for file, key, name, image in loose:
        if len(claims[_real(image)]) > 1:
            file.found[key] = (
                f"the image '{name}' is missing, and {folder.within(image)} is claimed by "
                f"{len(claims[_real(image)])} different names"
            )


def _real(path: Path) -> str:
    return str(path.resolve())


def _ambiguous(name: str, there: list[str]) -> str:
    return f"the image '{name}' may be any of {len(there)} files: {', '.join(there)}"


def _annotation(file: _File, entry: Any, index: int) -> Iterator[Item]:
    """What one annotation gives: a lesion, or why there is none, and notes on what is not read."""
    said = _json.identifier(entry.get("id")) if isinstance(entry, dict) else None
    part = f"annotation {said or index}"
    image: Path = file.path
    try:
        if not isinstance(entry, dict):
            raise ValueError("is no record")
        record, image = _image_of(file, entry)
        lesion, notes = _lesion(file, entry, record, image, part)
    except ValueError as error:
        yield Skipped(image, f"{part} {error}", file.path, part)
        return
    yield from notes
    yield lesion


def _image_of(file: _File, entry: Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
    key = _json.identifier(entry.get("image_id"))
    if key is None or key not in file.images:
        raise ValueError(f"names an image that is not in the list (image_id {_json.quoted(entry.get('image_id'))})")
    record, image = file.images[key], file.found.get(key)
    if record is None or image is None:
        raise ValueError(f"names the image {key}, which is damaged or given twice")
    if isinstance(image, str):
        raise ValueError(f"has no picture: {image}")
    return record, image


def _lesion(
    file: _File, entry: Mapping[str, Any], record: dict[str, Any], image: Path, part: str
) -> tuple[Lesion, list[Note]]:
    """Read an annotation; a ValueError says why it cannot be."""
    key = _json.identifier(entry.get("category_id"))
    if key is None or key not in file.categories:
        said = _json.quoted(entry.get("category_id"))
        raise ValueError(f"names a category that is not in the list (category_id {said})")
    category = file.categories[key]
    if category is None:
        raise ValueError(f"names the category {key}, which has no name or is given twice")
    if _json.says_something(entry.get("ignore")):
        raise ValueError("says that it is to be ignored ('ignore')")
    attributes = entry.get("attributes")
    given = attributes if isinstance(attributes, Mapping) else {}
    polygons, runs = _outline(entry.get("segmentation"))
    box = _turned(_box(entry), entry, given, polygons, runs)
    if box is None and not polygons and runs is None:
        raise ValueError("has neither box nor outline")
    notes = list(_notes(file.path, entry, record, given, part))
    around = _around(polygons, None)
    if box is not None and around is not None:
        shared = overlap(box, around)
        if shared == 0:
            raise ValueError("has its box and its outline in different places")
        if shared < 0.5:
            notes.append(Note(file.path, "a box and its outline differ by more than half of their area", part))
    columns = {**_taken(record), **_taken(record.get("attributes")), **_taken(attributes)}
    name = category["name"].strip()
    label = str(columns.pop("label", name))
    if label != name:
        columns.setdefault("subtype", name)
    words = json.dumps([name, entry.get("bbox"), entry.get("segmentation"), attributes], sort_keys=True, default=str)
    draw = partial(_drawn, polygons, runs) if polygons or runs is not None else None
    shape = _json.size(record.get("height"), record.get("width"))
    return Lesion(image, label, box, draw, shape, columns, source=file.path, part=part, words=words), notes


def _notes(
    path: Path, entry: Mapping[str, Any], record: Mapping[str, Any], attributes: Mapping[str, Any], part: str
) -> Iterator[Note]:
    if _json.says_something(entry.get("iscrowd")):
        yield Note(path, "'iscrowd' is set: an outline around several lesions is read as one", part)
    yield from _json.unread(path, record, _IMAGE_KEYS, part)
    yield from _json.unread(path, entry, _ANNOTATION_KEYS, part)
    yield from _json.unread(path, attributes, {*_KNOWN, "rotation"}, part)
    own = record.get("attributes")
    yield from _json.unread(path, own if isinstance(own, Mapping) else {}, _KNOWN, part)
    for said in (own, entry.get("attributes")):
        if said and not isinstance(said, Mapping):
            yield Note(path, "'attributes' is not read: it is no record of names and values", part)


def _taken(said: object) -> dict[str, Any]:
    """The columns of the cohort table that a record fills; an empty value says nothing."""
    if not isinstance(said, Mapping):
        return {}
    return {
        key: value
        for key, value in said.items()
        if key in _KNOWN and isinstance(value, str | int | float) and str(value).strip()
    }


def _box(entry: Mapping[str, Any]) -> Box | None:
    said = entry.get("bbox")
    if not said:
        return None
    if entry.get("bbox_mode", _XYWH) != _XYWH:
        raise ValueError(f"has a box in another form (bbox_mode {_json.quoted(entry['bbox_mode'])})")
    if not isinstance(said, list) or len(said) != 4:
        raise ValueError(f"is damaged (its box is not [x, y, width, height]: {_json.quoted(said)})")
    try:
        x, y, width, height = (_json.coordinate(value) for value in said)
    except ValueError as error:
        raise ValueError(f"is damaged (in its box {error})") from None
    if width <= 0 or height <= 0:
        raise ValueError(f"is damaged (its box has no area: {width:g} x {height:g})")
    return x, y, x + width, y + height


def _turned(
    box: Box | None,
    entry: Mapping[str, Any],
    attributes: Mapping[str, Any],
    polygons: list[Any],
    runs: tuple[Any, tuple[int, int]] | None,
) -> Box | None:
    """The upright box around a box that CVAT's attribute ``rotation`` turns about its centre, in degrees."""
    for key in _TURNED:
        for place, said in (("", entry.get(key)), ("attribute ", None if key == "rotation" else attributes.get(key))):
            if _json.says_something(said):
                raise ValueError(f"is turned in a way that is not read ({place}'{key}' = {_json.quoted(said)})")
    said = attributes.get("rotation")
    if not _json.says_something(said):
        return box
    try:
        degrees = _json.number(said) % 360
    except ValueError as error:
        raise ValueError(f"is turned, and its rotation {error}") from None
    if degrees == 0 or box is None:
        return box
    x0, y0, x1, y1 = box
    sine, cosine = abs(np.sin(np.radians(degrees))), abs(np.cos(np.radians(degrees)))
    width = float((x1 - x0) * cosine + (y1 - y0) * sine) / 2
    height = float((x1 - x0) * sine + (y1 - y0) * cosine) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    upright = (x - width, y - height, x + width, y + height)
    around = _around(polygons, runs)
    if around is not None and overlap(around, upright) < 0.9:
        raise ValueError(f"is turned by {degrees:g} degrees, and whether its outline is turned with it is not said")
    return upright


def _around(polygons: list[Any], runs: tuple[Any, tuple[int, int]] | None) -> Box | None:
    """The box around an outline."""
    if runs is not None:
        try:
            return tight_box(decode_rle(*runs))
        except ValueError:
            return None
    if not polygons:
        return None
    (x0, y0), (x1, y1) = np.concatenate(polygons).min(axis=0), np.concatenate(polygons).max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _outline(said: Any) -> tuple[list[Any], tuple[Any, tuple[int, int]] | None]:
    """A segmentation as polygons and as run lengths with their height and width; nothing where there is none."""
    if not said or (isinstance(said, list) and not any(said)):
        return [], None
    if isinstance(said, Mapping):
        return [], (_runs(said.get("counts")), _run_size(said.get("size")))
    if not isinstance(said, list):
        raise ValueError("is damaged (its outline is neither polygons nor run lengths)")
    polygons = []
    for polygon in said:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError("is damaged (a polygon is not a list of three or more x, y)")
        try:
            points = np.array([_json.coordinate(value) for value in polygon]).reshape(-1, 2)
        except ValueError as error:
            raise ValueError(f"is damaged (in a polygon {error})") from None
        polygons.append(points)
    return polygons, None


def _runs(said: Any) -> str | list[int]:
    """Run lengths, compressed as text or whole numbers that are not negative."""
    if isinstance(said, str) and said:
        return said
    if not isinstance(said, list) or not said:
        raise ValueError("is damaged (its run-length mask lacks its counts)")
    return [_length(run) for run in said]


def _run_size(said: Any) -> tuple[int, int]:
    if not isinstance(said, list) or len(said) != 2:
        raise ValueError("is damaged (its run-length mask lacks its size)")
    height, width = (_length(side) for side in said)
    if not 0 < height * width <= MAX_PIXELS:
        raise ValueError(f"is damaged (its run-length mask claims {width} x {height} pixels)")
    return height, width


def _length(said: Any) -> int:
    """A whole number of pixels, 0 or more."""
    try:
        length = _json.side(said)
    except ValueError as error:
        raise ValueError(f"is damaged (in its run-length mask {error})") from None
    if length is None or length < 0:
        raise ValueError(f"is damaged (in its run-length mask {_json.quoted(said)} is not a length)")
    return length


def _drawn(polygons: list[Any], runs: tuple[Any, tuple[int, int]] | None, shape: tuple[int, int]) -> Mask:
    """Draw an outline at a picture's height and width."""
    if runs is None:
        return fill_polygons(polygons, shape)
    counts, (height, width) = runs
    if (height, width) != shape:
        raise ImageError(f"its run-length mask has {width} x {height} pixels, but it has {shape[1]} x {shape[0]}")
    try:
        return decode_rle(counts, shape)
    except ValueError as error:
        raise ImageError(f"its run-length mask is damaged ({error})") from None


def _without_annotation(file: _File) -> Iterator[Skipped]:
    """A line for each image of the list that no annotation names."""
    named = Counter(_json.identifier(entry.get("image_id")) for entry in file.annotations if isinstance(entry, dict))
    for key, image in file.found.items():
        if not named[key]:
            missing = isinstance(image, str)
            reason = f"no annotation names it, and {image}" if missing else "no annotation names it"
            yield Skipped(file.path if isinstance(image, str) else image, reason, file.path, f"image {key}")
