"""Perturbations as rows: their size, their independence, and what they do to boxes and pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from osteon.models.inputs import perturb
from osteon.study import Robustness

ALL = Robustness(repeats=5)
BOX = np.array([10.0, 20.0, 50.0, 100.0])


def rows_of(kind: str, grade: float | None = None) -> pd.DataFrame:
    rows = perturb.draw(["a", "b"], ALL, 1).query("kind == @kind")
    return rows if grade is None else rows[rows["grade"] == grade]


def test_a_case_has_the_same_changes_whatever_other_cases_there_are() -> None:
    alone = perturb.draw(["b"], ALL, 1)
    together = perturb.draw(["a", "b", "c"], ALL, 1).query("case_id == 'b'").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, together)
    assert not perturb.draw(["b"], ALL, 2)["dx"].equals(alone["dx"])
    assert not perturb.draw(["c"], ALL, 1)["dx"].equals(alone["dx"])


def test_every_kind_and_grade_has_its_repeats() -> None:
    counts = perturb.draw(["a"], ALL, 1).groupby(["kind", "grade"]).size()
    assert counts["shift", 0.3] == 5
    assert counts["jpeg", 20] == 1
    assert set(counts.index.get_level_values("kind")) == {*perturb.ASSUMED, *perturb.IMAGE_KINDS}
    without = perturb.draw(["a"], Robustness(repeats=5, image=False), 1)
    assert set(without["kind"]) == set(perturb.ASSUMED)


@pytest.mark.parametrize("grade", ALL.shift)
def test_a_shift_is_as_long_as_its_grade_says(grade: float) -> None:
    moved = perturb.boxes(BOX, rows_of("shift", grade))
    offset = (moved[:, :2] - BOX[:2]) / [40, 80]
    np.testing.assert_allclose(np.hypot(*offset.T), grade)
    np.testing.assert_allclose(moved[:, 2:] - moved[:, :2], [[40, 80]] * len(moved))


@pytest.mark.parametrize("grade", ALL.scale)
def test_a_scale_keeps_centre_and_shape(grade: float) -> None:
    moved = perturb.boxes(BOX, rows_of("scale", grade))
    np.testing.assert_allclose((moved[:, :2] + moved[:, 2:]) / 2, [[30, 60]] * len(moved))
    factor = (moved[:, 2:] - moved[:, :2]) / [40, 80]
    np.testing.assert_allclose(factor[:, 0], factor[:, 1])
    assert {round(f, 9) for f in factor[:, 0]} <= {round(1 + grade, 9), round(1 / (1 + grade), 9)}


@pytest.mark.parametrize("grade", ALL.aspect)
def test_an_aspect_change_keeps_centre_and_area(grade: float) -> None:
    moved = perturb.boxes(BOX, rows_of("aspect", grade))
    sides = moved[:, 2:] - moved[:, :2]
    np.testing.assert_allclose(sides.prod(axis=1), 3200)
    ratio = sides[:, 1] / sides[:, 0] / 2
    np.testing.assert_allclose(np.abs(np.log(ratio)), np.log1p(grade))


@settings(max_examples=30)
@given(scale=st.floats(0.1, 50), dx=st.floats(-1e3, 1e3), seed=st.integers(0, 1000))
def test_changes_follow_the_box(scale: float, dx: float, seed: int) -> None:
    rows = perturb.draw(["x"], Robustness(repeats=2, image=False), seed)
    first = perturb.boxes(BOX, rows)
    np.testing.assert_allclose(perturb.boxes(BOX * scale + dx, rows), first * scale + dx, rtol=1e-6, atol=1e-6)


def test_changes_of_the_picture_leave_the_box_alone() -> None:
    for kind in perturb.IMAGE_KINDS:
        np.testing.assert_allclose(perturb.boxes(BOX, rows_of(kind)), np.tile(BOX, (len(rows_of(kind)), 1)))


def test_markers_are_painted_over_and_the_lesion_is_not() -> None:
    pixels = np.full((200, 300), 0.4, dtype=np.float32)
    pixels[10:30, 10:22] = 1.0  # a letter
    pixels[100:120, 150:170] = 1.0  # as bright, but inside the box
    pixels[:, 280:] = 1.0  # a border: large
    out = perturb.without_markers(pixels, np.array([140.0, 90.0, 180.0, 130.0]))
    assert out[8:32, 8:24].max() == pytest.approx(0.4)
    np.testing.assert_array_equal(out[90:130, 140:180], pixels[90:130, 140:180])
    np.testing.assert_array_equal(out[:, 280:], pixels[:, 280:])
    assert pixels[20, 15] == 1.0


PICTURE = ndimage.gaussian_filter(np.random.default_rng(5).random((260, 220)), 3).astype(np.float32)
PICTURE = (PICTURE - PICTURE.min()) / np.ptp(PICTURE)
DRAWN = np.array([90.0, 110.0, 130.0, 150.0])
FRAME = np.array([80.0, 100.0, 140.0, 160.0])


def of_picture(rows: pd.DataFrame, picture: np.ndarray = PICTURE) -> list[tuple[np.ndarray, perturb.Version]]:
    """Which rows share a picture, and that picture."""
    sharing = perturb.sharing(rows)
    return [(places, perturb.version(picture, DRAWN, FRAME, rows.iloc[places])) for places in sharing]


def test_every_change_has_one_picture_and_copies_of_the_whole_are_made_once() -> None:
    rows = perturb.draw(["a"], ALL, 1)
    found = of_picture(rows)
    np.testing.assert_array_equal(np.sort(np.concatenate([places for places, _ in found])), np.arange(len(rows)))
    whole = [(places, version) for places, version in found if version.pixels.shape == PICTURE.shape]
    assert len(whole) == 4  # as it is, two JPEG qualities, markers
    assert whole[0][1].pixels is PICTURE
    assert set(rows["kind"].iloc[whole[0][0]]) == set(perturb.ASSUMED)


@pytest.mark.parametrize("kind", ["rotation", "gamma", "blur"])
def test_a_part_is_changed_as_the_whole_radiograph_would_be(kind: str) -> None:
    rows = rows_of(kind).query("case_id == 'a'")
    for places, version in of_picture(rows):
        change = rows.iloc[places[0]]
        if kind == "gamma":
            whole = PICTURE ** change["gamma"]
        elif kind == "blur":
            whole = ndimage.gaussian_filter(PICTURE, 60 * change["blur"])
        else:  # Pillow turns counterclockwise as seen
            turned = Image.fromarray(PICTURE).rotate(change["angle"], Image.Resampling.BILINEAR, center=(110, 130))
            whole = np.asarray(turned)
        x, y = version.corner.astype(int)
        inner = slice(100, 160), slice(80, 140)
        part = version.pixels[inner[0].start - y : inner[0].stop - y, inner[1].start - x : inner[1].stop - x]
        np.testing.assert_allclose(part, whole[inner], atol=2e-3)
        assert np.abs(part - PICTURE[inner]).max() > 4e-3


def test_a_mask_turns_with_its_picture() -> None:
    """Radiomics' region lies where the network sees the lesion."""
    mask = np.zeros(PICTURE.shape, dtype=bool)
    mask[112:118, 92:128] = mask[112:148, 92:98] = True  # an L, which no wrong turn leaves in place
    rows = rows_of("rotation", 10.0).query("case_id == 'a'").reset_index(drop=True)
    for _, version in of_picture(rows, mask.astype(np.float32)):
        seen = version.pixels >= 0.5
        agreement = (seen & version.mask(mask)).sum() / (seen | version.mask(mask)).sum()
        x, y = version.corner.astype(int)
        unturned = mask[y : y + seen.shape[0], x : x + seen.shape[1]]
        assert agreement > 0.99
        assert (seen & unturned).sum() / (seen | unturned).sum() < 0.8


def test_noise_is_as_strong_as_its_grade_and_its_own_in_every_repeat() -> None:
    rows = rows_of("noise", 0.05).query("case_id == 'a'").reset_index(drop=True)
    grey = np.full(PICTURE.shape, 0.5, dtype=np.float32)
    found = [version.pixels - 0.5 for _, version in of_picture(rows, grey)]
    for noise in found:
        assert noise.std() == pytest.approx(0.05, rel=0.03)
    assert abs(np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1]) < 0.05


@given(
    shift=st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
    grow=st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)),
    seed=st.integers(0, 99),
)
def test_a_carried_mask_is_its_slow_definition(
    shift: tuple[float, float], grow: tuple[float, float], seed: int
) -> None:
    mask = ndimage.binary_dilation(np.random.default_rng(seed).random((50, 40)) > 0.995, iterations=3)
    drawn = np.array([5.5, 8.0, 30.0, 33.25])
    moved = np.concatenate([drawn[:2] + shift, drawn[:2] + shift + (drawn[2:] - drawn[:2]) * grow])
    expected = np.zeros_like(mask)
    back = (drawn[2:] - drawn[:2]) / (moved[2:] - moved[:2])
    for y in range(50):
        for x in range(40):
            source = drawn[:2] + (np.array([x, y]) + 0.5 - moved[:2]) * back
            column, row = np.floor(source).astype(int)
            expected[y, x] = 0 <= row < 50 and 0 <= column < 40 and mask[row, column]
    np.testing.assert_array_equal(perturb.carried(mask, drawn, moved), expected)
    np.testing.assert_array_equal(perturb.carried(mask, drawn, drawn), mask)


def test_jpeg_loses_more_at_lower_quality() -> None:
    pixels = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    errors = [float(np.abs(perturb.jpeg(pixels, quality) - pixels).mean()) for quality in (95, 50, 20)]
    assert errors == sorted(errors)
    assert errors[0] < 0.05


MEASURED = pd.DataFrame({"dx": [0.1, -0.2], "dy": [0.0, 0.3], "sx": [1.5, 0.5], "sy": [0.8, 1.25]})


def test_annotators_differences_take_the_place_of_fractions() -> None:
    """Every changed box is one of the measured ones, each about as often; what they do to a box is by hand."""
    asked = Robustness(repeats=200, image=False, grades="annotators", differences="differences.csv")
    rows = perturb.draw(["a"], asked, 1, MEASURED)
    assert set(rows["kind"]) == {"annotators"}
    pairs = rows[["dx", "dy", "sx", "sy"]].value_counts()
    assert sorted(pairs.index.tolist()) == sorted(MEASURED.itertuples(index=False, name=None))
    assert 60 < pairs.min() < 140
    first = rows[rows["dx"] == 0.1].head(1)
    # 40 x 80 pixels: the middle goes 4 to the right, the sides become 60 and 64
    assert np.allclose(perturb.boxes(BOX, first), [[4, 28, 64, 92]])
    other = perturb.draw(["b"], asked, 1, MEASURED)
    assert not other["dx"].equals(rows["dx"])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"grades": "annotators"}, "belong together"),
        ({"differences": "differences.csv"}, "belong together"),
        ({"grades": "annotators", "differences": "d.csv", "shift": (0.1,)}, "take the lists of fractions out"),
    ],
)
def test_assumed_and_measured_changes_are_not_mixed(said: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Robustness.model_validate(said)
    measured = Robustness(grades="annotators", differences="d.csv")
    assert Robustness.model_validate(measured.model_dump()) == measured  # as a run's resolved study says it again
