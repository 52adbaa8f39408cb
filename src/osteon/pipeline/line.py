"""``osteon run``: from study.toml and cohort.csv to report.html, each step skipped when nothing it needs changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape

from osteon import study
from osteon.cohort import check as checks
from osteon.core import tables
from osteon.core.errors import InputError, StudyError
from osteon.core.ledger import Ledger, digest, file_digest
from osteon.core.run import RunFolder, Tables
from osteon.core.version import __version__
from osteon.core.workers import Workers
from osteon.models.tabular import radiomics
from osteon.pipeline import ranks
from osteon.pipeline.context import Context, Step
from osteon.pipeline.examples import Thumbnails, Worst
from osteon.pipeline.explanation import Explain, Explanation
from osteon.pipeline.fitting import Folds, deal, fit
from osteon.pipeline.gallery import Gallery
from osteon.pipeline.machine import arithmetic
from osteon.pipeline.perturbation import Perturb, Robustness, box_differences
from osteon.pipeline.planning import Deviations, warn_of_departures
from osteon.pipeline.radiographs import Radiographs
from osteon.pipeline.refits import Instability, Refits, try_refits
from osteon.pipeline.rotation import Rotate, fit_rotations, try_rotations
from osteon.pipeline.styles import Apart, Styles, fit_styles, try_styles
from osteon.results import evaluate as evaluation
from osteon.results import figures, report
from osteon.results.card import card
from osteon.study import Study
from osteon.weights import NOT_COMPARED


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its tables as DataFrames."""

    path: Path

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every model's probability for every case."""
        return RunFolder(self.path).read("predictions")

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Every metric with its interval, by model and stratum."""
        return RunFolder(self.path).read("metrics")

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Every pair of models, by stratum."""
        return RunFolder(self.path).read("comparisons")

    @property
    def report(self) -> Path:
        """The report."""
        return RunFolder(self.path).report_file


class Evaluate(Step):
    """The evaluation tables; a newer osteon, which may know more, makes them again."""

    name = "evaluate"

    def key(self, at: Context) -> str:
        """The predictions, the cohort, and what is asked of them."""
        asked = at.asked
        names = [model.name for model in asked.models]
        inputs = at.digests("predictions", "cohort")
        return digest(inputs, asked.evaluation, asked.task, asked.study, names, __version__)

    def make(self, at: Context, key: str) -> list[Path]:
        """Evaluate and write."""
        return evaluation.evaluate(at.run.read("predictions"), at.run.read("cohort"), at.study).write(at.run.path)


class Figures(Step):
    """Every figure whose tables are there."""

    name = "figures"
    _SUFFIXES = (".csv", ".json", ".toml", ".parquet", ".png")

    def key(self, at: Context) -> str:
        """Every table and picture of the run."""
        run = at.run
        written_after = (run.manuscript.name, run.checklists.name)
        beside = (run.cache.name, "models", "figures", run.provenance_file.name, *written_after)
        found = [path.relative_to(run.path) for path in sorted(run.path.rglob("*")) if path.suffix in self._SUFFIXES]
        return digest({p.as_posix(): file_digest(run.path / p) for p in found if p.parts[0] not in beside})

    def make(self, at: Context, key: str) -> list[Path]:
        """Draw."""
        return figures.draw_all(at.run.path)


def present(at: Context) -> None:
    """Write every model's card, and the report, which links them."""
    run = Tables(at.run.path)
    cards = {at.run.card(model.name): card(run, model.name) for model in at.study.models}
    for path, told in cards.items():
        with tables.written(path) as beside:
            beside.write_text(told, encoding="utf-8")
    at.run.forget("cards/*.md", but=set(cards))
    report.write(at.run.path)
    at.workers.progress.say("[green]✓[/] tables, figures and report")


def begin(at: Context) -> None:
    """Find what models start from, read the cohort, and try the folds; nothing is written."""
    _try(at)
    at.run.sweep()
    at.check()
    deal(at)
    try_rotations(at)
    try_refits(at)
    warn_of_departures(at)
    for name, why in at.left_out.items():
        said = escape(f"'{name}' is left out, since the study names no models: {why}")
        at.workers.progress.say(f"[yellow]![/] {said}")
    for name, told in at.sealing.items():
        if told == NOT_COMPARED:
            at.workers.progress.say(escape(f"! '{name}': {told}; 'osteon pretrain' compares them with --for"))


def measure(at: Context) -> None:
    """What does not depend on folds or labels: radiomics features and their reliability."""
    _tell_engines(at)
    for kind in at.kinds:
        kind.measure(at.cases)


def _tell_engines(at: Context) -> None:
    """Say why a frozen backbone runs on no other engine, and which models are made anew since theirs has changed."""
    before = Tables(at.run.path).provenance.get("engines", {})
    for name, engine in at.engines.items():
        if name in before and before[name] != engine:
            told = f"'{name}' was made with {before[name]}, and runs on {engine} here: it is made anew"
        elif " (" in engine:
            told = f"'{name}' runs on {engine}"
        else:
            continue
        at.workers.progress.say(f"[yellow]![/] {escape(told)}")


def sign(at: Context) -> None:
    """Write study and cohort, and what the run is made from, once the predictions are theirs.

    A run that was refused or killed keeps those of the last.
    """
    sealed = {name: {"sealed": said} for name, said in at.sealing.items()}
    started = {name: {**found, **sealed.get(name, {})} for name, found in at.started.items()}
    at.asked.write(at.run.study_file)
    at.write_checked()
    found = _agreement(at.study)
    if found is None:
        at.run.forget(at.run.file("annotator_agreement").name)
    else:
        at.run.write(found, "annotator_agreement")
    at.ledger.note(
        seed=at.study.study.seed,
        synthetic=bool(at.flow.get("synthetic", False)),
        hashes={
            "cohort": file_digest(at.study.cohort_path),
            "pictures": digest(sorted(set(at.cases.table["sha256"]))),
            "weights": {name: found["weights"] for name, found in sorted(started.items()) if "weights" in found},
        },
        started={name: found for name, found in sorted(started.items()) if found},
        machine=arithmetic(at.study.compute) if at.workers.cluster is None else {},
        engines=at.engines,
    )


def _try(at: Context) -> None:
    """Try what models start from, and read the tables beside the cohort that the study names."""
    at.try_models()
    box_differences(at.study)
    _agreement(at.study)


def _agreement(study: Study) -> pd.DataFrame | None:
    """How well those who drew the boxes agree, where the study names the table.

    Raises:
        TableError: It is absent or breaks its contract.
    """
    path = study.study.agreement
    return tables.read(study.folder / path, tables.ANNOTATOR_AGREEMENT) if path else None


#: Sections of a study that its models are made from.
_FITTED = ("task", "centres", "crop", "models", "compute", "evaluation")
#: The line. Everything above the probabilities sees no external label; everything below `fit` can be made again from
#: tables, but for pictures.
FIT: tuple[Callable[[Context], None], ...] = (
    begin, measure, Folds(), Styles(), try_styles, fit, sign, Evaluate(), Deviations(), fit_styles, Apart(),
    fit_rotations, Rotate(), Refits(), Instability(),
)  # fmt: skip
PERTURB = (Perturb(), Robustness(), Worst())
EXPLAIN = (Explain(), Explanation(), Gallery())
PRESENT = (Thumbnails(), Radiographs(), Figures(), present)


def run(study_path: str | Path, *, workers: Workers | None = None) -> Run:
    """Run a whole study, or what is left of it.

    Args:
        study_path: A ``study.toml``.
        workers: Who does the work; one core without a progress bar by default.

    Returns:
        The run.

    Raises:
        InputError: Something the user supplied is wrong; nothing half-written is left.
    """
    return walk((*FIT, *PERTURB, *EXPLAIN, *PRESENT), study.load(study_path), workers)


def perturb(study_path: str | Path, *, workers: Workers | None = None) -> Run:
    """Predict external cases under changes of box and picture, after fitting what is not fitted yet, and report.

    Raises:
        InputError: As for :func:`run`, or the study asks for no changes.
    """
    settings = study.load(study_path)
    if not settings.robustness.repeats:
        raise StudyError(
            "the study asks for no changes", file=study_path, fix="Set 'repeats' in [robustness] to 1 or more."
        )
    return walk((*FIT, *PERTURB, *PRESENT), settings, workers)


def explain(study_path: str | Path, *, workers: Workers | None = None) -> Run:
    """Map where networks look in external cases, after fitting what is not fitted yet, and report.

    Raises:
        InputError: As for :func:`run`, or the study asks for no maps.
    """
    settings = study.load(study_path)
    if not settings.explain.cases:
        raise StudyError(
            "the study asks for no maps", file=study_path, fix="Set 'cases' in [explain] to 1 or more, or -1."
        )
    return walk((*FIT, *EXPLAIN, *PRESENT), settings, workers)


def evaluate(path: str | Path, *, workers: Workers | None = None) -> Run:
    """Everything after the waist: from predictions.csv and cohort.csv to tables, figures and the report.

    Args:
        path: A study file, or the folder of a study or of a run; a run needs no picture and no network.
        workers: Who says what is done.

    Raises:
        InputError: Nothing has been run, or the study asks for other models than those that were.
    """
    workers = workers or Workers()
    settings = study.load(path).as_run()
    run_folder = RunFolder(settings.run_path)
    if not run_folder.file("predictions").is_file():
        raise StudyError(
            "nothing has been run yet: there is no predictions.csv",
            file=run_folder.path,
            fix="Run 'osteon run' first, or give the folder of a finished run.",
        )
    _settle(settings, Path(path), run_folder, workers)
    if Ledger(run_folder).edited("predictions"):
        workers.progress.say("[yellow]![/] predictions.csv was changed by hand; it is evaluated as it is")
    return walk(
        (Evaluate(), Deviations(), Apart(), Rotate(), Instability(), Robustness(), Explanation(), Figures(), present),
        settings,
        workers,
    )


def check(
    settings: Study, *, workers: Workers, images: bool = True, shown: Callable[[checks.Checked], None] | None = None
) -> checks.Checked:
    """Read every row and every picture, and refuse whatever :func:`run` would refuse before the first fit.

    Args:
        settings: The study.
        workers: Who reads the pictures.
        images: Whether to read pictures.
        shown: Told who is in and who is out, before folds are dealt and models are tried.

    Raises:
        InputError: The study cannot be run.
    """
    at = Context.of(settings, workers)
    checked = at.check(images=images)
    if shown is not None:
        shown(checked)
    deal(at)
    try_rotations(at)
    try_refits(at)
    _try(at)
    at.write_checked()
    return checked


def features(study_path: str | Path, *, workers: Workers | None = None) -> Path:
    """Compute the radiomics features of every case, with the study's radiomics settings or the default ones.

    Returns:
        ``features.csv``.
    """
    settings = study.load(study_path)
    at = Context.of(settings, _threaded(workers, settings))
    at.check()
    return radiomics.measure(at, at.cases)


def _settle(settings: Study, path: Path, run_folder: RunFolder, workers: Workers) -> None:
    """Let a finished run be evaluated as its study file asks now, if that asks for no other model."""
    own, file = run_folder.study_file, path / "study.toml" if path.is_dir() else path
    asked = settings.relocated(run_folder.path)
    if own.is_file() and not own.samefile(file):
        made = study.load(own)
        for section in _FITTED:
            if _fitted_from(made, section) != _fitted_from(asked, section):
                raise StudyError(
                    f"[{section}] has changed since the run, and other models would have to be fitted",
                    file=file,
                    fix="Run 'osteon run', which fits no more than it has to.",
                )
        asked.write(own)
        return
    beside = run_folder.path.parent / "study.toml"
    if not beside.is_file():
        return
    try:
        other = study.load(beside)
    except InputError:
        return
    if other.run_path.resolve() == run_folder.path.resolve() and other.evaluation != settings.evaluation:
        workers.progress.say(
            f"[yellow]![/] {beside} asks for another evaluation than the run's own study.toml; "
            f"'osteon evaluate {beside}' follows it"
        )


def _fitted_from(settings: Study, section: str) -> Any:
    """The part of a section that models depend on."""
    content = getattr(settings, section)
    return (
        (content.folds, content.fold_column, content.styles, content.rotate, content.refits)
        if section == "evaluation"
        else content
    )


def walk(steps: Sequence[Callable[[Context], None]], settings: Study, workers: Workers | None = None) -> Run:
    """Take a study through some of the steps, in one process, or in the first of several that share its gradients.

    Args:
        steps: Such as :data:`FIT`, in the order of the line.
        settings: The study.
        workers: Who does the work.
    """
    workers = _threaded(workers, settings)
    at = Context.of(settings, workers)

    def go() -> Run:
        for step in steps:
            step(at)
        return Run(at.run.path)

    return ranks.first(go, workers.threads) or Run(at.run.path)


def _threaded(workers: Workers | None, settings: Study) -> Workers:
    """Workers with the study's threads a unit."""
    workers = workers or Workers()
    workers.threads = settings.compute.threads
    return workers
