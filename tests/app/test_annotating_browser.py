"""The annotation room in a real browser: mouse, keys and touch alone draw, correct, save and adjudicate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from annotation import PROTOCOL, Desk, content, desk, table
from browsing import Page, listening

from osteon.web.annotating.export import export


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Desk]:
    box = {"x0": [30.0] * 4, "y0": [40.0] * 4, "x1": [60.0] * 4, "y1": [80.0] * 4}
    table(tmp_path, **box).rename(tmp_path / "suggested.csv")
    protocol = PROTOCOL.model_copy(update={"fields": (), "together": "picture"})
    made = desk(tmp_path, protocol, suggestions=tmp_path / "suggested.csv")
    yield made
    made.store.close()


class Room(Page):
    """The annotation room; places are pixels of the picture on the first pane."""

    def enter(self, token: str) -> None:
        """Sign in, and open the first case that is due."""
        self.open(token)
        self.stage("list")
        self.page.click("button.primary")

    def at(self, position: int) -> None:
        """A case is on the screen."""
        self.page.wait_for_selector(f"body[data-case='{position}']")

    def place(self, x: float, y: float, pane: int = 0) -> tuple[float, float]:
        """Where a pixel of the picture (90 x 120) lies on the screen while the whole picture is shown."""
        box = self.page.locator(".pane").nth(pane).bounding_box()
        scale = min(box["width"] / 90, box["height"] / 120)
        return box["x"] + box["width"] / 2 + (x - 45) * scale, box["y"] + box["height"] / 2 + (y - 60) * scale

    def drag(self, *points: tuple[float, float], pane: int = 0) -> None:
        """Press, go through the places, and let go."""
        mouse = self.page.mouse
        mouse.move(*self.place(*points[0], pane))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.place(*point, pane), steps=2)
        mouse.up()

    def saved(self) -> None:
        """Save with Enter."""
        self.press("Enter")


def drawn(served: Desk, person: str, position: int) -> list[dict[str, Any]]:
    """The outlines that the server has."""
    return list(served.person(person).case(position)["saved"]["shapes"])


def rounded(shape: dict[str, Any]) -> list[list[int]]:
    return [[round(x), round(y)] for x, y in shape["points"]]


def test_a_case_by_mouse_and_keys(browser: Any, served: Desk) -> None:
    """Boxes drawn, pulled, moved, undone, redone and deleted; outlines corner by corner and freehand; drafts kept."""
    with listening(served) as address:
        room = Room(browser, address)
        room.enter(served.token("A1"))
        room.at(1)
        assert "Draw the lesion (D)" in room.text()
        room.drag((30, 40), (60, 80))
        room.press("2")
        room.drag((60, 80), (70, 90))  # its corner
        room.drag((50, 60), (45, 58))  # from within: all of it
        room.press("Control+z", "Control+z", "Control+y")  # back to after the corner
        room.press("Escape")
        room.drag((5, 5), (20, 20))
        room.press("1", "Delete", "Control+z", "n", "n", "Delete")
        room.page.wait_for_timeout(400)
        room.page.reload()  # the draft is there again
        room.stage("list")
        room.page.click("button.primary")
        room.at(1)
        room.press("Control+z")  # a new page has nothing to undo
        room.saved()
        room.at(2)
        room.press("g")
        for corner in ((20, 20), (60, 22), (62, 70), (25, 75)):
            room.page.mouse.click(*room.place(*corner))
        room.press("Enter", "1")
        room.drag((22, 90), (50, 90), (60, 100), (50, 112), (30, 112), (22, 92))  # freehand, closed by itself
        room.press("2")
        room.saved()
        room.at(3)
        room.press("x")
        room.saved()
        room.at(4)
        room.press("u", "2")
        room.saved()
        room.stage("list")
        assert "All done" in room.text()
        room.close()
        first = drawn(served, "A1", 1)
        outline, freehand = drawn(served, "A1", 2)
    assert [rounded(shape) for shape in first] == [[[30, 40], [70, 90]]]
    assert rounded(outline) == [[20, 20], [60, 22], [62, 70], [25, 75]]
    assert freehand["kind"] == "polygon"
    assert len(freehand["points"]) >= 5
    third, fourth = (served.person("A1").case(place)["saved"] for place in (3, 4))
    assert (third["status"], fourth["status"], fourth["reason"]) == ("none", "unusable", PROTOCOL.unusable[1])


def test_the_keyboard_alone_is_enough_and_suggestions_are_marked(browser: Any, served: Desk) -> None:
    with listening(served) as address:
        room = Room(browser, address)
        room.enter(served.token("A1"))
        room.at(1)
        room.page.locator(".pane").first.focus()
        room.press("ArrowRight", "ArrowDown", "Alt+ArrowLeft", "Shift+ArrowRight", "1")
        room.saved()
        room.at(2)
        room.page.wait_for_selector("text=Take all suggestions")
        room.press("s", "1")
        room.saved()
        room.at(3)
        room.press("?")
        room.page.wait_for_selector("dialog[open] >> text=draw boxes")
        room.close()
    assert drawn(served, "A1", 1)[0]["suggestion"] is None
    assert drawn(served, "A1", 2)[0]["suggestion"] == 1


def test_the_adjudicator_takes_one_side_and_mends_it(browser: Any, served: Desk, tmp_path: Path) -> None:
    for code, shift in (("A1", 0), ("A2", 14)):
        who = served.person(code)
        for position in who.work():
            said = content((30 + shift, 40, 60 + shift, 80))
            said["fields"] = {}
            assert who.save(position, said).status_code == 200
    with listening(served) as address:
        room = Room(browser, address)
        room.enter(served.token("J"))
        room.at(1)
        assert room.page.locator(".pane").count() == 2
        assert "IoU of 0.36" in room.text()
        before = room.page.locator(".facts").all_inner_texts()
        room.press("+")  # both panes show one picture: what is done to one is done to the other
        room.page.wait_for_function(
            "before => { const facts = [...document.querySelectorAll('.facts')].map((each) => each.textContent);"
            " return facts.every((each, i) => each !== before[i]) && facts[0] === facts[1]; }",
            arg=before,
        )
        room.press("f", "r")
        room.press("b")
        left = drawn_box(room)
        room.press("a")
        assert abs(drawn_box(room) - left) < 1e-9  # a box keeps its size, whoever drew it
        room.saved()
        room.at(2)
        room.press("x")  # there is nothing drawn yet: neither is right
        room.saved()
        room.at(3)
        room.close()
    made = export(served.made.folder, tmp_path / "out")
    assert made.cohort["annotated"].tolist() == ["adjudicated"]
    assert made.left_out["reason"].str.startswith("no lesion (adjudicated)").sum() == 1


def drawn_box(room: Room) -> float:
    """The width that the panel tells."""
    return float(room.page.locator(".lesion .quiet").first.inner_text().split(" ")[0])


def test_a_finger_draws_and_two_windows_have_one_pen(browser: Any, served: Desk) -> None:
    with listening(served) as address:
        room = Room(browser, address, has_touch=True, viewport={"width": 390, "height": 844})
        room.enter(served.token("A1"))
        room.at(1)
        other = Room(browser, address)
        other.enter(served.token("A1"))
        other.at(1)
        room.drag((30, 40), (60, 80))
        room.page.wait_for_selector("text=You go on in another window")
        room.page.click("text=Go on here instead")
        room.stage("list")
        room.close()
        other.page.wait_for_timeout(50)
        other.close()
