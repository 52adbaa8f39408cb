"""The section on what tabular models go by: odds ratios, radiomics features, importances."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.core.words import bare_p, counted, feature_title, listed, number
from osteon.results.report.page import Block, Page, interval, paragraph

#: As many features of a model as the table lists.
_LISTED = 20


def tabular(page: Page) -> Iterator[Block | None]:
    """What the tabular models go by."""
    odds = page.run.table("odds_ratios")
    if odds is not None:
        rows: list[list[object]] = []
        for model, part in odds.groupby("model", sort=False):
            rows.append([model])
            for _, row in part.iterrows():
                ratio = interval(row.rename({"odds_ratio": "value"}), 2)
                rows.append([row["term"], ratio, bare_p(row["p"]), row["note"]])
        yield page.table(
            ["Term", "Odds ratio", "p", ""],
            rows,
            "Odds ratios. Numbers: upper against lower quartile; levels: against the commonest. Fitted on all "
            "development cases.",
            file="odds_ratios.csv",
        )
    selected = page.run.table("selected_features")
    if selected is not None:
        yield page.figure(
            "selected_features",
            "Radiomics features in use. Mean coefficient for one robust standard deviation, with the least and the "
            "greatest of the folds.",
            "The numbers are in the table that follows.",
        )
        yield from _agreement(page)
        rows = [
            [feature_title(r["feature"]), r["model"], f"{r['folds']} of {r['of']}", number(r["coefficient"], 3)]
            for _, r in selected.groupby("model", sort=False).head(_LISTED).iterrows()
        ]
        yield page.table(
            ["Feature", "Model", "Folds", "Coefficient"],
            rows,
            f"Radiomics features in use, the {_LISTED} weightiest of a model at most. Folds in which a feature was "
            "chosen; mean coefficient for one robust standard deviation.",
            file="selected_features.csv",
            words=2,
        )
    yield from _importances(page)


def _importances(page: Page) -> Iterator[Block | None]:
    """Which learners the folds chose, and what they go by."""
    learners, found = page.run.table("learners"), page.run.table("importances")
    if learners is not None:
        for model, part in learners.groupby("model", sort=False):
            if part["learner"].nunique() > 1:
                votes = part.groupby("learner", sort=False)["chosen"].sum()
                told = listed(f"{name} in {counted(int(n), 'fold')}" for name, n in votes.items() if n)
                yield paragraph(f"{model}: inner folds chose {told}.")
    if found is None:
        return
    rows: list[list[object]] = []
    for model, part in found.groupby("model", sort=False):
        whole = part["column"] == ""
        single = part[~whole].sort_values("auc_loss", ascending=False, kind="stable").head(_LISTED)
        for _, r in [*part[whole].iterrows(), *single.iterrows()]:
            lost = f"{number(r['auc_loss'], 3)} ({number(r['least'], 3)} to {number(r['greatest'], 3)})"
            rows.append([feature_title(r["column"]) or f"all of: {r['source']}", model, lost])
    yield page.table(
        ["Shuffled", "Model", "AUC lost"],
        rows,
        "Permutation importance: the AUC of held-out development cases that is lost when a source, or one of its "
        f"columns, is shuffled; mean, least and greatest of the folds; at most {_LISTED} columns of a model. Columns "
        "that tell the same stand in for each other, so that each may matter little where together they matter much.",
        file="importances.csv",
        words=2,
    )


def _agreement(page: Page) -> Iterator[Block | None]:
    """How far the folds of each radiomics model chose the same features."""
    stability = page.run.table("selection_stability")
    if stability is None:
        return
    for _, row in stability[stability["value"].notna()].iterrows():
        span = f"{number(row['value'], 2)} (95% CI {number(row['low'], 2)} to {number(row['high'], 2)})"
        yield paragraph(
            f"{row['model']}: the folds' choices of features agree with an index of {span}; 0 is chance and 1 the same "
            f"features in every fold ({row['method']})."
        )
