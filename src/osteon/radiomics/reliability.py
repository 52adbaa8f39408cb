"""Which features can be trusted: test-retest under small changes of the region, and stability of a selection.

Sources: Zwanenburg 2019, doi 10.1038/s41598-018-36938-4 (perturbed regions); Shrout & Fleiss 1979 (ICC); Nogueira,
Sechidis & Brown 2018, JMLR 18(174) (stability of selection).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import ndimage, stats

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.radiomics.extract import extract
from osteon.radiomics.preprocess import Mask, window
from osteon.radiomics.settings import Settings
from osteon.stats import icc


def perturb(
    region: ArrayLike, rng: np.random.Generator, *, shift: float = 0.05, growth: float = 0.1
) -> Mask | tuple[float, float, float, float]:
    """A region as another reader might have drawn it: moved a little, and a little larger or smaller.

    Args:
        region: (H, W) mask, or a box x0, y0, x1, y1.
        rng: Source of randomness.
        shift: Greatest displacement along each axis, as a share of the region's side.
        growth: Greatest change of each of a box's sides, as a share of it; of a mask, the greatest distance by which
            its border moves, as a share of the radius of a disc of its area.

    Returns:
        A mask or a box, as given; never empty where the region was not.
    """
    given = np.asarray(region)
    if given.shape == (4,):
        x0, y0, x1, y1 = (float(side) for side in given)
        moved = rng.uniform(-shift, shift, 2) * (x1 - x0, y1 - y0)
        half = (1 + rng.uniform(-growth, growth, 2)) * (x1 - x0, y1 - y0) / 2
        x, y = np.array([x0 + x1, y0 + y1]) / 2 + moved
        return float(x - half[0]), float(y - half[1]), float(x + half[0]), float(y + half[1])
    mask = given != 0
    if mask.ndim != 2 or not mask.any():
        raise InputError(f"the region has shape {given.shape} or is empty", fix="Give a mask or a box.")
    radius = sqrt(mask.sum() / np.pi)
    around = window(mask, [int(growth * radius) + 2] * 2)
    grown = np.zeros_like(mask)
    grown[around] = _grown(mask[around], rng.uniform(-growth, growth) * radius)
    sides = [side.stop - side.start for side in window(mask)]
    down, right = (round(step) for step in rng.uniform(-shift, shift, 2) * sides)
    displaced = _moved(grown, down, right)
    return displaced if displaced.any() else grown


def _grown(mask: Mask, outwards: float) -> Mask:
    """A mask whose border is moved outwards, or inwards where the distance is negative, but not until it is empty."""
    # The border runs half a pixel beyond the outermost pixels' centres.
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    height = ndimage.distance_transform_edt(~mask)
    distance = np.where(mask, 0.5 - depth, height - 0.5)
    return np.asarray(distance <= max(outwards, float(distance.min())))


def _moved(mask: Mask, down: int, right: int) -> Mask:
    """A mask displaced by whole pixels; what leaves the image is lost."""
    moved = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + down, columns + right
    within = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved[rows[within], columns[within]] = True
    return moved


def retest(
    image: ArrayLike,
    region: ArrayLike,
    spacing: tuple[float, float] | None = None,
    settings: Settings | None = None,
    *,
    rng: np.random.Generator,
    repeats: int = 4,
    **how: float,
) -> list[dict[str, float]]:
    """The features of a region as drawn, and of `repeats` perturbed ones.

    Args:
        image: (H, W) radiograph.
        region: (H, W) mask, or a box x0, y0, x1, y1.
        spacing: Row and column spacing in mm, or None.
        settings: As in :func:`osteon.radiomics.extract`.
        rng: Source of randomness.
        repeats: How many perturbed regions.
        how: `shift` and `growth`, as in :func:`perturb`.
    """
    regions = [region, *(perturb(region, rng, **how) for _ in range(repeats))]
    return [extract(image, one, spacing, settings) for one in regions]


def reliability(retests: Sequence[Sequence[dict[str, float]]], *, level: float = 0.95) -> pd.DataFrame:
    """ICC(3,1) of every feature over cases and their retests.

    Args:
        retests: For each case, the features of each of its drawings, equally many a case.
        level: Confidence level.

    Returns:
        One row a feature: feature, value, low, high, method, n. A feature that never varies has value nan and says so
        under method.

    Raises:
        InputError: Fewer than two cases or drawings, or unequally many.
    """
    drawings = {len(case) for case in retests}
    if len(retests) < 2 or len(drawings) != 1 or min(drawings) < 2:
        raise InputError(
            f"{len(retests)} cases with {sorted(drawings)} drawings", fix="Give 2 cases or more, with as many drawings."
        )
    rows = []
    for feature in retests[0][0]:
        values = np.array([[drawing[feature] for drawing in case] for case in retests])
        # What varies by rounding alone has an ICC of pure chance.
        if np.ptp(values) <= 1e-12 * np.abs(values).max():
            values[:] = values.mean()
        try:
            found = icc(values, form="ICC(3,1)", level=level)
        except NotEstimableError as reason:
            found = Estimate(nan, nan, nan, str(reason), len(retests), level=level)
        rows.append((feature, found.value, found.low, found.high, found.method, found.n))
    return pd.DataFrame(rows, columns=["feature", "value", "low", "high", "method", "n"])


def reliable(table: pd.DataFrame, threshold: float = 0.75, *, by: str = "value") -> list[str]:
    """The features whose ICC is at least a threshold; one that never varies is not reliable.

    Args:
        table: From :func:`reliability`.
        threshold: Least ICC; 0.75 is "good" by Koo & Li 2016, doi 10.1016/j.jcm.2016.02.012.
        by: ``"value"``, or ``"low"`` to ask it of the lower confidence limit.
    """
    if by not in ("value", "low"):
        raise InputError(f"by is {by!r}", fix="Use 'value' or 'low'.")
    return [str(feature) for feature in table.loc[table[by] >= threshold, "feature"]]


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """How far a selection of features agrees over folds or resamples.

    Attributes:
        index: Nogueira's stability: 1 when all selections are equal, 0 on average for random ones.
        frequency: (features,) share of selections that hold each feature.
    """

    index: Estimate
    frequency: Floats

    def __str__(self) -> str:
        """As a paper prints it."""
        return str(self.index)


def selection_stability(selected: ArrayLike, *, level: float = 0.95) -> Stability:
    """Stability of feature selection, corrected for chance (Nogueira, Sechidis & Brown 2018).

    Args:
        selected: (folds, features) whether a fold's model uses a feature.
        level: Confidence level.

    Returns:
        The index with its asymptotic interval, cut at 1, and each feature's frequency. Where every fold selects
        all features, or none does, chance cannot be told from agreement and the index is nan.

    Raises:
        InputError: Fewer than two folds or no feature.
    """
    z = np.asarray(selected, dtype=bool).astype(np.float64)
    if z.ndim != 2 or z.shape[0] < 2 or z.shape[1] < 1:
        raise InputError(f"the selections have shape {z.shape}", fix="Give one row a fold and one column a feature.")
    m, d = z.shape
    frequency = z.mean(axis=0)
    share = frequency.mean()
    method = f"Nogueira 2018, {m} selections of {d} features"
    if share in (0.0, 1.0):
        return Stability(Estimate(nan, nan, nan, method, m, nan, level, "stability"), frequency)
    chance = share * (1 - share)
    index = 1 - (frequency * (1 - frequency)).mean() * m / (m - 1) / chance
    own = z.mean(axis=1)
    term = (z * frequency).mean(axis=1) - own * share + index / 2 * (2 * share * own - own - share + 1)
    se = 2 / m * sqrt(float(((term - term.mean()) ** 2).sum())) / chance
    half = float(stats.norm.ppf((1 + level) / 2)) * se
    found = Estimate(
        float(index), float(index) - half, min(1.0, float(index) + half), method, m, se, level, "stability"
    )
    return Stability(found, frequency)
