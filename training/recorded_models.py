"""The models whose outcomes were recorded: abilities for the artifact to begin with, and how well they foretell success."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from classifier.abilities import Abilities, design, success
from classifier.assessment import Assessor
from training.add_model import Learned, learn, log_loss, prior_of
from training.bootstrap import interval, resamples
from training.data import Data, Floats, Ints, Strings
from training.metrics import auroc
from training.replay import Rows, as_prompt

LEAST_RECORDED = 100
"""Trusted outcomes from which a recorded model is known: its level is then right to a few points."""

MOST_OF_A_SOURCE = 100
"""Outcomes on one source count for no more than so many: a model's level differs from source to source by more than chance,
and what a thousand questions of one kind say is not known of other kinds. Chosen by leaving sources out (training/LOG.md)."""

_LEAST_ASKED = 40


class Outcomes:
    """Trusted scores of each model."""

    def __init__(self, data: Data) -> None:
        """Sort the outcomes by model and prompt; a prompt answered several times counts its last answer."""
        kept = np.flatnonzero(~data.suspect)
        order = kept[np.lexsort((kept, data.prompt_of[kept], data.model_of[kept]))]
        model, prompt = data.model_of[order], data.prompt_of[order]
        last = np.ones(len(order), dtype=np.bool_)
        last[:-1] = (model[1:] != model[:-1]) | (prompt[1:] != prompt[:-1])
        self._prompt, self._score = prompt[last], data.score[order][last]
        self._starts = np.searchsorted(model[last], np.arange(len(data.models) + 1))

    def of(self, model: int, prompts: Ints) -> tuple[Ints, Floats]:
        """Positions in ``prompts`` that the model has answered, and its scores there."""
        mine = slice(self._starts[model], self._starts[model + 1])
        _, places, rows = np.intersect1d(prompts, self._prompt[mine], assume_unique=True, return_indices=True)
        return places.astype(np.int64), self._score[mine][rows]


def learn_recorded(
    data: Data, assessor: Assessor, progress: Callable[[Iterable[int]], Iterable[int]] = iter
) -> list[Learned]:
    """Every model with enough outcomes on ``train``, learned as :func:`training.add_model.learn` learns a new one."""
    outcomes, rows = Outcomes(data), np.flatnonzero(data.split == "train")
    prompts = (as_prompt(data.texts[row]) for row in progress(rows.tolist()))
    judged = [assessor.assess(prompt.text, prompt.context, prompt.instructions) for prompt in prompts]
    found = []
    for number, model in enumerate(data.models):
        places, score = outcomes.of(number, rows)
        if len(places) >= LEAST_RECORDED:
            weight = _by_source(data.source[rows[places]])
            found.append(learn(model, [judged[place] for place in places], score, weight=weight))
    return found


def _by_source(source: Strings) -> Floats:
    """What each outcome counts, so that none of the sources counts for more than ``MOST_OF_A_SOURCE``."""
    _, member, count = np.unique(source, return_inverse=True, return_counts=True)
    weight: Floats = np.minimum(1.0, MOST_OF_A_SOURCE / count)[member]
    return weight


def judge_recorded(data: Data, rows: Rows, entries: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """How well the artifact's models are foretold on ``rows``, beside their tier's estimate and their own mean score.

    Args:
        data: whose outcomes are used.
        rows: judged prompts that no ability was learned from.
        entries: the manifest's ``models``.
        seed: of the intervals, which draw models anew.
    """
    outcomes, known = Outcomes(data), Abilities.of(entries)
    found = {}
    for number, model in enumerate(data.models):
        places, score = outcomes.of(number, rows.index)
        here = known.find(model)
        if here is None or here.name != model or len(places) < _LEAST_ASKED:
            continue
        inputs = design([rows.assessments[place] for place in places])
        ours = success(inputs, here.ability.coefficients)
        tier = success(inputs, prior_of(here.ability.like))
        level = float(entries[model]["mean_score"])
        found[model] = {
            "learned_from": here.ability.outcomes,
            "n": len(places),
            "auroc": auroc(ours, score >= 0.5),
            "auroc_tier": auroc(tier, score >= 0.5),
            "log_loss": log_loss(ours, score),
            "log_loss_tier": log_loss(tier, score),
            "log_loss_mean": log_loss(np.full(len(score), level), score),
            "level_error": abs(float(ours.mean() - score.mean())),
            "level_error_tier": abs(float(tier.mean() - score.mean())),
            "level_error_mean": abs(level - float(score.mean())),
        }
    return {"models": found, "mean": _over_models(found, seed)} if found else {}


def _over_models(found: Mapping[str, Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """Means over models, with intervals that draw the models anew."""
    names = [name for name in next(iter(found.values())) if name not in ("learned_from", "n")]
    values = np.array([[each[name] for name in names] for each in found.values()], dtype=np.float64)
    drawn = [np.nanmean(values[draw], axis=0) for draw in resamples(np.arange(len(values)), seed)]
    means = np.nanmean(values, axis=0)
    return {
        "models": len(found),
        **{name: float(mean) for name, mean in zip(names, means, strict=True)},
        **{f"{name}_95": interval([draw[column] for draw in drawn]) for column, name in enumerate(names)},
    }
