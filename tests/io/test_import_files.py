"""Every file of a dataset's folder ends in the cohort table or in skipped.csv, and a name means one file or none."""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import coco, labelme, picture, shape
from dicom_files import dataset, write
from PIL import Image

from osteon.core.errors import TableError
from osteon.io import import_cohort
from osteon.io.cohorts import Folder, formats

BOX = {"image_id": 4, "category_id": 1, "bbox": [10, 20, 15, 30]}


def skipped(out: Path) -> dict[str, str]:
    """Reason by path within the folder ``in`` beside `out`."""
    path = out / "skipped.csv"
    if not path.is_file():
        return {}
    table = pd.read_csv(path)
    return {image.removeprefix("../in/"): reason for image, reason in zip(table["image"], table["reason"], strict=True)}


def notes(out: Path) -> list[str]:
    return pd.read_csv(out / "notes.csv")["note"].tolist() if (out / "notes.csv").is_file() else []


def images(out: Path) -> list[str]:
    return [image.removeprefix("../in/") for image in pd.read_csv(out / "cohort.csv")["image"]]


def litter(folder: Path) -> set[str]:
    """What systems, editors and people leave in a folder; the paths of the files."""
    made = {
        ".DS_Store": b"\0\0\0\1Bud1",
        "Thumbs.db": b"\xd0\xcf\x11\xe0",
        "desktop.ini": b"[x]",
        "__MACOSX/._a.png": b"\0\5\x16\7",
        "sub/.AppleDouble/a.png": b"\0\5\x16\7",
        ".ipynb_checkpoints/a-checkpoint.json": b"{}",
        "sub/@eaDir/a.png": b"x",
        "sub/empty.png": b"",
        "sub/EMPTY": b"",
        "notes.docx": b"PK\3\4",
        "readme": b"hello\n",
        "sub/picture.webp": b"RIFF\0\0\0\0WEBPVP8 ",
        "sub/film.mp4": b"\0\0\0\x20ftypmp42",
        "sub/other.json": b'{"key": 1}',
        "sub/broken.json": b'{"key": ',
    }
    for name, content in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "sub/dead.png").symlink_to("nowhere.png")
    (folder / "sub/loop").symlink_to(folder)
    os.mkfifo(folder / "sub/pipe.png")
    return {*made, "sub/dead.png", "sub/loop", "sub/pipe.png"}


def as_coco(folder: Path) -> set[str]:
    coco(folder, [{"id": 1, **BOX}])
    return {"images/a.png"}


def as_labelme(folder: Path) -> set[str]:
    picture(folder / "a.png")
    labelme(folder / "a.json", shape("rectangle", (1, 1), (20, 20)), image="a.png")
    return {"a.png"}


def as_dicom(folder: Path) -> set[str]:
    (folder / "sub").mkdir(parents=True)
    write(folder / "sub/IM0001", dataset(np.zeros((8, 8), np.uint16)))
    return {"sub/IM0001"}


def as_folder(folder: Path) -> set[str]:
    picture(folder / "benign/a.PNG")
    shutil.copy(folder / "benign/a.PNG", folder / "benign/noending")
    return {"benign/a.PNG", "benign/noending"}


@pytest.mark.parametrize(
    ("format", "made", "read"),
    [
        ("coco", as_coco, {"annotations.json"}),
        ("labelme", as_labelme, {"a.json"}),
        ("dicom", as_dicom, set()),
        ("folder", as_folder, set()),
    ],
)
def test_every_file_ends_in_one_of_the_two_tables(
    tmp_path: Path, format: str, made: Callable[[Path], set[str]], read: set[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    cases = made(folder)
    litter(folder)
    import_cohort(format, folder, out)
    assert set(images(out)) == cases
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    assert set(skipped(out)) == there - cases - read
    assert all(reason for reason in skipped(out).values())
    assert skipped(out)["sub/empty.png"] == "the file is empty"
    assert skipped(out)["sub/loop"] == "a link to a folder that is read already"


def test_what_an_import_wrote_into_the_folder_is_not_listed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    as_labelme(folder)
    labelme(folder / "a.json", shape("polygon", (1, 1), (20, 1), (20, 20)), shape("point", (1, 1)), image="a.png")
    first = import_cohort("labelme", folder, folder)
    second = import_cohort("labelme", folder, folder, overwrite=True)
    pd.testing.assert_frame_equal(first, second)
    assert pd.read_csv(folder / "skipped.csv")["image"].tolist() == ["a.png"]


def test_links_are_followed_once_and_never_out_of_the_folder_s_surroundings(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "real/a.png")
    picture(tmp_path / "elsewhere/b.png", width=60)
    (folder / "again").symlink_to(folder / "real")  # sorts before what it leads to
    (folder / "outside").symlink_to(tmp_path / "elsewhere")
    (folder / "up").symlink_to(tmp_path)
    (folder / "self").symlink_to("self")
    cohort = import_cohort("folder", folder, out)
    assert cohort["image"].tolist() == ["../elsewhere/b.png", "../in/real/a.png"]
    assert cohort["label"].tolist() == ["outside", "real"]
    assert skipped(out) == {
        "again": "a link to a folder that is read already",
        "self": "a link to nothing",
        "up": "a link to a folder around this one",
    }


def test_a_link_to_a_picture_is_the_picture_once_and_a_copy_is_noted(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "benign/a.png")
    (folder / "benign/b.png").symlink_to("a.png")
    (folder / "malignant").mkdir()
    shutil.copy(folder / "benign/a.png", folder / "malignant/c.png")
    import_cohort("folder", folder, out)
    assert images(out) == ["benign/a.png", "malignant/c.png"]
    assert skipped(out) == {"benign/b.png": "says the same as the file a.png"}
    assert notes(out) == ["the same picture as ../in/benign/a.png"]


def test_what_cannot_be_opened_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "benign/a.png")
    picture(folder / "benign/closed.png")
    picture(folder / "closed/b.png")
    opened, listed = Path.open, Path.iterdir

    def open_(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "closed.png":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    def iterdir(self: Path) -> object:
        if self.name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "open", open_)
    monkeypatch.setattr(Path, "iterdir", iterdir)
    import_cohort("folder", folder, out)
    assert images(out) == ["benign/a.png"]
    assert skipped(out) == {
        "benign/closed.png": "the file cannot be opened (Permission denied)",
        "closed": "the folder cannot be opened (Permission denied)",
    }


def test_names_that_a_table_cannot_hold_are_listed(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "benign/a.png")
    shutil.copy(folder / "benign/a.png", folder / "benign/b.png ")
    shutil.copy(folder / "benign/a.png", os.fsencode(folder / "benign") + b"/\xff.png")
    import_cohort("folder", folder, out)
    assert images(out) == ["benign/a.png"]
    assert list(skipped(out)) == ["benign/b.png", "benign/\\udcff.png"]


def test_the_format_s_helper_modules_are_no_formats() -> None:
    assert not any(name.startswith("_") for name in formats())


# Names


def named(folder: Path, *names: str) -> None:
    """A COCO file in ``annotations/`` with one image and one annotation for each name."""
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "categories": [{"id": 1, "name": "benign"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 5 + i, 5]} for i in range(len(names))
        ],
    }
    (folder / "annotations/all.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("there", "name", "meant"),
    [
        (["images/a.png"], "a.png", "images/a.png"),
        (["images/b/a.png", "a.png"], "b/a.png", "images/b/a.png"),  # as written, before the name alone
        (["images/b/a.png", "annotations/a.png"], "b/a.png", "images/b/a.png"),
        (["images/a.png", "other/a.png"], "images/a.png", "images/a.png"),
        (["images/a.png", "other/a.png"], "images\\a.png", "images/a.png"),
        (["images/a.png", "other/a.png"], "..\\images\\a.png", "images/a.png"),
        (["images/a.png", "other/a.png"], "./other/a.png", "other/a.png"),
        (["x/images/a.png", "x/other/a.png"], "C:\\Users\\me\\x\\images\\a.png", "x/images/a.png"),
        (["x/images/a.png", "x/other/a.png"], "/home/me/x/other/a.png", "x/other/a.png"),
        (["deep/er/a.png"], "a.png", "deep/er/a.png"),
        (["images/A.PNG"], "a.png", "images/A.PNG"),
        (["images/A.PNG", "images/a.png"], "a.png", "images/a.png"),
        (["images/bäckeń.png"], unicodedata.normalize("NFD", "bäckeń.png"), "images/bäckeń.png"),
        ([unicodedata.normalize("NFD", "images/bäckeń.png")], "bäckeń.png", "images/bäckeń.png"),
        (["images/图像.png"], "D:\\数据\\images\\图像.png", "images/图像.png"),
    ],
)
def test_a_name_means_the_path_as_written_first(tmp_path: Path, there: list[str], name: str, meant: str) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for i, path in enumerate(there):
        picture(folder / path, width=70 + i)
    named(folder, name)
    import_cohort("coco", folder, out)
    assert [unicodedata.normalize("NFC", image) for image in images(out)] == [meant]


@pytest.mark.parametrize(
    ("there", "names", "reason"),
    [
        (["images/001.png"], ["siteA/001.png", "siteB/001.png"], "is missing, and images/001.png is claimed by 2 diff"),
        (["images/001.png"], ["001.png", "siteB/001.png"], "is missing, and images/001.png is claimed by 2 diff"),
        (["a/001.png", "b/001.png"], ["001.png"], "may be any of 2 files: a/001.png, b/001.png"),
        (["a/001.png", "b/001.png"], ["c/001.png"], "may be any of 2 files: a/001.png, b/001.png"),
        (["001.png", "images/001.png"], ["001.png"], "may be any of 2 files: 001.png, images/001.png"),
        (["images/A.png", "images/a.png"], ["A.PNG"], "may be any of 2 files: images/A.png, images/a.png"),
        (["images/001.png"], ["002.png"], "the image '002.png' is missing"),
        (["images/001.png"], ["x" * 300 + ".png"], "xxx.png' is missing"),
        (["images/001.png"], ["a\0b.png"], "is missing"),
    ],
)
def test_a_name_that_may_mean_several_files_is_refused(
    tmp_path: Path, there: list[str], names: list[str], reason: str
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for i, path in enumerate(there):
        picture(folder / path, width=70 + i)
    picture(folder / "images/certain.png", width=50)
    named(folder, "images/certain.png", *names)
    cohort = import_cohort("coco", folder, out)
    kept = [name for name in names if name in ("001.png",) and len(names) > 1]
    assert images(out) == ["images/certain.png", *(f"images/{name}" for name in kept)]
    refused = pd.read_csv(out / "skipped.csv")
    refused = refused[refused["source"].fillna("").str.contains("annotation ")]
    assert len(refused) == len(names) - len(kept)
    assert refused["reason"].str.contains(reason, regex=False).all()
    assert refused["source"].str.startswith("../in/annotations/all.json, annotation ").all()
    assert cohort["source"].tolist()[0] == "../in/annotations/all.json, annotation 0"


def test_one_picture_that_two_records_claim_is_refused_with_status_2(tmp_path: Path) -> None:
    picture(tmp_path / "in/images/001.png")
    named(tmp_path / "in", "siteA/001.png", "siteB/001.png")
    with pytest.raises(
        TableError, match=r"all\.json: annotation 0 has no picture: the image 'siteA/001\.png' is missing"
    ):
        import_cohort("coco", tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_of_labelme_files(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    box = shape("rectangle", (1, 1), (20, 20))
    for site, width in (("siteA", 70), ("siteB", 60)):
        picture(folder / site / "001.png", width=width)
        labelme(folder / site / "001.json", box, image="C:\\old\\001.png", width=width)
    picture(folder / "pictures/far.png", width=50)
    labelme(folder / "json/far.json", box, image="D:\\x\\pictures\\far.png", width=50)
    picture(folder / "json/twice.png", width=40)
    labelme(folder / "json/twice.json", box, image="siteA\\twice.png", width=40)
    labelme(folder / "json/thrice.json", box, image="siteB\\twice.png", width=40)
    picture(folder / "json/two.png")
    picture(folder / "json/two.tif")
    labelme(folder / "json/two.json", box, image="gone/two.bmp")
    picture(folder / "json/other.png")
    labelme(folder / "json/other.json", box, image="another.png")
    cohort = import_cohort("labelme", folder, out)
    assert images(out) == ["pictures/far.png", "siteA/001.png", "siteB/001.png"]
    assert cohort["source"].tolist()[0] == "../in/json/far.json, shape 1"
    assert skipped(out) == {
        "json/twice.json": "its image is missing, and json/twice.png is another file's too",
        "json/thrice.json": "its image is missing, and json/twice.png is another file's too",
        "json/two.json": "the image 'gone/two.bmp' may be any of 2 files: json/two.png, json/two.tif",
        "json/other.json": "its image 'another.png' is missing",
        **dict.fromkeys(("json/twice.png", "json/two.png", "json/two.tif", "json/other.png"), "no annotation names it"),
    }


def test_a_picture_embedded_in_its_annotation_is_told(tmp_path: Path) -> None:
    path = labelme(tmp_path / "in/a.json", shape("rectangle", (1, 1), (20, 20)), image="a.png")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"imageData": "iVBORw0"}))
    with pytest.raises(
        TableError, match=r"a\.json: its image 'a\.png' is missing \(it is embedded in the file: save it"
    ):
        import_cohort("labelme", tmp_path / "in", tmp_path / "out")


def test_a_longer_path_elsewhere_goes_against_the_name_beside(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    picture(folder / "siteA/001.png")
    picture(folder / "siteB/001.png")
    labelme(folder / "siteA/x.json", shape("rectangle", (1, 1), (20, 20)), image="C:\\siteB\\001.png")
    with pytest.raises(TableError, match=r"may be any of 2 files: siteA/001\.png, siteB/001\.png"):
        import_cohort("labelme", folder, tmp_path / "out")


def test_names_in_a_table_of_labels(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for i, name in enumerate(("A/Knie.PNG", "B/Knie.PNG", "A/Hüfte.png")):
        picture(folder / name, width=50 + i)
    labels = tmp_path / "labels.csv"
    labels.write_text(
        f"image,label\na\\knie.png,x\n{unicodedata.normalize('NFD', 'hüfte')},y\nB/Knie,z\n".replace(
            "B/Knie,", "B/Knie.PNG,"
        ),
        encoding="utf-8",
    )
    cohort = import_cohort("folder", folder, out, labels=labels)
    assert dict(zip(images(out), cohort["label"], strict=True)) == {
        "A/Hüfte.png": "y",
        "A/Knie.PNG": "x",
        "B/Knie.PNG": "z",
    }
    labels.write_text("image,label\nC/Knie.PNG,x\n")  # such a file is there, in another folder
    with pytest.raises(TableError, match=r"row 2, column 'image': the image 'C/Knie\.PNG' is not in the folder"):
        import_cohort("folder", folder, out, labels=labels, overwrite=True)


def test_rows_of_images_without_a_lesion_are_no_error(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    coco(folder, [{"id": 1, **BOX}])
    labels = tmp_path / "labels.csv"
    labels.write_text("image,patient_id\na.png,p1\nb.png,p2\n")
    assert import_cohort("coco", folder, out, labels=labels)["patient_id"].tolist() == ["p1"]
    assert skipped(out) == {"images/b.png": "no annotation names it"}


def test_masks_of_a_table_of_labels_are_found_as_written_in_windows(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "a.png")
    picture(folder / "Masks/A.png")
    picture(folder / "masks/unused.png")
    picture(folder / "outlines/b.png")
    picture(folder / "b.png")
    labels = tmp_path / "labels.csv"
    labels.write_text("image,label,mask\na.png,benign,masks\\a.PNG\nb.png,benign,outlines/b.png\n")
    cohort = import_cohort("folder", folder, out, labels=labels)
    assert cohort[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == [[0, 0, 70, 90]] * 2
    assert skipped(out) == {"masks/unused.png": "in a folder 'masks', and no row of a table names it"}


def test_a_folder_lists_its_files_in_order_and_once(tmp_path: Path) -> None:
    for name in ("b/2.png", "a.png", "b/1.png", ".hidden/x.png"):
        picture(tmp_path / name)
    found = Folder(tmp_path)
    assert [found.within(file) for file in found.files] == ["a.png", "b/1.png", "b/2.png"]
    assert [found.within(file) for file, _ in found.passed] == [".hidden/x.png"]


def test_a_broken_picture_is_no_reason_to_take_another_of_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    picture(folder / "sub/a.png")
    (folder / "a.png").write_bytes(b"")
    labels = tmp_path / "labels.csv"
    labels.write_text("image,label\na,benign\n")
    with pytest.raises(TableError, match=r"the image 'a' means 2 files \(a\.png, sub/a\.png\)"):
        import_cohort("folder", folder, tmp_path / "out", labels=labels)
    Image.new("L", (70, 90)).save(folder / "a.png")
