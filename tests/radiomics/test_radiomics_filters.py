"""Filtered images against closed forms and PyWavelets (tests/references/pyradiomics/README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from osteon.radiomics import Settings, describe, extract, feature_names, filters

ALL = ("log-1", "log-2.5", "wavelet", "wavelet-db2", "gradient", "lbp")
REFERENCE = json.loads((Path(__file__).parents[1] / "references/pyradiomics/filters.json").read_text())


def test_log_of_a_gaussian() -> None:
    """A Gaussian of width s smoothed by one of width t has, at its centre, a Laplacian of -2 A s^2 / (s^2 + t^2)^2."""
    spacing = (0.5, 0.25)
    y, x = np.mgrid[:121, :241]
    y, x = (y - 60) * spacing[0], (x - 120) * spacing[1]
    image = 7 * np.exp(-(x**2 + y**2) / (2 * 4.0**2))
    response = filters.laplacian_of_gaussian(image, 3.0, spacing)
    assert response[60, 120] == pytest.approx(-2 * 7 * 16 / (16 + 9) ** 2, rel=2e-3)


@pytest.mark.parametrize("name", ["haar", "db2"])
def test_wavelet_bands_equal_pywavelets(name: str) -> None:
    image = np.array(REFERENCE["image"], dtype=float)
    ours = filters.wavelet(image, filters.WAVELETS[name])
    theirs = {band: np.array(values) for band, values in REFERENCE["bands"][name].items()}
    # PyWavelets' horizontal detail is low-pass along x and high-pass along y.
    for band, other in (("ll", "ll"), ("lh", "cH"), ("hl", "cV"), ("hh", "cD")):
        shifted = min(
            np.abs(np.roll(theirs[other], (s, s), axis=(0, 1)) - sign * ours[band])[4:-4, 4:-4].max()
            for s in range(-3, 4)
            for sign in (1, -1)
        )
        assert shifted < 1e-6, band


def test_wavelet_keeps_energy() -> None:
    image = np.random.default_rng(0).random((64, 64))
    bands = filters.wavelet(image, filters.WAVELETS["db2"])
    energy = sum((band[8:-8, 8:-8] ** 2).sum() for band in bands.values())
    assert energy == pytest.approx(4 * (image[8:-8, 8:-8] ** 2).sum(), rel=0.03)


def test_gradient_of_a_plane() -> None:
    y, x = np.mgrid[:9, :9]
    response = filters.gradient_magnitude(3.0 * y * 0.5 + 4.0 * x * 0.2, (0.5, 0.2))
    np.testing.assert_allclose(response[1:-1, 1:-1], 5)


def test_local_binary_patterns() -> None:
    flat, spot = np.ones((3, 3)), np.zeros((3, 3))
    spot[1, 1] = 1
    edge = np.array([[0, 0, 0], [1, 1, 1], [1, 1, 1]])
    board = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    assert [filters.local_binary_pattern(i)[1, 1] for i in (flat, spot, edge, board)] == [8, 0, 5, 9]


@pytest.mark.parametrize("name", ALL)
def test_features_of_a_filtered_image_do_not_know_how_far_it_was_cut(name: str) -> None:
    """The cut keeps enough of the surroundings: the same as filtering the whole image."""
    image = np.random.default_rng(1).random((90, 100))
    settings = Settings(filters=(name,), families=("statistics",))
    found = extract(image, [40, 30, 60, 55], (0.5, 0.7), settings)
    for prefix, response in filters.responses(name, image, (0.5, 0.7)):
        assert found[f"{prefix}_intensity_mean"] == pytest.approx(response[30:55, 40:60].mean(), abs=1e-12)
        assert found[f"{prefix}_intensity_variance"] == pytest.approx(response[30:55, 40:60].var())


def test_names() -> None:
    settings = Settings(filters=ALL, distances=(1, 2))
    names = feature_names(settings)
    assert names == list(extract(np.random.default_rng(0).random((20, 20)), None, settings=settings))
    assert len(names) == len(set(names))
    assert all(describe(name).name == name for name in names)
    assert {"log2.5_glcm_contrast_merged_d2", "wavelet_db2_hl_intensity_mean", "lbp_histogram_mode"} <= set(names)
    assert not any("shape" in name for name in names if name.startswith(("log", "wavelet", "gradient", "lbp")))
