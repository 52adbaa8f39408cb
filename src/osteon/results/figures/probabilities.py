"""What the probabilities are worth: calibration, decision curves, distributions by label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from osteon.core.words import headline, in_stratum, level_title, number, shown, stratum_title
from osteon.results.figures.style import (
    INK,
    MUTED,
    RULE,
    WIDTH,
    Look,
    broken,
    caption,
    halo,
    key,
    models_of,
    note,
    panels,
    row_of,
    styled,
)

_POLICIES = ("treat all", "treat none")


@styled
def calibration(
    curves: pd.DataFrame,
    metrics: pd.DataFrame,
    scores: pd.DataFrame,
    look: Mapping[str, Look] | None = None,
    stratum: str | None = None,
    level: float = 0.95,
) -> Figure:
    """Smooth calibration curves, one panel a model: raw, and recalibrated on development with its band.

    Below each panel the recalibrated probabilities of positives (up) and negatives (down).

    Args:
        curves: The calibration table.
        metrics: The metrics table; it gives slopes and intercepts.
        scores: The score table; it gives the histograms.
        look: How models are drawn.
        stratum: Which; the headline one by default.
        level: Confidence level of the bands.
    """
    look = models_of(metrics, look)
    stratum = stratum or headline(metrics["stratum"])
    here, cases = curves[curves["stratum"] == stratum], in_stratum(scores, stratum)
    columns = 4 if len(look) > 6 or len(look) == 4 else 3
    figure, axes, _ = panels(len(look), columns=columns, height=WIDTH / columns + 0.62)
    for panel, (name, style) in zip(axes, look.items(), strict=True):
        panel.set_title(broken(name, 100 // columns - 3), pad=23, fontsize=7.5)
        panel.plot([0, 1], [0, 1], color=RULE, linewidth=0.8, zorder=0)
        panel.set(xlim=(0, 1), ylim=(-0.42, 1), xlabel="Predicted probability")
        panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        panel.set_ylabel("Observed share")
        panel.label_outer()
        own = here[here["model"] == name]
        if own.empty:
            note(panel, "not estimable")
            continue
        raw, again = own[own["scale"] == "raw"], own[own["scale"] == "recalibrated"]
        panel.fill_between(again["predicted"], again["low"], again["high"], color=style.colour, alpha=0.16, linewidth=0)
        panel.plot(again["predicted"], again["observed"], color=style.colour)
        panel.plot(raw["predicted"], raw["observed"], color=INK, linestyle=(0, (1.2, 1.6)), linewidth=1.0)
        _rug(panel, cases[cases["model"] == name], style.colour)
        _slope(panel, metrics[(metrics["model"] == name) & (metrics["stratum"] == stratum)])
    caption(
        figure,
        f"{stratum_title(stratum)}. Dotted: as predicted. Solid, with {100 * level:g}% band: recalibrated on "
        "development. Bars: recalibrated probabilities,\npositive above, negative below. Slope (ideal 1) and intercept "
        "(ideal 0): before → after recalibration.",
    )
    return figure


def _rug(panel: Axes, cases: pd.DataFrame, colour: str) -> None:
    """Mirrored histograms in the strip under the curve."""
    edges = np.arange(31) / 30
    base, height = -0.22, 0.17
    counts = [np.histogram(cases.loc[cases["label"] == k, "recalibrated"], edges)[0] for k in (1, 0)]
    tallest = max(1, *(int(count.max()) for count in counts))
    panel.bar(edges[:-1], counts[0] / tallest * height, 1 / 30, base, align="edge", color=colour, linewidth=0)
    panel.bar(edges[:-1], -counts[1] / tallest * height, 1 / 30, base, align="edge", color="#a9b0b8", linewidth=0)
    panel.axhline(base, color=MUTED, linewidth=0.5)


def _slope(panel: Axes, rows: pd.DataFrame) -> None:
    """Slope and intercept before and after recalibration, under the title."""
    for y, name in ((1.1, "slope"), (1.025, "intercept")):
        raw, again = (row_of(rows, metric=f"calibration_{name}{suffix}") for suffix in ("", "_recalibrated"))
        if raw is not None and again is not None:
            text = f"{name} {number(raw['value'])} → {number(again['value'])}"
            panel.text(0, y, text, transform=panel.transAxes, fontsize=6.4, color=MUTED)


@styled
def decision(curves: pd.DataFrame, look: Mapping[str, Look] | None = None) -> Figure:
    """Net benefit by threshold probability, one panel a stratum.

    Args:
        curves: The decision table.
        look: How models are drawn.
    """
    look = models_of(curves, look, without=_POLICIES)
    strata = shown(curves["stratum"])
    columns = 2 if len(strata) in (2, 4) else 3
    figure, axes, spare = panels(len(strata), columns=columns, height=WIDTH / columns * 0.92)
    for panel, stratum in zip(axes, strata, strict=True):
        here = curves[curves["stratum"] == stratum]
        everyone = here[here["model"] == "treat all"]
        panel.axhline(0, color=MUTED, linewidth=0.9)
        panel.plot(everyone["threshold"], everyone["net_benefit"], color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)))
        for name, style in look.items():
            line = here[here["model"] == name]
            panel.plot(line["threshold"], line["net_benefit"], **style.line, linewidth=1.2)
        top = float(here["net_benefit"].max())
        panel.set(xlim=(0, float(here["threshold"].max())), ylim=(-0.22 * top, 1.08 * top))
        panel.set_title(stratum_title(stratum))
        panel.set_xlabel("Threshold probability")
        if panel.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            panel.set_ylabel("Net benefit")
        halo(
            panel.text(
                panel.get_xlim()[1], 0.02 * top, "treat none", fontsize=6.4, color=MUTED, ha="right", va="bottom"
            )
        )
        _label_treat_all(panel, everyone, top)
    key(figure, spare, look)
    return figure


def _label_treat_all(panel: Axes, everyone: pd.DataFrame, top: float) -> None:
    """Name the line where it leaves the panel at the bottom."""
    above = everyone[everyone["net_benefit"] > -0.14 * top]
    if not above.empty:
        x, y = above.iloc[-1][["threshold", "net_benefit"]]
        halo(panel.text(x, y, "treat all ", fontsize=6.4, color=MUTED, ha="right", va="center"))


@styled
def scores(table: pd.DataFrame, points: pd.DataFrame, look: Mapping[str, Look] | None = None) -> Figure:
    """Distributions of probabilities by label, a row a model, a column for development and for the headline stratum.

    Args:
        table: The score table.
        points: The operating points; they give the thresholds drawn as vertical lines.
        look: How models are drawn.
    """
    look = models_of(table, look)
    outside = [f"centre:{centre}" for centre in table.loc[table["split"] == "external", "centre"].unique()]
    strata = list(dict.fromkeys(["development", headline([*outside, "external"] if outside else [])]))
    figure, axes, _ = panels(len(look) * len(strata), columns=len(strata), height=0.86)
    edges = np.arange(41) / 40
    for i, panel in enumerate(axes):
        name, stratum = list(look)[i // len(strata)], strata[i % len(strata)]
        own = in_stratum(table[table["model"] == name], stratum)
        shares = [_share(own.loc[own["label"] == label, "probability"], edges) for label in (1, 0)]
        panel.stairs(shares[0], edges, fill=True, color=look[name].colour, linewidth=0)
        panel.stairs(-shares[1], edges, fill=False, color=INK, linewidth=0.8, hatch="/////", edgecolor=MUTED)
        panel.axhline(0, color=INK, linewidth=0.6)
        tallest = 1.12 * max(0.01, *(float(share.max()) for share in shares))
        panel.set(xlim=(0, 1), ylim=(-tallest, tallest))
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        thresholds = points[(points["model"] == name)].drop_duplicates("rule")
        for dash, (_, point) in zip(("-", (0, (2, 1.5))), thresholds.iterrows(), strict=False):
            if point["threshold"] == point["threshold"]:
                panel.axvline(point["threshold"], color=INK, linewidth=0.8, linestyle=dash)
        if i < len(strata):
            panel.set_title(stratum_title(stratum))
        if i % len(strata) == 0:
            panel.text(-0.02, 0.5, broken(name, 22), transform=panel.transAxes, ha="right", va="center", fontsize=7.2)
        if i >= len(axes) - len(strata):
            panel.set_xlabel("Predicted probability (raw)")
        else:
            panel.set_xticklabels([])
        if i == 0:
            at = panel.transAxes
            panel.text(
                0.99, 0.93, "positive", transform=at, fontsize=6.4, ha="right", va="top", color=look[name].colour
            )
            panel.text(0.99, 0.06, "negative", transform=at, fontsize=6.4, ha="right", va="bottom", color=MUTED)
    rules = list(dict.fromkeys(points["rule"]))
    lines = ", ".join(f"{dash} {level_title(rule)}" for dash, rule in zip(("solid:", "dashed:"), rules, strict=False))
    caption(figure, f"Bars: share of the class, square-root scale. Lines: thresholds fixed out of fold ({lines}).")
    return figure


def _share(values: pd.Series, edges: np.ndarray) -> np.ndarray:
    """Square root of the share of the class in each bin: one tall bar does not hide the rest."""
    shares: np.ndarray = np.sqrt(np.histogram(values, edges)[0] / max(1, len(values)))
    return shares
