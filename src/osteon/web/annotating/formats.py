"""An annotation as other programs read it: COCO, LabelMe, DICOM segmentations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from osteon.core import tables
from osteon.core.extras import need
from osteon.core.types import Floats
from osteon.io.dicom import is_dicom
from osteon.io.regions import Mask

if TYPE_CHECKING:
    from osteon.io.objects.finding import Finding

_UNLABELLED = "lesion"


@dataclass(frozen=True, eq=False)
class Drawn:
    """A lesion on a picture as it is exported.

    Attributes:
        case_id: Its identifier.
        label: What it is called; empty for nothing.
        lesion: Its number within the case.
        box: (4,) x0, y0, x1, y1.
        polygon: (n, 2), or None.
    """

    case_id: str
    label: str
    lesion: int
    box: Floats
    polygon: Floats | None

    @property
    def corners(self) -> Floats:
        """(n, 2), a box as a polygon."""
        x0, y0, x1, y1 = self.box
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) if self.polygon is None else self.polygon


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and what is drawn on it.

    Attributes:
        path: Where it lies.
        name: How exported files name it, relative to the folder of the export.
        height: In pixels.
        width: In pixels.
        drawn: Its lesions; none where there is none.
    """

    path: Path
    name: str
    height: int
    width: int
    drawn: Sequence[Drawn]


def write_coco(pictures: Sequence[Picture], path: Path) -> None:
    """Write COCO's object detection format: boxes, and outlines as polygons."""
    names = sorted({each.label or _UNLABELLED for picture in pictures for each in picture.drawn})
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, 1):
        size = {"height": picture.height, "width": picture.width}
        images.append({"id": number, "file_name": picture.name, **size})
        for each in picture.drawn:
            x0, y0, x1, y1 = map(float, each.box)
            x, y = each.corners.T
            area = abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": number,
                    "category_id": names.index(each.label or _UNLABELLED) + 1, "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": area, "iscrowd": 0,
                    "segmentation": [] if each.polygon is None else [each.polygon.ravel().tolist()],
                }
            )  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    _write({"images": images, "annotations": annotations, "categories": categories}, path)


def write_labelme(pictures: Sequence[Picture], folder: Path) -> None:
    """Write one LabelMe file a picture with lesions, named by its first one."""
    for picture in pictures:
        shapes: list[dict[str, Any]] = [
            {
                "label": each.label or _UNLABELLED,
                "points": (each.box.reshape(2, 2) if each.polygon is None else each.polygon).tolist(),
                "group_id": None, "flags": {},
                "shape_type": "rectangle" if each.polygon is None else "polygon",
            }
            for each in picture.drawn
        ]  # fmt: skip
        if shapes:
            content: dict[str, Any] = {
                "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"../{picture.name}",
                "imageData": None, "imageHeight": picture.height, "imageWidth": picture.width,
            }  # fmt: skip
            _write(content, folder / tables.file_name(picture.drawn[0].case_id, ".json"))


def write_segmentations(pictures: Sequence[Picture], title: str, folder: Path, masks: dict[str, Mask]) -> int:
    """Write a DICOM segmentation for each DICOM radiograph with lesions, named by its first one; how many.

    Args:
        pictures: What is drawn.
        title: Of the annotation.
        folder: Where to.
        masks: Case identifier to the (H, W) mask.

    Raises:
        InputError: highdicom is not installed.
    """
    from osteon.io.objects.finding import Author
    from osteon.io.objects.making import Making
    from osteon.io.objects.region import region
    from osteon.io.objects.source import read_source
    from osteon.io.stored import quiet

    need("dicom", "DICOM results")
    identity = hashlib.sha256(f"osteon annotation {title}".encode()).hexdigest()
    author = Author(title, identity, _UNLABELLED, {}, "Drawn by hand. Research use only.", synthetic=False)
    count = 0
    for picture in pictures:
        if not picture.drawn or not is_dicom(picture.path):
            continue
        found = [_finding(each, masks[each.case_id]) for each in picture.drawn]
        with quiet():
            made = region(Making(read_source(picture.path), author, found))
            assert made is not None
            with tables.written(folder / tables.file_name(picture.drawn[0].case_id, ".dcm")) as beside:
                made.save_as(beside, enforce_file_format=True)
        count += 1
    return count


def _finding(each: Drawn, mask: Mask) -> Finding:
    """A lesion that somebody drew: nothing is calculated, so that there is no probability."""
    from osteon.io.objects.finding import Finding

    x0, y0, x1, y1 = map(float, each.box)
    return Finding(each.case_id, (x0, y0, x1, y1), np.nan, (np.nan, np.nan), np.nan, {}, mask=mask)


def _write(content: Any, path: Path) -> None:
    with tables.written(path) as beside:
        beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
