"""How far everybody has come."""

from __future__ import annotations

from statistics import median
from typing import Any

from sqlalchemy import Connection, func, select

from osteon.web.annotating.protocol import Annotating
from osteon.web.annotating.tables import annotation, work
from osteon.web.database import person
from osteon.web.events import last_seen


def progress(connection: Connection, protocol: Annotating) -> list[dict[str, Any]]:
    """One row a person: cases done, last sign of life, median seconds a case; nothing of what they drew."""
    invited = dict(connection.execute(select(person.c.code, person.c.token_hash)).all())
    cases = connection.execute(select(func.count(func.distinct(work.c.case_code)))).scalar_one()
    last = last_seen(connection)
    seconds: dict[str, list[float]] = {}
    for row in connection.execute(select(annotation.c.annotator, annotation.c.seconds, annotation.c.revision)):
        if row.revision == 1:
            seconds.setdefault(row.annotator, []).append(row.seconds)
    found = []
    for code in filter(None, (*protocol.annotators, protocol.adjudicator)):
        seen = last.get(code)
        found.append(
            {
                "code": code,
                "adjudicates": code == protocol.adjudicator,
                "invited": invited.get(code) is not None,
                "done": len(seconds.get(code, ())),
                "cases": cases,
                "seen_at": seen.isoformat() if seen else None,
                "seconds": round(median(seconds[code]), 1) if code in seconds else None,
            }
        )
    return found
