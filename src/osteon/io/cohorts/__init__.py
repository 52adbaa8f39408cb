"""Turn a dataset as it comes into a cohort table.

Each module of this package whose name does not begin with an underscore reads one format; adding a format is adding a
module. It has a docstring whose first line tells what it reads, and a function ``read(folder) -> Iterator[Item]`` that
yields what it finds in a fixed order. What is the same for every format is done here: the user's own table is joined,
boxes are cut to the picture, masks are drawn and written, cases are numbered, the cohort table is written, and every
file that gave no case is listed with the reason.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.cells import meant
from osteon.core.errors import ImageError, TableError, suggest
from osteon.io.cohorts._files import Folder, place, why_not_read
from osteon.io.cohorts._items import Item, Lesion, Note, Skipped
from osteon.io.cohorts._json import number
from osteon.io.cohorts._labels import LABELS, join
from osteon.io.images import image_size
from osteon.io.regions import Box, Mask, clip_box, tight_box
from osteon.io.stored import quiet

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
_SIDES = ("x0", "y0", "x1", "y1")
_NUMBERS = tuple(name for name, column in tables.COHORT.columns.items() if column.kind == "number")
_EXIF_ORIENTATION = 0x0112


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
    written = _Written(out, whole_image=whole_image)
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


class _Written:
    """The tables of an import as they grow; masks are written at once."""

    def __init__(self, out: Path, *, whole_image: bool) -> None:
        self.rows: list[dict[str, object]] = []
        self.skipped: list[dict[str, str]] = []
        self._out, self._whole_image = out, whole_image
        self._said: dict[tuple[str, str], list[str]] = {}
        self._images: dict[Path, str] = {}
        self._told: set[Path] = set()
        self._first: list[str] = []
        self._boxes: dict[tuple[Path, Box], str] = {}

    def add(self, item: Item) -> None:
        """Add a case, a line on what gave none, or a note."""
        if isinstance(item, Note):
            self._note(item.file, item.what, item.part)
            return
        if isinstance(item, Skipped):
            self._skip(item, item.reason)
            return
        try:
            image = self._relative(item.image)
            if image != _unicode(image).strip():
                raise ImageError("its name is not Unicode text, or ends in a space: rename it")
            _check_text(item)
            box, mask = self._region(item)
        except ImageError as error:
            self._skip(item, error.what)
            return
        case_id = item.case_id or f"C{len(self.rows) + 1:04d}"
        if box is not None and item.source is not None:
            first = self._boxes.setdefault((item.image, box), case_id)
            if first != case_id:
                self._note(item.source, f"case {case_id} has the same box as {first}: perhaps one lesion", item.part)
        written = "" if mask is None else self._write_mask(mask, self._out / "masks" / f"{case_id}.png")
        self._images[item.image] = image
        self._told.add(place(item.image))
        self.rows.append(
            {
                **{"case_id": case_id, "image": image, "centre": "1", "label": item.label},
                **dict(zip(_SIDES, box or [np.nan] * 4, strict=True)),
                **{"patient_id": "", "mask": written},
                **item.columns,
                **({"source": self._source(item)} if item.source else {}),
            }
        )

    def add_left_over(self, folder: Folder, picture: str) -> None:
        """A line for every file of the folder that nothing came of; `picture` is the reason for a picture."""
        told = self._told | {place(path) for path in folder.used}
        for path in folder.files:
            if place(path) not in told:
                self._skip(Skipped(path, ""), why_not_read(path, picture))
        for path, reason in folder.passed:
            if place(path) not in self._told:
                self._skip(Skipped(path, ""), reason)

    def note_copies(self) -> None:
        """Note pictures that are the same, byte for byte, as one before."""
        sizes = Counter(path.stat().st_size for path in self._images)
        seen: dict[bytes, Path] = {}
        for path in self._images:
            if sizes[path.stat().st_size] > 1:
                first = seen.setdefault(_digest(path), path)
                if first is not path:
                    self._note(path, f"the same picture as {self._images[first]}", "")

    def notes(self) -> list[dict[str, str]]:
        """The notes, each once a file, with how often it holds and where first."""
        found = []
        for (file, what), parts in self._said.items():
            often = f" ({len(parts)} times, first in {parts[0]})" if len(parts) > 1 else f" ({parts[0]})"
            found.append({"file": file, "note": _unicode(what + (often if parts[0] else ""))})
        return found

    def why(self) -> str:
        """The first reasons why nothing gave a case."""
        more = len(self.skipped) - len(self._first)
        return "".join(f"; {line}" for line in self._first) + (f" (and {more} more)" if more else "")

    def _skip(self, item: Lesion | Skipped, reason: str) -> None:
        self._told.add(place(item.image))
        image = _unicode(self._relative(item.image))
        self.skipped.append({"image": image, "reason": _unicode(reason), "source": self._source(item)})
        if len(self._first) < 3:
            part = f", {item.part}" if item.part and not reason.startswith(item.part) else ""
            self._first.append(_unicode(f"{item.source or item.image}{part}: {reason}"))

    def _note(self, file: Path, what: str, part: str) -> None:
        self._said.setdefault((_unicode(self._relative(file)), what), []).append(part)

    def _source(self, item: Lesion | Skipped) -> str:
        if item.source is None:
            return ""
        return _unicode(", ".join(filter(None, (self._relative(item.source), item.part))))

    def _region(self, item: Lesion) -> tuple[Box | None, Mask | None]:
        """A lesion's box, cut to its picture, and its mask, as far as it has them.

        Raises:
            ImageError: The picture cannot be read, is not the one that was annotated, or does not show the lesion.
        """
        shape = image_size(item.image)
        annotated = item.box is not None or item.draw is not None
        orientation = _orientation(item.image) if annotated else 1
        if any(said not in (None, has) for said, has in zip(item.shape, shape, strict=True)):
            said, has = (
                " x ".join("?" if side is None else str(side) for side in reversed(size))
                for size in (item.shape, shape)
            )
            turned = f" once it is turned upright (EXIF orientation {orientation})" if orientation >= 5 else ""
            raise ImageError(f"annotated at {said} pixels, but it has {has}{turned}", file=item.image)
        if orientation > 1 and (orientation < 5 or shape[0] == shape[1] or None in item.shape):
            what = f"EXIF orientation {orientation}: its annotations are taken to be drawn on the upright picture"
            self._note(item.image, what, "")
        mask = None if item.draw is None else item.draw(shape)
        if mask is not None and not mask.any():
            mask = None
        box = item.box or (None if mask is None else tight_box(mask))
        if box is None and item.draw is None:
            return (0.0, 0.0, float(shape[1]), float(shape[0])) if self._whole_image else None, None
        if box is None:
            raise ImageError("the outline covers no pixel of the picture", file=item.image)
        cut = clip_box(box, shape)
        if cut is None:
            raise ImageError("the lesion lies outside the picture", file=item.image)
        if max(abs(a - b) for a, b in zip(cut, box, strict=True)) >= 1:
            self._note(item.source or item.image, "a box that reaches beyond the picture is cut at its edge", item.part)
        return cut, mask

    def _write_mask(self, mask: Mask, path: Path) -> str:
        """Write a mask as a PNG of one bit a pixel; its path as the cohort table says it."""
        from PIL import Image

        with tables.written(path) as beside:
            Image.fromarray(mask).save(beside, format="PNG")
        return self._relative(path)

    def _relative(self, path: Path) -> str:
        """A path as seen from the cohort table."""
        try:
            return Path(os.path.relpath(place(path), self._out.resolve())).as_posix()
        except ValueError:  # another drive
            return place(path).as_posix()


def _check_text(item: Lesion) -> None:
    """Refuse what a table cannot hold: text that is no Unicode or has line ends, and numbers that are none.

    Raises:
        ImageError: One is found.
    """
    for name, value in {"label": item.label, **item.columns}.items():
        text = str(value)
        if _unicode(text) != text or any(ord(character) < 32 for character in text):
            raise ImageError(f"its {name} holds characters that a table cannot")
        column = tables.COHORT.columns.get(name)
        if name in _NUMBERS and column is not None and meant(text) != "":
            try:
                within = column.low <= number(value if isinstance(value, str) else text) <= column.high
            except ValueError:
                within = False
            if not within:
                raise ImageError(f"its {name} '{text[:40]}' is not a number from {column.low:g} to {column.high:g}")


def _unicode(text: str) -> str:
    """Text that UTF-8 can hold; a file name may be any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _orientation(path: Path) -> int:
    """The EXIF orientation of a JPEG, TIFF or PNG, 1 (upright) where its header has none."""
    from PIL import Image

    try:
        with quiet(), path.open("rb") as handle, Image.open(handle, formats=("JPEG", "TIFF", "PNG")) as picture:
            if picture.format == "PNG" and "exif" not in picture.info:
                return 1  # to look behind the pixels would decode them
            return int(picture.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # none of these, or damaged metadata that the reader of the picture is to judge
        return 1


def _digest(path: Path) -> bytes:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()
