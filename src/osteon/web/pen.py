"""One writer a reader: of several windows, the one that was opened or taken last."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from osteon.web.database import pen, person
from osteon.web.events import record


class ElsewhereError(Exception):
    """The reader writes in another window."""

    def __init__(self) -> None:
        super().__init__("You go on in another window or at another machine. Nothing is stored from this one.")


def lock(connection: Connection, reader: str) -> None:
    """Let a person's writes come one after the other, also when two browsers send at once."""
    connection.execute(select(person.c.code).where(person.c.code == reader).with_for_update())


def take(connection: Connection, reader: str, room: str, now: datetime) -> None:
    """Let a reader write in this window from now on, and in no other."""
    if holder(connection, reader) == room:
        return
    connection.execute(delete(pen).where(pen.c.reader == reader))
    connection.execute(insert(pen).values(reader=reader, room=room, taken_at=now))
    record(connection, reader, "pen", now)


def holder(connection: Connection, reader: str) -> str | None:
    """The window that a reader writes in."""
    return connection.execute(select(pen.c.room).where(pen.c.reader == reader)).scalar()


def hold(connection: Connection, reader: str, room: str) -> None:
    """Go on only where this window has the pen.

    Raises:
        ElsewhereError: Another window has it.
    """
    if holder(connection, reader) != room:
        raise ElsewhereError
