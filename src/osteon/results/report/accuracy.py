"""Sections on how well the classes are told apart: areas, pairs of models, operating points, subgroups, centres."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan

import pandas as pd

from osteon.core.words import bare_p, headline, in_sentence, level_title, listed, number, stratum_title
from osteon.results.report import words
from osteon.results.report.folder import Finished
from osteon.results.report.margin import by_stratum
from osteon.results.report.page import Block, Page, interval, paragraph


def discrimination(page: Page) -> Iterator[Block | None]:
    """ROC curves, forest plot and the table of AUCs."""
    run = page.run
    yield page.figure(
        "roc",
        "ROC curves by centre. Each panel gives the AUC with its interval.",
        "ROC curves; the areas under them are in the table of AUCs.",
    )
    pooled = run.table("heterogeneity")
    diamonds = pooled is not None and bool(pooled.loc[pooled["metric"] == "auc", "value"].notna().any())
    ahead = pooled is not None and bool(pooled.loc[pooled["metric"] == "auc", "prediction_low"].notna().any())
    yield page.figure(
        "forest",
        "AUCs by stratum and model. Lines are confidence intervals."
        + " Diamonds are random-effects means over the external centres." * diamonds
        + " Dotted lines are prediction intervals for a new centre." * ahead,
        "Forest plot; its numbers are in the table of AUCs.",
    )
    heads = [stratum_title(name) for name in run.strata]
    rows = [[model, *(interval(run.value(model, s, "auc")) for s in run.strata)] for model in run.models]
    yield page.table(["Model", *heads], rows, "AUC by model and stratum", file="metrics.csv")
    rows = [[model, *(interval(run.value(model, s, "average_precision")) for s in run.strata)] for model in run.models]
    rows.append(["Share of positives", *(number(_prevalence(run, s), 3) for s in run.strata)])
    yield page.table(
        ["Model", *heads],
        rows,
        "Average precision (area under the precision-recall curve). A score without skill has the share of positives.",
        file="metrics.csv",
    )


def by_style(page: Page) -> Iterator[Block | None]:
    """What every model's AUC is worth on pictures unlike those that it was made from."""
    run = page.run
    found, styles = run.table("style_folds"), run.table("styles")
    if found is None or styles is None:
        return
    sizes = styles["style"].value_counts().sort_index()
    yield paragraph(
        f"The {len(styles):,} development cases fall into {len(sizes)} clusters of acquisition style, found without "
        "any label in the grey levels at the borders, the noise, the sharpness and the size of their pictures "
        f"({listed(sizes)} cases). Every model was fitted without each style in turn and judged on it. What it loses "
        "against ordinary folds is a warning: so far it goes by habits of its pictures that another centre need not "
        "share."
    )
    wide = {(row["model"], row["figure"]): row for _, row in found.iterrows()}
    names = ("folds", "within", "style", "difference")
    rows = [[model, *(interval(wide[model, name]) for name in names)] for model in found["model"].unique()]
    yield page.table(
        ["Model", "Ordinary folds", "the same, within styles", "Style folds", "Difference"],
        rows,
        "AUC of development cases by models that have not seen their fold, or their style. Within styles and over "
        "style folds a positive is compared with negatives of its own style, since prevalence differs between styles "
        "and a model cannot know that of one it has not seen. Difference: style folds - ordinary folds within styles.",
        file="style_folds.csv",
    )


def _prevalence(run: Finished, stratum: str) -> float:
    found = run.value(run.models[0], stratum, "average_precision")
    return float(found["n_positive"] / found["n"]) if found is not None and found["n"] else nan


def comparisons(page: Page) -> Iterator[Block | None]:
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
            f"{_contrast_title(run)}, {a} minus {b}. "
            + (
                f"Prespecified in the stratum “{stratum_title(run.headline)}”, where p is unadjusted; descriptive "
                "elsewhere."
                if run.prespecified
                else "The study file names no primary contrast: nobody prespecified this one, and p is unadjusted."
            ),
            file="comparisons.csv",
        )
    yield from by_stratum(page)
    yield from _contrast(page)
    yield page.figure(
        "comparisons",
        f"All pairs of models. {stratum_title(run.headline)}.",
        "Matrix of AUC differences; its numbers are in the table of comparisons.",
    )
    here = table[table["stratum"] == run.headline]
    rows = []
    for _, row in here.iterrows():
        adjusted = "unadjusted" if row["primary"] else bare_p(row["p_holm"])
        rows.append([f"{row['model_a']} − {row['model_b']}", *_difference(row), bare_p(row["p"]), adjusted])
    yield page.table(
        ["Pair", "Difference", "SE", "z", "p", "p (Holm)"],
        rows,
        f"Differences in AUC, {in_sentence(run.headline)}",
        file="comparisons.csv",
    )


def _contrast_title(run: Finished) -> str:
    return "The primary contrast" if run.prespecified else "The first two models"


def _contrast(page: Page) -> Iterator[Block | None]:
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
    words = f"{name}, {rule_title(rule)}" if rule else metric
    return words[0].upper() + words[1:]


def _difference(row: pd.Series) -> list[object]:
    shown = interval(row.rename({"difference": "value"}))
    return [shown, number(row["se"], 3), number(row["z"], 2)]


def operating_points(page: Page) -> Iterator[Block | None]:
    """What thresholds fixed on development give: every model in every stratum, as shares and as counts."""
    run = page.run
    table = run.table("operating_points")
    if table is None:
        return
    for rule in dict.fromkeys(table["rule"]):
        of_rule = table[table["rule"] == rule]
        yield page.table(
            ["Model", "Cut-off", *SHARES.values()],
            _by_stratum(run, of_rule, list(SHARES)),
            f"Operating point: {rule_title(rule)}. Fixed on out-of-fold predictions, then applied outside.",
            file="operating_points.csv",
        )
        yield page.table(
            ["Model", "Cut-off", *RATIOS.values()],
            _by_stratum(run, of_rule, list(RATIOS)),
            f"How far a call moves the odds: {rule_title(rule)}.",
            file="operating_points.csv",
        )
    for rule in dict.fromkeys(table.loc[table["metric"].isin(COUNTS), "rule"]):
        yield page.table(
            ["Model", "Cut-off", *COUNTS.values()],
            _by_stratum(run, table[table["rule"] == rule], list(COUNTS)),
            f"Counts at the operating point: {rule_title(rule)}. Positive: {run.positive}.",
            file="operating_points.csv",
        )


#: What is told of an operating point: shares of cases, how they move the odds, and the counts that they are of.
SHARES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "Accuracy",
}
RATIOS = {
    "lr_positive": "Likelihood ratio, positive call",
    "lr_negative": "Likelihood ratio, negative call",
    "odds_ratio": "Diagnostic odds ratio",
}
COUNTS = {"tp": "True positive", "fp": "False positive", "tn": "True negative", "fn": "False negative"}


def _by_stratum(run: Finished, points: pd.DataFrame, metrics: list[str]) -> list[list[object]]:
    """Rows of a table: a heading for each stratum, and below it each model with its cut-off and figures."""
    rows: list[list[object]] = []
    for stratum in run.strata:
        rows.append([stratum_title(stratum)])
        here = points[points["stratum"] == stratum]
        rows += [[model, *_point(here[here["model"] == model], metrics)] for model in run.models]
    return rows


def rule_title(rule: str) -> str:
    """What an operating point was chosen by."""
    return "Youden's index" if rule == "youden" else level_title(rule)


def _point(rows: pd.DataFrame, metrics: list[str]) -> list[object]:
    found = {str(row["metric"]): row for _, row in rows.iterrows()}
    cut_off = number(float(rows["threshold"].iloc[0]), 3) if len(rows) else "–"
    return [cut_off, *(interval(found.get(name), 0 if name in COUNTS else 3) for name in metrics)]


def subgroups(page: Page) -> Iterator[Block | None]:
    """The primary models within subgroups."""
    run = page.run
    table = run.table("subgroups")
    if table is None:
        return
    yield page.figure(
        "subgroups",
        f"AUCs within subgroups. {stratum_title(run.headline)}; {words.pair_of_models(run)}.",
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

    yield _gaps(page)


def _gaps(page: Page) -> Block | None:
    """The largest gaps between subgroups."""
    run = page.run
    table = run.table("subgroup_gaps")
    if table is None:
        return None
    here = table[table["stratum"] == headline(table["stratum"])]
    titles = {"auc": "AUC", "calibration": "observed − predicted"}
    rows: list[list[object]] = []
    for (model, variable), own in here.groupby(["model", "variable"], sort=False):
        rows.append([f"{model}, by {variable}"])
        for _, row in own.iterrows():
            between = f"{level_title(row['greater'])} over {level_title(row['lesser'])}" if row["greater"] else "–"
            rows.append([titles.get(row["metric"], row["metric"]), between, interval(row), bare_p(row["p"])])
    return page.table(
        ["Figure", "Largest gap between", "Gap", "p"],
        rows,
        f"Largest gaps between subgroups, {in_sentence(run.headline)}. Limits and p take all pairs of levels of the "
        "variable together: wherever the true largest gap is, they hold for it. Sensitivity and false-positive rate at "
        "Youden's threshold; observed − predicted: share of positive cases less the mean probability.",
        file="subgroup_gaps.csv",
        words=2,
    )


def heterogeneity(page: Page) -> Iterator[Block | None]:
    """How much centres and training seeds differ."""
    table = page.run.table("heterogeneity")
    if table is not None and table["value"].isna().all():
        yield paragraph("How much centres differ cannot be estimated: it takes two external centres with both classes.")
    elif table is not None:
        titles = {"auc_difference": f"Difference in AUC, {words.pair_of_models(page.run)}", "auc": "AUC"}
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
            "Random-effects summary over the external centres. Mean with its confidence interval; “New centre”: the "
            "prediction interval, which takes three centres.",
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
