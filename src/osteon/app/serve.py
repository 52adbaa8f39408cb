"""Serving a reader study from a laptop, from a hospital server, or behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from osteon import tables
from osteon.app import guard
from osteon.app.create import ADMINISTRATOR, link
from osteon.app.database import Store, person, sqlite_url
from osteon.errors import InputError, suggest


def site_folder(folder: Path) -> Path:
    """The folder that the server needs, given it, the reader study it lies in, or the run.

    Raises:
        InputError: There is no reader study.
    """
    for place in (folder, folder / "site", folder / "readers" / "site"):
        if (place / "pictures").is_dir():
            return place
    raise InputError("no reader study here", file=folder, fix="Make one with 'osteon readers create study.toml'.")


def study_folder(folder: Path) -> Path:
    """The folder with the key, given it or the run.

    Raises:
        InputError: There is none.
    """
    for place in (folder, folder / "readers"):
        if (place / "key.csv").is_file():
            return place
    raise InputError("no key of a reader study here", file=folder, fix="Work where it was created, not on the server.")


def key_of(folder: Path) -> pd.DataFrame:
    """The key of a reader study, given its folder or the run."""
    return tables.read(study_folder(folder) / "key.csv", tables.READING_KEY)


def renew(folder: Path, person_code: str, address: str, database_url: str | None = None) -> str:
    """Give a person a new link; the old one ends.

    Returns:
        The link; it can be read this once.

    Raises:
        InputError: No such person.
    """
    with _writing(folder, database_url) as connection:
        _known(connection, person_code)
        token = guard.invite(connection, person_code)
    return link(address, token, administrator=person_code == ADMINISTRATOR)


def end(folder: Path, person_code: str, database_url: str | None = None) -> None:
    """End a person's link and sign them out everywhere.

    Raises:
        InputError: No such person.
    """
    with _writing(folder, database_url) as connection:
        _known(connection, person_code)
        guard.revoke(connection, person_code)


@contextmanager
def _writing(folder: Path, database_url: str | None) -> Iterator[Connection]:
    store = open_store(folder, database_url)
    try:
        with store.write() as connection:
            yield connection
    finally:
        store.close()


def _known(connection: Connection, code: str) -> None:
    codes = list(connection.execute(select(person.c.code)).scalars())
    if code not in codes:
        raise InputError(f"nobody is called '{code}'", fix=suggest(code, codes))


def open_store(folder: Path, database_url: str | None = None) -> Store:
    """The database of a reader study: the given one, or the SQLite file beside the pictures.

    Raises:
        InputError: There is none.
    """
    file = site_folder(folder) / "study.db"
    if database_url is None and not file.is_file():
        raise InputError("no such database", file=file, fix="Give the one that 'osteon readers create' was given.")
    return Store(database_url or sqlite_url(file))


def settings(
    host: str, port: int, *, certificate: Path | None, key: Path | None, behind_proxy: bool, plain_http: bool
) -> dict[str, Any]:
    """What uvicorn is told; whether the pages come over TLS is the entry ``secure``, taken out by :func:`serve`.

    Raises:
        InputError: Readings would cross a network in the clear without anybody having said so.
    """
    if (certificate is None) != (key is None):
        raise InputError("a certificate needs its key, and a key its certificate", fix="Give both or neither.")
    secure = certificate is not None or behind_proxy
    if not secure and not plain_http and not _loopback(host):
        raise InputError(
            f"readings would cross the network to {host} in the clear",
            fix="Give --certificate and --key, or --behind-proxy where a proxy does TLS, or accept it: --plain-http.",
        )
    tls = {"ssl_certfile": certificate, "ssl_keyfile": key} if certificate else {}
    return {
        "host": host,
        "port": port,
        "secure": secure,
        # One process: rate limits and the write lock live in it, and 50 readers do not fill it.
        "workers": 1,
        "proxy_headers": behind_proxy,
        "forwarded_allow_ips": "127.0.0.1,::1",
        "server_header": False,
        "date_header": True,
        "log_level": "warning",
        "access_log": False,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 10,
        **tls,
    }


def serve(folder: Path, database_url: str | None = None, **options: Any) -> None:
    """Serve until interrupted.

    Args:
        folder: The site folder, the reader study, or the run.
        database_url: Where answers are kept.
        options: See :func:`settings`.

    Raises:
        InputError: No reader study, no database, or settings that do not go together.
    """
    import uvicorn

    from osteon.app.server import create_app

    told = settings(**options)
    secure = told.pop("secure")
    store = open_store(folder, database_url)
    try:
        uvicorn.run(create_app(store, site_folder(folder) / "pictures", secure=secure), **told)
    finally:
        store.close()


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
