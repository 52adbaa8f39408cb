"""The pieces a section is made of: paragraphs, numbered tables and figures, all as escaped HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd
from markupsafe import Markup, escape

from osteon.core.words import number
from osteon.results.report.folder import Finished

_SHORT = 22  # lines of a table that is not broken between printed pages


@dataclass
class Page:
    """A report while it is being written: the run, and how many tables and figures there are so far."""

    run: Finished
    _numbers: dict[str, int] = field(default_factory=lambda: {"Table": 0, "Figure": 0})

    def figure(self, name: str, caption: str, alternative: str) -> Markup:
        """A figure of the run with its caption, or nothing where it was not drawn.

        Args:
            name: Stem of the file in ``figures/``.
            caption: What is seen; the first sentence is set in bold.
            alternative: What a reader who does not see it has to know.
        """
        svg = self.run.figure(name)
        if svg is None:
            return Markup()
        head, rest = _first_sentence(caption)
        return Markup(
            '<figure id="figure-{name}">{svg}<figcaption><b>{label}. {head}</b> {rest} '
            '<span class="file">figures/{file}</span></figcaption></figure>'
        ).format(
            name=name,
            svg=Markup(inline(svg, name, alternative)),
            label=self._next("Figure"),
            head=head,
            rest=rest,
            file=self.run.figure_for_print(name).name,
        )

    def table(
        self, header: Sequence[str], rows: Iterable[Sequence[object]], caption: str, *, file: str = "", words: int = 1
    ) -> Markup:
        """A table with its caption.

        Args:
            header: Column heads.
            rows: Cells; the first of a row is its head. A row with a single cell is a heading across the table.
            caption: What is shown; the first sentence is set in bold.
            file: The CSV that holds it all.
            words: How many leading columns are text and stand left; the rest are numbers and stand right.
        """
        head, rest = _first_sentence(caption)
        lines = [_heading(header, words), Markup("<tbody>")]
        for row in rows:
            cells = list(row)
            if len(cells) == 1:
                lines.append(
                    Markup('<tr class="group"><th scope="colgroup" colspan="{}">{}</th></tr>').format(
                        len(header), cells[0]
                    )
                )
                continue
            body = [
                Markup('<td class="{}">{}</td>').format("text" if i < words else "number", cell)
                for i, cell in enumerate(cells[1:], start=1)
            ]
            lines.append(Markup('<tr><th scope="row">{}</th>{}</tr>').format(cells[0], Markup("").join(body)))
        lines.append(Markup("</tbody>"))
        label = self._next("Table")
        return Markup(
            '<div class="table{short}" role="region" aria-label="{label}" tabindex="0"><table>'
            '<caption><b>{label}. {head}</b> {rest} <span class="file">{file}</span></caption>{body}</table></div>'
        ).format(
            short=" short" if len(lines) < _SHORT else "",
            label=label,
            head=head,
            rest=rest,
            file=file,
            body=Markup("\n").join(lines),
        )

    def _next(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind} {self._numbers[kind]}"


def _heading(header: Sequence[str], words: int) -> Markup:
    cells = [
        Markup('<th scope="col" class="{}">{}</th>').format("text" if i < words else "number", cell)
        for i, cell in enumerate(header)
    ]
    return Markup("<thead><tr>{}</tr></thead>").format(Markup("").join(cells))


def _first_sentence(text: str) -> tuple[str, str]:
    head, stop, rest = text.partition(". ")
    return (head + ".", rest) if stop else (text, "")


def paragraph(text: str | Markup, kind: str = "") -> Markup:
    """A paragraph."""
    return Markup('<p class="{}">{}</p>').format(kind, text) if kind else Markup("<p>{}</p>").format(text)


def bullets(items: Iterable[str | Markup]) -> Markup:
    """A list."""
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in items))


def interval(row: pd.Series | None, digits: int = 3) -> Markup:
    """A value with its interval below it, as table cells hold it; the reason where it is not estimable."""
    if row is None:
        return Markup("–")
    if row["value"] != row["value"]:
        reason = str(row.get("method", "")).removeprefix("not estimable: ")
        short = reason if len(reason) <= 30 else "see the table's file"
        return Markup('<span class="none">not estimable<small>{}</small></span>').format(short)
    if row["low"] != row["low"]:
        return escape(number(row["value"], digits))
    limits = f"{number(row['low'], digits)} to {number(row['high'], digits)}"
    return Markup("{}<small>{}</small>").format(number(row["value"], digits), limits)


def inline(svg: str, name: str, alternative: str) -> str:
    """A matplotlib SVG as part of a page: no prologue, no fixed size, identifiers of its own, a text for it."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    opening = body[: body.index(">") + 1]
    bare = re.sub(r'\s(?:width|height)="[^"]*"', "", opening)
    labelled = bare.replace("<svg", f'<svg role="img" aria-label="{escape(alternative)}"', 1)
    return labelled + body[len(opening) :]
