"""What is material: around a request that is set apart, and of a turn under instructions.

Both are learned by a linear head over two texts' numbers, of what may be material and of what may ask something of it, and over
what the words of the second say of whether it sets a task.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from classifier.model import LIMIT
from training.data import Bools, Floats, Ints, Strings

# Standard deviations that the log-odds of setting a task count for: one of many numbers, it says more than any other.
_TASK_SPREAD = 2.0
# The row of an example that is no row's prompt.
NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts that may be material, and what may ask something of each, in the same order.

    Attributes:
        dense: dense features of what may be material, (examples, features), float32.
        asked: those of what may ask something of it.
        task: log-odds by which the words of that set a task.
        is_material: whether it is.
        source: where it comes from.
        row: the row whose prompt it is, or is a part of; ``NO_ROW`` where there is none.
    """

    dense: npt.NDArray[np.float32]
    asked: npt.NDArray[np.float32]
    task: Floats
    is_material: Bools
    source: Strings
    row: Ints


def joined(parts: Sequence[Examples]) -> Examples:
    """Several of them as one."""
    return Examples(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is fitted.

    Attributes:
        size_power: examples of a source count as their number to this power, all together; each side counts the same.
        c: inverse of the penalty.
    """

    size_power: float
    c: float


def fit_material(
    examples: Examples, use: Bools, mean: Floats, scale: Floats, recipe: Recipe, seed: int
) -> tuple[Floats, Floats]:
    """Weights, (2, features), of a head over both texts' standardised dense features, and its line: the weight of the log-odds of
    setting a task, and a bias. Above zero, it is material.

    Without examples of both sorts nothing ever is.

    Args:
        examples: what is learned from.
        use: rows that may be looked at.
        mean, scale: that standardise.
        recipe: how.
        seed: of the fit.
    """
    chosen = (examples.row == NO_ROW) | use[examples.row]
    is_material = examples.is_material[chosen]
    if len(np.unique(is_material)) < 2:
        return np.zeros((2, len(mean))), np.array([0.0, -1.0])
    sides = [np.clip((dense[chosen] - mean) * scale, -LIMIT, LIMIT) for dense in (examples.dense, examples.asked)]
    _, place, count = np.unique(
        np.char.add(examples.source[chosen], np.where(is_material, "+", "-")), return_inverse=True, return_counts=True
    )
    weight = count[place] ** (recipe.size_power - 1.0)
    for side in (is_material, ~is_material):
        weight[side] *= len(side) / 2 / weight[side].sum()
    model = LogisticRegression(C=recipe.c, max_iter=500, random_state=seed)
    task = examples.task[chosen]
    unit = _TASK_SPREAD / (task.std() or 1.0)
    model.fit(np.column_stack([*sides, unit * task]), is_material, sample_weight=weight)
    return model.coef_[0, :-1].reshape(2, -1), np.array([unit * model.coef_[0, -1], model.intercept_[0]])
