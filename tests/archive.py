"""A real archive for tests: Orthanc with its DICOMweb plugin, on loopback, empty."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

_PLUGINS = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Archive:
    """A running archive.

    Attributes:
        url: Its REST interface; ``url + "/dicom-web"`` is its DICOMweb root.
        port: Its DICOM port.
        title: Its application entity title.
    """

    url: str
    port: int
    title: str = "ORTHANC"

    @property
    def dicomweb(self) -> str:
        return f"{self.url}/dicom-web"

    def add(self, *paths: Path) -> None:
        """Store files."""
        for path in paths:
            httpx.post(f"{self.url}/instances", content=path.read_bytes()).raise_for_status()

    def headers(self) -> list[dict[str, str]]:
        """The main elements of every object that it holds, by keyword."""
        found = httpx.post(
            f"{self.url}/tools/find", json={"Level": "Instance", "Query": {}, "Expand": True, "Full": False}
        ).json()
        return [httpx.get(f"{self.url}/instances/{one['ID']}/simplified-tags").json() for one in found]

    def empty(self) -> None:
        """Delete everything."""
        for patient in httpx.get(f"{self.url}/patients").json():
            httpx.delete(f"{self.url}/patients/{patient}").raise_for_status()


@contextmanager
def archive(folder: Path, users: dict[str, str] | None = None) -> Iterator[Archive]:
    """Run an archive in an empty folder for as long as the context lasts; skips where Orthanc is not installed.

    Args:
        folder: Where its database goes.
        users: Name to password, where it asks for one.
    """
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None or not _PLUGINS.exists():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed")
    http, dicom = free_port(), free_port()
    told = {
        "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "Plugins": [str(_PLUGINS)],
        "HttpPort": http, "DicomPort": dicom, "DicomAet": "ORTHANC", "RemoteAccessAllowed": False,
        "AuthenticationEnabled": users is not None, "RegisteredUsers": users or {}, "DicomWeb": {"Enable": True},
        "DicomAlwaysAllowStore": True, "UnknownSopClassAccepted": True,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orthanc.json").write_text(json.dumps(told))
    with (folder / "orthanc.log").open("wb") as log:
        running = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            _wait(http, running)
            yield Archive(f"http://127.0.0.1:{http}", dicom)
        finally:
            running.kill()  # it takes seconds to end, and nothing of it is kept
            running.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(port: int, running: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert running.poll() is None, "Orthanc ended"
        time.sleep(0.05)
    raise AssertionError("Orthanc does not answer")
