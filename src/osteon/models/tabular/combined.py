"""Another model's score with clinical columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from osteon import study
from osteon.core.types import Floats
from osteon.models.inputs.case import Input
from osteon.models.model import Sealed, register
from osteon.models.tabular.columns import combined_columns
from osteon.models.tabular.kind import Estimators, SavedTable, TableKind, odds_ratios
from osteon.models.tabular.linear import CombinedModel


def _unfitted(_seed: int) -> CombinedModel:
    return CombinedModel()


class SavedCombined(SavedTable):
    """A fitted combined model."""

    model: study.Combined

    def inputs(self, cases: pd.DataFrame) -> Any:
        """The clinical columns."""
        return cases[list(self.model.variables)].astype(str)

    def _columns(self, cases: pd.DataFrame, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        return combined_columns(self.model, cases, told[self.model.of])


@register
class Combined(TableKind):
    """``kind = "combined"``."""

    Settings = study.Combined
    Saved = SavedCombined
    model: study.Combined

    def design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """The other model's score, out of fold in development, and the columns that this one names."""
        return combined_columns(self.model, cases.table, told[self.model.of])

    def estimator(self) -> Estimators:
        """A straight line for the score, splines and levels for the rest."""
        return _unfitted

    def describe(self, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> Mapping[str, pd.DataFrame]:
        """Odds ratios."""
        return {"odds_ratios": odds_ratios(self, cases, labels, told)}
