"""A page on how a node does, for people and for what watches servers: numbers, nothing of any patient."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from osteon.core.errors import InputError

_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=10><title>osteon node</title>"
    "<style>body{{font:16px/1.5 system-ui;margin:2rem auto;max-width:40rem;color-scheme:light dark}}"
    "td{{padding:.1rem 1rem .1rem 0;vertical-align:top}}td:first-child{{white-space:nowrap}}</style>"
    "<h1>osteon node: {status}</h1><table>{rows}</table>"
)


class Health:
    """Serves the page.

    Args:
        host: Address to listen on.
        port: Port.
        told: What there is to say; its ``status`` is "ok" or what is wrong.

    Raises:
        InputError: Nothing can listen there.
    """

    def __init__(self, host: str, port: int, told: Callable[[], Mapping[str, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                if self.path not in ("/", "/health"):
                    self.send_error(404)
                    return
                said = told()
                body = json.dumps(said) if self.path == "/health" else _page(said)
                self.send_response(200 if said["status"] == "ok" else 503)
                kind = "application/json" if self.path == "/health" else "text/html; charset=utf-8"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body.encode())))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing: what is asked for may be anything."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Say nothing of who has left before the answer."""

        try:
            self._server = Server((host, port), Handler)
        except OSError as error:
            raise InputError(
                f"nothing can listen on this address and port ({error.strerror or type(error).__name__})",
                column="--health",
                fix="Choose another port.",
            ) from None
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True).start()

    def close(self) -> None:
        """Serve it no more."""
        self._server.shutdown()
        self._server.server_close()


def _page(said: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}<td>{_cell(value)}"
        for name, value in said.items()
        if name != "status"
    )
    return _PAGE.format(status=html.escape(str(said["status"])), rows=rows)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(f"{html.escape(str(name))}: {count}" for name, count in value.items()) or "-"
    return html.escape(f"{value:,}" if isinstance(value, int) else str(value))
