"""What the statistics accept: arrays checked once, so that every formula below may trust them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Floats

Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


def truth(y_true: ArrayLike, *, name: str = "y_true", both: bool = True) -> Bools:
    """Return the truth as (n,) bool.

    Args:
        y_true: (n,) of 0 and 1, or bool; 1 is the positive class.
        name: What to call it in messages.
        both: Whether both classes are needed.

    Raises:
        InputError: Empty, not one-dimensional, or values other than 0 and 1.
        NotEstimableError: `both`, and one class only.
    """
    raw = np.asarray(y_true)
    if raw.ndim != 1 or not raw.size:
        raise InputError(f"{name} has shape {raw.shape}", fix="Give one label a case, in one dimension.")
    if raw.dtype == bool:
        positive = raw
    else:
        values = numbers(raw, name)
        wrong = np.flatnonzero((values != 0) & (values != 1))
        if wrong.size:
            raise InputError(
                f"{name} holds {values[wrong[0]]:g} at position {wrong[0]}",
                fix="Code the positive class 1, the rest 0.",
            )
        positive = values == 1
    if both and (positive.all() or not positive.any()):
        raise NotEstimableError(
            f"all {positive.size} cases are {'positive' if positive[0] else 'negative'}: both classes are needed"
        )
    return positive


def scores(y_score: ArrayLike, n: int, *, name: str = "y_score", finite: bool = False) -> Floats:
    """Return scores as (n,) float64.

    Raises:
        InputError: Another length than `n`, missing values, or, where `finite`, infinite ones.
    """
    values = numbers(np.asarray(y_score), name)
    if values.shape != (n,):
        raise InputError(f"{name} has shape {values.shape} beside {n} cases", fix="Give one value a case.")
    bad = np.flatnonzero(~np.isfinite(values) if finite else np.isnan(values))
    if bad.size:
        raise InputError(
            f"{name} has {bad.size} missing value{'s' if bad.size > 1 else ''}, the first at position {bad[0]}",
            fix="Drop or complete the case in every score alike.",
        )
    return values


def probabilities(probability: ArrayLike, n: int, *, name: str = "probability") -> Floats:
    """Return probabilities as (n,) float64.

    Raises:
        InputError: Another length than `n`, missing values, or values outside 0 to 1.
    """
    values = scores(probability, n, name=name)
    bad = np.flatnonzero((values < 0) | (values > 1))
    if bad.size:
        raise InputError(
            f"{name} holds {values[bad[0]]:g} at position {bad[0]}", fix="Give probabilities between 0 and 1."
        )
    return values


def codes(clusters: ArrayLike | None, n: int, *, name: str = "clusters") -> Ints | None:
    """Number the clusters (patients) 0, 1, ...; a missing one (None, nan, NA, "") is a cluster of its own.

    Returns:
        (n,) codes, or None when there are no clusters or each holds one case only.
    """
    if clusters is None:
        return None
    raw = np.asarray(clusters)
    if raw.shape != (n,):
        raise InputError(f"{name} has shape {raw.shape} beside {n} cases", fix="Give one cluster a case.")
    if raw.dtype.kind in "iub":
        coded = np.unique(raw, return_inverse=True)[1]
    else:
        seen: dict[object, int] = {}
        keys = ((index,) if is_missing(key) else key for index, key in enumerate(raw.tolist()))
        coded = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), dtype=np.intp, count=n)
    return None if coded.max() == n - 1 else coded.astype(np.intp)


def is_missing(value: object) -> bool:
    """Whether a value is None, nan, NaT, pandas' NA or an empty text."""
    if value is None or (isinstance(value, str) and not value):
        return True
    unequal = value != value
    return bool(unequal) if isinstance(unequal, bool | np.bool_) else True  # NA is neither equal nor unequal


def between(value: float, low: float, high: float, name: str) -> float:
    """Return a setting that has to lie strictly between two bounds.

    Raises:
        InputError: It does not.
    """
    if not low < value < high:
        raise InputError(f"{name} is {value}", fix=f"Give a value between {low:g} and {high:g}.")
    return float(value)


def count(value: Any, least: int, name: str) -> int:
    """Return a setting that has to be a whole number, and not too small.

    Raises:
        InputError: It is not.
    """
    if not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} is {value}", fix=f"Give a whole number from {least} up.")
    return int(value)


def choice(value: str, known: Sequence[str], name: str) -> str:
    """Return a setting that has to be one of the known words.

    Raises:
        InputError: It is not.
    """
    if value not in known:
        raise InputError(f"{name} is '{value}'", fix=f"Give one of: {', '.join(known)}.")
    return value


def numbers(raw: NDArray[Any], name: str) -> Floats:
    """Values as floats.

    Raises:
        InputError: One is no number.
    """
    try:
        return raw.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error})") from error
