"""``osteon predict``: any number of new cases, in chunks that survive an interruption, to a table and pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.ledger import digest
from osteon.core.types import Floats
from osteon.core.words import counted
from osteon.core.workers import Workers
from osteon.io.burned import clean_in
from osteon.models.inputs import crops
from osteon.models.inputs.case import Input
from osteon.models.portable import Portable
from osteon.pipeline.asking import Asked, check_columns, chunked, new_inputs, opened
from osteon.pipeline.intake import Intake
from osteon.pipeline.prediction import NOTICE, as_prediction

#: Least and most pixels of the longer side of a radiograph in a picture.
_SIDES = (400, 720)
_METHOD = "gradcam"
#: How many cases that were set aside are named on the terminal; the table beside the output has them all.
_NAMED = 5
_ENDINGS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, eq=False)
class Predicted:
    """What came of a call.

    Attributes:
        table: One row a case, after :data:`osteon.core.tables.PREDICTED`.
        aside: What could not be asked about, after :data:`osteon.core.tables.SET_ASIDE`.
        out: Where the table was written; None where it was not.
        objects: DICOM results that were written.
    """

    table: pd.DataFrame
    aside: pd.DataFrame
    out: Path | None
    objects: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Output:
    """Where the results of a call go.

    Attributes:
        table: The table's file.
        pictures: The folder of pictures; None where none are asked for.
    """

    table: Path
    pictures: Path | None

    @classmethod
    def of(cls, out: Path, *, maps: bool) -> Output:
        """A file of a known ending, or a folder.

        Raises:
            InputError: The ending is another one.
        """
        if out.suffix.lower() in _ENDINGS:
            return cls(out, out.with_name(f"{out.stem}-pictures") if maps else None)
        if out.suffix and not out.is_dir():
            raise InputError(
                f"'{out.suffix}' is no table that can be written", file=out, fix=f"Choose one of {', '.join(_ENDINGS)}."
            )
        return cls(out / "predicted.csv", out / "pictures" if maps else None)

    @property
    def aside(self) -> Path:
        """What could not be asked about."""
        return self.table.with_name(f"{self.table.stem}-set-aside.csv")

    @property
    def parts(self) -> Path:
        """Where finished chunks wait."""
        return self.table.with_name(f".{self.table.name}.parts")


def predict(
    model_file: Path,
    given: Intake,
    out: Path | None = None,
    *,
    unsteady: int = 0,
    maps: bool = False,
    dicom: Path | None = None,
    workers: Workers | None = None,
) -> Predicted:
    """Ask a model about new cases.

    Args:
        model_file: A portable file.
        given: The cases.
        out: A file (CSV, Parquet, JSON lines) or a folder; None writes nothing.
        unsteady: Under how many changed boxes each case is asked about again.
        maps: Whether to draw a picture of each case; needs `out`.
        dicom: A folder for the answers as DICOM objects (:mod:`osteon.pipeline.delivery`); None writes none.
        workers: Who does the work.

    Returns:
        What the model says. One case alone is answered as fast as can be; of several, each is answered to the last bit
        as its study would have.

    Raises:
        InputError: The table lacks a column, or nothing at all could be asked about; DICOM objects are asked for and a
            radiograph is no DICOM file.
    """
    workers = workers or Workers()
    file = opened(model_file)
    if dicom is not None:
        from osteon.pipeline import delivery  # and with it all DICOM objects, which an answer alone does not need

        delivery.check(file, given)
    _warn(file, given, workers)
    if not given.cases.empty:
        check_columns(file, given.cases)
    to = None if out is None else Output.of(out, maps=maps)
    if maps and to is None:
        raise InputError("pictures need a place to go", fix="Give --out with a file or a folder.")
    pictures = None if to is None else to.pictures
    if len(given.cases) <= 1:
        table, aside = _ask(file, given.cases, unsteady, pictures, alone=True)
        aside = pd.concat([given.aside, aside], ignore_index=True)
    else:
        table, aside = _in_chunks(model_file, file, given, unsteady, to, workers)
    if table.empty:
        reason = aside["reason"].iloc[0] if len(aside) else "there is no case"
        others = f" (and {len(aside) - 1} more)" if len(aside) > 1 else ""
        raise InputError(f"nothing could be predicted: {reason}{others}")
    if to is not None:
        _write(table, to.table)
        to.aside.unlink(missing_ok=True)
        if len(aside):
            tables.write(aside, to.aside, tables.SET_ASIDE)
        if to.parts.is_dir():
            shutil.rmtree(to.parts)
    objects = () if dicom is None else delivery.deliver(model_file, file, given, table, dicom, workers)
    return Predicted(table, aside, None if to is None else to.table, objects)


def said(found: Predicted, model_file: Path) -> str:
    """What came of a call, for a person: one case in words, many as a table or where the table is."""
    told = []
    if found.out is not None:
        told.append(f"{found.out}: {counted(len(found.table), 'case')}")
    elif len(found.table) > 1:
        told.append(found.table.to_csv(index=False, lineterminator="\n").rstrip())
    if len(found.table) == 1:
        row = found.table.iloc[0]
        told.append(str(as_prediction(opened(model_file, str(row["model"])), row)))
    if found.objects:
        told.append(f"{found.objects[0].parent.parent}: {counted(len(found.objects), 'DICOM object')}")
    if len(found.aside):
        told.append(f"Set aside: {counted(len(found.aside), 'case')}")
        told += [f"  {row.image}: {row.reason}" for row in found.aside.head(_NAMED).itertuples()]
    return "\n".join(told)


def _warn(file: Portable, given: Intake, workers: Workers) -> None:
    """Say what a person should know before the answers: labels are not read, and synthetic data stay synthetic."""
    say = workers.progress.say
    if file.about["synthetic"]:
        say("[yellow]![/] the model was made from SYNTHETIC DATA")
    if given.labels:
        known = {word for of_class in file.about["labels"] for word in of_class}
        strange = [label for label in given.labels if label not in known]
        told = "[yellow]![/] the table's labels are not read"
        if strange:
            told += f"; the model knows {', '.join(sorted(known))}, and not {', '.join(strange[:5])}"
        say(told)


def _ask(
    file: Portable, cases: pd.DataFrame, unsteady: int, pictures: Path | None, *, alone: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the model says of some cases, and why it says nothing of others."""
    looks = _Looks(file) if pictures is not None else None
    asked = Asked(file, unsteady, watch=None if looks is None else looks.keep)
    table = asked.of(new_inputs(cases), alone=alone)
    if looks is not None and pictures is not None:
        looks.draw(table, pictures)
    shown = cases[["case_id", "image"]].iloc[asked.aside_rows].reset_index(drop=True)
    reasons = [_reason(error) for error in asked.aside]
    return table, shown.assign(reason=reasons)[list(tables.SET_ASIDE.columns)]


def _reason(error: InputError) -> str:
    """An error without the path of the file, which a table does not tell."""
    return f"{error.what}. {error.fix}" if error.fix else error.what


def _in_chunks(
    model_file: Path, file: Portable, given: Intake, unsteady: int, to: Output | None, workers: Workers
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ask about many cases, chunk by chunk; finished chunks of an interrupted call are found again."""
    workers.threads = int(file.about["threads"])
    chunks = list(chunked(given.cases).values())
    title = f"{file.about['name']} on {len(given.cases)} cases"
    if to is None:
        found = workers.map(title, _chunk, [(None, model_file, file.identity, one, unsteady, None) for one in chunks])
    else:
        stamps = [_stamp(path) for path in given.cases["file"]]
        key = digest(file.identity, given.cases, stamps, unsteady, to.pictures is not None)
        parts = [to.parts / key[:16] / f"{number:06d}.json" for number in range(len(chunks))]
        pieces = [
            (part, model_file, file.identity, one, unsteady, to.pictures)
            for part, one in zip(parts, chunks, strict=True)
            if not part.is_file()
        ]
        workers.map(title, _chunk, pieces)
        found = [_read_part(part) for part in parts]
    said = [table for table, _ in found if len(table)] or [found[0][0]]
    return pd.concat(said, ignore_index=True), pd.concat(
        [given.aside, *(aside for _, aside in found)], ignore_index=True
    )


def _stamp(path: str) -> tuple[int, int]:
    """Size and time of change of a file; a file that is not there has neither."""
    try:
        status = Path(path).stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _chunk(
    part: Path | None, model_file: Path, identity: str, cases: pd.DataFrame, unsteady: int, pictures: Path | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ask about a chunk of cases and write what came of it."""
    table, aside = _ask(opened(model_file, identity), cases, unsteady, pictures)
    if part is not None:
        with tables.written(part) as beside:
            content = {"table": table.to_dict("list"), "aside": aside.to_dict("list")}
            beside.write_text(json.dumps(content), encoding="utf-8")  # floats read back to the same value
    return table, aside


def _read_part(part: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    content = json.loads(part.read_text(encoding="utf-8"))
    table = tables.conform(pd.DataFrame(content["table"]), tables.PREDICTED)
    return table, pd.DataFrame(content["aside"], columns=list(tables.SET_ASIDE.columns))


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write the table in the form that its file's ending says."""
    form = _ENDINGS[path.suffix.lower()]
    if form == "csv":
        tables.write(table, path, tables.PREDICTED)
        return
    checked = tables.conform(table, tables.PREDICTED, file=path)
    with tables.written(path) as beside:
        if form == "parquet":
            checked.to_parquet(beside, index=False)
        else:
            rows = (json.dumps(_plain(row), ensure_ascii=False) for row in checked.to_dict("records"))
            beside.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row as JSON has it: what is not known is null."""
    return {str(name): None if value != value else value for name, value in row.items()}


class _Looks:
    """Pictures of cases: what is needed of each radiograph is kept while it is decoded.

    Args:
        file: The model.
    """

    def __init__(self, file: Portable) -> None:
        from osteon.models.explain.mapper import Mapper

        self._file = file
        self._mapper = next((found for one in file.fitted.values() if (found := Mapper.on(one))), None)
        self._kept: list[tuple[np.ndarray[Any, Any], Floats, Floats, np.ndarray[Any, Any] | None]] = []

    def keep(self, one: Input) -> None:
        """Keep a small radiograph, without text that is burned into it, and the crop that the network sees."""
        pixels = one.film.radiograph.pixels
        height, width = pixels.shape
        longest = max(height, width)
        scale = min(max(longest, _SIDES[0]), _SIDES[1]) / longest
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        clean = Image.fromarray(clean_in(pixels))
        small = np.asarray(clean.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
        crop, rect = None, np.full(4, np.nan)
        if self._mapper is not None:
            saved = self._mapper.fitted.saved
            rect = crops.rectangles(one.drawn, saved.crop)[0]
            crop = self._mapper.fitted.cut(pixels, rect[None])
        self._kept.append((small, one.drawn * scale, rect * scale, crop))

    def draw(self, table: pd.DataFrame, folder: Path) -> None:
        """Write a PNG for each case of the table, in its order."""
        from osteon.models.explain.placing import on_radiograph
        from osteon.results.figures.plate import plate

        heats: list[Floats] = []
        if self._mapper is not None and self._kept:
            batch = np.concatenate([crop for *_, crop in self._kept if crop is not None])
            heats = list(self._mapper.ensemble(batch, [_METHOD])[0][_METHOD])
        for number, (row, (small, box, rect, _)) in enumerate(zip(table.to_dict("records"), self._kept, strict=True)):
            heat = on_radiograph(heats[number], rect, small.shape) if heats else None
            path = folder / tables.file_name(str(row["case_id"]), ".png")
            with tables.written(path) as beside:
                plate(small, box, heat, self._lines(row)).save(beside, format="PNG")
        self._kept.clear()

    def _lines(self, row: dict[Any, Any]) -> Sequence[str]:
        about = self._file.about
        said = [f"{about['classes'][1]}: {row['probability']:.3f}"]
        calls = [f"{name.removeprefix('call_')}: {row[name]}" for name in row if str(name).startswith("call_")]
        said.append(f"folds {row['folds_low']:.3f} to {row['folds_high']:.3f}; {'; '.join(calls)}")
        if row["set"]:
            said.append(f"prediction set: {row['set']}")
        if row["unlike"]:
            said.append(f"UNLIKE the development cases (farther out than {row['percentile']:.0%} of them)")
        if about["synthetic"]:
            said.append("The model was made from SYNTHETIC DATA.")
        said.append(f"{NOTICE} Model {about['name']}, {self._file.identity[:12]}.")
        return said
