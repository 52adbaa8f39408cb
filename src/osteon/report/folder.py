"""What a finished run folder holds, read as it is asked for; what is absent is None, and its section stays away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from osteon import study, tables
from osteon.evaluate.words import headline, shown
from osteon.study import Box, Study


@dataclass(frozen=True)
class Finished:
    """The files of a finished run.

    Attributes:
        path: The run folder.
    """

    path: Path

    @cached_property
    def study(self) -> Study:
        """The resolved study."""
        return study.load(self.path / "study.toml")

    @cached_property
    def _read(self) -> dict[str, pd.DataFrame | None]:
        return {}

    def table(self, name: str) -> pd.DataFrame | None:
        """A table by its file's stem, held against its contract where it has one; None if absent or empty."""
        if name not in self._read:
            path = self.path / f"{name}.csv"
            contract = getattr(tables, name.upper(), tables.Contract(name, open=True))
            found = tables.read(path, contract) if path.is_file() else None
            self._read[name] = None if found is None or found.empty else found
        return self._read[name]

    def figure(self, name: str) -> str | None:
        """A figure's SVG text, or None."""
        path = self.path / "figures" / f"{name}.svg"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def content(self, name: str) -> Mapping[str, Any]:
        """A JSON file by its stem; empty where it is absent."""
        path = self.path / f"{name}.json"
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found

    @cached_property
    def flow(self) -> Mapping[str, Any]:
        """What ``osteon check`` found."""
        return self.content("flow")

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, hashes, seed."""
        return self.content("provenance")

    @property
    def synthetic(self) -> bool:
        """Whether any case is synthetic."""
        return bool(self.flow.get("synthetic") or self.provenance.get("synthetic"))

    @property
    def positive(self) -> str:
        """What the positive class is called."""
        return str(self.flow.get("positive") or self.study.task.name)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The metrics table; a report needs at least this.

        Raises:
            TableError: It is absent.
        """
        return tables.read(self.path / "metrics.csv", tables.METRICS)

    @cached_property
    def models(self) -> list[str]:
        """The models in their order."""
        return list(dict.fromkeys(self.metrics["model"]))

    @cached_property
    def strata(self) -> list[str]:
        """The strata worth a column."""
        return shown(self.metrics["stratum"])

    @cached_property
    def headline(self) -> str:
        """The stratum that the study's claim is about."""
        return headline(self.metrics["stratum"])

    @cached_property
    def box_models(self) -> list[str]:
        """The models that see the box alone."""
        return [model.name for model in self.study.models if isinstance(model, Box) and model.name in self.models]

    def value(self, model: str, stratum: str, metric: str) -> pd.Series | None:
        """One row of the metrics table."""
        found = self.metrics
        found = found[(found["model"] == model) & (found["stratum"] == stratum) & (found["metric"] == metric)]
        return None if found.empty else found.iloc[0]
