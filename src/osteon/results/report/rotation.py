"""Each centre held out in turn: how performance travels, told as the secondary analysis that it is."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import counted, in_sentence, listed, number, stratum_title
from osteon.results.report import words
from osteon.results.report.accuracy import SHARES
from osteon.results.report.folder import Finished
from osteon.results.report.page import Block, Page, interval, paragraph

_FIGURES = {
    "auc": "AUC",
    "calibration_slope": "Calibration slope",
    "calibration_intercept": "Calibration intercept",
    **{name: SHARES[name] for name in ("sensitivity", "specificity")},
}


def rotation(page: Page) -> Iterator[Block | None]:
    """The section; nothing where the study did not ask for it."""
    run = page.run
    table = run.table("rotation")
    if table is None:
        return
    yield paragraph(
        "A secondary analysis. Each centre was held out once, and every model was made anew from all other centres: "
        "from centres, that is, whose labels were kept from the models above until those were written. Nothing above "
        "was chosen or fitted with what stands here. The labels of the centre that is held out were in turn kept from "
        "the models that it tests."
    )
    yield page.figure(
        "rotation",
        "AUC at each centre of models made from all others. Lines are confidence intervals, diamonds random-effects "
        "means; dotted lines are prediction intervals for a new centre.",
        "Forest plot of AUCs by held-out centre; its numbers are in the table below it.",
    )
    rows: list[list[object]] = []
    for stratum, here in table.groupby("stratum", sort=False):
        first = here.iloc[0]
        rows.append(
            [f"{stratum_title(str(stratum))}: {counted(first['n'], 'case')}, {first['n_positive']:,} {run.positive}"]
        )
        rows += [_row(str(model), own) for model, own in here.groupby("model", sort=False)]
    yield page.table(
        ["Model", *_FIGURES.values()],
        rows,
        "Each centre, by models made from all others. Sensitivity and specificity at Youden's threshold, fixed on "
        "those others out of fold; calibration of probabilities as the models tell them.",
        file="rotation.csv",
    )
    summary = run.table("rotation_summary")
    if summary is not None and summary["value"].notna().any():
        pooled = summary[summary["metric"].isin(["auc", "auc_difference"])]
        yield page.table(
            ["Model", "Centres", "Mean", "New centre", "I²", "τ²"],
            [_pooled(row) for _, row in pooled.iterrows()],
            "AUC over the centres that were held out. Random-effects mean with its confidence interval; “New centre”: "
            "the prediction interval, which takes three centres. Any two of these models share training cases.",
            file="rotation_summary.csv",
        )


def _row(model: str, own: pd.DataFrame) -> list[object]:
    by_metric = own.set_index("metric").T
    return [model, *(interval(by_metric.get(name)) for name in _FIGURES)]


def _pooled(row: pd.Series) -> list[object]:
    name = row["model"].replace(" - ", " − ")
    if row["value"] != row["value"]:
        return [name, row["centres"], interval(row), "–", "–", "–"]
    return [name, row["centres"], interval(row), _ahead(row) or "–", f"{row['i2']:.0%}", number(row["tau2"], 3)]


def _ahead(row: pd.Series) -> str:
    """The prediction interval for a new centre; "" where there is none."""
    if row["prediction_low"] != row["prediction_low"]:
        return ""
    return f"{number(row['prediction_low'])} to {number(row['prediction_high'])}"


def travels(run: Finished) -> Iterator[str]:
    """How the first model travels, in a sentence."""
    table, summary, model = run.table("rotation"), run.table("rotation_summary"), run.study.primary[0]
    if table is None:
        return
    areas = table[(table["model"] == model) & (table["metric"] == "auc") & table["value"].notna()]
    if areas.empty:
        return
    each = [f"{number(row['value'], 3)} in {in_sentence(row['stratum'])}" for _, row in areas.iterrows()]
    mean = ""
    pooled = None if summary is None else summary[(summary["model"] == model) & (summary["metric"] == "auc")]
    if pooled is not None and pooled["value"].notna().any():
        row = pooled.iloc[0]
        ahead = f"; at a new centre {found}" if (found := _ahead(row)) else ""
        mean = f" (random-effects mean {words.estimate(row)}{ahead})"
    yield (
        f"In a secondary analysis that holds out each centre once and makes {model} from all others, its AUC is "
        f"{listed(each)}{mean}."
    )


def rotated(run: Finished) -> Iterator[str]:
    """What was done, for the methods."""
    table = run.table("rotation")
    if table is None:
        return
    yield (
        f"In a secondary analysis, begun when the models above and their evaluation were written, each of "
        f"{table['stratum'].nunique()} centres was held out once and every model made from all others, with folds, "
        "thresholds and recalibration of its own; what needs no label, such as features, was shared. The labels of "
        "the held-out centre, and cases that share a patient or a picture with it, were kept from its models. The "
        "centres are summarised by a random-effects model."
    )
