"""From readings, or from a reader study's database, to tables, figures and a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.tables import written
from osteon.readers import analyse as analysed
from osteon.readers import load
from osteon.readers.words import sentences
from osteon.results import figures, report
from osteon.results.report import readers as page
from osteon.web.export import export
from osteon.web.investigator import study_folder
from osteon.web.serve import open_store


def analyse(
    source: Path,
    out: Path | None = None,
    *,
    threshold: float | None = None,
    columns: Sequence[str] = (),
    level: float = 0.95,
    database_url: str | None = None,
) -> str:
    """Analyse a reader study.

    Args:
        source: A table of readings, an iMRMC file, or a run with a reader study (whose answers are exported first).
        out: Where tables, figures and report go; by default the run, or a folder beside the table.
        threshold: Makes calls from confidence where there are none.
        columns: ``ours=theirs`` for columns that are called something unusual.
        level: Confidence level.
        database_url: The reader study's database, where it is not the SQLite file.

    Returns:
        The result in sentences, and where the report lies.

    Raises:
        InputError: No readings, a broken table, more than two arms.
    """
    if source.is_dir():
        readings, folder = _of_study(source, database_url)
    else:
        readings, folder = load(source, _told(columns)), source.with_name(f"{source.stem}-analysis")
    folder = out or folder
    found = analysed(readings, threshold=threshold, level=level)
    found.write(folder)
    facts = {"simulated": bool("simulated" in readings and pd.to_numeric(readings["simulated"]).any())}
    with written(folder / "reader_study.json") as beside:
        beside.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    figures.draw_all(folder)
    whole = (folder / "metrics.csv").is_file() and (folder / "study.toml").is_file()
    path = report.write(folder) if whole else page.write(folder, f"Reader study: {source.stem}")
    said = sentences(found.reader_metrics, found.reader_comparisons, found.reliance)
    label = ["Simulated readers; this says nothing about people."] if facts["simulated"] else []
    return "\n".join([*label, *said, "", f"Report: {path}"])


def _of_study(source: Path, database_url: str | None) -> tuple[pd.DataFrame, Path]:
    """The answers given so far, written beside the key, and the run they belong to."""
    folder = study_folder(source)
    store = open_store(folder, database_url)
    try:
        exported = export(store, folder)
    finally:
        store.close()
    exported.write(folder)
    return tables.conform(exported.readings, tables.READINGS), folder.parent


def _told(columns: Sequence[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in columns]
    for ours, sign, theirs in pairs:
        if not (ours and sign and theirs):
            raise InputError(f"'{ours}{sign}{theirs}' names no column", fix="Write OURS=THEIRS, as in truth=diagnosis.")
    return {ours: theirs for ours, _, theirs in pairs}
