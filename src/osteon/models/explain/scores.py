"""A map held against the lesion: how much of it lies there, whether its peak does, and how far off the peak is.

A map without any value above 0 names no place: its scores are nan, but for `empty`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import rankdata

from osteon.core.types import Floats
from osteon.models.explain.placing import sampled
from osteon.models.inputs import crops

#: Points a side of the raster on which a map and a lesion are compared, the same for networks of any input size.
RASTER = 224
#: Shares of the peak above which a map is taken to mark the lesion.
LEVELS = (0.25, 0.5, 0.75)
_ROUNDING = 1e-9  # half a cell is half a cell
#: What :func:`score` gives, in its order.
NAMES = (
    *("empty", "energy_box", "energy_box_ratio", "energy_mask", "energy_mask_ratio", "pointing_box", "pointing_mask"),
    *(f"iou_{round(100 * level)}" for level in LEVELS),
    *("distance", "distance_mm"),
)


@dataclass(frozen=True, eq=False)
class LesionInCrop:
    """Where the lesion is in a crop.

    Attributes:
        rectangle: (4,) rectangle of the radiograph that was cut out, half-open.
        box: (4,) box of the lesion.
        mask: (H, W) on the whole radiograph, or None where the case has none.
        spacing: Row and column spacing in mm, or None.
    """

    rectangle: Floats
    box: Floats
    mask: np.ndarray | None = None
    spacing: tuple[float, float] | None = None

    @cached_property
    def in_box(self) -> Floats:
        """(R, R) share of each raster cell of the crop that lies in the box."""
        edges = [
            low + (high - low) * np.arange(RASTER + 1) / RASTER
            for low, high in zip(self.rectangle[:2], self.rectangle[2:], strict=True)
        ]
        across, down = (
            np.diff(np.clip(edge, low, high)) / (edge[1] - edge[0])
            for edge, low, high in zip(edges, self.box[:2], self.box[2:], strict=True)
        )
        return np.asarray(down[:, None] * across)

    @cached_property
    def in_mask(self) -> Floats | None:
        """(R, R) share of each raster cell that lies in the mask; None without one."""
        if self.mask is None:
            return None
        share = crops.extract(self.mask.astype(np.float32), self.rectangle[None], RASTER)[0].astype(np.float64)
        return share if share.any() else None

    @cached_property
    def marked(self) -> np.ndarray:
        """(R, R) whether a raster cell belongs to the lesion: to its mask, or to its box where it has none."""
        share = self.in_box if self.in_mask is None else self.in_mask
        return np.asarray(share >= min(0.5, share.max()) - _ROUNDING)


def middle() -> Floats:
    """A map that knows nothing but that the crop was cut around the lesion: a hill in the middle of the crop.

    Every crop is centred on its box, so that this map scores well; a map that scores no better has not found anything.
    """
    side = np.sin(np.pi * (np.arange(7) + 0.5) / 7) ** 2
    return np.outer(side, side)


def peak(values: Floats) -> tuple[float, float]:
    """Centre of a map's strongest cell as fractions of the crop, x and y.

    Bilinear interpolation has its greatest value at the centre of a cell, so that this is the peak at any resolution.
    """
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    return (column + 0.5) / values.shape[1], (row + 0.5) / values.shape[0]


def score(values: Floats, lesion: LesionInCrop) -> dict[str, float]:
    """How well a map marks the lesion.

    Args:
        values: (h, w) map of the crop, none below 0.
        lesion: Where the lesion is.

    Returns:
        By name: `empty` (1 for a map of zeros); `energy_box` and `energy_mask`, the share of the map's sum inside, and
        `..._ratio`, that share over the share of the crop's area, which a uniform map would have; `pointing_box` and
        `pointing_mask`, whether the peak lies inside (1 or 0; Zhang 2018, doi 10.1007/s11263-017-1059-x, without its
        margin); `iou_25` to `iou_75`, overlap of the lesion with where the map exceeds a share of its peak;
        `distance` and `distance_mm`, from the peak to the lesion's nearest point (0 inside), in diagonals of the box
        and in mm where the spacing is known. The lesion is the mask, or the box where there is none.
    """
    found = dict.fromkeys(NAMES, np.nan)
    found["empty"] = float(not values.max() > 0)
    if found["empty"]:
        return found
    centres = (np.arange(RASTER) + 0.5) / RASTER
    raster = sampled(values, np.array([0.0, 0.0, 1.0, 1.0]), centres, centres)
    x, y = peak(values)
    at = min(int(y * RASTER), RASTER - 1), min(int(x * RASTER), RASTER - 1)
    for name, inside in (("box", lesion.in_box), ("mask", lesion.in_mask)):
        if inside is not None and inside.any():
            share = float((raster * inside).sum() / raster.sum())
            found[f"energy_{name}"], found[f"energy_{name}_ratio"] = share, share / float(inside.mean())
            found[f"pointing_{name}"] = float(inside[at] >= 0.5 - _ROUNDING)
    for level in LEVELS:
        above = raster >= level * values.max()
        overlap = (above & lesion.marked).sum() / (above | lesion.marked).sum()
        found[f"iou_{round(100 * level)}"] = float(overlap)
    return found | _distances(x, y, lesion)


def _distances(x: float, y: float, lesion: LesionInCrop) -> dict[str, float]:
    """From the peak to the nearest point of the lesion."""
    sides = lesion.rectangle[2:] - lesion.rectangle[:2]
    place = lesion.rectangle[:2] + sides * [x, y]
    if lesion.in_mask is None:
        offsets = (np.clip(place, lesion.box[:2], lesion.box[2:]) - place)[None]
    else:
        rows, columns = np.nonzero(lesion.marked)
        cells = np.stack([columns, rows], axis=1)
        # The nearest point of each cell, not its centre, so that a peak inside is at distance 0.
        low = lesion.rectangle[:2] + sides * cells / RASTER
        offsets = np.clip(place, low, low + sides / RASTER) - place
    diagonal = float(np.hypot(*(lesion.box[2:] - lesion.box[:2])))
    found = {"distance": float(np.hypot(*offsets.T).min()) / diagonal}
    if lesion.spacing is not None:
        row, column = lesion.spacing
        found["distance_mm"] = float(np.hypot(*(offsets * [column, row]).T).min())
    return found


def correlation(a: Floats, b: Floats) -> float:
    """Spearman's rank correlation of two maps' values; nan where one of them is the same everywhere."""
    ranks = np.stack([rankdata(np.ravel(values)) for values in (a, b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(axis=1))
    return float(ranks[0] @ ranks[1] / norms.prod()) if norms.all() else np.nan
