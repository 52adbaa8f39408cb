"""Sections of what other parts of osteon may leave in a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
from markupsafe import Markup

from osteon.evaluate.words import bare_p, number
from osteon.report.page import Page, interval


def tabular(page: Page) -> Iterator[Markup]:
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
            "selected_features", "Radiomics features in use.", "The numbers are in the table that follows."
        )
        rows = [
            [r["feature"], r["model"], r["folds"], number(r["coefficient"], 3)] for _, r in selected.head(30).iterrows()
        ]
        yield page.table(
            ["Feature", "Model", "Folds", "Coefficient"],
            rows,
            "Radiomics features in use, the weightiest first. Folds in which a feature was chosen; mean coefficient "
            "for one robust standard deviation.",
            file="selected_features.csv",
            words=2,
        )


def of_file(stem: str, caption: str) -> Callable[[Page], Iterator[Markup]]:
    """A section for a table of another part of osteon: its figure where there is one, and the table as it is."""

    def draw(page: Page) -> Iterator[Markup]:
        table = page.run.table(stem)
        if table is None:
            return
        yield page.figure(stem, caption, f"The numbers are in {stem}.csv.")
        words_first = sum(not pd.api.types.is_numeric_dtype(table[name]) for name in table)
        rows = [[_plain(value) for value in row] for row in table.head(40).itertuples(index=False)]
        more = f" The first 40 of {len(table):,} rows." if len(table) > 40 else ""
        yield page.table(list(map(str, table.columns)), rows, caption + more, file=f"{stem}.csv", words=words_first)

    return draw


def _plain(value: object) -> str:
    text = str(value)
    try:
        return f"{float(text):.3g}" if "." in text else text
    except ValueError:
        return text
