"""A class of one's own in a study: what it is made from, what is refused, and what a file may name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from osteon import study
from osteon.core.errors import InputError, NotEstimableError, OsteonError, StudyError
from osteon.models.tabular.encoding import Encoder
from osteon.models.tabular.own import OwnModel, SavedOwn, load, made
from osteon.pipeline import Workers, check
from small_study import STUDY, make


class Nearest:
    """The outcome of the nearest training case, softened."""

    def __init__(self, soft: float = 0.1) -> None:
        self.soft = soft

    def fit(self, X: np.ndarray, y: np.ndarray) -> Nearest:
        self.X, self.y = X, y
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        nearest = ((X[:, None] - self.X) ** 2).sum(axis=-1).argmin(axis=1)
        positive = np.where(self.y[nearest] == 1, 1 - self.soft, self.soft)
        return np.column_stack([1 - positive, positive])


class Shapeless(Nearest):
    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return super().predict_proba(X)[:, 1]


class Weak(Nearest):
    def fit(self, X: np.ndarray, y: np.ndarray) -> Nearest:
        raise ValueError("too little to learn from")


class Held(Nearest):
    """Keeps a function, which no file without code can hold."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Nearest:
        self.rule = lambda x: x
        return super().fit(X, y)


TABLE = pd.DataFrame({"age": [5, 20, 33, 41, 52, 67, 70, 80], "sex": [*"FMFMFMF", ""]})
TARGET = [0, 0, 1, 0, 1, 0, 1, 1]


def settings(estimator: str, **more: Any) -> study.Python:
    given = {"name": "own", "estimator": estimator, "variables": ("age", "sex"), **more}
    return study.Python(**given)


def test_it_learns_from_what_the_columns_encoding_makes_and_comes_back_from_its_file(tmp_path: Path) -> None:
    encoder = Encoder().fit(TABLE)
    forest = RandomForestClassifier(n_estimators=7, random_state=5).fit(encoder.transform(TABLE), TARGET)
    model = made(settings("sklearn.ensemble:RandomForestClassifier", settings={"n_estimators": 7}), seed=5)
    model.fit(TABLE, TARGET)
    np.testing.assert_array_equal(model.predict_proba(TABLE), forest.predict_proba(encoder.transform(TABLE)))
    for name in ("a.skops", "b.skops"):
        model.save(tmp_path / name)
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()
    back = load(tmp_path / "a.skops", "sklearn")
    np.testing.assert_array_equal(back.predict_proba(TABLE), model.predict_proba(TABLE))


def test_a_class_from_anywhere_does_and_a_file_may_name_no_other_package(tmp_path: Path) -> None:
    model = made(settings(f"{__name__}:Nearest", settings={"soft": 0.2})).fit(TABLE, TARGET)
    assert set(model.predict_proba(TABLE)[:, 1]) == {0.2, 0.8}
    model.save(tmp_path / "own.skops")
    own = __name__.partition(".")[0]
    np.testing.assert_array_equal(load(tmp_path / "own.skops", own).predict_proba(TABLE), model.predict_proba(TABLE))
    with pytest.raises(InputError, match="not an estimator of osteon's"):
        load(tmp_path / "own.skops", "sklearn")


@pytest.mark.parametrize(
    ("estimator", "more", "message"),
    [
        ("no_such_package:Class", {}, "can be imported.*no_such_package"),
        ("sklearn.ensemble:Forrest", {}, "can be imported"),
        ("sklearn.preprocessing:StandardScaler", {}, "no class with fit and predict_proba"),
        ("math:sqrt", {}, "no class with fit"),
        ("sklearn.ensemble:RandomForestClassifier", {"trees": 3}, "does not take these settings.*trees"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_fitted(
    estimator: str, more: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        made(settings(estimator, settings=more))


def test_a_check_refuses_it_too(tmp_path: Path) -> None:
    extra = (
        '[[models]]\nkind = "python"\nname = "own"\nestimator = "nowhere:Class"\nvariables = ["age"]\n\n[evaluation]'
    )
    path = make(tmp_path, study=STUDY.replace("[evaluation]", extra))
    with pytest.raises(StudyError, match="no class nowhere:Class can be imported"):
        check(study.load(path), workers=Workers())


@pytest.mark.parametrize(
    ("given", "message"),
    [({"variables": ()}, "would see nothing"), ({"estimator": "sklearn.ensemble"}, "pattern")],
)
def test_settings_that_make_no_sense(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study.Python(**{"name": "own", "estimator": "a.b:C", "variables": ("age",), **given})


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        (Shapeless, InputError, r"predict_proba gives an array of shape \(8,\) for 8 cases"),
        (Weak, NotEstimableError, "Weak.fit says: too little to learn from"),
    ],
)
def test_a_class_that_does_not_do_what_it_must_is_named(
    kind: type[Nearest], error: type[OsteonError], message: str
) -> None:
    with pytest.raises(error, match=message):
        OwnModel(kind()).fit(TABLE, TARGET).predict_proba(TABLE)


def test_what_no_file_can_hold_is_said(tmp_path: Path) -> None:
    model = OwnModel(Held()).fit(TABLE, TARGET)
    with pytest.raises(InputError, match="Held cannot be kept in a file without code"):
        model.save(tmp_path / "own.skops")
    assert not list(tmp_path.iterdir())


def test_a_portable_file_names_no_code_but_scikit_learns(tmp_path: Path) -> None:
    own = settings("mine.models:Net")
    with pytest.raises(InputError, match="a class of 'mine'"):
        SavedOwn(own, ((tmp_path,),), "").portable_settings()
    with pytest.raises(InputError, match="a class of 'mine'"):
        SavedOwn.restored(own, tmp_path, {"seeds": 1, "folds": 1}, "")
    common = settings("sklearn.ensemble:ExtraTreesClassifier")
    assert SavedOwn(common, ((tmp_path,),), "").portable_settings() == common
