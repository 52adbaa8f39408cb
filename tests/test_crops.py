"""Crops against closed forms, the slow definition, and their invariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import roi_align

from osteon.models.inputs import crops
from osteon.study import Augment, Crop


def slow_extract(pixels: np.ndarray, rect: np.ndarray, size: int) -> np.ndarray:
    """The definition: each output pixel is the mean of ceil(side / size) squared bilinear samples, black outside."""
    height, width = pixels.shape
    out = np.zeros((size, size))
    steps = [int(np.ceil((rect[2 + k] - rect[k]) / size)) for k in (0, 1)]

    def sample(x: float, y: float) -> float:
        if x < -1 or y < -1 or x > width or y > height:
            return 0.0
        x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
        left, top = int(x), int(y)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        fx, fy = x - left, y - top
        upper = pixels[top, left] * (1 - fx) + pixels[top, right] * fx
        lower = pixels[bottom, left] * (1 - fx) + pixels[bottom, right] * fx
        return float(upper * (1 - fy) + lower * fy)

    for row in range(size):
        for column in range(size):
            total = 0.0
            for i in range(steps[1]):
                for j in range(steps[0]):
                    y = rect[1] + (rect[3] - rect[1]) * (row + (i + 0.5) / steps[1]) / size
                    x = rect[0] + (rect[2] - rect[0]) * (column + (j + 0.5) / steps[0]) / size
                    total += sample(x - 0.5, y - 0.5)
            out[row, column] = total / (steps[0] * steps[1])
    return out


@pytest.mark.parametrize("rect", [[2.0, 3.0, 18.0, 15.0], [-6.5, -3.0, 9.0, 40.2], [4.0, 4.0, 7.0, 7.0]])
def test_equal_to_the_slow_definition(rect: list[float]) -> None:
    pixels = np.random.default_rng(0).random((24, 20), dtype=np.float32)
    fast = crops.extract(pixels, np.array([rect]), 6)[0]
    np.testing.assert_allclose(fast, slow_extract(pixels, np.array(rect), 6), atol=2e-6)


def test_whole_pixels_are_copied() -> None:
    pixels = np.random.default_rng(1).random((12, 10), dtype=np.float32)
    np.testing.assert_array_equal(crops.extract(pixels, np.array([[2.0, 4.0, 8.0, 10.0]]), 6)[0], pixels[4:10, 2:8])


def test_reducing_by_a_whole_factor_is_the_mean() -> None:
    pixels = np.random.default_rng(2).random((12, 12), dtype=np.float32)
    means = pixels.reshape(4, 3, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crops.extract(pixels, np.array([[0.0, 0, 12, 12]]), 4)[0], means, atol=1e-6)


def test_outside_is_black() -> None:
    out = crops.extract(np.ones((8, 8), dtype=np.float32), np.array([[-8.0, 0, 8, 8], [20, 20, 30, 30]]), (8, 16))
    assert out[0, :, 8:].min() == 1
    assert out[0, :, :6].max() == 0
    assert out[1].max() == 0


box = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 100), st.floats(1, 100)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)


@given(box=box, margin=st.floats(0, 1))
def test_rectangles_keep_the_centre_and_contain_the_box(box: list[float], margin: float) -> None:
    boxes = np.array([box])
    square = crops.rectangles(boxes, Crop(margin=margin))[0]
    free = crops.rectangles(boxes, Crop(margin=margin, square=False))[0]
    for rect in (square, free):
        assert rect[:2] + rect[2:] == pytest.approx(boxes[0, :2] + boxes[0, 2:], abs=1e-9)
        assert np.all(rect[:2] <= boxes[0, :2] + 1e-9)
        assert np.all(rect[2:] >= boxes[0, 2:] - 1e-9)
    assert square[2] - square[0] == pytest.approx(square[3] - square[1])
    assert free[2:] - free[:2] == pytest.approx((boxes[0, 2:] - boxes[0, :2]) * (1 + 2 * margin))


@settings(max_examples=25)
@given(dx=st.integers(-5, 5), dy=st.integers(-5, 5))
def test_moving_picture_and_box_together_changes_nothing(dx: int, dy: int) -> None:
    pixels = np.zeros((40, 40), dtype=np.float32)
    pixels[12:28, 12:28] = np.random.default_rng(3).random((16, 16))
    rect = np.array([[11.3, 10.2, 29.4, 28.8]])
    moved = crops.extract(np.roll(pixels, (dy, dx), (0, 1)), rect + np.array([dx, dy, dx, dy]), 8)
    np.testing.assert_allclose(moved, crops.extract(pixels, rect, 8), atol=1e-5)


def test_the_middle_of_a_padded_crop_is_the_crop() -> None:
    pixels = np.random.default_rng(4).random((300, 260), dtype=np.float32)
    rects = crops.rectangles(np.array([[40.0, 50.0, 171.0, 190.0]]), Crop())
    wide = crops.extract(pixels, crops.padded(rects, 64, 16), 96)[0]
    np.testing.assert_allclose(wide[16:80, 16:80], crops.extract(pixels, rects, 64)[0], atol=1e-4)


def test_padding_covers_what_augmentation_reaches() -> None:
    still = Augment(rotate=0, shift=0, scale=0, jitter=0)
    assert crops.pad_for(still, 100) == 0
    assert crops.pad_for(still.model_copy(update={"shift": 0.1}), 100) == 10
    assert crops.pad_for(Augment(rotate=45, scale=1, shift=1), 100) == 50


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), size=st.integers(2, 40))
def test_equal_to_roi_align(seed: int, size: int) -> None:
    """torchvision's RoI align is the same mean, and what a graphics card cuts with."""
    rng = np.random.default_rng(seed)
    pixels = rng.random((60, 45), dtype=np.float32)
    corner = rng.uniform(-20, 40, (4, 2))
    rects = np.hstack([corner, corner + rng.uniform(1.3, 90, (4, 2))]).astype(np.float32)
    theirs = roi_align(
        torch.from_numpy(pixels)[None, None], [torch.from_numpy(rects)], size, sampling_ratio=-1, aligned=True
    )[:, 0]
    np.testing.assert_allclose(crops.extract(pixels, rects, size), theirs.numpy(), atol=2e-5)
