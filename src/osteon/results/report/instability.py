"""How far predictions hang on who was in development."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import in_sentence, listed, number, stratum_title
from osteon.results.report.folder import Finished
from osteon.results.report.page import Block, Page, interval, paragraph

_FIGURES = {"mape": "Mean error", "changed": "Calls changed", "auc": "AUC of refits"}


def instability(page: Page) -> Iterator[Block | None]:
    """The section; nothing where the study did not ask for it."""
    run = page.run
    table = run.table("instability")
    if table is None:
        return
    yield paragraph(
        f"On each of {table['refits'].iloc[0]:,} bootstrap samples of the development patients every model was made "
        "anew, with folds and tuning, and asked about the same cases. Had chance brought other patients of the same "
        f"kind, a case might have been told what stands here.{_left(run)}"
    )
    yield page.figure(
        "instability",
        f"Probabilities of refits against those of the model itself. {stratum_title(run.headline)}. A thin line is a "
        "case and holds 95% of its refits (up to 300 cases a panel, evenly chosen); the thick lines hold 95% of the "
        "refits of cases with much the same probability. On the diagonal a prediction is stable.",
        "Instability plot; its means are in the table below it.",
    )
    rows: list[list[object]] = []
    for stratum in (name for name in run.strata if name in set(table["stratum"])):
        rows.append([stratum_title(stratum)])
        here = table[table["stratum"] == stratum]
        for model, own in here.groupby("model", sort=False):
            by_metric = own.set_index("metric").T
            rows.append([model, *(interval(by_metric.get(name)) for name in _FIGURES)])
    yield page.table(
        ["Model", *_FIGURES.values()],
        rows,
        "Instability by centre. Mean error: mean absolute difference between a refit's probability and the model's, "
        "with limits that hold 95% of the cases. Calls changed: share of refits that call a case otherwise at Youden's "
        "threshold, held fixed; limits likewise. AUC: mean over refits, with limits that hold 95% of them.",
        file="instability.csv",
    )


def _left(run: Finished) -> str:
    """Which models were not made again, and why."""
    why = {model.name: run.study.made_once(model) for model in run.study.models}
    told = [f"{name} ({reason})" for name, reason in why.items() if reason]
    return f" Not made again: {listed(told)}." if told else ""


def unstable(run: Finished) -> Iterator[str]:
    """How far the first model's predictions hang on who was in development, in two sentences."""
    table, cases = run.table("instability"), run.table("instability_cases")
    if table is None or cases is None:
        return
    told = list(dict.fromkeys(table["model"]))
    model = next((name for name in run.study.primary if name in told), told[0])
    here = table[(table["model"] == model) & (table["stratum"] == run.headline)].set_index("metric")
    if "mape" not in here.index:
        return
    error, changed = here.T["mape"], here.T["changed"]
    yield (
        f"Made again on {error['refits']:,} bootstrap samples of the development patients, {model} gives a case in "
        f"{in_sentence(run.headline)} a probability that is {number(error['value'], 3)} away from its own in the mean "
        f"(in 95% of the cases {number(error['low'], 3)} to {number(error['high'], 3)})."
    )
    if changed["value"] == changed["value"]:
        yield f"At its cut-off {changed['value']:.1%} of the calls change, {_worst(cases, model, run)}."


def _worst(cases: pd.DataFrame, model: str, run: Finished) -> str:
    """How many cases change sides in a fifth of the refits or more."""
    own = cases[(cases["model"] == model) & ((cases["split"] == "development") == (run.headline == "development"))]
    many = int((own["changed"] >= 0.2).sum())
    return f"and {many:,} of {len(own):,} cases change in a fifth of the refits or more"


def refitted(run: Finished) -> Iterator[str]:
    """What was done, for the methods."""
    table = run.table("instability")
    if table is None:
        return
    yield (
        f"Prediction instability was measured as Riley and Collins (2023) advise: on {table['refits'].iloc[0]:,} "
        "bootstrap samples of development patients, all cases of a patient together, the whole way to each model was "
        "gone again, folds and tuning included. A case was told by those models of a refit that had not seen it, and "
        f"called by the study's own threshold.{_left(run)}"
    )
