"""A person is one patient only on evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dicom_files import dataset, write
from hypothesis import given
from hypothesis import strategies as st

from osteon.io import import_cohort
from osteon.io.persons import Evidence, generic, patients, shared_births, usable_birth

#: UIDs as machines give them.
STUDIES = [f"1.2.840.113619.2.55.3.604688119.971.{number}" for number in range(9)]


def told(*files: dict[str, Any]) -> list[str]:
    return patients([Evidence(**file) for file in files])[0]


def said(*files: dict[str, Any]) -> str:
    return "\n".join(patients([Evidence(**file) for file in files])[1])


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "0", "000000", "0000-0000", "-", "?", "UNKNOWN", "Unknown^Patient", "ANONYMOUS", "anon"),
        *("Anon^ymous",),
        *("ANONYMIZED", "Anonymous Patient", "TEST", "test^patient", "NA", "N/A", "n.a.", "None", "NULL", "XXXX"),
        *("999999", "REMOVED", "DE-IDENTIFIED", "no name", "NONAME", "John^Doe", "DOE^JANE", "dummy", "Phantom^QA"),
        *("ＡＮＯＮ", "匿名", "***", "_", "PATIENT ID", "Not Available", "unbekannt"),
    ],
)  # fmt: skip
def test_what_many_people_share_identifies_nobody(text: str) -> None:
    assert generic(text)


@pytest.mark.parametrize(
    "text",
    ["T1", "17", "P0001", "ANON123", "12345", "A", "Doe^Peter", "王^伟", "Müller^Anna", "7-0-0", "TEST17", "No^Yu^Li"],
)
def test_what_one_person_may_have_identifies(text: str) -> None:
    assert not generic(text)


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        *((day, True) for day in ("19700615", "19991231", "20000229", "19010102")),
        *((day, False) for day in ("", "19000101", "18000101", "19700101", "20000101", "19850101", "19000615")),
        *(
            (day, False)
            for day in ("19701301", "19990229", "00000000", "99991231", "1970-06-15", "1970061", "XXXXXXXX")
        ),
    ],
)
def test_dates_of_birth(text: str, usable: bool) -> None:
    assert usable_birth(text) is usable


def test_a_date_of_birth_that_most_identifiers_share_is_an_anonymiser_s() -> None:
    same = [Evidence(identifier=f"P{i}", born="19500615") for i in range(4)]
    assert shared_births(same) == {"19500615"}
    assert shared_births([*same[:2], Evidence(identifier="P7", born="19610203")]) == set()
    files = [{"name": "Li^Na", "born": "19500615"}, *({"identifier": f"P{i}", "born": "19500615"} for i in range(4))]
    assert told(files[0], *files)[:2] == ["", ""]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # an identifier that identifies
        ([{"identifier": "17"}, {"identifier": "18"}, {"identifier": "17"}], ["P0001", "P0002", "P0001"]),
        ([{"identifier": "p17 "}, {"identifier": "P17"}], ["P0001", "P0001"]),
        # one that does not
        *(
            ([{"identifier": text, "study": STUDIES[0]}, {"identifier": text, "study": STUDIES[1]}], ["P0001", "P0002"])
            for text in ("ANONYMOUS", "0", "000000", "", "UNKNOWN", "N/A")
        ),
        ([{"identifier": "ANON"}, {"identifier": "ANON"}], ["", ""]),
        ([{"identifier": "1"}, {"identifier": "1"}], ["", ""]),
        ([{"identifier": "1"}, {"identifier": "2"}, {"identifier": "1"}], ["P0001", "P0002", "P0001"]),
        ([{"identifier": "001"}, {"identifier": "002"}, {"identifier": "000"}], ["P0001", "P0002", ""]),
        # the issuer
        ([{"identifier": "17", "issuer": "A"}, {"identifier": "17", "issuer": "B"}], ["P0001", "P0002"]),
        ([{"identifier": "17", "issuer": "A"}, {"identifier": "17", "issuer": "a "}], ["P0001", "P0001"]),
        ([{"identifier": "17", "issuer": "A"}, {"identifier": "17"}], ["P0001", "P0001"]),
        (
            [{"identifier": "17", "issuer": "A"}, {"identifier": "17"}, {"identifier": "17", "issuer": "B"}],
            ["P0001", "P0002", "P0003"],
        ),
        # one identifier, different people
        ([{"identifier": "17", "born": "19700615"}, {"identifier": "17", "born": "19800615"}], ["P0001", "P0002"]),
        ([{"identifier": "17", "born": "19700101"}, {"identifier": "17", "born": "19800615"}], ["P0001", "P0001"]),
        (
            [{"identifier": "17", "born": "19700615"}, {"identifier": "17"}, {"identifier": "17", "born": "19800615"}],
            ["P0001", "", "P0002"],
        ),
        (
            [{"identifier": "17", "sex": "F"}, {"identifier": "17", "sex": "M"}, {"identifier": "17", "sex": "F"}],
            ["P0001", "P0002", "P0001"],
        ),
        ([{"identifier": "17", "year": 1970}, {"identifier": "17", "year": 2008}], ["P0001", "P0002"]),
        ([{"identifier": "17", "year": 1970}, {"identifier": "17", "year": 1971.5}], ["P0001", "P0001"]),
        ([{"identifier": "17", "name": "Li^Na"}, {"identifier": "17", "name": "Wang^Wei"}], ["P0001", "P0002"]),
        ([{"identifier": "17", "name": "Doe^Ann"}, {"identifier": "17", "name": "Smith^Ann"}], ["P0001", "P0001"]),
        (  # one date of birth: a slip in the sex
            [
                {"identifier": "17", "born": "19700615", "sex": "F"},
                {"identifier": "17", "born": "19700615", "sex": "M"},
            ],
            ["P0001", "P0001"],
        ),
        # name and date of birth
        ([{"name": "Li^Na", "born": "19700615"}, {"name": "LI^NA", "born": "19700615"}], ["P0001", "P0001"]),
        ([{"name": "Li^Na", "born": "19700615"}, {"name": "Li^Na", "born": "19800615"}], ["P0001", "P0002"]),
        ([{"name": "Li^Na", "born": "19000101"}, {"name": "Li^Na", "born": "19000101"}], ["", ""]),
        ([{"name": "ANON", "born": "19700615"}, {"name": "ANON", "born": "19700615"}], ["", ""]),
        ([{"name": "Li^Na"}, {"name": "Li^Na"}], ["", ""]),
        ([{"name": "Li^Na"}, {"name": "Wang^Wei"}], ["P0001", "P0002"]),
        ([{"born": "19700615"}, {"born": "19700615"}], ["", ""]),
        (
            [{"identifier": "17", "name": "Li^Na", "born": "19700615"}, {"name": "Li^Na", "born": "19700615"}],
            ["P0001", "P0001"],
        ),
        (
            [
                {"identifier": "17", "name": "Li^Na", "born": "19700615"},
                {"identifier": "ANON", "name": "Li^Na", "born": "19700615"},
            ],
            ["P0001", "P0001"],
        ),
        # the study
        ([{"study": STUDIES[0], "instance": "1"}, {"study": STUDIES[0], "instance": "2"}], ["P0001", "P0001"]),
        ([{"study": STUDIES[0], "instance": "1"}, {"study": STUDIES[0], "instance": "1"}], ["", ""]),
        ([{"study": "1.2.3", "instance": "1"}, {"study": "1.2.3", "instance": "2"}], ["", ""]),
        ([{"study": STUDIES[0], "sex": "F"}, {"study": STUDIES[0], "sex": "M"}], ["", ""]),
        ([{"study": STUDIES[0], "institution": "A"}, {"study": STUDIES[0], "institution": "B"}], ["", ""]),
        ([{"study": STUDIES[0], "identifier": "17"}, {"study": STUDIES[0]}], ["P0001", "P0001"]),
        (
            [
                {"study": STUDIES[0], "identifier": "17"},
                {"study": STUDIES[0], "identifier": "18"},
                {"study": STUDIES[0]},
            ],
            ["P0001", "P0002", ""],
        ),
        # one identifier on every file of several hospitals
        (
            [
                {"identifier": "TRIAL", "institution": name, "study": study}
                for name, study in zip("AB", STUDIES[:2], strict=True)
            ],
            ["P0001", "P0002"],
        ),
        (
            [
                {"identifier": "H17", "institution": name, "study": study, "born": "19700615"}
                for name, study in zip("AB", STUDIES[:2], strict=True)
            ],
            ["P0001", "P0001"],
        ),
        ([{"identifier": "H17", "institution": "A", "study": study} for study in STUDIES[:2]], ["P0001", "P0001"]),
        ([], []),
    ],
)
def test_who_is_one_patient(files: list[dict[str, Any]], expected: list[str]) -> None:
    assert told(*files) == expected


def test_the_evidence_is_told_without_quoting_it() -> None:
    files = [
        {"identifier": "H17", "name": "Li^Na", "born": "19700615"},
        {"identifier": "H18", "issuer": "North", "name": "Li^Na", "born": "19700615"},
        {"identifier": "ANON", "born": "19000101", "study": STUDIES[0]},
        {"identifier": "h17"},
        {},
    ]
    assert said(*files).split("\n") == [
        "3 patients, told by: 3 files by Patient ID, 1 file by study",
        "1 file: nothing says whose it is, and patient_id is empty",
        "Patient IDs that differ in case or spaces only were read as one",
        "1 file: a Patient ID that many people share (such as ANONYMOUS or 0) was not taken for one",
        "1 file: a date of birth that stands for an unknown one (such as 1 January) was not used",
        "P0001 and P0002 have one name and date of birth, but not one Patient ID and issuer: perhaps one person",
    ]
    assert "2 files: one Patient ID stands for different people" in said(
        {"identifier": "H17", "sex": "F"}, {"identifier": "H17", "sex": "M"}
    )
    assert "all of 2 studies have one Patient ID: one patient, or nobody's" in said(
        {"identifier": "H17", "study": "1"}, {"identifier": "H17", "study": "2"}
    )


FILE = st.fixed_dictionaries(
    {
        "identifier": st.sampled_from(["", "0", "ANON", "17", "18", "1"]),
        "issuer": st.sampled_from(["", "A", "B"]),
        "name": st.sampled_from(["", "ANON", "Li^Na", "Wang^Wei"]),
        "born": st.sampled_from(["", "19000101", "19700615", "19810203"]),
        "sex": st.sampled_from(["", "F", "M"]),
        "study": st.sampled_from(["", *STUDIES[:3]]),
    }
)


@given(st.lists(FILE, max_size=8))
def test_nothing_but_evidence_merges(files: list[dict[str, Any]]) -> None:
    """Files of one patient share an identifier, a name or a study; pseudonyms count up by first appearance."""
    found = told(*files)
    known = list(dict.fromkeys(name for name in found if name))
    assert known == [f"P{number:04d}" for number in range(1, len(known) + 1)]
    for patient in known:
        own = [file for file, name in zip(files, found, strict=True) if name == patient]
        linked = own[:1]
        rest = own[1:]
        while rest:
            near = next(
                (
                    file
                    for file in rest
                    if any(
                        (file["identifier"] == other["identifier"] and not generic(file["identifier"]))
                        or (
                            file["name"] == other["name"]
                            and not generic(file["name"])
                            and file["born"] == other["born"]
                        )
                        or (file["study"] == other["study"] != "")
                        for other in linked
                    )
                ),
                None,
            )
            assert near is not None
            linked.append(near)
            rest.remove(near)
        assert len({file["born"] for file in own if usable_birth(file["born"])}) <= 1


def test_an_import_of_anonymised_files(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    values = np.zeros((8, 8), np.uint16)
    dummy = {"PatientID": "ANONYMOUS", "PatientName": "ANONYMOUS", "PatientBirthDate": "19000101"}
    for number, attributes in enumerate(
        (
            {**dummy, "StudyInstanceUID": STUDIES[0], "SOPInstanceUID": f"{STUDIES[0]}.1", "StudyDate": "20200102"},
            {**dummy, "StudyInstanceUID": STUDIES[0], "SOPInstanceUID": f"{STUDIES[0]}.2", "StudyDate": "20200102"},
            {**dummy, "StudyInstanceUID": STUDIES[1], "SOPInstanceUID": f"{STUDIES[1]}.1", "StudyDate": "20200102"},
            {**dummy, "StudyDate": "20200102", "InstitutionName": "North  Hospital", "PatientSex": "F"},
            {"PatientID": "17", "IssuerOfPatientID": "A", "InstitutionName": "NORTH HOSPITAL", "PatientAge": "200Y"},
            {"PatientID": "17", "IssuerOfPatientID": "B", "PatientBirthDate": "19700615", "StudyDate": "20200102"},
        )
    ):
        write(folder / f"{number}.dcm", dataset(values, **attributes))
    cohort = import_cohort("dicom", folder, out)
    assert cohort["patient_id"].tolist() == ["P0001", "P0001", "P0002", "", "P0003", "P0004"]
    assert cohort["age"].fillna(-1).tolist() == [-1, -1, -1, -1, -1, 49]
    assert cohort["centre"].tolist() == ["1", "1", "1", "2", "2", "1"]
    assert cohort["sex"].tolist() == ["", "", "", "F", "", ""]
    assert not (out / "skipped.csv").exists()
    notes = pd.read_csv(out / "notes.csv")["note"].tolist()
    assert "4 files: a Patient ID that many people share (such as ANONYMOUS or 0) was not taken for one" in notes
    assert "4 files: no institution is named; they count as one centre" in notes


def test_dicom_files_of_every_name_are_read_and_discs_explained(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    values = np.arange(64, dtype=np.uint16).reshape(8, 8)
    for name in ("1.2.840.113619.2.5.1762583153", "IM000001", "UP.DCM", "report.pdf"):
        dataset(values, PatientID="T1").save_as(folder / name, implicit_vr=True, little_endian=True)
    for name, implicit, little in (("explicit", False, True), ("big", False, False)):
        dataset(values, PatientID="T1").save_as(folder / name, implicit_vr=implicit, little_endian=little)
    write(folder / "ref.dcm", dataset(values, PatientID="T1"))
    disc = dataset(values)
    disc.SOPClassUID = "1.2.840.10008.1.3.10"
    del disc.Rows, disc.Columns, disc.PixelData
    write(folder / "DICOMDIR", disc)
    (folder / "notes.dcm").write_text("no picture")
    cohort = import_cohort("dicom", folder, out)
    assert len(cohort) == 7
    assert set(cohort["patient_id"]) == {"P0001"}
    skipped = pd.read_csv(out / "skipped.csv")
    assert dict(zip(skipped["image"], skipped["reason"], strict=True)) == {
        "../in/DICOMDIR": "the directory of a DICOM disc, not an image",
        "../in/notes.dcm": "not an image but a text file",
    }
