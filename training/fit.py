"""Features to a fitted model: what `python -m training fit` does."""

import platform
from collections import Counter
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge

from classifier import artifact
from classifier.artifact import Contents, Manifest
from classifier.classifier import TASKS
from classifier.features import FEATURES, hand_features
from classifier.model import HAND_LIMIT, pairs
from classifier.text import Reading, read
from training.calibration import platt
from training.data import Bools, Data, Floats
from training.labels import Labels, label, task_of

# A term is kept when this many training prompts have it: rarer ones are names and noise.
LEAST_PROMPTS = 4
MOST_TERMS = 40_000
NGRAM_C = 1.0


@dataclass(frozen=True, slots=True)
class Readings:
    """Prompts as the model sees them: readings, term counts and hand features."""

    readings: tuple[Reading, ...]
    hand: npt.NDArray[np.float32]


def read_all(texts: tuple[str, ...]) -> Readings:
    """Read every prompt with the code that serves."""
    readings = tuple(read(text) for text in texts)
    return Readings(readings, np.array([hand_features(reading) for reading in readings], dtype=np.float32))


def vocabulary(readings: list[Reading]) -> tuple[tuple[str, ...], Floats]:
    """Words and word pairs that occur in enough prompts, and their inverse document frequencies."""
    frequency: Counter[str] = Counter()
    for reading in readings:
        frequency.update(reading.counts.keys() | set(pairs(reading.words)))
    ranked = sorted((term for term in frequency if frequency[term] >= LEAST_PROMPTS), key=lambda t: (-frequency[t], t))
    terms = tuple(sorted(ranked[:MOST_TERMS]))
    return terms, np.array([1 + log((1 + len(readings)) / (1 + frequency[term])) for term in terms])


def weigh(readings: tuple[Reading, ...], terms: tuple[str, ...], idf: Floats) -> scipy.sparse.csr_matrix:
    """Unit-length TF-IDF rows, as :class:`classifier.model.Model` weighs them."""
    index = {term: number for number, term in enumerate(terms)}
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, reading in enumerate(readings):
        counts = Counter(pairs(reading.words)) + Counter(reading.counts)
        for term, count in counts.items():
            if term in index:
                rows.append(row)
                columns.append(index[term])
                values.append((1 + log(count)) * idf[index[term]])
    matrix = scipy.sparse.csr_matrix((values, (rows, columns)), shape=(len(readings), len(terms)))
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return scipy.sparse.diags(1 / np.maximum(norm, 1e-12)) @ matrix


def fit(data: Data, out: Path, *, seed: int = 0, name: str = "default", version: str = "0.1.0") -> Manifest:
    """Fit, calibrate and write an artifact to the directory ``out``."""
    labels = label(data)
    everything = read_all(data.texts)
    train, calibration = data.split == "train", data.split == "calibration"
    arrays, terms = _fit_linear(data, labels, everything, train, calibration, seed)
    manifest = Manifest(
        name=name,
        version=version,
        files={},
        features=FEATURES,
        data={"fingerprint": data.fingerprint(), "prompts": len(data), "rejected": dict(data.rejected)},
        metrics={},
        seed=seed,
        versions={"numpy": np.__version__, "scikit-learn": sklearn.__version__, "python": platform.python_version()},
    )
    return artifact.save(out, Contents(arrays, {"terms": terms}), manifest, "# Model card\n")


def _fit_linear(
    data: Data, labels: Labels, everything: Readings, train: Bools, calibration: Bools, seed: int
) -> tuple[dict[str, artifact.Array], tuple[str, ...]]:
    """Heads over words, pairs and hand features."""
    terms, idf = vocabulary([reading for reading, use in zip(everything.readings, train, strict=True) if use])
    words = weigh(everything.readings, terms, idf)
    mean, scale = everything.hand[train].mean(axis=0), 1 / (everything.hand[train].std(axis=0) + 1e-6)
    hand = np.clip((everything.hand - mean) * scale * 0.1, -HAND_LIMIT, HAND_LIMIT)
    design = scipy.sparse.hstack([words, scipy.sparse.csr_matrix(hand)]).tocsr()
    heads = [_head(design, side, train, seed) for side in (labels.small, labels.strong)]
    heads.append(_length_head(design, labels.output_tokens, train))
    heads += _task_heads(design, data, train, seed)
    weights = np.array([head[0] for head in heads]).T
    raw = design @ weights + np.array([head[1] for head in heads])
    slopes = [
        platt(raw[use, column], side[use])
        for column, side in enumerate((labels.small, labels.strong))
        for use in [calibration & ~np.isnan(side)]
    ]
    vocabulary_set = set(terms)
    unknown = np.array(
        [1 - sum(w in vocabulary_set for w in r.counts) / max(len(r.counts), 1) for r in everything.readings]
    )
    arrays = {
        "idf": idf.astype(np.float32),
        "term_weights": weights[: len(terms)].astype(np.float16),
        "hand_mean": mean,
        "hand_scale": scale * 0.1,
        "hand_weights": weights[len(terms) :].astype(np.float32),
        "intercepts": np.array([head[1] for head in heads], dtype=np.float32),
        "calibration": np.array(slopes, dtype=np.float32),
        "novelty_quantiles": np.quantile(unknown[calibration], np.linspace(0, 1, 201)).astype(np.float32),
    }
    return arrays, terms


def _head(design: scipy.sparse.csr_matrix, target: Floats, use: Bools, seed: int) -> tuple[Floats, float]:
    """Logistic weights and intercept for a share: each row counts once as right and once as wrong, by weight."""
    rows = np.flatnonzero(use & ~np.isnan(target))
    model = LogisticRegression(C=NGRAM_C, max_iter=300, random_state=seed)
    both = scipy.sparse.vstack([design[rows], design[rows]])
    share = target[rows]
    happened = np.repeat([1, 0], len(rows))
    model.fit(both, happened, sample_weight=np.concatenate([share, 1 - share]) + 1e-9)
    return model.coef_[0], float(model.intercept_[0])


def _length_head(design: scipy.sparse.csr_matrix, tokens: Floats, use: Bools) -> tuple[Floats, float]:
    """Ridge weights for the logarithm of the answer's tokens."""
    rows = np.flatnonzero(use & (tokens > 0))
    model = Ridge(alpha=1.0, solver="lsqr").fit(design[rows], np.log(tokens[rows]))
    return model.coef_, float(model.intercept_)


def _task_heads(
    design: scipy.sparse.csr_matrix, data: Data, use: Bools, seed: int
) -> list[tuple[Floats, float]]:
    """One head a task; tasks without examples never win."""
    tasks = np.array([task_of(category) for category in data.category])
    rows = np.flatnonzero(use)
    model = LogisticRegression(C=NGRAM_C, max_iter=200, random_state=seed).fit(design[rows], tasks[rows])
    found = {task: (weights, float(bias)) for task, weights, bias in zip(model.classes_, model.coef_, model.intercept_, strict=True)}
    return [found.get(task, (np.zeros(design.shape[1]), -1e3)) for task in TASKS]
