"""What fitted models say of themselves: coefficients, odds ratios, reliability."""

from __future__ import annotations

from osteon.core.tables.contract import COUNT, NOTE, NUMBER, TEXT, Column, Contract

#: Odds ratios of clinical and combined models, fitted on all development cases.
ODDS_RATIOS = Contract(
    "odds ratios",
    {
        "model": TEXT,
        "term": TEXT,
        "odds_ratio": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "p": NUMBER,
        "note": NOTE,
    },
)
#: Radiomics features that a model uses: in how many folds of how many, and the coefficient for one robust standard
#: deviation: its mean, the least and the greatest of the folds.
SELECTED_FEATURES = Contract(
    "selected features",
    {
        "model": TEXT, "feature": TEXT, "folds": COUNT, "of": COUNT,
        "coefficient": NUMBER, "least": NUMBER, "greatest": NUMBER,
    },
)  # fmt: skip
#: How far the folds of a radiomics model agree on the features they use.
SELECTION_STABILITY = Contract(
    "selection stability",
    {"model": TEXT, "value": NUMBER, "low": NUMBER, "high": NUMBER, "method": NOTE, "n": COUNT},
)
#: What a learner goes by: the AUC of held-out cases that is lost when a source, or a column of it, is shuffled; its
#: mean, the least and the greatest of the folds.
IMPORTANCES = Contract(
    "importances",
    {
        "model": TEXT, "source": TEXT, "column": NOTE,
        "auc_loss": NUMBER, "least": NUMBER, "greatest": NUMBER, "folds": COUNT,
    },
)  # fmt: skip
#: Which learner each fold of a model has, and the deviance of inner folds of those that were tried.
LEARNERS = Contract("learners", {"model": TEXT, "fold": COUNT, "learner": TEXT, "deviance": NUMBER, "chosen": COUNT})
#: ICC of every feature when the region is redrawn.
RELIABILITY = Contract(
    "reliability",
    {"feature": Column(unique=True), "value": NUMBER, "low": NUMBER, "high": NUMBER, "method": NOTE, "n": COUNT},
)
