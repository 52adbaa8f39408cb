"""From the tables of an older osteon to those of this one, step by step.

A step is written once and never changed: it must do the same to a study of that time whatever the tables look like
today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, inspect, text

from osteon.core.errors import InputError

#: What `database.metadata` describes. Raise it with every change there, and add the step that leads to it.
SCHEMA = 2
_TABLE = "schema_version"


@dataclass(frozen=True)
class Schema:
    """The tables of one room's databases, by number.

    Attributes:
        called: What such a database holds.
        version: The schema that this osteon knows.
        steps: From a schema to the next one.
    """

    called: str
    version: int
    steps: Mapping[int, Callable[[Connection], None]] = field(default_factory=dict)


def stamp(connection: Connection, schema: Schema) -> None:
    """Say of tables that were just made that they are of this schema."""
    connection.execute(text(f"INSERT INTO {_TABLE} (id, version) VALUES (1, :version)"), {"version": schema.version})


def version(connection: Connection) -> int:
    """The schema of a reader study's tables; studies of the first one do not say it."""
    if not inspect(connection).has_table(_TABLE):
        return 1
    return int(connection.execute(text(f"SELECT version FROM {_TABLE}")).scalar() or 1)


def upgrade(connection: Connection, schema: Schema) -> bool:
    """Bring a room's tables to this schema, all steps or none, whichever transaction is open.

    Returns:
        Whether anything had to be done.

    Raises:
        InputError: The tables are of a newer osteon.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE study IN ACCESS EXCLUSIVE MODE"))  # one server upgrades, another waits
    found = version(connection)
    refuse_newer(found, schema)
    for step in range(found, schema.version):
        schema.steps[step](connection)
        connection.execute(text(f"UPDATE {_TABLE} SET version = {step + 1}"))
    return found < schema.version


def refuse_newer(found: int, schema: Schema) -> None:
    """Stop at a database that this osteon cannot know.

    Raises:
        InputError: The tables are of a newer osteon.
    """
    if found > schema.version:
        raise InputError(
            f"the {schema.called}'s database was made by a newer osteon (its schema is {found}, this one knows "
            f"{schema.version})",
            fix="Upgrade osteon: pip install --upgrade 'osteon[readers]'.",
        )


def _second(connection: Connection) -> None:
    """Drafts, one writer a reader, changes to the protocol, names of views, and what was chosen after the advice."""
    postgres = connection.dialect.name == "postgresql"
    serial = "SERIAL PRIMARY KEY" if postgres else "INTEGER NOT NULL PRIMARY KEY"
    refused = (
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        if postgres
        else "BEGIN SELECT RAISE(ABORT, 'this table is append-only'); END"
    )
    for statement in (
        f"CREATE TABLE {_TABLE} (id {serial}, version INTEGER NOT NULL)",
        f"INSERT INTO {_TABLE} (id, version) VALUES (1, 1)",
        "ALTER TABLE reading ADD COLUMN acted FLOAT",
        "ALTER TABLE event ADD COLUMN tick FLOAT",
        "ALTER TABLE view ADD COLUMN name TEXT",
        "CREATE TABLE draft (reader VARCHAR(40) NOT NULL, place VARCHAR(40) NOT NULL, content JSON NOT NULL, "
        "room VARCHAR(64) NOT NULL, turn INTEGER NOT NULL, saved_at VARCHAR(32) NOT NULL, "
        "PRIMARY KEY (reader, place), FOREIGN KEY(reader) REFERENCES person (code))",
        "CREATE TABLE pen (reader VARCHAR(40) NOT NULL, room VARCHAR(64) NOT NULL, taken_at VARCHAR(32) NOT NULL, "
        "PRIMARY KEY (reader), FOREIGN KEY(reader) REFERENCES person (code))",
        f"CREATE TABLE protocol_change (id {serial}, setting VARCHAR(40) NOT NULL, before JSON NOT NULL, "
        "after JSON NOT NULL, reason TEXT NOT NULL, person VARCHAR(40) NOT NULL, at VARCHAR(32) NOT NULL)",
        f"CREATE TRIGGER protocol_change_update BEFORE UPDATE ON protocol_change {refused}",
        f"CREATE TRIGGER protocol_change_delete BEFORE DELETE ON protocol_change {refused}",
    ):
        connection.execute(text(statement))


READER_STUDY = Schema("reader study", SCHEMA, {1: _second})
