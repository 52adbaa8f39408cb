"""The report's sections, one function each. A section that yields nothing is left out, heading and all.

A new section is a function from a :class:`Page` to pieces of HTML and one line in :data:`SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from osteon.core.words import NOTEWORTHY, noteworthy, number, stratum_title
from osteon.results.report.accuracy import (
    by_style,
    comparisons,
    discrimination,
    heterogeneity,
    operating_points,
    subgroups,
)
from osteon.results.report.answers import summary
from osteon.results.report.instability import instability
from osteon.results.report.maps import explanation
from osteon.results.report.page import Block, Heading, Page, bullets, interval
from osteon.results.report.plan import plan
from osteon.results.report.probabilities import calibration, decision, distributions
from osteon.results.report.readers import readers
from osteon.results.report.robustness import robustness
from osteon.results.report.rotation import rotation
from osteon.results.report.tabular import tabular
from osteon.results.report.unsure import unsure


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        name: Its anchor.
        title: Its heading.
        draw: Yields its pieces.
    """

    name: str
    title: str
    draw: Callable[[Page], Iterable[Block | None]]


def cohort(page: Page) -> Iterator[Block | None]:
    """Flow and baseline table."""
    run = page.run
    yield page.figure(
        "flow",
        "Flow of cases. From the cohort table to development and the sealed external centres.",
        "Flow diagram; its numbers are in the baseline table and in flow.json.",
    )
    table = run.table("baseline")
    if table is not None:
        groups = list(dict.fromkeys(table["group"]))
        heads = [stratum_title(name).removesuffix(", out of fold") for name in groups]
        keys = dict.fromkeys(zip(table["variable"], table["level"], strict=True))
        rows = [_baseline_row(table, key, groups) for key in keys]
        yield page.table(
            ["", *heads],
            rows,
            "Baseline by group. Number (share) or median (quartiles); below, the standardised difference from "
            f"development, bold beyond {NOTEWORTHY:g}.",
            file="baseline.csv",
        )
    yield _annotators(page)
    warnings = [str(text) for text in run.flow.get("warnings", [])]
    if warnings:
        yield Heading("What the check of the data found")
        yield bullets(warnings)


def _annotators(page: Page) -> Block | None:
    """Who drew the boxes, and how reliable they are."""
    table = page.run.table("annotator_agreement")
    if table is None or table.empty:
        return None
    rows: list[list[object]] = []
    for (a, b), own in table.groupby(["annotator_a", "annotator_b"], sort=False):
        rows.append([f"{a} and {b}"])
        for _, row in own.iterrows():
            rows.append([row["measure"], interval(row, 2), int(row["n"]), row["method"]])
    return page.table(
        ["Measure", "Value", "n", "Method"],
        rows,
        "Who drew the boxes, and how reliable they are. Each pair of annotators drew independently of each other; n "
        "counts cases for what is said of a case, and lesions that both outlined for all else. Sides of boxes agree "
        "the better the more pictures differ in size; overlap, width, height and area say more.",
        file="annotator_agreement.csv",
    )


def _baseline_row(table: pd.DataFrame, key: tuple[str, str], groups: list[str]) -> list[object]:
    variable, level = key
    own = table[(table["variable"] == variable) & (table["level"] == level)]
    rows = {row["group"]: row for _, row in own.iterrows()}
    cells: list[object] = [Markup('<span class="indent">{}</span>').format(level) if level else variable]
    for group in groups:
        if group not in rows:
            cells.append("")
            continue
        row, gap = rows[group], float(rows[group]["smd"])
        if gap != gap:
            cells.append(row["summary"])
        else:
            kind = "large" if noteworthy(gap) else ""
            below = Markup('<small class="{}">{}</small>').format(kind, number(gap, 2, sign=True))
            cells.append(Markup("{}{}").format(row["summary"], below))
    return cells


def examples(page: Page) -> Iterator[Block | None]:
    """Cases to look at."""
    run = page.run
    yield page.figure(
        "examples",
        f"Cases to look at. What {run.study.primary[0]} was surest of, rightly and wrongly (up to three of each "
        "class), and its closest calls; a patient appears once in a row. Dark frames are positive.",
        "Crops of example cases with predicted probability and diagnosis; they are listed in examples.csv.",
    )


SECTIONS = (
    Section("summary", "What was asked, and what was found", summary),
    Section("plan", "The locked plan", plan),
    Section("cohort", "Cases and centres", cohort),
    Section("discrimination", "Discrimination", discrimination),
    Section("styles", "On pictures of another style", by_style),
    Section("comparisons", "Comparisons", comparisons),
    Section("operating-points", "Operating points", operating_points),
    Section("calibration", "Calibration", calibration),
    Section("decision", "Decision curves", decision),
    Section("unsure", "Cases left open", unsure),
    Section("distributions", "Distribution of probabilities", distributions),
    Section("subgroups", "Subgroups", subgroups),
    Section("heterogeneity", "Differences between centres and seeds", heterogeneity),
    Section("rotation", "Each centre held out in turn", rotation),
    Section("instability", "Had other patients been in development", instability),
    Section("examples", "Example cases", examples),
    Section("tabular", "What the tabular models go by", tabular),
    Section("robustness", "Robustness", robustness),
    Section("explanation", "Where the networks look", explanation),
    Section("readers", "Readers", readers),
)
