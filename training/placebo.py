"""Placebo controls: what a model reaches that cannot know anything but what the control leaves it.

Shuffled labels and random features must come out at chance; the source alone says how much of a number is
recognising the benchmark.
"""

import numpy as np
import numpy.typing as npt

from training.boosting import Recipe, grow
from training.data import Bools, Data, Floats
from training.heldout import Judged, Numbers, numbers
from training.labels import Labels
from training.prepared import Prepared

_RECIPE = Recipe(n_trees=60)


def placebos(
    data: Data, labels: Labels, prepared: Prepared, use: Bools, judged_on: Bools, *, seed: int = 0
) -> dict[str, Numbers]:
    """Numbers on the prompts ``judged_on`` of controls fitted on the prompts ``use``."""
    dense = prepared.dense[: len(data)]
    random = np.random.default_rng(seed)
    noise = random.normal(size=(len(data), 40)).astype(np.float32)
    shuffled = np.arange(len(data))
    shuffled[use] = random.permutation(shuffled[use])
    source = np.unique(data.source, return_inverse=True)[1].astype(np.float32)[:, None]
    same = np.arange(len(data))
    controls = {
        "shuffled labels": (dense, shuffled),
        "random features": (noise, same),
        "source only": (_one_hot(source[:, 0]), same),
    }
    return {
        name: numbers(labels, _control(prepared, x, order, use, seed), judged_on)
        for name, (x, order) in controls.items()
    }


def _control(
    prepared: Prepared, x: npt.NDArray[np.float32], order: npt.NDArray[np.int64], use: Bools, seed: int
) -> Judged:
    """Trees fitted on features ``x`` and the labels in the order given."""
    n = len(order)
    success, gain = prepared.rows.success[:n][order], prepared.rows.gain[:n][order]
    predicted = [_predict(x, target, use, seed) for target in (success, gain)]
    return Judged(1 - predicted[0], predicted[1], np.zeros(n))


def _predict(x: npt.NDArray[np.float32], target: Floats, use: Bools, seed: int) -> Floats:
    """Predictions for every prompt of trees fitted on those in ``use`` that have the target."""
    known = use & ~np.isnan(target)
    model = grow(x[known], target[known], np.ones(int(known.sum())), _RECIPE, None, seed)
    predicted: Floats = model.predict(x)
    return predicted


def _one_hot(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A column for each code."""
    columns: npt.NDArray[np.float32] = (codes[:, None] == np.unique(codes)[None, :]).astype(np.float32)
    return columns
