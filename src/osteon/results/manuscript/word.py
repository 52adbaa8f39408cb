"""A manuscript as a Word document."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import docx
from docx.document import Document as Word
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table as Grid
from docx.table import _Cell as Cell
from docx.text.paragraph import Paragraph as Line

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

_EDGE = 18  # mm beside the text of an A4 page
_FACE, _INK = "Arial", RGBColor(0, 0, 0)


def word(document: Document, drawn: Mapping[str, Drawn]) -> bytes:
    """The whole file; the same manuscript gives the same bytes.

    Args:
        document: The manuscript.
        drawn: Its figures' files, by name.
    """
    made = docx.Document()
    _page(made, document.notice)
    _styles(made)
    made.core_properties.title = document.title
    made.core_properties.author = ""
    made.core_properties.comments = document.notice
    made.add_paragraph(document.title, style="Title")
    if document.notice:
        made.add_paragraph().add_run(document.notice).bold = True
    for block in document.blocks:
        _block(made, block, drawn)
    raw = io.BytesIO()
    made.save(raw)
    return _undated(raw.getvalue())


def _page(made: Word, notice: str) -> None:
    section = made.sections[0]
    section.orientation = WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(_EDGE)
    section.top_margin = section.bottom_margin = Mm(20)
    section.header.paragraphs[0].text = notice


def _styles(made: Word) -> None:
    """One face, black, in the sizes of a manuscript; captions and cells smaller."""
    sizes = {"Normal": 10, "Title": 18, "Heading 1": 14, "Heading 2": 11, "Caption": 9}
    for name, size in sizes.items():
        style = made.styles[name]
        style.font.name, style.font.size, style.font.color.rgb = _FACE, Pt(size), _INK
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for kind in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(kind), None)
        for kind in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
            fonts.set(qn(kind), _FACE)
    made.styles["Caption"].font.bold = False


def _block(made: Word, block: Block, drawn: Mapping[str, Drawn]) -> None:
    match block:
        case Heading():
            made.add_heading(block.text, block.level)
        case Paragraph():
            made.add_paragraph(block.text)
        case Bullets():
            for item in block.items:
                made.add_paragraph(item, style="List Bullet")
        case Table():
            _captioned(made, block.caption).paragraph_format.keep_with_next = True
            _table(made, block)
        case Figure():
            files, line = drawn[block.name], made.add_paragraph()
            line.paragraph_format.keep_with_next = True
            shape = line.add_run().add_picture(str(files.file), width=Mm(files.width))
            shape._inline.docPr.set("descr", block.alternative)
            _captioned(made, block.caption)


def _captioned(made: Word, caption: Caption) -> Line:
    line = made.add_paragraph(style="Caption")
    line.add_run(f"{caption.label}. {caption.title}").bold = True
    if caption.notes:
        line.add_run(f" {caption.notes}")
    return line


def _table(made: Word, table: Table) -> None:
    grid = made.add_table(rows=0, cols=len(table.header))
    grid.alignment = WD_TABLE_ALIGNMENT.LEFT
    grid.autofit = False
    for column, width in zip(grid.columns, table.widths, strict=True):
        column.width = Mm(width)
    size = Pt(8 if len(table.header) <= 7 else 7)
    rules = {0: ("top", "bottom"), len(table.rows): ("bottom",)}
    for number, cells in enumerate([table.header, *table.rows]):
        row = grid.add_row()
        _unbroken(row._tr.get_or_add_trPr(), head=number == 0)
        drawn = list(row.cells)
        across = len(cells) == 1 < len(table.header)
        if across:
            drawn = [drawn[0].merge(drawn[-1])]
        for place, (cell, text) in enumerate(zip(drawn, cells, strict=True)):
            if not across:
                cell.width = Mm(table.widths[place])
            line = cell.paragraphs[0]
            run = line.add_run(text)
            run.font.size, run.bold = size, number == 0 or across
            line.paragraph_format.space_after = line.paragraph_format.space_before = Pt(1)
            if place >= table.words:
                line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _ruled(cell, rules.get(number, ()))
    _tight(grid)
    made.add_paragraph().paragraph_format.space_after = Pt(4)


def _unbroken(properties: object, *, head: bool) -> None:
    """A row stays on one page; the head is repeated on each."""
    for name in ("w:cantSplit", *["w:tblHeader"] * head):
        properties.append(OxmlElement(name))  # type: ignore[attr-defined]


def _ruled(cell: Cell, sides: tuple[str, ...]) -> None:
    if not sides:
        return
    borders = OxmlElement("w:tcBorders")
    for side in sides:
        line = OxmlElement(f"w:{side}")
        for key, value in (("val", "single"), ("sz", "6"), ("color", "000000")):
            line.set(qn(f"w:{key}"), value)
        borders.append(line)
    cell._tc.get_or_add_tcPr().append(borders)


def _tight(grid: Grid) -> None:
    """One millimetre beside a cell's text."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), "40")
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    grid._tbl.tblPr.append(margins)


def _undated(data: bytes) -> bytes:
    """The same parts without the time at which they were packed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            made.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), given.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
