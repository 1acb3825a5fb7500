"""What the classifier has to beat, judged by the same code on the same prompts."""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from training.data import Data, Floats
from training.labels import Labels
from training.replay import Rows


@dataclass(frozen=True, slots=True)
class Scores:
    """Two rankings of the same prompts, higher is harder or worth more.

    Attributes:
        difficulty: ranks how likely small fails.
        gain: ranks what escalating buys.
        is_probability: ``difficulty`` is meant as a probability.
    """

    difficulty: Floats
    gain: Floats
    is_probability: bool = False


@dataclass(frozen=True, slots=True)
class Lessons:
    """Training prompts with outcomes on both sides, as the plain learners need them."""

    texts: tuple[str, ...]
    small: Floats
    strong: Floats


def lessons(data: Data, labels: Labels) -> Lessons:
    """The judged prompts of the train split."""
    rows = np.flatnonzero((data.split == "train") & labels.judged)
    texts = tuple(data.texts[row] for row in rows)
    return Lessons(texts, labels.small[rows], labels.strong[rows])


def baselines(taught: Lessons, rows: Rows, seed: int) -> dict[str, Scores]:
    """Every baseline's rankings of ``rows``, by name."""
    words = _Words(taught, rows)
    length = np.array([float(len(text)) for text in rows.texts])
    found = {
        "random": Scores(*np.random.default_rng(seed).random((2, len(rows)))),
        "length": Scores(length, length),
        "TF-IDF + LR": tfidf(words, taught, seed),
        "kNN": nearest(words, taught, seed),
        "oracle": Scores(1 - rows.small, rows.strong - rows.small),
    }
    rules = litellm_rules(rows.texts)
    return found if rules is None else {**found, "LiteLLM rules": Scores(rules, rules)}


class _Words:
    """TF-IDF of training prompts and of the rows to be judged."""

    def __init__(self, taught: Lessons, rows: Rows) -> None:
        reader = TfidfVectorizer(min_df=4, max_features=30_000, sublinear_tf=True, ngram_range=(1, 2), dtype=np.float32)
        self.train: scipy.sparse.csr_matrix = reader.fit_transform(taught.texts)
        self.rows: scipy.sparse.csr_matrix = reader.transform(rows.texts)


def tfidf(words: _Words, taught: Lessons, seed: int) -> Scores:
    """Logistic regression for difficulty, ridge for the gain."""
    return Scores(
        _logistic(words.train, taught.small < 0.5, words.rows, seed),
        Ridge(alpha=3.0, solver="lsqr").fit(words.train, taught.strong - taught.small).predict(words.rows),
        is_probability=True,
    )


def nearest(words: _Words, taught: Lessons, seed: int, n_neighbours: int = 40) -> Scores:
    """Mean outcome of the training prompts nearest by cosine in 128 latent directions."""
    squeeze = TruncatedSVD(128, n_iter=3, random_state=seed).fit(words.train)
    known, asked = normalize(squeeze.transform(words.train)), normalize(squeeze.transform(words.rows))
    near = (
        NearestNeighbors(n_neighbors=min(n_neighbours, len(known))).fit(known).kneighbors(asked, return_distance=False)
    )
    return Scores(
        (taught.small < 0.5)[near].mean(axis=1),
        (taught.strong - taught.small)[near].mean(axis=1),
        is_probability=True,
    )


def litellm_rules(texts: tuple[str, ...]) -> Floats | None:
    """Score of LiteLLM's rule-based ``ComplexityRouter``; None where it cannot be imported or built."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import looks for the network
    try:
        module = importlib.import_module("litellm.router_strategy.complexity_router.complexity_router")
        judge: Callable[..., tuple[object, float, object]] = module.ComplexityRouter(
            model_name="baseline", litellm_router_instance=None, complexity_router_config={}
        ).classify
        return np.array([float(judge(text)[1]) for text in texts])
    except Exception:
        # Another release of another project, used for comparison only: whatever it does must not stop us.
        return None


def _logistic(train: object, happened: object, rows: object, seed: int) -> Floats:
    model = LogisticRegression(C=1.0, max_iter=300, random_state=seed).fit(train, happened)
    probability: Floats = model.predict_proba(rows)[:, 1].astype(np.float64)
    return probability
