"""The steps of a study: each reads files, calls functions, writes files and what they were made from."""

from osteon.core.run import RunFolder
from osteon.core.workers import Workers
from osteon.pipeline.line import Run, check, evaluate, explain, features, perturb, run

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
