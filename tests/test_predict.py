"""A fitted model meets new radiographs, from its run and as a file of its own."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dicom_files
import highdicom
import numpy as np
import pandas as pd
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load, save
from sklearn.decomposition import PCA
from typer.testing import CliRunner

import osteon
from osteon import study
from osteon.cli import app
from osteon.core import tables
from osteon.core.errors import ImageError, InputError, StudyError, TableError
from osteon.core.run import RunFolder
from osteon.io import import_cohort, read_mask
from osteon.models import portable
from osteon.models.reference import Distribution, Reference
from osteon.pipeline import FIT, Workers, export, parsed_box, predict, taken_in, walk
from osteon.pipeline.answering import Predicted
from small_study import STUDY, make

KINDS = ("frozen", "tuned", "radiomics", "clinical", "combined", "box")


@dataclass(frozen=True)
class Fitted:
    """A fitted study and its models as files of their own."""

    study_file: Path
    files: Path

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.study_file.parent / "run")

    def file(self, name: str) -> Path:
        return self.files / f"{name}.osteon"

    def external(self) -> pd.DataFrame:
        cohort = pd.read_csv(self.study_file.parent / "cohort.csv")
        return cohort[cohort["centre"] == "B"].reset_index(drop=True)

    def image(self, case: str) -> Path:
        return self.study_file.parent / "images" / f"{case}.png"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A model of every kind, with cells that say nothing among those that clinical models read."""
    folder = tmp_path_factory.mktemp("predict")
    path = make(folder / "study", patients=18, study=STUDY)
    cohort = pd.read_csv(path.parent / "cohort.csv")
    cohort.loc[cohort.index % 5 == 0, "age"] = np.nan
    cohort.to_csv(path.parent / "cohort.csv", index=False)
    walk(FIT, study.load(path))
    for name in KINDS:
        export(path, name, folder / f"{name}.osteon")
    return Fitted(path, folder)


def ask(model: Path, *given: Path, out: Path | None = None, **more: Any) -> Predicted:
    """Ask as the command line does."""
    intake = {name: more.pop(name) for name in ("box", "mask", "table") if name in more}
    with taken_in(given, **intake) as cases:
        return predict(model, cases, out, **more)


def said(fitted: Fitted, name: str) -> pd.Series:
    """What predictions.csv says of external cases, to the last digit; the mean over training seeds."""
    told = fitted.run.read("predictions")
    told = told[(told["model"] == name) & (told["split"] == "external")]
    return told.groupby("case_id")["probability"].apply(lambda each: float(np.mean(each)))


@pytest.mark.parametrize("name", KINDS)
def test_a_file_says_of_external_cases_what_the_study_said_to_the_last_bit(
    fitted: Fitted, name: str, tmp_path: Path
) -> None:
    table = tmp_path / "new.csv"
    cases = fitted.external().drop(columns="label").sample(frac=1, random_state=0)
    cases.assign(image=[str(fitted.study_file.parent / image) for image in cases["image"]]).to_csv(table, index=False)
    alone = tmp_path / "elsewhere.osteon"
    shutil.copy(fitted.file(name), alone)
    found = ask(alone, table, out=tmp_path / "out.csv").table.set_index("case_id")
    expected = said(fitted, name)
    assert list(found.index) == list(cases["case_id"])
    assert (found.loc[expected.index, "probability"] == expected).all()
    written = tables.read(tmp_path / "out.csv", tables.PREDICTED).set_index("case_id")
    assert (written["probability"] == found["probability"]).all()
    assert set(found["model"]) == {portable.read(fitted.file(name)).identity}


def test_a_run_answers_as_its_exported_file_does(fitted: Fitted, tmp_path: Path) -> None:
    assert osteon.load(fitted.study_file).name == "frozen"  # the first of the primary pair
    model = osteon.load(fitted.run.path, "box")
    assert model.identity == portable.read(fitted.file("box")).identity
    again = export(fitted.run.path, "box", tmp_path / "again.osteon")
    assert (tmp_path / "again.osteon").read_bytes() == fitted.file("box").read_bytes()
    assert again.identity == model.identity
    with pytest.raises(StudyError, match=r"no model 'boxx'.*'box'"):
        osteon.load(fitted.run.path, "boxx")


def test_the_table_says_calls_spread_and_identity(fitted: Fitted) -> None:
    found = ask(fitted.file("clinical"), fitted.study_file.parent / "cohort.csv").table
    points = fitted.run.read("operating_points")
    points = points[points["model"] == "clinical"].drop_duplicates("rule").set_index("rule")["threshold"]
    assert len(points) == 3
    for rule, threshold in points.items():
        expected = np.where(found["probability"] >= threshold, "malignant", "benign")
        assert (found[f"call_{rule}"] == expected).all()
    assert (found["folds_low"] <= found["probability"]).all()
    assert (found["probability"] <= found["folds_high"]).all()
    np.testing.assert_allclose(found["folds_sd"], (found["folds_high"] - found["folds_low"]) / np.sqrt(2))  # two folds
    line = fitted.run.read("recalibration").set_index("model").loc["clinical"]
    logit = np.log(found["probability"] / (1 - found["probability"]))
    np.testing.assert_allclose(found["recalibrated"], 1 / (1 + np.exp(-(line["intercept"] + line["slope"] * logit))))
    ages = pd.read_csv(fitted.study_file.parent / "cohort.csv")["age"]
    assert list(found["imputed"]) == ["age" if value != value else "" for value in ages]


def test_one_case_alone_is_answered_as_among_others(fitted: Fitted) -> None:
    row = fitted.external().iloc[3]
    box = tuple(float(row[side]) for side in ("x0", "y0", "x1", "y1"))
    for name in ("frozen", "tuned", "radiomics", "box"):
        model = osteon.load(fitted.file(name))
        one = model.predict(fitted.image(row["case_id"]), box=box, case_id=row["case_id"])
        assert one.probability == pytest.approx(said(fitted, name)[row["case_id"]], abs=1e-6)
        pixels = np.asarray(Image.open(fitted.image(row["case_id"])))
        assert model.predict(pixels, box=box).probability == pytest.approx(one.probability, abs=1e-6)
        assert model.predict(pixels / 255, box=box).probability == pytest.approx(one.probability, abs=1e-6)
        inside = np.zeros(pixels.shape, dtype=bool)
        inside[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
        assert model.predict(pixels, mask=inside).probability == pytest.approx(one.probability, abs=1e-6)
        assert "not a medical device" in str(one)


def test_scikit_learns_way(fitted: Fitted) -> None:
    model = osteon.load(fitted.file("combined"))
    cases = fitted.external().head(5)
    found = model.predict_proba(cases, fitted.study_file.parent)
    assert list(model.classes_) == ["benign", "malignant"]
    assert model.columns == ("age",)
    np.testing.assert_array_equal(found[:, 1], said(fitted, "combined")[cases["case_id"]])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    with pytest.raises(TableError, match=r"'age'.*reads it"):
        model.predict_proba(cases.drop(columns="age"), fitted.study_file.parent)


@pytest.mark.parametrize("name", ["frozen", "radiomics"])
def test_changed_boxes_spread_around_the_drawn_one(fitted: Fitted, name: str) -> None:
    row = fitted.external().iloc[0]
    model = osteon.load(fitted.file(name))
    box = [float(row[side]) for side in ("x0", "y0", "x1", "y1")]
    image = fitted.image(row["case_id"])
    asked = [model.predict(image, box=box, unsteady=4, case_id=called) for called in ("case", "another")]
    assert str(asked[0]) == str(asked[1])
    assert asked[0].boxes == asked[1].boxes
    sd, low, high = asked[0].boxes
    assert low <= asked[0].probability <= high
    assert low < high
    assert 0 < sd < high - low


def test_distances_are_those_of_a_normal_distribution_with_few_axes() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(60, 12)) @ rng.normal(size=(12, 12))
    others = rng.normal(size=(5, 12)) * 3
    away = others - seen.mean(axis=0)  # as many axes as dimensions: the plain Mahalanobis distance
    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(np.cov(seen.T)), away) / 12)
    np.testing.assert_allclose(Distribution.of(seen).distance(others), expected)
    wide = rng.normal(size=(20, 300))  # fewer cases than numbers: the other directions share what the axes leave
    fit = PCA(5, svd_solver="full").fit(wide)
    left = wide.var(axis=0, ddof=1).sum() - fit.explained_variance_.sum()
    cov = fit.components_.T @ np.diag(fit.explained_variance_ - left / 295) @ fit.components_ + np.eye(300) * left / 295
    strange = rng.normal(size=(4, 300))
    away = strange - wide.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(cov), away) / 300)
    np.testing.assert_allclose(Distribution.of(wide).distance(strange), expected, rtol=1e-6)
    few = seen[:20]  # 5 axes
    fit = PCA(5, svd_solver="full").fit(few)
    away = others - few.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(fit.get_covariance()), away) / 12)
    np.testing.assert_allclose(Distribution.of(few).distance(others), expected)


def test_a_strange_picture_is_said_to_be_unlike(fitted: Fitted, tmp_path: Path) -> None:
    """And held-out development cases of the same kind are not, but for one in a hundred."""
    rng = np.random.default_rng(1)
    fold = np.repeat(np.arange(5), 40)
    seen = [rng.normal(size=(200, 6)) for _ in range(5)]
    reference = Reference.of(seen, fold)
    fresh = [rng.normal(size=(4000, 6))] * 5
    beyond = (reference.percentile(reference.distances(fresh)) > 0.99).mean()
    assert 0 <= beyond < 0.03
    again = Reference.from_arrays(reference.arrays())
    np.testing.assert_array_equal(again.distances(fresh), reference.distances(fresh))
    slow = [
        np.mean([d[k] > own for k in range(5) for own in reference.held_out[k]])
        for d in reference.distances(fresh)[:50]
    ]
    np.testing.assert_allclose(reference.percentile(reference.distances(fresh))[:50], slow)
    y, x = np.mgrid[:300, :300]
    photograph = (127 + 120 * np.sin(x / 6) * np.cos(y / 9)).astype(np.uint8)
    told = osteon.load(fitted.file("frozen")).predict(photograph, box=(20, 20, 280, 280))
    assert told.unlike
    assert "UNLIKE" in str(told)
    cohort = pd.read_csv(fitted.study_file.parent / "cohort.csv")
    usual = ask(fitted.file("frozen"), fitted.study_file.parent / "cohort.csv").table
    assert (usual["unlike"] != "").mean() < 0.3
    assert len(usual) == len(cohort)


def test_annotations_give_boxes(fitted: Fitted, tmp_path: Path) -> None:
    row = fitted.external().iloc[2]
    name, box = row["case_id"], [float(row[side]) for side in ("x0", "y0", "x1", "y1")]
    model = fitted.file("frozen")
    expected = said(fitted, "frozen")[name]
    room = tmp_path / "labelme"
    room.mkdir()
    shutil.copy(fitted.image(name), room / f"{name}.png")
    shape = {"label": "lesion", "points": [box[:2], box[2:]], "shape_type": "rectangle"}
    content = {"shapes": [shape], "imagePath": f"{name}.png", "imageHeight": 80, "imageWidth": 72}
    (room / f"{name}.json").write_text(json.dumps(content))
    for given in (room, room / f"{name}.json", room / f"{name}.png"):
        assert ask(model, given).table["probability"].tolist() == [pytest.approx(expected, abs=1e-6)]
    coco = tmp_path / "coco"
    coco.mkdir()
    shutil.copy(fitted.image(name), coco / f"{name}.png")
    (coco / "boxes.json").write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": f"{name}.png", "width": 72, "height": 80}],
                "categories": [{"id": 1, "name": "lesion"}],
                "annotations": [
                    {"id": 1, "image_id": 1, "category_id": 1, "bbox": [*box[:2], box[2] - box[0], box[3] - box[1]]}
                ],
            }
        )
    )
    assert ask(model, coco).table["probability"].tolist() == [pytest.approx(expected, abs=1e-6)]
    mask = np.zeros((80, 72), dtype=np.uint8)
    mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    found = ask(model, fitted.image(name), mask=tmp_path / "mask.png").table
    assert found["probability"].tolist() == [pytest.approx(expected, abs=1e-6)]
    pd.DataFrame([{"image": f"{name}.png", **row[["x0", "y0", "x1", "y1"]]}]).to_csv(tmp_path / "t.csv", index=False)
    found = ask(model, fitted.image(name), table=tmp_path / "t.csv").table
    assert found["probability"].tolist() == [pytest.approx(expected, abs=1e-6)]


def test_one_unreadable_among_many_is_set_aside_with_its_reason(fitted: Fitted, tmp_path: Path) -> None:
    cases = fitted.external().head(6).drop(columns="label")
    cases["image"] = [str(fitted.study_file.parent / image) for image in cases["image"]]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    cases.loc[1, "image"] = "broken.png"
    cases.loc[2, "image"] = "absent.png"
    cases.loc[3, ["x0", "x1"]] = 500, 600
    cases.loc[4, ["x0", "y0", "x1", "y1"]] = np.nan
    cases.to_csv(tmp_path / "new.csv", index=False)
    found = ask(fitted.file("frozen"), tmp_path / "new.csv", out=tmp_path / "out.csv")
    assert list(found.table["case_id"]) == [cases["case_id"][0], cases["case_id"][5]]
    aside = tables.read(tmp_path / "out-set-aside.csv", tables.SET_ASIDE)
    assert list(aside["case_id"]) == list(cases["case_id"][1:5])
    for reason, word in zip(aside["reason"], ("PNG", "no such file", "outside", "has no box"), strict=True):
        assert word in reason
        assert str(tmp_path) not in reason
    expected = said(fitted, "frozen")
    assert (found.table["probability"] == expected[found.table["case_id"]].to_numpy()).all()
    with pytest.raises(InputError, match=r"nothing could be predicted: .*PNG"):
        ask(fitted.file("frozen"), tmp_path / "broken.png", box=(1, 1, 20, 20))


@pytest.fixture
def many(fitted: Fitted, tmp_path: Path) -> Path:
    """A table of more than two chunks."""
    cases = fitted.external().drop(columns="label")
    cases["image"] = [str(fitted.study_file.parent / image) for image in cases["image"]]
    copies = [cases.assign(case_id=cases["case_id"] + f"-{copy}") for copy in range(6)]
    pd.concat(copies).to_csv(tmp_path / "many.csv", index=False)
    return tmp_path / "many.csv"


def test_every_form_of_output_says_the_same(fitted: Fitted, many: Path, tmp_path: Path) -> None:
    for name in ("out.csv", "out.parquet", "out.jsonl", "folder"):
        found = ask(fitted.file("box"), many, out=tmp_path / name)
    expected = found.table["probability"].tolist()
    assert tables.read(tmp_path / "out.csv", tables.PREDICTED)["probability"].tolist() == expected
    assert tables.read(tmp_path / "out.parquet", tables.PREDICTED)["probability"].tolist() == expected
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["probability"] for row in rows] == expected
    assert rows[0]["boxes_sd"] is None
    assert (tmp_path / "folder" / "predicted.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    with pytest.raises(InputError, match=r"'\.docx'.*\.csv"):
        ask(fitted.file("box"), many, out=tmp_path / "out.docx")


class KilledError(Exception):
    pass


class Interrupting(Workers):
    """Ends after the first piece."""

    def map(self, title: str, function: Any, pieces: Any, done: Any = None) -> list[Any]:
        super().map(title, function, pieces[:1], done)
        raise KilledError


def test_an_interrupted_call_goes_on_where_it_stopped(fitted: Fitted, many: Path, tmp_path: Path) -> None:
    whole = ask(fitted.file("box"), many, out=tmp_path / "whole.csv")
    with pytest.raises(KilledError):
        ask(fitted.file("box"), many, out=tmp_path / "out.csv", workers=Interrupting())
    assert not (tmp_path / "out.csv").exists()
    parts = sorted((tmp_path / ".out.csv.parts").rglob("*.json"))
    assert len(parts) == 1
    marked = parts[0].read_text().replace(whole.table["case_id"].iloc[0], "done before")
    parts[0].write_text(marked)
    ask(fitted.file("box"), many, out=tmp_path / "out.csv")
    found = (tmp_path / "out.csv").read_text()
    assert "done before" in found  # the first chunk was not asked about again
    assert found.replace("done before", whole.table["case_id"].iloc[0]) == (tmp_path / "whole.csv").read_text()
    assert not (tmp_path / ".out.csv.parts").exists()


def test_pictures_show_radiograph_box_map_and_number(fitted: Fitted, tmp_path: Path) -> None:
    row = fitted.external().iloc[0]
    box = [float(row[side]) for side in ("x0", "y0", "x1", "y1")]
    ask(fitted.file("tuned"), fitted.image(row["case_id"]), box=box, out=tmp_path / "out.csv", maps=True)
    ask(fitted.file("box"), fitted.image(row["case_id"]), box=box, out=tmp_path / "box.csv", maps=True)
    mapped, plain = (
        np.asarray(Image.open(tmp_path / folder / f"{row['case_id']}.png"))
        for folder in ("out-pictures", "box-pictures")
    )
    scale = 400 / 80
    x0, y0, x1, _ = (np.array(box) * scale + 16).round().astype(int)
    frame = np.array([0, 190, 220])
    assert (mapped[y0 - 1, x0:x1] == frame).all()  # the box, around the lesion
    coloured = np.ptp(mapped[16:416, 16 + 360 + 16 : -16].astype(int), axis=2) > 40
    assert coloured.mean() > 0.02  # the map, beside the radiograph
    assert mapped.shape[1] > 1.8 * plain.shape[1]
    with pytest.raises(InputError, match="need a place"):
        ask(fitted.file("tuned"), fitted.image(row["case_id"]), box=box, maps=True)


def rewritten(source: Path, target: Path, change: Mapping[str, bytes | None], manifest: Any = None) -> Path:
    """A copy with parts changed, taken away (None) or added, and the manifest passed through a function."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in (*old.namelist(), *(name for name in change if name not in old.namelist())):
            content = change[name] if name in change else old.read(name)
            if name == "manifest.json" and manifest is not None:
                content = json.dumps(manifest(json.loads(old.read(name)))).encode()
            if content is not None:
                new.writestr(name, content)
    return target


def strange_archive(source: Path, target: Path, kind: str) -> Path:
    """A copy with a part that no export writes."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if not (kind == "long" and name == "manifest.json"):
                new.writestr(name, old.read(name))
        if kind == "bomb":
            new.writestr("bomb", bytes(10**7), zipfile.ZIP_DEFLATED)
        elif kind == "twice":
            with pytest.warns(UserWarning, match="Duplicate name"):
                new.writestr("card.md", b"another card")
        elif kind == "link":
            link = zipfile.ZipInfo("models/link")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            new.writestr(link, "/etc/hostname")
        else:
            new.writestr("manifest.json", b" " * ((16 << 20) + 1))
    return target


def damages(source: Path, room: Path) -> Iterator[tuple[Path, str]]:
    """Files that must be refused, each with a word of why."""
    whole = source.read_bytes()
    with zipfile.ZipFile(source) as archive:
        names = [name for name in archive.namelist() if name != "manifest.json"]
        parts = {name: archive.read(name) for name in names}
    for share in (0, 1, len(whole) // 3, len(whole) - 1):
        (room / f"cut-{share}.osteon").write_bytes(whole[:share])
        yield room / f"cut-{share}.osteon", "cut off"
    for number, name in enumerate(names):
        flipped = bytes([parts[name][0] ^ 1]) + parts[name][1:]
        yield rewritten(source, room / f"flip-{number}.osteon", {name: flipped}), "not the one"
        yield rewritten(source, room / f"gone-{number}.osteon", {name: None}), "parts are not those"
    yield rewritten(source, room / "more.osteon", {"models/extra.py": b"print()"}), "parts are not those"
    newer = {"manifest": lambda about: {**about, "format": 99}}
    yield rewritten(source, room / "newer.osteon", {}, **newer), "Install a newer osteon"
    strange = json.loads(json.dumps({"kind": "oracle", "name": "x"}))
    odd = {"manifest": lambda about: {**about, "models": [{"settings": strange, "facts": {}}]}}
    yield rewritten(source, room / "kind.osteon", {}, **odd), "no kind of model is called 'oracle'"
    yield rewritten(source, room / "less.osteon", {}, manifest=lambda _: {"format": 1}), "parts are not those"
    yield (
        rewritten(source, room / "nameless.osteon", {}, manifest=lambda a: {**a, "models": []}),
        "manifest is incomplete",
    )
    for kind, word in (("bomb", "compressed"), ("twice", "there twice"), ("link", "a link"), ("long", "of 16777217 b")):
        yield strange_archive(source, room / f"{kind}.osteon", kind), word
    (room / "text.osteon").write_text("hello")
    yield room / "text.osteon", "cut off"


@pytest.mark.parametrize("name", ["frozen", "combined"])
def test_a_damaged_or_newer_file_is_refused_completely(fitted: Fitted, name: str, tmp_path: Path) -> None:
    for path, why in damages(fitted.file(name), tmp_path):
        with pytest.raises(InputError, match=why) as caught:
            portable.read(path)
        assert path.name in str(caught.value)
    with pytest.raises(InputError, match="no such model"):
        portable.read(tmp_path / "absent.osteon")


def test_a_file_of_the_first_format_is_read_if_it_is_complete(fitted: Fitted, tmp_path: Path) -> None:
    source, part = fitted.file("frozen"), "reference.safetensors"
    first = rewritten(source, tmp_path / "first.osteon", {}, manifest=lambda about: {**about, "format": 1})
    assert portable.read(first).reference is not None
    with zipfile.ZipFile(source) as archive:
        arrays = load(archive.read(part))
    bare = save({name: array for name, array in arrays.items() if not name.startswith("held_out-")})

    def early(about: dict[str, Any]) -> dict[str, Any]:
        return {**about, "format": 1, "parts": {**about["parts"], part: hashlib.sha256(bare).hexdigest()}}

    lacking = rewritten(source, tmp_path / "lacking.osteon", {part: bare}, manifest=early)
    with pytest.raises(InputError, match=r"of the older format 1, .* Export it again from its run"):
        portable.read(lacking)


def test_weights_of_another_network_are_refused(fitted: Fitted, tmp_path: Path) -> None:
    def other(about: dict[str, Any]) -> dict[str, Any]:
        for entry in about["models"]:
            entry["settings"]["backbone"] = entry["facts"]["record"]["architecture"] = "test_convnext"
        return about

    changed = rewritten(fitted.file("tuned"), tmp_path / "other.osteon", {}, manifest=other)
    with pytest.raises(InputError, match="does not fit the network"):
        osteon.load(changed).predict(fitted.image("B00-frontal"), box=(10, 10, 40, 40))


def test_identity_is_that_of_the_contents(fitted: Fitted, tmp_path: Path) -> None:
    with zipfile.ZipFile(fitted.file("frozen")) as archive:
        told = archive.read("manifest.json")
        digests = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        about = json.loads(told)
    assert portable.read(fitted.file("frozen")).identity == hashlib.sha256(told).hexdigest()
    del digests["manifest.json"]
    assert about["parts"] == digests
    everything = fitted.file("frozen").read_bytes()
    assert str(fitted.study_file.parent).encode() not in everything  # no path of this machine
    assert b"A00" not in everything  # and no case of the study


def test_a_model_that_no_longer_says_what_it_said_does_not_leave(fitted: Fitted, tmp_path: Path) -> None:
    copy = tmp_path / "study"
    shutil.copytree(fitted.study_file.parent, copy, ignore=shutil.ignore_patterns(".cache"))
    for path in (copy / "images").glob("A*.png"):
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    with pytest.raises(StudyError, match=r"'box' cannot|says .* and said|have changed since"):
        export(copy / "study.toml", "tuned", tmp_path / "out.osteon")
    assert not (tmp_path / "out.osteon").exists()
    with pytest.raises(StudyError, match="nothing has been run"):
        export(make(tmp_path / "fresh"), None, tmp_path / "out.osteon")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"box": (30, 10, 10, 40)}, "inside out"),
        ({"box": (1000, 1000, 1100, 1100)}, "outside its radiograph of 72 x 80"),
        ({"box": (10, 10, 12, 40)}, "under 4 px"),
        ({}, "has no box. Draw one: --box"),
        ({"box": (1, 2, float("nan"), 4)}, "inside out"),
    ],
)
def test_a_box_that_cannot_be_used_is_told(fitted: Fitted, given: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        ask(fitted.file("frozen"), fitted.image("B00-frontal"), **given)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.uint8), np.zeros((0, 5), np.uint8), np.full((9, 9), 2.0), np.full((9, 9), np.nan),
        np.zeros((9, 9), np.int32),
    ],
)  # fmt: skip
def test_an_array_that_is_no_radiograph_is_refused(fitted: Fitted, image: NDArray[Any]) -> None:
    with pytest.raises(ImageError):
        osteon.load(fitted.file("box")).predict(image, box=(0, 0, 5, 5))


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "", "1,2,3,4,5", "5,5,1,1"])
def test_a_box_on_the_command_line_is_four_numbers(text: str) -> None:
    with pytest.raises(InputError, match=r"Write it as --box|upper left"):
        parsed_box(text)


def test_the_command_line(fitted: Fitted, tmp_path: Path) -> None:
    runner = CliRunner()
    model, image = str(fitted.file("frozen")), str(fitted.image("B00-frontal"))
    found = runner.invoke(app, ["predict", model, image, "--box", "10,10,40,40"], catch_exceptions=False)
    assert found.exit_code == 0
    assert "Probability of malignant: 0." in found.stdout
    table = str(fitted.study_file.parent / "cohort.csv")
    found = runner.invoke(app, ["predict", model, table, "--jobs", "1"], catch_exceptions=False)
    assert found.stdout.startswith("case_id,image,probability,recalibrated,")
    assert len(found.stdout.splitlines()) == 1 + len(pd.read_csv(table))
    found = runner.invoke(app, ["card", model], catch_exceptions=False)
    assert "# Model card: frozen" in found.stdout
    assert portable.read(fitted.file("frozen")).identity in found.stdout
    out = str(tmp_path / "box.osteon")
    found = runner.invoke(app, ["export", str(fitted.run.path), "box", out], catch_exceptions=False)
    assert portable.read(Path(out)).identity in found.stdout


def test_labels_are_not_read_and_strange_ones_are_told(
    fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    workers = Workers()
    monkeypatch.setattr(workers.progress, "say", heard.append)
    cases = fitted.external()
    cases["image"] = [str(fitted.study_file.parent / image) for image in cases["image"]]
    cases.to_csv(tmp_path / "a.csv", index=False)
    cases.assign(label="sarcoma").to_csv(tmp_path / "b.csv", index=False)
    found = [ask(fitted.file("box"), tmp_path / name, workers=workers).table for name in ("a.csv", "b.csv")]
    pd.testing.assert_frame_equal(*found)
    assert "labels are not read" in heard[0]
    assert "sarcoma" not in heard[0]
    assert "the model knows benign, malignant, and not sarcoma" in heard[1]


def study_of(fitted: Fitted, folder: Path) -> Path:
    """A table of three lesions on two DICOM radiographs of one study; the first radiograph has two, and a mask."""
    rows = []
    for number, row in fitted.external().head(2).iterrows():
        name, path = row["case_id"], folder / f"{row['case_id']}.dcm"
        pixels = np.asarray(Image.open(fitted.image(name)))
        uids = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": f"1.2.5.{number}"}
        dicom_files.write(path, dicom_files.dataset(pixels, InstanceNumber=int(number) + 1, **uids))
        box = {side: row[side] for side in ("x0", "y0", "x1", "y1")}
        rows.append({"case_id": name, "image": path.name, **box})
    mask = np.zeros((80, 72), dtype=np.uint8)
    mask[10:30, 12:40] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    rows.append({"case_id": "further", "image": rows[0]["image"], "mask": "mask.png"})
    pd.DataFrame(rows).to_csv(folder / "new.csv", index=False)
    return folder / "new.csv"


def test_answers_as_dicom_objects_say_what_the_table_says(fitted: Fitted, tmp_path: Path) -> None:
    table, model = study_of(fitted, tmp_path), fitted.file("frozen")
    found = ask(model, table, dicom=tmp_path / "dicom")
    names = [str(path.relative_to(tmp_path / "dicom")) for path in found.objects]
    first, second = found.table["case_id"][:2]
    assert names == [
        *(f"{first}/{kind}.dcm" for kind in ("report", "picture", "overlay", "region", "map")),
        *(f"{second}/{kind}.dcm" for kind in ("report", "picture", "overlay", "map")),
    ]
    said = found.table.set_index("case_id")
    measured = {}
    for name in (first, second):
        path = tmp_path / "dicom" / name / "report.dcm"
        for group in highdicom.sr.srread(path).content.get_planar_roi_measurement_groups():
            numbers = [one.value for one in group.get_measurements()]
            measured[group.tracking_identifier] = numbers[0]
            row = said.loc[group.tracking_identifier]
            assert numbers[1:3] == [row["folds_low"], row["folds_high"]]
            calls = {one.name.meaning: one.value.meaning for one in group.get_qualitative_evaluations()}
            assert calls["Call at operating point youden"] == row["call_youden"]
    assert measured == said["probability"].to_dict()
    objects = [pydicom.dcmread(path) for path in found.objects]
    assert {one.StudyInstanceUID for one in objects} == {"1.2.3"}
    assert len({one.SeriesInstanceUID for one in objects}) == 5
    asked = pd.read_csv(table)
    back = import_cohort("dicom", tmp_path, tmp_path / "back")
    sides = ["x0", "y0", "x1", "y1"]
    told = asked.fillna({"x0": 12, "y0": 10, "x1": 40, "y1": 30})  # the box around the mask
    assert sorted(back[sides].to_numpy().tolist()) == sorted(told[sides].to_numpy(np.float32).astype(float).tolist())
    masked = back[back["mask"] != ""]
    assert masked[sides].to_numpy().tolist() == [[12, 10, 40, 30]]
    np.testing.assert_array_equal(
        read_mask(tmp_path / "back" / masked["mask"].item(), (80, 72)), read_mask(tmp_path / "mask.png", (80, 72))
    )
    again = ask(model, table, dicom=tmp_path / "again")
    for a, b in zip(found.objects, again.objects, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name
    boxes = pd.read_csv(table).iloc[:2].drop(columns="mask")
    boxes.to_csv(table, index=False)
    ask(model, table, dicom=tmp_path / "again")
    assert not (tmp_path / "again" / first / "region.dcm").exists()  # no lesion has a mask any more


def test_dicom_results_need_a_dicom_radiograph_and_a_model_that_looks(fitted: Fitted, tmp_path: Path) -> None:
    given = fitted.study_file.parent / "cohort.csv"
    for name, reason in (("frozen", "not a DICOM file"), ("clinical", "'clinical' looks at no radiograph")):
        told = CliRunner().invoke(
            app, ["predict", str(fitted.file(name)), str(given), "--dicom", str(tmp_path / "out")]
        )
        assert isinstance(told.exception, InputError)
        assert reason in str(told.exception)
        assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="not a DICOM file"):
        ask(fitted.file("frozen"), given, dicom=tmp_path / "out")
