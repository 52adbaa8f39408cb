"""How well annotators agree: kappa, overlap, ICC of sides and areas, Bland-Altman of areas, and what differs a box."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Row

from osteon.core import tables
from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate
from osteon.stats import bland_altman, icc, kappa
from osteon.web.annotating.agreement import Outline, matched, outlines, overlap
from osteon.web.annotating.protocol import Annotating

Annotations = Mapping[str, Mapping[str, Row[Any]]]
Pair = tuple[str, Outline, Outline]
_NUMBER = tables.Column("number", filled=False)
_TEXT = tables.Column()
_SIDES = ("x0", "y0", "x1", "y1")


def pairs(annotations: Annotations, a: str, b: str) -> list[Pair]:
    """Case code and outlines of one lesion by two annotators, wherever both outlined it."""
    return [
        (code, one, two)
        for code, there in sorted(annotations.items())
        if a in there and b in there
        for one, two in matched(outlines(there[a].content), outlines(there[b].content))
        if one is not None and two is not None
    ]


def agreement(annotations: Annotations, protocol: Annotating) -> pd.DataFrame:
    """How well each pair of annotators agrees; what cannot be estimated is empty, with the reason."""
    rows = [
        {"annotator_a": a, "annotator_b": b, **row}
        for a, b in combinations(protocol.annotators, 2)
        for row in _of_pair(annotations, a, b, protocol)
    ]
    return pd.DataFrame(rows, columns=list(tables.ANNOTATOR_AGREEMENT.columns))


def _of_pair(annotations: Annotations, a: str, b: str, protocol: Annotating) -> Iterator[dict[str, Any]]:
    both = [there for _, there in sorted(annotations.items()) if a in there and b in there]
    met = pairs(annotations, a, b)
    yield _row("kappa of lesion, none or not usable", lambda: kappa(*_status(both, a, b)))
    if protocol.labels:
        labels = [[each.label for each in side] for side in zip(*((one, two) for _, one, two in met), strict=True)]
        yield _row("kappa of the label, lesions that both outlined", lambda: kappa(*(labels or [[], []])))
    for field in protocol.asked("case"):
        if field.kind == "choice":
            said = [[there[who].content["fields"].get(field.id, "") for there in both] for who in (a, b)]
            yield _row(f"kappa of {field.id}", lambda said=said: kappa(*said))  # type: ignore[misc]
    for who, other in ((a, b), (b, a)):
        alone = sum(
            two is None
            for there in both
            for one, two in matched(outlines(there[who].content), outlines(there[other].content))
            if one is not None
        )
        drawn = sum(len(outlines(there[who].content)) for there in both)
        yield _value(f"outlines by {who} alone", alone, drawn, "count; n: all outlines of the two's common cases")
    overlaps = np.array([overlap(one, two) for _, one, two in met])
    if len(overlaps):
        low, middle, high = np.quantile(overlaps, [0.25, 0.5, 0.75])
        yield {
            **_value("IoU, median", middle, len(overlaps), "quartiles in place of limits"),
            "low": low,
            "high": high,
        }
        yield _value("IoU, mean", float(overlaps.mean()), len(overlaps), "")
        yield _value("IoU below the limit", int((overlaps < protocol.iou).sum()), len(overlaps), "count")
    boxes = np.array([[one.box, two.box] for _, one, two in met]).reshape(-1, 2, 4)
    sides = boxes[:, :, 2:] - boxes[:, :, :2]
    for i, side in enumerate(_SIDES):
        yield _row(f"ICC of {side}", lambda i=i: icc(boxes[:, :, i]))  # type: ignore[misc]
    for i, name in enumerate(("width", "height")):
        yield _row(f"ICC of {name}", lambda i=i: icc(sides[:, :, i]))  # type: ignore[misc]
    areas = np.array([_areas(one, two) for _, one, two in met]).reshape(-1, 2)
    yield _row("ICC of area", lambda: icc(areas))
    try:
        found = bland_altman(areas[:, 0], areas[:, 1])
        for each in (found.bias, found.lower, found.upper):
            yield _estimate(f"area, a - b in square pixels: {each.name}", each)
        found = bland_altman(np.log(areas[:, 0]), np.log(areas[:, 1]))
        for each in (found.bias, found.lower, found.upper):
            value, low, high = map(float, np.exp([each.value, each.low, each.high]))
            ratio = Estimate(value, low, high, f"{each.method}, logarithms", each.n)
            yield _estimate(f"area, a / b: {each.name}", ratio)
    except NotEstimableError as error:
        yield _value("area, a - b", np.nan, len(areas), str(error))


def _areas(one: Outline, two: Outline) -> tuple[float, float]:
    """Of the outlines where both are polygons, of the boxes otherwise."""
    return (one.area, two.area) if one.kind == two.kind else (_boxed(one).area, _boxed(two).area)


def _status(both: list[Mapping[str, Row[Any]]], a: str, b: str) -> tuple[list[str], list[str]]:
    one, two = ([there[who].content["status"] for there in both] for who in (a, b))
    return one, two


def _row(measure: str, estimated: Callable[[], Estimate]) -> dict[str, Any]:
    try:
        return _estimate(measure, estimated())
    except (NotEstimableError, InputError) as error:
        return _value(measure, np.nan, 0, str(error))


def _estimate(measure: str, found: Estimate) -> dict[str, Any]:
    return {
        "measure": measure, "value": found.value, "low": found.low, "high": found.high, "n": found.n,
        "method": found.method,
    }  # fmt: skip


def _value(measure: str, value: float, n: int, method: str) -> dict[str, Any]:
    return {"measure": measure, "value": value, "low": np.nan, "high": np.nan, "n": n, "method": method}


def differences(annotations: Annotations, protocol: Annotating) -> pd.DataFrame:
    """Each box that two annotators drew of a lesion as a change of the other's, both ways.

    Returns:
        case, from, to, iou; dx, dy: shift of the middle in sides of the first box; sx, sy: ratio of the sides.
    """
    rows = []
    for a, b in combinations(protocol.annotators, 2):
        for code, one, two in pairs(annotations, a, b):
            for (whose, start), (other, end) in (((a, one), (b, two)), ((b, two), (a, one))):
                side, wanted = start.box[2:] - start.box[:2], end.box[2:] - end.box[:2]
                shift = ((end.box[:2] + end.box[2:]) - (start.box[:2] + start.box[2:])) / 2 / side
                change = dict(zip(("dx", "dy", "sx", "sy"), (*shift, *(wanted / side)), strict=True))
                iou = overlap(_boxed(one), _boxed(two))
                rows.append({"case": code, "from": whose, "to": other, "iou": iou, **change})
    return pd.DataFrame(rows, columns=list(tables.BOX_DIFFERENCES.columns))


def _boxed(outline: Outline) -> Outline:
    corners = outline.box.reshape(2, 2)
    return Outline(outline.view, outline.lesion, outline.label, "box", corners)


#: What became of suggested boxes: one row an annotator.
SUGGESTIONS = tables.Contract(
    "suggestions",
    {
        "annotator": _TEXT,
        **{
            name: tables.Column("integer", low=0)
            for name in ("cases", "suggested", "accepted", "changed", "rejected", "added")
        },
        "seconds": _NUMBER,
        "seconds_without": _NUMBER,
    },
)


def suggestions(annotations: Annotations, offered: Mapping[str, list[Row[Any]]], protocol: Annotating) -> pd.DataFrame:
    """Of the suggestions on the cases that an annotator has done: accepted as they were, changed, rejected.

    Returns:
        One row an annotator; ``added``: outlines made of none, on cases with suggestions; ``seconds``: median a case
        with suggestions, and without.
    """
    rows = []
    for who in protocol.annotators:
        counts = dict.fromkeys(("cases", "suggested", "accepted", "changed", "rejected", "added"), 0)
        times: tuple[list[float], list[float]] = ([], [])
        for code, there in annotations.items():
            if who not in there:
                continue
            suggested = {row.number: row for row in offered.get(code, ())}
            times[not suggested].append(there[who].seconds)
            if not suggested:
                continue
            drawn = outlines(there[who].content)
            used = {each.suggestion: each for each in drawn if each.suggestion is not None}
            same = [
                number
                for number, each in used.items()
                if each.kind == "box" and np.allclose(each.box, suggested[number].box, atol=0.01)
            ]
            counts["cases"] += 1
            counts["suggested"] += len(suggested)
            counts["accepted"] += len(same)
            counts["changed"] += len(used) - len(same)
            counts["rejected"] += len(suggested) - len(used)
            counts["added"] += sum(each.suggestion is None for each in drawn)
        medians = [float(np.median(each)) if each else np.nan for each in times]
        rows.append({"annotator": who, **counts, "seconds": medians[0], "seconds_without": medians[1]})
    return pd.DataFrame(rows, columns=list(SUGGESTIONS.columns))
