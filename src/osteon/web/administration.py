"""What the administrator sees: progress by reader, and no diagnoses."""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, func, select

from osteon.study.protocol import Readers
from osteon.web import rules
from osteon.web.database import happening, person, reading
from osteon.web.refusal import NotAllowedError
from osteon.web.sessions import Visit, stage


def known(connection: Connection, code: str) -> None:
    """Refuse a code that is no reader's.

    Raises:
        NotAllowedError: No such reader.
    """
    role = connection.execute(select(person.c.role).where(person.c.code == code)).scalar()
    if role != "reader":
        raise NotAllowedError("There is no such reader.")


def progress(connection: Connection, protocol: Readers, now: datetime) -> list[dict[str, Any]]:
    """One row a reader: stage, cases read, last sign of life, median seconds a case; never an answer."""
    people = connection.execute(select(person).where(person.c.role == "reader").order_by(person.c.code)).all()
    last = dict(
        connection.execute(select(happening.c.reader, func.max(happening.c.at)).group_by(happening.c.reader)).all()
    )
    times: dict[str, list[float]] = {}
    for row in connection.execute(select(reading.c.reader, reading.c.seconds).where(reading.c.revision == 1)):
        times.setdefault(row.reader, []).append(row.seconds)
    rows = []
    for who in people:
        here, come = stage(Visit(connection, protocol, who.code, now))
        seen = last.get(who.code)
        rows.append(
            {
                "code": who.code,
                "experience": who.experience,
                "invited": who.token_hash is not None,
                "stage": here.name,
                "session": here.session,
                "sessions": protocol.sessions,
                "read": come.cases * len(come.closed) + come.answered // rules.steps(protocol),
                "cases": come.cases * protocol.sessions,
                "opens_at": here.opens_at.isoformat() if here.opens_at else None,
                "seen_at": seen.isoformat() if seen else None,
                "seconds": round(median(times[who.code]), 1) if who.code in times else None,
            }
        )
    return rows
