"""Outcomes to labels: what the small and the strong tier made of each prompt, and how much is known of it."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from classifier.assessment import Task
from training.data import Bools, Data, Floats, Ints

SMALL_TIERS = ("tiny", "small")
STRONG_TIERS = ("strong", "reasoning")


@dataclass(frozen=True, slots=True)
class Labels:
    """Tier means of each prompt; NaN where no trusted outcome is recorded.

    Attributes:
        small, strong: mean score of the tier, in [0, 1].
        n_small, n_strong: outcomes behind the mean.
        output_tokens: median answer length in tokens.
    """

    small: Floats
    strong: Floats
    n_small: Ints
    n_strong: Ints
    output_tokens: Floats

    @property
    def judged(self) -> Bools:
        """Prompts with trusted outcomes on both sides: those that evaluation uses."""
        judged: Bools = (self.n_small > 0) & (self.n_strong > 0)
        return judged


def label(data: Data) -> Labels:
    """Tier means over the outcomes that are not suspect."""
    small, n_small = tier_mean(data, SMALL_TIERS)
    strong, n_strong = tier_mean(data, STRONG_TIERS)
    return Labels(small, strong, n_small, n_strong, _median_tokens(data))


def tier_mean(data: Data, tiers: Collection[str]) -> tuple[Floats, Ints]:
    """Mean score of the tiers' models on each prompt, and the number of outcomes behind it."""
    in_tier = np.array([data.tiers.get(model) in tiers for model in data.models], dtype=np.bool_)
    use = in_tier[data.model_of] & ~data.suspect
    count = np.bincount(data.prompt_of[use], minlength=len(data))
    total = np.bincount(data.prompt_of[use], data.score[use], minlength=len(data))
    with np.errstate(invalid="ignore"):
        return total / count, count.astype(np.int64)


def _median_tokens(data: Data) -> Floats:
    """Median recorded answer length of each prompt in tokens, NaN where none is recorded."""
    median = np.full(len(data), np.nan)
    known = np.flatnonzero(~np.isnan(data.output_tokens))
    order = known[np.argsort(data.prompt_of[known], kind="stable")]
    prompts, starts = np.unique(data.prompt_of[order], return_index=True)
    for prompt, rows in zip(prompts, np.split(order, starts[1:]), strict=True):
        median[prompt] = np.median(data.output_tokens[rows])
    return median


_TASK_OF_CATEGORY: tuple[tuple[str, Task], ...] = (
    ("tool_use", "tool_use"),
    ("code", "code"),
    ("math", "math"),
    ("number_compare", "math"),
    ("gsm8k", "math"),
    ("human_eval", "code"),
    ("mbpp", "code"),
    ("logic", "reasoning"),
    ("commonsense", "reasoning"),
    ("emotional", "reasoning"),
    ("formal_logic", "reasoning"),
    ("reading_comp", "extraction"),
    ("lit", "extraction"),
    ("physics", "math"),
    ("engineering", "math"),
)


def task_of(category: str) -> Task:
    """The task a recorded category stands for; exam subjects not listed are knowledge."""
    return next((task for part, task in _TASK_OF_CATEGORY if part in category), "knowledge")
