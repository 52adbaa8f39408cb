"""New cases to look at: the radiograph with the box, what the model says, and the map beside it or the cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from osteon.core.types import Floats

_MAP = mpl.colormaps["magma"]
_OPACITY = 0.55
_PAPER, _INK, _BOX = (255, 255, 255), (20, 20, 20), (0, 190, 220)
_MARGIN, _LEADING = 16, 1.45
_NIGHT, _CHALK, _RAIL, _CUT = (0, 0, 0), (230, 230, 230), (70, 70, 70), (255, 190, 60)
_BAR = 1.2


def plate(
    pixels: NDArray[np.float32], box: Sequence[float] | Floats, heat: Floats | None, lines: Sequence[str]
) -> Image.Image:
    """Draw a case.

    Args:
        pixels: (H, W) radiograph in [0, 1], bone bright, at the size it is to be shown in.
        box: x0, y0, x1, y1 in these pixels.
        heat: (H, W) map in [0, 1] on the radiograph; None where the model has none.
        lines: What to write below, the first one large.

    Returns:
        The picture: the radiograph, beside it the same under the map, and the lines.
    """
    grey = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    panels = [_framed(grey, box)]
    if heat is not None:
        colour = np.rint(_MAP(heat)[..., :3] * 255).astype(np.uint8)
        share = Image.fromarray(np.rint(np.sqrt(heat) * _OPACITY * 255).astype(np.uint8))
        panels.append(_framed(Image.composite(Image.fromarray(colour), grey, share), box))
    width = sum(panel.width for panel in panels) + _MARGIN * (len(panels) + 1)
    size = max(13, min(22, width // 36))
    sizes = [size if number else round(1.5 * size) for number in range(len(lines))]
    told = [(part, own) for line, own in zip(lines, sizes, strict=True) for part in _broken(line, width, own)]
    height = panels[0].height + 3 * _MARGIN + round(sum(_LEADING * own for _, own in told))
    page = Image.new("RGB", (width, height), _PAPER)
    left = _MARGIN
    for panel in panels:
        page.paste(panel, (left, _MARGIN))
        left += panel.width + _MARGIN
    pen, top = ImageDraw.Draw(page), float(panels[0].height + 2 * _MARGIN)
    for text, own in told:
        pen.text((_MARGIN, top), text, fill=_INK, font=ImageFont.load_default(own))
        top += _LEADING * own
    return page


@dataclass(frozen=True)
class DrawnLesion:
    """What is said of one lesion of a radiograph.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the picture.
        probability: As the bar shows it.
        folds: Least and greatest over the models of the folds.
        cuts: Thresholds by name.
        lines: What to write above the bar, the first one large.
    """

    box: Sequence[float]
    probability: float
    folds: tuple[float, float]
    cuts: Mapping[str, float]
    lines: Sequence[str]


def page(pixels: NDArray[np.float32], lesions: Sequence[DrawnLesion], notes: Sequence[str]) -> Image.Image:
    """Draw all lesions of a radiograph, on black as archives show pictures.

    Args:
        pixels: (H, W) radiograph in [0, 1], bone bright, at the size it is to be shown in.
        lesions: What is said of each; they are numbered where there are several.
        notes: What to write below all of them.

    Returns:
        The picture: the radiograph with the boxes, then for each lesion its lines and a bar from 0 to 1 with the
        interval over the folds and the cut-offs, then the notes.
    """
    picture = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    width = max(picture.width, 480) + 2 * _MARGIN
    size = max(13, min(22, width // 36))
    several = len(lesions) > 1
    rows: list[tuple[str, int, DrawnLesion | None]] = []
    for number, lesion in enumerate(lesions, 1):
        name = str(number) if several else ""
        picture = _framed(picture, lesion.box, name)
        for at, line in enumerate(lesion.lines):
            own = size if at else round(1.5 * size)
            rows += [(part, own, None) for part in _broken(f"{name}  {line}".strip() if not at else line, width, own)]
        rows.append(("", size, lesion))
    rows += [(part, size, None) for note in notes for part in _broken(note, width, size)]
    heights = [(_LEADING if lesion is None else _LEADING + _BAR + 0.6) * own for _, own, lesion in rows]
    whole = Image.new("RGB", (width, picture.height + 3 * _MARGIN + round(sum(heights))), _NIGHT)
    whole.paste(picture, ((width - picture.width) // 2, _MARGIN))
    pen, top = ImageDraw.Draw(whole), float(picture.height + 2 * _MARGIN)
    for (text, own, barred), height in zip(rows, heights, strict=True):
        if barred is None:
            pen.text((_MARGIN, top), text, fill=_CHALK, font=ImageFont.load_default(own))
        else:
            _bar(pen, barred, top, width, own)
        top += height
    return whole


def _bar(pen: ImageDraw.ImageDraw, lesion: DrawnLesion, top: float, width: int, size: int) -> None:
    """A bar from 0 to 1: the probability, the interval over the folds as a line in it, and the named cut-offs."""
    left, span, low = _MARGIN, width - 2 * _MARGIN, top + _BAR * size

    def at(value: float) -> float:
        return left + span * min(max(value, 0.0), 1.0)

    pen.rectangle((left, top, left + span, low), fill=_RAIL)
    pen.rectangle((left, top, at(lesion.probability), low), fill=_BOX)
    middle = (top + low) / 2
    if lesion.folds[0] == lesion.folds[0]:
        pen.line((at(lesion.folds[0]), middle, at(lesion.folds[1]), middle), fill=_CHALK, width=max(2, size // 6))
    font, free = ImageFont.load_default(round(0.8 * size)), float(left)
    for name, cut in sorted(lesion.cuts.items(), key=lambda one: one[1]):
        pen.line((at(cut), top - 3, at(cut), low + 4), fill=_CUT, width=max(2, size // 8))
        label = f"{name} {cut:.2f}"
        long = pen.textlength(label, font=font)
        place = max(free, min(at(cut) - long / 2, left + span - long))
        pen.text((place, low + 4), label, fill=_CUT, font=font)
        free = place + long + size


def _framed(picture: Image.Image, box: Sequence[float] | Floats, name: str = "") -> Image.Image:
    found = picture.copy()
    line = max(2, round(max(picture.size) / 300))
    x0, y0, x1, y1 = (round(side) for side in box)
    pen = ImageDraw.Draw(found)
    pen.rectangle((x0 - line, y0 - line, x1 + line - 1, y1 + line - 1), outline=_BOX, width=line)
    if name:
        size = max(14, max(picture.size) // 32)
        above = y0 - line - 1.2 * size
        place = (x0, above if above > 0 else y1 + line)
        pen.text(place, name, fill=_BOX, font=ImageFont.load_default(size), stroke_width=2, stroke_fill=_NIGHT)
    return found


def _broken(line: str, width: int, size: float) -> list[str]:
    """A line in pieces that fit the width."""
    most, pieces = max(20, int((width - 2 * _MARGIN) / (size * 0.52))), [""]
    for word in line.split(" "):
        if pieces[-1] and len(pieces[-1]) + 1 + len(word) > most:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {word}".strip()
    return pieces
