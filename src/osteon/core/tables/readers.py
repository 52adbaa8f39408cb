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
    OPTIONAL,
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
#: What was found burned into the pictures of a reader study, and what became of it: one row a picture.
BURNED_IN = Contract(
    "burned-in text",
    {
        "case_id": Column(unique=True),
        "code": TEXT,
        "view": COUNT,
        "stated": NOTE,  # what the header says: yes, no, or nothing
        "masked": COUNT,  # texts painted over
        "markers": COUNT,  # side markers left
        "over_anatomy": COUNT,  # texts over the anatomy that were left
        "decision": NOTE,  # of the investigator: confirmed, painted, or nothing
        "boxes": NOTE,  # what was painted: x0 y0 x1 y1 in pixels; the next after a semicolon
        "left": NOTE,  # what was found and left
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
        "patient_id": OPTIONAL,
        # the drawn box and the lesion's, in pixels of the same picture; views are numbered within the case
        **{
            f"{whose}_{what}": Column("number", required=False, filled=False)
            for whose in ("box", "lesion")
            for what in ("view", "x0", "y0", "x1", "y1")
        },
        "advice_at": OPTIONAL,  # when the advice came on the screen, and when the answer was given (ISO 8601)
        "answered_at": OPTIONAL,
    },
    open=True,
)
#: One row a reader (``all``: their mean; ``model``: the model alone), arm and metric.
READER_METRICS = Contract(
    "reader metrics",
    {
        "reader": TEXT,
        "arm": TEXT,
        "metric": TEXT,
        **INTERVAL,
        "random": NOTE,  # readers and cases | readers | cases
    },
)
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
        "p_holm": NUMBER,  # over the pairs of arms
        "method": NOTE,
        "primary": Column("flag"),
    },
)
#: The comparisons again, without the cases that a reader answered within a second of the advice.
READER_UNHURRIED = Contract("reader comparisons without quick answers", READER_COMPARISONS.columns)
#: The model alone beside the readers of an arm.
READER_STANDALONE = Contract(
    "model alone against readers",
    {
        "arm": TEXT,
        "metric": TEXT,
        "random": TEXT,  # readers and cases | readers | cases
        "model": NUMBER,
        "readers": NUMBER,  # their mean
        "difference": NUMBER,  # model - readers
        "low": NUMBER,
        "high": NUMBER,
        "p": NUMBER,
        "method": NOTE,
        "n": COUNT,
    },
)
#: How long readers had the advice before they answered.
READER_ADVICE = Contract(
    "reader advice",
    {
        "reader": TEXT,
        "arm": TEXT,
        "answers": COUNT,
        "unseen": COUNT,
        "median": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "quick": COUNT,
        "quick_share": NUMBER,
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
        "arm_a": TEXT,
        "arm_b": TEXT,
        "without": NUMBER,  # in arm b
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
        "arm_a": TEXT,
        "arm_b": TEXT,
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
#: What was changed of a reader study's protocol while readers read.
PROTOCOL_CHANGES = Contract(
    "protocol changes",
    {"setting": TEXT, "before": TEXT, "after": TEXT, "reason": TEXT, "person": TEXT, "at": TEXT},
)
