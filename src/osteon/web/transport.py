"""How a server listens: its address, TLS, and what may cross a network in the clear."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

from osteon.core.errors import InputError


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
    """What uvicorn is told; whether the pages come over TLS is the entry ``secure``, to be taken out first.

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


def loopback(host: str) -> bool:
    """Whether an address is this machine's own, which nobody else reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
