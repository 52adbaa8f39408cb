"""How much a group of strokes is like text: a small network on sixteen measures of it.

Fitted by ``bench/burned-in`` to text drawn with many fonts, sizes and contrasts into synthetic and real radiographs,
against all other groups of strokes there.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osteon.io.burned.lines import Group

Kind = Literal["line", "word", ""]

LIMIT = 4.0  # standard deviations at which a measure is cut
_LONG = 2.2  # letter sizes: the least length of a word whose letters have run together


def kind(group: Group) -> Kind:
    """``line``: three pieces or more. ``word``: fewer, but long enough for several letters. Empty: a letter or less."""
    if len(group.pieces) > 2:
        return "line"
    return "word" if group.length > _LONG * group.size else ""


def features(group: Group) -> NDArray[np.float64]:
    """(16,) measures of size, form, contrast and evenness."""
    p = group.pieces
    weight = p.area / p.area.sum()
    return np.array(
        [
            np.log(len(p)),
            np.log(group.size),
            weight @ np.minimum(p.winding, 3),
            weight @ p.fill,
            min(p.peak.std() / p.peak.mean(), 0.5),
            np.log(min(np.median(p.peak / p.quiet), 10)),
            np.log(np.median(p.peak)),
            np.median(p.spread / p.peak),
            min(p.height.std() / p.height.mean(), 1),
            min(p.width.std() / p.width.mean(), 1.5),
            np.log(group.length / group.size),
            p.area.sum() / (group.length * group.thickness),
            min(group.ragged, 0.3),
            np.log(np.median(p.width / p.height)),
            np.log(np.median(p.edge) + 1e-6),
            p.fill.std(),
        ]
    )


def score(group: Group) -> float:
    """Log odds that a group is text; minus infinity for a letter or less."""
    which = kind(group)
    if not which:
        return -np.inf
    w = _weights()[which]
    inputs = np.clip((features(group) - w["mean"]) / w["scale"], -LIMIT, LIMIT)
    return float((np.maximum(inputs @ w["hidden"] + w["bias"], 0) @ w["out"] + w["offset"]).item())


@lru_cache(maxsize=1)
def _weights() -> dict[str, dict[str, NDArray[np.float64]]]:
    stored = json.loads(Path(__file__).with_name("scores.json").read_text(encoding="utf-8"))
    return {name: {part: np.array(values) for part, values in one.items()} for name, one in stored.items()}
