"""What to compute and how: one frozen, checked record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

from osteon.core.errors import StudyError, suggest
from osteon.radiomics import filters as filtering

FAMILIES = (
    "morphology",
    "statistics",
    "histogram",
    "volume_histogram",
    "glcm",
    "glrlm",
    "glszm",
    "gldzm",
    "ngtdm",
    "ngldm",
)

#: Direction in degrees, anticlockwise from the positive x axis, to its step (rows down, columns right).
STEPS = {0: (0, 1), 45: (1, -1), 90: (1, 0), 135: (1, 1)}

#: More levels than this make matrices that cost minutes and hold hardly a count in a cell.
MOST_BINS = 1024


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of :func:`osteon.radiomics.extract`, in the order in which IBSI applies them.

    Attributes:
        normalise: ``"image"`` or ``"region"`` subtracts the mean and divides by the standard deviation of all pixels
            or of the region; None keeps the intensities.
        spacing: Resample to square pixels of this many mm where the image's spacing is known; None keeps the pixels.
        interpolation: ``"linear"`` or ``"cubic"``, for the resampling.
        limits: Intensities outside (low, high) leave the region, its shape excepted.
        outliers: Intensities more than this many standard deviations from the region's mean leave it; None keeps all.
        bins: Fixed number of grey levels (IBSI's FBN, K15C).
        bin_width: Fixed width of a grey level (IBSI's FBS, Q3RU), from ``limits[0]`` or else the region's minimum up;
            takes the place of ``bins``.
        distances: Chebyshev distances in pixels, for GLCM, NGTDM and NGLDM.
        directions: Degrees, of 0, 45, 90 and 135, for GLCM and GLRLM.
        aggregation: ``"averaged"`` computes a feature for each direction and takes the mean (IBSI's 2D:avg);
            ``"merged"`` adds up the directions' matrices first (IBSI's 2D:comb).
        coarseness: NGLDM counts neighbours whose level differs by at most this much.
        families: The feature families to compute, of :data:`FAMILIES`.
        filters: Filtered images to add: ``log-SIGMA`` (mm where the spacing is known, else pixels), ``wavelet``
            (Haar) or ``wavelet-db2``, ``gradient``, ``lbp``. They are always cut into ``bins`` levels: a width in
            the image's unit means nothing there.

    Raises:
        StudyError: A setting is impossible.
    """

    normalise: Literal["image", "region"] | None = None
    spacing: float | None = None
    interpolation: Literal["linear", "cubic"] = "linear"
    limits: tuple[float, float] | None = None
    outliers: float | None = None
    bins: int = 32
    bin_width: float | None = None
    distances: tuple[int, ...] = (1,)
    directions: tuple[int, ...] = (0, 45, 90, 135)
    aggregation: tuple[str, ...] = ("averaged", "merged")
    coarseness: int = 0
    families: tuple[str, ...] = FAMILIES
    filters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _one_of("normalise", self.normalise, (None, "image", "region"))
        _one_of("interpolation", self.interpolation, ("linear", "cubic"))
        for name in ("spacing", "outliers", "bin_width"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise StudyError(f"{name} is {value}", column=name, fix="Give a number above 0, or leave it out.")
        if self.limits is not None and not _ascend(self.limits):
            raise StudyError(f"limits are {self.limits}", column="limits", fix="Give a lower and a higher number.")
        if not (_is_whole(self.bins) and 2 <= self.bins <= MOST_BINS):
            raise StudyError(f"bins is {self.bins!r}", column="bins", fix=f"Give a whole number, 2 to {MOST_BINS}.")
        if not (_is_whole(self.coarseness) and self.coarseness >= 0):
            raise StudyError(f"coarseness is {self.coarseness!r}", column="coarseness", fix="Give 0, 1, 2, ...")
        for name in ("distances", "directions", "aggregation", "families", "filters"):
            values = getattr(self, name)
            if not isinstance(values, tuple | list):
                raise StudyError(f"{name} is {values!r}", column=name, fix="Give a list, of one or more.")
        if not (self.distances and all(_is_whole(d) and d >= 1 for d in self.distances)):
            raise StudyError(f"distances are {self.distances}", column="distances", fix="Give whole numbers from 1.")
        for name, known in (
            ("directions", tuple(STEPS)),
            ("aggregation", ("averaged", "merged")),
            ("families", FAMILIES),
        ):
            values = getattr(self, name)
            if not values:
                raise StudyError(f"{name} is empty", column=name, fix=f"Name one or more of {known}.")
            for value in values:
                _one_of(name, value, known)
        for name in ("distances", "directions", "aggregation", "families", "filters"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise StudyError(f"{name} names something twice", column=name, fix="Name it once.")
        for name in self.filters:
            filtering.parse(name)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral)


def _ascend(limits: Any) -> bool:
    """Whether these are two numbers, the lower first; an open limit may be infinite."""
    return len(limits) == 2 and all(isinstance(limit, Real) for limit in limits) and limits[0] < limits[1]


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> None:
    if value not in known:
        names = [str(k) for k in known if k is not None]
        raise StudyError(f"{name} is {value!r}", column=name, fix=suggest(str(value), names))
