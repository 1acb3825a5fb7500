"""How unfamiliar a prompt is: the gate between the two judges, fitted by leaving sources out."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans
from sklearn.linear_model import LogisticRegression

from classifier.text import Reading
from training.data import Bools, Floats, Ints, Strings
from training.terms import pairs

N_CENTRES = 96
# A term is known when this many training prompts have it: rarer ones are names and noise.
LEAST_PROMPTS = 4
N_FOLDS = 5


def terms_of(readings: Sequence[Reading]) -> tuple[list[list[str]], list[list[str]]]:
    """Words and pairs of each prompt, as often as they occur."""
    return [reading.words for reading in readings], [pairs(reading.words) for reading in readings]


def centres(z: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """Typical training prompts: centres of clusters of standardised features."""
    n_centres = min(N_CENTRES, len(z))
    model = MiniBatchKMeans(n_centres, random_state=seed, n_init=1, batch_size=2048).fit(z)
    found: npt.NDArray[np.float32] = model.cluster_centers_.astype(np.float32)
    return found


def signals(
    words: list[list[str]],
    word_pairs: list[list[str]],
    z: npt.NDArray[np.float32],
    known_by: Bools,
    of: Bools,
    seed: int,
) -> Floats:
    """Shares of known words and pairs and distance to the nearest centre, for the prompts ``of``."""
    known_words, known_pairs = (_known(terms, known_by) for terms in (words, word_pairs))
    middle = centres(z[known_by], seed)
    rows = np.flatnonzero(of)
    distance = _distance(z[rows], middle)
    return np.column_stack([_share(words, known_words, rows), _share(word_pairs, known_pairs, rows), distance])


def fit_gate(
    readings: Sequence[Reading], z: npt.NDArray[np.float32], source: Strings, fold: Ints, seed: int
) -> npt.NDArray[np.float32]:
    """Bias and weights of the log-odds that a prompt's source is not in the training data.

    Prompts whose whole source was left out stand against prompts of which only a fold was left out.
    """
    words, word_pairs = terms_of(readings)
    familiar = signals(words, word_pairs, z, fold != 0, fold == 0, seed)
    strange = [signals(words, word_pairs, z, source != name, source == name, seed) for name in np.unique(source)]
    x = np.vstack([familiar, *strange])
    y = np.repeat([0, 1], [len(familiar), len(x) - len(familiar)])
    names = np.concatenate([source[fold == 0], *(source[source == name] for name in np.unique(source))])
    model = LogisticRegression(C=10.0, max_iter=500).fit(x, y, sample_weight=_by_source(names, y))
    return np.concatenate([model.intercept_, model.coef_[0]]).astype(np.float32)


def _by_source(names: Strings, y: npt.NDArray[np.int64]) -> Floats:
    """Weights that give each source on each side the same say."""
    cells = np.char.add(names.astype(np.str_), np.where(y == 1, "+", "-"))
    _, cell, count = np.unique(cells, return_inverse=True, return_counts=True)
    weights: Floats = len(y) / (len(count) * count[cell])
    return weights


def _known(terms_of_each: list[list[str]], use: Bools) -> set[str]:
    """Terms that enough of the prompts have."""
    frequency: Counter[str] = Counter()
    for terms, keep in zip(terms_of_each, use, strict=True):
        if keep:
            frequency.update(set(terms))
    return {term for term, count in frequency.items() if count >= LEAST_PROMPTS}


def _share(terms_of_each: list[list[str]], known: set[str], rows: npt.NDArray[np.int64]) -> Floats:
    """Share of each prompt's terms that is known."""
    return np.array(
        [sum(map(known.__contains__, terms_of_each[row])) / max(len(terms_of_each[row]), 1) for row in rows]
    )


def _distance(z: npt.NDArray[np.float32], middle: npt.NDArray[np.float32]) -> Floats:
    """Distance to the nearest centre."""
    squared = (z**2).sum(axis=1)[:, None] - 2 * z @ middle.T + (middle**2).sum(axis=1)
    nearest: Floats = np.sqrt(np.maximum(squared.min(axis=1), 0)).astype(np.float64)
    return nearest
