"""What only the authors know, as ``[report]`` of the study says it."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.results.report.folder import Finished
from osteon.results.report.page import Block, Heading, Page, paragraph

#: Fields that are of the methods; the others are statements after the paper.
_METHODS = (
    "setting", "dates", "design", "eligibility", "sample_size", "acquisition", "reference_standard", "blinding",
    "interval", "annotators", "treatments", "deidentification", "intended_use",
)  # fmt: skip


def field_title(name: str) -> str:
    """A field in words.

    >>> field_title("reference_standard")
    'Reference standard'
    """
    return name.replace("_", " ").capitalize()


def said_by_authors(run: Finished, *, methods: bool) -> dict[str, str]:
    """What authors said, by field: of methods, or the statements."""
    told = run.study.report.told if run.study.report is not None else {}
    return {name: text for name, text in told.items() if (name in _METHODS) == methods}


def authors(page: Page) -> Iterator[Block | None]:
    """The report's section."""
    for methods in (True, False):
        for name, text in said_by_authors(page.run, methods=methods).items():
            yield Heading(field_title(name))
            yield paragraph(text)
