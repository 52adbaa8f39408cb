"""How far a new case lies from those that a model was made from, in the numbers that its last step sees.

A model answers whatever it is shown. What it saw in training is described fold by fold by a normal distribution with a
few principal axes (probabilistic principal components, Tipping and Bishop 1999, doi 10.1111/1467-9868.00196); how far
held-out development cases lie from it is kept, so that a new case's distance can be read as a percentile of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from osteon.core.types import Floats

#: Beyond this share of held-out development cases a case is said to be unlike them.
UNLIKE = 0.99
_MOST_AXES = 32
#: Training cases for each axis, so that axes hold for others, too.
_CASES_AN_AXIS = 4


@dataclass(frozen=True, eq=False)
class Distribution:
    """The distribution of one fold's training cases.

    Attributes:
        centre: (F,) mean.
        axes: (q, F) principal axes.
        variance: (q,) along them.
        rest: (1,) variance along every other direction.
    """

    centre: Floats
    axes: Floats
    variance: Floats
    rest: Floats

    @classmethod
    def of(cls, seen: Floats) -> Self:
        """Describe (n, F) training cases, n >= 2."""
        from sklearn.decomposition import PCA

        seen = np.asarray(seen, dtype=np.float64)
        n, width = seen.shape
        axes = min(_MOST_AXES, width, max(1, n // _CASES_AN_AXIS), n - 1)
        found = PCA(axes, svd_solver="randomized" if min(n, width) > 500 else "full", random_state=0).fit(seen)
        floor = max(float(found.explained_variance_.max()) * 1e-9, 1e-12)
        # What the axes leave is spread over all other directions, of which few cases show few.
        left = float(found.noise_variance_) * (min(n, width) - axes)
        rest = max(left / (width - axes) if axes < width else 0.0, floor)
        variance = np.maximum(found.explained_variance_, rest if axes < width else floor)
        return cls(found.mean_, found.components_, variance, np.array([rest]))

    def distance(self, seen: Floats) -> Floats:
        """(n,) Mahalanobis distances of (n, F) cases, a direction of average spread counting 1."""
        away = np.asarray(seen, dtype=np.float64) - self.centre
        along = away @ self.axes.T
        beside = np.maximum((away**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        width = self.axes.shape[1]
        squared = (along**2 / self.variance).sum(axis=1) + (beside / self.rest if len(self.axes) < width else 0)
        return np.asarray(np.sqrt(squared / width))


@dataclass(frozen=True, eq=False)
class Reference:
    """The development cases of a fitted model, as new ones are held against them.

    Attributes:
        folds: How each fold's training cases spread.
        held_out: For each fold, rising distances of the development cases that it has not seen.
    """

    folds: tuple[Distribution, ...]
    held_out: tuple[Floats, ...]

    @classmethod
    def of(cls, seen: Sequence[Floats], fold: Floats) -> Self:
        """Describe development cases.

        Args:
            seen: For each fold's model, the (n, F) numbers that it sees of all development cases.
            fold: (n,) the fold in which each case was held out.
        """
        folds = tuple(Distribution.of(of_fold[fold != k]) for k, of_fold in enumerate(seen))
        shown = zip(folds, seen, strict=True)
        return cls(folds, tuple(np.sort(one.distance(all_[fold == k])) for k, (one, all_) in enumerate(shown)))

    def distances(self, seen: Sequence[Floats]) -> Floats:
        """(n, folds) distances of cases from each fold's training cases."""
        each = [spread.distance(of_fold) for spread, of_fold in zip(self.folds, seen, strict=True)]
        return np.stack(each, axis=-1)

    def percentile(self, distances: Floats) -> Floats:
        """(n,) share of held-out development cases that lie nearer to the fold that has not seen them.

        Like is compared with like, fold by fold (cross-conformal prediction, Vovk 2015, doi 10.1007/s10472-013-9368-4).

        Args:
            distances: As :meth:`distances` gives them.
        """
        nearer = [np.searchsorted(own, away, side="left") for own, away in zip(self.held_out, distances.T, strict=True)]
        return np.asarray(np.sum(nearer, axis=0) / sum(map(len, self.held_out)))

    def arrays(self) -> dict[str, Floats]:
        """Everything, by name."""
        found = {f"{name}-{k}": getattr(one, name) for k, one in enumerate(self.folds) for name in _NAMES}
        # In rows: safetensors takes the memory as it lies.
        found |= {f"held_out-{k}": own for k, own in enumerate(self.held_out)}
        return {name: np.ascontiguousarray(values) for name, values in found.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Self:
        """The same from :meth:`arrays`."""
        count = sum(name.startswith("centre-") for name in arrays)
        folds = tuple(Distribution(*(arrays[f"{name}-{k}"] for name in _NAMES)) for k in range(count))
        return cls(folds, tuple(arrays[f"held_out-{k}"] for k in range(count)))


_NAMES = tuple(field.name for field in fields(Distribution))
