"""The scikit-learn transformer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from osteon.core.errors import ImageError
from osteon.radiomics import Settings, extract, feature_names
from osteon.radiomics.transformer import RadiomicsTransformer

SETTINGS = Settings(families=("statistics", "glcm"))


def cases(n: int) -> list[tuple[np.ndarray, tuple[int, int, int, int], tuple[float, float]]]:
    rng = np.random.default_rng(0)
    return [(rng.random((20, 20)) ** (1 + i % 2), (2, 3, 15, 18), (0.5, 0.5)) for i in range(n)]


def test_rows_are_extracts() -> None:
    transformer = RadiomicsTransformer(SETTINGS)
    found = transformer.fit_transform(cases(3))
    assert found.shape == (3, len(feature_names(SETTINGS)))
    for row, case in zip(found, cases(3), strict=True):
        assert row.tolist() == list(extract(*case, SETTINGS).values())
    assert RadiomicsTransformer(SETTINGS).transform([case[:2] for case in cases(2)]).shape[0] == 2


def test_names_become_columns() -> None:
    table = RadiomicsTransformer(SETTINGS).set_output(transform="pandas").fit_transform(cases(2))
    assert list(table.columns) == feature_names(SETTINGS)


def test_in_a_pipeline() -> None:
    model = make_pipeline(RadiomicsTransformer(SETTINGS), RobustScaler(), LogisticRegression())
    labels = np.arange(20) % 2
    assert clone(model).fit(cases(20), labels).score(cases(20), labels) == 1


def test_two_workers_give_the_same() -> None:
    one, two = (RadiomicsTransformer(SETTINGS, n_jobs=n).fit_transform(cases(6)) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_the_case_that_failed_is_named() -> None:
    bad = [*cases(2), (np.zeros((5, 5)), np.zeros((5, 5)))]
    with pytest.raises(ImageError, match="empty") as caught:
        RadiomicsTransformer(SETTINGS).fit_transform(bad)
    assert caught.value.__notes__ == ["This was case 2, counted from 0."]
