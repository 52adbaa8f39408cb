"""Extremely randomised trees and histogram gradient boosting, kept as plain arrays.

scikit-learn grows the trees (Geurts, Ernst & Wehenkel 2006, doi 10.1007/s10994-006-6226-1; Friedman 2001, doi
10.1214/aos/1013203451, with the histograms of LightGBM, Ke et al. 2017). What is kept is one row of numbers a node, so
that a file holds no class of another library, can be read whatever its version, and what is said of a case does not
depend on the others in its last bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from osteon.core.types import Floats
from osteon.models.fitted import mean

#: Of extremely randomised trees: how many, the fewest cases of a leaf, and the share of the columns that a split tries.
TREES, LEAF, COLUMNS = 800, 2, 0.2
#: Of boosting: how many trees, of at most how many leaves of at least how many cases, their step and their penalty.
STEPS, LEAVES, FEWEST, RATE, PENALTY = 200, 8, 20, 0.05, 1.0
_ROWS = 256


class Forest:
    """Trees, node by node.

    A node sends a case left where its number in the node's column is at most the node's number. A leaf sends every case
    to itself, and its number is what it says.

    Args:
        nodes: For each tree: (m,) column, number, left and right child, -1 for the children of a leaf.
        start: Log odds before the first tree of a boosted forest; None where the trees' probabilities are averaged.

    Attributes:
        column: (nodes,) of all trees.
        number: (nodes,) threshold, or what a leaf says.
        left: (nodes,) child.
        right: (nodes,) child.
        roots: (trees,) first node of each tree.
        depth: Steps from a root to its deepest leaf.
        start: As given.
    """

    def __init__(self, nodes: list[tuple[NDArray[Any], ...]], start: float | None) -> None:
        sizes = [len(tree[0]) for tree in nodes]
        self.roots: NDArray[np.int32] = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
        column, self.number, left, right = (np.concatenate([tree[k] for tree in nodes]) for k in range(4))
        offset, own = np.repeat(self.roots, sizes), np.arange(sum(sizes))
        leaf = left < 0
        self.column: NDArray[np.int16] = np.where(leaf, 0, column).astype(np.int16)
        self.left: NDArray[np.int32] = np.where(leaf, own, left + offset).astype(np.int32)
        self.right: NDArray[np.int32] = np.where(leaf, own, right + offset).astype(np.int32)
        self.start = start
        at, self.depth = self.roots, 0
        while (inner := at[self.left[at] != at]).size:  # a level of all trees at a time
            at, self.depth = np.concatenate([self.left[inner], self.right[inner]]), self.depth + 1

    def probability(self, x: Floats) -> Floats:
        """(n,) probabilities of the positive class.

        Args:
            x: (n, p) columns.
        """
        return np.concatenate([np.empty(0), *(self._of(x[at : at + _ROWS]) for at in range(0, len(x), _ROWS))])

    def _of(self, x: Floats) -> Floats:
        seen, row = _rounded(x), np.arange(len(x))[:, None]
        node = np.tile(self.roots, (len(x), 1))
        for _ in range(self.depth):
            node = np.where(seen[row, self.column[node]] <= self.number[node], self.left[node], self.right[node])
        said = self.number[node]
        return mean(said) if self.start is None else expit(self.start + said.sum(axis=1))


def _rounded(x: Floats) -> Floats:
    """As the trees are grown: scikit-learn's see single precision."""
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def trees(x: Floats, y: Floats, seed: int, *, share: float = 1.0) -> Forest:
    """Extremely randomised trees.

    Args:
        x: (n, p) columns without gaps.
        y: (n,) 0 or 1, both present.
        seed: Of their random choices.
        share: Of the trees, where fewer will do: what they say on average does not depend on how many they are.
    """
    grown = ExtraTreesClassifier(round(TREES * share), min_samples_leaf=LEAF, max_features=COLUMNS, random_state=seed)
    grown.fit(_rounded(x), y)

    def nodes(tree: Any) -> tuple[NDArray[Any], ...]:
        said = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
        number = np.where(tree.children_left < 0, said, tree.threshold)
        return tree.feature, number, tree.children_left, tree.children_right

    return Forest([nodes(one.tree_) for one in grown.estimators_], None)


def boosting(x: Floats, y: Floats, seed: int) -> Forest:
    """Gradient boosting of the log odds, of a fixed number of trees.

    Args:
        x: (n, p) columns without gaps.
        y: (n,) 0 or 1, both present.
        seed: Of the histograms' cases, where there are more than 200 000.
    """
    grown = HistGradientBoostingClassifier(
        learning_rate=RATE, max_iter=STEPS, max_leaf_nodes=LEAVES, min_samples_leaf=FEWEST, l2_regularization=PENALTY,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    grown.fit(_rounded(x), y)

    def nodes(tree: Any) -> tuple[NDArray[Any], ...]:
        leaf = tree["is_leaf"].astype(bool)
        number = np.where(leaf, tree["value"], tree["num_threshold"])
        left, right = (np.where(leaf, -1, tree[side].astype(np.int64)) for side in ("left", "right"))
        return tree["feature_idx"], number, left, right

    # scikit-learn has no public door to the trees of this class; a test holds these arrays against its answers.
    return Forest([nodes(one[0].nodes) for one in grown._predictors], float(grown._baseline_prediction.item()))
