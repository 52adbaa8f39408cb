"""The verbs that a newcomer meets first."""

from __future__ import annotations

from typer.testing import CliRunner

import osteon
from osteon.cli import app
from osteon.pipeline import machine


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
