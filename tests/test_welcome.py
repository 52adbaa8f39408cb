"""The verbs that a newcomer meets first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import osteon
import small_study
from osteon.cli import app
from osteon.cohort.check import check
from osteon.core import extras
from osteon.core.errors import InputError
from osteon.study import load


def told(*words: str) -> str:
    """What the command line prints."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False).stdout


def test_version_is_the_one_that_is_installed() -> None:
    assert told("--version") == f"osteon {osteon.__version__}\n"


def test_info_names_what_is_missing_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "onnx" else there(name))
    text = told("info")
    assert "missing onnx; get it: pip install 'osteon[onnx]'" in text
    assert "cores: " in text
    assert "radimagenet-resnet50-pytorch-symmetric" in text


MANY = [{"malignant": f"osteosarcoma {i % 4}", "benign": f'kind "{i}"'} for i in range(9)]
ODD: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as it is": lambda table: table,
    "one centre": lambda table: table[table["centre"] == "A"],
    "0 and 1": lambda table: table.assign(label=(table["label"] == "malignant").astype(int)),
    "no age": lambda table: table.drop(columns=["age", "sex"]),
    "many labels": lambda table: table.assign(label=[MANY[i % 9][x] for i, x in enumerate(table["label"])]),
    "odd names": lambda table: table.replace({"label": {"malignant": "b\\x"}, "centre": {"A": "01"}}),
    "no patients": lambda table: table.drop(columns="patient_id"),
}


@pytest.mark.parametrize("odd", ODD)
def test_init_writes_a_study_that_check_accepts(tmp_path: Path, odd: str) -> None:
    file = small_study.make(tmp_path / "s")
    file.unlink()
    table = file.with_name("cohort.csv")
    ODD[odd](pd.read_csv(table)).to_csv(table, index=False)
    said = told("init", str(table))
    assert "Nobody to ask" in said
    study = load(file)
    checked = check(study)
    assert set(checked.cohort["target"]) == {0, 1}
    assert not {"patient_id", "label", "subtype", "centre"} & {name for model in study.models for name in model.columns}
    with pytest.raises(InputError, match="there already"):
        told("init", str(table), "--yes")


def test_init_refuses_a_table_of_one_label(tmp_path: Path) -> None:
    table = small_study.make(tmp_path / "s").with_name("cohort.csv")
    pd.read_csv(table).assign(label="benign").to_csv(table, index=False)
    with pytest.raises(InputError, match="every label is 'benign'"):
        told("init", str(table), "--out", str(tmp_path / "new.toml"))
    assert not (tmp_path / "new.toml").exists()


def test_table_has_one_row_a_case_with_calls_and_whether_they_are_right(tmp_path: Path) -> None:
    about = {"patient_id": "secret", "centre": "A", "split": "development"}
    rows = [
        {"case_id": case, **about, "model": model, "label": label, "probability": p, "recalibrated": p / 2}
        for model, ps in (("m", (0.5, 0.2)), ("box", (0.4, 0.6)))
        for case, label, p in zip(("a", "b"), (1, 0), ps, strict=True)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    point = {"rule": "youden", "threshold": 0.5, "stratum": "development", "metric": "sensitivity"}
    point |= {"value": 1.0, "low": 0.5, "high": 1.0, "method": "Wilson 1927", "n": 2, "n_positive": 1}
    pd.DataFrame([{"model": m, **point} for m in ("m", "box")]).to_csv(tmp_path / "operating_points.csv", index=False)
    told("table", str(tmp_path), "--out", str(tmp_path / "t.csv"))
    table = pd.read_csv(tmp_path / "t.csv").set_index("case_id")
    assert list(table["m: youden"]) == [1, 0]
    assert list(table["m: youden right"]) == [1, 1]
    assert list(table["box: youden right"]) == [0, 0]
    assert list(table["m: recalibrated"]) == [0.25, 0.1]
    assert "secret" not in told("table", str(tmp_path))


def test_open_says_where_the_report_is_or_that_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(InputError, match="no report"):
        told("open", str(tmp_path))
    (tmp_path / "report.html").write_text("")
    assert told("open", str(tmp_path)).strip() == str(tmp_path / "report.html")
    assert opened == [(tmp_path / "report.html").as_uri()]
