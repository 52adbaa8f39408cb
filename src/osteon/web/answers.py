"""A reader's answers: stored for good, or begun and kept as a draft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from osteon.web import drafts, pen, rules
from osteon.web.database import reading, reading_case, view
from osteon.web.events import record
from osteon.web.looks import Looks, elapsed, looks
from osteon.web.refusal import NotAllowedError
from osteon.web.sessions import Visit, open_case


@dataclass(frozen=True)
class Submitted:
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


def store_answer(visit: Visit, position: int, given: Submitted) -> dict[str, Any]:
    """Append an answer.

    Returns:
        What is acknowledged once the transaction is on disk: revision and moment.

    Raises:
        NotAllowedError: Not that case or step, not now, not shown before, not a full answer to the question, a second
            answer that was not meant to be one, or one to a case of the aided arm that was not chosen after the advice
            was on the screen.
    """
    connection, reader, now = visit.connection, visit.reader, visit.now
    pen.lock(connection, reader)
    before = connection.execute(
        select(reading).where(reading.c.reader == reader, reading.c.receipt == given.receipt)
    ).first()
    if before:
        return _sent_again(before, position, given)
    _, due = open_case(visit, position)
    if (given.session, given.step) != (due.session, due.step):
        raise NotAllowedError("This answer belongs to another step of the study; load the page again.")
    _complete(visit, due.case_code, given)
    known = looks(connection, reader, due)
    if (given.revises or 0) != known.revision:
        raise NotAllowedError(
            "This case has its answer. To change it, open it again and choose to."
            if known.revision
            else "This case has no answer yet that could be changed."
        )
    if known.shown is None:
        raise NotAllowedError("This case has not been shown yet.")
    _chosen(visit, due, known, given)
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
    record(connection, reader, "answered", now, due)
    return {"revision": known.revision + 1, "answered_at": now.isoformat()}


def _sent_again(before: Row[Any], position: int, given: Submitted) -> dict[str, Any]:
    """An answer whose receipt is known: the same one, whose acknowledgement was lost, or by mistake another."""
    stored = (before.session, before.position, before.step, before.confidence, before.call, before.box, before.comment)
    sent = (given.session, position, given.step, given.confidence, given.call, given.box, given.comment)
    if stored != sent:
        raise NotAllowedError("Another answer was stored under this name; load the page again.")
    return {"revision": before.revision, "answered_at": before.answered_at.isoformat()}


def _chosen(visit: Visit, due: Row[Any], known: Looks, given: Submitted) -> None:
    """Hold an answer of the aided arm against the moment at which the advice was on the screen."""
    if not _is_aided(visit.connection, due):
        return
    on_screen = known.seen.get("advised")
    if on_screen is None:
        if visit.protocol.advice == "shown" or "advice" in known.seen:
            raise NotAllowedError("The model's advice has not been on the screen yet.")
        return  # it was offered, and not asked for
    # a second for what the two clocks and the way between them differ
    if given.acted is None or given.acted > elapsed(on_screen, visit.now) + 1:
        raise NotAllowedError("Please choose your answer now that you have seen the model's advice.")


def _is_aided(connection: Connection, due: Row[Any]) -> bool:
    """Whether there is advice on a task."""
    probability = connection.execute(
        select(reading_case.c.probability).where(reading_case.c.code == due.case_code)
    ).scalar()
    return due.arm == "aided" and probability is not None


def keep_draft(visit: Visit, position: int, at: tuple[int, int], revises: int | None, draft: drafts.Draft) -> bool:
    """Keep what a reader has begun to answer; see :func:`osteon.web.drafts.keep`.

    Args:
        visit: Inside a writing transaction.
        position: The case.
        at: The session and the step that the browser believes are open.
        revises: The number of the answer that it is to replace.
        draft: The unfinished answer.

    Raises:
        NotAllowedError: Not that case or step, not now, or a case that has its answer.
    """
    pen.lock(visit.connection, visit.reader)
    _, due = open_case(visit, position)
    revision = looks(visit.connection, visit.reader, due).revision
    if at != (due.session, due.step) or (revises or 0) != revision:
        raise NotAllowedError("This case has its answer.")
    return drafts.keep(visit.connection, visit.reader, drafts.place_of(due), draft, visit.now)


def _complete(visit: Visit, code: str, given: Submitted) -> None:
    """Hold an answer against the question."""
    protocol = visit.protocol
    low, high = (1, 5) if protocol.scale == "5-point" else (0, 100)
    if not low <= given.confidence <= high or (protocol.scale == "5-point" and given.confidence % 1):
        raise NotAllowedError("The confidence is a value from {low} to {high}.", low=low, high=high)
    if (given.call is None) == protocol.call:
        raise NotAllowedError("Choose one of the two answers." if protocol.call else "There is no yes or no here.")
    if given.comment and not protocol.comment:
        raise NotAllowedError("The question asks for no comment.")
    complaint = rules.box_complaint(
        protocol, boxed=given.box is not None, no_lesion=given.no_lesion, positive=given.call == 1
    )
    if complaint:
        raise NotAllowedError(complaint)
    if given.box is not None:
        size = visit.connection.execute(
            select(view.c.width, view.c.height).where(view.c.case_code == code, view.c.number == given.box["view"])
        ).first()
        box = given.box
        if size is None or not (0 <= box["x0"] < box["x1"] <= size.width and 0 <= box["y0"] < box["y1"] <= size.height):
            raise NotAllowedError("The box lies outside the picture.")
