"""The annotation room's server: blinded, append-only, adjudicated, and exported as a cohort that osteon reads."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import dicom_files
import numpy as np
import pandas as pd
import pydicom
import pytest
from annotation import HEIGHT, PROTOCOL, WIDTH, Annotator, Desk, content, desk, table
from typer.testing import CliRunner

from osteon.cli import app
from osteon.core import tables
from osteon.core.errors import InputError
from osteon.io import import_cohort, read_mask
from osteon.web.annotating.agreement import Outline, differences, matched, outlines, overlap
from osteon.web.annotating.create import create
from osteon.web.annotating.export import Formats, export
from osteon.web.annotating.protocol import Annotating, load, with_options
from osteon.web.annotating.tables import ANNOTATION
from osteon.web.database import Store, sqlite_url

BOX = (30.0, 40.0, 60.0, 80.0)
OPEN = tables.Contract("any", open=True)


@pytest.fixture
def served(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def position_of(who: Annotator, made: Desk, case_id: str) -> int:
    """Where a case stands in somebody's own order."""
    code = next(code for code, first in made.cases().items() if first == case_id)
    with sqlite3.connect(made.made.folder / "site" / "study.db") as connection:
        person = who.get("me").json()["code"]
        rows = connection.execute("SELECT position FROM work WHERE annotator = ? AND case_code = ?", (person, code))
        return int(rows.fetchone()[0])


def test_pictures_of_a_patient_are_one_case_and_annotators_see_no_identifier(served: Desk) -> None:
    assert len(served.made.key) == 4
    assert served.made.key["code"].nunique() == 3
    me = served.person("A1")
    pages = [me.case(position) for position in me.work()]
    assert sorted(len(page["views"]) for page in pages) == [1, 1, 2]
    assert all(page["context"] == {"age": ">89"} for page in pages)
    assert all(view["name"] == "frontal" for page in pages for view in page["views"])
    assert not any(word in json.dumps(pages) for word in ("P0", "P1", "K0", "images/"))
    assert me.get("cases/1/pictures/1").status_code == 200
    assert me.get("cases/9/pictures/1").status_code == 409


def test_annotators_are_blinded_to_each_other(served: Desk) -> None:
    one, two = served.person("A1"), served.person("A2")
    first, second = position_of(one, served, "K0"), position_of(two, served, "K0")
    assert one.save(first, content(BOX, comment="secret-word")).status_code == 200
    page = two.case(second)
    assert page["saved"] is None
    assert page["others"] == []
    assert "secret-word" not in json.dumps(page)
    assert two.get(f"cases/{second}/history").json() == []


def test_what_was_saved_is_never_changed_and_a_draft_is_found_again(served: Desk) -> None:
    me = served.person("A1")
    draft = {"content": content(BOX), "revises": 0, "turn": 1}
    assert me.put("cases/1/draft", draft).json() == {"kept": True}
    assert me.work()[1] == "begun"
    again = served.person("A1")
    assert again.case(1)["draft"]["shapes"][0]["points"] == [[30, 40], [60, 80]]
    assert me.put("cases/1/draft", {**draft, "turn": 2}).status_code == 423  # the other window has the pen
    assert again.save(1, content(BOX)).status_code == 200
    assert again.save(1, content(label="malignant")).status_code == 200
    assert [version["revision"] for version in again.get("cases/1/history").json()] == [2, 1]
    assert again.case(1)["draft"] is None
    stale = again.post(
        "cases/1/annotations", {"content": content(), "revises": 1, "seconds": 1, "receipt": "receipt-x"}
    )
    assert stale.status_code == 409
    with (
        sqlite3.connect(served.made.folder / "site" / "study.db") as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute("UPDATE annotation SET revision = 3")


def test_an_annotation_sent_twice_is_stored_once(served: Desk) -> None:
    me = served.person("A1")
    body = {"content": content(BOX), "revises": 0, "seconds": 2, "receipt": "receipt-same"}
    assert [me.post("cases/1/annotations", body).json()["revision"] for _ in range(2)] == [1, 1]
    assert me.post("cases/1/annotations", {**body, "content": content()}).status_code == 409


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({**content(), "status": None}, "Say whether"),
        (content(BOX, label="other"), "Choose a label"),
        (content((30, 40, 30.5, 80)), "smaller than a pixel"),
        (content((30, 40, WIDTH + 1, 80)), "outside the picture"),
        (content((30, 40, 60, HEIGHT + 5)), "outside the picture"),
        ({**content(BOX), "status": "none"}, "delete it"),
        ({**content(), "status": "unusable"}, "Choose why"),
        ({**content(BOX), "fields": {}}, "Fill in side"),
        ({**content(BOX), "fields": {"side": "up"}}, "no answer"),
        ({**content(BOX), "pictures": {"7": {"quality": "good"}}}, "does not have"),
        (
            {**content(BOX), "shapes": [{**content(BOX)["shapes"][0], "suggestion": 4}]},
            "suggestion that was not made",
        ),
    ],
)
def test_an_impossible_annotation_is_refused(served: Desk, said: dict[str, object], why: str) -> None:
    reply = served.person("A1").save(1, said)
    assert reply.status_code == 409
    assert why in reply.json()["error"]


def test_the_adjudicator_decides_where_annotators_differ(served: Desk) -> None:
    one, two, judge = (served.person(code) for code in ("A1", "A2", "J"))
    for who in (one, two):
        for case in ("K0", "K1", "K2"):
            shifted = tuple(side + (9 if who is two and case == "K1" else 1) for side in BOX)
            label = "malignant" if who is two and case == "K2" else "benign"
            assert who.save(position_of(who, served, case), content(shifted, label=label)).status_code == 200
    places = {case: position_of(judge, served, case) for case in ("K0", "K1", "K2")}
    work = judge.work()
    assert [work[places[case]] for case in places] == ["agreed", "differ", "differ"]
    assert judge.get(f"cases/{places['K0']}").status_code == 409
    page = judge.case(places["K1"])
    assert [other["letter"] for other in page["others"]] == ["A", "B"]
    assert "IoU of 0.4" in page["why"]
    assert "A1" not in json.dumps(page)
    assert judge.save(places["K1"], content(BOX)).status_code == 200
    late = one.save(position_of(one, served, "K1"), content())
    assert late.status_code == 409
    assert "decided" in late.json()["error"]
    made = export(served.made.folder, served.made.folder.parent / "out")
    assert dict(zip(made.cohort["case_id"], made.cohort["annotated"], strict=True)) == {
        "K0": "agreed",
        "K1": "adjudicated",
    }
    assert made.cohort.set_index("case_id").loc["K1", ["x0", "y0", "x1", "y1"]].tolist() == list(BOX)
    reasons = made.left_out["reason"].str.split(":").str[0].tolist()
    assert reasons.count("not yet decided") == 2  # both pictures of the patient


def test_an_export_is_a_cohort_that_osteon_reads(tmp_path: Path) -> None:
    served = desk(tmp_path, PROTOCOL.model_copy(update={"together": "picture"}))
    polygon = [[30, 40], [60, 42], [58, 80], [33, 78]]
    for code in ("A1", "A2"):
        who = served.person(code)
        for number, case in enumerate(("K0", "K1", "K2", "K3")):
            said = content(tuple(side + (code == "A2") for side in BOX), label=("benign", "malignant")[number % 2])
            if case == "K1":
                said["shapes"][0] = {"view": 1, "lesion": 1, "kind": "polygon", "points": polygon}
            if case == "K3":
                said = {**content(), "status": "unusable", "reason": PROTOCOL.unusable[1], "fields": {}}
            assert who.save(position_of(who, served, case), said).status_code == 200
    out = tmp_path / "out"
    made = export(served.made.folder, out, Formats(coco=True, labelme=True))
    cohort = tables.read(out / "cohort.csv", tables.COHORT)
    assert cohort["case_id"].tolist() == made.cohort["case_id"].tolist()
    rows = cohort.set_index("case_id")
    assert rows.loc["K0", ["x0", "y0", "x1", "y1"]].tolist() == [30.5, 40.5, 60.5, 80.5]  # the mean of both
    assert rows.loc["K1", ["label", "side", "annotated"]].tolist() == ["malignant", "left", "agreed"]
    assert (out / rows.loc["K2", "image"]).is_file()
    mask = read_mask(out / rows.loc["K1", "mask"], (HEIGHT, WIDTH))
    assert mask.shape == (HEIGHT, WIDTH)
    shoelace = 1055  # of the polygon by hand
    assert abs(int(mask.sum()) - shoelace) < 15
    assert made.left_out["reason"].tolist() == [f"not usable (agreed): {PROTOCOL.unusable[1]}"]
    # other programs' formats lead back to the same boxes
    shutil.copytree(tmp_path / "images", out / "images")
    for form in ("coco", "labelme"):
        source = tmp_path / form
        shutil.copytree(tmp_path / "images", source / "images")
        if form == "coco":
            told = json.loads((out / "coco.json").read_text())
            for image in told["images"]:
                image["file_name"] = image["file_name"].removeprefix("../")
            (source / "coco.json").write_text(json.dumps(told))
        else:
            shutil.copytree(out / "labelme", source / "labelme")
        back = import_cohort(form, source, tmp_path / f"back-{form}").sort_values("image")
        assert back["label"].tolist() == cohort.sort_values("image")["label"].tolist()
        assert np.allclose(back[["x0", "x1"]], cohort.sort_values("image")[["x0", "x1"]], atol=0.01)
    changes = tables.read(out / "differences.csv", OPEN)
    assert len(changes) == 6
    assert np.isclose(changes["dx"].astype(float).abs().max(), 1 / 30)


def test_suggestions_are_counted(tmp_path: Path) -> None:
    boxes = {"x0": [30.0, 10, np.nan, 20], "y0": [40.0, 10, np.nan, 20], "x1": [60.0, 40, np.nan, 60]}
    boxes |= {"y1": [80.0, 50, np.nan, 60], "label": ["benign", "", "", ""]}
    source = table(tmp_path / "boxes", **boxes)
    (tmp_path / "boxes" / "cohort.csv").rename(tmp_path / "suggested.csv")
    assert not source.exists()
    served = desk(tmp_path, PROTOCOL.model_copy(update={"together": "picture"}), suggestions=tmp_path / "suggested.csv")
    me = served.person("A1")
    taken = 0
    for case in ("K0", "K1", "K2", "K3"):
        place = position_of(me, served, case)
        offered = me.case(place)["suggestions"]
        said = content(BOX) if case != "K3" else content()
        if case in ("K0", "K1"):
            said["shapes"][0]["suggestion"] = offered[0]["number"]
            taken += 1
        assert me.save(place, said).status_code == 200
    export(served.made.folder, tmp_path / "out")
    row = tables.read(tmp_path / "out" / "suggestions.csv", OPEN).set_index("annotator").loc["A1"]
    counts = {name: int(row[name]) for name in ("suggested", "accepted", "changed", "rejected", "added")}
    assert counts == {"suggested": 3, "accepted": 1, "changed": 1, "rejected": 1, "added": 0}


def test_overlap_and_matching() -> None:
    def box(x0: float, y0: float, x1: float, y1: float, lesion: int = 1) -> Outline:
        return Outline(1, lesion, "", "box", np.array([[x0, y0], [x1, y1]]))

    assert overlap(box(0, 0, 10, 10), box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap(box(0, 0, 10, 10), box(10, 0, 20, 10)) == 0
    triangle = Outline(1, 1, "", "polygon", np.array([[0.0, 0], [10, 0], [0, 10]]))
    square = Outline(1, 1, "", "polygon", np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]]))
    assert overlap(triangle, square) == pytest.approx(0.5, abs=0.06)
    # crossed: the second's first is the first's second
    pairs = matched([box(0, 0, 10, 10, 1), box(50, 50, 60, 60, 2)], [box(51, 50, 60, 60, 1), box(0, 1, 10, 10, 2)])
    assert [(a and a.lesion, b and b.lesion) for a, b in pairs] == [(1, 2), (2, 1)]
    alone = matched([box(0, 0, 10, 10)], [])
    assert len(alone) == 1
    assert alone[0][1] is None


def test_what_counts_as_a_difference() -> None:
    def said(*boxes: tuple[float, ...], label: str = "benign") -> dict[str, object]:
        made = content(*boxes, label=label)
        for shape in made["shapes"]:
            shape.setdefault("suggestion", None)
        return made

    protocol = Annotating(iou=0.5, labels=("benign", "malignant"))
    assert differences(said(BOX), said(BOX), protocol) == []
    assert differences(said(BOX), said(BOX, label="malignant"), protocol) == [
        "a lesion on picture 1 is benign or malignant"
    ]
    assert "alone" in differences(said(BOX), said(BOX, (1, 1, 9, 9)), protocol)[0]
    assert differences(said(), said(BOX), protocol) == ["one says lesions, one no lesion"]
    assert outlines(said(BOX))[0].box.tolist() == list(BOX)


def test_a_folder_of_dicom_becomes_an_annotation(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(2):
        values = np.full((80, 60), 100 + number, np.uint16)
        values[20:40, 20:40] = 900
        made = dicom_files.dataset(values, PatientID=f"very-secret-{number}", SOPInstanceUID=f"1.2.3.{number}")
        dicom_files.write(folder / f"{number}.dcm", made)
    options = with_options(Annotating(), "X1,X2,X3", "benign,malignant", confirmed=True)
    created = create(folder, tmp_path / "annotation", options)
    assert created.invitations["person"].tolist() == ["X1", "X2", "X3", "J", "admin"]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "annotation").rglob("*") if path.is_file())
    assert b"very-secret" not in everything
    assert oct((tmp_path / "annotation" / "invitations.csv").stat().st_mode)[-3:] == "600"


def test_a_segmentation_of_a_dicom_radiograph_is_what_was_drawn(tmp_path: Path) -> None:
    """One annotator, nobody to decide: the box, pixel for pixel, in a segmentation that names its radiograph."""
    pytest.importorskip("highdicom")
    (tmp_path / "archive").mkdir()
    values = np.full((80, 60), 100, np.uint16)
    values[20:40, 20:40] = 900
    source = dicom_files.dataset(values, PatientID="very-secret", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4")
    dicom_files.write(tmp_path / "archive" / "0.dcm", source)
    protocol = Annotating(annotators=("X1",), adjudicator="", labels=("benign",))
    made = create(tmp_path / "archive", tmp_path / "annotation", protocol)
    served = Desk(made, Store(sqlite_url(made.folder / "site" / "study.db"), ANNOTATION))
    said = content((20, 30, 41, 50), fields={})
    assert served.person("X1").save(1, said).status_code == 200
    exported = export(made.folder, tmp_path / "out", Formats(dicom=True))
    assert exported.cohort["annotated"].tolist() == ["one annotator"]
    segmentation = pydicom.dcmread(tmp_path / "out" / "dicom" / "C0001.dcm")
    rows, columns = np.nonzero(segmentation.pixel_array.reshape(80, 60))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (20, 30, 41, 50)
    assert segmentation.SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
    assert segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID
    tabled = [path.read_text() for path in (tmp_path / "out").glob("*.csv")]
    assert not any("very-secret" in text for text in tabled)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('annotators = ["A1", "a1"]', "annotators"),
        ('labels = ["a"]\nlabel = 3', "label"),
        ('[[fields]]\nid = "quality"', "choices"),
        ('[[fields]]\nid = "label"\nkind = "text"', "filled by osteon"),
        ('context = ["name"]', "annotators may see"),
        ("iou = 2", "less than or equal to 1"),
        ("title =", "cannot be read"),
    ],
)
def test_a_wrong_protocol_says_where(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "annotate.toml").write_text(text)
    with pytest.raises(InputError, match=where):
        load(tmp_path / "annotate.toml")


def test_the_command_line(tmp_path: Path) -> None:
    source, out = table(tmp_path), tmp_path / "annotation"
    run = CliRunner()
    made = run.invoke(app, ["annotate", "create", str(source), str(out), "--annotators", "A,B", "--labels", "x,y"])
    assert made.exit_code == 0, made.output
    assert "3 cases (4 pictures) for 2 people" in made.output
    assert run.invoke(app, ["annotate", "status", str(out)]).output.splitlines() == [
        "A: 0 of 3 cases",
        "B: 0 of 3 cases",
        "J: 0 decided, 0 to decide",
    ]
    assert run.invoke(app, ["annotate", "invite", str(out), "A"]).output.startswith("http://127.0.0.1:8000/#")
    with pytest.raises(InputError, match="nobody is called 'C'"):
        run.invoke(app, ["annotate", "revoke", str(out), "C"], catch_exceptions=False)
    exported = run.invoke(app, ["annotate", "export", str(out), str(tmp_path / "empty")])
    assert exported.exit_code == 0, exported.output
    assert "left out: 4 pictures (not yet annotated by A, B)" in exported.output
    with pytest.raises(InputError, match="already"):
        create(source, out, PROTOCOL)
    with pytest.raises(InputError, match="no annotation"):
        export(tmp_path, tmp_path / "x")


def test_a_suggestion_on_another_picture_is_refused(tmp_path: Path) -> None:
    source = table(tmp_path)
    frame = pd.DataFrame([{"image": "images/none.png", "x0": 1, "y0": 1, "x1": 5, "y1": 5}])
    frame.to_csv(tmp_path / "boxes.csv", index=False)
    with pytest.raises(InputError, match="is not annotated here") as caught:
        create(source, tmp_path / "annotation", PROTOCOL, suggestions=tmp_path / "boxes.csv")
    assert caught.value.row == 2
    assert not (tmp_path / "annotation").exists()


def test_the_administrator_sees_progress_and_nothing_drawn(served: Desk) -> None:
    served.person("A1").save(1, content(BOX))
    office = served.person("admin")
    rows = office.get("office/progress").json()
    assert [(row["code"], row["done"]) for row in rows] == [("A1", 1), ("A2", 0), ("J", 0)]
    assert rows[0]["seconds"] == 4
    assert office.get("cases/1").status_code == 403
    assert served.person("A1").get("office/progress").status_code == 403
    assert office.post("office/people/A1/revoke").json() == {"revoked": True}
    assert office.post("office/people/admin/invite").status_code == 409
