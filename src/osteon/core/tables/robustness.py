"""Predictions under changed boxes and pictures, and how those who drew the boxes agree."""

from __future__ import annotations

from osteon.core.tables.contract import COUNT, INTERVAL, LABEL, NOTE, NUMBER, PAIR, PROBABILITY, TEXT, Column, Contract

#: Probabilities of external cases under changes of the box or the picture; the rows are those of perturbations.
PERTURBED = Contract(
    "perturbed",
    {
        "case_id": TEXT,
        "model": TEXT,
        "kind": TEXT,
        "grade": Column("number"),
        "repeat": COUNT,
        "probability": PROBABILITY,
    },
)
#: How well each pair of annotators agrees: one row a measure.
ANNOTATOR_AGREEMENT = Contract(
    "agreement of annotators",
    {
        "annotator_a": TEXT,
        "annotator_b": TEXT,
        "measure": TEXT,
        "value": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "n": COUNT,
        "method": NOTE,
    },
)
#: Boxes that two annotators drew of one lesion, the second as a change of the first: shift of its middle in sides of
#: the first, ratio of the sides.
BOX_DIFFERENCES = Contract(
    "differences of annotators",
    {
        "case": TEXT,
        "from": TEXT,
        "to": TEXT,
        "iou": Column("number", low=0, high=1),
        "dx": Column("number", low=-1000, high=1000),
        "dy": Column("number", low=-1000, high=1000),
        "sx": Column("number", low=0.001, high=1000),
        "sy": Column("number", low=0.001, high=1000),
    },
)
#: Spread, flips, AUC and its loss under each change.
ROBUSTNESS = Contract(
    "robustness",
    {"model": TEXT, "stratum": TEXT, "kind": TEXT, "grade": Column("number"), "metric": TEXT, **INTERVAL},
)
#: Pairs of models by their spread over cases, a - b.
ROBUSTNESS_COMPARISONS = Contract(
    "robustness comparisons",
    {
        "stratum": TEXT,
        "kind": TEXT,
        "metric": TEXT,
        **PAIR,
    },
)
#: Spread of each case over all changes of its box.
ROBUSTNESS_CASES = Contract(
    "robustness of cases",
    {"case_id": TEXT, "model": TEXT, "sd": NUMBER, "range": NUMBER, "flip_rate": NUMBER},
)
#: The cases that a changed box moved most, one row a box of the change that did; boxes in pixels of the radiograph.
ROBUSTNESS_EXAMPLES = Contract(
    "robustness examples",
    {
        "case_id": TEXT,
        "centre": TEXT,
        "model": TEXT,
        "label": LABEL,
        "diagnosis": NOTE,
        "threshold": NUMBER,
        "kind": TEXT,
        "grade": Column("number"),
        "role": TEXT,  # picture (the part that is shown) | drawn | lowest | highest | other
        "repeat": Column("integer"),  # -1 for what is not a changed box
        "probability": NUMBER,
        **{side: Column("number") for side in ("x0", "y0", "x1", "y1")},
    },
)
