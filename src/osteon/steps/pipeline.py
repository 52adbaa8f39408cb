"""``osteon run``: from study.toml and cohort.csv to report.html, each step skipped when nothing it needs has changed.

The external line is drawn here. `sealed` takes the labels off; everything up to the probabilities works on what it
returns, and `development_labels` are added for the training cases of each fold alone. External labels come back in
`unsealed`, after the last model is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from osteon import check as checks
from osteon import crops, figures, report, study, tables, weights
from osteon import evaluate as evaluation
from osteon.errors import StudyError
from osteon.evaluate.robustness import robustness
from osteon.io import read_image
from osteon.steps import ranks
from osteon.steps.folder import Ledger, RunFolder, digest, file_digest, stream, write_json
from osteon.steps.pictures import boxes
from osteon.steps.units import run_unit
from osteon.steps.workers import Workers
from osteon.study import Crop, Network, Radiomics, Study
from osteon.version import __version__

#: What tells the diagnosis, or is made from it.
_ANSWERS = ("label", "target", "subtype")
#: Example pictures: pixels a side, and surroundings as a fraction of the box's side.
_THUMBNAIL, _SURROUNDINGS = 192, 0.5


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its tables as DataFrames."""

    path: Path

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every model's probability for every case."""
        return tables.read(self.path / "predictions.csv", tables.PREDICTIONS)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Every metric with its interval, by model and stratum."""
        return tables.read(self.path / "metrics.csv", tables.METRICS)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Every pair of models, by stratum."""
        return tables.read(self.path / "comparisons.csv", tables.COMPARISONS)

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"


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
    return _on_ranks(study.load(study_path), workers or Workers(), _run)


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
    return _on_ranks(settings, workers or Workers(), _run_perturbed)


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
    return _on_ranks(settings, workers or Workers(), _run_explained)


def _on_ranks(settings: Study, workers: Workers, work: Callable[[Study, Workers], Run]) -> Run:
    """Do the work in one process, or in the first of several that share its gradients."""
    workers.threads = settings.compute.threads
    if not ranks.several():
        return work(settings, workers)
    if ranks.join(workers.threads) > 0:
        ranks.follow(run_unit)
        return Run(settings.run_path)
    try:
        return work(settings, workers)
    finally:
        ranks.part()


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A study whose models are fitted and evaluated.

    Attributes:
        settings: The study.
        cases: All cases with their labels.
        resolved: Each network's weights.
        folder: The run folder.
        ledger: What is current.
    """

    settings: Study
    cases: pd.DataFrame
    resolved: dict[str, weights.Resolved]
    folder: RunFolder
    ledger: Ledger


def _run(settings: Study, workers: Workers) -> Run:
    fitted = _fitted(settings, workers)
    _perturb(fitted, workers)
    _explain(fitted, workers)
    _thumbnails(settings, fitted.cases, fitted.folder, fitted.ledger)
    return _present(fitted.folder, fitted.ledger, workers)


def _run_perturbed(settings: Study, workers: Workers) -> Run:
    fitted = _fitted(settings, workers)
    _perturb(fitted, workers)
    return _present(fitted.folder, fitted.ledger, workers)


def _run_explained(settings: Study, workers: Workers) -> Run:
    fitted = _fitted(settings, workers)
    _explain(fitted, workers)
    return _present(fitted.folder, fitted.ledger, workers)


def _explain(fitted: _Fitted, workers: Workers) -> None:
    """Where each network looks in external cases."""
    from osteon.steps import explanation

    explanation.explain(fitted.settings, fitted.cases, fitted.resolved, fitted.folder, fitted.ledger, workers)


def _perturb(fitted: _Fitted, workers: Workers) -> None:
    """External cases under changes of box and picture: predicted, measured, and the worst of them cut out."""
    from osteon.steps.robustness import perturbed
    from osteon.steps.worst import show

    settings, folder, ledger = fitted.settings, fitted.folder, fitted.ledger
    perturbed(settings, sealed(fitted.cases), fitted.resolved, folder, ledger, workers)
    _evaluate_robustness(folder, ledger)
    show(settings, fitted.cases, folder, ledger)


def _fitted(settings: Study, workers: Workers) -> _Fitted:
    """Check, deal, fit, predict and evaluate, or what is left of it."""
    from osteon.steps import fitting
    from osteon.steps.extraction import feature_tables, reliable_features

    folder = RunFolder(settings.run_path)
    resolved = _resolve_weights(settings)
    folder.sweep()
    checked = check(settings, workers=workers)
    ledger = Ledger(folder)
    _write_study(settings, folder)
    cases = _with_image_facts(checked)
    ledger.note(
        seed=settings.study.seed,
        synthetic=bool(checked.flow.get("synthetic", False)),
        hashes={
            "cohort": file_digest(settings.cohort_path),
            "pictures": digest(sorted(set(cases["sha256"]))),
            "weights": {name: found.sha256 for name, found in sorted(resolved.items())},
        },
    )
    folds = _folds(settings, cases, folder, ledger)
    asking = [model for model in settings.models if isinstance(model, Radiomics)]
    features = feature_tables(asking, sealed(cases), settings, folder, ledger, workers)
    development = sealed(cases[cases["split"] == "development"])
    reliable = reliable_features(asking, development, settings, folder, ledger, workers)
    scores = fitting.fit_models(
        settings, sealed(cases), development_labels(cases), folds, features, reliable, resolved, folder, ledger, workers
    )
    tables.write(unsealed(cases, scores), folder / "predictions.csv", tables.PREDICTIONS)
    workers.progress.say("[green]✓[/] predictions of every model")
    _evaluate(folder, ledger)
    return _Fitted(settings, cases, resolved, folder, ledger)


def features(study_path: str | Path, *, workers: Workers | None = None) -> Path:
    """Compute the radiomics features of every case, with the study's radiomics settings or the default ones.

    Returns:
        ``features.csv``.
    """
    from osteon.steps.extraction import feature_tables

    settings = study.load(study_path)
    workers = workers or Workers()
    workers.threads = settings.compute.threads
    folder = RunFolder(settings.run_path)
    cases = _with_image_facts(check(settings, workers=workers))
    asking = [model for model in settings.models if isinstance(model, Radiomics)] or [Radiomics()]
    feature_tables(asking, sealed(cases), settings, folder, Ledger(folder), workers)
    return folder / "features.csv"


def check(settings: Study, *, workers: Workers, images: bool = True, write: bool = True) -> checks.Checked:
    """Read every row and every picture; write the cases that are in, the flow and the baseline table."""
    folder = RunFolder(settings.run_path)
    checked = checks.check(settings, images=images, jobs=workers.jobs, progress=workers.progress, cache=folder.cache)
    if write:
        tables.write(checked.cohort, folder / "cohort.csv", tables.COHORT)
        tables.write(checked.excluded, folder / "excluded.csv", tables.EXCLUDED)
        write_json(folder / "flow.json", checked.flow)
        tables.write(checked.baseline, folder / "baseline.csv", tables.BASELINE)
    return checked


def evaluate(run_path: Path, *, workers: Workers | None = None) -> Run:
    """Everything after the waist: from predictions.csv and cohort.csv to tables, figures and the report."""
    folder = RunFolder(Path(run_path))
    _evaluate(folder, Ledger(folder))
    _evaluate_robustness(folder, Ledger(folder))
    return _present(folder, Ledger(folder), workers or Workers())


def _evaluate(folder: RunFolder, ledger: Ledger) -> None:
    """The evaluation tables; a newer osteon, which may know more, makes them again."""
    settings = study.load(folder / "study.toml")
    predictions = tables.read(folder / "predictions.csv", tables.PREDICTIONS)
    cohort = tables.read(folder / "cohort.csv", tables.COHORT)
    inputs = [file_digest(folder / name) for name in ("predictions.csv", "cohort.csv")]
    names = [model.name for model in settings.models]
    key = digest(inputs, settings.evaluation, settings.task, settings.study, names, __version__)
    ledger.step("evaluate", key, lambda: evaluation.evaluate(predictions, cohort, settings).write(folder.path))


def _evaluate_robustness(folder: RunFolder, ledger: Ledger) -> None:
    """The robustness tables, where there are perturbed predictions."""
    if not (folder / "perturbed.parquet").is_file():
        return
    settings = study.load(folder / "study.toml")
    names = ("perturbed.parquet", "predictions.csv", "operating_points.csv")
    inputs = [file_digest(folder / name) for name in names]
    key = digest(inputs, settings.evaluation, settings.centres, settings.study, __version__)

    def measure() -> list[Path]:
        changed = tables.read(folder / names[0], tables.PERTURBED)
        drawn = tables.read(folder / names[1], tables.PREDICTIONS)
        points = tables.read(folder / names[2], tables.OPERATING_POINTS)
        return robustness(changed, drawn, points, settings).write(folder.path)

    ledger.step("robustness", key, measure)


def _thumbnails(settings: Study, cases: pd.DataFrame, folder: RunFolder, ledger: Ledger) -> None:
    """Small pictures of the cases that the report shows."""
    from PIL import Image

    chosen = tables.read(folder / "examples.csv", tables.EXAMPLES)["case_id"].unique()
    shown = cases[cases["case_id"].isin(chosen)]

    def _cut() -> list[Path]:
        paths = []
        for row, box in zip(shown.itertuples(), boxes(shown), strict=True):
            rect = crops.rectangles(box, Crop(margin=_SURROUNDINGS))
            cut = crops.extract(read_image(settings.cohort_path.parent / str(row.image)).pixels, rect, _THUMBNAIL)[0]
            paths.append(figures.thumbnail_path(folder.path, str(row.case_id)))
            with tables.written(paths[-1]) as beside:
                Image.fromarray(np.rint(cut * 255).astype(np.uint8)).save(beside, "PNG")
        return paths

    ledger.step("thumbnails", digest(list(shown["case_id"]), list(shown["sha256"]), boxes(shown)), _cut)


def _present(folder: RunFolder, ledger: Ledger, workers: Workers) -> Run:
    """Figures and the report."""
    suffixes = (".csv", ".json", ".toml", ".parquet", ".png")
    found = [path for path in sorted(folder.path.rglob("*")) if path.suffix in suffixes]
    shown = [path.relative_to(folder.path) for path in found]
    inputs = {
        path.as_posix(): file_digest(folder.path / path)
        for path in shown
        if path.parts[0] not in (".cache", "models", "figures", "provenance.json")
    }
    ledger.step("figures", digest(inputs), lambda: figures.draw_all(folder.path))
    report.write(folder.path)
    workers.progress.say("[green]✓[/] tables, figures and report")
    return Run(folder.path)


def sealed(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases without anything that tells their diagnosis."""
    return cases.drop(columns=[name for name in _ANSWERS if name in cases])


def development_labels(cases: pd.DataFrame) -> pd.Series:
    """Case identifier to target, of development cases only: the only labels that models are made from."""
    development = cases[cases["split"] == "development"]
    return development.set_index("case_id")["target"].astype(np.int64)


def unsealed(cases: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Every model's probabilities with all labels put back: the predictions table."""
    known = cases[["case_id", "patient_id", "centre", "split", "target"]].rename(columns={"target": "label"})
    return scores.merge(known, on="case_id", how="left", validate="many_to_one")


def _resolve_weights(settings: Study) -> dict[str, weights.Resolved]:
    """Find every network's weights before any long work starts."""
    search = [settings.folder / settings.study.weights]
    found = {}
    for model in settings.models:
        if isinstance(model, Network):
            source = model.weights
            if source.startswith("file:"):
                source = f"file:{settings.folder / source.removeprefix('file:')}"
            found[model.name] = weights.resolve(source, model.backbone, search=search, record=model.record)
    return found


def _write_study(settings: Study, folder: RunFolder) -> None:
    """The resolved study, so that it can be run and evaluated again from where the run lies."""
    settings.relocated(folder.path).write(folder / "study.toml")


def _with_image_facts(checked: checks.Checked) -> pd.DataFrame:
    """The cases with what is known of their pictures (content hash, size, spacing)."""
    facts = checked.images.drop(columns=["thumbnail"])
    cases = checked.cohort.merge(facts, on="image", how="left", validate="many_to_one")
    if "patient_id" not in cases:
        cases["patient_id"] = ""
    cases["row"] = np.arange(len(cases))
    return cases


def _folds(settings: Study, cases: pd.DataFrame, folder: RunFolder, ledger: Ledger) -> pd.DataFrame:
    """Deal development patients to folds."""
    development = cases[cases["split"] == "development"]
    columns = ["case_id", "cluster", "target"]
    key = digest("folds", development[columns], settings.evaluation.folds, settings.study.seed)

    def _deal() -> list[Path]:
        rng = np.random.default_rng([settings.study.seed, stream("folds")])
        dealt = checks.folds(development, settings.evaluation.folds, rng)
        tables.write(dealt, folder / "folds.csv", tables.FOLDS)
        return [folder / "folds.csv"]

    ledger.step("folds", key, _deal)
    return tables.read(folder / "folds.csv", tables.FOLDS)
