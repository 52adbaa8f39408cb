"""A manuscript as Markdown, with tables as most programs read them (GitHub's form)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from osteon.results.manuscript.document import (
    Block,
    Bullets,
    Caption,
    Document,
    Drawn,
    Figure,
    Heading,
    Paragraph,
    Table,
)


def markdown(document: Document, drawn: Mapping[str, Drawn], folder: Path) -> str:
    """The whole text.

    Args:
        document: The manuscript.
        drawn: Its figures' files, by name.
        folder: Where the text will lie; paths are relative to it.
    """
    parts = [f"# {escaped(document.title)}"]
    if document.notice:
        parts.append(f"**{escaped(document.notice)}**")
    parts += [_block(block, drawn, folder) for block in document.blocks]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    r"""Text in which nothing is a mark.

    >>> print(escaped("a_b * <c> | 1. d"))
    a\_b \* \<c\> \| 1. d
    """
    told = re.sub(r"([\\`*_{}\[\]<>|~$])", r"\\\1", text).replace("&", "&amp;")
    return re.sub(r"^(\d+)([.)] )|^([#+-])( )", r"\1\3\\\2\4" if re.match(r"\d", told) else r"\\\3\4", told)


def _block(block: Block, drawn: Mapping[str, Drawn], folder: Path) -> str:
    match block:
        case Heading():
            return f"{'#' * (block.level + 1)} {escaped(block.text)}"
        case Paragraph():
            return escaped(block.text)
        case Bullets():
            return "\n".join(f"- {escaped(item)}" for item in block.items)
        case Table():
            return f"{_caption(block.caption)}\n\n{_table(block)}"
        case Figure():
            path = quote(drawn[block.name].file.relative_to(folder).as_posix())
            return f"![{escaped(block.alternative)}]({path})\n\n{_caption(block.caption)}"


def _caption(caption: Caption) -> str:
    return f"**{caption.label}. {escaped(caption.title)}** {escaped(caption.notes)}".rstrip()


def _table(table: Table) -> str:
    lines = [table.header, tuple("---" if i < table.words else "--:" for i in range(len(table.header)))]
    told = [[escaped(cell) or " " for cell in lines[0]], list(lines[1])]
    for row in table.rows:
        across = len(row) == 1
        cells = [f"**{escaped(row[0])}**"] if across else [escaped(cell) for cell in row]
        told.append([*cells, *[""] * (len(table.header) - len(row))])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in told)
