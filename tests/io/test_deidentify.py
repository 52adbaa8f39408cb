"""Nothing of a patient is left: every element of the standard's table, private ones, nests, overlays, pixels, bytes."""

from __future__ import annotations

import csv
import shutil
import stat
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from dicom_files import dataset, lut, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from typer.testing import CliRunner

from osteon.cli import app
from osteon.core.errors import InputError
from osteon.io import read_stored
from osteon.io.deidentify import deidentify, profile
from osteon.io.deidentify.secret import Pseudonym

WORD, DAY, UID, NUMBER = "Xqzjwentinel", "19530411", "1.2.826.0.1.3680043.10.77.1953", 1847290563
SENTINELS = [WORD.encode(), WORD.upper().encode(), WORD.lower().encode(), WORD.encode("utf-16-le"), DAY.encode()]
SENTINELS += [UID.encode(), str(NUMBER).encode(), np.uint32(NUMBER).tobytes()]
VALUES: dict[str, Any] = {
    **dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC", "PN", "UR", "AE"), WORD), "CS": WORD.upper(),
    "AS": "053Y", "DA": DAY, "TM": f"04{DAY[4:]}", "DT": f"{DAY}040411", "UI": UID,
    **dict.fromkeys(("DS", "IS"), str(NUMBER)),
    **dict.fromkeys(("OB", "OW", "UN", "OF", "OD", "OL", "OV"), WORD.encode() * 2),
    **{"US": 1953, "SS": 1953, "UL": NUMBER, "SL": NUMBER, "FL": 1953.5, "FD": 1953.5},
}  # fmt: skip
PLAIN = (np.add.outer(np.arange(64), np.arange(80)) * 8).astype(np.uint16)


@pytest.fixture(scope="module")
def authority() -> dict[int, str]:
    """Every element of the Basic Profile with its action, as another hand has read the standard (edition 2026c)."""
    path = Path(__file__).parents[1] / "references" / "confidentiality" / "dicom_anonymizer_2026c.csv"
    with path.open() as handle:
        return {int(row["tag"], 16): row["basic"] for row in csv.DictReader(handle)}


def representation(tag: int) -> str:
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return "LO"


def stuffed(into: Dataset, tags: Any, depth: int = 2) -> Dataset:
    """Fill a dataset with elements that identify, private ones, overlays and curves, and nest the same within."""
    for tag in tags:
        kind = representation(tag)
        if kind == "SQ":
            item = Dataset()
            item.CodeMeaning, item.PatientComments, item.StudyDate = WORD, WORD, DAY
            item.add_new(0x00290010, "LO", WORD)
            into.add_new(tag, "SQ", [item])
        elif tag not in into:
            into.add_new(tag, kind, VALUES[kind])
    for group in (0x0019, 0x0029, 0x7777, 0x0009):
        into.add_new((group, 0x0010), "LO", WORD)
        into.add_new((group, 0x1001), "UN", WORD.encode() * 2)
        into.add_new((group, 0x1002), "SQ", [Dataset()])
        into[group, 0x1002].value[0].add_new((group, 0x0010), "LO", WORD)
    for group in (0x6000, 0x6002, 0x601E, 0x5000, 0x5002):
        into.add_new((group, 0x0022), "LO", WORD)
        into.add_new((group, 0x3000), "OW", WORD.encode() * 2)
        into.add_new((group, 0x1500), "LO", WORD)
    if depth:  # sequences that are kept
        name = {1: "AnatomicRegionSequence", 2: "ViewCodeSequence"}[depth]
        setattr(into, name, [stuffed(Dataset(), tags, depth - 1)])
    return into


def everything(authority: dict[int, str]) -> Dataset:
    tags = [tag for tag in authority if tag >> 16 not in (0x0000, 0x0002, 0x7FE0, 0xFFFA, 0xFFFC)]
    return stuffed(dataset(PLAIN, bits=11, PatientName=WORD, PatientID=str(NUMBER), SOPInstanceUID=UID), tags)


def left(folder: Path) -> list[str]:
    """Files and names in which a sentinel is found."""
    found = [str(path) for path in folder.rglob("*") if WORD.lower() in str(path).lower() or DAY in str(path)]
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += [f"{path}: {sentinel!r}" for sentinel in SENTINELS if sentinel in content]
    return found


def only(folder: Path) -> Dataset:
    (path,) = folder.rglob("*.dcm")
    return pydicom.dcmread(path)


def aside(keep: Path) -> dict[str, str]:
    table = pd.read_csv(keep / "set_aside.csv", keep_default_na=False)
    return dict(zip(table["source"], table["reason"], strict=True))


def test_the_table_is_the_standards(authority: dict[int, str]) -> None:
    """As two others have read it; where the editions agree, which is everywhere."""
    assert {tag: rule.basic for tag, rule in profile.table().items() if tag in authority} == authority
    assert len(authority) == 652
    options = [(rule.device, rule.dates) for rule in profile.table().values()]
    assert sum(device == "K" for device, _ in options) == 46
    assert sum(dates == "C" for _, dates in options) == 165


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_of_every_element_of_the_table_nothing_is_left(authority: dict[int, str], syntax: Any, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    path = write(folder / "x.dcm", everything(authority), syntax)
    content = path.read_bytes()
    path.write_bytes(
        WORD.encode().ljust(128, b"\1") + content[128:] + b"\xfc\xff\xfc\xffOB\0\0\x0c\0\0\0" + WORD.encode()
    )
    assert all(sentinel in path.read_bytes() for sentinel in SENTINELS[:2] + SENTINELS[4:6])
    done = deidentify(folder, out)
    assert (done.files, done.aside) == (1, {})
    assert left(out) == []
    assert left(done.keep / "contact_sheet") == []
    assert WORD not in (done.keep / "elements.csv").read_text()
    found = only(out)
    for each in (found, found.ViewCodeSequence[0], found.ViewCodeSequence[0].AnatomicRegionSequence[0]):
        assert [tag for tag in map(int, each.keys()) if tag >> 16 & 1 or tag >> 24 in (0x50, 0x60)] == []
        for tag, basic in authority.items():
            rule = profile.table()[tag]
            if rule.device == "K" or rule.dates == "C" or tag in (0x00100010, 0x00100020):
                continue
            if basic == "X":
                assert tag not in each, f"{tag:08X}"
            elif basic == "U" and tag in each:
                assert each[tag].value.startswith("2.25.")
            elif basic == "Z" and tag in each:
                assert not each[tag].value, f"{tag:08X}"
    assert found.PatientName == found.PatientID != ""
    assert found.PatientIdentityRemoved == "YES"
    codes = [(item.CodeValue, item.CodingSchemeDesignator) for item in found.DeidentificationMethodCodeSequence]
    assert codes == [(value, "DCM") for value in ("113100", "113101", "113107", "113109")]
    np.testing.assert_array_equal(found.pixel_array, PLAIN)


@pytest.mark.parametrize("seed", range(4))
def test_random_nests_of_private_and_public_elements(seed: int, authority: dict[int, str], tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    known = [tag for tag in pydicom.datadict.DicomDictionary if 8 <= tag >> 16 < 0x5000 and tag >> 16 != 0x28]
    known = [tag for tag in known if tag not in profile.table() or profile.table()[tag].device != "K"]
    known.remove(0x00080005)  # the character set: another one could not be written

    def grown(depth: int) -> Dataset:
        new = Dataset()
        for tag in map(int, rng.choice(known, 60, replace=False)):
            kind = representation(tag)
            if kind == "SQ":
                new.add_new(tag, "SQ", [grown(depth - 1)] if depth and rng.random() < 0.3 else [])
            elif kind in VALUES and rng.random() < 0.1:
                new.add_new(tag, "LO", WORD)  # not what it says
            elif kind in VALUES:
                new.add_new(tag, kind, VALUES[kind])
        return stuffed(new, [], 0)

    folder = tmp_path / "in"
    folder.mkdir()
    new = dataset(PLAIN, bits=11)
    new.update({element.tag: element for element in grown(3) if element.tag not in new})
    new.PatientName = new.PatientID = WORD
    write(folder / "x.dcm", new)
    done = deidentify(folder, tmp_path / "out")
    numbers = SENTINELS.index(str(NUMBER).encode())
    assert [line for line in left(tmp_path / "out") if not any(repr(one) in line for one in SENTINELS[numbers:])] == []
    assert done.files == 1


def test_what_hides_in_bytes_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    table = lut(0, np.frombuffer(WORD.encode() * 2, np.uint16), 16)
    write(folder / "x.dcm", dataset(PLAIN, bits=11, PatientName=WORD, VOILUTSequence=[table]))
    write(folder / "y.dcm", dataset(PLAIN, bits=11, PatientName="Other^Person", SOPInstanceUID="1.2.3.9"))
    done = deidentify(folder, tmp_path / "out")
    assert aside(done.keep) == {"x.dcm": "what names the patient is still in it after cleaning"}
    assert done.files == 1


def test_bits_beyond_the_picture_and_bytes_after_it_are_gone(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    overlay = np.zeros_like(PLAIN)
    overlay[20:30, 20:60] = 1 << 15
    new = dataset(PLAIN | overlay, bits=11)
    new.PixelData += WORD.encode() * 2
    write(folder / "x.dcm", new)
    deidentify(folder, tmp_path / "out")
    found = only(tmp_path / "out")
    assert left(tmp_path / "out") == []
    np.testing.assert_array_equal(np.frombuffer(found.PixelData, "<u2").reshape(PLAIN.shape), PLAIN)


COLOUR = np.stack([PLAIN >> 4, PLAIN >> 5, PLAIN >> 6], axis=-1).astype(np.uint8)
FORMS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "dark": (PLAIN, {"bits": 11, "PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 400, "WindowWidth": 900}),
    "signed": (PLAIN.astype(np.int16) - 500, {}),
    "8 bits": ((PLAIN >> 4).astype(np.uint8)[:, :79], {}),
    "rescaled": (PLAIN, {"bits": 12, "RescaleSlope": 2, "RescaleIntercept": -100, "RescaleType": "US"}),
    "table": (PLAIN, {"bits": 11, "VOILUTSequence": [lut(0, np.arange(2048) * 16, 15)]}),
}  # fmt: skip


@pytest.mark.parametrize("form", [*FORMS, "colour"])
def test_the_radiograph_is_read_as_before(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    if form == "colour":
        new = dataset(COLOUR[..., 0], PhotometricInterpretation="RGB", SamplesPerPixel=3, PlanarConfiguration=0)
        new.PixelData, new.SOPClassUID = COLOUR.tobytes(), "1.2.840.10008.5.1.4.1.1.7"
    else:
        values, attributes = FORMS[form]
        new = dataset(values, **attributes)
    before = read_stored(write(folder / "x.dcm", new))
    deidentify(folder, tmp_path / "out")
    (path,) = (tmp_path / "out").rglob("*.dcm")
    after = read_stored(path)
    np.testing.assert_array_equal(after.values, before.values)
    assert (after.window, after.bits, after.mirror) == (before.window, before.bits, before.mirror)
    if shutil.which("dciodvfy"):
        assert errors(path) <= errors(folder / "x.dcm")


def errors(path: Path) -> set[str]:
    """What dicom3tools' validator finds wrong."""
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True).stderr
    return {line for line in said.splitlines() if line.startswith("Error")}


# Pseudonyms, UIDs and dates


def three(folder: Path) -> None:
    """Two studies of one patient, 100 days and 90 minutes apart, the second naming the first; and somebody else."""
    folder.mkdir()
    first = {"PatientID": "A17", "StudyInstanceUID": "1.2.3.1", "SOPInstanceUID": "1.2.3.1.1", "StationName": "ROOM4"}
    first |= {"StudyDate": "20200301", "StudyTime": "233000", "AcquisitionDateTime": "20200301233000.25+0100"}
    first |= {"PatientBirthDate": "19700203", "PatientAge": "050Y", "DateOfLastCalibration": "20200101"}
    second = first | {"StudyInstanceUID": "1.2.3.2", "SOPInstanceUID": "1.2.3.2.1"}
    second |= {"StudyDate": "20200610", "StudyTime": "0100", "AcquisitionDateTime": "20200610010000"}
    earlier = Dataset()
    earlier.ReferencedSOPClassUID, earlier.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3.1.1"
    write(folder / "1.dcm", dataset(PLAIN, bits=11, **first))
    write(folder / "2.dcm", dataset(PLAIN + 1, bits=11, ReferencedImageSequence=[earlier], **second))
    other = {"PatientID": "B4", "SOPInstanceUID": "1.2.3.3.1", "StudyInstanceUID": "1.2.3.3"}
    write(folder / "3.dcm", dataset(PLAIN + 2, bits=11, **first | other))


def by_source(out: Path, keep: Path) -> dict[str, Dataset]:
    table = pd.read_csv(keep / "files.csv")
    return {source: pydicom.dcmread(out / file) for source, file in zip(table["source"], table["file"], strict=True)}


def test_one_patient_stays_one_and_intervals_stay(tmp_path: Path) -> None:
    three(tmp_path / "in")
    done = deidentify(tmp_path / "in", tmp_path / "out")
    assert (done.files, done.patients) == (3, 2)
    a, b, c = by_source(tmp_path / "out", done.keep).values()
    assert a.PatientID == b.PatientID != c.PatientID
    assert len({a.StudyInstanceUID, b.StudyInstanceUID, c.StudyInstanceUID}) == 3
    assert b.ReferencedImageSequence[0].ReferencedSOPInstanceUID == a.SOPInstanceUID
    assert b.ReferencedImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.1"
    when = [datetime.strptime(each.StudyDate + each.StudyTime[:4], "%Y%m%d%H%M") for each in (a, b, c)]
    assert when[1] - when[0] == timedelta(days=100, minutes=90)
    assert when[0] != when[2]
    assert a.AcquisitionDateTime == f"{when[0]:%Y%m%d%H%M}00.25+0100"
    assert when[0] < datetime(2020, 2, 1)
    assert [a.PatientBirthDate, "PatientAge" in a, a.StationName] == ["", False, "ROOM4"]
    assert a.DateOfLastCalibration != "20200101"
    assert a.LongitudinalTemporalInformationModified == "MODIFIED"


def test_the_secret_makes_the_pseudonyms_and_stays(tmp_path: Path) -> None:
    three(tmp_path / "in")
    done = deidentify(tmp_path / "in", tmp_path / "out")
    secret = done.keep / "secret.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or (path.suffix == ".dcm" and secret.read_bytes().strip() not in path.read_bytes())
    again = deidentify(tmp_path / "in", tmp_path / "again", secret=secret)
    others = deidentify(tmp_path / "in", tmp_path / "others")
    one, two, three_ = (by_source(each.out, each.keep) for each in (done, again, others))
    assert [one[name] == two[name] for name in one] == [True] * 3
    assert {one[name].PatientID for name in one}.isdisjoint({three_[name].PatientID for name in three_})
    assert one["1.dcm"].SOPInstanceUID != three_["1.dcm"].SOPInstanceUID
    assert "A17" not in (tmp_path / "out").as_posix() + "".join(map(str, (tmp_path / "out").rglob("*")))


@given(
    st.datetimes(datetime(1960, 1, 1), datetime(2030, 1, 1)), st.datetimes(datetime(1960, 1, 1), datetime(2030, 1, 1))
)
def test_shifted_moments_keep_their_distance(first: datetime, second: datetime) -> None:
    shift = Pseudonym(b"k" * 32, "somebody")
    written = [(f"{each:%Y%m%d}", f"{each:%H%M%S}.{each.microsecond:06d}") for each in (first, second)]
    for way in ("apart", "together"):
        moved = [
            shift.day(day, time) + shift.time(time) if way == "apart" else shift.moment(day + time)
            for day, time in written
        ]
        times = [datetime.strptime(each, "%Y%m%d%H%M%S.%f") for each in moved]
        assert times[1] - times[0] == second - first
        assert timedelta(days=30) <= first - times[0] <= timedelta(days=3650)
    assert [shift.day(wrong) for wrong in ("2020-03-01", "20201301", "Smith", "")] == [""] * 4
    assert [shift.time(wrong) for wrong in ("25", "Smith", "12:30", "")] == [""] * 4


# Text in the pixels


def spoken(path: Path, **attributes: Any) -> Path:
    """A bright limb on black, with a name in the corner."""
    picture = Image.new("L", (500, 400))
    ImageDraw.Draw(picture).ellipse((260, 60, 430, 460), fill=150)
    picture = picture.filter(ImageFilter.GaussianBlur(4))
    pen = ImageDraw.Draw(picture)
    pen.text((20, 20), "SMITH JOHN 1953", fill=255, font_size=22)
    return write(path, dataset(np.asarray(picture), SOPInstanceUID=f"1.2.3.{len(path.stem)}", **attributes))


def test_text_in_the_picture_is_painted_over_or_has_to_be_decided(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    spoken(folder / "a.dcm")
    write(folder / "bb.dcm", dataset(PLAIN, bits=11, SOPInstanceUID="1.2.3.99", BurnedInAnnotation="YES"))
    said = CliRunner().invoke(app, ["deidentify", str(folder), str(out), "--jobs", "1"])
    assert said.exit_code == 0, said.output
    assert "1 radiograph of 1 patient" in said.output
    keep = tmp_path / "out-keep"
    assert aside(keep) == {"bb.dcm": "text in the picture: the header says that text is burned in, and none was found"}
    found = only(out)
    pixels = found.pixel_array
    assert pixels[10:60, 10:210].max() == 0
    assert (pixels[250, 290:400] == 150).all()
    assert found.BurnedInAnnotation == "NO"
    page = (keep / "contact_sheet" / "page-01.html").read_text()
    assert page.count("<figure") == 2
    assert page.count('class="painted"') >= 1
    (name,) = {line.split("#case-")[1].split(">")[1].split("<")[0] for line in page.splitlines() if "#case-" in line}
    (keep / "decisions.toml").write_text(f'confirmed = ["{name}"]\n')
    assert deidentify(folder, out).files == 2
    assert len(list(out.rglob("*.dcm"))) == 2
    (keep / "decisions.toml").write_text("confirmed = 7\n")
    with pytest.raises(InputError, match=r"decisions\.toml.*confirmed"):
        deidentify(folder, out)


# What is set aside


def test_what_cannot_be_cleaned_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "good.dcm", dataset(PLAIN, bits=11))
    write(folder / "twice.dcm", dataset(PLAIN, bits=11, StudyDate="20200101"))
    unknown = write(folder / "unknown.dcm", dataset(PLAIN, bits=11, SOPInstanceUID="1.2.3.2"))
    unknown.write_bytes(unknown.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"))
    for name, kind in {"pdf": EncapsulatedPDFStorage, "sr": "1.2.840.10008.5.1.4.1.1.88.33"}.items():
        new = Dataset()
        new.SOPClassUID, new.SOPInstanceUID, new.Modality, new.DocumentTitle = kind, "1.2.3.3", "DOC", WORD
        write(folder / f"{name}.dcm", new)
    write(folder / "private.dcm", dataset(PLAIN, bits=11, SOPInstanceUID="1.2.3.4", SOPClassUID="1.2.3.4.5.6"))
    write(folder / "ct.dcm", dataset(PLAIN, bits=11, SOPInstanceUID="1.2.3.5", Modality="CT"))
    (folder / "cut.dcm").write_bytes((folder / "good.dcm").read_bytes()[:-2000].replace(b"10.1.1", b"10.1.7"))
    (folder / "notes.txt").write_text(WORD)
    (folder / ".hidden").write_text(WORD)
    Image.new("L", (8, 8)).save(folder / "x.png")
    done = deidentify(folder, tmp_path / "out")
    reasons = aside(done.keep)
    assert {name: reason[:36] for name, reason in reasons.items()} == {
        "twice.dcm": "its SOP Instance UID is that of good"[:36],
        "unknown.dcm": "the pixels cannot be decoded (transf",
        "pdf.dcm": "not an image (DICOM Encapsulated PDF",
        "sr.dcm": "text or structured content, which ma",
        "private.dcm": "its SOP class is none of those of ra",
        "ct.dcm": "the modality is CT, not a radiograph",
        "cut.dcm": "the file is truncated: of 10240 byte",
        "notes.txt": "not an image but a text file",
        ".hidden": "a hidden file",
        "x.png": "a picture, but not DICOM",
    }
    assert done.files == 1
    assert left(tmp_path / "out") == []
    assert [path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()] == [".dcm"]


def test_places_that_would_pass_something_on_are_refused(tmp_path: Path) -> None:
    three(tmp_path / "in")
    for out, keep, secret in (
        (tmp_path / "in" / "out", None, None),
        (tmp_path, tmp_path / "keep", None),
        (tmp_path / "out", tmp_path / "out" / "keep", None),
        (tmp_path / "out", tmp_path / "keep", tmp_path / "out" / "secret.key"),
    ):
        with pytest.raises(InputError):
            deidentify(tmp_path / "in", out, keep=keep, secret=secret)
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not of an earlier run"):
        deidentify(tmp_path / "in", tmp_path / "full")
    (tmp_path / "bad.key").write_text("secret")
    with pytest.raises(InputError, match="not a secret of osteon"):
        deidentify(tmp_path / "in", tmp_path / "out", secret=tmp_path / "bad.key")
    with pytest.raises(InputError, match="no such folder"):
        deidentify(tmp_path / "nothing", tmp_path / "out")
