"""The model alone beside the readers of an arm, on the cases that both have answered."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from osteon.core.errors import NotEstimableError
from osteon.readers.merit import ANALYSES, MERITS, arm_order
from osteon.readers.reliance import shared
from osteon.stats import Standalone, standalone

#: Figure of merit to the column with the model's own answer.
_ANSWERS = {"auc": "probability", "sensitivity": "advice", "specificity": "advice", "accuracy": "advice"}
_MODEL = "the model alone"  # no person's name


def against_model(readings: pd.DataFrame, level: float) -> Iterator[dict[str, object]]:
    """Rows of :data:`osteon.core.tables.READER_STANDALONE`; an analysis that cannot be made has its reason.

    Args:
        readings: From :func:`osteon.readers.readings.prepared`.
        level: Confidence level.
    """
    cases = readings.drop_duplicates("case_id")
    for arm in sorted(dict.fromkeys(readings["arm"]), key=arm_order):
        for name, answer in _ANSWERS.items():
            merit = MERITS[name]
            answered = cases[cases[answer].notna()]
            own = readings[(readings["arm"] == arm) & readings[merit.column].notna()]
            own = own[own["case_id"].isin(answered["case_id"])]
            if own.empty:
                continue
            table = pd.concat(
                [own.assign(score=merit.score(own)), answered.assign(score=answered[answer], reader=_MODEL)]
            )
            table = table.assign(case=table["case_id"])[["reader", "case", "truth", "score", "cluster"]]
            clusters = "cluster" if shared(cases["cluster"]) is not None else None
            for random, settings in ANALYSES.items():
                found: Standalone | str
                try:
                    found = standalone(
                        table,
                        _MODEL,
                        readers=settings.get("readers", "random"),
                        cases=settings.get("cases", "random"),
                        figure=merit.figure,
                        level=level,
                        clusters=clusters,
                    )
                except NotEstimableError as error:
                    found = f"not estimable: {error}"
                yield {"arm": arm, "metric": name, "random": random} | _row(found, own["case_id"].nunique())


def _row(found: Standalone | str, n: int) -> dict[str, object]:
    if isinstance(found, str):
        return dict.fromkeys(("model", "readers", "difference", "low", "high", "p"), np.nan) | {"method": found, "n": n}
    c = found.difference
    return {
        "model": found.model.value, "readers": found.readers.value, "difference": c.difference, "low": c.low,
        "high": c.high, "p": c.p, "method": c.method, "n": n,
    }  # fmt: skip
