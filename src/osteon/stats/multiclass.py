"""Areas under the ROC curve with more than two classes.

Sources: Hand & Till 2001; Provost & Domingos 2003 (one-vs-rest); DeLong 1988 for the variances, which add up over areas
because each case's influences do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import InputError, NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.stats import inputs
from osteon.stats.delong import delong_ci
from osteon.stats.distributions import logit_limits
from osteon.stats.influences import influence

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class MulticlassAuc:
    """Areas under the ROC curve of a classifier of several classes.

    Attributes:
        one_vs_rest: Class to the area of its probability against all other classes.
        macro: Unweighted mean of `one_vs_rest`.
        hand_till: M of Hand & Till: mean over pairs of classes; does not depend on the classes' frequencies.
        n: Number of cases.
    """

    one_vs_rest: dict[str, Estimate]
    macro: Estimate
    hand_till: Estimate
    n: int

    @property
    def method(self) -> str:
        """How it was made, with its source."""
        return f"{self.macro.method}; {self.hand_till.method}"

    def __str__(self) -> str:
        """As a paper prints it."""
        each = ", ".join(f"{name} {area.value:.3f}" for name, area in self.one_vs_rest.items())
        return f"{self.macro}; {self.hand_till}; one-vs-rest: {each}"

    def to_frame(self) -> pd.DataFrame:
        """One row an area."""
        import pandas as pd

        rows = [*self.one_vs_rest.values(), self.macro, self.hand_till]
        return pd.concat([row.to_frame() for row in rows], ignore_index=True)


def multiclass_auc(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    classes: Sequence[object] | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> MulticlassAuc:
    """One-vs-rest, macro and Hand-Till areas, with logit intervals.

    Args:
        y_true: (n,) class names or numbers.
        probability: (n, k) score of each class.
        classes: (k,) the classes in the order of the columns; default: the sorted distinct values of `y_true`.
        level: Confidence level.
        clusters: (n,) patient of each case.

    Raises:
        InputError: Shapes that do not fit, missing values, a label that is not among the classes.
        NotEstimableError: A class with fewer than two independent cases, or one class only.
    """
    names, columns, is_class = classes_of(y_true, probability, classes)
    k, n = is_class.shape
    codes = inputs.codes(clusters, n)
    single = {}
    for name, own, column in zip(names, is_class, columns, strict=True):
        found = delong_ci(own, column, level=level, clusters=codes)
        single[str(name)] = Estimate(
            found.value, found.low, found.high, found.method, n, found.se, level, f"AUC {name} against the rest"
        )
    rest = [influence(own, column) for own, column in zip(is_class, columns, strict=True)]
    pairs = []
    for i in range(k):
        for j in range(k):
            among = is_class[i] | is_class[j]
            if i != j:
                area, part = influence(is_class[i][among], columns[i][among])
                h = np.zeros(n)
                h[among] = part
                pairs.append((area, h))
    return MulticlassAuc(
        one_vs_rest=single,
        macro=_mean_area(rest, is_class, codes, level, "macro AUC", "mean of one-vs-rest"),
        hand_till=_mean_area(pairs, is_class, codes, level, "Hand-Till M", "Hand & Till 2001"),
        n=n,
    )


def classes_of(
    y_true: ArrayLike, probability: ArrayLike, classes: Sequence[object] | None
) -> tuple[inputs.Objects, list[Floats], inputs.Bools]:
    """The classes, the (n,) scores of each, and (k, n) whether a case is of it; see :func:`multiclass_auc`."""
    labels = inputs.labels(y_true, "y_true")
    missing = [place for place, label in enumerate(labels.ravel().tolist()) if label is None]
    if missing:
        raise InputError(f"y_true is missing at position {missing[0]}", fix="Drop the case.")
    names = inputs.distinct(labels) if classes is None else inputs.labels(classes, "classes")
    if len({str(name) for name in names.tolist()}) < names.size:
        raise InputError("a class is named twice", fix="Name each column's class once.")
    table = inputs.numbers(probability, "probability")
    n, k = labels.size, names.size
    if labels.ndim != 1 or table.shape != (n, k):
        raise InputError(
            f"probability has shape {table.shape} beside {n} cases and {k} classes",
            fix="Give one column a class, or name the classes.",
        )
    known = set(names.tolist())
    unknown = [label for label in labels.tolist() if label not in known]
    if unknown:
        raise InputError(
            f"y_true holds '{unknown[0]}', which is not among the classes", fix=f"The classes are {names.tolist()}."
        )
    columns = [
        inputs.scores(column, n, name=f"probability of {name}") for name, column in zip(names, table.T, strict=True)
    ]
    is_class = labels == names[:, None]
    if k < 2 or is_class.sum(axis=1).min() < 2:
        raise NotEstimableError("two classes are needed, and two cases of each")
    return names, columns, is_class


def _mean_area(
    areas: list[tuple[float, Floats]],
    is_class: inputs.Bools,
    codes: inputs.Ints | None,
    level: float,
    name: str,
    source: str,
) -> Estimate:
    value = float(np.mean([area for area, _ in areas]))
    h = np.mean([part for _, part in areas], axis=0)
    if codes is None:
        sizes = is_class.sum(axis=1)
        variance = float(is_class @ h**2 @ (sizes / (sizes - 1)))
    else:
        summed = np.bincount(codes, weights=h)
        variance = float(summed @ summed) * summed.size / (summed.size - 1)
    se = sqrt(variance)
    if se == 0 or not 0 < value < 1:
        raise NotEstimableError(f"the {name} of {value:g} has no variance: report the one-vs-rest areas")
    low, high = logit_limits(value, se, level, inputs.degrees(codes))
    method = f"{source}, DeLong 1988, logit{inputs.student(codes)}"
    return Estimate(value, low, high, method, is_class.shape[1], se, level, name)
