"""Where the report answers what reporting guidelines ask, and what only the authors can answer.

Topics in osteon's own words, not the guidelines' items: CLAIM (2024 update), TRIPOD+AI (2024), STARD-AI (2025).
"""

from __future__ import annotations

#: Topic, guidelines that ask for it, sections of the report (the first that exists is linked).
ANSWERED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("What was planned, and departures from it", "CLAIM, STARD-AI, TRIPOD+AI", ("plan",)),
    ("Flow of cases, and why cases were set aside", "CLAIM, STARD-AI, TRIPOD+AI", ("cohort",)),
    ("Characteristics of each partition and centre", "CLAIM, STARD-AI, TRIPOD+AI", ("cohort",)),
    ("Level at which partitions are disjoint (patient, centre)", "CLAIM", ("methods",)),
    ("Pre-processing and normalisation of pictures", "CLAIM", ("methods",)),
    ("Source of initial weights", "CLAIM", ("methods", "versions")),
    ("Model, training and hyperparameters", "CLAIM, TRIPOD+AI", ("methods", "versions")),
    ("Performance with uncertainty on external data", "CLAIM, STARD-AI, TRIPOD+AI", ("discrimination",)),
    ("Rationale of thresholds, fixed before the test", "STARD-AI, TRIPOD+AI", ("operating-points",)),
    ("Calibration, and model updating", "TRIPOD+AI", ("calibration",)),
    ("Clinical usefulness (net benefit)", "TRIPOD+AI", ("decision",)),
    ("Heterogeneity between centres", "TRIPOD+AI", ("heterogeneity",)),
    ("Subgroups, with intervals", "TRIPOD+AI, STARD-AI", ("subgroups",)),
    ("Comparison with baselines, shortcuts included", "CLAIM", ("comparisons",)),
    ("Failure analysis", "CLAIM, STARD-AI", ("examples",)),
    ("Robustness", "CLAIM", ("robustness",)),
    ("Explanation", "CLAIM", ("explanation",)),
    ("Software, versions, seeds, and how to repeat it", "CLAIM, TRIPOD+AI", ("versions",)),
)

#: What no table knows.
FOR_AUTHORS = (
    "the clinical setting, the intended use and users",
    "eligibility, recruitment and dates; whether the study was registered",
    "the reference standard, who read it and how disagreement was settled",
    "who drew the boxes, and how reliable they are",
    "the sample-size rationale",
    "ethics, consent, funding and access to data",
)
