"""How good models are on the cases that they are surest of."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from osteon.core.words import shown, stratum_title
from osteon.results.figures.style import WIDTH, Look, key, models_of, panels, styled


@styled
def selective(table: pd.DataFrame, look: Mapping[str, Look] | None = None) -> Figure:
    """Share of calls that are right against the share of cases answered, one panel a stratum.

    Args:
        table: The table of the selective performance curve.
        look: How models are drawn.
    """
    look = models_of(table, look)
    strata = shown(table["stratum"])
    columns = 2 if len(strata) in (2, 4) else 3
    figure, axes, spare = panels(len(strata), columns=columns, height=WIDTH / columns * 0.92)
    least = float(table["accuracy"].min())
    for panel, stratum in zip(axes, strata, strict=True):
        here = table[table["stratum"] == stratum]
        for name, style in look.items():
            own = here[here["model"] == name]
            panel.plot(own["answered"], own["accuracy"], **style.line, linewidth=1.2)
        panel.set(xlim=(0, 1), ylim=(max(0.0, least - 0.05), 1.02), xlabel="Share of cases answered")
        panel.set_title(stratum_title(stratum))
        if panel.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            panel.set_ylabel("Share of those called right")
    key(figure, spare, look)
    return figure
