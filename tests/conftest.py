"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("OSTEON_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the real data folder is absent")
    return folder


@pytest.fixture(scope="session")
def references() -> Path:
    """The folder of reference values, each with its source."""
    return Path(__file__).parent / "references"
