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
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osteon.core.tables import written

Depth16 = NDArray[np.uint16]
Part = Literal["whole", "half", "heat"]

#: A picture with a longer side than this is sent at half its size first.
_LARGE = 1024


def name(case_code: str, number: int, part: Part = "whole") -> str:
    """The file of a picture: its case's code, the view's number, and nothing else."""
    return f"{case_code}-{number}{'' if part == 'whole' else f'-{part}'}.gz"


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
