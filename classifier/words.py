"""The word table: all that the words and word pairs of a prompt add to its features, by one look-up a word.

Every word has a row: its own where the artifact or a word list knows it, or else the row of its kind. Two matrix products
sum the columns of a prompt's rows: by weight, and once for each time that the word occurs.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.artifact import ArtifactError, Contents
from classifier.lexicons import LEXICONS

Floats = npt.NDArray[np.float32]

RARITY_FEATURES = (
    "rare words, mean",
    "rare words, ninth decile",
    "unknown words, share",
    "rare words, median",
    "very rare words, share",
)
# What a prompt's words and word pairs say of success and of gain: a linear model of them.
WORD_SCORES = ("familiar words", "familiar words' gain")

# Characters from which a word is long.
_LONG = 9
# Rarity from which a word is very rare: beyond about the 15,000th of English.
_VERY_RARE = np.float32(0.93)
# Stands for the rarity of a word that has none, such as a number; it sorts behind all others.
_NO_RARITY = 2.0
# The rarity features of a prompt without a word that has one: those of a typical prompt.
_TYPICAL_RARITY = (0.75, 0.9, 0.0, 0.75, 0.05)
# Keeps the mean vector of a one-word prompt short: one word says little.
_PRIOR_WEIGHT = 0.3

# A word's row is a run of bytes that holds three parts: floats (the rarity that is sorted and summed, the weight, the
# term's part of each score and its square), marks of 0 or 1 (first these, then one a word list), and the vector.
_RARITY, _WEIGHT = range(2)
_SCORES = slice(2, 2 + len(WORD_SCORES))
_SQUARE = _SCORES.stop
_FLOAT_BYTES = 4 * (_SQUARE + 1)
_HAS_RARITY, _IS_COMMON, _IS_USUAL, _IS_LONG, _IS_NUMBER, _IS_TERM = range(6)
_LEXICONS = slice(6, 6 + len(LEXICONS))
_VECTOR = _LEXICONS.stop
# Rows begin where the processor's cache lines begin.
_LINE_BYTES = 64

# Makes one number of the rows of two neighbouring words.
_PAIR_KEY = 2**32
# A pair's row: its part of each score and its square, and 1 for a term.
_PAIR_IS_TERM = len(WORD_SCORES) + 1

# An unknown word has the row of its kind, one of the first: number, Latin or other, each short or long. Such words are:
_KINDS = ("0", "0" * _LONG, "a", "a" * _LONG, "ñ", "ñ" * _LONG)


class _Rows(dict[str, int]):
    """The row of each known word; of another, that of its kind."""

    def __missing__(self, word: str) -> int:
        return (0 if word[0] == "0" else 2 if word.isascii() else 4) + (len(word) >= _LONG)


class WordSums(NamedTuple):
    """What the words of a prompt add to its features.

    Attributes:
        n_long: long words.
        n_numbers: numbers.
        lexicons: words and word pairs of each word list, shape (lexicons,).
        rarity: in the order of ``RARITY_FEATURES``.
        topic: weighted mean vector of the known words, shape (dimensions,).
        scores: in the order of ``WORD_SCORES``.
        known: share of the words that are terms, and of the pairs.
    """

    n_long: float
    n_numbers: float
    lexicons: Floats
    rarity: tuple[float, ...]
    topic: Floats
    scores: list[float]
    known: tuple[float, float]


class WordTable:
    """Vectors, weights, rarity, word lists and term weights by word; word lists and term weights by word pair."""

    def __init__(self, contents: Contents) -> None:
        """Take over the words of an artifact; its terms only where it has been fitted.

        Raises:
            ArtifactError: an array is missing or does not have a row for each word.
        """
        weight = contents.floats("word_weight", (len(contents.word_list("words")),))
        terms = contents.words.get("terms", ())
        # Frequent words first: what one prompt needs then lies close together in memory.
        order = np.argsort(weight, kind="stable")
        words = "\n".join([contents.words["words"][place] for place in order]).split("\n")
        if len({*words} - {""}) != len(words):
            raise ArtifactError("words.txt has an empty word or one twice; fit again")
        listed = [word for entries in LEXICONS.values() for entry in entries for word in entry.split(" ")]
        known = dict.fromkeys((*words, *listed, *(word for term in terms for word in term.split(" "))))
        rows = _Rows({word: row for row, word in enumerate(known, len(_KINDS))})
        own = slice(len(_KINDS), len(_KINDS) + len(words))
        vectors = _vectors(contents, len(words))
        self.dimensions = vectors.shape[1]
        self._scale = contents.floats("word_scale", (self.dimensions,))
        self._rows = _empty_rows(len(_KINDS) + len(known), _FLOAT_BYTES + _VECTOR + self.dimensions)
        floats, marks = self._parts(self._rows)
        floats[own, _WEIGHT] = weight[order]
        floats[:, _RARITY] = [1 if word.isascii() and word[0] != "0" else _NO_RARITY for word in (*_KINDS, *known)]
        floats[own, _RARITY] = contents.floats("word_rarity", (len(words),))[order]
        marks[:, _HAS_RARITY] = floats[:, _RARITY] < _NO_RARITY
        marks[:, _IS_COMMON] = floats[:, _RARITY] < 1
        marks[:, _IS_USUAL] = floats[:, _RARITY] < _VERY_RARE
        marks[:, _IS_LONG] = [len(word) >= _LONG for word in (*_KINDS, *known)]
        marks[:, _IS_NUMBER] = [word[0] == "0" for word in (*_KINDS, *known)]
        marks[own, _VECTOR:] = vectors[order]
        self._row_of = rows.__getitem__
        self._take_terms(contents, terms)

    def _take_terms(self, contents: Contents, terms: tuple[str, ...]) -> None:
        """Fill in what words and pairs say of success and gain, and the word lists they are on."""
        n_scores = len(WORD_SCORES)
        idf = contents.floats("term_idf", (len(terms),)) if terms else np.zeros(0, dtype=np.float32)
        weights = contents.floats("term_weights", (len(terms), n_scores)) if terms else np.zeros((0, n_scores))
        self._bias = contents.floats("term_bias", (n_scores,)).tolist() if terms else [0.0] * n_scores
        worth = np.column_stack([idf[:, None] * weights, idf**2]).astype(np.float32)
        is_pair = np.array([" " in term for term in terms], dtype=np.bool_)
        rows = [self._row_of(term) for term in terms if " " not in term]
        floats, marks = self._parts(self._rows)
        marks[rows, _IS_TERM] = 1
        floats[rows, _SCORES.start :] = worth[~is_pair]
        for column, entries in enumerate(LEXICONS.values(), _LEXICONS.start):
            marks[[self._row_of(entry) for entry in entries if " " not in entry], column] = 1
        listed = {
            self._key(entry): number
            for number, entries in enumerate(LEXICONS.values(), 1)
            for entry in entries
            if " " in entry
        }
        keys = np.array([self._key(term) for term in terms if " " in term], dtype=np.int64)
        # The last key is no pair's: searching past the end finds it.
        self._pair_keys = np.unique(np.concatenate((keys, [*listed], [np.iinfo(np.int64).max])).astype(np.int64))
        self._pair_rows = np.zeros((len(self._pair_keys), _PAIR_IS_TERM + 1), dtype=np.float32)
        found = self._pair_keys.searchsorted(keys)
        self._pair_rows[found, :_PAIR_IS_TERM] = worth[is_pair]
        self._pair_rows[found, _PAIR_IS_TERM] = 1
        self._pair_list = np.zeros(len(self._pair_keys), dtype=np.intp)
        self._pair_list[self._pair_keys.searchsorted([*listed])] = [*listed.values()]

    def _key(self, pair: str) -> int:
        """The number of a pair of known words."""
        first, second = map(self._row_of, pair.split(" "))
        return first * _PAIR_KEY + second

    def sums(self, words: list[str]) -> WordSums:
        """What the words of a prompt and their pairs add up to."""
        n_words = len(words)
        rows = np.fromiter(map(self._row_of, words), np.int64, n_words)
        floats, marks = self._parts(self._rows.take(rows, axis=0))
        ways = np.ones((2, n_words), dtype=np.float32)
        ways[0] = floats[:, _WEIGHT]
        weighted, counted = ways.dot(marks.astype(np.float32))
        rarity, weight, *scores, square = ways[1].dot(floats).tolist()
        n_rated, n_common, n_usual, n_long, n_numbers, n_terms = counted[: _LEXICONS.start].tolist()
        pairs = self._known_pairs(rows)
        *pair_scores, pair_square, n_pairs = self._pair_rows.take(pairs, axis=0).sum(axis=0).tolist()
        pair_lists = np.bincount(self._pair_list.take(pairs), minlength=1 + len(LEXICONS))
        norm = sqrt(square + pair_square) or 1.0
        return WordSums(
            n_long,
            n_numbers,
            counted[_LEXICONS] + pair_lists[1:],
            _rarity(floats[:, _RARITY], rarity - _NO_RARITY * (n_words - n_rated), n_rated, n_common, n_usual),
            weighted[_VECTOR:] / (weight + _PRIOR_WEIGHT) * self._scale,
            [
                (own + of_pairs) / norm + bias
                for own, of_pairs, bias in zip(scores, pair_scores, self._bias, strict=True)
            ],
            (n_terms / max(n_words, 1), n_pairs / max(n_words - 1, 1)),
        )

    def _parts(self, rows: npt.NDArray[np.uint8]) -> tuple[Floats, npt.NDArray[np.int8]]:
        """The floats of rows, and their marks and vectors."""
        stop = _FLOAT_BYTES + _VECTOR + self.dimensions
        return rows[:, :_FLOAT_BYTES].view(np.float32), rows[:, _FLOAT_BYTES:stop].view(np.int8)

    def _known_pairs(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        """The known ones among the pairs of neighbouring words, of which ``rows`` are the rows in order."""
        keys = rows[:-1] * _PAIR_KEY
        keys += rows[1:]
        keys.sort()  # in order they are found four times as fast
        found = self._pair_keys.searchsorted(keys)
        known: npt.NDArray[np.intp] = found[self._pair_keys.take(found) == keys]
        return known


def _rarity(rarity: Floats, total: float, n_rated: float, n_common: float, n_usual: float) -> tuple[float, ...]:
    """The rarity features; those of a typical prompt where no word has a rarity."""
    if not n_rated:
        return _TYPICAL_RARITY
    ranked = np.sort(rarity)
    return (
        total / n_rated,
        ranked.item(int(0.9 * n_rated)),
        1 - n_common / n_rated,
        ranked.item(int(n_rated) // 2),
        1 - n_usual / n_rated,
    )


def _empty_rows(n_rows: int, n_bytes: int) -> npt.NDArray[np.uint8]:
    """Rows of zeros, each at the beginning of a cache line."""
    width = -(-n_bytes // _LINE_BYTES) * _LINE_BYTES
    room = np.zeros(n_rows * width + _LINE_BYTES, dtype=np.uint8)
    start = -room.ctypes.data % _LINE_BYTES
    return room[start : start + n_rows * width].reshape(n_rows, width)


def _vectors(contents: Contents, n_words: int) -> npt.NDArray[np.int8]:
    """The words' vectors, one byte a dimension."""
    vectors = contents.arrays.get("word_vectors")
    if vectors is None or vectors.dtype != np.int8 or vectors.ndim != 2 or len(vectors) != n_words:
        raise ArtifactError(f"word_vectors.npy is not one int8 row for each of {n_words} words; fit again")
    return vectors
