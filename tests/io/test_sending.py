"""Objects are sent: to a real Orthanc by both protocols, and to destinations that refuse, fail or trust nobody."""

from __future__ import annotations

import gc
import json
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_files import dataset, write
from pydicom.uid import ComprehensiveSRStorage
from pynetdicom import AllStoragePresentationContexts, evt
from typer.testing import CliRunner

from archive import Archive, archive, free_port
from hospital import Port, storing
from osteon.cli import app
from osteon.core.errors import InputError
from osteon.io import read_stored, sending
from osteon.io.objects.finding import Author, Finding
from osteon.io.objects.making import Making
from osteon.io.objects.overlay import overlay
from osteon.io.objects.picture import picture
from osteon.io.objects.region import heat_map, region
from osteon.io.objects.report import report
from osteon.io.objects.source import read_source

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # pynetdicom leaves sockets to the collector
PIXELS = (np.arange(64 * 80).reshape(64, 80) % 251).astype(np.uint16)
STUDY = {"StudyInstanceUID": "1.2.3.1", "SeriesInstanceUID": "1.2.3.2", "PatientID": "SMITH7", "PatientName": "SMITH^J"}


@pytest.fixture(scope="module", autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source") / "x.dcm", dataset(PIXELS, SOPInstanceUID="1.2.3.4.1", **STUDY))


@pytest.fixture(scope="module")
def objects(radiograph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an object of each kind."""
    mask = np.zeros(PIXELS.shape, bool)
    mask[20:40, 10:30] = True
    author = Author("frozen", "ab" * 32, "malignant", {"youden": 0.4}, "Research use only.", False)
    finding = Finding(
        *("c", (10.0, 20.0, 30.0, 40.0), 0.8, (0.7, 0.9), 0.8, {"youden": "malignant"}), mask=mask, heat=mask * 0.5
    )
    making = Making(read_source(radiograph), author, [finding])
    page = np.zeros((64, 48, 3), np.uint8)
    folder = tmp_path_factory.mktemp("results")
    made = (
        report(making), picture(making, page), overlay(making, read_stored(radiograph)), region(making),
        heat_map(making),
    )  # fmt: skip
    for number, one in enumerate(made):
        one.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


def invoked(objects: Path, to: str, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["send", str(objects), "--to", to, *more])
    return done.exit_code, done.output


@pytest.mark.parametrize("protocol", ["STOW-RS", "C-STORE"])
def test_all_objects_land_in_the_study_of_their_radiograph(
    orthanc: Archive, radiograph: Path, objects: Path, protocol: str
) -> None:
    orthanc.add(radiograph)
    to = orthanc.dicomweb if protocol == "STOW-RS" else f"dicom://{orthanc.title}@127.0.0.1:{orthanc.port}"
    for _ in range(2):  # sent twice, they are there once
        status, said = invoked(objects, to)
        assert (status, said.splitlines()[-1]) == (0, "5 objects: 5 sent")
        assert "1.2.3" not in said
        assert "SMITH" not in said
    there = orthanc.headers()
    assert {one["StudyInstanceUID"] for one in there} == {"1.2.3.1"}
    assert sorted(one["Modality"] for one in there) == ["CR", "OT", "PR", "SEG", "SEG", "SR"]
    sent = {pydicom.dcmread(path).SOPInstanceUID for path in objects.iterdir()}
    assert sent == {one["SOPInstanceUID"] for one in there} - {"1.2.3.4.1"}


def test_what_is_no_object_is_refused_and_the_rest_is_sent(orthanc: Archive, radiograph: Path, tmp_path: Path) -> None:
    shutil.copy(radiograph, tmp_path)
    (tmp_path / "note.txt").write_text("SMITH")
    (tmp_path / "half.dcm").write_bytes(radiograph.read_bytes()[:140])
    status, said = invoked(tmp_path, orthanc.dicomweb)
    assert status == 2
    assert said.splitlines()[-1] == "3 objects: 2 refused, 1 sent"
    assert "note.txt: refused (not a DICOM file of one object)" in said
    assert len(orthanc.headers()) == 1


def test_nothing_to_send(tmp_path: Path) -> None:
    to = sending.destination("dicom://A@127.0.0.1:1")
    with pytest.raises(InputError, match="there is no file to send"):
        sending.send([tmp_path], to)
    with pytest.raises(InputError, match="no such file or folder"):
        sending.send([tmp_path / "gone"], to)


@pytest.mark.parametrize(
    "to", ["pacs", "ftp://pacs", "dicom://pacs:104", "dicom://A@pacs", "dicom://A:x@pacs:1", "dicom://A@pacs:99999",
           "dicom://A@pacs:104/x", "dicom://TITLE-OF-17-SIGNS@pacs:1", "https:///dicom-web"]
)  # fmt: skip
def test_what_is_no_destination(to: str) -> None:
    with pytest.raises(InputError):
        sending.destination(to)


def test_passwords_do_not_cross_a_network_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTEON_DICOM_USER", "me")
    monkeypatch.setenv("OSTEON_DICOMWEB_TOKEN", "me")
    for to in ("dicom://A@pacs:104", "http://pacs/dicom-web"):
        with pytest.raises(InputError, match="in the clear"):
            sending.destination(to)


def test_a_password_for_an_archive(tmp_path: Path, radiograph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with archive(tmp_path / "db", {"me": "secret"}) as closed:
        status, said = invoked(radiograph, closed.dicomweb)
        assert status == 2
        assert "refused (the archive refuses access (HTTP 401))" in said
        monkeypatch.setenv("OSTEON_DICOMWEB_USER", "me")
        monkeypatch.setenv("OSTEON_DICOMWEB_PASSWORD", "secret")
        assert invoked(radiograph, closed.dicomweb)[0] == 0


Answer = tuple[int, object]


def failed(reason: int) -> dict[str, object]:
    item = {"00081155": {"vr": "UI", "Value": ["1.2.3.4.1"]}, "00081197": {"vr": "US", "Value": [reason]}}
    return {"00081198": {"vr": "SQ", "Value": [item]}}


@contextmanager
def services(answers: list[Answer]) -> Iterator[tuple[str, list[bytes]]]:
    """DICOMweb that answers as told, the last for ever; 0 for no answer. And what it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, told = answers[min(len(bodies), len(answers)) - 1]
            self.close_connection = True
            if status == 0:
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(told.encode() if isinstance(told, str) else json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dicom-web", bodies
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answers", "outcome", "reason", "tries"),
    [
        pytest.param([(200, {})], "sent", "", 1, id="taken"),
        pytest.param([(200, "<xml/>")], "sent", "", 1, id="taken, in XML"),
        pytest.param([(503, ""), (0, ""), (429, ""), (200, {})], "sent", "", 4, id="taken in the end"),
        pytest.param([(409, failed(0xA700)), (200, {})], "sent", "", 2, id="full for a moment"),
        pytest.param([(503, "")], "unreached", "the archive answers HTTP 503", 5, id="never"),
        pytest.param([(0, "")], "unreached", "no answer (ConnectionError)", 5, id="silent"),
        pytest.param(
            [(409, failed(0x0122))], "refused", "the destination says: SOP class not taken (0122)", 1, id="class"
        ),
        pytest.param(
            [(202, failed(0xC123))], "refused", "the destination says: not understood (C123)", 1, id="reserved"
        ),
        pytest.param(
            [(200, failed(0xA900))], "refused", "the destination says: not of its SOP class (A900)", 1, id="all but"
        ),
        pytest.param([(413, "SMITH")], "refused", "the archive answers HTTP 413", 1, id="too long"),
        pytest.param([(202, "[]")], "refused", "the archive answers HTTP 202", 1, id="reserved, without a word"),
        pytest.param([(202, '[{"00081198": {"Value": [3]}}]')], "refused", "the archive answers HTTP 202", 1, id="odd"),
    ],
)
def test_what_dicomweb_may_answer(
    radiograph: Path, answers: list[Answer], outcome: str, reason: str, tries: int
) -> None:
    with services(answers) as (url, bodies):
        sent = sending.send([radiograph], sending.destination(url), pause=0)
    assert [(one.outcome, one.reason) for one in sent.outcomes] == [(outcome, reason)]
    assert len(bodies) == tries
    assert all(radiograph.read_bytes() in body for body in bodies)
    assert sent.status == {"sent": 0, "refused": 2, "unreached": 75}[outcome]


@pytest.fixture(scope="module")
def pacs() -> Iterator[Port]:
    with storing() as running:
        yield running


def stored(objects: Path, port: int, *, scheme: str = "dicom", called: str = "PACS", host: str = "127.0.0.1") -> Any:
    return sending.send([objects], sending.destination(f"{scheme}://{called}@{host}:{port}"), pause=0)


@pytest.mark.parametrize(
    ("status", "counts", "reason"),
    [
        pytest.param(lambda number: 0xA700 if number < 3 else 0, {"sent": 5}, "", id="out of resources for a moment"),
        pytest.param(lambda number: -1 if number == 2 else 0, {"sent": 5}, "", id="breaks off once"),
        pytest.param(lambda _: 0xB000, {"sent": 5}, "", id="with a warning"),
        pytest.param(lambda number: 0xC001 if number == 2 else 0, {"sent": 4, "refused": 1},
                     "the destination says: not understood (C001)", id="not this one"),
        pytest.param(lambda _: 0xA702, {"unreached": 5}, "the destination is out of resources (A702)", id="full"),
    ],
)  # fmt: skip
def test_what_a_dicom_port_may_answer(
    pacs: Port, objects: Path, status: Callable[[int], int], counts: dict[str, int], reason: str
) -> None:
    pacs.anew(status)
    sent = stored(objects, pacs.port)
    assert sent.counts == counts
    assert reason in {one.reason for one in sent.outcomes}


def test_a_port_that_takes_no_such_objects(objects: Path) -> None:
    only = [one for one in AllStoragePresentationContexts if one.abstract_syntax == ComprehensiveSRStorage]
    with storing(only) as pacs:
        sent = stored(objects, pacs.port)
    assert sent.counts == {"sent": 1, "refused": 4}
    assert len(pacs.taken) == 1


def test_titles_that_a_port_does_not_know(pacs: Port, radiograph: Path) -> None:
    assert "its own title is another one" in str(stored(radiograph, pacs.port, called="OTHER"))
    status, said = invoked(radiograph, f"dicom://PACS@127.0.0.1:{pacs.port}", "--title", "STRANGER")
    assert status == 2
    assert "refused (the destination rejects the association: it does not know the title that osteon calls" in said


def test_where_nobody_listens(radiograph: Path) -> None:
    assert stored(radiograph, free_port()).counts == {"unreached": 1}


def test_over_tls_with_a_certificate_and_a_password(
    radiograph: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutual TLS: the server asks for a certificate too. Who is not to be trusted is not sent anything."""
    seen: list[tuple[bytes, bytes]] = []

    def identify(event: evt.Event) -> tuple[bool, None]:
        seen.append((event.primary_field, event.secondary_field))
        return True, None

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate[0]))
    context.load_cert_chain(*certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setenv("OSTEON_DICOM_USER", "me")
    monkeypatch.setenv("OSTEON_DICOM_PASSWORD", "secret")
    with storing(ssl_context=context, handlers=[(evt.EVT_USER_ID, identify)]) as pacs:
        port = pacs.port
        monkeypatch.setenv("OSTEON_CERTIFICATE", str(certificate[0]))
        monkeypatch.setenv("OSTEON_KEY", str(certificate[1]))
        assert stored(radiograph, port, scheme="dicoms", host="localhost").counts == {"unreached": 1}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        assert stored(radiograph, port, scheme="dicoms").counts == {"unreached": 1}  # it is not called 127.0.0.1
        assert not pacs.taken
        assert stored(radiograph, port, scheme="dicoms", host="localhost").counts == {"sent": 1}
        monkeypatch.delenv("OSTEON_CERTIFICATE")
        assert stored(radiograph, port, scheme="dicoms", host="localhost").counts == {"unreached": 1}
    assert set(seen) == {(b"me", b"secret")}
    assert pacs.taken == ["1.2.3.4.1"]


def test_certificates_that_are_none(radiograph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTEON_CERTIFICATE", str(radiograph))
    with pytest.raises(InputError, match="no certificate with its key"):
        sending.destination("dicoms://A@pacs:104")
