"""Radiomics features of the lesion: measured once, filtered by reliability where asked, a learner a fold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon import radiomics, study
from osteon.core import tables
from osteon.core.types import Floats
from osteon.models.inputs.case import Input
from osteon.models.model import Place, Sealed, register
from osteon.models.tabular import extraction
from osteon.models.tabular.columns import BOX_COLUMNS, DEEP, radiomics_columns
from osteon.models.tabular.kind import Estimators, FittedTable, SavedTable, TableKind, learning
from osteon.models.tabular.lesion import RadiomicsModel
from osteon.radiomics import reliability


def _unfitted(correlation: float, rule: str, seed: int) -> RadiomicsModel:
    return RadiomicsModel(correlation, rule, seed)  # type: ignore[arg-type]


def _own(place: Place) -> list[study.Radiomics]:
    """The study's models of this kind."""
    return [model for model in place.study.models if isinstance(model, study.Radiomics)]


def measure(place: Place, cases: Sealed) -> Path:
    """Measure every case with the settings of each of the study's radiomics models, or the default ones.

    Returns:
        ``features.csv``.
    """
    for model in _own(place) or [study.Radiomics()]:
        Radiomics(model, place).measure(cases)
    return place.run.features()


class SavedRadiomics(SavedTable):
    """A fitted radiomics model."""

    model: study.Radiomics

    def measures(self) -> Any:
        """The region and the extractor's settings."""
        return [self.model.region, extraction.extractor(self.model)]

    def measured(self, one: Input) -> Mapping[str, float]:
        """Features of the region."""
        return extraction.measured(one, self.model)

    def _columns(self, cases: pd.DataFrame, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        found = [one.measured for one in inputs]
        return radiomics_columns(self.model, cases, pd.DataFrame(found).assign(case_id=cases["case_id"].to_numpy()))


@register
class Radiomics(TableKind):
    """``kind = "radiomics"``."""

    Settings = study.Radiomics
    Saved = SavedRadiomics
    model: study.Radiomics

    def ready(self) -> Mapping[str, str]:
        """Filters and bins have to be such as there are, and the network that it sees through frozen."""
        radiomics.feature_names(extraction.extractor(self.model))
        return super().ready()

    def measure(self, cases: Sealed) -> None:
        """The features of all cases, and how reliable they are where the model asks for reliable ones."""
        extraction.feature_table(self.model, _own(self.place) or [self.model], cases.table, self.place)
        if self.model.icc:
            extraction.reliability_table(self.model, cases.development.table, self.place)

    def design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """The features that the model may use, and the box where it asks for it."""
        reliable = None
        if self.model.icc:
            found = tables.read(self.place.run.reliability(self.model.name), tables.RELIABILITY)
            reliable = reliability.reliable(found, self.model.icc)
        return radiomics_columns(self.model, cases.table, self._features(), reliable)

    def estimator(self) -> Estimators:
        """An elastic net that screens features, or learners that take columns of any kind."""
        model = self.model
        if model.screens:
            return partial(_unfitted, model.correlation, model.rule)
        return learning(model.learner, components=model.components, correlation=model.correlation, rule=model.rule)

    def sources(self, design: pd.DataFrame) -> Mapping[str, list[str]]:
        """Features of the lesion, the box, clinical columns, deep features."""
        box = [name for name in design if self.model.with_box and name in BOX_COLUMNS]
        own = [str(name) for name in design if not str(name).startswith(DEEP)]
        clinical = list(self.model.variables)
        return {
            "lesion": [name for name in own if name not in {*box, *clinical}],
            "box": box,
            "clinical columns": clinical,
            f"components of {self.model.deep}": [DEEP] if self.model.deep else [],
        }

    def measured(self) -> pd.DataFrame:
        """The features of all cases."""
        return self._features().set_index("case_id")

    def describe(self, cases: Sealed, labels: pd.Series, told: Mapping[str, Floats]) -> Mapping[str, pd.DataFrame]:
        """In how many folds each feature is used, with its mean coefficient, and how far the folds agree."""
        if not self.model.screens:
            return super().describe(cases, labels, told)
        fitted = self.saved().load()
        assert isinstance(fitted, FittedTable)
        chosen = [
            one.selected.set_index("feature")["coefficient"]
            for one in fitted.estimators
            if isinstance(one, RadiomicsModel)
        ]
        wide = pd.DataFrame(chosen).fillna(0.0).T.rename_axis("feature")
        table = pd.DataFrame(
            {
                "folds": (wide != 0).sum(axis=1), "of": wide.shape[1], "coefficient": wide.mean(axis=1),
                "least": wide.min(axis=1), "greatest": wide.max(axis=1),
            }
        ).reset_index()  # fmt: skip
        table = table.sort_values(["folds", "coefficient"], key=np.abs, ascending=False, kind="stable")
        # Features that no fold uses count too: agreeing to leave them out is agreement.
        features = self._features().columns.drop("case_id")
        uses = [[name in fold.index for name in features] for fold in chosen]
        agreement = reliability.selection_stability(uses).index
        return {"selected_features": table, "selection_stability": agreement.to_frame()}

    def _features(self) -> pd.DataFrame:
        table = tables.read(extraction.features_path(self.model, _own(self.place), self.place.run), tables.FEATURES)
        numbers = table.drop(columns="case_id").astype(np.float64)
        return pd.concat([table[["case_id"]], numbers], axis=1)
