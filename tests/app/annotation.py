"""Annotations to test with: small pictures, two annotators, an adjudicator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from reading_study import Clock, MachineReader

from osteon.core import tables
from osteon.web.annotating.create import Created, create
from osteon.web.annotating.protocol import Annotating, Asked
from osteon.web.annotating.server import create_app
from osteon.web.annotating.tables import ANNOTATION
from osteon.web.database import Store, sqlite_url

PROTOCOL = Annotating(
    title="Bones",
    labels=("benign", "malignant"),
    fields=(
        Asked(id="quality", of="picture", choices=("good", "poor")),
        Asked(id="side", of="case", choices=("left", "right"), required=True),
    ),
    together="patient",
)
HEIGHT, WIDTH = 120, 90


def table(folder: Path, cases: int = 3, **columns: list[object]) -> Path:
    """A cohort table without labels or boxes; the last two of its pictures are of one patient."""
    rng = np.random.default_rng(5)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(cases + 1):
        pixels = rng.integers(60, 90, (HEIGHT, WIDTH)).astype(np.uint8)
        pixels[40:80, 30:60] = 200
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        patient = f"P{min(number, cases - 1)}"
        rows.append({"case_id": f"K{number}", "image": f"images/{number}.png", "centre": "1", "patient_id": patient})
    frame = pd.DataFrame(rows).assign(label="", x0=np.nan, y0=np.nan, x1=np.nan, y1=np.nan, age=95.0, view="frontal")
    frame = frame.assign(**columns)
    frame.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


@dataclass
class Desk:
    """An annotation and the application that serves it."""

    made: Created
    store: Store
    clock: Clock = field(default_factory=Clock)
    app: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(self.store, self.made.folder / "site" / "pictures", clock=self.clock)

    def token(self, person: str) -> str:
        """The token in a person's link."""
        links = self.made.invitations.set_index("person")["link"]
        return str(links[person]).partition("#")[2]

    def person(self, code: str) -> Annotator:
        """Somebody who is signed in."""
        found = Annotator(TestClient(self.app, raise_server_exceptions=False))
        found.enter(self.token(code))
        return found

    def cases(self) -> dict[str, str]:
        """Case code to the identifier of its first picture."""
        key = tables.read(self.made.folder / "key.csv", tables.Contract("key", open=True))
        first = key[key["number"] == "1"]
        return dict(zip(first["code"], first["case_id"], strict=True))


def desk(folder: Path, protocol: Annotating = PROTOCOL, suggestions: Path | None = None, **more: Any) -> Desk:
    """Make an annotation of a table and serve it."""
    source = table(folder, **more)
    made = create(source, folder / "annotation", protocol, suggestions=suggestions)
    return Desk(made, Store(sqlite_url(made.folder / "site" / "study.db"), ANNOTATION))


def content(*boxes: tuple[float, ...], label: str = "benign", **more: object) -> dict[str, Any]:
    """What somebody says of a case: a lesion a box, on picture 1."""
    shapes = [
        {"view": 1, "lesion": number, "kind": "box", "points": [[x0, y0], [x1, y1]]}
        for number, (x0, y0, x1, y1) in enumerate(boxes, 1)
    ]
    lesions = {str(shape["lesion"]): {"label": label, "fields": {}} for shape in shapes}
    said = {"status": "lesions" if boxes else "none", "shapes": shapes, "lesions": lesions, "fields": {"side": "left"}}
    return {**said, **more}


@dataclass
class Annotator(MachineReader):
    """Annotates like a browser, without pictures on a screen."""

    def case(self, position: int) -> dict[str, Any]:
        """A case as the browser gets it."""
        reply = self.get(f"cases/{position}")
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def save(self, position: int, said: Mapping[str, Any], **more: object) -> httpx.Response:
        """Save an annotation as a change of the last one."""
        revises = self.case(position)["revision"]
        body = {
            "content": said,
            "revises": revises,
            "seconds": 4.0,
            "receipt": f"receipt-{next(self._receipts)}",
            **more,
        }
        return self.post(f"cases/{position}/annotations", body)

    def work(self) -> dict[int, str]:
        """Positions and how each stands."""
        return {task["position"]: task["state"] for task in self.get("work").json()["work"]}
