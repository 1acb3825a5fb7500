"""The test split through the code that serves, beside everything it has to beat. Intervals are 95 %, over groups."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from router.core.policy import Thresholds
from router.core.types import MODES
from training.baselines import Scores, baselines, lessons
from training.bootstrap import interval, resamples
from training.calibration import expected_calibration_error
from training.data import Data, Floats, Ints, Strings
from training.labels import Labels
from training.metrics import apgr, auroc, brier, curve, reliability, spending
from training.replay import Rows, cost_share, routes
from training.thresholds import expect

CURVE_POINTS = 101
RANDOM_DRAWS = 25
"""Draws that the random baseline is averaged over."""

LEAST_ROWS = 15
"""A source, task or language with fewer test prompts gets no row of its own."""


def evaluate(
    data: Data, labels: Labels, rows: Rows, thresholds: Mapping[str, Thresholds], seed: int = 0
) -> dict[str, Any]:
    """Every number that needs no refit of the shipped model.

    Args:
        data: all splits; baselines learn from ``train``.
        labels: tier means of ``data``.
        rows: the test split as the artifact judges it.
        thresholds: by mode.
        seed: of bootstrap, baselines and placebos.
    """
    taught = lessons(data, labels)
    ours = Scores(rows.complexity, rows.gain, is_probability=True)
    scores = {"classifier": ours, **baselines(taught, rows, seed)}
    draws = resamples(rows.group, seed)
    return {
        "prompts": len(rows),
        "groups": len(np.unique(rows.group)),
        "definitions": definitions(),
        "rankings": {name: judge(found, rows, draws, name, seed) for name, found in scores.items()},
        "by_complexity": _intervals(
            lambda r: spending(ours.difficulty[r], rows.small[r], rows.strong[r]), len(rows), draws
        ),
        "modes": {mode: judge_mode(rows, thresholds[mode], seed) for mode in MODES},
        "always_small": _fixed(rows, np.zeros(len(rows), dtype=np.bool_)),
        "always_strong": _fixed(rows, np.ones(len(rows), dtype=np.bool_)),
        "by": {
            name: slices(rows, kind, thresholds["balanced"], seed)
            for name, kind in (("source", rows.source), ("task", rows.task), ("language", rows.language))
        },
        "within_source_auroc": _within(rows),
        "reliability": reliability(rows.complexity, rows.small_fails),
        "curves": {name: points(found.gain, rows) for name, found in scores.items()},
    }


def definitions() -> dict[str, str]:
    """What the numbers mean, for whoever compares them with others."""
    return {
        "small_fails": "mean score of the tiers tiny and small below 0.5; suspect outcomes left out",
        "strong": "mean score of the tiers strong and reasoning",
        "cost": "share of always-strong, small at 0.06 of the strong price, every prompt counting the same",
        "quality": "mean score over always-strong's",
        "interval": "95 %, bootstrap over near-duplicate groups",
    }


def judge(scores: Scores, rows: Rows, draws: list[Ints], name: str, seed: int) -> dict[str, Any]:
    """One ranking in numbers, each with its interval."""

    if name == "random":
        return _by_lot(rows, draws, seed)

    def measure(r: Ints) -> dict[str, float]:
        fails = rows.small_fails[r]
        found = {"auroc": auroc(scores.difficulty[r], fails)}
        if scores.is_probability:
            probability = np.clip(scores.difficulty[r], 0, 1)
            found |= {"brier": brier(probability, fails), "ece": expected_calibration_error(probability, fails)}
        return {**found, **spending(scores.gain[r], rows.small[r], rows.strong[r])}

    return _intervals(measure, len(rows), draws)


def judge_mode(rows: Rows, thresholds: Thresholds, seed: int) -> dict[str, Any]:
    """Cost and quality of a mode by ``decide()``, and its two kinds of mistake apart.

    ``under_escalation``: of the prompts that small fails and strong does not, the share sent to small.
    ``over_escalation``: of the prompts that small does not fail, the share sent to strong.
    """
    strong = routes(rows.prompts, rows.assessments, thresholds)
    lost = rows.small_fails & (rows.strong >= 0.5)
    return {
        **expect(rows, strong, seed),
        "under_escalation": _share(~strong, lost),
        "over_escalation": _share(strong, ~rows.small_fails),
        "escalated_in_vain": _share(strong, rows.small_fails & (rows.strong < 0.5)),
        "random_quality_share_at_equal_cost": _blend(rows, float(strong.mean())),
    }


def slices(rows: Rows, kind: Strings, thresholds: Thresholds, seed: int) -> dict[str, dict[str, Any]]:
    """Numbers of each source, task or language with enough prompts."""
    found = {}
    strong = routes(rows.prompts, rows.assessments, thresholds)
    for name in np.unique(kind):
        mine = np.flatnonzero(kind == name)
        if len(mine) < LEAST_ROWS:
            continue
        part, sent = rows.take(mine), strong[mine]
        draws = resamples(part.group, seed)
        score = np.where(sent, part.strong, part.small)
        found[str(name)] = {
            "n": len(mine),
            "auroc": auroc(part.complexity, part.small_fails),
            "auroc_95": interval([auroc(part.complexity[d], part.small_fails[d]) for d in draws]),
            "ece": expected_calibration_error(part.complexity, part.small_fails),
            "apgr": apgr(curve(part.gain, part.small, part.strong)),
            "mean_complexity": float(part.complexity.mean()),
            "small_fails": float(part.small_fails.mean()),
            "small": float(part.small.mean()),
            "strong": float(part.strong.mean()),
            "balanced_cost_share": cost_share(sent),
            "balanced_quality_share": float(score.mean() / max(part.strong.mean(), 1e-9)),
        }
    return found


def points(score: Floats, rows: Rows) -> dict[str, list[float]]:
    """A curve thinned to ``CURVE_POINTS``, for plots."""
    found = curve(score, rows.small, rows.strong)
    at = np.linspace(0, len(rows), CURVE_POINTS).round().astype(int)
    return {"cost": [float(x) for x in found.cost[at]], "quality": [float(y) for y in found.quality[at]]}


def headline(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers an artifact carries in its manifest: value and interval by name."""
    ours = evaluation["rankings"]["classifier"]
    numbers = {f"test_{name}": found for name, found in ours.items()}
    outside = evaluation.get("leave_one_source_out") or {}
    if outside:
        numbers |= {f"left_out_{name}": found for name, found in outside["macro"].items()}
    return {**numbers, "test_prompts": evaluation["prompts"], "test_groups": evaluation["groups"]}


def _intervals(measure: Callable[[Ints], dict[str, float]], n: int, draws: list[Ints]) -> dict[str, Any]:
    """Values on all rows, and their intervals as ``<name>_95``."""
    value = measure(np.arange(n))
    drawn = [measure(draw) for draw in draws]
    return {
        **value,
        **{f"{name}_95": interval([found[name] for found in drawn]) for name in value},
    }


def _by_lot(rows: Rows, draws: list[Ints], seed: int) -> dict[str, Any]:
    """The random baseline: its mean over lotteries, and intervals in which rows and lottery are both drawn anew."""
    rng = np.random.default_rng(seed)

    def measure(r: Ints) -> dict[str, float]:
        area = auroc(rng.random(len(r)), rows.small_fails[r])
        return {"auroc": area, **spending(rng.random(len(r)), rows.small[r], rows.strong[r])}

    drawn = _intervals(measure, len(rows), draws)
    everything = np.arange(len(rows))
    lotteries = [measure(everything) for _ in range(RANDOM_DRAWS)]
    return {**drawn, **{name: float(np.mean([found[name] for found in lotteries])) for name in lotteries[0]}}


def _fixed(rows: Rows, strong: Any) -> dict[str, float]:
    score = np.where(strong, rows.strong, rows.small)
    return {
        "cost_share": cost_share(strong),
        "score": float(score.mean()),
        "quality_share": float(score.mean() / rows.strong.mean()),
    }


def _share(sent: Any, among: Any) -> float | None:
    return float(sent[among].mean()) if among.any() else None


def _blend(rows: Rows, share: float) -> float:
    """Quality share of sending ``share`` of the prompts to strong by lot."""
    score = share * rows.strong.mean() + (1 - share) * rows.small.mean()
    return float(score / rows.strong.mean())


def _within(rows: Rows) -> dict[str, float]:
    """Macro mean over sources of the AUROC and APGR inside each: what the source's name cannot give away."""
    area, gap = [], []
    for name in np.unique(rows.source):
        mine = np.flatnonzero(rows.source == name)
        if len(mine) < LEAST_ROWS or len(np.unique(rows.small_fails[mine])) < 2:
            continue
        area.append(auroc(rows.complexity[mine], rows.small_fails[mine]))
        gap.append(apgr(curve(rows.gain[mine], rows.small[mine], rows.strong[mine])))
    return {"auroc": float(np.mean(area)), "apgr": float(np.mean(gap)), "sources": len(area)} if area else {}
