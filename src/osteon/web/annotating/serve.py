"""Serving an annotation, and what is done beside the server: links, and how far everybody is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from osteon.core.errors import InputError
from osteon.web import invitations
from osteon.web.annotating.progress import progress
from osteon.web.annotating.tables import ANNOTATION
from osteon.web.database import Store, sqlite_url
from osteon.web.transport import Listening, settings


def site_folder(folder: Path) -> Path:
    """The folder that the server needs, given it or the annotation it lies in.

    Raises:
        InputError: There is none.
    """
    for place in (folder, folder / "site"):
        if (place / "pictures").is_dir():
            return place
    raise InputError("no annotation here", file=folder, fix="Make one with 'osteon annotate create SOURCE OUT'.")


@contextmanager
def opened(folder: Path, database_url: str | None = None) -> Iterator[Store]:
    """The database of an annotation: the given one, or the SQLite file beside the pictures.

    Raises:
        InputError: There is none, or it holds no annotation.
    """
    file = site_folder(folder) / "study.db"
    if database_url is None and not file.is_file():
        raise InputError("no such database", file=file, fix="Give the one that 'osteon annotate create' was given.")
    store = Store(database_url or sqlite_url(file), ANNOTATION)
    try:
        if not store.has_study():
            raise InputError("the database holds no annotation", fix="Make one with 'osteon annotate create'.")
        yield store
    finally:
        store.close()


def serve(folder: Path, listening: Listening, database_url: str | None = None) -> None:
    """Serve until interrupted.

    Args:
        folder: The annotation, or its folder ``site``.
        listening: Where and how to listen.
        database_url: Where annotations are kept.

    Raises:
        InputError: No annotation, no database, or settings that do not go together.
    """
    import uvicorn

    from osteon.web.annotating.server import create_app

    told = settings(listening, "annotations")
    with opened(folder, database_url) as store:
        uvicorn.run(create_app(store, site_folder(folder) / "pictures", secure=listening.secure), **told)


def status(folder: Path, database_url: str | None = None) -> str:
    """How far everybody has come, a line each."""
    from osteon.web.annotating.server import protocol_of
    from osteon.web.annotating.visits import latest, undecided

    with opened(folder, database_url) as store, store.read() as connection:
        protocol = protocol_of(store)
        rows = progress(connection, protocol)
        open_cases = undecided(latest(connection), protocol)
    lines = []
    for row in rows:
        pace = "" if row["seconds"] is None else f", {row['seconds']:g} s a case (median)"
        if row["adjudicates"]:
            lines.append(f"{row['code']}: {row['done']} decided, {len(open_cases)} to decide{pace}")
        else:
            lines.append(f"{row['code']}: {row['done']} of {row['cases']} cases{pace}")
    return "\n".join(lines)


def renew(folder: Path, code: str, address: str, database_url: str | None = None) -> str:
    """Give somebody a new link; the old one ends.

    Returns:
        The link; it can be read this once.

    Raises:
        InputError: No such person.
    """
    with opened(folder, database_url) as store, store.write() as connection:
        return invitations.renew(connection, code, address)


def end(folder: Path, code: str, database_url: str | None = None) -> None:
    """End somebody's link and sign them out everywhere.

    Raises:
        InputError: No such person.
    """
    with opened(folder, database_url) as store, store.write() as connection:
        invitations.end(connection, code)
