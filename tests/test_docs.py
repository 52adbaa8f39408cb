"""The documentation says what is so: generated pages are current, snippets run, commands and links exist."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from small_study import make

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNABLE = ("check", "evaluate", "features", "run", "weights list")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Every ``osteon`` command in the documentation, with the page it stands on."""
    shells = "(?:sh|bash|console|shell)"
    lines = [
        (page, line.removeprefix("$ "))
        for page in PAGES
        for block in blocks(page, shells)
        for line in block.splitlines()
    ]
    return [
        (page.name, shlex.split(line, comments=True)[1:]) for page, line in lines if line.strip().startswith("osteon ")
    ]


def test_the_study_reference_is_current() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    import make_study_reference

    assert make_study_reference.TARGET.read_text(encoding="utf-8") == make_study_reference.page()
    for title, kind in make_study_reference.SECTIONS:
        missing = set(kind.model_fields) - set(make_study_reference.described(kind)) - {"kind"}
        assert not missing, f"{title} does not describe {missing}"


def test_every_command_in_the_documentation_exists_with_its_options() -> None:
    from osteon.cli import app

    assert len(commands()) > 7
    for page, words in commands():
        command = get_command(app)
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, f"{page}: osteon {' '.join(words)}"
            command, words = command.commands[words[0]], words[1:]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            assert not word.startswith("-") or word.split("=")[0] in known, f"{page}: {word} of {command.name}"


def test_the_readme_commands_run(tmp_path: Path) -> None:
    """In the README's order, on a small study under the README's names."""
    make(tmp_path, patients=12)
    text = (tmp_path / "study.toml").read_text().replace("epochs = 2", "epochs = 1").replace("seeds = 2", "seeds = 1")
    (tmp_path / "study.toml").write_text(text)
    ran = set()
    for block in blocks(ROOT / "README.md", "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            verb = next((verb for verb in RUNNABLE if " ".join(words[1:]).startswith(verb)), None)
            if words[:1] == ["osteon"] and verb and not any("btxrd" in word for word in words):
                subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, check=True, capture_output=True)
                ran.add(verb)
    assert {"check", "run", "weights list"} <= ran
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_snippets_run(page: Path) -> None:
    """Sessions print what the page says; the README's programs run."""
    session = "\n".join(block for block in blocks(page, "(?:python|pycon)") if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
    if page.name == "README.md":
        for block in blocks(page, "python"):
            exec(compile(block, str(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
