"""The same server on a real PostgreSQL, started for the test; skipped with a message where there is none."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from reading_study import TWO_READERS, Clock, MachineReader, Served, write_run
from schemas import described, expected
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from osteon.core.errors import InputError
from osteon.web.create import create
from osteon.web.database import Store
from osteon.web.export import export
from osteon.web.server import create_app

PLAIN = TWO_READERS.replace("[readers]", "[readers]\nafter = []")


def _program(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(places[0]) if places else shutil.which(name)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of our own; the URL of its server without the name of a database."""
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed")
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="osteon-pg-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            nobody = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    made = subprocess.run(
        [initdb, "-D", str(folder / "data"), "-U", "osteon", "-A", "trust", "-E", "UTF8", "--no-locale"],
        check=False, cwd=folder, **quiet, **as_user,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"PostgreSQL cannot be set up: {made.stderr.decode()[:200]}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [server, "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-c", "fsync=off"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user,
    )  # fmt: skip
    ready = _program("pg_isready") or "pg_isready"
    for _ in range(200):
        if not subprocess.run([ready, "-h", "127.0.0.1", "-p", str(port)], check=False, **quiet).returncode:
            break
    yield f"postgresql://osteon@127.0.0.1:{port}"
    process.terminate()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def served(cluster: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """A reader study in a database of its own."""
    import psycopg

    name = "study_" + "".join(c for c in request.node.name if c.isalnum())[:40].lower()
    with psycopg.connect(f"{cluster}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = f"{cluster}/{name}"
    created = create(write_run(tmp_path / "study", PLAIN), database_url=url)
    assert not (created.folder / "site" / "study.db").exists()
    store, clock = Store(url), Clock()
    yield Served(created, create_app(store, created.folder / "site" / "pictures", clock=clock), store, clock)
    store.close()


def test_a_whole_study(served: Served) -> None:
    for days, sessions in ((0, 1), (29, 2)):
        served.clock.ahead = timedelta(days=days)
        for name in ("R1", "R2"):
            reader = served.reader(name)
            if sessions == 1:
                reader.fill()
            reader.read_session()
    assert reader.stage["name"] == "done"
    exported = export(served.store, served.created.folder)
    assert len(exported.readings) == 20
    assert not exported.readings.duplicated(["reader", "arm", "case_id"]).any()
    assert exported.readings["receptiveness"].tolist() == [3.5] * 20  # 4, 4, 4 and 4 reversed


def test_readings_can_only_be_appended(served: Served) -> None:
    reader = served.reader()
    reader.fill()
    reader.answer(1)
    for statement in ("UPDATE reading SET confidence = 0", "DELETE FROM reading", "DELETE FROM answer"):
        with pytest.raises(DBAPIError, match="append-only"), served.store.write() as connection:
            connection.execute(text(statement))


def test_two_browsers_of_one_reader_do_not_cross(served: Served) -> None:
    """Both revise the same answer at once, taking the pen from each other: all that is stored is stored in order."""
    import threading

    first, second = served.reader(), served.reader()
    second.fill()
    second.answer(1)
    replies: list[int] = []

    def revise(reader: MachineReader, mark: str) -> None:
        for turn in range(6):
            reader.take()
            reply = reader.answer(1, receipt=f"{mark}-{turn:06d}")
            assert reply.status_code in (200, 409, 423), reply.text
            if reply.status_code == 200:
                replies.append(reply.json()["revision"])

    threads = [threading.Thread(target=revise, args=pair) for pair in ((first, "a"), (second, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies
    with served.store.read() as connection:
        stored = connection.execute(text("SELECT revision FROM reading ORDER BY id")).scalars().all()
    assert list(stored) == list(range(1, len(replies) + 2))
    assert sorted(replies) == list(range(2, len(replies) + 2))


def test_an_older_study_is_brought_up_to_date(cluster: str) -> None:
    import psycopg

    from osteon.web import migrations

    first = Path(__file__).parents[1] / "references" / "reader_study" / "schema_1_postgresql.sql"
    with psycopg.connect(f"{cluster}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE older")
    with psycopg.connect(f"{cluster}/older", autocommit=True) as connection:
        connection.execute(first.read_text(encoding="utf-8").encode())
        connection.execute("""INSERT INTO study (protocol) VALUES ('{"readers": {}, "title": "T"}')""")
        connection.execute("INSERT INTO person VALUES ('R1', 'reader', 3, NULL)")
        connection.execute(
            "INSERT INTO reading (reader, session, position, step, case_code, arm, revision, confidence, comment, "
            "shown_at, answered_at, seconds, receipt) VALUES ('R1', 1, 1, 1, 'c', 'aided', 1, 50, '', %s, %s, 2, 'r')",
            ("2026-01-05T10:00:01.000000+00:00", "2026-01-05T10:00:03.000000+00:00"),
        )
    store = Store(f"{cluster}/older")
    assert described(store) == expected()
    with store.read() as connection:
        assert connection.execute(text("SELECT seconds, acted FROM reading")).one() == (2.0, None)
    for table in ("reading", "protocol_change"):
        with pytest.raises(DBAPIError, match="append-only"), store.write() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
    with store.write() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    store.close()
    with pytest.raises(InputError, match=f"its schema is 99, this one knows {migrations.SCHEMA}"):
        Store(f"{cluster}/older")


def test_unreachable_databases_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        Store("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(InputError, match="not a database this server knows"):
        Store("mysql://x@y/z")
    with pytest.raises(InputError, match="cannot be read"):
        Store("what?")


def test_the_password_is_not_repeated() -> None:
    with pytest.raises(InputError) as error:
        Store("postgresql://nobody:hush-hush@127.0.0.1:1/none")
    assert "hush-hush" not in str(error.value)


def test_an_annotation(cluster: str, tmp_path: Path) -> None:
    """Annotated, adjudicated, exported; what was saved can only be appended to."""
    import psycopg
    from annotation import PROTOCOL, Desk, content, table

    from osteon.web.annotating.create import create as create_annotation
    from osteon.web.annotating.export import export as export_annotation
    from osteon.web.annotating.tables import ANNOTATION

    with psycopg.connect(f"{cluster}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE annotation")
    url = f"{cluster}/annotation"
    made = create_annotation(table(tmp_path, cases=1), tmp_path / "annotation", PROTOCOL, database_url=url)
    served = Desk(made, Store(url, ANNOTATION))
    for person, box in (("A1", (30, 40, 60, 80)), ("A2", (45, 40, 75, 80)), ("J", (30, 40, 70, 80))):
        assert served.person(person).save(1, content(box)).status_code == 200
    with pytest.raises(DBAPIError, match="append-only"), served.store.write() as connection:
        connection.execute(text("DELETE FROM annotation"))
    with pytest.raises(InputError, match="holds a study already"):
        served.store.create()
    served.store.close()
    found = export_annotation(made.folder, tmp_path / "out", database_url=url)
    assert found.cohort[["x0", "x1", "annotated"]].to_numpy().tolist() == [[30, 70, "adjudicated"]]
