"""Arrays to scores: the fitted model as it serves, numpy alone.

Two judges and a gate. The *general* judge (two linear heads and monotone trees over hand features, rarity
and topic) is
what holds on prompts from sources never seen. The *familiar* judge (trees over the same and the prompt's
words and word
pairs) is better where prompts resemble the training data. The gate weighs them by how unfamiliar the prompt
is.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

from classifier.artifact import Array, ArtifactError, Contents
from classifier.features import FEATURES, hand_features
from classifier.text import Reading
from classifier.trees import Trees
from classifier.words import RARITY_FEATURES, WordTable

Floats = npt.NDArray[np.float32]

# Words of a prompt whose pairs are looked up: the question of a long prompt is at its ends, and pairs cost
# most.
PAIR_WORDS = 160
# Standard deviations at which a standardised feature is cut: beyond lies no training data.
LIMIT = 4.0
# Share of the everyday head in the general judge, and the most it can have when a prompt is surely an
# everyday one;
# the rest is divided between the other linear head and the trees. Chosen by leave-one-source-out
# (training/LOG.md).
EVERYDAY_SHARE, EVERYDAY_MOST = 0.35, 0.9
# Slope and bias that turn the log-odds of being an everyday prompt into the way from the least to the most
# share.
EVERYDAY_TRUST = (3.0, -5.0)
# Slope and bias that turn the log-odds of being unfamiliar into the doubt in the familiar judge's gain: which
# side gains
# is a matter of the source, and a wrong source misleads more than a wrong difficulty (training/LOG.md).
GAIN_DOUBT = (1.0, 1.0)
# Heads of the trees, and inputs that the words add to the dense features.
TREE_HEADS = ("general success", "familiar success", "familiar gain")
WORD_SCORES = ("familiar words", "familiar words' gain")
# What only the familiar gain may look at: options say nothing of difficulty that survives another wrapping.
WRAPPER = ("options",)
# What the gate between the judges looks at, besides the distance from the training data.
KNOWN = ("known words, share", "known pairs, share")
OPTIONS = -len(KNOWN) - len(WRAPPER)
"""Where the number of options stands among the features."""
# Columns of the linear heads before the tasks.
LINEAR_HEADS = (
    "general success",
    "everyday success",
    "everyday likeness",
    "log output tokens",
    "closed answer",
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """A prompt as numbers.

    Attributes:
        dense: hand features, rarity features and topic vector.
        terms: indices of the known words and pairs.
        term_values: their weights, of unit length.
        known_words: share of the prompt's words the vocabulary has.
        known_pairs: share of its pairs.
    """

    dense: Floats
    terms: npt.NDArray[np.intp]
    term_values: Floats
    known_words: float
    known_pairs: float


@dataclass(frozen=True, slots=True)
class Scores:
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


class Model:
    """A fitted model, ready to score readings."""

    def __init__(self, contents: Contents) -> None:
        """Take over an artifact's payload.

        Raises:
            ArtifactError: an array is missing or its shape does not fit the others.
        """
        self._contents = contents
        self.words = word_table(contents)
        self._terms = {term: index for index, term in enumerate(_words(contents, "terms"))}
        n_dense = len(FEATURES) + len(RARITY_FEATURES) + self.words.vectors.shape[1]
        self._idf = _floats(contents, "term_idf", (len(self._terms),))
        self._term_weights = _floats(contents, "term_weights", (len(self._terms), len(WORD_SCORES)))
        self._term_bias = _floats(contents, "term_bias", (len(WORD_SCORES),))
        self._mean = _floats(contents, "dense_mean", (n_dense,))
        self._scale = _floats(contents, "dense_scale", (n_dense,))
        self._linear = _floats(contents, "linear_weights", (n_dense, None))
        self._linear_bias = _floats(contents, "linear_bias", (self._linear.shape[1],))
        self._centres = _floats(contents, "centres", (None, n_dense))
        self._centre_norms = (self._centres**2).sum(axis=1)
        self._gate = _floats(contents, "gate", (4,))
        self._novelty_quantiles: list[float] = _floats(contents, "novelty_quantiles", (None,)).tolist()
        self._blend = _floats(contents, "blend", (5,))
        self._trees = _trees(contents)
        self._names = input_names(self.words.vectors.shape[1])
        self.feature_names = feature_names(self.words.vectors.shape[1])

    def inputs(self, reading: Reading) -> Inputs:
        """The numbers the judges see of one reading."""
        return read_inputs(reading, self.words, self._terms, self._idf)

    def scores(self, reading: Reading, *, explain: bool = False) -> Scores:
        """Score one reading."""
        return self.scores_of(self.features(reading), explain=explain)

    def scores_of(self, x: Floats, *, explain: bool = False) -> Scores:
        """Score the numbers of a reading as :meth:`features` gives them, those that a ledger has kept among them."""
        z = self._standardised(x[: len(self._mean)])
        linear = (z @ self._linear + self._linear_bias).tolist()
        general, familiar, familiar_gain = self._trees.scores(x).tolist()
        unfamiliar = self._unfamiliar(x, z)
        everyday = _everyday_share(linear[2])
        general_success = (1 - everyday) * (linear[0] + general) / 2 + everyday * linear[1]
        success = unfamiliar * general_success + (1 - unfamiliar) * familiar
        slope, bias, advantage, gain_slope, gain_bias = self._blend.tolist()
        odds = slope * success + bias
        doubt = _sigmoid(GAIN_DOUBT[0] * _logit(min(max(unfamiliar, 0.001), 0.999)) + GAIN_DOUBT[1])
        gain = (1 - doubt) * familiar_gain + doubt * _expected_gain(success, advantage)
        return Scores(
            complexity=_sigmoid(odds),
            gain=min(1.0, max(-1.0, gain_slope * gain + gain_bias)),
            novelty=bisect_left(self._novelty_quantiles, unfamiliar) / len(self._novelty_quantiles),
            task=max(range(len(linear) - len(LINEAR_HEADS)), key=linear[len(LINEAR_HEADS) :].__getitem__),
            closed=_sigmoid(linear[4]),
            output_tokens=exp(min(max(linear[3], 0.0), 9.0)),
            features=x,
            parts=self._parts(x, z, unfamiliar, everyday) if explain else {},
        )

    def features(self, reading: Reading) -> Floats:
        """The numbers judged of one reading, in the order of :func:`feature_names`, float32, read-only."""
        return self._features(reading, self.inputs(reading))

    def _features(self, reading: Reading, inputs: Inputs) -> Floats:
        """The numbers judged: dense features, word scores, number of options, and how much is known."""
        word_scores = inputs.term_values @ self._term_weights.take(inputs.terms, axis=0) + self._term_bias
        rest = np.array([reading.n_options, inputs.known_words, inputs.known_pairs], dtype=np.float32)
        features = np.concatenate((inputs.dense, word_scores, rest))
        features.flags.writeable = False
        return features

    def _standardised(self, dense: Floats) -> Floats:
        """Dense features in standard deviations from the training mean, cut at ``LIMIT``."""
        z: Floats = np.maximum(np.minimum((dense - self._mean) * self._scale, LIMIT), -LIMIT)
        return z

    def unfamiliar(self, reading: Reading) -> float:
        """Probability that the prompt comes from a source the training data does not have."""
        x = self.features(reading)
        return self._unfamiliar(x, self._standardised(x[: len(self._mean)]))

    def _unfamiliar(self, x: Floats, z: Floats) -> float:
        """Probability that the prompt comes from a source the training data does not have."""
        distance = sqrt(max(float((self._centre_norms - 2 * (self._centres @ z)).min() + z @ z), 0.0))
        bias, words, pairs_, far = self._gate.tolist()
        known_words, known_pairs = x[-len(KNOWN) :].tolist()
        return _sigmoid(bias + words * known_words + pairs_ * known_pairs + far * distance)

    def _parts(self, x: Floats, z: Floats, unfamiliar: float, everyday: float) -> dict[str, float]:
        """Log-odds of complexity by name; their sum is the log-odds of complexity."""
        slope, bias = self._blend[:2].tolist()
        general, familiar = slope * unfamiliar, slope * (1 - unfamiliar)
        by_trees = general * (1 - everyday) / 2
        shares = np.array([(1 - everyday) / 2, everyday])
        weights = np.zeros(len(self._names), dtype=np.float64)
        weights[: len(z)] += general * z * (self._linear[:, :2] @ shares)
        weights += by_trees * self._trees.parts(x, 0, len(weights)) + familiar * self._trees.parts(x, 1, len(weights))
        start = bias + general * float(self._linear_bias[:2] @ shares)
        start += by_trees * self._trees.root(0) + familiar * self._trees.root(1)
        parts = {"starting point": start}
        for name, weight in zip(self._names, weights.tolist(), strict=True):
            parts[name] = parts.get(name, 0.0) + weight
        return parts


def read_inputs(
    reading: Reading, words: WordTable, index_of: Mapping[str, int], idf: Floats, *, dense: bool = True
) -> Inputs:
    """The numbers the judges see of a reading; one implementation for training and serving."""
    terms: list[int] = []
    counts: list[int] = []
    for word, count in reading.counts.items():
        index = index_of.get(word)
        if index is not None:
            terms.append(index)
            counts.append(count)
    n_words = len(terms)
    found = pairs(reading.words)
    terms += [index for index in map(index_of.get, found) if index is not None]
    indices = np.array(terms, dtype=np.intp)
    values = idf.take(indices)
    values[:n_words] *= 1 + np.log(np.array(counts, dtype=np.float32))
    norm = sqrt(float(values @ values)) or 1.0
    known_words = n_words / max(len(reading.counts), 1)
    known_pairs = (len(terms) - n_words) / max(len(found), 1)
    features = dense_features(reading, words) if dense else np.empty(0, dtype=np.float32)
    return Inputs(features, indices, values / norm, known_words, known_pairs)


def dense_features(reading: Reading, words: WordTable) -> Floats:
    """Hand features, rarity features and topic vector; one implementation for training and serving."""
    return np.concatenate((hand_features(reading), words.features(reading)))


def input_names(dimensions: int) -> tuple[str, ...]:
    """What each input of the trees is called; the dimensions of the topic vector go by one name."""
    return (*FEATURES, *RARITY_FEATURES, *("topic",) * dimensions, *WORD_SCORES, *WRAPPER)


def feature_names(dimensions: int) -> tuple[str, ...]:
    """What each number judged is called, one name each, for a word table of so many ``dimensions``."""
    topic = (f"topic {number}" for number in range(1, dimensions + 1))
    return (*FEATURES, *RARITY_FEATURES, *topic, *WORD_SCORES, *WRAPPER, *KNOWN)


def pairs(words: list[str]) -> list[str]:
    """Different neighbouring words joined by a space, of the first and last words of a long text."""
    if len(words) > PAIR_WORDS:
        words = words[: PAIR_WORDS // 2] + words[-PAIR_WORDS // 2 :]
    return list(dict.fromkeys(map(" ".join, pairwise(words))))


def word_table(contents: Contents) -> WordTable:
    """The word table of an artifact."""
    words = _words(contents, "words")
    vectors = contents.arrays.get("word_vectors")
    if vectors is None or vectors.dtype != np.int8 or vectors.shape[:1] != (len(words),):
        raise ArtifactError(f"word_vectors.npy is not one int8 row for each of {len(words)} words; fit again")
    return WordTable(
        {word: row for row, word in enumerate(words)},
        vectors,
        _floats(contents, "word_scale", (vectors.shape[1],)),
        _floats(contents, "word_weight", (len(words),)),
        _floats(contents, "word_rarity", (len(words),)),
    )


def _trees(contents: Contents) -> Trees:
    """The trees of an artifact."""
    threshold = _floats(contents, "tree_threshold", (None, None))
    return Trees(
        _floats(contents, "tree_feature", threshold.shape).astype(np.int64),
        threshold,
        _floats(contents, "tree_value", (threshold.shape[0], 2 * threshold.shape[1] + 1)),
        _floats(contents, "tree_starts", (len(TREE_HEADS),)).astype(np.int64),
        _floats(contents, "tree_base", (len(TREE_HEADS),)),
    )


def _expected_gain(success: float, advantage: float) -> float:
    """Gain of a strong model that is ``advantage`` log-odds better than the small one.

    Source: the Rasch model; the advantage is measured on the training data.
    """
    small = min(max(success, 0.02), 0.98)
    return _sigmoid(_logit(small) + advantage) - small


def _everyday_share(likeness: float) -> float:
    """Share of the everyday head in the general judge, by the log-odds of being an everyday prompt."""
    trust = _sigmoid(EVERYDAY_TRUST[0] * likeness + EVERYDAY_TRUST[1])
    return EVERYDAY_SHARE + (EVERYDAY_MOST - EVERYDAY_SHARE) * trust


def _sigmoid(odds: float) -> float:
    """Log-odds to probability."""
    return 1 / (1 + exp(-min(max(odds, -30.0), 30.0)))


def _logit(probability: float) -> float:
    """Probability to log-odds."""
    return log(probability / (1 - probability))


def _words(contents: Contents, name: str) -> tuple[str, ...]:
    """A word list of the artifact."""
    if name not in contents.words:
        raise ArtifactError(f"{name}.txt is missing; fit again with this release's training")
    return contents.words[name]


def _floats(contents: Contents, name: str, shape: tuple[int | None, ...]) -> Floats:
    """An array of the artifact as float32, its shape checked (None: any length)."""
    array: Array | None = contents.arrays.get(name)
    if array is None:
        raise ArtifactError(f"{name}.npy is missing; fit again with this release's training")
    fits = len(shape) == array.ndim and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        raise ArtifactError(
            f"{name}.npy has shape {array.shape}, expected {shape}; fit again with this release's training"
        )
    return array.astype(np.float32)
