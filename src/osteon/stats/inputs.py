"""What the statistics accept: arrays checked once, so that every formula below may trust them.

numpy turns much into numbers without a word: it drops the mask of a masked array and the imaginary part of a complex
one, makes a date of a missing date, merges whole numbers beyond 2^53 and writes nan as the text 'nan'. Here each of
these is a named error or a missing value.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from math import inf, isinf, isnan
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Floats

Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
Objects = NDArray[np.object_]

_WHOLE = 2**53  # from here on float64 does not hold every whole number
_MASKED = type(np.ma.masked)
_REAL: Any = (Real, Decimal, np.bool_)
_NO_NUMBERS = {"c": "complex", "M": "a date", "m": "a duration", "V": "a record", **dict.fromkeys("SUT", "text")}
_ABSENT = {"nan", "None", "NaT", "<NA>"}  # how numpy writes what is missing among texts


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
    values = numbers(y_true, name)
    if values.ndim != 1 or not values.size:
        raise InputError(f"{name} has shape {values.shape}", fix="Give one label a case, in one dimension.")
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if wrong.size:
        first = values[wrong[0]]
        raise InputError(
            f"{name} holds {first:g}{', a missing value,' if isnan(first) else ''} at position {wrong[0]}",
            fix="Code the positive class 1, the rest 0.",
        )
    positive: Bools = values == 1
    if both and (positive.all() or not positive.any()):
        raise NotEstimableError(
            f"all {positive.size} cases are {'positive' if positive[0] else 'negative'}: both classes are needed"
        )
    return positive


def scores(y_score: ArrayLike, n: int, *, name: str = "y_score", finite: bool = False) -> Floats:
    """Return scores as (n,) float64.

    Raises:
        InputError: Another length than `n`, missing values, or, where `finite`, infinite ones; no numbers.
    """
    values = numbers(y_score, name)
    if values.shape != (n,):
        raise InputError(f"{name} has shape {values.shape} beside {n} cases", fix="Give one value a case.")
    bad = np.flatnonzero(~np.isfinite(values) if finite else np.isnan(values))
    if bad.size:
        kind = "missing" if np.isnan(values[bad]).all() else "missing or infinite"
        raise InputError(
            f"{name} has {bad.size} {kind} value{'s' if bad.size > 1 else ''}, the first at position {bad[0]}",
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

    Raises:
        InputError: Another length than `n`, or identifiers that may have been merged or cannot be compared.
    """
    if clusters is None:
        return None
    raw = array(clusters, name)
    if raw.shape != (n,):
        raise InputError(f"{name} has shape {raw.shape} beside {n} cases", fix="Give one cluster a case.")
    if raw.dtype.kind in "iub" and not np.ma.is_masked(raw):
        coded = np.unique(np.asarray(raw), return_inverse=True)[1]
    else:
        seen: dict[object, int] = {}
        keys = ((index,) if key is None else key for index, key in enumerate(labels(clusters, name).tolist()))
        coded = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), dtype=np.intp, count=n)
    return None if coded.max() == n - 1 else coded.astype(np.intp)


def student(codes: Ints | None) -> str:
    """What to add to the name of a method that :func:`degrees` was used for."""
    return "" if codes is None else ", Student's t over patients"


def degrees(codes: Ints | None) -> float:
    """Degrees of freedom of a variance between patients: patients - 1; infinite where every case is its own patient.

    With clusters the variance is estimated from as many sums as there are patients, be there ever so many cases.
    """
    return inf if codes is None else float(codes.max())


def several(codes: Ints | None) -> None:
    """Refuse cases that are all of one patient, who tells of no other.

    Raises:
        NotEstimableError: There is one patient only.
    """
    if codes is not None and not codes.any():
        raise NotEstimableError("all cases are of one cluster")


def labels(given: ArrayLike | Sequence[object], name: str) -> Objects:
    """Names, categories or identifiers as they were given, what is missing as None; any shape.

    Raises:
        InputError: Nothing with a shape, identifiers so large that float64 may have merged them, or what has no
            equality, such as lists.
    """
    raw = array(given, name)
    written = raw.dtype.kind == "U"  # by numpy, which writes nan as text
    items = _items(raw)
    if not written and set(map(type, items)) == {str}:  # as a table's columns are; the rest costs five times as much
        return np.fromiter((one if one.strip() else None for one in items), object, len(items)).reshape(raw.shape)
    flat = [
        None if is_missing(one) or ((written or isinstance(one, np.str_)) and one in _ABSENT) else one for one in items
    ]
    if any(isinstance(one, float) and _WHOLE <= abs(one) < inf for one in flat):
        raise InputError(
            f"{name} holds numbers beyond 2^53 as decimals, which may have merged different ones",
            fix="Give them as whole numbers or as text.",
        )
    try:
        set(flat)
    except TypeError as error:
        raise InputError(f"{name} cannot be compared ({error})", fix="Give numbers or text.") from error
    return np.fromiter(flat, dtype=object, count=len(flat)).reshape(raw.shape)


def distinct(labels: Objects) -> Objects:
    """The different labels, sorted where they can be, else in their order."""
    different = list(dict.fromkeys(labels.ravel().tolist()))
    with suppress(TypeError):
        different.sort()
    return np.fromiter(different, dtype=object, count=len(different))


def _items(raw: NDArray[Any]) -> list[Any]:
    """The entries as Python objects, None where they are masked."""
    return np.ma.ravel(raw).tolist() if np.ma.isMaskedArray(raw) else raw.ravel().tolist()


def is_missing(value: Any) -> bool:
    """Whether a value is None, nan, NaT, pandas' NA, masked or a text of nothing but blanks."""
    if value is None or value is np.ma.masked or (isinstance(value, str) and not value.strip()):
        return True
    unequal = value != value
    if isinstance(unequal, bool | np.bool_):
        return bool(unequal)
    return not hasattr(value, "__len__")  # NA is neither equal nor unequal


def array(given: Any, name: str) -> NDArray[Any]:
    """The input as an array, masks kept; lists with something other than numbers as the objects they hold.

    Raises:
        InputError: Something without a length, or rows of different lengths.
    """
    if isinstance(given, np.ma.MaskedArray):
        return given
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a masked number in a list becomes nan, which is what it is
            raw = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is no array ({error})", fix="Give one value a case.") from error
    if raw.ndim == 0 and raw.dtype.kind == "O":
        raise InputError(f"{name} is a {type(given).__name__}", fix="Give a list or an array.")
    if isinstance(given, list | tuple) and (raw.dtype.kind in "US" or _large(raw)):
        return np.array(given, dtype=object)  # numpy had made all of them text, or all of them decimals
    return raw


def _large(raw: NDArray[Any]) -> bool:
    """Whether these are floats so large that they may have been whole numbers which float64 has merged."""
    if raw.dtype.kind != "f" or raw.dtype.itemsize < 8:
        return False
    return bool(np.any(np.isfinite(raw) & (np.abs(raw) >= _WHOLE)))


def numbers(given: ArrayLike, name: str) -> Floats:
    """Values as float64, of any shape; what is missing or masked is nan.

    Raises:
        InputError: Text, dates, complex numbers, whole numbers beyond 2^53, or different numbers that float64 merges.
    """
    raw = array(given, name)
    kind = raw.dtype.kind
    if kind in _NO_NUMBERS:
        raise _no_number(name, _NO_NUMBERS[kind])
    if kind == "O":
        flat = _items(raw)
        values = np.array([_number(one, name, place) for place, one in enumerate(flat)]).reshape(raw.shape)
        exact = {one: float(one) for one in flat if not isinstance(one, float) and not is_missing(one)}
        merged = len(exact) > len(set(exact.values()))
    else:
        if kind in "iu" and bool(np.any((raw > _WHOLE) | (raw < -_WHOLE))):
            raise _beyond(name, int(np.flatnonzero(np.asarray((raw > _WHOLE) | (raw < -_WHOLE)))[0]))
        with np.errstate(over="ignore"):
            values = np.asarray(raw).astype(np.float64)
        if np.ma.isMaskedArray(raw):
            values[np.ma.getmaskarray(raw)] = np.nan
        wide = kind == "f" and raw.dtype.itemsize > values.dtype.itemsize
        merged = wide and np.unique(np.asarray(raw)).size > np.unique(values).size
    if merged:
        raise InputError(f"{name} holds different numbers that are one in float64", fix="Rescale or rank them.")
    return values


def _number(one: Any, name: str, place: int) -> float:
    if is_missing(one):
        return np.nan
    if not isinstance(one, _REAL):
        shown = repr(one) if isinstance(one, str | bytes) else f"a {type(one).__name__}"
        raise _no_number(name, f"{shown} at position {place}")
    if isinstance(one, Integral) and abs(int(one)) > _WHOLE:
        raise _beyond(name, place)
    try:
        value = float(one)
    except (ArithmeticError, ValueError):
        value = inf
    if isinf(value) and one not in (inf, -inf):
        raise InputError(f"{name} holds {one!s:.40} at position {place}", fix="Give numbers that float64 holds.")
    return value


def _no_number(name: str, what: str) -> InputError:
    return InputError(f"{name} holds something that is not a number ({what})", fix="Give real numbers.")


def _beyond(name: str, place: int) -> InputError:
    return InputError(
        f"{name} holds a whole number beyond 2^53 at position {place}, which float64 may merge with another",
        fix="Give smaller numbers, such as their ranks.",
    )


def decimal(values: Floats | float) -> Floats:
    """Numbers that miss a decimal of up to six places by rounding alone, as that decimal; others as they are.

    0.1 + 0.2, 1 - 0.7 and a grid's 0.30000000000000004 all mean 0.3 where a score is held against a threshold.
    """
    given = np.asarray(values, dtype=np.float64)
    size = np.abs(given)
    near = np.round(np.where(size < 1e9, given, 0.0), 6)
    slack = np.maximum(np.minimum(1e-14, 1e-12 * size), 4 * np.spacing(np.where(np.isfinite(size), size, 1.0)))
    with np.errstate(invalid="ignore"):
        meant: Floats = np.where((near != 0) & (np.abs(given - near) <= slack), near, given)
    return meant


def reaches(values: Floats, threshold: float, given: ArrayLike) -> Bools:
    """Which scores are at or above a threshold, both taken for the decimals that they stand for.

    Args:
        values: (n,) scores.
        threshold: The threshold.
        given: The scores as the user gave them: against single precision the threshold is rounded as the scores were.
    """
    precision = array(given, "the scores").dtype
    if precision.kind == "f" and precision.itemsize < values.dtype.itemsize:
        with np.errstate(over="ignore"):
            reached: Bools = values >= float(precision.type(threshold))
        return reached
    return np.asarray(decimal(values) >= decimal(threshold))


def real(value: Any, name: str) -> float:
    """Return a setting that has to be one real number.

    Raises:
        InputError: It is not, or is missing.
    """
    one = value.item() if type(value) is np.ndarray and value.ndim == 0 else value
    if isinstance(one, bool | np.bool_) or not isinstance(one, _REAL) or isnan(one):
        shown = "masked" if isinstance(one, _MASKED) else f"'{one}'" if isinstance(one, str) else one
        raise InputError(f"{name} is {shown}", fix="Give a number.")
    return float(one)


def between(value: float, low: float, high: float, name: str) -> float:
    """Return a setting that has to lie strictly between two bounds.

    Raises:
        InputError: It does not.
    """
    number = real(value, name)
    if not low < number < high:
        raise InputError(f"{name} is {value}", fix=f"Give a value between {low:g} and {high:g}.")
    return number


def count(value: Any, least: int, name: str) -> int:
    """Return a setting that has to be a whole number, and not too small.

    Raises:
        InputError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} is {value}", fix=f"Give a whole number from {least} up.")
    return int(value)


def choice(value: str, known: Sequence[str], name: str) -> str:
    """Return a setting that has to be one of the known words.

    Raises:
        InputError: It is not.
    """
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} is '{value}'", fix=f"Give one of: {', '.join(known)}.")
    return value


def generator(rng: np.random.Generator | int) -> np.random.Generator:
    """The generator, or one from a seed.

    Raises:
        InputError: Neither a generator nor a whole number from 0 up.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(count(rng, 0, "the seed"))
