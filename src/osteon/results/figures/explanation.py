"""Where networks look: scores of their maps, the checks a map has to fail, and galleries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke
from numpy.typing import NDArray

from osteon.core.types import Floats
from osteon.core.words import number
from osteon.models.explain.placing import sampled
from osteon.results.evaluate.explanation import CENTRE, ONE_FOLD
from osteon.results.figures.style import INK, MUTED, RULE, WIDTH, Look, broken, models_of, panels, styled

#: Measure to title, the better end and what a map that knows nothing scores; %s is the mask, or else the box.
_MEASURES = {
    "energy_%s_ratio": ("Energy in %s, over chance", 1.0),
    "pointing_%s": ("Peak in %s", None),
    "iou_50": ("Overlap at half the peak", None),
    "distance": ("Peak to lesion, diagonals", None),
    "stability": ("Likeness after changes", None),
}
_GALLERIES = {
    "correct": "Confident and right",
    "wrong": "Confident and wrong",
    "changed": "Maps that changed most with the box",
}
_HALO: list[AbstractPathEffect] = [withStroke(linewidth=2.0, foreground="black")]
_MAP = mpl.colormaps["magma"]


def measures(table: pd.DataFrame) -> list[tuple[str, str, float | None]]:
    """The measures worth a column that a table has: name, title, and what a map that knows nothing scores."""
    region = "mask" if "energy_mask_ratio" in set(table["metric"]) else "box"
    filled = [(name.replace("%s", region), title.replace("%s", region), at) for name, (title, at) in _MEASURES.items()]
    return [row for row in filled if row[0] in set(table["metric"])]


@styled
def explanation(
    table: pd.DataFrame, sanity: pd.DataFrame | None = None, look: Mapping[str, Look] | None = None
) -> Figure:
    """Scores of the maps of rightly and of wrongly called cases, all external cases pooled.

    Args:
        table: The explanation table; its first kind of map is drawn.
        sanity: The sanity table; gives what a spot in the centre of the crop scores.
        look: How each model is drawn.
    """
    kind = table["map"].iloc[0]
    here = table[(table["map"] == kind) & (table["stratum"] == "external")]
    styles = models_of(here, look)
    rows = measures(here)
    figure, grid, spare = panels(len(rows), columns=3, height=0.62 + 0.3 * len(styles))
    for panel, (axes, (metric, title, chance)) in enumerate(zip(grid, rows, strict=True)):
        axes.set_title(title)
        for place, (model, style) in enumerate(styles.items()):
            for outcome, shift in (("correct", -0.16), ("wrong", 0.16)):
                row = _one(here, model=model, metric=metric, outcome=outcome)
                if row is not None:
                    _interval(axes, row, place + shift, style, filled=outcome == "correct")
            middle = None if sanity is None else _one(sanity, model=model, map=kind, metric=metric, check=CENTRE)
            if middle is not None and middle["value"] == middle["value"]:
                axes.plot([middle["value"]] * 2, [place - 0.34, place + 0.34], color=MUTED, linewidth=1.2)
        if chance is not None:
            axes.axvline(chance, color=MUTED, linestyle=(0, (1, 2)), linewidth=0.8)
        axes.set_ylim(len(styles) - 0.45, -0.55)
        labels = [broken(name, 18) for name in styles] if panel % 3 == 0 else []
        axes.set_yticks(range(len(styles)) if labels else [], labels)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="x")
        axes.margins(x=0.08)
    handles = [
        Line2D([], [], color=INK, marker="o", markersize=4, label="called rightly"),
        Line2D([], [], color=INK, marker="o", markersize=4, markerfacecolor="white", label="called wrongly"),
        Line2D([], [], color=MUTED, marker="|", markersize=9, linestyle="", label="spot in the centre of the crop"),
    ]
    if spare:
        spare[0].legend(handles=handles, loc="center left", labelspacing=0.7)
    else:
        figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure


def _one(table: pd.DataFrame, **where: str) -> pd.Series | None:
    found = table
    for column, value in where.items():
        found = found[found[column] == value]
    return None if found.empty else found.iloc[0]


def _interval(axes: Axes, row: pd.Series, y: float, style: Look, *, filled: bool) -> None:
    axes.plot([row["low"], row["high"]], [y, y], color=style.colour, linewidth=1.1)
    face = style.colour if filled else "white"
    axes.plot(row["value"], y, style.marker, color=style.colour, markerfacecolor=face, markersize=4.2, linestyle="")


@styled
def explanation_sanity(table: pd.DataFrame, look: Mapping[str, Look] | None = None) -> Figure:
    """How like the maps of a network are to those of the same network after it has forgotten what it learned.

    Args:
        table: The sanity table; its first kind of map is drawn.
        look: How each model is drawn.
    """
    kind = table["map"].iloc[0]
    here = table[(table["map"] == kind) & (table["check"] != CENTRE)]
    styles = models_of(here, look)
    energy, title, _ = measures(here)[0]
    figure, grid, _ = panels(2, columns=2, height=2.7)
    checks = sorted(set(here["check"]), key=_depth)
    for axes, metric in zip(grid, ("correlation", energy), strict=True):
        for shift, (model, style) in zip(np.linspace(-0.2, 0.2, len(styles)), styles.items(), strict=True):
            own = here[(here["model"] == model) & (here["metric"] == metric)].set_index("check")
            own = own.loc[[check for check in checks if check in own.index]].dropna(subset="value")
            places = np.array([checks.index(check) for check in own.index]) + shift
            axes.vlines(places, own["low"], own["high"], color=style.colour, linewidth=1.1)
            axes.plot(places, own["value"], style.marker, color=style.colour, markersize=4.2, linestyle="", label=model)
        axes.axhline(0 if metric == "correlation" else 1, color=MUTED, linestyle=(0, (1, 2)), linewidth=0.8)
        words = ["real map" if check == ONE_FOLD else check.replace(" + ", " +") for check in checks]
        axes.set_xticks(range(len(checks)), [broken(each, 9) for each in words], fontsize=6.2)
        axes.grid(axis="y")
    grid[0].set_title("Rank correlation with the real map")
    grid[1].set_title(title)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return figure


def _depth(check: str) -> tuple[int, str]:
    """The order in which checks are drawn: deeper and deeper, then all weights, then labels."""
    order = {ONE_FOLD: -1, "all weights": 98, "permuted labels": 99}
    digits = "".join(filter(str.isdigit, check))
    return order.get(check, int(digits or 0)), check


@styled
def gallery(table: pd.DataFrame, arrays: Mapping[str, NDArray[Any]], positive: str = "positive") -> Figure:
    """One group of the gallery: each case's radiograph with box and outline, and below it the maps.

    Args:
        table: The group's rows of the gallery table.
        arrays: What ``cams/gallery-GROUP.npz`` holds, in the order of the rows.
        positive: What the positive class is called.
    """
    names = [str(name) for name in arrays["names"]]
    left, gap, columns = 0.62, 0.05, 6
    side = (WIDTH - 0.03 - left - gap * (columns - 1)) / columns
    height = 0.24 + (len(names) + 1) * (side + gap) + 0.44
    figure = Figure(figsize=(WIDTH, height))
    figure.text(0, (height - 0.16) / height, _GALLERIES[str(table["group"].iloc[0])], fontweight="bold", fontsize=8.5)
    for line, name in enumerate(["radiograph", *names]):
        middle = height - 0.24 - line * (side + gap) - side / 2
        figure.text(0, middle / height, broken(name, 10), va="center", fontsize=6.6, color=INK)
    for column, (_, row) in enumerate(table.iterrows()):
        for line in range(len(names) + 1):
            x, y = left + column * (side + gap), height - 0.24 - line * (side + gap) - side
            axes = figure.add_axes((x / WIDTH, y / height, side / WIDTH, side / height))
            _panel(axes, arrays, column, line - 1)
        _words(axes, row, positive)
    return figure


def _panel(axes: Axes, arrays: Mapping[str, NDArray[Any]], case: int, panel: int) -> None:
    """The radiograph (panel -1) or one map on it."""
    picture = arrays["pictures"][case] / 255
    x0, y0, x1, y1 = frame = arrays["frames"][case]
    steps = (np.arange(len(picture)) + 0.5) / len(picture)
    x, y = x0 + (x1 - x0) * steps, y0 + (y1 - y0) * steps
    coloured = np.repeat(picture[..., None], 3, axis=2)
    box = arrays[f"boxes_{max(panel, 0)}"][case]
    inside = arrays["masks"][case] / 255
    if panel >= 0:
        values, rect = arrays[f"maps_{panel}"][case], arrays[f"rectangles_{panel}"][case]
        heat = sampled(values, rect, x, y)
        within = sampled(np.ones((1, 1)), rect, x, y)[..., None]
        alpha = (0.1 + 0.5 * heat[..., None]) * within
        # What the network was not shown is darkened, in colour and in print alike.
        coloured = (coloured * (1 - alpha) + _MAP(heat)[..., :3] * alpha) * (0.4 + 0.6 * within)
    axes.imshow(coloured, extent=(x0, x1, y1, y0), interpolation="lanczos", aspect="auto")
    if panel < 0 or not inside.any():
        outline: dict[str, Any] = {"edgecolor": "white", "facecolor": "none", "path_effects": _HALO, "linewidth": 0.7}
        outline["linestyle"] = "-" if panel < 0 else (0, (3, 2))
        axes.add_patch(Rectangle((box[0], box[1]), box[2] - box[0], box[3] - box[1], **outline))
    if inside.any():
        _contour(axes, x, y, inside, {0.5: 0.7}, dashed=True)
    if panel >= 0 and heat.any():
        _contour(axes, x, y, heat, {0.5: 0.7, 0.8: 1.3})
        row, column = np.unravel_index(int(np.argmax(values)), values.shape)
        peak = (
            rect[0] + (rect[2] - rect[0]) * (column + 0.5) / values.shape[1],
            rect[1] + (rect[3] - rect[1]) * (row + 0.5) / values.shape[0],
        )
        axes.plot(*peak, "+", color="white", markersize=5, markeredgewidth=0.9, path_effects=_HALO)
    axes.set(xlim=(frame[0], frame[2]), ylim=(frame[3], frame[1]), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=RULE, linewidth=0.5)


def _contour(
    axes: Axes, x: Floats, y: Floats, values: Floats, widths: Mapping[float, float], *, dashed: bool = False
) -> None:
    """White lines, of a width at each level, with a dark rim, which hold on any grey."""
    style: dict[str, Any] = {
        "colors": "white",
        "linewidths": list(widths.values()),
        "linestyles": "--" if dashed else "-",
    }
    lines = axes.contour(x, y, values, list(widths), **style)
    lines.set_path_effects(_HALO)


def _words(axes: Axes, row: pd.Series, positive: str) -> None:
    below: dict[str, Any] = {"transform": axes.transAxes, "va": "top"}
    axes.text(0, -0.06, f"{row['probability']:.2f}", fontsize=7, fontweight="bold", **below)
    axes.text(1, -0.06, positive if row["label"] == 1 else "negative", ha="right", fontsize=6.4, **below)
    axes.text(0, -0.2, str(row["case_id"])[:22], fontsize=5.8, color=MUTED, **below)
    if row["change"]:
        text = f"{row['change']}, ρ {number(row['correlation'])}"
    else:
        text = "" if row["diagnosis"] in ("0", "1", positive) else str(row["diagnosis"])
    axes.text(0, -0.33, text if len(text) <= 22 else f"{text[:21]}…", fontsize=6, **below)
