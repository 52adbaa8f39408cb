"""Read radiographs and masks: JPEG, PNG, TIFF and BMP here, DICOM in :mod:`osteon.io.dicom`.

A picture is read at full bit depth (:func:`read_stored`) and then mapped from its default window onto [0, 1]
(:func:`read_image`). Rows and columns are those of the upright picture: an EXIF orientation is applied, as viewers and
annotation tools do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osteon.errors import ImageError
from osteon.io.stored import StoredRadiograph, percentile_window, quiet, refuse_bomb
from osteon.types import Radiograph

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("JPEG", "PNG", "TIFF", "BMP")  # MPO comes with JPEG
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM")
_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima", "")
_PNG_ORIENTATION = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")  # where a PNG may keep one
_EXIF_ORIENTATION, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 0x0112, 262, 0


def read_image(path: str | Path) -> Radiograph:
    """Read a radiograph as a reader would first see it.

    Args:
        path: A JPEG, PNG, TIFF, BMP or DICOM file; recognised by its content, not by its name.

    Returns:
        Pixels (H, W) float32 in [0, 1] with bone bright, and the pixel spacing in mm where the file says it.

    Raises:
        ImageError: The file is absent, not an image, damaged, empty, too large, has several frames, or is no plain
            radiograph; the message says which and what to do.
    """
    return read_stored(path).render()


def read_stored(path: str | Path) -> StoredRadiograph:
    """Read a radiograph at full bit depth, before windowing.

    8-bit pictures open with the window 0 to 255; deeper ones, which do not say how many of their bits are used, with
    :func:`~osteon.io.stored.percentile_window`. Colour is turned into luminance (ITU-R 601), transparency into black.

    Args:
        path: As for :func:`read_image`.

    Returns:
        The values with their default window.

    Raises:
        ImageError: As for :func:`read_image`.
    """
    path = Path(path)
    if _is_dicom(path):
        from osteon.io import dicom

        return dicom.read_stored(path)
    with _opened(path) as image:
        values, bits = _grey(image)
    if values.dtype == np.uint8:
        return StoredRadiograph(values, (0.0, 255.0), 8)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ImageError("the picture holds values that are no numbers", file=path, fix="Export it again.")
    return StoredRadiograph(values, percentile_window(values), bits)


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of the upright picture in pixels, from the header only.

    Raises:
        ImageError: The header cannot be read.
    """
    path = Path(path)
    if _is_dicom(path):
        from osteon.io import dicom

        return dicom.image_size(path)
    with _opened(path) as image:
        width, height = image.size
        if image.format == "TIFF":
            turned = False  # Pillow has turned the size already
        elif image.format == "PNG" and not any(mark in path.read_bytes() for mark in _PNG_ORIENTATION):
            turned = False  # asking Pillow for the orientation would decode the whole picture
        else:
            turned = image.getexif().get(_EXIF_ORIENTATION, 1) >= 5
    return (width, height) if turned else (height, width)


def read_mask(path: str | Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a lesion mask.

    Args:
        path: A picture in which everything but black is lesion (0/1, 0/255 and colours alike). In a JPEG, whose
            compression leaves traces around an edge, the lesion is what is brighter than half of 255.
        shape: Height and width of the radiograph.

    Returns:
        (H, W), True inside the lesion.

    Raises:
        ImageError: The mask cannot be read or its size is not the radiograph's.
    """
    path = Path(path)
    with _opened(path) as image:
        threshold = 127 if image.format in ("JPEG", "MPO") else 0
        from PIL import ImageOps

        upright = ImageOps.exif_transpose(image)
        plain = upright if upright.mode in ("1", "L", "I", "F") or upright.mode.startswith("I;") else _on_black(upright)
        values = np.asarray(plain)
    mask: NDArray[np.bool_] = values.max(axis=2) > threshold if values.ndim == 3 else values > threshold
    if mask.shape != tuple(shape):
        raise ImageError(
            f"the mask has {mask.shape[1]} x {mask.shape[0]} pixels and the radiograph {shape[1]} x {shape[0]}",
            file=path,
            fix="Save the mask at the radiograph's size.",
        )
    return mask


def _is_dicom(path: Path) -> bool:
    """Whether to read the file as DICOM; refuses what is no file, or empty, or no image at all."""
    try:
        with path.open("rb") as handle:
            start = handle.read(132)
    except FileNotFoundError:
        raise ImageError("no such file", file=path, fix="Check the path; it is relative to the cohort table.") from None
    except OSError as error:
        raise ImageError(f"the file cannot be opened ({error.strerror})", file=path) from None
    if not start:
        raise ImageError("the file is empty", file=path, fix="Copy or export it again.")
    if start[128:] == b"DICM":
        return True
    if start.startswith(_MAGIC):
        return False
    if path.suffix.lower() in _DICOM_SUFFIXES:
        return True  # DICOM without its preamble, or nothing: the DICOM reader tells
    raise ImageError("not an image", file=path, fix="Give a JPEG, PNG, TIFF, BMP or DICOM file.")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A picture opened by Pillow with its size checked; every failure becomes an ImageError."""
    from PIL import Image, UnidentifiedImageError

    try:
        # By handle, for by name Pillow maps an uncompressed TIFF into memory, and scrambles one that lies on its side.
        with quiet(), path.open("rb") as handle, Image.open(handle, formats=_FORMATS) as image:
            refuse_bomb(path, image.height, image.width)
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise ImageError(
                    f"the file holds {image.n_frames} pictures",  # type: ignore[attr-defined]
                    file=path,
                    fix="Save each radiograph as a file of its own.",
                )
            yield image
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageError("no such file", file=path, fix="Check the path; it is relative to the cohort table.") from None
    except Image.DecompressionBombError:
        raise ImageError("the picture is too large for a radiograph", file=path, fix="Crop it.") from None
    except UnidentifiedImageError:
        raise ImageError(
            "not an image, or of a kind that is not supported",
            file=path,
            fix="Save it as an 8-bit or 16-bit grey PNG or TIFF, a JPEG, or DICOM.",
        ) from None
    except Exception as error:  # Pillow's decoders raise whatever a damaged file makes of them
        raise ImageError(
            f"the picture is damaged or truncated ({type(error).__name__})", file=path, fix="Copy or export it again."
        ) from None


def _grey(image: Image.Image) -> tuple[NDArray[Any], int]:
    """The upright picture as one grey channel, and how many bits a pixel of it has."""
    from PIL import ImageOps

    inverted = image.format == "TIFF" and _tiff_tag(image, _TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.format in ("JPEG", "MPO") and image.mode != "L":
        image.draft("L", image.size)  # let the decoder skip the colour
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "F":
        return np.asarray(upright, dtype=np.float32), 32
    if upright.mode.startswith("I"):
        values = np.asarray(upright)
        bits = 32 if values.dtype.itemsize == 4 else 16
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        # Pillow inverts white-is-zero itself, but only where a pixel has 8 bits or fewer.
        return (np.iinfo(values.dtype).max - values if inverted and bits == 16 else values), bits
    return np.asarray(upright if upright.mode == "L" else _on_black(upright).convert("L")), 8


def _on_black(image: Image.Image) -> Image.Image:
    """The picture in RGB, what is transparent shown on black like the background of a radiograph."""
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    colour = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colour.size, (0, 0, 0, 255)), colour).convert("RGB")


def _tiff_tag(image: Image.Image, tag: int) -> object:
    return getattr(image, "tag_v2", {}).get(tag)
