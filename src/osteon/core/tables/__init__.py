"""Column contracts: every table is read and written through them, atomically.

A contract names the columns a table must have, those it may have, and what their values are. Reading is tolerant in
form (text in any Unicode encoding, workbooks, Parquet; extra columns of an open table are kept) and strict in content:
nothing is guessed, and no row is passed over. Writing is strict.
"""

from osteon.core.tables.cohort import BASELINE, COHORT, EXCLUDED, FEATURES, FOLDS
from osteon.core.tables.contract import Column, Contract, conform, line_of, read, write, written
from osteon.core.tables.evaluation import (
    CALIBRATION,
    COMPARISONS,
    CONTRAST,
    DECISION,
    EXAMPLES,
    HETEROGENEITY,
    METRICS,
    OPERATING_POINTS,
    PREDICTIONS,
    RECALIBRATION,
    ROC,
    SCORES,
    SEEDS,
    SUBGROUPS,
)
from osteon.core.tables.explanation import (
    EXPLAINED,
    EXPLANATION,
    EXPLANATION_CASES,
    EXPLANATION_COMPARISONS,
    EXPLANATION_SANITY,
    EXPLANATION_STABILITY,
    GALLERY,
    PERTURBED_MAPS,
)
from osteon.core.tables.models import ODDS_RATIOS, RELIABILITY, SELECTED_FEATURES, SELECTION_STABILITY
from osteon.core.tables.readers import (
    QUESTIONNAIRE,
    READER_AGREEMENT,
    READER_BENEFIT,
    READER_COMPARISONS,
    READER_CONFIDENCE,
    READER_COVARIATES,
    READER_METRICS,
    READER_ROC,
    READING_KEY,
    READING_TASKS,
    READINGS,
    RELIANCE,
)
from osteon.core.tables.robustness import (
    PERTURBED,
    ROBUSTNESS,
    ROBUSTNESS_CASES,
    ROBUSTNESS_COMPARISONS,
    ROBUSTNESS_EXAMPLES,
)
from osteon.core.tables.sheet import and_more, columns, sheet
from osteon.core.tables.text import contents
from osteon.core.tables.workbook import is_workbook

__all__ = [
    "BASELINE",
    "CALIBRATION",
    "COHORT",
    "COMPARISONS",
    "CONTRAST",
    "DECISION",
    "EXAMPLES",
    "EXCLUDED",
    "EXPLAINED",
    "EXPLANATION",
    "EXPLANATION_CASES",
    "EXPLANATION_COMPARISONS",
    "EXPLANATION_SANITY",
    "EXPLANATION_STABILITY",
    "FEATURES",
    "FOLDS",
    "GALLERY",
    "HETEROGENEITY",
    "METRICS",
    "ODDS_RATIOS",
    "OPERATING_POINTS",
    "PERTURBED",
    "PERTURBED_MAPS",
    "PREDICTIONS",
    "QUESTIONNAIRE",
    "READER_AGREEMENT",
    "READER_BENEFIT",
    "READER_COMPARISONS",
    "READER_CONFIDENCE",
    "READER_COVARIATES",
    "READER_METRICS",
    "READER_ROC",
    "READINGS",
    "READING_KEY",
    "READING_TASKS",
    "RECALIBRATION",
    "RELIABILITY",
    "RELIANCE",
    "ROBUSTNESS",
    "ROBUSTNESS_CASES",
    "ROBUSTNESS_COMPARISONS",
    "ROBUSTNESS_EXAMPLES",
    "ROC",
    "SCORES",
    "SEEDS",
    "SELECTED_FEATURES",
    "SELECTION_STABILITY",
    "SUBGROUPS",
    "Column",
    "Contract",
    "and_more",
    "columns",
    "conform",
    "contents",
    "is_workbook",
    "line_of",
    "read",
    "sheet",
    "write",
    "written",
]
