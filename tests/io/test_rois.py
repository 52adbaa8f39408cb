"""Boxes and masks from objects that others wrote: highdicom, dcmtk, and the standard's own words done slowly."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from dicom_files import dataset, write
from highdicom import pr, seg, sr
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from osteon.core.errors import ImageError
from osteon.io import import_cohort, read_mask, rois
from osteon.io.objects.finding import Author, Finding
from osteon.io.objects.making import Making
from osteon.io.objects.overlay import overlay
from osteon.io.objects.picture import picture
from osteon.io.objects.region import heat_map, region
from osteon.io.objects.report import report
from osteon.io.objects.source import read_source
from osteon.io.stored import StoredRadiograph

Y, X = np.mgrid[:96, :128]
MASK = (Y > 30) & (Y < 50) & (X > 20) & (X < 61)
FIRST, SECOND = "1.2.826.0.1.3680043.10.1.1", "1.2.826.0.1.3680043.10.1.2"
EQUIPMENT = {
    **{"series_instance_uid": "1.2.9", "series_number": 9, "sop_instance_uid": "1.2.9.1", "instance_number": 1},
    **{"manufacturer": "Other", "manufacturer_model_name": "Viewer"},
    **{"software_versions": "1", "device_serial_number": "1"},
}


def radiograph(path: Path, instance: str = FIRST, **attributes: Any) -> Path:
    study = {"StudyInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3.5", "PatientID": "P7", "InstitutionName": "A"}
    values = ((X + Y) * 8).astype(np.uint16)
    return write(path, dataset(values, bits=11, SOPInstanceUID=instance, **{**study, **attributes}))


def save(path: Path, made: Dataset) -> Path:
    made.save_as(path, enforce_file_format=True)
    return path


def skipped(out: Path) -> list[tuple[str, str]]:
    table = pd.read_csv(out / "skipped.csv", keep_default_na=False)
    return [(Path(image).name, reason) for image, reason in zip(table["image"], table["reason"], strict=True)]


def test_what_predict_writes_is_read_to_the_same_box_and_mask(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source = read_source(radiograph(folder / "x.dcm"))
    said = (0.8, (0.7, 0.9), 0.77, {"youden": "malignant"})
    one = Finding("case-1", (20.5, 30.0, 61.0, 50.25), *said, mask=MASK, heat=MASK * 0.6)
    two = Finding("case-2", (80, 60, 120, 90), *said)
    making = Making(source, Author("frozen", "ab" * 32, "malignant", {"youden": 0.4}, "Research.", False), (one, two))
    stored = StoredRadiograph(np.zeros((96, 128)), (0.0, 1.0), 8)
    made = {
        "map": heat_map(making), "overlay": overlay(making, stored), "region": region(making), "report": report(making),
        "picture": picture(making, np.zeros((64, 48, 3), np.uint8)),
    }  # fmt: skip
    for kept in (("region", "report"), ("region", "overlay"), tuple(made)):
        for name, each in made.items():
            (folder / f"{name}.dcm").unlink(missing_ok=True)
            if name in kept:
                save(folder / f"{name}.dcm", each)
        out = tmp_path / "-".join(kept)
        cohort = import_cohort("dicom", folder, out)
        assert cohort[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == [list(one.box), list(two.box)]
        assert cohort["image"].tolist() == ["../in/x.dcm"] * 2
        np.testing.assert_array_equal(read_mask(out / cohort["mask"][0], (96, 128)), MASK)
        assert cohort["mask"][1] == ""
    assert skipped(out) == [
        ("picture.dcm", "a picture of a radiograph with osteon's answer burned in"),
        ("map.dcm", "it is a map, not the outline of a lesion"),
    ]
    assert "2 texts not read: they may name a patient" in (out / "notes.csv").read_text()


# Structured reports


def measured(path: Path, source: Dataset, *regions: tuple[str, Any], finding: Any = codes.SCT.Lesion) -> Path:
    """A TID 1500 report by highdicom, a group a region."""
    image = sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)
    groups = [
        sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(f"1.2.7.{number}", "JOHN SMITH"),
            referenced_region=sr.ImageRegion(kind, np.array(points, dtype=float), image),
            finding_type=finding,
        )
        for number, (kind, points) in enumerate(regions)
    ]
    device = sr.DeviceObserverIdentifyingAttributes(uid="1.2.8")
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device)),
        procedure_reported=sr.CodedConcept("363680008", "SCT", "Radiographic imaging procedure"),
        imaging_measurements=groups,
    )
    return save(path, sr.ComprehensiveSR([source], content[0], is_complete=True, **EQUIPMENT))


def test_outlines_of_reports_are_the_shapes_that_were_drawn(tmp_path: Path) -> None:
    source = read_source(radiograph(tmp_path / "x.dcm"))
    kinds = sr.GraphicTypeValues
    path = measured(
        tmp_path / "sr.dcm",
        source,
        (kinds.CIRCLE, [(60, 40), (60, 55)]),
        (kinds.ELLIPSE, [(30, 50), (90, 50), (60, 30), (60, 70)]),
        (kinds.POLYLINE, [(10, 10), (50, 10), (10, 50), (10, 10)]),
        (kinds.POLYLINE, [(10, 60), (10, 20), (30, 20), (30, 60), (10, 60)]),  # a box, the other way round
        (kinds.POLYLINE, [(10, 10), (50, 10)]),
        (kinds.POINT, [(10, 10)]),
        finding=sr.CodedConcept("21708004", "SCT", "Osteosarcoma"),
    )
    found = rois.read(path)
    assert [(each.part, each.why) for each in found.passed] == [
        ("measurement group 5", "it is a line, not a region"),
        ("measurement group 6", "it is a point, not a region"),
    ]
    circle, ellipse, triangle, box = found.rois
    x, y = X + 0.5, Y + 0.5
    for roi, inside in (
        (circle, np.hypot(x - 60, y - 40) < 15),
        (ellipse, ((x - 60) / 30) ** 2 + ((y - 50) / 20) ** 2 < 1),
        (triangle, (x > 10) & (y > 10) & (x + y < 60)),
    ):
        assert roi.draw is not None
        assert (roi.draw((96, 128)) != inside).sum() <= 4  # a polygon of 256 corners
    np.testing.assert_allclose(circle.box, (45, 25, 75, 55), atol=0.01)
    np.testing.assert_allclose(ellipse.box, (30, 30, 90, 70), atol=0.01)
    assert box.box == (10, 20, 30, 60)
    assert box.draw is None
    assert {(roi.instance, roi.label) for roi in found.rois} == {(FIRST, "Osteosarcoma")}
    assert "SMITH" not in repr(found)
    assert rois.read(measured(tmp_path / "b.dcm", source, (kinds.CIRCLE, [(60, 40), (60, 55)]))).rois[0].label == ""


def test_a_region_that_points_to_its_image_by_place_or_to_none(tmp_path: Path) -> None:
    """As Comprehensive SR allows: R-SELECTED FROM an item elsewhere in the tree (PS3.3 C.17.3.2.5)."""
    source = read_source(radiograph(tmp_path / "x.dcm"))
    circle = (sr.GraphicTypeValues.CIRCLE, [(60, 40), (60, 55)])
    one = pydicom.dcmread(measured(tmp_path / "sr.dcm", source, circle, circle, circle))
    images = pydicom.Sequence()
    regions = [item for item, _ in walk(one) if item.ValueType == "SCOORD"]
    images.append(regions[0].ContentSequence[0])
    for drawn, number in zip(regions, (len(one.ContentSequence) + 1, 1, 99), strict=True):
        pointer = Dataset()
        pointer.RelationshipType, pointer.ReferencedContentItemIdentifier = "SELECTED FROM", [1, number]
        drawn.ContentSequence = [pointer]
    one.ContentSequence.extend(images)
    found = rois.read(save(tmp_path / "by.dcm", one))
    assert [roi.instance for roi in found.rois] == [FIRST]
    assert {each.why for each in found.passed} == {"it does not say on which one radiograph it lies"}
    assert len(found.passed) == 2


def walk(item: Dataset) -> list[tuple[Dataset, Dataset]]:
    below = [(child, item) for child in item.get("ContentSequence", [])]
    return below + [pair for child, _ in below for pair in walk(child)]


def test_reports_of_other_kinds_are_said_and_passed(tmp_path: Path) -> None:
    plain = get_testdata_file("reportsi.dcm", download=False)
    assert isinstance(plain, str)
    found = rois.read(Path(plain))
    assert found.rois == []
    assert [each.why for each in found.passed] == [
        "a structured report without measurement groups (TID 1500) is not read"
    ]
    source = read_source(radiograph(tmp_path / "x.dcm"))
    one = pydicom.dcmread(measured(tmp_path / "sr.dcm", source, (sr.GraphicTypeValues.POINT, [(1, 1)])))
    for item, _ in walk(one):
        if item.get("ConceptNameCodeSequence") and item.ConceptNameCodeSequence[0].CodeValue == "125007":
            item.ConceptNameCodeSequence[0].CodeValue = "111059"  # Single Image Finding, of CAD
    (passed,) = rois.read(save(tmp_path / "cad.dcm", one)).passed
    assert passed.why == (
        "a structured report without measurement groups (TID 1500), with 1 drawn regions or points, is not read"
    )


# Presentation states


def state(path: Path, source: Dataset, *objects: pr.GraphicObject) -> Dataset:
    layer = pr.GraphicLayer("L", order=1)
    made = pr.GrayscaleSoftcopyPresentationState(
        [source], content_label="X", graphic_layers=[layer],
        graphic_annotations=[pr.GraphicAnnotation([source], layer, graphic_objects=list(objects))], **EQUIPMENT,
    )  # fmt: skip
    save(path, made)
    return pydicom.dcmread(path)


@pytest.mark.parametrize(("turns", "mirrored"), list(product(range(4), (False, True))))
def test_shares_of_the_displayed_area_are_found_on_the_screen(turns: int, mirrored: bool, tmp_path: Path) -> None:
    """The standard done slowly: number pixels, turn and mirror the picture, cut the area, see where the box lies."""
    source = read_source(radiograph(tmp_path / "x.dcm"))
    columns, rows = np.meshgrid(np.arange(1, 129), np.arange(1, 97))
    screen = np.rot90(np.stack([columns, rows], axis=-1)[8:88, 16:112], -turns)  # clockwise
    if mirrored:
        screen = screen[:, ::-1]
    corners = np.array([(0.25, 0.5), (0.75, 0.5), (0.75, 0.875), (0.25, 0.875), (0.25, 0.5)])
    units = pr.AnnotationUnitsValues.DISPLAY
    made = state(tmp_path / "s.dcm", source, pr.GraphicObject(pr.GraphicTypeValues.POLYLINE, corners, units))
    made.ImageRotation, made.ImageHorizontalFlip = turns * 90, "Y" if mirrored else "N"
    area = made.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaTopLeftHandCorner = screen[0, 0].tolist()
    area.DisplayedAreaBottomRightHandCorner = screen[-1, -1].tolist()
    (roi,) = rois.read(save(tmp_path / "s.dcm", made)).rois
    height, width = screen.shape[:2]
    shown = screen[height // 2 : height * 7 // 8, width // 4 : width * 3 // 4].reshape(-1, 2)
    assert roi.box == (*(shown.min(axis=0) - 1.0), *shown.max(axis=0).astype(float))
    assert roi.draw is None
    if (turns, mirrored) not in ((0, False), (1, True)):  # corners of a picture that is not turned
        area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [128, 96]
        (passed,) = rois.read(save(tmp_path / "s.dcm", made)).passed
        assert passed.why == "its displayed area contradicts how the image is turned"


def test_graphics_in_pixels_and_what_is_no_region(tmp_path: Path) -> None:
    source = read_source(radiograph(tmp_path / "x.dcm"))
    kinds, pixel = pr.GraphicTypeValues, pr.AnnotationUnitsValues.PIXEL
    rectangle = np.array([(20.5, 30), (61, 30), (61, 50), (20.5, 50), (20.5, 30)])
    made = state(
        tmp_path / "s.dcm",
        source,
        pr.GraphicObject(kinds.POLYLINE, rectangle, pixel),
        pr.GraphicObject(kinds.CIRCLE, np.array([(60.0, 40), (60, 55)]), pixel, tracking_id="a", tracking_uid="1.2.5"),
        pr.GraphicObject(kinds.CIRCLE, np.array([(90.0, 40), (90, 55)]), pixel, tracking_id="a", tracking_uid="1.2.5"),
        pr.GraphicObject(kinds.POLYLINE, rectangle[:3], pixel),
        pr.GraphicObject(kinds.POINT, rectangle[:1], pixel),
        pr.GraphicObject(kinds.POLYLINE, rectangle + 2, pixel),
    )
    made.GraphicAnnotationSequence[0].GraphicObjectSequence[-1].GraphicAnnotationUnits = "WORLD"
    found = rois.read(save(tmp_path / "s.dcm", made))
    assert found.rois[0].box == (20.5, 30, 61, 50)
    np.testing.assert_allclose(found.rois[1].box, (45, 25, 105, 55), atol=0.01)  # two circles are one lesion
    assert [(each.part, each.why) for each in found.passed] == [
        ("graphic object 4", "it is a line, not a region"),
        ("graphic object 5", "it is a point, not a region"),
        ("graphic object 6", "it does not say in which units it is drawn"),
    ]
    del made.GraphicAnnotationSequence
    assert [each.why for each in rois.read(save(tmp_path / "e.dcm", made)).passed] == ["it draws nothing"]


# Segmentations


def segmented(path: Path, source: Dataset, masks: np.ndarray, kind: str, *, anatomy: bool = False) -> Dataset:
    category = codes.SCT.AnatomicalStructure if anatomy else codes.SCT.MorphologicallyAbnormalStructure
    count = int(masks.max()) if kind == "LABELMAP" else masks.shape[-1]
    segments = [
        seg.SegmentDescription(number, "JOHN", category, codes.SCT.Neoplasm, seg.SegmentAlgorithmTypeValues.MANUAL)
        for number in range(1, count + 1)
    ]
    given = {"max_fractional_value": 255} if kind == "FRACTIONAL" else {}
    save(path, seg.Segmentation([source], masks[None], kind, segments, **given, **EQUIPMENT))
    return pydicom.dcmread(path)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_masks_of_segmentations_of_every_kind(kind: str, tmp_path: Path) -> None:
    source = read_source(radiograph(tmp_path / "x.dcm"))
    other = np.roll(MASK, 50, axis=1) & ~MASK
    if kind == "LABELMAP":
        masks = (MASK + 2 * other).astype(np.uint8)
    else:
        masks = np.stack([MASK, other], axis=-1).astype(np.uint8)
    if kind == "FRACTIONAL":
        masks = masks * 0.7 + np.roll(masks, 3, axis=0) * 0.3
    segmented(tmp_path / "seg.dcm", source, masks, kind)
    found = rois.read(tmp_path / "seg.dcm")
    assert [roi.part for roi in found.rois] == ["segment 1", "segment 2"]
    for roi, mask in zip(found.rois, (MASK, other), strict=True):
        assert roi.draw is not None
        np.testing.assert_array_equal(roi.draw((96, 128)), mask)
        assert (roi.instance, roi.shape, roi.label) == (FIRST, (96, 128), "")
    assert found.rois[0].box == (21, 31, 61, 50)
    said = {each.why for each in found.passed}
    assert said == ({"it is fractional: what is at least half was taken"} if kind == "FRACTIONAL" else set())


def test_segments_on_several_radiographs_or_of_no_lesion(tmp_path: Path) -> None:
    source = read_source(radiograph(tmp_path / "x.dcm"))
    other = np.roll(MASK, 50, axis=1)
    made = segmented(tmp_path / "seg.dcm", source, np.stack([MASK, other], axis=-1).astype(np.uint8), "BINARY")
    frames = made.PerFrameFunctionalGroupsSequence
    frames[1].DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID = SECOND
    frames[1].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 1
    found = rois.read(save(tmp_path / "two.dcm", made))
    assert [(roi.instance, roi.part) for roi in found.rois] == [(FIRST, "segment 1"), (SECOND, "segment 1")]
    assert [(each.part, each.why) for each in found.passed] == [("segment 2", "it is empty")]
    segmented(tmp_path / "bone.dcm", source, MASK[..., None].astype(np.uint8), "BINARY", anatomy=True)
    assert [each.why for each in rois.read(tmp_path / "bone.dcm").passed] == [
        "it is an anatomical structure, not a lesion"
    ]


# What becomes of it in a cohort


def test_objects_become_cases_and_what_gives_none_is_said(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "elsewhere").mkdir(parents=True)
    source = read_source(radiograph(folder / "x.dcm"))
    twice = read_source(radiograph(folder / "a.dcm", "1.2.3.7"))
    radiograph(folder / "b.dcm", "1.2.3.7", PatientID="P8")
    absent = read_source(radiograph(tmp_path / "absent.dcm", "1.2.3.99"))
    box = [(10, 20), (30, 20), (30, 60), (10, 60), (10, 20)]
    beyond = [(100, 20), (150, 20), (150, 60), (100, 60), (100, 20)]
    line = sr.GraphicTypeValues.POLYLINE
    measured(folder / "elsewhere" / "sr.dcm", source, (line, box), (line, beyond))
    measured(folder / "absent.dcm", absent, (line, box))
    measured(folder / "twice.dcm", twice, (line, box))
    (folder / "damaged.dcm").write_bytes((folder / "elsewhere" / "sr.dcm").read_bytes()[:900])
    empty = dataset(np.zeros((8, 8), np.uint16), SOPInstanceUID="1.2.3.55")
    empty.PixelData = b""
    write(folder / "empty.dcm", empty)
    cohort = import_cohort("dicom", folder, out)
    assert cohort["image"].tolist() == ["../in/a.dcm", "../in/b.dcm", "../in/x.dcm", "../in/x.dcm"]
    assert cohort[["x0", "y0", "x1", "y1"]].dropna().to_numpy().tolist() == [[10, 20, 30, 60], [100, 20, 128, 60]]
    assert cohort["source"].tolist()[2:] == [f"../in/elsewhere/sr.dcm, measurement group {number}" for number in (1, 2)]
    said = dict(skipped(out))
    assert said["empty.dcm"] == "the file holds no pixel data"
    assert said["absent.dcm"] == "the radiograph on which it lies is not in the folder"
    assert said["twice.dcm"] == "the radiograph on which it lies is in the folder 2 times"
    assert set(said) == {"empty.dcm", "absent.dcm", "twice.dcm", "damaged.dcm"}
    assert "a box that reaches beyond the picture is cut" in (out / "notes.csv").read_text()
    with pytest.raises(ImageError, match=r"x\.dcm: not a readable DICOM file"):
        rois.read(folder / "x.dcm")


def test_a_region_drawn_on_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source = read_source(radiograph(folder / "x.dcm"))
    made = segmented(folder / "seg.dcm", source, MASK[..., None].astype(np.uint8), "BINARY")
    made.Rows = 48
    made.PixelData = made.PixelData[: len(made.PixelData) // 2]
    save(folder / "seg.dcm", made)
    measured(folder / "sr.dcm", source, (sr.GraphicTypeValues.CIRCLE, [(60, 40), (60, 55)]))
    cohort = import_cohort("dicom", folder, tmp_path / "out")
    assert len(cohort) == 1
    assert skipped(tmp_path / "out") == [("x.dcm", "annotated at 128 x 48 pixels, but it has 128 x 96")]
