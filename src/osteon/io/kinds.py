"""What a file is by its content, whatever its name: which reader takes it, or what to say of it when none does."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from osteon.core.errors import ImageError

Kind = Literal["jpeg", "png", "tiff", "bmp", "dicom"]

_KNOWN: dict[bytes, Kind] = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",  # BigTIFF
    b"MM\0+": "tiff",
    b"BM": "bmp",
}
#: As much of a file as tells what it is.
_START = 1024
_SAVE = "Save it as PNG or TIFF (16-bit grey where it is deeper than 8 bits), or as JPEG."
_UNPACK = "Unpack it, and give the pictures that it holds."
_GIVE = "Give a JPEG, PNG, TIFF, BMP or DICOM file."
_DOWNLOAD = "Download it again; a file that must be paid or signed in for often comes as such a page."

#: Content at a place of the file, what it is called, and what to do about it.
_FOREIGN = (
    (
        0,
        b"version https://git-lfs",
        "not an image but a Git LFS pointer, not the file itself",
        "Fetch the files with 'git lfs pull'.",
    ),
    (0, b"%PDF", "not an image but a PDF document", "Export the radiograph itself, best as DICOM or 16-bit PNG."),
    (0, b"%!PS", "not an image but a PostScript document", _SAVE),
    (0, b"PK\x03\x04", "not an image but a zip archive or an Office document", _UNPACK),
    (0, b"\x1f\x8b", "not an image but a gzip archive", _UNPACK),
    (0, b"BZh", "not an image but a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\0", "not an image but an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "not an image but a 7z archive", _UNPACK),
    (0, b"Rar!", "not an image but a RAR archive", _UNPACK),
    (257, b"ustar", "not an image but a tar archive", _UNPACK),
    (0, b"GIF8", "a GIF picture, which osteon does not read", _SAVE),
    (8, b"WEBP", "a WebP picture, which osteon does not read", _SAVE),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture, which osteon reads in DICOM only", _SAVE),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture, which osteon reads in DICOM only", _SAVE),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture, which osteon does not read", _SAVE),
    (0, b"\xff\x0a", "a JPEG XL picture, which osteon does not read", _SAVE),
    (0, b"II\xbc", "a JPEG XR picture, which osteon does not read", _SAVE),
    *(
        (8, brand, "a HEIC picture, which osteon does not read", _SAVE)
        for brand in (b"heic", b"heix", b"heim", b"mif1")
    ),
    *((8, brand, "an AVIF picture, which osteon does not read", _SAVE) for brand in (b"avif", b"avis")),
    (4, b"ftyp", "not an image but a film (MP4 or QuickTime)", "Give single pictures."),
    (0, b"RIFF", "not an image but a film or a sound (RIFF)", "Give single pictures."),
    (0, b"8BPS", "a Photoshop picture, which osteon does not read", _SAVE),
    *((0, b"P%d" % number, "a Netpbm picture, which osteon does not read", _SAVE) for number in range(1, 8)),
    (0, b"\x93NUMPY", "a NumPy array, which does not say what it shows", _SAVE),
    (0, b"SIMPLE  =", "a FITS file, which osteon does not read", _SAVE),
    (0, b"NRRD", "an NRRD volume", "Save the radiograph as 16-bit PNG or TIFF."),
    (344, b"n+1\0", "a NIfTI volume", "Save the radiograph as 16-bit PNG or TIFF."),
    (0, b"\x89HDF", "not an image but an HDF5 file", _SAVE),
    (0, b"MATLAB", "not an image but a MATLAB file", _SAVE),
    (
        0,
        b"\x00\x05\x16\x07",
        "not an image but a companion file of macOS (AppleDouble), which holds no picture",
        "Delete it.",
    ),
    (0, b"\xd0\xcf\x11\xe0", "not an image but an Office document or a Windows thumbnail file", _GIVE),
    (0, b"DICM", "a DICOM file that lost its first 128 bytes", "Copy or export it again."),
)

#: Value representations of PS3.5 6.2, by which explicit data without a preamble are known.
_REPRESENTATIONS = {
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF", b"OL"),
    *(b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US"),
    *(b"UT", b"UV"),
}


def kind_of(path: Path) -> Kind:
    """Which reader takes a file.

    Raises:
        ImageError: There is no such file, it cannot be opened, is empty, or is none of them; the message says what it
            is instead, as far as its content shows.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(_START)
    except FileNotFoundError:
        raise ImageError("no such file", file=path, fix="Check the path; it is relative to the cohort table.") from None
    except IsADirectoryError:
        raise ImageError("a folder, not a picture", file=path, fix=_GIVE) from None
    except OSError as error:
        raise ImageError(f"the file cannot be opened ({error.strerror})", file=path) from None
    if not start:
        raise ImageError("the file is empty", file=path, fix="Copy or export it again.")
    if _begins_as_dicom(start):
        return "dicom"
    for magic, kind in _KNOWN.items():
        if start.startswith(magic):
            return kind
    what, fix = next(_said(start), ("not an image of a known kind", _GIVE))
    raise ImageError(what, file=path, fix=fix)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its content, whatever its name; reads the first kilobyte.

    With a preamble it says so. Without one, as older devices and some archives write it, it begins with an element of
    one of DICOM's first groups that names its value representation, or with two elements in order that do not.

    Raises:
        OSError: The file cannot be opened.
    """
    with path.open("rb") as handle:
        return _begins_as_dicom(handle.read(_START))


def _begins_as_dicom(start: bytes) -> bool:
    return start[128:132] == b"DICM" or any(_begins_with_elements(start, order) for order in ("<", ">"))


def _begins_with_elements(start: bytes, order: str) -> bool:
    """Whether a file begins with plausible data elements (PS3.5 7.1) in a byte order."""
    if len(start) < 8:
        return False
    group, element = struct.unpack_from(f"{order}HH", start)
    if group not in (0x0002, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028):
        return False
    if start[4:6] in _REPRESENTATIONS:
        return True
    length = struct.unpack_from(f"{order}I", start, 4)[0]
    if length % 2 or len(start) < length + 16:
        return False
    after = struct.unpack_from(f"{order}HH", start, 8 + length)
    return bool((group, element) < after <= (0x7FE0, 0x0010))


def _said(start: bytes) -> Iterator[tuple[str, str]]:
    """What a foreign file is and what to do about it, the surest first."""
    for place, magic, what, fix in _FOREIGN:
        if start[place:].startswith(magic):
            yield what, fix
    if not start.strip(b"\0"):
        yield "not an image but a file of zeros, as a copy that broke off leaves it", "Copy or export it again."
    text = _text(start)
    if text is not None:
        lower = text.lower()
        if "<svg" in lower:
            yield "an SVG drawing", _SAVE
        if lower.startswith("<!doctype html") or "<html" in lower:
            yield "not an image but a web page (HTML)", _DOWNLOAD
        yield "not an image but a text file", _GIVE


def _text(start: bytes) -> str | None:
    """The beginning of a text, None where it is none."""
    for encoding in ("utf-16",) if start[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        # The last character may be cut in two.
        for cut in range(4):
            try:
                text = start[: len(start) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            if all(sign.isprintable() or sign in "\t\r\n\f" for sign in text):
                return text.lstrip()
    return None
