"""A scikit-learn-like class of one's own, on columns of the cohort."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from osteon import study
from osteon.core.errors import InputError, NotEstimableError, StudyError
from osteon.core.types import Floats
from osteon.models.fitted import Folder
from osteon.models.inputs.case import Input
from osteon.models.model import Sealed, register
from osteon.models.tabular import storing
from osteon.models.tabular.columns import box_columns, clinical_columns
from osteon.models.tabular.encoding import Encoder
from osteon.models.tabular.inner import outcome
from osteon.models.tabular.kind import Estimators, Reader, SavedTable, TableKind

#: Whose classes may be made from a file that somebody else wrote.
_COMMON = "sklearn"


class OwnModel:
    """A class of one's own behind the columns' encoding: numbers imputed and scaled, levels a column each.

    Args:
        estimator: Unfitted: ``fit(X, y)`` and ``predict_proba(X)`` on (n, terms) arrays.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit on training cases.

        Raises:
            NotEstimableError: The training cases are of one class.
            InputError: The estimator fails.
        """
        target = outcome(y, len(X)).astype(np.int64)
        self.encoder = Encoder().fit(X)
        try:
            self.estimator.fit(self.encoder.transform(X), target)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise NotEstimableError(f"{type(self.estimator).__name__}.fit says: {error}") from error
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """(n, 2) probabilities.

        Raises:
            InputError: The estimator gives anything else.
        """
        told = np.asarray(self.estimator.predict_proba(self.encoded(X)), dtype=np.float64)
        if told.shape != (len(X), 2) or not ((told >= 0) & (told <= 1)).all():
            given = f"{type(self.estimator).__name__}.predict_proba gives an array of shape {told.shape}"
            raise InputError(
                f"{given} for {len(X)} cases",
                fix="It has to give two columns of probabilities, of the classes 0 and 1.",
            )
        return told

    def encoded(self, X: pd.DataFrame) -> Floats:
        """(n, terms) numbers that it is given."""
        return self.encoder.transform(X)

    def save(self, path: Path) -> None:
        """Write to a ``.skops`` file.

        Raises:
            InputError: The estimator holds what a file without code cannot.
        """
        try:
            storing.save(self, path)
            load(path, type(self.estimator).__module__.partition(".")[0])  # a lambda is written, and never read
        except (TypeError, AttributeError, NotImplementedError, InputError) as error:
            path.unlink(missing_ok=True)
            raise InputError(
                f"{type(self.estimator).__name__} cannot be kept in a file without code ({error})",
                fix="Keep arrays, numbers, texts and scikit-learn's own estimators in it alone.",
            ) from error


def load(path: Folder, package: str) -> OwnModel:
    """Read a fitted estimator.

    Args:
        path: A ``.skops`` file.
        package: Whose classes it may hold beside osteon's.

    Raises:
        InputError: The file is absent, damaged, or holds anything else.
    """
    found: OwnModel = storing.load(path, (OwnModel, Encoder), packages=(package, _COMMON))
    return found


def made(model: study.Python, seed: int = 0) -> OwnModel:
    """The unfitted estimator.

    Raises:
        StudyError: There is no such class, it cannot do what a model must, or does not take the settings.
    """
    place = f"model '{model.name}'"
    module, _, name = model.estimator.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise StudyError(
            f"{place}: no class {model.estimator} can be imported ({error})",
            fix="Write it as package.module:Class, and install the package where osteon runs.",
        ) from None
    if not inspect.isclass(kind) or not all(hasattr(kind, can) for can in ("fit", "predict_proba")):
        raise StudyError(f"{place}: {model.estimator} is no class with fit and predict_proba")
    try:
        seeded = {"random_state": seed} if "random_state" in inspect.signature(kind).parameters else {}
        estimator = kind(**seeded | dict(model.settings))
    except (TypeError, ValueError) as error:
        raise StudyError(f"{place}: {model.estimator} does not take these settings: {error}") from None
    return OwnModel(estimator)


def _columns(model: study.Python, cases: pd.DataFrame) -> pd.DataFrame:
    given = clinical_columns(model, cases)
    return pd.concat([given, box_columns(cases)], axis=1) if model.with_box else given


class SavedOwn(SavedTable):
    """A fitted model of one's own."""

    model: study.Python

    @classmethod
    def reader(cls, model: study.Python) -> Reader:
        """What reads its estimators: classes of its package alone."""
        return partial(load, package=model.package)

    def portable_settings(self) -> study.Python:
        """Its settings.

        Raises:
            InputError: Whoever gets the file would have to run code that the file names.
        """
        return _known(self.model)

    @classmethod
    def restored(cls, model: study.Python, folder: Folder, facts: Mapping[str, Any], contents: str) -> Self:
        """The fitted model from the parts of a portable file.

        Raises:
            InputError: The file names code to be run.
        """
        return super().restored(_known(model), folder, facts, contents)

    def _columns(self, cases: pd.DataFrame, inputs: list[Input], told: Mapping[str, Floats]) -> pd.DataFrame:
        return _columns(self.model, cases)


def _known(model: study.Python) -> study.Python:
    if model.package != _COMMON:
        raise InputError(
            f"model '{model.name}' is a class of '{model.package}', which a model file would have to import",
            fix=f"A model file may name classes of {_COMMON} alone; pass the run folder and the package on instead.",
        )
    return model


@register
class Own(TableKind):
    """``kind = "python"``."""

    Settings = study.Python
    Saved = SavedOwn
    model: study.Python

    def ready(self) -> Mapping[str, str]:
        """Try to make one."""
        made(self.model)
        return {}

    def design(self, cases: Sealed, told: Mapping[str, Floats]) -> pd.DataFrame:
        """The columns that the model names, and the box where it asks for it."""
        return _columns(self.model, cases.table)

    def estimator(self) -> Estimators:
        """Makes unfitted ones."""
        return partial(made, self.model)
