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
from osteon.core.errors import InputError
from osteon.pipeline import machine
from osteon.study import load


def told(*words: str) -> str:
    """What the command line prints."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False).stdout


def test_version_is_the_one_that_is_installed() -> None:
    assert told("--version") == f"osteon {osteon.__version__}\n"


def test_info_names_what_is_missing_and_how_to_get_it(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    there = machine.importlib.util.find_spec
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None if name == "onnx" else there(name))
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
