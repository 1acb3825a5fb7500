"""Words as numbers, for all words of a text at once, and where a table has them.

A word's key is a polynomial of its characters modulo 2^64: differences of one running sum are the keys of all words. No
string is made of a word, and no dictionary, whose entries lie all over the memory, is asked for it: each known key has a
slot of its own in a table.
"""

from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.text import MOST_SPACED_CHARS

Keys = npt.NDArray[np.uint64]

# Odd numbers without a pattern: the base of words' polynomials, and what the first key of a pair is multiplied by.
_BASE = 0x9E3779B97F4A7C15
_PAIR = np.uint64(0xD6E8FEB86659FD93)
_UTF_32 = np.dtype("<u4")
_SPACE = np.uint8(ord(" "))
# What is taken out of a text in UTF-8 so that one run of bytes remains of each word that has more than ASCII.
_ASCII_WORDS = bytes(code for code in range(128) if code != ord(" "))


class _Powers(NamedTuple):
    """Powers of the base, and of its inverse."""

    up: Keys
    down: Keys


class WordKeys(NamedTuple):
    """The words of a text as numbers.

    Attributes:
        keys: one for each word, in order.
        lengths: characters of each word.
        n_foreign: words that have a character beyond ASCII.
        n_chars: characters of all words.
    """

    keys: Keys
    lengths: npt.NDArray[np.intp]
    n_foreign: int
    n_chars: int


def _powers(n: int) -> _Powers:
    """The first ``n`` powers."""
    inverse = pow(_BASE, -1, 2**64)
    return _Powers(*(np.full(n, base, dtype=np.uint64).cumprod() for base in (_BASE, inverse)))


# Room for a space at either end.
_SERVED = _powers(MOST_SPACED_CHARS + 2)


def word_keys(spaced: str, powers: _Powers = _SERVED) -> WordKeys:
    """The keys of the words of a text, which have spaces between them and nothing else."""
    text = f" {spaced} "
    is_ascii = text.isascii()
    if is_ascii:
        codes = np.frombuffer(text.encode(), np.uint8)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), _UTF_32)
    is_space = codes == _SPACE
    borders = (is_space[1:] != is_space[:-1]).nonzero()[0]
    before, last = borders[::2], borders[1::2]
    terms = codes * powers.up[: len(codes)]
    sums = np.add.accumulate(terms).take(borders)
    keys = sums[1::2] - sums[::2]
    keys *= powers.down.take(before)
    n_foreign = 0 if is_ascii else len(text.encode("utf-8", "surrogatepass").translate(None, _ASCII_WORDS).split())
    return WordKeys(keys, last - before, n_foreign, len(text) - int(np.count_nonzero(is_space)))


def pair_keys(first: Keys, second: Keys) -> Keys:
    """The keys of pairs of words, of which the words' keys are given."""
    pairs: Keys = first * _PAIR
    pairs += second
    return pairs


def text_keys(texts: list[str]) -> Keys:
    """The key of each text, which is a word, or two with a space between.

    Raises:
        ValueError: a text is neither.
    """
    is_pair = np.array([" " in text for text in texts], dtype=np.bool_)
    spaced = " ".join(texts)
    words = word_keys(spaced, _powers(len(spaced) + 2)).keys
    if len(words) != len(texts) + np.count_nonzero(is_pair):
        raise ValueError("a text is neither a word nor two words with a space between")
    first = np.arange(len(texts)) + (is_pair.cumsum() - is_pair)
    keys: Keys = words.take(first)
    keys[is_pair] = pair_keys(keys[is_pair], words.take(first[is_pair] + 1))
    return keys


class Places:
    """Where each of some keys stands among them.

    A key's last bits say its bucket. Multiplied by what its bucket multiplies by, it begins with the number of its slot, which
    no other key has.
    """

    def __init__(self, keys: Keys) -> None:
        """Find multipliers that give each key a slot of its own.

        Raises:
            ValueError: a key is there twice.
        """
        ordered = np.sort(keys)
        if (ordered[1:] == ordered[:-1]).any():  # np.unique would import numpy.ma, 3 MB
            raise ValueError("a key is there twice")
        bits = len(keys).bit_length() + 1
        self._n = len(keys)
        self._shift = np.uint64(64 - bits)
        self._bucket = np.uint64(2 ** max(bits - 3, 0) - 1)
        self._multipliers = np.ones(int(self._bucket) + 1, dtype=np.uint64)
        self._keys = np.zeros(2**bits, dtype=np.uint64)
        self._places = np.full(2**bits, self._n, dtype=np.uint32)
        waiting = np.arange(self._n)
        for number in count(1):
            if not len(waiting):
                break
            self._settle(keys, waiting, np.uint64(number * _BASE % 2**64 | 1))
            waiting = waiting[self.find(keys[waiting])[1]]

    def _settle(self, keys: Keys, waiting: npt.NDArray[np.intp], multiplier: np.uint64) -> None:
        """Give the ``waiting`` keys their slots by one multiplier, in each bucket where it gives all a free one."""
        slots = (keys[waiting] * multiplier >> self._shift).astype(np.intp)
        buckets = (keys[waiting] & self._bucket).astype(np.intp)
        is_taken = (np.bincount(slots, minlength=len(self._keys))[slots] > 1) | (self._places[slots] < self._n)
        fails = np.zeros(len(self._multipliers), dtype=np.bool_)
        fails[buckets[is_taken]] = True
        settled = ~fails[buckets]
        self._multipliers[buckets[settled]] = multiplier
        self._keys[slots[settled]] = keys[waiting[settled]]
        self._places[slots[settled]] = waiting[settled]

    def find(self, keys: Keys) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """The place of each key, one beyond the last for an unknown one; and which ones are unknown."""
        slots = self._multipliers.take((keys & self._bucket).view(np.int64))
        slots *= keys
        slots >>= self._shift
        at = slots.view(np.int64)
        places, is_unknown = self._places.take(at), self._keys.take(at) != keys
        np.putmask(places, is_unknown, self._n)
        return places, is_unknown
