"""The report's sentences, put together from the tables; nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import number, p_value, stratum_title
from osteon.results.report.folder import Finished


def estimate(row: pd.Series, *, level: float | None = None) -> str:
    """As prose has it: ``0.807 (95% CI 0.761 to 0.846)``."""
    if row["value"] != row["value"]:
        return "not estimable"
    word = f"{level:.0%} CI " if level else ""
    return f"{number(row['value'], 3)} ({word}{number(row['low'], 3)} to {number(row['high'], 3)})"


def primary_row(run: Finished, stratum: str) -> pd.Series | None:
    """The primary contrast in a stratum."""
    table = run.table("comparisons")
    if table is None:
        return None
    found = table[table["primary"] & (table["stratum"] == stratum)]
    return None if found.empty else found.iloc[0]


def summary(run: Finished) -> Iterator[str]:
    """The study's result in a few sentences, the primary contrast first."""
    yield from _contrast(run)
    yield from _between_centres(run)
    yield from _shortcut(run)


def _contrast(run: Finished) -> Iterator[str]:
    a, b = run.study.primary
    level = run.study.evaluation.level
    first = run.value(a, run.headline, "auc")
    if first is None:
        return
    centres = sum(name.startswith("centre:") for name in dict.fromkeys(run.metrics["stratum"]))
    where = (
        f"external cases of {centres} centre{'s' if centres > 1 else ''}"
        if centres
        else "development cases, out of fold"
    )
    sentence = (
        f"On {first['n']:,} {where} ({first['n_positive']:,} {run.positive}), {a} reached an AUC of "
        f"{estimate(first, level=level)}"
    )
    second = run.value(b, run.headline, "auc") if a != b else None
    contrast = primary_row(run, run.headline)
    if second is None or contrast is None:
        yield sentence + "."
        return
    sentence += f" and {b} {estimate(second)}"
    if contrast["difference"] != contrast["difference"]:
        yield sentence + "; their difference is not estimable."
        return
    limits = f"{number(contrast['low'], 3)} to {number(contrast['high'], 3)}"
    yield (
        f"{sentence}: a difference of {number(contrast['difference'], 3, sign=True)} "
        f"({level:.0%} CI {limits}; paired DeLong test, {p_value(contrast['p'])})."
    )
    if contrast["low"] > 0:
        yield f"The prespecified contrast favours {a}."
    elif contrast["high"] < 0:
        yield f"The prespecified contrast favours {b}."
    else:
        yield "The prespecified contrast does not separate the two."


def _between_centres(run: Finished) -> Iterator[str]:
    table = run.table("heterogeneity")
    if table is None:
        return
    pooled = table[(table["metric"] == "auc_difference") & table["value"].notna()]
    if pooled.empty:
        return
    row = pooled.iloc[0]
    yield (
        f"Over the {row['centres']} centres as a random sample the difference is {estimate(row)}, I² {row['i2']:.0%}."
    )


def _shortcut(run: Finished) -> Iterator[str]:
    for name in run.box_models:
        inside, outside = run.value(name, "development", "auc"), run.value(name, run.headline, "auc")
        if outside is None:
            continue
        if run.headline != "development" and inside is not None:
            reached = f"{estimate(inside)} on development and {estimate(outside)} outside"
        else:
            reached = estimate(outside)
        yield f"The box alone, its size and position, reached {reached}: pictures add what a model reaches beyond that."


def headline(run: Finished) -> str:
    """The result for a terminal: the sentences and the AUCs by model and stratum, as plain text."""
    width = max(len(name) for name in run.models)
    heads = [stratum_title(name).removesuffix(", out of fold").removesuffix(", pooled") for name in run.strata]
    lines = ["SYNTHETIC DATA: these numbers say nothing about patients.", ""] if run.synthetic else []
    lines += [*summary(run), ""]
    lines.append(f"{'AUC':<{width}}  " + "  ".join(f"{head:>21}" for head in heads))
    for model in run.models:
        cells = []
        for stratum in run.strata:
            row = run.value(model, stratum, "auc")
            text = "-" if row is None else estimate(row)
            cells.append(f"{text:>21}")
        lines.append(f"{model:<{width}}  " + "  ".join(cells))
    return "\n".join(lines)
