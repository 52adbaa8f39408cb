"""An optional DICOM element that cannot be used falls back to the next, and a note says so; nothing of it is quoted."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from dicom_files import dataset, lut, write
from pydicom import uid
from pydicom.dataset import Dataset

from osteon.core.errors import ImageError
from osteon.io import read_stored

Y, X = np.mgrid[:48, :64]
RAMP = (40 * np.hypot(Y - 20, X - 30)).astype(np.uint16)  # 0 to 1712: 12 bits
PERCENTILES = tuple(float(value) for value in np.percentile(RAMP, [0.5, 99.5]))
SYNTAXES = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)


def raw(name: str, kind: str, value: bytes) -> Dataset:
    """A dataset with an element whose bytes are as given, whatever its kind allows."""
    new = dataset(RAMP, bits=12)
    return put(new, name, kind, value)


def put(new: Dataset, name: str, kind: str, value: bytes) -> Dataset:
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    tag = Tag(tag_for_keyword(name))
    new[tag] = RawDataElement(tag, kind, len(value), value, 0, False, True)
    return new


def test_a_file_in_order_needs_no_note(tmp_path: Path) -> None:
    new = dataset(
        RAMP,
        bits=12,
        RescaleSlope=1,
        RescaleIntercept=0,
        WindowCenter=[800, 300],
        WindowWidth=[1600, 200],
        PixelSpacing=[0.1, 0.1],
        PixelPaddingValue=0,
        PresentationLUTShape="IDENTITY",
        VOILUTFunction="LINEAR",
        NumberOfFrames=1,
    )
    for syntax in SYNTAXES:
        assert read_stored(write(tmp_path / "a.dcm", new, syntax)).notes == ()
    assert read_stored(write(tmp_path / "a.dcm", dataset(RAMP, bits=12))).notes == ()


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("RescaleSlope", "DS", b"0 "),
        ("RescaleSlope", "DS", b"ABC "),
        ("RescaleSlope", "DS", b"1,5 "),
        ("RescaleSlope", "DS", b""),
        ("RescaleSlope", "DS", b"2\\3 "),
        ("RescaleSlope", "DS", b"nan "),
        ("RescaleSlope", "DS", b"1e300 "),
        ("RescaleIntercept", "DS", b"NONE"),
        ("WindowCenter", "DS", b"KNEE"),
        ("WindowWidth", "DS", b""),
        ("PixelPaddingValue", "US", b""),
        ("PixelPaddingValue", "US", b"\x01\x00\x02\x00"),
        ("PixelSpacing", "DS", b"0,143\\0,143 "),
        ("PixelSpacing", "DS", b"0.143 "),
        ("PixelSpacing", "DS", b"0.1\\0.1\\0.1 "),
        ("PixelSpacing", "DS", b"-0.1\\0.1"),
        ("PixelSpacing", "DS", b""),
        ("VOILUTFunction", "CS", b"CURVE "),
        ("NumberOfFrames", "IS", b"one "),
        ("NumberOfFrames", "IS", b"1.5 "),
        ("NumberOfFrames", "IS", b"1\\1 "),
    ],
)
def test_what_cannot_be_used_is_noted_and_the_picture_is_read(
    tmp_path: Path, name: str, kind: str, value: bytes
) -> None:
    for syntax in SYNTAXES:
        new = raw(name, kind, value)
        if name == "VOILUTFunction":
            new.WindowCenter, new.WindowWidth = "800", "1600"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = write(tmp_path / "a.dcm", new, syntax)
        stored = read_stored(path)
        np.testing.assert_array_equal(stored.values, RAMP)
        assert stored.window == ((0, 1599) if name == "VOILUTFunction" else PERCENTILES)
        assert stored.spacing is None
        said = "the window" if name.startswith("Window") else name
        assert len(stored.notes) == 1
        assert said in stored.notes[0]
        for word in ("ABC", "NONE", "KNEE", "CURVE", "143"):  # it may be anybody's name
            assert word not in stored.notes[0]


def test_the_next_window_is_taken(tmp_path: Path) -> None:
    broken = lut(0, np.arange(4096), 12)
    broken.LUTData = broken.LUTData[:1000]
    constant = lut(0, np.full(4096, 7), 12)
    elsewhere = lut(20_000, np.arange(4096), 12)
    good = lut(0, np.arange(4096), 12)
    no_descriptor = lut(0, np.arange(4096), 12)
    no_descriptor.LUTDescriptor = [4096, 0]
    window: dict[str, object] = {"WindowCenter": 800, "WindowWidth": 1600}
    cases: list[tuple[dict[str, object], tuple[float, float], str]] = [
        ({"WindowCenter": [800, 900], "WindowWidth": [0, 200]}, (800, 999), "the window cannot be used; window 2"),
        (
            {"WindowCenter": [90_000, 900], "WindowWidth": [50, 200]},
            (800, 999),
            "the window cannot be used; win",
        ),
        ({"WindowCenter": [800], "WindowWidth": [-5]}, PERCENTILES, "the picture's own percentiles"),
        ({"WindowCenter": 800}, PERCENTILES, "the window cannot be used; the picture's own percentiles"),
        ({"VOILUTSequence": [broken], **window}, (0, 1599), "VOILUTSequence cannot be used; the window was taken"),
        ({"VOILUTSequence": [constant], **window}, (0, 1599), "VOILUTSequence cannot be used; the window was taken"),
        ({"VOILUTSequence": [elsewhere], **window}, (0, 1599), "VOILUTSequence cannot be used; the window was taken"),
        ({"VOILUTSequence": [no_descriptor]}, PERCENTILES, "VOILUTSequence cannot be used; the picture's own"),
        ({"VOILUTSequence": [broken, good], **window}, (0, 4095), "item 2 of VOILUTSequence was taken"),
        ({"VOILUTSequence": [Dataset()], **window}, (0, 1599), "VOILUTSequence cannot be used"),
    ]
    for attributes, expected, note in cases:
        for photometric in ("MONOCHROME1", "MONOCHROME2"):
            new = dataset(RAMP, bits=12, PhotometricInterpretation=photometric, **attributes)
            stored = read_stored(write(tmp_path / "a.dcm", new))
            shown = expected if photometric == "MONOCHROME2" else (4095 - expected[1], 4095 - expected[0])
            assert stored.window == pytest.approx(shown)
            assert len(stored.notes) == 1
            assert note in stored.notes[0]


def test_a_broken_modality_table_falls_back_to_the_slope(tmp_path: Path) -> None:
    broken = lut(0, np.arange(4096), 12)
    broken.LUTData = broken.LUTData[:100]
    new = dataset(RAMP, bits=12, ModalityLUTSequence=[broken], RescaleSlope=2, RescaleIntercept=-100)
    stored = read_stored(write(tmp_path / "a.dcm", new))
    np.testing.assert_array_equal(stored.values, RAMP.astype(int) * 2 - 100)
    assert stored.notes == (
        "ModalityLUTSequence cannot be used; RescaleSlope and RescaleIntercept, if any, were taken",
    )


def test_a_table_whose_descriptor_is_wrong(tmp_path: Path) -> None:
    """The count 0 means 65536 (PS3.3 C.11.2.1.1); 16-bit entries said to have 0, 8 or 20 bits keep what they hold."""
    for bits in (0, 8, 20):
        new = dataset(RAMP, bits=12, VOILUTSequence=[lut(0, np.arange(4096) * 16, bits)])
        pixels = read_stored(write(tmp_path / "a.dcm", new)).render().pixels
        np.testing.assert_allclose(pixels, RAMP / 4095, atol=1e-4)
    new = dataset(RAMP, VOILUTSequence=[lut(0, np.arange(65536), 16)])
    assert new.VOILUTSequence[0].LUTDescriptor[0] == 0
    np.testing.assert_allclose(read_stored(write(tmp_path / "a.dcm", new)).render().pixels, RAMP / 65535, atol=1e-6)


def test_spacing_falls_back(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, object], tuple[float, float] | None, str]] = [
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.14, 0.15]}, (0.14, 0.15), "ImagerPixelSpacing was taken"),
        ({"PixelSpacing": "", "NominalScannedPixelSpacing": [0.3, 0.3]}, (0.3, 0.3), "NominalScannedPixelSpacing was"),
        ({"ImagerPixelSpacing": [0.1, -1]}, None, "ImagerPixelSpacing is empty or not two numbers above 0"),
    ]
    for attributes, expected, note in cases:
        stored = read_stored(write(tmp_path / "a.dcm", dataset(RAMP, bits=12, **attributes)))
        assert stored.spacing == expected
        assert [note in said for said in stored.notes] == [True]


def test_presentation_lut_shape_against_the_photometric_interpretation(tmp_path: Path) -> None:
    """The six cases as dcmtk 3.6.7 shows them: dcm2pnm +op +Wi 1 gives pixel (20, 30), stored as 0, the grey here."""
    dcm2pnm = {
        ("MONOCHROME1", None): 255,
        ("MONOCHROME1", "IDENTITY"): 0,
        ("MONOCHROME1", "INVERSE"): 255,
        ("MONOCHROME2", None): 0,
        ("MONOCHROME2", "IDENTITY"): 0,
        ("MONOCHROME2", "INVERSE"): 255,
    }
    for (photometric, shape), grey in dcm2pnm.items():
        new = dataset(RAMP, bits=12, PhotometricInterpretation=photometric, WindowCenter=900, WindowWidth=1800)
        if shape:
            new.PresentationLUTShape = shape
        stored = read_stored(write(tmp_path / "a.dcm", new))
        assert round(float(stored.render().pixels[20, 30]) * 255) == grey
        agree = shape is None or (shape == "INVERSE") == (photometric == "MONOCHROME1")
        assert bool(stored.notes) != agree


def test_padding_beyond_the_stored_bits_takes_no_pixel_of_the_picture(tmp_path: Path) -> None:
    """Padding written over whole words (65535 in 12 bits) is none of the pixels that hold 4095."""
    words = RAMP + np.uint16(1000)
    words[0], words[5, 5] = 65535, 4095
    new = dataset(words, bits=12, PixelPaddingValue=65535)
    stored = read_stored(write(tmp_path / "a.dcm", new))
    assert (stored.values[0] == 0).all()
    assert stored.values[5, 5] == 4095
    assert stored.window == tuple(np.percentile(np.where(words[1:] > 4095, 0, words[1:]), [0.5, 99.5]))


def test_a_picture_is_not_all_padding(tmp_path: Path) -> None:
    new = dataset(RAMP, bits=12, PixelPaddingValue=0, PixelPaddingRangeLimit=4095)
    stored = read_stored(write(tmp_path / "a.dcm", new))
    np.testing.assert_array_equal(stored.values, RAMP)
    assert stored.window == PERCENTILES
    assert stored.notes == ("every pixel is as PixelPaddingValue says; none counts as padding",)


def test_transfer_syntaxes_that_say_nothing_or_are_private(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", dataset(RAMP, bits=12))
    plain = path.read_bytes()
    path.write_bytes(plain.replace(uid.ExplicitVRLittleEndian.encode() + b"\0", bytes(20), 1))
    np.testing.assert_array_equal(read_stored(path).values, RAMP)  # as its elements are written
    private = b"1.2.840.113619.5.2\0\0"
    path.write_bytes(plain.replace(uid.ExplicitVRLittleEndian.encode() + b"\0", private, 1))
    with pytest.raises(ImageError, match=r"a\.dcm: the pixels cannot be decoded \(transfer syntax unknown\)\. Copy"):
        read_stored(path)


@pytest.mark.parametrize("packed", [False, True])
def test_tables_of_big_endian_files(tmp_path: Path, packed: bool) -> None:
    outputs = np.arange(2048) // 8 if packed else np.arange(2048) * 32
    item = lut(0, outputs, 8 if packed else 16)
    # Two entries of 8 bits share a word of OW, the first in its low byte, which a big-endian file writes last.
    data = outputs.astype("u1").reshape(-1, 2)[:, ::-1] if packed else outputs.astype(">u2")
    item.LUTData = data.tobytes()
    new = dataset(RAMP, bits=12, VOILUTSequence=[item])
    new.PixelData = RAMP.astype(">u2").tobytes()
    stored = read_stored(write(tmp_path / "a.dcm", new, uid.ExplicitVRBigEndian))
    np.testing.assert_allclose(stored.render().pixels, outputs[RAMP] / (255 if packed else 65535), atol=1e-6)


def test_a_window_in_the_padding_alone_is_not_used(tmp_path: Path) -> None:
    values = RAMP + np.uint16(2000)
    values[:, :8] = 0
    new = dataset(values, bits=12, PixelPaddingValue=0, WindowCenter=500, WindowWidth=900)
    stored = read_stored(write(tmp_path / "a.dcm", new))
    assert stored.window == tuple(np.percentile(values[:, 8:], [0.5, 99.5]))
    assert len(stored.notes) == 1
