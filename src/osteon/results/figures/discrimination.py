"""How well models tell the classes apart: ROC curves, forest plots of AUCs, the matrix of comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.transforms import ScaledTranslation

from osteon.core.words import counted, headline, level_title, listed, number, p_value, shown, stratum_title
from osteon.results.figures.style import (
    INK,
    MUTED,
    RULE,
    WIDTH,
    Look,
    broken,
    key,
    models_of,
    note,
    panels,
    row_of,
    styled,
)

#: Inches from the foot of an ROC panel to its areas: its numbers and the name of its axis are above.
_BELOW = 0.36
# Purple to orange through white: distinct for all common forms of colour blindness, and alike in lightness.
_DIVERGING = LinearSegmentedColormap.from_list("difference", ["#7b3294", "#c2a5cf", "#ffffff", "#fdb863", "#b35806"])


@styled
def roc(
    curves: pd.DataFrame, metrics: pd.DataFrame, look: Mapping[str, Look] | None = None, called: str = "positive"
) -> Figure:
    """ROC curves, one panel a stratum, and below each the areas under its curves.

    Args:
        curves: The ROC table.
        metrics: The metrics table; it gives the AUCs and the panels' case numbers.
        look: How models are drawn.
        called: What the positive class is called.
    """
    look = models_of(metrics, look)
    areas = metrics[metrics["metric"] == "auc"]
    strata = shown(areas["stratum"])
    columns = 2 if len(strata) in (2, 4) else 3
    # Below each panel its areas, below all of them the key where no place is left empty for it.
    full = len(strata) % columns == 0 or len(strata) < columns
    below = 0.55 + 0.137 * len(look) + (0.17 * -(-len(look) // 2) / -(-len(strata) // columns) if full else 0.0)
    figure, axes, spare = panels(len(strata), columns=columns, height=WIDTH / columns + below)
    for panel, stratum in zip(axes, strata, strict=True):
        _roc_axes(panel, first_column=panel.get_subplotspec().is_first_col())  # type: ignore[union-attr]
        here = areas[areas["stratum"] == stratum].set_index("model")
        _titled(panel, stratum, here, called)
        if here["value"].isna().all():
            note(panel, "AUC not estimable:\none class only")
            continue
        for name, style in look.items():
            line = curves[(curves["stratum"] == stratum) & (curves["model"] == name)]
            panel.plot(line["false_positive_rate"], line["sensitivity"], **style.line, solid_joinstyle="miter")
        _areas(panel, here, look)
    key(figure, spare, look)
    return figure


def _roc_axes(panel: Axes, *, first_column: bool) -> None:
    panel.plot([0, 1], [0, 1], color=RULE, linewidth=0.8, zorder=0)
    panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel="1 − specificity")
    panel.set_anchor("S")  # spare height goes above, so that what stands below keeps its distance
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    if first_column:
        panel.set_ylabel("Sensitivity")


def _titled(panel: Axes, stratum: str, rows: pd.DataFrame, called: str) -> None:
    panel.set_title(stratum_title(stratum), pad=14)
    panel.text(0, 1.025, _size(rows, called), transform=panel.transAxes, color=MUTED, fontsize=7)


def _percent(level: float) -> str:
    return f"{100 * level:g}%"


def _size(rows: pd.DataFrame, called: str) -> str:
    """How many cases a row of a table is of."""
    return f"{counted(int(rows['n'].iloc[0]), 'case')}, {rows['n_positive'].iloc[0]:,} {called}"


def _areas(panel: Axes, rows: pd.DataFrame, look: Mapping[str, Look]) -> None:
    """Each line with its area, below the panel, where no curve runs."""
    handles = []
    for name, style in look.items():
        value, low, high = (float(rows[column][name]) for column in ("value", "low", "high"))
        label = f"{number(value)} ({number(low)} to {number(high)})"
        handles.append(Line2D([], [], label=label, linewidth=1.2, **style.line))
    below = panel.transAxes + ScaledTranslation(0, -_BELOW, panel.figure.dpi_scale_trans)
    panel.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, fontsize=6.6,
        handlelength=2.6, labelspacing=0.35, borderaxespad=0, borderpad=0,
    )  # fmt: skip


def _interaction(rows: pd.DataFrame, models: Sequence[str]) -> str:
    """The p value of each model's test; once where there is one, or where none can be had."""
    of_auc = rows.drop_duplicates("model").set_index("model")["p_interaction"]
    found = {name: float(of_auc[name]) for name in models if name in of_auc}
    if all(p != p for p in found.values()):
        return "not estimable"
    return listed(p_value(p) if p == p else "not estimable" for p in found.values())


@styled
def forest(
    metrics: pd.DataFrame,
    heterogeneity: pd.DataFrame | None = None,
    look: Mapping[str, Look] | None = None,
    called: str = "positive",
    level: float = 0.95,
) -> Figure:
    """AUCs with intervals by stratum and model, and the random-effects summary over external centres.

    Args:
        metrics: The metrics table.
        heterogeneity: The heterogeneity table; its summary is a diamond with the prediction interval as a thin line.
        look: How models are drawn.
        called: What the positive class is called.
        level: Confidence level of the intervals.
    """
    look = models_of(metrics, look)
    areas = metrics[metrics["metric"] == "auc"]
    lines: list[_Line] = []
    for stratum in shown(areas["stratum"]):
        here = areas[areas["stratum"] == stratum]
        lines.append(_Line(stratum_title(stratum), _size(here, called)))
        lines += [_Line(look[name].named(name), row=row_of(here, model=name), look=look[name]) for name in look]
    if heterogeneity is not None and not heterogeneity.empty:
        pooled = heterogeneity[heterogeneity["metric"] == "auc"]
        if pooled["value"].notna().any():
            ahead = f"; line: {_percent(level)} prediction interval" * bool(pooled["prediction_low"].notna().any())
            lines.append(_Line("Random effects over centres", f"diamond: {_percent(level)} CI{ahead}"))
            lines += [_Line(look[n].named(n), row=row_of(pooled, model=n), look=look[n], pooled=True) for n in look]
    return _forest(lines, f"AUC ({_percent(level)} CI)", reference=0.5)


@styled
def subgroups(
    table: pd.DataFrame,
    models: Sequence[str] = (),
    look: Mapping[str, Look] | None = None,
    called: str = "positive",
    level: float = 0.95,
) -> Figure:
    """AUCs within subgroups of the headline stratum.

    Args:
        table: The subgroups table.
        models: Which models; by default the first two of the table (the pair that is tested first).
        look: How models are drawn.
        called: What the positive class is called.
        level: Confidence level of the intervals.
    """
    look = models_of(table, look)
    chosen = {name: look[name] for name in (list(models) or list(look)[:2])}
    here = table[(table["stratum"] == headline(table["stratum"])) & (table["metric"] == "auc")]
    lines: list[_Line] = []
    for variable, rows in here.groupby("variable", sort=False):
        lines.append(_Line(str(variable).capitalize(), f"interaction: {_interaction(rows, list(chosen))}"))
        for group, part in rows.groupby("level", sort=False):
            size = f"{level_title(str(group))} ({_size(part, called)})"
            for name, style in chosen.items():
                lines.append(_Line(size, row=row_of(part, model=name), look=style))
                size = ""
    return _forest(lines, f"AUC ({_percent(level)} CI)", reference=0.5, named=chosen)


@dataclass(frozen=True)
class _Line:
    """One line of a forest plot: a heading with a detail, or a model's estimate."""

    text: str
    detail: str = ""
    row: pd.Series | None = None
    look: Look | None = None
    pooled: bool = False


def _forest(lines: Sequence[_Line], label: str, reference: float, named: Mapping[str, Look] | None = None) -> Figure:
    step, foot = 0.152, 0.38 + (0.24 if named else 0.0)
    height = step * (len(lines) + 0.85 * sum(line.look is None for line in lines)) + foot + 0.1
    figure = Figure(figsize=(WIDTH, height))
    panel = figure.add_axes((0.27, foot / height, 0.5, 1 - (foot + 0.1) / height))
    if named:
        key(figure, [], named, markers=True)
    y = 0.0
    places: list[float] = []
    for before, line in zip([None, *lines], lines, strict=False):
        y -= 1.0 if before is None else 1.55 if line.look is None else 1.25 if before.look is None else 1.0
        places.append(y)
    known = [v for line in lines if line.row is not None for v in (line.row["low"], line.row["high"]) if v == v]
    low = min([reference, *known])
    panel.set(ylim=(y - 0.8, 0), xlim=(max(0.0, np.floor(low * 10) / 10) - 0.004, 1.004), xlabel=label)
    panel.spines["left"].set_visible(False)
    panel.set_yticks([])
    panel.grid(axis="x")
    panel.axvline(reference, color=MUTED, linewidth=0.7)
    left, right = panel.get_xlim()
    at = panel.get_yaxis_transform()
    for line, y in zip(lines, places, strict=True):
        if line.look is None:
            panel.text(-0.52, y, line.text, transform=at, fontweight="bold", va="center", fontsize=8)
            panel.text(1.46, y, line.detail, transform=at, color=MUTED, va="center", ha="right", fontsize=7)
            panel.plot([-0.52, 1.46], [y - 0.55] * 2, transform=at, color=RULE, linewidth=0.5, clip_on=False)
            continue
        panel.text(-0.48, y, line.text, transform=at, va="center", fontsize=7.2)
        _estimate(panel, line, y, left, right)
        panel.text(1.46, y, _interval(line), transform=at, va="center", ha="right", fontsize=7.2)
    return figure


def _interval(line: _Line) -> str:
    row = line.row
    if row is None or row["value"] != row["value"]:
        return "not estimable"
    return f"{number(row['value'], 3)} ({number(row['low'], 3)} to {number(row['high'], 3)})"


def _estimate(panel: Axes, line: _Line, y: float, left: float, right: float) -> None:
    row, look = line.row, line.look
    if row is None or look is None or row["value"] != row["value"]:
        return
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if line.pooled:
        if row["prediction_low"] == row["prediction_low"]:
            ends = np.clip([row["prediction_low"], row["prediction_high"]], left, right)
            panel.plot(ends, [y, y], color=look.colour, linewidth=0.8, linestyle=(0, (1, 1)))
            if row["prediction_low"] < left:  # it goes on beyond the axis
                panel.plot([left], [y], marker=4, markersize=4, color=look.colour, clip_on=False)
        corners = [(low, y), (value, y + 0.32), (high, y), (value, y - 0.32)]
        panel.add_patch(Polygon(corners, facecolor=look.colour, edgecolor="none", zorder=3))
        return
    panel.plot([low, high], [y, y], color=look.colour, linewidth=1.2, solid_capstyle="butt")
    panel.plot(
        [value],
        [y],
        marker=look.marker,
        markersize=4.2,
        color=look.colour,
        markeredgecolor="white",
        markeredgewidth=0.5,
    )


@styled
def comparisons(table: pd.DataFrame, metrics: pd.DataFrame, stratum: str | None = None, level: float = 0.95) -> Figure:
    """All pairs of models in one stratum: AUCs on the diagonal, differences below it, p values above.

    Args:
        table: The comparisons table.
        metrics: The metrics table.
        stratum: Which; the headline one by default.
        level: Confidence level of the intervals.
    """
    stratum = stratum or headline(table["stratum"])
    here = table[table["stratum"] == stratum]
    areas = metrics[(metrics["metric"] == "auc") & (metrics["stratum"] == stratum)].set_index("model")
    names = [str(name) for name in areas.index]
    k = len(names)
    size = min(1.0, 5.75 / k)  # inches a cell is wide
    body, head = 0.7 * size * k, 0.5
    height = head + body + 0.36
    figure = Figure(figsize=(WIDTH, height))
    panel = figure.add_axes((1 - k * size / WIDTH, 0.36 / height, k * size / WIDTH, body / height))
    panel.set(xlim=(0, k), ylim=(k, 0))
    font = min(7.2, 8.8 * size)
    panel.set_xticks(np.arange(k) + 0.5, [broken(name, int(13 * size) + 1) for name in names], fontsize=font)
    panel.xaxis.tick_top()
    panel.set_yticks(np.arange(k) + 0.5, [broken(name, 24) for name in names], fontsize=font)
    panel.tick_params(length=0, colors=INK)
    for side in panel.spines.values():
        side.set_visible(False)
    largest = max(0.05, float(here["difference"].abs().max())) if here["difference"].notna().any() else 0.05
    for i, name in enumerate(names):
        panel.add_patch(Rectangle((i, i), 1, 1, facecolor="#eef0f2", edgecolor="white"))
        panel.text(i + 0.5, i + 0.5, number(areas["value"][name], 3), ha="center", va="center", fontweight="bold")
    for _, row in here.iterrows():
        a, b = names.index(row["model_a"]), names.index(row["model_b"])
        i, j = max(a, b), min(a, b)
        _difference_cell(panel, row, (i, j), 1 if a < b else -1, largest, font)
        _p_cell(panel, row, i, j, font)
    figure.text(
        0.01, 0.02 / height, _matrix_legend(stratum, level), va="bottom", fontsize=6.4, color=MUTED, linespacing=1.3
    )
    return figure


def _difference_cell(
    panel: Axes, row: pd.Series, place: tuple[int, int], sign: int, largest: float, font: float
) -> None:
    """AUC of the column less that of the row; `sign` turns the table's difference into that."""
    i, j = place
    value = sign * row["difference"]
    colour = _DIVERGING(0.5 + 0.42 * value / largest) if value == value else (1.0, 1.0, 1.0, 1.0)
    dark = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 0.5
    panel.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, edgecolor="white"))
    if value != value:
        panel.text(j + 0.5, i + 0.5, "not\nestimable", ha="center", va="center", fontsize=font - 1, color=MUTED)
        return
    low, high = sorted((sign * row["low"], sign * row["high"]))
    ink = "white" if dark else INK
    panel.text(j + 0.5, i + 0.36, number(value, 3, sign=True), ha="center", va="center", fontsize=font, color=ink)
    interval = f"{number(low)} to {number(high)}"
    panel.text(j + 0.5, i + 0.68, interval, ha="center", va="center", fontsize=font - 1.2, color=ink)


def _p_cell(panel: Axes, row: pd.Series, i: int, j: int, font: float) -> None:
    primary = bool(row["primary"])
    p = row["p"] if primary else row["p_holm"]
    panel.text(
        i + 0.5,
        j + 0.5,
        p_value(p),
        ha="center",
        va="center",
        fontsize=font,
        fontweight="bold" if primary else "normal",
    )
    if primary:
        for x, y in ((j, i), (i, j)):
            frame = Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, fill=False, edgecolor=INK, linewidth=1.2, zorder=4)
            panel.add_patch(frame)


def _matrix_legend(stratum: str, level: float) -> str:
    return (
        f"{stratum_title(stratum)}. Diagonal: AUC. Below it: AUC of the column minus AUC of the row, "
        f"{_percent(level)} CI.\n"
        "Above it: two-sided p (paired DeLong), Holm-adjusted; framed: the pair that is tested first, unadjusted."
    )
