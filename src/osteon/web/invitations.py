"""Links for the people of a room: given out when it is made, and renewed or ended when it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from sqlalchemy import Connection, select

from osteon.core.errors import InputError, suggest
from osteon.study.protocol import ADMINISTRATOR
from osteon.web import guard
from osteon.web.database import person
from osteon.web.refusal import NotAllowedError


def invite_all(connection: Connection, roles: Mapping[str, str], address: str) -> pd.DataFrame:
    """A link for everybody.

    Args:
        connection: In which they are written.
        roles: Code to what a person is here.
        address: What people type before the rest of their link.

    Returns:
        person, role, link; it can be read this once.
    """
    links = [_link(connection, code, address) for code in roles]
    return pd.DataFrame({"person": list(roles), "role": list(roles.values()), "link": links})


def renew(connection: Connection, code: str, address: str) -> str:
    """Give a person a new link; the old one ends.

    Returns:
        The link; it can be read this once.

    Raises:
        InputError: No such person.
    """
    _refuse_unknown(connection, code)
    return _link(connection, code, address)


def end(connection: Connection, code: str) -> None:
    """End a person's link and sign them out everywhere.

    Raises:
        InputError: No such person.
    """
    _refuse_unknown(connection, code)
    guard.revoke(connection, code)


def known(connection: Connection, code: str, role: str) -> None:
    """Refuse a code from the administrator's page that is nobody's in a role.

    Raises:
        NotAllowedError: Nobody in that role has it.
    """
    if connection.execute(select(person.c.role).where(person.c.code == code)).scalar() != role:
        raise NotAllowedError(f"There is no such {role}.")


def write_private(links: pd.DataFrame, path: Path) -> None:
    """Write a file that nobody else on the machine can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        links.to_csv(handle, index=False, lineterminator="\n")


def _link(connection: Connection, code: str, address: str) -> str:
    return guard.link(address, guard.invite(connection, code), administrator=code == ADMINISTRATOR)


def _refuse_unknown(connection: Connection, code: str) -> None:
    codes = list(connection.execute(select(person.c.code)).scalars())
    if code not in codes:
        raise InputError(f"nobody is called '{code}'", fix=suggest(code, codes))
