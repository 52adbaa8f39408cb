"""The viewer in a real browser: the habits of PACS, by mouse and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from browsing import Page, listening
from reading_study import Served

Serve = Callable[..., Served]
STUDY = """
[readers]
before = []
after = []
heatmap = false
show_box = false
answers = ["benign", "malignant"]
draw_box = true
[[readers.people]]
code = "R1"
"""
#: The middle of the first picture's canvas, as grey levels.
CANVAS = """([rows, columns]) => {
  const canvas = document.querySelector('.pane canvas');
  const [x, y] = [Math.round(canvas.width / 2 - columns / 2), Math.round(canvas.height / 2 - rows / 2)];
  return Array.from(canvas.getContext('2d').getImageData(x, y, columns, rows).data).filter((_, i) => i % 4 === 0);
}"""

#: How opaque the middle of what is drawn over the first picture is.
LENS = """() => {
  const over = document.querySelector('.overlay');
  return over.getContext('2d').getImageData(over.width / 2, over.height / 2, 1, 1).data[3];
}"""


class Light(Page):
    """A case on the light box; places are CSS pixels from the middle of the first pane."""

    def place(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator(".pane").first.bounding_box()
        return box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y

    def drag(self, *points: tuple[float, float], button: str = "left") -> None:
        self.page.mouse.move(*self.place(*points[0]))
        self.page.mouse.down(button=button)
        for point in points[1:]:
            self.page.mouse.move(*self.place(*point), steps=2)
        self.page.mouse.up(button=button)

    def settled(self) -> None:
        """What was asked for has been drawn."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def facts(self) -> str:
        self.settled()
        return str(self.page.inner_text(".facts >> nth=0"))

    def zoom(self) -> int:
        return int(self.facts().split("%")[0])

    def box(self) -> str:
        """What the panel says of the box."""
        return str(self.page.inner_text(".box-row"))

    def middle(self, rows: int, columns: int) -> np.ndarray:
        """The grey levels of that many pixels around the middle of the canvas."""
        self.settled()
        return np.array(self.page.evaluate(CANVAS, [rows, columns]), dtype=float).reshape(rows, columns)


def test_buttons_wheel_and_double_click_are_those_of_ones_own_viewer(serve: Serve, browser: Any) -> None:
    served = serve(STUDY)
    with listening(served) as address:
        light = Light(browser, address)
        light.open(served.token("R1"))
        light.case(1, 1)
        fitted, window = light.zoom(), light.facts().split("C")[1]
        light.drag((0, 0), (0, -60), button="right")
        assert light.zoom() > 1.2 * fitted
        still = light.middle(150, 200)
        light.drag((0, 0), (40, 25), button="middle")
        assert np.array_equal(light.middle(150, 200)[25:, 40:], still[:-25, :-40])  # what was there lies elsewhere
        assert light.facts().split("C")[1] == window
        light.page.mouse.dblclick(*light.place(30, 30))
        assert light.zoom() == fitted
        light.page.mouse.wheel(0, -300)
        assert light.zoom() > fitted
        light.page.click("[data-tool=more]")
        light.page.select_option(".menu select >> nth=1", label="OHIF")
        assert "the next view" in light.page.inner_text(".menu")
        light.press("Escape", "f")
        light.page.mouse.move(*light.place(0, 0))
        light.page.mouse.wheel(0, -300)
        assert light.zoom() == fitted
        light.page.reload()  # the choice is this browser's
        light.case(1, 1)
        light.page.mouse.move(*light.place(0, 0))
        light.page.mouse.wheel(0, -300)
        assert light.zoom() == fitted
        light.close()


def test_a_turned_and_mirrored_picture_is_the_picture(serve: Serve, browser: Any) -> None:
    """Pixel for pixel at full size, against numpy; what is drawn stays where it was in the picture."""
    served = serve(STUDY)
    with listening(served) as address:
        light = Light(browser, address)
        light.open(served.token("R1"))
        light.case(1, 1)
        light.press("d")
        light.drag((-60, -80), (80, 90))
        light.press("o", "w")
        upright = light.middle(120, 90)
        light.press("Shift+R")
        assert np.array_equal(light.middle(90, 120), np.rot90(upright, -1))
        light.press("Shift+F")
        assert np.array_equal(light.middle(90, 120), np.fliplr(np.rot90(upright, -1)))
        light.press("Shift+F", "Shift+L", "Shift+V")
        assert np.array_equal(light.middle(120, 90), np.flipud(upright))
        assert "mirrored" in light.facts()
        light.press("y", "9", "Enter")
        light.case(1, 2)
        assert "mirrored" not in light.facts()
        light.close()
    with served.store.read() as connection:
        from osteon.web.database import reading

        box = connection.execute(reading.select()).mappings().one()["box"]
    assert abs((box["x1"] - box["x0"]) / (box["y1"] - box["y0"]) - 140 / 170) < 0.01


def test_boxes_rulers_and_angles_have_handles_and_can_be_undone(serve: Serve, browser: Any) -> None:
    served = serve(STUDY)
    with listening(served) as address:
        light = Light(browser, address)
        light.open(served.token("R1"))
        light.case(1, 1)
        drawn = lambda: light.page.evaluate("document.querySelectorAll('.overlay')[0].toDataURL()")  # noqa: E731
        empty = drawn()
        light.press("l")
        light.drag((-100, -100), (-20, -100))
        one = drawn()
        light.drag((-100, 50), (-20, 60))
        assert drawn() not in (empty, one)  # a second ruler beside the first
        light.press("Control+z")
        light.press("Control+y", "Delete")
        light.press("e")
        light.drag((40, 40), (40, 100))
        light.page.mouse.move(*light.place(120, 100))
        light.page.mouse.down()
        light.page.mouse.up()
        light.press("d")
        assert "wanted" in light.page.locator(".box-row").inner_html()
        light.drag((-50, -50), (0, 0))
        assert "A box is drawn" in light.box()
        light.drag((0, 0), (60, 70))  # by its corner
        light.drag((0, 0), (10, 10))  # from within
        light.press("Control+z", "Control+z", "Control+z")
        assert "A box is drawn" not in light.box()
        light.press("Control+y", "Control+y")
        assert "A box is drawn" in light.box()
        light.press("n", "1", "Enter")
        light.case(1, 2)
        assert drawn() == empty
        light.press("[")
        light.case(1, 1)
        light.press("Control+z", "Delete")  # an answer that is stored keeps its box
        assert "A box is drawn" in light.box()
        light.close()
    with served.store.read() as connection:
        from osteon.web.database import reading

        box = connection.execute(reading.select()).mappings().one()["box"]
    assert abs((box["x1"] - box["x0"]) / (box["y1"] - box["y0"]) - 110 / 120) < 0.01


def test_linked_views_a_shutter_and_a_magnifier(serve: Serve, browser: Any) -> None:
    served = serve(STUDY.replace("draw_box = true", ""))
    tasks = served.created.tasks.query("reader == 'R1' and session == 1").set_index("code")
    pair = int(tasks.loc[served.created.key.query("view == 2")["code"].iloc[0], "position"])
    with listening(served) as address:
        light = Light(browser, address)
        light.open(served.token("R1"))
        for position in range(1, pair):
            light.case(1, position)
            light.press("n", "2", "Enter")
        light.case(1, pair)
        second = lambda: (light.settled(), light.page.inner_text(".facts >> nth=1"))[1]  # noqa: E731
        before = second()
        light.press("+")
        assert second() == before
        light.press("f", "j", "+", "Shift+W")
        assert int(second().split("%")[0]) == light.zoom() > int(before.split("%")[0])
        light.press("q")
        assert "no white border" in light.text()
        light.press("z")
        light.page.mouse.move(*light.place(0, 0))
        light.page.mouse.down()
        light.settled()
        assert light.page.evaluate(LENS) == 255
        light.page.mouse.up()
        assert light.page.evaluate(LENS) == 0
        light.close()
