"""Datasets in the layouts that people have, to the cohort table a study reads."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import coco, labelme, mask_of, picture, shape
from dicom_files import dataset, write
from openpyxl import Workbook
from PIL import Image

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.io import formats, import_cohort
from osteon.io.cohorts import guessed_patients

#: The columns of BTXRD's dataset.xlsx, in its order.
BTXRD_COLUMNS = (
    *("image_id", "center", "age", "gender", "hand", "ulna", "radius", "humerus", "foot", "tibia", "fibula", "femur"),
    *("hip bone", "ankle-joint", "knee-joint", "hip-joint", "wrist-joint", "elbow-joint", "shoulder-joint", "tumor"),
    *("benign", "malignant", "osteochondroma", "multiple osteochondromas", "simple bone cyst", "giant cell tumor"),
    *("osteofibroma", "synovial osteochondroma", "other bt", "osteosarcoma", "other mt", "upper limb", "lower limb"),
    *("pelvis", "frontal", "lateral", "oblique"),
)


# BTXRD


@pytest.fixture
def btxrd(tmp_path: Path) -> Path:
    """A dataset in BTXRD's layout: a malignant, a giant cell and a benign tumour, and a normal radiograph."""
    folder = tmp_path / "BTXRD"
    marks: list[tuple[str, int, int, str, set[str]]] = [
        ("IMG000001.jpeg", 1, 48, "F", {"hip bone", "tumor", "malignant", "other mt", "pelvis", "frontal"}),
        (
            "IMG000002.jpg",
            1,
            12,
            "M",
            {"tibia", "knee-joint", "tumor", "benign", "giant cell tumor", "lower limb", "lateral"},
        ),
        ("IMG000003.jpeg", 3, 30, "M", {"femur", "tumor", "benign", "osteochondroma", "simple bone cyst", "frontal"}),
        ("IMG000004.jpeg", 2, 30, "M", {"femur", "lower limb", "frontal"}),
        ("IMG000005.jpeg", 3, 30, "M", {"femur", "tumor", "benign", "osteochondroma", "lower limb", "lateral"}),
        ("IMG000006.jpeg", 3, 31, "M", {"femur", "tumor", "benign", "osteochondroma", "lower limb", "oblique"}),
    ]
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(BTXRD_COLUMNS)
    for name, centre, age, sex, marked in marks:
        sheet.append([name, centre, age, sex, *(int(column in marked) for column in BTXRD_COLUMNS[4:])])
        picture(folder / "images" / name)
    book.save(folder / "dataset.xlsx")
    annotations = folder / "Annotations"
    labelme(  # a rectangle with its polygon, drawn from the lower right, reaching out of the picture
        annotations / "IMG000001.json",
        shape("rectangle", (30.5, 95.0), (-4.0, 60.25), label="other mt"),
        shape("polygon", (0, 61), (30, 61), (30, 89), (0, 89), label="other mt"),
    )
    labelme(annotations / "IMG000002.json", shape("rectangle", (10, 20), (40, 60), label="giant cell tumor"))
    labelme(  # two lesions, the second without a polygon, and an outline in two parts for the first
        annotations / "IMG000003.json",
        shape("rectangle", (5, 5), (30, 30), label="simple bone cyst"),
        shape("rectangle", (40, 50), (60, 80), label="Osteochondroma?"),
        shape("polygon", (6, 6), (16, 6), (16, 29), (6, 29), label="simple bone cyst"),
        shape("polygon", (20, 6), (29, 6), (29, 29), (20, 29), label="simple bone cyst"),
    )
    labelme(annotations / "IMG000005.json", shape("polygon", (10, 10), (20, 10), (20, 30), label="osteochondroma"))
    labelme(annotations / "IMG000006.json", shape("rectangle", (80, 10), (95, 20), label="osteochondroma"))
    return folder


def test_btxrd_as_downloaded(btxrd: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    cohort = import_cohort("btxrd", btxrd, out)
    pd.testing.assert_frame_equal(cohort, tables.read(out / "cohort.csv", tables.COHORT))
    assert cohort["case_id"].tolist() == ["IMG000001", "IMG000002", "IMG000003-1", "IMG000003-2", "IMG000005"]
    assert cohort["label"].tolist() == ["malignant", "giant cell tumor", "benign", "benign", "benign"]
    assert cohort["subtype"].tolist() == [
        "other mt",
        "giant cell tumor",
        "simple bone cyst",
        "osteochondroma + simple bone cyst",
        "osteochondroma",
    ]
    assert cohort["site"].tolist() == ["hip bone", "tibia + knee-joint", "femur", "femur", "femur"]
    assert cohort["view"].tolist() == ["frontal", "lateral", "frontal", "frontal", "lateral"]
    assert cohort["region"].tolist() == ["pelvis", "lower limb", "", "", "lower limb"]
    assert cohort["centre"].tolist() == ["1", "1", "3", "3", "3"]
    assert cohort["sex"].tolist() == ["F", "M", "M", "M", "M"]
    assert cohort["age"].tolist() == [48, 12, 30, 30, 30]
    assert cohort["patient_id"].tolist() == [""] * 5
    boxes = cohort[["x0", "y0", "x1", "y1"]].to_numpy().tolist()
    assert boxes == [[0, 60.25, 30.5, 90], [10, 20, 40, 60], [5, 5, 30, 30], [40, 50, 60, 80], [10, 10, 20, 30]]
    for image in cohort["image"]:
        assert (out / image).is_file()
        assert not Path(image).is_absolute()
    assert (cohort["mask"] != "").tolist() == [True, False, True, False, True]
    expected = np.zeros((90, 70), dtype=bool)
    expected[61:89, 0:30] = True
    np.testing.assert_array_equal(mask_of(cohort, out, "IMG000001"), expected)
    expected[:] = False
    expected[6:29, 6:16] = expected[6:29, 20:29] = True
    np.testing.assert_array_equal(mask_of(cohort, out, "IMG000003-1"), expected)
    skipped = tables.read(out / "skipped.csv", tables.Contract("skipped", open=True))
    assert skipped["image"].tolist() == ["../BTXRD/images/IMG000004.jpeg", "../BTXRD/images/IMG000006.jpeg"]
    assert skipped["reason"].tolist() == [
        "a normal radiograph: its row marks no tumour",
        "the lesion lies outside the picture",
    ]


def test_btxrd_in_the_folder_it_was_unpacked_to_with_guessed_patients(btxrd: Path, tmp_path: Path) -> None:
    cohort = import_cohort("btxrd", btxrd.parent, tmp_path / "out", guess_patients=True)
    assert cohort["patient_id"].tolist() == ["guess-0001", "guess-0002", "guess-0003", "guess-0003", "guess-0003"]


def test_btxrd_incomplete(btxrd: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (btxrd / "images/IMG000002.jpg").unlink()
    with pytest.raises(TableError, match=r"dataset\.xlsx, row 3: 'IMG000002\.jpg' is missing\. Download the dataset"):
        import_cohort("btxrd", btxrd, out)
    picture(btxrd / "images/IMG000002.jpeg")  # renamed by the user: the number is what counts
    (btxrd / "Annotations/IMG000003.json").write_text('{"shapes": [')
    with pytest.raises(TableError, match=r"IMG000003\.json: not a readable JSON file"):
        import_cohort("btxrd", btxrd, out)
    (btxrd / "Annotations/IMG000003.json").unlink()
    with pytest.raises(TableError, match=r"row 4: 'IMG000003\.json' is missing"):
        import_cohort("btxrd", btxrd, out)
    assert not (out / "cohort.csv").exists()
    sheet = pd.read_excel(btxrd / "dataset.xlsx")
    sheet.assign(tumor=2).to_excel(btxrd / "dataset.xlsx", index=False)
    with pytest.raises(TableError, match=r"row 2, column 'tumor': '2' is not 0 or 1"):
        import_cohort("btxrd", btxrd, out)
    sheet.rename(columns={"malignant": "malign"}).to_excel(btxrd / "dataset.xlsx", index=False)
    with pytest.raises(TableError, match=r"column 'malignant': the column is missing\. Did you mean 'malign'\?"):
        import_cohort("btxrd", btxrd, out)
    (btxrd / "dataset.xlsx").write_bytes(b"no archive")
    with pytest.raises(TableError, match="not a readable spreadsheet"):
        import_cohort("btxrd", btxrd, out)
    (btxrd / "dataset.xlsx").unlink()
    with pytest.raises(TableError, match=r"dataset\.xlsx is missing"):
        import_cohort("btxrd", btxrd, out)


def test_guessing_patients_keeps_to_neighbours_and_to_what_is_known() -> None:
    rows = pd.DataFrame(
        {
            "image": list("aabcdefg"),
            "centre": list("11111121"),
            "age": [9, 9, 9, 9, np.nan, np.nan, 9, 9],
            "sex": list("MMMFFFFF"),
            "site": ["femur"] * 8,
            "patient_id": ["", "", "", "", "", "", "", "mine"],
        }
    )
    assert guessed_patients(rows) == [
        *("guess-0001", "guess-0001", "guess-0001"),  # two lesions of one image, and the next image
        *("guess-0002", "guess-0003", "guess-0004"),  # another sex; no age: nothing is known to be equal
        *("guess-0005", "mine"),
    ]


# LabelMe


def test_a_real_labelme_file(shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labelme"
    picture(folder / "IMG001636.jpeg", width=708, height=892)
    (folder / "IMG001636.json").write_bytes((shared / "data/labelme/IMG001636.json").read_bytes())
    cohort = import_cohort("labelme", folder, tmp_path / "out", centre="7")
    assert cohort["case_id"].tolist() == ["C0001", "C0002"]
    assert cohort["label"].tolist() == ["multiple osteochondromas"] * 2
    assert cohort["centre"].tolist() == ["7", "7"]
    np.testing.assert_allclose(
        cohort[["x0", "y0", "x1", "y1"]],
        [[189.394, 179.030, 310.954, 373.815], [177.179, 591.695, 298.371, 658.583]],
        atol=1e-3,
    )
    assert (cohort["mask"] != "").tolist() == [True, False]
    rows, columns = np.nonzero(mask_of(cohort, tmp_path / "out", "C0001", (892, 708)))
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (191, 310, 181, 371)


def test_labelme_shapes_groups_and_paths(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    picture(folder / "pictures/one.png")
    labelme(
        folder / "json/one.json",
        shape("rectangle", (0, 0), (30, 30), group=1),
        shape("rectangle", (2, 2), (32, 32), group=2),
        shape("polygon", (1, 1), (29, 1), (29, 29), (1, 29), group=2),
        shape("circle", (50, 50), (50, 60), label="cyst"),
        shape("linestrip", (1, 1), (2, 2)),
        image="..\\pictures\\one.png",
    )
    picture(folder / "two.png", width=35)
    labelme(folder / "two.json", shape("rectangle", (1, 1), (20, 20)), image="elsewhere/two.jpg")
    cohort = import_cohort("labelme", folder, tmp_path / "out")
    assert (cohort["mask"] != "").tolist() == [False, True, True]
    assert cohort["label"].tolist() == ["tumour", "tumour", "cyst"]
    np.testing.assert_allclose(cohort.loc[2, ["x0", "y0", "x1", "y1"]].astype(float), [40, 40, 60, 60], atol=0.01)
    assert mask_of(cohort, tmp_path / "out", "C0003").sum() == pytest.approx(np.pi * 100, rel=0.02)
    skipped = pd.read_csv(tmp_path / "out/skipped.csv")
    assert skipped["reason"].tolist() == [
        "shape 5 is a linestrip, not one of rectangle, polygon, circle, mask, oriented_rectangle",
        "annotated at 70 x 90 pixels, but it has 35 x 90",
    ]


def test_labelme_that_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(TableError, match="no case of the format 'labelme' found"):
        import_cohort("labelme", folder, tmp_path / "out")
    path = labelme(folder / "one.json", shape("rectangle", (0, 0), (3, 3)), image="C:\\data\\one.jpeg")
    with pytest.raises(TableError, match=r"one\.json: its image 'one\.jpeg' is missing"):
        import_cohort("labelme", folder, tmp_path / "out")
    picture(folder / "one.jpeg")
    for damaged, reason in (
        (shape("polygon", (0, 0), (3, 3)), "is a polygon of 2 points, too few"),
        (shape("polygon", (0, 0), (3, 3), (1, 1)), "has no area"),
        (shape("rectangle", (0, 0), (0, 5)), "has no area"),
        (shape("circle", (4, 4), (4, 4)), "has no area"),
        (shape("rectangle", (0, 0), (1, 1), label=" "), "lacks its label"),
        ({"label": "x", "points": [["x", 1]] * 3}, r"is damaged \(in its points \"x\" is not a number\)"),
        ({"label": "x", "points": [[True, 1]] * 3}, r"is damaged \(in its points true is not a number\)"),
        ({"label": "x", "points": [[10**400, 1]] * 3}, r"is damaged \(in its points 10*\.\.\. is not a number\)"),
        ({"label": "x", "points": [[float("nan"), 1]] * 3}, r"is damaged \(in its points NaN is not a number\)"),
        (
            {"label": "x", "points": [[1e12, 1]] * 3},
            r"is damaged \(in its points 1000000000000.0 lies beyond any picture\)",
        ),
        ({"label": "x", "points": [1, 2, 3]}, "lacks its points"),
        ({"label": "x"}, "lacks its points"),
    ):
        labelme(path, damaged)
        with pytest.raises(TableError, match=rf"one\.json: shape 1 {reason}"):
            import_cohort("labelme", folder, tmp_path / "out")
    path.write_text('{"images": []}')
    with pytest.raises(TableError, match="not a LabelMe file"):
        import_cohort("labelme", folder, tmp_path / "out")


# COCO


def test_coco(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    column = np.zeros((90, 70), dtype=bool)
    column[10:40, 20:25] = True
    runs = [20 * 90 + 10, *([30, 60] * 4), 30, 45 * 90 + 50]
    coco(
        folder,
        [
            {"id": 1, "image_id": 4, "category_id": 1, "bbox": [10, 20, 15.5, 30]},
            {
                "id": 2,
                "image_id": 4,
                "category_id": 1,
                "segmentation": [[5, 5, 15, 5, 15, 25, 5, 25]],
                "bbox": [4, 4, 12, 22],
            },
            {
                "id": 3,
                "image_id": 9,
                "category_id": 2,
                "segmentation": {"size": [90, 70], "counts": runs},
                "attributes": {"label": "malignant", "site": "femur", "occluded": False},
            },
            {"id": 4, "image_id": 9, "category_id": 1},
        ],
    )
    cohort = import_cohort("coco", folder, out)
    assert cohort[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == [
        [10, 20, 25.5, 50],
        [4, 4, 16, 26],
        [20, 10, 25, 40],
    ]
    assert cohort["label"].tolist() == ["benign", "benign", "malignant"]
    assert cohort["subtype"].tolist() == ["", "", "osteosarcoma"]
    assert cohort["patient_id"].tolist() == ["p1", "p1", ""]
    assert cohort["centre"].tolist() == ["1", "1", "2"]
    assert cohort["site"].tolist() == ["", "", "femur"]
    assert "occluded" not in cohort
    assert mask_of(cohort, out, "C0002").sum() == 200
    np.testing.assert_array_equal(mask_of(cohort, out, "C0003"), column)
    assert pd.read_csv(out / "skipped.csv")["reason"].tolist() == ["annotation 4 has neither box nor outline"]


def test_coco_that_is_wrong(tmp_path: Path) -> None:
    whole = {"id": 7, "image_id": 4, "category_id": 1, "bbox": [1, 1, 5, 5]}
    cases: list[tuple[dict[str, object], str]] = [
        ({"image_id": 5}, r"annotation 7 names an image that is not in the list \(image_id 5\)"),
        ({"category_id": 3}, r"annotation 7 names a category that is not in the list \(category_id 3\)"),
        ({"category_id": None}, r"annotation 7 names a category that is not in the list \(category_id null\)"),
        ({"bbox": [1, 1, 0, 5]}, r"annotation 7 is damaged \(its box has no area: 0 x 5\)"),
        ({"bbox": [1, 1, 5]}, r"annotation 7 is damaged \(its box is not \[x, y, width, height\]: \[1, 1, 5\]\)"),
        ({"bbox": [1, 1, 5, 5, 30]}, r"annotation 7 is damaged \(its box is not \[x, y, width, height\]"),
        ({"bbox": [1, 1, 5, float("nan")]}, r"annotation 7 is damaged \(in its box NaN is not a number\)"),
        ({"bbox": [1, 1, 5, True]}, r"annotation 7 is damaged \(in its box true is not a number\)"),
        ({"bbox": [1, 1, 5, 10**400]}, r"annotation 7 is damaged \(in its box 10*\.\.\. is not a number\)"),
        ({"bbox": [1, 1, 5, 1e300]}, r"annotation 7 is damaged \(in its box 1e\+300 lies beyond any picture\)"),
        ({"bbox_mode": 0}, r"annotation 7 has a box in another form \(bbox_mode 0\)"),
        (
            {"segmentation": [[1, 1, 2, 2]]},
            r"annotation 7 is damaged \(a polygon is not a list of three or more x, y\)",
        ),
        ({"segmentation": [[1, 1, 2, 2, 3]]}, r"annotation 7 is damaged \(a polygon is not"),
        ({"segmentation": [[1, 1, 2, 2, 3, None]]}, r"annotation 7 is damaged \(in a polygon null is not a number\)"),
        (
            {"segmentation": {"size": [90, 70], "counts": [3, 4]}},
            "annotation 7: its run-length mask is damaged",
        ),
        ({"segmentation": {"size": [90, 70], "counts": "04"}}, "annotation 7: its run-length mask is damaged"),
        (
            {"segmentation": {"size": [90, 70], "counts": [-3, 6303]}},
            r"annotation 7 is damaged \(in its run-length mask -3 is",
        ),
        (
            {"segmentation": {"size": [90, 70], "counts": [0.5, 6299.5]}},
            r"annotation 7 is damaged \(in its run-length mask 0\.5",
        ),
        ({"segmentation": {"size": [10**9, 10**9], "counts": [10**18]}}, r"annotation 7 is damaged \(its run-length"),
        ({"segmentation": {"size": [70, 90], "counts": [6300]}}, r"its run-length mask has 90 x 70 pixels, but"),
        ({"segmentation": {"counts": [6300]}}, r"annotation 7 is damaged \(its run-length mask lacks its size\)"),
        ({"segmentation": {"size": [90, 70]}}, r"annotation 7 is damaged \(its run-length mask lacks its counts\)"),
        ({"ignore": 1}, r"annotation 7 says that it is to be ignored"),
    ]
    for changes, reason in cases:
        coco(tmp_path / "in", [whole | changes])
        with pytest.raises(TableError, match=rf"annotations\.json.*{reason}"):
            import_cohort("coco", tmp_path / "in", tmp_path / "out")
    coco(tmp_path / "in", [whole], images=[{"id": 4, "file_name": "gone.png"}])
    with pytest.raises(TableError, match=r"the image 'gone\.png' is missing"):
        import_cohort("coco", tmp_path / "in", tmp_path / "out")
    coco(tmp_path / "in", [whole], categories=None)
    with pytest.raises(TableError, match="no list 'categories'"):
        import_cohort("coco", tmp_path / "in", tmp_path / "out")


# Folders


def test_a_folder_of_labels_and_centres(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("north/benign/a.png", "north/malignant/a.jpeg", "south/benign/c.tif", "south/benign/.hidden.png"):
        picture(folder / name)
    (folder / "readme.txt").write_text("hello")
    cohort = import_cohort("folder", folder, folder / "study", whole_image=True)
    assert cohort["image"].tolist() == ["../north/benign/a.png", "../north/malignant/a.jpeg", "../south/benign/c.tif"]
    assert cohort["label"].tolist() == ["benign", "malignant", "benign"]
    assert cohort["centre"].tolist() == ["north", "north", "south"]
    assert cohort[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == [[0, 0, 70, 90]] * 3
    skipped = pd.read_csv(folder / "study/skipped.csv")
    assert skipped["image"].tolist() == ["../readme.txt", "../south/benign/.hidden.png"]
    assert skipped["reason"].tolist() == ["not an image but a text file", "a hidden file"]


def test_a_folder_with_a_table_of_labels(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("images/a.png", "images/b.png", "images/c.png", "more/a.png"):
        picture(folder / name)
    inside = np.zeros((90, 70), dtype=np.uint8)
    inside[10:20, 30:35] = 255
    (folder / "masks").mkdir()
    Image.fromarray(inside).save(folder / "masks/b.png")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "image;label;x0;y0;x1;y1;mask;age;smoker\n"
        "images/a.png;benign;1;2;30;40;;20;yes\n"
        "images/a.png;malignant;41;2;60;95;;20;yes\n"
        "b;benign;;;;;masks/b.png;;\n"
    )
    cohort = import_cohort("folder", folder, out, labels=labels)
    assert cohort["image"].tolist() == ["../in/images/a.png", "../in/images/a.png", "../in/images/b.png"]
    assert cohort["label"].tolist() == ["benign", "malignant", "benign"]
    boxes = cohort[["x0", "y0", "x1", "y1"]].to_numpy().tolist()
    assert boxes == [[1, 2, 30, 40], [41, 2, 60, 90], [30, 10, 35, 20]]
    np.testing.assert_array_equal(mask_of(cohort, out, "C0003"), inside > 0)
    assert cohort["age"].tolist()[:2] == [20, 20]
    assert cohort["smoker"].tolist() == ["yes", "yes", ""]
    assert pd.read_csv(out / "skipped.csv")["reason"].tolist() == ["no row in labels.csv"] * 2


def test_a_table_of_labels_that_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("a.png", "sub/a.png", "sub/b.png"):
        picture(folder / name)
    labels = tmp_path / "labels.csv"
    cases = {
        "name,label\na.png,benign\n": r"labels\.csv, column 'image'",
        "image,label\na.png,benign\nx.png,benign\n": r"row 3, column 'image': the image 'x\.png' is not in the folder",
        "image,label\na,benign\n": r"row 2, column 'image': the image 'a' means 2 files \(a\.png, sub/a\.png\)\. Give",
        "image,label,x0,y0,x1,y1\na.png,b,1,1,,4\n": r"row 2, column 'x0': the box is incomplete or has no area",
        "image,label,x0,y0,x1,y1\na.png,b,9,1,3,4\n": r"row 2, column 'x0': the box is incomplete or has no area",
        "image,label,mask\na.png,b,m.png\n": r"row 2, column 'mask': no such mask 'm\.png'",
        "image,label,case_id\na.png,b,../x\n": r"row 2, column 'case_id': '\.\./x' names a file",
        "image,label,age\na.png,b,old\n": r"row 2, column 'age': 'old' is not a number",
    }
    for text, reason in cases.items():
        labels.write_text(text)
        with pytest.raises(TableError, match=reason):
            import_cohort("folder", folder, tmp_path / "out", labels=labels)


def test_a_table_of_patients_beside_annotations(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("a", "b"):
        picture(folder / f"{name}.jpeg")
        labelme(folder / f"{name}.json", shape("rectangle", (0, 0), (9, 9)), shape("rectangle", (20, 20), (40, 40)))
    labels = tmp_path / "labels.csv"
    labels.write_text("image,patient_id,centre\na.jpeg,p1,north\n")
    cohort = import_cohort("labelme", folder, tmp_path / "out", labels=labels, centre="south")
    assert cohort["patient_id"].tolist() == ["p1", "p1", "", ""]
    assert cohort["centre"].tolist() == ["north", "north", "south", "south"]
    assert cohort["label"].tolist() == ["tumour"] * 4
    labels.write_text("image,patient_id\na.jpeg,p1\na.jpeg,p2\n")
    with pytest.raises(TableError, match=r"labels\.csv, row 3, column 'image': the image 'a\.jpeg' occurs before"):
        import_cohort("labelme", folder, tmp_path / "again", labels=labels)


# DICOM

CANARY = "CANARY"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An export with two patients at two hospitals, one of them in a file without preamble, and other objects."""
    folder = tmp_path / "archive"
    folder.mkdir()
    values = np.tile(np.arange(64, dtype=np.uint16), (48, 1))
    born = {"PatientBirthDate": "19700615", "StudyDate": "20200614"}
    new = dataset(values, PatientID=f"{CANARY}77", PatientName=f"{CANARY}^A", InstitutionName=f"{CANARY} North", **born)
    new.PatientSex, new.BodyPartExamined, new.ViewPosition = "F", "FEMUR", "AP"
    write(folder / "1.dcm", new)
    new.ViewPosition, new.BodyPartExamined, new.PatientAge = "LL", f"{CANARY}", "018M"
    write(folder / "2.dcm", new)
    other = dataset(values, PatientName=f"{CANARY}^B", InstitutionName=f"{CANARY} South", PatientSex=f"{CANARY}")
    other.ViewPosition = f"{CANARY}"
    other.save_as(folder / "3.dcm", implicit_vr=True, little_endian=True)
    write(folder / "4.dcm", dataset(values, Modality="CT", PatientName=f"{CANARY}^C"))
    (folder / "5.dcm").write_bytes(b"no picture")
    (folder / "DICOMDIR").write_bytes(b"x")
    write(folder / "IM0006", dataset(values, PatientID=f"{CANARY}77"))
    return folder


def test_dicom_identities_become_pseudonyms(archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    cohort = import_cohort("dicom", archive, out)
    assert cohort["case_id"].tolist() == ["C0001", "C0002", "C0003", "C0004"]
    assert cohort["patient_id"].tolist() == ["P0001", "P0001", "P0002", "P0001"]
    assert cohort["centre"].tolist() == ["1", "1", "2", "3"]
    assert cohort["age"].fillna(-1).tolist() == [49, 1.5, -1, -1]
    assert cohort["sex"].tolist() == ["F", "F", "", ""]
    assert cohort["site"].tolist() == ["femur", "", "", ""]
    assert cohort["view"].tolist() == ["frontal", "lateral", "", ""]
    assert cohort["label"].tolist() == [""] * 4
    with pytest.raises(TableError, match="row 2, column 'label': the value is missing"):
        tables.read(out / "cohort.csv", tables.COHORT)
    skipped = pd.read_csv(out / "skipped.csv")
    assert skipped["image"].tolist() == ["../archive/4.dcm", "../archive/5.dcm", "../archive/DICOMDIR"]
    for path in out.rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()
    assert CANARY not in "".join(capfd.readouterr())


def test_dicom_with_a_table_of_labels(archive: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("image,label,x0,y0,x1,y1\n1.dcm,benign,1,2,30,40\nIM0006,malignant,5,5,70,20\n2,benign,,,,\n")
    cohort = import_cohort("dicom", archive, tmp_path / "out", labels=labels, centre="here")
    assert cohort["label"].tolist() == ["benign", "benign", "malignant"]
    assert cohort["centre"].tolist() == ["here"] * 3
    assert cohort["x1"].fillna(-1).tolist() == [30, -1, 64]
    tables.read(tmp_path / "out/cohort.csv", tables.COHORT)


def test_dicom_with_damaged_identities(archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        new = dataset(np.zeros((8, 8), np.uint16))
        new.add_new("PatientAge", "LO", f"{CANARY}^Name")
        new.add_new("PatientBirthDate", "LO", f"{CANARY}^Name")
        new.add_new("StudyDate", "LO", f"{CANARY}^Name")
        write(archive / "7.dcm", new)
    import_cohort("dicom", archive, tmp_path / "out")
    assert CANARY not in (tmp_path / "out/cohort.csv").read_text() + "".join(capfd.readouterr())


# What is the same for every format


def test_formats_and_their_descriptions() -> None:
    assert list(formats()) == ["btxrd", "coco", "dicom", "folder", "labelme"]
    assert all(20 < len(text) < 120 for text in formats().values())


def test_a_cohort_table_is_not_overwritten_unasked(tmp_path: Path) -> None:
    picture(tmp_path / "in/benign/a.png")
    for wrong in ("folders", "nii"):
        with pytest.raises(TableError, match=f"unknown format '{wrong}'"):
            import_cohort(wrong, tmp_path / "in", tmp_path / "out")
    with pytest.raises(TableError, match="no such folder"):
        import_cohort("folder", tmp_path / "nowhere", tmp_path / "out")
    first = import_cohort("folder", tmp_path / "in", tmp_path / "out")
    with pytest.raises(TableError, match="a cohort table is there already"):
        import_cohort("folder", tmp_path / "in", tmp_path / "out")
    pd.testing.assert_frame_equal(import_cohort("folder", tmp_path / "in", tmp_path / "out", overwrite=True), first)
    picture(tmp_path / "in/benign/b.png").write_bytes(b"")
    cohort = import_cohort("folder", tmp_path / "in", tmp_path / "out", overwrite=True)
    assert len(cohort) == 1
    assert pd.read_csv(tmp_path / "out/skipped.csv")["reason"].tolist() == ["the file is empty"]


def test_the_table_finds_its_images_through_links(tmp_path: Path) -> None:
    picture(tmp_path / "disk/benign/a.png")
    (tmp_path / "in").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/study").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk/study")
    cohort = import_cohort("folder", tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out" / cohort.loc[0, "image"]).is_file()
