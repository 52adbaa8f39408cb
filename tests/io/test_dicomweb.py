"""Import from an archive: a real Orthanc, and a bad line to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pydicom
import pytest
from dicom_files import dataset, write
from highdicom import pr
from typer.testing import CliRunner

from archive import Archive, archive, free_port
from osteon.cli import app
from osteon.core.errors import InputError
from osteon.io import dicomweb
from osteon.io.objects.source import read_source

QUERY = {"PatientID": "SMITH7"}


@pytest.fixture
def study(orthanc: Archive, tmp_path: Path) -> Archive:
    """An archive with two radiographs of one patient, a box on the first, a CT image, and somebody else."""
    values = (np.arange(64 * 80).reshape(64, 80) % 251).astype(np.uint16)
    where = {"StudyInstanceUID": "1.2.3.1", "PatientID": "SMITH7", "PatientName": "SMITH^JOHN"}
    first = write(tmp_path / "1.dcm", dataset(values, SOPInstanceUID="1.2.3.4.1", SeriesInstanceUID="1.2.3.2", **where))
    second = {"SOPInstanceUID": "1.2.3.4.2", "SeriesInstanceUID": "1.2.3.3", "Modality": "DX"}
    corners = np.array([(8.0, 16), (40, 16), (40, 48), (8, 48), (8, 16)])
    drawn = pr.GraphicObject(pr.GraphicTypeValues.POLYLINE, corners, pr.AnnotationUnitsValues.PIXEL)
    source, layer = read_source(first), pr.GraphicLayer("L", order=1)
    pr.GrayscaleSoftcopyPresentationState(
        [source], "1.2.3.5", 5, "1.2.3.5.1", 1, "Other", "Viewer", "1", "1", content_label="X", graphic_layers=[layer],
        graphic_annotations=[pr.GraphicAnnotation([source], layer, graphic_objects=[drawn])],
    ).save_as(tmp_path / "3.dcm", enforce_file_format=True)  # fmt: skip
    ct = {"SOPInstanceUID": "1.2.3.4.9", "SeriesInstanceUID": "1.2.3.9", "Modality": "CT"}
    other = {"StudyInstanceUID": "1.2.8.1", "SeriesInstanceUID": "1.2.8.2", "PatientID": "JONES1"}
    orthanc.add(
        first,
        write(tmp_path / "2.dcm", dataset(values + 1, **where | second)),
        tmp_path / "3.dcm",
        write(tmp_path / "4.dcm", dataset(values, **where | ct)),
        write(tmp_path / "5.dcm", dataset(values, SOPInstanceUID="1.2.8.4", **other)),
    )
    return orthanc


def outcomes(out: Path) -> list[str]:
    return sorted(pd.read_csv(out / "fetched.csv")["outcome"])


def test_an_archive_becomes_a_cohort_table(study: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = CliRunner().invoke(app, ["import", "dicomweb", study.dicomweb, str(out), "--query", "PatientID=SMITH7"])
    assert said.exit_code == 0, said.output
    assert "3 fetched; series of other modalities were left: 1 CT" in " ".join(said.output.split())
    cohort = pd.read_csv(out / "cohort.csv", keep_default_na=False)
    assert sorted(cohort["x0"]) == ["", "8.0"]
    assert cohort.loc[cohort["x0"] == "8.0", ["y0", "x1", "y1"]].to_numpy(float).tolist() == [[16, 40, 48]]
    stored = {pydicom.dcmread(out / name).SOPInstanceUID for name in cohort["image"]}
    assert stored == {"1.2.3.4.1", "1.2.3.4.2"}
    for table in out.glob("*.csv"):
        assert not any(word in table.read_text() for word in ("SMITH", "1.2.3"))
    assert not any(word in said.output for word in ("SMITH", "1.2.3.4"))


def test_what_is_here_is_not_fetched_again(study: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dicomweb.fetch(study.dicomweb, out, QUERY)
    files = sorted((out / "dicom").iterdir())
    before = [path.read_bytes() for path in files]
    files[1].unlink()
    (out / "dicom" / "left").write_bytes(b"")
    again = dicomweb.fetch(study.dicomweb, out, QUERY)
    assert again.outcomes == {"here already": 2, "fetched": 1}
    assert [path.read_bytes() for path in files] == before


@contextmanager
def line(to: Archive, spoil: Callable[[int, str], int]) -> Iterator[str]:
    """A proxy before an archive; `spoil` takes the number and path of a request and gives a status instead, 1 to
    break off, 2 to send something else, -1 for no answer, 0 for the archive's."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status = spoil(len(asked), self.path)
            if status < 0:
                self.close_connection = True  # without a word
                return
            headers = {"Accept": self.headers["Accept"]}
            found = httpx.get(to.url + self.path, headers=headers)
            content = found.content.replace(b"DICM", b"XXXX") if status == 2 else found.content
            content = content[: len(content) // 2] if status == 1 else content
            self.send_response(status if status > 2 else found.status_code)
            self.send_header("Content-Type", found.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = status == 1

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dicom-web"
    finally:
        server.shutdown()
        server.server_close()


def test_a_bad_line_is_asked_again(study: Archive, tmp_path: Path) -> None:
    """Every other request fails: an overloaded archive, a line that breaks."""
    with line(study, lambda number, _: (0, 503, 0, -1, 0, 1)[number % 6]) as url:
        assert dicomweb.fetch(url, tmp_path / "out", QUERY, pause=0).outcomes == {"fetched": 3}


def test_what_cannot_be_fetched_is_said_and_goes_on_where_it_stopped(study: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        line(study, lambda _, path: 503 if path.endswith("/instances/1.2.3.4.2") else 0) as url,
        pytest.raises(InputError, match=r"1 of 3 objects could not be fetched.*goes on where it stopped"),
    ):
        dicomweb.fetch(url, out, QUERY, pause=0)
    assert outcomes(out) == ["fetched", "fetched", "missing"]
    assert dicomweb.fetch(study.dicomweb, out, QUERY).outcomes == {"here already": 2, "fetched": 1}


def test_what_an_archive_refuses_or_damages_is_said_and_left(study: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def spoil(_: int, path: str) -> int:
        return {"1.2.3.4.2": 410, "1.2.3.5.1": 2}.get(path.rpartition("/")[2], 0)

    with line(study, spoil) as url:
        assert dicomweb.fetch(url, out, QUERY, pause=0).outcomes == {"fetched": 1, "refused": 2}
    reasons = pd.read_csv(out / "fetched.csv", keep_default_na=False)["reason"]
    assert "the archive answers HTTP 410" in set(reasons)
    assert any(reason.startswith("what the archive sends is damaged") for reason in reasons)
    assert len(list((out / "dicom").iterdir())) == 1


def test_passwords_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with archive(tmp_path / "db", {"me": "secret"}) as closed:
        with pytest.raises(InputError, match=r"refuses access \(HTTP 401\).*OSTEON_DICOMWEB_USER"):
            dicomweb.fetch(closed.dicomweb, tmp_path, QUERY)
        monkeypatch.setenv("OSTEON_DICOMWEB_USER", "me")
        monkeypatch.setenv("OSTEON_DICOMWEB_PASSWORD", "secret")
        with pytest.raises(InputError, match="finds no radiograph"):
            dicomweb.fetch(closed.dicomweb, tmp_path, QUERY)
    with pytest.raises(InputError, match="sent in the clear"):
        dicomweb.connect("http://pacs.example/dicom-web")


def refused_at(url: str, match: str, folder: Path) -> None:
    with pytest.raises(InputError, match=match) as refused:
        dicomweb.fetch(url, folder, QUERY, pause=0)
    assert "SMITH" not in str(refused.value)


def test_what_is_no_address(tmp_path: Path) -> None:
    refused_at("pacs.example", "not the address of an archive", tmp_path)


def test_where_there_is_no_archive(tmp_path: Path) -> None:
    refused_at(f"http://127.0.0.1:{free_port()}", r"no answer \(ConnectionError\)", tmp_path)


def test_an_address_without_the_services_is_told(study: Archive, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"HTTP 404.*Check the address"):
        dicomweb.fetch(f"{study.url}/nothing", tmp_path, QUERY)


@pytest.mark.parametrize("said", [[], ["Modality=DX"], ["PatientID="], ["PatientID"]])
def test_queries_that_are_none(said: list[str]) -> None:
    with pytest.raises(InputError):
        dicomweb.parsed_query(said)
    assert dicomweb.parsed_query(["StudyDate=20200101-20201231", "PatientID=A=B"])["PatientID"] == "A=B"
