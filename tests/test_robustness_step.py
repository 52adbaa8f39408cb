"""The perturbation of a small study: no change is no change, every model sees the same rows, bytes never differ."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

import osteon
from osteon import perturb, tables
from osteon.steps import Workers
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
    study = make(folder, patients=24, study=TEXT)
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


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that no test may change."""
    return osteon.run(prepare(tmp_path_factory.mktemp("robust"))).path


@pytest.fixture(scope="module")
def table(finished: Path) -> pd.DataFrame:
    return tables.read(finished / "perturbed.parquet", tables.PERTURBED)


def test_no_change_gives_the_predictions_of_every_model(finished: Path, table: pd.DataFrame) -> None:
    predictions = osteon.Run(finished).predictions
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


def test_jobs_and_interruptions_change_no_byte(finished: Path, tmp_path: Path) -> None:
    study = prepare(tmp_path / "other")
    again = osteon.run(study, workers=Workers(2)).path
    assert bytes_of(again) == bytes_of(finished)
    for chunk in (again / ".cache").glob("perturbed-*.npy"):
        chunk.unlink()
    (again / "perturbed.parquet").unlink()
    assert bytes_of(osteon.run(study).path) == bytes_of(finished)


class _InterruptedError(Exception):
    pass


def test_an_interrupted_step_goes_on_where_it_stopped(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from osteon.steps import perturbing

    shutil.copytree(finished.parent, tmp_path / "study")
    run, wanted = tmp_path / "study" / "run", bytes_of(finished)
    for path in (run / "perturbed.parquet", *(run / ".cache").glob("perturbed-*.npy")):
        path.unlink()
    saved: list[Path] = []
    save = perturbing._save

    def stops(part: Path, array: np.ndarray) -> None:
        if len(saved) == 1:
            raise _InterruptedError
        saved.append(part)
        save(part, array)

    monkeypatch.setattr(perturbing, "_save", stops)
    with pytest.raises(_InterruptedError):
        osteon.run(tmp_path / "study" / "study.toml")
    assert saved[0].is_file()
    assert not (run / "perturbed.parquet").exists()
    first = saved[0].stat().st_mtime_ns

    def counted(part: Path, array: np.ndarray) -> None:
        assert part != saved[0]
        save(part, array)

    monkeypatch.setattr(perturbing, "_save", counted)
    assert first
    osteon.run(tmp_path / "study" / "study.toml")
    assert bytes_of(run) == wanted
