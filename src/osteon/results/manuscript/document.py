"""A manuscript as a tree of what it says; how a file says it is for the writers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from osteon.results.report import page
from osteon.results.report.page import Estimated, first_sentence

#: The width of a page's text, which is a journal's double column, and of a single column, in mm.
DOUBLE, SINGLE = 174.0, 88.0
_TALLEST = 215.0  # mm that a figure may be high, so that its caption stays on the page
_LEAST = 9  # characters that the narrowest column of a table is given


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section of the paper."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Caption:
    """What stands at a table or figure.

    Attributes:
        label: ``Table 3``.
        title: Its first sentence.
        notes: The rest.
    """

    label: str
    title: str
    notes: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts; numbers and their intervals have cells of their own.

    Attributes:
        caption: Its label and words.
        header: Column heads.
        rows: Cells, as many as heads; a row with a single cell is a heading across the table.
        words: How many leading columns are text; the others are numbers.
    """

    caption: Caption
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    @property
    def widths(self) -> tuple[float, ...]:
        """Widths of the columns in mm, by what they have to hold."""
        full = [self.header, *(row for row in self.rows if len(row) > 1)]
        needs = [_need([row[i] for row in full], text=i < self.words) for i in range(len(self.header))]
        return tuple(DOUBLE * need / sum(needs) for need in needs)


def _need(cells: list[str], *, text: bool) -> float:
    longest = max(len(cell) for cell in cells[1:]) if cells[1:] else 0
    return max(_LEAST, min(longest, 60 if text else 16), min(max(map(len, cells[0].split() or [""])), 14))


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        caption: Its label and words.
        name: The run's name for it.
        alternative: What a reader who does not see it has to know.
    """

    caption: Caption
    name: str
    alternative: str


@dataclass(frozen=True)
class Drawn:
    """A figure as a file.

    Attributes:
        file: A PDF, or a PNG with at least 300 dots an inch at its width.
        width: In mm, a journal's single or double column, or less where it would not fit on a page.
    """

    file: Path
    width: float


Block = Heading | Paragraph | Bullets | Table | Figure


@dataclass(frozen=True)
class Document:
    """A manuscript.

    Attributes:
        title: Its title.
        notice: What has to stand on every page; "" where nothing has to.
        blocks: What it says, in order.
    """

    title: str
    notice: str
    blocks: tuple[Block, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Its figures in order."""
        return tuple(block for block in self.blocks if isinstance(block, Figure))


def width(size: tuple[float, float]) -> float:
    """How wide a figure is printed, in mm.

    Args:
        size: Width and height that it was drawn with, in any unit but the width in inches.

    >>> width((7.2, 4.0)), width((3.4, 3.0)), round(width((7.2, 14.4)), 1)
    (174.0, 88.0, 107.5)
    """
    wanted = SINGLE if size[0] * 25.4 <= SINGLE + 5 else DOUBLE
    return min(wanted, _TALLEST * size[0] / size[1])


def plain(text: object) -> str:
    """What a piece of the report says, without its marks of HTML."""
    return text.striptags() if isinstance(text, Markup) else str(text)


def taken(blocks: Iterable[page.Block | None], level: str) -> Iterator[Block]:
    """Blocks of the report as blocks of a manuscript; what is HTML alone is left out.

    Args:
        blocks: The report's blocks.
        level: How intervals are headed, ``95% CI``.
    """
    for block in blocks:
        match block:
            case page.Paragraph():
                yield Paragraph(plain(block.text))
            case page.Heading():
                yield Heading(block.text, 2)
            case page.Bullets():
                yield Bullets(tuple(plain(item) for item in block.items))
            case page.Table():
                yield _table(block, level)
            case page.Figure():
                caption = Caption(block.label, *first_sentence(block.caption))
                yield Figure(caption, block.name, block.alternative)


def _table(table: page.Table, level: str) -> Table:
    """A table of the report; a column of numbers with intervals becomes two."""
    spans = table.spans
    header = [name for head, span in zip(table.header, spans, strict=True) for name in [plain(head), level][:span]]
    rows = [
        (plain(row[0]),)
        if len(row) == 1
        else tuple(text for cell, span in zip(row, spans, strict=True) for text in _cells(cell, span))
        for row in table.rows
    ]
    head, notes = first_sentence(table.caption)
    return Table(Caption(table.label, head, notes), tuple(header), tuple(rows), table.words)


def _cells(cell: object, span: int) -> list[str]:
    if isinstance(cell, Estimated):
        parts = ["not estimable", cell.reason] if cell.reason else [cell.value, cell.limits]
    else:
        parts = [plain(cell), ""]
    return parts[:span]
