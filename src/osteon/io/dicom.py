"""Read DICOM radiographs (CR, DX and secondary capture) without anything that identifies a patient.

Only the attributes named in this module are ever parsed, so no name, identifier or date can reach an output or an
error message. The pipeline is DICOM's own (PS3.4 N.2): stored values (:mod:`osteon.io.dicom_pixels`), modality
transformation, VOI transformation (:mod:`osteon.io.dicom_display`). An optional element that cannot be used falls back
to the next, and the radiograph carries a note that says so.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from osteon.core.errors import ImageError
from osteon.io import dicom_display, dicom_pixels
from osteon.io.dicom_pixels import COLOUR, GREY, PALETTE
from osteon.io.kinds import is_dicom as is_dicom  # the name under which it is known
from osteon.io.stored import MAX_PIXELS, StoredRadiograph, quiet, refuse_bomb

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

#: Modalities read as radiographs; OT is secondary capture, such as a digitised film. Absent counts as unknown.
MODALITIES = ("CR", "DX", "DR", "RG", "OT")
#: Others that an error may name.
_OTHERS = {
    *("CT", "MR", "US", "NM", "PT", "MG", "XA", "RF", "PX", "IO", "IVUS", "ES", "SM", "OPT", "XC", "ECG", "DOC"),
    *("SR", "PR", "KO", "SEG", "REG", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTIMAGE"),
}

_SIZE = (
    *("SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
)
_PALETTE = tuple(
    f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue") for part in ("Descriptor", "Data")
)
_PICTURE = (
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration", "PixelData"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PresentationIntentType", "PixelIntensityRelationshipSign"),
    *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "PresentationLUTShape"),
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"),
    *_PALETTE,
)
_AGAIN = "Copy or export it again."


def read_stored(path: Path) -> StoredRadiograph:
    """Read one DICOM radiograph at full bit depth; see :func:`osteon.io.read_stored`.

    The modality LUT or rescale is applied. The first usable VOI LUT, else the first usable window with its function,
    gives the default window; where none is (absent, of no width, or clear of every value in the picture) the window is
    :func:`~osteon.io.stored.percentile_window`. Padding is set to the darkest value. Shutters and overlays are not
    applied. Colour becomes luminance.
    """
    return read_values(path)[1]


def read_values(path: Path) -> tuple[dicom_pixels.StoredValues, StoredRadiograph]:
    """The values as they are stored, in one channel and without bits that are not used, and the radiograph."""
    notes: list[str] = []
    with understood(path):
        header = parse(path, (*_SIZE, *_PICTURE))
        _check_kind(path, header, notes)
        stored = dicom_pixels.decode(path, header, notes)
        return stored, dicom_display.assemble(header, stored, notes)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, from the header only."""
    with understood(path):
        header = parse(path, _SIZE)
        _check_kind(path, header, [])
        return int(header.Rows), int(header.Columns)


def check_pixels(path: Path) -> None:
    """Refuse a file without pixel data, or one that ends before them; nothing of them is read.

    Raises:
        ImageError: There are none.
    """
    from pydicom.filereader import read_partial
    from pydicom.tag import BaseTag

    lengths: list[int] = []

    def met(tag: BaseTag, _: str | None, length: int) -> bool:
        if tag == 0x7FE00010:
            lengths.append(length)
        return int(tag) >= 0x7FE00010

    with understood(path), path.open("rb") as handle:
        _refuse_deflated_bomb(path)
        read_partial(handle, met, force=True, specific_tags=[])
    if not any(lengths):
        raise ImageError("the file holds no pixel data", file=path, fix=_AGAIN)


@contextmanager
def understood(path: Path) -> Iterator[None]:
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
    with understood(path):
        _refuse_deflated_bomb(path)
        header = dcmread(path, force=True, specific_tags=wanted, stop_before_pixels="PixelData" not in wanted)
        for name in wanted:
            _convert(header, name)
    if not header.file_meta.get("TransferSyntaxUID"):
        implicit, little = header.original_encoding
        header.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        )
    return header


def read_header(path: Path) -> FileDataset:
    """Everything of a DICOM file that comes before its pixels.

    Raises:
        ImageError: The file is not DICOM; the message quotes nothing of it.
    """
    from pydicom import dcmread

    with understood(path):
        _refuse_deflated_bomb(path)
        return dcmread(path, force=True, stop_before_pixels=True)


def _convert(header: FileDataset, name: str) -> None:
    """Have pydicom convert a value, which it does when it is first looked at; one that it cannot becomes empty."""
    try:
        header.get(name)
    except Exception:  # pydicom has no error of its own for that
        header.add_new(name, "UN", None)


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


def _check_kind(path: Path, header: FileDataset, notes: list[str]) -> None:
    """Refuse what is no single radiograph, saying what it is instead."""
    modality = str(header.get("Modality") or "")
    name = modality if modality in _OTHERS else "unknown"  # free text in its place may be anybody's name
    if header.get("Rows") is None and header.get("Columns") is None:
        what = _object(header) or (f"DICOM modality {name}" if modality else "a DICOM file without rows and columns")
        raise ImageError(
            f"not an image ({what})",
            file=path,
            fix="Give a JPEG, PNG, TIFF, BMP, or a DICOM file that holds a picture.",
        )
    if modality and modality not in MODALITIES:
        raise ImageError(
            f"the modality is {name}, not a radiograph", file=path, fix=f"Give one of {', '.join(MODALITIES)}."
        )
    rows, columns = (_whole(path, header, side) for side in ("Rows", "Columns"))
    frames = header.get("NumberOfFrames")
    if "NumberOfFrames" in header and not isinstance(frames, int):
        notes.append("NumberOfFrames is empty or no whole number; one frame was taken")
        del header.NumberOfFrames  # the decoder would stumble over it
    elif frames is not None and frames > 1:
        raise ImageError(
            f"the file holds {int(frames)} frames", file=path, fix="Export each radiograph as a file of its own."
        )
    elif frames is not None and frames < 1:
        del header.NumberOfFrames
    _check_colour(path, header)
    refuse_bomb(path, rows, columns)


def _check_colour(path: Path, header: Dataset) -> None:
    photometric = str(header.get("PhotometricInterpretation") or "").strip().upper()
    samples = _whole(path, header, "SamplesPerPixel") if header.get("SamplesPerPixel") is not None else 1
    if samples != {**dict.fromkeys((*GREY, PALETTE), 1), **dict.fromkeys(COLOUR, 3)}.get(photometric):
        said = photometric if photometric in (*GREY, PALETTE, *COLOUR) else "none that is known"
        raise ImageError(
            f"the picture does not say how it is shown (photometric interpretation: {said}; samples: {samples})",
            file=path,
            fix="Export it again as MONOCHROME1 or MONOCHROME2, or as PNG.",
        )
    header.PhotometricInterpretation, header.SamplesPerPixel = photometric, samples


def _whole(path: Path, header: Dataset, name: str) -> int:
    """A whole number without which a picture cannot be read."""
    value = header.get(name)
    if not isinstance(value, int):
        what = "missing" if name not in header else "damaged"
        raise ImageError(f"the DICOM attribute {name} is {what}", file=path, fix=_AGAIN)
    return int(value)


def _object(header: FileDataset) -> str:
    """What kind of DICOM object this is in DICOM's own words, "" where it does not say."""
    from pydicom import config
    from pydicom.uid import UID, MediaStorageDirectoryStorage

    said = str(header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID"))
    if said == MediaStorageDirectoryStorage:
        return "a DICOMDIR, which lists other files"
    name = UID(said, config.IGNORE).name
    return f"DICOM {name}" if name and name != said else ""  # a UID that is not in DICOM's list could be any text
