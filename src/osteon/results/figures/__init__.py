"""Figures: one function each, from tables to a matplotlib Figure; no number is computed here that a table could hold.

:func:`draw_all` draws every figure whose tables a run folder has. A new figure is a function and one entry in `DRAWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from osteon.core.progress import Progress, Quiet
from osteon.core.run import Tables
from osteon.core.types import Pixels
from osteon.core.words import BOX_CHANGES
from osteon.results.evaluate.explanation import CENTRE
from osteon.results.figures.cohort import examples, flow
from osteon.results.figures.discrimination import comparisons, forest, roc, subgroups
from osteon.results.figures.explanation import explanation, explanation_sanity, gallery
from osteon.results.figures.features import selected_features
from osteon.results.figures.instability import instability
from osteon.results.figures.probabilities import calibration, decision, scores
from osteon.results.figures.readers import reader_benefit, reader_confidence, reader_gain, reader_roc, reliance
from osteon.results.figures.robustness import (
    PICTURES,
    robustness,
    robustness_cases,
    robustness_centres,
    robustness_comparisons,
    robustness_pictures,
)
from osteon.results.figures.selective import selective
from osteon.results.figures.style import Look, looks, remove, save
from osteon.study import FiguresSection, Study, load

__all__ = [
    "READERS",
    "calibration",
    "comparisons",
    "decision",
    "draw",
    "draw_all",
    "examples",
    "explanation",
    "explanation_sanity",
    "flow",
    "forest",
    "gallery",
    "instability",
    "reader_benefit",
    "reader_confidence",
    "reader_gain",
    "reader_roc",
    "reliance",
    "robustness",
    "robustness_cases",
    "robustness_centres",
    "robustness_comparisons",
    "robustness_pictures",
    "roc",
    "save",
    "scores",
    "selected_features",
    "selective",
    "subgroups",
]


class _AbsentError(Exception):
    """A figure cannot be drawn because a table is absent or empty."""


@dataclass(frozen=True)
class _Run(Tables):
    """The tables of a run, as figures ask for them."""

    def __getitem__(self, name: str) -> pd.DataFrame:
        found = self.table(name)
        if found is None:
            raise _AbsentError(name)
        return found

    @cached_property
    def _study(self) -> Study | None:
        return load(self.study_file) if self.study_file.is_file() else None

    @cached_property
    def look(self) -> dict[str, Look]:
        """How each model is drawn, by its kind where the study tells."""
        own = None if self._study is None else {model.name: model.drawn for model in self._study.models}
        return looks(self["metrics"]["model"], own)

    @property
    def files(self) -> FiguresSection:
        """Which files each figure is written to."""
        return FiguresSection() if self._study is None else self._study.figures

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return 0.95 if self._study is None else self._study.evaluation.level

    @property
    def course(self) -> Mapping[str, Any]:
        """Who is in, who is out and why."""
        if not self.flow:
            raise _AbsentError("flow")
        return self.flow

    @property
    def called(self) -> str:
        """What the positive class is called."""
        return self.positive or "positive"

    @property
    def reader_level(self) -> float:
        """Confidence level of the reader study's tables."""
        return float(self.reader_study.get("level", 0.95))


DRAWN: dict[str, Callable[[_Run], Figure]] = {
    "flow": lambda run: flow(run.course),
    "roc": lambda run: roc(run["roc"], run["metrics"], run.look, run.called),
    "forest": lambda run: forest(run["metrics"], run.table("heterogeneity"), run.look, run.called, run.level),
    "rotation": lambda run: forest(run["rotation"], run.table("rotation_summary"), run.look, run.called, run.level),
    "instability": lambda run: instability(
        run["instability_cases"], run["instability_curve"], run["instability"], run.look
    ),
    "comparisons": lambda run: comparisons(run["comparisons"], run["metrics"], level=run.level),
    "calibration": lambda run: calibration(
        run["calibration"], run["metrics"], run["scores"], run.look, level=run.level
    ),
    "decision": lambda run: decision(run["decision"], run.look),
    "selective": lambda run: selective(run["selective"], run.look),
    "scores": lambda run: scores(run["scores"], run["operating_points"], run.look),
    "subgroups": lambda run: subgroups(run["subgroups"], look=run.look, called=run.called, level=run.level),
    "examples": lambda run: examples(run["examples"], _pictures(run["examples"]["case_id"], run.thumbnail), run.called),
    "selected_features": lambda run: selected_features(
        run["selected_features"], run.table("selection_stability"), run.look
    ),
    "robustness": lambda run: robustness(_boxes_changed(run), run.look),
    "robustness_centres": lambda run: robustness_centres(_boxes_changed(run), run.look),
    "robustness_pictures": lambda run: robustness_pictures(_pictures_changed(run), run.look),
    "robustness_comparisons": lambda run: robustness_comparisons(run["robustness_comparisons"], level=run.level),
    "robustness_cases": lambda run: robustness_cases(
        run["robustness_examples"],
        _pictures(run["robustness_examples"]["case_id"], run.changed_box),
        run.called,
    ),
    "explanation": lambda run: explanation(run["explanation"], run.table("explanation_sanity"), run.look),
    "explanation_sanity": lambda run: explanation_sanity(_checked_maps(run), run.look),
    "gallery_correct": lambda run: _gallery(run, "correct"),
    "gallery_wrong": lambda run: _gallery(run, "wrong"),
    "gallery_changed": lambda run: _gallery(run, "changed"),
    "reader_roc": lambda run: reader_roc(run["reader_roc"], run["reader_metrics"]),
    "reader_gain": lambda run: reader_gain(run["reader_comparisons"], run.reader_level),
    "reader_benefit": lambda run: reader_benefit(run["reader_benefit"], run.table("reader_covariates")),
    "reliance": lambda run: reliance(run["reliance"], run.reader_level),
    "reader_confidence": lambda run: reader_confidence(run["reader_confidence"], run.reader_level),
}


#: The figures of a reader study.
READERS = ("reader_roc", "reader_gain", "reader_benefit", "reliance", "reader_confidence")


def draw(run: Path, name: str) -> Figure | None:
    """One of :data:`DRAWN` from the tables of a run folder; None where they are absent."""
    try:
        return DRAWN[name](_Run(run))
    except _AbsentError:
        return None


def draw_all(run: Path, *, anew: Iterable[str] | None = None, progress: Progress | None = None) -> list[Path]:
    """Draw every figure whose tables are there into ``figures/``, in the files that the study asks for.

    Args:
        run: The run folder.
        anew: Names of those to draw; others are drawn only where they are absent. All by default.
        progress: Where progress is shown.

    Returns:
        The paths written. Figures of an earlier evaluation that can no longer be drawn are removed.
    """
    content = _Run(run)
    paths: list[Path] = []
    chosen = set(DRAWN if anew is None else anew)
    due = [name for name in DRAWN if name in chosen or not content.figure_file(name).is_file()]
    with (progress or Quiet())(len(due), "drawing figures") as bar:
        for name in due:
            stem = content.figure_file(name, "")
            try:
                paths += save(DRAWN[name](content), stem, also=content.files.also, dpi=content.files.dpi)
            except _AbsentError:
                remove(stem)
            bar.advance()
    return paths


def _pictures(cases: Iterable[str], path_of: Callable[[str], Path]) -> dict[str, Pixels]:
    """The pictures of cases that are there."""
    found = {}
    for case_id in dict.fromkeys(cases):
        path = path_of(case_id)
        if path.is_file():
            picture = np.asarray(matplotlib.image.imread(path), dtype=np.float32)
            found[case_id] = picture if picture.ndim == 2 else picture[..., :3].mean(axis=2)
    return found


def _boxes_changed(run: _Run) -> pd.DataFrame:
    if not set(run["robustness"]["kind"]) & set(BOX_CHANGES):
        raise _AbsentError("robustness")
    return run["robustness"]


def _pictures_changed(run: _Run) -> pd.DataFrame:
    if not set(run["robustness"]["kind"]) & set(PICTURES):
        raise _AbsentError("robustness_pictures")
    return run["robustness"]


def _checked_maps(run: _Run) -> pd.DataFrame:
    if set(run["explanation_sanity"]["check"]) == {CENTRE}:
        raise _AbsentError("explanation_sanity")
    return run["explanation_sanity"]


def _gallery(run: _Run, group: str) -> Figure:
    table, path = run["gallery"], run.gallery(group)
    if not path.is_file():
        raise _AbsentError(path.stem)
    with np.load(path) as arrays:
        return gallery(table[table["group"] == group], dict(arrays), run.called)
