"""Weights and a picture that depend on nothing but their names, so that Keras and osteon can be given the same ones."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def values(layer: str, variable: str, shape: Sequence[int]) -> Array:
    """A variable of a plausible trained network, in Keras's axis order."""
    rng = np.random.default_rng(zlib.crc32(f"{layer}/{variable}".encode()))
    if variable == "kernel":
        drawn = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
    elif variable in ("gamma", "moving_variance"):
        drawn = rng.uniform(0.5, 1.0, shape)
    else:  # bias, beta, moving_mean
        drawn = rng.normal(0, 0.1, shape)
    return drawn.astype(np.float32)


def picture(side: int) -> Array:
    """A grey picture in [0, 1]: a bright oblique shaft with a grating on it."""
    y, x = np.mgrid[:side, :side] / side
    shaft = np.exp(-(((x - 0.3 - 0.4 * y) / 0.15) ** 2))
    return (shaft * (0.75 + 0.25 * np.sin(40 * x + 25 * y))).astype(np.float32)
