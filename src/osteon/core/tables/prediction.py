"""New cases: what is asked about, and what a model says of them."""

from __future__ import annotations

from dataclasses import replace

from osteon.core.tables.cohort import COHORT
from osteon.core.tables.contract import NOTE, NUMBER, PROBABILITY, TEXT, Column, Contract

_OPTIONAL = ("case_id", "centre", "label", "x0", "y0", "x1", "y1")
#: New cases: a cohort table of which nobody knows the labels.
CASES = Contract(
    "cases",
    {
        name: replace(column, required=False, filled=False) if name in _OPTIONAL else column
        for name, column in COHORT.columns.items()
    },
    open=True,
)
#: What a model says of each, with one column ``call_RULE`` for each operating point.
PREDICTED = Contract(
    "predicted",
    {
        "case_id": Column(unique=True),
        "image": Column("path", filled=False),
        "probability": PROBABILITY,
        "recalibrated": Column("number", filled=False, low=0, high=1),
        "folds_sd": NUMBER,
        "folds_low": NUMBER,
        "folds_high": NUMBER,
        "boxes_sd": NUMBER,
        "boxes_low": NUMBER,
        "boxes_high": NUMBER,
        "distance": NUMBER,
        "percentile": NUMBER,
        "unlike": NOTE,
        "set": NOTE,
        "imputed": Column("free", filled=False),
        "model": TEXT,
    },
    open=True,
)
#: New cases of which nothing could be said, and why.
SET_ASIDE = Contract("set aside", {"case_id": NOTE, "image": Column("path", filled=False), "reason": Column("free")})
