"""The reading room in Firefox: one way through it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from browsing import listening
from firefox import firefox
from reading_study import Served

from osteon.web.database import reading

STUDY = """
[readers]
before = []
after = []
views = false
arms = "unaided-first"
answers = ["benign", "malignant"]
draw_box = true
show_box = false
[[readers.people]]
code = "R1"
[[readers.people]]
code = "R2"
"""


def test_signing_in_reading_drawing_answering_and_saving(serve: Callable[..., Served], tmp_path: Path) -> None:
    """A box drawn with the mouse, an answer by the keys: what is stored is what was drawn and chosen."""
    served = serve(STUDY)
    (folder := tmp_path / "profile").mkdir()
    with listening(served) as address, firefox(folder) as page:
        page.open(f"{address}/#{served.token('R1')}")
        page.wait_for("body[data-case='1.1.1']")
        page.wait_for("form[data-mode='open']")
        left, top, right, bottom = page.tell(
            "(({left, top, right, bottom}) => [left, top, right, bottom])"
            "(document.querySelector('.pane').getBoundingClientRect())"
        )
        middle = round((left + right) / 2), round((top + bottom) / 2)
        page.press("d")
        page.drag((middle[0] - 60, middle[1] - 50), (middle[0] + 60, middle[1] + 50))
        page.press("y", "9", "Enter")
        page.wait_for("body[data-case='1.2.1']")
        assert "#" not in page.tell("location.href")
    with served.store.read() as connection:
        stored = connection.execute(reading.select()).mappings().one()
    assert (stored["call"], stored["confidence"]) == (1, 90)
    box = stored["box"]
    assert abs((box["x1"] - box["x0"]) / (box["y1"] - box["y0"]) - 1.2) < 0.05  # 120 by 100 on the screen
    assert abs((box["x0"] + box["x1"]) / 2 - 45) < 2  # the middle of 90 x 120 pixels
    assert abs((box["y0"] + box["y1"]) / 2 - 60) < 2
