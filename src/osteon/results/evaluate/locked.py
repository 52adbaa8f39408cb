"""What is fixed on development before any external label is looked at: thresholds and recalibration.

Everything here takes out-of-fold development cases and nothing else; that is what keeps the external test sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from osteon import stats
from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats
from osteon.results.evaluate.cases import Cases


@dataclass(frozen=True)
class Locked:
    """The decisions taken on development.

    Attributes:
        thresholds: Model to rule (``youden``, ``sensitivity >= 0.9``, ``specificity >= 0.9``) to threshold; nan where
            not estimable.
        lines: Model to its logistic recalibration; None where it could not be fitted.
        recalibration: The same as a table, see ``tables.RECALIBRATION``.
        prevalence: Share of positive cases in development.
    """

    thresholds: Mapping[str, Mapping[str, float]]
    lines: Mapping[str, stats.Platt | None]
    recalibration: pd.DataFrame
    prevalence: float

    def recalibrated(self, cases: Cases) -> Cases:
        """The same cases with recalibrated probabilities; as they are where nothing could be fitted."""
        new = {}
        for model in cases.models:
            line, raw = self.lines[model], cases.of(model)
            new[model] = raw if line is None else line.apply(raw)
        return Cases(cases.about, pd.DataFrame(new))


def lock(development: Cases, sensitivity: float, specificity: float) -> Locked:
    """Fix operating points and recalibration on out-of-fold predictions.

    Args:
        development: Development cases with out-of-fold probabilities.
        sensitivity: What the second operating point has to reach.
        specificity: What the third has to reach.
    """
    truth = development.truth
    thresholds: dict[str, Mapping[str, float]] = {}
    lines: dict[str, stats.Platt | None] = {}
    rows = []
    for model in development.models:
        raw = development.of(model)
        thresholds[model] = _operating_points(truth, raw, sensitivity, specificity)
        try:
            line, method = stats.platt(truth, raw), "Platt 1999, out of fold"
            parameters = {"intercept": line.intercept, "slope": line.slope}
            lines[model] = line
        except NotEstimableError as error:
            lines[model], method = None, f"left as they are: {error}"
            parameters = {"intercept": np.nan, "slope": np.nan}
        size = {"n": len(development), "n_positive": int(truth.sum())}
        rows.append({"model": model, **parameters, **size, "method": method})
    return Locked(thresholds, lines, pd.DataFrame(rows), float(truth.mean()))


def _operating_points(
    truth: np.ndarray, probability: Floats, sensitivity: float, specificity: float
) -> dict[str, float]:
    """Thresholds at observed probabilities; a case is called positive at ``probability >= threshold``."""
    sensitive, specific = f"sensitivity >= {sensitivity:g}", f"specificity >= {specificity:g}"
    try:
        curve = stats.roc_curve(truth, probability)
    except NotEstimableError:
        return dict.fromkeys(("youden", sensitive, specific), np.nan)
    # Ties, also those that rounding would break, go to the higher threshold, the first of the descending thresholds.
    # The infinite one calls nobody.
    youden = int(np.argmax(np.round(curve.sensitivity + curve.specificity, 12)[1:])) + 1
    reaching = int(np.argmax(curve.sensitivity >= sensitivity - 1e-12))
    sparing = int(np.flatnonzero(curve.specificity >= specificity - 1e-12)[-1])
    found = {"youden": youden, sensitive: reaching, specific: sparing}
    return {rule: float(curve.thresholds[at]) if at else np.nan for rule, at in found.items()}
