"""The tables of a manuscript: as the run's tables have them, a model a row, centres below one another."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import bare_p, counted, in_sentence, noteworthy, number, stratum_title
from osteon.results.evaluate.robustness import ALL_BOXES, DRAWN
from osteon.results.report.accuracy import rule_title
from osteon.results.report.page import Page, Table, interval

#: Calls at a cut-off, as prose and the heads of columns have them.
CALLS = {"tp": "true positive", "fp": "false positive", "tn": "true negative", "fn": "false negative"}
_CALLS = {"tp": "TP", "fp": "FP", "tn": "TN", "fn": "FN"}
PROSE_SHARES = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "accuracy": "accuracy",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
}
_SHARES = {"sensitivity": "Sensitivity", "specificity": "Specificity", "ppv": "PPV", "npv": "NPV"}
CALIBRATION = {
    "calibration_intercept": "intercept",
    "calibration_slope": "slope",
    "observed_expected": "observed over expected",
    "brier": "Brier score",
}
_MOST_GROUPS = 4  # external groups beside which their standardised differences find room


def baseline(page: Page) -> Table | None:
    """Characteristics of each group."""
    table = page.run.table("baseline")
    if table is None:
        return None
    groups = list(dict.fromkeys(table["group"]))
    apart = [group for group in groups if table.loc[table["group"] == group, "smd"].notna().any()]
    apart = apart if len(apart) <= _MOST_GROUPS else []
    header = [""]
    for group in groups:
        header += [stratum_title(group).removesuffix(", out of fold"), *["SMD"] * (group in apart)]
    rows: list[list[object]] = []
    for (variable, level), own in table.groupby(["variable", "level"], sort=False):
        by_group = own.set_index("group").T
        cells: list[object] = [_variable(str(variable), str(level))]
        for group in groups:
            row = by_group.get(group)
            cells.append("–" if row is None else row["summary"])
            if group in apart:
                cells.append("–" if row is None else number(float(row["smd"]), 2, sign=True))
        rows.append(cells)
    large = bool(table["smd"].map(noteworthy).any()) and bool(apart)
    return page.table(
        header,
        rows,
        "Characteristics by group. Number (share) or median (quartiles)."
        + " SMD: standardised difference from development; beyond 0.1 either way it is worth looking at." * large,
    )


def _variable(variable: str, level: str) -> str:
    name = variable.replace("_", " ")
    return f"{name}: {level}" if level else name[:1].upper() + name[1:]


def areas(page: Page) -> Table:
    """AUC and average precision of every model in every stratum."""
    run = page.run
    rows: list[list[object]] = []
    for stratum in run.strata:
        known = [row for model in run.models if (row := run.value(model, stratum, "auc")) is not None]
        size = f": {counted(int(known[0]['n']), 'case')}, {known[0]['n_positive']:,} {run.positive}" if known else ""
        rows.append([f"{stratum_title(stratum)}{size}"])
        rows += [
            [model, *(interval(run.value(model, stratum, name)) for name in ("auc", "average_precision"))]
            for model in run.models
        ]
    return page.table(
        ["Model", "AUC", "Average precision"],
        rows,
        "AUC and average precision by centre and model. Average precision is the area under the precision-recall "
        "curve; a score without skill has the share of positive cases.",
    )


def pairs(page: Page) -> Table:
    """Differences in AUC: the first pair everywhere, all pairs where the claim is made."""
    run = page.run
    table = run.read("comparisons")
    rows: list[list[object]] = []
    for stratum in run.strata:
        here = table[table["stratum"] == stratum]
        kept = here if stratum == run.headline else here[here["primary"]]
        if len(kept):
            rows.append([stratum_title(stratum)])
            rows += [_pair(row) for _, row in kept.iterrows()]
    test = (
        "prespecified, unadjusted" if run.prespecified else "the first two models; nobody prespecified it; unadjusted"
    )
    return page.table(
        ["Pair", "Difference in AUC", "p", "p (Holm)"],
        rows,
        f"Differences in AUC. Primary: {' − '.join(run.study.primary)}, {in_sentence(run.headline)} ({test}); "
        "elsewhere the same pair is descriptive. Holm: p of the other pairs, adjusted.",
    )


def _pair(row: pd.Series) -> list[object]:
    adjusted = "primary" if row["primary"] else bare_p(row["p_holm"])
    shown = interval(row.rename({"difference": "value"}))
    return [f"{row['model_a']} − {row['model_b']}", shown, bare_p(row["p"]), adjusted]


def points(page: Page) -> Iterator[Table]:
    """For each cut-off the calls as counts with the accuracy, and the shares, of every model in every stratum."""
    table = page.run.read("operating_points")
    for rule in dict.fromkeys(table["rule"]):
        own = table[table["rule"] == rule]
        title = rule_title(str(rule))
        yield page.table(
            ["Model", "Cut-off", *_CALLS.values(), "Accuracy"],
            _by_stratum(page, own, [*_CALLS, "accuracy"], cut=True),
            f"Calls at the cut-off fixed on development: {title}. Positive: {page.run.positive}; TP, FP, TN, FN: "
            "true positive, false positive, true negative and false negative cases.",
        )
        yield page.table(
            ["Model", *_SHARES.values()],
            _by_stratum(page, own, list(_SHARES), cut=False),
            f"Accuracy at the cut-off fixed on development: {title}. PPV, NPV: positive and negative predictive "
            "value at the share of positive cases of each centre.",
        )


def _by_stratum(page: Page, own: pd.DataFrame, names: list[str], *, cut: bool) -> list[list[object]]:
    rows: list[list[object]] = []
    for stratum in page.run.strata:
        here = own[own["stratum"] == stratum]
        rows.append([stratum_title(stratum)])
        for model in dict.fromkeys(here["model"]):
            found = here[here["model"] == model].set_index("metric")
            cells: list[object] = [model]
            if cut:
                cells.append(number(float(found["threshold"].iloc[0]), 3))
            shown = {name: interval(found.T.get(name), 0 if name in _CALLS else 2) for name in names}
            cells += [str(cell) if name in _CALLS else cell for name, cell in shown.items()]
            rows.append(cells)
    return rows


def calibration(page: Page) -> Table:
    """Every model before and after recalibration, where the claim is made."""
    run = page.run
    rows: list[list[object]] = []
    for suffix, title in (("", "As predicted"), ("_recalibrated", "Recalibrated on development")):
        rows.append([title])
        for model in run.models:
            found = {name: run.value(model, run.headline, name + suffix) for name in CALIBRATION}
            rows.append([model, *(interval(row, 3 if name == "brier" else 2) for name, row in found.items())])
    return page.table(
        ["Model", *(title[:1].upper() + title[1:] for title in CALIBRATION.values())],
        rows,
        f"Calibration, {in_sentence(run.headline)}. Ideal: 0, 1 and 1; a lower Brier score is better.",
    )


def robustness(page: Page) -> Table:
    """Every model as its boxes were drawn, and over all changes of them."""
    run = page.run
    table = run.read("robustness")
    here = table[table["stratum"] == run.headline]
    titles = {"auc": "AUC", "auc_loss": "AUC lost", "sd": "SD of a case", "flip_rate": "Calls that flip"}
    rows: list[list[object]] = []
    for model in dict.fromkeys(here["model"]):
        rows.append([model])
        for kind, title in ((DRAWN, "As drawn"), (ALL_BOXES, "All changes of the box")):
            found = here[(here["model"] == model) & (here["kind"] == kind)].set_index("metric").T
            if len(found.columns):
                rows.append([title, *(interval(found.get(name)) for name in titles)])
    return page.table(
        ["Box", *titles.values()],
        rows,
        f"Models under changed boxes, {in_sentence(run.headline)}. The AUC is the mean over draws, lost is what it "
        "falls short of the undisturbed one; SD of a case's probability and the share of calls that change sides of "
        "the cut-off are means over cases.",
    )
