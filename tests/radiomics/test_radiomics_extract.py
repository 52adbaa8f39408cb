"""What holds for every image: invariances, regions at the limits, names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from osteon.core.errors import InputError
from osteon.radiomics import REGISTRY, Settings, describe, extract, intensity

IMAGES = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 4095))
SETTINGS = Settings(distances=(1, 2))


def masks(image: np.ndarray, seed: int) -> np.ndarray:
    """A random region: in parts, with holes, at the edge; at least one pixel."""
    generator = np.random.default_rng(seed)
    mask = generator.random(image.shape) < generator.uniform(0.05, 1)
    mask[tuple(generator.integers(image.shape))] = True
    return np.asarray(mask)


def close(a: dict[str, float], b: dict[str, float], but: tuple[str, ...] = ()) -> None:
    assert list(a) == list(b)
    for name in a:
        if not name.startswith(but or ("-",)):
            assert a[name] == pytest.approx(b[name], rel=1e-7, abs=1e-7), name


@settings(max_examples=25)
@given(IMAGES, st.integers(0, 999))
def test_every_feature_is_finite(image: np.ndarray, seed: int) -> None:
    found = extract(image, masks(image, seed), settings=SETTINGS)
    assert len(found) > 209
    assert all(type(value) is float and np.isfinite(value) for value in found.values())


@settings(max_examples=25)
@given(IMAGES, st.integers(0, 999))
def test_a_quarter_turn_and_a_reflection_change_nothing(image: np.ndarray, seed: int) -> None:
    mask = masks(image, seed)
    found = extract(image, mask, settings=SETTINGS)
    close(extract(np.rot90(image), np.rot90(mask), settings=SETTINGS), found)
    close(extract(image[:, ::-1], mask[:, ::-1], settings=SETTINGS), found)


@settings(max_examples=25)
@given(IMAGES, st.integers(0, 999), st.integers(1, 5), st.integers(1, 60000))
def test_brightness_and_contrast_change_no_texture(image: np.ndarray, seed: int, times: int, plus: int) -> None:
    mask = masks(image, seed)
    changed = image.astype(np.int64) * times + plus
    found = extract(image, mask, settings=SETTINGS)
    # Moran's I and Geary's C are invariant too, the other shape features with intensities are not.
    close(extract(changed, mask, settings=SETTINGS), found, but=("intensity_", "shape_centre", "shape_integrated"))


@settings(max_examples=25)
@given(IMAGES, st.integers(0, 999), st.integers(0, 5), st.integers(0, 5))
def test_translation_changes_nothing(image: np.ndarray, seed: int, down: int, right: int) -> None:
    mask = masks(image, seed)
    frame = ((down, 3), (right, 2))
    moved = extract(np.pad(image, frame, constant_values=9999), np.pad(mask, frame), settings=SETTINGS)
    close(moved, extract(image, mask, settings=SETTINGS))


def test_one_pixel() -> None:
    found = extract(np.arange(12).reshape(3, 4), [1, 1, 2, 2])
    assert found["shape_area_pixels"] == 1
    assert found["shape_area"] == 0.5
    assert found["shape_elongation"] == 1
    assert found["intensity_mean"] == 5
    assert found["intensity_variance"] == found["intensity_skewness"] == found["intensity_kurtosis"] == 0
    assert found["glcm_joint_maximum"] == found["glcm_joint_maximum_merged"] == found["glcm_correlation"] == 1
    assert found["glszm_zone_percentage"] == found["glrlm_run_percentage"] == 1
    assert found["ngtdm_coarseness"] == 1e6


def test_constant_region() -> None:
    found = extract(np.full((9, 9), 0.3), None)
    assert found["intensity_variance"] == found["histogram_entropy"] == found["glcm_joint_entropy"] == 0
    assert found["glcm_information_correlation_1"] == found["glcm_information_correlation_2"] == 0
    assert found["glcm_correlation"] == found["histogram_uniformity"] == 1
    assert (found["shape_moran_i"], found["shape_geary_c"]) == (0, 1)
    assert found["ngtdm_contrast"] == found["ngtdm_busyness"] == found["ngtdm_strength"] == 0
    assert found["glszm_zone_percentage"] == pytest.approx(1 / 81)


def test_aggregation_and_families_can_be_chosen() -> None:
    image = np.random.default_rng(0).random((12, 12))
    everything = extract(image, None)
    assert len(everything) == len(REGISTRY) == 209
    assert set(everything) == set(REGISTRY)
    merged = extract(image, None, settings=Settings(families=("glcm", "glrlm"), aggregation=("merged",)))
    assert len(merged) == 41
    assert all(everything[name] == value and "_merged" in name for name, value in merged.items())
    one = Settings(families=("glcm",), directions=(0,))
    across, down = (extract(i, None, settings=one) for i in (image, image.T))
    assert across["glcm_contrast"] == across["glcm_contrast_merged"] != down["glcm_contrast"]


def test_describe() -> None:
    assert describe("glcm_joint_maximum").code == "GYBY"
    assert describe("shape_area").analogue
    with pytest.raises(InputError, match="glcm_contrast"):
        describe("glcm_contrats")


def test_volume_histogram_of_a_bright_half() -> None:
    """No level is as rare as a tenth: the next level up, which is empty; nine tenths are left from the second on."""
    found = intensity.volume_histogram(np.array([5, 0, 5]))
    assert (found["level_at_10"], found["level_at_90"], found["level_difference"]) == (4, 2, 2)
    assert (found["area_at_10"], found["area_at_90"], found["area_difference"]) == (0.5, 0.5, 0)
