"""Verbs of data: made, imported, counted; and of pretrained weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osteon.cli.verbs import Jobs, app, headline, workers
from osteon.core.errors import InputError

weights_app = typer.Typer(
    help="Pretrained weights: what is known, where to get it, what a file is.", no_args_is_help=True
)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put it.")] = Path("osteon-demo"),
    jobs: Jobs = 0,
) -> None:
    """Make a synthetic four-centre cohort and run the whole study on it."""
    from osteon.pipeline import demo as demonstration

    headline(demonstration.run(folder, workers=workers(jobs, None)))


@app.command()
def pretrain(
    settings: Annotated[Path, typer.Argument(help="The settings: sources, start, objectives.")],
    study: Annotated[
        Path | None, typer.Option("--for", help="A study whose external cases must not be among the pictures.")
    ] = None,
    jobs: Jobs = 0,
) -> None:
    """Pretrain a backbone on radiographs of your own, into weights that a study can name."""
    from osteon.core.extras import need

    need("networks", "networks")
    from osteon import pretraining

    written = pretraining.pretrain(settings, study, workers=workers(jobs, None))
    print(f"{written}, and its card {written.with_suffix('.md')}")


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
    format: Annotated[str, typer.Argument(help="btxrd, labelme, coco, dicom, dicomweb or folder.")],
    source: Annotated[str, typer.Argument(help="The folder as it came; the address of a DICOMweb archive.")],
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
    query: Annotated[
        list[str] | None, typer.Option(help="Of dicomweb: which studies, as KEY=VALUE; may be repeated.")
    ] = None,
) -> None:
    """Make a cohort table from a data set in the format it was published or annotated in, or from an archive."""
    from osteon.io import cohorts, dicomweb

    if format == "dicomweb":
        fetched = dicomweb.fetch(source, out, dicomweb.parsed_query(query or []))
        print(fetched)
        format, source = "dicom", str(fetched.folder)
    elif query:
        raise InputError("only an archive is asked", column="--query", fix="Leave --query out, or import dicomweb.")
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


@app.command()
def deidentify(
    folder: Annotated[Path, typer.Argument(help="DICOM radiographs.")],
    out: Annotated[Path, typer.Argument(help="An empty folder for what is passed on.")],
    keep: Annotated[
        Path | None, typer.Option(help="Where the secret, tables and contact sheet stay; OUT-keep.")
    ] = None,
    secret: Annotated[Path | None, typer.Option(help="The secret of an earlier run: the same pseudonyms.")] = None,
    jobs: Jobs = 0,
) -> None:
    """Write DICOM radiographs without their patients (PS3.15 Basic Profile), text in the pixels painted over."""
    from osteon.io import deidentify as room

    print(room.deidentify(folder, out, keep=keep, secret=secret, workers=workers(jobs, None)))
