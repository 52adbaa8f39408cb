"""A finished run -> a manuscript: Methods and Results with numbered tables and figures. Computes nothing.

The text is a tree (:mod:`.document`) that :mod:`.word`, :mod:`.latex` and :mod:`.markdown` write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from pathlib import Path

from osteon.core.errors import InputError, suggest
from osteon.core.tables import written
from osteon.results import figures, report
from osteon.results.manuscript.document import Block, Document, Drawn, Heading, Paragraph, taken, width
from osteon.results.manuscript.results import RESULTS, limitations
from osteon.results.report.accuracy import heterogeneity, subgroups
from osteon.results.report.authors import field_title, said_by_authors
from osteon.results.report.folder import Finished
from osteon.results.report.limits import limits
from osteon.results.report.methods import methods
from osteon.results.report.page import Block as Piece
from osteon.results.report.page import Page, Table
from osteon.results.report.rotation import rotation
from osteon.results.report.tabular import tabular

__all__ = ["FORMS", "SYNTHETIC", "manuscript", "write"]

SYNTHETIC = "SYNTHETIC DATA: these numbers say nothing about patients."
#: What a run is written as, and how such a file ends.
FORMS = {"docx": ".docx", "latex": ".tex", "md": ".md"}
_DPI = 300


def write(run: Path, form: str = "html", out: Path | None = None) -> Path:
    """Write the report of a run anew, or its manuscript with the figures in a folder beside it.

    Args:
        run: The run folder.
        form: ``html``: the report; ``docx``, ``latex`` or ``md``: the manuscript; ``checklists``:
            reporting guidelines, item by item.
        out: The manuscript's file, or the checklists' folder; in the run folder by default.

    Returns:
        The file. The same run gives the same bytes.

    Raises:
        InputError: The form is none of these, the run has no tables, or the file's name ends as another form's.
    """
    known = ["html", *FORMS, "checklists"]
    if form not in known:
        raise InputError(f"there is no form '{form}'", fix=suggest(form, known))
    if form == "html":
        if out is not None:
            raise InputError("the report lies in its run, which it links to", file=out, fix="Leave --out away.")
        return report.write(run)
    finished = Finished(run)
    if form == "checklists":
        from osteon.results.manuscript import checklists

        return checklists.write(finished, manuscript(finished), out or finished.checklists)
    document, path = manuscript(finished), out or finished.manuscript / f"manuscript{FORMS[form]}"
    if path.suffix.lower() != FORMS[form]:
        raise InputError(f"{form} is written to a file that ends in {FORMS[form]}", file=path, fix="Change --out.")
    folder = path.with_name(f"{path.stem}-figures")
    kind = "pdf" if form == "latex" else "png"
    drawn = {
        figure.name: _drawn(run, figure.name, folder / figure.caption.label.lower().replace(" ", "-"), kind)
        for figure in document.figures
    }
    with written(path) as beside:
        beside.write_bytes(_file(form, document, drawn, path.parent))
    return path


def _file(form: str, document: Document, drawn: Mapping[str, Drawn], folder: Path) -> bytes:
    """The manuscript as a file of that form; each writer is loaded alone, since that takes a while."""
    if form == "docx":
        from osteon.results.manuscript.word import word

        return word(document, drawn)
    if form == "latex":
        from osteon.results.manuscript.latex import latex

        return latex(document, drawn, folder).encode()
    from osteon.results.manuscript.markdown import markdown

    return markdown(document, drawn, folder).encode()


def manuscript(run: Finished) -> Document:
    """What the manuscript of a run says."""
    return Document(run.study.study.name, SYNTHETIC * run.synthetic, tuple(_blocks(run)))


def _blocks(run: Finished) -> Iterator[Block]:
    page, level = Page(run), f"{100 * run.study.evaluation.level:g}% CI"
    told = [block for block in methods(Page(run)) if block is not None]
    recorded = [block for block in told if isinstance(block, Table)]  # the last of the paper's tables, not the first
    yield Heading("Methods")
    yield from taken((block for block in told if block not in recorded), level)
    yield from _said(run, methods=True)
    yield Heading("Results")
    for title, part in RESULTS:
        yield from _part(title, part(page), level)
    yield Heading("Limitations")
    yield from taken(limitations(limits(run)), level)
    if statements := list(_said(run, methods=False)):
        yield Heading("Statements")
        yield from statements
    yield Heading("Supplement")
    for title, part in (
        ("Subgroups", subgroups),
        ("Differences between centres and seeds", heterogeneity),
        ("Each centre held out in turn", rotation),
        ("What the tabular models go by", tabular),
    ):
        yield from _part(title, part(page), level)
    again = (page.table(one.header, one.rows, one.caption, words=one.words) for one in recorded)
    yield from _part("How intervals and tests were made", again, level)


def _said(run: Finished, *, methods: bool) -> Iterator[Block]:
    """What only the authors know."""
    for name, text in said_by_authors(run, methods=methods).items():
        yield Heading(field_title(name), 2)
        yield Paragraph(text)


def _part(title: str, blocks: Iterable[Piece | None], level: str) -> Iterator[Block]:
    """A part under its heading; neither where it has nothing to say."""
    found = list(taken(blocks, level))
    if found:
        yield Heading(title, 2)
        yield from found


def _drawn(run: Path, name: str, stem: Path, kind: str) -> Drawn:
    """A figure drawn for print."""
    figure = figures.draw(run, name)
    if figure is None:
        raise InputError(f"the figure '{name}' cannot be drawn again", file=run, fix="'osteon evaluate' makes it anew.")
    inches = (float(figure.get_figwidth()), float(figure.get_figheight()))
    printed = width(inches)
    figures.save(figure, stem, also=(kind,), dpi=ceil(_DPI * inches[0] * 25.4 / printed))
    return Drawn(stem.with_suffix(f".{kind}"), printed)
