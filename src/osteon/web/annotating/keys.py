"""Where an annotation's pictures come from, and how its codes lead back to them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.io import import_cohort
from osteon.io.cohorts import DRAFT
from osteon.io.dicom import is_dicom

#: The imported table of a folder, within an annotation's folder.
SOURCE = "source"
#: One row a picture: its case's code and number there, and all that the source says of it.
KEY = tables.Contract(
    "annotation key",
    {
        "code": tables.Column(),
        "number": tables.Column("integer", low=1),
        "case_id": tables.Column(unique=True),
        "image": tables.Column("path"),
        "centre": tables.Column(),
        "patient_id": tables.Column(filled=False),
        "label": tables.Column(filled=False),
    },
    open=True,
)


def take_in(source: Path, out: Path) -> tuple[pd.DataFrame, Path]:
    """The cohort table of a source, labels and boxes of which may be missing, and where it lies.

    Args:
        source: A cohort table, or a folder: of DICOM files where it holds any, of pictures otherwise.
        out: A folder is imported into ``source`` there.

    Raises:
        InputError: There is no picture.
    """
    if source.is_file():
        return tables.read(source, DRAFT), source
    if not source.is_dir():
        raise InputError("no such folder or table", file=source, fix="Give a folder of radiographs or a cohort table.")
    kind = "dicom" if any(is_dicom(path) for path in sorted(source.rglob("*")) if path.is_file()) else "folder"
    return import_cohort(kind, source, out / SOURCE), out / SOURCE / "cohort.csv"


def image_place(table: Path, image: str) -> Path:
    """Where a picture lies that a table names."""
    return table.parent / image


def folder_of(place: Path) -> Path:
    """The folder of an annotation with its key.

    Raises:
        InputError: There is none.
    """
    if (place / "key.csv").is_file():
        return place
    raise InputError("no annotation here", file=place, fix="Give the folder that 'osteon annotate create' made.")


def key_of(place: Path) -> pd.DataFrame:
    """The key of an annotation."""
    return tables.read(folder_of(place) / "key.csv", KEY)
