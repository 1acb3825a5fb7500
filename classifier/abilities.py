"""How likely a given model answers a prompt well: abilities of models by name, on top of what is said of the two tiers.

A model's success is a logistic function of the log-odds that the small and the strong tier are right, with an offset for
each task. Nothing of it is computed unless somebody asks for a model.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from classifier.artifact import ArtifactError
from classifier.assessment import TASKS, Assessment, Task

Floats = npt.NDArray[np.float64]

MOST_LOG_ODDS = 6.0
"""Log-odds of a tier are cut here: beyond, a probability says more than anybody knows."""

_EDITION = re.compile(r"-(?:20\d\d-?[01]\d-?[0-3]\d|20\d\d-[01]\d|[01]\d-[0-3]\d|\d{4}|\d{3})(?![\d.a-z])|@.*$")
"""A day, a month, a short date (``0613``, ``2407``, ``05-06``), a serial number (``002``); where it is served."""

_TELLS_NOTHING = frozenset(("instruct", "chat", "it", "hf", "latest", "free", "nitro", "floor"))
"""Words that say that a model can be talked to, or who sells it how."""

_SERVED_FAST = frozenset(("turbo", "instant", "versatile"))
"""Likewise, where they come last and after a size or such a word; ``gpt-3.5-turbo`` is another model than ``gpt-3.5``."""

_SIZE = re.compile(r"\d+b")

_BEDROCK = re.compile(
    r"^(?:(?:us|eu|apac|global)\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\.|-v\d+:\d+$"
)
"""What Bedrock puts before and after a model's name."""


@dataclass(frozen=True, slots=True)
class Ability:
    """What is known of one model.

    Attributes:
        like: the tier it started from: ``small`` or ``strong``.
        weights: intercept, and weights of the two tiers' log-odds of being right.
        tasks: offset in log-odds of each task that has one.
        outcomes: answers it was estimated from.
    """

    like: str
    weights: tuple[float, float, float]
    tasks: Mapping[Task, float] = field(default_factory=dict)
    outcomes: int = 0

    def success(self, assessments: Sequence[Assessment]) -> Floats:
        """Probability that the model answers each prompt well, in [0, 1]."""
        return success(design(assessments), self.coefficients)

    @property
    def coefficients(self) -> Floats:
        """One for each column of :func:`design`."""
        return np.array([*self.weights, *(self.tasks.get(task, 0.0) for task in TASKS)])

    def mean_success(self, mix: Mapping[str, Any]) -> float:
        """Mean probability of success over prompts that are mixed like a manifest's ``prompt_mix``."""
        tasks = np.array([[task == one for one in TASKS] for task in mix["task"]], dtype=np.float64)
        rows = np.column_stack([np.ones(len(tasks)), mix["small"], mix["strong"], tasks])
        return float(np.average(success(rows, self.coefficients), weights=mix["share"]))

    def as_json(self) -> dict[str, Any]:
        """The entry in the manifest's ``models``, short: offsets that say nothing are left out."""
        return {
            "like": self.like,
            "weights": [round(weight, 3) for weight in self.weights],
            "tasks": {task: round(offset, 3) for task, offset in self.tasks.items() if abs(offset) >= 0.0005},
            "outcomes": self.outcomes,
        }

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """From the manifest's entry; tasks that this release does not know are passed over."""
        intercept, small, strong = map(float, entry["weights"])
        tasks = {task: float(entry["tasks"][task]) for task in TASKS if task in entry["tasks"]}
        return cls(str(entry["like"]), (intercept, small, strong), tasks, int(entry["outcomes"]))


@dataclass(frozen=True, slots=True)
class Known:
    """A model that was found.

    Attributes:
        name: under which the artifact knows it.
        exact: False where only another edition, or another serving of it, is known.
    """

    name: str
    ability: Ability
    exact: bool


class Abilities:
    """The models that an artifact knows, by their names and by what else they are called."""

    def __init__(self, models: Mapping[str, Ability]) -> None:
        """Index the models; of several editions the one with most outcomes stands for the rest."""
        self._models = dict(models)
        self._keys: dict[str, str] = {}
        self._families: dict[str, str] = {}
        for name in sorted(models, key=lambda name: (-models[name].outcomes, name)):
            self._keys.setdefault(key_of(name), name)
            self._families.setdefault(family_of(name), name)

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> Self:
        """From a manifest's ``models``.

        Raises:
            ArtifactError: an entry is not what this release writes.
        """
        found = {}
        for name, entry in entries.items():
            try:
                found[name] = Ability.of(entry)
            except (KeyError, TypeError, ValueError) as error:
                raise ArtifactError(
                    f"manifest.json: models.{name} cannot be read ({error!r}); add it again with "
                    "`python -m training add-model`"
                ) from error
        return cls(found)

    @property
    def names(self) -> tuple[str, ...]:
        """Under which the artifact knows its models."""
        return tuple(self._models)

    def find(self, model: str, like: str | None = None) -> Known | None:
        """The model of this name, as anybody writes it: with or without provider and date.

        Args:
            model: e.g. ``openai/gpt-4o-mini``.
            like: a model that it is declared to be like; used unless ``model`` itself is known.
        """
        own = self._find(model)
        if own is not None and (own.exact or like is None):
            return own
        other = self._find(like) if like is not None else None
        return Known(other.name, other.ability, exact=False) if other is not None else own

    def _find(self, model: str) -> Known | None:
        name = model if model in self._models else self._keys.get(key_of(model))
        if name is not None:
            return Known(name, self._models[name], exact=True)
        name = self._families.get(family_of(model))
        return None if name is None else Known(name, self._models[name], exact=False)


def design(assessments: Sequence[Assessment]) -> Floats:
    """A row a prompt: 1, the log-odds that small and that strong are right, and each task of ``TASKS`` as 0 and 1."""
    small = np.array([1 - found.complexity for found in assessments])
    strong = small + np.array([found.gain for found in assessments])
    tasks = np.array([[found.task == task for task in TASKS] for found in assessments], dtype=np.float64)
    return np.column_stack([np.ones(len(small)), _log_odds(small), _log_odds(strong), tasks])


def success(rows: Floats, coefficients: Floats) -> Floats:
    """Probability of success for the rows of a :func:`design`."""
    probability: Floats = 1 / (1 + np.exp(-np.clip(rows @ coefficients, -30, 30)))
    return probability


def key_of(model: str) -> str:
    """A name without provider, case and punctuation: what two spellings of one model share."""
    return re.sub(r"[^a-z0-9]+", "", _bare(model))


def family_of(model: str) -> str:
    """A name without its edition and without words that tell nothing: what two editions of one model share."""
    words = re.findall(r"[a-z0-9]+", _EDITION.sub("", _bare(model)))
    kept = [word for word in words if word not in _TELLS_NOTHING]
    if len(words) > 1 and words[-1] in _SERVED_FAST and (words[-2] in _TELLS_NOTHING or _SIZE.fullmatch(words[-2])):
        kept.pop()
    return "".join(kept).removeprefix("meta")


def _bare(model: str) -> str:
    return _BEDROCK.sub("", model.lower().rpartition("/")[2]).replace("+", "-plus")


def _log_odds(probability: Floats) -> Floats:
    sure = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: Floats = np.clip(np.log(sure / (1 - sure)), -MOST_LOG_ODDS, MOST_LOG_ODDS)
    return odds
