"""The report: one page that holds everything, says what the tables say, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from osteon import study
from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.words import NOTEWORTHY, counted, number
from osteon.results import figures, report
from osteon.results.evaluate import evaluate
from osteon.results.figures.style import looks
from osteon.results.report import alive
from simulated_run import simulate, write_inputs
from small_study import drawing

MODELS = ("resnet50-radimagenet", "clinical", "box")
KINDS = {"resnet50-radimagenet": None, "clinical": study.Clinical.drawn, "box": study.Box.drawn}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with tables and figures, centre 4 with one class only."""
    run = tmp_path_factory.mktemp("finished") / "run"
    simulated = simulate(9, scale=0.3, models=MODELS)
    simulated.predictions.loc[simulated.predictions["centre"] == "4", "label"] = 0
    write_inputs(run, simulated)
    evaluate(simulated.predictions, simulated.cohort, simulated.study).write(run)
    figures.draw_all(run)
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(scope="module")
def page(finished: Path) -> Page:
    return Page(report.write(finished))


class Page(HTMLParser):
    """The report as a browser would take it, with every tag closed."""

    VOID = ("meta", "br", "img", "link", "hr")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name))]


def test_it_is_one_file_that_asks_nobody_for_anything(finished: Path, page: Page) -> None:
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "embed")]
    assert not re.findall(r"\b(?:fetch|XMLHttpRequest|WebSocket|import)\s*\(|https?://(?!www\.w3\.org)", alive.script())
    links = {v for v in page.attributes("href") if not v.startswith("#")}
    assert {"metrics.csv", "figures/roc.svg"} <= links
    assert all((finished / link).is_file() for link in links)  # beside the report, for whoever has the folder
    for name in ("src", "xlink:href", "srcset", "poster", "action"):
        assert all(v.startswith(("#", "data:image/")) for v in page.attributes(name)), name
    assert all(target.startswith("#") for target in re.findall(r"url\(\s*['\"]?([^)'\"]+)", page.source))
    assert "@import" not in page.source
    assert "http-equiv" not in page.source


def test_every_identifier_is_one_and_every_reference_is_answered(page: Page) -> None:
    names = page.attributes("id")
    assert len(names) == len(set(names))
    asked = [v for name in ("href", "xlink:href", "aria-labelledby") for v in page.attributes(name)]
    asked += re.findall(r"url\((#[^)]+)\)", page.source)
    assert {v.removeprefix("#") for v in asked if v.startswith("#")} <= set(names)
    assert set(page.attributes("aria-labelledby")) <= set(names)


def test_it_can_be_read_without_eyes(page: Page) -> None:
    assert ("html", {"lang": "en"}) in page.tags
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    sketches = sum(attrs.get("class") == "sketch" for attrs in pictures)
    assert len(pictures) - sketches == sum(tag == "figure" for tag, _ in page.tags) >= 7
    assert sketches >= 4
    assert all(attrs["role"] == "img" and len(attrs["aria-label"] or "") > 20 for attrs in pictures)
    count = {tag: sum(t == tag for t, _ in page.tags) for tag in ("table", "caption", "thead", "h1", "main", "nav")}
    assert count["table"] == count["caption"] == count["thead"]
    assert (count["h1"], count["main"], count["nav"]) == (1, 1, 1)
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    labels = re.findall(r"(Table|Figure) (\d+)\.", page.words)
    for kind in ("Table", "Figure"):
        assert [int(n) for k, n in labels if k == kind] == list(range(1, sum(k == kind for k, _ in labels) + 1))


def test_the_headline_is_the_tables_own(finished: Path, page: Page) -> None:
    metrics = tables.read(finished / "metrics.csv", tables.METRICS)
    contrast = tables.read(finished / "comparisons.csv", tables.COMPARISONS).query("primary and stratum == 'external'")
    first = metrics.query("model == 'resnet50-radimagenet' and stratum == 'external' and metric == 'auc'").iloc[0]
    sentence = page.words[page.words.index("On ") :]
    area = f"{number(first['value'], 3)} (95% CI {number(first['low'], 3)} to {number(first['high'], 3)})"
    start = (
        f"On {first['n']} external cases of 3 centres ({first['n_positive']} non-benign), resnet50-radimagenet reached"
    )
    assert sentence.startswith(f"{start} an AUC of {area}")
    assert f"a difference of {number(contrast['difference'].iloc[0], 3, sign=True)}" in sentence
    assert "favours" in sentence or "does not separate" in sentence
    assert "The box alone, its size and position, reached" in sentence


def test_the_direction_of_the_contrast_is_said_right(run: Path) -> None:
    comparisons = tables.read(run / "comparisons.csv", tables.COMPARISONS)
    said = {}
    for low, high, p in ((0.01, 0.2, 0.03), (-0.2, -0.01, 0.03), (-0.1, 0.1, 0.9), (0.01, 0.2, 0.06)):
        changed = comparisons.assign(difference=(low + high) / 2, low=low, high=high, p=0.03, p_holm=p)
        tables.write(changed, run / "comparisons.csv", tables.COMPARISONS)
        said[low] = report.headline(run)
    assert "favours resnet50-radimagenet." in said[0.01]
    assert "favours clinical." in said[-0.2]
    assert "does not separate the two." in said[-0.1]


def test_every_auc_is_printed_and_one_class_is_not_estimable(finished: Path, page: Page) -> None:
    areas = tables.read(finished / "metrics.csv", tables.METRICS).query("metric == 'auc'")
    for _, row in areas[areas["value"].notna()].iterrows():
        assert f"{number(row['value'], 3)} {number(row['low'], 3)} to {number(row['high'], 3)}" in page.words
    assert "not estimable one class" in page.words
    assert "nan" not in page.words.lower().split()


def test_research_use_and_synthetic_data_are_said(run: Path, page: Page) -> None:
    assert page.words.count("Research use only; not a medical device") >= 2
    assert "Synthetic data." in page.words
    flow = json.loads((run / "flow.json").read_text())
    (run / "flow.json").write_text(json.dumps({**flow, "synthetic": False}))
    real = Page(report.write(run))
    assert "synthetic" not in real.words.lower().replace("(simulated)", "")
    assert "SYNTHETIC" not in report.headline(run)
    (run / "provenance.json").write_text(json.dumps({"synthetic": True}))
    assert "Synthetic data." in Page(report.write(run)).words
    assert "SYNTHETIC DATA" in report.headline(run)


def test_sections_follow_the_files(run: Path, page: Page) -> None:
    def sections(found: Page) -> list[str]:
        return [attrs["id"] or "" for tag, attrs in found.tags if tag == "section"]

    assert "robustness" not in sections(page)
    cells = {"text": "shift", "number": 0.71, "integer": 4}
    row = {name: [cells[column.kind]] for name, column in tables.ROBUSTNESS.columns.items()}
    tables.write(pd.DataFrame(row), run / "robustness.csv", tables.ROBUSTNESS)
    shutil.copy(run / "figures" / "roc.svg", run / "figures" / "robustness.svg")
    with_it = Page(report.write(run))
    assert sections(with_it).index("robustness") < sections(with_it).index("methods")
    assert "shift" in with_it.words
    for name in ("flow.json", "provenance.json", "baseline.csv", "subgroups.csv", "robustness.csv", "seeds.csv"):
        (run / name).unlink()
    for name in ("comparisons.csv", "heterogeneity.csv", "operating_points.csv", "recalibration.csv"):
        (run / name).unlink()
    shutil.rmtree(run / "figures")
    bare = Page(report.write(run))
    assert sections(bare) == ["summary", "discrimination", "calibration", "methods", "checklist", "versions"]
    assert set(sections(bare)) == {v.removeprefix("#") for v in bare.attributes("href") if v.startswith("#")}


def test_odds_ratios_and_selected_features_are_shown_where_a_run_has_them(run: Path, page: Page) -> None:
    assert "Odds ratio" not in page.words
    odds = {
        "model": "clinical",
        "term": "sex: M",
        "odds_ratio": [1.42],
        "low": 0.9,
        "high": 2.24,
        "p": 0.13,
        "note": "",
    }
    tables.write(pd.DataFrame({**odds, "note": ""}), run / "odds_ratios.csv", tables.ODDS_RATIOS)
    used = {"model": "radiomics", "feature": "glcm_contrast", "folds": [4], "of": 5, "coefficient": -0.2}
    used |= {"least": -0.31, "greatest": 0.0}
    tables.write(pd.DataFrame(used), run / "selected_features.csv", tables.SELECTED_FEATURES)
    words = Page(report.write(run)).words
    assert "sex: M 1.42 0.90 to 2.24 0.13" in words
    assert "GLCM contrast radiomics 4 of 5 −0.200" in words


def test_methods_settings_and_hashes_are_told(page: Page) -> None:
    for words in (
        "5-fold cross-validation, grouped by patient",
        "resnet50-radimagenet : resnet50 from radimagenet weights",
        "averaged over 3 training seeds",
        "resnet50-radimagenet and clinical, its first two models, are compared first",
        "widened by 15% of its side",
        "sensitivity of at least 90%",
        "weights: imagenet",
        "17" * 32,
        "[evaluation]",
    ):
        assert words in page.words, words


def test_the_same_files_give_the_same_bytes(finished: Path, page: Page) -> None:
    assert report.write(finished).read_text(encoding="utf-8") == page.source


def test_text_of_the_study_is_text(run: Path) -> None:
    study = (run / "study.toml").read_text()
    (run / "study.toml").write_text(study.replace("Bone tumours on radiographs (simulated)", "<script>x</script> & Co"))
    written = Page(report.write(run))
    assert "<script>x</script> & Co" in written.words
    assert [attrs["type"] for tag, attrs in written.tags if tag == "script"] == ["application/json", "module"]


def test_the_terminal_gets_every_model_and_stratum(finished: Path) -> None:
    text = report.headline(finished)
    *_, a, b, c = text.splitlines()
    assert [line.split()[0] for line in (a, b, c)] == list(MODELS)
    assert all(line.count(" to ") == 4 for line in (a, b, c))
    assert all("not estimable" in line for line in (a, b, c))
    assert max(map(len, text.splitlines()[-4:])) < 160


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.csv|study\.toml"):
        report.write(tmp_path)


def test_without_external_centres_the_claim_is_about_development(tmp_path: Path) -> None:
    simulated = simulate(9, scale=0.2, models=("inception_v3-imagenet", "box"))
    inside = simulated.predictions[simulated.predictions["split"] == "development"]
    write_inputs(tmp_path, simulated)
    evaluate(inside, simulated.cohort, simulated.study).write(tmp_path)
    words = Page(report.write(tmp_path)).words
    assert "development cases, out of fold, (" not in words
    assert re.search(r"On \d+ development cases, out of fold \(\d+ non-benign\), inception_v3-imagenet reached", words)
    assert "There was no external centre." in words
    assert "External cases were predicted" not in words


def rewritten(run: Path, **sections: dict[str, object]) -> None:
    """Give a run's study other settings."""
    made = study.load(run / "study.toml").model_dump(mode="json", exclude_none=True)
    for name, changed in sections.items():
        made[name] = made.get(name, {}) | changed
    study.Study.model_validate(made).write(run / "study.toml")


def test_only_what_the_study_file_names_was_prespecified(run: Path, page: Page) -> None:
    assert "prespecified" in page.words
    assert page.words.count("prespecified") == page.words.count("nobody prespecified")
    assert "The contrast of the first two models, which nobody prespecified" in page.words
    rewritten(run, evaluation={"primary": ["resnet50-radimagenet", "clinical"]})
    words = Page(report.write(run)).words
    assert "nobody prespecified" not in words
    assert re.search(r"The prespecified contrast (favours|does not separate)", words)
    assert "The one prespecified test is resnet50-radimagenet against clinical" in words


def test_few_cases_of_a_class_are_said_to_be_few(tmp_path: Path, page: Page) -> None:
    assert re.search(r"Caution, few cases of a class: 0 non-benign of \d+ cases in Centre 4\.", page.words)
    simulated = simulate(9, scale=0.3, models=("inception_v3-imagenet", "box"))
    told = simulated.predictions
    outside = told[told["split"] == "external"].drop_duplicates("case_id").groupby("label").head(4)["case_id"]
    kept = (told["split"] == "development") | told["case_id"].isin(outside)
    write_inputs(tmp_path, simulated)
    evaluate(simulated.predictions[kept], simulated.cohort, simulated.study).write(tmp_path)
    assert "4 non-benign and 4 others of 8 cases in" in report.headline(tmp_path)
    many = simulate(9, scale=1.0, models=("inception_v3-imagenet", "box"))
    write_inputs(tmp_path / "many", many)
    evaluate(many.predictions, many.cohort, many.study).write(tmp_path / "many")
    assert "few cases" not in report.headline(tmp_path / "many")


def test_methods_tell_the_files_that_were_read_and_the_masks_that_there_were(run: Path, page: Page) -> None:
    assert "285 PNG files" in page.words
    assert "VOI" not in page.words
    assert "mask" not in page.words
    cohort = tables.read(run / "cohort.csv", tables.COHORT)
    cohort["image"] = [f"images/{i}.{'jpg' if i else 'DCM'}" for i in range(len(cohort))]
    tables.write(cohort, run / "cohort.csv", tables.COHORT)
    words = Page(report.write(run)).words
    assert "1 DICOM file and 284 JPEG files" in words
    assert "VOI look-up table" in words
    assert "JPEG pictures hold values made for display" in words
    settings = study.load(run / "study.toml").model_dump(mode="json", exclude_none=True)["models"]
    predictions = tables.read(run / "predictions.csv", tables.PREDICTIONS)
    more = predictions[predictions["model"] == "clinical"].assign(model="radiomics")
    tables.write(pd.concat([predictions, more]), run / "predictions.csv", tables.PREDICTIONS)
    metrics = tables.read(run / "metrics.csv", tables.METRICS)
    more = metrics[metrics["model"] == "clinical"].assign(model="radiomics")
    tables.write(pd.concat([metrics, more]), run / "metrics.csv", tables.METRICS)
    made = study.load(run / "study.toml").model_dump(mode="json", exclude_none=True)
    study.Study.model_validate({**made, "models": [*settings, {"kind": "radiomics"}]}).write(run / "study.toml")
    told = {0: "IBSI features of the box (no case had a mask)", 3: "the mask in 3 of 285 cases and of the box"}
    for count, said in told.items():
        cohort["mask"] = ["m.png" if i < count else "" for i in range(len(cohort))]
        tables.write(cohort, run / "cohort.csv", tables.COHORT)
        assert said in Page(report.write(run)).words


def test_a_model_added_by_hand_is_said_to_be(run: Path, page: Page) -> None:
    assert "by hand" not in page.words
    predictions = tables.read(run / "predictions.csv", tables.PREDICTIONS)
    forest = predictions[predictions["model"] == "box"].assign(model="a forest")
    both = pd.concat([predictions, forest], ignore_index=True)
    tables.write(both, run / "predictions.csv", tables.PREDICTIONS)
    evaluate(both, tables.read(run / "cohort.csv", tables.COHORT), study.load(run / "study.toml")).write(run)
    with drawing("roc", "decision", "forest"):
        figures.draw_all(run)
    written = Page(report.write(run))
    assert "a forest was added by hand: osteon did not fit it." in written.words
    assert "a forest : added by hand: its probabilities were put into predictions.csv" in written.words
    for name in ("roc", "decision", "forest"):
        assert "a forest (added by hand)" in (run / "figures" / f"{name}.svg").read_text()
    # no other model changes its colour
    for name in ("clinical", "box"):
        before, after = (looks([*MODELS, *more], KINDS)[name] for more in ((), ("a forest",)))
        assert before == after


def test_no_path_of_weights_is_told_but_their_record_and_digest(run: Path) -> None:
    made = study.load(run / "study.toml").model_dump(mode="json", exclude_none=True)
    made["models"][0]["weights"] = "file:../secret/folder/x.safetensors"
    study.Study.model_validate(made).write(run / "study.toml")
    held = json.loads((run / "provenance.json").read_text())
    known = {"record": "radimagenet-resnet50", "source": "hf:someone/weights/x.pt", "weights": "ab" * 32}
    held["started"] = {"resnet50-radimagenet": known | {"input_size": "224"}}
    (run / "provenance.json").write_text(json.dumps(held))
    words = Page(report.write(run)).words
    methods = words.split("Task and centres")[1].split("The resolved study")[0]
    assert "radimagenet-resnet50 weights (hf:someone/weights/x.pt, SHA-256 abababababab…)" in methods
    assert "to 224 pixels a side" in methods
    assert "secret" not in methods


def test_methods_hold_no_section_on_what_was_not_done(run: Path, page: Page) -> None:
    for absent in ("Changed boxes and pictures", "Grad-CAM", "Wilcoxon", "permuted"):
        assert absent not in page.words.split("The resolved study")[0].split("Methods Task and centres")[1]
    assert "McNemar" in page.words
    assert "Bootstrap intervals are from 200 resamples of patients" in page.words
    assert "missing values (age in" in page.words
    (run / "contrast.csv").unlink()
    words = Page(report.write(run)).words
    assert "McNemar" not in words
    assert "Bootstrap" not in words


def test_a_table_changed_by_hand_is_told(run: Path, page: Page) -> None:
    assert "is not as osteon wrote it" not in page.words
    held = json.loads((run / "provenance.json").read_text())
    held["steps"] = {"predictions": {"key": "", "files": {"predictions.csv": "00" * 32}}}
    (run / "provenance.json").write_text(json.dumps(held))
    assert "predictions.csv is not as osteon wrote it" in Page(report.write(run)).words


def test_one_is_no_plural() -> None:
    assert (counted(1, "case"), counted(0, "case"), counted(2, "centre")) == ("1 case", "0 cases", "2 centres")


def test_differences_stand_out_from_one_threshold_everywhere(page: Page) -> None:
    bold = re.findall(r'<small class="large">([^<]+)</small>', page.source)
    plain = re.findall(r'<small class="">([^<]+)</small>', page.source)
    assert bold
    assert plain
    assert (
        min(abs(float(v.replace("−", "-"))) for v in bold)
        >= NOTEWORTHY
        >= max(abs(float(v.replace("−", "-"))) for v in plain)
    )
    assert f"bold beyond {NOTEWORTHY:g}" in page.words


def test_the_first_page_answers_every_question_with_what_the_tables_say(run: Path, page: Page) -> None:
    first = page.source.split('<section id="cohort"')[0]
    asked = re.findall(r'<article class="answer"><h3>(.*?)</h3><p class="verdict">(.*?)</p>', first)
    assert [question for question, _ in asked] == [
        "Is resnet50-radimagenet better than clinical?",
        "Is resnet50-radimagenet better than the other models, clinical data and the box alone among them?",
        "Does resnet50-radimagenet hold at each centre?",
        "Can its probabilities be trusted, and is it worth using?",
        "Does it help readers?",
        "What can this study not say?",
    ]
    assert "no reader took part" in dict(asked)["Does it help readers?"]
    points = tables.read(run / "operating_points.csv", tables.OPERATING_POINTS)
    own = points.query("model == 'resnet50-radimagenet' and rule == 'youden' and stratum == 'centre:2'")
    value = own.set_index("metric")["value"]
    sensitive = f"sensitivity {value['sensitivity']:.0%} ({value['tp']:.0f} of {value['tp'] + value['fn']:.0f})"
    assert f"in Centre 2 {sensitive}" in page.words
    comparisons = tables.read(run / "comparisons.csv", tables.COMPARISONS)
    verdicts = []
    for low, high, p in ((0.01, 0.2, 0.03), (-0.2, -0.01, 0.03), (-0.1, 0.1, 0.9), (0.01, 0.2, 0.06)):
        changed = comparisons.assign(difference=(low + high) / 2, low=low, high=high, p=0.03, p_holm=p)
        tables.write(changed, run / "comparisons.csv", tables.COMPARISONS)
        written = report.write(run).read_text(encoding="utf-8")
        verdicts.append(re.findall(r'<p class="verdict">(.*?)</p>', written)[:2])
    yes, no, open_, many = verdicts
    assert yes[0].startswith("Yes, by 0.105 in AUC")
    assert no[0].startswith("No: clinical is better, by 0.105")
    assert open_[0].startswith("Not shown: the difference is +0.000, and anything from −0.100 to +0.100")
    assert yes[1] == "Yes, better than each of the other 2."
    assert no[1] == open_[1] == "No: shown to be better than none of the other 2."
    # The primary pair has no other beside it; of the others, the interval alone would say yes, but not Holm's p.
    assert many[1] == "Of some: shown to be better than 1 of the other 2."


def test_every_model_has_its_counts_at_every_centre(finished: Path, page: Page) -> None:
    points = tables.read(finished / "operating_points.csv", tables.OPERATING_POINTS)
    counts = points[points["metric"].isin(["tp", "fp", "tn", "fn"])]
    for _, own in counts.groupby(["rule", "stratum", "model"], sort=False):
        threshold = number(own["threshold"].iloc[0], 3)
        told = " ".join(f"{value:.0f}" for value in own.set_index("metric")["value"][["tp", "fp", "tn", "fn"]])
        assert f"{own['model'].iloc[0]} {threshold} {told}" in page.words


def test_every_model_has_its_counts_and_shares_at_every_centre_and_operating_point(finished: Path, page: Page) -> None:
    found = tables.read(finished / "operating_points.csv", tables.OPERATING_POINTS)
    assert set(found["rule"]) == {"youden", "sensitivity >= 0.9", "specificity >= 0.9"}
    for title in ("Youden's index", "sensitivity ≥ 0.9", "specificity ≥ 0.9"):
        assert f"Operating point: {title}" in page.words
        assert f"Counts at the operating point: {title}" in page.words
    assert "Sensitivity Specificity PPV NPV Accuracy" in page.words
    assert "True positive False positive True negative False negative" in page.words
    counts = page.source[page.source.index("Counts at the operating point: Youden") :].split("</table>")[0]
    for (model, stratum), own in found[found["rule"] == "youden"].groupby(["model", "stratum"]):
        values = own.set_index("metric")["value"]
        cells = "".join(
            rf'<td class="number">{values[name]:.0f}</td><td class="limits"></td>' for name in ("tp", "fp", "tn", "fn")
        )
        assert re.search(rf'<th scope="row">{re.escape(model)}</th><td class="number">[\d.]+</td>{cells}', counts), (
            stratum
        )
