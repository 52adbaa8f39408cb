"""Whatever is sent to whichever address: no server error, no leak, and nothing but JSON errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_study import ADVICE, TWO_READERS, MachineReader, Served

PLAIN = TWO_READERS.replace("[readers]", "[readers]\nbefore = []")
KNOWN = ["session", "step", "confidence", "call", "box", "comment", "seconds", "receipt", "answers", "token"]
KNOWN += ["revises", "acted", "turn", "days", "reason"]

likely = st.sampled_from([1, 2, 50, "R1", "before", -1, 1e308])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), likely)
bodies = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KNOWN), inner)),
    max_leaves=12,
)
almost = st.fixed_dictionaries(
    {"session": st.sampled_from([1, 2]), "step": st.sampled_from([1, 2]), "seconds": st.floats(0, 9)},
    optional={
        "confidence": st.one_of(st.integers(0, 100), scalars),
        "call": st.one_of(st.integers(0, 1), scalars),
        "comment": st.one_of(st.text(), scalars),
        "turn": st.one_of(st.integers(1, 9), scalars),
        "revises": st.one_of(st.integers(1, 3), scalars),
        "acted": st.one_of(st.floats(0, 9), scalars),
        "receipt": st.one_of(st.text("abc0123-", min_size=8, max_size=12), scalars),
        "box": st.one_of(st.dictionaries(st.sampled_from(["view", "x0", "y0", "x1", "y1"]), st.floats(0, 90)), scalars),
    },
)
pieces = st.one_of(
    st.integers(-2, 9).map(str), st.text(max_size=12), st.sampled_from(["R1", "admin", "..", "%2e%2e", "0x1"])
)


@pytest.fixture(scope="module")
def patterns() -> list[tuple[str, str]]:
    """Every route of the application, and some that are none."""
    from osteon.web import routes

    found = [
        (method, route.path)
        for router in (routes.api, routes.readers_api, routes.administration_api)
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    ]
    return [*found, ("GET", "/"), ("GET", "/admin"), ("GET", "/static/{a}/{b}"), ("GET", "/{a}"), ("POST", "/api/{a}")]


def test_no_request_breaks_the_server_or_its_silence(
    serve: Callable[..., Served], patterns: list[tuple[str, str]]
) -> None:
    served = serve(PLAIN)
    key = served.created.key
    readers = {name: served.reader(name) for name in ("R1", "R2", "admin")}
    readers["nobody"] = MachineReader(served.client())
    told = {str(probability)[:6] for probability in key["probability"]} | {str(p)[:6] for p in ADVICE.values()}
    secrets = [*key["case_id"], *key["code"], "secret", "osteosarcoma", "truth", "Traceback", "sqlalchemy", "SELECT"]

    @given(data=st.data())
    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    def fuzz(data: st.DataObject) -> None:
        method, pattern = data.draw(st.sampled_from(patterns))
        who = data.draw(st.sampled_from(sorted(readers)))
        path = pattern
        while "{" in path:
            start, end = path.index("{"), path.index("}")
            path = path[:start] + _escaped(data.draw(pieces)) + path[end + 1 :]
        reply = _send(data, readers[who], data.draw(st.sampled_from([method, "GET", "POST", "PUT", "HEAD"])), path)
        assert reply.status_code < 500, (path, reply.text)
        if reply.status_code >= 400 and reply.request.method != "HEAD":
            assert {"error"} <= set(reply.json()) <= {"error", "template", "values"}, (path, reply.text)
        body = "" if reply.headers.get("content-encoding") == "gzip" else reply.text + str(reply.headers)
        body = body.replace(readers[who].csrf or " ", " ")  # random text may spell anything
        if not path.startswith("/static") and path not in ("/", "/admin"):
            assert not [secret for secret in secrets if secret in body], path
            if not (path.endswith("/advice") and reply.status_code == 200):
                # Not after another digit: that is the end of a time's seconds.
                assert not re.findall(rf"(?<!\d)(?:{'|'.join(map(re.escape, told))})", body), path

    fuzz()


def _send(data: st.DataObject, reader: MachineReader, method: str, path: str) -> Any:
    headers = {
        "x-csrf-token": data.draw(st.sampled_from([reader.csrf, reader.csrf, "", "x"])),
        "x-room": data.draw(st.sampled_from([reader.room, reader.room, "", "another-room"])),
    }
    kind = data.draw(st.sampled_from(["json", "almost", "bytes", "none"]))
    if kind == "bytes":
        headers["content-type"] = data.draw(st.sampled_from(["application/json", "text/plain", "multipart/form-data"]))
        return reader.client.request(method, path, headers=headers, content=data.draw(st.binary(max_size=60)))
    if kind == "none":
        return reader.client.request(method, path, headers=headers)
    body = data.draw(almost if kind == "almost" else bodies)
    import json

    headers["content-type"] = "application/json"
    return reader.client.request(method, path, headers=headers, content=json.dumps(body).encode("utf-8", "replace"))


def _escaped(piece: str) -> str:
    from urllib.parse import quote

    return quote(piece.encode("utf-8", "replace"), safe="%.")
