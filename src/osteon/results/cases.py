"""One row a case: what every model says of it, what that means at each operating point, and whether it is right."""

from __future__ import annotations

import pandas as pd

from osteon.core.run import RunFolder


def side_by_side(run: RunFolder) -> pd.DataFrame:
    """Every case of a run with all its models side by side.

    Args:
        run: A run that was evaluated.

    Returns:
        case_id, centre, split, label (0 or 1), and for each model ``M: probability``, ``M: recalibrated``, and for each
        operating point ``M: RULE`` (the call, 0 or 1) and ``M: RULE right``. No patient is named.

    Raises:
        TableError: A table is absent or breaks its contract.
    """
    scores = run.read("scores")
    points = run.read("operating_points")[["model", "rule", "threshold"]].drop_duplicates()
    about = scores[["case_id", "centre", "split", "label"]].drop_duplicates("case_id").reset_index(drop=True)
    columns: dict[str, pd.Series] = {}
    for model, rows in scores.groupby("model", sort=False):
        own = rows.set_index("case_id").reindex(about["case_id"]).reset_index(drop=True)
        columns |= {f"{model}: {name}": own[name] for name in ("probability", "recalibrated")}
        for point in points[points["model"] == model].itertuples():
            # a threshold counts as positive, as everywhere; a case without an answer has no call
            call = (own["probability"] >= point.threshold).astype("Int64").where(own["probability"].notna())
            columns[f"{model}: {point.rule}"] = call
            columns[f"{model}: {point.rule} right"] = (call == about["label"]).astype("Int64")
    return pd.concat([about, pd.DataFrame(columns)], axis=1)
