"""From annotations to ``cohort.csv`` and masks, with every annotation and how well annotators agree beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sqlalchemy import Connection, Row, select

from osteon.core import tables
from osteon.core.words import counted
from osteon.io.cohorts import DRAFT
from osteon.io.regions import Mask, fill_polygons
from osteon.web.annotating import reliability
from osteon.web.annotating.agreement import STATUS, outlines
from osteon.web.annotating.formats import Drawn, Picture, write_coco, write_labelme, write_segmentations
from osteon.web.annotating.keys import folder_of, key_of
from osteon.web.annotating.protocol import Annotating
from osteon.web.annotating.results import Outcome, Result, outcome
from osteon.web.annotating.serve import opened
from osteon.web.annotating.tables import annotation, annotation_view, suggestion
from osteon.web.annotating.visits import latest

_SIDES = ("x0", "y0", "x1", "y1")
#: Every outline, and every case without one, that anybody ever saved.
ANNOTATIONS = tables.Contract(
    "annotations",
    {
        "case": tables.Column(),
        "person": tables.Column(),
        "revision": tables.Column("integer", low=1),
        "counts": tables.Column("flag"),
        "status": tables.Column(),
        "reason": tables.Column("free", filled=False),
        "view": tables.Column("number", filled=False),
        "lesion": tables.Column("number", filled=False),
        "label": tables.Column(filled=False),
        "kind": tables.Column(filled=False),
        **{side: tables.Column("number", filled=False) for side in _SIDES},
        "area": tables.Column("number", filled=False),
        "suggestion": tables.Column("number", filled=False),
        "seconds": tables.Column("number", low=0),
        "saved_at": tables.Column(),
        "comment": tables.Column("free", filled=False),
    },
)
#: Pictures that are in no row of the cohort table, and why.
LEFT_OUT = tables.Contract(
    "left out", {"case": tables.Column(), "image": tables.Column("path"), "reason": tables.Column("free")}
)


@dataclass(frozen=True)
class Formats:
    """What is written besides."""

    coco: bool = False
    labelme: bool = False
    dicom: bool = False


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: Where.
        cohort: The cohort table.
        left_out: Pictures without a row, and why.
        agreement: See :data:`osteon.core.tables.ANNOTATOR_AGREEMENT`.
        segmentations: How many DICOM segmentations were written.
    """

    folder: Path
    cohort: pd.DataFrame
    left_out: pd.DataFrame
    agreement: pd.DataFrame
    segmentations: int | None = None

    def __str__(self) -> str:
        """What was written, in a few lines."""
        by = self.cohort["annotated"].value_counts() if len(self.cohort) else pd.Series(dtype=int)
        lines = [
            f"{self.folder / 'cohort.csv'}: {counted(len(self.cohort), 'lesion')} on "
            f"{counted(self.cohort['image'].nunique(), 'picture')}"
            + "".join(f", {count} {how}" for how, count in by.items())
        ]
        reasons = self.left_out["reason"].str.split(":").str[0].value_counts()
        lines += [f"left out: {counted(count, 'picture')} ({reason})" for reason, count in reasons.items()]
        told = self.agreement.dropna(subset="value")
        for row in told[told["measure"].isin(_TOLD)].to_dict("records"):
            pair = f"{row['annotator_a']} and {row['annotator_b']}"
            lines.append(f"{pair}: {row['measure']} {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})")
        if self.segmentations is not None:
            lines.append(f"{counted(self.segmentations, 'DICOM segmentation')} (pictures that are not DICOM have none)")
        if len(self.cohort) and (self.cohort["label"] == "").any():
            lines.append("a study needs labels: fill the column 'label'")
        elif len(self.cohort):
            lines.append(f"next: osteon init {self.folder / 'cohort.csv'}")
        return "\n".join(lines)


_TOLD = (
    "kappa of lesion, none or not usable",
    "kappa of the label, lesions that both outlined",
    "IoU, median",
    "ICC of area",
)


def export(
    place: Path, out: Path, formats: Formats | None = None, *, database_url: str | None = None
) -> Exported:  # fmt: skip
    """Write what is agreed or decided as a cohort table with masks, and everything that anybody drew.

    Args:
        place: The annotation's folder, with its key.
        out: Where to; tables of an earlier export are replaced.
        formats: What is written besides.
        database_url: Where annotations are kept.

    Raises:
        InputError: There is no annotation, or DICOM was asked for and highdicom is not installed.
    """
    formats = formats or Formats()
    key = key_of(place)
    with opened(folder_of(place), database_url) as store, store.read() as connection:
        protocol = _protocol(connection)
        counting = latest(connection)
        everything = connection.execute(select(annotation).order_by(annotation.c.id)).all()
        sizes = {(row.case_code, row.number): row for row in connection.execute(select(annotation_view)).all()}
        offered: dict[str, list[Row[Any]]] = {}
        for row in connection.execute(select(suggestion)).all():
            offered.setdefault(row.case_code, []).append(row)
    outcomes = {code: outcome(code, counting.get(code, {}), protocol) for code in sorted(key["code"].unique())}
    out.mkdir(parents=True, exist_ok=True)
    pictures, left, rows = [], [], []
    for line in key.to_dict("records"):
        size = sizes[line["code"], line["number"]]
        picture, found = _picture(line, outcomes[line["code"]], place, out, protocol, (size.height, size.width))
        pictures.append(picture)
        rows += found
        if not found:
            reason = outcomes[line["code"]].reason or "no lesion on this picture"
            left.append({"case": line["code"], "image": picture.name, "reason": reason})
    cohort = _cohort(rows, key)
    masks = {each.case_id: _mask(each, picture) for picture in pictures for each in picture.drawn}
    for picture in pictures:
        for each in picture.drawn:
            if each.polygon is not None:
                with tables.written(out / "masks" / tables.file_name(each.case_id, ".png")) as beside:
                    Image.fromarray(masks[each.case_id]).save(beside, format="PNG")
    labelled = len(cohort) > 0 and (cohort["label"] != "").all()
    left_out = pd.DataFrame(left, columns=list(LEFT_OUT.columns))
    agreement = reliability.agreement(counting, protocol)
    tables.write(cohort, out / "cohort.csv", tables.COHORT if labelled else DRAFT)
    tables.write(left_out, out / "left_out.csv", LEFT_OUT)
    tables.write(_annotations(everything, counting), out / "annotations.csv", ANNOTATIONS)
    tables.write(agreement, out / "agreement.csv", tables.ANNOTATOR_AGREEMENT)
    tables.write(reliability.differences(counting, protocol), out / "differences.csv", tables.BOX_DIFFERENCES)
    if offered:
        told = reliability.suggestions(counting, offered, protocol)
        tables.write(told, out / "suggestions.csv", reliability.SUGGESTIONS)
    if formats.coco:
        write_coco(pictures, out / "coco.json")
    if formats.labelme:
        write_labelme(pictures, out / "labelme")
    made = write_segmentations(pictures, protocol.title, out / "dicom", masks) if formats.dicom else None
    return Exported(out, cohort, left_out, agreement, made)


def _protocol(connection: Connection) -> Annotating:
    from osteon.web.database import study

    return Annotating.model_validate(connection.execute(select(study.c.protocol)).scalar_one()["annotate"])


def _picture(
    line: Mapping[Any, Any], said: Outcome, place: Path, out: Path, protocol: Annotating, shape: tuple[int, int]
) -> tuple[Picture, list[dict[str, Any]]]:
    """A picture with its lesions, and a row of the cohort table for each."""
    path = place / line["image"]
    name = Path(os.path.relpath(path.resolve(), out.resolve())).as_posix()
    here = sorted((each for each in said.results if each.view == line["number"]), key=lambda each: each.lesion)
    drawn, rows = [], []
    for each in here:
        case_id = str(line["case_id"]) if len(here) == 1 else f"{line['case_id']}-{each.lesion}"
        label = each.label if protocol.labels else str(line["label"])
        drawn.append(Drawn(case_id, label, each.lesion, each.box, each.polygon))
        rows.append(_row(line, each, drawn[-1], name))
    return Picture(path, name, *shape, drawn), rows


def _row(line: Mapping[Any, Any], said: Result, drawn: Drawn, image: str) -> dict[str, Any]:
    kept = {name: value for name, value in line.items() if name not in ("code", "number")}
    filled = {name: value for name, value in said.fields.items() if value or name not in kept}
    mask = "" if drawn.polygon is None else f"masks/{tables.file_name(drawn.case_id, '.png')}"
    return {
        **kept,
        **filled,
        "case_id": drawn.case_id,
        "image": image,
        "label": drawn.label,
        **dict(zip(_SIDES, (float(side) for side in drawn.box), strict=True)),
        "mask": mask,
        "annotated": said.by,
    }


def _cohort(rows: list[dict[str, Any]], key: pd.DataFrame) -> pd.DataFrame:
    first = ["case_id", "image", "centre", "label", *_SIDES, "patient_id", "mask"]
    more = [name for name in key.columns if name not in (*first, "code", "number")]
    frame = pd.DataFrame(rows, columns=None if rows else [*first, *more, "annotated"])
    others = [name for name in frame.columns if name not in first]
    # a column that nothing is said in is none
    empty = [name for name in ("site", "view") if name in frame and (frame[name] == "").all()]
    return frame[[*first, *others]].drop(columns=empty)


def _mask(each: Drawn, picture: Picture) -> Mask:
    return fill_polygons([each.corners], (picture.height, picture.width))


def _annotations(everything: Any, counting: Mapping[str, Mapping[str, Row[Any]]]) -> pd.DataFrame:
    return pd.DataFrame(_lines(everything, counting), columns=list(ANNOTATIONS.columns))


def _lines(everything: Any, counting: Mapping[str, Mapping[str, Row[Any]]]) -> Iterator[dict[str, Any]]:
    for row in everything:
        content = row.content
        common = {
            "case": row.case_code, "person": row.annotator, "revision": row.revision,
            "counts": counting[row.case_code][row.annotator].id == row.id, "status": STATUS[content["status"]],
            "reason": content["reason"], "seconds": row.seconds, "saved_at": row.saved_at.isoformat(),
            "comment": " ".join(content["comment"].split()),
        }  # fmt: skip
        drawn = outlines(content)
        for each in drawn:
            yield {
                **common,
                "view": each.view,
                "lesion": each.lesion,
                "label": each.label,
                "kind": each.kind,
                **dict(zip(_SIDES, map(float, each.box), strict=True)),
                "area": each.area,
                "suggestion": np.nan if each.suggestion is None else each.suggestion,
            }
        if not drawn:
            yield {**dict.fromkeys(ANNOTATIONS.columns, np.nan), "label": "", "kind": "", **common}
