"""Perturbed regions, reliability and stability of selection."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.core.errors import InputError
from osteon.radiomics import Settings
from osteon.radiomics.reliability import perturb, reliability, reliable, retest, selection_stability
from osteon.stats import fleiss_kappa, icc

QUICK = Settings(families=("morphology", "statistics"))


def disc(radius: float, size: int = 60, centre: float = 30) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - centre
    return np.asarray(x**2 + y**2 <= radius**2)


def test_a_box_stays_within_its_limits() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([perturb((10, 20, 30, 60), rng, shift=0.1, growth=0.2) for _ in range(300)])
    sides, centres = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    for axis, side, centre in ((0, 20, 20), (1, 40, 40)):
        assert 0.8 * side <= sides[:, axis].min() < 0.82 * side
        assert 1.18 * side < sides[:, axis].max() <= 1.2 * side
        assert centre - 0.1 * side <= centres[:, axis].min() < centre - 0.09 * side
        assert centre + 0.09 * side < centres[:, axis].max() <= centre + 0.1 * side


def test_a_mask_grows_and_moves_within_its_limits() -> None:
    rng, mask = np.random.default_rng(0), disc(15)
    radii, shifts = [], []
    for _ in range(100):
        moved = perturb(mask, rng, shift=0.1, growth=0.2)
        radii.append(np.sqrt(moved.sum() / np.pi))
        shifts.append(np.argwhere(moved).mean(axis=0) - 30)
    assert 11.4 < min(radii) < 12.6
    assert 17.4 < max(radii) < 18.6
    assert np.abs(shifts).max() == pytest.approx(3, abs=0.05)
    assert (perturb(mask, rng, shift=0, growth=0) == mask).all()


@given(st.integers(0, 999), st.floats(0, 1), st.floats(0, 1))
def test_a_mask_never_vanishes(seed: int, shift: float, growth: float) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((7, 5)) < 0.1
    mask[rng.integers(7), rng.integers(5)] = True
    assert perturb(mask, rng, shift=shift, growth=growth).any()


def test_the_same_seed_draws_the_same() -> None:
    image = np.random.default_rng(0).random((60, 60))
    first, again = (retest(image, disc(9), settings=QUICK, rng=np.random.default_rng(7), repeats=2) for _ in range(2))
    assert first == again
    assert len(first) == 3


def test_reliability_is_the_icc_of_every_feature() -> None:
    rng = np.random.default_rng(1)
    retests = []
    for _ in range(8):
        size, level = rng.uniform(5, 15), rng.random()
        retests.append(retest(level + 0.01 * rng.random((60, 60)), disc(size), settings=QUICK, rng=rng, repeats=3))
    table = reliability(retests).set_index("feature")
    for feature in ("shape_area", "shape_sphericity", "intensity_mean"):
        values = [[drawing[feature] for drawing in case] for case in retests]
        expected = icc(values, form="ICC(3,1)")
        assert table.loc[feature, ["value", "low", "high"]].tolist() == [expected.value, expected.low, expected.high]
    kept = reliable(table.reset_index())
    assert {"shape_area", "intensity_mean"} <= set(kept)
    assert set(reliable(table.reset_index(), by="low")) < set(kept)
    assert all(table.loc[feature, "value"] >= 0.75 for feature in kept)
    # The steps of a disc's outline tell discs of other sizes apart less well than their area does.
    assert table.loc["shape_sphericity", "value"] < table.loc["shape_area", "value"]


def test_a_constant_feature_is_not_reliable_and_says_why() -> None:
    table = reliability([[{"a": 1.0, "b": float(i + j)} for j in range(2)] for i in range(4)]).set_index("feature")
    assert np.isnan(table.loc["a", "value"])
    assert "do not differ" in str(table.loc["a", "method"])
    assert reliable(table.reset_index()) == ["b"]


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="1 cases"):
        reliability([[{"a": 1.0}, {"a": 2.0}]])
    with pytest.raises(InputError, match="drawings"):
        reliability([[{"a": 1.0}, {"a": 2.0}], [{"a": 1.0}]])
    with pytest.raises(InputError, match="empty"):
        perturb(np.zeros((3, 3)), np.random.default_rng(0))
    with pytest.raises(InputError, match="fold"):
        selection_stability([[True, False]])
    with pytest.raises(InputError, match="by"):
        reliable(reliability([[{"a": 1.0}, {"a": 2.0}]] * 2), by="mean")


SELECTIONS = st.integers(0, 9999).map(lambda seed: np.random.default_rng(seed).random((6, 15)) < 0.4)


@given(SELECTIONS)
def test_stability_is_fleiss_kappa_of_folds_that_rate_features(selected: np.ndarray) -> None:
    """Nogueira 2018, section 4: the index is Fleiss' kappa with folds as readers and features as cases."""
    found = selection_stability(selected)
    assert found.index.value == pytest.approx(fleiss_kappa(selected.T.astype(int)).value)
    np.testing.assert_allclose(found.frequency, selected.mean(axis=0))


def test_stability_of_equally_large_selections_is_kunchevas() -> None:
    """Kuncheva 2007: mean over pairs of (r d - k^2) / (k (d - k)), with r features in common."""
    rng, d, k = np.random.default_rng(0), 20, 6
    selected = np.zeros((5, d), dtype=bool)
    for row in selected:
        row[rng.permutation(d)[:k]] = True
    pairs = [((a & b).sum() * d - k**2) / (k * (d - k)) for a, b in combinations(selected, 2)]
    assert selection_stability(selected).index.value == pytest.approx(np.mean(pairs))


def test_stability_at_the_limits() -> None:
    same = selection_stability(np.tile([True, False, True], (4, 1)))
    assert (same.index.value, same.index.low, same.index.high) == (1, 1, 1)
    assert np.isnan(selection_stability(np.ones((4, 3))).index.value)
    random = selection_stability(np.random.default_rng(0).random((200, 300)) < 0.3)
    assert abs(random.index.value) < 0.01


def test_the_interval_covers() -> None:
    """Folds drawn independently from known frequencies: the 95 % interval holds the true stability about as often."""
    rng = np.random.default_rng(3)
    p = rng.beta(0.4, 0.8, 60)
    truth = 1 - (p * (1 - p)).mean() / (p.mean() * (1 - p.mean()))
    inside = 0
    for _ in range(300):
        found = selection_stability(rng.random((30, 60)) < p).index
        inside += found.low <= truth <= found.high
    assert 0.9 <= inside / 300 <= 0.99
