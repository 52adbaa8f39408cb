"""The reading room in a real browser: one place for both arms; nothing lost, stored twice, or stored unmeant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browsing import Page, listening
from reading_study import Served

from osteon.web.database import draft, reading
from osteon.web.export import export

Serve = Callable[..., Served]
CROSSED = """
[readers]
before = []
after = []
views = false
answers = ["benign", "malignant"]
comment = true
[[readers.people]]
code = "R1"
[[readers.people]]
code = "R2"
"""
WITH_BOX = CROSSED.replace("comment = true", "comment = true\ndraw_box = true")
SEQUENTIAL = CROSSED.replace("[readers]", '[readers]\ndesign = "sequential"')
SIZES = [(1024, 768), (1366, 768), (1280, 720), (820, 1180)]


def readings(served: Served) -> list[Any]:
    """Every answer that is stored."""
    with served.store.read() as connection:
        return list(connection.execute(reading.select().order_by(reading.c.id)).mappings().all())


def wait_for_draft(served: Served, page: Page, **content: object) -> None:
    """Until the server has kept what was begun."""
    for _ in range(200):
        with served.store.read() as connection:
            kept = [dict(row.content) for row in connection.execute(draft.select())]
        if any(content.items() <= found.items() for found in kept):
            return
        page.page.wait_for_timeout(25)
    raise AssertionError(f"no draft with {content}: {kept}")


# --- both arms have the same places -----------------------------------------------------------------------------------

PLACES = """() => {
  const places = {};
  const body = document.querySelector(".body").getBoundingClientRect();
  const more = document.querySelector(".more").checkVisibility();
  const asked = ".panel button, .panel input, .panel textarea, .tools button, .tools input, h2";
  for (const element of document.querySelectorAll(asked)) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(".more, .heat, .earlier")) continue;
    const target = element.closest("label") ?? element;
    const box = target.getBoundingClientRect();
    const name = element.dataset.tool || element.id || element.name + (element.value ?? "") || element.textContent;
    const scrolled = element.closest(".body") !== null;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const hit = document.elementFromPoint(x, y);
    const within = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth
      && (!scrolled || (box.top >= body.top && box.bottom <= body.bottom));
    const open = within && hit !== null && (target.contains(hit) || hit.contains(target));
    places[name] = { box: [box.x, box.y, box.width, box.height].map(Math.round), reach: open || (scrolled && more) };
  }
  return places;
}"""


def places(page: Page, size: tuple[int, int]) -> dict[str, Any]:
    """Every control of the question and of the pictures: where it is, and whether it can be reached."""
    page.page.set_viewport_size({"width": size[0], "height": size[1]})
    page.page.wait_for_timeout(150)
    found = dict(page.page.evaluate(PLACES))
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    hidden = {name: place for name, place in found.items() if not place["reach"]}
    assert not hidden, (size, hidden)
    return {name: place["box"] for name, place in found.items()}


def test_no_arm_is_harder_to_answer(serve: Serve, browser: Any) -> None:
    """At four sizes every control is in sight, or in a list that says there is more; and at one place in both arms."""
    served = serve(WITH_BOX)
    arms: dict[bool, dict[tuple[int, int], Any]] = {}
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        for position in range(1, 6):
            page.case(1, position)
            aided = page.page.locator(".advice .verdict").count() > 0
            arms.setdefault(aided, {size: places(page, size) for size in SIZES})
            if len(arms) == 2:
                break
            page.draw()
            page.press("y", "8", "Enter")
        page.close()
    for size in SIZES:
        unaided, aided = arms[False][size], arms[True][size]
        assert {"boxes", "call0", "call1", "confidence", "comment", "Save and go on", "asked"} <= set(unaided)
        assert unaided == aided, size
        fits = [box for name, box in aided.items() if name in ("call0", "call1", "confidence", "comment")]
        assert all(y + height <= size[1] for _, y, _, height in fits), size  # this question needs no scrolling


def test_a_long_question_can_be_scrolled_and_says_so(serve: Serve, browser: Any) -> None:
    """Five points, a question of 300 letters, a small window, second readings: in reach, and in the same places."""
    asked = "Is this lesion of the bone, as far as you can tell from what you see on these radiographs, " * 3
    long = SEQUENTIAL.replace("comment = true", f'comment = true\nscale = "5-point"\nquestion = "{asked}"')
    served = serve(long)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1, 1)
        first = {size: places(page, size) for size in [*SIZES, (1024, 600)]}
        assert page.page.is_visible("text=More below")
        for _ in range(20):
            if not page.page.is_visible(".more"):
                break
            page.page.evaluate("document.querySelector('.more')?.click()")
            page.page.wait_for_timeout(200)
        assert not page.page.is_visible(".more")
        page.page.fill("#comment", "reached")
        page.press("Tab")
        page.page.evaluate("document.activeElement.blur()")
        page.press("y", "4", "Enter")
        page.case(1, 1, 2)
        for size, before in first.items():
            after = places(page, size)
            both = set(before) & set(after) - {"Save, then see the advice"}
            assert {name: after[name] for name in both} == {name: before[name] for name in both}
            assert set(before) ^ set(after) == {"Save, then see the advice", "Save and go on"}
        page.close()


# --- the aided answer is an act of its own ----------------------------------------------------------------------------


def test_pressing_enter_twice_is_no_aided_answer(serve: Serve, browser: Any) -> None:
    served = serve(SEQUENTIAL)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1, 1)
        page.press("y", "8", "Enter", "Enter", "Enter")
        page.case(1, 1, 2)
        page.press("Enter")
        for _ in range(20):  # a key that is held down
            page.page.keyboard.down("Enter")
        page.page.keyboard.up("Enter")
        assert "Please choose a diagnosis." in page.text()
        assert "Before the advice: malignant, 80" in page.text()
        page.page.reload()
        page.case(1, 1, 2)
        page.press("Enter")
        assert len(readings(served)) == 1
        page.press("k", "Enter")
        page.case(1, 2, 1)
        page.close()
    unaided, aided = readings(served)
    assert (unaided["advice_at"], unaided["acted"]) == (None, None)
    assert (aided["confidence"], aided["call"]) == (80, 1)
    assert unaided["answered_at"] < aided["advice_at"] < aided["answered_at"]
    assert 0 <= aided["acted"] <= (aided["answered_at"] - aided["advice_at"]).total_seconds() + 1


def test_advice_on_demand_asks_again_for_what_was_chosen_before(serve: Serve, browser: Any) -> None:
    served = serve(CROSSED.replace("[readers]", '[readers]\nadvice = "on-demand"'))
    tasks = served.created.tasks.query("reader == 'R1' and session == 1 and arm == 'aided'")
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        for position in range(1, int(tasks["position"].min()) + 1):
            page.case(1, position)
            page.press("n", "2")
            if position < int(tasks["position"].min()):
                page.press("Enter")
        page.press("a")
        page.page.wait_for_selector(".earlier:not(.absent)")
        page.press("Enter")
        assert "Please choose a diagnosis." in page.text()
        page.press("y", "9", "Enter")
        page.case(1, int(tasks["position"].min()) + 1)
        page.close()
    assert (readings(served)[-1]["confidence"], readings(served)[-1]["call"]) == (90, 1)
    assert readings(served)[-1]["advice_at"] is not None


# --- a closed case stays closed, a begun one is kept ------------------------------------------------------------------


def test_a_case_saved_while_offline_does_not_come_back(serve: Serve, browser: Any) -> None:
    """Save offline, wait, hide and show the tab, reconnect: one answer, one revision, and the next case."""
    served = serve(CROSSED)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        page.context.set_offline(True)
        page.press("y", "7", "Enter")
        page.page.wait_for_selector("text=Not saved yet")
        for hidden in (True, False, True, False):
            page.turn_away(hidden)
            page.page.wait_for_timeout(50)
        assert page.page.is_checked("input[name=call][value='1']")  # the form stays as it is
        assert page.page.locator("form[data-mode=saving]").count() == 1
        page.press("Enter", "n", "1", "Enter")  # and takes nothing else meanwhile
        page.context.set_offline(False)
        page.case(1, 2)
        page.page.wait_for_timeout(300)
        assert page.page.get_attribute("body", "data-case") == "1.2.1"
        assert page.page.locator("form[data-mode=open]").count() == 1
        page.complaints.clear()  # the failed requests themselves
        page.close()
    assert [(row["position"], row["revision"], row["confidence"]) for row in readings(served)] == [(1, 1, 70)]


def test_an_acknowledgement_that_is_lost_stores_nothing_twice(serve: Serve, browser: Any) -> None:
    served = serve(CROSSED)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        lost: list[Any] = []

        def lose(route: Any) -> None:
            if lost:
                route.continue_()
            else:
                lost.append(route.fetch())  # stored, but the page does not hear of it
                route.abort()

        page.page.route("**/answers", lose)
        page.press("y", "7", "Enter")
        page.case(1, 2)
        page.complaints.clear()
        page.close()
    assert [(row["position"], row["revision"]) for row in readings(served)] == [(1, 1)]


def test_going_back_shows_the_answer_and_changes_it_only_by_choice(serve: Serve, browser: Any) -> None:
    served = serve(CROSSED)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        page.press("y", "7", "Enter")
        page.case(1, 2)
        page.press("[")
        page.case(1, 1)
        page.press("n", "1", "Enter")
        assert page.page.is_checked("input[name=call][value='1']")
        page.page.click("text=Change this answer")
        page.press("Enter")
        assert "Nothing has been changed." in page.text()
        page.page.click("text=Leave it as it is")
        page.press("]")
        page.case(1, 2)
        assert len(readings(served)) == 1
        page.press("[")
        page.case(1, 1)
        page.press("c", "n", "1", "Enter")
        page.case(1, 2)
        page.close()
    assert [(row["revision"], row["confidence"]) for row in readings(served)] == [(1, 70), (2, 10)]


def test_what_was_begun_outlasts_everything(serve: Serve, browser: Any) -> None:
    """Reload, back, another case, a pause, another machine: the half-filled answer is there, and none is stored."""
    served = serve(WITH_BOX)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        page.draw()
        page.press("n", "3", "Enter")
        page.case(1, 2)
        page.draw()
        page.press("y")
        page.page.fill("#comment", "ein Saum")
        page.page.reload()
        begun(page)
        page.page.evaluate("document.activeElement.blur()")
        page.press("[")
        page.case(1, 1)
        page.press("]")
        begun(page)
        page.page.goto("about:blank")
        page.page.go_back()
        begun(page)
        page.press("p")
        page.page.click("dialog.curtain button")
        begun(page)
        other = Page(browser, address)
        other.open(served.token("R1"))
        begun(other)
        other.close()
        page.close()
    assert len(readings(served)) == 1
    exported = export(served.store, served.created.folder)
    assert len(exported.readings) == len(exported.revisions) == 1


def begun(page: Page) -> None:
    """The second case with what was begun of it."""
    page.case(1, 2)
    assert page.page.is_checked("input[name=call][value='1']")
    assert page.page.input_value("#comment") == "ein Saum"
    assert page.page.inner_text("output") == "–"
    assert "A box is drawn" in page.text()


def test_a_box_that_is_needed_is_asked_for(serve: Serve, browser: Any) -> None:
    served = serve(WITH_BOX)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        assert "Needed: a box around the lesion" in page.text()
        page.press("y", "8", "Enter")
        assert "Please draw a box around the lesion" in page.text()
        assert page.page.get_attribute("button[data-tool=box]", "aria-pressed") == "true"
        assert readings(served) == []
        page.draw()
        page.press("Enter")
        page.case(1, 2)
        page.close()
    assert readings(served)[0]["box"]["view"] == 1


def test_a_questionnaire_outlasts_a_reload(serve: Serve, browser: Any) -> None:
    served = serve(CROSSED.replace("before = []\n", ""))
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.stage("before")
        page.page.check("input[name=expects][value='4']", force=True)
        page.page.select_option("form select", "every week")
        wait_for_draft(served, page, expects="4", uses="every week")
        page.page.reload()
        page.stage("before")
        assert page.page.is_checked("input[name=expects][value='4']")
        assert page.page.input_value("form select") == "every week"
        page.close()


# --- one writer -------------------------------------------------------------------------------------------------------


def test_the_older_of_two_windows_is_told_and_can_go_on(serve: Serve, browser: Any) -> None:
    served = serve(CROSSED)
    with listening(served) as address:
        older, elsewhere = Page(browser, address), Page(browser, address)
        older.open(served.token("R1"))
        older.case(1, 1)
        older.press("y")
        wait_for_draft(served, older, call=1)
        elsewhere.open(served.token("R1"))  # another browser: nobody tells the first one before it asks
        elsewhere.case(1, 1)
        older.press("3")
        older.page.wait_for_selector("dialog.elsewhere[open]")
        older.press("Enter")
        assert elsewhere.page.is_checked("input[name=call][value='1']")
        elsewhere.press("6", "Enter")
        elsewhere.case(1, 2)
        older.page.click("text=Go on here instead")
        older.case(1, 2)
        older.press("n", "2", "Enter")
        older.case(1, 3)
        elsewhere.press("y")
        elsewhere.page.wait_for_selector("dialog.elsewhere[open]")
        tab = older.context.new_page()  # another tab of the same browser is told at once
        tab.goto(address)
        tab.wait_for_selector("body[data-case='1.3.1']")
        older.page.wait_for_selector("dialog.elsewhere[open]")
        older.close()
        elsewhere.close()
    assert [(row["position"], row["revision"], row["confidence"]) for row in readings(served)] == [
        (1, 1, 60),
        (2, 1, 20),
    ]


def test_the_administrator_looks_in_beside_a_reader(serve: Serve, browser: Any) -> None:
    served = serve(CROSSED)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        office = page.context.new_page()
        office.goto(f"{address}/admin#{served.token('admin')}")
        office.wait_for_selector("tbody tr")
        page.press("y", "7", "Enter")
        page.case(1, 2)
        page.page.reload()
        page.case(1, 2)
        office.fill("#days", "14")
        office.fill("#reason", "a reader moves away")
        office.click("text=Change")
        office.click("dialog[open] >> text=Yes")
        office.wait_for_selector("text=from 28 to 14 days. a reader moves away")
        page.close()


# --- a server that fails ----------------------------------------------------------------------------------------------


FAILING = ["cases/*", "cases/*/pictures/*", "cases/*/advice", "cases/*/draft", "cases/*/answers", "pen"]


@pytest.mark.parametrize("what", FAILING)
def test_a_failing_server_is_asked_ever_more_rarely(serve: Serve, browser: Any, what: str) -> None:
    """Ten seconds of failures, by the page's own clock: a handful of requests, a word to the reader, no form lost."""
    served = serve(CROSSED)
    tasks = served.created.tasks.query("reader == 'R1' and session == 1 and arm == 'aided'")
    position = int(tasks["position"].min())
    asked: list[str] = []
    everything: list[str] = []

    def fail(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=500, json={"error": "broken"})

    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        for before in range(1, position):
            page.case(1, before)
            page.press("y", "8", "Enter")
        page.case(1, position)
        page.page.clock.install()
        page.page.reload()
        page.case(1, position)
        stored = len(readings(served))
        page.context.route(f"**/api/{what}", fail)
        page.page.on("request", lambda request: everything.append(request.url) if "/api/" in request.url else None)
        if what == "cases/*/draft":
            page.press("y", "8")
        elif what == "cases/*/answers":
            page.press("y", "8", "Enter")
        else:
            page.page.reload()
        for _ in range(20):
            page.page.clock.run_for(500)
            page.page.wait_for_timeout(15)
        page.page.wait_for_selector("#trouble .message")
        assert 2 <= len(asked) <= 8
        assert len(everything) <= 20
        assert len(readings(served)) == stored
        page.context.unroute(f"**/api/{what}")
        page.page.clock.run_for(30000)
        page.page.wait_for_selector("#trouble .message", state="hidden")
        page.case(1, position + (what == "cases/*/answers"))
        if what == "cases/*/draft":
            assert page.page.is_checked("input[name=call][value='1']")
        page.complaints.clear()
        page.close()


# --- the heat map -----------------------------------------------------------------------------------------------------


def test_the_heat_map_has_a_legend_an_opacity_and_a_word_where_there_is_none(serve: Serve, browser: Any) -> None:
    served = serve(CROSSED)
    tasks = served.created.tasks.query("reader == 'R1' and session == 1 and arm == 'aided'").sort_values("position")
    with_map, without = tasks["position"].iloc[0], tasks["position"].iloc[1]
    with served.store.write() as connection:
        from osteon.web.database import view

        connection.execute(view.update().where(view.c.case_code == tasks["code"].iloc[1]).values(heatmap=None))
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        for position in range(1, int(without) + 1):
            page.case(1, position)
            if position == with_map:
                assert page.page.is_visible(".legend >> text=much")
                page.press("b")
                assert strongest(page) == 0
                page.press("h")
                page.page.wait_for_selector("[data-tool=heat][aria-pressed=true]")
                for _ in range(100):
                    if usual := strongest(page):
                        break
                    page.page.wait_for_timeout(20)
                page.page.fill("#strength", "100")
                full = strongest(page)
                assert 0.5 < usual / full < 0.6
                assert full > 250
            elif position == without:
                assert page.page.is_visible("text=No heat map of this case")
            page.press("y", "8", "Enter")
        page.close()


OVERLAY = """() => {
  const canvas = document.querySelector(".pane .overlay");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let most = 0;
  for (let at = 3; at < data.length; at += 4) most = Math.max(most, data[at]);
  return most;
}"""


def strongest(page: Page) -> float:
    """The most solid pixel of what lies over the picture."""
    return float(np.float64(page.page.evaluate(OVERLAY)))


def test_a_window_does_not_take_the_pen_unasked(serve: Serve, browser: Any) -> None:
    """The older window believes what is no longer so: it finds out, and still leaves the pen where it is."""
    served = serve(CROSSED.replace("comment = true", "comment = true\nrevise = false"))
    with listening(served) as address:
        older, newer = Page(browser, address), Page(browser, address)
        older.open(served.token("R1"))
        older.case(1, 1)
        newer.open(served.token("R1"))
        newer.case(1, 1)
        newer.press("y", "8", "Enter")
        newer.case(1, 2)
        older.turn_away(True)
        older.turn_away(False)  # reports a look at a case that is closed
        older.page.wait_for_selector("dialog.elsewhere[open]")
        newer.press("y", "8", "Enter")
        newer.case(1, 3)
        older.complaints.clear()  # the time it reported for a case that is closed
        older.close()
        newer.close()
