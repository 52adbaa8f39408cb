"""The reader study in the report, and as a page of its own where there is no run."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from osteon.core.tables import written
from osteon.core.version import __version__
from osteon.core.words import number, p_value
from osteon.readers.words import ANALYSES, arm_title, arms_of, limits_of, over_what, sentences
from osteon.results.report.folder import Finished
from osteon.results.report.page import Block, Estimated, Page, bullets, interval, paragraph

_METRICS = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "lroc": "LROC area",
    "localised": "Lesions found",
    "median_seconds": "Seconds",
}
_RANDOM = {
    "readers and cases": "these readers and cases stand for others",
    "cases": "these readers, other cases",
    "readers": "other readers, these cases",
}


def readers(page: Page) -> Iterator[Block | None]:
    """What the model changed for those who read."""
    metrics, comparisons = page.run.table("reader_metrics"), page.run.table("reader_comparisons")
    if metrics is None:
        return
    facts = page.run.reader_study
    if facts.get("simulated"):
        yield paragraph("Simulated readers: these readings were drawn by a program, not given by people.", "lead")
    if comparisons is not None:
        first, *rest = sentences(
            metrics,
            comparisons,
            page.run.table("reliance"),
            page.run.table("reader_advice"),
            page.run.table("reader_unhurried"),
            facts.get("level", 0.95),
        )
        yield paragraph(first, "lead")
        yield bullets(rest)
    if (metrics["metric"] == "lroc").any() and facts.get("localisation"):
        yield paragraph(
            f"A lesion counts as found where {facts['localisation']}; a positive case without a drawn box counts as "
            "missed, and of a negative case the confidence alone. The area under the LROC curve is the chance that a "
            "positive case is rated above a negative one and its lesion found."
        )
    yield page.figure(
        "reader_roc",
        "Readers and model. ROC curves of every reader, their mean by arm, and how the operating point of each moves.",
        "ROC curves and operating points; the areas and points are in the tables of readers.",
    )
    yield _by_reader(page, metrics)
    yield _alone(page)
    if comparisons is not None:
        yield page.figure(
            "reader_gain",
            "Change by reader. Losses are shown as gains are; above each panel stands which analysis the mean is of.",
            "Forest plot of each reader's changes; the numbers are in reader_comparisons.csv.",
        )
        yield _compared(page, comparisons, "reader_comparisons.csv", "Arms compared over all readers.")
        yield from _hurried(page)
    yield page.figure(
        "reader_benefit",
        "Gain against experience and receptiveness. One line a reader.",
        "Each reader's AUC without and with advice; the numbers are in reader_benefit.csv.",
    )
    yield page.figure(
        "reliance",
        "Reliance on advice. What readers made of right and of wrong advice.",
        "Shares of readings in which advice was followed; the numbers are in the table of reliance.",
    )
    yield _relied(page)
    yield page.figure(
        "reader_confidence",
        "Confidence at its word. How often cases read with some confidence were positive.",
        "Calibration of the readers' confidence; the numbers are in reader_confidence.csv.",
    )
    yield _agreed(page)


def _by_reader(page: Page, metrics: pd.DataFrame) -> Block | None:
    known = [name for name in _METRICS if (metrics["metric"] == name).any()]
    rows: list[list[object]] = []
    for arm in [*arms_of(metrics), "alone"]:
        here = metrics[metrics["arm"] == arm]
        if here.empty:
            continue
        rows.append([arm_title(arm)[0].upper() + arm_title(arm)[1:]])
        for reader, own in here.groupby("reader", sort=False):
            of_metric = {str(row["metric"]): row for _, row in own.iterrows()}
            if "seconds" in of_metric:  # over all readers the geometric mean stands in for the median
                of_metric.setdefault("median_seconds", of_metric["seconds"])
            cells = [interval(of_metric.get(name), 1 if name == "median_seconds" else 3) for name in known]
            rows.append([_who(str(reader), own), *cells])
    return page.table(
        ["Reader", *(_METRICS[name] for name in known)],
        rows,
        "Readers by arm. Of one reader: over the sampling of cases, seconds as median and quartiles; of all readers: "
        "means, with what is random in their intervals, seconds as geometric mean.",
        file="reader_metrics.csv",
    )


def _who(reader: str, own: pd.DataFrame) -> str:
    """A reader, or all of them with what is random in their intervals."""
    if reader != "all":
        return reader
    said = dict.fromkeys(ANALYSES.get(str(random), str(random)) for random in own["random"])
    return f"all readers ({' or '.join(said)})"


def _alone(page: Page) -> Block | None:
    """The model without readers beside readers without, and with, the model; the analysis that could be made."""
    table = page.run.table("reader_standalone")
    if table is None:
        return None
    rows: list[list[object]] = []
    for (arm, metric), found in table.groupby(["arm", "metric"], sort=False):
        known = found[found["difference"].notna()]
        row = (known if len(known) else found).iloc[0]
        values = [number(row[name], 3) if row[name] == row[name] else "–" for name in ("model", "readers")]
        limits = interval(row.rename({"difference": "value"}))
        p = p_value(row["p"]) if row["p"] == row["p"] else "–"
        title = f"{_METRICS.get(str(metric), 'Accuracy')}, {arm_title(str(arm))}"
        rows.append([title, *values, limits, p, row["random"] if len(known) else row["method"]])
    return page.table(
        ["", "Model", "Readers", "Model − readers", "p", "Random"],
        rows,
        "The model alone against the mean of the readers, on the cases that both have answered. Obuchowski-Rockette of "
        "the readers' differences from the model (Hillis 2007); p values are not adjusted.",
        file="reader_standalone.csv",
    )


def _compared(page: Page, comparisons: pd.DataFrame, file: str, title: str) -> Block | None:
    rows: list[list[object]] = []
    titles = {**_METRICS, "accuracy": "Accuracy", "seconds": "Seconds (ratio)"}
    everyone = comparisons[comparisons["reader"] == "all"]
    pairs = list(dict.fromkeys(zip(everyone["arm_a"], everyone["arm_b"], strict=True)))
    for random, meaning in _RANDOM.items():
        for a, b in pairs:
            here = everyone[(everyone["random"] == random) & (everyone["arm_a"] == a) & (everyone["arm_b"] == b)]
            if here.empty:
                continue
            of_pair = f"{arm_title(a)} − {arm_title(b)}; " if len(pairs) > 1 else ""
            rows.append([f"{of_pair}random: {random} ({meaning})".capitalize()])
            for _, row in here.iterrows():
                primary = " (primary)" if row.get("primary") else ""
                found = [row["p"], *([row["p_holm"]] if len(pairs) > 1 else [])]
                p = [p_value(value) if value == value else "–" for value in found]
                rows.append([f"{titles.get(row['metric'], row['metric'])}{primary}", _limits(row), *p])
    if not pairs:
        return None
    what = f"{arm_title(pairs[0][0])} − {arm_title(pairs[0][1])}" if len(pairs) == 1 else "Difference"
    holm = " Holm: adjusted for the number of pairs of arms." if len(pairs) > 1 else ""
    return page.table(
        ["", what, "p", *(["p (Holm)"] if len(pairs) > 1 else [])],
        rows,
        f"{title} Obuchowski-Rockette with Hillis' degrees of freedom.{holm}",
        file=file,
    )


def _limits(row: pd.Series) -> Estimated:
    """A difference with its interval; one that is all that is possible says so."""
    if "all that is possible" in limits_of(row, ""):
        return Estimated(number(row["difference"], 3), "no usable interval")
    return interval(row.rename({"difference": "value"}))


def _hurried(page: Page) -> Iterator[Block | None]:
    """How long readers had the advice, and what the comparisons are without their quickest answers."""
    table = page.run.table("reader_advice")
    if table is None:
        return
    rows = [
        [
            f"{'all readers' if row['reader'] == 'all' else row['reader']}, {arm_title(row['arm'])}",
            row["answers"],
            interval(row.rename({"median": "value"}), 1),
            row["quick"],
            row["unseen"],
        ]
        for _, row in table.iterrows()
    ]
    yield page.table(
        ["", "Answers", "Seconds after the advice", "Within a second", "Advice not seen"],
        rows,
        "From the advice to the answer. Median and quartiles of the time between the advice appearing and the answer; "
        "answers within a second; answers in this arm to which no advice was on the screen.",
        file="reader_advice.csv",
    )
    unhurried = page.run.table("reader_unhurried")
    if unhurried is None:
        return
    title = "Without quick answers. A reader's case that was answered within a second of the advice is left out in all "
    yield _compared(page, unhurried, "reader_unhurried.csv", f"{title}arms.")


def _relied(page: Page) -> Block | None:
    table = page.run.table("reliance")
    if table is None:
        return None
    everyone = table[table["reader"] == "all"]
    level = page.run.reader_study.get("level", 0.95)
    rows = [[row["measure"], row["events"], row["n"], interval(row, 2)] for _, row in everyone.iterrows()]
    return page.table(
        ["", "Readings", "Of", "Share or change"],
        rows,
        f"Reliance over all readers. {100 * level:g}% intervals, {over_what(table)}.",
        file="reliance.csv",
    )


def _agreed(page: Page) -> Block | None:
    table = page.run.table("reader_agreement")
    if table is None:
        return None
    arms = arms_of(table.assign(reader=""))
    rows = []
    for measure in dict.fromkeys(table["measure"]):
        found = {row["arm"]: row for _, row in table[table["measure"] == measure].iterrows()}
        rows.append([measure, *(interval(found.get(arm), 2) for arm in arms)])
    return page.table(["", *map(arm_title, arms)], rows, "Agreement between readers.", file="reader_agreement.csv")


def write(folder: Path, title: str) -> Path:
    """Write ``readers.html``: the section as a page of its own.

    Args:
        folder: Where the tables and figures of the analysis lie.
        title: What the page is called.

    Returns:
        Its path.
    """
    page = Page(Finished(folder))
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    body = Markup("\n").join(piece for piece in readers(page) if piece)
    html = (
        jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        .from_string(_PAGE)
        .render(title=title, style=Markup(style), body=body, version=__version__)
    )
    path = folder / "readers.html"
    with written(path) as beside:
        beside.write_text(html, encoding="utf-8")
    return path


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="osteon {{ version }}">
<title>{{ title }}</title>
<style>
{{ style }}
</style>
</head>
<body>
<div class="layout">
<nav aria-label="Contents"></nav>
<main>
<header>
<p class="kind">Reader study</p>
<h1>{{ title }}</h1>
<p class="disclaimer">Research use only; not a medical device.</p>
</header>
<section id="readers">
{{ body }}
</section>
<footer>Made by osteon {{ version }}. Research use only; not a medical device.</footer>
</main>
</div>
</body>
</html>
"""
