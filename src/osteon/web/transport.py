"""How a server listens: its address, TLS, and what may cross a network in the clear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osteon.core.errors import InputError
from osteon.core.hosts import loopback


@dataclass(frozen=True)
class Listening:
    """Where and how a server listens.

    Attributes:
        host: Address to listen on.
        port: Port to listen on.
        certificate: TLS certificate.
        key: Its key.
        behind_proxy: A proxy on this machine does TLS.
        plain_http: What is carried may cross a network in the clear.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    plain_http: bool = False

    @property
    def secure(self) -> bool:
        """Whether the pages come over TLS."""
        return self.certificate is not None or self.behind_proxy

    @property
    def alone(self) -> bool:
        """Whether nobody but this machine reaches it."""
        return loopback(self.host) and not self.behind_proxy


def settings(listening: Listening, carried: str) -> dict[str, Any]:
    """What uvicorn is told.

    Args:
        listening: Where and how to listen.
        carried: What would be read by others in the clear.

    Raises:
        InputError: It would cross a network in the clear without anybody having said so.
    """
    if (listening.certificate is None) != (listening.key is None):
        raise InputError("a certificate needs its key, and a key its certificate", fix="Give both or neither.")
    if not listening.secure and not listening.plain_http and not loopback(listening.host):
        raise InputError(
            f"{carried} would cross the network to {listening.host} in the clear",
            fix="Give --certificate and --key, or --behind-proxy where a proxy does TLS, or accept it: --plain-http.",
        )
    tls = {"ssl_certfile": listening.certificate, "ssl_keyfile": listening.key} if listening.certificate else {}
    return {
        "host": listening.host,
        "port": listening.port,
        # One process: rate limits and the write lock live in it, and 50 readers do not fill it.
        "workers": 1,
        "proxy_headers": listening.behind_proxy,
        "forwarded_allow_ips": "127.0.0.1,::1",
        "server_header": False,
        "date_header": True,
        "log_level": "warning",
        "access_log": False,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 10,
        **tls,
    }
