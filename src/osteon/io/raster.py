"""Decode JPEG, PNG, TIFF and BMP to the samples they store, in one form whatever the container says them in.

Nothing is reduced to 8 bits on the way. Pillow decodes what has 8 bits a sample and grey PNG of 16, exactly; colour of
16 bits it would cut, so PNG of that depth goes through imagecodecs, and every TIFF through tifffile, which gives the
samples of any depth, order and layout as they are stored. Palettes, transparency and TIFF's zero-as-white are resolved
here, orientation too; gamma and colour profiles are not applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import ImageError
from osteon.io.kinds import Kind
from osteon.io.stored import quiet, refuse_bomb

if TYPE_CHECKING:
    from PIL import Image
    from tifffile import TiffPage

Array = NDArray[Any]

_FORMATS = ("JPEG", "PNG", "BMP")  # MPO comes with JPEG
_PNG_ORIENTATION = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")  # where a PNG may keep one
_EXIF_ORIENTATION = 0x0112
_AGAIN = "Copy or export it again."
_PLAIN = "Save it as 8-bit or 16-bit grey PNG or TIFF."
#: How TIFF's photometric interpretations are called in an error.
_PHOTOMETRIC = {
    **{0: "grey, zero as white", 1: "grey", 2: "RGB", 3: "palette", 4: "transparency mask", 5: "CMYK", 6: "YCbCr"},
    **{8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "sensor mosaic", 32844: "LogL", 32845: "LogLuv", 34892: "raw"},
}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_JPEG_COMPRESSIONS = (6, 7)
_ASSOCIATED, _UNASSOCIATED = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """The upright picture as stored, transparency shown on black, a greater value brighter.

    Attributes:
        samples: (H, W) grey or (H, W, 3) red, green and blue; uint8 where a sample has 8 bits or fewer (then 0 to 255).
        bits: Bits of a stored sample.
        notes: What of the file was left aside, in sentences without a full stop.
    """

    samples: Array
    bits: int
    notes: tuple[str, ...] = ()

    def grey(self) -> Array:
        """One channel (H, W): colour becomes luminance (ITU-R 601), in the depth it has."""
        if self.samples.ndim == 2:
            return self.samples
        return luminance(self.samples)


def luminance(colour: Array) -> Array:
    """ITU-R 601 luminance of (H, W, 3) samples in the same type; equal samples keep their value exactly."""
    red, green, blue = (colour[..., channel] for channel in range(3))
    if colour.dtype in (np.uint8, np.uint16):  # 16-bit fractions that add up to one, as Pillow takes them
        parts = [channel.astype(np.uint32) for channel in (red, green, blue)]
        total = parts[0] * 19595 + parts[1] * 38470 + parts[2] * 7471 + 0x8000
        grey: Array = (total >> 16).astype(colour.dtype)
        return grey
    mixed = red * 0.299 + green * 0.587 + blue * 0.114
    mixed = mixed if colour.dtype.kind == "f" else np.rint(mixed)
    return np.where((red == green) & (green == blue), red, mixed.astype(colour.dtype))


def decode(path: Path, kind: Kind, *, grey: bool) -> Raster:
    """Decode a picture.

    Args:
        path: The file.
        kind: What it is.
        grey: Whether its luminance is all that is wanted, which a JPEG decoder can give at once.

    Raises:
        ImageError: It is damaged, truncated, too large, in several pages, or of a form that is not read.
    """
    with _understood(path, kind):
        if kind == "tiff":
            with _page(path) as page:
                raster, orientation = _tiff(path, page), _orientation(page)
            return Raster(_turned(raster.samples, orientation), raster.bits)
        with _opened(path) as image:
            several = image.format == "MPO" and getattr(image, "n_frames", 1) > 1
            raster = _deep_png(path, image) if _needs_depth(path, image) else _shallow(path, image, grey=grey)
            notes = ("the file holds further pictures, as a phone stores them; the first was read",) if several else ()
            return replace(raster, notes=notes)


def size(path: Path, kind: Kind) -> tuple[int, int]:
    """Height and width of the upright picture, from the header only.

    Raises:
        ImageError: The header cannot be read, or the picture would be refused for its size or its pages.
    """
    with _understood(path, kind):
        if kind == "tiff":
            with _page(path) as page:
                height, width = page.imagelength, page.imagewidth
                turned = _orientation(page) >= 5
        else:
            with _opened(path) as image:
                width, height = image.size
                if image.format == "PNG" and not any(mark in path.read_bytes() for mark in _PNG_ORIENTATION):
                    turned = False  # asking Pillow for the orientation would decode the whole picture
                else:
                    turned = image.getexif().get(_EXIF_ORIENTATION, 1) >= 5
    return (width, height) if turned else (height, width)


@contextmanager
def _understood(path: Path, kind: Kind) -> Iterator[None]:
    """Turns whatever a decoder makes of a damaged file into an ImageError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with quiet():
            yield
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageError("no such file", file=path, fix="Check the path; it is relative to the cohort table.") from None
    except Image.DecompressionBombError:
        raise ImageError("the picture is too large for a radiograph", file=path, fix="Crop it.") from None
    except Exception as error:  # decoders raise whatever a damaged file makes of them
        form = _rare_jpeg(path) if kind == "jpeg" else None
        if form is not None:
            raise ImageError(f"the file is {form}, which osteon does not read", file=path, fix=_PLAIN) from None
        reason = "UnidentifiedImage" if isinstance(error, UnidentifiedImageError) else type(error).__name__
        raise ImageError(
            f"the picture is damaged or truncated ({kind.upper()}, {reason})", file=path, fix=_AGAIN
        ) from None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A picture opened by Pillow, its size and its pages checked."""
    from PIL import Image

    with path.open("rb") as handle, Image.open(handle, formats=_FORMATS) as image:
        refuse_bomb(path, image.height, image.width)
        if image.format != "MPO":
            _refuse_pages(path, getattr(image, "n_frames", 1))
        yield image


def _refuse_pages(path: Path, count: int) -> None:
    if count > 1:
        raise ImageError(
            f"the file holds {count} pictures", file=path, fix="Save each radiograph as a file of its own."
        )


# JPEG, PNG, BMP


def _shallow(path: Path, image: Image.Image, *, grey: bool) -> Raster:
    """What Pillow decodes exactly: 8 bits or fewer a sample, and grey of 16."""
    from PIL import ImageOps

    if grey and image.format in ("JPEG", "MPO") and image.mode != "L":
        image.draft("L", image.size)  # let the decoder skip the colour
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        return Raster(_native(np.asarray(upright)), 16)
    if upright.mode == "L" and not upright.has_transparency_data:
        return Raster(np.asarray(upright), 8)
    return Raster(_on_black(path, upright), 8)


def _on_black(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    """The 8-bit picture in RGB, what is transparent shown on black like the background of a radiograph."""
    from PIL import Image

    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    colour = image.convert("RGBA")
    _refuse_invisible(path, np.asarray(colour.getchannel("A")))
    return np.asarray(Image.alpha_composite(Image.new("RGBA", colour.size, (0, 0, 0, 255)), colour).convert("RGB"))


def _needs_depth(path: Path, image: Image.Image) -> bool:
    """Whether a PNG's samples are what Pillow would cut: colour or alpha of 16 bits, or a grey that is transparent."""
    if image.format != "PNG":
        return False
    with path.open("rb") as handle:
        depth, colour = handle.read(26)[24:]
    return (depth == 16 and colour != 0) or (colour == 0 and "transparency" in image.info)


def _deep_png(path: Path, image: Image.Image) -> Raster:
    """A PNG through imagecodecs, which keeps 16 bits and gives a transparent grey or colour as alpha."""
    import imagecodecs

    samples = imagecodecs.png_decode(path.read_bytes())
    if samples.shape[:2] != (image.height, image.width):
        raise ValueError("not the header's size")
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    bits = samples.dtype.itemsize * 8
    colour, alpha = _apart(samples, samples.ndim == 3 and samples.shape[2] in (2, 4))
    if alpha is not None:
        colour = _composed(path, colour, alpha, (1 << bits) - 1)
    return Raster(_turned(colour, orientation), bits)


def _rare_jpeg(path: Path) -> str | None:
    """What kind of JPEG this is where it is one that Pillow does not read."""
    marker, bits = jpeg_frame(path.read_bytes()) or (0, 8)
    if marker == 0xF7:
        return "a JPEG-LS picture"
    if marker in (0xC3, 0xC7, 0xCB, 0xCF):
        return "a lossless JPEG"
    return None if bits == 8 else f"a JPEG of {bits} bits"


def jpeg_frame(content: bytes) -> tuple[int, int] | None:
    """The marker that begins a JPEG's or JPEG-LS's frame (ISO/IEC 10918-1 B.1.1.3) and the bits of its samples."""
    place = 2
    while place + 4 < len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4], "big")
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return marker, content[place + 4]
        place += 2 + length
    return None


# TIFF


@contextmanager
def _page(path: Path) -> Iterator[TiffPage]:
    """The one page of a TIFF file, checked for its size and that all of it is there."""
    from tifffile import TIFF, TiffFile, TiffPage

    with path.open("rb") as handle, TiffFile(handle) as file:
        _refuse_pages(path, len(file.pages))
        page = file.pages.first
        if not isinstance(page, TiffPage):
            raise TypeError("no page")
        refuse_bomb(path, page.imagelength, page.imagewidth)
        if page.imagedepth > 1:
            _refuse_pages(path, page.imagedepth)
        if file.imagej_metadata:  # a stack that says so in its description only
            _refuse_pages(path, int(file.imagej_metadata.get("images", 1)))
        room = page.tilewidth * page.tilelength if page.is_tiled else 1
        if page.samplesperpixel > 16 or room > 4 * max(page.imagelength * page.imagewidth, 1 << 20):
            raise ValueError("more memory than such a picture can need")
        if page.compression not in TIFF.DECOMPRESSORS:
            raise ImageError(
                f"a TIFF compressed by a method that is not read ({int(page.compression)})", file=path, fix=_PLAIN
            )
        end = max(
            (start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)), default=0
        )
        if not end or end > path.stat().st_size:
            raise ImageError("the picture is damaged or truncated", file=path, fix=_AGAIN)
        yield page


def _orientation(page: TiffPage) -> int:
    tag = page.tags.get(_EXIF_ORIENTATION)
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1


def _tiff(path: Path, page: TiffPage) -> Raster:
    """A page's samples as grey or colour on black, a greater value brighter, not yet upright."""
    photometric, bits = int(page.photometric), _bits(path, page)
    colours = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}.get(photometric, 0)
    extra = page.samplesperpixel - colours
    kinds = tuple(int(kind) for kind in page.extrasamples) or ((_UNASSOCIATED,) if photometric == _RGB else ())
    if not colours or extra < 0 or (extra and not kinds) or (photometric == _CMYK and _inks(page) != 1):
        raise _refused(path, page)
    samples = _native(page.asarray())
    samples = samples.astype(np.uint8) if samples.dtype == bool else samples
    if page.samplesperpixel > 1 and samples.shape[0] == page.samplesperpixel and int(page.planarconfig) == 2:
        samples = np.moveaxis(samples, 0, -1)
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    samples = samples.reshape(shape)  # a page that is something else ends here
    colour: Array = samples[..., :colours] if colours > 1 else samples[..., 0]
    top = float((1 << bits) - 1) if samples.dtype.kind == "u" else 1.0
    if photometric == _WHITE_IS_ZERO:
        colour = _mirrored(colour, bits)
    elif photometric == _PALETTE:
        colour = _painted(page, colour)
        bits = colour.dtype.itemsize * 8
    elif photometric == _CMYK:
        key = colour[..., 3:].astype(np.float64)
        colour = np.rint((top - colour[..., :3]) * (top - key) / top).astype(colour.dtype)
    elif photometric == _YCBCR and int(page.compression) not in _JPEG_COMPRESSIONS:
        colour = colour[..., 0]  # which is the luminance
    if extra and kinds[0] in (_ASSOCIATED, _UNASSOCIATED):
        alpha = samples[..., colours]
        if samples.dtype.kind not in "uf":
            raise _refused(path, page)
        if kinds[0] == _ASSOCIATED:  # multiplied already, and so on black
            _refuse_invisible(path, alpha)
        else:
            colour = _composed(path, colour, alpha, top)
    if bits < 8 and samples.dtype.kind == "u":
        colour = np.rint(colour * (255 / ((1 << bits) - 1))).astype(np.uint8)
    return Raster(np.ascontiguousarray(colour), bits)


def _bits(path: Path, page: TiffPage) -> int:
    """Bits of a sample, the same in every channel."""
    bits = page.bitspersample
    if not isinstance(bits, int) or page.dtype is None or page.dtype.kind not in "buif":
        raise _refused(path, page)
    return bits


def _refused(path: Path, page: TiffPage) -> ImageError:
    form = _PHOTOMETRIC.get(int(page.photometric), "of an unknown colour form")
    return ImageError(
        f"a TIFF of a form that is not read ({form}, {page.samplesperpixel} samples of {page.bitspersample} bits)",
        file=path,
        fix=_PLAIN,
    )


def _inks(page: TiffPage) -> int:
    tag = page.tags.get(332)
    return 1 if tag is None else int(tag.value)


def _painted(page: TiffPage, indices: Array) -> Array:
    """Palette entries in the depth they have: 8 bits, however a writer brought them to the 16 that TIFF asks for.

    Times 257, times 256, or not at all, as libtiff tells them apart; what is none of these has 16 bits.
    """
    entries: Array = np.asarray(page.colormap, dtype=np.uint16)
    high, low = entries >> 8, entries & 0xFF
    if not high.any():
        entries = low.astype(np.uint8)
    elif not low.any() or np.array_equal(high, low):
        entries = high.astype(np.uint8)
    return entries.T[indices]


def _mirrored(values: Array, bits: int) -> Array:
    """Zero as white: the greatest value that a sample can hold becomes black."""
    if values.dtype.kind == "f":
        return np.negative(values)  # a number has no greatest value; the window follows
    return np.subtract(-1 if values.dtype.kind == "i" else (1 << bits) - 1, values)


# What all have in common


def _native(values: Array) -> Array:
    return np.asarray(values, dtype=values.dtype.newbyteorder("="))


def _apart(samples: Array, has_alpha: bool) -> tuple[Array, Array | None]:
    """Samples as (H, W) or (H, W, 3), and their alpha."""
    if not has_alpha:
        return samples, None
    colour = samples[..., :-1]
    return (colour[..., 0] if colour.shape[2] == 1 else colour), samples[..., -1]


def _composed(path: Path, colour: Array, alpha: Array, top: float) -> Array:
    """Colour on black: what is transparent is dark, like the background of a radiograph."""
    _refuse_invisible(path, alpha)
    part = alpha if colour.ndim == 2 else alpha[..., None]
    if colour.dtype.kind == "f":
        return np.multiply(colour, part / top, dtype=colour.dtype)
    return np.rint(colour * (part / top)).astype(colour.dtype)


def _refuse_invisible(path: Path, alpha: Array) -> None:
    if not alpha.any():
        raise ImageError("every pixel of the picture is transparent", file=path, fix="Save it without transparency.")


def _turned(samples: Array, orientation: int) -> Array:
    """The upright picture, by the definition of EXIF's orientation: where its 0th row and 0th column lie."""
    if orientation >= 5:
        samples = np.swapaxes(samples, 0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation, ())
    return np.ascontiguousarray(np.flip(samples, flips)) if flips or orientation >= 5 else samples
