"""The run folder: the only place that names its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from osteon.core import tables

#: Tables too long to be opened in a spreadsheet.
_PARQUET = ("perturbed", "perturbed_maps", "refits")


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def study_file(self) -> Path:
        """The resolved study, every default written out."""
        return self.path / "study.toml"

    @property
    def flow_file(self) -> Path:
        """Who is in, who is out and why."""
        return self.path / "flow.json"

    @property
    def provenance_file(self) -> Path:
        """What every step was made from: seed, versions, digests."""
        return self.path / "provenance.json"

    @property
    def plan_file(self) -> Path:
        """What was planned and locked before external labels met a prediction, and when."""
        return self.path / "plan.json"

    @property
    def report_file(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def manuscript(self) -> Path:
        """The folder of manuscripts and their figures; no step reads it."""
        return self.path / "manuscript"

    @property
    def checklists(self) -> Path:
        """The folder of reporting guidelines; no step reads it."""
        return self.path / "checklists"

    @property
    def cache(self) -> Path:
        """What can be thrown away: crops, deep features, image facts. Never part of a result."""
        return self.path / ".cache"

    def file(self, name: str) -> Path:
        """Where the table of that name (a contract of :mod:`osteon.core.tables` in small letters) lies."""
        return self.path / f"{name}.{'parquet' if name in _PARQUET else 'csv'}"

    def features(self, model: str = "") -> Path:
        """A table of radiomics features: the first one, or the one of a model that asks for others."""
        return self.path / (f"features-{model}.csv" if model else "features.csv")

    def reliability(self, model: str) -> Path:
        """How reliable each feature of a radiomics model is."""
        return self.path / f"reliability-{model}.csv"

    def model(self, name: str) -> Path:
        """The folder of one model."""
        return self.path / "models" / name

    def fold(self, name: str, seed: int, fold: int) -> Path:
        """The folder of one fold's network or estimator; further training seeds have a folder of their own."""
        return (self.model(name) / f"seed-{seed}" if seed else self.model(name)) / f"fold-{fold}"

    def style_fold(self, name: str, seed: int, fold: int) -> Path:
        """The folder of what was fitted without one style."""
        return self.fold(name, seed, fold).with_name(f"style-{fold}")

    def rotated_fold(self, centre: str, name: str, seed: int, fold: int) -> Path:
        """The folder of a fold that was fitted while another centre was held out."""
        folder = self.model(name) / tables.file_name(f"rotation-{centre}", "")
        return (folder / f"seed-{seed}" if seed else folder) / f"fold-{fold}"

    def portable(self, model: str, key: str) -> Path:
        """A model made ready to leave the run, in the cache; the key says what it is made from."""
        return self.cache / "portable" / tables.file_name(f"{model}-{key[:16]}", ".osteon")

    def card(self, model: str) -> Path:
        """The card of a model, Markdown."""
        return self.path / "cards" / tables.file_name(model, ".md")

    def figure_file(self, name: str, suffix: str = ".svg") -> Path:
        """A figure."""
        return self.path / "figures" / f"{name}{suffix}"

    def thumbnail(self, case_id: str) -> Path:
        """The crop of an example case, a greyscale PNG."""
        return self.path / "thumbnails" / tables.file_name(case_id, ".png")

    def changed_box(self, case_id: str) -> Path:
        """The picture of a case that a changed box moved, a greyscale PNG without the boxes."""
        return self.path / "thumbnails" / "boxes" / tables.file_name(case_id, ".png")

    @property
    def pictures(self) -> Path:
        """Which cases have small pictures of their radiographs, their numbers, and where their boxes lie."""
        return self.path / "thumbnails" / "cases.csv"

    def pictured(self, number: int, suffix: str = "") -> Path:
        """The small radiograph of a case, a greyscale JPEG; with the suffix ``-map`` the map on it."""
        return self.path / "thumbnails" / "cases" / f"{number}{suffix}.jpg"

    @property
    def reader_study_file(self) -> Path:
        """What the analysis of readings was asked for, and whether readers were simulated."""
        return self.path / "reader_study.json"

    @property
    def explained(self) -> Path:
        """Which cases have maps, in the order of the maps, and where their crops lie."""
        return self.path / "cams" / "cases.csv"

    def maps(self, model: str, method: str) -> Path:
        """A model's maps of all explained cases, one array."""
        return self.path / "cams" / model / f"{method}.npy"

    def map(self, case_id: str) -> Path:
        """The primary network's map of a case on its whole radiograph, a greyscale PNG."""
        return self.path / "cams" / tables.file_name(case_id, ".png")

    def gallery(self, group: str) -> Path:
        """The pictures and maps of one gallery."""
        return self.path / "cams" / f"gallery-{group}.npz"

    def read(self, name: str) -> pd.DataFrame:
        """A table, held against its contract.

        Raises:
            TableError: It is absent or breaks its contract.
        """
        return tables.read(self.file(name), contract(name))

    def write(self, frame: pd.DataFrame, name: str) -> Path:
        """Write a table, held against its contract, and give its path."""
        tables.write(frame, self.file(name), contract(name))
        return self.file(name)

    def sweep(self) -> None:
        """Remove what a killed run had begun to write beside its place."""
        for path in self.path.rglob(".*.part"):
            path.unlink(missing_ok=True)

    def forget(self, *patterns: str, but: frozenset[Path] | set[Path] = frozenset()) -> None:
        """Remove what an earlier run made and this one does not.

        Args:
            patterns: Of files, relative to the folder.
            but: Files to keep.
        """
        for path in {path for pattern in patterns for path in self.path.glob(pattern)} - but:
            path.unlink()


def contract(name: str) -> tables.Contract:
    """The contract of the table of that name; any columns where it has none."""
    found: tables.Contract = getattr(tables, name.upper(), tables.Contract(name, open=True))
    return found


@dataclass(frozen=True)
class TableSet:
    """Tables that are made together: each field is the run's table of that name."""

    #: Whether a table without rows is written; else one of an earlier analysis is removed.
    also_empty: ClassVar[bool] = True

    def write(self, folder: Path) -> list[Path]:
        """Write every table, each atomically, and return the paths."""
        run, paths = RunFolder(folder), []
        for name in (one.name for one in fields(self)):
            table = getattr(self, name)
            if self.also_empty or not table.empty:
                paths.append(run.write(table, name))
            else:
                run.file(name).unlink(missing_ok=True)
        return paths


@dataclass(frozen=True)
class Tables(RunFolder):
    """A finished run's tables, each read once; what is absent is None, and what it would feed stays away."""

    _read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def table(self, name: str) -> pd.DataFrame | None:
        """A table, held against its contract; None if absent or empty."""
        if name not in self._read:
            found = self.read(name) if self.file(name).is_file() else None
            self._read[name] = None if found is None or found.empty else found
        table: pd.DataFrame | None = self._read[name]
        return table

    def content(self, path: Path) -> Mapping[str, Any]:
        """A JSON file of the run, such as :attr:`flow_file`; empty where it is absent."""
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found

    @property
    def flow(self) -> Mapping[str, Any]:
        """Who is in, who is out and why."""
        return self.content(self.flow_file)

    @property
    def positive(self) -> str:
        """What the positive class is called; "" where nobody says."""
        return str(self.flow.get("positive", ""))

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, hashes, seed."""
        return self.content(self.provenance_file)

    @property
    def reader_study(self) -> Mapping[str, Any]:
        """What is known of the analysis of readings."""
        return self.content(self.reader_study_file)

    def started(self, model: str) -> Mapping[str, str]:
        """What a model started from, as the provenance has it, which outlives the fitted models."""
        weights: Mapping[str, str] = self.provenance.get("hashes", {}).get("weights", {})
        found: Mapping[str, str] = self.provenance.get("started", {}).get(model, {})
        return ({"weights": weights[model]} if model in weights else {}) | dict(found)
