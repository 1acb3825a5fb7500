"""The word table: all that the words and word pairs of a prompt add to its features, by one look-up a word.

Every word has a row: its own where the artifact or a word list knows it, or else the row of its kind. A matrix product
sums the columns of a prompt's rows four ways: once a word, by its count, by the damped count of tf-idf, and by the
square of that.
"""

from collections.abc import Mapping
from itertools import count, repeat
from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.artifact import ArtifactError, Contents
from classifier.lexicons import LEXICONS
from classifier.text import MOST_CHARS

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

# Words of a prompt whose pairs are looked up: the question of a long prompt is at its ends, and pairs cost
# most.
PAIR_WORDS = 160
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
# What a word of each count counts for: as often as it occurs, once, damped as in tf-idf, and the square of that.
_COUNTS = np.arange(MOST_CHARS + 1, dtype=np.float32)
_DAMPED = 1 + np.log(np.maximum(_COUNTS, 1))
_WAYS = np.array([_COUNTS, np.ones_like(_COUNTS), _DAMPED, _DAMPED**2])
# Logarithm of one plus a count.
LOG1P = np.log1p(np.arange(MOST_CHARS + 1)).astype(np.float32)


# An unknown word has the row of its kind, one of the first: number, Latin or other, each short or long. Such words are:
_KINDS = ("0", "0" * _LONG, "a", "a" * _LONG, "ñ", "ñ" * _LONG)
_UNKNOWN = -1


class WordSums(NamedTuple):
    """What the words of a prompt add to its features.

    Attributes:
        n_different: different words.
        n_letters: their characters.
        n_long: different long words.
        most: how often the most frequent word occurs.
        n_numbers: numbers, each as often as it occurs.
        n_different_numbers: numbers that differ in length.
        longest_number: digits of the longest.
        lexicons: words of each word list, each as often as it occurs, shape (lexicons,).
        rarity: in the order of ``RARITY_FEATURES``.
        topic: weighted mean vector of the known words, shape (dimensions,).
        scores: in the order of ``WORD_SCORES``.
        known: share of the words that are terms, and of the pairs.
    """

    n_different: int
    n_letters: int
    n_long: float
    most: int
    n_numbers: float
    n_different_numbers: float
    longest_number: int
    lexicons: Floats
    rarity: tuple[float, ...]
    topic: Floats
    scores: list[float]
    known: tuple[float, float]


class WordTable:
    """Vectors, weights, rarity, word lists and term weights by word; term weights by word pair."""

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
        listed = [word for words_of in LEXICONS.values() for word in words_of.split()]
        known = dict.fromkeys((*words, *listed, *(word for term in terms for word in term.split(" "))))
        rows = {word: row for row, word in enumerate(known, len(_KINDS))}
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
        for column, words_of in enumerate(LEXICONS.values(), _LEXICONS.start):
            marks[[rows[word] for word in words_of.split()], column] = 1
        marks[own, _VECTOR:] = vectors[order]
        self._row = rows.get
        self._take_terms(contents, terms, rows)

    def _take_terms(self, contents: Contents, terms: tuple[str, ...], row_of: Mapping[str, int]) -> None:
        """Fill in what words and pairs say of success and gain."""
        n_scores = len(WORD_SCORES)
        idf = contents.floats("term_idf", (len(terms),)) if terms else np.zeros(0, dtype=np.float32)
        weights = contents.floats("term_weights", (len(terms), n_scores)) if terms else np.zeros((0, n_scores))
        self._bias = contents.floats("term_bias", (n_scores,)).tolist() if terms else [0.0] * n_scores
        worth = np.column_stack([idf[:, None] * weights, idf**2]).astype(np.float32)
        is_pair = np.array([" " in term for term in terms], dtype=np.bool_)
        rows = [row_of[term] for term in terms if " " not in term]
        floats, marks = self._parts(self._rows)
        marks[rows, _IS_TERM] = 1
        floats[rows, _SCORES.start :] = worth[~is_pair]
        pairs = np.array([[row_of[word] for word in term.split(" ")] for term in terms if " " in term], dtype=np.int64)
        pairs = pairs.reshape(-1, 2)
        keys = pairs[:, 0] * _PAIR_KEY + pairs[:, 1]
        order = np.argsort(keys)
        # The last row is no pair's: searching past the end finds it.
        self._pair_keys = np.append(keys[order], np.iinfo(np.int64).max)
        self._pair_worth = np.vstack([worth[is_pair][order], np.zeros((1, n_scores + 1), dtype=np.float32)])

    def sums(self, words: list[str]) -> WordSums:
        """What the words of a prompt and their pairs add up to."""
        first: dict[str, int] = {}
        places = np.array(list(map(first.setdefault, words, count())), dtype=np.intp)
        counts = np.bincount(places)
        firsts = counts.nonzero()[0]
        counts = counts.take(firsts)
        found = list(map(self._row, first, repeat(_UNKNOWN)))
        rows = np.array(found, dtype=np.intp)
        if _UNKNOWN in found:
            rows[rows == _UNKNOWN] = [_kind(word) for word, row in zip(first, found, strict=True) if row == _UNKNOWN]
        floats, marks = self._parts(self._rows.take(rows, axis=0))
        ways = np.empty((5, len(rows)), dtype=np.float32)
        ways[0] = floats[:, _WEIGHT]
        ways[1:] = _WAYS.take(counts, axis=1)
        weighted, by_count, once = ways[:3].dot(marks.astype(np.float32))
        floats_once, damped, squared = ways[2:].dot(floats).tolist()
        n_rated, n_common, n_usual, n_long, n_numbers, n_terms = once[: _LEXICONS.start].tolist()
        *pair_scores, pair_square, known_pairs = self._pair_sums(places, firsts, rows)
        norm = sqrt(squared[_SQUARE] + pair_square) or 1.0
        own_scores = damped[_SCORES]
        n_unrated = len(rows) - n_rated
        return WordSums(
            len(first),
            sum(map(len, first)),
            n_long,
            int(counts.max()) if words else 0,
            float(by_count[_IS_NUMBER]),
            n_numbers,
            max([len(word) for word in first if word[0] == "0"]) if n_numbers else 0,
            LOG1P.take(by_count[_LEXICONS].astype(np.intp)),
            _rarity(floats[:, _RARITY], floats_once[_RARITY] - _NO_RARITY * n_unrated, n_rated, n_common, n_usual),
            weighted[_VECTOR:] / (floats_once[_WEIGHT] + _PRIOR_WEIGHT) * self._scale,
            [(own_scores[i] + pair_scores[i]) / norm + bias for i, bias in enumerate(self._bias)],
            (n_terms / max(len(first), 1), known_pairs),
        )

    def _parts(self, rows: npt.NDArray[np.uint8]) -> tuple[Floats, npt.NDArray[np.int8]]:
        """The floats of rows, and their marks and vectors."""
        stop = _FLOAT_BYTES + _VECTOR + self.dimensions
        return rows[:, :_FLOAT_BYTES].view(np.float32), rows[:, _FLOAT_BYTES:stop].view(np.int8)

    def _pair_sums(
        self, places: npt.NDArray[np.intp], firsts: npt.NDArray[np.intp], rows: npt.NDArray[np.intp]
    ) -> list[float]:
        """What the different pairs of neighbouring words add to each score and to the square, and the share known.

        Args:
            places: for each word in order, where it first occurs.
            firsts: those places, each once.
            rows: of the words at ``firsts``.
        """
        word = np.empty(len(places), dtype=np.intp)
        word[firsts] = np.where(rows < len(_KINDS), ~firsts, rows)  # each unknown word is another
        word = word.take(_ends(places))
        keys = word[:-1] * _PAIR_KEY + word[1:]
        keys.sort()
        is_new = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
        keys = keys[is_new]
        found = self._pair_keys.searchsorted(keys)
        found = found[self._pair_keys.take(found) == keys]
        return [*self._pair_worth.take(found, axis=0).sum(axis=0).tolist(), len(found) / max(len(keys), 1)]


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


def _kind(word: str) -> int:
    """The row of an unknown word."""
    return (0 if word[0] == "0" else 2 if word.isascii() else 4) + (len(word) >= _LONG)


def _ends(places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The words whose pairs are looked up."""
    if len(places) <= PAIR_WORDS:
        return places
    return np.concatenate((places[: PAIR_WORDS // 2], places[-PAIR_WORDS // 2 :]))


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
