"""Who may come in: tokens, signed-in browsers, forged requests, rate limits and headers."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from osteon.web.database import login, person

#: A signed-in browser that has been idle for longer signs in again.
IDLE = timedelta(hours=12)
#: No request of this application is longer.
LARGEST_BODY = 64 * 1024

_HEAD = "osteon.head"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}


def new_token() -> str:
    """A random token of 256 bits; it is shown once and stored nowhere."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is stored of a token. Tokens are random and long, so a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def link(address: str, token: str, administrator: bool = False) -> str:
    """The invitation as a link; browsers never send what follows the hash sign, so no log holds it."""
    return f"{address.rstrip('/')}/{'admin' if administrator else ''}#{token}"


def invite(connection: Connection, code: str) -> str:
    """Give a person a new link: any earlier one, and every browser signed in with it, is shut out.

    Returns:
        The token. Nobody can read it again.
    """
    token = new_token()
    connection.execute(update(person).where(person.c.code == code).values(token_hash=hashed(token)))
    connection.execute(delete(login).where(login.c.person == code))
    return token


def revoke(connection: Connection, code: str) -> None:
    """Shut a person out, at once and everywhere."""
    connection.execute(update(person).where(person.c.code == code).values(token_hash=None))
    connection.execute(delete(login).where(login.c.person == code))


@dataclass(frozen=True)
class Visitor:
    """A signed-in person."""

    code: str
    role: str
    csrf: str
    seen_at: datetime


def invited(connection: Connection, token: str) -> bool:
    """Whether a token is somebody's invitation."""
    if not _TOKEN.fullmatch(token):
        return False
    return connection.execute(select(person.c.code).where(person.c.token_hash == hashed(token))).first() is not None


def sign_in(connection: Connection, token: str, now: datetime) -> tuple[Visitor, str] | None:
    """Exchange an invitation's token for a browser's own, or None when nobody has that token."""
    if not _TOKEN.fullmatch(token):
        return None
    row = connection.execute(select(person.c.code, person.c.role).where(person.c.token_hash == hashed(token))).first()
    if row is None:
        return None
    cookie, csrf = new_token(), new_token()
    connection.execute(delete(login).where(login.c.seen_at < now - IDLE))
    connection.execute(insert(login).values(token_hash=hashed(cookie), person=row.code, csrf=csrf, seen_at=now))
    return Visitor(row.code, row.role, csrf, now), cookie


def visitor(connection: Connection, cookie: str | None, now: datetime) -> Visitor | None:
    """Who a cookie belongs to."""
    if not cookie or not _TOKEN.fullmatch(cookie):
        return None
    row = connection.execute(
        select(person.c.code, person.c.role, login.c.csrf, login.c.seen_at)
        .join(login, login.c.person == person.c.code)
        .where(login.c.token_hash == hashed(cookie))
    ).first()
    return Visitor(*row) if row and now - row.seen_at < IDLE else None


def sign_out(connection: Connection, cookie: str) -> None:
    """Forget a browser."""
    connection.execute(delete(login).where(login.c.token_hash == hashed(cookie)))


def same_secret(given: str | None, expected: str) -> bool:
    """Compare without telling by the time it takes how much of it was right."""
    return hmac.compare_digest((given or "").encode("utf-8", "surrogateescape"), expected.encode())


class Limiter:
    """So many requests a key within a window; a bucket that refills steadily.

    Args:
        burst: Requests that may come at once.
        per_second: How fast the bucket refills.
        clock: Seconds that never go back.
    """

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, per_second, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str, cost: float = 1.0) -> float:
        """Take from the key's bucket; 0 when there was enough, else the seconds until there will be."""
        with self._lock:
            now = self._clock()
            level, since = self._buckets.pop(key, (self._burst, now))
            level = min(self._burst, level + (now - since) * self._rate)
            enough = level >= cost
            self._buckets[key] = (level - cost if enough else level, now)
            while len(self._buckets) > 10_000:
                self._buckets.popitem(last=False)
            return 0.0 if enough else (cost - level) / self._rate


class Armour:
    """Every answer carries the security headers; no request is longer than it can honestly be.

    Args:
        app: The application inside.
        secure: The pages are served over TLS, so that browsers are told to stay with it.
        largest: Bytes of the longest request; None leaves that to the application inside.
    """

    def __init__(self, app: ASGIApp, secure: bool = False, largest: int | None = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest
        self._headers = {**_HEADERS, **({"strict-transport-security": "max-age=31536000"} if secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = None if self._largest is None else _too_long(dict(scope["headers"]), self._largest)
        if scope["method"] == "HEAD":
            await (refusal or self._app)({**scope, "method": "GET", _HEAD: True}, receive, _bodiless(dressed))
        else:
            await (refusal or self._app)(scope, receive, dressed)


def heads_only(scope: Scope) -> bool:
    """Whether a request asks what a GET would send, but not for it."""
    return bool(scope.get(_HEAD))


def _bodiless(send: Send) -> Send:
    """Send what GET would have sent, but for the body."""

    async def without(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return without


def _too_long(headers: dict[bytes, bytes], largest: int) -> Response | None:
    """The refusal of a request that does not say how long it is, or says that it is too long."""
    if b"transfer-encoding" in headers:
        return JSONResponse({"error": "Say how long the request is."}, 411, {"connection": "close"})
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > largest:
        return JSONResponse({"error": "The request is too long."}, 413, {"connection": "close"})
    return None
