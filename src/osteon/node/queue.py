"""What a node has taken, what it has to answer, and what it has to send: SQLite, on the disk when a call returns.

A radiograph has a question as soon as something of its study is drawn on it, whichever came first; a further drawing
asks it anew. Files lie beside the database; one that it does not know is of a crash and goes at the next start.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osteon.core.errors import InputError

_SCHEMA = 1
_TABLES = """
CREATE TABLE model (identity TEXT NOT NULL);
CREATE TABLE object (
    uid TEXT PRIMARY KEY, study TEXT NOT NULL, radiograph INTEGER NOT NULL, file TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE drawn (drawing TEXT NOT NULL, radiograph TEXT NOT NULL, PRIMARY KEY (drawing, radiograph)) WITHOUT ROWID;
CREATE INDEX drawn_on ON drawn (radiograph);
CREATE TABLE question (
    radiograph TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, due REAL NOT NULL,
    tries INTEGER NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX question_state ON question (state, tries, due);
CREATE TABLE result (
    uid TEXT PRIMARY KEY, radiograph TEXT NOT NULL, file TEXT NOT NULL, sent INTEGER NOT NULL, due REAL NOT NULL,
    tries INTEGER NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX result_due ON result (sent, due);
"""
_KEEP = """
INSERT INTO object VALUES (?, ?, ?, ?, ?)
ON CONFLICT (uid) DO UPDATE SET file = excluded.file, at = excluded.at
WHERE uid IN (SELECT radiograph FROM question WHERE state = 'aside')
"""
_ASK = """
INSERT INTO question SELECT radiograph.uid, 1, 'open', :due, 0, '', :at
FROM object AS radiograph
WHERE radiograph.radiograph AND radiograph.uid IN (SELECT radiograph FROM drawn WHERE drawing = :uid UNION SELECT :uid)
AND EXISTS (
    SELECT 1 FROM drawn JOIN object AS drawing ON drawing.uid = drawn.drawing
    WHERE drawn.radiograph = radiograph.uid AND drawing.study = radiograph.study)
ON CONFLICT (radiograph) DO UPDATE
SET version = version + 1, state = 'open', due = excluded.due, tries = 0, reason = '', at = excluded.at
"""
#: What is old, and nothing is left to do about: no question is open, no result unsent.
_DONE = """
SELECT uid, file, radiograph AND uid NOT IN (SELECT radiograph FROM question) FROM object
WHERE at < :before AND uid NOT IN (
    SELECT radiograph FROM question WHERE state = 'open' UNION SELECT radiograph FROM result WHERE NOT sent
    UNION SELECT drawing FROM drawn JOIN question USING (radiograph) WHERE state = 'open')
ORDER BY uid
"""


@dataclass(frozen=True)
class Taken:
    """An object that was received.

    Attributes:
        uid: Its SOP Instance UID.
        study: Its Study Instance UID.
        file: Its name in the folder of objects.
        draws_on: SOP Instance UIDs of the radiographs that it draws on; None for a radiograph.
    """

    uid: str
    study: str
    file: str
    draws_on: frozenset[str] | None


@dataclass(frozen=True)
class Question:
    """A radiograph to be answered.

    Attributes:
        radiograph: Its SOP Instance UID.
        version: Grows with each drawing.
        file: Its file.
        drawings: Files that draw on it, in the order of their UIDs.
    """

    radiograph: str
    version: int
    file: str
    drawings: tuple[str, ...]


class Queue:
    """The queue of a node, and of no other at the same time.

    Args:
        folder: Where its database is.
        identity: Of the model that answers.

    Raises:
        InputError: It is in use, the queue of another model, or of a newer osteon.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._held, self._lock, self._looking = _hold(folder), threading.Lock(), threading.Lock()
        # Who only looks does not wait for a slow disk: WAL shows what was committed last.
        self._db, self._view = (
            sqlite3.connect(folder / "queue.db", check_same_thread=False, isolation_level=None, timeout=30)
            for _ in range(2)
        )
        try:
            self._open(folder, identity)
        except BaseException:
            self.close()
            raise

    def _open(self, folder: Path, identity: str) -> None:
        for setting in ("journal_mode = WAL", "synchronous = FULL"):
            self._db.execute(f"PRAGMA {setting}")
        (schema,) = self._db.execute("PRAGMA user_version").fetchone()
        if schema == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_SCHEMA}; COMMIT;")
            with self._change() as change:
                change("INSERT INTO model VALUES (?)", (identity,))
        elif schema != _SCHEMA:
            raise InputError("this queue is of a newer osteon", file=folder, fix="Update osteon.")
        if self._all("SELECT identity FROM model") != [(identity,)]:
            raise InputError(
                "this queue is of another model", file=folder, fix="Give each model a --folder of its own."
            )

    def close(self) -> None:
        """Close it."""
        with self._lock, self._looking:
            self._view.close()
            self._db.close()
            os.close(self._held)

    def knows(self, uid: str) -> bool:
        """Whether an object is here."""
        return bool(self._all("SELECT 1 FROM object WHERE uid = ?", (uid,)))

    def set_aside_before(self, uid: str) -> bool:
        """Whether an object is a radiograph that could not be answered, so that it may come anew."""
        return bool(self._all("SELECT 1 FROM question WHERE radiograph = ? AND state = 'aside'", (uid,)))

    def add(self, taken: Taken, quiet: float) -> bool:
        """Keep an object, and ask what it makes askable in `quiet` seconds; False where it is here already.

        A radiograph that was set aside is replaced: it may come in another transfer syntax.
        """
        at = time.time()
        row = (taken.uid, taken.study, taken.draws_on is None, taken.file, at)
        with self._change() as change:
            if not change(_KEEP, row).rowcount:
                return False
            for radiograph in taken.draws_on or ():
                change("INSERT OR IGNORE INTO drawn VALUES (?, ?)", (taken.uid, radiograph))
            change(_ASK, {"uid": taken.uid, "due": at + quiet, "at": at})
        return True

    def next(self) -> Question | None:
        """The next radiograph to answer, those first that have been tried least; a try is counted before it is made."""
        now = time.time()
        with self._change() as change:
            found = change(
                "SELECT question.radiograph, version, file FROM question JOIN object ON uid = question.radiograph "
                "WHERE state = 'open' AND due <= ? ORDER BY tries, due LIMIT 1",
                (now,),
            ).fetchone()
            if found is None:
                return None
            change("UPDATE question SET tries = tries + 1 WHERE radiograph = ?", found[:1])
            drawings = change(
                "SELECT drawing.file FROM drawn JOIN object AS drawing ON drawing.uid = drawn.drawing "
                "JOIN object AS own ON own.uid = drawn.radiograph AND own.study = drawing.study "
                "WHERE drawn.radiograph = ? ORDER BY drawing.uid",
                found[:1],
            ).fetchall()
        radiograph, version, file = found
        return Question(radiograph, version, file, tuple(drawing for (drawing,) in drawings))

    def answered(self, question: Question, results: Mapping[str, str]) -> None:
        """Close a question, unless it was asked anew meanwhile, and have its results sent.

        Args:
            question: The question.
            results: UID of each object to its file.
        """
        now = time.time()
        rows = [(uid, question.radiograph, file, now, now) for uid, file in results.items()]
        with self._change() as change:
            for row in rows:
                change("INSERT INTO result VALUES (?, ?, ?, 0, ?, 0, '', ?) ON CONFLICT DO NOTHING", row)
            self._close(change, question, "answered", "")

    def set_aside(self, question: Question, reason: str) -> None:
        """Close a question that cannot be answered."""
        with self._change() as change:
            self._close(change, question, "aside", reason)

    def postpone(self, question: Question, seconds: float, reason: str) -> None:
        """Ask again later."""
        with self._change() as change:
            change(
                "UPDATE question SET due = ?, reason = ? WHERE radiograph = ?",
                (time.time() + seconds, reason, question.radiograph),
            )

    def to_send(self, most: int) -> list[tuple[str, str, int]]:
        """UID, file and tries of results that are due."""
        wanted = "SELECT uid, file, tries FROM result WHERE NOT sent AND due <= ? ORDER BY due LIMIT ?"
        return self._all(wanted, (time.time(), most))

    def sent(self, uid: str) -> None:
        """A destination has a result."""
        with self._change() as change:
            change("UPDATE result SET sent = 1, reason = '', at = ? WHERE uid = ?", (time.time(), uid))

    def not_sent(self, results: Sequence[tuple[str, float, str]]) -> None:
        """A destination has not taken results: the UID of each, seconds until it is offered again, and why."""
        now = time.time()
        with self._change() as change:
            for uid, seconds, reason in results:
                change(
                    "UPDATE result SET due = ?, tries = tries + 1, reason = ? WHERE uid = ?",
                    (now + seconds, reason, uid),
                )

    def waiting(self) -> int:
        """How many objects are here on account of which something is still to be done, or to come."""
        return int(
            self._all(
                "SELECT count(*) FROM object WHERE radiograph AND NOT EXISTS ("
                "SELECT 1 FROM question WHERE question.radiograph = uid AND state != 'open')"
            )[0][0]
        )

    def counts(self) -> dict[str, Any]:
        """How it goes, in numbers, and in reasons that quote nobody."""
        states = dict(self._all("SELECT state, count(*) FROM question GROUP BY state"))
        (unsent, oldest), *_ = self._all("SELECT count(*), min(at) FROM result WHERE NOT sent")
        (asked,), *_ = self._all("SELECT min(due) FROM question WHERE state = 'open'")
        many = "SELECT reason, count(*) FROM {} WHERE reason != '' GROUP BY reason ORDER BY 2 DESC LIMIT 5"
        now = time.time()
        return {
            "objects": self._all("SELECT count(*) FROM object")[0][0],
            "without_drawing": self.waiting() - states.get("open", 0),
            "to_answer": states.get("open", 0),
            "answered": states.get("answered", 0),
            "set_aside": states.get("aside", 0),
            "to_send": unsent,
            "sent": self._all("SELECT count(*) FROM result WHERE sent")[0][0],
            "oldest_to_answer_seconds": max(0, round(now - asked)) if asked else 0,
            "oldest_to_send_seconds": max(0, round(now - oldest)) if oldest else 0,
            "why_not_answered": dict(self._all(many.format("question"))),
            "why_not_sent": dict(self._all(many.format("result"))),
        }

    def forget(self, age: float) -> tuple[int, list[str], list[str]]:
        """Forget what is old and done: how many radiographs nobody drew on, files of objects, and of results."""
        objects: list[str] = []
        results: list[str] = []
        undrawn = 0
        with self._change() as change:
            for uid, file, alone in change(_DONE, {"before": time.time() - age}).fetchall():
                objects.append(file)
                results += [told for (told,) in change("SELECT file FROM result WHERE radiograph = ?", (uid,))]
                undrawn += alone
                for table, column in (("result", "radiograph"), ("question", "radiograph"), ("drawn", "drawing")):
                    change(f"DELETE FROM {table} WHERE {column} = ?", (uid,))
                change("DELETE FROM object WHERE uid = ?", (uid,))
        return undrawn, objects, results

    def files(self) -> tuple[set[str], set[str]]:
        """The files of objects and of results that it knows."""
        objects, results = (self._all(f"SELECT file FROM {table}") for table in ("object", "result"))
        return {file for (file,) in objects}, {file for (file,) in results}

    def _close(self, change: Any, question: Question, state: str, reason: str) -> None:
        change(
            "UPDATE question SET state = ?, reason = ?, at = ? WHERE radiograph = ? AND version = ?",
            (state, reason, time.time(), question.radiograph, question.version),
        )

    def _all(self, wanted: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._looking:
            return self._view.execute(wanted, values).fetchall()

    @contextmanager
    def _change(self) -> Iterator[Any]:
        """A transaction: on the disk when the block ends well, and nothing of it otherwise."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db.execute
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def onto_disk(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hold(folder: Path) -> int:
    """Hold a folder for as long as the process lives, or until what is returned is closed.

    Raises:
        InputError: Another process holds it.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise InputError("another node works in this folder", file=folder, fix="Give each node its own.") from None
    except ImportError:  # another operating system: a node that is started twice finds its port taken
        pass
    return handle
