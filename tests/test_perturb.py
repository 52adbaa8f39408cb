"""Perturbations as rows: their size, their independence, and what they do to boxes and pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon import perturb
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
    assert set(counts.index.get_level_values("kind")) == {*perturb.BOX_KINDS, *perturb.IMAGE_KINDS}
    without = perturb.draw(["a"], Robustness(repeats=5, image=False), 1)
    assert set(without["kind"]) == set(perturb.BOX_KINDS)


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


@settings(deadline=None, max_examples=30)
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


def test_jpeg_loses_more_at_lower_quality() -> None:
    pixels = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    errors = [float(np.abs(perturb.jpeg(pixels, quality) - pixels).mean()) for quality in (95, 50, 20)]
    assert errors == sorted(errors)
    assert errors[0] < 0.05
