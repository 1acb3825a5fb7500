"""Words and word pairs: which are known, how they weigh, and what they say of success and gain."""

from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.linear_model import Ridge

from classifier.text import Reading
from training.data import Bools, Floats
from training.familiarity import LEAST_PROMPTS, N_FOLDS
from training.prepared import Prepared
from training.terms import pairs, term_values

MOST_TERMS = 30_000
TERM_ALPHA = 2.0


def vocabulary(readings: Sequence[Reading]) -> tuple[tuple[str, ...], Floats]:
    """Words and word pairs that occur in enough prompts, and their inverse document frequencies."""
    frequency: Counter[str] = Counter()
    for reading in readings:
        frequency.update({*reading.words, *pairs(reading.words)})
    ranked = sorted((term for term in frequency if frequency[term] >= LEAST_PROMPTS), key=lambda t: (-frequency[t], t))
    terms = tuple(sorted(ranked[:MOST_TERMS]))
    return terms, np.array([1 + log((1 + len(readings)) / (1 + frequency[term])) for term in terms])


def fit_terms(prepared: Prepared, use: Bools, terms: tuple[str, ...], idf: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights and biases of the two word scores, and each row's scores, cross-fitted."""
    index_of = {term: index for index, term in enumerate(terms)}
    matrix = term_matrix(prepared, index_of, idf.astype(np.float32))
    targets = (prepared.rows.success, prepared.rows.gain)
    weights, biases = np.zeros((len(terms), len(targets))), np.zeros(len(targets))
    scores = np.zeros((len(prepared.rows), len(targets)))
    for column, target in enumerate(targets):
        known = use & ~np.isnan(target)
        for fold in range(N_FOLDS):
            model = _ridge(matrix, target, known & (prepared.fold != fold))
            held_out = prepared.fold == fold
            scores[held_out, column] = model.predict(matrix[held_out])
        model = _ridge(matrix, target, known)
        weights[:, column], biases[column] = model.coef_, model.intercept_
    return weights, biases, scores


def _ridge(matrix: scipy.sparse.csr_matrix, target: Floats, use: Bools) -> Ridge:
    """Ridge regression of a target on word weights."""
    rows = np.flatnonzero(use)
    return Ridge(alpha=TERM_ALPHA, solver="sparse_cg", tol=1e-4).fit(matrix[rows], target[rows])


def term_matrix(prepared: Prepared, index_of: dict[str, int], idf: npt.NDArray[np.float32]) -> scipy.sparse.csr_matrix:
    """Rows of term weights, exactly as they are computed when serving."""
    starts, columns, values = [0], [], []
    for reading in prepared.readings:
        known, weights = term_values(reading, index_of, idf)
        columns.extend(known.tolist())
        values.append(weights)
        starts.append(len(columns))
    shape = (len(prepared.readings), len(index_of))
    return scipy.sparse.csr_matrix((np.concatenate(values), columns, starts), shape=shape)
