"""Leave one centre out: every centre held out once, and every model made from all others.

A secondary analysis. It learns from labels of centres that are sealed to the study's own models, and so it begins when
those and their evaluation are written, and nothing that they say depends on it. A rotation is the study itself with
other roles (:meth:`osteon.pipeline.context.Context.learning_from`): the labels of its held-out centre are as sealed to
it as those of external centres are to the study.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from osteon.core import tables
from osteon.core.errors import StudyError
from osteon.core.ledger import digest
from osteon.core.version import __version__
from osteon.pipeline.context import Context, Step
from osteon.pipeline.fitting import Dealt, deal, fit_dealt, in_folds
from osteon.results.evaluate.rotation import rotation

_TABLES = ("rotation_predictions", "rotation", "rotation_summary")
_FOLDERS = ("models/*/rotation-*/fold-*/*", "models/*/rotation-*/seed-*/fold-*/*")


def try_rotations(at: Context) -> None:
    """Look whether every model can be made without each centre, before any is.

    Raises:
        StudyError: There is one centre, or a model cannot be made without one of them.
    """
    if not at.study.evaluation.rotate:
        return
    centres = _centres(at)
    if len(centres) < 2:
        raise StudyError(
            f"evaluation.rotate: there is one centre, '{centres[0]}', and nothing to make models from without it",
            fix="Take rotate = true out.",
        )
    for centre in centres:
        try:
            deal(_without(at, centre))
        except StudyError as error:
            raise StudyError(
                f"evaluation.rotate, with centre '{centre}' held out: {error.what}",
                fix="Take fewer folds or rotate = false, or leave a model out; the main analysis needs no rotation.",
            ) from None


def fit_rotations(at: Context) -> None:
    """Make every model without each centre in turn, and write what it says of that centre."""
    if not at.study.evaluation.rotate:
        at.run.forget(*(at.run.file(name).name for name in _TABLES), *_FOLDERS)
        return
    at.run.read("metrics")  # the study's own models and their evaluation come first
    found = [_rotated(at, centre) for centre in _centres(at)]
    known = {at.run.rotated_fold(centre, "", 0, 0).parent.name for centre in _centres(at)}
    gone = {path for pattern in _FOLDERS for path in at.run.path.glob(pattern) if not known & set(path.parts)}
    for path in gone:
        path.unlink()
    said = pd.concat(found, ignore_index=True)[list(tables.ROTATION_PREDICTIONS.columns)]
    at.ledger.step("rotation predictions", digest(said), lambda: [at.run.write(said, "rotation_predictions")])


def _centres(at: Context) -> list[str]:
    """All centres of the study, in the order of the cases."""
    return [str(name) for name in at.cases.table["centre"].unique()]


def _without(at: Context, centre: str) -> Context:
    """The study that learns from no case of a centre, nor from one that shares a patient or a picture with it."""
    cases = at.cases.table
    there = cases["centre"] == centre
    return at.learning_from((~cases["cluster"].isin(cases.loc[there, "cluster"])).to_numpy())


def _rotated(at: Context, centre: str) -> pd.DataFrame:
    """What every model says that was made without a centre: of its cases, and of all others out of fold."""
    other = _without(at, centre)

    def folder(name: str, seed: int, fold: int) -> Path:
        return at.run.rotated_fold(centre, name, seed, fold)

    scores = fit_dealt(other, Dealt(in_folds(other, deal(other)), folder, f"centre {centre}"))
    said = other.unsealed(pd.concat([scores[model.name] for model in at.study.models], ignore_index=True))
    shared = (said["split"] == "external") & (said["centre"] != centre)  # by a patient or a picture, with the centre
    return said[~shared].assign(rotation=centre)


class Rotate(Step):
    """How well models travel from all other centres to each."""

    name = "rotation"

    def key(self, at: Context) -> str | None:
        """What they say, and what is asked of it."""
        if not at.study.evaluation.rotate or not at.run.file("rotation_predictions").is_file():
            return None
        names = [model.name for model in at.study.models]
        return digest(at.digests("rotation_predictions"), at.study.evaluation, names, __version__)

    def make(self, at: Context, key: str) -> list[Path]:
        """Evaluate and write."""
        return rotation(at.run.read("rotation_predictions"), at.study).write(at.run.path)

    def said(self, at: Context, fresh: bool) -> str:
        """How many centres."""
        return f"secondary analysis: each of {at.run.read('rotation')['stratum'].nunique()} centres held out once"
