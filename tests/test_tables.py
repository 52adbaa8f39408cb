"""Column contracts: what is accepted, what is refused and how the refusal reads, and that nothing is half-written."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.core import tables
from osteon.core.errors import TableError

HEADER = "case_id,image,centre,label,x0,y0,x1,y1"


def write(folder: Path, text: str, name: str = "cohort.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def test_reads_a_plain_cohort(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER},age,pain\na,a.png,1,benign,1,2,3.5,4,12,yes\nb,b.png,2,malignant,,,,,,\n")
    frame = tables.read(path, tables.COHORT)
    assert list(frame["centre"]) == ["1", "2"]
    assert frame["x1"].tolist()[0] == 3.5
    assert frame.loc[1, ["x0", "age"]].isna().all()
    assert frame["pain"].tolist() == ["yes", ""]


def test_excel_habits_are_understood(tmp_path: Path) -> None:
    path = write(tmp_path, "﻿" + HEADER.replace(",", ";") + "\na;a.png;1;x;1;2;3;4\n")
    assert tables.read(path, tables.COHORT)["x1"].tolist() == [3.0]


def test_spreadsheets_are_read_as_they_were_saved(tmp_path: Path) -> None:
    cohort = pd.DataFrame({name: ["1", "2"] for name in HEADER.split(",")})
    cohort[["x1", "y1"]] = [["3.5", "4"], ["2.25", "5"]]
    cohort["label"] = ["1,5", "osteoid; osteoma"]
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "c.txt", "d.xlsx")]
    cohort.to_csv(paths[0], index=False)
    cohort.assign(x1=["3,5", "2,25"]).to_csv(paths[1], index=False, sep=";")
    cohort.assign(x1=["3,5", "2,25"]).to_csv(paths[2], index=False, sep="\t", encoding="utf-16")
    cohort.to_excel(paths[3], index=False)
    expected = tables.read(paths[0], tables.COHORT)
    assert expected["x1"].tolist() == [3.5, 2.25]
    for path in paths[1:]:
        pd.testing.assert_frame_equal(tables.read(path, tables.COHORT), expected)
    paths[3].write_bytes(b"PK no archive")
    with pytest.raises(TableError, match="not a readable table"):
        tables.read(paths[3], tables.COHORT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case_id,image\na,b\n", ["centre", "lacks", "Add the columns"]),
        (f"{HEADER}\na,a.png,1,x,1,2,three,4\n", ["row 2", "column 'x1'", "'three' is not a number"]),
        (f"{HEADER}\na,a.png,1,x,1,2,3,4\na,b.png,1,x,1,2,3,4\n", ["row 3", "'case_id'", "'a' occurs before"]),
        (f"{HEADER}\n,a.png,1,x,1,2,3,4\n", ["row 2", "'case_id'", "missing"]),
        (f"{HEADER},age\na,a.png,1,x,1,2,3,4,400\n", ["'age'", "400", "outside 0 to 120"]),
        (f"{HEADER},age,age\na,a.png,1,x,1,2,3,4,1,1\n", ["age", "twice"]),
        ("", ["not a readable table"]),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, text: str, said: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(TableError) as caught:
        tables.read(path, tables.COHORT)
    for words in [str(path), *said]:
        assert words in str(caught.value)


def test_not_utf8_and_absent_files(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\nä,a.png,1,x,1,2,3,4\n", encoding="latin-1")
    with pytest.raises(TableError, match="UTF-8"):
        tables.read(path, tables.COHORT)
    with pytest.raises(TableError, match="no such file"):
        tables.read(tmp_path / "none.csv", tables.COHORT)


def test_a_closed_table_refuses_strangers_with_a_suggestion(tmp_path: Path) -> None:
    frame = pd.DataFrame({"case_id": ["a"], "patient_id": [""], "fold": [0], "folds": [1]})
    with pytest.raises(TableError, match="Did you mean 'fold'"):
        tables.write(frame, tmp_path / "folds.csv", tables.FOLDS)
    assert list(tmp_path.iterdir()) == []


def test_parquet_holds_what_csv_holds(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER},patient_id\na,a.png,1,x,1,2,3,4,\nb,b.png,2,y,,,,,p\n")
    frame = tables.read(path, tables.COHORT)
    tables.write(frame, tmp_path / "cohort.parquet", tables.COHORT)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "cohort.parquet", tables.COHORT), frame)


@given(values=st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=8))
def test_numbers_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("t") / "features.csv"
    frame = pd.DataFrame({"case_id": [str(i) for i in range(len(values))], "f": values})
    tables.write(frame, path, tables.FEATURES)
    back = tables.read(path, tables.FEATURES)["f"].astype(float)
    assert np.array_equal(back.to_numpy(), np.array(values))


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path, "old")

    def crash() -> None:
        with tables.written(path) as beside:
            beside.write_text("half")
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        crash()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="another operating system: it has no disk that is always full"
)
def test_a_full_disk_is_said_to_be_full_whoever_wrote(tmp_path: Path) -> None:
    def save() -> None:
        with tables.written(tmp_path / "crops.npy"), Path("/dev/full").open("wb") as handle:
            np.save(handle, np.ones(100_000))

    with pytest.raises(OSError, match="No space left") as raised:
        save()
    assert raised.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())
