"""A radiograph as stored, before windowing: the one type that every image format is read into."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import ImageError
from osteon.core.types import Pixels, Radiograph

#: A picture with more pixels than this is refused before it is decoded: a decompression bomb, or no radiograph.
#: A full-leg radiograph stitched from three large detectors has about 40 million.
MAX_PIXELS = 150_000_000
#: The percentiles of the values that become black and white where a file names no usable window.
DEFAULT_PERCENTILES = (0.5, 99.5)


#: Raised when pictures are read otherwise than before, so that what was made from them is made anew.
READING = 2


@dataclass(frozen=True, slots=True, eq=False)
class OtherWindow:
    """A window that the file offers besides the default one, on the same values.

    Attributes:
        window: The values shown as black and as white.
        curve: How it is mapped onto [0, 1], as that of :class:`StoredRadiograph`.
        stated: Its centre and width as the file writes them; None for a look-up table.
    """

    window: tuple[float, float]
    curve: Literal["line", "sigmoid"] | Pixels = "line"
    stated: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StoredRadiograph:
    """A radiograph at full bit depth, and nothing that could identify a patient.

    Attributes:
        values: (H, W) integers or float32 after the modality transformation, turned so that a greater value is shown
            brighter and bone is bright (MONOCHROME1 is inverted here, once).
        window: The values shown as black and as white by default.
        bits: Bits of a stored pixel that carry the picture.
        spacing: Row and column spacing in mm, or None when the file does not say.
        curve: How the window is mapped onto [0, 1]: a straight ``"line"``, DICOM's ``"sigmoid"``, or a look-up table
            with one output for each whole value from ``window[0]`` to ``window[1]``.
        notes: What of the file could not be used and what was taken in its place, in sentences without a full stop that
            quote nothing of it.
        mirror: Where values were inverted, the sum of a value and the file's own; None where they are the same.
        stated: Centre and width of the default window as the file writes them; None where it names no window.
        others: The windows that the file offers besides.
    """

    values: NDArray[Any]
    window: tuple[float, float]
    bits: int
    spacing: tuple[float, float] | None = None
    curve: Literal["line", "sigmoid"] | Pixels = "line"
    notes: tuple[str, ...] = ()
    mirror: float | None = None
    stated: tuple[float, float] | None = None
    others: tuple[OtherWindow, ...] = ()

    def render(self) -> Radiograph:
        """Map the default window onto [0, 1]; the only step at which grey levels are lost."""
        low, high = self.window
        out: NDArray[np.floating[Any]] = self.values.astype(np.float64 if self._is_wide() else np.float32)
        if isinstance(self.curve, np.ndarray):
            np.subtract(out, low, out=out)
            np.clip(np.rint(out, out=out), 0, len(self.curve) - 1, out=out)
            out = self.curve[out.astype(np.intp)]
        elif self.curve == "sigmoid":  # PS3.3 C.11.2.1.3.1, with the window's ends half a width from its centre
            out -= (low + high) / 2
            out *= -4 / (high - low)
            with np.errstate(over="ignore"):
                np.exp(out, out=out)
            out += 1
            np.reciprocal(out, out=out)
        elif high > low:
            out -= low
            out *= 1 / (high - low)
            np.clip(out, 0, 1, out=out)
        else:  # a constant picture
            out = np.zeros_like(out)
        return Radiograph(out.astype(np.float32, copy=False), self.spacing)

    def _is_wide(self) -> bool:
        """Whether single precision would lose grey levels: large numbers, or a window too narrow or wide for it."""
        if self.values.dtype.itemsize < 4:
            return False
        span = self.window[1] - self.window[0]
        return max(abs(float(self.values.min())), abs(float(self.values.max()))) > 2**24 or not 1e-30 < span < 1e30


def percentile_window(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """The default window of a picture whose file names none.

    Args:
        values: (H, W) values.
        valid: (H, W) False where a pixel is padding, or None.

    Returns:
        :data:`DEFAULT_PERCENTILES` of the values, taken on a regular grid of at least 512 rows or columns (the result
        depends on nothing else, and a 12-bit picture stored in 16 bits fills the range).
    """
    step = max(1, min(values.shape) // 512)
    sample = values[::step, ::step]
    if valid is not None and valid[::step, ::step].any():
        sample = sample[valid[::step, ::step]]
    low, high = np.percentile(sample, DEFAULT_PERCENTILES)
    if not low < high:  # nearly all of it is one value: what differs must not vanish
        shown = values if valid is None or not valid.any() else values[valid]
        low, high = shown.min(), shown.max()
    return float(low), float(high)


def refuse_bomb(path: Path, height: int, width: int) -> None:
    """Refuse an empty or an absurdly large picture before it is decoded.

    Raises:
        ImageError: The header claims no pixels, or more than :data:`MAX_PIXELS`.
    """
    if height < 1 or width < 1:
        raise ImageError(f"the picture is empty ({width} x {height} pixels)", file=path, fix="Export it again.")
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"the picture claims {width} x {height} pixels, more than the {MAX_PIXELS:,} that a radiograph can have",
            file=path,
            fix="Export it again or crop it.",
        )


class _Quiet:
    """Drops what libraries warn and log about a file, for as long as any thread is reading one.

    That quotes header values, which may identify a patient, and the faults that matter are raised as ImageError. A
    ``warnings.catch_warnings`` of each thread's own could leave its filters behind for the whole process when two
    threads leave in the order they came; one that the last thread closes cannot.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = rf"({'|'.join(map(re.escape, modules))})(\.|$)"
        self._loggers = [logging.getLogger(name) for name in modules]
        self._lock = threading.Lock()
        self._readers = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._readers == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=self._modules)
                for logger in self._loggers:
                    logger.disabled = True
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if self._readers == 0:
                    self._filters.__exit__(None, None, None)
                    for logger in self._loggers:
                        logger.disabled = False


#: ``with quiet():`` around every call that parses a file.
quiet = _Quiet(
    *("pydicom", "PIL", "tifffile", "imagecodecs", "openpyxl", "osteon.io", "highdicom", "highdicom.base"),
    *("dicomweb_client.web", "retrying", "urllib3.connectionpool"),
)
