"""Shape features against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from osteon.radiomics import Settings, extract, morphology

SHAPE = Settings(families=("morphology",))


def disc(radius: float, size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.asarray(x**2 + y**2 <= radius**2)


def shape(mask: np.ndarray, spacing: tuple[float, float] | None = None) -> dict[str, float]:
    image = np.random.default_rng(0).random(mask.shape)
    return {k.removeprefix("shape_"): v for k, v in extract(image, mask, spacing, SHAPE).items()}


def test_rectangle() -> None:
    mask = np.zeros((30, 40), dtype=bool)
    mask[5:15, 6:26] = True  # 10 x 20 pixels of 2 x 0.5 mm: 20 x 10 mm, the four corners cut off
    found = shape(mask, (2.0, 0.5))
    cut = np.hypot(1.0, 0.25)
    assert found["area_pixels"] == 200
    assert found["area"] == pytest.approx(200 - 4 * 1 * 0.25 / 2)
    assert found["perimeter"] == pytest.approx(2 * (18 + 9.5) + 4 * cut)
    assert found["solidity"] == pytest.approx(1)
    assert found["convexity"] == pytest.approx(1)
    assert found["area_density_box"] == pytest.approx(199.5 / 200)
    assert found["area_density_turned_box"] == pytest.approx(199.5 / 200)
    assert found["minimum_width"] == pytest.approx(10)
    # Variance of 10 rows 2 mm apart and of 20 columns 0.5 mm apart, with n - 1.
    assert found["major_axis_length"] == pytest.approx(4 * np.sqrt((10**2 - 1) / 12 * 4 * 200 / 199))
    assert found["minor_axis_length"] == pytest.approx(4 * np.sqrt((20**2 - 1) / 12 / 4 * 200 / 199))


def test_disc() -> None:
    found = shape(disc(60, 141), (0.5, 0.5))
    assert found["area"] == pytest.approx(np.pi * 30**2, rel=0.01)
    assert found["maximum_diameter"] == pytest.approx(60, rel=0.01)
    assert found["minimum_width"] == pytest.approx(60, rel=0.01)
    assert found["major_axis_length"] == pytest.approx(60, rel=0.01)
    assert found["elongation"] == pytest.approx(1)
    assert found["area_density_ellipse"] == pytest.approx(1, rel=0.01)
    assert found["area_density_turned_box"] == pytest.approx(np.pi / 4, rel=0.02)
    # A contour through pixel midpoints follows a circle in steps of 45 degrees: up to 8 % too long, at every size.
    assert 0.9 < found["sphericity"] < 1
    assert found["perimeter_density_ellipse"] == pytest.approx(found["perimeter"] / (np.pi * 60), rel=0.01)


def test_ring_has_two_contours() -> None:
    ring = disc(40, 101) & ~disc(20, 101)
    outer, inner, both = shape(disc(40, 101)), shape(disc(20, 101)), shape(ring)
    assert both["perimeter"] > outer["perimeter"] + 0.95 * inner["perimeter"]
    assert both["area_pixels"] == outer["area_pixels"] - inner["area_pixels"]
    assert both["solidity"] < 0.8


def test_identities() -> None:
    found = shape(disc(9, 25) | np.eye(25, dtype=bool))
    assert found["circularity"] == pytest.approx(4 * np.pi * found["area"] / found["perimeter"] ** 2)
    assert found["disproportion"] * found["sphericity"] == pytest.approx(1)
    assert found["asphericity"] == pytest.approx(found["disproportion"] - 1)
    assert found["convexity"] * found["perimeter_density_hull"] == pytest.approx(1)


def test_corner_contact_is_no_contact() -> None:
    apart = np.zeros((5, 8), dtype=bool)
    apart[1, 1] = apart[3, 5] = True
    touching = np.zeros((5, 8), dtype=bool)
    touching[1, 1] = touching[2, 2] = True
    assert shape(touching)["perimeter"] == pytest.approx(shape(apart)["perimeter"]) == 2 * 2 * np.sqrt(2)


def test_centre_of_mass_shift_points_to_the_bright_side() -> None:
    image = np.zeros((10, 10))
    image[:, 5:] = 1.0
    everywhere = np.ones((10, 10), dtype=bool)
    assert morphology.centre_of_mass_shift(everywhere, image, everywhere, (1.0, 2.0)) == pytest.approx(5)


def test_spatial_order() -> None:
    y, x = np.mgrid[:20, :20]
    everywhere = np.ones((20, 20), dtype=bool)
    ramp, board = (morphology.spatial_autocorrelation(i, everywhere, (1, 1)) for i in (y * 1.0, (y + x) % 2 * 1.0))
    assert ramp[0] > 0.2 > 0 > board[0]
    assert ramp[1] < 1 < board[1]
