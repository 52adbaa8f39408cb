"""Reference data of the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[1] / "references" / "stats"


class Reference(Mapping[str, float]):
    """Values by name; an unknown name fails the test that asks for it."""

    def __init__(self, name: str) -> None:
        frame = pd.read_csv(FOLDER / f"{name}.csv")
        self._values = dict(zip(frame["quantity"], frame["value"].astype(float), strict=True))
        assert len(self._values) == len(frame), "a quantity occurs twice"

    def __getitem__(self, key: str) -> float:
        return self._values[key]

    def __iter__(self):
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.fixture(scope="session")
def reference():
    return Reference


@pytest.fixture(scope="session")
def printed() -> dict[str, str]:
    """Published values as they were printed, so that a test can compare to the last digit."""
    frame = pd.read_csv(FOLDER / "published.csv", dtype=str)
    return dict(zip(frame["quantity"], frame["value"], strict=True))


@pytest.fixture(scope="session")
def asah() -> pd.DataFrame:
    frame = pd.read_csv(FOLDER / "aSAH.csv")
    return frame.assign(poor=(frame["outcome"] == "Poor").astype(int))


@pytest.fixture(scope="session")
def van_dyke() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "VanDyke.csv", dtype={"case2": str, "case3": str}).rename(
        columns={"treatment": "arm", "rating": "score"}
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260221)
