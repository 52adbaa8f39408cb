"""Verbs of a study: proposed, checked, run, looked at."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from osteon.cli.verbs import Cluster, Jobs, RunPath, StudyFile, app, headline, run_folder, workers
from osteon.core.errors import InputError


@app.command()
def info() -> None:
    """Say what is on this machine: cores, device, versions, extras, weights, and how to get what is missing."""
    from osteon.pipeline import machine

    print(machine.described())


@app.command()
def init(
    cohort: Annotated[Path, typer.Argument(help="The cohort table.")],
    out: Annotated[Path | None, typer.Option(help="The study file; study.toml beside the table.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take every proposal without asking.")] = False,
) -> None:
    """Look at a cohort table and its pictures, and write a commented study file for it."""
    from osteon.cohort import proposal
    from osteon.core.tables import written

    file = out or cohort.parent / "study.toml"
    if file.exists():
        raise InputError("a study file is there already", file=file, fix="Name another with --out, or remove it.")
    asked = sys.stdin.isatty() and not yes
    text = proposal.propose(cohort, file, _asked if asked else _told)
    with written(file) as beside:
        beside.write_text(text, encoding="utf-8")
    print(f"{'Written' if asked or yes else 'Nobody to ask, so every proposal was taken; written'}: {file}")
    print(f"Next: osteon check {file}")


def _told(setting):  # type: ignore[no-untyped-def]
    print(f"{setting.name}: {', '.join(setting.values) or 'none'} ({setting.reason})")
    return setting.values


def _asked(setting):  # type: ignore[no-untyped-def]
    print(f"{setting.name}: {setting.reason}. There are: {', '.join(setting.allowed) or 'none'}")
    answer = typer.prompt("separated by semicolons", default="; ".join(setting.values))
    return [part.strip() for part in answer.split(";") if part.strip()]


@app.command()
def run(study: StudyFile, jobs: Jobs = 0, cluster: Cluster = None) -> None:
    """Run a whole study, or what is left of it, and write its report."""
    from osteon import pipeline

    finished = pipeline.run(study, workers=workers(jobs, cluster))
    headline(finished)


@app.command()
def check(
    study: StudyFile,
    jobs: Jobs = 0,
    images: Annotated[bool, typer.Option(help="Read the pictures too, not the table alone.")] = True,
) -> None:
    """Read every row and every picture, and say who is in, who is out, and why."""
    from rich.console import Console

    from osteon import pipeline  # fmt: skip
    from osteon import study as studies
    from osteon.cohort import check as checks

    def shown(checked: checks.Checked) -> None:
        Console().print(checks.render(checked))

    pipeline.check(studies.load(study), workers=workers(jobs, None), images=images, shown=shown)


@app.command()
def plan(
    study: StudyFile,
    lock: Annotated[bool, typer.Option("--lock", help="Write the plan into the run folder, with a hash.")] = False,
    out: Annotated[Path | None, typer.Option(help="A CSV file for the numbers.")] = None,
) -> None:
    """Say how many cases and readers a study needs; lock its plan before external labels are looked at."""
    from osteon import pipeline
    from osteon.core.tables import written

    found = pipeline.plan(study)
    print(found)
    if out is not None:
        with written(out) as beside:
            found.table.to_csv(beside, index=False, lineterminator="\n")
    if lock:
        locked = pipeline.lock(study, workers=workers(1, None))
        print(f"\nLocked on {locked.when}. Keep this hash where others can find it:\n{locked.sha256}")


@app.command()
def features(study: StudyFile, jobs: Jobs = 0, cluster: Cluster = None) -> None:
    """Compute the radiomics features of every case and write features.csv."""
    from osteon import pipeline

    print(pipeline.features(study, workers=workers(jobs, cluster)))


@app.command()
def perturb(study: StudyFile, jobs: Jobs = 0, cluster: Cluster = None) -> None:
    """Predict external cases under changed boxes and pictures with every model, and report how steady each is."""
    from osteon import pipeline

    headline(pipeline.perturb(study, workers=workers(jobs, cluster)))


@app.command()
def explain(study: StudyFile, jobs: Jobs = 0, cluster: Cluster = None) -> None:
    """Map where each network looks in external cases, score the maps against the lesions, and report."""
    from osteon import pipeline

    headline(pipeline.explain(study, workers=workers(jobs, cluster)))


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="A study file, or the folder of a study or of a run.")],
) -> None:
    """Recompute tables, figures and report from predictions.csv; needs no picture and no network."""
    from osteon import pipeline

    headline(pipeline.evaluate(run, workers=workers(1, None)))


@app.command()
def report(
    run: RunPath,
    to: Annotated[str, typer.Option(help="html, docx, latex, md or checklists.")] = "html",
    out: Annotated[Path | None, typer.Option(help="The file, or the checklists' folder; in the run otherwise.")] = None,
) -> None:
    """Write the report again (html), or the manuscript: Methods and Results with tables and figures."""
    from osteon.results import manuscript

    print(manuscript.write(run_folder(run), to, out))


@app.command()
def table(
    run: RunPath,
    out: Annotated[Path | None, typer.Option(help="A CSV file; the terminal otherwise.")] = None,
) -> None:
    """Print one row a case: all models side by side, their calls, right and wrong."""
    from osteon.core.run import RunFolder
    from osteon.core.tables import written
    from osteon.results import cases

    text = cases.side_by_side(RunFolder(run_folder(run))).to_csv(index=False, lineterminator="\n")
    if out is None:
        print(text, end="")
        return
    with written(out) as beside:
        beside.write_text(text, encoding="utf-8")


@app.command()
def compare(
    first: RunPath,
    second: Annotated[Path, typer.Argument(help="Another.")],
) -> None:
    """Say what differs between two runs, by how much, and whether it is more than rounding."""
    from osteon.core.run import RunFolder
    from osteon.results import comparing

    print(comparing.compare(*(RunFolder(run_folder(run)) for run in (first, second))))


@app.command("open")
def open_(run: RunPath) -> None:
    """Open the report of a run in the browser; print where it lies."""
    import webbrowser

    from osteon.core.run import RunFolder

    report = RunFolder(run_folder(run)).report_file.resolve()
    if not report.is_file():
        raise InputError("there is no report", file=report, fix="'osteon run' or 'osteon evaluate' writes it.")
    print(report)
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(report.as_uri())
