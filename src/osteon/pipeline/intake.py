"""New cases as people have them: radiographs, folders of them, tables, LabelMe and COCO annotations."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import ImageError, InputError, TableError
from osteon.io import cohorts
from osteon.io.kinds import kind_of
from osteon.models.inputs.case import BOX

#: What to do where a case has no box.
NO_BOX = (
    "Draw one: --box X0,Y0,X1,Y1 for one radiograph, columns x0, y0, x1, y1 or mask in a table (--table), or a LabelMe "
    "or COCO annotation."
)
_TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".parquet")


@dataclass(frozen=True, eq=False)
class Intake:
    """New cases, before any radiograph is opened.

    Attributes:
        cases: case_id, image (as it was given), file (where it lies), x0, y0, x1, y1 (nan where unknown), mask, and
            every other column of the table; no label.
        aside: What cannot be asked about, after :data:`osteon.core.tables.SET_ASIDE`.
        labels: Labels that a table had and that nobody reads.
    """

    cases: pd.DataFrame
    aside: pd.DataFrame
    labels: tuple[str, ...] = ()


@contextmanager
def taken_in(
    given: Sequence[Path],
    *,
    box: Sequence[float] | None = None,
    mask: Path | None = None,
    table: Path | None = None,
) -> Iterator[Intake]:
    """Take in new cases; masks that annotations draw last as long as the context.

    Args:
        given: Radiographs, folders, tables (CSV, Excel, Parquet) or annotation files (LabelMe, COCO).
        box: x0, y0, x1, y1 of the one radiograph's lesion, in pixels of the upright picture.
        mask: A mask of the one radiograph's lesion.
        table: Boxes, masks and columns of the radiographs, by their paths or names.

    Raises:
        InputError: Something is absent or nothing that osteon reads, or a box is given for several radiographs.
    """
    with TemporaryDirectory(prefix="osteon-") as made:
        parts = [_one(Path(path), Path(made) / str(number)) for number, path in enumerate(given)]
        cases = pd.concat([part.cases for part in parts], ignore_index=True)
        aside = pd.concat([part.aside for part in parts], ignore_index=True)
        labels = tuple(dict.fromkeys(label for part in parts for label in part.labels))
        if table is not None:
            cases, more = _joined(cases, table)
            labels = tuple(dict.fromkeys((*labels, *more)))
        cases = _completed(cases)
        if box is not None or mask is not None:
            if len(cases) != 1:
                raise InputError(
                    f"a box or a mask is given for {len(cases)} radiographs", fix="Give --table with a box for each."
                )
            if box is not None:
                cases.loc[0, BOX] = _checked(box)
            if mask is not None:
                cases["mask"] = str(mask.absolute())
        cases["case_id"] = _identified(cases)
        yield Intake(cases, aside, labels)


def parsed_box(text: str) -> tuple[float, float, float, float]:
    """Four numbers as a command line has them.

    Raises:
        InputError: They are not four numbers, or no box.

    >>> parsed_box("10,20,110,150")
    (10.0, 20.0, 110.0, 150.0)
    """
    try:
        numbers = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise InputError(f"--box '{text}' is not four numbers", fix="Write it as --box X0,Y0,X1,Y1, in pixels.")
    return _checked(numbers)


def _checked(box: Sequence[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(side) for side in box)
    if not (np.isfinite([x0, y0, x1, y1]).all() and x0 < x1 and y0 < y1):
        raise InputError(
            f"the box {x0:g}, {y0:g}, {x1:g}, {y1:g} is inside out",
            fix="x0, y0 is the upper left corner and x1, y1 the lower right, in pixels of the upright picture.",
        )
    return x0, y0, x1, y1


def _one(path: Path, room: Path) -> Intake:
    """What one argument holds."""
    if path.is_dir():
        return _folder(path, room)
    if not path.is_file():
        raise InputError("no such file or folder", file=path)
    if path.suffix.lower() in _TABLES:
        return _table(path)
    if path.suffix.lower() == ".json":
        return _annotated(path.parent, _form(path), room, only=path)
    beside = path.with_suffix(".json")
    if beside.is_file() and _form(beside, strict=False) == "labelme":
        return _annotated(path.parent, "labelme", room, only=beside)
    return Intake(pd.DataFrame({"image": [str(path)], "file": [str(path.absolute())]}), _none_aside())


def _folder(path: Path, room: Path) -> Intake:
    """A folder: its annotations where it has some, else its radiographs."""
    if (path / "cohort.csv").is_file():
        return _table(path / "cohort.csv")
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not _hidden(file.relative_to(path))]
    for file in files:
        if file.suffix.lower() == ".json" and (form := _form(file, strict=False)):
            return _annotated(path, form, room)
    pictures, aside = [], []
    for file in files:
        shown = file.relative_to(path.parent).as_posix()
        try:
            kind_of(file)
        except ImageError as error:
            aside.append({"case_id": "", "image": shown, "reason": error.what})
        else:
            pictures.append({"image": shown, "file": str(file.absolute())})
    if not pictures:
        raise InputError("no radiograph in this folder", file=path, fix="Give JPEG, PNG, TIFF, BMP or DICOM files.")
    return Intake(pd.DataFrame(pictures), pd.DataFrame(aside, columns=list(tables.SET_ASIDE.columns)))


def _table(path: Path) -> Intake:
    """A cohort table, whose labels nobody reads."""
    frame = tables.read(path, tables.CASES)
    if frame.empty:
        raise TableError("the table has no rows", file=path)
    labels = tuple(sorted(set(frame["label"]) - {""})) if "label" in frame else ()
    frame = frame.drop(columns=[name for name in ("label", "target", "subtype") if name in frame])
    frame["file"] = [_beside(path, image) for image in frame["image"]]
    if "mask" in frame:
        frame["mask"] = [_beside(path, mask) for mask in frame["mask"]]
    return Intake(frame, _none_aside(), labels)


def _annotated(folder: Path, form: str, room: Path, only: Path | None = None) -> Intake:
    """A folder in an annotation format, read as for a study; one annotation file of it alone where that is asked."""
    frame = cohorts.import_cohort(form, folder, room)
    here = str(only.resolve().relative_to(folder.resolve())) if only else ""
    if only is not None and "source" in frame:
        sources = [Path(os.path.normpath(room / source.split(",")[0])).name for source in frame["source"].astype(str)]
        frame = frame[[source == Path(here).name for source in sources]].reset_index(drop=True)
        if frame.empty:
            raise InputError("no case in this annotation", file=only, fix=NO_BOX)
    frame["file"] = [os.path.normpath(room / image) for image in frame["image"]]
    frame["image"] = [os.path.relpath(file, folder.resolve()) for file in frame["file"]]
    if "mask" in frame:
        frame["mask"] = [str(room / mask) if mask else "" for mask in frame["mask"]]
    skipped = room / "skipped.csv"
    aside = _none_aside()
    if skipped.is_file() and only is None:
        told = tables.read(skipped, cohorts.SKIPPED)
        shown = [os.path.relpath(os.path.normpath(room / image), folder.resolve()) for image in told["image"]]
        aside = pd.DataFrame({"case_id": "", "image": shown, "reason": told["reason"]})
    keep = [name for name in frame if name not in ("label", "target", "subtype", "source")]
    return Intake(frame[keep], aside)


def _form(path: Path, *, strict: bool = True) -> str:
    """Whether a JSON file is LabelMe's or COCO's."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        content = None
    if isinstance(content, dict):
        if "shapes" in content:
            return "labelme"
        if "annotations" in content and "images" in content:
            return "coco"
    if strict:
        raise InputError(
            "neither a LabelMe nor a COCO annotation", file=path, fix="Give one of those, or a radiograph."
        )
    return ""


def _joined(cases: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The cases that a table has of the given radiographs, matched by path, else by name.

    Raises:
        TableError: It has none of a radiograph.
    """
    told = _table(path)
    by_file = {os.path.normpath(file): file for file in cases["file"]}
    by_name = {Path(file).name: file for file in cases["file"]}
    own = [by_file.get(os.path.normpath(file), by_name.get(Path(file).name, "")) for file in told.cases["file"]]
    rows = told.cases.assign(file=own)
    rows = rows[rows["file"] != ""].reset_index(drop=True)
    absent = cases.loc[~cases["file"].isin(set(rows["file"])), "image"]
    if len(absent):
        raise TableError(
            f"no row is of the radiograph '{absent.iloc[0]}'{tables.and_more(len(absent))}",
            file=path,
            column="image",
            fix="Add rows with its path or its name.",
        )
    shown = dict(zip(cases["file"], cases["image"], strict=True))
    return rows.assign(image=[shown[file] for file in rows["file"]]), told.labels


def _completed(cases: pd.DataFrame) -> pd.DataFrame:
    """With every column that is asked for later."""
    cases = cases.copy()
    for side in BOX:
        if side not in cases:
            cases[side] = np.nan
        cases[side] = cases[side].astype(np.float64)
    for name in ("case_id", "mask"):
        cases[name] = cases[name].fillna("") if name in cases else ""
    return cases


def _identified(cases: pd.DataFrame) -> list[str]:
    """An identifier of each case: its own, or its file's name, with a number where several would have it."""
    names = [own or Path(file).stem for own, file in zip(cases["case_id"], cases["file"], strict=True)]
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found if len(set(found)) == len(found) else [f"{name}-{row}" for row, name in enumerate(names, 1)]


def _beside(table: Path, path: str) -> str:
    return os.path.normpath(table.parent.absolute() / path.replace("\\", "/")) if path else ""


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _none_aside() -> pd.DataFrame:
    return pd.DataFrame(columns=list(tables.SET_ASIDE.columns))
