"""Perturbation as data: changes are drawn once as rows, then applied purely, the same rows for every model.

A box is changed on the *original* radiograph, never on a crop that was cut before: what the moved box would hold is
read from the picture, and what lies outside the picture is black. A picture is changed around the drawn box.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.types import Floats, Pixels

if TYPE_CHECKING:
    from osteon.study import Robustness

#: Changes of the box and what their grade means.
BOX_KINDS = {
    "shift": "moved in a random direction by this fraction of its sides",
    "scale": "enlarged or shrunk, by chance, by this fraction of its size",
    "aspect": "stretched along one side and shrunk along the other by this fraction",
    "combined": "moved, scaled and stretched at once, each by this fraction",
}
#: Changes of the picture, their grades and what a grade means.
IMAGE_KINDS = {
    "rotation": ((5.0, 10.0), "degrees, either way"),
    "gamma": ((0.25, 0.5), "log2 of the exponent, either way"),
    "noise": ((0.02, 0.05), "standard deviation; pixels are in [0, 1]"),
    "blur": ((0.01, 0.02), "standard deviation as a fraction of the crop's side"),
    "jpeg": ((50.0, 20.0), "quality of a JPEG copy of the whole radiograph"),
    "markers": ((1.0,), "burned-in letters and markers painted over"),
}
#: Changes without chance: one draw is enough.
_CERTAIN = ("jpeg", "markers", "blur")


def draw(cases: Sequence[str], robustness: Robustness, seed: int) -> pd.DataFrame:
    """Draw every change of every case.

    Args:
        cases: Case identifiers. A case's changes depend on its identifier and the seed, not on the other cases.
        robustness: Grades and repeats.
        seed: Source of randomness.

    Returns:
        One row a case, kind, grade and repeat: dx, dy (fractions of the box's sides), sx, sy (factors), angle
        (degrees), gamma (exponent), noise (standard deviation), blur (fraction of the crop's side), quality (JPEG; 0
        for none), masked (0 or 1), noise_seed.
    """
    plan = [
        (kind, grade, repeat)
        for kind, grades in _grades(robustness).items()
        for grade in grades
        for repeat in range(1 if kind in _CERTAIN else robustness.repeats)
    ]
    kinds = np.array([kind for kind, _, _ in plan])
    grade = np.array([grade for _, grade, _ in plan], dtype=np.float64)
    common = {"kind": kinds, "grade": grade, "repeat": [repeat for _, _, repeat in plan]}
    return pd.concat([_of_case(case, common, kinds, grade, seed) for case in cases], ignore_index=True)


def _grades(robustness: Robustness) -> dict[str, tuple[float, ...]]:
    grades: dict[str, tuple[float, ...]] = {kind: getattr(robustness, kind) for kind in BOX_KINDS}
    return grades | ({kind: levels for kind, (levels, _) in IMAGE_KINDS.items()} if robustness.image else {})


def _of_case(case: str, common: dict[str, object], kinds: NDArray[np.str_], grade: Floats, seed: int) -> pd.DataFrame:
    """The rows of one case, from a generator of its own."""
    rng = np.random.default_rng([seed, *case.encode()])
    n = len(kinds)
    direction = rng.uniform(0, 2 * np.pi, n)
    way_scale, way_aspect, way = (np.where(rng.random(n) < 0.5, -1.0, 1.0) for _ in range(3))
    noise_seed = rng.integers(0, 2**31, n)

    def where(*chosen: str, value: Floats, otherwise: float = 0.0) -> Floats:
        return np.where(np.isin(kinds, chosen), value, otherwise)

    scale = where("scale", "combined", value=np.exp(way_scale * np.log1p(grade)), otherwise=1.0)
    aspect = where("aspect", "combined", value=np.exp(way_aspect * np.log1p(grade) / 2), otherwise=1.0)
    return pd.DataFrame(
        {
            "case_id": case,
            **common,
            "dx": where("shift", "combined", value=grade * np.cos(direction)),
            "dy": where("shift", "combined", value=grade * np.sin(direction)),
            "sx": scale * aspect,
            "sy": scale / aspect,
            "angle": where("rotation", value=way * grade),
            "gamma": where("gamma", value=np.exp2(way * grade), otherwise=1.0),
            "noise": where("noise", value=grade),
            "blur": where("blur", value=grade),
            "quality": where("jpeg", value=grade),
            "masked": where("markers", value=grade),
            "noise_seed": noise_seed,
        }
    )


def boxes(drawn: Floats, rows: pd.DataFrame) -> Floats:
    """Changed boxes.

    Args:
        drawn: (4,) or (n, 4) box(es) as drawn: x0, y0, x1, y1.
        rows: n rows of :func:`draw`.

    Returns:
        (n, 4) boxes, which may leave the radiograph.
    """
    box = np.broadcast_to(np.asarray(drawn, dtype=np.float64), (len(rows), 4))
    sides = box[:, 2:] - box[:, :2]
    centres = (box[:, :2] + box[:, 2:]) / 2 + rows[["dx", "dy"]].to_numpy() * sides
    halves = sides * rows[["sx", "sy"]].to_numpy() / 2
    return np.hstack([centres - halves, centres + halves])


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """The radiograph after a trip through an 8-bit JPEG.

    Args:
        pixels: (H, W) in [0, 1].
        quality: 1 to 95.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer), dtype=np.float32) / np.float32(255)


def without_markers(pixels: Pixels, box: Floats) -> Pixels:
    """Paint over what looks like burned-in letters and lead markers: small, saturated, and outside the box.

    Args:
        pixels: (H, W) in [0, 1].
        box: The lesion's box, which is left alone.

    Returns:
        A copy in which each such spot, with a rim of two pixels, has the median of its surroundings.
    """
    from scipy import ndimage

    spots = pixels >= 0.98
    x0, y0, x1, y1 = np.rint(box).astype(int)
    spots[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = False
    labels, _ = ndimage.label(spots, structure=np.ones((3, 3)))
    out = pixels.copy()
    height, width = pixels.shape
    for number, where in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[where] == number
        tall, wide = (part.stop - part.start for part in where)
        # Letters and markers are small; a collimated border or an implant is not.
        if inside.sum() < 12 or max(tall, wide) > 0.2 * max(height, width):
            continue
        around = tuple(
            slice(max(part.start - 6, 0), min(part.stop + 6, limit))
            for part, limit in zip(where, pixels.shape, strict=True)
        )
        spot = ndimage.binary_dilation(labels[around] == number, iterations=2)
        rest = ~spot & ~spots[around]
        if rest.any():
            out[around][spot] = np.median(pixels[around][rest])
    return out
