"""Datasets for tests, in the layouts of annotation tools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from osteon.io import read_mask


def picture(path: Path, width: int = 70, height: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width), 90, dtype=np.uint8)).save(path)
    return path


def shape(
    kind: str, *points: tuple[float, float], label: str = "tumour", group: int | None = None
) -> dict[str, object]:
    return {
        "label": label,
        "points": [list(point) for point in points],
        "group_id": group,
        "shape_type": kind,
        "flags": {},
    }


def labelme(
    path: Path, *shapes: dict[str, object], image: str | None = None, width: int = 70, height: int = 90
) -> Path:
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": image or f"{path.stem}.jpeg",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(content, indent=2).replace("\n", "\r\n").encode())
    return path


def mask_of(cohort: pd.DataFrame, out: Path, case: str, size: tuple[int, int] = (90, 70)) -> np.ndarray:
    return read_mask(out / str(cohort.set_index("case_id").loc[case, "mask"]), size)


def coco(folder: Path, annotations: list[dict[str, object]], **changes: object) -> Path:
    picture(folder / "images/a.png")
    picture(folder / "images/b.png")
    content = {
        "images": [
            {"id": 4, "file_name": "a.png", "width": 70, "height": 90, "patient_id": "p1", "age": 14},
            {"id": 9, "file_name": "sub/b.png", "attributes": {"centre": "2"}},
        ],
        "categories": [{"id": 1, "name": "benign"}, {"id": 2, "name": "osteosarcoma"}],
        "annotations": annotations,
        **changes,
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path
