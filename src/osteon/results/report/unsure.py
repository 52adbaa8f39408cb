"""The section on cases that a model may leave open."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.core.words import number, stratum_title
from osteon.results.report.page import Block, Page, interval

_METRICS = {
    "coverage_negative": "Held, negative",
    "coverage_positive": "Held, positive",
    "unsure": "Unsure",
    "unlike_either": "Unlike either",
    "accuracy_of_one": "Right where one class is left",
}


def unsure(page: Page) -> Iterator[Block | None]:
    """What prediction sets hold in each centre, and performance against the share that is answered."""
    run = page.run
    table = run.table("unsure")
    if table is None:
        return
    error = float(table["error"].iloc[0])
    yield page.figure(
        "selective",
        "Accuracy on the cases that a model is surest of, against the share of cases answered. At the threshold of "
        "Youden's index, which was fixed on development.",
        "Curves of accuracy against the share answered; their numbers are in selective.csv.",
    )
    rows: list[list[object]] = []
    for model in run.models:
        own = table[table["model"] == model]
        for stratum in dict.fromkeys(own["stratum"]):
            here = own[own["stratum"] == stratum].set_index("metric")
            rows.append([model, stratum_title(stratum), *(interval(here.loc[name]) for name in _METRICS)])
    yield page.table(
        ["Model", "", *_METRICS.values()],
        rows,
        f"Prediction sets at an error of {number(100 * error, 0)}% in each class. A set holds every class that the "
        "case is not too strange for, by thresholds fixed on out-of-fold development predictions (class-conditional "
        "split-conformal prediction, Vovk 2012). Cases like those of development have their class in the set "
        f"{number(100 * (1 - error), 0)}% of the time; another centre's cases are not promised that, and what was "
        "found there stands here, with exact intervals. Held: the share of the class's cases whose set holds it; "
        "unsure: both classes; unlike either: none.",
        file="unsure.csv",
    )
