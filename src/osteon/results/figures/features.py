"""What radiomics models go by: the features they use, with their coefficients."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from osteon.core.words import feature_title, number
from osteon.results.figures.style import INK, MUTED, RULE, Look, broken, caption, models_of, panels, row_of, styled

#: As many features of a model as are drawn.
SHOWN = 20


@styled
def selected_features(
    table: pd.DataFrame, stability: pd.DataFrame | None = None, look: Mapping[str, Look] | None = None
) -> Figure:
    """The weightiest features of each radiomics model: mean coefficient, its range over the folds, and how many folds.

    Args:
        table: The table of selected features, the weightiest of a model first.
        stability: How far the folds of each model agree.
        look: Colours of the models.
    """
    look = models_of(table, look)
    shown = {name: table[table["model"] == name].head(SHOWN) for name in look}
    longest = max(map(len, shown.values()))
    figure, axes, _ = panels(len(look), columns=2, height=0.85 + 0.16 * longest)
    for panel, (name, style) in zip(axes, look.items(), strict=False):
        rows = shown[name]
        places = range(len(rows))
        panel.axvline(0, color=MUTED, linewidth=0.7)
        panel.hlines(places, rows["least"], rows["greatest"], color=style.colour, linewidth=1.2)
        panel.plot(rows["coefficient"], places, style.marker, color=style.colour, markersize=4.2)
        panel.set_yticks(places, list(rows["feature"].map(feature_title)), fontsize=6.2, color=INK)
        panel.set(ylim=(longest - 0.4, -0.6), xlabel="Coefficient")
        panel.hlines(places, 0, 1, transform=panel.get_yaxis_transform(), color=RULE, linewidth=0.4, zorder=0)
        agreement = None if stability is None else row_of(stability, model=name)
        known = agreement is not None and agreement["value"] == agreement["value"]
        detail = f"\nstability {number(agreement['value'], 2)}" if known and agreement is not None else ""
        panel.set_title(broken(name, 30) + detail, loc="right")
        for place, (folds, of) in enumerate(zip(rows["folds"], rows["of"], strict=True)):
            panel.annotate(
                f"{folds}/{of}", (1, place), xycoords=panel.get_yaxis_transform(), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=6, color=MUTED,
            )  # fmt: skip
    most = table.groupby("model").size().max()
    few = f" The {SHOWN} weightiest of up to {most}." if most > SHOWN else ""
    told = "For one robust standard deviation: mean of the folds, least to greatest. Right: folds that use it."
    caption(figure, told + few)
    return figure
