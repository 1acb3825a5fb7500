"""The word table: all that the words and word pairs of a prompt add to its features, by one look-up each.

Every word has a row: its own where the artifact or a word list knows it, or else one that unknown words share. Known pairs
of neighbours have rows behind those of words. Three products sum the columns of a prompt's rows: by weight, and once for
each time that the word or pair occurs.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.artifact import ArtifactError, Contents
from classifier.keys import Places, pair_keys, text_keys, word_keys
from classifier.lexicons import LEXICONS
from classifier.text import VIEW_CHARS

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
# The rarity of a word that is not in the table.
_UNKNOWN_RARITY = 1.0
# Stands for the rarity of a word that has none, such as a number; it sorts behind all others.
_NO_RARITY = 2.0
# The rarity features of a prompt without a word that has one: those of a typical prompt.
_TYPICAL_RARITY = (0.75, 0.9, 0.0, 0.75, 0.05)
# Keeps the mean vector of a one-word prompt short: one word says little.
_PRIOR_WEIGHT = 0.3

# Words and pairs that say nothing, which every text is taken to have besides its own: a text of one word says little of a task.
NEUTRAL_TERMS = 12

# A row is a run of bytes that holds three parts: floats (the rarity that is sorted and summed, what its columns are summed
# by, the term's part of each score and its square, and of what is said of a task), marks of 0 or 1 (first these, then one a word list), and the vector.
_RARITY, _WEIGHT = range(2)
_SCORES = slice(2, 2 + len(WORD_SCORES))
_SQUARE, _TASK = _SCORES.stop, _SCORES.stop + 1
_FLOAT_BYTES = 4 * (_TASK + 1)
_HAS_RARITY, _IS_COMMON, _IS_USUAL, _IS_UNKNOWN, _IS_NUMBER, _IS_FOREIGN, _IS_TERM, _IS_PAIR = range(8)
_LEXICONS = slice(8, 8 + len(LEXICONS))
_VECTOR = _LEXICONS.stop
# Rows begin where a half of one of the processor's cache lines begins, so that none touches more lines than it must.
_HALF_LINE_BYTES = 32
# As many words and pairs as a prompt can have: words are a character long at least, and read in part.
_ONES = np.ones(2 * VIEW_CHARS + 2, dtype=np.float32)

# A number of one digit, as it is read.
_DIGIT = "0"


class WordSums(NamedTuple):
    """What the words of a prompt add to its features.

    Attributes:
        n_words: all words.
        n_different: different words.
        n_long: long words.
        n_chars: characters of all words.
        lexicons: words and word pairs of each word list, shape (lexicons,).
        rarity: in the order of ``RARITY_FEATURES``.
        topic: weighted mean vector of the known words, shape (dimensions,).
        scores: in the order of ``WORD_SCORES``.
        task: log-odds of setting a task, of a short text.
        known: share of the words that are terms, and of the pairs.
    """

    n_words: int
    n_different: int
    n_long: int
    n_chars: int
    lexicons: Floats
    rarity: tuple[float, ...]
    topic: Floats
    scores: list[float]
    task: float
    known: tuple[float, float]


class WordTable:
    """Vectors, weights, rarity, word lists and term weights by word; word lists and term weights by word pair.

    Terms are of two sorts, which are fitted apart: those that say something of success and gain, and those that say whether a
    short text sets a task.
    """

    def __init__(self, contents: Contents) -> None:
        """Take over the words of an artifact; its terms only where it has been fitted.

        Raises:
            ArtifactError: an array is missing or does not have a row for each word.
        """
        weight = contents.floats("word_weight", (len(contents.word_list("words")),))
        terms, task_terms = contents.words.get("terms", ()), contents.words.get("task_terms", ())
        # Frequent words first: what one prompt needs then lies close together in memory.
        order = np.argsort(weight, kind="stable")
        words = "\n".join([contents.words["words"][place] for place in order]).split("\n")
        if len({*words} - {""}) != len(words):
            raise ArtifactError("words.txt has an empty word or one twice; fit again")
        listed = [entry for entries in LEXICONS.values() for entry in entries]
        spoken = dict.fromkeys(
            (*words, _DIGIT, *(word for text in (*listed, *terms, *task_terms) for word in text.split(" ")))
        )
        pairs = sorted({text for text in (*listed, *terms, *task_terms) if " " in text})
        self._places = Places(text_keys([*spoken, *pairs]))
        vectors = _vectors(contents, len(words))
        self.dimensions = vectors.shape[1]
        self._scale = contents.floats("word_scale", (self.dimensions,))
        self._unknown = len(spoken) + len(pairs)
        self._rows = _empty_rows(self._unknown + 1, _FLOAT_BYTES + _VECTOR + self.dimensions)
        floats, marks = self._parts(self._rows)
        own = slice(len(words))
        floats[own, _WEIGHT] = weight[order]
        floats[:, _RARITY] = _NO_RARITY
        floats[: len(spoken), _RARITY] = [
            _UNKNOWN_RARITY if word.isascii() and word[0] != "0" else _NO_RARITY for word in spoken
        ]
        floats[own, _RARITY] = contents.floats("word_rarity", (len(words),))[order]
        marks[:, _HAS_RARITY] = floats[:, _RARITY] < _NO_RARITY
        marks[:, _IS_COMMON] = floats[:, _RARITY] < _UNKNOWN_RARITY
        marks[:, _IS_USUAL] = floats[:, _RARITY] < _VERY_RARE
        marks[self._unknown, _IS_UNKNOWN] = 1
        marks[: len(spoken), _IS_NUMBER] = [word[0] == "0" for word in spoken]
        marks[: len(spoken), _IS_FOREIGN] = [not word.isascii() for word in spoken]
        marks[own, _VECTOR:] = vectors[order]
        for column, entries in enumerate(LEXICONS.values(), _LEXICONS.start):
            marks[self._places.find(text_keys([*entries]))[0], column] = 1
        self._take_terms(contents, terms)
        self._take_task_terms(contents, task_terms)

    def _take_terms(self, contents: Contents, terms: tuple[str, ...]) -> None:
        """Fill in what words and pairs say of success and gain; nothing before an artifact has been fitted."""
        n_scores = len(WORD_SCORES)
        self._bias = contents.floats("term_bias", (n_scores,)).tolist() if terms else [0.0] * n_scores
        if not terms:
            return
        idf = contents.floats("term_idf", (len(terms),))
        weights = contents.floats("term_weights", (len(terms), n_scores))
        floats, marks = self._parts(self._rows)
        places = self._places.find(text_keys([*terms]))[0]
        floats[places, _SCORES.start : _TASK] = np.column_stack([idf[:, None] * weights, idf**2])
        marks[places, [_IS_PAIR if " " in term else _IS_TERM for term in terms]] = 1

    def _take_task_terms(self, contents: Contents, terms: tuple[str, ...]) -> None:
        """Fill in what words and pairs say of whether a task is set; nothing before an artifact has been fitted."""
        self._task_bias = contents.floats("task_bias", (1,)).item() if terms else 0.0
        if terms:
            weights = contents.floats("task_weights", (len(terms),))
            self._parts(self._rows)[0][self._places.find(text_keys([*terms]))[0], _TASK] = weights

    def sums(self, spaced: str, numbers: list[str]) -> WordSums:
        """What the words of a prompt and their pairs add up to.

        Args:
            spaced: the words with spaces between them.
            numbers: those of them that are numbers.
        """
        words, lengths, n_foreign, n_chars = word_keys(spaced)
        n_words = len(words)
        rows, is_unknown = self._places.find(np.concatenate((words, pair_keys(words[:-1], words[1:]))))
        rows[n_words:].sort()  # known pairs first
        rows = rows[: len(rows) - np.count_nonzero(is_unknown[n_words:])]
        floats, marks = self._parts(self._rows.take(rows, axis=0))
        columns, counts = floats.T.copy(), marks.astype(np.float32)
        ones = _ONES[: len(rows)]
        # products of all columns, of which a part is used: NumPy would first copy the part
        counted, weighted = ones.dot(counts), columns[_WEIGHT].dot(counts)[_VECTOR:]
        with np.errstate(invalid="ignore"):  # BLAS may compute with values that nobody reads, and they may be none
            rarity, weight, *scores, square, task = columns.dot(ones).tolist()
        marked = counted[: _LEXICONS.start].tolist()
        n_rated, n_common, n_usual, n_unknown, n_known_numbers, n_known_foreign, n_terms, n_pairs = marked
        # unknown words have a rarity too where they are Latin
        n_numbers = sum(map(str.isascii, numbers))
        n_new = n_unknown - (n_foreign - n_known_foreign) - (n_numbers - n_known_numbers)
        norm = sqrt(square) or 1.0
        words.sort()
        return WordSums(
            n_words,
            int(np.count_nonzero(words[1:] != words[:-1])) + (n_words > 0),
            int(np.count_nonzero(lengths >= _LONG)),
            n_chars,
            counted[_LEXICONS],
            _rarity(columns[_RARITY], rarity - _NO_RARITY * (len(rows) - n_rated), n_rated, n_new, n_common, n_usual),
            weighted * (self._scale / (weight + _PRIOR_WEIGHT)),
            [score / norm + bias for score, bias in zip(scores, self._bias, strict=True)],
            task / sqrt(max(2 * n_words - 1, 0) + NEUTRAL_TERMS) + self._task_bias,
            (n_terms / (n_words or 1), n_pairs / max(n_words - 1, 1)),
        )

    def _parts(self, rows: npt.NDArray[np.uint8]) -> tuple[Floats, npt.NDArray[np.int8]]:
        """The floats of rows, and their marks and vectors."""
        stop = _FLOAT_BYTES + _VECTOR + self.dimensions
        return rows[:, :_FLOAT_BYTES].view(np.float32), rows[:, _FLOAT_BYTES:stop].view(np.int8)


def _rarity(
    rarity: Floats, total: float, n_known: float, n_new: float, n_common: float, n_usual: float
) -> tuple[float, ...]:
    """The rarity features; those of a typical prompt where no word has a rarity.

    Args:
        rarity: of each known word.
        total: of those that have one.
        n_known: how many those are.
        n_new: unknown words that have a rarity.
        n_common, n_usual: words that are not as rare as unknown ones, and not very rare.
    """
    n_rated = n_known + n_new
    if not n_rated:
        return _TYPICAL_RARITY
    rarity.sort()
    ranks = int(0.9 * n_rated), int(n_rated) // 2
    ninth_decile, median = [rarity.item(rank) if rank < n_known else _UNKNOWN_RARITY for rank in ranks]
    return (
        (total + _UNKNOWN_RARITY * n_new) / n_rated,
        ninth_decile,
        1 - n_common / n_rated,
        median,
        1 - n_usual / n_rated,
    )


def _empty_rows(n_rows: int, n_bytes: int) -> npt.NDArray[np.uint8]:
    """Rows of zeros, each at the beginning of half a cache line."""
    width = -(-n_bytes // _HALF_LINE_BYTES) * _HALF_LINE_BYTES
    room = np.zeros(n_rows * width + _HALF_LINE_BYTES, dtype=np.uint8)
    start = -room.ctypes.data % _HALF_LINE_BYTES
    return room[start : start + n_rows * width].reshape(n_rows, width)


def _vectors(contents: Contents, n_words: int) -> npt.NDArray[np.int8]:
    """The words' vectors, one byte a dimension."""
    vectors = contents.arrays.get("word_vectors")
    if vectors is None or vectors.dtype != np.int8 or vectors.ndim != 2 or len(vectors) != n_words:
        raise ArtifactError(f"word_vectors.npy is not one int8 row for each of {n_words} words; fit again")
    return vectors
