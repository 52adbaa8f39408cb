"""What the server holds a reader's windows to: advice before its answer, chosen changes, drafts, one writer, clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel
from reading_study import TWO_READERS, MachineReader, Served

from osteon.web import looks, routes
from osteon.web.export import export

Serve = Callable[..., Served]
PLAIN = TWO_READERS.replace("[readers]", "[readers]\nbefore = []\nafter = []")
SEQUENTIAL = PLAIN.replace("[readers]", '[readers]\ndesign = "sequential"')
ON_DEMAND = SEQUENTIAL.replace("[readers]", '[readers]\nadvice = "on-demand"')


def stored(served: Served) -> pd.DataFrame:
    """Every reading in the database."""
    with served.store.engine.connect() as connection:
        return pd.read_sql("SELECT * FROM reading ORDER BY id", connection)


def said(reply: Any, status: int, text: str) -> None:
    """The server refuses, and says why."""
    assert reply.status_code == status, reply.text
    assert text in reply.json()["error"]


# --- an aided answer is chosen after the advice was on the screen -----------------------------------------------------


def second_step(served: Served) -> MachineReader:
    """A reader at the aided step of the first case."""
    reader = served.reader()
    assert reader.answer(1, confidence=20, call=0).status_code == 200
    return reader


def test_an_aided_answer_needs_the_advice_on_the_screen_and_an_act_after_it(serve: Serve) -> None:
    served = serve(SEQUENTIAL)
    reader = second_step(served)
    said(reader.answer(1, advised=False, acted=None), 409, "has not been on the screen")
    said(reader.answer(1, advised=False, acted=0.1), 409, "has not been on the screen")
    reader.post("cases/1/advice")  # on its way to the browser: that is not on the screen
    said(reader.answer(1, advised=False, acted=0.1), 409, "has not been on the screen")
    reader.post("cases/1/advised")
    said(reader.answer(1, advised=False, acted=None), 409, "now that you have seen")
    said(reader.answer(1, advised=False, acted=3600), 409, "now that you have seen")  # before it was there
    assert reader.answer(1, advised=False, acted=0.3).status_code == 200
    exported = export(served.store, served.created.folder).readings
    aided = exported[exported["arm"] == "aided"]
    assert aided["acted"].tolist() == [0.3]
    assert (aided["advice_at"] < aided["answered_at"]).all()
    assert (aided["advice_at"] > exported.loc[exported["arm"] == "unaided", "answered_at"].item()).all()
    assert exported.loc[exported["arm"] == "unaided", "acted"].isna().all()


def test_the_advice_cannot_be_on_the_screen_unasked(serve: Serve) -> None:
    served = serve(SEQUENTIAL)
    reader = served.reader()
    assert reader.post("cases/1/advised").status_code == 409  # the unaided step
    second_step(served)
    reader = served.reader()
    said(reader.post("cases/1/advised"), 409, "not been asked for")


def test_advice_on_demand_may_be_left_alone_but_not_half(serve: Serve) -> None:
    served = serve(ON_DEMAND)
    reader = second_step(served)
    assert reader.answer(1, advised=False, acted=None).status_code == 200
    reader.answer(2)
    reader.post("cases/2/advice")
    said(reader.answer(2, advised=False, acted=None), 409, "has not been on the screen")
    assert reader.answer(2).status_code == 200
    assert stored(served)["advice_at"].notna().tolist() == [False, False, False, True]


# --- changing an answer -----------------------------------------------------------------------------------------------


def test_a_stored_case_takes_a_second_answer_only_by_choice(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    reader.answer(1)
    said(reader.answer(1, revises=None), 409, "has its answer")
    said(reader.answer(1, revises=2), 409, "has its answer")
    said(reader.answer(2, revises=1), 409, "no answer yet")
    assert reader.answer(1, revises=1).json()["revision"] == 2
    said(reader.answer(1, revises=1), 409, "has its answer")  # it was changed meanwhile
    assert len(stored(served)) == 2


# --- drafts -----------------------------------------------------------------------------------------------------------


def draft(reader: MachineReader, position: int, turn: int, **content: object) -> Any:
    """Keep something begun."""
    case = reader.get(f"cases/{position}").json()
    return reader.put(
        f"cases/{position}/draft", {"session": case["session"], "step": case["step"], "turn": turn, **content}
    )


def test_what_was_begun_is_there_again_and_counts_nowhere(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    box = {"view": 1, "x0": 3, "y0": 4, "x1": 60.5, "y1": 80}
    assert draft(reader, 1, 1, call=1, comment="ein Verdacht", box=box).json() == {"kept": True}
    elsewhere = served.reader()
    found = elsewhere.get("cases/1").json()["draft"]
    assert (found["call"], found["confidence"], found["comment"], found["box"]) == (1, None, "ein Verdacht", box)
    stage = elsewhere.stage
    assert (stage["position"], stage["open"], stage["drafts"]) == (1, 5, [1])
    assert stored(served).empty
    assert served.reader("admin").get("readers").json()[0]["read"] == 0
    assert served.reader("R2").get("cases/1").json()["draft"] is None
    with pytest.raises(Exception, match="nobody has read a case yet"):
        export(served.store, served.created.folder)
    assert elsewhere.answer(1).status_code == 200
    assert elsewhere.stage["drafts"] == []
    assert draft(elsewhere, 2, 9, call=0).status_code == 200
    exported = export(served.store, served.created.folder)
    assert len(exported.readings) == len(exported.revisions) == 1


def test_drafts_keep_their_order_and_come_too_late_for_a_stored_case(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    draft(reader, 1, 5, confidence=50)
    assert draft(reader, 1, 4, confidence=40).json() == {"kept": False}
    assert reader.get("cases/1").json()["draft"]["confidence"] == 50
    assert draft(reader, 1, 6).json() == {"kept": True}  # nothing is begun any more
    assert reader.get("cases/1").json()["draft"] is None
    body = {"session": 1, "step": 1, "turn": 8, "confidence": 12}
    assert reader.put("cases/2/draft", body).status_code == 409
    reader.answer(1)
    assert reader.put("cases/1/draft", body).status_code == 409
    assert reader.get("cases/1").json()["draft"] is None
    assert draft(reader, 1, 9, confidence=12, revises=1).json() == {"kept": True}
    assert reader.get("cases/1").json()["draft"]["confidence"] == 12
    assert reader.stage["drafts"] == [1]
    for wrong in ({"confidence": 101}, {"call": 2}, {"comment": "a\x00"}, {"turn": 0}, {"extra": 1}):
        assert draft(reader, 1, **{"turn": 10, "revises": 1, **wrong}).status_code == 422, wrong


def test_a_questionnaire_is_kept_while_it_is_filled_in(serve: Serve) -> None:
    served = serve()
    reader = served.reader()
    assert reader.put("questionnaires/before/draft", {"answers": {"uses": "never", "x": "1"}, "turn": 1}).json()["kept"]
    assert served.reader().stage["filled"] == {"uses": "never"}
    said(reader.put("questionnaires/after/draft", {"answers": {}, "turn": 2}), 423, "another window")
    reader.take()
    assert reader.put("questionnaires/after/draft", {"answers": {}, "turn": 2}).status_code == 409
    reader.fill()
    assert reader.stage["filled"] == {}


def test_closing_a_session_ends_its_drafts(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    for position in range(1, 6):
        reader.answer(position)
    draft(reader, 3, 1, confidence=1, revises=1)
    assert reader.stage["drafts"] == [3]
    assert reader.post("close", {"session": 1}).status_code == 200
    with served.store.read() as connection:
        from osteon.web.database import draft as drafts

        assert connection.execute(drafts.select()).all() == []


# --- one writer -------------------------------------------------------------------------------------------------------


def test_one_window_writes_and_the_other_is_told(serve: Serve) -> None:
    served = serve(PLAIN)
    older, newer = served.reader(), served.reader()
    body = older.body(older.get("cases/1").json())
    for reply in (
        older.post("cases/1/shown"), older.post("cases/1/answers", body), draft(older, 1, 1, call=1),
        older.post("close", {"session": 1}), older.post("cases/1/advice"), older.post("cases/1/advised"),
    ):  # fmt: skip
        said(reply, 423, "another window")
    assert older.post("cases/1/left", {"seconds": 3}).status_code == 200  # its time was spent all the same
    assert older.get("cases/1").status_code == 200
    assert newer.answer(1).status_code == 200
    older.take()
    assert older.answer(2).status_code == 200
    said(newer.post("cases/3/shown"), 423, "another window")
    older.room = "x"
    assert older.post("cases/3/shown").status_code == 422
    assert len(stored(served)) == 2


def test_two_readers_in_one_browser_do_not_see_each_other(serve: Serve) -> None:
    """R2 signs in where R1's page is open: that page neither shows nor stores anything of R2's."""
    served = serve(PLAIN)
    client = served.client()
    first, second = MachineReader(client), MachineReader(client)
    first.enter(served.token("R1"))
    second.enter(served.token("R2"))
    for reply in (first.get("cases/1"), first.get("cases/1/pictures/1"), first.post("cases/1/shown")):
        said(reply, 403, "out of date")
    assert second.answer(1).status_code == 200


def test_the_administrator_signs_in_beside_a_reader(serve: Serve) -> None:
    served = serve(PLAIN)
    client = served.client()
    reader, office = MachineReader(client), MachineReader(client)
    reader.enter(served.token("R1"))
    office.enter(served.token("admin"))
    assert reader.answer(1).status_code == 200
    assert office.get("readers").json()[0]["read"] == 1
    assert client.get("/api/me").json()["code"] == "R1"
    assert client.get("/api/office/me").json()["role"] == "admin"


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_costs_no_time(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    case = reader.look(1)
    served.clock.ahead -= timedelta(hours=1)
    assert reader.post("cases/1/answers", reader.body(case, seconds=12)).status_code == 200
    served.clock.ahead += timedelta(hours=2)
    reader.answer(2, seconds=0.01)
    times = stored(served)["seconds"].tolist()
    assert times[0] == 12
    assert 0 < times[1] <= 0.01


def test_a_clock_that_is_set_back_a_little_is_seen_through(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds back during a look of sixty: the clock that is never set tells that sixty are possible."""
    ticks = [1000.0]
    monkeypatch.setattr(looks.time, "monotonic", lambda: ticks[0])
    served = serve(PLAIN)
    reader = served.reader()
    case = reader.look(1)
    ticks[0] += 60
    served.clock.ahead += timedelta(seconds=50)
    reader.post("cases/1/answers", reader.body(case, seconds=60))
    case = reader.look(2)
    reader.post("cases/2/answers", reader.body(case, seconds=60))
    times = stored(served)["seconds"].tolist()
    assert times[0] == 60
    assert times[1] < 5


# --- what may be changed while a study runs ---------------------------------------------------------------------------


def test_the_administrator_changes_the_washout_and_it_is_written_down(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    reader.read_session()
    served.clock.ahead = timedelta(days=15)
    assert served.reader().stage["name"] == "washout"
    office = served.reader("admin")
    said(office.post("office/washout", {"days": 14, "reason": "   "}), 409, "without a reason")
    assert office.post("office/washout", {"days": -1, "reason": "shorter"}).status_code == 422
    assert served.reader().post("office/washout", {"days": 0, "reason": "let me in"}).status_code == 403
    told = office.post("office/washout", {"days": 14, "reason": "a reader leaves the hospital"}).json()
    assert told["washout_days"] == 14
    assert served.reader().stage["name"] == "reading"
    assert served.reader().get("me").json()["question"]["washout_days"] == 14
    exported = export(served.store, served.created.folder)
    row = exported.changes.iloc[0]
    assert (row["setting"], row["before"], row["after"], row["person"]) == ("washout_days", "28", "14", "admin")
    assert "protocol_changes.csv" in [path.name for path in exported.write(served.created.folder)]
    with pytest.raises(Exception, match="append-only"), served.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM protocol_change")


def test_one_session_has_no_washout(serve: Serve) -> None:
    office = serve(SEQUENTIAL).reader("admin")
    said(office.post("office/washout", {"days": 3, "reason": "whatever"}), 409, "one session")


# --- replies ----------------------------------------------------------------------------------------------------------


def test_every_reply_is_typed_or_a_picture() -> None:
    found = 0
    for router in (routes.api, routes.readers_api, routes.administration_api):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            model = route.response_model
            if model is None:
                assert route.path.rpartition("/")[0].endswith(("pictures", "heatmaps")), route.path
                continue
            inner = getattr(model, "__args__", (model,))[0]
            assert issubclass(inner, BaseModel), route.path
            found += 1
    assert found >= 20


def test_the_browsers_types_are_the_servers() -> None:
    from make_types import TYPES, types

    for file, modules in TYPES.items():
        assert file.read_text(encoding="utf-8") == types(*modules), "run tests/app/make_types.py"


@pytest.mark.parametrize("path", ["/", "/admin", "/static/js/reader.js", "/api/me", "/api/cases/1", "/nowhere"])
def test_head_answers_as_get_without_a_body(serve: Serve, path: str) -> None:
    reader = serve(PLAIN).reader()
    whole = reader.client.get(path, headers=reader.headers)
    head = reader.client.head(path, headers=reader.headers)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_asking_for_the_head_of_a_heat_map_is_no_look_at_it(serve: Serve) -> None:
    served = serve(PLAIN)
    reader = served.reader()
    tasks = served.created.tasks.query("reader == 'R1' and session == 1").set_index("position")["arm"]
    for position in range(1, 6):
        status = 200 if tasks[position] == "aided" else 409
        head = reader.client.head(f"/api/cases/{position}/heatmaps/1", headers=reader.headers)
        assert head.status_code == status
        reader.answer(position)
    assert stored(served)["heatmap_at"].isna().all()


def test_the_administrator_changes_the_washout_from_the_command_line(serve: Serve) -> None:
    from typer.testing import CliRunner

    from osteon.web.commands import app

    served = serve(PLAIN)
    told = CliRunner().invoke(app, ["washout", str(served.created.folder), "21", "--reason", "holidays"])
    assert "was 28 days and is 21 days now" in told.output
    told = CliRunner().invoke(app, ["washout", str(served.created.folder), "21", "--reason", "holidays"])
    assert "is 21 days already" in told.output
    assert served.reader().get("me").json()["question"]["washout_days"] == 21  # without a restart of the server


def test_names_of_views_and_the_files_own_window_reach_the_reader(serve: Serve) -> None:
    served = serve(PLAIN)
    window = {"low": 10, "high": 110, "slope": 2.0, "intercept": -1024.0, "centre": -900.5, "width": 201.0}
    with served.store.write() as connection:
        from osteon.web.database import view

        other = {"low": 40, "high": 60, "centre": -924.0, "width": 40.0}
        sent = {**window, "others": [{**other, "secret": "x"}], "secret": "x"}
        connection.execute(view.update().values(name="frontal", window=sent))
    told = served.reader().get("cases/1").json()["views"][0]
    assert told["name"] == "frontal"
    assert told["window"] == {**window, "curve": None, "others": [{**other, "curve": None}]}
