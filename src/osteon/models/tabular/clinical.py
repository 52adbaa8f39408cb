"""Clinical columns, chosen by the study."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from osteon import study
from osteon.core.types import Floats
from osteon.models.inputs.case import Input
from osteon.models.model import Sealed, register
from osteon.models.tabular.columns import clinical_columns
from osteon.models.tabular.kind import Estimators, SavedTable, TableKind, learning
from osteon.models.tabular.linear import ClinicalModel


def _unfitted(_seed: int) -> ClinicalModel:
    return ClinicalModel()


class SavedClinical(SavedTable):
    """A fitted model of clinical columns."""

    model: study.Clinical

    def _columns(self, cases: pd.DataFrame, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        return clinical_columns(self.model, cases)


@register
class Clinical(TableKind):
    """``kind = "clinical"``."""

    Settings = study.Clinical
    Saved = SavedClinical
    model: study.Clinical

    def design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """The columns that the model names."""
        return clinical_columns(self.model, cases.table)

    def estimator(self) -> Estimators:
        """Splines and levels in a logistic regression; or a learner."""
        return learning(self.model.learner) if self.model.learner else _unfitted

    def sources(self, design: pd.DataFrame) -> Mapping[str, list[str]]:
        """The clinical columns."""
        return {"clinical columns": list(self.model.variables)}
