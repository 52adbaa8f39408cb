"""The steps of a study, each from files to files; and what becomes of its models, prediction and export.

Names are imported when they are first used: whoever shows one radiograph to a model needs no figures.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osteon.core.run import RunFolder
    from osteon.core.workers import Workers
    from osteon.pipeline.answering import predict, said
    from osteon.pipeline.exporting import export
    from osteon.pipeline.intake import parsed_box, taken_in
    from osteon.pipeline.line import EXPLAIN, FIT, PERTURB, Run, check, evaluate, explain, features, perturb, run, walk
    from osteon.pipeline.planning import lock, plan
    from osteon.pipeline.prediction import Model, Prediction, load, model_file
    from osteon.pipeline.updating import Updated, update

_PLACES = {
    "osteon.core.run": ("RunFolder",),
    "osteon.core.workers": ("Workers",),
    "osteon.pipeline.exporting": ("export",),
    "osteon.pipeline.intake": ("parsed_box", "taken_in"),
    "osteon.pipeline.line": (
        *("EXPLAIN", "FIT", "PERTURB", "Run", "check", "evaluate", "explain", "features", "perturb", "run", "walk"),
    ),
    "osteon.pipeline.answering": ("predict", "said"),
    "osteon.pipeline.planning": ("lock", "plan"),
    "osteon.pipeline.prediction": ("Model", "Prediction", "load", "model_file"),
    "osteon.pipeline.updating": ("Updated", "update"),
}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "EXPLAIN",
    "FIT",
    "PERTURB",
    "Model",
    "Prediction",
    "Run",
    "RunFolder",
    "Updated",
    "Workers",
    "check",
    "evaluate",
    "explain",
    "export",
    "features",
    "load",
    "lock",
    "model_file",
    "parsed_box",
    "perturb",
    "plan",
    "predict",
    "run",
    "said",
    "taken_in",
    "update",
    "walk",
]


def __getattr__(name: str) -> Any:
    """A public name from its module."""
    if name not in _PLACE:
        raise AttributeError(f"module 'osteon.pipeline' has no attribute {name!r}")
    return getattr(import_module(_PLACE[name]), name)
