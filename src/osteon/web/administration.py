"""What the administrator sees: progress by reader, and no diagnoses."""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from osteon.study.protocol import Readers
from osteon.web import rules
from osteon.web.database import person, reading
from osteon.web.events import last_seen
from osteon.web.sessions import Visit, stage


def progress(connection: Connection, protocol: Readers, now: datetime) -> list[dict[str, Any]]:
    """One row a reader: stage, cases read, last sign of life, median seconds a case; never an answer."""
    people = connection.execute(select(person).where(person.c.role == "reader").order_by(person.c.code)).all()
    last = last_seen(connection)
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
