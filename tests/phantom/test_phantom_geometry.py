"""Distances, paths and attenuation against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.cohort.synthetic.body import CORTEX, Bone, Limb, Pose
from osteon.cohort.synthetic.film import Detector, Exposure, expose
from osteon.cohort.synthetic.geometry import Grid, chord, lay, signed_distance, smooth_outline, texture, tube


def circle(x: float, y: float, radius: float) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    return np.column_stack([x + radius * np.cos(t), y + radius * np.sin(t)])


@settings(max_examples=30)
@given(
    x=st.floats(20, 40), y=st.floats(20, 40), radius=st.floats(6, 18), spacing=st.floats(0.3, 0.8),
    coarse=st.sampled_from([1, 2, 3]),
)  # fmt: skip
def test_the_distance_to_a_circle_is_exact_to_a_fraction_of_a_pixel(
    x: float, y: float, radius: float, spacing: float, coarse: int
) -> None:
    grid = Grid(int(60 / spacing), int(60 / spacing), spacing, 0.0, 0.0)
    found = signed_distance([circle(x, y, radius)], grid, coarse=coarse)
    distance = np.hypot(grid.x - x, grid.y - y)
    # Interpolation cannot follow the kink at the middle.
    checked = distance > 3 * coarse * spacing
    assert np.abs(found - (radius - distance))[checked].max() < 0.7 * coarse * spacing
    edge = np.abs(distance - radius) < 2.0
    assert np.abs(found - (radius - distance))[edge].max() < 0.6 * coarse * spacing


def test_an_outline_beyond_the_film_counts_as_far_as_asked() -> None:
    grid = Grid(40, 40, 1.0, 0.0, 0.0)
    slab = smooth_outline([(-10, -200), (-10, 200), (30, 200), (30, -200)], 0.5)
    found = signed_distance([slab], grid, coarse=2, beyond=15.0)
    assert found[20, 0] == pytest.approx(10.0, abs=0.3)
    assert (signed_distance([slab + 500.0], grid) == -1000).all()
    assert (signed_distance([circle(20, 20, 300)], grid) == 1000).all()


def test_a_union_is_at_least_as_deep_as_its_parts() -> None:
    grid = Grid(60, 60, 1.0, 0.0, 0.0)
    parts = [circle(22, 30, 14), circle(38, 30, 14)]
    alone = [signed_distance([part], grid, coarse=1) for part in parts]
    assert (signed_distance(parts, grid, coarse=1, fillet=5.0) >= np.maximum(*alone) - 1e-4).all()
    np.testing.assert_array_equal(signed_distance(parts, grid, coarse=1), np.maximum(*alone))


def test_a_chord_is_that_of_a_cylinder() -> None:
    across = np.linspace(-9.99, 9.99, 101).astype(np.float32)
    np.testing.assert_allclose(chord(10 - np.abs(across), 10.0, 10.0), 2 * np.sqrt(100 - across**2), rtol=1e-4)
    assert chord(np.float32([-1.0, 50.0]), 10.0, 7.0).tolist() == [0.0, 14.0]


def test_a_tubular_bone_attenuates_as_beer_and_lambert_say() -> None:
    outer, wall = 12.0, 4.0
    bone = Bone("tube", tube([(0, outer, outer), (160, outer, outer)]), ((0, wall, 1.0, 0.0), (160, wall, 1.0, 0.0)),
                (0.0, 0.0))  # fmt: skip
    grid = Grid(200, 90, 0.3, -13.35, 50.0)
    s, u = bone.local(grid.x, grid.y)
    found = bone.mineral(s, u, bone.distance(grid), grain=3.0).mean(axis=0)
    x = grid.x[0]
    ring = np.sqrt(np.clip(outer**2 - x**2, 0, None)) - np.sqrt(np.clip((outer - wall) ** 2 - x**2, 0, None))
    # The cortex has a grain of 2.5 %; at the very edge a chord's slope is infinite.
    inside = np.abs(np.abs(x) - outer) > 0.7
    np.testing.assert_allclose(found[inside], (CORTEX * 2 * ring)[inside], rtol=0.03, atol=0.003)


def test_a_thicker_limb_lets_less_through() -> None:
    grid = Grid(60, 100, 2.0, -100.0, -60.0)
    thin, thick = (
        Limb((tube([(-90, half, half), (90, half, half)]),), half, half, 6.0).attenuation(grid, 0.0)
        for half in (40.0, 60.0)
    )
    assert thin[30, 0] == 0
    assert thick[30, 50] / thin[30, 50] == pytest.approx(1.5, rel=0.06)


def test_moving_keeps_a_bones_own_coordinates() -> None:
    bone = Bone("b", circle(5, 5, 10), ((0, 1, 1, 1), (9, 1, 1, 1)), (1.0, 2.0))
    moved = bone.moved(Pose(angle=0.7, size=1.3, mirror=True, pivot=(4.0, -3.0), shift=(10.0, 20.0)))
    points = np.array([[3.0, 4.0], [-7.0, 11.0]])
    np.testing.assert_allclose(
        moved.film(points * 1.3),
        Pose(angle=0.7, size=1.3, mirror=True, pivot=(4.0, -3.0), shift=(10.0, 20.0)).apply(bone.film(points)),
    )
    s, u = moved.local(*moved.film(points).T)
    np.testing.assert_allclose(np.column_stack([s, u]), points, atol=1e-4)


@pytest.mark.parametrize("kind", ["trabeculae", "muscle", "cloud", "curls", "spicules", "septa", "grain"])
def test_textures_repeat_without_a_seam(kind: str) -> None:
    field = texture(kind)
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-4)
    steps = np.abs(np.diff(field, axis=0)).mean()
    assert np.abs(field[0] - field[-1]).mean() < 2 * steps
    where = np.linspace(-300, 300, 50, dtype=np.float32)
    np.testing.assert_array_equal(lay(kind, where, where), lay(kind, where + 128, where - 256))


def test_four_times_the_dose_halves_the_noise() -> None:
    wedge = np.linspace(0.5, 2.5, 300, dtype=np.float32)[None, :].repeat(200, axis=0)
    noise = []
    for photons in (5.0, 20.0):
        plain = Detector(photons=photons, electronic=0.0, blur=0.0, scatter=0.0, heel=0.0, equalisation=0.0, edge=0.0,
                         toe=0.0, collimation=(1.0, 1.0))  # fmt: skip
        film = expose(wedge, plain, Exposure("", (), 0.5), np.random.default_rng(4))
        noise.append(film[:, 140:160].std(axis=0).mean())
    assert noise[0] / noise[1] == pytest.approx(2.0, rel=0.1)
