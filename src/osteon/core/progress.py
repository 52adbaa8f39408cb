"""How far long work is: shown as a bar with the time left, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol


class Bar(Protocol):
    """One running progress bar."""

    def advance(self, n: int = 1) -> None:
        """Note that `n` more pieces are done."""


class Progress(Protocol):
    """Where progress is shown."""

    def __call__(self, total: int, title: str = "") -> AbstractContextManager[Bar]:
        """Start a bar of so many pieces."""

    def say(self, line: str) -> None:
        """Print a line above the bars."""


class Quiet:
    """Shows nothing; the default of the library."""

    def advance(self, n: int = 1) -> None:
        """Ignore."""

    def __call__(self, total: int, title: str = "") -> AbstractContextManager[Bar]:
        """A bar that shows nothing."""
        return nullcontext(self)

    def say(self, line: str) -> None:
        """Ignore."""


class Shown:
    """A rich progress bar with the time left, on standard error."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def __call__(self, total: int, title: str = "") -> Iterator[Bar]:
        """A bar of `total` pieces that goes when it is done."""
        from rich import progress

        columns = (
            progress.TextColumn("  {task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("time left"),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as bars:
            task = bars.add_task(title, total=total)

            class _Bar:
                def advance(self, n: int = 1) -> None:
                    bars.advance(task, n)

            yield _Bar()
