"""Thresholds for the three modes, chosen on the calibration split, with what is promised and what is expected of them."""

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import numpy as np

from router.core.policy import Thresholds
from router.core.types import MODES, Mode
from training.bootstrap import interval, resamples
from training.bounds import clopper_pearson_upper, mean_upper
from training.data import Bools, DataError
from training.promise import (
    Promise,
    Sample,
    failures,
    mean_of_groups,
    naive,
    path,
    routed,
    sample_of,
    search,
    worst_of_groups,
)
from training.replay import Rows, cost_share, routes

CEILINGS: dict[Mode, float] = {"cost": 2.0, "balanced": 0.5, "quality": 0.5}
"""Complexity at which a prompt escalates whatever its gain: the small model fails it more likely than not. Above 1 is off."""

LOSS_OF: dict[Mode, float] = {"quality": 1.0, "balanced": 9.1, "cost": 15.0}
"""How many times ``--max-quality-loss`` a mode may lose: with 0.01 it keeps 99, 91 and 85 % of always-strong.

Recorded prompts are far harder than everyday ones, on which less is lost: at 9.1 nineteen of twenty easy ones stay small.
"""

NOVELTY_LEVELS = (0.90, 0.95, 0.98, 0.99)
"""Candidates for the novelty above which nothing is trusted to small; 1 switches it off."""

SAME_PROMPTS, OTHER_PROMPTS = "the same prompts", "other prompts"
"""Where the artifact's probabilities were fitted. Halving the calibration split, one half for each purpose, costs three
points of always-strong's cost in the balanced mode; ``training.promise_check`` shows what sharing it does to the promise."""

_DOUBT = 0.05
"""Complexity may fall short of the failure rate by this much before prompts count as too novel to judge."""


@dataclass(frozen=True, slots=True)
class Target:
    """What thresholds are chosen for; exactly one of the first three is set.

    Attributes:
        max_quality_loss: share of always-strong's quality that the quality mode may lose, see ``LOSS_OF``.
        cost_share: cost of the balanced mode, always-strong being 1.
        cost_weight: quality points that one always-strong call is worth (lambda), for the balanced mode.
        certified: False takes the thresholds that would have been best on the calibration split itself.
        confidence: of the promise, 1 - delta.
        promise: ``quality`` or ``failures``, see :class:`training.promise.Promise`.
        valid_from, valid_days: the certificate's term. Without a date it counts from the last day of the data, and where
            the data has no dates there is none: never from the clock, so that equal inputs give equal bytes.
    """

    max_quality_loss: float | None = 0.01
    cost_share: float | None = None
    cost_weight: float | None = None
    certified: bool = True
    confidence: float = 0.95
    promise: str = "quality"
    valid_from: date | None = None
    valid_days: int = 90

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        wanted = [value for value in (self.max_quality_loss, self.cost_share, self.cost_weight) if value is not None]
        if len(wanted) != 1:
            raise DataError("give exactly one of --max-quality-loss, --target-cost-share and --cost-weight")
        if self.cost_share is not None and not 0 < self.cost_share <= 1:
            raise DataError("--target-cost-share must lie between the cost of always small and 1")
        if not 0.5 <= self.confidence < 1:
            raise DataError("--confidence must lie in [0.5, 1), e.g. 0.95")

    def check_reach(self, small_price: float) -> None:
        """Refuse a cost below that of always small, where small costs this share of strong."""
        if self.cost_share is not None and self.cost_share < small_price:
            raise DataError(f"--target-cost-share must lie between {small_price:.2g} (always small) and 1")


def choose(
    rows: Rows,
    target: Target,
    artifact: str,
    fingerprint: str,
    window: dict[str, Any],
    seed: int = 0,
    calibrated_on: str = OTHER_PROMPTS,
) -> dict[str, Any]:
    """The manifest's ``thresholds``: one entry a mode (arguments of ``Thresholds``), ``certificate``, ``expected``.

    Args:
        rows: calibration prompts with outcomes.
        target: what is wanted.
        artifact: ``name@version:hash`` of the artifact that judged the rows.
        fingerprint: of the data they are from.
        window: first and last day of the data, None where they have no dates.
        seed: of the bootstrap and of the order of bets.
        calibrated_on: which prompts made the artifact's scores into probabilities; said in the certificate.
    """
    if not len(rows):
        raise DataError("the calibration split has no prompt with outcomes of both tiers; nothing can be chosen on it")
    target.check_reach(rows.small_price)
    sample, novelty = sample_of(rows), novelty_threshold(rows, 1 - target.confidence)
    chosen, certificates = {}, {}
    for mode in MODES:
        thresholds, certificates[mode] = _choose_mode(mode, sample, target, novelty, seed, rows.small_price)
        chosen[mode] = thresholds
        _check_production(rows, sample, thresholds)
    expected = {mode: expect(rows, routed(sample, chosen[mode]), seed) for mode in MODES}
    return {
        **{mode: asdict(chosen[mode]) for mode in MODES},
        "certificate": {
            **_terms(rows, target, artifact, fingerprint, window, seed),
            "calibrated_on": calibrated_on,
            "modes": certificates,
        },
        "expected": expected,
    }


def _choose_mode(
    mode: Mode, sample: Sample, target: Target, novelty: float, seed: int, small_price: float
) -> tuple[Thresholds, dict[str, Any]]:
    """Thresholds of one mode and what can be said of them."""
    policies = path(CEILINGS[mode], novelty)
    if target.cost_share is not None:
        wanted = _shifted_cost(mode, target.cost_share, small_price)
        return _by_cost(sample, policies[0], wanted, small_price), {"certified": False, "target_cost_share": wanted}
    if target.cost_weight is not None:
        weight = target.cost_weight * {"quality": 0.5, "balanced": 1.0, "cost": 2.0}[mode]
        return _by_value(sample, policies, weight, small_price), {"certified": False, "cost_weight": weight}
    promise = Promise((target.max_quality_loss or 0.0) * LOSS_OF[mode], 1 - target.confidence, target.promise)
    if not target.certified:
        best = naive(sample, policies, promise)
        return best, {"certified": False, "alpha": promise.limit, **measured(sample, best, promise)}
    found, tested = search(sample, policies, promise, seed)
    if found is None or bool(routed(sample, found).all()):
        always = Thresholds(complexity=0.0, novelty=novelty)
        return always, {"certified": False, "alpha": promise.limit, "met": False, "tested": tested}
    return found, {"certified": True, "alpha": promise.limit, "tested": tested, **measured(sample, found, promise)}


def measured(sample: Sample, policy: Thresholds, promise: Promise) -> dict[str, Any]:
    """What the calibration prompts say of a policy: groups, failures, loss, and upper bounds at the promise's level."""
    strong = routed(sample, policy)
    failed = worst_of_groups(failures(sample, strong), sample.group)
    loss = mean_of_groups((sample.strong - sample.small) * ~strong, sample.group)
    always = float(mean_of_groups(sample.strong, sample.group).mean())
    order = np.random.default_rng(0).permutation(len(loss))
    return {
        "n": len(failed),
        "sent_small": int(worst_of_groups(~strong, sample.group).sum()),
        "failures": int(failed.sum()),
        "failure_share_upper": clopper_pearson_upper(int(failed.sum()), len(failed), promise.delta),
        "quality_loss": float(loss.mean()) / always,
        "score_loss": float(loss.mean()),
        "score_loss_upper": mean_upper(loss[order], -1.0, 1.0, promise.delta),
    }


def novelty_threshold(rows: Rows, delta: float) -> float:
    """The least novelty beyond which complexity demonstrably understates how often small fails; 1 if there is none.

    Beyond a candidate, the excess of failures over complexity must be proved larger than ``_DOUBT``.
    """
    surprise = np.where(rows.small_fails, 1.0, 0.0) - rows.complexity
    for level in NOVELTY_LEVELS:
        beyond = rows.novelty > level
        if beyond.sum() and mean_upper(-surprise[beyond], -1.0, 1.0, delta) < -_DOUBT:
            return level
    return 1.0


def expect(rows: Rows, strong: Bools, seed: int = 0) -> dict[str, Any]:
    """Expected cost share and quality share of these routes, with 95 % intervals by bootstrap over groups."""
    cost = rows.small_price + (1 - rows.small_price) * strong
    score = np.where(strong, rows.strong, rows.small)
    draws = resamples(rows.group, seed)
    return {
        "small_price": rows.small_price,
        "cost_share": cost_share(strong, None, rows.small_price),
        "cost_share_95": interval([float(cost[draw].mean()) for draw in draws]),
        "cost_share_by_tokens": cost_share(strong, rows.tokens, rows.small_price),
        "quality_share": float(score.mean() / rows.strong.mean()),
        "quality_share_95": interval([float(score[draw].mean() / rows.strong[draw].mean()) for draw in draws]),
        "strong_share": float(strong.mean()),
    }


def unmet(thresholds: dict[str, Any]) -> list[str]:
    """Modes whose promise no policy of the path keeps."""
    return [mode for mode, found in thresholds["certificate"]["modes"].items() if found.get("met") is False]


def _terms(
    rows: Rows, target: Target, artifact: str, fingerprint: str, window: dict[str, Any], seed: int
) -> dict[str, Any]:
    """What the certificate says apart from the modes."""
    starts, term = _term(target, window)
    expires = starts + timedelta(days=target.valid_days) if starts else None
    promised = target.max_quality_loss is not None and target.certified
    policies = path(CEILINGS["cost"], 1.0)
    return {
        "certified": promised,
        "method": "learn then test, fixed sequence" if promised else "best on the calibration split, uncertified",
        "bound": {"quality": "betting", "failures": "clopper-pearson"}[target.promise] if promised else None,
        "promise": target.promise if promised else None,
        "delta": round(1 - target.confidence, 9) if promised else None,
        "prompts": len(rows),
        "groups": len(np.unique(rows.group)),
        "path": {"policies": len(policies), "sha256": sha256(repr(policies).encode()).hexdigest()[:12]},
        "ceilings": dict(CEILINGS),
        "data": fingerprint,
        "window": window,
        "artifact": artifact,
        "seed": seed,
        "valid_from": starts.isoformat() if starts else None,
        "expires": expires.isoformat() if expires else None,
        "term": term,
        "holds_for": "prompts drawn like the calibration split, answered by models like the recorded tiers",
    }


def _term(target: Target, window: dict[str, Any]) -> tuple[date | None, str]:
    """The first day of a certificate, and what its term counts from."""
    if target.valid_from is not None:
        return target.valid_from, f"{target.valid_days} days from the day given"
    if window.get("to"):
        return date.fromisoformat(window["to"]), f"{target.valid_days} days from the last day of the data"
    return None, "none: the data has no dates; --valid-from sets one"


def _check_production(rows: Rows, sample: Sample, thresholds: Thresholds) -> None:
    """The arrays and ``decide()`` must agree, or the certificate would be about something else."""
    if (routes(rows.prompts, rows.assessments, thresholds) != routed(sample, thresholds)).any():
        raise AssertionError("decide() and the replayed thresholds disagree; training.replay.escalates must follow it")


def _shifted_cost(mode: Mode, cost: float, small_price: float) -> float:
    """Cost target of a mode: halfway to always-strong for quality, halfway to always-small for cost."""
    return {"quality": (1 + cost) / 2, "balanced": cost, "cost": (small_price + cost) / 2}[mode]


def _by_cost(sample: Sample, ceiling: Thresholds, wanted: float, small_price: float) -> Thresholds:
    """The least gain threshold whose cost on the sample is at most ``wanted``; the ceiling goes where it costs more."""
    share = (wanted - small_price) / (1 - small_price)
    if routed(sample, replace(ceiling, gain=2.0)).mean() > share:
        ceiling = Thresholds(complexity=2.0)
    candidates = [-1.0, *(float(gain) for gain in np.unique(sample.gain)), 2.0]
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if routed(sample, replace(ceiling, gain=candidates[middle])).mean() <= share:
            high = middle
        else:
            low = middle + 1
    return replace(ceiling, gain=candidates[low])


def _by_value(sample: Sample, policies: tuple[Thresholds, ...], weight: float, small_price: float) -> Thresholds:
    """The policy with the best mean of score - ``weight`` x cost on the sample."""

    def value(policy: Thresholds) -> float:
        strong = routed(sample, policy)
        score = float(np.where(strong, sample.strong, sample.small).mean())
        return score - weight * cost_share(strong, None, small_price)

    return max(policies, key=value)
