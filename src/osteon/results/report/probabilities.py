"""Sections on what the probabilities are worth: calibration, decision curves, distributions."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.core.words import in_sentence, number, stratum_title
from osteon.results.report.page import Block, Page, interval


def calibration(page: Page) -> Iterator[Block | None]:
    """Whether probabilities can be taken at their word, before and after recalibration."""
    run = page.run
    yield page.figure(
        "calibration",
        f"Calibration before and after recalibration. {stratum_title(run.headline)}.",
        "Calibration curves; intercepts, slopes and Brier scores are in the table of calibration.",
    )
    heads = ["Intercept", "Slope", "Observed / expected", "Brier score", "ICI"]
    names = ("calibration_intercept", "calibration_slope", "observed_expected", "brier", "ici")
    for suffix, title in (("", "Probabilities as predicted"), ("_recalibrated", "Probabilities recalibrated")):
        rows: list[list[object]] = []
        for model in run.models:
            found = {name: run.value(model, run.headline, name + suffix) for name in names}
            rows.append([model, *(interval(row, 3 if name == "brier" else 2) for name, row in found.items())])
        yield page.table(
            ["Model", *heads],
            rows,
            f"{title}, {in_sentence(run.headline)}. Ideal: 0, 1, 1; lower is better for the Brier score and "
            "for the ICI, the mean distance of the curve from the diagonal.",
            file="metrics.csv",
        )
    table = run.table("recalibration")
    if table is not None:
        rows = [
            [r["model"], number(r["intercept"], 3), number(r["slope"], 3), f"{r['n']:,}", r["method"]]
            for _, r in table.iterrows()
        ]
        yield page.table(
            ["Model", "Intercept", "Slope", "Cases", "Method"],
            rows,
            "The recalibration itself. logit(new) = intercept + slope × logit(old), fitted on out-of-fold predictions.",
            file="recalibration.csv",
        )


def decision(page: Page) -> Iterator[Block | None]:
    """Whether acting on a model would do more good than harm."""
    yield page.figure(
        "decision",
        "Decision curves. Net benefit of acting on recalibrated probabilities above the threshold, against acting on "
        "all cases or on none.",
        "Decision curves; their numbers are in decision.csv.",
    )


def distributions(page: Page) -> Iterator[Block | None]:
    """How probabilities lie in each class."""
    yield page.figure(
        "scores",
        "Predicted probabilities by class. Positives above the line, negatives below.",
        "Histograms of predicted probabilities by class; the values are in scores.csv.",
    )
