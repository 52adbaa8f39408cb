"""Text in the pixels is found wherever it stands, taken away without a trace, and bones are left alone."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from osteon.cohort.synthetic.anatomy import Patient
from osteon.cohort.synthetic.centres import CENTRES
from osteon.cohort.synthetic.dicom import write_dicom
from osteon.cohort.synthetic.kinds import sample_host, sample_kind, sample_lesion
from osteon.cohort.synthetic.radiographs import Phantom, take
from osteon.io import StoredRadiograph, burned, read_image
from osteon.io.burned.ground import ground

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def limb(height: int = 520, width: int = 400, *, ground: float = 0.06, noise: float = 0.004) -> np.ndarray:
    """A thigh from top to bottom in the middle: soft tissue and a bone, on a dark ground."""
    rng = np.random.default_rng(1)
    x = np.arange(width)[None, :] / width
    soft = 0.35 * np.sqrt(np.clip(1 - ((x - 0.55) / 0.18) ** 2, 0, 1))
    bone = 0.35 * np.sqrt(np.clip(1 - ((x - 0.55) / 0.06) ** 2, 0, 1))
    picture = ground + (soft + bone) * np.ones((height, 1)) + rng.normal(0, noise, (height, width))
    return picture.clip(0, 1).astype(np.float32)


def letters(text: str, font: str, size: int, angle: float = 0) -> np.ndarray:
    """Lines of text as a mask in [0, 1]."""
    drawn = ImageFont.truetype(_FONTS / f"{font}.ttf", size) if font else ImageFont.load_default(size=size)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=drawn)
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(image).multiline_text((2 - left, 2 - top), text, fill=255, font=drawn)
    turned = image.rotate(angle, Image.Resampling.BICUBIC, expand=True) if angle else image
    return np.asarray(turned, dtype=np.float32) / 255


def write(picture: np.ndarray, mask: np.ndarray, x: int, y: int, grey: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture with letters on it, and where their ink is."""
    out, ink = picture.copy(), np.zeros(picture.shape, dtype=bool)
    height, width = mask.shape
    patch = out[y : y + height, x : x + width]
    patch[...] = patch * (1 - mask) + grey * mask
    ink[y : y + height, x : x + width] = mask > 0.3
    return out, ink


def covered(ink: np.ndarray, texts: list[burned.Text]) -> float:
    """Share of the ink that lies in a box."""
    boxes = np.zeros(ink.shape, dtype=bool)
    for x0, y0, x1, y1 in (text.box for text in texts):
        boxes[y0:y1, x0:x1] = True
    return float(boxes[ink].mean())


def as_jpeg(picture: np.ndarray, quality: int = 75) -> np.ndarray:
    held = io.BytesIO()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(held, "JPEG", quality=quality)
    return np.asarray(Image.open(held), dtype=np.float32) / 255


@pytest.mark.parametrize("font", ["", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "cmr10"])
@pytest.mark.parametrize("size", [9, 13, 20, 34, 60])
def test_text_in_a_corner_is_found_and_lies_outside_the_anatomy(font: str, size: int) -> None:
    text = "DOE^JANE" if size < 30 else "DOE" if size < 50 else "M7"
    picture, ink = write(limb(760, 620), letters(text, font, size), 3, 3, 0.97)
    assert covered(ink, [found for found in burned.find_in(picture) if found.outside]) == 1


@pytest.mark.parametrize(
    "case", ["inverted", "dark on white", "plate", "faint", "slanted jpeg", "turned", "lines", "edge"]
)
def test_text_of_other_kinds_is_found(case: str) -> None:
    picture, mask, (x, y), grey = limb(), letters("ID 4711-0815", "DejaVuSans", 15), (4, 200), 0.97
    if case == "dark on white":  # a white shutter
        picture[:70] = 0.97
        x, y, grey = 120, 20, 0.0
    elif case == "plate":
        picture[10:60, 5:120] = 1.0
        x, y, grey, mask = 12, 20, 0.0, letters("1961-03-04", "", 16)
    elif case == "faint":
        grey = 0.2
    elif case == "slanted jpeg":
        mask = letters("MUELLER", "DejaVuSans-Bold", 14, 5)
    elif case == "turned":
        mask = letters("ID 4711-0815", "DejaVuSans", 15, 90)
    elif case == "lines":
        mask = letters("MRN 99812\nWANG LI\n12.04.2026", "DejaVuSansMono", 12)
    elif case == "edge":  # cut off by the picture's border
        mask, x, y = letters("St. Mary Hospital", "DejaVuSans", 16)[5:, 30:], 0, 0
    picture, ink = write(picture, mask, x, y, grey)
    if case == "slanted jpeg":
        picture = as_jpeg(picture)
    if case == "inverted":
        picture = 1 - picture
    found = burned.find_in(picture)
    assert covered(ink, [text for text in found if text.outside]) > 0.99


def test_text_over_the_anatomy_is_found_and_is_not_outside() -> None:
    picture, ink = write(limb(), letters("WANG LI 61", "DejaVuSans-Bold", 15), 162, 250, 1.0)
    found = burned.find_in(picture)
    assert covered(ink, [text for text in found if not text.outside]) > 0.99
    assert covered(ink, [text for text in found if text.outside]) == 0


def test_text_that_only_another_window_shows_is_found() -> None:
    values = (1000 * limb()).astype(np.int32)
    mask = letters("ID 4711-0815", "DejaVuSans", 18)
    values[20 : 20 + mask.shape[0], 4 : 4 + mask.shape[1]] -= (3000 * mask).astype(np.int32)
    radiograph = StoredRadiograph(values, (0.0, 1000.0), 16)
    ink = np.zeros(values.shape, dtype=bool)
    ink[20 : 20 + mask.shape[0], 4 : 4 + mask.shape[1]] = mask > 0.3
    assert covered(ink, [text for text in burned.find(radiograph) if text.outside]) > 0.99


def phantom(centre: int, seed: int, text: tuple[str, ...], site: str = "") -> Phantom:
    rng = np.random.default_rng(seed)
    while True:
        kind = sample_kind(rng, "benign")
        host = sample_host(rng, kind)
        if not site or host[0] == site:
            break
    patient = Patient.sample(rng, 34, "F")
    lesions = (sample_lesion(rng, kind, host, patient),)
    return take(rng, patient, lesions, (host[0], "frontal"), CENTRES[centre], text)


@pytest.mark.parametrize("centre", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [3, 4])
def test_the_demonstrations_own_patient_codes_are_found(centre: int, seed: int) -> None:
    plain, told = (phantom(centre, seed, text).picture for text in ((), ("SYNTHETIC", "PHANTOM B012")))
    ink = ((told > 0.8) & (plain < 0.6)) | ((told < 0.2) & (plain > 0.8))
    assert ink.sum() > 150
    assert covered(ink, burned.find_in(told)) > 0.97


@pytest.mark.parametrize("seed", range(4))
def test_hands_are_left_alone(seed: int) -> None:
    """Rows of phalanges are what is most like a line of letters."""
    picture = phantom(seed, 40 + seed, (), site="hand").picture
    hand = ~ground(picture)
    for text in burned.find_in(picture):
        x0, y0, x1, y1 = text.box
        assert not text.outside or hand[y0:y1, x0:x1].mean() < 0.9 or max(x1 - x0, y1 - y0) < 60  # a marker


@pytest.mark.parametrize("name", ["RG1_J2KR.dcm", "RG3_J2KR.dcm"])
def test_real_radiographs_keep_their_bones(name: str) -> None:
    import data_store

    picture = read_image(Path(data_store.__file__).parent / "data" / name).pixels[::2, ::2]
    painted = np.zeros(picture.shape, dtype=bool)
    for text in burned.find_in(np.ascontiguousarray(picture)):
        if text.outside:
            x0, y0, x1, y1 = text.box
            painted[y0:y1, x0:x1] = True
    assert painted.mean() < 0.01


def test_a_constant_and_a_tiny_picture_hold_no_text() -> None:
    for shape in ((300, 200), (1, 1), (7, 900), (9, 9)):
        assert burned.find_in(np.full(shape, 0.3, dtype=np.float32)) == []
    assert isinstance(burned.find_in(np.random.default_rng(0).random((9, 9), dtype=np.float32)), list)


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]))
def test_nothing_of_what_stood_in_a_box_is_left(seed: int, kind: type[np.generic]) -> None:
    """Whatever the boxes held, the picture afterwards is the same; so is then all that is made from it."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2)
    values = rng.integers(0, 200, (height, width)).astype(kind)
    corners = np.sort(rng.integers(-5, 45, (3, 2, 2)), axis=1)
    boxes = [(int(x0), int(y0), int(x1), int(y1)) for (x0, y0), (x1, y1) in corners]
    other = values.copy()
    for x0, y0, x1, y1 in boxes:
        hole = other[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
        hole[...] = rng.integers(0, 255, hole.shape)
    hidden = burned.hide_in(values, boxes)
    assert hidden.dtype == values.dtype
    assert np.array_equal(hidden, burned.hide_in(other, boxes))
    inside = values != hidden
    assert all(
        any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes) for y, x in zip(*np.nonzero(inside), strict=True)
    )


def test_hidden_text_leaves_no_text() -> None:
    picture, _ = write(limb(), letters("DOE^JANE\n1961-03-04", "DejaVuSans", 16), 4, 60, 0.95)
    stored = StoredRadiograph(np.rint(picture * 4095).astype(np.uint16), (0.0, 4095.0), 12)
    clean = burned.hide(stored, [text.box for text in burned.find(stored) if text.outside])
    assert clean.window == stored.window
    assert burned.find(clean) == []
    assert clean.render().pixels[40:120, :90].max() < 0.2
    assert burned.clean_in(picture)[40:120, :90].max() < 0.2
    over, ink = write(limb(), letters("WANG LI 61", "DejaVuSans-Bold", 15), 162, 250, 1.0)
    assert burned.clean_in(over)[ink].max() < 0.9  # what nobody looks at shows no name over the anatomy, either


@pytest.mark.parametrize(
    ("text", "expected"),
    [("L", True), ("R", True), ("L MB", False), ("A", False), ("8", False), ("DOE", False), ("I", False), ("B", False)],
)
@pytest.mark.parametrize("font", ["", "DejaVuSans-Bold", "DejaVuSansMono"])
def test_only_a_single_l_or_r_is_a_side_marker(text: str, expected: bool, font: str) -> None:
    picture, ink = write(limb(), letters(text, font, 26), 14, 120, 0.9)
    rows, columns = np.nonzero(ink)
    box = (int(columns.min()) - 5, int(rows.min()) - 5, int(columns.max()) + 6, int(rows.max()) + 6)
    assert burned.is_side_marker(picture, box) is expected


def test_a_circled_and_a_mirrored_marker_are_markers() -> None:
    image = Image.new("L", (60, 60))
    draw = ImageDraw.Draw(image)
    draw.ellipse((3, 3, 56, 56), outline=255, width=3)
    draw.text((22, 14), "R", fill=255, font=ImageFont.load_default(size=28))
    circled = np.asarray(image, dtype=np.float32) / 255
    assert burned.is_side_marker(circled, (0, 0, 60, 60))
    assert burned.is_side_marker(np.ascontiguousarray(circled[:, ::-1]), (0, 0, 60, 60))


def test_what_a_header_says(tmp_path: Path) -> None:
    film = phantom(1, 5, ("SYNTHETIC",))
    write_dicom(tmp_path / "film.dcm", film, "B001", 1, inverted=True)
    assert burned.stated(tmp_path / "film.dcm") is True
    Image.new("L", (4, 4)).save(tmp_path / "film.png")
    assert burned.stated(tmp_path / "film.png") is None
    (tmp_path / "bad.dcm").write_bytes(b"not DICOM at all, but longer than a preamble" * 9)
    assert burned.stated(tmp_path / "bad.dcm") is None


@pytest.mark.parametrize("shine", [0.0, 0.12])
def test_text_on_a_plate_of_its_own_is_taken_away_even_over_the_anatomy(shine: float) -> None:
    """What the plate hides is hidden already; the demonstration's own pictures are labelled so."""
    y, x = np.mgrid[:400, :300]
    tissue = (0.35 + 0.3 * x / 300 + 0.05 * np.sin(y / 7)).astype(np.float32)
    picture = tissue.copy()
    letters = Image.new("L", (300, 400))
    ImageDraw.Draw(letters).text((150, 60), "PHANTOM 4711", fill=255, font=ImageFont.load_default(16))
    ink = np.asarray(letters) / 255
    rows, columns = np.nonzero(ink > 0.3)
    plate = (slice(rows.min() - 3, rows.max() + 4), slice(columns.min() - 3, columns.max() + 4))
    picture[plate] *= shine
    shown = np.maximum(picture, 0.95 * ink).astype(np.float32)
    found = [text for text in burned.find_in(shown) if text.outside]
    clean = burned.hide_in(shown, [text.box for text in found])
    assert (clean[ink > 0.9] < 0.6).all()
    untouched = np.ones(shown.shape, dtype=bool)
    untouched[plate] = False
    assert (clean[untouched] == shown[untouched]).mean() > 0.999
    bare = np.maximum(tissue, 0.95 * ink).astype(np.float32)  # without a plate it is over the anatomy
    assert not any(text.outside for text in burned.find_in(bare))
