"""From pixels to boxes of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from osteon.core.errors import ImageError
from osteon.core.types import Pixels
from osteon.io.burned.ground import ground
from osteon.io.burned.lines import Group, groups
from osteon.io.burned.marker import Box, reading
from osteon.io.burned.plates import on_plate
from osteon.io.burned.scores import score
from osteon.io.burned.strokes import strokes
from osteon.io.stored import StoredRadiograph

#: The picture is looked at in full and at a half, a quarter and an eighth of its size, down to this short side.
_LEVELS, _SHORTEST = 4, 96
_GROUND = 320  # long side on which the ground is told
_HALO, _BLOCK = 2, 8  # a stroke reaches so far beyond itself: pixels there, and pixels of the picture, a block of JPEG
#: Share of ground around a text that lies outside the anatomy, and further around a letter that stands alone.
_OUTSIDE, _ALONE = 0.85, 0.97
#: In letter sizes: a box's margin; how far away others join, and how large they are.
_MARGIN, _JOIN, _OVER = 0.4, 1.0, 1.3
#: Factors by which letter sizes and contrasts within a text differ at most.
_ALIKE, _CONTRASTS = 1.8, 2.2
_TALLEST = (72, 0.04)  # a letter's height: in pixels, or as a share of the picture's long side
_LOOSE = 1.4  # two boxes become one where it is at most so much larger than they
#: Share of its contrast from which on something is an object; share of a text's objects that may leave its box.
_OBJECT, _CROSSING = 0.35, 0.3
_GROWN = (0.0, 0.4, 0.8)  # of its short side, by which a box grows to hold a whole letter
_MOSTLY, _WHOLLY = 0.6, 0.95  # of a text over the anatomy: the rest of it goes with it; nothing is left of it
_GAP = 3  # pixels beyond a text that still count as covered by it: what lies between two lines
_FAINT, _CLEAR = 0.05, 0.2  # least contrast of a line and of a single letter, as shares of the picture's range
#: Log odds from which on a group is text, over the anatomy and outside it. Text drawn for the fit reaches 7 and more on
#: one of the levels, rows of phalanges 4.
_CERTAIN = {False: 4.0, True: 3.0}
#: Pixels around strokes in which there is one grey only, and what one grey is, as a share of the picture's range.
_BARE, _SAME = 2, 0.02
_WIDER = 0.1  # share of the window by which values lie beyond it that are looked at, too


@dataclass(frozen=True)
class Text:
    """Something that looks like text.

    Attributes:
        box: x0, y0, x1, y1 in whole pixels, half-open.
        outside: No part of the patient is around it.
    """

    box: Box
    outside: bool


def stated(path: Path) -> bool | None:
    """What a DICOM header says of burned-in text (Burned In Annotation, PS3.3 C.7.6.1); None where it is silent."""
    from osteon.io import dicom

    if not dicom.is_dicom(path):
        return None
    try:
        said = str(dicom.parse(path, ("BurnedInAnnotation",)).get("BurnedInAnnotation") or "").strip().upper()
    except ImageError:
        return None
    return {"YES": True, "NO": False}.get(said)


def find(radiograph: StoredRadiograph) -> list[Text]:
    """Find text in a radiograph, also where its window does not show it.

    Args:
        radiograph: At full depth.

    Returns:
        What looks like text, from top to bottom. Isolated letters over the anatomy are not among it.
    """
    low, high = float(radiograph.values.min()), float(radiograph.values.max())
    black, white = radiograph.window
    looks = [radiograph.render().pixels]
    if high > low and max(black - low, high - white) > _WIDER * max(white - black, 1e-30):
        looks.append(((radiograph.values.astype(np.float32) - low) / np.float32(high - low)).astype(np.float32))
    return _merged([text for look in looks for text in find_in(look)])


def find_in(picture: Pixels) -> list[Text]:
    """Find text in a picture.

    Args:
        picture: (H, W) in [0, 1].

    Returns:
        As :func:`find`.
    """
    low, high = float(picture.min()), float(picture.max())
    if min(picture.shape) < 8 or not high > low:
        return []
    scaled = np.asarray((picture - low) / np.float32(high - low), dtype=np.float32)
    around = _Surroundings(scaled.shape)
    candidates = list(_candidates(scaled, around.strokes))
    around.tell(scaled)
    most = max(_TALLEST[0], _TALLEST[1] * max(picture.shape))
    found: list[_Place] = []
    others: list[_Place] = []
    for scale, group in candidates:
        peak = float(np.median(group.pieces.peak))
        if group.size * scale > most or peak < _FAINT:
            continue
        size = group.size * scale
        reach = max(2.0, _MARGIN * size)
        place = _Place(np.array(group.box) * scale, size, group.turned, peak, score(group), reach, outside=False)
        if place.score > _CERTAIN[True] and on_plate(scaled, around.ground, place.box, peak):
            place = replace(place, outside=True, reach=_BARE, plate=True)
        elif _is_bare(scaled, place.box):
            place = replace(place, outside=True, reach=_BARE)
        elif around.share(place.box, place.reach) >= _OUTSIDE:
            place = replace(place, outside=True)
        alone = (
            place.outside
            and _is_letter(group)
            and around.share(place.box, place.size) > _ALONE
            and reading(scaled, place.text(scaled.shape).box) != ""
        )
        (found if alone or place.score > _CERTAIN[place.outside] else others).append(place)
    places = _joined(found, others)
    certain = [place for place in places if place.score > _CERTAIN[False]]
    texts = []
    for text in _merged([place.text(picture.shape) for place in places if not place.plate]):
        if text.outside:
            whole = _whole(scaled, around, text.box)
            if whole:
                text = Text(whole, outside=True)
            elif any(_shared(text.box, place.text(picture.shape).box) for place in certain):
                text = replace(text, outside=False)
            else:
                continue  # a finger tip, or part of a marker
        texts.append(text)
    return _merged([*texts, *(place.text(picture.shape) for place in places if place.plate)])


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a group stands.

    Attributes:
        box: x0, y0, x1, y1 around its strokes, in pixels.
        size: Height of its letters.
        turned: Its line runs down.
        peak: Its contrast.
        score: Log odds that it is text.
        reach: Pixels around the strokes that belong to them: blur, and what compression leaves.
        outside: Outside the anatomy.
        plate: On a plate of its own.
    """

    box: NDArray[np.float64]
    size: float
    turned: bool
    peak: float
    score: float
    reach: float
    outside: bool
    plate: bool = False

    def text(self, shape: tuple[int, ...]) -> Text:
        """The box in whole pixels, with the margin."""
        x0, y0 = (int(max(np.floor(side - self.reach), 0)) for side in self.box[:2])
        x1 = int(min(np.ceil(self.box[2] + self.reach), shape[1]))
        y1 = int(min(np.ceil(self.box[3] + self.reach), shape[0]))
        return Text((x0, y0, x1, y1), self.outside)

    def takes_in(self, other: _Place) -> bool:
        """Whether something belongs to the line: what goes on in it, the line above or below, or a point or dash."""
        if not 1 / _CONTRASTS < other.peak / self.peak < _CONTRASTS:
            return False
        along, across = (1, 0) if self.turned else (0, 1)
        long, high = (other.box[axis + 2] - other.box[axis] for axis in (along, across))
        beside, above = (
            max(other.box[axis] - self.box[axis + 2], self.box[axis] - other.box[axis + 2]) for axis in (along, across)
        )
        off = (other.box[across] + other.box[across + 2] - self.box[across] - self.box[across + 2]) / 2
        within = abs(off) <= (self.box[across + 2] - self.box[across]) / 2
        straight = abs(off) < 0.4 * self.size and 0.5 * self.size < high < _OVER * self.size and long < 10 * self.size
        likely = other.score > 0 and other.turned is self.turned and 1 / _ALIKE < other.size / self.size < _ALIKE
        if (likely or straight) and within and beside < _JOIN * self.size:
            return True
        if max(long, high) < _OVER * self.size:
            return bool(within and beside < _JOIN * self.size)
        return bool(likely and beside < 0 and above < _JOIN * self.size)


def _candidates(picture: Pixels, drawn: Callable[[NDArray[np.bool_], int], None]) -> Iterator[tuple[int, Group]]:
    """Groups of bright and of dark strokes on every level, each with the level's scale.

    Args:
        picture: (H, W), the range scaled to 1.
        drawn: Told of the strokes on each level, and of its scale.
    """
    level = picture
    for exponent in range(_LEVELS):
        for shown in (level, 1 - level):
            found, on = strokes(shown)
            drawn(on, 2**exponent)
            for group in groups(found):
                yield 2**exponent, group
        if min(level.shape) < 2 * _SHORTEST:
            return
        level = _half(level)


def _half(level: Pixels) -> Pixels:
    even = np.pad(level, [(0, side % 2) for side in level.shape], mode="edge")
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, dtype=np.float32)


def _is_bare(picture: Pixels, box: NDArray[np.float64]) -> bool:
    """Whether there is nothing but one grey beside the strokes, so that painting over them loses nothing.

    So it is on a label that was drawn with its text, and where a picture is black or white to the last bit.
    """
    height, width = picture.shape
    x0, y0, x1, y1 = (int(side) for side in (*np.floor(box[:2]), *np.ceil(box[2:])))
    outer = picture[max(y0 - _BARE, 0) : min(y1 + _BARE, height), max(x0 - _BARE, 0) : min(x1 + _BARE, width)]
    frame = np.ones(outer.shape, dtype=bool)
    top, left = min(y0, _BARE), min(x0, _BARE)
    frame[top : top + y1 - y0, left : left + x1 - x0] = False
    grey = np.median(outer[frame]) if frame.any() else np.median(outer)
    same = np.abs(outer - grey) < _SAME
    return bool(same[frame].mean() > 0.93 and same.mean() > 0.3) if frame.any() else False


def _whole(picture: Pixels, around: _Surroundings, box: Box) -> Box | None:
    """The box, or a larger one, in which what stands there ends; None where it goes on or the ground ends first."""
    by = min(box[2] - box[0], box[3] - box[1])
    for share in _GROWN:
        reach = round(share * by)
        x1, y1 = min(box[2] + reach, picture.shape[1]), min(box[3] + reach, picture.shape[0])
        grown = (max(box[0] - reach, 0), max(box[1] - reach, 0), x1, y1)
        if reach and around.share(np.array(grown, dtype=np.float64), 0) < _OUTSIDE:
            return None
        if _stands_free(picture, grown):
            return grown
    return None


def _stands_free(picture: Pixels, box: Box) -> bool:
    """Whether what stands in a box ends within it, as letters do; a finger that ends there comes from outside."""
    height, width = picture.shape
    x0, y0, x1, y1 = box
    rows, columns = slice(max(y0 - 1, 0), min(y1 + 1, height)), slice(max(x0 - 1, 0), min(x1 + 1, width))
    outer = picture[rows, columns]
    frame = np.zeros(outer.shape, dtype=bool)  # one pixel around the box, where the picture goes on there
    frame[:1], frame[-1:] = y0 > 0, y1 < height
    frame[:, :1] |= x0 > 0
    frame[:, -1:] |= x1 < width
    if not frame.any():
        return False
    apart = np.abs(outer - np.median(outer[frame]))
    pieces, count = ndimage.label(apart > _OBJECT * np.percentile(apart, 97), np.ones((3, 3)))
    size = np.bincount(pieces.ravel(), minlength=count + 1).astype(np.float64)
    crossing = np.bincount(pieces[frame], minlength=count + 1) > 0
    size[0], crossing[0] = 0, False
    return bool(size[crossing].sum() <= _CROSSING * size.sum())


class _Surroundings:
    """How much of what surrounds a box is ground. Strokes are filled from beside them first: a text has its own greys.

    Args:
        shape: Height and width of the picture.

    Attributes:
        ground: (H, W) where no part of the patient is.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        factor = min(1.0, _GROUND / max(shape))
        height, width = (max(1, round(side * factor)) for side in shape)
        self.scale = np.array([width / shape[1], height / shape[0]] * 2)
        self._drawn = np.zeros((height, width), dtype=bool)
        self._sums = np.zeros((1, 1), dtype=np.int64)
        self.ground: NDArray[np.bool_] = np.zeros(shape, dtype=bool)

    def strokes(self, on: NDArray[np.bool_], scale: int) -> None:
        """Take note of strokes."""
        rows, columns = np.nonzero(on)
        height, width = self._drawn.shape
        rows = np.minimum((rows * (scale * self.scale[1])).astype(np.intp), height - 1)
        self._drawn[rows, np.minimum((columns * (scale * self.scale[0])).astype(np.intp), width - 1)] = True

    def tell(self, picture: Pixels) -> None:
        """Tell the ground, when all strokes are known."""
        height, width = self._drawn.shape
        small = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))
        drawn = ndimage.binary_dilation(self._drawn, iterations=max(_HALO, int(np.ceil(_BLOCK * self.scale[0]))))
        if drawn.any() and not drawn.all():
            nearest = ndimage.distance_transform_edt(drawn, return_distances=False, return_indices=True)
            small = small[tuple(nearest)]
        free = ground(small)
        rows = np.minimum((np.arange(picture.shape[0]) * self.scale[1]).astype(np.intp), height - 1)
        columns = np.minimum((np.arange(picture.shape[1]) * self.scale[0]).astype(np.intp), width - 1)
        self.ground = free[np.ix_(rows, columns)]
        self._sums = np.pad(free.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)

    def share(self, box: NDArray[np.float64], reach: float) -> float:
        """Share of ground in a box and within `reach` pixels around it."""
        height, width = self._drawn.shape
        grown = (box + np.array([-1, -1, 1, 1]) * reach) * self.scale
        x0, y0 = (int(np.clip(side, 0, most - 1)) for side, most in zip(grown[:2], (width, height), strict=True))
        x1, y1 = (
            int(np.clip(np.ceil(s), low + 1, m)) for s, low, m in zip(grown[2:], (x0, y0), (width, height), strict=True)
        )
        t = self._sums
        return float(t[y1, x1] - t[y0, x1] - t[y1, x0] + t[y0, x0]) / ((x1 - x0) * (y1 - y0))


def _is_letter(group: Group) -> bool:
    """Whether one or two pieces have the form of a letter: clear, of strokes, neither a bar nor a blob."""
    p = group.pieces
    form = (p.winding > 1.1) | ((p.fill > 0.15) & (p.fill < 0.55))
    form &= (p.width < 1.4 * p.height) & (p.height < 3 * p.width) & (p.fill < 0.7) & (p.peak > _CLEAR)
    alike = p.height.min() > 0.75 * p.height.max() and p.peak.min() > 0.7 * p.peak.max()
    return len(p) < 3 and bool(form.all()) and bool(alike)


def _joined(found: list[_Place], others: list[_Place]) -> list[_Place]:
    """Take in what stands beside a text, and what stands beside that."""
    lines, left = list(found), list(others)
    newest = found
    while newest:
        more, rest = [], []
        for other in left:
            by = next((place for place in newest if place.takes_in(other)), None)
            if by is None:
                rest.append(other)
            else:
                outside = by.outside and other.outside
                more.append(replace(other, size=by.size, turned=by.turned, outside=outside))
        lines += more
        newest, left = more, rest
    return lines


def _merged(texts: list[Text]) -> list[Text]:
    """Put boxes of a kind together that cover much the same; what lies wholly within texts outside is none over it."""
    kept: list[Text] = []
    for outside in (True, False):
        boxes = [text.box for text in texts if text.outside is outside]
        changed = True
        while changed:
            changed = False
            done: list[Box] = []
            for box in boxes:
                for index, other in enumerate(done):
                    if _shared(box, other) > 0:
                        both = _around(box, other)
                        if _area(both) <= _LOOSE * (_area(box) + _area(other) - _shared(box, other)):
                            done[index], changed = both, True
                            break
                else:
                    done.append(box)
            boxes = done
        covered = [0.0 if outside else _covered(box, [text.box for text in kept if text.outside]) for box in boxes]
        kept += [
            Text(box, outside or share > _MOSTLY) for box, share in zip(boxes, covered, strict=True) if share <= _WHOLLY
        ]
    return sorted(kept, key=lambda text: (text.box[1], text.box[0]))


def _covered(box: Box, others: list[Box]) -> float:
    """Share of a box that others and the gaps between their lines cover."""
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), dtype=bool)
    for x0, y0, x1, y1 in others:
        rows = slice(max(y0 - _GAP - box[1], 0), max(y1 + _GAP - box[1], 0))
        mask[rows, max(x0 - _GAP - box[0], 0) : max(x1 + _GAP - box[0], 0)] = True
    return float(mask.mean()) if mask.size else 1.0


def _around(box: Box, other: Box) -> Box:
    return (min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3]))


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(box: Box, other: Box) -> int:
    """Area that two boxes share."""
    width, height = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0)
