"""Pictures that are no DICOM: depth, colour, transparency, orientation, size, and everything that can be wrong."""

from __future__ import annotations

import contextlib
import shutil
import struct
import threading
import warnings
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from osteon.core.errors import ImageError
from osteon.io import StoredRadiograph, image_size, read_image, read_mask, read_stored
from osteon.io.images import read_noted_mask
from osteon.io.stored import percentile_window, quiet

H, W = 40, 60


@pytest.fixture(scope="module")
def ramp() -> np.ndarray:
    """(H, W) uint16 in 12 bits, different in every row and column."""
    y, x = np.mgrid[:H, :W]
    return (y * 61 + x * 23 + (x > 30) * 301).astype(np.uint16)


def saved(path: Path, values: np.ndarray, **options: object) -> Path:
    Image.fromarray(values).save(path, **options)
    return path


def test_eight_bit_grey_is_read_exactly(tmp_path: Path, ramp: np.ndarray) -> None:
    values = (ramp % 256).astype(np.uint8)
    for suffix in ("png", "tif", "bmp"):
        radiograph = read_image(saved(tmp_path / f"grey.{suffix}", values))
        assert radiograph.pixels.dtype == np.float32
        np.testing.assert_allclose(radiograph.pixels, values / 255, atol=1e-7)
        assert radiograph.spacing is None


def test_jpeg_grey_and_colour_give_the_same_luminance(tmp_path: Path, ramp: np.ndarray) -> None:
    values = (ramp // 16).astype(np.uint8)
    grey = read_image(saved(tmp_path / "grey.jpeg", values, quality=95))
    colour = read_image(saved(tmp_path / "colour.jpg", np.repeat(values[..., None], 3, axis=2), quality=95))
    np.testing.assert_allclose(grey.pixels, values / 255, atol=6 / 255)
    np.testing.assert_allclose(colour.pixels, grey.pixels, atol=2 / 255)


def test_colour_becomes_the_luminance_of_itu_r_601(tmp_path: Path) -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    pixels = read_image(saved(tmp_path / "colour.png", colours)).pixels
    np.testing.assert_allclose(pixels[0], [0.299, 0.587, 0.114, 1], atol=1 / 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_twelve_bits_in_a_sixteen_bit_file_fill_the_range(tmp_path: Path, ramp: np.ndarray, suffix: str) -> None:
    stored = read_stored(saved(tmp_path / f"deep.{suffix}", ramp))
    np.testing.assert_array_equal(stored.values, ramp)
    assert stored.bits == 16
    assert stored.window == tuple(np.percentile(ramp, [0.5, 99.5]))
    pixels = stored.render().pixels
    assert pixels.min() == 0
    assert pixels.max() == 1
    assert 0.3 < pixels.mean() < 0.7
    assert len(np.unique(pixels)) > 256  # grey levels beyond eight bits are kept


def test_sixteen_bits_of_either_byte_order(tmp_path: Path, ramp: np.ndarray) -> None:
    for order in ("<", ">"):
        path = tmp_path / "order.tif"
        path.write_bytes(tiff(ramp, order, photometric=1))
        np.testing.assert_array_equal(read_stored(path).values, ramp)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_whose_zero_is_white_is_inverted_once(tmp_path: Path, ramp: np.ndarray, bits: int) -> None:
    values = ramp if bits == 16 else (ramp // 16).astype(np.uint8)
    path = tmp_path / "white.tif"
    path.write_bytes(tiff(values, "<", photometric=0))
    np.testing.assert_array_equal(read_stored(path).values, (2**bits - 1) - values.astype(int))


def test_thirty_two_bit_and_float_tiff(tmp_path: Path, ramp: np.ndarray) -> None:
    whole = read_stored(saved(tmp_path / "whole.tif", ramp.astype(np.int32)))
    np.testing.assert_array_equal(whole.values, ramp)
    broken = ramp.astype(np.float32)
    np.testing.assert_array_equal(read_stored(saved(tmp_path / "float.tif", broken)).values, broken)
    broken[3, 3] = np.nan
    with pytest.raises(ImageError, match=r"bad\.tif: the picture holds values that are no numbers"):
        read_image(saved(tmp_path / "bad.tif", broken))


def test_transparency_is_black(tmp_path: Path, ramp: np.ndarray) -> None:
    values = (ramp // 16).astype(np.uint8)
    alpha = np.zeros_like(values)
    alpha[:, :30] = 255
    expected = np.where(alpha > 0, values, 0) / 255
    for mode, layers in (("LA", [values, alpha]), ("RGBA", [values, values, values, alpha])):
        path = tmp_path / f"{mode}.png"
        Image.merge(mode, [Image.fromarray(layer) for layer in layers]).save(path)
        np.testing.assert_allclose(read_image(path).pixels, expected, atol=1 / 255)


def test_palette_and_one_bit(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [2, 3]], dtype=np.uint8)
    palette = Image.fromarray(indices, mode=None).convert("P")
    palette.putpalette([200, 200, 200, 0, 0, 0, 100, 100, 100, 255, 255, 255])
    palette.save(tmp_path / "palette.png")
    got = read_stored(tmp_path / "palette.png").values
    np.testing.assert_array_equal(got, np.array([200, 0, 100, 255])[np.asarray(palette)])
    Image.fromarray(indices > 1).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bit.png").pixels, indices > 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_exif_orientation_turns_the_picture_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = np.kron(np.array([[250, 10, 90], [40, 160, 120]], dtype=np.uint8), np.ones((16, 16), dtype=np.uint8))
    # How a camera stores it, by the definition of the EXIF tag (which edge of the scene the 0th row and column are).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    image = Image.fromarray(np.ascontiguousarray(stored))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{suffix}"
    image.save(path, exif=exif, **({"quality": 100} if suffix == "jpg" else {}))
    pixels = read_image(path).pixels
    assert image_size(path) == pixels.shape == upright.shape
    np.testing.assert_allclose(pixels, upright / 255, atol=3 / 255)
    saved(tmp_path / "mask.png", (upright > 100).astype(np.uint8))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", pixels.shape), upright > 100)


def test_a_constant_picture_has_no_nan(tmp_path: Path) -> None:
    for values in (np.full((8, 8), 7, np.uint8), np.full((8, 8), 700, np.uint16)):
        assert np.isfinite(read_image(saved(tmp_path / "flat.png", values)).pixels).all()


@given(
    values=st.lists(st.integers(0, 4095), min_size=4, max_size=40),
    low=st.integers(-100, 4000),
    width=st.integers(0, 5000),
)
def test_rendering_keeps_order_and_range(values: list[int], low: int, width: int) -> None:
    array = np.array([sorted(values)], dtype=np.uint16)
    for curve in ("line", "sigmoid", np.linspace(0, 1, width + 1, dtype=np.float32)):
        if isinstance(curve, str) and curve == "sigmoid" and width == 0:
            continue
        pixels = StoredRadiograph(array, (low, low + width), 12, curve=curve).render().pixels
        assert pixels.dtype == np.float32
        assert (np.diff(pixels) >= 0).all()
        assert pixels.min() >= 0
        assert pixels.max() <= 1


def test_the_default_window_leaves_padding_out() -> None:
    values = np.zeros((600, 600), dtype=np.uint16)
    values[100:, 100:] = 1000 + np.arange(500)
    low, high = percentile_window(values, values > 0)
    assert 1000 <= low < 1010
    assert 1490 < high <= 1500


# What is wrong with a file, and what the message must say.


def test_masks(tmp_path: Path) -> None:
    inside = np.zeros((H, W), dtype=bool)
    inside[10:20, 30:50] = True
    red = np.zeros((H, W, 3), dtype=np.uint8)
    red[inside] = (200, 0, 0)
    for name, values in (("ones", inside.astype(np.uint8)), ("deep", inside * np.uint16(9)), ("red", red)):
        np.testing.assert_array_equal(read_mask(saved(tmp_path / f"{name}.png", values), (H, W)), inside)
    jpeg = saved(tmp_path / "mask.jpg", inside * np.uint8(255), quality=30)
    np.testing.assert_array_equal(read_mask(jpeg, (H, W)), inside)
    with pytest.raises(ImageError, match=r"ones\.png: the mask has 60 x 40 pixels and the radiograph 61 x 40"):
        read_mask(tmp_path / "ones.png", (H, W + 1))


def test_what_a_person_should_know_of_a_mask_is_noted(tmp_path: Path) -> None:
    inside = np.zeros((H, W), dtype=np.uint8)
    inside[10:20, 30:50] = 1
    inside[10:20, 40:50] = 3
    red = np.zeros((H, W, 3), dtype=np.uint8)
    red[..., 0], red[..., 1] = inside > 0, inside == 3
    several = ("the mask holds several values besides black; all of them count as lesion",)
    whole = ("the mask covers the whole picture",)
    for values, notes in ((inside, several), (red, several), (inside > 0, ()), (inside * 0 + 7, whole)):
        mask, noted = read_noted_mask(saved(tmp_path / "mask.png", values), (H, W))
        np.testing.assert_array_equal(mask, (values > 0).any(axis=2) if values.ndim == 3 else values > 0)
        assert noted == notes


def test_the_second_picture_of_a_phone_is_left_aside_with_a_note(tmp_path: Path, ramp: np.ndarray) -> None:
    pages = [Image.fromarray((ramp // 16).astype(np.uint8)), Image.fromarray((ramp // 32).astype(np.uint8))]
    pages[0].save(tmp_path / "two.jpg", format="MPO", save_all=True, append_images=pages[1:])
    stored = read_stored(tmp_path / "two.jpg")
    np.testing.assert_allclose(stored.values, ramp // 16, atol=8)
    assert "further pictures" in stored.notes[0]


def test_what_is_no_image_is_named(tmp_path: Path, ramp: np.ndarray) -> None:
    heic, avif, film = (bytes(3) + b"\x20ftyp" + brand + bytes(40) for brand in (b"heic", b"avif", b"isom"))
    texts = {
        "notes": (b"x0,y0\n1,2\n", "not an image but a text file"),
        "marked": ("\ufeffKnochen, größer\n".encode(), "not an image but a text file"),
        "windows": ("Größe;Zähler\r\n".encode("cp1252"), "not an image but a text file"),
        "wide": ("Größe\n".encode("utf-16"), "not an image but a text file"),
        "pointer": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n",
            "not an image but a Git LFS pointer",
        ),
        "page": (b"<!DOCTYPE html>\n<html><head>", "not an image but a web page"),
        "drawing": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "an SVG drawing"),
    }
    binaries = {
        "archive": (b"PK\x03\x04" + bytes(500), "not an image but a zip archive"),
        "packed": (b"\x1f\x8b\x08" + bytes(50), "not an image but a gzip archive"),
        "document": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not an image but a PDF document"),
        "apple": (heic, "a HEIC picture"),
        "av1": (avif, "an AVIF picture"),
        "film": (film, "not an image but a film"),
        "web": (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(30), "a WebP picture"),
        "gif": (b"GIF89a" + bytes(30), "a GIF picture"),
        "wavelet": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(30), "a JPEG 2000 picture"),
        "xl": (b"\xff\x0a" + bytes(30), "a JPEG XL picture"),
        "volume": (bytes(344) + b"n+1\0" + bytes(30), "a NIfTI volume"),
        "array": (b"\x93NUMPY\x01\0" + bytes(30), "a NumPy array"),
        "companion": (b"\0\x05\x16\x07" + bytes(30), "not an image but a companion file of macOS"),
        "zeros": (bytes(5000), "not an image but a file of zeros"),
        "noise": (b"\x9c\x01\x80\xfe" * 50, "not an image of a known kind"),
        "headless": (b"DICM" + bytes(50), "a DICOM file that lost its first 128 bytes"),
        "empty": (b"", "the file is empty"),
    }
    for name, (content, reason) in {**texts, **binaries}.items():
        for ending in ("", ".png", ".dcm", ".TIF"):  # the content decides, not the name
            path = tmp_path / f"{name}{ending}"
            path.write_bytes(content)
            for read in (read_image, image_size, partial(read_mask, shape=(1, 1))):
                with pytest.raises(ImageError, match=rf"{name}{ending}: {reason}") as caught:
                    read(path)
                assert caught.value.fix
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="no such file"):
        read_mask(tmp_path / "absent.png", (1, 1))
    with pytest.raises(ImageError, match="a folder, not a picture"):
        read_image(tmp_path)


def test_rare_kinds_of_jpeg_are_named(tmp_path: Path, ramp: np.ndarray) -> None:
    whole = saved(tmp_path / "a.jpg", (ramp // 16).astype(np.uint8)).read_bytes()
    place = whole.index(b"\xff\xc0")
    for marker, bits, reason in ((0xC1, 12, "a JPEG of 12 bits"), (0xC3, 8, "a lossless JPEG"), (0xF7, 8, "a JPEG-LS")):
        frame = bytes([0xFF, marker]) + whole[place + 2 : place + 4] + bytes([bits])
        (tmp_path / "a.jpg").write_bytes(whole[:place] + frame + whole[place + 5 :])
        with pytest.raises(ImageError, match=rf"a\.jpg: the file is {reason}.*16-bit grey"):
            read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_truncated_picture_is_refused(tmp_path: Path, suffix: str, part: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200), dtype=np.uint8)
    path = saved(tmp_path / f"cut.{suffix}", noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ImageError, match=r"cut\.\w+: (the picture is damaged or truncated|not an image)"):
        read_image(path)


def test_damaged_pictures_never_escape_as_other_errors(tmp_path: Path, ramp: np.ndarray) -> None:
    rng = np.random.default_rng(7)
    for suffix in ("png", "jpg", "tif"):
        path = saved(tmp_path / f"whole.{suffix}", (ramp // 16).astype(np.uint8))
        content = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(60):
            damaged = content.copy()
            damaged[rng.integers(8, len(damaged), 6)] = rng.integers(0, 256, 6)
            path.write_bytes(damaged.tobytes())
            with contextlib.suppress(ImageError):
                assert np.isfinite(read_image(path).pixels).all()


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    for side in (12_500, 60_000):  # Pillow only warns about the first

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        for read in (read_image, image_size):
            with pytest.raises(ImageError, match=r"pixels, more than|too large"):
                read(path)


def test_several_pictures_in_a_file_are_refused(tmp_path: Path, ramp: np.ndarray) -> None:
    pages = [Image.fromarray(ramp), Image.fromarray(ramp)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(ImageError, match=r"pages\.tif: the file holds 2 pictures"):
        read_image(tmp_path / "pages.tif")


def test_content_and_not_the_name_decides(tmp_path: Path, ramp: np.ndarray) -> None:
    path = saved(tmp_path / "picture.png", (ramp // 16).astype(np.uint8))
    shutil.copy(path, tmp_path / "picture.dcm")
    np.testing.assert_array_equal(read_image(tmp_path / "picture.dcm").pixels, read_image(path).pixels)


def test_quiet_leaves_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    first, second = threading.Event(), threading.Event()

    def overlapping() -> None:
        with quiet():
            first.set()
            second.wait(5)

    thread = threading.Thread(target=overlapping)
    with quiet():
        thread.start()
        first.wait(5)
    second.set()
    thread.join()
    assert list(warnings.filters) == before
    with quiet(), pytest.warns(UserWarning, match="mine"):
        warnings.warn("mine", stacklevel=1)


def test_real_radiographs(shared: Path) -> None:
    path = shared / "data/btxrd256/images/IMG000001.png"
    radiograph = read_image(path)
    np.testing.assert_array_equal(radiograph.pixels, np.asarray(Image.open(path), np.float32) * np.float32(1 / 255))
    mask = read_mask(shared / "data/btxrd256/masks/IMG000001.png", radiograph.pixels.shape)
    rows, columns = np.nonzero(mask)
    # metadata.csv's box of this case
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (161, 67, 234, 133)


def tiff(values: np.ndarray, order: str, photometric: int) -> bytes:
    """A minimal uncompressed grey TIFF."""
    height, width = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    entries = [
        (256, 3, width),
        (257, 3, height),
        (258, 3, values.dtype.itemsize * 8),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8 + 2 + 12 * 8 + 4),
        (277, 3, 1),
        (279, 4, len(data)),
    ]
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, value in entries:
        packed = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
        directory += struct.pack(order + "HHI", tag, kind, 1) + packed
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + directory + bytes(4) + data
