"""Masks, boxes, resampling, normalisation, re-segmentation and discretisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.core.errors import ImageError, StudyError
from osteon.radiomics import Settings, extract
from osteon.radiomics.preprocess import discretise, prepare, resegment

IMAGE = np.random.default_rng(5).random((40, 50)).astype(np.float32)
QUICK = Settings(families=("statistics", "histogram"))


def same(a: dict[str, float], b: dict[str, float]) -> None:
    assert a.keys() == b.keys()
    np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-9, atol=1e-12)


def test_a_box_is_the_pixels_whose_centres_it_holds() -> None:
    mask = np.zeros(IMAGE.shape, dtype=np.uint8)
    mask[4:11, 3:9] = 255
    for box in ([3, 4, 9, 11], (2.6, 3.6, 9.4, 11.5), np.array([3.4, 4.4, 8.6, 10.6])):
        assert extract(IMAGE, box) == extract(IMAGE, mask)
    assert extract(IMAGE, [-5, -5, 99, 99]) == extract(IMAGE, None)


@pytest.mark.parametrize(
    ("image", "mask", "said"),
    [
        (IMAGE, np.zeros(IMAGE.shape), "region is empty"),
        (IMAGE, [9, 9, 3, 3], "region is empty"),
        (IMAGE, [60, 0, 70, 9], "region is empty"),
        (IMAGE, np.ones((40, 51)), "shape"),
        (IMAGE, [0, 0, np.nan, 4], "nan"),
        (IMAGE, np.full(IMAGE.shape, np.nan), "mask holds nan"),
        (IMAGE, np.full(IMAGE.shape, "1"), "mask is of type"),
        (IMAGE, ["a", "b", "c", "d"], "mask is of type"),
        (np.zeros((4, 5, 3)), None, "one grey image"),
        (np.array([["a"]]), None, "one grey image"),
        (np.where(IMAGE > 0.99, np.nan, IMAGE), None, "nan or infinite"),
    ],
)
def test_bad_input_is_named(image: np.ndarray, mask: object, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        extract(image, mask)


def test_nan_elsewhere_is_no_matter() -> None:
    spoilt = IMAGE.copy()
    spoilt[30:, 40:] = np.nan
    assert extract(spoilt, [0, 0, 20, 20]) == extract(IMAGE, [0, 0, 20, 20])
    with pytest.raises(ImageError, match="nan"):
        extract(spoilt, [0, 0, 20, 20], settings=Settings(normalise="image"))


def test_bad_spacing_is_named() -> None:
    for spacing in ((0.0, 1.0), (1.0,), (np.nan, 1.0), 0.2, ("a", "b")):
        with pytest.raises(ImageError, match="spacing"):
            extract(IMAGE, None, spacing)  # type: ignore[arg-type]


def test_settings_are_settings() -> None:
    with pytest.raises(StudyError, match="settings is a dict"):
        extract(IMAGE, None, settings={"bins": 16})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"bins": 1},
        {"bins": 5000},
        {"bins": 16.5},
        {"bins": "a"},
        {"bin_width": 0},
        {"spacing": -1.0},
        {"outliers": float("nan")},
        {"limits": (2, 1)},
        {"limits": (1,)},
        {"distances": (0,)},
        {"distances": ()},
        {"distances": 1},
        {"distances": (1.5,)},
        {"directions": (30,)},
        {"aggregation": ("mean",)},
        {"families": ("glmc",)},
        {"families": ("glcm", "glcm")},
        {"filters": ("log",)},
        {"filters": ("log--1",)},
        {"filters": ("wavelet-sym4",)},
        {"filters": ("sobel",)},
        {"normalise": "all"},
        {"interpolation": "sinc"},
        {"coarseness": -1},
        {"coarseness": 0.5},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(StudyError) as caught:
        Settings(**wrong)  # type: ignore[arg-type]
    assert caught.value.column == next(iter(wrong))
    assert caught.value.fix


def test_normalisation() -> None:
    box = [5, 5, 25, 25]
    region = extract(IMAGE, box, settings=Settings(normalise="region"))
    assert region["intensity_mean"] == pytest.approx(0, abs=1e-9)
    assert region["intensity_variance"] == pytest.approx(1)
    assert region["intensity_coefficient_of_variation"] == 0  # of a mean of 0
    whole = extract(IMAGE, box, settings=Settings(normalise="image"))
    pixels = IMAGE.astype(float)
    assert whole["intensity_mean"] == pytest.approx((pixels[5:25, 5:25].mean() - pixels.mean()) / pixels.std())
    plain = extract(IMAGE, box)
    for name in ("shape_integrated_intensity", "shape_centre_of_mass_shift"):
        assert whole[name] == region[name] == plain[name]


def test_outliers_leave_the_intensities_and_not_the_shape() -> None:
    image = IMAGE.copy()
    image[10, 10] = 50
    box = [5, 5, 25, 25]
    kept = extract(image, box, settings=Settings(outliers=3))
    assert kept["intensity_maximum"] <= 1
    assert kept["shape_area"] == extract(IMAGE, box)["shape_area"]
    narrow = extract(image, box, settings=Settings(limits=(0.25, 0.5)))
    assert 0.25 <= narrow["intensity_minimum"] <= narrow["intensity_maximum"] <= 0.5
    with pytest.raises(ImageError, match="no pixel"):
        extract(image, box, settings=Settings(limits=(2, 3)))


def test_outliers_of_a_constant_region() -> None:
    image = np.full((6, 6), 0.1)
    mask = np.ones(image.shape, dtype=bool)
    assert resegment(image, mask, Settings(outliers=1)).all()


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50), st.integers(2, 64))
def test_fixed_bin_number_is_ibsis_formula(values: list[int], bins: int) -> None:
    levels, n = discretise(np.array(values, dtype=float), Settings(bins=bins))
    low, high = min(values), max(values)
    expected = [bins if v == high > low else bins * (v - low) // max(high - low, 1) + 1 for v in values]
    assert (levels.tolist(), n) == (expected, bins)


def test_fixed_bin_width() -> None:
    values = np.array([10.0, 14.9, 15.0, 31.0])
    assert discretise(values, Settings(bin_width=5))[0].tolist() == [1, 1, 2, 5]
    assert discretise(values, Settings(bin_width=5, limits=(0, 40)))[0].tolist() == [3, 3, 4, 7]
    with pytest.raises(ImageError, match="fixed number of bins"):
        discretise(np.array([0.0, 65535.0]), Settings(bin_width=25))


def test_bit_depth_does_not_matter_to_texture() -> None:
    eight = np.random.default_rng(0).integers(0, 256, (30, 30))
    small, large = (extract(i, None) for i in (eight.astype(np.uint8), (eight * 257).astype(np.uint16)))
    same({k: v for k, v in small.items() if "gl" in k}, {k: v for k, v in large.items() if "gl" in k})


def test_resampling_to_the_same_spacing_changes_nothing() -> None:
    box = [5, 5, 25, 25]
    plain = extract(IMAGE, box, (0.5, 0.5))
    same(extract(IMAGE, box, (0.5, 0.5), Settings(spacing=0.5)), plain)
    same(extract(IMAGE, box, (0.5, 0.5), Settings(spacing=0.5, interpolation="cubic")), plain)


def test_without_spacing_nothing_is_resampled() -> None:
    assert extract(IMAGE, None, None, Settings(spacing=0.5)) == extract(IMAGE, None)


def test_resampling_keeps_the_lesion_in_mm() -> None:
    y, x = np.mgrid[:120, :160]
    image = 100 + 2.0 * (y * 0.4) + 3.0 * (x * 0.3)  # linear interpolation keeps a plane exactly
    mask = ((x * 0.3 - 24) / 12) ** 2 + ((y * 0.4 - 24) / 9) ** 2 < 1
    plain, coarse = (extract(image, mask, (0.4, 0.3), s) for s in (Settings(), Settings(spacing=0.6)))
    for name in ("shape_area", "shape_major_axis_length", "intensity_mean", "intensity_variance"):
        assert coarse[name] == pytest.approx(plain[name], rel=0.01)


def test_resampling_interpolates_at_ibsis_grid() -> None:
    """Four pixels of 1 mm to eight of 0.5 mm: centres a quarter pixel from the old ones (IBSI 2.4, aligned centres)."""
    image = np.tile(np.array([0.0, 4.0, 8.0, 12.0]), (4, 1))
    region = prepare(image, None, (1.0, 1.0), Settings(spacing=0.5))
    assert region.pixels.shape == (8, 8)
    assert region.pixels[0].tolist() == [0, 1, 3, 5, 7, 9, 11, 12]
    assert region.mask.all()


def test_a_lesion_smaller_than_the_new_pixel_does_not_vanish() -> None:
    for corner in range(9):
        found = extract(IMAGE, [corner, corner, corner + 1, corner + 1], (0.1, 0.1), Settings(spacing=1.0))
        assert found["shape_area_pixels"] == 1


def test_spacing_scales_shape_only() -> None:
    pixels, mm = (extract(IMAGE, [3, 3, 20, 30], s) for s in (None, (0.5, 0.5)))
    assert mm["shape_area"] == pytest.approx(pixels["shape_area"] / 4)
    same(*({k: v for k, v in f.items() if not k.startswith("shape")} for f in (pixels, mm)))


def test_a_bin_width_is_of_the_image_and_not_of_its_filtered_images() -> None:
    image = np.random.default_rng(0).integers(0, 1000, (20, 20))
    width, number = (
        extract(image, None, settings=Settings(filters=("gradient",), families=("histogram",), **how))
        for how in ({"bin_width": 100.0}, {"bins": 32})
    )
    assert width["histogram_maximum"] == 10
    assert width["gradient_histogram_entropy"] == number["gradient_histogram_entropy"]
