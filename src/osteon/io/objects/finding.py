"""What results say, as plain values: by whom, and of which lesion."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osteon.core.types import Floats
from osteon.core.version import __version__


@dataclass(frozen=True)
class Author:
    """The model that says it.

    Attributes:
        name: What its study calls it.
        identity: Its SHA-256.
        positive: The class whose probability it tells.
        cuts: Threshold of each operating point.
        notice: What it is not for.
        synthetic: Whether it was made from synthetic data.
        version: Of osteon.
    """

    name: str
    identity: str
    positive: str
    cuts: Mapping[str, float]
    notice: str
    synthetic: bool
    version: str = __version__

    @property
    def warnings(self) -> tuple[str, ...]:
        """What every object says of itself."""
        return (self.notice, *["The model was made from SYNTHETIC DATA."] * self.synthetic)


@dataclass(frozen=True, eq=False)
class Finding:
    """What it says of one lesion.

    Attributes:
        case_id: The case.
        box: x0, y0, x1, y1 in pixels, from the upper left corner of the first.
        probability: Of the positive class.
        folds: Least and greatest probability over the models of the folds.
        recalibrated: The probability recalibrated on development; nan where that could not be fitted.
        calls: The class at each operating point.
        unlike: Whether the case is unlike the development cases; None where the model tells nothing of that.
        mask: (H, W) the lesion as it was given; None where it was not.
        heat: (H, W) map of where the model looks, in [0, 1]; None where it has none.
    """

    case_id: str
    box: tuple[float, float, float, float]
    probability: float
    folds: tuple[float, float]
    recalibrated: float
    calls: Mapping[str, str]
    unlike: bool | None = None
    mask: NDArray[np.bool_] | None = None
    heat: Floats | None = None

    def key(self) -> list[Any]:
        """Everything it says, briefly, to make identifiers from."""
        pictures = [
            "" if one is None else hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest()
            for one in (self.mask, self.heat)
        ]
        numbers = [*self.box, self.probability, *self.folds, self.recalibrated]
        return [self.case_id, *map(repr, map(float, numbers)), dict(self.calls), self.unlike, *pictures]
