"""Reader studies: curves and points of readers, each reader's gain and loss, reliance, confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from osteon.core.words import number, p_value
from osteon.readers.words import arm_title, arms_of
from osteon.results.figures.style import INK, MUTED, RULE, WIDTH, caption, note, panels, styled

_WITHOUT, _WITH, _MODEL = "#5c5c5c", "#0072B2", "#E69F00"
_GAIN, _LOSS = "#0072B2", "#D55E00"
_METRICS = {"auc": "AUC", "sensitivity": "Sensitivity", "specificity": "Specificity"}


@styled
def reader_roc(curves: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Left: every reader's ROC curve, the mean of each arm, and the model. Right: how each reader's point moves.

    Args:
        curves: The table of reader ROC curves.
        metrics: The table of reader metrics.
    """
    arms = arms_of(metrics)
    colours = dict(zip(arms, (_WITHOUT, _WITH), strict=False))
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
        f"{arm_title(arms[0])} to {arm_title(arms[-1])}; star: the model.",
    )
    return figure


def _moves(panel: Axes, metrics: pd.DataFrame, arms: list[str]) -> None:
    """An arrow a reader, from the operating point without advice to the one with it; the model as a star."""
    shown = metrics[metrics["metric"].isin(["sensitivity", "specificity"]) & (metrics["reader"] != "all")]
    wide = shown.pivot_table(index=["reader", "arm"], columns="metric", values="value", sort=False).dropna()
    if wide.shape[1] < 2:
        note(panel, "no calls")
        return
    places = zip((1 - wide["specificity"]).tolist(), wide["sensitivity"].tolist(), strict=True)
    points: dict[tuple[str, str], tuple[float, float]] = dict(zip(wide.index.tolist(), places, strict=True))
    for reader in dict.fromkeys(reader for reader, _ in points):
        ends = [points[reader, arm] for arm in arms if (reader, arm) in points]
        if len(ends) == 2:
            arrow = {"arrowstyle": "-|>", "color": _WITH, "linewidth": 0.9, "shrinkA": 2, "shrinkB": 0}
            panel.annotate("", ends[1], ends[0], arrowprops=arrow)
            panel.plot(*ends[0], marker="o", markersize=3.4, color="white", markeredgecolor=_WITHOUT, zorder=3)
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
def reader_gain(comparisons: pd.DataFrame) -> Figure:
    """Each reader's change in AUC, sensitivity and specificity, and the mean over readers with its interval.

    Args:
        comparisons: The table of reader comparisons.
    """
    shown = [name for name in _METRICS if name in set(comparisons["metric"])]
    own = comparisons[comparisons["reader"] != "all"]
    order = own[own["metric"] == shown[0]].sort_values("difference")["reader"].tolist()
    figure, axes, _ = panels(len(shown), columns=3, height=0.9 + 0.19 * (len(order) + 2))
    ends = comparisons[comparisons["metric"].isin(shown)][["low", "high"]]
    limits = (min(ends["low"].min(), 0) - 0.02, max(ends["high"].max(), 0) + 0.02)
    for panel, name in zip(axes, shown, strict=True):
        rows = own[own["metric"] == name].set_index("reader")
        for y, reader in enumerate(order):
            if reader in rows.index:
                _line(panel, rows.loc[reader], y, "o", 1.0)
        mean = comparisons[(comparisons["reader"] == "all") & (comparisons["metric"] == name)].iloc[0]
        _line(panel, mean, -1.6, "D", 2.0)
        panel.axvline(0, color=MUTED, linewidth=0.7)
        panel.axhline(-0.8, color=RULE, linewidth=0.6)
        panel.set_yticks([*range(len(order)), -1.6], [*order, "all readers"] if panel is axes[0] else [])
        panel.set(title=_METRICS[name], xlabel="Change", xlim=limits, ylim=(-2.3, len(order) - 0.3))
        panel.grid(axis="x")
        panel.text(
            0, 1.01, f"{number(mean['difference'], 3, sign=True)}, {p_value(mean['p'])}", transform=panel.transAxes,
            fontsize=6.8, color=MUTED,
        )  # fmt: skip
        panel.set_title(_METRICS[name], pad=13)
    a, b = comparisons["arm_a"].iloc[0], comparisons["arm_b"].iloc[0]
    caption(figure, f"{arm_title(a)} − {arm_title(b)}, with 95% intervals; blue: better, orange: worse.")
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
    figure, axes, _ = panels(max(len(known), 1), columns=2, height=2.9)
    if not known:
        note(axes[0], "neither experience nor receptiveness is known")
    for panel, name in zip(axes, known, strict=False):
        rows = own.dropna(subset=name).sort_values([name, "reader"])
        for place, (_, row) in zip(_apart(rows[name].to_numpy(dtype=float)), rows.iterrows(), strict=True):
            colour = _GAIN if row["difference"] >= 0 else _LOSS
            panel.plot([place, place], [row["without"], row["with"]], color=colour, linewidth=1.6)
            panel.plot([place], [row["without"]], marker="o", markersize=4, color="white", markeredgecolor=_WITHOUT)
            panel.plot([place], [row["with"]], marker="o", markersize=4.4, color=colour)
            top = max(row["without"], row["with"])
            panel.annotate(row["reader"], (place, top), (0, 4), textcoords="offset points", fontsize=6, color=MUTED,
                           ha="center")  # fmt: skip
        panel.set(xlabel=titles[name], ylabel="AUC", title=titles[name].split(" (")[0])
        panel.margins(x=0.08, y=0.12)
        panel.set_title(panel.get_title(), pad=13)
        slope = None if covariates is None else covariates[
            (covariates["property"] == name) & (covariates["metric"] == "auc")
        ]  # fmt: skip
        if slope is not None and len(slope):
            row = slope.iloc[0]
            text = f"gain {number(row['slope'], 4, sign=True)} a {'year' if name == 'experience' else 'point'}"
            limits = f"({number(row['low'], 4)} to {number(row['high'], 4)})"
            panel.text(0, 1.01, f"{text} {limits}", transform=panel.transAxes, fontsize=6.8, color=MUTED)
    caption(figure, "One line a reader. Open: without advice; filled: with advice. Blue: gain, orange: loss.")
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
def reliance(table: pd.DataFrame) -> Figure:
    """What readers made of right and wrong advice: all readers with intervals, and each reader as a point.

    Args:
        table: The reliance table.
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
        "Diamonds: all readers, with 95% intervals (blue: as one would wish; orange: not). Ticks below: each reader.\n"
        "Over-reliance: the wrong advice given as one's own call; under-reliance: the right advice not taken.",
    )
    return figure


@styled
def reader_confidence(table: pd.DataFrame) -> Figure:
    """How often cases read with some confidence were positive, by arm.

    Args:
        table: The table of reader confidence.
    """
    arms = sorted(dict.fromkeys(table["arm"]), key=lambda arm: (arm != "unaided", arm))
    figure, axes, _ = panels(len(arms), columns=2, height=WIDTH / 2)
    for panel, arm, colour in zip(axes, arms, (_WITHOUT, _WITH), strict=False):
        own = table[table["arm"] == arm]
        panel.plot([0, 1], [0, 1], color=RULE, linewidth=0.8, zorder=0)
        panel.vlines(own["confidence"], own["low"], own["high"], color=colour, linewidth=0.9)
        panel.plot(own["confidence"], own["observed"], color=colour, marker="o", markersize=3.6)
        panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel="Confidence", ylabel="Share positive")
        panel.set_title(arm_title(arm)[0].upper() + arm_title(arm)[1:])
        panel.label_outer()
    caption(
        figure, "All readers; bars: 95% intervals with readers and cases random. On the line: confidence at its word."
    )
    return figure
