"""What is agreed or decided of each case, as lesions on pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Row

from osteon.core.types import Floats
from osteon.web.annotating.agreement import Content, Outline, matched, outlines, overlap, why
from osteon.web.annotating.protocol import Annotating


@dataclass(frozen=True, eq=False)
class Result:
    """One lesion on one picture.

    Attributes:
        view: The picture's number within the case.
        lesion: The lesion's number within the case.
        label: What it is called.
        box: (4,) x0, y0, x1, y1.
        polygon: (n, 2) corners, or None where the lesion has a box alone.
        fields: What was asked of lesion, picture and case.
        by: ``agreed``, ``adjudicated`` or ``one annotator``.
    """

    view: int
    lesion: int
    label: str
    box: Floats
    polygon: Floats | None
    fields: Mapping[str, str]
    by: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a case.

    Attributes:
        results: Its lesions.
        reason: Why there are none; empty where there are.
    """

    results: Sequence[Result]
    reason: str


def outcome(code: str, there: Mapping[str, Row[Any]], protocol: Annotating) -> Outcome:
    """What is agreed or decided of a case.

    A box is the mean of the annotators' sides. Of several polygons the one is taken that overlaps most with the others,
    by a draw where they tie: it is an outline that somebody drew. What the adjudicator decided goes before all.

    Args:
        code: The case; it settles ties.
        there: The annotations that count, by person.
        protocol: Who annotates, and when they differ.
    """
    decided = there.get(protocol.adjudicator) if protocol.adjudicator else None
    if decided is not None:
        return _said(decided.content, "adjudicated", protocol)
    if missing := [each for each in protocol.annotators if each not in there]:
        return Outcome((), f"not yet annotated by {', '.join(missing)}")
    contents = [there[each].content for each in protocol.annotators]
    if reason := why(contents, protocol):
        return Outcome((), f"not yet decided: {reason}")
    by = "agreed" if len(contents) > 1 else "one annotator"
    if contents[0]["status"] != "lesions" or len(contents) == 1:
        return _said(contents[0], by, protocol)
    first = outlines(contents[0])
    groups = [[each] for each in first]
    for other in contents[1:]:
        pairs = {id(a): b for a, b in matched(first, outlines(other)) if a is not None and b is not None}
        for group in groups:
            group.append(pairs[id(group[0])])
    return Outcome([_together(code, group, contents[0], by, protocol) for group in groups], "")


def _said(content: Content, by: str, protocol: Annotating) -> Outcome:
    """What one person said."""
    if content["status"] == "none":
        return Outcome((), f"no lesion ({by})")
    if content["status"] == "unusable":
        return Outcome((), f"not usable ({by}): {content['reason']}")
    return Outcome([_together("", [each], content, by, protocol) for each in outlines(content)], "")


def _together(code: str, group: Sequence[Outline], content: Content, by: str, protocol: Annotating) -> Result:
    first = group[0]
    polygons = [each for each in group if each.kind == "polygon"]
    polygon = None
    if len(polygons) == len(group):
        polygon = _middle(code, polygons).points
        box = np.concatenate([polygon.min(axis=0), polygon.max(axis=0)])
    else:
        box = np.mean(np.array([each.box for each in group]), axis=0).round(3)
    lesion = content["lesions"].get(str(first.lesion), {})
    picture = content["pictures"].get(str(first.view), {})
    told = {"lesion": lesion.get("fields", {}), "picture": picture, "case": content["fields"]}
    fields = {field.id: str(told[field.of].get(field.id, "")) for field in protocol.fields}
    return Result(first.view, first.lesion, first.label, box, polygon, fields, by)


def _middle(code: str, polygons: Sequence[Outline]) -> Outline:
    """The outline that overlaps most with the others; the case's name draws where some do alike."""
    shared = [sum(overlap(a, b) for b in polygons if b is not a) for a in polygons]
    best = [i for i, value in enumerate(shared) if np.isclose(value, max(shared))]
    return polygons[best[hashlib.sha256(code.encode()).digest()[0] % len(best)]]
