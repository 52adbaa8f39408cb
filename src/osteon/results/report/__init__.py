"""A finished run folder -> one report.html: self-contained and offline. Computes nothing.

A script makes it alive on a screen; without one it says the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from osteon.core.tables import written
from osteon.core.version import __version__
from osteon.results.report import alive, words
from osteon.results.report.authors import authors
from osteon.results.report.checklist import ANSWERED, FOR_AUTHORS
from osteon.results.report.folder import Finished
from osteon.results.report.methods import methods
from osteon.results.report.page import Block, Heading, Page, bullets, linked, paragraph
from osteon.results.report.sections import SECTIONS, Section

__all__ = ["headline", "write"]


def write(run: Path) -> Path:
    """Write ``report.html`` from the files of a run folder.

    Args:
        run: The run folder: study.toml and metrics.csv at least; every other file adds its section.

    Returns:
        The report's path. The same files give the same bytes.

    Raises:
        InputError: study.toml or metrics.csv is absent or broken.
    """
    page = Page(Finished(run))
    drawn = [(section, _body(section, page)) for section in SECTIONS]
    there = [section for section, body in drawn if body]
    closing = (
        Section("methods", "Methods", methods),
        Section("authors", "What the authors say", authors),
        Section("checklist", "Reporting guidelines", lambda page: _checklist(page, [*there, *closing])),
        Section("versions", "Versions, hashes and settings", _versions),
    )
    drawn += [(section, _body(section, page)) for section in closing]
    html = _template("report.html.jinja").render(
        study=page.run.study,
        models=page.run.models,
        positive=page.run.positive,
        centres=sum(name.startswith("centre:") for name in page.run.strata),
        synthetic=page.run.synthetic,
        version=__version__,
        style=Markup(_text("style.css") + _text("alive.css")),
        told=alive.data(page.run),
        script=alive.script(),
        sections=[{"name": s.name, "title": s.title, "body": body} for s, body in drawn if body],
    )
    path = page.run.report_file
    with written(path) as beside:
        beside.write_text(html, encoding="utf-8")
    return path


def _body(section: Section, page: Page) -> Markup:
    return Markup("\n").join(escape(piece) for piece in section.draw(page) if piece)


def headline(run: Path) -> str:
    """The result as plain text for a terminal: a few sentences, and the AUCs by model and stratum."""
    return words.headline(Finished(run))


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _template(name: str) -> jinja2.Template:
    loader = jinja2.FunctionLoader(_text)
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)


def _checklist(page: Page, there: list[Section]) -> Iterator[Block | None]:
    titles = {section.name: section.title for section in there}
    rows = []
    for topic, guidelines, places in ANSWERED:
        links = [Markup('<a href="#{}">{}</a>').format(name, titles[name]) for name in places if name in titles]
        rows.append([topic, guidelines, Markup(", ").join(links) if links else "not part of this run"])
    yield page.table(
        ["Topic", "Asked for by", "Where"],
        rows,
        "What reporting guidelines ask for, and where it is. Topics, not the guidelines' own items.",
        words=3,
    )
    yield paragraph("Only the authors can tell:")
    yield bullets(FOR_AUTHORS)


def _versions(page: Page) -> Iterator[Block | None]:
    run = page.run
    versions, hashes = run.provenance.get("versions", {}), dict(_flat(run.provenance.get("hashes", {})))
    hashes = {name: value for name, value in hashes.items() if value}  # random weights are no file
    if cards := [run.card(name) for name in run.models if run.card(name).is_file()]:
        links = [linked(path.relative_to(run.path).as_posix()) for path in cards]
        yield paragraph(Markup("Model cards, as they go with an exported model: {}.").format(Markup(", ").join(links)))
    if versions:
        yield page.table(["Software", "Version"], list(versions.items()), "Versions", file="provenance.json", words=2)
    if machine := run.provenance.get("machine", {}):
        told = "Processor and precision, on which last digits depend"
        yield page.table(["What", "Value"], list(machine.items()), told, file="provenance.json", words=2)
    if hashes:
        rows = [[name, Markup('<span class="hash">{}</span>').format(value)] for name, value in hashes.items()]
        yield page.table(["What", "SHA-256"], rows, "Hashes of what went in", file="provenance.json", words=2)
    # Short lists on one line: the file is for reading here.
    settings = re.sub(r"\[\n\s+([^\[\]]*?),?\n\]", lambda m: f"[{' '.join(m[1].split())}]", run.study.to_toml())
    yield Heading("The resolved study")
    yield Markup("<pre class='settings'>{}</pre>").format(settings)


def _flat(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}: ")
        else:
            yield above + name, str(value)
