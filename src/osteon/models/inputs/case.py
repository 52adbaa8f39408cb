"""An input: one case as a model sees it, decoded when a model first looks, under the change it underwent, if any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.types import Floats, Radiograph
from osteon.io import read_image, read_mask
from osteon.models.inputs import crops, perturb
from osteon.study import Crop

BOX = ["x0", "y0", "x1", "y1"]
#: What models may read of a radiograph beside its pixels.
FACTS = ("height", "width", "row_spacing", "column_spacing")


def boxes(cases: pd.DataFrame) -> Floats:
    """(N, 4) boxes of the cases."""
    return cases[BOX].to_numpy(dtype=np.float64)


def in_chunks(cases: pd.DataFrame, count: int) -> list[NDArray[np.intp]]:
    """Positions of the cases, those on one radiograph together, `count` radiographs of a centre at a time.

    A centre more leaves the chunks of the others as they are, so that what was made of them is found again.
    """
    centre, image = (cases.groupby(name, sort=False).ngroup().to_numpy() for name in ("centre", "image"))
    order = np.lexsort((image, centre))  # the last key first; what is equal keeps its order
    starts = np.flatnonzero(np.diff(np.stack([centre, image])[:, order], prepend=-1).any(axis=0))  # of radiographs
    of_centre = np.split(starts, np.flatnonzero(np.diff(centre[order][starts])) + 1)
    cuts = [start for radiographs in of_centre for start in radiographs[::count]]
    return np.split(order, cuts[1:]) if len(order) else []


def mask_paths(cases: pd.DataFrame) -> pd.Series:
    """The mask of each case, or "" where it has none."""
    return cases["mask"] if "mask" in cases else pd.Series("", index=cases.index)


class Sight:
    """A radiograph, or the part of it around a lesion, that is made when a model first looks at it.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[], perturb.Version]) -> None:
        self._make = make

    @cached_property
    def version(self) -> perturb.Version:
        """What there is to see."""
        return self._make()


class Film:
    """A radiograph, decoded once from its file.

    Args:
        source: The file, or the radiograph itself.

    Attributes:
        source: The same.
    """

    def __init__(self, source: Path | Radiograph) -> None:
        self.source = source
        self.whole = Sight(lambda: perturb.whole(self.radiograph.pixels))

    @cached_property
    def radiograph(self) -> Radiograph:
        """The radiograph, bone bright."""
        return self.source if isinstance(self.source, Radiograph) else read_image(self.source)

    @cached_property
    def facts(self) -> dict[str, float]:
        """What is known of the radiograph: height and width in pixels, and spacing in mm, nan where it is unknown."""
        return facts(self.radiograph)


@dataclass(frozen=True, eq=False)
class Input:
    """One case as a model sees it.

    Attributes:
        case_id: The case.
        film: Its radiograph.
        mask: The lesion's mask (H, W) or its file, or None.
        drawn: (4,) the box as it was drawn, in pixels of the radiograph.
        box: (4,) the box as changed.
        look: The radiograph, or the part of it around the lesion, as changed.
        cases: The table that the case stands in, without answers, and
        row: its position there.
        measured: What has been measured of the input before, by name; None where nothing has.
    """

    case_id: str
    film: Film
    mask: Path | NDArray[np.bool_] | None
    drawn: Floats
    box: Floats
    look: Sight
    cases: pd.DataFrame
    row: int
    measured: pd.Series | None = None

    @property
    def whole_mask(self) -> NDArray[np.bool_] | None:
        """The lesion's mask on its whole radiograph, as it was drawn; None where there is none."""
        if isinstance(self.mask, Path):
            return read_mask(self.mask, self.film.radiograph.pixels.shape)
        return self.mask

    def undecoded(self) -> Input:
        """The same input without the pixels that it has decoded: what is kept of many inputs must not hold them."""
        if isinstance(self.film.source, Radiograph) or "radiograph" not in vars(self.film):
            return self
        film = Film(self.film.source)
        film.facts = self.film.facts
        return replace(self, film=film, look=film.whole)

    def region(self, masked: bool) -> Floats | NDArray[np.bool_] | None:
        """The lesion in pixels of what is looked at: its mask, carried along with the box, or the box.

        Args:
            masked: Whether to take the mask, where the case has one.

        Returns:
            None where the box has left the picture: what is not there cannot be measured.
        """
        version = self.look.version
        box = self.box - np.tile(version.corner, 2)
        low, high = np.maximum(np.ceil(box - 0.5), 0).reshape(2, 2)
        if not (low < np.minimum(high, version.pixels.shape[::-1])).all():
            return None
        mask = self.whole_mask if masked else None
        if mask is None:
            return box
        unmoved = bool((self.box == self.drawn).all())
        inside = version.mask(mask if unmoved else perturb.carried(mask, self.drawn, self.box))
        return inside if inside.any() else box


def facts(radiograph: Radiograph) -> dict[str, float]:
    """Height and width in pixels, and row and column spacing in mm, nan where it is unknown."""
    spacing = radiograph.spacing or (np.nan, np.nan)
    return dict(zip(FACTS, (*radiograph.pixels.shape, *spacing), strict=True))


def inputs(cases: pd.DataFrame, root: Path) -> Iterator[Input]:
    """Each case as it was drawn; those of a radiograph share its pixels.

    Args:
        cases: One row a case: case_id, image, box, a mask where there is one; no label.
        root: What image and mask paths are relative to.
    """
    masks, drawn, films = mask_paths(cases), boxes(cases), dict[str, Film]()
    for row, (case_id, image, mask) in enumerate(zip(cases["case_id"], cases["image"], masks, strict=True)):
        if image not in films:
            films = {image: Film(root / image)}  # what comes next on another radiograph needs this one no more
        film = films[image]
        path = root / mask if mask else None
        yield Input(str(case_id), film, path, drawn[row], drawn[row], film.whole, cases, row)


def changed(one: Input, changes: pd.DataFrame, crop: Crop) -> Iterator[Input]:
    """An input under each change of its box and its picture, those that share a picture one after another.

    Args:
        one: As drawn.
        changes: Rows of :func:`osteon.models.inputs.perturb.draw`.
        crop: How boxes become crops: changes of the picture reach as far as they do.

    Yields:
        The input under the changes at the positions of :func:`osteon.models.inputs.perturb.sharing`, in its order.
    """
    frame, moved = crops.rectangles(one.drawn, crop)[0], perturb.boxes(one.drawn, changes)
    for rows in perturb.sharing(changes):
        look = Sight(partial(_version, one, frame, changes.iloc[rows]))
        yield from (replace(one, box=moved[row], look=look) for row in rows)


def _version(one: Input, frame: Floats, changes: pd.DataFrame) -> perturb.Version:
    return perturb.version(one.film.radiograph.pixels, one.drawn, frame, changes)


def table_of(given: Sequence[Input]) -> pd.DataFrame:
    """The rows of the inputs' cases, with their boxes as changed and what is known of their radiographs."""
    found = given[0].cases.iloc[[one.row for one in given]].reset_index(drop=True)
    found[BOX] = np.stack([one.box for one in given])
    if not set(FACTS) <= set(found):
        known = pd.DataFrame([one.film.facts for one in given])
        found[list(FACTS)] = known.astype(np.float64)
    return found
