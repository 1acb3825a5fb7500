"""Words and word pairs one by one, as fitting needs them; when serving, `classifier.words` has them summed up."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from classifier.text import Reading
from classifier.words import PAIR_WORDS


def pairs(words: list[str]) -> list[str]:
    """Different neighbouring words joined by a space, of the first and last words of a long text."""
    if len(words) > PAIR_WORDS:
        words = words[: PAIR_WORDS // 2] + words[-PAIR_WORDS // 2 :]
    return list(dict.fromkeys(map(" ".join, pairwise(words))))


def term_values(
    reading: Reading, index_of: Mapping[str, int], idf: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Indices of a prompt's known words and pairs, and their tf-idf weights, which are of unit length together."""
    counts = {term: count for term, count in reading.counts.items() if term in index_of}
    found = [pair for pair in pairs(reading.words) if pair in index_of]
    terms = np.array([index_of[term] for term in (*counts, *found)], dtype=np.intp)
    values = idf.take(terms)
    values[: len(counts)] *= 1 + np.log(np.array(list(counts.values()), dtype=np.float32))
    return terms, values / (np.linalg.norm(values) or 1.0)
