"""What is material: around a request, and of a turn that asks nothing by itself.

Around a request it is learned from prompts that have one set apart. Everyday prompts of that form bring material along; recorded
ones and other traffic are problems with their statements. Prompts by kind are both, and say nothing.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from classifier.model import LIMIT
from training.data import Bools, Floats
from training.prepared import Prepared
from training.rows import EVERYDAY, FAMILY
from training.turns import NO_ROW, Turns

# Rows of a source count as its size to this power, all together: one benchmark must not be all that there is.
_SOURCE_POWER = 0.5


def fit_material(prepared: Prepared, use: Bools, mean: Floats, scale: Floats, seed: int) -> tuple[Floats, float]:
    """Weights and bias of a linear head over the standardised dense features of whole prompts: above zero, it is material.

    Without prompts of both kinds nothing ever is.
    """
    origin = prepared.rows.origin[prepared.apart]
    chosen = use[prepared.apart] & (origin != FAMILY)
    is_material = origin[chosen] == EVERYDAY
    if len(np.unique(is_material)) < 2:
        return np.zeros(len(mean)), -1.0
    z = np.clip((prepared.apart_dense[chosen] - mean) * scale, -LIMIT, LIMIT)
    source = np.char.add(origin[chosen], prepared.rows.source[prepared.apart][chosen])
    _, place, count = np.unique(source, return_inverse=True, return_counts=True)
    weight = count[place] ** (_SOURCE_POWER - 1.0)
    for side in (is_material, ~is_material):
        weight[side] *= len(side) / 2 / weight[side].sum()
    model = LogisticRegression(C=0.01, max_iter=500, random_state=seed).fit(z, is_material, sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0])


def fit_material_turns(turns: Turns, use: Bools, mean: Floats, scale: Floats, seed: int) -> tuple[Floats, float]:
    """Weights, (2, features), and bias of a linear head over a turn's and its instructions' standardised dense features.

    Above zero the turn brings only material, as likely as it asks. Without turns of both sorts none ever does.

    Args:
        turns: what is learned from.
        use: rows that may be looked at.
        mean, scale: that standardise.
        seed: of the fit.
    """
    chosen = (turns.row == NO_ROW) | use[turns.row]
    is_material = turns.is_material[chosen]
    if len(np.unique(is_material)) < 2:
        return np.zeros((2, len(mean))), -1.0
    sides = [np.clip((dense[chosen] - mean) * scale, -LIMIT, LIMIT) for dense in (turns.dense, turns.instructions)]
    weight = np.ones(len(is_material))
    for side in (is_material, ~is_material):
        source, place, count = np.unique(turns.source[chosen][side], return_inverse=True, return_counts=True)
        weight[side] = len(is_material) / 2 / len(source) / count[place]
    model = LogisticRegression(C=0.003, max_iter=500, random_state=seed)
    model.fit(np.hstack(sides), is_material, sample_weight=weight)
    return model.coef_[0].reshape(2, -1), float(model.intercept_[0])
