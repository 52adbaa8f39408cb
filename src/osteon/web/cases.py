"""A case on a reader's screen: what is sent of it, when it was shown or left, and the model's advice on it."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from osteon.web import drafts, rules, views
from osteon.web.database import reading, reading_case
from osteon.web.events import record
from osteon.web.looks import looks
from osteon.web.refusal import NotAllowedError
from osteon.web.sessions import Visit, open_case


def case_page(visit: Visit, position: int) -> dict[str, Any]:
    """Everything the browser needs to show a case, and nothing else.

    The heat map and the probability are not here: they are asked for, and that is recorded.
    """
    here, due = open_case(visit, position)
    connection, protocol, reader = visit.connection, visit.protocol, visit.reader
    case = connection.execute(select(reading_case).where(reading_case.c.code == due.case_code)).one()
    aided = due.arm == "aided"
    known = looks(connection, reader, due)
    return {
        "session": here.session,
        "position": position,
        "step": due.step,
        "steps": rules.steps(protocol),
        "aided": aided and case.probability is not None,
        "views": views.of_case(connection, protocol, due.case_code, aided=aided),
        "context": case.context,
        "answers": _own_answers(connection, reader, here.session, position),
        "draft": drafts.found(connection, reader, drafts.place_of(due)),
        "advised": "advised" in known.seen,
    }


def _own_answers(connection: Connection, reader: str, session: int, position: int) -> list[dict[str, Any]]:
    """The reader's own latest answers to this case within this session, one a step."""
    rows = connection.execute(
        select(reading)
        .where(reading.c.reader == reader, reading.c.session == session, reading.c.position == position)
        .order_by(reading.c.step, reading.c.revision)
    ).all()
    latest = {row.step: row for row in rows}
    return [
        {
            "step": row.step,
            "confidence": row.confidence,
            "call": row.call,
            "box": row.box,
            "comment": row.comment,
            "revision": row.revision,
        }
        for row in latest.values()
    ]


def note(
    visit: Visit,
    position: int,
    kind: Literal["shown", "left", "advice", "advised", "heatmap"],
    seconds: float | None = None,
    *,
    written: bool = True,
) -> Row[Any]:
    """Record that a case was shown or left, or that advice was seen; refused where the case may not be open.

    Args:
        visit: Inside a writing transaction.
        position: The case.
        kind: What happened.
        seconds: How long the case was on the screen.
        written: Without it nothing is recorded, and only the rules are held.

    Returns:
        The task.

    Raises:
        NotAllowedError: Not that case, not now, or advice in the unaided arm.
    """
    _, due = open_case(visit, position)
    if kind in ("advice", "heatmap") and (due.arm != "aided" or (kind == "heatmap" and not visit.protocol.heatmap)):
        raise NotAllowedError("There is no advice on this reading.")
    if kind == "advised" and "advice" not in looks(visit.connection, visit.reader, due).seen:
        raise NotAllowedError("The advice has not been asked for.")
    if written:
        record(visit.connection, visit.reader, kind, visit.now, due, seconds)
    return due


def advice(visit: Visit, position: int) -> dict[str, Any]:
    """The model's calibrated probability for a case of the aided arm, and its operating point.

    Raises:
        NotAllowedError: Not that case, not now, or the unaided arm.
    """
    due = note(visit, position, "advice")
    case = visit.connection.execute(select(reading_case).where(reading_case.c.code == due.case_code)).one()
    return {"probability": case.probability, "threshold": case.threshold, "positive": bool(case.advice)}
