"""The command line: one short function a verb, no logic. Heavy modules are imported inside the verbs."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from osteon.core.errors import InputError, OsteonError
from osteon.core.extras import of_module
from osteon.core.version import __version__
from osteon.web.annotating.commands import app as annotate_app
from osteon.web.commands import app as readers_app

app = typer.Typer(
    name="osteon",
    help="From a table of radiographs to a complete multi-centre study. Research use only; not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
weights_app = typer.Typer(
    help="Pretrained weights: what is known, where to get it, what a file is.", no_args_is_help=True
)
app.add_typer(weights_app, name="weights")
app.add_typer(readers_app, name="readers")
app.add_typer(annotate_app, name="annotate")

StudyFile = Annotated[Path, typer.Argument(help="The study file, or the folder it lies in.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Work units at once; 0 takes every core.")]
Cluster = Annotated[str | None, typer.Option(help="A Dask scheduler, such as tcp://host:8786.")]


def _version(asked: bool) -> None:
    if asked:
        print(f"osteon {__version__}")
        raise typer.Exit


@app.callback()
def door(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """From a table of radiographs to a complete multi-centre study. Research use only; not a medical device."""


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

    finished = pipeline.run(study, workers=_workers(jobs, cluster))
    _headline(finished)


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

    pipeline.check(studies.load(study), workers=_workers(jobs, None), images=images, shown=shown)


@app.command()
def features(study: StudyFile, jobs: Jobs = 0, cluster: Cluster = None) -> None:
    """Compute the radiomics features of every case and write features.csv."""
    from osteon import pipeline

    print(pipeline.features(study, workers=_workers(jobs, cluster)))


@app.command()
def perturb(study: StudyFile, jobs: Jobs = 0, cluster: Cluster = None) -> None:
    """Predict external cases under changed boxes and pictures with every model, and report how steady each is."""
    from osteon import pipeline

    _headline(pipeline.perturb(study, workers=_workers(jobs, cluster)))


@app.command()
def explain(study: StudyFile, jobs: Jobs = 0, cluster: Cluster = None) -> None:
    """Map where each network looks in external cases, score the maps against the lesions, and report."""
    from osteon import pipeline

    _headline(pipeline.explain(study, workers=_workers(jobs, cluster)))


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="A study file, or the folder of a study or of a run.")],
) -> None:
    """Recompute tables, figures and report from predictions.csv; needs no picture and no network."""
    from osteon import pipeline

    _headline(pipeline.evaluate(run, workers=_workers(1, None)))


@app.command()
def table(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or of its study.")],
    out: Annotated[Path | None, typer.Option(help="A CSV file; the terminal otherwise.")] = None,
) -> None:
    """Print one row a case: all models side by side, their calls, right and wrong."""
    from osteon.core.run import RunFolder
    from osteon.core.tables import written
    from osteon.results import cases

    text = cases.side_by_side(RunFolder(_run_folder(run))).to_csv(index=False, lineterminator="\n")
    if out is None:
        print(text, end="")
        return
    with written(out) as beside:
        beside.write_text(text, encoding="utf-8")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="The folder of a run, or of its study.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
) -> None:
    """Say what differs between two runs, by how much, and whether it is more than rounding."""
    from osteon.core.run import RunFolder
    from osteon.results import comparing

    print(comparing.compare(*(RunFolder(_run_folder(run)) for run in (first, second))))


@app.command("open")
def open_(run: Annotated[Path, typer.Argument(help="The folder of a run, or of its study.")]) -> None:
    """Open the report of a run in the browser; print where it lies."""
    import webbrowser

    from osteon.core.run import RunFolder

    report = RunFolder(_run_folder(run)).report_file.resolve()
    if not report.is_file():
        raise InputError("there is no report", file=report, fix="'osteon run' or 'osteon evaluate' writes it.")
    print(report)
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(report.as_uri())


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A file that 'osteon export' wrote, or a run folder.")],
    inputs: Annotated[list[Path], typer.Argument(help="Radiographs, folders, a table, LabelMe or COCO annotations.")],
    name: Annotated[str | None, typer.Option("--model", help="Which of a run's models; the primary one.")] = None,
    out: Annotated[Path | None, typer.Option(help="A .csv, .parquet or .jsonl file, or a folder.")] = None,
    box: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 of the lesion in upright pixels.")] = None,
    mask: Annotated[Path | None, typer.Option(help="A mask of the lesion.")] = None,
    table: Annotated[Path | None, typer.Option(help="Boxes, masks and columns of the radiographs.")] = None,
    maps: Annotated[bool, typer.Option("--maps", help="Draw a picture of each case with its map.")] = False,
    dicom: Annotated[
        Path | None, typer.Option(help="A folder for the answers as DICOM objects (SR, SC, GSPS, SEG).")
    ] = None,
    unsteady: Annotated[int, typer.Option(min=0, max=1000, help="Ask again under so many changed boxes.")] = 0,
    jobs: Jobs = 0,
) -> None:
    """Show new radiographs to a fitted model."""
    from osteon import pipeline

    workers = _workers(jobs, None)
    file = pipeline.model_file(model, name, workers=workers)
    sides = None if box is None else pipeline.parsed_box(box)
    with pipeline.taken_in(inputs, box=sides, mask=mask, table=table) as given:
        found = pipeline.predict(file, given, out, unsteady=unsteady, maps=maps, dicom=dicom, workers=workers)
    print(pipeline.said(found, file))
    if len(found.table) == 1:
        _done.append("predict")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A study file, or the folder of a study or of a run.")],
    names: Annotated[list[str], typer.Argument(metavar="[NAME] OUT.osteon", help="Which model; where to write it.")],
    onnx: Annotated[Path | None, typer.Option(help="An empty folder for the networks as ONNX files.")] = None,
    jobs: Jobs = 0,
) -> None:
    """Write a fitted model, the primary one if none is named, as one file that needs neither run nor weights."""
    from osteon import pipeline

    if len(names) > 2:
        raise InputError(f"too many names: {', '.join(names)}", fix="Write osteon export RUN [NAME] OUT.osteon.")
    out = Path(names[-1])
    file = pipeline.export(run, names[0] if len(names) == 2 else None, out, onnx=onnx, workers=_workers(jobs, None))
    print(f"{out}: {file.about['name']}, identity {file.identity}")


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="A file that 'osteon export' wrote, or a run folder.")],
    name: Annotated[str | None, typer.Option("--model", help="Which of a run's models; the primary one.")] = None,
) -> None:
    """Show a model's card: what it is for, how good it is where, and its limits."""
    from rich.console import Console
    from rich.markdown import Markdown

    from osteon import pipeline

    shown = pipeline.load(model, name, workers=_workers(0, None))
    console, text = Console(), f"{shown.card}\n\nIdentity (SHA-256): {shown.identity}"
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        print(text)


@app.command()
def serve(
    model: Annotated[Path, typer.Argument(help="A file that 'osteon export' wrote, or a run folder.")],
    name: Annotated[str | None, typer.Option("--model", help="Which of a run's models; the primary one.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    max_mb: Annotated[int, typer.Option(min=1, max=4096, help="Megabytes of the longest request.")] = 64,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Questions a minute from one address.")] = 60,
    token: Annotated[
        str | None, typer.Option(envvar="OSTEON_TOKEN", help="What requests must carry; needed on a network.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key (PEM).")] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy on this machine does TLS.")] = False,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Accept radiographs in the clear on a network.")
    ] = False,
) -> None:
    """Serve a fitted model over HTTP until interrupted: a radiograph and a box in, JSON out."""
    from osteon import pipeline
    from osteon.web.serving import serve as run

    run(
        lambda: pipeline.load(model, name, workers=_workers(0, None)), host=host, port=port, max_mb=max_mb, rate=rate,
        token=token, certificate=certificate, key=key, behind_proxy=behind_proxy, plain_http=plain_http,
    )  # fmt: skip


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put it.")] = Path("osteon-demo"),
    jobs: Jobs = 0,
) -> None:
    """Make a synthetic four-centre cohort and run the whole study on it."""
    from osteon.pipeline import demo as demonstration

    _headline(demonstration.run(folder, workers=_workers(jobs, None)))


@app.command()
def stats(
    file: Annotated[Path, typer.Argument(help="A CSV or Excel table with a column of truth and columns of scores.")],
    truth: Annotated[str, typer.Option(help="The column of 0 and 1.")],
    scores: Annotated[str, typer.Option(help="One or more columns of scores, separated by commas.")],
    cluster: Annotated[str | None, typer.Option(help="The column that says which rows share a patient.")] = None,
    by: Annotated[str | None, typer.Option(help="The column to report within, such as the centre.")] = None,
    level: Annotated[float, typer.Option(help="The confidence level.")] = 0.95,
    out: Annotated[Path | None, typer.Option(help="A folder for aucs.csv and comparisons.csv.")] = None,
) -> None:
    """AUCs with intervals and paired tests of a spreadsheet."""
    from osteon.core import tables
    from osteon.stats.table import analyse_scores

    frame = tables.read(file, tables.Contract("scores", open=True), lines=True)
    names = [name.strip() for name in scores.split(",")]
    found = analyse_scores(frame, truth, names, cluster, by, level=level, file=file)
    print(found)
    if out is not None:
        for name, table in (("aucs", found.to_frame()), ("comparisons", found.comparisons_frame())):
            with tables.written(out / f"{name}.csv") as beside:
                table.to_csv(beside, index=False, lineterminator="\n")


@app.command("import")
def import_(
    format: Annotated[str, typer.Argument(help="btxrd, labelme, coco, dicom or folder.")],
    source: Annotated[Path, typer.Argument(help="The folder as it came.")],
    out: Annotated[Path, typer.Argument(help="Where cohort.csv and masks go.")],
    labels: Annotated[Path | None, typer.Option(help="A table of labels and further columns, by file name.")] = None,
    centre: Annotated[str | None, typer.Option(help="The centre of every case, where the data do not say.")] = None,
    guess_patients: Annotated[
        bool, typer.Option("--guess-patients", help="Guess patients from neighbouring rows that agree, and say so.")
    ] = False,
    whole_image: Annotated[
        bool, typer.Option("--whole-image", help="Take the whole picture where a case has no box.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a cohort.csv that is there.")] = False,
) -> None:
    """Make a cohort table from a data set in the format it was published or annotated in."""
    from osteon.io import cohorts

    table = cohorts.import_cohort(
        format, source, out, labels=labels, centre=centre, guess_patients=guess_patients, whole_image=whole_image,
        overwrite=overwrite,
    )  # fmt: skip
    cases, pictures = len(table), table["image"].nunique()
    print(f"{out / 'cohort.csv'}: {cases} case{'s' * (cases != 1)} on {pictures} radiograph{'s' * (pictures != 1)}")
    for line in cohorts.remarks(out):
        print(line)


@weights_app.command("list")
def list_weights() -> None:
    """List the weights that osteon knows, and whether they are here."""
    from osteon import weights

    print(weights.listing())


@weights_app.command("fetch")
def fetch_weights(
    name: Annotated[str, typer.Argument(help="A name from 'osteon weights list'.")],
    folder: Annotated[Path | None, typer.Option(help="Where to put the file.")] = None,
) -> None:
    """Download known weights where there is internet."""
    from osteon import weights

    print(weights.fetch(name, folder))


@weights_app.command("doctor")
def doctor(
    file: Annotated[Path, typer.Argument(help="A ResNet50, InceptionV3 or DenseNet121 checkpoint.")],
    out: Annotated[Path | None, typer.Option(help="Write a safetensors with its record inside.")] = None,
    record: Annotated[str | None, typer.Option(help="The record that describes an unknown file.")] = None,
) -> None:
    """Say what a checkpoint is, map and verify every tensor, and write it in one common layout."""
    from osteon import weights

    diagnosis = weights.doctor(file, record=record)
    print(diagnosis)
    diagnosis.check()
    if out is not None:
        diagnosis.save(out)
        print(f"written: {out}")


def _run_folder(path: Path) -> Path:
    """A run's folder, from itself, or from a study file or the folder it lies in."""
    if path.is_dir() and not (path / "study.toml").is_file():
        return path
    if (path / "scores.csv").is_file():
        return path
    from osteon import study

    return study.load(path).run_path


def _workers(jobs: int, cluster: str | None):  # type: ignore[no-untyped-def]  # the type would import the steps
    import joblib

    from osteon.core.progress import Shown
    from osteon.core.workers import Workers

    return Workers(jobs or joblib.cpu_count(), cluster, progress=Shown())


def _headline(finished) -> None:  # type: ignore[no-untyped-def]
    from osteon.results import report

    print(report.headline(finished.path))
    print(f"\nReport: {finished.report}")


#: Verbs that a person waits for and that have nothing left to do: taking torch down would take another second.
_done: list[str] = []


def main() -> None:
    """Run the command line; errors of the user's input end with one sentence and status 2."""
    try:
        app()
    except SystemExit as ended:
        if _done and not ended.code:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        raise
    except OsteonError as error:
        print(f"osteon: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        extra = of_module(error.name)
        if extra is None:
            raise
        print(f"osteon: {error.name} is not installed. Run: pip install 'osteon[{extra}]'", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("osteon: interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM):
            raise
        where = error.filename or "the output folder"
        print(
            f"osteon: {InputError(os.strerror(error.errno).lower(), file=where)}. Nothing half-written "
            "was left; make room or choose another output, and run the same command again.",
            file=sys.stderr,
        )
        sys.exit(2)
