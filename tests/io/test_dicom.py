"""DICOM radiographs against pydicom's own processing, the standard's formulas, and other encodings of one picture."""

from __future__ import annotations

import io
import logging
import traceback
import warnings
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from dicom_files import dataset, lut, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from osteon.core.errors import ImageError
from osteon.io import image_size, read_image, read_stored
from osteon.io.dicom import is_dicom
from osteon.web.picture import sixteen_bits

Y, X = np.mgrid[:48, :64]
RAMP = (40 * np.hypot(Y - 20, X - 30)).astype(np.uint16)  # 0 to 1712: 12 bits


@pytest.fixture(scope="session")
def samples() -> Path:
    """The radiographs that come with pydicom-data."""
    import data_store

    return Path(data_store.__file__).parent / "data"


@pytest.fixture(scope="session")
def small_samples() -> Path:
    """The files that come with pydicom itself."""
    return Path(pydicom.__file__).parent / "data" / "test_files"


# Real radiographs


@pytest.mark.parametrize("name", ["RG1", "RG3"])
def test_all_encodings_of_one_radiograph_agree(samples: Path, name: str) -> None:
    for pair in (("UNCR", "J2KR"), ("UNCI", "J2KI")):
        plain, packed = (read_stored(samples / f"{name}_{code}.dcm") for code in pair)
        np.testing.assert_array_equal(plain.values, packed.values)
        assert plain.window == packed.window
    lossless, lossy = (read_image(samples / f"{name}_{code}.dcm").pixels for code in ("J2KR", "J2KI"))
    assert np.abs(lossless - lossy).mean() < 0.002
    assert not np.array_equal(lossless, lossy)


@pytest.mark.parametrize("name", ["RG1_UNCR", "RG3_UNCR", "RG3_J2KR"])
def test_real_radiographs_are_shown_as_pydicom_shows_them(samples: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = pydicom.dcmread(samples / f"{name}.dcm")
        shown = apply_voi_lut(header.pixel_array, header) / (2**header.BitsStored - 1)
    assert header.PhotometricInterpretation == "MONOCHROME1"
    np.testing.assert_allclose(read_image(samples / f"{name}.dcm").pixels, 1 - shown, atol=2e-6)


def test_monochrome1_shows_bone_white(shared: Path) -> None:
    pixels = read_image(shared / "data/dicom/RG3_J2KR.dcm").pixels
    shaft = slice(400, 500)  # rows of the tibia's shaft
    bone, tissue, air = (
        np.median(pixels[shaft, columns]) for columns in ((slice(815, 895)), slice(690, 750), slice(490, 530))
    )
    assert bone > tissue + 0.1 > air + 0.2


def test_jpeg_lossless_and_jpeg_ls_of_one_radiograph_agree(shared: Path) -> None:
    jpeg, jpeg_ls = (read_stored(shared / f"data/dicom/RG2_{code}.dcm") for code in ("JPLL", "JLSL"))
    np.testing.assert_array_equal(jpeg.values, jpeg_ls.values)
    assert jpeg.spacing == (0.2, 0.2)
    assert jpeg.window == (-1, 1022)  # centre 511, width 1024
    assert image_size(shared / "data/dicom/RG2_JPLL.dcm") == jpeg.values.shape


# Transfer syntaxes


@pytest.mark.parametrize(
    "syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian]
)
def test_uncompressed(tmp_path: Path, syntax: uid.UID) -> None:
    path = write(tmp_path / "a.dcm", dataset(RAMP, bits=12), syntax)
    np.testing.assert_array_equal(read_stored(path).values, RAMP)
    assert read_stored(path).bits == 12


def test_big_endian(tmp_path: Path, small_samples: Path) -> None:
    new = dataset(RAMP, bits=12)
    new.PixelData = RAMP.astype(">u2").tobytes()
    np.testing.assert_array_equal(read_stored(write(tmp_path / "a.dcm", new, uid.ExplicitVRBigEndian)).values, RAMP)
    little, big = (as_radiograph(small_samples / f"MR_small{code}.dcm", tmp_path) for code in ("", "_bigendian"))
    np.testing.assert_array_equal(read_stored(little).values, read_stored(big).values)


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
def test_without_preamble_and_meta_information(tmp_path: Path, syntax: uid.UID) -> None:
    new = dataset(RAMP, bits=12)
    path = tmp_path / "bare"
    new.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=True)
    np.testing.assert_array_equal(read_stored(path).values, RAMP)


def test_the_content_tells_what_is_dicom(tmp_path: Path, small_samples: Path) -> None:
    new = dataset(RAMP, bits=12)
    bare = tmp_path / "picture.png"
    for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian):
        write(tmp_path / "IM0001", new, syntax)
        new.save_as(bare, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
        assert is_dicom(tmp_path / "IM0001")
        assert is_dicom(bare)
    others = {
        "text.dcm": b"patient,label\n1,benign\n" * 20,
        "short.dcm": b"\x08\x00\x16",
        "empty.dcm": b"",
        "zeros.dcm": bytes(5000),
        "zip.dcm": b"PK\x03\x04" + bytes(range(256)) * 4,
        "numbers": b"\x08\x00\x01\x00" + b"\x02\x00\x00\x00" * 300,
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
        assert not is_dicom(tmp_path / name), name
    Image.fromarray(RAMP).save(tmp_path / "picture.dcm", format="TIFF")
    assert not is_dicom(tmp_path / "picture.dcm")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless, uid.JPEGLosslessSV1])
def test_lossless_compression(tmp_path: Path, syntax: uid.UID, signed: bool) -> None:
    values = (RAMP.astype(np.int16) - 900) if signed else RAMP
    new = dataset(values, bits=12)
    compressed(tmp_path / "packed.dcm", new, syntax)
    np.testing.assert_array_equal(read_stored(tmp_path / "packed.dcm").values, values)


@pytest.mark.parametrize("code", ["RLE", "jp2klossless", "jpeg_ls_lossless", "implicit", "expb"])
def test_the_encodings_of_pydicoms_sample_agree(tmp_path: Path, small_samples: Path, code: str) -> None:
    plain, packed = (as_radiograph(small_samples / f"MR_small{part}.dcm", tmp_path) for part in ("", f"_{code}"))
    np.testing.assert_array_equal(read_stored(plain).values, read_stored(packed).values)


def test_high_throughput_jpeg_2000(tmp_path: Path, references: Path) -> None:
    # Made by OpenJPH through imagecodecs 2026.3.6: imagecodecs.htj2k_encode(RAMP, reversible=True)
    frame = (references / "htj2k_ramp.j2c").read_bytes()
    for syntax in (uid.HTJ2KLossless, uid.HTJ2K):
        path = write(tmp_path / "a.dcm", dataset(RAMP, bits=12), syntax, frame=frame)
        np.testing.assert_array_equal(read_stored(path).values, RAMP)


def test_jpeg_baseline(tmp_path: Path) -> None:
    values = (RAMP // 8).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=95)
    path = write(tmp_path / "a.dcm", dataset(values), uid.JPEGBaseline8Bit, frame=buffer.getvalue())
    np.testing.assert_array_equal(read_stored(path).values, np.asarray(Image.open(buffer)))
    np.testing.assert_allclose(read_stored(path).values, values, atol=8)


def test_jpeg_extended_of_twelve_bits(tmp_path: Path, small_samples: Path) -> None:
    values = read_stored(as_radiograph(small_samples / "JPGExtended.dcm", tmp_path)).values
    # Maximum, mean and pixels as libjpeg-turbo decodes the frame: imagecodecs 2026.3.6, imagecodecs.jpeg_decode(frame)
    assert (values.max(), values[420, 140], values[230, 120]) == (264, 244, 95)
    assert values.mean() == pytest.approx(14.369991302490234, abs=1e-12)


def test_jpeg_lossless_of_any_predictor(tmp_path: Path, samples: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = pydicom.dcmread(samples / "JPGLosslessP14SV1_1s_1f_8b.dcm")
    assert header.file_meta.TransferSyntaxUID == uid.JPEGLosslessSV1
    values = read_stored(as_radiograph(samples / "JPGLosslessP14SV1_1s_1f_8b.dcm", tmp_path)).values
    # Values published in pydicom 3.0's own tests (tests/pixels/test_decoder_gdcm.py, JPEG_LOSSLESS references).
    assert values.shape == (768, 1024)
    assert values[300, 512:520].tolist() == [26, 26, 25, 22, 19, 16, 14, 15]


# Modality and VOI transformations against pydicom's


@given(
    signed=st.booleans(),
    slope=st.sampled_from([1, 2, -1, 0.5]),
    intercept=st.sampled_from([0, -1024, 0.25]),
    centre=st.floats(-500, 3000),
    width=st.floats(1.5, 4000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
)
def test_rescale_and_window(
    tmp_path_factory: pytest.TempPathFactory,
    signed: bool,
    slope: float,
    intercept: float,
    centre: float,
    width: float,
    function: str,
    photometric: str,
) -> None:
    values = (RAMP.astype(np.int16) - 300) if signed else RAMP
    new = dataset(
        values,
        bits=12,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        WindowCenter=round(centre, 2),
        WindowWidth=round(width, 2),
        VOILUTFunction=function,
        PhotometricInterpretation=photometric,
    )
    path = write(tmp_path_factory.mktemp("window") / "a.dcm", new)
    stored = read_stored(path)
    modality = apply_modality_lut(values, new)
    linear = function == "LINEAR"
    low = float(new.WindowCenter) - linear / 2 - (float(new.WindowWidth) - linear) / 2
    high = low + float(new.WindowWidth) - linear
    if not (low < modality.max() and modality.min() < high):
        assert stored.window == tuple(np.percentile(stored.values, [0.5, 99.5]))  # nothing to be seen otherwise
        return
    # pydicom's output range, which is turned round where the slope is negative.
    ends = apply_modality_lut(np.array([-2048, 2047] if signed else [0, 4095]), new)
    with np.errstate(over="ignore"):
        shown = (apply_voi_lut(modality, new) - ends[0]) / (ends[1] - ends[0])
    expected = 1 - shown if photometric == "MONOCHROME1" else shown
    # In float32 a value of some thousands is exact to about 5e-4, as a part of the window's width.
    np.testing.assert_allclose(stored.render().pixels, expected, atol=1e-6 + 5e-4 / (high - low))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [False, True])
def test_voi_lut(tmp_path: Path, photometric: str, signed: bool) -> None:
    values = (RAMP.astype(np.int16) - 900) if signed else RAMP
    first, kind = (-700, "SS") if signed else (200, "US")
    outputs = (65535 * np.linspace(0, 1, 1000) ** 2).astype(np.uint16)
    new = dataset(values, bits=12, PhotometricInterpretation=photometric, WindowCenter=5, WindowWidth=10)
    new.VOILUTSequence = [lut(first, outputs, 16, kind)]  # it goes before the window
    pixels = read_image(write(tmp_path / "a.dcm", new)).pixels
    shown = apply_voi_lut(values, new) / 65535
    np.testing.assert_allclose(pixels, 1 - shown if photometric == "MONOCHROME1" else shown, atol=1e-6)
    for words in ("u1", "<u2"):  # eight bits packed, and in words of sixteen
        item = lut(first, outputs // 256, 8, kind)
        item.LUTData = (outputs // 256).astype(words).tobytes()
        new.VOILUTSequence = [item]
        np.testing.assert_allclose(read_image(write(tmp_path / "a.dcm", new)).pixels, pixels, atol=1 / 255)


def test_a_voi_lut_that_overstates_its_bits_is_not_black(tmp_path: Path) -> None:
    item = lut(0, np.arange(2048), 16)
    pixels = read_image(write(tmp_path / "a.dcm", dataset(RAMP, bits=12, VOILUTSequence=[item]))).pixels
    np.testing.assert_allclose(pixels, RAMP / 2047, atol=1e-6)


def test_modality_lut(tmp_path: Path, samples: Path) -> None:
    outputs = (65535 * np.linspace(1, 0, 4096) ** 2).astype(np.uint16)
    new = dataset(RAMP, bits=12, ModalityLUTSequence=[lut(0, outputs, 16)], WindowCenter=32768, WindowWidth=65536)
    stored = read_stored(write(tmp_path / "a.dcm", new))
    np.testing.assert_array_equal(stored.values, apply_modality_lut(RAMP, new))
    np.testing.assert_array_equal(stored.values, outputs[RAMP])
    for name, processed in (("mlut_18", apply_modality_lut), ("vlut_04", apply_voi_lut)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(samples / f"{name}.dcm")
            expected = processed(header.pixel_array, header)
        real = read_stored(samples / f"{name}.dcm")
        got = real.values if name == "mlut_18" else real.render().pixels * expected.max()
        np.testing.assert_allclose(got, expected, atol=1e-2)


def test_without_a_usable_window_the_percentiles_of_the_picture_are_shown(tmp_path: Path) -> None:
    expected = tuple(np.percentile(RAMP, [0.5, 99.5]))
    unusable: list[dict[str, object]] = [
        {},
        {"WindowCenter": 500, "WindowWidth": 0},
        {"WindowCenter": 500, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 40_000, "WindowWidth": 400},
        {"WindowCenter": 500},
        {"WindowCenter": 500, "WindowWidth": -400},
        {"WindowCenter": 500, "WindowWidth": None},
        {"WindowCenter": [500, 600], "WindowWidth": [0, -1]},
    ]
    for attributes in unusable:
        assert read_stored(write(tmp_path / "a.dcm", dataset(RAMP, bits=12, **attributes))).window == expected
    several = dataset(RAMP, bits=12, WindowCenter=[600, 100], WindowWidth=[401, 10])
    assert read_stored(write(tmp_path / "a.dcm", several)).window == (399.5, 799.5)


def test_presentation_lut_shape_does_not_invert_a_second_time(tmp_path: Path) -> None:
    window = {"WindowCenter": 900, "WindowWidth": 1800}
    once = dataset(RAMP, bits=12, PhotometricInterpretation="MONOCHROME1", **window)
    twice = dataset(RAMP, bits=12, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE", **window)
    a, b = (read_stored(write(tmp_path / "a.dcm", new)) for new in (once, twice))
    np.testing.assert_array_equal(a.values, 4095 - RAMP)
    np.testing.assert_array_equal(a.render().pixels, b.render().pixels)


@pytest.mark.parametrize(("sign", "inverted"), [(1, True), (-1, False), (None, False)])
def test_an_unprocessed_picture_is_turned_by_its_intensity_relationship(
    tmp_path: Path, sign: int | None, inverted: bool
) -> None:
    new = dataset(RAMP, bits=12, PresentationIntentType="FOR PROCESSING")
    if sign is not None:
        new.PixelIntensityRelationshipSign = sign
    expected = 4095 - RAMP if inverted else RAMP
    np.testing.assert_array_equal(read_stored(write(tmp_path / "a.dcm", new)).values, expected)
    new.PresentationIntentType = "FOR PRESENTATION"
    np.testing.assert_array_equal(read_stored(write(tmp_path / "a.dcm", new)).values, RAMP)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_shift_the_window(tmp_path: Path, photometric: str) -> None:
    values = RAMP + 1000
    values[:, :10], values[:, 10:12] = 0, 3
    new = dataset(values, bits=12, PhotometricInterpretation=photometric, PixelPaddingValue=0, PixelPaddingRangeLimit=3)
    stored = read_stored(write(tmp_path / "a.dcm", new))
    assert (stored.render().pixels[:, :12] == 0).all()
    picture = (4095 - values if photometric == "MONOCHROME1" else values)[:, 12:]
    assert stored.window == tuple(np.percentile(picture, [0.5, 99.5]))


def test_signed_padding(tmp_path: Path) -> None:
    values = RAMP.astype(np.int16) - 500
    values[0] = -2048
    new = dataset(values, bits=12, PixelPaddingValue=-2048)
    for syntax in (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian):
        stored = read_stored(write(tmp_path / "a.dcm", new, syntax))
        assert stored.window == tuple(np.percentile(values[1:], [0.5, 99.5]))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ImagerPixelSpacing": [0.14, 0.15]}, (0.14, 0.15)),
        ({"PixelSpacing": [0.2, 0.2]}, (0.2, 0.2)),
        (
            {"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.14, 0.14], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.1, 0.1),
        ),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.14, 0.14]}, (0.14, 0.14)),
        ({"PixelSpacing": [0, 0]}, None),
        ({"NominalScannedPixelSpacing": [0.3, 0.3]}, (0.3, 0.3)),
        ({"PixelSpacing": None}, None),
        ({}, None),
    ],
)
def test_spacing(tmp_path: Path, attributes: dict[str, object], expected: object) -> None:
    assert read_image(write(tmp_path / "a.dcm", dataset(RAMP, **attributes))).spacing == expected


# What is wrong with a file


def test_what_is_no_single_grey_radiograph_is_refused(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"Modality": "CT"}, "the modality is CT, not a radiograph"),
        ({"NumberOfFrames": 3}, "the file holds 3 frames"),
        ({"NumberOfFrames": 2}, "the file holds 2 frames"),
        ({"SamplesPerPixel": 3}, "does not say how it is shown .photometric interpretation: MONOCHROME2; samples: 3"),
        ({"PhotometricInterpretation": "YBR_PARTIAL_422"}, "does not say how it is shown"),
        ({"PhotometricInterpretation": ""}, "does not say how it is shown"),
        ({"Rows": None}, "the DICOM attribute Rows is damaged"),
        ({"Rows": 0}, "the picture is empty"),
        ({"Rows": 60_000, "Columns": 60_000}, "the picture claims 60000 x 60000 pixels"),
    ]
    for attributes, reason in cases:
        path = write(tmp_path / "wrong.dcm", dataset(RAMP, **attributes))
        for read in (read_image, image_size):
            with pytest.raises(ImageError, match=rf"wrong\.dcm: .*{reason}") as caught:
                read(path)
            assert caught.value.fix


def test_what_is_no_image_is_called_by_its_name(tmp_path: Path, small_samples: Path) -> None:
    for name, what in (
        ("test-SR.dcm", "DICOM Comprehensive SR Storage"),
        ("rtplan.dcm", "DICOM RT Plan Storage"),
        ("waveform_ecg.dcm", "DICOM 12-lead ECG Waveform Storage"),
        ("dicomdirtests/DICOMDIR", "a DICOMDIR, which lists other files"),
    ):
        with pytest.raises(ImageError, match=rf"not an image \({what}\)\. Give a"):
            read_image(small_samples / name)
    new = dataset(RAMP)
    new.SOPClassUID, new.Modality, new.EncapsulatedDocument = uid.EncapsulatedPDFStorage, "OT", b"%PDF-1.7"
    del new.Rows, new.Columns, new.PixelData
    with pytest.raises(ImageError, match=r"not an image \(DICOM Encapsulated PDF Storage\)"):
        read_image(write(tmp_path / "report.dcm", new))


def test_a_file_without_pixels_or_with_too_few_says_so(tmp_path: Path) -> None:
    new = dataset(RAMP, bits=12)
    new.PixelData = new.PixelData[:-200]
    with pytest.raises(ImageError, match=r"short\.dcm: the file is truncated: of 6144 bytes of pixels it holds 5944"):
        read_image(write(tmp_path / "short.dcm", new))
    new.PixelData = RAMP.tobytes() * 2
    with pytest.raises(ImageError, match=r"two\.dcm: the pixels are those of 2 frames, or of a greater depth"):
        read_image(write(tmp_path / "two.dcm", new))
    del new.PixelData
    with pytest.raises(ImageError, match=r"none\.dcm: the file is truncated before its pixels"):
        read_image(write(tmp_path / "none.dcm", new))
    for allocated in (12, 24, 64):
        new = dataset(RAMP)
        new.BitsAllocated = new.BitsStored = allocated
        with pytest.raises(ImageError, match=rf"pixels of {allocated} bits are not read"):
            read_image(write(tmp_path / "odd.dcm", new))


def test_two_compressed_frames_without_a_number_of_frames_are_refused(tmp_path: Path) -> None:
    new = dataset(RAMP, bits=12)
    frame = imagecodecs.jpegls_encode(RAMP)
    write(tmp_path / "two.dcm", new, uid.JPEGLSLossless, frame=frame)
    for offsets in (True, False):
        new.PixelData = encapsulate([frame, frame], has_bot=offsets)
        new["PixelData"].is_undefined_length = True
        new.save_as(tmp_path / "two.dcm", enforce_file_format=True)
        with pytest.raises(ImageError, match=r"two\.dcm: the pixels are those of 2 frames"):
            read_image(tmp_path / "two.dcm")


PACKED = [uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless, uid.JPEGLosslessSV1]


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, *PACKED])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, syntax: uid.UID, part: float) -> None:
    path = noisy(tmp_path, syntax)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ImageError, match=r"noisy\.dcm: "):
        read_image(path)


@pytest.mark.parametrize("syntax", PACKED)
def test_a_truncated_frame_in_a_whole_file_is_refused(tmp_path: Path, syntax: uid.UID) -> None:
    whole = pydicom.dcmread(noisy(tmp_path, syntax))
    frame = next(pydicom.encaps.generate_frames(whole.PixelData, number_of_frames=1))
    path = write(tmp_path / "cut.dcm", whole, syntax, frame=frame[: len(frame) // 2])
    with pytest.raises(ImageError, match=r"cut\.dcm: the pixels cannot be decoded"):
        read_image(path)


def test_a_truncated_jpeg_frame_is_refused(tmp_path: Path, small_samples: Path) -> None:
    values = np.random.default_rng(5).integers(0, 255, (64, 64), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG")
    extended = pydicom.dcmread(as_radiograph(small_samples / "JPGExtended.dcm", tmp_path))
    frame = next(pydicom.encaps.generate_frames(extended.PixelData, number_of_frames=1))
    for new, syntax, whole in (
        (dataset(values), uid.JPEGBaseline8Bit, buffer.getvalue()),
        (extended, uid.JPEGExtended12Bit, frame),
    ):
        for part in (0.1, 0.5, 0.95):
            path = write(tmp_path / "cut.dcm", new, syntax, frame=whole[: int(len(whole) * part)])
            with pytest.raises(ImageError, match=r"cut\.dcm: the pixels cannot be decoded"):
                read_image(path)


def test_damaged_files_never_escape_as_other_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    new = dataset(RAMP[:8, :8], bits=12, WindowCenter=900, WindowWidth=1800, RescaleSlope=1, PixelSpacing=[0.1, 0.1])
    new.VOILUTSequence = [lut(0, np.arange(64), 6)]
    path = write(tmp_path / "fuzz.dcm", new)
    content = np.frombuffer(path.read_bytes(), np.uint8)
    read = 0
    for _ in range(150):
        damaged = content.copy()
        damaged[rng.integers(132, len(damaged), 4)] = rng.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        try:
            pixels = read_image(path).pixels
        except ImageError:
            continue
        assert np.isfinite(pixels).all()
        read += 1
    assert 0 < read < 150


def test_a_deflated_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osteon.io.dicom.MAX_PIXELS", 20_000_000)
    path = write(tmp_path / "bomb.dcm", dataset(RAMP), uid.DeflatedExplicitVRLittleEndian)
    content = path.read_bytes()
    end = 144 + pydicom.filereader.read_file_meta_info(path).FileMetaInformationGroupLength
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = bytes(1 << 24)
    body = b"".join(deflate.compress(block) for _ in range(4)) + deflate.flush()
    path.write_bytes(content[:end] + body)
    assert path.stat().st_size < 100_000
    with pytest.raises(ImageError, match="the deflated file grows beyond any radiograph"):
        read_image(path)


def test_an_unknown_transfer_syntax_says_how_to_go_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", dataset(RAMP), uid.MPEG2MPML, frame=b"\0" * 64)
    with pytest.raises(ImageError, match=r"transfer syntax MPEG2.*export it uncompressed"):
        read_image(path)


# Privacy

CANARY = "CANARY"
IDENTIFYING = {
    "PatientName": f"{CANARY}^Name",
    "PatientID": f"{CANARY}1",
    "PatientAddress": f"{CANARY} street",
    "OtherPatientIDs": f"{CANARY}2",
    "PatientComments": f"{CANARY} comment",
    "InstitutionName": f"{CANARY} hospital",
    "ReferringPhysicianName": f"{CANARY}^Doctor",
    "AccessionNumber": f"{CANARY}3",
    "StudyDescription": f"{CANARY} study",
    "BodyPartExamined": f"{CANARY}",
    "ViewPosition": f"{CANARY}",
    "PatientBirthDate": "19340607",
}


def test_nothing_of_the_header_comes_with_the_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.dcm", dataset(RAMP, bits=12, **IDENTIFYING))
    with caplog.at_level(logging.DEBUG):
        stored = read_stored(path)
        radiograph = stored.render()
    said = repr([getattr(part, name) for part in (stored, radiograph) for name in part.__slots__])
    assert CANARY not in said + caplog.text + "".join(capfd.readouterr())
    assert set(radiograph.__slots__) == {"pixels", "spacing"}
    assert set(stored.__slots__) == {
        "values",
        "window",
        "bits",
        "spacing",
        "curve",
        "notes",
        "mirror",
        "stated",
        "others",
    }


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_files_own_numbers_can_be_told(tmp_path: Path, photometric: str) -> None:
    plain = dataset(RAMP, bits=12, PhotometricInterpretation=photometric, WindowCenter="1000.5", WindowWidth="601")
    stored = read_stored(write(tmp_path / "a.dcm", plain))
    assert stored.stated == (1000.5, 601)
    own = stored.values if stored.mirror is None else stored.mirror - stored.values
    assert np.array_equal(own, RAMP)
    del plain.WindowWidth
    assert read_stored(write(tmp_path / "b.dcm", plain)).stated is None


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_every_window_that_a_file_offers_is_kept_as_if_it_were_the_first(tmp_path: Path, photometric: str) -> None:
    centres, widths = [900, 400, 70_000, 1200], [1800, 201, 10, 601]  # the third shows nothing
    several = dataset(RAMP, bits=12, PhotometricInterpretation=photometric, WindowCenter=centres, WindowWidth=widths)
    stored = read_stored(write(tmp_path / "a.dcm", several))
    assert [other.stated for other in stored.others] == [(400, 201), (1200, 601)]
    for other, centre, width in zip(stored.others, (400, 1200), (201, 601), strict=True):
        several.WindowCenter, several.WindowWidth = centre, width
        alone = read_stored(write(tmp_path / "b.dcm", several))
        assert (other.window, other.stated, other.curve) == (alone.window, alone.stated, alone.curve)
    _, sent = sixteen_bits(stored)
    assert [(one["centre"], one["width"]) for one in sent["others"]] == [(400, 201), (1200, 601)]


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_no_error_warning_or_log_quotes_the_header(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], syntax: uid.UID
) -> None:
    # Values where they do not belong, as a de-identification gone wrong leaves them.
    names = ("Modality", "PhotometricInterpretation", "WindowCenter", "RescaleSlope", "NumberOfFrames", "PixelSpacing")
    for name in (*names, "VOILUTFunction", "PresentationIntentType", "PixelPaddingValue"):
        new = dataset(RAMP, bits=12, WindowWidth="100", **IDENTIFYING)
        with warnings.catch_warnings(), caplog.at_level(logging.CRITICAL):
            warnings.simplefilter("ignore")
            new.add_new(name, "LO", CANARY)
            path = write(tmp_path / "a.dcm", new, syntax)
        caplog.clear()
        capfd.readouterr()
        with caplog.at_level(logging.DEBUG):
            try:
                said = repr(read_stored(path))
            except ImageError:
                said = traceback.format_exc()
        assert CANARY not in said + caplog.text + "".join(capfd.readouterr())
    assert not logging.getLogger("pydicom").disabled


def as_radiograph(path: Path, folder: Path) -> Path:
    """A copy of a sample file that claims to be a radiograph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = pydicom.dcmread(path)
        header.Modality = "CR"
        copy = folder / f"{path.stem}_copy.dcm"
        header.save_as(copy)
    return copy


def noisy(folder: Path, syntax: uid.UID) -> Path:
    values = np.random.default_rng(5).integers(0, 4095, (64, 64), dtype=np.uint16)
    return compressed(folder / "noisy.dcm", dataset(values, bits=12), syntax)


def compressed(path: Path, new: Dataset, syntax: uid.UID) -> Path:
    """Write a dataset without loss in a transfer syntax, which may be an uncompressed one."""
    values = np.frombuffer(new.PixelData, f"<{'ui'[new.PixelRepresentation]}2").reshape(new.Rows, new.Columns)
    if syntax == uid.RLELossless:
        write(path, new)
        new.compress(syntax)
        new.save_as(path, enforce_file_format=True)
        return path
    encoders = {
        uid.JPEG2000Lossless: lambda: imagecodecs.jpeg2k_encode(values, level=0, codecformat="J2K"),
        uid.JPEGLSLossless: lambda: imagecodecs.jpegls_encode(values.view(np.uint16)),
        uid.JPEGLosslessSV1: lambda: imagecodecs.ljpeg_encode(values.view(np.uint16), bitspersample=16),
    }
    return write(path, new, syntax, frame=encoders[syntax]() if syntax in encoders else None)
