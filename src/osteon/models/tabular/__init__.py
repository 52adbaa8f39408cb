"""Models of tables: the box alone, clinical columns, both with other models' scores, radiomics, and all that together.

Each is fitted with ``fit(X, y, groups)`` and asked with ``predict_proba(X)``, learns everything (imputation, encoding,
scaling, selection, tuning) from the training cases it is given, is the same for the same seed, and is kept in a
``.skops`` file. None ever sees an external label.

>>> from osteon import study
>>> from osteon.models.tabular import ClinicalModel
>>> from osteon.models.tabular.columns import clinical_columns
>>> cases = pd.DataFrame({"age": [5, 20, 33, 41, 52, 67, 70, 80], "case_id": list("abcdefgh")})
>>> X = clinical_columns(study.Clinical(variables=("age",)), cases)
>>> ClinicalModel().fit(X, [0, 0, 1, 0, 1, 0, 1, 1]).predict_proba(X).shape
(8, 2)
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

import pandas as pd
from numpy.typing import ArrayLike

from osteon.core.types import Floats
from osteon.models.fitted import Folder
from osteon.models.tabular import storing
from osteon.models.tabular.components import Components
from osteon.models.tabular.encoding import Encoder
from osteon.models.tabular.forest import Forest
from osteon.models.tabular.learned import LearnedModel, Net
from osteon.models.tabular.lesion import RadiomicsModel
from osteon.models.tabular.linear import BoxModel, ClinicalModel, CombinedModel

__all__ = ["BoxModel", "ClinicalModel", "CombinedModel", "Estimator", "LearnedModel", "RadiomicsModel", "load"]


class Estimator(Protocol):
    """What all models of tables can do."""

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit on training cases."""

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """(n, 2) probabilities."""

    def encoded(self, X: pd.DataFrame) -> Floats:
        """(n, terms) numbers that it weighs."""

    def save(self, path: Path) -> None:
        """Write to a ``.skops`` file."""


def load(path: str | Folder) -> Estimator:
    """Read a fitted estimator.

    Raises:
        InputError: The file is absent, damaged, or holds anything but an estimator of osteon's.
    """
    trusted = (BoxModel, ClinicalModel, CombinedModel, RadiomicsModel, LearnedModel, Encoder, Components, Forest, Net)
    estimator: Estimator = storing.load(path, trusted)
    return estimator
