"""``osteon annotate ...``: one short function a verb; heavy modules are imported inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osteon.web.options import BehindProxy, Certificate, ConfirmBurnedIn, Database, Host, Key, Port

app = typer.Typer(help="Draw lesions: several annotators, blinded, and a third who decides.", no_args_is_help=True)

Place = Annotated[Path, typer.Argument(help="The folder that 'osteon annotate create' made.")]


@app.command()
def create(
    source: Annotated[Path, typer.Argument(help="A folder of radiographs, DICOM or other, or a cohort table.")],
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    protocol: Annotated[Path | None, typer.Option(help="annotate.toml; everything has a default.")] = None,
    annotators: Annotated[str | None, typer.Option(help="Their name codes, separated by commas: A1,A2.")] = None,
    labels: Annotated[str | None, typer.Option(help="What a lesion may be called, separated by commas.")] = None,
    suggestions: Annotated[Path | None, typer.Option(help="A table of boxes to start from.")] = None,
    address: Annotated[str, typer.Option(help="What people type before their link.")] = "http://127.0.0.1:8000",
    database: Database = None,
    confirm_burned_in: ConfirmBurnedIn = False,
) -> None:
    """Put pictures into cases, prepare them, and write one link a person."""
    from rich.progress import Progress

    from osteon.web.annotating.create import create as make
    from osteon.web.annotating.protocol import Annotating, load, with_options

    settings = with_options(load(protocol) if protocol else Annotating(), annotators, labels, confirm_burned_in)
    with Progress(transient=True) as bar:
        task = bar.add_task("pictures", total=None)
        made = make(
            source, out, settings, suggestions=suggestions, database_url=database, address=address,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    print(made)


@app.command()
def serve(
    folder: Place,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    certificate: Certificate = None,
    key: Key = None,
    behind_proxy: BehindProxy = False,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Accept annotations in the clear on a network.")
    ] = False,
    database: Database = None,
) -> None:
    """Serve an annotation until interrupted."""
    from osteon.web.annotating.serve import serve as run
    from osteon.web.transport import Listening

    print(f"listening on {host}, port {port}; Ctrl-C ends")
    run(folder, Listening(host, port, certificate, key, behind_proxy, plain_http), database)


@app.command()
def status(folder: Place, database: Database = None) -> None:
    """Say how far everybody has come."""
    from osteon.web.annotating.serve import status as said

    print(said(folder, database))


@app.command()
def invite(folder: Place, person: str, address: str = "http://127.0.0.1:8000", database: Database = None) -> None:
    """Give somebody, or 'admin', a new link; the old one ends."""
    from osteon.web.annotating.serve import renew

    print(renew(folder, person, address, database))


@app.command()
def revoke(folder: Place, person: str, database: Database = None) -> None:
    """End somebody's link, and every browser signed in with it."""
    from osteon.web.annotating.serve import end

    end(folder, person, database)


@app.command()
def export(
    folder: Place,
    out: Annotated[Path, typer.Argument(help="Where to write: an empty folder, or an earlier export.")],
    coco: Annotated[bool, typer.Option("--coco", help="Write coco.json as well.")] = False,
    labelme: Annotated[bool, typer.Option("--labelme", help="Write labelme/ as well.")] = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Write DICOM segmentations as well.")] = False,
    database: Database = None,
) -> None:
    """Write cohort.csv and masks of what is agreed or decided, every annotation, and how well annotators agree."""
    from osteon.web.annotating.export import Formats
    from osteon.web.annotating.export import export as write

    print(write(folder, out, Formats(coco, labelme, dicom), database_url=database))
