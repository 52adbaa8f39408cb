"""Checklists to submit: the guidelines' own numbers, the run's own answers, and the published METRICS score."""

from __future__ import annotations

import shutil
from pathlib import Path

import docx
import pandas as pd
import pytest

from osteon import study
from osteon.core.errors import StudyError
from osteon.results import manuscript
from osteon.results.manuscript import checklists, metrics
from osteon.results.manuscript.metrics import Conditions, score
from osteon.results.report.folder import Finished

ETHICS = "Approved by the board of A, number 1 < 2 & 3."


@pytest.fixture(scope="module")
def told(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run, whose authors said something."""
    run = tmp_path_factory.mktemp("told") / "run"
    shutil.copytree(finished, run, ignore=shutil.ignore_patterns("models", ".cache", "figures"))
    with (run / "study.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[report]\nethics = "{ETHICS}"\nsetting = "Two hospitals."\nmetrics = [3]\n')
    return run


def test_the_score_has_the_published_weights_and_rule(references: Path) -> None:
    published = pd.read_csv(references / "metrics" / "weights.csv").set_index("item")["weight"]
    assert tuple(published) == metrics.WEIGHTS
    assert list(published.index) == list(range(1, 31))
    everything = Conditions(automatic=True, end_to_end=True)
    assert everything.idle == set()
    assert score(range(1, 31), everything) == pytest.approx(100)
    assert score((), everything) == 0
    assert score([3], everything) == pytest.approx(100 * 0.0919 / published.sum())
    alone = Conditions(segmentation=False, handcrafted=False, tabular=False, end_to_end=True)
    left = published.drop([8, 9, 10, 12, 14, 15, 16])
    assert score([3, 8, 12], alone) == pytest.approx(100 * 0.0919 / left.sum())
    assert Conditions().idle == {9, 17}


def test_every_item_of_a_guideline_is_there_once(told: Path) -> None:
    run = Finished(told)
    found = checklists.checklists(run, manuscript.manuscript(run))
    assert {name: len(items) for name, items in found.items()} == {
        "CLAIM": 44,
        "TRIPOD+AI": 52,
        "CLEAR": 58,
        "METRICS": 30,
    }
    for name in ("CLAIM", "CLEAR", "METRICS"):
        assert [item.number for item in found[name]] == [str(i + 1) for i in range(len(found[name]))]
    for items in found.values():
        assert len({item.number for item in items}) == len(items)
        assert all(item.asked and (item.where == checklists.AUTHORS) == (not item.answer) for item in items)


def test_places_that_items_name_can_be_there(told: Path) -> None:
    """A part that no study has would always be left to the authors."""
    answers = pd.read_csv(Path(checklists.__file__).with_name("guidelines.csv"))["answer"].dropna()
    fields = {f"report: {name}" for name in study.Report.model_fields}
    assert set(answers[answers.str.startswith("report: ")]) <= fields
    run = Finished(told)
    there = {item.where for items in checklists.checklists(run, manuscript.manuscript(run)).values() for item in items}
    others = set(answers[~answers.str.startswith("report: ")])
    lacking = {"Methods: Changed boxes and pictures", "Methods: Maps", "Results: Robustness to the box"}  # small study
    drawn = {"Results: Example cases", "Methods: Models (missing values)"}  # nothing was drawn, nothing was missing
    assert others - there <= lacking | drawn | {
        "Supplement: Subgroups",
        "Supplement: Differences between centres and seeds",
    }


def test_what_authors_say_is_in_manuscript_and_items(told: Path) -> None:
    run = Finished(told)
    document = manuscript.manuscript(run)
    assert ETHICS in [getattr(block, "text", "") for block in document.blocks]
    found = checklists.checklists(run, document)
    answers = {item.number: item.answer for item in found["TRIPOD+AI"]}
    assert answers["17"] == ETHICS
    assert answers["6a"] == "Two hospitals."
    assert answers["18a"] == ""
    said = checklists.metrics_sentence(run, found["METRICS"])
    assert "Fulfilled: 3, 4, " in said
    assert "not applicable: 9" in said


def test_files_are_written_and_read_back(told: Path, tmp_path: Path) -> None:
    path = manuscript.write(told, "checklists", tmp_path / "lists")
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "checklists.docx", "claim.csv", "clear.csv", "metrics.csv", "tripod-ai.csv",
    ]  # fmt: skip
    table = pd.read_csv(path.with_name("tripod-ai.csv"), keep_default_na=False)
    assert table.loc[table["Item"] == "17", "Answer"].item() == ETHICS
    assert [len(grid.rows) - 1 for grid in docx.Document(str(path)).tables] == [44, 52, 58, 30]


def test_a_setting_that_is_not_known_is_refused(told: Path, tmp_path: Path) -> None:
    text = (told / "study.toml").read_text(encoding="utf-8")
    for wrong, word in (("ethic = 'a'", "ethic"), ("metrics = [31]", "metrics"), ("funding = 3", "funding")):
        file = tmp_path / "study.toml"
        file.write_text(text.replace("metrics = [3]", wrong), encoding="utf-8")
        with pytest.raises(StudyError, match=word):
            study.load(file)
