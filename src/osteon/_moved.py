"""Old paths of modules, importable for one more release."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_MOVED = {
    "app": "web",
    "check": "cohort.check",
    "crops": "models.inputs.crops",
    "errors": "core.errors",
    "evaluate": "results.evaluate",
    "explain": "models.explain",
    "figures": "results.figures",
    "perturb": "models.inputs.perturb",
    "phantom": "cohort.synthetic",
    "pretrain": "pretraining",
    "protocol": "study.protocol",
    "report": "results.report",
    "steps": "pipeline",
    "tables": "core.tables",
    "tabular": "models.tabular",
    "train": "models.network.train",
    "types": "core.types",
}


class _Moved(MetaPathFinder, Loader):
    """Finds a module under its old name: the very module, not a copy of it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        old = rest.partition(".")[0]
        return ModuleSpec(fullname, self) if package == "osteon" and old in _MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        old, _, inside = spec.name.removeprefix("osteon.").partition(".")
        module = import_module(".".join(filter(None, ("osteon", _MOVED[old], inside))))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run under its own name, and keeps that."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Let old paths be imported."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())


def of(name: str) -> ModuleType | None:
    """The module that was an attribute of the package under this name; None where there was none."""
    return import_module(f"osteon.{name}") if name in _MOVED else None
