"""Rules of the house that import-linter does not know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from osteon import stats

SOURCE = Path(stats.__file__).parents[1]
#: What a verb calls, with as many options.
DOORS = {"io/cohorts/__init__.py": {"import_cohort"}, "pipeline/answering.py": {"predict"}}
DOORS["web/annotating/create.py"] = {"create"}


def functions(code: str) -> Iterator[ast.FunctionDef]:
    """Functions and methods that are no verb of the command line, where every option is an argument."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef) and not any("command" in ast.unparse(d) for d in node.decorator_list):
            yield node


def arguments(function: ast.FunctionDef) -> int:
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def long_ones(code: str, exempt: set[str]) -> list[str]:
    return [f.name for f in functions(code) if arguments(f) > 6 and f.name not in exempt]


def test_no_function_takes_more_than_six_arguments_but_public_statistics_and_verbs() -> None:
    statistics = {*stats.__all__, "analyse_scores", "planned_power"}
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE).as_posix()
        found = long_ones(path.read_text(encoding="utf-8"), statistics | DOORS.get(place, set()))
        assert not found, f"{place}: {found}"


@pytest.mark.parametrize(
    "code", ["def f(a, b, c, d, *, e, f, g): ...", "class C:\n def m(self, a, b, c, d, e, f, g): ..."]
)
def test_a_long_one_is_found(code: str) -> None:
    assert long_ones(code, set())
    assert not long_ones(code.replace(", g", ""), set())
