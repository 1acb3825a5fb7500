"""Boosted trees as arrays: all comparisons at once, packed into a number for each tree, which a table makes a leaf.

Trees are laid out complete: node ``i`` has the children ``2 i + 1`` and ``2 i + 2``; where a tree ends early its
threshold is infinite and both children carry its value.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# Bits that a tree's comparisons are packed into: enough for the fifteen inner nodes of a tree four deep.
_BITS = 16


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
    _padded_feature: npt.NDArray[np.intp] = field(init=False, repr=False)
    _padded_threshold: Floats = field(init=False, repr=False)
    _leaf: npt.NDArray[np.uint8] = field(init=False, repr=False)
    _first_leaf: npt.NDArray[np.intp] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Lay the comparisons out for packing.

        Raises:
            ValueError: the trees are more than four deep.
        """
        (n_trees, n_inner), n_nodes = self.feature.shape, self.value.shape[1]
        if n_inner >= _BITS:
            raise ValueError(f"trees have {n_inner} inner nodes, at most {_BITS - 1} are served: grow them four deep")
        padded = ((0, 0), (0, _BITS - n_inner))
        object.__setattr__(self, "_padded_feature", np.pad(self.feature, padded).astype(np.intp))
        object.__setattr__(self, "_padded_threshold", np.pad(self.threshold, padded, constant_values=np.inf))
        object.__setattr__(self, "_leaf", _leaves(n_inner))
        object.__setattr__(self, "_first_leaf", np.arange(n_inner, n_trees * n_nodes, n_nodes))

    def scores(self, x: Floats) -> Floats:
        """Prediction of each head for the features ``x``."""
        right = x.take(self._padded_feature, mode="wrap") > self._padded_threshold  # no index is out of range
        leaves = self._leaf.take(np.packbits(right).view(np.uint16)) + self._first_leaf
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


@cache
def _leaves(n_inner: int) -> npt.NDArray[np.uint8]:
    """The leaf that is reached, by the packed answers of a tree with so many inner nodes."""
    right = np.unpackbits(np.arange(2**_BITS, dtype=np.uint16).view(np.uint8)).reshape(-1, _BITS)
    node = np.zeros(len(right), dtype=np.intp)
    while node[0] < n_inner:
        node = 2 * node + 1 + right[np.arange(len(right)), node]
    return (node - n_inner).astype(np.uint8)
