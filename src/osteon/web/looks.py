"""Looks at a case: when it was shown, for how long, and when its reader saw the model's advice."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from osteon.web.database import happening, reading


@dataclass(frozen=True)
class Looks:
    """What is known of one task of one reader.

    Attributes:
        revision: The number of its last answer, 0 where there is none.
        shown: The event of its being shown first since then.
        seconds: How long it was on the screen since then, as far as windows that were left have told.
        seen: When advice was first sent (``advice``), first on the screen (``advised``), and a heat map first sent.
    """

    revision: int
    shown: Row[Any] | None
    seconds: float
    seen: dict[str, Row[Any]]


def looks(connection: Connection, reader: str, task: Row[Any]) -> Looks:
    """The looks at a task since its last answer."""
    here = (task.session, task.position, task.step)
    last = connection.execute(
        select(func.max(reading.c.revision), func.max(reading.c.answered_at)).where(
            reading.c.reader == reader,
            reading.c.session == here[0],
            reading.c.position == here[1],
            reading.c.step == here[2],
        )
    ).one()
    events = connection.execute(
        select(happening)
        .where(
            happening.c.reader == reader,
            happening.c.session == here[0],
            happening.c.position == here[1],
            happening.c.step == here[2],
        )
        .order_by(happening.c.id)
    ).all()
    answered = [row.id for row in events if row.kind == "answered"]
    if answered:
        recent = [row for row in events if row.id > answered[-1]]
    else:  # none, or one given before answers were events, too
        recent = [row for row in events if last[1] is None or row.at >= last[1]]
    shown = next((row for row in recent if row.kind == "shown"), None)
    seen = {row.kind: row for row in reversed(events) if row.kind in ("advice", "advised", "heatmap")}
    return Looks(last[0] or 0, shown, sum(row.seconds or 0.0 for row in recent if row.kind == "left"), seen)


def elapsed(since: Row[Any], now: datetime) -> float:
    """Seconds since an event: the most that a browser can have spent on anything after it.

    The clock on the wall can be set; the one that counts from the machine's start cannot, but stands still while that
    sleeps. The longer of the two is meant. Where the first was set back beyond the event nothing is known: infinity.
    """
    wall: float = (now - since.at).total_seconds()
    if wall < 0:
        return math.inf
    ticks: float = time.monotonic() - since.tick if since.tick is not None else 0.0
    return max(wall, ticks)
