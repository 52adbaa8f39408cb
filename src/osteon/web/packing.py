"""One picture on its way to a room: text taken away, packed at full depth, and put on the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from osteon.core.errors import InputError
from osteon.core.words import counted
from osteon.io import burned, read_stored
from osteon.io.burned.masking import Masked, mask
from osteon.io.burned.sheet import Sheet
from osteon.study.protocol import BurnedIn
from osteon.web import picture

_NAMED = 12  # cases that a message names


@dataclass(frozen=True)
class Place:
    """Where a picture goes.

    Attributes:
        folder: Of prepared pictures.
        code: The case's code.
        number: Of the picture within the case.
        case_id: The picture's own identifier.
    """

    folder: Path
    code: str
    number: int
    case_id: str


@dataclass(frozen=True)
class Packed:
    """A prepared picture.

    Attributes:
        row: case_code, number, height, width, window, spacing, boxes: as rooms keep it.
        burned_in: A row of :data:`osteon.core.tables.BURNED_IN`.
        open: What somebody has to decide about its text; empty for nothing.
    """

    row: dict[str, Any]
    burned_in: dict[str, Any]
    open: str


def pack(path: Path, place: Place, box: Sequence[float], decided: BurnedIn, sheet: Sheet) -> Packed:
    """Mask a picture, write it and the half that goes ahead of it, and put it on the contact sheet.

    Args:
        path: The radiograph.
        place: Where it goes.
        box: The lesion's, nan where it has none; text that touches it is never painted over unasked.
        decided: What the investigator decided about text.
        sheet: The contact sheet.
    """
    masked = mask(read_stored(path), burned.stated(path), decided, place.case_id, box)
    values, window = picture.sixteen_bits(masked.radiograph)
    picture.save(values, place.folder / picture.name(place.code, place.number))
    if picture.half_shape(*values.shape):
        picture.save(picture.half(values), place.folder / picture.name(place.code, place.number, "half"))
    sheet.add(picture.shown(values, window), place.code, place.number, place.case_id, masked)
    row = {
        "case_code": place.code,
        "number": place.number,
        "height": values.shape[0],
        "width": values.shape[1],
        "window": window,
        "spacing": list(masked.radiograph.spacing) if masked.radiograph.spacing else None,
        "boxes": [] if np.isnan(box).any() else [list(box)],
    }
    return Packed(row, _recorded(place, masked), masked.open)


def refuse_open(undecided: dict[str, str], sheet: Path, section: str = "readers.burned_in") -> None:
    """Stop where somebody has to look first.

    Args:
        undecided: Case to what has to be decided.
        sheet: The contact sheet.
        section: Where decisions are written down.

    Raises:
        InputError: Something has to be decided.
    """
    if not undecided:
        return
    over = [case for case, why in undecided.items() if why == "over the anatomy"]
    silent = [case for case, why in undecided.items() if why == "stated"]
    said, fix = [], []
    if silent:
        said.append(
            f"the header of {counted(len(silent), 'case')} says BurnedInAnnotation YES and no text was found to mask "
            f"({_listed(silent)})"
        )
    if over:
        said.append(
            f"{counted(len(over), 'case')} may show text over the anatomy, which is never painted over unasked "
            f"({_listed(over)})"
        )
        fix.append(f"name those whose outlined boxes are text in {section}.paint")
    fix.append(f"give boxes of what was missed in {section}.boxes")
    fix.append(f"name those in which nothing identifies anybody in {section}.confirmed, or all of them with")
    raise InputError(
        "; ".join(said),
        file=sheet,
        fix=f"Look at the pages of this contact sheet; {', '.join(fix)} --confirm-burned-in.",
    )


def _listed(cases: list[str]) -> str:
    more = f" and {len(cases) - _NAMED} more" if len(cases) > _NAMED else ""
    return ", ".join(cases[:_NAMED]) + more


def _recorded(place: Place, masked: Masked) -> dict[str, Any]:
    return {
        "case_id": place.case_id,
        "code": place.code,
        "view": place.number,
        "stated": {True: "yes", False: "no", None: ""}[masked.stated],
        "masked": len(masked.painted),
        "markers": len(masked.markers),
        "over_anatomy": len(masked.left),
        "decision": masked.decision,
        "boxes": "; ".join(" ".join(str(side) for side in box) for box in masked.painted),
        "left": "; ".join(" ".join(str(side) for side in box) for box in masked.left),
    }
