"""The primary question where it is of non-inferiority: asked, answered, and how it was tested."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import bare_p, number, p_value, stratum_title
from osteon.results.report.folder import Finished
from osteon.results.report.page import Block, Page


def held(run: Finished, stratum: str) -> pd.Series | None:
    """The row of the test in a stratum; None where the study names no margin."""
    table = run.table("noninferiority")
    found = None if table is None else table[table["stratum"] == stratum]
    return None if found is None or found.empty else found.iloc[0]


def question(row: pd.Series) -> str:
    """What was asked."""
    return f"Is {row['model_a']} not inferior to {row['model_b']} by more than {row['margin']:g}?"


def verdict(row: pd.Series) -> str:
    """The answer in a sentence of a few words."""
    if row["difference"] != row["difference"]:
        return "It cannot be told: the difference is not estimable."
    if row["shown"]:
        return f"Yes, not inferior by more than {row['margin']:g} ({_limit(row)})."
    return f"Not shown: a loss of {number(-row['limit'], 3)} agrees with the data, and {row['margin']:g} was accepted."


def told(row: pd.Series) -> str:
    """The result in a sentence."""
    a, b, margin = row["model_a"], row["model_b"], f"{row['margin']:g}"
    if row["difference"] != row["difference"]:
        return f"Whether {a} is inferior to {b} by more than {margin} is not estimable."
    found = f"not inferior to {b} by more than {margin} ({_limit(row)}; one-sided {p_value(row['p'])})."
    return f"{a} is {found}" if row["shown"] else f"It is not shown that {a} is {found}"


def _limit(row: pd.Series) -> str:
    return (
        f"difference {number(row['difference'], 3, sign=True)}, one-sided {100 - 100 * row['alpha']:g}% limit "
        f"{number(row['limit'], 3, sign=True)}"
    )


def by_stratum(page: Page) -> Iterator[Block | None]:
    """The test in every stratum."""
    run = page.run
    table = run.table("noninferiority")
    if table is None:
        return
    first = table.iloc[0]
    rows = [
        [stratum_title(row["stratum"]), number(row["difference"], 3, sign=True), number(row["limit"], 3, sign=True),
         bare_p(row["p"]), "yes" if row["shown"] else "no"]
        for _, row in table[table["stratum"].isin(run.strata)].iterrows()
    ]  # fmt: skip
    yield page.table(
        ["Stratum", "Difference", "One-sided limit", "One-sided p", "Shown"],
        rows,
        f"Non-inferiority, {first['model_a']} minus {first['model_b']} in AUC, margin {first['margin']:g}. Shown where "
        f"the one-sided {100 - 100 * first['alpha']:g}% limit lies above {number(-first['margin'], 3)}. The question "
        f"is of the stratum “{stratum_title(run.headline)}”; the others are descriptive.",
        file="noninferiority.csv",
    )


def tested(run: Finished) -> Iterator[str]:
    """How it was tested, for the methods."""
    row = held(run, run.headline)
    if row is None:
        return
    planned = run.locks[-1].plan["evaluation"].get("margin") if run.locks else None
    when = "which the locked plan has" if planned == row["margin"] else "as the study file has it; no locked plan does"
    yield (
        f"The primary question is whether {row['model_a']} is inferior to {row['model_b']} by more than a margin of "
        f"{row['margin']:g} in AUC, {when}: the paired DeLong test against that margin (Blackwelder 1982), one-sided "
        f"at {row['alpha']:g}."
    )
