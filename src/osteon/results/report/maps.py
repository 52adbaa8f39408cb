"""The report's section on maps: where networks look, and whether that can be believed."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import bare_p, counted, listed, number, stratum_title
from osteon.results.evaluate.explanation import CENTRE, ONE_FOLD
from osteon.results.figures.explanation import measures
from osteon.results.report.page import Block, Page, interval, paragraph
from osteon.results.report.words import METHODS_OF_MAPS, estimate

#: Which cases a map's scores are of.
OUTCOMES = {
    "all": "all cases",
    "correct": "called rightly",
    "wrong": "called wrongly",
    "correct - wrong": "difference",
}


def explanation(page: Page) -> Iterator[Block | None]:
    """Scores, checks, stability and galleries."""
    run = page.run
    table, sanity = run.table("explanation"), run.table("explanation_sanity")
    if table is None:
        return
    first = str(table["map"].iloc[0])
    here = table[(table["map"] == first) & (table["stratum"] == "external")]
    yield paragraph(in_words(here, sanity), "lead")
    without = [m.name for m in run.study.models if m.maps and m.name not in set(table["model"])]
    if without:
        yield paragraph(f"No maps of {listed(without)}: no convolutional network.")
    title = METHODS_OF_MAPS.get(first, first)
    yield page.figure(
        "explanation",
        f"{title} against the lesion. External cases, called rightly and wrongly at the fixed threshold. Every "
        "crop is centred on the box, so that a bright spot in its centre, which has seen nothing, scores well.",
        "Scores of the maps; the numbers are in the table that follows.",
    )
    for method in dict.fromkeys(table["map"]):
        yield _scores(page, table[(table["map"] == method) & (table["stratum"] == "external")], str(method))
    yield from _pairs(page, first)
    yield from _by_centre(page, table[table["map"] == first])
    if sanity is not None and set(sanity["check"]) != {CENTRE}:
        yield page.figure(
            "explanation_sanity",
            "Maps of networks that have forgotten. From left to right the head, then one stage after another, then all "
            "weights are replaced by random ones; at the right the head was fitted on permuted labels. Maps that stay "
            "as they were do not show what was learned.",
            "Sanity checks; the numbers are in explanation_sanity.csv.",
        )
        yield _checks(page, sanity[sanity["map"] == first])
    yield from _stability(page, first)
    for group, text in (
        ("correct", "Confident and right"),
        ("wrong", "Confident and wrong"),
        ("changed", "Maps that changed most with the box"),
    ):
        yield page.figure(
            f"gallery_{group}",
            f"{text}. {title}. Dashed: outline of the lesion, or its box; lines: half and four fifths of the map's "
            f"peak; cross: the peak; dark: not shown to the network. Probabilities of {page.run.study.primary[0]}.",
            "Radiographs with lesion outline and map; the cases are listed in gallery.csv.",
        )


def in_words(here: pd.DataFrame, sanity: pd.DataFrame | None) -> str:
    """The first model's energy, and what knowing nothing would give."""
    energy = measures(here)[0][0]
    rows = here[(here["metric"] == energy) & (here["outcome"] == "all")]
    known = rows.set_index("model")
    region = "mask" if "mask" in energy else "box"
    parts = [f"{estimate(known.loc[name])} for {name}" for name in known.index]
    text = (
        f"In {counted(int(rows['n'].max()), 'external case')} the maps' energy inside the {region} was, as a multiple "
        f"of what a uniform map has there, {'; '.join(parts)}"
    )
    spot = None if sanity is None else sanity[(sanity["check"] == CENTRE) & (sanity["metric"] == energy)]
    if spot is None or spot.empty:
        return text + "."
    told = number(float(spot["value"].iloc[0]))
    return f"{text}; a bright spot in the centre of every crop, which has seen nothing, has {told}."


def _scores(page: Page, here: pd.DataFrame, method: str) -> Block | None:
    shown = measures(here)
    rows: list[list[object]] = []
    for model in dict.fromkeys(here["model"]):
        rows.append([model])
        for outcome, words in OUTCOMES.items():
            own = here[(here["model"] == model) & (here["outcome"] == outcome)].set_index("metric")
            if not own.empty:
                rows.append([words, int(own["n"].max()), *(interval(own.T.get(name), 2) for name, _, _ in shown)])
    return page.table(
        ["", "Cases", *(title for _, title, _ in shown)],
        rows,
        f"{METHODS_OF_MAPS.get(method, method)}: scores of the maps. External cases; distance 0 means that the peak "
        "lies on the lesion.",
        file="explanation.csv",
    )


def _pairs(page: Page, method: str) -> Iterator[Block | None]:
    """Every pair of networks, primary first."""
    table = page.run.table("explanation_comparisons")
    if table is None:
        return
    here = table[(table["map"] == method) & (table["stratum"] == "external")]
    rows: list[list[object]] = []
    for name, title, _ in measures(here):
        rows.append([title])
        for _, row in here[here["metric"] == name].iterrows():
            adjusted = "unadjusted" if row["primary"] else bare_p(row["p_holm"])
            shown = interval(row.rename({"difference": "value"}), 2)
            rows.append([f"{row['model_a']} − {row['model_b']}", shown, bare_p(row["p"]), adjusted])
    yield page.table(
        ["Pair", "Difference", "p", "p (Holm)"],
        rows,
        "Pairs of networks by their maps. External cases; Wilcoxon's signed-rank test over patients.",
        file="explanation_comparisons.csv",
    )


def _by_centre(page: Page, table: pd.DataFrame) -> Iterator[Block | None]:
    """Each centre, where there are several."""
    centres = [name for name in page.run.strata if name.startswith("centre:") and name in set(table["stratum"])]
    if len(centres) < 2:
        return
    shown = measures(table)
    rows: list[list[object]] = []
    for model in dict.fromkeys(table["model"]):
        rows.append([model])
        for centre in centres:
            own = table[(table["model"] == model) & (table["stratum"] == centre) & (table["outcome"] == "all")]
            by_metric = own.set_index("metric").T
            rows.append([stratum_title(centre), *(interval(by_metric.get(name), 2) for name, _, _ in shown)])
    yield page.table(
        ["", *(title for _, title, _ in shown)], rows, "Scores of the maps by centre.", file="explanation.csv"
    )


def _checks(page: Page, sanity: pd.DataFrame) -> Block | None:
    energy, title, _ = measures(sanity)[0]
    rows: list[list[object]] = []
    for model in dict.fromkeys(sanity["model"]):
        rows.append([model])
        own = sanity[sanity["model"] == model]
        for check in dict.fromkeys(own["check"]):
            by_metric = own[own["check"] == check].set_index("metric")
            energetic = by_metric.loc[energy]
            gap = energetic.drop(["value", "low", "high"]).rename(
                {"difference": "value", "difference_low": "low", "difference_high": "high"}
            )
            known, name = check not in (CENTRE, ONE_FOLD), "real map, one fold" if check == ONE_FOLD else check
            like = interval(by_metric.T.get("correlation"), 2) if known else "–"
            less = interval(gap, 2) if check != ONE_FOLD else "–"
            rows.append([name, like, interval(energetic, 2), less, bare_p(energetic["p"])])
    return page.table(
        ["", "Correlation with the real map", title, "Real map less this", "p"],
        rows,
        "Checks that a map has to fail. Networks without what they learned, and a spot in the centre of the crop; "
        "the real map is that of the same fold's network, for the spot that of the ensemble.",
        file="explanation_sanity.csv",
    )


def _stability(page: Page, method: str) -> Iterator[Block | None]:
    table = page.run.table("explanation_stability")
    if table is None:
        return
    here = table[(table["map"] == method) & (table["stratum"] == "external")]
    models = list(dict.fromkeys(here["model"]))
    rows: list[list[object]] = []
    for kind in dict.fromkeys(here["kind"]):
        rows.append([kind])
        for grade in dict.fromkeys(here.loc[here["kind"] == kind, "grade"]):
            own = here[(here["kind"] == kind) & (here["grade"] == grade)].set_index("model").T
            rows.append([f"{grade:g}", *(interval(own.get(model), 2) for model in models)])
    yield page.table(
        ["Change of the box", *models],
        rows,
        "Stability of the maps. Rank correlation, on the radiograph, of the map of the drawn box with that of the "
        "changed box, where both crops overlap.",
        file="explanation_stability.csv",
    )
