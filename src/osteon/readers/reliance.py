"""What readers made of right and of wrong advice.

A reading pair is one reader's call on one case without (u) and with (a) the advice m, the truth being t. Sources:
Guo 2019 and Schemmer 2023 (appropriate reliance); Dratsch 2023 (automation bias in radiology).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.errors import NotEstimableError
from osteon.core.types import Estimate
from osteon.readers import clustered
from osteon.stats import mcnemar_test, proportion_ci

Flags = NDArray[np.bool_]
_Rule = tuple[Callable[[pd.DataFrame], pd.Series], Callable[[pd.DataFrame], pd.Series]]

#: Measure to (among which pairs, what counts).
SHARES: dict[str, _Rule] = {
    "changed to right advice": (lambda p: (p.u != p.m) & (p.m == p.t), lambda p: p.a == p.m),
    "stayed wrong against right advice": (lambda p: (p.u != p.m) & (p.m == p.t), lambda p: p.a != p.m),
    "changed to wrong advice": (lambda p: (p.u != p.m) & (p.m != p.t), lambda p: p.a == p.m),
    "stayed right against wrong advice": (lambda p: (p.u != p.m) & (p.m != p.t), lambda p: p.a != p.m),
    "changed away from agreeing advice": (lambda p: p.u == p.m, lambda p: p.a != p.m),
    "over-reliance": (lambda p: p.m != p.t, lambda p: p.a == p.m),
    "under-reliance": (lambda p: p.m == p.t, lambda p: p.a != p.m),
    "wrong without advice, where advice is wrong": (lambda p: p.m != p.t, lambda p: p.u != p.t),
    "wrong without advice, where advice is right": (lambda p: p.m == p.t, lambda p: p.u != p.t),
}
#: Measure to the pairs in which accuracy with and without advice is compared, aided minus unaided.
CHANGES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "change in accuracy": lambda p: p.t == p.t,
    "change in accuracy, advice right": lambda p: p.m == p.t,
    "change in accuracy, advice wrong": lambda p: p.m != p.t,
}


def pairs(readings: pd.DataFrame) -> pd.DataFrame:
    """One row a reader and case that was read in both arms: reader, case_id, cluster, u, a, m, t.

    Args:
        readings: With arms ``unaided`` and ``aided``, and columns call and advice. Rows without either are left out.
    """
    known = readings[readings["call"].notna()]
    columns = ["reader", "case_id", "call"]
    without = known.loc[known["arm"] == "unaided", columns].rename(columns={"call": "u"})
    aided = known[(known["arm"] == "aided") & known["advice"].notna()]
    with_advice = aided[[*columns, "advice", "truth", "cluster"]].rename(
        columns={"call": "a", "advice": "m", "truth": "t"}
    )
    joined = without.merge(with_advice, on=["reader", "case_id"], validate="one_to_one")
    return joined.astype({"u": int, "a": int, "m": int, "t": int})


def reliance(readings: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Every measure, over all readers (random, as the cases are) and by each reader (over the sampling of cases).

    Args:
        readings: See :func:`pairs`.
        level: Confidence level.

    Returns:
        reader, measure, value, low, high, events, n, method.
    """
    joined = pairs(readings)
    rows = over_all(joined, level=level)
    for reader, own in joined.groupby("reader", sort=True):
        rows += _rows(str(reader), own, level)
    return pd.DataFrame(rows)


def over_all(joined: pd.DataFrame, *, level: float = 0.95) -> list[dict[str, object]]:
    """The rows over all readers, from :func:`pairs`."""
    return list(_rows("all", joined, level))


def _rows(reader: str, among: pd.DataFrame, level: float) -> Iterator[dict[str, object]]:
    everyone = reader == "all"
    for measure, (eligible, counts) in SHARES.items():
        part = among[eligible(among)]
        hit = counts(part).to_numpy(dtype=np.float64)
        yield _row(reader, measure, int(hit.sum()), _share(hit, part, level, everyone))
    for measure, eligible in CHANGES.items():
        part = among[eligible(among)]
        gain = (part["a"] == part["t"]).astype(int) - (part["u"] == part["t"]).astype(int)
        yield _row(reader, measure, int((gain != 0).sum()), _change(part, gain, level, everyone))


def _share(hit: NDArray[np.float64], part: pd.DataFrame, level: float, everyone: bool) -> Estimate:
    if everyone or not hit.size:
        return clustered.share(hit, part["reader"], part["cluster"], level=level)
    return proportion_ci(hit, level=level, clusters=shared(part["cluster"]))


def _change(part: pd.DataFrame, gain: pd.Series, level: float, everyone: bool) -> Estimate:
    if everyone or part.empty:
        return clustered.mean(gain, part["reader"], part["cluster"], level=level)
    try:
        right = (part["a"] == part["t"], part["u"] == part["t"])
        found = mcnemar_test(*right, level=level, clusters=shared(part["cluster"]))
    except NotEstimableError as error:
        return Estimate(float(gain.mean()), np.nan, np.nan, f"no interval: {error}", len(part))
    return Estimate(found.difference, found.low, found.high, found.method, len(part))


def shared(cluster: pd.Series) -> NDArray[np.object_] | None:
    """The clusters, or None where every case is its own."""
    return cluster.to_numpy(dtype=object) if cluster.duplicated().any() else None


def _row(reader: str, measure: str, events: int, found: Estimate) -> dict[str, object]:
    return {
        "reader": reader,
        "measure": measure,
        "events": events,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "method": found.method,
        "n": found.n,
    }
