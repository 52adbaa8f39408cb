"""What an annotator or the adjudicator asks for: the work list, a case, a draft kept, an annotation stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from osteon.web import drafts, picture
from osteon.web.annotating import rules
from osteon.web.annotating.agreement import why
from osteon.web.annotating.forms import Annotation, Content
from osteon.web.annotating.protocol import Annotating
from osteon.web.annotating.tables import annotation, annotation_case, annotation_view, suggestion, work
from osteon.web.database import draft
from osteon.web.events import record
from osteon.web.refusal import NotAllowedError

_LETTERS = "ABCDEFGHIJKLMNOPQRST"


@dataclass(frozen=True)
class Visit:
    """Somebody's request while it is served.

    Attributes:
        connection: Inside a transaction.
        protocol: What is asked.
        code: Who asks.
        now: The present moment.
        known: What was found before of the same annotations: their numbers to in what they differ.
    """

    connection: Connection
    protocol: Annotating
    code: str
    now: datetime
    known: dict[tuple[int, ...], str]

    @property
    def adjudicates(self) -> bool:
        """Whether it is the adjudicator who asks."""
        return self.code == self.protocol.adjudicator


def latest(connection: Connection, code: str | None = None) -> dict[str, dict[str, Row[Any]]]:
    """The annotations that count: case code to person to row; of one case, or of all."""
    asked = select(annotation).order_by(annotation.c.revision)
    rows = connection.execute(asked if code is None else asked.where(annotation.c.case_code == code)).all()
    found: dict[str, dict[str, Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.case_code, {})[row.annotator] = row
    return found


def undecided(counting: Mapping[str, Mapping[str, Row[Any]]], protocol: Annotating) -> dict[str, str]:
    """The cases that all annotators have done and the adjudicator has to decide, each with the reason."""
    found: dict[str, str] = {}
    for code, there in counting.items():
        if set(protocol.annotators) <= set(there) and protocol.adjudicator not in there:
            reason = why([there[each].content for each in protocol.annotators], protocol)
            found |= {code: reason} if reason else {}
    return found


def work_list(visit: Visit) -> list[dict[str, Any]]:
    """The cases of a person in their order, and how each stands."""
    connection, code = visit.connection, visit.code
    tasks = connection.execute(select(work).where(work.c.annotator == code).order_by(work.c.position)).all()
    done = set(
        connection.execute(select(annotation.c.case_code).where(annotation.c.annotator == code).distinct()).scalars()
    )
    rows = connection.execute(select(draft.c.place, draft.c.content).where(draft.c.reader == code)).all()
    begun = {row.place for row in rows if row.content}
    judged = _judged(visit) if visit.adjudicates else {}
    found = []
    for task in tasks:
        state, reason = "begun" if task.case_code in begun else "open", ""
        if task.case_code in done:
            state = "done"
        elif visit.adjudicates:
            standing, reason = judged.get(task.case_code, ("waiting", ""))
            state = standing if standing != "differ" or state == "open" else state
        found.append({"position": task.position, "state": state, "why": reason})
    return found


def _judged(visit: Visit, case_code: str | None = None) -> dict[str, tuple[str, str]]:
    """The cases that all annotators have done: whether the adjudicator is asked about each, and why.

    What annotations say is read, and held against each other, once.
    """
    numbers = select(annotation.c.id, annotation.c.annotator, annotation.c.case_code).order_by(annotation.c.revision)
    if case_code is not None:
        numbers = numbers.where(annotation.c.case_code == case_code)
    counting: dict[str, dict[str, int]] = {}
    for row in visit.connection.execute(numbers):
        counting.setdefault(row.case_code, {})[row.annotator] = row.id
    people, found = visit.protocol.annotators, {}
    for code, there in counting.items():
        if not set(people) <= set(there):
            continue
        key = tuple(there[each] for each in people)
        if key not in visit.known:
            rows = visit.connection.execute(
                select(annotation.c.id, annotation.c.content).where(annotation.c.id.in_(key))
            ).all()
            said = {row.id: row.content for row in rows}
            visit.known[key] = why([said[number] for number in key], visit.protocol)
        found[code] = ("differ" if visit.known[key] else "agreed", visit.known[key])
    return found


def case_of(visit: Visit, position: int) -> str:
    """The code of the case at a place of somebody's work list.

    Raises:
        NotAllowedError: There is none, or the adjudicator is not asked about it.
    """
    code = visit.connection.execute(
        select(work.c.case_code).where(work.c.annotator == visit.code, work.c.position == position)
    ).scalar()
    if code is None:
        raise NotAllowedError("There is no such case.")
    if visit.adjudicates:
        decided = visit.connection.execute(
            select(annotation.c.id).where(annotation.c.annotator == visit.code, annotation.c.case_code == code)
        ).first()
        if decided is None and _judged(visit, code).get(code, ("waiting", ""))[0] != "differ":
            raise NotAllowedError("There is nothing to decide about this case.")
    return str(code)


def case_page(visit: Visit, position: int) -> dict[str, Any]:
    """Everything the browser needs to show a case, and nothing of what other annotators said but to the adjudicator."""
    code, connection = case_of(visit, position), visit.connection
    there = latest(connection, code).get(code, {})
    own = there.get(visit.code)
    offered = connection.execute(select(suggestion).where(suggestion.c.case_code == code)).all()
    others, reason = [], ""
    if visit.adjudicates:
        rows = [there[each] for each in visit.protocol.annotators]
        rows.sort(key=lambda row: hashlib.sha256(f"{code} {row.annotator}".encode()).digest())
        others = [{"letter": _LETTERS[i], "content": row.content} for i, row in enumerate(rows)]
        reason = why([row.content for row in rows], visit.protocol)
    begun = drafts.found(connection, visit.code, code)
    return {
        "position": position,
        "views": views(connection, code),
        "context": connection.execute(
            select(annotation_case.c.context).where(annotation_case.c.code == code)
        ).scalar_one(),
        "suggestions": []
        if visit.adjudicates
        else [{"number": row.number, "view": row.view, "box": row.box, "label": row.label} for row in offered],
        "saved": own.content if own else None,
        "revision": own.revision if own else 0,
        "draft": begun["content"] if begun and begun.get("revises") == (own.revision if own else 0) else None,
        "others": others,
        "why": reason,
    }


def views(connection: Connection, code: str) -> list[dict[str, Any]]:
    """What the browser is told of each picture of a case."""
    rows = connection.execute(
        select(annotation_view).where(annotation_view.c.case_code == code).order_by(annotation_view.c.number)
    ).all()
    found = []
    for row in rows:
        half = picture.half_shape(row.height, row.width)
        found.append(
            {
                "number": row.number,
                "width": row.width,
                "height": row.height,
                "half": {"height": half[0], "width": half[1]} if half else None,
                "window": row.window,
                "spacing": row.spacing,
                "name": row.name,
            }
        )
    return found


def shown(visit: Visit, position: int) -> None:
    """Write down that a case is on somebody's screen."""
    case_of(visit, position)
    record(visit.connection, visit.code, "shown", visit.now)


def keep_draft(visit: Visit, position: int, revises: int, given: drafts.Draft) -> bool:
    """Keep what was begun; see :func:`osteon.web.drafts.keep`.

    Raises:
        NotAllowedError: Not that case, or it has been annotated since.
    """
    code = case_of(visit, position)
    own = latest(visit.connection, code).get(code, {}).get(visit.code)
    if revises != (own.revision if own else 0):
        raise NotAllowedError("This case has been saved since.")
    return drafts.keep(visit.connection, visit.code, code, given, visit.now)


def store(visit: Visit, position: int, given: Annotation) -> dict[str, Any]:
    """Append an annotation.

    Returns:
        What is acknowledged once the transaction is on disk: revision and moment.

    Raises:
        NotAllowedError: It is incomplete, has been saved or decided about since, or there is nothing to decide.
    """
    connection = visit.connection
    content = given.content.model_dump(mode="json")
    sent = connection.execute(
        select(annotation).where(annotation.c.annotator == visit.code, annotation.c.receipt == given.receipt)
    ).first()
    if sent:
        if sent.content != content:
            raise NotAllowedError("Another annotation was stored under this name; load the page again.")
        return {"revision": sent.revision, "saved_at": sent.saved_at.isoformat()}
    code = case_of(visit, position)
    there = latest(connection, code).get(code, {})
    if not visit.adjudicates and visit.protocol.adjudicator in there:
        raise NotAllowedError("The adjudicator has decided about this case; it cannot be changed any more.")
    own = there.get(visit.code)
    if given.revises != (own.revision if own else 0):
        raise NotAllowedError("This case has been saved since; open it again.")
    sizes = {view["number"]: (view["width"], view["height"]) for view in views(connection, code)}
    said = rules.complaint(given.content, visit.protocol, sizes) or _unknown(visit, code, given.content)
    if said:
        raise NotAllowedError(said)
    revision = given.revises + 1
    connection.execute(
        insert(annotation).values(
            annotator=visit.code, case_code=code, revision=revision, content=content, seconds=given.seconds,
            saved_at=visit.now, receipt=given.receipt,
        )
    )  # fmt: skip
    drafts.drop(connection, visit.code, code)
    record(connection, visit.code, "annotated", visit.now)
    return {"revision": revision, "saved_at": visit.now.isoformat()}


def _unknown(visit: Visit, code: str, content: Content) -> str:
    """Whether an outline names a suggestion that was not made."""
    rows = visit.connection.execute(
        select(suggestion.c.number, suggestion.c.view).where(suggestion.c.case_code == code)
    ).all()
    offered = {(row.number, row.view) for row in rows}
    named = {(shape.suggestion, shape.view) for shape in content.shapes if shape.suggestion is not None}
    return "" if visit.adjudicates or named <= offered else "An outline names a suggestion that was not made."


def history(visit: Visit, position: int) -> list[dict[str, Any]]:
    """All that somebody has saved of a case, the newest first."""
    code = case_of(visit, position)
    rows = visit.connection.execute(
        select(annotation)
        .where(annotation.c.annotator == visit.code, annotation.c.case_code == code)
        .order_by(annotation.c.revision.desc())
    ).all()
    return [
        {"revision": row.revision, "saved_at": row.saved_at.isoformat(), "content": row.content} for row in rows
    ]  # fmt: skip
