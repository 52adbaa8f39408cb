"""The report on a screen: its script says what the tables say, can be used without a mouse, and can be read by all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browsing import Page
from PIL import Image

from osteon import stats, study
from osteon.core import tables
from osteon.core.words import number
from osteon.results import report
from osteon.results.evaluate import evaluate
from osteon.results.figures.style import looks
from osteon.results.report import alive
from osteon.results.report.folder import Finished
from simulated_run import simulate, write_inputs

JS = Path(report.__file__).parent / "js"
MODELS = ("resnet50-radimagenet", "clinical", "box")  # the last one gets another name


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four centres, patients with several cases, the last centre with one class; names that mean something."""
    run = tmp_path_factory.mktemp("alive") / "run"
    simulated = simulate(9, scale=0.3, models=MODELS)
    told = simulated.predictions
    told.loc[told["centre"] == "4", "label"] = 0
    told["patient_id"] = told["patient_id"].replace({"P1-0003": "Maria </script><!-- 1970-01-01"})
    told["model"] = told["model"].replace({"box": "<b>the 'box' & \"more\"</b> " + "x" * 60})
    write_inputs(run, simulated)
    evaluate(told, simulated.cohort, simulated.study).write(run)
    pictures(run)
    report.write(run)
    return run


def pictures(run: Path) -> None:
    """Small pictures of the external cases with maps of a few, and how far a changed box moved some."""
    scores = tables.read(run / "scores.csv", tables.SCORES)
    order = scores["case_id"].drop_duplicates().reset_index(drop=True)
    outside = scores[scores["split"] == "external"]["case_id"].unique()
    shown = pd.DataFrame({"case_id": outside, "number": [int(order[order == name].index[0]) + 1 for name in outside]})
    sides = {"x0": 0.25, "y0": 0.5, "x1": 0.75, "y1": 0.75}
    (run / "thumbnails" / "cases").mkdir(parents=True)
    tables.write(shown.assign(**sides), run / "thumbnails" / "cases.csv", tables.PICTURED)
    for case in shown["number"]:
        for suffix in ("", "-map")[: 2 if case % 2 else 1]:
            Image.new("L", (64, 128), 90).save(run / "thumbnails" / "cases" / f"{case}{suffix}.jpg")
    moved = pd.DataFrame([(name, model, 0.0125, 0.05, 0.1) for model in MODELS[:2] for name in outside[:40]])
    moved.columns = list(tables.ROBUSTNESS_CASES.columns)
    tables.write(moved, run / "robustness_cases.csv", tables.ROBUSTNESS_CASES)


@pytest.fixture(scope="module")
def page(run: Path, browser: Any) -> Iterator[Any]:
    """The report in a browser; whatever its script complains about fails."""
    opened = Page(browser, (run / "report.html").as_uri())
    opened.open(path="")
    yield opened.page
    opened.close()


def node(code: str, given: object) -> Any:
    """What a module that imports the report's modules prints, as JSON, of what it is given as `given`."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed")
    whole = f"const given = {json.dumps(given)};\n{code}"
    modules = {name: (JS / f"{name}.js").as_uri() for name in alive.MODULES}
    for name, address in modules.items():
        whole = whole.replace(f'"./{name}.js"', f'"{address}"')
    ran = subprocess.run(
        [found, "--no-warnings", "--experimental-default-type=module", "--input-type=module", "-e", whole],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout)


COUNT = """
import { among, atCut, benefit, student } from "./counting.js";
const level = { level: given.level, quantile: given.quantile };
console.log(JSON.stringify(given.cases.map(({ truth, score, patient, cut, risk }) => {
  const places = truth.map((_, i) => i);
  const every = among(places, (i) => truth[i], (i) => score[i], (i) => patient[i]);
  const found = atCut(every, cut, level);
  return { ...found, benefit: benefit(found, risk), student: student(given.level, truth.length) };
})));
"""


@pytest.mark.parametrize("level", [0.95, 0.9])
def test_the_script_counts_as_the_statistics_do(level: float) -> None:
    rng = np.random.default_rng(3)
    cases = []
    for n, patients, cut in ((60, 60, 0.5), (60, 25, 0.4), (41, 12, 0.93), (30, 30, 0.0), (200, 90, 0.61)):
        truth = rng.integers(0, 2, n)
        score = np.clip(0.3 * truth + rng.random(n) * 0.7, 0, 1).round(2)
        patient = np.arange(n) if patients == n else rng.integers(0, patients, n)
        cases.append(
            {"truth": truth.tolist(), "score": score.tolist(), "patient": patient.tolist(), "cut": cut, "risk": 0.3}
        )
    quantile = stats.distributions.critical(level)
    told = node(COUNT, {"level": level, "quantile": quantile, "cases": cases})
    for case, found in zip(cases, told, strict=True):
        truth, score, patient = (np.array(case[name]) for name in ("truth", "score", "patient"))
        positive, called = truth == 1, score >= case["cut"]
        assert [found[name] for name in ("tp", "fp", "tn", "fn")] == [
            int(np.sum(a & b))
            for a, b in ((positive, called), (~positive, called), (~positive, ~called), (positive, ~called))
        ]
        shares = {"sensitivity": (positive, called), "specificity": (~positive, ~called), "ppv": (called, positive)}
        shares |= {"npv": (~called, ~positive), "accuracy": (truth >= 0, called == positive)}
        expected = {
            name: stats.proportion_ci(hit[of], level=level, clusters=patient[of])
            for name, (of, hit) in shares.items()
            if of.any()
        }
        ratios = stats.likelihood_ratios(truth, score, case["cut"], level=level, clusters=patient)
        expected |= {"lrPositive": ratios.positive, "lrNegative": ratios.negative}
        for name, right in expected.items():
            limits = [right.value, right.low, right.high]
            assert [found[name]["value"], *found[name]["limits"]] == pytest.approx(limits, abs=1e-9, rel=1e-9), name
        assert all(found[name]["value"] is None for name in shares if name not in expected)
        curve = stats.net_benefit(truth, called.astype(float), [case["risk"]])
        assert found["benefit"]["model"] == pytest.approx(curve.net_benefit[0], abs=1e-9)
        assert found["benefit"]["all"] == pytest.approx(curve.treat_all[0], abs=1e-9)
        assert found["student"] == pytest.approx(stats.distributions.critical(level, len(truth)), abs=1e-9)


def test_predictive_values_at_a_stated_prevalence_are_bayes_own() -> None:
    code = """
import { among, atCut, predictive } from "./counting.js";
const { truth, score } = given;
const every = among(truth.map((_, i) => i), (i) => truth[i], (i) => score[i], (i) => i);
const found = atCut(every, 0.5, { level: 0.95, quantile: 1.959963984540054 });
console.log(JSON.stringify([found, predictive(found, given.share), predictive(found, 0.02)]));
"""
    truth, score = [1] * 10 + [0] * 20, [0.9] * 8 + [0.1] * 2 + [0.8] * 3 + [0.2] * 17
    found, same, rare = node(code, {"truth": truth, "score": score, "share": 1 / 3})
    assert same["ppv"]["value"] == pytest.approx(found["ppv"]["value"], abs=1e-12)  # at the cases' own prevalence
    assert same["npv"]["value"] == pytest.approx(found["npv"]["value"], abs=1e-12)
    assert rare["ppv"]["value"] == pytest.approx(0.02 * 0.8 / (0.02 * 0.8 + 0.98 * 0.15), abs=1e-12)
    for values in (same, rare):
        for each in values.values():
            assert each["limits"][0] < each["value"] < each["limits"][1]


def test_numbers_are_written_and_read_as_in_the_tables() -> None:
    values = [0.0625, 0.1875, 0.3125, 1.0005, -0.0001, 0.14449999999999999, 2.5, -0.0625, 12.3456]
    code = 'import { number, worth } from "./numbers.js";\n'
    code += "const said = given.map((one) => number(one, 3));\nconsole.log(JSON.stringify([said, said.map(worth)]));"
    written, read = node(code, values)
    assert written == [number(value, 3) for value in values]
    assert read == pytest.approx([float(one.replace("−", "-")) for one in written])
    code = 'import { worth } from "./numbers.js";\nconsole.log(JSON.stringify(given.map(worth)));'
    said = ["< 0.001", "1,204 / 33", "−0.13", "25 (18 to 37)", "not estimable", "Platt 1999", ""]
    assert node(code, said) == [0.001, 1204, -0.13, 25, None, None, None]


def test_nobody_is_named_in_what_the_script_reads(run: Path) -> None:
    source = (run / "report.html").read_text(encoding="utf-8")
    told = re.search(r'<script type="application/json" id="told">(.*?)</script>', source, re.DOTALL)
    assert told
    known = json.loads(told[1])
    cohort = tables.read(run / "cohort.csv", tables.COHORT)
    assert "Maria" not in source
    assert not [
        name for column in ("patient_id", "case_id", "image") for name in cohort[column] if name and name in told[1]
    ]
    scores = tables.read(run / "scores.csv", tables.SCORES)
    points = tables.read(run / "operating_points.csv", tables.OPERATING_POINTS)
    for model in known["models"]:
        own = scores[scores["model"] == model["name"]]["probability"].to_numpy()
        cuts = points[points["model"] == model["name"]].groupby("rule", sort=False)["threshold"].first()
        assert len(set(model["p"])) == len(set(own))
        np.testing.assert_allclose(model["p"], own, atol=5e-5)
        for cut, short in zip(cuts, model["rules"].values(), strict=True):
            np.testing.assert_array_equal(own >= cut, np.array(model["p"]) >= short)
    assert len(told[1]) - len(json.dumps(known["shown"])) < 20 * len(scores)


def printed(page: Any, title: str) -> dict[tuple[str, str], list[str]]:
    """The numbers of a table of the report, by heading and row."""
    rows = page.evaluate(
        """title => [...[...document.querySelectorAll("table")].find(one => one.caption.innerText.includes(title))
          .tBodies[0].rows]
          .map(row => [row.className, ...[...row.cells].map(cell => cell.innerText.replace(/\\s+/g, " ").trim())])""",
        title,
    )
    found, heading = {}, ""
    for kind, *cells in rows:
        heading = cells[0] if kind == "group" else heading
        if kind != "group":
            found[heading, cells[0]] = cells[1:]
    return found


def explorer(page: Any) -> dict[str, list[str]]:
    """What the explorer says, by centre; its one chosen model."""
    return {centre: cells for (_, centre), cells in printed(page, "What the cut-offs give").items()}


def test_it_begins_with_what_the_report_prints(page: Any) -> None:
    shares, ratios = printed(page, "Operating point: Youden"), printed(page, "How far a call moves the odds: Youden")
    counts = printed(page, "Counts at the operating point: Youden")
    said = explorer(page)
    assert list(said) == ["Development, out of fold", "Centre 2", "Centre 3", "Centre 4", "External, pooled"]
    for centre, cells in said.items():
        where = (centre, MODELS[0])
        for own, table in ((cells[1:5], shares), (cells[5:7], ratios), (cells[7:11], counts)):
            told = parts(own)
            assert told == parts(table[where][1:])[: len(told)], centre
    assert said["Centre 4"][1] == said["Centre 4"][3] == "not estimable"


def parts(cells: list[str]) -> list[str]:
    """Numbers and limits one by one, however they share cells."""
    return re.findall(r"not estimable|\S+ to \S+|\S*\d\S*", "  ".join(cells))


def test_the_cut_off_moves_by_keys_buttons_and_numbers(page: Any) -> None:
    slider = page.get_by_label(f"Cut-off of {MODELS[0]}", exact=True)
    field = page.get_by_label(f"Cut-off of {MODELS[0]}, as a number")
    start, at = explorer(page), field.input_value()
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("at => document.querySelector('.slider input[type=number]').value > at", arg=at)
    page.wait_for_timeout(50)  # tables are drawn with the next frame
    moved = explorer(page)
    assert int(moved["Development, out of fold"][7]) <= int(start["Development, out of fold"][7])
    assert float(moved["Development, out of fold"][2].split()[0]) > float(
        start["Development, out of fold"][2].split()[0]
    )
    page.get_by_role("button", name="specificity ≥ 0.9").click()
    page.wait_for_function("document.querySelectorAll('#cut-off tbody tr')[1].cells[3].innerText >= '0.9'")
    strict = printed(page, "Operating point: specificity ≥ 0.9")
    assert explorer(page)["Centre 2"][1].split(" ")[0] == strict["Centre 2", MODELS[0]][1]
    field.fill("0")
    field.press("Enter")
    page.wait_for_function("document.querySelectorAll('#cut-off tbody tr')[1].cells[2].innerText.startsWith('1.000')")
    field.fill("1")
    field.press("Enter")
    page.wait_for_function("document.querySelectorAll('#cut-off tbody tr')[1].cells[3].innerText.startsWith('1.000')")
    assert not re.search("NaN|Infinity|undefined", page.locator("#cut-off").inner_text())
    panel = page.locator(".roc").first
    panel.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("Number(document.querySelector('.slider input[type=number]').value) < 1")
    assert page.evaluate("document.activeElement.classList.contains('roc')")  # and the focus stays
    page.get_by_role("button", name="Youden's index").click()
    page.wait_for_function("at => document.querySelector('.slider input[type=number]').value === at", arg=at)
    page.wait_for_timeout(50)
    assert explorer(page) == start


def test_prevalence_models_and_centres_are_chosen(page: Any) -> None:
    start = explorer(page)
    page.get_by_label("Share of positive cases, %").fill("1")
    rare = explorer(page)
    assert float(rare["Centre 2"][3].split()[0]) < float(start["Centre 2"][3].split()[0])
    assert rare["Centre 2"][1] == start["Centre 2"][1]
    page.get_by_label("Share of positive cases, %").fill("")
    page.locator("#cut-off").get_by_label("clinical", exact=True).check()
    page.locator("#cut-off").get_by_label("Centre 4", exact=True).uncheck()
    both = printed(page, "What the cut-offs give")
    assert len({model for model, _ in both}) == 2
    assert {centre for _, centre in both} == set(start) - {"Centre 4"}
    page.locator("#cut-off").get_by_label("clinical", exact=True).uncheck()
    page.locator("#cut-off").get_by_label("Centre 4", exact=True).check()
    assert explorer(page) == start


def test_who_points_at_a_curve_reads_its_cut_off(page: Any) -> None:
    panel = page.locator(".curve").first
    before = panel.locator(".said").inner_text()
    panel.locator("svg").hover(position={"x": 60, "y": 40})
    said = panel.locator(".said").inner_text()
    assert said != before
    assert re.fullmatch(
        r"resnet50-radimagenet: cut-off \d\.\d{3}, sensitivity [01]\.\d{3}, specificity [01]\.\d{3}", said
    )


def test_every_table_is_sorted_by_click_and_key(page: Any) -> None:
    sortable = page.evaluate(
        """[...document.querySelectorAll("main table")].filter(one => one.querySelectorAll("tr:not(.group) td").length)
          .filter(one => one.querySelectorAll("tbody tr:not(.group)").length > 1)
          .map(one => [...one.tHead.rows[0].cells].filter(cell => cell.innerText.trim())
            .every(cell => cell.hasAttribute("aria-sort") && cell.querySelector("button")))"""
    )
    assert len(sortable) > 10
    assert all(sortable)
    table = page.locator("table", has=page.locator("caption", has_text="AUC by model and stratum")).first
    head = table.locator("th[aria-sort]").nth(2)
    names = lambda: table.locator("tbody th").all_inner_texts()  # noqa: E731
    values = lambda: [float(one) for one in table.locator("tbody tr td:nth-of-type(3)").all_inner_texts()]  # noqa: E731
    start = names()
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert all(a <= b for a, b in pairwise(values()))
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert all(a >= b for a, b in pairwise(values()))
    page.keyboard.press("Enter")
    assert names() == start
    table.locator("th[aria-sort]").first.get_by_role("button").click()
    assert names() == sorted(start)
    assert head.get_attribute("aria-sort") == "none"
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    assert names() == start


def test_cases_are_opened_the_wrongest_first(run: Path, page: Any) -> None:
    scores = tables.read(run / "scores.csv", tables.SCORES)
    wide = scores.pivot_table(index="case_id", columns="model", values="probability")
    about = scores.drop_duplicates("case_id").set_index("case_id")
    wrong = abs(wide[MODELS[0]] - about["label"])[about["split"] == "external"].sort_values(ascending=False)
    number_of = {name: place + 1 for place, name in enumerate(about.index)}
    cases, field = page.locator("#cases"), page.get_by_label("Number of a case")
    assert field.input_value() == str(number_of[wrong.index[0]])
    assert f"1 of {len(wrong)}" in cases.inner_text()
    assert cases.locator("tbody tr").first.locator("td").first.inner_text() == number(
        wide[MODELS[0]][wrong.index[0]], 3
    )
    page.locator(".case").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert field.input_value() == str(number_of[wrong.index[2]])
    page.keyboard.press("End")
    assert field.input_value() == str(number_of[wrong.index[-1]])
    assert page.get_by_role("button", name="Next →").is_disabled()
    page.keyboard.press("Home")
    page.get_by_label("Cases", exact=True).select_option("missed: positive, called negative")
    missed = int(explorer(page)["External, pooled"][10])
    assert f"1 of {missed}" in cases.inner_text()
    page.get_by_label("Centre", exact=True).select_option("Centre 4")  # without a positive case
    assert "No case is like that." in cases.inner_text()
    page.get_by_label("Cases", exact=True).select_option("all of them")
    page.get_by_label("Centre", exact=True).select_option("all")


def test_an_open_case_shows_box_map_and_spread(run: Path, page: Any) -> None:
    pictured = tables.read(run / "thumbnails" / "cases.csv", tables.PICTURED)
    field, cases = page.get_by_label("Number of a case"), page.locator("#cases")
    odd = next(one for one in pictured["number"] if one % 2)
    field.fill(str(odd))
    field.press("Enter")
    page.wait_for_function("document.querySelector('.radiograph img').style.width !== ''")
    radiograph, box = (page.locator(name).bounding_box() for name in (".radiograph", ".radiograph .box"))
    assert radiograph["width"] / radiograph["height"] == pytest.approx(64 / 128, abs=0.02)
    assert (box["x"] - radiograph["x"]) / radiograph["width"] == pytest.approx(0.25, abs=0.01)
    assert box["height"] / radiograph["height"] == pytest.approx(0.25, abs=0.01)
    assert page.locator(".radiograph img").get_attribute("src").startswith("data:image/jpeg;base64,")
    assert not page.locator(".tint").count()
    cases.get_by_label("looks").check()
    assert page.locator(".tint img").count() == 1
    assert "0.013 0.050" in " ".join(cases.locator("tbody tr").first.inner_text().split())  # of 0.0125, to even: 0.012
    page.locator(".case").focus()
    field.fill("99999")
    field.press("Enter")
    assert "not among those shown" in cases.inner_text()


def test_pictures_that_are_too_many_are_linked(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osteon.results.report.opened.EMBEDDED", 9000)
    told = json.loads(alive.data(Finished(run)))["shown"]
    inside = [one for one in told["picture"] if one.startswith("data:")]
    assert 0 < sum(map(len, inside)) <= 9000
    assert {one for one in told["picture"] if one not in inside}
    assert all((run / one).is_file() for one in told["picture"] if one not in inside)


#: Every text of the page whose contrast with what is behind it is less than WCAG 2.2 wants (1.4.3, level AA).
PALE = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = parts(colour).slice(0, 3).map(v => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0.99) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const pale = [];
  const walker = document.createTreeWalker(document.querySelector(".layout"), NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const one = node.parentElement;
    const figure = one.closest("figure svg, style, script, option, button:disabled");
    if (!node.textContent.trim() || figure || !one.getClientRects().length) continue;
    const style = getComputedStyle(one);
    const ink = one.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(one))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if ((a + 0.05) / (b + 0.05) >= (large ? 3 : 4.5)) continue;
    pale.push(`${node.textContent.trim().slice(0, 40)}: ${ink} on ${ground(one)}`);
  }
  return pale;
}"""


def test_every_text_can_be_read_in_both_looks(page: Any) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("document.documentElement.removeAttribute('data-looks')")
        assert page.evaluate(PALE) == [], scheme
    page.evaluate("document.querySelector('.sub').style.color = '#5b636d'")  # the muted ink of the other look
    assert len(page.evaluate(PALE)) == 1
    page.evaluate("document.querySelector('.sub').style.color = ''")
    page.emulate_media(color_scheme="light")


def test_models_can_be_told_from_dark_paper() -> None:
    """Lines in the dark are those of the figures, lightened: what has to be seen needs 3 to 1 (WCAG 1.4.11)."""
    style = (JS.parent / "style.css").read_text(encoding="utf-8")
    compressed, brighter = map(float, re.findall(r"--lift: invert\(([\d.]+)\) brightness\(([\d.]+)\)", style)[0])
    paper = re.findall(r"--paper: (#\w{6});", style)[-1]

    def rgb(colour: str) -> np.ndarray:
        return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])

    def light(values: np.ndarray) -> float:
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    models = {f"model {i}": drawn for i, drawn in enumerate([None] * 8)} | {"clinical": study.Clinical.drawn}
    models |= {"radiomics": study.Radiomics.drawn, "combined": study.Combined.drawn, "box": study.Box.drawn}
    for look in looks([*models, "by hand"], models).values():
        shown = np.clip((compressed + (1 - 2 * compressed) * rgb(look.colour)) * brighter, 0, 1)
        assert (light(shown) + 0.05) / (light(rgb(paper)) + 0.05) >= 3, look.colour


def test_the_reader_chooses_light_or_dark_and_it_is_kept(page: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark colours").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark
    page.emulate_media(media="print")
    assert page.evaluate(paper) == light
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Light colours").click()
    assert page.evaluate(paper) == light


def test_a_telephone_shows_it_without_scrolling_sideways(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    wide = """[...document.querySelectorAll("main *")].filter(one => one.getBoundingClientRect().right > 361
      && !one.closest(".table, pre, svg")).map(one => one.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []
    page.set_viewport_size({"width": 1280, "height": 800})


def test_every_control_is_reached_and_shows_its_focus(page: Any) -> None:
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    names = "button:not(:disabled), input, select, svg[tabindex]"
    there = page.evaluate(f"[...document.querySelectorAll('{names}')].filter(one => one.checkVisibility()).length")
    reached = page.evaluate(
        f"""() => [...document.querySelectorAll('{names}')].filter(one => one.checkVisibility()).filter(one => {{
          one.focus({{ focusVisible: true }});
          const style = getComputedStyle(one);
          return document.activeElement === one && one.tabIndex >= 0 && style.outlineStyle !== "none"
            && parseFloat(style.outlineWidth) >= 1;
        }}).length"""
    )
    assert reached == there > 50
    unnamed = """[...document.querySelectorAll("input, select, button")].filter(one => !one.labels?.length
      && !one.getAttribute("aria-label") && !one.textContent.trim()).map(one => one.outerHTML)"""
    assert page.evaluate(unnamed) == []


def test_paper_has_the_whole_report_and_no_control(run: Path, page: Any, browser: Any) -> None:
    shown = "[...document.querySelectorAll('body *')].filter(one => one.checkVisibility() && one.closest('main'))"
    page.emulate_media(media="print")
    controls = page.evaluate(f"{shown}.filter(one => one.matches('input, select, button:not(.sort), .alive')).length")
    printed_words = page.evaluate("document.querySelector('main').innerText.split(/\\s+/).join(' ')")
    page.emulate_media(media="screen")
    assert controls == 0
    plain = Page(browser, (run / "report.html").as_uri(), java_script_enabled=False)
    plain.open(path="")
    plain.page.emulate_media(media="print")
    assert " ".join(plain.page.inner_text("main").split()) == printed_words
    # as wide as an A4 page between its margins; questions and answers fill two such pages at most
    plain.page.set_viewport_size({"width": 680, "height": 900})
    summary = plain.page.locator("#summary").bounding_box()
    assert summary["y"] + summary["height"] < 2 * 264 / 25.4 * 96
    plain.close()


def test_a_model_that_lacks_cases_is_left_out_of_what_the_script_reads(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    scores = tables.read(copy / "scores.csv", tables.SCORES)
    places = scores.groupby("model", sort=False).cumcount()
    numbered = scores["model"].map({name: place for place, name in enumerate(scores["model"].unique())})
    for gone, left in (((places == 0) & (numbered == 0), "clinical"), (places == numbered, None)):
        tables.write(scores[~gone], copy / "scores.csv", tables.SCORES)
        told = alive.data(Finished(copy))
        assert (json.loads(told)["models"][0]["name"] if told else None) == left
