"""Tests hold on to what osteon and the tests' helpers show in public, so that either can be rebuilt behind it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
FILES = [path for path in sorted(FOLDER.rglob("*.py")) if "references" not in path.relative_to(FOLDER).parts]


def private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def trespasses(source: str) -> Iterator[str]:
    """Imports of other tests, and names of other modules that begin with an underscore."""
    tree = ast.parse(source)
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            for alias in node.names:
                parts = [*(module.split(".") if module else []), *alias.name.split(".")]
                if any(private(part) for part in parts) or any(part.startswith("test_") for part in parts[:1]):
                    yield f"line {node.lineno}: import of {'.'.join(parts)}"
                modules.add((alias.asname or alias.name).split(".")[0])
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            owner: ast.expr = node.value
            while isinstance(owner, ast.Attribute):
                owner = owner.value
            if isinstance(owner, ast.Name) and owner.id in modules:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "setattr":
            named = [a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if any(private(part) for name in named for part in name.split(".")):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_no_test_uses_another_or_a_private_name() -> None:
    found = {path.relative_to(FOLDER).as_posix(): list(trespasses(path.read_text(encoding="utf-8"))) for path in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from test_study import SMALLEST",
        "import test_study",
        "from osteon.stats.bootstrap import Units, _draws",
        "from osteon.io.cohorts._json import load",
        "import osteon._moved",
        "from osteon.results import figures\nfigures._Run",
        "import osteon\nosteon.stats.bootstrap._draws(1)",
        "monkeypatch.setattr(pictures, '_measure', None)",
        "monkeypatch.setattr('osteon.cohort.check.pictures._measure', None)",
    ],
)
def test_a_trespass_is_found(source: str) -> None:
    assert len(list(trespasses(source))) == 1


def test_what_is_public_is_no_trespass() -> None:
    public = "from __future__ import annotations\nimport osteon\nosteon.__version__\nself._own\nimport small_study"
    assert list(trespasses(public)) == []
