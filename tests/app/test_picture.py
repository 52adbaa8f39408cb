"""Pictures reach the browser with every bit."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from osteon.io import StoredRadiograph
from osteon.web import picture


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 65535)))
def test_what_is_unpacked_is_what_was_packed(values: np.ndarray) -> None:
    assert np.array_equal(picture.decode(picture.encode(values), *values.shape), values)


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 65535)))
def test_a_half_is_the_mean_of_four(values: np.ndarray) -> None:
    height, width = values.shape
    for row, column in np.ndindex((found := picture.half(values)).shape):
        four = [
            int(values[min(y, height - 1), min(x, width - 1)])
            for y in (2 * row, 2 * row + 1)
            for x in (2 * column, 2 * column + 1)
        ]
        assert found[row, column] == (sum(four) + 2) // 4
    assert found.shape == (-(-height // 2), -(-width // 2))


def test_only_large_pictures_have_a_half() -> None:
    assert picture.half_shape(1024, 1024) is None
    assert picture.half_shape(1025, 7) == (513, 4)
    assert picture.half_shape(7, 2000) == (4, 1000)


def test_packing_is_the_documented_one() -> None:
    """Two rows by hand: differences from the left (first of a row: from above); 0, -1, 1, -2, ... as 0, 1, 2, 3."""
    planes = gzip.decompress(picture.encode(np.array([[300, 299], [301, 65535]], dtype=np.uint16)))
    folded = np.frombuffer(planes, dtype=np.uint8).reshape(2, 4)
    # +300, -1, +1 (from 300), 65535 - 301 = -302 modulo 2**16
    assert (folded[0].astype(int) * 256 + folded[1]).tolist() == [600, 1, 2, 603]


def test_a_twelve_bit_radiograph_takes_less_than_its_twelve_bits() -> None:
    y, x = np.mgrid[:600, :500]
    rng = np.random.default_rng(0)
    values = (2000 + 1500 * np.sin(x / 90) * np.cos(y / 120) + rng.normal(0, 8, x.shape)).astype(np.uint16)
    assert len(picture.encode(values)) < values.size * 12 / 8 * 0.7


@given(arrays(np.int32, (7, 5), elements=st.integers(-30000, 35535)), st.integers(-40000, 40000), st.integers(1, 50000))
def test_whole_values_are_kept_exactly_and_the_window_moves_with_them(
    values: np.ndarray, black: int, width: int
) -> None:
    stored, window = picture.sixteen_bits(StoredRadiograph(values, (black, black + width), 16))
    assert np.array_equal(stored.astype(np.int64) + int(values.min()), values)
    assert (window["low"], window["high"]) == (black - values.min(), black + width - values.min())
    assert np.array_equal(window["slope"] * stored + window["intercept"], values)
    assert (window["centre"], window["width"]) == (black + width / 2, width)


def test_values_that_do_not_fit_are_scaled_to_fill_the_range() -> None:
    values = np.linspace(0, 1, 1000, dtype=np.float32).reshape(20, 50)
    stored, window = picture.sixteen_bits(StoredRadiograph(values, (0.25, 0.75), 32))
    assert stored.min() == 0
    assert stored.max() == 65535
    assert np.abs(stored / 65535 - values).max() <= 0.5 / 65535 + 1e-7
    assert window["low"] == pytest.approx(0.25 * 65535)


@pytest.mark.parametrize("curve", ["sigmoid", np.linspace(0, 1, 901, dtype=np.float32) ** 2])
def test_a_curved_window_shows_what_the_first_rendering_shows(curve: object) -> None:
    values = np.arange(0, 1000, dtype=np.uint16).reshape(20, 50)
    radiograph = StoredRadiograph(values, (50.0, 950.0), 10, curve=curve)
    stored, window = picture.sixteen_bits(radiograph)
    # as pane.js does it
    share = np.clip((stored - window["low"]) / (window["high"] - window["low"]), 0, 1)
    grey = np.interp(share * 256, np.arange(257), window["curve"])
    assert np.abs(grey - radiograph.render().pixels).max() < 1 / 255


@given(arrays(np.int32, (7, 5), elements=st.integers(0, 4095)), st.booleans())
def test_values_and_window_can_be_told_in_the_files_own_numbers(file: np.ndarray, inverted: bool) -> None:
    """A window 600 wide around 1000 in the file, however the picture is stored here."""
    values = 4095 - file if inverted else file
    ends = (4095 - 1300.0, 4095 - 700.0) if inverted else (700.0, 1300.0)
    mirror = 4095.0 if inverted else None
    stored, window = picture.sixteen_bits(StoredRadiograph(values, ends, 12, mirror=mirror))
    assert np.array_equal(window["slope"] * stored + window["intercept"], file)
    assert (window["centre"], window["width"]) == (1000, 600)
    _, window = picture.sixteen_bits(StoredRadiograph(values, ends, 12, mirror=mirror, stated=(1000.5, 601.0)))
    assert (window["centre"], window["width"]) == (1000.5, 601)


@pytest.mark.parametrize("curve", ["line", "sigmoid", np.linspace(0, 1, 901, dtype=np.float32) ** 2])
def test_what_is_shown_is_what_a_first_rendering_shows(curve: object) -> None:
    values = np.arange(0, 1000, dtype=np.uint16).reshape(20, 50)
    radiograph = StoredRadiograph(values, (50.0, 950.0), 10, curve=curve)
    shown = picture.shown(*picture.sixteen_bits(radiograph))
    assert np.abs(shown / 255 - radiograph.render().pixels).max() < 1.6 / 255
