"""The small frozen types that pass between floors."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]


def _decimals(value: float) -> str:
    """Three decimals, never -0.000."""
    return f"{round(value, 3) + 0.0:.3f}"


def _interval(low: float, high: float, level: float, p: str = "") -> str:
    """The brackets of a sentence; empty where there is neither interval nor p value."""
    limits = [f"{100 * level:g}% CI {_decimals(low)} to {_decimals(high)}"] if low == low else []
    inside = "; ".join([*limits, *[p] * bool(p)])
    return f" ({inside})" if inside else ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its confidence interval.

    Attributes:
        value: The point estimate; nan where it is not estimable.
        low: Lower confidence limit.
        high: Upper confidence limit.
        method: How the interval was made, with its source, e.g. ``"DeLong, logit"``.
        n: Number of cases.
        se: Standard error where the method has one, else nan.
        level: Confidence level.
        name: What is estimated, e.g. ``"AUC"``.
    """

    value: float
    low: float
    high: float
    method: str
    n: int
    se: float = float("nan")
    level: float = 0.95
    name: str = "estimate"

    def __str__(self) -> str:
        """As a paper prints it: ``AUC 0.738 (95% CI 0.714 to 0.762)``."""
        if self.value != self.value:
            return f"{self.name} not estimable"
        return f"{self.name} {_decimals(self.value)}{_interval(self.low, self.high, self.level)}"

    def to_frame(self) -> pd.DataFrame:
        """One row with every attribute as a column."""
        from dataclasses import asdict

        import pandas as pd

        return pd.DataFrame([asdict(self)])


def printed_p(p: float) -> str:
    """A p value as a paper prints it."""
    if p != p:
        return "no test"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A difference a - b between two scores with its interval and test.

    Attributes:
        difference: a - b.
        low: Lower confidence limit of the difference.
        high: Upper confidence limit.
        se: Standard error of the difference.
        z: Test statistic, with the sign of the difference.
        p: Two-sided p value.
        method: The test, with its source.
        n: Number of cases.
        level: Confidence level.
        name: What is compared, e.g. ``"AUC"``.
        df: Degrees of freedom of the test statistic; infinite for a normal one.
    """

    difference: float
    low: float
    high: float
    se: float
    z: float
    p: float
    method: str
    n: int
    level: float = 0.95
    name: str = "AUC"
    df: float = inf

    def __str__(self) -> str:
        """As a paper prints it."""
        if self.difference != self.difference:
            return f"{self.name} difference not estimable"
        p = printed_p(self.p)
        return f"{self.name} difference {_decimals(self.difference)}{_interval(self.low, self.high, self.level, p)}"

    def to_frame(self) -> pd.DataFrame:
        """One row with every attribute as a column."""
        from dataclasses import asdict

        import pandas as pd

        return pd.DataFrame([asdict(self)])


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """A radiograph as a reader sees it, and nothing that could identify a patient.

    Attributes:
        pixels: (H, W) float32 in [0, 1], bone bright, after modality and VOI transformation at full bit depth.
        spacing: Row and column spacing in mm, or None when the file does not say.
    """

    pixels: Pixels
    spacing: tuple[float, float] | None = None
