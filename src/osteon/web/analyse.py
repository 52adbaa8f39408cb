"""From readings, or from a reader study's database, to tables, figures and a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from osteon.core.errors import InputError, TableError
from osteon.core.progress import Progress, Quiet
from osteon.core.run import RunFolder
from osteon.core.tables import written
from osteon.readers import Criterion, load
from osteon.readers import analyse as analysed
from osteon.readers.words import sentences
from osteon.results import figures, report
from osteon.results.report import readers as page
from osteon.study.protocol import Readers
from osteon.web.export import export
from osteon.web.links import study_folder
from osteon.web.serve import open_store
from osteon.web.sessions import protocol_of


@dataclass(frozen=True)
class How:
    """How readings are judged.

    Attributes:
        threshold: Makes calls from confidence where there are none.
        level: Confidence level.
        localisation: When a drawn box is on the lesion, ``iou`` or ``centre``; as in the protocol by default.
        least_iou: The least intersection over union.
    """

    threshold: float | None = None
    level: float = 0.95
    localisation: str | None = None
    least_iou: float | None = None


def analyse(
    source: Path,
    out: Path | None = None,
    how: How = How(),
    *,
    columns: Sequence[str] = (),
    database_url: str | None = None,
    progress: Progress | None = None,
) -> str:
    """Analyse a reader study.

    Args:
        source: A table of readings, an iMRMC file, or a run with a reader study (whose answers are exported first).
        out: Where tables, figures and report go; by default the run, or a folder beside the table.
        how: What makes calls, and when a box is on the lesion.
        columns: ``ours=theirs`` for columns that are called something unusual.
        database_url: The reader study's database, where it is not the SQLite file.
        progress: Where progress is shown.

    Returns:
        The result in sentences, and where the report lies.

    Raises:
        InputError: No readings, or a broken table.
    """
    show = progress or Quiet()
    if source.is_dir():
        readings, folder, protocol = _of_study(source, database_url)
    else:
        readings, protocol = load(source, _told(columns)), Readers()
        folder = source.with_name(f"{source.stem}-analysis")
    folder = out or folder
    criterion = Criterion(how.localisation or protocol.localisation, how.least_iou or protocol.localisation_iou)
    try:
        found = analysed(readings, threshold=how.threshold, level=how.level, criterion=criterion, progress=show)
    except TableError as error:  # the analysis sees a table, and not where it came from
        file = study_folder(source) / "readings.csv" if source.is_dir() else source
        raise TableError(
            error.what, file=error.file or file, row=error.row, column=error.column, fix=error.fix
        ) from error
    found.write(folder)
    facts: dict[str, object] = {
        "simulated": bool("simulated" in readings and pd.to_numeric(readings["simulated"]).any()),
        "level": how.level,
    }
    if (found.reader_metrics["metric"] == "lroc").any():
        facts["localisation"] = str(criterion)
    run = RunFolder(folder)
    with written(run.reader_study_file) as beside:
        beside.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    figures.draw_all(folder, anew=figures.READERS, progress=show)
    whole = run.file("metrics").is_file() and run.study_file.is_file()
    with show(1, "writing the report") as bar:
        path = report.write(folder) if whole else page.write(folder, f"Reader study: {source.stem}")
        bar.advance()
    said = sentences(
        found.reader_metrics,
        found.reader_comparisons,
        found.reliance,
        found.reader_advice,
        found.reader_unhurried,
        how.level,
    )
    label = ["Simulated readers; this says nothing about people."] if facts["simulated"] else []
    return "\n".join([*label, *said, "", f"Report: {path}"])


def _of_study(source: Path, database_url: str | None) -> tuple[pd.DataFrame, Path, Readers]:
    """The answers given so far, written beside the key, the run they belong to, and the protocol."""
    folder = study_folder(source)
    store = open_store(folder, database_url)
    try:
        exported = export(store, folder)
        with store.read() as connection:
            protocol, _ = protocol_of(connection)
    finally:
        store.close()
    exported.write(folder)
    return exported.readings, folder.parent, protocol


def _told(columns: Sequence[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in columns]
    for ours, sign, theirs in pairs:
        if not (ours and sign and theirs):
            raise InputError(f"'{ours}{sign}{theirs}' names no column", fix="Write OURS=THEIRS, as in truth=diagnosis.")
    return {ours: theirs for ours, _, theirs in pairs}
