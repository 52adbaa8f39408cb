"""The questionnaires before the first case and after the last one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert

from osteon.study.protocol import Item, Readers
from osteon.web import desk, drafts
from osteon.web.database import answer
from osteon.web.looks import record

Name = Literal["before", "after"]


def store(
    connection: Connection, protocol: Readers, reader: str, name: Name, given: dict[str, str], now: datetime
) -> None:
    """Store a whole questionnaire at once; it cannot be changed afterwards.

    Raises:
        NotAllowedError: Not now, an answer is missing, or one is not an answer to its item.
    """
    _due(connection, protocol, reader, name, now)
    items = {item.id: item for item in getattr(protocol, name)}
    filled = {key: value.strip() for key, value in given.items() if value.strip()}
    for key, value in filled.items():
        if key not in items or not _answers(items[key], value):
            raise desk.NotAllowedError("One of the answers does not belong to its question.")
    for item in items.values():
        if item.required and item.id not in filled:
            raise desk.NotAllowedError(f"Please answer: {item.text}")
    for key, value in filled.items():
        connection.execute(insert(answer).values(reader=reader, stage=name, item=key, value=value, answered_at=now))
    drafts.drop(connection, reader, name)
    record(connection, reader, name, now)


def draft(
    connection: Connection,
    protocol: Readers,
    reader: str,
    name: Name,
    given: dict[str, str],
    room: str,
    turn: int,
    now: datetime,
) -> bool:
    """Keep what has been filled in so far.

    Raises:
        NotAllowedError: Not now.
    """
    _due(connection, protocol, reader, name, now)
    known = {item.id for item in getattr(protocol, name)}
    filled = {key: value for key, value in given.items() if key in known and value}
    return drafts.keep(connection, reader, name, filled, room, turn, now)


def _due(connection: Connection, protocol: Readers, reader: str, name: Name, now: datetime) -> None:
    desk.lock(connection, reader)
    here, _ = desk.stage(connection, protocol, reader, now)
    if here.name != name:
        raise desk.NotAllowedError("This questionnaire cannot be answered now.")


def _answers(item: Item, value: str) -> bool:
    """Whether a value answers an item."""
    if item.kind == "scale":
        return value in ("1", "2", "3", "4", "5")
    if item.kind == "choice":
        return value in item.choices
    if item.kind == "number":
        return value.replace(".", "", 1).isdecimal() and value.isascii()
    return True
