"""The steps of a study: each reads files, calls functions, writes files and what they were made from."""

from osteon.steps.folder import RunFolder
from osteon.steps.pipeline import Run, check, evaluate, explain, features, perturb, run
from osteon.steps.workers import Workers

__all__ = [
    "Run",
    "RunFolder",
    "Workers",
    "check",
    "evaluate",
    "explain",
    "features",
    "perturb",
    "run",
]
