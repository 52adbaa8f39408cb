"""Results as DICOM objects, judged by other hands: two validators, dcmtk, highdicom and pydicom as readers."""

from __future__ import annotations

import gzip
import json
import logging
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_files import dataset, lut, write
from dicom_validator.validator.dicom_file_validator import DicomFileValidator
from dicom_validator.validator.dicom_info import DicomInfo
from pydicom.sr.codedict import codes

from osteon.core.errors import ImageError
from osteon.io import read_stored
from osteon.io.objects.finding import Author, Finding
from osteon.io.objects.identity import device_uid
from osteon.io.objects.making import Making
from osteon.io.objects.overlay import overlay
from osteon.io.objects.picture import picture
from osteon.io.objects.region import heat_map, region
from osteon.io.objects.report import report
from osteon.io.objects.source import aspect, read_source

Y, X = np.mgrid[:96, :128]
RAMP = (20 * np.hypot(Y - 40, X - 60)).astype(np.uint16)  # 11 bits
STUDY = {"StudyInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3.5"}
WHO = {
    **{"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Jürgens^Ärmel", "PatientID": "P 7", "PatientSex": "F"},
    **{"PatientBirthDate": "19700203", "StudyDate": "20210506", "StudyTime": "070809", "StudyID": "S1"},
    **{
        "AccessionNumber": "A1",
        "ReferringPhysicianName": "Who^Ever",
        "Manufacturer": "Maker",
        "StudyDescription": "Knee",
    },
}
AUTHOR = Author("frozen", "ab" * 32, "malignant", {"youden": 0.4123}, "Research use only; not a medical device.", False)
MASK = (Y > 30) & (Y < 50) & (X > 20) & (X < 61)
ONE = Finding(
    *("case-1", (20.5, 30.0, 61.0, 50.25), 0.8123456789012345, (0.7, 0.9), 0.77, {"youden": "malignant"}, False),
    mask=MASK,
    heat=MASK * 0.6,
)
TWO = Finding("case-2", (80, 60, 120, 90), 0.125, (0.1, 0.3), float("nan"), {"youden": "benign"}, True)

Objects = dict[str, Path]


def source(path: Path, values: np.ndarray = RAMP, **attributes: Any) -> Path:
    """A radiograph that belongs to a study."""
    bits = {"bits": 11} if values.dtype == np.uint16 and "bits" not in attributes else {}
    return write(path, dataset(values, **bits, **{**STUDY, **attributes}))


def made(path: Path, folder: Path, findings: tuple[Finding, ...] = (ONE, TWO), author: Author = AUTHOR) -> Objects:
    """All objects about a radiograph."""
    making = Making(read_source(path), author, findings)
    page = np.zeros((64, 48, 3), np.uint8)
    objects = {
        "report": report(making),
        "picture": picture(making, page),
        "overlay": overlay(making, read_stored(path)),
        "region": region(making),
        "map": heat_map(making),
    }
    folder.mkdir(exist_ok=True)
    for name, one in objects.items():
        if one is not None:
            one.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    return {name: folder / f"{name}.dcm" for name, one in objects.items() if one is not None}


def told(tool: str, *given: str | Path) -> str:
    """What a program of Debian's says."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *map(str, given)], capture_output=True, text=True, errors="replace")
    return done.stdout + done.stderr


def errors(path: Path) -> list[str]:
    """What dicom3tools' validator finds wrong."""
    said = told("dciodvfy", path).splitlines()
    assert said
    return [line for line in said if line.startswith("Error")]


SOURCES: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "bare": (RAMP, {}),
    "complete": (RAMP, WHO),
    "not square": (RAMP, WHO | {"PixelSpacing": [0.2, 0.1], "PatientOrientation": ["L", "F"]}),
    "on the imager": (RAMP, WHO | {"ImagerPixelSpacing": [0.1, 0.1], "PatientOrientation": ["R", "F"]}),
    "aspect": (RAMP, {"PixelAspectRatio": [2, 1]}),
    "zero spacing": (RAMP, {"PixelSpacing": [0, 0]}),
    "dark": (RAMP, {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 900, "WindowWidth": 1200}),
    "16 bits": (RAMP * 30, {"bits": 16, "RescaleSlope": 2, "RescaleIntercept": -100}),
    "8 bits": ((RAMP >> 4).astype(np.uint8), {}),
    "signed": (RAMP.astype(np.int16) - 500, {}),
    "table": (RAMP, {"VOILUTSequence": [lut(0, np.arange(2048) * 16, 15)]}),
    "no dates": (RAMP, WHO | {"StudyDate": "", "PatientBirthDate": "", "StudyTime": ""}),
    "secondary": (RAMP, WHO | {"SOPClassUID": pydicom.uid.SecondaryCaptureImageStorage, "Modality": "OT"}),
}


@pytest.fixture(scope="module")
def validator(references: Path) -> DicomFileValidator:
    """A second validator, by another hand than dicom3tools', with the standard's tables of two packages."""
    standard = json.loads(gzip.decompress((references / "dicom" / "standard.json.gz").read_bytes()))
    return DicomFileValidator(
        DicomInfo(standard["dictionary"], standard["iods"], standard["modules"]), logging.CRITICAL
    )


def faults(validator: DicomFileValidator, path: Path) -> int:
    """How many errors dicom-validator finds."""
    (found,) = validator.validate(path).values()
    return int(found.errors)


@pytest.mark.parametrize("name", SOURCES)
def test_two_validators_find_no_error(name: str, tmp_path: Path, validator: DicomFileValidator) -> None:
    values, attributes = SOURCES[name]
    objects = made(source(tmp_path / "x.dcm", values, **attributes), tmp_path / "out")
    assert {kind: errors(path) for kind, path in objects.items()} == {kind: [] for kind in objects}
    assert {kind: faults(validator, path) for kind, path in objects.items()} == dict.fromkeys(objects, 0)


def test_the_second_validator_finds_what_is_wrong(tmp_path: Path, validator: DicomFileValidator) -> None:
    """Also inside the content of a report, where elements depend on the type of an item."""
    objects = made(source(tmp_path / "x.dcm"), tmp_path / "out")
    for kind, name in (
        *(("region", "SegmentationType"), ("map", "SegmentationFractionalType"), ("picture", "ConversionType")),
        *(("overlay", "ContentLabel"), ("report", "CompletionFlag")),
    ):
        damaged = pydicom.dcmread(objects[kind])
        del damaged[name]
        damaged.save_as(objects[kind])
        assert faults(validator, objects[kind]) == 1
    damaged.CompletionFlag = "PARTIAL"
    boxes = [item for item in damaged.iterall() if item.keyword == "GraphicType"]
    assert len(boxes) == 2
    boxes[0].value = None
    damaged.save_as(objects["report"])
    assert faults(validator, objects["report"]) == 1


def test_of_synthetic_origin_every_object_says_so(tmp_path: Path) -> None:
    """By the standard's element, which the validator may be too old to know (2023), and in words."""
    objects = made(source(tmp_path / "x.dcm"), tmp_path / "out", author=replace(AUTHOR, synthetic=True))
    for path in objects.values():
        found = pydicom.dcmread(path)
        assert found.SyntheticData == "YES"
        assert "SYNTHETIC DATA" in found.SeriesDescription
        assert [line for line in errors(path) if "(0x0008,0x001c)" not in line] == []
    assert "SYNTHETIC DATA" in told("dsrdump", "+Pl", objects["report"])
    plain = made(source(tmp_path / "y.dcm"), tmp_path / "plain")
    assert all("SyntheticData" not in pydicom.dcmread(path) for path in plain.values())


def test_highdicom_and_dsrdump_read_the_same_box_and_number(tmp_path: Path) -> None:
    path = made(source(tmp_path / "x.dcm", **WHO), tmp_path / "out")["report"]
    groups = highdicom.sr.srread(path).content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["case-1", "case-2"]
    for group, one in zip(groups, (ONE, TWO), strict=True):
        corners = group.roi.value
        assert (*corners.min(axis=0), *corners.max(axis=0)) == one.box
        assert (corners[0] == corners[-1]).all()
        assert len(corners) == 5
        assert group.finding_type == codes.SCT.Lesion
        measured = group.get_measurements()
        numbers = [one.value for one in measured]
        assert numbers[:3] == [one.probability, *one.folds]  # to the last bit
        assert measured[0].name.meaning == "Probability of malignant"
        assert [one.derivation for one in measured[:3]] == [None, codes.SCT.Minimum, codes.SCT.Maximum]
        assert numbers[-1] == AUTHOR.cuts["youden"]
        said = {one.name.meaning: one.value.meaning for one in group.get_qualitative_evaluations()}
        assert said["Call at operating point youden"] == one.calls["youden"]
        assert said["Compared with the development cases"] == ("Unlike them" if one.unlike else "Like them")
        assert said["Use"] == AUTHOR.notice
    said_too = told("dsrdump", "+Pl", path)
    assert re.findall(r'"Probability of malignant"\)="([\d.]+)"', said_too)[0] == "0.81234567890123"
    assert "(POLYLINE,20.5/30,61/30,61/50.25,20.5/50.25,20.5/30)" in said_too
    assert 'Algorithm Version")="' + "ab" * 32 in said_too
    assert f'Device Observer UID")="{device_uid("ab" * 32)}"' in said_too
    assert '"Bounded by"' in said_too


def test_the_presentation_state_shows_the_same_picture_and_box(tmp_path: Path) -> None:
    """dcmtk applies it to what osteon shows, dark films included, and lists the box."""
    for name in ("dark", "table", "16 bits", "bare"):
        values, attributes = SOURCES[name]
        path = source(tmp_path / f"{name}.dcm", values, **WHO | attributes)  # dcmtk wants the patient to have a name
        state = made(path, tmp_path / f"out {name}")["overlay"]
        said = told("dcmp2pgm", "-v", "-p", state, path, tmp_path / f"{name}.pgm")
        assert re.search(r"20\.5\\30, 61\\30, 61\\50\.25, 20\.5\\50\.25, 20\.5\\30", said)
        assert "malignant 0.812" in said
        from PIL import Image

        shown = np.asarray(Image.open(tmp_path / f"{name}.pgm"), dtype=float) / 255
        assert np.abs(shown - read_stored(path).render().pixels).max() < 0.02, name
    wide = made(source(tmp_path / "wide.dcm", PixelSpacing=[0.2, 0.1]), tmp_path / "wide")["overlay"]
    area = pydicom.dcmread(wide).DisplayedAreaSelectionSequence[0]
    assert list(area.PresentationPixelAspectRatio) == [2, 1]


def test_masks_and_maps_lie_on_the_radiographs_pixels(tmp_path: Path) -> None:
    other = replace(TWO, mask=np.roll(MASK, 20, axis=1))  # overlaps the first
    objects = made(source(tmp_path / "x.dcm"), tmp_path / "out", (ONE, other))
    masks = highdicom.seg.segread(objects["region"])
    assert [masks.get_segment_description(k).segment_label for k in (1, 2)] == ["case-1", "case-2"]
    found = masks.pixel_array
    np.testing.assert_array_equal(found, np.stack([MASK, np.roll(MASK, 20, axis=1)]))
    heat = pydicom.dcmread(objects["map"])
    np.testing.assert_allclose(heat.pixel_array.squeeze() / heat.MaximumFractionalValue, MASK * 0.6, atol=0.002)
    assert heat.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    assert "region" not in made(source(tmp_path / "y.dcm"), tmp_path / "bare", (TWO,))


def test_patient_and_study_are_the_radiographs_and_series_are_new(tmp_path: Path) -> None:
    first = source(tmp_path / "a.dcm", **WHO)
    second = source(tmp_path / "b.dcm", **WHO | {"SOPInstanceUID": "1.2.3.9", "SeriesNumber": 2, "InstanceNumber": 3})
    objects = [made(path, tmp_path / path.stem) for path in (first, second)]
    for kind in objects[0]:
        a, b = (pydicom.dcmread(of_one[kind]) for of_one in objects)
        for name in ("PatientID", "PatientSex", "PatientBirthDate", "StudyDate", "StudyID", "AccessionNumber"):
            assert a[name].value == WHO[name]
        assert str(a.PatientName) == WHO["PatientName"]  # in another character set
        assert a.SpecificCharacterSet == "ISO_IR 192"
        assert a.StudyInstanceUID == STUDY["StudyInstanceUID"]
        assert a.StudyDescription == "Knee"
        assert a.SeriesInstanceUID == b.SeriesInstanceUID != STUDY["SeriesInstanceUID"]
        assert a.SOPInstanceUID != b.SOPInstanceUID
        assert (a.InstanceNumber, b.InstanceNumber) == (1, 2003)
        assert a.SOPInstanceUID.startswith("2.25.")
        assert [item.Manufacturer for item in a.ContributingEquipmentSequence] == ["Maker", "osteon"]
        assert a.ContributingEquipmentSequence[-1].DeviceUID == device_uid(AUTHOR.identity)
    every = [pydicom.dcmread(path) for of_one in objects for path in of_one.values()]
    assert len({one.SOPInstanceUID for one in every}) == 10
    assert len({one.SeriesInstanceUID for one in every}) == 5


def test_the_same_question_gives_the_same_bytes(tmp_path: Path) -> None:
    path = source(tmp_path / "x.dcm", **WHO)
    first, again = (made(path, tmp_path / name) for name in ("a", "b"))
    for kind in first:
        assert first[kind].read_bytes() == again[kind].read_bytes(), kind
        assert pydicom.dcmread(first[kind]).get("ContentDate", "20210506") == "20210506"
    for changed in (replace(ONE, box=(20.5, 30.0, 61.0, 51.0)), replace(ONE, probability=0.5)):
        other = made(path, tmp_path / "c", (changed, TWO))
        assert pydicom.dcmread(other["report"]).SOPInstanceUID != pydicom.dcmread(first["report"]).SOPInstanceUID
    stranger = made(path, tmp_path / "d", author=replace(AUTHOR, identity="cd" * 32))
    assert pydicom.dcmread(stranger["report"]).SeriesInstanceUID != pydicom.dcmread(first["report"]).SeriesInstanceUID


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
def test_what_cannot_be_referred_to_is_refused(name: str, tmp_path: Path) -> None:
    new = dataset(RAMP, bits=11, **STUDY, **WHO)
    delattr(new, name)
    new.file_meta = pydicom.dataset.FileMetaDataset()
    new.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    new.save_as(tmp_path / "x.dcm", enforce_file_format=False)
    with pytest.raises(ImageError, match=rf"no usable {name}") as refused:
        read_source(tmp_path / "x.dcm")
    assert "Jürgens" not in str(refused.value)


def test_a_picture_that_is_no_dicom_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(ImageError, match=r"x\.png: not a DICOM file.*leave --dicom out"):
        read_source(tmp_path / "x.png")


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_elements_that_are_no_values_of_their_kind_are_left_empty(tmp_path: Path) -> None:
    wrong = {"PatientSex": "female", "PatientBirthDate": "1970/02/03", "StudyDate": "6 May", "SeriesNumber": None}
    path = source(tmp_path / "x.dcm", **WHO | wrong)
    for kind, one in made(path, tmp_path / "out").items():
        found = pydicom.dcmread(one)
        assert [found.PatientSex, found.PatientBirthDate, found.StudyDate] == ["", "", ""]
        assert errors(one) == [], kind


def test_the_shape_of_a_pixel(tmp_path: Path) -> None:
    for name, expected in (("not square", (0.2, 0.1)), ("aspect", (2, 1)), ("zero spacing", (1, 1)), ("bare", (1, 1))):
        assert aspect(read_source(source(tmp_path / "x.dcm", RAMP, **SOURCES[name][1]))) == expected
