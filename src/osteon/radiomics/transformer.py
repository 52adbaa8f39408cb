"""Radiomics as a step of a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from osteon.core.errors import OsteonError
from osteon.core.types import Floats
from osteon.radiomics.extract import extract, feature_names
from osteon.radiomics.settings import Settings

#: Image, mask or box, and spacing where it is known.
Case = Sequence[Any]


class RadiomicsTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn (image, mask) or (image, mask, spacing) into a row of features.

    It learns nothing from the cases: selection and scaling, which do, are steps after it.

    Args:
        settings: As in :func:`osteon.radiomics.extract`.
        n_jobs: Worker processes, as joblib counts them.
    """

    def __init__(self, settings: Settings | None = None, n_jobs: int | None = None) -> None:
        self.settings = settings
        self.n_jobs = n_jobs

    def fit(self, X: Sequence[Case], y: object = None) -> RadiomicsTransformer:
        """Learn nothing."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Sequence[Case]) -> Floats:
        """The features of every case, (cases, features).

        Raises:
            ImageError: A case cannot be read as image and region; the note says which.
        """
        rows = Parallel(n_jobs=self.n_jobs)(delayed(_row)(at, case, self.settings) for at, case in enumerate(X))
        return np.array(rows, dtype=np.float64).reshape(len(rows), -1)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """The features' names, in the order of the columns."""
        return np.array(feature_names(self.settings), dtype=object)


def _row(at: int, case: Case, settings: Settings | None) -> list[float]:
    image, mask, *spacing = case
    try:
        return list(extract(image, mask, spacing[0] if spacing else None, settings).values())
    except OsteonError as error:
        error.add_note(f"This was case {at}, counted from 0.")
        raise
