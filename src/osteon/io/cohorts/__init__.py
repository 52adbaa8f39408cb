"""Turn a dataset as it comes into a cohort table.

Each module of this package whose name does not begin with an underscore reads one format; adding a format is adding a
module. It has a docstring whose first line tells what it reads, and a function ``read(folder) -> Iterator[Item]`` that
yields what it finds in a fixed order. What is the same for every format is done here: the user's own table is joined,
boxes are cut to the picture, masks are drawn and written, cases are numbered, the cohort table is written, and every
file that gave no case is listed with the reason.
"""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pandas as pd

from osteon.core import tables
from osteon.core.errors import TableError, suggest
from osteon.io.cohorts._files import Folder, place
from osteon.io.cohorts._items import Item, Lesion, Note, Skipped
from osteon.io.cohorts._labels import LABELS, join
from osteon.io.cohorts._written import Written

__all__ = [
    "DRAFT",
    "LABELS",
    "NOTES",
    "SKIPPED",
    "Folder",
    "Item",
    "Lesion",
    "Note",
    "Skipped",
    "formats",
    "guessed_patients",
    "import_cohort",
    "remarks",
]

#: What gave no case, and why; where an annotation file says it, which part of which.
SKIPPED = tables.Contract(
    "skipped",
    {
        "image": tables.Column("path", filled=False),
        "reason": tables.Column("free"),
        "source": tables.Column("path", filled=False),
    },
)
#: What a file says and was not read, or not as it stands.
NOTES = tables.Contract("notes", {"file": tables.Column("path", filled=False), "note": tables.Column("free")})
#: The cohort table while labels may still be missing.
DRAFT = replace(
    tables.COHORT,
    columns={**tables.COHORT.columns, "label": replace(tables.COHORT.columns["label"], filled=False)},
)
_LAYOUTS = "The guide 'Import a dataset' shows how each format has to be laid out."


def formats() -> dict[str, str]:
    """The formats that can be imported, each with one line about it.

    >>> sorted(formats())
    ['btxrd', 'coco', 'dicom', 'folder', 'labelme']
    """
    return {name: (import_module(f"{__name__}.{name}").__doc__ or "").splitlines()[0] for name in _names()}


def import_cohort(
    format: str,
    folder: str | Path,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    centre: str | None = None,
    guess_patients: bool = False,
    whole_image: bool = False,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Write ``cohort.csv`` (and the masks) for a dataset in one of :func:`formats`.

    Images stay where they are and are referred to relative to the table. Coordinates are pixels of the upright picture.
    Every file that gave no case is listed with the reason in ``skipped.csv``, and what was not read, or not as it
    stands, in ``notes.csv``. A case without a label is written with an empty one, which a study will refuse until it is
    filled in.

    Args:
        format: One of :func:`formats`.
        folder: The dataset.
        out: The folder to write to.
        labels: A table of the user's own with a column ``image`` (path in `folder`, or a file name, with or without its
            ending) and any columns of the cohort table. What it says goes before what the format says.
        centre: The centre of every case, unless `labels` says another; by default what the format says, else "1".
        guess_patients: Give neighbouring rows with equal centre, age, sex and site one patient (see
            :func:`guessed_patients`), where none is known.
        whole_image: Use the whole picture as the box of a case that has none.
        overwrite: Replace a cohort table that is there already.

    Returns:
        The cohort table as written.

    Raises:
        TableError: The dataset is not in this format, is incomplete, or holds no case; the message names file and row.
    """
    path, out = Path(folder), Path(out)
    known = _names()
    if format not in known:
        raise TableError(f"unknown format '{format}'", fix=suggest(format, known))
    if not path.is_dir():
        raise TableError("no such folder", file=path, fix="Give the folder that holds the dataset.")
    target = out / "cohort.csv"
    if target.exists() and not overwrite:
        raise TableError("a cohort table is there already", file=target, fix="Choose another folder, or overwrite it.")
    there = Folder(path, ours=[out / name for name in ("cohort.csv", "skipped.csv", "notes.csv", "masks")])
    module = import_module(f"{__name__}.{format}")
    found: Iterator[Item] = _once(module.read(there))
    if centre is not None:
        found = _set_centre(found, centre)
    if labels is not None:
        there.used |= {file for file in there.files if place(file) == place(Path(labels))}
        found = join(found, there, Path(labels))
    written = Written(out, whole_image=whole_image)
    for item in found:
        written.add(item)
    if not written.rows:
        raise TableError(f"no case of the format '{format}' found{written.why()}", file=path, fix=_LAYOUTS)
    written.add_left_over(there, getattr(module, "LEFT", "no annotation names it"))
    written.note_copies()
    frame = pd.DataFrame(written.rows)
    if guess_patients:
        frame["patient_id"] = guessed_patients(frame)
    tables.write(frame, target, DRAFT)
    for name, rows, contract in (("skipped", written.skipped, SKIPPED), ("notes", written.notes(), NOTES)):
        (out / f"{name}.csv").unlink(missing_ok=True)
        if rows:
            tables.write(pd.DataFrame(rows), out / f"{name}.csv", contract)
    return tables.read(target, DRAFT)


def remarks(out: Path, most: int = 5) -> Iterator[str]:
    """Lines on what an import left out and did not read, the commonest first; the tables beside it have it all."""
    for name, contract, column, about in (
        ("skipped.csv", SKIPPED, "reason", "what was left out, and why"),
        ("notes.csv", NOTES, "note", "what was not read, or not as it stands"),
    ):
        if (out / name).is_file():
            said = tables.read(out / name, contract)[column]
            yield f"{out / name}: {len(said)} line{'s' * (len(said) != 1)} on {about}"
            counts = said.value_counts()
            for what, count in counts.head(most).items():
                yield f"  {count} x {what}"
            if len(counts) > most:
                yield f"  and {len(counts) - most} more"
    yield from _to_be_filled(tables.read(out / "cohort.csv", DRAFT))


def _to_be_filled(cohort: pd.DataFrame) -> Iterator[str]:
    """What a study needs of each case and the data did not say."""
    boxed = cohort["x0"].notna() | (cohort.get("mask", "") != "")
    for what, absent in (("a label", cohort["label"] == ""), ("a box or a mask", ~boxed)):
        if count := int(absent.sum()):
            many = "no case has" if count == len(cohort) else f"{count} of {len(cohort)} cases do not have"
            yield f"{many} {what}: fill the columns, or import again with a table of your own, --labels TABLE"


def guessed_patients(frame: pd.DataFrame) -> list[str]:
    """Patients guessed for a dataset that does not tell them, for the rows of a cohort table in its original order.

    Neighbouring rows with equal centre, age, sex and site get one identifier (``guess-0001``, ``guess-0002``, ...);
    rows of one image always do. Where one of the four is missing nothing is guessed across images. A known patient is
    kept.
    """
    columns = frame.reindex(columns=["image", "centre", "age", "sex", "site", "patient_id"])
    patients: list[str] = []
    count, last_image, last_traits = 0, None, None
    for image, *traits, known in columns.astype("string").fillna("").itertuples(index=False):
        if known:
            patients.append(known)
            last_image = last_traits = None
            continue
        complete = tuple(traits) if all(traits) else None
        if not (image == last_image or (complete is not None and complete == last_traits)):
            count += 1
        patients.append(f"guess-{count:04d}")
        last_image, last_traits = image, complete
    return patients


def _names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def _set_centre(found: Iterable[Item], centre: str) -> Iterator[Item]:
    for item in found:
        yield replace(item, columns={**item.columns, "centre": centre}) if isinstance(item, Lesion) else item


def _once(found: Iterable[Item]) -> Iterator[Item]:
    """Let an annotation through once, however many files, copies and links say it; the others are told."""
    seen: dict[tuple[object, ...], Lesion] = {}
    for item in found:
        if not isinstance(item, Lesion) or (item.box is not None and not item.words):
            yield item
            continue
        whole = () if item.words else (item.label, item.columns.get("centre"))
        first = seen.setdefault((os.path.realpath(item.image), item.words, *whole), item)
        if first is item:
            yield item
            continue
        same = f"{first.part} of {first.source.name}" if first.source else f"the file {first.image.name}"
        yield Skipped(item.image, f"{item.part} says the same as {same}".strip(), item.source, item.part)
