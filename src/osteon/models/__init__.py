"""Kinds of model, each a room of its own, and the one call that takes inputs to probabilities.

:mod:`osteon.models.model` says what a kind is; :mod:`~osteon.models.network` and :mod:`~osteon.models.tabular` hold the
five that there are. Importing this package imports no torch; :func:`build` does when it is first asked for.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Classifier", "build", "default_size"]


def __getattr__(name: str) -> Any:
    """Import networks late: models of tables need no torch."""
    if name in __all__:
        from osteon.models.network import build

        return getattr(build, name)
    raise AttributeError(f"module 'osteon.models' has no attribute {name!r}")
