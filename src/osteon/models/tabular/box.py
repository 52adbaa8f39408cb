"""The box alone: size and position, the shortcut that every other model has to beat."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from osteon import study
from osteon.core.types import Floats
from osteon.models.inputs.case import Input
from osteon.models.model import Sealed, register
from osteon.models.tabular.columns import box_columns
from osteon.models.tabular.kind import Estimators, SavedTable, TableKind
from osteon.models.tabular.linear import BoxModel


def _unfitted(_seed: int) -> BoxModel:
    return BoxModel()


class SavedBox(SavedTable):
    """A fitted model of the box."""

    def _columns(self, cases: pd.DataFrame, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        return box_columns(cases)


@register
class Box(TableKind):
    """``kind = "box"``."""

    Settings = study.Box
    Saved = SavedBox
    model: study.Box

    def design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """Size, shape and position of each box."""
        return box_columns(cases.table)

    def estimator(self) -> Estimators:
        """Splines of a strongly penalised logistic regression."""
        return _unfitted
