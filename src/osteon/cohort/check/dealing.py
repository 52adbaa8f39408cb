"""Deal development cases to folds: whole patients, and both classes and every site in each fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.cohort.check.rows import named
from osteon.core import tables
from osteon.core.cells import number
from osteon.core.errors import StudyError, suggest
from osteon.core.types import Floats

#: Weight of a balanced site against a balanced target.
_SITE = 0.25


def folds(development: pd.DataFrame, k: int, rng: np.random.Generator) -> pd.DataFrame:
    """Deal cases to k folds, greedily from the largest group to the smallest.

    Args:
        development: Included development cases: case_id, patient_id, patient, target, and where there are any cluster
            (cases that share a patient or a picture; never parted) and site.
        k: Number of folds.
        rng: Decides between equal choices.

    Returns:
        case_id, patient_id, fold (0 to k - 1), in the order of the cases.

    Raises:
        StudyError: Fewer than k groups hold a positive, or a negative case, so that some fold would lack a class.
    """
    group = pd.factorize(development["cluster" if "cluster" in development else "patient"])[0]
    target = development["target"].to_numpy()
    groups, word = min(
        (len(np.unique(group[target == value])), word) for value, word in ((1, "positive"), (0, "negative"))
    )
    if groups < k:
        raise StudyError(
            f"evaluation.folds: {k} folds need at least {k} development patients with a {word} case, "
            f"and there {'is' if groups == 1 else 'are'} {groups}",
            fix=f"Set folds to {groups} or fewer." if groups >= 2 else "The study needs more development cases.",
        )
    counts, weights = _strata(development, group, target, k)
    dealt = _deal(counts, weights, k, rng.permutation(len(counts)), np.full(len(counts), -1))
    if not _both_classes(dealt, counts, k):
        dealt = _deal(counts, weights, k, rng.permutation(len(counts)), _seeded(counts, k))
    identity = development.get("patient_id", "")
    out = pd.DataFrame({"case_id": development["case_id"], "patient_id": identity, "fold": dealt[group]})
    return tables.conform(out, tables.FOLDS)


def given_folds(development: pd.DataFrame, column: str, k: int) -> pd.DataFrame:
    """Folds as the cohort's own column says, numbered in the order of its values.

    Args:
        development: As of :func:`folds`.
        column: The column that says in which fold a case is held out.
        k: Number of folds that the study says.

    Returns:
        As of :func:`folds`.

    Raises:
        StudyError: There is no such column, a case has no fold, there are more or fewer folds than `k`, a fold lacks a
            class, or cases that share a patient or a picture are in two folds.
    """
    if column not in development:
        raise StudyError(
            f"evaluation.fold_column: the cohort has no column {column!r}", fix=suggest(column, map(str, development))
        )
    said = development[column].astype(str)
    if (said == "").any():
        first = development["case_id"][said == ""].iloc[0]
        raise StudyError(f"the case {first!r} has no fold in the column {column!r}", fix="Give each one.")
    values = sorted(said.unique(), key=lambda one: (number(one) is None, number(one) or 0.0, one))
    if len(values) != k:
        raise StudyError(
            f"evaluation.folds is {k}, and the column {column!r} has {len(values)} "
            f"({named(values)})", fix=f"Set folds to {len(values)}." if 2 <= len(values) <= 20 else "Mend the column.",
        )  # fmt: skip
    fold = pd.Series(pd.Categorical(said, values).codes, index=development.index).astype(np.int64)
    group = development["cluster" if "cluster" in development else "patient"]
    parted = fold.groupby(group).transform("nunique") > 1
    if parted.any():
        raise StudyError(
            f"cases of one patient or picture are in two folds of {column!r}: {named(development['case_id'][parted])}",
            fix="Give them one.",
        )
    classes = development["target"].groupby(fold).nunique()
    if (classes < 2).any():
        raise StudyError(
            f"the fold {values[int(np.argmin(classes))]!r} of {column!r} has cases of one class only",
            fix="Every fold needs both.",
        )
    out = pd.DataFrame(
        {"case_id": development["case_id"], "patient_id": development.get("patient_id", ""), "fold": fold}
    )
    return tables.conform(out, tables.FOLDS)


def _strata(
    development: pd.DataFrame, group: NDArray[np.intp], target: NDArray[np.int64], k: int
) -> tuple[Floats, Floats]:
    """(groups, strata) counts of negatives, positives and each site that can be in every fold; a weight a stratum."""
    members = [target == 0, target == 1]
    if "site" in development:
        site = development["site"]
        for level in sorted(site.unique()):
            here = (site == level).to_numpy()
            if len(np.unique(group[here])) >= k:
                members.append(here)
    counts: Floats = np.stack([np.bincount(group, weights=member) for member in members], axis=1).astype(np.float64)
    share: Floats = np.where(np.arange(len(members)) < 2, 1.0, _SITE)
    return counts, share / counts.sum(axis=0)


def _deal(
    counts: Floats, weights: Floats, k: int, shuffled: NDArray[np.intp], dealt: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give each group, largest first, to the fold that lacks its kind of case most.

    The fold that keeps the weighted sum of squared deviations from an equal share least is the one with the least
    weighted overlap, because the group's own size and the equal shares are the same for every fold.
    """
    dealt = dealt.copy()
    held = np.stack([counts[dealt == fold].sum(axis=0) for fold in range(k)])
    order = shuffled[np.argsort(-counts[shuffled, :2].sum(axis=1), kind="stable")]
    pulls = counts * weights
    for i in order[dealt[order] < 0]:
        fold = int(np.argmin(held @ pulls[i]))
        dealt[i] = fold
        held[fold] += counts[i]
    return dealt


def _both_classes(dealt: NDArray[np.int64], counts: Floats, k: int) -> bool:
    return all((counts[dealt == fold][:, :2].sum(axis=0) > 0).all() for fold in range(k))


def _seeded(counts: Floats, k: int) -> NDArray[np.int64]:
    """One positive and one negative in each fold to start with: mixed groups first, then pairs of pure ones."""
    has = counts[:, :2] > 0
    mixed = np.flatnonzero(has.all(axis=1))[:k]
    negative, positive = (np.flatnonzero(has[:, side] & ~has[:, 1 - side])[: k - len(mixed)] for side in (0, 1))
    dealt = np.full(len(counts), -1)
    dealt[mixed] = np.arange(len(mixed))
    for pure in (negative, positive):
        dealt[pure] = np.arange(len(mixed), k)
    return dealt
