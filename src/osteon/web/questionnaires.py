"""What is asked and told beside the cases: consent, instructions, and the questionnaires before and after."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from sqlalchemy import insert

from osteon.study.protocol import Item
from osteon.web import drafts, pen
from osteon.web.database import answer
from osteon.web.events import record
from osteon.web.refusal import NotAllowedError
from osteon.web.rules import StageName
from osteon.web.sessions import Visit, stage

Name = Literal["before", "after"]


def store(visit: Visit, name: Name, given: dict[str, str]) -> None:
    """Store a whole questionnaire at once; it cannot be changed afterwards.

    Raises:
        NotAllowedError: Not now, an answer is missing, or one is not an answer to its item.
    """
    _due(visit, name)
    items = {item.id: item for item in getattr(visit.protocol, name)}
    filled = {key: value.strip() for key, value in given.items() if value.strip()}
    for key, value in filled.items():
        if key not in items or not _answers(items[key], value):
            raise NotAllowedError("One of the answers does not belong to its question.")
    for item in items.values():
        if item.required and item.id not in filled:
            raise NotAllowedError("Please answer: {item}", item=item.text)
    connection, reader, now = visit.connection, visit.reader, visit.now
    for key, value in filled.items():
        connection.execute(insert(answer).values(reader=reader, stage=name, item=key, value=value, answered_at=now))
    drafts.drop(connection, reader, name)
    record(connection, reader, name, now)


def consent(visit: Visit, *, agreed: bool) -> None:
    """Store for good whether a reader takes part.

    Raises:
        NotAllowedError: Not now.
    """
    _due(visit, "consent")
    connection, reader, now = visit.connection, visit.reader, visit.now
    said = "agreed" if agreed else "declined"
    connection.execute(
        insert(answer).values(reader=reader, stage="consent", item="consent", value=said, answered_at=now)
    )
    record(connection, reader, said, now)


def inform(visit: Visit) -> None:
    """The instructions were read.

    Raises:
        NotAllowedError: Not now.
    """
    _due(visit, "instructions")
    record(visit.connection, visit.reader, "informed", visit.now)


def keep_draft(visit: Visit, name: Name, given: drafts.Draft) -> bool:
    """Keep what has been filled in so far.

    Raises:
        NotAllowedError: Not now.
    """
    _due(visit, name)
    known = {item.id for item in getattr(visit.protocol, name)}
    filled = {key: value for key, value in given.content.items() if key in known and value}
    return drafts.keep(visit.connection, visit.reader, name, replace(given, content=filled), visit.now)


def _due(visit: Visit, name: StageName) -> None:
    pen.lock(visit.connection, visit.reader)
    here, _ = stage(visit)
    if here.name != name:
        raise NotAllowedError("This questionnaire cannot be answered now.")


def _answers(item: Item, value: str) -> bool:
    """Whether a value answers an item."""
    if item.kind == "scale":
        return value in ("1", "2", "3", "4", "5")
    if item.kind == "choice":
        return value in item.choices
    if item.kind == "number":
        return value.replace(".", "", 1).isdecimal() and value.isascii()
    return True
