"""The model that a card is of, and what the run knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from osteon.results.report.folder import Finished
from osteon.study import ModelSettings
from osteon.weights import Record, records


@dataclass(frozen=True)
class Subject:
    """A model of a finished run.

    Attributes:
        run: The run.
        settings: The model's settings.
    """

    run: Finished
    settings: ModelSettings

    @property
    def name(self) -> str:
        """What every table calls it."""
        return self.settings.name

    @property
    def looks(self) -> bool:
        """Whether it, or what it is made from, looks at the box or the picture."""
        return self.run.study.looks(self.settings)

    @cached_property
    def parts(self) -> tuple[ModelSettings, ...]:
        """The model itself, and those that it is made from."""
        made_from = (*self.settings.needs, *self.settings.sees_through)
        return (self.settings, *map(self.run.study.model, made_from))

    @cached_property
    def networks(self) -> tuple[ModelSettings, ...]:
        """Those of its parts that started from weights."""
        return tuple(part for part in self.parts if part.crops)

    @cached_property
    def started(self) -> tuple[Record, ...]:
        """What its networks started from, as far as the run has noted it."""
        found = []
        for network in self.networks:
            facts = self.run.started(network.name)
            if "record" in facts:
                shipped = records().get(facts["record"])  # of a run that did not note the licence yet
                source, licence, citation = (
                    str(facts.get(key, getattr(shipped, key, ""))) for key in ("source", "licence", "citation")
                )
                found.append(Record(facts["record"], "", "", source, licence=licence, citation=citation))
        return tuple(found)

    def rows(self, name: str, **wanted: str) -> pd.DataFrame:
        """The model's own rows of a table, those with these values; none where the run has no such table."""
        return of(self.run.table(name), model=self.name, **wanted)


def of(frame: pd.DataFrame | None, **wanted: str) -> pd.DataFrame:
    """The rows of a table with these values; none where there is no table."""
    if frame is None:
        return pd.DataFrame()
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    return frame


def one(frame: pd.DataFrame, **wanted: str) -> pd.Series | None:
    """The one row with these values, or None."""
    found = of(frame, **wanted)
    return None if found.empty else found.iloc[0]
