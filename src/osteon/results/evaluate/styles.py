"""What each model says of development cases out of fold, and out of style."""

from __future__ import annotations

from math import nan

import pandas as pd

from osteon import stats
from osteon.core import tables
from osteon.core.errors import NotEstimableError
from osteon.core.types import Estimate, Floats
from osteon.results.evaluate import measures
from osteon.results.evaluate.cases import gather
from osteon.study import Study


def apart(predictions: pd.DataFrame, by_style: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Compare every model's AUC over ordinary folds and over folds by acquisition style, on the same cases.

    Styles differ in prevalence, which a model cannot know of one that it has not seen: the AUC over styles is that of
    pairs of one style, and it is compared with the same of ordinary folds.

    Args:
        predictions: Meets ``tables.PREDICTIONS``; development cases out of fold.
        by_style: The same, of development cases alone, by models that have seen no picture of their style, the fold.
        study: Gives the models' order and the level.

    Returns:
        Rows after ``tables.STYLE_FOLDS``, in the order of the models.
    """
    ordinary, _ = gather(predictions[predictions["split"] == "development"], study)
    other, _ = gather(by_style, study)
    style = other.about["case_id"].map(by_style.drop_duplicates("case_id").set_index("case_id")["fold"]).to_numpy()
    truth, patients, level = other.truth, other.patients, study.evaluation.level

    def within(score: Floats) -> Estimate:
        try:
            return stats.stratified_auc(truth, score, style, level=level, clusters=patients)
        except NotEstimableError as error:
            return Estimate(nan, nan, nan, f"not estimable: {error}", len(truth))

    def between(a: Floats, b: Floats) -> Estimate:
        try:
            c = stats.stratified_test(truth, a, b, style, level=level, clusters=patients)
        except NotEstimableError as error:
            return Estimate(nan, nan, nan, f"not estimable: {error}", len(truth))
        return Estimate(c.difference, c.low, c.high, c.method, c.n, c.se, c.level, "AUC difference")

    rows = []
    for model in other.models:
        unseen, held_out = other.of(model), ordinary.of(model)
        found = {
            "folds": measures.area(ordinary, model, level),
            "within": within(held_out),
            "style": within(unseen),
            "difference": between(unseen, held_out),
        }
        size = {"n": len(truth), "n_positive": int(truth.sum())}
        for figure, one in found.items():
            interval = {"value": one.value, "low": one.low, "high": one.high, "method": one.method}
            rows.append({"model": model, "figure": figure, **interval, **size})
    return pd.DataFrame(rows, columns=list(tables.STYLE_FOLDS.columns))
