"""The web server of a reader study."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from osteon.core.errors import InputError
from osteon.web import routes
from osteon.web.application import application
from osteon.web.database import Store
from osteon.web.doors import Clock, now_utc
from osteon.web.sessions import protocol_of
from osteon.web.site import Site


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
    site = Site(store, pictures, about, secure, clock, protocol=protocol)
    routers = (routes.api, routes.readers_api, routes.administration_api)
    return application("osteon readers", site, routers, {"/": "reader.html", "/admin": "admin.html"})
