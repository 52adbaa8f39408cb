"""The baseline table: who the patients of each centre are, and how far they are from those of development."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.types import Floats

#: Levels of a category that are shown; the rest are pooled.
_MOST_LEVELS = 12
_OTHER, _MISSING = "other", "missing"


def groups(cohort: pd.DataFrame) -> dict[str, pd.Series]:
    """The groups of a report, in its order: development and its centres, each external centre, all external.

    Args:
        cohort: centre, split.

    Returns:
        Name (``development``, ``centre:2``, ``external``) to a mask of rows. A split of one centre is not said twice.
    """
    found: dict[str, pd.Series] = {}
    for split in ("development", "external"):
        inside = cohort["split"] == split
        centres = sorted(cohort.loc[inside, "centre"].unique())
        of_centre = {f"centre:{centre}": inside & (cohort["centre"] == centre) for centre in centres}
        if split == "development":
            found |= {"development": inside} | (of_centre if len(centres) > 1 else {})
        else:
            found |= of_centre | ({"external": inside} if len(centres) > 1 else {})
    return found


def table(
    cohort: pd.DataFrame, variables: Sequence[str], positive: str, measured: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Summaries by centre and by split.

    Args:
        cohort: Included cases.
        variables: Columns to describe; a column of numbers by median and quartiles, any other by its levels.
        positive: What the positive class is called.
        measured: Further columns of numbers, such as the pictures' sizes, in the order of the cases.

    Returns:
        A table after :data:`osteon.core.tables.BASELINE`. smd is the standardised mean difference from development: for
        numbers and single levels (x - x_dev) / sqrt((s2 + s2_dev) / 2), for a category as a whole (level "")
        the multinomial distance of Yang & Dalton 2012. Percentages are of known values, which n counts.
    """
    masks = groups(cohort)
    rows: list[dict[str, object]] = []
    for name, mask in masks.items():
        here = cohort[mask]
        rows.append(_row("cases", "", name, str(len(here)), len(here)))
        rows.append(_row("patients", "", name, str(here["patient"].nunique()), len(here)))
    described = {positive: cohort["target"].map({0: "no", 1: "yes"})} | {
        name: cohort[name] for name in variables if name in cohort
    }
    for variable, values in described.items():
        numbers = _numeric(values)
        if numbers is not None:
            rows.extend(_describe_number(variable, numbers, masks))
        else:
            rows.extend(_describe_category(variable, values.astype(str).str.strip(), masks))
    for column, numbers in () if measured is None else measured.items():
        rows.extend(_describe_number(str(column), numbers, masks))
    return tables.conform(pd.DataFrame(rows), tables.BASELINE)


def _row(variable: str, level: str, group: str, summary: str, n: int, smd: float = np.nan) -> dict[str, object]:
    return {"variable": variable, "level": level, "group": group, "summary": summary, "n": n, "smd": smd}


def _numeric(values: pd.Series) -> pd.Series | None:
    """The column as numbers if all of its known values are, and they are more than the codes of a category."""
    numbers = pd.to_numeric(values, errors="coerce")
    known = values.notna() & (values.astype(str).str.strip() != "")
    is_number = numbers[known].notna().all() and numbers[known].nunique() > 5
    return numbers if is_number and known.any() else None


def _describe_number(variable: str, values: pd.Series, masks: dict[str, pd.Series]) -> Iterator[dict[str, object]]:
    reference = values[masks["development"]].dropna().to_numpy(dtype=np.float64)
    for name, mask in masks.items():
        here = values[mask].dropna().to_numpy(dtype=np.float64)
        if not len(here):
            yield _row(variable, "", name, "not known", 0)
            continue
        low, middle, high = map(_short, np.quantile(here, [0.25, 0.5, 0.75]))
        smd = np.nan if name == "development" else standardised_difference(here, reference)
        yield _row(variable, "", name, f"{middle} ({low} to {high})", len(here), smd)


def _short(value: float) -> str:
    """Three figures, but every figure before the point."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _describe_category(variable: str, values: pd.Series, masks: dict[str, pd.Series]) -> Iterator[dict[str, object]]:
    common = values[values != ""].value_counts().sort_index(ascending=False).sort_values(ascending=False, kind="stable")
    levels = sorted(common.index[:_MOST_LEVELS])
    if not levels:
        return
    pooled = values.where(values.isin(levels) | (values == ""), _OTHER)
    if len(common) > _MOST_LEVELS and _OTHER not in levels:
        levels.append(_OTHER)
    share = {name: _shares(pooled[mask], levels) for name, mask in masks.items()}
    reference = share["development"]
    binary = levels == ["no", "yes"]
    for name, mask in masks.items():
        here = pooled[mask]
        known = int((here != "").sum())
        if not binary:
            smd = np.nan if name == "development" else multinomial_difference(share[name], reference)
            yield _row(variable, "", name, f"{known} known", known, smd)
        for index, level in enumerate(levels):
            if binary and level == "no":
                continue
            count = int((here == level).sum())
            p, q = share[name][index], reference[index]
            smd = np.nan if name == "development" else _ratio(p - q, (p * (1 - p) + q * (1 - q)) / 2)
            summary = f"{count} ({100 * p:.1f} %)" if known else "not known"
            yield _row(variable, "" if binary else level, name, summary, known, smd)
        if known < len(here):
            yield _row(variable, _MISSING, name, f"{len(here) - known} of {len(here)}", len(here))


def _shares(values: pd.Series, levels: Sequence[str]) -> Floats:
    """Share of each level among known values; nan when none is known."""
    known = values[values != ""]
    if not len(known):
        return np.full(len(levels), np.nan)
    return known.value_counts().reindex(list(levels), fill_value=0).to_numpy(dtype=np.float64) / len(known)


def standardised_difference(a: Floats, b: Floats) -> float:
    """(mean a - mean b) in units of the pooled standard deviation; nan when it is zero or not defined."""
    if min(len(a), len(b)) < 2:
        return float("nan")
    return _ratio(float(a.mean() - b.mean()), float(a.var(ddof=1) + b.var(ddof=1)) / 2)


def multinomial_difference(p: Floats, q: Floats) -> float:
    """Mahalanobis distance between two sets of shares (Yang & Dalton, SAS Global Forum 2012, paper 335).

    Args:
        p: (levels,) shares that add up to 1.
        q: The same for the other group.

    Returns:
        The distance, at least 0; nan when a group has no known value.
    """
    if np.isnan(p).any() or np.isnan(q).any():
        return float("nan")
    present = (p + q) > 0
    p, q = p[present][1:], q[present][1:]
    if not len(p):
        return 0.0
    covariance = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    difference = p - q
    if not difference.any():
        return 0.0
    try:
        distance = float(difference @ np.linalg.solve(covariance, difference))
    except np.linalg.LinAlgError:  # the groups share no level: infinitely far
        return float("nan")
    return float(np.sqrt(distance)) if 0 <= distance < 1e12 else float("nan")


def _ratio(difference: float, variance: float) -> float:
    if np.isnan(variance) or variance <= 0:
        return 0.0 if difference == 0 else float("nan")
    return float(difference / np.sqrt(variance))
