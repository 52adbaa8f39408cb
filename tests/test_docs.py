"""The documentation says what is so: generated pages are current, snippets run, commands and links exist."""

from __future__ import annotations

import ast
import csv
import doctest
import importlib.util
import json
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import dicom_files
import joblib
import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from osteon import study
from osteon.cli import app
from osteon.pipeline import evaluate
from osteon.pretraining import settings as pretraining
from osteon.stats import auc
from osteon.web.annotating import protocol
from small_study import drawing

ROOT = Path(__file__).parents[1]
GALLERY = sorted((ROOT / "docs" / "gallery").glob("*.py"))
BENCHES = sorted(path for path in (ROOT / "bench").iterdir() if path.read_bytes().startswith(b"#!/usr/bin/env python3"))
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
    beside = make_study_reference.TARGET.with_name("pretraining.md")
    assert beside.read_text(encoding="utf-8") == make_study_reference.pretraining_page()
    for title, kind in (*make_study_reference.SECTIONS, *make_study_reference.PRETRAINING):
        missing = set(kind.model_fields) - set(make_study_reference.described(kind)) - {"kind"}
        assert not missing, f"{title} does not describe {missing}"


def test_every_command_in_the_documentation_exists_with_its_options() -> None:
    assert len(commands()) > 7
    for page, words in commands():
        command = get_command(app)
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, f"{page}: osteon {' '.join(words)}"
            command, words = command.commands[words[0]], words[1:]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            assert not word.startswith("-") or word.split("=")[0] in known, f"{page}: {word} of {command.name}"


def readme_cohort(folder: Path) -> None:
    """The README's cohort table with more rows of its own kind, and small pictures at its paths."""
    page = ROOT / "README.md"
    rows = list(csv.DictReader(blocks(page, "csv")[0].splitlines()))
    rng = np.random.default_rng(0)
    for centre, cases in (("1", 12), ("2", 3)):
        for number in range(cases):
            x, y = (int(value) for value in rng.integers(10, 40, 2))
            side = int(rng.integers(16, 24)) + 6 * (number % 2)
            rows.append(
                {
                    "case_id": f"d{centre}{number:02d}",
                    "image": f"images/d{centre}{number:02d}.png",
                    "centre": centre,
                    "label": ("benign", "malignant", "benign", "giant cell tumor")[number % 4],
                    **dict(zip(("x0", "y0", "x1", "y1"), (x, y, x + side, y + side), strict=True)),
                    "patient_id": f"q{centre}{number}",
                    "age": int(rng.normal(35 + 10 * (number % 2), 8)),
                    "sex": "FM"[number // 2 % 2],
                }
            )
    (folder / "images").mkdir()
    for row in rows:
        x0, y0, x1, y1 = (int(row[side]) for side in ("x0", "y0", "x1", "y1"))
        pixels = rng.normal(90, 20, (y1 + 30, x1 + 40))
        pixels[y0:y1, x0:x1] += 40 if row["label"] == "benign" else 70
        shown = np.clip(pixels, 0, 255).astype(np.uint8)
        if row["image"].endswith(".dcm"):
            window = {"WindowCenter": 32768, "WindowWidth": 65536}
            dicom_files.write(folder / row["image"], dicom_files.dataset(shown.astype(np.uint16) * 257, **window))
        else:
            Image.fromarray(shown).save(folder / row["image"])
    with (folder / "cohort.csv").open("w", newline="") as handle:
        table = csv.DictWriter(handle, rows[0])
        table.writeheader()
        table.writerows(rows)
    (folder / "study.toml").write_text(blocks(page, "toml")[0])


def test_the_readme_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], whole: bool
) -> None:
    """Its table, its study file and its commands in their order, on a machine without internet or weights."""
    readme_cohort(tmp_path)
    with (tmp_path / "study.toml").open("a") as handle:  # nothing that is asked here depends on how often it is drawn
        handle.write("[robustness]\nrepeats = 1\n[evaluation]\nbootstrap = 100\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OSTEON_WEIGHTS", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    command = get_command(app)
    said = {}
    with nullcontext() if whole else drawing("flow", "roc"):
        for block in blocks(ROOT / "README.md", "sh"):
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                verb = next((verb for verb in RUNNABLE if " ".join(words[1:]).startswith(verb)), None)
                if words[:1] == ["osteon"] and verb and not any("btxrd" in word for word in words):
                    command.main(words[1:], standalone_mode=False)
                    said[verb] = " ".join("".join(capsys.readouterr()).split())
    assert {"check", "run", "weights list"} <= set(said)
    for verb in ("check", "run"):
        assert "'resnet50-radimagenet' is left out" in said[verb]
        assert "osteon weights fetch timm:resnet50.a1_in1k" in said[verb]
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Model &#39;resnet50-imagenet&#39; is left out: the study names no models" in report
    assert str(tmp_path) not in (tmp_path / "run" / "flow.json").read_text()
    made = study.load(tmp_path / "run")
    assert [model.name for model in made.models] == ["radiomics", "clinical", "combined", "box"]
    assert made.model("combined").needs == ("radiomics",)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_study_snippets_load(page: Path, tmp_path: Path) -> None:
    """Every snippet of a study file is one, once it has a cohort and centres; so is one of annotators' protocols."""
    (tmp_path / "cohort.csv").write_text("case_id,image,centre,label,x0,y0,x1,y1,age,sex,site\n")
    for text in re.findall(r"^ *```toml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if "annotators" in tomllib.loads(text):
            (tmp_path / "annotate.toml").write_text(text)
            assert protocol.load(tmp_path / "annotate.toml").annotators
            continue
        if "pretraining" in tomllib.loads(text):
            (tmp_path / "pretraining.toml").write_text(text)
            assert pretraining.load(tmp_path / "pretraining.toml").sources
            continue
        centres = "" if "centres" in tomllib.loads(text) else '[centres]\ndevelopment = ["1"]\n'
        (tmp_path / "study.toml").write_text(f"{text}\n{centres}")
        study.load(tmp_path)


def test_a_model_of_ones_own_joins_a_run(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The how-to's random forest: out of fold, the mean of the folds outside, appended, evaluated."""
    monkeypatch.chdir(copied.parent)
    (program,) = blocks(ROOT / "docs" / "how-to" / "after.md", "python")
    for _ in range(2):  # a second try takes the place of the first
        exec(compile(program, "after.md", "exec"), {})
    with drawing():
        found = evaluate(copied.parent / "run")
    rows = found.predictions[found.predictions["model"] == "random forest"]
    assert sorted(rows["case_id"]) == sorted(found.predictions["case_id"].unique())
    outside = rows[rows["split"] == "external"]
    value = found.metrics.query("model == 'random forest' and stratum == 'external' and metric == 'auc'")["value"]
    assert value.item() == pytest.approx(auc(outside["label"], outside["probability"]))
    # Out of fold: of cases that it has learned from, a forest is sure.
    assert rows.loc[(rows["split"] == "development") & (rows["label"] == 1), "probability"].median() < 0.8
    assert "random forest" in found.report.read_text()


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
            found = page.parent / target
            made = found.parent.name == "gallery" and found.with_suffix(".py").exists()  # by `make docs`
            assert made or found.exists(), f"{page.name}: {target}"


def test_the_site_has_every_page() -> None:
    def leaves(nav: object) -> Iterator[str]:
        if isinstance(nav, str):
            yield nav
        else:
            for part in nav.values() if isinstance(nav, dict) else nav:
                yield from leaves(part)

    written = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    executed = {page.relative_to(ROOT / "docs").with_suffix(".md") for page in GALLERY}
    site = list(leaves(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]))
    assert sorted(map(Path, site)) == sorted(written | executed)


def test_a_site_keeps_the_versions_that_lie_beside_it(tmp_path: Path) -> None:
    publish = runpy.run_path(str(ROOT / "docs" / "publish.py"))["publish"]
    for version, there in (("0.9", ["0.9"]), ("0.10.1", ["0.10.1", "0.9"]), ("0.9", ["0.10.1", "0.9"])):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "index.html").write_text(version)
        assert publish(tmp_path, version) == there
    told = json.loads((tmp_path / "versions.json").read_text())
    assert [(one["version"], one["aliases"]) for one in told] == [("0.10.1", ["latest"]), ("0.9", [])]
    assert 'href="0.10.1/index.html"' in (tmp_path / "index.html").read_text()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("page", [*GALLERY, *BENCHES], ids=lambda page: page.stem)
def test_the_gallery_and_benches_use_what_there_is(page: Path) -> None:
    """`make docs` executes pages, and a person runs benches; here, what they import exists."""
    for node in ast.walk(ast.parse(page.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("osteon"):
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or importlib.util.find_spec(f"{node.module}.{name.name}")
