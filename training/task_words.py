"""What the words of a short text say of whether it sets a task: learned from system messages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.linear_model import LogisticRegression

from classifier.text import Reading, read
from classifier.words import NEUTRAL_TERMS
from training.data import Bools, Floats, Ints
from training.terms import pairs

# Messages that a word or a pair must occur in.
LEAST_MESSAGES = 2
N_FOLDS = 5
C = 30.0


@dataclass(frozen=True, slots=True)
class TaskWords:
    """A line over words and word pairs.

    Attributes:
        terms: words and pairs, in order.
        weights: of each.
        bias: log-odds of a text without them.
        crossed: log-odds of the texts that the line was fitted on, each by one that has not seen it.
    """

    terms: tuple[str, ...]
    weights: Floats
    bias: float
    crossed: Mapping[str, float]

    def of(self, readings: Sequence[Reading]) -> Floats:
        """Log-odds of setting a task."""
        found: Floats = _matrix(readings, self.terms) @ self.weights + self.bias
        return found

    def of_texts(self, texts: Sequence[str]) -> Floats:
        """The same, but that those of a text that was fitted on are the ones that others give."""
        found = self.of([read(text) for text in texts]).tolist()
        return np.array([self.crossed.get(text, score) for text, score in zip(texts, found, strict=True)])


NO_TASK_WORDS = TaskWords((), np.zeros(0), 0.0, {})


def fit_task_words(told: Mapping[str, bool], alone: Mapping[str, str], seed: int) -> TaskWords:
    """Learn from texts that set a task, and texts that set none.

    Args:
        told: whether each text does.
        alone: of texts that hold another one, that: both count as one, and lie in the same fold.
        seed: of the folds.
    """
    texts, is_task = [*told], np.array([*told.values()], dtype=np.bool_)
    family = np.unique([alone.get(text, text) for text in texts], return_inverse=True)[1]
    readings = [read(text) for text in texts]
    if len(np.unique(is_task)) < 2:
        return NO_TASK_WORDS
    fold = (np.random.default_rng(seed).permutation(family.max() + 1) % N_FOLDS)[family]
    crossed = np.zeros(len(texts))
    for number in range(N_FOLDS):
        here = np.flatnonzero(fold == number)
        others = np.flatnonzero(fold != number)
        line = _fit([readings[place] for place in others], is_task[others], family[others])
        crossed[here] = line.of([readings[place] for place in here])
    whole = _fit(readings, is_task, family)
    return TaskWords(whole.terms, whole.weights, whole.bias, dict(zip(texts, crossed.tolist(), strict=True)))


def _fit(readings: Sequence[Reading], is_task: Bools, family: Ints) -> TaskWords:
    found = {
        (term, number) for reading, number in zip(readings, family.tolist(), strict=True) for term in _terms(reading)
    }
    frequency = Counter(term for term, _ in found)
    terms = tuple(sorted(term for term, count in frequency.items() if count >= LEAST_MESSAGES))
    model = LogisticRegression(C=C, class_weight="balanced", max_iter=3000)
    model.fit(_matrix(readings, terms), is_task)
    return TaskWords(terms, model.coef_[0], float(model.intercept_[0]), {})


def _matrix(readings: Sequence[Reading], terms: Sequence[str]) -> scipy.sparse.csr_matrix:
    """How often each term occurs in a text, over the root of its words and pairs and ``NEUTRAL_TERMS``, exactly as when serving."""
    place_of = {term: place for place, term in enumerate(terms)}
    rows, columns, values = [], [], []
    for row, reading in enumerate(readings):
        found = _terms(reading)
        for term in found:
            if term in place_of:
                rows.append(row)
                columns.append(place_of[term])
                values.append((len(found) + NEUTRAL_TERMS) ** -0.5)
    return scipy.sparse.csr_matrix((values, (rows, columns)), shape=(len(readings), len(terms)))


def _terms(reading: Reading) -> list[str]:
    return [*reading.words, *pairs(reading.words)]
