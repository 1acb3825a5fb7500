"""The judges fitted on a choice of rows: linear heads, trees, words and the gate between familiar and general.

``fit_judges`` fits everything; ``calibrate`` makes its scores into probabilities on other rows.
"""

from collections.abc import Mapping
from math import log

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from classifier.artifact import Array, Contents
from classifier.features import FEATURES
from classifier.model import LIMIT, Model
from classifier.words import RARITY_FEATURES
from training.boosting import Recipe, grow, lay_out
from training.calibration import platt
from training.data import Bools, DataError, Floats
from training.familiarity import centres, fit_gate
from training.heads import fit_linear
from training.labels import LEAST_GAP
from training.material import Recipe as MaterialRecipe
from training.material import fit_material
from training.prepared import Prepared
from training.rows import EVERYDAY, FAMILY, RECORDED, TRAFFIC, Rows
from training.word_scores import fit_terms, vocabulary

# Rows of a source count as its size to this power, all together: large benchmarks must not be the whole
# world.
SOURCE_POWER = 0.25
# Weight of the rows of an origin in the general judge, as a share of the recorded prompts' weight: for success, and
# for gain, of which few recorded sources say much.
GENERAL_SHARE = {RECORDED: 1.0, EVERYDAY: 0.3, FAMILY: 1.0, TRAFFIC: 1.0}
GENERAL_GAIN_SHARE = {RECORDED: 1.0, EVERYDAY: 0.3, FAMILY: 3.0, TRAFFIC: 1.0}
# Weight of one row in the familiar judge.
FAMILIAR_WEIGHT = {RECORDED: 1.0, EVERYDAY: 1.15, FAMILY: 0.14, TRAFFIC: 0.4}
# With one source nothing tells familiar from unfamiliar prompts: both judges count the same.
NO_GATE = np.zeros(4)
# Prompts that a parabola of gain over success needs.
LEAST_JUDGED = 50
# Twice as many trees at half the rate rank the same (training/LOG.md) and take longer to serve.
GENERAL_GAIN_TREES = Recipe(n_trees=50, learning_rate=0.1)
EVERYDAY_TREES = Recipe(n_trees=60, learning_rate=0.1, least_rows=20, l2=5.0)
FAMILIAR_TREES = Recipe(n_trees=90, learning_rate=0.1, least_rows=30, l2=5.0)
FAMILIAR_GAIN_TREES = Recipe(n_trees=60, learning_rate=0.1, least_rows=30, l2=10.0)

# What is material, of a prompt in which something is set apart and of a turn under instructions.
APART = MaterialRecipe(size_power=0.5, c=0.01)
TURNS = MaterialRecipe(size_power=0.0, c=0.003)

# Features that may only push one way in the trees for everyday prompts: what a person would say before seeing any data.
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


def fit_judges(prepared: Prepared, use: Bools, *, seed: int = 0, gate: npt.ArrayLike | None = None) -> Contents:
    """Fit every head on the rows ``use``; the blend is still raw (see :func:`calibrate`).

    Args:
        prepared: all rows.
        use: rows to fit on; the others are not looked at.
        seed: of every random choice.
        gate: the familiarity gate, if it is known already.
    """
    rows, dense = prepared.rows, prepared.dense
    recorded = use & (rows.origin == RECORDED)
    own = recorded | (use & (rows.origin == EVERYDAY))
    mean = dense[recorded].mean(axis=0)
    scale = 1 / (dense[recorded].std(axis=0) + 1e-6)
    z = np.clip((dense - mean) * scale, -LIMIT, LIMIT)
    terms, idf = vocabulary([prepared.readings[row] for row in np.flatnonzero(own)])
    familiar = np.array([FAMILIAR_WEIGHT[origin] for origin in rows.origin])
    term_weights, term_bias, term_scores = fit_terms(prepared, use & (familiar > 0), terms, idf)
    weight, gain_weight = (general_weights(rows, use, shares) for shares in (GENERAL_SHARE, GENERAL_GAIN_SHARE))
    parabola = typical_gain(rows, use)
    unjudged = (rows.origin == EVERYDAY) & np.isnan(rows.gain)
    gain = np.where(unjudged, np.maximum(np.polyval(parabola, rows.success), 0.0), rows.gain)
    general_gain = np.where(worth_spending(rows, use), gain, np.nan)
    linear, linear_bias = fit_linear(rows, general_gain, z, use, (weight, gain_weight), seed)
    material, material_line = fit_material(prepared.apart, use, mean, scale, APART, seed)
    turn, turn_line = fit_material(prepared.turns, use, mean, scale, TURNS, seed)
    trees = _fit_trees(prepared, gain, general_gain, term_scores, use, gain_weight, seed)
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
        "material_weights": material.astype(np.float32),
        "material_line": material_line.astype(np.float32),
        "material_turn_weights": turn.astype(np.float32),
        "material_turn_line": turn_line.astype(np.float32),
        "task_weights": prepared.task_words.weights.astype(np.float32),
        "task_bias": np.array([prepared.task_words.bias], dtype=np.float32),
        "centres": centres(z[own], seed),
        "gate": np.asarray(gate, dtype=np.float32),
        "novelty_quantiles": np.linspace(0, 1, 201, dtype=np.float32),
        "blend": np.array([-4.0, 2.0, 1.0, 0.0], dtype=np.float32),
        "typical_gain": parabola.astype(np.float32),
        **lay_out(trees),
    }
    words = {**prepared.word_contents.words, "terms": terms}
    if prepared.task_words.terms:
        words["task_terms"] = prepared.task_words.terms
    return Contents(arrays, words)


def calibrate(contents: Contents, prepared: Prepared, use: Bools) -> Contents:
    """The same judges, calibrated on the recorded rows ``use``.

    Novelty becomes a quantile among prompts of which half are recorded ones of ``use`` and half are judged ones.

    Raises:
        DataError: hardly a prompt of ``use`` was answered by a small and by a strong model.
    """
    rows = np.flatnonzero(use & (prepared.rows.origin == RECORDED))
    model = Model(contents)
    raw = [model.scores(prepared.readings[row]) for row in rows]
    slope, bias = contents.arrays["blend"][:2]
    success = (np.array([log(s.complexity / (1 - s.complexity)) for s in raw]) - bias) / slope
    known = ~np.isnan(prepared.rows.failed[rows])
    platt_slope, platt_bias = platt(success[known], prepared.rows.failed[rows][known])
    gain_slope, gain_bias = gain_line(np.array([s.gain for s in raw]), prepared.rows.gain[rows])
    blend = np.array([platt_slope, platt_bias, max(gain_slope, 0.1), gain_bias])
    arrays = {
        **contents.arrays,
        "blend": blend.astype(np.float32),
        "novelty_quantiles": _novelty_quantiles(model, prepared, use).astype(np.float32),
    }
    return Contents(arrays, contents.words)


def gain_line(predicted: Floats, gain: Floats) -> tuple[float, float]:
    """Slope and bias that make gains of predicted ones; NaN where only one side answered.

    Raises:
        DataError: too few prompts were answered by both for a line.
    """
    both = ~np.isnan(gain)
    if np.unique(predicted[both]).size < 2:
        raise DataError(
            f"{both.sum()} prompts were answered by a small and by a strong model, so what escalating gains cannot be "
            "learned. A gateway's own traffic corrects the artifact in use: python -m training run --ledger URL"
        )
    slope, bias = np.polyfit(predicted[both], gain[both], 1)
    return float(slope), float(bias)


def _novelty_quantiles(model: Model, prepared: Prepared, use: Bools) -> Floats:
    """Quantiles of the unfamiliarity, recorded and judged prompts having half the weight each."""
    recorded = prepared.rows.origin == RECORDED
    parts = [
        np.array([model.unfamiliar(prepared.readings[row]) for row in np.flatnonzero(kind)])
        for kind in (use & recorded, ~recorded)
        if kind.any()
    ]
    weight = np.concatenate([np.full(len(part), 1 / len(part)) for part in parts])
    quantiles: Floats = np.quantile(
        np.concatenate(parts), np.linspace(0, 1, 201), weights=weight, method="inverted_cdf"
    )
    return quantiles


def general_weights(rows: Rows, use: Bools, shares: Mapping[str, float]) -> Floats:
    """Weights of the general judge: sources nearly balanced, each origin a fixed share of the recorded weight."""
    weight = np.zeros(len(rows))
    for origin, share in shares.items():
        chosen = use & (rows.origin == origin)
        for source in np.unique(rows.source[chosen]):
            here = chosen & (rows.source == source)
            weight[here] = here.sum() ** (SOURCE_POWER - 1)
        total = weight[chosen].sum()
        weight[chosen] *= share / total if total else 0
    scaled: Floats = weight * float((use & (rows.origin == RECORDED)).sum())
    return scaled


def typical_gain(rows: Rows, use: Bools) -> Floats:
    """A parabola: what prompts gain of which the small tier has some success, highest power first.

    Of judged prompts; where there are few, of recorded ones.
    """
    known = use & ~np.isnan(rows.gain) & ~np.isnan(rows.success)
    judged = known & (rows.origin != RECORDED)
    chosen = judged if judged.sum() >= LEAST_JUDGED else known
    if chosen.sum() < LEAST_JUDGED:
        return np.zeros(3)
    parabola: Floats = np.polyfit(rows.success[chosen], rows.gain[chosen], 2)
    return parabola


def worth_spending(rows: Rows, use: Bools) -> Bools:
    """Rows of sources whose strong tier is better than the small one; what the others say of gain is about their models."""
    worth: Bools = rows.origin != RECORDED
    for source in np.unique(rows.source[~worth]):
        here = (rows.source == source) & (rows.origin == RECORDED)
        known = here & use & ~np.isnan(rows.gain)
        worth |= here & bool(known.any() and rows.gain[known].mean() > LEAST_GAP)
    return worth


def _fit_trees(
    prepared: Prepared,
    gain: Floats,
    general_gain: Floats,
    term_scores: Floats,
    use: Bools,
    gain_weight: Floats,
    seed: int,
) -> list[HistGradientBoostingRegressor]:
    """The trees of the heads, in the order of ``TREE_HEADS``."""
    rows, dense = prepared.rows, prepared.dense
    options = np.array([reading.n_options for reading in prepared.readings])
    words = np.column_stack([dense, term_scores]).astype(np.float32)
    words_and_options = np.column_stack([words, options]).astype(np.float32)
    familiar = np.array([FAMILIAR_WEIGHT[origin] for origin in rows.origin])
    only_everyday = np.where(rows.origin == EVERYDAY, 1.0, 0.0)
    if not only_everyday[use].any():  # then no prompt is taken for an everyday one, and the head says nothing
        only_everyday = np.ones(len(rows))

    def grown(
        x: npt.NDArray[np.float32], target: Floats, weight: Floats, recipe: Recipe, forced: bool = False
    ) -> HistGradientBoostingRegressor:
        known = use & ~np.isnan(target) & (weight > 0)
        ways = directions(x.shape[1]) if forced else None
        return grow(x[known], target[known], weight[known], recipe, ways, seed)

    return [
        grown(dense, general_gain, gain_weight, GENERAL_GAIN_TREES),
        grown(dense, rows.success, only_everyday, EVERYDAY_TREES, forced=True),
        grown(words, rows.success, familiar, FAMILIAR_TREES),
        grown(words_and_options, gain, familiar, FAMILIAR_GAIN_TREES),
    ]


def directions(n_features: int) -> npt.NDArray[np.int8]:
    """Which way each dense feature may push success: -1 down, +1 up, 0 either."""
    names = (*FEATURES, *RARITY_FEATURES)
    named = [(name in EASIER) - (name in HARDER) for name in names]
    return np.array([*named, *[0] * (n_features - len(names))], dtype=np.int8)
