"""The web server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from osteon.core.errors import InputError
from osteon.web import guard, pen, routes
from osteon.web.database import Store
from osteon.web.sessions import NotAllowedError, protocol_of
from osteon.web.site import Clock, Site, now_utc

_STATIC = Path(__file__).parent / "static"


def create_app(store: Store, pictures: Path, *, secure: bool = False, clock: Clock = now_utc) -> FastAPI:
    """The application.

    Args:
        store: The database.
        pictures: The folder of prepared pictures.
        secure: Pages come over TLS: cookies are sent over nothing else.
        clock: The present moment in UTC; the wash-out is held against it.

    Raises:
        InputError: The database holds no reader study.
    """
    if not store.has_study():
        raise InputError("the database holds no reader study", fix="Make one with 'osteon readers create'.")
    with store.read() as connection:
        protocol, about = protocol_of(connection)
    app = FastAPI(title="osteon readers", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = Site(store, pictures, protocol, about, secure, clock)
    app.add_middleware(guard.Armour, secure=secure)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(NotAllowedError, _not_allowed)
    app.add_exception_handler(pen.ElsewhereError, _elsewhere)
    for router in (routes.api, routes.readers_api, routes.administration_api):
        app.include_router(router)
    app.add_api_route("/", _page("reader.html"), methods=["GET"])
    app.add_api_route("/admin", _page("admin.html"), methods=["GET"])
    app.mount("/static", _Static(directory=_STATIC))
    return app


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
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _malformed(_request: Request, error: Exception) -> Response:
    """Say which field is wrong, but never repeat what was sent."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(step) for step in first["loc"] if isinstance(step, str | int))[:100]
    return JSONResponse({"error": f"The request is not valid ({field})."}, 422)


async def _not_allowed(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409)


async def _elsewhere(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 423)
