"""The word table: what a word means, how rare it is and how much it counts, by one look-up a word."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.text import Reading

Floats = npt.NDArray[np.float32]

RARITY_FEATURES = (
    "rare words, mean",
    "rare words, ninth decile",
    "unknown words, share",
    "rare words, median",
    "very rare words, share",
)

# Rarity from which a word is very rare: beyond about the 15,000th of English.
_VERY_RARE = 0.93
# Keeps the mean vector of a one-word prompt short: one word says little.
_PRIOR_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class WordTable:
    """Vectors, weights and rarity by word.

    Attributes:
        row_of: word to row.
        vectors: (words, dimensions), float32.
        weight: smooth inverse frequency of each word, in (0, 1].
        rarity: logarithm of each word's frequency rank, scaled to [0, 1].
    """

    row_of: dict[str, int]
    vectors: npt.NDArray[np.int8]
    scale: Floats
    weight: Floats
    rarity: Floats

    def features(self, reading: Reading) -> Floats:
        """Rarity features, then the weighted mean vector of the prompt's known words, float32."""
        rows, n_unknown = self._rows(reading)
        weight = self.weight[rows]
        mean = (weight @ self.vectors[rows]) / (float(weight.sum()) + _PRIOR_WEIGHT) * self.scale
        return np.concatenate((self._rarity(rows, n_unknown), mean))

    def _rows(self, reading: Reading) -> tuple[list[int], int]:
        """Rows of the known words, and the number of unknown Latin words."""
        row_of = self.row_of.get
        found = [row_of(word) for word in reading.counts]
        rows = [row for row in found if row is not None]
        if len(rows) == len(found):
            return rows, 0
        unknown = [word for word, row in zip(reading.counts, found, strict=True) if row is None]
        return rows, sum([word[0] != "0" and word.isascii() for word in unknown])

    def _rarity(self, rows: list[int], n_unknown: int) -> Floats:
        """The rarity features; those of a typical prompt where no word is known."""
        n_words = len(rows) + n_unknown
        if not n_words:
            return np.array([0.75, 0.9, 0.0, 0.75, 0.05], dtype=np.float32)
        rarity = np.ones(n_words, dtype=np.float32)
        rarity[: len(rows)] = self.rarity[rows]
        rarity.sort()
        n_common = int(rarity.searchsorted(1.0))
        n_usual = int(rarity.searchsorted(_VERY_RARE))
        return np.array(
            [
                rarity.mean(),
                rarity[int(0.9 * n_words)],
                1 - n_common / n_words,
                rarity[n_words // 2],
                1 - n_usual / n_words,
            ],
            dtype=np.float32,
        )
