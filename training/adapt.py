"""Teaching a fitted artifact its own traffic: a correction from a few hundred judged requests, without their texts.

Each tier's failures are a logistic regression that starts at the model's own log-odds (slope 1, bias 0, no feature) and
is shrunk toward it; how much is chosen by cross-validation over groups, the plain shift of level among the choices. So
little data moves the level, and much data what the features mean. A tier of which too little is known moves in level as
the other does, as far as its own few verdicts do not say otherwise: traffic that one of them finds easy is seldom hard for
the other, and gain is the difference of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from classifier.adaptation import LIMIT, Adaptation
from classifier.odds import log_odds
from training.data import DataError, Floats, Ints

LEAST_ROWS = 50
"""Judged rows of a tier below which it only moves in level, beginning where the other does: they do not place it to a tenth."""

PENALTIES = (1e6, 3000.0, 1000.0, 300.0, 100.0, 30.0)
"""Candidates for the precision of the features' weights, in rows; the first moves level and slope only."""

_SLOPE_PENALTY = 30.0
# Precision of a level around zero, and of a level around the other tier's: as much as a few verdicts say.
_LEVEL_PENALTY = 0.1
_NEAR_THE_OTHER = 1.0
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Lessons:
    """Judged requests as an artifact saw them, one entry a request.

    Attributes:
        features: what was judged, shape (rows, features).
        complexity, gain: what the unadapted model says of them.
        small, strong: quality of each tier's answer, in [0, 1]; NaN where nobody knows.
        group: rows that must not be parted.
    """

    features: Floats
    complexity: Floats
    gain: Floats
    small: Floats
    strong: Floats
    group: Ints

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.complexity)

    def take(self, rows: Ints) -> "Lessons":
        """These rows only."""
        return Lessons(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Side:
    """One tier's correction.

    Attributes:
        penalty: that was chosen; None where too few rows were judged for more than a level.
        rows: it was fitted on.
        log_loss_before, log_loss: per row in cross-validation, as the model was and as corrected.
    """

    weights: Floats
    slope: float
    bias: float
    penalty: float | None
    rows: int
    log_loss_before: float
    log_loss: float


def adapt(lessons: Lessons, seed: int = 0) -> tuple[Adaptation, dict[str, Any]]:
    """Fit a correction, and say what it was fitted on. One thread, so that equal rows give equal bytes everywhere.

    Raises:
        DataError: neither tier has ``LEAST_ROWS`` judged rows, or all verdicts are the same.
    """
    mean, deviation = lessons.features.mean(axis=0), lessons.features.std(axis=0)
    scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0)
    z = np.clip((lessons.features - mean) * scale, -LIMIT, LIMIT)
    odds = [_log_odds(lessons.complexity), _log_odds(lessons.complexity - lessons.gain)]
    failed = [1 - lessons.small, 1 - lessons.strong]
    with threadpool_limits(limits=1):
        sides = [_fit_side(z, base, known, lessons.group, seed) for base, known in zip(odds, failed, strict=True)]
    if all(side.penalty is None for side in sides):
        raise DataError(
            f"{len(lessons)} judged requests are too few to learn from; at least {LEAST_ROWS} are needed. "
            "Collect more verdicts through POST /v1/feedback or `fusion-router feedback`"
        )
    if np.unique(np.concatenate([each[~np.isnan(each)] for each in failed])).size < 2:
        raise DataError(
            "all verdicts are the same, so they do not tell hard prompts from easy ones; judge more requests"
        )
    for number, side in enumerate(sides):
        if side.penalty is None:
            other = _level(odds[1 - number], failed[1 - number], 0.0, _LEVEL_PENALTY)
            sides[number] = replace(side, bias=_level(odds[number], failed[number], other, _NEAR_THE_OTHER))
    found = Adaptation(
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        weights=np.column_stack([side.weights for side in sides]).astype(np.float32),
        blend=np.array([[side.slope, side.bias] for side in sides], dtype=np.float32),
    )
    return found, {name: _facts(side) for name, side in zip(("small", "strong"), sides, strict=True)}


def corrected(found: Adaptation, lessons: Lessons) -> tuple[Floats, Floats]:
    """Complexity and gain of every row under a correction."""
    rows = zip(lessons.complexity.tolist(), lessons.gain.tolist(), lessons.features.astype(np.float32), strict=True)
    pairs = np.array([found.correct(*row) for row in rows]).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _fit_side(z: Floats, base: Floats, failed: Floats, group: Ints, seed: int) -> Side:
    known = np.flatnonzero(~np.isnan(failed))
    n_features = z.shape[1]
    if len(known) < LEAST_ROWS:
        return Side(np.zeros(n_features), 1.0, 0.0, None, len(known), float("nan"), float("nan"))
    z, base, failed, fold = z[known], base[known], failed[known], _folds(group[known], seed)
    losses = [_held_out_losses(z, base, failed, fold, penalty) for penalty in PENALTIES]
    chosen = _strongest_as_good_as_the_best(losses)
    beta = _correction(z, base, failed, PENALTIES[chosen])
    return Side(
        beta[2:],
        float(beta[0]),
        float(beta[1]),
        PENALTIES[chosen],
        len(known),
        float(_losses(base, failed).mean()),
        float(losses[chosen].mean()),
    )


def _strongest_as_good_as_the_best(losses: Sequence[Floats]) -> int:
    """The first penalty whose loss is within a standard error of the least (of the paired difference)."""
    best = int(np.argmin([loss.mean() for loss in losses]))
    for number, loss in enumerate(losses):
        excess = loss - losses[best]
        if excess.mean() <= 0.5 * excess.std() / np.sqrt(len(excess)):
            return number
    return best


def _held_out_losses(z: Floats, base: Floats, failed: Floats, fold: Ints, penalty: float) -> Floats:
    losses = np.zeros(len(base))
    for number in range(_FOLDS):
        mine = fold == number
        if mine.any() and not mine.all():
            beta = _correction(z[~mine], base[~mine], failed[~mine], penalty)
            losses[mine] = _losses(_predict(beta, z[mine], base[mine]), failed[mine])
    return losses


def _correction(z: Floats, base: Floats, failed: Floats, penalty: float) -> Floats:
    """Slope, bias and weights that make log-odds of failing fit the verdicts, shrunk toward what the model says."""
    return _newton(
        np.column_stack([base, np.ones(len(base)), z]),
        np.zeros(len(base)),
        failed,
        np.concatenate([[1.0, 0.0], np.zeros(z.shape[1])]),
        np.concatenate([[_SLOPE_PENALTY, _LEVEL_PENALTY], np.full(z.shape[1], penalty)]),
    )


def _level(odds: Floats, failed: Floats, around: float, penalty: float) -> float:
    """How far log-odds of failing are to be moved, all alike, to fit the known verdicts, shrunk toward ``around``."""
    known = ~np.isnan(failed)
    one = np.ones((int(known.sum()), 1))
    return float(_newton(one, odds[known], failed[known], np.array([around]), np.array([penalty]))[0])


def _newton(design: Floats, offset: Floats, failed: Floats, prior: Floats, precision: Floats) -> Floats:
    """The weights of a logistic regression, shrunk toward ``prior``, by Newton's method.

    A step that makes matters worse is halved: where a model is sure of the opposite of what happened, whole steps run away.
    """

    def loss(beta: Floats) -> float:
        odds = offset + design @ beta
        return float((np.logaddexp(0, odds) - failed * odds).sum() + (precision * (beta - prior) ** 2).sum() / 2)

    beta = prior.copy()
    for _ in range(50):
        expected = 1 / (1 + np.exp(-np.clip(offset + design @ beta, -30, 30)))
        gradient = design.T @ (failed - expected) - precision * (beta - prior)
        curvature = (design * (expected * (1 - expected))[:, None]).T @ design + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        while np.abs(step).max() >= 1e-8 and loss(beta + step) > loss(beta):
            step /= 2
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return beta


def _predict(beta: Floats, z: Floats, base: Floats) -> Floats:
    odds: Floats = beta[0] * base + beta[1] + z @ beta[2:]
    return odds


def _losses(odds: Floats, failed: Floats) -> Floats:
    """Cross-entropy of each row, in nats."""
    odds = np.clip(odds, -30, 30)
    losses: Floats = np.logaddexp(0, odds) - failed * odds
    return losses


def _folds(group: Ints, seed: int) -> Ints:
    numbers, member = np.unique(group, return_inverse=True)
    lot = np.random.default_rng(seed).permutation(len(numbers))
    folds: Ints = (lot % _FOLDS)[member]
    return folds


def _log_odds(probability: Floats) -> Floats:
    return np.array([log_odds(float(each)) for each in probability])


def _facts(side: Side) -> dict[str, Any]:
    return {
        "rows": side.rows,
        "penalty": side.penalty,
        "slope": side.slope,
        "bias": side.bias,
        "log_loss_before": side.log_loss_before,
        "log_loss": side.log_loss,
    }
