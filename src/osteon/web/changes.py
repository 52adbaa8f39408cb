"""What may be changed of a protocol while readers read, by whom, when and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from osteon.core.errors import InputError
from osteon.study.protocol import Readers
from osteon.web.database import protocol_change

#: The longest wash-out, in days, that a protocol may have.
LONGEST = 3650


def applied(connection: Connection, protocol: Readers) -> Readers:
    """The protocol with what has been changed of it since."""
    rows = connection.execute(
        select(protocol_change.c.setting, protocol_change.c.after).order_by(protocol_change.c.id)
    ).all()
    return protocol.model_copy(update={row.setting: row.after for row in rows}) if rows else protocol


def log(connection: Connection) -> list[dict[str, Any]]:
    """Every change, the oldest first."""
    rows = connection.execute(select(protocol_change).order_by(protocol_change.c.id)).all()
    named = ("setting", "before", "after", "reason", "person")
    return [{**{name: getattr(row, name) for name in named}, "at": row.at.isoformat()} for row in rows]


def change_washout(
    connection: Connection, protocol: Readers, days: float, reason: str, person: str, now: datetime
) -> Readers:
    """Set the wash-out for every reader who has not started the second session, and write down that it was done.

    Args:
        connection: Inside a writing transaction.
        protocol: As it was made.
        days: The new wash-out.
        reason: Why.
        person: Who.
        now: The present moment.

    Returns:
        The protocol as it is now.

    Raises:
        InputError: There is no wash-out, the number of days is none, or no reason is given.
    """
    current = applied(connection, protocol)
    if current.sessions < 2:
        raise InputError("this study has one session, and so no wash-out", fix="Leave it as it is.")
    if not 0 <= days <= LONGEST:
        raise InputError(f"a wash-out of {days:g} days", fix=f"Give 0 to {LONGEST} days.")
    if not reason.strip():
        raise InputError("a change of the protocol without a reason", fix="Say why; it is kept with the readings.")
    if days != current.washout_days:
        connection.execute(
            insert(protocol_change).values(
                setting="washout_days",
                before=current.washout_days,
                after=float(days),
                reason=reason.strip(),
                person=person,
                at=now,
            )
        )
    return applied(connection, protocol)
