"""The METRICS score of a radiomics study.

Kocak et al. 2024, METhodological RadiomICs Score, doi 10.1186/s13244-023-01572-w, with the weights and the rule of the
published calculator (metricsscore.github.io, version 1.0).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

#: Weights of the items 1 to 30.
WEIGHTS = (
    *(0.0368, 0.0735, 0.0919, 0.0438, 0.0292, 0.0438, 0.0292, 0.0337, 0.0225, 0.0112),
    *(0.0622, 0.0311, 0.0415, 0.0200, 0.0200, 0.0300, 0.0200, 0.0599, 0.0300, 0.0352),
    *(0.0234, 0.0176, 0.0117, 0.0293, 0.0176, 0.0375, 0.0749, 0.0075, 0.0075, 0.0075),
)
_CATEGORIES = ("very low", "low", "moderate", "good", "excellent")


@dataclass(frozen=True)
class Conditions:
    """What items depend on.

    Attributes:
        segmentation: Whether lesions are outlined or boxed; items 8 to 10 are of these.
        automatic: Whether a program alone outlines them; item 9.
        handcrafted: Whether there are features that were thought out; item 12.
        tabular: Whether models learn from tables of features; items 14 to 16.
        end_to_end: Whether networks learn from pictures; item 17.
    """

    segmentation: bool = True
    automatic: bool = False
    handcrafted: bool = True
    tabular: bool = True
    end_to_end: bool = False

    @property
    def idle(self) -> set[int]:
        """Items that do not apply."""
        left: set[int] = set()
        left |= set() if self.segmentation else {8, 9, 10}
        left |= set() if self.automatic else {9}
        left |= set() if self.handcrafted else {12}
        left |= set() if self.tabular else {14, 15, 16}
        return left | (set() if self.end_to_end else {17})


def score(fulfilled: Collection[int], conditions: Conditions) -> float:
    """The score in percent: the weight of items that are fulfilled over that of items that apply.

    Args:
        fulfilled: Numbers of items; those that do not apply count neither way.
        conditions: What applies.
    """
    apply = [item for item in range(1, 31) if item not in conditions.idle]
    return 100 * sum(WEIGHTS[i - 1] for i in apply if i in fulfilled) / sum(WEIGHTS[i - 1] for i in apply)


def category(percent: float) -> str:
    """The published word for a score, told of the score as printed.

    >>> category(19.99), category(59.9), category(100)
    ('low', 'moderate', 'excellent')
    """
    return _CATEGORIES[min(4, int(round(percent, 1) // 20))]
