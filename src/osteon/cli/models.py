"""Verbs of a fitted model: asked, exported, described, served."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from osteon.cli.verbs import Jobs, app, workers
from osteon.core.errors import InputError
from osteon.web.options import BehindProxy, Certificate, Host, Key, Port

Model = Annotated[Path, typer.Argument(help="A file that 'osteon export' wrote, or a run folder.")]
Name = Annotated[str | None, typer.Option("--model", help="Which of a run's models; the primary one.")]
#: Set by a verb that a person waits for and that has nothing left to do: taking torch down would take another second.
finished: list[str] = []


@app.command()
def predict(
    model: Model,
    inputs: Annotated[list[Path], typer.Argument(help="Radiographs, folders, a table, LabelMe or COCO annotations.")],
    name: Name = None,
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

    by = workers(jobs, None)
    file = pipeline.model_file(model, name, workers=by)
    sides = None if box is None else pipeline.parsed_box(box)
    with pipeline.taken_in(inputs, box=sides, mask=mask, table=table) as given:
        found = pipeline.predict(file, given, out, unsteady=unsteady, maps=maps, dicom=dicom, workers=by)
    print(pipeline.said(found, file))
    if len(found.table) == 1:
        finished.append("predict")


@app.command()
def send(
    objects: Annotated[list[Path], typer.Argument(help="DICOM files, and folders of them.")],
    to: Annotated[str, typer.Option(help="https://HOST/ROOT of DICOMweb, or dicom[s]://TITLE@HOST:PORT.")],
    title: Annotated[str, typer.Option(help="The title that osteon calls itself on a DICOM port.")] = "OSTEON",
) -> None:
    """Send DICOM objects to an archive; status 0: it has all, 2: some are refused, 75: try again later."""
    from osteon.io import sending

    sent = sending.send(
        objects, sending.destination(to, title=title), say=lambda line: print(f"osteon: {line}", file=sys.stderr)
    )
    print(sent)
    raise typer.Exit(sent.status)


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
    file = pipeline.export(run, names[0] if len(names) == 2 else None, out, onnx=onnx, workers=workers(jobs, None))
    print(f"{out}: {file.about['name']}, identity {file.identity}")


@app.command()
def update(
    model: Model,
    site: Annotated[Path, typer.Argument(help="A hospital's own cohort table, with labels.")],
    name: Name = None,
    out: Annotated[Path | None, typer.Option(help="The new model, NEW.osteon; an existing file is refused.")] = None,
    jobs: Jobs = 0,
) -> None:
    """Change a model's probabilities by a hospital's own cases, as far as these warrant, into a new model."""
    from osteon import pipeline

    print(pipeline.update(model, site, out, name=name, workers=workers(jobs, None)))


@app.command()
def card(model: Model, name: Name = None) -> None:
    """Show a model's card: what it is for, how good it is where, and its limits."""
    from rich.console import Console
    from rich.markdown import Markdown

    from osteon import pipeline

    shown = pipeline.load(model, name, workers=workers(0, None))
    console, text = Console(), f"{shown.card}\n\nIdentity (SHA-256): {shown.identity}"
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        print(text)


@app.command()
def serve(
    model: Model,
    name: Name = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    max_mb: Annotated[int, typer.Option(min=1, max=4096, help="Megabytes of the longest request.")] = 64,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Questions a minute from one address.")] = 60,
    token: Annotated[
        str | None, typer.Option(envvar="OSTEON_TOKEN", help="What requests must carry; needed on a network.")
    ] = None,
    certificate: Certificate = None,
    key: Key = None,
    behind_proxy: BehindProxy = False,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Accept radiographs in the clear on a network.")
    ] = False,
) -> None:
    """Serve a fitted model over HTTP until interrupted: a radiograph and a box in, JSON out."""
    from osteon import pipeline
    from osteon.web.serving import serve as run
    from osteon.web.transport import Listening

    run(
        lambda: pipeline.load(model, name, workers=workers(0, None)),
        Listening(host, port, certificate, key, behind_proxy, plain_http), max_mb=max_mb, rate=rate, token=token,
    )  # fmt: skip


@app.command()
def node(
    model: Model,
    to: Annotated[str, typer.Option(help="Where answers go, as in 'osteon send'.")],
    name: Name = None,
    listen: Annotated[
        str | None, typer.Option(help="TITLE@HOST:PORT of its DICOM port; TITLE@:PORT: everywhere.")
    ] = None,
    allow: Annotated[list[str] | None, typer.Option(help="Who may send, TITLE or TITLE@HOST; may be repeated.")] = None,
    watch: Annotated[str | None, typer.Option(help="The root of DICOMweb services to look for what is new.")] = None,
    query: Annotated[
        list[str] | None, typer.Option(help="Of --watch: which studies, KEY=VALUE; may be repeated.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Its queue and files, of this model and no other.")] = Path(
        "osteon-node"
    ),
    health: Annotated[str, typer.Option(help="HOST:PORT of its page for those who watch servers.")] = "127.0.0.1:8104",
    title: Annotated[str | None, typer.Option(help="How it calls itself where it sends; that of --listen.")] = None,
    quiet: Annotated[float, typer.Option(min=0, help="Seconds without a further drawing before it answers.")] = 10,
    max_mb: Annotated[int, typer.Option(min=1, max=4096, help="Megabytes of the longest object.")] = 256,
    max_waiting: Annotated[int, typer.Option(min=1, help="Radiographs that may wait at once.")] = 20_000,
    reserve_mb: Annotated[int, typer.Option(min=1, help="Megabytes of the disk that stay free.")] = 512,
    keep_days: Annotated[float, typer.Option(min=0.01, help="Days after which what is done with is deleted.")] = 14,
    certificate: Certificate = None,
    key: Key = None,
    authority: Annotated[Path | None, typer.Option(help="Callers need a certificate of this authority (PEM).")] = None,
) -> None:
    """Take radiographs and what is drawn on them from the hospital's network, and answer into its archive."""
    from osteon.node.serving import serve as run
    from osteon.node.settings import Asked, Limits

    asked = Asked(to, title, listen, tuple(allow or ()), watch, tuple(query or ()), health, certificate, key, authority)
    limits = Limits(max_mb * 2**20, max_waiting, reserve=reserve_mb * 2**20, quiet=quiet, keep=keep_days * 86_400)
    run(model, name, asked, folder, limits)
