"""No picture of a run shows what stands burned into a radiograph, whatever step drew it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from osteon import study
from osteon.core import tables
from osteon.io import burned, read_image
from osteon.pipeline import Workers, radiographs, walk
from osteon.pipeline.line import EXPLAIN, FIT, PERTURB, PRESENT, begin
from small_study import make

TEXT = """\
[task]
positive = ["malignant"]
[centres]
development = ["A"]
[crop]
size = 48
[[models]]
kind = "network"
name = "frozen"
backbone = "test_resnet"
weights = "random"
[evaluation]
folds = 2
bootstrap = 100
[robustness]
repeats = 1
shift = [0.3]
scale = []
aspect = []
combined = []
image = false
[explain]
sanity = false
[figures]
also = []
"""


def told(number: int) -> np.ndarray:
    """A limb in (320, 288), nowhere brighter than 0.75, with a name in white beside it and a date over it."""
    x = np.arange(288)[None, :] / 288
    limb = 0.5 * np.sqrt(np.clip(1 - ((x - 0.55) / 0.2) ** 2, 0, 1)) + 0.05
    coarse = Image.fromarray(np.random.default_rng(number).normal(0, 0.04, (24, 24)).astype(np.float32))
    values = limb + np.asarray(coarse.resize((288, 320), Image.Resampling.BICUBIC))  # no two pictures are alike
    image = Image.fromarray(np.rint(values.clip(0, 0.75) * 255).astype(np.uint8))
    font = ImageFont.load_default(size=17)
    ImageDraw.Draw(image).text((4, 30), "DOE^JANE", fill=255, font=font)
    ImageDraw.Draw(image).text((110, 200), "1961-03-04", fill=255, font=font)
    return np.asarray(image)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every step that draws cases, of pictures that all say who somebody is."""
    path = make(tmp_path_factory.mktemp("told") / "study", patients=6, study=TEXT)
    cohort = pd.read_csv(path.parent / "cohort.csv")
    for number, image in enumerate(cohort["image"]):
        Image.fromarray(told(number)).save(path.parent / image)
    cohort[["x0", "y0", "x1", "y1"]] = 20, 20, 260, 300
    cohort.to_csv(path.parent / "cohort.csv", index=False)
    return walk((*FIT, *PERTURB, *EXPLAIN, *PRESENT), study.load(path), Workers()).path


def test_no_picture_of_a_run_shows_burned_in_text(finished: Path) -> None:
    raw = read_image(next(finished.parent.glob("images/*.png"))).pixels
    assert raw.max() == 1
    assert len(burned.find_in(raw)) == 2
    shown = [np.asarray(Image.open(path)) for path in finished.glob("thumbnails/**/*.png")]
    shown += [picture for path in finished.glob("cams/gallery-*.npz") for picture in np.load(path)["pictures"]]
    cases = [path for path in finished.glob("thumbnails/cases/*.jpg") if not path.stem.endswith("-map")]
    shown += [np.asarray(Image.open(path)) for path in cases]
    folders = {path.parent.name for path in finished.glob("thumbnails/**/*.png")}
    assert folders == {"thumbnails", "boxes"}
    assert len(list(finished.glob("cams/gallery-*.npz"))) > 1
    assert len(cases) == 8
    assert max(picture.max() for picture in shown) < 0.85 * 255
    assert min(picture.max() for picture in shown) > 0.4 * 255


def test_pictures_of_cases_bear_numbers_and_no_names(finished: Path) -> None:
    scores = tables.read(finished / "scores.csv", tables.SCORES)
    pictured = tables.read(finished / "thumbnails" / "cases.csv", tables.PICTURED)
    outside = scores[scores["split"] == "external"].drop_duplicates("case_id")
    assert set(pictured["case_id"]) == set(outside["case_id"])
    order = list(scores["case_id"].drop_duplicates())
    assert [order[number - 1] for number in pictured["number"]] == list(pictured["case_id"])
    np.testing.assert_allclose(pictured[["x0", "y0", "x1", "y1"]], [[20 / 288, 20 / 320, 260 / 288, 300 / 320]] * 8)
    names = {path.stem for path in finished.glob("thumbnails/cases/*")}
    assert names == {f"{number}{suffix}" for number in pictured["number"] for suffix in ("", "-map")}
    with Image.open(next(finished.glob("thumbnails/cases/*.jpg"))) as picture:
        assert (picture.mode, picture.size) == ("L", (230, 256))


def test_of_many_cases_those_are_pictured_that_the_first_model_is_wrongest_about(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radiographs, "MOST", 3)
    whole = Path(shutil.copytree(finished.parent, tmp_path / "study"))
    scores = tables.read(finished / "scores.csv", tables.SCORES)
    own = scores[(scores["split"] == "external") & (scores["model"] == "frozen")]
    wrong = (own["label"] - own["probability"]).abs().set_axis(own["case_id"])
    folder = walk((begin, radiographs.Radiographs()), study.load(whole / "study.toml"), Workers()).path
    pictured = tables.read(folder / "thumbnails" / "cases.csv", tables.PICTURED)
    assert set(pictured["case_id"]) == set(wrong.nlargest(3).index)
    assert len(list(folder.glob("thumbnails/cases/*.jpg"))) == 6


def test_maps_without_sanity_checks_are_reported_without_them(finished: Path) -> None:
    assert not list(finished.glob("figures/explanation_sanity.*"))
    told = (finished / "report.html").read_text()
    assert "Grad-CAM" in told
    assert "Maps of networks that have forgotten" not in told
