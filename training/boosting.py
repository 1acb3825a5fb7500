"""Boosted trees: fitted by scikit-learn, laid out complete for `classifier.trees`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from training.data import Floats

DEPTH = 4
MOST_BINS = 255


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one head's trees are grown; chosen by leave-one-source-out (training/LOG.md)."""

    n_trees: int
    learning_rate: float = 0.06
    least_rows: int = 60
    l2: float = 20.0
    share_of_features: float = 0.3


def grow(
    x: npt.NDArray[np.float32],
    target: Floats,
    weight: Floats,
    recipe: Recipe,
    directions: npt.NDArray[np.int8] | None,
    seed: int,
) -> HistGradientBoostingRegressor:
    """Trees for a target; ``directions`` forces features to push one way (+1, -1, or 0 for free).

    Features are put into bins here, of equal size by count: scikit-learn's own bins of weighted rows took two thirds of
    a fit. The trees are grown on the bins' numbers, and their thresholds put back into the features' units.
    """
    edges = [_edges(column) for column in x.T]
    bins = np.column_stack([np.searchsorted(e, column) for e, column in zip(edges, x.T, strict=True)])
    model = HistGradientBoostingRegressor(
        max_iter=recipe.n_trees,
        learning_rate=recipe.learning_rate,
        max_depth=DEPTH,
        max_leaf_nodes=2**DEPTH,
        min_samples_leaf=recipe.least_rows,
        l2_regularization=recipe.l2,
        max_features=recipe.share_of_features,
        monotonic_cst=directions,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(bins.astype(np.float32), target, sample_weight=weight / weight.mean())
    for (tree,) in model._predictors:
        for node in np.flatnonzero(tree.nodes["is_leaf"] == 0):
            last = int(tree.nodes[node]["num_threshold"])  # halfway to the next bin's number
            tree.nodes["num_threshold"][node] = edges[tree.nodes[node]["feature_idx"]][last]
    return model


def _edges(column: npt.NDArray[np.float32]) -> Floats:
    """Upper ends of all bins but the last, ascending: halfway between neighbours, or quantiles where those are many."""
    distinct = np.unique(column).astype(np.float64)
    if len(distinct) <= MOST_BINS:
        return (distinct[:-1] + distinct[1:]) / 2
    shares = np.linspace(0, 1, MOST_BINS + 1)[1:-1]
    return np.unique(np.quantile(column.astype(np.float64), shares, method="midpoint"))


def lay_out(heads: list[HistGradientBoostingRegressor]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of :class:`classifier.trees.Trees` for several heads."""
    trees = [tree for head in heads for (tree,) in head._predictors]
    n_inner = 2**DEPTH - 1
    feature = np.zeros((len(trees), n_inner), dtype=np.int16)
    threshold = np.full((len(trees), n_inner), np.inf, dtype=np.float32)
    value = np.zeros((len(trees), 2 * n_inner + 1), dtype=np.float32)
    for row, tree in enumerate(trees):
        _place(tree.nodes, 0, 0, feature[row], threshold[row], value[row])
    sizes = [len(head._predictors) for head in heads]
    return {
        "tree_feature": feature,
        "tree_threshold": threshold,
        "tree_value": value,
        "tree_starts": np.cumsum([0, *sizes[:-1]]).astype(np.int32),
        "tree_base": np.array([float(np.ravel(head._baseline_prediction)[0]) for head in heads], dtype=np.float32),
    }


def _place(
    nodes: npt.NDArray[Any],
    node: int,
    slot: int,
    feature: npt.NDArray[np.int16],
    threshold: npt.NDArray[np.float32],
    value: npt.NDArray[np.float32],
) -> float:
    """Put a node and what hangs below it into their slots; returns its training rows' mean prediction."""
    if nodes[node]["is_leaf"]:
        _fill(slot, float(nodes[node]["value"]), value)
        return float(nodes[node]["value"])
    feature[slot] = nodes[node]["feature_idx"]
    threshold[slot] = _as_float32(float(nodes[node]["num_threshold"]))
    below = (int(nodes[node]["left"]), int(nodes[node]["right"]))
    means = [_place(nodes, child, 2 * slot + 1 + side, feature, threshold, value) for side, child in enumerate(below)]
    counts = [float(nodes[child]["count"]) for child in below]
    value[slot] = np.average(means, weights=counts)
    return float(value[slot])


def _fill(slot: int, prediction: float, value: npt.NDArray[np.float32]) -> None:
    """Give a leaf's value to every slot below it."""
    value[slot] = prediction
    if 2 * slot + 2 < len(value):
        _fill(2 * slot + 1, prediction, value)
        _fill(2 * slot + 2, prediction, value)


def _as_float32(threshold: float) -> np.float32:
    """The largest float32 not above the threshold, so that float32 features fall on the same side."""
    rounded = np.float32(threshold)
    return rounded if float(rounded) <= threshold else np.nextafter(rounded, np.float32(-np.inf))
