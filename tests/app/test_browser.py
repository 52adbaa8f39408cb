"""A real browser does a whole reader study: two readers, two sessions, a wash-out in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from browsing import Page, listening
from reading_study import Served

from osteon.io import read_stored
from osteon.web.export import export

Serve = Callable[..., Served]
STUDY = """
[readers]
washout_days = 28
answers = ["benign", "malignant"]
comment = true
draw_box = true
[[readers.before]]
id = "helps"
text = "I expect the advice to help."
[[readers.before]]
id = "years"
text = "How many years have you read bone tumours?"
kind = "number"
[[readers.after]]
id = "remarks"
text = "Remarks?"
kind = "text"
required = false
[[readers.people]]
code = "R1"
experience = 2
[[readers.people]]
code = "R2"
experience = 12
"""


def fill_before(page: Page) -> None:
    page.stage("before")
    page.page.check("input[name=helps][value='5']", force=True)
    page.page.fill("input[name=years]", "7")
    page.page.click("button.primary")


def test_a_link_pasted_into_the_open_page_signs_in(serve: Serve, browser: Any) -> None:
    served = serve(STUDY)
    with listening(served) as address:
        page = Page(browser, address)
        page.open()
        page.page.wait_for_selector("text=invitation")
        page.open(served.token("R1"))
        page.stage("before")
        page.close()


def test_two_readers_two_sessions(serve: Serve, browser: Any) -> None:
    served = serve(STUDY)
    with listening(served) as address:
        for session in (1, 2):
            for name in ("R1", "R2"):
                page = Page(browser, address)
                page.open(served.token(name))
                if session == 1:
                    fill_before(page)
                read(page, served, name, session)
                if session == 1:
                    page.stage("washout")
                    page.page.reload()
                    page.stage("washout")
                    assert "first session is complete" in page.text()
                else:
                    page.stage("after")
                    page.page.fill("textarea", "Nothing <b>at all</b>")
                    page.page.click("button.primary")
                    page.stage("done")
                page.close()
            served.clock.ahead = timedelta(days=28, minutes=1)
    exported = export(served.store, served.created.folder)
    readings = exported.readings
    assert len(readings) == 2 * 2 * 5
    assert not readings.duplicated(["reader", "arm", "case_id"]).any()
    assert readings.groupby(["reader", "arm"]).size().tolist() == [5, 5, 5, 5]
    assert (readings["advice_at"].ne("") == (readings["arm"] == "aided")).all()
    assert readings["seconds"].between(0.001, 120).all()
    assert set(readings["confidence"]) == {20.0, 80.0}
    revised = exported.revisions[exported.revisions["revision"] == 2]
    assert revised["comment"].tolist() == ["second thoughts"] * 4
    assert exported.questionnaire.query("item == 'remarks'")["value"].tolist() == ["Nothing <b>at all</b>"] * 2


def read(page: Page, served: Served, name: str, session: int) -> None:
    """A session by keyboard alone: answer all, go back once, close."""
    tasks = served.created.tasks
    arms = tasks[(tasks["reader"] == name) & (tasks["session"] == session)].set_index("position")["arm"]
    for position in range(1, 6):
        page.case(session, position)
        aided = arms[position] == "aided"
        if aided:
            page.page.wait_for_selector(".advice .verdict")
        assert page.page.locator(".advice").is_visible() == aided
        assert ("advice" in page.page.inner_text(".panel").lower().replace("without advice", "")) == aided
        page.draw()
        page.press(*(("y", "8") if position % 2 else ("n", "2")), "Enter")
        if position == 2:
            page.case(session, 3)
            page.press("[")
            page.case(session, 2)
            page.press("c")
            page.page.fill("#comment", "second thoughts")
            page.page.click(".send .primary")
            page.case(session, 3)
    page.stage("review")
    close_session(page)


def close_session(page: Page) -> None:
    """Close, and say that it is meant."""
    page.page.click("button.primary")
    assert "No case is open. 5 of 5 are answered." in page.page.inner_text("dialog[open]")
    page.page.click("dialog[open] >> text=Close it")


ALONE = (
    STUDY.replace("[readers]", "[readers]\nviews = false\nbefore = []")
    .replace("[[readers.before]]", "[[readers.after]]")
    .replace("draw_box = true", "draw_box = false")
)
WITH_BOX = ALONE.replace("draw_box = false", "draw_box = true")


def first_case(served: Served) -> str:
    """The identifier of the case that R1 reads first."""
    tasks = served.created.tasks.query("reader == 'R1' and session == 1 and position == 1")
    key = served.created.key.drop_duplicates("code").set_index("code")
    return str(key.loc[tasks["code"].iloc[0], "case_id"])


def test_the_picture_on_the_screen_is_the_picture(serve: Serve, browser: Any) -> None:
    """Grey levels of the canvas against numpy: as opened, inverted, and with a dragged window."""
    served = serve(ALONE)
    original = read_stored(served.images / f"secret-malignant-{first_case(served)}.png")
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        page.press("b", "o")  # without the lesion's box, one pixel to one
        expected = 255 * original.render().pixels
        assert np.abs(grey(page) - expected).max() <= 1.01
        page.press("i")
        assert np.abs((255 - grey(page)) - expected).max() <= 1.01
        page.press("i")
        drag(page, (60, 30))
        centre, width = shown_window(page)
        usual = original.window[1] - original.window[0]
        assert width > 1.1 * usual
        values = original.values.astype(float)
        expected = 255 * np.clip((values - (centre - width / 2)) / width, 0, 1)
        assert np.abs(grey(page) - expected).max() <= 1.5
        page.press("r")
        assert np.abs(grey(page) - 255 * original.render().pixels).max() <= 1.01
        page.close()


def shown_window(page: Page) -> tuple[float, float]:
    """Centre and width as the page tells them, in the file's own values."""
    centre, width = (float(part) for part in page.page.inner_text(".facts").split("C ")[1].split("W"))
    return centre, width


def test_a_large_picture_comes_at_half_its_size_first(serve: Serve, browser: Any) -> None:
    """The whole is held back on its way: the reader sees the half, is told so at 1:1, and then sees every pixel."""
    served = serve(ALONE, cases=2, shape=(1501, 1100))
    original = read_stored(served.images / f"secret-malignant-{first_case(served)}.png").render().pixels
    window = original[original.shape[0] // 2 - 60 :, original.shape[1] // 2 - 45 :][:120, :90]
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    with listening(served) as address:
        page = Page(browser, address)
        page.context.route("**/pictures/1", hold)
        page.open(served.token("R1"))
        page.case(1, 1)
        page.press("b")
        early = whole_canvas(page)
        page.press("o")
        page.page.wait_for_selector(".facts:has-text('sharpening')")
        blurred = np.abs(grey(page) - 255 * window)
        assert 1.5 < blurred.max() < 40
        held[0].continue_()
        page.page.wait_for_selector(".facts:not(:has-text('sharpening'))")
        page.context.unroute("**/pictures/1")
        assert np.abs(grey(page) - 255 * window).max() <= 1.5
        page.press("f")
        page.page.wait_for_timeout(120)
        assert whole_canvas(page) == early
        page.close()


def test_a_picture_that_never_comes_whole_is_said(serve: Serve, browser: Any) -> None:
    served = serve(ALONE, cases=2, shape=(1501, 1100))
    with listening(served) as address:
        page = Page(browser, address)
        page.context.route("**/pictures/1", lambda route: route.abort())
        page.open(served.token("R1"))
        page.page.wait_for_selector("text=The server cannot be reached")
        page.context.close()


def whole_canvas(page: Page) -> str:
    """All that the first picture's canvas shows."""
    return str(page.page.evaluate("document.querySelector('.pane canvas').toDataURL()"))


def drag(page: Page, by: tuple[int, int], start: tuple[float, float] = (0.5, 0.5)) -> None:
    """Press, move and let go on the first picture; the start in shares of it."""
    frame = page.page.locator(".pane").first.bounding_box()
    x, y = frame["x"] + start[0] * frame["width"], frame["y"] + start[1] * frame["height"]
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x + by[0], y + by[1], steps=3)
    page.page.mouse.up()
    page.page.wait_for_timeout(80)


def grey(page: Page) -> np.ndarray:
    """The picture's pixels as they are on the canvas at 1:1."""
    page.page.wait_for_timeout(120)
    pixels = page.page.evaluate("""() => {
      const canvas = document.querySelector('.pane canvas');
      const [x, y] = [Math.round(canvas.width / 2 - 45), Math.round(canvas.height / 2 - 60)];
      return Array.from(canvas.getContext('2d').getImageData(x, y, 90, 120).data).filter((_, i) => i % 4 === 0);
    }""")
    return np.array(pixels, dtype=float).reshape(120, 90)


def test_tools_by_mouse_keyboard_and_touch(serve: Serve, browser: Any) -> None:
    served = serve(
        STUDY.replace("[readers]", "[readers]\nbefore = []").replace("[[readers.before]]", "[[readers.after]]")
    )
    tasks = served.created.tasks.query("reader == 'R1' and session == 1").set_index("code")
    pair = served.created.key.query("view == 2")["code"].iloc[0]
    with listening(served) as address:
        page = Page(browser, address, has_touch=True)
        page.open(served.token("R1"))
        for position in range(1, int(tasks.loc[pair, "position"])):
            page.case(1, position)
            page.draw()
            page.press("n", "2", "Enter")
        page.case(1, int(tasks.loc[pair, "position"]))
        panes = page.page.locator(".pane")
        assert panes.count() == 2  # both views of the lesion, side by side
        assert panes.nth(0).bounding_box()["x"] < panes.nth(1).bounding_box()["x"]
        zoom = lambda: int(page.page.inner_text(".facts >> nth=0").split("%")[0])  # noqa: E731
        page.press("f")
        page.page.wait_for_timeout(80)
        fitted = zoom()
        frame = panes.nth(0).bounding_box()
        page.page.mouse.move(frame["x"] + 50, frame["y"] + 60)
        page.page.mouse.wheel(0, -400)
        page.page.wait_for_timeout(80)
        assert zoom() > fitted
        page.press("f")
        pinched = pinch(page, frame)
        assert pinched > 1.5 * fitted
        page.press("f", "d")
        drag(page, (40, 50), (0.4, 0.4))
        assert "A box is drawn" in page.text()
        panes.nth(0).focus()
        page.press("Delete")
        assert "A box is drawn" not in page.text()
        page.press("ArrowRight", "ArrowDown", "Shift+ArrowLeft")  # a box by keyboard alone
        assert "A box is drawn" in page.text()
        page.press("v")
        assert page.page.locator(".pane:visible").count() == 1
        page.press("y", "9")
        page.page.click(".send .primary")
        page.page.wait_for_timeout(200)
        page.close()
    with served.store.read() as connection:
        from osteon.web.database import reading

        rows = connection.execute(reading.select()).mappings().all()
    box = rows[-1]["box"]
    assert 0 <= box["x0"] < box["x1"] <= 90
    assert 0 <= box["y0"] < box["y1"] <= 120
    assert rows[-1]["confidence"] == 90


def pinch(page: Page, frame: dict[str, float]) -> int:
    """Two fingers move apart on the first picture; the zoom afterwards."""
    touch = page.context.new_cdp_session(page.page)
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2

    def fingers(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}] if kind != "touchEnd" else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 40)
    for apart in (60, 80, 100):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    page.page.wait_for_timeout(100)
    return int(page.page.inner_text(".facts >> nth=0").split("%")[0])


def test_an_answer_outlasts_a_server_that_does_not_answer(serve: Serve, browser: Any) -> None:
    """Connections fail for a while: the page says so, tries again, and goes on only once the answer is stored."""
    served = serve(ALONE)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        failures = []

        def fail(route: Any) -> None:
            failures.append(route)
            route.abort() if len(failures) < 3 else route.continue_()

        page.page.route("**/answers", fail)
        page.press("y", "7", "Enter")
        page.page.wait_for_selector("#trouble .message")
        assert "Not saved yet" in page.text()
        page.page.evaluate("document.querySelector('#trouble button')?.click()")  # Try now
        page.case(1, 2)
        assert len(failures) == 3
        page.complaints.clear()  # the failed requests themselves
        page.close()
        with served.store.read() as connection:
            from osteon.web.database import reading

            assert len(connection.execute(reading.select()).all()) == 1


def test_pausing_hides_the_picture_and_stops_the_clock(serve: Serve, browser: Any) -> None:
    served = serve(ALONE)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        page.press("p")
        page.page.wait_for_selector("dialog.curtain[open]")
        covered = page.page.evaluate(
            "getComputedStyle(document.querySelector('.curtain'), '::backdrop').backgroundColor"
        )
        assert covered == "rgb(7, 9, 11)"  # opaque
        page.press("y", "5")  # keys do nothing
        served.clock.ahead += timedelta(minutes=20)
        page.page.wait_for_timeout(100)
        page.page.click("dialog.curtain button")
        page.press("y", "5", "Enter")
        page.case(1, 2)
        page.close()
    with served.store.read() as connection:
        from osteon.web.database import reading

        assert connection.execute(reading.select()).mappings().one()["seconds"] < 60


def test_going_on_at_another_machine_and_signing_in_by_hand(serve: Serve, browser: Any) -> None:
    served = serve(ALONE)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        assert page.page.url.endswith("/")  # the token has left the address bar
        page.press("y", "7", "Enter")
        page.case(1, 2)
        page.close()
        other = Page(browser, address, viewport={"width": 820, "height": 1180})  # a tablet, upright
        other.open()
        other.page.fill("#token", f"{address}/#{served.token('R1')}")
        other.page.click("button.primary")
        other.case(1, 2)
        assert other.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        pane, save = (other.page.locator(name).bounding_box() for name in (".pane", ".send .primary"))
        assert pane["y"] + pane["height"] <= save["y"]
        assert save["y"] + save["height"] <= 1180  # in reach without scrolling
        other.close()


@pytest.mark.parametrize("size", [(1024, 768), (1366, 768), (768, 1024)])
def test_advice_with_long_answers_is_read_whole(serve: Serve, browser: Any, size: tuple[int, int]) -> None:
    served = serve(ALONE.replace('"malignant"]', '"malignant or giant cell tumor"]'))
    tasks = served.created.tasks.query("reader == 'R1' and session == 1").sort_values("position")
    with listening(served) as address:
        page = Page(browser, address, viewport={"width": size[0], "height": size[1]})
        page.open(served.token("R1"))
        for position, arm in zip(tasks["position"], tasks["arm"], strict=True):
            page.case(1, position)
            slot = page.page.locator(".slot")
            assert slot.evaluate("e => e.scrollHeight <= e.clientHeight")
            if arm == "aided":
                assert "cut-off" in slot.inner_text()
                break
            page.press("n", "2", "Enter")
        page.close()


def test_the_office(serve: Serve, browser: Any) -> None:
    served = serve(ALONE)
    with listening(served) as address:
        office = Page(browser, address)
        office.open(served.token("admin"), "/admin")
        office.page.wait_for_selector("tbody tr")
        assert "0 / 12" in office.text()
        office.page.click("tr:has-text('R2') >> text=New link")
        office.page.click("dialog[open] >> text=Yes")
        link = office.page.input_value("dialog[open] input")
        assert link.startswith(f"{address}/#")
        office.page.click("dialog[open] >> text=Close")
        reader = Page(browser, address)
        reader.open(link.partition("#")[2])
        reader.case(1, 1)
        office.page.click("tr:has-text('R2') >> text=End")
        office.page.click("dialog[open] >> text=Yes")
        office.page.wait_for_selector("text=ended")
        reader.page.reload()
        reader.page.wait_for_selector("#token")
        reader.close()
        office.close()


AUDIT = """() => {
  const faults = [];
  const lum = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [0, 0, 0];
  };
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || element.closest(".pane")) continue;
    const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(element);
    if (text && !element.closest(":disabled")) {
      const [a, b] = [lum(rgb(style.color)), lum(ground(element))].sort((x, y) => y - x);
      const large = parseFloat(style.fontSize) >= 24;
      const ratio = (a + 0.05) / (b + 0.05);
      const what = element.textContent.trim().slice(0, 30);
      if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${what}`);
    }
    const unseen = element.closest("[aria-hidden='true']");
    if (!unseen && element.matches("button, a, input, select, textarea, [tabindex='0']")) {
      const name = element.getAttribute("aria-label") || element.labels?.[0]?.textContent || element.textContent;
      if (!name?.trim()) faults.push(`nameless: ${element.outerHTML.slice(0, 80)}`);
      const box = (element.closest("label") ?? element).getBoundingClientRect();
      if (element.matches("button") && box.height < 24) faults.push(`small: ${element.textContent}`);
    }
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one heading");
  if (!document.documentElement.lang) faults.push("no language");
  return faults;
}"""


def test_every_page_is_accessible_and_asks_nobody_else(serve: Serve, browser: Any) -> None:
    """WCAG AA contrast, a name for every control, one heading a page; no request to any other address."""
    served = serve(STUDY)
    with listening(served) as address:
        page = Page(browser, address)
        elsewhere: list[str] = []
        page.page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith(address) else None)

        def audit(where: str) -> None:
            assert page.page.evaluate(AUDIT) == [], where

        page.open()
        page.page.wait_for_selector("#token")
        audit("door")
        page.page.fill("#token", served.token("R1"))
        page.page.click("button.primary")
        page.stage("before")
        audit("questionnaire")
        fill_before(page)
        for position in range(1, 6):
            page.case(1, position)
            page.page.wait_for_timeout(150)
            audit(f"case {position}")
            page.press("?")
            audit("help")
            page.page.keyboard.press("Escape")
            page.draw()
            page.press("y", "3", "Enter")
        page.stage("review")
        audit("review")
        page.page.click("button.primary")
        audit("question whether to close")
        page.page.click("dialog[open] >> text=Close it")
        page.stage("washout")
        audit("wash-out")
        assert elsewhere == []
        page.close()


def test_everything_can_be_reached_with_the_tab_key(serve: Serve, browser: Any) -> None:
    served = serve(WITH_BOX)
    with listening(served) as address:
        page = Page(browser, address)
        page.open(served.token("R1"))
        page.case(1, 1)
        reached = set()
        for _ in range(60):
            page.press("Tab")
            reached.add(
                page.page.evaluate(
                    "(e => e.dataset.tool || e.id || e.name || e.className || e.textContent)(document.activeElement)"
                )
            )
        for control in ("window", "ruler", "box", "fit", "invert", "call", "confidence", "comment", "primary", "pane"):
            assert any(control in str(name) for name in reached), (control, reached)
        page.close()
