"""Writers one after the other, in the order in which they came."""

from __future__ import annotations

from collections import deque
from threading import Lock


class Turns:
    """First come, first served: SQLite has one writer at a time, and lets others sleep and try their luck again."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._waiting: deque[Lock] = deque()
        self._busy = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._busy:
                self._busy = True
                return
            gate = Lock()
            gate.acquire()
            self._waiting.append(gate)
        gate.acquire()  # opened by whoever is before us

    def __exit__(self, *_error: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._busy = False
