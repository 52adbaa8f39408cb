"""The perturbation of a small study: no change is no change, every model sees the same rows, bytes never differ."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from osteon import study
from osteon.core import tables
from osteon.core.errors import StudyError
from osteon.models.inputs import perturb
from osteon.models.inputs.case import inputs
from osteon.models.network.fitted import ahead
from osteon.pipeline import FIT, PERTURB, Workers, perturbation, walk
from osteon.pipeline import perturb as perturb_study
from small_study import STUDY, bytes_of, make

ROBUSTNESS = """\
[robustness]
repeats = 2
shift = [0, 0.4]
scale = [0.1]
aspect = []
combined = [0.2]
cases = 7
"""
TEXT = (
    STUDY.replace("[robustness]\nrepeats = 0\n", ROBUSTNESS)
    .replace('weights = "random"\n\n', 'weights = "random"\naverage_boxes = 4\n\n')
    .replace("epochs = 2", "epochs = 1\naverage_boxes = 3")
    .replace("[crop]\n", "[crop]\nmargin = 0.1\n")
)


def write_dicom(path: Path, pixels: np.ndarray) -> None:
    """A 16-bit radiograph with a pixel spacing."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["osteon"])
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.PhotometricInterpretation = "DX", "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.WindowCenter, dataset.WindowWidth = 32768, 65536
    dataset.PixelSpacing = [0.2, 0.2]
    dataset.PixelData = (pixels.astype(np.uint16) * 257).tobytes()
    dataset.save_as(path)


def prepare(folder: Path) -> Path:
    """The small study with masks, a DICOM file, boxes at the edge of the picture and no sides in whole pixels."""
    study = make(folder, patients=18, study=TEXT)
    cohort = pd.read_csv(folder / "cohort.csv")
    box = cohort[["x0", "y0", "x1", "y1"]].to_numpy(dtype=float)
    box[::4] += 0.3
    box[3] = [0, 0, 18, 15]
    cohort[["x0", "y0", "x1", "y1"]] = box
    (folder / "masks").mkdir()
    for number, (case, (x0, y0, x1, y1)) in enumerate(zip(cohort["case_id"], box, strict=True)):
        if number % 2:
            mask = np.zeros((80, 72), dtype=np.uint8)
            mask[int(y0) + 2 : int(y1) - 1, int(x0) : int(x1) - 3] = 255
            Image.fromarray(mask).save(folder / "masks" / f"{case}.png")
            cohort.loc[number, "mask"] = f"masks/{case}.png"
    outside = int(np.flatnonzero(cohort["centre"] == "B")[0])
    image = folder / str(cohort.loc[outside, "image"])
    write_dicom(image.with_suffix(".dcm"), np.asarray(Image.open(image)))
    cohort.loc[outside, "image"] = str(Path(cohort.loc[outside, "image"]).with_suffix(".dcm"))
    cohort.to_csv(folder / "cohort.csv", index=False)
    return study


def run(path: Path, jobs: int = 1) -> Path:
    """All that comes before figures and report, which other tests draw."""
    return walk((*FIT, *PERTURB), study.load(path), Workers(jobs)).path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that no test may change."""
    return run(prepare(tmp_path_factory.mktemp("robust")))


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """The study file beside a copy of the run in which everything is fitted and nothing perturbed."""
    shutil.copytree(finished.parent, tmp_path / "study")
    copied = tmp_path / "study" / "run"
    for path in (copied / "perturbed.parquet", *copied.glob("robustness*.csv")):
        path.unlink()
    for path in (copied / ".cache").glob("perturbed-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return tmp_path / "study" / "study.toml"


@pytest.fixture(scope="module")
def table(finished: Path) -> pd.DataFrame:
    return tables.read(finished / "perturbed.parquet", tables.PERTURBED)


def test_no_change_gives_the_predictions_of_every_model(finished: Path, table: pd.DataFrame) -> None:
    predictions = tables.read(finished / "predictions.csv", tables.PREDICTIONS)
    drawn = predictions[predictions["split"] == "external"].groupby(["model", "case_id"])["probability"].mean()
    still = table[table["grade"] == 0]
    assert set(still["model"]) == {"frozen", "tuned", "radiomics", "combined", "box"}
    expected = [drawn[model, case] for model, case in zip(still["model"], still["case_id"], strict=True)]
    np.testing.assert_allclose(still["probability"], expected, atol=1e-6)
    moved = table[table["grade"] == 0.4].groupby("model")["probability"]
    assert (moved.std() > 0).all()


def test_every_model_has_the_same_rows(table: pd.DataFrame) -> None:
    keys = ["case_id", "kind", "grade", "repeat"]
    of_model = [rows[keys].reset_index(drop=True) for _, rows in table.groupby("model", sort=False)]
    for other in of_model[1:]:
        pd.testing.assert_frame_equal(other, of_model[0])
    assert not of_model[0].duplicated().any()
    assert of_model[0]["case_id"].nunique() == 7


def test_a_change_changes_what_looks_at_it(table: pd.DataFrame) -> None:
    wide = table.pivot_table(index=["case_id", "kind", "grade", "repeat"], columns="model", values="probability")
    drawn = wide.xs(("shift", 0.0, 0), level=["kind", "grade", "repeat"])
    image = wide[wide.index.get_level_values("kind").isin(list(perturb.IMAGE_KINDS))]
    gap = (image - drawn.reindex(image.index.get_level_values("case_id")).to_numpy()).abs()
    assert gap["box"].max() < 1e-12
    assert (gap.groupby("kind")["frozen"].max().drop("markers") > 0).all()
    assert (gap.groupby("kind")["tuned"].max().drop("markers") > 0).all()
    assert (gap.groupby("kind")["combined"].max().drop("markers") > 0).all()


def test_two_jobs_change_no_byte(finished: Path, again: Path, whole: bool) -> None:
    assert bytes_of(run(again, jobs=2 if whole else 1)) == bytes_of(finished)


class _InterruptedError(Exception):
    pass


def test_an_interrupted_step_goes_on_where_it_stopped(
    finished: Path, again: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Path] = []
    save = perturbation.save_array

    def stops(part: Path, array: np.ndarray) -> None:
        if len(saved) == 3:
            raise _InterruptedError
        saved.append(part)
        save(part, array)

    monkeypatch.setattr(perturbation, "save_array", stops)
    with pytest.raises(_InterruptedError):
        run(again)
    assert not (again.parent / "run" / "perturbed.parquet").exists()
    first, saved = saved, []

    def goes_on(part: Path, array: np.ndarray) -> None:
        assert part not in first
        save(part, array)

    monkeypatch.setattr(perturbation, "save_array", goes_on)
    assert bytes_of(run(again)) == bytes_of(finished)


def test_another_model_perturbs_no_other_again(
    finished: Path, table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Path(shutil.copytree(finished.parent, tmp_path / "study")) / "study.toml"
    more = '[[models]]\nkind = "network"\nname = "more"\nbackbone = "test_resnet"\nweights = "random"\n\n'
    again.write_text(TEXT.replace("[evaluation]", more + "[evaluation]"))
    saved: list[Path] = []
    save = perturbation.save_array
    monkeypatch.setattr(perturbation, "save_array", lambda part, array: (saved.append(part), save(part, array)))
    after = tables.read(run(again) / "perturbed.parquet", tables.PERTURBED)
    assert len({part.parent for part in saved if part.parent.name != ".cache"}) == 1
    pd.testing.assert_frame_equal(after[after["model"] != "more"].reset_index(drop=True), table)


def test_worst_cases_are_those_that_moved_most(finished: Path, table: pd.DataFrame) -> None:
    found = tables.read(finished / "robustness_examples.csv", tables.ROBUSTNESS_EXAMPLES)
    boxes = table[(table["model"] == "frozen") & table["kind"].isin(list(perturb.BOX_KINDS))]
    drawn = found[found["role"] == "drawn"].set_index("case_id")["probability"]
    far = (boxes["probability"] - boxes["case_id"].map(drawn)).abs().groupby(boxes["case_id"]).max()
    low, high = (found[found["role"] == role].set_index("case_id")["probability"] for role in ("lowest", "highest"))
    reached = np.maximum(high, drawn) - np.minimum(low, drawn)
    assert list(reached) == sorted(reached, reverse=True)
    assert reached.iloc[0] >= far.max() - 1e-12
    for case in drawn.index:
        with Image.open(finished / "thumbnails" / "boxes" / f"{case}.png") as picture:
            assert picture.size == (224, 224)
    frames = found[found["role"] == "picture"].set_index("case_id")
    inside = found.merge(frames, on="case_id", suffixes=("", "_frame"))
    assert (inside["x0"] >= inside["x0_frame"]).all()
    assert (inside["y1"] <= inside["y1_frame"]).all()


def test_a_study_without_changes_says_so(again: Path) -> None:
    again.write_text(TEXT.replace("repeats = 2", "repeats = 0"))
    with pytest.raises(StudyError, match=r"no changes.*repeats"):
        perturb_study(again)


def test_a_region_outside_the_picture_has_no_features(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 30), dtype=np.uint8)).save(tmp_path / "film.png")
    Image.fromarray(np.full((40, 30), 255, dtype=np.uint8)).save(tmp_path / "mask.png")
    row = {"case_id": "a", "image": "film.png", "mask": "mask.png", "x0": 2.0, "y0": 3.0, "x1": 12.0, "y1": 13.0}
    one = next(inputs(pd.DataFrame([row]), tmp_path))
    assert replace(one, box=one.drawn - 20).region(masked=True) is None
    assert replace(one, box=one.drawn + np.array([40, 0, 40, 0])).region(masked=False) is None
    corner = replace(one, box=one.drawn - 6).region(masked=True)
    assert corner is not None
    assert corner.shape == (40, 30)


def test_pieces_come_ahead_in_their_order_and_errors_with_them() -> None:
    made: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(6):
            made.append(number)
            yield number
        raise _InterruptedError

    coming = ahead(pieces(), depth=2)
    assert [next(coming) for _ in range(6)] == list(range(6))
    with pytest.raises(_InterruptedError):
        next(coming)
    assert made == list(range(6))
