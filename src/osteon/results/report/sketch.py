"""Small pictures for the first page: plain SVG in the page's own colours, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from osteon.core.words import number

_WIDTH = 380
_LEFT, _RIGHT = 132, 112  # room for names, and for numbers
_ROW = 19
_PANEL_HEIGHT = 150
_LETTER = 5.6  # width of one in a key


@dataclass(frozen=True)
class Whisker:
    """An estimate with its interval.

    Attributes:
        name: What it is of.
        value: The estimate; nan where there is none.
        low: Lower limit.
        high: Upper limit.
        colour: Of its mark.
    """

    name: str
    value: float
    low: float
    high: float
    colour: str


@dataclass(frozen=True)
class Line:
    """A curve of a panel.

    Attributes:
        name: As the key says it.
        x: Its points.
        y: Their heights.
        colour: Its colour; the page's muted one where empty.
        dash: SVG's ``stroke-dasharray``.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = ""
    dash: str = ""


@dataclass(frozen=True)
class Panel:
    """Curves under one title.

    Attributes:
        title: What is drawn.
        across: What runs to the right.
        lines: The curves.
        limits: Least and greatest of x and of y.
    """

    title: str
    across: str
    lines: Sequence[Line]
    limits: tuple[float, float, float, float]


def whiskers(rows: Sequence[Whisker], axis: str, reference: float | None = None, *, signed: bool = False) -> Markup:
    """Estimates below one another, with their numbers at the right.

    Args:
        rows: From top to bottom.
        axis: What is measured.
        reference: Where a line stands for no difference, or for chance.
        signed: Whether numbers bear a sign.
    """
    known = [v for row in rows for v in (row.value, row.low, row.high) if v == v]
    known += [] if reference is None else [reference]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = 0.04 * (high - low or 1)
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low), 1)

    parts = []
    bottom = _ROW * len(rows) + 4
    if reference is not None:
        x = at(reference)
        parts.append(Markup('<line class="rule" x1="{}" x2="{}" y1="0" y2="{}"/>').format(x, x, bottom))
    for i, row in enumerate(rows):
        y = _ROW * (i + 0.5) + 2
        name = row.name if len(row.name) <= 24 else row.name[:23] + "…"
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(y + 4, name))
        if row.value != row.value:
            told = "not estimable"
        else:
            told = number(row.value, 2, sign=signed)
            if row.low == row.low:
                told += f" ({number(row.low)} to {number(row.high)})"
                ends = at(row.low), at(row.high)
                bar = Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}" stroke-width="2"/>')
                parts.append(bar.format(*ends, y, y, row.colour))
            parts.append(Markup('<circle cx="{}" cy="{}" r="4" fill="{}"/>').format(at(row.value), y, row.colour))
        parts.append(Markup('<text class="value" x="{}" y="{}">{}</text>').format(_WIDTH, y + 4, told))
    ends_at = (_LEFT, "start", low + room), (_WIDTH - _RIGHT, "end", high - room)
    ticks: list[tuple[float, str, float]] = list(ends_at)
    if reference is not None:
        ticks = [end for end in ends_at if _apart(end[0], at(reference))]
        ticks.append((at(reference), "middle", reference))
    for x, anchor, value in ticks:
        tick = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
        parts.append(tick.format(x, bottom + 12, anchor, number(value, 2, sign=signed)))
    foot = Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>')
    parts.append(foot.format((_LEFT + _WIDTH - _RIGHT) / 2, bottom + 26, axis))
    spoken = "; ".join(f"{row.name} {number(row.value, 2, sign=signed)}" for row in rows)
    return _svg(parts, bottom + 31, f"{axis}: {spoken}")


def _apart(end: float, rule: float) -> bool:
    """Whether a number at the end of the axis leaves room for that of the line."""
    return abs(end - rule) > 44


def panels(drawn: Sequence[Panel]) -> Markup:
    """Panels of curves side by side, with one key below."""
    wide = (_WIDTH - 24 * (len(drawn) - 1)) / len(drawn)
    parts: list[Markup] = []
    for i, panel in enumerate(drawn):
        left = i * (wide + 24)
        x0, x1, y0, y1 = panel.limits
        top, inner = 18, _PANEL_HEIGHT - 18
        parts.append(Markup('<text class="head" x="{}" y="11">{}</text>').format(left, panel.title))
        frame = Markup('<path class="axis" d="M{} {}V{}H{}"/>')
        parts.append(frame.format(left, top, _PANEL_HEIGHT, left + wide))
        for line in panel.lines:
            points = [
                f"{left + wide * (x - x0) / (x1 - x0):.1f},{top + inner * (1 - (y - y0) / (y1 - y0)):.1f}"
                for x, y in zip(np.clip(line.x, x0, x1), np.clip(line.y, y0, y1), strict=True)
            ]
            style = Markup(' stroke="{}"').format(line.colour) if line.colour else Markup(' class="muted"')
            drawn_as = Markup('<polyline points="{}" fill="none" stroke-width="2" stroke-dasharray="{}"{}/>')
            parts.append(drawn_as.format(" ".join(points), line.dash or "none", style))
        tick = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
        parts.append(tick.format(left, _PANEL_HEIGHT + 12, "start", f"{x0:g}"))
        parts.append(tick.format(left + wide, _PANEL_HEIGHT + 12, "end", f"{x1:g}"))
        parts.append(tick.format(left + wide / 2, _PANEL_HEIGHT + 12, "middle", panel.across))
    named = list({line.name: line for panel in drawn for line in panel.lines if line.name}.values())
    x, y = 0.0, _PANEL_HEIGHT + 29
    for line in named:
        room = 27 + _LETTER * len(line.name)
        if x and x + room > _WIDTH:
            x, y = 0.0, y + 15
        style = Markup(' stroke="{}"').format(line.colour) if line.colour else Markup(' class="muted"')
        key = Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" stroke-width="2" stroke-dasharray="{}"{}/>')
        parts.append(key.format(x, x + 22, y - 4, y - 4, line.dash or "none", style))
        parts.append(Markup('<text class="tick" x="{}" y="{}">{}</text>').format(x + 27, y, line.name))
        x += room + 14
    return _svg(parts, y + 5, "; ".join(panel.title for panel in drawn))


def bars(rows: Sequence[tuple[str, int, int]], positive: str) -> Markup:
    """How many cases of each class there are.

    Args:
        rows: Name, cases, positive cases.
        positive: What the positive class is called.
    """
    most = max([cases for _, cases, _ in rows] + [1])
    wide, parts = _WIDTH - _LEFT - _RIGHT, []
    for i, (name, cases, hits) in enumerate(rows):
        y = _ROW * i + 3
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(y + 12, name[:24]))
        parts.append(Markup('<rect class="all" x="{}" y="{}" width="{:.1f}" height="13"/>').format(
            _LEFT, y, wide * cases / most))  # fmt: skip
        parts.append(Markup('<rect class="hits" x="{}" y="{}" width="{:.1f}" height="13"/>').format(
            _LEFT, y, wide * hits / most))  # fmt: skip
        parts.append(
            Markup('<text class="value" x="{}" y="{}">{:,} of {:,}</text>').format(_WIDTH, y + 12, hits, cases)
        )
    bottom = _ROW * len(rows) + 4
    parts.append(Markup('<text class="tick" x="{}" y="{}">dark: {}</text>').format(_LEFT, bottom + 12, positive))
    spoken = "; ".join(f"{name}: {hits} {positive} of {cases} cases" for name, cases, hits in rows)
    return _svg(parts, bottom + 18, spoken)


def _svg(parts: Sequence[Markup], height: float, spoken: str) -> Markup:
    opening = Markup('<svg class="sketch" role="img" aria-label="{}" viewBox="-5 0 {} {}">')
    return opening.format(spoken, _WIDTH + 10, round(height)) + Markup("").join(parts) + Markup("</svg>")
