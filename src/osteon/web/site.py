"""What every route knows, and the doors in front of the routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from sqlalchemy import update

from osteon.study.protocol import Readers
from osteon.web import guard
from osteon.web.database import Store, login

Clock = Callable[[], datetime]
_STILL_HERE = timedelta(minutes=2)


def now_utc() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Site:
    """One reader study as it is served.

    Attributes:
        store: The database.
        pictures: The folder of prepared pictures.
        protocol: The rules.
        about: Title of the study and what else the pages say about it.
        secure: Pages come over TLS: cookies are sent over nothing else.
        clock: The present moment in UTC; the wash-out is held against it.
        requests: Limit for one signed-in browser.
        entries: Limit of attempts to sign in from one address.
    """

    store: Store
    pictures: Path
    protocol: Readers
    about: dict[str, Any]
    secure: bool = False
    clock: Clock = now_utc
    requests: guard.Limiter = field(default_factory=lambda: guard.Limiter(burst=200, per_second=20))
    entries: guard.Limiter = field(default_factory=lambda: guard.Limiter(burst=60, per_second=1))

    @property
    def cookie(self) -> str:
        """Name of the cookie; over TLS browsers then refuse it from anywhere but this very host."""
        return "__Host-osteon" if self.secure else "osteon"


# Dependencies that touch no database are coroutines: those run where they are, others in a thread of their own.


async def the_site(request: Request) -> Site:
    """The site that this application serves."""
    found = request.app.state.site
    assert isinstance(found, Site)
    return found


ThisSite = Annotated[Site, Depends(the_site)]


def held_back(limiter: guard.Limiter, key: str) -> None:
    """Refuse with 429 when the key's bucket is empty."""
    wait = limiter.wait(key)
    if wait:
        raise HTTPException(429, "Too many requests; wait a moment.", {"retry-after": str(ceil(wait))})


def from_these_pages(request: Request) -> None:
    """Refuse what another site's page makes a browser send."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "Requests come from this site's own pages only.")


def signed_in(request: Request, site: ThisSite) -> guard.Visitor:
    """Who asks: 401 without a valid cookie, 403 for a change without the browser's own CSRF token."""
    cookie = request.cookies.get(site.cookie)
    now = site.clock()
    with site.store.read() as connection:
        who = guard.visitor(connection, cookie, now)
    if who is None or cookie is None:
        raise HTTPException(401, "Please sign in with your invitation link.")
    held_back(site.requests, guard.hashed(cookie))
    if request.method != "GET":
        from_these_pages(request)
        if not guard.same_secret(request.headers.get("x-csrf-token"), who.csrf):
            raise HTTPException(403, "The page is out of date; load it again.")
    if now - who.seen_at > _STILL_HERE:
        with site.store.write() as connection:
            connection.execute(update(login).where(login.c.token_hash == guard.hashed(cookie)).values(seen_at=now))
    return who


async def reader(who: Annotated[guard.Visitor, Depends(signed_in)]) -> str:
    """The code of the reader who asks."""
    if who.role != "reader":
        raise HTTPException(403, "This is for readers.")
    return who.code


async def administrator(who: Annotated[guard.Visitor, Depends(signed_in)]) -> str:
    """The code of the administrator who asks."""
    if who.role != "admin":
        raise HTTPException(403, "This is for the study's administrator.")
    return who.code


SignedIn = Annotated[guard.Visitor, Depends(signed_in)]
Reader = Annotated[str, Depends(reader)]
