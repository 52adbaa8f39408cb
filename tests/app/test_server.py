"""The server holds readers to the protocol, whatever their browsers send."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pandas as pd
import pytest
from reading_study import ADVICE, TWO_READERS, MachineReader, Served

from osteon.web.export import export

Serve = Callable[..., Served]
SEQUENTIAL = TWO_READERS.replace("[readers]", '[readers]\ndesign = "sequential"\nbefore = []')
PLAIN = TWO_READERS.replace("[readers]", "[readers]\nbefore = []\nafter = []")
NO_GOING_BACK = PLAIN.replace("[readers]", "[readers]\nrevise = false")


def arms(served: Served, reader: str, session: int = 1) -> dict[int, str]:
    """Position to arm, as planned."""
    tasks = served.created.tasks
    rows = tasks[(tasks["reader"] == reader) & (tasks["session"] == session)]
    return dict(zip(rows["position"], rows["arm"], strict=True))


def stored(served: Served) -> pd.DataFrame:
    """Every reading in the database."""
    with served.store.engine.connect() as connection:
        return pd.read_sql("SELECT * FROM reading ORDER BY id", connection)


# --- the course of a study ------------------------------------------------------------------------------------------


def test_a_whole_crossed_study(serve: Serve) -> None:
    served = serve()
    reader = served.reader()
    assert reader.stage["name"] == "before"
    assert reader.get("cases/1").status_code == 409
    reader.fill()
    reader.read_session()
    assert reader.stage["name"] == "washout"
    served.clock.ahead = timedelta(days=28, seconds=5)
    assert reader.client.cookies
    reader = served.reader()  # long idle: in again with the same link
    assert (reader.stage["name"], reader.stage["session"]) == ("reading", 2)
    reader.read_session()
    assert reader.stage["name"] == "after"
    reader.fill()
    assert reader.stage["name"] == "done"
    readings = stored(served)
    assert len(readings) == 10
    per_case = readings.groupby("case_code")["arm"].agg(lambda arms: "+".join(sorted(arms)))
    assert set(per_case) == {"aided+unaided"}
    assert (readings["shown_at"] <= readings["answered_at"]).all()


def test_a_whole_sequential_study(serve: Serve) -> None:
    served = serve(SEQUENTIAL)
    reader = served.reader()
    for position in range(1, 6):
        first = reader.get(f"cases/{position}").json()
        assert (first["step"], first["aided"]) == (1, False)
        assert reader.post(f"cases/{position}/advice").status_code == 409
        assert reader.answer(position, confidence=20, call=0).status_code == 200
        second = reader.get(f"cases/{position}").json()
        assert (second["step"], second["aided"]) == (2, True)
        assert second["answers"][0]["confidence"] == 20
        assert reader.post(f"cases/{position}/advice").json()["probability"] in set(served.created.key["probability"])
        # the unaided answer is fixed now
        assert reader.answer(position, step=1, confidence=90).status_code == 409
        assert reader.answer(position).status_code == 200
    assert reader.post("close", {"session": 1}).status_code == 200
    assert reader.stage["name"] == "after"
    assert stored(served)["arm"].tolist() == ["unaided", "aided"] * 5


def test_the_washout_is_the_servers(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    reader.read_session()
    for days, opened in ((0, 409), (27.99, 409), (28.01, 200)):
        served.clock.ahead = timedelta(days=days)
        again = served.reader()
        assert again.get("cases/1").status_code == opened
        assert again.get("cases/1/pictures/1").status_code == opened
        assert again.post("cases/1/shown").status_code == opened


def test_going_on_at_another_machine(serve: Serve) -> None:
    served = serve(PLAIN)
    served.reader().answer(1)
    elsewhere = served.reader()
    assert elsewhere.stage["position"] == 2
    assert elsewhere.get("cases/1").json()["answers"][0]["confidence"] == 70


def test_going_back_within_the_session_appends_a_revision(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    reader.answer(1, confidence=10)
    reader.answer(2)
    assert reader.answer(1, confidence=90).json()["revision"] == 2
    assert reader.stage["position"] == 3
    assert stored(served)[["position", "revision", "confidence"]].to_numpy().tolist() == [
        [1, 1, 10],
        [2, 1, 70],
        [1, 2, 90],
    ]
    for position in (3, 4, 5):
        reader.answer(position)
    reader.post("close", {"session": 1})
    assert reader.answer(1).status_code == 409


def test_no_going_back_where_the_protocol_says_so(serve: Serve) -> None:
    reader = serve(NO_GOING_BACK).reader()
    reader.answer(1)
    assert reader.get("cases/1").status_code == 409
    assert reader.get("cases/1/pictures/1").status_code == 409
    assert reader.answer(1).status_code == 409


def test_cases_come_in_order_and_none_is_answered_unseen(serve: Serve) -> None:
    reader = serve(PLAIN).reader()
    assert reader.get("cases/2").status_code == 409
    assert reader.answer(2).status_code == 409
    assert reader.answer(1, shown=False).json() == {"error": "This case has not been shown yet."}
    assert reader.answer(1, session=2).status_code == 409
    assert reader.post("close", {"session": 1}).status_code == 409


WRONG: list[dict[str, object]] = [
    {"confidence": 101}, {"confidence": -1}, {"confidence": None}, {"call": None}, {"call": 2}, {"seconds": -1},
    {"seconds": 1e9}, {"receipt": ""}, {"comment": "a\x00b"}, {"extra": 1},
    {"box": {"view": 1, "x0": 5, "y0": 5, "x1": 4, "y1": 9}},
    {"box": {"view": 1, "x0": 0, "y0": 0, "x1": 91, "y1": 9}},
    {"box": {"view": 9, "x0": 0, "y0": 0, "x1": 9, "y1": 9}},
]  # fmt: skip


def test_an_answer_that_is_none_is_refused(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    for wrong in WRONG:
        assert reader.answer(1, **wrong).status_code in (409, 422), wrong
    assert stored(served).empty
    assert reader.answer(1).status_code == 200


def test_an_answer_sent_twice_is_stored_once(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    body = reader.body(reader.look(1), receipt="the-same-answer")
    first = reader.post("cases/1/answers", body).json()
    second = reader.post("cases/1/answers", body).json()
    assert first["answered_at"] == second["answered_at"]
    assert reader.post("cases/1/answers", {**body, "confidence": 3}).status_code == 409
    assert stored(served)["confidence"].tolist() == [70]


def test_time_is_the_time_on_the_screen(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    reader.post("cases/1/shown")
    served.clock.ahead += timedelta(seconds=30)
    reader.post("cases/1/left", {"seconds": 20})
    served.clock.ahead += timedelta(hours=2)  # a pause does not count
    reader.answer(1, seconds=12)
    reader.answer(2, seconds=5000)  # no browser has looked for longer than the case has been open
    times = stored(served)["seconds"]
    assert times[0] == pytest.approx(32)
    assert times[1] < 5


def test_boxes_comments_and_five_points(serve: Serve) -> None:
    served = serve(PLAIN.replace("comment = true", 'comment = true\nscale = "5-point"'))
    reader = served.reader()
    assert reader.answer(1, confidence=50).status_code == 409
    assert reader.answer(1, confidence=3.5).status_code == 409
    box = {"view": 1, "x0": 3, "y0": 4, "x1": 60.5, "y1": 80}
    assert reader.answer(1, confidence=5, box=box, comment="Zystisch – glatt <b>").status_code == 200
    assert reader.get("cases/1").json()["answers"][0]["box"] == box
    assert stored(served)["comment"].item() == "Zystisch – glatt <b>"


TOLD = TWO_READERS.replace("[readers]", '[readers]\nconsent = "Will you?"\ninstructions = "One.\\n\\nTwo."')


def test_who_agrees_goes_on_and_who_does_not_sees_no_case(serve: Serve) -> None:
    """Consent and instructions come before anything else, once; the decision is kept with its time and its text."""
    served = serve(TOLD)
    willing, unwilling = served.reader("R1"), served.reader("R2")
    assert (willing.stage["name"], willing.stage["text"]) == ("consent", "Will you?")
    assert willing.post("instructions").status_code == 409
    assert willing.get("cases/1").status_code == 409
    assert willing.post("consent", {"agreed": True}).json()["stage"]["text"] == "One.\n\nTwo."
    assert willing.post("consent", {"agreed": False}).status_code == 409
    assert willing.post("instructions").json()["stage"]["name"] == "before"
    willing.fill()
    assert willing.answer(1).status_code == 200
    assert unwilling.post("consent", {"agreed": False}).json()["stage"]["name"] == "declined"
    for path in ("instructions", "cases/1/shown"):
        assert unwilling.post(path).status_code == 409
    assert unwilling.post("consent", {"agreed": True}).status_code == 409
    told = export(served.store, served.created.folder).questionnaire
    said = told[told["item"] == "consent"].set_index("reader")
    assert said["value"].to_dict() == {"R1": "agreed", "R2": "declined"}
    assert set(said["text"]) == {"Will you?"}
    assert served.reader("admin").get("readers").json()[1]["stage"] == "declined"


def test_a_questionnaire_is_whole_and_final(serve: Serve) -> None:
    reader = serve().reader()
    items = reader.stage["items"]
    assert "reverse" not in items[0]
    full = {item["id"]: item["choices"][0] if item["choices"] else "5" for item in items}
    assert reader.post("questionnaires/after", {"answers": full}).status_code == 409
    for wrong in ({**full, "expects": "6"}, {**full, "uses": "rarely"}, {**full, "other": "1"}, {"expects": "5"}):
        assert reader.post("questionnaires/before", {"answers": wrong}).status_code == 409
    assert reader.post("questionnaires/before", {"answers": full}).json()["stage"]["name"] == "reading"
    assert reader.post("questionnaires/before", {"answers": full}).status_code == 409


# --- blinding -------------------------------------------------------------------------------------------------------


def walk(reader: MachineReader, position: int) -> list[tuple[str, str]]:
    """What every request about a case brings into the browser: text and headers."""
    seen = []
    case = f"cases/{position}"
    for method, path in (
        ("get", "me"), ("get", case), ("get", f"{case}/views"), ("post", f"{case}/shown"),
        ("get", f"{case}/heatmaps/1"), ("post", f"{case}/advice"), ("get", "readers"),
        ("get", f"cases/{position + 1}"), ("get", f"{case}/pictures/1"),
    ):  # fmt: skip
        reply = getattr(reader, method)(path)
        text = "" if "pictures" in path and reply.status_code == 200 else reply.text
        seen.append((path, text + str(reply.headers)))
    return seen


def test_labels_names_and_unaided_advice_never_reach_the_browser(serve: Serve) -> None:
    served = serve(PLAIN)
    key = served.created.key
    secrets = [*key["case_id"], *key["code"], "secret", "osteosarcoma", "truth", "label"]
    advice = [str(p)[:6] for p in key["probability"]]
    for name in ("R1", "R2"):
        reader = served.reader(name)
        for position, arm in arms(served, name).items():
            for path, seen in walk(reader, position):
                for secret in secrets:
                    assert secret not in seen, (path, secret)
                told = [number for number in advice if number in seen]
                assert (len(set(told)) == 1) == (arm == "aided" and path.endswith("advice")), (path, arm)
                assert "0.4137" not in seen or (arm == "aided" and path.endswith("advice"))
            reader.answer(position)


def test_the_heat_map_belongs_to_the_aided_arm(serve: Serve) -> None:
    served = serve(PLAIN.replace("[readers]", '[readers]\nadvice = "on-demand"'))
    reader = served.reader()
    for position, arm in arms(served, "R1").items():
        sent = reader.get(f"cases/{position}/heatmaps/1")
        assert sent.status_code == (200 if arm == "aided" else 409)
        view = reader.get(f"cases/{position}").json()["views"][0]
        assert (view["heatmap"] is None) == (arm == "unaided")
        reader.answer(position, advised=False)
    readings = stored(served)
    assert (readings["heatmap_at"].notna() == (readings["arm"] == "aided")).all()
    assert readings["advice_at"].isna().all()  # nobody asked for the probability


def test_pictures_beyond_the_next_case_are_not_sent(serve: Serve) -> None:
    reader = serve(PLAIN).reader()
    assert [reader.get(f"cases/{p}/pictures/1").status_code for p in (1, 2, 3, 5)] == [200, 200, 409, 409]
    assert [reader.get(f"cases/{p}/views").status_code for p in (1, 2, 3)] == [200, 200, 409]
    assert reader.get("cases/1/pictures/3").status_code == 404


def test_readers_do_not_see_one_another(serve: Serve) -> None:
    served = serve(PLAIN)
    served.reader("R1").answer(1, comment="R1-remark", confidence=37)
    other = served.reader("R2")
    for _, seen in walk(other, 1):
        assert "R1-remark" not in seen
        assert "37" not in seen.split("Headers")[0] or "37" in str(served.created.key)
    assert other.get("cases/1").json()["answers"] == []


def test_hidden_boxes_are_not_sent(serve: Serve) -> None:
    reader = serve(PLAIN.replace("[readers]", "[readers]\nshow_box = false")).reader()
    assert reader.get("cases/1").json()["views"][0]["boxes"] == []


# --- doors ----------------------------------------------------------------------------------------------------------


def test_nothing_without_signing_in(serve: Serve) -> None:
    served = serve()
    client = served.client()
    for route in served.app.routes:
        path = getattr(route, "path", "")
        if path.startswith("/api") and path != "/api/enter":
            filled = path.format(position=1, number=1, name="before", reader="R1")
            for method in route.methods:  # type: ignore[attr-defined]
                assert client.request(method, filled, json={}).status_code == 401, path
    assert client.post("/api/enter", json={"token": "A" * 43}).status_code == 401


def test_a_forged_request_changes_nothing(serve: Serve) -> None:
    reader = serve(PLAIN).reader()
    own = reader.csrf
    for token in ("", "x", own[:-1]):
        reader.csrf = token
        assert reader.post("cases/1/shown").status_code == 403
    reader.csrf = own
    reply = reader.client.post("/api/cases/1/shown", headers={"x-csrf-token": own, "sec-fetch-site": "cross-site"})
    assert reply.status_code == 403
    assert reader.post("cases/1/shown").status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(serve: Serve) -> None:
    served = serve(secure=True)
    reply = served.client().post("/api/enter", json={"token": served.token("R1")})
    cookie = reply.headers["set-cookie"].lower()
    assert cookie.startswith("__host-osteon=")
    assert all(part in cookie for part in ("httponly", "samesite=strict", "secure", "path=/"))
    assert "strict-transport-security" in reply.headers


def test_headers_allow_nothing_from_elsewhere(serve: Serve) -> None:
    client = serve().client()
    for path in ("/", "/admin", "/static/js/reader.js", "/api/me", "/nowhere"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] in ("no-store", "no-cache")


def test_pages_hold_no_inline_code_and_no_outside_address(serve: Serve) -> None:
    client = serve().client()
    for path in ("/", "/admin"):
        page = client.get(path).text
        assert "style=" not in page
        assert "http" not in page
        assert "onclick" not in page
        assert page.count("<script") == page.count('<script type="module" src="/static/')


def test_links_can_be_ended_and_renewed(serve: Serve) -> None:
    served = serve(PLAIN)
    office = served.reader("admin")
    reader = served.reader("R1")
    assert office.post("readers/R1/revoke").status_code == 200
    assert reader.get("me").status_code == 401
    assert served.client().post("/api/enter", json={"token": served.token("R1")}).status_code == 401
    renewed = office.post("readers/R1/invite").json()["token"]
    assert MachineReader(served.client()).enter(renewed)["code"] == "R1"
    assert office.post("readers/R9/invite").status_code == 409
    assert office.post("readers/admin/revoke").status_code == 409


def test_roles_do_not_mix(serve: Serve) -> None:
    served = serve(PLAIN)
    assert served.reader("R1").get("readers").status_code == 403
    assert served.reader("R1").post("readers/R2/revoke").status_code == 403
    assert served.reader("admin").get("cases/1").status_code == 403


def test_the_office_sees_progress_and_no_diagnosis(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader("R1")
    reader.answer(1, confidence=37.25, comment="no doubt")
    reply = served.reader("admin").get("readers")
    assert [(row["code"], row["read"], row["cases"]) for row in reply.json()] == [("R1", 1, 10), ("R2", 0, 10)]
    assert "37.25" not in reply.text
    assert "doubt" not in reply.text
    assert set(reply.json()[0]) == {
        "code", "experience", "invited", "stage", "session", "sessions", "read", "cases", "opens_at", "seen_at",
        "seconds",
    }  # fmt: skip


def test_signing_out_and_idling_out(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    served.clock.ahead = timedelta(hours=11)
    assert reader.get("me").status_code == 200
    served.clock.ahead = timedelta(hours=22)
    assert reader.get("me").status_code == 200  # it was not idle in between
    served.clock.ahead = timedelta(hours=35)
    assert reader.get("me").status_code == 401
    reader = served.reader()
    assert reader.post("leave").status_code == 200
    assert reader.get("me").status_code == 401


def test_too_many_requests_wait(serve: Serve) -> None:
    served = serve(PLAIN)
    client = served.client()
    replies = [client.post("/api/enter", json={"token": "B" * 43}) for _ in range(70)]
    refused = [reply for reply in replies if reply.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1


def test_a_guesser_locks_out_nobody_else_at_their_address(serve: Serve) -> None:
    """Wrong tokens are held back by address; a right one comes in from there all the same, but not without end."""
    served = serve()
    client = served.client()
    tries = [client.post("/api/enter", json={"token": f"{number:043d}"}).status_code for number in range(90)]
    assert set(tries) == {401, 429}
    assert tries[-1] == 429
    assert served.reader("R1").stage["name"] == "before"
    assert served.reader("R2").stage["name"] == "before"
    token = served.token("R1")
    again = [client.post("/api/enter", json={"token": token}).status_code for _ in range(90)]
    assert set(again) == {200, 429}


def test_bodies_that_are_none(serve: Serve) -> None:
    client = serve().client()
    json = "application/json"
    for kind, content, status in (
        (json, b'{"token": "' + b"x" * 70_000 + b'"}', 413),
        ("text/plain", b'{"token": "x"}', 422),
        (json, b"{", 422),
        (json, b'{"token": "\\ud800"}', 422),
        (json, iter([b"{"]), 411),  # of unknown length
    ):
        reply = client.post("/api/enter", headers={"content-type": kind}, content=content)
        assert reply.status_code == status
        assert set(reply.json()) <= {"error", "template", "values"}
        assert "xxx" not in reply.text


# --- the database ---------------------------------------------------------------------------------------------------


def test_readings_can_only_be_appended(serve: Serve) -> None:
    served = serve(PLAIN)
    served.reader().answer(1)
    connection = sqlite3.connect(served.created.folder / "site" / "study.db")
    for statement in ("UPDATE reading SET confidence = 0", "DELETE FROM reading", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_the_database_writes_through_to_the_disk(serve: Serve) -> None:
    served = serve(PLAIN)
    with served.store.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_the_advice_is_the_keys(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    key = served.created.key.drop_duplicates("code").set_index("code")
    tasks = served.created.tasks
    rows = tasks[(tasks["reader"] == "R1") & (tasks["session"] == 1)].set_index("position")
    for position, row in rows.iterrows():
        if row["arm"] == "aided":
            told = reader.post(f"cases/{position}/advice").json()
            assert told["probability"] == pytest.approx(key.loc[row["code"], "probability"], abs=1e-12)
            assert told["positive"] == bool(key.loc[row["code"], "advice"])
            assert told["threshold"] == pytest.approx(0.4137)
        reader.answer(position)
    assert any(abs(told["probability"] - value) < 1 for value in ADVICE.values())
