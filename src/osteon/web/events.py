"""What happened, appended: every room writes its events in one table."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert

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
