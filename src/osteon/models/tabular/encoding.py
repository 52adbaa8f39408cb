"""Columns of a table -> numbers, learned from training cases alone.

Numbers are imputed by the median, with a flag of their own where enough are missing, and bent by a restricted cubic
spline (Harrell, Regression Modeling Strategies, 2015, section 2.4.5; his knots). Outside the range of the training
cases they count as its ends, so that a slip of the pen in an external table cannot rule a prediction. Categories become
one column for each level but the commonest; rare levels are pooled as ``other``, and so is one that training never saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.errors import TableError, suggest
from osteon.core.types import Floats

#: Harrell's quantiles, by number of knots.
QUANTILES: dict[int, tuple[float, ...]] = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
}
#: A column of at most so many different numbers is a category.
_MOST_CODES = 5
#: A level, or a missing value, gets a column of its own from this many training cases on.
_FEWEST = 5
_SHARE = 0.01
OTHER, MISSING, FLAG = "other", "missing", "is missing"


def restricted_cubic_spline(x: Floats, knots: Floats) -> Floats:
    """Harrell's basis: cubic between the knots, straight beyond them.

    Args:
        x: (n,) values.
        knots: (k,) rising knots; fewer than three give a straight line.

    Returns:
        (n, max(1, k - 1)); the first column is x.
    """
    if len(knots) < 3:
        return x[:, None]
    first, before, last = knots[0], knots[-2], knots[-1]
    cubes = np.maximum(x[:, None] - knots, 0) ** 3
    towards = (last - knots[:-2]) / (last - before)
    away = (before - knots[:-2]) / (last - before)
    bends = cubes[:, :-2] - cubes[:, [-2]] * towards + cubes[:, [-1]] * away
    return np.column_stack([x, bends / (last - first) ** 2])


def as_numbers(values: pd.Series) -> Floats:
    """The values as numbers, nan where they are none."""
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def as_levels(values: pd.Series) -> pd.Series:
    """The values as words, :data:`MISSING` where there is none."""
    words = values.astype("object").where(values.notna(), "").astype(str).str.strip()
    return words.mask(words == "", MISSING)


class Encoder:
    """Learns how to turn each column into numbers.

    Args:
        knots: Knots of a number's spline (3, 4 or 5); 0 for a straight line.
        straight: Columns of numbers that are not bent.

    Attributes:
        columns: One dict a column: name, kind (``number`` or ``category``) and what was learned.
        terms: The matrix' columns, each as (name of the column, what it stands for).
        centre: Their means.
        scale: Their standard deviations (1 for flags and levels).
    """

    def __init__(self, knots: int = 0, straight: Sequence[str] = ()) -> None:
        self.knots, self.straight = knots, list(straight)

    def fit(self, table: pd.DataFrame) -> Encoder:
        """Learn from training cases."""
        self.columns: list[dict[str, Any]] = [self._learn(str(name), table[name]) for name in table]
        self.terms = [[column["name"], term] for column in self.columns for term in _terms(column)]
        raw = self._raw(table)
        flags = np.array([term == FLAG or term.startswith("= ") for _, term in self.terms], dtype=bool)
        spread = raw.std(axis=0)
        self.centre: Floats = np.where(flags, 0.0, raw.mean(axis=0))
        self.scale: Floats = np.where(flags | (spread == 0), 1.0, spread)
        return self

    def transform(self, table: pd.DataFrame) -> Floats:
        """(n, terms) matrix.

        Raises:
            TableError: A column that training had is not there.
        """
        for column in self.columns:
            if column["name"] not in table:
                raise TableError(
                    "the model was fitted with it and the table lacks it",
                    column=column["name"],
                    fix=suggest(column["name"], map(str, table.columns)),
                )
        out: Floats = (self._raw(table) - self.centre) / self.scale
        return out

    def typical(self, n: int) -> pd.DataFrame:
        """A table of n typical cases: medians and commonest levels."""
        usual = {column["name"]: column.get("median", column.get("reference")) for column in self.columns}
        return pd.DataFrame([usual] * n)

    def _learn(self, name: str, values: pd.Series) -> dict[str, Any]:
        words = as_levels(values)
        known = words != MISSING
        numbers = as_numbers(values)
        if known.any() and np.isfinite(numbers[known]).all() and len(np.unique(numbers[known])) > _MOST_CODES:
            present = numbers[known]
            quantiles = QUANTILES[self.knots] if self.knots and name not in self.straight else ()
            low, median, high = np.quantile(present, [0.25, 0.5, 0.75])
            return {
                "name": name,
                "kind": "number",
                "median": float(median),
                "range": [float(present.min()), float(present.max())],
                "low": float(low),
                "high": float(high),
                "flag": bool((~known).sum() >= _FEWEST),
                "knots": [float(knot) for knot in np.unique(np.quantile(present, quantiles))] if quantiles else [],
            }
        counts = words.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        frequent = counts[counts >= max(_FEWEST, _SHARE * len(words))].index
        levels = [str(level) for level in frequent] or [str(counts.index[0])]
        if OTHER not in levels and counts.drop(levels).sum() >= _FEWEST:
            levels.append(OTHER)
        return {"name": name, "kind": "category", "reference": levels[0], "levels": sorted(levels[1:])}

    def _raw(self, table: pd.DataFrame) -> Floats:
        blocks = [np.empty((len(table), 0)), *(_encode(column, table[column["name"]]) for column in self.columns)]
        return np.hstack(blocks)


def _terms(column: dict[str, Any]) -> list[str]:
    if column["kind"] == "number":
        bends = [f"bend {i}" for i in range(1, max(1, len(column["knots"]) - 1))]
        return ["value", *bends, *[FLAG] * column["flag"]]
    return [f"= {level}" for level in column["levels"]]


def _encode(column: dict[str, Any], values: pd.Series) -> Floats:
    if column["kind"] == "number":
        numbers = as_numbers(values)
        missing = ~np.isfinite(numbers)
        filled = np.clip(np.where(missing, column["median"], numbers), *column["range"])
        basis = restricted_cubic_spline(filled, np.array(column["knots"]))
        return np.column_stack([basis, missing]) if column["flag"] else basis
    words = as_levels(values)
    known: list[str] = [column["reference"], *column["levels"]]
    if OTHER in known:
        words = words.where(words.isin(known), OTHER)
    encoded: Floats = (words.to_numpy(dtype=object)[:, None] == np.array(column["levels"], dtype=object)).astype(float)
    return encoded
