"""How far the primary models lie apart between the levels of each variable."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan

import numpy as np
import pandas as pd

from osteon import stats
from osteon.core.errors import NotEstimableError
from osteon.results.evaluate.cases import Cases

_METRICS = ("auc", "sensitivity", "false-positive rate", "calibration")


def gaps(
    cases: Cases, groups: pd.DataFrame, models: tuple[str, ...], youden: Mapping[str, float], level: float
) -> list[dict[str, object]]:
    """Rows of :data:`osteon.core.tables.SUBGROUP_GAPS` but for the stratum.

    Args:
        cases: The stratum.
        groups: One column a variable, the level of each case as text; "" where it is not known: those are left out.
        models: Whose gaps.
        youden: Model to its locked threshold.
        level: Simultaneous confidence level.
    """
    rows: list[dict[str, object]] = []
    for model in dict.fromkeys(models):
        for variable in map(str, groups):
            named = groups[variable].to_numpy()
            known = named != ""
            patients = None if cases.patients is None else np.asarray(cases.patients)[known]
            for metric in _METRICS:
                if metric in ("sensitivity", "false-positive rate") and isnan(youden[model]):
                    continue
                row = {"model": model, "variable": variable, "metric": metric}
                try:
                    found = stats.subgroup_gaps(
                        cases.truth[known],
                        cases.of(model)[known],
                        named[known],
                        figure=metric,
                        threshold=youden[model],
                        level=level,
                        clusters=patients,
                    )
                except NotEstimableError as error:
                    none = dict.fromkeys(("value", "low", "high", "p"), nan)
                    pair = {"greater": "", "lesser": "", "n": int(known.sum())}
                    rows.append({**row, **none, **pair, "method": f"not estimable: {error}"})
                    continue
                one, (greater, lesser) = found.largest, found.between
                limits = {"value": one.value, "low": one.low, "high": one.high, "p": found.p}
                pair = {"greater": greater, "lesser": lesser, "n": one.n}
                rows.append({**row, **limits, **pair, "method": one.method})
    return rows
