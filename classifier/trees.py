"""Boosted trees as arrays: every comparison at once, then a walk down all trees together.

Trees are laid out complete: node ``i`` has the children ``2 i + 1`` and ``2 i + 2``; where a tree ends
early its
threshold is infinite and both children carry its value.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees of one depth, several heads together.

    Attributes:
        feature: (trees, inner nodes) index of the feature compared.
        threshold: (trees, inner nodes); greater goes right.
        value: (trees, all nodes) mean prediction at each node; the leaves come last.
        starts: first tree of each head.
        base: prediction of each head before its trees.
    """

    feature: npt.NDArray[np.int64]
    threshold: Floats
    value: Floats
    starts: npt.NDArray[np.int64]
    base: Floats

    def scores(self, x: Floats) -> Floats:
        """Prediction of each head for the features ``x``."""
        n_trees, n_nodes = self.value.shape
        leaves = self._path(x)[-1] + np.arange(0, n_trees * n_nodes, n_nodes)
        scores: Floats = self.base + np.add.reduceat(self.value.take(leaves), self.starts)
        return scores

    def parts(self, x: Floats, head: int, n_features: int) -> Floats:
        """What each feature moved in one head's prediction; the sum and the trees' roots make the prediction.

        Source: Saabas 2014 (the change of the node's mean along the path goes to the feature that was
            compared).
        """
        stop = len(self.feature) if head + 1 == len(self.starts) else int(self.starts[head + 1])
        trees = np.arange(int(self.starts[head]), stop)
        moved = np.zeros(n_features, dtype=np.float32)
        path = self._path(x)
        for here, below in pairwise(path):
            change = self.value[trees, below[trees]] - self.value[trees, here[trees]]
            np.add.at(moved, self.feature[trees, here[trees]], change)
        return moved

    def root(self, head: int) -> float:
        """Prediction of one head before any comparison."""
        stop = len(self.feature) if head + 1 == len(self.starts) else int(self.starts[head + 1])
        return float(self.base[head] + self.value[int(self.starts[head]) : stop, 0].sum())

    def _path(self, x: Floats) -> list[npt.NDArray[np.int64]]:
        """Index of the node each tree passes, from the roots to the leaves."""
        right = x.take(self.feature) > self.threshold
        n_trees, n_inner = self.feature.shape
        first = np.arange(0, n_trees * n_inner, n_inner)
        node = np.zeros(n_trees, dtype=np.int64)
        path = [node]
        for _ in range((n_inner + 1).bit_length() - 1):
            node = 2 * node + 1 + right.take(first + node)
            path.append(node)
        return path
