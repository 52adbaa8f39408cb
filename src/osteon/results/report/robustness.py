"""The report's section on changed boxes and pictures: how far probabilities, calls and AUCs move."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import bare_p, change_title, grade_title, headline, in_sentence, stratum_title
from osteon.results.evaluate.robustness import ALL_BOXES, DRAWN
from osteon.results.report.answers import boxes
from osteon.results.report.page import Block, Page, interval, paragraph

#: What is told of each change.
MEASURES = {"auc": "AUC", "auc_loss": "AUC lost", "sd": "SD of a case", "flip_rate": "Calls flipped"}


def robustness(page: Page) -> Iterator[Block | None]:
    """Curves, one table a model, pairs of models, and the cases that moved most."""
    table = page.run.table("robustness")
    if table is None:
        return
    stratum = headline(table["stratum"])
    where = stratum_title(stratum)
    found = boxes(page.run)
    if found is not None:
        yield paragraph(" ".join(found.told), "lead")
    yield page.figure(
        "robustness",
        f"Models under changed boxes. {where}. AUC, spread of a case's probability and share of calls that change "
        "sides, against the strength of the change; 0 is the box as drawn.",
        "Results under changed boxes; the numbers are in the table of changes.",
    )
    yield page.figure(
        "robustness_centres",
        "Changed boxes by centre. The strongest kind of change.",
        "Results by centre; the numbers are in robustness.csv.",
    )
    yield page.figure(
        "robustness_pictures",
        f"Models under changed pictures. {where}. The box is as drawn.",
        "Results under changed pictures; the numbers are in the table of changes.",
    )
    yield _changes(page, table[table["stratum"] == stratum], stratum)
    yield page.figure(
        "robustness_comparisons",
        "Pairs of models over all changes of the box. A difference below 0 means that the first is steadier.",
        "Differences in steadiness; the numbers are in the table of pairs.",
    )
    yield from _pairs(page, stratum)
    yield page.figure(
        "robustness_cases",
        "The cases that a changed box moved most. Probability with the box as drawn, and the least and the greatest "
        "with the changed ones.",
        "Radiographs with the drawn and the changed boxes; they are listed in robustness_examples.csv.",
    )


def _changes(page: Page, here: pd.DataFrame, stratum: str) -> Block | None:
    """Every kind of change of the first two models at its strongest, and the mean over box changes of the others."""
    rows: list[list[object]] = []
    for model in dict.fromkeys(here["model"]):
        rows.append([model])
        own = here[here["model"] == model]
        kinds = sorted(dict.fromkeys(own["kind"]), key=lambda name: (name != DRAWN, name != ALL_BOXES))
        for kind in kinds if model in page.run.study.primary else kinds[:2]:
            grade = _strongest(own[own["kind"] == kind])
            found = own[(own["kind"] == kind) & (own["grade"] == grade)].set_index("metric").T
            rows.append([change(str(kind), grade), *(interval(found.get(name)) for name in MEASURES)])
    return page.table(
        ["Change", *MEASURES.values()],
        rows,
        f"Models under the strongest change of each kind, {in_sentence(stratum)}. The AUC is the mean over draws, and "
        "lost is what it falls short of the undisturbed one; SD and flipped calls are means over cases, at Youden's "
        "threshold. Every model, strength and centre is in the file.",
        file="robustness.csv",
    )


def _strongest(rows: pd.DataFrame) -> float:
    """The grade of a kind of change that changes most; of JPEG the lowest quality."""
    grades = rows["grade"]
    return float(grades.min() if (rows["kind"] == "jpeg").any() else grades.max())


def change(kind: str, grade: float) -> str:
    """A change with its strength, as a row's head."""
    if kind == DRAWN:
        return "As drawn"
    if kind == ALL_BOXES:
        return "All box changes"
    strength = grade_title(kind, grade)
    return f"{change_title(kind)}, {strength}" if strength else change_title(kind)


def _pairs(page: Page, stratum: str) -> Iterator[Block | None]:
    table = page.run.table("robustness_comparisons")
    if table is None:
        return
    rows: list[list[object]] = []
    for metric, of_metric in table[table["stratum"] == stratum].groupby("metric", sort=False):
        rows.append([{**MEASURES, "range": "Range of a case"}.get(str(metric), metric)])
        for _, row in of_metric.iterrows():
            shown = interval(row.rename({"difference": "value"}))
            adjusted = "unadjusted" if row["primary"] else bare_p(row["p_holm"])
            rows.append([f"{row['model_a']} − {row['model_b']}", shown, bare_p(row["p"]), adjusted])
    if rows:
        yield page.table(
            ["Pair", "Difference", "p", "p (Holm)"],
            rows,
            f"Pairs of models over all changes of the box, {in_sentence(stratum)}. Wilcoxon's signed-rank test over "
            "patients.",
            file="robustness_comparisons.csv",
        )
