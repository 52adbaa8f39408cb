"""Where networks look, scored against the lesion."""

from __future__ import annotations

from osteon.core.tables.contract import COUNT, INTERVAL, LABEL, NOTE, NUMBER, PAIR, PROBABILITY, TEXT, Column, Contract

#: How well each case's maps mark its lesion; ``kind`` says whose map: the ensemble's, or that of a check.
EXPLANATION_CASES = Contract(
    "explanation of cases",
    {
        "case_id": TEXT,
        "model": TEXT,
        "map": TEXT,  # gradcam | gradcam++ | hirescam | occlusion
        "kind": TEXT,  # ensemble | one fold | centre of the crop | head | head + k stages | all weights | ...
        "empty": PROBABILITY,
        "energy_box": NUMBER,
        "energy_box_ratio": NUMBER,
        "energy_mask": NUMBER,
        "energy_mask_ratio": NUMBER,
        "pointing_box": NUMBER,
        "pointing_mask": NUMBER,
        "iou_25": NUMBER,
        "iou_50": NUMBER,
        "iou_75": NUMBER,
        "distance": NUMBER,
        "distance_mm": NUMBER,
        "correlation": NUMBER,  # of a check's map with the real one
    },
)
#: How like a case's map is to the map from a changed box, on the radiograph; the rows are those of perturbations.
PERTURBED_MAPS = Contract(
    "perturbed maps",
    {
        "case_id": TEXT,
        "model": TEXT,
        "map": TEXT,
        "kind": TEXT,
        "grade": Column("number"),
        "repeat": COUNT,
        "correlation": NUMBER,
    },
)
#: Where each explained case's crop lies, in the order of the arrays in ``cams/``; pixels of the radiograph.
EXPLAINED = Contract(
    "explained cases",
    {
        "case_id": Column(unique=True),
        **{side: Column("number") for side in ("x0", "y0", "x1", "y1")},
        "height": COUNT,
        "width": COUNT,
    },
)
#: Cases with a small picture of their radiograph, named by a number; their boxes as shares of its width and height.
PICTURED = Contract(
    "pictured cases",
    {
        "number": COUNT,
        "case_id": Column(unique=True),
        **{side: Column("number") for side in ("x0", "y0", "x1", "y1")},
    },
)
#: Scores of maps by outcome at the fixed threshold.
EXPLANATION = Contract(
    "explanation",
    {
        "model": TEXT,
        "map": TEXT,
        "stratum": TEXT,
        "outcome": TEXT,  # all | correct | wrong | correct - wrong
        "metric": TEXT,
        **INTERVAL,
    },
)
#: Pairs of models by the scores of their maps, a - b.
EXPLANATION_COMPARISONS = Contract(
    "explanation comparisons",
    {
        "stratum": TEXT,
        "map": TEXT,
        "metric": TEXT,
        **PAIR,
    },
)
#: Scores of maps that know nothing, and by how much the real ones exceed them.
EXPLANATION_SANITY = Contract(
    "explanation sanity",
    {
        "model": TEXT,
        "map": TEXT,
        "check": TEXT,
        "metric": TEXT,
        **INTERVAL,
        "difference": NUMBER,
        "difference_low": NUMBER,
        "difference_high": NUMBER,
        "p": NUMBER,
    },
)
#: Likeness of maps before and after a change of the box.
EXPLANATION_STABILITY = Contract(
    "explanation stability",
    {"model": TEXT, "map": TEXT, "stratum": TEXT, "kind": TEXT, "grade": Column("number"), **INTERVAL},
)
#: Cases of the galleries of maps, in the order of the arrays in ``cams/gallery-GROUP.npz``.
GALLERY = Contract(
    "gallery",
    {
        "group": TEXT,  # correct | wrong | changed
        "case_id": TEXT,
        "centre": TEXT,
        "model": TEXT,
        "label": LABEL,
        "diagnosis": NOTE,
        "probability": PROBABILITY,
        "threshold": NUMBER,
        "change": NOTE,  # of the box, after which the map was least like itself
        "correlation": NUMBER,
    },
)
