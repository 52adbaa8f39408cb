"""A reader study from a run: what the server is given, and what it is not."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont
from reading_study import ADVICE, TWO_READERS, write_run

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.study import Study, load
from osteon.web import picture
from osteon.web.create import create


def everything_stored(database: Path) -> str:
    """All text in a database."""
    with sqlite3.connect(database) as connection:
        text = "\n".join(connection.iterdump())
    connection.close()
    return text


def test_the_server_is_given_no_truth_and_no_name(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS, cases=8))
    stored = everything_stored(created.folder / "site" / "study.db").lower()
    for secret in ("osteosarcoma", "cyst", "secret", "p-x", "truth", "label", "clinical", *created.key["case_id"]):
        assert secret not in stored, secret
    names = sorted(path.name for path in (created.folder / "site").rglob("*"))
    assert all(name.startswith("C") for name in names if name.endswith(".gz"))
    assert {name for name in names if not name.endswith(".gz")} == {"pictures", "study.db"}


def test_tokens_are_stored_as_hashes_and_links_are_private(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS))
    stored = everything_stored(created.folder / "site" / "study.db")
    file = created.folder / "invitations.csv"
    links = pd.read_csv(file)["link"]
    assert len(set(links)) == 3
    assert all(link.rpartition("#")[2] not in stored for link in links)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_views_of_one_lesion_are_one_case_with_the_mean_advice(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS))
    pair = created.key[created.key["case_id"].isin(["hidden-00", "hidden-02"])]
    assert len(set(pair["code"])) == 1
    assert pair["view"].tolist() == [1, 2]
    assert pair["probability"].to_numpy() == pytest.approx([(ADVICE["hidden-00"] + ADVICE["hidden-02"]) / 2] * 2)
    assert (created.key["advice"] == (created.key["probability"] >= created.key["threshold"])).all()


def test_advice_is_recalibrated_and_so_is_its_threshold(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS.replace("[readers]", "[readers]\nviews = false"))
    path = study.run_path / "recalibration.csv"
    tables.write(tables.read(path, tables.RECALIBRATION).assign(intercept=-0.5, slope=0.8), path, tables.RECALIBRATION)
    key = create(study).key
    raw = key["case_id"].map(ADVICE)
    assert key["probability"].to_numpy() == pytest.approx(1 / (1 + np.exp(0.5 - 0.8 * np.log(raw / (1 - raw)))))
    assert (key["advice"] == (raw >= 0.4137)).all()


def test_large_pictures_have_a_half_beside_them(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS, cases=3, shape=(1100, 33)))
    for row in created.key.itertuples():
        whole, half = (
            created.folder / "site" / "pictures" / picture.name(row.code, row.view, part) for part in ("whole", "half")
        )
        values = picture.decode(whole.read_bytes(), 1100, 33)
        assert np.array_equal(picture.decode(half.read_bytes(), 550, 17), picture.half(values))


def test_pictures_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    from osteon.io import read_stored

    study = write_run(tmp_path, TWO_READERS)
    created = create(study)
    for row in created.key.itertuples():
        original = read_stored(study.folder / "images" / f"secret-malignant-{row.case_id}.png").values
        file = created.folder / "site" / "pictures" / picture.name(row.code, row.view)
        assert np.array_equal(picture.decode(file.read_bytes(), *original.shape), original - original.min())
        heat = picture.decode(file.with_name(picture.name(row.code, row.view, "heat")).read_bytes(), 120, 90)
        assert heat.max() > 64000
        assert heat.argmax(axis=1) == pytest.approx(45, abs=1)


def test_the_same_seed_gives_the_same_study(tmp_path: Path) -> None:
    first = create(write_run(tmp_path / "a", TWO_READERS))
    again = create(write_run(tmp_path / "b", TWO_READERS))
    pd.testing.assert_frame_equal(first.key, again.key)
    pd.testing.assert_frame_equal(first.tasks, again.tasks)
    assert not set(first.invitations["link"]) & set(again.invitations["link"])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("", "names no readers"),
        ('[readers]\nrule = "youdens"\n[[readers.people]]\ncode = "R1"', "Did you mean 'youden'"),
        ('[readers]\ncases = 7\n[[readers.people]]\ncode = "R1"', "7 cases are asked for and 5 are there"),
        ('[readers]\ncases = 4\npositives = 0.9\n[[readers.people]]\ncode = "R1"', "4 cases of class 1"),
        ('[readers]\ncontext = ["subtype"]\n[[readers.people]]\ncode = "R1"', "must not see"),
        ('[readers]\ncontext = ["heigth"]\n[[readers.people]]\ncode = "R1"', "column that the cohort has not"),
        ('[readers.burned_in]\npaint = ["hidden-0"]\n[[readers.people]]\ncode = "R1"', "Did you mean 'hidden-0"),
        ('[readers.burned_in.boxes]\nall = [[0, 0, 1, 1]]\n[[readers.people]]\ncode = "R1"', "called 'all'"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(tmp_path: Path, section: str, message: str) -> None:
    study = write_run(tmp_path, section)
    with pytest.raises(InputError, match=message):
        create(study)
    assert sorted(path.name for path in study.run_path.iterdir()) == [
        "cams", "cohort.csv", "operating_points.csv", "recalibration.csv", "scores.csv",
    ]  # fmt: skip


def test_a_reader_study_is_never_overwritten(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    create(study)
    with pytest.raises(InputError, match="there already"):
        create(study)


def test_without_heat_maps_none_is_offered_and_that_is_said(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    for file in (study.run_path / "cams").iterdir():
        file.unlink()
    created = create(study)
    assert not list((created.folder / "site" / "pictures").glob("*heat*"))
    assert "heat maps: 0 of 6 pictures; the run made none" in str(created)
    assert '"heatmap": false' in everything_stored(created.folder / "site" / "study.db")


def explained(study: Study, cases: list[str], model: str = "clinical") -> None:
    """Maps as a run leaves them: arrays of a model, and the rectangles that they belong to."""
    folder = study.run_path / "cams"
    for file in folder.iterdir():
        file.unlink()
    rows = [{"case_id": c, "x0": 0, "y0": 0, "x1": 90, "y1": 60, "height": 120, "width": 90} for c in cases]
    tables.write(pd.DataFrame(rows), folder / "cases.csv", tables.EXPLAINED)
    (folder / model).mkdir()
    np.save(folder / model / "gradcam.npy", np.full((len(cases), 2, 2), 0.75, dtype=np.float32))


def test_how_many_pictures_have_a_heat_map_is_said(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    explained(study, ["hidden-01", "hidden-04"])
    created = create(study)
    assert "heat maps: 2 of 6 pictures; the run explained 2 cases only; set explain.cases = -1" in str(created)
    row = created.key.set_index("case_id").loc["hidden-04"]
    file = created.folder / "site" / "pictures" / picture.name(str(row["code"]), int(row["view"]), "heat")
    heat = picture.decode(file.read_bytes(), 120, 90)
    assert np.array_equal(np.unique(heat[:60]), [round(0.75 * 65535)])
    assert not heat[60:].any()


def test_another_models_heat_map_is_never_shown(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    explained(study, ["hidden-01"], model="another")
    created = create(study)
    assert "made none of the advising model 'clinical'" in str(created)
    assert not list((created.folder / "site" / "pictures").glob("*heat*"))


def test_maps_of_another_picture_are_refused(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS, shape=(121, 90))
    explained(study, ["hidden-01"])
    with pytest.raises(InputError, match="picture of another size"):
        create(study)


@pytest.mark.parametrize("case_id", ["a b/c", "Ωμέγα 1", "x" * 300, "..", "50%"])
def test_a_map_is_found_under_the_name_that_it_was_written_under(tmp_path: Path, case_id: str) -> None:
    from osteon.core.run import RunFolder
    from osteon.web.heat import HeatMaps

    path = RunFolder(tmp_path).map(case_id)
    path.parent.mkdir()
    Image.fromarray(np.full((4, 4), 255, dtype=np.uint8)).save(path)
    found = HeatMaps(RunFolder(tmp_path), "m", "gradcam").of(case_id, (4, 4))
    assert found is not None
    assert found.min() == 65535


def test_a_heat_map_of_colours_is_refused(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    np.save(study.run_path / "cams" / "hidden-00.npy", np.zeros((4, 4, 3)))
    with pytest.raises(InputError, match="not a heat map"):
        create(study)


def burn(study: Study, case_id: str, place: tuple[int, int], text: str = "DOE JANE") -> None:
    """Write a name into a case's picture."""
    path = study.folder / "images" / f"secret-malignant-{case_id}.png"
    values = np.asarray(Image.open(path)).copy()
    letters = Image.new("L", values.shape[::-1])
    ImageDraw.Draw(letters).text(place, text, fill=255, font=ImageFont.load_default(size=16))
    values[np.asarray(letters) > 127] = 65000
    Image.fromarray(values).save(path)


def large(folder: Path, readers: str = TWO_READERS) -> Study:
    """A run whose pictures are large enough for text beside the bone."""
    return write_run(folder, readers, cases=4, shape=(400, 500))


def test_a_name_in_the_pixels_reaches_no_reader(tmp_path: Path) -> None:
    plain, named = large(tmp_path / "a"), large(tmp_path / "b")
    burn(named, "hidden-01", (8, 340))
    without, created = create(plain), create(named)
    row = created.burned_in.set_index("case_id").loc["hidden-01"]
    assert (row["masked"], row["decision"]) == (1, "")
    assert "text was masked in 1 picture of 4" in str(created)
    name = picture.name(row["code"], row["view"])
    seen, other = (
        picture.decode((made.folder / "site" / "pictures" / name).read_bytes(), 400, 500) for made in (created, without)
    )
    x0, y0, x1, y1 = (int(side) for side in row["boxes"].split())
    assert len(np.unique(seen[y0:y1, x0:x1])) == 1
    changed = seen.astype(int) - int(seen[0, 0]) != other.astype(int) - int(other[0, 0])
    changed[y0:y1, x0:x1] = False
    assert not changed.any()
    pages = list((created.folder / "contact_sheet").iterdir())
    assert [page.name for page in pages] == ["page-01.html"]
    assert 'class="painted"' in pages[0].read_text(encoding="utf-8")
    assert not list((created.folder / "site").rglob("*.html"))


def test_text_over_the_anatomy_waits_for_a_decision(tmp_path: Path) -> None:
    study = large(tmp_path)
    burn(study, "hidden-03", (205, 60))
    with pytest.raises(InputError, match=r"1 case may show text over the anatomy.*\(hidden-03\)") as caught:
        create(study)
    page = study.run_path / "readers-check" / "page-01.html"
    assert caught.value.file == page
    assert "hidden-03</a>: something over the anatomy" in page.read_text(encoding="utf-8")
    assert not (study.run_path / "readers").exists()
    painting = TWO_READERS.replace("[[readers", '[readers.burned_in]\npaint = ["hidden-03"]\n[[readers', 1)
    (study.folder / "study.toml").write_text(
        (study.folder / "study.toml").read_text(encoding="utf-8").replace(TWO_READERS, painting), encoding="utf-8"
    )
    created = create(load(study.folder / "study.toml"))
    assert created.burned_in.set_index("case_id").loc["hidden-03", "decision"] == "painted"
    assert not page.parent.exists()


def test_text_over_the_anatomy_can_be_confirmed(tmp_path: Path) -> None:
    study = large(tmp_path)
    burn(study, "hidden-03", (205, 60))
    created = create(study, confirm_burned_in=True)
    row = created.burned_in.set_index("case_id").loc["hidden-03"]
    assert (row["masked"], row["over_anatomy"], row["decision"]) == (0, 1, "confirmed")
    assert "stays in 1, as you confirmed" in str(created)


def test_text_within_the_lesions_box_is_not_painted_unasked(tmp_path: Path) -> None:
    study = large(tmp_path)
    cohort = tables.read(study.run_path / "cohort.csv", tables.COHORT)
    cohort.loc[cohort["case_id"] == "hidden-01", ["x0", "y0", "x1", "y1"]] = [5, 330, 60, 380]
    tables.write(cohort, study.run_path / "cohort.csv", tables.COHORT)
    burn(study, "hidden-01", (8, 340))
    with pytest.raises(InputError, match="over the anatomy"):
        create(study)


def test_boxes_by_hand_take_away_what_was_missed(tmp_path: Path) -> None:
    boxes = "[readers.burned_in.boxes]\nhidden-01 = [[200.5, 50, 290, 90]]\n[[readers"
    study = large(tmp_path, TWO_READERS.replace("[[readers", boxes, 1))
    burn(study, "hidden-01", (205, 60))
    created = create(study)
    row = created.burned_in.set_index("case_id").loc["hidden-01"]
    assert row["boxes"] == "200 50 290 90"
    assert row["over_anatomy"] == 0


def as_dicom(study: Study, case_id: str, burned_in: str) -> None:
    """Turn a case's picture into DICOM, with what its header says of burned-in text."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

    path = study.folder / "images" / f"secret-malignant-{case_id}.png"
    values = np.asarray(Image.open(path)).astype(np.uint16)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = ComputedRadiographyImageStorage, "1.2.3", "CR"
    data.Rows, data.Columns = values.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.WindowCenter, data.WindowWidth, data.BurnedInAnnotation = "30000.5", "40001", burned_in
    data.PixelData = values.tobytes()
    data.save_as(path.with_suffix(".dcm"), enforce_file_format=True)
    cohort = tables.read(study.run_path / "cohort.csv", tables.COHORT)
    cohort.loc[cohort["case_id"] == case_id, "image"] = f"images/{path.with_suffix('.dcm').name}"
    tables.write(cohort, study.run_path / "cohort.csv", tables.COHORT)


def test_a_header_that_says_yes_is_believed(tmp_path: Path) -> None:
    study = large(tmp_path)
    as_dicom(study, "hidden-01", "YES")
    as_dicom(study, "hidden-02", "NO")
    with pytest.raises(InputError, match=r"1 case says BurnedInAnnotation YES and no text was found.*\(hidden-01\)"):
        create(study)
    created = create(study, confirm_burned_in=True)
    assert created.burned_in.set_index("case_id")["stated"].to_dict() == {
        "hidden-00": "", "hidden-01": "yes", "hidden-02": "no", "hidden-03": "",
    }  # fmt: skip


def test_a_header_that_says_yes_is_satisfied_by_a_mask(tmp_path: Path) -> None:
    study = large(tmp_path)
    burn(study, "hidden-01", (8, 340))
    as_dicom(study, "hidden-01", "YES")
    assert create(study).burned_in.set_index("case_id").loc["hidden-01", "masked"] == 1


def test_the_window_is_told_in_the_files_own_numbers(tmp_path: Path) -> None:
    study = large(tmp_path)
    as_dicom(study, "hidden-01", "NO")
    created = create(study)
    code = created.key.set_index("case_id").loc["hidden-01", "code"]
    with sqlite3.connect(created.folder / "site" / "study.db") as connection:
        (window,) = connection.execute(
            "SELECT window FROM view WHERE case_code = ? ORDER BY number", (code,)
        ).fetchone()
    connection.close()
    told = json.loads(window)
    assert (told["centre"], told["width"], told["slope"]) == (30000.5, 40001, 1)


def test_many_cases_make_several_pages(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS, cases=60))
    pages = sorted((created.folder / "contact_sheet").iterdir())
    assert [page.name for page in pages] == ["page-01.html", "page-02.html"]
    first, second = (page.read_text(encoding="utf-8") for page in pages)
    assert (first.count("<figure"), second.count("<figure")) == (48, 12)
    assert 'href="page-02.html"' in first
    assert "<script" not in first
    assert "http" not in first.replace("http://www.w3.org", "")


def test_the_question_is_asked_in_the_studys_own_words(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS.replace('answers = ["benign", "malignant"]\n', ""))
    created = create(study)
    stored = everything_stored(created.folder / "site" / "study.db")
    assert '"answers": ["no", "yes"]' in stored


def test_a_box_outside_the_picture_is_refused(tmp_path: Path) -> None:
    boxes = "[readers.burned_in.boxes]\nhidden-01 = [[500, 50, 590, 90]]\n[[readers"
    with pytest.raises(InputError, match="outside its picture of 500 x 400 pixels"):
        create(large(tmp_path, TWO_READERS.replace("[[readers", boxes, 1)))


@pytest.mark.parametrize("rule", ["mask", "keep"])
def test_a_side_marker_is_kept_where_that_is_asked_for(tmp_path: Path, rule: str) -> None:
    setting = f'[readers.burned_in]\nside_markers = "{rule}"\n[[readers'
    study = large(tmp_path, TWO_READERS.replace("[[readers", setting, 1))
    burn(study, "hidden-01", (20, 330), "R")
    row = create(study).burned_in.set_index("case_id").loc["hidden-01"]
    assert (row["masked"], row["markers"]) == ((0, 1) if rule == "keep" else (1, 0))
