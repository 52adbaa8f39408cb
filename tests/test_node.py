"""A node: what it acknowledged it answers once, whatever comes in its way; what it does not take it says."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, EncapsulatedPDFStorage, ExplicitVRLittleEndian
from pynetdicom import AE

import hospital
from archive import Archive, free_port
from hospital import IDENTITY, Port, answer_uid, drawing, node, radiograph, storing, wait_for
from osteon.core.errors import InputError
from osteon.io import sending
from osteon.io.objects.identity import device_uid
from osteon.node.answering import Answering
from osteon.node.health import Health
from osteon.node.queue import Queue, Taken
from osteon.node.settings import Callers, Limits, Listen, Watch, host_and_port
from osteon.pipeline import model_file

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # pynetdicom leaves sockets to the collector


@pytest.fixture(scope="module", autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def _pacs() -> Iterator[Port]:
    with storing() as running:
        yield running


@pytest.fixture
def pacs(_pacs: Port) -> Port:
    _pacs.anew(lambda _: 0)
    return _pacs


def address(port: Port) -> str:
    return f"dicom://PACS@127.0.0.1:{port.port}"


def sent(to: sending.Destination, *paths: Path) -> list[str]:
    """What becomes of each."""
    return [one.outcome for one in sending.send(paths, to, pause=0.01).outcomes]


def test_in_any_order_and_each_once(pacs: Port, tmp_path: Path) -> None:
    """Radiograph first, drawing first, drawn on again, sent again, of another study; a start in between."""
    one, two, three = (radiograph(tmp_path / f"{number}.dcm", number) for number in (1, 2, 3))
    drawn = [drawing(tmp_path / f"d{number}.dcm", number) for number in (1, 2)]
    again = drawing(tmp_path / "again.dcm", 1, further=1)
    strange = drawing(tmp_path / "strange.dcm", 3, StudyInstanceUID="1.2.3.99")
    with node(tmp_path / "node", address(pacs)) as (to, log, _):
        assert sent(to, one, drawn[1], two, drawn[0], three, strange) == ["sent"] * 6
        wait_for(lambda: len(pacs.taken) == 2)
        assert sent(to, one, drawn[0]) == ["sent"] * 2
        assert sent(to, again) == ["sent"]
        wait_for(lambda: len(pacs.taken) == 3)
    assert sum(line.endswith(" again") for line in log) == 2
    assert sorted(pacs.taken) == sorted([answer_uid(1, 0), answer_uid(2, 0), answer_uid(1, 0, 1)])
    with node(tmp_path / "node", address(pacs)) as (to, _, running):
        assert sent(to, one, drawn[0], again) == ["sent"] * 3
        assert running.queue.counts()["to_answer"] == 0
        told = running.told()
    assert len(pacs.taken) == 3
    assert (told["status"], told["answered"], told["sent"], told["without_drawing"]) == ("ok", 2, 3, 1)


def test_drawings_that_come_together_are_answered_together(pacs: Port, tmp_path: Path) -> None:
    paths = [radiograph(tmp_path / "r.dcm", 1), *(drawing(tmp_path / f"{n}.dcm", 1, further=n) for n in range(3))]
    with node(tmp_path / "node", address(pacs), limits=Limits(quiet=0.5, reserve=0)) as (to, _, _):
        sent(to, *paths)
        wait_for(lambda: bool(pacs.taken))
    assert pacs.taken == [answer_uid(1, 0, 1, 2)]


def test_a_destination_that_is_down_and_one_that_refuses(tmp_path: Path) -> None:
    port = free_port()
    with node(tmp_path / "node", f"dicom://PACS@127.0.0.1:{port}") as (to, log, running):
        sent(to, radiograph(tmp_path / "r.dcm", 1), drawing(tmp_path / "d.dcm", 1))
        wait_for(lambda: bool(running.told()["why_not_sent"]))
        with storing(port=port) as late:
            late.anew(lambda number: 0xC001 if number < 3 else 0)
            wait_for(lambda: bool(late.taken))
            assert late.taken == [answer_uid(1, 0)]
            wait_for(lambda: running.told()["to_send"] == 0)
    assert any("object unreached (no association" in line for line in log)
    assert any("refused (the destination says: not understood (C001))" in line for line in log)


# What is not taken: a line for each, nothing kept, and the next is taken.


def test_what_is_no_radiograph_and_draws_nothing(pacs: Port, tmp_path: Path) -> None:
    vendors = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33", "GraphicAnnotationSequence": [], "Modality": "SR"}
    bad = {
        "the modality is CT, not a radiograph": radiograph(tmp_path / "1.dcm", 1, Modality="CT"),
        "the file holds no pixel data": radiograph(tmp_path / "2.dcm", 2, PixelData=b""),
        "the file holds 2 frames": radiograph(tmp_path / "3.dcm", 3, NumberOfFrames=2),
        "no usable SeriesInstanceUID": radiograph(tmp_path / "4.dcm", 4, SeriesInstanceUID=""),
        "a structured report without measurement groups": drawing(tmp_path / "5.dcm", 5, **vendors),
        "it draws nothing": drawing(tmp_path / "6.dcm", 6, GraphicAnnotationSequence=[]),
        "longer than 1 MB": radiograph(tmp_path / "7.dcm", 7, side=740),
    }
    own = drawing(tmp_path / "own.dcm", 8, DeviceUID=device_uid(IDENTITY))
    with node(tmp_path / "node", address(pacs), limits=Limits(largest=2**20, quiet=0, reserve=0)) as (to, log, running):
        assert sent(to, *bad.values()) == ["refused"] * len(bad)
        lines = [line for line in log if line.startswith("OSTEON: refused")]
        assert len(lines) == len(bad)
        for why, line in zip(bad, lines, strict=True):
            assert why in line
        assert sent(to, own) == ["sent"]
        assert running.queue.counts()["objects"] == 0
        assert not list((tmp_path / "node" / "objects").iterdir())
        assert sent(to, radiograph(tmp_path / "r.dcm", 9), drawing(tmp_path / "d.dcm", 9)) == ["sent"] * 2
        wait_for(lambda: bool(pacs.taken))


def associated(to: Any, contexts: list[tuple[str, str]], calling: str = "OSTEON", called: str = "NODE") -> Any:
    ae = AE(calling)
    for kind, syntax in contexts:
        ae.add_requested_context(kind, syntax)
    return ae.associate("127.0.0.1", to.port, ae_title=called)


def test_who_may_not_call_and_what_nobody_takes(pacs: Port, tmp_path: Path) -> None:
    plain = (ComputedRadiographyImageStorage, ExplicitVRLittleEndian)
    with node(tmp_path / "node", address(pacs), allow=["OSTEON", "CT1@192.0.2.1"]) as (to, log, _):
        assert associated(to, [plain], "STRANGER").is_rejected
        assert associated(to, [plain], "CT1").is_rejected
        assert associated(to, [plain], called="OTHER").is_rejected
        kinds = [(CTImageStorage, ExplicitVRLittleEndian), (EncapsulatedPDFStorage, ExplicitVRLittleEndian)]
        for offered in (kinds, [(ComputedRadiographyImageStorage, "1.2.840.10008.1.2.4.999")]):
            assert not associated(to, offered).accepted_contexts
        broken = associated(to, [plain])  # a message that breaks off: half of a P-DATA
        broken.dul.socket.socket.sendall(b"\x04\x00\x00\x00\xff\xff\x00\x00\x00\xff\x01\x03")
        broken.dul.socket.socket.close()
        vast = associated(to, [plain])
        vast.dul.socket.socket.sendall(b"\x04\x00\xff\xff\xff\xff")
        wait_for(lambda: any("more than is taken" in line for line in log))
        ae = AE("OSTEON")
        ae.add_requested_context("1.2.840.10008.1.1")
        echo = ae.associate("127.0.0.1", to.port, ae_title="NODE")
        assert echo.send_c_echo().Status == 0
        echo.release()
        assert sent(to, radiograph(tmp_path / "r.dcm", 1), drawing(tmp_path / "d.dcm", 1)) == ["sent"] * 2
        wait_for(lambda: bool(pacs.taken))
    for line in (
        "STRANGER: rejected, this title may not call from 127.0.0.1",
        "CT1: rejected, this title may not call from 127.0.0.1",
        "OSTEON: rejected, it calls another title than this node's",
        "OSTEON: offers what is not taken: CT Image Storage (not this kind); Encapsulated PDF Storage (not this kind)",
        "OSTEON: offers what is not taken: Computed Radiography Image Storage (not in this transfer syntax)",
        "OSTEON: the association was broken off",
    ):
        assert line in log


def test_over_tls_to_those_with_a_certificate(
    pacs: Port, tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = radiograph(tmp_path / "r.dcm", 1)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with node(tmp_path / "node", address(pacs), certificate=certificate) as (stranger, _, running):
        slow = socket.create_connection(("127.0.0.1", stranger.port))  # shakes no hands, and holds nobody up
        assert sent(stranger, one) == ["unreached"]
        monkeypatch.setenv("OSTEON_CERTIFICATE", str(certificate[0]))
        monkeypatch.setenv("OSTEON_KEY", str(certificate[1]))
        assert sent(sending.destination(f"dicoms://NODE@localhost:{stranger.port}"), one) == ["sent"]
        assert running.queue.counts()["objects"] == 1
        slow.close()


def test_limits_of_number_and_disk_say_later(pacs: Port, tmp_path: Path) -> None:
    one, two = (radiograph(tmp_path / f"{number}.dcm", number) for number in (1, 2))
    with node(tmp_path / "node", address(pacs), limits=Limits(waiting=1, quiet=0, reserve=0)) as (to, log, _):
        assert sent(to, one, two) == ["sent", "unreached"]
        assert sent(to, drawing(tmp_path / "d.dcm", 1)) == ["sent"]
        wait_for(lambda: bool(pacs.taken))
        assert sent(to, two) == ["sent"]
    assert "OSTEON: refused, 1 radiographs wait" in log
    with node(tmp_path / "node", address(pacs), limits=Limits(reserve=2**60)) as (to, log, running):
        assert sent(to, radiograph(tmp_path / "3.dcm", 3)) == ["unreached"]
        assert running.told()["status"] == "the disk is nearly full"


class Broken(hospital.Answers):
    """Cannot use the first radiograph, and fails once at the second."""

    failed = False

    def __call__(self, radiograph: Path, *rest: Any) -> tuple[Path, ...]:
        source = pydicom.dcmread(radiograph)
        instance = source.SOPInstanceUID
        if instance == "1.2.3.1.1" and source.Rows == 40:
            raise InputError("the pixels cannot be decoded", file=radiograph)
        if instance == "1.2.3.2.1" and not self.failed:
            self.failed = True
            raise OSError(28, "SMITH")
        return super().__call__(radiograph, *rest)


def test_what_cannot_be_answered_is_set_aside_or_asked_again(
    pacs: Port, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osteon.node.running.AGAIN", 0.1)
    paths = [make(tmp_path / f"{make.__name__}{n}.dcm", n) for n in (1, 2, 3) for make in (radiograph, drawing)]
    with node(tmp_path / "node", address(pacs), answers=Broken()) as (to, log, running):
        sent(to, *paths)
        wait_for(lambda: len(pacs.taken) == 2)
        wait_for(lambda: running.told()["to_answer"] == 0)
        assert running.told()["why_not_answered"] == {"the pixels cannot be decoded": 1}
        assert sent(to, radiograph(tmp_path / "anew.dcm", 1, side=44)) == ["sent"]  # in another form
        wait_for(lambda: answer_uid(1, 0) in pacs.taken)
        assert running.told()["set_aside"] == 0
        for file in (tmp_path / "node" / "objects").glob("*.dcm"):
            file.unlink()
        assert sent(to, drawing(tmp_path / "late.dcm", 1, further=1)) == ["sent"]
        wait_for(lambda: any(line.endswith("its file is gone; it may be sent again") for line in log))
    assert sum(line.endswith("the pixels cannot be decoded") for line in log) == 1
    assert any("again in 0.1 s: OSError in test_node.py" in line for line in log)


# Crashes, in a process of its own.


def started(
    folder: Path, port: int, to: str, *before: str, quiet: float = 0, reserve: int = 0
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*before, sys.executable, hospital.__file__, str(folder), str(port), to, str(quiet), str(reserve)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return process
    raise AssertionError("it did not start")


def test_killed_and_nothing_lost_and_nothing_twice(pacs: Port, tmp_path: Path) -> None:
    chance, port = random.Random(0), free_port()
    paths = [make(tmp_path / f"{make.__name__}{n}.dcm", n) for n in range(1, 31) for make in (radiograph, drawing)]
    to, left = sending.destination(f"dicom://NODE@127.0.0.1:{port}"), list(paths)
    for kill in (True, True, False):
        process = started(tmp_path / "node", port, address(pacs))
        until = time.monotonic() + chance.uniform(0.1, 0.8)
        while left and not (kill and time.monotonic() > until):
            batch = [sending.read_instance(path) for path in left[:6]]
            left = [
                *(one.path for one in to.attempt(batch) if one.outcome != "sent"), *left[6:],
            ]  # fmt: skip
        if kill:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    expected = {answer_uid(number, 0) for number in range(1, 31)}
    wait_for(lambda: expected <= set(pacs.taken))
    process.kill()
    process.communicate()
    assert set(pacs.taken) == expected  # of each one answer; one sent again is the same object


def test_a_full_disk_is_said_and_lived_through(pacs: Port, tmp_path: Path) -> None:
    """On a file system of 3 MB; what is refused is sent again when there is room, and nothing is half kept."""
    (tmp_path / "node").mkdir()
    room = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size=3m none "$3" && exec "$@"', "-"]
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", str(tmp_path / "node")]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("a file system of one's own cannot be had")
    port = free_port()
    process = started(tmp_path / "node", port, address(pacs), *room)
    inside = Path(f"/proc/{process.pid}/root{tmp_path / 'node'}")
    to = sending.destination(f"dicom://NODE@127.0.0.1:{port}")
    small = [make(tmp_path / f"{make.__name__}.dcm", 1) for make in (radiograph, drawing)]
    big = [make(tmp_path / f"{make.__name__}2.dcm", 2) for make in (radiograph, drawing)]
    radiograph(big[0], 2, side=710)
    try:
        (inside / "ballast").write_bytes(bytes(2_300_000))
        assert sent(to, *big) == ["unreached", "sent"]
        assert not [path for path in (inside / "objects").iterdir() if path.suffix != ".dcm"]
        assert sent(to, *small) == ["sent"] * 2
        wait_for(lambda: pacs.taken == [answer_uid(1, 0)])
        (inside / "ballast").unlink()
        assert sent(to, *big) == ["sent"] * 2
        wait_for(lambda: set(pacs.taken) == {answer_uid(1, 0), answer_uid(2, 0)})
    finally:
        process.kill()
        said, _ = process.communicate()
    assert "OSTEON: refused, it cannot be kept (OSError)" in said


# An archive that is watched, a model of a study, the page, and settings.


def test_an_archive_is_watched_and_gets_its_answers_back(orthanc: Archive, copied: Path, tmp_path: Path) -> None:
    """A model of a run, asked as by hand: a radiograph of a real archive comes back with all results, once."""
    orthanc.add(radiograph(tmp_path / "r.dcm", 1, side=64, StudyDate="20240105"), drawing(tmp_path / "d.dcm", 1))
    answers = Answering(model_file(copied, "frozen"))
    watch = Watch(orthanc.dicomweb, {"StudyDate": "20240101-"}, every=0.2)
    with node(tmp_path / "node", orthanc.dicomweb, watch=watch, answers=answers) as (_, log, running):
        wait_for(lambda: running.told()["sent"] == 4 and sum("answer of osteon's" in line for line in log) == 4)
        there = orthanc.headers()
    assert sorted(one["Modality"] for one in there) == ["CR", "OT", "PR", "PR", "SEG", "SR"]
    assert {(one["StudyInstanceUID"], one["PatientID"]) for one in there} == {("1.2.3.1", "SMITH7")}
    assert running.told is not None


def test_the_page_says_how_it_goes() -> None:
    said: dict[str, Any] = {"status": "ok", "to_answer": 1200, "why_not_sent": {"<no answer>": 2}}
    port = free_port()
    page = Health("127.0.0.1", port, lambda: said)
    try:
        assert httpx.get(f"http://127.0.0.1:{port}/health").json() == said
        shown = httpx.get(f"http://127.0.0.1:{port}/").text
        assert "to answer<td>1,200" in shown
        assert "&lt;no answer&gt;: 2" in shown
        said["status"] = "the disk is nearly full"
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 503
        assert httpx.get(f"http://127.0.0.1:{port}/queue.db").status_code == 404
        with pytest.raises(InputError, match="nothing can listen"):
            Health("127.0.0.1", port, lambda: said)
    finally:
        page.close()


def test_a_folder_is_one_nodes_and_one_models(tmp_path: Path) -> None:
    first = Queue(tmp_path, IDENTITY)
    with pytest.raises(InputError, match="another node works in this folder"):
        Queue(tmp_path, IDENTITY)
    first.close()
    with pytest.raises(InputError, match="of another model"):
        Queue(tmp_path, "cd" * 32)
    Queue(tmp_path, IDENTITY).close()


def test_what_is_old_and_done_goes(tmp_path: Path) -> None:
    queue = Queue(tmp_path, IDENTITY)
    for number in (1, 2, 3):
        queue.add(Taken(f"r{number}", "s", f"r{number}.dcm", None), 0)
    for number in (1, 2):
        queue.add(Taken(f"d{number}", "s", f"d{number}.dcm", frozenset({f"r{number}"})), 0)
    first = queue.next()
    assert first is not None
    queue.answered(first, {"a": "a/1.dcm"})
    assert queue.forget(-1) == (1, ["d1.dcm", "r3.dcm"], [])  # the answer is not sent, the second not answered
    queue.sent("a")
    assert queue.forget(-1) == (0, ["r1.dcm"], ["a/1.dcm"])
    assert queue.forget(60) == (0, [], [])
    queue.close()


def test_settings_that_are_none() -> None:
    with pytest.raises(InputError, match="everybody on the network could send"):
        Listen.at("NODE@:104", Callers({}))
    assert Listen.at("NODE@:104", Callers.parsed(["CT1"])).port == 104
    for said in ("NODE", "NODE@pacs", "@:104", "A-TITLE-OF-17-SIGN@:104", "NODE@:0"):
        with pytest.raises(InputError):
            Listen.at(said, Callers.parsed(["CT1"]))
    with pytest.raises(InputError, match="no address"):
        Callers.parsed(["CT1@nowhere.invalid"])
    callers = Callers.parsed(["CT1@127.0.0.1", "CT2"])
    assert callers.may("CT1", "::ffff:127.0.0.1")
    assert not callers.may("CT1", "127.0.0.2")
    assert callers.may("CT2", "127.0.0.2")
    assert host_and_port("[::1]:8104", "--health", "") == ("::1", 8104)
