"""Outcomes to labels: what the small and the strong tier made of each prompt, and how much is known of it."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from classifier.assessment import Task
from training.data import Bools, Data, Floats, Ints

SMALL_TIERS = ("tiny", "small")
STRONG_TIERS = ("strong", "reasoning")
# A source whose strong tier is no better than its small one has no gain to rank by or to learn from.
LEAST_GAP = 0.02


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


# Outcomes of one's own tier that weigh as much as what the other models' outcomes tell of a prompt.
_PRIOR_OUTCOMES = 4.0


def denoised(data: Data, tiers: Collection[str]) -> Floats:
    """Tier means, shrunk toward what the other models' outcomes on the same prompt say, source by source.

    Three models' mean is a noisy label; thirty others saw the same prompt. Within a source the tier's mean
    is regressed
    on the others' centred mean (cubic), and both are blended by the number of outcomes behind the tier's own.
    """
    own, n_own = tier_mean(data, tiers)
    others = _centred_mean(data, [model for model in data.models if data.tiers.get(model) not in tiers])
    blended = own.copy()
    for source in np.unique(data.source):
        rows = np.flatnonzero((data.source == source) & (n_own > 0))
        if len(rows) < 50:
            continue
        design = np.vander(np.nan_to_num(others[rows]), 4)
        predicted = design @ np.linalg.lstsq(design, own[rows], rcond=None)[0]
        share = n_own[rows] / (n_own[rows] + _PRIOR_OUTCOMES)
        blended[rows] = share * own[rows] + (1 - share) * predicted
    return blended


def _centred_mean(data: Data, models: Collection[str]) -> Floats:
    """Mean over models of score minus the model's own mean in the source; NaN where none of them answered."""
    chosen = np.array([model in set(models) for model in data.models], dtype=np.bool_)
    use = np.flatnonzero(chosen[data.model_of] & ~data.suspect)
    sources, source_of = np.unique(data.source, return_inverse=True)
    cell = data.model_of[use] * len(sources) + source_of[data.prompt_of[use]]
    n_cells = len(data.models) * len(sources)
    mean = np.bincount(cell, data.score[use], n_cells) / np.maximum(np.bincount(cell, minlength=n_cells), 1)
    centred = data.score[use] - mean[cell]
    with np.errstate(invalid="ignore"):
        return np.bincount(data.prompt_of[use], centred, len(data)) / np.bincount(
            data.prompt_of[use], minlength=len(data)
        )


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
