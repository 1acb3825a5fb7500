"""A promise about quality, and the search for the cheapest policy that keeps it: learn, then test.

The policies are declared before any outcome is looked at: one path of gain thresholds, from "everything goes to
strong" to "almost nothing does". Each is tested in turn, safest first, and the search stops at the first that cannot
be proved; the last proved one is used. Testing in a fixed order needs no correction for the number of tests.
Source: Angelopoulos, Bates, Candès, Jordan, Lei 2021, "Learn then test", fixed-sequence testing.

Near-duplicates count as one prompt: a group's loss is the mean over its rows. Groups are taken as independent draws
from the traffic that the certificate speaks of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.core.policy import Thresholds
from training.bounds import clopper_pearson_upper, mean_is_below
from training.data import Bools, Floats, Ints
from training.replay import Rows, escalates

GAIN_PATH: tuple[float, ...] = tuple(round(-0.3 + 0.005 * step, 3) for step in range(241))
"""Gain thresholds, safest first: a low one escalates more."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised of a policy.

    Attributes:
        limit: for ``quality``, the share of always-strong's mean score that may be lost; for ``failures``, the
            share of prompts that small may fail where strong would not have.
        delta: probability with which the promise may be broken, over the draw of the calibration prompts.
        kind: ``quality`` nets gains against losses and is tested by betting, for graded scores; ``failures`` counts
            and is tested by Clopper-Pearson.
    """

    limit: float
    delta: float
    kind: str = "quality"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the search looks at: scores of the classifier and outcomes, one entry a prompt."""

    complexity: Floats
    gain: Floats
    novelty: Floats
    small: Floats
    strong: Floats
    group: Ints

    def take(self, keep: Ints) -> "Sample":
        """These prompts only; a prompt may come more than once."""
        return Sample(
            self.complexity[keep],
            self.gain[keep],
            self.novelty[keep],
            self.small[keep],
            self.strong[keep],
            self.group[keep],
        )


def sample_of(rows: Rows) -> Sample:
    """The arrays of replayed prompts."""
    return Sample(rows.complexity, rows.gain, rows.novelty, rows.small, rows.strong, rows.group)


def path(ceiling: float, novelty: float, gains: Sequence[float] = GAIN_PATH) -> tuple[Thresholds, ...]:
    """The declared policies, safest first; all share a complexity ceiling and a novelty threshold."""
    return tuple(Thresholds(complexity=ceiling, gain=gain, novelty=novelty) for gain in gains)


def kept(sample: Sample, strong: Bools, promise: Promise, seed: int = 0) -> bool:
    """True where the sample proves the promise for these routes at level ``promise.delta``."""
    if promise.kind == "failures":
        failed = worst_of_groups(failures(sample, strong), sample.group)
        return clopper_pearson_upper(int(failed.sum()), len(failed), promise.delta) <= promise.limit
    excess = (sample.strong - sample.small) * ~strong - promise.limit * sample.strong
    losses = mean_of_groups(excess, sample.group)
    order = np.random.default_rng(seed).permutation(len(losses))
    return mean_is_below(losses[order], 0.0, -1 - promise.limit, 1.0, promise.delta)


def search(
    sample: Sample, policies: Sequence[Thresholds], promise: Promise, seed: int = 0
) -> tuple[Thresholds | None, int]:
    """The cheapest proved policy of the path, None where not even the first is; and how many were tested."""
    proved: Thresholds | None = None
    for tested, policy in enumerate(policies, 1):
        if not kept(sample, routed(sample, policy), promise, seed):
            return proved, tested
        proved = policy
    return proved, len(policies)


def naive(sample: Sample, policies: Sequence[Thresholds], promise: Promise) -> Thresholds:
    """The cheapest policy that keeps the promise on this very sample. Proves nothing of other prompts."""
    best = policies[0]
    for policy in policies:
        if broken_by(sample, routed(sample, policy), promise) <= 0:
            best = policy
    return best


def broken_by(sample: Sample, strong: Bools, promise: Promise) -> float:
    """By how much these routes miss the promise on the sample, near-duplicates counting as one; <= 0 keeps it."""
    if promise.kind == "failures":
        return float(worst_of_groups(failures(sample, strong), sample.group).mean()) - promise.limit
    excess = (sample.strong - sample.small) * ~strong - promise.limit * sample.strong
    return float(mean_of_groups(excess, sample.group).mean())


def routed(sample: Sample, policy: Thresholds) -> Bools:
    """True where the policy sends the prompt to strong."""
    return escalates(sample.complexity, sample.gain, sample.novelty, policy)


def failures(sample: Sample, strong: Bools) -> Bools:
    """Prompts sent to small that small fails and strong does not."""
    failed: Bools = ~strong & (sample.small < 0.5) & (sample.strong >= 0.5)
    return failed


def mean_of_groups(values: Floats, group: Ints) -> Floats:
    """Mean of each group, groups in ascending order."""
    _, member = np.unique(group, return_inverse=True)
    mean: Floats = np.bincount(member, values) / np.bincount(member)
    return mean


def worst_of_groups(values: Bools, group: Ints) -> Bools:
    """True for each group with a true member."""
    _, member = np.unique(group, return_inverse=True)
    worst: Bools = np.bincount(member, values) > 0
    return worst
