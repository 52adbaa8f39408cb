"""A reader study: its plan, its answers and their analysis."""

from __future__ import annotations

from osteon.core.tables.contract import (
    COUNT,
    FREE,
    INTERVAL,
    LABEL,
    NAME,
    NOTE,
    NUMBER,
    PROBABILITY,
    TEXT,
    Column,
    Contract,
)

#: The key of a reader study: what each picture of each reading case is, and the truth. It never goes to the server.
READING_KEY = Contract(
    "reading key",
    {
        "code": TEXT,
        "view": COUNT,
        "case_id": Column(unique=True),
        "patient_id": NOTE,
        "centre": TEXT,
        "truth": LABEL,
        "probability": PROBABILITY,  # the model's advice, recalibrated, mean over views
        "threshold": PROBABILITY,
        "advice": LABEL,
        "difficulty": TEXT,
    },
)
#: The plan of a reader study: who reads which case when, in which arm.
READING_TASKS = Contract(
    "reading tasks",
    {"reader": TEXT, "session": COUNT, "position": COUNT, "step": COUNT, "code": TEXT, "arm": TEXT},
)
#: One row a reader, arm and case; the last answer where one was revised. Also what people bring from elsewhere.
READINGS = Contract(
    "readings",
    {
        "reader": NAME,
        "arm": NAME,
        "case_id": NAME,
        "truth": LABEL,
        "confidence": Column("number"),
        "call": Column("number", required=False, filled=False, low=0, high=1, whole=True),
        "probability": Column("number", required=False, filled=False, low=0, high=1),
        "advice": Column("number", required=False, filled=False, low=0, high=1, whole=True),
        "seconds": Column("number", required=False, filled=False, low=0),
        "experience": Column("number", required=False, filled=False, low=0),
        "receptiveness": Column("number", required=False, filled=False),
    },
    open=True,
)
#: One row a reader (``all``: their mean; ``model``: the model alone), arm and metric.
READER_METRICS = Contract("reader metrics", {"reader": TEXT, "arm": TEXT, "metric": TEXT, **INTERVAL})
#: Arms compared, a - b (seconds: the ratio a / b), over all readers and by each reader.
READER_COMPARISONS = Contract(
    "reader comparisons",
    {
        "reader": TEXT,
        "metric": TEXT,
        "random": TEXT,  # readers and cases | readers | cases
        "arm_a": TEXT,
        "arm_b": TEXT,
        "difference": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "p": NUMBER,
        "method": NOTE,
        "primary": Column("flag"),
    },
)
#: How readers dealt with right and with wrong advice.
RELIANCE = Contract(
    "reliance",
    {"reader": TEXT, "measure": TEXT, "events": COUNT, **{k: v for k, v in INTERVAL.items() if k != "n_positive"}},
)
#: Agreement between readers.
READER_AGREEMENT = Contract(
    "reader agreement",
    {"arm": TEXT, "measure": TEXT, "value": NUMBER, "low": NUMBER, "high": NUMBER, "method": NOTE, "n": COUNT},
)
#: Each reader's gain beside experience and receptiveness.
READER_BENEFIT = Contract(
    "reader benefit",
    {
        "reader": TEXT,
        "metric": TEXT,
        "without": NUMBER,
        "with": NUMBER,
        "difference": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "experience": NUMBER,
        "receptiveness": NUMBER,
    },
)
#: How the gain changes with a property of the reader.
READER_COVARIATES = Contract(
    "reader covariates",
    {
        "property": TEXT,
        "metric": TEXT,
        "slope": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "p": NUMBER,
        "method": NOTE,
    },
)
#: ROC curves of readers, of their mean (``all``) and of the model alone.
READER_ROC = Contract(
    "reader roc",
    {"reader": TEXT, "arm": TEXT, "false_positive_rate": PROBABILITY, "sensitivity": PROBABILITY},
)
#: How often cases read with some confidence were positive.
READER_CONFIDENCE = Contract(
    "reader confidence",
    {"arm": TEXT, "confidence": PROBABILITY, "observed": NUMBER, "low": NUMBER, "high": NUMBER, "n": COUNT},
)
#: Answers to the questionnaires of a reader study.
QUESTIONNAIRE = Contract(
    "questionnaire",
    {"reader": TEXT, "stage": TEXT, "item": TEXT, "text": FREE, "value": FREE, "answered_at": TEXT},
)
