"""The doors in front of a served model: who may ask, how often, how much at once, and what is written down of it."""

from __future__ import annotations

import binascii
import time
import traceback
from base64 import b64decode
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from osteon.core.hosts import loopback
from osteon.web import guard

#: The one page that asks nothing and tells nothing; who watches a server needs no token for it.
HEALTH = "/health"
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_CLOSE = {"connection": "close"}
_CHALLENGE = {"www-authenticate": 'Basic realm="osteon", charset="UTF-8", Bearer realm="osteon"'}


@dataclass(frozen=True, eq=False)
class Rules:
    """What the doors hold requests to.

    Attributes:
        largest: Bytes of the longest request.
        token: What requests carry, as bearer or as the password of a browser's sign-in; None on this machine alone.
        questions: Limit of questions from one address.
        entries: Limit of wrong tokens from one address.
    """

    largest: int
    token: str | None
    questions: guard.Limiter
    entries: guard.Limiter = field(default_factory=lambda: guard.Limiter(burst=20, per_second=0.2))


class Gate:
    """Turns away who may not ask, asks too often or sends too much, before anything of it is kept.

    Args:
        app: The application inside.
        rules: What requests are held to.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._admit(scope, Headers(scope=scope))
        except HTTPException as refusal:
            await JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        """Raise the HTTPException with which a request is refused before its body is read."""
        address = scope["client"][0] if scope.get("client") else ""
        token = self._rules.token
        if scope["path"] != HEALTH:
            # Without a token this machine alone may ask, and no page of another site under a name that it made up.
            if token is None and not loopback(urlsplit(f"//{headers.get('host', '')}").hostname or ""):
                raise HTTPException(403, "This server answers to 127.0.0.1 and localhost only.", _CLOSE)
            if token is not None and not guard.same_secret(_secret(headers.get("authorization", "")), token):
                _hold_back(self._rules.entries, address)
                raise HTTPException(401, "Send the server's token: Authorization: Bearer ...", {**_CHALLENGE, **_CLOSE})
        if scope["method"] == "POST":
            if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                raise HTTPException(403, "Requests come from this server's own pages, or from no page.", _CLOSE)
            _hold_back(self._rules.questions, address)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._rules.largest:
            raise self._too_large()

    def _counted(self, receive: Receive) -> Receive:
        """Receive a request until it is too long, whatever it says of its length."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._rules.largest:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> HTTPException:
        megabytes = self._rules.largest / 2**20
        return HTTPException(413, f"The request is longer than {megabytes:g} MB.", _CLOSE)


class Logged:
    """Writes a line a request: how, where, what came of it, how long it took; nothing of what was sent or by whom.

    An error that nobody foresaw is told by its kind and its place in the program alone, because its message and its
    traceback could quote the request.

    Args:
        app: The application inside.
        paths: Paths that there are; any other may say anything, and is not written down.
        say: Takes a line.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str], say: Callable[[str], None]) -> None:
        self._app, self._paths, self._say = app, paths, say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, since = 0, time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._say(f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}")
            if not status:
                told = {"error": "The server failed; whoever runs it finds the kind of error in its log."}
                await JSONResponse(told, 500)(scope, receive, noted)
        method = scope["method"] if scope["method"] in _METHODS else "?"
        path = scope["path"] if scope["path"] in self._paths else "(no such page)"
        self._say(f"{method} {path} {status} {time.monotonic() - since:.2f} s")


def _hold_back(limiter: guard.Limiter, address: str) -> None:
    """Refuse with 429 when the bucket of an address is empty."""
    wait = limiter.wait(address)
    if wait:
        seconds = ceil(wait)
        raise HTTPException(429, f"Too many requests; wait {seconds} s.", {"retry-after": str(seconds), **_CLOSE})


def _secret(authorization: str) -> str:
    """The token in a header: after ``Bearer``, or the password after ``Basic``."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""
