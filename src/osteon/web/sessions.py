"""A reader's sessions: where the reader stands, which case may be opened, and when a session is closed.

Whatever a reader asks for is a :class:`Visit`: a transaction, the rules, and the present moment. Rules are held against
the database at that moment, never against what the browser says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, func, select

from osteon.core.errors import InputError
from osteon.study.protocol import Readers
from osteon.web import changes, drafts, pen, rules
from osteon.web.database import happening, reading, study, task
from osteon.web.events import record
from osteon.web.refusal import NotAllowedError

#: What happens once, and leads on.
_PASSED = ("agreed", "declined", "informed", "before", "after", "closed")


@dataclass(frozen=True)
class Visit:
    """A reader's request while it is served.

    Attributes:
        connection: Inside a transaction.
        protocol: The rules, as they are in it.
        reader: Who asks.
        now: The present moment.
    """

    connection: Connection
    protocol: Readers
    reader: str
    now: datetime


def protocol_of(connection: Connection) -> tuple[Readers, dict[str, Any]]:
    """The protocol, with what has been changed of it since it was made, and the study's title and note.

    Raises:
        InputError: The protocol says what this osteon does not know.
    """
    stored = dict(connection.execute(select(study.c.protocol)).scalar_one())
    try:
        protocol = Readers.model_validate(stored.pop("readers"))
    except ValidationError as error:
        raise InputError(
            f"the database holds a protocol that this osteon does not know ({error.errors()[0]['loc'][0]})",
            fix="Serve it with the osteon that made it, or a newer one.",
        ) from None
    return changes.applied(connection, protocol), stored


def progress(connection: Connection, reader: str) -> rules.Course:
    """How far a reader has come."""
    events = connection.execute(
        select(happening.c.kind, happening.c.at)
        .where(happening.c.reader == reader, happening.c.kind.in_(_PASSED))
        .order_by(happening.c.id)
    ).all()
    closed = tuple(row.at for row in events if row.kind == "closed")
    kinds = {row.kind for row in events}
    session = len(closed) + 1
    answered = connection.execute(
        select(func.count()).where(reading.c.reader == reader, reading.c.session == session, reading.c.revision == 1)
    ).scalar_one()
    cases = connection.execute(
        select(func.max(task.c.position)).where(task.c.reader == reader, task.c.session == 1)
    ).scalar_one()
    consent = "agreed" in kinds if kinds & {"agreed", "declined"} else None
    return rules.Course(
        "before" in kinds, "after" in kinds, closed, answered, cases or 0, consent, informed="informed" in kinds
    )


def stage(visit: Visit) -> tuple[rules.Stage, rules.Course]:
    """Where a reader stands."""
    come = progress(visit.connection, visit.reader)
    return rules.stage(visit.protocol, come, visit.now), come


def open_case(visit: Visit, position: int) -> tuple[rules.Stage, Row[Any]]:
    """The task at a position of the open session, if it may be looked at now.

    Raises:
        NotAllowedError: Not that case, or not now.
    """
    here, _ = stage(visit)
    if not rules.may_open(visit.protocol, here, position):
        raise NotAllowedError("This case cannot be opened now.")
    due = visit.connection.execute(
        select(task).where(
            task.c.reader == visit.reader,
            task.c.session == here.session,
            task.c.position == position,
            task.c.step == rules.step_of(visit.protocol, here, position),
        )
    ).one()
    return here, due


def close_session(visit: Visit, session: int) -> None:
    """Close the open session once every case has its answer; nothing in it can be changed or seen afterwards.

    Raises:
        NotAllowedError: Cases are still open, or another session is.
    """
    pen.lock(visit.connection, visit.reader)
    here, _ = stage(visit)
    if here.name != "review" or here.session != session:
        raise NotAllowedError("This session cannot be closed now.")
    drafts.drop_session(visit.connection, visit.reader, session)
    record(visit.connection, visit.reader, "closed", visit.now, session)
