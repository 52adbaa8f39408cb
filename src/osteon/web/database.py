"""What the server remembers, in SQLite or PostgreSQL. Readings, answers and events are only ever appended.

Whoever changes a table here raises the schema in :mod:`osteon.web.migrations` and writes the step that leads to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    Column,
    Connection,
    Dialect,
    Engine,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from osteon.core.errors import InputError
from osteon.web import migrations
from osteon.web.migrations import Schema
from osteon.web.turns import Turns


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, kept as ISO 8601 text: the same in both databases, sortable, readable by a person."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To text, always with microseconds so that the order of texts is the order of moments."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """From text."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()
_CODE = String(40)

#: One row: the number of the schema that these tables are of.
schema_version = Table(
    "schema_version", metadata, Column("id", Integer, primary_key=True), Column("version", Integer, nullable=False)
)
#: One row: the protocol as the server needs it.
study = Table("study", metadata, Column("id", Integer, primary_key=True), Column("protocol", JSON, nullable=False))

#: Readers and administrators. A token is kept as its SHA-256 only.
person = Table(
    "person",
    metadata,
    Column("code", _CODE, primary_key=True),
    Column("role", String(10), nullable=False),
    Column("experience", Float),
    Column("token_hash", String(64), unique=True),
)
#: Signed-in browsers.
login = Table(
    "login",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person", _CODE, ForeignKey("person.code"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("seen_at", Instant, nullable=False),
)
#: What is read, and the model's advice on it. There is no column for the truth.
reading_case = Table(
    "reading_case",
    metadata,
    Column("code", _CODE, primary_key=True),
    Column("context", JSON, nullable=False),
    Column("probability", Float),
    Column("threshold", Float),
    Column("advice", Integer),
)
#: The pictures of a case.
view = Table(
    "view",
    metadata,
    Column("case_code", _CODE, ForeignKey("reading_case.code"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("window", JSON, nullable=False),
    Column("spacing", JSON),
    Column("boxes", JSON, nullable=False),
    Column("heatmap", JSON),
    Column("name", Text),
)
#: Who reads what when: in a sequential design a case has two steps.
task = Table(
    "task",
    metadata,
    Column("reader", _CODE, ForeignKey("person.code"), primary_key=True),
    Column("session", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("case_code", _CODE, ForeignKey("reading_case.code"), nullable=False),
    Column("arm", String(10), nullable=False),
)
#: Every answer ever given; the one with the highest revision counts.
reading = Table(
    "reading",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reader", _CODE, ForeignKey("person.code"), nullable=False),
    Column("session", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("case_code", _CODE, nullable=False),
    Column("arm", String(10), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("call", Integer),
    Column("box", JSON),
    Column("comment", Text, nullable=False),
    Column("shown_at", Instant, nullable=False),
    Column("answered_at", Instant, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("advice_at", Instant),
    Column("heatmap_at", Instant),
    Column("receipt", String(64), nullable=False),
    Column("acted", Float),
    UniqueConstraint("reader", "session", "position", "step", "revision"),
    UniqueConstraint("reader", "receipt"),
)
#: Answers to the questionnaires.
answer = Table(
    "answer",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reader", _CODE, ForeignKey("person.code"), nullable=False),
    Column("stage", String(10), nullable=False),
    Column("item", _CODE, nullable=False),
    Column("value", Text, nullable=False),
    Column("answered_at", Instant, nullable=False),
    UniqueConstraint("reader", "stage", "item"),
)
#: What else happened: a case shown, left or answered, advice sent and advice on the screen (``advised``), a heat map
#: seen, a session closed, a questionnaire finished, another window taken. ``tick`` is a clock that is never set.
happening = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reader", _CODE, ForeignKey("person.code"), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("session", Integer),
    Column("position", Integer),
    Column("step", Integer),
    Column("seconds", Float),
    Column("at", Instant, nullable=False),
    Column("tick", Float),
)
#: What a reader has begun to answer and not saved. It counts nowhere, and goes when the answer is stored.
draft = Table(
    "draft",
    metadata,
    Column("reader", _CODE, ForeignKey("person.code"), primary_key=True),
    Column("place", _CODE, primary_key=True),
    Column("content", JSON, nullable=False),
    Column("room", String(64), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("saved_at", Instant, nullable=False),
)
#: Which window a reader writes in: there is one.
pen = Table(
    "pen",
    metadata,
    Column("reader", _CODE, ForeignKey("person.code"), primary_key=True),
    Column("room", String(64), nullable=False),
    Column("taken_at", Instant, nullable=False),
)
#: What the administrator has changed of the protocol since it was made, and why.
protocol_change = Table(
    "protocol_change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("setting", _CODE, nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("person", _CODE, nullable=False),
    Column("at", Instant, nullable=False),
)

_POSTGRES_RULE = """CREATE OR REPLACE FUNCTION append_only() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'this table is append-only'; END $$ LANGUAGE plpgsql"""


def _ddl(text: str) -> DDL:
    return DDL(text)  # type: ignore[no-untyped-call]


event.listen(metadata, "before_create", _ddl(_POSTGRES_RULE).execute_if(dialect="postgresql"))


def append_only(table: Table) -> None:
    """Let the database itself refuse to change or delete a row of a table."""
    for verb in ("UPDATE", "DELETE"):
        head = f"CREATE TRIGGER {table.name}_{verb.lower()} BEFORE {verb} ON {table.name}"
        sqlite = _ddl(f"{head} BEGIN SELECT RAISE(ABORT, 'this table is append-only'); END")
        postgres = _ddl(f"{head} FOR EACH STATEMENT EXECUTE FUNCTION append_only()")
        event.listen(table, "after_create", sqlite.execute_if(dialect="sqlite"))
        event.listen(table, "after_create", postgres.execute_if(dialect="postgresql"))


for _table in (reading, answer, happening, protocol_change):
    append_only(_table)


@dataclass(frozen=True)
class Tables:
    """What one room keeps.

    Attributes:
        schema: Its number, and how older ones are led to it.
        shared: Tables of this module that the room has.
        own: The room's own tables.
        mark: A table by which its databases are known.
    """

    schema: Schema
    shared: tuple[Table, ...]
    own: MetaData
    mark: str


#: What every room has: the study, people, their browsers, windows and drafts, and what happened.
SHARED = (schema_version, study, person, login, happening, draft, pen)
READER_STUDY = Tables(migrations.READER_STUDY, tuple(metadata.sorted_tables), metadata, reading.name)


class Store:
    """A database: `read()` and `write()` give a connection inside one transaction.

    A write is on disk before `write()` ends (SQLite: write-ahead log with synchronous=FULL; PostgreSQL: its default,
    asked for again), so that what is acknowledged afterwards survives a crash of the server or of the machine.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        tables: Whose it is.

    A study of an older osteon is brought to this one's tables when it is opened.

    Raises:
        InputError: The URL is of neither kind, the database cannot be reached, or a newer osteon made it.
    """

    def __init__(self, url: str, tables: Tables = READER_STUDY) -> None:
        self._tables = tables
        try:
            address = make_url(url)
        except ArgumentError:
            raise InputError("the database URL cannot be read", fix=_URL_FIX) from None
        backend = address.get_backend_name()
        if backend == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        elif backend != "sqlite":
            raise InputError(f"'{backend}' is not a database this server knows", fix=_URL_FIX)
        self.engine: Engine = create_engine(address, pool_size=20, max_overflow=20)
        event.listen(self.engine, "connect", _sqlite_connected if backend == "sqlite" else _postgres_connected)
        if backend == "sqlite":
            event.listen(self.engine, "begin", _sqlite_begin)
        self._writing = self.engine.execution_options(osteon_write=True)
        self._turn = Turns() if backend == "sqlite" else nullcontext()
        try:
            with self.engine.connect():
                pass
        except SQLAlchemyError as error:
            raise InputError(f"the database cannot be opened ({_reason(error)})", fix=_URL_FIX) from None
        try:
            if self.has_study():
                self._upgrade()
        except InputError:
            self.close()
            raise

    def _upgrade(self) -> None:
        with self.read() as connection:
            found = migrations.version(connection)
        schema = self._tables.schema
        migrations.refuse_newer(found, schema)
        if found == schema.version:
            return
        try:
            with self.write() as connection:
                migrations.upgrade(connection, schema)
        except SQLAlchemyError as error:
            raise InputError(
                f"the {schema.called}'s database is of an older osteon and cannot be brought up to date "
                f"({_reason(error)})",
                fix="Give the server leave to write there, or make a copy and open that.",
            ) from None

    def create(self) -> None:
        """Make the tables.

        Raises:
            InputError: A study is there already.
        """
        if inspect(self.engine).has_table(study.name):
            raise InputError("the database holds a study already", fix="Use another database, or export it first.")
        metadata.create_all(self.engine, tables=self._tables.shared)
        if self._tables.own is not metadata:
            self._tables.own.create_all(self.engine)
        with self.write() as connection:
            migrations.stamp(connection, self._tables.schema)

    def has_study(self) -> bool:
        """Whether a study of this room was created here."""
        return inspect(self.engine).has_table(self._tables.mark)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One reading transaction."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One writing transaction, committed and on disk when the block ends."""
        with self._turn, self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def _reason(error: SQLAlchemyError) -> str:
    """The database's own words, in one line."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


_URL_FIX = "Write sqlite:///study.db or postgresql://user:password@host/name."


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


def _sqlite_connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    # A write takes its lock at once: a lock taken half-way can be refused without waiting.
    writes = connection.get_execution_options().get("osteon_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_connected(connection: Any, _record: object) -> None:
    connection.execute("SET synchronous_commit = on")
    connection.commit()
