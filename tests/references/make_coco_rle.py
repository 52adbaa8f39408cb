"""Makes coco_rle.json: masks as pycocotools encodes and measures them (pip install pycocotools==2.0.11)."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import numpy as np
import pycocotools.mask as coco

rng = np.random.default_rng(11)
masks = []
for height, width, density in ((13, 17, 0.5), (40, 9, 0.9), (30, 50, 0.02)):
    mask = (rng.random((height, width)) < density).astype(np.uint8)
    if density < 0.1:
        mask[5:25, 10:40] = 1
    compressed = coco.encode(np.asfortranarray(mask))
    flat = mask.T.ravel().tolist()
    runs = [0] * (flat[0] == 1) + [len(list(run)) for _, run in groupby(flat)]
    assert coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)["counts"] == compressed["counts"]
    masks.append(
        {
            "size": [height, width],
            "compressed": compressed["counts"].decode(),
            "counts": runs,
            "area": int(coco.area(compressed)),
            "bbox": coco.toBbox(compressed).tolist(),
            "rows": ["".join(map(str, row)) for row in mask.tolist()],
        }
    )
lines = ",\n".join(json.dumps(mask) for mask in masks)
Path(__file__).with_name("coco_rle.json").write_text(f'{{"made_by": "pycocotools 2.0.11", "masks": [\n{lines}\n]}}\n')
