"""Answers as DICOM objects, in the studies of the radiographs that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.extras import need
from osteon.core.types import Floats, Pixels
from osteon.core.workers import Workers
from osteon.io import read_stored
from osteon.io.objects import making
from osteon.io.objects.finding import Author, Finding
from osteon.io.objects.making import Making
from osteon.io.objects.overlay import overlay
from osteon.io.objects.picture import picture
from osteon.io.objects.region import heat_map, region
from osteon.io.objects.report import report
from osteon.io.objects.source import aspect, read_source
from osteon.io.stored import StoredRadiograph, quiet
from osteon.models.inputs import crops
from osteon.models.inputs.case import Film, Input
from osteon.models.portable import Portable
from osteon.pipeline.asking import new_inputs, opened, settle
from osteon.pipeline.intake import Intake
from osteon.pipeline.prediction import NOTICE

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from osteon.models.explain.mapper import Mapper

_METHOD = "gradcam"
#: Least and most pixels of the longer side of a radiograph in a secondary capture.
_SIDES = (600, 1200)


def check(file: Portable, given: Intake) -> None:
    """Refuse what has no DICOM results before anything is asked.

    Raises:
        InputError: highdicom is absent, the model looks at no radiograph, or
        ImageError: a radiograph is not DICOM or cannot be referred to.
    """
    need("dicom", "DICOM results")
    if not file.looks:
        raise InputError(
            f"'{file.about['name']}' looks at no radiograph, and DICOM results are about a box on one",
            fix="Leave --dicom out.",
        )
    for path in given.cases["file"].unique():
        read_source(Path(path))


def deliver(
    model_file: Path, file: Portable, given: Intake, table: pd.DataFrame, folder: Path, workers: Workers
) -> tuple[Path, ...]:
    """Write the answers.

    Args:
        model_file: The model's file, and
        file: the same, read.
        given: The cases.
        table: What the model says of them.
        folder: Where to: a folder for each radiograph, named by its first case.
        workers: Who does the work.

    Returns:
        The files, one for each object.
    """
    cases = given.cases[given.cases["case_id"].isin(set(table["case_id"]))]
    said = table.set_index("case_id")
    pieces = [
        (model_file, file.identity, of_one.reset_index(drop=True), said.loc[of_one["case_id"]].reset_index(), folder)
        for _, of_one in cases.groupby("file", sort=False)
    ]
    return tuple(path for paths in workers.map("DICOM objects", _one, pieces) for path in paths)


def _one(model_file: Path, identity: str, cases: pd.DataFrame, said: pd.DataFrame, folder: Path) -> list[Path]:
    """All objects of one radiograph."""
    from osteon.models.explain.mapper import Mapper

    file, path = opened(model_file, identity), Path(cases["file"].iloc[0])
    stored = read_stored(path)
    film = Film(stored.render())
    mapper = next((found for one in file.fitted.values() if (found := Mapper.on(one))), None)
    asked = [settle(file, replace(one, film=film, look=film.whole)) for one in new_inputs(cases)]
    rows: list[dict[str, Any]] = said.to_dict("records")  # type: ignore[assignment]
    findings = [_finding(row, one, mapper) for row, one in zip(rows, asked, strict=True)]
    room = folder / tables.file_name(str(cases["case_id"].iloc[0]), "")
    room.mkdir(parents=True, exist_ok=True)
    for name in making.SERIES:  # what an earlier answer had and this one has not must not stay beside it
        (room / f"{name}.dcm").unlink(missing_ok=True)
    written = []
    with quiet():
        made = Making(read_source(path), _author(file), findings)
        for name, one in _objects(made, stored, film.radiograph.pixels):
            with tables.written(room / f"{name}.dcm") as beside:
                one.save_as(beside, enforce_file_format=True)
            written.append(room / f"{name}.dcm")
    return written


def _objects(made: Making, stored: StoredRadiograph, pixels: Pixels) -> Iterator[tuple[str, Dataset]]:
    """The objects by the names of their files; colour has no presentation state of grey levels."""
    yield "report", report(made)
    yield "picture", picture(made, _page(made, pixels))
    if str(made.source.get("PhotometricInterpretation")).startswith("MONOCHROME"):
        yield "overlay", overlay(made, stored)
    for name, one in (("region", region(made)), ("map", heat_map(made))):
        if one is not None:
            yield name, one


def _author(file: Portable) -> Author:
    about = file.about
    return Author(
        name=str(about["name"]),
        identity=file.identity,
        positive=str(about["classes"][1]),
        cuts=dict(about["operating_points"]),
        notice=NOTICE,
        synthetic=bool(about["synthetic"]),
    )


def _finding(row: dict[str, Any], one: Input, mapper: Mapper | None) -> Finding:
    return Finding(
        case_id=one.case_id,
        box=(float(one.drawn[0]), float(one.drawn[1]), float(one.drawn[2]), float(one.drawn[3])),
        probability=float(row["probability"]),
        folds=(float(row["folds_low"]), float(row["folds_high"])),
        recalibrated=float(row["recalibrated"]),
        calls={name.removeprefix("call_"): str(row[name]) for name in row if name.startswith("call_")},
        unlike=bool(row["unlike"]) if row["percentile"] == row["percentile"] else None,
        mask=one.whole_mask,
        heat=None if mapper is None else _heat(one, mapper),
    )


def _heat(one: Input, mapper: Mapper) -> Floats:
    """(H, W) where the network looks."""
    from osteon.models.explain.placing import on_radiograph

    pixels = one.film.radiograph.pixels
    rect = crops.rectangles(one.drawn, mapper.fitted.saved.crop)[0]
    heat = mapper.ensemble(mapper.fitted.cut(pixels, rect[None]), [_METHOD])[0][_METHOD][0]
    return on_radiograph(heat, rect, pixels.shape)


def _page(made: Making, pixels: Pixels) -> NDArray[np.uint8]:
    """The secondary capture's picture: in square pixels, whatever the radiograph's are."""
    from osteon.results.figures.plate import DrawnLesion, page

    author = made.author
    height, width = pixels.shape
    tall, wide = aspect(made.source)
    down, across = tall / min(tall, wide), wide / min(tall, wide)
    longest = max(height * down, width * across)
    scale = min(max(longest, _SIDES[0]), _SIDES[1]) / longest
    size = (max(1, round(width * across * scale)), max(1, round(height * down * scale)))
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    small = np.asarray(Image.fromarray(pixels).resize(size, way))
    factor = np.tile([size[0] / width, size[1] / height], 2)
    lesions = [
        DrawnLesion(list(np.array(one.box) * factor), one.probability, one.folds, author.cuts, _lines(author, one))
        for one in made.findings
    ]
    notes = [*author.warnings, f"osteon {author.version}, model {author.name}, {author.identity[:12]}"]
    return np.asarray(page(small, lesions, notes))


def _lines(author: Author, one: Finding) -> list[str]:
    calls = "; ".join(f"{rule}: {call}" for rule, call in one.calls.items())
    told = [f"{author.positive}: {one.probability:.3f}", f"folds {one.folds[0]:.3f} to {one.folds[1]:.3f}; {calls}"]
    if one.unlike:
        told.append("UNLIKE the development cases. Do not rely on it.")
    return told
