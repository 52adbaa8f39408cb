"""Tables as spreadsheets, editors and programs write them: read right, or refused with the file's own line."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from osteon.core import cells, tables
from osteon.core.errors import InputError, TableError
from osteon.core.tables import Column, Contract

#: A name, a number, and whatever else.
PLAIN = Contract("t", {"case_id": Column(unique=True), "x": Column("number", filled=False)}, open=True)


def read(folder: Path, content: str | bytes, name: str = "t.csv", contract: Contract = PLAIN) -> pd.DataFrame:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tables.read(path, contract, lines=True)


def book(folder: Path, *rows: list[Any], name: str = "t.xlsx") -> openpyxl.Workbook:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    made.save(folder / name)
    return made


# One table in every form ----------------------------------------------------------------------------------------------

TEXT = "case_id,x,site\nä1,1.5,Hüfte\n007,,股骨\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)  # the two that name their order write no mark
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["t.csv", "T.CSV", "t.TSV", "t"])
def test_one_table_reads_the_same_however_it_was_saved(
    tmp_path: Path, encoding: str, end: str, separator: str, name: str
) -> None:
    text = TEXT.replace(",", separator).replace("\n", end)
    if separator != ",":
        text = text.replace("1.5", "1,5")
    frame = read(tmp_path, text.encode(encoding), name)
    assert frame["case_id"].tolist() == ["ä1", "007"]
    assert frame["site"].tolist() == ["Hüfte", "股骨"]
    np.testing.assert_array_equal(frame["x"], [1.5, np.nan])
    assert frame.index.tolist() == [2, 3]
    assert tables.columns(tmp_path / name) == ["case_id", "x", "site"]


@pytest.mark.parametrize("name", ["t.xlsx", "UP.XLSX", "t.csv"])
def test_a_workbook_says_what_its_text_would(tmp_path: Path, name: str) -> None:
    made = book(
        tmp_path,
        [],
        ["case_id", "x", "site", "on", "yes"],
        [2.0, 1.5, " a ", datetime(2020, 1, 2), True],
        [7, "NA", "b", None, None],
        ["007", None, None, None, None],
    )
    made.active["A4"].number_format = "000000"
    made.save(tmp_path / name)
    frame = tables.read(tmp_path / name, PLAIN, lines=True)
    assert frame["case_id"].tolist() == ["2", "000007", "007"]
    np.testing.assert_array_equal(frame["x"], [1.5, np.nan, np.nan])
    assert frame["site"].tolist() == ["a", "b", ""]
    assert frame["on"].tolist() == ["2020-01-02", "", ""]
    assert frame["yes"].tolist() == ["TRUE", "", ""]
    assert frame.index.tolist() == [3, 4, 5]


def test_identifiers_of_a_parquet_file_have_no_decimals(tmp_path: Path) -> None:
    pd.DataFrame({"case_id": [1.0, 2.0], "x": [1, 2], "arm": [3.0, None]}).to_parquet(tmp_path / "t.parquet")
    for name in ("t.parquet", "t.PARQUET", "t.csv"):
        (tmp_path / name).write_bytes((tmp_path / "t.parquet").read_bytes())
        frame = tables.read(tmp_path / name, PLAIN)
        assert frame["case_id"].tolist() == ["1", "2"]
        assert frame["arm"].tolist() == ["3", ""]


# What a row is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case_id,x\n0,2,04\n0,2,56\n", ["row 2", "3 fields and the header 2", "(and 1 more row)", "decimal comma"]),
        ("case_id,x,c\na,1,k\nb,2\n", ["row 3", "2 fields and the header 3", "empty where there is no value"]),
        ("case_id,x\na,1,\n", ["row 2", "3 fields"]),
        ("case_id\tx\na\t1\tfree text\n", ["row 2", "3 fields", "holds 'a tab'"]),
        ('case_id,x\na,"1\nb,2\n', ["row 2", "quote is not closed"]),
        ('case_id,x\na,1\nb,"2" cm\n', ["row 3", "quote"]),
        ('case_id,x,c,d\na,1,"f,3\nb,2,g,4\nc,3,h",4\n', ["row 2", "holds further rows"]),
        ("case_id,x\na,1\nb\0,2\n", ["row 3", "NUL"]),
        ("case_id,x\na,1\n#b,2\n", ["row 3", "begins with '#'"]),
        ("case_id,x,\na,1,\nb,2,z\n", ["row 1", "column 3 has no name", "'z' in row 3"]),
        (",case_id,x\n0,a,1\n", ["row 1", "column 1 has no name", "row.names = FALSE"]),
        ("case_id,x, x\na,1,2\n", ["column 'x'", "occurs twice"]),
        ("case_id,X\na,1\n", ["column 'X'", "differs from 'x'", "Rename it 'x'"]),
        ("Case-ID,x\na,1\n", ["column 'Case-ID'", "Rename it 'case_id'"]),
        ("case_id,x\na,#DIV/0!\n", ["row 2, column 'x'", "error of a formula"]),
        ("", ["empty"]),
        ("\n \n", ["empty"]),
        ('[{"case_id": 1}]', ["this is JSON"]),
        ("<html><table>", ["this is a web page"]),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_what_they_seem(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read(tmp_path, text)
    for words in [str(tmp_path / "t.csv"), *said]:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("case_id,x\na,1\nb,bad\n", 3),
        ("sep=,\ncase_id,x\nb,bad\n", 3),
        ('"sep=;"\r\ncase_id;x\r\nb;bad\r\n', 3),
        ("# from the archive\n# x, y\n\ncase_id,x\nb,bad\n", 5),
        ('case_id,x,note\na,1,"two\nlines"\n\n,,\nb,bad,\n', 6),
        ("case_id,x\ra,1\rb,bad\r", 3),
        ("\ufeff\n\ncase_id,x\nb,bad\n", 4),
    ],
)
def test_a_line_is_the_files_own(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(TableError, match=rf"row {line}, column 'x': 'bad' is not a number"):
        read(tmp_path, text)


def test_what_is_no_row_is_left_out_and_what_is_kept(tmp_path: Path) -> None:
    frame = read(tmp_path, 'case_id,x,note,\na, 1,"two\nlines, one cell",\n,,,\n\n"b, c",\u00a02\u200b,,\n\x1a')
    assert frame["case_id"].tolist() == ["a", "b, c"]
    assert frame["x"].tolist() == [1, 2]
    assert frame["note"].tolist() == ["two\nlines, one cell", ""]
    assert frame.index.tolist() == [2, 6]
    # the sign of a remark in every row, or in the header, is no remark
    assert read(tmp_path, "#id,x\n#1,1\n#2,2\n", contract=Contract("t", open=True))["#id"].tolist() == ["#1", "#2"]


def test_a_separator_is_the_one_that_parts_rows_as_it_parts_the_header(tmp_path: Path) -> None:
    assert list(read(tmp_path, "case_id;x;size, mm\na;1,5;2,5\n")) == ["case_id", "x", "size, mm"]
    assert list(read(tmp_path, "case_id,x,a;b\nu,1,2\n")) == ["case_id", "x", "a;b"]
    assert list(read(tmp_path, 'case_id,"x;y;z;u"\na,1\n', contract=Contract("t", open=True)))[1] == "x;y;z;u"


# What a number is, and what is missing --------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["", " ", "\u00a0", "NA", "n/a", "#N/A", "N.A.", "NaN", "nan", "null", "NULL", "None",
                                  "none", "-", "--", "\u2013", "?", ".", "<NA>", "NaT"])  # fmt: skip
def test_missing_is_one_rule_for_numbers_and_texts(tmp_path: Path, word: str) -> None:
    contract = Contract("t", {"a": Column(filled=False), "b": Column("number", filled=False),
                              "c": Column("path", filled=False)}, open=True)  # fmt: skip
    frame = read(tmp_path, f"a,b,c,d,key\n{word},{word},{word},{word},k\nx,1,y,z,k\n", contract=contract)
    assert frame[["a", "c", "d"]].to_numpy().tolist() == [["", "", ""], ["x", "y", "z"]]
    np.testing.assert_array_equal(frame["b"], [np.nan, 1])
    if cells.trimmed(word):
        with pytest.raises(TableError, match=r"row 3, column 'centre': the value is missing: .* counts as none"):
            read(tmp_path, f"k,centre\n1,A\n2,{word}\n", contract=Contract("t", {"centre": Column()}, open=True))


def test_a_persons_own_words_are_kept(tmp_path: Path) -> None:
    answers = pd.DataFrame({"reader": ["r"], "stage": ["after"], "item": ["remarks"], "text": ["Any?"]})
    tables.write(answers.assign(value="none", answered_at="t"), tmp_path / "q.csv", tables.QUESTIONNAIRE)
    assert tables.read(tmp_path / "q.csv", tables.QUESTIONNAIRE)["value"].tolist() == ["none"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("3.5", 3.5), ("-.5", -0.5), ("1e3", 1000), ("+2.", 2), ("\u22122", -2), ("１２", 12)],
)
def test_a_number(tmp_path: Path, text: str, value: float) -> None:
    assert read(tmp_path, f"case_id,x\na,{text}\n")["x"].tolist() == [value]


@pytest.mark.parametrize("text", ["1_000", "inf", "1e400", "0x10", "1 000", "50%", '"1,5"', "1.2.3", "twelve", "TRUE"])
def test_no_number(tmp_path: Path, text: str) -> None:
    shown = text.strip('"')
    with pytest.raises(TableError, match=rf"row 2, column 'x': '{shown}' is not a number"):
        read(tmp_path, f"case_id,x\na,{text}\n")


def test_decimal_commas_are_told_from_thousands(tmp_path: Path) -> None:
    frame = read(tmp_path, "case_id;x;size;code\n1,5;3,5;NA;a,b\nb;4;2,5;c\n")
    assert frame["case_id"].tolist() == ["1,5", "b"]  # an identifier is no number
    assert frame["x"].tolist() == [3.5, 4]
    assert frame["size"].tolist() == ["", "2.5"]
    assert frame["code"].tolist() == ["a,b", "c"]
    for text in ("case_id;x;y\na;1.234;0,5\nb;2.500;1,5\n", "case_id;x\na;1.5\nb;0,5\n", "case_id;x\na;1.234,5\n"):
        with pytest.raises(TableError, match=r"row 2, column 'x': '1.*' is not a number.* one decimal sign"):
            read(tmp_path, text)


def test_an_identifier_that_a_spreadsheet_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 2, column 'case_id': '1\.23457E\+17' is a rounded number"):
        read(tmp_path, "case_id,x\n1.23457E+17,1\n1.23457E+18,2\n")
    book(tmp_path, ["case_id", "x"], [123456789012345678.0, 1])
    with pytest.raises(TableError, match=r"row 2, column 'case_id': '1\.2345678901234.E\+17' is a rounded number"):
        tables.read(tmp_path / "t.xlsx", PLAIN)
    book(tmp_path, ["case_id", "x"], ["123456789012345678", 1])
    assert tables.read(tmp_path / "t.xlsx", PLAIN)["case_id"].tolist() == ["123456789012345678"]


def test_composed_and_decomposed_letters_are_one_text_but_not_one_path(tmp_path: Path) -> None:
    contract = Contract("t", {"centre": Column(), "image": Column("path")})
    frame = read(tmp_path, "centre,image\nZu\u0308rich,u\u0308.png\nZ\u00fcrich,\u00fc.png\n", contract=contract)
    assert set(frame["centre"]) == {"Z\u00fcrich"}
    assert frame["image"].tolist() == ["u\u0308.png", "\u00fc.png"]


def test_names_that_differ_in_spelling_only_are_refused_where_they_part_results(tmp_path: Path) -> None:
    contract = Contract("t", {"arm": Column(distinct=True)})
    with pytest.raises(TableError, match=r"row 4, column 'arm': spelled in several ways: 'aided' \(2\), 'Aided' \(1\)"):
        read(tmp_path, "arm\naided\naided\nAided\n", contract=contract)
    with pytest.raises(TableError, match=r"'b' \(1\), 'b<U\+200B>b'|'a b' \(1\), 'a<U\+00A0>b' \(1\)"):
        read(tmp_path, "arm\na b\na\u00a0b\n", contract=contract)
    with pytest.raises(TableError, match="'External' is neither development nor external"):
        read(tmp_path, "s\nExternal\n", contract=Contract("t", {"s": Column(choices=("development", "external"))}))


# Files of another kind ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("股骨", "gb18030", "row 3: not UTF-8 text; it reads '股骨' in Chinese"),
        ("Hüfte", "cp1252", "'Hüfte' in Western European"),
        ("Hüfte", "latin-1", "'Hüfte' in Western European"),
        ("大腿骨", "shift-jis", "row 3: not UTF-8 text"),
    ],
)
def test_an_older_encoding_is_told_with_what_it_would_read(tmp_path: Path, text: str, encoding: str, said: str) -> None:
    with pytest.raises(TableError) as caught:
        read(tmp_path, f"case_id,x,site\na,1,femur\nb,2,{text}\n".encode(encoding))
    assert said in str(caught.value)
    assert "CSV UTF-8" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel file"),
        (b"\x89PNG\r\n\x1a\n\x00", "a picture"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"PK\x03\x04nonsense", "not a readable table"),
        (b"\xff\xfea", "not UTF-16"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(TableError, match=said):
        read(tmp_path, data)


def test_another_kind_of_archive_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.csv", "w") as archive:
        archive.writestr("content.xml", "x")
    with pytest.raises(TableError, match="LibreOffice"):
        tables.read(tmp_path / "t.csv", PLAIN)
    with pytest.raises(TableError, match="this is a folder"):
        tables.read(tmp_path, PLAIN)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Cohort.csv", "Did you mean 'cohort.csv'"),
        ("a\\c", "with /"),
        ("d/c.csv", "no folder"),
        ("x", "Check the path"),
    ],
)
def test_a_file_that_is_not_there_may_be_another(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "cohort.csv").write_text("case_id\n")
    with pytest.raises(TableError, match=f"no such file.*{said}"):
        tables.read(tmp_path / name, PLAIN)


def test_what_a_workbook_does_not_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    book(tmp_path, ["case_id", "x"], ["a", "=1+1"])
    with pytest.raises(TableError, match=r"row 2: the formula in the cell B2 .* has no saved value"):
        tables.read(path, PLAIN)
    made = book(tmp_path, ["case_id", "x"], ["a", 1], [None, 2])
    made.active.merge_cells("A2:A3")
    made.save(path)
    with pytest.raises(TableError, match=r"row 2: the cells A2 to A3 .* are merged"):
        tables.read(path, PLAIN)
    book(tmp_path, ["case_id", "x", None], ["a", 1, "note"])
    with pytest.raises(TableError, match="row 1: column 3 has no name, and holds 'note' in row 2"):
        tables.read(path, PLAIN)
    made = book(tmp_path, ["case_id", "x"], ["a", 1])
    made.create_sheet("legend").append(["column", "means"])
    made.save(path)
    assert tables.read(path, PLAIN)["case_id"].tolist() == ["a"]
    with pytest.raises(TableError, match="2 of its sheets are filled: Sheet, legend"):
        tables.read(path, Contract("scores", open=True))


def test_features_are_numbers(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 2, column 'f': 'x' is not a number"):
        read(tmp_path, "case_id,f\na,x\n", contract=tables.FEATURES)
    frame = pd.DataFrame({"case_id": ["a", "b", "c"], "f": [np.inf, np.nan, 0.1]})
    tables.write(frame, tmp_path / "f.csv", tables.FEATURES)
    np.testing.assert_array_equal(tables.read(tmp_path / "f.csv", tables.FEATURES)["f"], frame["f"])


def test_no_bytes_end_in_a_traceback(tmp_path: Path) -> None:
    """Every prefix and many damaged copies of a table are read or refused in a sentence."""
    rng = np.random.default_rng(0)
    book(tmp_path, ["case_id", "x"], ["a", 1], ["b", 2])
    sources = [(tmp_path / "t.xlsx").read_bytes(), 'sep=;\ncase_id;x;n\nä;1,5;"a\nb"\nb;2;"c""d"\n'.encode()]
    path = tmp_path / "u"
    outcomes = {"read": 0, "refused": 0}
    for source in sources:
        for _ in range(120):
            damaged = bytearray(source[: rng.integers(1, len(source) + 1)])
            for at in rng.integers(0, len(damaged), rng.integers(0, 4)):
                damaged[at] = rng.integers(0, 256)
            path.write_bytes(bytes(damaged))
            outcomes[outcome(path)] += 1
    assert outcomes["read"] > 2
    assert outcomes["refused"] > 200


def outcome(path: Path) -> str:
    try:
        tables.read(path, PLAIN)
    except InputError as error:
        return "refused" if str(path) in str(error) else f"refused without its name: {error}"
    return "read"
