"""The pages on statistics run as they are printed, and lead somewhere."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [*sorted((DOCS / "how-to" / "statistics").glob("*.md")), DOCS / "reference" / "stats.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs(page):
    failed, _ = doctest.testfile(str(page), module_relative=False)
    assert failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_links_exist(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_public_function_is_on_the_reference_page():
    import osteon.stats

    text = (DOCS / "reference" / "stats.md").read_text(encoding="utf-8")
    functions = [name for name in osteon.stats.__all__ if not isinstance(getattr(osteon.stats, name), type)]
    assert [name for name in functions if f"`{name}`" not in text] == []
