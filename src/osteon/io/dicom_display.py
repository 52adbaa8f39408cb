"""From stored values to what is shown: modality and VOI transformations, direction, padding and spacing (PS3.3 C.11).

Each optional element that is there and cannot be used falls back to the next, and a note says so. Notes name
attributes and never quote their values, which may identify a patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from osteon.core.types import Pixels
from osteon.io.dicom_pixels import GREY, StoredValues, as_used
from osteon.io.stored import OtherWindow, StoredRadiograph, percentile_window

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Array = NDArray[Any]
Curve = Literal["line", "sigmoid"] | Pixels

_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
#: Beyond this, values cannot be told apart in any arithmetic that follows.
_HUGE = 1e30


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A window with its curve, where the header names it, and its centre and width as the file writes them."""

    low: float
    high: float
    curve: Curve
    name: str
    stated: tuple[float, float] | None = None

    def shows(self, low: float, high: float) -> bool:
        """Whether any of the values between two can be told from another in it."""
        return self.low < high and low < self.high

    def turned(self, mirror: float | None) -> OtherWindow:
        """The window on inverted values; `mirror` is their sum with the file's own, None where none was inverted."""
        if mirror is None:
            return OtherWindow((self.low, self.high), self.curve, self.stated)
        curve = 1 - self.curve[::-1] if isinstance(self.curve, np.ndarray) else self.curve
        return OtherWindow((mirror - self.high, mirror - self.low), curve, self.stated)


def assemble(header: Dataset, stored: StoredValues, notes: list[str]) -> StoredRadiograph:
    """Stored values to modality values with their window, bone bright.

    Args:
        header: The attributes of the picture.
        stored: Its values.
        notes: What was noted so far; is added to.

    Returns:
        The radiograph with all notes.
    """
    spacing = _spacing(header, notes)
    if header.PhotometricInterpretation not in GREY:  # shown as it is; the transformations are those of grey
        values = stored.values
        window = (0.0, 255.0) if values.dtype == np.uint8 else percentile_window(values)
        return StoredRadiograph(values, window, stored.bits, spacing, notes=tuple(notes))
    padding = _padding(header, stored, notes)
    values, (low, high) = _modality(header, stored, notes)
    shown = values if padding is None else values[~padding]
    offered = _voi(header, notes, float(shown.min()), float(shown.max()), signed=low < 0)
    mirror = float(low + high) if _bone_is_dark(header, notes) else None
    if mirror is not None:  # one mirror for values, window and curve alike, about the middle of what a pixel can hold
        values = (low + high) - values
    elif padding is not None:
        values = values.copy()
    if padding is not None:
        values[padding] = low
    chosen, *others = [window.turned(mirror) for window in offered] or [
        OtherWindow(percentile_window(values, None if padding is None else ~padding))
    ]
    return StoredRadiograph(
        values, chosen.window, stored.bits, spacing, chosen.curve, tuple(notes),
        mirror=mirror, stated=chosen.stated, others=tuple(others),
    )  # fmt: skip


# Single elements


def _numbers(header: Dataset, name: str) -> list[float]:
    """The numbers of an element, nan for what is none; empty where it is absent or empty."""
    value = header.get(name)
    parts = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    numbers = []
    for part in parts:
        try:
            number = float(part)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        numbers.append(number if abs(number) < _HUGE else float("nan"))
    return [] if value is None or value == "" else numbers


def _number(header: Dataset, name: str) -> float | None:
    """The number of an element that has one; None where it is absent, nan where it is there and no single number."""
    if name not in header:
        return None
    numbers = _numbers(header, name)
    return numbers[0] if len(numbers) == 1 else float("nan")


# Transformations


def _padding(header: Dataset, stored: StoredValues, notes: list[str]) -> NDArray[np.bool_] | None:
    """Where a pixel was added to make the picture rectangular (PS3.3 C.7.5.1.1.2), or None.

    The attribute's own signedness is often wrong in implicit VR; the bits are right.
    """
    value, limit = _number(header, "PixelPaddingValue"), _number(header, "PixelPaddingRangeLimit")
    if value is None:
        return None
    if not np.isfinite(value):
        notes.append("PixelPaddingValue is empty or no single number; no pixel counts as padding")
        return None
    if limit is None or not np.isfinite(limit):
        if limit is not None:
            notes.append("PixelPaddingRangeLimit is empty or no single number; PixelPaddingValue alone was taken")
        limit = value
    signed = stored.values.dtype.kind == "i"
    low, high = sorted(as_used(int(end), 16, 15, signed=signed) for end in (value, limit))
    least, most = stored.limits
    if low > most or high < least:  # written over whole words, beyond the bits that carry the picture
        words = stored.words.view(stored.values.dtype)
        padding: NDArray[np.bool_] = (words >= low) & (words <= high)
    else:
        padding = (stored.values >= low) & (stored.values <= high)
    if padding.all():
        notes.append("every pixel is as PixelPaddingValue says; none counts as padding")
        return None
    return padding if padding.any() else None


def _modality(header: Dataset, stored: StoredValues, notes: list[str]) -> tuple[Array, tuple[float, float]]:
    """Apply the modality LUT or rescale; the values and the least and greatest that the transformation can give."""
    limits = stored.limits
    whole: type[np.int32 | np.int64] = np.int64 if stored.bits > 24 else np.int32
    if header.get("ModalityLUTSequence"):
        try:
            first, table, bits = _lut(header, header.ModalityLUTSequence[0], signed=limits[0] < 0)
        except Exception:  # whatever a damaged table makes pydicom raise
            notes.append("ModalityLUTSequence cannot be used; RescaleSlope and RescaleIntercept, if any, were taken")
        else:
            index = np.clip(stored.values.astype(whole) - first, 0, len(table) - 1)
            return table[index].astype(np.int32), (0, max((1 << bits) - 1, int(table.max())))
    slope, intercept = (_number(header, name) for name in ("RescaleSlope", "RescaleIntercept"))
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    low, high = sorted(slope * limit + intercept for limit in limits)
    if not (slope and np.isfinite(low + high)):
        notes.append("RescaleSlope or RescaleIntercept is empty, 0 or no single number; the stored values were taken")
        return stored.values, limits
    if (slope, intercept) == (1, 0):
        return stored.values, limits
    if slope.is_integer() and intercept.is_integer() and max(-low, high) < 2**30:
        return stored.values.astype(whole) * int(slope) + int(intercept), (int(low), int(high))
    wide = stored.bits > 24 or max(-low, high) > 2**24
    values: NDArray[np.floating[Any]] = stored.values.astype(np.float64 if wide else np.float32)
    return values * slope + intercept, (low, high)


def _voi(header: Dataset, notes: list[str], low: float, high: float, *, signed: bool) -> list[_Window]:
    """The windows that show something of values between two (PS3.3 C.11.2), the default one first; none may be."""
    usable: list[_Window] = []
    tried: list[str] = []
    for window in _windows(header, notes, signed=signed):
        if isinstance(window, _Window) and (window.shows(low, high) or low == high):
            usable.append(window)
        elif not usable:
            tried.append(window.name if isinstance(window, _Window) else window)
    if tried:
        instead = usable[0].name if usable else "the picture's own percentiles"
        were = "was" if usable else "were"
        notes.append(f"{', '.join(tried)} cannot be used; {instead} {were} taken")
    return usable


def _windows(header: Dataset, notes: list[str], *, signed: bool) -> Iterator[_Window | str]:
    """The windows in the order in which they count; of one that cannot be used only the name."""
    for number, item in enumerate(header.get("VOILUTSequence") or (), start=1):
        name = "VOILUTSequence" if number == 1 else f"item {number} of VOILUTSequence"
        try:
            first, table, bits = _lut(header, item, signed=signed)
        except Exception:  # whatever a damaged table makes pydicom raise
            yield name
            continue
        if table.min() == table.max():
            yield name
            continue
        # Some writers state 16 bits for a table that fills fewer: taken at its word it would come out black.
        top = (1 << bits) - 1 if (1 << bits) // 2 <= table.max() < 1 << bits else int(table.max())
        yield _Window(float(first), float(first + len(table) - 1), table.astype(np.float32) / np.float32(top), name)
    if "WindowCenter" not in header and "WindowWidth" not in header:
        return
    centres, widths = _numbers(header, "WindowCenter"), _numbers(header, "WindowWidth")
    function = str(header.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append("VOILUTFunction is none of DICOM's; LINEAR was taken")
        function = "LINEAR"
    if not centres or not widths:
        yield "the window"
    for number, (centre, width) in enumerate(zip(centres, widths, strict=False), start=1):
        name = "the window" if number == 1 else f"window {number}"
        if not (np.isfinite(centre) and width > (1 if function == "LINEAR" else 0)):
            yield name
        elif function == "LINEAR":  # PS3.3 C.11.2.1.2.1: half a value lower and one narrower than LINEAR_EXACT
            middle, half = centre - 0.5, (width - 1) / 2
            yield _Window(middle - half, middle + half, "line", name, (centre, width))
        else:
            curve: Curve = "sigmoid" if function == "SIGMOID" else "line"
            yield _Window(centre - width / 2, centre + width / 2, curve, name, (centre, width))


def _lut(header: Dataset, item: Dataset, *, signed: bool) -> tuple[int, NDArray[np.uint16], int]:
    """A look-up table as (first value mapped, outputs, bits of an output), PS3.3 C.11.1.1."""
    count, first, bits = (int(value) & 0xFFFF for value in item.LUTDescriptor)
    count = count or 1 << 16
    first -= (1 << 16) * (signed and first >= 1 << 15)
    data = item.LUTData
    if isinstance(data, bytes):
        width = 1 if len(data) < 2 * count else 2
        order = "<" if header.original_encoding[1] else ">"
        if width == 1 and order == ">" and item["LUTData"].VR == "OW":  # two entries a word, the first in its low byte
            data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
        table = np.frombuffer(data[: len(data) // width * width], f"{order}u{width}").astype(np.uint16)
    else:
        table = (np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF).astype(np.uint16)
    if len(table) < count:
        raise ValueError("the look-up table is shorter than it says")
    if not 1 <= bits <= 16:  # the outputs themselves tell
        bits = max(1, int(table.max()).bit_length())
    return first, table[:count], bits


def _bone_is_dark(header: Dataset, notes: list[str]) -> bool:
    """Whether greater values mean less attenuation, so that values have to be mirrored.

    A picture that is not meant to be shown, FOR PROCESSING, tells by the sign of its pixel intensity relationship,
    where it gives one. Else Presentation LUT Shape tells, where there is one, and else the photometric interpretation;
    the two say the same (PS3.3 C.8.11.3), and where they do not, viewers follow the shape. Following both would invert
    twice.
    """
    sign = _number(header, "PixelIntensityRelationshipSign")
    if header.get("PresentationIntentType") == "FOR PROCESSING" and sign in (1, -1):
        return bool(sign == 1)
    dark = bool(header.PhotometricInterpretation == "MONOCHROME1")
    shape = str(header.get("PresentationLUTShape") or "").strip().upper()
    if shape not in ("IDENTITY", "INVERSE"):
        return dark
    if (shape == "INVERSE") != dark:
        notes.append("PresentationLUTShape contradicts PhotometricInterpretation, and was followed, as viewers do")
    return shape == "INVERSE"


def _spacing(header: Dataset, notes: list[str]) -> tuple[float, float] | None:
    """Row and column spacing in mm.

    Pixel Spacing first: where it differs from Imager Pixel Spacing it was corrected for magnification (by geometry or a
    fiducial, PS3.3 10.7.1.3), and where it does not the order is immaterial. Nominal Scanned Pixel Spacing is that of
    a digitised film. Zeros, which some writers put for "unknown", are passed over.
    """
    unusable: list[str] = []
    taken, pair = "", None
    for name in _SPACINGS:
        numbers = _numbers(header, name)
        if len(numbers) == 2 and all(np.isfinite(number) and number > 0 for number in numbers):
            taken, pair = name, (numbers[0], numbers[1])
            break
        if name in header:
            unusable.append(name)
    if unusable:
        instead = f"{taken} was taken" if pair else "the size of a pixel is unknown"
        notes.append(f"{', '.join(unusable)} is empty or not two numbers above 0; {instead}")
    return pair
