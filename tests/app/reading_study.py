"""A finished run small enough to be read within seconds, a reader study made from it, and machines that read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from osteon import study
from osteon.core import tables
from osteon.web.create import Created
from osteon.web.database import Store

#: No other number in a study looks like these, so that a search for them finds every leak.
ADVICE = {f"hidden-{i:02d}": 0.0137131 + 0.1093173 * (i % 9) for i in range(120)}


def write_run(folder: Path, readers: str, *, cases: int = 6, shape: tuple[int, int] = (120, 90)) -> study.Study:
    """A study file and what a finished run of it would leave for `osteon readers create`.

    Cases hidden-00, hidden-01, ... alternate between the classes; hidden-00 and hidden-02 are two views of one
    patient's lesion. Pictures are synthetic, 16 bits deep.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(
        '[study]\nname = "Bone tumours, a test"\nseed = 3\n[centres]\ndevelopment = ["A"]\n'
        '[[models]]\nkind = "clinical"\nname = "clinical"\n' + readers,
        encoding="utf-8",
    )
    names = list(ADVICE)[:cases]
    rng = np.random.default_rng(0)
    rows = []
    for index, name in enumerate(names):
        x = np.arange(shape[1])
        bone = 30000 * np.exp(-(((x - shape[1] / 2) / (shape[1] / 6)) ** 2)) + 8000 + 200 * index
        values = (bone + rng.normal(0, 300, shape)).clip(0, 65535).astype(np.uint16)
        path = folder / "images" / f"secret-malignant-{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(values).save(path)
        rows.append(
            {
                "case_id": name, "image": f"images/{path.name}", "centre": "BC"[index % 2], "label": str(index % 2),
                "x0": 30, "y0": 40, "x1": 60, "y1": 80, "patient_id": "P-x" if index in (0, 2) else f"P-{index}",
                "age": 20 + index, "sex": "F", "site": "tibia", "subtype": "osteosarcoma" if index % 2 else "cyst",
            }
        )  # fmt: skip
        np.save(
            _folder(folder / "run" / "cams") / f"{name}.npy",
            np.broadcast_to(bone / bone.max(), shape).astype(np.float32),
        )
    cohort = pd.DataFrame(rows)
    tables.write(cohort, folder / "run" / "cohort.csv", tables.COHORT)
    scores = cohort[["case_id", "patient_id", "centre", "label"]].assign(
        split="external", model="clinical", probability=[ADVICE[name] for name in names], recalibrated=0.5
    )
    tables.write(scores, folder / "run" / "scores.csv", tables.SCORES)
    line = {"model": "clinical", "intercept": 0.0, "slope": 1.0, "n": 50, "n_positive": 20, "method": "Platt"}
    tables.write(pd.DataFrame([line]), folder / "run" / "recalibration.csv", tables.RECALIBRATION)
    point = {
        "model": "clinical", "rule": "youden", "threshold": 0.4137, "stratum": "development", "metric": "sensitivity",
        "value": 0.8, "low": 0.7, "high": 0.9, "method": "", "n": 50, "n_positive": 20,
    }  # fmt: skip
    tables.write(pd.DataFrame([point]), folder / "run" / "operating_points.csv", tables.OPERATING_POINTS)
    return study.load(folder / "study.toml")


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


TWO_READERS = """
[readers]
washout_days = 28
answers = ["benign", "malignant"]
comment = true
draw_box = true
[[readers.people]]
code = "R1"
experience = 2
[[readers.people]]
code = "R2"
experience = 12
"""


@dataclass
class Clock:
    """A clock that a test can turn on."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Served:
    """A reader study and the application that serves it."""

    created: Created
    app: FastAPI
    store: Store
    clock: Clock
    images: Path = Path()

    def client(self) -> TestClient:
        """A browser without its pages."""
        return TestClient(self.app, raise_server_exceptions=False)

    def reader(self, person: str = "R1") -> MachineReader:
        """A signed-in person."""
        reader = MachineReader(self.client())
        reader.enter(self.token(person))
        return reader

    def token(self, person: str) -> str:
        """The token in a person's link."""
        links = self.created.invitations.set_index("person")["link"]
        return str(links[person]).partition("#")[2]


@dataclass
class MachineReader:
    """Reads like a browser, without pictures on a screen; also over a real connection."""

    client: httpx.Client
    csrf: str = ""
    room: str = field(default_factory=lambda: f"room-{next(_ROOMS)}")
    _receipts: Any = field(default_factory=count)

    def enter(self, token: str) -> dict[str, Any]:
        """Sign in, and write in this window from now on."""
        reply = self.client.post("/api/enter", json={"token": token})
        assert reply.status_code == 200, reply.text
        administrator = reply.json()["role"] == "admin"
        me = self.client.get("/api/office/me" if administrator else "/api/me").json()
        self.csrf = me["csrf"]
        if not administrator:
            self.take()
        return me

    def take(self) -> httpx.Response:
        """Take the pen."""
        return self.post("pen")

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"x-csrf-token": self.csrf, "x-room": self.room}

    def get(self, path: str) -> httpx.Response:
        """Ask."""
        return self.client.get(f"/api/{path}", headers=self.headers)

    def post(self, path: str, body: object = None) -> httpx.Response:
        """Change something."""
        return self.client.post(f"/api/{path}", json=body, headers=self.headers)

    def put(self, path: str, body: object) -> httpx.Response:
        """Keep something."""
        return self.client.put(f"/api/{path}", json=body, headers=self.headers)

    @property
    def stage(self) -> dict[str, Any]:
        """Where the server says that the reader stands."""
        return self.get("me").json()["stage"]

    def fill(self) -> None:
        """Answer the questionnaire that is due, with a 4 wherever there is a scale."""
        stage = self.stage
        plain = {"scale": "4", "text": "none", "number": "1"}
        answers = {item["id"]: plain.get(item["kind"]) or item["choices"][0] for item in stage["items"]}
        reply = self.post(f"questionnaires/{stage['name']}", {"answers": answers})
        assert reply.status_code == 200, reply.text

    def look(self, position: int, *, shown: bool = True, advised: bool = True) -> dict[str, Any]:
        """Look at a case, and at the advice on it."""
        case = self.get(f"cases/{position}").json()
        if shown:
            self.post(f"cases/{position}/shown")
        if advised and case.get("aided"):
            self.post(f"cases/{position}/advice")
            self.post(f"cases/{position}/advised")
        return case

    def body(self, case: dict[str, Any], **given: object) -> dict[str, Any]:
        """A whole answer to a case, chosen after the advice where there is some; a change where there is an answer."""
        step = case.get("step", 1)
        last = next((answer for answer in case.get("answers", ()) if answer["step"] == step), None)
        asked = self.get("me").json().get("question", {})
        box = {"view": 1, "x0": 10, "y0": 10, "x1": 40, "y1": 50} if asked.get("draw_box") else None
        return {
            "session": case.get("session", 1), "step": step, "confidence": 70, "call": 1, "seconds": 0.5, "box": box,
            "receipt": f"receipt-{self.room}-{next(self._receipts)}", "revises": last["revision"] if last else None,
            "acted": 0.0 if case.get("aided") else None, **given,
        }  # fmt: skip

    def answer(self, position: int, *, shown: bool = True, advised: bool = True, **given: object) -> httpx.Response:
        """Look at a case and answer it."""
        case = self.look(position, shown=shown, advised=advised)
        return self.post(f"cases/{position}/answers", self.body(case, **given))

    def read_session(self) -> None:
        """Answer every case of the open session, and close it."""
        while (stage := self.stage)["name"] == "reading":
            reply = self.answer(stage["position"])
            assert reply.status_code == 200, reply.text
        reply = self.post("close", {"session": stage["session"]})
        assert reply.status_code == 200, reply.text


_ROOMS = count(1000)
