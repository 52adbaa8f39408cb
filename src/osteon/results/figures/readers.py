"""Reader studies: curves and points of readers, each reader's gain and loss, reliance, confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from osteon.core.words import number, p_value
from osteon.readers.words import ANALYSES, arm_title, arms_of, over_what, told
from osteon.results.figures.style import INK, MUTED, RULE, WIDTH, broken, caption, note, panels, styled

_WITHOUT, _WITH, _MODEL = "#5c5c5c", "#0072B2", "#E69F00"
_OTHERS = ("#009E73", "#CC79A7", "#56B4E9", "#7a5195", "#a05d2c")
_GAIN, _LOSS = "#0072B2", "#D55E00"
_METRICS = {"auc": "AUC", "sensitivity": "Sensitivity", "specificity": "Specificity", "lroc": "LROC area"}
_MOST_PAIRS = 6  # of a figure with a row a pair; more are in the tables


def _colours(arms: list[str]) -> dict[str, str]:
    """A colour an arm: grey for the first, which the others are held against."""
    palette = (_WITHOUT, _WITH, *_OTHERS)
    return {arm: palette[i] if i < len(palette) else _OTHERS[(i - 2) % len(_OTHERS)] for i, arm in enumerate(arms)}


def _pairs(table: pd.DataFrame) -> tuple[list[tuple[str, str]], str]:
    """The pairs of arms that a figure shows, and what to say of those it leaves out."""
    found = list(dict.fromkeys(zip(table["arm_a"], table["arm_b"], strict=True)))
    left = len(found) - _MOST_PAIRS
    return found[:_MOST_PAIRS], f" {left} more pairs of arms are in the tables." if left > 0 else ""


def _minus(pair: tuple[str, str]) -> str:
    return f"{arm_title(pair[0])} − {arm_title(pair[1])}"


@styled
def reader_roc(curves: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Left: every reader's ROC curve, the mean of each arm, and the model. Right: how each reader's point moves.

    Args:
        curves: The table of reader ROC curves.
        metrics: The table of reader metrics.
    """
    arms = arms_of(metrics)
    colours = _colours(arms)
    figure, (left, right), _ = panels(2, columns=2, height=WIDTH / 2 + 0.35)
    for panel, title in ((left, "ROC curves"), (right, "Operating points")):
        panel.plot([0, 1], [0, 1], color=RULE, linewidth=0.8, zorder=0)
        panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel="1 − specificity", title=title)
        panel.set_ylabel("Sensitivity")
    for (reader, arm), line in curves.groupby(["reader", "arm"], sort=False):
        if reader == "model":
            style: dict[str, Any] = {"color": _MODEL, "linewidth": 1.4, "linestyle": (0, (5, 1.6))}
        else:
            style = {"color": colours[str(arm)], "linewidth": 2.0 if reader == "all" else 0.5}
        left.plot(
            line["false_positive_rate"], line["sensitivity"], **style,
            alpha=1 if reader in ("all", "model") else 0.45, zorder=3 if reader == "all" else 2,
        )  # fmt: skip
    _moves(right, metrics, arms)
    handles = [Line2D([], [], color=colours[arm], linewidth=2, label=arm_title(arm)) for arm in arms]
    if (curves["reader"] == "model").any():
        handles.append(Line2D([], [], color=_MODEL, linestyle=(0, (5, 1.6)), label="model alone"))
    left.legend(handles=handles, loc="lower right", fontsize=7)
    caption(
        figure,
        "Left: thin, each reader; thick, their mean at equal specificity. Right (enlarged): one arrow a reader, from "
        f"{arm_title(arms[0])} to {' or '.join(map(arm_title, arms[1:])) or 'nowhere'}; star: the model.",
    )
    return figure


def _moves(panel: Axes, metrics: pd.DataFrame, arms: list[str]) -> None:
    """An arrow a reader, from the operating point in the first arm to that in each other; the model as a star."""
    colours = _colours(arms)
    shown = metrics[metrics["metric"].isin(["sensitivity", "specificity"]) & (metrics["reader"] != "all")]
    wide = shown.pivot_table(index=["reader", "arm"], columns="metric", values="value", sort=False).dropna()
    if wide.shape[1] < 2:
        note(panel, "no calls")
        return
    places = zip((1 - wide["specificity"]).tolist(), wide["sensitivity"].tolist(), strict=True)
    points: dict[tuple[str, str], tuple[float, float]] = dict(zip(wide.index.tolist(), places, strict=True))
    for reader in dict.fromkeys(reader for reader, _ in points):
        before = points.get((reader, arms[0]))
        ends = {arm: points[reader, arm] for arm in arms[1:] if (reader, arm) in points}
        if before is not None:
            panel.plot(*before, marker="o", markersize=3.4, color="white", markeredgecolor=_WITHOUT, zorder=3)
        for arm, end in ends.items():
            if before is None:
                panel.plot(*end, marker="o", markersize=3.4, color=colours[arm], zorder=3)
            else:
                arrow = {"arrowstyle": "-|>", "color": colours[arm], "linewidth": 0.9, "shrinkA": 2, "shrinkB": 0}
                panel.annotate("", end, before, arrowprops=arrow)
    if ("model", "alone") in points:
        star: dict[str, Any] = {
            "marker": "*",
            "markersize": 9,
            "color": _MODEL,
            "markeredgecolor": INK,
            "markeredgewidth": 0.4,
        }
        panel.plot(*points["model", "alone"], **star, zorder=4)
    across, up = (np.array(values) for values in zip(*points.values(), strict=True))
    half = max(np.ptp(across), np.ptp(up), 0.2) / 2 + 0.06
    for middle, limits in (
        ((across.min() + across.max()) / 2, panel.set_xlim),
        ((up.min() + up.max()) / 2, panel.set_ylim),
    ):
        start = float(np.clip(middle - half, -0.01, max(1.01 - 2 * half, -0.01)))
        limits(start, start + min(2 * half, 1.02))


@styled
def reader_gain(comparisons: pd.DataFrame, level: float = 0.95) -> Figure:
    """Each reader's change in AUC, sensitivity, specificity and LROC area, and the mean over readers with its interval.

    Above each panel stands which analysis the mean is of.

    Args:
        comparisons: The table of reader comparisons.
        level: Its confidence level.
    """
    pairs, left = _pairs(comparisons)
    shown = [name for name in _METRICS if name in set(comparisons["metric"])]
    own = comparisons[comparisons["reader"] != "all"]
    everyone = told(comparisons)
    order = list(dict.fromkeys(own[own["metric"] == shown[0]].sort_values("difference")["reader"])) if shown else []
    order = order or list(dict.fromkeys(own["reader"]))
    columns = len(shown)
    figure, axes, _ = panels(
        max(len(shown) * len(pairs), 1), columns=max(columns, 1), height=1 + 0.19 * (len(order) + 2)
    )
    ends = comparisons[comparisons["metric"].isin(shown)][["low", "high", "difference"]]
    limits = (np.nanmin([ends.min().min(), 0]) - 0.02, np.nanmax([ends.max().max(), 0]) + 0.02)
    places = [(pair, name) for pair in pairs for name in shown]
    for number_of, (panel, (pair, name)) in enumerate(zip(axes, places, strict=False)):
        here = (own["arm_a"] == pair[0]) & (own["arm_b"] == pair[1])
        rows = own[here & (own["metric"] == name)].set_index("reader")
        for y, reader in enumerate(order):
            if reader in rows.index:
                _line(panel, rows.loc[reader], y, "o", 1.0)
        mean = everyone[
            (everyone["metric"] == name) & (everyone["arm_a"] == pair[0]) & (everyone["arm_b"] == pair[1])
        ].iloc[0]
        _line(panel, mean, -1.6, "D", 2.0)
        panel.axvline(0, color=MUTED, linewidth=0.7)
        panel.axhline(-0.8, color=RULE, linewidth=0.6)
        panel.set_yticks([*range(len(order)), -1.6], [*order, "all readers"] if number_of % columns == 0 else [])
        panel.set(xlabel="Change", xlim=limits, ylim=(-2.3, len(order) - 0.3))
        if len(pairs) > 1 and number_of % columns == 0:
            panel.set_ylabel(broken(_minus(pair), 24))
        panel.grid(axis="x")
        found = f"{number(mean['difference'], 3, sign=True)}, {p_value(mean['p'])}\n{ANALYSES[mean['random']]}"
        if mean["p"] != mean["p"]:
            found = f"{number(mean['difference'], 3, sign=True)}, no interval\n(the tables say why)"
        panel.text(0, 1.01, found, transform=panel.transAxes, fontsize=6.4, color=MUTED, va="bottom")
        panel.set_title(_METRICS[name], pad=21)
    caption(
        figure,
        f"{_minus(pairs[0]) if len(pairs) == 1 else 'Arms compared'}, with {100 * level:g}% intervals; blue: better, "
        f"orange: worse. Readers: over cases; all readers: as said above each panel.{left}",
    )
    return figure


def _line(panel: Axes, row: pd.Series, y: float, marker: str, width: float) -> None:
    colour = _GAIN if row["difference"] >= 0 else _LOSS
    panel.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=width, solid_capstyle="butt")
    panel.plot([row["difference"]], [y], marker=marker, markersize=4.2, color=colour, markeredgecolor="white",
               markeredgewidth=0.5)  # fmt: skip


@styled
def reader_benefit(benefit: pd.DataFrame, covariates: pd.DataFrame | None) -> Figure:
    """One line a reader, from the AUC without to the AUC with advice, at the reader's experience and receptiveness.

    Args:
        benefit: The table of reader benefit.
        covariates: The table of slopes, or None.
    """
    own = benefit[benefit["metric"] == "auc"]
    titles = {"experience": "Years of experience", "receptiveness": "Receptiveness (1 to 5)"}
    known = [name for name in titles if own[name].notna().any()]
    pairs, left = _pairs(own)
    figure, axes, _ = panels(max(len(known) * len(pairs), 1), columns=max(len(known), 1), height=2.9)
    if not known:
        note(axes[0], "neither experience nor receptiveness is known")
    for panel, (pair, name) in zip(axes, [(pair, name) for pair in pairs for name in known], strict=False):
        of_pair = own[(own["arm_a"] == pair[0]) & (own["arm_b"] == pair[1])]
        rows = of_pair.dropna(subset=name).sort_values([name, "reader"])
        for place, (_, row) in zip(_apart(rows[name].to_numpy(dtype=float)), rows.iterrows(), strict=True):
            colour = _GAIN if row["difference"] >= 0 else _LOSS
            panel.plot([place, place], [row["without"], row["with"]], color=colour, linewidth=1.6)
            panel.plot([place], [row["without"]], marker="o", markersize=4, color="white", markeredgecolor=_WITHOUT)
            panel.plot([place], [row["with"]], marker="o", markersize=4.4, color=colour)
            top = max(row["without"], row["with"])
            panel.annotate(row["reader"], (place, top), (0, 4), textcoords="offset points", fontsize=6, color=MUTED,
                           ha="center")  # fmt: skip
        title = titles[name].split(" (")[0] + (f": {_minus(pair)}" if len(pairs) > 1 else "")
        panel.set(xlabel=titles[name], ylabel="AUC")
        panel.margins(x=0.08, y=0.12)
        panel.set_title(title, pad=13)
        slope = None if covariates is None else covariates[
            (covariates["property"] == name) & (covariates["metric"] == "auc")
            & (covariates["arm_a"] == pair[0]) & (covariates["arm_b"] == pair[1])
        ]  # fmt: skip
        if slope is not None and len(slope):
            row = slope.iloc[0]
            text = f"gain {number(row['slope'], 4, sign=True)} a {'year' if name == 'experience' else 'point'}"
            limits = f"({number(row['low'], 4)} to {number(row['high'], 4)})"
            panel.text(0, 1.01, f"{text} {limits}", transform=panel.transAxes, fontsize=6.8, color=MUTED)
    ends = f"Open: {arm_title(pairs[0][1])}; filled: {arm_title(pairs[0][0])}" if len(pairs) == 1 else (
        "Open: the second arm; filled: the first"
    )  # fmt: skip
    caption(figure, f"One line a reader. {ends}. Blue: gain, orange: loss.{left}")
    return figure


def _apart(values: np.ndarray) -> np.ndarray:
    """Ascending places, moved so that no two lines fall on each other."""
    least = 0.035 * (float(np.ptp(values)) or 1.0)
    out = values.copy()
    for i in range(1, len(out)):
        out[i] = max(out[i], out[i - 1] + least)
    return out


_RELIANCE = (
    "changed to right advice",
    "stayed wrong against right advice",
    "changed to wrong advice",
    "stayed right against wrong advice",
    "changed away from agreeing advice",
    "over-reliance",
    "under-reliance",
)
_GOOD = {"changed to right advice", "stayed right against wrong advice"}


@styled
def reliance(table: pd.DataFrame, level: float = 0.95) -> Figure:
    """What readers made of right and wrong advice: all readers with intervals, and each reader as a point.

    Args:
        table: The reliance table.
        level: Its confidence level.
    """
    figure, (panel,), _ = panels(1, columns=1, height=2.9)
    everyone = table[table["reader"] == "all"].set_index("measure")
    for y, measure in enumerate(reversed(_RELIANCE)):
        row = everyone.loc[measure]
        colour = _GAIN if measure in _GOOD else _LOSS
        own = table[(table["reader"] != "all") & (table["measure"] == measure)]["value"].dropna()
        panel.plot(own, [y - 0.22] * len(own), marker="|", linestyle="none", markersize=6, color=MUTED, alpha=0.8)
        if row["value"] == row["value"]:
            panel.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
            panel.plot([row["value"]], [y], marker="D", markersize=5, color=colour, markeredgecolor="white")
        share = f"{100 * row['value']:.0f}%  of {row['n']}" if row["value"] == row["value"] else "none"
        panel.text(1.02, y, share, transform=panel.get_yaxis_transform(), fontsize=7, va="center")
    panel.set_yticks(range(len(_RELIANCE)), [measure[0].upper() + measure[1:] for measure in reversed(_RELIANCE)])
    panel.tick_params(axis="y", labelsize=7.2, labelcolor=INK, length=0)
    panel.set_xticks(np.linspace(0, 1, 6), [f"{100 * x:.0f}%" for x in np.linspace(0, 1, 6)])
    panel.set(xlim=(-0.01, 1.01), ylim=(-0.6, len(_RELIANCE) - 0.4), xlabel="Share of readings")
    panel.grid(axis="x")
    caption(
        figure,
        f"Diamonds: all readers, with {100 * level:g}% intervals (blue: as one would wish; orange: not), "
        f"{over_what(table)}. Ticks below: each reader.\n"
        "Over-reliance: the wrong advice given as one's own call; under-reliance: the right advice not taken.",
    )
    return figure


@styled
def reader_confidence(table: pd.DataFrame, level: float = 0.95) -> Figure:
    """How often cases read with some confidence were positive, by arm.

    Args:
        table: The table of reader confidence.
        level: Its confidence level.
    """
    colours = _colours(arms_of(table.assign(reader="")))
    figure, axes, _ = panels(len(colours), columns=2, height=WIDTH / 2)
    for panel, (arm, colour) in zip(axes, colours.items(), strict=True):
        own = table[table["arm"] == arm]
        panel.plot([0, 1], [0, 1], color=RULE, linewidth=0.8, zorder=0)
        panel.vlines(own["confidence"], own["low"], own["high"], color=colour, linewidth=0.9)
        panel.plot(own["confidence"], own["observed"], color=colour, marker="o", markersize=3.6)
        panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel="Confidence", ylabel="Share positive")
        panel.set_title(arm_title(arm)[0].upper() + arm_title(arm)[1:])
        panel.label_outer()
    caption(
        figure,
        f"All readers; bars: {100 * level:g}% intervals over readers and cases. On the line: confidence at its word.",
    )
    return figure
