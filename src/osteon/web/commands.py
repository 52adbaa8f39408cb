"""``osteon readers ...``: one short function a verb; heavy modules are imported inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osteon.web.options import BehindProxy, Certificate, ConfirmBurnedIn, Database, Host, Key, Port

app = typer.Typer(help="Reader studies: does the model help those who read?", no_args_is_help=True)

Place = Annotated[Path, typer.Argument(help="The run folder, its folder readers, or the folder site in that.")]


@app.command()
def create(
    study: Annotated[Path, typer.Argument(help="The study file; its run must be finished.")],
    address: Annotated[
        str, typer.Option(help="What readers type before the rest of their link.")
    ] = "http://127.0.0.1:8000",
    database: Database = None,
    confirm_burned_in: ConfirmBurnedIn = False,
) -> None:
    """Choose cases, order and arms, prepare the pictures, and write one link a reader."""
    from rich.progress import Progress

    from osteon import study as studies
    from osteon.web.create import create as make
    from osteon.web.create import planned

    settings = studies.load(study).as_run()
    with Progress(transient=True) as bar:
        task = bar.add_task("pictures", total=None)
        made = make(
            settings, database_url=database, address=address, confirm_burned_in=confirm_burned_in,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    print(made)
    print(planned(made.key, made.tasks, settings.study.seed))


@app.command()
def serve(
    folder: Place,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    certificate: Certificate = None,
    key: Key = None,
    behind_proxy: BehindProxy = False,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Accept readings in the clear on a network.")
    ] = False,
    database: Database = None,
) -> None:
    """Serve a reader study until interrupted."""
    from osteon.web.serve import serve as run
    from osteon.web.transport import Listening

    print(f"listening on {host}, port {port}; Ctrl-C ends")
    run(folder, Listening(host, port, certificate, key, behind_proxy, plain_http), database)


@app.command()
def invite(folder: Place, person: str, address: str = "http://127.0.0.1:8000", database: Database = None) -> None:
    """Give a reader, or 'admin', a new link; the old one ends."""
    from osteon.web.links import renew

    print(renew(folder, person, address, database))


@app.command()
def revoke(folder: Place, person: str, database: Database = None) -> None:
    """End a person's link, and every browser signed in with it."""
    from osteon.web.links import end

    end(folder, person, database)


@app.command()
def washout(
    folder: Place,
    days: Annotated[float, typer.Argument(min=0, max=3650, help="Least number of days between the sessions.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the readings.")],
    database: Database = None,
) -> None:
    """Change the wash-out of a study that is running; the change is written down."""
    from osteon.web.links import change_washout

    print(change_washout(folder, days, reason, database))


@app.command()
def export(
    folder: Place,
    out: Annotated[Path | None, typer.Option(help="Where to write; the reader study's folder by default.")] = None,
    imrmc: Annotated[bool, typer.Option("--imrmc", help="Write readings.imrmc as well.")] = False,
    database: Database = None,
) -> None:
    """Write readings.csv, revisions.csv and questionnaire.csv, and protocol_changes.csv where there were any."""
    from osteon.web.export import export_to

    for path in export_to(folder, out, imrmc=imrmc, database_url=database):
        print(path)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="An iMRMC input file, or a table of another program.")],
    out: Annotated[Path, typer.Argument(help="The readings.csv to write.")],
) -> None:
    """Turn an iMRMC file or another program's table into readings.csv."""
    from osteon import readers
    from osteon.core import tables

    found = readers.load(file)
    tables.write(found, out, tables.READINGS)
    print(
        f"{out}: {len(found)} readings of {found['case_id'].nunique()} cases by {found['reader'].nunique()} readers, "
        f"arms {', '.join(sorted(found['arm'].unique()))}"
    )


@app.command()
def analyse(
    readings: Annotated[Path, typer.Argument(help="readings.csv, an iMRMC file, or a run with a reader study.")],
    out: Annotated[Path | None, typer.Option(help="Where tables, figures and report go.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Makes calls from confidence: positive at or above it.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="OURS=THEIRS: a column that is called something unusual; may be repeated.")
    ] = None,
    level: Annotated[float, typer.Option(min=0.5, max=0.999)] = 0.95,
    localisation: Annotated[
        str | None,
        typer.Option(help="A drawn box is on the lesion by 'iou' or by its 'centre'; as in the protocol by default."),
    ] = None,
    iou: Annotated[float | None, typer.Option(help="The least intersection over union.")] = None,
    database: Database = None,
) -> None:
    """Say how much the model helped whom, and where it harmed."""
    from osteon.core.progress import Shown
    from osteon.web.analyse import How
    from osteon.web.analyse import analyse as run

    how = How(threshold, level, localisation, iou)
    said = run(readings, out, how, columns=column or [], database_url=database, progress=Shown())
    print(said)


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="The readings.csv to write; its column 'simulated' is 1.")],
    run: Annotated[Path | None, typer.Option(help="Read the cases and advice of this run's reader study.")] = None,
    readers: Annotated[int, typer.Option(min=1, max=10_000)] = 8,
    cases: Annotated[int, typer.Option(min=4, max=100_000, help="How many cases, without a run.")] = 100,
    positives: Annotated[float, typer.Option(min=0.01, max=0.99)] = 0.5,
    reader_auc: Annotated[float, typer.Option(min=0.5, max=0.99, help="Mean AUC without advice.")] = 0.80,
    model_auc: Annotated[float, typer.Option(min=0.5, max=0.99, help="The model's AUC, without a run.")] = 0.85,
    bias: Annotated[float, typer.Option(help="Positive: fewer positive calls.")] = 0.0,
    reliance: Annotated[float, typer.Option(min=0, max=1, help="Mean weight given to the advice.")] = 0.35,
    seed: int = 0,
) -> None:
    """Let simulated readers read, for tests, demonstrations and planning."""
    import numpy as np

    from osteon.core import tables
    from osteon.readers import Population
    from osteon.readers import simulate as draw
    from osteon.readers.simulate import simulate_on, skill_of
    from osteon.web.links import key_of

    rng = np.random.default_rng(seed)
    people = Population(skill=skill_of(reader_auc), model_skill=skill_of(model_auc), bias=bias, reliance=reliance)
    made = (
        simulate_on(rng, key_of(run).drop_duplicates("code"), people, readers=readers)
        if run
        else draw(rng, people, readers=readers, cases=cases, positives=positives)
    )
    tables.write(made.readings, out, tables.READINGS)
    print("simulated readers; what was put in:")
    print(made.readers.round(3).to_string(index=False))
