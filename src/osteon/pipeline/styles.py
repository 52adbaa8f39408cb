"""Folds by acquisition style: every model judged on pictures unlike those that it was made from.

The styles are found in development pictures, without a label. What models say of external cases, thresholds and all
else stay with the ordinary folds; this is a second opinion of each model, and the difference is the warning.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.errors import StudyError
from osteon.core.ledger import digest, stream
from osteon.core.version import __version__
from osteon.io import READING, read_image
from osteon.models.inputs.style import clusters, style
from osteon.pipeline.context import Context, Step
from osteon.pipeline.fitting import Dealt, fit_dealt
from osteon.results.evaluate.styles import apart

_RADIOGRAPHS_A_CHUNK = 32


class Styles(Step):
    """Tell the style of every development picture, and deal their cases by it."""

    name = "styles"

    def key(self, at: Context) -> str | None:
        """The pictures, who belongs together, and how many styles."""
        count = at.study.evaluation.styles
        cases = at.cases.development.table
        return digest("styles", READING, cases[["case_id", "sha256", "cluster"]], count, _seed(at)) if count else None

    def make(self, at: Context, key: str) -> list[Path]:
        """Measure, deal and write."""
        cases = at.cases.development.table
        images = list(cases["image"].unique())
        chunks = [images[start : start + _RADIOGRAPHS_A_CHUNK] for start in range(0, len(images), _RADIOGRAPHS_A_CHUNK)]
        pieces = [([at.root / str(image) for image in chunk],) for chunk in chunks]
        told = [one for chunk in at.workers.map("acquisition styles", _told, pieces) for one in chunk]
        measured = pd.DataFrame(told, index=images).loc[list(cases["image"])].reset_index(drop=True)
        dealt = clusters(measured, cases["cluster"].to_numpy(), at.study.evaluation.styles, _seed(at))
        _try(at, dealt)
        found = pd.concat([pd.DataFrame({"case_id": list(cases["case_id"]), "style": dealt}), measured], axis=1)
        return [at.run.write(found, "styles")]

    def forget(self, at: Context) -> None:
        """Take away what an earlier run dealt and fitted."""
        files = [at.run.file(name).name for name in ("styles", "style_predictions", "style_folds")]
        at.run.forget(*files, "models/*/style-*/*", "models/*/seed-*/style-*/*")


def _seed(at: Context) -> int:
    return int(np.random.default_rng([at.study.study.seed, stream("styles")]).integers(2**31))


def _told(images: list[Path]) -> list[dict[str, float]]:
    return [style(read_image(image).pixels) for image in images]


def try_styles(at: Context) -> None:
    """Look whether every model can be fitted without each style, before any is.

    Raises:
        StudyError: The pictures have one style, or a model cannot be fitted without one.
    """
    if at.study.evaluation.styles:
        _try(at, _dealt(at))


def fit_styles(at: Context) -> None:
    """Fit every model without each style in turn, and write what it says of the cases of that style."""
    if not at.study.evaluation.styles:
        return
    cases = at.cases.development.table.reset_index(drop=True)
    dealt = cases.assign(row=np.arange(len(cases)), fold=_dealt(at))
    scores = fit_dealt(at, Dealt(dealt, at.run.style_fold, "each style"))
    said = at.unsealed(pd.concat([scores[model.name] for model in at.study.models], ignore_index=True))
    at.ledger.step("style predictions", digest(said), lambda: [at.run.write(said, "style_predictions")])


def _dealt(at: Context) -> NDArray[np.int64]:
    """The style of each development case, in their order."""
    styles = at.run.read("styles").set_index("case_id")["style"]
    return at.cases.development.table["case_id"].map(styles).to_numpy(dtype=np.int64)


def _try(at: Context, style: NDArray[np.integer]) -> None:
    fix = "Name fewer styles, or none."
    if len(np.unique(style)) < 2:
        raise StudyError("evaluation.styles: the development pictures have one style", fix=fix)
    for each in np.unique(style):
        training = at.development[style != each][["target", "cluster"]]
        if training["target"].nunique() < 2:
            raise StudyError(f"evaluation.styles: without style {each} all cases are of one class", fix=fix)
        for kind in at.kinds:
            kind.try_fold(training)


class Apart(Step):
    """What each model's AUC is over ordinary folds and over styles."""

    name = "style folds"

    def key(self, at: Context) -> str | None:
        """Both sets of predictions, and the level of intervals."""
        if not at.study.evaluation.styles or not at.run.file("style_predictions").is_file():
            return None
        return digest(at.digests("predictions", "style_predictions"), at.study.evaluation, __version__)

    def make(self, at: Context, key: str) -> list[Path]:
        """Compare and write."""
        found = apart(at.run.read("predictions"), at.run.read("style_predictions"), at.study)
        return [at.run.write(found, "style_folds")]
