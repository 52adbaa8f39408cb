"""What annotations say is read, or said not to be: sizes, rotation, groups, masks, marks, encodings."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import coco, labelme, mask_of, picture, shape
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from osteon.core.errors import TableError
from osteon.io import import_cohort
from osteon.io.cohorts import Lesion, Note, Skipped
from osteon.io.cohorts.labelme import lesions, parse

REFERENCES = Path(__file__).parents[1] / "references"
SIDES = ["x0", "y0", "x1", "y1"]
BOX = {"id": 1, "image_id": 4, "category_id": 1, "bbox": [10, 20, 15, 30]}


def boxes(cohort: pd.DataFrame) -> list[list[float]]:
    return cohort[SIDES].to_numpy().tolist()


def reasons(out: Path) -> list[str]:
    return pd.read_csv(out / "skipped.csv")["reason"].tolist() if (out / "skipped.csv").is_file() else []


def notes(out: Path) -> list[str]:
    return pd.read_csv(out / "notes.csv")["note"].tolist() if (out / "notes.csv").is_file() else []


def one(folder: Path, annotation: dict[str, Any], **image: object) -> None:
    """A COCO file with one picture of 200 x 100 pixels."""
    picture(folder / "images/a.png", width=200, height=100)
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 200, "height": 100, **image}],
        "categories": [{"id": 1, "name": "benign"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [50, 40, 100, 20], **annotation}],
    }
    (folder / "a.json").write_text(json.dumps(content))


# Sizes

SIZES: list[tuple[object, object, str | None]] = [
    (200, 100, None),
    (200.0, 100.0, None),
    ("200", "100", None),
    (" 200 ", "100.0", None),
    (None, None, None),
    ("", "", None),
    (200, None, None),
    (400, 200, "annotated at 400 x 200 pixels, but it has 200 x 100"),
    (400.0, 200.0, "annotated at 400 x 200 pixels, but it has 200 x 100"),
    ("400", "200", "annotated at 400 x 200 pixels, but it has 200 x 100"),
    (None, 200, "annotated at ? x 200 pixels, but it has 200 x 100"),
    (100, 200, "annotated at 100 x 200 pixels, but it has 200 x 100"),
    (0, 0, "annotated at 0 x 0 pixels, but it has 200 x 100"),
    (-200, 100, "annotated at -200 x 100 pixels, but it has 200 x 100"),
    (200.5, 100, "was made at a size that cannot be read (200.5 is not a whole number)"),
    ("wide", 100, 'was made at a size that cannot be read ("wide" is not a number)'),
    (True, 100, "was made at a size that cannot be read (true is not a number)"),
    (math.nan, 100, "was made at a size that cannot be read (NaN is not a number)"),
    (math.inf, 100, "was made at a size that cannot be read (Infinity is not a number)"),
    ([200], 100, "was made at a size that cannot be read ([200] is not a number)"),
    (10**400, 100, "was made at a size that cannot be read (1000"),
]


@pytest.mark.parametrize(("width", "height", "reason"), SIZES)
@pytest.mark.parametrize("format", ["coco", "labelme"])
def test_a_size_counts_however_it_is_written(
    tmp_path: Path, format: str, width: object, height: object, reason: str | None
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    if format == "coco":
        one(folder, {}, width=width, height=height)
    else:
        picture(folder / "a.png", width=200, height=100)
        labelme(folder / "a.json", shape("rectangle", (50, 40), (150, 60)), image="a.png", width=width, height=height)  # type: ignore[arg-type]
    if reason is None:
        assert boxes(import_cohort(format, folder, out)) == [[50, 40, 150, 60]]
    else:
        with pytest.raises(TableError) as refused:
            import_cohort(format, folder, out)
        assert reason in str(refused.value)
        assert "a.json" in str(refused.value)


@pytest.mark.parametrize(
    ("orientation", "size", "said", "expected"),
    [
        (1, (200, 100), (200, 100), []),
        (6, (200, 100), (100, 200), []),  # made on the upright picture
        (6, (200, 100), (200, 100), None),  # made on the picture as stored
        (6, (200, 100), (None, None), ["EXIF orientation 6: its annotations are taken"]),
        (3, (200, 100), (200, 100), ["EXIF orientation 3: its annotations are taken"]),
        (6, (100, 100), (100, 100), ["EXIF orientation 6: its annotations are taken"]),
    ],
)
def test_a_picture_that_lies_on_its_side(
    tmp_path: Path, orientation: int, size: tuple[int, int], said: tuple[int, int], expected: list[str] | None
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    one(folder, {"bbox": [10, 20, 30, 40]}, width=said[0], height=said[1], file_name="a.jpg")
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("L", size).save(folder / "images/a.jpg", exif=exif)
    if expected is None:
        with pytest.raises(TableError, match=r"annotated at 200 x 100 pixels, but it has 100 x 200 once it is turned"):
            import_cohort("coco", folder, out)
        return
    assert boxes(import_cohort("coco", folder, out)) == [[10, 20, 40, 60]]
    assert [note[: len(start)] for note, start in zip(notes(out), expected, strict=True)] == expected


# COCO


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (45.0, [57.573593, 7.573593, 142.426407, 92.426407]),
        ("45", [57.573593, 7.573593, 142.426407, 92.426407]),
        (-135, [57.573593, 7.573593, 142.426407, 92.426407]),
        (405, [57.573593, 7.573593, 142.426407, 92.426407]),
        (90, [90, 0, 110, 100]),
        (180.0, [50, 40, 150, 60]),
        (0, [50, 40, 150, 60]),
        (360, [50, 40, 150, 60]),
        (30, [100 - 48.30127, 50 - 33.660254, 100 + 48.30127, 50 + 33.660254]),
        (None, [50, 40, 150, 60]),
        ("", [50, 40, 150, 60]),
    ],
)
def test_a_box_that_is_turned_is_read_as_the_upright_box_around_it(
    tmp_path: Path, said: object, expected: list[float]
) -> None:
    """CVAT turns a box about its centre: corners (+-50, +-10) about (100, 50), turned by the closed form."""
    one(tmp_path / "in", {"segmentation": [], "attributes": {"occluded": False, "rotation": said}})
    cohort = import_cohort("coco", tmp_path / "in", tmp_path / "out")
    np.testing.assert_allclose(boxes(cohort), [expected], atol=1e-5)
    assert cohort["mask"].tolist() == [""]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"attributes": {"rotation": "steep"}}, 'is turned, and its rotation "steep" is not a number'),
        ({"attributes": {"rotation": True}}, "is turned, and its rotation true is not a number"),
        ({"attributes": {"rotation": math.nan}}, "is turned, and its rotation NaN is not a number"),
        ({"attributes": {"angle": 30}}, "is turned in a way that is not read (attribute 'angle' = 30)"),
        ({"rotation": 30}, "is turned in a way that is not read ('rotation' = 30)"),
        ({"theta": 0.5}, "is turned in a way that is not read ('theta' = 0.5)"),
        (
            {"attributes": {"rotation": 45}, "segmentation": [[50, 40, 150, 40, 150, 60, 50, 60]]},
            "is turned by 45 degrees, and whether its outline is turned with it is not said",
        ),
    ],
)
def test_a_box_that_is_turned_otherwise_is_left_out(tmp_path: Path, annotation: dict[str, Any], reason: str) -> None:
    one(tmp_path / "in", annotation)
    with pytest.raises(TableError) as refused:
        import_cohort("coco", tmp_path / "in", tmp_path / "out")
    assert f"a.json: annotation 1 {reason}" in str(refused.value)


def test_what_a_coco_annotation_says_and_is_not_read_is_said(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    crowd = {"size": [90, 70], "counts": [0, 90 * 10, 90 * 60]}
    coco(
        folder,
        [
            {**BOX, "attributes": {"occluded": True, "rotation": 0, "difficult": False, "laterality": "L"}},
            {**BOX, "id": 2, "bbox": [1, 1, 5, 5], "attributes": {"occluded": True}, "score": 0.9},
            {**BOX, "id": 3, "bbox": [0, 0, 10, 90], "segmentation": crowd, "iscrowd": 1},
            {**BOX, "id": 4, "bbox": [30, 30, 70, 20], "keypoints": [1, 2, 2], "num_keypoints": 1, "caption": ""},
            {**BOX, "id": 5, "bbox": [2, 2, 3, 3], "ignore": 1},
            {**BOX, "id": 6, "bbox": [2, 2, 0, 3]},
            {**BOX, "id": 7, "bbox": None, "segmentation": [[]]},
            {**BOX, "id": 8, "bbox": [60, 80, 30, 30], "attributes": [{"occluded": True}]},
        ],
        info={"year": 2026},
        videos=[{"id": 1}],
    )
    assert len(import_cohort("coco", folder, out)) == 5
    assert notes(out) == [
        "'videos' is not read",
        "'laterality' is not read (annotation 1)",
        "'occluded' is not read (2 times, first in annotation 1)",
        "'score' is not read (annotation 2)",
        "'iscrowd' is set: an outline around several lesions is read as one (annotation 3)",
        "'keypoints' is not read (annotation 4)",
        "a box that reaches beyond the picture is cut at its edge (2 times, first in annotation 4)",
        "'attributes' is not read: it is no record of names and values (annotation 8)",
    ]
    assert reasons(out) == [
        "annotation 5 says that it is to be ignored ('ignore')",
        "annotation 6 is damaged (its box has no area: 0 x 3)",
        "annotation 7 has neither box nor outline",
        "no annotation names it",
    ]


def test_ids_categories_and_images_that_are_wrong(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    coco(
        folder,
        [
            {**BOX, "image_id": "4"},  # text for a number
            {**BOX, "id": 2, "image_id": 4.0, "bbox": [1, 1, 5, 5]},
            {**BOX, "id": 3, "image_id": 17},
            {**BOX, "id": 4, "category_id": 7},
            {**BOX, "id": 5, "category_id": 8},
            {**BOX, "id": 6, "image_id": 5},
            {**BOX, "id": 7, "image_id": 6},
            {**BOX, "id": 8, "image_id": True},
            "text",
        ],
        images=[
            {"id": 4, "file_name": "a.png"},
            {"id": 5, "file_name": "gone.png"},
            {"id": 6, "file_name": "a.png"},
            {"id": 6, "file_name": "b.png"},
            {"id": 10, "file_name": "never.png"},
            {"file_name": "a.png"},
            {"id": 11},
        ],
        categories=[
            {"id": 1, "name": "benign"},
            {"id": 7, "name": " "},
            {"id": 8, "name": "x"},
            {"id": 8, "name": "y"},
        ],
    )
    assert boxes(import_cohort("coco", folder, out)) == [[10, 20, 25, 50], [1, 1, 6, 6]]
    assert reasons(out) == [
        "the image id 6 is given twice",
        "image 6 of the list lacks its id",
        "the image 11 lacks its file_name",
        "the category 7 lacks its name",
        "the category id 8 is given twice",
        "annotation 3 names an image that is not in the list (image_id 17)",
        "annotation 4 names the category 7, which has no name or is given twice",
        "annotation 5 names the category 8, which has no name or is given twice",
        "annotation 6 has no picture: the image 'gone.png' is missing",
        "annotation 7 names the image 6, which is damaged or given twice",
        "annotation 8 names an image that is not in the list (image_id true)",
        "annotation 9 is no record",
        "no annotation names it, and the image 'never.png' is missing",
        "no annotation names it",
    ]


def test_attributes_that_are_empty_or_wrong(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    coco(
        folder,
        [
            {**BOX, "attributes": {"label": "", "site": None, "age": "14", "sex": "F"}},
            {**BOX, "id": 2, "bbox": [1, 1, 5, 5], "attributes": {"age": "014Y"}},
            {**BOX, "id": 3, "bbox": [1, 1, 6, 5], "attributes": {"age": 140}},
            {**BOX, "id": 4, "bbox": [1, 1, 7, 5], "attributes": {"label": "a\nb"}},
            {**BOX, "id": 5, "bbox": [1, 1, 8, 5], "attributes": {"label": "\ud800"}},
        ],
    )
    cohort = import_cohort("coco", folder, out)
    assert cohort[["label", "age", "sex"]].to_numpy().tolist() == [["benign", 14.0, "F"]]
    assert reasons(out)[:4] == [
        "its age '014Y' is not a number from 0 to 120",
        "its age '140' is not a number from 0 to 120",
        "its label holds characters that a table cannot",
        "its label holds characters that a table cannot",
    ]


def test_an_annotation_counts_once_however_often_it_is_said(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    first = coco(folder, [BOX, {**BOX, "id": 2, "bbox": [1, 1, 5, 5]}, {**BOX, "id": 3}])
    (folder / "annotations (1).json").write_bytes(first.read_bytes())
    (folder / "train.json").symlink_to("annotations.json")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints/annotations-checkpoint.json").write_bytes(first.read_bytes())
    assert boxes(import_cohort("coco", folder, out)) == [[10, 20, 25, 50], [1, 1, 6, 6]]
    assert sum("says the same as annotation 1 of annotations (1).json" in reason for reason in reasons(out)) == 5
    assert "in a hidden folder" in reasons(out)


def test_one_box_with_two_labels_and_an_outline_elsewhere_are_told(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    coco(
        folder,
        [
            BOX,
            {**BOX, "id": 2, "category_id": 2},
            {**BOX, "id": 3, "bbox": [30, 30, 10, 10], "segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]},
            {**BOX, "id": 4, "bbox": [30, 30, 60, 60], "segmentation": [[30, 30, 39, 30, 39, 39, 30, 39]]},
        ],
    )
    assert len(import_cohort("coco", folder, out)) == 3
    assert notes(out)[:2] == [
        "case C0002 has the same box as C0001: perhaps one lesion (annotation 2)",
        "a box and its outline differ by more than half of their area (annotation 4)",
    ]
    assert reasons(out)[0] == "annotation 3 has its box and its outline in different places"


def test_run_lengths_as_pycocotools_writes_them(tmp_path: Path) -> None:
    for number, known in enumerate(json.loads((REFERENCES / "coco_rle.json").read_text())["masks"]):
        height, width = known["size"]
        expected = np.array([[cell == "1" for cell in row] for row in known["rows"]])
        for form in ("compressed", "counts"):
            folder, out = tmp_path / f"{number}{form}", tmp_path / f"{number}{form}-out"
            one(
                folder,
                {"bbox": [], "segmentation": {"size": known["size"], "counts": known[form]}},
                width=width,
                height=height,
            )
            picture(folder / "images/a.png", width=width, height=height)
            cohort = import_cohort("coco", folder, out)
            x, y, w, h = known["bbox"]
            assert boxes(cohort) == [[x, y, x + w, y + h]]
            found = mask_of(cohort, out, "C0001", (height, width))
            assert found.sum() == known["area"]
            np.testing.assert_array_equal(found, expected)


# LabelMe


def square(x: float, y: float, side: float = 30, **said: object) -> dict[str, object]:
    return {**shape("polygon", (x, y), (x + side, y), (x + side, y + side), (x, y + side)), **said}


def read_shapes(*shapes: object) -> list[Lesion | Skipped | Note]:
    return list(lesions(Path("a.json"), {"shapes": list(shapes)}, Path("a.png")))


def test_shapes_of_one_group_are_one_lesion(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "a.png", width=200, height=100)
    labelme(
        folder / "a.json", square(10, 10, group_id=1), square(60, 10, group_id=1), image="a.png", width=200, height=100
    )
    cohort = import_cohort("labelme", folder, out)
    assert boxes(cohort) == [[10, 10, 90, 40]]
    assert cohort["source"].tolist() == ["../in/a.json, shapes 1, 2"]
    expected = np.zeros((100, 200), dtype=bool)
    expected[10:40, 10:40] = expected[10:40, 60:90] = True
    np.testing.assert_array_equal(mask_of(cohort, out, "C0001", (100, 200)), expected)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        # (boxes of the lesions, whether each has an outline)
        ([square(0, 0), square(50, 0)], [((0, 0, 30, 30), True), ((50, 0, 80, 30), True)]),
        ([square(0, 0, group_id=0), square(50, 0, group_id=0)], [((0, 0, 80, 30), True)]),
        ([square(0, 0, group_id="a"), square(50, 0, group_id="a")], [((0, 0, 80, 30), True)]),
        ([square(0, 0, group_id=1), square(50, 0, group_id="1")], [((0, 0, 80, 30), True)]),
        ([square(0, 0, group_id=1.0), square(50, 0, group_id=" 1 ")], [((0, 0, 80, 30), True)]),
        ([square(0, 0, group_id=""), square(50, 0, group_id="")], [((0, 0, 30, 30), True), ((50, 0, 80, 30), True)]),
        ([square(0, 0, group_id=1), square(50, 0, group_id=2)], [((0, 0, 30, 30), True), ((50, 0, 80, 30), True)]),
        # two rectangles of one group, with an outline of theirs
        (
            [
                shape("rectangle", (0, 0), (10, 10), group=1),
                square(1, 1, 5, group_id=1),
                shape("rectangle", (20, 20), (40, 30), group=1),
            ],
            [((0, 0, 40, 30), True)],
        ),
        # outlines of one group within a rectangle that has none, and within one of another group
        (
            [shape("rectangle", (0, 0), (90, 40)), square(5, 5, group_id=3), square(50, 5, group_id=3)],
            [((0, 0, 90, 40), True)],
        ),
        (
            [shape("rectangle", (0, 0), (90, 40), group=2), square(5, 5, group_id=3), square(50, 5, group_id=3)],
            [((0, 0, 90, 40), False), ((5, 5, 80, 35), True)],
        ),
        # an outline without a group goes to the rectangle that it overlaps most, whatever its group
        (
            [shape("rectangle", (0, 0), (20, 20), group=2), shape("rectangle", (10, 10), (45, 45)), square(12, 12)],
            [((0, 0, 20, 20), False), ((10, 10, 45, 45), True)],
        ),
        ([{**shape("oriented_rectangle", (50, 0), (100, 50), (50, 100), (0, 50))}], [((0, 0, 100, 100), False)]),
        (
            [{**shape("rotation", (50, 0), (100, 50), (50, 100), (0, 50)), "direction": 0.8}],
            [((0, 0, 100, 100), False)],
        ),
        ([{"label": "old", "points": [[0, 0], [9, 0], [9, 9]]}], [((0, 0, 9, 9), True)]),  # version 3: no shape_type
    ],
)
def test_which_shapes_belong_together(shapes: list[dict[str, object]], expected: list[tuple[object, bool]]) -> None:
    found = read_shapes(*shapes)
    assert [(item.box, item.draw is not None) for item in found if isinstance(item, Lesion)] == expected


def test_labels_that_contradict_each_other_within_a_group() -> None:
    found = read_shapes(square(0, 0, group_id=1, label="benign"), square(50, 0, group_id=1, label="malignant"))
    assert [item.reason for item in found if isinstance(item, Skipped)] == [
        "shapes 1, 2 have one group id and different labels ('benign' and 'malignant')"
    ]
    found = read_shapes(shape("rectangle", (0, 0), (40, 40), label="benign"), square(0, 0, label="rim"))
    assert [item.what for item in found if isinstance(item, Note)] == [
        "an outline with another label than its rectangle is read as the rectangle's"
    ]
    assert [item.label for item in found if isinstance(item, Lesion)] == ["benign"]


def png(mask: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("points", "area", "box"),
    [
        # area and box of the painted mask as labelme 7.1's shapes_to_label places it on a picture of 70 x 90
        ([[10, 20], [17, 25]], 21, [10, 20, 17, 25]),
        ([[10.6, 20.4], [17.6, 25.4]], 21, [11, 20, 18, 25]),
        ([[-3, -2], [4, 3]], 12, [0, 0, 4, 3]),
        ([[65, 86], [72, 91]], 10, [65, 86, 70, 90]),
    ],
)
def test_a_painted_mask_lies_where_labelme_puts_it(
    tmp_path: Path, points: list[list[float]], area: int, box: list[int]
) -> None:
    painted = np.zeros((6, 8), dtype=bool)
    painted[1:5, 2:7] = painted[0, 0] = True
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "a.png")
    labelme(folder / "a.json", {**shape("mask", *map(tuple, points)), "mask": png(painted)}, image="a.png")  # type: ignore[arg-type]
    cohort = import_cohort("labelme", folder, out)
    assert boxes(cohort) == [box]
    mask = mask_of(cohort, out, "C0001")
    assert mask.sum() == area
    rows, columns = np.nonzero(mask)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == box


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (None, "is a mask without its picture"),
        ("???", "is a mask whose picture is damaged"),
        (base64.b64encode(b"no picture").decode(), "is a mask whose picture is damaged"),
        (png(np.ones((5, 5)))[:60], "is a mask whose picture is damaged"),
        (png(np.zeros((5, 5))), "has no area"),
    ],
)
def test_a_painted_mask_that_is_wrong(mask: object, reason: str) -> None:
    found = read_shapes({**shape("mask", (1, 1), (5, 5)), "mask": mask})
    assert [item.reason for item in found if isinstance(item, Skipped)] == [f"shape 1 {reason}"]


def test_what_a_labelme_file_says_and_is_not_read_is_said(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "a.png")
    path = labelme(
        folder / "a.json",
        {**square(1, 1), "flags": {"unsure": True, "sure": False}, "description": "see MRI"},
        {**square(35, 35), "flags": {"unsure": True}, "difficult": True, "attributes": {"side": "L"}, "kie": []},
        shape("point", (1, 1)),
        shape("points", (1, 1), (2, 2)),
        shape("line", (1, 1), (2, 2)),
        shape("linestrip", (1, 1), (2, 2)),
        shape("cuboid", (1, 1), (2, 2)),
        "text",  # type: ignore[arg-type]
        image="a.png",
    )
    path.write_text(json.dumps(json.loads(path.read_text()) | {"flags": {"poor": True}, "checked": True, "text": ""}))
    assert len(import_cohort("labelme", folder, out)) == 2
    assert notes(out) == [
        "'checked' is not read",
        "the flag 'poor' is not read",
        "'description' is not read (shape 1)",
        "the flag 'unsure' is not read (2 times, first in shape 1)",
        "'attributes' is not read (shape 2)",
        "'difficult' is not read (shape 2)",
    ]
    kinds = "rectangle, polygon, circle, mask, oriented_rectangle"
    assert reasons(out) == [
        *(
            f"shape {number} is a {kind}, not one of {kinds}"
            for number, kind in enumerate(("point", "points", "line", "linestrip", "cuboid"), start=3)
        ),
        "shape 8 is no record",
    ]


def test_pictures_without_a_lesion_are_listed(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("a", "b", "c"):
        picture(folder / f"{name}.png")
    labelme(folder / "a.json", square(1, 1), image="a.png")
    labelme(folder / "b.json", image="b.png")
    import_cohort("labelme", folder, out)
    table = pd.read_csv(out / "skipped.csv").fillna("")
    assert table.to_numpy().tolist() == [
        ["../in/b.png", "no lesion is annotated", "../in/b.json"],
        ["../in/c.png", "no annotation names it", ""],
    ]


def test_an_outline_between_the_pixels_and_one_outside(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    coco(
        folder,
        [
            BOX,
            {**BOX, "id": 2, "bbox": None, "segmentation": [[1.6, 1.6, 2.4, 1.6, 2.4, 2.4]]},
            {**BOX, "id": 3, "bbox": [100, 100, 5, 5]},
        ],
    )
    import_cohort("coco", folder, out)
    assert reasons(out)[:2] == ["the outline covers no pixel of the picture", "the lesion lies outside the picture"]


# JSON as it comes


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", ["a.json", "a.JSON", "a"])
def test_json_in_the_encodings_of_other_systems(tmp_path: Path, encoding: str, name: str) -> None:
    folder = tmp_path / "in"
    picture(folder / "骨.png")
    path = labelme(folder / "x.json", shape("rectangle", (1, 1), (20, 20), label="骨肉瘤"), image="骨.png")
    content = json.loads(path.read_text())
    path.unlink()
    (folder / name).write_bytes(json.dumps(content, ensure_ascii=False, indent=1).encode(encoding))
    assert import_cohort("labelme", folder, tmp_path / "out")["label"].tolist() == ["骨肉瘤"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ('{\n"label": "骨肉瘤"}'.encode("gbk"), "line 2: not UTF-8 text; it reads '骨肉瘤' in Chinese (GB18030)"),
        (b'{"a": 1,\n\n"b": }', "not a readable JSON file (line 3: Expecting value). Save it again."),
        (b'{"shapes": [], "a": {"x": 1, "y": 2, "x": 3}}', "'x' stands twice in one object. Delete the wrong one."),
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"[" * 100_000, "not a readable JSON file (RecursionError)"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not a readable JSON file (ValueError)"),
        (b"\xff\xfe{\0", "not a readable JSON file"),
    ],
)
def test_json_that_cannot_be_read(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(TableError) as refused:
        parse(path)
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1", "2e3", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KEYS = {
    "coco": ("id", "image_id", "category_id", "bbox", "segmentation", "iscrowd", "attributes", "ignore", "rotation"),
    "labelme": ("label", "points", "group_id", "shape_type", "flags", "mask", "description"),
}


@pytest.mark.parametrize("format", ["coco", "labelme"])
@given(data=st.data())
@settings(max_examples=25)
def test_one_odd_annotation_takes_nothing_with_it(
    tmp_path_factory: pytest.TempPathFactory, format: str, data: Any
) -> None:
    """Whatever one annotation holds, the one beside it is read as before, and the odd one is read or listed."""
    folder = tmp_path_factory.mktemp("in")
    key = data.draw(st.sampled_from(KEYS[format]))
    value = data.draw(ANYTHING)
    if format == "coco":
        coco(folder, [BOX, {**BOX, "id": 2, "bbox": [40, 50, 9, 9], key: value}])
    else:
        picture(folder / "a.png")
        labelme(folder / "a.json", square(1, 1), {**square(35, 35), key: value}, image="a.png")
    cohort = import_cohort(format, folder, folder / "out")
    first = [10, 20, 25, 50] if format == "coco" else [1, 1, 31, 31]
    assert boxes(cohort)[0] == first
    skipped = (
        pd.read_csv(folder / "out/skipped.csv")["source"].fillna("") if (folder / "out/skipped.csv").is_file() else []
    )
    assert len(cohort) == 2 or any("annotation " in source or "shape" in source for source in skipped)
