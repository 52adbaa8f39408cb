"""What happened, appended: every room writes its events in one table."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from osteon.web.database import happening


def record(
    connection: Connection,
    reader: str,
    kind: str,
    now: datetime,
    of: Row[Any] | int | None = None,
    seconds: float | None = None,
) -> None:
    """Append an event, of a task or of a session (its number)."""
    where = {"session": of}
    if not isinstance(of, int | None):
        where = {"session": of.session, "position": of.position, "step": of.step}
    connection.execute(
        insert(happening).values(reader=reader, kind=kind, seconds=seconds, at=now, tick=time.monotonic(), **where)
    )


def last_seen(connection: Connection) -> dict[str, datetime]:
    """The last sign of life of everybody who has given one."""
    last = select(happening.c.reader, func.max(happening.c.at)).group_by(happening.c.reader)
    return dict(connection.execute(last).all())
