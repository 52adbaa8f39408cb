"""The blocks a section is made of: paragraphs, numbered tables and figures.

A block knows how it looks on a page (``__html__``); a manuscript takes the same blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from osteon.core.words import number
from osteon.results.report.folder import Finished

_SHORT = 22  # lines of a table that is not broken between printed pages
_WORDS_OF_A_REASON = 30  # characters of a reason that fits into a cell


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is its class on a page."""

    text: str | Markup
    kind: str = ""

    def __html__(self) -> str:
        if self.kind:
            return Markup('<p class="{}">{}</p>').format(self.kind, self.text)
        return Markup("<p>{}</p>").format(self.text)


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str

    def __html__(self) -> str:
        return Markup("<h3>{}</h3>").format(self.text)


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[str | Markup, ...]

    def __html__(self) -> str:
        return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in self.items))


@dataclass(frozen=True)
class Estimated:
    """A number and its interval: two cells of a table, so that each can be copied alone.

    Attributes:
        value: The number; empty where there is none.
        limits: ``0.761 to 0.846``; empty where there is no interval.
        reason: Why there is no number.
    """

    value: str
    limits: str = ""
    reason: str = ""

    def __html__(self) -> str:
        if self.reason:
            return Markup('<td class="number none" colspan="2">not estimable<small>{}</small></td>').format(self.reason)
        return Markup('<td class="number">{}</td><td class="limits">{}</td>').format(self.value, self.limits)

    def __str__(self) -> str:
        return "not estimable" if self.reason else f"{self.value} ({self.limits})" if self.limits else self.value


@dataclass(frozen=True)
class Figure:
    """A figure of the run with its caption.

    Attributes:
        label: ``Figure 3``.
        name: Stem of the files in ``figures/``.
        caption: What is seen; the first sentence is set in bold.
        alternative: What a reader who does not see it has to know.
        svg: The picture.
        file: The name of the file that a journal takes.
    """

    label: str
    name: str
    caption: str
    alternative: str
    svg: str
    file: str

    def __html__(self) -> str:
        head, rest = first_sentence(self.caption)
        return Markup(
            '<figure id="figure-{name}">{svg}<figcaption><b>{label}. {head}</b> {rest} {file}</figcaption></figure>'
        ).format(
            name=self.name,
            svg=Markup(inline(self.svg, self.name, self.alternative)),
            label=self.label,
            head=head,
            rest=rest,
            file=linked(f"figures/{self.file}"),
        )


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes:
        label: ``Table 3``.
        header: Column heads.
        rows: Cells; the first of a row is its head. A row with a single cell is a heading across the table.
        caption: What is shown; the first sentence is set in bold.
        file: The file that holds it all.
        words: How many leading columns are text and stand left; the rest are numbers and stand right.
    """

    label: str
    header: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    caption: str
    file: str = ""
    words: int = 1

    @property
    def spans(self) -> list[int]:
        """Cells that each column takes on a page: two where it holds intervals."""
        full = [row for row in self.rows if len(row) > 1]
        return [2 if any(isinstance(row[i], Estimated) for row in full) else 1 for i in range(len(self.header))]

    def __html__(self) -> str:
        head, rest = first_sentence(self.caption)
        return Markup(
            '<div class="table{short}" role="region" aria-label="{label}" tabindex="0"><table>'
            "<caption><span><b>{label}. {head}</b> {rest} {file}</span></caption>{heading}"
            "<tbody>{rows}</tbody></table></div>"
        ).format(
            short=" short" if len(self.rows) < _SHORT else "",
            label=self.label,
            head=head,
            rest=rest,
            file=linked(self.file) if self.file else "",
            heading=self._heading(),
            rows=Markup("\n").join(self._row(row) for row in self.rows),
        )

    def _heading(self) -> Markup:
        cells = [
            Markup('<th scope="col" class="{}"{}>{}</th>').format(
                "text" if i < self.words else "number", Markup(' colspan="2"' if span == 2 else ""), cell
            )
            for i, (cell, span) in enumerate(zip(self.header, self.spans, strict=True))
        ]
        return Markup("<thead><tr>{}</tr></thead>").format(Markup("").join(cells))

    def _row(self, row: Sequence[object]) -> Markup:
        if len(row) == 1:
            across = Markup('<tr class="group"><th scope="colgroup" colspan="{}">{}</th></tr>')
            return across.format(sum(self.spans), row[0])
        cells = [self._cell(i, cell) for i, cell in enumerate(row) if i]
        return Markup('<tr><th scope="row">{}</th>{}</tr>').format(row[0], Markup("").join(cells))

    def _cell(self, place: int, cell: object) -> Markup:
        if isinstance(cell, Estimated):
            return Markup(cell.__html__())
        kind, wide = "text" if place < self.words else "number", Markup(' colspan="2"')
        return Markup('<td class="{}"{}>{}</td>').format(kind, wide if self.spans[place] == 2 else "", cell)


#: What a section yields; nothing, where a part has nothing to say.
Block = Paragraph | Heading | Bullets | Figure | Table | Markup


@dataclass
class Page:
    """A report while it is being written: the run, and how many tables and figures there are so far."""

    run: Finished
    _numbers: dict[str, int] = field(default_factory=lambda: {"Table": 0, "Figure": 0})

    def figure(self, name: str, caption: str, alternative: str) -> Figure | None:
        """A figure of the run, or nothing where it was not drawn; see :class:`Figure`."""
        svg = self.run.figure(name)
        if svg is None:
            return None
        file = self.run.figure_for_print(name).name
        return Figure(self._next("Figure"), name, caption, alternative, svg, file)

    def table(
        self, header: Sequence[str], rows: Iterable[Sequence[object]], caption: str, *, file: str = "", words: int = 1
    ) -> Table:
        """A table; see :class:`Table`."""
        label = self._next("Table")
        return Table(label, tuple(header), tuple(tuple(row) for row in rows), caption, file, words)

    def _next(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind} {self._numbers[kind]}"


def first_sentence(text: str) -> tuple[str, str]:
    """A caption's first sentence, and the rest."""
    head, stop, rest = text.partition(". ")
    return (head + ".", rest) if stop else (text, "")


def linked(file: str) -> Markup:
    """The name of a file of the run, as a link to it."""
    return Markup('<a class="file" href="{}">{}</a>').format(quote(file), file)


def paragraph(text: str | Markup, kind: str = "") -> Paragraph:
    """A paragraph."""
    return Paragraph(text, kind)


def bullets(items: Iterable[str | Markup]) -> Bullets:
    """A list."""
    return Bullets(tuple(items))


def interval(row: pd.Series | None, digits: int = 3) -> Estimated:
    """A row's value with its interval, as tables hold it; the reason where it is not estimable."""
    if row is None:
        return Estimated("–")
    if row["value"] != row["value"]:
        reason = str(row.get("method", "")).removeprefix("not estimable: ")
        return Estimated("", "", reason if len(reason) <= _WORDS_OF_A_REASON else "see the table's file")
    if row["low"] != row["low"]:
        return Estimated(number(row["value"], digits))
    return Estimated(number(row["value"], digits), f"{number(row['low'], digits)} to {number(row['high'], digits)}")


def inline(svg: str, name: str, alternative: str) -> str:
    """A matplotlib SVG as part of a page: no prologue, no fixed size, identifiers of its own, a text for it."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    opening = body[: body.index(">") + 1]
    bare = re.sub(r'\s(?:width|height)="[^"]*"', "", opening)
    labelled = bare.replace("<svg", f'<svg role="img" aria-label="{Markup.escape(alternative)}"', 1)
    return labelled + body[len(opening) :]
