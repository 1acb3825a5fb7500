"""Recorded prompts through the code that serves: read, assess, decide, price.

Nothing here knows how a decision is made; it asks ``router.core``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.assessment import Assessment, Assessor
from router.core.ask import Ask, Controls
from router.core.cost import call_cost_usd
from router.core.decision import decide
from router.core.policy import Policy, Thresholds
from router.core.prompt import Prompt, read_prompt
from router.core.types import Deployment, Price, Usage
from training.data import Bools, Data, Floats, Ints, Strings
from training.labels import Labels, label, task_of
from training.metrics import SMALL_PRICE_SHARE

STRONG_PRICE = Price(input=2e-6, output=8e-6, source="replay")
SMALL_PRICE = Price(SMALL_PRICE_SHARE * STRONG_PRICE.input, SMALL_PRICE_SHARE * STRONG_PRICE.output, source="replay")
"""USD a token. Only their ratio matters: every cost is reported as a share of always-strong."""

EQUAL_USAGE = Usage(input_tokens=500, output_tokens=500)
"""Charged for every prompt alike, so that a cost share does not depend on who wrote the longest prompts."""

UNKNOWN_OUTPUT_TOKENS = 500


@dataclass(frozen=True, slots=True)
class Rows:
    """Prompts with outcomes of both tiers, as the gateway would see them; every field has one entry a prompt.

    Attributes:
        index: number of the prompt in the data.
        texts: what was asked.
        small, strong: mean score of the tier, in [0, 1].
        group: near-duplicates share a number.
        tokens: usage of an answer: input as the gateway counts it, output as recorded.
        prompts, assessments: what the core and the classifier make of it.
        small_price: of a small call over a strong one, of them all.
    """

    index: Ints
    texts: tuple[str, ...]
    small: Floats
    strong: Floats
    group: Ints
    source: Strings
    language: Strings
    task: Strings
    tokens: tuple[Usage, ...]
    prompts: tuple[Prompt, ...]
    assessments: tuple[Assessment, ...]
    small_price: float = SMALL_PRICE_SHARE

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.texts)

    @property
    def complexity(self) -> Floats:
        """Of each prompt, in [0, 1]."""
        return np.array([found.complexity for found in self.assessments])

    @property
    def gain(self) -> Floats:
        """Of each prompt, in [-1, 1]."""
        return np.array([found.gain for found in self.assessments])

    @property
    def novelty(self) -> Floats:
        """Of each prompt, in [0, 1]."""
        return np.array([found.novelty for found in self.assessments])

    @property
    def small_fails(self) -> Bools:
        """Where the small tier's mean score is below one half: the event that complexity predicts."""
        fails: Bools = self.small < 0.5
        return fails

    def take(self, keep: Sequence[int] | Ints) -> "Rows":
        """These rows only, in this order."""
        index = [int(row) for row in keep]
        return Rows(
            index=self.index[index],
            texts=tuple(self.texts[row] for row in index),
            small=self.small[index],
            strong=self.strong[index],
            group=self.group[index],
            source=self.source[index],
            language=self.language[index],
            task=self.task[index],
            tokens=tuple(self.tokens[row] for row in index),
            prompts=tuple(self.prompts[row] for row in index),
            assessments=tuple(self.assessments[row] for row in index),
            small_price=self.small_price,
        )


def replay(data: Data, split: str, assessor: Assessor, labels: Labels | None = None) -> Rows:
    """Judge every prompt of a split that has trusted outcomes on both sides."""
    known = label(data) if labels is None else labels
    rows = np.flatnonzero((data.split == split) & known.judged)
    texts = tuple(data.texts[row] for row in rows)
    prompts = tuple(as_prompt(text) for text in texts)
    output = known.output_tokens[rows]
    tokens = np.where(np.isnan(output), UNKNOWN_OUTPUT_TOKENS, np.nan_to_num(output)).astype(np.int64)
    return Rows(
        index=rows,
        texts=texts,
        small=known.small[rows],
        strong=known.strong[rows],
        group=data.group[rows],
        source=data.source[rows],
        language=data.language[rows],
        task=np.array([task_of(category) for category in data.category[rows]], dtype=np.str_),
        tokens=tuple(Usage(prompt.input_tokens, int(n)) for prompt, n in zip(prompts, tokens, strict=True)),
        prompts=prompts,
        assessments=tuple(assessor.assess(prompt.text, prompt.context, prompt.instructions) for prompt in prompts),
    )


def as_prompt(text: str) -> Prompt:
    """A first turn with nothing else, read as the gateway reads it."""
    return read_prompt({"messages": [{"role": "user", "content": text}]})


def two_models(thresholds: Thresholds) -> Policy:
    """A pool of one small and one strong deployment, decided by one set of thresholds."""
    pool = {
        "small": Deployment("small", "replay/small", SMALL_PRICE),
        "strong": Deployment("strong", "replay/strong", STRONG_PRICE),
    }
    return Policy(pool, ("small",), ("strong",), "strong", thresholds={"balanced": thresholds})


def routes(prompts: Sequence[Prompt], assessments: Sequence[Assessment], thresholds: Thresholds) -> Bools:
    """True where the production ``decide()`` takes the strong route."""
    policy, ask, controls = two_models(thresholds), Ask("auto"), Controls()
    return np.array(
        [
            decide(prompt, found, ask, controls, policy).route == "strong"
            for prompt, found in zip(prompts, assessments, strict=True)
        ],
        dtype=np.bool_,
    )


def escalates(complexity: Floats, gain: Floats, novelty: Floats, thresholds: Thresholds) -> Bools:
    """What ``judge_thresholds`` says, for whole arrays; a test holds the two together."""
    strong: Bools = (
        (complexity >= thresholds.complexity - thresholds.band)
        | (gain >= thresholds.gain - thresholds.band)
        | (novelty > thresholds.novelty)
    )
    return strong


def cost_share(strong: Bools, usage: Sequence[Usage] | None = None, small_price: float = SMALL_PRICE_SHARE) -> float:
    """Cost of these routes over always-strong's, by the gateway's cost function.

    Args:
        strong: True where the strong model answers.
        usage: tokens of each answer; without it every prompt counts the same.
        small_price: of a small call over a strong one.
    """
    small = Price(small_price * STRONG_PRICE.input, small_price * STRONG_PRICE.output, source="replay")
    if usage is None:
        prices: Mapping[bool, Price] = {True: STRONG_PRICE, False: small}
        costs = {route: call_cost_usd(EQUAL_USAGE, price) for route, price in prices.items()}
        n_strong = int(strong.sum())
        return (n_strong * costs[True] + (len(strong) - n_strong) * costs[False]) / (len(strong) * costs[True])
    spent = sum(
        call_cost_usd(used, STRONG_PRICE if is_strong else small) for used, is_strong in zip(usage, strong, strict=True)
    )
    return spent / sum(call_cost_usd(used, STRONG_PRICE) for used in usage)
