"""Side markers: a single letter L or R, plain, in a circle, mirrored or turned."""

from __future__ import annotations

from functools import lru_cache
from string import ascii_uppercase, digits

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from osteon.core.types import Pixels

Box = tuple[int, int, int, int]

_SIDE = 20  # pixels of a letter as it is compared
_ALIKE = 0.55  # correlation of a letter with the drawn one
_SHAPES = (0.35, 2.6)  # width over height of a marker


def is_side_marker(picture: Pixels, box: Box) -> bool:
    """Whether a text is nothing but the letter L or R.

    One letter identifies nobody; initials beside it might, so that "L MB" is none.

    Args:
        picture: (H, W) in [0, 1].
        box: The text's.
    """
    x0, y0, x1, y1 = box
    return _SHAPES[0] < (x1 - x0) / (y1 - y0) < _SHAPES[1] and reading(picture, box) in ("L", "R")


def reading(picture: Pixels, box: Box) -> str:
    """The letters and digits in a box, from left to right; empty where one of them is like none.

    Args:
        picture: (H, W) in [0, 1].
        box: Around a few letters and nothing else; a ring around one is passed over.
    """
    x0, y0, x1, y1 = box
    patch = picture[y0:y1, x0:x1]
    ground = float(np.median(np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]])))
    contrast = np.abs(patch - np.float32(ground))
    if not contrast.max() > 0:
        return ""
    labels, count = ndimage.label(contrast > 0.5 * np.percentile(contrast, 98), np.ones((3, 3)))
    places = ndimage.find_objects(labels)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    letters = [
        (place[1].start, _read(labels[place] == number + 1))
        for number, place in enumerate(places)
        if sizes[number] >= 0.1 * sizes.max() and not _encloses(number, places)
    ]
    read = [letter for _, letter in sorted(letters)]
    return "".join(read) if all(read) else ""


def _encloses(number: int, places: list[tuple[slice, ...]]) -> bool:
    """Whether a piece is a ring around another."""
    rows, columns = places[number]
    return any(
        rows.start < r.start and r.stop < rows.stop and columns.start < c.start and c.stop < columns.stop
        for other, (r, c) in enumerate(places)
        if other != number and (r.stop - r.start) > 0.25 * (rows.stop - rows.start)
    )


def _read(letter: NDArray[np.bool_]) -> str:
    """The letter or digit that a shape is most like; empty where it is like none."""
    shape = _normal(letter)
    alike = {name: max(float((shape * other).mean()) for other in drawn) for name, drawn in _alphabet().items()}
    best = max(alike, key=lambda name: alike[name])
    return best if alike[best] > _ALIKE else ""


def _normal(letter: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A shape at the common size, of mean 0 and variance 1."""
    image = Image.fromarray(letter.astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    grey = np.asarray(image, dtype=np.float64)
    return np.asarray((grey - grey.mean()) / max(float(grey.std()), 1e-9))


@lru_cache(maxsize=1)
def _alphabet() -> dict[str, list[NDArray[np.float64]]]:
    """Letters and digits as Pillow's own font draws them; L and R in every position of a film as well."""
    font = ImageFont.load_default(size=40)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for name in ascii_uppercase + digits:
        image = Image.new("L", (60, 60))
        ImageDraw.Draw(image).text((10, 5), name, fill=255, font=font)
        rows, columns = (np.flatnonzero((np.asarray(image) > 127).any(axis=axis)) for axis in (1, 0))
        letter = np.asarray(image)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > 127
        poses = [letter, ndimage.binary_dilation(np.pad(letter, 2), iterations=2)]  # and a bold one
        if name in ("L", "R"):
            poses = [np.rot90(side, turn) for each in poses for side in (each, each[:, ::-1]) for turn in range(4)]
        found[name] = [_normal(pose) for pose in poses]
    return found
