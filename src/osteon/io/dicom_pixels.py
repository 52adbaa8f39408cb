"""The stored values of a DICOM picture, in every transfer syntax: decoded, freed of unused bits, in one channel.

A decoder gives whole words. Of these only Bits Stored bits below High Bit are the picture; the others may hold an
overlay or anything else and are ignored (PS3.5 8.1.1), here and for every transfer syntax alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import ImageError
from osteon.io.raster import jpeg_frame, luminance

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.uid import UID

Array = NDArray[Any]

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
PALETTE = "PALETTE COLOR"
_AGAIN = "Copy or export it again."
#: JPEG of 12 bits and without loss.
_JPEG = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (51, 57, 70))
#: A lossy decoder overshoots the stored range by no more than this part of it.
_OVERSHOOT = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class StoredValues:
    """Stored values and what they may be.

    Attributes:
        values: (H, W), signed where the header says so.
        words: (H, W) unsigned as decoded, with the bits that are not used.
        bits: Bits that carry the picture.
    """

    values: Array
    words: Array
    bits: int

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest value that the bits can hold."""
        half = 1 << (self.bits - 1)
        return (-half, half - 1) if self.values.dtype.kind == "i" else (0, 2 * half - 1)


def decode(path: Path, header: FileDataset, notes: list[str]) -> StoredValues:
    """Decode the pixels.

    Args:
        path: The file, for messages.
        header: The attributes of the picture.
        notes: Is added to where the header is not followed to the letter.

    Raises:
        ImageError: There are no pixels, too few, or they cannot be decoded.
    """
    allocated = _allocated(path, header)
    bits, high = _bits(header, allocated, notes)
    signed = _signed(header, notes)
    _check_length(path, header, allocated, notes)
    header.BitsStored, header.HighBit, header.PixelRepresentation = bits, bits - 1, int(signed)  # pydicom wants them
    words = _frame(path, header, allocated)
    photometric = header.PhotometricInterpretation
    values = _used(words, bits, high, signed=signed and photometric not in COLOUR)
    if photometric in COLOUR:
        grey = luminance(values)
        return StoredValues(grey, grey, bits)
    if photometric == PALETTE:
        return _painted(header, values)
    if not np.array_equal(values, words.view(values.dtype)):
        values, bits = _beyond(header, words, values, bits, high, notes)
    return StoredValues(values, words, bits)


def as_used(word: int, bits: int, high: int, *, signed: bool) -> int:
    """What a word of 16 bits, such as Pixel Padding Value, is as a stored value."""
    return int(_used(np.array([word & 0xFFFF], np.uint16), bits, high, signed=signed)[0])


def _used(words: Array, bits: int, high: int, *, signed: bool) -> Array:
    """Bits Stored bits below High Bit of each word, two's complement where they are signed."""
    width = words.dtype.itemsize * 8
    if signed:  # up to the top, and down again with the sign
        top: Array = (words << (width - 1 - high)).view(words.dtype.str.replace("u", "i"))
        return np.right_shift(top, width - bits)
    low: Array = words >> (high + 1 - bits)
    return np.bitwise_and(low, (1 << bits) - 1)


def _allocated(path: Path, header: Dataset) -> int:
    allocated = header.get("BitsAllocated")
    if not isinstance(allocated, int):
        raise ImageError("the DICOM attribute BitsAllocated is missing or damaged", file=path, fix=_AGAIN)
    if allocated not in (1, 8, 16, 32):
        raise ImageError(
            f"pixels of {allocated} bits are not read", file=path, fix="Export it again with 8 or 16 bits allocated."
        )
    return allocated


def _bits(header: Dataset, allocated: int, notes: list[str]) -> tuple[int, int]:
    """Bits Stored and High Bit, as far as they can be."""
    bits, high = header.get("BitsStored"), header.get("HighBit")
    if not isinstance(bits, int) or not 1 <= bits <= allocated:
        notes.append("BitsStored is missing or impossible; all allocated bits were taken")
        return allocated, allocated - 1
    if isinstance(high, int) and bits - 1 <= high < allocated:
        return bits, high
    notes.append("HighBit is missing or impossible; the low bits were taken")
    return bits, bits - 1


def _signed(header: Dataset, notes: list[str]) -> bool:
    signed = header.get("PixelRepresentation")
    if signed not in (0, 1):
        notes.append("PixelRepresentation is missing or impossible; the pixels were taken as unsigned")
    return bool(signed == 1)


def _check_length(path: Path, header: FileDataset, allocated: int, notes: list[str]) -> None:
    """Compare the pixels' length with what the header says: a picture may not be cut, nor be one of several."""
    from pydicom.encaps import generate_fragments, parse_basic_offsets

    data = header.get("PixelData")
    if not data:
        raise ImageError(
            "the file is truncated before its pixels, or holds none that can be read", file=path, fix=_AGAIN
        )
    syntax = header.file_meta.TransferSyntaxUID
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise _undecodable(path, "unknown")
    if syntax.is_encapsulated:
        starts = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")
        frames = max(
            len(parse_basic_offsets(data)), sum(part[:4].startswith(starts) for part in generate_fragments(data))
        )
        if frames > 1:
            raise _several(path, frames)
        return
    expected = -(-header.Rows * header.Columns * header.SamplesPerPixel * allocated // 8)
    if header.PhotometricInterpretation == "YBR_FULL_422":
        expected = expected * 2 // 3
    if len(data) < expected:
        raise ImageError(
            f"the file is truncated: of {expected} bytes of pixels it holds {len(data)}", file=path, fix=_AGAIN
        )
    if len(data) // expected > 1 and len(data) % expected < 2:
        raise _several(path, len(data) // expected)
    if len(data) > expected + expected % 2:
        notes.append("PixelData is longer than the picture; the rest was not read")


def _several(path: Path, frames: int) -> ImageError:
    return ImageError(
        f"the pixels are those of {frames} frames, or of a greater depth than the header says",
        file=path,
        fix="Export each radiograph as a file of its own.",
    )


def _frame(path: Path, header: FileDataset, allocated: int) -> Array:
    """Decode the frame to unsigned words as wide as allocated, (H, W) or (H, W, 3)."""
    from pydicom import uid
    from pydicom.encaps import get_frame
    from pydicom.pixels.utils import pixel_array

    syntax = header.file_meta.TransferSyntaxUID
    try:
        if syntax in (*uid.JPEGLSTransferSyntaxes, *uid.JPEG2000TransferSyntaxes, *_JPEG):
            decoded = _decompressed(get_frame(header.PixelData, 0, number_of_frames=1), syntax)
        else:  # pydicom, with Pillow for 8-bit JPEG, whose colour it settles
            grey = header.PhotometricInterpretation not in COLOUR
            plugin = "pillow" if syntax == uid.JPEGBaseline8Bit else ""
            decoded = pixel_array(header, raw=grey, index=0, decoding_plugin=plugin, correct_unused_bits=False)
        if decoded.shape != (header.Rows, header.Columns, 3)[: 2 + (header.SamplesPerPixel == 3)]:
            raise ValueError("not the header's size")
    except Exception as error:  # every decoder has its own
        raise _undecodable(path, f"{syntax.name}; {type(error).__name__}") from None
    width = max(decoded.dtype.itemsize, allocated // 8)
    kind = "i" if decoded.dtype.kind == "i" else "u"
    return decoded.astype(f"={kind}{width}", copy=False).view(f"=u{width}")


def _decompressed(frame: bytes, syntax: UID) -> Array:
    """A JPEG frame of 12 bits or without loss, a JPEG-LS or a JPEG 2000 frame; damage is an error and never a crash."""
    import imagecodecs
    from pydicom import uid

    if syntax in uid.JPEG2000TransferSyntaxes:
        return np.asarray(imagecodecs.jpeg2k_decode(frame))
    # Neither JPEG nor JPEG-LS can have the end's marker within a scan; without it a decoder fills up what is missing.
    if frame.find(b"\xff\xd9", frame.rfind(b"\xff\xda")) < 0:
        raise ValueError("no end of the picture")
    if syntax in uid.JPEGLSTransferSyntaxes:
        return np.asarray(imagecodecs.jpegls_decode(frame))
    return np.asarray(imagecodecs.jpeg_decode(frame))


def _undecodable(path: Path, syntax: str) -> ImageError:
    return ImageError(
        f"the pixels cannot be decoded (transfer syntax {syntax})",
        file=path,
        fix="Copy it again; if that does not help, export it uncompressed (Explicit VR Little Endian).",
    )


def _depth(header: FileDataset) -> int:
    """The bits of a sample that a compressed frame itself claims; 0 where it claims none, or is not compressed."""
    from pydicom import uid
    from pydicom.encaps import get_frame
    from pydicom.pixels.utils import get_j2k_parameters

    syntax = header.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated or syntax == uid.RLELossless:
        return 0
    frame = get_frame(header.PixelData, 0, number_of_frames=1)
    if syntax in uid.JPEG2000TransferSyntaxes:
        return int(get_j2k_parameters(frame).get("precision", 0))
    found = jpeg_frame(frame)
    return found[1] if found else 0


def _beyond(
    header: FileDataset, words: Array, values: Array, bits: int, high: int, notes: list[str]
) -> tuple[Array, int]:
    """Settle what stands beyond Bits Stored: nothing of the picture, unless a compressed picture says otherwise.

    Returns:
        The values, and the bits that carry them.
    """
    from pydicom import uid

    if high != bits - 1:  # the picture stands in the high bits, and nothing else was said of the low ones
        return values, bits
    depth = _depth(header)
    if bits < depth < words.dtype.itemsize * 8:
        notes.append("BitsStored is less than the depth of the compressed picture, which was taken")
        return _used(words, depth, depth - 1, signed=values.dtype.kind == "i"), depth
    lossy = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000, uid.HTJ2K)
    whole = words.view(values.dtype)
    low, top = StoredValues(values, words, bits).limits
    margin = (top - low) * _OVERSHOOT
    if header.file_meta.TransferSyntaxUID in lossy and low - margin <= whole.min() and whole.max() <= top + margin:
        return whole.clip(low, top), bits
    notes.append("bits beyond BitsStored are set, by an overlay perhaps, and were not read")
    return values, bits


def _painted(header: FileDataset, indices: Array) -> StoredValues:
    """Palette colour as luminance, in the depth of the palette's entries."""
    from pydicom.pixels.processing import apply_color_lut

    grey = luminance(apply_color_lut(indices, header))
    return StoredValues(grey, grey, grey.dtype.itemsize * 8)
