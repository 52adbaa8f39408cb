"""A manuscript as LaTeX: pdfLaTeX, XeLaTeX and LuaLaTeX take it; its figures are PDF."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import jinja2

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

_MARKS = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "%&#_{}$"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "−": r"\ensuremath{-}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "≈": r"\ensuremath{\approx}",
    "×": r"\ensuremath{\times}",
    "±": r"\ensuremath{\pm}",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
    "τ": r"\ensuremath{\tau}",
    "χ": r"\ensuremath{\chi}",
    "κ": r"\ensuremath{\kappa}",
    "α": r"\ensuremath{\alpha}",
    "µ": r"\ensuremath{\mu}",
    "√": r"\ensuremath{\surd}",
    "→": r"\ensuremath{\rightarrow}",
    "\u00a0": "~",
}
_TABLE = str.maketrans(_MARKS)
_TYPOGRAPHIC = "–—‘’“”„…•°§"  # what pdfLaTeX sets beside the Latin letters


def latex(document: Document, drawn: Mapping[str, Drawn], folder: Path) -> str:
    """The whole source.

    Args:
        document: The manuscript.
        drawn: Its figures' files, by name.
        folder: Where the source will lie; paths are relative to it.
    """
    body = "\n\n".join(_block(block, drawn, folder) for block in document.blocks)
    title, notice = escaped(document.title), escaped(document.notice)
    text = resources.files(__package__).joinpath("manuscript.tex.jinja").read_text(encoding="utf-8")
    template = jinja2.Environment(
        block_start_string="<%", block_end_string="%>", comment_start_string="<#", comment_end_string="#>",
        variable_start_string="<<", variable_end_string=">>", trim_blocks=True, undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    ).from_string(text)  # fmt: skip
    strange = sorted({character for character in body + title + notice if _strange(character)})
    return template.render(title=title, notice=notice, body=body, strange=[f"{ord(c):04X}" for c in strange])


def escaped(text: str) -> str:
    r"""Text in which nothing is a command.

    >>> print(escaped("50% of a_b & −0.1 ≤ x²"))
    50\% of a\_b \& \ensuremath{-}0.1 \ensuremath{\leq} x\textsuperscript{2}
    """
    return " ".join(text.split()).translate(_TABLE)


def _strange(character: str) -> bool:
    """Whether pdfLaTeX has no letter for it, so that its number is shown."""
    return ord(character) > 0x17F and character not in _TYPOGRAPHIC


def _block(block: Block, drawn: Mapping[str, Drawn], folder: Path) -> str:
    match block:
        case Heading():
            return f"\\{'sub' * (block.level - 1)}section*{{{escaped(block.text)}}}"
        case Paragraph():
            return escaped(block.text)
        case Bullets():
            items = "\n".join(f"\\item {{}}{escaped(item)}" for item in block.items)
            return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
        case Table():
            return _table(block)
        case Figure():
            files = drawn[block.name]
            return (
                f"\\begin{{figure}}[htbp]\n\\centering\n\\includegraphics[width={files.width:.1f}mm]"
                f"{{{files.file.relative_to(folder).as_posix()}}}\n{_caption(block.caption)}\n\\end{{figure}}"
            )


def _caption(caption: Caption) -> str:
    """Numbered as every other form of the manuscript numbers it."""
    return f"\\caption*{{\\textbf{{{caption.label}. {escaped(caption.title)}}} {escaped(caption.notes)}}}"


def _table(table: Table) -> str:
    gaps = 2 * 1.0 * len(table.header)  # mm between columns, as the template has them
    narrow = 1 - gaps / sum(table.widths)
    columns = "".join(
        f">{{\\ragged{'right' if i < table.words else 'left'}\\arraybackslash}}p{{{width * narrow:.1f}mm}}"
        for i, width in enumerate(table.widths)
    )
    head = " & ".join(f"\\textbf{{{escaped(cell)}}}" for cell in table.header)
    across = f"\\multicolumn{{{len(table.header)}}}{{l}}{{\\textbf{{%s}}}}"
    rows = [across % escaped(row[0]) if len(row) == 1 else " & ".join(map(escaped, row)) for row in table.rows]
    body = "\n".join(f"{row} \\\\" for row in rows)
    ruled = f"\\toprule\n{head} \\\\\n\\midrule\n"
    return (
        f"{{\\small\\begin{{longtable}}{{{columns}}}\n{_caption(table.caption)}\\\\\n{ruled}"
        f"\\endfirsthead\n{ruled}\\endhead\n\\bottomrule\n\\endlastfoot\n{body}\n"
        "\\end{longtable}}"
    )
