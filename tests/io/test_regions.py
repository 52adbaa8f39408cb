"""Outlines, runs and boxes against their slow definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.io.regions import clip_box, decode_rle, fill_polygons, overlap, tight_box

SHAPE = (13, 17)


def inside(points: list[tuple[float, float]], x: float, y: float) -> bool:
    """Even-odd rule: a ray to the left crosses the outline an odd number of times."""
    crossings = 0
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
            crossings += 1
    return crossings % 2 == 1


@given(points=st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 20)), min_size=3, max_size=9))
def test_a_polygon_holds_the_pixels_whose_centres_it_holds(points: list[tuple[float, float]]) -> None:
    slow = [[inside(points, x + 0.5, y + 0.5) for x in range(SHAPE[1])] for y in range(SHAPE[0])]
    mask = fill_polygons([np.array(points)], SHAPE)
    # A centre on the outline within rounding may fall on either side.
    assert (mask != np.array(slow)).sum() <= 1


def test_the_area_of_a_polygon_is_gauss_s() -> None:
    angle = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    x, y = 210 + 150 * np.cos(angle), 190 + 120 * np.sin(angle) * (1 + 0.2 * np.cos(3 * angle))
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert fill_polygons([np.stack([x, y], axis=1)], (400, 420)).sum() == pytest.approx(area, rel=1e-3)


def test_a_rectangle_is_exact_and_several_polygons_are_joined() -> None:
    squares = [[(1, 2), (4, 2), (4, 5), (1, 5)], [(3, 4), (30, 4), (30, 6), (3, 6)]]
    expected = np.zeros(SHAPE, dtype=bool)
    expected[2:5, 1:4] = expected[4:6, 3:17] = True
    np.testing.assert_array_equal(fill_polygons([np.array(square) for square in squares], SHAPE), expected)
    assert tight_box(expected) == (1, 2, 17, 6)
    assert tight_box(np.zeros(SHAPE, dtype=bool)) is None


def encode_rle(mask: np.ndarray) -> str:
    """COCO's compressed runs, by its description: differences to the run before the last, 5 bits a character."""
    runs, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    text = ""
    for index, run in enumerate(runs):
        rest = run - runs[index - 2] if index > 2 else run
        while True:
            bits, rest = rest & 31, rest >> 5
            more = not (rest == 0 and not bits & 16) and not (rest == -1 and bits & 16)
            text += chr(48 + bits + 32 * more)
            if not more:
                break
    return text


@given(st.lists(st.booleans(), min_size=30, max_size=30), st.booleans())
def test_compressed_runs_come_back(pixels: list[bool], wide: bool) -> None:
    mask = np.kron(np.array(pixels).reshape(5, 6), np.ones((40 if wide else 1, 30 if wide else 1))).astype(bool)
    text = encode_rle(mask)
    for counts in (text, text.encode()):
        np.testing.assert_array_equal(decode_rle(counts, mask.shape), mask)


def test_runs_against_published_ones() -> None:
    # pycocotools 2.0.11: mask.encode(np.asfortranarray(m))["counts"] for m = zeros((9, 12)) with m[2:7, 3:9] = 1
    expected = np.zeros((9, 12), dtype=bool)
    expected[2:7, 3:9] = True
    np.testing.assert_array_equal(decode_rle("m054000000000i0", (9, 12)), expected)
    plain = [29, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 29]
    np.testing.assert_array_equal(decode_rle(plain, (9, 12)), expected)
    with pytest.raises(ValueError, match="do not add up"):
        decode_rle([5, 5], (9, 12))


def test_what_is_no_outline_is_an_error() -> None:
    for points in ([[0, 0], [5, 0], [np.nan, 5]], [[0, 0], [5, 0], [np.inf, 5]], [], [[0, 0, 0], [1, 1, 1]]):
        with pytest.raises(ValueError, match="no pair of numbers"):
            fill_polygons([np.array(points)], SHAPE)
    with pytest.raises(ValueError, match="no whole number"):
        decode_rle([10.5, 11.0, 200], SHAPE)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="broken off"):
        decode_rle("m0P", SHAPE)
    with pytest.raises(ValueError, match="ascii"):
        decode_rle("m05é", SHAPE)


def test_boxes() -> None:
    assert clip_box((-3, -2.5, 9.5, 40), SHAPE) == (0, 0, 9.5, 13)
    assert clip_box((17, 0, 20, 5), SHAPE) is None
    assert overlap((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert overlap((0, 0, 2, 2), (2, 0, 3, 3)) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0
