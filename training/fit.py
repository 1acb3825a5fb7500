"""Rows to a fitted model: what ``python -m training fit`` does.

``prepare`` reads every prompt once with the code that serves; ``fit_judges`` fits all heads on a choice of
rows;
``calibrate`` makes scores into probabilities on other rows; ``fit`` does all of it and writes the artifact.
"""

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse
import sklearn
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from classifier import artifact
from classifier.artifact import Array, Contents, Manifest
from classifier.features import FEATURES, dense_features
from classifier.model import LIMIT, Model
from classifier.text import Reading, read
from classifier.words import RARITY_FEATURES, WordTable
from training.boosting import Recipe, grow, lay_out
from training.calibration import platt
from training.data import Bools, Data, DataError, Floats, Ints
from training.familiarity import LEAST_PROMPTS, N_FOLDS, centres, fit_gate
from training.heads import fit_linear
from training.labels import Labels, label
from training.rows import EVERYDAY, RECORDED, TRAFFIC, Rows, everyday_rows, join, recorded_rows, traffic_rows
from training.terms import pairs, term_values

WORD_TABLE = Path(__file__).parent / "word_table"
NAME, VERSION = "default", "1.0.0"

MOST_TERMS = 30_000
TERM_ALPHA = 2.0
# Rows of a source count as its size to this power, all together: large benchmarks must not be the whole
# world.
SOURCE_POWER = 0.25
# Weight of the everyday prompts and of the traffic in the general judge, as a share of the recorded prompts'
# weight.
EVERYDAY_SHARE = 0.3
TRAFFIC_SHARE = 0.3
# With one source nothing tells familiar from unfamiliar prompts: both judges count the same.
NO_GATE = np.zeros(4)
GENERAL_TREES = Recipe(n_trees=100)
FAMILIAR_TREES = Recipe(n_trees=180, least_rows=30, l2=5.0)
GAIN_TREES = Recipe(n_trees=120, least_rows=30, l2=10.0)
# Weight of one everyday prompt in the familiar judge, in recorded prompts.
EVERYDAY_WEIGHT = 6.0

# Features that may only push one way in the general judge: what a person would say before seeing any data.
HARDER = frozenset(
    {
        "length", "words", "different words", "long words", "numbers", "different number lengths",
        "longest number", "commas", "braces", "equals signs", "powers", "backslashes", "dollar signs",
        "LaTeX", "find all or such that", "extreme wanted", "contest format", "proof and theory",
        "algebra and geometry", "calculus and higher mathematics", "counting and probability", "physics",
        "chemistry", "contest code", "systems and design", "logic puzzles", "conditions and constraints",
        "several requests at once", "negations", "analysis and planning", *RARITY_FEATURES,
    }
)  # fmt: skip
EASIER = frozenset(
    {
        "greetings and small talk",
        "asks for a fact",
        "short edits",
        "everyday units",
        "translation",
        "short function wanted",
    }
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as the judges see them, in the rows' order.

    Attributes:
        rows: the targets.
        readings: the prompts, read.
        dense: hand features, rarity features and topic vector, float32.
        fold: number of the cross-fitting fold; near-duplicates share one.
        word_contents: the word table, taken over into the artifact.
    """

    rows: Rows
    readings: tuple[Reading, ...]
    dense: npt.NDArray[np.float32]
    fold: Ints
    word_contents: Contents


def load_word_table(directory: Path = WORD_TABLE) -> Contents:
    """The distilled word table kept with the training code.

    Raises:
        DataError: a file of it is missing.
    """
    try:
        arrays = {
            name: np.load(directory / f"{name}.npy")
            for name in ("word_vectors", "word_scale", "word_weight", "word_rarity")
        }
        words = tuple((directory / "words.txt").read_text(encoding="utf-8").split("\n"))
    except OSError as error:
        raise DataError(
            f"{directory}: word table incomplete ({error}); write it with `python -m training.distil`"
        ) from error
    return Contents(arrays, {"words": words})


def prepare(
    data: Data, labels: Labels, *, traffic: Path | None = None, everyday: bool = True, seed: int = 0
) -> Prepared:
    """Recorded prompts first, in the order of ``data``; then the everyday prompts and the traffic."""
    contents = load_word_table()
    table = WordTable(contents)
    parts = [recorded_rows(data, labels)]
    if everyday:
        parts.append(everyday_rows())
    if traffic is not None:
        parts.append(traffic_rows(traffic))
    rows = join(parts)
    readings = tuple(read(text) for text in rows.texts)
    dense = np.array([dense_features(reading, table) for reading in readings], dtype=np.float32)
    return Prepared(rows, readings, dense, _folds(data, len(rows), seed), contents)


def _folds(data: Data, n_rows: int, seed: int) -> Ints:
    """A fold for each row; near-duplicates of the recorded prompts share one."""
    random = np.random.default_rng(seed)
    groups, group_of = np.unique(data.group, return_inverse=True)
    extra = random.integers(0, N_FOLDS, n_rows - len(data))
    return np.concatenate([random.integers(0, N_FOLDS, len(groups))[group_of], extra]).astype(np.int64)


def fit_judges(prepared: Prepared, use: Bools, *, seed: int = 0, gate: npt.ArrayLike | None = None) -> Contents:
    """Fit every head on the rows ``use``; the blend is still raw (see :func:`calibrate`).

    Args:
        prepared: all rows.
        use: rows to fit on; the others are not looked at.
        seed: of every random choice.
        gate: the familiarity gate, if it is known already; fitting it takes half the time.
    """
    rows, dense = prepared.rows, prepared.dense
    recorded = use & (rows.origin == RECORDED)
    own = use & (rows.origin != TRAFFIC)
    mean = dense[recorded].mean(axis=0)
    scale = 1 / (dense[recorded].std(axis=0) + 1e-6)
    z = np.clip((dense - mean) * scale, -LIMIT, LIMIT)
    terms, idf = vocabulary([prepared.readings[row] for row in np.flatnonzero(own)])
    term_weights, term_bias, term_scores = _fit_terms(prepared, own, terms, idf)
    weight = general_weights(rows, use)
    linear, linear_bias = fit_linear(rows, z, use, weight, seed)
    trees = _fit_trees(prepared, term_scores, use, own, weight, seed)
    if gate is None:
        known = np.flatnonzero(recorded)
        several = len(np.unique(rows.source[known])) > 1
        gate = (
            NO_GATE
            if not several
            else fit_gate(
                [prepared.readings[r] for r in known], z[known], rows.source[known], prepared.fold[known], seed
            )
        )
    arrays: dict[str, Array] = {
        **prepared.word_contents.arrays,
        "term_idf": idf.astype(np.float32),
        "term_weights": term_weights.astype(np.float16),
        "term_bias": term_bias.astype(np.float32),
        "dense_mean": mean,
        "dense_scale": scale.astype(np.float32),
        "linear_weights": linear.astype(np.float32),
        "linear_bias": linear_bias.astype(np.float32),
        "centres": centres(z[own], seed),
        "gate": np.asarray(gate, dtype=np.float32),
        "novelty_quantiles": np.linspace(0, 1, 201, dtype=np.float32),
        "blend": np.array([-4.0, 2.0, _advantage(rows, recorded), 1.0, 0.0], dtype=np.float32),
        **lay_out(trees),
    }
    return Contents(arrays, {**prepared.word_contents.words, "terms": terms})


def calibrate(contents: Contents, prepared: Prepared, use: Bools) -> Contents:
    """The same judges, calibrated on the recorded rows ``use``; novelty becomes a quantile of theirs."""
    rows = np.flatnonzero(use & (prepared.rows.origin == RECORDED))
    model = Model(contents)
    raw = [model.scores(prepared.readings[row]) for row in rows]
    slope, bias = contents.arrays["blend"][:2]
    success = (np.array([log(s.complexity / (1 - s.complexity)) for s in raw]) - bias) / slope
    known = ~np.isnan(prepared.rows.failed[rows])
    platt_slope, platt_bias = platt(success[known], prepared.rows.failed[rows][known])
    gain, predicted = prepared.rows.gain[rows], np.array([s.gain for s in raw])
    judged = ~np.isnan(gain)
    gain_slope, gain_bias = np.polyfit(predicted[judged], gain[judged], 1)
    blend = np.array([platt_slope, platt_bias, contents.arrays["blend"][2], max(gain_slope, 0.1), gain_bias])
    unfamiliar = np.array([model.unfamiliar(prepared.readings[row]) for row in rows])
    quantiles = np.quantile(unfamiliar, np.linspace(0, 1, 201))
    arrays = {
        **contents.arrays,
        "blend": blend.astype(np.float32),
        "novelty_quantiles": quantiles.astype(np.float32),
    }
    return Contents(arrays, contents.words)


def fit(
    data: Data,
    out: Path,
    *,
    seed: int = 0,
    traffic: Path | None = None,
    everyday: bool = True,
    name: str = NAME,
    version: str = VERSION,
) -> Manifest:
    """Fit on ``train``, calibrate on ``calibration``, write the artifact to the directory ``out``."""
    prepared = prepare(data, label(data), traffic=traffic, everyday=everyday, seed=seed)
    extra = np.ones(len(prepared.rows) - len(data), dtype=np.bool_)
    judges = fit_judges(prepared, np.concatenate([data.split == "train", extra]), seed=seed)
    contents = calibrate(judges, prepared, np.concatenate([data.split == "calibration", ~extra]))
    manifest = describe(data, prepared, seed, name, version)
    return artifact.save(out, contents, manifest, model_card(manifest))


def describe(data: Data, prepared: Prepared, seed: int, name: str, version: str) -> Manifest:
    """The manifest of a fit, before files are hashed."""
    return Manifest(
        name=name,
        version=version,
        files={},
        features=FEATURES,
        data={
            "fingerprint": data.fingerprint(),
            "prompts": {split: int((data.split == split).sum()) for split in ("train", "calibration", "test")},
            "outcomes": len(data.score),
            "extra_prompts": {kind: int((prepared.rows.origin == kind).sum()) for kind in (EVERYDAY, TRAFFIC)},
            "rejected": dict(data.rejected),
        },
        metrics={},
        seed=seed,
        versions={
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "python": platform.python_version(),
        },
    )


def model_card(manifest: Manifest) -> str:
    """The model card that goes with an artifact."""
    prompts = manifest.data["prompts"]
    return f"""# {manifest.name} {manifest.version}

Judges how likely a small language model's answer to a prompt is not good enough, and what a strong model
would gain.

* **Inputs**: the newest human turn of a request; nothing else of it is read but, for very short turns, the
  end of the
  conversation.
* **Fitted on** {prompts["train"]:,} recorded benchmark prompts with {manifest.data["outcomes"]:,} outcomes
  of public models,
  {manifest.data["extra_prompts"]["everyday"]} everyday prompts judged by hand and
  {manifest.data["extra_prompts"]["traffic"]:,} prompts of traffic judged by rules of thumb, at low weight;
  calibrated on {prompts["calibration"]:,} other recorded prompts.
* **Limits**: recorded outcomes are exam-like, mostly English and Chinese, and older than today's models. On
  sources that
  were not in training the ranking is much weaker than on known ones; `novelty` says when that is so.
  Probabilities are
  calibrated on the recorded mix: calibrate again on your own traffic.
* **Not for** judging people or their work.
* **Seed** {manifest.seed}; data fingerprint `{manifest.data["fingerprint"][:12]}`.
"""


def vocabulary(readings: Sequence[Reading]) -> tuple[tuple[str, ...], Floats]:
    """Words and word pairs that occur in enough prompts, and their inverse document frequencies."""
    frequency: Counter[str] = Counter()
    for reading in readings:
        frequency.update(reading.counts.keys())
        frequency.update(pairs(reading.words))
    ranked = sorted((term for term in frequency if frequency[term] >= LEAST_PROMPTS), key=lambda t: (-frequency[t], t))
    terms = tuple(sorted(ranked[:MOST_TERMS]))
    return terms, np.array([1 + log((1 + len(readings)) / (1 + frequency[term])) for term in terms])


def general_weights(rows: Rows, use: Bools) -> Floats:
    """Weights of the general judge: sources nearly balanced, extra rows a fixed share of the total."""
    weight = np.zeros(len(rows))
    for origin, share in ((RECORDED, 1.0), (EVERYDAY, EVERYDAY_SHARE), (TRAFFIC, TRAFFIC_SHARE)):
        chosen = use & (rows.origin == origin)
        for source in np.unique(rows.source[chosen]):
            here = chosen & (rows.source == source)
            weight[here] = here.sum() ** (SOURCE_POWER - 1)
        total = weight[chosen].sum()
        weight[chosen] *= share / total if total else 0
    scaled: Floats = weight * float((use & (rows.origin == RECORDED)).sum())
    return scaled


def _fit_terms(prepared: Prepared, use: Bools, terms: tuple[str, ...], idf: Floats) -> tuple[Floats, Floats, Floats]:
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


def _fit_trees(
    prepared: Prepared, term_scores: Floats, use: Bools, own: Bools, weight: Floats, seed: int
) -> list[HistGradientBoostingRegressor]:
    """The trees of the three heads, in the order of ``TREE_HEADS``."""
    rows, dense = prepared.rows, prepared.dense
    x = np.column_stack([dense, term_scores]).astype(np.float32)
    with_options = np.column_stack([x, [reading.n_options for reading in prepared.readings]]).astype(np.float32)
    general = use & ~np.isnan(rows.success)
    familiar = own & ~np.isnan(rows.success)
    gain = own & ~np.isnan(rows.gain)
    everyday = np.where(rows.origin == EVERYDAY, EVERYDAY_WEIGHT, 1.0)
    return [
        grow(
            dense[general],
            rows.success[general],
            weight[general],
            GENERAL_TREES,
            directions(dense.shape[1]),
            seed,
        ),
        grow(x[familiar], rows.success[familiar], everyday[familiar], FAMILIAR_TREES, None, seed),
        grow(with_options[gain], rows.gain[gain], everyday[gain], GAIN_TREES, None, seed),
    ]


def directions(n_features: int) -> npt.NDArray[np.int8]:
    """Which way each dense feature may push success: -1 down, +1 up, 0 either."""
    names = (*FEATURES, *RARITY_FEATURES)
    named = [(name in EASIER) - (name in HARDER) for name in names]
    return np.array([*named, *[0] * (n_features - len(names))], dtype=np.int8)


def _advantage(rows: Rows, recorded: Bools) -> float:
    """Log-odds by which the strong tier is better, the median over sources where it is better."""
    found = []
    for source in np.unique(rows.source[recorded]):
        here = recorded & (rows.source == source) & ~np.isnan(rows.gain)
        small = float(np.clip(rows.success[here].mean(), 0.02, 0.98)) if here.any() else 0.5
        strong = float(np.clip(small + rows.gain[here].mean(), 0.02, 0.98)) if here.any() else 0.5
        if strong > small:
            found.append(log(strong / (1 - strong)) - log(small / (1 - small)))
    return float(np.median(found)) if found else 0.7


def with_metrics(manifest: Manifest, metrics: dict[str, object]) -> Manifest:
    """The manifest with measured numbers added."""
    return replace(manifest, metrics={**manifest.metrics, **metrics})
