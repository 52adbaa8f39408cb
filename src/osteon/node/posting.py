"""Results on their way to the archive, for as long as it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from osteon.core.errors import ImageError
from osteon.core.words import counted
from osteon.io.sending import Destination, Outcome, read_instance
from osteon.node.queue import Queue

_AT_ONCE = 100
#: Seconds before the second try, and the most before another one.
_FIRST, _MOST = 5.0, 600.0


class Posting:
    """Sends what is due.

    Args:
        queue: Results, and what became of them.
        folder: Their files.
        to: Where to.
        say: Takes a line of the log.
        first: Seconds before the second try, doubled with each further one up to ten minutes.
    """

    def __init__(
        self, queue: Queue, folder: Path, to: Destination, say: Callable[[str], None], first: float = _FIRST
    ) -> None:
        self._queue, self._folder, self._to, self._say, self._first = queue, folder, to, say, first

    def go(self) -> bool:
        """Offer what is due once; whether there was anything."""
        due = self._queue.to_send(_AT_ONCE)
        if not due:
            return False
        known = {self._folder / file: (uid, tries) for uid, file, tries in due}
        counts: Counter[str] = Counter()
        later: list[tuple[str, float, str]] = []
        for outcome in self._offered(list(known)):
            uid, tries = known[outcome.path]
            if outcome.outcome == "sent":
                self._queue.sent(uid)
            else:
                later.append((uid, min(_MOST, self._first * 2 ** min(tries, 16)), outcome.reason))
            counts[outcome.outcome + (f" ({outcome.reason})" if outcome.reason else "")] += 1
        if later:
            self._queue.not_sent(later)
        for told, count in counts.items():
            self._say(f"sending: {counted(count, 'object')} {told}")
        return True

    def _offered(self, paths: list[Path]) -> Iterator[Outcome]:
        """What becomes of each file, those that are damaged here included."""
        instances = []
        for path in paths:
            try:
                instances.append(read_instance(path))
            except (ImageError, OSError):
                yield Outcome(path, "refused", "its file is gone or damaged")
        yield from self._to.attempt(instances)
