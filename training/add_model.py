"""A new model's abilities from a few outcomes, without fitting the artifact again.

Its success on a prompt is taken as a logistic function of what the artifact already says of the prompt: the log-odds
that the small and the strong tier are right, and the task. The prior is the nearer tier itself, so that with no
outcomes the new model is that tier, with fifty its level moves, and with hundreds its strengths by task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier import artifact
from classifier.abilities import Ability, design, success
from classifier.artifact import Array
from classifier.assessment import TASKS, Assessment, Assessor
from classifier.classifier import Classifier
from training.data import DataError, Floats
from training.judged import answers_of
from training.readers.ledger import verdict_of
from training.readers.rows import records, share_of, text_of
from training.replay import as_prompt

LEAST_OUTCOMES = 20
"""With fewer, not even the level is known to a tenth."""

_PRIORS: Mapping[str, tuple[float, float, float]] = {"small": (0.0, 1.0, 0.0), "strong": (0.0, 0.0, 1.0)}
"""Intercept, weight of the small tier's log-odds, weight of the strong tier's."""

_PRECISION = (5.0, 20.0, 20.0)
"""Of the prior: the level moves more freely than the slopes; chosen by recorded models placed from 20 to 300 outcomes, and
by leaving sources out (training/LOG.md)."""

_TASK_PRECISION = 8.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What was found of one model.

    Attributes:
        ability: what the artifact keeps.
        mean_score: of the answers it was estimated from, in [0, 1].
        log_loss, log_loss_before: of its estimates on them, with its weights and with the tier's.
    """

    model: str
    ability: Ability
    mean_score: float
    log_loss: float
    log_loss_before: float

    def in_words(self) -> str:
        """What was found, for a terminal."""
        able = self.ability
        ranked = sorted(able.tasks.items(), key=lambda task: -abs(task[1]))
        notable = [f"{task} {offset:+.2f}" for task, offset in ranked if abs(offset) > 0.1]
        return (
            f"{self.model}: like {able.like}, level {able.weights[0]:+.2f} log-odds, from {able.outcomes} outcomes "
            f"(mean score {self.mean_score:.2f}); log loss {self.log_loss_before:.3f} as {able.like}, now {self.log_loss:.3f}"
            + (f"; by task: {', '.join(notable[:5])}" if notable else "")
        )

    def as_json(self) -> dict[str, Any]:
        """The entry in the manifest's ``models``."""
        measured = {"mean_score": round(self.mean_score, 4), "log_loss": round(self.log_loss, 4)}
        return {**self.ability.as_json(), **measured}


def keep(path: Path, found: Sequence[Learned]) -> None:
    """Write models into the manifest of the artifact at ``path``, beside those it knows."""
    manifest = artifact.read_manifest(path)
    models = {**manifest.models, **{each.model: each.as_json() for each in found}}
    artifact.write_manifest(path, replace(manifest, models=models))


def estimate(model: str, outcomes: Sequence[tuple[str, float]], assessor: Assessor, like: str | None = None) -> Learned:
    """A model's abilities from prompts and scores in [0, 1]."""
    prompts = [as_prompt(text) for text, _ in outcomes]
    judged = [assessor.assess(prompt.text, prompt.context, prompt.instructions) for prompt in prompts]
    return learn(model, judged, np.array([score for _, score in outcomes]), like)


def estimate_from_ledger(model: str, url: str, judge: Classifier, like: str | None = None) -> Learned:
    """A model's abilities from the judged answers that a gateway's ledger has of it; no text is needed."""
    features, score = answers_of(url, judge, model)
    return learn(model, [judge.assess_features(row) for row in features], score, like)


def learn(
    model: str, judged: Sequence[Assessment], score: Floats, like: str | None = None, weight: Floats | None = None
) -> Learned:
    """Abilities from assessments and scores; starts from the side that explains the scores better.

    Args:
        model: its name.
        judged: of each prompt it answered.
        score: of each answer, in [0, 1].
        like: the side to start from, if it is known.
        weight: what each answer counts, in answers; 1 without.

    Raises:
        DataError: there are fewer than ``LEAST_OUTCOMES``.
    """
    if len(score) < LEAST_OUTCOMES:
        raise DataError(
            f"{len(score)} outcomes of {model!r} are too few to place it; give at least {LEAST_OUTCOMES}, "
            "about 100 for its level, or declare the deployment `like:` a known model in the config"
        )
    rows, counts = design(judged), np.ones(len(score)) if weight is None else weight
    losses = {side: log_loss(success(rows, prior_of(side)), score, counts) for side in _PRIORS}
    side = like or min(losses, key=lambda name: losses[name])
    weights = _most_likely(rows, score, counts, prior_of(side)).tolist()
    tasks = {task: offset for task, offset in zip(TASKS, weights[3:], strict=True) if offset}
    return Learned(
        model=model,
        ability=Ability(side, (weights[0], weights[1], weights[2]), tasks, len(score)),
        mean_score=float(score.mean()),
        log_loss=log_loss(success(rows, np.array(weights)), score, counts),
        log_loss_before=losses[side],
    )


def read_outcomes(path: Path, model: str) -> list[tuple[str, float]]:
    """Prompts and scores of a model from a small file: ``prompt`` and ``score`` (or ``verdict``), or a column a model.

    Rows of other models (column ``model``) are left out.

    Raises:
        DataError: no row can be used; says what was looked for.
    """
    rows = records(path)
    mine = [row for row in rows if row.get("model") in (None, "", model)]
    found = [(text_of(row.get("prompt")), _score(row, model)) for row in mine]
    sound = [(text, score) for text, score in found if text and score is not None]
    if not sound:
        there = ", ".join(str(name) for name in list(rows[0])[:5]) if rows else "none"
        raise DataError(
            f"{path}: no usable row of {model!r} among {len(rows)} (its columns: {there}); each needs prompt, and score in [0, 1] or verdict "
            "(good, bad), with the model's name in the column model where the file has one"
        )
    return sound


def prior_of(side: str) -> Floats:
    """Weights that make a model the tier itself."""
    return np.array([*_PRIORS[side], *([0.0] * len(TASKS))])


def log_loss(probability: Floats, score: Floats, weight: Floats | None = None) -> float:
    """Mean negative log-likelihood of scores in [0, 1]."""
    sure = np.clip(probability, 1e-6, 1 - 1e-6)
    return -float(np.average(score * np.log(sure) + (1 - score) * np.log(1 - sure), weights=weight))


def _most_likely(rows: Floats, score: Floats, weight: Floats, prior: Floats) -> Floats:
    """The posterior's mode, by Newton's method."""
    precision = np.array([*_PRECISION, *([_TASK_PRECISION] * len(TASKS))])
    weights = prior.copy()
    for _ in range(50):
        expected = success(rows, weights)
        gradient = rows.T @ (weight * (score - expected)) - precision * (weights - prior)
        curvature: Array = (rows * (weight * expected * (1 - expected))[:, None]).T @ rows + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _score(row: Mapping[str, Any], model: str) -> float | None:
    return share_of(row[model]) if model in row else verdict_of(dict(row))
