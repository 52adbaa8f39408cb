"""The verbs of `osteon readers`, from a run to a report."""

from __future__ import annotations

import json
import shutil
import sqlite3
import ssl
import subprocess
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn
from reading_study import TWO_READERS, Clock, MachineReader, write_run
from typer.testing import CliRunner

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.readers import load, simulate
from osteon.web.commands import app
from osteon.web.database import Store, sqlite_url
from osteon.web.serve import open_store, site_folder
from osteon.web.server import create_app
from osteon.web.transport import Listening, settings
from small_study import drawing

PLAIN = TWO_READERS.replace(
    "[readers]", '[readers]\nadvice = "on-demand"\nwashout_days = 0\nbefore = []\nafter = []'
).replace("washout_days = 28\n", "")


def run(*arguments: object) -> str:
    """A verb; its output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study whose run is finished."""
    write_run(tmp_path, PLAIN, cases=8)
    return tmp_path


def read_everything(run_folder: Path) -> None:
    """Both readers read both sessions: R1 follows the advice, R2 does not look at it."""
    store = Store(sqlite_url(run_folder / "readers" / "site" / "study.db"))
    served = create_app(store, run_folder / "readers" / "site" / "pictures", clock=Clock())
    from fastapi.testclient import TestClient

    links = pd.read_csv(run_folder / "readers" / "invitations.csv").set_index("person")["link"]
    for name in ("R1", "R2"):
        reader = MachineReader(TestClient(served))
        reader.enter(links[name].partition("#")[2])
        for _ in range(2):
            while (stage := reader.stage)["name"] == "reading":
                position = stage["position"]
                call = 1
                if name == "R1" and reader.get(f"cases/{position}").json()["aided"]:
                    call = int(reader.post(f"cases/{position}/advice").json()["positive"])
                reply = reader.answer(position, advised=name == "R1", call=call, confidence=20 + 60 * call)
                assert reply.status_code == 200, reply.text
            reader.post("close", {"session": stage["session"]})
        assert reader.stage["name"] == "done"
    store.close()


def test_from_a_run_to_its_report(study: Path) -> None:
    made = run("create", study / "study.toml")
    assert "7 cases" in made
    assert "holds no labels" in made
    assert "power to find" in made
    read_everything(study / "run")
    assert "readings.csv" in run("export", study / "run", "--imrmc")
    readings = tables.read(study / "run" / "readers" / "readings.csv", tables.READINGS)
    assert len(readings) == 2 * 2 * 7
    follower = readings[(readings["reader"] == "R1") & (readings["arm"] == "aided")]
    assert (follower["call"] == follower["advice"]).all()
    assert readings.loc[readings["reader"] == "R2", "advice_at"].eq("").all()
    back = load(study / "run" / "readers" / "readings.imrmc")
    assert len(back) == len(readings)
    with drawing("reliance"):
        said = run("analyse", study / "run")
    assert "2 readers read up to 7 cases" in said
    assert "Simulated" not in said
    reliance = tables.read(study / "run" / "reliance.csv", tables.RELIANCE)
    own = reliance[(reliance["reader"] == "R1") & (reliance["measure"] == "over-reliance")]
    assert own["value"].item() == 1.0
    page = (study / "run" / "readers.html").read_text(encoding="utf-8")
    assert "Reliance on advice" in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_links_from_the_command_line(study: Path) -> None:
    run("create", study / "study.toml", "--address", "https://reading.example/")
    links = pd.read_csv(study / "run" / "readers" / "invitations.csv")["link"]
    assert links.str.startswith("https://reading.example/").all()
    again = run("invite", study / "run", "R1", "--address", "https://x.example").strip()
    assert again.startswith("https://x.example/#")
    assert again not in set(links)
    run("revoke", study / "run", "R2")
    connection = sqlite3.connect(study / "run" / "readers" / "site" / "study.db")
    hashes = dict(connection.execute("SELECT code, token_hash FROM person"))
    connection.close()
    assert hashes["R2"] is None
    assert hashes["R1"]
    with pytest.raises(InputError, match="nobody is called 'R3'"):
        run("revoke", study / "run", "R3")


def test_simulated_readers_are_labelled_all_the_way(study: Path, tmp_path: Path) -> None:
    run("create", study / "study.toml")
    put_in = run("simulate", tmp_path / "sim.csv", "--run", study / "run", "--readers", "5")
    assert "reliance" in put_in
    readings = load(tmp_path / "sim.csv")
    assert set(readings["simulated"]) == {"1"}
    key = tables.read(study / "run" / "readers" / "key.csv", tables.READING_KEY).drop_duplicates("code")
    assert set(readings["case_id"]) == set(key["case_id"])
    with drawing("reader_roc"):
        assert run("analyse", tmp_path / "sim.csv").startswith("Simulated readers")
    folder = tmp_path / "sim-analysis"
    assert json.loads((folder / "reader_study.json").read_text()) == {"simulated": True, "level": 0.95}
    assert "Simulated readers" in (folder / "readers.html").read_text(encoding="utf-8")


def test_a_foreign_table_becomes_readings(tmp_path: Path) -> None:
    source = tmp_path / "theirs.csv"
    source.write_text("ReaderID,ModalityID,CaseID,Truth,Score\nA,1,7,1,4.5\n")
    run("import", source, tmp_path / "readings.csv")
    assert (tmp_path / "readings.csv").read_text().splitlines()[0] == "reader,arm,case_id,truth,confidence"


def test_columns_can_be_told_and_calls_made(tmp_path: Path) -> None:
    readings = simulate(np.random.default_rng(0), readers=3, cases=40).readings
    plain = readings[["reader", "arm", "case_id", "truth", "confidence"]].rename(columns={"truth": "diagnosis"})
    plain.to_csv(tmp_path / "r.csv", index=False)
    with drawing("reader_gain"):
        said = run(
            "analyse", tmp_path / "r.csv", "--column", "truth=diagnosis", "--threshold", "50", "--out", tmp_path / "out"
        )
    assert "Mean sensitivity" in said
    assert (tmp_path / "out" / "figures" / "reader_gain.svg").is_file()
    with pytest.raises(InputError, match="names no column"):
        run("analyse", tmp_path / "r.csv", "--column", "truth")


def test_an_analysis_leaves_the_same_bytes(tmp_path: Path) -> None:
    run("simulate", tmp_path / "r.csv", "--readers", "4", "--cases", "30")
    for name in ("a", "b"):
        with drawing("reader_gain"):
            run("analyse", tmp_path / "r.csv", "--out", tmp_path / name)
    first, second = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("a", "b")
    )
    assert first == second


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no reader study here"):
        site_folder(tmp_path)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(InputError, match="no such database"):
        open_store(tmp_path)
    empty = Store(sqlite_url(tmp_path / "study.db"))
    with pytest.raises(InputError, match="no reader study"):
        create_app(empty, tmp_path / "pictures")
    empty.close()
    with pytest.raises(InputError, match=r"key\.csv|no key"):
        run("export", tmp_path)


def test_readings_do_not_cross_a_network_in_the_clear_by_accident() -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        here = Listening(host)
        settings(here, "readings")
        assert (here.secure, here.alone) == (False, True)
    with pytest.raises(InputError, match="in the clear"):
        settings(Listening("0.0.0.0"), "readings")
    with pytest.raises(InputError, match="needs its key"):
        settings(Listening("0.0.0.0", certificate=Path("c.pem")), "readings")
    open_to_all = Listening("0.0.0.0", plain_http=True)
    settings(open_to_all, "readings")
    assert (open_to_all.secure, open_to_all.alone) == (False, False)
    behind = Listening("10.0.0.1", behind_proxy=True)
    assert (behind.secure, settings(behind, "readings")["proxy_headers"]) == (True, True)
    assert not Listening("127.0.0.1", behind_proxy=True).alone
    # nobody but a proxy that was announced may say where a request came from
    assert settings(Listening(), "readings")["proxy_headers"] is False


def test_tls(study: Path, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    run("create", study / "study.toml")
    listening = Listening(port=0, certificate=certificate, key=key)
    assert listening.secure
    told = settings(listening, "readings")
    store = open_store(study / "run")
    pictures = site_folder(study / "run") / "pictures"
    server = uvicorn.Server(uvicorn.Config(create_app(store, pictures, secure=True), **told))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    links = pd.read_csv(study / "run" / "readers" / "invitations.csv").set_index("person")["link"]
    trust = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust) as client:
        reader = MachineReader(client)
        reader.enter(links["R1"].partition("#")[2])
        assert reader.stage["name"] == "reading"
        assert list(client.cookies) == ["__Host-osteon"]
        assert "max-age" in client.get("/").headers["strict-transport-security"]
    server.should_exit = True
    thread.join()
    store.close()
