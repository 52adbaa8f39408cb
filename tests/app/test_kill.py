"""A server that is killed loses nothing it has acknowledged."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from reading_study import MachineReader, write_run

from osteon.web.create import create

FOUR = "[readers]\nbefore = []\nwashout_days = 0\n" + "".join(f'[[readers.people]]\ncode = "R{i}"\n' for i in range(4))


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Serve in a process of its own, as `osteon readers serve` does."""
    code = (
        "from pathlib import Path; from osteon.web.serve import serve; from osteon.web.transport import Listening; "
        f"serve(Path({str(folder)!r}), Listening(port={port}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=2)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return process
    process.kill()
    raise AssertionError("the server did not start")


def read_until_it_dies(
    port: int, token: str, acknowledged: list[tuple[str, int, float]], name: str, round_: int
) -> None:
    """Answer case after case, again and again; keep what the server says that it has stored."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        reader = MachineReader(client)
        try:
            reader.enter(token)
            for turn in range(10_000):
                position = turn % reader.stage["position"] + 1
                confidence = round((turn * 7.31 + round_) % 100, 3)
                reply = reader.answer(position, confidence=confidence, receipt=f"{round_}-{turn:08d}")
                if reply.status_code == 200:
                    acknowledged.append((name, reply.json()["revision"], confidence))
        except (httpx.TransportError, KeyError):
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_killed_twice_and_nothing_lost(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, FOUR, cases=6))
    links = created.invitations.set_index("person")["link"]
    acknowledged: list[tuple[str, int, float]] = []
    for round_ in range(2):
        port = free_port()
        process = start(created.folder, port)
        threads = [
            threading.Thread(
                target=read_until_it_dies, args=(port, links[name].partition("#")[2], acknowledged, name, round_)
            )
            for name in ("R0", "R1", "R2", "R3")
        ]
        before = len(acknowledged)
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while len(acknowledged) < before + 15 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        for thread in threads:
            thread.join()
        assert len(acknowledged) >= before + 15
    connection = sqlite3.connect(created.folder / "site" / "study.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    stored = set(connection.execute("SELECT reader, revision, confidence FROM reading"))
    receipts = connection.execute("SELECT count(*), count(DISTINCT reader || receipt) FROM reading").fetchone()
    connection.close()
    assert set(acknowledged) <= stored
    assert receipts[0] == receipts[1]
