"""Arrays to scores: the fitted model as it serves, numpy alone.

Every head is linear in the same features: weighted words and word pairs, and the hand features, standardised.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from classifier.artifact import ArtifactError, Contents
from classifier.features import FEATURES, hand_features
from classifier.text import Reading

Floats = npt.NDArray[np.float32]

# Words of a prompt whose pairs are looked up: the question of a long prompt is at its ends, and pairs cost most.
PAIR_WORDS = 400

HEADS = ("small", "strong")

# Hand features are scaled to a standard deviation of 0.1 and cut at four of them: beyond lies no training data.
HAND_LIMIT = 0.4


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says before it is put into words.

    Attributes:
        small: calibrated probability that the small tier is right.
        strong: calibrated probability that the strong tier is right.
        novelty: quantile in [0, 1] of the distance to the training prompts.
        task: index of the likeliest task.
        output_tokens: typical length of an answer in tokens.
        parts: log-odds of a small failure by feature, when asked for.
    """

    small: float
    strong: float
    novelty: float
    task: int
    output_tokens: float
    parts: Mapping[str, float]


class Model:
    """A fitted model, ready to score readings."""

    def __init__(self, contents: Contents) -> None:
        """Take over an artifact's payload.

        Raises:
            ArtifactError: an array is missing or its shape does not fit the others.
        """
        self._contents = contents
        self._terms = {term: index for index, term in enumerate(self._words("terms"))}
        n_terms, n_hand = len(self._terms), len(FEATURES)
        self._idf = self._array("idf", (n_terms,))
        self._term_weights = self._array("term_weights", (n_terms, None))
        n_outputs = self._term_weights.shape[1]
        self._hand_mean = self._array("hand_mean", (n_hand,))
        self._hand_scale = self._array("hand_scale", (n_hand,))
        self._hand_weights = self._array("hand_weights", (n_hand, n_outputs))
        self._intercepts = self._array("intercepts", (n_outputs,))
        self._calibration = self._array("calibration", (len(HEADS), 2))
        self._novelty_quantiles = self._array("novelty_quantiles", (None,))

    def scores(self, reading: Reading, *, explain: bool = False) -> Scores:
        """Score one reading."""
        indices, values, unknown_share = self._weigh(reading)
        hand = np.clip((hand_features(reading) - self._hand_mean) * self._hand_scale, -HAND_LIMIT, HAND_LIMIT)
        raw = self._intercepts + hand @ self._hand_weights
        if len(indices):
            raw = raw + values @ self._term_weights[indices]
        odds = self._calibration[:, 0] * raw[:2] + self._calibration[:, 1]
        probability = 1 / (1 + np.exp(-odds.astype(np.float64)))
        novelty = np.searchsorted(self._novelty_quantiles, unknown_share) / len(self._novelty_quantiles)
        return Scores(
            small=float(probability[0]),
            strong=float(probability[1]),
            novelty=float(novelty),
            task=int(np.argmax(raw[3:])),
            output_tokens=float(np.exp(min(raw[2], 10))),
            parts=self._parts(indices, values, hand) if explain else {},
        )

    def _weigh(self, reading: Reading) -> tuple[list[int], Floats, float]:
        """Known terms of a reading, their unit-length weights, and the share of its words that is unknown."""
        known = self._terms.get
        counts: dict[int, int] = {}
        n_known = 0
        for word, count in reading.counts.items():
            index = known(word)
            if index is not None:
                counts[index] = count
                n_known += 1
        for pair in pairs(reading.words):
            index = known(pair)
            if index is not None:
                counts[index] = counts.get(index, 0) + 1
        indices = list(counts)
        values = self._idf[indices] * np.array([1 + log(count) for count in counts.values()], dtype=np.float32)
        norm = float(np.sqrt(values @ values)) or 1.0
        return indices, values / norm, 1 - n_known / max(len(reading.counts), 1)

    def _parts(self, indices: list[int], values: Floats, hand: Floats) -> dict[str, float]:
        """Log-odds of a small failure by feature."""
        slope = -float(self._calibration[0, 0])
        parts = {name: slope * float(part) for name, part in zip(FEATURES, hand * self._hand_weights[:, 0], strict=True)}
        terms = self._words("terms")
        for index, value in zip(indices, values, strict=True):
            parts[f"word: {terms[index]}"] = slope * float(value * self._term_weights[index, 0])
        return parts

    def _words(self, name: str) -> tuple[str, ...]:
        """A word list of the artifact."""
        if name not in self._contents.words:
            raise ArtifactError(f"{name}.txt is missing; fit again with this release's training")
        return self._contents.words[name]

    def _array(self, name: str, shape: tuple[int | None, ...]) -> Floats:
        """An array of the artifact as float32, its shape checked (None: any length)."""
        array = self._contents.arrays.get(name)
        if array is None:
            raise ArtifactError(f"{name}.npy is missing; fit again with this release's training")
        fits = len(shape) == array.ndim and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
        if not fits:
            raise ArtifactError(f"{name}.npy has shape {array.shape}, expected {shape}; fit again with this release's training")
        return array.astype(np.float32)


def pairs(words: list[str]) -> list[str]:
    """Neighbouring words joined by a space, of the first and last words of a long text."""
    if len(words) > PAIR_WORDS:
        words = words[: PAIR_WORDS // 2] + words[-PAIR_WORDS // 2 :]
    return [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]
