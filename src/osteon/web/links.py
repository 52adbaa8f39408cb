"""What is done where a reader study was created once it runs: read its key, renew and end links, mend its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from sqlalchemy import Connection

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.study.protocol import ADMINISTRATOR
from osteon.web import changes, invitations
from osteon.web.serve import open_store
from osteon.web.sessions import protocol_of


def study_folder(folder: Path) -> Path:
    """The folder with the key, given it or the run.

    Raises:
        InputError: There is none.
    """
    for place in (folder, folder / "readers"):
        if (place / "key.csv").is_file():
            return place
    raise InputError("no key of a reader study here", file=folder, fix="Work where it was created, not on the server.")


def key_of(folder: Path) -> pd.DataFrame:
    """The key of a reader study, given its folder or the run."""
    return tables.read(study_folder(folder) / "key.csv", tables.READING_KEY)


def renew(folder: Path, person_code: str, address: str, database_url: str | None = None) -> str:
    """Give a person a new link; the old one ends.

    Returns:
        The link; it can be read this once.

    Raises:
        InputError: No such person.
    """
    with _writing(folder, database_url) as connection:
        return invitations.renew(connection, person_code, address)


def end(folder: Path, person_code: str, database_url: str | None = None) -> None:
    """End a person's link and sign them out everywhere.

    Raises:
        InputError: No such person.
    """
    with _writing(folder, database_url) as connection:
        invitations.end(connection, person_code)


def change_washout(folder: Path, days: float, reason: str, database_url: str | None = None) -> str:
    """Set another wash-out while the study runs; it is written down with the readings.

    Returns:
        What was changed, in a sentence.

    Raises:
        InputError: There is no wash-out, no such number of days, or no reason.
    """
    with _writing(folder, database_url) as connection:
        before, _ = protocol_of(connection)
        after = changes.change_washout(connection, before, days, reason, ADMINISTRATOR, datetime.now(UTC))
    if before.washout_days == after.washout_days:
        return f"the wash-out is {after.washout_days:g} days already"
    return f"the wash-out was {before.washout_days:g} days and is {after.washout_days:g} days now"


@contextmanager
def _writing(folder: Path, database_url: str | None) -> Iterator[Connection]:
    store = open_store(folder, database_url)
    try:
        with store.write() as connection:
            yield connection
    finally:
        store.close()
