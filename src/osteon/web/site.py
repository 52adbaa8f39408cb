"""What every route knows, and the doors in front of the routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Request
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

    def cookie(self, role: str) -> str:
        """Name of the cookie of a role: a browser can be a reader's and the administrator's at once.

        Over TLS browsers then refuse it from anywhere but this very host.
        """
        name = "osteon" if role == "reader" else "osteon-office"
        return f"__Host-{name}" if self.secure else name


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


def _visitor(request: Request, site: Site, role: str) -> guard.Visitor:
    """Who asks in a role: 401 without a valid cookie, 403 where only the other role is signed in."""
    now = site.clock()
    with site.store.read() as connection:
        cookie = request.cookies.get(site.cookie(role))
        who = guard.visitor(connection, cookie, now)
        other = "admin" if role == "reader" else "reader"
        if who is None and guard.visitor(connection, request.cookies.get(site.cookie(other)), now):
            raise HTTPException(403, _ONLY_FOR[role])
    if who is None or cookie is None or who.role != role:
        raise HTTPException(401, "Please sign in with your invitation link.")
    held_back(site.requests, guard.hashed(cookie))
    from_these_pages(request)
    if now - who.seen_at > _STILL_HERE:
        with site.store.write() as connection:
            connection.execute(update(login).where(login.c.token_hash == guard.hashed(cookie)).values(seen_at=now))
    return who


_ONLY_FOR = {"reader": "This is for readers.", "admin": "This is for the study's administrator."}


def known_reader(request: Request, site: ThisSite) -> guard.Visitor:
    """The reader who is signed in in this browser."""
    return _visitor(request, site, "reader")


def known_administrator(request: Request, site: ThisSite) -> guard.Visitor:
    """The administrator who is signed in in this browser."""
    return _visitor(request, site, "admin")


KnownReader = Annotated[guard.Visitor, Depends(known_reader)]
KnownAdministrator = Annotated[guard.Visitor, Depends(known_administrator)]


def _own_page(request: Request, who: guard.Visitor) -> str:
    """The code of the person whose page sends this; 403 from any other, be it forged or somebody else's by now.

    Looking is held against it as well: one person's page must not show what another one who signed in after them in the
    same browser may see.
    """
    if not guard.same_secret(request.headers.get("x-csrf-token"), who.csrf):
        raise HTTPException(403, "The page is out of date; load it again.")
    return who.code


async def reader(request: Request, who: KnownReader) -> str:
    """The code of the reader who asks."""
    return _own_page(request, who)


async def administrator(request: Request, who: KnownAdministrator) -> str:
    """The code of the administrator who asks."""
    return _own_page(request, who)


Reader = Annotated[str, Depends(reader)]
Administrator = Annotated[str, Depends(administrator)]
#: The name that a browser's window has given itself.
Room = Annotated[str, Header(alias="x-room", pattern=r"^[A-Za-z0-9-]{8,64}$")]
