"""The cohort, its folds, its features and its baseline table."""

from __future__ import annotations

from osteon.core.tables.contract import COUNT, NOTE, NUMBER, OPTIONAL, TEXT, Column, Contract

#: One row a case: one lesion on one radiograph. The user's table.
COHORT = Contract(
    "cohort",
    {
        "case_id": Column(unique=True),
        "image": Column("path"),
        "centre": TEXT,
        "label": TEXT,
        **{side: Column("number", filled=False) for side in ("x0", "y0", "x1", "y1")},
        "patient_id": OPTIONAL,
        "mask": Column("path", required=False, filled=False),
        "age": Column("number", required=False, filled=False, low=0, high=120),
        "sex": OPTIONAL,
        "site": OPTIONAL,
        "view": OPTIONAL,
        "subtype": OPTIONAL,
    },
    open=True,
)
#: The cases of the cohort table that are not in the study, and why.
EXCLUDED = Contract(
    "excluded",
    {
        "row": COUNT,
        "case_id": Column(unique=True),
        "centre": TEXT,
        "reason": TEXT,
        "detail": Column("free", filled=False),
    },
)
#: Which held-out fold each development case belongs to.
FOLDS = Contract("folds", {"case_id": Column(unique=True), "patient_id": NOTE, "fold": COUNT})
#: The acquisition style of each development case, 0 for the commonest, and what it was told by.
STYLES = Contract("styles", {"case_id": Column(unique=True), "style": COUNT}, open=True, further=Column("number"))
#: The baseline table: a variable's summary for each centre, with standardised differences from development.
BASELINE = Contract(
    "baseline",
    {"variable": TEXT, "level": NOTE, "group": TEXT, "summary": TEXT, "n": COUNT, "smd": NUMBER},
)
#: Radiomics features, one row a case.
FEATURES = Contract(
    "features", {"case_id": Column(unique=True)}, open=True, further=Column("number", filled=False, finite=False)
)
