"""One scene in every container, depth, colour form and layout reads the same, or is refused with a sentence."""

from __future__ import annotations

import struct
from itertools import product
from pathlib import Path

import numpy as np
import picture_files as files
import pytest
from picture_files import png, tiff, transparent
from PIL import Image

from osteon.core.errors import ImageError
from osteon.io import image_size, read_image, read_mask, read_stored

Y, X = np.mgrid[:26, :37]
#: 12 bits, different in every row and column, and unlike any mirror image of itself.
SCENE = (300 + Y * 97 + X * 23 + (X > 25) * 211 + (Y > 15) * 97).astype(np.uint16)
EIGHT = (SCENE >> 4).astype(np.uint8)
LAYOUTS = [
    {"order": order, "tile": tile, "deflate": deflate, "big": big}
    for order, tile, deflate, big in product("<>", (None, 16), (False, True), (False, True))
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scene"


def reads_as(path: Path, content: bytes, values: np.ndarray, note: object = "") -> None:
    path.write_bytes(content)
    assert image_size(path) == values.shape, note
    stored = read_stored(path)
    np.testing.assert_array_equal(stored.values, values, err_msg=str(note))
    assert stored.values.dtype == values.dtype, note


def opaque(values: np.ndarray) -> np.ndarray:
    return np.full_like(values, np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_png(path: Path, depth: int, interlaced: bool) -> None:
    values = SCENE if depth == 16 else EIGHT
    colour, key = np.dstack([values] * 3), int(values[3, 5])
    forms = {
        "grey": png(values, depth, files.GREY, interlaced=interlaced),
        "RGB": png(colour, depth, files.RGB, interlaced=interlaced),
        "grey and alpha": png(np.dstack([values, opaque(values)]), depth, files.GREY_ALPHA, interlaced=interlaced),
        "RGBA": png(np.dstack([colour, opaque(values)]), depth, files.RGB_ALPHA, interlaced=interlaced),
        "no such grey": png(values, depth, files.GREY, transparent(7), interlaced=interlaced),
        "no such colour": png(colour, depth, files.RGB, transparent(7, 7, key), interlaced=interlaced),
    }
    for name, content in forms.items():
        reads_as(path, content, values, name)
    keyed = np.where(values == key, 0, values).astype(values.dtype)
    reads_as(path, png(values, depth, files.GREY, transparent(key), interlaced=interlaced), keyed)
    reads_as(path, png(colour, depth, files.RGB, transparent(key, key, key), interlaced=interlaced), keyed)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_png_of_few_bits(path: Path, depth: int) -> None:
    indices = SCENE >> (12 - depth)
    step = 255 // (2**depth - 1)
    expected = (indices * step).astype(np.uint8)
    keyed = np.where(indices == indices[9, 9], 0, expected).astype(np.uint8)
    ramp = files.chunk(b"PLTE", bytes(np.repeat(np.arange(2**depth) * step, 3).tolist()))
    clear = files.chunk(b"tRNS", bytes(255 * (entry != indices[9, 9]) for entry in range(2**depth)))
    reads_as(path, png(indices, depth, files.GREY), expected)
    reads_as(path, png(indices, depth, files.PALETTE, ramp), expected)
    reads_as(path, png(indices, depth, files.GREY, transparent(int(indices[9, 9]))), keyed)
    reads_as(path, png(indices, depth, files.PALETTE, ramp, clear), keyed)


def test_sixteen_bit_colour_is_not_cut_to_eight(path: Path) -> None:
    """Found: a PNG with three equal channels of 12 bits had 16 grey levels, the greatest 0.059."""
    path.write_bytes(png(SCENE, 16, files.GREY))
    grey = read_image(path).pixels
    path.write_bytes(png(np.dstack([SCENE] * 3), 16, files.RGB))
    np.testing.assert_array_equal(read_image(path).pixels, grey)
    assert len(np.unique(grey)) > 256
    assert grey.max() == 1


def test_colour_and_transparency_of_sixteen_bits(path: Path) -> None:
    rng = np.random.default_rng(2)
    colour = rng.integers(0, 65536, (9, 11, 3), dtype=np.uint16)
    alpha = rng.integers(0, 65536, (9, 11), dtype=np.uint16)
    luminance = colour @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    for content in (png(colour, 16, files.RGB), tiff(colour, photometric=2), tiff(colour, ">", 2, planar=True)):
        path.write_bytes(content)
        np.testing.assert_allclose(read_stored(path).values, luminance, atol=1)
    both = np.dstack([colour, alpha])
    for content in (png(both, 16, files.RGB_ALPHA), tiff(both, photometric=2, extra=(2,)), tiff(both, photometric=2)):
        path.write_bytes(content)
        np.testing.assert_allclose(read_stored(path).values, luminance * (alpha / 65535), atol=1.5)
    path.write_bytes(png(np.dstack([colour[..., 0], alpha]), 16, files.GREY_ALPHA))
    np.testing.assert_allclose(read_stored(path).values, colour[..., 0] * (alpha / 65535), atol=0.5)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"])
def test_grey_tiff_of_every_number(path: Path, kind: str) -> None:
    values = EIGHT if kind == "u1" else SCENE.astype(kind)
    if kind[0] == "i":
        values = values - np.dtype(kind).type(2000)  # below 0 as well
    # Zero as white: what is stored falls where the scene rises (TIFF 6.0, PhotometricInterpretation).
    white = np.iinfo(kind).max - values if kind[0] == "u" else -1 - values if kind[0] == "i" else -values
    expected = values.astype(np.float32) if kind == "f2" else values
    for layout in LAYOUTS:
        path.write_bytes(tiff(values, photometric=1, **layout))
        np.testing.assert_array_equal(read_stored(path).values, expected, err_msg=str(layout))
        path.write_bytes(tiff(white, photometric=0, **layout))
        np.testing.assert_array_equal(read_stored(path).values, expected, err_msg=str(layout))
    if kind != "u1":
        low, high = np.percentile(SCENE, [0.5, 99.5])
        scene = np.clip((SCENE - low) / (high - low), 0, 1)
        np.testing.assert_allclose(read_image(path).pixels, scene, atol=2e-3 if kind == "f2" else 1e-5)


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("planar", [False, True])
def test_colour_tiff(path: Path, kind: str, planar: bool) -> None:
    values = EIGHT if kind == "u1" else SCENE.astype(kind)
    colour, full = np.dstack([values] * 3), opaque(values)
    half = np.where(X < 20, full, 0).astype(kind)
    for layout in LAYOUTS[::3]:
        made = {"planar": planar, **layout}
        reads_as(path, tiff(colour, photometric=2, **made), values, made)
        for extra in (0, 1, 2):
            reads_as(path, tiff(np.dstack([colour, full]), photometric=2, extra=(extra,), **made), values, made)
            reads_as(path, tiff(np.dstack([values, full]), photometric=1, extra=(extra,), **made), values, made)
        shown = np.where(half > 0, values, 0).astype(kind)
        reads_as(path, tiff(np.dstack([colour, half]), photometric=2, extra=(2,), **made), shown, made)
        reads_as(path, tiff(np.dstack([shown] * 3 + [half]), photometric=2, extra=(1,), **made), shown, made)
        if kind != "f4":
            inks = np.dstack([np.zeros_like(values)] * 3 + [full - values])
            reads_as(path, tiff(inks, photometric=5, **made), values, made)


def test_tiff_of_odd_depths_and_palettes(path: Path) -> None:
    for bits in (1, 2, 4):
        indices = (SCENE >> (12 - bits)).astype(np.uint8)
        expected = (indices * (255 // (2**bits - 1))).astype(np.uint8)
        reads_as(path, tiff(indices, bits=bits), expected, bits)
        reads_as(path, tiff(2**bits - 1 - indices, photometric=0, bits=bits), expected, bits)
    for bits in (12, 14):
        reads_as(path, tiff(SCENE, bits=bits), SCENE, bits)
        reads_as(path, tiff(2**bits - 1 - SCENE, ">", photometric=0, bits=bits), SCENE, bits)
        assert read_stored(path).bits == bits
    ramp = np.repeat(np.arange(256, dtype=np.uint16)[:, None], 3, axis=1)
    for scale in (257, 256, 1):  # the last as writers that take the entries for bytes
        reads_as(path, tiff(EIGHT, photometric=3, colormap=ramp * np.uint16(scale)), EIGHT, scale)
    deep = (np.arange(256, dtype=np.uint16) * 16 + 3)[:, None].repeat(3, axis=1)
    reads_as(path, tiff(EIGHT, photometric=3, colormap=deep), deep[EIGHT, 0])
    half = np.where(X < 20, 255, 0).astype(np.uint8)
    seen = np.where(X < 20, deep[EIGHT, 0], 0).astype(np.uint16)
    reads_as(path, tiff(np.dstack([EIGHT, half]), photometric=3, colormap=deep, extra=(2,)), seen)
    turned = tiff(
        np.ascontiguousarray(EIGHT.T[::-1]), photometric=3, colormap=ramp[::-1] * np.uint16(257), orientation=6
    )
    reads_as(path, turned, 255 - EIGHT)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_are_turned_upright_too(path: Path, orientation: int) -> None:
    stored = {
        **{1: SCENE, 2: SCENE[:, ::-1], 3: SCENE[::-1, ::-1], 4: SCENE[::-1]},
        **{5: SCENE.T, 6: SCENE.T[::-1], 7: SCENE.T[::-1, ::-1], 8: SCENE.T[:, ::-1]},
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = files.chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    reads_as(path, png(stored, 16, files.GREY, turn), SCENE)
    reads_as(path, png(np.dstack([stored] * 3), 16, files.RGB, turn), SCENE)
    reads_as(path, tiff(stored, ">", orientation=orientation, tile=16), SCENE)
    reads_as(path, tiff(np.dstack([stored] * 3), photometric=2, orientation=orientation, planar=True), SCENE)


def test_the_containers_that_pillow_writes(path: Path) -> None:
    grey, colour = Image.fromarray(EIGHT), Image.fromarray(np.dstack([EIGHT] * 3))
    options = [
        *(("TIFF", {"compression": name}) for name in ("tiff_lzw", "packbits", "tiff_deflate", "tiff_adobe_deflate")),
        *(("BMP", {}), ("PNG", {}), ("TIFF", {"big_tiff": True})),
    ]
    for form, given in options:
        for image in (grey, colour, colour.convert("P", palette=Image.Palette.ADAPTIVE), colour.convert("CMYK")):
            if image.mode == "CMYK" and form != "TIFF":
                continue
            image.save(path, form, **given)
            np.testing.assert_array_equal(read_stored(path).values, EIGHT, err_msg=f"{form} {image.mode} {given}")
    Image.fromarray(SCENE).save(path, "TIFF", compression="tiff_lzw")
    np.testing.assert_array_equal(read_stored(path).values, SCENE)
    for image in (grey, colour, colour.convert("CMYK")):  # lossy
        image.save(path, "JPEG", quality=100, subsampling=0)
        np.testing.assert_allclose(read_stored(path).values.astype(int), EIGHT, atol=3)
        image.save(path, "TIFF", compression="jpeg", quality=100)
        np.testing.assert_allclose(read_stored(path).values.astype(int), EIGHT, atol=3)


def test_grey_levels_beyond_single_precision_are_kept(path: Path) -> None:
    path.write_bytes(tiff(SCENE))
    plain = read_image(path).pixels
    raised = [SCENE.astype(np.uint32) + np.uint32(3 << 30), SCENE.astype(np.int32) - np.int32(2**31 - 1)]
    for values in [*raised, SCENE.astype(np.float64) + 1e12, SCENE * 1e-200, SCENE * np.float32(1e-41)]:
        path.write_bytes(tiff(values))
        np.testing.assert_allclose(read_image(path).pixels, plain, atol=2e-3 if values.dtype == np.float32 else 1e-6)


def test_gamma_and_profiles_change_nothing(path: Path) -> None:
    gamma = files.chunk(b"gAMA", (100_000).to_bytes(4, "big"))
    reads_as(path, png(SCENE, 16, files.GREY, gamma), SCENE)
    reads_as(path, png(np.dstack([EIGHT] * 3), 8, files.RGB, files.chunk(b"sRGB", b"\0"), gamma), EIGHT)
    Image.fromarray(EIGHT).save(path, "PNG", icc_profile=b"\0" * 200)
    np.testing.assert_array_equal(read_stored(path).values, EIGHT)


def test_a_picture_that_is_nearly_all_one_value_does_not_vanish(path: Path) -> None:
    values = np.zeros((60, 60), dtype=np.uint16)
    values[30:33, 30:33] = 900
    path.write_bytes(tiff(values))
    np.testing.assert_array_equal(read_image(path).pixels, values > 0)


# Refused, with a sentence that tells what it is


def test_what_cannot_be_meant_is_refused(path: Path) -> None:
    nan = SCENE.astype(np.float32)
    nan[4, 4] = np.nan
    infinite = SCENE.astype(np.float64)
    infinite[4, 4] = -np.inf
    nothing = np.zeros_like(SCENE)
    page, one = tiff(SCENE), struct.pack("<HHIHH", 259, 3, 1, 1, 0)
    cases = {
        "no numbers": [tiff(nan), tiff(infinite), tiff(nan, photometric=0)],
        "every pixel of the picture is transparent": [
            png(np.dstack([SCENE, nothing]), 16, files.GREY_ALPHA),
            png(np.dstack([SCENE] * 3 + [nothing]), 8, files.RGB_ALPHA),
            tiff(np.dstack([SCENE, nothing]), extra=(2,)),
        ],
        "a TIFF of a form that is not read": [
            tiff(np.dstack([EIGHT] * 3), photometric=8),  # CIELab
            tiff(np.dstack([EIGHT] * 5), photometric=1),  # five samples, and no word about the other four
            tiff(SCENE, photometric=32803),
        ],
        "damaged or truncated": [page[: len(page) // 2], page[:8] + bytes(100)],
        r"compressed by a method that is not read \(99\)": [page.replace(one, struct.pack("<HHIHH", 259, 3, 1, 99, 0))],
        "the file holds 5 pictures": [tiff(SCENE, more=((32997, 4, 5),))],
    }
    for reason, contents in cases.items():
        for content in contents:
            path.write_bytes(content)
            with pytest.raises(ImageError, match=rf"scene: .*{reason}") as caught:
                read_image(path)
            assert caught.value.fix


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8, 0.95])
def test_no_part_of_a_deep_picture_passes_for_the_whole(path: Path, part: float) -> None:
    noise = np.random.default_rng(4).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    contents = [png(noise, 16, files.RGB), png(noise, 16, files.RGB, interlaced=True)]
    contents += [tiff(noise, photometric=2, **layout) for layout in LAYOUTS]
    for whole in contents:
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(ImageError, match="damaged or truncated"):
            read_image(path)


# Masks follow the same rules


def test_masks_in_every_form(path: Path) -> None:
    inside = (Y > 5) & (Y < 14) & (X > 20) & (X < 30)
    ones = inside.astype(np.uint8)
    labels = ones * np.where(X < 25, 1, 2).astype(np.uint8)
    deep = ones * np.uint16(9)
    none = np.zeros_like(ones)
    blue = np.dstack([none, none, ones])
    palette = files.chunk(b"PLTE", bytes([0, 0, 0, 0, 0, 1, 128, 0, 0]))
    white = np.full((*ones.shape, 3), 255, np.uint8)
    contents = {
        "1 bit": png(ones, 1, files.GREY),
        "labels": png(labels, 8, files.GREY),
        "16 bits": png(deep, 16, files.GREY),
        "colour of 16 bits": png(np.dstack([deep] * 3), 16, files.RGB),
        "the darkest blue": png(blue, 8, files.RGB),
        "the darkest blue of 16 bits": png(blue, 16, files.RGB),
        "palette": png(labels, 8, files.PALETTE, palette),
        "alpha": png(np.dstack([white, ones * np.uint8(255)]), 8, files.RGB_ALPHA),
        "alpha of 16 bits": png(np.dstack([deep, np.full_like(deep, 65535)]), 16, files.GREY_ALPHA),
        "a transparent grey": png(np.where(inside, 200, 100), 8, files.GREY, transparent(100)),
        "zero as white": tiff(np.uint16(65535) - deep, photometric=0),
        "zero as white, 1 bit": tiff(1 - ones, photometric=0, bits=1),
        "zero as white, big-endian": tiff(255 - ones, ">", photometric=0, tile=16),
        "float": tiff(ones.astype(np.float32), ">"),
        "signed": tiff(ones.astype(np.int16)),
    }
    for name, content in contents.items():
        path.write_bytes(content)
        np.testing.assert_array_equal(read_mask(path, ones.shape), inside, err_msg=name)
    for bad, reason in ((np.nan, "no numbers"), (-1, "below 0")):
        values = ones.astype(np.float32)
        values[0, 0] = bad
        path.write_bytes(tiff(values))
        with pytest.raises(ImageError, match=rf"scene: the \w+ holds values .*{reason}") as caught:
            read_mask(path, ones.shape)
        assert caught.value.fix
