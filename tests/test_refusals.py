"""``osteon check`` refuses what ``osteon run`` refuses before the first fit, in the same words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import osteon
from osteon import pipeline, study, weights
from osteon.cli import main
from osteon.core.errors import InputError, StudyError
from osteon.core.run import RunFolder
from osteon.core.workers import Workers
from osteon.pipeline import evaluate
from osteon.pipeline.context import Context
from small_study import SMALLEST, make

HEAD = '[task]\npositive = ["malignant"]\n[centres]\ndevelopment = ["A"]\n'
REST = "[evaluation]\nfolds = 2\nbootstrap = 100\n[robustness]\nrepeats = 0\n[explain]\ncases = 0\n"


def network(**settings: object) -> str:
    given = {"kind": "network", "name": "net", "backbone": "test_resnet", "weights": "random", "size": 48} | settings
    lines = [f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in given.items()]
    return "\n".join(["[[models]]", *lines, ""])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("refused") / "study"
    make(found, patients=12)
    save_file({"conv1.weight": torch.zeros(8, 3, 3, 3)}, found / "other.safetensors")
    return found


REFUSED = {
    "wrong weights path": (network(weights="file:nowhere.safetensors"), "nowhere.safetensors: no such weights file"),
    "absent weights": (network(backbone="resnet50", weights="radimagenet"), "are not on this machine. Get"),
    "another architecture": (network(weights="timm:resnet50.a1_in1k"), "weights of resnet50, not of test_resnet"),
    "incomplete weights": (
        network(backbone="resnet50", weights="file:other.safetensors", record="timm:resnet50.a1_in1k"),
        "other.safetensors",
    ),
    "unknown backbone": (network(backbone="resnet_51"), "no backbone is called 'resnet_51'"),
    "transformer of an odd size": (network(backbone="test_vit", size=40), "test_vit cannot take pictures of 40 pixels"),
    "too small": (network(backbone="inception_v3", size=64), "needs pictures of at least 75 pixels"),
    "an ICC that nothing reaches": ('[[models]]\nkind = "radiomics"\nicc = 1.0\n', "less than 1 (it is 1.0)"),
    "no number": (network(learning_rate="inf").replace('"inf"', "inf"), "should be a finite number"),
    "a patient as a variable": (
        '[[models]]\nkind = "clinical"\nvariables = ["patient_id"]\n',
        "'patient_id' says which case it is",
    ),
    "a case as a variable": (
        network() + '[[models]]\nkind = "combined"\nof = "net"\nvariables = ["case_id"]\n',
        "Choose among age, sex",
    ),
    "a file as a variable": ('[[models]]\nkind = "clinical"\nvariables = ["image"]\n', "'image' says which case it is"),
    "a centre as a variable": (
        '[[models]]\nkind = "clinical"\nvariables = ["centre"]\n',
        "another in every external case",
    ),
    "patients as subgroups": (network() + '[evaluation]\nsubgroups = ["patient_id"]\n', "evaluation.subgroups: 'pat"),
    "unknown filter": ('[[models]]\nkind = "radiomics"\nfilters = ["gabor"]\n', "no filter 'gabor'"),
    "missing column": ('[[models]]\nkind = "clinical"\nvariables = ["bmi"]\n', "no column 'bmi'"),
    "a variable twice": ('[[models]]\nkind = "clinical"\nvariables = ["age", "age"]\n', "'age' is named twice"),
    "too many folds": (network() + "[evaluation]\nfolds = 9\n", "Set folds to 4 or fewer"),
    "unknown primary": (network() + '[evaluation]\nprimary = ["net", "nat"]\n', "no model 'nat'"),
    "missing subgroup": (network() + '[evaluation]\nsubgroups = ["bmi"]\n', "no column 'bmi'"),
    "thresholds": (network() + "[evaluation]\nthresholds = [0.8, 0.2]\n", "the low threshold, 0.8, is above"),
    "no changes": (
        network() + "[robustness]\nshift = []\nscale = []\naspect = []\ncombined = []\nimage = false\n",
        "nothing is changed",
    ),
    "no maps": (network() + "[explain]\nmethods = []\n", "no method is named"),
    "a method twice": (network() + '[explain]\nmethods = ["gradcam", "gradcam"]\n', "'gradcam' is named twice"),
    "a centre without cases": (network() + "[crop]\nmin_box = 1000\n", "centre 'A' has no usable case"),
    "unknown advice": (network() + '[readers]\nmodel = "nat"\n', "readers.model: no model 'nat'"),
    "an operating point": (network() + '[readers]\nrule = "youdens"\n', "no operating point 'youdens'. Did you mean"),
    "more cases than are there": (network() + "[readers]\ncases = 99\n", "99 cases are asked for and 12 are there"),
    "more positives": (
        network() + "[readers]\ncases = 12\npositives = 0.9\n",
        "11 cases of class 1 are asked for and 4",
    ),
    "the answer beside the picture": (network() + '[readers]\ncontext = ["label"]\n', "readers must not see it"),
    "an unknown column beside it": (network() + '[readers]\ncontext = ["bmi"]\n', "that the cohort has not"),
    "the patient beside it": (network() + '[readers]\ncontext = ["patient_id"]\n', "readers must not see it"),
    "a mask of nobody's": (network() + '[readers.burned_in]\npaint = ["A9"]\n', "no external case is called 'A9'"),
    "a reader called admin": (network() + '[readers]\n[[readers.people]]\ncode = "Admin"\n', "no reader can be called"),
    "a name that tables change": (network(name="net "), "tables would read 'net ' as 'net'"),
    "output beside the table": (network() + '[study]\noutput = "."\n', "which a run would write over"),
    "output a file": (network() + '[study]\noutput = "cohort.csv"\n', "study.output: 'cohort.csv' is a file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_check_refuses_what_a_run_refuses(case: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    text, said = REFUSED[case]
    rest = "" if any(f"[{name}]" in text for name in ("evaluation", "robustness", "explain")) else REST
    (folder / "study.toml").write_text(HEAD + text + rest)
    table = (folder / "cohort.csv").read_bytes()
    with pytest.raises(InputError) as checked:
        pipeline.check(study.load(folder), workers=Workers())
    with pytest.raises(InputError) as ran:
        osteon.run(folder)
    assert said in str(checked.value)
    assert str(ran.value) == str(checked.value)
    assert not (folder / "run" / "models").exists()
    assert (folder / "cohort.csv").read_bytes() == table


def test_a_study_that_is_refused_keeps_the_tables_of_the_last(folder: Path) -> None:
    """Nothing of a run is replaced by one that ends in a message."""
    (folder / "study.toml").write_text(HEAD + network() + REST)
    pipeline.check(study.load(folder), workers=Workers())
    run = RunFolder(folder / "run")
    before = {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    assert {"cohort.csv", "excluded.csv", "baseline.csv", "flow.json"} <= {path.name for path in before}
    for text in (network() + "[crop]\nmin_box = 16\n[evaluation]\nfolds = 9\n", network(backbone="resnet_51")):
        (folder / "study.toml").write_text(HEAD + text)
        for refused in (lambda: pipeline.check(study.load(folder), workers=Workers()), lambda: osteon.run(folder)):
            with pytest.raises(InputError):
                refused()
            assert {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


def test_a_model_that_no_fold_could_fit_is_refused_first(tmp_path: Path) -> None:
    path = make(tmp_path / "study", patients=6, study=HEAD + '[[models]]\nkind = "radiomics"\n' + REST)
    with pytest.raises(StudyError, match=r"'radiomics' cannot be tuned: .* positive ones are of one patient"):
        pipeline.check(study.load(path), workers=Workers())


def test_features_that_are_not_reliable_are_refused_before_anything_is_replaced(folder: Path) -> None:
    (folder / "study.toml").write_text(HEAD + '[[models]]\nkind = "radiomics"\nicc = 0.99999\n' + REST)
    with pytest.raises(StudyError, match=r"no feature has an ICC of 0\.99999; the most reliable has 0\.\d+"):
        osteon.run(folder)
    assert not (folder / "run" / "folds.csv").exists()


def test_a_device_that_is_not_there_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (folder / "study.toml").write_text(HEAD + network() + REST + '[compute]\ndevice = "cuda"\n')
    with pytest.raises(StudyError, match="this machine has no device 'cuda'"):
        pipeline.check(study.load(folder), workers=Workers())


def test_check_shows_the_cohort_before_it_refuses(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.toml").write_text(HEAD + network(backbone="resnet_51") + REST)
    monkeypatch.setattr(sys, "argv", ["osteon", "check", "-j", "1", str(folder)])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr()
    assert left.value.code == 2
    assert "centre B" in told.out
    assert told.err.startswith("osteon: no backbone is called 'resnet_51'")
    assert "Traceback" not in told.err


@pytest.fixture
def unnamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study that names no models, on a machine without weights."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OSTEON_WEIGHTS", raising=False)
    return make(tmp_path / "study", patients=12, study=SMALLEST.replace('["1"]', '["A"]') + "[evaluation]\nfolds = 2\n")


def taken(path: Path) -> list[str]:
    return [model.name for model in Context.of(study.load(path), Workers()).study.models]


def test_a_study_without_models_takes_those_that_can_be_made_here(
    unnamed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert taken(unnamed) == ["radiomics", "clinical", "combined", "box"]
    here = weights.Resolved(weights.find("timm:resnet50.a1_in1k"))
    absent = weights.resolve

    def resolve(name: str, backbone: str, **settings: object) -> weights.Resolved:
        return here if name == "imagenet" else absent(name, backbone, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(weights, "resolve", resolve)
    assert taken(unnamed) == ["resnet50-imagenet", "radiomics", "clinical", "combined", "box"]
    left = Context.of(study.load(unnamed), Workers()).study
    assert left.model("combined").needs == ("resnet50-imagenet",)


def test_a_model_that_is_asked_for_by_name_is_never_left_out(unnamed: Path) -> None:
    text = unnamed.read_text()
    unnamed.write_text(text + 'primary = ["resnet50-radimagenet", "radiomics"]\n')
    with pytest.raises(InputError, match="not on this machine"):
        pipeline.check(study.load(unnamed), workers=Workers())
    unnamed.write_text(text)
    run = RunFolder(unnamed.parent / "run")
    study.load(unnamed).relocated(run.path).write(run.study_file)  # as where a run had all of them
    assert "resnet50-radimagenet" in taken(unnamed)


def test_a_study_without_models_is_evaluated_with_those_of_its_run(unnamed: Path) -> None:
    context = Context.of(study.load(unnamed), Workers())
    context.study.relocated(context.run.path).write(context.run.study_file)
    assert [model.name for model in study.load(unnamed).as_run().models] == taken(unnamed)
    with pytest.raises(StudyError, match="nothing has been run yet"):
        evaluate(unnamed)


@pytest.mark.parametrize("name", ["folder", "by_default"])
def test_what_osteon_fills_in_is_no_setting(tmp_path: Path, name: str) -> None:
    (tmp_path / "study.toml").write_text(f'{name} = "x"\n{SMALLEST}')
    with pytest.raises(StudyError, match=f"unknown setting '{name}'"):
        study.load(tmp_path)
