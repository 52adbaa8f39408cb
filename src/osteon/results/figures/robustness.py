"""How steady models are under changed boxes and pictures: curves, paired differences, and the worst cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.patheffects
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from osteon.core.types import Floats, Pixels
from osteon.core.words import (
    BOX_CHANGES,
    bare_p,
    change_title,
    grade_title,
    headline,
    in_sentence,
    number,
    shown,
    stratum_title,
)
from osteon.results.figures.style import INK, MUTED, RULE, WIDTH, Look, broken, key, models_of, note, panels, styled

#: Kinds of change of the picture.
PICTURES = ("rotation", "gamma", "noise", "blur", "jpeg", "markers")
_MEASURES = {"auc": "AUC", "sd": "SD of a case", "flip_rate": "Calls flipped"}
_MOST_PAIRS = 12
#: How each box of a worst case is drawn: width, dash.
_ROLES: dict[str, tuple[float, Any]] = {
    "drawn": (1.7, "-"),
    "lowest": (1.2, (0, (4, 2))),
    "highest": (1.2, (0, (1, 1.4))),
    "other": (0.4, "-"),
}


@styled
def robustness(table: pd.DataFrame, look: Mapping[str, Look] | None = None, stratum: str | None = None) -> Figure:
    """AUC, spread and flipped calls against the strength of a box change, a column a kind of change.

    Args:
        table: The robustness table.
        look: How models are drawn.
        stratum: Which; the headline one by default.
    """
    return _curves(_by_change(table, stratum, BOX_CHANGES, _MEASURES), look)


@styled
def robustness_centres(table: pd.DataFrame, look: Mapping[str, Look] | None = None) -> Figure:
    """The same measures by centre, under the strongest kind of box change.

    Args:
        table: The robustness table.
        look: How models are drawn.
    """
    kind = [name for name in BOX_CHANGES if name in set(table["kind"])][-1]
    strata = shown(table["stratum"])
    parts = {stratum: table[table["stratum"] == stratum] for stratum in strata}
    return _curves(
        [[(part, kind, metric, stratum_title(name)) for name, part in parts.items()] for metric in _MEASURES], look
    )


@styled
def robustness_pictures(
    table: pd.DataFrame, look: Mapping[str, Look] | None = None, stratum: str | None = None
) -> Figure:
    """AUC and flipped calls under changes of the picture.

    Args:
        table: The robustness table.
        look: How models are drawn.
        stratum: Which; the headline one by default.
    """
    return _curves(_by_change(table, stratum, PICTURES, ("auc", "flip_rate")), look)


_Cell = tuple[pd.DataFrame, str, str, str]  # rows of a stratum, kind of change, metric, title


def _by_change(
    table: pd.DataFrame, stratum: str | None, changes: Sequence[str], metrics: Iterable[str]
) -> list[list[_Cell]]:
    """A row a metric, a column a kind of change that there is."""
    here = table[table["stratum"] == (stratum or headline(table["stratum"]))]
    kinds = [kind for kind in changes if kind in set(here["kind"])]
    return [[(here, kind, metric, change_title(kind)) for kind in kinds] for metric in metrics]


def _curves(rows: Sequence[Sequence[_Cell]], look: Mapping[str, Look] | None) -> Figure:
    """A grid of curves: a row a metric with one scale, a column a kind of change or a stratum."""
    columns = len(rows[0])
    look = models_of(rows[0][0][0], look)
    figure, axes, _ = panels(columns * len(rows), columns=columns, height=1.28)
    for row, cells in enumerate(rows):
        across = axes[row * columns : (row + 1) * columns]
        for column, (panel, (table, kind, metric, title)) in enumerate(zip(across, cells, strict=True)):
            _panel(panel, table, kind, metric, look)
            if row == 0:
                panel.set_title(broken(title, 88 // columns - 4), fontsize=7.5)
            if row + 1 < len(rows):
                panel.set_xticklabels([])
            if column == 0:
                panel.set_ylabel(_MEASURES[metric])
            else:
                panel.set_yticklabels([])
        _same_scale(across, metric)
    key(figure, [], look, markers=True)
    return figure


def _panel(panel: Axes, table: pd.DataFrame, kind: str, metric: str, look: Mapping[str, Look]) -> None:
    of_metric = table[table["metric"] == metric]
    changed = of_metric[of_metric["kind"] == kind]
    # A lower JPEG quality is the stronger change; pictures' grades have units of their own and stand side by side.
    grades = sorted(changed["grade"].unique(), reverse=kind == "jpeg")
    places = grades if kind in BOX_CHANGES else list(range(1, len(grades) + 1))
    step = (max(places, default=1) - 0) * 0.012
    for i, (name, style) in enumerate(look.items()):
        own = changed[changed["model"] == name].set_index("grade").reindex(grades)
        still = of_metric[(of_metric["kind"] == "drawn") & (of_metric["model"] == name)]
        first = still[["value", "low", "high"]].iloc[0] if len(still) else pd.Series(0.0, ["value", "low", "high"])
        if metric == "auc" and still.empty:
            continue
        x = np.array([0.0, *places]) + (i - (len(look) - 1) / 2) * step
        value, low, high = (np.r_[first[column], own[column].to_numpy()] for column in ("value", "low", "high"))
        panel.plot(x, value, marker=style.marker, markersize=2.8, linewidth=1.1, markeredgewidth=0, **style.line)
        panel.vlines(x, low, high, color=style.colour, linewidth=0.7, alpha=0.55)
    if changed["value"].isna().all():
        note(panel, "not\nestimable")
    strengths = [grade_title(kind, grade).removeprefix("quality ") for grade in grades]
    exchanged = kind == "annotators"  # it has no strength: the box is as drawn, or another's
    panel.set_xticks([0, *places], ["as drawn", "another's"] if exchanged else ["0", *strengths])
    panel.tick_params(axis="x", labelsize=6.2)
    panel.grid(axis="y")


def _same_scale(across: Sequence[Axes], metric: str) -> None:
    low = min(panel.get_ylim()[0] for panel in across)
    high = max(panel.get_ylim()[1] for panel in across)
    for panel in across:
        panel.set_ylim((low, min(high, 1.005)) if metric == "auc" else (0, max(high, 0.01)))
        if metric == "flip_rate":
            panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0 if high > 0.05 else 1))
    for panel in across[1:]:
        panel.set_yticklabels([])


@styled
def robustness_comparisons(table: pd.DataFrame, primary: Sequence[str] = (), level: float = 0.95) -> Figure:
    """Paired differences in spread and in flipped calls, all box changes taken together.

    Args:
        table: The table of robustness comparisons.
        primary: The primary pair; where there are many pairs, those with one of its models are shown.
        level: Confidence level of the intervals.
    """
    stratum = headline(table["stratum"])
    first = table[table["primary"]]
    others = table[(table["stratum"] == stratum) & ~table["primary"]]
    chosen = others[others["model_a"].isin(primary) | others["model_b"].isin(primary)]
    others = chosen if len(others) > 2 * len(_PAIRED) * _MOST_PAIRS and len(chosen) else others
    lines: list[tuple[str, pd.DataFrame | None]] = []
    if not first.empty:
        pair = first.iloc[0]
        lines.append((f"{pair['model_a']} − {pair['model_b']}", None))
        lines += [(stratum_title(name), first[first["stratum"] == name]) for name in shown(first["stratum"])]
    if not others.empty:
        lines.append((f"Other pairs, {in_sentence(stratum)}", None))
        pairs = dict.fromkeys(zip(others["model_a"], others["model_b"], strict=True))
        for a, b in list(pairs)[:_MOST_PAIRS]:
            lines.append((f"{a} − {b}", others[(others["model_a"] == a) & (others["model_b"] == b)]))
    step, foot, head = 0.165, 0.62, 0.3
    height = step * len(lines) + foot + head
    figure = Figure(figsize=(WIDTH, height))
    left = 0.41
    width = (1 - left) / len(_PAIRED)
    for column, (metric, title) in enumerate(_PAIRED.items()):
        place = (left + column * width, foot / height, width * 0.52, 1 - (foot + head) / height)
        panel = figure.add_axes(place)
        _differences(panel, lines, metric, named=column == 0)
        panel.set_title(title, fontsize=7.8)
        panel.set_xlabel(f"difference ({100 * level:g}% CI)", fontsize=6.8)
    figure.text(0.01, 0.02 / height, _PAIRS_NOTE, va="bottom", fontsize=6.4, color=MUTED, linespacing=1.3)
    return figure


#: How far left of its first panel the names of a forest begin, in widths of a panel.
_LEFT = 2.58
_PAIRED = {"sd": "SD of a case", "flip_rate": "Calls flipped"}
_PAIRS_NOTE = (
    "Left of zero: the first of the pair is steadier. Right of each panel: two-sided p (Wilcoxon's signed-rank test "
    "over patients),\nunadjusted for the pair that is compared first, Holm-adjusted within the measure for the others."
)


def _differences(panel: Axes, lines: Sequence[tuple[str, pd.DataFrame | None]], metric: str, *, named: bool) -> None:
    at = panel.get_yaxis_transform()
    panel.set(ylim=(len(lines) - 0.3, -0.7), yticks=[])
    panel.spines["left"].set_visible(False)
    panel.axvline(0, color=MUTED, linewidth=0.7)
    panel.grid(axis="x")
    panel.tick_params(axis="x", labelsize=6.2)
    panel.locator_params(axis="x", nbins=3)
    panel.text(1.05, -0.85, "diff.", transform=at, fontsize=6.4, color=MUTED)
    panel.text(1.42, -0.85, "p", transform=at, fontsize=6.4, color=MUTED, style="italic")
    for y, (text, rows) in enumerate(lines):
        if named:
            weight, x = ("bold", -_LEFT) if rows is None else ("normal", 0.05 - _LEFT)
            panel.text(x, y, text if len(text) < 50 else text[:49] + "…", transform=at, va="center", fontsize=6.8,
                       fontweight=weight)  # fmt: skip
        if rows is None:
            continue
        row = rows[rows["metric"] == metric].iloc[0]
        if row["difference"] != row["difference"]:
            panel.text(1.05, y, "not estimable", transform=at, va="center", fontsize=6.4, color=MUTED)
            continue
        panel.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=1.1, solid_capstyle="butt")
        panel.plot([row["difference"]], [y], marker="D" if row["primary"] else "o", markersize=3.6, color=INK)
        p = row["p"] if row["primary"] else row["p_holm"]
        panel.text(1.05, y, number(row["difference"], 3, sign=True), transform=at, va="center", fontsize=6.4)
        panel.text(1.42, y, bare_p(p), transform=at, va="center", fontsize=6.4)


@styled
def robustness_cases(
    table: pd.DataFrame, pictures: Mapping[str, Pixels | Floats], positive: str = "positive"
) -> Figure:
    """The cases that a changed box moved most, with the boxes that did.

    Args:
        table: The table of robustness examples.
        pictures: Case identifier to (h, w) picture in [0, 1]; without one the frame stays empty.
        positive: What the positive class is called.
    """
    cases = list(dict.fromkeys(table["case_id"]))
    columns, gap, head = 4, 0.08, 0.06
    side = (WIDTH - gap * (columns - 1)) / columns
    step = side + 0.66
    height = step * -(-len(cases) // columns) + head + 0.3
    figure = Figure(figsize=(WIDTH, height))
    for i, case_id in enumerate(cases):
        x, top = (i % columns) * (side + gap), height - head - (i // columns) * step
        panel = figure.add_axes((x / WIDTH, (top - side) / height, side / WIDTH, side / height))
        _worst(panel, table[table["case_id"] == case_id], pictures.get(case_id), positive)
    handles = [
        Line2D([], [], color=INK, linewidth=width, linestyle=dash, label=name)
        for (width, dash), name in zip(
            _ROLES.values(), ("as drawn", "lowest probability", "highest probability", "other repeats"), strict=True
        )
    ]
    figure.legend(handles=handles, loc="lower left", ncols=4, handlelength=3.2, fontsize=7, bbox_to_anchor=(-0.01, 0))
    return figure


def _worst(panel: Axes, rows: pd.DataFrame, picture: Pixels | Floats | None, positive: str) -> None:
    panel.set(xticks=[], yticks=[])
    frame, drawn = (rows[rows["role"] == role].iloc[0] for role in ("picture", "drawn"))
    is_positive = frame["label"] == 1
    for spine in panel.spines.values():
        spine.set(visible=True, color=INK if is_positive else RULE, linewidth=1.6 if is_positive else 0.6)
    x0, x1, low, high = (float(frame[name]) for name in ("x0", "x1", "y1", "y0"))
    if picture is None:
        note(panel, "no picture")
    else:
        panel.imshow(
            np.asarray(picture), cmap="gray", vmin=0, vmax=1, interpolation="lanczos", extent=(x0, x1, low, high)
        )
    panel.set(xlim=(x0, x1), ylim=(low, high))
    for role in ("other", "lowest", "highest", "drawn"):
        width, dash = _ROLES[role]
        # White on a black rim: seen on bone and on black alike, on screen and in print.
        rim = [
            matplotlib.patheffects.Stroke(linewidth=width + 1.1, foreground="black"),
            matplotlib.patheffects.Normal(),
        ]
        for _, box in rows[rows["role"] == role].iterrows():
            place = (box["x0"], box["y0"]), box["x1"] - box["x0"], box["y1"] - box["y0"]
            panel.add_patch(
                Rectangle(*place, fill=False, edgecolor="white", linewidth=width, linestyle=dash,
                          path_effects=rim if role != "other" else None, alpha=0.75 if role == "other" else 1)
            )  # fmt: skip
    ends = [rows[rows["role"] == role]["probability"] for role in ("lowest", "highest")]
    told = [values.iloc[0] for values in ends if len(values)]
    below: dict[str, Any] = {"transform": panel.transAxes, "va": "top"}
    reached = " to ".join(number(value) for value in told)
    panel.text(0, -0.04, f"{number(drawn['probability'])} drawn, {reached}", fontsize=7, fontweight="bold", **below)
    strength = grade_title(frame["kind"], frame["grade"])
    change = f"{change_title(frame['kind'])}, {strength}" if strength else change_title(frame["kind"])
    panel.text(0, -0.13, change, fontsize=6.2, **below)
    diagnosis = positive if is_positive else "negative"
    if frame["diagnosis"] not in ("", "0", "1", positive):
        diagnosis += f" ({frame['diagnosis']})"
    panel.text(0, -0.21, diagnosis[:40], fontsize=6.2, **below)
    panel.text(0, -0.29, str(frame["case_id"])[:32], fontsize=5.8, color=MUTED, **below)
