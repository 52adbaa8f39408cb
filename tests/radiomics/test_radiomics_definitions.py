"""On random images and masks, the fast matrices equal the slow definitions written out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import slow_radiomics as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from osteon.radiomics import cooccurrence, morphology, tone, zones

#: Small random images: 0 is outside the region, up to 5 levels. Some with holes, some in parts, most touch the edge.
LEVELS = hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 5)).filter(
    lambda levels: bool((levels > 0).any())
)
N = 5


def counted(tallied: zones.Tally) -> Counter[tuple[int, int]]:
    count, sizes = tallied
    return Counter({(int(i) + 1, int(sizes[j])): int(count[i, j]) for i, j in np.argwhere(count)})


@given(LEVELS, st.sampled_from([1, 2, 3]))
def test_cooccurrence(levels: np.ndarray, distance: int) -> None:
    ours = cooccurrence.matrices(levels, N, (0, 45, 90, 135), distance)
    for matrix, direction in zip(ours, (0, 45, 90, 135), strict=True):
        np.testing.assert_array_equal(matrix, slow.glcm(levels, N, direction, distance))


@given(LEVELS)
def test_runs(levels: np.ndarray) -> None:
    plane = zones.Plane(levels)
    tallies = [zones.tally(*plane.runs(direction), N) for direction in (0, 45, 90, 135)]
    expected = [slow.glrlm(levels, direction) for direction in (0, 45, 90, 135)]
    assert [counted(t) for t in tallies] == expected
    assert counted(zones.merge(tallies)) == sum(expected, Counter())


@given(LEVELS, st.booleans())
def test_zones(levels: np.ndarray, whole: bool) -> None:
    mask = np.ones(levels.shape, dtype=bool) if whole else levels > 0
    level, area, distance = zones.Plane(levels).zones(mask)
    assert counted(zones.tally(level, area, N)) == slow.glszm(levels)
    assert counted(zones.tally(level, distance, N)) == slow.gldzm(levels, mask)


def test_few_sizes_of_a_huge_zone_are_tallied_sparsely() -> None:
    count, sizes = zones.tally(np.array([1, 1, 3]), np.array([7, 100_000, 7]), 32)
    assert sizes.tolist() == [7, 100_000]
    assert counted((count, sizes)) == {(1, 7): 1, (1, 100_000): 1, (3, 7): 1}


@pytest.mark.parametrize("shape", [(40, 40), (90, 30)])
def test_long_runs_among_many_levels_merge_as_they_are_counted(shape: tuple[int, int]) -> None:
    """A saturated plate: some directions list every length, others only those that occur."""
    levels = np.full(shape, 200)
    levels[:6, :6] = np.random.default_rng(0).integers(1, 256, (6, 6))
    plane = zones.Plane(levels)
    tallies = [zones.tally(*plane.runs(direction), 256) for direction in (0, 45, 90, 135)]
    expected = [slow.glrlm(levels, direction) for direction in (0, 45, 90, 135)]
    assert any(sizes.size < sizes.max() for _, sizes in tallies)
    assert [counted(t) for t in tallies] == expected
    assert counted(zones.merge(tallies)) == sum(expected, Counter())


@given(LEVELS, st.sampled_from([1, 2]), st.sampled_from([0, 1, 2]))
def test_neighbourhoods(levels: np.ndarray, distance: int, coarseness: int) -> None:
    for ours, expected in zip(tone.differences(levels, N, distance), slow.ngtdm(levels, N, distance), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)
    pixels = zones.tally(*zones.dependences(levels, distance, coarseness), N)
    assert counted(pixels) == slow.ngldm(levels, distance, coarseness)


@settings(max_examples=25)
@given(LEVELS, st.sampled_from([(1.0, 1.0), (0.3, 1.7)]))
def test_spatial_autocorrelation(levels: np.ndarray, spacing: tuple[float, float]) -> None:
    mask = levels > 0
    if np.unique(levels[mask]).size > 1:
        ours = morphology.spatial_autocorrelation(levels.astype(float), mask, spacing)
        assert ours == pytest.approx(slow.moran_and_geary(levels, mask, spacing), abs=1e-10)


def test_cooccurrence_features_of_a_known_matrix() -> None:
    """Haralick's 1973 example image, his figure 3: the horizontal matrix and sums worked out by hand."""
    levels = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [1, 3, 3, 3], [3, 3, 4, 4]])
    counts = cooccurrence.matrices(levels, 4, (0,))
    assert counts[0].tolist() == [[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]
    features = cooccurrence.features(counts)
    assert features["contrast"] == pytest.approx((4 * 1 + 2 * 4 + 2 * 1) / 24)
    assert features["angular_second_moment"] == pytest.approx((16 + 4 + 1 + 4 + 16 + 1 + 36 + 1 + 1 + 4) / 576)
