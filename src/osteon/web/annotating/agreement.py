"""Where annotators agree: their outlines met lesion by lesion, and what differs beyond the protocol's limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from osteon.core.types import Floats
from osteon.io.regions import fill_polygons
from osteon.web.annotating.protocol import Annotating

Content = Mapping[str, Any]
#: What is said of a case, in words.
STATUS = {"lesions": "lesions", "none": "no lesion", "unusable": "not usable"}


@dataclass(frozen=True, eq=False)
class Outline:
    """One outline of a lesion on a picture.

    Attributes:
        view: The picture's number within the case.
        lesion: The annotator's number of the lesion.
        label: What the lesion is called.
        kind: ``box`` or ``polygon``.
        points: (n, 2) x and y: two corners of a box, or all corners of a polygon.
        suggestion: The number of the suggestion that it was made from.
    """

    view: int
    lesion: int
    label: str
    kind: str
    points: Floats
    suggestion: int | None = None

    @property
    def box(self) -> Floats:
        """(4,) x0, y0, x1, y1."""
        return np.concatenate([self.points.min(axis=0), self.points.max(axis=0)])

    @property
    def corners(self) -> Floats:
        """(n, 2) of the outline, a box as a polygon."""
        if self.kind == "polygon":
            return self.points
        x0, y0, x1, y1 = self.box
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])

    @property
    def area(self) -> float:
        """In pixels, by the shoelace formula."""
        x, y = self.corners.T
        return float(abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2)


def outlines(content: Content) -> list[Outline]:
    """The outlines of an annotation."""
    lesions = content["lesions"]
    return [
        Outline(
            shape["view"],
            shape["lesion"],
            lesions.get(str(shape["lesion"]), {}).get("label", ""),
            shape["kind"],
            np.asarray(shape["points"], dtype=np.float64),
            shape["suggestion"],
        )
        for shape in content["shapes"]
    ]


def overlap(a: Outline, b: Outline) -> float:
    """Intersection over union: of the areas where both are polygons, by pixel centres; of the boxes otherwise."""
    low, high = np.maximum(a.box[:2], b.box[:2]), np.minimum(a.box[2:], b.box[2:])
    if not (high > low).all():
        return 0.0
    if a.kind == b.kind == "polygon":
        start = np.floor(np.minimum(a.box[:2], b.box[:2]))
        wide, tall = np.ceil(np.maximum(a.box[2:], b.box[2:]) - start).astype(int)
        one, two = (fill_polygons([each.points - start], (tall, wide)) for each in (a, b))
        union = int((one | two).sum())
        return float((one & two).sum() / union) if union else 0.0
    common = float(np.prod(high - low))
    areas = [float(np.prod(each.box[2:] - each.box[:2])) for each in (a, b)]
    return common / (sum(areas) - common)


def matched(a: Sequence[Outline], b: Sequence[Outline]) -> list[tuple[Outline | None, Outline | None]]:
    """Pairs of outlines of one lesion: on each picture the pairing with the greatest sum of overlaps.

    Returns:
        Pairs that overlap, then what one of them alone outlined, the other being None.
    """
    pairs: list[tuple[Outline | None, Outline | None]] = []
    single: list[tuple[Outline | None, Outline | None]] = []
    for view in sorted({each.view for each in (*a, *b)}):
        mine, theirs = ([each for each in of if each.view == view] for of in (a, b))
        overlaps = np.array([[overlap(one, two) for two in theirs] for one in mine]).reshape(len(mine), len(theirs))
        rows, columns = linear_sum_assignment(-overlaps)
        met = [(i, j) for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if overlaps[i, j] > 0]
        pairs += [(mine[i], theirs[j]) for i, j in met]
        single += [(one, None) for i, one in enumerate(mine) if i not in {i for i, _ in met}]
        single += [(None, two) for j, two in enumerate(theirs) if j not in {j for _, j in met}]
    return pairs + single


def differences(a: Content, b: Content, protocol: Annotating) -> list[str]:
    """In what two annotations of a case differ beyond the limits, in words; nothing where they agree."""
    if a["status"] != b["status"]:
        said = sorted(STATUS[each["status"]] for each in (a, b))
        return [f"one says {said[0]}, one {said[1]}"]
    found = []
    for one, two in matched(outlines(a), outlines(b)):
        outline = one or two
        assert outline is not None
        where = f"picture {outline.view}"
        if one is None or two is None:
            found.append(f"a lesion on {where} was outlined by one alone")
            continue
        shared = overlap(one, two)
        if shared < protocol.iou:
            found.append(f"outlines on {where} have an IoU of {shared:.2f}")
        if one.label != two.label:
            found.append(f"a lesion on {where} is {one.label or 'without a label'} or {two.label or 'without a label'}")
    return list(dict.fromkeys(found))


def why(contents: Sequence[Content], protocol: Annotating) -> str:
    """In what any two of several annotations of a case differ; empty where all agree."""
    found = [
        what
        for i, a in enumerate(contents)
        for b in contents[i + 1 :]
        for what in differences(a, b, protocol)
    ]  # fmt: skip
    return "; ".join(dict.fromkeys(found))
