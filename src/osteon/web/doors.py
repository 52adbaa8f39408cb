"""The doors in front of every room's routes: who asks, from which page, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Annotated, Any

from fastapi import Header, HTTPException, Request
from sqlalchemy import update

from osteon.web import guard
from osteon.web.database import Store, login

Clock = Callable[[], datetime]
_STILL_HERE = timedelta(minutes=2)
#: The name that a browser's window has given itself.
Room = Annotated[str, Header(alias="x-room", pattern=r"^[A-Za-z0-9-]{8,64}$")]


def now_utc() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class House:
    """What every room that is served has.

    Attributes:
        store: The database.
        pictures: The folder of prepared pictures.
        about: Title of the study and what else the pages say about it.
        secure: Pages come over TLS: cookies are sent over nothing else.
        clock: The present moment in UTC.
        requests: Limit for one signed-in browser.
        entries: Limit of wrong attempts to sign in from one address, and of right ones with one invitation.
    """

    store: Store
    pictures: Path
    about: dict[str, Any]
    secure: bool = False
    clock: Clock = now_utc
    requests: guard.Limiter = field(default_factory=lambda: guard.Limiter(burst=200, per_second=20))
    entries: guard.Limiter = field(default_factory=lambda: guard.Limiter(burst=60, per_second=1))

    def cookie(self, role: str) -> str:
        """Name of the cookie of a role: a browser can be a participant's and the administrator's at once.

        Over TLS browsers then refuse it from anywhere but this very host.
        """
        name = "osteon-office" if role == "admin" else "osteon"
        return f"__Host-{name}" if self.secure else name


def held_back(limiter: guard.Limiter, key: str) -> None:
    """Refuse with 429 when the key's bucket is empty."""
    wait = limiter.wait(key)
    if wait:
        raise HTTPException(429, "Too many requests; wait a moment.", {"retry-after": str(ceil(wait))})


def from_these_pages(request: Request) -> None:
    """Refuse what another site's page makes a browser send."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "Requests come from this site's own pages only.")


def visitor(request: Request, house: House, role: str, others: dict[str, str]) -> guard.Visitor:
    """Who asks in a role.

    Args:
        request: What they ask.
        house: The room that is served.
        role: The role that may.
        others: Other roles, and what is said to who is signed in in one of them alone.

    Raises:
        HTTPException: 401 without a valid cookie, 403 where only another role is signed in.
    """
    now = house.clock()
    with house.store.read() as connection:
        cookie = request.cookies.get(house.cookie(role))
        who = guard.visitor(connection, cookie, now)
        for other, message in others.items() if who is None else ():
            if guard.visitor(connection, request.cookies.get(house.cookie(other)), now):
                raise HTTPException(403, message)
    if who is None or cookie is None or who.role != role:
        raise HTTPException(401, "Please sign in with your invitation link.")
    held_back(house.requests, guard.hashed(cookie))
    from_these_pages(request)
    if now - who.seen_at > _STILL_HERE:
        with house.store.write() as connection:
            connection.execute(update(login).where(login.c.token_hash == guard.hashed(cookie)).values(seen_at=now))
    return who


def own_page(request: Request, who: guard.Visitor) -> str:
    """The code of the person whose page sends this; 403 from any other, be it forged or somebody else's by now.

    Looking is held against it as well: one person's page must not show what another one who signed in after them in the
    same browser may see.
    """
    if not guard.same_secret(request.headers.get("x-csrf-token"), who.csrf):
        raise HTTPException(403, "The page is out of date; load it again.")
    return who.code
