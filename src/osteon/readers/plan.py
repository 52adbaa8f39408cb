"""Which cases are read by whom, in which order and arm: chosen once, from the seed, before the first reading."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.errors import InputError
from osteon.study.protocol import Readers

_LEVELS = ("easy", "middle", "hard")


def reading_cases(cases: pd.DataFrame, *, views: bool) -> pd.DataFrame:
    """Put views of one lesion together, so that a lesion is read once and counts once.

    Args:
        cases: One row a radiograph and lesion: case_id, patient_id, centre, label, probability; site where known.
        views: Whether views are put together; else every row is a case of its own.

    Returns:
        The rows with a column ``lesion`` that numbers the reading cases from 0. Views belong together when the patient
        (where known), the site and the label agree.
    """
    alone = cases["patient_id"].astype(str).eq("") | (not views)
    columns = [name for name in ("centre", "patient_id", "site", "label") if name in cases]
    own = pd.DataFrame({"own": np.where(alone, np.arange(len(cases)), -1)}, index=cases.index)
    lesion = pd.concat([cases[columns], own], axis=1).groupby([*columns, "own"], sort=False, dropna=False).ngroup()
    return cases.assign(lesion=lesion)


def describe(cases: pd.DataFrame) -> pd.DataFrame:
    """One row a reading case: its centre, label, mean advice and difficulty.

    Difficulty is how little probability the model gives to the truth, cut at the thirds within each class, so that it
    balances what kind of case is drawn without changing how hard the model finds the whole.

    Args:
        cases: From :func:`reading_cases`.

    Returns:
        lesion (index), centre, label, probability, difficulty (``easy``, ``middle``, ``hard``).
    """
    each = cases.groupby("lesion", sort=True).agg(
        centre=("centre", "first"), label=("label", "first"), probability=("probability", "mean")
    )
    wrong = (each["label"] - each["probability"]).abs()
    share = wrong.groupby(each["label"]).rank(method="first", pct=True)
    third = np.clip(np.ceil(share.to_numpy() * 3) - 1, 0, 2).astype(int)
    return each.assign(difficulty=np.array(_LEVELS)[third])


def sample(described: pd.DataFrame, number: int, positives: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw reading cases, balanced by class and, within a class, as evenly over centres and difficulty as can be.

    Args:
        described: From :func:`describe`.
        number: How many; 0 takes all.
        positives: Share of positive cases; 0 keeps the share there is.
        rng: Source of randomness.

    Returns:
        The chosen lesions, ascending.

    Raises:
        InputError: There are not that many cases, or not that many of a class.
    """
    if number == 0:
        return described.index.to_numpy(dtype=np.int64)
    chosen: list[int] = []
    for label, count in wanted(described["label"], number, positives).items():
        of_class = described[described["label"] == label]
        strata = [list(rows) for rows in of_class.groupby(["centre", "difficulty"], sort=True).groups.values()]
        for rows, take in zip(strata, _even([len(rows) for rows in strata], count, rng), strict=True):
            chosen.extend(rng.permutation(rows)[:take].tolist())
    return np.sort(np.array(chosen, dtype=np.int64))


def wanted(labels: pd.Series, number: int, positives: float) -> dict[int, int]:
    """How many cases of each class a sample holds.

    Args:
        labels: Of the reading cases there are.
        number: As for :func:`sample`.
        positives: As for :func:`sample`.

    Returns:
        Label to number.

    Raises:
        InputError: As for :func:`sample`.
    """
    there = labels.value_counts()
    if number == 0:
        return {label: int(there.get(label, 0)) for label in (1, 0)}
    if number > len(labels):
        raise InputError(
            f"{number} cases are asked for and {len(labels)} are there", column="readers.cases", fix="Ask for fewer."
        )
    share = positives or float(labels.mean())
    counts = {1: round(number * share), 0: number - round(number * share)}
    for label, count in counts.items():
        if count > there.get(label, 0):
            raise InputError(
                f"{count} cases of class {label} are asked for and {there.get(label, 0)} are there",
                column="readers.positives",
                fix="Ask for fewer cases, or change the share of positive ones (0 keeps the cohort's own).",
            )
    return counts


def _even(sizes: list[int], total: int, rng: np.random.Generator) -> list[int]:
    """Share a total among strata one by one, round after round, never more than a stratum holds."""
    taken = [0] * len(sizes)
    while total:
        open_strata = [i for i, size in enumerate(sizes) if taken[i] < size]
        for i in rng.permutation(open_strata)[:total]:
            taken[i] += 1
        total -= min(total, len(open_strata))
    return taken


def codes(count: int, rng: np.random.Generator) -> list[str]:
    """Case codes in random order, so that a code says nothing of centre or class."""
    width = max(3, len(str(count)))
    return [f"C{number + 1:0{width}d}" for number in rng.permutation(count)]


def tasks(labels: pd.Series, protocol: Readers, readers: Iterable[str], seed: int) -> pd.DataFrame:
    """Reading order and arms: random for each reader and session, the same again from the same seed.

    In a counterbalanced design a random half of the cases, balanced by class, is aided in the first session of every
    other reader, and the other half in that of the rest.

    Args:
        labels: Case code to label.
        protocol: The rules.
        readers: Codes of the readers, in the order of the study file.
        seed: The study's seed.

    Returns:
        reader, session, position, step, code, arm.
    """
    aided_first = _half(labels, np.random.default_rng([seed, 1]))
    rows = []
    for index, reader in enumerate(readers):
        for session in range(1, protocol.sessions + 1):
            order = np.random.default_rng([seed, 2, index, session]).permutation(labels.index.to_numpy())
            for position, code in enumerate(order, start=1):
                if protocol.design == "sequential":
                    arms = ["unaided", "aided"]
                elif protocol.arms == "unaided-first":
                    arms = ["unaided" if session == 1 else "aided"]
                else:
                    first = (code in aided_first) == (index % 2 == 0)
                    arms = ["aided" if first == (session == 1) else "unaided"]
                rows += [(reader, session, position, step, str(code), arm) for step, arm in enumerate(arms, start=1)]
    return pd.DataFrame(rows, columns=["reader", "session", "position", "step", "code", "arm"])


def _half(labels: pd.Series, rng: np.random.Generator) -> set[str]:
    """A random half of the cases of each class; of odd classes in turn the greater and the smaller half."""
    half: set[str] = set()
    spare = 0
    for _, rows in labels.groupby(labels, sort=True):
        count = (len(rows) + spare) // 2
        spare = (spare + len(rows)) % 2
        half.update(str(code) for code in rng.permutation(rows.index.to_numpy())[:count])
    return half
