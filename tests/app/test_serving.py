"""A served model: a radiograph and a box over HTTP, and what does not get through the doors."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import sys
import tempfile
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dicom_files
import httpx
import numpy as np
import pandas as pd
import pytest
from browsing import Page, listening
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from typer.testing import CliRunner

from osteon import cli, study
from osteon.core.errors import InputError
from osteon.pipeline import FIT, Model, Prediction, export, load, walk
from osteon.web import leaflet, serving
from osteon.web.gate import Rules
from osteon.web.guard import Limiter
from osteon.web.transport import Listening
from small_study import STUDY, make

HEAD, FROZEN, *_, COMBINED = STUDY.split("[[models]]")
TOKEN = "correct-horse-battery"
BOX = "20,18,44,40"


@dataclass(frozen=True)
class Exported:
    """Two models, and the radiographs that they were made from."""

    folder: Path
    frozen: Model
    combined: Model

    @property
    def image(self) -> Path:
        return self.folder / "study" / "images" / "B00-frontal.png"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A network, and a model that reads columns beside it."""
    folder = tmp_path_factory.mktemp("serving")
    path = make(folder / "study", patients=12, study="[[models]]".join((HEAD, FROZEN, COMBINED)))
    cohort = pd.read_csv(path.parent / "cohort.csv")
    cohort.loc[cohort.index % 5 == 0, "age"] = np.nan
    cohort.to_csv(path.parent / "cohort.csv", index=False)
    walk(FIT, study.load(path))
    for name in ("frozen", "combined"):
        export(path, name, folder / f"{name}.osteon")
    return Exported(folder, load(folder / "frozen.osteon"), load(folder / "combined.osteon"))


@dataclass
class Server:
    """A served model, and what it has written down."""

    app: FastAPI
    log: list[str]

    def client(self, address: str = "127.0.0.1") -> TestClient:
        return TestClient(
            self.app, base_url="http://127.0.0.1:8080", client=(address, 5), raise_server_exceptions=False
        )

    def ask(self, radiograph: bytes | None, *, mask: bytes | None = None, name: str = "x", **parts: Any) -> Any:
        files = {"radiograph": radiograph, "mask": mask}
        sent = {part: (name, content) for part, content in files.items() if content is not None}
        return self.client().post("/predict", files=sent or None, data=parts)


def served(model: Any, *, largest: int = 2**20, per_minute: float = 1000, token: str | None = None) -> Server:
    log: list[str] = []
    rules = Rules(largest, token, Limiter(per_minute, per_minute / 60, clock=lambda: 0.0))
    return Server(serving.create_app(model, rules, say=log.append), log)


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that temporary files go into."""
    folder = tmp_path / "private"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def picture(shape: tuple[int, int] = (80, 72), form: str = "PNG") -> bytes:
    held = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)
    Image.fromarray(pixels).save(held, format=form)
    return held.getvalue()


def agrees(told: dict[str, Any], said: Prediction, name: str) -> None:
    """The reply says what Python says, to the last bit, and what kind of thing says it."""
    expected = asdict(said)
    for spread in ("folds", "boxes"):
        expected[spread] = dict(zip(("sd", "low", "high"), expected[spread], strict=True))
    if np.isnan(expected["boxes"]["low"]):
        expected["boxes"] = None
    expected = {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in expected.items()}
    expected["imputed"] = list(expected["imputed"])
    assert told == expected | {"name": name, "notice": "Research use only; not a medical device."}


# --- answers --------------------------------------------------------------------------------------------------------


def test_an_answer_is_what_python_says(exported: Exported, private: Path) -> None:
    server = served(exported.frozen)
    reply = server.ask(exported.image.read_bytes(), box=BOX, unsteady="3")
    assert reply.status_code == 200, reply.text
    said = exported.frozen.predict(exported.image, box=(20, 18, 44, 40), unsteady=3)
    agrees(reply.json(), said, "frozen")
    assert reply.json()["boxes"]["low"] < reply.json()["boxes"]["high"]
    assert reply.json()["model"] == exported.frozen.identity
    assert server.log == [f"POST /predict 200 {server.log[0].split()[-2]} s"]
    assert list(private.iterdir()) == []


def test_a_mask_gives_its_box_and_columns_are_read(exported: Exported) -> None:
    mask = np.zeros((80, 72), np.uint8)
    mask[18:40, 20:44] = 255
    held = io.BytesIO()
    Image.fromarray(mask).save(held, format="PNG")
    server = served(exported.combined)
    told = {}
    for columns in ({"age": 61}, {"age": "61.0"}, {"age": None}):
        reply = server.ask(exported.image.read_bytes(), mask=held.getvalue(), columns=json.dumps(columns))
        assert reply.status_code == 200, reply.text
        said = exported.combined.predict(exported.image, box=(20, 18, 44, 40), columns={"age": columns["age"] or ""})
        agrees(reply.json(), said, "combined")
        told[columns["age"]] = reply.json()
    assert told[61] == told["61.0"]
    assert (told[61]["imputed"], told[None]["imputed"]) == ([], ["age"])
    assert told[61]["probability"] != told[None]["probability"]


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "BMP"])
def test_other_forms_of_picture_are_read(exported: Exported, form: str) -> None:
    assert served(exported.frozen).ask(picture(form=form), box=BOX).status_code == 200


# --- bad input ------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no file": ({"radiograph": None, "box": BOX}, 415, "multipart/form-data"),
    "no picture": ({"radiograph": b"%PDF-1.7 ..."}, 415, "PDF document"),
    "an empty file": ({"radiograph": b""}, 415, "empty"),
    "a mask that is text": ({"mask": b"inside"}, 415, "text file"),
    "a truncated picture": ({"radiograph": picture()[:900]}, 422, "truncated"),
    "no box": ({"box": None}, 422, "neither a box nor a mask"),
    "three numbers": ({"box": "1,2,3"}, 422, "not four numbers"),
    "no numbers": ({"box": "1,2,nan,inf"}, 422, "not four numbers"),
    "inside out": ({"box": "40,2,30,20"}, 422, "inside out"),
    "outside": ({"box": "400,200,500,300"}, 422, "outside its radiograph of 72 x 80 pixels"),
    "a mask of another size": ({"box": None, "mask": picture((8, 8))}, 422, "the mask has 8 x 8 pixels"),
    "columns that are no object": ({"columns": "[1]"}, 422, "no JSON object"),
    "columns too deep": ({"columns": "[" * 100_000}, 422, "no JSON object"),
    "a column too many": ({"columns": '{"patient": "Smith"}'}, 422, "It reads none"),
    "too many boxes": ({"unsteady": "65"}, 422, "from 0 to 64"),
    "no number of boxes": ({"unsteady": "Smith"}, 422, "from 0 to 64"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(exported: Exported, private: Path, case: str) -> None:
    parts, status, sentence = BAD[case]
    server = served(exported.frozen)
    parts = {"radiograph": picture(), "box": BOX} | parts
    reply = server.ask(**{name: value for name, value in parts.items() if value is not None or name == "radiograph"})
    assert (reply.status_code, list(reply.json())) == (status, ["error"]), reply.text
    error = reply.json()["error"]
    assert sentence in error
    assert error.endswith(".")
    assert not any(word in error for word in (str(private), "osteon-", "Traceback", "--box", "--table", "Smith"))
    assert server.log == [f"POST /predict {status} {server.log[0].split()[-2]} s"]
    assert list(private.iterdir()) == []


def test_a_radiograph_that_is_no_file_and_columns_that_are_absent(exported: Exported) -> None:
    client = served(exported.frozen).client()
    reply = client.post("/predict", files={"mask": ("x", picture())}, data={"radiograph": "here it is"})
    assert (reply.status_code, "as the file 'radiograph'" in reply.json()["error"]) == (422, True)
    server = served(exported.combined)
    for columns in ("", '{"Age": 3}'):
        reply = server.ask(picture(), box=BOX, columns=columns)
        assert reply.status_code == 422
        assert "reads the column 'age'" in reply.json()["error"]


def test_a_picture_that_unpacks_to_more_than_a_radiograph_is_refused(exported: Exported) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**7))) + chunk(b"IEND", b"")
    assert len(bomb) < 50_000
    reply = served(exported.frozen).ask(bomb, box=BOX)
    assert reply.status_code == 422
    assert "too large for a radiograph" in reply.json()["error"]


def test_nothing_of_a_patient_is_said_or_written(
    exported: Exported, private: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (80, 72)).astype(np.uint16)
    told = {"PatientName": "Smith^Mary", "PatientID": "4711", "PatientBirthDate": "19500102", "StudyDate": "20240102"}
    whole = dicom_files.write(tmp_path / "film.dcm", dicom_files.dataset(pixels, bits=12, **told)).read_bytes()
    odd = dicom_files.dataset(pixels, bits=12, WindowCenter="10", WindowWidth="20", **told)
    odd.Modality = "MR"
    server = served(exported.frozen)
    texts = []
    for content in (whole, whole[:4000], dicom_files.write(tmp_path / "odd.dcm", odd).read_bytes()):
        reply = server.ask(content, name="Smith_Mary_4711.dcm", box=BOX)
        texts.append(reply.text)
    statuses = [line.split()[2] for line in server.log]
    assert statuses == ["200", "422", "422"]
    server.client().get("/Smith/4711?patient=Smith")
    server.client().request("SMITH", "/predict")
    assert [line.split(" ", 2)[:2] for line in server.log[3:]] == [["GET", "(no"], ["?", "/predict"]]
    out = capfd.readouterr()
    written = "\n".join([*texts, *server.log, out.out, out.err])
    for secret in ("Smith", "Mary", "4711", "1950", "2024", "film", ".dcm", BOX, str(private), "testclient"):
        assert secret not in written
    assert list(private.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere, open files need names")
def test_what_was_sent_has_no_name_on_the_disk(
    exported: Exported, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is killed leaves no radiograph."""
    seen, predict = [], Model.predict

    def watched(*args: Any, **named: Any) -> Prediction:
        seen.append(list(private.iterdir()))
        return predict(*args, **named)

    monkeypatch.setattr(Model, "predict", watched)
    assert served(exported.frozen).ask(picture(), box=BOX).status_code == 200
    assert seen == [[]]


def in_a_thread(course: Any) -> Any:
    """Run a coroutine where no browser's loop runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, course).result()


# --- doors ----------------------------------------------------------------------------------------------------------


def test_a_request_that_is_too_long_is_refused_before_it_is_read(exported: Exported) -> None:
    server = served(exported.frozen, largest=100_000)
    assert server.ask(bytes(100_001), box=BOX).status_code == 413
    received, replies = 0, []

    async def receive() -> dict[str, Any]:  # for ever, and of a length that it does not say
        nonlocal received
        start = b'--edge\r\nContent-Disposition: form-data; name="radiograph"; filename="x"\r\n\r\n'
        content = bytes(10_000) if received else start
        received += len(content)
        return {"type": "http.request", "body": content, "more_body": True}

    async def send(message: Any) -> None:
        replies.append(message)

    form = {"content-type": "multipart/form-data; boundary=edge", "host": "127.0.0.1"}
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "client": ("127.0.0.1", 5)}
    scope |= {"headers": [(name.encode(), value.encode()) for name, value in form.items()], "root_path": ""}
    in_a_thread(server.app(scope, receive, send))
    assert (replies[0]["status"], json.loads(replies[1]["body"])) == (
        413,
        {"error": "The request is longer than 0.0953674 MB."},
    )
    assert (b"connection", b"close") in replies[0]["headers"]
    assert received < 120_000
    lying = {**form, "content-length": "9" * 5000}
    assert server.client().post("/predict", content=b"x", headers=lying).status_code == 413


def test_who_asks_too_often_waits(exported: Exported) -> None:
    server = served(exported.frozen, per_minute=2)
    found = [server.client("10.0.0.1").post("/predict", data={"box": BOX}) for _ in range(3)]
    assert [reply.status_code for reply in found] == [415, 415, 429]
    assert found[-1].headers["retry-after"] == "30"
    assert "30 s" in found[-1].json()["error"]
    assert server.client("10.0.0.2").post("/predict").status_code == 415  # another address
    assert server.client("10.0.0.1").get("/model").status_code == 200  # looking costs nothing


def test_a_network_needs_a_token(exported: Exported) -> None:
    server = served(exported.frozen, token=TOKEN)
    client = server.client("10.0.0.1")
    for path in ("/", "/docs", "/card", "/model", "/openapi.json", "/predict", "/static/css/room.css"):
        reply = client.get(path)
        assert (reply.status_code, list(reply.json())) == (401, ["error"])
        assert "Basic" in reply.headers["www-authenticate"]
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}
    assert client.get("/model", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/", auth=("anybody", TOKEN)).status_code == 200  # as a browser signs in
    for wrong in ("Bearer x", f"Basic {TOKEN}", f"Token {TOKEN}", "Basic \xff", "Bearer \xe4"):
        assert client.get("/model", headers={"authorization": wrong.encode("latin-1")}).status_code == 401
    assert {client.get("/model").status_code for _ in range(20)} == {401, 429}
    assert "bearer" in json.dumps(server.client().get("/openapi.json", auth=("", TOKEN)).json()).lower()
    assert TOKEN not in "\n".join(server.log)


def test_pages_of_other_sites_do_not_get_through(exported: Exported) -> None:
    client = served(exported.frozen).client()
    assert client.post("/predict", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/model", headers={"host": "evil.example:8080"}).status_code == 403
    assert client.get("/model", headers={"host": "[::1]:8080"}).status_code == 200
    for reply in (client.get("/"), client.get("/nowhere"), client.get("/static/../serve.py")):
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
        assert reply.headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"host": "0.0.0.0"}, "radiographs would cross the network to 0.0.0.0 in the clear"),
        ({"host": "0.0.0.0", "plain_http": True}, "whoever reaches this server could ask.*OSTEON_TOKEN"),
        ({"behind_proxy": True}, "whoever reaches this server could ask"),
        ({"token": "short"}, "the token is too short"),
        ({"key": Path("key.pem")}, "a key its certificate"),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(options: dict[str, Any], sentence: str) -> None:
    place = {name: option for name, option in options.items() if name != "token"}
    token = options.get("token", "")

    def not_loaded() -> Model:
        raise AssertionError("the model was loaded")

    with pytest.raises(InputError, match=sentence):
        serving.serve(not_loaded, Listening(**place), token=token)


# --- one at a time --------------------------------------------------------------------------------------------------


class Slow(Model):
    """A model that thinks until it is told to go on, and remembers how many asked it at once."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.file)
        self.go, self.at_once, self.most = threading.Event(), 0, 0

    def predict(self, image: Any, **question: Any) -> Prediction:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        assert self.go.wait(60)
        said = super().predict(image, **question)
        self.at_once -= 1
        return said


def test_questions_wait_for_each_other_and_nothing_else_waits(exported: Exported) -> None:
    model = Slow(exported.frozen)
    server = served(model)
    content = exported.image.read_bytes()

    async def course() -> list[int]:
        transport = httpx.ASGITransport(app=server.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:

            async def ask() -> int:
                sent = await client.post("/predict", files={"radiograph": content}, data={"box": BOX})
                return sent.status_code

            async def waiting(count: int) -> None:
                while (await client.get("/health")).json()["waiting"] != count:
                    await asyncio.sleep(0.01)

            asked = [asyncio.create_task(ask()) for _ in range(serving.MOST_WAITING)]
            await waiting(serving.MOST_WAITING)
            refused = await client.post("/predict", files={"radiograph": content}, data={"box": BOX})
            assert refused.headers["retry-after"] == "10"
            model.go.set()
            return [refused.status_code, *await asyncio.gather(*asked)]

    assert in_a_thread(course()) == [503, *[200] * serving.MOST_WAITING]
    assert model.most == 1


class Broken(Model):
    """A model with a fault that nobody foresaw."""

    def predict(self, image: Any, **question: Any) -> Prediction:
        raise ZeroDivisionError("Smith's radiograph")


def test_an_unforeseen_error_quotes_nothing(exported: Exported, capfd: pytest.CaptureFixture[str]) -> None:
    server = served(Broken(exported.frozen.file))
    reply = server.ask(picture(), box=BOX)
    assert (reply.status_code, list(reply.json())) == (500, ["error"])
    assert server.log[0].startswith("ZeroDivisionError in test_serving.py, line ")
    assert server.log[1].startswith("POST /predict 500 ")
    out = capfd.readouterr()
    assert "Smith" not in "".join([*server.log, reply.text, out.out, out.err])


# --- pages ----------------------------------------------------------------------------------------------------------


def test_what_is_served_and_its_card(exported: Exported) -> None:
    client = served(exported.combined).client()
    about = client.get("/model").json()
    assert (about["name"], about["identity"]) == ("combined", exported.combined.identity)
    assert (about["columns"], about["classes"]) == (["age"], list(exported.combined.classes_))
    assert about["operating_points"] == exported.combined.file.about["operating_points"]
    assert client.get("/card").text == exported.combined.card
    page = client.get("/").text
    assert "<h1>Model card: combined</h1>" in page
    assert 'data-column="age"' in page
    assert "style=" not in page
    assert client.head("/card").text == ""
    described = client.get("/openapi.json").json()
    assert sorted(described["paths"]) == ["/card", "/health", "/model", "/predict"]
    assert set(described["components"]["schemas"]["Answer"]["properties"]) == set(serving.Answer.model_fields)
    shown = client.get("/docs").text
    for word in ("POST /predict", "GET /card", "radiograph", "Retry-After", *serving.Answer.model_fields):
        assert word in shown


def test_a_card_is_text_whatever_it_says() -> None:
    evil = "<script>a</script> ![](http://x/y.png) [go](javascript:alert(1))\n\n|a|b|\n|---|---:|\n|<b>|2|"
    shown = leaflet.as_html(evil)
    assert not any(mark in shown for mark in ("<script", "<img", 'href="javascript', "<b>", "style="))
    assert '<td class="number">2</td>' in shown


def test_the_pages_need_nobody_else_and_the_form_asks(exported: Exported, browser: Any, tmp_path: Path) -> None:
    server = served(exported.combined)
    said = exported.combined.predict(exported.image, box=(20, 18, 44, 40), columns={"age": "61"}, unsteady=2)
    with listening(SimpleNamespace(app=server.app)) as address:
        page = Page(browser, address)
        asked: list[str] = []
        page.page.on("request", lambda request: asked.append(request.url))
        page.open(path="/docs")
        assert "POST /predict" in page.text()
        page.page.click("text=The model")
        page.page.wait_for_selector("h1:has-text('Model card')")
        page.page.set_input_files("input[name=radiograph]", exported.image)
        for side, value in zip(("x0", "y0", "x1", "y1"), BOX.split(","), strict=True):
            page.page.fill(f"input[name={side}]", value)
        page.page.fill("input[data-column=age]", "61")
        page.page.fill("input[name=unsteady]", "2")
        page.page.click("button")
        page.page.wait_for_selector("#answer table")
        told = page.page.inner_text("#answer")
        assert f"{said.probability:.3f}" in told
        assert f"{said.boxes[1]:.3f} to {said.boxes[2]:.3f}" in told
        assert "Research use only" in told
        page.page.on("console", lambda _: page.complaints.clear())  # that a refusal is an error, says the browser too
        page.page.fill("input[name=x0]", "60")
        page.page.click("button")
        page.page.wait_for_selector("#answer .alarm")
        assert "inside out" in page.page.inner_text("#answer")
        assert {url.split("/")[2] for url in asked} == {address.split("/")[2]}
        page.close()
    assert "B00" not in "\n".join(server.log)


# --- the verb -------------------------------------------------------------------------------------------------------


def test_the_verb_serves_an_exported_model(
    exported: Exported, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.run", lambda app, **told: run.update(told, app=app))
    command = ["serve", str(exported.folder / "frozen.osteon"), "--port", "8123", "--rate", "1", "--max-mb", "1"]
    said = CliRunner().invoke(cli.app, command, catch_exceptions=False)
    assert said.exit_code == 0
    assert exported.frozen.identity in said.output
    assert "listening on 127.0.0.1, port 8123; Ctrl-C ends" in said.output
    assert (run["host"], run["port"], run["access_log"]) == ("127.0.0.1", 8123, False)
    client = Server(run["app"], []).client()
    assert client.get("/model").json()["largest"] == 2**20
    assert [client.post("/predict").status_code for _ in range(2)] == [415, 429]


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.startswith("osteon.web.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.setattr(sys, "argv", ["osteon", "serve", "model.osteon"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "osteon: fastapi is not installed. Run: pip install 'osteon[readers]'\n"
