"""The pages' scripts: their types, and the parts that need no page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "js"
SCRIPTS = Path(__file__).parents[2] / "src" / "osteon" / "web" / "static"


def test_scripts_have_the_right_types() -> None:
    """`tsc --checkJs --strict`; OSTEON_TSC names the compiler, `npm ci --prefix tests/app/js` brings it."""
    places = (os.environ.get("OSTEON_TSC", ""), str(HERE / "node_modules" / ".bin" / "tsc"), "tsc")
    compiler = next((found for place in places if place and (found := shutil.which(place))), None)
    if compiler is None:
        pytest.skip("no TypeScript compiler: npm ci --prefix tests/app/js")
    checked = subprocess.run([compiler, "-p", str(HERE)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_parts_of_scripts(tmp_path: Path) -> None:
    """Node's own test runner on all that needs no page; pages say themselves that scripts are modules, Node is told."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    shutil.copytree(SCRIPTS / "js", tmp_path / "src" / "osteon" / "web" / "static" / "js")
    tests = tmp_path / "tests" / "app" / "js"
    tests.mkdir(parents=True)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    files = [str(shutil.copy(path, tests)) for path in sorted(HERE.glob("*.test.mjs"))]
    ran = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout[-6000:]
    counts = dict(re.findall(r"^\S+ (tests|pass|skipped) (\d+)$", ran.stdout, re.MULTILINE))
    assert counts["tests"] == counts["pass"]
    assert int(counts["tests"]) >= 20


def test_every_request_can_be_cancelled() -> None:
    """Scripts reach the server through api.js, the picture worker and a served model's form, each with a signal."""
    found = {}
    for path in sorted((SCRIPTS / "js").rglob("*.js")):
        calls = re.findall(r"\bfetch\((.*?)\);?\n\s*(?:const|if)", path.read_text(encoding="utf-8"), re.DOTALL)
        if calls:
            found[path.name] = calls
    assert sorted(found) == ["api.js", "asking.js", "decode.js"]
    assert all("signal" in call for calls in found.values() for call in calls)


def test_every_script_is_fetched_ahead_and_checked() -> None:
    """A module that reader.html does not name would be found late; one without types would not be held to any."""
    page = (SCRIPTS / "reader.html").read_text(encoding="utf-8")
    named = set(re.findall(r"/static/js/(\w+)\.js", page))
    not_on_it = {"admin", "asking", "decode", "grey"}
    assert named == {path.stem for path in (SCRIPTS / "js").glob("*.js")} - not_on_it
    assert not [path for path in (SCRIPTS / "js").rglob("*.js") if "ts-nocheck" in path.read_text(encoding="utf-8")]


def test_an_annotators_page_fetches_all_that_it_imports_and_no_room_knows_the_other() -> None:
    """What annotator.js needs, however far down, is named on annotator.html; reading's modules are not among it."""
    page = (SCRIPTS / "annotator.html").read_text(encoding="utf-8")
    named = set(re.findall(r"/static/js/((?:\w+/)?\w+)\.js", page))
    needed, open_ = set(), [SCRIPTS / "js" / "annotating" / "annotator.js"]
    while open_:
        path = open_.pop()
        name = path.relative_to(SCRIPTS / "js").with_suffix("").as_posix()
        if name not in needed:
            needed.add(name)
            imports = re.findall(r'^import .* from "(\..*)";$', path.read_text(encoding="utf-8"), re.MULTILINE)
            open_ += [(path.parent / each).resolve() for each in imports]
    assert named == needed
    assert not needed & {"answer", "answering", "reading", "reader", "advice", "screens", "layout", "keys", "admin"}
    for path in (SCRIPTS / "js").glob("*.js"):
        assert "annotating/" not in path.read_text(encoding="utf-8")
