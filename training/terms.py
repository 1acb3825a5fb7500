"""Words and word pairs one by one, as fitting needs them; when serving, `classifier.words` has them summed up."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from classifier.text import Reading


def pairs(words: list[str]) -> list[str]:
    """Neighbouring words joined by a space, in order."""
    return list(map(" ".join, pairwise(words)))


def term_values(
    reading: Reading, index_of: Mapping[str, int], idf: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Indices of a prompt's known words and pairs, and their weights.

    A weight is the inverse document frequency as often as the term occurs, over the root of the summed squares.
    """
    counts = Counter(term for term in (*reading.words, *pairs(reading.words)) if term in index_of)
    terms = np.array([index_of[term] for term in counts], dtype=np.intp)
    times = np.array(list(counts.values()), dtype=np.float32)
    values = idf.take(terms)
    return terms, times * values / (np.sqrt(times @ values**2) or 1.0)
