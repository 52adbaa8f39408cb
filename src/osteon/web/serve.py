"""Serving a reader study from a laptop, from a hospital server, or behind a proxy."""

from __future__ import annotations

from pathlib import Path

from osteon.core.errors import InputError
from osteon.web.database import Store, sqlite_url
from osteon.web.transport import Listening, settings


def site_folder(folder: Path) -> Path:
    """The folder that the server needs, given it, the reader study it lies in, or the run.

    Raises:
        InputError: There is no reader study.
    """
    for place in (folder, folder / "site", folder / "readers" / "site"):
        if (place / "pictures").is_dir():
            return place
    raise InputError("no reader study here", file=folder, fix="Make one with 'osteon readers create study.toml'.")


def open_store(folder: Path, database_url: str | None = None) -> Store:
    """The database of a reader study: the given one, or the SQLite file beside the pictures.

    Raises:
        InputError: There is none.
    """
    file = site_folder(folder) / "study.db"
    if database_url is None and not file.is_file():
        raise InputError("no such database", file=file, fix="Give the one that 'osteon readers create' was given.")
    return Store(database_url or sqlite_url(file))


def serve(folder: Path, listening: Listening, database_url: str | None = None) -> None:
    """Serve until interrupted.

    Args:
        folder: The site folder, the reader study, or the run.
        listening: Where and how to listen.
        database_url: Where answers are kept.

    Raises:
        InputError: No reader study, no database, or settings that do not go together.
    """
    import uvicorn

    from osteon.web.server import create_app

    told = settings(listening, "readings")
    store = open_store(folder, database_url)
    try:
        uvicorn.run(create_app(store, site_folder(folder) / "pictures", secure=listening.secure), **told)
    finally:
        store.close()
