"""Read radiographs and masks, whatever their format: the content of a file decides how, not its name.

A picture is read at full bit depth (:func:`read_stored`) and then mapped from its default window onto [0, 1]
(:func:`read_image`). Rows and columns are those of the upright picture: an EXIF orientation is applied, as viewers and
annotation tools do. :mod:`osteon.io.raster` decodes JPEG, PNG, TIFF and BMP, :mod:`osteon.io.dicom` DICOM.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import ImageError
from osteon.core.types import Radiograph
from osteon.io import dicom, raster
from osteon.io.kinds import kind_of
from osteon.io.stored import StoredRadiograph, percentile_window


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
    :func:`~osteon.io.stored.percentile_window`. Colour is turned into luminance (ITU-R 601) at the depth it has,
    transparency into black.

    Args:
        path: As for :func:`read_image`.

    Returns:
        The values with their default window.

    Raises:
        ImageError: As for :func:`read_image`.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "dicom":
        return dicom.read_stored(path)
    picture = raster.decode(path, kind, grey=True)
    values = picture.grey()
    if values.dtype == np.uint8:
        return StoredRadiograph(values, (0.0, 255.0), 8, notes=picture.notes)
    _refuse_no_numbers(path, values)
    return StoredRadiograph(values, percentile_window(values), picture.bits, notes=picture.notes)


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of the upright picture in pixels, from the header only.

    Raises:
        ImageError: The header cannot be read.
    """
    path = Path(path)
    kind = kind_of(path)
    return dicom.image_size(path) if kind == "dicom" else raster.size(path, kind)


def read_mask(path: str | Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a lesion mask.

    Args:
        path: A picture in which everything but black is lesion (0/1, 0/255, several labels and colours alike), at
            whatever depth, transparency counting as black. In a JPEG, whose compression leaves traces around an edge,
            the lesion is what is brighter than half of 255.
        shape: Height and width of the radiograph.

    Returns:
        (H, W), True inside the lesion.

    Raises:
        ImageError: The mask cannot be read, holds negative values or what are no numbers, or its size is not the
            radiograph's.
    """
    return read_noted_mask(path, shape)[0]


def read_noted_mask(path: str | Path, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Read a lesion mask as :func:`read_mask` does, with what a person should know of it.

    Returns:
        The mask, and sentences without a full stop: that it holds several labels, or leaves nothing outside.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "dicom":
        raise ImageError("a DICOM file, not a mask", file=path, fix="Save the mask as PNG.")
    picture = raster.decode(path, kind, grey=False)
    values = picture.samples
    _refuse_no_numbers(path, values)
    if values.dtype.kind != "u" and (values < 0).any():
        raise ImageError(
            "the mask holds values below 0", file=path, fix="Save it with 0 outside the lesion and 255 inside."
        )
    threshold = 127 if kind == "jpeg" else 0
    mask: NDArray[np.bool_] = values.max(axis=2) > threshold if values.ndim == 3 else values > threshold
    if mask.shape != tuple(shape):
        raise ImageError(
            f"the mask has {mask.shape[1]} x {mask.shape[0]} pixels and the radiograph {shape[1]} x {shape[0]}",
            file=path,
            fix="Save the mask at the radiograph's size.",
        )
    notes = list(picture.notes)
    lesion = values[mask]
    if kind != "jpeg" and (lesion != lesion[:1]).any():
        notes.append("the mask holds several values besides black; all of them count as lesion")
    if mask.all():
        notes.append("the mask covers the whole picture")
    return mask, tuple(notes)


def _refuse_no_numbers(path: Path, values: raster.Array) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ImageError(
            "the picture holds values that are no numbers (NaN or infinite)",
            file=path,
            fix="Export it again, with 0 or another number in their place.",
        )
