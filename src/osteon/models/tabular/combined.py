"""Scores of other models with clinical columns."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from osteon import study
from osteon.core.types import Floats
from osteon.models.inputs.case import Input
from osteon.models.model import Sealed, register
from osteon.models.tabular.columns import SCORE, combined_columns
from osteon.models.tabular.kind import Estimators, SavedTable, TableKind, learning
from osteon.models.tabular.linear import CombinedModel


def _unfitted(_seed: int) -> CombinedModel:
    return CombinedModel()


class SavedCombined(SavedTable):
    """A fitted combined model."""

    model: study.Combined

    def _columns(self, cases: pd.DataFrame, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        return combined_columns(self.model, cases, told)


@register
class Combined(TableKind):
    """``kind = "combined"``."""

    Settings = study.Combined
    Saved = SavedCombined
    model: study.Combined

    def design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """The other models' scores, out of fold in development, and the columns that this one names."""
        return combined_columns(self.model, cases.table, told)

    def estimator(self) -> Estimators:
        """Straight lines for the scores, splines and levels for the rest; or a learner."""
        return learning(self.model.learner) if self.model.learner else _unfitted

    def sources(self, design: pd.DataFrame) -> Mapping[str, list[str]]:
        """The scores, and the clinical columns."""
        scores = [SCORE + name for name in self.model.of]
        return {"scores": scores, "clinical columns": list(self.model.variables)}
