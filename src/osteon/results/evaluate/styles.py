"""What each model says of development cases out of fold, and out of style."""

from __future__ import annotations

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.results.evaluate import measures
from osteon.results.evaluate.cases import Cases, gather
from osteon.study import Study


def apart(predictions: pd.DataFrame, by_style: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Compare every model's AUC over ordinary folds and over folds by acquisition style, on the same cases.

    Args:
        predictions: Meets ``tables.PREDICTIONS``; development cases out of fold.
        by_style: The same, of development cases alone, by models that have seen no picture of their style.
        study: Gives the models' order and the level.

    Returns:
        Rows after ``tables.STYLE_FOLDS``, in the order of the models.
    """
    inside, level = predictions["split"] == "development", study.evaluation.level
    ordinary, _ = gather(predictions[inside], study)
    other, _ = gather(by_style, study)
    rows = []
    for model in other.models:
        both = Cases(ordinary.about, pd.DataFrame({"folds": ordinary.of(model), "style": other.of(model)}))
        assert np.array_equal(both.about["case_id"], other.about["case_id"])
        found = {name: measures.area(both, name, level) for name in ("folds", "style")}
        found["difference"] = measures.difference(both, "style", "folds", level)
        for figure, one in found.items():
            size = {"n": len(both), "n_positive": int(both.truth.sum())}
            rows.append({
                "model": model, "figure": figure, "value": one.value, "low": one.low, "high": one.high,
                "method": one.method, **size,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=list(tables.STYLE_FOLDS.columns))
