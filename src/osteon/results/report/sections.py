"""The report's sections, one function each. A section that yields nothing is left out, heading and all.

A new section is a function from a :class:`Page` to pieces of HTML and one line in :data:`SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from osteon.core.words import bare_p, headline, in_sentence, level_title, number, p_value, stratum_title
from osteon.results.report import words
from osteon.results.report.maps import explanation
from osteon.results.report.others import of_file, tabular
from osteon.results.report.page import Page, bullets, interval, paragraph
from osteon.results.report.readers import readers


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
    draw: Callable[[Page], Iterable[Markup]]


def summary(page: Page) -> Iterator[Markup]:
    """The result in words, and each model's AUC where the claim is made."""
    run = page.run
    first, *rest = list(words.summary(run)) or ["No model could be evaluated."]
    yield paragraph(first, "lead")
    yield _tiles(page)
    if rest:
        yield paragraph(" ".join(rest))
    header = ["Model", *(["Development"] if run.headline != "development" else []), stratum_title(run.headline)]
    strata = list(dict.fromkeys(["development", run.headline]))
    rows = [[model, *(interval(run.value(model, s, "auc")) for s in strata)] for model in run.models]
    yield page.table(header, rows, f"AUC with {run.study.evaluation.level:.0%} confidence interval", file="metrics.csv")


def _tiles(page: Page) -> Markup:
    """The primary contrast at a glance."""
    run = page.run
    a, b = run.study.primary
    shown = [(name, run.value(name, run.headline, "auc"), "AUC") for name in dict.fromkeys((a, b))]
    contrast = words.primary_row(run, run.headline)
    if contrast is not None:
        shown.append(("Difference", contrast.rename({"difference": "value"}), p_value(contrast["p"])))
    tile = Markup("<div><dt>{}</dt><dd>{}</dd><dd class='what'>{}</dd></div>")
    tiles = [tile.format(name, interval(row), what) for name, row, what in shown]
    return Markup('<dl class="tiles">{}</dl>').format(Markup("").join(tiles))


def cohort(page: Page) -> Iterator[Markup]:
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
            "development, bold above 0.1.",
            file="baseline.csv",
        )
    warnings = [str(text) for text in run.flow.get("warnings", [])]
    if warnings:
        yield Markup("<h3>What the check of the data found</h3>") + bullets(warnings)


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
            kind = "large" if abs(gap) > 0.1 else ""
            below = Markup('<small class="{}">{}</small>').format(kind, number(gap, 2, sign=True))
            cells.append(Markup("{}{}").format(row["summary"], below))
    return cells


def discrimination(page: Page) -> Iterator[Markup]:
    """ROC curves, forest plot and the table of AUCs."""
    run = page.run
    yield page.figure(
        "roc",
        "ROC curves by centre. Each panel gives the AUC with its interval.",
        "ROC curves; the areas under them are in the table of AUCs.",
    )
    pooled = run.table("heterogeneity")
    diamonds = pooled is not None and bool(pooled["value"].notna().any())
    yield page.figure(
        "forest",
        "AUCs by stratum and model. Lines are confidence intervals."
        + " Diamonds are random-effects means over the external centres, dotted lines prediction intervals." * diamonds,
        "Forest plot; its numbers are in the table of AUCs.",
    )
    heads = [stratum_title(name) for name in run.strata]
    rows = [[model, *(interval(run.value(model, s, "auc")) for s in run.strata)] for model in run.models]
    yield page.table(["Model", *heads], rows, "AUC by model and stratum", file="metrics.csv")


def comparisons(page: Page) -> Iterator[Markup]:
    """The primary pair in every stratum, and all pairs in the headline one."""
    run = page.run
    table = run.table("comparisons")
    if table is None:
        return
    a, b = run.study.primary
    primary = table[table["primary"]]
    if not primary.empty:
        rows = [
            [stratum_title(row["stratum"]), *_difference(row), bare_p(row["p"])]
            for _, row in primary[primary["stratum"].isin(run.strata)].iterrows()
        ]
        yield page.table(
            ["Stratum", "Difference", "SE", "z", "p"],
            rows,
            f"The primary contrast, {a} minus {b}. Prespecified in the stratum "
            f"“{stratum_title(run.headline)}”, where p is unadjusted; descriptive elsewhere.",
            file="comparisons.csv",
        )
    yield from _contrast(page)
    yield page.figure(
        "comparisons",
        f"All pairs of models. {stratum_title(run.headline)}.",
        "Matrix of AUC differences; its numbers are in the table of comparisons.",
    )
    here = table[table["stratum"] == run.headline]
    rows = []
    for _, row in here.iterrows():
        adjusted = "primary" if row["primary"] else bare_p(row["p_holm"])
        rows.append([f"{row['model_a']} − {row['model_b']}", *_difference(row), bare_p(row["p"]), adjusted])
    yield page.table(
        ["Pair", "Difference", "SE", "z", "p", "p (Holm)"],
        rows,
        f"Differences in AUC, {in_sentence(run.headline)}",
        file="comparisons.csv",
    )


def _contrast(page: Page) -> Iterator[Markup]:
    """The primary pair beyond its AUCs, in the headline stratum."""
    table = page.run.table("contrast")
    if table is None or table.empty:
        return
    here = table[table["stratum"] == page.run.headline]
    rows = [
        [_measure(row["metric"]), interval(row.rename({"difference": "value"})), bare_p(row["p"])]
        for _, row in here.iterrows()
    ]
    a, b = page.run.study.primary
    yield page.table(
        ["Measure", "Difference", "p"],
        rows,
        f"What the AUC does not say: {a} minus {b}, {in_sentence(page.run.headline)}. Operating points were locked on "
        "development; the sensitivity at equal specificity is read from each model's own curve; net benefit is that of "
        "recalibrated probabilities when all above the development prevalence are treated. Secondary, p unadjusted.",
        file="contrast.csv",
    )


def _measure(metric: str) -> str:
    """``sensitivity (youden)`` in words."""
    name, _, rule = metric.removesuffix(")").partition(" (")
    words = f"{name}, {_rule(rule)}" if rule else metric
    return words[0].upper() + words[1:]


def _difference(row: pd.Series) -> list[object]:
    shown = interval(row.rename({"difference": "value"}))
    return [shown, number(row["se"], 3), number(row["z"], 2)]


def operating_points(page: Page) -> Iterator[Markup]:
    """What thresholds fixed on development give, model by model and, for the primary pair, centre by centre."""
    run = page.run
    table = run.table("operating_points")
    if table is None:
        return
    heads = ["Sensitivity", "Specificity", "PPV", "NPV"]
    for rule in dict.fromkeys(table["rule"]):
        of_rule = table[table["rule"] == rule]
        rows: list[list[object]] = []
        for stratum in dict.fromkeys(["development", run.headline]):
            rows.append([stratum_title(stratum)])
            here = of_rule[of_rule["stratum"] == stratum]
            rows += [[model, *_point(here[here["model"] == model])] for model in run.models]
        yield page.table(
            ["Model", "Threshold", *heads],
            rows,
            f"Operating point: {_rule(rule)}. Fixed on out-of-fold predictions, then applied outside.",
            file="operating_points.csv",
        )
    centres = [name for name in run.strata if name.startswith("centre:")]
    if len(centres) > 1:
        rows = []
        for model in dict.fromkeys(run.study.primary):
            rows.append([model])
            of_model = table[(table["model"] == model) & (table["rule"] == "youden")]
            rows += [[stratum_title(s), *_point(of_model[of_model["stratum"] == s])] for s in centres]
        yield page.table(
            ["Centre", "Threshold", *heads],
            rows,
            "Youden's operating point by centre. The two models of the primary contrast.",
            file="operating_points.csv",
        )


def _rule(rule: str) -> str:
    return "Youden's index" if rule == "youden" else level_title(rule)


def _point(rows: pd.DataFrame) -> list[object]:
    by_metric = rows.set_index("metric")
    names = ("sensitivity", "specificity", "ppv", "npv")
    cells = [interval(by_metric.T.get(name)) for name in names]
    return [number(float(rows["threshold"].iloc[0]), 3) if len(rows) else "–", *cells]


def calibration(page: Page) -> Iterator[Markup]:
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


def decision(page: Page) -> Iterator[Markup]:
    """Whether acting on a model would do more good than harm."""
    yield page.figure(
        "decision",
        "Decision curves. Net benefit of acting on recalibrated probabilities above the threshold, against acting on "
        "all cases or on none.",
        "Decision curves; their numbers are in decision.csv.",
    )


def distributions(page: Page) -> Iterator[Markup]:
    """How probabilities lie in each class."""
    yield page.figure(
        "scores",
        "Predicted probabilities by class. Positives above the line, negatives below.",
        "Histograms of predicted probabilities by class; the values are in scores.csv.",
    )


def subgroups(page: Page) -> Iterator[Markup]:
    """The primary models within subgroups."""
    run = page.run
    table = run.table("subgroups")
    if table is None:
        return
    yield page.figure(
        "subgroups",
        f"AUCs within subgroups. {stratum_title(run.headline)}; the models of the primary contrast.",
        "Forest plot of subgroups; its numbers are in the table of subgroups.",
    )
    here = table[table["stratum"] == headline(table["stratum"])]
    rows: list[list[object]] = []
    for model in dict.fromkeys(run.study.primary):
        rows.append([model])
        own = here[here["model"] == model]
        for variable, level in dict.fromkeys(zip(own["variable"], own["level"], strict=True)):
            by_metric = own[(own["variable"] == variable) & (own["level"] == level)].set_index("metric")
            size = f"{by_metric['n'].iloc[0]:,} / {by_metric['n_positive'].iloc[0]:,}"
            cells = [interval(by_metric.T.get(name)) for name in ("auc", "sensitivity", "specificity")]
            p = bare_p(by_metric["p_interaction"].iloc[0])  # of the AUC, which comes first
            rows.append([f"{variable}: {level_title(level)}", size, *cells, p])
    yield page.table(
        ["Subgroup", "Cases / positive", "AUC", "Sensitivity", "Specificity", "p (interaction)"],
        rows,
        f"Subgroups, {in_sentence(run.headline)}. Sensitivity and specificity at Youden's threshold; p: "
        "whether the AUC differs between the levels.",
        file="subgroups.csv",
    )


def heterogeneity(page: Page) -> Iterator[Markup]:
    """How much centres and training seeds differ."""
    table = page.run.table("heterogeneity")
    if table is not None:
        titles = {"auc_difference": "Difference in AUC, primary contrast", "auc": "AUC"}
        titles |= {"calibration_intercept": "Calibration intercept", "calibration_slope": "Calibration slope"}
        rows: list[list[object]] = []
        for metric, title in titles.items():
            of_metric = table[table["metric"] == metric]
            if not of_metric.empty:
                rows.append([title])
                rows += [_pooled(row) for _, row in of_metric.iterrows()]
        yield page.table(
            ["Model", "Centres", "Mean", "New centre", "I²", "τ²", "p (Q)"],
            rows,
            "Random-effects summary over the external centres. Mean with its confidence interval; the prediction "
            "interval says what a new centre may show.",
            file="heterogeneity.csv",
        )
    seeds = page.run.table("seeds")
    if seeds is not None:
        shown = seeds[seeds["stratum"].isin(page.run.strata)]
        spread = ("mean", "sd", "least", "greatest", "averaged")
        yield page.table(
            ["Model", "Stratum", "Seeds", "Mean", "SD", "Least", "Greatest", "Averaged"],
            [
                [r["model"], stratum_title(r["stratum"]), r["seeds"], *(number(r[name], 3) for name in spread)]
                for _, r in shown.iterrows()
            ],
            "AUC by training seed. “Averaged”: of the probabilities averaged over seeds, which every other table uses.",
            file="seeds.csv",
            words=2,
        )


def _pooled(row: pd.Series) -> list[object]:
    if row["value"] != row["value"]:
        return [row["model"].replace(" - ", " − "), row["centres"], interval(row), "–", "–", "–", "–"]
    ahead = f"{number(row['prediction_low'], 2)} to {number(row['prediction_high'], 2)}"
    return [
        row["model"].replace(" - ", " − "),
        row["centres"],
        interval(row),
        ahead if row["prediction_low"] == row["prediction_low"] else "–",
        f"{row['i2']:.0%}",
        number(row["tau2"], 3),
        bare_p(row["p"]),
    ]


def examples(page: Page) -> Iterator[Markup]:
    """Cases to look at."""
    run = page.run
    yield page.figure(
        "examples",
        f"Cases to look at. What {run.study.primary[0]} was surest of, rightly and wrongly (up to three of each "
        "class), and its closest calls; a patient appears once in a row. Dark frames are positive.",
        "Crops of example cases with predicted probability and diagnosis; they are listed in examples.csv.",
    )


SECTIONS = (
    Section("summary", "Summary", summary),
    Section("cohort", "Cases and centres", cohort),
    Section("discrimination", "Discrimination", discrimination),
    Section("comparisons", "Comparisons", comparisons),
    Section("operating-points", "Operating points", operating_points),
    Section("calibration", "Calibration", calibration),
    Section("decision", "Decision curves", decision),
    Section("distributions", "Distribution of probabilities", distributions),
    Section("subgroups", "Subgroups", subgroups),
    Section("heterogeneity", "Differences between centres and seeds", heterogeneity),
    Section("examples", "Example cases", examples),
    Section("tabular", "What the tabular models go by", tabular),
    Section("robustness", "Robustness", of_file("robustness", "Results under perturbed boxes and pictures.")),
    Section("explanation", "Where the networks look", explanation),
    Section("readers", "Readers", readers),
)
