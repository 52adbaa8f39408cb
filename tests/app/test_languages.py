"""The languages of the reading room: nothing that readers see is left out, and every place keeps its value."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from browsing import Page, listening
from reading_study import Served

from osteon.study.protocol import AFTER, BEFORE, HARMLESS, Readers
from osteon.web import server

WEB = Path(server.__file__).parent
SCRIPTS = WEB / "static" / "js"
OTHERS = ("de", "es", "fr", "ja", "zh-Hans")
#: Scripts that readers never meet.
NOT_READERS = {"admin", "asking"}
#: What a reader's requests can be refused by.
REFUSING = ("answers", "application", "cases", "doors", "pen", "questionnaires", "rules", "sessions", "views", "site")
#: Refusals that no reader can meet.
NOT_MET = {"This is for the study's administrator."}
TEXT = r'"((?:[^"\\]|\\.)*)"'
PLACE = re.compile(r"\{(\w+)\}")

Serve = Callable[..., Served]
Entry = str | dict[str, str]


@cache
def catalogue(code: str) -> dict[str, Entry]:
    """A language's texts by their English."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    source = (SCRIPTS / "languages" / f"{code}.js").read_text(encoding="utf-8").replace("export default", "const all =")
    ran = subprocess.run(
        [node, "-e", source + "\nconsole.log(JSON.stringify(all))"], capture_output=True, text=True, check=True
    )
    found: dict[str, Entry] = json.loads(ran.stdout)
    return found


@cache
def plurals(code: str) -> set[str]:
    """The plurals that a language has for whole numbers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    program = (
        f'const p = new Intl.PluralRules("{code}"); console.log([...Array(200).keys()].map((n) => p.select(n)).join())'
    )
    ran = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.strip().split(","))


def readers_scripts() -> dict[str, str]:
    """The scripts that readers meet, without their comments."""
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("*.js"))}
    met = {name: text for name, text in scripts.items() if name not in NOT_READERS}
    return {name: re.sub(r"/\*(?s:.*?)\*/|(?<!:)//.*", "", text) for name, text in met.items()}


def said_by_scripts() -> set[str]:
    """The English of all that scripts say; of plurals the last."""
    said = set()
    for text in readers_scripts().values():
        said |= set(re.findall(rf"(?<!\.)\b(?:t|mark)\(\s*(?:\{{\s*one: {TEXT},\s*other: )?{TEXT}", text))
    return {json.loads(f'"{last}"') for _, last in said}


def said_by_the_server() -> set[str]:
    """The English of all refusals that a reader can meet."""
    said = set()
    for name in REFUSING:
        for node in ast.walk(ast.parse((WEB / f"{name}.py").read_text(encoding="utf-8"))):
            texts = ast.walk(node) if _says(node) else ()
            said |= {each.value for each in texts if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return {text for text in said if " " in text} - NOT_MET


def _says(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and (getattr(node.func, "id", "") or getattr(node.func, "attr", ""))
    if called in ("NotAllowedError", "HTTPException", "_said", "__init__", "visitor"):
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id.startswith("_FOR_")
    return isinstance(node, ast.Return) and isinstance(node.value, ast.Constant | ast.IfExp)


def said_by_the_protocol() -> set[str]:
    """osteon's own items, and the words that a protocol has unless it says others."""
    items = [text for item in (*BEFORE, *AFTER) for text in (item.text, *item.choices)]
    return {*items, *HARMLESS, Readers().asked, "yes", "no"}


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_is_whole(code: str) -> None:
    """No text is missing and none is stale; each keeps the places of its English, and has the language's plurals."""
    entries = catalogue(code)
    wanted = said_by_scripts() | said_by_the_server() | said_by_the_protocol()
    assert wanted - set(entries) == set()
    words = {
        "benign",
        "malignant",
        "Is this lesion malignant?",
        "The request is too long.",
        "The server could not answer.",
    }
    assert set(entries) - wanted <= words
    for english, entry in entries.items():
        forms = {"other": entry} if isinstance(entry, str) else entry
        for form, text in forms.items():
            assert text.strip(), english
            left_out = {"n"} if form == "one" else set()  # "one case" needs no number
            assert set(PLACE.findall(text)) | left_out == set(PLACE.findall(english)) | left_out, english
        if not isinstance(entry, str):
            assert "other" in entry
            assert set(entry) - {"many"} <= plurals(code), english
            assert plurals(code) - {"many"} <= set(entry), english


def test_no_text_that_readers_see_is_outside_of_the_catalogues() -> None:
    """Whatever looks like a sentence in a script is marked for translation."""
    for name, script in readers_scripts().items():
        rest = re.sub(
            rf"(?<!\.)\b(?:t|mark)\(\s*{TEXT}|\b(?:one|other): {TEXT}|^import .*$", "", script, flags=re.MULTILINE
        )
        loose = [text for text in re.findall(TEXT, rest) if re.match(r"[A-Z][a-z]+('s)? \w+", text)]
        assert set(loose) <= {"The server could not answer."}, name


GERMAN = """
[readers]
language = "de"
consent = "Erster Absatz.\\n\\nZweiter Absatz."
views = false
answers = ["benign", "malignant"]
after = []
[[readers.people]]
code = "R1"
[[readers.people]]
code = "R2"
language = "ja"
"""


def test_a_page_speaks_what_the_study_says_until_the_reader_chooses(serve: Serve, browser: Any) -> None:
    """German for the study, Japanese for one reader, French by choice; a refusal too; what was filled in stays."""
    served = serve(GERMAN)
    with listening(served) as address:
        page = Page(browser, address, locale="es-ES")
        page.open()
        page.page.wait_for_selector("text=Su enlace de invitación")
        page.open(served.token("R1"))
        page.stage("consent")
        assert page.page.locator("p.told").all_inner_texts() == ["Erster Absatz.", "Zweiter Absatz."]
        page.page.click("text=Ich nehme teil")
        page.stage("before")
        assert page.page.get_attribute("html", "lang") == "de"
        assert "Sie sind Leser R1." in page.text()
        assert "mindestens 28 Tage auseinanderliegen" in page.text()
        page.page.locator("label:has(input[name='expects'][value='4'])").click()
        page.page.select_option("select[name='uses']", label="jeden Tag")
        with page.page.expect_navigation():
            page.page.select_option("select.languages", "fr")
        page.stage("before")
        assert page.page.get_attribute("html", "lang") == "fr"
        assert page.page.is_checked("input[name='expects'][value='4']")
        assert page.page.input_value("select[name='uses']") == "every day"
        for name in ("would-change", "comfortable", "alone"):
            page.page.locator(f"label:has(input[name='{name}'][value='2'])").click()
        page.press("Enter")
        page.page.click("button.primary")
        page.case(1, 1)
        assert "Cas 1 sur 5" in page.text() or "Cas 1 sur 6" in page.text()
        page.press("Enter")
        assert "Veuillez choisir un diagnostic." in page.text()
        page.press("?")
        assert "cette liste" in page.text()
        page.close()
        other = Page(browser, address, locale="en-GB")
        other.open(served.token("R2"))
        other.page.click("text=参加しません")
        other.page.wait_for_selector("h1:text('参加されません')")
        other.close()


def test_a_refusal_can_be_translated(serve: Serve) -> None:
    """What stands in a refusal comes apart from its sentence."""
    reader = serve(GERMAN).reader()
    reader.post("consent", {"agreed": True})
    reader.fill()
    reply = reader.answer(1, confidence=100.0, call=None)
    assert reply.json() == {"error": "Choose one of the two answers."}
    reply = reader.put("cases/1/draft", {"session": 1, "step": 1})
    assert reply.json()["template"] == "The request is not valid ({field})."
    assert reply.json()["values"] == {"field": "body.turn"}
