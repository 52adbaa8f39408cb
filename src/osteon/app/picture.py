"""A radiograph on its way to the browser: every bit of it, small, and quick to unpack.

The values of a picture, 16 bits each, are turned into differences from their left neighbour (the first of a row from
the one above it), small differences of either sign into small numbers, all high bytes then all low bytes, and gzip.
Browsers undo gzip themselves; ``static/js/decode.js`` undoes the rest. Bit depths up to 16 are kept exactly.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osteon.tables import written

Depth16 = NDArray[np.uint16]


def name(case_code: str, number: int, *, heatmap: bool = False) -> str:
    """The file of a picture: its case's code, the view's number, and nothing else."""
    return f"{case_code}-{number}{'-heat' if heatmap else ''}.gz"


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
