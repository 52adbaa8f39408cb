"""The steps of a study: each reads files, calls functions, writes files and what they were made from."""

from osteon.core.run import RunFolder
from osteon.core.workers import Workers
from osteon.pipeline.line import EXPLAIN, FIT, PERTURB, Run, check, evaluate, explain, features, perturb, run, walk

__all__ = [
    "EXPLAIN",
    "FIT",
    "PERTURB",
    "Run",
    "RunFolder",
    "Workers",
    "check",
    "evaluate",
    "explain",
    "features",
    "perturb",
    "run",
    "walk",
]
