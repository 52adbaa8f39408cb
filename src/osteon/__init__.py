"""osteon: from a table of radiographs to a complete multi-centre study, with one command.

Research use only; not a medical device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osteon import _moved
from osteon.core.version import __version__

if TYPE_CHECKING:
    from osteon.pipeline import Run, load, run

__all__ = ["Run", "__version__", "load", "run"]


_moved.install()


def __getattr__(name: str) -> Any:
    """Import the study runner late: ``import osteon.stats`` must not cost more than scipy does."""
    if name in ("run", "Run", "load"):
        from osteon import pipeline

        return getattr(pipeline, name)
    if (module := _moved.of(name)) is not None:
        return module
    raise AttributeError(f"module 'osteon' has no attribute {name!r}")
