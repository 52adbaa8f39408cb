"""The routes: each holds a request against its form and hands it on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from osteon.core.errors import InputError
from osteon.study.protocol import Readers
from osteon.web import (
    administration,
    answers,
    cases,
    changes,
    drafts,
    forms,
    guard,
    invitations,
    pen,
    picture,
    questionnaires,
    refusal,
    replies,
    rules,
    sessions,
    views,
)
from osteon.web.application import sent_picture, signed_in
from osteon.web.doors import Room
from osteon.web.forms import Name, Number
from osteon.web.site import Administrator, KnownAdministrator, KnownReader, Reader, Site, ThisSite, administrator

api = APIRouter(prefix="/api")
readers_api = APIRouter(prefix="/api/readers", dependencies=[Depends(administrator)])
administration_api = APIRouter(prefix="/api/office")


@contextmanager
def _looking(site: Site) -> Iterator[tuple[Connection, Readers]]:
    """One reading transaction, and the protocol as it is in it."""
    with site.store.read() as connection:
        yield connection, changes.applied(connection, site.protocol)


@contextmanager
def _reading(site: Site, code: str) -> Iterator[sessions.Visit]:
    """A reader's visit in one reading transaction."""
    with _looking(site) as (connection, protocol):
        yield sessions.Visit(connection, protocol, code, site.clock())


@contextmanager
def _writing(site: Site, code: str, room: str | None) -> Iterator[sessions.Visit]:
    """A reader's visit in one writing transaction, from the window that has the pen (None: from any)."""
    with site.store.write() as connection:
        pen.lock(connection, code)
        if room is not None:
            pen.hold(connection, code, room)
        yield sessions.Visit(connection, changes.applied(connection, site.protocol), code, site.clock())


# --- coming in ------------------------------------------------------------------------------------------------------


@api.post("/enter")
def enter(entry: forms.Entry, request: Request, response: Response, site: ThisSite) -> replies.Entered:
    """Exchange an invitation for a cookie: a reader's, or the administrator's beside it."""
    who = signed_in(site, entry.token, request, response)
    return replies.Entered.model_validate({"role": who.role})


@api.post("/leave")
def leave(_code: Reader, request: Request, response: Response, site: ThisSite) -> replies.Gone:
    """Sign this browser out."""
    name = site.cookie("reader")
    with site.store.write() as connection:
        guard.sign_out(connection, request.cookies[name])
    response.delete_cookie(name, httponly=True, samesite="strict", secure=site.secure)
    return replies.Gone(left=True)


@api.get("/me")
def me(who: KnownReader, site: ThisSite) -> replies.Me:
    """Who is signed in, what is asked, and where they stand."""
    known = {"code": who.code, "role": who.role, "csrf": who.csrf, "study": site.about}
    known["language"] = site.about.get("languages", {}).get(who.code, "") or site.protocol.language
    return replies.Me.model_validate({**known, **_whereabouts(site, who.code)})


@api.post("/pen")
def take_pen(code: Reader, room: Room, site: ThisSite) -> replies.Whereabouts:
    """Write in this window from now on, and in no other."""
    with _writing(site, code, None) as visit:
        pen.take(visit.connection, code, room, visit.now)
    return replies.Whereabouts.model_validate(_whereabouts(site, code))


def _whereabouts(site: Site, code: str) -> dict[str, Any]:
    """The question, and where a reader stands."""
    with _reading(site, code) as visit:
        protocol = visit.protocol
        here, come = sessions.stage(visit)
        asked = here.name in ("before", "after")
        filled = drafts.found(visit.connection, code, here.name) if asked else None
        begun = drafts.positions(visit.connection, code, here.session)
    items = getattr(protocol, here.name) if asked else ()
    between = here.name in ("reading", "review")
    return {
        "question": {
            **protocol.model_dump(mode="json", include=set(replies.Question.model_fields)),
            "asked": protocol.asked,
        },
        "stage": {
            "name": here.name,
            "session": here.session,
            "sessions": protocol.sessions,
            "position": here.position,
            "step": here.step,
            "steps": rules.steps(protocol),
            "cases": come.cases,
            "open": come.cases - here.position + 1 if between else 0,
            "drafts": begun if between else [],
            "opens_at": here.opens_at.isoformat() if here.opens_at else None,
            "items": [item.model_dump(exclude={"reverse"}) for item in items],
            "filled": filled or {},
            "text": getattr(protocol, here.name) if here.name in ("consent", "instructions") else "",
        },
    }


# --- before the cases ----------------------------------------------------------------------------------------------


@api.post("/consent")
def consent(body: forms.Consent, code: Reader, room: Room, site: ThisSite) -> replies.Whereabouts:
    """Take part, or do not."""
    with _writing(site, code, room) as visit:
        questionnaires.consent(visit, agreed=body.agreed)
    return replies.Whereabouts.model_validate(_whereabouts(site, code))


@api.post("/instructions")
def informed(code: Reader, room: Room, site: ThisSite) -> replies.Whereabouts:
    """The instructions were read."""
    with _writing(site, code, room) as visit:
        questionnaires.inform(visit)
    return replies.Whereabouts.model_validate(_whereabouts(site, code))


# --- questionnaires -------------------------------------------------------------------------------------------------


@api.post("/questionnaires/{name}")
def fill(
    name: Literal["before", "after"], body: forms.Questionnaire, code: Reader, room: Room, site: ThisSite
) -> replies.Whereabouts:
    """Store a questionnaire."""
    with _writing(site, code, room) as visit:
        questionnaires.store(visit, name, body.answers)
    return replies.Whereabouts.model_validate(_whereabouts(site, code))


@api.put("/questionnaires/{name}/draft")
def draft_questionnaire(
    name: Literal["before", "after"], body: forms.QuestionnaireDraft, code: Reader, room: Room, site: ThisSite
) -> replies.Kept:
    """Keep what has been filled in of a questionnaire."""
    with _writing(site, code, room) as visit:
        kept = questionnaires.keep_draft(visit, name, drafts.Draft(body.answers, room, body.turn))
    return replies.Kept(kept=kept)


# --- cases ----------------------------------------------------------------------------------------------------------


@api.get("/cases/{position}")
def case(position: Number, code: Reader, site: ThisSite) -> replies.Case:
    """A case of the open session."""
    with _reading(site, code) as visit:
        return replies.Case.model_validate(cases.case_page(visit, position))


@api.get("/cases/{position}/pictures/{number}", response_class=Response)
def case_picture(
    position: Number, number: Number, code: Reader, site: ThisSite, part: Literal["whole", "half"] = "whole"
) -> Response:
    """One picture of a case, at full depth; a large one also at half its size."""
    with _reading(site, code) as visit:
        case_code = views.picture_case(visit, position)
    return sent_picture(site, picture.name(case_code, number, part))


@api.get("/cases/{position}/views")
def case_views(position: Number, code: Reader, site: ThisSite) -> list[replies.ViewSize]:
    """How many pictures a case has and how large they are: enough to fetch those of the next case ahead of time."""
    with _reading(site, code) as visit:
        case_code = views.picture_case(visit, position)
        return [replies.ViewSize.model_validate(row) for row in views.sizes(visit.connection, case_code)]


@api.get("/cases/{position}/heatmaps/{number}", response_class=Response)
def case_heatmap(request: Request, position: Number, number: Number, code: Reader, site: ThisSite) -> Response:
    """The model's heat map on one picture of a case of the aided arm; asking for it is recorded."""
    looked = not guard.heads_only(request.scope)
    with _writing(site, code, None) as visit:
        due = cases.note(visit, position, "heatmap", written=looked)
    return sent_picture(site, picture.name(due.case_code, number, "heat"))


@api.post("/cases/{position}/shown")
def shown(position: Number, code: Reader, room: Room, site: ThisSite) -> replies.Noted:
    """The case is on the screen."""
    with _writing(site, code, room) as visit:
        due = cases.note(visit, position, "shown")
    return replies.Noted(step=due.step)


@api.post("/cases/{position}/left")
def left(position: Number, body: forms.Left, code: Reader, site: ThisSite) -> replies.Noted:
    """The reader paused, or turned to something else; a window that has lost the pen may still tell its time."""
    with _writing(site, code, None) as visit:
        due = cases.note(visit, position, "left", body.seconds)
    return replies.Noted(step=due.step)


@api.post("/cases/{position}/advice")
def advice(position: Number, code: Reader, room: Room, site: ThisSite) -> replies.Advice:
    """The model's advice on a case of the aided arm; asking for it is recorded."""
    with _writing(site, code, room) as visit:
        return replies.Advice.model_validate(cases.advice(visit, position))


@api.post("/cases/{position}/advised")
def advised(position: Number, code: Reader, room: Room, site: ThisSite) -> replies.Noted:
    """The advice is on the screen: from now on an answer can be chosen with it."""
    with _writing(site, code, room) as visit:
        due = cases.note(visit, position, "advised")
    return replies.Noted(step=due.step)


@api.put("/cases/{position}/draft")
def draft(position: Number, body: forms.Draft, code: Reader, room: Room, site: ThisSite) -> replies.Kept:
    """Keep an answer that is not finished; it counts nowhere."""
    content = body.model_dump(exclude={"session", "step", "turn"}, exclude_defaults=True)
    if set(content) <= {"revises"}:
        content = {}
    with _writing(site, code, room) as visit:
        unfinished = drafts.Draft(content, room, body.turn)
        kept = answers.keep_draft(visit, position, (body.session, body.step), body.revises, unfinished)
    return replies.Kept(kept=kept)


@api.post("/cases/{position}/answers")
def store_answer(position: Number, body: forms.Answer, code: Reader, room: Room, site: ThisSite) -> replies.Stored:
    """Store an answer; the reply is sent when it is on disk."""
    given = answers.Submitted(
        **{**body.model_dump(exclude={"box"}), "box": body.box.model_dump() if body.box else None}
    )
    with _writing(site, code, room) as visit:
        stored = answers.store_answer(visit, position, given)
    return replies.Stored.model_validate({**stored, **_whereabouts(site, code)})


@api.post("/close")
def close(body: forms.Close, code: Reader, room: Room, site: ThisSite) -> replies.Whereabouts:
    """Close the session."""
    with _writing(site, code, room) as visit:
        sessions.close_session(visit, body.session)
    return replies.Whereabouts.model_validate(_whereabouts(site, code))


# --- for the administrator; the path's name is older than the module's ----------------------------------------------


@administration_api.get("/me")
def administrator_me(who: KnownAdministrator, site: ThisSite) -> replies.AdministratorMe:
    """The administrator who is signed in."""
    return replies.AdministratorMe.model_validate(
        {"code": who.code, "role": who.role, "csrf": who.csrf, "study": site.about}
    )


@administration_api.get("/protocol")
def protocol(_code: Administrator, site: ThisSite) -> replies.Protocol:
    """What may be changed of the protocol, and what was."""
    with _looking(site) as (connection, current):
        return _protocol(connection, current)


@administration_api.post("/washout")
def washout(body: forms.Washout, code: Administrator, site: ThisSite) -> replies.Protocol:
    """Set another wash-out; who, when and why is written down."""
    with site.store.write() as connection:
        try:
            current = changes.change_washout(connection, site.protocol, body.days, body.reason, code, site.clock())
        except InputError as error:
            raise refusal.NotAllowedError(str(error)) from None
        return _protocol(connection, current)


def _protocol(connection: Connection, current: Readers) -> replies.Protocol:
    return replies.Protocol.model_validate(
        {"sessions": current.sessions, "washout_days": current.washout_days, "changes": changes.log(connection)}
    )


@readers_api.get("")
def progress(site: ThisSite) -> list[replies.ReaderProgress]:
    """How far every reader has come; no answers."""
    with _looking(site) as (connection, current):
        rows = administration.progress(connection, current, site.clock())
    return [replies.ReaderProgress.model_validate(row) for row in rows]


@readers_api.post("/{reader}/invite")
def new_invitation(reader: Name, site: ThisSite) -> replies.Invitation:
    """A new link for a reader; the old one ends."""
    with site.store.write() as connection:
        invitations.known(connection, reader, "reader")
        return replies.Invitation(token=guard.invite(connection, reader))


@readers_api.post("/{reader}/revoke")
def revoke(reader: Name, site: ThisSite) -> replies.Revoked:
    """End a reader's link, and every browser signed in with it."""
    with site.store.write() as connection:
        invitations.known(connection, reader, "reader")
        guard.revoke(connection, reader)
    return replies.Revoked(revoked=True)
