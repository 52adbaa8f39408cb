"""What models say that were made again on bootstrap samples, against what the study's own say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from osteon.core.words import headline, number
from osteon.results.figures.style import INK, MUTED, RULE, WIDTH, Look, broken, models_of, panels, row_of, styled

#: So many cases are drawn in a panel at most, evenly chosen along the probability.
_DRAWN = 300


@styled
def instability(
    cases: pd.DataFrame, curves: pd.DataFrame, summary: pd.DataFrame, look: Mapping[str, Look] | None = None
) -> Figure:
    """The probability of a case by refits against that by the study's own model, one panel a model.

    A thin line is a case and holds 95% of its refits; the thick ones hold 95% of the refits of cases with much the same
    probability.

    Args:
        cases: The table of cases.
        curves: The table of limits along the probability.
        summary: The table of means.
        look: How models are drawn.
    """
    look = models_of(summary, look)
    stratum = headline(summary["stratum"])
    inside = stratum == "development"
    columns = 3
    figure, axes, _ = panels(len(look), columns=columns, height=WIDTH / columns + 0.35)
    for panel, (name, style) in zip(axes, look.items(), strict=True):
        own = cases[(cases["model"] == name) & ((cases["split"] == "development") == inside)]
        own = own.sort_values(["probability", "case_id"])
        own = own.iloc[np.unique(np.linspace(0, len(own) - 1, min(_DRAWN, len(own))).round().astype(int))]
        ends = own[["probability", "low", "probability", "high"]].to_numpy().reshape(-1, 2, 2)
        panel.add_collection(LineCollection(list(ends), colors=style.colour, linewidths=0.5, alpha=0.45))
        panel.plot([0, 1], [0, 1], color=RULE, linewidth=0.8, zorder=0)
        curve = curves[(curves["model"] == name) & (curves["stratum"] == stratum)]
        for limit in ("low", "high"):
            panel.plot(curve["probability"], curve[limit], color=INK, linewidth=1.1)
        panel.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="probability of the model")
        if panel.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            panel.set_ylabel("of its refits")
        panel.set_title(broken(name, 30), pad=14)
        means = {m: row_of(summary, model=name, stratum=stratum, metric=m) for m in ("mape", "changed")}
        said = f"mean error {_of(means['mape'])}; calls changed {_of(means['changed'])}"
        panel.text(0, 1.025, said, transform=panel.transAxes, color=MUTED, fontsize=7)
    return figure


def _of(row: pd.Series | None) -> str:
    return number(float("nan") if row is None else float(row["value"]), 3)
