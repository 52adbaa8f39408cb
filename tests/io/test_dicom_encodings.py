"""One scene in every DICOM encoding reads the same: transfer syntaxes, unused bits, signs, colour forms, byte order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from dicom_files import dataset, write
from pydicom import uid
from pydicom.dataset import Dataset

from osteon.io import read_image, read_stored

ROWS, COLUMNS = 48, 64
#: 500 to 3571: 12 bits, every pixel different from every other.
SCENE = (500 + np.arange(ROWS * COLUMNS)).reshape(ROWS, COLUMNS)
BEYOND = "bits beyond BitsStored are set, by an overlay perhaps, and were not read"

Encoder = Callable[[np.ndarray], bytes]
#: How whole words of 16 bits are compressed, by libraries that know nothing of Bits Stored.
ENCODERS: dict[uid.UID, Encoder | None] = {
    uid.ImplicitVRLittleEndian: None,
    uid.ExplicitVRLittleEndian: None,
    uid.DeflatedExplicitVRLittleEndian: None,
    uid.ExplicitVRBigEndian: None,
    uid.RLELossless: None,
    uid.JPEGLossless: lambda words: imagecodecs.ljpeg_encode(words, bitspersample=16),
    uid.JPEGLosslessSV1: lambda words: imagecodecs.ljpeg_encode(words, bitspersample=16),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_encode,
    uid.JPEG2000Lossless: lambda words: imagecodecs.jpeg2k_encode(words, level=0, codecformat="J2K"),
    uid.JPEG2000: lambda words: imagecodecs.jpeg2k_encode(words, level=0, codecformat="J2K"),
    uid.HTJ2KLossless: lambda words: imagecodecs.htj2k_encode(words, reversible=True),
}


def encoded(path: Path, words: np.ndarray, syntax: uid.UID, **attributes: object) -> Path:
    """A file whose pixels are these words, in a transfer syntax."""
    new = dataset(words)
    encoder = ENCODERS[syntax]
    if syntax == uid.RLELossless:
        write(path, new)
        new.compress(syntax)
    elif syntax == uid.ExplicitVRBigEndian:
        new.PixelData = words.astype(words.dtype.newbyteorder(">")).tobytes()
    for name, value in attributes.items():
        setattr(new, name, value)
    if syntax == uid.RLELossless:
        new.save_as(path, enforce_file_format=True)
        return path
    return write(path, new, syntax, frame=None if encoder is None else encoder(words))


@pytest.mark.parametrize("syntax", ENCODERS, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("signed", [False, True])
def test_unused_bits_are_ignored_in_every_transfer_syntax(tmp_path: Path, syntax: uid.UID, signed: bool) -> None:
    """PS3.5 8.1.1. Found: with an overlay in bit 15, JPEG-LS gave 500 to 34183, the plain file 500 to 3571."""
    true = SCENE - 2000 if signed else SCENE
    rng = np.random.default_rng(8)
    for high in (11, 13, 15):
        unused = 0xFFFF ^ (0xFFF << (high - 11))
        words = ((true & 0xFFF) << (high - 11)) | (rng.integers(0, 65536, SCENE.shape) & unused)
        path = encoded(
            tmp_path / "a.dcm",
            words.astype(np.uint16),
            syntax,
            BitsStored=12,
            HighBit=high,
            PixelRepresentation=int(signed),
        )
        stored = read_stored(path)
        np.testing.assert_array_equal(stored.values, true)
        assert stored.bits == 12
        assert stored.notes == ((BEYOND,) if high == 11 else ())
    # One overlay in bit 15, as the fault was found, and none at all, signs extended over the word.
    overlay = (true & 0xFFF) | (np.arange(COLUMNS) % 3 == 0) << 15
    for words, notes in ((overlay, (BEYOND,)), (true & 0xFFFF if signed else true, ())):
        plain = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": int(signed)}
        stored = read_stored(encoded(tmp_path / "a.dcm", words.astype(np.uint16), syntax, **plain))
        np.testing.assert_array_equal(stored.values, true)
        assert stored.notes == notes


@pytest.mark.parametrize("allocated", [8, 16, 32])
def test_every_width_of_a_word(tmp_path: Path, allocated: int) -> None:
    for bits in {8: (1, 7, 8), 16: (1, 8, 10, 15, 16), 32: (12, 24, 31, 32)}[allocated]:
        true = (SCENE * 977) % (1 << bits)
        for order, syntax in (("<", uid.ImplicitVRLittleEndian), (">", uid.ExplicitVRBigEndian)):
            noise = np.random.default_rng(bits).integers(0, 2, SCENE.shape) << bits if bits < allocated else 0
            new = dataset((true | noise).astype(f"u{allocated // 8}"), bits=bits)
            new.PixelData = (true | noise).astype(f"{order}u{allocated // 8}").tobytes()
            np.testing.assert_array_equal(read_stored(write(tmp_path / "a.dcm", new, syntax)).values, true)


def test_a_high_word_does_not_lose_its_grey_levels(tmp_path: Path) -> None:
    deep = (SCENE + (3 << 30)).astype(np.uint32)
    plain = read_image(write(tmp_path / "a.dcm", dataset(SCENE.astype(np.uint16)))).pixels
    np.testing.assert_allclose(read_image(write(tmp_path / "b.dcm", dataset(deep))).pixels, plain, atol=1e-6)


def test_a_compressed_picture_may_be_deeper_than_bits_stored_says(tmp_path: Path) -> None:
    words = (SCENE * 4).astype(np.uint16)  # 14 bits
    for syntax, frame in (
        (uid.JPEGLossless, imagecodecs.ljpeg_encode(words, bitspersample=14)),
        (uid.JPEG2000Lossless, imagecodecs.jpeg2k_encode(words, level=0, codecformat="J2K", bitspersample=14)),
    ):
        stored = read_stored(write(tmp_path / "a.dcm", dataset(words, bits=12), syntax, frame=frame))
        np.testing.assert_array_equal(stored.values, words)
        assert stored.bits == 14
        assert "the depth of the compressed picture" in stored.notes[0]


def test_lossy_overshoot_is_no_overlay(tmp_path: Path) -> None:
    """A lossy decoder may pass the stored range by a little: taken for unused bits, white would turn black."""
    words = np.where(SCENE > 2000, 4095, 0).astype(np.uint16)
    over = (words + 60 * (words > 0)).astype(np.uint16)  # what an irreversible wavelet makes of such an edge
    frame = imagecodecs.jpeg2k_encode(over, level=0, codecformat="J2K")
    stored = read_stored(write(tmp_path / "a.dcm", dataset(words, bits=12), uid.JPEG2000, frame=frame))
    np.testing.assert_array_equal(stored.values, words)


def test_missing_and_impossible_bits_fall_back(tmp_path: Path) -> None:
    words = SCENE.astype(np.uint16)
    cases: dict[str, dict[str, object]] = {
        "BitsStored is missing or impossible": {"BitsStored": 17},
        "HighBit is missing or impossible": {"BitsStored": 12, "HighBit": 3},
        "PixelRepresentation is missing or impossible": {"PixelRepresentation": 7},
    }
    for note, attributes in cases.items():
        stored = read_stored(write(tmp_path / "a.dcm", dataset(words, **attributes)))
        np.testing.assert_array_equal(stored.values, words)
        assert [note in said for said in stored.notes] == [True]
    for name in ("BitsStored", "HighBit", "PixelRepresentation"):
        new = dataset(words)
        del new[name]
        stored = read_stored(write(tmp_path / "a.dcm", new))
        np.testing.assert_array_equal(stored.values, words)
        assert [f"{name} is missing" in said for said in stored.notes] == [True]


# Colour


def colour(planes: np.ndarray, photometric: str, **attributes: object) -> Dataset:
    """A dataset of (H, W, 3) samples, interleaved."""
    new = dataset(np.ascontiguousarray(planes[..., 0]), PhotometricInterpretation=photometric, SamplesPerPixel=3)
    new.PlanarConfiguration, new.PixelData = 0, planes.tobytes()
    for name, value in attributes.items():
        setattr(new, name, value)
    return new


def test_colour_reads_as_its_luminance(tmp_path: Path) -> None:
    grey = (SCENE >> 4).astype(np.uint8)
    path = tmp_path / "a.dcm"
    threefold, neutral = np.dstack([grey] * 3), np.dstack([grey, np.full_like(grey, 128), np.full_like(grey, 128)])
    pairs = np.dstack([grey[:, ::2], grey[:, 1::2], np.full_like(grey[:, ::2], 128), np.full_like(grey[:, ::2], 128)])
    forms = {
        "RGB": colour(threefold, "RGB"),
        "by plane": colour(threefold, "RGB", PlanarConfiguration=1, PixelData=grey.tobytes() * 3),
        "YBR_FULL": colour(neutral, "YBR_FULL"),
        "YBR_FULL_422": colour(neutral, "YBR_FULL_422", PixelData=pairs.tobytes()),
    }
    for name, new in forms.items():
        for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian):
            stored = read_stored(write(path, new, syntax))
            np.testing.assert_array_equal(stored.values, grey, err_msg=name)
            assert stored.window == (0, 255)
    new = colour(threefold, "RGB")
    write(path, new)
    new.compress(uid.RLELossless)
    new.save_as(path)
    np.testing.assert_array_equal(read_stored(path).values, grey)
    frame = imagecodecs.jpeg_encode(threefold, level=100)
    write(path, colour(threefold, "YBR_FULL_422"), uid.JPEGBaseline8Bit, frame=frame)
    np.testing.assert_allclose(read_stored(path).values.astype(int), grey, atol=3)
    red = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    red[..., 0] = 200
    assert np.unique(read_stored(write(path, colour(red, "RGB"))).values).tolist() == [60]  # 0.299 * 200, BT.601


def test_colour_of_sixteen_bits(tmp_path: Path) -> None:
    scene = SCENE.astype(np.uint16)
    noise = np.uint16(0xA000)
    new = colour(np.dstack([scene] * 3) | noise, "RGB", BitsStored=12, HighBit=11)
    plain = read_stored(write(tmp_path / "grey.dcm", dataset(scene)))
    stored = read_stored(write(tmp_path / "a.dcm", new))
    np.testing.assert_array_equal(stored.values, scene)
    np.testing.assert_array_equal(stored.render().pixels, plain.render().pixels)


@pytest.mark.parametrize("entry", [8, 16])
def test_palette_colour(tmp_path: Path, entry: int) -> None:
    indices = (SCENE >> 4).astype(np.uint8)
    ramp = (np.arange(256) ** 2 // 256 * (257 if entry == 16 else 1)).astype(f"<u{entry // 8}")
    new = dataset(indices, PhotometricInterpretation="PALETTE COLOR")
    for name in ("Red", "Green", "Blue"):
        new.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [256, 0, entry])
        new.add_new(f"{name}PaletteColorLookupTableData", "OW", ramp.tobytes())
    stored = read_stored(write(tmp_path / "a.dcm", new))
    np.testing.assert_array_equal(stored.values, ramp[indices])
    assert stored.bits == entry
