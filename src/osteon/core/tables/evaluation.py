"""Predictions, and what evaluation makes of them."""

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

SPLIT = Column(choices=("development", "external"))
#: The waist: every model's probability of the positive class for every case.
PREDICTIONS = Contract(
    "predictions",
    {
        "case_id": TEXT,
        "patient_id": NOTE,
        "centre": NAME,
        "split": SPLIT,
        "model": NAME,
        "fold": TEXT,  # k for an out-of-fold prediction, "ensemble" for an external one
        "seed": Column("integer"),
        "label": LABEL,
        "probability": PROBABILITY,
    },
)
#: The same of development cases alone, by models that have seen no picture of their acquisition style, the fold.
STYLE_PREDICTIONS = Contract("style predictions", PREDICTIONS.columns)
#: AUC of each model over ordinary ``folds``; of pairs of one style over these (``within``) and over folds by ``style``;
#: and the ``difference``, style - within.
STYLE_FOLDS = Contract("style folds", {"model": TEXT, "figure": TEXT, **INTERVAL})
#: The same for each centre that is held out in turn (``rotation``): its cases by the mean of the folds of models that
#: were made from all others, and those others out of fold.
ROTATION_PREDICTIONS = Contract("rotation predictions", {"rotation": NAME, **PREDICTIONS.columns})
#: One row a model, stratum (``development``, ``centre:2``, ``external``) and metric.
METRICS = Contract("metrics", {"model": TEXT, "stratum": TEXT, "metric": TEXT, **INTERVAL})
#: What models tell of each centre (``centre:2``) that were made from all others; ``threshold`` is Youden's, fixed on
#: those others.
ROTATION = Contract("rotation", {**METRICS.columns, "threshold": NUMBER})
#: All pairs of models, a - b in AUC.
COMPARISONS = Contract(
    "comparisons",
    {
        "stratum": TEXT,
        "model_a": TEXT,
        "model_b": TEXT,
        "difference": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "se": NUMBER,
        "z": NUMBER,
        "p": NUMBER,
        "p_holm": NUMBER,
        "primary": Column("flag"),
        "method": OPTIONAL,
    },
)
#: The primary pair where its question is of non-inferiority: whether a - b lies above ``-margin``, one-sided at
#: ``alpha``.
NONINFERIORITY = Contract(
    "noninferiority",
    {
        "stratum": TEXT,
        "model_a": TEXT,
        "model_b": TEXT,
        "margin": NUMBER,
        "alpha": NUMBER,
        "difference": NUMBER,
        "limit": NUMBER,
        "p": NUMBER,
        "shown": Column("flag"),
        "method": NOTE,
        "n": COUNT,
    },
)
#: The primary pair beyond its AUCs: differences a - b in what its thresholds give and in net benefit.
CONTRAST = Contract(
    "contrast",
    {
        "stratum": TEXT,
        "model_a": TEXT,
        "model_b": TEXT,
        "metric": TEXT,
        "difference": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "p": NUMBER,
        "method": NOTE,
        "n": COUNT,
    },
)
#: Points of the smooth calibration curve with its band, of the raw and of the recalibrated probabilities.
CALIBRATION = Contract(
    "calibration",
    {
        "model": TEXT,
        "stratum": TEXT,
        "scale": TEXT,  # raw | recalibrated
        "predicted": NUMBER,
        "observed": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
    },
)
#: Net benefit by threshold; models ``treat all`` and ``treat none`` beside the study's own.
DECISION = Contract(
    "decision",
    {
        "model": TEXT,
        "stratum": TEXT,
        "threshold": PROBABILITY,
        "net_benefit": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
    },
)
#: Thresholds fixed on out-of-fold predictions, and what they give in each stratum.
OPERATING_POINTS = Contract(
    "operating_points",
    {"model": TEXT, "rule": TEXT, "threshold": NUMBER, "stratum": TEXT, "metric": TEXT, **INTERVAL},
)
#: Metrics within subgroups, with the p value of the interaction.
SUBGROUPS = Contract(
    "subgroups",
    {
        "model": TEXT,
        "stratum": TEXT,
        "variable": TEXT,
        "level": TEXT,
        "metric": TEXT,
        **INTERVAL,
        "p_interaction": NUMBER,
    },
)
#: One probability a case and model: averaged over seeds, as given and recalibrated.
SCORES = Contract(
    "scores",
    {
        "case_id": TEXT,
        "patient_id": NOTE,
        "centre": TEXT,
        "split": SPLIT,
        "model": TEXT,
        "label": LABEL,
        "probability": PROBABILITY,
        "recalibrated": PROBABILITY,
    },
)
#: Corners of the empirical ROC curve.
ROC = Contract(
    "roc",
    {"model": TEXT, "stratum": TEXT, "false_positive_rate": PROBABILITY, "sensitivity": PROBABILITY},
)
#: Logistic recalibration fitted on out-of-fold predictions: logit(new) = intercept + slope * logit(old).
RECALIBRATION = Contract(
    "recalibration",
    {"model": TEXT, "intercept": NUMBER, "slope": NUMBER, "n": COUNT, "n_positive": COUNT, "method": TEXT},
)
#: Prediction sets by thresholds fixed on out-of-fold predictions: a set holds the negative class at probabilities up
#: to ``negative_to`` and the positive one from ``positive_from``; and what the sets hold in each stratum.
UNSURE = Contract(
    "unsure",
    {
        "model": TEXT,
        "error": NUMBER,
        "negative_to": NUMBER,
        "positive_from": NUMBER,
        "stratum": TEXT,
        "metric": TEXT,  # coverage_negative | coverage_positive | unsure | unlike_either | accuracy_of_one
        "value": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "method": TEXT,
        "n": COUNT,
    },
)
#: Accuracy at Youden's threshold on the cases that a model is surest of.
SELECTIVE = Contract(
    "selective",
    {"model": TEXT, "stratum": TEXT, "answered": PROBABILITY, "accuracy": PROBABILITY, "n": COUNT},
)
#: How far the training seeds of one model lie apart.
SEEDS = Contract(
    "seeds",
    {
        "model": TEXT,
        "stratum": TEXT,
        "metric": TEXT,
        "seeds": COUNT,
        "mean": NUMBER,
        "sd": NUMBER,
        "least": NUMBER,
        "greatest": NUMBER,
        "averaged": NUMBER,  # of the probabilities averaged over seeds, which every other table uses
    },
)
#: Random-effects summary of a metric over the external centres.
HETEROGENEITY = Contract(
    "heterogeneity",
    {
        "model": TEXT,
        "metric": TEXT,
        "centres": COUNT,
        "value": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "prediction_low": NUMBER,
        "prediction_high": NUMBER,
        "tau2": NUMBER,
        "i2": NUMBER,
        "q": NUMBER,
        "p": NUMBER,
        "method": TEXT,
    },
)
#: The same over the centres that were each held out in turn.
ROTATION_SUMMARY = Contract("rotation summary", HETEROGENEITY.columns)
#: What each model says of each case that was made anew on a bootstrap sample of development patients (``refit``), by
#: those of its folds that have not seen the case.
REFITS = Contract("refits", {"case_id": TEXT, "model": NAME, "refit": COUNT, "probability": PROBABILITY})
#: How far one case's prediction hangs on who was in development: limits that hold 95% of its refits, their mean
#: absolute difference from the study's own ``probability`` (``mape``), and the share of them that call it otherwise.
INSTABILITY_CASES = Contract(
    "instability of cases",
    {
        "case_id": TEXT,
        "centre": TEXT,
        "split": SPLIT,
        "model": TEXT,
        "probability": PROBABILITY,
        "low": PROBABILITY,
        "high": PROBABILITY,
        "mape": PROBABILITY,
        "changed": NUMBER,
    },
)
#: The mean over cases of ``mape`` and of ``changed`` calls, with limits that hold 95% of the cases; ``auc`` of the
#: refits, with limits that hold 95% of them.
INSTABILITY = Contract(
    "instability",
    {
        "model": TEXT,
        "stratum": TEXT,
        "metric": TEXT,
        "value": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "n": COUNT,
        "refits": COUNT,
        "method": NOTE,
    },
)
#: Limits of the refits over cases of much the same probability.
INSTABILITY_CURVE = Contract(
    "instability curve",
    {"model": TEXT, "stratum": TEXT, "probability": PROBABILITY, "low": PROBABILITY, "high": PROBABILITY, "n": COUNT},
)
#: Cases worth looking at: the primary model's most confident hits, most confident misses and closest calls.
EXAMPLES = Contract(
    "examples",
    {
        "group": TEXT,  # right | wrong | borderline
        "case_id": TEXT,
        "centre": TEXT,
        "model": TEXT,
        "label": LABEL,
        "diagnosis": NOTE,  # the cohort's subtype, or else its label
        "probability": PROBABILITY,
        "threshold": NUMBER,
    },
)
#: The largest distance between two levels of a variable, with limits that hold for all pairs together.
SUBGROUP_GAPS = Contract(
    "subgroup_gaps",
    {
        "stratum": TEXT,
        "model": TEXT,
        "variable": TEXT,
        "metric": TEXT,
        "value": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "p": NUMBER,
        "greater": NOTE,
        "lesser": NOTE,
        "n": COUNT,
        "method": NOTE,
    },
)
#: Where a run departs from its locked plan: a setting, model or group of cases, as planned and as done.
DEVIATIONS = Contract("deviations", {"what": TEXT, "planned": FREE, "done": FREE})
