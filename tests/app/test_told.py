"""What readers are told beside the picture: with units, each picture's own view, and nothing that identifies."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from reading_study import write_run

from osteon import study as studies
from osteon.core import tables
from osteon.core.errors import InputError
from osteon.readers.told import told
from osteon.study import Study, Task
from osteon.study.protocol import Readers
from osteon.web.wording import worded

_VIEWS = pd.DataFrame({"code": ["C1", "C1", "C2"], "case_id": ["hidden-00", "hidden-02", "hidden-01"]})


def with_columns(
    folder: Path, context: str = '["age", "sex", "site", "view"]', confirmed: str = "[]", **columns: object
) -> Study:
    """A run of four cases with other columns."""
    readers = f"[readers]\ncontext = {context}\ncontext_confirmed = {confirmed}\n"
    study = write_run(folder, readers, cases=4)
    cohort = tables.read(study.run_path / "cohort.csv", tables.COHORT)
    tables.write(cohort.assign(**columns), study.run_path / "cohort.csv", tables.COHORT)
    return studies.load(folder / "study.toml")


def of(study: Study) -> tuple[dict[str, dict[str, str]], list[str]]:
    file = study.run_path / "cohort.csv"
    cohort = tables.read(file, tables.COHORT)
    return told(study, study.readers, cohort, _VIEWS, file, pd.Series(range(2, 6), index=cohort["case_id"]))


def test_each_picture_has_its_own_view_and_a_case_all_that_its_pictures_say(tmp_path: Path) -> None:
    study = with_columns(tmp_path, view=["frontal", "lateral", "oblique", ""], age=[29, 1, 30, 5])
    context, captions = of(study)
    assert captions == ["frontal", "oblique", "lateral"]
    assert context == {
        "C1": {"age": "29 years / 30 years", "sex": "F", "site": "tibia"},
        "C2": {"age": "1 year", "sex": "F", "site": "tibia"},
    }


@pytest.mark.parametrize(
    ("age", "said"),
    [(29.0, "29 years"), (1, "1 year"), (1.9, "1 year"), (0.5, "6 months"), (1 / 12, "1 month"), (0, "under 1 year"),
     (0.01, "under 1 month"), (89, "89 years"), (89.5, ">89 years"), (90, ">89 years"), (104, ">89 years")],
)  # fmt: skip
def test_ages_have_a_unit_and_great_ones_no_number(tmp_path: Path, age: float, said: str) -> None:
    assert of(with_columns(tmp_path, age=[age] * 4))[0]["C2"]["age"] == said


def test_an_unknown_age_is_left_out(tmp_path: Path) -> None:
    assert "age" not in of(with_columns(tmp_path, age=[float("nan")] * 4))[0]["C1"]


@pytest.mark.parametrize("column", ["physician", "pain", "hospital", "accession"])
def test_a_column_that_may_identify_needs_to_be_confirmed(tmp_path: Path, column: str) -> None:
    values = {column: ["no", "yes", "no", "yes"]}
    with pytest.raises(InputError, match=rf'context_confirmed = \["{column}"\]'):
        of(with_columns(tmp_path / "a", f'["{column}"]', **values))
    context, _ = of(with_columns(tmp_path / "b", f'["{column}"]', f'["{column}"]', **values))
    assert context["C2"] == {column: "yes"}


@pytest.mark.parametrize("column", ["patient_id", "case_id", "image", "centre", "label", "subtype", "x0"])
def test_some_columns_cannot_even_be_confirmed(tmp_path: Path, column: str) -> None:
    with pytest.raises(InputError, match="must not see"):
        of(with_columns(tmp_path, f'["{column}"]', f'["{column}"]'))


def test_the_diagnosis_under_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must not see"):
        of(with_columns(tmp_path, '["finding"]', '["finding"]', finding=["0", "1", "0", "1"]))


@pytest.mark.parametrize(
    "value",
    ["Doe^Jane", "Mueller, Hans", "Dr. Weiss", "Jane Doe", "1961-03-04", "04.03.1961", "3/4/61", "19610304",
     "March 1961", "4 Mar 1961", "1961", "P00123", "MRN99812", "4711081", "jane@example.org", "x" * 61, "P-1",
     "C:\\scans\\doe.dcm"],
)  # fmt: skip
def test_a_value_that_looks_like_somebodys_is_refused_and_not_repeated(tmp_path: Path, value: str) -> None:
    study = with_columns(tmp_path, site=["tibia", value, "tibia", "femur"])
    with pytest.raises(InputError, match="looks like") as caught:
        of(study)
    assert value not in str(caught.value)
    assert (caught.value.row, caught.value.column) == (3, "site")
    confirmed = with_columns(tmp_path, '["site"]', '["site"]', site=["tibia", value, "tibia", "femur"])
    assert of(confirmed)[0]["C2"]["site"] == value


@pytest.mark.parametrize(
    "value",
    ["Distal Femur", "left knee", "L5", "Th12", "AP", "LL", "hip (right)", "Os ilium", "Left Proximal Tibia", "F",
     "2nd toe", "股骨", "knee-joint", "C7"],
)  # fmt: skip
def test_places_are_no_names(tmp_path: Path, value: str) -> None:
    assert of(with_columns(tmp_path, site=["tibia", value, "tibia", "femur"]))[0]["C2"]["site"] == value


@pytest.mark.parametrize(
    ("rules", "positive", "name", "labels", "question", "answers"),
    [
        ({}, ("malignant",), "positive", ["benign", "malignant"], "Is this lesion malignant?", ("benign", "malignant")),
        ({}, ("malignant", "giant cell tumor"), "non-benign", ["benign", "malignant", "giant cell tumor"],
         "Is this lesion malignant or a giant cell tumor?", ("benign", "malignant or giant cell tumor")),
        ({}, ("Malignant", "intermediate"), "x", ["Benign"], "Is this lesion malignant or intermediate?",
         ("Benign", "Malignant or intermediate")),
        ({"answers": ("benign", "non-benign")}, ("malignant", "intermediate"), "non-benign", ["benign"],
         "Is this lesion malignant or intermediate?", ("benign", "non-benign")),
        ({"answers": ("benign", "non-benign")}, (), "positive", ["0", "1"],
         "Is this lesion anything other than benign?", ("benign", "non-benign")),
        ({}, ("osteosarcoma",), "x", ["a", "b", "c", "osteosarcoma"], "Is this lesion an osteosarcoma?", ("no", "yes")),
        ({}, (), "malignant", ["0", "1"], "Is this lesion malignant?", ("no", "yes")),
        ({"question": "Biopsy?"}, ("malignant",), "x", ["benign"], "Biopsy?", ("benign", "malignant")),
        ({"answers": ("harmless", "refer")}, ("malignant",), "x", ["benign"], "Is this lesion malignant?",
         ("harmless", "refer")),
    ],
)  # fmt: skip
def test_the_question_is_what_a_radiologist_would_ask(
    rules: dict[str, object],
    positive: tuple[str, ...],
    name: str,
    labels: list[str],
    question: str,
    answers: tuple[str, str],
) -> None:
    found = worded(Readers.model_validate(rules), Task(positive=positive, name=name), labels)
    assert (found.asked, found.answers) == (question, answers)
    assert not re.search("non-", found.asked)
