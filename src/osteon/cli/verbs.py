"""The command line's application, and what its verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="osteon",
    help="From a table of radiographs to a complete multi-centre study. Research use only; not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyFile = Annotated[Path, typer.Argument(help="The study file, or the folder it lies in.")]
RunPath = Annotated[Path, typer.Argument(help="The folder of a run, or of its study.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Work units at once; 0 takes every core.")]
Cluster = Annotated[str | None, typer.Option(help="A Dask scheduler, such as tcp://host:8786.")]


def run_folder(path: Path) -> Path:
    """A run's folder, from itself, or from a study file or the folder it lies in."""
    if path.is_dir() and not (path / "study.toml").is_file():
        return path
    if (path / "scores.csv").is_file():
        return path
    from osteon import study

    return study.load(path).run_path


def workers(jobs: int, cluster: str | None):  # type: ignore[no-untyped-def]  # the type would import the steps
    """Who does the work: so many jobs here, or a cluster; with a progress bar."""
    import joblib

    from osteon.core.progress import Shown
    from osteon.core.workers import Workers

    return Workers(jobs or joblib.cpu_count(), cluster, progress=Shown())


def headline(finished) -> None:  # type: ignore[no-untyped-def]
    """Print what a run found, and where its report lies."""
    from osteon.results import report

    print(report.headline(finished.path))
    print(f"\nReport: {finished.report}")
