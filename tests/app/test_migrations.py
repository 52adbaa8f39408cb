"""Databases of an older osteon are brought up to date; those of a newer one are refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from reading_study import TWO_READERS, Clock, MachineReader, Served, write_run
from schemas import described, expected

from osteon.core.errors import InputError
from osteon.web import migrations
from osteon.web.create import Created, create
from osteon.web.database import Store, sqlite_url
from osteon.web.export import export
from osteon.web.server import create_app

FIRST = Path(__file__).parents[1] / "references" / "reader_study" / "schema_1_sqlite.sql"
PLAIN = TWO_READERS.replace("[readers]", "[readers]\nbefore = []\nafter = []").replace("draw_box = true\n", "")


@pytest.fixture
def created(tmp_path: Path) -> Created:
    return create(write_run(tmp_path, PLAIN))


def as_the_first(file: Path) -> None:
    """Put a study into the tables of schema 1, with one reading of case 1 by R1."""
    old = file.with_name("old.db")
    with sqlite3.connect(old) as connection:
        connection.executescript(FIRST.read_text(encoding="utf-8"))
        connection.execute("ATTACH DATABASE ? AS now", (str(file),))
        for table in ("study", "person", "login", "reading_case", "view", "task"):
            columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO main.{table} SELECT {columns} FROM now.{table}")
        code, arm = connection.execute(
            "SELECT case_code, arm FROM task WHERE reader = 'R1' AND session = 1 AND position = 1"
        ).fetchone()
        at = "2026-01-05T10:00:{:02d}.000000+00:00"
        connection.execute(
            "INSERT INTO event (reader, kind, session, position, step, at) VALUES ('R1', 'shown', 1, 1, 1, ?)",
            (at.format(1),),
        )
        connection.execute(
            "INSERT INTO reading (reader, session, position, step, case_code, arm, revision, confidence, call, comment,"
            " shown_at, answered_at, seconds, receipt)"
            " VALUES ('R1', 1, 1, 1, ?, ?, 1, 70, 1, 'früher', ?, ?, 8, 'old-one-1')",
            (code, arm, at.format(1), at.format(9)),
        )
    connection.close()
    shutil.move(old, file)


def test_an_older_study_goes_on(created: Created) -> None:
    file = created.folder / "site" / "study.db"
    as_the_first(file)
    store = Store(sqlite_url(file))
    served = Served(created, create_app(store, file.parent / "pictures", clock=Clock()), store, Clock())
    reader = served.reader()
    assert reader.stage["position"] == 2
    reply = reader.answer(1, confidence=90)
    assert (reply.status_code, reply.json()["revision"]) == (200, 2), reply.text
    assert reader.answer(2).status_code == 200
    exported = export(store, created.folder)
    assert exported.revisions["comment"].tolist() == ["früher", "", ""]
    store.close()
    again = Store(sqlite_url(file))  # nothing is done twice
    assert MachineReader(Served(created, create_app(again, file.parent), again, Clock()).client()).enter(
        served.token("R1")
    )
    again.close()


def test_the_upgraded_tables_are_the_new_ones(created: Created) -> None:
    file = created.folder / "site" / "study.db"
    as_the_first(file)
    store = Store(sqlite_url(file))
    assert described(store) == expected()
    with pytest.raises(Exception, match="append-only"), store.write() as connection:
        connection.exec_driver_sql("DELETE FROM reading")
    store.close()


def test_a_newer_study_is_refused_with_a_sentence(created: Created) -> None:
    file = created.folder / "site" / "study.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE schema_version SET version = ?", (migrations.SCHEMA + 1,))
    connection.close()
    with pytest.raises(InputError, match=r"made by a newer osteon .* Upgrade osteon"):
        Store(sqlite_url(file))


def test_a_half_done_upgrade_leaves_the_study_as_it_was(created: Created) -> None:
    """Something in the way of the last statement: nothing of the step is kept, and the reason is told."""
    file = created.folder / "site" / "study.db"
    as_the_first(file)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE protocol_change (id INTEGER)")
    connection.close()
    with pytest.raises(InputError, match=r"cannot be brought up to date \(table protocol_change already exists"):
        Store(sqlite_url(file))
    with sqlite3.connect(file) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert not tables & {"schema_version", "draft", "pen"}


def test_a_protocol_that_is_not_known_is_named(created: Created) -> None:
    file = created.folder / "site" / "study.db"
    with sqlite3.connect(file) as connection:
        told = json.loads(connection.execute("SELECT protocol FROM study").fetchone()[0])
        told["readers"]["colour"] = "blue"
        connection.execute("UPDATE study SET protocol = ?", (json.dumps(told),))
    connection.close()
    store = Store(sqlite_url(file))
    with pytest.raises(InputError, match=r"does not know \(colour\)"):
        create_app(store, file.parent / "pictures")
    store.close()
