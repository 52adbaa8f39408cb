"""Read DICOM radiographs (CR, DX and secondary capture) without anything that identifies a patient.

Only the attributes named in this module are ever parsed, so no name, identifier or date can reach an output or an
error message. The pipeline is DICOM's own (PS3.4 N.2): stored values, modality transformation, VOI transformation; its
direction is the photometric interpretation's.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from osteon.errors import ImageError
from osteon.io.stored import MAX_PIXELS, StoredRadiograph, percentile_window, quiet, refuse_bomb
from osteon.types import Pixels

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

#: Modalities read as radiographs; OT is secondary capture, such as a digitised film. Absent counts as unknown.
MODALITIES = ("CR", "DX", "DR", "RG", "OT")
#: Others that an error may name.
_OTHERS = {
    *("CT", "MR", "US", "NM", "PT", "MG", "XA", "RF", "PX", "IO", "IVUS", "ES", "SM", "OPT", "XC", "ECG", "DOC"),
    *("SR", "PR", "KO", "SEG", "REG", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTIMAGE"),
}

_SIZE = ("Modality", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation")
_PICTURE = (
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration", "PixelData"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PresentationIntentType", "PixelIntensityRelationshipSign"),
    *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"),
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"),
)
_AGAIN = "Copy or export it again."
#: Value representations of PS3.5 6.2, by which explicit data without a preamble are known.
_REPRESENTATIONS = {
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF", b"OL"),
    *(b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US"),
    *(b"UT", b"UV"),
}


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its content, whatever its name; reads the first kilobyte.

    With a preamble it says so. Without one, as older devices and some archives write it, it begins with an element of
    group 0002 or 0008 that names its value representation, or with two elements in order that do not.

    Raises:
        OSError: The file cannot be opened.
    """
    with path.open("rb") as handle:
        start = handle.read(1024)
    return start[128:132] == b"DICM" or any(_begins_with_elements(start, order) for order in ("<", ">"))


def _begins_with_elements(start: bytes, order: str) -> bool:
    """Whether a file begins with plausible data elements (PS3.5 7.1) in a byte order."""
    if len(start) < 8:
        return False
    group, element = struct.unpack_from(f"{order}HH", start)
    if group not in (0x0002, 0x0008):
        return False
    if start[4:6] in _REPRESENTATIONS:
        return True
    length = struct.unpack_from(f"{order}I", start, 4)[0]
    if length % 2 or len(start) < length + 16:
        return False
    after = struct.unpack_from(f"{order}HH", start, 8 + length)
    return bool((group, element) < after <= (0x7FE0, 0x0010))


def read_stored(path: Path) -> StoredRadiograph:
    """Read one DICOM radiograph at full bit depth; see :func:`osteon.io.read_stored`.

    The modality LUT or rescale is applied. A VOI LUT, else the first window with its function, gives the default
    window; where neither is usable (absent, of no width, or clear of every value in the picture) the window is
    :func:`~osteon.io.stored.percentile_window`. Padding is set to the darkest value. Shutters and overlays are not
    applied.
    """
    header = parse(path, (*_SIZE, *_PICTURE))
    _check_kind(path, header)
    with _understood(path):
        return _assemble(header, *_decode(path, header))


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, from the header only."""
    header = parse(path, _SIZE)
    _check_kind(path, header)
    return int(header.Rows), int(header.Columns)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Turns whatever a damaged file makes pydicom raise into an ImageError, and drops its warnings; both quote it."""
    try:
        with quiet():
            yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        raise ImageError(f"not a readable DICOM file ({type(error).__name__})", file=path, fix=_AGAIN) from None


def parse(path: Path, attributes: Iterable[str]) -> FileDataset:
    """Parse the named attributes of a DICOM file, with or without preamble, and no others.

    Raises:
        ImageError: The file is not DICOM; the message quotes nothing of it.
    """
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    wanted = list(attributes)
    with _understood(path):
        _refuse_deflated_bomb(path)
        header = dcmread(path, force=True, specific_tags=wanted, stop_before_pixels="PixelData" not in wanted)
        for name in wanted:
            header.get(name)  # pydicom converts a value, and stumbles over it, when it is first looked at
    if "TransferSyntaxUID" not in header.file_meta:
        implicit, little = header.original_encoding
        header.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        )
    return header


def _refuse_deflated_bomb(path: Path) -> None:
    """Refuse a deflated file that would grow beyond any radiograph, without inflating it into memory."""
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    with path.open("rb") as handle:
        if handle.read(132)[128:] != b"DICM":
            return
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    with path.open("rb") as handle:
        handle.seek(144 + meta.FileMetaInformationGroupLength)
        inflate, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        chunk = handle.read(1 << 16)
        while chunk and not inflate.eof:
            size += len(inflate.decompress(chunk, 1 << 24))
            if size > 2 * MAX_PIXELS:
                raise ImageError("the deflated file grows beyond any radiograph", file=path, fix="Export it again.")
            chunk = inflate.unconsumed_tail or handle.read(1 << 16)


def _check_kind(path: Path, header: Dataset) -> None:
    """Refuse what is no single grey radiograph, saying what it is instead."""

    def number(name: str, default: int) -> int:
        try:
            return int(header.get(name) or default)
        except (TypeError, ValueError):
            raise ImageError(f"the DICOM attribute {name} is damaged", file=path, fix=_AGAIN) from None

    modality = str(header.get("Modality") or "")
    name = modality if modality in _OTHERS else "unknown"  # free text in its place may be anybody's name
    if "Rows" not in header or "Columns" not in header:
        raise ImageError(
            f"not an image (DICOM modality {name})" if modality else "not an image",
            file=path,
            fix="Give a JPEG, PNG, TIFF, BMP, or a DICOM file that holds a picture.",
        )
    if modality and modality not in MODALITIES:
        raise ImageError(
            f"the modality is {name}, not a radiograph", file=path, fix=f"Give one of {', '.join(MODALITIES)}."
        )
    if number("NumberOfFrames", 1) > 1:
        raise ImageError(
            f"the file holds {number('NumberOfFrames', 1)} frames",
            file=path,
            fix="Export each radiograph as a file of its own.",
        )
    photometric = str(header.get("PhotometricInterpretation", ""))
    if number("SamplesPerPixel", 1) != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageError(
            "the picture is in colour or does not say how it is shown",
            file=path,
            fix="Give the grey radiograph (MONOCHROME1 or MONOCHROME2), or export the picture as PNG.",
        )
    refuse_bomb(path, number("Rows", 0), number("Columns", 0))


def _decode(path: Path, header: FileDataset) -> tuple[NDArray[Any], int]:
    """Stored pixel values (H, W) and how many bits of them carry the picture."""
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import JPEG2000TransferSyntaxes, JPEGExtended12Bit

    if "PixelData" not in header:
        raise ImageError(
            "the file is truncated, or its pixels are of a kind that is not supported", file=path, fix=_AGAIN
        )
    bits = int(header.get("BitsStored") or header.BitsAllocated)
    if int(header.get("HighBit", bits - 1)) != bits - 1:
        raise ImageError("the pixels are not in the low bits of their words", file=path, fix="Export it again.")
    syntax = header.file_meta.TransferSyntaxUID
    try:
        if syntax == JPEGExtended12Bit and bits > 8:
            stored = _decode_extended(path, header)
        else:  # openjpeg is a third faster than the first decoder that pydicom would try
            plugin = "pylibjpeg" if syntax in JPEG2000TransferSyntaxes else ""
            stored = pixel_array(header, raw=True, index=0, decoding_plugin=plugin)
    except Exception as error:  # every decoder has its own
        known = (
            syntax.name if syntax.name != syntax else "unknown"
        )  # a UID that pydicom does not know could be any text
        raise ImageError(
            f"the pixels cannot be decoded (transfer syntax {known}; {type(error).__name__})",
            file=path,
            fix="Copy it again; if that does not help, export it uncompressed (Explicit VR Little Endian).",
        ) from None
    limits = np.iinfo(stored.dtype)
    half = 1 << (bits - 1)
    low, high = (-half, half - 1) if limits.min < 0 else (0, 2 * half - 1)
    if stored.min() < low or stored.max() > high:  # a compressed picture deeper than its header says
        bits = limits.bits
    return stored, bits


def _decode_extended(path: Path, header: Dataset) -> NDArray[Any]:
    """JPEG of 12 bits: pydicom refuses it, since one of GDCM's entrances does; this one decodes it exactly."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError("GDCM cannot read the file")
    buffer = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    kind = np.int16 if header.PixelRepresentation else np.uint16
    return np.frombuffer(buffer, kind).reshape(header.Rows, header.Columns).copy()


def _assemble(header: Dataset, stored: NDArray[Any], bits: int) -> StoredRadiograph:
    """Stored values to modality values with their window, bone bright."""
    half = 1 << (bits - 1)
    limits = (-half, half - 1) if stored.dtype.kind == "i" else (0, 2 * half - 1)
    padding = _padding(header, stored)
    values, (low, high) = _modality(header, stored, limits)
    window, curve = _voi(header, signed=low < 0)
    if _bone_is_dark(header):
        # One mirror for values, window and curve alike, about the middle of what a pixel can hold.
        values = (low + high) - values
        window = None if window is None else (low + high - window[1], low + high - window[0])
        curve = 1 - curve[::-1] if isinstance(curve, np.ndarray) else curve
    if padding is not None:
        values[padding] = low
    if window is None or not (window[0] < values.max() and values.min() < window[1]):
        window, curve = percentile_window(values, None if padding is None else ~padding), "line"
    return StoredRadiograph(values, window, bits, _spacing(header), curve)


def _padding(header: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where a pixel was added to make the picture rectangular (PS3.3 C.7.5.1.1.2), or None."""
    if header.get("PixelPaddingValue") is None:
        return None
    ends = [header.PixelPaddingValue, header.get("PixelPaddingRangeLimit", header.PixelPaddingValue)]
    # The attribute's own signedness is often wrong in implicit VR; the bits are right.
    ends = [int(np.array(int(end) & 0xFFFF, np.uint16).astype(stored.dtype)) for end in ends]
    padding: NDArray[np.bool_] = (stored >= min(ends)) & (stored <= max(ends))
    return padding if padding.any() else None


def _modality(
    header: Dataset, stored: NDArray[Any], limits: tuple[int, int]
) -> tuple[NDArray[Any], tuple[float, float]]:
    """Apply the modality LUT or rescale; the values and the least and greatest that the transformation can give."""
    if header.get("ModalityLUTSequence"):
        first, table, bits = _lut(header, header.ModalityLUTSequence[0], signed=limits[0] < 0)
        index = np.clip(stored.astype(np.int32) - first, 0, len(table) - 1)
        return table[index].astype(np.int32), (0, max((1 << bits) - 1, int(table.max())))
    slope, intercept = float(header.get("RescaleSlope") or 1), float(header.get("RescaleIntercept") or 0)
    if (slope, intercept) == (1, 0):
        return stored, limits
    low, high = sorted(slope * limit + intercept for limit in limits)
    if slope.is_integer() and intercept.is_integer() and max(-low, high) < 2**30:
        return stored.astype(np.int32) * int(slope) + int(intercept), (int(low), int(high))
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept), (low, high)


def _voi(header: Dataset, *, signed: bool) -> tuple[tuple[float, float] | None, Literal["line", "sigmoid"] | Pixels]:
    """The default window and its curve (PS3.3 C.11.2), None where the header names no usable one."""
    if header.get("VOILUTSequence"):
        first, table, bits = _lut(header, header.VOILUTSequence[0], signed=signed)
        # Some writers state 16 bits for a table that fills fewer: taken at its word it would come out black.
        top = (1 << bits) - 1 if (1 << bits) // 2 <= table.max() < 1 << bits else max(1, int(table.max()))
        return (float(first), float(first + len(table) - 1)), table.astype(np.float32) / np.float32(top)
    centre, width = (_first(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(header.get("VOILUTFunction") or "LINEAR")
    if not (np.isfinite(centre) and width > (1 if function == "LINEAR" else 0)):
        return None, "line"
    if function == "LINEAR":  # PS3.3 C.11.2.1.2.1: half a value lower and one narrower than LINEAR_EXACT
        return (centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2), "line"
    return (centre - width / 2, centre + width / 2), "sigmoid" if function == "SIGMOID" else "line"


def _lut(header: Dataset, item: Dataset, *, signed: bool) -> tuple[int, NDArray[np.uint16], int]:
    """A look-up table as (first value mapped, outputs, bits of an output), PS3.3 C.11.1.1."""
    count, first, bits = (int(value) & 0xFFFF for value in item.LUTDescriptor)
    count = count or 1 << 16
    first -= (1 << 16) * (signed and first >= 1 << 15)
    data = item.LUTData
    if isinstance(data, bytes):
        width = 1 if len(data) < 2 * count else 2
        order = "<" if header.original_encoding[1] else ">"
        table = np.frombuffer(data, f"{order}u{width}").astype(np.uint16)
    else:
        table = (np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF).astype(np.uint16)
    if len(table) < count:
        raise ValueError("the look-up table is shorter than it says")
    return first, table[:count], bits


def _bone_is_dark(header: Dataset) -> bool:
    """Whether greater values mean less attenuation, so that values have to be mirrored.

    The photometric interpretation tells how a picture is to be shown (Presentation LUT Shape only repeats it, and
    following both would invert twice). A picture that is not meant to be shown, FOR PROCESSING, tells by the sign of
    its pixel intensity relationship, where it gives one.
    """
    sign = header.get("PixelIntensityRelationshipSign")
    if header.get("PresentationIntentType") == "FOR PROCESSING" and sign in (1, -1):
        return bool(sign == 1)
    return bool(header.PhotometricInterpretation == "MONOCHROME1")


def _spacing(header: Dataset) -> tuple[float, float] | None:
    """Row and column spacing in mm.

    Pixel Spacing first: where it differs from Imager Pixel Spacing it was corrected for magnification (by geometry or a
    fiducial, PS3.3 10.7.1.3), and where it does not the order is immaterial. Nominal Scanned Pixel Spacing is that of
    a digitised film. Zeros, which some writers put for "unknown", are passed over.
    """
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        value = header.get(name)
        pair = [_first(part) for part in value] if value is not None and not isinstance(value, str | float) else []
        if len(pair) == 2 and all(np.isfinite(part) and part > 0 for part in pair):
            return pair[0], pair[1]
    return None


def _first(value: object) -> float:
    """The first of one or several numbers; nan where there is none."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if len(value) else None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
