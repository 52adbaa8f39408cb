"""The reading desk: what happens when a reader opens a case, asks for advice, answers, or closes a session.

Every function takes a connection inside a transaction and the present moment; rules are held against the database at
that moment, never against what the browser says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select

from osteon.study.protocol import Item, Readers
from osteon.web import picture, rules
from osteon.web.database import answer, happening, person, reading, reading_case, study, task, view


class NotAllowedError(Exception):
    """The rules of the study do not allow it now; the message is for the reader."""


@dataclass(frozen=True)
class Given:
    """An answer as it came from the browser, checked for form.

    Attributes:
        session: The session that the browser believes is open.
        step: The step that it answers.
        confidence: 0 to 100, or 1 to 5.
        call: 1 positive, 0 negative.
        box: The drawn box: view and x0, y0, x1, y1 in pixels of the stored picture.
        comment: Free text.
        seconds: How long the case was on the screen since it was last shown.
        receipt: The browser's own name for this answer, so that one sent twice is stored once.
    """

    session: int
    step: int
    confidence: float
    call: int | None
    box: dict[str, float] | None
    comment: str
    seconds: float
    receipt: str


def protocol_of(connection: Connection) -> tuple[Readers, dict[str, Any]]:
    """The protocol and the study's title and note."""
    stored = dict(connection.execute(select(study.c.protocol)).scalar_one())
    return Readers.model_validate(stored.pop("readers")), stored


def progress(connection: Connection, reader: str) -> rules.Progress:
    """How far a reader has come."""
    events = connection.execute(
        select(happening.c.kind, happening.c.at)
        .where(happening.c.reader == reader, happening.c.kind.in_(("before", "after", "closed")))
        .order_by(happening.c.id)
    ).all()
    closed = tuple(row.at for row in events if row.kind == "closed")
    kinds = {row.kind for row in events}
    session = len(closed) + 1
    answered = connection.execute(
        select(func.count()).where(reading.c.reader == reader, reading.c.session == session, reading.c.revision == 1)
    ).scalar_one()
    cases = connection.execute(
        select(func.max(task.c.position)).where(task.c.reader == reader, task.c.session == 1)
    ).scalar_one()
    return rules.Progress("before" in kinds, "after" in kinds, closed, answered, cases or 0)


def lock(connection: Connection, reader: str) -> None:
    """Let a reader's writes come one after the other, also when two browsers send at once."""
    connection.execute(select(person.c.code).where(person.c.code == reader).with_for_update())


def stage(connection: Connection, protocol: Readers, reader: str, now: datetime) -> tuple[rules.Stage, rules.Progress]:
    """Where a reader stands."""
    come = progress(connection, reader)
    return rules.stage(protocol, come, now), come


def open_case(
    connection: Connection, protocol: Readers, reader: str, position: int, now: datetime
) -> tuple[rules.Stage, Row[Any]]:
    """The task at a position of the open session, if it may be looked at now.

    Raises:
        NotAllowedError: Not that case, or not now.
    """
    here, _ = stage(connection, protocol, reader, now)
    if not rules.may_open(protocol, here, position):
        raise NotAllowedError("This case cannot be opened now.")
    due = connection.execute(
        select(task).where(
            task.c.reader == reader,
            task.c.session == here.session,
            task.c.position == position,
            task.c.step == rules.step_of(protocol, here, position),
        )
    ).one()
    return here, due


def case_page(connection: Connection, protocol: Readers, reader: str, position: int, now: datetime) -> dict[str, Any]:
    """Everything the browser needs to show a case, and nothing else.

    The heat map and the probability are not here: they are asked for, and that is recorded.
    """
    here, due = open_case(connection, protocol, reader, position, now)
    case = connection.execute(select(reading_case).where(reading_case.c.code == due.case_code)).one()
    views = connection.execute(select(view).where(view.c.case_code == due.case_code).order_by(view.c.number)).all()
    aided = due.arm == "aided"
    return {
        "session": here.session,
        "position": position,
        "step": due.step,
        "steps": rules.steps(protocol),
        "aided": aided and case.probability is not None,
        "views": [_view(row, protocol, aided) for row in views],
        "context": case.context,
        "answers": _own_answers(connection, reader, here.session, position),
    }


def _view(row: Row[Any], protocol: Readers, aided: bool) -> dict[str, Any]:
    return {
        **_size(row),
        "window": row.window,
        "spacing": row.spacing,
        "boxes": row.boxes if protocol.show_box else [],
        "heatmap": row.heatmap if aided and protocol.heatmap else None,
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


def picture_case(connection: Connection, protocol: Readers, reader: str, position: int, now: datetime) -> str:
    """The code of the case whose pictures may be sent; the next case's are, ahead of time.

    Raises:
        NotAllowedError: Not that case, or not now.
    """
    here, come = stage(connection, protocol, reader, now)
    if not rules.may_fetch(protocol, here, position, come.cases):
        raise NotAllowedError("This picture cannot be sent now.")
    return str(
        connection.execute(
            select(task.c.case_code).where(
                task.c.reader == reader, task.c.session == here.session, task.c.position == position, task.c.step == 1
            )
        ).scalar_one()
    )


def note(
    connection: Connection,
    protocol: Readers,
    reader: str,
    position: int,
    kind: Literal["shown", "left", "advice", "heatmap"],
    now: datetime,
    seconds: float | None = None,
) -> Row[Any]:
    """Record that a case was shown or left, or that advice was seen; refused where the case may not be open.

    Returns:
        The task.

    Raises:
        NotAllowedError: Not that case, not now, or advice in the unaided arm.
    """
    _, due = open_case(connection, protocol, reader, position, now)
    if kind in ("advice", "heatmap") and (due.arm != "aided" or (kind == "heatmap" and not protocol.heatmap)):
        raise NotAllowedError("There is no advice on this reading.")
    connection.execute(
        insert(happening).values(
            reader=reader,
            kind=kind,
            session=due.session,
            position=position,
            step=due.step,
            seconds=seconds,
            at=now,
        )
    )
    return due


def advice(connection: Connection, protocol: Readers, reader: str, position: int, now: datetime) -> dict[str, Any]:
    """The model's calibrated probability for a case of the aided arm, and its operating point.

    Raises:
        NotAllowedError: Not that case, not now, or the unaided arm.
    """
    due = note(connection, protocol, reader, position, "advice", now)
    case = connection.execute(select(reading_case).where(reading_case.c.code == due.case_code)).one()
    return {"probability": case.probability, "threshold": case.threshold, "positive": bool(case.advice)}


def store_answer(
    connection: Connection, protocol: Readers, reader: str, position: int, given: Given, now: datetime
) -> dict[str, Any]:
    """Append an answer.

    Returns:
        What is acknowledged once the transaction is on disk: revision and moment.

    Raises:
        NotAllowedError: Not that case or step, not now, not shown before, or not a full answer to the question.
    """
    lock(connection, reader)
    before = connection.execute(
        select(reading.c.revision, reading.c.answered_at).where(
            reading.c.reader == reader, reading.c.receipt == given.receipt
        )
    ).first()
    if before:
        return {"revision": before.revision, "answered_at": before.answered_at.isoformat()}
    _, due = open_case(connection, protocol, reader, position, now)
    if (given.session, given.step) != (due.session, due.step):
        raise NotAllowedError("This answer belongs to another step of the study; load the page again.")
    _complete(connection, protocol, due.case_code, given)
    previous, shown, seconds, seen = _since_last_answer(connection, reader, due)
    if shown is None:
        raise NotAllowedError("This case has not been shown yet.")
    connection.execute(
        insert(reading).values(
            reader=reader,
            session=due.session,
            position=position,
            step=due.step,
            case_code=due.case_code,
            arm=due.arm,
            revision=previous + 1,
            confidence=given.confidence,
            call=given.call,
            box=given.box,
            comment=given.comment,
            shown_at=shown,
            answered_at=now,
            # a browser cannot have looked for longer than the case has been open
            seconds=min(seconds + given.seconds, max((now - shown).total_seconds(), 0.0)),
            advice_at=seen.get("advice"),
            heatmap_at=seen.get("heatmap"),
            receipt=given.receipt,
        )
    )
    return {"revision": previous + 1, "answered_at": now.isoformat()}


def _complete(connection: Connection, protocol: Readers, code: str, given: Given) -> None:
    """Hold an answer against the question."""
    low, high = (1, 5) if protocol.scale == "5-point" else (0, 100)
    if not low <= given.confidence <= high or (protocol.scale == "5-point" and given.confidence % 1):
        raise NotAllowedError(f"The confidence is a value from {low} to {high}.")
    if (given.call is None) == protocol.call:
        raise NotAllowedError("Choose one of the two answers." if protocol.call else "There is no yes or no here.")
    if (given.box is not None and not protocol.draw_box) or (given.comment and not protocol.comment):
        raise NotAllowedError("The question asks for no such thing.")
    if given.box is not None:
        size = connection.execute(
            select(view.c.width, view.c.height).where(view.c.case_code == code, view.c.number == given.box["view"])
        ).first()
        box = given.box
        if size is None or not (0 <= box["x0"] < box["x1"] <= size.width and 0 <= box["y0"] < box["y1"] <= size.height):
            raise NotAllowedError("The box lies outside the picture.")


def _since_last_answer(
    connection: Connection, reader: str, due: Row[Any]
) -> tuple[int, datetime | None, float, dict[str, datetime]]:
    """The last revision of a task; since then, when first shown and for how long; and when advice was first seen."""
    here = (due.session, due.position, due.step)
    last = connection.execute(
        select(func.max(reading.c.revision), func.max(reading.c.answered_at)).where(
            reading.c.reader == reader,
            reading.c.session == here[0],
            reading.c.position == here[1],
            reading.c.step == here[2],
        )
    ).one()
    events = connection.execute(
        select(happening.c.kind, happening.c.seconds, happening.c.at)
        .where(
            happening.c.reader == reader,
            happening.c.session == here[0],
            happening.c.position == here[1],
            happening.c.step == here[2],
        )
        .order_by(happening.c.id)
    ).all()
    seen = {row.kind: row.at for row in reversed(events) if row.kind in ("advice", "heatmap")}
    recent = [row for row in events if last[1] is None or row.at >= last[1]]
    # first shown since then; an answer that crosses one from another browser was shown before it
    looks = [row.at for row in recent if row.kind == "shown"] or [row.at for row in events if row.kind == "shown"][-1:]
    shown = looks[0] if looks else None
    return last[0] or 0, shown, sum(row.seconds or 0.0 for row in recent if row.kind == "left"), seen


def close_session(connection: Connection, protocol: Readers, reader: str, session: int, now: datetime) -> None:
    """Close the open session once every case has its answer; nothing in it can be changed or seen afterwards.

    Raises:
        NotAllowedError: Cases are still open, or another session is.
    """
    lock(connection, reader)
    here, _ = stage(connection, protocol, reader, now)
    if here.name != "review" or here.session != session:
        raise NotAllowedError("This session cannot be closed now.")
    connection.execute(insert(happening).values(reader=reader, kind="closed", session=session, at=now))


def store_questionnaire(
    connection: Connection,
    protocol: Readers,
    reader: str,
    name: Literal["before", "after"],
    given: dict[str, str],
    now: datetime,
) -> None:
    """Store a whole questionnaire at once; it cannot be changed afterwards.

    Raises:
        NotAllowedError: Not now, an answer is missing, or one is not an answer to its item.
    """
    lock(connection, reader)
    here, _ = stage(connection, protocol, reader, now)
    if here.name != name:
        raise NotAllowedError("This questionnaire cannot be answered now.")
    items = {item.id: item for item in getattr(protocol, name)}
    filled = {key: value.strip() for key, value in given.items() if value.strip()}
    for key, value in filled.items():
        if key not in items or not _answers(items[key], value):
            raise NotAllowedError("One of the answers does not belong to its question.")
    for item in items.values():
        if item.required and item.id not in filled:
            raise NotAllowedError(f"Please answer: {item.text}")
    for key, value in filled.items():
        connection.execute(insert(answer).values(reader=reader, stage=name, item=key, value=value, answered_at=now))
    connection.execute(insert(happening).values(reader=reader, kind=name, at=now))


def _answers(item: Item, value: str) -> bool:
    """Whether a value answers an item."""
    if item.kind == "scale":
        return value in ("1", "2", "3", "4", "5")
    if item.kind == "choice":
        return value in item.choices
    if item.kind == "number":
        return value.replace(".", "", 1).isdecimal() and value.isascii()
    return True


def sizes(connection: Connection, code: str) -> list[dict[str, Any]]:
    """Number, width and height of a case's pictures, and of the halves that go ahead of large ones."""
    rows = connection.execute(select(view).where(view.c.case_code == code).order_by(view.c.number)).all()
    return [_size(row) for row in rows]


def _size(row: Row[Any]) -> dict[str, Any]:
    half = picture.half_shape(row.height, row.width)
    return {
        "number": row.number,
        "width": row.width,
        "height": row.height,
        "half": {"height": half[0], "width": half[1]} if half else None,
    }
