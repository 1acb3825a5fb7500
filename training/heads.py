"""The linear heads: general and everyday success, likeness, answer length, closed answers, general gain, tasks."""

from math import log

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, Ridge

from classifier.assessment import TASKS
from classifier.features import FEATURES
from classifier.words import RARITY_FEATURES
from training.data import Bools, Floats
from training.rows import EVERYDAY, RECORDED, Rows
from training.shared_slopes import fit_shared_slopes

# Penalties of what all sources and kinds of prompts share and of what each has of its own, for weights whose mean over the
# recorded prompts is 1 (training/LOG.md).
GENERAL_PENALTY, OWN_PENALTY = 6_000.0, 3_000.0
EVERYDAY_ALPHA = 150.0
# The topic says less of difficulty than of the benchmark: its directions are shrunk in the linear head.
TOPIC_SCALE = 0.4
# A recorded prompt's task is told by its benchmark's category alone, a judged one's by reading it.
RECORDED_TASKS = 0.3
# Logarithm of an answer's tokens where none is recorded.
UNKNOWN_LOG_TOKENS = log(500)


def fit_linear(
    rows: Rows,
    general_gain: Floats,
    z: npt.NDArray[np.float32],
    use: Bools,
    weights: tuple[Floats, Floats],
    seed: int,
) -> tuple[Floats, Floats]:
    """The linear heads in the order of ``LINEAR_HEADS``, then one a task: weights and biases.

    ``weights`` are those of the general success and of the general gain.
    """
    heads = [
        _fit_general(rows, rows.success, z, use, weights[0]),
        _fit_everyday(rows, z, use),
        _fit_likeness(rows, z, use, seed),
        _fit_length(rows, z, use),
        _fit_closed(rows, z, use, seed),
        _fit_general(rows, general_gain, z, use, weights[1]),
    ]
    heads += _fit_tasks(rows, z, use, seed)
    return np.array([head[0] for head in heads]).T, np.array([head[1] for head in heads])


def _fit_general(
    rows: Rows, target: Floats, z: npt.NDArray[np.float32], use: Bools, weight: Floats
) -> tuple[Floats, float]:
    """A head of the general judge; nothing is learned of a target that nobody knows."""
    known = use & ~np.isnan(target)
    if not known.any():
        return np.zeros(z.shape[1]), 0.0
    n_topic = z.shape[1] - len(FEATURES) - len(RARITY_FEATURES)
    shrink = np.concatenate([np.ones(z.shape[1] - n_topic), np.full(n_topic, TOPIC_SCALE)])
    per_row = known.sum() / max(int((known & (rows.origin == RECORDED)).sum()), 1)
    weights, bias = fit_shared_slopes(
        z[known] * shrink,
        target[known],
        weight[known],
        np.char.add(rows.origin[known], rows.source[known]),
        shared_penalty=GENERAL_PENALTY * per_row,
        own_penalty=OWN_PENALTY * per_row,
    )
    return weights * shrink, bias


def _fit_everyday(rows: Rows, z: npt.NDArray[np.float32], use: Bools) -> tuple[Floats, float]:
    """The head for everyday prompts, in their own standard deviations."""
    chosen = use & (rows.origin == EVERYDAY)
    if not chosen.any():
        return np.zeros(z.shape[1]), float(np.nanmean(rows.success[use]))
    scale = 1 / (z[chosen].std(axis=0) + 0.05)
    model = Ridge(alpha=EVERYDAY_ALPHA).fit(z[chosen] * scale, rows.success[chosen])
    return model.coef_ * scale, float(model.intercept_)


def _fit_likeness(rows: Rows, z: npt.NDArray[np.float32], use: Bools, seed: int) -> tuple[Floats, float]:
    """The head for "this is an everyday prompt, not one of the others"; never so without everyday prompts."""
    everyday = rows.origin[use] == EVERYDAY
    if not everyday.any():
        return np.zeros(z.shape[1]), -30.0
    weight = np.where(everyday, 0.5 * (~everyday).sum() / everyday.sum(), 1.0)
    model = LogisticRegression(C=0.01, max_iter=300, random_state=seed)
    model.fit(z[use], everyday, sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0])


def _side_weights(rows: Rows, use: Bools) -> Floats:
    """Weights of the side heads: the rows of every origin count the same together."""
    _, origin, count = np.unique(rows.origin[use], return_inverse=True, return_counts=True)
    weights: Floats = use.sum() / (len(count) * count[origin])
    return weights


def _fit_length(rows: Rows, z: npt.NDArray[np.float32], use: Bools) -> tuple[Floats, float]:
    """The head for the logarithm of the answer's tokens."""
    known = use & (np.nan_to_num(rows.output_tokens) > 0)
    if not known.any():
        return np.zeros(z.shape[1]), UNKNOWN_LOG_TOKENS
    model = Ridge(alpha=100.0).fit(z[known], np.log(rows.output_tokens[known]), _side_weights(rows, known))
    return model.coef_, float(model.intercept_)


def _fit_closed(rows: Rows, z: npt.NDArray[np.float32], use: Bools, seed: int) -> tuple[Floats, float]:
    """The head for a closed answer."""
    known = use & ~np.isnan(rows.closed)
    if len(np.unique(rows.closed[known] > 0.5)) < 2:
        return np.zeros(z.shape[1]), 6.0 if known.any() and rows.closed[known].mean() > 0.5 else -6.0
    model = LogisticRegression(C=0.05, max_iter=300, random_state=seed)
    model.fit(z[known], rows.closed[known] > 0.5, sample_weight=_side_weights(rows, known))
    return model.coef_[0], float(model.intercept_[0])


def _fit_tasks(rows: Rows, z: npt.NDArray[np.float32], use: Bools, seed: int) -> list[tuple[Floats, float]]:
    """One head a task; tasks without examples never win."""
    known = use & (rows.task != "")
    if len(np.unique(rows.task[known])) < 2:
        return [(np.zeros(z.shape[1]), 0.0 if task in rows.task[known] else -1e3) for task in TASKS]
    model = LogisticRegression(C=0.02, max_iter=300, random_state=seed)
    weight = _side_weights(rows, known) * np.where(rows.origin[known] == RECORDED, RECORDED_TASKS, 1.0)
    model.fit(z[known], rows.task[known], sample_weight=weight)
    two = len(model.classes_) == 2  # scikit-learn then keeps one side only
    coefficients = np.vstack([-model.coef_, model.coef_]) if two else model.coef_
    intercepts = np.concatenate([-model.intercept_, model.intercept_]) if two else model.intercept_
    found: dict[str, tuple[Floats, float]] = {
        task: (weights, float(bias))
        for task, weights, bias in zip(model.classes_, coefficients, intercepts, strict=True)
    }
    return [found.get(task, (np.zeros(z.shape[1]), -1e3)) for task in TASKS]
