"""A hospital updates a model by its own cases: the new file says so, answers so, and the old one stays what it is."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit, logit
from typer.testing import CliRunner

import osteon
from osteon import stats, study
from osteon.cli import app
from osteon.core.errors import InputError, StudyError, TableError
from osteon.models import portable
from osteon.pipeline import FIT, Updated, export, update, walk
from small_study import STUDY, make

#: The small study with its model of clinical columns alone: no picture is looked at.
CLINICAL = "[[models]]".join(
    part for number, part in enumerate(STUDY.partition("[evaluation]")[0].split("[[models]]")) if number in (0, 4)
)
TAIL = "[evaluation]\nfolds = 2\n"


@dataclass(frozen=True)
class Hospital:
    """An exported model of clinical columns, and patients of a hospital with what the model says of them."""

    model: Path
    cases: pd.DataFrame
    probability: np.ndarray

    def site(self, path: Path, odds: np.ndarray, **columns: object) -> Path:
        """The table of a hospital where the cases have these log odds."""
        truth = np.random.default_rng(1).random(len(self.cases)) < expit(odds)
        labels = np.where(truth, "malignant", "benign")
        self.cases.assign(label=labels, **columns).to_csv(path, index=False)
        return path


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    folder = tmp_path_factory.mktemp("update")
    path = make(folder / "study", patients=45, study=CLINICAL + TAIL)
    walk(FIT, study.load(path))
    export(path, "clinical", folder / "model.osteon")
    rng = np.random.default_rng(0)
    n = 420
    Image.fromarray(rng.integers(0, 255, (40, 40), dtype=np.uint8)).save(folder / "secret.png")
    cases = pd.DataFrame(
        {
            "case_id": [f"h{k}" for k in range(n)],
            "image": str(folder / "secret.png"),
            "patient_id": [f"Müller {k // 2}" if k < 40 else f"Meier {k}" for k in range(n)],
            "age": rng.integers(5, 80, n),
            "sex": rng.choice(["F", "M"], n),
            **{"x0": 5, "y0": 5, "x1": 30, "y1": 30},
        }
    )
    said = osteon.load(folder / "model.osteon").predict_proba(cases)[:, 1]
    return Hospital(folder / "model.osteon", cases, said)


@pytest.fixture(scope="module")
def moved(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> tuple[Updated, Path]:
    """Updated where all log odds are one and a half higher."""
    folder = tmp_path_factory.mktemp("moved")
    site = hospital.site(folder / "site.csv", logit(hospital.probability) + 1.5)
    return update(hospital.model, site, folder / "new.osteon"), site


def test_a_moved_level_is_found_and_mended(hospital: Hospital, moved: tuple[Updated, Path]) -> None:
    found, site = moved
    assert found.test.chosen.name == "intercept"
    before, after = ({one["figure"]: one[when] for one in found.record["figures"]} for when in ("before", "after"))
    value, low, high = before["calibration intercept"]
    assert low < 1.5 < high
    assert low < found.test.chosen.intercept < high
    assert abs(after["calibration intercept"][0]) < 0.2
    assert after["Brier score"][0] < before["Brier score"][0]
    assert after["observed / expected"][1] < 1 < after["observed / expected"][2]
    assert sum(found.record["again"].values()) == 10
    assert (found.record["patients"], found.record["cases"]) == (400, 420)
    table = pd.read_csv(site)
    expected = stats.calibration(table["label"] == "malignant", hospital.probability, clusters=table["patient_id"])
    assert value == pytest.approx(expected.intercept.value)


def test_the_new_file_answers_so_and_the_old_one_is_as_it_was(hospital: Hospital, moved: tuple[Updated, Path]) -> None:
    found, _ = moved
    assert found.out is not None
    new, old = osteon.load(found.out), osteon.load(hospital.model)
    assert new.identity == found.identity != old.identity
    assert new.file.about["updates"][0]["of"] == old.identity
    np.testing.assert_array_equal(old.predict_proba(hospital.cases)[:, 1], hospital.probability)
    chosen = found.test.chosen
    expected = expit(chosen.intercept + logit(hospital.probability))
    table = new.predict_table(hospital.cases)
    np.testing.assert_allclose(table["probability"], expected, rtol=1e-12)
    assert (table["folds_low"] <= table["probability"]).all()
    assert (table["probability"] <= table["folds_high"]).all()
    assert table["recalibrated"].isna().all()
    for rule, cut in old.file.about["operating_points"].items():
        assert ((table[f"call_{rule}"] == "malignant") == (expected >= cut)).all()
    one = hospital.cases.iloc[3]
    alone = new.predict(np.zeros((40, 40)), box=(2, 2, 30, 30), columns={"age": one["age"], "sex": one["sex"]})
    assert alone.probability == pytest.approx(expected[3])
    assert new.predict_table(hospital.cases.head(0)).empty
    with zipfile.ZipFile(hospital.model) as before, zipfile.ZipFile(found.out) as after:
        assert before.namelist() == after.namelist()
        same = [name for name in before.namelist() if before.read(name) == after.read(name)]
        assert set(before.namelist()) - set(same) == {"manifest.json", "card.md"}


def test_the_card_tells_it_and_nobody_is_named(moved: tuple[Updated, Path]) -> None:
    found, _ = moved
    assert found.out is not None
    card = osteon.load(found.out).card
    assert card.index("## Updated at a hospital") < card.index("## What it is\n")
    assert "a new intercept" in card
    assert "400, with 420 cases" in card
    assert "calibration slope" in card
    content = found.out.read_bytes()
    assert not any(word in content for word in (b"M\xc3\xbcller", b"Meier", b"secret", b"h17", b"site.csv"))
    shown = CliRunner().invoke(app, ["card", str(found.out)])
    assert "Updated at a hospital" in shown.output


def test_the_same_cases_give_the_same_bytes(hospital: Hospital, moved: tuple[Updated, Path], tmp_path: Path) -> None:
    found, site = moved
    assert found.out is not None
    again = update(hospital.model, site, tmp_path / "again.osteon")
    assert (tmp_path / "again.osteon").read_bytes() == found.out.read_bytes()
    assert again.identity == found.identity


def test_other_coefficients_are_fitted_and_updates_follow_each_other(hospital: Hospital, tmp_path: Path) -> None:
    other = (hospital.cases["sex"] == "F").to_numpy() * 3.0 - 1.5 - 0.03 * (hospital.cases["age"].to_numpy() - 40)
    site = hospital.site(tmp_path / "site.csv", other)
    found = update(hospital.model, site, tmp_path / "new.osteon")
    assert found.test.chosen.name == "refit"
    after = {one["figure"]: one["after"] for one in found.record["figures"]}
    before = {one["figure"]: one["before"] for one in found.record["figures"]}
    assert after["AUC"][0] > before["AUC"][2]
    answered = osteon.load(tmp_path / "new.osteon").predict_proba(hospital.cases)[:, 1]
    truth = (pd.read_csv(site)["label"] == "malignant").to_numpy()
    assert stats.auc(truth, answered) > before["AUC"][2]
    once_more = hospital.site(tmp_path / "later.csv", logit(answered) - 2)
    second = update(tmp_path / "new.osteon", once_more, tmp_path / "second.osteon")
    assert second.test.chosen.name == "intercept"
    file = portable.read(tmp_path / "second.osteon")
    assert [one["update"]["name"] for one in file.about["updates"]] == ["refit", "intercept"]
    twice = osteon.load(tmp_path / "second.osteon").predict_proba(hospital.cases)[:, 1]
    np.testing.assert_allclose(twice, expit(logit(answered) + second.test.chosen.intercept), rtol=1e-9)


def test_nothing_is_written_where_nothing_has_to_change(hospital: Hospital, tmp_path: Path) -> None:
    site = hospital.site(tmp_path / "site.csv", logit(hospital.probability))
    out = tmp_path / "new.osteon"
    result = CliRunner().invoke(app, ["update", str(hospital.model), str(site), "--out", str(out), "--jobs", "1"])
    assert result.exit_code == 0, result.output
    assert "nothing has to be changed" in result.output
    assert "keep the old one" in result.output
    assert not out.exists()


def test_few_patients_are_offered_less_or_nothing(hospital: Hospital, tmp_path: Path) -> None:
    few = Hospital(hospital.model, hospital.cases.tail(60).reset_index(drop=True), hospital.probability[-60:])
    site = few.site(tmp_path / "few.csv", logit(few.probability) + 1)
    found = update(hospital.model, site, tmp_path / "few.osteon")
    offers = {one["update"]: (one["offered"], one["needed"]) for one in found.record["needed"]}
    assert offers["intercept"] == (True, 10)
    assert not offers["refit"][0]
    assert "(not offered)" in str(found)
    assert "coarse" in str(found)
    table = pd.read_csv(site).head(12)
    table.to_csv(tmp_path / "fewer.csv", index=False)
    with pytest.raises(InputError, match=r"the least update needs 10.*Collect more"):
        update(hospital.model, tmp_path / "fewer.csv", tmp_path / "fewer.osteon")
    table.assign(label="benign").to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(InputError, match=r"0 patients with a case that is malignant"):
        update(hospital.model, tmp_path / "one.csv", tmp_path / "one.osteon")


def test_what_cannot_be_is_refused_in_a_sentence(
    hospital: Hospital, moved: tuple[Updated, Path], tmp_path: Path
) -> None:
    _, site = moved
    table = pd.read_csv(site)

    def refused(frame: pd.DataFrame, kind: type[Exception], match: str) -> None:
        frame.to_csv(tmp_path / "odd.csv", index=False)
        with pytest.raises(kind, match=match):
            update(hospital.model, tmp_path / "odd.csv", tmp_path / "odd.osteon")
        assert not (tmp_path / "odd.osteon").exists()

    refused(table.drop(columns="label"), TableError, "what the cases turned out to be")
    refused(table.assign(label=table["label"].where(table.index != 7, "")), TableError, r"row 9.*no label")
    refused(table.assign(label=table["label"].where(table.index != 7, "Ewing")), TableError, r"'Ewing'.*Write one of")
    refused(table.drop(columns="age"), TableError, "'age'.*reads it")
    refused(table.head(0), TableError, "no rows")
    exchanged = {"benign": "malignant", "malignant": "benign"}
    refused(table.assign(label=table["label"].map(exchanged)), InputError, "(wrong way round|all|refit)")
    with pytest.raises(InputError, match="such a file already"):
        update(hospital.model, site, hospital.model)
    with pytest.raises(StudyError, match="ends in"):
        update(hospital.model, site, tmp_path / "new.zip")
    with pytest.raises(InputError, match="a model is named"):
        update(hospital.model, site, tmp_path / "new.osteon", name="clinical")


def test_a_foreign_update_is_refused(moved: tuple[Updated, Path], tmp_path: Path) -> None:
    """A manifest with an update that this osteon does not know is not half understood."""
    found, _ = moved
    assert found.out is not None
    file = portable.read(found.out)
    record = {**file.about["updates"][0], "update": {"name": "neural", "intercept": 0, "slope": 1, "coefficients": []}}
    portable.write_updated(tmp_path / "odd.osteon", file, record, file.card)
    with pytest.raises(InputError, match="manifest is incomplete"):
        portable.read(tmp_path / "odd.osteon")
    assert json.loads(zipfile.ZipFile(found.out).read("manifest.json"))["format"] == portable.FORMAT
