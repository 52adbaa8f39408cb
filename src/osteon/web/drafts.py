"""What a reader has begun and not saved: kept so that nothing has to be done twice, and never counted as an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from osteon.web.database import draft


def place_of(task: Row[Any]) -> str:
    """The name of the place that a draft of an answer belongs to."""
    return f"{task.session}.{task.position}.{task.step}"


@dataclass(frozen=True)
class Draft:
    """A draft as it came from the browser.

    Attributes:
        content: What has been filled in; empty takes an earlier draft away.
        room: The window.
        turn: The window's own count of drafts: requests can overtake each other.
    """

    content: dict[str, Any]
    room: str
    turn: int


def keep(connection: Connection, reader: str, place: str, given: Draft, now: datetime) -> bool:
    """Keep a draft in place of an earlier one; one without content takes it away.

    Args:
        connection: Inside a writing transaction.
        reader: Whose it is.
        place: Of a case's step, or a questionnaire's name.
        given: The draft.
        now: The present moment.

    Returns:
        Whether it was kept, and not older than the one that is there.
    """
    old = connection.execute(
        select(draft.c.room, draft.c.turn).where(draft.c.reader == reader, draft.c.place == place)
    ).first()
    if old and old.room == given.room and old.turn >= given.turn:
        return False
    drop(connection, reader, place)
    connection.execute(
        insert(draft).values(
            reader=reader, place=place, content=given.content, room=given.room, turn=given.turn, saved_at=now
        )
    )
    return True


def found(connection: Connection, reader: str, place: str) -> dict[str, Any] | None:
    """The draft of a place, or None."""
    content = connection.execute(
        select(draft.c.content).where(draft.c.reader == reader, draft.c.place == place)
    ).scalar()
    return dict(content) if content else None


def positions(connection: Connection, reader: str, session: int) -> list[int]:
    """The positions in a session at which something was begun and not saved."""
    rows = connection.execute(select(draft.c.place, draft.c.content).where(draft.c.reader == reader)).all()
    places = [row.place.split(".") for row in rows if row.content]
    return sorted({int(place[1]) for place in places if len(place) == 3 and place[0] == str(session)})


def drop(connection: Connection, reader: str, place: str) -> None:
    """Forget the draft of a place."""
    connection.execute(delete(draft).where(draft.c.reader == reader, draft.c.place == place))


def drop_session(connection: Connection, reader: str, session: int) -> None:
    """Forget all drafts of a session."""
    connection.execute(delete(draft).where(draft.c.reader == reader, draft.c.place.startswith(f"{session}.")))
