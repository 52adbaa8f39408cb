"""Readings in and out: our own table, spreadsheets, iMRMC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.core.errors import TableError
from osteon.readers import analyse, from_imrmc, load, simulate, to_imrmc


def test_imrmc_there_and_back(tmp_path: Path) -> None:
    readings = simulate(np.random.default_rng(0), readers=3, cases=20).readings
    path = tmp_path / "study.imrmc"
    path.write_text(to_imrmc(readings, "Bone tumours"), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("Bone tumours\ncase 1: case0001\n")
    assert "\nN0: 10\nN1: 10\nNR: 3\nNM: 2\nBEGIN DATA:\n-1,1,0,1\n" in text
    back = load(path)
    assert len(back) == len(readings)
    before, after = (
        row.reader_comparisons
        for row in (analyse(readings[["reader", "arm", "case_id", "truth", "confidence"]]), analyse(back))
    )
    pd.testing.assert_frame_equal(before, after)


def test_a_file_as_the_imrmc_manual_describes_it(tmp_path: Path) -> None:
    """Free text, blanks around commas, a reader -1 for the truth, other order of the counts."""
    path = tmp_path / "x.imrmc"
    path.write_text(
        "A study\nNR: 2\n  N0: 1\nN1: 1\nNM: 1\n\nBEGIN DATA:\n-1, 7, 0, 1\n-1, 9, 0, 0\nA, 7, CT, 4.5\nB, 7, CT, 2\n"
        "A, 9, CT, 1\n\nB, 9, CT, 3\n"
    )
    found = from_imrmc(path)
    assert found[["reader", "arm", "case_id", "truth", "confidence"]].to_numpy().tolist() == [
        ["A", "CT", "7", 1, 4.5], ["B", "CT", "7", 1, 2.0], ["A", "CT", "9", 0, 1.0], ["B", "CT", "9", 0, 3.0],
    ]  # fmt: skip


#: Four cases and two readers; the data begin in line 4.
GOOD = (
    "A study\nN0: 2\nBEGIN DATA:\n-1,1,0,0\n-1,2,0,0\n-1,3,0,1\n-1,4,0,1\n"
    "A,1,film,1\nA,2,film,2\nA,3,film,3\nA,4,film,4\nB,1,film,-1.5e0\nB,2,film,.5\nB,3,film,2.\nB,4,film,+4\n"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("BEGIN DATA:", "DATA:", r"no line 'BEGIN DATA:'"),
        ("-1,4,0,1", "-1,4,0,0.7", r"row 7: the truth of case '4' is 0\.7, not 0 or 1\. Give 1 where"),
        ("-1,4,0,1", "-1,4,0,nan", r"row 7: the truth of case '4' is nan, not 0 or 1"),
        ("-1,4,0,1", "-1,4,0,2", r"row 7: the truth of case '4' is 2, not 0 or 1"),
        ("-1,4,0,1", "-1,4,0,", r"row 7: the score is missing: -1,4,0,"),
        ("-1,4,0,1", "-1,4,0,1\n\n-1,4,0,0", r"row 9: the truth of case '4' is 0, and in row 7 it is 1"),
        ("-1,4,0,1", "-1,4,0,1\n-1,4,0,1", r"row 8: the truth of case '4' is 1, and in row 7 it is 1"),
        ("-1,4,0,1\n", "", r"row 10: no truth for case '4'\. Add its line with reader -1"),
        ("A,2,film,2", "A,2,film,nan", r"row 9: the score 'nan' is not a number"),
        ("A,2,film,2", "A,2,film,inf", r"row 9: the score 'inf' is not a number"),
        ("A,2,film,2", "A,2,film,1e999", r"row 9: the score '1e999' is not a number"),
        ("A,2,film,2", "A,2,film,1_0", r"row 9: the score '1_0' is not a number"),
        ("A,2,film,2", "A,2,film,high", r"row 9: the score 'high' is not a number"),
        (
            "A,2,film,2",
            "A,2,film,0,5",
            r"row 9: not 'reader, case, modality, score' but 5 fields.*decimals with a point",
        ),
        ("A,2,film,2", "A,2,2", r"row 9: not 'reader, case, modality, score' but 3 fields: A,2,2"),
        ("A,2,film,2", "A,2,,2", r"row 9: the modality is missing: A,2,,2"),
        ("A,2,film,2", ",2,film,2", r"row 9: the reader is missing"),
        (
            "A,2,film,2",
            "A,2,film,2\nA,2,film,3",
            r"row 10: reader 'A' has scored case '2' with 'film' in row 9 already",
        ),
        ("B,2,film", "b,2,film", r"row 13: a reader is written 'B' and 'b'\. Spell it in one way"),
        ("B,2,film", "B,2,Film", r"row 13: a modality is written 'film' and 'Film'"),
        ("N0: 2", "N0: 3", r"row 2: the header says N0: 3, but the data hold 2 cases with truth 0"),
        ("N0: 2", "nr = 3", r"row 2: the header says NR: 3, but the data hold 2 readers"),
    ],
)
def test_a_broken_imrmc_file_is_refused_with_its_own_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    for line_end in ("\n", "\r\n"):
        path = tmp_path / "x.imrmc"
        path.write_bytes(GOOD.replace(old, new, 1).replace("\n", line_end).encode())
        with pytest.raises(TableError, match=rf"x\.imrmc[,:].*{message}"):
            from_imrmc(path)


def test_an_imrmc_file_without_scores_or_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.imrmc"
    path.write_text("BEGIN DATA:\n-1,1,0,1\n")
    with pytest.raises(TableError, match="no score follows"):
        from_imrmc(path)
    path.write_bytes("BEGIN DATA:\n-1,1,0,1\n读者,1,film,3\n".encode("gbk"))
    with pytest.raises(TableError, match=r"row 3: not UTF-8 text; it reads '读者' in Chinese.*Save it as UTF-8"):
        from_imrmc(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["x.imrmc", "X.IMRMC", "export.csv", "export"])
def test_imrmc_files_are_known_by_their_content(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(GOOD.replace("B,", "Ü,").replace("\n", ",,\r\n").encode(encoding))
    found = load(path)
    assert found["reader"].tolist() == ["A"] * 4 + ["Ü"] * 4
    assert found["truth"].tolist() == [0, 0, 1, 1] * 2
    assert found["confidence"].tolist() == [1, 2, 3, 4, -1.5, 0.5, 2, 4]


@given(st.text(alphabet="A1.- e\x0b\x85\u2028\x1c", max_size=20), st.integers(0, 3))
def test_a_refusal_names_the_line_that_an_editor_shows(text: str, above: int) -> None:
    """Characters that Python counts as line ends, and empty lines, do not move the number."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.imrmc"
        path.write_text(f"{text}\n{GOOD}" + "\n" * above + f"A,1,{text},what\n", encoding="utf-8", newline="")
        with pytest.raises(TableError) as refused:
            from_imrmc(path)
    assert refused.value.row == 1 + GOOD.count("\n") + above + 1


def test_a_table_of_readings_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    head = "reader,arm,case_id,truth,confidence\nA,x,1,1,4\nA,x,2,0,4\n"
    path.write_text(head + "B,x,1,0,3\n")
    with pytest.raises(
        TableError, match=r"r\.csv, row 4, column 'truth': the truth of case '1' is 0, and in row 2 it is 1"
    ):
        load(path)
    path.write_text(head + "A,x,2,0,3\n")
    with pytest.raises(TableError, match=r"r\.csv, row 4: reader 'A' has read case '2' in arm 'x' in row 3 already"):
        load(path)


def test_absent_files_are_named(tmp_path: Path) -> None:
    for name in ("a.csv", "a.imrmc"):
        with pytest.raises(TableError, match="no such file"):
            load(tmp_path / name)


@pytest.mark.parametrize(
    "header",
    [
        "reader,arm,case_id,truth,confidence",
        "ReaderID,ModalityID,CaseID,Truth,Score",
        "reader;treatment;case;truth;rating",
    ],
)
def test_names_of_other_programs_are_understood(tmp_path: Path, header: str) -> None:
    path = tmp_path / "r.csv"
    comma = ";" if ";" in header else ","
    path.write_text(header + "\n" + comma.join(["A", "1", "7", "1", "4.5"]) + "\n")
    assert load(path)[["reader", "arm", "case_id"]].to_numpy().tolist() == [["A", "1", "7"]]


def test_arms_and_readers_stay_as_they_were_written(tmp_path: Path) -> None:
    rows = [(2.0, 1.0, 7.0, 1, 4.5), (2.0, 3.0, 7.0, 1, 3.5)]
    frame = pd.DataFrame(rows, columns=["reader", "arm", "case", "truth", "score"])
    frame.to_excel(tmp_path / "r.XLSX", engine="openpyxl", index=False)
    frame.to_parquet(tmp_path / "r.parquet")
    (tmp_path / "r.csv").write_text("reader,arm,case,truth,score\n2,1,7,1,4.5\n2,3,7,1,3.5\n")
    for name in ("r.XLSX", "r.parquet", "r.csv"):
        found = load(tmp_path / name)
        assert found[["reader", "arm", "case_id"]].to_numpy().tolist() == [["2", "1", "7"], ["2", "3", "7"]]
    (tmp_path / "r.csv").write_text("reader,arm,case,truth,score\n02,1.0,007,1,4.5\n")
    assert load(tmp_path / "r.csv")[["reader", "arm", "case_id"]].to_numpy().tolist() == [["02", "1.0", "007"]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("R1,b,7,1,NA", r"row 3, column 'confidence': the value is missing: 'NA' counts as none"),
        ("R1,NA,7,1,3", r"row 3, column 'arm': the value is missing: 'NA' counts as none"),
        ("R1,b,7,?,3", r"row 3, column 'truth': the value is missing"),
        ("R1,A,7,1,3", r"row 2, column 'arm': spelled in several ways: 'A' \(1\), 'a' \(1\)"),
        ("r1,b,7,1,3", r"row 3, column 'reader': spelled in several ways"),
        ("R1,b,7,1,3,5", r"row 3: the row has 6 fields and the header 5.*decimal comma"),
        ("R1,b,7,1,3\nR1,c,7,1,", r"row 4, column 'confidence': the value is missing"),
        ("R1,b,7,1", r"row 3: the row has 4 fields and the header 5"),
    ],
)
def test_a_wrong_reading_is_named(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"reader,arm,case_id,truth,confidence\nR1,a,7,1,4.5\n{row}\n")
    with pytest.raises(TableError, match=said):
        load(path)


def test_a_call_is_yes_or_no(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("reader,arm,case_id,truth,confidence,call\nR1,a,7,1,4.5,NA\nR1,b,7,1,4.5,0.4\n")
    with pytest.raises(TableError, match=r"row 3, column 'call': '0.4' is not a whole number"):
        load(path)


def test_unusual_names_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("who,arm,case_id,truth,confidence,rating2\nA,1,7,1,4.5,9\n")
    found = load(path, {"reader": "who", "confidence": "rating2"})
    assert found["reader"].tolist() == ["A"]
    assert found["confidence"].tolist() == [9.0]
    with pytest.raises(TableError, match="no such column"):
        load(path, {"reader": "whom"})
    with pytest.raises(TableError, match="reader"):
        load(path)


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.sampled_from("xy"), st.integers(1, 9), st.floats(-1e6, 1e6)),
        min_size=1, unique_by=lambda row: row[:3],
    )
)  # fmt: skip
def test_scores_survive_imrmc_exactly(rows: list[tuple[str, str, int, float]]) -> None:
    import tempfile

    readings = pd.DataFrame(rows, columns=["reader", "arm", "case_id", "confidence"]).assign(truth=1)
    readings["case_id"] = readings["case_id"].astype(str)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.imrmc"
        path.write_text(to_imrmc(readings))
        back = from_imrmc(path)
    columns = ["reader", "arm", "case_id", "confidence"]
    assert back[columns].to_numpy().tolist() == readings[columns].to_numpy().tolist()


def test_commas_in_identifiers_are_refused() -> None:
    readings = simulate(np.random.default_rng(0), readers=2, cases=4).readings
    with pytest.raises(TableError, match="comma"):
        to_imrmc(readings.assign(reader="A,B"))
