"""A reader study as it is served, and who may ask in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from osteon.study.protocol import Readers
from osteon.web import guard
from osteon.web.doors import House, own_page, visitor


@dataclass(frozen=True)
class Site(House):
    """One reader study as it is served; the wash-out is held against its clock.

    Attributes:
        protocol: The rules.
    """

    protocol: Readers = field(default_factory=Readers)


# Dependencies that touch no database are coroutines: those run where they are, others in a thread of their own.


async def the_site(request: Request) -> Site:
    """The site that this application serves."""
    found = request.app.state.site
    assert isinstance(found, Site)
    return found


ThisSite = Annotated[Site, Depends(the_site)]
_FOR_READERS = "This is for readers."
_FOR_ADMINISTRATORS = "This is for the study's administrator."


def known_reader(request: Request, site: ThisSite) -> guard.Visitor:
    """The reader who is signed in in this browser."""
    return visitor(request, site, "reader", {"admin": _FOR_READERS})


def known_administrator(request: Request, site: ThisSite) -> guard.Visitor:
    """The administrator who is signed in in this browser."""
    return visitor(request, site, "admin", {"reader": _FOR_ADMINISTRATORS})


KnownReader = Annotated[guard.Visitor, Depends(known_reader)]
KnownAdministrator = Annotated[guard.Visitor, Depends(known_administrator)]


async def reader(request: Request, who: KnownReader) -> str:
    """The code of the reader who asks."""
    return own_page(request, who)


async def administrator(request: Request, who: KnownAdministrator) -> str:
    """The code of the administrator who asks."""
    return own_page(request, who)


Reader = Annotated[str, Depends(reader)]
Administrator = Annotated[str, Depends(administrator)]
