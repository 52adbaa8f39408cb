"""Serving a reader study from a laptop, from a hospital server, or behind a proxy."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

from osteon.core.errors import InputError
from osteon.web.database import Store, sqlite_url


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


def settings(
    host: str,
    port: int,
    *,
    certificate: Path | None,
    key: Path | None,
    behind_proxy: bool,
    plain_http: bool,
    carried: str = "readings",
) -> dict[str, Any]:
    """What uvicorn is told; whether the pages come over TLS is the entry ``secure``, taken out by :func:`serve`.

    Raises:
        InputError: What is carried would cross a network in the clear without anybody having said so.
    """
    if (certificate is None) != (key is None):
        raise InputError("a certificate needs its key, and a key its certificate", fix="Give both or neither.")
    secure = certificate is not None or behind_proxy
    if not secure and not plain_http and not loopback(host):
        raise InputError(
            f"{carried} would cross the network to {host} in the clear",
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

    from osteon.web.server import create_app

    told = settings(**options)
    secure = told.pop("secure")
    store = open_store(folder, database_url)
    try:
        uvicorn.run(create_app(store, site_folder(folder) / "pictures", secure=secure), **told)
    finally:
        store.close()


def loopback(host: str) -> bool:
    """Whether an address is this machine's own, which nobody else reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
