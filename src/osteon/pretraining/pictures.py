"""The pictures of a source: every file is decoded once, into an array that later runs find again."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.cohort.check.duplicates import clusters
from osteon.cohort.check.pictures import THUMBNAIL, looks_of
from osteon.core import tables
from osteon.core.errors import InputError, TableError
from osteon.core.ledger import digest, file_digest
from osteon.core.types import Pixels
from osteon.core.workers import Workers
from osteon.io import READING, read_image
from osteon.models.inputs import crops
from osteon.pretraining.settings import Source
from osteon.study import Crop

_PICTURES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".ima", ""))
_FILES_A_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Material:
    """The pictures of a source, and what is known of them.

    Attributes:
        name: The source's name.
        pictures: (n, S, S) uint16, 65535 as white; usually a memory map.
        patients: (n,) the number of each picture's patient; exact copies of one picture share it.
        facts: One row a picture: file, patient (as the table has it; "" where nobody knows), content, thumbnail.
        labels: (n,) numbers of :attr:`classes` or (n, K) signs; -1 where it is not known; or None.
        classes: Names of the classes or signs.
        licence: On what terms the pictures may be used.
        citation: What to cite.
    """

    name: str
    pictures: NDArray[np.uint16]
    patients: NDArray[np.intp]
    facts: pd.DataFrame
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""

    @classmethod
    def drawn(
        cls, name: str, images: Pixels, labels: NDArray[np.int64], classes: tuple[str, ...], patients: NDArray[np.intp]
    ) -> Material:
        """Pictures that are in memory.

        Args:
            name: What they are called.
            images: (n, S, S) in [0, 1].
            labels: (n,) numbers of `classes`, or (n, K) signs.
            classes: Names of the classes or signs.
            patients: (n,) the number of each picture's patient.
        """
        contents, thumbnails = zip(*map(looks_of, images), strict=True)
        told = {"content": contents, "thumbnail": thumbnails}
        facts = pd.DataFrame({"file": [f"{name} {i}" for i in range(len(images))], "patient": "", **told})
        return cls(name, crops.to_stored(images), patients, facts, labels, classes)

    @property
    def several(self) -> bool:
        """Whether a picture can have several labels."""
        return self.labels is not None and self.labels.ndim == 2

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many pictures have each label."""
        if self.labels is None:
            return {}
        shown = self.labels == 1 if self.several else self.labels[:, None] == np.arange(len(self.classes))
        return {name: int(n) for name, n in zip(self.classes, shown.sum(axis=0), strict=True)}

    @cached_property
    def digest(self) -> str:
        """What it is: the pictures as they are shown, and what is known of them."""
        return digest(
            self.name, self.pictures.shape, list(self.facts["content"]), self.patients, self.labels, self.classes
        )


def read(source: Source, folder: Path, size: int, workers: Workers) -> Material:
    """Read a source.

    Args:
        source: What it says.
        folder: What its paths are relative to; decoded pictures are kept in ``.cache`` there.
        size: Side of the pictures.
        workers: Who decodes.

    Raises:
        InputError: The table or a picture is absent or cannot be read; names which.
    """
    place = folder / (source.pictures or Path(source.table).parent)
    rows = _rows(source, folder, place)
    files = list(rows[source.image])
    key = digest(READING, _state(place, files), files, size, source.square)[:16]
    kept = folder / ".cache" / f"pictures-{key}"
    array, facts = kept.with_suffix(".npy"), kept.with_suffix(".parquet")
    if not (array.is_file() and facts.is_file()):
        _decode(place, files, (size, source.square), kept, workers)
    known = pd.read_parquet(facts)
    known["patient"] = rows[source.patient].to_numpy() if source.patient else ""
    labels, classes = _labels(rows, source, folder)
    return Material(
        source.name, np.load(array, mmap_mode="r"), _patients(known), known, labels, classes,
        source.licence, source.citation,
    )  # fmt: skip


def _rows(source: Source, folder: Path, place: Path) -> pd.DataFrame:
    """The pictures of a source, a row each, with the columns that its settings name."""
    if not source.table:
        files = _listed(place)
        if not files:
            raise InputError(f"source '{source.name}': there are no pictures", file=place)
        return pd.DataFrame({source.image: files})
    image = {source.image: tables.Column("path")}
    wanted = {name: tables.Column(filled=False) for name in (*source.labels, *source.rows, source.patient) if name}
    path = folder / source.table
    rows = tables.read(path, tables.Contract(f"pictures of {source.name}", {**image, **wanted}, open=True))
    for name, value in source.rows.items():
        rows = rows[rows[name] == value]
    if rows.empty:
        said = ", ".join(f"{name} = {value}" for name, value in source.rows.items())
        raise TableError(f"source '{source.name}': no row has {said}" if said else "the table is empty", file=path)
    twice = rows[source.image][rows[source.image].duplicated()]
    if len(twice):
        raise TableError(f"source '{source.name}' has '{twice.iloc[0]}' twice", file=path, column=source.image)
    return rows.reset_index(drop=True)


def _listed(place: Path) -> list[str]:
    """All pictures of a folder or a zip file, by their names' endings; hidden files are no pictures."""
    if zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            found = [Path(entry.filename) for entry in archive.infolist() if not entry.is_dir()]
    elif place.is_dir():
        found = [path.relative_to(place) for path in place.rglob("*") if path.is_file()]
    else:
        raise InputError("neither a folder nor a zip file", file=place)
    shown = [path for path in found if not any(part.startswith((".", "__MACOSX")) for part in path.parts)]
    return sorted(path.as_posix() for path in shown if path.suffix.lower() in _PICTURES)


def _state(place: Path, files: Sequence[str]) -> Any:
    """What changes when a picture does: the zip file's digest, or sizes and times of files."""
    if place.is_file():
        if not zipfile.is_zipfile(place):
            raise InputError("neither a folder nor a zip file", file=place)
        return file_digest(place)
    stamps = []
    for name in files:
        try:
            status = (place / name).stat()
        except OSError:
            raise InputError("no such picture", file=place / name) from None
        stamps.append((status.st_size, status.st_mtime_ns))
    return stamps


def _decode(place: Path, files: Sequence[str], form: tuple[int, bool], kept: Path, workers: Workers) -> None:
    """Decode every picture into one array, chunk by chunk; chunks of a killed run are not made again."""
    chunks = [files[start : start + _FILES_A_CHUNK] for start in range(0, len(files), _FILES_A_CHUNK)]
    parts = [kept / f"{number:06d}.npz" for number in range(len(chunks))]
    todo = [(part, place, chunk, *form) for part, chunk in zip(parts, chunks, strict=True) if not part.is_file()]
    workers.map("pictures", _decode_chunk, todo)
    with tables.written(kept.with_suffix(".npy")) as beside:
        whole = np.lib.format.open_memmap(beside, mode="w+", dtype=np.uint16, shape=(len(files), form[0], form[0]))
        facts = []
        for number, part in enumerate(parts):
            with np.load(part) as made:
                start = number * _FILES_A_CHUNK
                whole[start : start + len(made["pictures"])] = made["pictures"]
                thumbnails = [thumbnail.tobytes() for thumbnail in made["thumbnails"]]
                facts.append(pd.DataFrame({"content": made["contents"].astype(str), "thumbnail": thumbnails}))
        whole.flush()
        del whole
    with tables.written(kept.with_suffix(".parquet")) as beside:
        pd.concat(facts, ignore_index=True).assign(file=list(files)).to_parquet(beside, index=False)
    shutil.rmtree(kept)


def _decode_chunk(part: Path, place: Path, files: Sequence[str], size: int, square: bool) -> None:
    pictures, contents, thumbnails = [], [], []
    whole = Crop(margin=0, square=square)
    with tempfile.TemporaryDirectory() as temporary:
        for path in _unpacked(place, files, Path(temporary)):
            pixels = read_image(path).pixels
            height, width = pixels.shape
            rectangle = crops.rectangles(np.array([[0.0, 0.0, width, height]]), whole)
            pictures.append(crops.to_stored(crops.extract(pixels, rectangle, size)[0]))
            content, thumbnail = looks_of(pixels)
            contents.append(content)
            thumbnails.append(np.frombuffer(thumbnail, dtype=np.uint8).reshape(THUMBNAIL, THUMBNAIL))
    with tables.written(part) as beside, beside.open("wb") as handle:
        np.savez(handle, pictures=pictures, contents=contents, thumbnails=thumbnails)


def _unpacked(place: Path, files: Sequence[str], temporary: Path) -> Iterator[Path]:
    """Pictures as files of their own."""
    if place.is_dir():
        yield from (place / name for name in files)
        return
    with zipfile.ZipFile(place) as archive:
        for name in files:
            try:
                yield Path(archive.extract(name, temporary))
            except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                reason = "it has no such file" if isinstance(error, KeyError) else str(error)
                raise InputError(f"'{name}' cannot be taken out of the zip file ({reason})", file=place) from None


def _labels(rows: pd.DataFrame, source: Source, folder: Path) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """A label a picture, or signs; -1 where the table says nothing."""
    if not source.labels:
        return None, ()
    said = rows[list(source.labels)]
    if len(source.labels) == 1:
        told = said[source.labels[0]]
        classes = tuple(sorted(set(told) - {""}))
        return np.array([classes.index(one) if one else -1 for one in told], dtype=np.int64), classes
    signs = {"0": 0, "1": 1, "": -1}
    for name in source.labels:
        unknown = sorted(set(said[name]) - set(signs))
        if unknown:
            raise TableError(
                f"a sign is 0 or 1, and here is '{unknown[0]}'", file=folder / source.table, column=name,
                fix="Name one column of classes, or several of signs.",
            )  # fmt: skip
    return np.array([[signs[one] for one in row] for row in said.to_numpy()], dtype=np.int64), source.labels


def _patients(facts: pd.DataFrame) -> NDArray[np.intp]:
    """A number a patient; pictures that are exact copies are one patient's."""
    own = np.where(facts["patient"] == "", [f"picture {i}" for i in range(len(facts))], "patient " + facts["patient"])
    first = facts.groupby("content", sort=False)["file"].transform("first")
    pairs = pd.DataFrame({"image_a": first, "image_b": facts["file"]})[(first != facts["file"]).to_numpy()]
    return clusters(pd.DataFrame({"patient": own, "image": facts["file"]}), pairs)
