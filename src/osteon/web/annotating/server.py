"""The web server of an annotation: routes that hold each request against its form and hand it on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from sqlalchemy import select

from osteon.core.errors import InputError
from osteon.web import drafts, guard, invitations, pen, picture
from osteon.web.annotating import forms, progress, replies, visits
from osteon.web.annotating.protocol import Annotating
from osteon.web.annotating.visits import Visit
from osteon.web.application import application, sent_picture, signed_in
from osteon.web.database import Store, study
from osteon.web.doors import Clock, House, Room, now_utc, own_page, visitor
from osteon.web.forms import Name, Number

api = APIRouter(prefix="/api")
administration = APIRouter(prefix="/api/office")


@dataclass(frozen=True)
class Site(House):
    """An annotation as it is served.

    Attributes:
        protocol: What is asked.
        known: In what annotations differ, by their numbers.
    """

    protocol: Annotating = field(default_factory=Annotating)
    known: dict[tuple[int, ...], str] = field(default_factory=dict)


def create_app(store: Store, pictures: Path, *, secure: bool = False, clock: Clock = now_utc) -> FastAPI:
    """The application.

    Args:
        store: The database.
        pictures: The folder of prepared pictures.
        secure: Pages come over TLS: cookies are sent over nothing else.
        clock: The present moment in UTC.

    Raises:
        InputError: The database holds no annotation.
    """
    protocol = protocol_of(store)
    site = Site(store, pictures, {"title": protocol.title, "synthetic": False}, secure, clock, protocol=protocol)
    pages = {"/": "annotator.html", "/admin": "annotators.html"}
    return application("osteon annotate", site, (api, administration), pages)


def protocol_of(store: Store) -> Annotating:
    """The protocol that a database was made with.

    Raises:
        InputError: It holds no annotation.
    """
    if not store.has_study():
        raise InputError("the database holds no annotation", fix="Make one with 'osteon annotate create'.")
    with store.read() as connection:
        return Annotating.model_validate(connection.execute(select(study.c.protocol)).scalar_one()["annotate"])


async def the_site(request: Request) -> Site:
    """The site that this application serves."""
    found = request.app.state.site
    assert isinstance(found, Site)
    return found


ThisSite = Annotated[Site, Depends(the_site)]


def known_annotator(request: Request, site: ThisSite) -> guard.Visitor:
    """Who is signed in in this browser to annotate or adjudicate."""
    return visitor(request, site, "annotator", {"admin": "This is for annotators."})


def known_administrator(request: Request, site: ThisSite) -> guard.Visitor:
    """The administrator who is signed in in this browser."""
    return visitor(request, site, "admin", {"annotator": "This is for the administrator."})


KnownAnnotator = Annotated[guard.Visitor, Depends(known_annotator)]
KnownAdministrator = Annotated[guard.Visitor, Depends(known_administrator)]


async def annotator(request: Request, who: KnownAnnotator) -> str:
    """The code of who asks."""
    return own_page(request, who)


async def administrator(request: Request, who: KnownAdministrator) -> str:
    """The code of the administrator who asks."""
    return own_page(request, who)


Annotator = Annotated[str, Depends(annotator)]
Administrator = Annotated[str, Depends(administrator)]


@contextmanager
def _looking(site: Site, code: str) -> Iterator[Visit]:
    """A visit in one reading transaction."""
    with site.store.read() as connection:
        yield Visit(connection, site.protocol, code, site.clock(), site.known)


@contextmanager
def _writing(site: Site, code: str, room: str | None) -> Iterator[Visit]:
    """A visit in one writing transaction, from the window that has the pen (None: from any)."""
    with site.store.write() as connection:
        pen.lock(connection, code)
        if room is not None:
            pen.hold(connection, code, room)
        yield Visit(connection, site.protocol, code, site.clock(), site.known)


def _work(site: Site, code: str) -> dict[str, Any]:
    with _looking(site, code) as visit:
        return {"work": visits.work_list(visit)}


@api.post("/enter")
def enter(entry: forms.Entry, request: Request, response: Response, site: ThisSite) -> dict[str, str]:
    """Exchange an invitation for a cookie."""
    return {"role": signed_in(site, entry.token, request, response).role}


@api.get("/me")
def me(who: KnownAnnotator, site: ThisSite) -> replies.Me:
    """Who is signed in, what is asked, and what there is to do."""
    protocol = site.protocol
    asked = protocol.model_dump(mode="json", include=set(replies.Questions.model_fields))
    known = {"code": who.code, "role": who.role, "csrf": who.csrf, "study": site.about, "questions": asked}
    return replies.Me.model_validate(
        {**known, "adjudicates": who.code == protocol.adjudicator, **_work(site, who.code)}
    )


@api.post("/pen")
def take_pen(code: Annotator, room: Room, site: ThisSite) -> replies.Whereabouts:
    """Write in this window from now on, and in no other."""
    with _writing(site, code, None) as visit:
        pen.take(visit.connection, code, room, visit.now)
    return replies.Whereabouts.model_validate(_work(site, code))


@api.get("/work")
def work(code: Annotator, site: ThisSite) -> replies.Whereabouts:
    """What there is to do."""
    return replies.Whereabouts.model_validate(_work(site, code))


@api.get("/cases/{position}")
def case(position: Number, code: Annotator, site: ThisSite) -> replies.Case:
    """A case of one's work list."""
    with _looking(site, code) as visit:
        return replies.Case.model_validate(visits.case_page(visit, position))


@api.get("/cases/{position}/views")
def case_views(position: Number, code: Annotator, site: ThisSite) -> list[replies.ViewSize]:
    """How many pictures a case has and how large they are: enough to fetch those of the next case ahead of time."""
    with _looking(site, code) as visit:
        rows = visits.views(visit.connection, visits.case_of(visit, position))
    return [replies.ViewSize.model_validate(row) for row in rows]


@api.get("/cases/{position}/pictures/{number}", response_class=Response)
def case_picture(
    position: Number, number: Number, code: Annotator, site: ThisSite, part: Literal["whole", "half"] = "whole"
) -> Response:
    """One picture of a case, at full depth; a large one also at half its size."""
    with _looking(site, code) as visit:
        case_code = visits.case_of(visit, position)
    return sent_picture(site, picture.name(case_code, number, part))


@api.get("/cases/{position}/history")
def case_history(position: Number, code: Annotator, site: ThisSite) -> list[replies.Version]:
    """All that one has saved of a case."""
    with _looking(site, code) as visit:
        return [replies.Version.model_validate(row) for row in visits.history(visit, position)]


@api.put("/cases/{position}/draft")
def draft(position: Number, body: forms.Draft, code: Annotator, room: Room, site: ThisSite) -> replies.Kept:
    """Keep an annotation that is not finished; it counts nowhere."""
    empty = body.content == forms.Content()
    content = {} if empty else {"content": body.content.model_dump(mode="json"), "revises": body.revises}
    with _writing(site, code, room) as visit:
        kept = visits.keep_draft(visit, position, body.revises, drafts.Draft(content, room, body.turn))
    return replies.Kept(kept=kept)


@api.post("/cases/{position}/annotations")
def store_annotation(
    position: Number, body: forms.Annotation, code: Annotator, room: Room, site: ThisSite
) -> replies.Stored:
    """Store an annotation; the reply is sent when it is on disk."""
    with _writing(site, code, room) as visit:
        stored = visits.store(visit, position, body)
    return replies.Stored.model_validate({**stored, **_work(site, code)})


@administration.get("/me")
def administrator_me(who: KnownAdministrator, site: ThisSite) -> replies.AdministratorMe:
    """The administrator who is signed in."""
    known = {"code": who.code, "role": who.role, "csrf": who.csrf, "study": site.about}
    return replies.AdministratorMe.model_validate(known)


@administration.get("/progress")
def everybody(_code: Administrator, site: ThisSite) -> list[replies.Progress]:
    """How far everybody has come; nothing of what they drew."""
    with site.store.read() as connection:
        rows = progress.progress(connection, site.protocol)
    return [replies.Progress.model_validate(row) for row in rows]


@administration.post("/people/{person}/invite")
def new_invitation(person: Name, _code: Administrator, site: ThisSite) -> replies.Invitation:
    """A new link for somebody; the old one ends."""
    with site.store.write() as connection:
        invitations.known(connection, person, "annotator")
        return replies.Invitation(token=guard.invite(connection, person))


@administration.post("/people/{person}/revoke")
def revoke(person: Name, _code: Administrator, site: ThisSite) -> replies.Revoked:
    """End somebody's link, and every browser signed in with it."""
    with site.store.write() as connection:
        invitations.known(connection, person, "annotator")
        guard.revoke(connection, person)
    return replies.Revoked(revoked=True)
