"""One new case to look at: its radiograph with the box, the map beside it, and what the model says."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from osteon.core.types import Floats

_MAP = mpl.colormaps["magma"]
_OPACITY = 0.55
_PAPER, _INK, _BOX = (255, 255, 255), (20, 20, 20), (0, 190, 220)
_MARGIN, _LEADING = 16, 1.45


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


def _framed(picture: Image.Image, box: Sequence[float] | Floats) -> Image.Image:
    found = picture.copy()
    line = max(2, round(max(picture.size) / 300))
    x0, y0, x1, y1 = (round(side) for side in box)
    ImageDraw.Draw(found).rectangle((x0 - line, y0 - line, x1 + line - 1, y1 + line - 1), outline=_BOX, width=line)
    return found


def _broken(line: str, width: int, size: float) -> list[str]:
    """A line in pieces that fit the width."""
    most, pieces = max(20, int((width - 2 * _MARGIN) / (size * 0.52))), [""]
    for word in line.split(" "):
        if pieces[-1] and len(pieces[-1]) + 1 + len(word) > most:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {word}".strip()
    return pieces
