"""A node from its start to its end."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from osteon.core.errors import InputError, OsteonError
from osteon.core.version import __version__
from osteon.core.words import counted
from osteon.io.sending import Destination, read_instance
from osteon.node.health import Health
from osteon.node.listening import Listening
from osteon.node.posting import Posting
from osteon.node.queue import Question, Queue, onto_disk
from osteon.node.receiving import Receiving, name_of
from osteon.node.settings import Limits, Listen, Watch
from osteon.node.watching import Watching

#: Seconds: between looks at the queue; after which something that failed here is tried again; between tidyings.
LOOK, AGAIN, TIDY = 0.5, 30.0, 3600.0
#: Seconds after which results that nobody takes, or radiographs that nobody answers, are said to be a fault.
_LATE = 3600


class Answers(Protocol):
    """Whoever answers (:class:`osteon.node.answering.Answering`)."""

    @property
    def identity(self) -> str:
        """Of the model."""

    def __call__(self, radiograph: Path, drawings: Sequence[Path], folder: Path) -> tuple[Path, ...]:
        """The files of the answer, in a folder."""


class Node:
    """A node.

    Args:
        folder: Its queue and files; one node at a time.
        answers: Who answers.
        to: Where answers go.
        limits: How much it takes.
        say: Takes a line of the log.
        first: Seconds before a result is offered again.

    Raises:
        InputError: The folder is another node's, or another model's.
    """

    def __init__(
        self,
        folder: Path,
        answers: Answers,
        to: Destination,
        limits: Limits,
        say: Callable[[str], None] = print,
        first: float = 5.0,
    ) -> None:
        self._answers, self._limits, self._say = answers, limits, say
        self._folder, self._objects, self._results = folder, folder / "objects", folder / "results"
        try:
            for each in (folder, self._objects, self._results):
                each.mkdir(parents=True, exist_ok=True)
                each.chmod(0o700)  # radiographs name their patients
        except OSError as error:
            raise InputError(
                f"no folder can be made here ({error.strerror})", file=folder, fix="Give another --folder."
            ) from None
        self.queue = Queue(folder, answers.identity)
        self._stop, self._work, self._post = threading.Event(), threading.Event(), threading.Event()
        self.receiving = Receiving(self.queue, self._objects, limits, answers.identity, self._work.set)
        self._posting = Posting(self.queue, self._results, to, say, first)
        self._alive: list[Callable[[], bool]] = []
        self._faults: dict[str, str] = {}

    def stop(self) -> None:
        """Have it end after what it is at."""
        for event in (self._stop, self._work, self._post):
            event.set()

    def run(
        self, listen: Listen | None = None, watch: Watch | None = None, health: tuple[str, int] | None = None
    ) -> None:
        """Run until :meth:`stop`.

        Raises:
            InputError: Nothing can listen there.
        """
        with ExitStack() as room:
            room.callback(self.queue.close)
            self._sweep()
            self._tidy()
            if health is not None:
                room.callback(Health(*health, self.told).close)
            if listen is not None:
                listening = Listening(listen, self._limits, self.receiving, self._say)
                room.callback(listening.close)
                self._alive.append(listening.alive)
            if watch is not None:
                watching = Watching(watch, self.queue, self.receiving, self._say)
                self._thread(room, "watching", lambda: watching.go(self._stop))
            self._thread(room, "sending", self._send)
            self._say(f"ready: {counted(self.queue.counts()['to_answer'], 'radiograph')} to answer")
            try:
                self._answer()
            finally:
                self.stop()

    def told(self) -> dict[str, Any]:
        """How it does; ``status`` is "ok", or says what is wrong."""
        try:
            counts = self.queue.counts()
        except sqlite3.Error as error:
            return {"status": f"the queue cannot be read ({type(error).__name__})"}
        free = shutil.disk_usage(self._folder).free
        wrong = [
            *[f"{what}: {why}" for what, why in self._faults.items()],
            *["a part of it has ended; start it again"] * (not all(alive() for alive in self._alive)),
            *["the disk is nearly full"] * (free < self._limits.reserve),
            *["results wait for the archive for more than an hour"] * (counts["oldest_to_send_seconds"] > _LATE),
            *["radiographs wait for more than an hour"] * (counts["oldest_to_answer_seconds"] > _LATE),
        ]
        about = {"model": self._answers.identity[:12], "osteon": __version__, "free_megabytes": free // 2**20}
        return {"status": "; ".join(wrong) or "ok", **counts, **about}

    def _answer(self) -> None:
        """Answer what there is to answer, the whole time."""
        idle = 0.0
        while not self._stop.is_set():
            question = self._guarded(self.queue.next, "answering")
            if question is not None:
                self._one(question)
                continue
            self._work.wait(LOOK)
            self._work.clear()
            idle += LOOK
            if idle >= TIDY:
                idle = 0.0
                self._guarded(self._tidy, "tidying")

    def _one(self, question: Question) -> None:
        name = name_of(question.radiograph)
        room = f"{name}-{question.version}"
        try:
            if not (self._objects / question.file).is_file():
                raise InputError("its file is gone; it may be sent again")
            files = self._answers(
                self._objects / question.file,
                [self._objects / each for each in question.drawings],
                self._results / room,
            )
            for each in (*files, *{file.parent for file in files}, self._results / room, self._results):
                onto_disk(each)
            results = {read_instance(file).uid: str(file.relative_to(self._results)) for file in files}
            self.queue.answered(question, results)
            self._post.set()
            self._say(f"answered {name}: {counted(len(files), 'object')}")
        except OsteonError as error:
            why = error.what if isinstance(error, InputError) else str(error)
            self._guarded(lambda: self.queue.set_aside(question, why), "answering")
            self._say(f"set aside {name}: {why}")
        except Exception as error:  # a full disk, or what nobody foresaw: it is asked again
            kind = type(error).__name__
            self._say(f"not answered {name}, again in {AGAIN:g} s: {_place(error)}")
            self._guarded(lambda: self.queue.postpone(question, AGAIN, kind), "answering")

    def _send(self) -> None:
        """Send what there is to send, the whole time."""
        while not self._stop.is_set():
            if not self._guarded(self._posting.go, "sending"):
                self._post.wait(LOOK)
                self._post.clear()

    def _sweep(self) -> None:
        """Delete files that the queue does not know: of a crash, and never acknowledged or sent."""
        objects, results = self.queue.files()
        rooms = {Path(file).parts[0] for file in results}
        for path in self._objects.iterdir():
            if path.name not in objects:
                path.unlink()
        for path in self._results.iterdir():
            if path.name not in rooms:
                shutil.rmtree(path)

    def _tidy(self) -> None:
        """Delete what is old and done."""
        undrawn, objects, results = self.queue.forget(self._limits.keep)
        for file in objects:
            (self._objects / file).unlink(missing_ok=True)
        for room in {Path(file).parts[0] for file in results}:
            shutil.rmtree(self._results / room, ignore_errors=True)
        if objects:
            self._say(f"deleted {counted(len(objects), 'object')} of old, on {undrawn} of which nobody drew")

    def _guarded(self, do: Callable[[], Any], what: str) -> Any:
        """Do something that must not end the node; what fails is said and tried again after a while."""
        try:
            done = do()
        except Exception as error:
            self._faults[what] = _place(error)
            self._say(f"{what}: {self._faults[what]}")
            self._stop.wait(1.0)
            return None
        self._faults.pop(what, None)
        return done

    def _thread(self, room: ExitStack, name: str, do: Callable[[], None]) -> None:
        thread = threading.Thread(target=do, name=name, daemon=True)
        thread.start()
        room.callback(thread.join, 10)
        self._alive.append(thread.is_alive)


def _place(error: Exception) -> str:
    """An error by its kind and its place in the program: its words could quote a patient."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}"
