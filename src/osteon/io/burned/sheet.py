"""The contact sheet: every picture exactly as others will see it, with what was done about text outlined.

Pages are files of their own that need nothing else. They carry the study's case identifiers and stay with the
investigator, or whoever passes the pictures on.
"""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from osteon.core.tables import written
from osteon.io.burned.masking import Masked

_A_PAGE = 48  # pictures
_SIDE = 900  # pixels of the longer side of a picture as it is stored in a page; shown smaller until it is opened


@dataclass
class Sheet:
    """Pages that grow as pictures are prepared.

    Attributes:
        folder: Where the pages go.
        title: The study's name.
        total: How many pictures there will be.
        shows: What the pictures are.
    """

    folder: Path
    title: str
    total: int
    shows: str = "what readers will see"
    _figures: list[str] = field(default_factory=list)
    _undecided: list[tuple[str, str, int]] = field(default_factory=list)
    _added: int = 0

    @property
    def first(self) -> Path:
        """The page to open first."""
        return self.folder / _page_name(1)

    def add(self, shown: NDArray[np.uint8], code: str, number: int, case_id: str, masked: Masked) -> None:
        """Put a picture on the sheet.

        Args:
            shown: (H, W) greys as on the reader's screen.
            code: The case's code.
            number: Of the picture within the case.
            case_id: The picture's own identifier.
            masked: What became of its text.
        """
        self.put(figure(shown, code, number, case_id, masked), case_id, masked.open)

    def put(self, drawn: str, case_id: str, undecided: str) -> None:
        """Put on the sheet what :func:`figure` made.

        Args:
            drawn: The picture.
            case_id: Its identifier.
            undecided: What has to be decided about it, as :attr:`Masked.open` says it.
        """
        self._added += 1
        if undecided:
            self._undecided.append((case_id, undecided, (self._added - 1) // _A_PAGE + 1))
        self._figures.append(drawn)
        if self._added % _A_PAGE == 0 or self._added == self.total:
            self._write((self._added - 1) // _A_PAGE + 1)
            self._figures.clear()

    def _write(self, page: int) -> None:
        pages = max(1, -(-self.total // _A_PAGE))
        links = " ".join(
            f"<b>{other}</b>" if other == page else f'<a href="{_page_name(other)}">{other}</a>'
            for other in range(1, pages + 1)
        )
        last = ""
        if page == pages:
            rows = "".join(
                f'<li><a href="{_page_name(where)}#{_anchor(case)}">{html.escape(case)}</a>: {_OPEN[why]}</li>'
                for case, why, where in self._undecided
            )
            last = f"<h2>To be decided</h2><ul>{rows or '<li>Nothing.</li>'}</ul>"
        text = _PAGE.format(
            title=html.escape(self.title),
            shows=html.escape(self.shows),
            page=page,
            pages=pages,
            links=links,
            figures="\n".join(self._figures),
            last=last,
        )
        with written(self.folder / _page_name(page)) as beside:
            beside.write_text(text, encoding="utf-8")


_OPEN = {
    "over the anatomy": "something over the anatomy looks like text and was left",
    "stated": "the header says that text is burned in, and none was found",
}


def _page_name(page: int) -> str:
    return f"page-{page:02d}.html"


def _anchor(case_id: str) -> str:
    return "case-" + base64.urlsafe_b64encode(case_id.encode()).decode().rstrip("=")


def figure(shown: NDArray[np.uint8], code: str, number: int, case_id: str, masked: Masked) -> str:
    """A picture as HTML, outlined and labelled; see :meth:`Sheet.add`."""
    height, width = shown.shape
    image = Image.fromarray(shown)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=88)
    data = base64.b64encode(held.getvalue()).decode()
    outlines = "".join(
        f'<rect class="{kind}" x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}"/>'
        for kind, boxes in (("painted", masked.painted), ("left", masked.left), ("marker", masked.markers))
        for x0, y0, x1, y1 in boxes
    )
    counts = [
        f"{len(boxes)} {word}"
        for boxes, word in ((masked.painted, "masked"), (masked.left, "left"), (masked.markers, "marker"))
        if boxes
    ]
    note = ", ".join(counts) or "no text found"
    if masked.stated:
        note += "; header: YES"
    label = f"{html.escape(code)}, picture {number} &middot; {html.escape(case_id)}"
    return (
        f'<figure id="{_anchor(case_id)}" class="{"open" if masked.open else ""}"><label><input type="checkbox">'
        f'<span class="frame"><img alt="{label}" src="data:image/jpeg;base64,{data}">'
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none">{outlines}</svg></span></label>'
        f"<figcaption>{label}<br><small>{html.escape(note)}</small></figcaption></figure>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Contact sheet {page}: {title}</title>
<style>
body {{ margin: 1rem; background: #20242a; color: #e8eaed; font: 14px system-ui, sans-serif; }}
a {{ color: #8ab4f8; }} h1 {{ font-size: 1.2rem; }}
.sheet {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px; }}
figure {{ margin: 0; padding: 6px; background: #2b3038; border-radius: 4px; }}
figure.open {{ outline: 3px solid #ff5c5c; }}
.frame {{ position: relative; display: block; cursor: zoom-in; }}
img {{ display: block; width: 100%; }}
svg {{ position: absolute; inset: 0; width: 100%; height: 100%; }}
rect {{ fill: none; stroke-width: 2px; vector-effect: non-scaling-stroke; }}
.painted {{ stroke: #ffb300; }} .left {{ stroke: #ff5c5c; stroke-dasharray: 6 4; }} .marker {{ stroke: #5fd4c4; }}
label input {{ position: absolute; opacity: 0; }}
label input:focus-visible + .frame {{ outline: 2px solid #8ab4f8; }}
label input:checked + .frame {{ position: fixed; inset: 0; margin: auto; z-index: 1; width: fit-content;
  height: fit-content; cursor: zoom-out; box-shadow: 0 0 0 100vmax #000c; }}
label input:checked + .frame img {{ width: auto; max-width: 98vw; height: 96vh; max-height: 96vh; object-fit: fill; }}
#plain:checked ~ .sheet svg {{ display: none; }}
small {{ color: #b8bcc4; }}
</style></head><body>
<h1>Contact sheet of {title}: {shows}. Page {page} of {pages}</h1>
<p>Look at every picture for names, numbers and dates. Click a picture to enlarge it.
<span style="color:#ffb300">Amber: painted over.</span> <span style="color:#ff5c5c">Red, dashed: looks like text
over the anatomy, and was left.</span> <span style="color:#5fd4c4">Green: side marker, left.</span>
This sheet carries your case identifiers; do not pass it on.</p>
<p>Pages: {links}</p>
<input type="checkbox" id="plain"> <label for="plain">without outlines</label>
<div class="sheet">
{figures}
</div>
{last}
<p>Pages: {links}</p>
</body></html>
"""
