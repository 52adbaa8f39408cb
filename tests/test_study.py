"""Study files: defaults, refusals that help, and the round trip through the resolved file."""

from __future__ import annotations

from pathlib import Path

import pytest

from osteon import study
from osteon.core.errors import StudyError
from small_study import SMALLEST


def load(folder: Path, text: str, columns: str = "") -> study.Study:
    (folder / "cohort.csv").write_text(f"case_id,image,centre,label,x0,y0,x1,y1{columns}\n")
    (folder / "study.toml").write_text(text)
    return study.load(folder / "study.toml")


def test_the_smallest_study_asks_the_papers_question(tmp_path: Path) -> None:
    found = load(tmp_path, SMALLEST, ",age,sex")
    assert [m.name for m in found.models] == [
        "resnet50-radimagenet", "resnet50-imagenet", "radiomics", "clinical", "combined", "box",
    ]  # fmt: skip
    assert found.primary == ("resnet50-radimagenet", "resnet50-imagenet")
    assert found.model("clinical").variables == ("age", "sex")  # type: ignore[union-attr]


def test_without_clinical_columns_there_is_no_clinical_model(tmp_path: Path) -> None:
    assert {m.kind for m in load(tmp_path, SMALLEST).models} == {"network", "radiomics", "box"}


def test_the_paper_preset_takes_the_published_settings(tmp_path: Path) -> None:
    found = load(tmp_path, SMALLEST.replace("[task]", 'preset = "paper"\n[task]'))
    networks = [m for m in found.models if isinstance(m, study.Network)]
    assert len(networks) == 4
    assert {(m.learning_rate, m.batch_size, m.epochs, m.loss, m.dropout) for m in networks} == {
        (4e-3, 128, 100, "focal", 0.5)
    }
    assert found.crop.margin == 0


def test_a_box_baseline_is_always_run(tmp_path: Path) -> None:
    found = load(tmp_path, SMALLEST + '[[models]]\nkind = "network"\nname = "net"\n')
    assert [m.kind for m in found.models] == ["network", "box"]


@pytest.mark.parametrize("columns", ["", ",age,sex,site"])
def test_the_resolved_file_is_the_same_study(tmp_path: Path, columns: str) -> None:
    first = load(tmp_path, SMALLEST + '[crop]\nsize = 96\n[evaluation]\nsubgroups = ["sex"]\n', columns)
    run = tmp_path / "run"
    first.relocated(run).write(run / "study.toml")
    again = study.load(run / "study.toml")
    assert again.cohort_path.resolve() == first.cohort_path.resolve()
    assert again.run_path.resolve() == first.run_path.resolve()
    assert again.models == first.models
    assert again.crop == first.crop
    assert again.relocated(run).to_toml() == (run / "study.toml").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[study]\nnam = "x"\n[centres]\ndevelopment = ["1"]', "'study.nam'. Did you mean 'name'?"),
        ("[study]\n", "'centres' is missing"),
        ('[centre]\ndevelopment = ["1"]', "Did you mean 'centres'?"),
        (SMALLEST + '[[models]]\nkind = "network"\nname = "a"\nepoch = 3', "'models[0].epoch'. Did you mean 'epochs'"),
        (SMALLEST + '[[models]]\nkind = "netwrk"\nname = "a"', "Choose one of network, radiomics"),
        (SMALLEST + '[[models]]\nkind = "network"\nname = "a"\n[models.augment]\nrotat = 3', "Did you mean 'rotate'"),
        (SMALLEST + '[evaluation]\nprimary = ["a", "b"]', "no model 'a'"),
        (SMALLEST + "[evaluation]\nfolds = 1", "greater than or equal to 2 (it is 1)"),
        (SMALLEST + '[[models]]\nkind = "combined"\nof = "x"', "no model 'x'"),
        (SMALLEST + '[[models]]\nkind = "box"\n[[models]]\nkind = "box"', "two models are named 'box'"),
        ('[centres]\ndevelopment = ["1"]\nexternal = ["1"]', "both development and external"),
        ('[centres]\ndevelopment = "1"', 'a list, such as ["1"]'),
        ("this is not toml", "not a TOML file"),
        (SMALLEST + '[[models]]\nkind = "network"\nname = "../up"', "name"),
    ],
)
def test_a_wrong_setting_is_explained(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert str(tmp_path / "study.toml") in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_study_file_is_read_in_any_unicode_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "cohort.csv").write_text("case_id\n")
    (tmp_path / "study.toml").write_bytes(SMALLEST.replace('"1"', '"Zu\u0308rich "').encode(encoding))
    assert study.load(tmp_path).centres.development == ("Z\u00fcrich",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALLEST.replace('"1"', '"M\u00fcnchen"').encode("cp1252"), "row 6: not UTF-8 text; it reads"),
        (b"PK\x03\x04", "an archive"),
        (b'[study]\ncohort = "C:\\Users\\x.csv"\n', 'C:\\Users\\x.csv"). Write paths with /'),
        ("[task]\npositive = [\u201cmalignant\u201d]\n".encode(), "Quotes have to be straight"),
        (b"[centres]\ndevelopment = [007]\n", "Put quotes around a number that begins with 0"),
    ],
)
def test_a_study_file_that_cannot_be_read_says_why(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "study.toml").write_bytes(text)
    with pytest.raises(StudyError) as caught:
        study.load(tmp_path / "study.toml")
    assert said in str(caught.value)


def test_numbers_name_centres_and_labels_as_the_table_does(tmp_path: Path) -> None:
    text = "[task]\npositive = [1, 2.0]\n[centres]\ndevelopment = [1]\nexternal = [2, 10]\n"
    found = load(tmp_path, text)
    assert found.task.positive == ("1", "2")
    assert found.centres.development == ("1",)
    assert found.centres.external == ("2", "10")
    for wrong, said in (("[true]", "valid string"), ('["NA"]', "'NA' counts as a missing value"), ('[" "]', "empty")):
        with pytest.raises(StudyError, match=said):
            load(tmp_path, f"[centres]\ndevelopment = {wrong}\n")


@pytest.mark.parametrize(("separator", "encoding"), [("\t", "utf-8"), (",", "utf-16"), (";", "utf-8-sig")])
def test_the_default_models_see_the_columns_that_the_check_sees(tmp_path: Path, separator: str, encoding: str) -> None:
    header = separator.join(["case_id", "image", "centre", "label", "x0", "y0", "x1", "y1", " age", "sex "])
    (tmp_path / "cohort.csv").write_text(f"sep={separator}\n{header}\n", encoding=encoding)
    (tmp_path / "study.toml").write_text(SMALLEST)
    assert study.load(tmp_path).model("clinical").variables == ("age", "sex")  # type: ignore[union-attr]


@pytest.mark.parametrize(("names", "said"), [(("None",), "missing value"), (("Net", "net"), "in case or spaces only")])
def test_models_that_tables_could_not_tell(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    models = "".join(f'[[models]]\nkind = "network"\nname = "{name}"\n' for name in names)
    with pytest.raises(StudyError, match=said):
        load(tmp_path, SMALLEST + models)


def test_a_name_that_no_file_could_have_is_told_what_names_have(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"'models\[0\].name': a name begins with a plain letter .*'radio/mics größe'"):
        load(tmp_path, SMALLEST + '[[models]]\nkind = "radiomics"\nname = "radio/mics größe"\n')


def test_a_missing_study_file(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no such study file"):
        study.load(tmp_path / "none.toml")
