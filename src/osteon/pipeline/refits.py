"""Prediction instability: the whole way from development patients to every model, gone again on bootstrap samples.

A refit draws development patients with replacement, deals them to folds, and tunes and fits every model on them as the
study does (Riley & Collins 2023). What it says of a case comes from those of its folds' models that have not seen it:
the one whose fold the case is held out in, or all of them. The models are thrown away; what they say stays in the
cache, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from osteon.core.errors import StudyError
from osteon.core.ledger import digest, stream
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.core.words import counted
from osteon.models.model import Given, Kind, Unit
from osteon.models.unit import RECIPE_VERSION
from osteon.pipeline.context import Context, Step, save_array
from osteon.pipeline.fitting import Dealt, deal, in_folds, namesake, units_of
from osteon.results.evaluate.instability import instability

#: How many samples are drawn to see whether any can be used, and how often one is drawn anew that cannot.
_TRIED, _AGAIN = 20, 100
_TABLES = ("refits", "instability", "instability_cases", "instability_curve")


def try_refits(at: Context) -> None:
    """Look whether models can be made from bootstrap samples of the patients, before any is.

    Raises:
        StudyError: There are too few patients of a class.
    """
    for number in range(min(_TRIED, at.study.evaluation.refits)):
        drawn(at, number)


@dataclass(frozen=True, eq=False)
class Sample:
    """A bootstrap sample of development patients, dealt to folds.

    Attributes:
        number: Which.
        dealt: All cases; those that were not drawn stand with the external ones.
        anew: How many samples before it could not be used.
    """

    number: int
    dealt: Dealt
    anew: int

    @property
    def key(self) -> str:
        """Who is in it, how often, and in which fold."""
        return digest(self.number, self.dealt.cases[["case_id", "cluster", "fold"]], self.dealt.times)


def drawn(at: Context, number: int) -> Sample:
    """Draw as many patients as there are, with replacement, until all models can be made from them.

    Raises:
        StudyError: They never can.
    """
    development = at.cases.development.table
    patients, of_case = np.unique(development["cluster"], return_inverse=True)
    rng = np.random.default_rng([at.study.study.seed, stream("refits"), number])
    told: StudyError | None = None
    for anew in range(_AGAIN):
        taken = np.bincount(rng.integers(len(patients), size=len(patients)), minlength=len(patients))
        times = np.zeros(len(at.cases.table), dtype=np.int64)
        times[development["row"]] = taken[of_case]
        other = at.learning_from(times > 0)
        try:
            folds = deal(other, (stream("refits"), number))
        except StudyError as error:
            told = error
            continue
        return Sample(number, Dealt(in_folds(other, folds), at.run.fold, times=times, draw=(number,)), anew)
    assert told is not None
    raise StudyError(
        f"evaluation.refits: of {_AGAIN} bootstrap samples of the patients none could be used; {told.what}",
        fix="Take fewer folds or refits = 0.",
    )


class Refits(Step):
    """``refits.parquet``: what every model says of every case, made anew on each sample."""

    name = "refits"

    def key(self, at: Context) -> str | None:
        """Whom samples are drawn from and dealt to, and what each model is made from."""
        asked, cases = at.study.evaluation, at.cases.table
        if not asked.refits:
            return None
        drawn_from = at.development[[name for name in ("case_id", "cluster", "target", "site") if name in cases]]
        told = dict.fromkeys((model.name for model in at.study.models), np.full(len(cases), 0.5))  # a stand-in
        shown = [_shown(at, kind, _given(at, kind, told), cases) for kind in _made_again(at)]
        return digest(drawn_from, asked.refits, asked.folds, shown)

    def make(self, at: Context, key: str) -> list[Path]:
        """Go the whole way again and write."""
        cases = at.cases.table["case_id"]
        samples = [drawn(at, number) for number in range(at.study.evaluation.refits)]
        anew = sum(sample.anew for sample in samples)
        if anew:
            told = f"{counted(anew, 'bootstrap sample')} had too few patients of a class and were drawn anew"
            at.workers.progress.say(f"[yellow]![/] {told}")
        found = _refitted(at, samples)
        frames = [
            pd.DataFrame({"case_id": list(cases), "model": name, "refit": number, "probability": row})
            for name, rows in found.items()
            for number, row in enumerate(rows)
        ]
        return [at.run.write(pd.concat(frames, ignore_index=True), "refits")]

    def forget(self, at: Context) -> None:
        """Take away what an earlier run made."""
        at.run.forget(*(at.run.file(name).name for name in _TABLES))

    def said(self, at: Context, fresh: bool) -> str:
        """How many samples and models, and which are left as they are."""
        models = at.study.models
        once = [model.name for model in models if at.study.made_once(model)]
        but = f", but {', '.join(once)}" if once else ""
        done = "made" if fresh else "unchanged"
        return f"models made again on {at.study.evaluation.refits} bootstrap samples of patients{but} ({done})"


def _made_again(at: Context) -> list[Kind]:
    """The models that are, those that are made from others last."""
    kinds = [kind for kind in at.kinds if not at.study.made_once(kind.model)]
    return sorted(kinds, key=lambda kind: bool(kind.model.needs))


def _given(at: Context, kind: Kind, told: Mapping[str, Floats]) -> list[Given]:
    """What a model is fitted on, by training seed."""
    return [kind.given(at.cases, told, seed) for seed in range(kind.seeds)]


def _shown(at: Context, kind: Kind, given: Sequence[Given], cases: pd.DataFrame) -> str:
    """Digest of all that a model is fitted on and asked about, but for who is in a sample."""
    seen = [[one.learned(cases), one.shown(cases), one.settings(), one.precision()] for one in given]
    return digest(RECIPE_VERSION, kind.model.as_fitted(), at.study.study.seed, namesake(at, kind.model), seen)


def _refitted(at: Context, samples: Sequence[Sample]) -> dict[str, Floats]:
    """(refits, cases) probabilities by model, in the order of the study."""
    found: dict[str, Floats] = {}
    cases, labels = at.cases.table, digest(at.labels.to_numpy())
    for kind in _made_again(at):
        once = None if kind.model.needs else _given(at, kind, {})
        shown = "" if once is None else _shown(at, kind, once, cases)
        parts: list[Path] = []
        pieces = []
        for sample in samples:
            given = once or _given(at, kind, {name: found[name][sample.number] for name in kind.model.needs})
            key = digest(shown or _shown(at, kind, given, cases), sample.key, labels)
            parts.append(at.run.cache / f"refits-{kind.model.name}" / f"{key[:32]}.npy")
            if not parts[-1].is_file():
                pieces.append((parts[-1], units_of(at, kind, given, sample.dealt), len(cases)))
        at.workers.map(f"{kind.model.name}, refits", _refit, pieces)
        found[kind.model.name] = np.stack([np.load(part) for part in parts])
    return {model.name: found[model.name] for model in at.study.models if model.name in found}


def _refit(part: Path, units: Sequence[Unit], count: int) -> None:
    """Fit a model's folds on a sample and write (n,) what those say of each case that have not seen it."""
    total, told = np.zeros(count), np.zeros(count)
    for unit in units:
        with TemporaryDirectory(prefix="osteon-refit-") as folder:
            here = replace(unit, folder=Path(folder))
            here.given.fit(here)
            unseen = unit.unseen["row"].to_numpy()
            total[unseen] += here.given.tell(here)
            told[unseen] += 1
    save_array(part, total / told)


class Instability(Step):
    """How far each prediction hangs on who was in development."""

    name = "instability"
    _FROM = ("refits", "predictions", "operating_points")

    def key(self, at: Context) -> str | None:
        """What refits and models say, and what is asked of it."""
        if not at.study.evaluation.refits or not at.run.file("refits").is_file():
            return None
        names = [model.name for model in at.study.models]
        return digest(at.digests(*self._FROM), at.study.evaluation, names, __version__)

    def make(self, at: Context, key: str) -> list[Path]:
        """Measure and write."""
        again, said, points = (at.run.read(name) for name in self._FROM)
        return instability(again, said, points, at.study).write(at.run.path)
