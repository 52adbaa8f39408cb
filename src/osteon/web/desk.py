"""The reading desk: what happens when a reader opens a case, asks for advice, answers, or closes a session.

Every function takes a connection inside a transaction and the present moment; rules are held against the database at
that moment, never against what the browser says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy import Connection, Row, func, insert, select

from osteon.core.errors import InputError
from osteon.study.protocol import Readers
from osteon.web import changes, drafts, rules, views
from osteon.web.database import happening, person, reading, reading_case, study, task, view
from osteon.web.looks import Looks, elapsed, looks, record


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
        no_lesion: The reader said that there is no lesion, instead of drawing a box.
        revises: The number of the answer that the reader chose to change; None for a first answer.
        acted: Seconds from the advice being on the screen to the last choice that made this answer; None without one.
    """

    session: int
    step: int
    confidence: float
    call: int | None
    box: dict[str, float] | None
    comment: str
    seconds: float
    receipt: str
    no_lesion: bool = False
    revises: int | None = None
    acted: float | None = None


def protocol_of(connection: Connection) -> tuple[Readers, dict[str, Any]]:
    """The protocol, with what has been changed of it since it was made, and the study's title and note.

    Raises:
        InputError: The protocol says what this osteon does not know.
    """
    stored = dict(connection.execute(select(study.c.protocol)).scalar_one())
    try:
        protocol = Readers.model_validate(stored.pop("readers"))
    except ValidationError as error:
        raise InputError(
            f"the database holds a protocol that this osteon does not know ({error.errors()[0]['loc'][0]})",
            fix="Serve it with the osteon that made it, or a newer one.",
        ) from None
    return changes.applied(connection, protocol), stored


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
    connection: Connection,
    protocol: Readers,
    reader: str,
    position: int,
    kind: Literal["shown", "left", "advice", "advised", "heatmap"],
    now: datetime,
    seconds: float | None = None,
    *,
    written: bool = True,
) -> Row[Any]:
    """Record that a case was shown or left, or that advice was seen; refused where the case may not be open.

    Args:
        connection: Inside a writing transaction.
        protocol: The rules.
        reader: The reader.
        position: The case.
        kind: What happened.
        now: The present moment.
        seconds: How long the case was on the screen.
        written: Without it nothing is recorded, and only the rules are held.

    Returns:
        The task.

    Raises:
        NotAllowedError: Not that case, not now, or advice in the unaided arm.
    """
    _, due = open_case(connection, protocol, reader, position, now)
    if kind in ("advice", "heatmap") and (due.arm != "aided" or (kind == "heatmap" and not protocol.heatmap)):
        raise NotAllowedError("There is no advice on this reading.")
    if kind == "advised" and "advice" not in looks(connection, reader, due).seen:
        raise NotAllowedError("The advice has not been asked for.")
    if written:
        record(connection, reader, kind, now, task=due, seconds=seconds)
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
        NotAllowedError: Not that case or step, not now, not shown before, not a full answer to the question, a second
            answer that was not meant to be one, or one to a case of the aided arm that was not chosen after the advice
            was on the screen.
    """
    lock(connection, reader)
    before = connection.execute(
        select(reading).where(reading.c.reader == reader, reading.c.receipt == given.receipt)
    ).first()
    if before:
        return _sent_again(before, position, given)
    _, due = open_case(connection, protocol, reader, position, now)
    if (given.session, given.step) != (due.session, due.step):
        raise NotAllowedError("This answer belongs to another step of the study; load the page again.")
    _complete(connection, protocol, due.case_code, given)
    known = looks(connection, reader, due)
    if (given.revises or 0) != known.revision:
        raise NotAllowedError(
            "This case has its answer. To change it, open it again and choose to."
            if known.revision
            else "This case has no answer yet that could be changed."
        )
    if known.shown is None:
        raise NotAllowedError("This case has not been shown yet.")
    _chosen(connection, protocol, due, known, given, now)
    seen = known.seen.get("advised") or known.seen.get("advice")
    heat = known.seen.get("heatmap")
    connection.execute(
        insert(reading).values(
            reader=reader,
            session=due.session,
            position=position,
            step=due.step,
            case_code=due.case_code,
            arm=due.arm,
            revision=known.revision + 1,
            confidence=given.confidence,
            call=given.call,
            box=given.box,
            comment=given.comment,
            shown_at=known.shown.at,
            answered_at=now,
            # a browser cannot have looked for longer than the case has been open
            seconds=min(known.seconds + given.seconds, elapsed(known.shown, now)),
            advice_at=seen.at if seen else None,
            heatmap_at=heat.at if heat else None,
            receipt=given.receipt,
            acted=given.acted if seen else None,
        )
    )
    drafts.drop(connection, reader, drafts.place_of(due))
    record(connection, reader, "answered", now, task=due)
    return {"revision": known.revision + 1, "answered_at": now.isoformat()}


def _sent_again(before: Row[Any], position: int, given: Given) -> dict[str, Any]:
    """An answer whose receipt is known: the same one, whose acknowledgement was lost, or by mistake another."""
    stored = (before.session, before.position, before.step, before.confidence, before.call, before.box, before.comment)
    sent = (given.session, position, given.step, given.confidence, given.call, given.box, given.comment)
    if stored != sent:
        raise NotAllowedError("Another answer was stored under this name; load the page again.")
    return {"revision": before.revision, "answered_at": before.answered_at.isoformat()}


def _chosen(
    connection: Connection, protocol: Readers, due: Row[Any], known: Looks, given: Given, now: datetime
) -> None:
    """Hold an answer of the aided arm against the moment at which the advice was on the screen."""
    if not is_aided(connection, due):
        return
    on_screen = known.seen.get("advised")
    if on_screen is None:
        if protocol.advice == "shown" or "advice" in known.seen:
            raise NotAllowedError("The model's advice has not been on the screen yet.")
        return  # it was offered, and not asked for
    # a second for what the two clocks and the way between them differ
    if given.acted is None or given.acted > elapsed(on_screen, now) + 1:
        raise NotAllowedError("Please choose your answer now that you have seen the model's advice.")


def is_aided(connection: Connection, due: Row[Any]) -> bool:
    """Whether there is advice on a task."""
    probability = connection.execute(
        select(reading_case.c.probability).where(reading_case.c.code == due.case_code)
    ).scalar()
    return due.arm == "aided" and probability is not None


def keep_draft(
    connection: Connection,
    protocol: Readers,
    reader: str,
    position: int,
    at: tuple[int, int],
    revises: int | None,
    content: dict[str, Any],
    room: str,
    turn: int,
    now: datetime,
) -> bool:
    """Keep what a reader has begun to answer; see :func:`osteon.web.drafts.keep`.

    Args:
        connection: Inside a writing transaction.
        protocol: The rules.
        reader: The reader.
        position: The case.
        at: The session and the step that the browser believes are open.
        revises: The number of the answer that it is to replace.
        content: The unfinished answer; empty takes an earlier draft away.
        room: The window.
        turn: The window's own count of drafts.
        now: The present moment.

    Raises:
        NotAllowedError: Not that case or step, not now, or a case that has its answer.
    """
    lock(connection, reader)
    _, due = open_case(connection, protocol, reader, position, now)
    revision = looks(connection, reader, due).revision
    if at != (due.session, due.step) or (revises or 0) != revision:
        raise NotAllowedError("This case has its answer.")
    return drafts.keep(connection, reader, drafts.place_of(due), content, room, turn, now)


def _complete(connection: Connection, protocol: Readers, code: str, given: Given) -> None:
    """Hold an answer against the question."""
    low, high = (1, 5) if protocol.scale == "5-point" else (0, 100)
    if not low <= given.confidence <= high or (protocol.scale == "5-point" and given.confidence % 1):
        raise NotAllowedError(f"The confidence is a value from {low} to {high}.")
    if (given.call is None) == protocol.call:
        raise NotAllowedError("Choose one of the two answers." if protocol.call else "There is no yes or no here.")
    if given.comment and not protocol.comment:
        raise NotAllowedError("The question asks for no comment.")
    complaint = rules.box_complaint(protocol, boxed=given.box is not None, no_lesion=given.no_lesion)
    if complaint:
        raise NotAllowedError(complaint)
    if given.box is not None:
        size = connection.execute(
            select(view.c.width, view.c.height).where(view.c.case_code == code, view.c.number == given.box["view"])
        ).first()
        box = given.box
        if size is None or not (0 <= box["x0"] < box["x1"] <= size.width and 0 <= box["y0"] < box["y1"] <= size.height):
            raise NotAllowedError("The box lies outside the picture.")


def close_session(connection: Connection, protocol: Readers, reader: str, session: int, now: datetime) -> None:
    """Close the open session once every case has its answer; nothing in it can be changed or seen afterwards.

    Raises:
        NotAllowedError: Cases are still open, or another session is.
    """
    lock(connection, reader)
    here, _ = stage(connection, protocol, reader, now)
    if here.name != "review" or here.session != session:
        raise NotAllowedError("This session cannot be closed now.")
    drafts.drop_session(connection, reader, session)
    record(connection, reader, "closed", now, session=session)
