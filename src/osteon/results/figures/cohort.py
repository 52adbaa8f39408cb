"""Who was studied: the flow diagram, and cases to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from osteon.core.types import Floats, Pixels
from osteon.core.words import counted, stratum_title
from osteon.results.figures.style import INK, MUTED, WIDTH, note, styled

_LINE = 0.165  # inches a line of text
_GROUPS_A_ROW = 4
_EXAMPLES = {"right": "Confident and right", "wrong": "Confident and wrong", "borderline": "Closest to the threshold"}


@styled
def flow(content: Mapping[str, Any]) -> Figure:
    """The flow of cases from the table to the groups, in STARD's manner.

    Args:
        content: What ``flow.json`` holds: positive, stages, excluded, groups.
    """
    stages, excluded, groups = (list(content.get(name) or []) for name in ("stages", "excluded", "groups"))
    positive = str(content.get("positive", "positive"))
    inner = [_Box([_first_upper(s["name"])], [_count(s)]) for s in stages]
    out = [_left_box(reasons) for reasons in leaving(stages, excluded)]
    leaves = [_group_box(group, positive) for group in groups]
    rows = [leaves[i : i + _GROUPS_A_ROW] for i in range(0, len(leaves), _GROUPS_A_ROW)]
    gap = 0.34
    spaces = [gap if box is None else max(gap, box.height + 0.1) for box in out]
    trunk = sum(box.height for box in inner) + sum(spaces)
    height = trunk + sum(max(box.height for box in row) + gap + 0.1 for row in rows) + 0.15
    figure = Figure(figsize=(WIDTH, height))
    panel = figure.add_axes((0, 0, 1, 1))
    panel.set(xlim=(0, WIDTH), ylim=(-height + 0.05, 0.05))
    panel.axis("off")
    bottom = _trunk(panel, inner, out, spaces)
    _leaves(panel, rows, bottom, gap, centre=_TRUNK_X)
    return figure


_TRUNK_X, _TRUNK_WIDTH = 2.3, 2.9


class _Box:
    """A box of the flow: a bold head and lines below."""

    def __init__(self, head: Sequence[str], lines: Sequence[str], fill: str = "white") -> None:
        self.head, self.lines, self.fill = list(head), list(lines), fill
        self.height = _LINE * (len(self.head) + len(self.lines)) + 0.14

    def draw(self, panel: Axes, x: float, top: float, width: float, *, centred: bool = True) -> None:
        """Draw with the left edge at `x` and the upper one at `top`."""
        frame = FancyBboxPatch(
            (x, top - self.height),
            width,
            self.height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=self.fill,
            edgecolor=INK,
            linewidth=0.8,
        )
        panel.add_patch(frame)
        at, align = (x + width / 2, "center") if centred else (x + 0.1, "left")
        for i, text in enumerate(self.head + self.lines):
            y = top - 0.07 - _LINE * (i + 0.5)
            bold = "bold" if i < len(self.head) else "normal"
            panel.text(at, y, text, ha=align, va="center", fontsize=7.6, fontweight=bold)


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _count(stage: Mapping[str, Any]) -> str:
    patients = f", {counted(stage['patients'], 'patient')}" if stage.get("patients") else ""
    return counted(stage["cases"], "case") + patients


def leaving(stages: Sequence[Mapping[str, Any]], excluded: Sequence[Mapping[str, Any]]) -> list[list[tuple[int, str]]]:
    """Who left between each stage and the next, as numbers and reasons.

    A reason says which stage its cases did not reach. Where it does not, it stands where the count falls by as much;
    what reasons do not account for is said to have none, so that every number follows from the one above it.
    """
    left, gaps = list(excluded), []
    for before, after in pairwise(stages):
        out, here = int(before["cases"]) - int(after["cases"]), list[tuple[int, str]]()
        for each in [e for e in left if e.get("stage", after["name"]) == after["name"] and 0 < int(e["cases"]) <= out]:
            if int(each["cases"]) <= out:
                out -= int(each["cases"])
                here.append((int(each["cases"]), str(each["reason"])))
                left.remove(each)
        gaps.append([*here, (out, "no reason recorded")] if out > 0 else here)
    return gaps


def _left_box(reasons: Sequence[tuple[int, str]]) -> _Box | None:
    if not reasons:
        return None
    lines = [line for n, reason in reasons for line in _wrapped(f"{n:,}  {reason}")]
    return _Box([f"{counted(sum(n for n, _ in reasons), 'case')} set aside"], lines)


def _wrapped(line: str, width: int = 44) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="    ")


def _group_box(group: Mapping[str, Any], positive: str) -> _Box:
    inside = group.get("role") == "development"
    share = f" ({group['positive'] / group['cases']:.0%})" if group["cases"] else ""
    title = "Development" if inside else stratum_title(str(group["name"]))
    lines = [counted(group["cases"], "case"), counted(group.get("patients", 0), "patient")]
    lines += [
        f"{group['positive']:,} {positive}{share}",
        "models, thresholds fixed" if inside else "sealed until the end",
    ]
    return _Box([title], lines, fill="#eaf1f7" if inside else "#f6f6f4")


def _arrow(panel: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    panel.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "linewidth": 0.8, "color": INK, "shrinkA": 0, "shrinkB": 0}
    )


def _trunk(panel: Axes, inner: Sequence[_Box], out: Sequence[_Box | None], spaces: Sequence[float]) -> float:
    """The stages below one another, beside each arrow who left there; returns the lower end."""
    x, left = _TRUNK_X - _TRUNK_WIDTH / 2, _TRUNK_X + _TRUNK_WIDTH / 2 + 0.25
    top = 0.0
    for i, box in enumerate(inner):
        box.draw(panel, x, top, _TRUNK_WIDTH)
        top -= box.height
        if i + 1 == len(inner):
            break
        _arrow(panel, (_TRUNK_X, top), (_TRUNK_X, top - spaces[i]))
        aside, joint = out[i], top - spaces[i] / 2
        if aside is not None:
            _arrow(panel, (_TRUNK_X, joint), (left, joint))
            aside.draw(panel, left, joint + aside.height / 2, WIDTH - left - 0.05, centred=False)
        top -= spaces[i]
    return top


def _leaves(panel: Axes, rows: Sequence[Sequence[_Box]], top: float, gap: float, centre: float) -> None:
    """The groups side by side under a common bar."""
    for row in rows:
        bar = top - gap / 2
        width = min(1.72, (WIDTH - 0.1) / len(row) - 0.1)
        xs = 0.05 + (WIDTH - 0.1) / len(row) * (np.arange(len(row)) + 0.5) - width / 2
        middles = xs + width / 2
        panel.plot([centre, centre], [top, bar], color=INK, linewidth=0.8)
        panel.plot([min(middles.min(), centre), max(middles.max(), centre)], [bar, bar], color=INK, linewidth=0.8)
        lowest = top - gap - 0.1
        for x, middle, box in zip(xs, middles, row, strict=True):
            _arrow(panel, (middle, bar), (middle, lowest))
            box.draw(panel, x, lowest, width)
        top = lowest - max(box.height for box in row)
        centre = float(middles.mean())


@styled
def examples(table: pd.DataFrame, thumbnails: Mapping[str, Pixels | Floats], positive: str = "positive") -> Figure:
    """Crops of the most confident hits and misses and of the closest calls.

    Args:
        table: The examples table.
        thumbnails: Case identifier to (h, w) crop in [0, 1], bone bright; without one the frame stays empty.
        positive: What the positive class is called.
    """
    groups = [name for name in _EXAMPLES if name in set(table["group"])]
    columns = max(1, int(table.groupby("group").size().max())) if len(table) else 1
    side = (WIDTH - 0.06 * (columns - 1)) / max(columns, 6)
    step = side + 0.74
    height = step * len(groups) + 0.05
    figure = Figure(figsize=(WIDTH, height))
    for i, group in enumerate(groups):
        top = height - 0.2 - i * step
        figure.text(0, (top + 0.06) / height, _EXAMPLES[group], fontweight="bold", fontsize=8.5, va="bottom")
        rows = table[table["group"] == group]
        for j, (_, row) in enumerate(rows.iterrows()):
            x = j * (side + 0.06)
            panel = figure.add_axes((x / WIDTH, (top - side) / height, side / WIDTH, side / height))
            _thumbnail(panel, row, thumbnails.get(str(row["case_id"])), positive)
    return figure


def _thumbnail(panel: Axes, row: pd.Series, picture: Pixels | Floats | None, positive: str) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    is_positive = row["label"] == 1
    for spine in panel.spines.values():
        spine.set(visible=True, color=INK if is_positive else MUTED, linewidth=1.6 if is_positive else 0.6)
    if picture is None:
        note(panel, "no picture")
    else:
        panel.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=1, interpolation="lanczos", aspect="equal")
    below: dict[str, Any] = {"transform": panel.transAxes, "va": "top"}
    panel.text(0, -0.05, f"{row['probability']:.2f}", fontsize=7, fontweight="bold", **below)
    panel.text(1, -0.05, positive if is_positive else "negative", ha="right", fontsize=6.4, **below)
    panel.text(0, -0.17, str(row["case_id"])[:24], fontsize=5.8, color=MUTED, **below)
    if row["diagnosis"] not in ("", "0", "1", positive):
        panel.text(0, -0.28, str(row["diagnosis"])[:24], fontsize=6.2, **below)
