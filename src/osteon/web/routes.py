"""The routes: each holds a request against its form and hands it to the reading desk or the administrator's office."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from osteon.web import desk, guard, office, picture, rules
from osteon.web.site import Reader, SignedIn, Site, ThisSite, administrator, from_these_pages, held_back

#: Text that both databases can hold: no control characters but line ends and tabs. (Half characters pydantic refuses.)
_WORDS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_Text = Annotated[str, Field(max_length=2000, pattern=_WORDS)]
_Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]
_Pixel = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
_Number = Annotated[int, InPath(ge=1, le=100_000)]
_Session = Annotated[int, Field(ge=1, le=2)]
_Name = Annotated[str, InPath(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$")]

api = APIRouter(prefix="/api")
office_api = APIRouter(prefix="/api/readers", dependencies=[Depends(administrator)])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Body):
    """The token of an invitation."""

    token: Annotated[str, Field(max_length=200)]


class Left(_Body):
    """How long a case was on the screen before the reader turned away from it."""

    seconds: _Seconds


class Box(_Body):
    """A drawn box."""

    view: Annotated[int, Field(ge=1, le=1000)]
    x0: _Pixel
    y0: _Pixel
    x1: _Pixel
    y1: _Pixel


class Answer(_Body):
    """An answer to a case; see :class:`osteon.web.desk.Given`."""

    session: _Session
    step: _Session
    confidence: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    call: Annotated[int, Field(ge=0, le=1)] | None = None
    box: Box | None = None
    comment: _Text = ""
    seconds: _Seconds
    receipt: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class Questionnaire(_Body):
    """A whole questionnaire, item to value."""

    answers: Annotated[dict[Annotated[str, Field(max_length=40)], _Text], Field(max_length=200)]


class Close(_Body):
    """The session that is to be closed."""

    session: _Session


@api.post("/enter")
def enter(entry: Entry, request: Request, response: Response, site: ThisSite) -> dict[str, str]:
    """Exchange an invitation for a cookie."""
    from_these_pages(request)
    held_back(site.entries, request.client.host if request.client else "")
    with site.store.write() as connection:
        entered = guard.sign_in(connection, entry.token, site.clock())
    if entered is None:
        raise HTTPException(401, "This invitation is not valid, or no longer.")
    who, cookie = entered
    response.set_cookie(site.cookie, cookie, httponly=True, samesite="strict", secure=site.secure)
    return {"role": who.role}


@api.post("/leave")
def leave(who: SignedIn, request: Request, response: Response, site: ThisSite) -> dict[str, bool]:
    """Sign this browser out."""
    with site.store.write() as connection:
        guard.sign_out(connection, request.cookies[site.cookie])
    response.delete_cookie(site.cookie, httponly=True, samesite="strict", secure=site.secure)
    return {"left": bool(who.code)}


@api.get("/me")
def me(who: SignedIn, site: ThisSite) -> dict[str, Any]:
    """Who is signed in, what is asked, and where they stand."""
    known = {"code": who.code, "role": who.role, "csrf": who.csrf, "study": site.about}
    return {**known, **_whereabouts(site, who.code)} if who.role == "reader" else known


def _whereabouts(site: Site, code: str) -> dict[str, Any]:
    """The question, and where a reader stands."""
    protocol = site.protocol
    with site.store.read() as connection:
        here, come = desk.stage(connection, protocol, code, site.clock())
    named = {"answers", "scale", "call", "draw_box", "comment", "advice", "revise", "washout_days", "design"}
    items = getattr(protocol, here.name) if here.name in ("before", "after") else ()
    return {
        "question": {**protocol.model_dump(mode="json", include=named), "asked": protocol.asked},
        "stage": {
            "name": here.name,
            "session": here.session,
            "sessions": protocol.sessions,
            "position": here.position,
            "step": here.step,
            "steps": rules.steps(protocol),
            "cases": come.cases,
            "opens_at": here.opens_at.isoformat() if here.opens_at else None,
            "items": [item.model_dump(exclude={"reverse"}) for item in items],
        },
    }


@api.post("/questionnaires/{name}")
def fill(name: Literal["before", "after"], body: Questionnaire, code: Reader, site: ThisSite) -> dict[str, Any]:
    """Store a questionnaire."""
    with site.store.write() as connection:
        desk.store_questionnaire(connection, site.protocol, code, name, body.answers, site.clock())
    return _whereabouts(site, code)


@api.get("/cases/{position}")
def case(position: _Number, code: Reader, site: ThisSite) -> dict[str, Any]:
    """A case of the open session."""
    with site.store.read() as connection:
        return desk.case_page(connection, site.protocol, code, position, site.clock())


@api.get("/cases/{position}/pictures/{number}")
def case_picture(
    position: _Number, number: _Number, code: Reader, site: ThisSite, part: Literal["whole", "half"] = "whole"
) -> Response:
    """One picture of a case, at full depth; a large one also at half its size."""
    with site.store.read() as connection:
        case_code = desk.picture_case(connection, site.protocol, code, position, site.clock())
    return _sent(site, picture.name(case_code, number, part))


@api.get("/cases/{position}/views")
def case_views(position: _Number, code: Reader, site: ThisSite) -> list[dict[str, Any]]:
    """How many pictures a case has and how large they are: enough to fetch those of the next case ahead of time."""
    with site.store.read() as connection:
        case_code = desk.picture_case(connection, site.protocol, code, position, site.clock())
        return desk.sizes(connection, case_code)


@api.get("/cases/{position}/heatmaps/{number}")
def case_heatmap(position: _Number, number: _Number, code: Reader, site: ThisSite) -> Response:
    """The model's heat map on one picture of a case of the aided arm; asking for it is recorded."""
    with site.store.write() as connection:
        due = desk.note(connection, site.protocol, code, position, "heatmap", site.clock())
    return _sent(site, picture.name(due.case_code, number, "heat"))


def _sent(site: Site, name: str) -> Response:
    try:
        content = (site.pictures / name).read_bytes()
    except FileNotFoundError:
        raise HTTPException(404, "There is no such picture.") from None
    # The file is compressed already, and the browser undoes that by itself.
    return Response(content, media_type="application/octet-stream", headers={"content-encoding": "gzip"})


@api.post("/cases/{position}/shown")
def shown(position: _Number, code: Reader, site: ThisSite) -> dict[str, int]:
    """The case is on the screen."""
    with site.store.write() as connection:
        due = desk.note(connection, site.protocol, code, position, "shown", site.clock())
    return {"step": due.step}


@api.post("/cases/{position}/left")
def left(position: _Number, body: Left, code: Reader, site: ThisSite) -> dict[str, int]:
    """The reader paused, or turned to something else."""
    with site.store.write() as connection:
        due = desk.note(connection, site.protocol, code, position, "left", site.clock(), body.seconds)
    return {"step": due.step}


@api.post("/cases/{position}/advice")
def advice(position: _Number, code: Reader, site: ThisSite) -> dict[str, Any]:
    """The model's advice on a case of the aided arm; asking for it is recorded."""
    with site.store.write() as connection:
        return desk.advice(connection, site.protocol, code, position, site.clock())


@api.post("/cases/{position}/answers")
def answers(position: _Number, body: Answer, code: Reader, site: ThisSite) -> dict[str, Any]:
    """Store an answer; the reply is sent when it is on disk."""
    given = desk.Given(**{**body.model_dump(exclude={"box"}), "box": body.box.model_dump() if body.box else None})
    with site.store.write() as connection:
        stored = desk.store_answer(connection, site.protocol, code, position, given, site.clock())
    return {**stored, **_whereabouts(site, code)}


@api.post("/close")
def close(body: Close, code: Reader, site: ThisSite) -> dict[str, Any]:
    """Close the session."""
    with site.store.write() as connection:
        desk.close_session(connection, site.protocol, code, body.session, site.clock())
    return _whereabouts(site, code)


@office_api.get("")
def progress(site: ThisSite) -> list[dict[str, Any]]:
    """How far every reader has come; no answers."""
    with site.store.read() as connection:
        return office.progress(connection, site.protocol, site.clock())


@office_api.post("/{reader}/invite")
def new_invitation(reader: _Name, site: ThisSite) -> dict[str, str]:
    """A new link for a reader; the old one ends."""
    with site.store.write() as connection:
        office.known(connection, reader)
        return {"token": guard.invite(connection, reader)}


@office_api.post("/{reader}/revoke")
def revoke(reader: _Name, site: ThisSite) -> dict[str, bool]:
    """End a reader's link, and every browser signed in with it."""
    with site.store.write() as connection:
        office.known(connection, reader)
        guard.revoke(connection, reader)
    return {"revoked": True}
