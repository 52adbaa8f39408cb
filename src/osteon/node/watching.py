"""Asks an archive for what is new, and takes it as if it had been sent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from osteon.io import dicomweb
from osteon.io.stored import quiet
from osteon.node.queue import Queue
from osteon.node.receiving import FULL, Receiving, RefusedError, name_of
from osteon.node.settings import Watch


class Watching:
    """Watches an archive.

    Args:
        watch: Which, and for what.
        queue: What is here already.
        receiving: Takes what is new.
        say: Takes a line of the log.

    Raises:
        InputError: It is no address of an archive.
    """

    def __init__(self, watch: Watch, queue: Queue, receiving: Receiving, say: Callable[[str], None]) -> None:
        self._watch, self._queue, self._receiving, self._say = watch, queue, receiving, say
        self._client = dicomweb.connect(watch.url)
        self._left: set[str] = set()

    def go(self, stop: threading.Event) -> None:
        """Look again and again until it is to stop."""
        while not stop.is_set():
            try:
                self.look()
            except Exception as error:  # an archive may be down for a day, or send anything
                self._say(f"watching: {dicomweb.said(error)}")
            stop.wait(self._watch.every)

    def look(self) -> None:
        """Take what is new; of the last two days where the query names no date."""
        yesterday = date.today() - timedelta(days=1)
        query = {"StudyDate": f"{yesterday:%Y%m%d}-", **self._watch.query}
        with quiet():
            found = list(dicomweb.objects(self._client, query, Counter()))
        for identifiers in found:
            uid = identifiers[2]
            if uid in self._left or self._queue.knows(uid):
                continue
            try:
                said = self._receiving.take(partial(self._fetch, identifiers), uid)
            except RefusedError as refused:
                if refused.status == FULL:
                    self._say(f"watching: {refused.why}; later")
                    return
                said = f"{name_of(uid)} refused, {refused.why}"
            if not self._queue.knows(uid):
                self._left.add(uid)
            self._say(f"watching: {said}")

    def _fetch(self, identifiers: tuple[str, str, str], path: Path) -> None:
        with quiet():
            made: Any = dicomweb.retrieve(self._client, identifiers)
            made.save_as(path, enforce_file_format=True)
