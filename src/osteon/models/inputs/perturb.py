"""Perturbation as data: changes are drawn once as rows, then applied purely, the same rows for every model.

Box and picture are changed on the *original* radiograph, never on a crop that was cut before: what a moved box would
hold is read from the picture, and what lies outside the picture is black.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from osteon.core.types import Floats, Pixels
from osteon.core.words import ASSUMED

if TYPE_CHECKING:
    from osteon.study import Robustness

#: Changes of the box and what their grade means.
BOX_KINDS = {
    "shift": "moved in a random direction by this fraction of its sides",
    "scale": "enlarged or shrunk, by chance, by this fraction of its size",
    "aspect": "stretched along one side and shrunk along the other by this fraction",
    "combined": "moved, scaled and stretched at once, each by this fraction",
    "annotators": "exchanged for another annotator's, by a difference that was measured between annotators",
}
#: Changes of the picture, their grades and what a grade means.
IMAGE_KINDS = {
    "rotation": ((5.0, 10.0), "degrees, either way"),
    "gamma": ((0.25, 0.5), "log2 of the exponent, either way"),
    "noise": ((0.02, 0.05), "standard deviation in every pixel of the radiograph; pixels are in [0, 1]"),
    "blur": ((0.01, 0.02), "standard deviation as a fraction of the crop's side"),
    "jpeg": ((50.0, 20.0), "quality of a JPEG copy of the whole radiograph"),
    "markers": ((1.0,), "burned-in letters and markers painted over"),
}
#: Changes without chance: one draw is enough.
_CERTAIN = ("jpeg", "markers", "blur")
#: How far the boxes of test-time averaging lie from the drawn one: greatest shift and relative change of each side, as
#: a fraction of that side. Two careful readers differ by about as much.
JITTER = 0.1


def draw(cases: Sequence[str], robustness: Robustness, seed: int, measured: pd.DataFrame | None = None) -> pd.DataFrame:
    """Draw every change of every case.

    Args:
        cases: Case identifiers. A case's changes depend on its identifier and the seed, not on the other cases.
        robustness: Grades and repeats.
        seed: Source of randomness.
        measured: Meets ``tables.BOX_DIFFERENCES``; what boxes are changed by where the grades are the annotators'.

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
    rows = [_of_case(case, common, kinds, grade, seed) for case in cases]
    if measured is not None:
        rows = [_exchanged(row, measured, seed) for row in rows]
    return pd.concat(rows, ignore_index=True)


def _grades(robustness: Robustness) -> dict[str, tuple[float, ...]]:
    exchanged = {"annotators": (1.0,)} if robustness.grades == "annotators" else {}
    grades: dict[str, tuple[float, ...]] = {kind: getattr(robustness, kind) for kind in ASSUMED} | exchanged
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


def _exchanged(rows: pd.DataFrame, measured: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A case's rows, in which another annotator's box is one of the measured differences, drawn with replacement."""
    own = (rows["kind"] == "annotators").to_numpy()
    rng = np.random.default_rng([seed, 1, *str(rows["case_id"].iloc[0]).encode()])
    drawn = measured.iloc[rng.integers(len(measured), size=int(own.sum()))]
    rows = rows.copy()
    for column in ("dx", "dy", "sx", "sy"):
        rows.loc[own, column] = drawn[column].to_numpy()
    return rows


def jittered(cases: Sequence[str], count: int, seed: Sequence[int], reach: float = JITTER) -> pd.DataFrame:
    """Boxes near each case's own, as a prediction is averaged over them.

    Args:
        cases: Case identifiers. A case's boxes depend on its identifier and the seed, not on the other cases.
        count: How many boxes a case.
        seed: Source of randomness.
        reach: Greatest shift and relative change of each side, as a fraction of that side.

    Returns:
        `count` rows a case for :func:`boxes`: dx, dy, sx, sy. The first is the box as it was given; the others come in
        opposite pairs, so that they balance around it.
    """

    def of_case(case: str) -> Floats:
        half = np.random.default_rng([*seed, *case.encode()]).uniform(-1, 1, (count // 2, 4))
        return np.vstack([np.zeros((1, 4)), np.stack([half, -half], axis=1).reshape(-1, 4)])[:count]

    steps = np.concatenate([of_case(case) for case in cases])
    changes = np.hstack([reach * steps[:, :2], np.exp(np.log1p(reach) * steps[:, 2:])])
    return pd.DataFrame(changes, columns=["dx", "dy", "sx", "sy"])


def boxes(drawn: Floats, rows: pd.DataFrame) -> Floats:
    """Changed boxes.

    Args:
        drawn: (4,) or (n, 4) box(es) as drawn: x0, y0, x1, y1.
        rows: n rows of :func:`draw` or :func:`jittered`.

    Returns:
        (n, 4) boxes, which may leave the radiograph.
    """
    box = np.broadcast_to(np.asarray(drawn, dtype=np.float64), (len(rows), 4))
    sides = box[:, 2:] - box[:, :2]
    shift = rows[["dx", "dy"]].to_numpy() * sides
    growth = (rows[["sx", "sy"]].to_numpy() - 1) * sides / 2
    # By its edges, not by its centre: no change leaves the very same numbers.
    return np.hstack([box[:, :2] + shift - growth, box[:, 2:] + shift + growth])


@dataclass(frozen=True, eq=False)
class Version:
    """A radiograph, or the part of it around the lesion, under one change of the picture.

    Attributes:
        pixels: (h, w).
        corner: (2,) x and y of its upper left corner in the radiograph.
        centre: (2,) x and y in the version around which it was turned.
        angle: By how many degrees, counterclockwise as seen.
    """

    pixels: Pixels
    corner: Floats
    centre: Floats
    angle: float

    def mask(self, whole: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The part of a mask of the radiograph that belongs here, turned along with the picture."""
        height, width = self.pixels.shape
        x, y = self.corner.astype(int)
        part = whole[y : y + height, x : x + width]
        return part if self.angle == 0 else _turned(part.astype(np.float32), self.angle, self.centre) >= 0.5


def whole(pixels: Pixels) -> Version:
    """A radiograph as it is."""
    return Version(pixels, np.zeros(2), np.zeros(2), 0.0)


def sharing(changes: pd.DataFrame) -> list[NDArray[np.intp]]:
    """Positions of the changes that share a picture: of the box alone, of a JPEG copy, without markers, of their own.

    Returns:
        The radiograph itself first, then whole copies of it, then every part that is changed for one row alone.
    """
    local = (changes[["angle", "noise", "blur"]] != 0).any(axis=1).to_numpy() | (changes["gamma"] != 1).to_numpy()
    quality, masked = changes["quality"].to_numpy(), changes["masked"].to_numpy() > 0
    shared = [
        ~local & (quality == 0) & ~masked,
        *(quality == grade for grade in np.unique(quality[quality > 0])),
        masked,
    ]
    found = [np.flatnonzero(rows) for rows in shared] + [np.array([row]) for row in np.flatnonzero(local)]
    return [rows for rows in found if len(rows)]


def version(pixels: Pixels, drawn: Floats, frame: Floats, changes: pd.DataFrame) -> Version:
    """The picture that some changes of a case share.

    Args:
        pixels: (H, W) the radiograph.
        drawn: (4,) the box as drawn; a rotation leaves its centre in place, and the picture around it is changed.
        frame: (4,) the rectangle that is cut out for the drawn box; a blur is a fraction of its sides.
        changes: Rows of :func:`draw` that share a picture, as :func:`sharing` finds them.

    Returns:
        The radiograph itself for changes of the box, a whole copy for JPEG and markers, and for every other change of
        the picture the surroundings of the lesion.
    """
    change = changes.iloc[0]
    if change["quality"]:
        return whole(jpeg(pixels, int(change["quality"])))
    if change["masked"]:
        return whole(without_markers(pixels, drawn))
    if not (change["angle"] or change["noise"] or change["blur"] or change["gamma"] != 1):
        return whole(pixels)
    x0, y0, x1, y1 = _around(frame, pixels.shape)
    corner = np.array([x0, y0], dtype=np.float64)
    centre = (drawn[:2] + drawn[2:]) / 2 - corner
    part = _altered(pixels[y0:y1, x0:x1], change, centre, frame[2:] - frame[:2])
    return Version(part, corner, centre, float(change["angle"]))


def _around(frame: Floats, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Whole pixels of the picture that turning, blurring and averaging over boxes can reach from a rectangle."""
    margin = np.maximum(0.4 * (frame[2:] - frame[:2]), 32)
    low = np.maximum(np.floor(frame[:2] - margin), 0).astype(int)
    high = np.minimum(np.ceil(frame[2:] + margin), shape[::-1]).astype(int)
    return low[0], low[1], high[0], high[1]


def _altered(part: Pixels, change: pd.Series, centre: Floats, sides: Floats) -> Pixels:
    if change["blur"]:
        part = ndimage.gaussian_filter(part, change["blur"] * sides[::-1])
    if change["gamma"] != 1:
        part = part ** np.float32(change["gamma"])
    if change["noise"]:
        rng = np.random.default_rng(int(change["noise_seed"]))
        noise = rng.standard_normal(part.shape, dtype=np.float32)
        part = np.clip(part + np.float32(change["noise"]) * noise, 0, 1)
    if change["angle"]:
        part = _turned(part, change["angle"], centre)
    return part


def _turned(part: Pixels, degrees: float, centre: Floats) -> Pixels:
    """Turned counterclockwise as seen around a point, bilinear, black from outside."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    back = np.array([[cos, sin], [-sin, cos]])  # from turned to original (row, column)
    middle = centre[::-1] - 0.5
    out: Pixels = ndimage.affine_transform(part, back, middle - back @ middle, order=1)
    return out


def carried(mask: NDArray[np.bool_], drawn: Floats, moved: Floats) -> NDArray[np.bool_]:
    """A mask that goes with its box: moved, scaled and stretched as the box is.

    Args:
        mask: (H, W).
        drawn: (4,) the box as drawn.
        moved: (4,) the box after a change.

    Returns:
        (H, W); empty where it has left the picture.
    """
    out = np.zeros_like(mask)
    rows, columns = (np.flatnonzero(mask.any(axis=1 - axis)) for axis in (0, 1))
    if not len(rows):
        return out
    back = (drawn[2:] - drawn[:2]) / (moved[2:] - moved[:2])
    corners = np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]])
    low, high = moved[:2] + (corners - drawn[:2]) / back
    low, high = (np.clip(np.rint(side).astype(int), 0, mask.shape[::-1]) for side in (low - 1, high + 1))
    # Nearest pixel: the centre of each pixel of the new mask, taken back to the old one.
    x, y = (
        np.floor(drawn[axis] + (np.arange(low[axis], high[axis]) + 0.5 - moved[axis]) * back[axis]).astype(int)
        for axis in (0, 1)
    )
    inside = (y >= 0) & (y < mask.shape[0]), (x >= 0) & (x < mask.shape[1])
    out[np.ix_(np.arange(low[1], high[1])[inside[0]], np.arange(low[0], high[0])[inside[1]])] = mask[
        np.ix_(y[inside[0]], x[inside[1]])
    ]
    return out


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
