"""Lines of text: pieces of strokes that stand beside each other, alike in size and brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from osteon.io.burned.strokes import Strokes

#: Letters are neighbours when the gap between them and their shift across the line are at most so many letter sizes,
#: and their heights differ by no more than a factor.
_GAP, _SHIFT, _RATIO = 1.1, 0.5, 2.3
_CONTRAST = 2.5  # and their contrasts by no more than this factor


@dataclass(frozen=True, eq=False)
class Group:
    """Pieces that stand beside each other in a line.

    Attributes:
        pieces: The pieces, along the line from left to right.
        turned: Whether the line runs down the picture; rows and columns of the pieces are exchanged then.
    """

    pieces: Strokes
    turned: bool

    @property
    def size(self) -> float:
        """Median height of a letter in pixels."""
        return float(np.median(self.pieces.height))

    @property
    def length(self) -> float:
        """Of the line, in pixels."""
        return float(self.pieces.x1.max() - self.pieces.x0.min())

    @property
    def thickness(self) -> float:
        """Of the line, in pixels."""
        return float(self.pieces.y1.max() - self.pieces.y0.min())

    @property
    def ragged(self) -> float:
        """How far the letters' heads or feet, whichever is less, are off a straight line, in letter sizes."""
        middle = (self.pieces.x0 + self.pieces.x1) / 2
        if len(middle) < 3 or np.ptp(middle) == 0:
            return 0.1
        edges = (self.pieces.y0, self.pieces.y1)
        off = [edge - np.polyval(np.polyfit(middle, edge, 1), middle) for edge in edges]
        return min(float(np.median(np.abs(each))) for each in off) / self.size

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 in the picture."""
        p = self.pieces
        x0, y0, x1, y1 = (float(e) for e in (p.x0.min(), p.y0.min(), p.x1.max(), p.y1.max()))
        return (y0, x0, y1, x1) if self.turned else (x0, y0, x1, y1)


def groups(found: Strokes) -> list[Group]:
    """Put pieces together that stand beside each other in a line, or above each other in a turned one.

    Args:
        found: Pieces of one brightness.

    Returns:
        The groups; a piece without neighbours is a group of its own.
    """
    if not len(found):
        return []
    across, down = _neighbours(found)
    lines = [Group(found[part], False) for part in _connected(across, len(found))]
    columns = [Group(found[part].turned(), True) for part in _connected(down, len(found)) if len(part) > 1]
    return lines + columns


def _connected(pairs: NDArray[np.intp], count: int) -> list[NDArray[np.intp]]:
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    number, belongs = connected_components(graph, directed=False)
    order = np.argsort(belongs, kind="stable")
    return np.split(order, np.cumsum(np.bincount(belongs, minlength=number))[:-1])


def _neighbours(found: Strokes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(P, 2) pairs of neighbours in a line across the picture, and in one down it."""
    middle = np.stack([(found.x0 + found.x1) / 2, (found.y0 + found.y1) / 2], axis=1)
    reach = (1 + _GAP) * np.maximum(found.height, found.width)
    near = cKDTree(middle).query_ball_point(middle, reach, return_sorted=True)
    pairs = np.array([(i, j) for i, others in enumerate(near) for j in others if i != j], dtype=np.intp).reshape(-1, 2)
    one, other = found[pairs[:, 0]], found[pairs[:, 1]]
    alike = np.maximum(one.peak, other.peak) < _CONTRAST * np.minimum(one.peak, other.peak)
    return pairs[alike & _beside(one, other)], pairs[alike & _beside(one.turned(), other.turned())]


def _beside(one: Strokes, other: Strokes) -> NDArray[np.bool_]:
    """Whether pieces of like height stand next to each other on one line."""
    size, least = np.maximum(one.height, other.height), np.minimum(one.height, other.height)
    gap = np.maximum(one.x0, other.x0) - np.minimum(one.x1, other.x1)
    shift = np.abs((one.y0 + one.y1) - (other.y0 + other.y1)) / 2
    near = (gap <= _GAP * size) & (gap > -_SHIFT * size) & (shift <= _SHIFT * size)
    return np.asarray(near & (size <= _RATIO * np.maximum(least, 3)))
