"""A radiograph on its way to the browser: every bit of it, small, and quick to unpack.

The values of a picture, 16 bits each, are turned into differences from their left neighbour (the first of a row from
the one above it), small differences of either sign into small numbers, all high bytes then all low bytes, and gzip.
Browsers undo gzip themselves; ``static/js/decode.js`` undoes the rest. Bit depths up to 16 are kept exactly.

A large picture is sent twice: at half its size first, which is as much as a screen shows of the whole of it, and then
in full.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from osteon.core.tables import written
from osteon.io import StoredRadiograph
from osteon.io.stored import OtherWindow

Depth16 = NDArray[np.uint16]
Part = Literal["whole", "half", "heat"]

#: A picture with a longer side than this is sent at half its size first.
_LARGE = 1024
_CURVE_POINTS = 257


def name(case_code: str, number: int, part: Part = "whole") -> str:
    """The file of a picture: its case's code, the view's number, and nothing else."""
    return f"{case_code}-{number}{'' if part == 'whole' else f'-{part}'}.gz"


def sixteen_bits(radiograph: StoredRadiograph) -> tuple[Depth16, dict[str, Any]]:
    """The values as 16-bit numbers, and the default window on them.

    Whole values within 65 536 steps are kept exactly, moved to start at 0; others are scaled to fill the range. A
    window whose course is not a straight line is sent as points of its curve.

    Returns:
        (H, W) values; and the window: ``low`` and ``high``, the values shown as black and as white; ``curve``, greys at
        even steps between them, where it is not a straight line; ``slope`` and ``intercept``, which turn a value into
        the file's own (negative where it is stored inverted); ``centre`` and ``width`` of the window as the file writes
        them, or, where it names none, in the file's own values; ``others``, the windows that the file offers besides.
    """
    values = radiograph.values
    low, high = float(values.min()), float(values.max())
    exact = np.issubdtype(values.dtype, np.integer) or bool(np.all(values == np.rint(values)))
    scale = 1.0 if exact and high - low <= 65535 else 65535 / max(high - low, 1e-30)
    stored = np.rint((values.astype(np.float64) - low) * scale).astype(np.uint16)
    black, white = radiograph.window
    slope, intercept = 1 / scale, low
    if radiograph.mirror is not None:
        slope, intercept = -slope, radiograph.mirror - intercept
    middle = (black + white) / 2 if radiograph.mirror is None else radiograph.mirror - (black + white) / 2
    centre, width = radiograph.stated or (middle, white - black)
    window = _sent(OtherWindow(radiograph.window, radiograph.curve, (centre, width)), low, scale)
    others = [_sent(other, low, scale) for other in radiograph.others]
    return stored, {**window, "slope": slope, "intercept": intercept, "others": others}


def _sent(window: OtherWindow, least: float, scale: float) -> dict[str, Any]:
    """A window on the stored values: the file's less the least of them, times a scale."""
    black, white = window.window
    sent: dict[str, Any] = dict(zip(("centre", "width"), window.stated, strict=True)) if window.stated else {}
    if isinstance(window.curve, np.ndarray):
        places = np.linspace(0, len(window.curve) - 1, _CURVE_POINTS)
        curve = np.interp(places, np.arange(len(window.curve)), window.curve)
        sent["curve"] = [round(float(point), 4) for point in curve]
    elif window.curve == "sigmoid":  # beyond a width on either side it is black or white to within 1 in 400
        reach = white - black
        black, white = black - reach, white + reach
        sent["curve"] = [round(float(point), 4) for point in expit(np.linspace(-6, 6, _CURVE_POINTS))]
    return {"low": (black - least) * scale, "high": (white - least) * scale, **sent}


def shown(values: Depth16, window: dict[str, Any]) -> NDArray[np.uint8]:
    """The greys that the browser makes of stored values through their default window, 0 to 255."""
    table = np.clip((np.arange(65536) - window["low"]) / max(window["high"] - window["low"], 1e-6), 0, 1)
    if "curve" in window:
        table = np.interp(table * (len(window["curve"]) - 1), np.arange(len(window["curve"])), window["curve"])
    return np.asarray(np.rint(table * 255).astype(np.uint8)[values])


def half_shape(height: int, width: int) -> tuple[int, int] | None:
    """Height and width of the half that goes ahead of a picture; None where the picture is small."""
    return ((height + 1) // 2, (width + 1) // 2) if max(height, width) > _LARGE else None


def half(values: Depth16) -> Depth16:
    """Each value the rounded mean of four; the last row and column count twice where their number is odd."""
    even = np.pad(values, [(0, side % 2) for side in values.shape], mode="edge").astype(np.uint32)
    means = (even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2] + 2) >> 2
    return means.astype(np.uint16)


def encode(values: Depth16) -> bytes:
    """Pack (H, W) values."""
    step = np.empty_like(values)
    step[:, 1:] = values[:, 1:] - values[:, :-1]  # modulo 2**16, as unsigned integers are
    step[1:, 0] = values[1:, 0] - values[:-1, 0]
    step[0, 0] = values[0, 0]
    signed = step.view(np.int16)
    folded = ((signed << 1) ^ (signed >> 15)).view(np.uint16)
    planes = (folded >> 8).astype(np.uint8).tobytes() + (folded & 0xFF).astype(np.uint8).tobytes()
    return gzip.compress(planes, compresslevel=6, mtime=0)


def decode(packed: bytes, height: int, width: int) -> Depth16:
    """Unpack; the inverse of :func:`encode`.

    Args:
        packed: What `encode` gave.
        height: H.
        width: W.
    """
    planes = np.frombuffer(gzip.decompress(packed), dtype=np.uint8).reshape(2, height, width).astype(np.uint16)
    folded = (planes[0] << 8) | planes[1]
    step = (folded >> 1) ^ (-(folded & 1).astype(np.int16)).view(np.uint16)
    step[:, 0] = np.cumsum(step[:, 0], dtype=np.uint16)
    return np.cumsum(step, axis=1, dtype=np.uint16)


def save(values: Depth16, path: Path) -> None:
    """Pack and write, atomically."""
    with written(path) as beside:
        beside.write_bytes(encode(values))
