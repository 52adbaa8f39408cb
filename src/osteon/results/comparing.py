"""``osteon compare``: what differs between two runs, by how much, and whether that is more than rounding."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from osteon import study
from osteon.core.errors import InputError
from osteon.core.run import RunFolder, Tables, contract

#: Largest difference of a probability that the order of sums alone makes: float32 keeps 7 digits.
ROUNDING = 1e-5
_SHOWN = 8  # settings and cases that are named one by one
#: Words about a row, which are not what it is a row of; and the patient, whom nothing that is printed names.
_REMARKS = ("method", "note", "notes", "detail", "patient_id")


@dataclass(frozen=True)
class TableDifference:
    """How one table differs between two runs.

    Attributes:
        name: Of the table.
        rows: How many rows both have, the first alone, the second alone.
        largest: For each column of numbers that differs, the largest difference and the row where it is.
        other: For each other column that differs, how many rows of it do.
    """

    name: str
    rows: tuple[int, int, int]
    largest: Mapping[str, tuple[float, str]]
    other: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.rows[1] or self.rows[2] or self.largest or self.other)


def compare(first: RunFolder, second: RunFolder) -> str:
    """Say what differs between two runs.

    Args:
        first: A run that was evaluated.
        second: Another.

    Returns:
        Settings, cases, AUCs and tables in plain words, each part only as far as it differs, and what it comes to.

    Raises:
        InputError: One of them was not evaluated, or breaks its contracts.
    """
    a, b = Tables(first.path), Tables(second.path)
    for run in (a, b):
        if not run.file("predictions").is_file():
            raise InputError("there are no predictions", file=run.path, fix="Give the folder of a finished run.")
    settings = list(_settings(a, b))
    cases = list(_cases(a, b))
    tables = [found for found in _tables(a, b) if found]
    parts = [
        ("Settings", settings),
        ("Versions", list(_versions(a, b))),
        ("Cases", cases),
        ("AUCs", list(_aucs(a, b))),
        ("Tables", [line for found in tables for line in _said(found)]),
    ]
    told = [f"{title}\n" + "\n".join(f"  {line}" for line in lines) for title, lines in parts if lines]
    return "\n".join([*told, _verdict(bool(settings), bool(cases), tables)])


def table_difference(a: pd.DataFrame, b: pd.DataFrame, name: str) -> TableDifference:
    """Hold two tables against each other, row by row.

    Rows belong together when all their columns of words do, but for remarks; several such rows in their order.

    Args:
        a: The first.
        b: The second.
        name: Whose contract says which columns are numbers.
    """
    known = contract(name).columns
    shared = [str(column) for column in a if column in b]
    numbers = [
        column for column in shared if is_numeric_dtype(a[column]) and is_numeric_dtype(b[column]) and column != "fold"
    ]
    words = [column for column in shared if column not in numbers and column not in _REMARKS]
    if any(column.unique for column in known.values()):  # a case is known by its identifier alone
        keys = [column for column in words if column not in known or known[column].unique]
    else:
        keys = words
    both = _by_row(a, keys).add_suffix(" a").join(_by_row(b, keys).add_suffix(" b"), how="outer", sort=False)
    here = both[["present a", "present b"]].notna().to_numpy()
    kept = both[here.all(axis=1)]
    largest, other = {}, {}
    for column in shared:
        if column in keys:
            continue
        left, right = kept[f"{column} a"], kept[f"{column} b"]
        if column in numbers:
            x, y = left.to_numpy(dtype=float), right.to_numpy(dtype=float)
            with np.errstate(invalid="ignore"):
                apart = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
            apart[np.isnan(apart)] = np.inf  # a number in one alone
            if apart.any():
                at = kept.index[int(apart.argmax())]
                largest[column] = (float(apart.max()), ", ".join(map(str, at[:-1] if len(at) > 1 else at)))
        elif differs := int((left.astype(str) != right.astype(str)).sum()):
            other[column] = differs
    alone = [int((here[:, side] & ~here[:, 1 - side]).sum()) for side in (0, 1)]
    return TableDifference(name, (len(kept), alone[0], alone[1]), largest, other)


def _by_row(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The table with its keys, and which of several equal ones a row is, as the index."""
    place = frame.groupby(keys, dropna=False).cumcount() if keys else pd.Series(range(len(frame)), index=frame.index)
    return frame.assign(present=1, place=place).set_index([*keys, "place"])


def _settings(a: RunFolder, b: RunFolder) -> Iterator[str]:
    """Every setting that has two values."""
    studies = [study.load(run.study_file) for run in (a, b)]
    models = [{model.name for model in of_run.models} for of_run in studies]
    for name, only in (("first", models[0] - models[1]), ("second", models[1] - models[0])):
        if only:
            yield f"models in the {name} run alone: {', '.join(sorted(only))}"
    one, other = (_flat(of_run.model_dump(mode="json"), of=models[0] & models[1]) for of_run in studies)
    for name in dict.fromkeys([*one, *other]):
        if name != "study.output" and one.get(name) != other.get(name):
            yield f"{name}: {json.dumps(one.get(name))} | {json.dumps(other.get(name))}"


def _flat(settings: Mapping[str, Any], above: str = "", of: Collection[str] = ()) -> dict[str, Any]:
    """Settings by their path; those of some models by the models' names, so that another order is no difference."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        path = f"{above}.{name}" if above else name
        if isinstance(value, Mapping):
            found |= _flat(value, path)
        elif name == "models" and not above:
            for model in (model for model in value if model["name"] in of):
                found |= _flat(model, f"model '{model['name']}'")
        else:
            found[path] = value
    return found


def _versions(a: Tables, b: Tables) -> Iterator[str]:
    """The packages, processor and precision that they were made by, as far as their provenance tells."""
    one, other = ({**run.provenance.get("versions", {}), **run.provenance.get("machine", {})} for run in (a, b))
    for name in dict.fromkeys([*one, *other]):
        if one.get(name) != other.get(name):
            yield f"{name}: {one.get(name)} | {other.get(name)}"


def _cases(a: RunFolder, b: RunFolder) -> Iterator[str]:
    """Who is in one study alone, and whose row differs; cases are named by their identifiers in the study."""
    one, other = (run.read("cohort").set_index("case_id") for run in (a, b))
    for name, only in (("first", one.index.difference(other.index)), ("second", other.index.difference(one.index))):
        if len(only):
            yield f"{len(only)} in the {name} run alone: {_few(list(only))}"
    both = one.index.intersection(other.index)
    for column in (name for name in one if name in other and name not in ("image", "mask")):
        x, y = one[column].loc[both], other[column].loc[both]
        changed = both[((x != y) & ~(x.isna() & y.isna())).to_numpy()]
        if len(changed):
            yield f"'{column}' differs in {len(changed)} of {len(both)} cases: {_few(list(changed))}"


def _aucs(a: Tables, b: Tables) -> Iterator[str]:
    """Both runs' AUCs where they differ, with the yardstick: how far training seeds of one run lie apart."""
    aucs = [run.read("metrics").query("metric == 'auc'") for run in (a, b)]
    both = aucs[0].merge(aucs[1], on=["model", "stratum"], suffixes=(" a", " b"))
    seeds = pd.concat([run.read("seeds") for run in (a, b)], ignore_index=True)
    apart = seeds[seeds["metric"] == "auc"].groupby(["model", "stratum"])["sd"].max()
    known = both["value a"].notna() | both["value b"].notna()
    for row in both[known & (both["value a"] != both["value b"])].to_dict("records"):
        one, other = row["value a"], row["value b"]
        sd = apart.get((row["model"], row["stratum"]), np.nan)
        yard = "" if np.isnan(sd) else f"; seeds of a run have a standard deviation of {sd:.4f}"
        yield (
            f"{row['model']}, {row['stratum']}: {one:.4f} | {other:.4f} ({other - one:+.4f}; "
            f"interval of the first {row['low a']:.3f} to {row['high a']:.3f}{yard})"
        )


def _tables(a: RunFolder, b: RunFolder) -> Iterator[TableDifference]:
    """Every table of both runs."""
    names = [{path.stem for path in run.path.glob("*.csv")} for run in (a, b)]
    for name in sorted(names[0] & names[1] - {"cohort"}):
        yield table_difference(a.read(name), b.read(name), name)
    for name in sorted(names[0] ^ names[1]):
        has = int(name in names[1])
        rows = len((a, b)[has].read(name))
        yield TableDifference(name, (0, rows * (1 - has), rows * has), {}, {})


def _said(found: TableDifference) -> Iterator[str]:
    both, first, second = found.rows
    alone = [f"{n} in the {name} alone" for n, name in ((first, "first"), (second, "second")) if n]
    yield f"{found.name}.csv: " + ", ".join([f"{both} rows in both", *alone])
    rounded = [column for column, (value, _) in found.largest.items() if value <= ROUNDING]
    for column, (value, row) in found.largest.items():
        if column not in rounded:
            told = "a value in one run alone" if np.isinf(value) else f"by up to {value:.2g}"
            yield f"  {column}: {told}" + (f" ({row})" if row else "")
    if rounded:
        yield f"  {', '.join(rounded)}: by rounding, up to {max(found.largest[one][0] for one in rounded):.1g}"
    for column, count in found.other.items():
        yield f"  {column}: in {count} rows"


def _verdict(settings: bool, cases: bool, tables: list[TableDifference]) -> str:
    """What it comes to."""
    if settings or cases:
        return f"The runs are of different {' and '.join(['settings'] * settings + ['cases'] * cases)}."
    if not tables:
        return "Equal: every table of both runs has the same rows and the same values."
    largest = next((found.largest for found in tables if found.name == "predictions"), {})
    apart = largest.get("probability", (0.0, ""))[0]
    if apart == 0:
        return "Every probability is the same; what was made of them differs."
    if apart <= ROUNDING:
        return f"Probabilities differ by rounding alone (at most {apart:.1g}), as they do between processors."
    return (
        f"Probabilities differ by up to {apart:.2g}, more than rounding: training went another way, as it does on "
        "another processor or at another precision, or models differ."
    )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(str, names[:_SHOWN])) + more
