"""Arrays to scores: the fitted model as it serves, numpy alone.

A prompt that brings material along is judged by the numbers of its request, and by a small share of its own: where something is
set apart in it that asks, and the rest is neither the statement of a problem nor what is asked itself.

Two judges and a gate. The *general* judge (linear heads over hand features, rarity and topic, for the gain trees as well, taught by
judged prompts as much as by recorded ones) is what holds on prompts from sources never seen; everyday prompts have heads of their
own in it. The *familiar* judge (trees over the same and the prompt's words and word pairs) is better where prompts resemble the
training data. The gate weighs them by how unfamiliar the prompt is.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import copysign, exp, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.artifact import ArtifactError, Contents
from classifier.features import FEATURES, KNOWN, SETS_TASK, feature_names, features, shown_names
from classifier.odds import log_odds, sigmoid
from classifier.text import Reading
from classifier.trees import Trees
from classifier.words import RARITY_FEATURES, WordTable

Floats = npt.NDArray[np.float32]

# Standard deviations at which a standardised feature is cut: beyond lies no training data.
LIMIT = 4.0
# The most that the everyday heads can have of the general judge, when a prompt is surely an everyday one; the rest is
# the other linear head's. Chosen by leave-one-source-out (training/LOG.md).
EVERYDAY_MOST = 0.9
# Slope and bias that turn the log-odds of being an everyday prompt into the share of that.
EVERYDAY_TRUST = (3.0, -1.0)
# How far an everyday prompt counts as unfamiliar, however much of it is known: recorded sources are none of its kind.
EVERYDAY_UNFAMILIAR = 0.5
# The least that the general gain owes to the success alone: what judged prompts of equal success gain.
TYPICAL_SHARE = 0.35
# Slope and bias that turn the log-odds of being unfamiliar into the doubt in the familiar judge's gain: which side gains is a
# matter of the source, and a wrong source misleads more than a wrong difficulty (training/LOG.md).
GAIN_DOUBT = (1.0, 0.0)
# Share of the whole prompt in the numbers of one that brings material along: prompts that ask the same of different
# material are told apart by it alone.
WHOLE_SHARE = np.float32(0.15)
# Log-odds from which a turn under instructions is taken for their material: to overlook what it asks is the worse mistake.
ONLY_MATERIAL = 1.0
# Heads of the trees.
TREE_HEADS = ("general gain", "everyday success", "familiar success", "familiar gain")
# Columns of the linear heads before the tasks.
LINEAR_HEADS = (
    "general success",
    "everyday success",
    "everyday likeness",
    "log output tokens",
    "closed answer",
    "general gain",
)


class Scores(NamedTuple):
    """What the model says before it is put into words.

    Attributes:
        complexity: calibrated probability that the small tier is not good enough.
        gain: P(strong is right) - P(small is right), in [-1, 1].
        novelty: quantile in [0, 1] of the unfamiliarity among prompts like the training data.
        task: index of the likeliest task.
        closed: probability that the answer is a number, an option or a label.
        output_tokens: typical length of an answer in tokens.
        features: the numbers that were judged, in the order of :func:`feature_names`.
        parts: log-odds of complexity by feature, when asked for; they sum to its log-odds.
    """

    complexity: float
    gain: float
    novelty: float
    task: int
    closed: float
    output_tokens: float
    features: Floats
    parts: Mapping[str, float]


class _MaterialHead(NamedTuple):
    """What says whether a text is material for another one that asks.

    Weights of either's standardised numbers, and of the log-odds by which the words of the other one set a task.
    """

    text: Floats
    asked: Floats
    task: float
    bias: float


class Instructions(NamedTuple):
    """What is known of instructions, whatever turn comes under them.

    Attributes:
        numbers: as of any reading.
        log_odds: what they add to those of a turn's being only material.
    """

    numbers: Floats
    log_odds: float


class Model:
    """A fitted model, ready to score readings."""

    def __init__(self, contents: Contents) -> None:
        """Take over an artifact's payload.

        Raises:
            ArtifactError: an array is missing or its shape does not fit the others.
        """
        self._words = WordTable(contents)
        self.feature_names = feature_names(self._words.dimensions)
        self.shown_names = shown_names(self._words.dimensions)
        n_dense = len(FEATURES) + len(RARITY_FEATURES) + self._words.dimensions
        self._mean = contents.floats("dense_mean", (n_dense,))
        self._scale = contents.floats("dense_scale", (n_dense,))
        self._limit = np.full(n_dense, LIMIT, dtype=np.float32)
        self._least = -self._limit
        self._linear = contents.floats("linear_weights", (n_dense, None))
        self._n_linear = self._linear.shape[1]
        self._linear_bias = contents.floats("linear_bias", (self._n_linear,))
        centres = contents.floats("centres", (None, n_dense))
        # squared distance to a centre, less the prompt's own square: one more linear head
        self._heads = np.concatenate((self._linear.T, -2 * centres))
        self._head_bias = np.concatenate((self._linear_bias, (centres**2).sum(axis=1)))
        self._apart, self._turn = (_material_head(contents, name, n_dense) for name in ("material", "material_turn"))
        self._gate: list[float] = contents.floats("gate", (4,)).tolist()
        self._novelty_quantiles: list[float] = contents.floats("novelty_quantiles", (None,)).tolist()
        self._blend: list[float] = contents.floats("blend", (4,)).tolist()
        self._typical_gain: list[float] = contents.floats("typical_gain", (3,)).tolist()
        self._trees = _trees(contents, len(self.feature_names))

    def features(self, reading: Reading) -> Floats:
        """The numbers judged of one reading, or mostly of its request; see :func:`classifier.features.features`."""
        x = features(reading, self._words)
        if reading.request is None:
            return x
        request = features(reading.request, self._words)
        is_material = self._as_material(self._apart, x) + self._as_asked(self._apart, request) > 0
        return about_material(request, x) if is_material else x

    def instructions(self, readings: Sequence[Reading]) -> Instructions:
        """What is to be known of instructions that a turn may bring material for.

        Args:
            readings: of them, and of what may be their task by itself.
        """
        numbers = [features(reading, self._words) for reading in readings]
        return Instructions(numbers[0], max([self._as_asked(self._turn, each) for each in numbers]))

    def by_instructions(self, turn: Floats, instructions: Instructions) -> Floats | None:
        """The numbers judged of a turn that only brings material for its instructions; None of one that asks.

        Args:
            turn: its numbers, as :meth:`features` gives them.
            instructions: as :meth:`instructions` gives them.
        """
        is_only_material = self._as_material(self._turn, turn) + instructions.log_odds > ONLY_MATERIAL
        return about_material(instructions.numbers, turn) if is_only_material else None

    def _as_material(self, head: _MaterialHead, x: Floats) -> float:
        """What a text with the numbers ``x`` adds to the log-odds of being material."""
        return float(head.text.dot(self._standardised(x)))

    def _as_asked(self, head: _MaterialHead, asked: Floats) -> float:
        """What one that may ask something of it adds."""
        return float(head.asked.dot(self._standardised(asked))) + head.task * asked.item(SETS_TASK) + head.bias

    def scores(self, reading: Reading, *, explain: bool = False) -> Scores:
        """Score one reading."""
        return self.scores_of(self.features(reading), explain=explain)

    def scores_of(self, x: Floats, *, explain: bool = False) -> Scores:
        """Score the numbers of a reading as :meth:`features` gives them, those that a ledger has kept among them."""
        z = self._standardised(x)
        heads = self._heads.dot(z) + self._head_bias
        linear = heads[: len(LINEAR_HEADS)].tolist()
        general_gain, everyday_trees, familiar, familiar_gain = self._trees.scores(x).tolist()
        unfamiliar = self._unfamiliar(x, z, heads)
        everyday = _everyday_share(linear[2])
        general_success = (1 - everyday) * linear[0] + everyday * (linear[1] + everyday_trees) / 2
        share = _either(unfamiliar, EVERYDAY_UNFAMILIAR * everyday)
        success = share * general_success + (1 - share) * familiar
        slope, bias, gain_slope, gain_bias = self._blend
        odds = slope * success + bias
        doubt = sigmoid(GAIN_DOUBT[0] * log_odds(unfamiliar, 0.001) + GAIN_DOUBT[1])
        doubt = _either(doubt, EVERYDAY_UNFAMILIAR * everyday)
        typical = everyday if everyday > TYPICAL_SHARE else TYPICAL_SHARE
        general_gain = (1 - typical) * (linear[5] + general_gain) / 2
        general_gain += typical * _typical_gain(general_success, self._typical_gain)
        gain = (1 - doubt) * familiar_gain + doubt * general_gain
        gain = gain_slope * gain + gain_bias
        return Scores(
            complexity=sigmoid(odds),
            gain=gain if -1 < gain < 1 else copysign(1.0, gain),
            novelty=bisect_left(self._novelty_quantiles, unfamiliar) / len(self._novelty_quantiles),
            task=int(heads[len(LINEAR_HEADS) : self._n_linear].argmax()),
            closed=sigmoid(linear[4]),
            output_tokens=exp(min(max(linear[3], 0.0), 9.0)),
            features=x,
            parts=self._parts(x, z, share, everyday) if explain else {},
        )

    def _standardised(self, x: Floats) -> Floats:
        """Dense features in standard deviations from the training mean, cut at ``LIMIT``."""
        z: Floats = x[: len(self._mean)] - self._mean
        z *= self._scale
        np.minimum(z, self._limit, out=z)  # an array of limits costs less than one limit
        np.maximum(z, self._least, out=z)
        return z

    def unfamiliar(self, reading: Reading) -> float:
        """Probability that the prompt comes from a source the training data does not have."""
        x = self.features(reading)
        z = self._standardised(x)
        return self._unfamiliar(x, z, self._heads.dot(z) + self._head_bias)

    def _unfamiliar(self, x: Floats, z: Floats, heads: Floats) -> float:
        """Probability that the prompt comes from a source the training data does not have."""
        distances = heads[self._n_linear :]
        distance = sqrt(max(distances.item(distances.argmin()) + float(z.dot(z)), 0.0))
        bias, words, pairs, far = self._gate
        known_words, known_pairs = x[-len(KNOWN) :].tolist()
        return sigmoid(bias + words * known_words + pairs * known_pairs + far * distance)

    def _parts(self, x: Floats, z: Floats, share: float, everyday: float) -> dict[str, float]:
        """Log-odds of complexity by name, of which the general judge has ``share``; their sum is that of complexity."""
        slope, bias = self._blend[:2]
        general, familiar = slope * share, slope * (1 - share)
        shares = [1 - everyday, everyday / 2]
        weights = np.zeros(len(self.shown_names), dtype=np.float64)
        weights[: len(z)] += general * z * (self._linear[:, :2] @ shares)
        start = bias + general * float(self._linear_bias[:2] @ shares)
        by_trees = (0.0, general * shares[1], familiar, 0.0)
        for head, share in enumerate(by_trees):
            if share:
                weights += share * self._trees.parts(x, head, len(weights))
                start += share * self._trees.root(head)
        parts = {"starting point": start}
        for name, weight in zip(self.shown_names, weights.tolist(), strict=True):
            parts[name] = parts.get(name, 0.0) + weight
        return parts


def _material_head(contents: Contents, name: str, n_dense: int) -> _MaterialHead:
    """One of the heads of an artifact that say what is material."""
    text, asked = contents.floats(f"{name}_weights", (2, n_dense))
    return _MaterialHead(text, asked, *contents.floats(f"{name}_line", (2,)).tolist())


def about_material(request: Floats, whole: Floats) -> Floats:
    """The numbers of a prompt that brings material along, of those of its request and of all of it: float32, read-only."""
    x: Floats = WHOLE_SHARE * whole + (1 - WHOLE_SHARE) * request
    x.flags.writeable = False
    return x


def _trees(contents: Contents, n_features: int) -> Trees:
    """The trees of an artifact."""
    threshold = contents.floats("tree_threshold", (None, None))
    feature = contents.floats("tree_feature", threshold.shape).astype(np.int64)
    if not 0 <= feature.min() <= feature.max() < n_features:
        raise ArtifactError(f"tree_feature.npy names features beyond the {n_features} there are; fit again")
    return Trees(
        feature,
        threshold,
        contents.floats("tree_value", (threshold.shape[0], 2 * threshold.shape[1] + 1)),
        contents.floats("tree_starts", (len(TREE_HEADS),)).astype(np.int64),
        contents.floats("tree_base", (len(TREE_HEADS),)),
    )


def _typical_gain(success: float, parabola: list[float]) -> float:
    """What judged prompts gain of which the small tier has such success; none where the parabola is below zero."""
    small = min(max(success, 0.0), 1.0)
    return max((parabola[0] * small + parabola[1]) * small + parabola[2], 0.0)


def _either(doubt: float, other: float) -> float:
    """One doubt or the other, which have nothing to do with each other."""
    return 1 - (1 - doubt) * (1 - other)


def _everyday_share(likeness: float) -> float:
    """Share of the everyday head in the general judge, by the log-odds of being an everyday prompt."""
    return EVERYDAY_MOST * sigmoid(EVERYDAY_TRUST[0] * likeness + EVERYDAY_TRUST[1])
