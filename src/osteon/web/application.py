"""The web application that every room is served by: armour, refusals, pages, pictures and the way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException

from osteon.web import guard, pen
from osteon.web.doors import House, from_these_pages, held_back
from osteon.web.refusal import NotAllowedError

_STATIC = Path(__file__).parent / "static"


def application(title: str, house: House, routers: Sequence[APIRouter], pages: Mapping[str, str]) -> FastAPI:
    """A room's application.

    Args:
        title: Its name.
        house: What it serves; routes find it as ``app.state.site``.
        routers: Its routes.
        pages: Path to the page's file under ``static``.
    """
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = house
    app.add_middleware(guard.Armour, secure=house.secure)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(NotAllowedError, _not_allowed)
    app.add_exception_handler(pen.ElsewhereError, _elsewhere)
    for router in routers:
        app.include_router(router)
    for path, name in pages.items():
        app.add_api_route(path, _page(name), methods=["GET"])
    app.mount("/static", _Static(directory=_STATIC))
    return app


def signed_in(house: House, token: str, request: Request, response: Response) -> guard.Visitor:
    """Exchange an invitation's token for a cookie: a participant's, or the administrator's beside it."""
    from_these_pages(request)
    with house.store.read() as connection:
        invited = guard.invited(connection, token)
    # who guesses uses up their own address, and nobody who has an invitation there
    address = request.client.host if request.client else ""
    held_back(house.entries, guard.hashed(token) if invited else address)
    with house.store.write() as connection:
        entered = guard.sign_in(connection, token, house.clock())
    if entered is None:
        raise HTTPException(401, "This invitation is not valid, or no longer.")
    who, cookie = entered
    response.set_cookie(house.cookie(who.role), cookie, httponly=True, samesite="strict", secure=house.secure)
    return who


def sent_picture(house: House, name: str) -> Response:
    """A prepared picture as it lies in the folder."""
    try:
        content = (house.pictures / name).read_bytes()
    except FileNotFoundError:
        raise HTTPException(404, "There is no such picture.") from None
    # The file is compressed already, and the browser undoes that by itself.
    return Response(content, media_type="application/octet-stream", headers={"content-encoding": "gzip"})


class _Static(StaticFiles):
    """The pages' own scripts and styles: kept by browsers, and asked for again only when they have changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "no-cache"
        return response


def _page(name: str) -> Callable[[], FileResponse]:
    def page() -> FileResponse:
        return FileResponse(_STATIC / name, media_type="text/html; charset=utf-8")

    return page


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _said(template: str, values: Mapping[str, object]) -> dict[str, object]:
    """A refusal: in English, and where values stand in it also as pages translate it."""
    apart = {"template": template, "values": values} if values else {}
    return {"error": template.format(**values) if values else template, **apart}


async def _malformed(_request: Request, error: Exception) -> Response:
    """Say which field is wrong, but never repeat what was sent."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(step) for step in first["loc"] if isinstance(step, str | int))[:100]
    return JSONResponse(_said("The request is not valid ({field}).", {"field": field}), 422)


async def _not_allowed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAllowedError)
    return JSONResponse(_said(error.template, error.values), 409)


async def _elsewhere(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 423)
