"""Ridge regression whose slopes and levels may differ from group to group: what the groups share is what is kept.

A plain regression over many sources learns what sets one source apart from the next, which says nothing of the next one
to come. Here each group's weights are the shared ones and its own deviations, which a penalty keeps small; the
deviations are solved for and thrown away. Source: the linear mixed model of Laird and Ware 1982, with variances given.
"""

import numpy as np
import numpy.typing as npt

from training.data import Floats, Strings

OWN_LEVEL = 0.001
"""Penalty of a group's own level: as good as none, so that levels of groups say nothing of slopes."""


def fit_shared_slopes(
    x: npt.NDArray[np.floating],
    target: Floats,
    weight: Floats,
    group: Strings,
    *,
    shared_penalty: float,
    own_penalty: float,
) -> tuple[Floats, float]:
    """Weights and bias that the groups share.

    Args:
        x: features, shape (rows, features), each of about the same spread.
        target, weight, group: of each row; the weights' mean is what the penalties are in units of.
        shared_penalty: of the squared shared weights.
        own_penalty: of each group's squared deviations from them.
    """
    weight = weight / weight.mean()
    n_features = x.shape[1]
    own = np.append(np.full(n_features, own_penalty), OWN_LEVEL)
    shared = np.append(np.full(n_features, shared_penalty), 0.0)
    left, right = np.diag(shared), np.zeros(n_features + 1)
    for name in np.unique(group):
        here = group == name
        rows = np.column_stack([x[here], np.ones(here.sum())])
        weighted = rows.T * weight[here]
        gram, moment = weighted @ rows, weighted @ target[here]
        # what the group's own deviations explain is taken out of both sides
        explained = np.linalg.solve(gram + np.diag(own), np.column_stack([gram, moment]))
        left += gram - gram @ explained[:, :-1]
        right += moment - gram @ explained[:, -1]
    solution = np.linalg.solve(left, right)
    return solution[:-1], float(solution[-1])
